"""`intacct extract` killed while it reads, writes and commits, over real HTTP; and on a full disk."""

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_protocol.xml.reply import Reply
from support.journeys.copies import read
from support.journeys.definitions import MANY, last_looked_up
from support.journeys.killing import KILLED, Ended, Killer, Programs
from support.small_company import Clock, client, little_company

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")]
NAMES = ("CLASS", "APBILL", "APBILLITEM", "DEPARTMENT")
OURS = ("_run", "_read_at", "_deleted_at")


@pytest.fixture(scope="module")
def grown_company() -> Iterator[Emulator]:
    made = little_company(Clock())
    yield made
    assert made.incidents == []
    made.close()


@pytest.fixture
def programs(grown_company: Emulator, tmp_path: Path) -> Iterator[Programs]:
    killer = Killer(grown_company, lambda body: b"<query>" in body)
    with serve(killer) as server:
        yield Programs(tmp_path, server.url, killer)


@pytest.fixture(scope="module")
def truth(grown_company: Emulator) -> dict[str, list[dict[str, object]]]:
    """Every record as its cells that are not empty."""
    with client(grown_company) as gateway:
        return {name: in_order(gateway.query(name, show_private=True)) for name in NAMES}


def in_order(rows: object) -> list[dict[str, object]]:
    told = [
        {name: cell for name, cell in row.items() if cell is not None and name not in OURS}
        for row in rows  # type: ignore[attr-defined]
    ]
    return sorted(told, key=lambda row: str(row["RECORDNO"]))


def extract(programs: Programs, uri: str, *, how: str = "whole") -> Ended:
    return programs.run("intacct", "extract", *NAMES, "--to", uri, how=how)


def assert_is_the_company(uri: str, truth: dict[str, list[dict[str, object]]]) -> None:
    for name in NAMES:
        rows = [row for row in read(uri, name).rows if row.get("_deleted_at") is None]
        assert in_order(rows) == truth[name], name


def ends_whole(programs: Programs, uri: str, truth: dict[str, list[dict[str, object]]]) -> None:
    ended = extract(programs, uri)
    assert ended.status == 0, ended.err
    assert_is_the_company(uri, truth)


@pytest.mark.parametrize("moment", ["before=CREATE TABLE", 'before=INSERT INTO "APBILL', "before=RENAME", "commit=8"])
def test_the_next_run_into_postgres_continues(
    programs: Programs, postgres: str, truth: dict[str, list[dict[str, object]]], moment: str
) -> None:
    assert extract(programs, postgres, how=moment).status == KILLED
    ends_whole(programs, postgres, truth)


def test_a_run_killed_while_it_replaces_rows_loses_none(
    programs: Programs, postgres: str, truth: dict[str, list[dict[str, object]]]
) -> None:
    ends_whole(programs, postgres, truth)
    killed = programs.run("intacct", "extract", *NAMES, "--full", "--to", postgres, how='before=INSERT INTO "APBILL"')
    assert killed.status == KILLED  # the rows that it was to insert again were deleted
    assert_is_the_company(postgres, truth)
    ends_whole(programs, postgres, truth)


def test_a_run_killed_while_it_reads_is_resumed(
    programs: Programs, postgres: str, truth: dict[str, list[dict[str, object]]]
) -> None:
    assert programs.killer is not None
    for at in (2, 4):
        programs.killer.arm(at, after=True)
        assert extract(programs, postgres).status == KILLED
    programs.killer.arm(0, after=False)
    ends_whole(programs, postgres, truth)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the system's own limit on files")
@pytest.mark.parametrize(("kind", "room"), [("duckdb", 30_000), ("parquet", 20_000), ("csv", 8_000), ("jsonl", 20_000)])
def test_a_full_disk_is_reported_and_the_copy_is_completed_later(
    programs: Programs, truth: dict[str, list[dict[str, object]]], kind: str, room: int
) -> None:
    uri = f"{kind}:{programs.place / 'copy'}"
    full = extract(programs, uri, how=f"room={room}")
    assert full.status in (1, 2)
    assert "cannot be written" in full.err + full.out or "copy failed: " in full.err + full.out
    assert "A bug in Intacct Bridge" not in full.err
    dead = extract(programs, uri, how=f"dying={room}")
    assert dead.status < 0
    ends_whole(programs, uri, truth)


class BetweenLookUps(Killer):
    """Delays the lookup of an object until rows of this number of others have been read."""

    def __init__(self, emulator: Emulator, held: str, others: int) -> None:
        super().__init__(emulator, lambda body: b"<lookup>" in body and f"<object>{held}</object>".encode() in body)
        self._others = others
        self._asked: set[bytes] = set()
        self._enough = threading.Event()

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        if found := re.search(rb"<query><object>(\w+)|<query>.*?<object>(\w+)", body):
            self._asked.add(found[1] or found[2])
            if len(self._asked) >= self._others:
                self._enough.set()
        if self._meant(body):
            assert self._enough.wait(60)
        return super().__call__(endpoint, body)


@pytest.mark.parametrize("after", [False, True])
def test_a_run_killed_between_two_lookups_is_resumed(
    grown_company: Emulator, tmp_path: Path, truth: dict[str, list[dict[str, object]]], *, after: bool
) -> None:
    """Streams whose definitions had come are committed; the others are not known yet."""
    killer, uri = BetweenLookUps(grown_company, last_looked_up(), 8), f"duckdb:{tmp_path / 'copy.duckdb'}"
    with serve(killer) as server:
        programs = Programs(tmp_path, server.url, killer)
        killer.arm(1, after=after)
        assert programs.run("intacct", "extract", *MANY, *NAMES, "--to", uri).status == KILLED
        with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as con:
            held = {name for (name,) in con.execute("SHOW TABLES").fetchall()}
        assert held.intersection(MANY)
        assert last_looked_up() not in held
        killer.arm(0, after=False)
        ended = programs.run("intacct", "extract", *MANY, *NAMES, "--to", uri)
        assert ended.status == 0, ended.err
    assert_is_the_company(uri, truth)
    with client(grown_company) as gateway:
        for name in MANY:
            assert in_order(read(uri, name).rows) == in_order(gateway.query(name, show_private=True)), name
