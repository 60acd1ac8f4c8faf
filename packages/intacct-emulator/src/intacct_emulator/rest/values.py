"""Values between the two interfaces: the text of a stored cell, and the JSON of a REST field.

A cell has the gateway's default formatting: `11/20/2026`, `11/20/2026 10:00:00` in UTC, `1250.5`, `true` or `T`. The
REST interface writes `2026-11-20`, `2026-11-20T10:00:00Z`, `"1250.50"` and booleans. Enumerations are the same words in
another spelling: `Partially Paid` is `partiallyPaid`.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

import msgspec

from intacct_emulator.rest.catalogue import RestField, pairs
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.cells import decimal_text, plain_number, unescaped
from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.xml.values import Kind

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|\+00:00)?")
needs_no_escape = re.compile(rb"[ !#-%'-\[\]-~]*").fullmatch
"""Matches bytes of printable ASCII without anything that XML or JSON escapes."""
_DAY, _MOMENT = "11/20/2026", "11/20/2026 10:00:00"
_TRUE = {"true": True, "t": True, "yes": True, "y": True, "1": True}
_WORDS: dict[tuple[str, str], dict[str, str]] = {
    ("GLENTRY", "TR_TYPE"): {"1": "debit", "-1": "credit"},
    ("LOCATION", "LOCATIONTYPE"): {"E": "entity", "N": "location"},
    ("APPYMT", "CLEARED"): {"F": "uncleared", "T": "cleared", "M": "matched"},
    ("ARPYMT", "CLEARED"): {"F": "uncleared", "T": "cleared", "M": "matched"},
    ("GLENTRY", "CLEARED"): {"F": "false", "T": "true", "M": "matched"},
    ("APPYMTDETAIL", "STATE"): {"C": "confirmed", "V": "voided", "D": "draft", "S": "submitted", "A": "approved"},
    ("AUDITHISTORY", "ACCESSMODE"): {"C": "create", "M": "modify", "D": "delete", "A": "access", "W": "workflow"},
    ("AUDITHISTORY", "SOURCE"): {"ui": "userInterface", "api": "api", "csv": "csvImport", "system": "system"},
    ("APBILL", "MODULEKEY"): {"3.AP": "accountsPayable", "9.PO": "purchaseOrder"},
}
"""Fields whose words are codes in one of the interfaces, by XML object and field."""


_NO_WORDS: Mapping[str, str] = MappingProxyType({})


class UnfitValueError(ValueError):
    """A value that its field cannot hold."""


def words_of(xml: str, name: str, behaviour: Behaviour) -> Mapping[str, str]:
    """By stored text, the REST word of a field whose words are codes; empty for other fields."""
    if (xml, name) == ("AUDITHISTORY", "OBJECTTYPE") and behaviour.rest_audit_names == "rest":
        return _rest_names()
    return _WORDS.get((xml, name), _NO_WORDS)


@cache
def _rest_names() -> Mapping[str, str]:
    return {pair.xml.lower(): name for name, pair in pairs().items()}


# --- from a cell


def from_cell(definition: RestField, words: Mapping[str, str]) -> Callable[[str], Any]:
    """A function from the text of a cell, never empty, to the JSON of this field."""
    if words:
        return lambda text: words.get(text, text)
    if definition.type == "boolean":
        return lambda text: _TRUE.get(text.lower(), False)
    if definition.type == "number":
        return _number_of
    if definition.format == "date":
        return _date
    if definition.format == "date-time":
        return _time
    if definition.decimals is not None:
        return lru_cache(4096)(lambda text: _amount(text, definition.decimals or 0))
    if definition.enum:
        by_word = {_plain(word): word for word in definition.enum if isinstance(word, str)}
        return lambda text: by_word.get(_plain(text), text)
    return str


def empty(definition: RestField) -> Any:
    """What a field without a text is: false for a boolean that is false by default, else null."""
    return False if definition.type == "boolean" and definition.default == "false" else None


def _number_of(text: str) -> int | float | str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return int(number) if number == number.to_integral_value() else float(number)


def _date(text: str) -> str:
    return f"{text[6:10]}-{text[:2]}-{text[3:5]}" if len(text) >= 10 else text


def _time(text: str) -> str:
    return f"{_date(text)}T{text[11:] or '00:00:00'}Z"


def _amount(text: str, decimals: int) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    exponent = number.as_tuple().exponent
    if decimals == 2 or (isinstance(exponent, int) and exponent > -2):
        return format(number, f".{max(2, -exponent if isinstance(exponent, int) else 2)}f")
    return decimal_text(number)


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower()) or text


def to_json(definition: RestField, words: Mapping[str, str]) -> Callable[[bytes], bytes]:
    """A function from the bytes of a stored cell, never empty, to the JSON of this field.

    It gives what `from_cell` gives, and takes the short way for cells without anything to escape.
    """
    value = from_cell(definition, words)

    def plainly(cell: bytes) -> bytes:
        return msgspec.json.encode(value(unescaped(cell)))

    if words or definition.enum or definition.type not in ("string", "number"):
        return plainly
    if definition.type == "number":
        return lambda cell: cell if cell.isdigit() and not cell.startswith(b"0") else plainly(cell)
    if definition.format == "date":
        return lambda cell: (
            b'"%b-%b-%b"' % (cell[6:10], cell[:2], cell[3:5]) if len(cell) >= len(_DAY) else plainly(cell)
        )
    if definition.format == "date-time":
        return lambda cell: _time_json(cell) if len(cell) == len(_MOMENT) else plainly(cell)
    if definition.decimals == 2:
        return lambda cell: _money_json(cell) or plainly(cell)
    if definition.decimals is not None:
        return plainly
    return lambda cell: b'"%b"' % cell if needs_no_escape(cell) else plainly(cell)


def _time_json(cell: bytes) -> bytes:
    """The JSON of a time, from a cell of its usual length."""
    return b'"%b-%b-%bT%bZ"' % (cell[6:10], cell[:2], cell[3:5], cell[11:])


def _money_json(cell: bytes) -> bytes:
    """The JSON of an amount of money with two decimals at the most; empty for any other number."""
    whole, _, cents = cell.partition(b".")
    if len(cents) > 2 or not whole.removeprefix(b"-").isdigit():
        return b""
    return b'"%b.%b"' % (whole, cents.ljust(2, b"0"))


# --- to a cell


def to_cell(definition: RestField, value: Any, xml: FieldDef | None, words: Mapping[str, str]) -> str:
    """The text by which the XML interface takes a REST value; empty for null. Raises UnfitValueError."""
    if value is None or value == "":
        return ""
    check_value(definition, value)
    if words:
        return next((text for text, word in words.items() if word == value), str(value))
    if definition.type == "boolean":
        return _truth(xml, truth=bool(value))
    if definition.type == "number":
        return decimal_text(Decimal(str(value)))
    if definition.format == "date":
        year, month, day = _DATE.fullmatch(str(value)).groups()  # type: ignore[union-attr]  # checked above
        return f"{month}/{day}/{year}"
    if definition.format == "date-time":
        year, month, day, *clock = _TIME.fullmatch(str(value)).groups()  # type: ignore[union-attr]  # checked above
        return f"{month}/{day}/{year} {':'.join(clock)}"
    if definition.enum and xml is not None:
        by_word = {_plain(word): word for word in xml.values}
        return by_word.get(_plain(str(value)), str(value))
    return str(value)


def check_value(definition: RestField, value: Any) -> None:
    """Raise UnfitValueError for a value that the field cannot hold."""
    if value is None:
        return
    if definition.enum and value not in definition.enum and definition.type != "boolean":
        listed = ", ".join(str(word) for word in definition.enum if word)
        raise UnfitValueError(f"{value!r} is not one of {listed}")
    if definition.type == "boolean" and not isinstance(value, bool):
        raise UnfitValueError(f"{value!r} is not true or false")
    if definition.type == "number" and (isinstance(value, bool) or not _is_number(value)):
        raise UnfitValueError(f"{value!r} is not a number")
    if definition.type == "string" and not isinstance(value, str):
        raise UnfitValueError(f"{value!r} is not a string")
    if definition.format == "date" and not _is_day(str(value)):
        raise UnfitValueError(f"{value!r} is not a date such as 2026-11-30")
    if definition.format == "date-time" and not _TIME.fullmatch(str(value)):
        raise UnfitValueError(f"{value!r} is not a time such as 2026-11-30T10:00:00Z")
    if definition.decimals is not None and not _is_number(value):
        raise UnfitValueError(f"{value!r} is not an amount such as 100.00")


def _is_number(value: Any) -> bool:
    try:
        plain_number(str(value))
    except InvalidOperation:
        return False
    return True


def _is_day(text: str) -> bool:
    from datetime import date

    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _truth(xml: FieldDef | None, *, truth: bool) -> str:
    """`T` or `F` for a text field that has these values, `true` or `false` for any other."""
    if xml is not None and xml.kind is not Kind.BOOLEAN and {"T", "F"} <= {*xml.values}:
        return "T" if truth else "F"
    return "true" if truth else "false"
