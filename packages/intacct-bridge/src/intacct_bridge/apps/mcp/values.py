"""Values as agents get them: JSON without loss of digits, and strings of the company as inert data.

An amount is a text, so that no digit is lost. In a text, control characters, invisible characters and those that turn
the direction of writing are shown as escapes: a record's text cannot move a cursor or hide a part of itself. A very
long text is cut.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from intacct_protocol.model.wording import display_lines, money

LONGEST_TEXT = 4_000
LARGEST_ANSWER = 200_000
"""Characters of all rows of an answer."""
HALF_PAIR = "\ufdd0"
"""Stands for half of a pair of surrogates, which JSON can escape. Unicode keeps it for programs: it is no character."""


def plain(value: Any) -> Any:
    """A value as JSON, with every text inert."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return inert(value)
    if isinstance(value, Decimal):
        return str(money(value)) if value.is_finite() else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, Mapping):
        return {inert(str(name)): plain(one) for name, one in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [plain(one) for one in value]
    return inert(str(value))


def half_pair_in(value: Any) -> str | None:
    """Where a text of a call has half of a pair of surrogates, as `lines.0.memo`; None if none has."""
    if isinstance(value, str):
        return "" if HALF_PAIR in value or any("\ud800" <= member <= "\udfff" for member in value) else None
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, member in items:
        place = "" if half_pair_in(name) is not None else half_pair_in(member)
        if place is not None:
            return f"{inert(str(name))}.{place}".rstrip(".")
    return None


def inert(text: str) -> str:
    """A text without characters that act on a screen or that cannot be seen, and of a bounded length."""
    left = len(text) - LONGEST_TEXT
    shown = display_lines(text[:LONGEST_TEXT])
    return f"{shown}… [{left:,} more characters]" if left > 0 else shown


def rows_within(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> tuple[list[dict[str, Any]], bool]:
    """Rows as objects, as many as an answer may hold; and whether some were left out."""
    objects, size = list[dict[str, Any]](), 0
    for row in rows:
        fields = {inert(name): plain(value) for name, value in zip(columns, row, strict=True)}
        size += len(json.dumps(fields, ensure_ascii=False))
        if size > LARGEST_ANSWER and objects:
            return objects, True
        objects.append(fields)
    return objects, False
