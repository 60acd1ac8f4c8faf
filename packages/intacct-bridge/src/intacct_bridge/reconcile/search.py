"""The search for the records of fingerprints that differ.

The groups whose figures differ are read if that takes a page. If they hold more records, the span of keys is cut
in two and both halves are asked for their fingerprints, until the records that differ fit into a page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.extract.page_reader import PageReader
from intacct_bridge.extract.source import ExtractSource
from intacct_bridge.reconcile.compared_tables import ComparedTable
from intacct_bridge.reconcile.fingerprints import Fingerprint, FingerprintReader, Group, of_copy
from intacct_bridge.reconcile.record_differences import MOST_MATCHED, RecordDifference, matched
from intacct_bridge.streams.bookmark import KeySpan
from intacct_bridge.streams.partition import Partition
from intacct_protocol.model import sql_text
from intacct_protocol.model.batched import batched
from intacct_protocol.model.query.query import MAX_IN, MAX_PAGE, Compare, Filter, Op, all_of, any_of
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.values import Value

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CALLS = 60
"""Transactions that the search in one table may take; a copy that differs in more places is out of date."""
MAX_FILTERED = 60
"""Groups that one filter names."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The same condition for both sides."""

    filters: tuple[Filter, ...] = ()
    sql: str = "true"

    def __and__(self, other: "Condition") -> "Condition":
        return Condition((*self.filters, *other.filters), f"({self.sql}) AND ({other.sql})")


EVERY_RECORD = Condition()


class RecordReader:
    """Reads records of one table from the company, a page at most for each call."""

    def __init__(self, source: ExtractSource, copy: OpenCopy, table: ComparedTable) -> None:
        self._copy = copy
        self._table = table
        self._reader = PageReader(source, table.stream)
        self.unqueryable: tuple[str, ...] = ()
        """Fields that the gateway refused to read."""

    def page(self, condition: Condition) -> "tuple[pa.Table, int]":
        """The first page of records, and how many remain."""
        import pyarrow as pa

        stream = self._table.stream
        partition = Partition(stream, stream.walk_field, where=condition.filters, show_private=self._table.show_private)
        page = self._reader.read(partition.query(KeySpan()))
        self.unqueryable = self._reader.unqueryable
        return pa.Table.from_batches([page.rows]), page.remaining

    def differences(self, condition: Condition) -> tuple[list[RecordDifference], bool]:
        """The differences among the records of a condition, and whether one page held them all."""
        rows, remaining = self.page(condition)
        if remaining:
            return [], False
        return self.matched(rows, condition), True

    def matched(self, rows: "pa.Table", condition: Condition) -> list[RecordDifference]:
        """The differences between records of the company and those of the copy that satisfy a condition."""
        return matched(self._copy, self._table, rows, condition.sql)

    def of_values(self, field: str, values: Sequence[Value]) -> list[RecordDifference]:
        """The differences among records with these values in a field."""
        return [one for some in batched(values, MAX_IN) for one in self._of_some(field, some)]

    def _of_some(self, field: str, keys: list[Value]) -> list[RecordDifference]:
        texts = ", ".join(map(literal, keys))
        condition = Condition(
            (Compare(field, Op.IN, tuple(keys)),), f"{quoted(self._table.columns[field])} IN ({texts})"
        )
        differences, fits = self.differences(condition)
        if fits or len(keys) == 1:
            return differences
        middle = len(keys) // 2
        return self._of_some(field, keys[:middle]) + self._of_some(field, keys[middle:])


