"""The ledger in a copy: GLDETAIL as sums by month, account and location. Amounts are decimals throughout."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.reconcile.compared_tables import LEDGER
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.sql_text import quoted

NEEDED = (
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


class LedgerCopy:
    """A copy that is open for reading."""

    def __init__(self, copy: OpenCopy) -> None:
        self._copy = copy

    def books(self) -> list[str]:
        """The books in the copy."""
        return [row[0] for row in self._copy.rows("SELECT DISTINCT book FROM lines WHERE book IS NOT NULL ORDER BY 1")]

    def days(self) -> tuple[date, date] | None:
        """The first and last day in the copy; None if it is empty."""
        ((first, last),) = self._copy.rows("SELECT min(day), max(day) FROM lines")
        return None if first is None else (first, last)

    def sums(self, first: date | None, last: date | None) -> dict[BalanceKey, Amounts]:
        """The amounts posted from one day to another; None is an open end."""
        sums: dict[BalanceKey, Amounts] = {}
        sql = (
            "SELECT book, account, location, currency, adjusting, sum(debit), sum(credit) FROM lines "
            "WHERE day BETWEEN coalesce(?, DATE '0001-01-01') AND coalesce(?, DATE '9999-12-31') GROUP BY ALL"
        )
        for book, account, location, currency, adjusting, debit, credit in self._copy.rows(sql, first, last):
            key = BalanceKey(book, account, location, currency)
            more = Amounts(Decimal(0), Decimal(0), debit, credit) if adjusting else Amounts(debit, credit)
            sums[key] = sums.get(key, Amounts()) + more
        return sums

    def totals(self, book: str, first: date | None, last: date | None) -> dict[str, Amounts]:
        """The money posted from one day to another, by currency, without statistical amounts."""
        sql = (
            "SELECT currency, adjusting, sum(debit), sum(credit) FROM lines WHERE NOT statistical AND book = ? AND "
            "day BETWEEN coalesce(?, DATE '0001-01-01') AND coalesce(?, DATE '9999-12-31') GROUP BY ALL ORDER BY 1"
        )
        totals: dict[str, Amounts] = {}
        for currency, adjusting, debit, credit in self._copy.rows(sql, book, first, last):
            more = Amounts(Decimal(0), Decimal(0), debit, credit) if adjusting else Amounts(debit, credit)
            totals[currency] = totals.get(currency, Amounts()) + more
        return totals


_LINES = """
SELECT
    BATCH_DATE AS day, BOOKID AS book, ACCOUNTNO AS account,
    coalesce(LOCATIONID, '') AS location, coalesce(BASECURR, '') AS currency, STATISTICAL = 'T' AS statistical,
    coalesce(ADJ, false) AS adjusting, coalesce(DEBITAMOUNT, 0) AS debit, coalesce(CREDITAMOUNT, 0) AS credit
FROM ledger
"""


def open_ledger(copy: OpenCopy) -> LedgerCopy:
    """The ledger of a copy. SettingsError if it has none, or not all of its columns."""
    table = copy.tables.get(LEDGER) or copy.tables.get(LEDGER.lower())
    if table is None:
        raise SettingsError(f"the copy holds no complete {LEDGER}", fix=f"extract it: intacct extract {LEDGER}")
    present = {name.upper(): name for name in table.column_names}
    missing = [name for name in NEEDED if name not in present]
    if missing:
        raise SettingsError(f"the copy of {LEDGER} has no {', '.join(missing)}", fix="extract it with all fields")
    columns = ", ".join(f"{quoted(present[name])} AS {name}" for name in NEEDED)
    copy.execute(f"CREATE OR REPLACE TEMP VIEW ledger AS SELECT {columns} FROM {copy.relation(table.name)}")
    copy.execute(f"CREATE OR REPLACE TEMP TABLE lines AS {_LINES}")
    return LedgerCopy(copy)
