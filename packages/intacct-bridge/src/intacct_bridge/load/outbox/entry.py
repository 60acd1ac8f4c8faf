"""What the outbox holds, as frozen values: entries, and the receipts that they end with.

    planned ──► sent ──► applied                 a receipt: the company has it
       ▲          ├────► rejected, aborted       proof that nothing was applied: may be sent again as a new attempt
       │          ├────► not_sent                its bytes did not leave whole: may be sent again as the same attempt
       └──────────┴────► in_doubt                unknown: looked for, never blindly sent again

    applied ──► released                         forgotten by a person, or taken back by us: may be posted again

A `sent` entry whose loader has ended is in doubt, regardless of what that loader knew when it ended.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from intacct_bridge.load.records.status import MAYBE_APPLIED, WITH_RECEIPT, RecordStatus
from intacct_bridge.load.records.write import Identity, Receipt, WriteOperation
from intacct_protocol.errors import Fault
from intacct_protocol.model.wording import money
from intacct_protocol.xml.values import Value

_NEVER = datetime.min.replace(tzinfo=UTC)


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
        """The four strings that a control id is made from."""
        return (self.company, self.entity, self.operation.value, self.object)


@dataclass(frozen=True, slots=True)
class Total:
    """Amounts in one currency. Those above and below zero are apart, so that none hides another."""

    currency: str
    """Empty if it is not known, such as that of a plan that asked the company nothing."""
    debit: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    """A debit below zero is a credit."""
    positive: Decimal = Decimal(0)
    """Of lines that are neither debits nor credits, such as a bill's."""
    negative: Decimal = Decimal(0)

    @property
    def amount(self) -> Decimal:
        """The sum of the lines that are neither debits nor credits."""
        return self.positive + self.negative

    @property
    def shown(self) -> Decimal:
        """What people call the amount of a record: its debits, or the sum of its lines."""
        return money(self.debit if self.debit or self.credit else self.amount, self.currency)

    @property
    def above_zero(self) -> Decimal:
        """Debits and positive amounts."""
        return self.debit + self.positive

    @property
    def below_zero(self) -> Decimal:
        """Credits and negative amounts; it is not above zero."""
        return self.negative - self.credit

    @property
    def largest(self) -> Decimal:
        """The larger of the amounts above and below zero, without its sign."""
        return max(self.above_zero, -self.below_zero)

    def __add__(self, other: "Total") -> "Total":
        return Total(
            self.currency,
            self.debit + other.debit,
            self.credit + other.credit,
            self.positive + other.positive,
            self.negative + other.negative,
        )

    def to_dict(self) -> dict[str, object]:
        """The amounts, for JSON."""
        return {
            "currency": self.currency,
            "debit": self.debit,
            "credit": self.credit,
            "amount": self.amount,
            "positive": self.positive,
            "negative": self.negative,
        }


def total_of(currency: str, amount: Decimal, side: int = 0) -> Total:
    """One amount; `side`: 1 for a debit, -1 for a credit."""
    signed = amount * side if side else amount
    name = ("positive" if signed > 0 else "negative") if not side else "debit" if signed > 0 else "credit"
    return Total(currency, **{name: abs(signed) if side else signed}) if signed else Total(currency)


