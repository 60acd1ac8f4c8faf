"""The ways to bring one stream up to date: read everything, read what changed, or replace it by what its reader gives.

Which one is due is decided by the bookmark alone. Both may stop anywhere and be gone on with in another run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain

from intacct_bridge.errors import TransientError
from intacct_bridge.flow.extract.changes import changed_groups, changed_headers, distinct, drop_unseen, replace_under
from intacct_bridge.flow.extract.key_walk import Piece
from intacct_bridge.flow.extract.stream_run import Reading
from intacct_bridge.flow.streams.bookmark import EVERYTHING, Span, less
from intacct_bridge.flow.streams.partition import Partition
from intacct_bridge.flow.streams.stream import APPENDED, Stream
from intacct_bridge.flow.streams.windows import Days, spread
from intacct_bridge.model.query.query import Compare, Op
from intacct_bridge.wire.values import Value


def due(reading: Reading) -> bool:
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


def behind(reading: Reading) -> bool:
    """Whether the walk that has ended was begun by an earlier run, so that what changed since may be asked for."""
    stream, ended = reading.stream, not reading.bookmark.in_progress
    tells = bool(stream.modified) and stream.modified not in reading.asker.dropped
    return ended and tells and reading.bookmark.walk != reading.context.run


def catch_up(reading: Reading) -> None:
    """Begin a walk over what changed since the ended one was begun."""
    whole = reading.count.full  # of what it met first, some may have gone meanwhile
    reading.bookmark = reading.bookmark.begin(reading.context.started, reading.context.run, full=False)
    reading.bookmark = replace(reading.bookmark, uncounted=whole or reading.bookmark.uncounted)
    reading.count.done = False
    reading.forget_recognition()


def read_everything(reading: Reading, header: Stream | None) -> None:
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


def read_feed(reading: Reading) -> None:
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


def read_changes(reading: Reading, header: Stream | None, known: Sequence[Value] | None) -> list[Value]:
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


def _walk(reading: Reading, partition: Partition) -> list[Value]:
    """Read what is unread; the keys of what is news among changes."""
    if not reading.bookmark.unread:
        return []
    return _keep(reading, reading.pieces(replace(partition, unread=reading.bookmark.unread)))


def _keep(reading: Reading, pieces: Iterable[Piece]) -> list[Value]:
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


def _finish(reading: Reading) -> None:
    reading.check_zone()
    options = reading.context.options
    if reading.bookmark.deletes_since == less(reading.context.started, options.trail_seconds):
        reading.bookmark = replace(reading.bookmark, met=reading.recognition.marks)  # no deletes to follow first
    late = options.trail_seconds if reading.stream.object in APPENDED else 0
    reading.bookmark = reading.bookmark.end(max(options.overlap_seconds, late))
    reading.save()
    reading.count.done = True


def _read_by_windows(reading: Reading, header: Stream) -> None:
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


def _in_one_go(reading: Reading, header: Stream) -> bool:
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


def _day(reading: Reading, header: Stream, *, descending: bool) -> date:
    """The first or last day that the headers speak of: a small table answers what the view would be slow to."""
    name = reading.stream.window
    partition = Partition(header, name, (Compare(name, Op.ISNOTNULL),), select=(name,), page_size=1)
    rows = reading.ask_beside(header).ask(partition.query(Span(), descending=descending)).rows
    day = rows.column(name)[0].as_py() if rows.num_rows else reading.context.now().date()
    assert isinstance(day, date)
    return day
