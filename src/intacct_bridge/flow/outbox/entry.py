"""What the outbox holds, as frozen values: an entry, the states it passes through, and the receipt it ends with.

    planned ──► sent ──► applied                 a receipt: the company has it
       ▲          ├────► rejected, aborted       proof that nothing was applied: may be sent again as a new attempt
       │          ├────► not_sent                never left whole: may be sent again as the same attempt
       └──────────┴────► in_doubt                nobody knows: looked for, never blindly sent again

A `sent` entry whose loader is gone is in doubt, whatever that loader knew when it died.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from intacct_bridge.errors import Fault
from intacct_bridge.flow.records.write import Receipt, WriteOperation


class State(StrEnum):
    """What is known about one entry."""

    PLANNED = "planned"
    NOT_SENT = "not_sent"
    SENT = "sent"
    APPLIED = "applied"
    REJECTED = "rejected"
    ABORTED = "aborted"
    IN_DOUBT = "in_doubt"


FREE = (State.PLANNED, State.NOT_SENT, State.REJECTED, State.ABORTED)
"""States that prove nothing was applied."""
REFUSED = (State.REJECTED, State.ABORTED)
"""Outcomes after which the next sending is a new attempt."""


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """Where a write goes and what it does there."""

    company: str
    entity: str
    """Empty at top level."""
    operation: WriteOperation
    object: str

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """The four texts that a control id is made from."""
        return (self.company, self.entity, self.operation.value, self.object)


@dataclass(frozen=True, slots=True)
class Intent:
    """What a loader wants to send, before the outbox has said whether it may."""

    place: WriteTarget
    identity: str
    digest: str
    body: str
    """The function's element as text: what a resend sends, byte for byte."""
    lookup_key: Mapping[str, str] = field(default_factory=dict)
    """The values by which the record can be looked for."""
    label: str = ""
    position: str = ""
    tracked: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    """Whether the same identity may be written again once applied: an update may, a create may not."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One write of ours, with everything an auditor asks: what, when, by whom, from where, with which outcome."""

    number: int
    place: WriteTarget
    identity: str
    generation: int
    digest: str
    state: State
    attempt: int
    control_id: str
    body: str
    request_digest: str
    lookup_key: Mapping[str, str]
    label: str
    position: str
    tracked: Mapping[str, str]
    user: str
    loader: str
    planned_at: datetime
    sent_at: datetime | None
    """When this attempt was first sent."""
    last_sent_at: datetime | None
    """When it was last sent: later than `sent_at` after a resend under the same control id."""
    changed_at: datetime
    """When it came into its present state."""
    receipt: Receipt | None
    faults: tuple[Fault, ...]
    note: str
    sendings: int = 0
    """How often it was sent. Whoever acts on an entry has seen this many: if there were more, it saw too little."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What became of one entry, as whoever had seen it so says."""

    entry: OutboxEntry
    state: State
    receipt: Receipt | None = None
    faults: tuple[Fault, ...] = ()
    note: str = ""
    claim: bool = False
    """The record was found rather than answered: it must not be another entry's."""
