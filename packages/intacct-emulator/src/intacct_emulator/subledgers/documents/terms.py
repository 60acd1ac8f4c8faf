"""The days of payment terms: when a document is due, and until when its discount counts.

The words are those that the terms' pages list. A day that a month lacks is its last day; that is inferred.
"""

from calendar import monthrange
from datetime import date, timedelta

_EXTENDED = "from invoice/bill date extending to eom"
_AFTER_MONTH = "after end of month of invoice/bill date"
_MONTHS = {
    "of the month of invoice/bill date": 0,
    "of next month from invoice/bill date": 1,
    "of 2nd month from invoice/bill date": 2,
    "of 3rd month from invoice/bill date": 3,
    "of 4th month from invoice/bill date": 4,
    "of 5th month from invoice/bill date": 5,
    "of 6th month from invoice/bill date": 6,
}
"""By the words of a term that names a day of a month, how many months after the document's."""


def term_day(first: date, days: int, counted: str) -> date:
    """The day that a term gives for a document of `first`; `counted` says from where, by default from that day."""
    if counted in _MONTHS:
        month = first.month - 1 + _MONTHS[counted]
        year, month = first.year + month // 12, month % 12 + 1
        return date(year, month, max(1, min(days, monthrange(year, month)[1])))
    if counted == _AFTER_MONTH:
        return _end_of_month(first) + timedelta(days=days)
    due = first + timedelta(days=days)
    return _end_of_month(due) if counted == _EXTENDED else due


def _end_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
