"""Running a SELECT over a live company or over a copy: objects are read with `query`, and DuckDB does the rest.

DuckDB runs without access to files, the network and extensions, and its settings are locked.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.destinations.sql import quoted
from intacct_bridge.flow.reconcile.copy_reader import open_copy_reader
from intacct_bridge.flow.reconcile.fingerprints import pages_of
from intacct_bridge.model.query.query import Query, all_of
from intacct_bridge.reporting.definitions import view_definitions
from intacct_bridge.reporting.live_sql.statement import (
    Fields,
    LiveStatement,
    ReadObject,
    live_statement,
    parsed,
    table_names,
)
from intacct_bridge.reporting.open_views import make_open_views
from intacct_bridge.wire.columns import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa

_CLOSED = "SET enable_external_access = false; SET lock_configuration = true"
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
            con.register(read.relation, _rows(gateway, read))
        con.execute(_CLOSED)
        return _result(lambda text: con.sql(text).to_arrow_table(), statement.sql)


def prepared(gateway: ReadGateway, sql: str) -> LiveStatement:
    """What a SELECT reads of the company."""
    return live_statement(sql, lambda name: _fields(gateway, name))


def explained(gateway: ReadGateway, statement: LiveStatement) -> Iterator[ReadCost]:
    """The rows and transactions of each object that a statement reads; the question costs one transaction each."""
    for read in statement.reads:
        head = gateway.page(_query(gateway, read, page_size=1)).head
        rows = head.total_count if head is not None else 0
        yield ReadCost(read, rows, pages_of(rows))


def _fields(gateway: ReadGateway, name: str) -> Fields:
    described = gateway.describe(name)
    return {one: described.kind_of(one) for one in gateway.queryable(name)}


def _query(gateway: ReadGateway, read: ReadObject, **more: int) -> Query:
    where = all_of(read.conditions) if read.conditions else None
    private = not gateway.connection.location_id
    return Query(read.object, read.fields, where=where, show_private=private, **more)  # type: ignore[arg-type]


def _rows(gateway: ReadGateway, read: ReadObject) -> "pa.Table":
    import pyarrow as pa

    kinds = _fields(gateway, read.object)
    schema = pa.schema([(one, arrow_type(kinds[one])) for one in read.fields])
    batches = [batch.select(list(read.fields)) for batch in gateway.batches(_query(gateway, read))]
    return pa.Table.from_batches(batches).select(list(read.fields)) if batches else schema.empty_table()


def _result(run: "Callable[[str], pa.Table]", sql: str) -> "pa.Table":
    import duckdb

    try:
        return run(sql)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].partition(": ")[2] or str(error)
        raise InvalidRequestError(f"the statement cannot run: {reason}", fix="see `intacct describe OBJECT`") from None


def copy_table(uri: str, sql: str) -> "pa.Table":
    """The result of a SELECT over a copy: its tables without deleted rows, and the views of `reporting`."""
    query = parsed(sql)
    wanted = {one.upper() for one in table_names(query)}
    with open_copy_reader(uri) as copy:
        copy.execute("USE memory")
        for name in copy.tables:
            if name.upper() in wanted:
                columns = ", ".join(quoted(one) for one in copy.tables[name].columns.names)
                copy.execute(f"CREATE VIEW memory.main.{quoted(name)} AS SELECT {columns} FROM {copy.relation(name)}")
        if any(one.startswith("REPORTING.") for one in wanted) or "reporting." in sql.lower():
            make_open_views(copy, list(view_definitions()))
        copy.execute(_CLOSED)
        return _result(copy.table, query.sql(dialect="duckdb"))
