"""Superseded records: refused by an earlier run, and posted since from a newer version of their source."""

from collections.abc import Mapping, Sequence

from intacct_bridge.load.outbox.described import write_target
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.outbox_verdict import sent_text
from intacct_bridge.load.plan.plan import PlannedRecord, Verdict
from intacct_bridge.load.records.write import Finding

_CHANGING = (Verdict.CREATE, Verdict.UPDATE, Verdict.DELETE)


class RefuseSuperseded:
    """The step that refuses a dead letter if its record was posted since, which it would change back.

    A dead letter has the position of the outbox at which it was refused. Sendings after that position are newer than
    the letter, even if they were taken back. Equal content is no other version.
    """

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Ask the outbox for the dead letters of the input together."""
        letters = {at: record for at, record in enumerate(records) if _refused_at(record)}
        letters = {at: record for at, record in letters.items() if record.verdict in _CHANGING}
        if not letters:
            return list(records)
        posted = self._posted(letters)
        done = list(records)
        for at, record in letters.items():
            newer = self._context.outbox.posted_after(_refused_at(record), posted[at])
            newest = max(newer, key=lambda entry: entry.number, default=None)
            if newest is not None:
                done[at] = record.with_findings(_newer_version(record, newest)).or_refused()
        return done

    def _posted(self, letters: Mapping[int, PlannedRecord]) -> dict[int, list[OutboxEntry]]:
        """What this outbox sent of each of these records, by its identities and by its number in Intacct."""
        outbox, first = self._context.outbox, next(iter(letters.values())).write
        target = write_target(self._context.target, first)
        holders = outbox.holders(target, (one for record in letters.values() for one in record.write.identities))
        receipts = [record.receipt.record for record in letters.values() if record.receipt is not None]
        by_record = outbox.written(target.company, target.object, receipts)
        posted: dict[int, list[OutboxEntry]] = {}
        for at, record in letters.items():
            entries = [
                holder.entry
                for identity in record.write.identities
                for holder in holders.get((identity.kind, identity.text), ())
                if identity.kind in ("source", "key") or (identity.kind, identity.detail) == ("number", holder.detail)
            ]
            entries += by_record.get(record.receipt.record, ()) if record.receipt is not None else ()
            posted[at] = [entry for entry in entries if entry.digest != record.write.digest]
        return posted


def _refused_at(record: PlannedRecord) -> str:
    """The position at which an earlier run refused a record."""
    return next((row.refused_at for row in record.write.rows if row.refused_at), "")


def _newer_version(record: PlannedRecord, newest: OutboxEntry) -> Finding:
    write = record.write
    text = f"{write.label} was {sent_text(write, newest)} with other content (entry {newest.number}), after this "
    text += "version was refused"
    fix = "load the record from its source again"
    return Finding("superseded", text, fix, position=write.position)
