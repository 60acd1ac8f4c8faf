"""Payments and receipts: entered, changed and deleted while they wait, posted, reversed.

A payment settles documents of one party in one currency, from a bank account or, for receipts, also into undeposited
funds. Credits, advances and discounts settle documents without money. An overpayment stays open on the receipt until it
is applied. A waiting payment reserves the amounts that it will settle. A posted payment cannot be deleted. Its reversal
opens the documents again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.company.side_tables import Overpayment
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.periods import check_reversal_day, day_of
from intacct_emulator.ledger.rates import exchange_rate
from intacct_emulator.records.audit_fields import CREATED, DELETED, MODIFIED, record_change, set_audit_fields
from intacct_emulator.records.references import apply_references
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import FunctionRefusedError, refused
from intacct_emulator.subledgers.cash.banking import bank_account, reversal_through_bank
from intacct_emulator.subledgers.families import change_total_due, next_number
from intacct_emulator.subledgers.payments.open_items import settle_part
from intacct_emulator.subledgers.payments.parts import (
    VENDOR_SIDE,
    PaymentSide,
    SettledDetail,
    SettlementInput,
    every_part,
    parts_of,
)
from intacct_emulator.subledgers.payments.posting import PaymentAccount, postings
from intacct_emulator.subledgers.payments.rows import (
    clear_details,
    keep_details,
    keep_requested_details,
    mark_details_reversed,
    reserve,
    stored_details,
    stored_parts,
)
from intacct_emulator.subledgers.vouchers import (
    Voucher,
    keep_reversal_day,
    post,
    refresh_detail,
    reverse_all,
    start_without_batches,
)
from intacct_protocol.errors import Fault

WAITING = ("Draft", "Submitted", "Approved")


@dataclass(frozen=True, slots=True)
class PaymentInput:
    """A payment of a request."""

    values: Row
    details: Sequence[Row]
    state: str = ""
    """Empty for a payment that is posted at once; `Draft` or `Submitted` for one that waits."""
    overpayment: Overpayment = field(default_factory=Overpayment)
    """The amount received beyond the settled documents."""
    stated_total: Decimal | None = None
    """The total amount, if the request gives it."""
    stated_field: str = "AMOUNTTOPAY"


def enter(call: FunctionCall, side: PaymentSide, payment: PaymentInput, *, key: str = "") -> Row:
    """Enter a payment, or write a waiting one again (`key`)."""
    company = call.company
    row = {name: text for name, text in payment.values.items() if text}
    new = not key
    _check_header(side, row, payment)
    apply_references(company, company.find(side.object), dict(row), row)
    if not new:
        reserve(call, side, {"RECORDNO": key}, undo=True)
    requested = SettlementInput(payment.details, payment.stated_total, payment.stated_field)
    parts = parts_of(call, side, row, requested, overpayment=payment.overpayment.amount)
    number, location = _account(call, side, row)
    entity = _entity(call, parts, (location, payment.overpayment.location))
    account = PaymentAccount(number, entity, payment.overpayment)
    _check_overpayment_entity(call, entity, payment)
    _head(call, side, row, account=account, parts=parts)
    row |= {"RECORDNO": key or str(next_number(company, "PRRECORD")), "STATE": payment.state or side.posted_state}
    row["DISPLAYSTATE"] = row["STATE"]
    set_audit_fields(call, company.find(side.object), row, new=new)
    _put(call, side, row)
    if new:
        start_without_batches(call, side.object, row)
    clear_details(call, side, row)
    keep_details(call, side, row, parts)
    _keep_overpayment(call, row, payment.overpayment, entity)
    if payment.state:
        keep_requested_details(call, side, row, payment.details)
        reserve(call, side, row)
    else:
        for posting in postings(call, side, row, parts, account):
            post(call, posting, _voucher(side, row))
        _settle_all(call, side, row, parts, day=row[side.day])
        _change_total_due(call, side, row, -amount(row, "TOTALDUE"))
    record_change(call, company.find(side.object), row, CREATED if new else MODIFIED)
    return row


def _keep_overpayment(call: FunctionCall, row: Row, overpayment: Overpayment, entity: str) -> None:
    """Keep the overpayment with its amount in base currency; without a location it belongs to the payment's entity."""
    rounding = posting_rules(call.company).rounding
    base = rounding.to_base(overpayment.amount, Decimal(row["EXCHANGE_RATE"]), row["BASECURR"])
    kept = replace(overpayment, location=overpayment.location or entity, base=base)
    call.company.side_tables.overpayments.put(row["RECORDNO"], value=kept)


