"""The set-up assistant as pages: a developer and an administrator set up a company in which nothing is set up."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.console.app import TeamMode
from intacct_bridge.apps.console.pages import setup
from intacct_bridge.apps.console.sign_in import SECRET_HEADER
from intacct_emulator.server.administration import Administration
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.scenarios import find_scenario, load_scenario
from support.apps.console_site import RunningConsole, Visitor, running_console, save_connection

MAILED = "Initial-password-1"  # docs/emulator.md


@pytest.fixture(scope="module")
def new_company() -> Iterator[tuple[Emulator, str]]:
    emulator = Emulator.empty(settings=load_scenario(find_scenario("new-company")))
    with serve(emulator) as server:
        yield emulator, server.url
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture(scope="module")
def setting_up(user: Path, new_company: tuple[Emulator, str]) -> Iterator[RunningConsole]:
    """A console whose connection `fresh` has the sender, and no password of the user yet."""
    with running_console() as made:
        yield made


@pytest.fixture
def developer(setting_up: RunningConsole) -> Visitor:
    return setting_up.signed_in()


@pytest.fixture
def administration(new_company: tuple[Emulator, str]) -> Iterator[Administration]:
    """The administrator of the company, in which nothing is set up again after the test."""
    emulator, _ = new_company
    before = emulator.snapshot()
    yield Administration(emulator)
    emulator.restore(before)


def connect(url: str, **settings: str) -> None:
    known = {"user_password": MAILED, "user_id": "ws_bridge", "environment": "implementation", **settings}
    save_connection("fresh", url, None, **known)


def planned(developer: Visitor, reads: str = "VENDOR", writes: str = "") -> None:
    fields = {"name": "fresh", "reads": reads, "writes": writes}
    assert developer.post("/setup/begin", fields).location == "/setup/fresh"


def until_done(developer: Visitor) -> None:
    """Wait for the end of a check: its events come until then."""
    job = developer.get("/setup/fresh.json").json["job"]
    if job is not None:
        developer.get(f"/jobs/{job['id']}/events")


def checked(developer: Visitor) -> dict[str, Any]:
    """Check once, and read the page's data."""
    assert developer.post("/setup/fresh/check").location == "/setup/fresh"
    until_done(developer)
    found: dict[str, Any] = developer.get("/setup/fresh.json").json
    return {one["id"]: one for one in found["steps"]} | {"page": found}


def test_the_steps_tick_themselves_as_the_administrator_does_them(
    developer: Visitor, administration: Administration, new_company: tuple[Emulator, str]
) -> None:
    connect(new_company[1])
    planned(developer)
    found = checked(developer)
    assert found["sender"]["state"] == "missing"
    administration.license_sender()
    assert checked(developer)["sender"]["state"] == "done"
    administration.subscribe()
    administration.authorise_sender("demo-sender")
    administration.create_role("Intacct Bridge")
    for one in found["role"]["grants"]:
        application, _, permission = one["permission"].partition(" ▸ ")
        administration.grant("Intacct Bridge", application, permission, one["rights"].split(", "))
    administration.create_user("ws_bridge", "dev@example.com")
    found = checked(developer)
    assert (found["user"]["state"], found["assign"]["state"]) == ("done", "unknown")
    administration.assign_role("ws_bridge", "Intacct Bridge")
    found = checked(developer)
    assert found["page"]["ready"]
    page = developer.get("/setup/fresh")
    assert "9 of 11 steps done" in page.text
    assert page.html.count('role="img"') == 10
    assert MAILED not in page.html and "demo-sender-password" not in page.html
    assert len(page.body) < 100_000


