"""The history of runs: what it keeps, what it says of a killed run, and that nothing depends on it."""

import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.runs.history import KEPT_DAYS, KEPT_LOG_DAYS, RunHistory, history_place
from intacct_bridge.runs.recorder import RunRecorder, counts_of
from intacct_bridge.runs.run import RecordCounts, Run, RunEnd, end_of, worst
from intacct_bridge.shared_state.place import Place
from intacct_protocol.errors import SettingsError, SignInError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def run_of(number: int, **facts: object) -> Run:
    given: dict[str, object] = {"command": "extract", "flow": "nightly", "connection": "books", **facts}
    return Run(id=f"{number:032x}", started=NOON + timedelta(minutes=number), **given)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "runs.sqlite3"


def test_runs_are_kept_with_all_their_facts_the_latest_first(place: Place) -> None:
    first = run_of(1, status=0, ended=NOON + timedelta(minutes=2), records=RecordCounts(posted=3), transactions=7)
    second = run_of(2, flow="", command="load", status=5, ended=NOON + timedelta(minutes=3))
    with closing(RunHistory(place)) as history:
        for run in (first, second):
            history.begin(run)
            history.end(run)
    with closing(RunHistory(place)) as history:
        assert list(history.runs()) == [second, first]
        assert list(history.runs(flow="nightly")) == [first]
        assert list(history.runs(limit=1)) == [second]
        assert history.find("0" * 31 + "2") == second
        assert history.last_success("nightly") == first


def test_a_moved_file_has_its_new_name_in_the_latest_run_that_names_it(place: Place) -> None:
    fixed, other, moved = "/data/100%_fixed^.jsonl", "/data/100x_fixed^.jsonl", "/data/100%_fixed^.jsonl.before"
    runs = [
        run_of(1, refused_rows=(fixed,)),
        run_of(2, refused_rows=("/data/é.jsonl", fixed)),
        run_of(3, refused_rows=(other,), arguments=(fixed,)),
    ]
    with closing(RunHistory(place)) as history:
        for run in runs:
            history.put(run)
        history.move_file(fixed, moved)
        history.move_file("/data/none.jsonl", "/data/none.jsonl.before")
        assert [one.refused_rows for one in history.runs()] == [(other,), ("/data/é.jsonl", moved), (fixed,)]
        assert history.find(runs[1].id).started == runs[1].started


def test_the_file_is_its_owners_only(path: Path) -> None:
    RunHistory(path).put(run_of(1))
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_run_is_found_by_the_first_characters_of_its_id_if_they_are_its_alone(place: Place) -> None:
    with closing(RunHistory(place)) as history:
        for number in (1, 2):
            history.put(run_of(number))
        with pytest.raises(SettingsError, match="several runs begin with '0000'"):
            history.find("0000")
        for unknown in ("f", "", "%"):
            with pytest.raises(SettingsError, match="there is no run"):
                history.find(unknown)


