"""Fields whose names a copy cannot hold as they are: they are told apart in every destination."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.copies.destinations.base import ColumnDifference
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.transform import stored_names, under_stored_names
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream
from intacct_protocol.xml.values import Kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = {"RECORDNO": 1, "_run": "a", "_read_at": "b", "Colour": "c", "COLOUR": "d", "_DELETED_AT": "e", "colour": "f"}
COLUMNS = {
    "RECORDNO": 1,
    "_run_2": "a",
    "_read_at_2": "b",
    "Colour_2": "c",
    "COLOUR": "d",
    "_DELETED_AT_2": "e",
    "colour_3": "f",
}
STREAM = Stream("CLASS", "CLASS", {name: Kind.INTEGER if name == "RECORDNO" else Kind.TEXT for name in ROW}, "RECORDNO")


def of_database(folder: Path) -> list[dict[str, object]]:
    with duckdb.connect(str(folder / "copy.duckdb")) as database:
        found = database.sql("SELECT COLUMNS(*)::VARCHAR FROM CLASS")
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def of_parquet(folder: Path) -> list[dict[str, object]]:
    return [row for path in folder.rglob("*-rows.parquet") for row in pq.read_table(path).to_pylist()]


def of_csv(folder: Path) -> list[dict[str, object]]:
    texts = [path.read_text() for path in folder.rglob("*-rows.csv")]
    return [dict(row) for text in texts for row in csv.DictReader(io.StringIO(text, newline=""))]


def of_json(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in folder.rglob("*-rows.jsonl") for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("uri", "read"),
    [
        ("duckdb:///{}/copy.duckdb", of_database),
        ("parquet:{}/copy", of_parquet),
        ("csv:{}/copy", of_csv),
        ("jsonl:{}/copy", of_json),
    ],
)
def test_no_two_columns_have_one_name(
    tmp_path: Path, uri: str, read: Callable[[Path], Sequence[dict[str, object]]]
) -> None:
    begun = Bookmark().begin("03/01/2026 12:00:00", 1, full=True)
    transform = under_stored_names(STREAM)
    assert transform.convert is not None
    with closing(open_destination(uri.format(tmp_path))) as destination:
        destination.open("acme", NOON)
        writer = destination.writer(transform.stored, begun)
        writer.write(transform.convert(pa.RecordBatch.from_pylist([ROW])))
        writer.commit(begun.end(), NOON)
    (row,) = read(tmp_path)
    assert len({name.casefold() for name in row}) == len(row)
    assert {name: str(row[name]) for name in COLUMNS} == {name: str(value) for name, value in COLUMNS.items()}
    assert str(row["_run"]) != "a"
    with closing(open_destination(uri.format(tmp_path))) as destination:
        destination.open("acme", NOON)
        again = destination.writer(transform.stored, destination.bookmarks()["CLASS"])
        assert again.difference == ColumnDifference()


@given(st.lists(st.text("aAbB_run2", min_size=1, max_size=5), unique=True, max_size=8))
def test_every_field_gets_one_column_of_its_own(names: list[str]) -> None:
    found = stored_names(names)
    columns = [found.get(name, name).casefold() for name in names]
    assert len(set(columns)) == len(names)
    assert not {"_run", "_read_at", "_deleted_at"}.intersection(columns)
    assert found == stored_names(list(reversed(names)))
