"""What comes of an amount that is allocated by name: its shares, and the dimensions of each.

Only allocations by percentage are carried out; one by amounts is refused. How the gateway rounds is not recorded: here
every share is rounded to the cent and the last one takes what is left, so that no cent comes or goes.
"""

from decimal import Decimal

from intacct_bridge.emulator.accounting.amounts import ZERO, to_cents
from intacct_bridge.emulator.accounting.dimensions import ID_FIELDS
from intacct_bridge.emulator.company.company_data import FunctionCall
from intacct_bridge.emulator.records.references import Reference, find_reference
from intacct_bridge.emulator.settings.cells import Row
from intacct_bridge.emulator.settings.refusals import refused

FIELD = "ALLOCATION"
_WHOLE = Decimal(100)


def allocated_shares(call: FunctionCall, name: str, amount: Decimal) -> list[tuple[Row, Decimal]]:
    """The parts of an amount, each with the dimensions that its entry of the allocation names."""
    allocation = find_reference(call.company, Reference((FIELD,), "Allocation"), name, field=FIELD)
    table = call.company.table("ALLOCATIONENTRY")
    found = [table.get(number) or {} for number in table.find("ALLOCATIONKEY", allocation["RECORDNO"])]
    entries = sorted(found, key=lambda row: int(row.get("LINE_NO") or 0))
    percents = [Decimal(row.get("VALUE") or 0) for row in entries]
    by_percent = allocation.get("TYPE") in ("", None, "Percentage")
    if not by_percent or any(row.get("VALUETYPE") == "Amount" for row in entries) or sum(percents, ZERO) != _WHOLE:
        raise refused(
            f"Allocation '{name}' is not one of percentages that come to 100, and is not carried out here.",
            correction="Send the lines it comes to.",
            field=FIELD,
        )
    amounts = [to_cents(amount * percent / _WHOLE) for percent in percents[:-1]]
    amounts.append(amount - sum(amounts, ZERO))
    named = [{field: row[field] for field in ID_FIELDS if row.get(field)} for row in entries]
    return list(zip(named, amounts, strict=True))
