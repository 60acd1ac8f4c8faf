"""`intacct_bridge.connect`: its writes are kept in the outbox that the commands use, judged by a reader over HTTP."""

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge import UNSET, Client, InDoubtError, InvalidRequestError, SettingsError, connect
from intacct_bridge.load.outbox.outbox import Outbox, open_outbox
from intacct_bridge.machine.secret import unwrapped
from intacct_bridge.runs.history import RunHistory
from intacct_bridge.runs.run import Run, RunEnd
from intacct_bridge.testing import emulated_company
from intacct_emulator import CREDENTIALS as DEMO
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultKind, FaultPlan, ScriptedFault
from support.apps.http_reader import HttpReader

CREDENTIALS: dict[str, Any] = dict(DEMO)
ONE = {"CLASSID": "L-1", "NAME": "One"}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state directory, where the outboxes of the commands are."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def reader(emulator: Emulator, state: Path) -> Iterator[HttpReader]:
    with serve(emulator) as server:
        yield HttpReader(server.url)


def books(reader: HttpReader, **more: Any) -> Client:
    return connect(endpoint=reader.url, environment="demo", **CREDENTIALS, **more)


def classes(reader: HttpReader) -> list[tuple[str, str]]:
    rows = reader.rows("CLASS", "CLASSID", "NAME")
    return [(row["CLASSID"], row["NAME"]) for row in rows if row["CLASSID"].startswith("L-")]


def kept(path_or_client: Path | Client) -> list[tuple[str, str, str]]:
    client = path_or_client
    with Outbox(client) if isinstance(client, Path) else open_outbox(client.connection) as outbox:
        return [
            (entry.target.operation.value, entry.status.value, entry.receipt.record if entry.receipt else "")
            for entry in outbox.entries()
        ]


def test_writes_are_in_the_outbox_of_the_commands_with_their_receipts(reader: HttpReader, state: Path) -> None:
    with books(reader) as client:
        assert [row["LOCATIONID"] for row in client.query("LOCATION", "LOCATIONID", limit=1)]
        assert list(state.rglob("*.sqlite3")) == [], "a read opens no outbox"
        assert client.create("CLASS", [ONE])[0].ok
        (row,) = reader.rows("CLASS", "RECORDNO", CLASSID="L-1")
        upserted = client.upsert("CLASS", [{"CLASSID": "L-1", "NAME": "Uno"}, {"CLASSID": "L-2", "NAME": "Two"}])
        assert [outcome.ok for outcome in upserted] == [True, True]
        with client.entity("100") as inside:
            assert inside.create("CLASS", [{"CLASSID": "L-3", "NAME": "Three"}])[0].ok
        assert client.delete("CLASS", [row["RECORDNO"]])[0].ok
    assert classes(reader) == [("L-2", "Two"), ("L-3", "Three")]
    assert [path.name.partition("@")[0] for path in state.rglob("*.sqlite3")] == ["demo-company"]
    number = row["RECORDNO"]
    assert [(operation, status) for operation, status, _ in kept(client)] == [
        ("create", "released"), ("update", "applied"), ("create", "applied"), ("create", "applied"),
        ("delete", "applied"),
    ]  # fmt: skip
    assert kept(client)[0][2] == number


def test_without_an_outbox_nothing_is_kept(reader: HttpReader, state: Path) -> None:
    with books(reader, outbox=None) as client:
        assert client.create("CLASS", [ONE])[0].ok
    assert (classes(reader), list(state.rglob("*.sqlite3"))) == ([("L-1", "One")], [])


def test_an_outbox_can_be_named_or_given(reader: HttpReader, state: Path, tmp_path: Path) -> None:
    with books(reader, outbox=tmp_path / "mine.sqlite3") as client:
        client.create("CLASS", [ONE])
    assert kept(tmp_path / "mine.sqlite3")[0][:2] == ("create", "applied")
    with Outbox(tmp_path / "open.sqlite3") as outbox:
        with books(reader, outbox=outbox) as client:
            client.create("CLASS", [{"CLASSID": "L-2", "NAME": "Two"}])
        assert [entry.label for entry in outbox.entries()] == ["CLASS L-2"], "the caller's outbox is still open"
    assert list(state.rglob("*.sqlite3")) == []


