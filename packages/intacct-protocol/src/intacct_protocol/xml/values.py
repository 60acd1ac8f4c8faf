"""Cell text ⇄ Python values: how the gateway writes numbers, dates, times and booleans.

Answers are written in the API user's own preferences (`readUserFormatting`: a separator and an order such as `/mdY`, a
12 or 24 hour clock, an offset from GMT); some functions answer in ISO 8601 instead, and a timestamp field may hold a
bare date. So a date is first read in the user's format. Text of that shape must be valid in it: `03/31/2026` under
`/dmY` is an error, never the 31st of March in another format. Text of another shape may be MM/DD/YYYY or ISO.
Requests are always written as MM/DD/YYYY and a 24 hour clock.

Money, and every other number with a fraction, is a Decimal that fits decimal(38,14); nothing is ever rounded to fit.
An empty element is None; an absent element is not in the row. For writing, `UNSET` stands for an absent element.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Final

from intacct_protocol.errors import RecordError, RemoteProtocolError, SettingsError

PRECISION: Final = 38
SCALE: Final = 14
"""The most digits after the point: enough for every exchange rate seen so far."""


class Kind(StrEnum):
    """The data types that `lookup` names."""

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
        """The kind of a DATATYPE text; TEXT for an unknown one."""
        return cls.__members__.get(datatype.strip().upper(), cls.TEXT)


NUMBERS: Final = frozenset({Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT})
"""The kinds that are decimal numbers."""
TEXTS: Final = frozenset({Kind.TEXT, Kind.ENUM, Kind.SEQUENCE})
"""The kinds that stay text."""

Value = str | int | Decimal | date | datetime | bool | None
"""A typed cell. Timestamps are aware, in UTC."""


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Leave a field unchanged (the element is left out); None clears it."""

_DATE_FORMAT = re.compile(r"[^A-Za-z0-9\s](?:[yY]md|[yY]dm|md[yY]|dm[yY]|m[yY]d|d[yY]m)")
_OFFSET = re.compile(r"(?:GMT|UTC)?\s*(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d{2})|(?:GMT|UTC|Z)?")


@dataclass(frozen=True, slots=True)
class Formatting:
    """How one API user's answers write dates and times."""

    date: str = "/mdY"
    """The separator, then the order: `y` is a two-digit year, `Y` a four-digit one."""
    clock: int = 24
    offset_minutes: int = 0
    """Minutes by which the user's wall clock is ahead of UTC."""

    def __post_init__(self) -> None:
        if not _DATE_FORMAT.fullmatch(self.date):
            raise SettingsError(f"the date format {self.date!r} is not a separator and the letters m, d and y or Y")
        if self.clock not in (12, 24):
            raise SettingsError(f"the clock is {self.clock!r}, neither 12 nor 24 hours")
        if not -1440 < self.offset_minutes < 1440:
            raise SettingsError(f"an offset of {self.offset_minutes} minutes is a day or more")

    @classmethod
    def of(cls, dateformat: str, clock: str, gmtoffset: str) -> "Formatting":
        """Read the strings of a `readUserFormatting` answer, such as `/mdY`, `24`, `+09:30`; empty is the default."""
        try:
            offset = _OFFSET.fullmatch(gmtoffset.strip())
            if offset is None:
                raise SettingsError(f"{gmtoffset!r} is not an offset such as '+09:30'")
            minutes = 60 * int(offset["hours"]) + int(offset["minutes"]) if offset["sign"] else 0
            minutes = -minutes if offset["sign"] == "-" else minutes
            return cls(dateformat.strip() or "/mdY", int(clock.strip() or 24), minutes)
        except (SettingsError, ValueError) as error:
            raise RemoteProtocolError(f"the API user's formatting cannot be read: {error}") from None

    @property
    def zone(self) -> timezone:
        """The user's wall clock as a time zone."""
        return timezone(timedelta(minutes=self.offset_minutes))


DEFAULT: Final = Formatting()
"""The formatting that Intacct's documentation assumes, recommended for API users: `/mdY`, 24 hours, GMT."""


# --- reading


def parse_value(kind: Kind, text: str, formatting: Formatting = DEFAULT) -> Value:
    """The value of a cell's text; an empty text is None. Raises RecordError, which does not name the field."""
    if text == "":
        return None
    parse = _PARSERS.get(kind)
    return text if parse is None else parse(text, formatting)


