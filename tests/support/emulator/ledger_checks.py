"""Invariants of a company's ledger after any writes: balance, control accounts, and one trial balance."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import TypeVar

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.ledger import Ledger, PostingFilter, books_kept
from intacct_emulator.ledger.posting import ACCRUAL
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.cells import SEPARATOR
from support.emulator.calls import data, rows

PAYABLES, RECEIVABLES = "20000", "11000"
ZERO = Decimal(0)
DOCUMENTS = {
    "APBILL": "APBILLITEM",
    "APADJUSTMENT": "APADJUSTMENTITEM",
    "ARINVOICE": "ARINVOICEITEM",
    "ARADJUSTMENT": "ARADJUSTMENTITEM",
    "EEXPENSES": "EEXPENSESITEM",
}
K = TypeVar("K", bound=Hashable)


def cells(company: CompanyData, name: str, fields: str) -> Iterator[tuple[str, ...]]:
    """Some cells of every row, quickly: the whole ledger is read after every other test."""
    table = company.table(name)
    places = tuple(table.place.get(field, 10_000) for field in fields.split())
    for _, body in table.select("1"):
        yield _picked(body, places)


@cache
def _picked(body: bytes, places: tuple[int, ...]) -> tuple[str, ...]:
    """These cells of a row. Most rows are the demo company's own, and the same in every test."""
    row = body.split(SEPARATOR)
    return tuple(row[place].decode() if place < len(row) else "" for place in places)


def entries(company: CompanyData) -> tuple[dict[tuple[str, str], Decimal], dict[tuple[str, str], Decimal]]:
    """Sums of the GLENTRY lines: by batch and entity (statistical lines do not balance), and by book and account.

    The GLDETAIL rows of a batch say which books show it; no book shows a draft.
    """
    entity_of = posting_rules(company).entity_of
    shown: dict[str, set[str]] = defaultdict(set)
    for batch, book in cells(company, "GLDETAIL", "BATCHKEY BOOKID"):
        shown[batch].add(book or ACCRUAL)
    by_batch: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    by_account: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    wanted = "BATCHNO LOCATION STATISTICAL STATE ACCOUNTNO AMOUNT TR_TYPE"
    for batch, location, statistical, state, account, amount, side in cells(company, "GLENTRY", wanted):
        signed = Decimal(amount) * int(side)
        if statistical != "T" and state != "Draft":
            by_batch[batch, entity_of[location]] += signed
        if state != "Draft":
            for book in shown[batch]:
                by_account[book, account] += signed
    return {key: total for key, total in by_batch.items() if total}, known(by_account)


def known(sums: Mapping[K, Decimal]) -> dict[K, Decimal]:
    return {key: total for key, total in sums.items() if total}


def details(company: CompanyData) -> dict[tuple[str, str], Decimal]:
    """Sums of GLDETAIL by book and account."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for book, account, amount in cells(company, "GLDETAIL", "BOOKID ACCOUNTNO AMOUNT"):
        sums[book or ACCRUAL, account] += Decimal(amount)
    return known(sums)


def balances(company: CompanyData, book: str = ACCRUAL) -> dict[str, Decimal]:
    """The ledger's own closing balances by account, base currencies added up as they are."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for one in Ledger(company.store).sums(PostingFilter(date(2100, 1, 1), books=(book,), statistical=None)):
        found[one.account] += one.closing
    return found


