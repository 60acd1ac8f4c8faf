"""Dimension relationships: a project's customer, an employee's department.

A line that contradicts a relationship is refused if the company forbids it. If the company allows it there is a
warning, because it is more often a slip than a wish.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from intacct_bridge.client.gateway.calls import successful
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Finding, RecordLine, Write
from intacct_bridge.load.target.references import KnownRecord, References
from intacct_protocol.xml.envelope import Result
from intacct_protocol.xml.xml import Element

_LEADING = ("PROJECT", "EMPLOYEE")
"""Dimensions that others follow from by their own fields, which references read with them."""
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "DEPARTMENT": ("DEPARTMENTID", "DEPARTMENT"),
    "LOCATION": ("LOCATIONID", "LOCATION"),
    **{name: (f"{name}ID",) for name in (*_LEADING, "CUSTOMER", "VENDOR", "ITEM", "CLASS", "WAREHOUSE", "CONTRACT")},
}


@dataclass(frozen=True, slots=True)
class DimensionRelation:
    """One dimension that follows from another."""

    dimension: str
    related: str
    override: bool
    """Whether a transaction may name another."""


def that_matter(relations: Iterable[DimensionRelation], references: References) -> tuple[DimensionRelation, ...]:
    """The relationships by which a record that the load refers to decides another dimension. Most decide none."""
    return tuple(
        one for one in relations if any(_followed(leader, one) for leader in references.records(one.dimension).values())
    )


def may_conflict(writes: Iterable[Write]) -> bool:
    """Whether any line names a dimension together with one that may follow from it."""
    return any(
        any(_dimension(line, name)[1] for name in _LEADING)
        and sum(bool(_dimension(line, name)[1]) for name in _FIELDS) > 1
        for write in writes
        for line in write.all_lines
    )


READ_RELATIONS = Element("getDimensionRelationships")


def relations_of(result: Result) -> tuple[DimensionRelation, ...]:
    """The relationships that the company fills in by itself. RefusedError if they may not be read."""
    data = successful(result).data
    return tuple(_relations(data.children if data is not None else ()))


def _relations(answered: Iterable[Element]) -> Iterator[DimensionRelation]:
    for answer in answered:
        if answer.findtext("autofillrelated").strip() == "true":
            override = answer.findtext("enableoverride").strip() != "false"
            for related in answer.findall("related"):
                names = (answer.findtext("dimension").strip().upper(), related.findtext("dimension").strip().upper())
                yield DimensionRelation(*names, override)


def conflicts(write: Write, relations: Collection[DimensionRelation], references: References) -> Iterator[Finding]:
    """Lines that name another dimension than the one that follows."""
    leaders = {one.dimension: references.records(one.dimension) for one in relations}
    for line in write.all_lines if relations else ():
        named = {one: text for one in leaders if (text := _dimension(line, one)[1])}
        for relation in relations if named else ():
            leading = named.get(relation.dimension)
            leader = leaders[relation.dimension].get(leading) if leading else None
            if leader is None or not (follows := _followed(leader, relation)):
                continue
            field, other = _dimension(line, relation.related)
            if other and other != follows:
                pair = f"{relation.dimension.lower()} {leading} goes with {relation.related.lower()} {follows}"
                fix = "leave it out, or correct one of them" if not relation.override else ""
                yield Finding("relationship", f"{pair}, not {other}", fix, write.column(field), line.position,
                              refuses=not relation.override)  # fmt: skip


def _followed(leader: KnownRecord, relation: DimensionRelation) -> str:
    """The related dimension that follows from a record of the other; empty if none does."""
    return comparable(leader.row.get(f"{relation.related}ID"))


def _dimension(line: RecordLine, dimension: str) -> tuple[str, str]:
    """The field in which a line names a dimension, and its value."""
    for name in _FIELDS.get(dimension, ()):
        text = comparable(line.fields.get(name))
        if text:
            return name, text
    return "", ""
