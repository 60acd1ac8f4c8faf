"""Change files on a disk that fails once: nothing incomplete is published, by a second attempt either."""

import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intacct_bridge.copies.destinations import manifest
from intacct_bridge.copies.destinations.formats import ParquetFormat
from intacct_bridge.copies.destinations.latest_rows import views
from intacct_bridge.copies.destinations.manifest import CopyFolder
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.destination_suite import BILLS, NOON, batch, bill
from intacct_bridge.extract.run import Extraction
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import StreamOutcome
from intacct_protocol.errors import SettingsError
from support.extract.company import VENDOR, Company

FIRST = Bookmark().begin("03/01/2026 12:00:00", 1, full=True).end()


class FailingDisk:
    """Fails at the n-th `fsync`."""

    def __init__(self, at: int) -> None:
        self.left = at

    def fsync(self, _: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise OSError(28, "No space left on device")


def keys(folder: Path) -> list[int]:
    with duckdb.connect() as con:
        con.execute(views(CopyFolder(folder).read(), str(folder)))
        return [key for (key,) in con.execute('SELECT "RECORDNO" FROM "APBILL" ORDER BY 1').fetchall()]


def changed(uri: str, bookmark: Bookmark, *, patch: pytest.MonkeyPatch | None = None, at: int = 0) -> list[Any]:
    """A run that adds and deletes a bill and makes two attempts to commit; their results."""
    ends: list[Any] = []
    with closing(open_destination(uri)) as destination:
        destination.open("demo", NOON)
        writer = destination.writer(BILLS, destination.bookmarks().get("APBILL", Bookmark()))
        writer.write(batch(BILLS, [bill(3)]))
        writer.delete([1])
        if patch is not None:
            patch.setattr(os, "fsync", FailingDisk(at).fsync)
        for _ in range(2):
            try:
                ends.append(writer.commit(bookmark, NOON))
            except SettingsError as error:
                ends.append(error)
    return ends


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_the_rows_of_a_failed_commit_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, at: int
) -> None:
    uri = f"{kind}:{tmp_path}"
    with closing(open_destination(uri)) as destination:
        destination.open("demo", NOON)
        writer = destination.writer(BILLS, Bookmark())
        writer.write(batch(BILLS, [bill(1), bill(2)]))
        writer.commit(FIRST, NOON)
    second = FIRST.begin("03/02/2026 12:00:00", 2, full=False).end()
    with monkeypatch.context() as patched:
        failed, again = changed(uri, second, patch=patched, at=at)
    assert isinstance(failed, SettingsError)
    assert "cannot be written: No space left on device" in failed.message
    assert isinstance(again, SettingsError)
    assert keys(tmp_path) == [1, 2]
    assert CopyFolder(tmp_path).read().streams["APBILL"].bookmark == FIRST
    changed(uri, second)
    assert keys(tmp_path) == [2, 3]


def test_the_outcomes_of_streams_are_reported_where_the_history_cannot_be_stored(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    company = Company(1).fill(20)
    with closing(open_destination(f"csv:{tmp_path}")) as destination:
        run = Extraction(company, destination, [VENDOR])
        for _ in run:
            pass
    (vendors, _, history) = run.outcomes
    assert (vendors.name, vendors.complete, vendors.rows) == ("VENDOR", True, len(company.rows(VENDOR)))
    assert (history.name, history.complete) == ("history", False)
    assert "runs cannot be written" in history.error
    assert history.fix


def history(run: int, *streams: str, error: str = "") -> dict[str, Any]:
    """The history of a run in which each stream ended so."""
    ended = [StreamOutcome(one, complete=not error, rows=run, error=error).to_dict() for one in streams]
    return {"run": run, "finished": "2026-11-24T12:00:00+00:00", "outcomes": ended}


def last_outcomes(folder: Path) -> dict[str, tuple[int, str]]:
    """The last outcome of each stream, as a reconciliation reads them."""
    told = (one for run in CopyFolder(folder).histories() for one in run["outcomes"])
    return {one["name"]: (one["rows"], one["error"]) for one in told}


def test_old_runs_become_one_file_with_the_last_outcome_of_each_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "KEPT_RUNS", 20)
    monkeypatch.setattr(manifest, "_FOLD_EVERY", 5)
    for run in range(1, 101):
        streams = ("APBILL", *(["VENDOR"] if run == 30 else []))
        CopyFolder(tmp_path).keep_history(run, history(run, *streams))
        if run == 3:
            CopyFolder(tmp_path).keep_history(run, history(run, "CLASS", error="not permitted"))
        expected = {"APBILL": (run, ""), "CLASS": (3, "not permitted"), "VENDOR": (30, "")}
        if run >= 30:
            assert last_outcomes(tmp_path) == expected
            assert 20 <= len(list((tmp_path / "runs").iterdir())) <= 26
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert names[0] == "000000.json"
    assert names[-1] == "000100.json"


