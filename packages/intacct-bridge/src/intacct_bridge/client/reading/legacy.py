"""Reading with functions of document type 2.1, `get_list` and `get`, and the reason why anything else is refused.

A connection of document type 2.1 has no other way to read. On every connection, attachments, their folders and
employees' rates are reached by these functions only. Objects and rows have Intacct's names and types here, as far as
the functions' tables know them; a cell that they do not know keeps its name and is text. `page` and `pages` alone give
cells as the gateway wrote them.

Facts: there is no `lookup`; answers have the lower-case names of 2.1; `get_list` pages by start and maxitems (at most
1,000), its filter knows = != < <= > >= like and "is null", combined by logical blocks of two or more; a date is three
elements; the answer's `<listtype start end total>` gives the number of records. Pages go by offset: rows that appear
or vanish meanwhile can shift others past the reader. Lines stand inside their header; in a row they are one cell that
holds them, and the lines inside them, as JSON.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.gateway.calls import Calls, refused_by_legacy
from intacct_bridge.client.reading.paging import FetchedPage, by_offset
from intacct_bridge.client.reading.records import Record
from intacct_protocol.errors import InvalidRequestError, RecordError, RefusedError, RemoteProtocolError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.catalog import Catalog, ObjectDef, unknown_object
from intacct_protocol.model.keys import RECORDNO, UNDESCRIBED, LegacyName, Owner, legacy_name, object_of_legacy, owner
from intacct_protocol.model.legacy.grammar import function_def
from intacct_protocol.model.legacy.objects import LegacyObject, legacy_line, legacy_object, plan_of
from intacct_protocol.model.query.filter_xml import kind_of_value
from intacct_protocol.model.query.query import And, Compare, Filter, Op, Or, Order, Query, all_of, any_of
from intacct_protocol.xml.envelope import SUCCESS, ControlEcho, OperationResult, Response, Result, SignedIn
from intacct_protocol.xml.strict_page import Page, PageHead
from intacct_protocol.xml.values import Formatting, Kind, Value, parse_value, render_value
from intacct_protocol.xml.xml import Element, element

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_protocol.xml.python_columns import RowBatch

MAX_ITEMS = 1000
_HEADERS_AT_ONCE = 100
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
    return _flat_cells(record)[0]


def record_lines(record: Element) -> dict[str, list[dict[str, Value]]]:
    """The lines inside a record, each as flat cells, by the element that holds them; lines inside them are JSON."""
    return {name: [dict(_cells(line)) for line in lines] for name, lines in _flat_cells(record)[1].items()}


def _flat_cells(record: Element, path: str = "") -> tuple[dict[str, str | None], dict[str, Sequence[Element]]]:
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
            inner, more = _flat_cells(child, f"{name}.")
            cells |= inner
            lines |= more
        else:
            cells[name] = child.text or None
    return cells, lines


# --- the reader


class LegacyReader:
    """Definitions, rows and records by the legacy functions: the reader of the generic functions in their place."""

    def __init__(self, calls: Calls, formatting: Callable[[], Formatting]) -> None:
        self._calls = calls
        self._formatting = formatting

    def objects(self) -> dict[str, str]:
        """The objects that `get_list` and `get` know, by Intacct's names, with their names in 2.1."""
        names: set[str] = set()
        for function in ("get_list", "get"):
            described = function_def(function)
            names |= {value for each in (described.attributes if described else ()) for value in each.values}
        legacy_names = {object_of_legacy(name): name for name in names}
        return dict(sorted((ours, name) for ours, name in legacy_names.items() if ours))

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:  # noqa: ARG002  # no field is custom
        """The fields that the object's own functions take; no request is sent."""
        line = legacy_line(name)
        return line if line is not None else self._object(name).described

    def start_describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """All at once: no request is needed."""
        self.describe_many((name for family in families for name in family), refused)
        yield families

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """As `describe`, for many objects."""
        descriptions = []
        for name in names:
            try:
                descriptions.append(self.describe(name))
            except RefusedError as error:
                if refused is None:
                    raise
                refused[name] = error
        return Catalog(descriptions)

    def lookup(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """As `describe`: the gateway describes nothing."""
        return self.describe(name, doc_par_id)

    def inspect(self, name: str) -> ObjectDef:
        """Refused: the functions do not give the lengths of strings."""
        raise InvalidRequestError(f"legacy functions do not give the lengths of {name}", fix=_USE_30)

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """Pages of `get_list` as the gateway wrote them. The query's names are not checked."""
        legacy = self._legacy_name(query.object)
        if not legacy.listed:
            raise refused_by_legacy(f"get_list for {query.object}")
        if query.doc_par_id or any(not isinstance(each, str) for each in query.select):
            raise refused_by_legacy("aggregates and no docparid")
        sized = replace(query, page_size=min(query.page_size, MAX_ITEMS))
        yield from by_offset(sized, lambda one: self._page(legacy, one), limit=limit)

    def page(self, query: Query) -> Page:
        """One page as the gateway wrote it."""
        return next(self.pages(query, limit=query.page_size))

    def rows(self, query: Query, *, limit: int | None = None) -> Iterator[dict[str, Value]]:
        """Rows of records, or of lines, which come with the headers that the filter names."""
        held = owner(query.object)
        keys = _values(query.where, held.by) if held is not None and legacy_line(query.object) is not None else []
        if held is not None and keys:
            rows: Iterator[dict[str, Value]] = self._lines(query, held, keys)
        elif query.object.upper() in UNDESCRIBED:
            rows = self._single_records(query)
        else:
            rows = self._listed(query, limit)
        yield from islice(rows, limit)

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """The pages of `rows` as batches."""
        listed = self._list_query(query)
        for page in self.pages(listed, limit=limit):
            yield _batch(self._columns(query, page))

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """One page; the selected columns are there even if no row has them."""
        page = self.page(self._list_query(query))
        assert page.head is not None
        return page.head, _batch(self._columns(query, page))

    def row_batch(self, query: Query) -> "tuple[PageHead, RowBatch]":
        """The same without Arrow."""
        from intacct_protocol.xml.python_columns import RowBatch, RowColumn

        page = self.page(self._list_query(query))
        assert page.head is not None
        columns = {name: RowColumn(kind, values) for name, (kind, values) in self._columns(query, page).items()}
        return page.head, RowBatch(columns, len(page.rows))

    def records(
        self,
        name: str,
        keys: Sequence[str | int],
        *,
        fields: str = "*",
        doc_par_id: str | None = None,  # noqa: ARG002  # no field is custom
        by_name: bool = False,  # noqa: ARG002  # 2.1 has one key for each object
    ) -> Iterator[Record]:
        """Records with their lines under the names of 2.1, one `get` or `get_list` each; a missing key raises."""
        legacy = self._legacy_name(name)
        if not legacy.single and not legacy.listed:
            raise refused_by_legacy(f"get for {name}")
        for key in keys:
            if legacy.single:
                yield from self._records(get(legacy.name, str(key), fields=fields.split(",")))
            else:
                yield self._by_number(name, str(key), fields.split(","))

    def _by_number(self, name: str, key: str, fields: list[str]) -> Record:
        """The record with this number in a list. The answer is compared: a filter may be ignored."""
        described = self._object(name)
        where = Compare(described.filter_name(RECORDNO), Op.EQUALTO, (key,))
        function = get_list(self._legacy_name(name).name, where=where, fields=fields, show_private=True)
        for record in self._records(function):
            if any(str(record.get(cell)) == key for cell in described.answer_names(RECORDNO)):
                return record
        raise InvalidRequestError(
            f"there is no {name} with the record number {key}", fix=f"List them: intacct query {name}"
        )

    def _records(self, function: Element) -> Iterator[Record]:
        for record_element in self._calls.data(function):
            record: Record = dict(record_cells(record_element).items())
            record.update(record_lines(record_element))
            yield record

    # --- rows

    def _listed(self, query: Query, limit: int | None) -> Iterator[dict[str, Value]]:
        legacy = self._object(query.object)
        for page in self.pages(self._list_query(query), limit=limit):
            for cells in page.rows:
                yield self._row(legacy, cells, query.select)

    def _list_query(self, query: Query) -> Query:
        """The query under the names of the legacy functions."""
        legacy = self._object(query.object)
        if not legacy.listed:
            raise InvalidRequestError(f"document type 2.1 has no list of {query.object}", fix=_USE_30)
        if query.doc_par_id or any(not isinstance(each, str) for each in query.select):
            raise refused_by_legacy("aggregates and no docparid")
        for name in (name for name in query.select if isinstance(name, str) and "." in name):
            if legacy.described.get(name) is None and not name.upper().startswith("CUSTOMFIELDS."):
                raise refused_by_legacy(f"related fields, such as {name}")
        where = None if query.where is None else _legacy_filter(query.where, legacy)
        order = tuple(Order(legacy.filter_name(each.field.upper()), each.descending) for each in query.order)
        # All fields: which of them may be selected by name is documented nowhere.
        return replace(query, object=legacy.described.name, select=("*",), where=where, order=order)

    def _lines(self, query: Query, held: Owner, keys: Sequence[str]) -> Iterator[dict[str, Value]]:
        """Lines of the headers with these keys; they come with their headers."""
        header_object, described = legacy_object(held.header), self.describe(query.object)
        plan = plan_of(held.header)
        line = plan.lines[held.wrapper] if plan is not None else None
        assert line is not None
        for chunk in batched(keys, _HEADERS_AT_ONCE):
            where = Compare(header_object.filter_name(RECORDNO), Op.IN, tuple(chunk))
            listing = get_list(header_object.name, where=where, size=2 * _HEADERS_AT_ONCE, show_private=True)
            for header in self._calls.data(listing):
                names = header_object.answer_names(RECORDNO)
                key = next((text for name in names if (text := header.findtext(name))), "")
                for number, cells in enumerate(record_lines(header).get(line.wrapper, ()), 1):
                    fields = {"LINE_NO": str(number)} | _line_fields(line.fields, cells, described)
                    row: dict[str, Value] = {held.by: key}
                    for name, value in fields.items():
                        if name in query.select or "*" in query.select:
                            row[name] = self._value(described, name, value)
                    yield row

    def _single_records(self, query: Query) -> Iterator[dict[str, Value]]:
        """Records that are read one by one, by their key."""
        legacy = self._object(query.object)
        if not legacy.single:
            raise InvalidRequestError(f"no function of the gateway reads {query.object}", fix="look it up in Intacct")
        for key in _values(query.where, RECORDNO) or _values(query.where, legacy.key):
            data = self._calls.ask(get(legacy.name, key)).data  # none where the record is gone
            for record in data.children if data is not None else ():
                yield self._row(legacy, {**record_cells(record), "key": key}, query.select)

    def _row(self, legacy: LegacyObject, cells: Mapping[str, Any], select: Sequence[object]) -> dict[str, Value]:
        """A record's cells under Intacct's names; missing ones are left out."""
        return {
            name: self._value(legacy.described, name, cells[cell])
            for name, cell in _cell_names(legacy, select, cells).items()
            if cell in cells
        }

    def _columns(self, query: Query, page: Page) -> dict[str, tuple[Kind, list[Value]]]:
        """A page's columns: of the described kind if all cells are, else text."""
        legacy = self._object(query.object)
        names = _cell_names(legacy, query.select, {cell for row in page.rows for cell in row})
        columns: dict[str, tuple[Kind, list[Value]]] = {}
        for name, cell in names.items():
            texts: list[Value] = [row.get(cell) for row in page.rows]
            values = [self._value(legacy.described, name, text) for text in texts]
            kind = Kind.TEXT if legacy.described.get(name) is None else legacy.described.kind_of(name)
            typed = not any(isinstance(value, str) for value in values)
            columns[name] = (kind, values) if typed else (Kind.TEXT, texts)
        return columns

    def _value(self, described: ObjectDef, name: str, cell: Value) -> Value:
        if not isinstance(cell, str):
            return cell
        kind = described.kind_of(name) if described.get(name) is not None else Kind.TEXT
        try:
            return parse_value(kind, cell, self._formatting()) if kind is Kind.TIMESTAMP else parse_value(kind, cell)
        except RecordError:
            return cell

    # --- names

    def _object(self, name: str) -> LegacyObject:
        """The object of an Intacct name, or of a name of 2.1."""
        upper = name.upper()
        if plan_of(upper) is None and legacy_name(upper) is None:
            self._legacy_name(name)
            upper = object_of_legacy(name.lower()) or upper
        return legacy_object(upper)

    def _legacy_name(self, name: str) -> LegacyName:
        legacy = legacy_name(name) or legacy_name(object_of_legacy(name.lower()) or "")
        if legacy is None:
            near = unknown_object(name, self.objects())
            raise InvalidRequestError(f"document type 2.1 does not reach {name}: {near.message}", fix=_USE_30)
        return legacy

    def _page(self, legacy: LegacyName, query: Query) -> FetchedPage[Page]:
        function = get_list(
            legacy.name,
            where=query.where,
            order=query.order,
            fields=[str(each) for each in query.select],
            size=query.page_size,
            start=query.offset,
            show_private=query.show_private,
        )
        return _fetched_page(self._calls.ask(function), query)


def _cell_names(legacy: LegacyObject, select: Sequence[object], cells: Collection[str]) -> dict[str, str]:
    """The cell of each selected column. Of all columns, those that have a cell, with the cells that have no field."""
    names = {}
    for selected in select:
        fields = legacy.described.fields if selected == "*" else (str(selected),)
        for field in fields:
            described = legacy.described.get(field)
            name = field if described is None else described.name
            answers = legacy.answer_names(name.upper())
            cell = next((one for one in answers if one in cells), answers[0] if selected != "*" else "")
            if cell:
                names[name] = cell
        if selected == "*":
            used = set(names.values())
            names |= {cell: cell for cell in cells if cell not in used}
    return names


def _legacy_filter(node: Filter, legacy: LegacyObject) -> Filter:
    """The filter under the names of the legacy functions."""
    if isinstance(node, And):
        return And(tuple(_legacy_filter(part, legacy) for part in node.parts))
    if isinstance(node, Or):
        return Or(tuple(_legacy_filter(part, legacy) for part in node.parts))
    assert isinstance(node, Compare)
    return Compare(legacy.filter_name(node.field.upper()), node.op, node.values)


def _values(node: Filter | None, name: str) -> list[str]:
    """The values that a filter allows for a field."""
    if isinstance(node, And):
        return next((values for part in node.parts if (values := _values(part, name))), [])
    if isinstance(node, Compare) and node.field == name and node.op in (Op.EQUALTO, Op.IN):
        return [str(value) for value in node.values]
    return []


def _line_fields(places: Mapping[str, str], cells: Mapping[str, Value], described: ObjectDef) -> dict[str, Value]:
    """A line's cells under Intacct's names; of two names for one element, both."""
    placed = {name: cells[place] for name, place in places.items() if place in cells}
    return {name: cells[name.lower()] for name in described.fields if name.lower() in cells} | placed


def _fetched_page(result: Result, query: Query) -> FetchedPage[Page]:
    rows = [_cells(record) for record in (() if result.data is None else result.data)]
    listed = next((each for each in result.extra if each.tag == "listtype"), None)
    total = "" if listed is None else listed.get("total")
    if not total.isdecimal():
        raise RemoteProtocolError("the answer to get_list does not give the number of records", function="get_list")
    remaining = max(0, int(total) - query.offset - len(rows))
    head = PageHead(query.object, len(rows), int(total), query.offset, remaining)
    response = Response(ControlEcho(SUCCESS), (OperationResult(SignedIn(SUCCESS), (result,)),))
    return FetchedPage(Page(head, response, rows), len(rows), int(total), remaining)


def _batch(columns: Mapping[str, tuple[Kind, list[Value]]]) -> "pa.RecordBatch":
    import pyarrow as pa

    from intacct_protocol.xml.typed_arrow import arrow_type

    arrays = {name: pa.array(values, arrow_type(kind)) for name, (kind, values) in columns.items()}
    return pa.RecordBatch.from_pydict(arrays)


def _cells(record: Element) -> dict[str, str | None]:
    """A record's cells, and its lines as JSON."""
    cells, lists = _flat_cells(record)
    texts = {name: json.dumps(list(map(_plain, lines)), ensure_ascii=False) for name, lines in lists.items()}
    return cells | texts


def _plain(line: Element) -> dict[str, Any]:
    """A line without its empty cells, with the lines inside it."""
    cells, lists = _flat_cells(line)
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
        operator = Op.EQUALTO if node.op is Op.IN else Op.NOTEQUALTO
        each = [Compare(node.field, operator, (value,)) for value in node.values]
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