def added(totals: Iterable[Total]) -> tuple[Total, ...]:
    """The totals of each currency as one, by currency."""
    sums: dict[str, Total] = {}
    for total in totals:
        sums[total.currency] = sums.get(total.currency, Total(total.currency)) + total
    return tuple(sums[currency] for currency in sorted(sums))


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One write of ours, with everything that an auditor asks for: content, times, user, source and outcome."""

    number: int
    target: WriteTarget
    identity: str
    generation: int
    digest: str
    status: RecordStatus
    """One of those that the diagram above has."""
    attempt: int
    control_id: str
    body: str
    """The function's element as text: a resend sends it byte for byte."""
    request_digest: str
    lookup_key: Mapping[str, str]
    """The values by which the record can be found."""
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
    """When it came into its present status."""
    receipt: Receipt | None
    faults: tuple[Fault, ...]
    note: str
    sendings: int = 0
    """How often it was sent. A loader that acts on an entry has seen this many; a higher number in the file means that
    it acts on what is out of date."""
    totals: tuple[Total, ...] = ()
    posting_date: date | None = None
    url: str = ""
    """The record's page in Intacct, if a query has given it."""
    undoes: int | None = None
    """The entry whose record this one takes back."""
    input: str = ""
    """The run that entered it first; records of one input have the same."""
    identities: tuple[Identity, ...] = ()
    """Of a new record, everything that it is known by. Of an update, what its record is known by after it; once it was
    applied, what that was before."""
    earlier: Mapping[str, Value] | None = field(default=None, compare=False, repr=False)
    """Of a new entry: the values that an update replaces, or what the plan of a delete or an action has seen of its
    record; None if they are not known. The outbox keeps them apart from the entry."""

    def __repr__(self) -> str:
        words = [f"{self.target.operation} {self.target.object} {self.label!r}", self.status.outcome_text]
        words += [self.receipt.record if self.receipt is not None else "", self.note and f"({self.note})"]
        return f"<OutboxEntry {self.number}: {' '.join(filter(None, words))}>"

    @property
    def is_live(self) -> bool:
        """Whether its record is in the company, or may be: such a record holds its identities."""
        return self.status in MAYBE_APPLIED

    @property
    def since(self) -> datetime:
        """When it was first sent, or planned if it never was: its record is not older."""
        return self.sent_at or self.planned_at

    def ended(
        self, status: RecordStatus, receipt: Receipt | None = None, faults: tuple[Fault, ...] = (), note: str = ""
    ) -> "OutboxEntry":
        """The entry with the outcome that a loader has found; the outbox decides whether it still counts."""
        concluded = (receipt or Receipt()) if status in WITH_RECEIPT else None
        return replace(self, status=status, receipt=concluded, faults=faults, note=note)


def new_entry(
    target: WriteTarget,
    identity: str,
    digest: str,
    body: str,
    lookup_key: Mapping[str, str] | None = None,
    *,
    label: str = "",
    position: str = "",
    tracked: Mapping[str, str] | None = None,
    totals: tuple[Total, ...] = (),
    posting_date: date | None = None,
    undoes: int | None = None,
    identities: tuple[Identity, ...] = (),
    earlier: Mapping[str, Value] | None = None,
) -> OutboxEntry:
    """What a loader wants to send, without a number: the outbox decides whether it may (`Outbox.plan`)."""
    return OutboxEntry(
        number=0,
        target=target,
        identity=identity,
        generation=0,
        digest=digest,
        status=RecordStatus.PLANNED,
        attempt=1,
        control_id="",
        body=body,
        request_digest="",
        lookup_key=lookup_key or {},
        label=label,
        position=position,
        tracked=tracked or {},
        user="",
        loader="",
        planned_at=_NEVER,
        sent_at=None,
        last_sent_at=None,
        changed_at=_NEVER,
        receipt=None,
        faults=(),
        note="",
        totals=totals,
        posting_date=posting_date,
        undoes=undoes,
        identities=identities,
        earlier=earlier,
    )


def outcome_word(entry: OutboxEntry) -> str:
    """The operation in the past tense once it was done: `created`; before that as it is: `create`."""
    done = entry.status in WITH_RECEIPT
    return entry.target.operation.past_tense if done else entry.target.operation.value


class ResolutionKind(StrEnum):
    """What a person decides about an entry."""

    POSTED_AS = "posted as"
    NOT_POSTED = "not posted"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's decision about one entry."""

    kind: ResolutionKind
    person: str
    reason: str
    record: str = ""
    """The record that the entry was posted as."""

    @property
    def note(self) -> str:
        """The decision as an entry's note."""
        what = f"{self.kind.value} {self.record}".strip()
        return f"{what}, says {self.person}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A saved plan, as the outbox knows it."""

    id: str
    digest: str
    person: str
    """Who made it."""
    at: datetime
    last_event: int
    """The outbox's last event before it."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's approval of one plan, until a time."""

    plan: str
    digest: str
    person: str
    at: datetime
    expires_at: datetime

    def to_dict(self) -> dict[str, object]:
        """The approval, for JSON."""
        return {
            "id": self.plan,
            "digest": self.digest,
            "by": self.person,
            "at": self.at,
            "until": self.expires_at,
        }
