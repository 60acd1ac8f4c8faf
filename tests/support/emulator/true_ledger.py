"""The laws of a ledger, checked from what any client can query: no sum here is taken from the emulator's own ledger.

`assert_true_ledger` reads the rows of GLBATCH, GLENTRY, GLDETAIL and of the documents, adds them up, and compares the
sums with each other and with the answers of the balance functions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import SettingsError
from support.emulator.calls import data, query, rows
from support.emulator.own_company import OwnCompany
from support.emulator.own_records import day_of, span

Row = dict[str, str]
ZERO = Decimal(0)
RETAINED = "3000"
PAYABLES, RECEIVABLES, EMPLOYEES = "2000", "1100", "2030"
REVALUATION = "Revaluation"
"""The beginning of the titles of revaluations."""
STANDARD = ("PROJECT", "CUSTOMER", "VENDOR", "EMPLOYEE", "ITEM", "CLASS", "TASK", "CONTRACT", "WAREHOUSE", "COSTTYPE")
NOT_POSTED = ("Draft", "Submitted", "Declined")
PAGE = 2000


def every_row(emulator: Emulator, name: str, fields: str) -> list[Row]:
    """All rows of an object, page by page."""
    found: list[Row] = []
    while True:
        options = "<options><showprivate>true</showprivate></options>"
        more = f"{options}<pagesize>{PAGE}</pagesize><offset>{len(found)}</offset>"
        page = rows(data(emulator, query(name, fields, more=more)))
        found += page
        if len(page) < PAGE:
            return found


class Books:
    """The rows of a company's ledger, as a client reads them."""

    def __init__(self, company: OwnCompany, emulator: Emulator) -> None:
        self.company, self.emulator = company, emulator
        self.own = tuple(f"GLDIM{name}" for name in company.dimensions)
        dimensions = (*(f"{name}ID" for name in STANDARD), *self.own)
        self.dimensions = dimensions
        shared = f"ACCOUNTNO CURRENCY BASECURR TR_TYPE AMOUNT TRX_AMOUNT STATISTICAL {' '.join(dimensions)}"
        place = "LOCATIONID DEPARTMENTID"
        self.details = every_row(emulator, "GLDETAIL", f"BATCHKEY BOOKID BATCH_DATE BATCH_TITLE {place} {shared}")
        self.entries = every_row(emulator, "GLENTRY", f"BATCHNO BATCH_DATE STATE LOCATION DEPARTMENT {shared}")
        for row in self.details:
            row["day"] = iso(row["BATCH_DATE"])

    def entity(self, location: str) -> str:
        """The entity of a location; with one entity it is the entity of everything."""
        if location in self.company.entities:
            return location
        return next(iter(self.company.entities), "") if len(self.company.entities) == 1 else ""

    def base(self, location: str) -> str:
        return self.company.entities.get(self.entity(location), "USD")


def iso(text: str) -> str:
    return f"{text[6:10]}-{text[:2]}-{text[3:5]}"


def known(sums: Mapping[Any, Decimal]) -> dict[Any, Decimal]:
    return {key: total for key, total in sums.items() if total}


def assert_true_ledger(company: OwnCompany, emulator: Emulator, rng: Random) -> None:
    """Assert every law."""
    books = Books(company, emulator)
    assert_balanced(books)
    assert_entries_equal_details(books)
    for book in (*company.books, *company.adjustment_books):
        for first in _months(rng):
            assert_trial_balance(books, book, first)
            assert_balances_by_dimension(books, book, first)
    assert_open_items(books)
    assert_lines(emulator)
    for day in _month_ends(rng):
        assert_control_accounts(books, day)
    assert_revaluation(company, emulator, rng)


def assert_balanced(books: Books) -> None:
    """Every batch balances in each book by entity, in base currency; amounts have the decimals of their currency."""
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in books.details:
        if row["STATISTICAL"] != "T":
            sums[row["BATCHKEY"], row["BOOKID"], books.entity(row["LOCATIONID"])] += Decimal(row["AMOUNT"])
        assert row["BASECURR"] == books.base(row["LOCATIONID"]), row
        for amount, currency in ((row["AMOUNT"], row["BASECURR"]), (row["TRX_AMOUNT"], row["CURRENCY"])):
            places = books.company.decimals.get(currency, 2)
            assert Decimal(amount) == round(Decimal(amount), places), (amount, currency, row)
    assert known(sums) == {}


