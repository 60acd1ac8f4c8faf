"""Looking for records whose writing is in doubt: which of them are proven, which are doubtful still, which are absent.

There are three ways, by what a record bears: fields that queries know, an external id, or the records that it pays.
What is found must have been made by the user who sent it, not before it was sent, not as a copy, and be claimed by no
other receipt; of equal twins each gets one, and which is whose does not matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.company.find_by_key import Key, Sighting, key_of, leaves_numbers, look, seeable
from intacct_bridge.flow.company.gateway import Company
from intacct_bridge.flow.outbox.entry import Entry
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.post.external import look_external, only_external
from intacct_bridge.flow.post.paid import look_paid, paid_by
from intacct_bridge.flow.records.lookup_keys import Trace

SLACK = timedelta(hours=2)
"""How much before its sending a record of ours may seem to have been made: clocks differ, offsets miss summer time.
A payment has none of it: what it pays does not tell it from one that the same person entered by hand an hour before."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What looking brought, by the entries' numbers."""

    proofs: dict[int, Sighting] = field(default_factory=dict)
    doubts: dict[int, str] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    """Those whose absence from what was found would prove, in time, that they were not applied."""


class Search:
    """Looks in one company for what one outbox has in doubt."""

    def __init__(self, company: Company, outbox: Outbox) -> None:
        self._company = company
        self._outbox = outbox

    def look(self, trace: Trace, doubtful: Sequence[Entry]) -> Sight:
        """What the company has of these entries, which are all of one object."""
        sight = Sight()
        given = [entry for entry in doubtful if entry.trace]
        outside = [entry for entry in given if only_external(entry.trace) and not self._seeable(trace, entry)]
        inside = [entry for entry in given if entry not in outside]
        keys = {entry.number: key_of(entry.trace) for entry in given}
        self._pair(trace, given, keys, self._asked(trace, inside, sight), sight)
        by_id = look_external(self._company, self._outbox, trace, outside)
        self._pair(trace, given, keys, by_id.found, sight)
        if trace.details:
            paid = {entry.number: paid_by(entry) for entry in doubtful}
            self._pair(trace, doubtful, paid, look_paid(self._company, trace, doubtful), sight, slack=timedelta())
        missing = [entry for entry in inside if entry.number in sight.absent and entry.number not in sight.proofs]
        sight.absent.difference_update(self._numbered(trace, missing))
        sight.absent.update(by_id.absent)
        return sight

    def _asked(self, trace: Trace, entries: Sequence[Entry], sight: Sight) -> Mapping[Key, Sequence[Sighting]]:
        try:
            found = look(self._company, trace, [entry.trace for entry in entries])
        except (NotPermittedError, RefusedError, InvalidRequestError):  # it does not let us look, or not by these
            return {}
        sight.absent.update(entry.number for entry in entries if self._seeable(trace, entry))
        return found

    def _pair(
        self,
        trace: Trace,
        doubtful: Sequence[Entry],
        keys: Mapping[int, Key],
        found: Mapping[Key, Sequence[Sighting]],
        sight: Sight,
        *,
        slack: timedelta = SLACK,
    ) -> None:
        records = [sighting.record for sightings in found.values() for sighting in sightings]
        claimed = self._outbox.claimed(doubtful[0].place.company, trace.object, records) if records else set()
        for key, sightings in found.items():
            twins = [entry for entry in doubtful if keys.get(entry.number) == key]
            free = [one for one in sightings if not one.copy and one.record not in claimed]
            _pair(twins, free, sight, slack)

    def _numbered(self, trace: Trace, missing: Sequence[Entry]) -> set[int]:
        """Those whose definition gives numbers of its own, or may, so that the ones we look for may be unused."""
        if not trace.numbered_by:
            return set()
        by = trace.ways[0][0]
        kinds = {entry.trace.get(by, "") for entry in missing}
        own = {kind for kind in kinds if not leaves_numbers(self._company, trace.numbered_by, kind)}
        return {entry.number for entry in missing if entry.trace.get(by, "") in own}

    def _seeable(self, trace: Trace, entry: Entry) -> bool:
        return seeable(self._company, trace, entry.trace)


def _pair(twins: Sequence[Entry], free: Sequence[Sighting], sight: Sight, slack: timedelta) -> None:
    """Give each of the equal twins one of the records that prove it; which is whose does not matter."""
    left = list(free)
    waiting: list[Entry] = []
    for entry in sorted(twins, key=lambda twin: twin.number):
        proof = next((one for one in left if _proves(one, entry, slack)), None)
        if proof is None:
            waiting.append(entry)
        else:
            left.remove(proof)
            sight.proofs[entry.number] = proof
    for entry in waiting:
        near = next((one for one in left if _near(one, entry, slack)), None)
        if near is not None:
            made = f"{near.created:%Y-%m-%d %H:%M:%S} UTC" if near.created else "an unknown time"
            sight.doubts[entry.number] = (
                f"record {near.record} bears its key, made by {near.creator or 'an unknown user'} at {made}: "
                "see whether it is this one"
            )


def _proves(one: Sighting, entry: Entry, slack: timedelta) -> bool:
    ours = one.creator.casefold() == entry.user.casefold()
    return ours and bool(one.creator) and one.created is not None and not _earlier(one, entry, slack)


def _near(one: Sighting, entry: Entry, slack: timedelta) -> bool:
    """Whether it forbids a second sending: only another user's record from before the first one does not.

    Somebody else's record from after it may be this one, entered by hand when the load failed.
    """
    return one.creator.casefold() in ("", entry.user.casefold()) or not _earlier(one, entry, slack)


def _earlier(one: Sighting, entry: Entry, slack: timedelta) -> bool:
    sent = entry.sent_at or entry.planned_at
    return one.created is not None and one.created < sent.replace(microsecond=0) - slack
