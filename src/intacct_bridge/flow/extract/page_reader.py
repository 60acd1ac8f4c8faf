"""One stream's questions to the gateway: counted, and asked again without the fields that it will not answer for.

`lookup` describes some fields that `query` then refuses. The refusal names them as a rule, and they are left out from
then on; where it does not, halves of the fields are tried until the culprits stand alone. Where the refused field is a
time of change or of creation, the filter does without it as well and keeps more rows: those that were never changed, or
all.
"""

import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from intacct_bridge.errors import InvalidRequestError, NotPermittedError, TransientError
from intacct_bridge.flow.streams.bookmark import AnswerFormat, moment
from intacct_bridge.flow.streams.partition import PartitionPage
from intacct_bridge.flow.streams.stream import Stream
from intacct_bridge.model.query.query import Op, Query, comparisons, weakened
from intacct_bridge.model.query.refused_fields import is_about_fields, refused_fields


class ExtractSource(Protocol):
    """What an extraction needs of a client."""

    @property
    def company(self) -> str:
        """Whose data it is."""

    @property
    def concurrency(self) -> int:
        """How many calls may run at once."""

    @property
    def offset_minutes(self) -> int:
        """The API user's offset from UTC."""

    @property
    def reads_as(self) -> str:
        """How the gateway takes the times of a filter: `utc`, in the `user`'s offset, or empty where nobody knows."""

    @property
    def written(self) -> AnswerFormat:
        """How answers write days and times."""

    def doubt_formatting(self) -> bool:
        """Forget the user's formatting if an earlier run read it; whether one did."""

    def now(self) -> datetime:
        """The server's clock."""

    def page(self, query: Query) -> PartitionPage:
        """One page, typed; one billable transaction."""

    def unchanged(self, stream: Stream, since: str) -> bool:
        """Whether a stream that is no object's is certainly as it was then."""

    def price(self, stream: Stream) -> int | None:
        """The most that a stream that is no object's takes to read; None where only reading it shows."""

    def feed(self, stream: Stream) -> Iterator[PartitionPage]:
        """All rows of a stream that is no object's, an answer a transaction."""


_SINCE = Op.GREATERTHANOREQUALTO
_EARLY, _LATE = timedelta(hours=16), timedelta(minutes=15)
"""A filter's time may be taken in any zone; clocks may differ a little."""
_AGAIN = "run it again: what is read now is asked for with the time zone as it is"


class ZoneMovedError(TransientError):
    """The API user's time zone is another one, so what was asked for with the old one has to be asked for again."""


def check_zone(source: ExtractSource, before: int) -> None:
    """ZoneMovedError where the API user's offset is not what it was."""
    if source.offset_minutes != before:
        raise ZoneMovedError("the API user's time zone is not what it was when the last run began", fix=_AGAIN)


class Asker:
    """Asks for one stream and keeps count."""

    def __init__(self, source: ExtractSource, stream: Stream, dropped: Iterable[str] = ()) -> None:
        self.stream = stream
        self.pages = 0
        self.transactions = 0
        """Pages, and the questions that were refused."""
        self.dropped: tuple[str, ...] = tuple(dropped)
        self._source = source
        self._lock = threading.Lock()
        self._needed = {stream.key, stream.group, stream.window, stream.by}
        self._times = {stream.modified, stream.created} - self._needed

    def ask(self, query: Query) -> PartitionPage:
        """One page; what the gateway will not give is left out, and the question asked again."""
        while True:
            asked = self._without(query, self.dropped)
            try:
                return self._page(asked)
            except InvalidRequestError as refused:
                names = refused_fields(refused.faults, self._spoken_of(asked)) or self._tried_out(refused, asked)
                if not names or self._needed.intersection(names):
                    raise
                with self._lock:
                    self.dropped = tuple(dict.fromkeys((*self.dropped, *names)))

    def _without(self, query: Query, dropped: Collection[str]) -> Query:
        """The question without some fields; its filter only does without times."""
        select = tuple(name for name in query.select if name not in dropped)
        return replace(query, select=select, where=weakened(query.where, self._times.intersection(dropped)))

    def _spoken_of(self, query: Query) -> list[str]:
        """The fields that a question selects, and the times in its filter."""
        filtered = (one.field for one in comparisons(query.where) if one.field in self._times)
        return [*(name for name in query.select if isinstance(name, str)), *filtered]

    def _page(self, query: Query) -> PartitionPage:
        """One page, once more where its times cannot be: the user's formatting is from an earlier run."""
        before = self._source.offset_minutes if self.stream.modified else 0  # another stream may learn it meanwhile
        answer = self._once(query)
        if not self._odd(query, answer):
            return answer
        doubted = self._source.doubt_formatting()
        check_zone(self._source, before)  # for the filter may have been wrong as well
        return self._once(query) if doubted else answer

    def _odd(self, query: Query, answer: PartitionPage) -> bool:
        """Whether a row was changed later than now, or long before the time that the filter asks for."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not answer.rows.num_rows or self.stream.modified not in answer.rows.schema.names:
            return False
        times = answer.rows.column(self.stream.modified)
        found = pc.min_max(times).as_py()
        if found["max"] is None or not pa.types.is_timestamp(times.type):
            return False
        wanted = (one for one in comparisons(query.where) if (one.field, one.op) == (self.stream.modified, _SINCE))
        early = any(found["min"] < moment(str(one.values[0])) - _EARLY for one in wanted)
        return early or bool(found["max"] > self._source.now() + _LATE)

    def _once(self, query: Query) -> PartitionPage:
        try:
            answer = self._source.page(query)
        except (InvalidRequestError, NotPermittedError) as refused:
            if not isinstance(refused, InvalidRequestError) or refused.by_gateway:
                with self._lock:
                    self.transactions += 1
            raise
        with self._lock:
            self.pages += 1
            self.transactions += 1
        return answer

    def _tried_out(self, refused: InvalidRequestError, query: Query) -> tuple[str, ...]:
        """The refused fields, found by halves, where the refusal is about fields and names none."""
        if not is_about_fields(refused.faults):
            return ()
        suspects = [name for name in dict.fromkeys(self._spoken_of(query)) if name not in self._needed]
        small = replace(query, page_size=1)
        return tuple(self._culprits(small, suspects)) if self._passes(small, ()) else ()

    def _culprits(self, query: Query, suspects: list[str]) -> list[str]:
        if not suspects or self._passes(query, suspects):
            return []
        if len(suspects) == 1:
            return suspects
        middle = len(suspects) // 2
        return self._culprits(query, suspects[:middle]) + self._culprits(query, suspects[middle:])

    def _passes(self, query: Query, among: Collection[str]) -> bool:
        """Whether the question is answered when it speaks of the key, these fields, and what it cannot do without."""
        select = (self.stream.key, *(name for name in query.select if name in among))
        where = weakened(query.where, self._times.difference(among))
        try:
            self._page(replace(query, select=select, where=where))
        except InvalidRequestError:
            return False
        return True
