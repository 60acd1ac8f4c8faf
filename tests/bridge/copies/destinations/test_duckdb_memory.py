"""DuckDB with little memory: rows of any form are stored, a failed checkpoint loses nothing, and files stay small."""

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from intacct_bridge.copies.destinations import duckdb as module
from intacct_bridge.copies.destinations.duckdb import duckdb_destination
from intacct_bridge.copies.destinations.schema_evolution import schema_of
from intacct_bridge.destination_suite import NOON
from intacct_bridge.streams.bookmark import Bookmark, KeySpan, WalkProgress
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import BusyError, SettingsError
from intacct_protocol.xml.values import Kind
from support.copies.destinations import row_groups

WALKING = Bookmark().begin("03/01/2026 12:00:00", 1, full=True).advance((KeySpan("2", ""),))
DONE = Bookmark(WalkProgress(since="03/01/2026 10:00:00", refreshed_at="03/01/2026 12:00:00"))
PATH = "copy.duckdb"


def stream(columns: int) -> Stream:
    texts = {f"TEXT{number}": Kind.TEXT for number in range(columns - 1)}
    return Stream("MEMO", "MEMO", {"RECORDNO": Kind.INTEGER, **texts}, "RECORDNO")


def texts(of: Stream, first: int, rows: int, length: int) -> pa.RecordBatch:
    """Rows with different texts of this length, which no compression makes small."""
    numbers = range(first, first + rows)
    columns = [
        pa.array([f"{number * 7919:012d}{name}" * (length // 17) for number in numbers], pa.string())
        for name in list(of.fields)[1:]
    ]
    return pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64()), *columns], schema=schema_of(of.fields))


def filled(columns: int, commits: int, rows: int, length: int) -> None:
    """A copy that is made in this number of commits."""
    destination, memo = duckdb_destination(PATH), stream(columns)
    destination.open("demo", NOON)
    writer = destination.writer(memo, Bookmark())
    for number in range(commits):
        writer.write(texts(memo, number * rows, rows, length))
        writer.commit(WALKING if number + 1 < commits else DONE, NOON)
    destination.close()


def held() -> tuple[int, int]:
    """The numbers of rows and of different rows."""
    with duckdb.connect(PATH, read_only=True) as con:
        found: tuple[int, int] | None = con.execute("SELECT count(*), count(DISTINCT RECORDNO) FROM MEMO").fetchone()
    assert found is not None
    return found


def test_a_page_of_long_texts_is_committed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    filled(11, 1, 1500, 5000)
    assert held() == (1500, 1500)


def test_a_commit_without_enough_memory_is_repeated_with_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_COMMIT", module._Memory(3.0, 0.0))
    monkeypatch.setattr(module, "_LEAST", 3.0)
    told: list[str] = []
    more = module.DuckDB.gained_memory

    def asked(database: module.DuckDB, error: Exception) -> bool:
        told.append(str(error))
        return more(database, error)

    monkeypatch.setattr(module.DuckDB, "gained_memory", asked)
    filled(40, 2, 500, 200)
    assert told
    assert held() == (1000, 1000)


def replace(of: Stream, numbers: range, length: int) -> None:
    """A later run that replaces the rows with these numbers."""
    destination = duckdb_destination(PATH)
    destination.open("demo", NOON)
    writer = destination.writer(of, DONE)
    rows = texts(of, 0, max(numbers) + 1, length)
    writer.write(rows.take(pa.array(numbers)))
    writer.commit(DONE, NOON)
    destination.finish([], NOON)
    destination.close()


def test_a_first_load_merges_no_row_groups_and_a_later_run_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_LARGEST_LOG", 0)
    filled(3, 4, 2000, 20)
    assert row_groups(PATH, "MEMO") == [2000] * 4
    replace(stream(3), range(0, 8000, 2), 20)
    assert held() == (8000, 8000)
    assert row_groups(PATH, "MEMO") == [8000]


def test_a_large_commit_is_written_in_row_groups_without_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_LARGEST_LOG", 2**40)
    destination, memo = duckdb_destination(PATH), stream(11)
    destination.open("demo", NOON)
    writer = destination.writer(memo, Bookmark())
    for number, bookmark in enumerate((WALKING, DONE)):
        writer.write(texts(memo, number * 12_000, 12_000, 40))
        writer.commit(bookmark, NOON)
        assert Path(f"{PATH}.wal").stat().st_size < 200_000 < Path(PATH).stat().st_size / (number + 1)
    destination.close()
    assert held() == (24_000, 24_000)
    assert row_groups(PATH, "MEMO") == [8192, 3808, 8192, 3808]


