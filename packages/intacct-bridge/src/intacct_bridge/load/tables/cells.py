"""Cells as people write them, read as money, a date or text: exactly, or not at all.

An amount that could mean two numbers is refused, since a guess would be posted: `1,234` is more than a thousand to some
readers and little more than one to others, and `12,50` is a decimal comma or a mistake. If the user sets a comma as the
decimal sign, `1.234,50` and `12,50` are read, and `1.234` and `12.50` are refused. Amounts are never rounded.
A currency's sign or code is read over, and the plan compares it with the record's currency. A dash alone is zero.

Dates are ISO, or MM/DD/YYYY as in Intacct, unless the user sets the other order; or they name the month: 21-Nov-26. A
date with a year of two digits, such as 11/21/26, needs a column in which only one order of day, month and year is
possible.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from intacct_protocol.errors import RecordError
from intacct_protocol.model.currency_codes import CURRENCY_CODES
from intacct_protocol.model.day_formats import full_year, month_number, read_moment
from intacct_protocol.model.json_input import is_written_out

Cell = str | int | Decimal | bool | date | datetime | None
"""One scalar of an input. Text files give text only; other formats may give typed values, never a float."""

DateOrder = Literal["mdy", "dmy", "certain"]
"""The order of month and day in dates with slashes. `certain`: only dates with one meaning are read, for input that is
seen in parts, since no part shows which order the others have.
"""

_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}")
_PLAIN_COMMA = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)")
_GROUPED_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d{1,3}(\.\d{3}){2,}")
_POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d{1,2}")
_ONE_POINT = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_TIME = r"[T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp][Mm])?( ?(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?))?"
_ISO = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})(?:{_TIME})?")
_SLASHED = re.compile(rf"(\d{{1,2}})/(\d{{1,2}})/(\d{{4}}|\d{{2}})(?:{_TIME})?")
_NAMED = (
    re.compile(r"(?P<day>\d{1,2})[ .-]*(?P<month>[A-Za-z]{3,9})\.?[ ,.-]*(?P<year>\d{4}|\d{2})"),
    re.compile(r"(?P<month>[A-Za-z]{3,9})\.?[ -]*(?P<day>\d{1,2})(?:st|nd|rd|th)?(?:, *| +|-)(?P<year>\d{4}|\d{2})"),
    re.compile(r"(?P<year>\d{4})[ -](?P<month>[A-Za-z]{3,9})[ -](?P<day>\d{1,2})"),
)
_ORDERS = ("mdy", "dmy", "ymd")
_SIGNS = {
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "ARS", "CLP", "COP", "TWD"}),
    "US$": frozenset({"USD"}),
    "CA$": frozenset({"CAD"}),
    "C$": frozenset({"CAD"}),
    "A$": frozenset({"AUD"}),
    "AU$": frozenset({"AUD"}),
    "NZ$": frozenset({"NZD"}),
    "HK$": frozenset({"HKD"}),
    "S$": frozenset({"SGD"}),
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
    "¥": frozenset({"JPY", "CNY"}),
    "₹": frozenset({"INR"}),
    "kr": frozenset({"SEK", "NOK", "DKK", "ISK"}),
}
_SIGN = "|".join((*map(re.escape, sorted(_SIGNS, key=len, reverse=True)), *sorted(CURRENCY_CODES)))
FULL_SIGNS = tuple(sorted(_SIGNS.keys() - {"$", "kr"}, key=len, reverse=True))
"""The signs that tell a currency from the others; every dollar may have a bare `$`."""
_MAY_HAVE_SIGN = re.compile(r"[$A-Zk]|[^\x00-\x7f]")
_BEFORE = re.compile(rf"(?P<minus>[+-]?)[ \u00a0\u202f]*(?P<sign>{_SIGN})[ \u00a0\u202f]*(?P<amount>[^A-Za-z]*)")
_BEHIND = re.compile(rf"(?P<minus>)(?P<amount>[^A-Za-z]*?)[ \u00a0\u202f]*(?P<sign>{_SIGN})")
_DASHES = ("-", "\u2013", "\u2014")
_AFTER_SIGN = re.compile(r"^([+-])[ \u00a0\u202f\t]+")
_FLOAT_DIGITS = 15
"""Digits that every binary float keeps; its error is beyond them."""
_WHOLE_DIGITS = 11
"""A float of more digits before its point does not keep cents exactly."""


class SignedAmount(Decimal):
    """The number of a cell whose format shows a currency's sign or code."""

    sign: str

    def __new__(cls, number: Decimal, sign: str) -> "SignedAmount":
        """The same number."""
        amount = super().__new__(cls, number)
        amount.sign = sign
        return amount


