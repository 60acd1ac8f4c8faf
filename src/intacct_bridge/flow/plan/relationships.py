"""What the company's dimensions say of each other: a project's customer, an employee's department.

The company tells which dimension brings which along, and whether a transaction may say otherwise. A line that does is
refused where it may not, and advised about where it may, since that is more often a slip than a wish.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.company.find_by_key import trace_text
from intacct_bridge.flow.company.gateway import Company
from intacct_bridge.flow.company.references import References
from intacct_bridge.flow.records.write import Finding, Line, Write
from intacct_bridge.wire.xml import Element

_LEADING = ("PROJECT", "EMPLOYEE")
"""Dimensions that others follow from by their own fields, which references read with them."""
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "DEPARTMENT": ("DEPARTMENTID", "DEPARTMENT"),
    "LOCATION": ("LOCATIONID", "LOCATION"),
    **{name: (f"{name}ID",) for name in (*_LEADING, "CUSTOMER", "VENDOR", "ITEM", "CLASS", "WAREHOUSE", "CONTRACT")},
}


@dataclass(frozen=True, slots=True)
class Relation:
    """One dimension that follows from another."""

    dimension: str
    related: str
    override: bool
    """Whether a transaction may say otherwise."""


def relations_for(writes: Iterable[Write], company: Company, unchecked: list[str]) -> tuple[Relation, ...]:
    """The relationships, asked for once where a line names two dimensions that may follow from each other."""
    if not _concerned(writes):
        return ()
    try:
        return relations(company)
    except (NotPermittedError, RefusedError, InvalidRequestError) as error:
        unchecked.append(f"dimension relationships: {error.message}")
        return ()


def _concerned(writes: Iterable[Write]) -> bool:
    """Whether any line names a dimension together with one that may follow from it."""
    return any(
        sum(bool(_said(line, name)[1]) for name in _FIELDS) > 1 and any(_said(line, name)[1] for name in _LEADING)
        for write in writes
        for line in write.all_lines
    )


def relations(company: Company) -> tuple[Relation, ...]:
    """The relationships that the company fills in by itself."""
    data = company.ask(Element("getDimensionRelationships")).data
    return tuple(_relations(data.children if data is not None else ()))


def _relations(told: Iterable[Element]) -> Iterator[Relation]:
    for one in told:
        if one.findtext("autofillrelated").strip() == "true":
            override = one.findtext("enableoverride").strip() != "false"
            for related in one.findall("related"):
                names = (one.findtext("dimension").strip().upper(), related.findtext("dimension").strip().upper())
                yield Relation(*names, override)


def conflicts(write: Write, known: Iterable[Relation], references: References) -> Iterator[Finding]:
    """Lines that say another value than the one that follows."""
    for line in write.all_lines:
        for one in known:
            if one.dimension not in _LEADING or one.related not in _FIELDS:
                continue
            _, leading = _said(line, one.dimension)
            field, said = _said(line, one.related)
            found = references.known(one.dimension).get(leading)
            follows = trace_text(found.row.get(f"{one.related}ID")) if found is not None else ""
            if said and follows and said != follows:
                message = f"{one.dimension.lower()} {leading} goes with {one.related.lower()} {follows}, not {said}"
                fix = "leave it out, or correct one of them" if not one.override else ""
                yield Finding("relationship", message, fix, write.column(field), line.position,
                              refuses=not one.override)  # fmt: skip


def _said(line: Line, dimension: str) -> tuple[str, str]:
    """The field that a line names a dimension in, and what it says."""
    fields = _FIELDS.get(dimension, ())
    return next(((name, text) for name in fields if (text := trace_text(line.fields.get(name)))), ("", ""))
