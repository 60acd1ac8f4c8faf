"""Cell text ⇄ typed values: the only room that knows the gateway's text formats.

Facts (gateway documentation and live observations): requests take `MM/DD/YYYY` and `MM/DD/YYYY HH:MM:SS`; `query` and
`readByQuery` answer in the API user's own date format and time offset (`readUserFormatting`), `read` perhaps in ISO
8601; a TIMESTAMP may hold a bare date; an INTEGER field sometimes holds a fraction; booleans are `true`/`false`, in
places `T`/`F`; an empty element is null. Money is decimal from the first byte to the last.
"""

import enum
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Final

from intacct_bridge.errors import RecordError, SettingsError

Value = str | int | Decimal | date | datetime | bool | None


class Kind(enum.StrEnum):
    """A field's type, as `lookup` names it."""

    TEXT = "TEXT"
    INTEGER = "INTEGER"
    DECIMAL = "DECIMAL"
    CURRENCY = "CURRENCY"
    PERCENT = "PERCENT"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    BOOLEAN = "BOOLEAN"
    ENUM = "ENUM"
    SEQUENCE = "SEQUENCE"

    @classmethod
    def of(cls, datatype: str) -> "Kind":
        """The kind behind a DATATYPE of `lookup`; a type we have not met is text, so that nothing is lost."""
        try:
            return cls(datatype.strip().upper())
        except ValueError:
            return cls.TEXT


NUMBERS: Final = frozenset({Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT})
"""The kinds that are decimal numbers."""


class Unset(enum.Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Say nothing about this field in a write: the element is absent. None says: clear it, an empty element."""


@dataclass(frozen=True, slots=True)
class Formatting:
    """The API user's date format, clock and offset from UTC, by which the gateway writes what it answers."""

    date: str = "/mdY"
    """The separator, then the order of m, d and y (two-digit year) or Y (four-digit)."""
    clock: int = 24
    offset_minutes: int = 0

    def __post_init__(self) -> None:
        order = self.date[1:]
        if len(self.date) != 4 or sorted(order.lower()) != ["d", "m", "y"] or self.date[0].isalnum():
            raise SettingsError(f"the date format {self.date!r} is not a separator and the letters m, d and y or Y")
        if self.clock not in (12, 24):
            raise SettingsError(f"the clock is {self.clock!r}, neither 12 nor 24 hours")

    @property
    def zone(self) -> timezone:
        """The offset as a time zone."""
        return timezone(timedelta(minutes=self.offset_minutes))


DEFAULT: Final = Formatting()
"""What Intacct's documentation assumes, and what we advise for an API user: `/mdY`, 24 hours, GMT."""

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?\s*(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?(?:\s*([AaPp])\.?[Mm]\.?)?", re.ASCII)
_TRUE, _FALSE = frozenset({"true", "t", "1", "yes", "y"}), frozenset({"false", "f", "0", "no", "n"})


def parse_value(kind: Kind, text: str, formatting: Formatting = DEFAULT) -> Value:
    """A cell's text as its kind says; empty text is None.

    DATE gives a date, TIMESTAMP an aware datetime in UTC. An INTEGER with a fraction gives a Decimal, for nothing
    may be lost. Raises RecordError on text that is not of the kind.
    """
    if text == "":
        return None
    if kind is Kind.TEXT or kind is Kind.ENUM or kind is Kind.SEQUENCE:
        return text
    trimmed = text.strip()
    if not trimmed:
        return None
    if kind is Kind.INTEGER:
        return int(trimmed) if _INTEGER.fullmatch(trimmed) else _whole(_decimal(kind, trimmed))
    if kind in NUMBERS:
        return _decimal(kind, trimmed)
    if kind is Kind.BOOLEAN:
        return _boolean(trimmed)
    if kind is Kind.DATE:
        return _moment(kind, trimmed, formatting).date()
    moment = _moment(kind, trimmed, formatting)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)


def _whole(number: Decimal) -> int | Decimal:
    return int(number) if number == number.to_integral_value() else number


def _decimal(kind: Kind, text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise RecordError(f"{text!r} is not a number, as {kind} asks for")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise RecordError(f"{text!r} is not a number, as {kind} asks for") from None


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise RecordError(f"{text!r} is not a boolean; the gateway writes true or false")


def _moment(kind: Kind, text: str, formatting: Formatting) -> datetime:
    """A date or a point in time. ISO text without an offset, like the user's own format, is in the user's offset."""
    iso = _ISO.fullmatch(text)
    try:
        if iso:
            year, month, day, hour, minute, second, fraction, offset = iso.groups()
            zone = formatting.zone if offset is None else _offset(offset)
            micro = int((fraction or "0").ljust(6, "0"))
            parts = (int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro)
            return datetime(*parts, tzinfo=zone)
        day_text, _, clock_text = text.partition(" ")
        year_, month_, day_ = _day(day_text, formatting)
        return datetime(year_, month_, day_, *_clock(clock_text.strip()), tzinfo=formatting.zone)
    except ValueError:
        raise RecordError(
            f"{text!r} is not a {'date' if kind is Kind.DATE else 'time'} in the format {formatting.date!r}",
            fix="check the API user's date format in Intacct: My preferences > Formatting",
        ) from None


def _offset(text: str) -> timezone:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _day(text: str, formatting: Formatting) -> tuple[int, int, int]:
    parts = text.split(formatting.date[0])
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(text)
    found = dict(zip(formatting.date[1:], parts, strict=True))
    if "y" in found:
        if len(found["y"]) != 2:
            raise ValueError(text)
        short = int(found["y"])
        year = 2000 + short if short < 70 else 1900 + short
    else:
        if len(found["Y"]) != 4:
            raise ValueError(text)
        year = int(found["Y"])
    if len(found["m"]) > 2 or len(found["d"]) > 2:
        raise ValueError(text)
    return year, int(found["m"]), int(found["d"])


def _clock(text: str) -> tuple[int, int, int]:
    if not text:
        return 0, 0, 0
    found = _CLOCK.fullmatch(text)
    if not found:
        raise ValueError(text)
    hour, minute, second, half = int(found[1]), int(found[2]), int(found[3] or 0), (found[4] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour, minute, second


def render_value(kind: Kind, value: Value, formatting: Formatting = DEFAULT) -> str:
    """A value as the gateway writes it in this formatting: None is empty, numbers have no exponent.

    Requests are written in DEFAULT's date format whatever the user's is; only the offset may differ there.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise RecordError(f"{value} is not an amount")
        return format(value, "f")
    if isinstance(value, datetime):
        local = value.astimezone(formatting.zone) if value.tzinfo else value
        return render_date(local.date(), formatting) if kind is Kind.DATE else _render_moment(local, formatting)
    if isinstance(value, date):
        return render_date(value, formatting)
    if isinstance(value, float):
        raise RecordError(f"{value!r} is a float; amounts are Decimal, never float")
    return str(value)


def render_date(value: date, formatting: Formatting = DEFAULT) -> str:
    """A date in the user's format."""
    parts = {"m": f"{value.month:02}", "d": f"{value.day:02}", "Y": f"{value.year:04}", "y": f"{value.year % 100:02}"}
    return formatting.date[0].join(parts[letter] for letter in formatting.date[1:])


def _render_moment(value: datetime, formatting: Formatting) -> str:
    if formatting.clock == 24:
        clock = f"{value.hour:02}:{value.minute:02}:{value.second:02}"
    else:
        half = "AM" if value.hour < 12 else "PM"
        clock = f"{value.hour % 12 or 12:02}:{value.minute:02}:{value.second:02} {half}"
    return f"{render_date(value.date(), formatting)} {clock}"
