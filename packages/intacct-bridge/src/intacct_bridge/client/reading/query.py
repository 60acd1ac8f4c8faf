"""Reading with `query`: a bound query becomes pages of text cells, typed rows, or Arrow batches.

A query without an order of its own walks the object's key (see `paging`); one with an order, or with aggregates, goes
by offset. Definitions that came from disk may be out of date, so a query that the gateway refuses for its fields is
bound once more against new ones. If all fields are selected, unqueryable fields are left out and remembered.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from intacct_bridge.client.gateway.calls import Calls, successful
from intacct_bridge.client.reading.catalog import CatalogReader, key_order, walked_key
from intacct_bridge.client.reading.paging import FetchedPage, by_key, by_offset, key_page
from intacct_protocol.errors import InvalidRequestError, RecordError, RefusedError, RemoteProtocolError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.catalog import Finder, ObjectDef
from intacct_protocol.model.query.bind import bind, column_kind, kinds
from intacct_protocol.model.query.filter_xml import query_element
from intacct_protocol.model.query.query import Aggregate, Filter, KindOf, Order, Query, Selected, comparisons
from intacct_protocol.model.query.refused_fields import unqueryable_fields
from intacct_protocol.model.query.where import parse_order, parse_select, parse_where
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.envelope import FAILURE, Response, Result
from intacct_protocol.xml.strict_page import Page, PageHead, Row, decode_page, rows_of
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind, Value, parse_row
from intacct_protocol.xml.xml import Element

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_protocol.xml.python_columns import RowBatch

T = TypeVar("T")
_TIMED = (Kind.DATE, Kind.TIMESTAMP)
_TOGETHER = 20
"""First pages in one request. The gateway sets no maximum; one answer must stay a few megabytes."""
_LARGE = 2**16
"""Bytes of a page from which it is decoded in a thread of its own, since Arrow keeps free memory for each thread that
decoded.
"""


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A query that is checked and spelled as the gateway spells it, with the kinds of its columns."""

    query: Query
    described: ObjectDef
    kinds: dict[str, Kind]
    """By column name."""
    kind_of: KindOf
    formatting: Formatting = DEFAULT
    """How the answer writes dates and times."""
    literals: Formatting = DEFAULT
    """How the filter writes times."""
    added: str = ""
    """The key, if it was added for walking and not selected."""

    @property
    def walks(self) -> bool:
        """Whether its pages are read along the key."""
        plain = all(isinstance(one, str) for one in self.query.select)
        return plain and not self.query.order and not self.query.offset and bool(walked_key(self.described)[0])

    @property
    def order(self) -> tuple[Order, ...]:
        """The order to page by: the query's own, else one by the key, since unordered pages may overlap."""
        if self.query.order:
            return self.query.order
        if all(isinstance(one, str) for one in self.query.select):
            return key_order(self.described)
        return tuple(Order(one) for one in self.query.select if isinstance(one, str))


class _DefinitionFinder:
    """Definitions by name, with one object seen through a transaction definition."""

    def __init__(self, catalog: CatalogReader, object_name: str, doc_par_id: str | None) -> None:
        self._catalog = catalog
        self._object = object_name.upper()
        self._doc_par_id = doc_par_id

    def find(self, name: str) -> ObjectDef:
        """The definition; with the transaction definition's custom fields for the object itself."""
        is_own = name.upper() == self._object
        return self._catalog.describe(name, self._doc_par_id if is_own else None)


