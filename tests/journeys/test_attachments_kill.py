"""`intacct extract --attachments` and the tap killed while they save files, over real HTTP; and a full disk."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge.copies.destinations.latest_rows import views
from intacct_bridge.copies.destinations.manifest import CopyFolder
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.journeys.attached_company import assert_whole, attached_company, expected, visible
from support.journeys.killing import KILLED, Killer, Programs
from support.journeys.tapping import CREDENTIALS

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")]
ROOM = 256 * 1024
"""Bytes: enough for everything but the largest of the attached files."""
VENDORS = ["V0", "V1", "V2", "V3", "V4", "V5", "V6", "V7", "V8"]


@pytest.fixture(scope="module")
def grown_company() -> Iterator[Emulator]:
    made = attached_company()
    yield made
    assert made.incidents == []
    made.close()


@pytest.fixture
def programs(grown_company: Emulator, tmp_path: Path) -> Iterator[Programs]:
    killer = Killer(grown_company, lambda body: b'object="supdoc"' in body)
    with serve(killer) as server:
        yield Programs(tmp_path, server.url, killer)


def extract(programs: Programs, **how: str) -> Any:
    words = ("VENDOR", "--select", "VENDOR.NAME", "--to", "jsonl:copy", "--attachments", "files")
    return programs.run("intacct", "extract", *words, **how)


def rows(place: Path) -> list[str]:
    """The vendors that a reader of the copy finds."""
    with duckdb.connect() as con:
        con.execute(views(CopyFolder(place / "copy").read(), str(place / "copy")))
        return [name for (name,) in con.execute('SELECT "VENDORID" FROM "VENDOR" ORDER BY 1').fetchall()]


@pytest.mark.parametrize(("at", "after"), [(1, False), (4, True)])
def test_the_run_after_a_killed_one_fetches_the_other_files(programs: Programs, at: int, *, after: bool) -> None:
    files = programs.place / "files"
    assert programs.killer is not None
    programs.killer.arm(at, after=after)
    assert extract(programs).status == KILLED
    assert visible(files).items() < expected().items()
    assert rows(programs.place) == VENDORS
    programs.killer.arm(0, after=False)
    ended = extract(programs)
    assert ended.status == 0, ended.err
    assert programs.killer.seen == 6 - (at - 1)
    assert_whole(files)
    assert rows(programs.place) == VENDORS


def test_the_tap_continues_from_its_state_and_its_folder(programs: Programs) -> None:
    place, killer = programs.place, programs.killer
    assert killer is not None
    settings = {"api_url": programs.url, **CREDENTIALS, "environment": "demo", "attachments": "files"}
    (place / "config.json").write_text(json.dumps({**settings, "streams": ["VENDOR"]}))
    killer.arm(3, after=True)
    first = programs.run("tap", "--config", "config.json")
    assert first.status == KILLED
    messages = [json.loads(line) for line in first.out.splitlines()]
    assert sorted(one["record"]["VENDORID"] for one in messages if one["type"] == "RECORD") == VENDORS
    states = [one["value"] for one in messages if one["type"] == "STATE"]
    (place / "state.json").write_text(json.dumps(states[-1]))
    killer.arm(0, after=False)
    second = programs.run("tap", "--config", "config.json", "--state", "state.json")
    assert second.status == 0, second.err
    assert killer.seen == 4
    assert_whole(place / "files")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the system's own limit on files")
def test_a_full_disk_is_reported_and_leaves_no_incomplete_file(programs: Programs) -> None:
    files = programs.place / "files"
    full = extract(programs, how=f"room={ROOM}")
    assert full.status == 2
    assert "scan.png cannot be written" in full.err
    assert "disk space" in full.err
    assert "Traceback" not in full.err
    assert set(visible(files)) == {place for place in expected() if place.startswith("S-1/")}
    dead = extract(programs, how=f"dying={ROOM}")
    assert dead.status < 0
    (half,) = files.glob(".*.part/scan.png")
    assert half.stat().st_size == ROOM
    assert set(visible(files)) == {place for place in expected() if place.startswith("S-1/")}
    assert extract(programs).status == 0
    assert_whole(files)
