"""The HTTP transport: one request, one answer, and whether the request was sent in full if the connection breaks.

It handles HTTP: persistent connections, gzip, time-outs, proxies, trust. It never retries and reads no body. A
generator gives the body to the connection in pieces, which shows whether the last piece was taken: if it was not, the
gateway cannot have received the whole request, and a write was not applied.
"""

import io
import socket
import ssl
import time
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from intacct_bridge import __version__
from intacct_bridge.connections.connection import Connection, is_loopback
from intacct_protocol.errors import RemoteProtocolError, SettingsError
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from intacct_protocol.xml.xml import MAX_BYTES

CONNECT_SECONDS = 10.0
_PIECE = 64 * 1024
_HEADERS = {"Accept-Encoding": "gzip", "User-Agent": f"intacct-bridge/{__version__}"}
_XML_HEADERS = {"Content-Type": "application/xml", "Accept": "application/xml, text/xml, application/json;q=0.5"}


class HttpTransport:
    """A transport over HTTPS for one connection. Threads may share it; each uses a persistent connection of its own.

    Close it after the last request, or use it as a context manager.
    """

    def __init__(self, connection: Connection, *, max_bytes: int = MAX_BYTES) -> None:
        self._timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=connection.timeout)
        self._answer_timeout = connection.answer_timeout
        self._headers = _HEADERS | ({"User-Agent": connection.user_agent} if connection.user_agent else {})
        self._max_bytes = max_bytes
        self._options: dict[str, Any] = {
            "ssl_context": _trust(connection),
            "maxsize": connection.concurrency,
            "retries": False,
            "timeout": self._timeout,
            "socket_options": [*HTTPConnection.default_socket_options, *_kept_alive()],
        }
        self._pools: dict[str, urllib3.PoolManager] = {}

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        """One exchange of XML. Any HTTP status is an answer; ConnectionCutError if there is none."""
        return self.send("POST", endpoint, body, _XML_HEADERS)

    def send(self, method: str, endpoint: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One exchange. Any HTTP status is an answer; ConnectionCutError if there is none."""
        sending = _Sending(body)
        sized = {"Content-Length": str(len(body))} if body or method not in ("GET", "DELETE") else {}
        try:
            answer = self._pool(endpoint).request(
                method,
                endpoint,
                body=iter(sending) if sized else None,
                headers={**self._headers, **headers, **sized},
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _cut(error, endpoint, sent=sending.complete or (not sized and _was_connected(error))) from None
        try:
            received = _received(answer, self._max_bytes)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            answer.close()
            raise _cut(error, endpoint, sent=True) from None
        except BaseException:
            answer.close()
            raise
        answer.release_conn()
        named = {name.lower(): value for name, value in answer.headers.items()}
        if named.get("content-encoding", "").strip().lower() not in ("gzip", "x-gzip"):
            return Reply(answer.status, received, named)
        return Reply(answer.status, received, named, lambda packed: self._unpacked(packed, endpoint))

    def close(self) -> None:
        """Close all connections."""
        for manager in self._pools.values():
            # clear() leaves a pool to the garbage collector, which a stored traceback may delay
            for key in list(manager.pools.keys()):
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
            manager.clear()

    def __enter__(self) -> "HttpTransport":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _unpacked(self, packed: bytes, endpoint: str) -> bytes:
        try:
            return gunzipped(packed, self._max_bytes)
        except zlib.error as error:
            raise _cut(error, endpoint, sent=True) from None

    def _pool(self, endpoint: str) -> urllib3.PoolManager:
        proxy = proxy_for(endpoint)
        pool = self._pools.get(proxy)
        if pool is None:
            pool = self._pools.setdefault(proxy, self._new_pool(proxy))
        return pool

    def _new_pool(self, proxy: str) -> urllib3.PoolManager:
        options = self._options
        if not proxy:
            return _timed(urllib3.PoolManager(**options), self._answer_timeout)
        parts = urlsplit(proxy)
        headers = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers = urllib3.make_headers(proxy_basic_auth=pair)
        address = f"{parts.scheme or 'http'}://{parts.hostname}:{parts.port or 8080}"
        context = self._options["ssl_context"] if address.startswith("https:") else None
        manager = urllib3.ProxyManager(address, proxy_headers=headers, proxy_ssl_context=context, **options)
        return _timed(manager, self._answer_timeout)


class _TimedReader(io.RawIOBase):
    """The bytes of one answer, head included: a server that sends one now and then cannot hold a run for ever."""

    def __init__(self, reader: io.RawIOBase, line: socket.socket, seconds: float) -> None:
        self._reader = reader
        self._line = line
        self._pause = line.gettimeout() or 0.0
        self._ends = time.monotonic() + self._pause + seconds

    def readable(self) -> bool:
        """As the reader of a socket."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """The next bytes. TimeoutError if they do not come, or if the answer takes too long as a whole."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        if left < self._pause:
            self._line.settimeout(left)
        return self._reader.readinto(buffer)

    def close(self) -> None:
        """The end of the answer; the next request has the whole time-out."""
        if not self.closed and self._line.fileno() != -1:
            self._line.settimeout(self._pause)
        self._reader.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, seconds: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock, seconds))


