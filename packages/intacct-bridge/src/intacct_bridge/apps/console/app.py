"""The console as a web application: its settings, who may use it, and the routes of its pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from intacct_bridge.apps.console.sign_in import ConsoleCheck
from intacct_bridge.apps.web.app import job_events, job_pages, nothing, page_routes
from intacct_bridge.apps.web.jobs import Report
from intacct_bridge.apps.web.pages import Page, WebApp
from intacct_bridge.apps.web.rendering import STATIC
from intacct_bridge.apps.web.security import SecurityMiddleware
from intacct_bridge.apps.web.server import ThreadedServer, address_of, listen
from intacct_bridge.apps.web.sessions import Sessions, VisitorSession
from intacct_bridge.apps.web.uploads import LARGEST_UPLOAD
from intacct_bridge.operations.flows import FlowProgram

IDLE_MINUTES = 30
_GROUPS = (
    ("", ("/",)),
    ("Connect", ("/connections", "/setup", "/doctor")),
    ("Read", ("/browse", "/extract", "/reporting", "/reconcile")),
    ("Write", ("/load", "/approvals", "/outbox")),
    ("Operate", ("/flows", "/runs", "/dead-letters")),
)
"""The groups of the navigation and the pages in each."""


@dataclass(frozen=True, slots=True)
class TeamMode:
    """A reverse proxy in front that signs people in."""

    header: str
    """The header with the person's name."""
    secret: str = field(repr=False)
    """What the proxy sends in `SECRET_HEADER`, so that other programs cannot name a person."""


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What `intacct console` was told."""

    read_only: bool = False
    hosts: tuple[str, ...] = ()
    """The names of other hosts by which browsers may address it."""
    team: TeamMode | None = None
    idle_seconds: float = IDLE_MINUTES * 60
    largest_upload: int = LARGEST_UPLOAD
    administrators: tuple[str, ...] = ()
    """In team mode: who may change connections."""
    person: str = ""
    """Who acts if there is no sign-in: the account of the operating system."""
    connection: str = ""
    """The connection that pages propose first."""


class ConsoleApp(WebApp):
    """One running console."""

    templates = Path(__file__).parent / "templates"

    def __init__(
        self,
        settings: ConsoleSettings,
        *,
        flows: FlowProgram,
        report: Report = lambda _: None,
    ) -> None:
        super().__init__(report=report)
        self.settings = settings
        self.sessions = Sessions(idle_seconds=settings.idle_seconds)
        self.read_only = settings.read_only
        self.largest_upload = settings.largest_upload
        self.proposed_connection = settings.connection
        self._flows = flows

    @property
    def flows(self) -> FlowProgram:
        """What carries out flows."""
        return self._flows

    def may_configure(self, person: str) -> bool:
        """In team mode only administrators may."""
        return self.settings.team is None or person in self.settings.administrators

    def sign_out(self, session: VisitorSession) -> None:
        """End a visitor's session."""
        self.sessions.end(session)

    def groups(self, pages: Sequence[Page]) -> Sequence[tuple[str, Sequence[Page]]]:
        """The pages of the navigation; a page that no group names is in the last one."""
        grouped = {path: label for label, paths in _GROUPS for path in paths}
        groups: dict[str, list[Page]] = {label: [] for label, _ in _GROUPS}
        for page in pages:
            if page.nav:
                groups[grouped.get(page.path, _GROUPS[-1][0])].append(page)
        return [(label, group) for label, group in groups.items() if group]


def console_asgi(app: ConsoleApp, pages: Sequence[Page]) -> ASGIApp:
    """The console as an ASGI application, with its check in front."""
    every = (*pages, *job_pages())
    routes: list[BaseRoute] = [
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/jobs/{id}/events", job_events(app), methods=["GET"]),
        *page_routes(app, every),
        Route("/{rest:path}", nothing(app, every), methods=["GET", "POST"]),
    ]
    return SecurityMiddleware(Starlette(routes=routes), ConsoleCheck(app), static="/static/")


class ConsoleServer(ThreadedServer):
    """A console that serves."""

    def __init__(self, app: ConsoleApp, pages: Sequence[Page], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.app = app
        listener = listen(host, port, only_loopback=app.settings.team is None)
        self.url, app.port = address_of(listener)
        """Its address, without a path."""
        super().__init__(console_asgi(app, pages), listener, what="console")

    def start_address(self) -> str:
        """An address that signs in one browser, once."""
        return f"{self.url}/start/{self.app.sessions.new_token()}"

    def close(self) -> None:
        """Ask jobs to stop, finish open requests, and stop serving."""
        self.app.close()
        super().close()
