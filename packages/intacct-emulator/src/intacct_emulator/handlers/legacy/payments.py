"""Receipts, payments and payment requests.

A payment request is a payment in state Submitted. Approving and declining change its state, confirming and sending post
it, and voiding reverses it after it was posted.
"""

from collections.abc import Callable
from decimal import Decimal

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.company.company_facts import Overpayment
from intacct_emulator.ledger.amounts import ZERO, amount, number_sent
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.records.audit_fields import UNDEPOSITED
from intacct_emulator.records.effect_check import with_effect_check
from intacct_emulator.records.legacy_body import day_text, find_number, key_answer, row_of_body
from intacct_emulator.settings.cells import Row, date_text
from intacct_emulator.settings.refusals import illegal, refused
from intacct_emulator.subledgers.documents.summaries import join_summary, refresh_summary
from intacct_emulator.subledgers.payments import payment
from intacct_emulator.subledgers.payments.open_items import unreserved
from intacct_emulator.subledgers.payments.parts import CREDIT, CUSTOMER_RECEIPTS, DISCOUNT, VENDOR_PAYMENTS, PaymentType
from intacct_emulator.subledgers.payments.payment import PaymentInput
from intacct_protocol.xml.xml import Element

_RECEIPT = (
    "customerid batchkey:PRBATCHKEY bankaccountid:FINANCIALENTITY undepfundsacct:UNDEPOSITEDACCOUNTNO refid:DOCNUMBER "
    "datereceived:RECEIPTDATE paymentmethod basecurr currency "
    "exchratedate:EXCH_RATE_DATE exchratetype:EXCH_RATE_TYPE_ID exchrate:EXCHANGE_RATE"
)
_REQUEST = (
    "bankaccountid:FINANCIALENTITY chargecardid:FINANCIALENTITY vendorid memo:DESCRIPTION paymentmethod "
    "paymentdate:WHENCREATED documentnumber:DOCNUMBER paymentdescription:DESCRIPTION2 currency"
)


def create_arpayment(call: FunctionCall) -> FunctionAnswer:
    """Create a receipt and apply it to the invoices that it names; the rest stays open on the receipt."""
    check_right(call, "CREATE", "ARPYMT")
    values = row_of_body(call, call.company.find("ARPYMT"), call.body, _RECEIPT)
    summary = join_summary(call, "ARPYMT", values)
    if summary and not (values.get("FINANCIALENTITY") or values.get("UNDEPOSITEDACCOUNTNO")):
        values["FINANCIALENTITY"] = summary.get("ACCOUNTNOKEY", "")
        values["UNDEPOSITEDACCOUNTNO"] = summary.get(UNDEPOSITED, "")
    values["RECEIPTDATE"] = values.get("RECEIPTDATE") or values.pop("WHENPOSTED", "") or date_text(call.stamp.date())
    values["PAYMENTMETHOD"] = values.get("PAYMENTMETHOD") or "Printed Check"
    details = [_applied(one) for one in call.body.findall("arpaymentitem")]
    total = _money(call.body, "paymentamount")
    overpayment = total - sum((amount(one, "TRX_PAYMENTAMOUNT") for one in details), ZERO)
    if overpayment < 0:
        raise refused(f"The amounts applied exceed the payment amount {total} by {-overpayment}.")
    location = call.body.findtext("overpaylocid").strip()
    row = payment.enter(call, CUSTOMER_RECEIPTS, PaymentInput(values, details, "", Overpayment(overpayment, location)))
    _check_base(call, row, "translatedamount")
    refresh_summary(call, "ARPYMT", row)
    return key_answer(row["RECORDNO"])


def _check_base(call: FunctionCall, row: Row, name: str) -> None:
    """Refuse an amount in base currency that differs from the amount at the rate."""
    if call.body.findtext(name).strip() and _money(call.body, name) != amount(row, "TOTALENTERED"):
        raise refused(
            f"The {name} {call.body.findtext(name).strip()} is not {row['TOTALENTERED']}, which the rate makes of it.",
            correction=f"Leave {name} out, or provide the exchange rate that it was made with.",
            field=name,
        )


def apply_arpayment(call: FunctionCall) -> FunctionAnswer:
    """Apply the open amount of a receipt to invoices."""
    check_right(call, "UPDATE", "ARPYMT")
    number = find_number(call, "ARPYMT", call.body.findtext("arpaymentkey").strip())
    details = [_applied(one) for group in call.body.findall("arpaymentitems") for one in group.children]
    if not details:
        raise refused("Nothing is applied.", correction="Provide arpaymentitems.")
    row = payment.apply_overpayment(call, CUSTOMER_RECEIPTS, number, details, day=_day(call, "paymentdate"))
    return key_answer(row["RECORDNO"])


def reverse_arpayment(call: FunctionCall) -> FunctionAnswer:
    """Reverse a receipt."""
    return _reversed(call, CUSTOMER_RECEIPTS)


def reverse_appayment(call: FunctionCall) -> FunctionAnswer:
    """Reverse a payment."""
    return _reversed(call, VENDOR_PAYMENTS)


def create_paymentrequest(call: FunctionCall) -> FunctionAnswer:
    """Create a payment that waits for approval; without items it pays the bills that are due the longest."""
    check_right(call, "CREATE", "APPYMT")
    values = row_of_body(call, call.company.find("APPYMT"), call.body, _REQUEST)
    wrapper = call.body.find("paymentrequestitems")
    details = [_requested(one) for one in wrapper.children] if wrapper is not None else []
    stated_total = _money(call.body, "paymentamount") if call.body.find("paymentamount") is not None else None
    if wrapper is None and stated_total is not None:
        details = _due_longest(call, values, stated_total)
    money = PaymentInput(values, details, "Submitted", stated_total=stated_total, stated_field="paymentamount")
    return key_answer(payment.enter(call, VENDOR_PAYMENTS, money)["RECORDNO"])