def text_of(cell: object) -> str:
    """A cell as text without the white space around it; None is the empty text."""
    if isinstance(cell, str):
        return cell.replace("\u00a0", " ").strip()
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Decimal):
        return format(cell, "f") if is_written_out(cell) else str(cell)
    return str(cell)


def written_out(number: Decimal) -> Decimal:
    """The same number. RecordError if it has more digits than any amount, as `1e999999999` has."""
    if number.is_finite() and not is_written_out(number):
        raise RecordError(f"{_short(str(number))} has too many digits", fix="check the number")
    return number


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:20]}…"


@dataclass(frozen=True, slots=True)
class AmountReading:
    """How the amounts of an input are read; numbers that are not text need no reading."""

    comma: bool = False
    """Whether the user says that a comma is the decimal sign. Then points stand between thousands."""
    grouping: bool = False
    """Whether other amounts of the input have points between thousands, although a point is the decimal sign."""


POINT = AmountReading()
COMMA = AmountReading(comma=True)
POINTS_GROUP = AmountReading(grouping=True)


def amount_reading(decimal: str, texts: Iterable[str]) -> AmountReading:
    """How the amounts of an input are read, by the decimal sign that the user gives and by all of them."""
    if decimal == ",":
        return COMMA
    return POINTS_GROUP if points_group(texts) else POINT


def points_group(texts: Iterable[str]) -> bool:
    """Whether one of these is like `1.234,50`: then `1.000` in the same file is more likely a thousand than one."""
    return any("," in text and _POINTS.fullmatch(text.strip()) for text in texts)


def read_money(cell: Cell, reading: AmountReading = POINT) -> Decimal | None:
    """An amount, or None for an empty cell; `1,234.50` and `(1,234.50)` are understood, ambiguous amounts refused."""
    if type(cell) is str and reading is POINT and _PLAIN.fullmatch(cell):  # most of them
        return Decimal(cell)
    if isinstance(cell, bool | date):
        raise _unreadable(text_of(cell), "write a number such as 1234.50")
    if isinstance(cell, int | Decimal):
        return _finite(written_out(Decimal(cell)))
    text = text_of(cell)
    if not text:
        return None
    inner, negative = _without_currency(text)[0], False
    if inner in _DASHES:
        return Decimal(0)
    if inner.startswith("(") and inner.endswith(")"):
        inner, negative = _without_currency(inner[1:-1].strip())[0], True
        if inner.startswith(("+", "-")):
            raise _unreadable(text, "use brackets or a sign, not both")
    bare = _AFTER_SIGN.sub(r"\1", inner)
    amount = _with_comma(text, bare) if reading.comma else _with_point(text, bare, grouping=reading.grouping)
    return -amount if negative else amount


def _with_point(text: str, bare: str, *, grouping: bool) -> Decimal:
    if grouping and _ONE_POINT.fullmatch(bare):
        whole = bare.replace(".", "")
        fix = f"write {whole}.00 for thousands, else {bare}0: other amounts of the file are like 1.234,50"
        raise _unreadable(text, fix)
    if _PLAIN.fullmatch(bare):
        return Decimal(bare)
    if _GROUPED.fullmatch(bare):
        return Decimal(bare.replace(",", ""))
    raise _unreadable(text, _money_fix(bare))


def _with_comma(text: str, bare: str) -> Decimal:
    if _PLAIN_COMMA.fullmatch(bare):
        return Decimal(bare.replace(",", "."))
    if _GROUPED_COMMA.fullmatch(bare):
        return Decimal(bare.replace(".", "").replace(",", "."))
    raise _unreadable(text, _comma_fix(bare))


