"""One stream in one run: its rows go to the destination, and its bookmark with them.

Rows are handed over page by page and committed when enough are waiting, always together with their bookmark. So the
next run continues from the last commit, however this run ends. Only `StreamRun` changes the bookmark of its stream.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from intacct_bridge.copies.destinations.base import Committed, StreamWriter
from intacct_bridge.extract.key_walk import WalkPage, walk
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.overlap_filter import OverlapFilter
from intacct_bridge.extract.page_reader import PageReader, check_zone
from intacct_bridge.extract.source import ExtractSource
from intacct_bridge.streams.bookmark import EVERYTHING, Bookmark, KeySpan
from intacct_bridge.streams.partition import Partition, changed_since, unchanged_since
from intacct_bridge.streams.stream import APPEND_ONLY, Stream, StreamOutcome
from intacct_bridge.streams.times import filter_time, parse_time
from intacct_protocol.errors import IntacctError, RecordError
from intacct_protocol.model.query.query import Filter
from intacct_protocol.xml.values import Value

if TYPE_CHECKING:
    import pyarrow as pa


class StoppedError(IntacctError):
    """The run was stopped; committed rows are kept."""

    exit_status = 130


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """How far a stream has come."""

    stream: str
    rows: int
    expected: int
    """Rows that are probably still to come."""
    pages: int


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all streams of one run share."""

    source: ExtractSource
    pool: Executor
    width: int
    """How many calls a walk may have under way."""
    options: ExtractOptions
    run: int
    started: str
    trail_start: str
    """Where the next run begins in the audit trail, which reads late entries again."""
    stop: threading.Event
    emit: Callable[[StreamProgress], None]
    commit_rows: int
    commit_bytes: int
    commit_seconds: float

    def now(self) -> datetime:
        """The company's time."""
        return self.source.now()

    def filter_time(self, text: str) -> str:
        """A stored time as a filter has to send it."""
        return filter_time(text, self.source.offset_minutes, self.options.reads_as or self.source.reads_as)


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    unknown: int = 0
    """Rows that are new or have changed since the last run, and the lines under changed headers."""
    deleted: int = 0
    full: bool = False
    done: bool = False
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    seconds: float = 0.0
    """Time of work, without waiting for the stream's turn."""


