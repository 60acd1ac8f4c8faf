"""What a reader of streams that are no objects has to offer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from intacct_bridge.client.client import Client
from intacct_bridge.flow.streams.names import VirtualStream
from intacct_bridge.wire.values import Formatting, Kind

Row = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class FeedPage:
    """What one transaction gave."""

    rows: Sequence[Row]
    remaining: int = 0
    formatting: Formatting | None = None
    """How its cells are written, where that is not the user's way."""


class Reader(Protocol):
    """One kind of stream that is no object."""

    open_ended: bool
    """Rows may have columns that only reading them shows."""
    certain: bool
    """The columns that tell rows apart are never empty, so that anybody can use them as a key."""

    def fields(self, client: Client, feed: VirtualStream) -> Mapping[str, Kind]:
        """The columns that are known beforehand."""

    def identity(self, feed: VirtualStream) -> tuple[str, ...]:
        """The columns that tell rows apart; none where only their place does."""

    def unchanged(self, client: Client, feed: VirtualStream, since: str) -> bool:
        """Whether all is certainly as it was then; False where nobody can tell."""

    def price(self, client: Client, feed: VirtualStream) -> int | None:
        """The most transactions that all rows take; None where only reading shows."""

    def pages(self, client: Client, feed: VirtualStream) -> Iterator[FeedPage]:
        """All rows."""
