"""The emulator over HTTP, on loopback only.

A web page that a browser on this machine shows can send requests to loopback too. So a request is refused if its Host
is not this machine, which also holds for a name that was made to mean 127.0.0.1, or if it has an Origin elsewhere.

A client sends a POST of a request body, or of a form with the field `xmlrequest` as old clients do. Answers are
compressed if the client accepts it. A session is bound to the endpoint of its request, so `getAPISession` returns
the request's Host header. A scripted cut closes the socket without an answer, or in the middle of one; a slow answer
is sent piece by piece.
"""

import gzip
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from ipaddress import ip_address
from ssl import SSLContext
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from intacct_emulator.rest.api import PATH as REST_PATH
from intacct_emulator.rest.messages import RestRequest
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.faults import Paced
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.reply import ConnectionCutError, Reply, Transport

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

PATH = "/ia/xml/xmlgw.phtml"
_LEAST_TO_COMPRESS = 500
_START_SECONDS = 30
_THREADS = 1000
"""Requests that are answered at once. Those of a company that hangs wait in theirs, so there are more than usual."""
_LENGTH = b"content-length"
_NOT_FRAMED = {"content-security-policy": "frame-ancestors 'none'; form-action 'self'; script-src 'none'"}
Compress = Callable[[bytes], bytes]


class RunningServer:
    """A server in a separate thread. Close it, or use it in a with statement."""

    def __init__(self, server: "uvicorn.Server", thread: Thread, listener: socket.socket) -> None:
        self._server, self._thread, self._listener = server, thread, listener
        self.url = f"{origin(listener, 'https' if server.config.ssl else 'http')}{PATH}"
        """The endpoint for a connection."""

    def close(self) -> None:
        """Stop serving; running requests are finished."""
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def __enter__(self) -> "RunningServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(
    emulator: Transport,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    allow_hosts: Sequence[str] = (),
    tls: SSLContext | None = None,
) -> RunningServer:
    """Serve from a separate thread; port 0 takes any free port. Returns once the server answers.

    `allow_hosts` are the names of other hosts by which clients may address it, such as that of a tunnel; `*.name`
    stands for all names under a name. With `tls` it serves https.
    """
    listener = listen(host, port)
    server = _server(emulator, allow_hosts, tls)
    started, failed = Event(), list[BaseException]()

    def run() -> None:
        try:
            _run(server, listener, started)
        except BaseException as error:  # handed to the thread that waits
            failed.append(error)
            started.set()

    thread = Thread(target=run, name="emulator", daemon=True)
    thread.start()
    if not started.wait(_START_SECONDS) or failed:
        listener.close()
        raise SettingsError(f"the emulator's server did not start: {failed[0] if failed else 'timeout'}")
    return RunningServer(server, thread, listener)


def serve_forever(
    emulator: Transport,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    ready: Callable[[str], None] = print,
    allow_hosts: Sequence[str] = (),
    tls: SSLContext | None = None,
) -> None:
    """Serve in this thread until interrupted; `ready` is called with the URL once the server answers."""
    listener = listen(host, port)
    url = f"{origin(listener, 'https' if tls else 'http')}{PATH}"
    with listener, suppress(KeyboardInterrupt):
        _run(_server(emulator, allow_hosts, tls), listener, _Callback(lambda: ready(url)))


