"""How a stream is brought up to date: which strategy is due, and how each is carried out.

`decide` looks at the stream, its bookmark and the options alone. A run and an estimate both ask it, so they agree.

A full refresh walks over everything. What the copy holds beyond that is deleted, if a lookup by key shows that Intacct
no longer has it. An incremental walk reads what changed. A header's change may add, alter and remove lines without any
line saying so; so the lines of every changed header are read again and replaced together. A line's own time of change
is followed as well, since a line may change without its header. A virtual stream is replaced by the rows that its
reader gives. Every walk may stop anywhere and be resumed by another run.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from itertools import chain

from intacct_bridge.extract.key_walk import WalkPage
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.overlap_filter import compared_fields
from intacct_bridge.extract.page_reader import PageReader
from intacct_bridge.extract.source import ExtractSource
from intacct_bridge.extract.stream_run import StreamRun
from intacct_bridge.streams.bookmark import EVERYTHING, Bookmark, KeySpan
from intacct_bridge.streams.partition import DayWindow, Partition, distinct_values, lookup_filters, split_days
from intacct_bridge.streams.stream import Stream
from intacct_bridge.streams.times import parse_time
from intacct_protocol.errors import IntacctError, TransientError
from intacct_protocol.model.query.query import MAX_IN, Compare, Filter, Op
from intacct_protocol.xml.python_columns import keep_rows
from intacct_protocol.xml.values import Kind, Value

# --- the decision

READ_WHOLE = ("GLBUDGETHEADER", "GLBUDGETITEM")
"""Objects that a start does not shorten: the budget of this year may have been entered long before."""


class Strategy(Enum):
    """The ways to bring a stream up to date."""

    FULL_REFRESH = "full refresh"
    INCREMENTAL = "incremental"
    REPLACE = "replace by its reader"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a run does with a stream."""

    strategy: Strategy
    reason: str
    since: str = ""
    """Only what changed since this time is read; empty: everything."""
    unread: tuple[KeySpan, ...] = EVERYTHING
    """The spans of keys to read."""
    resumes: bool = False
    """The walk was begun by an earlier run."""

    @property
    def full(self) -> bool:
        """Whether all rows of the copy are replaced, not only those that changed."""
        return self.strategy in (Strategy.FULL_REFRESH, Strategy.REPLACE)


def trusted_bookmark(source: ExtractSource, stream: Stream, stored: Bookmark, options: ExtractOptions) -> Bookmark:
    """The stored bookmark as far as it can be trusted today: what was read of another variant, or while answers were
    written in another way, is read again.
    """
    if stream.virtual is None:
        with suppress(IntacctError):  # a company that cannot be asked now fails when the stream is read
            formatting = source.formatting
            # another machine may have read the formatting later than this one
            if stored.formatting.contradicts(formatting) and source.forget_stored_formatting():
                formatting = source.formatting
            overlap, trail = options.overlap_seconds, options.trail_seconds
            stored = stored.with_formatting(formatting, overlap_seconds=overlap, trail_seconds=trail)
    return stored.for_variant(stream.variant)


def decide(
    stream: Stream, bookmark: Bookmark, options: ExtractOptions, now: str, *, lacks_columns: bool = False
) -> Decision:
    """The strategy that is due for a stream at a time.

    `lacks_columns`: the rows of the copy lack fields that are wanted now.
    """
    progress, start = bookmark.progress, _start(stream, bookmark, options)
    if bookmark.in_progress and not lacks_columns and (progress.full or not options.full):
        if not progress.full:
            return Decision(Strategy.INCREMENTAL, "a walk is in progress", progress.since, progress.unread, True)
        unread = EVERYTHING if progress.start and not start else progress.unread
        return Decision(Strategy.FULL_REFRESH, "a walk is in progress", start, unread, resumes=True)
    if not lacks_columns and _waits(stream, bookmark, options, now):
        return Decision(Strategy.SKIP, "read less than full_every ago", unread=())
    if stream.virtual is not None:
        return Decision(Strategy.REPLACE, "a virtual stream")
    reason = "columns were added" if lacks_columns else _full_refresh_reason(stream, bookmark, options, now)
    if reason:
        return Decision(Strategy.FULL_REFRESH, reason, start)
    return Decision(Strategy.INCREMENTAL, "changes are known by their time", progress.since)


def _start(stream: Stream, bookmark: Bookmark, options: ExtractOptions) -> str:
    """The time from which a full refresh takes changes; empty: it takes everything.

    A complete copy stays complete, and one that began with a `start` keeps to it until everything is asked for.
    """
    progress = bookmark.progress
    if not stream.modified or stream.object in READ_WHOLE or (progress.refreshed_at and not progress.start):
        return ""
    return options.start or ("" if options.full else progress.start)


