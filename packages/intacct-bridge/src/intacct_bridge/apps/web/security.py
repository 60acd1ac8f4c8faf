"""What stands in front of every page and interface: who may ask, and what a browser may do with the answer.

Each application has its own check: it looks at a request before anything else does, and answers it if it is refused.
Every answer forbids inline script, inline style, other sites and frames, and is not kept by the browser.

Starlette's TrustedHostMiddleware does not look at the port of a Host header, or at a second one. Both matter here,
since another site can point its own name at this machine, so that `host_of` stands in for it.
"""

import hmac
from collections.abc import Awaitable, Callable
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
        request = Request(scope, receive)

        async def sending(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["cache-control"] = "private, max-age=3600" if may_keep else "no-store"
                if cookie := scope.get("new_cookie"):
                    headers.append("set-cookie", cookie)
            await send(message)

        answer = await self._check(request)
        await (self._application if answer is None else answer)(scope, receive, sending)


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
