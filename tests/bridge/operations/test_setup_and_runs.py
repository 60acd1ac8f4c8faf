"""The operations of set-up, connections and runs, by their results: no command and no page is in between."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.connections.sources import load_connection
from intacct_bridge.operations.connections import (
    PasswordPlace,
    find_connection,
    remove_connection,
    save_connection,
    saved_settings,
    try_connection,
    try_unsaved_connection,
    user_file,
)
from intacct_bridge.operations.messages import Messages
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_bridge.operations.runs import RunFilter, find_run, list_runs, run_log, runs_overview
from intacct_bridge.operations.setup import DoctorFinding, examine, job_from_text
from intacct_emulator.server.server import serve
from intacct_protocol.errors import SettingsError, SignInError
from support.apps.console_site import save_connection as saved_in_file
from support.small_company import connection, little_company


class Told(Messages):
    """Keeps what a person would be shown."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def show(self, text: str, level: str, facts: object) -> None:
        self.lines.append(text)


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The connection `books` of a user of an empty machine, to a small company, with a history of runs."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("INTACCT_RUN_HISTORY", str(tmp_path / "runs.sqlite3"))
    emulator = little_company(time.time)
    with serve(emulator) as server:
        saved_in_file("books", server.url)
        yield server.url
    emulator.close()


def test_an_examination_is_a_run_with_findings_and_a_letter(books: str) -> None:
    told, seen = Told(), list[DoctorFinding]()
    with RecordedRun(told, connection="books", command="doctor", person="anna") as run:
        result = examine(run, job_from_text("department, class", "CLASS"), on_finding=seen.append)
    assert result.report.findings == tuple(seen)
    assert result.report.stopped_at == ""
    assert not result.is_unreachable
    assert "reads DEPARTMENT and CLASS and writes CLASS in Sage Intacct" in " ".join(result.letter.split())
    assert "demo-user-password" not in result.letter
    (kept,) = list_runs()
    assert (kept.command, kept.connection, kept.person, kept.status) == ("doctor", "books", "anna", 0)
    assert kept.transactions == result.report.transactions > 0
    assert find_run(kept.id[:8]) == kept
    assert (
        [line.message for line in run_log(kept)] == told.lines == ["Checking company demo-company (demo) as demo-user."]
    )


def test_a_run_that_fails_is_kept_with_its_error(books: str) -> None:
    wrong = {
        "user_password": "wrong",
        **{name: value for name, value in saved_settings("books", user_file()).items() if name != "user_password"},
    }
    with pytest.raises(SignInError), RecordedRun(connection="books", command="connections add") as run:
        try_unsaved_connection(run, "books", wrong, user_file())
    (kept,) = list_runs(RunFilter(failed=True))
    assert kept.status == 3
    assert kept.error is not None
    assert kept.error.kind == "SignInError"
    with RecordedRun(connection="books", command="connections test") as run:
        assert try_connection(run).company_id == "demo-company"
    assert [one.status for one in list_runs()] == [0, 3]
    overview = runs_overview(["books", "nothing"], days=1)
    assert overview.last["books"].command == "connections test"
    assert {flow.name: (flow.succeeded, flow.failed) for flow in overview.flows} == {
        "connections test": (1, 0),
        "connections add": (0, 1),
    }


def test_a_saved_connection_says_that_it_lifts_the_approval(books: str) -> None:
    path = user_file()
    before = dict(saved_settings("books", path))
    place = PasswordPlace("books", path, in_keyring=False)
    assert not save_connection("books", before | {"approval": "required"}, path, place).lifts_approval
    assert load_connection("books").needs_approval
    assert save_connection("books", before, path, place).lifts_approval
    assert not load_connection("books").needs_approval
    assert remove_connection("books", path) == ""
    assert find_connection("books") is None
    with pytest.raises(SettingsError, match="Unknown connection 'books'"):
        remove_connection("books", path)


def test_a_program_with_settings_of_its_own_never_gets_the_demo_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTACCT_CONNECTION", "demo")
    assert RecordedRun().is_demo
    own = connection()
    with RecordedRun(connection=own) as run:
        assert (run.is_demo, run.connection, run.client.connection) == (False, own, own)
