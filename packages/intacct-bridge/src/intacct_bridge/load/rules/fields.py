"""The rules that an object's own description gives: required, read-only and listed fields, and lengths.

Money is never rounded here, since the gateway would round it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from intacct_bridge.load.records.write import Finding, Write, WriteOperation
from intacct_bridge.load.tables.cells import cents_fix
from intacct_bridge.load.target.writable import WritableObject
from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.xml.values import Value, beyond_cents

_MULTI_PICK = "#~#"
_WRITABLE_ANYWAY = ("AMOUNT",)
"""Read-only by its description, and taken by the gateway."""


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """One field of a header or line, with what is known of it."""

    name: str
    value: Value
    field: FieldDef
    column: str
    position: str
    is_record_key: bool
    is_legacy: bool
    """Whether the legacy function that makes the record takes the field."""

    @property
    def field_name(self) -> str:
        """The field as a message names it whose column is named already."""
        return "the field" if self.column.casefold() == self.name.casefold() else self.name


def check_fields(write: Write, writable: WritableObject, refused_columns: Iterable[str] = ()) -> Iterator[Finding]:
    """The findings that the description of the object gives on a write."""
    if write.operation is WriteOperation.DELETE:
        return
    if write.operation is WriteOperation.CREATE:
        yield from _missing(write, writable, frozenset(refused_columns))
    else:
        yield from _cleared(write, writable)
    for place in _places(write, writable):
        for rule in (_readonly, _length, _listed, _cents):
            message, fix = rule(place)
            if message:
                yield Finding(rule.__name__.lstrip("_"), message, fix, place.column, place.position)
                break


def _missing(write: Write, writable: WritableObject, refused_columns: frozenset[str]) -> Iterator[Finding]:
    for name in writable.lookup.required:
        column = write.column(name)
        if (
            write.fields.get(name)
            or write.lines.get(name)
            or column in refused_columns
            or _under_other_name(name, write)
        ):
            continue
        if writable.line_set(name):
            message, fix = f"the {writable.name} has no lines ({name})", "give at least one line"
        else:
            message, fix = f"{name} is missing", f"fill in {column}"
        yield Finding("required", message, fix, column, write.position)


def _cleared(write: Write, writable: WritableObject) -> Iterator[Finding]:
    """Required fields that an update would clear."""
    for name in writable.lookup.required:
        field = writable.field(name)
        if field is not None and field.required and name in write.fields and write.fields[name] is None:
            yield Finding("required", f"{name} cannot be cleared", "fill it in, or leave the field out",
                          write.column(name), write.position)  # fmt: skip


def _under_other_name(name: str, write: Write) -> bool:
    """Whether the field is given under a legacy name, as CUSTOMERID for CUSTVENDID."""
    others = {"CUSTVENDID": ("CUSTOMERID", "VENDORID")}.get(name, ())
    return any(write.fields.get(other) for other in others)


def _places(write: Write, writable: WritableObject) -> Iterator[FieldPlace]:
    new = write.operation is WriteOperation.CREATE
    by_legacy = new and writable.creator not in ("", "create")
    legacy: Mapping[str, str] = writable.legacy_plan.fields if writable.legacy_plan and by_legacy else {}
    for name, value in write.fields.items():
        field = writable.field(name)
        if field is not None and not _fits(field, value):
            is_key = name == writable.lookup.record_key and not new
            yield FieldPlace(name, value, field, write.column(name), write.position, is_key, name in legacy)
    for wrapper, lines in write.lines.items():
        line_set = writable.line_set(wrapper)
        if line_set is None:
            continue
        for line in lines:
            for name, value in line.fields.items():
                field = line_set.field(name)
                if field is not None and not _fits(field, value):
                    is_legacy = by_legacy and name in line_set.extra
                    yield FieldPlace(
                        name, value, field, write.column(name), line.position, name == "RECORDNO", is_legacy
                    )


def _fits(field: FieldDef, value: Value) -> bool:
    """Whether no rule on fields can refuse the value; most values of most fields."""
    if field.readonly or field.values:
        return False
    if isinstance(value, Decimal):
        return not field.is_money or not beyond_cents(value)
    return not field.max_length or not isinstance(value, str) or len(value) <= field.max_length


def _readonly(place: FieldPlace) -> tuple[str, str]:
    if not place.field.readonly or place.is_record_key or place.is_legacy or place.name in _WRITABLE_ANYWAY:
        return "", ""
    return f"{place.name} is set by the company", "remove the column, or leave it empty"


def _length(place: FieldPlace) -> tuple[str, str]:
    most = place.field.max_length
    if not most or not isinstance(place.value, str) or len(place.value) <= most or place.field.values:
        return "", ""
    return f"the text has {len(place.value)} characters, {place.field_name} takes {most}", "shorten it"


def _listed(place: FieldPlace) -> tuple[str, str]:
    values = [value for value in place.field.values if value]
    if not values or not isinstance(place.value, str) or not place.value:
        return "", ""
    by_case = {value.casefold() for value in values}
    bad = [part for part in place.value.split(_MULTI_PICK) if part.casefold() not in by_case]
    if not bad:
        return "", ""
    shown = ", ".join(values[:8]) + (", …" if len(values) > 8 else "")
    return f"{bad[0]!r} is not a value of {place.field_name}", f"use one of {shown}"


def _cents(place: FieldPlace) -> tuple[str, str]:
    if not place.field.is_money or not isinstance(place.value, Decimal):
        return "", ""
    if not beyond_cents(place.value):
        return "", ""
    text = format(place.value, "f")
    return f"{text} has more than two decimals", cents_fix(text)
