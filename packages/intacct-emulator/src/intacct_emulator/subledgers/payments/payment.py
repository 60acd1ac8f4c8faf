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
from intacct_emulator.company.company_facts import Overpayment
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.ledger import books_kept
from intacct_emulator.ledger.periods import check_reversal_day, day_of
from intacct_emulator.ledger.posting import (
    CASH,
    Application,
    Posting,
    PostingLine,
    SettledDocument,
    Settlement,
    cash_basis,
    payment,
    receipt,
)
from intacct_emulator.ledger.rates import exchange_rate
from intacct_emulator.records.audit_fields import CREATED, DELETED, MODIFIED, record_change, set_audit_fields
from intacct_emulator.records.references import apply_references
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import FunctionRefusedError, refused
from intacct_emulator.subledgers.cash.banking import bank_account, reversal_through_bank
from intacct_emulator.subledgers.document_types import (
    ADVANCES,
    OVERPAYMENTS,
    DocumentType,
    change_total_due,
    next_number,
)
from intacct_emulator.subledgers.documents.document_posting import stored_posting
from intacct_emulator.subledgers.payments.discounts import discount_account
from intacct_emulator.subledgers.payments.open_items import PaymentPart, advance_lines, settle_part
from intacct_emulator.subledgers.payments.parts import (
    VENDOR_PAYMENTS,
    PaymentType,
    SettledDetail,
    SettlementInput,
    every_part,
    parts_of,
)
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
class PaymentAccount:
    """The account of a payment's money, and its overpayment."""

    number: str
    """The ledger account of the bank or of undeposited funds; empty if no money moves."""
    entity: str
    overpayment: Overpayment = field(default_factory=Overpayment)
    """Without a location it belongs to `entity`."""


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


def enter(call: FunctionCall, payment_type: PaymentType, payment: PaymentInput, *, key: str = "") -> Row:
    """Enter a payment, or write a waiting one again (`key`)."""
    company = call.company
    row = {name: text for name, text in payment.values.items() if text}
    new = not key
    _check_payment(payment_type, row, payment)
    apply_references(company, company.find(payment_type.object), dict(row), row)
    if not new:
        reserve(call, payment_type, {"RECORDNO": key}, undo=True)
    requested = SettlementInput(payment.details, payment.stated_total, payment.stated_field)
    parts = parts_of(call, payment_type, row, requested, overpayment=payment.overpayment.amount)
    number, location = _payment_account(call, payment_type, row)
    entity = _entity(call, parts, (location, payment.overpayment.location))
    account = PaymentAccount(number, entity, payment.overpayment)
    _check_overpayment_entity(call, entity, payment)
    _head(call, payment_type, row, account=account, parts=parts)
    row |= {
        "RECORDNO": key or str(next_number(company, "PRRECORD")),
        "STATE": payment.state or payment_type.posted_state,
    }
    row["DISPLAYSTATE"] = row["STATE"]
    set_audit_fields(call, company.find(payment_type.object), row, new=new)
    _put(call, payment_type, row)
    if new:
        start_without_batches(call, payment_type.object, row)
    clear_details(call, payment_type, row)
    keep_details(call, payment_type, row, parts)
    _keep_overpayment(call, row, payment.overpayment, entity)
    if payment.state:
        keep_requested_details(call, payment_type, row, payment.details)
        reserve(call, payment_type, row)
    else:
        for posting in _postings(call, payment_type, row, parts, account):
            post(call, posting, _voucher(payment_type, row))
        _settle_all(call, payment_type, row, parts, day=row[payment_type.day])
        _change_total_due(call, payment_type, row, -amount(row, "TOTALDUE"))
    record_change(call, company.find(payment_type.object), row, CREATED if new else MODIFIED)
    return row


def _keep_overpayment(call: FunctionCall, row: Row, overpayment: Overpayment, entity: str) -> None:
    """Keep the overpayment with its amount in base currency; without a location it belongs to the payment's entity."""
    rounding = posting_rules(call.company).rounding
    base = rounding.to_base(overpayment.amount, Decimal(row["EXCHANGE_RATE"]), row["BASECURR"])
    stored = replace(overpayment, location=overpayment.location or entity, base=base)
    call.company.facts.overpayments.put(row["RECORDNO"], value=stored)