def _due_longest(call: FunctionCall, values: Row, left: Decimal) -> list[Row]:
    """The vendor's open bills that an amount covers, the longest due first."""
    bills = [
        row
        for _, row in call.company.table("APBILL").rows()
        if row.get("VENDORID") == values.get("VENDORID") and unreserved(row) > 0 and row.get("ONHOLD") != "true"
        if row.get("STATE") in ("Posted", "Partially Paid", "Selected")
        if not values.get("CURRENCY") or row.get("CURRENCY") == values["CURRENCY"]
    ]
    details: list[Row] = []
    for row in sorted(bills, key=lambda one: (day_of(one, "WHENDUE"), int(one["RECORDNO"]))):
        if left > 0:
            details.append({"RECORDKEY": row["RECORDNO"], "TRX_PAYMENTAMOUNT": str(min(left, unreserved(row)))})
            left -= unreserved(row)
    return details


def delete_paymentrequest(call: FunctionCall) -> FunctionAnswer:
    """Delete a payment that waits."""
    check_right(call, "DELETE", "APPYMT")
    payment.delete(call, VENDOR_PAYMENTS, find_number(call, "APPYMT", call.body.get("key") or ""))
    return key_answer(call.body.get("key") or "")


def approve_request(call: FunctionCall) -> FunctionAnswer:
    """Approve payment requests."""
    return _each_payment(call, lambda number, row: _moved(call, number, row, ("Submitted",), "Approved"))


def decline_request(call: FunctionCall) -> FunctionAnswer:
    """Decline payment requests; the amounts that they reserved are open again."""
    return _each_payment(call, lambda number, row: _moved(call, number, row, ("Submitted",), "Declined"))


def confirm_request(call: FunctionCall) -> FunctionAnswer:
    """Post payment requests."""
    return _each_payment(call, lambda number, row: _posted(call, number, row))


def void_request(call: FunctionCall) -> FunctionAnswer:
    """Void a request, or reverse it if it was posted."""

    def void(number: int, row: Row) -> None:
        if row.get("STATE") == VENDOR_PAYMENTS.posted_state:
            payment.reverse(call, VENDOR_PAYMENTS, number, day=date_text(call.stamp.date()), memo="")
        else:
            _moved(call, number, row, payment.WAITING, "Voided")

    return _each_payment(call, void)


def _each_payment(call: FunctionCall, work: Callable[[int, Row], None]) -> FunctionAnswer:
    check_right(call, "UPDATE", "APPYMT")
    wrapper = call.body.find("appaymentkeys")
    keys = [one.text.strip() for one in wrapper.children] if wrapper is not None else []
    if not keys:
        raise refused("No payment is named.", correction="Provide appaymentkeys.")
    for key in keys:
        number = find_number(call, "APPYMT", key)
        work(number, call.company.table("APPYMT").get(number) or {})
    return FunctionAnswer(key=keys[0])


def _moved(call: FunctionCall, number: int, row: Row, before: tuple[str, ...], after: str) -> None:
    if row.get("STATE") not in before:
        raise refused(f"Payment {number} is {row.get('STATE', '').lower()} and cannot become {after.lower()}.")
    payment.change_state(call, VENDOR_PAYMENTS, number, after)


def _posted(call: FunctionCall, number: int, row: Row) -> None:
    if row.get("STATE") not in ("Submitted", "Approved"):
        raise refused(f"Payment {number} is {row.get('STATE', '').lower()} and cannot be confirmed.")
    payment.post_waiting(call, VENDOR_PAYMENTS, number)


def _reversed(call: FunctionCall, payment_type: PaymentType) -> FunctionAnswer:
    check_right(call, "UPDATE", payment_type.object)
    number = find_number(call, payment_type.object, (call.body.get("key") or "").strip())
    memo = call.body.findtext("description").strip()
    return key_answer(
        payment.reverse(call, payment_type, number, day=_day(call, "datereversed"), memo=memo)["RECORDNO"]
    )


def _day(call: FunctionCall, name: str) -> str:
    node = call.body.find(name)
    day = day_text(call, node) if node is not None else ""
    if not day:
        raise refused(f"Required field {name} is missing.", correction="Provide the day.")
    return day


def _money(body: Element, name: str) -> Decimal:
    amount_sent = number_sent(name, body.findtext(name))
    if amount_sent is None:
        raise illegal(name, "")
    return amount_sent


def _applied(item: Element) -> Row:
    return {"RECORDKEY": item.findtext("invoicekey").strip(), "TRX_PAYMENTAMOUNT": str(_money(item, "amount"))}


def _requested(item: Element) -> Row:
    row = {"RECORDKEY": item.findtext("key").strip(), "TRX_PAYMENTAMOUNT": str(_money(item, "paymentamount"))}
    for name, field in (("credittoapply", CREDIT), ("discounttoapply", DISCOUNT)):
        if item.findtext(name).strip():
            row[field] = str(_money(item, name))
    return row


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "create_arpayment": with_effect_check(create_arpayment, "paymentamount translatedamount exchrate amount"),
    "apply_arpayment": with_effect_check(apply_arpayment, "amount"),
    "reverse_arpayment": reverse_arpayment,
    "reverse_appayment": reverse_appayment,
    "create_paymentrequest": with_effect_check(create_paymentrequest, "paymentamount credittoapply discounttoapply"),
    "delete_paymentrequest": delete_paymentrequest,
    "approve_appaymentrequest": approve_request,
    "decline_appaymentrequest": decline_request,
    "confirm_appaymentrequest": confirm_request,
    "send_appaymentrequest": confirm_request,
    "void_appaymentrequest": void_request,
}
