"""Records of the REST interface as JSON: flat with dotted names in a query, nested where one record is read.

A pair's records are rows of the XML interface. The text of each field comes from the row's held_as cell, or along a
relation from another record; `values` makes it JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.company.relations import linked, resolve
from intacct_emulator.rest.catalogue import ObjectPair, RestField, pairs
from intacct_emulator.rest.values import empty, from_cell, needs_no_escape, to_json, words_of
from intacct_emulator.settings.cells import Row, unescaped

_REFERENCE_PARTS = ("key", "id", "name", "href")


@dataclass(frozen=True, slots=True)
class RestColumn:
    """One field of a pair as a column of XML rows."""

    name: str
    """The REST name, dotted."""
    xml: str
    """The name or path in the XML interface; empty if the field is always null."""
    definition: RestField
    value: Callable[[str], Any]
    """From a text, never empty, to JSON."""
    blank: Any = None
    """What an empty text is."""
    searchable: bool = True
    """Whether filters and orders can use it."""
    json: Callable[[bytes], bytes] | None = None
    """From the bytes of a cell, never empty, to JSON, if there is a shorter way than `value`."""

    def of(self, text: str) -> Any:
        """The JSON of a cell's text."""
        return self.value(text) if text else self.blank

    def json_of(self, cells: Sequence[bytes]) -> tuple[bytes, Sequence[bytes]]:
        """How the cells of a page become JSON: a template with the place of a value, and the values.

        A template without a place is the same for every row.
        """
        if not any(cells):
            return msgspec.json.encode(self.blank).replace(b"%", b"%%"), ()
        if self.is_plain and all(cells) and needs_no_escape(b"".join(cells)):
            return b'"%b"', cells
        write = self.json or (lambda cell: msgspec.json.encode(self.value(unescaped(cell))))
        shown = {cell: write(cell) for cell in {*cells} if cell}
        shown[b""] = msgspec.json.encode(self.blank)
        return b"%b", list(map(shown.__getitem__, cells))

    @property
    def is_plain(self) -> bool:
        """Whether a text is JSON as it is."""
        return self.value is str


class Columns:
    """The columns of a company's pairs, each columns once."""

    def __init__(self, company: CompanyData) -> None:
        self._company = company
        self._columns: dict[tuple[str, str], RestColumn | None] = {}

    def column(self, pair: ObjectPair, name: str) -> RestColumn | None:
        """The column of a field, also of a related record's; None if the object has no such field."""
        key = (pair.rest.name, name)
        if key not in self._columns:
            self._columns[key] = self._make(pair, name)
        return self._columns[key]

    def _make(self, pair: ObjectPair, name: str) -> RestColumn | None:
        definition = pair.rest.fields.get(name)
        if definition is not None and not definition.is_value:
            return None
        if definition is None:
            return self._related(pair, name)
        if name == "href" or name.endswith(".href"):
            return self._link(pair, name, definition)
        path = self.path(pair, name)
        if not path:
            return self._looked_up(pair, name, definition)
        words = words_of(pair.xml, pair.fields.get(name, path), self._company.behaviour)
        value, blank = from_cell(definition, words), empty(definition)
        return RestColumn(name, path, definition, value, blank, json=to_json(definition, words))

    def _looked_up(self, pair: ObjectPair, name: str, definition: RestField) -> RestColumn:
        """A part of a reference to which no relation of the XML object leads: it is looked up by the other part.

        It can be selected, and no filter or order can use it.
        """
        reference, _, part = name.rpartition(".")
        target = pairs().get(pair.rest.reference(reference)) if reference else None
        for held_part in ("id", "key"):
            held = pair.fields.get(f"{reference}.{held_part}", "")
            if target is not None and held and part in target.fields and held_part in target.fields:
                look_up = self._lookup(target, held_part, part)
                return RestColumn(name, held, definition, look_up, searchable=False)
        return RestColumn(name, "", definition, str, empty(definition), searchable=False)

    def _lookup(self, target: ObjectPair, held_part: str, other_part: str) -> Callable[[str], Any]:
        company, by, shown = self._company, target.fields[held_part], target.fields[other_part]
        value = from_cell(target.rest.fields[other_part], words_of(target.xml, shown, self._company.behaviour))

        def look_up(text: str) -> Any:
            cell = linked(company, target.xml, by, text).get(shown)
            return value(cell) if cell else None

        return look_up

    def path(self, pair: ObjectPair, name: str) -> str:
        """The name or path of a field in the XML interface; empty if it has none.

        A part of a reference that the XML object does not hold itself comes along a relation to the other record.
        """
        held_as = pair.fields.get(name, "")
        if held_as:
            return held_as
        reference, _, part = name.rpartition(".")
        target = pairs().get(pair.rest.reference(reference)) if reference else None
        field_name = target.fields.get(part, "") if target is not None and part in _REFERENCE_PARTS else ""
        return self._along(pair, reference, target, field_name) if target is not None and field_name else ""

    def _along(self, pair: ObjectPair, reference: str, target: ObjectPair, field_name: str) -> str:
        """The path to a field of the record that a reference names; empty if no relation leads there."""
        held = {pair.fields.get(f"{reference}.{part}", "") for part in ("key", "id")} - {""}
        described = self._company.catalog[pair.xml]
        for relation in described.relations.values():
            if relation.object == target.xml and relation.by in held:
                path = f"{relation.path}.{field_name}"
                if resolve(self._company, described, path) is not None:
                    return path
        return ""

    def _related(self, pair: ObjectPair, name: str) -> RestColumn | None:
        """A field of another record, such as `vendor.creditLimit` of a bill."""
        parts = name.split(".")
        for end in range(len(parts) - 1, 0, -1):
            reference, rest = ".".join(parts[:end]), ".".join(parts[end:])
            target = pairs().get(pair.rest.reference(reference))
            if target is None:
                continue
            definition = target.rest.fields.get(rest)
            if definition is None or not definition.is_value:
                return None
            held_as = target.fields.get(rest, "")
            path = self._along(pair, reference, target, held_as) if held_as else ""
            value = from_cell(definition, words_of(target.xml, held_as, self._company.behaviour))
            return RestColumn(name, path, definition, value, empty(definition))
        return None

    def _link(self, pair: ObjectPair, name: str, definition: RestField) -> RestColumn:
        reference = name.rpartition(".")[0]
        target = pair.rest.reference(reference) if reference else pair.rest.name
        key = self.column(pair, f"{reference}.key" if reference else "key") if target else None

        def link(text: str) -> str | None:
            held = None if key is None else key.of(text)
            return None if held is None else href(target, held)

        return RestColumn(name, "" if key is None else key.xml, definition, link, searchable=False)

    def of_record(self, pair: ObjectPair) -> list[RestColumn]:
        """Every field that holds a value, in the order of the specification."""
        columns = (self.column(pair, name) for name in pair.rest.fields)
        return [column for column in columns if column is not None]


