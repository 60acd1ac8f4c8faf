"""The console in a real Chromium: what holds for every page, and the first journeys of a person."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.browser import NARROW
from support.edge.console_pages import visited_pages
from support.edge.console_site import RunningConsole, save_connection

pytestmark = pytest.mark.browser
SERIOUS = ("serious", "critical")


@pytest.fixture
def page(browser: Any, console: RunningConsole) -> Iterator[Any]:
    """A browser that is signed in. What it reports as an error ends the test."""
    context = browser.new_context()
    made = signed_in(context, console)
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    yield made
    context.close()
    assert complaints == []


def signed_in(context: Any, console: RunningConsole) -> Any:
    page = context.new_page()
    page.goto(console.server.start_address())
    page.wait_for_url(f"{console.url}/")
    return page


@pytest.fixture(scope="module")
def axe() -> Any:
    sync_playwright = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed")
    return sync_playwright.Axe()


# --- every page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", [*visited_pages(), "/nothing"])
def test_a_page_has_no_serious_barrier(page: Any, console: RunningConsole, axe: Any, address: str, scheme: str) -> None:
    """Contrast, names, labels, headings, landmarks: what axe calls serious or critical is not there."""
    page.emulate_media(color_scheme=scheme)
    page.goto(console.url + address)
    for closed in page.query_selector_all("details:not([open]) > summary"):
        closed.click()
    found = axe.run(page)["violations"]
    barriers = {one["id"]: [node["html"] for node in one["nodes"]] for one in found if one["impact"] in SERIOUS}
    assert barriers == {}


def test_no_page_scrolls_sideways_on_a_telephone(browser: Any, console: RunningConsole) -> None:
    context = browser.new_context(viewport=NARROW)
    page = signed_in(context, console)
    wide = {}
    for address in visited_pages():
        page.goto(console.url + address)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > NARROW["width"]:
            wide[address] = width
    context.close()
    assert wide == {}


def test_no_page_needs_javascript(browser: Any, console: RunningConsole) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(console.server.start_address())
    page.get_by_role("link", name="Connections").first.click()
    assert page.url == f"{console.url}/connections"
    for address in visited_pages():
        answer = page.goto(console.url + address)
        assert answer.status == 200
        assert page.locator("h1").inner_text()
    context.close()


def test_times_do_not_depend_on_the_readers_clock(browser: Any, console: RunningConsole) -> None:
    texts = []
    for zone in ("UTC", "Pacific/Kiritimati"):
        context = browser.new_context(timezone_id=zone)
        page = signed_in(context, console)
        page.goto(f"{console.url}/jobs")
        texts.append([page.locator("main").inner_text()])
        page.goto(console.url)
        texts[-1].append(page.locator("main").inner_text())
        context.close()
    assert texts[0] == texts[1]


# --- coming in


def test_the_page_that_the_command_opens_leads_to_home(browser: Any, console: RunningConsole, tmp_path: Path) -> None:
    """The way in begins on another site, a file, from which browsers send no Strict cookie along redirects."""
    from intacct_bridge.edge.cli.console.console import write_start_page

    context = browser.new_context()
    page = context.new_page()
    page.goto(write_start_page(console.server.start_address(), tmp_path).as_uri())
    page.wait_for_url(f"{console.url}/")
    assert page.get_by_role("heading", name="Home").is_visible()
    context.close()


# --- another site


HOSTILE = """<!doctype html><iframe src="{console}/"></iframe>
<form method="post" action="{console}/connections/books/remove"><button>go</button></form>
<form method="post" action="{console}/doctor/run"><input name="connection" value="books"><button id="run">go
</button></form>
"""


def test_a_page_of_another_origin_can_do_nothing(browser: Any, console: RunningConsole) -> None:
    """It stands on this machine, so that browsers send it the console's cookie; they also say where a form is from."""
    body = HOSTILE.format(console=console.url).encode()

    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context()
    try:
        page = signed_in(context, console)
        home = f"http://127.0.0.1:{server.server_port}/"
        page.goto(home)
        assert page.frames[1].url.startswith("chrome-error:")
        assert (
            page.evaluate(f"fetch('{console.url}/index.json', {{credentials: 'include'}}).then(() => 1, () => 0)") == 0
        )
        for button in ("button", "#run"):
            page.goto(home)
            page.locator(button).first.click()
            page.wait_for_url(f"{console.url}/**")
            assert "was not sent by a page of this console" in page.locator("main").inner_text()
    finally:
        context.close()
        server.shutdown()
        server.server_close()
    assert "books" in console.signed_in().get("/connections").text
    assert console.site.jobs.of("anna") == []


