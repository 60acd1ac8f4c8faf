"""From a link to a tenant that runs, in a Chromium: with and without JavaScript, on a telephone, light and dark."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.emulator.gateway.administration import Administration
from intacct_bridge.store.place import in_schema
from support.browser import NARROW
from support.edge.fleet_site import KEY, RunningFleet

pytestmark = pytest.mark.browser
SERIOUS = ("serious", "critical")
MAILED = "Initial-password-1"  # docs/emulator.md


@pytest.fixture(params=["wide, light", "telephone, dark, no JavaScript"])
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page of a browser. What it reports as an error ends the test."""
    narrow = request.param != "wide, light"
    context = browser.new_context(
        viewport=NARROW if narrow else {"width": 1080, "height": 900},
        color_scheme="dark" if narrow else "light",
        java_script_enabled=not narrow,
    )
    made = context.new_page()
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    made.has_script = not narrow
    yield made
    context.close()
    assert complaints == []


def look(page: Any, picture: Path) -> None:
    """Nothing scrolls sideways and axe finds no serious barrier; a picture is kept for the person who looks."""
    page.screenshot(path=str(picture), full_page=True)
    if not page.has_script:
        return
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed").Axe()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for closed in page.query_selector_all("details:not([open]) > summary"):
            closed.click()
        found = {one["id"]: one["nodes"][0]["html"] for one in axe.run(page)["violations"] if one["impact"] in SERIOUS}
        assert found == {}
    page.emulate_media(color_scheme="light")
    before = page.viewport_size
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.set_viewport_size(before)


def enter(page: Any, **fields: str) -> None:
    labels = {"company": "Company ID", "user": "User ID", "password": "Password"}
    for name, text in fields.items():
        page.get_by_role("textbox", name=labels[name]).fill(text)
    page.get_by_role("button", name="Check and save").click()
    settle(page)


def settle(page: Any) -> None:
    """Wait until no check runs: the page renews itself."""
    page.wait_for_selector("main progress", state="detached")


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
        assert page.url == f"{served.url}/connect/start"
        look(page, tmp_path / "start.png")
        page.get_by_role("button", name="Continue").click()
        assert page.url == f"{served.url}/connect"
        look(page, tmp_path / "first.png")
        company = administration.settings.company_id
        enter(page, company=company, user="ws_bridge", password="not-the-password")
        assert "Not connected yet" in page.inner_text("main")
        administration.subscribe()
        administration.authorise_sender(sender.sender_id)
        administration.create_user("ws_bridge", "it@initech.example")
        enter(page, password="not-the-password")
        assert "The user's password is wrong or has expired" in page.inner_text("main")
        assert page.get_by_role("textbox", name="Password").input_value() == ""
        look(page, tmp_path / "wrong.png")
        enter(page, password=MAILED)
        assert "The user can sign in" in page.inner_text("main")
        assert page.locator("#role .badge").first.inner_text() != "done"
        look(page, tmp_path / "missing.png")
        administration.create_role("Intacct Bridge")
        administration.grant("Intacct Bridge", "Accounts Payable", "Vendors", ["List", "View"])
        administration.grant("Intacct Bridge", "Platform Services", "Custom reports", ["View"])
        administration.assign_role("ws_bridge", "Intacct Bridge")
        page.get_by_role("button", name="Check again").click()
        settle(page)
        assert "The connection works" in page.inner_text("main")
        assert "8 of 8 steps are done" in page.inner_text("main")
        look(page, tmp_path / "works.png")
        page.goto(link)
        assert page.url == f"{served.url}/connect"
        page.get_by_role("button", name="End this session").click()
        assert "The session has ended" in page.inner_text("main")
        page.go_back()
        page.reload()
        assert page.get_by_role("textbox", name="Password").count() == 0
        place = served.fleet.registry.place
        fleet = {"INTACCT_FLEET": in_schema(place.uri, place.schema), "INTACCT_FLEET_KEY": KEY}
        words = [sys.executable, "-m", "intacct_bridge", "fleet", "run", "initech", "nightly"]
        begun = served.fleet.registry.now()
        ran = subprocess.run(words, env={**os.environ, **fleet}, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert [(one.flow, one.outcome) for one in served.fleet.registry.runs(tenant="initech", since=begun)] == [
            ("nightly", "done")
        ]
    finally:
        served.fleet.remove("initech")
        served.site.pages.forget("initech")
