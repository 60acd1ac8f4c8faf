"""The rules that every object's own description gives: what must be there, what may not, what fits.

They hold a write against the catalogue of the company that it goes to. Money is never rounded here: the gateway would.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from intacct_bridge.flow.company.writable import Subject
from intacct_bridge.flow.records.cells import cents_fix
from intacct_bridge.flow.records.write import Finding, Operation, Write
from intacct_bridge.model.catalog import FieldDef
from intacct_bridge.wire.values import Kind, Value

_MULTI_PICK = "#~#"
_TAKEN_ANYWAY = ("AMOUNT",)
"""Read-only by its description, and taken all the same."""


@dataclass(frozen=True, slots=True)
class Place:
    """One field of a header or line, with what is known of it."""

    name: str
    value: Value
    field: FieldDef
    column: str
    position: str
    own_key: bool
    older: bool
    """Whether the older function that makes the record takes the field."""


def check_fields(write: Write, subject: Subject) -> Iterator[Finding]:
    """Everything that the description of the object has to say about a write."""
    if write.operation is Operation.DELETE:
        return
    if write.operation is Operation.CREATE:
        yield from _missing(write, subject)
    else:
        yield from _emptied(write, subject)
    for place in _places(write, subject):
        for rule in (_readonly, _length, _listed, _cents):
            message, fix = rule(place)
            if message:
                yield Finding(rule.__name__.lstrip("_"), message, fix, place.column, place.position)
                break


def _missing(write: Write, subject: Subject) -> Iterator[Finding]:
    told = {finding.column for finding in write.findings}
    for name in subject.trace.required:
        column = write.column(name)
        if not write.fields.get(name) and not write.lines.get(name) and column not in told and not _meant(name, write):
            line_set = subject.line_set(name)
            what = f"the {subject.name} has no lines ({name})" if line_set else f"{name} is missing"
            yield Finding("required", what, f"fill in {column}" if not line_set else "give at least one line",
                          column, write.position)  # fmt: skip


def _emptied(write: Write, subject: Subject) -> Iterator[Finding]:
    """What a record cannot be without, and an update would clear."""
    for name in subject.trace.required:
        one = subject.field(name)
        if one is not None and one.required and name in write.fields and write.fields[name] is None:
            yield Finding("required", f"{name} cannot be emptied", "fill it in, or say nothing about the field",
                          write.column(name), write.position)  # fmt: skip


def _meant(name: str, write: Write) -> bool:
    """Whether an older name for the same field is given, as CUSTOMERID for CUSTVENDID."""
    others = {"CUSTVENDID": ("CUSTOMERID", "VENDORID")}.get(name, ())
    return any(write.fields.get(other) for other in others)


def _places(write: Write, subject: Subject) -> Iterator[Place]:
    makes = subject.create not in ("", "create") and write.operation is Operation.CREATE
    new = write.operation is Operation.CREATE
    older: Mapping[str, str] = subject.plan.fields if subject.plan and makes else {}
    for name, value in write.fields.items():
        one = subject.field(name)
        if one is not None:
            yield Place(
                name,
                value,
                one,
                write.column(name),
                write.position,
                name == subject.trace.record and not new,
                name in older,
            )
    for wrapper, lines in write.lines.items():
        line_set = subject.line_set(wrapper)
        for line in lines if line_set is not None else ():
            for name, value in line.fields.items():
                one = line_set.field(name) if line_set else None
                if one is not None and line_set is not None:
                    key = name == "RECORDNO"
                    extra = name in line_set.extra and makes
                    yield Place(name, value, one, write.column(name), line.position, key, extra)


def _readonly(place: Place) -> tuple[str, str]:
    if not place.field.readonly or place.own_key or place.older or place.name in _TAKEN_ANYWAY:
        return "", ""
    return f"{place.name} is the company's own to set", "remove the column, or leave it empty"


def _length(place: Place) -> tuple[str, str]:
    most = place.field.max_length
    if not most or not isinstance(place.value, str) or len(place.value) <= most or place.field.values:
        return "", ""
    return f"the text has {len(place.value)} characters, {place.name} takes {most}", "shorten it"


def _listed(place: Place) -> tuple[str, str]:
    known = [value for value in place.field.values if value]
    if not known or not isinstance(place.value, str) or not place.value:
        return "", ""
    by_case = {value.casefold() for value in known}
    bad = [part for part in place.value.split(_MULTI_PICK) if part.casefold() not in by_case]
    if not bad:
        return "", ""
    shown = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
    return f"{bad[0]!r} is no value of {place.name}", f"use one of {shown}"


def _cents(place: Place) -> tuple[str, str]:
    money = place.field.kind is Kind.CURRENCY or place.name.endswith("AMOUNT")
    if not money or not isinstance(place.value, Decimal):
        return "", ""
    text = format(place.value, "f")
    if not text.partition(".")[2].rstrip("0")[2:]:
        return "", ""
    return f"{text} has more than two decimals", cents_fix(text)
