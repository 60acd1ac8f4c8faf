"""The answer of one HTTP exchange, and the transport that makes one: the interface below the client.

A transport is any callable `(endpoint, body) -> Reply`: the HTTP client, the emulator, a test's function. It either
returns a Reply of any status or raises `ConnectionCutError`, which says whether the whole request was sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from intacct_protocol.errors import InDoubtError, IntacctError, RemoteProtocolError, TransientError


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. Header names are lower-case."""

    status: int
    received: bytes
    """The body as it came, which may be compressed."""
    headers: Mapping[str, str] = field(default_factory=dict)
    unpack: Callable[[bytes], bytes] = bytes
    """From the body as it came to the plain body."""

    @property
    def body(self) -> bytes:
        """The plain body, unpacked again at each call, since it is many times as long as what came.

        Raises ConnectionCutError if it is damaged, and RemoteProtocolError if it is too long.
        """
        return self.unpack(self.received)


class ConnectionCutError(TransientError):
    """The exchange broke off before the whole answer arrived.

    `sent` is False only if the request was certainly not sent whole; then even a write was not applied.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


def may_be_applied(error: IntacctError) -> bool:
    """Whether a write that ended with this error may have been applied."""
    if isinstance(error, ConnectionCutError):
        return error.sent
    return isinstance(error, InDoubtError | RemoteProtocolError)


Transport = Callable[[str, bytes], Reply]
"""`(endpoint, request body) -> Reply`; raises ConnectionCutError."""

BeforeSend = Callable[[], None]
"""Called just before the bytes of a request are sent. That may be long after the call, because requests wait."""


def no_callback() -> None:
    """A `BeforeSend` that does nothing."""
