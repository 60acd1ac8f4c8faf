"""The doctor in the console: the same findings and the same letter as those of the command."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from intacct_emulator.server.server import serve
from support.apps.console_site import RunningConsole, Visitor, running_console, save_connection
from support.demo_company import NOW
from support.setup.scenarios import Scenario
from support.small_company import little_company


@pytest.fixture(scope="module")
def console(user: Path) -> Iterator[RunningConsole]:
    """A console with a connection to a company that did not authorise the sender."""
    scenario = next(one for one in Scenario.all() if one.path.stem == "02-sender-not-authorised")
    with (
        closing(little_company(lambda: NOW)) as company,
        scenario.played(company) as emulator,
        serve(emulator) as server,
    ):
        save_connection("books", server.url)
        with running_console() as made:
            yield made


def test_each_finding_has_its_fix_and_the_letter_says_so(visitor: Visitor) -> None:
    started = visitor.post("/doctor/run", {"connection": "books", "writes": "glbatch"})
    page = visitor.until_done(started.location)
    failure = next(one for one in page["findings"] if one["status"] == "failure")
    assert failure["step"] == "authorised"
    assert page["job"]["state"] == "done"
    assert page["healthy"] is False
    seen = visitor.get(started.location)
    assert failure["fix"] in seen.text or failure["causes"][0]["fix"] in seen.text
    assert "Web Services authorizations" in seen.text
    assert "Subject: Access to Sage Intacct for books" in page["letter"]
    assert "GLBATCH" in page["letter"]
    assert "demo-user-password" not in seen.html
    assert started.location in visitor.get("/doctor").html
    assert page["command"] == "intacct doctor --connection books --writes GLBATCH"
    assert visitor.get(f"{started.location}/letter.json").json["letter"] == page["letter"]
    file = visitor.get(f"{started.location}/letter.txt")
    assert file.body.decode() == page["letter"]
    assert file.headers["content-disposition"].startswith('attachment; filename="to-the-administrator.txt"')


def test_an_unknown_connection_is_a_sentence(visitor: Visitor) -> None:
    started = visitor.post("/doctor/run", {"connection": "nothing"})
    page = visitor.until_done(started.location)
    assert page["job"]["state"] == "failed"
    assert "there is no connection 'nothing'" in visitor.get(started.location).text
