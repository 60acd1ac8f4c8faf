"""Reading with `query`: a bound query becomes pages of text cells, typed rows, or Arrow batches.

A query without an order of its own walks the object's key (see `walk`); one with an order, or with aggregates, goes by
offset. Definitions that came from disk may be out of date, so a query that the gateway refuses for its fields is bound
once more against fresh ones. Where all fields were asked for, those that cannot be queried are left out and remembered.

What answers a client's questions: the generic functions, or on document type 2.1 the older ones.

Both are asked in the same words, so that nobody above needs to know the document type.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from intacct_bridge.client.gateway.calls import Asking
from intacct_bridge.client.reading.catalog import Descriptions, settled_order, walked_key
from intacct_bridge.client.reading.paging import FetchedPage, by_key, by_offset
from intacct_bridge.errors import InvalidRequestError, RecordError, RemoteProtocolError
from intacct_bridge.model.catalog import Finder, ObjectDef
from intacct_bridge.model.query.bind import bind, column_kind, kinds
from intacct_bridge.model.query.filter_xml import query_element
from intacct_bridge.model.query.query import Aggregate, Filter, KindOf, Order, Query, Selected, comparisons
from intacct_bridge.model.query.refused_fields import unqueryable_fields
from intacct_bridge.model.query.where import parse_order, parse_select, parse_where
from intacct_bridge.model.suggestions import did_you_mean
from intacct_bridge.wire.envelope import Response
from intacct_bridge.wire.page import Page, PageHead, decode_page
from intacct_bridge.wire.values import DEFAULT, Formatting, Kind, Value, parse_row

if TYPE_CHECKING:
    import pyarrow as pa
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from intacct_bridge.client.reading.legacy import LegacyReading
from intacct_bridge.client.reading.records import Record, Records
from intacct_bridge.errors import RefusedError
from intacct_bridge.model.catalog import Catalog

T = TypeVar("T")
_TIMED = (Kind.DATE, Kind.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class Bound:
    """A query ready to send: checked, spelled as the gateway spells it, its columns' kinds known."""

    query: Query
    described: ObjectDef
    kinds: dict[str, Kind]
    """By column name as our rows have it."""
    kind_of: KindOf
    formatting: Formatting = DEFAULT
    added: str = ""
    """The key, where it was added for walking and not asked for."""

    @property
    def walks(self) -> bool:
        """Whether pages go along the key."""
        plain = all(isinstance(one, str) for one in self.query.select)
        return plain and not self.query.order and not self.query.offset and bool(walked_key(self.described)[0])

    @property
    def order(self) -> tuple[Order, ...]:
        """The order to page by: the query's own, else one that is settled, since unordered pages may overlap."""
        if self.query.order:
            return self.query.order
        if all(isinstance(one, str) for one in self.query.select):
            return settled_order(self.described)
        return tuple(Order(one) for one in self.query.select if isinstance(one, str))


class _Scope:
    """The descriptions with one object seen through a transaction definition."""

    def __init__(self, descriptions: Descriptions, object_name: str, doc_par_id: str | None) -> None:
        self._descriptions = descriptions
        self._object = object_name.upper()
        self._doc_par_id = doc_par_id

    def find(self, name: str) -> ObjectDef:
        """The definition; with the transaction definition's custom fields for the object itself."""
        own = name.upper() == self._object
        return self._descriptions.describe(name, self._doc_par_id if own else None)


