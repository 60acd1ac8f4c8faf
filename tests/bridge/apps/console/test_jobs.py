"""Long work of the console: its progress, its end, a stop, and what goes wrong in it."""

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest

from intacct_bridge.apps.console.app import ConsoleApp, ConsoleSettings
from intacct_bridge.apps.jobs.program import FlowRunner
from intacct_bridge.apps.web.jobs import BackgroundJob
from intacct_protocol.errors import SettingsError
from support.apps.console_site import RunningConsole, Visitor, running_console

SECRET = "a-password-in-a-bug"


@pytest.fixture(scope="module")
def console(user: Path, gateway: str) -> Iterator[RunningConsole]:
    with running_console() as made:
        yield made


@pytest.fixture
def visitor(console: RunningConsole) -> Visitor:
    return console.signed_in()


def test_progress_arrives_as_events_and_survives_a_reload(console: RunningConsole, visitor: Visitor) -> None:
    seen = [Event() for _ in range(3)]

    def work(job: BackgroundJob) -> None:
        for number, go_on in enumerate(seen, 1):
            job.advance(number, 3, "files")
            job.tell(f"file {number} <b>")
            assert go_on.wait(30)
        job.result = "/connections"

    job = console.app.jobs.start("Three files", work, person="anna")
    line = http.client.HTTPConnection(urlsplit(console.url).netloc, timeout=60)
    line.request("GET", f"/jobs/{job.id}/events", headers={"Cookie": visitor.cookie})
    events = line.getresponse()
    assert events.getheader("content-type", "").startswith("text/event-stream")
    for number, go_on in enumerate(seen, 1):
        while job.done < number or f"file {number} <b>" not in job.lines:
            events.readline()
        for _ in range(2):
            page = visitor.get(job.page)
            assert f"{number} of 3 files" in page.text
            assert f"file {number} &lt;b&gt;" in page.html
            assert 'http-equiv="refresh"' in page.html
            assert "1 job running" in page.text
            assert visitor.get(f"{job.page}?then=result").status == 200, "its work is not done"
        go_on.set()
    rest = events.read().decode()
    assert re.findall(r"data: (\w+)", rest)[-1] == "done"
    line.close()
    page = visitor.get(job.page)
    assert "http-equiv" not in page.html
    assert 'href="/connections">Show the result' in page.html
    assert "job running" not in page.text
    led = visitor.get(f"{job.page}?then=result")
    assert (led.status, led.location) == (303, "/connections")
    assert visitor.get(f"{job.page}.json?then=result").json["job"]["state"] == "done"


def test_a_job_stops_where_it_can(console: RunningConsole, visitor: Visitor) -> None:
    asked = Event()

    def work(job: BackgroundJob) -> None:
        job.tell("begun")
        assert asked.wait(30)
        job.tell("a safe point")
        raise AssertionError("not stopped")

    job = console.app.jobs.start("A long one", work, person="anna")
    assert "stops at its next safe point" in visitor.follow(visitor.post(f"/jobs/{job.id}/stop")).text
    asked.set()
    assert visitor.until_done(job.page)["job"]["state"] == "stopped"
    assert job.problem == {}


def test_an_error_has_its_cause_and_a_bug_says_nothing_but_that(console: RunningConsole, visitor: Visitor) -> None:
    def wrong(job: BackgroundJob) -> None:
        raise SettingsError("The file is empty.", fix="Choose another one.")

    def bug(job: BackgroundJob) -> None:
        raise ValueError(SECRET)

    page = visitor.until_done(console.app.jobs.start("Wrong", wrong, person="anna").page)
    assert page["job"]["problem"] == {"error": "The file is empty.", "fix": "Choose another one."}
    page = visitor.until_done(console.app.jobs.start("Bug", bug, person="anna").page)
    assert page["job"]["problem"]["error"] == "A bug in Intacct Bridge: ValueError"
    assert SECRET not in str(page)


def test_a_bug_is_told_where_the_console_was_started() -> None:
    told: list[BaseException] = []
    site = ConsoleApp(ConsoleSettings(), flows=FlowRunner(), report=told.append)

    def bug(job: BackgroundJob) -> None:
        raise ValueError(SECRET)

    assert site.jobs.start("Bug", bug, person="anna").over.wait(30)
    assert [str(one) for one in told] == [SECRET]


def test_only_so_many_jobs_run_at_once(user: Path) -> None:
    end = Event()

    def work(job: BackgroundJob) -> None:
        assert end.wait(30)

    with running_console() as console:
        visitor = console.signed_in()
        for _ in range(8):
            console.app.jobs.start("One of many", work, person="anna")
        refused = visitor.post("/doctor/run", {"connection": "books"})
        end.set()
        assert refused.status == 400
        assert "8 jobs are running, and no more than 8 run at once" in refused.text
