"""Records that are void in their source: never posted as live ones, and found if they were posted before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from intacct_bridge.load.outbox.described import write_target
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.reader import Holder
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.outbox_verdict import sent_text
from intacct_bridge.load.plan.plan import PlannedRecord, Verdict
from intacct_bridge.load.plan.receipts import CheckedReceipt, ReceiptCheck, ReceiptState
from intacct_bridge.load.plan.resolve_references import ResolveReferences
from intacct_bridge.load.records.identity import all_identities
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Finding, Identity, Write

VOID = "void"
"""The rule of findings on records that are void in their source."""


class SkipVoid:
    """The step that decides on records which are void in their source; it returns the others as they are.

    A void record is compared with what we posted by all that it is known by, since a source often empties the amounts
    of a record that it voids. A record of this input that is live and has the same key takes the place of the void one,
    as a bill does that was entered again under its number.
    """

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Ask the outbox for all void records together: as their rows name what they refer to, then by its ids."""
        source = self._context.settings.rules.source_name
        live = Counter(
            (identity.kind, identity.text)
            for record in records
            if not record.write.state.is_void
            for identity in all_identities(record.write, source)
        )
        void = {at: record for at, record in enumerate(records) if record.write.state.is_void}
        posted = self._posted({at: record.write for at, record in void.items()}, live)
        left = {at: record for at, record in void.items() if at not in posted}
        resolved = ResolveReferences(self._context)(self._context.describe_for([*left.values()]))
        by_id = {
            at: record.write
            for (at, before), record in zip(left.items(), resolved, strict=True)
            if record.write is not before.write
        }
        posted |= self._posted(by_id, live)
        done = list(records)
        for at, record in void.items():
            done[at] = self._decided(replace(record, findings=()), posted.get(at))
        return done

    def _posted(self, writes: Mapping[int, Write], live: Counter[tuple[str, str]]) -> dict[int, OutboxEntry]:
        """The live records of ours that these are, beyond those that live records of this input are."""
        if not writes:
            return {}
        source = self._context.settings.rules.source_name
        known_by = {at: _strongest(all_identities(write, source)) for at, write in writes.items()}
        target = write_target(self._context.target, next(iter(writes.values())))
        holders = self._context.outbox.holders(target, (one for identities in known_by.values() for one in identities))
        checked = ReceiptCheck(self._context).check(one.entry for places in holders.values() for one in places)
        posted: dict[int, OutboxEntry] = {}
        for at, identities in known_by.items():
            for identity in identities:
                key = (identity.kind, identity.text)
                standing = [one for one in holders.get(key, ()) if _is_live(one.entry, checked)]
                entry = _closest(standing, writes[at], identity) if len(standing) > live[key] else None
                if entry is not None:
                    posted[at] = entry
                    live[key] += 1
                    break
        return posted

    def _decided(self, record: PlannedRecord, entry: OutboxEntry | None) -> PlannedRecord:
        write = record.write
        says = f"its source says {write.state.word!r}"
        if entry is None:
            finding = Finding(
                VOID, f"{says}, so it is not posted", "", write.state.column, write.position, refuses=False
            )
            return replace(record, verdict=Verdict.SKIPPED, findings=(finding,))
        applied = entry.status is RecordStatus.APPLIED
        finding = Finding(
            VOID,
            f"{write.label} was {sent_text(write, entry)}, and {says} now",
            f"take it back: intacct undo --entry {entry.number}; if that is another record, remove this one"
            if applied
            else "find out first whether it was posted: intacct outbox settle",
            position=write.position,
        )
        refused = replace(record, verdict=Verdict.REFUSED, findings=(finding,))
        return replace(refused, receipt=entry.receipt, since=entry.sent_at)


def _strongest(identities: Sequence[Identity]) -> tuple[Identity, ...]:
    """What says which record it is: its keys and its number, or its content where it has neither."""
    keys = tuple(identity for identity in identities if identity.kind != "content")
    return keys or tuple(identities)


def _closest(holders: Sequence[Holder], write: Write, identity: Identity) -> OutboxEntry | None:
    """Of the records with an identity, the one with this content, else with this date and journal, else the first.

    The source may have corrected the date of a record before it made it void.
    """
    for holder in reversed(holders):
        if holder.entry.digest == write.digest:
            return holder.entry
    same = [holder.entry for holder in holders if holder.detail == identity.detail]
    return next(iter(same), holders[0].entry)


def _is_live(entry: OutboxEntry, checked: dict[int, CheckedReceipt]) -> bool:
    receipt = checked.get(entry.number)
    return entry.is_live and (receipt is None or receipt.state is not ReceiptState.RELEASED)
