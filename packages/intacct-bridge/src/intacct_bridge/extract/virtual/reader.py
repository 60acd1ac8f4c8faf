"""The interface of a reader of virtual streams."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.streams.names import VirtualStream
from intacct_protocol.xml.values import Formatting, Kind

Row = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class VirtualPage:
    """The rows of one transaction."""

    rows: Sequence[Row]
    remaining: int = 0
    formatting: Formatting | None = None
    """How the cells are written, if that is not the user's formatting."""


class VirtualReader(Protocol):
    """The reader of one kind of virtual stream."""

    open_ended: bool
    """Rows may have further columns, which only reading them shows."""
    certain: bool
    """The identifying columns are never empty, so that a consumer can use them as a key."""

    def fields(self, gateway: ReadGateway, virtual: VirtualStream) -> Mapping[str, Kind]:
        """The columns that are known beforehand."""

    def identity(self, virtual: VirtualStream) -> tuple[str, ...]:
        """The columns that tell rows apart; none if only their place does."""

    def unchanged(self, gateway: ReadGateway, virtual: VirtualStream, since: str) -> bool:
        """Whether all rows are certainly the same as at that time; False if it cannot be known."""

    def cost(self, gateway: ReadGateway, virtual: VirtualStream) -> int | None:
        """The most transactions that all rows take; None if only reading them shows."""

    def pages(self, gateway: ReadGateway, virtual: VirtualStream) -> Iterator[VirtualPage]:
        """All rows."""
