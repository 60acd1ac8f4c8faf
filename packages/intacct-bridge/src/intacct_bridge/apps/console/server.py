"""The server of the console: on this machine only, unless a proxy signs people in."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from intacct_bridge.apps.console.app import console_app
from intacct_bridge.apps.console.guard import Asgi
from intacct_bridge.apps.console.site import Site
from intacct_bridge.apps.console.visit import ConsolePage
from intacct_bridge.apps.web.listener import listen_on
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    import uvicorn

_START_SECONDS = 30
_GRACE = 3
"""Seconds that open requests have after Ctrl-C."""


class ThreadedServer:
    """An application that serves from a thread of its own. Close it, or use it in a with statement."""

    def __init__(self, application: Asgi, listener: socket.socket, *, what: str) -> None:
        self._listener = listener
        self._server = _server(application)
        self._failed: list[BaseException] = []
        started = Event()
        self._thread = Thread(target=self._run, args=(started,), name=what, daemon=True)
        self._thread.start()
        if not started.wait(_START_SECONDS) or self._failed:
            listener.close()
            raise SettingsError(f"the {what} did not start: {self._failed[0] if self._failed else 'timeout'}")

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the server; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Finish open requests, and stop serving."""
        self._server.should_exit = True
        self._thread.join(_GRACE + 2)
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, started: Event) -> None:
        try:
            _serve(self._server, self._listener, started.set)
        except BaseException as error:  # handed to the thread that waits
            self._failed.append(error)
            started.set()


class ConsoleServer(ThreadedServer):
    """A console that serves."""

    def __init__(self, site: Site, pages: Sequence[ConsolePage], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.site = site
        listener = listen(host, port, only_loopback=site.settings.team is None)
        self.url, site.port = address_of(listener)
        """Its address, without a path."""
        super().__init__(console_app(site, pages), listener, what="console")

    def start_address(self) -> str:
        """An address that signs in one browser, once."""
        return f"{self.url}/start/{self.site.access.new_token()}"

    def close(self) -> None:
        """Ask jobs to stop, finish open requests, and stop serving."""
        self.site.close()
        super().close()


def address_of(listener: socket.socket) -> tuple[str, int]:
    """The address of a listening socket, and its port."""
    shown = listener.getsockname()
    port = int(shown[1])
    return f"http://{f'[{shown[0]}]' if ':' in shown[0] else shown[0]}:{port}", port


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
    return listen_on(address, family)


def _server(application: Asgi) -> "uvicorn.Server":
    import uvicorn

    from intacct_bridge.apps.web.head_timeout import HeadTimeoutProtocol

    config = uvicorn.Config(
        application,
        http=HeadTimeoutProtocol,
        log_level="critical",
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        ws="none",
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
    )
    return uvicorn.Server(config)


def _serve(server: "uvicorn.Server", listener: socket.socket, started: Callable[[], None]) -> None:
    import asyncio

    async def main() -> None:
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        started()
        await serving

    asyncio.run(main())
