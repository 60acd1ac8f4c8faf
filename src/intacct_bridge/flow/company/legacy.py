"""A company through the older functions, under the names and types that the rest of loading speaks.

On a connection of document type 2.1 nothing is described and `get_list` is the only question; on every connection some
objects (attachments, their folders, employees' rates) are reached by functions of their own alone. Both look from here
like any other company. What the older functions cannot answer is refused with the reason, and read as "not checked".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.client.protocol import Gateway, Row, TransactionMeter
from intacct_bridge.errors import InvalidRequestError, RecordError
from intacct_bridge.model.batched import batched
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.keys import RECORDNO, owner
from intacct_bridge.model.legacy.objects import UNDESCRIBED, LegacyObject, legacy_line, legacy_object, plan_of
from intacct_bridge.model.query.query import And, Compare, Filter, Op, Or, Order, Query
from intacct_bridge.wire.envelope import Function, Result
from intacct_bridge.wire.reply import Leaving, unheard
from intacct_bridge.wire.values import Formatting, Kind, Value, parse_value
from intacct_bridge.wire.xml import Element, element

_AT_ONCE = 100
_USE_30 = 'Use a connection with dtd_version = "3.0".'


def speaking(company: Gateway) -> "LegacyGateway":
    """The company in the one dialect; what is in it already stays as it is."""
    return company if isinstance(company, LegacyGateway) else LegacyGateway(company)


class LegacyGateway:
    """A Company."""

    def __init__(self, company: Gateway) -> None:
        self._company = company
        self._old = company.connection.is_legacy

    @property
    def connection(self) -> Connection:
        """Which company, which user, which entity."""
        return self._company.connection

    @property
    def meter(self) -> TransactionMeter:
        """What was spent."""
        return self._company.meter

    @property
    def company_time(self) -> datetime:
        """The gateway's clock."""
        return self._company.company_time

    @property
    def formatting(self) -> Formatting:
        """How answers write dates and times for this user."""
        return self._company.formatting

    def entity(self, location_id: str, /) -> "LegacyGateway":
        """The same company, signed in to one of its entities."""
        return LegacyGateway(self._company.entity(location_id))

    def ask(self, function: Element, /) -> Result:
        """Any function that only reads."""
        return self._company.ask(function)

    def call(self, *functions: Element, read: bool = False) -> tuple[Result, ...]:
        """Functions in one request, failed ones among the results."""
        return self._company.call(*functions, read=read)

    def submit(
        self, functions: Sequence[Function], /, *, transaction: bool = False, leaving: Leaving = unheard
    ) -> tuple[Result, ...]:
        """Send writes once."""
        return self._company.submit(functions, transaction=transaction, leaving=leaving)

    def describe(self, object_name: str, doc_par_id: str | None = None, /) -> ObjectDef:
        """An object's fields; on the older functions, what those take."""
        if not self._is_older(object_name):
            return self._company.describe(object_name, doc_par_id)
        line = legacy_line(object_name)
        return line if line is not None else legacy_object(object_name).described

    def inspect(self, object_name: str, /) -> ObjectDef:
        """An object's fields with the lengths of texts."""
        if self._is_older(object_name):
            raise InvalidRequestError(f"the older functions do not tell the lengths of {object_name}", fix=_USE_30)
        return self._company.inspect(object_name)

    def query(self, query: Query, /) -> Iterator[Row]:
        """Typed rows."""
        if not self._is_older(query.object):
            yield from self._company.query(query)
        elif legacy_line(query.object) is not None:
            yield from self._lines(query)
        elif query.object in UNDESCRIBED:
            yield from self._singles(query)
        else:
            yield from self._listed(query)

    def _is_older(self, name: str) -> bool:
        return self._old or name.upper() in UNDESCRIBED

    # --- get_list

    def _listed(self, query: Query) -> Iterator[Row]:
        one = legacy_object(query.object)
        if not one.listed:
            raise InvalidRequestError(f"document type 2.1 has no list of {query.object}", fix=_USE_30)
        where = None if query.where is None else _asked(query.where, one)
        order = tuple(Order(one.asked(each.field), each.descending) for each in query.order)
        # Whole rows: which fields may be asked for by name is documented nowhere.
        plain = Query(one.described.name, ("*",), where=where, order=order, show_private=query.show_private)
        for row in self._company.query(plain):
            yield _row(one, row, query.select, lambda: self.formatting)

    def _lines(self, query: Query) -> Iterator[Row]:
        """Lines of the headers that the filter names; they come with their headers."""
        held = owner(query.object)
        assert held is not None
        one, described = legacy_object(held.header), self.describe(query.object)
        plan = plan_of(held.header)
        line = plan.lines[held.wrapper] if plan is not None else None
        assert line is not None
        for some in batched(_values(query.where, held.by), _AT_ONCE):
            for record in self._headers(one, some):
                key = next((text for name in one.cell(RECORDNO) if (text := record.findtext(name))), "")
                wrapper = record.find(line.wrapper)
                for number, node in enumerate(wrapper.children if wrapper is not None else (), 1):
                    cells = _flat(node)
                    found = {"LINE_NO": str(number)} | _said(line.fields, cells, described)
                    yield {held.by: key} | {
                        name: _value(described, name, text, lambda: self.formatting)
                        for name, text in found.items()
                        if name in query.select
                    }

    def _headers(self, one: LegacyObject, keys: Sequence[str]) -> Iterator[Element]:
        name, sign = element("field", one.asked(RECORDNO)), element("operator", "=")
        terms = [element("expression", name, sign, element("value", key)) for key in keys]
        many = Element("logical", children=tuple(terms), attributes={"logical_operator": "or"})
        shown = Element("filter", children=(many if len(terms) > 1 else terms[0],))
        attributes = {"object": one.name, "maxitems": str(2 * _AT_ONCE), "showprivate": "true"}
        data = self.ask(Element("get_list", children=(shown,), attributes=attributes)).data
        yield from data.children if data is not None else ()

    # --- get

    def _singles(self, query: Query) -> Iterator[Row]:
        """Records that are asked for one by one, by their key."""
        one = legacy_object(query.object)
        if not one.single:
            raise InvalidRequestError(f"nothing in the gateway reads {query.object}", fix="look into Intacct")
        keys = _values(query.where, RECORDNO) or _values(query.where, one.key)
        for key in keys:
            data = self.ask(Element("get", attributes={"object": one.name, "key": key})).data
            for record in data.children if data is not None else ():
                yield _row(one, {**_flat(record), "key": key}, query.select, lambda: self.formatting)


