"""Counts of the equal records of streams without key properties, kept in the outbox beside its entries.

Only a number distinguishes equal records, so the outbox keeps two numbers for each content. *Assigned* is the highest
number that any run gave; it is on disk before a record with that number is sent. *Covered* is the number up to which
the last released STATE covers the records; it is on disk before that STATE is released. If a run ends between the two,
the next run takes an equal record for one that may be known, and never for one that certainly is.

The outbox also keeps the stream's position in the last released STATE, as a digest. An input that begins there
continues after the covered records.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from intacct_bridge.load.outbox.storage import (
    ASSIGN,
    COMPLETE,
    COUNT_OF,
    COUNTED,
    COVER,
    KEEP_POSITION,
    POSITION_OF,
    RESTART,
)
from intacct_bridge.shared_state.database import StateDatabase


@dataclass(frozen=True, slots=True)
class StreamSource:
    """A stream of one source, on its way to one company."""

    company: str
    source: str
    """The name that distinguishes sources with the same streams; empty for the usual one."""
    stream: str

    @property
    def parts(self) -> tuple[str, str, str]:
        """The three strings of its key in the outbox."""
        return (self.company, self.source, self.stream)


@dataclass(frozen=True, slots=True)
class EqualCount:
    """The numbers of equal records of one content."""

    assigned: int = 0
    covered: int = 0


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """The position of a stream in the last released STATE."""

    position: str = ""
    """A digest; empty if nothing proves a position."""
    version: str = ""
    """The version of the source's table; empty if it has none."""


@dataclass(frozen=True, slots=True)
class CoveredStream:
    """A stream at its position in a STATE that is about to be released."""

    stream: StreamSource
    at: StreamPosition
    counts: Mapping[str, int]
    """The number of the last covered record of each content that has changed."""
    restarted: bool = False
    """The source sends its table from the beginning, so contents that have not come yet are not covered."""
    complete: bool = False
    """The source has sent its whole table, so all of them are."""


class EqualCounts:
    """The counts of one open outbox."""

    def __init__(self, db: StateDatabase) -> None:
        self._db = db

    def count(self, stream: StreamSource, digest: str) -> EqualCount:
        """The numbers of the equal records with this content."""
        rows = self._db.read(COUNT_OF, (*stream.parts, digest))
        return EqualCount(*rows[0]) if rows else EqualCount()

    def has(self, stream: StreamSource) -> bool:
        """Whether any record of the stream was ever counted."""
        return bool(self._db.read(COUNTED, stream.parts))

    def position(self, stream: StreamSource) -> StreamPosition:
        """The last position of the stream."""
        rows = self._db.read(POSITION_OF, stream.parts)
        return StreamPosition(*rows[0]) if rows else StreamPosition()

    def assign(self, stream: StreamSource, assigned: Mapping[str, int]) -> None:
        """Keep the highest number of each content, before a record with it is sent."""
        with self._db.transaction():
            self._db.executemany(ASSIGN, ((*stream.parts, digest, number) for digest, number in assigned.items()))

    def cover(self, covered: Iterable[CoveredStream]) -> None:
        """Keep positions with the counts that they cover, all or none, before the STATE is released."""
        with self._db.transaction():
            for position in covered:
                if position.restarted:
                    self._db.execute(RESTART, position.stream.parts)
                counts = ((number, *position.stream.parts, digest) for digest, number in position.counts.items())
                self._db.executemany(COVER, counts)
                if position.complete:
                    self._db.execute(COMPLETE, position.stream.parts)
                self._db.execute(KEEP_POSITION, (*position.stream.parts, position.at.position, position.at.version))
