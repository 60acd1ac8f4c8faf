"""The server of a fleet: the credential page and the JSON interface in one process."""

from typing import TYPE_CHECKING

from intacct_bridge.apps.console.app import job_events, nothing, page_routes
from intacct_bridge.apps.console.guard import Asgi, Receive, Scope, Send
from intacct_bridge.apps.console.rendering import STATIC
from intacct_bridge.apps.console.server import ThreadedServer, address_of, listen
from intacct_bridge.apps.fleet_site.credential_page import PAGES
from intacct_bridge.apps.fleet_site.guard import PAGE, FleetGuard
from intacct_bridge.apps.fleet_site.interface import interface_app
from intacct_bridge.apps.fleet_site.link_pages import LinkPages, csrf_of, refused, session_key
from intacct_bridge.apps.fleet_site.site import FleetSite, LinkVisitor

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute


class FleetServer(ThreadedServer):
    """What a fleet serves, in a thread of its own."""

    def __init__(self, site: FleetSite, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.site = site
        listener = listen(host, port, only_loopback=False)
        self.url, site.port = address_of(listener)
        """Its address, without a path."""
        super().__init__(fleet_app(site), listener, what="fleet's server")

    def close(self) -> None:
        """Ask checks to stop, finish open requests, and stop serving."""
        self.site.close()
        super().close()


def fleet_app(site: FleetSite) -> Asgi:
    """The credential page and the JSON interface as an ASGI application, with the guard in front."""
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    inside: list[BaseRoute] = [
        Route(f"{PAGE}/jobs/{{id}}/events", job_events(site), methods=["GET"]),
        *page_routes(site, PAGES, as_data=False),
        Route("/{rest:path}", nothing(site, PAGES), methods=["GET", "POST"]),
    ]
    routes: list[BaseRoute] = [
        Mount(f"{PAGE}/static", StaticFiles(directory=STATIC)),
        *LinkPages(site).routes(),
        Mount("/", _InSession(Starlette(routes=inside), site)),
    ]
    return FleetGuard(Starlette(routes=routes), interface_app(site), site)


class _InSession:
    """Lets a request through that carries the cookie of a page's session."""

    def __init__(self, application: Asgi, site: FleetSite) -> None:
        self._application = application
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from starlette.concurrency import run_in_threadpool
        from starlette.requests import Request

        visitor = await run_in_threadpool(self._visitor, Request(scope))
        if visitor is None:
            text = "This page is open only after its link was used, and only for a time."
            answer = refused(self._site, 401, "The session is over", text, self._new_link, close=True)
            return await answer(scope, receive, send)
        scope["session"] = visitor
        return await self._application(scope, receive, send)

    @property
    def _new_link(self) -> str:
        return f"Ask {self._site.vendor} for a new link. What was checked and kept stays."

    def _visitor(self, request: "Request") -> LinkVisitor | None:
        key = session_key(self._site, request)
        session = self._site.session(key)
        if session is None:
            return None
        return LinkVisitor(key, session.tenant, csrf_of(key), 0.0, ends=session.ends)
