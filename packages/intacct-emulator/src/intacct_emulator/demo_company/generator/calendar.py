"""The calendar of the demo company: its months, working days, time stamps and exchange rates.

This module never reads a clock. No time stamp is later than 10:00 UTC of the day before the last day. At that moment
the last day begins in the first time zone, so a company made for "today" has no record from the future anywhere.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random

MONTHS = 24
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The company's days, ending with `as_of`."""

    as_of: date
    length: int = MONTHS
    """How many months, the month of `as_of` included."""

    @property
    def months(self) -> tuple[date, ...]:
        """The first day of each month, the month of `as_of` last."""
        return tuple(shift_month(self.as_of, -back) for back in range(self.length - 1, -1, -1))

    @property
    def start(self) -> date:
        """The first day of the history."""
        return shift_month(self.as_of, 1 - self.length)

    @property
    def open_from(self) -> date:
        """The first day of the open periods: the month before the last one."""
        return shift_month(self.as_of, -1)

    @property
    def latest(self) -> datetime:
        """The latest time stamp."""
        return _latest(self.as_of)

    def days(self, month: date) -> Iterator[date]:
        """The days of a month, up to `as_of`."""
        last = min(month_end(month), self.as_of)
        for day in range(1, last.day + 1):
            yield month.replace(day=day)

    def reading(self, day: date, second: int) -> datetime:
        """The time `second` seconds after noon UTC of the day, but no later than `latest`."""
        return min(_noon(day) + timedelta(seconds=second), _latest(self.as_of))


@cache
def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@cache
def _latest(as_of: date) -> datetime:
    return _noon(as_of) - timedelta(hours=26)


def shift_month(day: date, months: int) -> date:
    """The first day of the month that is `months` later."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def month_end(day: date) -> date:
    """The last day of the month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def workday(day: date) -> date:
    """The day itself, or the Monday after a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() > 4 else day


def next_weekday(day: date, weekday: int) -> date:
    """The first day with that weekday (Monday is 0) on or after the day."""
    return day + timedelta(days=(weekday - day.weekday()) % 7)


@dataclass(frozen=True, slots=True)
class Rates:
    """Exchange rates by week, between US and Canadian dollars."""

    weeks: dict[date, tuple[Decimal, Decimal]]
    """Monday → CAD for one USD, USD for one CAD."""

    def rate(self, currency: str, base: str, day: date) -> Decimal:
        """Base currency for one unit of the currency."""
        if currency == base:
            return Decimal(1)
        forth, back = self.weeks[day - timedelta(days=day.weekday())]
        return forth if currency == "USD" else back


def make_rates(calendar: Calendar, rng: Random) -> Rates:
    """Weekly rates that stay near 1.36, with six decimals."""
    weeks = {}
    level = 1.36
    monday = calendar.start - timedelta(days=calendar.start.weekday())
    while monday <= calendar.as_of:
        level += rng.uniform(-0.012, 0.012) + (1.36 - level) * 0.08
        forth = Decimal(round(level * 1_000_000)).scaleb(-6)
        weeks[monday] = (forth, (1 / forth).quantize(Decimal("0.000001")))
        monday += WEEK
    return Rates(weeks)


_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def month_name(day: date) -> str:
    """`March 2026`, in every locale."""
    return f"{_NAMES[day.month - 1]} {day.year}"
