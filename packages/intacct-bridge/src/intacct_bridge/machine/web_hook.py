"""A POST to a program of others: bounded in time and in what is read of the answer, regardless of that program.

The time-outs of sockets restart with each byte, so a program that answers one byte at a time would hold a delivery
for ever. Here one deadline holds for the connection, the request and the answer, and only the beginning of its body is
read.

A message is signed as the Standard Webhooks specification says.
"""

import base64
import binascii
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    import urllib3

_PREFIX = "whsec_"
_SECRET_BYTES = (24, 64)
"""The lengths that the specification allows."""
_SHOWN = 200
_MOST_KEPT = 16
"""Connections that are kept between posts."""
_DRAINED = 64 << 10
"""Bytes of an answer that are read so that its connection can be used again; a longer one ends the connection."""


class NoAnswerError(Exception):
    """No answer came; its text is the reason, without the address."""


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """An answer, whose status is all that counts."""

    status: int
    headers: Mapping[str, str]
    text: str
    """The beginning of the body."""

    @property
    def accepted(self) -> bool:
        """Whether the program took what it was sent."""
        return 200 <= self.status < 300


class WebHook:
    """One address. Threads may share it; connections are kept between posts."""

    def __init__(self, address: str, *, seconds: float, retries: int = 0) -> None:
        """`seconds`: for a whole post. `retries`: how often a connection that cannot be made is tried again.

        A user and a password in the address are sent as Basic authentication. SettingsError for an address that cannot
        be used.
        """
        import ssl

        import truststore
        import urllib3

        self._address, self.host, self._user_headers = _parts(address)
        self._seconds = seconds
        self._failures = (urllib3.exceptions.HTTPError, OSError, ValueError)
        self._retries = urllib3.Retry(retries, redirect=False) if retries else False
        self._manager = urllib3.PoolManager(
            timeout=seconds, ssl_context=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT), maxsize=_MOST_KEPT
        )
        self._manager.pool_classes_by_scheme = _pools()

    def post(self, body: bytes, headers: Mapping[str, str]) -> HookAnswer:
        """Send a body, and give any answer, a redirect included. NoAnswerError if none came in time."""
        with _deadline(self._seconds) as deadline:
            try:
                answer = self._manager.request(
                    "POST",
                    self._address,
                    body=body,
                    headers={**headers, **self._user_headers},
                    redirect=False,
                    retries=self._retries,
                    preload_content=False,
                    decode_content=False,
                )
            except self._failures as error:
                raise NoAnswerError(deadline.reason(error)) from None
            try:
                return HookAnswer(answer.status, answer.headers, self._beginning(answer, deadline))
            finally:
                answer.close()  # nothing is left to close if the connection was released

    def _beginning(self, answer: "urllib3.BaseHTTPResponse", deadline: "_Deadline") -> str:
        """The beginning of the body; what cannot be read of it changes nothing."""
        read = b""
        with suppress(*self._failures):
            while len(read) <= _DRAINED:
                piece = answer.read1(_DRAINED)
                if not piece:
                    deadline.stop()  # before another thread has the connection
                    answer.release_conn()
                    break
                read += piece
        packed = answer.headers.get("content-encoding", "identity") != "identity"
        return "" if packed else read[:_SHOWN].decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Close all connections."""
        self._manager.clear()


def _parts(address: str) -> tuple[str, str, dict[str, str]]:
    """An address without a user, as messages name it, and the header that carries the user."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in ("http", "https") or port == 0 or any(one in host for one in " \\"):
        raise SettingsError("the address of the web hook is not complete", fix="write https://HOST/PATH")
    where = parts.netloc.rpartition("@")[2]
    headers = {}
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    return urlunsplit(parts._replace(netloc=where)), f"{parts.scheme}://{where}", headers


# --- the signature


def webhook_headers(message: str, at: int, body: bytes, key: bytes = b"") -> dict[str, str]:
    """The headers by which a receiver checks who sent a message, and recognises one that it has already taken.

    `message` is the same for each delivery. `at`: seconds since 1970. Without a key the message is not signed.
    """
    headers = {"webhook-id": message, "webhook-timestamp": str(at)}
    if key:
        signed = hmac.new(key, f"{message}.{at}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
    return headers


def signing_key(secret: str) -> bytes:
    """The key in a secret of the form `whsec_...`."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not _SECRET_BYTES[0] <= len(key) <= _SECRET_BYTES[1]:
        raise SettingsError(
            "the signing secret is not of the form whsec_ and 24 to 64 bytes in base64",
            fix='make one with: python -c "import base64, secrets;'
            " print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())\"",
        )
    return key


# --- the deadline


class _Deadline:
    """When a post must be over. What waits on its socket is woken then."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        self._timer: threading.Timer | None = None
        self._cut = False

    def watch(self, sock: socket.socket) -> None:
        """End the connection of this socket at the deadline."""
        self.stop()
        self._timer = threading.Timer(max(0.0, self._ends - time.monotonic()), self._end, (sock,))
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Let the socket's connection be."""
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, sock: socket.socket) -> None:
        self._cut = True
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of a TLS socket would not wake its reader cleanly

    def reason(self, error: Exception) -> str:
        """Why there is no answer."""
        from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError

        timed_out = isinstance(error, ReadTimeoutError | ConnectTimeoutError)
        if self._cut or (timed_out and not isinstance(error, NewConnectionError)):
            return f"did not answer within {self._seconds:g} seconds"
        return f"did not answer: {type(error).__name__}"


_CURRENT = threading.local()


@contextmanager
def _deadline(seconds: float) -> Iterator[_Deadline]:
    """The deadline of what this thread does in the block."""
    _CURRENT.deadline = deadline = _Deadline(seconds)
    try:
        yield deadline
    finally:
        deadline.stop()


@cache
def _pools() -> dict[str, Any]:
    """urllib3's pools by scheme, with connections that wait for an answer until the deadline of their thread."""
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Plain(HTTPConnection):
        def getresponse(self) -> Any:
            _CURRENT.deadline.watch(self.sock)
            return super().getresponse()

    class Encrypted(HTTPSConnection):
        def getresponse(self) -> Any:
            _CURRENT.deadline.watch(self.sock)
            return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
