"""What people write in a cell, read as money, a date or text: exactly, or not at all.

An amount that could mean two numbers is refused, since a guess would be posted: `1,234` is a thousand to some and one
and a bit to others, `12,50` is a decimal comma or a slip. Nothing is ever rounded. Dates are ISO, or MM/DD/YYYY as the
company writes them unless the order is said to be the other one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from intacct_bridge.errors import RecordError

Cell = str | int | Decimal | bool | date | datetime | None
"""One scalar of an input. Text files give text only; other formats may give typed values, never a float."""

DateOrder = Literal["mdy", "dmy"]

_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}")
_POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d{1,2}")
_ONE_POINT = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_SPACES = str.maketrans("", "", " \u00a0\u202f\t")


def text_of(cell: object) -> str:
    """A cell as text without the white space around it; nothing is the empty text."""
    if type(cell) is str:
        return cell.replace("\u00a0", " ").strip() if cell else ""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Decimal):
        return format(cell, "f")
    return str(cell).replace("\u00a0", " ").strip()


def points_group(texts: Iterable[str]) -> bool:
    """Whether one of these is `1.234,50`: then `1.000` beside it is more likely a thousand than one."""
    return any("," in text and _POINTS.fullmatch(text.strip()) for text in texts)


def read_money(cell: Cell, *, grouping: bool = False) -> Decimal | None:
    """An amount, or None for an empty cell; `1,234.50` and `(1,234.50)` are understood, ambiguity is refused.

    `grouping` says that the input has points between thousands elsewhere.
    """
    if isinstance(cell, bool | date):
        raise _unreadable(text_of(cell), "write a number such as 1234.50")
    if isinstance(cell, int | Decimal):
        return _finite(Decimal(cell))
    text = text_of(cell)
    if not text:
        return None
    inner, negative = text, False
    if text.startswith("(") and text.endswith(")"):
        inner, negative = text[1:-1].strip(), True
        if inner[:1] in "+-":
            raise _unreadable(text, "use brackets or a sign, not both")
    bare = inner.translate(_SPACES) if inner[:1] in "+-" else inner
    if grouping and _ONE_POINT.fullmatch(bare):
        whole = bare.replace(".", "")
        fix = f"write {whole}.00, or {bare}0 if it is no thousands: other amounts of the file are like 1.234,50"
        raise _unreadable(text, fix)
    if _PLAIN.fullmatch(bare):
        amount = Decimal(bare)
    elif _GROUPED.fullmatch(bare):
        amount = Decimal(bare.replace(",", ""))
    else:
        raise _unreadable(text, _money_fix(bare))
    return -amount if negative else amount


def _money_fix(text: str) -> str:
    if re.fullmatch(r"[+-]?\d{1,3},\d{3}", text):
        bare = text.replace(",", "")
        return f"write {bare} or {bare}.00, since a comma alone may be a decimal point elsewhere"
    if re.fullmatch(r"[+-]?[\d.]*\d,\d{1,2}", text):
        return "use a point before the cents and no point for thousands, as in 1234.50"
    if re.fullmatch(r"#[A-Z0-9/]+[!?A]", text):
        return "the formula has no result; correct it in the file"
    if re.search(r"[$€£¥]|[A-Za-z]{3}.*\d|\d.*[A-Za-z]{3}", text):
        return "remove the currency sign; a currency belongs in a column of its own"
    return "write a number such as 1234.50"


def cents_fix(text: str) -> str:
    """What to do about an amount with more than two decimals, which may be one with a point for thousands."""
    if _ONE_POINT.fullmatch(text):
        whole = text.replace(".", "")
        return f"write {whole} if its point is for thousands, since we read it as the decimal sign; else round it"
    return "round it; we never round money"


def _unreadable(text: str, fix: str) -> RecordError:
    return RecordError(f"{text!r} is not an amount", fix=fix)


def _finite(amount: Decimal) -> Decimal:
    if not amount.is_finite():
        raise _unreadable(str(amount), "write a number such as 1234.50")
    return amount


@dataclass(frozen=True, slots=True)
class DateReading:
    """How the slashed dates of one column are to be understood."""

    order: DateOrder = "mdy"
    certain: bool = True
    """False where the column holds 13/01/2026 and nobody said so: then no slashed date can be trusted."""
    mixed: bool = False
    """Whether it holds 01/13/2026 too."""


def date_reading(texts: "list[str]", order: DateOrder | None) -> DateReading:
    """Decide once for a whole column, because a file of DD/MM dates is half readable as MM/DD, and wrong.

    Without a setting MM/DD is assumed, until one date of the column contradicts it.
    """
    if order is not None:
        return DateReading(order)
    found = [match for match in (_SLASHED.fullmatch(text.strip()) for text in texts) if match]
    certain = all(int(match[1]) <= 12 for match in found)
    return DateReading("mdy", certain, mixed=not certain and any(int(match[2]) > 12 for match in found))


def read_date(cell: Cell, reading: DateReading = DateReading()) -> date | None:
    """A date, or None for an empty cell."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = text_of(cell)
    if not text:
        return None
    iso = _ISO.fullmatch(text)
    if iso:
        return _day(text, int(iso[1]), int(iso[2]), int(iso[3]))
    slashed = _SLASHED.fullmatch(text)
    if slashed is None:
        raise RecordError(f"{text!r} is not a date", fix="write it as 2026-01-31 or 01/31/2026")
    first, second, year = int(slashed[1]), int(slashed[2]), int(slashed[3])
    if not reading.certain:
        raise _untold(text, reading)
    month, day = (first, second) if reading.order == "mdy" else (second, first)
    other, order = ("day/month/year", "dmy") if reading.order == "mdy" else ("month/day/year", "mdy")
    return _day(text, year, month, day, hint=f'; for {other} set `date_order = "{order}"`')


def _untold(text: str, reading: DateReading) -> RecordError:
    if reading.mixed:
        return RecordError(
            f"{text!r} may be month/day or day/month: this column holds dates of both kinds",
            fix="write dates as 2026-01-31, or set `date_order` to mdy or dmy, whichever the file uses",
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
        raise RecordError(
            f"{text!r} is not a day of the calendar", fix=f"write it as 2026-01-31 or 01/31/2026{hint}"
        ) from None
