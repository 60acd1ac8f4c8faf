"""What a run would read and cost, found by asking each stream for a single row: a page says how many more there are."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from intacct_bridge.errors import IntacctError
from intacct_bridge.flow.extract.page_reader import Asker, ExtractSource
from intacct_bridge.flow.extract.stream_run import Options
from intacct_bridge.flow.streams.bookmark import EVERYTHING, Bookmark, sent, wall
from intacct_bridge.flow.streams.partition import Partition, changed_since
from intacct_bridge.flow.streams.stream import Stream

DOLLARS = 0.015
"""What partners publish as the price of one API transaction beyond the tier's 100,000 a month ($0.15 for ten)."""


_AT_MOST = "at most; nothing where nothing changed"


@dataclass(frozen=True, slots=True)
class Estimate:
    """One stream of a run that has not happened."""

    stream: str
    rows: int
    transactions: int
    full: bool
    """Everything would be read, not only what changed."""
    error: str = ""
    """Why it is not known, or how sure it is."""


Beside = Callable[[int, bool], int]
"""What else so many rows of a stream cost, such as a look for their lines; and whether these are all there are."""


def estimated(
    source: ExtractSource,
    streams: Sequence[Stream],
    bookmarks: Mapping[str, Bookmark],
    options: Options | None = None,
    beside: Mapping[str, Beside] | None = None,
    *,
    widened: Collection[str] = (),
) -> Iterator[Estimate]:
    """Each stream's rows and pages, in order; costs one transaction a stream itself. Lines that would be read again
    under changed headers, and what is deleted, nobody can know beforehand. All fields are asked for, so that the run
    knows already which of them cannot be queried. `widened` are the streams that are to have columns which their rows
    lack, so that they are read whole.
    """
    whole = {one.object for one in streams if one.where is None}
    alone = {one.name for one in streams if one.header and one.header not in whole}
    ask = _asking(source, bookmarks, options or Options(), beside or {}, alone=alone, widened=widened)
    with ThreadPoolExecutor(max(1, source.concurrency)) as pool:
        yield from pool.map(ask, streams)


def _asking(
    source: ExtractSource,
    bookmarks: Mapping[str, Bookmark],
    options: Options,
    beside: Mapping[str, Beside],
    *,
    alone: Collection[str],
    widened: Collection[str],
) -> Callable[[Stream], Estimate]:
    """`alone` are lines whose header is not read: which headers changed is then a question of its own."""
    now = wall(source.now())

    def ask(stream: Stream) -> Estimate:
        bookmark = bookmarks.get(stream.name, Bookmark()).asked_for(stream.asked)
        if stream.feed is not None:
            price = source.price(stream)
            return Estimate(stream.name, 0, price or 0, True, "only a run can tell" if price is None else _AT_MOST)
        wider = stream.name in widened
        going_on = not wider and bookmark.in_progress and (bookmark.full or not options.full)
        if not (wider or going_on) and options.waits(stream, bookmark, now):
            return Estimate(stream.name, 0, 0, True)
        full = bookmark.full if going_on else wider or options.whole(stream, bookmark, now)
        since = options.begins(stream, bookmark) if full else bookmark.since
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
        more = beside[stream.name](rows, full) if rows and stream.name in beside else 0
        more += not full and stream.name in alone
        pages = max(1, -(-rows // options.page_size))
        if full and since and stream.group:  # which groups they are is asked first
            pages *= 2
        return Estimate(stream.name, rows, pages + more, full)

    return ask
