"""One stream in one run: what is read goes to the destination, and how far it came goes with it.

Rows are handed over page by page and committed when enough have gathered, always together with the bookmark that is
true of them, so that whatever ends a run, the next one goes on from the last commit.
"""

import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic

from intacct_bridge.errors import IntacctError
from intacct_bridge.flow.destinations.base import Committed, Writer
from intacct_bridge.flow.extract.key_walk import Piece, walk
from intacct_bridge.flow.extract.known_rows import Recognition
from intacct_bridge.flow.extract.page_reader import Asker, ExtractSource, check_zone
from intacct_bridge.flow.streams.bookmark import OVERLAP_SECONDS, Bookmark, moment, sent
from intacct_bridge.flow.streams.partition import Partition, changed_since
from intacct_bridge.flow.streams.stream import Stream, StreamOutcome
from intacct_bridge.model.query.query import MAX_PAGE, Filter


class StoppedError(IntacctError):
    """The run is being ended; what was committed stays."""

    exit_status = 130


@dataclass(frozen=True, slots=True)
class Options:
    """How to read; the defaults are right for nearly everybody."""

    full: bool = False
    """Read everything again, also where the changes would do; fields that could not be queried are tried once more."""
    start: str = ""
    """A first read takes only what changed since this time."""
    overlap_seconds: int = OVERLAP_SECONDS
    trail_seconds: int = 9000
    """How far back the audit trail is read again, for entries that appear late."""
    full_every: int = 0
    """Seconds between two reads of a stream that cannot tell what changed; 0: every run reads it."""
    whole_every: Mapping[str, int] = field(default_factory=dict)
    """Streams that are read whole again after so many seconds (0: in every run) although they tell what changed: some
    fields, such as a vendor's TOTALDUE, are computed and change without anybody modifying the record."""
    sweep_every: int | None = 86_400
    """Seconds between two comparisons of all keys, where the audit trail cannot be read; None where the destination
    cannot be compared.
    """
    page_size: int = MAX_PAGE
    window_rows: int = 200_000
    """A view of more rows than this is read by windows of days."""
    show_private: bool = True
    reads_as: str = ""
    """`utc` or `user`: how the gateway takes the times of a filter; empty: what the source knows of it."""

    def begins(self, stream: Stream, bookmark: Bookmark) -> str:
        """Since when a walk over everything takes what changed: a copy that is whole stays whole, and one that began
        with a day keeps to it until everything is asked for by name.
        """
        if not stream.modified or (bookmark.read_in_full and not bookmark.from_day):
            return ""  # who knows no changes is read whole
        return self.start or ("" if self.full else bookmark.from_day)

    def whole(self, stream: Stream, bookmark: Bookmark, now: str) -> bool:
        """Whether a walk that begins now reads everything."""
        if self.full or not bookmark.since or not stream.modified:
            return True
        period = self.whole_every.get(stream.name, self.whole_every.get(stream.name.upper()))
        if period is None:
            return False
        return not period or not bookmark.read_in_full or _age(bookmark.read_in_full, now) >= period

    def waits(self, stream: Stream, bookmark: Bookmark, now: str) -> bool:
        """Whether a stream that cannot tell what changed is left alone for now."""
        known = not stream.modified and not self.full and bool(bookmark.since and bookmark.read_in_full)
        # a clock may step back; nought means every run
        return known and bool(self.full_every) and _age(bookmark.read_in_full, now) < self.full_every


def _age(since: str, now: str) -> float:
    """Seconds."""
    return (moment(now) - moment(since)).total_seconds()


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """How far a stream has come."""

    stream: str
    rows: int
    expected: int
    """Rows that are likely still to come."""
    pages: int


@dataclass(frozen=True, slots=True)
class Context:
    """What all streams of one run share."""

    source: ExtractSource
    pool: Executor
    options: Options
    run: int
    started: str
    stop: threading.Event
    emit: Callable[[StreamProgress], None]
    commit_rows: int
    commit_bytes: int
    commit_seconds: float

    def now(self) -> datetime:
        """The company's time."""
        return self.source.now()

    def as_written(self, bookmark: Bookmark) -> Bookmark:
        """The bookmark for what the API user's formatting is now."""
        known = self.source.written
        if bookmark.contradicts(known) and self.source.doubt_formatting():  # another machine may have asked later
            known = self.source.written
        overlap, trail = self.options.overlap_seconds, self.options.trail_seconds
        return bookmark.written_as(known, overlap_seconds=overlap, trail_seconds=trail)

    def sent(self, text: str) -> str:
        """A time as a filter has to say it."""
        return sent(text, self.source.offset_minutes, self.options.reads_as or self.source.reads_as)


@dataclass(slots=True)
class _Count:
    rows: int = 0
    news: int = 0
    """Rows that the run before did not meet as they are, lines read again under their headers among them."""
    deleted: int = 0
    full: bool = False
    done: bool = False
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    seconds: float = 0.0
    """By our own stopwatch, waiting for its turn not counted."""


