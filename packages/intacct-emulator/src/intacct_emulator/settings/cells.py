"""The stored form of a row: its cells as XML-escaped wire text, joined by a character that XML cannot carry.

A stored row has the text that `query` sends, in the default formatting (`MM/DD/YYYY`, 24 hours, UTC), so that a page
costs a split and a join. A field that no row ever had has no place. New fields are appended, so that an older row is
shorter. In memory a row is `{field: text}`; a missing field is null, as in the gateway.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from intacct_protocol.xml.values import Formatting, Kind, parse_value
from intacct_protocol.xml.xml import escape, forbidden_character

SEPARATOR = b"\x1f"
WHOLE_DIGITS = 14
"""The most digits before the point of a number that a record holds.

A limit of the emulator: no public page that we found states one for the XML gateway.
"""
_MOST_PLACES = 40
_TOO_LARGE = 10**WHOLE_DIGITS
Row = dict[str, str]
"""One record as text in the default formatting; null fields are left out."""
Value = str | int | Decimal | date | datetime | bool | None


def escaped(text: str) -> bytes:
    """Text as a cell; a character that XML cannot carry becomes a question mark."""
    if forbidden_character(text) is not None:
        text = "".join("?" if forbidden_character(char) else char for char in text)
    return escape(text).encode()


def unescaped(cell: bytes) -> str:
    """A cell's text."""
    text = cell.decode()
    if "&" in text:
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&#13;", "\r").replace("&amp;", "&")
    return text


def pack(row: Mapping[str, str], fields: Iterable[str]) -> bytes:
    """A row's cells in the order of the fields, without the empty ones at the end."""
    return SEPARATOR.join([escaped(row[name]) if row.get(name) else b"" for name in fields]).rstrip(SEPARATOR)


def unpack(body: bytes, fields: Iterable[str]) -> Row:
    """The row back, nulls left out."""
    return {name: unescaped(cell) for name, cell in zip(fields, body.split(SEPARATOR), strict=False) if cell}


# --- typed values as text, and text as what an index can order


def decimal_text(value: Decimal) -> str:
    """The exact number, without an exponent and without zeros at the end: `205375`, `1679615.93`."""
    return plain_decimal(str(value))


def plain_decimal(text: str) -> str:
    """The same for the text of a Decimal."""
    if "E" in text:
        text = format(Decimal(text), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def plain_number(text: str) -> Decimal:
    """A number as amounts are written. Raises InvalidOperation for anything else, and for numbers too large to keep."""
    value = Decimal(text)
    if not value.is_finite() or value.adjusted() < -_MOST_PLACES or is_too_large(value):
        raise InvalidOperation
    return value


def is_too_large(number: Decimal | int) -> bool:
    """Whether a number has more digits before the point than a record holds."""
    return not -_TOO_LARGE < number < _TOO_LARGE


def sent_value(kind: Kind, text: str, formatting: Formatting) -> Value:
    """The value of a request's text. Dates are MM/DD/YYYY or ISO, regardless of the user's format; times of day are
    those of the user's wall clock. Raises RecordError.
    """
    return parse_value(kind, text, Formatting(offset_minutes=formatting.offset_minutes))


def date_text(value: date) -> str:
    """`MM/DD/YYYY`."""
    return f"{value.month:02d}/{value.day:02d}/{value.year:04d}"


def timestamp_text(value: datetime) -> str:
    """`MM/DD/YYYY HH:MM:SS` in UTC; a time without a zone is UTC."""
    if value.tzinfo is not None:
        value = value.astimezone(UTC)
    return f"{date_text(value)} {value.hour:02d}:{value.minute:02d}:{value.second:02d}"


_TEXTS: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    bool: lambda value: "true" if value else "false",
    Decimal: decimal_text,
    datetime: timestamp_text,
    date: date_text,
    type(None): lambda _value: "",
}


def text_of(value: Value) -> str:
    """A typed value as the store holds it."""
    return _TEXTS[type(value)](value)


def iso_date(text: str) -> str | None:
    """`MM/DD/YYYY...` as `YYYY-MM-DD...`, which sorts; None if the text is not a date."""
    if len(text) < 10 or text[2] != "/" or text[5] != "/":
        return None
    return f"{text[6:10]}-{text[:2]}-{text[3:5]}{text[10:]}"