def parse_row(
    row: Mapping[str, str | None],
    kinds: Mapping[str, Kind],
    *,
    formatting: Formatting = DEFAULT,
    record: str = "",
) -> dict[str, Value]:
    """A row with typed values; a field without a kind stays text. The RecordError names the field and the record."""
    typed: dict[str, Value] = {}
    for field, text in row.items():
        try:
            typed[field] = parse_value(kinds.get(field, Kind.TEXT), text, formatting) if text else None
        except RecordError as error:
            raise cell_error(error, field=field, record=record) from None
    return typed


def cell_error(error: RecordError, *, field: str, record: str = "") -> RecordError:
    """The same error, naming the field and the record."""
    place = f"{field} of {record}" if record else field
    return RecordError(f"{place}: {error.message}", field=field, record=record, fix=error.fix)


_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,24}")
_BOOLEANS = dict.fromkeys(("true", "t", "1", "yes", "y"), True) | dict.fromkeys(("false", "f", "0", "no", "n"), False)


def _parse_integer(text: str, formatting: Formatting) -> Value:
    """An int; a Decimal if an INTEGER field holds a fraction, which the gateway does send."""
    bare = text.strip()
    if _INTEGER.fullmatch(bare):
        return int(bare)
    number = _parse_decimal(text, formatting)
    return int(number) if isinstance(number, Decimal) and number == number.to_integral_value() else number


def _parse_decimal(text: str, _formatting: Formatting) -> Value:
    bare = text.strip()
    if not bare:
        return None
    if not _NUMBER.fullmatch(bare):
        raise RecordError(f"{shown(text)} is not a number")
    number = Decimal(bare)
    check_fits(number, text)
    return number


def check_fits(number: Decimal, text: str = "") -> None:
    """Raise RecordError when a number has more digits than decimal(38,14) can hold; numbers are never rounded."""
    if not number.is_finite():
        raise RecordError(f"{shown(text or str(number))} is not a number")
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    whole = number != 0 and number.adjusted() >= PRECISION - SCALE
    if whole or (exponent < -SCALE and any(digits[exponent + SCALE :])):
        raise RecordError(
            f"{shown(text or str(number))} has more than "
            + (f"{PRECISION - SCALE} digits before" if whole else f"{SCALE} digits after")
            + " the point",
            fix="read this field as text; a number is never rounded to fit",
        )


def beyond_cents(amount: Decimal) -> bool:
    """Whether an amount has more than two decimals."""
    return bool(format(amount, "f").partition(".")[2].rstrip("0")[2:])


def _parse_boolean(text: str, _formatting: Formatting) -> Value:
    bare = text.strip().lower()
    if not bare:
        return None
    if bare not in _BOOLEANS:
        raise RecordError(f"{shown(text)} is neither true nor false")
    return _BOOLEANS[bare]


def _parse_date(text: str, formatting: Formatting) -> Value:
    bare = text.strip()
    if not bare:
        return None
    moment = _moment(bare, formatting)
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        raise RecordError(f"{shown(text)} has a time of day where a date is expected")
    return moment.date()


def _parse_timestamp(text: str, formatting: Formatting) -> Value:
    bare = text.strip()
    if not bare:
        return None
    moment = _moment(bare, formatting)
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=formatting.zone)).astimezone(UTC)
    except OverflowError:
        raise RecordError(f"{shown(text)} is outside the years 1 to 9999 in UTC") from None


_PARSERS: Mapping[Kind, Callable[[str, Formatting], Value]] = {
    Kind.INTEGER: _parse_integer,
    **dict.fromkeys(NUMBERS, _parse_decimal),
    Kind.BOOLEAN: _parse_boolean,
    Kind.DATE: _parse_date,
    Kind.TIMESTAMP: _parse_timestamp,
}

