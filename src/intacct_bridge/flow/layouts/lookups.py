"""Values that a mapping must ask the company for, asked together: one query an object and 500 values.

A value that fits nothing, fits two records or fits an inactive one is an error on the record that used it.
"""

from collections.abc import Iterable, Mapping

from intacct_bridge.errors import NotPermittedError, RecordError, RefusedError
from intacct_bridge.flow.company.gateway import Company, Row
from intacct_bridge.flow.company.legacy import speaking
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.model.batched import batched
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.mapping.rules import Wanted
from intacct_bridge.model.query.query import Query
from intacct_bridge.model.query.query import field as field_named
from intacct_bridge.wire.values import Value, parse_value

_AT_ONCE = 500


class Lookups:
    """What one company answers; nothing is asked twice."""

    def __init__(self, company: Company) -> None:
        self._company = speaking(company)
        self._rows: dict[tuple[str, str], dict[str, list[Row]]] = {}
        self._asked: dict[tuple[str, str], set[str]] = {}
        self._fields: dict[str, set[str]] = {}
        self._refused: dict[str, str] = {}

    def learn(self, wanted: Iterable[Wanted]) -> None:
        """Ask for everything that is not known yet."""
        new: dict[tuple[str, str], dict[str, Value]] = {}
        for one in wanted:
            by, value = one.by[0]
            place = (one.object, by)
            names = self._fields.setdefault(one.object, set())
            more = {one.give, *(name for name, _ in one.by)} - names
            if more and names:
                self._forget(one.object)  # the rows that are known lack a field
            names |= more
            text = comparable(value)
            if text and text not in self._asked.get(place, set()):
                new.setdefault(place, {})[text] = value
        for (name, by), values in new.items():
            self._ask(name, by, values)

    def answer(self, wanted: Wanted) -> Value:
        """The value that stands for this one. RecordError where none or several do, or where it is inactive."""
        (by, value), *others = wanted.by
        text = comparable(value)
        if wanted.object in self._refused:
            raise RecordError(f"{wanted.object} cannot be read to look up {text!r}: {self._refused[wanted.object]}")
        rows = [
            row
            for row in self._rows.get((wanted.object, by), {}).get(text, [])
            if all(comparable(row.get(name)) == comparable(one) for name, one in others)
        ]
        said = f"{wanted.object} with {by} {text!r}"
        if not rows:
            raise RecordError(f"the company has no {said}", fix="check its spelling")
        if len(rows) > 1:
            found = ", ".join(comparable(row.get(wanted.give)) for row in rows[:5])
            raise RecordError(f"the company has more than one {said} ({found})", fix=f"give its {wanted.give}")
        if comparable(rows[0].get("STATUS")).startswith("inactive") and not any(n == "STATUS" for n, _ in others):
            raise RecordError(f"the {said} is inactive", fix="use another, or make it active in Intacct")
        return rows[0].get(wanted.give)

    def _forget(self, name: str) -> None:
        for place in [place for place in self._rows if place[0] == name]:
            del self._rows[place]
            self._asked.pop(place, None)

    def _ask(self, name: str, by: str, values: Mapping[str, Value]) -> None:
        found = self._rows.setdefault((name, by), {})
        self._asked.setdefault((name, by), set()).update(values)
        try:
            described = self._company.describe(name)
            select = self._select(described, by)
            for some in batched(_readable(described, by, values), _AT_ONCE):
                query = Query(name, select, where=field_named(by).is_in(some), show_private=True)
                for row in self._company.query(query):
                    found.setdefault(comparable(row.get(by)), []).append(row)
        except (NotPermittedError, RefusedError) as error:
            self._refused[name] = error.message

    def _select(self, described: ObjectDef, by: str) -> tuple[str, ...]:
        names = dict.fromkeys((by, *sorted(self._fields.get(described.name, ())), "STATUS"))
        return tuple(name for name in names if described.get(name) is not None)


def _readable(described: ObjectDef, by: str, values: Mapping[str, Value]) -> list[Value]:
    """The values as the field's kind; one that cannot be of that kind is looked for by nobody, and so not found."""
    found: list[Value] = []
    for text, value in values.items():
        try:
            found.append(parse_value(described.kind_of(by), text) if isinstance(value, str) else value)
        except RecordError:
            continue
    return found
