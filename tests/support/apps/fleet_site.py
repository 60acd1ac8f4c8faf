"""What a fleet serves, in this process: its administrators as visitors, and the vendor's program."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from intacct_bridge.apps.fleet_site.server import FleetServer
from intacct_bridge.apps.fleet_site.site import FleetApp, ServeSettings
from intacct_bridge.fleet.fleet import Fleet
from intacct_bridge.fleet.page_state import PageState
from intacct_bridge.fleet.sealing import FleetKeys
from support.apps.console_site import Seen, Visitor

TOKEN = "a-bearer-token-of-the-vendor"
KEY = "ifk1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SENDER_PASSWORD = "demo-sender-password"


@dataclass
class Administrator(Visitor):
    """A browser of a tenant's administrator."""

    def open(self, address: str) -> Seen:
        """Open a link, and press its button: the credential page."""
        seen = self.follow(self.get(urlsplit(address).path))
        if seen.status != 200:
            return seen
        self.learn(seen)
        seen = self.follow(self.post("/connect/start"))
        return self.learn(seen)

    def learn(self, seen: Seen) -> Seen:
        """Take the CSRF token of a page's form."""
        found = seen.html.partition('name="csrf" value="')[2].partition('"')[0]
        self.csrf = found or self.csrf
        return seen

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}) -> Seen:
        """One request; the cookie that the answer sets last with a value is kept beside the others."""
        before = self.cookie
        seen = super().ask(method, path, body, headers)
        jar = dict(one.split("=", 1) for one in (before.split("; ") if before else []))
        for one in seen.cookies:
            name, _, value = one.partition("=")
            jar[name] = value
            if value in ("", '""'):
                del jar[name]
        self.cookie = "; ".join(f"{name}={value}" for name, value in jar.items())
        return seen

    def entered(self, **fields: str) -> Seen:
        """Send the form, and wait for the end of the check: the page after it."""
        seen = self.post("/connect/save", fields)
        return self.checked(seen) if seen.status == 303 else seen

    def again(self) -> Seen:
        """Check again."""
        seen = self.post("/connect/check")
        return self.checked(seen) if seen.status == 303 else seen

    def checked(self, seen: Seen) -> Seen:
        """The page after a check: its events come until it ends."""
        page = self.follow(seen)
        events = page.html.partition('data-events="')[2].partition('"')[0]
        if events:
            self.get(events)
        return self.get("/connect")


@dataclass
class RunningFleet:
    """A fleet that is served."""

    server: FleetServer
    fleet: Fleet
    reported: list[BaseException]
    """What the vendor's terminal was told."""

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def app(self) -> FleetApp:
        return self.server.app

    def link(self, tenant: str, **more: Any) -> str:
        """A link to the credential page."""
        return f"{self.url}/connect/link/{self.fleet.link(tenant, **more)}"

    def administrator(self) -> Administrator:
        """A browser that has opened nothing yet."""
        return Administrator(self.url)

    def ask(self, method: str, path: str, body: Any = None, *, token: str = TOKEN, **headers: str) -> Seen:
        """One request of the vendor's program to the JSON interface."""
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {token}" if token else "-", **headers}
        return Visitor(self.url).ask(method, f"/api/v1{path}", sent, given)


@contextmanager
def running_fleet(uri: str, **settings: Any) -> Iterator[RunningFleet]:
    """A served fleet in a database of its own schemas, whose tenants share the sender of the emulator."""
    fleet = Fleet.open(uri, FleetKeys.of(KEY))
    fleet.share_secrets({"sender_password": SENDER_PASSWORD})
    pages = PageState(fleet.registry.place)
    reported: list[BaseException] = []
    app = FleetApp(
        fleet, pages, ServeSettings(**{"token": TOKEN, "database_seconds": 30.0, **settings}), report=reported.append
    )
    try:
        with FleetServer(app) as server:
            yield RunningFleet(server, fleet, reported)
    finally:
        pages.close()
        fleet.close()