class QueryReader:
    """Queries of one session."""

    def __init__(self, asking: Asking, descriptions: Descriptions) -> None:
        self._asking = asking
        self._descriptions = descriptions

    def bound(self, query: Query, *, walks: bool = True) -> Bound:
        """Check the query before anything is asked of the company's data; looks up what is not known yet."""
        scope: Finder = _Scope(self._descriptions, query.object, query.doc_par_id)
        described = scope.find(query.object)
        if "*" in query.select:
            all_fields = self._descriptions.queryable(described)
            chosen = (one for each in query.select for one in (all_fields if each == "*" else (each,)))
            query = replace(query, select=tuple(chosen))
        ready = bind(query, scope)
        kind_of = kinds(described, scope)
        found = {column(one): column_kind(one, kind_of) for one in ready.select}
        plain = Bound(ready, described, found, kind_of)
        if walks and plain.walks:
            key, _ = walked_key(described)
            if key not in ready.select:
                found = {**found, key: described.kind_of(key)}
                plain = replace(plain, query=replace(ready, select=(*ready.select, key)), kinds=found, added=key)
        timed = any(kind in _TIMED for kind in found.values()) or _compares_times(ready)
        return replace(plain, formatting=self._descriptions.formatting()) if timed else plain

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[tuple[Bound, Page]]:
        """Pages as the gateway wrote them, with the query that they answer."""
        yield from self._walked(query, lambda bound: lambda one: self._fetched(bound, one), limit)

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[tuple[Bound, pa.RecordBatch]]":
        """Typed Arrow batches, one a page."""
        yield from self._walked(query, lambda bound: lambda one: self._fetched_batch(bound, one), limit)

    def rows(self, query: Query, *, limit: int | None = None) -> Iterator[dict[str, Value]]:
        """Typed rows; a cell that the gateway left out is absent."""
        for bound, page in self.pages(query, limit=limit):
            for row in page.rows:
                cells = _renamed(row, bound.query.select)
                if bound.added:
                    record = cells.pop(bound.added, "") or ""
                else:
                    record = cells.get("RECORDNO") or ""
                yield parse_row(
                    cells, bound.kinds, formatting=bound.formatting, record=f"{bound.query.object} {record}".strip()
                )

    def page(self, bound: Bound, query: Query) -> Page:
        """One page of a query that is bound already, or that differs from it in filter, order and place only."""
        body = query_element(query, bound.formatting, bound.kind_of)
        return self._asking.fetch(body, _as_page)

    def batch(self, bound: Bound, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """One page, straight to typed columns."""
        from intacct_bridge.wire.columns import decode_batch

        twins = _twins(bound.query.select, bound.kinds)

        def decode(body: bytes) -> "tuple[Response, tuple[PageHead | None, pa.RecordBatch | None]]":
            response, head, rows = decode_batch(body, {**bound.kinds, **twins}, bound.formatting)
            return response, (head, rows)

        head, rows = self._asking.fetch(query_element(query, bound.formatting, bound.kind_of), decode)
        if head is None or rows is None:
            raise _no_page(query)
        return head, _named_batch(rows, bound) if twins else rows

    def one_page(self, query: Query) -> Page:
        """One page exactly as the query says; a walk is somebody else's."""
        bound = self.bound(query, walks=False)
        page = self._learning(bound, lambda: self.page(bound, bound.query))
        if page.head is None:
            raise _no_page(query)
        return page

    def one_batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """The same, straight to typed columns; once more where a cell does not fit what an earlier run learned."""
        try:
            return self._one_batch(query)
        except RecordError:
            outdated = self._descriptions.outdated(query.object, query.doc_par_id)
            if not self._descriptions.doubt_formatting() and not outdated:
                raise
        return self._one_batch(query)

    def _one_batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        bound = self.bound(query, walks=False)
        return self._learning(bound, lambda: self.batch(bound, bound.query))

    def _learning(self, bound: Bound, ask: Callable[[], T]) -> T:
        """Ask, and remember the fields that turn out to be impossible to query, for whoever selects next.

        Where a refusal names none, a definition that came from disk may be out of date, and is read again.
        """
        try:
            return ask()
        except InvalidRequestError as error:
            impossible = unqueryable_fields(error.faults)
            if impossible:
                self._descriptions.refuse_to_query(bound.described, impossible)
            elif error.by_gateway:
                self._descriptions.outdated(bound.query.object, bound.query.doc_par_id)
            raise

    def _fetched(self, bound: Bound, query: Query) -> FetchedPage[Page]:
        page = self.page(bound, query)
        head = page.head
        if head is None:
            raise _no_page(query)
        keys: tuple[str, ...] = ()
        if bound.walks:
            key = walked_key(bound.described)[0]
            keys = tuple(text for row in page.rows if (text := row.get(key)))
        return FetchedPage(page, head.count, head.total_count, head.remaining, keys)

    def _fetched_batch(self, bound: Bound, query: Query) -> "FetchedPage[pa.RecordBatch]":
        head, rows = self.batch(bound, query)
        keys: tuple[str, ...] = ()
        if bound.walks:
            found = rows.column(walked_key(bound.described)[0]).to_pylist()
            keys = tuple(str(value) for value in found if value is not None)
        return FetchedPage(rows, head.count, head.total_count, head.remaining, keys)

    def _walked(
        self, query: Query, fetcher: Callable[[Bound], Callable[[Query], FetchedPage[T]]], limit: int | None
    ) -> Iterator[tuple[Bound, T]]:
        """Walk; start over with a better query as long as nothing has been handed on."""
        begun = False
        while True:
            bound = self.bound(query)
            try:
                for content in self._along(bound, fetcher(bound), limit):
                    begun = True
                    yield bound, content
            except InvalidRequestError as error:
                if begun or not self._can_better(query, bound, error):
                    raise
            else:
                return

    def _along(self, bound: Bound, fetch: Callable[[Query], FetchedPage[T]], limit: int | None) -> Iterator[T]:
        if limit is not None and limit < 1:
            return iter(())
        if not bound.walks:
            return by_offset(replace(bound.query, order=bound.order), fetch, limit=limit)
        key, opaque = walked_key(bound.described)
        return by_key(bound.query, key, fetch, opaque=opaque, limit=limit)

    def _can_better(self, query: Query, bound: Bound, error: InvalidRequestError) -> bool:
        """Whether binding once more gives another query: without refused fields, or by fresh definitions."""
        if not error.by_gateway:
            return False
        impossible = unqueryable_fields(error.faults)
        if impossible and "*" in query.select:
            known = self._descriptions.queryable(bound.described)
            self._descriptions.refuse_to_query(bound.described, impossible)
            return len(self._descriptions.queryable(bound.described)) < len(known)
        return self._descriptions.outdated(query.object, query.doc_par_id)


def question(
    what: str | Query,
    select: Sequence[Selected] | str | None,
    *,
    where: Filter | str | None,
    order: Sequence[Order | str] | str | None,
    options: Mapping[str, Any],
) -> Query:
    """A query from what people write: texts are read in the command line's language, no selection means all fields."""
    if isinstance(what, Query):
        return what
    unknown = sorted(set(options) - {each.name for each in fields(Query)})
    if unknown:
        near = did_you_mean(unknown[0], [each.name for each in fields(Query)])
        raise InvalidRequestError(f"a query has no option {unknown[0]!r}{near}")
    chosen = parse_select(select) if isinstance(select, str) else tuple(select or ("*",))
    orders = parse_order(order) if isinstance(order, str) else tuple(order or ())
    return Query(
        what.upper(),
        chosen,
        where=parse_where(where) if isinstance(where, str) else where,
        order=tuple(one for each in orders for one in (parse_order(each) if isinstance(each, str) else (each,))),
        **options,
    )


def column(selected: Selected) -> str:
    """A selected column's name in our rows."""
    return selected.column if isinstance(selected, Aggregate) else selected


def _renamed(row: dict[str, str | None], select: tuple[Selected, ...]) -> dict[str, str | None]:
    """The row under our columns' names: some aggregates come back under the plain field's name (unsettled)."""
    if all(isinstance(one, str) for one in select):
        return row
    found = {}
    for one in select:
        name = column(one)
        if name in row:
            found[name] = row[name]
        elif isinstance(one, Aggregate) and one.field in row:
            found[name] = row[one.field]
    return found


def _twins(select: tuple[Selected, ...], kinds: dict[str, Kind]) -> dict[str, Kind]:
    """The plain names under which aggregates may come back."""
    return {one.field: kinds[one.column] for one in select if isinstance(one, Aggregate) and one.field not in kinds}


def _named_batch(rows: "pa.RecordBatch", bound: Bound) -> "pa.RecordBatch":
    """The batch with each aggregate under our name for it, and nothing else."""
    import pyarrow as pa

    columns = {}
    for one in bound.query.select:
        found = rows.column(column(one))
        if isinstance(one, Aggregate) and found.null_count == len(found) and one.field in rows.schema.names:
            found = rows.column(one.field)
        columns[column(one)] = found
    return pa.RecordBatch.from_pydict(columns)


def _compares_times(query: Query) -> bool:
    return any(isinstance(value, datetime) for each in comparisons(query.where) for value in each.values)


def _as_page(body: bytes) -> tuple[Response, Page]:
    page = decode_page(body)
    return page.response, page


def _no_page(query: Query) -> RemoteProtocolError:
    return RemoteProtocolError(f"the answer to a query of {query.object} is no page of rows", function="query")


class Answers(Protocol):
    """What a company looks like and what is in it."""

    def objects(self) -> dict[str, str]:
        """Every object's name with its label."""

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """An object's fields and relations."""

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """Many definitions; those that are refused raise, or are put into `refused`."""

    def describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """The same, as they become known."""

    def fresh(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The definition as it is now, whatever is known of it."""

    def typing(self, name: str) -> ObjectDef | None:
        """The definition for typing a write, None where there is none to be had."""

    def rows(self, query: Query, *, limit: int | None = None) -> Iterator[dict[str, Value]]:
        """Rows, as far as they can be typed."""

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """Pages of cells as the gateway wrote them."""

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """Arrow batches, one a page."""

    def page(self, query: Query) -> Page:
        """One page exactly as the query says."""

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """One page exactly as the query says, as Arrow columns."""

    def records(
        self,
        name: str,
        keys: Sequence[str | int],
        *,
        fields: str = "*",
        doc_par_id: str | None = None,
        by_name: bool = False,
    ) -> Iterator[Record]:
        """Whole records by RECORDNO, or by their natural key."""


def answers_of(asking: Asking, descriptions: Descriptions, reading: QueryReader) -> Answers:
    """Those of the connection's document type."""
    if asking.connection.is_legacy:
        return LegacyReading(asking)
    return GenericAnswers(descriptions, reading, Records(asking, descriptions))


class GenericAnswers:
    """The Answers of the generic functions."""

    def __init__(self, descriptions: Descriptions, reading: QueryReader, records: Records) -> None:
        self._descriptions = descriptions
        self._reading = reading
        self._records = records

    def objects(self) -> dict[str, str]:
        """Every object's name with its label, whether or not the user may read it."""
        return self._descriptions.objects()

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """Looked up when it is first needed."""
        return self._descriptions.describe(name, doc_par_id)

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """In few requests, and kept."""
        return self._descriptions.describe_many(names, refused)

    def describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """In few requests that are on their way when this returns."""
        return self._descriptions.describing(families, refused)

    def fresh(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """Looked up again."""
        return self._descriptions.fresh(name, doc_par_id)

    def typing(self, name: str) -> ObjectDef | None:
        """The same definition."""
        return self._descriptions.describe(name)

    def rows(self, query: Query, *, limit: int | None = None) -> Iterator[dict[str, Value]]:
        """Typed rows."""
        return self._reading.rows(query, limit=limit)

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """The walked key is among the cells, asked for or not."""
        for _, page in self._reading.pages(query, limit=limit):
            yield page

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """Typed batches of what was asked for."""
        for bound, batch in self._reading.batches(query, limit=limit):
            yield batch.drop_columns([bound.added]) if bound.added else batch

    def page(self, query: Query) -> Page:
        """Nothing is walked."""
        return self._reading.one_page(query)

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """Typed columns, with what the gateway said about them."""
        return self._reading.one_batch(query)

    def records(
        self,
        name: str,
        keys: Sequence[str | int],
        *,
        fields: str = "*",
        doc_par_id: str | None = None,
        by_name: bool = False,
    ) -> Iterator[Record]:
        """Typed, with owned lines; keys that are not there give nothing."""
        function = "readByName" if by_name else "read"
        return self._records.typed(function, name, keys, fields=fields, doc_par_id=doc_par_id)
