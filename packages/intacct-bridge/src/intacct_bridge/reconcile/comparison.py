"""Whether a copy matches the company: the ledger's balances, and every table by the cheapest means that proves it.

A table of at most a page is read, and compared field by field. A larger one is compared by a fingerprint (see
`fingerprints`), and the records that differ are searched for (see `search`). The ledger's tables are checked
against each other as well (see `inner_checks`). If all is equal, a table costs one transaction and 2 % of its pages.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.extract.estimate import Estimate
from intacct_bridge.extract.key_walk import walk
from intacct_bridge.extract.page_reader import PageReader
from intacct_bridge.extract.source import ExtractSource, GatewaySource
from intacct_bridge.reconcile.compared_tables import (
    LEDGER,
    ComparedTable,
    MissingTable,
    NotCompared,
    compared_tables,
    missing_tables,
)
from intacct_bridge.reconcile.fingerprints import (
    Fingerprint,
    FingerprintReader,
    Measures,
    allowed_pages,
    by_dimensions,
    chosen_measures,
    of_copy,
    pages_of,
)
from intacct_bridge.reconcile.inner_checks import ENTRIES, LINES, FailedCheck, failed_checks
from intacct_bridge.reconcile.record_differences import RecordDifference, fitted
from intacct_bridge.reconcile.search import EVERY_RECORD, Condition, RecordReader, Search, literal
from intacct_bridge.reconcile.trial_balances import ALL_TIME, Period
from intacct_bridge.streams.partition import Partition
from intacct_protocol.errors import NotPermittedError
from intacct_protocol.model.query.query import MAX_PAGE, Compare, Op
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.values import Value

if TYPE_CHECKING:
    import pyarrow as pa

_ENTRY_FIELDS = {LEDGER: "BATCHKEY", LINES: "BATCHNO", ENTRIES: "RECORDNO"}
"""The field of each of the ledger's objects that holds the number of the journal entry."""


_DAY = "BATCH_DATE"


def _has_days(table: ComparedTable) -> bool:
    return table.stream.object in _ENTRY_FIELDS and _DAY in table.columns


class ComparisonMethod(StrEnum):
    """How a table was compared."""

    RECORDS = "records"
    """Every field of every record."""
    SUMS = "sums"
    """The number of records, the sums of all numbers, the first and last dates and the latest change, in groups."""
    COUNT = "count"
    """The number of records only: the gateway refused everything else."""


@dataclass(frozen=True, slots=True)
class TableComparison:
    """The result for one table."""

    table: str
    method: ComparisonMethod
    rows: int
    """Records of the copy."""
    company_rows: int | None = None
    """Records of the company; None if they were not counted."""
    records: tuple[RecordDifference, ...] = ()
    more: bool = False
    """Further records differ that are not named."""
    groups: tuple[str, ...] = ()
    """The fields by which sums were compared."""
    unproven: tuple[str, ...] = ()
    """Fields that only `fields` would compare."""
    note: str = ""

    @property
    def equal(self) -> bool:
        """Whether no difference was found."""
        return not self.records and not self.more

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "table": self.table,
            "equal": self.equal,
            "compared_by": self.method.value,
            "records": self.rows,
            "company_records": self.company_rows,
            "groups": list(self.groups),
            "fields_not_proven": list(self.unproven),
            "differing": len(self.records),
            "more_differ": self.more,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """A check inside the copy that entries failed, and what the company says of them."""

    failed: FailedCheck
    confirmed: bool
    """The copy differs from the company there; otherwise the company's own records are like this."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The tables, and the checks that entries of the copy failed."""

    tables: tuple[TableComparison, ...]
    not_compared: tuple[NotCompared, ...]
    checks: tuple[CheckOutcome, ...] = ()
    missing: tuple[MissingTable, ...] = ()
    """Streams that were extracted, and have no table in the copy."""

    @property
    def records(self) -> tuple[RecordDifference, ...]:
        """All records that differ."""
        return tuple(record for table in self.tables for record in table.records)

    @property
    def equal(self) -> bool:
        """Whether no difference was found."""
        return not self.missing and all(one.equal for one in self.tables)


