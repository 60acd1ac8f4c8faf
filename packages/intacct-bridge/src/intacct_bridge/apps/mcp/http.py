"""The server over HTTP, on loopback only: every request needs the token, this machine's Host, and no foreign Origin.

A web page that a browser on this machine shows can send requests to loopback, also under a name that was made to mean
127.0.0.1. It knows no token, its Origin is foreign, and so is its Host.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.web.security import SecurityMiddleware, WrongTokens, carries_token
from intacct_bridge.apps.web.server import ThreadedServer, address_of, listen

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from intacct_bridge.apps.mcp.server import AgentServer

PATH = "/mcp"
TOKEN_VARIABLE = "INTACCT_MCP_TOKEN"  # noqa: S105 - a name, not a token
_HOST = "127.0.0.1"
_LARGEST_REQUEST = 8 * 2**20


def application(server: "AgentServer", port: int, token: str) -> "ASGIApp":
    """The server as an ASGI application for a port of this machine."""
    from mcp.server.transport_security import TransportSecuritySettings

    names = [f"{host}:{port}" for host in (_HOST, "localhost")]
    security = TransportSecuritySettings(allowed_hosts=names, allowed_origins=[f"http://{one}" for one in names])
    app = server.streamable_http_app(
        streamable_http_path=PATH, transport_security=security, max_request_body_size=_LARGEST_REQUEST
    )

    wrong = WrongTokens()

    async def check(request: Request) -> Response | None:
        if carries_token(request, token):
            return None
        if seconds := wrong.wait():
            return PlainTextResponse("Too many wrong tokens.\n", 429, headers={"Retry-After": str(seconds)})
        return PlainTextResponse("This server needs its token.\n", 401, headers={"WWW-Authenticate": "Bearer"})

    return SecurityMiddleware(app, check)


def serve_http(server: "AgentServer", port: int, token: str, output: Output, *, ready: Callable[[str], None]) -> None:
    """Serve until a signal; `ready` is called with the address once the server answers. Port 0: any free one."""
    listener = listen(_HOST, port)
    address, number = address_of(listener)
    app = application(server, number, token)
    with ThreadedServer(app, listener, what="agents' server", lifespan=True) as serving:
        ready(f"{address}{PATH}")
        serving.wait_for_signal(output)
