"""A company with a cash book: documents show there when money moves, on the accounts of their lines."""

from decimal import Decimal

from intacct_emulator.ledger.posting import CASH
from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import entry, one
from support.emulator.documents import bill, made, payment
from support.emulator.ledger_checks import assert_true, balances, change
from support.emulator.legacy_documents import day, invoice, key_of, receipt
from support.emulator.payments import ap, credit, paid


def test_the_cash_book_has_the_paid_share_of_a_bill(cash: Emulator) -> None:
    assert_true(cash)
    before, accrued = balances(cash.company(), CASH), balances(cash.company())
    key = made(cash, bill("60500 75", "61200 25"))
    assert balances(cash.company(), CASH) == before
    paid_key = made(cash, payment(key, "40"))
    spent = {"60500": Decimal(30), "61200": Decimal(10), "10010": Decimal(-40)}
    assert change(before, balances(cash.company(), CASH)) == spent
    whole = {"60500": Decimal(75), "61200": Decimal(25), "20000": Decimal(-60), "10010": Decimal(-40)}
    assert change(accrued, balances(cash.company())) == whole
    assert_true(cash)
    key_of(cash, f'<reverse_appayment key="{paid_key}">{day("datereversed")}</reverse_appayment>')
    assert balances(cash.company(), CASH) == before
    assert_true(cash)


def test_an_applied_credit_reduces_the_expense_in_the_cash_book(cash: Emulator) -> None:
    key, note = made(cash, bill("61200 100")), credit(cash, "30")
    before = balances(cash.company(), CASH)
    made(cash, paid(ap(RECORDKEY=key, TRX_PAYMENTAMOUNT="70", ADJUSTMENTKEY=note, TRX_ADJUSTMENTAMOUNT="30")))
    moved = {"61200": Decimal(100), "60500": Decimal(-30), "10010": Decimal(-70)}
    assert change(before, balances(cash.company(), CASH)) == moved
    assert_true(cash)


def test_overpayments_and_advances_are_in_the_cash_book_too(cash: Emulator) -> None:
    key = key_of(cash, invoice("C-1", "100"))
    before = balances(cash.company(), CASH)
    receipt_key = key_of(cash, receipt("100"))
    held = {"11000": Decimal(-100), "10010": Decimal(100)}
    assert change(before, balances(cash.company(), CASH)) == held
    item = f"<arpaymentitem><invoicekey>{key}</invoicekey><amount>100</amount></arpaymentitem>"
    head = f"<arpaymentkey>{receipt_key}</arpaymentkey>{day('paymentdate')}"
    key_of(cash, f"<apply_arpayment>{head}<arpaymentitems>{item}</arpaymentitems></apply_arpayment>")
    earned = {"41100": Decimal(-100), "10010": Decimal(100)}
    assert change(before, balances(cash.company(), CASH)) == earned
    assert_true(cash)
    key_of(cash, f'<reverse_arpayment key="{receipt_key}">{day("datereversed")}</reverse_arpayment>')
    assert change(before, balances(cash.company(), CASH)) == {}
    assert_true(cash)


def test_a_payment_of_the_demo_company_can_be_reversed_in_both_books(cash: Emulator) -> None:
    table = cash.company().table("APPYMT")
    last = max(int(row["RECORDNO"]) for _, row in table.rows() if row["STATE"] == "Confirmed" and row.get("DOCNUMBER"))
    before = balances(cash.company(), CASH)
    key_of(cash, f'<reverse_appayment key="{last}">{day("datereversed")}</reverse_appayment>')
    assert change(before, balances(cash.company(), CASH))
    assert_true(cash)


def test_an_entry_and_a_foreign_bill_across_entities_balance_in_both_books(cash: Emulator) -> None:
    assert one(cash, entry("60500 D 10 DEPARTMENT=100", "10010 C 10")).status == "success"
    key = made(cash, bill("60500 33.33", "61200 66.66 LOCATIONID=210", CURRENCY="EUR", EXCHANGE_RATE="1.0777"))
    made(cash, payment(key, "40", CURRENCY="EUR", EXCHANGE_RATE="1.2", FINANCIALENTITY="CHK-FLD"))
    made(cash, payment(key, "", CURRENCY="EUR", EXCHANGE_RATE="1.3"))
    assert_true(cash)