def assert_entries_equal_details(books: Books) -> None:
    """In each book that shows a batch, GLDETAIL adds up to GLENTRY by account, place, currency and every dimension."""
    entries: dict[str, dict[Any, list[Decimal]]] = defaultdict(lambda: defaultdict(lambda: [ZERO, ZERO]))
    for row in books.entries:
        if row["STATE"] not in ("Draft", "Submitted"):
            key = _key(books, row, row["LOCATION"], row["DEPARTMENT"])
            side = Decimal(row["TR_TYPE"])
            _add(entries[row["BATCHNO"]][key], Decimal(row["AMOUNT"]) * side, Decimal(row["TRX_AMOUNT"]) * side)
    details: dict[tuple[str, str], dict[Any, list[Decimal]]] = defaultdict(lambda: defaultdict(lambda: [ZERO, ZERO]))
    for row in books.details:
        key = _key(books, row, row["LOCATIONID"], row["DEPARTMENTID"])
        _add(details[row["BATCHKEY"], row["BOOKID"]][key], Decimal(row["AMOUNT"]), Decimal(row["TRX_AMOUNT"]))
    shown = {batch for batch, _ in details}
    assert shown == entries.keys()
    for (batch, book), sums in details.items():
        assert sums == entries[batch], (batch, book)


def _key(books: Books, row: Row, location: str, department: str) -> tuple[str, ...]:
    named = (row[name] for name in books.dimensions)
    return (row["ACCOUNTNO"], location, department, row["CURRENCY"], row["BASECURR"], *named)


def _add(sums: list[Decimal], amount: Decimal, trx_amount: Decimal) -> None:
    sums[0] += amount
    sums[1] += trx_amount


def assert_trial_balance(books: Books, book: str, first: date) -> None:
    """A month's trial balance equals GLDETAIL, with the fiscal years before it closed to retained earnings."""
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    expected: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    for row in books.details:
        if row["BOOKID"] != book or row["STATISTICAL"] == "T" or row["day"] > last.isoformat():
            continue
        amount, account = Decimal(row["AMOUNT"]), row["ACCOUNTNO"]
        if row["day"] >= first.isoformat():
            side = 1 if row["TR_TYPE"] == "1" else 2
            expected[account, row["BASECURR"]][side] += abs(amount)
            continue
        month = int(books.company.fiscal.get(books.entity(row["LOCATIONID"]), "1"))
        year = first.year if first.month >= month else first.year - 1
        if account >= "4" and row["day"] < date(year, month, 1).isoformat():
            account = RETAINED
        expected[account, row["BASECURR"]][0] += amount
    asked = f"{span(first.isoformat(), last.isoformat())}<reportingbook>{book}</reportingbook>"
    page = rows(data(books.emulator, f"<get_trialbalance>{asked}</get_trialbalance>"))
    found = {
        (row["glaccountno"], row["currency"]): [Decimal(row[name]) for name in ("startbalance", "debits", "credits")]
        for row in page
    }
    assert found == {key: sums for key, sums in expected.items() if any(sums)}, (book, first)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in page:
        ends = [Decimal(row[name]) for name in ("startbalance", "debits", "credits", "endbalance")]
        assert ends[0] + ends[1] - ends[2] == ends[3], row
        totals[row["currency"]] += ends[0]
    assert known(totals) == {}, "a trial balance begins balanced"