def loaded_in_large_commits(commits: int) -> None:
    """A copy that is made in commits of 9000 rows, each of which is written in two row groups."""
    destination, memo = duckdb_destination(PATH), stream(3)
    destination.open("demo", NOON)
    writer = destination.writer(memo, Bookmark())
    try:
        for number in range(commits):
            writer.write(texts(memo, number * 9000, 9000, 20))
            writer.commit(WALKING if number + 1 < commits else DONE, NOON)
    finally:
        destination.close()


def test_the_file_is_attached_again_after_many_row_groups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_MANY_GROUPS", 4)
    attach, attached = module._attach, list[str]()

    def noted(con: duckdb.DuckDBPyConnection, path: str, name: str) -> None:
        attached.append(name)
        attach(con, path, name)

    monkeypatch.setattr(module, "_attach", noted)
    loaded_in_large_commits(6)
    assert attached == ["copy"] * 4
    assert held() == (54_000, 54_000)
    assert row_groups(PATH, "MEMO") == [8192, 808] * 6


@pytest.mark.parametrize("name", ["memory", "main", "temp", "a b", "it's", 'a"b', "Größe", "x.y", "copy aside"])
def test_a_file_of_any_name_is_attached_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_MANY_GROUPS", 2)
    path = f"{name}.duckdb"
    for numbers in (range(9000), range(8000, 17_000)):
        destination, memo = duckdb_destination(path), stream(3)
        destination.open("demo", NOON)
        writer = destination.writer(memo, dict(destination.bookmarks()).get("MEMO", Bookmark()))
        writer.write(texts(memo, numbers.start, len(numbers), 20))
        writer.commit(DONE, NOON)
        destination.close()
    with duckdb.connect(path, read_only=True) as con:
        assert con.execute("SELECT count(*), count(DISTINCT RECORDNO) FROM MEMO").fetchall() == [(17_000, 17_000)]
    assert [one.name for one in tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("change", ["CREATE TABLE other (i INTEGER)", "DROP TABLE _bridge.runs"])
def test_a_change_while_the_file_is_attached_again_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_MANY_GROUPS", 4)
    attach, program = module._attach, f"import duckdb; duckdb.connect({PATH!r}).execute({change!r})"

    def late(con: duckdb.DuckDBPyConnection, path: str, name: str) -> None:
        if (tmp_path / PATH).stat().st_size > 100_000:
            subprocess.run([sys.executable, "-c", program], check=True)
        attach(con, path, name)

    monkeypatch.setattr(module, "_attach", late)
    with pytest.raises(BusyError, match="was changed by another program"):
        loaded_in_large_commits(6)
    with duckdb.connect(PATH, read_only=True) as con:
        assert con.execute('SELECT count(*) FROM "MEMO (loading)"').fetchall() == [(18_000,)]


def test_a_program_that_reads_while_the_file_is_attached_again_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_MANY_GROUPS", 4)
    attach, waits = module._attach, list[float]()
    program = f"import duckdb; con = duckdb.connect({PATH!r}, read_only=True); print(1, flush=True); input()"
    others = list[subprocess.Popen[str]]()

    def late(con: duckdb.DuckDBPyConnection, path: str, name: str) -> None:
        if (tmp_path / PATH).stat().st_size > 100_000 and not others:
            pipe = subprocess.PIPE
            others.append(subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True))
            assert others[0].stdout is not None
            others[0].stdout.readline()
        attach(con, path, name)

    def waited(seconds: float) -> None:
        if others and len(waits) == 3:
            others[0].communicate("\n")
        waits.append(seconds)

    monkeypatch.setattr(module, "_attach", late)
    monkeypatch.setattr(time, "sleep", waited)
    loaded_in_large_commits(6)
    assert others[0].returncode == 0
    assert len(waits) > 3
    assert held() == (54_000, 54_000)


def test_a_lock_while_the_file_is_attached_again_ends_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_MANY_GROUPS", 4)
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    attach = module._attach
    program = f"import duckdb; con = duckdb.connect({PATH!r}); print(1, flush=True); input()"
    others = list[subprocess.Popen[str]]()

    def late(con: duckdb.DuckDBPyConnection, path: str, name: str) -> None:
        if (tmp_path / PATH).stat().st_size > 100_000:
            pipe = subprocess.PIPE
            others.append(subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True))
            assert others[0].stdout is not None
            others[0].stdout.readline()
        attach(con, path, name)

    monkeypatch.setattr(module, "_attach", late)
    with pytest.raises(BusyError, match=r"cannot be opened: .*lock"):
        loaded_in_large_commits(6)
    others[0].communicate("\n")
    with duckdb.connect(PATH, read_only=True) as con:
        assert con.execute('SELECT count(*) FROM "MEMO (loading)"').fetchall() == [(18_000,)]


