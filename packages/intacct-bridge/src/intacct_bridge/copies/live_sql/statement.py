"""A SELECT taken apart: the objects that it reads, the fields of each, and what the gateway may do of it.

The gateway may check conditions (see `conditions`), and end at a LIMIT. Nothing is passed on for the side of an outer
join that may be missing. DuckDB evaluates the whole statement again, so what is passed on saves rows and decides
nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from intacct_bridge.copies.live_sql.conditions import filter_of
from intacct_bridge.copies.views.definitions import view_definitions
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.nesting import refusing_depth
from intacct_protocol.model.query.query import MAX_PAGE, And, Compare, Filter, Op, Order, all_of
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.values import Kind

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

Fields = Mapping[str, Kind]
FieldsOf = Callable[[str], Fields]
"""The fields of an object; InvalidRequestError for an unknown one."""
REPORTING = "reporting"
_ONE_SELECT = "write one SELECT, such as: SELECT VENDORNAME, SUM(TOTALDUE) FROM APBILL GROUP BY 1"


@dataclass(frozen=True, slots=True)
class FirstRows:
    """A page that may be enough for a LIMIT."""

    rows: int
    """At most a page."""
    order: tuple[Order, ...] = ()
    passing: str = ""
    """SQL that counts the rows that the statement keeps: as many must be `rows`, else all are read."""


@dataclass(frozen=True, slots=True)
class ReadObject:
    """One object as a statement reads it."""

    relation: str
    """The name under which DuckDB finds its rows."""
    object: str
    fields: tuple[str, ...]
    where: Filter | None = None
    first: FirstRows | None = None


@dataclass(frozen=True, slots=True)
class LiveStatement:
    """A statement that is ready to run."""

    sql: str
    reads: tuple[ReadObject, ...]


def parsed(sql: str, *, dialect: str = "duckdb") -> "exp.Query":
    """One SELECT. InvalidRequestError for anything else."""
    import sqlglot
    from sqlglot import exp

    try:
        with refusing_depth("the statement", sql, InvalidRequestError):
            statements = [one for one in sqlglot.parse(sql, read=dialect) if one is not None]
    except sqlglot.errors.SqlglotError as error:
        reason = str(error).splitlines()[0] if str(error) else "it is not SQL"
        raise InvalidRequestError(f"the statement cannot be read: {reason}", fix=_ONE_SELECT) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise InvalidRequestError("the statement is not one SELECT", fix=_ONE_SELECT)
    query = statements[0]
    writes = (exp.Into, exp.DML, exp.DDL, exp.Drop, exp.Command)
    if query.find(*writes):
        raise InvalidRequestError("the statement does more than read", fix=_ONE_SELECT)
    return query


def named_views(text: str) -> list[str]:
    """The views that SQL in lower case may name; each takes time to make."""
    return [name for name in view_definitions() if f"reporting.{name}" in text]


def arrow_result(run: "Callable[[str], pa.Table]", sql: str, fix: str) -> "pa.Table":
    """The result of a statement in DuckDB. InvalidRequestError with DuckDB's reason if it cannot run."""
    import duckdb

    try:
        return run(sql)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].partition(": ")[2] or str(error)
        raise InvalidRequestError(f"the statement cannot run: {reason}", fix=fix) from None


def table_names(query: "exp.Query") -> list[str]:
    """The tables that a statement reads, with their schema if they have one, each once."""
    return list(dict.fromkeys(".".join(filter(None, (one.db, one.name))) for one, _ in base_tables(query)))


def live_statement(sql: str, fields_of: FieldsOf) -> LiveStatement:
    """A statement over objects of the company. InvalidRequestError for what is no object, and for other tables."""
    with refusing_depth("the statement", sql, InvalidRequestError):
        return _live_statement(parsed(sql), sql, fields_of)


def _live_statement(query: "exp.Query", sql: str, fields_of: FieldsOf) -> LiveStatement:
    from sqlglot import exp

    tables = list(base_tables(query))
    for table, _ in tables:
        if not isinstance(table.this, exp.Identifier) or table.db:
            raise InvalidRequestError(
                f"{table.sql(dialect='duckdb')} is not an object of the company",
                fix="name objects, such as APBILL; the views of `reporting` are in a copy: use `on`",
                setting="on",
            )
    objects = {table.name.upper(): fields_of(table.name.upper()) for table, _ in tables}
    reads, prefix = [], _free_prefix(sql)
    for number, (table, scope) in enumerate(tables):
        fields = objects[table.name.upper()]
        conditions, exact = _conditions(table, scope, fields, objects)
        where = all_of(conditions) if conditions else None
        first = _first_rows(table, scope, fields, conditions) if exact else None
        reads.append(
            ReadObject(f"{prefix}{number}", table.name.upper(), _needed(query, table, scope, fields), where, first)
        )
    for read, (table, _) in zip(reads, tables, strict=True):
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
        table.set("this", exp.to_identifier(read.relation))
    for number, (read, (_, scope)) in enumerate(zip(reads, tables, strict=True)):
        if read.first is not None:
            reads[number] = replace(read, first=replace(read.first, passing=_passing(scope)))
    return LiveStatement(query.sql(dialect="duckdb"), tuple(reads))