def update(
    call: FunctionCall, payment_type: PaymentType, number: int, payment: PaymentInput, *, described_only: bool
) -> Row:
    """Change a payment: every field while it waits, only fields that move no money once it is posted."""
    old = call.company.table(payment_type.object).get(number) or {}
    if old.get("STATE") in ("Draft", "Submitted") and not described_only:
        details = payment.details or stored_details(call, payment_type, old)
        stored = call.company.facts.overpayments.get(str(number)) or Overpayment()
        overpayment = Overpayment(
            payment.overpayment.amount or stored.amount, payment.overpayment.location or stored.location
        )
        changed = replace(payment, values=old | payment.values, details=details, overpayment=overpayment)
        return enter(call, payment_type, changed, key=old["RECORDNO"])
    if payment.details or not described_only:
        raise refused(
            f"{payment_type.noun} {number} is {old.get('STATE', '').lower()} and cannot be changed.",
            correction="Reverse it, and enter another.",
        )
    row = old | payment.values
    set_audit_fields(call, call.company.find(payment_type.object), row, new=False)
    call.company.table(payment_type.object).update(number, row)
    record_change(call, call.company.find(payment_type.object), row, MODIFIED)
    return row


def post_waiting(call: FunctionCall, payment_type: PaymentType, number: int) -> Row:
    """Post a waiting payment as it was requested."""
    row = call.company.table(payment_type.object).get(number) or {}
    values = {name: text for name, text in row.items() if name not in ("STATE", "DISPLAYSTATE", "RECORDNO")}
    overpayment = call.company.facts.overpayments.get(str(number)) or Overpayment()
    payment = PaymentInput(values, stored_details(call, payment_type, row), "", overpayment)
    return enter(call, payment_type, payment, key=row["RECORDNO"])


def change_state(call: FunctionCall, payment_type: PaymentType, number: int, state: str) -> Row:
    """Change the state of a waiting payment; one that will not be posted frees its reserved amounts."""
    described = call.company.find(payment_type.object)
    row = call.company.table(payment_type.object).get(number) or {}
    row |= {"STATE": state, "DISPLAYSTATE": state}
    if state not in WAITING:
        reserve(call, payment_type, row, undo=True)
    set_audit_fields(call, described, row, new=False)
    call.company.table(payment_type.object).update(number, row)
    record_change(call, described, row, MODIFIED)
    return row


def delete(call: FunctionCall, payment_type: PaymentType, number: int) -> None:
    """Delete a payment that was never posted."""
    row = call.company.table(payment_type.object).get(number) or {}
    if row.get("STATE") not in ("Draft", "Submitted", "Declined"):
        raise refused(
            f"{payment_type.noun} {number} is {row.get('STATE', '').lower()} and cannot be deleted.",
            correction="Reverse it instead.",
        )
    reserve(call, payment_type, row, undo=True)
    clear_details(call, payment_type, row)
    call.company.table(payment_type.object).delete(number)
    record_change(call, call.company.find(payment_type.object), row, DELETED)