class QueryReader:
    """Queries of one session."""

    def __init__(
        self, calls: Calls, catalog: CatalogReader, *, reading_of: Callable[[int], str] = lambda _: ""
    ) -> None:
        self._calls = calls
        self._catalog = catalog
        self._reading_of = reading_of
        """How the gateway reads times of filters for a user with this offset, if that was measured."""
        self._decoding = ThreadPoolExecutor(1, "decode")  # its thread ends with the reader

    def describe(self, object_name: str) -> ObjectDef:
        """The definition that queries of an object are bound by."""
        return self._catalog.describe(object_name)

    def bound(self, query: Query, *, walks: bool = True) -> BoundQuery:
        """Check the query before any data is requested; definitions that are not known yet are looked up."""
        finder: Finder = _DefinitionFinder(self._catalog, query.object, query.doc_par_id)
        described = finder.find(query.object)
        if "*" in query.select:
            all_fields = self._catalog.queryable(described)
            chosen = (one for each in query.select for one in (all_fields if each == "*" else (each,)))
            query = replace(query, select=tuple(chosen))
        ready = bind(query, finder)
        kind_of = kinds(described, finder)
        kind_by_column = {column(one): column_kind(one, kind_of) for one in ready.select}
        plain = BoundQuery(ready, described, kind_by_column, kind_of)
        if walks and plain.walks:
            key, _ = walked_key(described)
            if key not in ready.select:
                kind_by_column = {**kind_by_column, key: described.kind_of(key)}
                plain = replace(
                    plain, query=replace(ready, select=(*ready.select, key)), kinds=kind_by_column, added=key
                )
        timed = any(kind in _TIMED for kind in kind_by_column.values()) or _compares_times(ready)
        if not timed:
            return plain
        formatting = self._catalog.formatting()
        in_utc = formatting.offset_minutes and self._reading_of(formatting.offset_minutes) == "utc"
        return replace(plain, formatting=formatting, literals=DEFAULT if in_utc else formatting)

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """Pages as the gateway wrote them; the walked key is among the cells, selected or not."""
        return (page for _, page in self._text_pages(query, limit))

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """Typed Arrow batches of the selected columns, one a page."""
        pages = self._all_pages(query, lambda bound: lambda part: self._fetched_batch(bound, part), limit)
        return (batch.drop_columns([bound.added]) if bound.added else batch for bound, batch in pages)

    def _text_pages(self, query: Query, limit: int | None) -> Iterator[tuple[BoundQuery, Page]]:
        return self._all_pages(query, lambda bound: lambda part: self._fetched(bound, part), limit)

    def read_together(
        self, queries: Sequence[Query], functions: Sequence[Element]
    ) -> tuple[list[Iterator[dict[str, Value]]], tuple[Result, ...]]:
        """The rows of queries whose first pages come in one request, and the results of functions that go with them.

        Each query's rows raise what was wrong with that query. Its further pages are requested as its rows are taken.
        """
        first_pages = [self._first_page(query) for query in queries]
        bodies = [body for body in first_pages if body is not None]
        batches = batched((*bodies, *functions), _TOGETHER)
        answers = iter([result for batch in batches for result in self._results(batch)])
        rows = [
            self.rows(query, first_page=None if body is None else (body, next(answers)))
            for query, body in zip(queries, first_pages, strict=True)
        ]
        return rows, tuple(answers)

    def _results(self, bodies: Sequence[Element]) -> Sequence[Result]:
        """The result of each function. One that the gateway's schema does not have refuses the request as a whole."""
        try:
            return self._calls.send(self._calls.functions(*bodies), read=True)
        except InvalidRequestError as error:
            if len(bodies) == 1:
                return (Result(FAILURE, bodies[0].tag, "", faults=error.faults),)
            return [result for body in bodies for result in self._results([body])]

    def _first_page(self, query: Query) -> Element | None:
        """The function for the first page of a query; None if the query is wrong, which its rows will say."""
        try:
            bound = self.bound(query)
        except RefusedError:
            return None
        first = replace(bound.query, order=bound.order)
        if bound.walks:
            key, opaque = walked_key(bound.described)
            first = key_page(bound.query, key, opaque=opaque)
        return query_element(first, bound.literals, bound.kind_of)

    def rows(
        self, query: Query, *, limit: int | None = None, first_page: "tuple[Element, Result] | None" = None
    ) -> Iterator[dict[str, Value]]:
        """Typed rows; a cell that the gateway left out is absent.

        `first_page` is the function for the first page with its result, if it was called already.
        """
        answered = [] if first_page is None else [first_page]

        def fetched(bound: BoundQuery, part: Query) -> FetchedPage[list[Row]]:
            body, result = answered.pop() if answered else (None, None)
            if result is not None and body == query_element(part, bound.literals, bound.kind_of):
                head, rows = rows_of(successful(result).data)
            else:
                page = self._text_page(bound, part)
                head, rows = page.head, page.rows
            return _page_with_keys(bound, head, rows, rows)

        for bound, rows in self._all_pages(query, lambda bound: lambda part: fetched(bound, part), limit):
            for row in rows:
                cells = _renamed(row, bound.query.select)
                if bound.added:
                    record = cells.pop(bound.added, "") or ""
                else:
                    record = cells.get("RECORDNO") or ""
                yield parse_row(
                    cells, bound.kinds, formatting=bound.formatting, record=f"{bound.query.object} {record}".strip()
                )

    def _text_page(self, bound: BoundQuery, query: Query) -> Page:
        """One page of a bound query, or of one that differs from it only in filter, order, offset and page size."""
        body = query_element(query, bound.literals, bound.kind_of)
        return self._calls.fetch(body, _as_page)

    def _arrow_page(self, bound: BoundQuery, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """One page, straight to typed columns."""
        from intacct_protocol.xml.typed_arrow import decode_batch

        plain = _plain_names(bound.query.select, bound.kinds)

        def decode(body: bytes) -> "tuple[Response, tuple[PageHead | None, pa.RecordBatch | None]]":
            fields = {**bound.kinds, **plain}
            if len(body) < _LARGE:
                response, head, rows = decode_batch(body, fields, bound.formatting)
            else:
                response, head, rows = self._decoding.submit(decode_batch, body, fields, bound.formatting).result()
            return response, (head, rows)

        head, rows = self._calls.fetch(query_element(query, bound.literals, bound.kind_of), decode)
        if head is None or rows is None:
            raise _no_page(query)
        return head, _named_batch(rows, bound) if plain else rows

    def _python_page(self, bound: BoundQuery, query: Query) -> "tuple[PageHead, RowBatch]":
        """One page as columns of Python values."""
        from intacct_protocol.xml.python_columns import decode_rows

        def decode(body: bytes) -> "tuple[Response, tuple[PageHead | None, RowBatch | None]]":
            response, head, rows = decode_rows(body, bound.kinds, bound.formatting)
            return response, (head, rows)

        head, rows = self._calls.fetch(query_element(query, bound.literals, bound.kind_of), decode)
        if head is None or rows is None:
            raise _no_page(query)
        return head, rows

    def page(self, query: Query) -> Page:
        """One page exactly as the query says; no key is walked."""
        bound = self.bound(query, walks=False)
        page = self._learning(bound, lambda: self._text_page(bound, bound.query))
        if page.head is None:
            raise _no_page(query)
        return page

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """The same, straight to typed columns; retried if a cell does not fit what an earlier run stored."""
        return self._typed(query, self._arrow_page)

    def row_batch(self, query: Query) -> "tuple[PageHead, RowBatch]":
        """The same as columns of Python values; no aggregates."""
        return self._typed(query, self._python_page)

    def _typed(self, query: Query, fetch: Callable[[BoundQuery, Query], T]) -> T:
        try:
            return self._typed_once(query, fetch)
        except RecordError:
            forgotten = self._catalog.forget_stored(query.object, query.doc_par_id)
            if not self._catalog.forget_stored_formatting() and not forgotten:
                raise
        return self._typed_once(query, fetch)

    def _typed_once(self, query: Query, fetch: Callable[[BoundQuery, Query], T]) -> T:
        bound = self.bound(query, walks=False)
        return self._learning(bound, lambda: fetch(bound, bound.query))

    def _learning(self, bound: BoundQuery, fetch: Callable[[], T]) -> T:
        """Fetch, and remember unqueryable fields that the gateway names for the next query.

        If a refusal names none, a definition that came from disk may be out of date, and is forgotten.
        """
        try:
            return fetch()
        except InvalidRequestError as error:
            refused = unqueryable_fields(error.faults)
            if refused:
                self._catalog.remember_unqueryable(bound.described, refused)
            elif error.by_gateway:
                self._catalog.forget_stored(bound.query.object, bound.query.doc_par_id)
            raise

    def _fetched(self, bound: BoundQuery, query: Query) -> FetchedPage[Page]:
        page = self._text_page(bound, query)
        return _page_with_keys(bound, page.head, page.rows, page)

    def _fetched_batch(self, bound: BoundQuery, query: Query) -> "FetchedPage[pa.RecordBatch]":
        head, rows = self._arrow_page(bound, query)
        keys: tuple[str, ...] = ()
        if bound.walks:
            key_values = rows.column(walked_key(bound.described)[0]).to_pylist()
            keys = tuple(str(value) for value in key_values if value is not None)
        return FetchedPage(rows, head.count, head.total_count, head.remaining, keys)

    def _all_pages(
        self, query: Query, fetcher: Callable[[BoundQuery], Callable[[Query], FetchedPage[T]]], limit: int | None
    ) -> Iterator[tuple[BoundQuery, T]]:
        """All pages. Starts over with a corrected query as long as no page has been yielded."""
        begun = False
        while True:
            bound = self.bound(query)
            try:
                for content in self._along(bound, fetcher(bound), limit):
                    begun = True
                    yield bound, content
            except InvalidRequestError as error:
                if begun or not self._can_correct(query, bound, error):
                    raise
            else:
                return

    def _along(self, bound: BoundQuery, fetch: Callable[[Query], FetchedPage[T]], limit: int | None) -> Iterator[T]:
        if limit is not None and limit < 1:
            return iter(())
        if not bound.walks:
            return by_offset(replace(bound.query, order=bound.order), fetch, limit=limit)
        key, opaque = walked_key(bound.described)
        return by_key(bound.query, key, fetch, opaque=opaque, limit=limit)

    def _can_correct(self, query: Query, bound: BoundQuery, error: InvalidRequestError) -> bool:
        """Whether binding again gives another query: without unqueryable fields, or by new definitions."""
        if not error.by_gateway:
            return False
        refused = unqueryable_fields(error.faults)
        if refused and "*" in query.select:
            queryable_before = self._catalog.queryable(bound.described)
            self._catalog.remember_unqueryable(bound.described, refused)
            return len(self._catalog.queryable(bound.described)) < len(queryable_before)
        return self._catalog.forget_stored(query.object, query.doc_par_id)


def _page_with_keys(bound: BoundQuery, head: PageHead | None, rows: Sequence[Row], content: T) -> FetchedPage[T]:
    """A page of text cells, with the keys that paging checks."""
    if head is None:
        raise _no_page(bound.query)
    keys: tuple[str, ...] = ()
    if bound.walks:
        key = walked_key(bound.described)[0]
        keys = tuple(text for row in rows if (text := row.get(key)))
    return FetchedPage(content, head.count, head.total_count, head.remaining, keys)


def query_of(
    what: str | Query,
    select: Sequence[Selected] | str | None,
    *,
    where: Filter | str | None,
    order: Sequence[Order | str] | str | None,
    options: Mapping[str, Any],
) -> Query:
    """A query as a user gives it: strings are in the command line's language, and no selection means all fields."""
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
    """A selected column's name in rows."""
    return selected.column if isinstance(selected, Aggregate) else selected


def _renamed(row: dict[str, str | None], select: tuple[Selected, ...]) -> dict[str, str | None]:
    """The row under the columns' names: some aggregates come back under the plain field's name (not confirmed)."""
    if all(isinstance(selected, str) for selected in select):
        return row
    selection_of = {}
    for selected in select:
        name = column(selected)
        if name in row:
            selection_of[name] = row[name]
        elif isinstance(selected, Aggregate) and selected.field in row:
            selection_of[name] = row[selected.field]
    return selection_of


def _plain_names(select: tuple[Selected, ...], kinds: dict[str, Kind]) -> dict[str, Kind]:
    """The plain names under which aggregates may come back."""
    return {one.field: kinds[one.column] for one in select if isinstance(one, Aggregate) and one.field not in kinds}


def _named_batch(rows: "pa.RecordBatch", bound: BoundQuery) -> "pa.RecordBatch":
    """The batch with each aggregate under its column name, and no other columns."""
    import pyarrow as pa

    columns = {}
    for selected in bound.query.select:
        values = rows.column(column(selected))
        if isinstance(selected, Aggregate) and values.null_count == len(values) and selected.field in rows.schema.names:
            values = rows.column(selected.field)
        columns[column(selected)] = values
    return pa.RecordBatch.from_pydict(columns)


def _compares_times(query: Query) -> bool:
    return any(isinstance(value, datetime) for each in comparisons(query.where) for value in each.values)


def _as_page(body: bytes) -> tuple[Response, Page]:
    page = decode_page(body)
    return page.response, page


def _no_page(query: Query) -> RemoteProtocolError:
    return RemoteProtocolError(f"the answer to a query of {query.object} is not a page of rows", function="query")
