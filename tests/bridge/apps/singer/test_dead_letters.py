"""The files of refused records: each belongs to one run of the target, also where runs overlap."""

import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.singer import dead_letters, target_run
from intacct_bridge.apps.singer.dead_letters import DeadLetters
from intacct_bridge.apps.singer.target_config import checked
from intacct_bridge.apps.singer.target_run import TargetRun
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.operations.record_streams import InputRecord
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_bridge.runs.history import RunHistory
from intacct_bridge.runs.recorder import RunRecorder
from support.journeys.piping import CREDENTIALS, Pipe, record, schema, state
from support.small_company import Clock, client, company

RUNS, RECORDS, ROUNDS = 6, 5, 20


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    made = company(Clock())
    yield Pipe(tmp_path, made)
    made.close()


def refused(run: str, number: int) -> InputRecord:
    return InputRecord("CLASS", {"run": run, "number": number}, number, "CLASS")


def letters(path: Path) -> list[tuple[str, int]]:
    """The run and the number of each record in a file."""
    found = (json.loads(line)["record"] for line in path.read_text().splitlines())
    return [(one["run"], one["number"]) for one in found]


@pytest.mark.parametrize("replaces", [True, False])
def test_runs_that_overlap_have_files_of_their_own(tmp_path: Path, *, replaces: bool) -> None:
    wanted = tmp_path / "refused.singer.jsonl"
    first, second = DeadLetters(wanted, replaces=replaces), DeadLetters(wanted, replaces=replaces)
    for number in (1, 2):
        first.add(refused("first", number), "no")
        second.add(refused("second", number), "no")
    first.close()
    second.close()
    assert (first.path, second.path) == (wanted, tmp_path / "refused.singer-2.jsonl")
    assert letters(first.path) == [("first", 1), ("first", 2)]
    assert letters(second.path) == [("second", 1), ("second", 2)]
    assert (first.earlier, second.earlier) == (None, None)


def test_a_named_file_has_the_last_run_and_earlier_ones_move_aside(tmp_path: Path) -> None:
    wanted = tmp_path / "fixed.jsonl"
    moved = []
    for run in ("one", "two", "three"):
        file = DeadLetters(wanted, replaces=True)
        file.add(refused(run, 1), "no")
        file.close()
        moved.append(file.earlier)
    assert moved == [None, tmp_path / "fixed.jsonl.before", tmp_path / "fixed.jsonl.before1"]
    assert [letters(tmp_path / f"fixed.jsonl{more}") for more in (".before", ".before1", "")] == [
        [("one", 1)],
        [("two", 1)],
        [("three", 1)],
    ]
    assert wanted.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("replaces", [True, False])
