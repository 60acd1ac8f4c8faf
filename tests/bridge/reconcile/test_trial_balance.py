"""A copy against trial balances that are given here row by row: every amount counts, on its day, side and place."""

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.copies.destinations.bridge_schema import CopyFacts
from intacct_bridge.copies.destinations.contents import CopyTable
from intacct_bridge.reconcile.ledger_copy import Amounts, BalanceKey, LedgerCopy, open_ledger
from intacct_bridge.reconcile.trial_balances import (
    ALL_TIME,
    LedgerComparison,
    _months,
    _trial_balance,
    compare_ledger,
    named_period,
)
from intacct_protocol.errors import InvalidRequestError, SettingsError
from intacct_protocol.model.query.evaluate import predicate
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.envelope import SUCCESS, Result
from intacct_protocol.xml.values import Kind, Value
from intacct_protocol.xml.xml import Element, element

NAMES = ("startbalance", "debits", "credits", "adjdebits", "adjcredits")
KINDS = {"NAME": Kind.TEXT}
Line = tuple[int, str, date, str, str, str, bool, str, str]
"""Entry, record, day, book, account, location, adjusting, debit, credit."""


@dataclass
class Meter:
    transactions: int = 0


@dataclass
class Books:
    """A company whose trial balances and ledger rows are given."""

    balances: Mapping[tuple[str, str], Sequence[tuple[str, ...]]] = field(default_factory=dict)
    """By start and end: account, location, currency, opening balance, debits, credits, both of adjusting entries."""
    meter: Meter = field(default_factory=Meter)

    def call(self, *functions: Element, read: bool = False) -> tuple[Result, ...]:
        self.meter.transactions += 1
        return tuple(map(self._balance, functions))

    def _balance(self, function: Element) -> Result:
        start, end = (
            "-".join(child.text for child in one) for one in function.children if one.tag in ("startdate", "enddate")
        )
        rows = [
            Element("trialbalance", "", (
                element("glaccountno", account), element("locationid", place), element("currency", currency),
                *(element(name, amount) for name, amount in zip(NAMES, amounts, strict=True)),
            ))
            for account, place, currency, *amounts in self.balances.get((start, end), [])
        ]  # fmt: skip
        return Result(SUCCESS, function.tag, "", Element("data", "", tuple(rows)))

    def query(self, query: Query) -> Iterator[Mapping[str, Value]]:
        keeps = predicate(query.where, KINDS.__getitem__) if query.where is not None else (lambda _: True)
        period: dict[str, Value] = {"NAME": "Week", "START_DATE": date(2026, 1, 5), "END_DATE": date(2026, 1, 20)}
        assert query.object == "REPORTINGPERIOD"
        yield from [{str(name): period[str(name)] for name in query.select}] if keeps({"NAME": "Week"}) else []


@dataclass(frozen=True)
class Rows:
    """A copy that answers SQL."""

    con: duckdb.DuckDBPyConnection

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.con.execute(sql, list(values)).fetchall()


def copy_of(lines: Sequence[Line], currency: str = "USD") -> LedgerCopy:
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE lines (batch BIGINT, record VARCHAR, day DATE, book VARCHAR, account VARCHAR, location VARCHAR, "
        "adjusting BOOLEAN, debit DECIMAL(38,14), credit DECIMAL(38,14), currency VARCHAR, statistical BOOLEAN)"
    )
    for one in lines:
        con.execute(f"INSERT INTO lines VALUES ({', '.join('?' * 11)})", [*one, currency, False])
    return LedgerCopy(cast("OpenCopy", Rows(con)))


JAN, FEB = date(2026, 1, 31), date(2026, 2, 1)
LINES: list[Line] = [
    (1, "1", date(2026, 1, 1), "ACCRUAL", "1000", "E1", False, "10.00", "0"),
    (1, "2", JAN, "ACCRUAL", "1000", "E1", False, "0", "2.50"),
    (2, "3", FEB, "ACCRUAL", "1000", "E1", True, "1.25", "0"),
    (2, "4", FEB, "ACCRUAL", "2000", "", True, "0", "1.25"),
]
EVER = ("1970-01-01", "2199-12-31")
JANUARY, FEBRUARY, AFTER = ("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-02-28"), ("2026-03-01", "2199-12-31")
BALANCES = {
    JANUARY: [("1000", "E1", "USD", "0", "10.00", "2.50", "0", "0")],
    FEBRUARY: [("1000", "E1", "USD", "7.50", "0", "0", "1.25", "0"), ("2000", "", "", "0", "0", "0", "0", "1.25")],
    AFTER: [("1000", "E1", "USD", "8.75", "0", "0", "0", "0")],
}