def update(call: FunctionCall, side: PaymentSide, number: int, payment: PaymentInput, *, described_only: bool) -> Row:
    """Change a payment: every field while it waits, only fields that move no money once it is posted."""
    old = call.company.table(side.object).get(number) or {}
    if old.get("STATE") in ("Draft", "Submitted") and not described_only:
        details = payment.details or stored_details(call, side, old)
        kept = call.company.side_tables.overpayments.get(str(number)) or Overpayment()
        overpayment = Overpayment(
            payment.overpayment.amount or kept.amount, payment.overpayment.location or kept.location
        )
        changed = replace(payment, values=old | payment.values, details=details, overpayment=overpayment)
        return enter(call, side, changed, key=old["RECORDNO"])
    if payment.details or not described_only:
        raise refused(
            f"{side.noun} {number} is {old.get('STATE', '').lower()} and cannot be changed.",
            correction="Reverse it, and enter another.",
        )
    row = old | payment.values
    set_audit_fields(call, call.company.find(side.object), row, new=False)
    call.company.table(side.object).update(number, row)
    record_change(call, call.company.find(side.object), row, MODIFIED)
    return row


def post_waiting(call: FunctionCall, side: PaymentSide, number: int) -> Row:
    """Post a waiting payment as it was requested."""
    row = call.company.table(side.object).get(number) or {}
    values = {name: text for name, text in row.items() if name not in ("STATE", "DISPLAYSTATE", "RECORDNO")}
    overpayment = call.company.side_tables.overpayments.get(str(number)) or Overpayment()
    payment = PaymentInput(values, stored_details(call, side, row), "", overpayment)
    return enter(call, side, payment, key=row["RECORDNO"])


def change_state(call: FunctionCall, side: PaymentSide, number: int, state: str) -> Row:
    """Change the state of a waiting payment; one that will not be posted frees its reserved amounts."""
    described = call.company.find(side.object)
    row = call.company.table(side.object).get(number) or {}
    row |= {"STATE": state, "DISPLAYSTATE": state}
    if state not in WAITING:
        reserve(call, side, row, undo=True)
    set_audit_fields(call, described, row, new=False)
    call.company.table(side.object).update(number, row)
    record_change(call, described, row, MODIFIED)
    return row


def delete(call: FunctionCall, side: PaymentSide, number: int) -> None:
    """Delete a payment that was never posted."""
    row = call.company.table(side.object).get(number) or {}
    if row.get("STATE") not in ("Draft", "Submitted", "Declined"):
        raise refused(
            f"{side.noun} {number} is {row.get('STATE', '').lower()} and cannot be deleted.",
            correction="Reverse it instead.",
        )
    reserve(call, side, row, undo=True)
    clear_details(call, side, row)
    call.company.table(side.object).delete(number)
    record_change(call, call.company.find(side.object), row, DELETED)


