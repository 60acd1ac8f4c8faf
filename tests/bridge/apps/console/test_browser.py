"""The console in a real Chromium: what holds for every page, and the first journeys of a person."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.web.jobs import BackgroundJob
from support.apps.console_pages import visited_pages
from support.apps.console_site import RunningConsole, save_connection
from support.browser import NARROW, expect, follow, opened_page, serious_barriers, shows, without_complaints

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Any, console: RunningConsole) -> Iterator[Any]:
    """A browser that is signed in. What it reports as an error ends the test."""
    with opened_page(browser) as made, without_complaints(made):
        console.sign_in(made)
        yield made


# --- every page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", [*visited_pages(), "/nothing"])
def test_a_page_has_no_serious_barrier(page: Any, console: RunningConsole, address: str, scheme: str) -> None:
    """Contrast, names, labels, headings, landmarks: what axe calls serious or critical is not there."""
    page.emulate_media(color_scheme=scheme)
    page.goto(console.url + address)
    assert serious_barriers(page) == {}


def test_no_page_scrolls_sideways_on_a_telephone(browser: Any, console: RunningConsole) -> None:
    wide = {}
    with opened_page(browser, viewport=NARROW) as page:
        console.sign_in(page)
        for address in visited_pages():
            page.goto(console.url + address)
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > NARROW["width"]:
                wide[address] = width
    assert wide == {}


def test_no_page_needs_javascript(browser: Any, console: RunningConsole) -> None:
    with opened_page(browser, java_script_enabled=False) as page:
        console.sign_in(page)
        follow(page.get_by_role("link", name="Connections").first)
        expect(page).to_have_url(f"{console.url}/connections")
        for address in visited_pages():
            answer = page.goto(console.url + address)
            assert answer.status == 200
            expect(page.locator("h1")).to_have_text(re.compile(r"\w"))


def test_times_do_not_depend_on_the_readers_clock(browser: Any, console: RunningConsole) -> None:
    texts = []
    for zone in ("UTC", "Pacific/Kiritimati"):
        with opened_page(browser, timezone_id=zone) as page:
            console.sign_in(page)
            page.goto(f"{console.url}/jobs")
            texts.append([page.locator("main").inner_text()])
            page.goto(console.url)
            texts[-1].append(page.locator("main").inner_text())
    assert texts[0] == texts[1]


# --- coming in


def test_the_page_that_the_command_opens_leads_to_home(browser: Any, console: RunningConsole, tmp_path: Path) -> None:
    """The way in begins on another site, a file, from which browsers send no Strict cookie along redirects."""
    from intacct_bridge.apps.cli.console.console import write_start_page

    with opened_page(browser) as page:
        page.goto(write_start_page(console.server.start_address(), tmp_path).as_uri())
        page.wait_for_url(f"{console.url}/")
        expect(page.get_by_role("heading", name="Home")).to_be_visible()


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
    try:
        with opened_page(browser) as page:
            console.sign_in(page)
            home = f"http://127.0.0.1:{server.server_port}/"
            page.goto(home)
            page.frames[1].wait_for_url(re.compile("^chrome-error:"))
            asked = f"fetch('{console.url}/index.json', {{credentials: 'include'}}).then(() => 1, () => 0)"
            assert page.evaluate(asked) == 0
            for button in ("button", "#run"):
                page.goto(home)
                follow(page.locator(button).first)
                expect(page).to_have_url(re.compile(f"^{re.escape(console.url)}/"))
                shows(page, "was not sent by a page of this console")
    finally:
        server.shutdown()
        server.server_close()
    assert "books" in console.signed_in().get("/connections").text
    assert console.app.jobs.of("anna") == []


# --- journeys


def test_a_newcomer_corrects_a_wrong_sender_by_what_the_page_says(
    page: Any, console: RunningConsole, gateway: str
) -> None:
    page.goto(f"{console.url}/connections")
    follow(page.get_by_role("link", name="Add a connection"))
    page.get_by_label("Connection name").fill("production")
    page.get_by_label("Company ID").fill("demo-company")
    page.get_by_label("User ID").fill("demo-user")
    page.get_by_label("Password required").fill("demo-user-password")
    page.get_by_label("Environment", exact=True).select_option("Demo")
    page.get_by_label("Sender ID").fill("demo-sendr")
    page.get_by_label("Sender password").fill("demo-sender-password")
    page.get_by_label("URL", exact=True).fill(gateway)
    follow(page.get_by_role("button", name="Save"))
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text(re.compile("sender", re.IGNORECASE))
    expect(problem).to_contain_text("Fix")
    expect(page.get_by_label("Company ID")).to_have_value("demo-company")
    expect(page.get_by_label("Sender password")).to_have_value("")
    page.get_by_label("Sender ID").fill("demo-sender")
    follow(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("status").first).to_contain_text("Saved connection production after a sign-in.")
    follow(page.get_by_role("button", name="Sign in to test it"))
    expect(page.get_by_role("status").first).to_contain_text("Signed in to demo-company as demo-user")


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
    expect(page.get_by_role("status").first).to_contain_text("Saved connection by-keys")


def test_findings_appear_as_they_are_made(page: Any, console: RunningConsole, gateway: str) -> None:
    save_connection("watched", gateway)
    page.goto(f"{console.url}/doctor?connection=watched")
    follow(page.get_by_role("button", name="Run the checks"))
    page.evaluate("window.sameDocument = true")
    expect(page.locator("pre.letter")).to_contain_text("demo-company")
    expect(page.locator(".finding").nth(10)).to_be_visible()
    assert page.evaluate("window.sameDocument") is True
    assert serious_barriers(page) == {}


def test_a_renewal_takes_no_button_from_under_a_pressed_mouse(page: Any, console: RunningConsole) -> None:
    """The second renewal begins after the end of the first, so that one would have replaced the button."""
    end = threading.Event()

    def work(job: BackgroundJob) -> None:
        assert end.wait(300)

    job = console.app.jobs.start("A long one", work, person="anna")
    page.goto(console.url + job.page)
    page.get_by_role("button", name="Stop").hover()
    page.mouse.down()
    for text in ("first message", "second message"):
        with page.expect_response(console.url + job.page):
            job.tell(text)
    with page.expect_navigation():
        page.mouse.up()
    shows(page, "stops at its next safe point")
    shows(page, "second message")
    end.set()
    expect(page.locator(".progress .badge")).to_have_text("done")


def test_without_javascript_the_examination_loads_itself_again(
    browser: Any, console: RunningConsole, gateway: str
) -> None:
    save_connection("watched", gateway)
    with opened_page(browser, java_script_enabled=False) as page:
        console.sign_in(page)
        page.goto(f"{console.url}/doctor?connection=watched")
        follow(page.get_by_role("button", name="Run the checks"))
        expect(page.locator("#letter")).to_be_visible()
        expect(page.locator(".finding").nth(10)).to_be_visible()


def test_a_printed_page_has_neither_navigation_nor_buttons(page: Any, console: RunningConsole) -> None:
    page.emulate_media(media="print")
    page.goto(f"{console.url}/connections/books")
    expect(page.locator("main table").first).to_be_visible()
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("main button").first).to_be_attached()
    expect(page.locator("main button").first).to_be_hidden()
