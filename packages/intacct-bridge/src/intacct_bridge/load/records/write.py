"""One intended write as a frozen value: the operation, the record, and the rows of the input that it comes from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

import msgspec

from intacct_bridge.load.tables.source_row import SourceRow
from intacct_protocol.model.wording import display_text
from intacct_protocol.xml.values import Value


class WriteOperation(StrEnum):
    """What a write does with its record."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REVERSE = "reverse"
    VOID = "void"
    APPROVE = "approve"
    DECLINE = "decline"
    RECALL = "recall"

    @property
    def is_action(self) -> bool:
        """Whether it acts on an existing record as a whole, by a function of its own."""
        return self not in (WriteOperation.CREATE, WriteOperation.UPDATE, WriteOperation.DELETE)

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be done again to the same record once applied: an update may, a create may not."""
        return self not in (WriteOperation.CREATE, WriteOperation.REVERSE, WriteOperation.VOID)

    @property
    def past_tense(self) -> str:
        """The operation as an outcome: `created`, `voided`."""
        return f"{self.value}d" if self.value.endswith("e") else f"{self.value}ed"


class Finding(msgspec.Struct, frozen=True):
    """One finding on a record, in the words of its input; a struct, since each record may have some."""

    rule: str
    message: str
    fix: str = ""
    column: str = ""
    """The input's own column name; empty for a finding on the record as a whole."""
    position: str = ""
    """`file.csv:12`."""
    refuses: bool = True
    """False for a warning."""

    @property
    def of_column(self) -> str:
        """The message with its column, which is named once: a message may begin with the name."""
        first, column = self.message[: len(self.column) + 1].casefold(), self.column.casefold()
        return display_text(f"{self.column}: {self.message}" if column and first != f"{column} " else self.message)

    @property
    def advice(self) -> str:
        """The message with its column, and the fix."""
        return f"{self.of_column}; {display_text(self.fix)}" if self.fix else self.of_column

    def __str__(self) -> str:
        return f"{display_text(self.position)}: {self.advice}" if self.position else self.advice


class SourceState(StrEnum):
    """What the status of a record in its source means here."""

    LIVE = "live"
    DRAFT = "draft"
    VOID = "void"


class RecordState(msgspec.Struct, frozen=True):
    """The state of a record in its source, with the word and the column that say so."""

    state: SourceState = SourceState.LIVE
    word: str = ""
    column: str = ""

    @property
    def is_void(self) -> bool:
        """Whether its source has it as void, cancelled, rejected or deleted."""
        return self.state is SourceState.VOID


LIVE = RecordState()
AMOUNTS = ("TRX_AMOUNT", "TRX_PAYMENTAMOUNT", "AMOUNT")
"""The fields with the amount of a line: of most lines, of payments and receipts, of expenses."""


_ORDER_LINES = ("SODOCUMENTENTRY", "PODOCUMENTENTRY")
_QUANTITIES, _PRICES = ("QUANTITY", "UIQTY"), ("PRICE", "UIPRICE")
_CENT = Decimal("0.01")


def _first_number(fields: Mapping[str, Value], names: Iterable[str]) -> Decimal | None:
    """The first of these fields that is filled, as a number; a function's own fields are strings."""
    text = next((str(fields[name]) for name in names if fields.get(name) not in (None, "")), "")
    try:
        return Decimal(text) if text else None
    except ArithmeticError:
        return None


class RecordLine(msgspec.Struct, frozen=True):
    """One owned line of a record; a struct, as `SourceRow` is."""

    object: str
    fields: Mapping[str, Value]
    row: SourceRow

    @property
    def position(self) -> str:
        """The position of the line in the input."""
        return self.row.position

    @property
    def amount(self) -> Decimal | None:
        """What the line adds to the amount of its record, in the record's currency; None if it has no amount.

        A line of an order adds its quantity times its price, in cents; subtotals, discounts and taxes are not in it.
        """
        amounts = (self.fields.get(name) for name in AMOUNTS)
        amount = next((amount for amount in amounts if isinstance(amount, Decimal)), None)
        if amount is None and self.object in _ORDER_LINES:
            quantity, price = (_first_number(self.fields, names) for names in (_QUANTITIES, _PRICES))
            if quantity is not None and price is not None:
                return (quantity * price).quantize(_CENT, ROUND_HALF_UP)
        return amount


@dataclass(frozen=True, slots=True)
class Identity:
    """One of the things that a record is known by on every run."""

    text: str
    kind: str
    """`key`: Intacct's own key; `source`: its key in the source; `equal`: its number among the equal records of its
    source; `number`: the number of a document; `content`."""
    place: int = 1
    """Which of the live records with this text it is: several may have equal numbers or contents. 0: the next one."""
    detail: str = ""
    """What tells records with one number apart: date, journal and title. Of other kinds the name of the source."""