class Search:
    """The search in one table."""

    def __init__(self, copy: OpenCopy, table: ComparedTable, records: RecordReader, prints: FingerprintReader) -> None:
        self._copy = copy
        self._table = table
        self._records = records
        self._prints = prints
        self._calls = 0
        self.exhausted = False
        """Not all differences were found: there are too many."""

    def run(self, company: Fingerprint, copied: Fingerprint, condition: Condition) -> Iterator[RecordDifference]:
        """The records of the groups that differ, among those that satisfy the condition."""
        waiting = [(condition, company, copied)]
        while waiting:
            condition, prints, other = waiting.pop()
            groups = prints.differing(other)
            if not groups:
                continue
            narrow = condition & of_groups(self._table, prints, groups) if len(groups) <= MAX_FILTERED else condition
            if self._rows(prints, other, groups, narrowed=narrow is not condition) <= MAX_PAGE and self._may_ask():
                records, fits = self._records.differences(narrow)
                yield from records
                self.exhausted = self.exhausted or len(records) >= MOST_MATCHED
                if fits:
                    continue
            parts = self._parts(prints, other, groups)
            if not parts or self._calls + len(parts) > MOST_CALLS:
                self.exhausted = True
                continue
            waiting += [pair for part in parts if (pair := self._both_prints(narrow & part, prints))]

    def _rows(self, prints: Fingerprint, other: Fingerprint, groups: Sequence[Group], *, narrowed: bool) -> int:
        """How many records a filter gives at most."""
        if not narrowed:
            return max(prints.records, other.records)
        return max(sum(map(prints.count, groups)), sum(map(other.count, groups)))

    def _may_ask(self) -> bool:
        self._calls += 1
        return self._calls <= MOST_CALLS

    def _both_prints(
        self, condition: Condition, like: Fingerprint
    ) -> tuple[Condition, Fingerprint, Fingerprint] | None:
        """A part with the fingerprints of both sides; None if it may cost no more."""
        if not self._may_ask():
            self.exhausted = True
            return None
        company = self._prints.read(like.measures, condition.filters)
        return condition, company, of_copy(self._copy, self._table, company.measures, condition.sql)

    def _parts(self, prints: Fingerprint, other: Fingerprint, groups: Sequence[Group]) -> tuple[Condition, ...]:
        """Two conditions that share the records of the groups between them, or one for a single value.

        None if the records cannot be cut.
        """
        field = prints.measures.along
        ends = [bounds for side in (prints, other) if (bounds := side.ends(groups))]
        if not field or not ends:
            return ()
        low, high = min(low for low, _ in ends), max(high for _, high in ends)  # type: ignore[type-var]
        middle = _middle(low, high)
        column = quoted(self._table.columns[field])
        if middle is None:
            spans = [bounds for side in (prints, other) if (bounds := side.ends(list(side.groups)))]
            single = Condition((Compare(field, Op.EQUALTO, (low,)),), f"{column} = {literal(low)}")
            return () if all(span == (low, low) for span in spans) else (single,)
        return (
            Condition((Compare(field, Op.LESSTHANOREQUALTO, (middle,)),), f"{column} <= {literal(middle)}"),
            Condition((Compare(field, Op.GREATERTHAN, (middle,)),), f"{column} > {literal(middle)}"),
        )


def _middle(low: Value, high: Value) -> Value | None:
    """A value that leaves some on both sides; None if there is only one."""
    if low == high:
        return None
    if isinstance(low, date) and isinstance(high, date):
        return low + timedelta(days=(high - low).days // 2)
    if isinstance(low, int | Decimal) and isinstance(high, int | Decimal):
        return int(low) + (int(high) - int(low)) // 2
    return None


def of_groups(table: ComparedTable, prints: Fingerprint, groups: Sequence[Group]) -> Condition:
    """The condition that a record is in one of some groups."""
    fields = prints.measures.groups
    if not fields:
        return EVERY_RECORD
    filters, texts = [], []
    for group in groups:
        pairs = list(zip(fields, group, strict=True))
        filters.append(all_of(_equal(field, value) for field, value in pairs))
        columns = (f"{quoted(table.columns[field])} IS NOT DISTINCT FROM {literal(value)}" for field, value in pairs)
        texts.append(f"({' AND '.join(columns)})")
    return Condition((any_of(filters),), " OR ".join(texts))


def _equal(field: str, value: Value) -> Filter:
    return Compare(field, Op.ISNULL) if value is None else Compare(field, Op.EQUALTO, (value,))


def literal(value: Value) -> str:
    """A value as SQL for DuckDB."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return str(value)
    text = sql_text.literal(str(value))
    return f"DATE {text}" if isinstance(value, date) else text
