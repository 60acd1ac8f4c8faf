"""Values as text for comparison: the one rule by which plans, lookups and evidence call two values equal."""

from datetime import UTC, datetime
from decimal import Decimal

from intacct_protocol.model.text_forms import nfc
from intacct_protocol.xml.values import Value


def comparable(value: Value) -> str:
    """A value as text that is equal for values that Intacct treats as equal; empty for none.

    Intacct keeps times in whole seconds.
    """
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | int):
        return number_text(Decimal(value))
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).replace(microsecond=0).isoformat()
    return str(value)


def equal_form(value: Value) -> str:
    """The comparable text in the form that equal strings share: an accented letter is one character, not two (NFC).

    Never to ask the company with: it may keep the other form (`model.text_forms`).
    """
    return nfc(comparable(value))


def number_text(number: Decimal) -> str:
    """A number as text: 100, 100.0 and 1E+2 are equal, and so are 0 and -0.

    Every digit is kept; `Decimal.normalize` would round beyond its precision.
    """
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
