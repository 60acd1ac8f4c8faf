"""The currency of a record's amounts: the one that its line or its header names, else the one that the plan decided."""

from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import RecordLine, Write

_LINES_HAVE_IT = ("GLBATCH",)
"""Objects without a currency of the record as a whole: it is that of each line."""
_IN_BASE = "AMOUNT"
_IN_OWN = ("TRX_AMOUNT", "TRX_PAYMENTAMOUNT")
"""The amounts of a line in its record's currency, and those in its own."""


def currency_named(write: Write, line: RecordLine | None = None) -> str:
    """The currency that the input names for the amounts of a line, or of a record; empty if it names none."""
    named = line.fields.get("CURRENCY") if line is not None and _is_in_own(line) else None
    return comparable(named or write.fields.get("CURRENCY")).upper()


def currency_of(write: Write, line: RecordLine | None = None) -> str:
    """The currency of the amounts of a line, or of a record; empty if it is not known."""
    return currency_named(write, line) or write.currency


def currencies_of(write: Write) -> frozenset[str]:
    """The currencies in which the company has to hold a record; empty if none is known."""
    if write.object in _LINES_HAVE_IT:
        return frozenset(currency_of(write, line) for line in write.all_lines) - {""}
    return frozenset((currency_of(write),)) - {""}


def _is_in_own(line: RecordLine) -> bool:
    return line.fields.get(_IN_BASE) is None or any(line.fields.get(name) is not None for name in _IN_OWN)
