"""The ledger: every posted entry once for each book, in a table that no object is served from.

Balances are read from here. GLDETAIL has rows of its own, so that a comparison of GLDETAIL with the trial balance means
something. Amounts are whole ten-thousandths, which SQL adds up exactly.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.company.company_facts import CompanyFacts
from intacct_emulator.ledger.dimensions import DIMENSIONS, NAMES
from intacct_emulator.ledger.posting import ACCRUAL
from intacct_emulator.settings.cells import Row, decimal_text, iso_date, text_of
from intacct_emulator.store.store import SqlValue, Store, insert_many
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.values import Value

SCALE = Decimal(10_000)
_HALF = 10**9
"""Where a sum is cut into two, in ten-thousandths."""
_STANDARD_FIELDS = tuple(one.id_field for one in DIMENSIONS)
_STANDARD = tuple(name.lower() for name in NAMES)
GROUPS = ("location", "department", *_STANDARD)
"""The groups by which balances can be broken down, besides account, currency and user-defined dimensions."""
_COLUMNS = (
    "entry INTEGER, batch INTEGER, book TEXT, day TEXT, account TEXT, location TEXT, department TEXT, currency TEXT, "
    "statistical INTEGER, adjusting INTEGER, debit INTEGER, credit INTEGER"
)
_NAME = "postings"
_FIXED = tuple(column.split()[0] for column in _COLUMNS.split(", "))


@dataclass(frozen=True, slots=True)
class PostingFilter:
    """The conditions on postings; an empty one, or None, leaves a condition out."""

    until: date
    since: date | None = None
    books: tuple[str, ...] = (ACCRUAL,)
    statistical: bool | None = False
    accounts: tuple[str, str] | None = None
    """From and to, both included."""
    locations: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AccountSum:
    """The sums of one account's postings, by side, with adjusting entries separate."""

    account: str
    currency: str
    parts: tuple[str, ...]
    """The values of the other groups, in the order of the request."""
    opening: Decimal
    debits: Decimal
    credits: Decimal
    adjusting_debits: Decimal
    adjusting_credits: Decimal

    @property
    def closing(self) -> Decimal:
        """The balance at the end, debit positive."""
        return self.opening + self.debits - self.credits + self.adjusting_debits - self.adjusting_credits


class Ledger:
    """The postings of one company, with a column for each dimension, `own` being the user-defined ones."""

    def __init__(self, store: Store, user_fields: Sequence[str] = ()) -> None:
        self._store = store
        self._run = store.connection.execute
        self._table = quoted(store.full_name(_NAME))
        self._groups = (*GROUPS, *(name.lower() for name in user_fields))
        self._columns = (*_FIXED, *_STANDARD, *(name.lower() for name in user_fields))
        self._make_columns()

    def _make_columns(self) -> None:
        """Make the table, or the columns that a table of another definition lacks."""
        there = {name for _, name, *_ in self._run(f"PRAGMA table_info({self._table})")}
        if there.issuperset(self._columns):
            return
        self._own_copy()
        if not there:
            dimensions = "".join(f', "{name}" TEXT' for name in self._columns[len(_FIXED) :])
            self._run(f"CREATE TABLE {self._table} ({_COLUMNS}{dimensions})")
            return
        for name in self._columns:
            if name not in there:
                self._run(f"ALTER TABLE {self._table} ADD COLUMN \"{name}\" TEXT DEFAULT ''")

    def _own_copy(self) -> None:
        """Have the table in the company's own layer, before a write."""
        self._table = quoted(self._store.own_name(_NAME))

    def index(self) -> None:
        """Make the indexes, if the table has none. A bulk load does this last."""
        named = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND tbl_name = ? LIMIT 1"
        if self._run(named, (self._store.full_name(_NAME),)).fetchone():
            return  # a copy of a table into the own layer has its indexes too
        self._own_copy()
        for name, columns in (("account", "account, day"), ("batch", "batch")):
            index = quoted(f"{self._store.prefix}:{_NAME} by {name}")
            self._run(f"CREATE INDEX IF NOT EXISTS {index} ON {self._table} ({columns})")

    def post(self, lines: Iterable[tuple[SqlValue, ...]]) -> None:
        """Add lines made by `ledger_line`."""
        self._own_copy()
        names = ", ".join(f'"{name}"' for name in self._columns)
        insert_many(self._store.connection, f"INSERT INTO {self._table} ({names})", len(self._columns), lines)

    def unpost(self, batch: int) -> None:
        """Remove the lines of a batch."""
        self._own_copy()
        self._run(f"DELETE FROM {self._table} WHERE batch = ?", (batch,))

    def sums(self, selection: PostingFilter, by: Sequence[str] = ()) -> Iterator[AccountSum]:
        """Sums by account, currency and the given `GROUPS`, in the order of the accounts."""
        where, values = _conditions(selection)
        groups = ["account", "currency", *(one.lower() for one in by if one.lower() in self._groups)]
        listed = ", ".join(groups)
        since = "" if selection.since is None else selection.since.isoformat()
        rows = self._run(
            f"SELECT {listed},"
            f" {_exact_sum('debit - credit', 'day < ?')},"
            f" {_exact_sum('debit', 'day >= ? AND NOT adjusting')},"
            f" {_exact_sum('credit', 'day >= ? AND NOT adjusting')},"
            f" {_exact_sum('debit', 'day >= ? AND adjusting')},"
            f" {_exact_sum('credit', 'day >= ? AND adjusting')}"
            f" FROM {self._table} WHERE {where} GROUP BY {listed} ORDER BY {listed}",
            (*([since] * 10), *values),
        )
        for row in rows:
            account, currency, *parts = (text or "" for text in row[: len(groups)])
            yield AccountSum(account, currency, tuple(parts), *_sums(row[len(groups) :]))