def _asked(node: Filter, one: LegacyObject) -> Filter:
    """The filter under the names that the older functions have."""
    if isinstance(node, And):
        return And(tuple(_asked(part, one) for part in node.parts))
    if isinstance(node, Or):
        return Or(tuple(_asked(part, one) for part in node.parts))
    assert isinstance(node, Compare)
    return Compare(one.asked(node.field), node.op, node.values)


def _values(node: Filter | None, name: str) -> list[str]:
    """The values that a filter allows for a field."""
    if isinstance(node, And):
        return next((found for part in node.parts if (found := _values(part, name))), [])
    if isinstance(node, Compare) and node.field == name and node.op in (Op.EQUALTO, Op.IN):
        return [str(value) for value in node.values]
    return []


def _row(
    one: LegacyObject, cells: Mapping[str, Value], select: Sequence[object], formatting: Callable[[], Formatting]
) -> Row:
    """An answer's cells under our names, what is not there left out."""
    names = [name for name in select if isinstance(name, str)]
    found: dict[str, Value] = {}
    for name in names:
        known = next((cell for cell in one.cell(name) if cell in cells), None)
        if known is not None:
            found[name] = _value(one.described, name, cells[known], formatting)
    return found


def _value(described: ObjectDef, name: str, cell: Value, formatting: Callable[[], Formatting]) -> Value:
    kind = described.kind_of(name) if described.get(name) is not None else Kind.TEXT
    try:
        if kind is Kind.TIMESTAMP and isinstance(cell, str):
            return parse_value(kind, cell, formatting())
        return parse_value(kind, cell) if isinstance(cell, str) else cell
    except RecordError:
        return cell


def _flat(record: Element, path: str = "") -> dict[str, str]:
    """A record's leaves by their dotted names; days in one piece, lines left out."""
    cells: dict[str, str] = {}
    for child in record:
        name = f"{path}{child.tag}"
        if {each.tag for each in child} == {"year", "month", "day"}:
            cells[name] = f"{child.findtext('month')}/{child.findtext('day')}/{child.findtext('year')}"
        elif child.children:
            cells |= _flat(child, f"{name}.") if not all(each.children for each in child) else {}
        else:
            cells[name] = child.text
    return cells


def _said(places: Mapping[str, str], cells: Mapping[str, str], described: ObjectDef) -> dict[str, str]:
    """A line's cells under our names; of two names for one element, both."""
    found = {name: cells[place] for name, place in places.items() if place in cells}
    return {name: cells[name.lower()] for name in described.fields if name.lower() in cells} | found
