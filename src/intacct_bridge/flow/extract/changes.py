"""What changed beside the rows themselves: lines under changed headers, and records that are gone.

A header's change may add, alter and remove lines without any line saying so; so the lines of every header that changed
are read again and replaced as a whole. A line's own time of change is followed as well, since a line may change
without its header.

What a walk over everything did not meet is gone, if a question to the gateway shows that its key is gone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from intacct_bridge.flow.extract.known_rows import looked_at
from intacct_bridge.flow.extract.page_reader import Asker
from intacct_bridge.flow.extract.stream_run import Reading
from intacct_bridge.flow.streams.bookmark import Span
from intacct_bridge.flow.streams.partition import Partition, one_of, values_in
from intacct_bridge.flow.streams.stream import Stream
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
        answer = asker.ask(replace(only, where=(*partition.where, *last)).query(Span()))
        values = dict.fromkeys(answer.rows.column(partition.along).to_pylist())
        found.extend(value for value in values if value is not None)
        if not answer.remaining or not found:
            return found
        last = (Compare(partition.along, Op.GREATERTHAN, (found[-1],)),)


def changed_groups(reading: Reading, partition: Partition) -> list[Value]:
    """The groups in which a row is news."""
    stream = reading.stream
    only = replace(partition, select=tuple(looked_at(stream)))
    found: dict[Value, None] = {}
    last: tuple[Filter, ...] = ()
    while True:
        answer = reading.asker.ask(replace(only, where=(*partition.where, *last)).query(Span()))
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


def replace_under(reading: Reading, parents: Sequence[Value]) -> None:
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


def drop_unseen(reading: Reading) -> None:
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
        here = set(asker.ask(replace(look_up, where=(filter_,)).query(Span())).rows.column(0).to_pylist())
        yield [key for key in some if key not in here]


def changed_headers(reading: Reading, header: Stream) -> list[Value]:
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