def assert_balances_by_dimension(books: Books, book: str, first: date) -> None:
    """A month's debits and credits by place and every dimension are those of GLDETAIL."""
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    expected: dict[tuple[str, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in books.details:
        if row["BOOKID"] == book and row["STATISTICAL"] != "T" and first <= date.fromisoformat(row["day"]) <= last:
            key = (row["LOCATIONID"], row["DEPARTMENTID"], *(row[name] for name in books.dimensions))
            amount = Decimal(row["AMOUNT"])
            side = int(row["TR_TYPE"] != "1")
            expected[row["ACCOUNTNO"], row["BASECURR"], *key][side] += abs(amount)
    names = ("LOCATIONID", "DEPARTMENTID", *books.dimensions)
    asked = f"{span(first.isoformat(), last.isoformat())}<reportingbook>{book}</reportingbook>"
    asked += f"<groupby>{','.join(names)}</groupby>"
    page = rows(data(books.emulator, f"<get_accountbalancesbydimensions>{asked}</get_accountbalancesbydimensions>"))
    found = {
        (row["glaccountno"], row["currency"], *(row[name.lower()] for name in names)): [
            *(Decimal(row["debits"]), Decimal(row["credits"])),
        ]
        for row in page
    }
    assert {key: sums for key, sums in found.items() if any(sums)} == {
        key: sums for key, sums in expected.items() if any(sums)
    }, (book, first)


def assert_control_accounts(books: Books, day: date) -> None:
    """On any day, open items equal the control account by party and currency: receivables by ageing.

    The revaluations of earlier days are reversed by then; that of the day itself has no party.
    """
    ledger: dict[str, Decimal] = defaultdict(Decimal)
    for row in books.details:
        revalued_today = row["BATCH_TITLE"].startswith(REVALUATION) and row["day"] == day.isoformat()
        if row["BOOKID"] == "ACCRUAL" and row["ACCOUNTNO"] == RECEIVABLES and row["day"] <= day.isoformat():
            ledger[row["CUSTOMERID"]] += Decimal(row["AMOUNT"]) * (not revalued_today)
    asked = f"<agingperiods>0-30,31-</agingperiods>{day_of('asofdate', day.isoformat())}"
    aged = {
        row.findtext("customerid"): sum((Decimal(one.findtext("amount")) for one in row.findall("aging")), ZERO)
        for row in data(books.emulator, f"<get_araging>{asked}</get_araging>")
    }
    assert known(aged) == known(ledger), day


def assert_open_items(books: Books) -> None:
    """Today's open amounts equal the control accounts by party and base currency, and the parties' total due."""
    emulator = books.emulator
    for account, sign, party, objects in (
        (PAYABLES, -1, "VENDOR", ("APBILL", "APADJUSTMENT")),
        (RECEIVABLES, 1, "CUSTOMER", ("ARINVOICE", "ARADJUSTMENT")),
        (EMPLOYEES, -1, "EMPLOYEE", ("EEXPENSES",)),
    ):
        ledger: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in books.details:
            if row["BOOKID"] == "ACCRUAL" and row["ACCOUNTNO"] == account:
                ledger[row[f"{party}ID"], row["BASECURR"]] += Decimal(row["AMOUNT"]) * sign
        items: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for name in objects:
            for row in every_row(emulator, name, f"{party}ID BASECURR STATE TOTALDUE"):
                if row["STATE"] not in (*NOT_POSTED, "Reversal"):
                    items[row[f"{party}ID"], row["BASECURR"]] += Decimal(row["TOTALDUE"] or 0)
        if party == "CUSTOMER":
            for row in every_row(emulator, "ARPYMT", "CUSTOMERID BASECURR STATE TOTALDUE"):
                items[row["CUSTOMERID"], row["BASECURR"]] -= Decimal(row["TOTALDUE"] or 0)
        assert known(items) == known(ledger), account
        if party != "EMPLOYEE":
            due = {
                row[f"{party}ID"]: Decimal(row["TOTALDUE"] or 0)
                for row in every_row(emulator, party, f"{party}ID TOTALDUE")
            }
            by_party: dict[str, Decimal] = defaultdict(Decimal)
            for (one, _), total in items.items():
                by_party[one] += total
            assert known(due) == known(by_party)


def assert_revaluation(company: OwnCompany, emulator: Emulator, rng: Random) -> None:
    """Control accounts are at the closing rate on the day of a revaluation, and at the documents' amounts after it.

    On a past day the open items are those of the ledger, to half a unit of each. On a day after all documents they are
    the documents' own, exactly. The rates are those of the company's declaration.
    """
    last, past = date(2027, 3, 31), date(2025, 1, 1) + timedelta(days=rng.randrange(690))
    for day in (past, last):
        before = _control_sums(Books(company, emulator), day + timedelta(days=1))
        try:
            emulator.revalue(day, rate_type="Spot")
        except SettingsError as error:
            assert "closed period" in str(error)
            continue
        after = Books(company, emulator)
        assert _control_sums(after, day + timedelta(days=1)) == before, "reversed on the next day"
        carried = _control_sums(after, day)
        valued: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for (account, base, currency), (amount, trx_amount) in carried.items():
            rate = Decimal(1) if currency == base else spot_rate(company, currency, base, day)
            items = sum(1 for one in after.details if (one["ACCOUNTNO"], one["CURRENCY"]) == (account, currency))
            unit = Decimal(1).scaleb(-company.decimals.get(base, 2))
            assert abs(amount - trx_amount * rate) <= unit / 2 * items, (day, account, base, currency)
            valued[account, base] += amount
        if day == last:
            assert known(valued) == known(_at_closing_rate(company, emulator, day))


def _control_sums(books: Books, day: date) -> dict[tuple[str, str, str], tuple[Decimal, Decimal]]:
    """By control account, base currency and currency: the balances at the end of a day, in both currencies."""
    found: dict[tuple[str, str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in books.details:
        if row["BOOKID"] == "ACCRUAL" and row["ACCOUNTNO"] in (PAYABLES, RECEIVABLES) and row["day"] <= day.isoformat():
            key = (row["ACCOUNTNO"], row["BASECURR"], row["CURRENCY"])
            _add(found[key], Decimal(row["AMOUNT"]), Decimal(row["TRX_AMOUNT"]))
    return {key: (sums[0], sums[1]) for key, sums in found.items() if any(sums)}


def _at_closing_rate(company: OwnCompany, emulator: Emulator, day: date) -> dict[tuple[str, str], Decimal]:
    """By control account and base currency: what documents have open today, each converted and rounded by itself."""
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for account, names in (
        (PAYABLES, ("APBILL", "APADJUSTMENT")),
        (RECEIVABLES, ("ARINVOICE", "ARADJUSTMENT", "ARPYMT")),
    ):
        for name in names:
            for row in every_row(emulator, name, "BASECURR CURRENCY STATE TOTALDUE TRX_TOTALDUE"):
                if row["STATE"] in (*NOT_POSTED, "Reversal"):
                    continue
                base, amount = row["BASECURR"], Decimal(row["TOTALDUE"] or 0)
                if row["CURRENCY"] != base:
                    rate = spot_rate(company, row["CURRENCY"], base, day)
                    unit = Decimal(1).scaleb(-company.decimals.get(base, 2))
                    amount = (Decimal(row["TRX_TOTALDUE"] or 0) * rate).quantize(unit, ROUND_HALF_UP)
                found[account, base] += amount * (-1 if account == PAYABLES or name == "ARPYMT" else 1)
    return found


def spot_rate(company: OwnCompany, source: str, target: str, day: date) -> Decimal:
    """The latest spot rate of the declaration by a day."""
    named = [
        (since, rate) for one, other, since, rate in company.rate_types["Spot"] if (one, other) == (source, target)
    ]
    return Decimal(max(one for one in named if one[0] <= day.isoformat())[1])


def assert_lines(emulator: Emulator) -> None:
    """The lines of a document add up to its totals."""
    for name, line in (("APBILL", "APBILLITEM"), ("ARINVOICE", "ARINVOICEITEM"), ("APADJUSTMENT", "APADJUSTMENTITEM")):
        sums: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
        for row in every_row(emulator, line, "RECORDKEY TRX_AMOUNT TRX_TOTALPAID"):
            _add(sums[row["RECORDKEY"]], Decimal(row["TRX_AMOUNT"]), Decimal(row["TRX_TOTALPAID"] or 0))
        for row in every_row(emulator, name, "RECORDNO TRX_TOTALENTERED TRX_TOTALPAID STATE"):
            if row["STATE"] != "Draft":
                totals = [Decimal(row["TRX_TOTALENTERED"]), Decimal(row["TRX_TOTALPAID"])]
                assert sums[row["RECORDNO"]] == totals, (name, row)


def _months(rng: Random) -> Iterable[date]:
    """The first month of each year, and two others."""
    others = [date(2025 + rng.randrange(2), rng.randint(1, 12), 1) for _ in range(2)]
    return (date(2025, 1, 1), date(2026, 1, 1), date(2027, 1, 1), *others)


def _month_ends(rng: Random) -> Iterable[date]:
    """Every month end of the two years, and some days between them."""
    for month in range(1, 25):
        yield date(2025 + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    for _ in range(5):
        yield date(2025, 1, 1) + timedelta(days=rng.randrange(700))
