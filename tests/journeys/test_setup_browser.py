"""In a real browser: a developer and an administrator set up a company in which nothing is set up.

The developer has the console open, the administrator the page that stands for Intacct's screens. The steps tick
themselves on the developer's page while the administrator does them.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from intacct_bridge.apps.console.pages import setup
from intacct_emulator.server.control.operations import ADMINISTRATION
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.scenarios import find_scenario, load_scenario
from support.apps.console_site import RunningConsole, running_console
from support.browser import NARROW, expect, follow, opened_page, serious_barriers, shows

pytestmark = pytest.mark.browser
ROLE = "Intacct Bridge"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing is set up either."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(setup, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(setup, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(setup, "_CHECKS", 100_000)  # a watch lasts as long as a slow machine needs it
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@dataclass
class People:
    """The developer's browser and the administrator's."""

    browser: Any
    console: RunningConsole
    gateway: str
    opened: ExitStack

    def developer(self, **context: Any) -> Any:
        return self.console.sign_in(self.opened.enter_context(opened_page(self.browser, **context)))

    def administrator(self) -> Any:
        page = self.opened.enter_context(opened_page(self.browser))
        page.goto(urljoin(self.gateway, ADMINISTRATION))
        return page


@pytest.fixture
def people(machine: Path, browser: Any) -> Iterator[People]:
    emulator = Emulator.empty(settings=load_scenario(find_scenario("new-company")))
    emulator.company().table("VENDOR").insert({"VENDORID": "V-1", "NAME": "Acme", "STATUS": "active"})
    with serve(emulator) as server, running_console() as console, ExitStack() as opened:
        yield People(browser, console, server.url, opened)
    assert emulator.incidents == []
    emulator.close()


def badge(page: Any, step: str) -> Any:
    return page.locator(f"#{step} h2 .badge")


def ticked(page: Any, step: str) -> None:
    """Wait until the step is ticked; nobody touches the page meanwhile."""
    expect(badge(page, step)).to_have_text("done")


def fill(page: Any, **fields: str) -> None:
    for name, text in fields.items():
        page.fill(f"#f-{name}", text)


def plan_the_use(page: Any, gateway: str) -> None:
    follow(page.get_by_role("link", name="Set up Sage Intacct"))
    fill(page, name="books", reads="VENDOR")
    follow(page.get_by_role("button", name="Show the steps"))
    fill(page, email="dev@example.com", company_id="demo-company", endpoint=gateway)
    follow(page.get_by_role("button", name="Keep the values"))


def send(page: Any, section: str, button: str, **fields: str | list[str]) -> None:
    """Fill one form of the administrator's page in, and send it; the next page says that it is done."""
    form = page.locator(f"section[aria-labelledby={section}] form").filter(
        has=page.get_by_role("button", name=button, exact=True)
    )
    for name, value in fields.items():
        if isinstance(value, list):
            for one in value:
                form.locator(f"[name={name}][value={one}]").check()
        elif form.locator(f"select[name={name}]").count():
            form.locator(f"select[name={name}]").select_option(value)
        else:
            form.locator(f"input[name={name}]").fill(value)
    follow(form.get_by_role("button", name=button, exact=True))
    expect(page.get_by_role("status")).to_have_class("message")  # a refusal has the class `problem` too


def cells(administrator: Any, section: str, count: int) -> list[str]:
    """The cells of the table in a section of the administrator's page."""
    found = administrator.locator(f"section[aria-labelledby={section}] td")
    expect(found).to_have_count(count)
    texts: list[str] = found.all_text_contents()
    return texts


def enter_the_sender(page: Any, administrator: Any) -> None:
    """Sage issues the licence, and the developer keeps the sender."""
    send(administrator, "sage", "Issue a licence")
    sender, password = cells(administrator, "sage", 2)
    follow(page.locator("#sender").get_by_role("link", name="Keep a shared sender"))
    fill(page, name="ours", sender_id=sender, sender_password=password)
    follow(page.get_by_role("button", name="Save"))
    shows(page, "Saved sender ours")


