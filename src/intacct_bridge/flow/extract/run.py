"""A run: streams side by side from the company into a destination, each for itself, and what became of each.

Streams are read in threads; the calls of all run in one pool somewhat wider than the company allows, where the client's
gate lets through as many as may run: the next is waiting there while an answer is taken apart. A stream alone uses all
of it and many share it; those whose definitions are on their way join when these arrive. A failed stream keeps what it
had committed and costs no other anything. Lines whose headers are read in the same run follow them in the same thread,
because they want to know which headers changed. Deletes come last.

    run = Extraction(source, sink, streams)
    for progress in run: ...
    run.outcomes
"""

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic

from intacct_bridge.errors import IntacctError
from intacct_bridge.flow.destinations.base import Sink
from intacct_bridge.flow.extract.deletes import follow_deletes, headers_first
from intacct_bridge.flow.extract.page_reader import ExtractSource, ZoneMovedError
from intacct_bridge.flow.extract.strategies import behind, catch_up, due, read_changes, read_everything, read_feed
from intacct_bridge.flow.extract.stream_run import Context, Options, StoppedError, StreamProgress, StreamRun
from intacct_bridge.flow.streams.bookmark import Bookmark, moment, wall
from intacct_bridge.flow.streams.selection import Chosen
from intacct_bridge.flow.streams.stream import Stream, StreamOutcome
from intacct_bridge.wire.values import Value

DELETES = "deletes"
"""The name under which the following of deletes stands among the outcomes."""
HISTORY = "history"
"""The name under which the run's history stands among the outcomes where it could not be kept."""
SPARE_THREADS = 2
"""More streams, and more calls in the making, than may run, so that one is always waiting at the gate."""


@dataclass(slots=True)
class _Met:
    """The changed records of a stream that was read in this run, for the lines below it."""

    since: str
    walk: int
    """The walk before, whose rows are not news."""
    keys: list[Value]


@dataclass(slots=True)
class _Ledger:
    """What the threads of a run leave behind."""

    errors: dict[str, IntacctError] = field(default_factory=dict)
    broken: list[BaseException] = field(default_factory=list)
    """What should not have happened at all; raised when the other streams are safe."""
    deletes: StreamOutcome | None = None