def padded(
    balances: Mapping[tuple[str, str], Sequence[tuple[str, ...]]],
) -> Mapping[tuple[str, str], Sequence[tuple[str, ...]]]:
    """Dates as the function has them, without leading zeros."""

    def plain(day: str) -> str:
        return "-".join(str(int(part)) for part in day.split("-"))

    return {(start, end): rows for (start, end), rows in balances.items()} | {
        (plain(start), plain(end)): rows for (start, end), rows in balances.items()
    }


def compared(balances: Any, lines: Sequence[Line] = LINES, period: str = "") -> LedgerComparison:
    """The comparison; months are compared where no trial balance over all days is given."""
    books = cast("ReadGateway", Books(padded(balances)))
    return compare_ledger(books, copy_of(lines), named_period(books, period) if period else ALL_TIME)


def test_a_copy_ties_month_by_month() -> None:
    found = compared(BALANCES)
    assert found.equal
    assert [one.name for one in found.periods] == [
        "before January 2026", "January 2026", "February 2026", "after February 2026"
    ]  # fmt: skip
    assert (found.periods[1].first, found.periods[1].last) == (date(2026, 1, 1), JAN)
    assert found.periods[2].last == date(2026, 2, 28)
    assert found.places == 3
    assert found.totals == {("ACCRUAL", "USD"): Amounts(Decimal(10), Decimal("2.5"), Decimal("1.25"), Decimal("1.25"))}


def test_an_equal_copy_is_compared_over_all_days_only() -> None:
    ever = {EVER: [("1000", "E1", "USD", "0", "10.00", "2.50", "1.25", "0"),
                   ("2000", "", "", "0", "0", "0", "0", "1.25")]}  # fmt: skip
    found = compared(ever)
    assert (found.equal, found.periods, found.places) == (True, (ALL_TIME,), 2)


def test_an_amount_that_is_not_told_is_zero() -> None:
    assert compared({**BALANCES, JANUARY: [("1000", "E1", "USD", "", "10.00", "2.50", "", "")]}).equal


def test_two_rows_of_one_account_and_location_are_added() -> None:
    """A company may list an account by currency, or by more than the location."""
    split = [("1000", "E1", "USD", "0", "4.00", "2.50", "0", "0"), ("1000", "E1", "", "0", "6.00", "0", "0", "0")]
    assert compared({**BALANCES, JANUARY: split}).equal
    assert not compared({**BALANCES, JANUARY: split[1:]}).equal


@pytest.mark.parametrize(
    ("row", "ledger"),
    [
        (("1000", "E1", "USD", "0", "10.01", "2.50", "0", "0"), Amounts(Decimal("10.01"), Decimal("2.5"))),
        (("1000", "E1", "USD", "0", "2.50", "10.00", "0", "0"), Amounts(Decimal("2.5"), Decimal(10))),
        (("1000", "E1", "USD", "0", "7.50", "0", "0", "0"), Amounts(Decimal("7.5"))),  # the same balance
        (("1000", "E1", "USD", "0", "0", "0", "10.00", "2.50"), Amounts(adjusting_debits=Decimal(10),
                                                                       adjusting_credits=Decimal("2.5"))),
    ],
)  # fmt: skip
def test_an_amount_on_another_side_or_day_is_a_difference(row: tuple[str, ...], ledger: Amounts) -> None:
    (found,) = compared({**BALANCES, JANUARY: [row]}).differences
    assert (found.period, found.place) == ("January 2026", BalanceKey("ACCRUAL", "1000", "E1"))
    assert (found.ledger, found.copy) == (ledger, Amounts(Decimal(10), Decimal("2.5")))
    assert found.amount == Decimal("7.5") - ledger.balance


@pytest.mark.parametrize(("opening", "debits", "credits"), [("3.00", "3", "0"), ("-3.00", "0", "3")])
def test_the_opening_balance_is_the_time_before_the_copy(opening: str, debits: str, credits: str) -> None:
    january = [("1000", "E1", "USD", opening, "10.00", "2.50", "0", "0")]
    (found,) = compared({**BALANCES, JANUARY: january}).differences
    assert (found.period, found.ledger) == ("before January 2026", Amounts(Decimal(debits), Decimal(credits)))
    assert found.copy == Amounts()
    before: Line = (9, "9", date(2025, 12, 31), "ACCRUAL", "1000", "E1", False, debits, credits)
    december = ("2025-12-01", "2025-12-31")
    own = {december: [("1000", "E1", "USD", "0", debits, credits, "0", "0")], **BALANCES}
    assert compared(own, [before, *LINES]).equal


