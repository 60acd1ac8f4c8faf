"""A copy's GLDETAIL as an accountant looks at it: sums by month, account and location, and the rows behind one sum.

The copy is asked with SQL through DuckDB, wherever it lies; the few columns that matter are read from it once. Amounts
are decimal from the file to the answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.destinations.base import place, quoted, shown
from intacct_bridge.flow.destinations.latest_rows import latest
from intacct_bridge.flow.destinations.manifest import Folder
from intacct_bridge.flow.destinations.postgres import Postgres

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
"""What a copy of GLDETAIL must have to be held against the ledger."""


@dataclass(frozen=True, slots=True)
class BalanceKey:
    """Where an amount stands."""

    book: str
    account: str
    location: str
    currency: str = field(default="", compare=False)
    """The location's base currency, for showing: statistical amounts have none, and not everybody says so alike."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """What stands there: debits and credits, the adjusting ones apart."""

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
        """Debit positive."""
        return self.debits - self.credits + self.adjusting_debits - self.adjusting_credits


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One row of GLDETAIL, as far as the ledger is concerned."""

    batch: int
    record: str
    day: date
    place: BalanceKey
    adjusting: bool
    debit: Decimal
    credit: Decimal

    @property
    def key(self) -> tuple[int, str, str]:
        """What the row is found by: its entry and record number, in one book."""
        return self.batch, self.record, self.place.book


class LedgerCopy:
    """An open copy."""

    def __init__(self, con: "duckdb.DuckDBPyConnection") -> None:
        self._con = con

    def books(self) -> list[str]:
        """The books it holds."""
        return [row[0] for row in self._rows("SELECT DISTINCT book FROM lines WHERE book IS NOT NULL ORDER BY 1")]

    def days(self) -> tuple[date, date] | None:
        """Its first and last day; None where it is empty."""
        ((first, last),) = self._rows("SELECT min(day), max(day) FROM lines")
        return None if first is None else (first, last)

    def sums(self, first: date | None, last: date | None) -> dict[BalanceKey, Amounts]:
        """What was posted from one day to another; an open end reaches as far as the copy does."""
        found: dict[BalanceKey, Amounts] = {}
        sql = (
            "SELECT book, account, location, currency, adjusting, sum(debit), sum(credit) FROM lines "
            "WHERE day BETWEEN coalesce(?, DATE '0001-01-01') AND coalesce(?, DATE '9999-12-31') GROUP BY ALL"
        )
        for book, account, location, currency, adjusting, debit, credit in self._rows(sql, first, last):
            at = BalanceKey(book, account, location, currency)
            more = Amounts(Decimal(0), Decimal(0), debit, credit) if adjusting else Amounts(debit, credit)
            found[at] = found.get(at, Amounts()) + more
        return found

    def totals(self, book: str, first: date | None, last: date | None) -> dict[str, Amounts]:
        """Money posted from one day to another, by currency; statistical amounts are no money."""
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
    """Open the copy behind a destination's URI, for reading."""
    import duckdb

    at = place(uri)
    with duckdb.connect() as con:
        if at.scheme == "duckdb":
            _attach(con, at.path)
            query = f"SELECT * FROM copy.main.{quoted(LEDGER)} WHERE _deleted_at IS NULL"
        elif at.scheme in ("parquet", "csv", "jsonl"):
            query = _of_files(at.path)
        elif at.scheme == "postgresql":
            query = _of_postgres(con, at.path)
        else:
            raise SettingsError(
                f"{shown(uri)} is no copy that can be held against the ledger", fix="name a destination"
            )
        try:
            con.execute(f"CREATE TEMP VIEW ledger AS {query}")
            held = {row[0] for row in con.execute("DESCRIBE ledger").fetchall()}
        except duckdb.Error:
            raise SettingsError(
                f"{shown(uri)} holds no {LEDGER}", fix=f"extract it first: intacct extract {LEDGER} --to {shown(uri)}"
            ) from None
        missing = [name for name in NEEDED if name not in held]
        if missing:
            raise SettingsError(
                f"the copy of {LEDGER} lacks {', '.join(missing)}", fix="extract it with these fields, or with all"
            )
        con.execute(_LINES)  # a table: a folder of text files is not read again for every month
        yield LedgerCopy(con)


def _attach(con: "duckdb.DuckDBPyConnection", path: str) -> None:
    import duckdb

    if not Path(path).is_file():
        raise SettingsError(f"there is no file {path}", fix=f"make it with: intacct extract --to duckdb:///{path}")
    try:
        con.execute(f"ATTACH '{path.replace(chr(39), chr(39) * 2)}' AS copy (READ_ONLY)")
    except duckdb.Error as error:
        raise SettingsError(
            f"{path} cannot be opened: {str(error).splitlines()[0]}", fix="close the program that has it open"
        ) from None


def _of_postgres(con: "duckdb.DuckDBPyConnection", uri: str) -> str:
    """The columns that matter, fetched at once; amounts travel as text, which loses no digit."""
    database = Postgres(uri)
    database.connect()
    try:
        if LEDGER not in database.tables():
            raise SettingsError(
                f"{database.name} holds no {LEDGER}", fix=f"extract it first: intacct extract {LEDGER} --to ..."
            )
        held = database.columns(LEDGER)
        amounts = {"DEBITAMOUNT": "DECIMAL(38,14)", "CREDITAMOUNT": "DECIMAL(38,14)"}
        names = [name for name in NEEDED if name in held.names]
        columns = ", ".join(f"{quoted(name)}::text" if name in amounts else quoted(name) for name in names)
        con.register("_fetched", database.table(f"SELECT {columns} FROM {quoted(LEDGER)} WHERE _deleted_at IS NULL"))
    finally:
        database.close()
    kept = (f"CAST({quoted(name)} AS {amounts.get(name)}) AS {quoted(name)}" for name in names if name in amounts)
    return f"SELECT * REPLACE ({', '.join(kept)}) FROM _fetched"


def _of_files(path: str) -> str:
    manifest = Folder(Path(path)).read()
    entry = manifest.streams.get(LEDGER)
    if entry is None or not entry.complete:
        raise SettingsError(
            f"{path} holds no whole {LEDGER}", fix=f"extract it first: intacct extract {LEDGER} --to ..."
        )
    return latest(entry, manifest.format, path)
