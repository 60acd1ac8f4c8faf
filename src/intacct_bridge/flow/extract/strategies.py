"""The ways to bring one stream up to date: read everything, read what changed, or replace it by what its reader gives.

Which one is due is decided by the bookmark alone. Both may stop anywhere and be gone on with in another run.

What changed beside the rows themselves: lines under changed headers, and records that are gone.

A header's change may add, alter and remove lines without any line saying so; so the lines of every header that changed
are read again and replaced as a whole. A line's own time of change is followed as well, since a line may change
without its header.

What a walk over everything did not meet is gone, if a question to the gateway shows that its key is gone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain

from intacct_bridge.errors import TransientError
from intacct_bridge.flow.extract.key_walk import Piece
from intacct_bridge.flow.extract.known_rows import looked_at
from intacct_bridge.flow.extract.page_reader import Asker
from intacct_bridge.flow.extract.stream_run import StreamRun
from intacct_bridge.flow.streams.bookmark import EVERYTHING, KeySpan, less
from intacct_bridge.flow.streams.partition import Days, Partition, one_of, spread, values_in
from intacct_bridge.flow.streams.stream import APPENDED, Stream
from intacct_bridge.model.query.query import MAX_IN, Compare, Filter, Op
from intacct_bridge.wire.values import Kind, Value


def as_kind(values: Iterable[Value], kind: Kind) -> list[Value]:
    """Keys as the other object's field holds them: one says 12 where the other says '12'."""
    if kind is Kind.INTEGER:
        return [int(text) for text in map(str, values) if text.isdecimal()]
    return [str(value) for value in values]


def distinct(asker: Asker, partition: Partition) -> list[Value]:
    """The values of the walked field, each once. A page that ends inside a group is no matter: the next goes beyond."""
    found: list[Value] = []
    last: tuple[Filter, ...] = ()
    only = replace(partition, select=(partition.along,))
    while True:
        answer = asker.ask(replace(only, where=(*partition.where, *last)).query(KeySpan()))
        values = dict.fromkeys(answer.rows.column(partition.along).to_pylist())
        found.extend(value for value in values if value is not None)
        if not answer.remaining or not found:
            return found
        last = (Compare(partition.along, Op.GREATERTHAN, (found[-1],)),)


def changed_groups(reading: StreamRun, partition: Partition) -> list[Value]:
    """The groups in which a row is news."""
    stream = reading.stream
    only = replace(partition, select=tuple(looked_at(stream)))
    found: dict[Value, None] = {}
    last: tuple[Filter, ...] = ()
    while True:
        answer = reading.asker.ask(replace(only, where=(*partition.where, *last)).query(KeySpan()))
        groups = answer.rows.column(stream.group).to_pylist()
        news = zip(groups, reading.recognition.news(answer.rows), strict=True)
        found |= {group: None for group, is_news in news if is_news and group is not None}
        if not answer.remaining or groups[-1] is None:
            return list(found)
        cut = groups[-1]  # the rest of it may be news
        if cut == groups[0]:
            found[cut] = None
        beyond = Op.GREATERTHAN if cut in found else Op.GREATERTHANOREQUALTO
        last = (Compare(stream.group, beyond, (cut,)),)


def replace_under(reading: StreamRun, parents: Sequence[Value]) -> None:
    """Read again all lines (all rows of these groups) under the parents, and put them in the place of the old ones."""
    stream = reading.stream
    field = stream.group or stream.by
    wanted = sorted(as_kind(parents, stream.fields[field]))  # type: ignore[type-var]  # all of one type now
    done = reading.bookmark.replaced
    if done:
        wanted = [value for value in wanted if value > as_kind([done], stream.fields[field])[0]]  # type: ignore[operator]
    for filter_, some in one_of(field, wanted):
        missing = dict.fromkeys(some)
        for piece in reading.pieces(reading.partition(filter_, along=field, in_groups=True)):
            for group in piece.groups:
                missing.pop(group, None)
            reading.take(piece)
            if reading.bookmark.full:
                reading.recognition.remember_recent(piece.rows)
            reading.count.news += piece.rows.num_rows
            reading.safe_point()
        reading.writer.replace(list(missing))
        reading.bookmark = replace(reading.bookmark, replaced=str(some[-1]))
        reading.save()


def drop_unseen(reading: StreamRun) -> None:
    """After a walk over everything: what it did not meet is looked for by key, and goes if it is gone."""
    unseen = reading.writer.unseen(reading.bookmark.walk)
    if reading.stream.group:
        replace_under(reading, unseen)
        return
    for gone in vanished(reading.asker, reading.partition(), unseen):
        reading.writer.delete(gone)
        reading.bookmark = replace(reading.bookmark, dropped_some=reading.bookmark.dropped_some or bool(gone))
        reading.save()


