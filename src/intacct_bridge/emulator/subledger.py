"""A document's place in the ledger: its batches written, found again, taken back, and turned round.

Which batches belong to a document is kept beside the rows, since no field of a document says it; for what the demo
company brought along it is found by what GLDETAIL repeats of the document.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from intacct_bridge.emulator.books import Call
from intacct_bridge.emulator.cells import Row, escaped, iso_date, text_of, timestamp_text
from intacct_bridge.emulator.chart import check_open, directory, rules
from intacct_bridge.emulator.journal import next_in
from intacct_bridge.emulator.ledger import DIMENSIONS, Ledger, posting_of
from intacct_bridge.emulator.posting import Line, Posting
from intacct_bridge.emulator.posting_rows import Batch, batch_rows
from intacct_bridge.emulator.refusals import refused
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


def post(call: Call, posting: Posting, voucher: Voucher) -> None:
    """Write a posting's rows and remember whose they are. Refused are closed periods and accounts not set up."""
    books = call.books
    lines = tuple(line for line in posting.lines if line.amount or line.trx_amount)
    if any(not line.account for line in lines):
        raise refused(
            "An account that this transaction posts to is not set up.",
            correction="Mark an account as payables or receivables account, or name the account.",
        )
    entity_of = rules(books).entity_of
    check_open(books, voucher.day, {entity_of.get(line.location, "") for line in lines})
    ledger, batch_key, known = Ledger(books.store), "", batches(call, voucher.object, voucher.row)
    rows = batch_rows(replace(posting, lines=lines), _batch(voucher), directory(books), lambda one: next_in(call, one))
    for name, cells in rows:
        made: Row = {key: text for key, value in cells.items() if (text := text_of(value))}
        made = {key: text for key, text in made.items() if key in books.find(name).fields or key == "BATCHNO"}
        books.table(name).insert(made)
        if name == "GLBATCH":
            batch_key = made["RECORDNO"]
        elif name == "GLENTRY":
            ledger.post([posting_of(made)])
    _remember(call, voucher, [*known, int(batch_key)])


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


def _remember(call: Call, voucher: Voucher, found: list[int]) -> None:
    call.books.store.keep_fact(_fact(voucher.object, voucher.row), ",".join(str(one) for one in found))


def _fact(name: str, row: Row) -> str:
    return f"batches:{name}:{row.get('RECORDNO', '')}"


def fresh(call: Call, name: str, row: Row) -> None:
    """A new document: nothing that is in the ledger is its."""
    call.books.store.keep_fact(_fact(name, row), "")


def batches(call: Call, name: str, row: Row) -> list[int]:
    """The batches that a document wrote."""
    known = call.books.store.fact(_fact(name, row))
    if known is not None:
        return [int(one) for one in known.split(",") if one]
    return _sought(call, row)


def _sought(call: Call, row: Row) -> list[int]:
    number = row.get("RECORDID", "")
    if not number:
        return []
    wanted = {name: text for name, text in _seen(row).items() if name in ("RECORDTYPE", "RECORDID")}
    wanted |= {cell: text for cell, text in _seen(row).items() if cell.endswith("ENTITY")}
    found = call.books.table("GLDETAIL").rows("instr(body, ?)", (escaped(number),))
    keys = (one["BATCHKEY"] for _, one in found if all(one.get(name) == text for name, text in wanted.items()))
    return sorted({int(key) for key in keys})


def unpost(call: Call, name: str, row: Row) -> None:
    """Take a document's batches out of the ledger."""
    books, ledger = call.books, Ledger(call.books.store)
    for batch in batches(call, name, row):
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
    books.store.keep_fact(_fact(name, row), "")


def refresh(call: Call, name: str, row: Row) -> None:
    """Let the view of the ledger show a document as it is now."""
    table = call.books.table("GLDETAIL")
    seen = _seen(row) | {"WHENMODIFIED": timestamp_text(call.stamp)}
    for batch in batches(call, name, row):
        for number in table.find("BATCHKEY", str(batch)):
            table.update(number, (table.get(number) or {}) | seen)


def posted(call: Call, name: str, row: Row) -> Posting:
    """What a document stands in the ledger with, put together from its batches."""
    table = call.books.table("GLENTRY")
    lines: list[Line] = []
    for batch in batches(call, name, row):
        lines += [_line(table.get(one) or {}) for one in table.find("BATCHNO", str(batch))]
    return Posting(tuple(lines))


def _line(entry: Row) -> Line:
    side = Decimal(entry.get("TR_TYPE") or 1)
    return Line(
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