def _timed(manager: urllib3.PoolManager, seconds: float) -> urllib3.PoolManager:
    """A manager whose connections limit the time of a whole answer, from its first byte."""
    timed: Any = partial(_TimedResponse, seconds=seconds)

    class TimedConnection(HTTPConnection):
        response_class = timed

    class TimedSecureConnection(HTTPSConnection):
        response_class = timed

    class Pool(HTTPConnectionPool):
        ConnectionCls = TimedConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = TimedSecureConnection

    manager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}
    return manager


def _kept_alive() -> list[tuple[int, int, int]]:
    """Probes on idle connections, so that one that a firewall dropped is found before a write is sent on it."""
    options = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
    available = [(getattr(socket, name), value) for name, value in options if hasattr(socket, name)]
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *((socket.IPPROTO_TCP, option, value) for option, value in available),
    ]


class _Sending:
    """A body that records whether all of it was taken: a request for more means that the last piece was sent."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.complete = False

    def __iter__(self) -> Iterator[bytes]:
        view = memoryview(self._body)
        for start in range(0, len(view), _PIECE):
            yield bytes(view[start : start + _PIECE])
        self.complete = True


def _was_connected(error: Exception) -> bool:
    """Whether a request without a body may have arrived: it has no last piece that shows it."""
    never = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError, socket.gaierror)
    return not any(isinstance(each, never) for each in _chain(error))


def proxy_for(endpoint: str) -> str:
    """The proxy for an endpoint by HTTPS_PROXY, HTTP_PROXY and NO_PROXY; none for this machine."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(f"{host}:{parts.port}" if parts.port else host):
        return ""
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _trust(connection: Connection) -> ssl.SSLContext:
    if not connection.ca_bundle:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=Path(connection.ca_bundle).expanduser())
    except OSError as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(
            f"connection {connection.name!r}: ca_bundle {connection.ca_bundle} cannot be used: {reason}",
            fix="Point ca_bundle at a PEM file of certificates, or leave it out to use the system's trust store.",
        ) from None


