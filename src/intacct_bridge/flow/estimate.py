"""What a run would read and cost, found by asking each stream for a single row: a page says how many more there are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from intacct_bridge.errors import IntacctError
from intacct_bridge.flow.asking import Asker, Source
from intacct_bridge.flow.partition import Partition, changed_since
from intacct_bridge.flow.reading import Options
from intacct_bridge.flow.state import EVERYTHING, Bookmark, sent, wall
from intacct_bridge.flow.stream import Stream

DOLLARS = 0.015
"""What partners publish as the price of one API transaction beyond the tier's 100,000 a month ($0.15 for ten)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One stream of a run that has not happened."""

    stream: str
    rows: int
    transactions: int
    full: bool
    """Everything would be read, not only what changed."""
    error: str = ""


def estimated(
    source: Source, streams: Sequence[Stream], bookmarks: Mapping[str, Bookmark], options: Options | None = None
) -> Iterator[Estimate]:
    """Each stream's rows and pages, in order; costs one transaction a stream itself. Lines that would be read again
    under changed headers, and what is deleted, nobody can know beforehand. All fields are asked for, so that the run
    knows already which of them cannot be queried.
    """
    chosen = options or Options()
    ask = _asking(source, bookmarks, chosen)
    with ThreadPoolExecutor(max(1, source.concurrency)) as pool:
        yield from pool.map(ask, streams)


def _asking(source: Source, bookmarks: Mapping[str, Bookmark], options: Options) -> Callable[[Stream], Estimate]:
    now = wall(source.now())

    def ask(stream: Stream) -> Estimate:
        bookmark = bookmarks.get(stream.name, Bookmark())
        if stream.feed is not None:
            return Estimate(stream.name, 0, 0, True, "only a run can tell")
        going_on = bookmark.in_progress and (bookmark.full or not options.full)
        if not going_on and options.waits(stream, bookmark, now):
            return Estimate(stream.name, 0, 0, True)
        full = bookmark.full if going_on else options.whole(stream, bookmark, now)
        since = options.start if full else bookmark.since
        text = sent(since, source.offset_minutes, options.reads_as or source.reads_as) if since else ""
        where = (changed_since(stream, text),) if text and stream.modified else ()
        partition = Partition(stream, stream.walked, where, page_size=1, show_private=options.show_private)
        asker, rows = Asker(source, stream), 0
        try:
            for span in bookmark.unread if going_on else EVERYTHING:
                answer = asker.ask(partition.query(span))
                rows += int(answer.rows.num_rows) + answer.remaining
        except IntacctError as error:
            return Estimate(stream.name, 0, 1, full, error.message)
        return Estimate(stream.name, rows, max(1, -(-rows // options.page_size)), full)

    return ask