class Comparer:
    """Compares the tables of one copy with a company."""

    def __init__(
        self,
        gateway: ReadGateway,
        copy: OpenCopy,
        *,
        all_fields: bool = False,
        ignored: Mapping[str, Collection[str]] | None = None,
        period: Period = ALL_TIME,
    ) -> None:
        """`all_fields`: read every record; `ignored`: fields by table; `period`: only the ledger of these days."""
        self._gateway = gateway
        self._copy = copy
        self._source = GatewaySource(gateway)
        self._all_fields = all_fields
        copy.require_company(self._source.company)
        tables, self._others = compared_tables(gateway, copy, ignored=ignored)
        self._period = period
        self._tables = [one for one in tables if period == ALL_TIME or _has_days(one)]
        left = (one for one in tables if one not in self._tables)
        self._others += [NotCompared(one.name, "only the ledger of one period is compared") for one in left]
        self._missing = tuple(
            one
            for one in missing_tables(copy, ignored=ignored)
            if period == ALL_TIME or one.table.upper() in _ENTRY_FIELDS
        )

    def estimates(self) -> list[Estimate]:
        """The cost of each table, from the rows of the copy."""
        return [Estimate(one.name, rows, self._cost(rows)) for one in self._tables for rows in [self._count(one)]]

    def _cost(self, rows: int) -> int:
        return pages_of(rows) if self._all_fields else allowed_pages(rows)

    def run(self) -> Iterator[TableComparison]:
        """The tables, one after another; `finish` then gives the whole result."""
        self._comparisons: dict[str, TableComparison] = {}
        for table in self._tables:
            try:
                comparison = self._compared(table)
            except NotPermittedError as error:
                self._others.append(NotCompared(table.name, error.message))
                continue
            self._comparisons[table.name] = comparison
            if table.stream.object not in _ENTRY_FIELDS:
                self._copy.release(table.name)
            yield comparison

    def finish(self) -> Comparison:
        """The result, after the checks inside the copy."""
        checks = tuple(self._checked())
        others = sorted(self._others, key=lambda one: (one.table, one.fields))
        return Comparison(tuple(self._comparisons.values()), tuple(others), checks, self._missing)

    def _count(self, table: ComparedTable) -> int:
        where = self._condition(table).sql
        ((rows,),) = self._copy.rows(f"SELECT count(*) FROM {self._copy.relation(table.name)} WHERE {where}")
        return int(rows)

    def _condition(self, table: ComparedTable) -> Condition:
        """The records that are compared."""
        first, last = self._period.first, self._period.last
        if first is None or last is None:
            return EVERY_RECORD
        column = quoted(table.columns[_DAY])
        sql = f"{column} BETWEEN {literal(first)} AND {literal(last)}"
        return Condition((Compare(_DAY, Op.BETWEEN, (first, last)),), sql)

    def _compared(self, table: ComparedTable) -> TableComparison:
        rows = self._count(table)
        records = RecordReader(self._source, self._copy, table)
        if rows <= MAX_PAGE:
            company, remaining = records.page(self._condition(table))
            if not remaining:
                differences = records.matched(company, self._condition(table))
                result = TableComparison(
                    table.name, ComparisonMethod.RECORDS, rows, company.num_rows, tuple(differences)
                )
                return replace(result, unproven=records.unqueryable)
        elif self._all_fields and self._period == ALL_TIME:
            keys, total = _differing_keys(self._source, self._copy, table)
            differences = records.of_values(table.stream.walk_field, keys)
            more = total > len(keys) or bool(keys and not differences)
            return TableComparison(table.name, ComparisonMethod.RECORDS, rows, None, tuple(differences), more)
        return self._by_sums(table, rows, records)

    def _by_sums(self, table: ComparedTable, rows: int, records: RecordReader) -> TableComparison:
        prints = FingerprintReader(self._gateway, self._copy, table, rows)
        condition = self._condition(table)
        company = prints.read(chosen_measures(self._copy, table, rows), condition.filters)
        measures = company.measures
        copied = of_copy(self._copy, table, measures, condition.sql)
        method = ComparisonMethod.SUMS if measures.sums or measures.groups else ComparisonMethod.COUNT
        proven = {*measures.groups, *measures.sums, *measures.days, measures.latest}
        unproven = tuple(one for one in table.columns if one not in proven)
        result = TableComparison(table.name, method, rows, company.records, groups=measures.groups, unproven=unproven)
        pairs = [(company, copied), *self._by_dimensions(table, prints, measures, condition)]
        if not any(one.differing(other) for one, other in pairs):
            return result
        search = Search(self._copy, table, records, prints)
        differences = tuple(dict.fromkeys(record for pair in pairs for record in search.run(*pair, condition)))
        note = "" if differences or search.exhausted else "the gateway's sums differ from those of its own records"
        return replace(result, records=differences, more=search.exhausted, note=note)

    def _by_dimensions(
        self, table: ComparedTable, prints: FingerprintReader, measures: Measures, condition: Condition
    ) -> Iterator[tuple[Fingerprint, Fingerprint]]:
        """The ledger by its dimensions, if the copy has no GLENTRY to check them against."""
        if table.stream.object == LEDGER and all(one.stream.object != LINES for one in self._tables):
            others = by_dimensions(self._copy, table, measures)
            if others.groups:
                company = prints.read(others, condition.filters)
                yield company, of_copy(self._copy, table, company.measures, condition.sql)

    def _checked(self) -> Iterator[CheckOutcome]:
        """The checks that fail, each confirmed or not by reading its entries from the company."""
        tables = {one.stream.object: one for one in self._tables if one.stream.object in _ENTRY_FIELDS}
        tables = {
            name: one for name, one in tables.items() if one.name in self._comparisons and one.stream.where is None
        }
        open_ = [one for one in tables.values() if self._comparisons[one.name].method is not ComparisonMethod.RECORDS]
        if LEDGER not in tables or not open_ or self._period != ALL_TIME:
            return
        differing = {
            one.owner or one.record for table in tables.values() for one in self._comparisons[table.name].records
        }
        for failed in failed_checks(self._copy, tables):
            entries = [one for one in failed.entries if str(one) not in differing]
            before = len(self._records())
            for table in open_ if entries else ():
                self._add(table, entries)
            differing |= set(map(str, entries))
            yield CheckOutcome(failed, confirmed=len(self._records()) > before or not entries)

    def _records(self) -> Sequence[RecordDifference]:
        return [record for table in self._comparisons.values() for record in table.records]

    def _add(self, table: ComparedTable, entries: Sequence[object]) -> None:
        field = _ENTRY_FIELDS[table.stream.object]
        if field not in table.columns:
            return
        reader = RecordReader(self._source, self._copy, table)
        comparison = self._comparisons[table.name]
        records = dict.fromkeys((*comparison.records, *reader.of_values(field, entries)))  # type: ignore[arg-type]
        self._comparisons[table.name] = replace(comparison, records=tuple(records))


