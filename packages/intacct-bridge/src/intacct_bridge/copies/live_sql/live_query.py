"""Running a SELECT over a live company or over a copy: objects are read with `query`, and DuckDB does the rest.

DuckDB runs without access to files, the network and extensions, and its settings are locked.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.copies.live_sql.statement import (
    REPORTING,
    Fields,
    LiveStatement,
    ReadObject,
    base_tables,
    checked_view,
    live_statement,
    parsed,
    table_names,
    unknown_table,
)
from intacct_bridge.copies.views.definitions import view_definitions
from intacct_bridge.copies.views.open_views import make_open_views
from intacct_bridge.reconcile.copy_reader import CopyReader, open_copy_reader
from intacct_bridge.reconcile.fingerprints import pages_of
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.typed_arrow import arrow_type

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from sqlglot import exp

_CLOSED = "SET enable_external_access = false; SET lock_configuration = true"
_HELD = ("locations", "entities", "accounts", "statement_sections", "trial_balance")
"""Views that several statements of one opening would compute again each; their rows are few."""
_WHERE_TO_LOOK = "see the views with `intacct views list`, and the columns of an object with `intacct describe OBJECT`"
_OWN = "SET TimeZone = 'UTC'; SET python_enable_replacements = false"


@dataclass(frozen=True, slots=True)
class ReadCost:
    """What reading one object would take."""

    read: ReadObject
    rows: int
    transactions: int


def live_table(gateway: ReadGateway, sql: str) -> "pa.Table":
    """The result of a SELECT over objects of the company. InvalidRequestError for a statement that cannot run."""
    import duckdb

    statement = prepared(gateway, sql)
    with duckdb.connect() as con:
        con.execute(_OWN)
        for read in statement.reads:
            _register(con, gateway, read)
        con.execute(_CLOSED)
        return _result(lambda text: con.sql(text).to_arrow_table(), statement.sql, "see `intacct describe OBJECT`")


def prepared(gateway: ReadGateway, sql: str) -> LiveStatement:
    """What a SELECT reads of the company."""
    return live_statement(sql, lambda name: _fields(gateway, name))


def explained(gateway: ReadGateway, statement: LiveStatement) -> Iterator[ReadCost]:
    """The rows and transactions of each object that a statement reads; the question costs one transaction each."""
    for read in statement.reads:
        head = gateway.page(_query(gateway, read, page_size=1)).head
        rows = head.total_count if head is not None else 0
        rows = min(rows, read.first.rows) if read.first is not None else rows
        yield ReadCost(read, rows, pages_of(rows))


def _fields(gateway: ReadGateway, name: str) -> Fields:
    described = gateway.describe(name)
    return {one: described.kind_of(one) for one in gateway.queryable(name)}


def _query(gateway: ReadGateway, read: ReadObject, **more: Any) -> Query:
    private = not gateway.connection.location_id
    return Query(read.object, read.fields, where=read.where, show_private=private, **more)


def _register(con: "duckdb.DuckDBPyConnection", gateway: ReadGateway, read: ReadObject) -> None:
    """Give DuckDB the rows of an object: the first ones if they are enough for a LIMIT, else all."""
    if read.first is not None:
        head, batch = gateway.batch(_query(gateway, read, page_size=read.first.rows, order=read.first.order))
        con.register(read.relation, _table(gateway, read, [batch]))
        if not head.remaining or con.execute(read.first.passing).fetchall() == [(read.first.rows,)]:
            return
    con.register(read.relation, _table(gateway, read, gateway.batches(_query(gateway, read))))


def _table(gateway: ReadGateway, read: ReadObject, batches: "Iterable[pa.RecordBatch]") -> "pa.Table":
    import pyarrow as pa

    kinds = _fields(gateway, read.object)
    schema = pa.schema([(one, arrow_type(kinds[one])) for one in read.fields])
    found = [batch.select(list(read.fields)) for batch in batches]
    return pa.Table.from_batches(found).select(list(read.fields)) if found else schema.empty_table()


def _result(run: "Callable[[str], pa.Table]", sql: str, fix: str) -> "pa.Table":
    import duckdb

    try:
        return run(sql)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].partition(": ")[2] or str(error)
        raise InvalidRequestError(f"the statement cannot run: {reason}", fix=fix) from None


def copy_table(uri: str, sql: str) -> "pa.Table":
    """The result of a SELECT over a copy: its tables without deleted rows, and the views of `reporting`."""
    with open_copy_sql(uri, sql) as ask:
        return ask(sql)


@contextmanager
def open_copy_sql(uri: str, *statements: str) -> "Iterator[Callable[[str], pa.Table]]":
    """A copy that can be asked several SELECTs, as `copy_table`; they may name what these statements name.

    Small views that several of the statements read are computed once, when the copy is opened.
    """
    wanted = {one.upper() for sql in statements for one in table_names(parsed(sql))}
    text = " ".join([*statements, *wanted]).lower()  # a quoted name is among the wanted ones
    with open_copy_reader(uri) as copy:
        named = [name for name in copy.tables if name.upper() in wanted]
        held = _HELD if len(statements) > 1 else ()
        lacking = prepare_tables(copy, named, views=named_views(text), held=held)
        close_off(copy)
        yield lambda sql: _of_copy(copy, sql, lacking)


def named_views(text: str) -> list[str]:
    """The views that SQL in lower case may name; each takes time to make."""
    return [one for one in view_definitions() if f"reporting.{one}" in text]


def prepare_tables(
    copy: CopyReader, names: Iterable[str], *, views: Collection[str], held: Collection[str] = ()
) -> dict[str, str]:
    """Put tables of an open copy, without deleted rows, and views of `reporting` where a statement finds them.

    The views in `held` are computed once, here. Returns why the copy lacks some of the views.
    """
    copy.execute("USE memory")
    for name in names:
        columns = ", ".join(quoted(one) for one in copy.tables[name].column_names)
        copy.execute(f"CREATE VIEW memory.main.{quoted(name)} AS SELECT {columns} FROM {copy.relation(name)}")
    return make_open_views(copy, views, held=held) if views else {}


def close_off(copy: CopyReader) -> None:
    """Take away every way out of DuckDB: files, the network, extensions, its settings."""
    copy.execute(_CLOSED)


def _of_copy(copy: CopyReader, sql: str, lacking: Mapping[str, str]) -> "pa.Table":
    """The result of a SELECT; if it cannot run, the error names a view or a table that the copy lacks, and why."""
    try:
        return _result(copy.table, parsed(sql).sql(dialect="duckdb"), _WHERE_TO_LOOK)
    except InvalidRequestError:
        for name, reason in lacking.items():
            if re.search(rf"reporting\.{name}\b", sql.lower()):
                message = f"reporting.{name} is not in this copy: {reason}"
                raise InvalidRequestError(message, fix="Extract it, too.") from None
        _check_names(parsed(sql), copy)
        raise


def _check_names(query: "exp.Query", copy: CopyReader) -> None:
    """InvalidRequestError for a view or a table that there is not; functions of DuckDB pass."""
    from sqlglot import exp

    known = {one.upper() for one in copy.tables}
    for table, _ in base_tables(query):
        if table.db.lower() == REPORTING:
            checked_view(table)
        elif isinstance(table.this, exp.Identifier) and (table.db or table.name.upper() not in known):
            raise unknown_table(table, copy.tables)
