"""The ledger in a copy: GLDETAIL as sums by month, account and location, and the rows behind one sum.

The copy is queried with SQL through DuckDB, regardless of its destination; the few columns that matter are read from it
once. Amounts are decimals throughout.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.destinations.latest_rows import latest
from intacct_bridge.flow.destinations.manifest import CopyFolder
from intacct_bridge.flow.destinations.postgres import Postgres
from intacct_bridge.flow.destinations.sql import quoted
from intacct_bridge.flow.destinations.uri import parse_uri, redacted

if TYPE_CHECKING:
    import duckdb

LEDGER = "GLDETAIL"
NEEDED = (
    "RECORDNO",
    "BATCHKEY",
    "BATCH_DATE",
    "BOOKID",
    "ACCOUNTNO",
    "LOCATIONID",
    "BASECURR",
    "ADJ",
    "STATISTICAL",
    "DEBITAMOUNT",
    "CREDITAMOUNT",
)
"""The columns that a copy of GLDETAIL needs to be compared with the ledger."""


@dataclass(frozen=True, slots=True)
class BalanceKey:
    """The book, account and location of an amount."""

    book: str
    account: str
    location: str
    currency: str = field(default="", compare=False)
    """The location's base currency, for display only: statistical amounts have none, and sources differ in how they say
    so.
    """


@dataclass(frozen=True, slots=True)
class Amounts:
    """Debits and credits, with those of adjusting entries apart."""

    debits: Decimal = Decimal(0)
    credits: Decimal = Decimal(0)
    adjusting_debits: Decimal = Decimal(0)
    adjusting_credits: Decimal = Decimal(0)

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            self.debits + other.debits,
            self.credits + other.credits,
            self.adjusting_debits + other.adjusting_debits,
            self.adjusting_credits + other.adjusting_credits,
        )

    @property
    def balance(self) -> Decimal:
        """The balance; debits are positive."""
        return self.debits - self.credits + self.adjusting_debits - self.adjusting_credits


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One row of GLDETAIL, with the columns that matter."""

    batch: int
    record: str
    day: date
    place: BalanceKey
    adjusting: bool
    debit: Decimal
    credit: Decimal

    @property
    def key(self) -> tuple[int, str, str]:
        """The identity of the row: its entry and record number, in one book."""
        return self.batch, self.record, self.place.book


class LedgerCopy:
    """A copy that is open for reading."""

    def __init__(self, con: "duckdb.DuckDBPyConnection") -> None:
        self._con = con

    def books(self) -> list[str]:
        """The books in the copy."""
        return [row[0] for row in self._rows("SELECT DISTINCT book FROM lines WHERE book IS NOT NULL ORDER BY 1")]

    def days(self) -> tuple[date, date] | None:
        """The first and last day in the copy; None where it is empty."""
        ((first, last),) = self._rows("SELECT min(day), max(day) FROM lines")
        return None if first is None else (first, last)

    def sums(self, first: date | None, last: date | None) -> dict[BalanceKey, Amounts]:
        """The amounts posted from one day to another; None is an open end."""
        found: dict[BalanceKey, Amounts] = {}
        sql = (
            "SELECT book, account, location, currency, adjusting, sum(debit), sum(credit) FROM lines "
            "WHERE day BETWEEN coalesce(?, DATE '0001-01-01') AND coalesce(?, DATE '9999-12-31') GROUP BY ALL"
        )
        for book, account, location, currency, adjusting, debit, credit in self._rows(sql, first, last):
            key = BalanceKey(book, account, location, currency)
            more = Amounts(Decimal(0), Decimal(0), debit, credit) if adjusting else Amounts(debit, credit)
            found[key] = found.get(key, Amounts()) + more
        return found

    def totals(self, book: str, first: date | None, last: date | None) -> dict[str, Amounts]:
        """The money posted from one day to another, by currency, without statistical amounts."""
        sql = (
            "SELECT currency, adjusting, sum(debit), sum(credit) FROM lines WHERE NOT statistical AND book = ? AND "
            "day BETWEEN coalesce(?, DATE '0001-01-01') AND coalesce(?, DATE '9999-12-31') GROUP BY ALL ORDER BY 1"
        )
        found: dict[str, Amounts] = {}
        for currency, adjusting, debit, credit in self._rows(sql, book, first, last):
            more = Amounts(Decimal(0), Decimal(0), debit, credit) if adjusting else Amounts(debit, credit)
            found[currency] = found.get(currency, Amounts()) + more
        return found

    def lines(self, book: str, account: str, first: date | None, last: date | None) -> list[LedgerLine]:
        """The rows of one account."""
        sql = (
            "SELECT batch, record, day, location, currency, adjusting, debit, credit FROM lines WHERE book = ? AND "
            "account = ? AND day BETWEEN coalesce(?, DATE '0001-01-01') AND coalesce(?, DATE '9999-12-31') "
            "ORDER BY day, batch, record"
        )
        return [
            LedgerLine(batch, record, day, BalanceKey(book, account, location, currency), adjusting, debit, credit)
            for batch, record, day, location, currency, adjusting, debit, credit in self._rows(
                sql, book, account, first, last
            )
        ]

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._con.execute(sql, list(values)).fetchall()
        return rows


