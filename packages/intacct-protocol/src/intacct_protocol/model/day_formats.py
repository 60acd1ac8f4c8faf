"""Formats of dates and times, as users write them: `DD.MM.YYYY`, `MMM D, YYYY`, `YYYY-MM-DD HH:mm`.

A format is checked when it is given. A word in it that is not a token is an error of the format, not of the dates.
Months are in English; their case does not matter.
"""

import re
from datetime import date, datetime
from functools import cache

from intacct_protocol.errors import RecordError, SettingsError

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_TOKENS = {
    "YYYY": r"(?P<year>\d{4})",
    "YY": r"(?P<short>\d{2})",
    "MMMM": r"(?P<name>[A-Za-z]+)\.?",
    "MMM": r"(?P<name>[A-Za-z]+)\.?",
    "MM": r"(?P<month>\d{1,2})",
    "M": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{1,2})",
    "D": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{1,2})",
    "ss": r"(?P<second>\d{1,2})",
}
TOKENS = " ".join(_TOKENS)
_WRITTEN = {"YYYY": "%Y", "YY": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m", "DD": "%d", "D": "%d",
            "HH": "%H", "mm": "%M", "ss": "%S"}  # fmt: skip
_PARTS = re.compile(r"[A-Za-z]+|[^A-Za-z]+")
_WORD = re.compile("|".join([*_TOKENS, "T", "Z"]))
"""A token, or one of the letters that stand for themselves, as in `DDTHH`."""
_TIME_PARTS = ("hour", "minute", "second")


def month_number(name: str) -> int | None:
    """The number of an English month: `Nov`, `november`, `Sept`."""
    text = name.rstrip(".").casefold()
    numbers = [number for number, month in enumerate(MONTHS, 1) if len(text) >= 3 and month.casefold().startswith(text)]
    return numbers[0] if len(numbers) == 1 else None


def full_year(two_digits: int) -> int:
    """The year of two digits, as POSIX has it: 69 to 99 are 1969 to 1999, the others 2000 to 2068."""
    return two_digits + (1900 if two_digits >= 69 else 2000)


@cache
def _compiled(pattern: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """The expression of a format, and its parts. SettingsError for a word that is not a token, or a missing part."""
    expression, parts = "", tuple(_split(pattern))
    for part in parts:
        expression += _TOKENS.get(part) or re.escape(part)
    try:
        compiled = re.compile(expression)
    except re.error:
        raise SettingsError(f"the format {pattern!r} has one part twice", fix=f"the tokens are {TOKENS}") from None
    groups = set(compiled.groupindex)
    missing = [
        word
        for word, names in (("year", {"year", "short"}), ("month", {"month", "name"}), ("day", {"day"}))
        if not groups & names
    ]
    if missing or len(groups & {"year", "short"}) > 1 or len(groups & {"month", "name"}) > 1:
        text = f"has no {missing[0]}" if missing else "has one part twice"
        raise SettingsError(f"the format {pattern!r} {text}", fix=f"the tokens are {TOKENS}")
    return compiled, parts


def _split(pattern: str) -> list[str]:
    tokens: list[str] = []
    for part in _PARTS.findall(pattern):
        pieces = _WORD.findall(part) if part[0].isalpha() else [part]
        if "".join(pieces) != part:
            raise SettingsError(f"{part!r} is not a token of the format {pattern!r}", fix=f"the tokens are {TOKENS}")
        tokens += pieces
    return tokens


def check_format(pattern: str) -> str:
    """The format itself. SettingsError if it has a word that is not a token, or lacks a part of the date."""
    _compiled(pattern)
    return pattern


def read_moment(pattern: str, text: str) -> datetime:
    """The date and time, without a zone, that a text has in this format. RecordError if it has another form."""
    compiled, _ = _compiled(pattern)
    match = compiled.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        parts = match.groupdict()
        month = int(parts["month"]) if parts.get("month") else month_number(parts["name"])
        year = int(parts["year"]) if parts.get("year") else full_year(int(parts["short"]))
        hour, minute, second = (int(parts.get(one) or 0) for one in _TIME_PARTS)
        return datetime(year, month or 0, int(parts["day"]), hour, minute, second)
    except ValueError:
        raise RecordError(f"{text!r} does not have the format {pattern}", fix=f"write it as {pattern}") from None


def written(pattern: str, moment: date) -> str:
    """The date or time in this format."""
    _, parts = _compiled(pattern)
    return "".join(moment.strftime(_WRITTEN[part]) if part in _WRITTEN else part for part in parts)
