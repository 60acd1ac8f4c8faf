"""Payments and receipts: entered, posted, changed while they are drafts, undone by reversal.

A payment settles documents of one party in one currency, from a bank account or, for receipts, into undeposited
funds. Credits, advances and discounts are applied beside the money. What a receipt brings more than it settles stays
open on the receipt until it is applied. A payment that waits sets aside what it will take. A posted payment is not
deleted: it is reversed, which opens again what it had settled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from intacct_bridge.emulator.accounting.amounts import ZERO, amount, to_base
from intacct_bridge.emulator.accounting.chart import posting_rules
from intacct_bridge.emulator.accounting.periods import day_of
from intacct_bridge.emulator.accounting.rates import exchange_rate
from intacct_bridge.emulator.company.company_data import FunctionCall
from intacct_bridge.emulator.company.side_tables import Overpayment
from intacct_bridge.emulator.records.audit_fields import CREATED, DELETED, MODIFIED, note, stamp
from intacct_bridge.emulator.records.references import settle
from intacct_bridge.emulator.settings.cells import Row, decimal_text
from intacct_bridge.emulator.settings.refusals import FunctionRefusedError, refused
from intacct_bridge.emulator.subledgers.cash.banking import bank_account, reversal_through_bank
from intacct_bridge.emulator.subledgers.families import change_total_due, next_number
from intacct_bridge.emulator.subledgers.payments.open_items import settle_part
from intacct_bridge.emulator.subledgers.payments.parts import (
    VENDOR_SIDE,
    PaymentSide,
    SettledDetail,
    SettlementInput,
    every_part,
    parts_of,
)
from intacct_bridge.emulator.subledgers.payments.posting import PaymentAccount, postings
from intacct_bridge.emulator.subledgers.payments.rows import (
    clear_details,
    keep_details,
    keep_requested_details,
    reserve,
    stored_details,
    stored_parts,
)
from intacct_bridge.emulator.subledgers.vouchers import Voucher, post, reverse_all, start_without_batches
from intacct_bridge.errors import Fault

WAITING = ("Draft", "Submitted", "Approved")


@dataclass(frozen=True, slots=True)
class PaymentInput:
    """A payment as it was sent."""

    values: Row
    details: Sequence[Row]
    state: str = ""
    """Empty for what is posted at once; `Draft`, `Submitted` for what waits."""
    over: Decimal = ZERO
    """Received beyond what is settled."""
    place: str = ""
    """The location that what is over belongs to."""
    stated: Decimal | None = None
    """The whole amount, where the payment tells it."""
    stated_in: str = "AMOUNTTOPAY"


def enter(call: FunctionCall, side: PaymentSide, money: PaymentInput, *, key: str = "") -> Row:
    """Enter a payment, or post one that waited."""
    company = call.company
    row = {name: text for name, text in money.values.items() if text}
    new = not key
    _check_header(side, row, money)
    settle(company, company.find(side.object), dict(row), row)
    if not new:
        reserve(call, side, {"RECORDNO": key}, back=True)
    parts = parts_of(call, side, row, SettlementInput(money.details, money.stated, money.stated_in), over=money.over)
    bank = _account(call, side, row)
    purse = PaymentAccount(bank[0], _entity(call, bank, parts, money.place), money.over, money.place)
    _check_over(call, purse.entity, money)
    _head(call, side, row, purse=purse, parts=parts)
    row |= {"RECORDNO": key or str(next_number(company, "PRRECORD")), "STATE": money.state or side.done}
    row["DISPLAYSTATE"] = row["STATE"]
    stamp(call, company.find(side.object), row, new=new)
    _put(call, side, row)
    if new:
        start_without_batches(call, side.object, row)
    clear_details(call, side, row)
    keep_details(call, side, row, parts)
    over = Overpayment(money.over, money.place or purse.entity)
    company.side_tables.overpayments.put(row["RECORDNO"], value=over)
    if money.state:
        keep_requested_details(call, side, row, money.details)
        reserve(call, side, row)
    else:
        for posting in postings(call, side, row, parts, purse):
            post(call, posting, _voucher(side, row))
        _settle_all(call, side, row, parts, day=row[side.day])
        _owe_over(call, side, row, -amount(row, "TOTALDUE"))
    note(call, company.find(side.object), row, CREATED if new else MODIFIED)
    return row


def update(call: FunctionCall, side: PaymentSide, number: int, money: PaymentInput, *, described_only: bool) -> Row:
    """Change a payment: anything while it waits, what does not move money once it is posted."""
    old = call.company.table(side.object).get(number) or {}
    if old.get("STATE") in ("Draft", "Submitted") and not described_only:
        details = money.details or stored_details(call, side, old)
        kept = call.company.side_tables.overpayments.get(str(number)) or Overpayment()
        money = replace(money, over=money.over or kept.amount, place=money.place or kept.location)
        return enter(call, side, replace(money, values=old | money.values, details=details), key=old["RECORDNO"])
    if money.details or not described_only:
        raise refused(
            f"{side.word} {number} is {old.get('STATE', '').lower()} and cannot be changed.",
            correction="Reverse it, and enter another.",
        )
    row = old | money.values
    stamp(call, call.company.find(side.object), row, new=False)
    call.company.table(side.object).update(number, row)
    note(call, call.company.find(side.object), row, MODIFIED)
    return row


def post_waiting(call: FunctionCall, side: PaymentSide, number: int) -> Row:
    """Post a payment that waited, as it was asked for."""
    row = call.company.table(side.object).get(number) or {}
    values = {name: text for name, text in row.items() if name not in ("STATE", "DISPLAYSTATE", "RECORDNO")}
    over = call.company.side_tables.overpayments.get(str(number)) or Overpayment()
    money = PaymentInput(values, stored_details(call, side, row), "", over.amount, over.location)
    return enter(call, side, money, key=row["RECORDNO"])


def change_state(call: FunctionCall, side: PaymentSide, number: int, state: str) -> Row:
    """Bring a payment that waits into another state; one that will not be paid frees what it had set aside."""
    described = call.company.find(side.object)
    row = call.company.table(side.object).get(number) or {}
    row |= {"STATE": state, "DISPLAYSTATE": state}
    if state not in WAITING:
        reserve(call, side, row, back=True)
    stamp(call, described, row, new=False)
    call.company.table(side.object).update(number, row)
    note(call, described, row, MODIFIED)
    return row


def delete(call: FunctionCall, side: PaymentSide, number: int) -> None:
    """Delete a payment that was never posted."""
    row = call.company.table(side.object).get(number) or {}
    if row.get("STATE") not in ("Draft", "Submitted", "Declined"):
        raise refused(
            f"{side.word} {number} is {row.get('STATE', '').lower()} and cannot be deleted.",
            correction="Reverse it instead.",
        )
    reserve(call, side, row, back=True)
    clear_details(call, side, row)
    call.company.table(side.object).delete(number)
    note(call, call.company.find(side.object), row, DELETED)


def reverse(call: FunctionCall, side: PaymentSide, number: int, *, day: str, memo: str) -> Row:
    """Reverse a payment: what it settled is open again, and the ledger has its mirror on that day."""
    company = call.company
    table, described = company.table(side.object), company.find(side.object)
    old = table.get(number) or {}
    if old.get("STATE") != side.done:
        raise refused(f"{side.word} {number} is {old.get('STATE', '').lower()} and cannot be reversed.")
    mirror = _mirror(call, side, old, day=day, memo=memo)
    table.insert(mirror)
    start_without_batches(call, side.object, mirror)
    reverse_all(call, old, _voucher(side, mirror, day=day), change=reversal_through_bank(call, old))
    for family, part in stored_parts(call, side, old):
        settle_part(call, family, part, day=day, back=True)
    old = table.get(number) or {}
    _check_unused(call, side, old)
    _owe_over(call, side, old, amount(old, "TOTALDUE"))
    old |= {"STATE": "Voided" if side is VENDOR_SIDE else "Reversed", "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    old["DISPLAYSTATE"] = old["STATE"]
    stamp(call, described, old, new=False)
    table.update(number, old)
    note(call, described, old, MODIFIED)
    note(call, described, mirror, CREATED)
    return mirror


def apply_overpayment(call: FunctionCall, side: PaymentSide, number: int, details: Sequence[Row], *, day: str) -> Row:
    """Apply what is still open on a receipt to documents."""
    company = call.company
    table = company.table(side.object)
    row = table.get(number) or {}
    from_here = [
        {
            "RECORDKEY": one["RECORDKEY"],
            "OVERPAYMENTKEY": str(number),
            "TRX_POSTEDOVERPAYMENTAMOUNT": one["TRX_PAYMENTAMOUNT"],
        }
        for one in details
    ]
    row.setdefault("EXCHANGE_RATE", "1")
    parts = parts_of(call, side, row, SettlementInput(from_here))
    purse = PaymentAccount("", _entity(call, ("", ""), parts, ""))
    for posting in postings(call, side, row, parts, purse):
        post(call, posting, _voucher(side, row, day=day))
    keep_details(call, side, row, parts)
    _settle_all(call, side, row, parts, day=day)
    return table.get(number) or {}


# --- what is refused


def _check_header(side: PaymentSide, row: Row, money: PaymentInput) -> None:
    required = [side.party_id, side.day, "PAYMENTMETHOD"]
    missing = [name for name in required if not row.get(name)]
    if missing:
        named = {"WHENCREATED": "PAYMENTDATE"}
        texts = (f"Required field {named.get(name, name)} is missing for {side.object}." for name in missing)
        raise FunctionRefusedError(*(Fault("BL01001973", description2=text) for text in texts))
    if money.over < 0:
        raise refused("The overpayment is below zero.", correction="Leave it out.", field="OVERPAYMENTAMOUNT")
    if not money.details and not money.over:
        raise refused(f"{side.word} settles nothing.", correction=f"Provide {side.line}S.")


def _check_unused(call: FunctionCall, side: PaymentSide, row: Row) -> None:
    """What was over is all here again, once what this receipt settled itself is undone."""
    over = (call.company.side_tables.overpayments.get(row["RECORDNO"]) or Overpayment()).amount
    if over and amount(row, "TRX_TOTALDUE") != over:
        raise refused(
            f"{over - amount(row, 'TRX_TOTALDUE')} of what {side.word.lower()} {row['RECORDNO']} brought over is "
            "applied by another.",
            correction="Reverse that one first.",
        )


def _check_over(call: FunctionCall, entity: str, money: PaymentInput) -> None:
    """What is over must belong to an entity where the company has several, or it could never be applied."""
    if money.over and not entity and any(posting_rules(call.company).entity_of.values()):
        raise refused(
            "What is received beyond the documents needs a location in a company of several entities.",
            correction="Provide overpaylocid, or a bank account that has a location.",
        )


def _account(call: FunctionCall, side: PaymentSide, row: Row) -> tuple[str, str]:
    """The ledger account that the money leaves or reaches, and its location."""
    name = row.get("FINANCIALENTITY", "")
    if not name:
        account = row.get("UNDEPOSITEDACCOUNTNO") or posting_rules(call.company).undeposited
        if side is VENDOR_SIDE or not account:
            raise refused(f"Required field FINANCIALENTITY is missing for {side.object}.")
        row["UNDEPOSITEDACCOUNTNO"] = account
        return account, ""
    return bank_account(call, name)


def _entity(call: FunctionCall, bank: tuple[str, str], parts: list[SettledDetail], place: str) -> str:
    entity_of = posting_rules(call.company).entity_of
    for one in (bank[1], call.session.entity, *(one.part.entity for one in parts), place):
        if one:
            return entity_of.get(one, "")
    return ""


# --- writing


def _head(
    call: FunctionCall, side: PaymentSide, row: Row, *, purse: PaymentAccount, parts: list[SettledDetail]
) -> None:
    base = posting_rules(call.company).base_currency[purse.entity]
    applied = sum((one.money for one in parts), ZERO)
    row["BASECURR"] = base
    row["CURRENCY"] = row.get("CURRENCY") or base
    factor = exchange_rate(
        call.company, row["CURRENCY"], base, day=day_of(row, side.day), given=row.get("EXCHANGE_RATE", "")
    )
    row |= {"EXCHANGE_RATE": decimal_text(factor), "RECORDTYPE": side.type, "SYSTEMGENERATED": "F", "CLEARED": "F"}
    row |= {"WHENCREATED": row[side.day], "WHENPAID": row.get("WHENPAID") or row[side.day], "RAWSTATE": "C"}
    row.setdefault("WHENPOSTED", row[side.day])
    over = purse.over
    for name, total, left in (
        ("", to_base(applied + over, factor), to_base(over, factor)),
        ("TRX_", applied + over, over),
    ):
        row[f"{name}TOTALENTERED"], row[f"{name}TOTALDUE"] = decimal_text(total), decimal_text(left)
        row[f"{name}TOTALPAID"] = decimal_text(total - left)
        row[f"{name}TOTALSELECTED"] = "0"
    if row.get("DOCNUMBER"):
        row.setdefault("RECORDID", row["DOCNUMBER"])
    if row.get("FINANCIALENTITY"):
        row |= {"FINANCIALENTITYTYPE": "ba", "FINANCIALACCOUNTCURRENCY": base}
    row["ENTITY"] = f"{side.party[0]}{row[side.party_id]}"


def _mirror(call: FunctionCall, side: PaymentSide, old: Row, *, day: str, memo: str) -> Row:
    mirror = {name: text for name, text in old.items() if name not in ("CLRDATE",)}
    mirror |= {"RECORDNO": str(next_number(call.company, "PRRECORD")), "STATE": "Reversal", "DISPLAYSTATE": "Reversal"}
    mirror |= {"WHENCREATED": day, "WHENPAID": day, "RECEIPTDATE": day, "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    mirror |= {"DESCRIPTION": memo or old.get("DESCRIPTION", "")}
    for name in ("TOTALENTERED", "TRX_TOTALENTERED", "TOTALPAID", "TRX_TOTALPAID"):
        mirror[name] = decimal_text(-amount(old, name))
    stamp(call, call.company.find(side.object), mirror, new=True)
    return mirror


def _settle_all(call: FunctionCall, side: PaymentSide, row: Row, parts: list[SettledDetail], *, day: str) -> None:
    for family, part in every_part(parts):
        settle_part(call, family, part, day=day)
    if side is VENDOR_SIDE:
        table = call.company.table("VENDOR")
        for number in table.find("VENDORID", row["VENDORID"]):
            table.update(number, (table.get(number) or {}) | {"WHENLASTPAID": day})


def _owe_over(call: FunctionCall, side: PaymentSide, row: Row, change: Decimal) -> None:
    change_total_due(call, side.families[0], row, change)


def _put(call: FunctionCall, side: PaymentSide, row: Row) -> None:
    table, number = call.company.table(side.object), int(row["RECORDNO"])
    if table.get(number) is None:
        table.insert(row, number)
    else:
        table.update(number, row)


def _voucher(side: PaymentSide, row: Row, *, day: str = "") -> Voucher:
    named = row.get("VENDORNAME") or row.get("CUSTOMERNAME", "")
    title = f"{side.word} {row.get('RECORDID') or row['RECORDNO']}, {named}".rstrip(", ")
    when = day_of({"day": day or row[side.day]}, "day")
    rate_ = Decimal(row.get("EXCHANGE_RATE") or 1)
    more = {"FINANCIALENTITY": row["FINANCIALENTITY"]} if row.get("FINANCIALENTITY") else {}
    return Voucher(side.object, row, side.journal, side.module, title, when, rate_, more)