def _full_refresh_reason(stream: Stream, bookmark: Bookmark, options: ExtractOptions, now: str) -> str:
    """Why a walk that begins now reads everything; empty if it does not."""
    if options.full:
        return "a full refresh was asked for"
    if not bookmark.since:
        return "the stream was never read to the end"
    if not stream.modified:
        return "the stream has no time of change"
    period = options.full_every_by_stream.get(stream.name, options.full_every_by_stream.get(stream.name.upper()))
    refreshed = bookmark.progress.refreshed_at
    if period is None or (period and refreshed and _age(refreshed, now) < period):
        return ""
    return "a full refresh is due"


def _waits(stream: Stream, bookmark: Bookmark, options: ExtractOptions, now: str) -> bool:
    """Whether a stream without a time of change is not due yet."""
    if stream.modified or options.full or not (bookmark.since and bookmark.progress.refreshed_at):
        return False
    # with 0, every run reads it; the clock may have been set back
    return bool(options.full_every) and _age(bookmark.progress.refreshed_at, now) < options.full_every


def _age(since: str, now: str) -> float:
    """Seconds."""
    return (parse_time(now) - parse_time(since)).total_seconds()


# --- carrying it out


def full_refresh(run: StreamRun, header: Stream | None) -> None:
    """Walk over everything and delete what the copy holds beyond it."""
    complete, start = run.writer.complete, run.bookmark.progress.start
    if run.stream.group and start:
        _read_changed_groups(run, header, start)
        run.forget_replaced()  # the groups that the walk did not read may be lower
    elif run.stream.group:
        _ViewRows().read(run, header)
    else:
        run.read_unread(since=start)
    if complete and (missed := run.missed()):
        _delete_missed(run, missed)
    run.finish_walk()


def replace_virtual(run: StreamRun) -> None:
    """Replace a virtual stream by its rows as they are now, unless it is certainly unchanged."""
    context, stream, since = run.context, run.stream, run.bookmark.since
    comparable = run.writer.complete and since and not context.options.full and not run.lacks_columns
    if comparable and context.source.unchanged(stream, since):
        run.finish_unread()
        return
    for page in context.source.virtual_pages(stream):
        run.raise_if_stopped()
        run.reader.pages += 1
        run.reader.transactions += 1
        run.take(WalkPage(page.rows, EVERYTHING, page.remaining))
        run.safe_point()
    if run.writer.complete and (missed := run.missed()):
        run.writer.delete(missed)
    run.finish_walk()


def read_changes(run: StreamRun, header: Stream | None, headers_read: Sequence[Value] | None) -> list[Value]:
    """Walk over what changed, then replace the lines under changed headers.

    Returns the keys of the rows that were unknown: the lines below this stream are read for them.
    `headers_read` are the keys of the changed headers, if the run has read these already.
    """
    since = run.bookmark.since
    if run.stream.group:
        parents = _changed_groups(run, run.partition(*run.changed(run.stream, since)))
        unknown: list[Value] = []
    else:
        parents = []
        unknown = run.read_unread(since=since)
    if header is not None:
        headers = _changed_headers(run, header) if headers_read is None else headers_read
        parents = list(dict.fromkeys((*parents, *headers)))
    if parents:
        run.save()
        replace_groups(run, parents)
    run.finish_walk()
    return unknown


# --- lines and groups


def as_kind(values: Iterable[Value], kind: Kind) -> list[Value]:
    """Keys in the kind of another object's field: 12 in one may be '12' in the other."""
    if kind is Kind.INTEGER:
        return [int(text) for text in map(str, values) if text.isdecimal()]
    return [str(value) for value in values]


def distinct(reader: PageReader, partition: Partition) -> list[Value]:
    """The values of the walked field, each once."""
    return [value for values, _ in _distinct_pages(reader, partition) for value in values]


def _distinct_pages(reader: PageReader, partition: Partition) -> Iterator[tuple[list[Value], int]]:
    """The values of the walked field, a page at a time, with the number of rows from the page on.

    A page may end inside a group, since the next one goes beyond it.
    """
    last: tuple[Filter, ...] = ()
    only = replace(partition, select=(partition.along,))
    while True:
        answer = reader.read(replace(only, where=(*partition.where, *last)).query(KeySpan()))
        values = distinct_values(answer.rows.column(partition.along).to_pylist())
        yield values, answer.rows.num_rows + answer.remaining
        if not answer.remaining or not values:
            return
        last = (Compare(partition.along, Op.GREATERTHAN, (values[-1],)),)