# --- every field of every record

# Only a hash of each record is kept, so that tables of any size fit. Records whose hashes differ are read once more, to
# name the fields.

_MOST_NAMED = 1000
"""Keys whose records are read once more."""


def _differing_keys(source: ExtractSource, copy: OpenCopy, table: ComparedTable) -> tuple[list[Value], int]:
    """The values of the walked field under which the two sides differ, as many as are named, and their number."""
    stream = table.stream
    partition = Partition(stream, stream.walk_field, in_groups=bool(stream.group), show_private=table.show_private)
    reader = PageReader(source, stream)
    copy.execute("CREATE OR REPLACE TEMP TABLE _read (walked VARCHAR, hash UBIGINT)")
    fields: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        for page in walk(reader.read, partition, pool):
            fields = fields or [one for one in table.columns if one in page.rows.schema.names]
            _keep_hashes(copy, table, page.rows, fields)
    fields = fields or list(table.columns)
    copied = _hashed(table, [table.columns[one] for one in fields], copy.relation(table.name), named=True)
    both = f"(SELECT * FROM _read EXCEPT ALL {copied}) UNION ALL ({copied} EXCEPT ALL SELECT * FROM _read)"
    walked = f"SELECT DISTINCT walked FROM ({both})"
    rows = copy.rows(f"SELECT walked, count(*) OVER () FROM ({walked}) ORDER BY 1 LIMIT {_MOST_NAMED}")
    copy.execute("DROP TABLE _read")
    number = not partition.as_text
    return [int(key) if number else key for key, _ in rows], (rows[0][1] if rows else 0)


def _keep_hashes(copy: OpenCopy, table: ComparedTable, rows: "pa.RecordBatch", fields: list[str]) -> None:
    import pyarrow as pa

    page = fitted(pa.Table.from_batches([rows]).select(fields), copy, table)
    with copy.registered("_page", page):
        copy.execute(f"INSERT INTO _read {_hashed(table, fields, '_page', named=False)}")


def _hashed(table: ComparedTable, columns: list[str], relation: str, *, named: bool) -> str:
    """Each row's walked field and hash; `named`: the columns have the names of the copy."""
    walked = table.stream.walk_field
    field = table.columns[walked] if named else walked
    return f"SELECT CAST({quoted(field)} AS VARCHAR) AS walked, hash({', '.join(map(quoted, columns))}) FROM {relation}"
