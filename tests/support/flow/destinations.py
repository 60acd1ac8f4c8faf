"""Streams and rows for the tests of destinations."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from intacct_bridge.copies.destinations.schema_evolution import schema_of
from intacct_bridge.streams.stream import Stream
from intacct_protocol.xml.values import Kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIELDS: dict[str, Kind] = {
    "RECORDNO": Kind.INTEGER,
    "VENDORID": Kind.TEXT,
    "TOTALDUE": Kind.DECIMAL,
    "ONHOLD": Kind.BOOLEAN,
    "WHENDUE": Kind.DATE,
    "WHENMODIFIED": Kind.TIMESTAMP,
    "DISPLAYCONTACT.EMAIL1": Kind.TEXT,
}
BILLS = Stream(
    "APBILL", "APBILL", FIELDS, "RECORDNO", modified="WHENMODIFIED", created="AUWHENCREATED", natural_key="VENDORID"
)
ITEMS = Stream(
    "APBILLITEM",
    "APBILLITEM",
    {"RECORDNO": Kind.INTEGER, "RECORDKEY": Kind.INTEGER, "AMOUNT": Kind.DECIMAL, "WHENMODIFIED": Kind.TIMESTAMP},
    "RECORDNO",
    modified="WHENMODIFIED",
    header="APBILL",
    refers_to="RECORDNO",
    header_key="RECORDKEY",
)
DETAIL = Stream(
    "GLDETAIL",
    "GLDETAIL",
    {"RECORDNO": Kind.TEXT, "BATCHKEY": Kind.INTEGER, "BATCH_DATE": Kind.DATE, "AMOUNT": Kind.DECIMAL},
    "RECORDNO",
    text_key=True,
    group="BATCHKEY",
    window="BATCH_DATE",
    header="GLBATCH",
    refers_to="RECORDNO",
    header_key="BATCHKEY",
)


def bill(number: int, due: str = "10.00", vendor: str = "V1", **more: Any) -> dict[str, Any]:
    """One bill with every type of column."""
    row = {
        "RECORDNO": number,
        "VENDORID": vendor,
        "TOTALDUE": Decimal(due),
        "ONHOLD": number % 2 == 0,
        "WHENDUE": date(2026, 3, 31),
        "WHENMODIFIED": NOON,
        "DISPLAYCONTACT.EMAIL1": None,
    }
    return row | more


def batch(stream: Stream, rows: Sequence[dict[str, Any]], schema: pa.Schema | None = None) -> pa.RecordBatch:
    """Rows as a page has them."""
    return pa.RecordBatch.from_pylist(list(rows), schema or schema_of(stream.fields))


def row_groups(path: str | Path, table: str) -> list[int]:
    """The rows in each row group of a DuckDB table, deleted ones included."""
    with duckdb.connect(str(path), read_only=True) as con:
        found = con.execute(
            "SELECT sum(count)::INT FROM pragma_storage_info(?) "
            "WHERE column_id = 0 AND segment_type <> 'VALIDITY' GROUP BY row_group_id ORDER BY row_group_id",
            [table],
        ).fetchall()
    return [count for (count,) in found]