_LINES = """
CREATE TEMP TABLE lines AS SELECT
    BATCHKEY AS batch, RECORDNO AS record, BATCH_DATE AS day, BOOKID AS book, ACCOUNTNO AS account,
    coalesce(LOCATIONID, '') AS location, coalesce(BASECURR, '') AS currency, STATISTICAL = 'T' AS statistical,
    coalesce(ADJ, false) AS adjusting, coalesce(DEBITAMOUNT, 0) AS debit, coalesce(CREDITAMOUNT, 0) AS credit
FROM ledger
"""


@contextmanager
def open_ledger(uri: str) -> Iterator[LedgerCopy]:
    """Open the copy at a destination's URI for reading. SettingsError where it has no ledger."""
    import duckdb

    at = parse_uri(uri)
    with duckdb.connect() as con:
        if at.scheme == "duckdb":
            _attach(con, at.path)
            query = f"SELECT * FROM copy.main.{quoted(LEDGER)} WHERE _deleted_at IS NULL"
        elif at.scheme in ("parquet", "csv", "jsonl"):
            query = _query_of_files(at.path)
        elif at.scheme == "postgresql":
            query = _query_of_postgres(con, at.path)
        else:
            raise SettingsError(
                f"{redacted(uri)} is not a copy that can be compared with the ledger", fix="name a destination"
            )
        try:
            con.execute(f"CREATE TEMP VIEW ledger AS {query}")
            columns = {row[0] for row in con.execute("DESCRIBE ledger").fetchall()}
        except duckdb.Error:
            raise SettingsError(
                f"{redacted(uri)} holds no {LEDGER}",
                fix=f"extract it first: intacct extract {LEDGER} --to {redacted(uri)}",
            ) from None
        missing = [name for name in NEEDED if name not in columns]
        if missing:
            raise SettingsError(
                f"the copy of {LEDGER} has no {', '.join(missing)}",
                fix="extract it with all fields",
            )
        con.execute(_LINES)  # a table, so that text files are not read again for every month
        yield LedgerCopy(con)


def _attach(con: "duckdb.DuckDBPyConnection", path: str) -> None:
    import duckdb

    if not Path(path).is_file():
        raise SettingsError(f"there is no file {path}", fix=f"create it with: intacct extract --to duckdb:///{path}")
    try:
        con.execute(f"ATTACH '{path.replace(chr(39), chr(39) * 2)}' AS copy (READ_ONLY)")
    except duckdb.Error as error:
        raise SettingsError(
            f"{path} cannot be opened: {str(error).splitlines()[0]}", fix="close the program that has it open"
        ) from None


def _query_of_postgres(con: "duckdb.DuckDBPyConnection", uri: str) -> str:
    """Fetch the columns that matter; amounts come as text, which loses no digit."""
    database = Postgres(uri)
    database.connect()
    try:
        if LEDGER not in database.tables():
            raise SettingsError(
                f"{database.name} holds no {LEDGER}", fix=f"extract it first: intacct extract {LEDGER} --to ..."
            )
        present = database.columns(LEDGER)
        amounts = {"DEBITAMOUNT": "DECIMAL(38,14)", "CREDITAMOUNT": "DECIMAL(38,14)"}
        names = [name for name in NEEDED if name in present.names]
        columns = ", ".join(f"{quoted(name)}::text" if name in amounts else quoted(name) for name in names)
        con.register("_fetched", database.table(f"SELECT {columns} FROM {quoted(LEDGER)} WHERE _deleted_at IS NULL"))
    finally:
        database.close()
    casts = (f"CAST({quoted(name)} AS {amounts.get(name)}) AS {quoted(name)}" for name in names if name in amounts)
    return f"SELECT * REPLACE ({', '.join(casts)}) FROM _fetched"


def _query_of_files(path: str) -> str:
    manifest = CopyFolder(Path(path)).read()
    entry = manifest.streams.get(LEDGER)
    if entry is None or not entry.complete:
        raise SettingsError(
            f"{path} holds no complete {LEDGER}", fix=f"extract it first: intacct extract {LEDGER} --to ..."
        )
    return latest(entry, manifest.format, path)
