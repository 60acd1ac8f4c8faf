"""A typed filter as a SQL condition on the searchable columns: the same rows where that is certain, otherwise more.

Certain are null and not null; every comparison of integers, dates and times; and equality, lists and order of plain
text, which SQLite compares byte by byte as Python does character by character. Comparisons without case are not.
"""

from datetime import date, datetime
from decimal import Decimal

from intacct_emulator.settings.cells import date_text, timestamp_text
from intacct_emulator.store.store import SqlValue, StoreTable, sql_value
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.query import MAX_IN, And, Compare, Filter, Op, Or
from intacct_protocol.xml.values import Kind, Value

Condition = tuple[str, list[SqlValue], bool]
"""SQL, its values, and whether it selects exactly the rows of the filter."""
_SQL = {
    Op.EQUALTO: "=",
    Op.LESSTHAN: "<",
    Op.LESSTHANOREQUALTO: "<=",
    Op.GREATERTHAN: ">",
    Op.GREATERTHANOREQUALTO: ">=",
}
_ANYTHING: Condition = ("1", [], False)


def condition(
    table: StoreTable, where: Filter | None, described: ObjectDef, *, fold: bool, numeric: tuple[str, ...]
) -> Condition:
    """The condition for a filter. `fold` ignores case; `numeric` names text fields that compare as numbers."""
    if where is None:
        return "1", [], True
    if isinstance(where, And | Or):
        parts = [condition(table, part, described, fold=fold, numeric=numeric) for part in where.parts]
        joined = (" AND " if isinstance(where, And) else " OR ").join(f"({part[0]})" for part in parts)
        return f"({joined})", [value for part in parts for value in part[1]], all(part[2] for part in parts)
    assert isinstance(where, Compare)
    if where.field == table.plan.key and table.plan.key_is_integer:
        return _compare("id", Kind.INTEGER, where)
    if where.field not in table.columns or where.field in numeric:
        return _ANYTHING
    kind = described.kind_of(where.field)
    if fold and kind not in (Kind.INTEGER, Kind.DATE, Kind.TIMESTAMP) and where.values:
        return _ANYTHING
    return _compare(table.columns[where.field], kind, where)


def _compare(column: str, kind: Kind, leaf: Compare) -> Condition:
    if leaf.op in (Op.ISNULL, Op.ISNOTNULL):
        return f"{column} {'IS NULL' if leaf.op is Op.ISNULL else 'IS NOT NULL'}", [], True
    values = [_literal(kind, value) for value in leaf.values]
    if None in values or len(values) > MAX_IN:
        return _ANYTHING
    if leaf.op in _SQL:
        return f"{column} {_SQL[leaf.op]} ?", values, True
    if leaf.op is Op.BETWEEN:
        return f"{column} BETWEEN ? AND ?", values, True
    if leaf.op is Op.IN:
        return f"{column} IN ({', '.join('?' for _ in values)})", values, True
    return _ANYTHING


def _literal(kind: Kind, value: Value) -> SqlValue:
    """The literal as the column holds it; None if SQL could compare it differently."""
    if kind is Kind.INTEGER:
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**62 else None
    if kind is Kind.TIMESTAMP:
        return sql_value(kind, timestamp_text(value)) if isinstance(value, datetime) else None
    if kind is Kind.DATE:
        if isinstance(value, date) and not isinstance(value, datetime):
            return sql_value(kind, date_text(value))
        return None
    if kind in (Kind.TEXT, Kind.ENUM, Kind.SEQUENCE):
        return value if isinstance(value, str) and value else None
    return None
