"""The server of a fleet: the credential page and the JSON interface in one process."""

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from intacct_bridge.apps.fleet_site.check import PAGE, FleetCheck
from intacct_bridge.apps.fleet_site.credential_page import PAGES
from intacct_bridge.apps.fleet_site.interface import interface_routes
from intacct_bridge.apps.fleet_site.link_pages import LinkPages, csrf_of, refused, session_key
from intacct_bridge.apps.fleet_site.site import AwayError, FleetApp, FullDiskError, LinkVisitor
from intacct_bridge.apps.terminal.failures import is_of_full_disk
from intacct_bridge.apps.web.app import job_events, nothing, page_routes
from intacct_bridge.apps.web.rendering import STATIC
from intacct_bridge.apps.web.security import SecurityMiddleware
from intacct_bridge.apps.web.server import ThreadedServer, address_of, listen
from intacct_protocol.errors import SettingsError, UnreachableError


class FleetServer(ThreadedServer):
    """What a fleet serves, in a thread of its own."""

    def __init__(self, app: FleetApp, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.app = app
        listener = listen(host, port, only_loopback=False)
        self.url, app.port = address_of(listener)
        """Its address, without a path."""
        super().__init__(fleet_asgi(app), listener, what="fleet's server")

    def close(self) -> None:
        """Ask checks to stop, finish open requests, and stop serving."""
        self.app.close()
        super().close()


def fleet_asgi(app: FleetApp) -> ASGIApp:
    """The credential page and the JSON interface as an ASGI application, with the check in front."""
    inside: list[BaseRoute] = [
        Route(f"{PAGE}/jobs/{{id}}/events", job_events(app), methods=["GET"]),
        *page_routes(app, PAGES, as_data=False),
        Route("/{rest:path}", nothing(app, PAGES), methods=["GET", "POST"]),
    ]
    routes: list[BaseRoute] = [
        Mount(f"{PAGE}/static", StaticFiles(directory=STATIC)),
        *LinkPages(app).routes(),
        *interface_routes(app),
        Mount("/", _InSession(Starlette(routes=inside), app)),
    ]

    def away(_request: Request, error: Exception) -> Response:
        shown = app.shown_error(error)
        assert isinstance(shown, AwayError)
        return refused(app, 503, "Not available", shown.message, shown.fix)

    def full(_request: Request, error: Exception) -> Response:
        if not is_of_full_disk(error):
            raise error
        shown = app.shown_error(error)
        assert isinstance(shown, FullDiskError)
        return refused(app, HTTPStatus.INSUFFICIENT_STORAGE, "Not possible now", shown.message, shown.fix)

    application = Starlette(routes=routes, exception_handlers={UnreachableError: away, SettingsError: full})
    return SecurityMiddleware(application, FleetCheck(app), static=f"{PAGE}/static/")


class _InSession:
    """Lets a request through that carries the cookie of a page's session."""

    def __init__(self, application: ASGIApp, app: FleetApp) -> None:
        self._application = application
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        visitor = await run_in_threadpool(self._visitor, Request(scope))
        if visitor is None:
            text = "Open your invitation link first. The page stays open for one hour."
            fix = f"Ask {self._app.vendor} for a new link. What was checked and kept stays."
            answer = refused(self._app, 401, "The session is over", text, fix, close=True)
            return await answer(scope, receive, send)
        scope["session"] = visitor
        return await self._application(scope, receive, send)

    def _visitor(self, request: Request) -> LinkVisitor | None:
        key = session_key(self._app, request)
        session = self._app.session(key)
        if session is None:
            return None
        return LinkVisitor(key, session.tenant, csrf_of(key), 0.0, ends=session.ends)
