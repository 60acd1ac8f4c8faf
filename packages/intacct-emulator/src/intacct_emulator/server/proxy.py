"""A proxy that leads Intacct's host names to the emulator, for programs in which the gateway's address is fixed.

A client asks by CONNECT for a connection to api.intacct.com (RFC 9110, 9.3.6). The proxy connects it to the emulator's
TLS listener, which shows a certificate for that name; the client trusts it by the authority of `certificates`. Every
other host is refused, and nothing is ever sent to another machine. The proxy itself reads no byte of a connection.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from threading import Event, Thread
from urllib.parse import urlsplit

from intacct_emulator.server.certificates import CertificateAuthority, is_of
from intacct_emulator.server.server import listen, origin, serve
from intacct_protocol.model.wording import listed
from intacct_protocol.xml.reply import Transport

_HEAD_SECONDS = 30
_PIECE = 64 * 1024
_CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class RunningProxy:
    """A proxy in a separate thread. Close it, or use it in a with statement."""

    def __init__(
        self, emulator: Transport, authority: CertificateAuthority, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        """Listen on a loopback address; port 0 takes any free port. The emulator's TLS listener is the proxy's own."""
        self._listener = listen(host, port)
        self._gateway = serve(emulator, allow_hosts=authority.hosts, tls=authority.server_context())
        self._hosts = authority.hosts
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self.url = origin(self._listener)
        """The address for `HTTPS_PROXY`."""
        ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._run(ready)), name="proxy", daemon=True)
        self._thread.start()
        ready.wait()

    def close(self) -> None:
        """Stop; open connections are closed."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._gateway.close()

    def __enter__(self) -> "RunningProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _run(self, ready: Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        connections = set[asyncio.Task[None]]()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            with suppress(OSError, asyncio.CancelledError):
                await self._connection(reader, writer)
            connections.discard(task)
            writer.transport.abort()

        server = await asyncio.start_server(connected, sock=self._listener, limit=_PIECE)
        ready.set()
        await self._stop.wait()
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, from its CONNECT until either side closes the connection."""
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        refusal = _why_not(head.split(b"\r\n", 1)[0].decode("latin-1"), self._hosts)
        if refusal:
            writer.write(_status_403(refusal))
            await _close(writer)
            return
        there = urlsplit(self._gateway.url)
        from_gateway, to_gateway = await asyncio.open_connection(there.hostname, there.port, limit=_PIECE)
        writer.write(_CONNECTED)
        sending = asyncio.create_task(_pass_on(reader, to_gateway))
        try:
            await _pass_on(from_gateway, writer)
            await _close(writer)
        finally:
            sending.cancel()
            to_gateway.transport.abort()


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close a connection once everything is sent."""
    writer.close()
    await writer.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what one side sends until it sends no more; break the other side off where this one breaks off."""
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


def _why_not(line: str, hosts: Sequence[str]) -> str:
    """Why the proxy does not do what a request line asks for; empty if it does."""
    method, _, rest = line.partition(" ")
    target = rest.partition(" ")[0]
    if method != "CONNECT":
        return f"intacct-emulator's proxy takes CONNECT only, for https: not {method} {_printable(target)}"
    host = target.rpartition(":")[0]
    if not is_of(host, hosts):
        return f"intacct-emulator's proxy answers for {listed(hosts)} only, not for {_printable(host)}"
    return ""


def _printable(text: str) -> str:
    """What a client asked for, in a status line: printable, short, and without a query."""
    return "".join(sign for sign in text.partition("?")[0] if sign.isascii() and sign.isprintable())[:100]


def _status_403(reason: str) -> bytes:
    """The refusal as an answer. Its reason is in the status line too, because that is what clients show."""
    text = f"{reason}. It sends nothing to another machine: set NO_PROXY for hosts to reach directly.\n"
    head = (
        f"HTTP/1.1 403 {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    )
    return f"{head}{text}".encode("ascii", "replace")


def exports(proxy: str, authority: CertificateAuthority) -> dict[str, str]:
    """The environment variables that lead a program's https requests to the proxy, and make it trust the emulator."""
    certificate, bundle = str(authority.certificate.absolute()), str(authority.bundle.absolute())
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "NODE_EXTRA_CA_CERTS": certificate,
        "NODE_USE_ENV_PROXY": "1",
        "GLOBAL_AGENT_HTTPS_PROXY": proxy,
    }