def reverse(call: FunctionCall, payment_type: PaymentType, number: int, *, day: str, memo: str) -> Row:
    """Reverse a payment: open its documents again, and post its mirror on that day."""
    company = call.company
    table, described = company.table(payment_type.object), company.find(payment_type.object)
    old = table.get(number) or {}
    if old.get("STATE") != payment_type.posted_state:
        raise refused(f"{payment_type.noun} {number} is {old.get('STATE', '').lower()} and cannot be reversed.")
    check_reversal_day(company, old, payment_type.day, day)
    mirror = _mirror_payment(call, payment_type, old, day=day, memo=memo)
    table.insert(mirror)
    start_without_batches(call, payment_type.object, mirror)
    reverse_all(call, old, _voucher(payment_type, mirror, day=day), change=reversal_through_bank(call, old))
    for document_type, part in stored_parts(call, payment_type, old):
        settle_part(call, document_type, part, day=day, undo=True)
        company.facts.once_settled.put(document_type.object, part.key, value=True)
    old = table.get(number) or {}
    _check_overpayment_unused(call, payment_type, old)
    _change_total_due(call, payment_type, old, amount(old, "TOTALDUE"))
    old |= {"STATE": "Voided" if payment_type is VENDOR_PAYMENTS else "Reversed", "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    old["DISPLAYSTATE"] = old["STATE"]
    set_audit_fields(call, described, old, new=False)
    table.update(number, old)
    keep_reversal_day(call, payment_type.object, old, day)
    mark_details_reversed(call, payment_type, old)
    refresh_detail(call, payment_type.object, old)
    record_change(call, described, old, MODIFIED)
    record_change(call, described, mirror, CREATED)
    return mirror


def apply_overpayment(
    call: FunctionCall, payment_type: PaymentType, number: int, details: Sequence[Row], *, day: str
) -> Row:
    """Apply the overpayment of a receipt to documents."""
    company = call.company
    table = company.table(payment_type.object)
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
    set_audit_fields(call, company.find(payment_type.object), row, new=False)  # its journal entry is as new as this
    parts = parts_of(call, payment_type, row, SettlementInput(from_here))
    account = PaymentAccount("", _entity(call, parts))
    for posting in _postings(call, payment_type, row, parts, account):
        post(call, posting, _voucher(payment_type, row, day=day))
    keep_details(call, payment_type, row, parts, day=day)
    _settle_all(call, payment_type, row, parts, day=day)
    return table.get(number) or {}


# --- refusals


def _check_payment(payment_type: PaymentType, row: Row, payment: PaymentInput) -> None:
    required = [payment_type.party_id, payment_type.day, "PAYMENTMETHOD"]
    missing = [name for name in required if not row.get(name)]
    if missing:
        named = {"WHENCREATED": "PAYMENTDATE"}
        texts = (f"Required field {named.get(name, name)} is missing for {payment_type.object}." for name in missing)
        raise FunctionRefusedError(*(Fault("BL01001973", description2=text) for text in texts))
    if payment.overpayment.amount < 0:
        raise refused("The overpayment is below zero.", correction="Leave it out.", field="OVERPAYMENTAMOUNT")
    if not payment.details and not payment.overpayment.amount:
        raise refused(f"{payment_type.noun} has no details.", correction=f"Provide {payment_type.line}S.")


def _check_overpayment_unused(call: FunctionCall, payment_type: PaymentType, row: Row) -> None:
    """Refuse to reverse a receipt whose overpayment another receipt has applied."""
    overpayment = (call.company.facts.overpayments.get(row["RECORDNO"]) or Overpayment()).amount
    if overpayment and amount(row, "TRX_TOTALDUE") != overpayment:
        raise refused(
            f"{overpayment - amount(row, 'TRX_TOTALDUE')} of the overpayment of "
            f"{payment_type.noun.lower()} {row['RECORDNO']} is applied by another receipt.",
            correction="Reverse that one first.",
        )


def _check_overpayment_entity(call: FunctionCall, entity: str, payment: PaymentInput) -> None:
    """Refuse an overpayment without an entity in a company of several, since it could never be applied."""
    if payment.overpayment.amount and not entity and any(posting_rules(call.company).entity_of.values()):
        raise refused(
            "An overpayment needs a location in a company of several entities.",
            correction="Provide overpaylocid, or a bank account that has a location.",
        )


def _payment_account(call: FunctionCall, payment_type: PaymentType, row: Row) -> tuple[str, str]:
    """The ledger account that the money leaves or reaches, and its location."""
    name = row.get("FINANCIALENTITY", "")
    if not name:
        account = row.get("UNDEPOSITEDACCOUNTNO") or posting_rules(call.company).undeposited_funds
        if payment_type is VENDOR_PAYMENTS or not account:
            raise refused(f"Required field FINANCIALENTITY is missing for {payment_type.object}.")
        row["UNDEPOSITEDACCOUNTNO"] = account
        return account, ""
    return bank_account(call, name)


def _entity(call: FunctionCall, parts: list[SettledDetail], locations: tuple[str, str] = ("", "")) -> str:
    """The entity of a payment: its bank's, the session's, its documents', or its overpayment's."""
    bank, overpayment = locations
    entity_of = posting_rules(call.company).entity_of
    for place in (bank, call.session.entity, *(settled.part.entity for settled in parts), overpayment):
        if place:
            return entity_of.get(place, "")
    return ""


# --- writing


def _head(
    call: FunctionCall, payment_type: PaymentType, row: Row, *, account: PaymentAccount, parts: list[SettledDetail]
) -> None:
    base = posting_rules(call.company).base_currency[account.entity]
    applied = sum((one.money_amount for one in parts), ZERO)
    row["BASECURR"] = base
    row["CURRENCY"] = row.get("CURRENCY") or base
    factor = exchange_rate(call.company, row, row["CURRENCY"], base, day=day_of(row, payment_type.day))
    row |= {
        "EXCHANGE_RATE": decimal_text(factor),
        "RECORDTYPE": payment_type.type,
        "SYSTEMGENERATED": "F",
        "CLEARED": "F",
    }
    row |= {
        "WHENCREATED": row[payment_type.day],
        "WHENPAID": row.get("WHENPAID") or row[payment_type.day],
        "RAWSTATE": "C",
    }
    row.setdefault("WHENPOSTED", row[payment_type.day])
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
    row["ENTITY"] = f"{payment_type.party[0]}{row[payment_type.party_id]}"


def _mirror_payment(call: FunctionCall, payment_type: PaymentType, old: Row, *, day: str, memo: str) -> Row:
    mirror = {name: text for name, text in old.items() if name not in ("CLRDATE",)}
    mirror |= {"RECORDNO": str(next_number(call.company, "PRRECORD")), "STATE": "Reversal", "DISPLAYSTATE": "Reversal"}
    mirror |= {"WHENCREATED": day, "WHENPAID": day, "RECEIPTDATE": day, "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    mirror |= {"DESCRIPTION": memo or old.get("DESCRIPTION", "")}
    for name in ("TOTALENTERED", "TRX_TOTALENTERED", "TOTALPAID", "TRX_TOTALPAID"):
        mirror[name] = decimal_text(-amount(old, name))
    set_audit_fields(call, call.company.find(payment_type.object), mirror, new=True)
    return mirror


def _settle_all(
    call: FunctionCall, payment_type: PaymentType, row: Row, parts: list[SettledDetail], *, day: str
) -> None:
    for document_type, part in every_part(parts):
        settle_part(call, document_type, part, day=day)
    if payment_type is VENDOR_PAYMENTS:
        table = call.company.table("VENDOR")
        for number in table.find("VENDORID", row["VENDORID"]):
            table.update(number, (table.get(number) or {}) | {"WHENLASTPAID": day})


def _change_total_due(call: FunctionCall, payment_type: PaymentType, row: Row, change: Decimal) -> None:
    change_total_due(call, payment_type.document_types[0], row, change)


def _put(call: FunctionCall, payment_type: PaymentType, row: Row) -> None:
    table, number = call.company.table(payment_type.object), int(row["RECORDNO"])
    if table.get(number) is None:
        table.insert(row, number)
    else:
        table.update(number, row)


def _voucher(payment_type: PaymentType, row: Row, *, day: str = "") -> Voucher:
    named = row.get("VENDORNAME") or row.get("CUSTOMERNAME", "")
    title = f"{payment_type.noun} {row.get('RECORDID') or row['RECORDNO']}, {named}".rstrip(", ")
    when = day_of({"day": day or row[payment_type.day]}, "day")
    rate_ = Decimal(row.get("EXCHANGE_RATE") or 1)
    extra_cells = {"FINANCIALENTITY": row["FINANCIALENTITY"]} if row.get("FINANCIALENTITY") else {}
    return Voucher(payment_type.object, row, payment_type.journal, payment_type.module, title, when, rate_, extra_cells)


# --- its postings: in accrual against the control accounts, in the cash book on the documents' lines


def _postings(
    call: FunctionCall, payment_type: PaymentType, row: Row, settled: Sequence[SettledDetail], account: PaymentAccount
) -> list[Posting]:
    """The postings of a payment, one for each book that the company keeps."""
    chart = posting_rules(call.company)
    applied = _applied(call, payment_type, row, settled, account)
    discount = sum((one.discount for one in settled), ZERO)
    settlement = Settlement(
        account.entity,
        account.number,
        row["CURRENCY"],
        tuple(application for application, _ in applied),
        Decimal(row["EXCHANGE_RATE"]),
        discount=discount,
        discount_account=discount_account(call, payment_type.document_types[0]) if discount else "",
    )
    accrual = payment(settlement, chart) if payment_type is VENDOR_PAYMENTS else receipt(settlement, chart)
    posting_list = [accrual]
    if CASH in books_kept(call.company.facts):
        documents = [each or _without_document(application, payment_type, row) for application, each in applied]
        posting_list.append(cash_basis(documents, accrual, chart, owner=account.entity))
    return posting_list


Applied = list[tuple[Application, SettledDocument | None]]


def _applied(
    call: FunctionCall, payment_type: PaymentType, row: Row, settled: Sequence[SettledDetail], account: PaymentAccount
) -> Applied:
    """The amounts that leave the control accounts, each with the document that the cash book shows for it."""
    chart = posting_rules(call.company)
    party = {payment_type.party: row[payment_type.party_id]}
    control = chart.payables if payment_type is VENDOR_PAYMENTS else chart.receivables
    applications: Applied = []
    for document_type, part in every_part(settled):
        if document_type is ADVANCES:
            applications += _from_advance(call, part, party, base=row["BASECURR"])
        elif document_type is OVERPAYMENTS:
            location = _overpayment_entity(call, part.key) or account.entity
            applications.append((Application(location, -part.trx_amount, -part.amount, party, control), None))
        else:
            application = Application(part.entity, part.trx_amount, part.amount, party, part.control or control)
            applications.append((application, _settled_document(call, document_type, part)))
    over = account.overpayment
    if over.amount:
        base = chart.rounding.to_base(over.amount, Decimal(row["EXCHANGE_RATE"]), row["BASECURR"])
        location = chart.entity_of.get(over.location, "") if over.location else account.entity
        applications.append((Application(location, over.amount, base, party, control), None))
    return applications


def _overpayment_entity(call: FunctionCall, key: str) -> str:
    over = call.company.facts.overpayments.get(key) or Overpayment()
    return posting_rules(call.company).entity_of.get(over.location, "") if over.location else ""


def _from_advance(call: FunctionCall, part: PaymentPart, party: Row, *, base: str) -> Applied:
    """An advance leaves the accounts of its lines."""
    lines = {line["RECORDNO"]: line for line in advance_lines(call, {"RECORDNO": part.key})}
    applications: Applied = []
    left, rounded = part.amount, posting_rules(call.company).rounding.round
    for location, (key, trx_amount) in enumerate(part.lines, 1):
        share = rounded(part.amount * trx_amount / part.trx_amount, base)
        share = left if location == len(part.lines) else share
        left -= share
        line = lines[key]
        application = Application(line.get("LOCATIONID", ""), -trx_amount, -share, party, line["ACCOUNTNO"])
        applications.append((application, None))
    return applications


def _settled_document(call: FunctionCall, document_type: DocumentType, part: PaymentPart) -> SettledDocument:
    row = call.company.table(document_type.object).get(int(part.key)) or {}
    whole = amount(row, "TRX_TOTALENTERED")
    return SettledDocument(stored_posting(call, document_type, row), part.trx_amount / whole if whole else ZERO)


def _without_document(application: Application, payment_type: PaymentType, row: Row) -> SettledDocument:
    """Customer money on account, which has no document, shows in the cash book as in accrual."""
    sign = 1 if payment_type is VENDOR_PAYMENTS else -1
    line = PostingLine(
        application.control,
        application.entity,
        application.amount * sign,
        application.trx_amount * sign,
        row["CURRENCY"],
        dimensions=application.dimensions,
    )
    return SettledDocument(Posting((line,)), Decimal(1))
