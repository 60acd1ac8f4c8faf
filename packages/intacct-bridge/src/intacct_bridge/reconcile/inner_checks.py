"""Checks inside the copy: the ledger's tables against each other, without a call.

GLDETAIL, GLENTRY and GLBATCH repeat the same facts: the amount as debit, as credit and signed; the account, department,
location, currency and dates of a line; the entry of a line and its state. If two tables disagree, the entry is read
from the company. If its records disagree in the same way, the copy is right. So a check costs nothing if the tables
agree, and it finds what sums cannot, such as two amounts that were swapped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.reconcile.compared_tables import LEDGER, ComparedTable
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.values import Value

ENTRIES, LINES = "GLBATCH", "GLENTRY"
MOST_ENTRIES = 200
"""Entries of one check that are read from the company. A check that more entries fail is no rule of this company."""


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """Entries that fail one check."""

    check: str
    """The rule, as a sentence."""
    entries: tuple[Value, ...]
    """The numbers of the journal entries."""
    total: int
    """How many fail it; more than `entries` if too many do."""


@dataclass(frozen=True, slots=True)
class _Check:
    rule: str
    needs: Mapping[str, tuple[str, ...]]
    """The fields that the check reads, by object."""
    sql: str
    """The numbers of the entries that fail it, as the column `entry`."""


_SIGNED = {LEDGER: ("BATCHKEY", "AMOUNT", "DEBITAMOUNT", "CREDITAMOUNT")}
_IN_CURRENCY = {LEDGER: ("BATCHKEY", "TRX_AMOUNT", "TRX_DEBITAMOUNT", "TRX_CREDITAMOUNT")}
_SAME = (
    ("account", "ACCOUNTNO", "ACCOUNTNO"),
    ("department", "DEPARTMENTID", "DEPARTMENT"),
    ("location", "LOCATIONID", "LOCATION"),
    ("currency", "CURRENCY", "CURRENCY"),
    ("base currency", "BASECURR", "BASECURR"),
    ("entry date", "ENTRY_DATE", "ENTRY_DATE"),
    ("posting date", "BATCH_DATE", "BATCH_DATE"),
)
"""What a row of GLDETAIL has in common with its GLENTRY, with the field of each."""


def _checks() -> Iterator[_Check]:
    difference = "coalesce({0}DEBITAMOUNT, 0) - coalesce({0}CREDITAMOUNT, 0)"
    for prefix, needs in (("", _SIGNED), ("TRX_", _IN_CURRENCY)):
        yield _Check(
            f"{prefix}AMOUNT is {prefix}DEBITAMOUNT less {prefix}CREDITAMOUNT",
            needs,
            f"SELECT BATCHKEY AS entry FROM {LEDGER} WHERE coalesce({prefix}AMOUNT, 0) <> {difference.format(prefix)}",
        )
    yield _Check(
        "the lines of an entry balance in each book and base currency",
        {LEDGER: ("BATCHKEY", "BOOKID", "BASECURR", "STATISTICAL", "DEBITAMOUNT", "CREDITAMOUNT")},
        f"SELECT BATCHKEY AS entry FROM {LEDGER} WHERE STATISTICAL IS DISTINCT FROM 'T' "
        f"GROUP BY BATCHKEY, BOOKID, BASECURR HAVING sum({difference.format('')}) <> 0",
    )
    for name, detail, line in _SAME:
        yield _Check(
            f"GLDETAIL has the {name} of its GLENTRY",
            {LEDGER: ("BATCHKEY", "GLENTRYKEY", detail), LINES: ("RECORDNO", line)},
            f"SELECT d.BATCHKEY AS entry FROM {LEDGER} d JOIN {LINES} e ON d.GLENTRYKEY = e.RECORDNO "
            f"WHERE d.{detail} IS DISTINCT FROM e.{line}",
        )
    yield _Check(
        "the rows of GLDETAIL for a GLENTRY add up to its amount in each book",
        {LEDGER: ("BATCHKEY", "GLENTRYKEY", "BOOKID", "AMOUNT"), LINES: ("RECORDNO", "AMOUNT", "TR_TYPE")},
        f"SELECT any_value(d.BATCHKEY) AS entry FROM {LEDGER} d JOIN {LINES} e ON d.GLENTRYKEY = e.RECORDNO "
        "GROUP BY e.RECORDNO, d.BOOKID HAVING sum(d.AMOUNT) <> any_value(e.AMOUNT * e.TR_TYPE)",
    )
    yield _Check(
        "every GLENTRY behind GLDETAIL is there",
        {LEDGER: ("BATCHKEY", "GLENTRYKEY"), LINES: ("RECORDNO",)},
        f"SELECT BATCHKEY AS entry FROM {LEDGER} WHERE GLENTRYKEY NOT IN (SELECT RECORDNO FROM {LINES})",
    )
    yield _Check(
        "every GLBATCH behind GLDETAIL is there",
        {LEDGER: ("BATCHKEY",), ENTRIES: ("RECORDNO",)},
        f"SELECT BATCHKEY AS entry FROM {LEDGER} WHERE BATCHKEY NOT IN (SELECT RECORDNO FROM {ENTRIES})",
    )
    yield _Check(
        "GLDETAIL has the posting date of its GLBATCH",
        {LEDGER: ("BATCHKEY", "BATCH_DATE"), ENTRIES: ("RECORDNO", "BATCH_DATE")},
        f"SELECT d.BATCHKEY AS entry FROM {LEDGER} d JOIN {ENTRIES} b ON d.BATCHKEY = b.RECORDNO "
        "WHERE d.BATCH_DATE IS DISTINCT FROM b.BATCH_DATE",
    )
    yield _Check(
        "a GLBATCH is posted if it has rows in GLDETAIL, and only then",
        {LEDGER: ("BATCHKEY",), ENTRIES: ("RECORDNO", "STATE")},
        f"SELECT RECORDNO AS entry FROM {ENTRIES} WHERE STATE IN ('Posted', 'Draft', 'Submitted') "
        f"AND (STATE = 'Posted') <> (RECORDNO IN (SELECT BATCHKEY FROM {LEDGER}))",
    )
    yield _Check(
        "every GLENTRY has the state of its GLBATCH",
        {LINES: ("BATCHNO", "STATE"), ENTRIES: ("RECORDNO", "STATE")},
        f"SELECT e.BATCHNO AS entry FROM {LINES} e LEFT JOIN {ENTRIES} b ON e.BATCHNO = b.RECORDNO "
        "WHERE b.RECORDNO IS NULL OR e.STATE IS DISTINCT FROM b.STATE",
    )


def failed_checks(copy: OpenCopy, tables: Mapping[str, ComparedTable]) -> Iterator[FailedCheck]:
    """The checks that entries of the copy fail, as far as it has their fields. `tables` are by object."""
    for name, table in tables.items():
        fields = ", ".join(f"{quoted(column)} AS {quoted(field)}" for field, column in table.columns.items())
        copy.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {fields} FROM {copy.relation(table.name)}")
    for check in _checks():
        if all(name in tables and set(fields) <= set(tables[name].columns) for name, fields in check.needs.items()):
            failing = f"SELECT DISTINCT entry FROM ({check.sql}) WHERE entry IS NOT NULL"
            entries = copy.rows(f"SELECT entry, count(*) OVER () FROM ({failing}) ORDER BY 1 LIMIT {MOST_ENTRIES}")
            if entries:
                yield FailedCheck(check.rule, tuple(entry for entry, _ in entries), entries[0][1])
    for name in tables:
        copy.execute(f"DROP VIEW {name}")