def _comma_fix(text: str) -> str:
    if re.fullmatch(r"[+-]?\d{1,3}\.\d{3}", text):
        whole = text.replace(".", "")
        return f"write {whole} or {whole},00: a single point may also be a decimal sign"
    if re.fullmatch(r"[+-]?[\d,]*\.\d+", text):
        return f"write {_swapped(text)}: `decimal` says that a comma is the decimal sign"
    if re.fullmatch(r"[+-]?[\d.]+,\d*", text):
        return "use points between thousands only, as in 1.234,50, or leave them out"
    return _fix_of_any(text, "1234,50")


def _swapped(text: str) -> str:
    return text.translate({ord("."): ",", ord(","): "."})


def _without_currency(text: str) -> tuple[str, str]:
    """An amount without its currency's sign or code, and that: `-$5.00` is -5.00."""
    if not _MAY_HAVE_SIGN.search(text):
        return text, ""
    match = _BEFORE.fullmatch(text) or _BEHIND.fullmatch(text)
    if match is None:
        return text, ""
    return f"{match['minus']}{match['amount'].strip()}", match["sign"]


def currency_sign(cell: object) -> str:
    """The sign or the code of a currency in an amount, `$` or `EUR`; empty if it has none."""
    if isinstance(cell, SignedAmount):
        return cell.sign
    inner, sign = _without_currency(text_of(cell))
    if not sign and inner.startswith("(") and inner.endswith(")"):
        sign = _without_currency(inner[1:-1].strip())[1]
    return sign


def may_be(sign: str, currency: str) -> bool:
    """Whether amounts in this currency are written with this sign or code."""
    return currency.upper() in _SIGNS.get(sign, (sign,))


def _money_fix(text: str) -> str:
    if re.fullmatch(r"[+-]?\d{1,3},\d{3}", text):
        bare = text.replace(",", "")
        return f"write {bare} or {bare}.00: a single comma may also be a decimal sign"
    if re.fullmatch(r"[+-]?[\d.]*\d,\d{1,2}", text):
        fix = "use a point before the cents and none for thousands, as in 1234.50"
        return f"{fix}, or set `decimal` to a comma if all amounts are written so"
    return _fix_of_any(text, "1234.50")


def _fix_of_any(text: str, example: str) -> str:
    if re.fullmatch(r"#[A-Z0-9/]+[!?A]", text):
        return "the formula has no result; correct it in the file"
    if re.fullmatch(r"[+-]?[\d.,]*\d[ \u00a0\u202f\t]+[\d., \u00a0\u202f\t]*", text):
        return "remove the spaces if they are between thousands; these may also be two amounts"
    if re.search(r"[$€£¥]|[A-Za-z]{3}.*\d|\d.*[A-Za-z]{3}", text):
        return "remove the currency; give it in a column of its own"
    return f"write a number such as {example}"


def cents_fix(text: str) -> str:
    """The fix for an amount with more than two decimals, which may have a point for thousands."""
    if _ONE_POINT.fullmatch(text):
        whole = text.replace(".", "")
        return f"write {whole} if the point separates thousands (it is read as the decimal point), or round the amount"
    return "round it; amounts are never rounded automatically"


def cents_of_float(number: Decimal) -> Decimal | None:
    """The amount in cents that a binary float stands for, such as 0.30 for 0.30000000000000004; None for any other.

    Sums of floats carry an error of some units in their last place. A number that a person or a database wrote has
    fewer digits.
    """
    if len(str(number)) < _FLOAT_DIGITS:  # most numbers, at less cost
        return None
    if len(number.as_tuple().digits) < _FLOAT_DIGITS or number.adjusted() > _WHOLE_DIGITS:
        return None
    cents = round(number, 2)
    unit = Decimal(math.ulp(float(number)))
    allowed = max(2 * unit, min(1024 * unit, Decimal("1e-6")))
    return cents if cents != number and abs(cents - number) <= allowed else None


def _unreadable(text: str, fix: str) -> RecordError:
    return RecordError(f"{text!r} is not an amount", fix=fix)


def _finite(amount: Decimal) -> Decimal:
    if not amount.is_finite():
        raise _unreadable(str(amount), "write a number such as 1234.50")
    return amount


