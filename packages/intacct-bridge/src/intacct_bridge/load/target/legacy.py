"""A gateway for loading that gives every object under Intacct's names and types, by any function.

On a connection of document type 2.1 nothing is described and `get_list` is the only query; on every connection some
objects (attachments, their folders, employees' rates) are reached by functions of their own only. Through a
`LegacyGateway` both look like any other object. What the legacy functions cannot answer is refused with the reason, and
counts as "not checked".
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from intacct_bridge.client.protocol import Gateway, Row, TransactionMeter
from intacct_bridge.client.reading.legacy import get, get_list, record_cells, record_lines
from intacct_bridge.connections.connection import Connection
from intacct_protocol.errors import InvalidRequestError, RecordError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import RECORDNO, owner
from intacct_protocol.model.legacy.objects import UNDESCRIBED, LegacyObject, legacy_line, legacy_object, plan_of
from intacct_protocol.model.query.query import And, Compare, Filter, Op, Or, Order, Query
from intacct_protocol.xml.envelope import Function, Result
from intacct_protocol.xml.reply import BeforeSend, no_callback
from intacct_protocol.xml.values import Formatting, Kind, Value, parse_value
from intacct_protocol.xml.xml import Element

_HEADERS_AT_ONCE = 100
_USE_30 = 'Use a connection with dtd_version = "3.0".'


class LegacyGateway:
    """The `Gateway` that loading uses, around that of a client. It is made once, when a load is assembled."""

    def __init__(self, company: Gateway) -> None:
        self._company = company

    @property
    def connection(self) -> Connection:
        """The company, user and entity."""
        return self._company.connection

    @property
    def meter(self) -> TransactionMeter:
        """The transactions used so far."""
        return self._company.meter

    @property
    def company_time(self) -> datetime:
        """The gateway's clock, in UTC."""
        return self._company.company_time

    @property
    def formatting(self) -> Formatting:
        """How answers write dates and times for this user."""
        return self._company.formatting

    def entity(self, location_id: str, /) -> "LegacyGateway":
        """The same company, signed in to one of its entities."""
        return LegacyGateway(self._company.entity(location_id))

    def ask(self, function: Element, /) -> Result:
        """Call one function that changes nothing."""
        return self._company.ask(function)

    def call(self, *functions: Element, read: bool = False) -> tuple[Result, ...]:
        """Call functions in one request; failed ones are results."""
        return self._company.call(*functions, read=read)

    def submit(
        self, functions: Sequence[Function], /, *, transaction: bool = False, before_send: BeforeSend = no_callback
    ) -> tuple[Result, ...]:
        """Send writes once."""
        return self._company.submit(functions, transaction=transaction, before_send=before_send)

    def describe(self, object_name: str, doc_par_id: str | None = None, /) -> ObjectDef:
        """An object's fields; of a legacy object, the fields that its functions take."""
        if not self._is_legacy(object_name):
            return self._company.describe(object_name, doc_par_id)
        line = legacy_line(object_name)
        return line if line is not None else legacy_object(object_name).described

    def inspect(self, object_name: str, /) -> ObjectDef:
        """An object's fields with the lengths of strings."""
        if self._is_legacy(object_name):
            raise InvalidRequestError(f"legacy functions do not give the lengths of {object_name}", fix=_USE_30)
        return self._company.inspect(object_name)

    def query(self, query: Query, /) -> Iterator[Row]:
        """Typed rows."""
        if not self._is_legacy(query.object):
            yield from self._company.query(query)
        elif legacy_line(query.object) is not None:
            yield from self._lines(query)
        elif query.object in UNDESCRIBED:
            yield from self._single_records(query)
        else:
            yield from self._listed(query)

    def _is_legacy(self, name: str) -> bool:
        return self.connection.is_legacy or name.upper() in UNDESCRIBED

    def _listed(self, query: Query) -> Iterator[Row]:
        one = legacy_object(query.object)
        if not one.listed:
            raise InvalidRequestError(f"document type 2.1 has no list of {query.object}", fix=_USE_30)
        where = None if query.where is None else _legacy_filter(query.where, one)
        order = tuple(Order(one.filter_name(each.field), each.descending) for each in query.order)
        # All fields: which of them may be selected by name is documented nowhere.
        plain = Query(one.described.name, ("*",), where=where, order=order, show_private=query.show_private)
        for row in self._company.query(plain):
            yield self._row(one, row, query.select)

    def _lines(self, query: Query) -> Iterator[Row]:
        """Lines of the headers that the filter names; they come with their headers."""
        held = owner(query.object)
        assert held is not None
        one, described = legacy_object(held.header), self.describe(query.object)
        plan = plan_of(held.header)
        line = plan.lines[held.wrapper] if plan is not None else None
        assert line is not None
        for some in batched(_values(query.where, held.by), _HEADERS_AT_ONCE):
            where = Compare(one.filter_name(RECORDNO), Op.IN, tuple(some))
            data = self.ask(get_list(one.name, where=where, size=2 * _HEADERS_AT_ONCE, show_private=True)).data
            for header in data.children if data is not None else ():
                key = next((text for name in one.answer_names(RECORDNO) if (text := header.findtext(name))), "")
                for number, cells in enumerate(record_lines(header).get(line.wrapper, ()), 1):
                    found = {"LINE_NO": str(number)} | _line_fields(line.fields, cells, described)
                    yield {held.by: key} | {
                        name: self._value(described, name, value)
                        for name, value in found.items()
                        if name in query.select
                    }

    def _single_records(self, query: Query) -> Iterator[Row]:
        """Records that are read one by one, by their key."""
        one = legacy_object(query.object)
        if not one.single:
            raise InvalidRequestError(f"no function of the gateway reads {query.object}", fix="look it up in Intacct")
        for key in _values(query.where, RECORDNO) or _values(query.where, one.key):
            data = self.ask(get(one.name, key)).data
            for record in data.children if data is not None else ():
                yield self._row(one, {**record_cells(record), "key": key}, query.select)

    def _row(self, one: LegacyObject, cells: Mapping[str, Value], select: Sequence[object]) -> Row:
        """A record's cells under Intacct's names; missing ones are left out."""
        found: dict[str, Value] = {}
        for name in (name for name in select if isinstance(name, str)):
            known = next((cell for cell in one.answer_names(name) if cell in cells), None)
            if known is not None:
                found[name] = self._value(one.described, name, cells[known])
        return found

    def _value(self, described: ObjectDef, name: str, cell: Value) -> Value:
        if not isinstance(cell, str):
            return cell
        kind = described.kind_of(name) if described.get(name) is not None else Kind.TEXT
        try:
            return parse_value(kind, cell, self.formatting) if kind is Kind.TIMESTAMP else parse_value(kind, cell)
        except RecordError:
            return cell


def _legacy_filter(node: Filter, one: LegacyObject) -> Filter:
    """The filter under the names of the legacy functions."""
    if isinstance(node, And):
        return And(tuple(_legacy_filter(part, one) for part in node.parts))
    if isinstance(node, Or):
        return Or(tuple(_legacy_filter(part, one) for part in node.parts))
    assert isinstance(node, Compare)
    return Compare(one.filter_name(node.field), node.op, node.values)


def _values(node: Filter | None, name: str) -> list[str]:
    """The values that a filter allows for a field."""
    if isinstance(node, And):
        return next((found for part in node.parts if (found := _values(part, name))), [])
    if isinstance(node, Compare) and node.field == name and node.op in (Op.EQUALTO, Op.IN):
        return [str(value) for value in node.values]
    return []


def _line_fields(places: Mapping[str, str], cells: Mapping[str, Value], described: ObjectDef) -> dict[str, Value]:
    """A line's cells under Intacct's names; of two names for one element, both."""
    found = {name: cells[place] for name, place in places.items() if place in cells}
    return {name: cells[name.lower()] for name in described.fields if name.lower() in cells} | found
