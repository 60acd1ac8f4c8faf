"""A posting as rows: one GLBATCH, its GLENTRY lines, and GLDETAIL, which shows each sub-ledger line in each book.

Lines of a sub-ledger that agree in account, dimensions and side become one GLENTRY and as many GLDETAIL rows. Lines of
a journal entry stay as they were entered. GLENTRY keeps amounts positive, with the side in TR_TYPE. AMOUNT in GLDETAIL
is signed, debit positive, beside DEBITAMOUNT and CREDITAMOUNT. A draft has no GLDETAIL. Empty cells are left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import msgspec

from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.dimensions import Named, dimension_cells, dimensions_of
from intacct_emulator.ledger.posting import Posting, PostingLine, PostingRules
from intacct_protocol.xml.values import Value

TypedRow = dict[str, Value]

LEDGER = "2.GL"
PAYABLES = "3.AP"
RECEIVABLES = "4.AR"
EXPENSES = "6.EE"
INVENTORY = "7.INV"
ORDERS = "8.SO"
PURCHASING = "9.PO"
CASH_MANAGEMENT = "11.CM"
POSTED_STATES = ("Posted", "Reversed", "Reversal Pending", "Reversal pending")
"""The states of a batch that is in the ledger."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The names and record numbers that ledger rows repeat from accounts, locations and dimensions."""

    accounts: Named
    departments: Named
    locations: Named
    dimensions: Mapping[str, Named]
    """By standard dimension. A user-defined one (`GLDIM…`) is an id without a name."""
    rules: PostingRules


class Batch(msgspec.Struct, frozen=True):
    """The head of a posting, with the cells that its rows share."""

    journal: str
    date: date
    title: str
    module: str = LEDGER
    state: str = "Posted"
    """One of `POSTED_STATES`, or the state of a batch that is not in the ledger."""
    entity: str = ""
    """The entity that owns the batch. Its books must be open too, even if no line is in it."""
    reference: str | None = None
    document: str | None = None
    statistical: bool = False
    adjusting: bool = False
    rate: Decimal = Decimal(1)
    header: Mapping[str, Value] = msgspec.field(default_factory=dict)
    """Cells for GLBATCH only, such as the owning entity or the reversed entry."""
    audit: Mapping[str, Value] = msgspec.field(default_factory=dict)
    """Audit fields for GLBATCH and GLENTRY: WHENCREATED, WHENMODIFIED and the users."""
    subledger: Mapping[str, Value] = msgspec.field(default_factory=dict)
    """Cells for GLDETAIL only, from the document: RECORDTYPE, RECORDID, WHENDUE, totals."""
    books: tuple[str, ...] = ()
    """The books that show these lines; empty for the posting's own book."""
    entered: Sequence[Mapping[str, Value]] = ()
    """Cells that were entered with each line. They go onto its GLENTRY if the posting leaves a cell empty."""

    @property
    def is_posted(self) -> bool:
        """Whether the batch is in the ledger."""
        return self.state in POSTED_STATES


def batch_rows(
    posting: Posting, batch: Batch, directory: Directory, number: Callable[[str], int]
) -> Iterator[tuple[str, TypedRow]]:
    """The rows of one posting as (object, row), header first; `number` gives the next number of a named series."""
    key, batch_no = number("GLBATCH"), number(f"BATCHNO {batch.journal}")
    yield "GLBATCH", _header(key, batch_no, batch)
    books = batch.books or (posting.book,)
    entity_of, base_currency = directory.rules.entity_of, directory.rules.base_currency
    head = _entry_head(key, batch_no, batch)
    detail_head = _detail_head(key, batch_no, batch)
    for line_no, lines in enumerate(_entries(posting, batch), 1):
        line = lines[0]
        entered = batch.entered[line_no - 1] if line_no <= len(batch.entered) else {}
        names = _names(line, directory)
        names["LINE_NO"] = line_no
        names["BASECURR"] = base_currency[entity_of[line.location]]
        entry_key = number("GLENTRY")
        entry = {"RECORDNO": entry_key, **head, **_entry(lines, batch, directory), **names}
        yield "GLENTRY", _with_entered(entry, entered) if entered else entry
        if not batch.is_posted:
            continue
        document = {"DOCUMENT": entered["DOCUMENT"]} if entered.get("DOCUMENT") else {}
        for line in lines:
            # The same line keeps its key in every book that shows it.
            detail_key = str(number("GLDETAIL"))
            for book in books:
                row = {"RECORDNO": detail_key, "BOOKID": book, **detail_head, **_detail(line), **names, **document}
                row["GLENTRYKEY"] = entry_key
                yield "GLDETAIL", row


def line_of(entry: Mapping[str, str], user_fields: Iterable[str] = ()) -> PostingLine:
    """The line that a stored GLENTRY row posted; `own` are the company's user-defined dimensions."""
    side = Decimal(entry.get("TR_TYPE") or 1)
    return PostingLine(
        entry.get("ACCOUNTNO", ""),
        entry.get("LOCATION", ""),
        Decimal(entry.get("AMOUNT") or 0) * side,
        Decimal(entry.get("TRX_AMOUNT") or 0) * side,
        entry.get("CURRENCY", ""),
        entry.get("DEPARTMENT") or None,
        entry.get("DESCRIPTION") or None,
        dimensions_of(dict(entry), user_fields),
    )


def _with_entered(row: TypedRow, entered: Mapping[str, Value]) -> TypedRow:
    more = {name: value for name, value in entered.items() if value not in (None, "") and row.get(name) in (None, "")}
    # An entry is not billable by default.
    return row | more | ({"BILLABLE": entered["BILLABLE"]} if entered.get("BILLABLE") else {})


