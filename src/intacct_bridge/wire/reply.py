"""What comes back from one HTTP exchange, and the shape of whatever makes one: the seam below the client.

A transport is any callable `(endpoint, body) -> Reply`: the HTTP client, the emulator, a test's function. It either
returns a Reply, whatever its status, or raises `ConnectionCutError`, which says whether the request left whole.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from intacct_bridge.errors import TransientError


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. Header names are lower-case; the body is already decompressed."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class ConnectionCutError(TransientError):
    """The exchange broke before a whole answer came.

    `sent` is False only where the request certainly never left whole; then even a write was not applied.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


Transport = Callable[[str, bytes], Reply]
"""`(endpoint, request body) -> Reply`; raises ConnectionCutError."""

Leaving = Callable[[], None]
"""Called just before the bytes of a request leave, which may be long after it was asked for: it waits its turn."""


def unheard() -> None:
    """The Leaving that nobody listens to."""