def origin(listener: socket.socket, scheme: str = "http") -> str:
    """The address of a listening socket, without a path."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


class _Callback(Event):
    """An event that calls a function when it is set."""

    def __init__(self, callback: Callable[[], None]) -> None:
        super().__init__()
        self._callback = callback

    def set(self) -> None:
        super().set()
        self._callback()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on a loopback address. Raises SettingsError for other addresses and for a port in use."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise SettingsError(f"cannot serve on {host}: {error}") from None
    if not ip_address(str(address[0])).is_loopback:
        raise SettingsError(
            f"the emulator serves on loopback only, not on {host}", fix="Use 127.0.0.1, or a tunnel to it."
        )
    # with the protocol named, asyncio sends at once; otherwise answers wait 40 ms for an acknowledgement
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise SettingsError(f"cannot serve on port {port}: {error.strerror}", fix="Choose another port.") from None
    listener.listen(128)
    return listener


def _server(emulator: Transport, allow_hosts: Sequence[str], tls: SSLContext | None) -> "uvicorn.Server":
    import uvicorn

    config = uvicorn.Config(
        application(emulator, allow_hosts), log_level="critical", access_log=False, lifespan="off", server_header=False,
        date_header=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
    config.load()
    config.ssl = tls
    return uvicorn.Server(config)


def _run(server: "uvicorn.Server", listener: socket.socket, started: Event) -> None:
    import asyncio

    from anyio.to_thread import current_default_thread_limiter
    from starlette.concurrency import run_in_threadpool

    async def main() -> None:
        current_default_thread_limiter().total_tokens = _THREADS
        await run_in_threadpool(int)  # so that the first request does not wait for its imports
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.001)
        started.set()
        await serving

    asyncio.run(main())


# --- the application


def application(emulator: Transport, allow_hosts: Sequence[str] = ()) -> "Starlette":
    """The ASGI application around an emulator; `allow_hosts` are names of other hosts that may stand in a request."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    compress = compressor()
    answer = emulator.paced if isinstance(emulator, Emulator) else emulator

    async def gateway(request: "Request") -> "Response":
        if request.method != "POST":
            return PlainTextResponse("This is a gateway: POST a request to it.\n", status_code=405)
        refusal = _refusal(request, allow_hosts)
        if refusal is not None:
            if isinstance(emulator, Emulator):
                emulator.log_refused()
            return refusal
        body = _unwrapped(request.headers.get("content-type", ""), await request.body())
        accepts = "gzip" in request.headers.get("accept-encoding", "")
        try:
            reply = await run_in_threadpool(answer, _endpoint(request), body)
            return await run_in_threadpool(_response, reply, compress if accepts else None)
        except ConnectionCutError:
            await _cut(request.receive)
            return PlainTextResponse("", status_code=500)

    async def rest(request: "Request") -> "Response":
        assert isinstance(emulator, Emulator)
        refusal = _refusal(request, allow_hosts)
        if refusal is not None:
            emulator.log_refused()
            return refusal
        sent = RestRequest(
            request.method,
            unquote(request.scope["raw_path"].decode("ascii", "replace")).removeprefix(REST_PATH),
            tuple(request.query_params.multi_items()),
            {name.lower(): value for name, value in request.headers.items()},
            await request.body(),
            f"{_endpoint(request).partition(REST_PATH)[0]}{REST_PATH}",
        )
        accepts = "gzip" in request.headers.get("accept-encoding", "")
        try:
            reply = await run_in_threadpool(emulator.rest, sent)
            return await run_in_threadpool(_response, reply, compress if accepts else None)
        except ConnectionCutError:
            await _cut(request.receive)
            return PlainTextResponse("", status_code=500)

    methods = ["POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]
    beside = _beside_the_gateway(emulator, allow_hosts) if isinstance(emulator, Emulator) else []
    if isinstance(emulator, Emulator):
        beside.append(Route(f"{REST_PATH}/{{path:path}}", rest, methods=methods))
    return Starlette(routes=[*beside, Route("/{path:path}", gateway, methods=methods)])


def _beside_the_gateway(emulator: Emulator, allow_hosts: Sequence[str]) -> "list[Route]":
    """The control API, and the pages for people."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import HTMLResponse
    from starlette.routing import Route

    from intacct_emulator.server.control.operations import ADMINISTRATION, Control
    from intacct_emulator.server.control.routes import control_routes

    control = Control(emulator)

    async def administration(request: "Request") -> "Response":
        from intacct_emulator.server import administration_pages

        refusal = _refusal(request, allow_hosts)
        if refusal is not None:
            return refusal
        place = request.url.path.removeprefix(ADMINISTRATION)
        if request.method == "POST":
            status, page = await run_in_threadpool(administration_pages.act, control, place, await request.body())
        else:
            status, page = await run_in_threadpool(administration_pages.page, control, place, request.url.query)
        return HTMLResponse(page, status_code=status, headers=_NOT_FRAMED)

    pages = [Route(f"{ADMINISTRATION}{place}", administration, methods=["GET", "POST"]) for place in ("", "/emulator")]
    return [*pages, *control_routes(control, lambda request: _reason(request, allow_hosts))]


def _refusal(request: "Request", allow_hosts: Sequence[str]) -> "Response | None":
    """The answer to a request that came by way of another site; None for any other."""
    from starlette.responses import PlainTextResponse

    reason = _reason(request, allow_hosts)
    return PlainTextResponse(f"{reason}\n", status_code=403) if reason else None


def _reason(request: "Request", allow_hosts: Sequence[str]) -> str:
    return _foreign(request.headers.get("host", ""), request.headers.get("origin"), allow_hosts)


def _response(reply: Reply, compress: Compress | None) -> "Response":
    from starlette.responses import Response

    headers = dict(reply.headers)
    body = reply.body
    if compress is not None and len(body) > _LEAST_TO_COMPRESS:
        body = compress(body)
        headers["content-encoding"] = "gzip"
    if isinstance(reply, Paced):
        return _pieces(replace(reply, received=body, headers=headers))
    return Response(body, status_code=reply.status, headers=headers)


def _pieces(reply: Paced) -> "Response":
    """A response that is sent piece by piece; an incomplete one announces its length and stops after one piece."""
    import asyncio

    from starlette.responses import Response

    class Pieces(Response):
        async def __call__(self, _scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
            head = [*self.raw_headers] if not reply.complete else [one for one in self.raw_headers if one[0] != _LENGTH]
            await asyncio.sleep(reply.late)
            await send({"type": "http.response.start", "status": reply.status, "headers": head})
            for start in range(0, len(reply.body), reply.piece):
                if start:
                    if not reply.complete:
                        return
                    await asyncio.sleep(reply.seconds)
                piece = reply.body[start : start + reply.piece]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return Pieces(reply.body, status_code=reply.status, headers=dict(reply.headers))


def _foreign(host: str, origin: str | None, allowed: Sequence[str]) -> str:
    """Why a request does not come from a program on this machine; empty if it may."""
    if not _is_here(urlsplit(f"//{host}").hostname, allowed):
        return f"The emulator serves this machine only, not the host {host!r}. Allow it: intacct-emulator --allow-host"
    if origin is not None and not _is_here(urlsplit(origin).hostname, allowed):
        return f"The emulator takes no requests from web pages, such as one of {origin!r}."
    return ""


def _is_here(name: str | None, allowed: Sequence[str]) -> bool:
    """Whether a name in a request is this machine, or one of the allowed."""
    if not name:
        return False
    if name == "localhost" or any(fnmatchcase(name, pattern.casefold()) for pattern in allowed):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _endpoint(request: "Request") -> str:
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return f"{scheme}://{request.headers.get('host', '')}{request.url.path}"


def _unwrapped(content_type: str, body: bytes) -> bytes:
    """The request, taken out of a form post."""
    if not content_type.startswith("application/x-www-form-urlencoded"):
        return body
    form_values = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).get("xmlrequest")
    return form_values[0].encode() if form_values else body


async def _cut(receive: Callable[[], Awaitable[Any]]) -> None:
    """Close the socket of the request; ASGI itself has no way to do so."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()


def compressor() -> Compress:
    """The fastest gzip that is installed, at its lowest level."""
    try:
        from isal import igzip
    except ImportError:
        return lambda body: gzip.compress(body, 1, mtime=0)
    return lambda body: bytes(igzip.compress(body, 1))
