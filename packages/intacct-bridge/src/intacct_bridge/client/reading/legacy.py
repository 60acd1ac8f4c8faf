"""Reading with document type 2.1: `get_list` and `get`, and the reason why anything else is refused.

Facts: there is no `lookup`, so types are unknown and cells are text, under the lower-case names of 2.1; `get_list`
pages by start and maxitems (at most 1,000), its filter knows = != < <= > >= like and "is null", combined by logical
blocks of two or more; a date is three elements; the answer's `<listtype start end total>` gives the number of records.
Pages go by offset: rows that appear or vanish meanwhile can shift others past the reader. Lines stand inside their
header; in a row they are one cell that holds them, and the lines inside them, as JSON.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.gateway.calls import Calls, refused_by_legacy
from intacct_bridge.client.reading.paging import FetchedPage, by_offset
from intacct_bridge.client.reading.records import Record
from intacct_protocol.errors import InvalidRequestError, RefusedError, RemoteProtocolError
from intacct_protocol.model.catalog import Catalog, FieldDef, ObjectDef, object_def, unknown_object
from intacct_protocol.model.keys import LegacyName, legacy_name, object_of_legacy
from intacct_protocol.model.legacy.grammar import function_def
from intacct_protocol.model.query.filter_xml import kind_of_value
from intacct_protocol.model.query.query import And, Compare, Filter, Op, Or, Order, Query, all_of, any_of
from intacct_protocol.xml.envelope import SUCCESS, ControlEcho, OperationResult, Response, Result, SignedIn
from intacct_protocol.xml.strict_page import Page, PageHead
from intacct_protocol.xml.values import Kind, Value, parse_value, render_value
from intacct_protocol.xml.xml import Element, element

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_protocol.xml.python_columns import RowBatch

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


# --- functions and records


def get(name: str, key: str, *, fields: Sequence[str] = (), external: bool = False) -> Element:
    """The function that reads one record of a 2.1 name, by its key or by the id that another system gave it."""
    attributes = {"object": name, "key": key} | ({"externalkey": "true"} if external else {})
    return Element("get", children=_fields(fields), attributes=attributes)


def get_list(
    name: str,
    *,
    where: Filter | None = None,
    order: Sequence[Order] = (),
    fields: Sequence[str] = (),
    size: int = MAX_ITEMS,
    start: int = 0,
    show_private: bool = False,
) -> Element:
    """The function that lists records of a 2.1 name; filter and order use the 2.1 names of fields."""
    attributes = {"object": name, "maxitems": str(size)}
    if start:
        attributes["start"] = str(start)
    if show_private:
        attributes["showprivate"] = "true"
    parts = [] if where is None else [element("filter", _filter(where))]
    if order:
        directions = ((one.field.lower(), "desc" if one.descending else "asc") for one in order)
        sorts = tuple(Element("sortfield", field, (), {"order": direction}) for field, direction in directions)
        parts.append(Element("sorts", children=sorts))
    return Element("get_list", children=(*parts, *_fields(fields)), attributes=attributes)


def record_cells(record: Element) -> dict[str, str | None]:
    """Flat cells: nested names are dotted, a date of three elements is one text, and lines are left out.

    Strings under one name are a list as JSON.
    """
    return _parts(record)[0]


def record_lines(record: Element) -> dict[str, list[dict[str, Value]]]:
    """The lines inside a record, each as flat cells, by the element that holds them; lines inside them are JSON."""
    return {name: [dict(_row(line)) for line in lines] for name, lines in _parts(record)[1].items()}


def _parts(record: Element, path: str = "") -> tuple[dict[str, str | None], dict[str, Sequence[Element]]]:
    """The flat cells of a record, and its lines by the element that holds them."""
    cells: dict[str, str | None] = {}
    lines: dict[str, Sequence[Element]] = {}
    same: dict[str, list[Element]] = {}
    for child in record:
        same.setdefault(child.tag, []).append(child)
    for tag, (child, *others) in same.items():
        name = f"{path}{tag}"
        if others and any(one.children for one in same[tag]):
            lines[name] = same[tag]
        elif others:
            cells[name] = json.dumps([one.text or None for one in same[tag]], ensure_ascii=False)
        elif {each.tag for each in child} == {"year", "month", "day"}:
            cells[name] = _day(child)
        elif _holds_lines(child):
            lines[name] = child.children
        elif child.children:
            inner, more = _parts(child, f"{name}.")
            cells |= inner
            lines |= more
        else:
            cells[name] = child.text or None
    return cells, lines


# --- the reader


class LegacyReader:
    """The `CompanyReader` of a connection of document type 2.1: text under the names of 2.1, nothing checked."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def objects(self) -> dict[str, str]:
        """The objects that `get_list` and `get` know, by Intacct's names, with their names in 2.1."""
        names: set[str] = set()
        for function in ("get_list", "get"):
            described = function_def(function)
            names |= {value for each in (described.attributes if described else ()) for value in each.values}
        found = {object_of_legacy(name): name for name in names}
        return dict(sorted((ours, name) for ours, name in found.items() if ours))

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:  # noqa: ARG002  # no field is custom
        """The fields that the object's own functions take, all as text; no request is sent."""
        known = self._legacy_name(name)
        fields: dict[str, None] = {}
        for operation in ("create", "update"):
            function = function_def(f"{operation}_{known.name}")
            fields |= dict.fromkeys(function.model.names if function else ())
        return object_def(name.upper(), (FieldDef(field, Kind.TEXT) for field in fields), label=known.name)

    def start_describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """All at once: no request is needed."""
        self.describe_many((name for family in families for name in family), refused)
        yield families

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """As `describe`, for many objects."""
        found = []
        for name in names:
            try:
                found.append(self.describe(name))
            except RefusedError as error:
                if refused is None:
                    raise
                refused[name] = error
        return Catalog(found)

    def lookup(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """As `describe`: the gateway describes nothing."""
        return self.describe(name, doc_par_id)

    def typing(self, name: str) -> ObjectDef | None:  # noqa: ARG002  # the same for every object
        """None: writes go by the functions' own tables."""
        return None

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """Pages of `get_list`. The query's names are not checked, since 2.1 describes nothing."""
        known = self._legacy_name(query.object)
        if not known.listed:
            raise refused_by_legacy(f"get_list for {query.object}")
        if query.doc_par_id or any(not isinstance(each, str) for each in query.select):
            raise refused_by_legacy("aggregates and no docparid")
        sized = replace(query, page_size=min(query.page_size, MAX_ITEMS))
        yield from by_offset(sized, lambda one: self._page(known, one), limit=limit)

    def rows(self, query: Query, *, limit: int | None = None) -> Iterator[dict[str, Value]]:
        """Rows of text cells, under the names of 2.1."""
        for page in self.pages(query, limit=limit):
            for row in page.rows:
                yield dict(row)

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """The pages as batches of text columns."""
        for page in self.pages(query, limit=limit):
            yield _batch(page, ())

    def page(self, query: Query) -> Page:
        """One page."""
        return next(self.pages(query, limit=query.page_size))

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """One page as text columns; the selected ones are there even if no row has them."""
        page = self.page(query)
        assert page.head is not None
        return page.head, _batch(page, _names(query))

    def row_batch(self, query: Query) -> "tuple[PageHead, RowBatch]":
        """The same without Arrow."""
        from intacct_protocol.xml.python_columns import typed_rows
        from intacct_protocol.xml.values import DEFAULT

        page = self.page(query)
        assert page.head is not None
        names = dict.fromkeys((*_names(query), *(name for row in page.rows for name in row)))
        texts = {name: [row.get(name) for row in page.rows] for name in names}
        return page.head, typed_rows(texts, {}, DEFAULT, page.head)

    def records(
        self,
        name: str,
        keys: Sequence[str | int],
        *,
        fields: str = "*",
        doc_par_id: str | None = None,  # noqa: ARG002  # no field is custom
        by_name: bool = False,  # noqa: ARG002  # 2.1 has one key for each object
    ) -> Iterator[Record]:
        """Records with their lines, one `get` each; a missing key raises."""
        known = self._legacy_name(name)
        if not known.single:
            raise refused_by_legacy(f"get for {name}")
        for key in keys:
            for found in self._calls.data(get(known.name, str(key), fields=fields.split(","))):
                record: Record = dict(record_cells(found).items())
                record.update(record_lines(found))
                yield record

    def _legacy_name(self, name: str) -> LegacyName:
        known = legacy_name(name) or legacy_name(object_of_legacy(name.lower()) or "")
        if known is None:
            near = unknown_object(name, self.objects())
            raise InvalidRequestError(f"document type 2.1 does not reach {name}: {near.message}", fix=_USE_30)
        return known

    def _page(self, known: LegacyName, query: Query) -> FetchedPage[Page]:
        function = get_list(
            known.name,
            where=query.where,
            order=query.order,
            fields=[str(each) for each in query.select],
            size=query.page_size,
            start=query.offset,
            show_private=query.show_private,
        )
        return _fetched_page(self._calls.ask(function), query)


def _fetched_page(result: Result, query: Query) -> FetchedPage[Page]:
    rows = [_row(record) for record in (() if result.data is None else result.data)]
    listed = next((each for each in result.extra if each.tag == "listtype"), None)
    total = "" if listed is None else listed.get("total")
    if not total.isdecimal():
        raise RemoteProtocolError("the answer to get_list does not give the number of records", function="get_list")
    remaining = max(0, int(total) - query.offset - len(rows))
    head = PageHead(query.object, len(rows), int(total), query.offset, remaining)
    response = Response(ControlEcho(SUCCESS), (OperationResult(SignedIn(SUCCESS), (result,)),))
    return FetchedPage(Page(head, response, rows), len(rows), int(total), remaining)


def _names(query: Query) -> list[str]:
    """The selected columns as answers name them."""
    return [str(one).lower() for one in query.select if one != "*"]


def _batch(page: Page, selected: Sequence[str]) -> "pa.RecordBatch":
    import pyarrow as pa

    names = dict.fromkeys((*selected, *(name for row in page.rows for name in row)))
    columns = {name: pa.array([row.get(name) for row in page.rows], pa.string()) for name in names}
    return pa.RecordBatch.from_pydict(columns)


def _row(record: Element) -> dict[str, str | None]:
    """A record's cells, and its lines as JSON."""
    cells, lists = _parts(record)
    texts = {name: json.dumps(list(map(_plain, lines)), ensure_ascii=False) for name, lines in lists.items()}
    return cells | texts


def _plain(line: Element) -> dict[str, Any]:
    """A line without its empty cells, with the lines inside it."""
    cells, lists = _parts(line)
    filled: dict[str, Any] = {name: value for name, value in cells.items() if value is not None}
    return filled | {name: [_plain(one) for one in lines] for name, lines in lists.items()}


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


def _holds_lines(child: Element) -> bool:
    tags = {each.tag for each in child}
    return len(tags) == 1 and all(each.children for each in child)


def _day(child: Element) -> str | None:
    parts = [child.findtext(name).strip() for name in ("month", "day", "year")]
    if not all(parts):
        return None
    return render_value(Kind.DATE, parse_value(Kind.DATE, f"{parts[0]:0>2}/{parts[1]:0>2}/{parts[2]}"))
