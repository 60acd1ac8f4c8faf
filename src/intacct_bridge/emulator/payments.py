"""Payments and receipts: entered, posted, changed while they are drafts, undone by reversal.

A payment settles documents of one party in one currency, from a bank account or, for receipts, into undeposited
funds. Credits are applied beside the money. What a receipt brings more than it settles stays open on the receipt
until it is applied. A posted payment is not deleted: it is reversed, which opens again what it had settled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from intacct_bridge.emulator.books import Call
from intacct_bridge.emulator.cells import Row, decimal_text
from intacct_bridge.emulator.chart import check_open, rate, rules
from intacct_bridge.emulator.families import amount, cents, next_number, owe
from intacct_bridge.emulator.openitems import settle_part
from intacct_bridge.emulator.payment_parts import (
    PAID,
    Settles,
    Side,
    clear_details,
    keep_details,
    parts_of,
    stored_details,
    stored_parts,
    taken,
)
from intacct_bridge.emulator.posting import (
    ZERO,
    Application,
    Line,
    Posting,
    Settlement,
    payment,
    receipt,
    reverse,
    to_base,
)
from intacct_bridge.emulator.references import Reference, find, settle
from intacct_bridge.emulator.refusals import FunctionRefusedError, refused
from intacct_bridge.emulator.stamps import CREATED, DELETED, MODIFIED, note, stamp
from intacct_bridge.emulator.subledger import Voucher, day_of, fresh, post, posted
from intacct_bridge.errors import Fault

_BANK = Reference(("CHECKINGACCOUNT", "SAVINGSACCOUNT", "CREDITCARD"), "Bank Account")
_OVER = "unapplied"


@dataclass(frozen=True, slots=True)
class Money:
    """A payment as it was sent."""

    values: Row
    details: Sequence[Row]
    state: str = ""
    """Empty for what is posted at once; `Draft`, `Submitted` for what waits."""
    over: Decimal = ZERO
    """Received beyond what is settled."""
    place: str = ""
    """The location that what is over belongs to."""


def pay(call: Call, side: Side, money: Money, *, key: str = "") -> Row:
    """Enter a payment."""
    books = call.books
    row = {name: text for name, text in money.values.items() if text}
    new = not key
    _check_header(side, row, money)
    settle(books, books.find(side.object), dict(row), row)
    parts = parts_of(call, side, row, money.details)
    bank = _account(call, side, row)
    entity = _entity(call, bank, parts, money.place)
    _head(call, side, row, entity=entity, parts=parts, over=money.over)
    row |= {"RECORDNO": key or str(next_number(books, "PRRECORD")), "STATE": money.state or side.done}
    row["DISPLAYSTATE"] = row["STATE"]
    stamp(call, books.find(side.object), row, new=new)
    _put(call, side, row)
    if new:
        fresh(call, side.object, row)
    clear_details(call, side, row)
    keep_details(call, side, row, parts)
    books.store.keep_fact(f"{_OVER}:{row['RECORDNO']}", f"{money.over} {money.place or entity}")
    if not money.state:
        _settle_all(call, side, row, parts, day=row[side.day])
        post(call, _posting(call, side, row, parts, bank=bank, over=money.over), _voucher(side, row))
        _owe_over(call, side, row, -amount(row, "TOTALDUE"))
    note(call, books.find(side.object), row, CREATED if new else MODIFIED)
    return row


def amend(call: Call, side: Side, number: int, money: Money, *, described_only: bool) -> Row:
    """Change a payment: anything while it waits, what does not move money once it is posted."""
    old = call.books.table(side.object).get(number) or {}
    if old.get("STATE") in ("Draft", "Submitted") and not described_only:
        details = money.details or stored_details(call, side, old)
        return pay(call, side, replace(money, values=old | money.values, details=details), key=old["RECORDNO"])
    if money.details or not described_only:
        raise refused(
            f"{side.word} {number} is {old.get('STATE', '').lower()} and cannot be changed.",
            correction="Reverse it, and enter another.",
        )
    row = old | money.values
    stamp(call, call.books.find(side.object), row, new=False)
    call.books.table(side.object).update(number, row)
    note(call, call.books.find(side.object), row, MODIFIED)
    return row


def drop(call: Call, side: Side, number: int) -> None:
    """Delete a payment that was never posted."""
    row = call.books.table(side.object).get(number) or {}
    if row.get("STATE") not in ("Draft", "Submitted", "Declined"):
        raise refused(
            f"{side.word} {number} is {row.get('STATE', '').lower()} and cannot be deleted.",
            correction="Reverse it instead.",
        )
    clear_details(call, side, row)
    call.books.table(side.object).delete(number)
    note(call, call.books.find(side.object), row, DELETED)


def turn_round(call: Call, side: Side, number: int, *, day: str, memo: str) -> Row:
    """Reverse a payment: what it settled is open again, and the ledger has its mirror on that day."""
    books = call.books
    old = books.table(side.object).get(number) or {}
    if old.get("STATE") != side.done:
        raise refused(f"{side.word} {number} is {old.get('STATE', '').lower()} and cannot be reversed.")
    described = books.find(side.object)
    mirror = {name: text for name, text in old.items() if name not in ("CLRDATE",)}
    mirror |= {"RECORDNO": str(next_number(books, "PRRECORD")), "STATE": "Reversal", "DISPLAYSTATE": "Reversal"}
    mirror |= {"WHENCREATED": day, "WHENPAID": day, "RECEIPTDATE": day, "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    mirror |= {"DESCRIPTION": memo or old.get("DESCRIPTION", "")}
    for name in ("TOTALENTERED", "TRX_TOTALENTERED", "TOTALPAID", "TRX_TOTALPAID"):
        mirror[name] = cents(-amount(old, name))
    stamp(call, described, mirror, new=True)
    books.table(side.object).insert(mirror)
    fresh(call, side.object, mirror)
    check_open(books, day_of(mirror, "WHENCREATED"), set())
    post(call, reverse(posted(call, side.object, old)), _voucher(side, mirror, day=day))
    for family, part in stored_parts(call, side, old):
        settle_part(call, family, part, day=day, back=True)
    _owe_over(call, side, old, amount(old, "TOTALDUE"))
    old |= {"STATE": "Voided" if side is PAID else "Reversed", "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    old["DISPLAYSTATE"] = old["STATE"]
    stamp(call, described, old, new=False)
    books.table(side.object).update(number, old)
    note(call, described, old, MODIFIED)
    note(call, described, mirror, CREATED)
    return mirror


def apply_more(call: Call, side: Side, number: int, details: Sequence[Row], *, day: str) -> Row:
    """Apply what is still open on a receipt to documents."""
    books = call.books
    row = books.table(side.object).get(number) or {}
    parts = parts_of(call, side, row, details)
    total = sum((part.trx_amount for _, part in taken(side, parts)), ZERO)
    left = amount(row, "TRX_TOTALDUE")
    if total > left:
        raise refused(f"The amount {total} exceeds {left}, which is left of the receipt.", errorno="BL03000130")
    factor = Decimal(row.get("EXCHANGE_RATE") or 1)
    over, place = (books.store.fact(f"{_OVER}:{number}") or f"{left} ").split(" ", 1)
    entity = rules(books).entity_of.get(place, "")
    party = {side.party: row[side.party_id]}
    applied = [Application(part.entity, part.trx_amount, part.amount, party) for _, part in taken(side, parts)]
    open_part = Application(entity, -total, -to_base(total, factor), party)
    settlement = Settlement(entity, "", row["CURRENCY"], (*applied, open_part), factor)
    post(call, receipt(settlement, rules(books)), _voucher(side, row, day=day))
    _settle_all(call, side, row, parts, day=day)
    _owe_over(call, side, row, to_base(total, factor))
    for name, change in (("", to_base(total, factor)), ("TRX_", total)):
        row[f"{name}TOTALDUE"] = cents(amount(row, f"{name}TOTALDUE") - change)
        row[f"{name}TOTALPAID"] = cents(amount(row, f"{name}TOTALPAID") + change)
    books.store.keep_fact(f"{_OVER}:{number}", f"{Decimal(over) - total} {place}")
    stamp(call, books.find(side.object), row, new=False)
    books.table(side.object).update(number, row)
    keep_details(call, side, row, parts)
    note(call, books.find(side.object), row, MODIFIED)
    return row


# --- what is refused


def _check_header(side: Side, row: Row, money: Money) -> None:
    required = [side.party_id, side.day, "PAYMENTMETHOD"]
    missing = [name for name in required if not row.get(name)]
    if missing:
        named = {"WHENCREATED": "PAYMENTDATE"}
        texts = (f"Required field {named.get(name, name)} is missing for {side.object}." for name in missing)
        raise FunctionRefusedError(*(Fault("BL01001973", description2=text) for text in texts))
    if not money.details and not money.over:
        raise refused(f"{side.word} settles nothing.", correction=f"Provide {side.line}S.")


def _account(call: Call, side: Side, row: Row) -> tuple[str, str]:
    """The ledger account that the money leaves or reaches, and its location."""
    name = row.get("FINANCIALENTITY", "")
    if not name:
        account = row.get("UNDEPOSITEDACCOUNTNO") or rules(call.books).undeposited
        if side is PAID or not account:
            raise refused(f"Required field FINANCIALENTITY is missing for {side.object}.")
        row["UNDEPOSITEDACCOUNTNO"] = account
        return account, ""
    bank = find(call.books, _BANK, name)
    return bank.get("GLACCOUNTNO") or bank.get("LIABACCTKEY", ""), bank.get("LOCATIONID", bank.get("LOCATION", ""))


def _entity(call: Call, bank: tuple[str, str], parts: list[Settles], place: str) -> str:
    entity_of = rules(call.books).entity_of
    for one in (bank[1], call.session.entity, *(one.part.entity for one in parts), place):
        if one:
            return entity_of.get(one, "")
    return ""


# --- writing


def _head(call: Call, side: Side, row: Row, *, entity: str, parts: list[Settles], over: Decimal) -> None:
    base = rules(call.books).base_currency[entity]
    applied = sum((part.trx_amount for _, part in taken(side, parts)), ZERO)
    row["BASECURR"] = base
    row["CURRENCY"] = row.get("CURRENCY") or base
    factor = rate(call.books, row["CURRENCY"], base, day=day_of(row, side.day), given=row.get("EXCHANGE_RATE", ""))
    row |= {"EXCHANGE_RATE": decimal_text(factor), "RECORDTYPE": side.type, "SYSTEMGENERATED": "F", "CLEARED": "F"}
    row |= {"WHENCREATED": row[side.day], "WHENPAID": row.get("WHENPAID") or row[side.day], "RAWSTATE": "C"}
    row.setdefault("WHENPOSTED", row[side.day])
    for name, total, left in (
        ("", to_base(applied + over, factor), to_base(over, factor)),
        ("TRX_", applied + over, over),
    ):
        row[f"{name}TOTALENTERED"], row[f"{name}TOTALDUE"] = cents(total), cents(left)
        row[f"{name}TOTALPAID"] = cents(total - left)
    if row.get("DOCNUMBER"):
        row.setdefault("RECORDID", row["DOCNUMBER"])
    if row.get("FINANCIALENTITY"):
        row |= {"FINANCIALENTITYTYPE": "ba", "FINANCIALACCOUNTCURRENCY": base}
    row["ENTITY"] = f"{side.party[0]}{row[side.party_id]}"


def _posting(
    call: Call, side: Side, row: Row, parts: list[Settles], *, bank: tuple[str, str], over: Decimal
) -> Posting:
    chart = rules(call.books)
    factor = Decimal(row["EXCHANGE_RATE"])
    party = {side.party: row[side.party_id]}
    entity = _entity(call, bank, parts, "")
    groups: dict[str, list[Application]] = {}
    for _, part in taken(side, parts):
        control = part.control or (chart.payables if side is PAID else chart.receivables)
        groups.setdefault(control, []).append(Application(part.entity, part.trx_amount, part.amount, party))
    if over:
        groups.setdefault(chart.receivables, []).append(Application(entity, over, to_base(over, factor), party))
    lines: list[Line] = []
    for control, applications in groups.items():
        settlement = Settlement(entity, bank[0], row["CURRENCY"], tuple(applications), factor)
        made = (
            payment(settlement, chart, control=control) if side is PAID else receipt(settlement, chart, control=control)
        )
        lines += made.lines
    return Posting(tuple(lines))


def _settle_all(call: Call, side: Side, row: Row, parts: list[Settles], *, day: str) -> None:
    for family, part in taken(side, parts):
        settle_part(call, family, part, day=day)
    note_last(call, side, row, day=day)


def note_last(call: Call, side: Side, row: Row, *, day: str) -> None:
    """Remember on the vendor when it was paid last."""
    if side is PAID:
        table = call.books.table("VENDOR")
        for number in table.find("VENDORID", row["VENDORID"]):
            table.update(number, (table.get(number) or {}) | {"WHENLASTPAID": day})


def _owe_over(call: Call, side: Side, row: Row, change: Decimal) -> None:
    owe(call, side.families[0], row, change)


def _put(call: Call, side: Side, row: Row) -> None:
    table, number = call.books.table(side.object), int(row["RECORDNO"])
    if table.get(number) is None:
        table.insert(row, number)
    else:
        table.update(number, row)


def _voucher(side: Side, row: Row, *, day: str = "") -> Voucher:
    named = row.get("VENDORNAME") or row.get("CUSTOMERNAME", "")
    title = f"{side.word} {row.get('RECORDID') or row['RECORDNO']}, {named}".rstrip(", ")
    when = day_of({"day": day or row[side.day]}, "day")
    rate_ = Decimal(row.get("EXCHANGE_RATE") or 1)
    more = {"FINANCIALENTITY": row["FINANCIALENTITY"]} if row.get("FINANCIALENTITY") else {}
    return Voucher(side.object, row, side.journal, side.module, title, when, rate_, more)
