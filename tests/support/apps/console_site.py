"""A console that serves in this process, and visitors that speak HTTP to it over real sockets."""

import http.client
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from intacct_bridge.apps.console.app import ConsoleApp, ConsoleServer, ConsoleSettings
from intacct_bridge.apps.console.pages import connections
from intacct_bridge.apps.console.pages.registry import PAGES
from intacct_bridge.apps.jobs.program import FlowRunner
from intacct_bridge.apps.web.pages import Page
from intacct_bridge.connections.sources import add_connection
from intacct_emulator import CREDENTIALS

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)
_BROKEN = re.compile(r"<p\b[^>]*>(?:(?!</p>).)*?<(form|div|ul|ol|table|details|pre|p|h[1-6])\b", re.DOTALL)
"""A paragraph with a block in it: browsers end the paragraph there, and the page looks another way than it reads."""


@dataclass(frozen=True)
class Seen:
    """An answer of the console."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()
    """The name and the value of each cookie that it sets."""

    @property
    def html(self) -> str:
        return self.body.decode()

    @property
    def text(self) -> str:
        """What a person reads."""
        return " ".join(unescape(_TAGS.sub(" ", self.html)).split())

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


@dataclass
class Visitor:
    """A program that speaks HTTP and keeps one cookie, as a browser does; it adds no header by itself but Host."""

    url: str
    cookie: str = ""
    csrf: str = field(default="", repr=False)

    def get(self, path: str, **headers: str) -> Seen:
        return self.ask("GET", path, headers=headers)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}) -> Seen:
        """One request. A header with the value "-" is not sent."""
        given = {"Host": urlsplit(self.url).netloc, "Cookie": self.cookie}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in given.items() if value not in ("", "-")}
        host, port = urlsplit(self.url).hostname, urlsplit(self.url).port
        assert host is not None
        line = http.client.HTTPConnection(host, port, timeout=60)
        try:
            line.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                line.putheader(name, value)
            if body is not None and not {"content-length", "transfer-encoding"} & {one.lower() for one in sent}:
                line.putheader("Content-Length", str(len(body)))
            line.endheaders(body)
            answer = line.getresponse()
            set_cookies = tuple(v.partition(";")[0] for k, v in answer.getheaders() if k.lower() == "set-cookie")
            headers_seen = {k.lower(): v for k, v in answer.getheaders()}
            seen = Seen(answer.status, headers_seen, answer.read(), set_cookies)
        finally:
            line.close()
        if seen.headers.get("content-type", "").startswith("text/html"):
            broken = _BROKEN.search(seen.html)
            assert broken is None, f"{path}: a block within a paragraph: {broken[0][-300:]}"
        found = re.match(r"[^;]+", seen.headers.get("set-cookie", ""))
        if found:
            self.cookie = found[0]
        return seen

    def start(self, address: str) -> "Visitor":
        """Sign in with a start address, and learn the session's CSRF token from a form."""
        assert self.get(urlsplit(address).path).status == 200
        token = _CSRF.search(self.get("/").html)
        self.csrf = token[1] if token else ""
        return self

    def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Seen:
        """Send a form as a page of the console does."""
        data = {"csrf": self.csrf, **(fields or {})}
        usual = {"Origin": self.url, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({name: value for name, value in data.items() if value != "-"}).encode()
        return self.ask("POST", path, body, {**usual, **headers})

    def upload(
        self, path: str, files: Mapping[str, tuple[str, bytes]], fields: Mapping[str, str] | None = None
    ) -> Seen:
        """Send a form with files: each by its field, with a name and its bytes."""
        return self.send_files(path, [(field, name, content) for field, (name, content) in files.items()], fields)

    def send_files(
        self, path: str, files: Sequence[tuple[str, str, bytes]], fields: Mapping[str, str] | None = None
    ) -> Seen:
        """Send a form with files, several of a field too: each with its field, its name and its bytes."""
        boundary = f"part-{secrets.token_hex(8)}"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in {"csrf": self.csrf, **(fields or {})}.items()
        ]
        for name, file, content in files:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'
            parts.append(head.encode() + content + b"\r\n")
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        headers = {"Origin": self.url, "Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.ask("POST", path, body, headers)

    def follow(self, seen: Seen) -> Seen:
        """The page that a form leads to."""
        assert seen.status == 303, seen.text
        return self.get(seen.location)

    def until_done(self, page: str) -> Any:
        """The data of a job's page, once the job has ended. Its events come until then, so nothing waits by a clock."""
        page = page.partition("?")[0]
        job = self.get(f"{page}.json").json["job"]
        self.get(f"/jobs/{job['id']}/events")
        return self.get(f"{page}.json").json


@dataclass
class RunningConsole:
    """A console that serves, and how to get in."""

    server: ConsoleServer

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def app(self) -> ConsoleApp:
        return self.server.app

    def visitor(self) -> Visitor:
        """Someone who has not signed in."""
        return Visitor(self.url)

    def signed_in(self) -> Visitor:
        """Someone who opened a start address."""
        return self.visitor().start(self.server.start_address())

    def sign_in(self, page: Any) -> Any:
        """Open a start address in a page of a browser; the page, which that address leads to Home."""
        page.goto(self.server.start_address())
        page.wait_for_url(f"{self.url}/")
        return page


@contextmanager
def running_console(*, pages: Sequence[Page] = PAGES, **settings: Any) -> Iterator[RunningConsole]:
    """A console with these settings of `ConsoleSettings`. Its forms wait a minute for a sign-in on a busy machine."""
    app = ConsoleApp(ConsoleSettings(**{"person": "anna", **settings}), flows=FlowRunner())
    with pytest.MonkeyPatch.context() as patch, ConsoleServer(app, pages) as server:
        patch.setattr(connections, "_WAIT", 60.0)
        yield RunningConsole(server)


def job_id(address: str) -> str:
    """The id of the job whose page has this address."""
    return urlsplit(address).path.rpartition("/")[2]


def save_connection(name: str, endpoint: str, path: Path | None = None, **more: Any) -> None:
    """A connection to an emulated company in the user's intacct.toml, or in `path`."""
    add_connection(name, {**CREDENTIALS, "endpoint": endpoint, "environment": "demo", **more}, path=path)
