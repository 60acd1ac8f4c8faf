"""Values that a mapping looks up in the company: the field of the one record that has a key."""

from collections.abc import Iterable, Mapping

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.mapping.language import OR
from intacct_bridge.mapping.rules import LookupRequest
from intacct_protocol.errors import NotPermittedError, RecordError, RefusedError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.query import Filter, Query
from intacct_protocol.model.query.query import field as field_named
from intacct_protocol.model.text_forms import with_forms
from intacct_protocol.model.wording import listed
from intacct_protocol.xml.values import Value, parse_value

_AT_ONCE = 500
_TAKEN_BACK = ("Reversed", "Reversal")
"""States of a document that was reversed, and of the one that reversed it: their number is free for another."""
_Place = tuple[str, tuple[str, ...]]
"""An object and the fields of which one has the value."""


class Lookups:
    """The values that one company gives for lookups. None is asked for twice."""

    def __init__(self, company: Gateway) -> None:
        self._company = company
        self._rows: dict[_Place, dict[str, list[Row]]] = {}
        self._looked_up: dict[_Place, set[str]] = {}
        self._fields: dict[str, set[str]] = {}
        self._refused: dict[str, str] = {}

    def learn(self, requests: Iterable[LookupRequest]) -> None:
        """Look up everything that is not known yet."""
        pending = list(requests)
        while pending:
            self._learn(pending)
            pending = [one.otherwise for one in pending if one.otherwise is not None and not self._matching(one)]

    def _learn(self, requests: Iterable[LookupRequest]) -> None:
        new: dict[_Place, dict[str, Value]] = {}
        for request in requests:
            place = (request.object, request.fields)
            names = self._fields.setdefault(request.object, set())
            further = (name for names_of_one, _ in request.by[1:] for name in names_of_one.split(OR))
            more = {request.give, *request.fields, *further} - names
            if more and names:
                self._forget(request.object)  # the known rows lack a field
            names |= more
            text = equal_form(request.by[0][1])
            if text and text not in self._looked_up.get(place, set()):
                new.setdefault(place, {})[text] = request.by[0][1]
        for place, values in new.items():
            self._ask(place, values)

    def answer(self, request: LookupRequest) -> Value:
        """The value that is looked up. RecordError if no record, several records or an inactive one has the key."""
        rows = self._matching(request)
        text = comparable(request.by[0][1])
        if not rows and request.otherwise is not None:
            try:
                return self.answer(request.otherwise)
            except RecordError as error:
                raise RecordError(f"{self._not_found(request)}; {error.message}", fix=error.fix) from None
        if not rows:
            raise RecordError(
                self._not_found(request), fix="" if request.object in self._refused else "check its spelling"
            )
        record = f"{request.object} with {listed(request.fields, 'or')} {text!r}"
        rows = [row for row in rows if comparable(row.get("STATE")) not in _TAKEN_BACK]
        if not rows:
            raise RecordError(f"the {record} is reversed", fix="enter it again first, or name another")
        if len(rows) > 1:
            choices = ", ".join(comparable(row.get(request.give)) for row in rows[:5])
            raise RecordError(f"the company has more than one {record} ({choices})", fix=f"give its {request.give}")
        if comparable(rows[0].get("STATUS")).startswith("inactive") and not any(
            n == "STATUS" for n, _ in request.by[1:]
        ):
            raise RecordError(f"the {record} is inactive", fix="use another, or make it active in Intacct")
        return rows[0].get(request.give)

    def _matching(self, request: LookupRequest) -> list[Row]:
        """The records that a request means."""
        text = equal_form(request.by[0][1])
        return [
            row
            for row in self._rows.get((request.object, request.fields), {}).get(text, [])
            if all(
                equal_form(one) in (equal_form(row.get(by)) for by in name.split(OR)) for name, one in request.by[1:]
            )
        ]

    def _not_found(self, request: LookupRequest) -> str:
        text = comparable(request.by[0][1])
        if request.object in self._refused:
            return f"{request.object} cannot be read to look up {text!r}: {self._refused[request.object]}"
        record = f"{request.object} with {listed(request.fields, 'or')} {text!r}"
        if self._rows.get((request.object, request.fields), {}).get(equal_form(request.by[0][1])):
            others = [f"{listed(name.split(OR), 'or')} {comparable(one)!r}" for name, one in request.by[1:]]
            return f"the company has {record}, but none with {listed(others)}"
        return f"the company has no {record}"

    def _forget(self, name: str) -> None:
        for place in [place for place in self._rows if place[0] == name]:
            del self._rows[place]
            self._looked_up.pop(place, None)

    def _ask(self, place: _Place, values: Mapping[str, Value]) -> None:
        name, fields = place
        rows_by_text = self._rows.setdefault(place, {})
        self._looked_up.setdefault(place, set()).update(values)
        try:
            described = self._company.describe(name)
            select = self._select(described, fields)
            for batch in batched(values.items(), _AT_ONCE):
                where = _any_of(described, fields, dict(batch))
                if where is None:
                    continue
                for row in self._company.query(Query(name, select, where=where, show_private=True)):
                    for text in {equal_form(row.get(by)) for by in fields}.intersection(values):
                        rows_by_text.setdefault(text, []).append(row)
        except (NotPermittedError, RefusedError) as error:
            self._refused[name] = error.message

    def _select(self, described: ObjectDef, fields: tuple[str, ...]) -> tuple[str, ...]:
        names = dict.fromkeys((*fields, *sorted(self._fields.get(described.name, ())), "STATUS", "STATE"))
        return tuple(name for name in names if described.get(name) is not None)


def _any_of(described: ObjectDef, fields: tuple[str, ...], values: Mapping[str, Value]) -> Filter | None:
    """The filter for the records of which one of these fields has one of these values; None if none can."""
    condition: Filter | None = None
    for by in fields:
        readable = _readable(described, by, values)
        if readable:
            has_one = field_named(by).is_in(readable)
            condition = has_one if condition is None else condition | has_one
    return condition


def _readable(described: ObjectDef, by: str, values: Mapping[str, Value]) -> list[Value]:
    """The values as the field's kind, without those that cannot be of that kind; these are not found."""
    readable: list[Value] = []
    for value in with_forms(one.strip() if isinstance(one, str) else one for one in values.values()):
        try:
            readable.append(parse_value(described.kind_of(by), value) if isinstance(value, str) else value)
        except RecordError:
            continue
    return readable
