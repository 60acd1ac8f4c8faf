"""Allocations: the shares of an amount that names one, and the dimensions of each share.

Only allocations by percentage are supported; others are refused. How the gateway rounds is not recorded: here every
share is rounded to the cent and the last one takes the rest, so that no cent is lost.
"""

from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import ID_FIELDS
from intacct_emulator.records.references import Reference, find_reference
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import refused

FIELD = "ALLOCATION"
_WHOLE = Decimal(100)


def allocated_shares(call: FunctionCall, name: str, amount: Decimal, currency: str = "") -> list[tuple[Row, Decimal]]:
    """The shares of an amount, each with the dimensions of its allocation entry."""
    allocation = find_reference(call.company, Reference((FIELD,), "Allocation"), name, field=FIELD)
    table = call.company.table("ALLOCATIONENTRY")
    stored_entries = [table.get(number) or {} for number in table.find("ALLOCATIONKEY", allocation["RECORDNO"])]
    entries = sorted(stored_entries, key=lambda row: int(row.get("LINE_NO") or 0))
    percents = [Decimal(row.get("VALUE") or 0) for row in entries]
    by_percent = allocation.get("TYPE") in ("", None, "Percentage")
    if not by_percent or any(row.get("VALUETYPE") == "Amount" for row in entries) or sum(percents, ZERO) != _WHOLE:
        raise refused(
            f"Allocation '{name}' is not made of percentages that add up to 100, and is not supported here.",
            correction="Send the allocated lines.",
            field=FIELD,
        )
    rounded = posting_rules(call.company).rounding.round
    amounts = [rounded(amount * percent / _WHOLE, currency) for percent in percents[:-1]]
    amounts.append(amount - sum(amounts, ZERO))
    named = [{field: row[field] for field in ID_FIELDS if row.get(field)} for row in entries]
    return list(zip(named, amounts, strict=True))