def test_an_interrupted_removal_of_old_runs_loses_no_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "KEPT_RUNS", 2)
    monkeypatch.setattr(manifest, "_FOLD_EVERY", 0)
    CopyFolder(tmp_path).keep_history(1, history(1, "CLASS", error="not permitted"))
    CopyFolder(tmp_path).keep_history(2, history(2, "CLASS", "VENDOR"))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", failing)
        CopyFolder(tmp_path).keep_history(3, history(3, "APBILL"))
    assert len(list((tmp_path / "runs").iterdir())) == 4
    expected = {"CLASS": (2, ""), "VENDOR": (2, ""), "APBILL": (3, "")}
    assert last_outcomes(tmp_path) == expected
    CopyFolder(tmp_path).keep_history(4, history(4, "APBILL"))
    assert last_outcomes(tmp_path) == expected | {"APBILL": (4, "")}
    (tmp_path / "runs" / "000003.json").write_text("{")
    CopyFolder(tmp_path).keep_history(5, history(5, "APBILL"))
    with pytest.raises(SettingsError, match=r"000003\.json cannot be read"):
        last_outcomes(tmp_path)


def failing(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("rows", [2, 0])
def test_only_the_file_of_an_empty_stream_has_an_empty_row_group(tmp_path: Path, rows: int) -> None:
    with closing(open_destination(f"parquet:{tmp_path}")) as destination:
        destination.open("demo", NOON)
        writer = destination.writer(BILLS, Bookmark())
        writer.write(batch(BILLS, [bill(number) for number in range(rows)]))
        writer.commit(FIRST, NOON)
    (path,) = tmp_path.glob("APBILL/*.parquet")
    written = pq.ParquetFile(path).metadata
    assert [written.row_group(place).num_rows for place in range(written.num_row_groups)] == [rows]


def test_a_parquet_column_has_a_dictionary_where_its_values_repeat_and_bounds_where_readers_can_use_them(
    tmp_path: Path,
) -> None:
    numbers = range(3000)
    rows = pa.table({
        "RECORDNO": [str(number) for number in numbers],
        "ACCOUNTNO": [str(number % 9) for number in numbers],
        "PROJECTID": pa.nulls(3000, pa.string()),
        "AMOUNT": [Decimal(number % 9) for number in numbers],
        "MODIFIED": [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(number % 9) for number in numbers],
        "LINE_NO": pa.array([number % 9 if number % 3 else None for number in numbers], pa.int64()),
    })  # fmt: skip
    path = tmp_path / "lines.parquet"
    with closing(ParquetFormat().open(path, rows)) as file:
        file.write(rows)
        file.write(rows.slice(0, 0))
        file.write(rows.slice(1000, 10))

    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = [group.column(place) for place in range(len(rows.column_names))]
    with_dictionary = [one.path_in_schema for one in columns if one.has_dictionary_page]
    assert with_dictionary == ["ACCOUNTNO", "PROJECTID", "LINE_NO"]
    bounds = {
        one.path_in_schema: one.statistics.max for one in columns if one.statistics and one.statistics.has_min_max
    }
    last = datetime(2026, 1, 9, tzinfo=UTC)
    assert bounds == {"RECORDNO": "999", "AMOUNT": Decimal(8), "MODIFIED": last, "LINE_NO": 8}
    written = pa.concat_tables([rows, rows.slice(1000, 10)])
    assert pq.read_table(path).equals(written)
    kept = pq.read_table(path, filters=[("ACCOUNTNO", "=", "7")])
    assert kept.num_rows == sum(value == "7" for value in written["ACCOUNTNO"].to_pylist())
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        few = con.execute(f"SELECT count(*) FROM '{path}' WHERE ACCOUNTNO = '7' AND PROJECTID IS NULL").fetchall()
        assert few == [(kept.num_rows,)]
        assert con.read_parquet(str(path)).fetchall() == [tuple(row.values()) for row in written.to_pylist()]


def test_a_run_that_begins_while_another_one_ends_has_a_number_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run's files keep their rows: files are named by the number of their run."""
    uri, lock = f"parquet:{tmp_path}", CopyFolder.lock

    def lock_late(folder: CopyFolder) -> None:
        monkeypatch.setattr(CopyFolder, "lock", lock)
        with closing(open_destination(uri)) as other:
            other.open("demo", NOON)
            writer = other.writer(BILLS, Bookmark())
            writer.write(batch(BILLS, [bill(1), bill(2)]))
            writer.commit(FIRST, NOON)
        lock(folder)

    monkeypatch.setattr(CopyFolder, "lock", lock_late)
    changed(uri, FIRST.begin("03/02/2026 12:00:00", 2, full=False).end())
    assert keys(tmp_path) == [2, 3]