def nested(values: Mapping[str, Any], definitions: Mapping[str, RestField]) -> dict[str, Any]:
    """A record with groups inside each other, from values by dotted name. A reference without a key is null."""
    record: dict[str, Any] = {}
    for name, value in values.items():
        *groups, last = name.split(".")
        place = record
        for group in groups:
            inner = place.get(group)
            if not isinstance(inner, dict):
                inner = place[group] = {}
            place = inner
        place[last] = value
    return _without_empty_references(record, definitions, "")


def _without_empty_references(
    record: dict[str, Any], definitions: Mapping[str, RestField], prefix: str
) -> dict[str, Any]:
    for name, value in record.items():
        if not isinstance(value, dict):
            continue
        path = f"{prefix}{name}"
        _without_empty_references(value, definitions, f"{path}.")
        if path in definitions and definitions[path].type == "ref" and value.get("key") is None and not value.get("id"):
            value.pop("href", None)
    return record


def flattened(document: Mapping[str, Any], definitions: Mapping[str, RestField]) -> dict[str, Any]:
    """The values of a sent record by dotted name; lists stay lists, and a group that is null sets each of its parts."""
    flat: dict[str, Any] = {}

    def add(value: Any, name: str) -> None:
        definition = definitions.get(name)
        grouped = definition is None or definition.type in ("ref", "object", "oneOf:object")
        if isinstance(value, Mapping) and grouped:
            for part, inner in value.items():
                add(inner, f"{name}.{part}" if name else str(part))
        elif value is None and definition is not None and definition.type == "ref":
            flat[f"{name}.id"] = None
        else:
            flat[name] = value

    add(document, "")
    return flat


def row_of_key(company: CompanyData, pair: ObjectPair, key: str) -> tuple[int, Row] | None:
    """The number and the row of a record by its REST key; None if there is none."""
    name = pair.fields.get("key", "RECORDNO")
    table = company.table(pair.xml)
    for number in table.find(name, key):
        row = table.get(number)
        if row is not None:
            return number, row
    return None


def href(pair_name: str, key: str) -> str:
    """The address of a record."""
    return f"/objects/{pair_name}/{key}"