def test_a_watch_ends_when_everything_is_done(
    developer: Visitor,
    administration: Administration,
    new_company: tuple[Emulator, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(setup, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(setup, "_CHECKS", 2000)
    connect(new_company[1])
    planned(developer)
    administration.license_sender()
    administration.subscribe()
    administration.create_role("Intacct Bridge")
    administration.grant("Intacct Bridge", "Accounts Payable", "Vendors", ["List", "View"])
    administration.grant("Intacct Bridge", "Platform Services", "Custom reports", ["View"])
    administration.create_user("ws_bridge", "dev@example.com")
    administration.assign_role("ws_bridge", "Intacct Bridge")
    assert developer.post("/setup/fresh/watch").status == 303
    assert "/events" in developer.get("/setup/fresh").html
    administration.authorise_sender("demo-sender")
    until_done(developer)
    assert developer.get("/setup/fresh.json").json["ready"]


def test_a_watch_stops_before_wrong_passwords_lock_the_user_out(
    developer: Visitor,
    administration: Administration,
    new_company: tuple[Emulator, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(setup, "WAIT_SECONDS", 0.0)
    administration.license_sender()
    administration.subscribe()
    administration.authorise_sender("demo-sender")
    administration.create_user("ws_bridge", "dev@example.com")
    connect(new_company[1], user_password="wrong")
    planned(developer)
    developer.post("/setup/fresh/watch")
    until_done(developer)
    connect(new_company[1])
    assert checked(developer)["user"]["state"] == "done"


def test_the_letter_can_be_read_printed_and_attached(developer: Visitor, new_company: tuple[Emulator, str]) -> None:
    connect(new_company[1])
    planned(developer, "GLDETAIL", "GLBATCH")
    developer.post("/setup/fresh/answer", {"email": "dev@example.com", "role": "<b>Reader</b>"})
    page = developer.get("/setup/fresh/letter")
    assert "General Ledger > Journal entries: List, View, Add, Edit, Delete" in page.text
    assert "<b>Reader" not in page.html and "<b>Reader</b>" in unescape(page.html)
    text = developer.get("/setup/fresh/letter?as=text")
    assert text.headers["content-disposition"].startswith("attachment")
    assert "dev@example.com" in text.html
    file = developer.get("/setup/fresh/letter?as=page")
    assert file.headers["content-disposition"].startswith("attachment")
    assert file.html.count("<svg") == 8


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "fresh", "reads": "", "writes": ""}, "The planned use is empty"),
        ({"name": "", "reads": "VENDOR", "writes": ""}, "cannot be the name of a connection"),
        ({"name": "../x", "reads": "VENDOR", "writes": ""}, "cannot be the name of a connection"),
        ({"name": "fresh", "reads": "VENDOR<script>", "writes": ""}, "is not the name of an object"),
    ],
)
def test_wrong_input_is_answered_with_the_form_and_the_mistake(
    fields: dict[str, str], says: str, developer: Visitor
) -> None:
    page = developer.post("/setup/begin", fields)
    assert page.status == 422
    assert says in page.text
    assert "<script>" not in page.html


def test_a_step_is_ticked_by_hand_and_the_tick_removed(developer: Visitor, new_company: tuple[Emulator, str]) -> None:
    connect(new_company[1])
    planned(developer)
    developer.post("/setup/fresh/tick", {"step": "testers", "on": "yes"})
    steps = {one["id"]: one["state"] for one in developer.get("/setup/fresh.json").json["steps"]}
    assert steps["testers"] == "done"
    developer.post("/setup/fresh/tick", {"step": "testers", "on": "no"})
    steps = {one["id"]: one["state"] for one in developer.get("/setup/fresh.json").json["steps"]}
    assert steps["testers"] == "unknown"
    assert developer.post("/setup/fresh/tick", {"step": "nothing", "on": "yes"}).status == 400


def test_a_connection_without_a_plan_has_no_steps(developer: Visitor) -> None:
    page = developer.get("/setup/unplanned")
    assert page.status == 404
    assert "Plan it" in page.text


def test_in_a_team_only_administrators_name_the_gateway_that_gets_the_senders_password(
    user: Path, new_company: tuple[Emulator, str]
) -> None:
    mode = TeamMode("X-Forwarded-User", "a-long-secret-of-the-proxy")
    connect(new_company[1])
    with running_console(team=mode, hosts=("books.example",), administrators=("anna",)) as team:
        for person, status in (("ben", 403), ("anna", 303)):
            headers = {"Host": "books.example", "X_Forwarded_User": person, SECRET_HEADER: mode.secret}
            visitor = Visitor(team.url)
            token = re.search(r'name="csrf" value="([^"]+)"', visitor.get("/", **headers).html)
            assert token is not None
            visitor.csrf = token[1]
            sent = {"Origin": "https://books.example", **headers}
            visitor.post("/setup/begin", {"name": "fresh", "reads": "VENDOR", "writes": ""}, **sent)
            answer = visitor.post("/setup/fresh/answer", {"endpoint": "http://127.0.0.1:9/"}, **sent)
            assert answer.status == status, answer.text
            page = visitor.get("/setup/fresh", **headers).html
            assert ("/setup/fresh/answer" in page) == (person == "anna")