def _changed_groups(run: StreamRun, partition: Partition) -> list[Value]:
    """The groups that hold an unknown row."""
    stream = run.stream
    only = replace(partition, select=tuple(compared_fields(stream)))
    changed: dict[Value, None] = {}
    last: tuple[Filter, ...] = ()
    while True:
        answer = run.reader.read(replace(only, where=(*partition.where, *last)).query(KeySpan()))
        groups = answer.rows.column(stream.group).to_pylist()
        marked = zip(groups, run.overlap.unknown(answer.rows), strict=True)
        changed |= {group: None for group, is_unknown in marked if is_unknown and group is not None}
        if not answer.remaining or groups[-1] is None:
            return list(changed)
        cut = groups[-1]  # the rows that the page left out may be unknown
        if cut == groups[0]:
            changed[cut] = None
        beyond = Op.GREATERTHAN if cut in changed else Op.GREATERTHANOREQUALTO
        last = (Compare(stream.group, beyond, (cut,)),)


def _changed_headers(run: StreamRun, header: Stream) -> list[Value]:
    """The keys of the headers that changed since the lines were last followed."""
    partition = Partition(
        header,
        header.key,
        run.changed(header, run.bookmark.since),
        select=tuple(dict.fromkeys((header.key, run.stream.refers_to))),
        page_size=run.context.options.page_size,
        show_private=run.context.options.show_private,
    )
    keys: list[Value] = []
    for page in run.walk(partition, run.reader_for(header)):
        keys.extend(distinct_values(page.rows.column(run.stream.refers_to).to_pylist()))
    return keys


def replace_groups(run: StreamRun, parents: Sequence[Value]) -> None:
    """Read all lines under these headers again (all rows of these groups), in place of those that the copy holds."""
    stream = run.stream
    field = stream.group or stream.header_key
    keys = sorted(as_kind(parents, stream.fields[field]))  # type: ignore[type-var]  # all of one type now
    done = run.bookmark.progress.replaced_up_to
    if done:
        keys = [value for value in keys if value > as_kind([done], stream.fields[field])[0]]  # type: ignore[operator]
    for filter_, batch in lookup_filters(field, keys):
        empty = dict.fromkeys(batch)
        for page in run.walk(run.partition(filter_, along=field, in_groups=True)):
            for group in page.groups:
                empty.pop(group, None)
            run.take(page)
            if run.bookmark.full:
                run.overlap.remember_recent(page.rows)
            run.count.unknown += page.rows.num_rows
            run.safe_point()
        run.writer.replace(list(empty))
        run.rows_replaced_up_to(batch[-1])
        run.save()


# --- the groups in which something changed since a time


def _read_changed_groups(run: StreamRun, header: Stream | None, start: str) -> None:
    """Read the groups in which a row changed since a time: all of their rows, those that did not change too.

    Most groups changed as a whole, and a walk over the changed rows gives them completely. The others are found first,
    by the rows that did not change: a row may change between two questions, but never back. They are replaced group by
    group, and the walk leaves them out. If too many rows did not change for that, every group is replaced.
    """
    stream, reader = run.stream, run.reader
    changed, unchanged = run.partition(*run.changed(stream, start)), run.partition(*run.unchanged(stream, start))
    if not _first(reader, unchanged)[1] or stream.modified in reader.unqueryable:
        _ViewRows().read(run, header)
        return
    first, rows = _first(reader, changed)
    if not rows:
        return
    above = Compare(stream.group, Op.GREATERTHANOREQUALTO, (first,))
    pages = _distinct_pages(reader, replace(unchanged, where=(*unchanged.where, above)))
    older, others = next(pages)
    if others > rows:
        replace_groups(run, distinct(reader, changed))
        return
    older += [value for values, _ in pages for value in values]
    within = (replace(changed, where=(*changed.where, one)) for one, _ in lookup_filters(stream.group, older))
    replace_groups(run, [value for partition in within for value in distinct(reader, partition)])
    _ViewRows(changed.where, frozenset(older)).read(run, header)


def _first(reader: PageReader, partition: Partition) -> tuple[Value, int]:
    """The lowest value of the walked field, and how many rows the partition has."""
    answer = reader.read(replace(partition, select=(partition.along,), page_size=1).query(KeySpan()))
    rows = int(answer.rows.num_rows) + answer.remaining
    return (answer.rows.column(partition.along).to_pylist()[0] if answer.rows.num_rows else None), rows