@dataclass(frozen=True, slots=True)
class DateReading:
    """How dates are read in one column."""

    order: DateOrder = "mdy"
    certain: bool = True
    """False if the column has a date such as 13/01/2026 and no order is set: then no slashed date is certain."""
    mixed: bool = False
    """Whether it has dates such as 01/13/2026 too."""
    swapped: str = ""
    """A date that Excel left as text beside dates that it converted: it may have swapped day and month of those."""
    short_orders: tuple[str, ...] = ()
    """The orders that all of its dates with a year of two digits can have: mdy, dmy, ymd."""
    pattern: str = ""
    """The format that the user gives for the column; all of its strings have it then."""
    assumed: str = ""
    """The first date that would be another day with the day first, if no date shows the order."""

    def doubt(self, cell: object) -> str:
        """What to tell the user of a date whose order is assumed; empty for any other cell."""
        if not self.assumed or not isinstance(cell, str) or text_of(cell) != self.assumed:
            return ""
        return f"{self.assumed!r} is read as month/day/year: no other date shows the order"


def date_reading(cells: Iterable[object], order: DateOrder | None, pattern: str = "") -> DateReading:
    """Decide once for a whole column, because about half of a file's DD/MM dates can be misread as MM/DD.

    Without a setting MM/DD is assumed, until one date of the column contradicts it. An Excel of another country
    converts the dates that it can read, with day and month swapped, and leaves the others as strings.
    """
    if pattern:
        return DateReading(pattern=pattern)
    dates: list[re.Match[str]] = []
    typed = False
    for cell in cells:
        if isinstance(cell, date):
            typed = True
        elif match := _SLASHED.fullmatch(text_of(cell)):
            dates.append(match)
    left = next((match[0] for match in dates if int(match[1]) > 12 or int(match[2]) > 12), "") if typed else ""
    if order is not None:
        return DateReading(order, swapped=left, short_orders=_ORDERS if order == "certain" else (order,))
    certain = all(int(match[1]) <= 12 for match in dates)
    mixed = not certain and any(int(match[2]) > 12 for match in dates)
    decided = any(int(match[1]) > 12 or int(match[2]) > 12 for match in dates)
    doubtful = (match[0] for match in dates if len(match[3]) == 4 and int(match[1]) != int(match[2]))
    return DateReading("mdy", certain, mixed, left, _short_orders(dates), assumed="" if decided else next(doubtful, ""))


def _short_orders(dates: Sequence[re.Match[str]]) -> tuple[str, ...]:
    """The orders in which all of these dates exist, for those with a year of two digits."""
    if all(len(match[3]) == 4 for match in dates):
        return ()
    return tuple(order for order in _ORDERS if all(_in_order(match, order) is not None for match in dates))


def _in_order(match: re.Match[str], order: str) -> date | None:
    parts = dict(zip(order, (match[1], match[2], match[3]), strict=True))
    year = int(parts["y"])
    try:
        return date(year if len(parts["y"]) == 4 else full_year(year), int(parts["m"]), int(parts["d"]))
    except ValueError:
        return None


def read_date(cell: Cell, reading: DateReading = DateReading()) -> date | None:
    """A date, or None for an empty cell."""
    if isinstance(cell, date):
        return _typed_day(cell.date() if isinstance(cell, datetime) else cell, reading)
    text = text_of(cell)
    if not text:
        return None
    if reading.pattern:
        return read_moment(reading.pattern, text).date()
    iso = _ISO.fullmatch(text)
    if iso:
        return _day(text, int(iso[1]), int(iso[2]), int(iso[3]))
    slashed = _SLASHED.fullmatch(text)
    if slashed is None:
        return _named_day(text)
    if reading.order == "certain":
        return _only_day(text, slashed)
    if len(slashed[3]) == 2:
        return _short_day(text, slashed, reading)
    first, second, year = int(slashed[1]), int(slashed[2]), int(slashed[3])
    if not reading.certain:
        raise _ambiguous(text, reading)
    month, day = (first, second) if reading.order == "mdy" else (second, first)
    other, order = ("day/month/year", "dmy") if reading.order == "mdy" else ("month/day/year", "mdy")
    return _day(text, year, month, day, hint=f'; for {other} set `date_order = "{order}"`')


