"""`get_araging`: open items of customers by age on any day, from the due date, the posting date or the invoice date.

The shape of its rows is our choice. Credits and overpayments lessen their customer's amounts, unless a setting keeps
invoices only.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.settings.cells import decimal_text, iso_date
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.payments.open_balances import OpenOnDay, open_documents
from intacct_emulator.subledgers.payments.parts import CUSTOMER_RECEIPTS
from intacct_protocol.xml.xml import Element, element

_PERIODS = "0-30,31-60,61-90,91-120,121-"


def get_araging(call: FunctionCall) -> FunctionAnswer:
    """One row for each customer, with an amount for each ageing period, and the documents with `showdetails`."""
    check_right(call, "READ", "ARINVOICE")
    periods = _periods(call.body.findtext("agingperiods").strip() or _PERIODS)
    as_of = _as_of(call)
    by_due_date = call.body.findtext("useduedate").strip() == "true"
    by_posting_date = call.body.findtext("useglpostdate").strip() == "true"
    field = "WHENDUE" if by_due_date else "WHENPOSTED" if by_posting_date else "WHENCREATED"
    customers: dict[str, list[tuple[int, OpenOnDay]]] = {}
    for open_document in _open_invoices(call, as_of):
        day = (iso_date(open_document.row.get(field) or open_document.row.get("WHENCREATED", "")) or "")[:10]
        age = (as_of - date.fromisoformat(day)).days if day else 0
        customers.setdefault(open_document.row.get("CUSTOMERID", ""), []).append((max(0, age), open_document))
    details = call.body.findtext("showdetails").strip() == "true"
    rows = tuple(_row(customer, aged, periods, details=details) for customer, aged in sorted(customers.items()))
    return FunctionAnswer(Element("data", "", rows))


def _open_invoices(call: FunctionCall, as_of: date) -> Iterator[OpenOnDay]:
    customer = call.body.findtext("customerid").strip()
    invoice = call.body.findtext("invoiceno").strip()
    credits_too = call.company.behaviour.aging == "open items"
    for open_document in open_documents(call, CUSTOMER_RECEIPTS, as_of):
        counts = open_document.document_type.object == "ARINVOICE" or (credits_too and not invoice)
        if (
            open_document.amount
            and counts
            and customer in ("", open_document.row.get("CUSTOMERID"))
            and invoice in ("", open_document.row.get("RECORDID"))
        ):
            yield open_document


def _periods(text: str) -> list[tuple[int, int | None]]:
    periods: list[tuple[int, int | None]] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or not (last.isdecimal() or not last):
            raise refused(f"Invalid aging period '{part.strip()}'.", correction="Write periods as 0-30,31-60,61-.")
        periods.append((int(first), int(last) if last else None))
    return periods


def _as_of(call: FunctionCall) -> date:
    node = call.body.find("asofdate")
    if node is None:
        return datetime.fromtimestamp(call.now, UTC).date()
    try:
        return date(*(int(node.findtext(part)) for part in ("year", "month", "day")))
    except ValueError:
        raise refused("Invalid date in asofdate.", correction="Provide year, month and day.") from None


def _row(
    customer: str, aged: list[tuple[int, OpenOnDay]], periods: list[tuple[int, int | None]], *, details: bool
) -> Element:
    parts = [element("customerid", customer), element("customername", aged[0][1].row.get("CUSTOMERNAME", ""))]
    for first, last in periods:
        inside = [one for age, one in aged if first <= age and (last is None or age <= last)]
        total = sum((one.amount for one in inside), Decimal(0))
        cells = [element("period", f"{first}-{'' if last is None else last}"), element("amount", decimal_text(total))]
        cells += [_invoice(one) for one in inside] if details else []
        parts.append(Element("aging", "", tuple(cells)))
    return Element("araging", "", tuple(parts))


def _invoice(open_document: OpenOnDay) -> Element:
    return element(
        "invoice",
        element("key", open_document.row.get("RECORDNO", "")),
        element("invoiceno", open_document.row.get("RECORDID", "")),
        element("totaldue", decimal_text(open_document.amount)),
    )