# --- journeys


def test_a_newcomer_corrects_a_wrong_sender_by_what_the_page_says(
    page: Any, console: RunningConsole, gateway: str
) -> None:
    page.goto(f"{console.url}/connections")
    page.get_by_role("link", name="Add a connection").click()
    page.get_by_label("Connection name").fill("production")
    page.get_by_label("Company ID").fill("demo-company")
    page.get_by_label("User ID").fill("demo-user")
    page.get_by_label("Password required").fill("demo-user-password")
    page.get_by_label("Environment", exact=True).select_option("Demo")
    page.get_by_label("Sender ID").fill("demo-sendr")
    page.get_by_label("Sender password").fill("demo-sender-password")
    page.get_by_label("URL", exact=True).fill(gateway)
    page.get_by_role("button", name="Save").click()
    problem = page.get_by_role("alert").inner_text()
    assert "sender" in problem.lower()
    assert "Fix" in problem
    assert page.get_by_label("Company ID").input_value() == "demo-company"
    assert page.get_by_label("Sender password").input_value() == ""
    page.get_by_label("Sender ID").fill("demo-sender")
    page.get_by_role("button", name="Save").click()
    assert "Saved connection production after a sign-in." in page.get_by_role("status").first.inner_text()
    page.get_by_role("button", name="Sign in to test it").click()
    assert "Signed in to demo-company as demo-user" in page.get_by_role("status").first.inner_text()


def test_the_keyboard_alone_adds_a_connection(page: Any, console: RunningConsole, gateway: str) -> None:
    page.goto(f"{console.url}/add-connection")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    given = {
        "name": "by-keys", "company_id": "demo-company", "user_id": "demo-user", "user_password": "demo-user-password",
        "environment": "demo", "sender_id": "demo-sender", "sender_password": "demo-sender-password",
        "endpoint": gateway,
    }  # fmt: skip
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if name in given:
            page.keyboard.type(given.pop(name))
        elif name == "Save":
            page.keyboard.press("Enter")
            break
    assert given == {}
    page.wait_for_url(f"{console.url}/connections/by-keys?**")
    assert "Saved connection by-keys" in page.get_by_role("status").first.inner_text()


def test_findings_appear_as_they_are_made(page: Any, console: RunningConsole, gateway: str, axe: Any) -> None:
    save_connection("watched", gateway)
    page.goto(f"{console.url}/doctor?connection=watched")
    page.get_by_role("button", name="Run the checks").click()
    page.evaluate("window.sameDocument = true")
    page.locator("#letter").wait_for()
    assert page.evaluate("window.sameDocument") is True
    assert page.locator(".finding").count() > 10
    assert "demo-company" in page.locator("pre.letter").inner_text()
    assert [one["id"] for one in axe.run(page)["violations"] if one["impact"] in SERIOUS] == []


def test_without_javascript_the_examination_loads_itself_again(
    browser: Any, console: RunningConsole, gateway: str
) -> None:
    save_connection("watched", gateway)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(console.server.start_address())
    page.wait_for_url(f"{console.url}/")
    page.goto(f"{console.url}/doctor?connection=watched")
    page.get_by_role("button", name="Run the checks").click()
    page.locator("#letter").wait_for()
    assert page.locator(".finding").count() > 10
    context.close()


def test_a_printed_page_has_neither_navigation_nor_buttons(page: Any, console: RunningConsole) -> None:
    page.emulate_media(media="print")
    page.goto(f"{console.url}/connections/books")
    assert not page.locator("nav").is_visible()
    assert not page.locator("main button").first.is_visible()
    assert page.locator("main table").first.is_visible()
