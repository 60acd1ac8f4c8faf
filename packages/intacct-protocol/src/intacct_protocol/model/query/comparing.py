"""Keys that compare cells as their kind does, fast enough for a million rows.

Days and times become `YYYYMMDD` and `YYYYMMDDhh:mm:ss` by slicing, so that all spellings of one moment are equal;
numbers become Decimals; booleans become booleans. None means that the text cannot be read as its kind. `literal_key`
gives the same form for a literal, so that both sides of a comparison have the same type.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from intacct_protocol.errors import RecordError
from intacct_protocol.xml.values import Kind, Value, parse_value, render_value

Key = Callable[[str], Any]
_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT)
_MIDNIGHT = "00:00:00"
_BOOLEANS = {"true": True, "false": False, "T": True, "F": False}


def cell_key(kind: Kind, *, ignore_case: bool = False, numeric: bool = False) -> Key | None:
    """The function that makes cells of this kind comparable; None if their text is comparable."""
    if kind is Kind.INTEGER:
        return _integer
    if kind in _NUMBERS:
        return _number
    if kind is Kind.BOOLEAN:
        return _BOOLEANS.get
    if kind is Kind.DATE:
        return lru_cache(maxsize=4096)(_moments(kind))  # a table has many rows and few days
    if kind is Kind.TIMESTAMP:
        return _moments(kind)
    if numeric:
        return _number_or_text
    return str.casefold if ignore_case else None


def literal_key(kind: Kind, value: Value, *, ignore_case: bool = False, numeric: bool = False) -> Any:
    """A typed literal in the form of `cell_key`; None for null and for a value that the kind cannot hold."""
    if value is None:
        return None
    if kind in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return None
        # Whole numbers are compared as int, which is faster; int and Decimal compare and hash alike, so both may occur.
        return int(value) if kind is Kind.INTEGER and value == int(value) else Decimal(value)
    if kind is Kind.BOOLEAN:
        return value if isinstance(value, bool) else None
    if kind in (Kind.DATE, Kind.TIMESTAMP):
        return _moment_of(kind, value) if isinstance(value, date) else None
    text = value if isinstance(value, str) else _text(value)
    if numeric:
        return _number_or_text(text)
    return text.casefold() if ignore_case else text


def _text(value: Value) -> str:
    kind = Kind.BOOLEAN if isinstance(value, bool) else Kind.DATE if isinstance(value, date) else Kind.DECIMAL
    return render_value(kind, value)


def _integer(text: str) -> int | Decimal | None:
    """An INTEGER cell, some of which hold fractions."""
    try:
        return int(text)
    except ValueError:
        return _number(text)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _number_or_text(text: str) -> tuple[int, Any]:
    """A key that sorts numbers before strings, for columns with both."""
    number = _number(text)
    return (1, text) if number is None else (0, number)


def _moments(kind: Kind) -> Key:
    """Slices the two spellings that nearly all cells have, and leaves the rest to the strict reader."""
    is_day = kind is Kind.DATE

    def key(text: str) -> str | None:
        if text[10:] == "" or text[19:] in ("", "Z"):
            if text[4:5] == "-" and text[7:8] == "-":
                day = text[:4] + text[5:7] + text[8:10]
            elif text[2:3] == "/" and text[5:6] == "/" and text[19:] == "":
                day = text[6:10] + text[:2] + text[3:5]
            else:
                return _read_moment(kind, text)
            if len(day) == 8 and day.isdigit():
                return day if is_day else day + (text[11:19] or _MIDNIGHT)
        return _read_moment(kind, text)

    return key


def _read_moment(kind: Kind, text: str) -> str | None:
    try:
        value = parse_value(kind, text)
    except RecordError:
        return None
    return _moment_of(kind, value) if isinstance(value, date) else None


def _moment_of(kind: Kind, value: date) -> str:
    """A moment in UTC, the cells' own clock; a bare day is its midnight."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
    if kind is Kind.DATE:
        return f"{value:%Y%m%d}"
    return f"{value:%Y%m%d%H:%M:%S}"
