"""The way from a link to the credential page.

Opening a link uses nothing up, since programs that scan mail open links too. It puts the token into a cookie and leads
on at once, so that the token stays in no history and no Referer. The button of the next page uses the link up and
begins a session. Cookies are `Lax`, so that they come along from a mail program; a form needs its Origin and the
session's token as well.
"""

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING

from intacct_bridge.apps.fleet_site.site import SESSION_LASTS, FleetApp
from intacct_bridge.apps.web.rendering import render
from intacct_bridge.apps.web.security import same_secret
from intacct_bridge.apps.web.uploads import BodyTooLargeError, read_form
from intacct_bridge.operations.fleets import LinkError, open_link, use_link
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

LARGEST_FORM = 16 << 10
"""Bytes of a form of the credential page."""
_PENDING_SECONDS = 900
"""How long the page after the link waits for its button."""


class LinkPages:
    """The pages between a link and the credential page."""

    def __init__(self, site: FleetApp) -> None:
        self._site = site

    def routes(self) -> "list[BaseRoute]":
        """The routes of links, of the page with the button, and of the page that says why a link cannot be used."""
        from starlette.routing import Route

        return [
            Route("/connect/link/{token}", self.opened, methods=["GET"]),
            Route("/connect/start", self.start, methods=["GET"]),
            Route("/connect/start", self.begin, methods=["POST"]),
            Route("/connect/unusable", self.unusable, methods=["GET"]),
        ]

    def opened(self, request: "Request") -> "Response":
        """Open a link: its token becomes a cookie."""
        site, token = self._site, request.path_params["token"]
        session = site.session(session_key(site, request))
        try:
            open_link(site.fleet, token)
        except LinkError as error:
            if session is not None and session.link.id == error.link:  # the same person opens the mail again
                return _redirect("/connect")
            return _redirect(f"/connect/unusable?why={error.reason}")
        return _with_cookie(site, _redirect("/connect/start"), "link", token, _PENDING_SECONDS)

    def start(self, request: "Request") -> "Response":
        """The page with the button."""
        token = _cookie(self._site, request, "link")
        try:
            link = open_link(self._site.fleet, token)
        except LinkError as error:
            return _redirect(f"/connect/unusable?why={error.reason}")
        minutes = int(SESSION_LASTS.total_seconds() // 60)
        values = {"tenant": link.tenant, "csrf": csrf_of(token), "minutes": minutes}
        return page(self._site, "credential_start.html", f"Connect Sage Intacct to {self._site.vendor}", values)

    async def begin(self, request: "Request") -> "Response":
        """Use the link up, and begin a session."""
        from starlette.concurrency import run_in_threadpool

        site = self._site
        token = _cookie(site, request, "link")
        try:
            form, done = await read_form(request, most=LARGEST_FORM)
        except BodyTooLargeError:
            return refused(site, 413, "Too large", "The form is larger than this page takes.", close=True)
        except SettingsError as error:
            return refused(site, 400, "Not understood", error.message, error.advice, close=True)
        await done()
        if not token or not same_secret((form.fields.get("csrf") or [""])[-1], csrf_of(token)):
            return refused(site, 403, "Refused", "The form was not sent by the page of this link. Nothing was done.")
        return await run_in_threadpool(self._used, token)

    def _used(self, token: str) -> "Response":
        site = self._site
        try:
            link = use_link(site.fleet, token)
        except LinkError as error:
            return _without_cookie(site, _redirect(f"/connect/unusable?why={error.reason}"), "link")
        key = site.pages.begin(link, SESSION_LASTS)
        answer = _with_cookie(site, _redirect("/connect"), "page", key, int(SESSION_LASTS.total_seconds()))
        return _without_cookie(site, answer, "link")

    def unusable(self, request: "Request") -> "Response":
        """Why a link cannot be used; the address of this page has no token in it."""
        reason = request.query_params.get("why", "")
        ask = f"If you need the page, ask {self._site.vendor} for a new link."
        if reason == "left":
            return refused(self._site, 200, "The session has ended", "What was checked and kept stays.", ask)
        text = LinkError(reason if reason in ("used", "expired") else "unknown").message
        return refused(self._site, 403, "This link cannot be used", text, ask)


def csrf_of(secret: str) -> str:
    """The token of the forms of the session that has this secret in its cookie."""
    return hmac.new(secret.encode("utf-8", "surrogatepass"), b"form", "sha256").hexdigest()


def session_key(site: FleetApp, request: "Request") -> str:
    """The key of the page's session in a request's cookie; empty without one."""
    return _cookie(site, request, "page")


def page(site: FleetApp, template: str, title: str, values: Mapping[str, object], *, status: int = 200) -> "Response":
    """A page without a session."""
    from starlette.responses import Response

    frame = {"page_title": title, "vendor": site.vendor, "request": None, "events": "", "refresh": 0}
    return Response(render(site.templates, template, {**frame, **values}), status_code=status, media_type="text/html")


def refused(site: FleetApp, status: int, title: str, text: str, fix: str = "", *, close: bool = False) -> "Response":
    """The page of a refusal; with `close` what the browser still sends is not read."""
    answer = page(site, "credential_refused.html", title, {"text": text, "fix": fix}, status=status)
    if close:
        answer.headers["connection"] = "close"
    return answer


def _redirect(address: str) -> "Response":
    from starlette.responses import RedirectResponse

    return RedirectResponse(address, status_code=303)


def _cookie_name(site: FleetApp, which: str) -> str:
    """Cookies are shared by all ports of a host; one with `__Host-` comes from this host alone, over https."""
    return f"__Host-intacct-{which}" if site.is_secure else f"intacct-{which}-{site.port}"


def _cookie(site: FleetApp, request: "Request", which: str) -> str:
    return request.cookies.get(_cookie_name(site, which), "")


def _with_cookie(site: FleetApp, answer: "Response", which: str, value: str, seconds: int) -> "Response":
    name = _cookie_name(site, which)
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=site.is_secure, httponly=True, samesite="lax")
    return answer


def _without_cookie(site: FleetApp, answer: "Response", which: str) -> "Response":
    name = _cookie_name(site, which)
    answer.delete_cookie(name, path="/", secure=site.is_secure, httponly=True, samesite="lax")
    return answer
