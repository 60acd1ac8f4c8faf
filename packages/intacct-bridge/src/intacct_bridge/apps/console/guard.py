"""The guard in front of every page: it decides who may ask, and what a browser may do with the answer.

In this order: the Host header must name this console, since another site can point its own name at this machine;
in team mode the proxy's secret must be there; a page needs a session, which only a start address begins; a POST must
come from a page of this console (Origin) and carry the session's CSRF token, which the application checks.
Every answer forbids inline script, inline style, other sites and frames, and is not kept by the browser.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from intacct_bridge.apps.console.access import VisitorSession, same_secret
from intacct_bridge.apps.console.rendering import render
from intacct_bridge.apps.console.site import SECRET_HEADER, Site

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # "no-referrer" would make browsers send "Origin: null" with the console's own forms
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
START = "/start/"
_METHODS = ("GET", "HEAD", "POST")
_SAFE = ("GET", "HEAD")
_LONGEST_PERSON = 200


class Guard:
    """The checks before a request reaches the application; `scope["session"]` is then the visitor's."""

    def __init__(self, application: Asgi, site: Site) -> None:
        self._application = application
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await refuse_other(scope, send)
        answer = with_headers(send, is_static=scope["path"].startswith("/static/"))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refused(scope, headers)
        if refusal is None and not scope["path"].startswith("/static/"):
            if scope["path"].startswith(START) and self._site.settings.team is None:
                return await self._begin(scope, answer)
            session, new = self._session(headers)
            if session is None:
                refusal = 401, "Sign in to the console", self._sign_in_text()
            else:
                scope["session"] = session
                answer = with_cookie(answer, self._cookie(session, headers)) if new else answer
        if refusal is not None:
            status, title, text = refusal
            page = render("refused.html", {"title": title, "text": text, "status": status})
            return await html(answer, status, page, close=scope["method"] not in _SAFE)
        return await self._application(scope, receive, answer)

    def _refused(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str, str] | None:
        settings = self._site.settings
        host = headers.get("host", "")
        if count(scope, "host") != 1 or not self._is_ours(host):
            return 421, "Unknown address", "This console does not answer under the name in the address."
        if scope["method"] not in _METHODS:
            return 405, "Not possible", "Pages of the console are read and their forms are sent; nothing else."
        team = settings.team
        if team is not None:
            once = all(count(scope, name) <= 1 for name in (SECRET_HEADER, team.header))
            if not once or not same_secret(headers.get(SECRET_HEADER.lower(), ""), team.secret):
                return 403, "Refused", "This console is reached through the sign-in of your organisation only."
        if scope["method"] == "POST":
            origin = headers.get("origin", "").lower()
            if count(scope, "origin") != 1 or origin not in {f"{one}://{host.lower()}" for one in ("http", "https")}:
                return 403, "Refused", "The form was not sent by a page of this console. Nothing was done."
            if settings.read_only:
                return 403, "Read-only", "This console was started with --read-only. Nothing was changed."
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this console: this machine with the port, or an allowed host."""
        try:
            named = urlsplit(f"//{host}")
            port = named.port
        except ValueError:
            return False
        name = host.rpartition(":")[0] if port is not None else host
        if name.lower() in _LOOPBACK:
            return port == self._site.port and self._site.settings.team is None
        return name.lower() in {one.lower() for one in self._site.settings.hosts} and "@" not in host

    def _session(self, headers: dict[str, str]) -> tuple[VisitorSession | None, bool]:
        """The visitor's session, and whether it is new. In team mode it is that of the person whom the proxy names."""
        key = cookies(headers.get("cookie", "")).get(self._cookie_name, "")
        session = self._site.access.session(key) if key else None
        team = self._site.settings.team
        if team is None:
            return session, False
        person = _person(headers.get(team.header.lower(), ""))
        if not person:
            return None, False
        if session is not None and session.person == person:
            return session, False
        return self._site.access.begin_for(person), True

    async def _begin(self, scope: Scope, send: Send) -> None:
        """Begin a session with a start token. The answer is a page and no redirect: browsers do not send a Strict
        cookie along a redirect that another program began.
        """
        session = None
        if scope["method"] == "GET":
            session = self._site.access.begin(scope["path"].removeprefix(START), self._site.settings.person)
        if session is None:
            text = f"This start address was already used, or is incomplete. {self._sign_in_text()}"
            page = render("refused.html", {"title": "Sign in to the console", "text": text, "status": 403})
            return await html(send, 403, page)
        return await html(with_cookie(send, self._cookie(session, {})), 200, render("started.html", {}))

    def _sign_in_text(self) -> str:
        if self._site.settings.team is not None:
            return "The proxy did not name a person."
        minutes = round(self._site.settings.idle_seconds / 60)
        return (
            "Open the address that intacct console printed. It works once; press Enter in that terminal for another "
            f"one. After {minutes} minutes without a visit you are signed out; work that you started goes on."
        )

    @property
    def _cookie_name(self) -> str:
        """Cookies are shared by all ports of a host, so that each console needs a name of its own."""
        return f"intacct-console-{self._site.port}"

    def _cookie(self, session: VisitorSession, headers: dict[str, str]) -> bytes:
        secure = "; Secure" if headers.get("x-forwarded-proto", "") == "https" else ""
        return f"{self._cookie_name}={session.key}; Path=/; HttpOnly; SameSite=Strict{secure}".encode()


async def refuse_other(scope: Scope, send: Send) -> None:
    """End what is no request of HTTP. No page uses a web socket, and browsers open one to other sites as well."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})


def count(scope: Scope, header: str) -> int:
    """How often a header is given: a browser's own beside the proxy's would leave open whose counts."""
    return sum(name == header.lower().encode() for name, _ in scope["headers"])


def _person(text: str) -> str:
    """The person whom the proxy names, in UTF-8 if it is that; empty for a text that is not a name."""
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    name = text.strip()
    return name if name.isprintable() and "," not in name and len(name) <= _LONGEST_PERSON else ""


def cookies(text: str) -> dict[str, str]:
    """The cookies of a Cookie header by name."""
    pairs = (part.strip().partition("=") for part in text.split(";"))
    return {name: value for name, _, value in pairs}


def with_headers(send: Send, *, is_static: bool) -> Send:
    """Sends an answer with the headers of every answer; only a static file may be kept."""
    kept = b"private, max-age=3600" if is_static else b"no-store"

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS, (b"cache-control", kept)]
        await send(message)

    return sending


def with_cookie(send: Send, cookie: bytes) -> Send:
    """Sends an answer that sets a cookie."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"set-cookie", cookie)]
        await send(message)

    return sending


async def html(send: Send, status: int, page: str, *, close: bool = False) -> None:
    """Send a page; with `close` the connection ends after it."""
    body = page.encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if close:  # what the browser still sends is not read
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