class _Decompressor(Protocol):
    """The common interface of the decompressors of zlib and isal."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


def _decompressor() -> tuple[_Decompressor, type[Exception], bool]:
    """A decompressor for one gzip member, the error that it raises, and whether it goes on where it stopped.

    isal is several times as fast as zlib, and makes room for just as much as it is told.
    """
    try:
        from isal import igzip_lib
    except ImportError:
        standard: _Decompressor = zlib.decompressobj(31)
        return standard, zlib.error, False
    fast: _Decompressor = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
    return fast, cast(type[Exception], igzip_lib.error), True  # its stub says an instance


def _received(answer: urllib3.BaseHTTPResponse, limit: int) -> bytes:
    """The body as it came, which may not exceed the limit."""
    declared = answer.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_long(limit)
    received = bytearray()
    while piece := answer.read(1 << 20):
        received += piece
        if len(received) > limit:
            raise _too_long(limit)
    return bytes(received)


def gunzipped(packed: bytes, limit: int) -> bytes:
    """Decompress all members of a gzip body; raises if it is cut short or exceeds the limit."""
    plain = b""
    declared = int.from_bytes(packed[-4:], "little")  # the length of the last member, nearly always the only one
    while packed:
        member, damaged, goes_on = _decompressor()
        most = limit - len(plain) + 1
        try:
            text = member.decompress(packed, min(declared + 1, most) if goes_on else most)
            if goes_on and not member.eof and len(text) < most:  # another member, or a wrong length
                text += member.decompress(b"", most - len(text))
        except damaged as error:
            raise zlib.error(str(error)) from None
        plain += text
        if len(plain) > limit:
            raise _too_long(limit)
        if not member.eof:
            raise zlib.error("the compressed answer is cut short")
        packed = member.unused_data
    return plain


def _too_long(limit: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"the answer is longer than the limit of {limit:,} bytes; ask for less at a time")


def _cut(error: Exception, endpoint: str, *, sent: bool) -> ConnectionCutError:
    """The error for a broken connection, with its fix. A proxy's address is never quoted: it may have a password."""
    host = urlsplit(endpoint).hostname or endpoint
    reason, fix = _explained(list(_chain(error)), host)
    when = "after the request was sent" if sent else "and the request was not sent"
    cut = ConnectionCutError(f"{reason}, {when}", sent=sent)
    cut.fix = fix
    return cut


def _explained(reasons: list[BaseException], host: str) -> tuple[str, str]:
    def among(*kinds: type[BaseException]) -> bool:
        return any(isinstance(each, kinds) for each in reasons)

    broken = urllib3.exceptions
    if among(broken.SSLError, ssl.SSLError):
        return f"the TLS connection to {host} failed ({_tls_reason(reasons)})", (
            "If a proxy or firewall intercepts TLS, give its certificate authority as ca_bundle, or install it in the"
            " system's trust store."
        )
    if among(broken.ProxyError):
        return f"the proxy for {host} refused or does not answer{_status_of(reasons)}", (
            "Check HTTPS_PROXY and NO_PROXY."
        )
    if among(broken.NameResolutionError, socket.gaierror):
        return f"the name {host} cannot be resolved", "Check the network, DNS, and whether a proxy is needed."
    if among(broken.NewConnectionError, broken.ConnectTimeoutError):
        return f"{host} cannot be reached", "Check the network, the firewall, and whether a proxy is needed."
    if among(broken.ReadTimeoutError, TimeoutError):
        return f"{host} did not answer in time", "Ask for less at a time, or raise `timeout`."
    if among(zlib.error):
        return f"the compressed answer of {host} is damaged", ""
    return f"the connection to {host} broke", ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all errors inside it; urllib3 nests them in `reason`, `args` and `__cause__`."""
    chain: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or each in chain:
            continue
        chain.append(each)
        yield each
        inner = [getattr(each, "reason", None), getattr(each, "original_error", None), *each.args]
        waiting += [one for one in (*inner, each.__cause__, each.__context__) if isinstance(one, BaseException)]


def _tls_reason(reasons: list[BaseException]) -> str:
    for each in reasons:
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"certificate not trusted: {each.verify_message}"
        if isinstance(each, ssl.SSLError) and each.reason:
            return each.reason.replace("_", " ").lower()
    return "no reason given"


def _status_of(reasons: list[BaseException]) -> str:
    for each in reasons:
        for status in (HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_GATEWAY):
            if str(int(status)) in str(each):
                return f" (HTTP {int(status)} {status.phrase})"
    return ""