class StreamRun:
    """A stream, its writer, its bookmark and its counts."""

    def __init__(
        self, context: Context, stream: Stream, writer: Writer, bookmark: Bookmark, *, widening: bool = False
    ) -> None:
        self.context = context
        self.widening = widening
        """More fields are wanted than all rows of the copy have, so everything is read again."""
        self.stream = stream
        self.writer = writer
        self.bookmark = bookmark
        self.asker = Asker(context.source, stream, () if context.options.full else bookmark.dropped)
        self.count = _Count()
        self.expected = 0
        self._recognition: Recognition | None = None
        self._beside: list[Asker] = []
        self._waiting = 0
        self._bytes = 0
        self._saved = monotonic()
        self._storing = False
        self._offset: int | None = None
        """The API user's, when it was first asked what changed."""

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.stream.name

    @property
    def sound(self) -> bool:
        """Whether the writer holds nothing that a failed commit left behind."""
        return not self._storing

    @property
    def recognition(self) -> Recognition:
        """What the run before met, and what this one meets; of the walk that is in progress when it is first asked."""
        if self._recognition is None:
            started = moment(self.bookmark.started or self.context.started)
            self._recognition = Recognition(self.stream, self.bookmark.met, started)
        return self._recognition

    def forget_recognition(self) -> None:
        """Another walk begins."""
        self._recognition = None

    def partition(self, *where: Filter, along: str = "", in_groups: bool | None = None) -> Partition:
        """The rows of the stream that a filter keeps, to be walked as the stream wants it."""
        return Partition(
            self.stream,
            along or self.stream.walked,
            where,
            in_groups=bool(self.stream.group) if in_groups is None else in_groups,
            page_size=self.context.options.page_size,
            show_private=self.context.options.show_private,
        )

    def changed(self, stream: Stream, since: str) -> tuple[Filter, ...]:
        """The filter for what changed; nothing where everything is wanted."""
        if not since or not stream.modified:
            return ()
        if self._offset is None:
            self._offset = self.context.source.offset_minutes
        return (changed_since(stream, self.context.sent(since)),)

    def check_zone(self) -> None:
        """ZoneMovedError where what changed was asked for with another offset than the API user has."""
        if self._offset is not None:
            check_zone(self.context.source, self._offset)

    def ask_beside(self, stream: Stream) -> Asker:
        """Questions about another object that this stream needs, counted with its own."""
        self._beside.append(Asker(self.context.source, stream))
        return self._beside[-1]

    @property
    def pages(self) -> int:
        """Pages read for the stream."""
        return sum(asker.pages for asker in (self.asker, *self._beside))

    @property
    def transactions(self) -> int:
        """API transactions that the stream cost."""
        return sum(asker.transactions for asker in (self.asker, *self._beside))

    def pieces(self, partition: Partition, asker: Asker | None = None) -> Generator[Piece, None, None]:
        """Walk, and stop where the run is being stopped."""
        ask = (asker or self.asker).ask
        for piece in walk(ask, partition, self.context.pool, self.context.source.concurrency):
            self.stop_where_asked()
            self.expected = piece.expected
            yield piece

    def stop_where_asked(self) -> None:
        """StoppedError where the run is being ended."""
        if self.context.stop.is_set():
            raise StoppedError(f"{self.name} was stopped")

    def take(self, piece: Piece) -> None:
        """Hand one page to the writer."""
        if piece.groups:
            self.writer.replace(piece.groups)
        self.writer.write(piece.rows)
        self.count.rows += piece.rows.num_rows
        self._waiting += piece.rows.num_rows
        self._bytes += piece.rows.nbytes
        self.context.emit(StreamProgress(self.name, self.count.rows, self.expected, self.pages))

    def safe_point(self, walked: Piece | None = None) -> None:
        """Commit if enough has gathered, or gathers slowly.

        Of the stream's own walk, sooner while its last page is waited for, so that little is left to do once that has
        come, and not just before the end, which commits.
        """
        patience = self.context.commit_seconds
        if walked is not None and not self.bookmark.windows and walked.expected <= self.context.options.page_size:
            patience = patience / 3 if walked.unread else 0.0
        slow = patience and monotonic() - self._saved >= patience
        much = self.context.commit_bytes and self._bytes >= self.context.commit_bytes
        if self._waiting >= self.context.commit_rows or much or (self._waiting and slow):
            self.save()

    def save(self) -> None:
        """Commit."""
        self._storing = True
        uncounted = self.bookmark.uncounted or self.count.news > 0
        self.bookmark = replace(self.bookmark, dropped=self.asker.dropped, uncounted=uncounted)
        done: Committed = self.writer.commit(self.bookmark, self.context.now())
        self._storing = False
        self._saved = monotonic()
        self._waiting = self._bytes = 0
        self.count.deleted += done.deleted
        self.count.added += done.added
        self.count.widened += done.widened

    @property
    def came_to_nothing(self) -> bool:
        """Whether this run began the walk and has nothing to show for it."""
        learnt = self.pages or self.asker.dropped != self.bookmark.dropped
        return self.bookmark.walk == self.context.run and not (learnt or self.context.options.full)

    def save_what_came(self) -> None:
        """Keep the progress of a stream that failed, unless storing is what failed."""
        if not self._storing:
            self.save()

    def outcome(self, error: IntacctError | None = None) -> StreamOutcome:
        """What became of the stream."""
        return StreamOutcome(
            self.name,
            rows=self.count.rows,
            deleted=self.count.deleted,
            pages=self.pages,
            transactions=self.transactions,
            seconds=round(self.count.seconds, 3),
            full=self.count.full,
            complete=self.count.done,
            added=self.count.added,
            widened=self.count.widened,
            dropped=(*self.asker.dropped, *self.stream.closed),
            error=error.message if error else "",
            fix=error.fix if error else "",
        )
