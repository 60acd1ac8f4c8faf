"""A document's place in the ledger: its batches written, found again, taken back, and turned round.

Which batches belong to a document is kept beside the rows, since no field of a document says it; for what the demo
company brought along it is found by what GLDETAIL repeats of the document.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from intacct_bridge.emulator.accounting.chart import check_open, directory, rules
from intacct_bridge.emulator.accounting.journal import next_in
from intacct_bridge.emulator.accounting.ledger import ACCRUAL, DIMENSIONS, Ledger, books_of, posting_of, shown_key
from intacct_bridge.emulator.accounting.posting import Posting, PostingLine, reverse
from intacct_bridge.emulator.accounting.posting_rows import Batch, batch_rows
from intacct_bridge.emulator.company.company_data import FunctionCall
from intacct_bridge.emulator.company.side_tables import StandingBatch
from intacct_bridge.emulator.settings.cells import Row, escaped, iso_date, text_of, timestamp_text
from intacct_bridge.emulator.settings.refusals import refused
from intacct_bridge.wire.values import Value

_SEEN = (
    *("RECORDTYPE", "RECORDID", "DOCNUMBER", "STATE", "WHENCREATED", "WHENDUE", "WHENPAID"),
    *("TOTALENTERED", "TOTALPAID", "TOTALDUE"),
)
"""What GLDETAIL repeats of the document behind it."""
_ENTITIES = {"VENDORID": ("VENDENTITY", "V"), "CUSTOMERID": ("CUSTENTITY", "C"), "EMPLOYEEID": ("EMPENTITY", "E")}


@dataclass(frozen=True, slots=True)
class Voucher:
    """What a batch says of the document it comes from."""

    object: str
    row: Row
    journal: str
    module: str
    title: str
    day: date
    rate: Decimal = Decimal(1)
    more: Mapping[str, str] = field(default_factory=dict)
    in_every_book: bool = False
    """Shown in every book that the company keeps, not in the posting's own only."""


def post(call: FunctionCall, posting: Posting, voucher: Voucher, *, shown: tuple[str, ...] = ()) -> None:
    """Write a posting's rows and remember whose they are. Refused are closed periods and accounts not set up."""
    books = call.books
    shown = shown or (books_of(books.side_tables) if voucher.in_every_book else (posting.book,))
    lines = tuple(line for line in posting.lines if line.amount or line.trx_amount)
    if any(not line.account for line in lines):
        raise refused(
            "An account that this transaction posts to is not set up.",
            correction="Mark an account as payables or receivables account, or name the account.",
        )
    entity_of = rules(books).entity_of
    check_open(books, voucher.day, {entity_of.get(line.location, "") for line in lines})
    if not lines:
        return
    ledger, batch_key, known = Ledger(books.store), "", batches(call, voucher.object, voucher.row)
    batch = replace(_batch(voucher), books=shown)
    for name, cells in batch_rows(
        replace(posting, lines=lines), batch, directory(books), lambda one: next_in(call, one)
    ):
        made: Row = {key: text for key, value in cells.items() if (text := text_of(value))}
        made = {key: text for key, text in made.items() if key in books.find(name).fields or key == "BATCHNO"}
        if name == "GLDETAIL":
            repeats = books.behaviour.gldetail_key_per_book
            made["RECORDNO"] = shown_key(made["RECORDNO"], made["BOOKID"], repeats=repeats)
        books.table(name).insert(made)
        if name == "GLBATCH":
            batch_key = made["RECORDNO"]
        elif name == "GLENTRY":
            ledger.post([posting_of(made, book) for book in shown])
    _remember(call, voucher, [*known, StandingBatch(int(batch_key), shown)])


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
        subledger={**_seen(row), **voucher.more},
    )


def _seen(row: Row) -> dict[str, str]:
    seen = {name: row[name] for name in _SEEN if row.get(name)}
    for name, (cell, letter) in _ENTITIES.items():
        if row.get(name):
            seen[cell] = f"{letter}{row[name]}"
    return seen


# --- whose batches


def _remember(call: FunctionCall, voucher: Voucher, found: list[StandingBatch]) -> None:
    call.books.side_tables.document_batches.put(voucher.object, voucher.row.get("RECORDNO", ""), value=tuple(found))


def fresh(call: FunctionCall, name: str, row: Row) -> None:
    """A new document: nothing that is in the ledger is its."""
    call.books.side_tables.document_batches.put(name, row.get("RECORDNO", ""), value=())


