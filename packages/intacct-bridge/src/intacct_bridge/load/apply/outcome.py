"""The outcome of one record of a load."""

from dataclasses import dataclass

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.plan import PlannedRecord
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Receipt, Write, WriteOperation
from intacct_protocol.diagnosis import diagnose
from intacct_protocol.errors import Fault


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """How a load left one record."""

    write: Write
    status: RecordStatus
    receipt: Receipt | None = None
    faults: tuple[Fault, ...] = ()
    note: str = ""
    posts_draft: bool = False
    """Whether what was sent posts a draft. A write that is only settled does not say so."""

    @property
    def good(self) -> bool:
        """Whether the company is as the source has it."""
        return self.status.is_done

    @property
    def row(self) -> int | None:
        """The number of its first row in the input; None for a record that comes from no row."""
        return self.write.rows[0].number if self.write.rows else None

    @property
    def key(self) -> str:
        """The company's own key of the record: its RECORDNO, or what its function answers; empty if it has none."""
        return self.receipt.record if self.receipt is not None else ""

    @property
    def word(self) -> str:
        """The outcome in a word for people: only new records are posted."""
        if self.status is RecordStatus.APPLIED and self.write.operation is not WriteOperation.CREATE:
            return self.write.operation.past_tense
        return self.status.outcome_text

    def __repr__(self) -> str:
        words = [f"{self.write.object} {self.write.label!r}", self.word, self.key, self.reason and f"({self.reason})"]
        return f"<RecordOutcome {' '.join(filter(None, words))}>"

    def to_dict(self) -> dict[str, object]:
        """The outcome, for JSON."""
        return {
            "record": self.write.label,
            "outcome": self.status.outcome_text,
            "receipt": f"{self.write.object} {self.key}" if self.key else "",
            "why": self.reason,
        }

    @property
    def reason(self) -> str:
        """The company's fault with what it means and its correction, else the outbox's note."""
        if not self.faults:
            return self.note
        diagnosis = diagnose(self.faults, "function")
        text = f"{diagnosis.means} {diagnosis.fault.text}" if diagnosis.entry else str(diagnosis.fault)
        correction = diagnosis.fault.correction.strip()
        if not correction or correction in text:
            return text
        return f"{text}{'' if text.endswith(('.', '!', '?')) else '.'} {correction}"


def outcome_of_skipped(record: PlannedRecord) -> RecordOutcome:
    """The outcome of a record that is void in its source, with the word that says so."""
    note = "; ".join(finding.of_column for finding in record.findings)
    return RecordOutcome(record.write, RecordStatus.SKIPPED, note=note)


_BUSY = "another run is sending it; run this load again to see its outcome"


def outcome_of(write: Write, entry: OutboxEntry, *, applied: RecordStatus = RecordStatus.APPLIED) -> RecordOutcome:
    """The outcome as a write's entry has it; `applied` is the status of one that is applied."""
    status, note = entry.status, entry.note
    if status is RecordStatus.SENT:
        note = note or _BUSY
    if status is RecordStatus.APPLIED:
        status = applied
    elif status is RecordStatus.PLANNED:
        status = RecordStatus.NOT_SENT
    return RecordOutcome(write, status, entry.receipt, entry.faults, note, _posts_draft(entry))


def _posts_draft(entry: OutboxEntry) -> bool:
    """Whether a function is an update that posts a draft. Some functions have names in small letters."""
    posts = lookup_keys_of(entry.target.object).posts if entry.target.operation is WriteOperation.UPDATE else {}
    body = entry.body.upper() if posts else ""
    return bool(posts) and all(f"<{name}>{value}</{name}>".upper() in body for name, value in posts.items())
