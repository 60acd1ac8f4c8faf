"""The state of tenants over real HTTP: each company has its own outbox and history, and no dump holds a credential."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.fleet import Fleet
from intacct_bridge.fleet.sealing import FleetKey
from intacct_bridge.load.outbox.outbox import open_outbox
from intacct_bridge.runs.history import RunHistory
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from intacct_protocol.errors import InDoubtError, SignInError
from support.fleet.database import dump
from support.small_company import Clock, little_company

KEY = FleetKey.new().text
OF_THE_DATABASE = "S3cret-of-the-database"
PASSWORDS = {"user_password": "demo-user-password", "sender_password": "demo-sender-password"}
WRONG = "S3cret-that-is-wrong"
ONE = {"CLASSID": "L-1", "NAME": "One"}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with closing(little_company(Clock())) as found:
        yield found


@pytest.fixture
def fleet(postgres: str, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """A fleet with the emulator's company as the tenant acme, in a database whose URI has a password."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    uri = f"{postgres}{'&' if '?' in postgres else '?'}password={OF_THE_DATABASE}"
    with serve(emulator) as server, Fleet.open(uri, KEY) as found:
        settings = {"company_id": "demo-company", "user_id": "demo-user", "sender_id": "demo-sender"}
        found.add("acme", settings={**settings, "endpoint": server.url}, secrets=PASSWORDS)
        yield found


def entries(fleet: Fleet) -> list[str]:
    with open_outbox(fleet.connection("acme")) as outbox:
        return [entry.status.value for entry in outbox.entries()]


def runs(fleet: Fleet) -> list[Any]:
    with closing(RunHistory(fleet.history_place(fleet.connection("acme")))) as history:
        return list(history.runs())


def test_what_a_tenant_posts_and_runs_is_in_the_schema_of_its_company(fleet: Fleet) -> None:
    with fleet.client("acme") as client:
        assert client.create("CLASS", [ONE])[0].ok
    assert entries(fleet) == ["applied"]
    (run,) = runs(fleet)
    assert (run.connection, run.records.posted, run.status) == ("acme", 1, 0)
    assert fleet.usage()["acme"] == run.transactions > 0


def test_a_tenant_that_comes_back_knows_what_was_posted(fleet: Fleet) -> None:
    with fleet.client("acme") as client:
        client.create("CLASS", [ONE])
    removed = fleet.remove("acme")
    fleet.add("acme-again", settings=removed.settings, secrets=PASSWORDS)
    with open_outbox(fleet.connection("acme-again")) as outbox:
        assert [entry.label for entry in outbox.entries()] == ["CLASS L-1"]


def test_no_dump_holds_a_credential_after_real_failures(fleet: Fleet, emulator: Emulator, tmp_path: Path) -> None:
    emulator.fault_plan = FaultPlan((ScriptedFault("cut-after", function="create", object="CLASS"),))
    with fleet.client("acme") as client, pytest.raises(InDoubtError):
        client.create("CLASS", [ONE])
    fleet.set_secrets("acme", {"user_password": WRONG})
    with pytest.raises(SignInError), fleet.client("acme") as client:
        client.sign_in()
    assert entries(fleet) == ["in_doubt"]
    assert [run.end.value for run in runs(fleet)] == ["refused", "in doubt"]
    held = dump(fleet.registry.place)
    assert "L-1" in held
    logs = "".join(path.read_text() for path in (tmp_path / "home").rglob("*") if path.is_file())
    for secret in (*PASSWORDS.values(), WRONG, OF_THE_DATABASE, KEY):
        assert secret not in held
        assert secret not in logs
