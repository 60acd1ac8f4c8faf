"""Fingerprints of a table that the gateway can compute: its records in groups, each with a count, sums and a time.

A `query` with aggregates gives, for each combination of some fields, the number of records, the sums of all numbers
(amounts and the keys of related records), the latest WHENMODIFIED, and the first and last value of each date. The same
is computed from the copy. The fields are chosen so that the groups are as fine as the price allows: at most a page, and
2 % of the pages that reading the table would take. The finer the groups, the less can two changes cancel each other
out.

Sage documents count, sum, avg, min and max, and grouping by the plain fields beside them. It is not documented which
fields a company's gateway refuses to sum or to group by, so what it refuses is left out: first the fields that it
names, then the groups, and at last everything but the count.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.reconcile.compared_tables import ComparedTable
from intacct_bridge.streams.partition import split_days
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.query import (
    MAX_PAGE,
    Aggregate,
    Compare,
    Filter,
    Op,
    Query,
    Selected,
    all_of,
)
from intacct_protocol.model.query.refused_fields import refused_fields
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.values import Kind, Value

EXTRA_PAGES = 0.02
"""The pages beyond the first that a comparison may cost, as a part of those that reading the table takes."""
FIRST_DAY = date(1900, 1, 1)
_FIRST_GROUPS = (
    *("BOOKID", "BATCH_DATE", "STATE", "ENTRY_STATE", "BATCH_STATE", "ENTRY_DATE"),
    *("WHENPOSTED", "WHENCREATED", "WHENDUE", "WHENPAID", "CURRENCY", "BASECURR"),
    *("DEPARTMENTID", "DEPARTMENT", "LOCATIONID", "LOCATION", "ACCOUNTNO", "GLACCOUNTNO"),
    *("VENDORID", "CUSTOMERID", "EMPLOYEEID", "ITEMID", "PROJECTID", "CLASSID", "MEGAENTITYID", "STATUS"),
)
"""The fields that matter most, in this order; then others, those with the fewest values first."""
_MOST_GROUPS = 20
_MOST_VALUES = 500
"""Values of a field that is added as a group beyond the first ones."""

Group = tuple[Value, ...]
Figures = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Measures:
    """What is asked for in each group."""

    groups: tuple[str, ...]
    sums: tuple[str, ...]
    latest: str = ""
    """The time of the last change; empty if the object has none."""
    days: tuple[str, ...] = ()
    """The dates and times whose first and last value is asked for; those that are groups need none."""
    along: str = ""
    """The number or day by which the records can be cut in two; empty if there is none."""

    @property
    def select(self) -> tuple[Selected, ...]:
        """The selection of the gateway's query, whose key is counted."""
        ends = tuple(Aggregate(function, self.along) for function in ("min", "max")) if self.along else ()
        latest = (Aggregate("max", self.latest),) if self.latest else ()
        days = (Aggregate(function, day) for day in self.days for function in ("min", "max"))
        return (*self.groups, *(Aggregate("sum", one) for one in self.sums), *latest, *days, *ends)

    def without(self, fields: Sequence[str]) -> "Measures":
        """These measures without some fields."""
        return Measures(
            tuple(one for one in self.groups if one not in fields),
            tuple(one for one in self.sums if one not in fields),
            "" if self.latest in fields else self.latest,
            tuple(one for one in self.days if one not in fields),
            "" if self.along in fields else self.along,
        )


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The groups of one side, each with its figures; the first figure is the number of records."""

    measures: Measures
    groups: Mapping[Group, Figures]

    @property
    def records(self) -> int:
        """The number of records in all groups."""
        return sum(_count(one) for one in self.groups.values())

    def count(self, group: Group) -> int:
        """The number of records in one group."""
        return _count(self.groups[group]) if group in self.groups else 0

    def ends(self, groups: Sequence[Group]) -> tuple[Value, Value] | None:
        """The lowest and highest value of `along` in some groups; None if there is none."""
        ranges = [self.groups[one][-2:] for one in groups if one in self.groups]
        lows = [low for low, _ in ranges if low is not None]
        highs = [high for _, high in ranges if high is not None]
        return (min(lows), max(highs)) if self.measures.along and lows and highs else None

    def differing(self, other: "Fingerprint") -> list[Group]:
        """The groups whose figures differ, or that only one side has."""
        return [one for one in {**self.groups, **other.groups} if self.groups.get(one) != other.groups.get(one)]


def _count(figures: Figures) -> int:
    return figures[0] if isinstance(figures[0], int) else int(str(figures[0] or 0))


def pages_of(rows: int) -> int:
    """The number of pages that reading these rows takes."""
    return max(1, -(-rows // MAX_PAGE))


def allowed_pages(rows: int) -> int:
    """The pages that a comparison of equal tables may cost."""
    return 1 + int(EXTRA_PAGES * pages_of(rows))


def chosen_measures(copy: OpenCopy, table: ComparedTable, rows: int) -> Measures:
    """Measures for a table, with groups as fine as the price allows."""
    stream = table.stream
    sums = table.fields_of(Kind.INTEGER, Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT)
    latest = stream.modified if table.columns.get(stream.modified) and _is_time(table) else ""
    along = _along(copy, table)
    groups = _groups(copy, table, MAX_PAGE * allowed_pages(rows))
    days = [day for day in table.fields_of(Kind.DATE, Kind.TIMESTAMP) if day not in (*groups, latest, along)]
    return Measures(groups, tuple(sums), latest, tuple(days), along)


def by_dimensions(copy: OpenCopy, table: ComparedTable, measures: Measures) -> Measures:
    """The same measures in groups of other fields: the ones that are not days and were left out at first."""
    left = {one for one in _FIRST_GROUPS if table.columns.get(one) and table.kind(one) is not Kind.DATE}
    return replace(measures, groups=_groups(copy, table, MAX_PAGE, left.difference(measures.groups)), days=())


def _is_time(table: ComparedTable) -> bool:
    return table.kind(table.stream.modified) in (Kind.TIMESTAMP, Kind.DATE)


def _along(copy: OpenCopy, table: ComparedTable) -> str:
    """The key if it is a number; else a number or day that every record of the copy has, with the most values."""
    stream = table.stream
    if table.kind(stream.walk_field) is Kind.INTEGER:
        return stream.walk_field
    suspects = table.fields_of(Kind.INTEGER, Kind.DATE)
    filled = _per_field(copy, table, suspects, "count({0}) = count(*)")
    counts = _per_field(copy, table, [one for one in suspects if filled[one]], "count(DISTINCT {0})")
    return max(counts, key=lambda one: int(counts[one]), default="")


def _per_field(copy: OpenCopy, table: ComparedTable, fields: Sequence[str], sql: str) -> dict[str, int]:
    """An SQL aggregate over each field in the copy."""
    if not fields:
        return {}
    parts = (sql.format(quoted(table.columns[one])) for one in fields)
    (row,) = copy.rows(f"SELECT {', '.join(parts)} FROM {copy.relation(table.name)}")
    return dict(zip(fields, row, strict=True))


def _groups(copy: OpenCopy, table: ComparedTable, most: int, among: Collection[str] | None = None) -> tuple[str, ...]:
    """The fields to group by: one after another, as long as the copy has at most `most` groups."""
    excluded = {table.stream.key, table.stream.walk_field}
    fit = [one for one in table.fields_of(Kind.TEXT, Kind.ENUM, Kind.DATE, Kind.BOOLEAN) if one not in excluded]
    fit = [one for one in fit if among is None or one in among]
    counts = _per_field(copy, table, fit, "count(DISTINCT {0})")
    first = [one for one in _FIRST_GROUPS if one in fit]  # also those with one value: the company may have others
    others = sorted(
        (one for one in fit if one not in first and 1 < counts[one] <= _MOST_VALUES), key=counts.__getitem__
    )
    chosen: list[str] = []
    for field in (*first, *others):
        if len(chosen) == _MOST_GROUPS:
            break
        listed = ", ".join(quoted(table.columns[one]) for one in (*chosen, field))
        ((number,),) = copy.rows(f"SELECT count(*) FROM (SELECT DISTINCT {listed} FROM {copy.relation(table.name)})")
        if number <= most:
            chosen.append(field)
    return tuple(chosen)


# --- the copy's side


def of_copy(copy: OpenCopy, table: ComparedTable, measures: Measures, where: str = "true") -> Fingerprint:
    """The fingerprint of those rows of the copy that satisfy the SQL condition."""
    fields = (*measures.groups, *measures.sums, *measures.days)
    columns = {field: quoted(table.columns[field]) for field in fields if field in table.columns}
    groups = [columns[one] for one in measures.groups]
    figures = ["count(*)", *(f"sum({columns[one]})" for one in measures.sums)]
    if measures.latest:
        figures.append(f"max({quoted(table.columns[measures.latest])})")
    figures += [f"{function}({columns[day]})" for day in measures.days for function in ("min", "max")]
    if measures.along:
        along = quoted(table.columns[measures.along])
        figures += [f"min({along})", f"max({along})"]
    by = f"GROUP BY {', '.join(groups)}" if groups else ""
    rows = copy.rows(f"SELECT {', '.join([*groups, *figures])} FROM {copy.relation(table.name)} WHERE {where} {by}")
    return Fingerprint(measures, _by_group(rows, len(groups)))


def _by_group(rows: Sequence[Sequence[Value]], wide: int) -> dict[Group, Figures]:
    """Rows by their first cells; numbers are compared as numbers, regardless of their scale."""
    return {tuple(row[:wide]): tuple(row[wide:]) for row in rows if row[wide]}


def _days(copy: OpenCopy, table: ComparedTable) -> tuple[date, date] | None:
    """The first and last day of the ledger's view in the copy."""
    day = quoted(table.columns[table.stream.window])
    ((first, last),) = copy.rows(f"SELECT min({day}), max({day}) FROM {copy.relation(table.name)}")
    return None if first is None else (first, last)


