"""Serving an application over HTTP: the listening socket, the limits of a server, and a server in a thread of its own.

uvicorn waits for ever for the head of a request, and takes connections until the process has no descriptors left.
Here both have a limit, and so has a body of which nothing arrives.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from threading import Event, Thread
from typing import Any, Self

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.process import stoppable
from intacct_protocol.errors import SettingsError

HEAD_SECONDS = 20.0
BODY_SECONDS = 60.0
"""The longest pause between two parts of a body."""
_START_SECONDS = 30
_GRACE = 3
"""Seconds that open requests have after Ctrl-C."""
_WAITING = 128
"""Connections that may wait to be accepted."""
_MOST_ANSWERED = 256
"""The most connections at a time whose requests are answered; the requests of further ones get 503."""


def most_answered() -> int:
    """The most connections whose requests are answered: as many again may be open, and half of the process's
    descriptors are left for files and databases.
    """
    try:
        import resource
    except ImportError:  # Windows, where sockets and files do not share a limit
        return _MOST_ANSWERED
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_ANSWERED if descriptors == resource.RLIM_INFINITY else max(1, min(_MOST_ANSWERED, descriptors // 4))


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol, which closes a connection that is one too many, and one whose request has begun and does not
    come.

    A connection that has answered and is idle is closed by uvicorn.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Await the first request."""
        super().connection_made(transport)
        if len(self.connections) > 2 * (self.limit_concurrency or 1):
            self.transport.close()
        else:
            self._await(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await(HEAD_SECONDS)  # if it waits already, more bytes gain no time
            return
        self._stop_waiting()
        if self.conn.their_state is h11.SEND_BODY:
            self._await(BODY_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await(self, seconds: float) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()
        elif self.conn.their_state is h11.SEND_BODY:
            if self.flow.read_paused:  # it is this side that does not read
                self._await(BODY_SECONDS)
            else:
                self.transport.close()


class BoundedServer(uvicorn.Server):
    """uvicorn's server, which tells an error of the event loop once and not at every attempt."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until it is stopped."""
        asyncio.get_running_loop().set_exception_handler(ToldOnce())
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen. More connections may wait than are accepted at once."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_WAITING)


class ToldOnce:
    """Writes each error that an event loop reports to the log once.

    Without a free descriptor asyncio reports every attempt to accept a connection, thousands a second.
    """

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take a report of the loop."""
        error = context.get("exception")
        message = f"{context.get('message', '')}: {error!r}"
        if message in self._told:
            return
        self._told.add(message)
        logging.getLogger("intacct_bridge.server").error(
            "%s. It is not told again.", message, exc_info=None if isinstance(error, OSError) else error
        )


def http_server(application: ASGIApp, *, lifespan: bool = False) -> uvicorn.Server:
    """What serves an application: it answers nothing about itself, and believes no proxy's headers."""
    most = most_answered()
    config = uvicorn.Config(
        application,
        http=BoundedProtocol,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="on" if lifespan else "off",
        server_header=False,
        date_header=False,
        ws="none",
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
        limit_concurrency=most,
        # asyncio accepts as many in each turn, and looks at none of them for some turns
        backlog=max(1, min(_WAITING, most // 4)),
    )
    return BoundedServer(config)


def listen(host: str, port: int, *, only_loopback: bool = True) -> socket.socket:
    """A listening socket. SettingsError for a port in use, and for an address that other machines reach."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise SettingsError(f"cannot serve on {host}: {error}") from None
    if only_loopback and not ip_address(str(address[0])).is_loopback:
        raise SettingsError(
            f"without a sign-in the console serves this machine only, not {host}",
            fix="Use 127.0.0.1, or put it behind a proxy that signs people in: `trust_header`.",
            setting="trust_header",
        )
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it each answer waits for 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        fix = "Choose another `port`; 0 takes a free one."
        raise SettingsError(f"cannot serve on port {port}: {error.strerror}", fix=fix, setting="port") from None
    listener.listen(_WAITING)
    return listener


def address_of(listener: socket.socket) -> tuple[str, int]:
    """The address of a listening socket, without a path, and its port."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}", int(port)


class ThreadedServer:
    """An application that serves from a thread of its own. Close it, or use it in a with statement."""

    def __init__(self, application: ASGIApp, listener: socket.socket, *, what: str, lifespan: bool = False) -> None:
        self._listener = listener
        self._server = http_server(application, lifespan=lifespan)
        self._failed: list[BaseException] = []
        started = Event()
        self._thread = Thread(target=self._run, args=(started.set,), name=what, daemon=True)
        self._thread.start()
        if not started.wait(_START_SECONDS) or self._failed:
            listener.close()
            raise SettingsError(f"the {what} did not start: {self._failed[0] if self._failed else 'timeout'}")

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the server; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def wait_for_signal(self, output: Output) -> None:
        """Wait for Ctrl-C, SIGTERM or the end of the server; a second signal ends the process."""
        with suppress(KeyboardInterrupt), stoppable(output):
            while not self.wait(0.5):
                pass

    def close(self) -> None:
        """Finish open requests, and stop serving."""
        self._server.should_exit = True
        self._thread.join(_GRACE + 2)
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, started: Callable[[], None]) -> None:
        async def serve() -> None:
            serving = asyncio.ensure_future(self._server.serve(sockets=[self._listener]))
            while not self._server.started and not serving.done():
                await asyncio.sleep(0.005)
            started()
            await serving

        try:
            asyncio.run(serve())
        except BaseException as error:  # handed to the thread that waits
            self._failed.append(error)
            started()
