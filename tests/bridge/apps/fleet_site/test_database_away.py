"""The fleet's database is away: each address answers 503 and asks to try again, and the vendor is told once."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from intacct_bridge.apps.fleet_site.link_pages import csrf_of
from intacct_protocol.errors import UnreachableError
from support.apps.fleet_site import Administrator, RunningFleet, running_fleet
from support.postgres_server import RunningPostgres, running_postgres

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="stops a server by signals")]

SECONDS = 0.75
PAGES = ("/connect", "/connect/start", "/connect/jobs/none/events")
ADDRESSES = ("/tenants", "/tenants/acme", "/status", "/usage", "/tenants/acme/runs", "/tenants/acme/status")


@contextmanager
def killed(server: RunningPostgres) -> Iterator[None]:
    """A server that is killed, and started again."""
    server.kill()
    try:
        yield
    finally:
        server.restart()


@contextmanager
def frozen(server: RunningPostgres) -> Iterator[None]:
    """A server that takes connections and answers nothing, as behind a network that loses everything."""
    postmaster = server._server.get_pid()
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text("ascii").split()
    processes = [postmaster, *map(int, children)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def begun(served: RunningFleet, link: str) -> Administrator:
    """A browser in which a link has been opened."""
    visitor = served.administrator()
    assert visitor.open(link).status == 200
    return visitor


@pytest.mark.parametrize("away", [killed, frozen])
def test_every_address_answers_503_and_the_vendor_is_told_once(away: object) -> None:
    with running_postgres() as server, running_fleet(server.uri, database_seconds=SECONDS) as served:
        served.fleet.add("acme", flows={"nightly": {"command": "extract", "to": "jsonl:out"}})
        unused = served.fleet.link("acme")
        visitor = begun(served, served.link("acme"))
        page = visitor.cookie
        served.reported.clear()
        with away(server):  # type: ignore[operator]
            for path in (*PAGES, f"/connect/link/{unused}"):
                visitor.cookie = f"{page}; intacct-link-{served.app.port}={unused}"
                seen = visitor.get(path)
                assert (path, seen.status) == (path, 503), seen.html
                assert "Try again" in seen.html
                assert "postgres" not in seen.html
            assert visitor.post("/connect/check").status == 503
            visitor.csrf = csrf_of(unused)
            assert visitor.post("/connect/start").status == 503
            for address in ADDRESSES:
                answer = served.ask("GET", address)
                assert (address, answer.status) == (address, 503)
                assert "Try again" in answer.json["error"]["fix"]
            answer = served.ask("POST", "/tenants/acme/runs", {"flow": "nightly"})
            assert answer.status == 503
            assert [type(one) for one in served.reported] == [UnreachableError]
        while served.ask("GET", "/tenants").status == 503:
            pass
        assert visitor.get("/connect").status == 200
        assert served.ask("GET", "/tenants/acme/runs").json["runs"] == []
        assert [type(error) for error in served.reported].count(UnreachableError) == 1
