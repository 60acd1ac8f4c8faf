"""The source of an extraction: what it needs of a company, and the gateway that provides it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.virtual.registry import reader_of, virtual_pages
from intacct_bridge.streams.bookmark import AnswerFormat
from intacct_bridge.streams.partition import PartitionPage
from intacct_bridge.streams.stream import Stream
from intacct_bridge.streams.times import format_time
from intacct_protocol.model.query.query import Query


class ExtractSource(Protocol):
    """What an extraction needs of a company."""

    @property
    def company(self) -> str:
        """The company, as the destination stores it."""

    @property
    def concurrency(self) -> int:
        """How many calls may run at once."""

    @property
    def offset_minutes(self) -> int:
        """The API user's offset from UTC."""

    @property
    def reads_as(self) -> str:
        """How the gateway reads the times of a filter: `utc`, `user` (in the user's offset), or empty if unknown."""

    @property
    def definition_seconds(self) -> int:
        """How old the definitions may be by which streams are read."""

    @property
    def formatting(self) -> AnswerFormat:
        """How answers write days and times."""

    def forget_stored_formatting(self) -> bool:
        """Forget the user's formatting if an earlier run read it; whether one did."""

    def now(self) -> datetime:
        """The server's clock."""

    def page(self, query: Query) -> PartitionPage:
        """One page with typed columns; one billable transaction."""

    def unchanged(self, stream: Stream, since: str) -> bool:
        """Whether a virtual stream is certainly the same as at that time."""

    def virtual_cost(self, stream: Stream) -> int | None:
        """The most transactions that reading a virtual stream takes; None if only reading it shows."""

    def virtual_pages(self, stream: Stream) -> Iterator[PartitionPage]:
        """All rows of a virtual stream, a page a transaction."""


class GatewaySource:
    """A company that is read through a gateway."""

    def __init__(self, gateway: ReadGateway, *, without_arrow: bool = False) -> None:
        """`without_arrow`: pages are columns of Python values, not of Arrow."""
        self._gateway = gateway
        self._without_arrow = without_arrow

    @property
    def company(self) -> str:
        """The company, and the entity if the connection is to one, since their copies must not be mixed."""
        connection = self._gateway.connection
        entity = f", entity {connection.location_id}" if connection.location_id else ""
        return f"{connection.company_id}{entity}"

    @property
    def concurrency(self) -> int:
        """How many calls may run at once."""
        return 1 if self._without_arrow else self._gateway.connection.concurrency  # each call holds a page

    @property
    def offset_minutes(self) -> int:
        """The API user's offset from UTC."""
        return self._gateway.formatting.offset_minutes

    @property
    def reads_as(self) -> str:
        """How the gateway reads the times of a filter, if `intacct doctor` has found that out."""
        return self._gateway.calibration.reading_of(self.offset_minutes)

    @property
    def definition_seconds(self) -> int:
        """How long definitions are kept between runs."""
        return round(self._gateway.connection.catalog_hours * 3600)

    @property
    def formatting(self) -> AnswerFormat:
        """The API user's formatting, with the time at which it was read."""
        formatting, user = self._gateway.formatting, self._gateway.connection.user_id.upper()
        text = f"{formatting.date} {formatting.clock} {formatting.offset_minutes:+}"
        return AnswerFormat(text, format_time(self._gateway.formatting_read_at()), user)

    def forget_stored_formatting(self) -> bool:
        """Forget the user's formatting if an earlier run read it; whether one did."""
        return self._gateway.forget_stored_formatting()

    def now(self) -> datetime:
        """The server's clock."""
        return self._gateway.company_time

    def page(self, query: Query) -> PartitionPage:
        """One page with typed columns; one billable transaction."""
        head, rows = self._gateway.row_batch(query) if self._without_arrow else self._gateway.batch(query)
        return PartitionPage(rows, head.remaining)

    def unchanged(self, stream: Stream, since: str) -> bool:
        """Whether a virtual stream is certainly the same as at that time."""
        virtual = stream.virtual
        return virtual is not None and reader_of(virtual).unchanged(self._gateway, virtual, since)

    def virtual_cost(self, stream: Stream) -> int | None:
        """The most transactions that reading a virtual stream takes; None if only reading it shows."""
        virtual = stream.virtual
        return None if virtual is None else reader_of(virtual).cost(self._gateway, virtual)

    def virtual_pages(self, stream: Stream) -> Iterator[PartitionPage]:
        """All rows of a virtual stream, a page a transaction."""
        return virtual_pages(self._gateway, stream, without_arrow=self._without_arrow)
