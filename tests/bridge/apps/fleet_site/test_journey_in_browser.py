"""From a link to a tenant that runs, in a Chromium: with and without JavaScript, on a telephone, light and dark."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from intacct_bridge.apps.fleet_site import credential_page
from intacct_bridge.apps.fleet_site.credential_check import check_tenant
from intacct_bridge.shared_state.place import in_schema
from intacct_emulator.server.administration import Administration
from intacct_protocol.errors import SettingsError
from support.apps.fleet_site import KEY, RunningFleet
from support.browser import NARROW, expect, follow, opened_page, serious_barriers, shows, without_complaints

pytestmark = pytest.mark.browser
MAILED = "Initial-password-1"  # docs/emulator.md
FLOWS = {"nightly": {"command": "extract", "streams": ["VENDOR"], "to": "duckdb:///{connection}.duckdb"}}


@pytest.fixture(params=["wide, light", "telephone, dark, no JavaScript"])
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page of a browser. What it reports as an error ends the test."""
    narrow = request.param != "wide, light"
    settings: dict[str, Any] = {
        "viewport": NARROW if narrow else {"width": 1080, "height": 900},
        "color_scheme": "dark" if narrow else "light",
        "java_script_enabled": not narrow,
    }
    with opened_page(browser, **settings) as made, without_complaints(made):
        made.has_script = not narrow
        yield made


def look(page: Any, picture: Path) -> None:
    """Nothing scrolls sideways and axe finds no serious barrier; a picture is kept for the person who looks."""
    page.screenshot(path=str(picture), full_page=True)
    if not page.has_script:
        return
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert serious_barriers(page) == {}
    page.emulate_media(color_scheme="light")
    before = page.viewport_size
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.set_viewport_size(before)


def enter(page: Any, found: str, **fields: str) -> None:
    """Send the form and await its check."""
    labels = {"company": "Company ID", "user": "User ID", "password": "Password"}
    for name, text in fields.items():
        page.get_by_role("textbox", name=labels[name]).fill(text)
    check(page, "Check and save", found)


def check(page: Any, button: str, found: str) -> None:
    """Begin a check, and wait until the page, which renews itself, can begin another one and shows what was found."""
    follow(page.get_by_role("button", name=button))
    expect(page.get_by_role("button", name="Check again")).to_be_visible()
    shows(page, found)


def test_an_administrator_connects_the_company(
    served: RunningFleet, new_company: tuple[Administration, str], page: Any, tmp_path: Path
) -> None:
    administration, endpoint = new_company
    sender = administration.license_sender()
    settings = {"sender_id": sender.sender_id, "endpoint": endpoint, "environment": "implementation"}
    secrets = {"sender_password": sender.password}
    flows = {"nightly": {"command": "extract", "streams": ["VENDOR"], "to": f"duckdb:///{tmp_path}/copy.duckdb"}}
    served.fleet.add("initech", settings=settings, flows=flows, secrets=secrets)
    try:
        link = served.link("initech")
        page.goto(link)
        expect(page).to_have_url(f"{served.url}/connect/start")
        look(page, tmp_path / "start.png")
        follow(page.get_by_role("button", name="Continue"))
        expect(page).to_have_url(f"{served.url}/connect")
        look(page, tmp_path / "first.png")
        company = administration.settings.company_id
        enter(page, "Not connected yet", company=company, user="ws_bridge", password="not-the-password")
        administration.subscribe()
        administration.authorise_sender(sender.sender_id)
        administration.create_user("ws_bridge", "it@initech.example")
        enter(page, "The user's password is wrong or has expired", password="not-the-password")
        expect(page.get_by_role("textbox", name="Password")).to_have_value("")
        look(page, tmp_path / "wrong.png")
        enter(page, "The user can sign in", password=MAILED)
        expect(page.locator("#user .badge").first).to_have_text("done")
        expect(page.locator("#role .badge").first).not_to_have_text("done")
        look(page, tmp_path / "missing.png")
        administration.create_role("Intacct Bridge")
        administration.grant("Intacct Bridge", "Accounts Payable", "Vendors", ["List", "View"])
        administration.grant("Intacct Bridge", "Platform Services", "Custom reports", ["View"])
        administration.assign_role("ws_bridge", "Intacct Bridge")
        check(page, "Check again", "The connection works")
        shows(page, "8 of 8 steps are done")
        look(page, tmp_path / "works.png")
        page.goto(link)
        expect(page).to_have_url(f"{served.url}/connect")
        follow(page.get_by_role("button", name="End this session"))
        shows(page, "The session has ended")
        page.go_back()
        page.reload()
        shows(page, "The session is over")
        expect(page.get_by_label("Password")).to_have_count(0)
        place = served.fleet.registry.place
        fleet = {"INTACCT_FLEET": in_schema(place.uri, place.schema), "INTACCT_FLEET_KEY": KEY}
        words = [sys.executable, "-m", "intacct_bridge", "fleet", "run", "initech", "nightly"]
        begun = served.fleet.registry.now()
        ran = subprocess.run(words, env={**os.environ, **fleet}, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert [(one.flow, one.outcome) for one in served.fleet.queue.runs(tenant="initech", since=begun)] == [
            ("nightly", "done")
        ]
    finally:
        served.fleet.remove("initech")
        served.app.pages.forget("initech")


def test_a_check_that_takes_long_renews_all_that_it_changes(
    served: RunningFleet, gateway: str, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page does not wait for the check here: its steps, the button and the problem come with the renewal."""
    go_on = Event()

    def held(*arguments: Any, **options: Any) -> Any:
        assert go_on.wait(300)
        return check_tenant(*arguments, **options)

    def unkept(*_: Any, **__: Any) -> None:
        raise SettingsError("unkept")

    monkeypatch.setattr(credential_page, "_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(credential_page, "check_tenant", held)
    monkeypatch.setattr(served.fleet, "set_credentials", unkept)
    settings = {"sender_id": "demo-sender", "endpoint": gateway, "environment": "demo"}
    served.fleet.add("initrode", settings=settings, flows=FLOWS)
    try:
        with opened_page(browser) as page, without_complaints(page):
            page.goto(served.link("initrode"))
            follow(page.get_by_role("button", name="Continue"))
            fields = {"Company ID": "demo-company", "User ID": "demo-user", "Password": "demo-user-password"}
            for label, text in fields.items():
                page.get_by_role("textbox", name=label).fill(text)
            follow(page.get_by_role("button", name="Check and save"))
            shows(page, "Checking the connection")
            expect(page.locator("#user .badge").first).not_to_have_text("done")
            go_on.set()
            expect(page.locator("#user .badge").first).to_have_text("done")
            expect(page.get_by_role("button", name="Check again")).to_be_visible()
            shows(page, "What was entered could not be kept.")
    finally:
        served.fleet.remove("initrode")
        served.app.pages.forget("initrode")
