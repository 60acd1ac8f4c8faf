"""A run: streams side by side from the company into a destination, and the outcome of each.

Streams are read in threads. The calls of all streams run in one pool, somewhat wider than the company allows; the
client's gate lets through as many as may run, so the next call is waiting there while an answer is parsed. A stream
that is alone uses the whole pool. Streams whose definitions are still on their way join when these arrive. A failed
stream keeps what it has committed and costs no other stream anything. Lines are read in the thread of their header,
after it, since they follow the headers that changed. Deletes are followed last.

    run = Extraction(source, destination, streams)
    for progress in run: ...
    run.outcomes
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import monotonic

from intacct_bridge.copies.destinations.base import Destination
from intacct_bridge.extract.deletes import follow_deletes, headers_first
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.page_reader import TimeZoneChangedError
from intacct_bridge.extract.selection import Selection
from intacct_bridge.extract.source import ExtractSource
from intacct_bridge.extract.strategies import (
    Strategy,
    decide,
    full_refresh,
    read_changes,
    replace_virtual,
    trusted_bookmark,
)
from intacct_bridge.extract.stream_run import RunContext, StoppedError, StreamProgress, StreamRun
from intacct_bridge.extract.transform import Transform
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream, StreamOutcome
from intacct_bridge.streams.times import format_time, parse_time
from intacct_protocol.errors import IntacctError, UnreachableError
from intacct_protocol.xml.values import Value

_log = logging.getLogger(__name__)
DELETES = "deletes"
"""The name of the outcome of following deletes."""
HISTORY = "history"
"""The name of the outcome of the run's history, if that could not be stored."""
SPARE_THREADS = 1
"""How many more streams are read, and calls prepared, than the company allows at a time: the next call then waits at
the gate while an answer is parsed. Each holds a page, of 5 to 10 MB as text. A second one would not make the run
faster.
"""


@dataclass(frozen=True, slots=True)
class _ChangedRecords:
    """The changed records of a stream that was read in this run, for the lines below it."""

    since: str
    walk_before: int
    """The run of the walk before, whose rows are known."""
    keys: list[Value]


@dataclass(slots=True)
class _Results:
    """The results of a run's threads."""

    errors: dict[str, IntacctError] = field(default_factory=dict)
    broken: list[BaseException] = field(default_factory=list)
    """Unexpected errors; raised when the other streams are safe."""
    deletes: StreamOutcome | None = None


