"""Revaluation of foreign-currency balances at a month end. Every sum is worked out by hand, with its arithmetic."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from intacct_emulator.ledger.periods import close_books
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.subledgers.revaluation.revaluation import RevaluedBalance
from intacct_protocol.errors import SettingsError
from support.emulator.calls import data, element, one, query, rows
from support.emulator.own_company import ACCOUNTS, POSTING, OwnCompany
from support.emulator.own_records import bill, detail, invoice, key_of, payment, receipt, trial_balance

D = Decimal
DAY, NEXT = date(2026, 10, 31), date(2026, 11, 1)
RATES = {
    "Spot": (
        ("EUR", "USD", "2026-01-01", "1.10"),
        ("EUR", "USD", "2026-10-01", "1.20"),
        ("EUR", "USD", "2026-10-31", "1.30"),
        ("EUR", "USD", "2026-11-30", "1.25"),
        ("EUR", "JPY", "2026-01-01", "150.3"),
    ),
    "Budget": (("EUR", "USD", "2026-01-01", "1.05"),),
}
BANK = {"RECORDNO": 90, "BANKACCOUNTID": "EURO", "GLACCOUNTNO": "1010", "LOCATIONID": "US", "CURRENCY": "EUR"}
BATCH = "RECORDNO BATCH_DATE BATCH_TITLE JOURNAL STATE REVERSED REVERSEDKEY REVERSEDFROM"


def company(**changes: Any) -> OwnCompany:
    settings: dict[str, Any] = {
        "accounts": ACCOUNTS | {"1010": ("Euro bank", "debit", "")},
        "rate_types": RATES,
        "records": {"CHECKINGACCOUNT": [BANK]},
    }
    return OwnCompany(**settings | changes)


@pytest.fixture(scope="module")
def made() -> Emulator:
    return company().emulator()


@pytest.fixture
def own(made: Emulator) -> Emulator:
    return made.clone()


def euros(amount: str, day: str = "2026-10-05", location: str = "US") -> str:
    return bill(amount, day=day, location=location, CURRENCY="EUR", EXCH_RATE_TYPE_ID="Spot")


def euro_invoice(amount: str, day: str = "2026-10-05") -> str:
    return invoice(amount, day=day, more="<currency>EUR</currency><exchratetype>Spot</exchratetype>")


def spot(emulator: Emulator, day: date = DAY) -> tuple[RevaluedBalance, ...]:
    return emulator.revalue(day, rate_type="Spot")


def balances(emulator: Emulator, day: date) -> dict[str, Decimal]:
    """Account → balance at the end of a day, accounts without one left out."""
    found = trial_balance(emulator, "2026-01-01", day.isoformat())
    return {account: sums[3] for account, sums in found.items() if sums[3]}


def heads(emulator: Emulator) -> list[dict[str, str]]:
    return [row for row in rows(data(emulator, query("GLBATCH", BATCH))) if "Revaluation" in row["BATCH_TITLE"]]


def test_a_bill_is_carried_at_the_closing_rate_for_one_day(own: Emulator) -> None:
    """100 euros owed at 1.20 are 120 dollars, and 130 at the closing rate of 1.30: a loss of 10."""
    key_of(own, euros("100"))
    (found,) = spot(own)
    assert found == RevaluedBalance("US", "2000", "EUR", "USD", D(-100), D(-120), D("1.30"), D(-130))
    assert found.difference == -10
    assert detail(own, "ACCOUNTNO AMOUNT TRX_AMOUNT CURRENCY BATCH_DATE LOCATIONID")[2:] == [
        ["2000", "-10", "0", "EUR", "10/31/2026", "US"],
        ["7191", "10", "0", "EUR", "10/31/2026", "US"],
        ["2000", "10", "0", "EUR", "11/01/2026", "US"],
        ["7191", "-10", "0", "EUR", "11/01/2026", "US"],
    ]
    assert balances(own, DAY) == {"2000": D(-130), "6000": D(120), "7191": D(10)}
    assert balances(own, NEXT) == {"2000": D(-120), "6000": D(120)}


def test_the_entry_is_a_journal_entry_with_its_reversal(own: Emulator) -> None:
    key_of(own, euros("100"))
    spot(own)
    entry, reversal = heads(own)
    assert entry == {
        "RECORDNO": entry["RECORDNO"],
        "BATCH_DATE": "10/31/2026",
        "BATCH_TITLE": "Revaluation 10/31/2026",
        "JOURNAL": "GJ",
        "STATE": "Reversed",
        "REVERSED": "11/01/2026",
        "REVERSEDKEY": reversal["RECORDNO"],
        "REVERSEDFROM": "",
    }
    assert (reversal["BATCH_TITLE"], reversal["REVERSEDFROM"]) == (
        "Reversed: Revaluation 10/31/2026",
        entry["RECORDNO"],
    )
    lines = rows(data(own, query("GLENTRY", "DESCRIPTION BATCHNO")))
    assert {one["DESCRIPTION"] for one in lines if one["BATCHNO"] == entry["RECORDNO"]} == {"-100 EUR at 1.3"}


def test_receivables_gain_where_payables_lose(own: Emulator) -> None:
    """50 euros due at 1.20 are 60 dollars, and 65 at 1.30: a gain of 5. An invoice in dollars stays."""
    key_of(own, euro_invoice("50"))
    key_of(own, invoice("7", day="2026-10-05"))
    (found,) = spot(own)
    assert (found.account, found.carrying_amount, found.value, found.difference) == ("1100", D(60), D(65), D(5))
    assert balances(own, DAY) == {"1100": D(72), "4000": D(-67), "7191": D(-5)}


def test_what_is_settled_is_not_revalued(own: Emulator) -> None:
    """Of 100 euros at 1.20, 40 were paid in October: 60 are open, carried at 72 and worth 78, a loss of 6.

    The other bill is paid in November, so that it is open on 31 October: 10 euros at 1.20, 12 and 13, a loss of 1.
    """
    first, second, third = (key_of(own, euros(amount)) for amount in ("100", "10", "20"))
    key_of(own, payment(first, "40", day="2026-10-20", CURRENCY="EUR", EXCH_RATE_TYPE_ID="Spot"))
    key_of(own, payment(second, "10", day="2026-11-02", CURRENCY="EUR", EXCH_RATE_TYPE_ID="Spot"))
    key_of(own, payment(third, "20", day="2026-10-20", CURRENCY="EUR", EXCH_RATE_TYPE_ID="Spot"))
    (found,) = spot(own)
    assert (found.trx_amount, found.carrying_amount, found.value) == (D(-70), D(-84), D(-91))


def test_a_credit_lessens_what_is_revalued(own: Emulator) -> None:
    """100 and −30 euros at 1.20: 84 dollars carried, 91 at 1.30."""
    key_of(own, euros("100"))
    key_of(own, euros("-30"))
    (found,) = spot(own)
    assert (found.trx_amount, found.carrying_amount, found.value) == (D(-70), D(-84), D(-91))


def test_a_document_counts_until_the_day_of_its_reversal(own: Emulator) -> None:
    """A bill that is reversed on 5 November is open on 31 October; one reversed on 30 October is not."""
    for amount, day in (("100", "<month>11</month><day>5</day>"), ("10", "<month>10</month><day>30</day>")):
        key = key_of(own, euros(amount))
        reversal = f"<reverse_bill key='{key}'><datereversed><year>2026</year>{day}</datereversed></reverse_bill>"
        assert one(own, reversal).status == "success"
    (found,) = spot(own)
    assert (found.trx_amount, found.carrying_amount, found.value) == (D(-100), D(-120), D(-130))


def test_a_payment_that_is_reversed_later_counts_in_its_own_currency(own: Emulator) -> None:
    """A bill of 100 dollars, of which 40 are paid from 20 October to 5 November, then becomes one of 100 euros.

    On 31 October the ledger has 100 euros at 1.20 and, still, the payment of 40 dollars: only the euros are revalued.
    """
    key = key_of(own, bill("100", day="2026-10-05"))
    paid = key_of(own, payment(key, "40", day="2026-10-20"))
    day = "<datereversed><year>2026</year><month>11</month><day>5</day></datereversed>"
    assert one(own, f"<reverse_appayment key='{paid}'>{day}</reverse_appayment>").status == "success"
    change = element("APBILL", RECORDNO=key, CURRENCY="EUR", EXCH_RATE_TYPE_ID="Spot", EXCH_RATE_DATE="10/05/2026")
    assert one(own, f"<update>{change}</update>").status == "success"
    (found,) = spot(own)
    assert (found.trx_amount, found.carrying_amount, found.value) == (D(-100), D(-120), D(-130))
    assert balances(own, DAY)["2000"] == D(-90)


def test_an_overpayment_is_part_of_receivables(own: Emulator) -> None:
    """50 euros due, 80 received on 20 October at 1.20: 30 euros are owed back, carried at 36 and worth 39: a loss of 3.

    The receipt is in the account of the bank in dollars, which is not revalued.
    """
    key = key_of(own, euro_invoice("50"))
    more = {"CURRENCY": "EUR", "EXCH_RATE_TYPE_ID": "Spot", "OVERPAYMENTAMOUNT": "30", "OVERPAYMENTLOCATIONID": "US"}
    key_of(own, receipt(key, "50", day="2026-10-20", **more))
    (found,) = spot(own)
    assert (found.entity, found.account, found.trx_amount) == ("US", "1100", D(-30))
    assert (found.carrying_amount, found.value) == (D(-36), D(-39))


def test_a_second_run_replaces_the_first(own: Emulator) -> None:
    """The loss of 10 is posted once. With another bill of 10 euros it becomes 11; at the budget rate it is a gain."""
    key_of(own, euros("100"))
    first = spot(own)
    assert spot(own) == first
    assert len(heads(own)) == 2
    assert balances(own, DAY)["2000"] == -130
    key_of(own, euros("10"))
    spot(own)
    assert balances(own, DAY)["2000"] == -143
    own.revalue(DAY, rate_type="Budget")
    # 110 euros at 1.05 are 115.50; carried at 132, so that 16.50 are gained
    assert balances(own, DAY) == {"2000": D("-115.5"), "6000": D(132), "7191": D("-16.5")}
    assert balances(own, NEXT) == {"2000": D(-132), "6000": D(132)}


def test_a_run_that_finds_nothing_open_takes_the_first_back(own: Emulator) -> None:
    key = key_of(own, euros("100"))
    spot(own)
    key_of(own, payment(key, "100", day="2026-10-31", CURRENCY="EUR", EXCHANGE_RATE="1.2"))
    assert spot(own) == ()
    assert heads(own) == []
    assert balances(own, DAY) == {"1000": D(-120), "6000": D(120)}
    deleted = [
        row for row in rows(data(own, query("AUDITHISTORY", "OBJECTTYPE ACCESSMODE"))) if row["ACCESSMODE"] == "D"
    ]
    assert [row["OBJECTTYPE"] for row in deleted] == ["glbatch", "glbatch"]


def test_a_later_revaluation_starts_from_the_amounts_of_the_documents(own: Emulator) -> None:
    """At the end of November the rate is 1.25: 125 for 120, a loss of 5, whatever October was carried at."""
    key_of(own, euros("100"))
    spot(own)
    (found,) = spot(own, date(2026, 11, 30))
    assert (found.carrying_amount, found.value) == (D(-120), D(-125))
    assert balances(own, DAY)["7191"] == 10
    assert balances(own, date(2026, 11, 30)) == {"2000": D(-125), "6000": D(120), "7191": D(5)}
    assert balances(own, date(2026, 12, 1)) == {"2000": D(-120), "6000": D(120)}


def test_the_realised_loss_is_that_of_the_whole_time(own: Emulator) -> None:
    """100 euros owed at 1.20 are paid at 1.28 in November: 128 for 120, a realised loss of 8, none unrealised."""
    key = key_of(own, euros("100"))
    spot(own)
    key_of(own, payment(key, "100", day="2026-11-05", CURRENCY="EUR", EXCHANGE_RATE="1.28"))
    assert balances(own, date(2026, 11, 5)) == {"1000": D(-128), "6000": D(120), "7190": D(8)}


def test_each_item_is_rounded_on_its_own_in_the_currency_of_its_entity() -> None:
    """Three bills of 1.11 euros in a yen entity at 149.5 are 165.945, so 166 yen each: 498.

    At 150.3 each is 166.833, so 167: the total is 501, not 500 as 3.33 × 150.3 = 500.499 would be.
    """
    own = company(entities={"JP": "JPY"}, decimals={"JPY": 0}, records={}).emulator()
    for _ in range(3):
        key_of(own, bill("1.11", day="2026-10-05", location="JP", CURRENCY="EUR", EXCHANGE_RATE="149.5"))
    (found,) = spot(own)
    assert (found.carrying_amount, found.value) == (D(-498), D(-501))


def test_entities_are_revalued_each_in_its_own_currency() -> None:
    """100 dollars at the reciprocal rate 1 ÷ 1.30 = 0.76923… are 76.92 euros, carried at 80.

    100 euros are 130 dollars, as before.
    """
    own = company(entities={"US": "USD", "DE": "EUR"}, records={}).emulator()
    key_of(own, euros("100"))
    key_of(own, bill("100", day="2026-10-05", location="DE", CURRENCY="USD", EXCHANGE_RATE="0.8"))
    german, american = spot(own)
    assert (german.entity, german.currency, german.carrying_amount, german.value) == ("DE", "USD", D(-80), D("-76.92"))
    assert (american.entity, american.currency, american.value) == ("US", "EUR", D(-130))
    lines = detail(own, "ACCOUNTNO LOCATIONID AMOUNT BATCH_TITLE")
    assert [line[:3] for line in lines if line[3] == "Revaluation 10/31/2026"] == [
        ["2000", "DE", "3.08"], ["7191", "DE", "-3.08"], ["2000", "US", "-10"], ["7191", "US", "10"],
    ]  # fmt: skip


def test_a_company_without_entities_is_revalued_too() -> None:
    """The same 100 euros, where every line is at the top level."""
    own = company(entities={}, records={}).emulator()
    key_of(own, euros("100", location="HQ"))
    (found,) = spot(own)
    assert (found.entity, found.carrying_amount, found.value) == ("", D(-120), D(-130))
    assert balances(own, DAY)["2000"] == -130


def bank_entry(amount: str, currency: str = "EUR") -> str:
    """100 dollars' worth, more or less, from sales to the euro bank at 1.20."""
    money = {"CURRENCY": currency, "EXCHANGE_RATE": "1.2"} if currency == "EUR" else {}
    lines = element("GLENTRY", ACCOUNTNO="1010", TR_TYPE=1, TRX_AMOUNT=amount, LOCATION="US", **money)
    lines += element("GLENTRY", ACCOUNTNO="4000", TR_TYPE=-1, TRX_AMOUNT=amount, LOCATION="US", **money)
    head = element("GLBATCH", JOURNAL="GJ", BATCH_DATE="10/05/2026", BATCH_TITLE="x", ENTRIES=lines)
    return f"<create>{head}</create>"


