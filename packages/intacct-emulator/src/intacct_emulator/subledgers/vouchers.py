"""The batches of a document: posted, found, withdrawn and reversed.

The batches of a document are remembered beside its rows, since no field of a document names them. Those that came with
the demo company are found by the cells that GLDETAIL repeats of the document.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.company.company_facts import DocumentBatch
from intacct_emulator.ledger import posting_function as function
from intacct_emulator.ledger.ledger import books_kept
from intacct_emulator.ledger.posting import ACCRUAL, Posting, PostingLine, reverse
from intacct_emulator.ledger.posting_rows import Batch
from intacct_emulator.settings.cells import Row, escaped, iso_date, timestamp_text
from intacct_protocol.xml.values import Value

_REPEATED = (
    *("RECORDTYPE", "RECORDID", "DOCNUMBER", "STATE", "WHENCREATED", "WHENDUE", "WHENPAID"),
    *("TOTALENTERED", "TOTALPAID", "TOTALDUE"),
)
"""The cells that GLDETAIL repeats of a document."""
_ENTITIES = {"VENDORID": ("VENDENTITY", "V"), "CUSTOMERID": ("CUSTENTITY", "C"), "EMPLOYEEID": ("EMPENTITY", "E")}


@dataclass(frozen=True, slots=True)
class Voucher:
    """A document as its batches refer to it."""

    object: str
    row: Row
    journal: str
    module: str
    title: str
    day: date
    rate: Decimal = Decimal(1)
    extra_cells: Mapping[str, str] = field(default_factory=dict)
    in_every_book: bool = False
    """Whether every book that the company keeps shows the batch, not only the posting's own book."""


def post(call: FunctionCall, posting: Posting, voucher: Voucher, *, shown: tuple[str, ...] = ()) -> None:
    """Post for a document and remember the batch as the document's. Lines without an amount are left out."""
    company = call.company
    shown = shown or (books_kept(company.facts) if voucher.in_every_book else (posting.book,))
    lines = tuple(line for line in posting.lines if line.amount or line.trx_amount)
    if not lines:
        return
    batches = batches_of(call, voucher.object, voucher.row)
    header = function.post(company, replace(posting, lines=lines), replace(_batch(voucher), books=shown))
    _remember(call, voucher, [*batches, DocumentBatch(int(header["RECORDNO"]), shown)])


def _batch(voucher: Voucher) -> Batch:
    row = voucher.row
    audit: dict[str, Value] = {
        "WHENCREATED": row.get("AUWHENCREATED") or row.get("WHENMODIFIED"),
        **{
            name: row.get(name)
            for name in ("WHENMODIFIED", "CREATEDBY", "MODIFIEDBY", "CREATEDBYLOGINID", "MODIFIEDBYLOGINID")
        },
    }
    owner: dict[str, Value] = {name: row[name] for name in row if name.startswith("MEGAENTITY")}
    return Batch(
        voucher.journal,
        voucher.day,
        voucher.title,
        module=voucher.module,
        document=row.get("RECORDID") or row.get("DOCNUMBER") or None,
        rate=voucher.rate,
        header=owner,
        audit=audit,
        subledger={**_repeated(row), **voucher.extra_cells},
    )


def _repeated(row: Row) -> dict[str, str]:
    repeated = {name: row[name] for name in _REPEATED if row.get(name)}
    for name, (cell, letter) in _ENTITIES.items():
        if row.get(name):
            repeated[cell] = f"{letter}{row[name]}"
    return repeated


# --- the batches of a document


def _remember(call: FunctionCall, voucher: Voucher, batches: list[DocumentBatch]) -> None:
    call.company.facts.document_batches.put(voucher.object, voucher.row.get("RECORDNO", ""), value=tuple(batches))


def start_without_batches(call: FunctionCall, name: str, row: Row) -> None:
    """Note that a new document has no batches yet."""
    call.company.facts.document_batches.put(name, row.get("RECORDNO", ""), value=())


def batches_of(call: FunctionCall, name: str, row: Row) -> list[DocumentBatch]:
    """The batches of a document."""
    document_batches, key = call.company.facts.document_batches, (name, row.get("RECORDNO", ""))
    if document_batches.was_set(*key):
        return list(document_batches.get(*key) or ())
    batches = _search(call, row)
    document_batches.put(*key, value=tuple(batches))
    return batches


def _search(call: FunctionCall, row: Row) -> list[DocumentBatch]:
    number = row.get("RECORDID") or row.get("DEPOSITID", "")
    if not number:
        return []
    cells = {name: text for name, text in _repeated(row).items() if name in ("RECORDTYPE", "RECORDID")}
    cells |= {cell: text for cell, text in _repeated(row).items() if cell.endswith("ENTITY")}
    shown: dict[int, list[str]] = {}
    for _, detail in call.company.table("GLDETAIL").rows("instr(body, ?)", (escaped(number),)):
        if all(detail.get(name) == text for name, text in cells.items()):
            books = shown.setdefault(int(detail["BATCHKEY"]), [])
            if detail.get("BOOKID", ACCRUAL) not in books:
                books.append(detail.get("BOOKID", ACCRUAL))
    return [DocumentBatch(key, tuple(books)) for key, books in sorted(shown.items())]


def withdraw_all(call: FunctionCall, name: str, row: Row) -> None:
    """Withdraw a document's batches from the ledger."""
    for standing in batches_of(call, name, row):
        function.withdraw(call.company, standing.batch)
    call.company.facts.document_batches.put(name, row.get("RECORDNO", ""), value=())


def refresh_detail(call: FunctionCall, name: str, row: Row) -> None:
    """Update the cells that GLDETAIL repeats of a document."""
    repeated = _repeated(row) | {"WHENMODIFIED": timestamp_text(call.stamp)}
    for standing in batches_of(call, name, row):
        function.relabel(call.company, standing.batch, details=repeated)


def reverse_all(
    call: FunctionCall, row: Row, voucher: Voucher, *, change: Callable[[Posting], Posting] = lambda posting: posting
) -> None:
    """Post the mirror of every batch of a document, each in the books that show it, for the voucher."""
    for standing in batches_of(call, voucher.object, row):
        posting = change(Posting(function.posted_lines(call.company, standing.batch)))
        post(call, reverse(posting), voucher, shown=standing.books)


def keep_reversal_day(call: FunctionCall, name: str, row: Row, day: str) -> None:
    """Keep the day on which a document or a payment is reversed, given as its cell has it."""
    iso = (iso_date(day) or "")[:10]
    call.company.facts.reversal_days.put(name, row["RECORDNO"], value=iso)


def reversal_day(call: FunctionCall, name: str, row: Row) -> date | None:
    """The day of a reversal; the day of the last change if none was kept."""
    day = call.company.facts.reversal_days.get(name, row.get("RECORDNO", ""))
    if day:
        return date.fromisoformat(day)
    changed = (iso_date(row.get("WHENMODIFIED", "")) or "")[:10]
    return date.fromisoformat(changed) if changed else None


def accrual_posting(call: FunctionCall, name: str, row: Row) -> Posting:
    """The accrual posting of a document, put together from its batches."""
    lines: list[PostingLine] = []
    for standing in batches_of(call, name, row):
        if ACCRUAL in standing.books:
            lines += function.posted_lines(call.company, standing.batch)
    return Posting(tuple(lines))
