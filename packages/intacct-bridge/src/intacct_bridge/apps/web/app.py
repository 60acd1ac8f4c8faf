"""The routes of pages, of their forms, their data and their files, of jobs, and of addresses that have no page."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from intacct_bridge.apps.terminal.failures import explained, is_of_full_disk
from intacct_bridge.apps.web.jobs import JobState, problem_of
from intacct_bridge.apps.web.lists import CSV, csv_of
from intacct_bridge.apps.web.pages import (
    Answer,
    Download,
    NotAllowedError,
    NotFoundError,
    Page,
    PageRequest,
    PageView,
    Redirect,
    WebApp,
)
from intacct_bridge.apps.web.rendering import render, render_json
from intacct_bridge.apps.web.security import same_secret
from intacct_bridge.apps.web.uploads import BodyTooLargeError, read_form
from intacct_protocol.errors import IntacctError, InvalidRequestError, SettingsError, TransientError

_EVENT_SECONDS = 0.3
"""How often a job is looked at for its events."""
_HTML, _JSON = "text/html", "application/json"
_STATUSES: Mapping[type[IntacctError], int] = {
    NotFoundError: 404,
    NotAllowedError: 403,
    BodyTooLargeError: 413,
    SettingsError: 400,
    TransientError: 503,
    IntacctError: 502,
}
"""The status of an answer by the kind of its error, the nearest kind first."""
Endpoint = Callable[[Request], Any]


def page_routes(app: WebApp, pages: Sequence[Page], *, as_data: bool = True) -> list[BaseRoute]:
    """The routes of pages and of their forms; with `as_data` those of their data too."""
    routes: list[BaseRoute] = []
    for page in pages:
        if as_data and not page.is_file:
            routes += [
                Route(page.data_path("json"), _showing(app, pages, page, _JSON), methods=["GET"]),
                Route(page.data_path("csv"), _showing(app, pages, page, CSV), methods=["GET"]),
            ]
        for action, act in page.actions.items():
            routes.append(Route(page.address(action), _acted(app, pages, page, act), methods=["POST"]))
    routes += [Route(page.path, _showing(app, pages, page), methods=["GET"]) for page in pages]
    return routes


def _page_request(app: WebApp, request: Request) -> PageRequest:
    return PageRequest(app, request.scope["session"], request.url.path, request.path_params, dict(request.query_params))


def _showing(app: WebApp, pages: Sequence[Page], page: Page, media_type: str = _HTML) -> Endpoint:
    async def show(request: Request) -> Response:
        page_request = _page_request(app, request)
        page_request.is_data = media_type != _HTML

        def work() -> Answer:
            answer = page.show(page_request)
            return csv_of(page_request, answer) if media_type == CSV and isinstance(answer, PageView) else answer

        return await run_in_threadpool(_answered, page_request, pages, page, work, as_json=media_type == _JSON)

    return show


def _acted(app: WebApp, pages: Sequence[Page], page: Page, act: Callable[[PageRequest], Answer]) -> Endpoint:
    async def post(request: Request) -> Response:
        page_request = _page_request(app, request)
        try:
            most = app.largest_upload if page.takes_files else page.largest_body
            page_request.form, done = await read_form(request, most=most)
        except SettingsError as error:
            answer = await run_in_threadpool(_answered, page_request, pages, page, _raiser(error))
            answer.headers["connection"] = "close"
            return answer
        try:
            if not same_secret(page_request.secret("csrf"), page_request.session.csrf):
                forged = SettingsError(
                    "The form does not carry the token of this session. Nothing was done.",
                    fix="Open the page again and send the form from there.",
                )
                return await run_in_threadpool(_answered, page_request, pages, page, _raiser(forged), status=403)
            return await run_in_threadpool(_answered, page_request, pages, page, lambda: act(page_request))
        finally:
            await done()

    return post


def _raiser(error: IntacctError) -> Callable[[], Answer]:
    def fail() -> Answer:
        raise error

    return fail


def nothing(app: WebApp, pages: Sequence[Page]) -> Endpoint:
    """The page of an address that has none."""

    async def missing(request: Request) -> Response:
        error = NotFoundError("There is no page under this address.", fix="Choose a page in the navigation.")
        page_request = _page_request(app, request)
        return _answered(page_request, pages, None, _raiser(error), as_json=request.url.path.endswith(".json"))

    return missing


def _answered(
    page_request: PageRequest,
    pages: Sequence[Page],
    page: Page | None,
    work: Callable[[], Answer],
    *,
    as_json: bool = False,
    status: int = 0,
) -> Response:
    """The response for what a page answers, or for the error that it ends with."""
    try:
        answer = work()
    except Exception as error:
        answer = _problem_page(page_request, error, status)
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
    values = {**answer.data, **_frame_values(page_request, pages, page, answer)}
    html = render(page_request.app.templates, answer.template, values)
    return Response(html, status_code=answer.status, media_type=_HTML)


def _frame_values(
    page_request: PageRequest, pages: Sequence[Page], page: Page | None, view: PageView
) -> dict[str, Any]:
    """What the frame around a page shows: the navigation, the notice, and the address of its data."""
    return {
        "request": page_request,
        "frame": page_request.app.frame,
        "page_title": view.title or (page.title if page is not None else "Not found"),
        "nav": [
            {"label": label, "pages": [_link(one, page_request.path) for one in group]}
            for label, group in page_request.app.groups(pages)
        ],
        "notice": page_request.session.notices.get(page_request.query.get("notice", ""), ""),
        "refresh": view.refresh,
        "events": view.events,
        "json_address": _json_address(page_request) if page is not None else "",
        "running": [job.data() for job in page_request.app.jobs.of(page_request.person) if job.is_running],
    }


def _link(page: Page, path: str) -> dict[str, Any]:
    """A page in the navigation of the page under a path."""
    here = path == page.path or (page.path != "/" and path.startswith(f"{page.path}/"))
    return {"path": page.path, "label": page.nav, "here": here}


def _json_address(page_request: PageRequest) -> str:
    query = {name: value for name, value in page_request.query.items() if name != "notice"}
    path = "/index.json" if page_request.path == "/" else f"{quote(page_request.path)}.json"
    return path + (f"?{urlencode(query)}" if query else "")


def _problem_page(page_request: PageRequest, error: Exception, status: int) -> PageView:
    """The page of an error: cause and fix, as a command prints them."""
    shown = page_request.app.shown_error(error)
    lines = problem_of(shown, page_request.app.report)
    explained_error = explained(shown)
    code = next((number for kind, number in _STATUSES.items() if isinstance(explained_error, kind)), 500)
    if is_of_full_disk(error):
        code = HTTPStatus.INSUFFICIENT_STORAGE
    elif (
        isinstance(explained_error, InvalidRequestError)
        and not explained_error.by_gateway
        and code == _STATUSES[IntacctError]
    ):
        code = 400
    return PageView("problem.html", {"problem": lines}, status=status or code, title="That did not work")


def _attachment(name: str) -> str:
    """A header that names a file: plain letters for old programs, and the name itself."""
    plain = "".join(letter if (letter.isalnum() and letter.isascii()) or letter in "._- " else "_" for letter in name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name)}"
    return f'attachment; filename="{plain}"{exact}'


def job_pages() -> tuple[Page, ...]:
    """The list of a person's jobs, and the page of each."""

    def show(request: PageRequest) -> PageView | Redirect:
        job = request.app.jobs.find(request.params["id"], request.person)
        if job is None:
            raise NotFoundError("There is no such job.", fix="Jobs end with the console. What they did is in the runs.")
        follows = request.query.get("then") == "result" and not request.is_data
        if follows and job.state is JobState.DONE and job.result:
            return Redirect(job.result)
        renewal = job.renewal()
        return PageView("job.html", {"job": job.data()}, title=job.title, **renewal)

    def stop(request: PageRequest) -> Redirect:
        job = request.app.jobs.find(request.params["id"], request.person)
        if job is None:
            raise NotFoundError("There is no such job.")
        job.is_asked_to_stop = True
        return request.redirect(job.page, notice="The job stops at its next safe point.")

    def listed(request: PageRequest) -> PageView:
        return PageView("jobs.html", {"jobs": [job.data() for job in request.app.jobs.of(request.person)]})

    return Page("/jobs", "Jobs", listed), Page("/jobs/{id}", "Job", show, actions={"stop": stop})


def job_events(app: WebApp) -> Endpoint:
    """Server-sent events: the version of a job whenever it changes, and its end."""

    async def events(request: Request) -> Response:
        job = app.jobs.find(request.path_params["id"], request.scope["session"].person)
        if job is None:
            return Response("There is no such job.\n", status_code=404, media_type="text/plain")

        async def changes() -> AsyncIterator[str]:
            version = -1
            while not app.jobs.closing:
                running = job.is_running
                if job.version != version:
                    version = job.version
                    yield f"id: {version}\ndata: {job.state.value}\n\n"
                if not running:
                    return
                await asyncio.sleep(_EVENT_SECONDS)

        return StreamingResponse(changes(), media_type="text/event-stream")

    return events