class StreamRun:
    """A stream with its writer, its bookmark and its counts."""

    def __init__(
        self,
        context: RunContext,
        stream: Stream,
        writer: StreamWriter,
        bookmark: Bookmark,
        *,
        convert: "Callable[[pa.RecordBatch], pa.RecordBatch] | None" = None,
        lacks_columns: bool = False,
    ) -> None:
        """`convert` makes rows as they are stored of those that are read. `lacks_columns`: the copy's rows lack fields
        that are wanted, so that a full refresh is due.
        """
        self.context = context
        self.lacks_columns = lacks_columns
        self._convert = convert
        self.stream = stream
        self.writer = writer
        self.reader = PageReader(context.source, stream, () if context.options.full else bookmark.columns.unqueryable)
        self.count = _Counts()
        self.parties: set[Value] | None = None if bookmark.deletes.uncounted else set()
        """The vendors or customers of the changed documents that were read; None if they are not known."""
        self.expected = 0
        self._bookmark = bookmark
        self._overlap: OverlapFilter | None = None
        self._other_readers: list[PageReader] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._in_group = False
        """The rows of a group are waiting that has not been read to its end."""
        self._saved_at = monotonic()
        self._committing = False
        self._offset: int | None = None
        """The API user's, when changes were first asked for."""

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.stream.name

    @property
    def bookmark(self) -> Bookmark:
        """How far the stream has come."""
        return self._bookmark

    @property
    def sound(self) -> bool:
        """Whether the writer is free of rows of a failed commit, and of a group that was read in part."""
        return not self._committing and not self._in_group

    # --- the walk

    def begin_walk(self, *, full: bool, start: str = "") -> None:
        """Begin a walk; `start` is the time from which a full refresh takes changes, if it does not take all."""
        bookmark = self._bookmark.begin(self.context.started, self.context.run, full=full)
        if full:
            bookmark = replace(bookmark, progress=replace(bookmark.progress, start=start))
        if not bookmark.deletes.since:
            deletes = replace(bookmark.deletes, since=self.context.trail_start, compared_at=self.context.started)
            bookmark = replace(bookmark, deletes=deletes)
        self._bookmark = bookmark
        self.count.full = full

    def resume_walk(self, *, start: str = "") -> None:
        """Continue the walk that an earlier run left in progress; a full refresh begins again if everything is
        wanted now, and that run took only what changed since a `start`.
        """
        if self._bookmark.full:
            further = self._bookmark.progress.start and not start
            bookmark = self._bookmark.restart() if further else self._bookmark
            self._bookmark = replace(bookmark, progress=replace(bookmark.progress, start=start))
        self.count.full = self._bookmark.full

    def restart_walk(self) -> None:
        """Let the next run begin the walk in progress again."""
        self._bookmark = self._bookmark.restart()

    def set_windows(self, windows: Iterable[str]) -> None:
        """Read by these windows of days from here on, each from its beginning; none: the walk has read everything."""
        left = tuple(windows)
        progress = replace(self._bookmark.progress, windows=left, unread=EVERYTHING if left else ())
        self._bookmark = replace(self._bookmark, progress=progress)

    def advance(self, unread: tuple[KeySpan, ...]) -> None:
        """The walk has read everything but these spans."""
        self._bookmark = self._bookmark.advance(unread)

    def rows_replaced_up_to(self, parent: Value) -> None:
        """The rows under the changed parents up to this one have been replaced."""
        self._bookmark = replace(self._bookmark, progress=replace(self._bookmark.progress, replaced_up_to=str(parent)))

    def forget_replaced(self) -> None:
        """What is to be replaced next begins with the first parent again."""
        self._bookmark = replace(self._bookmark, progress=replace(self._bookmark.progress, replaced_up_to=""))

    def finish_walk(self) -> None:
        """End the walk and commit; TimeZoneChangedError if changes were asked for with an outdated offset."""
        if self._offset is not None:
            check_zone(self.context.source, self._offset)
        options = self.context.options
        if self._bookmark.deletes.since == self.context.trail_start:  # no deletes to follow in this run
            self._remember_overlap()
        late = options.trail_seconds if self.stream.object in APPEND_ONLY else 0
        self._bookmark = self._bookmark.end(max(options.overlap_seconds, late))
        self.save()
        self.count.done = True

    def finish_unread(self) -> None:
        """End the walk without having read anything: the stream is certainly unchanged, and nothing is replaced."""
        self._bookmark = replace(self._bookmark, progress=replace(self._bookmark.progress, full=False))
        self.count.full = False
        self.finish_walk()

    def skip(self) -> None:
        """The stream is not due in this run."""
        self.count.done = True

    @property
    def fell_behind(self) -> bool:
        """Whether the walk that has ended was begun by an earlier run, so that changes since then may be read."""
        has_time = bool(self.stream.modified) and self.stream.modified not in self.reader.unqueryable
        return not self._bookmark.in_progress and has_time and self._bookmark.progress.run != self.context.run

    def begin_catch_up(self) -> None:
        """Begin a walk over what changed since the walk began that an earlier run left in progress."""
        refreshed = self.count.full
        self._bookmark = self._bookmark.begin(self.context.started, self.context.run, full=False)
        if refreshed:  # some of what was read first may have been deleted meanwhile
            self._set_uncounted()
        self.count.done = False
        self._overlap = None

    # --- deletes

    def mark_uncounted(self) -> None:
        """Commit that records may have been deleted without an audit entry, so that they are to be counted."""
        if not self._bookmark.deletes.uncounted:
            self._set_uncounted()
            self.save()

    def _set_uncounted(self) -> None:
        self._bookmark = replace(self._bookmark, deletes=replace(self._bookmark.deletes, uncounted=True))

    def found_deleted(self) -> None:
        """A full refresh found deleted records; those that were deleted along with them are still to be counted."""
        self._bookmark = replace(self._bookmark, deletes=replace(self._bookmark.deletes, found_deleted=True))

    def finish_deletes(self) -> None:
        """All deletes that this run can know are in the copy; commit that."""
        deletes = replace(self._bookmark.deletes, since=self.context.trail_start, uncounted=False, found_deleted=False)
        self._bookmark = replace(self._bookmark, deletes=deletes)
        self._remember_overlap()
        self.count.unknown = 0
        self.save()

    def finish_comparison(self) -> None:
        """All keys have been compared; commit that."""
        deletes = replace(self._bookmark.deletes, compared_at=self.context.started)
        self._bookmark = replace(self._bookmark, deletes=deletes)
        self.forget_replaced()
        self.save()

    # --- known rows

    @property
    def overlap(self) -> OverlapFilter:
        """The rows of the last run, and of this one since the walk that is in progress when they are first needed."""
        if self._overlap is None:
            started = parse_time(self._bookmark.progress.started or self.context.started)
            self._overlap = OverlapFilter(self.stream, self._bookmark.progress.known_rows, started)
        return self._overlap

    def _remember_overlap(self) -> None:
        progress = replace(self._bookmark.progress, known_rows=self.overlap.marks)
        self._bookmark = replace(self._bookmark, progress=progress)

    # --- reading

    def partition(self, *where: Filter, along: str = "", in_groups: bool | None = None) -> Partition:
        """The rows of the stream that a filter keeps, to be walked as the stream wants it."""
        return Partition(
            self.stream,
            along or self.stream.walk_field,
            where,
            in_groups=bool(self.stream.group) if in_groups is None else in_groups,
            page_size=self.context.options.page_size,
            show_private=self.context.options.show_private,
        )

    def changed(self, stream: Stream, since: str) -> tuple[Filter, ...]:
        """The filter for the changes of a stream since a stored time; none if everything is wanted."""
        if not since or not stream.modified:
            return ()
        if self._offset is None:
            self._offset = self.context.source.offset_minutes
        return (changed_since(stream, self.context.filter_time(since)),)

    def unchanged(self, stream: Stream, since: str) -> tuple[Filter, ...]:
        """The filter for all other rows than `changed` keeps."""
        if self._offset is None:
            self._offset = self.context.source.offset_minutes
        return (unchanged_since(stream, self.context.filter_time(since)),)

    def reader_for(self, stream: Stream) -> PageReader:
        """A reader of another stream, whose pages count for this one."""
        self._other_readers.append(PageReader(self.context.source, stream))
        return self._other_readers[-1]

    def walk(self, partition: Partition, reader: PageReader | None = None) -> Generator[WalkPage, None, None]:
        """Walk a partition; StoppedError if the run is being ended."""
        read = (reader or self.reader).read
        for page in walk(read, partition, self.context.pool, self.context.width):
            self.raise_if_stopped()
            self.expected = page.expected
            yield page

    def read_unread(self, *where: Filter, since: str = "") -> list[Value]:
        """Copy what the walk in progress has not read, of the rows that a filter keeps and that changed since a time;
        the keys of unknown rows among changes.
        """
        unread = self._bookmark.progress.unread
        if not unread:
            return []
        partition = self.partition(*where, *self.changed(self.stream, since))
        return self.copy(self.walk(replace(partition, unread=unread)))

    def copy(self, pages: Iterable[WalkPage]) -> list[Value]:
        """Copy pages of the walk in progress and advance it; the keys of unknown rows among changes."""
        unknown: list[Value] = []
        for page in pages:
            self.advance(page.unread)
            self.take(page)
            if self._bookmark.progress.full:
                self.overlap.remember_recent(page.rows)
            else:
                marks = self.overlap.unknown(page.rows)
                keys = page.rows.column(self.stream.key).to_pylist()
                unknown += [key for key, is_unknown in zip(keys, marks, strict=True) if is_unknown]
                self._note_parties(page, marks)
            self.safe_point(page)
        self.count.unknown += len(unknown)
        return unknown

    def _note_parties(self, page: WalkPage, marks: Sequence[bool]) -> None:
        """Note the vendors or customers of unknown documents."""
        if self.parties is None or not any(marks):
            return
        from intacct_bridge.streams.computed_fields import parties_of

        party = parties_of(self.stream.object)
        if not party:
            return
        if party not in page.rows.schema.names:
            self.parties = None
            return
        values = zip(page.rows.column(party).to_pylist(), marks, strict=True)
        self.parties |= {value for value, is_unknown in values if is_unknown and value is not None}

    def note_deleted(self, keys: Sequence[Value]) -> None:
        """Note the vendors or customers of documents that are about to be deleted from the copy.

        Commit that they are not known: a run that is killed after the deletes leaves the next one no other trace.
        """
        from intacct_bridge.streams.computed_fields import parties_of

        party = parties_of(self.stream.object)
        if not party or not keys:
            return
        if self.parties is not None:
            values = self.writer.values_of(party, keys)
            self.parties = None if values is None else self.parties | (values - {None})
        self.mark_uncounted()

    def raise_if_stopped(self) -> None:
        """StoppedError if the run is being ended."""
        if self.context.stop.is_set():
            raise StoppedError(f"{self.name} was stopped")

    # --- writing

    def take(self, page: WalkPage) -> None:
        """Hand the rows of one page to the writer."""
        if page.groups:
            self.writer.replace(page.groups)
        if self._convert is None:
            self.writer.write(page.rows)
        elif page.rows.num_rows:
            self.writer.write(self._convert(page.rows))
        self._in_group = page.goes_on
        self.count.rows += page.rows.num_rows
        self._waiting_rows += page.rows.num_rows
        if self.context.commit_bytes:  # counting takes a while
            self._waiting_bytes += page.rows.nbytes
        self.context.emit(StreamProgress(self.name, self.count.rows, self.expected, self.pages))

    def safe_point(self, walked: WalkPage | None = None) -> None:
        """Commit if many rows are waiting, or if rows have been waiting for long, but never a part of a group.

        A page of the stream's own walk is committed sooner while the last page is on its way, so that little is left
        to do once that has come; but not just before the end, which commits anyway.
        """
        if self._in_group:
            return
        seconds = self.context.commit_seconds
        by_key = walked is not None and not self._bookmark.progress.windows
        if walked is not None and by_key and walked.expected <= self.context.options.page_size:
            seconds = seconds / 3 if walked.unread else 0.0
        long = seconds and monotonic() - self._saved_at >= seconds
        large = self.context.commit_bytes and self._waiting_bytes >= self.context.commit_bytes
        if self._waiting_rows >= self.context.commit_rows or large or (self._waiting_rows and long):
            self.save()

    def save(self) -> None:
        """Commit the rows and the bookmark."""
        self._committing = True
        if self.count.unknown:
            self._set_uncounted()
        columns = replace(self._bookmark.columns, unqueryable=self.reader.unqueryable)
        self._bookmark = replace(self._bookmark, columns=columns)
        done: Committed = self.writer.commit(self._bookmark, self.context.now())
        self._committing = False
        self._saved_at = monotonic()
        self._waiting_rows = self._waiting_bytes = 0
        self.count.deleted += done.deleted
        self.count.added += done.added
        self.count.widened += done.widened

    def missed(self) -> list[Value]:
        """Commit, and give the values of the copy that the walk in progress did not read."""
        self.save()
        return self.writer.missed_by(self._bookmark.progress.run)

    def save_after_failure(self) -> None:
        """Commit what was read before the stream failed, so that the next run continues from there.

        Nothing is committed if the commit itself failed, if a group was read in part, or if this run began the walk
        and read nothing: a walk left in progress would cost the next run the changes since then as well.
        """
        learnt = self.pages or self.reader.unqueryable != self._bookmark.columns.unqueryable
        fruitless = self._bookmark.progress.run == self.context.run and not (learnt or self.context.options.full)
        if not fruitless and self.sound:
            self.save()

    # --- the outcome

    @property
    def pages(self) -> int:
        """Pages read for the stream."""
        return sum(reader.pages for reader in (self.reader, *self._other_readers))

    @property
    def transactions(self) -> int:
        """API transactions that the stream cost."""
        return sum(reader.transactions for reader in (self.reader, *self._other_readers))

    def outcome(self, error: IntacctError | None = None) -> StreamOutcome:
        """The outcome of the stream."""
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
            unqueryable=(*self.reader.unqueryable, *self.stream.unreadable),
            error=error.message if error else "",
            fix=(error.advice or _way_out(self.stream, error)) if error else "",
        )


def _way_out(stream: Stream, error: IntacctError) -> str:
    """The fix for a cell that does not fit the type of its field."""
    if not isinstance(error, RecordError) or error.field not in stream.fields:
        return ""
    return f"Correct it in Intacct, or read the column as text: `as_text = {stream.name}.{error.field}`"
