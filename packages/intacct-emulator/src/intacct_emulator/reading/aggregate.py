"""count, avg, min, max and sum over rows of text cells, grouped by the plain fields of the selection.

As in SQL, nulls are left out, `count` counts the cells that are not null, groups come in the order of their first row,
and without plain fields there is one group even over no rows. Sums are exact. Averages are rounded to fourteen places,
the scale of amounts here; that figure is our choice.
"""

from collections.abc import Callable, Iterable
from decimal import Context, Decimal, localcontext
from typing import Any

from intacct_protocol.model.query.comparing import cell_key
from intacct_protocol.model.query.evaluate import TextRow, of_mapping
from intacct_protocol.model.query.query import KindOf, Selected
from intacct_protocol.xml.values import Kind, render_value

Column = str | None
_AVERAGE_STEP = Decimal(1).scaleb(-14)
_WIDE = Context(prec=200)


def aggregated(rows: Iterable[TextRow], select: tuple[Selected, ...], kind_of: KindOf) -> list[tuple[Column, ...]]:
    """One tuple of strings a group, in the order of `select`; a missing text is None."""
    plain = [of_mapping(one) for one in select if isinstance(one, str)]
    groups: dict[tuple[Column, ...], list[TextRow]] = {} if plain else {(): []}
    for row in rows:
        groups.setdefault(tuple(cell(row) or None for cell in plain), []).append(row)
    columns = [_column(one, kind_of) for one in select]
    return [tuple(column(members) for column in columns) for members in groups.values()]


def _column(selected: Selected, kind_of: KindOf) -> Callable[[list[TextRow]], Column]:
    if isinstance(selected, str):
        cell = of_mapping(selected)
        return lambda members: cell(members[0]) or None
    cell = of_mapping(selected.field)
    work = _FUNCTIONS[selected.function]
    key = cell_key(kind_of(selected.field)) or str

    def column(members: list[TextRow]) -> Column:
        return work([text for member in members if (text := cell(member))], key)

    return column


def _count(texts: list[str], _key: Callable[[str], Any]) -> Column:
    return str(len(texts))


def _least(texts: list[str], key: Callable[[str], Any]) -> Column:
    return min((text for text in texts if key(text) is not None), key=key, default=None)


def _greatest(texts: list[str], key: Callable[[str], Any]) -> Column:
    return max((text for text in texts if key(text) is not None), key=key, default=None)


def _numbers(texts: list[str]) -> list[Decimal]:
    number = cell_key(Kind.DECIMAL)
    assert number is not None
    return [value for text in texts if (value := number(text)) is not None]


def _sum(texts: list[str], _key: Callable[[str], Any]) -> Column:
    values = _numbers(texts)
    with localcontext(_WIDE):
        return render_value(Kind.DECIMAL, sum(values, Decimal(0))) if values else None


def _average(texts: list[str], _key: Callable[[str], Any]) -> Column:
    values = _numbers(texts)
    if not values:
        return None
    with localcontext(_WIDE):
        mean = (sum(values, Decimal(0)) / len(values)).quantize(_AVERAGE_STEP)
    text = render_value(Kind.DECIMAL, mean)
    return text.rstrip("0").rstrip(".")


_FUNCTIONS: dict[str, Callable[[list[str], Callable[[str], Any]], Column]] = {
    "count": _count,
    "min": _least,
    "max": _greatest,
    "sum": _sum,
    "avg": _average,
}
