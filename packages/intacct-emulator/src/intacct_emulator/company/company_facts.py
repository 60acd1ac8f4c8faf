"""Values that a company keeps beside its objects' rows, because no field of an object holds them.

Each table of facts maps a key to one typed value. All of them share the table `facts` of the company's database, where
a value is text under `NAME:KEY`. Names and strings are a file format.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.companies import AdministeredSettings
from intacct_emulator.settings.company_source import ApprovalPolicy, CompanyDefinitions, PostingRule
from intacct_emulator.store.store import Store

T = TypeVar("T")
ACCRUAL_BOOK = "ACCRUAL"
"""The book that every company keeps."""


@dataclass(frozen=True, slots=True)
class DocumentBatch:
    """One journal entry of a document, and the books that show it."""

    batch: int
    """Its record number in GLBATCH."""
    books: tuple[str, ...] = (ACCRUAL_BOOK,)


@dataclass(frozen=True, slots=True)
class StockMovement:
    """One item into a warehouse (positive) or out of it."""

    item: str
    warehouse: str
    quantity: Decimal
    value: Decimal
    """In base currency, with the sign of the quantity."""


@dataclass(frozen=True, slots=True)
class Overpayment:
    """The part of a payment that settles no document, and the location that holds it."""

    amount: Decimal = Decimal(0)
    """In the payment's currency."""
    location: str = ""
    base: Decimal = Decimal(0)
    """In base currency."""


@dataclass(frozen=True, slots=True)
class SettledPart:
    """What a payment took off one document."""

    object: str
    key: str
    trx_amount: Decimal
    amount: Decimal
    """In base currency."""
    lines: tuple[tuple[str, Decimal], ...]
    """Record numbers of lines, each with its share of `trx_amount`."""
    day: str = ""
    """The day of the settlement (`2026-11-30`); empty for the payment's own day."""
    entity: str = ""
    """The entity whose control account it left, or empty to use the document's."""
    control: str = ""
    """The account, or empty to use the document's."""


@dataclass(frozen=True, slots=True)
class ApprovalEvent:
    """A submission of a record, or a decision about it."""

    level: int
    """From 1; 0 for a submission."""
    user: str
    action: str
    at: str
    """The time, as records hold it."""
    comment: str = ""


@dataclass(slots=True)
class Attachment:
    """One attachment or folder, by the names that its functions use."""

    texts: dict[str, str]
    files: list[dict[str, str]] | None = None
    """The files of an attachment; None for a folder."""


class FactTable(Generic[T]):
    """Values of one kind by key. A key of several parts is joined with colons."""

    def __init__(self, store: Store, prefix: str, encode: Callable[[T], str], decode: Callable[[str], T]) -> None:
        self._store, self._prefix, self._encode, self._decode = store, prefix, encode, decode

    def get(self, *key: str) -> T | None:
        """The value under the key; None if there is none, or it was deleted."""
        text = self._store.fact(self._name(key))
        return self._decode(text) if text else None

    def put(self, *key: str, value: T) -> None:
        """Store a value under the key."""
        self._store.keep_fact(self._name(key), self._encode(value))

    def delete(self, *key: str) -> None:
        """Mark the value under the key as deleted; the key still counts in `keys_used`."""
        self._store.keep_fact(self._name(key), "")

    def values(self) -> list[T]:
        """Every value that is not deleted, in the order of the keys."""
        return [self._decode(text) for text in self._store.facts_under(self._prefix) if text]

    def keys_used(self) -> int:
        """How many keys ever had a value, deleted ones included."""
        return len(self._store.facts_under(self._prefix))

    def was_set(self, *key: str) -> bool:
        """Whether the key ever had a value, perhaps an empty or a deleted one."""
        return self._store.fact(self._name(key)) is not None

    def _name(self, key: tuple[str, ...]) -> str:
        return f"{self._prefix}{':'.join(key)}"


