"""Filters, sort orders and literals as text in the command line's language: the reverse of `where`."""

from datetime import UTC, date, datetime

from intacct_protocol.model.query.query import And, Compare, Filter, Op, Or
from intacct_protocol.xml.values import Kind, Value

_SIGNS = {
    Op.EQUALTO: "=",
    Op.NOTEQUALTO: "!=",
    Op.LESSTHAN: "<",
    Op.LESSTHANOREQUALTO: "<=",
    Op.GREATERTHAN: ">",
    Op.GREATERTHANOREQUALTO: ">=",
    Op.LIKE: "like",
    Op.NOTLIKE: "not like",
}
_NULLS = {Op.ISNULL: "is null", Op.ISNOTNULL: "is not null"}
_LISTS = {Op.IN: "in", Op.NOTIN: "not in"}


def where_text(node: Filter) -> str:
    """A filter as text, from which `parse_where` makes the same filter."""
    if isinstance(node, And | Or):
        word = " and " if isinstance(node, And) else " or "
        return word.join(f"({where_text(one)})" if isinstance(one, And | Or) else where_text(one) for one in node.parts)
    assert isinstance(node, Compare)
    values = [literal_text(one) for one in node.values]
    if node.op in _NULLS:
        return f"{node.field} {_NULLS[node.op]}"
    if node.op in _LISTS:
        return f"{node.field} {_LISTS[node.op]} ({', '.join(values)})"
    if node.op is Op.BETWEEN:
        return f"{node.field} between {values[0]} and {values[1]}"
    return f"{node.field} {_SIGNS[node.op]} {values[0]}"


def literal_text(value: Value) -> str:
    """A literal: strings in quotes, days and times in ISO 8601."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return f"{aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return format(value, "f") if value is not None and not isinstance(value, int) else str(value)


def typed_text(kind: Kind, typed: str) -> str:
    """What a person typed for a field, as a literal: a text is quoted, all else is written as it is."""
    return literal_text(typed) if kind in (Kind.TEXT, Kind.ENUM) else typed
