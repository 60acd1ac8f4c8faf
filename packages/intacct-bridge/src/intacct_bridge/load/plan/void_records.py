"""Records that are void in their source: never posted as live ones, and found if they were posted before."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.outbox_verdict import sent_text
from intacct_bridge.load.plan.plan import PlannedRecord, Verdict
from intacct_bridge.load.plan.receipts import CheckedReceipt, ReceiptCheck, ReceiptState
from intacct_bridge.load.records.identity import content_identity
from intacct_bridge.load.records.status import MAYBE_APPLIED, RecordStatus
from intacct_bridge.load.records.write import Finding, Write

VOID = "void"
"""The rule of findings on records that are void in their source."""


class SkipVoid:
    """The step that decides on records which are void in their source; it returns the others as they are.

    A record of this input that is live and has the same key takes the place of the void one, as a bill does that was
    entered again under its number.
    """

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Ask the outbox for all void records together."""
        live = [record.write for record in records if not record.write.state.is_void]
        live_identities = {write.identity for write in live}
        equals = Counter((write.object, write.digest) for write in live)
        void = {
            at: _numbered_after(record.write, equals) for at, record in enumerate(records) if record.write.state.is_void
        }
        places = [at for at, write in void.items() if write.identity not in live_identities]
        entries = dict(zip(places, self._context.entries(void[at] for at in places), strict=True))
        checked = ReceiptCheck(self._context).check(entry for entry in entries.values() if entry is not None)
        done = list(records)
        for at, write in void.items():
            entry = entries.get(at)
            done[at] = self._decided(replace(records[at], write=write, findings=()), entry, checked)
        return done

    def _decided(
        self, record: PlannedRecord, entry: OutboxEntry | None, checked: dict[int, CheckedReceipt]
    ) -> PlannedRecord:
        write = record.write
        says = f"its source says {write.state.word!r}"
        if entry is None or entry.status not in MAYBE_APPLIED or _is_released(entry, checked):
            finding = Finding(
                VOID, f"{says}, so it is not posted", "", write.state.column, write.position, refuses=False
            )
            return replace(record, verdict=Verdict.SKIPPED, findings=(finding,))
        applied = entry.status is RecordStatus.APPLIED
        finding = Finding(
            VOID,
            f"{write.label} was {sent_text(write, entry)}, and {says} now",
            f"take it back: intacct undo --entry {entry.number}"
            if applied
            else "find out first whether it was posted: intacct outbox settle",
            position=write.position,
        )
        refused = replace(record, verdict=Verdict.REFUSED, findings=(finding,))
        return replace(refused, receipt=entry.receipt, since=entry.sent_at)


def _numbered_after(write: Write, equals: Counter[tuple[str, str]]) -> Write:
    """A void record that only its content identifies; its number comes after those of the equal live ones."""
    if write.identity.kind != "content":
        return write
    equals[write.object, write.digest] += 1
    return replace(write, identity=content_identity(write.digest, equals[write.object, write.digest]))


def _is_released(entry: OutboxEntry, checked: dict[int, CheckedReceipt]) -> bool:
    return entry.number in checked and checked[entry.number].state is ReceiptState.RELEASED
