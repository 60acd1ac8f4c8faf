"""Rates of employees: create, update and delete. No function reads them."""

from collections.abc import Callable

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.records.legacy_body import check_new, day_text, key_answer, not_found
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import refused
from intacct_protocol.xml.xml import Element


def create_rate(call: FunctionCall) -> FunctionAnswer:
    """Create a rate that starts on a day; an employee has at most one per day."""
    employee = call.body.findtext("employeeid").strip()
    if not call.company.table("EMPLOYEE").find("EMPLOYEEID", employee):
        raise refused(f"Invalid Employee '{employee}' specified.", correction="Provide a valid value.")
    start = call.body.find("ratestartdate")
    day = day_text(call, start) if start is not None else ""
    rates, numbers = call.company.facts.employee_rates, call.company.facts.employee_rate_numbers
    key = f"{employee}@{day}"
    check_new("employeerate", key, exists=numbers.get(key) is not None)
    number = str(rates.keys_used() + 1)
    numbers.put(key, value=number)
    rates.put(number, value={"employeeid": employee, "ratestartdate": day, **_rates(call.body)})
    return key_answer(number)


def _rates(body: Element) -> Row:
    return {name: body.findtext(name).strip() for name in ("billingrate", "salaryrate") if body.findtext(name).strip()}


def update_rate(call: FunctionCall) -> FunctionAnswer:
    """Change a rate's amounts."""
    key, row = _rate(call)
    call.company.facts.employee_rates.put(key, value=row | _rates(call.body))
    return key_answer(key)


def delete_rate(call: FunctionCall) -> FunctionAnswer:
    """Delete a rate."""
    key, row = _rate(call)
    call.company.facts.employee_rates.delete(key)
    call.company.facts.employee_rate_numbers.delete(f"{row['employeeid']}@{row['ratestartdate']}")
    return key_answer(key)


def _rate(call: FunctionCall) -> tuple[str, Row]:
    key = (call.body.get("key") or "").strip()
    row = call.company.facts.employee_rates.get(key)
    if row is None:
        raise not_found("employeerate", key)
    return key, row


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "create_employeerate": create_rate,
    "update_employeerate": update_rate,
    "delete_employeerate": delete_rate,
}
