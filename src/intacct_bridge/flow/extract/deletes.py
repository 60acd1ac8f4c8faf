"""Records that are gone: hints from the audit trail, or all keys compared where it cannot be read.

The trail tells deletes late, and by keys whose meaning differs by object. So an entry is only a hint: what it may mean
is looked up in the copy, and a row goes only when a question to the gateway shows that its key is gone. It takes the
lines under it along. One question serves all streams, and reaches back far enough to meet what appeared late.

A stream whose walk has not ended is left for the run that ends it: until then nobody knows all that its copy holds, and
what is read for the sake of deletes must not pass for progress of the walk.

Records that went without anybody saying so, found by counting.

Not every delete is in the audit trail: a bill that is edited or deleted takes its journal entry back, a document made
by another module is replaced under a new number. So after a run that met changes, a stream's records are counted on
both sides, which costs one call. Where the counts differ, halves of the key's range are counted until what is left
fits in a page and can be compared key by key. Only keys up to the copy's highest are counted: newer records are the
next run's affair.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from intacct_bridge.errors import InvalidRequestError, NotPermittedError
from intacct_bridge.flow.extract.key_walk import walk
from intacct_bridge.flow.extract.page_reader import Asker
from intacct_bridge.flow.extract.strategies import as_kind, distinct, replace_under, vanished
from intacct_bridge.flow.extract.stream_run import Context, StreamRun
from intacct_bridge.flow.streams.bookmark import EVERYTHING, KeySpan, earlier, less, moment
from intacct_bridge.flow.streams.partition import Partition, one_of
from intacct_bridge.flow.streams.stream import TRAIL, Stream
from intacct_bridge.model import keys
from intacct_bridge.model.query.query import Compare, Filter, Op
from intacct_bridge.wire.values import Value


def gone_by_count(reading: StreamRun) -> list[Value]:
    """Values of the walked field that the copy has and the company has not (or not as often, in a view)."""
    counted = reading.writer.count()
    if counted is None or not counted[0]:
        return []
    rows, highest = counted
    as_text = reading.partition().as_text
    whole = KeySpan() if as_text else KeySpan(high=str(int(str(highest)) + 1))
    there = _count(reading, whole)
    if there == rows:
        return []
    held = reading.writer.held() or {}
    if as_text:
        here = _values(reading, KeySpan())
        return [value for value in held if here[value] != held[value]]
    search = _Search(reading, sorted(value for value in held if isinstance(value, int)), held)
    return list(search.differing(0, len(search.values), there))


@dataclass(slots=True)
class _Search:
    """The copy's values in order, and how many rows lie below each."""

    reading: StreamRun
    values: Sequence[int]
    held: "dict[Value, int]"
    below: Sequence[int] = ()

    def __post_init__(self) -> None:
        self.below = [0, *accumulate(self.held[value] for value in self.values)]

    def differing(self, first: int, last: int, there: int) -> Iterator[Value]:
        """Look into a part of the values whose rows the company counts otherwise."""
        mine = self.below[last] - self.below[first]
        if mine == there or first >= last:
            return
        span = KeySpan(str(self.values[first] - 1), str(self.values[last - 1] + 1))
        if mine <= self.reading.partition().page_size or last - first == 1:
            here = _values(self.reading, span)
            yield from (value for value in self.values[first:last] if here[value] != self.held[value])
            return
        half = bisect_left(self.below, (self.below[first] + self.below[last]) // 2, first + 1, last - 1)
        middle = max(first + 1, min(half, last - 1))
        lower = _count(self.reading, KeySpan(span.low, str(self.values[middle])))
        yield from self.differing(first, middle, lower)
        yield from self.differing(middle, last, there - lower)


def _count(reading: StreamRun, span: KeySpan) -> int:
    """How many records the company has in a span: a page of one row says how many more there are."""
    query = replace(reading.partition(), select=(reading.stream.walked,), page_size=1).query(span)
    answer = reading.asker.ask(query)
    return int(answer.rows.num_rows) + answer.remaining


def _values(reading: StreamRun, span: KeySpan) -> "Counter[Value]":
    """The company's values in a span, each as often as it has them."""
    select = tuple(dict.fromkeys((reading.stream.walked, reading.stream.key)))
    unread = EVERYTHING if span == KeySpan() else (span,)
    found: Counter[Value] = Counter()
    for piece in reading.pieces(replace(reading.partition(), select=select, unread=unread)):
        found.update(piece.rows.column(reading.stream.walked).to_pylist())
    return found


DELETED = "D"
"""What `query` calls a delete in ACCESSMODE; readByQuery wants the whole word."""
POSTED_TO = ("GLBATCH", "GLDETAIL")
"""What a deleted document of any other module takes back with it."""


def follow_deletes(
    context: Context, readings: Sequence[StreamRun], headers: Mapping[str, Stream]
) -> tuple[Asker, bool]:
    """Take out of the copy what is gone from the company; gives the questions asked of the trail, and whether there is
    a way to know what is gone.
    """
    asker = Asker(context.source, TRAIL)
    reached = less(context.started, context.options.trail_seconds)
    objects = [one for one in readings if one.stream.feed is None]  # the others were replaced as a whole
    whole = [one for one in objects if one.writer.complete]
    followed = [
        one for one in whole if not one.bookmark.in_progress and one.bookmark.deletes_since not in ("", reached)
    ]
    if not followed:
        return asker, True
    try:
        told = _trail(context, asker, followed)
    except (NotPermittedError, InvalidRequestError):
        return asker, _compare_keys(context, followed)
    gone: dict[str, list[Value]] = {}
    for reading in followed:
        _owe(reading, [True] if reading.bookmark.dropped_some else [], whole)
    owing = {reading.name for reading in followed if reading.bookmark.uncounted}
    for reading in headers_first(followed):
        own = gone.setdefault(reading.stream.object, [])
        own += _gone_by_key(reading, told.get(reading.stream.object, ()))
        own += _gone_with_header(reading, headers.get(reading.stream.header), told, gone)
        _owe(reading, own, whole)
        if _worth_counting(reading, owing, gone):
            own += _gone_unsaid(reading)
            _owe(reading, own, whole)
    for reading in followed:
        bookmark = replace(reading.bookmark, deletes_since=reached, met=reading.recognition.marks)
        reading.bookmark, reading.count.news = replace(bookmark, uncounted=False, dropped_some=False), 0
        reading.save()
    return asker, True


def _owe(reading: StreamRun, gone: Sequence[Value], others: Sequence[StreamRun]) -> None:
    """Before it is stored that these are gone, have it stored that what they may have taken along is to be counted:
    nothing would tell of that to a run that comes after this one has been killed.
    """
    for other in others if gone else ():
        taken = other.stream.object in POSTED_TO or other.stream.header == reading.stream.object
        if taken and other is not reading and not other.bookmark.uncounted:
            other.bookmark = replace(other.bookmark, uncounted=True)
            other.save()


def _worth_counting(reading: StreamRun, owing: Collection[str], gone: Mapping[str, Sequence[Value]]) -> bool:
    """Whether something happened that may have taken records away unsaid."""
    if reading.stream.where is not None or reading.bookmark.from_day:
        return False
    posted_to = reading.stream.object in POSTED_TO and any(gone.values())
    return reading.name in owing or (posted_to and not reading.count.full)


def _gone_unsaid(reading: StreamRun) -> list[Value]:
    """What counting shows to be gone; a view is read again there."""
    if reading.writer.count() is None:
        return []
    reading.save()
    found = gone_by_count(reading)
    if reading.stream.group:
        replace_under(reading, found)
        return []
    gone = [key for some in vanished(reading.asker, reading.partition(), found) for key in some]
    if gone:
        reading.writer.delete(gone)
    return gone


def headers_first(readings: Sequence[StreamRun]) -> list[StreamRun]:
    """The same, no line before its header, since lines go with what is gone above them."""
    depth: dict[str, int] = {}
    by_object = {one.stream.object: one.stream for one in readings}

    def level(stream: Stream) -> int:
        above = by_object.get(stream.header)
        if stream.object not in depth:
            depth[stream.object] = 0  # a ring would be a mistake in the table, not a reason to hang
            depth[stream.object] = level(above) + 1 if above else 0
        return depth[stream.object]

    return sorted(readings, key=lambda one: level(one.stream))


def _trail(context: Context, asker: Asker, readings: Sequence[StreamRun]) -> dict[str, list[str]]:
    """The keys under which the trail tells deletes, by object."""
    since = readings[0].bookmark.deletes_since
    objects: dict[str, None] = {}
    for reading in readings:
        since = earlier(since, reading.bookmark.deletes_since)
        objects |= dict.fromkeys(name for name in (reading.stream.object, reading.stream.header) if name)
    where: tuple[Filter, ...] = (
        Compare("ACCESSMODE", Op.EQUALTO, (DELETED,)),
        Compare("ACCESSTIME", Op.GREATERTHANOREQUALTO, (context.sent(since),)),
        Compare("OBJECTTYPE", Op.IN, tuple(name.lower() for name in objects)),
    )
    told: dict[str, list[str]] = {}
    partition = Partition(TRAIL, TRAIL.key, where, page_size=context.options.page_size)
    for piece in walk(asker.ask, partition, context.pool):
        cells = (piece.rows.column(name).to_pylist() for name in ("OBJECTTYPE", "OBJECTKEY"))
        for object_type, object_key in zip(*cells, strict=True):
            if object_type and object_key:
                told.setdefault(object_type.upper(), []).append(object_key)
    return told


def _gone_by_key(reading: StreamRun, told: Sequence[str]) -> list[Value]:
    """Rows that the trail speaks of, that the copy has, and that the gateway has not."""
    stream = reading.stream
    if not told or stream.group:
        return []
    maybe: dict[str, list[str]] = {}
    for object_key in told:
        for field, value in keys.audited(stream.object, object_key):
            maybe.setdefault(field, []).append(value)
    held: dict[Value, None] = {}
    for field, values in maybe.items():
        if field in stream.fields:
            typed = as_kind(values, stream.fields[field])
            found = reading.writer.live(field, typed)
            if found is None:
                _gone_by_field(reading, field, typed)
            else:
                held |= dict.fromkeys(key for some in found.values() for key in some)
    gone = [key for some in vanished(reading.asker, reading.partition(), list(held)) for key in some]
    if gone:
        reading.writer.delete(gone)
    return gone


def _gone_by_field(reading: StreamRun, field: str, values: Sequence[Value]) -> None:
    """Tell a destination that cannot be asked that whatever bore these values is gone, and then what bears them now: a
    record may have been made again under the name of one that was deleted.
    """
    for filter_, some in one_of(field, values):
        reading.writer.delete(some, field=field)
        for piece in reading.pieces(reading.partition(filter_)):
            reading.take(piece)


def _gone_with_header(
    reading: StreamRun, header: Stream | None, told: Mapping[str, Sequence[str]], gone: Mapping[str, Sequence[Value]]
) -> list[Value]:
    """Rows whose header is gone; their keys, for the lines below them."""
    stream = reading.stream
    if header is None or not stream.by:
        return []
    known = as_kind(gone.get(header.object, ()), stream.fields[stream.by])
    maybe = [
        value
        for object_key in told.get(header.object, ())
        for field, value in keys.audited(header.object, object_key)
        if field == stream.refers_to
    ]
    asked = [*known, *as_kind(maybe, stream.fields[stream.by])]
    held = reading.writer.live(stream.by, asked)
    if held is None:
        held = {value: [] for value in asked}
    doubtful = [parent for parent in held if parent not in set(known)]
    if doubtful:
        asker, kind = reading.ask_beside(header), header.fields[stream.refers_to]
        look_up = Partition(header, stream.refers_to, show_private=reading.context.options.show_private)
        for some in vanished(asker, look_up, as_kind(doubtful, kind)):
            known += as_kind(some, stream.fields[stream.by])
    without = [parent for parent in known if parent in held]
    if without:
        reading.writer.delete(without, field=stream.by)
    return [key for parent in without for key in held[parent]]


def _compare_keys(context: Context, readings: Sequence[StreamRun]) -> bool:
    """Compare all keys, both ways, of the streams for which that is due; False where the copy has none to show."""
    every = context.options.sweep_every
    if every is None:
        return False
    for reading in readings:
        swept = reading.bookmark.swept
        age = (moment(context.started) - moment(swept)).total_seconds() if swept else every
        if age >= every:
            sweep(reading)
    return True


def sweep(reading: StreamRun) -> None:
    """Take out what the company has not, and read what the copy has not."""
    stream = reading.stream
    held = reading.writer.held()
    if held is None:
        return
    here = _walked(reading)
    there = set(here)
    gone = [key for key in held if key not in there]
    if reading.bookmark.from_day:  # what is older than the day it began with is not missing
        here = _walked(reading, *reading.changed(stream, reading.bookmark.from_day))
    missing = [key for key in here if key not in held]
    if stream.group:
        replace_under(reading, [*gone, *missing])
    else:
        reading.writer.delete(gone)
        for filter_, _ in one_of(stream.key, missing):
            for piece in reading.pieces(reading.partition(filter_)):
                reading.take(piece)
                reading.safe_point()
    reading.bookmark = replace(reading.bookmark, swept=reading.context.started, replaced="")
    reading.save()


def _walked(reading: StreamRun, *where: Filter) -> list[Value]:
    """The company's values of the walked field."""
    stream, partition = reading.stream, reading.partition(*where)
    if stream.group:
        return distinct(reading.asker, partition)
    only = replace(partition, select=(stream.key,))
    return [key for piece in reading.pieces(only) for key in piece.rows.column(stream.key).to_pylist()]