class Extraction:
    """One run; iterate over it to its end, then look at its outcomes."""

    def __init__(
        self,
        source: ExtractSource,
        destination: Destination,
        streams: Sequence[Stream],
        *,
        stored_as: Callable[[Stream], Transform] | None = None,
        headers: Mapping[str, Stream] | None = None,
        options: ExtractOptions | None = None,
        refused: Sequence[StreamOutcome] = (),
        later: Iterable[Selection] = (),
    ) -> None:
        self.outcomes: tuple[StreamOutcome, ...] = ()
        self.streams: tuple[Stream, ...] = ()
        """The streams that are read, as far as they are known."""
        self._source = source
        self._destination = destination
        self._stored_as = stored_as or (lambda stream: Transform(stream, stream))
        self._first = Selection(tuple(streams), headers or {}, refused=tuple(refused))
        self._later = iter(later)
        self._headers: Mapping[str, Stream] = {}
        self._refused: tuple[StreamOutcome, ...] = ()
        self._options = options or ExtractOptions()
        self._events: queue.SimpleQueue[StreamProgress | None] = queue.SimpleQueue()
        self._stop = threading.Event()

    def __iter__(self) -> Iterator[StreamProgress]:
        """Run, and yield progress as it happens. Leaving early stops the run at its next safe point."""
        try:
            yield from self._run()
        finally:
            with suppress(IntacctError):
                deque(self._later, 0)  # if the run did not get to them: requests end before the client is closed

    def _run(self) -> Iterator[StreamProgress]:
        started = self._source.now()
        run = self._destination.open(self._source.company, started)
        width = max(1, self._source.concurrency)
        with ThreadPoolExecutor(width + SPARE_THREADS, "call") as pool:
            context = RunContext(
                self._source,
                pool,
                width,
                self._options,
                run,
                started=format_time(started),
                trail_start=format_time(started - timedelta(seconds=self._options.trail_seconds)),
                stop=self._stop,
                emit=self._events.put,
                commit_rows=self._destination.commit_rows,
                commit_bytes=self._destination.commit_bytes,
                commit_seconds=self._destination.commit_seconds,
            )
            runs = self._stream_runs(context, self._first)
            results = _Results()
            work = threading.Thread(target=self._read_all, args=(context, runs, results), name="extraction")
            work.start()
            try:
                while (event := self._events.get()) is not None:
                    yield event
            finally:
                self._stop.set()
                work.join()
                self._finish(runs, results)

    def _stream_runs(self, context: RunContext, selection: Selection) -> list[StreamRun]:
        """Every stream with its writer and bookmark; a stream that the destination refuses becomes an outcome."""
        objects = {one.object: one for one in selection.streams if one.object and one.where is None}
        self._headers = {**self._headers, **objects, **selection.headers}
        self._refused = (*self._refused, *selection.refused)
        self.streams = (*self.streams, *selection.streams)
        stored = self._destination.bookmarks()
        stream_runs = []
        for stream in selection.streams:
            try:
                stream_runs.append(self._stream_run(context, stream, stored.get(stream.name, Bookmark())))
            except UnreachableError:
                raise
            except IntacctError as error:
                lost = StreamOutcome(stream.name, complete=False, error=error.message, fix=error.advice)
                self._refused = (*self._refused, lost)
        return stream_runs

    def _stream_run(self, context: RunContext, stream: Stream, stored: Bookmark) -> StreamRun:
        """A stream with its writer, and its bookmark if the rows that it was kept for are still there."""
        bookmark = trusted_bookmark(context.source, stream, stored, self._options)
        cut_off = stream.virtual is not None and bookmark.in_progress
        if cut_off:  # its rows have no order in which to go on
            bookmark = bookmark.abandon()
        transform = self._stored_as(stream)
        writer = self._destination.writer(transform.stored, bookmark)
        if not writer.complete and (bookmark.since or (bookmark.in_progress and not writer.loading)):
            bookmark = trusted_bookmark(context.source, stream, Bookmark(), self._options)
            writer = self._destination.writer(transform.stored, bookmark)
        lacks_columns = cut_off or writer.difference.needs_refresh(stream, bookmark)
        if lacks_columns and bookmark.in_progress:  # the rows that the walk has read lack them too
            if writer.complete:
                bookmark = bookmark.abandon()
            else:
                start = bookmark.progress.start
                bookmark = trusted_bookmark(context.source, stream, Bookmark(), self._options)
                bookmark = replace(bookmark, progress=replace(bookmark.progress, start=start))
            writer = self._destination.writer(transform.stored, bookmark)
        if not lacks_columns and writer.difference.has_new_custom_field(stream, bookmark):
            bookmark = bookmark.read_again(context.source.definition_seconds)
        # a column that was unfilled, and no longer is, takes a full refresh, whose first commit records that
        columns = replace(bookmark.columns, unfilled=writer.difference.unfilled)
        bookmark = replace(bookmark, columns=columns)
        return StreamRun(context, stream, writer, bookmark, convert=transform.convert, lacks_columns=lacks_columns)

    def _read_all(self, context: RunContext, runs: list[StreamRun], results: _Results) -> None:
        """All families side by side, then the deletes."""
        try:
            width = context.source.concurrency + SPARE_THREADS
            with ThreadPoolExecutor(width, "stream") as streams:
                running = [streams.submit(self._family, family, results) for family in families(runs)]
                for selection in self._later:
                    if self._stop.is_set():
                        continue
                    more = self._stream_runs(context, selection)
                    runs.extend(more)
                    running += [streams.submit(self._family, family, results) for family in families(more)]
                wait(running)
            if not self._stop.is_set() and not results.broken:
                self._deletes(context, [one for one in runs if one.sound], results)
        except BaseException as error:
            results.broken.append(error)
        finally:
            self._events.put(None)

    def _family(self, members: list[StreamRun], results: _Results) -> None:
        """Read some streams one after another; an error of one ends only that one."""
        changed: dict[str, _ChangedRecords] = {}
        for run in members:
            began = monotonic()
            try:
                self._stream(run, changed)
            except StoppedError:
                _save_after_failure(run)
            except UnreachableError as error:  # the destination is lost: further pages would be paid for in vain
                results.errors[run.name] = error
                results.broken.append(error)
                self._stop.set()
                return
            except IntacctError as error:
                results.errors[run.name] = error
                if isinstance(error, TimeZoneChangedError):
                    run.restart_walk()
                _save_after_failure(run)
            except BaseException as error:
                results.broken.append(error)
                if isinstance(error, OSError):  # a closed pipe: further pages would be paid for in vain
                    self._stop.set()
                return
            finally:
                run.count.seconds = monotonic() - began
                _report(run, results.errors.get(run.name))

    def _stream(self, run: StreamRun, changed: dict[str, _ChangedRecords]) -> None:
        """Bring one stream up to date."""
        if self._stop.is_set():  # nothing of it was begun, so there is nothing to save
            return
        before = run.bookmark.progress.run
        due = decide(run.stream, run.bookmark, self._options, run.context.started, lacks_columns=run.lacks_columns)
        if due.strategy is Strategy.SKIP:
            run.skip()
            return
        if due.resumes:
            run.resume_walk(start=due.since if due.full else "")
        else:
            run.begin_walk(full=due.full, start=due.since if due.full else "")
        self._walk(run, due.strategy, changed, before)
        if run.fell_behind:
            before = run.bookmark.progress.run
            run.begin_catch_up()
            self._walk(run, Strategy.INCREMENTAL, changed, before)

    def _walk(self, run: StreamRun, strategy: Strategy, changed: dict[str, _ChangedRecords], before: int) -> None:
        """Carry out a strategy; `before` is the run of the walk before."""
        stream, bookmark = run.stream, run.bookmark
        header = self._headers.get(stream.header) if stream.header_key else None
        if strategy is Strategy.REPLACE:
            replace_virtual(run)
        elif strategy is Strategy.FULL_REFRESH:
            full_refresh(run, header)
        else:
            above = changed.get(stream.header)
            covered = above is not None and above.walk_before <= before and _covers(above, bookmark, stream, header)
            keys = read_changes(run, header, above.keys if above and covered else None)
            if bookmark.progress.started == run.context.started and stream.where is None:
                changed[stream.object] = _ChangedRecords(bookmark.since, before, keys)

    def _deletes(self, context: RunContext, runs: list[StreamRun], results: _Results) -> None:
        began, followed = monotonic(), None
        try:
            followed = follow_deletes(context, runs, self._headers)
            error = followed.error
            failed = f"{followed.failed.name}: " if followed.failed else ""
        except UnreachableError:
            raise
        except IntacctError as of_all:
            error, failed = of_all, ""
        results.deletes = StreamOutcome(  # each deleted row is counted by its stream
            DELETES,
            pages=followed.reader.pages if followed else 0,
            transactions=followed.reader.transactions if followed else 0,
            seconds=round(monotonic() - began, 3),
            complete=error is None and followed is not None and followed.visible,
            error=f"{failed}{error.message}" if error else "",
            fix=error.advice if error else "",
        )

    def _finish(self, runs: list[StreamRun], results: _Results) -> None:
        outcomes = [one.outcome(results.errors.get(one.name)) for one in runs]
        self.outcomes = (*outcomes, *self._refused, *((results.deletes,) if results.deletes else ()))
        try:
            self._destination.finish(self.outcomes, self._source.now())
        except IntacctError as error:  # the outcomes of the streams are still reported
            lost = StreamOutcome(HISTORY, complete=False, error=error.message, fix=error.advice)
            self.outcomes = (*self.outcomes, lost)
        if results.broken:
            raise results.broken[0]