def vanished(asker: Asker, partition: Partition, keys: Sequence[Value]) -> Iterator[list[Value]]:
    """Those of some keys that the gateway does not have any more."""
    look_up = replace(partition, select=(partition.along,), page_size=MAX_IN, in_groups=False)
    for filter_, some in one_of(partition.along, keys):
        here = set(asker.ask(replace(look_up, where=(filter_,)).query(KeySpan())).rows.column(0).to_pylist())
        yield [key for key in some if key not in here]


def changed_headers(reading: StreamRun, header: Stream) -> list[Value]:
    """The keys of the headers that changed since the lines were last followed, in a question of its own."""
    asker = reading.ask_beside(header)
    partition = Partition(
        header,
        header.key,
        reading.changed(header, reading.bookmark.since),
        select=tuple(dict.fromkeys((header.key, reading.stream.refers_to))),
        page_size=reading.context.options.page_size,
        show_private=reading.context.options.show_private,
    )
    found: list[Value] = []
    for piece in reading.pieces(partition, asker):
        found.extend(values_in(piece.rows.column(reading.stream.refers_to).to_pylist()))
    return found


def due(reading: StreamRun) -> bool:
    """Whether the stream has to be read at all; begins its walk, or goes on with the one in progress."""
    bookmark, options, context = reading.bookmark, reading.context.options, reading.context
    start = options.begins(reading.stream, bookmark)
    if bookmark.in_progress and (bookmark.full or not options.full):
        if bookmark.full:
            grows = bookmark.from_day and not start  # all is wanted now
            reading.bookmark = replace(bookmark.again() if grows else bookmark, from_day=start)
        reading.count.full = bookmark.full
        return True
    if not reading.widening and options.waits(reading.stream, bookmark, context.started):
        return False
    full = reading.widening or options.whole(reading.stream, bookmark, context.started)
    reading.bookmark = bookmark.begin(context.started, context.run, full=full)
    if full:
        reading.bookmark = replace(reading.bookmark, from_day=start)
    if not bookmark.deletes_since:
        trail = less(context.started, options.trail_seconds)
        reading.bookmark = replace(reading.bookmark, deletes_since=trail, swept=context.started)
    reading.count.full = full
    return True


def behind(reading: StreamRun) -> bool:
    """Whether the walk that has ended was begun by an earlier run, so that what changed since may be asked for."""
    stream, ended = reading.stream, not reading.bookmark.in_progress
    tells = bool(stream.modified) and stream.modified not in reading.asker.dropped
    return ended and tells and reading.bookmark.walk != reading.context.run


def catch_up(reading: StreamRun) -> None:
    """Begin a walk over what changed since the ended one was begun."""
    whole = reading.count.full  # of what it met first, some may have gone meanwhile
    reading.bookmark = reading.bookmark.begin(reading.context.started, reading.context.run, full=False)
    reading.bookmark = replace(reading.bookmark, uncounted=whole or reading.bookmark.uncounted)
    reading.count.done = False
    reading.forget_recognition()


def read_everything(reading: StreamRun, header: Stream | None) -> None:
    """Walk the whole stream; what the copy holds beyond it is gone."""
    first = not reading.writer.complete
    start = reading.context.options.begins(reading.stream, reading.bookmark)
    if reading.stream.group and start:  # rows of a group that did not change would be lost
        replace_under(reading, distinct(reading.asker, reading.partition(*reading.changed(reading.stream, start))))
        reading.bookmark = replace(reading.bookmark, replaced="")  # what it did not meet may stand before
    elif reading.stream.window and header is not None:
        _read_by_windows(reading, header)
    else:
        _walk(reading, reading.partition(*reading.changed(reading.stream, start)))
    if not first:
        reading.save()
        drop_unseen(reading)
    _finish(reading)


def read_feed(reading: StreamRun) -> None:
    """Replace a stream that is no object's by what it is now, unless it is certainly as it was."""
    context, stream = reading.context, reading.stream
    known = reading.writer.complete and reading.bookmark.since and not context.options.full
    if known and not reading.widening and context.source.unchanged(stream, reading.bookmark.since):
        reading.bookmark = replace(reading.bookmark, full=False)  # nothing is read, so nothing is replaced
        reading.count.full = False
        _finish(reading)
        return
    for answer in context.source.feed(stream):
        reading.stop_where_asked()
        reading.asker.pages += 1
        reading.asker.transactions += 1
        reading.take(Piece(answer.rows, EVERYTHING, answer.remaining))
        reading.safe_point()
    if reading.writer.complete:
        reading.save()
        gone = reading.writer.unseen(reading.bookmark.walk)
        if gone:
            reading.writer.delete(gone)
    _finish(reading)