class Extraction:
    """One run; iterate it to the end, then look at its outcomes."""

    def __init__(
        self,
        source: ExtractSource,
        sink: Sink,
        streams: Sequence[Stream],
        *,
        headers: Mapping[str, Stream] | None = None,
        options: Options | None = None,
        refused: Sequence[StreamOutcome] = (),
        later: Iterable[Chosen] = (),
    ) -> None:
        self.outcomes: tuple[StreamOutcome, ...] = ()
        self.streams: tuple[Stream, ...] = ()
        """What is read, as far as it is known."""
        self._source = source
        self._sink = sink
        self._first = Chosen(tuple(streams), headers or {}, refused=tuple(refused))
        self._later = iter(later)
        self._headers: Mapping[str, Stream] = {}
        self._refused: tuple[StreamOutcome, ...] = ()
        self._options = options or Options()
        self._events: queue.SimpleQueue[StreamProgress | None] = queue.SimpleQueue()
        self._stop = threading.Event()

    def __iter__(self) -> Iterator[StreamProgress]:
        """Run; what happens comes as it happens. Leaving early stops the run at its next safe point."""
        try:
            yield from self._run()
        finally:
            with suppress(IntacctError):
                deque(self._later, 0)  # where the run did not come to it: nobody is to close the client under a request

    def _run(self) -> Iterator[StreamProgress]:
        started = self._source.now()
        run = self._sink.open(self._source.company, started)
        width = max(1, self._source.concurrency)
        with ThreadPoolExecutor(width + SPARE_THREADS, "call") as pool:
            context = Context(
                self._source,
                pool,
                self._options,
                run,
                started=wall(started),
                stop=self._stop,
                emit=self._events.put,
                commit_rows=self._sink.commit_rows,
                commit_bytes=self._sink.commit_bytes,
                commit_seconds=self._sink.commit_seconds,
            )
            readings = self._readings(context, self._first)
            ledger = _Ledger()
            work = threading.Thread(target=self._work, args=(context, readings, ledger), name="extraction")
            work.start()
            try:
                while (event := self._events.get()) is not None:
                    yield event
            finally:
                self._stop.set()
                work.join()
                self._finish(readings, ledger)

    def _readings(self, context: Context, chosen: Chosen) -> list[StreamRun]:
        """Every stream with its writer, and the bookmark if what it speaks of is still there; without those that the
        destination has no place for.
        """
        objects = {one.object: one for one in chosen.streams if one.object and one.where is None}
        self._headers = {**self._headers, **objects, **chosen.headers}
        self._refused = (*self._refused, *chosen.refused)
        self.streams = (*self.streams, *chosen.streams)
        held = self._sink.bookmarks()
        found = []
        for stream in chosen.streams:
            try:
                found.append(self._reading(context, stream, held.get(stream.name, Bookmark())))
            except IntacctError as error:
                lost = StreamOutcome(stream.name, complete=False, error=error.message, fix=error.fix)
                self._refused = (*self._refused, lost)
        return found

    def _reading(self, context: Context, stream: Stream, bookmark: Bookmark) -> StreamRun:
        new = Bookmark().asked_for(stream.asked)
        if stream.feed is None:
            with suppress(IntacctError):  # who cannot be asked now fails when it is read
                bookmark, new = context.as_written(bookmark), context.as_written(new)
        bookmark = bookmark.asked_for(stream.asked)
        broken_off = stream.feed is not None and bookmark.in_progress
        if broken_off:  # its rows have no order to go on along
            bookmark = bookmark.abandoned()
        writer = self._sink.writer(stream, bookmark)
        if not writer.complete and (bookmark.since or (bookmark.in_progress and not writer.begun)):
            bookmark = new
            writer = self._sink.writer(stream, bookmark)
        widening = broken_off or writer.difference.widens(stream, bookmark)
        if widening and bookmark.in_progress:  # what the walk has met lacks them too
            bookmark = bookmark.abandoned() if writer.complete else replace(new, from_day=bookmark.from_day)
            writer = self._sink.writer(stream, bookmark)
        # what was left out and is not now is read whole, and the first commit of that says that it was begun
        bookmark = replace(bookmark, left_out=writer.difference.beside)
        return StreamRun(context, stream, writer, bookmark, widening=widening)

    def _work(self, context: Context, readings: list[StreamRun], ledger: _Ledger) -> None:
        """All families side by side, then the deletes."""
        try:
            width = context.source.concurrency + SPARE_THREADS
            with ThreadPoolExecutor(width, "stream") as streams:
                running = [streams.submit(self._family, family, ledger) for family in families(readings)]
                for chosen in self._later:
                    if self._stop.is_set():
                        continue
                    more = self._readings(context, chosen)
                    readings.extend(more)
                    running += [streams.submit(self._family, family, ledger) for family in families(more)]
                wait(running)
            if not self._stop.is_set() and not ledger.broken:
                self._deletes(context, [one for one in readings if one.sound], ledger)
        except BaseException as error:
            ledger.broken.append(error)
        finally:
            self._events.put(None)

    def _family(self, members: list[StreamRun], ledger: _Ledger) -> None:
        met: dict[str, _Met] = {}
        for reading in members:
            began = monotonic()
            try:
                self._stream(reading, met)
            except StoppedError:
                self._keep(reading)
            except IntacctError as error:
                ledger.errors[reading.name] = error
                if isinstance(error, ZoneMovedError):
                    reading.bookmark = reading.bookmark.again()
                self._keep(reading)
            except BaseException as error:
                ledger.broken.append(error)
                if isinstance(error, OSError):  # a pipe that nobody reads any more: pages would be paid for in vain
                    self._stop.set()
                return
            finally:
                reading.count.seconds = monotonic() - began

    def _keep(self, reading: StreamRun) -> None:
        """Commit what came before the stream failed; if that fails too, the next run reads it again."""
        if (
            reading.came_to_nothing
        ):  # a walk that was begun and not gone would cost the next run what changed since, too
            return
        with suppress(IntacctError):
            reading.save_what_came()

    def _stream(self, reading: StreamRun, met: dict[str, _Met]) -> None:
        """Bring one stream up to date."""
        if self._stop.is_set():  # before its turn: nothing of it was begun, so nothing is to be kept
            return
        before = reading.bookmark.walk
        if not due(reading):
            reading.count.done = True
            return
        self._walk(reading, met, before)
        if behind(reading):
            before = reading.bookmark.walk
            catch_up(reading)
            self._walk(reading, met, before)

    def _walk(self, reading: StreamRun, met: dict[str, _Met], before: int) -> None:
        """The walk that was begun, to its end."""
        stream, bookmark = reading.stream, reading.bookmark
        if stream.feed is not None:
            read_feed(reading)
            return
        header = self._headers.get(stream.header) if stream.by else None
        if bookmark.full:
            read_everything(reading, header)
            return
        above = met.get(stream.header)
        told = above is not None and above.walk <= before and _covers(above, bookmark, stream, header)
        known = above.keys if above and told else None
        keys = read_changes(reading, header, known)
        if bookmark.started == reading.context.started and stream.where is None:
            met[stream.object] = _Met(bookmark.since, before, keys)

    def _deletes(self, context: Context, readings: list[StreamRun], ledger: _Ledger) -> None:
        began, asker, known = monotonic(), None, True
        error: IntacctError | None = None
        try:
            asker, known = follow_deletes(context, readings, self._headers)
        except IntacctError as failed:
            error = failed
        ledger.deletes = StreamOutcome(  # what is gone is counted by its stream
            DELETES,
            pages=asker.pages if asker else 0,
            transactions=asker.transactions if asker else 0,
            seconds=round(monotonic() - began, 3),
            complete=known and error is None,
            error=error.message if error else "",
            fix=error.fix if error else "",
        )

    def _finish(self, readings: list[StreamRun], ledger: _Ledger) -> None:
        outcomes = [one.outcome(ledger.errors.get(one.name)) for one in readings]
        self.outcomes = (*outcomes, *self._refused, *((ledger.deletes,) if ledger.deletes else ()))
        try:
            self._sink.finish(self.outcomes, self._source.now())
        except IntacctError as error:  # what became of the streams is told all the same
            lost = StreamOutcome(HISTORY, complete=False, error=error.message, fix=error.fix)
            self.outcomes = (*self.outcomes, lost)
        if ledger.broken:
            raise ledger.broken[0]


def families(readings: Sequence[StreamRun]) -> list[list[StreamRun]]:
    """Streams that are read one after another: changes of a header, then of its lines. All others stand alone."""
    family: dict[str, list[StreamRun]] = {}
    for reading in headers_first(readings):
        above = family.get(reading.stream.header)
        follows = above is not None and reading.bookmark.since and above[0].bookmark.since
        home = above if above is not None and follows else []
        home.append(reading)
        restricted = reading.stream.where is not None or not reading.stream.object
        family[reading.name if restricted else reading.stream.object] = home
    return list({id(members): members for members in family.values()}.values())


def _covers(above: _Met, bookmark: Bookmark, stream: Stream, header: Stream | None) -> bool:
    """Whether what the header's own read met is all that the lines have to know."""
    early_enough = moment(above.since) <= moment(bookmark.since)
    return header is not None and stream.refers_to == header.key and early_enough