@dataclass(frozen=True, slots=True)
class _ViewRows:
    """The rows of a view that a full refresh reads."""

    where: tuple[Filter, ...] = ()
    left_out: frozenset[Value] = frozenset()
    """The groups that are not taken."""

    def read(self, run: StreamRun, header: Stream | None) -> None:
        """Read what the walk in progress has not read, by windows of days if that is possible."""
        if run.stream.window and header is not None:
            _read_by_windows(run, header, self)
        elif run.bookmark.progress.unread:
            run.copy(self.walk(run))

    def walk(self, run: StreamRun, *more: Filter) -> Generator[WalkPage, None, None]:
        """The unread rows that a further filter keeps."""
        partition = replace(run.partition(*self.where, *more), unread=run.bookmark.progress.unread)
        for page in run.walk(partition):
            yield self._without_left_out(page, partition.along) if self.left_out else page

    def _without_left_out(self, page: WalkPage, along: str) -> WalkPage:
        values = page.rows.column(along).to_pylist()
        rows = keep_rows(page.rows, [value not in self.left_out for value in values])
        return replace(page, rows=rows, groups=tuple(one for one in page.groups if one not in self.left_out))


# --- deleted rows


def deleted_keys(reader: PageReader, partition: Partition, keys: Sequence[Value]) -> Iterator[list[Value]]:
    """The keys that Intacct no longer has, in one list for each lookup."""
    lookup = replace(partition, select=(partition.along,), page_size=MAX_IN, in_groups=False)
    for filter_, batch in lookup_filters(partition.along, keys):
        remaining = set(
            reader.read(replace(lookup, where=(filter_,)).query(KeySpan())).rows.column(partition.along).to_pylist()
        )
        yield [key for key in batch if key not in remaining]


def _delete_missed(run: StreamRun, missed: Sequence[Value]) -> None:
    """Look up the values that a full refresh did not read, and delete those that Intacct no longer has."""
    if run.stream.group:
        replace_groups(run, missed)
        return
    for deleted in deleted_keys(run.reader, run.partition(), missed):
        run.writer.delete(deleted)
        if deleted:
            run.found_deleted()
        run.save()


# --- views, read by windows of days

_HALVINGS = 3
"""How often a window that the gateway fails to answer is halved."""
_UNCOUNTED = 10
"""Windows of a view whose rows the gateway does not count in time."""


def _read_by_windows(run: StreamRun, header: Stream, view: _ViewRows) -> None:
    """Read a small view at once, and a large one by windows of days; a window that takes too long is halved."""
    halvings = _HALVINGS
    if not run.bookmark.progress.windows and _read_at_once(run, header, view):
        return
    while run.bookmark.progress.windows:
        first, *later = run.bookmark.progress.windows
        days = DayWindow.parse(first)
        try:
            run.copy(view.walk(run, *days.filter(run.stream.window)))
        except TransientError:
            halves = days.halves()
            if halves is None or not halvings:
                raise
            halvings -= 1
            later = [*map(str, halves), *later]
        run.set_windows(later)


def _read_at_once(run: StreamRun, header: Stream, view: _ViewRows) -> bool:
    """Whether all could be read at once; otherwise the bookmark now names the windows to read it by."""
    unread, rows = run.bookmark.progress.unread, None
    fresh = unread == EVERYTHING
    if not unread:
        return True
    pages = view.walk(run)
    try:
        first = next(pages)
        rows = first.expected + first.rows.num_rows
    except TransientError:
        if not fresh:
            raise
    else:
        if not fresh or rows <= run.context.options.window_rows:
            run.copy(chain((first,), pages))
            return True
    finally:
        pages.close()
    run.set_windows(map(str, windows_of(run, header, rows)))
    return False


def windows_of(run: StreamRun, header: Stream, rows: int | None) -> tuple[DayWindow, ...]:
    """Windows of days for a view with this number of rows; None: the gateway does not even count them in time."""
    parts = _UNCOUNTED if rows is None else -(-rows // run.context.options.window_rows)
    return split_days(_day(run, header, descending=False), _day(run, header, descending=True), parts)


def _day(run: StreamRun, header: Stream, *, descending: bool) -> date:
    """The first or last day of the headers, a small table; the view itself would answer slowly."""
    name = run.stream.window
    partition = Partition(header, name, (Compare(name, Op.ISNOTNULL),), select=(name,), page_size=1)
    rows = run.reader_for(header).read(partition.query(KeySpan(), descending=descending)).rows
    day = rows.column(name).to_pylist()[0] if rows.num_rows else run.context.now().date()
    assert isinstance(day, date)
    return day