def enter_the_connection(page: Any, administrator: Any) -> None:
    """The developer takes the password out of the mail, and makes the connection."""
    _, user, password = cells(administrator, "mail", 3)
    follow(page.locator("#connect").get_by_role("button", name="Enter the settings"))
    fill(page, name="books", user_id=user, user_password=password)
    page.select_option("#f-environment", "demo")
    follow(page.get_by_role("button", name="Save"))
    shows(page, "Saved connection books after a sign-in")


def test_the_steps_tick_themselves_while_the_administrator_does_them(people: People) -> None:
    developer, administrator = people.developer(), people.administrator()
    plan_the_use(developer, people.gateway)
    expect(developer.locator("ol.steps > li")).to_have_count(11)
    enter_the_sender(developer, administrator)
    developer.goto(urljoin(developer.url, "/setup/books"))
    follow(developer.get_by_role("button", name="Check until all is done"))
    ticked(developer, "sender")
    expect(badge(developer, "subscription")).to_have_text("missing")
    developer.locator("#sender").get_by_text("Show the step").click()
    send(administrator, "subscriptions", "Save", application="Web Services", subscribed="yes")
    ticked(developer, "subscription")
    send(administrator, "authorizations", "Save the authorization", sender_id="demo-sender", status="active")
    ticked(developer, "authorised")
    expect(developer.locator("#sender > details")).to_have_attribute("open", "")  # the page was renewed meanwhile
    send(administrator, "roles", "Create the role", name=ROLE)
    names = {"user_id": "ws_bridge", "last_name": "Integration", "first_name": "Bridge", "email": "dev@example.com"}
    send(administrator, "users", "Create the user", **names)
    enter_the_connection(developer, administrator)
    developer.goto(urljoin(developer.url, "/setup/books"))
    for step in ("user", "company", "preferences"):
        ticked(developer, step)
    for step in ("role", "assign"):
        expect(badge(developer, step)).to_have_text("not yet known")
    for permission, rights in (
        ("Accounts Payable > Vendors", ["List", "View"]),
        ("Platform Services > Custom reports", ["View"]),
    ):
        send(administrator, "roles", "Save the permission", role=ROLE, permission=permission, rights=rights)
    send(administrator, "assignments", "Assign the role", user_id="ws_bridge", role=ROLE)
    for step in ("assign", "role", "connect"):
        ticked(developer, step)
    expect(developer.locator("#connect .seen")).to_contain_text("read VENDOR")
    follow(developer.locator("#testers").get_by_role("button", name="Tick by hand"))
    ticked(developer, "testers")
    expect(developer.locator(".summary")).to_contain_text("10 of 11 steps done")


def test_the_assistant_works_without_javascript_and_on_a_phone(people: People) -> None:
    developer = people.developer(java_script_enabled=False, viewport=NARROW)
    administrator = people.administrator()
    plan_the_use(developer, people.gateway)
    enter_the_sender(developer, administrator)
    developer.goto(urljoin(developer.url, "/setup/books"))
    follow(developer.get_by_role("button", name="Check now"))
    expect(developer.get_by_role("button", name="Check now")).to_be_visible()  # the page loads itself again until then
    ticked(developer, "sender")
    developer.wait_for_load_state()
    wide = developer.locator("ol.steps > li").evaluate_all("all => Math.max(...all.map(one => one.scrollWidth))")
    assert wide <= NARROW["width"]


def test_the_assistant_can_be_used_with_the_keyboard_alone(people: People) -> None:
    page = people.developer()
    page.goto(urljoin(page.url, "/setup"))
    page.focus("#f-name")
    for text in ("books", "VENDOR"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # in the last field: sends the form
    page.wait_for_url("**/setup/books")
    page.get_by_role("link", name="Send to the administrator").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/letter")
    expect(page.locator("pre.letter")).to_contain_text("Web Services authorizations")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_have_no_serious_finding_of_axe(scheme: str, people: People) -> None:
    page = people.developer(color_scheme=scheme, bypass_csp=True)  # the checker is a script in the page
    plan_the_use(page, people.gateway)
    pages = [page.url, urljoin(page.url, "/setup"), f"{page.url.partition('?')[0]}/letter"]
    for one in (*pages, urljoin(people.gateway, ADMINISTRATION)):
        page.goto(one)
        assert serious_barriers(page) == {}, one
