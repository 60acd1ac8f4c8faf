"""A SELECT taken apart: the objects that it reads, the fields of each, and the conditions that the gateway may check.

Only a condition whose result at the gateway contains ours is passed on: equality, IN, ranges and IS NULL of one field,
joined by AND, and never on the side of an outer join that may be missing. Texts are not compared by range, since only
the gateway knows their order. DuckDB evaluates the whole statement again, so a condition that is passed on saves rows
and decides nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.model.query.query import MAX_IN, Compare, Op
from intacct_bridge.wire.values import Kind, Value

if TYPE_CHECKING:
    from sqlglot import exp

Fields = Mapping[str, Kind]
FieldsOf = Callable[[str], Fields]
"""The fields of an object; InvalidRequestError for an unknown one."""
_TEXTS = (Kind.TEXT, Kind.ENUM)
_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT)
_FLIPPED = {
    Op.EQUALTO: Op.EQUALTO,
    Op.LESSTHAN: Op.GREATERTHAN,
    Op.LESSTHANOREQUALTO: Op.GREATERTHANOREQUALTO,
    Op.GREATERTHAN: Op.LESSTHAN,
    Op.GREATERTHANOREQUALTO: Op.LESSTHANOREQUALTO,
}
_ONE_SELECT = "write one SELECT, such as: SELECT VENDORNAME, SUM(TOTALDUE) FROM APBILL GROUP BY 1"


@dataclass(frozen=True, slots=True)
class ReadObject:
    """One object as a statement reads it."""

    relation: str
    """The name under which DuckDB finds its rows."""
    object: str
    fields: tuple[str, ...]
    conditions: tuple[Compare, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveStatement:
    """A statement that is ready to run."""

    sql: str
    reads: tuple[ReadObject, ...]


def parsed(sql: str) -> "exp.Query":
    """One SELECT. InvalidRequestError for anything else."""
    import sqlglot
    from sqlglot import exp

    try:
        found = [one for one in sqlglot.parse(sql, read="duckdb") if one is not None]
    except sqlglot.errors.SqlglotError as error:
        reason = str(error).splitlines()[0] if str(error) else "it is not SQL"
        raise InvalidRequestError(f"the statement cannot be read: {reason}", fix=_ONE_SELECT) from None
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise InvalidRequestError("the statement is not one SELECT", fix=_ONE_SELECT)
    query = found[0]
    writes = (exp.Into, exp.Insert, exp.Update, exp.Delete, exp.Create, exp.Drop, exp.Command)
    if query.find(*writes):
        raise InvalidRequestError("the statement does more than read", fix=_ONE_SELECT)
    return query


def table_names(query: "exp.Query") -> list[str]:
    """The tables that a statement reads, with their schema if they have one, each once."""
    return list(dict.fromkeys(".".join(filter(None, (one.db, one.name))) for one, _ in _base_tables(query)))


def live_statement(sql: str, fields_of: FieldsOf) -> LiveStatement:
    """A statement over objects of the company. InvalidRequestError for what is no object, and for other tables."""
    from sqlglot import exp

    query = parsed(sql)
    tables = list(_base_tables(query))
    for table, _ in tables:
        if not isinstance(table.this, exp.Identifier) or table.db:
            raise InvalidRequestError(
                f"{table.sql(dialect='duckdb')} is not an object of the company",
                fix="name objects, such as APBILL; the views of `reporting` are in a copy: use `on`",
                setting="on",
            )
    objects = {table.name.upper(): fields_of(table.name.upper()) for table, _ in tables}
    reads = []
    for number, (table, scope) in enumerate(tables):
        fields = objects[table.name.upper()]
        conditions = tuple(_conditions(table, scope, fields, objects))
        read = ReadObject(f"_object_{number}", table.name.upper(), _needed(query, table, scope, fields), conditions)
        reads.append(read)
    for read, (table, _) in zip(reads, tables, strict=True):
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
        table.set("this", exp.to_identifier(read.relation))
    return LiveStatement(query.sql(dialect="duckdb"), tuple(reads))


def _base_tables(query: "exp.Query") -> "Iterator[tuple[exp.Table, exp.Expr]]":
    """The tables that are no common table expressions, each with the SELECT that it stands in."""
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    seen = set()
    for scope in traverse_scope(query):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and id(source) not in seen:
                seen.add(id(source))
                yield source, scope.expression
    for table in query.find_all(exp.Table):
        if id(table) not in seen and not isinstance(table.this, exp.Identifier):
            seen.add(id(table))
            yield table, query


# --- fields


def _needed(query: "exp.Query", table: "exp.Table", select: "exp.Expr", fields: Fields) -> tuple[str, ...]:
    """The fields that the statement may need of a table: those that it names anywhere, or all under a star."""
    from sqlglot import exp

    if _has_star(select) or any(one.args.get("method") == "NATURAL" for one in query.find_all(exp.Join)):
        return tuple(fields)
    names = {one.name.upper() for one in query.find_all(exp.Column)}
    for join in query.find_all(exp.Join):
        names |= {one.name.upper() for one in join.args.get("using") or ()}
    if table.alias_or_name.upper() in names:  # the row as a whole
        return tuple(fields)
    return tuple(one for one in fields if one.upper() in names) or tuple(list(fields)[:1])


def _has_star(select: "exp.Expr") -> bool:
    from sqlglot import exp

    return any(not isinstance(one.parent, exp.Count) for one in select.find_all(exp.Star))


# --- conditions


def _conditions(
    table: "exp.Table", select: "exp.Expr", fields: Fields, objects: Mapping[str, Fields]
) -> Iterator[Compare]:
    """The conditions on a table that the gateway may check."""
    from sqlglot import exp

    if not isinstance(select, exp.Select) or not _is_preserved(table, select):
        return
    where = select.args.get("where")
    parts = list(where.this.flatten() if isinstance(where.this, exp.And) else [where.this]) if where else []
    for join in select.args.get("joins") or ():
        condition = join.args.get("on")
        if condition is not None and not join.side:
            parts += list(condition.flatten() if isinstance(condition, exp.And) else [condition])
    own = {one.alias.upper() for one in select.expressions if isinstance(one, exp.Alias)}
    for part in parts:
        columns = list(part.find_all(exp.Column))
        if len(columns) == 1 and _is_of(columns[0], table, select, objects, own):
            field = next((one for one in fields if one.upper() == columns[0].name.upper()), "")
            found = _compare(part.unnest(), field, fields[field]) if field else None
            if found is not None:
                yield found


def _is_preserved(table: "exp.Table", select: "exp.Select") -> bool:
    """Whether every row of the result has a row of this table, and only inner and left joins are around it."""
    joins = select.args.get("joins") or ()
    for one in joins:
        if one.side not in ("", "LEFT") or one.kind not in ("", "INNER", "CROSS", "OUTER") or one.method:
            return False
    source = select.args.get("from_") or select.args.get("from")
    if source is not None and source.this is table:
        return True
    return any(one.this is table and not one.side for one in joins)


def _is_of(
    column: "exp.Column", table: "exp.Table", select: "exp.Select", objects: Mapping[str, Fields], aliases: set[str]
) -> bool:
    """Whether a column is certainly one of this table."""
    from sqlglot import exp

    if column.find_ancestor(exp.Select) is not select:
        return False
    if column.table:
        return column.table.upper() == table.alias_or_name.upper()
    if column.name.upper() in aliases:
        return False
    source = select.args.get("from_") or select.args.get("from")
    beside = [source.this, *(one.this for one in select.args.get("joins") or ())] if source else []
    others = [one for one in beside if one is not table]
    known = [objects.get(one.name.upper()) if isinstance(one, exp.Table) else None for one in others]
    return all(fields is not None and column.name.upper() not in {one.upper() for one in fields} for fields in known)


def _compare(part: "exp.Expr", field: str, kind: Kind) -> Compare | None:
    """A condition of the gateway for a part of the statement; None where there is none that contains it."""
    from sqlglot import exp

    operators: dict[type[exp.Expr], Op] = {
        exp.EQ: Op.EQUALTO,
        exp.LT: Op.LESSTHAN,
        exp.LTE: Op.LESSTHANOREQUALTO,
        exp.GT: Op.GREATERTHAN,
        exp.GTE: Op.GREATERTHANOREQUALTO,
    }
    if isinstance(part, exp.Is) and isinstance(part.this, exp.Column) and isinstance(part.expression, exp.Null):
        return Compare(field, Op.ISNULL) if kind in (*_TEXTS, *_NUMBERS, Kind.DATE) else None
    if isinstance(part, exp.In) and isinstance(part.this, exp.Column) and not part.args.get("query"):
        values = [_literal(one, kind) for one in part.expressions]
        if not values or len(values) > MAX_IN or any(one is None for one in values):
            return None
        return Compare(field, Op.IN, tuple(values))
    if isinstance(part, exp.Between) and isinstance(part.this, exp.Column) and kind not in _TEXTS:
        low, high = _literal(part.args["low"], kind), _literal(part.args["high"], kind)
        if low is None or high is None or part.args.get("symmetric") or low > high:  # type: ignore[operator]
            return None
        return Compare(field, Op.BETWEEN, (low, high))
    operator = operators.get(type(part))
    if operator is None:
        return None
    left, right = part.this, part.expression
    if isinstance(right, exp.Column):
        left, right, operator = right, left, _FLIPPED[operator]
    value = _literal(right, kind) if isinstance(left, exp.Column) else None
    if value is None or (kind in _TEXTS and operator is not Op.EQUALTO):
        return None
    return Compare(field, operator, (value,))


def _literal(node: "exp.Expr", kind: Kind) -> Value | None:
    """A literal that has the kind of a field; None for anything else."""
    from sqlglot import exp

    node = node.unnest()
    sign = 1
    if isinstance(node, exp.Neg):
        node, sign = node.this, -1
    if kind is Kind.DATE:
        if isinstance(node, exp.Cast) and node.to.this is exp.DataType.Type.DATE:
            node = node.this
        return _day(node.this) if isinstance(node, exp.Literal) and node.is_string and sign == 1 else None
    if not isinstance(node, exp.Literal):
        return None
    if kind in _TEXTS:
        return str(node.this) if node.is_string and node.this.strip() else None
    if kind in _NUMBERS and not node.is_string:
        try:
            number = sign * Decimal(node.this)
        except InvalidOperation:
            return None
        return (int(number) if number == int(number) else None) if kind is Kind.INTEGER else number
    return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
