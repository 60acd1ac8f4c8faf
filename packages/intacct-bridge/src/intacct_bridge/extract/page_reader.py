"""The pages of one stream: counted, and asked for again without the fields that the gateway refuses to query.

`lookup` describes some fields that `query` then refuses: unqueryable fields. The refusal usually names them, and they
are left out from then on. If it names none, halves of the fields are tried until each unqueryable one stands alone.
If an unqueryable field is a time of change or of creation, it is left out of the filter as well, which then keeps
more rows: those that were never changed, or all.
"""

import threading
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from intacct_bridge.extract.source import ExtractSource
from intacct_bridge.streams.partition import PartitionPage
from intacct_bridge.streams.stream import Stream
from intacct_bridge.streams.times import parse_time
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, TransientError
from intacct_protocol.model.query.query import Op, Query, comparisons, weakened
from intacct_protocol.model.query.refused_fields import is_about_fields, refused_fields
from intacct_protocol.xml.python_columns import bounds_of

_SINCE = Op.GREATERTHANOREQUALTO
_EARLY, _LATE = timedelta(hours=16), timedelta(minutes=15)
"""The gateway may read a filter's time in any zone; clocks may differ a little."""
_RUN_AGAIN = "Run it again: the next run asks in the new time zone."


class TimeZoneChangedError(TransientError):
    """The API user's time zone changed, so everything asked for in the old one has to be asked for again."""


def check_zone(source: ExtractSource, before: int) -> None:
    """TimeZoneChangedError if the API user's offset is no longer `before`, in minutes."""
    if source.offset_minutes != before:
        raise TimeZoneChangedError("the API user's time zone changed while the stream was read", fix=_RUN_AGAIN)


class PageReader:
    """Reads pages of one stream and counts them."""

    def __init__(self, source: ExtractSource, stream: Stream, unqueryable: Iterable[str] = ()) -> None:
        self.stream = stream
        self.pages = 0
        self.transactions = 0
        """Pages and refused queries."""
        self.unqueryable: tuple[str, ...] = tuple(unqueryable)
        self._source = source
        self._lock = threading.Lock()
        self._needed = {stream.key, stream.group, stream.window, stream.header_key}
        self._times = {stream.modified, stream.created} - self._needed

    def read(self, query: Query) -> PartitionPage:
        """One page; fields that the gateway refuses are left out, and the page is asked for again."""
        while True:
            possible = self._without(query, self.unqueryable)
            try:
                return self._page(possible)
            except InvalidRequestError as refused:
                fields = self._fields_of(possible)
                names = refused_fields(refused.faults, fields) or self._tried_out(refused, possible)
                if not names or self._needed.intersection(names):
                    raise
                with self._lock:
                    self.unqueryable = tuple(dict.fromkeys((*self.unqueryable, *names)))

    def _without(self, query: Query, fields: Collection[str]) -> Query:
        """The query without some fields; of its filter only times are left out."""
        select = tuple(name for name in query.select if name not in fields)
        return replace(query, select=select, where=weakened(query.where, self._times.intersection(fields)))

    def _fields_of(self, query: Query) -> list[str]:
        """The fields that a query selects, and the times in its filter."""
        filtered = (one.field for one in comparisons(query.where) if one.field in self._times)
        return [*(name for name in query.select if isinstance(name, str)), *filtered]

    def _page(self, query: Query) -> PartitionPage:
        """One page; if its times are impossible, the user's formatting is out of date and the page is read again."""
        before = self._source.offset_minutes if self.stream.modified else 0  # another stream may learn it meanwhile
        answer = self._read_once(query)
        if not self._impossible(query, answer):
            return answer
        doubted = self._source.forget_stored_formatting()
        check_zone(self._source, before)  # for the filter may have been wrong as well
        return self._read_once(query) if doubted else answer

    def _impossible(self, query: Query, answer: PartitionPage) -> bool:
        """Whether a row was changed later than now, or long before the time that the filter asks for."""
        if not answer.rows.num_rows or self.stream.modified not in answer.rows.schema.names:
            return False
        first, last = bounds_of(answer.rows, self.stream.modified)
        if not isinstance(last, datetime):
            return False
        bounds = (one for one in comparisons(query.where) if (one.field, one.op) == (self.stream.modified, _SINCE))
        early = any(first < parse_time(str(one.values[0])) - _EARLY for one in bounds)
        return early or bool(last > self._source.now() + _LATE)

    def _read_once(self, query: Query) -> PartitionPage:
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
        """The unqueryable fields, found by halves, if the refusal is about fields and names none."""
        if not is_about_fields(refused.faults):
            return ()
        suspects = [name for name in dict.fromkeys(self._fields_of(query)) if name not in self._needed]
        small = replace(query, page_size=1)
        return tuple(self._refused_among(small, suspects)) if self._passes(small, ()) else ()

    def _refused_among(self, query: Query, suspects: list[str]) -> list[str]:
        if not suspects or self._passes(query, suspects):
            return []
        if len(suspects) == 1:
            return suspects
        middle = len(suspects) // 2
        return self._refused_among(query, suspects[:middle]) + self._refused_among(query, suspects[middle:])

    def _passes(self, query: Query, fields: Collection[str]) -> bool:
        """Whether the gateway answers the query when it has the key, these fields, and the needed ones."""
        select = (self.stream.key, *(name for name in query.select if name in fields))
        where = weakened(query.where, self._times.difference(fields))
        try:
            self._page(replace(query, select=select, where=where))
        except InvalidRequestError:
            return False
        return True
