"""The status of a record after its plan: in the outbox, in the outcome of a load, and in what a Singer target reports.

An outbox keeps eight of the values; the others say more of what one run knows about a record that it did not send
itself. The values are the strings in the outbox; `outcome_text` gives the strings in the output of a load.
"""

from enum import StrEnum


class RecordStatus(StrEnum):
    """What is known about one record."""

    REFUSED = "refused"
    """Refused by the plan, and never sent."""
    PLANNED = "planned"
    NOT_SENT = "not_sent"
    """Its bytes certainly did not leave, or the gateway certainly did not take them."""
    SENT = "sent"
    """On its way, perhaps with another loader."""
    APPLIED = "applied"
    """In the company; in the outcome of a load, by this run."""
    SETTLED = "settled"
    """Was in doubt, and turned out to be in the company."""
    UNCHANGED = "unchanged"
    """In the company by an earlier run, or with nothing to change."""
    SKIPPED = "skipped"
    """Void in its source: it is not in the company, and is not to be."""
    REJECTED = "rejected"
    """Refused by the company."""
    ABORTED = "aborted"
    """Rolled back together with the record that was refused."""
    CONFLICT = "conflict"
    """Sent before with other content, or in the company in another currency."""
    RELEASED = "released"
    """Created by an earlier run and then forgotten or taken back; it may be posted again."""
    IN_DOUBT = "in_doubt"
    """Sent without an answer that proves what happened."""

    @property
    def is_written(self) -> bool:
        """Whether the company has the record as it was to be."""
        return self in (RecordStatus.APPLIED, RecordStatus.SETTLED, RecordStatus.UNCHANGED)

    @property
    def is_failed(self) -> bool:
        """Whether it is certain that the record was not written, and only a person can change that."""
        return self in (RecordStatus.REFUSED, RecordStatus.REJECTED, RecordStatus.ABORTED, RecordStatus.CONFLICT)

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to be sent or found out."""
        return self.is_done or self.is_failed

    @property
    def is_done(self) -> bool:
        """Whether the company is as the source has it: the record is written, or was left out because it is void."""
        return self.is_written or self is RecordStatus.SKIPPED

    @property
    def outcome_text(self) -> str:
        """The status as the output of a load has it: `posted`, `not sent`."""
        return _OUTCOME_TEXTS.get(self, self.value)


_OUTCOME_TEXTS = {
    RecordStatus.APPLIED: "posted",
    RecordStatus.PLANNED: "not sent",
    RecordStatus.NOT_SENT: "not sent",
    RecordStatus.SENT: "busy",
    RecordStatus.IN_DOUBT: "in doubt",
}
UNAPPLIED = (RecordStatus.PLANNED, RecordStatus.NOT_SENT, RecordStatus.REJECTED, RecordStatus.ABORTED)
"""Statuses of an entry that prove nothing was applied: it may be sent, or sent again."""
ANSWERED = (RecordStatus.REJECTED, RecordStatus.ABORTED)
"""Statuses of an entry after which the next sending is a new attempt, under a control id of its own."""
UNRESOLVED = (RecordStatus.SENT, RecordStatus.IN_DOUBT)
"""Statuses of an entry that was sent and may have been applied: it is settled before anything else is done."""
WITH_RECEIPT = (RecordStatus.APPLIED, RecordStatus.RELEASED)
"""Statuses of an entry that is or was in the company, and has a receipt."""
MAYBE_APPLIED = (RecordStatus.APPLIED, *UNRESOLVED)
"""Statuses of an entry whose record must not be posted a second time."""
