"""`read`, `readByName` and `readRelated`: whole records by key, with their lines inside them.

Dotted fields are nested here, unlike in `query`. An unknown key gives fewer rows; an unknown field is refused. Lines
come with `*` or if their wrapper is named.
"""

from collections.abc import Container, Iterable, Sequence
from itertools import islice

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.company.relations import Column, Path, columns, linked_key, resolve
from intacct_emulator.company.render import in_format
from intacct_emulator.ledger.computed_objects import refresh
from intacct_emulator.reading.query import CONTENT_TYPES, bare
from intacct_emulator.reading.query_request import all_columns, described_for, visible
from intacct_emulator.records.owned_parts import part_names, parts_of
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import FunctionRefusedError, not_for, refused, too_many
from intacct_protocol.errors import Fault
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import Owner, natural_key
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind
from intacct_protocol.xml.xml import Element, element

MOST_KEYS = 100


def read(call: FunctionCall) -> FunctionAnswer:
    """Records by record number."""
    described = described_for(call, "READ", call.body.findtext("object").strip())
    return _read(call, described, call.company.table(described).plan.key)


def read_by_name(call: FunctionCall) -> FunctionAnswer:
    """Records by their natural key."""
    described = described_for(call, "READ_BY_NAME", call.body.findtext("object").strip())
    return _read(call, described, natural_key(described.name) or call.company.table(described).plan.key)


def read_related(call: FunctionCall) -> FunctionAnswer:
    """The records that a relation of custom objects leads to."""
    described = described_for(call, "READ_RELATED", call.body.findtext("object").strip())
    if "createdAt" not in described.fields:
        raise not_for(described.name, "READ_RELATED")
    relation = described.relation(call.body.findtext("relation").strip())
    if relation is None or relation.object not in call.company.catalog:
        raise refused(f"The relation '{call.body.findtext('relation')}' is not valid for {described.name}.")
    target = call.company.catalog[relation.object]
    table, other = call.company.table(described), call.company.table(target)
    rows: list[Row] = []
    for key in filter(None, (text.strip() for text in call.body.findtext("keys").split(","))):
        for number in table.find(table.plan.key, key):
            text = (table.get(number) or {}).get(relation.by, "")
            rows += [other.get(one) or {} for one in other.find(linked_key(described, relation, target), text)]
    fields = [name.strip() for name in call.body.findtext("fields").split(",") if name.strip() not in ("", "*")]
    names = fields or [column.field for column in all_columns(call.company, target)]
    tag = target.name.lower()
    elements = tuple(Element(tag, "", tuple(element(name, row.get(name, "")) for name in names)) for row in rows)
    return FunctionAnswer(Element("data", "", elements, {"listtype": tag, "count": str(len(elements))}))


def _read(call: FunctionCall, described: ObjectDef, key: str) -> FunctionAnswer:
    keys = [text.strip() for text in call.body.findtext("keys").split(",") if text.strip()]
    if len(keys) > MOST_KEYS:
        too_many(call.name, MOST_KEYS, call.company.behaviour)
    columns, owned, parts = _columns_to_read(call, described, call.body.findtext("fields").strip())
    formatting = call.session.user.formatting
    refresh(call.company, described.name, None)
    rows = _rows_by_keys(call, described, key, keys)
    return_format = call.body.findtext("returnFormat").strip()
    if return_format in CONTENT_TYPES:
        texts = ([_text(row, column, formatting) for column in columns] for row in rows)
        return bare(return_format, columns, texts)
    elements = tuple(
        _with_parts(call, described.name, row, _element(call, described.name, row, columns, owned=owned), parts)
        for row in rows
    )
    return FunctionAnswer(Element("data", "", elements, {"listtype": described.name, "count": str(len(elements))}))


def _rows_by_keys(call: FunctionCall, described: ObjectDef, key: str, keys: Sequence[str]) -> list[Row]:
    table = call.company.table(described)
    owners = visible(call, described, show_private=True)
    rows_of_keys: list[Row] = []
    if not keys and call.name == "read" and call.company.behaviour.empty_keys == "first":
        rows = (row for _, row in table.rows())
        return list(islice((row for row in rows if owners is None or row.get("MEGAENTITYID", "") in owners), MOST_KEYS))
    for text in keys:
        for number in table.find(key, text):
            row = table.get(number) or {}
            if owners is None or row.get("MEGAENTITYID", "") in owners:
                rows_of_keys.append(row)
    return rows_of_keys


def _with_parts(call: FunctionCall, name: str, row: Row, record: Element, parts: Container[str]) -> Element:
    """The record with those of its parts that have no object of their own."""
    selected_parts = (one for one in parts_of(call.company, name, row) if one.tag in parts)
    return Element(record.tag, "", (*record.children, *selected_parts), record.attributes)


def _columns_to_read(
    call: FunctionCall, described: ObjectDef, fields: str
) -> tuple[list[Column], list[Owner], Container[str]]:
    """The fields of an answer, the lines inside it, and the parts without an object inside it."""
    owned = [one for one in call.company.line_sets(described.name) if one.wrapper]
    names_of_parts = part_names(described.name)
    if fields in ("", "*"):
        return all_columns(call.company, described), owned, names_of_parts
    selected: list[Path] = []
    wrappers: list[Owner] = []
    parts: list[str] = []
    for name in (part.strip() for part in fields.split(",")):
        wrapper = next((one for one in owned if one.wrapper == name.upper()), None)
        field = resolve(call.company, described, name)
        if wrapper is not None:
            wrappers.append(wrapper)
        elif name.upper() in names_of_parts:
            parts.append(name.upper())
        elif field is not None and not field.steps:
            selected.append(field)
        else:
            raise FunctionRefusedError(Fault(f"Invalid fields list {name}"))
    return columns(call.company, selected), wrappers, parts


def _element(call: FunctionCall, tag: str, row: Row, columns: list[Column], *, owned: Iterable[Owner] = ()) -> Element:
    formatting = call.session.user.formatting
    parts = nested([(column.tag, _text(row, column, formatting)) for column in columns])
    return Element(tag, "", (*parts, *(_lines_element(call, one, row) for one in owned)))


def _lines_element(call: FunctionCall, owned: Owner, header: Row) -> Element:
    table, described = call.company.table(owned.line), call.company.find(owned.line)
    rows = (table.get(number) or {} for number in table.find(owned.by, header.get(owned.key, "")))
    columns = all_columns(call.company, described)
    return Element(owned.wrapper, "", tuple(_element(call, owned.line.lower(), row, columns) for row in rows))


def _text(row: Row, column: Column, formatting: Formatting) -> str:
    text = column.text(row)
    if text and formatting != DEFAULT and column.kind in (Kind.DATE, Kind.TIMESTAMP):
        return in_format(column.kind, text, formatting)
    return text


def nested(leaves: list[tuple[str, str]]) -> tuple[Element, ...]:
    """Dotted names as nested elements, each group in the place of its first field."""
    parts: list[Element | str] = []
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, text in leaves:
        group, dot, rest = name.partition(".")
        if not dot:
            parts.append(element(name, text))
        elif group in groups:
            groups[group].append((rest, text))
        else:
            groups[group] = [(rest, text)]
            parts.append(group)
    return tuple(Element(one, "", nested(groups[one])) if isinstance(one, str) else one for one in parts)
