"""The recipes with other systems, run as their pages have them: a REST interface, and a folder that files arrive in."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.http_reader import HttpReader
from support.journeys.sftp_server import sftp_server
from support.repository import DOCS


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / "recipes" / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


class Salesforce:
    """Accounts by their external id, and opportunities to query, behind the paths of Salesforce's REST interface."""

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}
        self.calls = 0
        self.opportunities: list[dict[str, Any]] = []

    @contextmanager
    def served(self) -> Iterator[str]:
        salesforce = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self, status: int, document: Any = None) -> None:
                body = b"" if document is None else json.dumps(document).encode()
                self.send_response(status if self.headers["Authorization"] == "Bearer secret" else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_PATCH(self) -> None:
                *_, field, key = self.path.split("/")
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                salesforce.calls += 1
                new = key not in salesforce.accounts
                salesforce.accounts[key] = {field: key, **body}
                self._answer(201 if new else 204, {"success": True} if new else None)

            def do_GET(self) -> None:
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["q"][0]
                assert query.startswith("SELECT Id, Name, Amount")
                self._answer(200, {"done": True, "records": salesforce.opportunities})

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


class Desk:
    """A folder with the company's settings in its environment."""

    def __init__(self, folder: Path, reader: HttpReader) -> None:
        self.folder, self.reader = folder, reader
        self.environ = {
            **os.environ,
            **reader.environ,
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PYTHONPATH": str(folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.folder, env={**self.environ, **environ}, capture_output=True, text=True, check=False
        )


@pytest.fixture
def desk(tmp_path: Path, demo: Emulator) -> Iterator[Desk]:
    with serve(demo) as server:
        yield Desk(tmp_path, HttpReader(server.url))


def test_customers_go_to_salesforce_and_opportunities_become_invoices_once(desk: Desk) -> None:
    accounts, invoices = blocks("salesforce.md", "python")
    (watch,) = (line.removeprefix("$ ").strip() for line in blocks("salesforce.md", "console"))
    (desk.folder / "accounts.py").write_text(accounts)
    (desk.folder / "invoices.py").write_text(invoices)
    salesforce = Salesforce()
    with salesforce.served() as address:
        there = {"SF": address, "TOKEN": "secret"}
        ran = desk.run("sh", "-c", watch, **there)
        assert ran.returncode == 0, ran.stderr
        names = {row["CUSTOMERID"]: row["NAME"] for row in desk.reader.rows("CUSTOMER", "CUSTOMERID", "NAME")}
        assert {key: account["Name"] for key, account in salesforce.accounts.items()} == names
        calls = salesforce.calls
        customer = next(iter(names))
        changed = desk.run("intacct", "update", "CUSTOMER", customer, "NAME=Renamed", "--yes")
        assert changed.returncode == 0, changed.stderr
        assert desk.run("sh", "-c", watch, **there).returncode == 0
        assert (salesforce.calls, salesforce.accounts[customer]["Name"]) == (calls + 1, "Renamed")

        salesforce.opportunities = [
            {"Id": f"006{n}", "Name": f"Deal {n}", "Amount": 1000.5, "CloseDate": "2026-11-12",
             "Intacct_Customer__c": customer if n else "NOBODY"}
            for n in range(3)
        ]  # fmt: skip
        for _ in range(2):
            ran = desk.run(sys.executable, "invoices.py", **there)
            assert ran.returncode == 0, ran.stderr
        for n, number in enumerate([0, 1, 1]):
            assert len(desk.reader.rows("ARINVOICE", "RECORDNO", RECORDID=f"SF-006{n}")) == number
        salesforce.opportunities[1]["Amount"] = 999
        assert desk.run(sys.executable, "invoices.py", **there).returncode == 0
        (invoice,) = desk.reader.rows("ARINVOICE", "TRX_TOTALENTERED", RECORDID="SF-0061")
        assert invoice["TRX_TOTALENTERED"] == "1000.5"


BILL = (
    "VENDORID,BILLNO,DATE,DUE,ACCOUNTNO,AMOUNT,LOCATION,DEPARTMENT\n"
    "{vendor},{number},2026-11-12,2026-12-12,60100,10.00,110,300\n"
)


def test_each_file_of_a_folder_is_loaded_once_and_moved(desk: Desk) -> None:
    script, _ = blocks("folder.md", "sh")
    (desk.folder / "take.sh").write_text(script)
    arrivals = desk.folder / "upload" / "in"
    arrivals.mkdir(parents=True)
    (arrivals / "a.csv").write_text(BILL.format(vendor="V10001", number="F-1"))
    (arrivals / "b c.csv").write_text(BILL.format(vendor="NOBODY", number="F-2"))

    def take(**environ: str) -> int:
        return desk.run("sh", "take.sh", str(desk.folder / "upload"), **environ).returncode

    def files(name: str) -> list[str]:
        return sorted(path.name for path in (desk.folder / "upload" / name).iterdir())

    assert take() == 1
    assert (files("in"), files("done")) == ([], ["a.csv"])
    assert files("failed") == ["b c.csv", "b c.log", "b c.refused.csv"]
    assert len(desk.reader.rows("APBILL", "RECORDNO", RECORDID="F-1")) == 1

    (arrivals / "a-again.csv").write_text(BILL.format(vendor="V10001", number="F-1"))
    (arrivals / "d.csv").write_text(BILL.format(vendor="V10002", number="F-3"))
    assert take(INTACCT_ENDPOINT_URL="http://127.0.0.1:9/ia/xml/xmlgw.phtml", INTACCT_MAX_RETRIES="0") == 4
    assert files("in") == ["a-again.csv", "d.csv"]
    assert take() == 0
    assert files("in") == []
    assert [len(desk.reader.rows("APBILL", "RECORDNO", RECORDID=number)) for number in ("F-1", "F-3")] == [1, 1]


def test_files_of_an_sftp_server_are_fetched_whole_and_posted_once(desk: Desk) -> None:
    """OpenSSH's client and a real server. A name that would be a command, and a file under way, stay there."""
    pytest.importorskip("asyncssh", reason="needs the package asyncssh")
    client = shutil.which("sftp")
    if client is None:
        pytest.skip("needs the sftp program of OpenSSH")
    take, fetch = blocks("folder.md", "sh")
    (desk.folder / "take.sh").write_text(take)
    (desk.folder / "fetch.sh").write_text(fetch)
    outgoing, upload = desk.folder / "remote" / "outgoing", desk.folder / "upload"
    outgoing.mkdir(parents=True)
    upload.mkdir()
    hostile = 'x" "..csv'
    for name, number in (("a.csv", "S-1"), ("b c.csv", "S-2"), ("d.csv.part", "S-3"), (hostile, "S-4")):
        (outgoing / name).write_text(BILL.format(vendor="V10001", number=number))

    def files(folder: Path) -> list[str]:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))

    def posted() -> list[int]:
        numbers = (f"S-{number}" for number in range(1, 5))
        return [len(desk.reader.rows("APBILL", "RECORDNO", RECORDID=number)) for number in numbers]

    with sftp_server(desk.folder / "remote", desk.folder / "keys", client) as programs:
        paths = {"PATH": f"{programs}{os.pathsep}{desk.environ['PATH']}"}

        def run(server: str = "bridge@files.example.org") -> tuple[int, int]:
            fetched = desk.run("sh", "fetch.sh", server, "/outgoing", str(upload), **paths)
            return fetched.returncode, desk.run("sh", "take.sh", str(upload), **paths).returncode

        assert run() == (0, 0)
        assert files(outgoing) == sorted([hostile, "d.csv.part"])
        assert (files(upload / "done"), files(upload / "in")) == (["a.csv", "b c.csv"], [])
        assert posted() == [1, 1, 0, 0]
        (outgoing / "a.csv").write_text(BILL.format(vendor="V10001", number="S-1"))  # as after a broken `rm`
        (outgoing / "d.csv.part").rename(outgoing / "d.csv")
        assert run("bridge@nowhere.invalid") == (4, 0)
        assert files(outgoing) == sorted([hostile, "a.csv", "d.csv"])
        assert run() == (0, 0)
        assert posted() == [1, 1, 1, 0]
    assert files(upload / "arriving") == []