def _header(key: int, batch_no: int, batch: Batch) -> TypedRow:
    audit = batch.audit
    return {
        "RECORDNO": key,
        "BATCHNO": batch_no,
        "BATCH_TITLE": batch.title,
        "BALANCE": ZERO,
        "JOURNAL": batch.journal,
        "STATISTICAL": batch.statistical,
        "BATCH_DATE": batch.date,
        "MODULE": batch.module,
        "REFERENCENO": batch.reference,
        "STATE": batch.state,
        "MODIFIED": audit.get("WHENMODIFIED") or audit.get("WHENCREATED"),
        "MODIFIEDBYID": audit.get("MODIFIEDBYLOGINID"),
        "USERKEY": audit.get("CREATEDBY"),
        **audit,
        **batch.header,
    }


def _entry_head(key: int, batch_no: int, batch: Batch) -> TypedRow:
    head: TypedRow = {
        "BATCHNO": key,
        "USERNO": 1,
        "ENTRY_DATE": batch.date,
        "BATCH_NUMBER": batch_no,
        "BATCH_DATE": batch.date,
        "BATCHTITLE": batch.title,
        "STATISTICAL": "T" if batch.statistical else "F",
        "DOCUMENT": batch.document,
        "CLEARED": "F",
        "ADJ": "T" if batch.adjusting else "F",
        "BILLABLE": False,
        "BILLED": False,
        "STATE": batch.state,
        **batch.audit,
    }
    if batch.rate != 1:
        head["EXCH_RATE_DATE"] = batch.date
        head["EXCHANGE_RATE"] = batch.rate
    return head


def _detail_head(key: int, batch_no: int, batch: Batch) -> TypedRow:
    audit = batch.audit
    return {
        "BATCHKEY": key,
        "BATCH_DATE": batch.date,
        "BATCH_TITLE": batch.title,
        "SYMBOL": batch.journal,
        "BATCH_NO": batch_no,
        "MODIFIED": audit.get("WHENMODIFIED") or audit.get("WHENCREATED"),
        "REFERENCENO": batch.reference,
        "ADJ": batch.adjusting,
        "MODULEKEY": batch.module,
        "ENTRY_DATE": batch.date,
        "DOCUMENT": batch.document,
        "STATISTICAL": "T" if batch.statistical else "F",
        "CLEARED": "F",
        "WHENCREATED": batch.date,
        "WHENMODIFIED": audit.get("WHENMODIFIED"),
        "CREATEDBY": audit.get("CREATEDBYLOGINID"),
        "BATCH_STATE": "Posted",
        "ENTRY_STATE": "Posted",
        "AUWHENCREATED": audit.get("WHENCREATED"),
        "AUCREATEDBY": audit.get("CREATEDBY"),
        "MODIFIEDBY": audit.get("MODIFIEDBY"),
        **batch.subledger,
    }


def _entries(posting: Posting, batch: Batch) -> list[list[PostingLine]]:
    if batch.module == LEDGER:
        return [[line] for line in posting.lines]
    merged: dict[tuple[object, ...], list[PostingLine]] = {}
    for line in posting.lines:
        alike = (
            line.account,
            line.location,
            line.department,
            line.is_debit,
            line.currency,
            tuple(line.dimensions.items()),
        )
        merged.setdefault(alike, []).append(line)
    return list(merged.values())


def _entry(lines: list[PostingLine], batch: Batch, directory: Directory) -> TypedRow:
    line = lines[0]
    amount, trx_amount = line.amount, line.trx_amount
    for other in lines[1:]:
        amount += other.amount
        trx_amount += other.trx_amount
    return {
        "TR_TYPE": 1 if line.is_debit else -1,
        "AMOUNT": abs(amount),
        "TRX_AMOUNT": abs(trx_amount),
        "ACCOUNTKEY": directory.accounts[line.account][0],
        "DEPARTMENTKEY": directory.departments[line.department][0] if line.department else None,
        "DEPARTMENT": line.department,
        "LOCATIONKEY": directory.locations[line.location][0] if line.location else None,
        "LOCATION": line.location,
        "DESCRIPTION": line.memo if len(lines) == 1 else batch.title,
        "CURRENCY": line.currency,
    }


def _detail(line: PostingLine) -> TypedRow:
    amount, trx_amount = line.amount, line.trx_amount
    debit = line.is_debit
    return {
        "TR_TYPE": 1 if debit else -1,
        "DEPARTMENTID": line.department,
        "LOCATIONID": line.location,
        "CURRENCY": line.currency,
        "DESCRIPTION": line.memo,
        "DEBITAMOUNT": amount if debit else ZERO,
        "CREDITAMOUNT": ZERO if debit else -amount,
        "AMOUNT": amount,
        "TRX_DEBITAMOUNT": trx_amount if debit else ZERO,
        "TRX_CREDITAMOUNT": ZERO if debit else -trx_amount,
        "TRX_AMOUNT": trx_amount,
    }


def _names(line: PostingLine, directory: Directory) -> TypedRow:
    """The cells that have the same name in GLENTRY and GLDETAIL."""
    names: TypedRow = {
        "ACCOUNTNO": line.account,
        "ACCOUNTTITLE": directory.accounts[line.account][1],
        "LOCATIONNAME": directory.locations[line.location][1],
    }
    if line.department:
        names["DEPARTMENTTITLE"] = directory.departments[line.department][1]
    names.update(dimension_cells(line.dimensions, directory.dimensions))
    return names