def test_a_transport_of_the_callers_own_uses_no_outbox_of_this_machine(
    emulator: Emulator, state: Path, tmp_path: Path
) -> None:
    with connect(transport=emulator, **CREDENTIALS) as client:
        assert client.create("CLASS", [ONE])[0].ok
    assert not state.exists()
    with connect(transport=emulator, outbox=tmp_path / "mine.sqlite3", **CREDENTIALS) as client:
        assert client.create("CLASS", [{"CLASSID": "L-2", "NAME": "Two"}])[0].ok
    assert len(kept(tmp_path / "mine.sqlite3")) == 1


@pytest.mark.parametrize("kind", ["cut-after", "cut-before"])
def test_a_lost_answer_is_in_doubt_and_the_same_write_is_refused_until_it_is_settled(
    reader: HttpReader, emulator: Emulator, kind: FaultKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    from intacct_bridge.apps.cli.app import main

    emulator.fault_plan = FaultPlan((ScriptedFault(kind, function="create", object="CLASS"),))
    for _ in range(2):  # another process of the same user, too
        with books(reader) as client, pytest.raises(InDoubtError, match="entry 1 of the outbox"):
            client.create("CLASS", [ONE])
    for name, value in reader.environ.items():
        monkeypatch.setenv(name, value)
    assert main(["outbox", "settle", "--settle-after", "0"]) == 0
    assert classes(reader) == [("L-1", "One")]
    assert [one[:2] for one in kept(client)] == [("create", "applied")]


def test_an_outbox_that_cannot_be_opened_is_an_error_before_anything_is_sent(reader: HttpReader, state: Path) -> None:
    state.write_text("a file in the place of the folder")
    with books(reader) as client:
        with pytest.raises(SettingsError) as failed:
            client.create("CLASS", [ONE])
        assert "outbox=None" in failed.value.fix
        assert list(client.query("CLASS", "CLASSID", where="CLASSID = 'L-1'")) == []
    assert classes(reader) == []


def test_threads_share_one_outbox(reader: HttpReader) -> None:
    rows = [[{"CLASSID": f"L-{number}", "NAME": f"No. {number}"}] for number in range(24)]
    with books(reader) as client, ThreadPoolExecutor(6) as pool:
        assert all(outcome.ok for (outcome,) in pool.map(lambda some: client.create("CLASS", some), rows))
    assert len(classes(reader)) == 24
    by_number = {row["RECORDNO"] for row in reader.rows("CLASS", "RECORDNO", "CLASSID") if row["CLASSID"][:2] == "L-"}
    assert {record for _, _, record in kept(client)} == by_number


@pytest.mark.parametrize(
    ("setting", "says"), [({"read_only": True}, "read-only"), ({"approval": "required"}, "approv")]
)
def test_a_connection_that_may_not_write_opens_no_outbox(
    reader: HttpReader, state: Path, setting: dict[str, Any], says: str
) -> None:
    with books(reader, **setting) as client, pytest.raises(SettingsError, match=says):
        client.create("CLASS", [ONE])
    assert (classes(reader), list(state.rglob("*.sqlite3"))) == ([], [])


def test_a_refused_record_and_a_transaction_have_the_outcomes_of_a_client_without_an_outbox(reader: HttpReader) -> None:
    bad = [{"CLASSID": "L-2", "NAME": "Two"}, {"CLASSID": "L-1", "NAME": "Again"}]
    statuses = []
    for outbox in ({}, {"outbox": None}):
        with books(reader, **outbox) as client:
            client.upsert("CLASS", [ONE])
            done = client.create("CLASS", bad, transaction=True)
            statuses.append([(one.status, [fault.errorno for fault in one.faults]) for one in done])
            assert client.create("CLASS", []) == []
    assert statuses[0] == statuses[1]
    assert [status for status, _ in statuses[0]] == ["aborted", "failure"]
    assert classes(reader) == [("L-1", "One")]


ROWS: dict[str, list[dict[str, Any]]] = {
    "VENDOR": [
        {"VENDORID": "L-V", "NAME": "Zoë & <Co>", "CREDITLIMIT": Decimal("1.50"), "ONHOLD": True, "COMMENTS": None},
        {"vendorid": "L-W", "NAME": "Nested", "DISPLAYCONTACT": {"PRINTAS": "N", "MAILADDRESS": {"CITY": "Bern"}}},
        {"VENDORID": "L-X", "NAME": "Dotted", "DISPLAYCONTACT.PRINTAS": "D", "COMMENTS": UNSET, "CREDITLIMIT": 7},
    ],
    "GLBATCH": [
        {
            "JOURNAL": "GJ", "BATCH_DATE": date(2026, 11, 20), "BATCH_TITLE": "Two lines",
            "ENTRIES": [
                {"ACCOUNTNO": "60100", "TR_TYPE": 1, "TRX_AMOUNT": Decimal("5.00"), "LOCATION": "100",
                 "DEPARTMENT": "100"},
                {"ACCOUNTNO": "20100", "TR_TYPE": -1, "TRX_AMOUNT": "5.00", "LOCATION": "100", "DEPARTMENT": "100"},
            ],
        }
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_the_functions_are_those_of_a_client_without_an_outbox(name: str) -> None:
    sent = []
    choices: tuple[dict[str, Any], ...] = ({}, {"outbox": None})
    for more in choices:
        with emulated_company() as company, company.client(**more) as client:
            client.create(name, ROWS[name])
            sent.append(company.received("create"))
    assert sent[0] == sent[1]
    assert len(sent[0]) == len(ROWS[name])


def test_a_company_for_tests_has_an_outbox_of_its_own(state: Path) -> None:
    with emulated_company() as company:
        client = company.client()
        company._first = company.snapshot()
        client.create("CLASS", [ONE])
        assert [entry.label for entry in company.outbox.entries()] == ["CLASS L-1"]
        with open_outbox(client.connection) as same:
            assert [entry.label for entry in same.entries()] == ["CLASS L-1"]
        folder = Path(client.connection.outbox).parent
        company.reset()
        assert list(company.outbox.entries()) == []
        company.client().create("CLASS", [ONE])
        assert company.client(outbox=None).create("CLASS", [{"CLASSID": "L-2", "NAME": "Two"}])[0].ok
        assert [entry.label for entry in company.outbox.entries()] == ["CLASS L-1"]
    assert (state.exists(), folder.exists()) == (False, False)


@pytest.fixture
def history(state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INTACCT_RUN_HISTORY", str(state / "runs.sqlite3"))
    return state / "runs.sqlite3"


def runs(path: Path) -> list[Run]:
    with closing(RunHistory(path)) as history:
        return list(history.runs())


def test_a_client_is_a_run_from_its_first_call_until_it_is_closed(reader: HttpReader, history: Path) -> None:
    with books(reader):
        pass
    assert runs(history) == [], "without a call there is no run"
    with books(reader) as client:
        list(client.query("CLASS"))
        (going_on,) = runs(history)
        assert going_on.end is RunEnd.RUNNING
        with client.entity("100") as inside:
            inside.create("CLASS", [ONE])
        assert runs(history)[0].end is RunEnd.RUNNING, "the client of an entity ends no run"
        client.create("CLASS", [{"CLASSID": "", "NAME": "Without an id"}])
        used = client.meter.transactions
        with open_outbox(client.connection) as outbox:
            assert {one.loader for one in outbox.entries()} == {going_on.id}, "the outbox names the same run"
    (ended,) = runs(history)
    assert (ended.command, ended.end, ended.transactions) == ("library", RunEnd.FAILURES, used)
    assert (ended.records.posted, ended.records.refused) == (1, 1)
    assert "password" not in str(ended)


def test_an_error_that_leaves_a_client_ends_its_run(reader: HttpReader, history: Path) -> None:
    with pytest.raises(InvalidRequestError), books(reader) as client:
        list(client.query("CLASS", "NOTHING"))
    with pytest.raises(ZeroDivisionError), books(reader) as client:
        list(client.query("CLASS"))
        raise ZeroDivisionError("the program's own mistake")
    assert [one.end for one in runs(history)] == [RunEnd.FAILURES, RunEnd.SETTINGS]
    assert runs(history)[1].error is not None


def test_a_password_in_the_programs_own_error_is_not_kept(reader: HttpReader, history: Path) -> None:
    with pytest.raises(ValueError, match="password"), books(reader) as client:
        list(client.query("CLASS"))
        raise ValueError(f"{unwrapped(client.connection.user_password)} was refused elsewhere")
    (ended,) = runs(history)
    assert ended.error is not None
    assert ended.error.message == "*** was refused elsewhere"


def test_a_client_that_is_not_closed_ends_its_run_when_it_is_forgotten(reader: HttpReader, history: Path) -> None:
    client = books(reader)
    list(client.query("CLASS"))
    client._runtime.close()  # its sockets, which are not the matter here
    del client
    gc.collect()
    assert [one.end for one in runs(history)] == [RunEnd.DONE]
