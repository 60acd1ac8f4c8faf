"""What stands in front of every page and interface: who may ask, and what a browser may do with the answer.

Each application has its own check: it looks at a request before anything else does, and answers it if it is refused.
Every answer forbids inline script, inline style, other sites and frames, and is not kept by the browser.

Starlette's TrustedHostMiddleware does not look at the port of a Host header, or at a second one. Both matter here,
since another site can point its own name at this machine, so that `host_of` stands in for it.
"""

import asyncio
import hmac
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # "no-referrer" would make browsers send "Origin: null" with our own forms
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SAFE = ("GET", "HEAD")
_BEARER = "bearer "
_LOG = logging.getLogger("intacct_bridge.server")
_REST_SECONDS, _REST_PAUSE = 30.0, 5.0
"""How long the rest of a refused body is read and dropped, and the longest pause in it (nginx's `lingering_time` and
`lingering_timeout`). A client that still sends when the connection is closed never sees the answer."""
_REST_BYTES, _REST_UNKNOWN = 1 << 30, 16 << 20
"""The largest body whose rest is dropped so; a larger one is cut off. A body without a length counts until here."""
_WRONG_TOKENS, _WRONG_SECONDS = 60, 60.0

Check = Callable[[Request], Awaitable[Response | None]]
"""Answers a request that is refused, and returns None for one that may go on."""


class SecurityMiddleware:
    """Lets a check look at every request, and gives every answer the same headers."""

    def __init__(self, application: "ASGIApp", check: Check, *, static: str = "") -> None:
        """`static` is the path below which files lie that a browser may keep for an hour."""
        self._application = application
        self._check = check
        self._static = static

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        if scope["type"] != "http":  # no page uses a web socket, and browsers open one to other sites as well
            await send({"type": "websocket.close", "code": 1008})
            return
        may_keep = bool(self._static) and scope["path"].startswith(self._static)
        body = _Body(scope, receive)
        request = Request(scope, body.receive)

        async def sending(message: "Message") -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False) and body.is_unread:
                await send({**message, "more_body": True})
                await body.drop_rest()
                message = {"type": "http.response.body"}
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["cache-control"] = "private, max-age=3600" if may_keep else "no-store"
                if cookie := scope.get("new_cookie"):
                    headers.append("set-cookie", cookie)
            await send(message)

        answer = await self._check(request)
        await (self._application if answer is None else answer)(scope, body.receive, sending)


class _Body:
    """The body of a request, of which an answer may leave a rest unread."""

    def __init__(self, scope: "Scope", receive: "Receive") -> None:
        headers = dict(scope["headers"])
        self._receive = receive
        self._chunked = b"transfer-encoding" in headers
        self._left = _REST_UNKNOWN if self._chunked else _length(headers.get(b"content-length", b""))
        self._awaits_leave = b"expect" in headers
        """Whether the client sends the body only once it is asked to."""
        self._ended = False

    @property
    def is_unread(self) -> bool:
        """Whether the client still sends, and can be heard to the end."""
        return not self._ended and not self._awaits_leave and 0 < self._left <= _REST_BYTES

    async def receive(self) -> "Message":
        """The next part of the body."""
        self._awaits_leave = False
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        self._ended = self._ended or not message.get("more_body", False)
        return message

    async def drop_rest(self) -> None:
        """Read what the client still sends, so that it comes to read its answer."""
        try:
            async with asyncio.timeout(_REST_SECONDS):
                while self.is_unread:
                    await asyncio.wait_for(self.receive(), _REST_PAUSE)
        except TimeoutError:
            pass


def _length(header: bytes) -> int:
    return int(header) if header.isdigit() and len(header) < 20 else 0


def only(request: Request, header: str) -> str:
    """The value of a header; empty without it, and if it is given twice, since it would be open which one counts."""
    values = request.headers.getlist(header)
    return values[0] if len(values) == 1 else ""


def host_of(host: str) -> tuple[str, int | None]:
    """The name in a Host header in lower case, and its port; an empty name for a header that is none."""
    try:
        port = urlsplit(f"//{host}").port
    except ValueError:
        return "", None
    name = host.rpartition(":")[0] if port is not None else host
    return "" if "@" in host else name.lower(), port


def same_secret(secret: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that does not depend on where they differ."""
    return bool(expected) and hmac.compare_digest(secret.encode("utf-8", "surrogatepass"), expected.encode())


def carries_token(request: Request, token: str) -> bool:
    """Whether a request carries this bearer token, and no other one."""
    header = only(request, "authorization")
    return header.lower().startswith(_BEARER) and same_secret(header[len(_BEARER) :].strip(), token)


class WrongTokens:
    """Counts requests with a wrong token; a program that sends too many gets 429 until a minute has passed.

    A right token is always accepted: another program on the machine must not lock its owner out. Guessing is hopeless
    anyway, since tokens have at least 24 characters.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._times: deque[float] = deque()
        self._told = -_WRONG_SECONDS

    def wait(self) -> int:
        """Note a wrong token; the seconds after which to try again, 0 below the limit."""
        with self._lock:
            now = self._clock()
            while self._times and self._times[0] <= now - _WRONG_SECONDS:
                self._times.popleft()
            if len(self._times) < _WRONG_TOKENS:
                self._times.append(now)
                return 0
            seconds = max(1, round(self._times[0] + _WRONG_SECONDS - now))
            is_news = now - self._told >= _WRONG_SECONDS
            if is_news:
                self._told = now
        if is_news:
            _LOG.warning("More than %d requests in a minute had a wrong token; further ones get 429.", _WRONG_TOKENS)
        return seconds
