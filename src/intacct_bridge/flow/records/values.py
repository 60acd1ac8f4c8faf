"""When two values are equal for Intacct: the one comparison that plans, lookups and evidence share."""

from datetime import UTC, date, datetime
from decimal import Decimal

from intacct_bridge.wire.values import Value


def comparable(value: Value) -> str:
    """A value as text that is equal for what is equal in Intacct; empty for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | int):
        text = format(Decimal(value), "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text in ("-0", "") else text
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value).strip()