def reverse(call: FunctionCall, side: PaymentSide, number: int, *, day: str, memo: str) -> Row:
    """Reverse a payment: open its documents again, and post its mirror on that day."""
    company = call.company
    table, described = company.table(side.object), company.find(side.object)
    old = table.get(number) or {}
    if old.get("STATE") != side.posted_state:
        raise refused(f"{side.noun} {number} is {old.get('STATE', '').lower()} and cannot be reversed.")
    check_reversal_day(company, old, side.day, day)
    mirror = _mirror(call, side, old, day=day, memo=memo)
    table.insert(mirror)
    start_without_batches(call, side.object, mirror)
    reverse_all(call, old, _voucher(side, mirror, day=day), change=reversal_through_bank(call, old))
    for family, part in stored_parts(call, side, old):
        settle_part(call, family, part, day=day, undo=True)
        company.side_tables.once_settled.put(family.object, part.key, value=True)
    old = table.get(number) or {}
    _check_overpayment_unused(call, side, old)
    _change_total_due(call, side, old, amount(old, "TOTALDUE"))
    old |= {"STATE": "Voided" if side is VENDOR_SIDE else "Reversed", "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    old["DISPLAYSTATE"] = old["STATE"]
    set_audit_fields(call, described, old, new=False)
    table.update(number, old)
    keep_reversal_day(call, side.object, old, day)
    mark_details_reversed(call, side, old)
    refresh_detail(call, side.object, old)
    record_change(call, described, old, MODIFIED)
    record_change(call, described, mirror, CREATED)
    return mirror


def apply_overpayment(call: FunctionCall, side: PaymentSide, number: int, details: Sequence[Row], *, day: str) -> Row:
    """Apply the overpayment of a receipt to documents."""
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
    account = PaymentAccount("", _entity(call, parts))
    for posting in postings(call, side, row, parts, account):
        post(call, posting, _voucher(side, row, day=day))
    keep_details(call, side, row, parts, day=day)
    _settle_all(call, side, row, parts, day=day)
    return table.get(number) or {}


# --- refusals


def _check_header(side: PaymentSide, row: Row, payment: PaymentInput) -> None:
    required = [side.party_id, side.day, "PAYMENTMETHOD"]
    missing = [name for name in required if not row.get(name)]
    if missing:
        named = {"WHENCREATED": "PAYMENTDATE"}
        texts = (f"Required field {named.get(name, name)} is missing for {side.object}." for name in missing)
        raise FunctionRefusedError(*(Fault("BL01001973", description2=text) for text in texts))
    if payment.overpayment.amount < 0:
        raise refused("The overpayment is below zero.", correction="Leave it out.", field="OVERPAYMENTAMOUNT")
    if not payment.details and not payment.overpayment.amount:
        raise refused(f"{side.noun} has no details.", correction=f"Provide {side.line}S.")


def _check_overpayment_unused(call: FunctionCall, side: PaymentSide, row: Row) -> None:
    """Refuse to reverse a receipt whose overpayment another receipt has applied."""
    overpayment = (call.company.side_tables.overpayments.get(row["RECORDNO"]) or Overpayment()).amount
    if overpayment and amount(row, "TRX_TOTALDUE") != overpayment:
        raise refused(
            f"{overpayment - amount(row, 'TRX_TOTALDUE')} of the overpayment of "
            f"{side.noun.lower()} {row['RECORDNO']} is applied by another receipt.",
            correction="Reverse that one first.",
        )


def _check_overpayment_entity(call: FunctionCall, entity: str, payment: PaymentInput) -> None:
    """Refuse an overpayment without an entity in a company of several, since it could never be applied."""
    if payment.overpayment.amount and not entity and any(posting_rules(call.company).entity_of.values()):
        raise refused(
            "An overpayment needs a location in a company of several entities.",
            correction="Provide overpaylocid, or a bank account that has a location.",
        )


def _account(call: FunctionCall, side: PaymentSide, row: Row) -> tuple[str, str]:
    """The ledger account that the money leaves or reaches, and its location."""
    name = row.get("FINANCIALENTITY", "")
    if not name:
        account = row.get("UNDEPOSITEDACCOUNTNO") or posting_rules(call.company).undeposited_funds
        if side is VENDOR_SIDE or not account:
            raise refused(f"Required field FINANCIALENTITY is missing for {side.object}.")
        row["UNDEPOSITEDACCOUNTNO"] = account
        return account, ""
    return bank_account(call, name)


def _entity(call: FunctionCall, parts: list[SettledDetail], locations: tuple[str, str] = ("", "")) -> str:
    """The entity of a payment: its bank's, the session's, its documents', or its overpayment's."""
    bank, overpayment = locations
    entity_of = posting_rules(call.company).entity_of
    for one in (bank, call.session.entity, *(one.part.entity for one in parts), overpayment):
        if one:
            return entity_of.get(one, "")
    return ""


# --- writing


def _head(
    call: FunctionCall, side: PaymentSide, row: Row, *, account: PaymentAccount, parts: list[SettledDetail]
) -> None:
    base = posting_rules(call.company).base_currency[account.entity]
    applied = sum((one.money_amount for one in parts), ZERO)
    row["BASECURR"] = base
    row["CURRENCY"] = row.get("CURRENCY") or base
    factor = exchange_rate(call.company, row, row["CURRENCY"], base, day=day_of(row, side.day))
    row |= {"EXCHANGE_RATE": decimal_text(factor), "RECORDTYPE": side.type, "SYSTEMGENERATED": "F", "CLEARED": "F"}
    row |= {"WHENCREATED": row[side.day], "WHENPAID": row.get("WHENPAID") or row[side.day], "RAWSTATE": "C"}
    row.setdefault("WHENPOSTED", row[side.day])
    overpayment, to_base = account.overpayment.amount, posting_rules(call.company).rounding.to_base
    for name, total, left in (
        ("", to_base(applied + overpayment, factor, base), to_base(overpayment, factor, base)),
        ("TRX_", applied + overpayment, overpayment),
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
    set_audit_fields(call, call.company.find(side.object), mirror, new=True)
    return mirror


def _settle_all(call: FunctionCall, side: PaymentSide, row: Row, parts: list[SettledDetail], *, day: str) -> None:
    for family, part in every_part(parts):
        settle_part(call, family, part, day=day)
    if side is VENDOR_SIDE:
        table = call.company.table("VENDOR")
        for number in table.find("VENDORID", row["VENDORID"]):
            table.update(number, (table.get(number) or {}) | {"WHENLASTPAID": day})


def _change_total_due(call: FunctionCall, side: PaymentSide, row: Row, change: Decimal) -> None:
    change_total_due(call, side.families[0], row, change)


def _put(call: FunctionCall, side: PaymentSide, row: Row) -> None:
    table, number = call.company.table(side.object), int(row["RECORDNO"])
    if table.get(number) is None:
        table.insert(row, number)
    else:
        table.update(number, row)


def _voucher(side: PaymentSide, row: Row, *, day: str = "") -> Voucher:
    named = row.get("VENDORNAME") or row.get("CUSTOMERNAME", "")
    title = f"{side.noun} {row.get('RECORDID') or row['RECORDNO']}, {named}".rstrip(", ")
    when = day_of({"day": day or row[side.day]}, "day")
    rate_ = Decimal(row.get("EXCHANGE_RATE") or 1)
    more = {"FINANCIALENTITY": row["FINANCIALENTITY"]} if row.get("FINANCIALENTITY") else {}
    return Voucher(side.object, row, side.journal, side.module, title, when, rate_, more)