class PeopleTables:
    """What the records of users do not hold, by login in lower case."""

    def __init__(self, store: Store) -> None:
        self.kept_users = FactTable(store, "user:", str, str)
        """The status that the settings gave a user; kept when the record is deleted."""
        self.added_roles = FactTable(store, "added roles:", _lines_text, _lines)
        """The roles that the API gave a user of the settings."""
        self.user_entities = FactTable(store, "entities:", " ".join, _words)
        """The entities that the API restricted a user to."""


class SetUpTables:
    """The facts of a company's set-up: where its records came from, and what posting needs to know."""

    def __init__(self, store: Store) -> None:
        self.demo = FactTable(store, "demo", str, str)
        """One value, if the records are the demo company's: their label, `seed=1 as_of=2026-11-21 scale=1`."""
        self.sources = FactTable(store, "source:", str, str)
        """By the name of a source other than the demo company, its label."""
        self.definitions = FactTable(store, "definitions", *_json(CompanyDefinitions))
        """One value: the custom fields, objects, reports and views of the company."""
        self.reporting_books = FactTable(store, "books", " ".join, _words)
        """One value: the books that show every posting."""
        self.adjustment_books = FactTable(store, "adjustment books", " ".join, _words)
        """One value: the books that have only the entries of their own journals."""
        self.base_currency = FactTable(store, "base currency", str, str)
        """One value: the base currency outside all entities."""
        self.first_month = FactTable(store, "first month", str, int)
        """One value: the first month of the fiscal year outside all entities."""
        self.definition_accounts = FactTable(store, "definition accounts:", *_json(tuple[PostingRule, ...]))
        """By transaction definition, its posting rules; the first one that fits a line counts."""
        self.approval_policies = FactTable(store, "approval policies:", *_json(tuple[ApprovalPolicy, ...]))
        """By object."""
        self.reversal_days = FactTable(store, "reversed on:", str, str)
        """By object and record number of a document or payment, the day of its reversal (`2026-11-30`)."""
        self.once_settled = FactTable(store, "once settled:", lambda _: "T", bool)
        """By object and record number, whether a payment of the document was posted and reversed."""
        self.posting_accounts = FactTable(store, "account:", str, str)
        """By role, the account that documents post to without naming it."""


class CompanyFacts(SetUpTables):
    """All facts of one company."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.open_days: FactTable[dict[str, str]] = FactTable(store, "open days", json.dumps, _row)
        """One value: by entity and ledger (`US AP`), the first open day, if periods were closed or opened."""
        self.pending_reversals: FactTable[dict[str, str]] = FactTable(store, "pending reversals", json.dumps, _row)
        """One value: by record number of a journal entry, the day of its reversal, until that day."""
        self.revaluations: FactTable[dict[str, str]] = FactTable(store, "revaluations:", json.dumps, _row)
        """By day (`2026-11-30`): by record number of a revaluation's journal entry, its entity."""
        self.people = PeopleTables(store)
        self.administered = FactTable(store, "administered", *_json(AdministeredSettings))
        """One value: what an administrator changed in the set-up since the start."""
        self.approval_events = FactTable(store, "approvals:", *_json(tuple[ApprovalEvent, ...]))
        """By object and record number: what happened to a record that waits, or waited, for approval."""
        self.number_series = FactTable(store, "series:", str, int)
        """By series, the last number that was given."""
        self.document_batches = FactTable(store, "batches:", _batches_text, _batches)
        """By object and record number, the journal entries of a document. `was_set`, but without a value: none."""
        self.deposits = FactTable(store, "deposited:", str, str)
        """By record number of a receipt, the deposit that took it to the bank. `was_set`, but without a value: none."""
        self.overpayments = FactTable(store, "unapplied:", _overpayment_text, _overpayment)
        """By record number of a payment."""
        self.requested_details: FactTable[list[Row]] = FactTable(store, "asked:", json.dumps, _rows)
        """By object and record number, the details that a waiting payment was sent with."""
        self.settled_parts = FactTable(store, "settles:", _parts_text, _parts)
        """By object and record number of a payment."""
        self.reserved = FactTable(store, "selected:", lambda _: "T", bool)
        """By object and record number, whether a waiting payment has reserved what it will settle."""
        self.owned_parts = FactTable(store, "parts:", str, str)
        """By object and record number, the parts of a record that have no object of their own, as XML."""
        self.advance_lines: FactTable[list[Row]] = FactTable(store, "held:", json.dumps, _rows)
        """By record number of an advance: its lines, in the shape that lines of documents have."""
        self.stock_movements = FactTable(store, "stock:", _movements_text, _movements)
        """By object and record number, what a document moved."""
        self.stock_values = FactTable(store, "stock value:", str, Decimal)
        """By item and warehouse, in base currency."""
        self.attachments = FactTable(store, "supdoc:", _attachment_text, _attachment)
        self.attachment_folders = FactTable(store, "supdocfolder:", _attachment_text, _attachment)
        self.employee_rates: FactTable[Row] = FactTable(store, "employeerate#", json.dumps, _row)
        """By number."""
        self.employee_rate_numbers = FactTable(store, "employeerate:", _rate_key_text, _rate_key)
        """By `EMPLOYEE@DAY`, the number of the rate from that day on."""