def test_no_record_is_lost_or_mixed_where_runs_begin_at_once(tmp_path: Path, *, replaces: bool) -> None:
    wanted = tmp_path / "refused.jsonl"
    start = threading.Barrier(RUNS)
    problems: list[BaseException] = []

    def run(name: str) -> None:
        try:
            for turn in range(ROUNDS):
                start.wait(30)
                file = DeadLetters(wanted, replaces=replaces)
                for number in range(RECORDS):
                    file.add(refused(f"{name}-{turn}", number), "no")
                file.close()
        except BaseException as error:
            problems.append(error)
            start.abort()

    threads = [threading.Thread(target=run, args=(f"run-{number}",)) for number in range(RUNS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    files = sorted(map(letters, tmp_path.iterdir()))
    names = sorted(f"run-{number}-{turn}" for number in range(RUNS) for turn in range(ROUNDS))
    assert files == [[(name, number) for number in range(RECORDS)] for name in names]


@pytest.mark.parametrize("ended", [True, False])
def test_a_file_that_another_run_locks_as_soon_as_it_is_made_is_that_run_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, ended: bool
) -> None:
    wanted = tmp_path / "refused.jsonl"
    other = DeadLetters(wanted, replaces=True)
    opened = dead_letters._opened

    def made_and_taken(path: Path, mode: Any) -> Any:
        file = opened(path, mode)
        if mode == "xb" and not other.count:
            for number in range(3):
                other.add(refused("other", number), "no")
            if ended:
                other.close()
        return file

    monkeypatch.setattr(dead_letters, "_opened", made_and_taken)
    file = DeadLetters(wanted, replaces=False)
    for number in range(3):
        file.add(refused("this", number), "no")
    file.close()
    other.close()
    assert letters(other.path) == [("other", number) for number in range(3)]
    assert letters(file.path) == [("this", number) for number in range(3)]


CLASSES = schema("CLASS", "CLASSID", "NAME", keys=["CLASSID"])


class SameSecond(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: Any = None) -> "SameSecond":
        return cls(2026, 11, 23, 12, 0, 0, tzinfo=tz)


def test_a_run_without_a_named_file_leaves_that_of_another_run_of_the_same_second(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target_run, "datetime", SameSecond)
    for name in ("one", "two"):
        ran = pipe([CLASSES, record("CLASS", NAME=name), state(1)], dead_letters="")  # it has no key
        assert ran.status == 1
        (told,) = (line for line in ran.err.splitlines() if line.startswith("refused records are in "))
        path = Path(told.removeprefix("refused records are in ").partition(", each")[0])
        kept = [json.loads(line) for line in path.read_text().splitlines()]
        assert [one["record"]["NAME"] for one in kept if one["type"] == "RECORD"] == [name]
    files = sorted(path.name for path in (pipe.folder / "dead-letters").iterdir())
    assert files == ["refused-20261123T120000.singer-2.jsonl", "refused-20261123T120000.singer.jsonl"]


def test_the_history_names_the_file_of_an_earlier_run_where_it_is_now(
    tmp_path: Path, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTACCT_RUN_HISTORY", str(tmp_path / "runs.sqlite3"))
    wanted = tmp_path / "fixed.jsonl"
    config = checked({**CREDENTIALS, "dead_letters": str(wanted)})
    lines = [schema("CLASS", "CLASSID", "NAME", keys=["CLASSID"]), record("CLASS", CLASSID="C-1")]
    text = b"".join(json.dumps(one).encode() + b"\n" for one in lines)
    for _ in range(3):
        recorder = RunRecorder()
        recorder.begin()
        with client(pipe.emulator) as company, Outbox(tmp_path / "outbox.sqlite3") as outbox:
            run = CompanyRun(company, outbox=outbox, recorder=recorder)
            target = TargetRun(run, config, out=io.BytesIO(), output=Output(err=io.StringIO()))
            assert target.consume(io.BytesIO(text)) == 1
        recorder.finish(1)
    with closing(RunHistory(tmp_path / "runs.sqlite3")) as history:
        named = [Path(file) for one in history.runs() for file in one.refused_rows]
    assert [one.name for one in named] == ["fixed.jsonl", "fixed.jsonl.before1", "fixed.jsonl.before"]
    assert all(one.exists() for one in named)


class Watched(io.BytesIO):
    """Standard output whose states are noted in an order with what is forced to disk."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen

    def write(self, data: Any, /) -> int:
        self.seen.append("state")
        return super().write(data)


def test_a_refused_record_is_on_disk_before_a_state_goes_past_it(
    tmp_path: Path, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    wanted = tmp_path / "letters" / "fixed.jsonl"
    forced = os.fsync

    def watched(handle: int) -> None:
        place = os.fstat(handle)
        if wanted.exists() and os.path.samestat(place, wanted.stat()):
            seen.append(f"{len(wanted.read_text().splitlines())} lines")
        elif wanted.parent.exists() and os.path.samestat(place, wanted.parent.stat()):
            seen.append("names")
        forced(handle)

    monkeypatch.setattr(os, "fsync", watched)
    refusals = [record("CLASS", run="r", number=str(number)) for number in range(3)]
    first, second, third = refusals
    lines = [schema("CLASS", "run", "number"), first, second, state(1), state(2), third, state(3)]
    text = b"".join(json.dumps(one).encode() + b"\n" for one in lines)
    config = checked({**CREDENTIALS, "dead_letters": str(wanted)})
    with client(pipe.emulator) as company, Outbox(tmp_path / "outbox.sqlite3") as outbox:
        run = CompanyRun(company, outbox=outbox)
        target = TargetRun(run, config, out=Watched(seen), output=Output(err=io.StringIO()))
        assert target.consume(io.BytesIO(text)) == 1
    assert seen == ["3 lines", "names", "state", "state", "4 lines", "state"]  # the schema and two records, one more


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_refused_records_that_the_disk_has_no_room_for_hold_the_state_back(pipe: Pipe) -> None:
    lines = [schema("CLASS", "CLASSID", "NAME", keys=["CLASSID"]), record("CLASS", CLASSID="C-1"), state(1)]
    ended = pipe(lines, dead_letters="/dev/full")
    assert (ended.status, ended.states) == (2, [])
    assert "cannot write refused records to /dev/full: No space left on device" in ended.err