# --- the company's side


class FingerprintReader:
    """Asks the gateway for fingerprints, without the fields that it refused before."""

    def __init__(self, gateway: ReadGateway, copy: OpenCopy, table: ComparedTable, rows: int) -> None:
        self._gateway = gateway
        self._table = table
        self._parts = allowed_pages(rows)
        self._days = _days(copy, table) if table.stream.window else None
        self.refused: tuple[str, ...] = ()
        """Fields that the gateway refused to sum or to group by."""

    def read(self, measures: Measures, where: Sequence[Filter] = ()) -> Fingerprint:
        """The fingerprint, by those measures that the gateway accepts."""
        while True:
            possible = measures.without(self.refused)
            try:
                return Fingerprint(possible, self._figures(possible, where))
            except InvalidRequestError as error:
                if not error.by_gateway:
                    raise
                fields = [one if isinstance(one, str) else one.field for one in possible.select]
                names = refused_fields(error.faults, fields) or possible.groups or tuple(dict.fromkeys(fields))
                if not names:
                    raise
                self.refused = (*self.refused, *names)

    def _figures(self, measures: Measures, where: Sequence[Filter]) -> dict[Group, Figures]:
        counted = Aggregate("count", self._table.stream.key)
        select = (*measures.groups, counted, *measures.select[len(measures.groups) :])
        figures: dict[Group, Figures] = {}
        for window in self._windows(measures):
            for batch in self._gateway.batches(self._query(select, (*window, *where))):
                cells = [column.to_pylist() for column in batch.columns]
                figures |= _by_group(list(zip(*cells, strict=True)), len(measures.groups))
        return figures

    def _query(self, select: tuple[Selected, ...], where: Sequence[Filter]) -> Query:
        stream = self._table.stream
        filters = () if stream.where is None else (stream.where,)
        parts = (*filters, *where)
        return Query(
            stream.object,
            select,
            where=all_of(parts) if parts else None,
            show_private=self._table.show_private,
            doc_par_id=stream.doc_par_id,
        )

    def _windows(self, measures: Measures) -> list[tuple[Filter, ...]]:
        """The parts in which a view over the ledger is asked, which may not answer without a filter by its date."""
        field = self._table.stream.window
        if not field:
            return [()]
        if self._days is not None and self._parts > 1 and field in measures.groups:
            return [one.filter(field) for one in split_days(*self._days, self._parts)]
        return [(Compare(field, Op.GREATERTHANOREQUALTO, (FIRST_DAY,)),)]