def test_other_connections_of_the_process_go_on_while_a_copy_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    filled(3, 1, 12_000, 20)
    with duckdb.connect(PATH) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM MEMO").fetchall() == [(12_000,)]
        replace(stream(3), range(11_000), 20)
        assert other.execute("SELECT count(*) FROM MEMO").fetchall() == [(12_000,)]
        other.execute("COMMIT")
        assert other.execute("SELECT count(DISTINCT RECORDNO) FROM MEMO").fetchall() == [(12_000,)]
    assert held() == (12_000, 12_000)


def test_a_connection_joins_the_file_that_is_being_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    filled(3, 1, 12_000, 20)
    destination = duckdb_destination(PATH)
    destination.open("demo", NOON)
    with duckdb.connect(PATH) as other:
        assert other.execute("SELECT count(*) FROM MEMO").fetchall() == [(12_000,)]
    destination.close()


def test_row_groups_grow_with_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_LOG", 0)
    filled(3, 24, 2000, 60)
    first, *later = row_groups(PATH, "MEMO")
    assert (first, first + sum(later)) == (2000, 48_000)
    assert max(later) > first


def test_the_room_of_replaced_rows_is_used_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    filled(11, 2, 10_000, 40)
    sizes = []
    for number in range(12):
        replace(stream(11), range(number % 3, 20_000, 3), 40)
        sizes.append(Path(PATH).stat().st_size)
        assert sum(row_groups(PATH, "MEMO")) < 60_000
    assert held() == (20_000, 20_000)
    assert max(sizes[6:]) <= 1.2 * max(sizes[:6])


class Cramped:
    """A connection with little memory for a checkpoint."""

    def __init__(self, real: duckdb.DuckDBPyConnection, least: int) -> None:
        self._real = real
        self._least = least

    def execute(self, sql: str, *values: Any) -> duckdb.DuckDBPyConnection:
        if sql == "CHECKPOINT":
            self._real.execute(f"SET memory_limit = '{self._least}MB'")
        return self._real.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_a_checkpoint_without_enough_memory_is_repeated_by_a_new_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    opened: list[Cramped] = []
    connect = module._connect

    def cramped(path: str) -> Cramped:
        opened.append(Cramped(connect(path), least=1 + 400 * len(opened)))
        return opened[-1]

    monkeypatch.setattr(module, "_connect", cramped)
    filled(60, 12, 500, 200)
    assert len(opened) > 1
    assert held() == (6000, 6000)


def test_a_merge_without_enough_memory_is_repeated_by_a_new_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    filled(60, 12, 500, 200)
    before = row_groups(PATH, "MEMO")
    opened = list[Cramped]()
    connect = module._connect

    def cramped(path: str) -> Cramped:
        opened.append(Cramped(connect(path), least=24 + 400 * len(opened)))
        return opened[-1]

    monkeypatch.setattr(module, "_connect", cramped)
    replace(stream(60), range(0, 600, 7), 200)
    assert len(opened) > 1
    assert held() == (6000, 6000)
    assert len(row_groups(PATH, "MEMO")) < len(before)


class Stubborn(Cramped):
    """A connection whose checkpoints fail."""

    def execute(self, sql: str, *values: Any) -> duckdb.DuckDBPyConnection:
        if sql == "CHECKPOINT":
            raise duckdb.OutOfMemoryException("Out of Memory Error: failed to pin block")
        return self._real.execute(sql, *values)


def test_a_commit_whose_checkpoint_fails_is_not_repeated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_LARGEST_LOG", 0)
    connect, opened = module._connect, list[Stubborn]()

    def once(path: str) -> Stubborn:
        if opened:
            raise SettingsError("the file cannot be opened: Out of Memory Error: could not allocate block")
        opened.append(Stubborn(connect(path), least=0))
        return opened[0]

    destination, memo = duckdb_destination(PATH), stream(3)
    destination.open("demo", NOON)
    writer = destination.writer(memo, Bookmark())
    destination.close()
    monkeypatch.setattr(module, "_connect", once)
    destination.database._database.connect()
    writer.write(texts(memo, 0, 50, 40))
    writer.commit(DONE, NOON)
    writer.write(texts(memo, 50, 50, 40))
    with pytest.raises(SettingsError, match="is not open"):
        writer.commit(DONE, NOON)
    destination.close()
    assert held() == (50, 50)


