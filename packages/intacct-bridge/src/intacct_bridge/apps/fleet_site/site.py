"""The server of a fleet as a web application: its settings, the fleet, and the addresses under which it answers."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from intacct_bridge.apps.terminal.failures import is_of_full_disk
from intacct_bridge.apps.web.jobs import Report
from intacct_bridge.apps.web.pages import WebApp
from intacct_bridge.apps.web.security import LOOPBACK, host_of
from intacct_bridge.apps.web.sessions import VisitorSession
from intacct_bridge.operations.fleets import Fleet, PageSession, PageState, is_in_force
from intacct_protocol.errors import SettingsError, TransientError, UnreachableError

SESSION_LASTS = timedelta(hours=1)
"""How long the credential page stays open after a link was used."""
_TOLD_AGAIN = 600.0
"""Seconds after which the log names a full disk again."""
_CHECKS_AT_ONCE = 100
"""A check of a company that hangs holds one of them, so there are many; each is a thread that waits."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What `intacct fleet serve` was told."""

    token: str = field(repr=False)
    """The bearer token of the JSON interface."""
    public_address: str = ""
    """The address by which administrators reach the credential page, such as `https://connect.example.com`; empty:
    this machine's own."""
    vendor: str = ""
    """The name of the company that connects its customers, as the credential page shows it."""
    hosts: tuple[str, ...] = ()
    """Further host names under which the JSON interface answers."""
    database_seconds: float = 0.75
    """How long a request waits for the fleet's database, once or twice."""


class AwayError(TransientError):
    """The fleet's database does not answer now."""

    def __init__(self) -> None:
        super().__init__("This cannot be answered at the moment. Nothing was changed.", fix="Try again in a minute.")


class FullDiskError(SettingsError):
    """The fleet's database, or this machine, has no room."""

    def __init__(self) -> None:
        super().__init__(
            "The server has no room on its disk. Nothing was changed.",
            fix="Try again later. The server's log says which disk is full.",
        )


@dataclass(slots=True)
class LinkVisitor(VisitorSession):
    """A browser in which a tenant's link was used; its person is the tenant."""

    ends: datetime | None = None


class FleetApp(WebApp):
    """What all requests share."""

    templates = Path(__file__).parent / "templates"
    frame = "credential_frame.html"

    def __init__(
        self, fleet: Fleet, pages: PageState, settings: ServeSettings, *, report: Report = lambda _: None
    ) -> None:
        super().__init__(report=report, jobs_at_once=_CHECKS_AT_ONCE)
        self.fleet = fleet
        self.pages = pages
        self.settings = settings
        self.public = public_origin(settings.public_address) if settings.public_address else ""
        fleet.answer_within(settings.database_seconds)
        pages.answer_within(settings.database_seconds)
        self._is_away = False
        """Whether the last request found the fleet's database away."""
        self._full_is_told_from = 0.0

    def session(self, key: str) -> PageSession | None:
        """The session of the credential page with that key; None once its link was ended, or its tenant removed."""
        session = self.pages.session(key) if key else None
        is_open = session is not None and is_in_force(self.fleet, session.link)
        self.database_answered()
        return session if is_open else None

    def database_answered(self) -> None:
        """Note that the fleet's database is not away, so that its next outage is told again."""
        self._is_away = False

    def shown_error(self, error: Exception) -> Exception:
        """The error as a stranger may see it. That the database is away is told to the vendor once for each outage,
        and that a disk is full once in ten minutes.
        """
        if is_of_full_disk(error):
            if monotonic() > self._full_is_told_from:
                self._full_is_told_from = monotonic() + _TOLD_AGAIN
                self.report(error)
            shown = FullDiskError()
            shown.__cause__ = error
            return shown
        if not isinstance(error, UnreachableError):
            return error
        if not self._is_away:
            self._is_away = True
            self.report(error)
        return AwayError()

    @property
    def vendor(self) -> str:
        """The vendor's name, as the page and messages have it."""
        return self.settings.vendor or "the vendor"

    @property
    def address(self) -> str:
        """The address that links begin with, without a slash at its end."""
        return self.public or f"http://127.0.0.1:{self.port}"

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it by https only."""
        return self.public.startswith("https://")

    def serves_page_under(self, host: str) -> bool:
        """Whether a Host header names the credential page."""
        if self.public:
            return host.lower() == urlsplit(self.public).netloc
        return self._is_this_machine(host)

    def serves_interface_under(self, host: str) -> bool:
        """Whether a Host header names the JSON interface: never the public address, which strangers reach."""
        if self.public and host.lower() == urlsplit(self.public).netloc and not self._is_this_machine(host):
            return False
        return self._is_this_machine(host) or host_of(host)[0] in {name.lower() for name in self.settings.hosts}

    def _is_this_machine(self, host: str) -> bool:
        name, port = host_of(host)
        return name in LOOPBACK and port == self.port


def public_origin(address: str) -> str:
    """A public address as browsers name its origin. SettingsError for one that is not https, or has a path."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    local = host in ("localhost", "127.0.0.1", "::1")
    if (
        not host
        or parts.scheme not in ("https", "http")
        or parts.path not in ("", "/")
        or parts.query
        or parts.username
    ):
        raise SettingsError(
            f"the public address {address!r} is not the address of a site",
            fix="Write it as https://connect.example.com, without a path.",
            setting="public_address",
        )
    if parts.scheme == "http" and not local:
        raise SettingsError(
            f"the public address {address!r} is not encrypted, so others could read the passwords",
            fix="Use https. Plain http is accepted only for this machine.",
            setting="public_address",
        )
    usual = {"https": 443, "http": 80}[parts.scheme]
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port not in (None, usual) else "")
