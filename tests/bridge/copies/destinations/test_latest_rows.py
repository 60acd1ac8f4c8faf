"""`latest.sql` as it is written: the later of rows and markers counts, and an empty text is not null."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge.copies.destinations.base import StreamWriter
from intacct_bridge.copies.destinations.open import compact_copy, open_destination
from intacct_bridge.destination_suite import BILLS, DETAIL, ITEMS, NOON, batch, bill
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream
from intacct_protocol.model.sql_text import quoted

WALKED = Bookmark().begin("03/01/2026 12:00:00", 1, full=True).end()


class Folder:
    """A folder of change files; each step is a run that writes to it."""

    def __init__(self, kind: str, path: Path) -> None:
        self.uri = f"{kind}:{path}"
        self.path = path

    def step(
        self, stream: Stream, *rows: dict[str, Any], gone: tuple[Any, ...] = (), under: tuple[int, ...] = ()
    ) -> None:
        """Parents whose rows are replaced, then rows, then deleted keys, in one commit."""

        def told(writer: StreamWriter) -> None:
            if under:
                writer.replace(under)
            if rows:
                writer.write(batch(stream, list(rows)))
            if gone:
                writer.delete(gone)

        with closing(open_destination(self.uri)) as destination:
            destination.open("demo", NOON)
            writer = destination.writer(stream, destination.bookmarks().get(stream.name, Bookmark()))
            told(writer)
            writer.commit(WALKED, NOON)

    def shown(self, stream: Stream, *names: str) -> list[tuple[Any, ...]]:
        """Columns of the rows that `latest.sql` gives."""
        with duckdb.connect() as con:
            con.execute((self.path / "latest.sql").read_text(encoding="utf-8"))
            columns = ", ".join(map(quoted, names))
            return con.execute(f"SELECT {columns} FROM {quoted(stream.name)} ORDER BY ALL").fetchall()


@pytest.fixture(params=["parquet", "csv", "jsonl"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    monkeypatch.chdir(tmp_path)  # the files are named relative to their folder
    yield Folder(request.param, tmp_path)


def compacted(folder: Folder) -> None:
    assert len(list(compact_copy(folder.uri))) == 1


def test_the_last_write_or_delete_of_a_row_counts(folder: Folder) -> None:
    folder.step(BILLS, bill(1), bill(2), bill(3))
    folder.step(BILLS, gone=(1, 2))
    assert folder.shown(BILLS, "RECORDNO") == [(3,)]
    folder.step(BILLS, bill(1, "20.00"), bill(2, "20.00"))  # written again, later than the marker
    assert folder.shown(BILLS, "RECORDNO") == [(1,), (2,), (3,)]
    folder.step(BILLS, gone=(2,))  # and deleted again, later than the row
    assert folder.shown(BILLS, "RECORDNO") == [(1,), (3,)]
    compacted(folder)
    assert folder.shown(BILLS, "RECORDNO") == [(1,), (3,)]
    folder.step(BILLS, bill(2))
    assert folder.shown(BILLS, "RECORDNO") == [(1,), (2,), (3,)]


def line(number: int, parent: int) -> dict[str, Any]:
    return {"RECORDNO": number, "RECORDKEY": parent, "AMOUNT": None, "WHENMODIFIED": NOON}


def test_lines_are_replaced_by_later_ones_any_number_of_times(folder: Folder) -> None:
    folder.step(ITEMS, line(1, 7), line(2, 7), line(3, 8))
    for first in (10, 20, 30):
        folder.step(ITEMS, line(first, 7), line(first + 1, 7), under=(7,))
        assert folder.shown(ITEMS, "RECORDNO") == [(3,), (first,), (first + 1,)]
    folder.step(ITEMS, under=(7,))
    assert folder.shown(ITEMS, "RECORDNO") == [(3,)]
    compacted(folder)
    assert folder.shown(ITEMS, "RECORDNO") == [(3,)]


def entry(number: str, parent: int) -> dict[str, Any]:
    return {"RECORDNO": number, "BATCHKEY": parent, "BATCH_DATE": NOON.date(), "AMOUNT": None}


def test_rows_without_a_key_are_replaced_by_group_any_number_of_times(folder: Folder) -> None:
    folder.step(DETAIL, entry("1", 7), entry("1", 7), entry("1", 8))
    for _ in range(3):
        folder.step(DETAIL, entry("1", 7), entry("2", 7), under=(7,))
        assert folder.shown(DETAIL, "BATCHKEY", "RECORDNO") == [(7, "1"), (7, "2"), (8, "1")]


def test_an_empty_text_is_not_null(folder: Folder) -> None:
    name = "DISPLAYCONTACT.EMAIL1"
    texts: list[dict[str, Any]] = [{name: ""}, {name: None}, {name: '""'}]
    for _ in range(2):
        folder.step(BILLS, *(bill(number, **more) for number, more in enumerate(texts, 1)))
        assert folder.shown(BILLS, "RECORDNO", name) == [(1, ""), (2, None), (3, '""')]
    compacted(folder)
    assert folder.shown(BILLS, "RECORDNO", name) == [(1, ""), (2, None), (3, '""')]


def test_an_empty_key_is_a_key(folder: Folder) -> None:
    stream = replace(BILLS, key="VENDORID", text_key=True)
    folder.step(stream, bill(1, vendor=""), bill(2, vendor="V2"))
    assert folder.shown(stream, "VENDORID") == [("",), ("V2",)]
    folder.step(stream, gone=("",))
    assert folder.shown(stream, "VENDORID") == [("V2",)]