def _exact_sum(units: str, condition: str) -> str:
    """Two columns of SQL, which `_sums` puts together. A sum of ten amounts of 14 digits overflows 64 bits in one."""
    upper, lower = f"({units}) / {_HALF}", f"({units}) % {_HALF}"
    return ", ".join(f"sum(CASE WHEN {condition} THEN {part} ELSE 0 END)" for part in (upper, lower))


def _sums(columns: Sequence[int]) -> Iterator[Decimal]:
    pairs = zip(columns[::2], columns[1::2], strict=True)
    return (Decimal(upper * _HALF + lower) / SCALE for upper, lower in pairs)


def _conditions(selection: PostingFilter) -> tuple[str, list[SqlValue]]:
    parts: list[str] = ["day <= ?", f"book IN ({', '.join('?' for _ in selection.books)})"]
    values: list[SqlValue] = [selection.until.isoformat(), *selection.books]
    if selection.statistical is not None:
        parts.append("statistical = ?")
        values.append(int(selection.statistical))
    if selection.accounts is not None:
        parts.append("account BETWEEN ? AND ?")
        values += selection.accounts
    for column, listed in (("location", selection.locations), ("department", selection.departments)):
        if listed:
            parts.append(f"{column} IN ({', '.join('?' for _ in listed)})")
            values += listed
    for name, text in selection.dimensions:
        parts.append(f"{name.lower()} = ?")
        values.append(text)
    return " AND ".join(parts), values


LEDGER_FIELDS = (
    *("RECORDNO", "BATCHNO", "BATCH_DATE", "ACCOUNTNO", "LOCATION", "DEPARTMENT", "BASECURR", "STATISTICAL", "ADJ"),
    *("AMOUNT", "TR_TYPE"),
    *_STANDARD_FIELDS,
)
"""The fields of a GLENTRY row that the ledger keeps, besides user-defined dimensions."""


def ledger_line(entry: Row, book: str = ACCRUAL, user_fields: Sequence[str] = ()) -> tuple[SqlValue, ...]:
    """A GLENTRY row as a line of the ledger, with the dimensions `own` that the company defined.

    AMOUNT is in the base currency of the entry's entity.
    """
    amount = int(Decimal(entry.get("AMOUNT") or 0) * SCALE)
    debit = entry.get("TR_TYPE") == "1"
    return (
        int(entry["RECORDNO"]),
        int(entry["BATCHNO"]),
        book,
        (iso_date(entry.get("BATCH_DATE", "")) or "")[:10],
        entry.get("ACCOUNTNO", ""),
        entry.get("LOCATION", ""),
        entry.get("DEPARTMENT", ""),
        entry.get("BASECURR", ""),
        int(entry.get("STATISTICAL") == "T"),
        int(entry.get("ADJ") == "T"),
        amount if debit else 0,
        0 if debit else amount,
        *[entry.get(name, "") for name in (*_STANDARD_FIELDS, *user_fields)],
    )


