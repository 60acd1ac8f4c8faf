"""`get_araging`: open invoices of customers by age, from the due date or the invoice date.

The shape of its rows is our choice.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from intacct_bridge.emulator.access.rights import check_right
from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.emulator.settings.cells import Row, decimal_text, iso_date
from intacct_bridge.emulator.settings.refusals import refused
from intacct_bridge.wire.xml import Element, element

_PERIODS = "0-30,31-60,61-90,91-120,121-"


def get_araging(call: FunctionCall) -> FunctionAnswer:
    """One row for each customer, with an amount for each ageing period, and the invoices with `showdetails`."""
    check_right(call, "READ", "ARINVOICE")
    periods = _periods(call.body.findtext("agingperiods").strip() or _PERIODS)
    as_of = _as_of(call)
    field = "WHENDUE" if call.body.findtext("useduedate").strip() == "true" else "WHENCREATED"
    customers: dict[str, list[tuple[int, Row]]] = {}
    for row in _open(call):
        day = (iso_date(row.get(field, "")) or "")[:10]
        age = (as_of - date.fromisoformat(day)).days if day else 0
        customers.setdefault(row.get("CUSTOMERID", ""), []).append((max(0, age), row))
    details = call.body.findtext("showdetails").strip() == "true"
    rows = tuple(_row(customer, aged, periods, details=details) for customer, aged in sorted(customers.items()))
    return FunctionAnswer(Element("data", "", rows))


def _open(call: FunctionCall) -> Iterator[Row]:
    customer = call.body.findtext("customerid").strip()
    invoice = call.body.findtext("invoiceno").strip()
    for _, row in call.company.table("ARINVOICE").rows():
        owed = Decimal(row.get("TOTALDUE") or 0)
        if owed and customer in ("", row.get("CUSTOMERID")) and invoice in ("", row.get("RECORDID")):
            yield row


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
    customer: str, aged: list[tuple[int, Row]], periods: list[tuple[int, int | None]], *, details: bool
) -> Element:
    parts = [element("customerid", customer), element("customername", aged[0][1].get("CUSTOMERNAME", ""))]
    for first, last in periods:
        inside = [row for age, row in aged if first <= age and (last is None or age <= last)]
        total = sum((Decimal(row.get("TOTALDUE") or 0) for row in inside), Decimal(0))
        cells = [element("period", f"{first}-{'' if last is None else last}"), element("amount", decimal_text(total))]
        cells += [_invoice(row) for row in inside] if details else []
        parts.append(Element("aging", "", tuple(cells)))
    return Element("araging", "", tuple(parts))


def _invoice(row: Row) -> Element:
    return element(
        "invoice",
        element("key", row.get("RECORDNO", "")),
        element("invoiceno", row.get("RECORDID", "")),
        element("totaldue", row.get("TOTALDUE", "")),
    )