def read_changes(reading: StreamRun, header: Stream | None, known: Sequence[Value] | None) -> list[Value]:
    """Walk what changed; then the lines under changed headers. Gives the keys of what is news, for the lines below.

    `known` are the changed headers where somebody has asked already.
    """
    changed = reading.changed(reading.stream, reading.bookmark.since)
    if reading.stream.group:
        parents = changed_groups(reading, reading.partition(*changed))
        met: list[Value] = []
    else:
        parents = []
        met = _walk(reading, reading.partition(*changed))
    if header is not None:
        parents = list(dict.fromkeys((*parents, *(changed_headers(reading, header) if known is None else known))))
    if parents:
        reading.save()
        replace_under(reading, parents)
    _finish(reading)
    return met


def _walk(reading: StreamRun, partition: Partition) -> list[Value]:
    """Read what is unread; the keys of what is news among changes."""
    if not reading.bookmark.unread:
        return []
    return _keep(reading, reading.pieces(replace(partition, unread=reading.bookmark.unread)))


def _keep(reading: StreamRun, pieces: Iterable[Piece]) -> list[Value]:
    met: list[Value] = []
    for piece in pieces:
        reading.bookmark = reading.bookmark.come_to(piece.unread)
        reading.take(piece)
        if reading.bookmark.full:
            reading.recognition.remember_recent(piece.rows)
        else:
            keys = piece.rows.column(reading.stream.key).to_pylist()
            met += [key for key, is_news in zip(keys, reading.recognition.news(piece.rows), strict=True) if is_news]
        reading.safe_point(piece)
    reading.count.news += len(met)
    return met


def _finish(reading: StreamRun) -> None:
    reading.check_zone()
    options = reading.context.options
    if reading.bookmark.deletes_since == less(reading.context.started, options.trail_seconds):
        reading.bookmark = replace(reading.bookmark, met=reading.recognition.marks)  # no deletes to follow first
    late = options.trail_seconds if reading.stream.object in APPENDED else 0
    reading.bookmark = reading.bookmark.end(max(options.overlap_seconds, late))
    reading.save()
    reading.count.done = True


def _read_by_windows(reading: StreamRun, header: Stream) -> None:
    """Read a view in one go where it is small, else some days at a time; a window that is too much is halved."""
    patience = 3
    if not reading.bookmark.windows and _in_one_go(reading, header):
        return
    while reading.bookmark.windows:
        now, *later = reading.bookmark.windows
        days = Days.read(now)
        try:
            _walk(reading, reading.partition(*days.filter(reading.stream.window)))
        except TransientError:
            halves = days.halves()
            if halves is None or not patience:
                raise
            patience -= 1
            later = [*map(str, halves), *later]
        unread = EVERYTHING if later else ()
        reading.bookmark = replace(reading.bookmark, windows=tuple(later), unread=unread)


def _in_one_go(reading: StreamRun, header: Stream) -> bool:
    """Whether the whole could be read at once; otherwise the bookmark now names the windows to read it by."""
    fresh = reading.bookmark.unread == EVERYTHING
    if not reading.bookmark.unread:
        return True
    pieces = reading.pieces(replace(reading.partition(), unread=reading.bookmark.unread))
    rows = 10 * reading.context.options.window_rows  # if the gateway does not even tell
    try:
        first = next(pieces)
        rows = first.expected + first.rows.num_rows
    except TransientError:
        if not fresh:
            raise
    else:
        if not fresh or rows <= reading.context.options.window_rows:
            _keep(reading, chain((first,), pieces))
            return True
    finally:
        pieces.close()
    parts = -(-rows // reading.context.options.window_rows)
    windows = spread(_day(reading, header, descending=False), _day(reading, header, descending=True), parts)
    reading.bookmark = replace(reading.bookmark, windows=tuple(map(str, windows)), unread=EVERYTHING)
    return False


def _day(reading: StreamRun, header: Stream, *, descending: bool) -> date:
    """The first or last day that the headers speak of: a small table answers what the view would be slow to."""
    name = reading.stream.window
    partition = Partition(header, name, (Compare(name, Op.ISNOTNULL),), select=(name,), page_size=1)
    rows = reading.ask_beside(header).ask(partition.query(KeySpan(), descending=descending)).rows
    day = rows.column(name)[0].as_py() if rows.num_rows else reading.context.now().date()
    assert isinstance(day, date)
    return day