def posted_line(
    entry: Mapping[str, Value], book: str = ACCRUAL, user_fields: Sequence[str] = ()
) -> tuple[SqlValue, ...]:
    """The same from a row of typed values, as a load has it."""
    get = entry.get
    amount, day = get("AMOUNT"), get("BATCH_DATE")
    units = int((amount if isinstance(amount, Decimal) else Decimal(text_of(amount) or 0)) * SCALE)
    debit = get("TR_TYPE") in (1, "1")
    return (
        _whole(entry["RECORDNO"]),
        _whole(entry["BATCHNO"]),
        book,
        day.isoformat()[:10] if isinstance(day, date) else (iso_date(text_of(day)) or "")[:10],
        *_texts(map(get, ("ACCOUNTNO", "LOCATION", "DEPARTMENT", "BASECURR"))),
        int(get("STATISTICAL") == "T"),
        int(get("ADJ") == "T"),
        units if debit else 0,
        0 if debit else units,
        *_texts(map(get, _STANDARD_FIELDS)),
        *_texts(map(get, user_fields)),
    )


def _whole(value: Value) -> int:
    return value if type(value) is int else int(text_of(value))


def _texts(values: Iterable[Value]) -> list[str]:
    # Most dimensions of a line are empty.
    return ["" if value is None else value if type(value) is str else text_of(value) for value in values]


def entry_of_detail(row: Row) -> Row:
    """A GLDETAIL row with the names of GLENTRY, as far as the ledger needs them."""
    number = row.get("GLENTRYKEY") or row.get("RECORDNO", "").partition("-")[0]
    amount = Decimal(row.get("DEBITAMOUNT") or 0) - Decimal(row.get("CREDITAMOUNT") or 0)
    if not row.get("DEBITAMOUNT") and not row.get("CREDITAMOUNT"):
        amount = Decimal(row.get("AMOUNT") or 0)
    return row | {
        "RECORDNO": number if number.isdecimal() else "0",
        "BATCHNO": row.get("BATCHKEY") or "0",
        "LOCATION": row.get("LOCATIONID", ""),
        "DEPARTMENT": row.get("DEPARTMENTID", ""),
        "ADJ": "T" if row.get("ADJ") in ("true", "T") else "F",
        "AMOUNT": decimal_text(amount if row.get("TR_TYPE") == "1" else -amount),
    }


_JOURNALS = ("GLJOURNAL", "STATJOURNAL", "ADJJOURNAL")


def books_kept(facts: CompanyFacts) -> tuple[str, ...]:
    """The books that show every posting. A company may have `adjustment_books` besides, for their own journals."""
    return facts.reporting_books.get() or (ACCRUAL,)


def books_known(company: CompanyData) -> tuple[str, ...]:
    """Every book of the company: those that show every posting, adjustment books, and the books of its journals."""
    named = [*books_kept(company.facts), *(company.facts.adjustment_books.get() or ())]
    for name in _JOURNALS:
        named += [book for _, row in company.table(name).rows() for book in _journal_books(row)]
    return tuple(dict.fromkeys(named))


def books_of(company: CompanyData, journal: Row) -> tuple[str, ...]:
    """The books that show the entries of a journal: its own, or those that show every posting."""
    return _journal_books(journal) or books_kept(company.facts)


def _journal_books(journal: Row) -> tuple[str, ...]:
    return tuple(book.strip() for book in journal.get("BOOKID", "").split("&") if book.strip())


def detail_key(key: str, book: str, *, repeats: bool) -> str:
    """The record number of a GLDETAIL row; the same in every book that shows the line if `repeats` is set."""
    return key if repeats or book == ACCRUAL else f"{key}-{book}"