def test_a_bank_balance_keeps_its_new_value(own: Emulator) -> None:
    """100 euros in the bank at 120 dollars are worth 130 in October and 125 in November: 10 gained, then 5 lost."""
    key_of(own, bank_entry("100"))
    (found,) = spot(own)
    assert found.bank
    assert (found.account, found.carrying_amount, found.value) == ("1010", D(120), D(130))
    assert balances(own, NEXT) == {"1010": D(130), "4000": D(-120), "7190": D(-10)}
    assert spot(own) == (found,)
    (later,) = spot(own, date(2026, 11, 30))
    assert (later.carrying_amount, later.value) == (D(130), D(125))
    assert balances(own, date(2026, 12, 1)) == {"1010": D(125), "4000": D(-120), "7190": D(-5)}


@pytest.mark.parametrize(("setting", "unrealised"), [("reversed", {"1010": D(10), "7191": D(-10)}), ("none", {})])
def test_bank_balances_follow_the_setting(setting: Any, unrealised: dict[str, Decimal]) -> None:
    own = company(behaviour=Behaviour(bank_revaluation=setting)).emulator()
    key_of(own, bank_entry("100"))
    before = balances(own, NEXT)
    spot(own)
    sums = {account: before.get(account, D(0)) + unrealised.get(account, D(0)) for account in before | unrealised}
    assert balances(own, DAY) == sums
    assert balances(own, NEXT) == before