def test_one_month_or_period_is_compared_by_itself() -> None:
    assert compared(BALANCES, period="2026-01").equal
    assert [one.place.account for one in compared({}, period="2026-02").differences] == ["1000", "2000"]
    week = ("2026-01-05", "2026-01-20")
    inside: Line = (5, "5", date(2026, 1, 20), "ACCRUAL", "1000", "E1", False, "1.00", "0")
    assert compared({week: [("1000", "E1", "USD", "9", "1.00", "0", "0", "0")]}, [*LINES, inside], "Week").equal
    with pytest.raises(InvalidRequestError, match="no reporting period 'Month'"):
        compared({}, period="Month")


def test_an_empty_copy_is_compared_as_one_period() -> None:
    found = compared({EVER: []}, [])
    assert found.equal
    assert [one.name for one in found.periods] == ["all time"]


def test_an_empty_copy_lacks_what_the_ledger_has() -> None:
    (found,) = compared({EVER: [("1000", "E1", "USD", "0", "10.00", "2.50", "0", "0")]}, []).differences
    assert (found.period, found.place) == ("all time", BalanceKey("ACCRUAL", "1000", "E1"))
    assert (found.ledger, found.copy) == (Amounts(Decimal(10), Decimal("2.5")), Amounts())


DAY = timedelta(days=1)


@given(st.dates(date(1971, 1, 1), date(2198, 1, 1)), st.integers(0, 900))
def test_the_months_of_a_copy_are_those_of_the_calendar(first: date, length: int) -> None:
    """Each day is in one period, and each period but the ends is one month."""

    class Days:
        def days(self) -> tuple[date, date]:
            return first, first + length * DAY

    before, *months, after = _months(cast("LedgerCopy", Days()))
    assert (before.first, after.last) == (None, None)
    assert (before.name, after.name) == (f"before {months[0].name}", f"after {months[-1].name}")
    expected = first.replace(day=1)
    for month in months:
        assert month.first == expected and month.name == f"{calendar.month_name[expected.month]} {expected.year}"
        assert month.last == expected.replace(day=calendar.monthrange(expected.year, expected.month)[1])
        expected = month.last + DAY
    assert (before.last, after.first) == (first.replace(day=1) - DAY, expected)
    assert months[-1].first is not None and months[-1].first <= first + length * DAY < expected


@pytest.mark.parametrize(("name", "last"), [("2026-11", 30), ("2026-12", 31), ("2028-02", 29), ("2026-02", 28)])
def test_a_month_by_its_number(name: str, last: int) -> None:
    period = named_period(cast("ReadGateway", Books()), name)
    first = date.fromisoformat(f"{name}-01")
    assert (period.name, period.first, period.last) == (name, first, first.replace(day=last))


def test_a_trial_balance_is_asked_for_by_location_and_with_statistical_accounts() -> None:
    """Sage's reference, *List Trial Balances*: `include` is the value for both kinds of accounts."""
    asked = _trial_balance("GAAP", named_period(cast("ReadGateway", Books()), "2026-02"))
    assert asked.tag == "get_trialbalance"
    texts = {one.tag: one.text for one in asked.children if not one.children}
    assert texts == {"showlocdetail": "true", "reportingbook": "GAAP", "statistical": "include"}
    start, end = ([part.text for part in one] for one in asked.children if one.tag in ("startdate", "enddate"))
    assert [list(map(int, day)) for day in (start, end)] == [[2026, 2, 1], [2026, 2, 28]]
    ever = [[int(part.text) for part in one] for one in _trial_balance("GAAP", ALL_TIME).children if one.children]
    assert ever == [[1970, 1, 1], [2199, 12, 31]]


def test_each_book_of_a_copy_is_compared() -> None:
    gaap: Line = (7, "7", FEB, "GAAP", "3000", "E1", False, "5.00", "0")
    found = compared({}, [*LINES, gaap])
    assert {one.place.book for one in found.differences} == {"ACCRUAL", "GAAP"}
    places = {(one.period, one.place.account) for one in found.differences if one.place.book == "GAAP"}
    assert places == {("February 2026", "3000")}
    assert found.totals["GAAP", "USD"] == Amounts(Decimal(5))
    assert found.totals["ACCRUAL", "USD"] == compared({}).totals["ACCRUAL", "USD"]
    assert len({(one.period, one.place) for one in found.differences}) == len(found.differences), "each is told once"


