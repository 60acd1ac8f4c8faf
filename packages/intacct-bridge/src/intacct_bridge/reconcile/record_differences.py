"""The records by which a copy differs from the company: rows of both sides, matched by their identity.

Rows are compared as multisets, so that a doubled row shows as well. What differs is named to the field.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.reconcile.compared_tables import ComparedTable
from intacct_bridge.streams.computed_fields import computed_fields
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.values import Value

if TYPE_CHECKING:
    import pyarrow as pa

MISSING, SURPLUS, DOUBLED, ALTERED = "missing", "surplus", "doubled", "altered"
MOST_MATCHED = 1000
"""Rows of each side that are matched; a copy that differs by more is out of date."""
_ENTRY = "GLBATCH"
_TOLD = ("ACCOUNTNO", "BATCH_DATE", "DEBITAMOUNT", "CREDITAMOUNT", "TOTALENTERED", "AMOUNT", "STATE")
"""The fields that say more about a record that one side lacks."""


@dataclass(frozen=True, slots=True)
class AlteredField:
    """One field with the value of each side."""

    name: str
    company: Value
    copy: Value


@dataclass(frozen=True, slots=True)
class RecordDifference:
    """One record by which the copy differs from the company."""

    table: str
    kind: str
    """`missing` in the copy, `surplus` or `doubled` in the copy, or `altered`."""
    record: str
    """Its key."""
    owner: str = ""
    """The key of the record that it belongs to: of a line's header, or of the journal entry of a ledger row."""
    owner_object: str = ""
    natural_key: str = ""
    fields: tuple[AlteredField, ...] = ()
    """The altered fields."""
    row: tuple[tuple[str, Value], ...] = ()
    """The main fields of a record that one side lacks, or that the copy has twice."""
    modified: Value = None
    """The time of the last change in the company, if it is known."""
    computed: tuple[str, ...] = ()
    """Altered fields that Intacct computes, and that change without a new time of change."""
    untimed: tuple[str, ...] = ()
    """Other altered fields of a record whose time of change is the same on both sides."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "table": self.table,
            "kind": self.kind,
            "record": self.record,
            "owner": {"object": self.owner_object, "record": self.owner} if self.owner else None,
            "natural_key": self.natural_key or None,
            "fields": [{"field": one.name, "company": one.company, "copy": one.copy} for one in self.fields],
            "row": dict(self.row) if self.row else None,
            "changed_in_company": self.modified,
            "computed_fields": list(self.computed),
            "fields_without_new_time": list(self.untimed),
        }


def matched(copy: OpenCopy, table: ComparedTable, company: "pa.Table", where: str) -> list[RecordDifference]:
    """The differences between rows of the company and those rows of the copy that satisfy the SQL condition."""
    fields = [one for one in table.columns if one in company.schema.names]
    listed = ", ".join(quoted(one) for one in fields)
    columns = ", ".join(f"{quoted(table.columns[one])} AS {quoted(one)}" for one in fields)
    copied = f"SELECT {columns} FROM {copy.relation(table.name)} WHERE {where}"
    posted_rows = fitted(company.select(fields), copy, table)
    if _same(posted_rows, copy.arrow(copied), table):
        return []
    with copy.registered("_company", posted_rows):
        posted = f"SELECT {listed} FROM _company"
        absent = _rows(copy, f"{posted} EXCEPT ALL {copied}", fields)
        extra = _rows(copy, f"{copied} EXCEPT ALL {posted}", fields)
        keys = {_identity(table, one) for one in extra}
        both = _rows(copy, f"{posted} INTERSECT {copied}", fields) if keys else []
    same = {identity for row in both if (identity := _identity(table, row)) in keys}
    return sorted(_paired(table, absent, extra, same), key=_order)


def _same(rows: "pa.Table", other_rows: "pa.Table", table: ComparedTable) -> bool:
    """Whether both have the same rows, for certain: finding differences takes much longer."""
    import pyarrow as pa

    if rows.num_rows != other_rows.num_rows:
        return False
    try:
        order = [(name, "ascending") for name in table.identity]
        return bool(rows.sort_by(order).equals(other_rows.cast(rows.schema).sort_by(order)))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False


def fitted(rows: "pa.Table", copy: OpenCopy, table: ComparedTable) -> "pa.Table":
    """Rows of the company with the types of the copy's columns, if their values allow it."""
    import pyarrow as pa

    types = {field: copy.tables[table.name].columns.field(column).type for field, column in table.columns.items()}
    columns = []
    for name in rows.schema.names:
        column = rows.column(name)
        try:
            columns.append(column.cast(types[name]))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            columns.append(column)
    return pa.table(dict(zip(rows.schema.names, columns, strict=True)))


def _rows(copy: OpenCopy, sql: str, fields: Sequence[str]) -> list[dict[str, Any]]:
    rows = copy.rows(f"SELECT * FROM ({sql}) LIMIT {MOST_MATCHED}")
    return [dict(zip(fields, row, strict=True)) for row in rows]


def _identity(table: ComparedTable, row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[one]) for one in table.identity)


def _paired(
    table: ComparedTable,
    absent: Iterable[Mapping[str, Any]],
    extra: Iterable[Mapping[str, Any]],
    same: set[tuple[str, ...]],
) -> Iterator[RecordDifference]:
    """Pairs rows of one identity: the first ones are altered, and the rest stands on one side only."""
    lacking, added = defaultdict(list), defaultdict(list)
    for row in absent:
        lacking[_identity(table, row)].append(row)
    for row in extra:
        added[_identity(table, row)].append(row)
    for key in {**lacking, **added}:
        for posted, extra_row in zip(lacking[key], added[key], strict=False):
            yield _altered(table, posted, extra_row)
        for posted in lacking[key][len(added[key]) :]:
            yield _lone(table, MISSING, posted)
        copied = Counter(map(str, added[key][: len(lacking[key])]))
        for other in added[key][len(lacking[key]) :]:
            yield _lone(table, DOUBLED if key in same or copied[str(other)] else SURPLUS, other)


def _altered(table: ComparedTable, company: Mapping[str, Any], copy: Mapping[str, Any]) -> RecordDifference:
    changed = tuple(AlteredField(name, company[name], copy[name]) for name in company if company[name] != copy[name])
    modified = company.get(table.stream.modified)
    difference = RecordDifference(table.name, ALTERED, *_named(table, company), fields=changed, modified=modified)
    names = [field.name for field in changed]
    if table.stream.modified not in company or table.stream.modified in names:
        return difference
    computed = computed_fields().get(table.stream.object)
    fields = computed.fields if computed else ()
    return replace(
        difference,
        computed=tuple(name for name in names if name in fields),
        untimed=tuple(name for name in names if name not in fields),
    )


def _lone(table: ComparedTable, kind: str, row: Mapping[str, Any]) -> RecordDifference:
    told = tuple((name, row[name]) for name in _TOLD if row.get(name) is not None)
    modified = row.get(table.stream.modified) if kind == MISSING else None
    return RecordDifference(table.name, kind, *_named(table, row), row=told, modified=modified)


def _named(table: ComparedTable, row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    stream = table.stream
    owner = row.get(stream.group or stream.header_key)
    object_name = _ENTRY if stream.group else stream.header
    natural = row.get(stream.natural_key) if stream.natural_key != stream.key else None
    return str(row[stream.key]), "" if owner is None else str(owner), object_name, str(natural or "")


def _order(difference: RecordDifference) -> tuple[str, int, str, str]:
    return difference.owner, len(difference.record), difference.record, difference.kind