def test_a_file_that_cannot_be_closed_well_keeps_the_committed_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A full disk: the last checkpoint fails, and so does opening the file again."""
    monkeypatch.chdir(tmp_path)
    connect, opened = module._connect, list[Stubborn]()

    def once(path: str) -> Stubborn:
        if opened:
            raise SettingsError("the file cannot be opened: No space left on device")
        opened.append(Stubborn(connect(path), least=0))
        return opened[0]

    destination, memo = duckdb_destination(PATH), stream(3)
    destination.open("demo", NOON)
    destination.close()
    monkeypatch.setattr(module, "_connect", once)
    destination.database._database.connect()
    writer = destination.writer(memo, Bookmark())
    writer.write(texts(memo, 0, 50, 40))
    writer.commit(DONE, NOON)
    destination.database._database.replaced()
    destination.close()
    assert held() == (50, 50)


def test_a_full_disk_is_no_damaged_file() -> None:
    """The text is DuckDB's own, of a file in a small file system."""
    told = duckdb.FatalException(
        "FATAL Error: Detached database 'copy', but CHECKPOINT during DETACH failed. \nFailed to create checkpoint "
        'because of error: Could not write file "/srv/copy.duckdb": No space left on device'
    )
    error = module.not_opened(PATH, told)
    assert error.message == (
        'copy.duckdb cannot be opened: Could not write file "/srv/copy.duckdb": No space left on device'
    )
    assert error.fix == "free some disk space"


def test_the_log_of_a_deleted_copy_is_named_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed leaves its log; a user who deletes the copy to begin anew may leave the log there."""
    monkeypatch.chdir(tmp_path)
    file, log = Path(PATH), Path(f"{PATH}.wal")
    with duckdb.connect("killed.duckdb") as killed:
        killed.execute(
            "CREATE TABLE t (x INTEGER); CHECKPOINT; SET checkpoint_threshold = '1TB'; INSERT INTO t VALUES (1)"
        )
        log.write_bytes(Path("killed.duckdb.wal").read_bytes())
    with pytest.raises(SettingsError, match=r"does not exist, but its log copy\.duckdb\.wal does") as refused:
        duckdb_destination(PATH).open("demo", NOON)
    assert "delete the log" in refused.value.fix
    assert not file.exists()
    assert log.exists()
    duckdb.connect("another.duckdb").close()
    Path("another.duckdb").rename(file)
    with pytest.raises(SettingsError, match="WAL does not match") as other:
        duckdb_destination(PATH).open("demo", NOON)
    assert "belongs to another file" in other.value.fix
    log.unlink()
    filled(3, 1, 10, 40)
    assert held() == (10, 10)


def test_a_read_only_folder_is_named_with_the_copy_and_not_with_a_file_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(path: Path) -> None:
        raise duckdb.IOException(f'IO Error: Cannot open file "{path}": Read-only file system')

    def unlink(self: Path) -> None:
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(duckdb, "connect", connect)
    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(SettingsError, match=r"copy\.duckdb cannot be opened: .* Read-only file system") as refused:
        module._connect(PATH)
    assert refused.value.fix == "check the permissions of the file and of its folder"


SPILLS = """
import duckdb, os, sys
con = duckdb.connect(sys.argv[1])
con.execute("SET memory_limit = '30MB'; SET threads = 1; CREATE TEMP TABLE long AS SELECT repeat('x', 900) || i AS t "
            "FROM range(200000) AS r(i)")
assert os.listdir(sys.argv[1] + ".tmp")
os._exit(0)
"""


def test_what_a_killed_process_moved_to_disk_is_removed(tmp_path: Path) -> None:
    path, left = tmp_path / "copy.duckdb", tmp_path / "copy.duckdb.tmp"

    def opened() -> None:
        with closing(duckdb_destination(str(path))) as destination:
            destination.open("demo", NOON)

    opened()
    subprocess.run([sys.executable, "-c", SPILLS, str(path)], check=True)
    assert sum(one.stat().st_size for one in left.iterdir()) > 1_000_000
    opened()
    assert not left.exists()
    left.mkdir()
    (left / "mine.txt").write_text("not DuckDB's")
    opened()
    assert [one.name for one in left.iterdir()] == ["mine.txt"]
