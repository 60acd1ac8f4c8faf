"""Conditions of a SELECT as filters of the gateway, if the gateway's result contains that of the SELECT.

These are equality, IN, ranges and IS NULL of one field and constants, joined by AND and OR. The exceptions:

- strings are not compared by range, since only the gateway knows their order;
- a boolean is only asked for being true: one that was never set reads as false, and may be null to a filter;
- a time is widened by two days at each end, since the time zone of times in filters may be unknown.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from intacct_protocol.model.query.query import MAX_IN, Compare, Filter, Op, all_of, any_of
from intacct_protocol.xml.values import SCALE, Kind, Value

if TYPE_CHECKING:
    from sqlglot import exp

FieldOf = Callable[["exp.Column"], tuple[str, Kind] | None]
"""The field that a column certainly is, with its kind."""
Found = tuple[Filter | None, bool]
"""A filter whose result contains that of the condition, and whether it is the condition itself."""

_TEXTS = (Kind.TEXT, Kind.ENUM)
_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT)
_NOTHING: Found = (None, False)
_EARLIER, _LATER = timedelta(days=-2), timedelta(days=2)
_FLIPPED = {
    Op.EQUALTO: Op.EQUALTO,
    Op.LESSTHAN: Op.GREATERTHAN,
    Op.LESSTHANOREQUALTO: Op.GREATERTHANOREQUALTO,
    Op.GREATERTHAN: Op.LESSTHAN,
    Op.GREATERTHANOREQUALTO: Op.LESSTHANOREQUALTO,
}


def filter_of(node: "exp.Expr", field_of: FieldOf) -> Found:
    """The filter for a condition."""
    from sqlglot import exp

    node = node.unnest()
    if isinstance(node, exp.And | exp.Or):
        parts = [filter_of(part, field_of) for part in node.flatten()]
        filters = [one for one, _ in parts if one is not None]
        exact = all(one for _, one in parts)
        if isinstance(node, exp.And):
            return (all_of(filters) if filters else None), exact
        return (any_of(filters), exact) if len(filters) == len(parts) else _NOTHING
    columns = list(node.find_all(exp.Column))
    column_field = field_of(columns[0]) if len(columns) == 1 else None
    return _NOTHING if column_field is None else _compared(node, *column_field)


def _compared(node: "exp.Expr", field: str, kind: Kind) -> Found:
    from sqlglot import exp

    if isinstance(node, exp.Column) or kind is Kind.BOOLEAN:
        return _true(node, field) if kind is Kind.BOOLEAN else _NOTHING
    if isinstance(node, exp.In | exp.Between | exp.Is) and not isinstance(node.this, exp.Column):
        return _NOTHING
    if isinstance(node, exp.Is):
        return (Compare(field, Op.ISNULL), True) if isinstance(node.expression, exp.Null) else _NOTHING
    if isinstance(node, exp.In):
        return _listed(node, field, kind)
    if isinstance(node, exp.Between):
        low, high = _literal(node.args["low"], kind), _literal(node.args["high"], kind)
        if low is None or high is None or kind in _TEXTS or node.args.get("symmetric") or low > high:  # type: ignore[operator]
            return _NOTHING
        return _range(field, kind, low, high)
    return _operator(node, field, kind)


def _true(node: "exp.Expr", field: str) -> Found:
    from sqlglot import exp

    is_true = isinstance(node, exp.EQ | exp.Is) and isinstance(node.expression, exp.Boolean) and node.expression.this
    if isinstance(node, exp.Column) or (is_true and isinstance(node.this, exp.Column)):
        return Compare(field, Op.EQUALTO, (True,)), True
    return _NOTHING


def _listed(node: "exp.In", field: str, kind: Kind) -> Found:
    values = [_literal(one, kind) for one in node.expressions]
    literals = [one for one in values if one is not None]
    if node.args.get("query") or not literals or len(literals) < len(values) or len(literals) > MAX_IN:
        return _NOTHING
    if kind is Kind.TIMESTAMP:
        return _range(field, kind, min(literals), max(literals))
    return Compare(field, Op.IN, tuple(literals)), True


def _range(field: str, kind: Kind, low: Value, high: Value) -> Found:
    return Compare(field, Op.BETWEEN, (_widened(low, _EARLIER), _widened(high, _LATER))), kind is not Kind.TIMESTAMP


def _widened(value: Value, by: timedelta) -> Value:
    return value + by if isinstance(value, datetime) else value


def _operator(node: "exp.Expr", field: str, kind: Kind) -> Found:
    from sqlglot import exp

    operators: dict[type[exp.Expr], Op] = {
        exp.EQ: Op.EQUALTO,
        exp.LT: Op.LESSTHAN,
        exp.LTE: Op.LESSTHANOREQUALTO,
        exp.GT: Op.GREATERTHAN,
        exp.GTE: Op.GREATERTHANOREQUALTO,
    }
    operator = operators.get(type(node))
    if operator is None:
        return _NOTHING
    left, right = node.this, node.expression
    if isinstance(right, exp.Column):
        left, right, operator = right, left, _FLIPPED[operator]
    value = _literal(right, kind) if isinstance(left, exp.Column) else None
    if value is None or (kind in _TEXTS and operator is not Op.EQUALTO):
        return _NOTHING
    if operator is Op.EQUALTO and kind is Kind.TIMESTAMP:
        return _range(field, kind, value, value)
    by = _LATER if operator in (Op.LESSTHAN, Op.LESSTHANOREQUALTO) else _EARLIER
    return Compare(field, operator, (_widened(value, by),)), kind is not Kind.TIMESTAMP


def _literal(node: "exp.Expr", kind: Kind) -> Value | None:
    """A literal that has the kind of a field; None for anything else."""
    from sqlglot import exp

    node = node.unnest()
    if kind in (Kind.DATE, Kind.TIMESTAMP):
        return _moment(node, kind)
    sign = 1
    if isinstance(node, exp.Neg):
        node, sign = node.this, -1
    if not isinstance(node, exp.Literal):
        return None
    if kind in _TEXTS:
        return str(node.this) if sign == 1 and node.is_string and node.this.strip() else None
    if kind in _NUMBERS and not node.is_string:
        try:
            number = sign * Decimal(node.this)
        except InvalidOperation:
            return None
        if kind is Kind.INTEGER:
            return int(number) if number == int(number) else None
        return number if -int(number.as_tuple().exponent) <= SCALE else None
    return None


def _moment(node: "exp.Expr", kind: Kind) -> Value | None:
    """A day, or a time that is UTC if it names no zone, as in the statement."""
    from sqlglot import exp

    casts = {exp.DataType.Type.DATE}
    if kind is Kind.TIMESTAMP:
        casts |= {exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ, exp.DataType.Type.TIMESTAMPTZ}
    if isinstance(node, exp.Cast) and node.to.this in casts:
        node = node.this
    if not isinstance(node, exp.Literal) or not node.is_string:
        return None
    try:
        if kind is Kind.DATE:
            return date.fromisoformat(node.this)
        moment = datetime.fromisoformat(node.this)
        return moment.replace(tzinfo=moment.tzinfo or UTC) if 1900 < moment.year < 2200 else None
    except ValueError:
        return None
