"""The order in which records of one run are written: one that refers to another of the run waits for it.

Within a request functions run one after the other, but requests run side by side; so a parent and its child never go in
two requests at once, and the child never first.
"""

from collections.abc import Mapping, Sequence

from intacct_bridge.flow.company.references import mentions, own_id
from intacct_bridge.flow.records.write import Operation, Write


def waves(writes: Sequence[Write]) -> list[list[int]]:
    """The places of the writes, those that nothing of the run is waited for first; each wave needs those before it."""
    made: dict[tuple[str, str], int] = {}
    for place, write in enumerate(writes):
        own = own_id(write) if write.operation is Operation.CREATE else ""
        if own:
            made.setdefault((write.object, own), place)
    referring = enumerate(writes) if made else ()
    needs = {place: needed for place, write in referring if (needed := _needed(place, write, made))}
    if not needs:
        return [list(range(len(writes)))]
    depths: dict[int, int] = {}
    for place in needs:
        _measure(place, needs, depths)
    found: list[list[int]] = [[] for _ in range(1 + max(depths.values()))]
    for place in range(len(writes)):
        found[depths.get(place, 0)].append(place)
    return [wave for wave in found if wave]


def ordered(writes: Sequence[Write]) -> list[Write]:
    """The writes with everything before what refers to it, otherwise as they came."""
    return [writes[place] for wave in waves(writes) for place in wave]


def _needed(place: int, write: Write, made: Mapping[tuple[str, str], int]) -> set[int]:
    found = {made[target, text] for target, text in mentions(write) if (target, text) in made}
    return found - {place}


def _measure(place: int, needs: Mapping[int, set[int]], depths: dict[int, int]) -> None:
    """How many have to be written one after the other before this one; what refers to itself in a ring counts once."""
    path = [place]
    while path:
        at = path[-1]
        depths.setdefault(at, 0)
        open_ones = [one for one in needs.get(at, ()) if one not in depths]
        if open_ones:
            path.append(open_ones[0])
            continue
        depths[at] = max((depths[one] + 1 for one in needs.get(at, ()) if one not in path), default=0)
        path.pop()
