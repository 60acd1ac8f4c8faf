"""`intacct fleet`: tenants are added, listed, changed and removed by commands, and no output holds a secret."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intacct_bridge.fleet import Fleet
from intacct_bridge.fleet.run_queue import RunEnding
from intacct_bridge.fleet.sealing import FleetKey
from intacct_protocol.errors import RefusedError
from support.apps.command_line import Intacct, Ran
from support.fleet.runs import begun

KEY = FleetKey.new().text
FLOWS = """
[flows.nightly]
command = "extract"
streams = ["VENDOR"]
to = { secret = "warehouse" }

[schedule]
nightly = "15 2 * * *"
"""
CUSTOMERS = """\ufeffname,company_id,user_id,user_password,monthly_limit,schedule.nightly
acme,acme,bridge,S3cret-one,900,
beta,beta-imp,bridge,S3cret-two,,every 6h
"""
USER = {"INTACCT_USER_PASSWORD": "S3cret-two"}
SECRET_WORDS = ("S3cret-one", "S3cret-two", "S3cret-sender", KEY)


@pytest.fixture
def fleet(intacct: Intacct, postgres: str, home: Path) -> Intacct:
    """`intacct fleet` on an empty fleet; every output is searched for secrets."""

    def run(*words: str, **environ: str) -> Ran:
        ran = intacct("fleet", *words, **{"INTACCT_FLEET": postgres, "INTACCT_FLEET_KEY": KEY, **environ})
        for secret in SECRET_WORDS:
            assert secret not in ran.said
        return ran

    (home / "flows.toml").write_text(FLOWS)
    (home / "customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    return run


@pytest.fixture
def opened(postgres: str) -> Iterator[Fleet]:
    with Fleet.open(postgres, KEY) as found:
        yield found


@pytest.fixture
def customers(fleet: Intacct, home: Path) -> Ran:
    """Two tenants from a file."""
    return fleet("add", "--from", str(home / "customers.csv"), "--flows-from", str(home / "flows.toml"))


def shown(ran: Ran) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(ran.out)
    return found


def test_tenants_of_a_file_are_added_with_their_secrets(fleet: Intacct, customers: Ran, opened: Fleet) -> None:
    assert (customers.status, customers.err) == (0, "Added 2 tenants.\n")
    assert [one["tenant"] for one in shown(fleet("list", "--json"))] == ["acme", "beta"]
    assert opened._with_secrets("acme")[1] == {"user_password": "S3cret-one"}
    assert (opened.tenant("acme").limits.monthly_limit, opened.tenant("beta").limits.monthly_limit) == (900, None)
    assert str(opened.tenant("acme").schedule["nightly"]) == "15 2 * * *"
    assert str(opened.tenant("beta").schedule["nightly"]) == "every 6h"


def test_a_file_is_added_once(fleet: Intacct, customers: Ran, home: Path) -> None:
    words = ("add", "--from", str(home / "customers.csv"), "--flows-from", str(home / "flows.toml"))
    again = fleet(*words)
    assert again.status == 2
    assert "a tenant 'acme' already" in again.err
    (home / "customers.csv").write_text(CUSTOMERS + "gamma,gamma,bridge,S3cret-one,,\n", encoding="utf-8")
    more = fleet(*words, "--skip-existing")
    assert more.err == "Added 1 tenant; the fleet had 2 of them.\n"


def test_every_mistake_of_a_file_is_told_and_nothing_is_added(fleet: Intacct, home: Path) -> None:
    rows = [
        {"name": "one", "settings": {"company_id": "one"}, "flows": {"n": {"command": "extract", "stream": ["A"]}}},
        {"name": "two", "environment": "prodution"},
        {"name": "three", "company_id": "three", "secrets": {"user_password": "S3cret-one"}},
    ]
    (home / "customers.json").write_text(json.dumps(rows))
    ran = fleet("add", "--from", str(home / "customers.json"))
    assert ran.status == 2
    said = " ".join(ran.err.split())
    assert "2 tenants of 3 have mistakes; nothing was added" in said
    assert "extract has no option 'stream'; did you mean streams?" in said
    assert "did you mean production?" in said
    assert shown(fleet("list", "--json")) == []


def test_a_column_or_a_tenant_that_a_file_has_twice_is_refused(fleet: Intacct, home: Path) -> None:
    source = home / "twice.csv"
    source.write_text("name,company_id,user_id,company_id \nacme,acme,bridge,beta\n")
    ran = fleet("add", "--from", str(source))
    assert (ran.status, "has 1 column twice: company_id" in " ".join(ran.err.split())) == (2, True), ran.err
    source.write_text("name,company_id,user_id\nacme,acme,bridge\nbeta,beta,bridge\nacme,other,bridge\n")
    ran = fleet("add", "--from", str(source))
    assert (ran.status, "tenant 'acme' is given twice" in " ".join(ran.err.split())) == (2, True), ran.err
    assert shown(fleet("list", "--json")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no tenant"),
        ("name,company_id\n", "has no tenant"),
        ("[]", "has no tenant"),
        ("name;company_id\nacme;acme\n", "separates its columns with semicolons"),
        ("name\tcompany_id\nacme\tacme\n", "separates its columns with tabs"),
        ("name,user_password\nacme,S3cret-one \n", "line 2: user_password begins or ends with a space"),
        ('name,secret.dwh\nacme," S3cret-one"\n', "line 2: secret.dwh begins or ends with a space"),
        (
            '[{"name": "acme", "user_password": "S3cret-one", "user_password": "S3cret-two"}]',
            "has the key 'user_password' twice",
        ),
        ('[{"name": "acme", "settings": {"company_id": "a", "company_id": "b"}}]', "has the key 'company_id' twice"),
        (
            '[{"name": "acme", "secrets": {"user_password": "S3cret-one"}, "user_password": "S3cret-two"}]',
            "tenant 1 has user_password of its secrets twice",
        ),
        (
            "name,user_password,secret.user_password\nacme,S3cret-one,S3cret-two\n",
            "has user_password of its secrets twice",
        ),
        ('[{"name": "acme", "settings": {"company_id": "a"}, "company_id": "b"}]', "company_id of its settings twice"),
        ('[{"name": "acme", "limits": {"concurrency": 1}, "concurrency": 2}]', "concurrency of its limits twice"),
        (
            '[{"name": "acme", "schedule": {"nightly": "02:00"}, "schedule.nightly": "03:00"}]',
            "nightly of its schedule twice",
        ),
    ],
)
def test_a_file_of_tenants_that_is_not_clear_is_refused(fleet: Intacct, home: Path, text: str, said: str) -> None:
    (home / "tenants.csv").write_text(text)
    ran = fleet("add", "--from", str(home / "tenants.csv"))
    assert (ran.status, said in " ".join(ran.err.split())) == (2, True), ran.err
    assert shown(fleet("list", "--json")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user_password=S3cret-one \n", "line 1: the value of user_password begins or ends with a space"),
        ("# of acme\n\nuser_password = S3cret-one\n", "line 3: the value of user_password begins or ends with a space"),
        ("user_password=S3cret-one\nINTACCT_USER_PASSWORD=S3cret-two\n", "the secret user_password twice"),
        ('{"user_password": "S3cret-one", "user_password": "S3cret-two"}', "has the key 'user_password' twice"),
        ("{}", "has no secret"),
    ],
)
def test_secrets_that_are_not_clear_are_refused(fleet: Intacct, home: Path, text: str, said: str) -> None:
    (home / "secrets").write_text(text)
    ran = fleet("add", "acme", "--secrets-from", str(home / "secrets"))
    assert (ran.status, said in " ".join(ran.err.split())) == (2, True), ran.err


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ('{"user_password": " S3cret-one\\t"}', " S3cret-one\t"),
        ("user_password==S3cret=one\u2028,\r\n", "=S3cret=one\u2028,"),
        ('user_password="S3cret-one"\n', '"S3cret-one"'),
    ],
)
def test_a_secret_is_kept_with_each_of_its_characters(
    fleet: Intacct, home: Path, opened: Fleet, text: str, password: str
) -> None:
    (home / "secrets").write_bytes(text.encode())
    assert fleet("add", "acme", "--secrets-from", str(home / "secrets")).status == 0
    tenants = [{"name": "beta", "user_password": password}]
    (home / "tenants.json").write_text(json.dumps(tenants))
    assert fleet("add", "--from", str(home / "tenants.json")).status == 0
    for name in ("acme", "beta"):
        assert opened._with_secrets(name)[1] == {"user_password": password}


def test_one_tenant_is_added_shown_changed_and_removed(
    fleet: Intacct, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("# of acme\nINTACCT_USER_PASSWORD=S3cret-one\nwarehouse=csv:out\n"))
    words = ("--set", "company_id=acme", "--flows-from", str(home / "flows.toml"), "--concurrency", "1")
    added = fleet("add", "acme", *words, "--secrets-from", "-")
    assert added.status == 0
    assert "user_id, sender_id and sender_password are not set yet" in added.err
    facts = json.loads(fleet("show", "acme", "--json").out)
    assert facts["secrets"] == ["user_password", "warehouse"]
    assert facts["missing"] == ["user_id", "sender_id", "sender_password"]
    assert (facts["concurrency"], facts["schedule.nightly"]) == (1, "15 2 * * *")
    new = (
        "--set",
        "user_id=bridge",
        "--schedule",
        "nightly=",
        "--remove-secret",
        "warehouse",
        "--monthly-limit",
        "7",
    )
    changed = fleet("change", "acme", *new, "--secrets-from", "env", INTACCT_SENDER_PASSWORD="S3cret-sender")
    assert changed.status == 0, changed.err
    facts = json.loads(fleet("show", "acme", "--json").out)
    assert facts["secrets"] == ["sender_password", "user_password"]
    assert (facts["missing"], facts["schedule.nightly"], facts["monthly_limit"]) == (["sender_id"], "", 7)
    assert fleet("change", "acme").status == 2
    assert "did you mean nightly" in fleet("change", "acme", "--remove-flow", "nigthly").err
    refused = fleet("change", "acme", "--set", "user_password=S3cret-one")
    assert (refused.status, "is a secret" in refused.err) == (2, True)
    assert fleet("remove", "acme").status == 2
    assert "The schema intacct_acme_" in fleet("remove", "acme", "--yes").err
    assert shown(fleet("list", "--json")) == []


def test_a_wrong_option_of_a_flow_is_not_kept(fleet: Intacct, customers: Ran, home: Path) -> None:
    (home / "flows.toml").write_text(FLOWS.replace("streams", "steams"))
    ran = fleet("change", "acme", "--flows-from", str(home / "flows.toml"))
    assert ran.status == 2
    assert "did you mean streams" in ran.err
    assert "VENDOR" in json.loads(fleet("show", "acme", "--json").out)["flows.nightly"]
    assert "steams" not in fleet("show", "acme").out


def test_the_status_tells_who_needs_a_person(fleet: Intacct, customers: Ran, opened: Fleet) -> None:
    shared = fleet("share", "--secrets-from", "env", "--json", INTACCT_SENDER_PASSWORD="S3cret-sender")
    assert shown(shared) == [{"secret": "sender_password"}]
    for name in ("acme", "beta"):
        assert fleet("change", name, "--set", "sender_id=vendor").status == 0
    assert fleet("status", "--attention").status == 0
    run = begun(opened, "beta", "nightly", datetime(2026, 11, 30, tzinfo=UTC))
    opened.end_run(run, RunEnding("in doubt", detail="no answer for S3cret-two", in_doubt=2))
    ran = fleet("status", "--attention", "--json")
    assert ran.status == 1
    (row,) = shown(ran)
    assert (row["tenant"], row["end"], row["failures"], row["in doubt"]) == ("beta", "in doubt", 1, 2)
    assert row["finding"] == "no answer for ***"
    assert len(shown(fleet("status", "--json"))) == 2
    fleet("pause", "acme", "beta")
    assert [row["next run"] for row in shown(fleet("status", "--json"))] == [None, None]
    fleet("resume", "beta")
    assert [bool(row["next run"]) for row in shown(fleet("status", "--json"))] == [False, True]


def test_the_usage_of_a_month(fleet: Intacct, customers: Ran) -> None:
    assert shown(fleet("usage", "--month", "2026-11", "--json")) == [
        {"tenant": "acme", "company": "acme", "transactions": 0, "monthly limit": 900},
        {"tenant": "beta", "company": "beta-imp", "transactions": 0, "monthly limit": None},
    ]
    wrong = fleet("usage", "--month", "11/2026")
    assert (wrong.status, "--month" in wrong.err or "not a month" in wrong.err) == (2, True)


def test_keys_are_made_and_rotated(fleet: Intacct, customers: Ran, opened: Fleet) -> None:
    new = fleet("key", "-q").out.strip()
    assert FleetKey.of(new).text == new
    refused = fleet("rotate", INTACCT_FLEET_KEY=new)
    assert refused.status == 2
    assert "is not given" in refused.err
    done = fleet("rotate", "--json", INTACCT_FLEET_KEY=f"{new},{KEY}")
    assert json.loads(done.out) == {"key": FleetKey.of(new).id, "resealed": 2, "given_up": []}
    assert new not in done.said
    lost = fleet("change", "acme", "--secrets-from", "env", INTACCT_USER_PASSWORD="S3cret-one")
    assert lost.status == 2
    assert "is not a key of this fleet" in lost.err
    assert fleet("rotate", "--give-up-lost").status == 2
    given_up = fleet("rotate", "--give-up-lost", "--yes")
    assert "The secrets of tenant 'acme' were removed" in given_up.err
    assert opened.secret_names("acme") == ()


def test_a_link_is_printed_once(fleet: Intacct, customers: Ran, opened: Fleet) -> None:
    link = fleet("link", "acme", "--hours", "1", "--address", "https://bridge.example/").out.strip()
    assert link.startswith("https://bridge.example/connect/link/")
    assert fleet("link", "acme", "--hours", "9999").status == 2
    ended = fleet("link", "acme", "--end")
    assert ended.status == 0 and "1 open link ended." in ended.said and ended.out == ""
    with pytest.raises(RefusedError):
        opened.use_link(link.rpartition("/")[2])


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        (("list",), {"INTACCT_FLEET": ""}, "the fleet's database is not given"),
        (("list", "--fleet", "duckdb:///x"), {}, "must be PostgreSQL"),
        (("list", "--fleet", "postgresql://u:S3cret-one@127.0.0.1:9/x?connect_timeout=1"), {}, "cannot be reached"),
        (("show", "acne"), {}, "no tenant 'acne'"),
        (("add", "x", "--secrets-from", "env"), {}, "the environment has no secret"),
        (("add", "x", "--secrets-from", "none.txt"), {}, "none.txt: No such file"),
        (("add", "x", "--set", "company_id"), {}, "is not NAME=VALUE"),
        (("add",), {}, "--from FILE"),
        (("change", "acme"), {"INTACCT_FLEET_KEY": "hunter2"}, "no tenant 'acme'"),
        (("share", "--secrets-from", "env"), {"INTACCT_FLEET_KEY": "", **USER}, "the key of the fleet is missing"),
        (("share", "--secrets-from", "env"), {"INTACCT_FLEET_KEY": "hunter2", **USER}, "must have the form"),
    ],
)  # fmt: skip
def test_a_mistake_ends_in_a_sentence(
    fleet: Intacct, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], environ: dict[str, str], said: str
) -> None:
    monkeypatch.setattr("intacct_bridge.shared_state.postgres.PATIENCE", 0.1)
    ran = fleet(*words, **environ)
    assert ran.status in (2, 4)
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert "hunter2" not in ran.err