def _free_prefix(sql: str) -> str:
    """How the names of the rows begin for DuckDB: no name of the statement begins so."""
    prefix = "_object_"
    while prefix in sql.lower():
        prefix = f"_{prefix}"
    return prefix


def base_tables(query: "exp.Query") -> "Iterator[tuple[exp.Table, exp.Expr]]":
    """The tables that are not common table expressions, each with the SELECT that it stands in."""
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    tables = set()
    for scope in traverse_scope(query):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and id(source) not in tables:
                tables.add(id(source))
                yield source, scope.expression
    for table in query.find_all(exp.Table):
        if id(table) not in tables and not isinstance(table.this, exp.Identifier):
            tables.add(id(table))
            yield table, query


def checked_view(table: "exp.Table") -> str:
    """The name of the view that a table of `reporting` means; InvalidRequestError for an unknown one."""
    from sqlglot import exp

    is_call = isinstance(table.this, exp.Anonymous)
    name = str(table.this.this if is_call else table.name).lower()
    definition = view_definitions().get(name)
    if definition is None or not isinstance(table.this, exp.Anonymous | exp.Identifier):
        near = did_you_mean(name, list(view_definitions()))
        raise InvalidRequestError(
            f"there is no view {REPORTING}.{name}{near}", fix="List the views first; in a terminal: intacct views list"
        )
    if definition.is_function is not is_call:
        how = f"{name}({', '.join(one.name for one in definition.parameters)})" if definition.is_function else name
        raise InvalidRequestError(f"{REPORTING}.{name} is a {definition.kind}", fix=f"Write FROM {REPORTING}.{how}")
    return name


def unknown_table(table: "exp.Table", tables: Iterable[str]) -> InvalidRequestError:
    """The error for a table that is none of the copy's."""
    text, name = table.sql(dialect="duckdb", comments=False), table.name.lower()
    view = f"; did you mean {REPORTING}.{name}?" if name in view_definitions() else ""
    near = view or did_you_mean(table.name.upper(), list(tables))
    return InvalidRequestError(
        f"{text[:80]} is not a table of the copy{near}", fix="Name a table of the copy, or a view of `reporting`."
    )


# --- fields


def _needed(query: "exp.Query", table: "exp.Table", select: "exp.Expr", fields: Fields) -> tuple[str, ...]:
    """The fields that the statement may need of a table: those that it names anywhere, or all under a star."""
    from sqlglot import exp

    if (
        _renames(table)
        or _reshapes(select)
        or _has_star(select)
        or query.find(exp.Columns)
        or any(one.args.get("method") == "NATURAL" for one in query.find_all(exp.Join))
    ):
        return tuple(fields)
    names = {one.name.upper() for one in query.find_all(exp.Column)}
    for join in query.find_all(exp.Join):
        names |= {one.name.upper() for one in join.args.get("using") or ()}
    if table.alias_or_name.upper() in names:  # the row as a whole
        return tuple(fields)
    return tuple(one for one in fields if one.upper() in names) or tuple(list(fields)[:1])


def _renames(table: "exp.Table") -> bool:
    """Whether the alias gives the columns other names, by their places."""
    alias = table.args.get("alias")
    return alias is not None and bool(alias.args.get("columns"))


def _reshapes(select: "exp.Expr") -> bool:
    """Whether rows are turned or drawn at random before the conditions: PIVOT, UNPIVOT and samples use all of them."""
    from sqlglot import exp

    return select.find(exp.Pivot, exp.TableSample) is not None


def _has_star(select: "exp.Expr") -> bool:
    from sqlglot import exp

    return any(not isinstance(one.parent, exp.Count) for one in select.find_all(exp.Star))


# --- conditions