_OTHER_FORMATS = (
    (re.compile(r"(0?[1-9]|[12]\d|3[01])\.(0?[1-9]|1[0-2])\.\d{4}"), "DD.MM.YYYY"),
    (re.compile(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"), "YYYYMMDD"),
)
"""Formats that are read only if the user gives them, by the shape of their dates."""


def _named_day(text: str) -> date:
    """A date that names its month: `21-Nov-26`, `Nov 21, 2026`."""
    for form in _NAMED:
        match = form.fullmatch(text)
        if match is not None and (month := month_number(match["month"])) is not None:
            year = int(match["year"])
            return _day(text, full_year(year) if len(match["year"]) == 2 else year, month, int(match["day"]))
    usual = next((pattern for shape, pattern in _OTHER_FORMATS if shape.fullmatch(text)), "")
    fix = "write it as 2026-01-31 or 01/31/2026, or give its format with `date_format`"
    if usual:
        fix = f'set `date_format = "{usual}"` if that is its format, or write it as 2026-01-31'
    raise RecordError(f"{text!r} is not a date", fix=fix)


def _only_day(text: str, slashed: re.Match[str]) -> date:
    """A date that is the same day in every order that it can have."""
    orders = _ORDERS if len(slashed[3]) == 2 else _ORDERS[:2]
    days = dict.fromkeys(day for order in orders if (day := _in_order(slashed, order)) is not None)
    if len(days) == 1:
        return next(iter(days))
    if not days:
        raise RecordError(f"{text!r} is not a valid date", fix="write it as 2026-01-31")
    raise RecordError(
        f"{text!r} may be {' or '.join(day.isoformat() for day in days)}",
        fix="set `date_order` to mdy or dmy, or write dates as 2026-01-31",
        setting="date_order",
    )


def _short_day(text: str, slashed: re.Match[str], reading: DateReading) -> date:
    """A date with a year of two digits, if its column allows one order only."""
    if len(reading.short_orders) == 1:
        day = _in_order(slashed, reading.short_orders[0])
        if day is None:
            raise RecordError(f"{text!r} is not a valid date", fix="write it as 2026-01-31")
        return day
    meant = [(order, _in_order(slashed, order)) for order in _ORDERS]
    shown = " or ".join(dict.fromkeys(day.isoformat() for _, day in meant if day is not None))
    if not shown:
        raise RecordError(f"{text!r} is not a valid date", fix="write it as 2026-01-31")
    raise RecordError(
        f"{text!r} may be {shown}: no other date of the column decides it"
        if reading.short_orders
        else f"{text!r} may be {shown}: the column has dates of several orders",
        fix="set `date_order` to mdy or dmy, give its format with `date_format`, or write dates as 2026-01-31",
        setting="date_order",
    )


def _typed_day(day: date, reading: DateReading) -> date:
    if reading.swapped and day.day <= 12 and day.day != day.month:
        other = day.replace(month=day.day, day=day.month)
        raise RecordError(
            f"{day} may be {other}: the column also has dates that Excel left as text, such as "
            f"{reading.swapped!r}, and then it swaps day and month of the others",
            fix="write all dates of the column as text in the form 2026-01-31",
        )
    return day


def _ambiguous(text: str, reading: DateReading) -> RecordError:
    if reading.mixed:
        return RecordError(
            f"{text!r} may be month/day or day/month: this column has dates of both kinds",
            fix="write dates as 2026-01-31, or set `date_order` to mdy or dmy, as the file has them",
            setting="date_order",
        )
    return RecordError(
        f"{text!r} may be month/day or day/month: this column has dates that can only be day/month",
        fix='set `date_order = "dmy"` if all dates are day/month, or write dates as 2026-01-31',
        setting="date_order",
    )


def _day(text: str, year: int, month: int, day: int, *, hint: str = "") -> date:
    try:
        return date(year, month, day)
    except ValueError:
        hint = hint if month > 12 >= day else ""
        raise RecordError(f"{text!r} is not a valid date", fix=f"write it as 2026-01-31 or 01/31/2026{hint}") from None
