"""Rules for every page of the console."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intacct_bridge.apps.cli.app import run_words
from intacct_bridge.apps.console.pages.registry import PAGES
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.connections.sources import add_connection, add_sender
from intacct_bridge.runs.history import open_history
from intacct_bridge.runs.run import Run
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import ScriptedFault
from support.apps.console_pages import json_of, visited, visited_pages
from support.apps.console_site import RunningConsole, Visitor, running_console, save_connection
from support.demo_company import NOW
from support.small_company import Clock, little_company

MOST_BYTES = 100_000
HOSTILE = "<script>alert(1)</script><a href='https://evil.example'>x</a>"
SECRETS = ("demo-user-password", "demo-sender-password", "shared-sender-password")
MADE_BY_WORK = {
    "/approvals/{plan}",
    "/doctor/{id}",
    "/doctor/{id}/letter",
    "/doctor/{id}/letter.txt",
    "/extract/{id}",
    "/load/{id}",
    "/load/{id}/mapping",
    "/load/{id}/mapping-file",
    "/load/{id}/refused-rows",
    "/plans/{connection}/{plan}",
    "/outbox/{connection}/{number}",
    "/reconcile/{id}",
    "/reconcile/{id}/report.html",
    "/flows/{flow}",
    "/runs/{id}",
}
"""Pages that exist only after work that a test of their own does."""


@pytest.mark.parametrize("address", list(visited_pages()))
def test_a_page_has_its_data_beside_it(visitor: Visitor, address: str) -> None:
    page, data = visitor.get(address), visitor.get(json_of(address))
    assert (page.status, data.status) == (200, 200), page.text
    assert page.headers["content-type"].startswith("text/html")
    assert data.headers["content-type"] == "application/json"
    assert isinstance(data.json, dict)
    assert f'href="{json_of(address)}"' in page.html.replace("&amp;", "&")
    assert len(page.body) < MOST_BYTES
    for secret in SECRETS:
        assert secret not in page.html + data.html
    assert "<script>" not in page.html
    assert " style=" not in page.html
    assert " onclick=" not in page.html


def test_every_page_can_be_visited_or_is_made_by_work() -> None:
    """A page with names in its path has `examples` for them, or is listed here and has tests of its own."""
    assert {page.path for page in PAGES if visited(page) is None} == MADE_BY_WORK


def test_a_get_changes_nothing(user: Path, console: RunningConsole) -> None:
    """Visits of every address, those of forms included, leave the user's settings and state as they are."""
    visitor = console.signed_in()
    addresses = [*visited_pages(), *(json_of(one) for one in visited_pages())]
    forms = [page.address(action) for page in PAGES for action in page.actions if action]
    before = _files(user)
    for address in [*addresses, *(form.replace("{name}", "books") for form in forms)]:
        assert visitor.get(address).status in (200, 404), address
        assert visitor.ask("HEAD", address).status in (200, 404, 405), address
    assert _files(user) == before
    assert [job for job in console.app.jobs.of("anna") if job.title] == []


def _files(home: Path) -> dict[str, str]:
    """Every file of a user but the history of runs and what is learned of companies."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and "runs" not in path.parts and ".cache" not in path.parts
    }


@pytest.fixture(scope="module")
def hostile(user: Path, gateway: str) -> Iterator[RunningConsole]:
    """A console whose files are full of texts that mean something to a browser."""
    save_connection(HOSTILE.replace("/", "∕"), gateway, location_id="", monthly_transactions=10)
    add_sender(HOSTILE, {"sender_id": HOSTILE, "sender_password": "shared-sender-password"})
    add_connection("broken", {"company_id": HOSTILE, "sender": HOSTILE, "user_id": HOSTILE})
    with running_console() as made:
        yield made


def test_texts_of_files_are_text(hostile: RunningConsole) -> None:
    visitor = hostile.signed_in()
    for address in (
        "/",
        "/connections",
        "/connections/broken",
        "/connections/broken/edit",
        "/doctor",
        "/add-connection",
    ):
        seen = visitor.get(address)
        assert seen.status == 200
        assert "<script>" not in seen.html
        assert "evil.example'" not in seen.html
        assert "shared-sender-password" not in seen.html
    assert HOSTILE in visitor.get("/connections").text


def test_texts_of_the_address_are_text(visitor: Visitor) -> None:
    for address in (
        "/connections/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/doctor?connection=%3Cscript%3E",
        "/?notice=%3Cscript%3E",
        "/%3Cscript%3E",
    ):
        assert "<script>" not in visitor.get(address).html, address


def test_an_unknown_page_says_so(visitor: Visitor) -> None:
    for address in ("/nothing", "/connections/nothing", "/jobs/nothing", "/doctor/nothing", "/static/../app.py"):
        assert visitor.get(address).status == 404, address
    assert visitor.get("/connections/nothing.json").json["problem"]["error"] == "There is no connection 'nothing'."


# --- home


def test_home_counts_what_the_history_says(user: Path) -> None:
    """The figures are those of runs that this test writes into the history."""
    with closing(little_company(Clock())) as emulator, serve(emulator) as server:
        save_connection("counted", server.url, monthly_transactions=200)
        started = datetime.now(UTC)
        with open_history() as history:
            for number, (status, transactions) in enumerate(((0, 30), (1, 12), (0, 8))):
                history.put(
                    Run(
                        id=f"{number:032x}",
                        started=started,
                        ended=started,
                        status=status,
                        command="extract",
                        flow="nightly",
                        connection="counted",
                        company="demo-company",
                        transactions=transactions,
                        monthly_transactions=200,
                    )
                )
        with running_console() as console:
            home = console.signed_in().get("/index.json").json
    counted = next(one for one in home["connections"] if one["name"] == "counted")
    assert (counted["transactions"], counted["allowance"], counted["used"]) == (50, 200, 0.25)
    assert counted["last_run"]["end"] == "done"
    assert counted["in_doubt"] == 0
    flow = next(one for one in home["flows"] if one["name"] == "nightly")
    assert (flow["runs"], flow["succeeded"], flow["failed"]) == (3, 2, 1)
    assert round(flow["success_rate"], 4) == 0.6667


def test_home_counts_records_in_doubt(user: Path) -> None:
    """A vendor whose answer is lost is in doubt: on the card of its connection, and in the sum."""
    lost = ScriptedFault("cut-after", function="create", object="CLASS", calls=())
    more = [ScriptedFault("cut-before", function="query", object="CLASS", calls=())]
    with (
        closing(little_company(lambda: NOW)) as company,
        closing(company.clone(faults=[lost, *more])) as emulator,
        serve(emulator) as server,
        running_console() as console,
    ):
        save_connection("doubtful", server.url, outbox=str(user / "doubtful.sqlite"))
        words = ["create", "CLASS", "CLASSID=LOST", "NAME=Lost", "--connection", "doubtful"]
        status, _ = run_words(words, Output(out=io.StringIO(), err=io.StringIO()))
        home = console.signed_in().get("/index.json").json
    assert status == 5
    assert next(one["in_doubt"] for one in home["connections"] if one["name"] == "doubtful") == 1
    assert home["in_doubt"] == 1