def _json(kind: type[T]) -> tuple[Callable[[T], str], Callable[[str], T]]:
    """Values as JSON."""
    decoder = msgspec.json.Decoder(kind)
    return (lambda value: msgspec.json.encode(value).decode()), decoder.decode


def _lines_text(texts: tuple[str, ...]) -> str:
    return "\n".join(texts)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n"))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _row(text: str) -> Row:
    row: Row = json.loads(text)
    return row


def _rows(text: str) -> list[Row]:
    rows: list[Row] = json.loads(text)
    return rows


def _rate_key_text(number: str) -> str:
    return json.dumps({"key": number})


def _rate_key(text: str) -> str:
    return str(json.loads(text)["key"])


def _batches_text(batches: tuple[DocumentBatch, ...]) -> str:
    """`12,13=CASH+ACCRUAL`; a batch that only the accrual book shows needs no book."""
    return ",".join(
        str(one.batch) if one.books == (ACCRUAL_BOOK,) else f"{one.batch}={'+'.join(one.books)}" for one in batches
    )


def _batches(text: str) -> tuple[DocumentBatch, ...]:
    batches = []
    for entry in text.split(","):
        batch, _, books = entry.partition("=")
        batches.append(DocumentBatch(int(batch), tuple(books.split("+")) if books else (ACCRUAL_BOOK,)))
    return tuple(batches)


def _overpayment_text(over: Overpayment) -> str:
    return f"{over.amount} {over.location}" + (f"\t{over.base}" if over.base else "")


def _overpayment(text: str) -> Overpayment:
    text, _, base = text.partition("\t")
    amount, _, location = text.partition(" ")
    return Overpayment(Decimal(amount), location, Decimal(base or 0))


def _parts_text(parts: tuple[SettledPart, ...]) -> str:
    return json.dumps(
        [
            [
                one.object,
                one.key,
                str(one.trx_amount),
                str(one.amount),
                [[line, str(money)] for line, money in one.lines],
                one.day,
                one.entity,
                one.control,
            ]
            for one in parts
        ]
    )


def _parts(text: str) -> tuple[SettledPart, ...]:
    return tuple(
        SettledPart(
            name,
            key,
            Decimal(trx_amount),
            Decimal(amount),
            tuple((line, Decimal(money)) for line, money in lines),
            *more,
        )
        for name, key, trx_amount, amount, lines, *more in json.loads(text)
    )


def _movements_text(movements: tuple[StockMovement, ...]) -> str:
    return json.dumps([[one.item, one.warehouse, str(one.quantity), str(one.value)] for one in movements])


def _movements(text: str) -> tuple[StockMovement, ...]:
    return tuple(
        StockMovement(item, warehouse, Decimal(quantity), Decimal(value))
        for item, warehouse, quantity, value in json.loads(text)
    )


def _attachment_text(attachment: Attachment) -> str:
    return json.dumps(
        attachment.texts if attachment.files is None else {**attachment.texts, "attachments": attachment.files}
    )


def _attachment(text: str) -> Attachment:
    tree: dict[str, Any] = json.loads(text)
    files = tree.pop("attachments", None)
    return Attachment(tree, files)