def _report(run: StreamRun, error: IntacctError | None) -> None:
    """A log record for a stream that has been read, which traces turn into a span."""
    facts = {"stream": run.name, "rows": run.count.rows, "deleted": run.count.deleted, "seconds": run.count.seconds}
    facts |= {"failure": error.message if error is not None else ""}
    _log.debug("%s: %d rows in %.2f s", run.name, run.count.rows, run.count.seconds, extra=facts)


def _save_after_failure(run: StreamRun) -> None:
    """Commit what came before the failure; if that fails too, the next run reads it again."""
    with suppress(IntacctError):
        run.save_after_failure()


def families(runs: Sequence[StreamRun]) -> list[list[StreamRun]]:
    """Streams that are read one after another: the changes of a header, then those of its lines. Others are alone."""
    family: dict[str, list[StreamRun]] = {}
    for run in headers_first(runs):
        above = family.get(run.stream.header)
        follows = above is not None and run.bookmark.since and above[0].bookmark.since
        home = above if above is not None and follows else []
        home.append(run)
        restricted = run.stream.where is not None or not run.stream.object
        family[run.name if restricted else run.stream.object] = home
    return list({id(members): members for members in family.values()}.values())


def _covers(above: _ChangedRecords, bookmark: Bookmark, stream: Stream, header: Stream | None) -> bool:
    """Whether the header's own read found all the changed headers that the lines have to follow."""
    early_enough = parse_time(above.since) <= parse_time(bookmark.since)
    return header is not None and stream.refers_to == header.key and early_enough
