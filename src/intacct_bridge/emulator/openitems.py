"""What a payment does to the documents it settles: how much of each line is paid, what is due, in which state.

A payment names a document, perhaps one of its lines, and an amount; without a line the amount goes to the lines in
their order. The amount in base currency is the share of what the document still owes, so that the last payment takes
the last cent.
"""

from dataclasses import dataclass
from decimal import Decimal

from intacct_bridge.emulator.books import Call
from intacct_bridge.emulator.cells import Row
from intacct_bridge.emulator.chart import rules
from intacct_bridge.emulator.families import Family, amount, cents, owe, state_of
from intacct_bridge.emulator.posting import ZERO, relieved, to_base
from intacct_bridge.emulator.refusals import refused
from intacct_bridge.emulator.stamps import MODIFIED, note, stamp
from intacct_bridge.emulator.subledger import posted, refresh


@dataclass(frozen=True, slots=True)
class Part:
    """What one payment takes off one document: positive off what is owed, negative off a credit."""

    key: str
    trx_amount: Decimal
    amount: Decimal
    entity: str
    lines: tuple[tuple[str, Decimal], ...]
    """Line and how much of it, in the transaction's currency."""
    control: str


def open_document(call: Call, families: tuple[Family, ...], key: str) -> tuple[Family, Row]:
    """The document with that record number in one of these families; refused where there is none."""
    for family in families:
        row = call.books.table(family.object).get(int(key)) if key.isdecimal() else None
        if row is not None:
            return family, row
    words = " or ".join(family.word.lower() for family in families)
    raise refused(f"Invalid {words} '{key}' specified.", correction="Provide the record number of an open one.")


def planned(call: Call, family: Family, row: Row, trx_amount: Decimal, *, entry: str = "") -> Part:
    """The part of a payment that goes to this document; refused is more than it has open."""
    due = amount(row, "TRX_TOTALDUE")
    number = row.get("RECORDID") or row["RECORDNO"]
    if row.get("STATE") not in ("Posted", "Approved", "Partially Paid", "Paid", "Selected"):
        raise refused(f"{family.word} {number} is {row.get('STATE', '').lower()} and cannot be paid.")
    if abs(trx_amount) > abs(due) or trx_amount * due < 0:
        raise refused(
            f"The payment amount {trx_amount} exceeds the amount due {due} of {family.word.lower()} {number}.",
            errorno="BL03000130",
            correction="Pay no more than is due.",
        )
    lines = _lines(call, family, row)
    spread = _spread(lines, trx_amount, entry)
    base = relieved(trx_amount, trx_due=due, due=amount(row, "TOTALDUE"))
    control = lines[0].get("OFFSETGLACCOUNTNO", "") if lines else ""
    return Part(row["RECORDNO"], trx_amount, base, _entity(call, family, row, control), spread, control)


def _entity(call: Call, family: Family, row: Row, control: str) -> str:
    """The entity whose control account carries the document."""
    entity_of = rules(call.books).entity_of
    for line in posted(call, family.object, row).lines:
        if line.account == control:
            return entity_of.get(line.location, "")
    lines = _lines(call, family, row)
    return entity_of.get(lines[0].get("LOCATIONID", ""), "") if lines else ""


def _lines(call: Call, family: Family, row: Row) -> list[Row]:
    table = call.books.table(family.line)
    return [table.get(number) or {} for number in table.find("RECORDKEY", row["RECORDNO"])]


def _spread(lines: list[Row], trx_amount: Decimal, entry: str) -> tuple[tuple[str, Decimal], ...]:
    """The amount over the lines: lines against the document's sign first, then the others in their order."""
    sign = 1 if trx_amount >= 0 else -1
    chosen = [line for line in lines if not entry or line["RECORDNO"] == entry]
    if entry and not chosen:
        raise refused(f"Line {entry} is no line of the document.", correction="Provide the line's record number.")
    left, found = trx_amount, {}
    opened = {line["RECORDNO"]: amount(line, "TRX_AMOUNT") - amount(line, "TRX_TOTALPAID") for line in chosen}
    for key, free in opened.items():
        if free * sign < 0:
            found[key] = free
            left -= free
    for key, free in opened.items():
        if free * sign > 0 and left:
            found[key] = free if abs(free) <= abs(left) else left
            left -= found[key]
    if left:
        raise refused(f"The payment exceeds what is open on line {entry}.", errorno="BL03000130")
    return tuple(found.items())


def settle_part(call: Call, family: Family, part: Part, *, day: str, back: bool = False) -> None:
    """Take a part off its document, or put it back when a payment is undone."""
    books, sign = call.books, Decimal(-1 if back else 1)
    table, described = books.table(family.object), books.find(family.object)
    number = int(part.key)
    row = table.get(number) or {}
    for name, change in (("", part.amount * sign), ("TRX_", part.trx_amount * sign)):
        row[f"{name}TOTALPAID"] = cents(amount(row, f"{name}TOTALPAID") + change)
        row[f"{name}TOTALDUE"] = cents(amount(row, f"{name}TOTALDUE") - change)
    row["STATE"] = state_of(row)
    if row["STATE"] == "Paid":
        row["WHENPAID"] = day
    else:
        row.pop("WHENPAID", None)
    stamp(call, described, row, new=False)
    table.update(number, row)
    _settle_lines(call, family, part, row, sign)
    owe(call, family, row, -part.amount * sign)
    refresh(call, family.object, row)
    note(call, described, row, MODIFIED)


def _settle_lines(call: Call, family: Family, part: Part, row: Row, sign: Decimal) -> None:
    table, described = call.books.table(family.line), call.books.find(family.line)
    taken = dict(part.lines)
    for number in table.find("RECORDKEY", part.key):
        line = table.get(number) or {}
        change = taken.get(line["RECORDNO"], ZERO) * sign
        if change:
            paid = amount(line, "TRX_TOTALPAID") + change
            line["TRX_TOTALPAID"] = cents(paid)
            line["TOTALPAID"] = cents(to_base(paid, Decimal(row.get("EXCHANGE_RATE") or 1)))
        line["STATE"] = row["STATE"]
        stamp(call, described, line, new=False)
        table.update(number, line)
