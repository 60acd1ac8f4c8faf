"""The interface of destinations, tested with each of them."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from intacct_bridge.copies.copy import open_copy
from intacct_bridge.copies.destinations import files, latest_rows
from intacct_bridge.copies.destinations.latest_rows import latest, views
from intacct_bridge.copies.destinations.manifest import CopyFolder, ManifestEntry
from intacct_bridge.copies.destinations.open import KINDS, compact_copy, copy_states, open_destination
from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.destination_suite import (
    BILLS,
    DETAIL,
    DONE,
    FIELDS,
    ITEMS,
    NOON,
    WALKING,
    DestinationSuite,
    batch,
    bill,
    detail,
    keep,
    line,
    numbers,
)
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream, StreamOutcome
from intacct_protocol.errors import BusyError, SettingsError, UnreachableError
from intacct_protocol.xml.values import Kind
from support.copies.destinations import Copy


@pytest.fixture(params=["duckdb", "postgres", "parquet", "csv", "jsonl"])
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Copy]:
    paths = {"duckdb": f"duckdb:///{tmp_path}/copy.duckdb"}
    if request.param == "postgres":
        paths["postgres"] = request.getfixturevalue("postgres")
    made = Copy(paths.get(request.param, f"{request.param}:{tmp_path}/copy"))
    yield made
    made.close()


class TestEveryDestination(DestinationSuite):
    """The suite, with rows as programs of users read them."""


def test_the_types_that_are_promised_are_those_of_the_columns(copy: Copy) -> None:
    keep(copy, BILLS, [bill(1)])
    if copy.in_postgres:
        sql = "SELECT column_name::text, data_type::text FROM information_schema.columns WHERE table_name = 'APBILL'"
        types = {row["column_name"]: row["data_type"] for row in copy.ask(sql).to_pylist()}
    elif copy.uri.startswith("parquet"):
        (file,) = (Path(parse_uri(copy.uri).path) / "APBILL").iterdir()
        arrow = {"date32[day]": "date32", "timestamp[us, tz=UTC]": "timestamp[us, UTC]"}
        types = {column.name: arrow.get(str(column.type), str(column.type)) for column in pq.read_schema(file)}
    else:  # as DuckDB has them, or as `latest.sql` reads text back
        with copy.look() as con:
            types = dict(con.execute('SELECT column_name, column_type FROM (DESCRIBE "APBILL")').fetchall())
    columns = ("VENDORID", "RECORDNO", "TOTALDUE", "WHENDUE", "WHENMODIFIED", "ONHOLD")
    is_text = copy.uri.startswith(("csv", "jsonl"))
    promised = KINDS["duckdb"].guarantees.types if is_text else copy.guarantees.types
    assert ", ".join(f"`{types[column]}`" for column in columns) == promised


def test_the_times_of_a_copy_come_back_through_fetchall(tmp_path: Path) -> None:
    copy = Copy(f"duckdb:///{tmp_path}/copy.duckdb")
    keep(copy, BILLS, [bill(1), bill(2) | {"WHENMODIFIED": None}])
    with copy.look() as con:
        query = 'SELECT "WHENMODIFIED", typeof("WHENMODIFIED") FROM "APBILL" ORDER BY "RECORDNO"'
        found = con.execute(query).fetchall()
    assert found == [(NOON, "TIMESTAMP WITH TIME ZONE"), (None, "TIMESTAMP WITH TIME ZONE")]


def test_amounts_in_csv_are_digits_and_are_read_back_unchanged(tmp_path: Path) -> None:
    copy = Copy(f"csv:{tmp_path}/copy")
    dues = ["0", "0.00000001", "-0.00000000000001", "50000.10", "123456789012345678901234.5"]
    keep(copy, BILLS, [bill(number, due) for number, due in enumerate(dues)] + [bill(9) | {"TOTALDUE": None}])
    (file,) = (tmp_path / "copy" / "APBILL").iterdir()
    with file.open(encoding="utf-8", newline="") as lines:
        written = [row["TOTALDUE"] for row in csv.DictReader(lines)]
    assert written == ["0", "0.00000001", "-0.00000000000001", "50000.1", "123456789012345678901234.5", ""]
    assert [row["TOTALDUE"] for row in copy.rows()] == [*map(Decimal, dues), None]


@pytest.mark.parametrize(("kind", "length"), [("csv", 2_500_000), ("jsonl", 18_000_000)])
def test_a_row_longer_than_readers_of_text_expect_is_read(tmp_path: Path, kind: str, length: int) -> None:
    copy, text = Copy(f"{kind}:{tmp_path}/copy"), '"\n' * (length // 2)
    keep(copy, BILLS, [bill(1), bill(2, vendor=text)])
    writer = copy.open().writer(BILLS, DONE)
    writer.write(batch(BILLS, [bill(3)]))
    writer.delete([1])  # which reads the files
    assert writer.commit(DONE, NOON).deleted == 1
    copy.close()
    list(compact_copy(copy.uri))
    assert [row["VENDORID"] == text for row in copy.rows()] == [True, False]


def test_hard_deletes_remove_rows(copy: Copy) -> None:
    keep(copy, BILLS, [bill(1), bill(2)])
    writer = copy.open(hard_deletes=True).writer(BILLS, DONE)
    writer.delete([1])
    writer.commit(DONE, NOON)
    assert numbers(copy.rows(deleted=True)) == [2]


def test_hard_deletes_remove_rows_that_earlier_runs_marked(copy: Copy) -> None:
    keep(copy, BILLS, [bill(1), bill(2), bill(3)])
    writer = copy.open().writer(BILLS, DONE)
    writer.delete([1])
    writer.commit(DONE, NOON)
    assert numbers(copy.rows(deleted=True)) == ([2, 3] if copy.in_files else [1, 2, 3])
    copy.open(hard_deletes=True).writer(BILLS, DONE).commit(DONE, NOON)
    assert numbers(copy.rows(deleted=True)) == [2, 3]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b'"\xff{')])
def test_an_error_about_a_lost_or_damaged_change_file_names_the_stream_which_can_be_reloaded(
    tmp_path: Path, kind: str, harm: Callable[[Path], object]
) -> None:
    copy = Copy(f"{kind}:{tmp_path}/copy")
    keep(copy, BILLS, [bill(1)])
    keep(copy, BILLS, [bill(2)])
    for file in (tmp_path / "copy" / "APBILL").iterdir():
        harm(file)
    with pytest.raises(SettingsError, match=r"the files of APBILL in .* cannot be read") as refused:
        copy.open().writer(BILLS, DONE).delete([1])
    assert "extract APBILL again with `full = true`" in refused.value.fix
    copy.close()
    with pytest.raises(SettingsError, match=r"the files of APBILL in .* cannot be read"):
        list(compact_copy(copy.uri))
    keep(copy, BILLS, [bill(3)], replace(DONE, progress=replace(DONE.progress, refreshed_by=3)))
    assert numbers(copy.rows()) == [3]


def test_a_date_that_becomes_a_time_is_midnight_utc_in_any_time_zone(tmp_path: Path) -> None:
    """In a process of its own, since the database library reads the time zone when it is loaded."""
    path = tmp_path / "copy.duckdb"
    script = "; ".join(
        (
            "from intacct_bridge.destination_suite import batch, keep, FIELDS, DONE, NOON, bill",
            "from support.copies.destinations import Copy",
            "from datetime import UTC, date, datetime",
            "from intacct_bridge.streams.stream import Stream",
            "from intacct_protocol.xml.values import Kind",
            f"copy = Copy('duckdb:///{path}')",
            "of = lambda kind: Stream('APBILL', 'APBILL', FIELDS | {'DUE': kind}, 'RECORDNO')",
            "keep(copy, of(Kind.DATE), [bill(1, DUE=date(2026, 1, 5))])",
            "keep(copy, of(Kind.TIMESTAMP), [bill(2, DUE=datetime(2026, 1, 6, 1, tzinfo=UTC))])",
        )
    )
    zone = {**os.environ, "TZ": "America/New_York", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], env=zone, check=True, capture_output=True)
    with duckdb.connect(str(path), read_only=True) as con:
        found = con.execute('SELECT epoch("DUE")::BIGINT FROM "APBILL" ORDER BY 1').fetchall()
    day, time = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, 1, tzinfo=UTC)
    assert found == [(day.timestamp(),), (time.timestamp(),)]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("complete", [True, False])
def test_a_date_among_times_of_change_files_is_midnight_utc_for_every_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, complete: bool
) -> None:
    monkeypatch.setattr(files, "GATHER_ROWS", 1)
    copy = Copy(f"{kind}:{tmp_path}/copy")
    days = Stream("APBILL", "APBILL", FIELDS | {"DUE": Kind.DATE, "PAID": Kind.DATE}, "RECORDNO")
    times = Stream("APBILL", "APBILL", FIELDS | {"DUE": Kind.TIMESTAMP, "PAID": Kind.TIMESTAMP}, "RECORDNO")
    before = DONE if complete else WALKING
    keep(copy, BILLS, [bill(9)], before)  # its file has no such columns
    writer = copy.open().writer(days, before)
    late = datetime(2026, 1, 6, 1, 30, tzinfo=UTC)
    writer.write(batch(days, [bill(1, DUE=date(2026, 1, 5), PAID=None)]))
    writer.commit(before, NOON)
    writer.write(batch(days, [bill(2, DUE=date(2026, 7, 5), PAID=date(2026, 7, 6))]))
    writer.write(batch(times, [bill(3, DUE=late, PAID=late)]))
    writer.commit(DONE, NOON)
    copy.close()
    at = {1: datetime(2026, 1, 5, tzinfo=UTC), 2: datetime(2026, 7, 5, tzinfo=UTC), 3: late, 9: None}
    for _ in range(2):
        for zone in ("America/New_York", "Pacific/Auckland", "UTC"):
            with copy.look() as con:
                con.execute(f"SET TimeZone = '{zone}'")
                found = con.execute('SELECT "RECORDNO", epoch_us("DUE"), epoch_us("_read_at") FROM "APBILL"').fetchall()
            due = {key: epoch and datetime.fromtimestamp(epoch / 1_000_000, UTC) for key, epoch, _ in found}
            assert due == at, zone
            assert {read for _, _, read in found} == {int(NOON.timestamp()) * 1_000_000}
        list(compact_copy(copy.uri))


@pytest.mark.parametrize(
    ("one", "other"), [("A B", "A_B"), ("SO_REÇU", "SO_RE_U"), ("runs", "runs-"), ("..", "."), ("l" * 300, "l" * 299)]
)
def test_the_files_of_two_streams_are_apart_and_inside_the_folder(tmp_path: Path, one: str, other: str) -> None:
    copy = Copy(f"parquet:{tmp_path}/copy")
    streams = [Stream(name, "X", {"RECORDNO": Kind.INTEGER}, "RECORDNO") for name in (one, other)]
    destination = copy.open()
    writers = [destination.writer(stream, Bookmark()) for stream in streams]
    for number, (stream, writer) in enumerate(zip(streams, writers, strict=True)):
        writer.write(batch(stream, [{"RECORDNO": number}]))
    for writer in writers:
        writer.commit(DONE, NOON)
    assert [numbers(copy.rows(stream)) for stream in streams] == [[0], [1]]
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    folders = [path.parent for path in (tmp_path / "copy").rglob("*.parquet")]
    assert len({path.resolve() for path in folders}) == 2
    assert all(path.parent == tmp_path / "copy" and path.name != "runs" for path in folders)


def test_a_commit_makes_the_query_of_its_stream_alone_and_only_for_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Copy(f"parquet:{tmp_path}/copy")
    streams = [Stream(f"S{number}", "X", {"RECORDNO": Kind.INTEGER}, "RECORDNO") for number in range(30)]
    for stream in streams:
        keep(copy, stream, [{"RECORDNO": 1}])
    made: list[ManifestEntry] = []

    def counted(entry: ManifestEntry, *rest: str) -> str:
        made.append(entry)
        return latest(entry, *rest)

    monkeypatch.setattr(latest_rows, "latest", counted)
    counts = []
    with closing(copy.open()) as destination:
        counts.append(len(made))  # an open folder knows the query of every stream
        for stream in streams:
            destination.writer(stream, DONE).commit(DONE, NOON)
        counts.append(len(made))  # bookmarks alone change no query
        for number in (3, 7):
            writer = destination.writer(streams[number], DONE)
            writer.write(batch(streams[number], [{"RECORDNO": 2}]))
            writer.commit(DONE, NOON)
        counts.append(len(made))
    assert counts == [30, 30, 32]
    copy.close()
    assert Path(tmp_path, "copy", "latest.sql").read_text() == views(CopyFolder(tmp_path / "copy").read())


@pytest.mark.parametrize("bookmark", [DONE, WALKING])
def test_two_streams_whose_names_are_the_same_to_duckdb_need_two_copies(copy: Copy, bookmark: Bookmark) -> None:
    keep(copy, BILLS, [bill(1)], bookmark)
    other = replace(BILLS, name="ApBill")
    if copy.in_postgres:
        keep(copy, other, [bill(2)])
        assert numbers(copy.rows(other)) == [2]
        return
    with pytest.raises(SettingsError, match=r"already holds APBILL.*, which DuckDB takes for the same name as ApBill"):
        keep(copy, other, [bill(2)])
    copy.close()
    keep(copy, BILLS, [bill(3)], DONE)
    assert 3 in numbers(copy.rows())


@pytest.mark.parametrize(
    ("made", "fix"),
    [
        ('CREATE VIEW "APBILL" AS SELECT 1', "a view has the stream's name"),
        ('CREATE TABLE "APBILL" AS SELECT 1 AS "RECORDNO"', "the table belongs to something else, or lost a column"),
    ],
)
def test_an_error_about_a_view_or_table_of_the_streams_name_says_how_to_fix_it(
    tmp_path: Path, made: str, fix: str
) -> None:
    copy = Copy(f"duckdb:///{tmp_path}/copy.duckdb")
    with duckdb.connect(f"{tmp_path}/copy.duckdb") as con:
        con.execute(made)
    with pytest.raises(SettingsError) as told:
        keep(copy, BILLS, [bill(1)])
    assert fix in told.value.fix
    copy.close()


def test_an_error_about_a_dropped_column_says_how_to_fix_it(tmp_path: Path) -> None:
    copy = Copy(f"duckdb:///{tmp_path}/copy.duckdb")
    keep(copy, BILLS, [bill(1)])
    with duckdb.connect(f"{tmp_path}/copy.duckdb") as con:
        con.execute('ALTER TABLE "APBILL" DROP COLUMN _deleted_at')
    writer = copy.open().writer(BILLS, DONE)
    with pytest.raises(SettingsError, match="_deleted_at") as told:
        writer.count_rows()
    assert "restore it, or drop the table" in told.value.fix
    copy.close()


def test_a_copy_of_a_later_version_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"version": 9}')
    with pytest.raises(SettingsError, match="has version 9, and this program reads up to 1") as refused:
        open_destination(f"csv:{tmp_path}").open("demo", NOON)
    assert "later one" in refused.value.fix


def test_the_history_of_runs_is_kept(tmp_path: Path) -> None:
    destination = open_destination(f"duckdb:///{tmp_path}/c.duckdb")
    destination.open("demo", NOON)
    destination.finish(
        [StreamOutcome("APBILL", rows=3, added=("A", "B"), error="cut", fix="try"), StreamOutcome("X")], NOON
    )
    destination.close()
    with duckdb.connect(f"{tmp_path}/c.duckdb") as con:
        found = con.execute('SELECT stream, "rows", added, error FROM _bridge.outcomes ORDER BY 1').fetchall()
    assert found == [("APBILL", 3, ["A", "B"], "cut"), ("X", 0, [], "")]


@pytest.mark.parametrize(
    ("uri", "scheme", "path"),
    [
        ("duckdb:///f.duckdb", "duckdb", "f.duckdb"),
        ("duckdb:////data/f.duckdb", "duckdb", "/data/f.duckdb"),
        ("duckdb:f.duckdb", "duckdb", "f.duckdb"),
        ("/data/f.duckdb", "duckdb", "/data/f.duckdb"),
        ("parquet:DIR", "parquet", "DIR"),
        ("csv:a/b", "csv", "a/b"),
        ("jsonl:///a", "jsonl", "a"),
        ("postgres://u@h/db", "postgresql", "postgresql://u@h/db"),
        ("postgresql://u@h/db", "postgresql", "postgresql://u@h/db"),
        ("-", "singer", "-"),
    ],
)
def test_a_destination_is_named_by_a_uri(uri: str, scheme: str, path: str) -> None:
    assert (parse_uri(uri).scheme, parse_uri(uri).path) == (scheme, path)


@pytest.mark.parametrize(
    "uri",
    [
        "postgres+psycopg://me:hunter2@host/db",
        "postgresql:host=here password=hunter2",
        "mysql://me:hunter2@host/db",
        "duckdb://me:hunter2@host/x",
        "parquet:s3://KEY:hunter2@bucket/x",
        "postgresql://me:hunter2@127.0.0.1:1/x?sslmode=nope",
        "postgresql://me:hunter2%ZZ@127.0.0.1:1/x",
        "postgresql:///x?host=127.0.0.1&port=1&user=me&password=hunter2",
    ],
)
def test_no_message_shows_a_destinations_password(uri: str) -> None:
    for ask in (copy_states, compact_copy, lambda uri: open_copy(uri).open().__enter__()):
        with pytest.raises((SettingsError, UnreachableError)) as refused:
            ask(uri)
        assert "hunter2" not in f"{refused.value.message} {refused.value.fix}"


@pytest.mark.parametrize("sign", ["@", "/", "?", ":", "#", "%zz", " ", "&", "="])
@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:hunterTWO@127.0.0.1:1/x",
        "postgresql://127.0.0.1:1/x?user=me&password=hunterTWO",
        "postgresql:///x?host=127.0.0.1&port=1&password=hunterTWO",
        "postgres:me:hunterTWO@127.0.0.1:1/x",
        "snowflake:me:hunterTWO@account",
        "postgresql:host=here password='hunterTWO'",
    ],
)
def test_no_message_shows_part_of_a_password_that_should_have_been_escaped(uri: str, sign: str) -> None:
    with pytest.raises((SettingsError, UnreachableError)) as refused:
        copy_states(uri.replace("TWO", f"{sign}TWO"))
    said = f"{refused.value.message} {refused.value.fix}"
    assert "hunter" not in said
    assert "TWO" not in said


@pytest.mark.parametrize("uri", ["duckdb:md:?motherduck_token=hunter2", "md:?motherduck_token=hunter2"])
def test_no_message_shows_the_token_of_a_hosted_database(uri: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_uri(uri)
    assert "hunter2" not in f"{refused.value.message} {refused.value.fix}"


def test_the_message_of_libpq_is_shown_where_it_has_no_secret(postgres: str) -> None:
    with pytest.raises(SettingsError, match='invalid URI query parameter: "sslmod"'):
        copy_states("postgresql://127.0.0.1:1/x?sslmod=disable")
    with pytest.raises(SettingsError, match='role "nobody" does not exist'):
        copy_states(postgres.replace("postgresql://postgres", "postgresql://nobody"))


def test_a_home_folder_is_expanded_where_no_shell_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert parse_uri("parquet:~/ledger").path == str(tmp_path / "ledger")


STRANGE = ("parquet:s3://bucket/x", "duckdb::memory:", "duckdb:///:memory:", "postgresql:", "postgresql:host=here")
"""Paths that a library would take for something else, or would not keep."""


@pytest.mark.parametrize("uri", ["", "mysql://x", "somewhere", "parquet:", "duckdb://host/x", "duckdb:///", *STRANGE])
def test_an_unsupported_destination_is_refused_with_the_fix(uri: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_uri(uri)
    assert refused.value.fix


def test_a_file_that_is_open_or_not_a_database_is_refused_clearly(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("this is no database " * 100)
    with pytest.raises(SettingsError, match="cannot be opened"):
        open_destination(f"{tmp_path}/x.duckdb").open("demo", NOON)
    with pytest.raises(SettingsError, match=r"the folder .* does not exist"):
        open_destination(f"{tmp_path}/missing/x.duckdb").open("demo", NOON)


def test_an_error_about_a_database_that_cannot_be_opened_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "folder.duckdb").mkdir()
    (tmp_path / "torn.duckdb").write_bytes(bytes(4096))
    name = f"{tmp_path}/held.duckdb"
    duckdb.connect(name).close()
    others = f"import duckdb, sys; c = duckdb.connect('{name}', read_only=True); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", others], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin and other.stdout and other.stdout.readline()
        fixes = {}
        for name in ("folder", "torn", "held"):
            kind = BusyError if name == "held" else SettingsError
            with pytest.raises(kind, match="cannot be opened") as refused:
                open_destination(f"{tmp_path}/{name}.duckdb").open("demo", NOON)
            fixes[name] = refused.value.fix
            assert "-readonly" not in refused.value.message
        other.stdin.close()
    assert fixes["folder"] == f"name a file: {tmp_path}/folder.duckdb/copy.duckdb"
    assert fixes["torn"].startswith("the file is damaged, or was not made by DuckDB")
    assert fixes["held"].startswith("close the other program that has it open")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the system's own limit on files")
@pytest.mark.parametrize("room", [0, 4096, 8192])
def test_a_database_is_created_completely_or_not_at_all(tmp_path: Path, room: int) -> None:
    """In a process of its own, whose files are limited to this many bytes."""
    script = "; ".join(
        (
            "import resource, signal, sys",
            "sys.dont_write_bytecode = True",  # an incomplete compiled module would stay behind
            "from intacct_bridge.copies.destinations.open import open_destination",
            "from intacct_bridge.destination_suite import NOON",
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)",
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))",
            f"open_destination('{tmp_path}/copy.duckdb').open('demo', NOON)",
        )
    )
    search = os.pathsep.join(sys.path)
    ran = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": search}, check=False, capture_output=True
    )
    assert b"SettingsError" in ran.stderr and b"cannot be opened" in ran.stderr, ran.stderr
    assert list(tmp_path.iterdir()) == []
    with closing(open_destination(f"{tmp_path}/copy.duckdb")) as destination:
        assert destination.open("demo", NOON) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["copy.duckdb"]


def test_compaction_leaves_a_few_files_with_the_latest_rows(copy: Copy) -> None:
    if not copy.in_files:
        with pytest.raises(SettingsError, match="not a copy in change files"):
            list(compact_copy(copy.uri))
        return
    keep(copy, BILLS, [bill(number) for number in range(1, 9)])
    keep(copy, ITEMS, [line(1, 10), line(2, 10), line(3, 20)])
    keep(copy, DETAIL, [detail("a", 1), detail("a", 1, "2.00"), detail("b", 2)])
    for number in range(1, 5):
        keep(copy, BILLS, [bill(number, f"{number}.00"), bill(number + 10)])
    writer = copy.open().writer(BILLS, DONE)
    writer.delete([8])
    writer.commit(DONE, NOON)
    copy.close()
    before = {stream.name: copy.rows(stream) for stream in (BILLS, ITEMS, DETAIL)}
    done = {one.stream: one for one in compact_copy(copy.uri)}
    assert (done["APBILL"].rows, done["APBILL"].files_after) == (len(before["APBILL"]), 1)
    assert done["APBILL"].files_before > 5
    assert {stream.name: copy.rows(stream) for stream in (BILLS, ITEMS, DETAIL)} == before
    folder = Path(parse_uri(copy.uri).path)
    assert len(list(folder.glob("APBILL/*"))) == 1
    assert list(compact_copy(copy.uri)) == []
    keep(copy, BILLS, [bill(2, "77.00")])  # later rows still count
    assert [row["TOTALDUE"] for row in copy.rows() if row["RECORDNO"] == 2] == [77]
    assert copy.open().bookmarks()["APBILL"] == DONE


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2])
def test_a_compaction_that_is_killed_when_it_publishes_loses_nothing(
    copy: Copy, at: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not copy.in_files:
        return
    for number in range(1, 4):
        keep(copy, BILLS, [bill(number), bill(9, f"{number}.00")])
        keep(copy, ITEMS, [line(number, 10), line(9, 10)])
    before = {stream.name: copy.rows(stream) for stream in (BILLS, ITEMS)}
    publish, left = CopyFolder.publish, [at]

    def killed(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] == 0 and not after:
            raise KeyboardInterrupt
        publish(*arguments)
        if left[0] == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(CopyFolder, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            list(compact_copy(copy.uri))
    assert {stream.name: copy.rows(stream) for stream in (BILLS, ITEMS)} == before
    list(compact_copy(copy.uri))
    assert {stream.name: copy.rows(stream) for stream in (BILLS, ITEMS)} == before


def test_compaction_of_a_copy_whose_records_are_all_deleted_leaves_an_empty_copy(copy: Copy) -> None:
    if not copy.in_files:
        return
    keep(copy, BILLS, [bill(1)])
    writer = copy.open().writer(BILLS, DONE)
    writer.delete([1])
    writer.commit(DONE, NOON)
    copy.close()
    assert [one.rows for one in compact_copy(copy.uri)] == [0]
    assert copy.rows() == []
