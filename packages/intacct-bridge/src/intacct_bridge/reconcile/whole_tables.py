"""Comparing every field of every record of a table, at the price of reading it.

Only a hash of each record is kept, so that tables of any size fit. Records whose hashes differ are read once more, to
name the fields.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.extract.key_walk import walk
from intacct_bridge.extract.page_reader import PageReader
from intacct_bridge.extract.source import ExtractSource
from intacct_bridge.reconcile.compared_tables import ComparedTable
from intacct_bridge.reconcile.record_differences import fitted
from intacct_bridge.streams.partition import Partition
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.values import Value

if TYPE_CHECKING:
    import pyarrow as pa

MOST_NAMED = 1000
"""Keys whose records are read once more."""


def differing_keys(source: ExtractSource, copy: OpenCopy, table: ComparedTable) -> tuple[list[Value], int]:
    """The values of the walked field under which the two sides differ, as many as are named, and their number."""
    stream = table.stream
    partition = Partition(stream, stream.walk_field, in_groups=bool(stream.group), show_private=table.show_private)
    reader = PageReader(source, stream)
    copy.execute("CREATE OR REPLACE TEMP TABLE _read (walked VARCHAR, hash UBIGINT)")
    fields: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        for page in walk(reader.read, partition, pool):
            fields = fields or [one for one in table.columns if one in page.rows.schema.names]
            _keep(copy, table, page.rows, fields)
    fields = fields or list(table.columns)
    copied = _hashed(table, [table.columns[one] for one in fields], copy.relation(table.name), named=True)
    both = f"(SELECT * FROM _read EXCEPT ALL {copied}) UNION ALL ({copied} EXCEPT ALL SELECT * FROM _read)"
    walked = f"SELECT DISTINCT walked FROM ({both})"
    found = copy.rows(f"SELECT walked, count(*) OVER () FROM ({walked}) ORDER BY 1 LIMIT {MOST_NAMED}")
    copy.execute("DROP TABLE _read")
    number = not partition.as_text
    return [int(key) if number else key for key, _ in found], (found[0][1] if found else 0)


def _keep(copy: OpenCopy, table: ComparedTable, rows: "pa.RecordBatch", fields: list[str]) -> None:
    import pyarrow as pa

    page = fitted(pa.Table.from_batches([rows]).select(fields), copy, table)
    with copy.registered("_page", page):
        copy.execute(f"INSERT INTO _read {_hashed(table, fields, '_page', named=False)}")


def _hashed(table: ComparedTable, columns: list[str], relation: str, *, named: bool) -> str:
    """Each row's walked field and hash; `named`: the columns have the names of the copy."""
    walked = table.stream.walk_field
    field = table.columns[walked] if named else walked
    return f"SELECT CAST({quoted(field)} AS VARCHAR) AS walked, hash({', '.join(map(quoted, columns))}) FROM {relation}"
