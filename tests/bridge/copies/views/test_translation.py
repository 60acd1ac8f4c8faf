"""The translated trial balance against a translation of the trial balance in Python, day by day."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from support.copies.companies import MIXED, Scene
from support.copies.reported import Copy, duckdb_uri

RATE = Decimal("1e-10")
SMALLEST = {"JPY": Decimal(1), "KWD": Decimal("0.001")}
"""What amounts in these currencies are rounded to; others to cents."""
ZERO = Decimal(0)
Key = tuple[str, str, str, str, date]


class Rates:
    """The rates of a type into one currency, as a person looks them up."""

    def __init__(self, copy: Copy, into: str, rate_type: str) -> None:
        self.into = into
        heads = {str(row["RECORDNO"]): row for row in copy.table("EXCHANGERATE") if row["TYPENAME"] == rate_type}
        self.direct: dict[str, dict[date, Decimal]] = defaultdict(dict)
        self.other_way: dict[str, dict[date, Decimal]] = defaultdict(dict)
        for row in copy.table("EXCHANGERATEENTRY"):
            head = heads.get(str(row["EXCHANGERATEKEY"]))
            if head is not None and head["TO_CURRENCY"] == into:
                self.direct[head["FROM_CURRENCY"]][row["EFFECTIVE_START_DATE"]] = row["EXCHANGE_RATE"]
            if head is not None and head["FROM_CURRENCY"] == into:
                rate = (1 / row["EXCHANGE_RATE"]).quantize(RATE)
                self.other_way[head["TO_CURRENCY"]][row["EFFECTIVE_START_DATE"]] = rate

    def on(self, base: str, day: date) -> Decimal | None:
        if base == self.into:
            return Decimal(1)
        rates = self.direct.get(base) or self.other_way.get(base) or {}
        return rates.get(max((one for one in rates if one <= day), default=day))

    def average(self, base: str, first: date, last: date) -> Decimal | None:
        days = [self.on(base, first + timedelta(days=one)) for one in range((last - first).days + 1)]
        known = [one for one in days if one is not None]
        return (sum(known, ZERO) / len(known)).quantize(RATE, ROUND_HALF_UP) if len(known) == len(days) else None


def times(amount: Decimal, rate: Decimal | None, into: str) -> Decimal | None:
    if not amount:
        return ZERO
    return None if rate is None else (amount * rate).quantize(SMALLEST.get(into, Decimal("0.01")), ROUND_HALF_UP)


def translated(copy: Copy, into: str, rate_type: str) -> dict[Key, list[Decimal | None]]:
    """Opening and closing of each account and month, and of the difference under the account ''."""
    rates, found = Rates(copy, into, rate_type), dict[Key, list[Decimal | None]]()
    income = {row["ACCOUNTNO"] for row in copy.table("GLACCOUNT") if row["ACCOUNTTYPE"] == "incomestatement"}
    movements: dict[tuple[str, str, str, str, int], dict[date, Decimal]] = defaultdict(dict)
    months: dict[tuple[str, str, str, int], dict[date, date]] = defaultdict(dict)
    for row in copy.dicts("SELECT * FROM reporting.trial_balance"):
        entity, book, base, account = (row[one] for one in ("entity_id", "book", "base_currency", "account_no"))
        start, end, year = row["period_start"], row["period_end"], row["fiscal_year"]
        months[entity, book, base, year][start] = end
        if account in income:
            movements[entity, book, base, account, year][start] = row["debit"] - row["credit"]
        else:
            before = rates.on(base, start - timedelta(days=1))
            sides = [times(row["opening"], before, into), times(row["closing"], rates.on(base, end), into)]
            found[entity, book, base, account, start] = sides
    for (entity, book, base, account, year), moved in movements.items():
        total: Decimal | None = ZERO
        for start, end in sorted(months[entity, book, base, year].items()):
            if start >= min(moved):
                change, before = times(moved.get(start, ZERO), rates.average(base, start, end), into), total
                total = None if total is None or change is None else total + change
                found[entity, book, base, account, start] = [before, total]
    return {**found, **differences(found)}


def differences(sides: Mapping[Key, list[Decimal | None]]) -> dict[Key, list[Decimal | None]]:
    found: dict[Key, list[Decimal | None]] = defaultdict(lambda: [ZERO, ZERO])
    for (entity, book, base, _, start), amounts in sides.items():
        rest = found[entity, book, base, "", start]
        for place, amount in enumerate(amounts):
            known = rest[place]
            rest[place] = None if known is None or amount is None else known - amount
    return found


def assert_translated(copy: Copy, into: str, rate_type: str) -> None:
    rows = copy.rows(
        "SELECT entity_id, book, base_currency, account_no, period_start, opening, closing, movement "
        f"FROM reporting.trial_balance_in('{into}', '{rate_type}')"
    )
    found = {tuple(row[:5]): list(row[5:7]) for row in rows}
    expected = translated(copy, into, rate_type)
    assert found == {key: amounts for key, amounts in expected.items() if amounts != [ZERO, ZERO]}
    assert all(row[7] == row[6] - row[5] for row in rows if None not in row)


@pytest.mark.parametrize("into", ["USD", "CAD", "GBP"])
def test_accounts_open_and_close_at_their_rates_and_the_difference_is_the_rest(demo_copy: Copy, into: str) -> None:
    assert_translated(demo_copy, into, "Company Weekly Rate")


@pytest.mark.parametrize("into", ["EUR", "KWD"])
def test_so_they_do_over_the_ends_of_fiscal_years(five_copy: Copy, into: str) -> None:
    assert five_copy.rows("SELECT count(DISTINCT fiscal_year) FROM reporting.trial_balance") == [(3,)]
    assert_translated(five_copy, into, "Spot")


@pytest.mark.parametrize("into", ["USD", "JPY", "KWD"])
def test_each_currency_has_its_own_decimals(mixed_copy: Copy, into: str) -> None:
    assert_translated(mixed_copy, into, "Spot")


@pytest.fixture(scope="module")
def mixed_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Base currencies of two, no and three decimals."""
    scene = Scene(MIXED, 12)
    scene.post(60)
    yield Copy.of(scene.emulator, duckdb_uri(tmp_path_factory.mktemp("mixed")))
    scene.emulator.close()


def test_in_its_own_currency_an_entity_has_the_trial_balance_itself(five_copy: Copy) -> None:
    columns = "entity_id, book, account_no, period_start, opening, closing"
    where = "base_currency = 'EUR' AND (opening <> 0 OR closing <> 0) ORDER BY 1, 2, 3, 4"
    expected = five_copy.rows(f"SELECT {columns} FROM reporting.trial_balance WHERE {where}")
    found = five_copy.rows(f"SELECT {columns} FROM reporting.trial_balance_in('EUR', 'Spot') WHERE {where}")
    assert len(expected) > 100
    assert found == expected


@pytest.mark.parametrize("copy_name", ["demo_copy", "demo_in_postgres"])
def test_a_rate_type_that_the_copy_does_not_have_is_an_error_that_names_those_it_has(
    copy_name: str, request: pytest.FixtureRequest
) -> None:
    copy: Copy = request.getfixturevalue(copy_name)
    with pytest.raises(
        Exception, match=r'no exchange rates of the type "Company Weekly"; it has: .*Company Weekly Rate'
    ):
        copy.rows("SELECT * FROM reporting.trial_balance_in('CAD', 'Company Weekly')")