def _conditions(
    table: "exp.Table", select: "exp.Expr", fields: Fields, objects: Mapping[str, Fields]
) -> tuple[list[Filter], bool]:
    """The conditions on a table that the gateway may check, and whether the statement has no others."""
    from sqlglot import exp

    if not isinstance(select, exp.Select) or _renames(table) or _reshapes(select) or not _is_preserved(table, select):
        return [], False
    where = select.args.get("where")
    parts = [where.this] if where else []
    parts += [one.args["on"] for one in select.args.get("joins") or () if one.args.get("on") and not one.side]
    aliases = {one.alias.upper() for one in select.expressions if isinstance(one, exp.Alias)}

    def field_of(column: "exp.Column") -> tuple[str, Kind] | None:
        name = column.name.upper() if _is_of(column, table, select, objects, aliases) else ""
        return next(((one, kind) for one, kind in fields.items() if one.upper() == name), None)

    filters = [filter_of(part, field_of) for part in parts]
    return [one for one, _ in filters if one is not None], all(exact for _, exact in filters)


def _is_preserved(table: "exp.Table", select: "exp.Select") -> bool:
    """Whether every row of the result has a row of this table, and only inner and left joins are around it."""
    joins = select.args.get("joins") or ()
    for join in joins:
        if join.side not in ("", "LEFT") or join.kind not in ("", "INNER", "CROSS", "OUTER") or join.method:
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
    field_sets = [objects.get(one.name.upper()) if isinstance(one, exp.Table) else None for one in others]
    return all(
        fields is not None and column.name.upper() not in {one.upper() for one in fields} for fields in field_sets
    )


# --- LIMIT


def _first_rows(table: "exp.Table", select: "exp.Expr", fields: Fields, conditions: list[Filter]) -> FirstRows | None:
    """The rows that are enough for a LIMIT; None if all may be needed.

    Each row of the one table has to become one row of the result.
    """
    from sqlglot import exp

    clauses = {"expressions", "from_", "from", "where", "limit", "offset", "order"}
    if _parts_of(select) - clauses or _parts_of(table) - {"this", "alias"}:
        return None
    parts = (exp.Column, exp.Star, exp.Alias, exp.Identifier, exp.Literal, exp.Paren, exp.Neg, exp.Binary)
    if any(not isinstance(node, parts) for one in select.expressions for node in one.walk()):
        return None
    if any(_parts_of(star) - {"except_", "except"} for star in select.find_all(exp.Star)):
        return None
    limit, offset = select.args.get("limit"), select.args.get("offset")
    if not isinstance(limit, exp.Limit) or _parts_of(limit) != {"expression"}:
        return None
    counts = [_number(one.expression) for one in (limit, offset) if one is not None]
    order = _order(table, select, fields, conditions)
    if order is None or None in counts or not 1 <= sum(filter(None, counts)) <= MAX_PAGE:
        return None
    return FirstRows(sum(filter(None, counts)), order)


def _parts_of(node: "exp.Expr") -> set[str]:
    """The parts that a node has."""
    return {name for name, value in node.args.items() if value}


def _number(node: "exp.Expr | None") -> int | None:
    from sqlglot import exp

    return int(node.this) if isinstance(node, exp.Literal) and not node.is_string and node.this.isdecimal() else None


def _order(
    table: "exp.Table", select: "exp.Expr", fields: Fields, conditions: list[Filter]
) -> tuple[Order, ...] | None:
    """The order of the rows, by fields that sort alike everywhere: numbers and days that are never empty.

    None for any other.
    """
    from sqlglot import exp

    parts = [each for one in conditions for each in (one.parts if isinstance(one, And) else (one,))]
    filled = {one.field for one in parts if isinstance(one, Compare) and one.op is not Op.ISNULL} | {"RECORDNO"}
    sortable = (Kind.INTEGER, Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT, Kind.DATE)
    sortable_fields = {one.upper(): one for one in filled if fields.get(one) in sortable}
    aliases = {one.alias.upper() for one in select.expressions if isinstance(one, exp.Alias)}
    order = []
    for term in select.args["order"].expressions if select.args.get("order") else ():
        column = term.this
        if not isinstance(column, exp.Column) or column.name.upper() in aliases:
            return None
        if column.table.upper() not in ("", table.alias_or_name.upper()) or column.name.upper() not in sortable_fields:
            return None
        order.append(Order(sortable_fields[column.name.upper()], descending=bool(term.args.get("desc"))))
    return tuple(order)


def _passing(select: "exp.Expr") -> str:
    from sqlglot import exp

    counting = select.copy()
    counting.set("expressions", [exp.Count(this=exp.Star())])
    for clause in ("order", "limit", "offset"):
        counting.set(clause, None)
    return counting.sql(dialect="duckdb")
