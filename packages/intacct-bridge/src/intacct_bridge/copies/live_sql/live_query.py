"""Running a SELECT over a live company: objects are read with `query`, and DuckDB does the rest.

DuckDB runs without access to files, the network and extensions, and its settings are locked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.copies.live_sql.statement import Fields, LiveStatement, ReadObject, arrow_result, live_statement
from intacct_protocol.model.query.query import MAX_PAGE, Query
from intacct_protocol.xml.typed_arrow import arrow_type

if TYPE_CHECKING:
    import duckdb
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
            _register(con, gateway, read)
        con.execute(_CLOSED)
        return arrow_result(lambda text: con.sql(text).to_arrow_table(), statement.sql, "see `intacct describe OBJECT`")


def prepared(gateway: ReadGateway, sql: str) -> LiveStatement:
    """What a SELECT reads of the company."""
    return live_statement(sql, lambda name: _fields(gateway, name))


def explained(gateway: ReadGateway, statement: LiveStatement) -> Iterator[ReadCost]:
    """The rows and transactions of each object that a statement reads; the question costs one transaction each."""
    for read in statement.reads:
        head = gateway.page(_query(gateway, read, page_size=1)).head
        rows = head.total_count if head is not None else 0
        rows = min(rows, read.first.rows) if read.first is not None else rows
        yield ReadCost(read, rows, -(-rows // MAX_PAGE))


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
    selected = [batch.select(list(read.fields)) for batch in batches]
    return pa.Table.from_batches(selected).select(list(read.fields)) if selected else schema.empty_table()
