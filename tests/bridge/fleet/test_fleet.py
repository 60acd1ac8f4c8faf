"""A fleet in a real PostgreSQL: tenants, their connections, runs, usage and links, and what a dump of it holds."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from intacct_bridge.fleet import Fleet
from intacct_bridge.fleet.fleet import NewTenant
from intacct_bridge.fleet.registry import CompanyTakenError
from intacct_bridge.fleet.run_queue import KEPT_RUNS, RunEnding
from intacct_bridge.fleet.sealing import FleetKey
from intacct_bridge.library import client_of
from intacct_bridge.machine.secret import Secret, unwrapped
from intacct_bridge.shared_state.place import server_of
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import RefusedError, SettingsError
from intacct_protocol.model.query.query import Query
from support.fleet.database import dump
from support.fleet.runs import begun
from support.small_company import Clock, company

KEY = FleetKey.new().text
PASSWORDS = {"user_password": "S3cret-of-the-user", "sender_password": "S3cret-of-the-sender"}
SETTINGS = {"company_id": "demo-company", "user_id": "demo-user", "sender_id": "demo-sender"}
NIGHTLY = {"command": "extract", "streams": ["VENDOR"], "to": {"secret": "warehouse"}}
WAREHOUSE = "postgresql://loader:S3cret-of-the-warehouse@db/books"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def fleet(postgres: str) -> Iterator[Fleet]:
    with Fleet.open(postgres, KEY) as found:
        yield found


def add(fleet: Fleet, name: str = "acme", **more: Any) -> None:
    given = {"settings": {**SETTINGS, "company_id": name}, "secrets": PASSWORDS, **more}
    fleet.add(name, **given)


def test_a_tenant_has_the_settings_that_it_was_given_and_its_secrets_only_in_its_connection(fleet: Fleet) -> None:
    add(
        fleet,
        flows={"nightly": NIGHTLY},
        schedule={"nightly": "15 2 * * *"},
        limits={"concurrency": 1, "monthly_limit": 900},
    )
    tenant = fleet.tenant("acme")
    assert tenant.settings == {**SETTINGS, "company_id": "acme"}
    assert str(tenant.schedule["nightly"]) == "15 2 * * *"
    connection = fleet.connection("acme")
    assert (unwrapped(connection.user_password), unwrapped(connection.sender_password)) == tuple(PASSWORDS.values())
    assert (connection.concurrency, connection.monthly_limit) == (1, 900)
    for shown in (repr(tenant), repr(connection), repr(fleet), repr(fleet.keys), str(connection.settings())):
        assert not [secret for secret in (*PASSWORDS.values(), KEY) if secret in shown]


def test_two_tenants_have_their_state_in_different_schemas(fleet: Fleet) -> None:
    add(fleet, "acme")
    add(fleet, "beta")
    assert fleet.connection("acme").outbox != fleet.connection("beta").outbox
    assert fleet.schema(fleet.tenant("acme")) in fleet.connection("acme").outbox


def test_a_company_has_one_tenant(fleet: Fleet) -> None:
    add(fleet, "acme")
    with pytest.raises(CompanyTakenError) as refused:
        add(fleet, "other", settings={**SETTINGS, "company_id": "ACME"})
    assert "'acme'" not in refused.value.message
    assert "'acme'" in refused.value.fix
    add(fleet, "other")
    with pytest.raises(CompanyTakenError):
        fleet.change("other", settings={"company_id": "acme"})
    fleet.change("other", settings={"company_id": "other-imp"})
    assert fleet.tenant("other").settings["company_id"] == "other-imp"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"settings": {"compny_id": "a"}}, "did you mean company_id"),
        ({"settings": {"environment": "prodution"}}, "did you mean production"),
        ({"settings": {"user_password": "abc"}}, "user_password is a secret"),
        ({"settings": {"user_id": {"env": "HOME"}}}, "user_id is a reference"),
        ({"settings": {"outbox": "/etc/x"}}, "outbox is not a setting of a tenant"),
        ({"settings": {"endpoint": "https://evil.example/"}}, "not in intacct.com"),
        ({"flows": {"n": {"command": "extrct"}}}, "did you mean extract"),
        ({"flows": {"n": {"to": "csv:x"}}}, "has no command"),
        ({"flows": {"n": {"command": "extract", "connection": "b"}}}, "connection cannot be set in a flow of a tenant"),
        ({"flows": {"n": {"command": "extract", "to": {"env": "X"}}}}, "is a table with env in it"),
        ({"flows": {"n": {"command": "extract", "to": "postgresql://u:secret-word@h/d"}}}, "contains a password"),
        ({"flows": {"n": {"command": "load", "files": ["a", "host=h password=secret-word"]}}}, "contains a password"),
        ({"schedule": {"nightly": "0 2 * * *"}}, "which the tenant does not have"),
        ({"flows": {"nightly": NIGHTLY}, "schedule": {"nightly": "0 25 * * *"}}, "not a time of cron"),
        ({"limits": {"concurency": 1}}, "did you mean concurrency"),
        ({"limits": {"concurrency": 0}}, "concurrency is 0"),
        ({"secrets": {"user_pasword": "abc"}}, "did you mean user_password"),
        ({"secrets": {"user_password": ""}}, "must be a text that is not empty"),
        ({"secrets": {"company_id": "acme"}}, "is a setting and not a secret"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_added(fleet: Fleet, given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        fleet.add("acme", **given)
    told = f"{refused.value.message} {refused.value.fix}"
    assert said in told
    assert refused.value.fix or "did you mean" in told
    assert "secret-word" not in told
    assert fleet.registry.count() == 0


def test_an_unknown_tenant_is_answered_with_the_nearest_name(fleet: Fleet) -> None:
    add(fleet, "acme")
    with pytest.raises(SettingsError, match="did you mean acme"):
        fleet.tenant("acne")


def test_missing_credentials_are_named_and_can_follow(fleet: Fleet) -> None:
    fleet.add("acme", settings={"company_id": "acme"}, secrets={"user_password": "S3cret-of-the-user"})
    assert fleet.status_of("acme").missing == ("user_id", "sender_id", "sender_password")
    with pytest.raises(SettingsError, match="user_id, sender_id and sender_password are not set"):
        fleet.connection("acme")
    fleet.share_secrets({"sender_id": "vendor", "sender_password": "S3cret-of-the-sender"})
    fleet.change("acme", settings={"user_id": "bridge"})
    connection = fleet.connection("acme")
    assert (connection.sender_id, connection.user_id) == ("vendor", "bridge")
    assert fleet.status_of("acme").missing == ()


def test_an_own_secret_goes_before_a_shared_one_and_can_be_removed(fleet: Fleet) -> None:
    add(fleet)
    fleet.share_secrets({"sender_password": "shared-one"})
    assert unwrapped(fleet.connection("acme").sender_password) == "S3cret-of-the-sender"
    fleet.set_secrets("acme", {"sender_password": None})
    assert unwrapped(fleet.connection("acme").sender_password) == "shared-one"
    assert fleet.secret_names("acme") == ("user_password",)


def test_a_flow_gets_its_secrets_when_it_runs(fleet: Fleet) -> None:
    add(fleet, flows={"nightly": NIGHTLY})
    with pytest.raises(SettingsError, match="the secret 'warehouse' is not set"):
        fleet.flow("acme", "nightly")
    fleet.set_secrets("acme", {"warehouse": WAREHOUSE})
    flow = fleet.flow("acme", "nightly")
    assert flow.values() == {"streams": ["VENDOR"], "to": Secret(WAREHOUSE)}
    assert (flow.connection, flow.command) == ("acme", "extract")


def test_lists_are_read_in_pages(fleet: Fleet) -> None:
    names = [f"t{number:04}" for number in range(1_203)]
    assert fleet.add_all(NewTenant(name, settings={**SETTINGS, "company_id": name}) for name in names) == 1_203
    assert [tenant.name for tenant in fleet.tenants()] == names
    assert [tenant.name for tenant in fleet.tenants(like="t00_7")] == []
    assert [one.tenant.name for one in fleet.status(like="t100")] == names[1000:1010]
    assert len(fleet.usage()) == 1_203


def test_a_batch_is_added_as_a_whole_or_not_at_all(fleet: Fleet) -> None:
    new = [NewTenant("a"), NewTenant("b"), NewTenant("a")]
    with pytest.raises(SettingsError, match="a tenant 'a' already"):
        fleet.add_all(new)
    assert fleet.registry.count() == 0


def test_a_change_replaces_what_it_names(fleet: Fleet) -> None:
    add(fleet, flows={"nightly": NIGHTLY, "hourly": NIGHTLY}, schedule={"nightly": "@daily", "hourly": "every 1h"})
    fleet.change("acme", flows={"hourly": None}, schedule={"nightly": "0 3 * * *"}, limits={"monthly_limit": 10})
    tenant = fleet.tenant("acme")
    assert list(tenant.flows) == ["nightly"]
    assert {flow: str(times) for flow, times in tenant.schedule.items()} == {"nightly": "0 3 * * *"}
    assert (tenant.limits.concurrency, tenant.limits.monthly_limit) == (2, 10)
    assert tenant.added_at > datetime(2020, 1, 1, tzinfo=UTC)


def test_changes_of_one_tenant_at_once_are_all_kept(fleet: Fleet) -> None:
    add(fleet)

    def work(number: int) -> None:
        with Fleet.open(fleet.registry.place.uri, KEY) as own:
            own.change("acme", flows={f"flow{number}": NIGHTLY})
            own.set_secrets("acme", {f"secret{number}": "text"})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert sorted(fleet.tenant("acme").flows) == [f"flow{number}" for number in range(6)]
    assert len(fleet._with_secrets("acme")[1]) == 2 + 6


def test_no_reader_sees_the_password_of_one_user_beside_another(fleet: Fleet) -> None:
    fleet.add("acme", settings={**SETTINGS, "user_id": "user0"}, secrets={**PASSWORDS, "user_password": "pw-user0"})

    def change(_: int) -> None:
        with Fleet.open(fleet.registry.place.uri, KEY) as own:
            for number in range(40):
                user = f"user{number}"
                own.set_credentials("acme", company_id="acme", user_id=user, user_password=f"pw-{user}")

    with ThreadPoolExecutor(1) as pool:
        changing, seen = pool.submit(change, 0), set()
        while not changing.done():
            connection = fleet.connection("acme")
            seen.add(connection.user_id)
            assert unwrapped(connection.user_password) == f"pw-{connection.user_id}"
        changing.result()
    assert len(seen) > 1


def test_a_change_that_is_refused_changes_no_secret(fleet: Fleet) -> None:
    add(fleet)
    for change in ({"settings": {"environment": "prodution"}}, {"limits": {"concurrency": 0}}):
        with pytest.raises(SettingsError):
            fleet.change("acme", secrets={"user_password": "new"}, **change)
    with pytest.raises(SettingsError):
        fleet.change("acme", settings={"user_id": "new"}, secrets={"user_password": ""})
    connection = fleet.connection("acme")
    assert (connection.user_id, unwrapped(connection.user_password)) == ("demo-user", PASSWORDS["user_password"])


def test_a_removed_tenant_leaves_no_secret_and_no_link(fleet: Fleet) -> None:
    add(fleet)
    token = fleet.link("acme")
    fleet.remove("acme")
    add(fleet, secrets={})
    assert fleet.secret_names("acme") == ()
    with pytest.raises(RefusedError):
        fleet.use_link(token)


# --- runs and usage


def test_a_run_is_counted_once_and_its_end_is_kept_once(fleet: Fleet) -> None:
    add(fleet, flows={"nightly": NIGHTLY}, schedule={"nightly": "@hourly"})
    first = begun(fleet, "acme", "nightly", NOON, worker="one")
    fleet.queue.recover(["one"])
    again = begun(fleet, "acme", "nightly", NOON, worker="two")
    assert again.started_at == first.started_at
    assert not fleet.end_run(first, RunEnding("bug")), "another worker has it"
    assert fleet.end_run(again, RunEnding("done", transactions=7, rows=3))
    assert not fleet.end_run(again, RunEnding("bug"))
    fleet.queue.submit([again.key])
    assert fleet.queue.take("three", 1) == []
    status = fleet.status_of("acme").flows[0]
    assert status.last is not None
    assert (status.last.outcome, status.last.transactions, status.last.worker) == ("done", 7, "two")
    assert status.failures == 0
    for hour in (1, 2):
        late = begun(fleet, "acme", "nightly", NOON + timedelta(hours=hour))
        fleet.end_run(late, RunEnding("in doubt", in_doubt=2))
    status = fleet.status_of("acme").flows[0]
    assert status.failures == 2
    assert fleet.status_of("acme").in_doubt == 2
    assert fleet.status_of("acme").needs_attention
    assert fleet.queue.prune(datetime.now(UTC) + KEPT_RUNS + timedelta(days=1)) == 2
    assert [run.due_at for run in fleet.queue.runs(tenant="acme")] == [NOON + timedelta(hours=2)]


def test_a_paused_tenant_has_no_next_run(fleet: Fleet) -> None:
    add(fleet, flows={"nightly": NIGHTLY}, schedule={"nightly": "every 10m"})
    due = fleet.status_of("acme").flows[0].next_due
    assert due is not None
    assert timedelta() < due - fleet.registry.now() <= timedelta(minutes=10)
    fleet.pause("acme")
    assert fleet.tenant("acme").paused
    assert fleet.status_of("acme").flows[0].next_due is None
    fleet.resume("acme")
    assert fleet.status_of("acme").flows[0].next_due is not None


def test_usage_is_what_the_company_counted(fleet: Fleet) -> None:
    fleet.add("acme", settings=SETTINGS, secrets=_demo_passwords())
    fleet.add("beta", settings={**SETTINGS, "company_id": "beta"})
    with closing(company(Clock())) as emulator:
        _read(fleet, emulator)
        counted = emulator.transactions("demo-company").total
    assert counted > 0
    assert fleet.usage() == {"acme": counted, "beta": 0}
    assert fleet.usage("2001-01") == {"acme": 0, "beta": 0}
    with pytest.raises(SettingsError, match="'november' is not a month"):
        fleet.usage("november")


def test_a_monthly_limit_stops_a_tenant(fleet: Fleet) -> None:
    fleet.add("acme", settings=SETTINGS, secrets=_demo_passwords(), limits={"monthly_limit": 1})
    with closing(company(Clock())) as emulator, pytest.raises(RefusedError, match="of the 1 that the company may use"):
        for _ in range(3):
            _read(fleet, emulator)


# --- links


def test_a_link_is_used_once_and_expires(fleet: Fleet) -> None:
    add(fleet)
    token, other = fleet.link("acme"), fleet.link("acme", hours=1e-9)
    fleet.use_link(token)
    for refused in (token, other, "never-given"):
        with pytest.raises(RefusedError, match="no longer valid"):
            fleet.use_link(refused)
    assert token not in dump(fleet.registry.place)


# --- what a dump holds


def test_no_dump_holds_a_credential_after_failures_either(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.share_secrets({"sender_password": PASSWORDS["sender_password"]})
    fleet.add("acme", settings=SETTINGS, flows={"nightly": NIGHTLY}, secrets={"user_password": "Wrong-s3cret-word"})
    fleet.set_secrets("acme", {"warehouse": WAREHOUSE})
    token = fleet.link("acme")
    with closing(company(Clock())) as emulator, pytest.raises(RefusedError):
        _read(fleet, emulator)
    run = begun(fleet, "acme", "nightly", NOON)
    connection = fleet.connection("acme")
    detail = f"{WAREHOUSE} refused {connection.user_password}, {connection.sender_password}: S3cret-of-the-warehouse"
    fleet.end_run(run, RunEnding("refused", detail=detail))
    assert fleet.queue.runs()[0].detail == "*** refused ***, ***: ***"
    late = begun(fleet, "acme", "nightly", NOON + timedelta(minutes=1))
    fleet.end_run(late, RunEnding("refused", detail="Earlier-s3cret-word"), hide=("Earlier-s3cret-word",))
    held = dump(fleet.registry.place)
    assert "acme" in held
    assert "Earlier" not in held
    assert "refused" in held
    password = server_of(fleet.registry.place.uri).password
    for secret in (*PASSWORDS.values(), "Wrong-s3cret-word", "S3cret-of-the-warehouse", KEY, token, password):
        assert not secret or secret not in held
    monkeypatch.setattr(fleet, "_keys", fleet.keys.of(FleetKey.new().text))
    late = begun(fleet, "acme", "nightly", NOON + timedelta(hours=1))
    fleet.end_run(late, RunEnding("wrong settings", detail=detail))
    assert "S3cret" not in dump(fleet.registry.place)


def test_a_place_that_is_not_postgresql_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTACCT_FLEET", raising=False)
    for uri in (None, "sqlite:///x"):
        with pytest.raises(SettingsError, match="the fleet's database"):
            Fleet.open(uri)


def _demo_passwords() -> dict[str, str]:
    return {"user_password": "demo-user-password", "sender_password": "demo-sender-password"}


def _read(fleet: Fleet, emulator: Emulator) -> None:
    """A query over the tenant's connection, against an emulator in this process."""
    with client_of(fleet.connection("acme"), transport=emulator) as client:
        list(client.query(Query("VENDOR", ("RECORDNO",))))
