"""Files in a declared layout: their columns are matched by name, and a mapping is made of what they have.

Rows with the same complete key are one record, wherever they are in the file. A row that leaves all columns of the
record blank is a further line of the record above it. A row with an incomplete key is a record of its own.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.layouts.base import (
    MatchedColumns,
    check_key,
    match_columns,
    missing_columns,
    normalized,
    unused_note,
)
from intacct_bridge.load.layouts.declaration import (
    CARRIED,
    LayoutColumn,
    LayoutDeclaration,
    declarations,
    otherwise_notes,
    second,
)
from intacct_bridge.load.layouts.mapped import ColumnReading, MappedLayout
from intacct_bridge.load.layouts.sides import SIDE, SIDE_CELL, Sides
from intacct_bridge.load.layouts.template import without_example
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.write import Write
from intacct_bridge.load.tables.cells import DateOrder, DateReading, read_date, text_of
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.attachments import FOLDER
from intacct_bridge.load.target.writable import LineSet, WritableObject
from intacct_bridge.mapping.grouping import group_rows
from intacct_bridge.mapping.language import EntityMap, make_map
from intacct_protocol.errors import RecordError, SettingsError
from intacct_protocol.model.catalog import FieldDef, ObjectDef, object_def
from intacct_protocol.model.keys import owner
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.xml.values import Kind


@dataclass(frozen=True, slots=True)
class DeclaredLayout:
    """Reads rows as records by a declaration."""

    declared: LayoutDeclaration
    writable: Callable[[], WritableObject]
    company: Gateway
    date_order: DateOrder | None = None
    draft: bool = False
    clear: bool = False
    key: tuple[str, ...] = ()
    """Columns that identify a record in its source, in place of those that the declaration names."""
    folder: str = FOLDER
    """The attachment folder of its files."""
    complete: bool = True
    """Whether its records have all that is required; an update may have the fields to change only."""
    date_formats: Mapping[str, str] = field(default_factory=dict)
    """The format of dates by column; an empty name stands for all other columns."""
    offline: bool = False
    """Whether the company must not be asked; then only fields that the declaration describes are known."""

    @property
    def object(self) -> str:
        """The object that its records are of."""
        return self.declared.object

    def knows(self, column: str) -> bool:
        """Whether a column of this name has a meaning."""
        return normalized(column) in self.declared.known_names

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether an input with these columns has those that are required."""
        return not self._required(self.declared.missing(columns))

    def _required(self, missing: list[str]) -> list[str]:
        """The missing meanings without which the input cannot be read."""
        return missing if self.complete else [one for one in missing if one in self.declared.group_by]

    def notes(self, table: InputTable) -> tuple[str, ...]:
        """Which columns are not used, and which are used only if another is empty."""
        matched = self.match(table)
        used = {*self._described(table)._native(matched), *self.key}
        left = MatchedColumns(matched.columns, tuple(name for name in matched.unused if name not in used))
        example = without_example(table, self.declared, matched)
        return (*unused_note(left), *otherwise_notes(matched), *(example.notes if example is not table else ()))

    def read(self, table: InputTable) -> Iterator[Write]:
        """Every record in the order of its first row."""
        yield from self._described(table)._read(table)

    def _described(self, table: InputTable) -> "DeclaredLayout":
        """The same layout for this input, with the object as the declaration describes it.

        Such fields are read the same in every company, and without one. The company is asked only if a column may be
        another field of its own.
        """
        if not self.declared.described:
            return self
        standard = replace(_as_declared(self.declared.name), statuses=self.company.connection.statuses)
        layout = replace(self, writable=lambda: standard)
        meanings = self.declared.known_names
        if self.offline or all(
            normalized(name) in meanings or layout._own_field(name.strip())[0] is not None
            for name in table.columns
            if _in_capitals(name)
        ):
            return layout
        company = _with_described(self.writable(), standard)
        return replace(self, writable=lambda: company)

    def _read(self, table: InputTable) -> Iterator[Write]:
        matched = self.match(table)
        table = without_example(table, self.declared, matched)
        self._check_fields(table, matched)
        key = self.key or self._source_key(matched)
        mapped = MappedLayout(
            self._map(matched).with_known(key),
            self.writable(),
            self.company,
            date_order=self.date_order,
            draft=self.draft,
            key=key,
            folder=self.folder,
            date_formats=self.date_formats,
            names=self._names(matched),
            own_columns=self._own_columns(matched),
            strict=False,
            sides=Sides(matched.columns["debit"], matched.columns["credit"]) if self.declared.sides else None,
        )
        yield from mapped.read_groups(table, lambda rows, of: self._grouped(rows, matched, table.constants, of))

    def _check_fields(self, table: InputTable, matched: MatchedColumns) -> None:
        """Raise SettingsError if a column has values for a field that this company does not have."""
        missing: dict[str, LayoutColumn] = {}
        for column_def in self.declared.columns:
            if column_def.field and not self._has_field(column_def):
                missing |= dict.fromkeys(self._columns(column_def.name, matched), column_def)
        for row in table if missing else ():
            for column, column_def in missing.items():
                if text_of(row.cells.get(column)):
                    name = self.declared.field_of(column_def)
                    owner = self.declared.lines if self.declared.is_of_line(column_def) else self.declared.object
                    raise SettingsError(
                        f"{row.position}: the column {column!r} is the field {name}, which this company's {owner} does "
                        "not have",
                        fix="remove the column, or turn on the module that it belongs to",
                    )

    def _has_field(self, column: LayoutColumn) -> bool:
        name = self.declared.field_of(column)
        if not self.declared.is_of_line(column):
            return self.writable().field(name) is not None
        line_set = self.writable().line_set(self.declared.lines)
        return line_set is not None and line_set.field(name) is not None

    def _source_key(self, matched: MatchedColumns) -> tuple[str, ...]:
        """The columns that identify a record in its source, if the declaration has them."""
        named = self.declared.group_by if self.declared.identified else ()
        return tuple(column for one in named for column in self._columns(one, matched))

    def match(self, table: InputTable) -> MatchedColumns:
        """The columns by meaning. Raises SettingsError if a required one is missing."""
        fields = self._described(table).writable().names()
        matched = match_columns(table.columns, self.declared.meanings, source=table.path.name, of_intacct=fields)
        matched = self._unambiguous(matched, table.constants)
        missing = self._required(self.declared.missing_among(matched.columns))
        if missing:
            raise missing_columns(table, missing)
        check_key(table, self.key)
        return matched

    def _unambiguous(self, matched: MatchedColumns, constants: Container[str]) -> MatchedColumns:
        """The columns with the other meaning of an ambiguous one, if the file itself has no column that decides."""
        rule = self.declared.ambiguous
        if rule is None or rule.then in matched.columns:
            return matched
        column, decides = matched.columns.get(rule.means, ""), matched.columns.get(rule.unless)
        if normalized(column) != normalized(rule.name) or (decides is not None and decides not in constants):
            return matched
        others = {meaning: name for meaning, name in matched.columns.items() if meaning != rule.means}
        return replace(matched, columns={**others, rule.then: column})

    def _names(self, matched: MatchedColumns) -> Mapping[str, str]:
        """The column, or else the meaning, of each field."""
        columns: dict[str, str] = {}
        for column_def in sorted(self.declared.columns, key=self.declared.is_of_line):  # those of the record come first
            column = next(self._columns(column_def.name, matched), column_def.name)
            columns.setdefault(self.declared.field_of(column_def), column)
        return columns

    def _own_columns(self, matched: MatchedColumns) -> Mapping[str, Container[str]]:
        """The columns that give each field of the record itself, not as a default or by another field's column."""
        columns: dict[str, list[str]] = {}
        for column_def in self.declared.columns:
            if column_def.field and not self.declared.is_of_line(column_def):
                columns.setdefault(column_def.field, []).extend(self._columns(column_def.name, matched))
        for column, (field_def, of_line) in self._native(matched).items():
            if not of_line:
                columns.setdefault(field_def.name, []).append(column)
        return columns

    def _native(self, matched: MatchedColumns) -> Mapping[str, tuple[FieldDef, bool]]:
        """Columns under Intacct's own names, each with its field and whether that is one of the lines."""
        fields: dict[str, tuple[FieldDef, bool]] = {}
        for column in (name for name in matched.unused if _in_capitals(name)):
            field_def, of_line = self._own_field(column.strip())
            if field_def is not None:
                fields[column] = (field_def, of_line)
        return fields

    def _own_field(self, name: str) -> tuple[FieldDef | None, bool]:
        writable, lines = self.writable(), self.declared.lines
        if name.removeprefix(f"{lines}.") in self.declared.without:
            return None, False
        field_def = writable.field(name)
        if field_def is not None or not lines:
            return field_def, False
        line_set = writable.line_set(lines)
        return (line_set.field(name.removeprefix(f"{lines}.")) if line_set else None), True

    def _map(self, matched: MatchedColumns) -> EntityMap:
        """The mapping of the input's own columns."""
        header: dict[str, list[Any]] = {}
        lines: dict[str, list[Any]] = {}
        for column_def in self.declared.columns:
            rule = self._rule({"from": [column_def.name], **column_def.rule}, matched)
            if column_def.field and rule is not None:
                rule = {"required": True, **rule} if column_def.required and self.complete else rule
                place = lines if self.declared.is_of_line(column_def) else header
                place.setdefault(self.declared.field_of(column_def), []).append(rule)
        for name, further in self.declared.fields.items():
            place = lines if name.startswith(f"{self.declared.lines}.") and self.declared.lines else header
            rules_of_field = place.setdefault(name.removeprefix(f"{self.declared.lines}."), [])
            rules_of_field += [
                further_rule for rule in _several(further) if (further_rule := self._rule(rule, matched)) is not None
            ]
        for column, (field_def, of_line) in self._native(matched).items():
            (lines if of_line else header).setdefault(field_def.name, []).append({"from": [column]})
        document: dict[str, Any] = {
            "object": self.declared.object,
            "rest": "drop",
            "empty": "clear" if self.clear else "skip",
            "fields": {name: rules for name, rules in header.items() if rules},
            "carry": {name: matched.columns[name] for name in CARRIED if name in matched.columns},
        }
        states = (self._rule({"from": [column.name], **column.rule}, matched) for column in self.declared.states)
        document["state"] = [rule for rule in states if rule is not None]
        if self.declared.total.get("from") in matched.columns:
            document["total"] = self._total(matched)
        if lines:
            document["lines"] = [{"object": self.declared.lines, "fields": lines}]
        return make_map(document, self.declared.name)

    def _total(self, matched: MatchedColumns) -> dict[str, Any]:
        """The check of the stated total, with the input's columns in place of meanings."""
        parts = {name: meanings for name, meanings in self.declared.total.items() if name != "from"}
        columns = matched.columns
        return {
            "from": columns[self.declared.total["from"]],
            **{name: [columns[part] for part in meanings if part in columns] for name, meanings in parts.items()},
        }

    def _rule(self, rule: Mapping[str, Any], matched: MatchedColumns) -> dict[str, Any] | None:
        """A rule with the input's columns in place of meanings; None if the input has none of them."""
        filled = {name: value for name, value in rule.items() if name != "from"}
        meanings = _several(rule.get("from", []))
        sources = [column for meaning in meanings for column in self._columns(meaning, matched)]
        if self.declared.sides and meanings == [SIDE]:
            sources = [SIDE_CELL]
        if "lookup" in filled:
            filled["lookup"] = [self._lookup(one, matched) for one in _several(filled["lookup"])]
        if sources:
            return {**filled, "from": sources}
        if "constant" in filled:
            return filled
        return {"constant": filled["default"]} if "default" in filled else None

    def _lookup(self, lookup: Mapping[str, Any], matched: MatchedColumns) -> dict[str, Any]:
        """A lookup with the input's columns in its conditions."""
        pairs = ((name, next(self._columns(one, matched), None)) for name, one in lookup.get("also", {}).items())
        return {**lookup, "also": {name: column for name, column in pairs if column is not None}}

    def _columns(self, meaning: str, matched: MatchedColumns) -> Iterator[str]:
        yield from (matched.columns[one] for one in (meaning, second(meaning)) if one in matched.columns)

    def _grouped(
        self, rows: Iterable[SourceRow], matched: MatchedColumns, constants: Container[str], reading: ColumnReading
    ) -> Iterator[Sequence[SourceRow]]:
        """The rows of each record."""
        if not self.declared.lines:
            yield from ((row,) for row in rows)
            return
        named = {one: [*self._columns(one, matched)] for one in self.declared.group_by}
        days = {one.name for one in self.declared.columns if self._is_day(one)}
        parts = [
            (names, _day_of(reading.of(names[0])) if one in days and names else nfc) for one, names in named.items()
        ]

        def identity(row: SourceRow) -> tuple[object, ...]:
            return tuple([form(_first_text(row, names)) for names, form in parts])

        def source_key(row: SourceRow) -> tuple[str, ...]:
            return tuple(nfc(text_of(row.cells.get(name))) for name in self.key)

        def full(parts: tuple[object, ...]) -> tuple[object, ...] | None:
            return parts if parts and all(parts) else None

        if not self.declared.group_blanks:
            header = [name for name in self._header_columns(matched) if name not in constants]
            yield from group_rows(
                rows, lambda row: full(source_key(row) or identity(row)), lambda row: not _first_text(row, header)
            )
            return
        of_file = [name for columns in named.values() for name in columns if name not in constants]
        records: list[list[SourceRow]] = []
        for group in group_rows(rows, identity, lambda row: not _first_text(row, of_file)):
            if not self.key:
                records.append(group)
            else:
                records += group_rows(group, source_key, lambda row: not any(source_key(row)))
        yield from sorted(records, key=lambda group: group[0].number)

    def _is_day(self, column: LayoutColumn) -> bool:
        definition, _ = self._own_field(self.declared.field_of(column))
        return definition is not None and definition.kind is Kind.DATE

    def _header_columns(self, matched: MatchedColumns) -> list[str]:
        """The columns of the record as a whole."""
        of_record = [
            one.name
            for one in self.declared.columns
            if not self.declared.is_of_line(one) and (one.field or one.name in CARRIED)
        ]
        native = (column for column, (_, of_line) in self._native(matched).items() if not of_line)
        return [*(column for one in of_record for column in self._columns(one, matched)), *native]


