"""The check that no function of a question makes one long value out of a number, which no memory limit holds.

DuckDB counts the rows that it keeps against its memory limit. A single list or text is made at once and does not count:
`range(1000000000)` took all memory of the machine.
"""

import re
from datetime import date
from typing import TYPE_CHECKING

from intacct_protocol.errors import InvalidRequestError

if TYPE_CHECKING:
    from sqlglot import exp

MOST = 100_000
"""The most parts of a list, and letters of a text, that a number in a question makes."""
_SHORTEST_STEPS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_WIDE = re.compile(r"\d{5}|\*|\{[^{}]*\{")
"""A width of many digits in a format, or one that another value gives."""


def check_long_values(function: "exp.Func") -> None:
    """InvalidRequestError for a function that may make a value of any length."""
    from sqlglot import exp

    in_from = isinstance(function.parent, exp.Table | exp.Lateral)
    if isinstance(function, exp.GenerateSeries) and not isinstance(function, exp.ExplodingGenerateSeries):
        if not in_from and not _is_short_list(function):
            raise InvalidRequestError(
                "the list of numbers or dates may be of any length",
                fix=f"Name it in FROM, as FROM range(10), or give numbers or dates with at most {MOST:,} steps.",
            )
    elif isinstance(function, exp.Pad):
        length = _number(function.expression)
        if length is None or length > MOST:
            raise InvalidRequestError("the text may be of any length", fix=f"Give a length up to {MOST:,} as a number.")
    elif isinstance(function, exp.Format) or _is_printf(function):
        given = function.this if isinstance(function, exp.Format) else next(iter(function.expressions), None)
        if not isinstance(given, exp.Literal) or _WIDE.search(given.name):
            raise InvalidRequestError(
                "the format may make a text of any length", fix="Write the format as a text, with short widths."
            )


def _is_printf(function: "exp.Func") -> bool:
    from sqlglot import exp

    return isinstance(function, exp.Anonymous) and str(function.this).lower() == "printf"


def _is_short_list(function: "exp.GenerateSeries") -> bool:
    start, end, step = (function.args.get(name) for name in ("start", "end", "step"))
    first, last = _number(start), _number(end)
    if first is not None and last is not None:
        by = 1 if step is None else _number(step)
        return by is not None and abs(last - first) <= MOST * abs(by)
    days = [_day(start), _day(end)]
    unit = str(step.args.get("unit") or "").upper().removesuffix("S") if step is not None else ""
    return None not in days and unit in _SHORTEST_STEPS and abs((days[1] - days[0]).days) <= MOST  # type: ignore[operator]


def _number(node: "exp.Expr | None") -> int | None:
    from sqlglot import exp

    sign = -1 if isinstance(node, exp.Neg) else 1
    node = node.this if isinstance(node, exp.Neg) else node
    is_number = isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal()
    return sign * int(node.name) if is_number and node is not None else None


def _day(node: "exp.Expr | None") -> date | None:
    from sqlglot import exp

    node = node.this if isinstance(node, exp.Cast) else node
    if not isinstance(node, exp.Literal) or not node.is_string:
        return None
    try:
        return date.fromisoformat(node.name[:10])
    except ValueError:
        return None
