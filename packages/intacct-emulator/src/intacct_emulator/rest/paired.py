"""Records that both interfaces have: read from the rows of the XML interface, and written by its functions.

A write becomes the generic function `create`, `update` or `delete`, so that rules, postings, numbers and texts are
those of the XML interface. In an update, lines that are not mentioned stay as they are, one with a key is changed, one
with `ia::operation` `delete` goes, and one without a key is new. XML replaces all lines, so the function gets all.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from intacct_emulator.access.rights import can_change
from intacct_emulator.company.relations import columns, resolve_all
from intacct_emulator.company.render import fetch, page_cells, rows_text
from intacct_emulator.handlers.generic import writes
from intacct_emulator.reading.query_request import described_for, visible
from intacct_emulator.rest.catalogue import ObjectPair, RestField, pairs
from intacct_emulator.rest.messages import ErrorDetail, RestRefusedError, invalid_payload, not_found
from intacct_emulator.rest.records import Columns, RestColumn, flattened, href, nested, row_of_key
from intacct_emulator.rest.values import UnfitValueError, check_value, to_cell, words_of
from intacct_emulator.rest.work import RestWork, rule_refusal
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import FunctionRefusedError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import Owner
from intacct_protocol.xml.xml import Element, element

OPERATION = "ia::operation"
_ACTIONS = {"draft": "Draft", "submitted": "Submit", "posted": "Submit", "submit": "Submit"}
_STATES_AS_ACTIONS = ("APBILL", "APADJUSTMENT", "ARINVOICE", "ARADJUSTMENT", "APPYMT", "ARPYMT")
"""Objects whose state is chosen by ACTION when they are created or changed."""
_BY_NUMBER = ("key",)


class PairedRecords:
    """The records of one pair, for one request."""

    def __init__(self, work: RestWork, pair: ObjectPair, columns_of_pairs: Columns) -> None:
        self._work, self._pair, self._columns = work, pair, columns_of_pairs

    @property
    def _described(self) -> ObjectDef:
        return self._work.company.find(self._pair.xml)

    # --- reading

    def check_right(self, operation: str) -> None:
        """Raise RestRefusedError if the user may not do this."""
        try:
            described_for(self._work.call(Element(operation.lower())), operation, self._pair.xml)
        except FunctionRefusedError as error:
            raise rule_refusal(error.faults) from None

    def read(self, key: str) -> dict[str, Any]:
        """One record with its groups, references and lines. Raises RestRefusedError."""
        self.check_right("READ")
        number, row = self.row_of(key)
        picked = self._columns.of_record(self._pair)
        [values] = values_of(self._work, self._pair, picked, [number])
        record = dict(zip((column.name for column in picked), values, strict=True))
        for name, of in self._pair.rest.lists.items():
            record[name] = self._lines(of, row)
        return nested(record, self._pair.rest.fields)

    def may(self, key: str, method: str, *, private: bool) -> bool:
        """Whether the user may `get`, `update` or `delete` a record; `private` as in `row_of`."""
        operation = {"get": "read"}.get(method, method)
        try:
            self.check_right("READ")
            self.check_right(operation.upper())
            _, row = self.row_of(key, private=private)
            return method == "get" or can_change(self._work.call(Element(operation)), self._described, row, operation)
        except (RestRefusedError, FunctionRefusedError):
            return False

    def row_of(self, key: str, *, private: bool = True) -> tuple[int, Row]:
        """The number and the row of a record that the session may see. Raises RestRefusedError.

        `private` shows the records of entities to the top level.
        """
        reached = row_of_key(self._work.company, self._pair, key)
        owners = visible(self._work.call(Element("read")), self._described, show_private=private)
        if reached is None or (owners is not None and reached[1].get("MEGAENTITYID", "") not in owners):
            raise not_found(f"{self._pair.rest.name} {key}")
        return reached

    def _owner(self, of: str) -> tuple[ObjectPair, Owner] | None:
        """How lines of another object stand under this one."""
        target = pairs().get(of)
        if target is None:
            return None
        owner = next((one for one in self._work.company.line_sets(self._pair.xml) if one.line == target.xml), None)
        return None if owner is None else (target, owner)

    def _line_numbers(self, owner: Owner, header: Row) -> list[int]:
        return sorted(self._work.company.table(owner.line).find(owner.by, header.get(owner.key, "")))

    def _lines(self, of: str, header: Row) -> list[dict[str, Any]]:
        reached = self._owner(of)
        if reached is None:
            return []
        target, owner = reached
        picked = self._columns.of_record(target)
        names = [column.name for column in picked]
        rows = values_of(self._work, target, picked, self._line_numbers(owner, header))
        return [nested(dict(zip(names, values, strict=True)), target.rest.fields) for values in rows]

    # --- writing

    def create(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Create a record; its reference. Raises RestRefusedError."""
        parts = self._elements(self._pair, payload, new=True, place="")
        body = Element("create", "", (Element(self._pair.xml, "", tuple(parts)),))
        answer = self._work.run(writes.enter, body, self._names)
        return self._reference(answer.data)

    def update(self, key: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Change the sent fields of a record; its reference. Raises RestRefusedError."""
        _, row = self.row_of(key)
        parts = self._elements(self._pair, payload, new=False, place="", header=row)
        record = (element(self._pair.fields["key"], key), *parts)
        body = Element("update", "", (Element(self._pair.xml, "", record),))
        answer = self._work.run(writes.update, body, self._names)
        return self._reference(answer.data)

    def delete(self, key: str) -> None:
        """Delete a record. Raises RestRefusedError."""
        _, row = self.row_of(key)
        natural = row.get(self._pair.fields["key"], key)
        body = Element("delete", "", (element("object", self._pair.xml), element("keys", natural)))
        self._work.run(writes.delete, body, self._names)

    @property
    def _names(self) -> dict[str, str]:
        """The REST names of the XML fields of the record and of its lines, for the messages of refusals."""
        targets = [pairs()[of] for of in self._pair.rest.lists.values() if of in pairs()]
        return {
            xml: name
            for pair in (*targets, self._pair)
            for name, xml in pair.fields.items()
            if not name.endswith("key")
        }

    def _reference(self, data: Element | None) -> dict[str, Any]:
        key = data.children[0].findtext(self._pair.fields["key"]) if data is not None and data.children else ""
        reached = row_of_key(self._work.company, self._pair, key)
        identity = (reached[1] if reached else {}).get(self._pair.fields.get("id", ""), key)
        return {"key": key, "id": identity, "href": href(self._pair.rest.name, key)}

    def _elements(
        self, pair: ObjectPair, payload: Mapping[str, Any], *, new: bool, place: str, header: Row | None = None
    ) -> list[Element]:
        """The elements of a record from its payload. Raises RestRefusedError that names every wrong field."""
        flat = flattened(payload, pair.rest.fields)
        problems = list(payload_problems(pair.rest.fields, flat, pair.rest.readonly_on_update, new=new, place=place))
        if problems:
            raise invalid_payload(problems)
        cells: dict[str, str] = {}
        parts: list[Element] = []
        for name, value in flat.items():
            if name in pair.rest.lists:
                parts += self._line_elements(pair, name, value, place=f"{place}/{name}", header=header)
            elif name in ("state", "action") and pair.xml in _STATES_AS_ACTIONS:
                cells["ACTION"] = _ACTIONS.get(str(value), str(value))
            elif name in pair.fields:
                definition = pair.rest.fields[name]
                xml = self._work.company.find(pair.xml).get(pair.fields[name])
                cells[pair.fields[name]] = to_cell(
                    definition, value, xml, words_of(pair.xml, pair.fields[name], self._work.behaviour)
                )
        cells = self._resolved(pair, flat, cells, place)
        return [*_tree(cells), *parts]

    def _resolved(self, pair: ObjectPair, flat: Mapping[str, Any], cells: dict[str, str], place: str) -> dict[str, str]:
        """The cells with each reference under the name that XML takes, also if it was sent by its key only."""
        for name in flat:
            reference, _, part = name.rpartition(".")
            if part != "key" or not reference or flat[name] in (None, ""):
                continue
            target = pairs().get(pair.rest.reference(reference))
            field_name = pair.fields.get(f"{reference}.id", "")
            if target is None or not field_name or "id" not in target.fields:
                continue
            reached = row_of_key(self._work.company, target, str(flat[name]))
            if reached is None:
                message = f"{target.rest.name} {flat[name]} does not exist"
                pointer = f"{place}/{name.replace('.', '/')}"
                details = [ErrorDetail(message, target=pointer, code="invalidReference")]
                raise RestRefusedError(422, "operationFailed", message, details=details)
            identity = reached[1].get(target.fields["id"], "")
            sent = flat.get(f"{reference}.id")
            if sent not in (None, "", identity) and self._work.behaviour.rest_key_and_id == "refused":
                message = f"{reference} has the key of {identity!r} and the id {sent!r}"
                raise invalid_payload([ErrorDetail(message, "REST-1043", f"{place}/{reference}")])
            cells[field_name] = identity
            cells.pop(pair.fields.get(name, ""), None)
        return cells

    def _line_elements(
        self, pair: ObjectPair, name: str, sent: Any, *, place: str, header: Row | None
    ) -> Iterator[Element]:
        """The wrapper of a record's lines; in an update, with the lines that stay."""
        reached = self._owner(pair.rest.lists[name])
        if not isinstance(sent, list) or not all(isinstance(line, Mapping) for line in sent):
            raise invalid_payload([ErrorDetail(f"{name} is not a list of lines", "REST-1043", place)])
        if reached is None:
            if sent:
                text = f"The emulator keeps no {name} of {pair.rest.name}"
                raise RestRefusedError(422, "operationFailed", text, details=[ErrorDetail(text, target=place)])
            return
        target, owner = reached
        stored = {} if header is None else self._stored_lines(target, owner, header)
        line_elements: dict[str, list[Element]] = {key: self._as_sent(target, row) for key, row in stored.items()}
        if not sent and header is not None and self._work.behaviour.rest_empty_lines == "cleared":
            line_elements = {}
        added: list[list[Element]] = []
        for at, line in enumerate(sent):
            spot = f"{place}/{at}"
            key = str(line.get("key") or "")
            if not key:
                fields = {part: value for part, value in line.items() if part != OPERATION}
                added.append(self._elements(target, fields, new=True, place=spot))
            elif key not in line_elements:
                if self._work.behaviour.rest_unknown_line == "refused":
                    raise invalid_payload([ErrorDetail(f"There is no line with the key {key}", "REST-1043", spot)])
            elif line.get(OPERATION) == "delete":
                del line_elements[key]
            else:
                fields = {part: value for part, value in line.items() if part not in ("key", OPERATION)}
                changes = self._elements(target, fields, new=False, place=spot)
                changed = {part.tag for part in changes}
                line_elements[key] = [*(part for part in line_elements[key] if part.tag not in changed), *changes]
        tag = target.xml.lower() if owner.wrapper == "ITEMS" else target.xml
        records = (Element(tag, "", tuple(parts)) for parts in (*line_elements.values(), *added))
        yield Element(owner.wrapper or f"{target.xml}S", "", tuple(records))

    def _stored_lines(self, target: ObjectPair, owner: Owner, header: Row) -> dict[str, Row]:
        table = self._work.company.table(owner.line)
        rows = (table.get(number) or {} for number in self._line_numbers(owner, header))
        return {row.get(target.fields["key"], ""): row for row in rows}

    def _as_sent(self, target: ObjectPair, row: Row) -> list[Element]:
        """The elements that enter a stored line again."""
        writable = {
            field_name
            for name, field_name in target.fields.items()
            if not target.rest.fields[name].read_only and not name.endswith(_BY_NUMBER)
        }
        cells = {name: row[name] for name in row if name in writable}
        return [element(target.fields["key"], row.get(target.fields["key"], "")), *_tree(cells)]


def values_of(
    work: RestWork, pair: ObjectPair, picked: Sequence[RestColumn], numbers: Sequence[int]
) -> Iterator[list[Any]]:
    """The values of these columns in each row, as JSON."""
    described = work.company.find(pair.xml)
    paths = resolve_all(work.company, described, [column.xml for column in picked if column.xml])
    chosen = [path for path in dict.fromkeys(paths.values()) if path is not None]
    place = {path: at for at, path in enumerate(chosen)}
    at = [place.get(path) if (path := paths.get(column.xml)) is not None else None for column in picked]
    columns_of_pairs = list(zip(picked, at, strict=True))
    table = work.company.table(described)
    for texts in rows_text(table, fetch(table, numbers), columns(work.company, chosen)):
        yield [column.blank if where is None else column.of(texts[where]) for column, where in columns_of_pairs]


def rows_json(
    work: RestWork, pair: ObjectPair, picked: Sequence[RestColumn], names: Sequence[str], numbers: Sequence[int]
) -> msgspec.Raw:
    """The same as the JSON of flat rows. Each text of a column becomes JSON once for a page, and rows are filled in."""
    described = work.company.find(pair.xml)
    paths = resolve_all(work.company, described, [column.xml for column in picked if column.xml])
    chosen = [path for path in dict.fromkeys(paths.values()) if path is not None]
    place = {path: at for at, path in enumerate(chosen)}
    cells = page_cells(work.company.table(described), numbers, columns(work.company, chosen))
    if not cells:
        return msgspec.Raw(b"[]")
    by_column = list(zip(*cells, strict=True)) if chosen else []
    filled: list[Sequence[bytes]] = []
    marks: list[bytes] = []
    for name, column in zip(names, picked, strict=True):
        path = paths.get(column.xml)
        texts = by_column[place[path]] if path is not None else ()
        shown, values = column.json_of(texts)
        marks.append(msgspec.json.encode(name).replace(b"%", b"%%") + b":" + shown)
        filled += [values] if b"%b" in shown else []
    row = b"{" + b",".join(marks) + b"}"
    rows = [row % values for values in zip(*filled, strict=True)] if filled else [row % ()] * len(cells)
    return msgspec.Raw(b"[" + b",".join(rows) + b"]")


def payload_problems(
    definitions: Mapping[str, RestField], flat: Mapping[str, Any], fixed: Collection[str], *, new: bool, place: str
) -> Iterator[ErrorDetail]:
    """What is wrong with the fields of a payload: unknown, read-only, or with values that they cannot hold.

    `fixed` are those that an update cannot change.
    """
    for name, value in flat.items():
        target = f"{place}/{name.replace('.', '/')}"
        definition = definitions.get(name)
        if definition is None and not name.split("::")[0].endswith("nsp"):
            yield ErrorDetail(f"{target} is not a valid field", "REST-1043", target)
        elif definition is not None and definition.read_only and name.rpartition(".")[2] not in ("href", "name"):
            yield ErrorDetail(f"{target} is a read-only field", "REST-1043", target)
        elif not new and name in fixed:
            yield ErrorDetail(f"{target} cannot be changed", "REST-1043", target)
        elif definition is not None and definition.is_value:
            try:
                check_value(definition, value)
            except UnfitValueError as error:
                yield ErrorDetail(f"{target}: {error}", "REST-1043", target)


def _tree(cells: Mapping[str, str]) -> list[Element]:
    """Elements of cells, those with dotted names inside each other."""
    grouped: dict[str, dict[str, str]] = {}
    order: list[str] = []
    for name, text in cells.items():
        first, dot, rest = name.partition(".")
        if first not in grouped:
            grouped[first] = {}
            order.append(first)
        grouped[first][rest if dot else ""] = text
    return [
        element(name, grouped[name][""]) if "" in grouped[name] else Element(name, "", tuple(_tree(grouped[name])))
        for name in order
    ]