@cache
def _as_declared(name: str) -> WritableObject:
    """The object of a layout as its declaration describes it."""
    declared = declarations()[name]
    header, lines = (
        object_def(one, (FieldDef(field, kind) for kind, fields in declared.described[one].items() for field in fields))
        for one in (declared.object, declared.lines)
    )
    lines_of = owner(declared.lines)
    assert lines_of is not None
    line_set = LineSet(lines_of.wrapper, declared.lines, lines, {})
    return WritableObject(header, (line_set,), lookup_keys_of(declared.object), None, "create")


def _with_described(company: WritableObject, standard: WritableObject) -> WritableObject:
    """The object as the company describes it, but for what the declaration describes."""
    sets: list[LineSet] = []
    for line_set in standard.lines:
        of_company = company.line_set(line_set.object)
        sets.append(line_set)
        if of_company is not None:
            sets[-1] = replace(of_company, described=_joined_definition(of_company.described, line_set.described))
    described = _joined_definition(company.described, standard.described)
    assert described is not None
    return replace(company, described=described, lines=tuple(sets))


def _joined_definition(company: ObjectDef | None, standard: ObjectDef | None) -> ObjectDef | None:
    if company is None or standard is None:
        return company or standard
    return replace(company, fields={**company.fields, **standard.fields})


def _in_capitals(column: str) -> bool:
    """Whether a column may have Intacct's own name."""
    return column.strip() == column.strip().upper()


def _day_of(reading: DateReading) -> Callable[[str], date | str | None]:
    """Reads a date in a key, which is one however a row writes it; a text that is no date stays a text."""

    @cache
    def day(text: str) -> date | str | None:
        try:
            return read_date(text, reading)
        except RecordError:
            return text

    return day


def _first_text(row: SourceRow, names: Iterable[str]) -> str:
    for name in names:
        if text := text_of(row.cells.get(name)):
            return text
    return ""


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
