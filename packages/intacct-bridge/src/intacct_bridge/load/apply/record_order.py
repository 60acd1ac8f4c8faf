"""The order of the records of one load: a record that refers to another of the load is written after it.

The functions of a request are carried out one after the other, but requests go side by side. So a parent and its child
never go in two requests at once, and the child never goes first.
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from intacct_bridge.load.records.write import Write, WriteOperation
from intacct_bridge.load.target.references import mentions, own_id


def waves(writes: Sequence[Write]) -> list[list[int]]:
    """The places of the writes in waves; those of a wave refer only to records of the waves before it."""
    created: dict[tuple[str, str], int] = {}
    for place, write in enumerate(writes):
        created_id = own_id(write) if write.operation is WriteOperation.CREATE else ""
        if created_id:
            created.setdefault((write.object, created_id), place)
    needs = {place: _needed(place, write, created) for place, write in enumerate(writes)} if created else {}
    if not any(needs.values()):
        return [list(range(len(writes)))]
    sorter = _sorter(needs)
    order: list[list[int]] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        sorter.done(*ready)
        order.append(ready)
    return order


def in_order(writes: Sequence[Write]) -> list[Write]:
    """The writes with every record before those that refer to it, otherwise as they came."""
    return [writes[place] for wave in waves(writes) for place in wave]


def _needed(place: int, write: Write, created: Mapping[tuple[str, str], int]) -> set[int]:
    return {created[mention] for mention in mentions(write) if mention in created} - {place}


def _sorter(needs: dict[int, set[int]]) -> TopologicalSorter[int]:
    """A sorter of the places. In a ring of references the first record is written first, although it refers to one."""
    while True:
        sorter = TopologicalSorter(needs)
        try:
            sorter.prepare()
            return sorter
        except CycleError as error:
            ring: list[int] = error.args[1]
            needs[min(ring)] -= set(ring)