def test_a_deleted_revaluation_can_be_run_again(own: Emulator) -> None:
    key_of(own, euros("100"))
    spot(own)
    entry = heads(own)[0]["RECORDNO"]
    assert one(own, f"<delete><object>GLBATCH</object><keys>{entry}</keys></delete>").status == "success"
    assert balances(own, DAY) == {"2000": D(-120), "6000": D(120)}
    spot(own)
    assert balances(own, DAY)["2000"] == -130


def test_a_missing_account_is_named() -> None:
    roles = {role: account for role, account in POSTING.items() if role != "unrealised_exchange"}
    own = company(posting=roles).emulator()
    key_of(own, euros("100"))
    with pytest.raises(SettingsError, match="account for unrealised exchange gain and loss is not set up"):
        spot(own)
    assert len(detail(own)) == 2


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"rate_type": "Spto"}, "Invalid Exchange Rate Type 'Spto'"),
        ({}, "no exchange rate from EUR to USD for 10/31/2026"),
        ({"rate_type": "Spot", "journal": "XX"}, "no journal 'XX'"),
    ],
)
def test_a_missing_rate_or_journal_is_named(own: Emulator, wanted: dict[str, str], text: str) -> None:
    key_of(own, euros("100"))
    with pytest.raises(SettingsError, match=text):
        own.revalue(DAY, **wanted)
    assert len(detail(own)) == 2


def test_a_closed_period_keeps_its_revaluation(own: Emulator) -> None:
    """With October closed, neither a second run nor a first one is accepted, and nothing changes."""
    key_of(own, euros("100"))
    spot(own)
    key_of(own, euros("10"))
    close_books(own.company(), DAY)
    with pytest.raises(SettingsError, match="closed period"):
        spot(own)
    assert balances(own, DAY)["2000"] == -142  # 130, and the new bill at 12
    assert len(heads(own)) == 2