def test_a_killed_run_ended_without_a_word_and_a_living_one_runs(path: Path) -> None:
    """Another process begins a run, and is killed."""
    code = (
        "import sys, pathlib, datetime\n"
        "from intacct_bridge.runs.history import RunHistory\n"
        "from intacct_bridge.runs.run import Run\n"
        f"h = RunHistory(pathlib.Path({str(path)!r}))\n"
        "h.begin(Run(id='ab' * 16, started=datetime.datetime.now(datetime.UTC), command='load'))\n"
        "print('begun', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"begun\n"
        history = RunHistory(path)
        (living,) = history.runs()
        assert living.end is RunEnd.RUNNING
        assert living.seconds() is not None
        process.kill()
    (killed,) = history.runs()
    assert killed.end is RunEnd.KILLED
    assert killed.seconds() is None
    assert not list((path.parent / "running").glob("a*"))


def daily(history: RunHistory, days: int) -> list[Run]:
    """A run each day; the last one at noon."""
    runs = [Run(id=f"{day:032x}", started=NOON - timedelta(days=day), command="extract") for day in range(days)]
    for run in reversed(runs):
        history.put(run)
    return runs


def test_old_runs_and_logs_are_removed(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with closing(RunHistory(place)) as history:
        runs = daily(history, KEPT_DAYS + 3)
        history.logs.mkdir(parents=True)
        logs = [history.logs / f"{one.id}.jsonl" for one in (runs[0], runs[KEPT_LOG_DAYS + 1], runs[-1])]
        for log in logs:
            log.write_text("{}\n")
        history.prune(NOON)
        assert list(history.runs()) == runs[: KEPT_DAYS + 1]
        assert all(log.exists() for log in logs)
        history.prune(datetime.now(UTC) + timedelta(days=365))
        assert [log.exists() for log in logs] == [True, False, False]


def test_a_wrong_clock_removes_no_run_and_no_log(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with closing(RunHistory(place)) as history:
        runs = daily(history, 10)
        history.logs.mkdir(parents=True)
        (history.logs / f"{runs[-1].id}.jsonl").write_text("{}\n")
        late = [run_of(number, flow="late") for number in range(20, 23)]
        for run in late:
            history.put(msgspec.structs.replace(run, started=NOON + timedelta(days=3000)))
            history.prune(NOON + timedelta(days=3000))
        early = run_of(30)
        history.put(msgspec.structs.replace(early, started=datetime(1970, 1, 1, tzinfo=UTC)))
        history.prune(NOON)
        assert [run.id for run in history.runs()] == [one.id for one in (early, *reversed(late), *runs)]
        assert (history.logs / f"{runs[-1].id}.jsonl").exists()


@pytest.mark.parametrize("broken", ["a folder", "no database", "a newer version", "no room"])
def test_a_history_that_cannot_be_written_warns_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "runs.sqlite3"
    if broken == "a folder":
        path.mkdir()
    elif broken == "no database":
        path.write_bytes(b"never a database" * 100)
    elif broken == "a newer version":
        history = RunHistory(path)
        history.put(run_of(1))
        history._open().execute("PRAGMA user_version = 99")
        history.close()
    else:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "runs.sqlite3"
    monkeypatch.setenv("INTACCT_RUN_HISTORY", str(path))
    warnings: list[str] = []
    recorder = RunRecorder(warn=warnings.append)
    recorder.command = "load"
    recorder.begin()
    recorder.add_records([RecordStatus.APPLIED, RecordStatus.REJECTED])
    ended = recorder.finish(1)
    assert ended is not None and ended.end is RunEnd.FAILURES
    assert len(warnings) == 1
    assert "is not kept in the history of runs" in warnings[0]
    assert "INTACCT_RUN_HISTORY" in warnings[0]


def test_a_recorder_keeps_the_counts_of_a_run_that_is_killed_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTACCT_RUN_HISTORY", str(path))
    recorder = RunRecorder(flow="nightly")
    recorder.begin()
    recorder.add_records([RecordStatus.APPLIED] * 3 + [RecordStatus.IN_DOUBT])
    (kept,) = RunHistory(path).runs()
    assert kept.records == RecordCounts(posted=3, in_doubt=1)
    recorder.failed(SignInError("who is this?", fix="Correct the password."))
    recorder.finish(3)
    (ended,) = RunHistory(path).runs()
    assert ended.end is RunEnd.REFUSED
    assert ended.error is not None
    assert (ended.error.kind, ended.error.fix) == ("SignInError", "Correct the password.")


def test_every_record_is_counted_once() -> None:
    counts = counts_of(RecordStatus, unsent=2)
    assert counts == RecordCounts(posted=2, already_in_intacct=1, refused=4, in_doubt=1, not_sent=4 + 2, skipped=1)
    assert (
        counts.posted + counts.already_in_intacct + counts.refused + counts.in_doubt + counts.not_sent + counts.skipped
        == len(RecordStatus) + 2
    )


@pytest.mark.parametrize(
    ("status", "end"),
    [(0, "done"), (1, "failures"), (2, "wrong settings"), (3, "refused"), (4, "temporary fault"), (5, "in doubt"),
     (70, "bug"), (130, "interrupted"), (141, "interrupted"), (143, "interrupted")],
)  # fmt: skip
def test_an_exit_status_has_its_end(status: int, end: str) -> None:
    assert end_of(status).value == end


@pytest.mark.parametrize(
    ("choice", "status", "flow", "end"),
    [(RunEnd.PLANNED, 1, "", "planned"), (RunEnd.PLANNED, 0, "", "done"), (RunEnd.PLANNED, 3, "", "refused"),
     (RunEnd.DECLINED, 2, "", "declined"), (RunEnd.DECLINED, 5, "", "in doubt"),
     (RunEnd.PLANNED, 1, "nightly", "failures")],
)  # fmt: skip
def test_a_chosen_end_holds_for_its_own_exit_status_and_for_no_flow(
    choice: RunEnd, status: int, flow: str, end: str
) -> None:
    run = run_of(1, choice=choice, status=status, flow=flow)
    assert (run.end.value, run.end.is_as_asked) == (end, end in ("planned", "declined", "done"))


@pytest.mark.parametrize(
    ("statuses", "one"), [([0, 0], 0), ([0, 1], 1), ([4, 1], 4), ([4, 3], 3), ([2, 4, 0], 2), ([3, 5, 70], 5), ([], 0)]
)
def test_the_worst_status_stands_for_several(statuses: list[int], one: int) -> None:
    assert worst(statuses) == one
    assert worst(statuses[::-1]) == one


def test_a_history_whose_address_is_written_wrongly_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTACCT_RUN_HISTORY", "postgresql:/loader:planted@db/books")
    with pytest.raises(SettingsError, match="neither a path nor a URI") as caught:
        history_place()
    assert "planted" not in str(caught.value)
