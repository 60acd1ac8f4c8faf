"""The lock of a flow over machines: processes with their own state directories share an outbox in PostgreSQL."""

import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from intacct_bridge.machine.account import machine_name
from intacct_bridge.runs.definitions import Flow
from intacct_bridge.runs.flow_lock import flow_lock
from intacct_bridge.shared_state.database import TableSet
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase
from intacct_protocol.errors import BusyError, RefusedError
from support.fleet.workers import until

HOLDER = """
import sys
from pathlib import Path
from intacct_bridge.runs.definitions import Flow
from intacct_bridge.runs.flow_lock import flow_lock
from intacct_bridge.shared_state.place import PostgresPlace
path, uri, schema = sys.argv[1:]
with flow_lock(Flow("nightly", Path(path), "load", "books"), "anna", PostgresPlace(uri, schema)):
    print("held", flush=True)
    sys.stdin.read()
"""

TABLES = TableSet("things", "the things", lambda: "CREATE TABLE thing (name TEXT PRIMARY KEY);")


def flow(path: Path, name: str = "nightly") -> Flow:
    return Flow(name, path, "load", "books")


def is_free(one: Flow, place: PostgresPlace) -> bool:
    try:
        with flow_lock(one, "ben", place):
            return True
    except BusyError:
        return False


def cut(place: PostgresPlace, other: PostgresDatabase) -> None:
    """End every other connection to the schema."""
    other.read(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND application_name LIKE ?",
        (f"%{place.schema}",),
    )


def test_a_flow_that_runs_on_another_machine_is_refused_until_it_has_ended(
    postgres_place: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intacct_bridge.runs.flow_lock._TAKEN_AGAIN_WITHIN", 0.2)
    words = [str(tmp_path / "theirs" / "intacct.toml"), postgres_place.uri, postgres_place.schema]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "their-state"))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "our-state"))
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        ours = flow(tmp_path / "ours" / "intacct.toml")
        with pytest.raises(BusyError) as refused, flow_lock(ours, "ben", postgres_place):
            pass
        assert "flow nightly is running already: started by anna at 20" in refused.value.message
        assert f"process {holder.pid} on {machine_name()}" in refused.value.message
        assert is_free(flow(ours.path, "other"), postgres_place), "another flow is not kept from running"
        assert not is_free(ours, postgres_place)
        holder.kill()
    until(lambda: is_free(ours, postgres_place), "the server has released the lock")


def test_a_flow_goes_on_to_its_own_error_where_the_database_does_not_answer(tmp_path: Path) -> None:
    place = PostgresPlace("postgresql://bridge@127.0.0.1:1/none", "schema")
    with flow_lock(flow(tmp_path / "intacct.toml"), "ben", place):
        pass


def test_a_flow_whose_connection_to_the_lock_is_lost_takes_the_lock_again(
    postgres_place: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intacct_bridge.runs.flow_lock._LOOK_EVERY", 0.02)
    ours, theirs = flow(tmp_path / "ours" / "intacct.toml"), flow(tmp_path / "theirs" / "intacct.toml")
    with closing(PostgresDatabase(postgres_place, TABLES)) as other:
        with flow_lock(ours, "anna", postgres_place):
            assert len(other.others()) == 1
            first = other.others()
            cut(postgres_place, other)
            until(lambda: other.others() not in ([], first), "it has another connection")
            assert not is_free(theirs, postgres_place)
        assert is_free(theirs, postgres_place)


def test_no_other_run_begins_before_a_lost_connection_is_made_again(
    postgres_place: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intacct_bridge.runs.flow_lock._LOOK_EVERY", 0.5)
    monkeypatch.setattr("intacct_bridge.runs.flow_lock._TAKEN_AGAIN_WITHIN", 3.0)
    ours, theirs = flow(tmp_path / "ours" / "intacct.toml"), flow(tmp_path / "theirs" / "intacct.toml")
    with closing(PostgresDatabase(postgres_place, TABLES)) as other, flow_lock(ours, "anna", postgres_place):
        cut(postgres_place, other)
        with pytest.raises(BusyError, match="started by anna"), flow_lock(theirs, "ben", postgres_place):
            pass


@pytest.mark.parametrize("error", [None, RefusedError("no")])
def test_after_a_run_that_ended_the_next_one_begins_at_once(
    postgres_place: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    monkeypatch.setattr("intacct_bridge.runs.flow_lock._TAKEN_AGAIN_WITHIN", -1)  # which cannot be slept
    with suppress(RefusedError), flow_lock(flow(tmp_path / "ours" / "intacct.toml"), "anna", postgres_place):
        if error:
            raise error
    assert is_free(flow(tmp_path / "theirs" / "intacct.toml"), postgres_place)


def test_a_run_that_lost_its_lock_to_another_one_says_so(
    postgres_place: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As a machine that could not reach the database for long."""
    monkeypatch.setattr("intacct_bridge.runs.flow_lock._LOOK_EVERY", 1.0)
    monkeypatch.setattr("intacct_bridge.runs.flow_lock._TAKEN_AGAIN_WITHIN", 0.0)
    ours, theirs = flow(tmp_path / "ours" / "intacct.toml"), flow(tmp_path / "theirs" / "intacct.toml")
    with closing(PostgresDatabase(postgres_place, TABLES)) as other, flow_lock(ours, "anna", postgres_place):
        cut(postgres_place, other)
        with flow_lock(theirs, "ben", postgres_place):
            until(lambda: bool(caplog.messages), "it has looked")
    assert "another run has taken the lock of flow nightly" in caplog.messages[-1]
