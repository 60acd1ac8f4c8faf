"""Reading on a connection of document type 2.1: `get_list` and `get`, and the reason why anything else is refused.

Facts: there is no `lookup`, so types are unknown and cells are text, under the lower-case names of 2.1; `get_list`
pages by start and maxitems (at most 1,000), its filter knows = != < <= > >= like and "is null", combined by logical
blocks of two or more; a date is three elements; the answer's `<listtype start end total>` says how many there are.
Pages go by offset: rows that appear or vanish meanwhile can shift others past the reader. Lines stand inside their
header; in a row they are one cell that holds them as JSON.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from intacct_bridge.client.gateway.calls import Asking, refused_by_legacy, successful
from intacct_bridge.client.reading.paging import FetchedPage, by_offset
from intacct_bridge.client.reading.records import Record
from intacct_bridge.errors import InvalidRequestError, RefusedError, RemoteProtocolError
from intacct_bridge.model.catalog import Catalog, FieldDef, ObjectDef, object_def, unknown_object
from intacct_bridge.model.keys import LegacyName, legacy_name, object_of_legacy
from intacct_bridge.model.legacy.grammar import function_def
from intacct_bridge.model.query.filter_xml import kind_of_value
from intacct_bridge.model.query.query import And, Compare, Filter, Op, Or, Query, all_of, any_of
from intacct_bridge.wire.envelope import SUCCESS, ControlEcho, OperationResult, Response, Result, SignedIn
from intacct_bridge.wire.page import Page, PageHead
from intacct_bridge.wire.values import Kind, Value, parse_value, render_value
from intacct_bridge.wire.xml import Element, element

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ITEMS = 1000
_SIGNS = {
    Op.EQUALTO: "=",
    Op.NOTEQUALTO: "!=",
    Op.LESSTHAN: "<",
    Op.LESSTHANOREQUALTO: "<=",
    Op.GREATERTHAN: ">",
    Op.GREATERTHANOREQUALTO: ">=",
    Op.LIKE: "like",
    Op.ISNULL: "is null",
}
_USE_30 = 'Use a connection with dtd_version = "3.0".'


class LegacyReading:
    """Queries and whole records of a 2.1 session."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def objects(self) -> dict[str, str]:
        """The objects that `get_list` and `get` know, by our names, with their names in 2.1."""
        names: set[str] = set()
        for function in ("get_list", "get"):
            described = function_def(function)
            names |= {value for each in (described.attributes if described else ()) for value in each.values}
        found = {object_of_legacy(name): name for name in names}
        return dict(sorted((ours, name) for ours, name in found.items() if ours))

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:  # noqa: ARG002  # no field is custom
        """What is known without asking: the fields that the object's `create_...` takes, all as text."""
        known = self._known(name)
        fields: dict[str, None] = {}
        for operation in ("create", "update"):
            function = function_def(f"{operation}_{known.name}")
            fields |= dict.fromkeys(function.model.names if function else ())
        return object_def(name.upper(), (FieldDef(field, Kind.TEXT) for field in fields), label=known.name)

    def describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """All at once: nothing has to be asked."""
        self.describe_many((name for family in families for name in family), refused)
        yield families

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """What is known of each."""
        found = []
        for name in names:
            try:
                found.append(self.describe(name))
            except RefusedError as error:
                if refused is None:
                    raise
                refused[name] = error
        return Catalog(found)

    def fresh(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The same, for nothing else can be learned."""
        return self.describe(name, doc_par_id)

    def typing(self, name: str) -> ObjectDef | None:  # noqa: ARG002  # whatever it is
        """None: writes go by the functions' own tables."""
        return None

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """Pages of `get_list`; the query's names are not checked, for 2.1 describes nothing."""
        known = self._known(query.object)
        if not known.listed:
            raise refused_by_legacy(f"get_list for {query.object}")
        if query.doc_par_id or any(not isinstance(each, str) for each in query.select):
            raise refused_by_legacy("aggregates and no docparid")
        sized = replace(query, page_size=min(query.page_size, MAX_ITEMS))
        yield from by_offset(sized, lambda one: self._page(known, one), limit=limit)

    def rows(self, query: Query, *, limit: int | None = None) -> Iterator[dict[str, Value]]:
        """Rows of text cells, under the names that 2.1 gives them."""
        for page in self.pages(query, limit=limit):
            for row in page.rows:
                yield dict(row)

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """The pages as batches of text columns."""
        import pyarrow as pa

        for page in self.pages(query, limit=limit):
            names = list(dict.fromkeys(name for row in page.rows for name in row))
            columns = {name: pa.array([row.get(name) for row in page.rows], pa.string()) for name in names}
            yield pa.RecordBatch.from_pydict(columns)

    def page(self, query: Query) -> Page:
        """One page."""
        return next(self.pages(query, limit=query.page_size))

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """One page as text columns; those that were asked for are there even where no row has them."""
        import pyarrow as pa

        page = self.page(query)
        asked = [str(one).lower() for one in query.select if one != "*"]
        names = dict.fromkeys((*asked, *(name for row in page.rows for name in row)))
        columns = {name: pa.array([row.get(name) for row in page.rows], pa.string()) for name in names}
        assert page.head is not None
        return page.head, pa.RecordBatch.from_pydict(columns)

    def records(
        self,
        name: str,
        keys: Sequence[str | int],
        *,
        fields: str = "*",
        doc_par_id: str | None = None,  # noqa: ARG002  # no field is custom
        by_name: bool = False,  # noqa: ARG002  # 2.1 has one key for each object
    ) -> Iterator[Record]:
        """Whole records, one `get` each; a key that is not there raises."""
        for found in self.elements(name, keys, fields=fields):
            record: Record = dict(_cells(found).items())
            record.update(_owned(found))
            yield record

    def elements(self, name: str, keys: Sequence[str | int], *, fields: str = "*") -> Iterator[Element]:
        """The records' elements as the gateway wrote them."""
        known = self._known(name)
        if not known.single:
            raise refused_by_legacy(f"get for {name}")
        for key in keys:
            attributes = {"object": known.name, "key": str(key)}
            data = self._asking.data(Element("get", children=_fields(fields.split(",")), attributes=attributes))
            yield from data

    def _known(self, name: str) -> LegacyName:
        known = legacy_name(name) or legacy_name(object_of_legacy(name.lower()) or "")
        if known is None:
            near = unknown_object(name, self.objects())
            raise InvalidRequestError(f"document type 2.1 does not reach {name}: {near.message}", fix=_USE_30)
        return known

    def _page(self, known: LegacyName, query: Query) -> FetchedPage[Page]:
        attributes = {"object": known.name, "maxitems": str(query.page_size)}
        if query.offset:
            attributes["start"] = str(query.offset)
        if query.show_private:
            attributes["showprivate"] = "true"
        parts: list[Element] = []
        if query.where is not None:
            parts.append(element("filter", _filter(query.where)))
        if query.order:
            orders = (Element("sortfield", one.field.lower(), (), {"order": "desc" if one.descending else "asc"})
                      for one in query.order)  # fmt: skip
            parts.append(Element("sorts", children=tuple(orders)))
        parts += _fields([str(each) for each in query.select])
        (result,) = self._asking.send(
            self._asking.functions(Element("get_list", children=tuple(parts), attributes=attributes)), read=True
        )
        return _fetched_page(successful(result), query)


def _fetched_page(result: Result, query: Query) -> FetchedPage[Page]:
    rows = [_row(record) for record in (() if result.data is None else result.data)]
    listed = next((each for each in result.extra if each.tag == "listtype"), None)
    total = "" if listed is None else listed.get("total")
    if not total.isdecimal():
        raise RemoteProtocolError("the answer to get_list does not say how many records there are", function="get_list")
    remaining = max(0, int(total) - query.offset - len(rows))
    head = PageHead(query.object, len(rows), int(total), query.offset, remaining)
    return FetchedPage(Page(head, _answer(result), rows), len(rows), int(total), remaining)


def _answer(result: Result) -> Response:
    return Response(ControlEcho(SUCCESS), (OperationResult(SignedIn(SUCCESS), (result,)),))


def _fields(names: Sequence[str]) -> tuple[Element, ...]:
    named = [name.strip().lower() for name in names if name.strip() != "*"]
    for name in named:
        if "." in name:
            raise refused_by_legacy(f"related fields, such as {name}")
    if not named:
        return ()
    return (Element("fields", children=tuple(element("field", name) for name in named)),)


def _filter(node: Filter) -> Element:
    if isinstance(node, And | Or):
        parts = tuple(_filter(part) for part in node.parts)
        return Element(
            "logical", children=parts, attributes={"logical_operator": "and" if isinstance(node, And) else "or"}
        )
    assert isinstance(node, Compare)
    if node.op is Op.BETWEEN:
        low, high = node.values
        above = Compare(node.field, Op.GREATERTHANOREQUALTO, (low,))
        return _filter(And((above, Compare(node.field, Op.LESSTHANOREQUALTO, (high,)))))
    if node.op in (Op.IN, Op.NOTIN):
        one = Op.EQUALTO if node.op is Op.IN else Op.NOTEQUALTO
        each = [Compare(node.field, one, (value,)) for value in node.values]
        return _filter(any_of(each) if node.op is Op.IN else all_of(each))
    sign = _SIGNS.get(node.op)
    if sign is None:
        raise refused_by_legacy(f"operator {node.op}")
    value = render_value(kind_of_value(node.values[0]), node.values[0]) if node.values else ""
    return element(
        "expression",
        element("field", node.field.lower()),
        element("operator", sign),
        element("value", value),
    )


def _cells(record: Element, path: str = "") -> dict[str, str | None]:
    """Flat cells: what nests is dotted, a date of three elements is one text, repeated elements are not cells."""
    cells: dict[str, str | None] = {}
    for child in record:
        name = f"{path}{child.tag}"
        if {each.tag for each in child} == {"year", "month", "day"}:
            cells[name] = _day(child)
        elif _lines_in(child):
            continue
        elif child.children:
            cells |= _cells(child, f"{name}.")
        else:
            cells[name] = child.text or None
    return cells


def _row(record: Element) -> dict[str, str | None]:
    """A record's cells, and the lists in it as JSON."""
    lists = {name: [_said(line) for line in lines] for name, lines in _owned(record).items()}
    return _cells(record) | {name: json.dumps(lines, ensure_ascii=False) for name, lines in lists.items()}


def _said(line: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in line.items() if value is not None}


def _owned(record: Element) -> dict[str, list[dict[str, Value]]]:
    return {child.tag: [dict(_cells(line)) for line in child] for child in record if _lines_in(child)}


def _lines_in(child: Element) -> bool:
    tags = {each.tag for each in child}
    return len(tags) == 1 and all(each.children for each in child)


def _day(child: Element) -> str | None:
    parts = [child.findtext(name).strip() for name in ("month", "day", "year")]
    if not all(parts):
        return None
    return render_value(Kind.DATE, parse_value(Kind.DATE, f"{parts[0]:0>2}/{parts[1]:0>2}/{parts[2]}"))
