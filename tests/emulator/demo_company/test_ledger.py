"""The demo company's ledger: it balances, the sub-ledgers tie to it, and GLDETAIL repeats it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal

import pytest

from intacct_emulator.demo_company.company import demo_company
from intacct_emulator.demo_company.generator import ledger
from intacct_emulator.demo_company.masters.custom_records import DIMENSION
from intacct_emulator.ledger.periods import OpenPeriods
from intacct_emulator.ledger.posting import Posting
from intacct_emulator.ledger.posting_function import PostingPolicy, validate
from intacct_emulator.ledger.posting_rows import Batch, Directory, TypedRow, batch_rows
from support.emulator.demo_rows import AS_OF, demo_rows

ZERO = Decimal(0)
ENTITY = {"1": "100", "2": "200", "3": "300"}


def amount(row: TypedRow, field: str = "AMOUNT") -> Decimal:
    value = row.get(field, ZERO)
    assert isinstance(value, Decimal)
    return value


def sums(pairs: Iterable[tuple[object, Decimal]]) -> dict[object, Decimal]:
    found: dict[object, Decimal] = defaultdict(lambda: ZERO)
    for key, value in pairs:
        found[key] += value
    return {key: value for key, value in found.items() if value}


def entity(row: Mapping[str, object], field: str = "LOCATIONID") -> str:
    return ENTITY[str(row[field])[0]]


@pytest.mark.parametrize("cash_book", [False, True])
def test_every_batch_balances_by_entity_and_book(cash_book: bool) -> None:
    lines = [row for row in demo_rows(cash_book=cash_book)["GLDETAIL"] if row["STATISTICAL"] == "F"]
    assert sums(((row["BATCHKEY"], row["BOOKID"], entity(row)), amount(row)) for row in lines) == {}


def test_every_batch_balances_by_currency() -> None:
    lines = [row for row in demo_rows()["GLDETAIL"] if row["STATISTICAL"] == "F"]
    assert sums(((row["BATCHKEY"], entity(row), row["CURRENCY"]), amount(row, "TRX_AMOUNT")) for row in lines) == {}


def test_a_line_has_one_side() -> None:
    for row in demo_rows()["GLDETAIL"]:
        debit, credit = amount(row, "DEBITAMOUNT"), amount(row, "CREDITAMOUNT")
        assert debit - credit == amount(row)
        assert (row["TR_TYPE"] == 1) == (amount(row) >= 0)
        assert min(debit, credit) == 0


def test_the_detail_repeats_the_entries() -> None:
    posted = {row["RECORDNO"]: row for row in demo_rows()["GLENTRY"] if row["STATE"] == "Posted"}
    seen = sums((row["GLENTRYKEY"], amount(row)) for row in demo_rows()["GLDETAIL"])
    entered = sums((key, amount(row) * Decimal(str(row["TR_TYPE"]))) for key, row in posted.items())
    assert seen == entered
    assert {row["GLENTRYKEY"] for row in demo_rows()["GLDETAIL"]} == set(posted)
    assert len(demo_rows()["GLDETAIL"]) > len(posted)
    for row in demo_rows()["GLDETAIL"]:
        entry = posted[row["GLENTRYKEY"]]
        assert (row["BATCHKEY"], row["ACCOUNTNO"]) == (entry["BATCHNO"], entry["ACCOUNTNO"])


def test_a_draft_is_not_in_the_detail() -> None:
    drafts = {row["RECORDNO"] for row in demo_rows()["GLBATCH"] if row["STATE"] == "Draft"}
    assert drafts
    assert not drafts & {row["BATCHKEY"] for row in demo_rows()["GLDETAIL"]}


@pytest.mark.parametrize(
    ("account", "documents", "party_object", "party"),
    [
        ("20000", ("APBILL", "APADJUSTMENT"), "VENDOR", "VENDORID"),
        ("11000", ("ARINVOICE", "ARADJUSTMENT"), "CUSTOMER", "CUSTOMERID"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_sub_ledgers_tie_to_their_control_accounts(
    account: str, documents: tuple[str, str], party_object: str, party: str, seed: int
) -> None:
    found = demo_rows(seed)
    homes = {row[party]: row["DISPLAYCONTACT.MAILADDRESS.COUNTRYCODE"] for row in found[party_object]}
    opened = [row for name in documents for row in found[name] if row["STATE"] not in ("Draft", "Paid")]
    due = sums((row[party], amount(row, "TOTALDUE")) for row in opened)
    sign = 1 if account == "11000" else -1
    lines = [row for row in found["GLDETAIL"] if row["ACCOUNTNO"] == account]
    assert sums((row[party], sign * amount(row)) for row in lines) == due
    assert sums((row[party], amount(row, "TOTALDUE")) for row in found[party_object]) == due
    by_currency = sums((row["BASECURR"], amount(row, "TOTALDUE")) for row in opened)
    assert sums((row["BASECURR"], sign * amount(row)) for row in lines) == by_currency
    assert len(homes) == len(found[party_object])


@pytest.mark.parametrize("name", ["APBILL", "ARINVOICE", "APADJUSTMENT", "ARADJUSTMENT"])
def test_the_amount_due_is_the_total_less_the_amount_paid(name: str) -> None:
    states = set()
    for row in demo_rows()[name]:
        for trx in ("", "TRX_"):
            entered, paid, due = (amount(row, f"{trx}{total}") for total in ("TOTALENTERED", "TOTALPAID", "TOTALDUE"))
            assert due == entered - paid
        states.add(row["STATE"])
        if row["STATE"] == "Paid":
            assert not due
            assert row["WHENPAID"]
        elif row["STATE"] == "Partially Paid":
            assert paid
            assert due
        else:
            assert not paid
    assert {"Paid", "Posted"} <= states


@pytest.mark.parametrize(
    ("lines", "header", "detail", "documents"),
    [("APBILLITEM", "APBILL", "APPYMTDETAIL", "APBILL"), ("ARINVOICEITEM", "ARINVOICE", "ARPYMTDETAIL", "ARINVOICE")],
)
def test_payment_details_add_up_to_the_amount_paid(lines: str, header: str, detail: str, documents: str) -> None:
    found = demo_rows()
    paid = sums(
        (row["RECORDKEY"], amount(row, "TRX_PAYMENTAMOUNT") + amount(row, "TRX_ADJUSTMENTAMOUNT"))
        for row in found[detail]
    )
    assert paid == sums((row["RECORDNO"], amount(row, "TRX_TOTALPAID")) for row in found[header])
    by_line = sums(
        (row["ENTRYKEY"], amount(row, "TRX_PAYMENTAMOUNT") + amount(row, "TRX_ADJUSTMENTAMOUNT"))
        for row in found[detail]
    )
    assert by_line == sums((row["RECORDNO"], amount(row, "TRX_TOTALPAID")) for row in found[lines])
    base = sums(
        (row["RECORDKEY"], amount(row, "PAYMENTAMOUNT") + amount(row, "ADJUSTMENTAMOUNT")) for row in found[detail]
    )
    assert base == sums((row["RECORDNO"], amount(row, "TOTALPAID")) for row in found[documents])


def test_lines_add_up_to_their_document() -> None:
    for lines, header in (
        ("APBILLITEM", "APBILL"),
        ("ARINVOICEITEM", "ARINVOICE"),
        ("APADJUSTMENTITEM", "APADJUSTMENT"),
        ("DEPOSITENTRY", "DEPOSIT"),
    ):
        by_header = sums((row["RECORDKEY"], amount(row, "TRX_AMOUNT")) for row in demo_rows()[lines])
        assert by_header == sums((row["RECORDNO"], amount(row, "TRX_TOTALENTERED")) for row in demo_rows()[header])


def test_no_stock_and_no_bank_account_is_overdrawn_by_much() -> None:
    balances = sums(((row["ACCOUNTNO"], entity(row)), amount(row)) for row in demo_rows()["GLDETAIL"])
    for account in ("12000", "12100", "10010", "10020", "10030", "15000"):
        for owner in ("100", "200", "300"):
            assert balances.get((account, owner), ZERO) >= -600_000, (account, owner)


def test_bank_accounts_agree_in_the_cash_and_the_accrual_book() -> None:
    found = demo_rows(cash_book=True)
    banks = ("10010", "10020", "10030", "10040", "10090")
    by_book = sums(
        ((row["BOOKID"], row["ACCOUNTNO"]), amount(row)) for row in found["GLDETAIL"] if row["ACCOUNTNO"] in banks
    )
    for bank in banks:
        assert by_book.get(("CASH", bank), ZERO) == by_book.get(("ACCRUAL", bank), ZERO), bank
    assert not [row for row in found["GLDETAIL"] if row["BOOKID"] == "CASH" and row["ACCOUNTNO"] == "20000"]


@pytest.mark.parametrize("cash_book", [False, True])
def test_every_posting_keeps_the_rules_of_the_posting_function(
    monkeypatch: pytest.MonkeyPatch, cash_book: bool
) -> None:
    validated = 0

    def validated_rows(
        posting: Posting, batch: Batch, directory: Directory, number: Callable[[str], int]
    ) -> Iterator[tuple[str, TypedRow]]:
        nonlocal validated
        validated += 1
        validate(posting, batch, PostingPolicy(directory, ("ACCRUAL", "CASH"), OpenPeriods(), (DIMENSION,)))
        return batch_rows(posting, batch, directory, number)

    monkeypatch.setattr(ledger, "batch_rows", validated_rows)
    batches = sum(name == "GLBATCH" for name, _ in demo_company(3, as_of=AS_OF, cash_book=cash_book))
    assert validated == batches