_PARTS = {"d": "(?P<d>[0-9]{1,2})", "m": "(?P<m>[0-9]{1,2})", "y": "(?P<y>[0-9]{2})", "Y": "(?P<y>[0-9]{4})"}
_TIME = (
    r"(?:[ T](?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:\.(?P<f>[0-9]{1,6}))?)?"
    r"(?: ?(?P<half>[AaPp])[Mm])?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


@lru_cache(maxsize=64)
def _shapes(first: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The orders to try, each with its pattern: the user's, the documented one, ISO."""
    return tuple(
        (order, re.compile(re.escape(order[0]).join(_PARTS[letter] for letter in order[1:]) + _TIME))
        for order in dict.fromkeys((first, "/mdY", "-Ymd"))
    )


def _moment(text: str, formatting: Formatting) -> datetime:
    """The date and time of a text; aware only if the text itself has an offset."""
    for order, shape in _shapes(formatting.date):
        match = shape.fullmatch(text)
        if match is None:
            continue
        if order == formatting.date and formatting.clock == 12:
            _check_half(match, text)
        try:
            return _moment_from(match)
        except ValueError:
            break
    raise RecordError(
        f"{shown(text)} is not a date or time in this API user's format {formatting.date!r}",
    )


def _check_half(match: re.Match[str], text: str) -> None:
    if match["H"] and not match["half"] and not match["zone"] and 1 <= int(match["H"]) <= 12:
        raise RecordError(
            f"{shown(text)} may be before or after noon",
            fix="set the API user's clock to 24 hours (My preferences > Time format)",
        )


def _moment_from(match: re.Match[str]) -> datetime:
    year = int(match["y"])
    if len(match["y"]) == 2:
        year += 1900 if year >= 70 else 2000
    hour = int(match["H"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("a 12 hour clock shows 1 to 12")
        hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
    micro = int((match["f"] or "").ljust(6, "0"))
    naive = datetime(year, int(match["m"]), int(match["d"]), hour, int(match["M"] or 0), int(match["S"] or 0), micro)
    return naive.replace(tzinfo=_zone(match["zone"])) if match["zone"] else naive


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    minutes = 60 * int(text[1:3]) + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def shown(text: str) -> str:
    """Text as error messages quote it: in quotes, and truncated if it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


# --- writing


def render_value(kind: Kind, value: Value, formatting: Formatting = DEFAULT) -> str:
    """A value as the gateway writes it in this formatting; None is empty, numbers have no exponent.

    Requests are written in DEFAULT's order and clock, regardless of the user's; only the offset may differ. A text is
    first read as its kind, so ISO dates and `"12.50"` are accepted like typed values. A naive datetime is the user's
    wall clock. Raises RecordError for a value that its kind cannot hold.
    """
    if value is None:
        return ""
    if isinstance(value, float):
        raise RecordError(f"{value!r} is a float, which is not exact; give a Decimal or a text")
    if kind in TEXTS:
        return _render_plain(value, formatting)
    if isinstance(value, str):
        return render_value(kind, parse_value(kind, value, formatting), formatting)
    if not _suits(kind, value):
        raise RecordError(f"{value!r} is not a value of kind {kind}")
    if kind is Kind.DATE and isinstance(value, datetime):
        value = _wall(value, formatting).date()
    return _render_plain(value, formatting)


def _suits(kind: Kind, value: Value) -> bool:
    if kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    if kind in (Kind.DATE, Kind.TIMESTAMP):
        return isinstance(value, date)
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _render_plain(value: Value, formatting: Formatting) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        check_fits(value)
        return format(value, "f")
    if isinstance(value, datetime):
        wall = _wall(value, formatting)
        return f"{render_date(wall, formatting)} {_render_time(wall, formatting)}"
    if isinstance(value, date):
        return render_date(value, formatting)
    return str(value)


def _wall(moment: datetime, formatting: Formatting) -> datetime:
    try:
        return moment if moment.tzinfo is None else moment.astimezone(formatting.zone)
    except OverflowError:
        raise RecordError(f"{moment.isoformat()} is outside the years 1 to 9999 on the user's clock") from None


def render_date(day: date, formatting: Formatting = DEFAULT) -> str:
    """A date in the user's format."""
    parts = {
        "d": f"{day.day:02}",
        "m": f"{day.month:02}",
        "y": f"{day.year % 100:02}",
        "Y": f"{day.year:04}",
    }
    return formatting.date[0].join(parts[letter] for letter in formatting.date[1:])


def _render_time(wall: datetime, formatting: Formatting) -> str:
    if formatting.clock == 24:
        return f"{wall.hour:02}:{wall.minute:02}:{wall.second:02}"
    half = "PM" if wall.hour >= 12 else "AM"
    return f"{(wall.hour - 1) % 12 + 1:02}:{wall.minute:02}:{wall.second:02} {half}"
