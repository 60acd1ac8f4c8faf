"""The server over HTTP, on loopback only: every request needs the token, this machine's Host, and no foreign Origin.

A web page that a browser on this machine shows can send requests to loopback, also under a name that was made to mean
127.0.0.1. It knows no token, its Origin is foreign, and so is its Host.
"""

import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.web.listener import listen_on
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp, Receive, Scope, Send

    from intacct_bridge.apps.mcp.server import AgentServer

PATH = "/mcp"
TOKEN_VARIABLE = "INTACCT_MCP_TOKEN"  # noqa: S105 - a name, not a token
_SHORTEST_TOKEN = 24
_HOST = "127.0.0.1"
_LARGEST_REQUEST = 8 * 2**20


class TokenRequired:
    """Answers 401 to every request without the token, before anything else is looked at."""

    def __init__(self, app: "ASGIApp", token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            given = [value for name, value in scope["headers"] if name == b"authorization"]
            if len(given) != 1 or not hmac.compare_digest(given[0], self._expected):
                from starlette.responses import PlainTextResponse

                refusal = PlainTextResponse(
                    "This server needs its token.\n", 401, headers={"WWW-Authenticate": "Bearer"}
                )
                await refusal(scope, receive, send)
                return
        elif scope["type"] != "lifespan":
            return
        await self._app(scope, receive, send)


def application(server: "AgentServer", port: int, token: str) -> "ASGIApp":
    """The server as an ASGI application for a port of this machine."""
    from mcp.server.transport_security import TransportSecuritySettings

    names = [f"{host}:{port}" for host in (_HOST, "localhost")]
    security = TransportSecuritySettings(allowed_hosts=names, allowed_origins=[f"http://{one}" for one in names])
    app = server.streamable_http_app(
        streamable_http_path=PATH, transport_security=security, max_request_body_size=_LARGEST_REQUEST
    )
    return TokenRequired(app, token)


def serve_http(server: "AgentServer", port: int, token: str, *, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; `ready` is called with the address once the server listens. Port 0: any free one."""
    with listen_on((_HOST, port)) as listener:
        number = listener.getsockname()[1]
        serving = http_server(application(server, number, token))
        ready(f"http://{_HOST}:{number}{PATH}")
        serving.run(sockets=[listener])


def http_server(app: "ASGIApp") -> "uvicorn.Server":
    """What serves an application over HTTP."""
    import uvicorn

    from intacct_bridge.apps.web.head_timeout import HeadTimeoutProtocol

    config = uvicorn.Config(
        app,
        http=HeadTimeoutProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def access_token(path: Path, environ: Any = os.environ) -> tuple[str, str]:
    """The token, and where a person finds it: a variable, or a file that only its owner can read."""
    given = environ.get(TOKEN_VARIABLE, "").strip()
    if given:
        return _checked(given, TOKEN_VARIABLE), f"the variable {TOKEN_VARIABLE}"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _checked(read_token(path), str(path)), str(path)
    except OSError as error:
        raise _unusable(path, error) from None
    token = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{token}\n")
    return token, str(path)


def read_token(path: Path) -> str:
    """A token in a file that only its owner can read. SettingsError for another file."""
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise SettingsError(f"others can read the token in {path}", fix=f"chmod 600 {path}")
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: Exception) -> SettingsError:
    reason = getattr(error, "strerror", None) or "it is not plain text"
    return SettingsError(f"the token's file {path} cannot be used: {reason}", fix="Name another file.")


def _checked(token: str, place: str) -> str:
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError(
            f"the token in {place} is too short, or not plain text",
            fix=f"Use at least {_SHORTEST_TOKEN} letters and digits, or remove it: a new one is made then.",
        )
    return token
