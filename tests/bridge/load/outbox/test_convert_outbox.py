"""The script that converts the outbox of an earlier checkout: every entry, with its history, is as it was.

`outbox_of_version_7.sql` was dumped from a file that commit 4d0ac43a wrote.
"""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_bridge.load.outbox.entry import Approval, OutboxEntry, Total, WriteTarget, new_entry
from intacct_bridge.load.outbox.equal_counts import EqualCount, StreamPosition, StreamSource
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.identity import source_identity
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Receipt, WriteOperation
from intacct_protocol.errors import Fault, SettingsError

ROOT = Path(__file__).parents[4]
SCRIPT = ROOT / "scripts" / "convert_outbox.py"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLASS = WriteTarget("demo-company", "", WriteOperation.CREATE, "CLASS")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "outbox.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(Path(__file__).with_name("outbox_of_version_7.sql").read_text(encoding="utf-8"))
        db.execute("PRAGMA user_version = 7")
    return path


def converted(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, str(SCRIPT), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def by_identity(outbox: Outbox) -> dict[str, OutboxEntry]:
    return {entry.identity: entry for entry in outbox.entries()}


def test_an_outbox_of_an_earlier_checkout_is_refused_until_it_is_converted(path: Path) -> None:
    with pytest.raises(SettingsError, match="was written by a newer version"):
        Outbox(path)
    ran = converted(path)
    assert (ran.returncode, ran.stdout.strip()) == (0, f"{path} is an outbox of version 1 now"), ran.stderr
    with Outbox(path, clock=lambda: NOON) as outbox:
        entries = by_identity(outbox)
        assert [(entry.number, entry.status) for entry in entries.values()] == [
            (1, RecordStatus.APPLIED),
            (2, RecordStatus.REJECTED),
            (3, RecordStatus.APPLIED),
            (4, RecordStatus.SENT),
            (5, RecordStatus.PLANNED),
        ]
        applied, rejected, decided, _, update = entries.values()
        assert (applied.lookup_key, applied.body) == ({"CLASSID": 'key:["s:S-1"]'}, '<create>key:["s:S-1"]</create>')
        assert (applied.receipt, applied.url) == (Receipt("7", "S-1"), "https://example.com/7")
        assert (applied.totals, applied.posting_date) == ((Total("USD", Decimal("12.50")),), date(2026, 11, 20))
        assert rejected.faults == (Fault("BL01", "no", ""),)
        assert decided.identity == 'key:["s:\u00c9-3"]', "in the form in which strings count now"
        assert [event.status for event in outbox.history(decided)] == ["planned", "sent", "in_doubt", "applied"]
        (decision,) = outbox.decisions(decided)
        assert (decision.person, decision.record, decision.reason) == ("Ada", "9", "seen in Intacct")
        assert outbox.replaced_values(update) == {"NAME": "old", "TOTAL": Decimal("1.50")}
        assert len(outbox.batches(entries.values())) == 4
        assert outbox.take_repeat_guard("run-1") == "ib1-witness-run-1"
        stream = StreamSource("demo-company", "crm", "pay")
        assert outbox.equal_counts.count(stream, "d0") == EqualCount(3, 2)
        assert outbox.equal_counts.position(stream) == StreamPosition("p", "1")
        approval = Approval("plan-0123456789ab", "digest", "Ben", NOON, NOON.replace(day=21))
        assert outbox.approvals("plan-0123456789ab") == [approval]
        assert [entry.number for entry in outbox.recover()] == [4]


def test_a_converted_outbox_has_the_tables_of_a_new_one_and_goes_on(path: Path, tmp_path: Path) -> None:
    assert converted(path).returncode == 0
    Outbox(tmp_path / "new.sqlite3").close()

    def columns(file: Path) -> dict[str, list[str]]:
        with closing(sqlite3.connect(file)) as db:
            names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")]
            tables = [name for name in names if not name.startswith("sqlite_")]
            return {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in sorted(tables)}

    def in_order(tables: dict[str, list[str]]) -> dict[str, list[str]]:
        return {name: sorted(names) for name, names in tables.items()}

    assert in_order(columns(path)) == in_order(columns(tmp_path / "new.sqlite3"))
    with Outbox(path, clock=lambda: NOON) as outbox:
        known, fresh = outbox.plan(
            [
                new_entry(CLASS, identity, "d", "<create/>")
                for identity in ('key:["s:S-1"]', source_identity(["new"]).text)
            ]
        )
        assert (known.number, known.status, fresh.number) == (1, RecordStatus.APPLIED, 6)
        (begun,) = outbox.begin([fresh])
        assert [event.status for event in outbox.history(begun)] == ["planned", "sent"]


def test_a_file_that_is_no_such_outbox_or_is_in_use_stays_as_it_is(path: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.sqlite3"
    with Outbox(new):
        pass
    before = new.read_bytes()
    assert "not an outbox of version 7, but of version 1" in converted(new).stderr
    assert new.read_bytes() == before
    assert "there is no file" in converted(tmp_path / "none").stderr
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1000007")  # it was moved elsewhere
    assert converted(path).returncode == 2


KILLED = """
import os, signal, sqlite3, sys, runpy
left = int(sys.argv[2])
class Connection(sqlite3.Connection):
    def execute(self, sql, *values):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(sql, *values)
connect = sqlite3.connect
sqlite3.connect = lambda path, **options: connect(path, factory=Connection, **options)
del sys.argv[2]
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.skipif(os.name == "nt", reason="needs kill -9")
@pytest.mark.parametrize("statements", [1, 3, 5, 9, 13, 14])
def test_a_conversion_that_is_killed_changes_nothing(path: Path, statements: int) -> None:
    program = KILLED.replace("runpy.run_path(sys.argv[1]", f"sys.argv[1:1] = []; runpy.run_path({str(SCRIPT)!r}")
    command = [sys.executable, "-c", program, str(path), str(statements)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (7,)
        assert db.execute("SELECT count(trace), count(state) FROM entry").fetchone() == (5, 5)
    assert converted(path).returncode == 0
