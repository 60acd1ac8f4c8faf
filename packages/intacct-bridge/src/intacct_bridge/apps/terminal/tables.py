"""Tables: fitted to a terminal by rich, and as plain text with every cell in full everywhere else.

The plain renderer stays beside rich because scripts and tests rely on its exact text: no cell is cut or wrapped, no
line is padded at its end, and no colour code is written, however wide the rows are.
"""

import os
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TextIO

from intacct_protocol.model.wording import display_text

Cell = object


class Count(int):
    """How many there are of something: shown with thousands separated, as record numbers are not."""


_WIDEST_CELL = 48
"""Longer strings are cut on a terminal, unless columns are left over."""
_GAP = "  "
_LEAST_CUT = 12
"""The narrowest that a text column is cut to, so that it still says something."""


def plain_lines(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """The table as text with every cell in full: names, a line, and the rows; numbers are aligned to the right."""
    cells = _cells(rows)
    right = _right_aligned(columns, rows)
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(columns)]
    rule = ["─" * wide for wide in widths]
    return [_plain_line(row, widths, right) for row in (columns, rule, *cells)]


def _plain_line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = (
        cell.rjust(wide) if to_right else cell.ljust(wide)
        for cell, wide, to_right in zip(cells, widths, right, strict=True)
    )
    return _GAP.join(parts).rstrip()


def print_fitted(columns: Sequence[str], rows: Sequence[Sequence[Cell]], out: TextIO, width: int) -> list[str]:
    """Print a table of at most `width` columns of the terminal, and return the names of those that did not fit.

    Strings are cut with an ellipsis. A number is never cut: it is printed in full or not at all.
    """
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = _cells(rows)
    right = _right_aligned(columns, rows)
    natural = [max([cell_len(name), *(cell_len(row[i]) for row in cells)]) for i, name in enumerate(columns)]
    widths = _fitted_widths(natural, [cell_len(name) for name in columns], right, width)
    bold = "" if "NO_COLOR" in os.environ else "bold"
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style=bold)
    for name, wide, to_right in zip(columns, widths, right, strict=False):
        table.add_column(Text(name), width=wide, justify="right" if to_right else "left", no_wrap=True)
    for row in cells:
        shown = zip(row, widths, right, strict=False)
        table.add_row(*(Text("…" if to_right and cell_len(cell) > wide else cell) for cell, wide, to_right in shown))
    Console(file=out, width=width, height=24, highlight=False).print(table)
    return list(columns[len(widths) :])


def _fitted_widths(natural: Sequence[int], names: Sequence[int], right: Sequence[bool], width: int) -> list[int]:
    """The widths of the columns that fit, from the first on; the first always stays.

    Strings longer than `_WIDEST_CELL` are cut. If every column fits, the space left over goes to the cut ones, the last
    first; otherwise the next column is cut to the space left over if it holds text.
    """
    capped = [
        wide if to_right else min(wide, max(_WIDEST_CELL, name))
        for wide, name, to_right in zip(natural, names, right, strict=True)
    ]
    fitted: list[int] = []
    spare = width
    for wide in capped:
        needed = wide + (len(_GAP) if fitted else 0)
        if needed > spare and fitted:
            break
        fitted.append(min(wide, width))
        spare -= needed
    following = len(fitted)
    if following == len(natural):
        for i in reversed(range(following)):
            more = max(min(spare, natural[i] - fitted[i]), 0)
            fitted[i] += more
            spare -= more
    elif not right[following] and spare - len(_GAP) > _LEAST_CUT:
        fitted.append(min(spare - len(_GAP), capped[following]))
    return fitted


def _right_aligned(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[bool]:
    return [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(columns))]


def _cells(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """Every cell as text. If a decimal of a column has a fraction, all of the column's have at least two places."""
    columns = [_column(values) for values in zip(*rows, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def _column(values: Sequence[Cell]) -> list[str]:
    whole = not any(isinstance(value, Decimal) and _has_fraction(value) for value in values)
    return [shown(value) if whole or not isinstance(value, Decimal) else _with_places(value) for value in values]


def _has_fraction(value: Decimal) -> bool:
    return "." in format(value, "f")


def _with_places(value: Decimal) -> str:
    """Thousands separated, at least two decimals, and otherwise the digits that the value has."""
    if not value.is_finite():
        return format(value, "f")
    whole, _, fraction = format(value, ",f").partition(".")
    return f"{whole}.{fraction:0<2}"


def _is_number(value: Cell) -> bool:
    return (isinstance(value, int | Decimal | float) and not isinstance(value, bool)) or value is None


def shown(value: Cell) -> str:
    """A value as a person reads it, on one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds").removesuffix("+00:00")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _with_places(value) if _has_fraction(value) else format(value, ",f")
    if isinstance(value, Count):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(shown(one) for one in value)
    return display_text(str(value))