def test_totals_leave_out_statistical_amounts_and_other_days() -> None:
    copy = copy_of(LINES)
    cast("Any", copy)._copy.con.execute(
        "INSERT INTO lines VALUES (8, '8', DATE '2026-01-02', 'ACCRUAL', '9000', '', false, 40, 0, '', true)"
    )
    assert copy.totals("ACCRUAL", date(2026, 1, 1), JAN) == {"USD": Amounts(Decimal(10), Decimal("2.5"))}
    assert copy.sums(date(2026, 1, 2), JAN) == {
        BalanceKey("ACCRUAL", "9000", ""): Amounts(Decimal(40)),
        BalanceKey("ACCRUAL", "1000", "E1"): Amounts(Decimal(0), Decimal("2.5")),
    }
    assert copy.sums(None, None)[BalanceKey("ACCRUAL", "1000", "E1")] == Amounts(
        Decimal(10), Decimal("2.5"), Decimal("1.25")
    )
    assert (copy.books(), copy.days()) == (["ACCRUAL"], (date(2026, 1, 1), FEB))


def test_amounts_have_a_balance_with_debits_positive() -> None:
    one, other = Amounts(*map(Decimal, (10, 3, 2, 1))), Amounts(*map(Decimal, (1, 1, 1, 1)))
    assert (one.balance, one + other) == (Decimal(8), Amounts(*map(Decimal, (11, 4, 3, 2))))


def test_an_answer_without_any_account_is_an_empty_ledger() -> None:
    class Empty(Books):
        def _balance(self, function: Element) -> Result:
            return Result(SUCCESS, function.tag, "", None)

    assert compare_ledger(cast("ReadGateway", Empty()), copy_of([])).equal


# --- the ledger of a copy


def ledger_of(*rows: tuple[Any, ...], leave_out: str = "", name: str = "GLDETAIL") -> LedgerCopy:
    """The ledger of a copy with these lines, whose columns are in small letters and in another order."""
    con = duckdb.connect()
    types = {"day": "DATE", "text": "VARCHAR", "money": "DECIMAL(38,14)", "flag": "BOOLEAN"}
    columns = {"CREDITAMOUNT": "money", "DEBITAMOUNT": "money", "STATISTICAL": "text", "ADJ": "flag",
               "BASECURR": "text", "LOCATIONID": "text", "ACCOUNTNO": "text", "BOOKID": "text",
               "BATCH_DATE": "day"}  # fmt: skip
    con.execute(f"CREATE TABLE held ({', '.join(f'{one.lower()} {types[kind]}' for one, kind in columns.items())})")
    for row in rows:
        con.execute(f"INSERT INTO held VALUES ({', '.join('?' * len(columns))})", list(row)[::-1])
    kept = [one.lower() for one in columns if one != leave_out]
    schema = con.sql(f"SELECT {', '.join(kept)} FROM held").to_arrow_table().schema
    held = CopyTable(name, tuple(kept), lambda: schema, lambda: iter(()), lambda _: [], "SELECT * FROM held")
    return open_ledger(OpenCopy(con, [held], CopyFacts(), in_place=True))


@pytest.mark.parametrize("name", ["GLDETAIL", "gldetail"])
def test_the_lines_of_a_copy_are_its_ledger(name: str) -> None:
    copy = ledger_of(
        (JAN, "ACCRUAL", "1000", "E1", "USD", None, "F", "10.00", None),
        (JAN, "ACCRUAL", "1000", "E1", "USD", True, "F", None, "2.50"),
        (FEB, "ACCRUAL", "9000", None, None, False, "T", "40", "0"),
        name=name,
    )
    assert copy.sums(None, None) == {
        BalanceKey("ACCRUAL", "1000", "E1"): Amounts(Decimal(10), Decimal(0), Decimal(0), Decimal("2.5")),
        BalanceKey("ACCRUAL", "9000", ""): Amounts(Decimal(40)),
    }
    assert [key.currency for key in copy.sums(FEB, FEB)] == [""]
    assert copy.totals("ACCRUAL", None, None) == {"USD": Amounts(Decimal(10), adjusting_credits=Decimal("2.5"))}
    assert copy.days() == (JAN, FEB)


def test_a_copy_without_a_column_that_the_comparison_needs_is_refused() -> None:
    with pytest.raises(SettingsError, match="the copy of GLDETAIL has no ADJ"):
        ledger_of(leave_out="ADJ")
    with pytest.raises(SettingsError, match="the copy holds no complete GLDETAIL"):
        ledger_of(name="GLENTRY")
