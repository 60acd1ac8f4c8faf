"""One way of reading pages, measured in its own process: CPU time, rows and peak memory.

`python -m bench.pipeline NAME URL PAGES DIRECTORY` prints one line of JSON. The clock starts after the imports and one
page, so the figure is the cost of rows and not of the start.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import peak_bytes
from bench.pages import FIELDS, RECORDS
from intacct_bridge.apps.singer.protocol.destination import SingerDestination
from intacct_bridge.client.gateway.http import HttpTransport
from intacct_bridge.connections.connection import Connection
from intacct_bridge.copies.destinations.base import Destination
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream
from intacct_bridge.streams.times import format_time
from intacct_protocol.xml.codec import encode_request
from intacct_protocol.xml.envelope import Control, Function, Operation, Request, SessionAuth
from intacct_protocol.xml.typed_arrow import decode_batch
from intacct_protocol.xml.xml import Element, element

if TYPE_CHECKING:
    import pyarrow as pa

Batches = Iterator["pa.RecordBatch"]


def bodies(url: str, pages: int, first: int = 0) -> Iterator[bytes]:
    """The bodies of the pages, fetched and gunzipped by our transport."""
    connection = Connection(
        company_id="demo-company", user_id="demo-user", user_password="-", sender_id="demo-sender", sender_password="-",
        endpoint=url,
    )  # fmt: skip
    with HttpTransport(connection) as transport:
        for number in range(first, first + pages):
            yield transport(url, _query(number * RECORDS)).body


def _query(offset: int) -> bytes:
    select = Element("select", children=tuple(element("field", name) for name in FIELDS))
    parts = (element("object", "GLDETAIL"), select, element("pagesize", str(RECORDS)), element("offset", str(offset)))
    function = Function(Element("query", children=parts), "q")
    return encode_request(Request(Control("demo-sender", "-"), (Operation(SessionAuth("s"), (function,)),)))


def batches(url: str, pages: int, first: int = 0) -> Batches:
    """The pages as typed batches."""
    for body in bodies(url, pages, first):
        _, _, batch = decode_batch(body, FIELDS)
        assert batch is not None
        yield batch


# --- the ways


def bare(url: str, pages: int, _directory: Path) -> int:
    """The bare read: fetch, gunzip, decode and discard."""
    return sum(batch.num_rows for batch in batches(url, pages))


def fetch(url: str, pages: int, _directory: Path) -> int:
    """Fetch and gunzip only."""
    return sum(RECORDS for _ in bodies(url, pages))


def arrow(url: str, pages: int, _directory: Path) -> int:
    """Keep all rows in one Arrow table."""
    import pyarrow as pa

    return int(pa.Table.from_batches(list(batches(url, pages))).num_rows)


def parquet(url: str, pages: int, directory: Path) -> int:
    """A Parquet copy."""
    return _into(open_destination(f"parquet:{directory / 'parquet'}"), batches(url, pages))


def duckdb(url: str, pages: int, directory: Path) -> int:
    """A DuckDB copy."""
    return _into(open_destination(f"duckdb:///{directory / 'copy.duckdb'}"), batches(url, pages))


def appended(url: str, pages: int, directory: Path) -> int:
    """DuckDB alone, with its own settings: append every page to a table without keys, state or run history."""
    import duckdb
    import pyarrow as pa

    rows = 0
    with duckdb.connect(directory / "appended.duckdb") as con:
        for batch in batches(url, pages):
            con.register("page", pa.Table.from_batches([batch]))
            con.execute("INSERT INTO rows SELECT * FROM page" if rows else "CREATE TABLE rows AS SELECT * FROM page")
            con.unregister("page")
            rows += batch.num_rows
    return rows


def jsonl(url: str, pages: int, directory: Path) -> int:
    """A copy in files of JSON lines."""
    return _into(open_destination(f"jsonl:{directory / 'jsonl'}"), batches(url, pages))


def singer(url: str, pages: int, directory: Path) -> int:
    """Singer messages, as the tap writes them."""
    with (directory / "singer.jsonl").open("wb") as out:
        return _into(SingerDestination(out), batches(url, pages))


def _into(destination: Destination, source: Batches) -> int:
    """A first read of all rows into a destination, committed at its own interval."""
    at = datetime(2026, 11, 21, tzinfo=UTC)
    bookmark = Bookmark().begin(format_time(at), destination.open("demo-company", at), full=True)
    writer = destination.writer(Stream("GLDETAIL", "GLDETAIL", FIELDS, "RECORDNO"), bookmark)
    rows = waiting = 0
    for batch in source:
        writer.write(batch)
        rows += batch.num_rows
        waiting += batch.num_rows
        if waiting >= destination.commit_rows:
            writer.commit(bookmark, at)
            waiting = 0
    writer.commit(bookmark.end(), at)
    destination.finish((), at)
    destination.close()
    return rows


WAYS: dict[str, Callable[[str, int, Path], int]] = {
    way.__name__: way for way in (fetch, bare, arrow, parquet, duckdb, appended, jsonl, singer)
}


def main() -> None:
    """Measure one way and print its figures."""
    name, url, pages, directory = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    warm = directory / "warm"
    warm.mkdir()
    WAYS[name](url, 1, warm)
    started, wall = time.process_time(), time.perf_counter()
    rows = WAYS[name](url, pages, directory)
    figures = {
        "cpu": time.process_time() - started,
        "wall": time.perf_counter() - wall,
        "rows": rows,
        "peak": peak_bytes(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
