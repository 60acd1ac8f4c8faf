"""The application: the routes of the pages, their forms and their data, the jobs, and the static files."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.access import same_secret
from intacct_bridge.apps.console.guard import Asgi, Guard
from intacct_bridge.apps.console.jobs import problem_of
from intacct_bridge.apps.console.rendering import STATIC, render, render_json
from intacct_bridge.apps.console.site import Site
from intacct_bridge.apps.console.uploads import BodyTooLargeError, read_form
from intacct_bridge.apps.console.visit import (
    Answer,
    ConsolePage,
    Download,
    NotAllowedError,
    NotFoundError,
    PageView,
    Redirect,
    Visit,
)
from intacct_bridge.apps.terminal.failures import explained
from intacct_protocol.errors import IntacctError, InvalidRequestError, SettingsError, TransientError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

_EVENT_SECONDS = 0.3
"""How often a job is looked at for its events."""
_JSON = "application/json"
_GROUPS = (
    ("", ("/",)),
    ("Connect", ("/connections", "/setup", "/doctor")),
    ("Read", ("/browse", "/extract", "/reporting", "/reconcile")),
    ("Write", ("/load", "/approvals", "/outbox")),
    ("Operate", ("/flows", "/runs", "/dead-letters")),
)
"""The groups of the navigation and the pages in each."""
_STATUSES: Mapping[type[IntacctError], int] = {
    NotFoundError: 404,
    NotAllowedError: 403,
    BodyTooLargeError: 413,
    SettingsError: 400,
    TransientError: 503,
    IntacctError: 502,
}
"""The status of an answer by the kind of its error, the nearest kind first."""


def console_app(site: Site, pages: Sequence[ConsolePage]) -> Asgi:
    """The console as an ASGI application, with its guard in front."""
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    every = (*pages, *_job_pages())
    routes: list[BaseRoute] = [
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/jobs/{id}/events", job_events(site), methods=["GET"]),
        *page_routes(site, every),
        Route("/{rest:path}", nothing(site, every), methods=["GET", "POST"]),
    ]
    return Guard(Starlette(routes=routes), site)


def page_routes(site: Site, pages: Sequence[ConsolePage], *, as_data: bool = True) -> "list[BaseRoute]":
    """The routes of pages and of their forms; with `as_data` those of their data too."""
    from starlette.routing import Route

    routes: list[BaseRoute] = []
    for page in pages:
        if as_data and not page.is_file:
            routes.append(Route(page.json_path, _shown(site, pages, page, as_json=True), methods=["GET"]))
        for action, act in page.actions.items():
            routes.append(Route(page.address(action), _acted(site, pages, page, act), methods=["POST"]))
    routes += [Route(page.path, _shown(site, pages, page, as_json=False), methods=["GET"]) for page in pages]
    return routes


def _job_pages() -> tuple[ConsolePage, ...]:
    def show(visit: Visit) -> PageView:
        job = visit.site.jobs.find(visit.params["id"], visit.person)
        if job is None:
            raise NotFoundError("There is no such job.", fix="Jobs end with the console. What they did is in the runs.")
        renewal = job.renewal()
        return PageView("job.html", {"job": job.data()}, title=job.title, **renewal)

    def stop(visit: Visit) -> Redirect:
        job = visit.site.jobs.find(visit.params["id"], visit.person)
        if job is None:
            raise NotFoundError("There is no such job.")
        job.is_asked_to_stop = True
        return visit.redirect(job.page, notice="The job stops at its next safe point.")

    def listed(visit: Visit) -> PageView:
        return PageView("jobs.html", {"jobs": [job.data() for job in visit.site.jobs.of(visit.person)]})

    return (ConsolePage("/jobs", "Jobs", listed), ConsolePage("/jobs/{id}", "Job", show, actions={"stop": stop}))


def _visit(site: Site, request: "Request") -> Visit:
    return Visit(site, request.scope["session"], request.url.path, request.path_params, dict(request.query_params))


def _shown(site: Site, pages: Sequence[ConsolePage], page: ConsolePage, *, as_json: bool) -> Callable[["Request"], Any]:
    from starlette.concurrency import run_in_threadpool

    async def show(request: "Request") -> "Response":
        visit = _visit(site, request)
        return await run_in_threadpool(_answered, visit, pages, page, lambda: page.show(visit), as_json=as_json)

    return show


def _acted(
    site: Site, pages: Sequence[ConsolePage], page: ConsolePage, act: Callable[[Visit], Answer]
) -> Callable[["Request"], Any]:
    from starlette.concurrency import run_in_threadpool

    async def post(request: "Request") -> "Response":
        visit = _visit(site, request)
        try:
            most = site.settings.largest_upload if page.takes_files else page.largest_body
            visit.form, done = await read_form(request, most=most)
        except SettingsError as error:
            answer = await run_in_threadpool(_answered, visit, pages, page, _raiser(error), as_json=False)
            answer.headers["connection"] = "close"
            return answer
        try:
            if not same_secret(visit.secret("csrf"), visit.session.csrf):
                forged = SettingsError(
                    "The form does not carry the token of this session. Nothing was done.",
                    fix="Open the page again and send the form from there.",
                )
                return await run_in_threadpool(
                    _answered, visit, pages, page, _raiser(forged), as_json=False, status=403
                )
            return await run_in_threadpool(_answered, visit, pages, page, lambda: act(visit), as_json=False)
        finally:
            await done()

    return post


def _raiser(error: IntacctError) -> Callable[[], Answer]:
    def fail() -> Answer:
        raise error

    return fail


def nothing(site: Site, pages: Sequence[ConsolePage]) -> Callable[["Request"], Any]:
    """The page of an address that has none."""

    async def missing(request: "Request") -> "Response":
        error = NotFoundError("There is no page under this address.", fix="Choose a page in the navigation.")
        visit = _visit(site, request)
        return _answered(visit, pages, None, _raiser(error), as_json=request.url.path.endswith(".json"))

    return missing


def _answered(
    visit: Visit,
    pages: Sequence[ConsolePage],
    page: ConsolePage | None,
    work: Callable[[], Answer],
    *,
    as_json: bool,
    status: int = 0,
) -> "Response":
    """The response for what a page answers, or for the error that it ends with."""
    from starlette.responses import RedirectResponse, Response, StreamingResponse

    try:
        answer = work()
    except Exception as error:
        answer = _problem(visit, error, status)
    if isinstance(answer, Redirect):
        inside = answer.address.startswith("/") and not answer.address.startswith(("//", "/\\"))
        return RedirectResponse(answer.address if inside else "/", status_code=303)
    if isinstance(answer, Download):
        headers = {"content-disposition": _attachment(answer.name)}
        if isinstance(answer.content, bytes):
            return Response(answer.content, media_type=answer.media_type, headers=headers)
        return StreamingResponse(answer.content, media_type=answer.media_type, headers=headers)
    if as_json:
        return Response(render_json(answer.data), status_code=answer.status, media_type=_JSON)
    html = render(answer.template, {**answer.data, **frame_values(visit, pages, page, answer)})
    return Response(html, status_code=answer.status, media_type="text/html")


def frame_values(
    visit: Visit, pages: Sequence[ConsolePage], page: ConsolePage | None, view: PageView
) -> dict[str, Any]:
    """What the frame around a page shows: the navigation, the notice, and the address of its data."""
    return {
        "visit": visit,
        "frame": visit.site.frame,
        "page_title": view.title or (page.title if page is not None else "Not found"),
        "nav": _navigation(pages, visit.path),
        "notice": visit.session.notices.get(visit.query.get("notice", ""), ""),
        "refresh": view.refresh,
        "events": view.events,
        "json_address": _json_address(visit) if page is not None else "",
        "running": [job.data() for job in visit.site.jobs.of(visit.person) if job.is_running],
    }


def _navigation(pages: Sequence[ConsolePage], path: str) -> list[dict[str, Any]]:
    """The pages of the navigation by their groups; a page that no group names is in the last one."""
    grouped = {one: label for label, paths in _GROUPS for one in paths}
    groups: dict[str, list[dict[str, Any]]] = {label: [] for label, _ in _GROUPS}
    for page in pages:
        if page.nav:
            here = _is_under(path, page.path)
            groups[grouped.get(page.path, _GROUPS[-1][0])].append({"path": page.path, "label": page.nav, "here": here})
    return [{"label": label, "pages": found} for label, found in groups.items() if found]


def _json_address(visit: Visit) -> str:
    from urllib.parse import quote, urlencode

    asked = {name: value for name, value in visit.query.items() if name != "notice"}
    path = "/index.json" if visit.path == "/" else f"{quote(visit.path)}.json"
    return path + (f"?{urlencode(asked)}" if asked else "")


def _is_under(path: str, nav: str) -> bool:
    return path == nav or (nav != "/" and path.startswith(f"{nav}/"))


def _problem(visit: Visit, error: Exception, status: int) -> PageView:
    """The page of an error: cause and fix, as a command prints them."""
    lines = problem_of(error, visit.site.report)
    known = explained(error)
    own = next((number for kind, number in _STATUSES.items() if isinstance(known, kind)), 500)
    if isinstance(known, InvalidRequestError) and not known.by_gateway and own == _STATUSES[IntacctError]:
        own = 400
    return PageView("problem.html", {"problem": lines}, status=status or own, title="Not done")


def _attachment(name: str) -> str:
    """A header that names a file: plain letters for old programs, and the name itself."""
    from urllib.parse import quote

    plain = "".join(letter if (letter.isalnum() and letter.isascii()) or letter in "._- " else "_" for letter in name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name)}"
    return f'attachment; filename="{plain}"{exact}'


def job_events(site: Site) -> Callable[["Request"], Any]:
    """Server-sent events: the version of a job whenever it changes, and its end."""
    from starlette.responses import Response, StreamingResponse

    async def events(request: "Request") -> "Response":
        job = site.jobs.find(request.path_params["id"], request.scope["session"].person)
        if job is None:
            return Response("There is no such job.\n", status_code=404, media_type="text/plain")

        async def changes() -> AsyncIterator[str]:
            seen = -1
            while not site.jobs.closing:
                running = job.is_running
                if job.version != seen:
                    seen = job.version
                    yield f"id: {seen}\ndata: {job.state.value}\n\n"
                if not running:
                    return
                await asyncio.sleep(_EVENT_SECONDS)

        return StreamingResponse(changes(), media_type="text/event-stream")

    return events