def change(before: Mapping[str, Decimal], after: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The difference of two sets of balances."""
    moved = {account: after.get(account, ZERO) - before.get(account, ZERO) for account in {**before, **after}}
    return known(moved)


def trial_balance(emulator: Emulator, book: str) -> dict[str, Decimal]:
    """The closing balances of `get_trialbalance`, base currencies added up as they are."""
    days = "".join(
        f"<{name}><year>{year}</year><month>1</month><day>1</day></{name}>"
        for name, year in (("startdate", 2000), ("enddate", 2100))
    )
    more = f"<reportingbook>{book}</reportingbook><statistical>include</statistical>"
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows(data(emulator, f"<get_trialbalance>{days}{more}</get_trialbalance>")):
        found[row["glaccountno"]] += Decimal(row["endbalance"])
    return known(found)


def due(company: CompanyData, *names: str) -> Decimal:
    """The open amounts of the posted documents of these objects, in base currency."""
    waits = ("Draft", "Submitted", "Declined", "Reversal")
    found = (one for name in names for one in cells(company, name, "STATE TOTALDUE"))
    return sum((Decimal(amount or 0) for state, amount in found if state not in waits), Decimal(0))


def owed(company: CompanyData, party: str) -> Decimal:
    return sum((Decimal(row.get("TOTALDUE") or 0) for _, row in company.table(party).rows()), Decimal(0))


def assert_true(emulator: Emulator, ignore: Iterable[str] = ()) -> None:
    """Assert that batches balance by entity, GLDETAIL agrees in each book, and control accounts equal open items."""
    company = emulator.company()
    unbalanced, posted = entries(company)
    assert unbalanced == {}
    assert details(company) == posted
    for book in books_kept(company.facts):
        in_book = {account: total for (kept, account), total in posted.items() if kept == book}
        assert known(balances(company, book)) == in_book
        assert trial_balance(emulator, book) == in_book
    found = balances(company)
    if "payables" not in ignore:
        assert -found[PAYABLES] == due(company, "APBILL", "APADJUSTMENT")
        assert owed(company, "VENDOR") == due(company, "APBILL", "APADJUSTMENT")
    if "receivables" not in ignore:
        open_items = due(company, "ARINVOICE", "ARADJUSTMENT") - due(company, "ARPYMT")
        assert found[RECEIVABLES] == open_items
        assert owed(company, "CUSTOMER") == open_items


@dataclass(frozen=True)
class Start:
    """The company before a test wrote anything."""

    balances: dict[str, Decimal]
    last: int
    """The last record number of a document."""

    @classmethod
    def of(cls, emulator: Emulator) -> "Start":
        company = emulator.company()
        numbers = (company.table(name).next_number() for name in (*DOCUMENTS, "APPYMT", "ARPYMT"))
        return cls(dict(balances(company)), max(numbers) - 1)


def assert_subledgers(emulator: Emulator, start: Start) -> None:
    """Assert that the sub-ledgers' open money, waiting money, stock and lines agree with the ledger."""
    company = emulator.company()
    moved = change(start.balances, balances(company))
    waiting = [row for _, row in company.table("ARPYMT").rows() if row.get("UNDEPOSITEDACCOUNTNO") == "10090"]
    new = [row for row in waiting if int(row["RECORDNO"]) > start.last and row["STATE"] == "Complete"]
    undeposited = sum((Decimal(row["TOTALENTERED"]) for row in new if not deposit_of(company, row)), ZERO)
    assert moved.get("10090", ZERO) == undeposited
    assert -moved.get("22100", ZERO) == due(company, "ARADVANCE")
    held = sum(company.facts.stock_values.values(), ZERO)
    assert moved.get("12000", ZERO) + moved.get("12100", ZERO) == held
    expenses = sum((Decimal(row["TOTALDUE"]) for row in newer(company, "EEXPENSES", start)), ZERO)
    assert -moved.get("20300", ZERO) == expenses
    for name, line in DOCUMENTS.items():
        assert_lines(company, name, line, start)
    selected = sum(
        (Decimal(row.get("TRX_TOTALSELECTED") or 0) for name in DOCUMENTS for row in newer(company, name, start)), ZERO
    )
    requests = (row for row in newer(company, "APPYMT", start) if row["STATE"] in ("Submitted", "Approved", "Draft"))
    assert selected == sum((Decimal(row["TRX_TOTALENTERED"]) for row in requests), ZERO)


def assert_lines(company: CompanyData, name: str, line: str, start: Start) -> None:
    """Assert that the lines of a document add up to its totals."""
    lines: dict[str, list[dict[str, str]]] = defaultdict(list)
    for _, row in company.table(line).rows():
        lines[row["RECORDKEY"]].append(row)
    for row in newer(company, name, start):
        for total, part in (
            ("TRX_TOTALENTERED", "TRX_AMOUNT"),
            ("TRX_TOTALPAID", "TRX_TOTALPAID"),
            ("TRX_TOTALSELECTED", "TRX_TOTALSELECTED"),
        ):
            if total in row and part in company.find(line).fields:
                parts = sum((Decimal(one.get(part) or 0) for one in lines[row["RECORDNO"]]), ZERO)
                assert Decimal(row[total]) == parts, (name, row["RECORDNO"], total)


def newer(company: CompanyData, name: str, start: Start) -> list[dict[str, str]]:
    return [row for _, row in company.table(name).rows("id > ?", (start.last,))]


def deposit_of(company: CompanyData, row: Mapping[str, str]) -> str:
    return company.facts.deposits.get(row["RECORDNO"]) or ""