def batches(call: FunctionCall, name: str, row: Row) -> list[StandingBatch]:
    """The batches that a document wrote."""
    document_batches, key = call.books.side_tables.document_batches, (name, row.get("RECORDNO", ""))
    if document_batches.known(*key):
        return list(document_batches.get(*key) or ())
    found = _sought(call, row)
    document_batches.put(*key, value=tuple(found))
    return found


def _sought(call: FunctionCall, row: Row) -> list[StandingBatch]:
    number = row.get("RECORDID") or row.get("DEPOSITID", "")
    if not number:
        return []
    wanted = {name: text for name, text in _seen(row).items() if name in ("RECORDTYPE", "RECORDID")}
    wanted |= {cell: text for cell, text in _seen(row).items() if cell.endswith("ENTITY")}
    shown: dict[int, list[str]] = {}
    for _, one in call.books.table("GLDETAIL").rows("instr(body, ?)", (escaped(number),)):
        if all(one.get(name) == text for name, text in wanted.items()):
            books = shown.setdefault(int(one["BATCHKEY"]), [])
            if one.get("BOOKID", ACCRUAL) not in books:
                books.append(one.get("BOOKID", ACCRUAL))
    return [StandingBatch(key, tuple(books)) for key, books in sorted(shown.items())]


def unpost(call: FunctionCall, name: str, row: Row) -> None:
    """Take a document's batches out of the ledger."""
    books, ledger = call.books, Ledger(call.books.store)
    for standing in batches(call, name, row):
        batch = standing.batch
        header = books.table("GLBATCH").get(batch) or {}
        entry_table = books.table("GLENTRY")
        numbers = entry_table.find("BATCHNO", str(batch))
        entity_of = rules(books).entity_of
        places = {entity_of.get((entry_table.get(one) or {}).get("LOCATION", ""), "") for one in numbers}
        check_open(books, day_of(header, "BATCH_DATE"), places)
        for table, by in (("GLENTRY", "BATCHNO"), ("GLDETAIL", "BATCHKEY")):
            for one in books.table(table).find(by, str(batch)):
                books.table(table).delete(one)
        books.table("GLBATCH").delete(batch)
        ledger.unpost(batch)
    books.side_tables.document_batches.put(name, row.get("RECORDNO", ""), value=())


def refresh(call: FunctionCall, name: str, row: Row) -> None:
    """Let the view of the ledger show a document as it is now."""
    table = call.books.table("GLDETAIL")
    seen = _seen(row) | {"WHENMODIFIED": timestamp_text(call.stamp)}
    for standing in batches(call, name, row):
        for number in table.find("BATCHKEY", str(standing.batch)):
            table.update(number, (table.get(number) or {}) | seen)


def reverse_all(
    call: FunctionCall, row: Row, voucher: Voucher, *, change: Callable[[Posting], Posting] = lambda posting: posting
) -> None:
    """Post the mirror of every batch of a document, each in the books that show it, in the voucher's name."""
    for standing in batches(call, voucher.object, row):
        post(call, reverse(change(Posting(_lines(call, standing.batch)))), voucher, shown=standing.books)


def posted(call: FunctionCall, name: str, row: Row) -> Posting:
    """What a document stands in the accrual book with, put together from its batches."""
    lines: list[PostingLine] = []
    for standing in batches(call, name, row):
        if ACCRUAL in standing.books:
            lines += _lines(call, standing.batch)
    return Posting(tuple(lines))


def _lines(call: FunctionCall, batch: int) -> tuple[PostingLine, ...]:
    table = call.books.table("GLENTRY")
    return tuple(_line(table.get(one) or {}) for one in table.find("BATCHNO", str(batch)))


def _line(entry: Row) -> PostingLine:
    side = Decimal(entry.get("TR_TYPE") or 1)
    return PostingLine(
        entry.get("ACCOUNTNO", ""),
        entry.get("LOCATION", ""),
        Decimal(entry.get("AMOUNT") or 0) * side,
        Decimal(entry.get("TRX_AMOUNT") or 0) * side,
        entry.get("CURRENCY", ""),
        entry.get("DEPARTMENT") or None,
        entry.get("DESCRIPTION") or None,
        {name: entry[f"{name}ID"] for name in DIMENSIONS if entry.get(f"{name}ID")},
    )


def day_of(row: Row, name: str) -> date:
    """A cell's day; the beginning of time where there is none."""
    return date.fromisoformat((iso_date(row.get(name, "")) or "1900-01-01")[:10])
