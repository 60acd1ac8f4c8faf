"""Following deletes: entries of the audit trail, or a comparison of all keys if that cannot be read.

The audit trail tells deletes late, and its keys mean different things by object. So an entry is only a hint: its
possible meanings are looked up in the copy, and a row is deleted only when a lookup shows that Intacct no longer has
its key. Its lines are deleted with it. One query serves all streams, and reaches back far enough to find late entries.

An error of one stream costs no other its deletes: a question about a large view may never be answered in time.

A stream whose walk has not ended is left to the run that ends it: until then its copy is not complete, and pages that
are read to follow deletes must not count as progress of the walk.

Not every delete is in the audit trail: editing or deleting a bill takes its journal entry back, and a document that
another module made is replaced under a new number. So after a run that read changes, a stream's records are counted on
both sides, which costs one call. If the counts differ, halves of the key's range are counted until a part fits in a
page and can be compared key by key. Keys above the copy's highest are not counted: the next run reads newer records.
Nor are records that have not changed since the time at which a copy began.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import accumulate

from intacct_bridge.extract.key_walk import walk
from intacct_bridge.extract.page_reader import PageReader
from intacct_bridge.extract.strategies import as_kind, deleted_keys, distinct, replace_groups, windows_of
from intacct_bridge.extract.stream_run import RunContext, StoppedError, StreamRun
from intacct_bridge.streams.bookmark import EVERYTHING, KeySpan
from intacct_bridge.streams.partition import DayWindow, Partition, lookup_filters
from intacct_bridge.streams.stream import AUDIT_TRAIL, Stream
from intacct_bridge.streams.times import earlier, parse_time
from intacct_protocol.errors import (
    IntacctError,
    InvalidRequestError,
    NotPermittedError,
    TransientError,
    UnreachableError,
)
from intacct_protocol.model import keys
from intacct_protocol.model.query.query import Compare, Filter, Op
from intacct_protocol.xml.values import Value

DELETED = "D"
"""How `query` writes a delete in ACCESSMODE; readByQuery has the word."""
POSTED_TO = ("GLBATCH", "GLDETAIL")
"""The objects from which a deleted document of another module takes its postings back."""
_POSTING = (
    "APBILL",
    "APADJUSTMENT",
    "APADVANCE",
    "APPYMT",
    "ARINVOICE",
    "ARADJUSTMENT",
    "ARADVANCE",
    "ARPYMT",
    "BANKFEE",
    "CCTRANSACTION",
    "CHARGEPAYOFF",
    "CREDITCARDFEE",
    "DEPOSIT",
    "EEXPENSES",
    "EPPAYMENT",
    "FUNDSTRANSFER",
    "ICTRANSFER",
    "INVDOCUMENT",
    "OTHERRECEIPTS",
    "PODOCUMENT",
    "SODOCUMENT",
)
"""The objects of those documents, as far as they are known. Their deletes are asked for along with the others."""


@dataclass(slots=True)
class FollowedDeletes:
    """What came of following the deletes of a run."""

    reader: PageReader
    """The reader of the audit trail."""
    visible: bool = True
    """The audit trail or a comparison of keys shows deletes."""
    failed: StreamRun | None = None
    """The first stream whose deletes could not be followed; it costs no other stream its deletes."""
    error: IntacctError | None = None
    """Its error."""

    def succeeds(self, run: StreamRun, work: Callable[[], None]) -> bool:
        """Do the work for one stream; if it fails, the deletes that are found are committed, and an error is kept.

        A group of which only a part was read is not committed.
        """
        try:
            work()
        except (UnreachableError, StoppedError):
            raise
        except IntacctError as error:
            if self.error is None:
                self.failed, self.error = run, error
            if run.sound and not run.stream.group:
                run.save()
            return False
        return True


def follow_deletes(context: RunContext, runs: Sequence[StreamRun], headers: Mapping[str, Stream]) -> FollowedDeletes:
    """Delete from the copy what Intacct no longer has."""
    reader = PageReader(context.source, AUDIT_TRAIL)
    objects = [one for one in runs if one.stream.virtual is None]  # virtual streams were replaced
    complete = [one for one in objects if one.writer.complete]
    posted_to = _posted_to([one.stream for one in objects])
    done = ("", context.trail_start)
    followed = [one for one in complete if not one.bookmark.in_progress and one.bookmark.deletes.since not in done]
    result = FollowedDeletes(reader)
    if not followed:
        return result
    try:
        trail = _trail(context, reader, followed, posted_to)
    except (NotPermittedError, InvalidRequestError):
        _compare_keys(context, followed, result)
        _refresh_computed(runs, followed, result)
        return result
    deletes = _Deletes(complete, posted_to, headers, trail)
    for run in followed:
        if run.bookmark.deletes.found_deleted:
            deletes.mark_dependents(run)
    uncounted = _uncounted(followed, trail, posted_to)
    ended = []
    for run in sorted(headers_first(followed), key=_is_posted_to):
        if result.succeeds(run, partial(deletes.follow, run, uncounted=run.name in uncounted)):
            ended.append(run)
    unfinished = _refresh_computed(runs, ended, result)
    for run in ended:
        if run not in unfinished:
            run.finish_deletes()
    return result


def _refresh_computed(
    runs: Sequence[StreamRun], followed: Sequence[StreamRun], result: FollowedDeletes
) -> list[StreamRun]:
    """Read again what changed documents change in other records, before the documents count as followed; those whose
    records could not be read are left to the next run.
    """
    unfinished: list[StreamRun] = []
    if len(runs) == 1:  # there are no documents
        return unfinished
    from intacct_bridge.extract.computed_refresh import documents_of, refresh_computed

    for run in followed:
        documents = documents_of(run, runs)
        if documents and not result.succeeds(run, partial(refresh_computed, run, documents)):
            unfinished += documents
    return unfinished


@dataclass(frozen=True, slots=True)
class _Deletes:
    """The deletes of one run, stream after stream: those of headers tell which lines are deleted with them."""

    complete: Sequence[StreamRun]
    """The streams whose copies are complete."""
    posted_to: Collection[str]
    headers: Mapping[str, Stream]
    trail: Mapping[str, Mapping[str, datetime]]
    """The times of the deletes in the audit trail, by object and key."""
    deleted: dict[str, list[Value]] = field(default_factory=dict)
    """The keys that were deleted from the copy, by object."""

    def follow(self, run: StreamRun, *, uncounted: bool) -> None:
        """Delete what Intacct no longer has of one stream; `uncounted`: its records may differ from the audit trail."""
        deleted = self.deleted.setdefault(run.stream.object, [])
        deleted += _deleted_by_key(run, self._trail_of(run, run.stream.object))
        header = self.headers.get(run.stream.header)
        if header is not None:
            trail, header_keys = self._trail_of(run, header.object), self.deleted.get(header.object, ())
            deleted += _deleted_with_header(run, header, trail, header_keys)
        if deleted:
            self.mark_dependents(run)
        if self._may_differ(run, uncounted=uncounted):
            deleted += _deleted_by_count(run, self.headers.get(run.stream.header))
            if deleted:
                self.mark_dependents(run)

    def _trail_of(self, run: StreamRun, name: str) -> "Mapping[str, datetime]":
        """The deletes of an object that concern a stream. One that begins at a time never had the records that were
        deleted before it, and to a watch their deletes are no news.
        """
        start = run.bookmark.progress.start
        trail = self.trail.get(name, {})
        return {key: at for key, at in trail.items() if at >= parse_time(start)} if start else trail

    def mark_dependents(self, run: StreamRun) -> None:
        """Commit that the streams whose records may have been deleted with those of this stream are to be counted.

        This comes before the deletes themselves: if this run is killed, the next one could not know.
        """
        for other in self.complete:
            dependent = other.stream.object in self.posted_to or other.stream.header == run.stream.object
            if dependent and other is not run:
                other.mark_uncounted()

    def _may_differ(self, run: StreamRun, *, uncounted: bool) -> bool:
        """Whether something happened that may have deleted records without an audit entry."""
        if run.stream.where is not None:
            return False
        taken_back = run.stream.object in self.posted_to and any(self.deleted.values())
        return uncounted or (taken_back and not run.count.full)


def _uncounted(
    runs: Sequence[StreamRun], trail: Mapping[str, Mapping[str, datetime]], posted_to: Collection[str]
) -> set[str]:
    """The names of the streams whose records may have been deleted without an audit entry."""
    names = {run.name for run in runs if run.bookmark.deletes.uncounted}
    followed = {run.stream.object for run in runs}
    if any(trail.get(name) for name in _POSTING if name not in followed):
        names |= {run.name for run in runs if run.stream.object in posted_to}
    return names


def _posted_to(streams: Sequence[Stream]) -> frozenset[str]:
    """The objects of a run from which a deleted document takes its postings back.

    The lines of journal entries are among them if the run does not read the entries themselves.
    """
    read = {one.object for one in streams}
    lines = {one.object for one in streams if one.header in POSTED_TO and one.header not in read}
    return frozenset(read.intersection(POSTED_TO) | lines)


def _is_posted_to(run: StreamRun) -> bool:
    """Whether the stream holds postings, which the deletes of other streams take back: it comes after these."""
    return run.stream.object in POSTED_TO or run.stream.header in POSTED_TO


def headers_first(runs: Sequence[StreamRun]) -> list[StreamRun]:
    """The same streams, each after its header, since lines are deleted with their headers."""
    depth: dict[str, int] = {}
    by_object = {one.stream.object: one.stream for one in runs}

    def level(stream: Stream) -> int:
        above = by_object.get(stream.header)
        if stream.object not in depth:
            depth[stream.object] = 0  # a ring would be a mistake in the table, not a reason to hang
            depth[stream.object] = level(above) + 1 if above else 0
        return depth[stream.object]

    return sorted(runs, key=lambda one: level(one.stream))


# --- by the audit trail


def _trail(
    context: RunContext, reader: PageReader, runs: Sequence[StreamRun], posted_to: Collection[str]
) -> dict[str, dict[str, datetime]]:
    """The times of the deletes in the audit trail, by object and key."""
    since = runs[0].bookmark.deletes.since
    objects: dict[str, None] = {}
    for run in runs:
        since = earlier(since, run.bookmark.deletes.since)
        objects |= dict.fromkeys(name for name in (run.stream.object, run.stream.header) if name)
        objects |= dict.fromkeys(_POSTING if run.stream.object in posted_to else ())
    where: tuple[Filter, ...] = (
        Compare("ACCESSMODE", Op.EQUALTO, (DELETED,)),
        Compare("ACCESSTIME", Op.GREATERTHANOREQUALTO, (context.filter_time(since),)),
        Compare("OBJECTTYPE", Op.IN, tuple(name.lower() for name in objects)),
    )
    deletes: dict[str, dict[str, datetime]] = {}
    partition = Partition(AUDIT_TRAIL, AUDIT_TRAIL.key, where, page_size=context.options.page_size)
    for page in walk(reader.read, partition, context.pool):
        cells = (page.rows.column(name).to_pylist() for name in ("OBJECTTYPE", "OBJECTKEY", "ACCESSTIME"))
        for object_type, object_key, at in zip(*cells, strict=True):
            if object_type and object_key and at:
                times = deletes.setdefault(object_type.upper(), {})
                times[object_key] = max(at, times.get(object_key, at))
    return deletes


def _deleted_by_key(run: StreamRun, trail: Mapping[str, datetime]) -> list[Value]:
    """Delete the rows that the audit trail may mean, that the copy holds, and that Intacct no longer has."""
    stream = run.stream
    if not trail or stream.group:
        return []
    hints: dict[str, list[str]] = {}
    times: dict[str, datetime] = {}
    for object_key, at in trail.items():
        for name, value in keys.audited(stream.object, object_key):
            hints.setdefault(name, []).append(value)
            times[value] = at
    copied: dict[Value, None] = {}
    for name, values in hints.items():
        if name in stream.fields:
            typed = as_kind(values, stream.fields[name])
            keys_by_value = run.writer.keys_by_value(name, typed)
            if keys_by_value is None:
                _replace_by_field(run, name, typed, times)
            else:
                copied |= dict.fromkeys(key for some in keys_by_value.values() for key in some)
    deleted = [key for some in deleted_keys(run.reader, run.partition(), list(copied)) for key in some]
    if deleted:
        run.note_deleted(deleted)
        run.writer.delete(deleted, times=times)
    return deleted


def _replace_by_field(run: StreamRun, field: str, values: Sequence[Value], times: Mapping[str, datetime]) -> None:
    """Delete the rows with these values from a destination that cannot be asked, then send the rows that have them now.

    A record may have been created under the name of a deleted one. All of these rows are read before the delete, since
    what a failed read leaves behind is committed.
    """
    run.note_deleted(values)
    for filter_, batch in lookup_filters(field, values):
        pages = list(run.walk(run.partition(filter_)))
        run.writer.delete(batch, field=field, times=times)
        for page in pages:
            run.take(page)


def _deleted_with_header(
    run: StreamRun, header: Stream, trail: Mapping[str, datetime], deleted: Sequence[Value]
) -> list[Value]:
    """Delete the rows whose header is deleted; their keys, for the lines below them."""
    stream = run.stream
    if not stream.header_key:
        return []
    deleted_headers = as_kind(deleted, stream.fields[stream.header_key])
    hints = [
        value
        for object_key in trail
        for field, value in keys.audited(header.object, object_key)
        if field == stream.refers_to
    ]
    parents = [*deleted_headers, *as_kind(hints, stream.fields[stream.header_key])]
    copied = run.writer.keys_by_value(stream.header_key, parents)
    if copied is None:
        copied = {value: [] for value in parents}
    doubtful = [parent for parent in copied if parent not in set(deleted_headers)]
    if doubtful:
        reader, kind = run.reader_for(header), header.fields[stream.refers_to]
        lookup = Partition(header, stream.refers_to, show_private=run.context.options.show_private)
        for batch in deleted_keys(reader, lookup, as_kind(doubtful, kind)):
            deleted_headers += as_kind(batch, stream.fields[stream.header_key])
    without = [parent for parent in deleted_headers if parent in copied]
    if without:
        times = {value: at for key, at in trail.items() for _, value in keys.audited(header.object, key)}
        run.writer.delete(without, field=stream.header_key, times=times)
    return [key for parent in without for key in copied[parent]]


# --- by counting


def _deleted_by_count(run: StreamRun, header: Stream | None) -> list[Value]:
    """Delete what counting shows to be deleted; the groups of a view are read again instead."""
    if run.writer.count_rows() is None:
        return []
    run.save()
    differing = _differing_values(run, _CompanyCount(run, header))
    if run.stream.group:
        replace_groups(run, differing)
        return []
    deleted = [key for some in deleted_keys(run.reader, run.partition(), differing) for key in some]
    if deleted:
        run.note_deleted(deleted)
        run.writer.delete(deleted)
    return deleted


def _differing_values(run: StreamRun, company: "_CompanyCount") -> list[Value]:
    """Values of the walked field that the copy holds and Intacct does not have, or not as often in a view."""
    counted = run.writer.count_rows()
    if counted is None or not counted[0]:
        return []
    rows, highest = counted
    as_text = run.partition().as_text
    span = KeySpan() if as_text else KeySpan(high=str(int(str(highest)) + 1))
    there = company.of(span)
    if there == rows:
        return []
    copied = run.writer.rows_by_value() or {}
    if as_text:
        return _differing(run, copied, copied, KeySpan())
    search = _CountSearch(run, company, sorted(value for value in copied if isinstance(value, int)), copied)
    return list(search.differing(0, len(search.values), there))


@dataclass(slots=True)
class _CountSearch:
    """A search for the values of which Intacct has another number of rows than the copy."""

    run: StreamRun
    company: "_CompanyCount"
    values: Sequence[int]
    """The copy's, in order."""
    copied: "dict[Value, int]"
    below: Sequence[int] = ()
    """How many rows of the copy lie below each value."""

    def __post_init__(self) -> None:
        self.below = [0, *accumulate(self.copied[value] for value in self.values)]

    def differing(self, first: int, last: int, there: int) -> Iterator[Value]:
        """The values from `first` up to `last` that differ; Intacct counts `there` rows."""
        mine = self.below[last] - self.below[first]
        if mine == there or first >= last:
            return
        span = KeySpan(str(self.values[first] - 1), str(self.values[last - 1] + 1))
        if mine <= self.run.partition().page_size or last - first == 1:
            yield from _differing(self.run, self.values[first:last], self.copied, span)
            return
        half = bisect_left(self.below, (self.below[first] + self.below[last]) // 2, first + 1, last - 1)
        middle = max(first + 1, min(half, last - 1))
        lower = self.company.of(KeySpan(span.low, str(self.values[middle])))
        yield from self.differing(first, middle, lower)
        yield from self.differing(middle, last, there - lower)


@dataclass(slots=True)
class _CompanyCount:
    """How many records of a stream Intacct has; a view that it does not count in time is counted by windows of days."""

    run: StreamRun
    header: Stream | None
    windows: tuple[DayWindow, ...] = (DayWindow(),)

    def of(self, span: KeySpan) -> int:
        """The number of records in a span."""
        try:
            return self._counted(span)
        except TransientError:
            if not self.run.stream.window or self.header is None or len(self.windows) > 1:
                raise
        self.windows = windows_of(self.run, self.header, None)
        return self._counted(span)

    def _counted(self, span: KeySpan) -> int:
        """A page of one row says how many remain."""
        run, count = self.run, 0
        for days in self.windows:
            part = _copied_part(run, *days.filter(run.stream.window))
            answer = run.reader.read(replace(part, select=(run.stream.walk_field,), page_size=1).query(span))
            count += int(answer.rows.num_rows) + answer.remaining
        return count


def _differing(run: StreamRun, values: Iterable[Value], copied: Mapping[Value, int], span: KeySpan) -> list[Value]:
    """The values of a span of which Intacct has another number of rows than the copy. Of a group that changed in part
    since the beginning of a copy, the copy has all rows: there a group is missing or not.
    """
    here = _values(run, span)
    if run.stream.group and run.bookmark.progress.start:
        return [value for value in values if value not in here]
    return [value for value in values if here[value] != copied[value]]


def _copied_part(run: StreamRun, *where: Filter) -> Partition:
    """The rows of a stream that belong to the copy: what began at a time holds only what has changed since."""
    return run.partition(*where, *run.changed(run.stream, run.bookmark.progress.start))


def _values(run: StreamRun, span: KeySpan) -> "Counter[Value]":
    """Intacct's values in a span, with the number of rows of each."""
    select = tuple(dict.fromkeys((run.stream.walk_field, run.stream.key)))
    unread = EVERYTHING if span == KeySpan() else (span,)
    counts: Counter[Value] = Counter()
    for page in run.walk(replace(_copied_part(run), select=select, unread=unread)):
        counts.update(page.rows.column(run.stream.walk_field).to_pylist())
    return counts


# --- by comparing all keys


def _compare_keys(context: RunContext, runs: Sequence[StreamRun], result: FollowedDeletes) -> None:
    """Compare all keys of the streams for which that is due; the deletes are unknown if the destination cannot show
    its keys.
    """
    every = context.options.compare_every
    if every is None:
        result.visible = False
        return
    for run in runs:
        compared = run.bookmark.deletes.compared_at
        age = (parse_time(context.started) - parse_time(compared)).total_seconds() if compared else every
        if age >= every:
            result.succeeds(run, partial(compare_keys, run))


def compare_keys(run: StreamRun) -> None:
    """Delete what Intacct does not have, and read what the copy does not have."""
    stream = run.stream
    copied = run.writer.rows_by_value()
    if copied is None:
        return
    here = _walked(run)
    there = set(here)
    deleted = [key for key in copied if key not in there]
    if run.bookmark.progress.start:  # older records do not belong to the copy
        here = _walked(run, *run.changed(stream, run.bookmark.progress.start))
    missing = [key for key in here if key not in copied]
    if stream.group:
        replace_groups(run, [*deleted, *missing])
    else:
        run.note_deleted(deleted)
        run.writer.delete(deleted)
        for filter_, _ in lookup_filters(stream.key, missing):
            for page in run.walk(run.partition(filter_)):
                run.take(page)
                run.safe_point()
    run.finish_comparison()


def _walked(run: StreamRun, *where: Filter) -> list[Value]:
    """Intacct's values of the walked field."""
    stream, partition = run.stream, run.partition(*where)
    if stream.group:
        return distinct(run.reader, partition)
    only = replace(partition, select=(stream.key,))
    return [key for page in run.walk(only) for key in page.rows.column(stream.key).to_pylist()]