OF_SOURCE = ("source", "equal")
"""Kinds of identities that a source gives."""
SHARED = ("number", "content")
"""Kinds of identities that several live records may have, each in a place of its own."""
CORRECTED = ("key", "number")
"""Kinds of identities that a correction of a record replaces."""


@dataclass(frozen=True, slots=True)
class InputContent:
    """A record's fields and lines as its input gives them. Its digest, identity and label are made of these."""

    fields: Mapping[str, Value]
    lines: Mapping[str, tuple[RecordLine, ...]]


@dataclass(frozen=True, slots=True)
class Write:
    """One record to be written, under Intacct's names, with everything that its input gives."""

    operation: WriteOperation
    object: str
    fields: Mapping[str, Value]
    identity: Identity
    """The identity under which the outbox enters it: of a new record, the strongest that it has."""
    digest: str
    """A digest of the content, regardless of the order of columns and lines."""
    label: str
    """A name for people: `PYRJ 2026-01-31 'Payroll' PR-0131`."""
    rows: tuple[SourceRow, ...]
    lines: Mapping[str, tuple[RecordLine, ...]] = field(default_factory=dict)
    """Owned lines by their wrapper element, such as `ENTRIES`."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The input's column name for each Intacct field."""
    findings: tuple[Finding, ...] = ()
    """The findings of reading it."""
    attachments: tuple[str, ...] = ()
    """Paths of the files to attach."""
    folder: str = ""
    """The attachment folder for them."""
    unchanged: Mapping[str, Value] = field(default_factory=dict)
    """The company's values that an update leaves unchanged: its dates, which rules about periods need, and the natural
    key if a function names the record by it."""
    entity: str = ""
    """The entity to whose books it goes, as the input names it, and its id once it is planned; empty for the entity
    that the connection is signed in to."""
    entity_by: str = ""
    """The field by which the input names it: `LOCATIONID`, `RECORDNO`, `NAME`, or empty for any of these."""
    input_content: InputContent | None = None
    """The content as the input gives it; None if the fields and lines are still those."""
    only_new: frozenset[str] = frozenset()
    """Fields that the layout fills and the input does not, such as a default; they are left out of an update."""
    equivalents: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    """By field and value, the company's values that mean the same in the input's words, so that they stay."""
    undoes: int | None = None
    """The outbox entry whose record this write takes back."""
    state: RecordState = LIVE
    """Whether it is live, a draft, or void in its source."""
    source_key: tuple[str, ...] = ()
    """The key of the record in its source; empty if it has none."""
    labels: frozenset[str] = frozenset()
    """Fields that do not say which record it is, though they are a key of its object in other companies."""
    identities: tuple[Identity, ...] = ()
    """Everything that a new record is known by; the outbox lets one live record have each."""
    currency: str = ""
    """The currency of the amounts for which its input names none, as the plan decided it; empty if it is not known."""
    earlier: Mapping[str, Value] | None = None
    """The company's values that an update replaces, or what the plan of a delete or an action has seen of its record;
    None if they are not known."""

    @property
    def has_source_key(self) -> bool:
        """Whether its source gives it a key; a saved plan keeps only the identity that the key makes."""
        return bool(self.source_key) or any(identity.kind in OF_SOURCE for identity in self.identities)

    @property
    def content(self) -> InputContent:
        """The content as the input gives it, regardless of what planning has resolved or left out since."""
        return self.input_content or InputContent(self.fields, self.lines)

    @property
    def position(self) -> str:
        """The position at which the record begins in the input."""
        return self.rows[0].position if self.rows else ""

    @property
    def all_lines(self) -> Iterator[RecordLine]:
        """Every owned line."""
        for lines in self.lines.values():
            yield from lines

    def column(self, name: str) -> str:
        """The input's name for an Intacct field."""
        return self.columns.get(name, name)


_LONGEST_PART = 100
"""Characters of a text that a label shows."""


def record_label(*parts: object) -> str:
    """A name of a record for people, made of its texts: one line, in which a long text is cut."""
    return " ".join(display_text(str(part), _LONGEST_PART) for part in parts if part not in (None, ""))


@dataclass(frozen=True, slots=True)
class Receipt:
    """The company's own keys of a written record."""

    record: str = ""
    """RECORDNO, or the key that a legacy function answers."""
    name: str = ""
    """The natural key, if the answer has one."""


ACTION_DATE, ACTION_COMMENT = "DATE", "COMMENT"
"""The names under which a write that is an action has its date and its text."""
