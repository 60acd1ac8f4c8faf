"""Filters that Spark pushes down: what the gateway is asked, and what is kept of its answer.

Each filter that is taken over has two halves. The gateway is asked for the rows of the filter or for more, so that a
difference between its comparisons and Spark's costs time and no row. Then each task keeps exactly the rows that Spark
would keep. So Spark need not filter again, and shows these filters in `explain`. All others stay with Spark:

- texts are compared for equality only, since the gateway has an order and perhaps a case rule of its own;
- a boolean is only asked for being true, since one that was never set reads as false and may be null to the gateway;
- times are widened by two days at each end, since the zone of times in the gateway's filters may be unknown;
- fields of related objects are not asked for, since a record may lack the related one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from intacct_bridge.edge.spark.columns import SparkColumn, arrow_type
from intacct_bridge.model.query.query import Compare, Filter, Op
from intacct_bridge.wire.values import NUMBERS, Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa

_EARLIER, _LATER = timedelta(days=-2), timedelta(days=2)
_YEARS = (1900, 2200)
_RANGES: Mapping[str, tuple[Op, str]] = {
    "GreaterThan": (Op.GREATERTHAN, "greater"),
    "GreaterThanOrEqual": (Op.GREATERTHANOREQUALTO, "greater_equal"),
    "LessThan": (Op.LESSTHAN, "less"),
    "LessThanOrEqual": (Op.LESSTHANOREQUALTO, "less_equal"),
}
_NULLS = {"IsNull": Op.ISNULL, "IsNotNull": Op.ISNOTNULL}
_EQUAL = ("EqualTo", "EqualNullSafe")
_ORDERED = (Kind.INTEGER, *NUMBERS, Kind.DATE)
"""Kinds whose comparisons are the same everywhere."""


class SparkFilter(Protocol):
    """A filter of `pyspark.sql.datasource`: its class says what it is."""

    @property
    def attribute(self) -> tuple[str, ...]:
        """The path of the column."""


@dataclass(frozen=True, slots=True)
class RowCondition:
    """What the rows of one column must be, by Spark's rules: a comparison with a null is never true."""

    column: str
    test: str
    """`equal`, `greater`, ..., `in`, `not_in`, `null` or `not_null`."""
    values: tuple[Value, ...] = ()

    def mask(self, rows: "pa.RecordBatch") -> "pa.Array":
        """Which rows of a batch to keep."""
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = rows.column(self.column)
        first = next(iter(self.values), None)
        if self.test == "null":
            return cells.is_null()
        if self.test == "not_null":
            return cells.is_valid()
        if self.test in ("in", "not_in"):
            found = pc.is_in(cells, value_set=pa.array(list(self.values), cells.type))
            return found if self.test == "in" else pc.and_(pc.invert(found), cells.is_valid())
        compared = getattr(pc, self.test)(cells, pa.scalar(first, cells.type))
        return pc.fill_null(compared, False)


@dataclass(frozen=True, slots=True)
class PushedFilter:
    """A filter that is taken over from Spark."""

    condition: RowCondition
    asked: Filter
    """What the gateway is asked: the rows of the condition, or more."""


def kept(rows: "pa.RecordBatch", conditions: Sequence[RowCondition]) -> "pa.RecordBatch":
    """The rows that meet all conditions."""
    for one in conditions:
        rows = rows.filter(one.mask(rows))
    return rows


def pushed(given: SparkFilter, column_of: Callable[[str], SparkColumn | None]) -> PushedFilter | None:
    """The filter, if it can be taken over; None leaves it to Spark.

    `column_of` gives the column of a field that the gateway can be asked for in every company.
    """
    name, negated = type(given).__name__, False
    while name == "Not":
        given, negated = given.child, not negated  # type: ignore[attr-defined]
        name = type(given).__name__
    path: tuple[str, ...] = getattr(given, "attribute", ())
    column = column_of(path[0]) if len(path) == 1 else None
    if column is None:
        return None
    if name in _NULLS:
        return None if negated else _null(column, _NULLS[name])
    values = _values(given, name, column)
    if not _fits(values, column):
        return None
    return _excluded(column, name, values) if negated else _compared(column, name, values)


def _null(column: SparkColumn, op: Op) -> PushedFilter | None:
    if column.kind is Kind.BOOLEAN:
        return None
    test = "null" if op is Op.ISNULL else "not_null"
    return PushedFilter(RowCondition(column.name, test), Compare(column.field, op))


def _compared(column: SparkColumn, name: str, values: tuple[Value, ...]) -> PushedFilter | None:
    kind, field = column.kind, column.field
    if kind is Kind.BOOLEAN and (name not in _EQUAL or not values[0]):
        return None
    if name in _RANGES:
        op, test = _RANGES[name]
        if kind not in (*_ORDERED, Kind.TIMESTAMP):
            return None
        by = _LATER if op in (Op.LESSTHAN, Op.LESSTHANOREQUALTO) else _EARLIER
        return PushedFilter(RowCondition(column.name, test, values), Compare(field, op, (_widened(values[0], by),)))
    condition = RowCondition(column.name, "equal" if name in _EQUAL else "in", values)
    if kind is Kind.TIMESTAMP:
        first, last = min(values), max(values)  # type: ignore[type-var]
        bounds = (_widened(first, _EARLIER), _widened(last, _LATER))
        return PushedFilter(condition, Compare(field, Op.BETWEEN, bounds))
    asked = Compare(field, Op.EQUALTO, values) if len(values) == 1 else Compare(field, Op.IN, values)
    return PushedFilter(condition, asked)


def _excluded(column: SparkColumn, name: str, values: tuple[Value, ...]) -> PushedFilter | None:
    """All rows but those with these values; rows without a value are out by both rules."""
    if column.kind not in _ORDERED or name not in ("EqualTo", "In"):
        return None
    asked = Compare(column.field, Op.NOTEQUALTO if len(values) == 1 else Op.NOTIN, values)
    return PushedFilter(RowCondition(column.name, "not_in", values), asked)


def _values(given: Any, name: str, column: SparkColumn) -> tuple[Value, ...]:
    """The literals in the kind of the field; none where one of them is not."""
    if name == "In":
        raw = list(given.value)
        if None in raw:  # `x NOT IN (1, NULL)` is never true, and a null in a list finds nothing
            return ()
    elif name in _RANGES or name in _EQUAL:
        raw = [given.value]
    else:
        return ()
    found = [_literal(one, column.kind) for one in raw]
    return () if None in found else tuple(found)


def _literal(value: Any, kind: Kind) -> Value:
    """A literal that the gateway is sure to understand as Spark does; None for any other."""
    if kind is Kind.BOOLEAN:
        return value if isinstance(value, bool) else None
    if kind is Kind.INTEGER:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if kind in NUMBERS:
        number = Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
        return number.normalize() + 0 if number is not None and number.is_finite() else None
    if kind is Kind.DATE:
        return value if _is_day(value) and _YEARS[0] < value.year < _YEARS[1] else None
    if kind is Kind.TIMESTAMP:
        aware = isinstance(value, datetime) and value.tzinfo is not None
        return value if aware and _YEARS[0] < value.year < _YEARS[1] else None
    plain = isinstance(value, str) and value.isprintable() and value == value.strip() and value
    return value if plain else None


def _is_day(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _fits(values: tuple[Value, ...], column: SparkColumn) -> bool:
    """Whether there are values, and they are exact in the column's type."""
    import pyarrow as pa

    try:
        return len(pa.array(list(values), arrow_type(column.type))) > 0
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return False


def _widened(value: Value, by: timedelta) -> Value:
    return value + by if isinstance(value, datetime) else value
