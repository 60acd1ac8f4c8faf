"""The history of runs in PostgreSQL, which several machines share."""

import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.operations.messages import Messages
from intacct_bridge.operations.runs import note_moved_file, run_log
from intacct_bridge.runs.history import KEPT_DAYS, KEPT_LOG_DAYS, RunHistory, history_place, open_history
from intacct_bridge.runs.recorder import RunRecorder
from intacct_bridge.runs.run import RecordCounts, Run, RunEnd
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_protocol.errors import SettingsError, SignInError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def run_of(number: int, flow: str = "nightly", **facts: object) -> Run:
    started = NOON + timedelta(minutes=number)
    return Run(id=f"{number:032x}", started=started, command="extract", flow=flow, **facts)  # type: ignore[arg-type]


@pytest.fixture
def named(postgres_place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> PostgresPlace:
    """The database is named by the variable."""
    monkeypatch.setenv("INTACCT_RUN_HISTORY", f"{postgres_place.uri}&schema={postgres_place.schema}")
    return postgres_place


def test_two_machines_see_the_runs_of_both_the_latest_first(postgres_place: PostgresPlace) -> None:
    first = run_of(1, status=0, ended=NOON, records=RecordCounts(posted=3), transactions=7)
    second = run_of(2, "", status=5, ended=NOON)
    with closing(RunHistory(postgres_place)) as here, closing(RunHistory(postgres_place)) as there:
        for history, run in ((here, first), (there, second)):
            history.begin(run)
            history.end(run)
        for history in (here, there):
            assert list(history.runs()) == [second, first]
            assert list(history.runs(flow="nightly", since=NOON)) == [first]
            assert list(history.runs(limit=1)) == [second]
            assert history.find(f"{2:032x}") == second
            assert history.last_success("nightly") == first
        with pytest.raises(SettingsError, match="several runs begin with '0000'"):
            here.find("0000")
        here.prune(NOON + timedelta(days=KEPT_DAYS, minutes=1, seconds=30))
        assert list(there.runs()) == [second, first], "one day with runs is not two years of them"


def test_a_killed_run_of_another_process_ended_without_a_word(named: PostgresPlace) -> None:
    code = (
        "import sys, datetime\n"
        "from intacct_bridge.runs.history import RunHistory, history_place\n"
        "from intacct_bridge.runs.run import Run\n"
        "h = RunHistory(history_place())\n"
        "h.begin(Run(id='ab' * 16, started=datetime.datetime.now(datetime.UTC), command='load'))\n"
        "print('begun', flush=True); sys.stdin.read()\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    with open_history() as history:
        with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, env=environ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
            assert [one.end for one in history.runs()] == [RunEnd.RUNNING]
            process.kill()
        while [one.end for one in history.runs()] == [RunEnd.RUNNING]:
            pass  # the server takes a moment to notice
        assert [one.end for one in history.runs()] == [RunEnd.KILLED]


def test_a_recorder_keeps_a_run_there(named: PostgresPlace) -> None:
    recorder = RunRecorder(flow="nightly")
    recorder.begin()
    recorder.add_records([RecordStatus.APPLIED] * 3 + [RecordStatus.IN_DOUBT])
    recorder.failed(SignInError("who is this?", fix="Correct the password."))
    recorder.finish(3)
    with open_history() as history:
        (ended,) = history.runs()
    assert ended.records == RecordCounts(posted=3, in_doubt=1)
    assert ended.end is RunEnd.REFUSED
    assert ended.error is not None
    assert ended.error.fix == "Correct the password."


def test_a_database_that_does_not_answer_warns_once_without_its_password_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("intacct_bridge.runs.history._BUSY_MS", 50)
    monkeypatch.setenv("INTACCT_RUN_HISTORY", "postgresql://anna:geheim@127.0.0.1:9/books")
    warnings: list[str] = []
    recorder = RunRecorder(warn=warnings.append)
    recorder.command = "load"
    recorder.begin()
    ended = recorder.finish(0)
    assert ended is not None
    assert ended.end is RunEnd.DONE
    (warning,) = warnings
    assert "127.0.0.1:9/books (schema intacct_bridge) cannot be reached" in warning
    assert "geheim" not in warning
    assert "geheim" not in repr(history_place())


def test_a_file_that_was_moved_is_no_failure_where_the_history_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("intacct_bridge.runs.history._BUSY_MS", 50)
    for history in ("postgresql://anna@127.0.0.1:9/books", str(tmp_path), "off"):
        monkeypatch.setenv("INTACCT_RUN_HISTORY", history)
        note_moved_file(tmp_path / "refused.jsonl", tmp_path / "refused.jsonl.before")


def messages_of(recorder: RunRecorder) -> Messages:
    messages = Messages()
    messages.log_file.keep_with(recorder.add_line)
    return messages


def test_another_machine_reads_the_log_of_a_run(named: PostgresPlace) -> None:
    recorder = RunRecorder(flow="nightly")
    run = recorder.begin()
    assert run.log == ""
    messages = messages_of(recorder)
    messages.complain("the first line\nof two")
    recorder.add_records([RecordStatus.APPLIED])  # a note of a run that goes on
    assert [line.message for line in run_log(run)] == ["the first line of two"]
    messages.say("the last line")
    recorder.finish(0)
    messages.complain("a receiver refused the message")
    assert [(line.level, line.message) for line in run_log(run)] == [
        ("warning", "the first line of two"),
        ("info", "the last line"),
        ("warning", "a receiver refused the message"),
    ]
    with open_history() as history:
        (ended,) = history.runs()
        assert ended.end is RunEnd.DONE
        assert not list(history.logs.glob(f"{run.id}*"))


def test_logs_of_a_shared_history_are_removed_after_90_days_with_a_run(postgres_place: PostgresPlace) -> None:
    with closing(RunHistory(postgres_place)) as history:
        for number in range(1, KEPT_LOG_DAYS + 3):
            run = Run(id=f"{number:032x}", started=NOON + timedelta(days=number), command="extract", flow="nightly")
            history.begin(run)
            history.add_line(run.id, f'{{"message": "{number}"}}')
            history.end(run)
        history.prune(datetime.now(UTC) + timedelta(days=1))
        assert history.log(f"{1:032x}") == ['{"message": "1"}'], "written today"
        history.prune(datetime.now(UTC) + timedelta(days=KEPT_LOG_DAYS + 1))
        logs = [bool(history.log(f"{number:032x}")) for number in range(1, KEPT_LOG_DAYS + 3)]
        assert logs == [False] * 2 + [True] * KEPT_LOG_DAYS
