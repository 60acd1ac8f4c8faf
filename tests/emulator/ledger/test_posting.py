"""Postings of documents, payments and journal entries: each balances in each entity, for any lines."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from intacct_emulator.ledger.amounts import ZERO, to_base
from intacct_emulator.ledger.posting import (
    CASH,
    Application,
    Charge,
    Document,
    Posting,
    PostingLine,
    PostingRules,
    Role,
    SettledDocument,
    Settlement,
    bill,
    cash_basis,
    expense_report,
    invoice,
    journal_entry,
    payment,
    receipt,
    relieved,
    reverse,
    statistical_entry,
    transfer,
)
from intacct_emulator.settings.refusals import FunctionRefusedError
from intacct_protocol.errors import RecordError

RULES = PostingRules(
    entity_of={"A": "A", "A1": "A", "B": "B", "B1": "B", "C": "C", "C1": "C"},
    base_currency={"A": "USD", "B": "USD", "C": "CAD"},
    due_from={"A": "1401", "B": "1402", "C": "1403"},
    due_to={"A": "2401", "B": "2402", "C": "2403"},
    payables="2000",
    receivables="1100",
    employee_payables="2030",
    undeposited_funds="1090",
    exchange="7190",
    rounding_account="7195",
)
D = Decimal
money = st.integers(-5_000_000, 5_000_000).map(lambda cents: D(cents).scaleb(-2))
rates = st.integers(200_000, 3_000_000).map(lambda millionths: D(millionths).scaleb(-6))
charges = st.lists(
    st.builds(Charge, st.sampled_from(["6000", "6100"]), st.sampled_from(["A", "A1", "B", "B1"]), money),
    min_size=1,
    max_size=6,
).map(tuple)


def document(*amounts: tuple[str, str, str], currency: str = "USD", rate: str = "1") -> Document:
    lines = tuple(Charge(account, location, D(amount)) for account, location, amount in amounts)
    return Document("A", currency, lines, D(rate), {"VENDOR": "V1"}, "memo")


def imbalances(posting: Posting, rules: PostingRules) -> dict[str, Decimal]:
    """The entities that do not balance in base currency, each with its sum."""
    sums: dict[str, Decimal] = {}
    for line in posting.lines:
        entity = rules.entity_of[line.location]
        sums[entity] = sums.get(entity, ZERO) + line.amount
    return {entity: total for entity, total in sums.items() if total}


def summary(posting: Posting) -> list[tuple[str, str, Decimal]]:
    return [(line.account, line.location, line.amount) for line in posting.lines]


def test_a_bill_debits_its_lines_and_credits_payables() -> None:
    posted = bill(document(("6000", "A1", "100.00"), ("6100", "A1", "20.50")), RULES)
    assert summary(posted) == [("6000", "A1", D("100.00")), ("6100", "A1", D("20.50")), ("2000", "A", D("-120.50"))]
    assert posted.lines[-1].dimensions == {"VENDOR": "V1"}


def test_an_invoice_is_the_mirror_of_a_bill() -> None:
    posted = invoice(document(("4000", "A1", "75.00")), RULES)
    assert summary(posted) == [("4000", "A1", D("-75.00")), ("1100", "A", D("75.00"))]


def test_an_expense_report_credits_employee_payables_and_a_card_charge_the_card() -> None:
    assert summary(expense_report(document(("6000", "A1", "9.00")), RULES))[-1] == ("2030", "A", D("-9.00"))
    assert summary(bill(document(("6000", "A1", "9.00")), RULES, control="2040"))[-1] == ("2040", "A", D("-9.00"))


def test_a_line_in_another_entity_adds_due_to_and_due_from() -> None:
    posted = bill(document(("6000", "A1", "60.00"), ("6000", "B1", "40.00")), RULES)
    assert summary(posted)[3:] == [("2401", "B", D("-40.00")), ("1402", "A", D("40.00"))]
    assert imbalances(posted, RULES) == {}
    assert [line.role for line in posted.lines[3:]] == [Role.ENTITY, Role.ENTITY]


def test_income_of_another_entity_adds_the_reverse_lines() -> None:
    posted = invoice(document(("4000", "A1", "60.00"), ("4000", "B1", "40.00")), RULES)
    assert summary(posted)[3:] == [("1401", "B", D("40.00")), ("2402", "A", D("-40.00"))]


def test_one_posting_cannot_have_entities_of_different_currencies() -> None:
    with pytest.raises(RecordError, match=r"A \(USD\) and C \(CAD\)") as refused:
        bill(document(("6000", "A1", "60.00"), ("6000", "C1", "40.00")), RULES)
    assert refused.value.field == "LOCATIONID"


def test_an_unknown_location_is_refused_by_name() -> None:
    with pytest.raises(RecordError, match="'Z9'"):
        bill(document(("6000", "Z9", "60.00")), RULES)


def test_rounding_differences_post_to_a_line_of_their_own() -> None:
    # 3 × 0.01 at 1.5 is 3 × 0.02 by line and 0.05 in all.
    posted = bill(document(*[("6000", "A1", "0.01")] * 3, currency="CAD", rate="1.5"), RULES)
    assert summary(posted)[3:] == [("2000", "A", D("-0.05")), ("7195", "A", D("-0.01"))]
    assert posted.lines[-1].trx_amount == 0


def test_a_payment_at_another_rate_realises_a_gain_or_loss() -> None:
    part = Application("A", D("100.00"), D("140.00"))
    posted = payment(Settlement("A", "1000", "CAD", (part,), D("1.35")), RULES)
    assert summary(posted) == [("2000", "A", D("140.00")), ("1000", "A", D("-135.00")), ("7190", "A", D("-5.00"))]
    received = receipt(Settlement("A", "1000", "CAD", (part,), D("1.35")), RULES)
    assert summary(received) == [("1100", "A", D("-140.00")), ("1000", "A", D("135.00")), ("7190", "A", D("5.00"))]


def test_a_payment_from_another_entity_adds_due_to_and_due_from() -> None:
    part = Application("B", D("80.00"), D("80.00"))
    posted = payment(Settlement("A", "1000", "USD", (part,)), RULES)
    assert summary(posted)[2:] == [("2401", "B", D("-80.00")), ("1402", "A", D("80.00"))]


def test_a_transfer_moves_money() -> None:
    into, out_of = PostingLine("1000", "A", ZERO, ZERO, "USD"), PostingLine("1090", "A", ZERO, ZERO, "USD")
    moved = transfer(D("12.00"), into=into, out_of=out_of, rules=RULES)
    assert summary(moved) == [("1000", "A", D("12.00")), ("1090", "A", D("-12.00"))]


def test_an_entry_out_of_balance_is_refused_with_the_difference() -> None:
    lines = [
        PostingLine("6000", "A", D("10.00"), D("10.00"), "USD"),
        PostingLine("1000", "A", D("-9.99"), D("-9.99"), "USD"),
    ]
    with pytest.raises(FunctionRefusedError, match=r"out of balance by 0\.01"):
        journal_entry(lines, "A", RULES)


def test_amounts_of_opposite_signs_in_two_currencies_are_two_lines() -> None:
    """A bill of 350.21 dinars, carried at 1,051.14, less a credit of 323.08, carried at 1,110.65, paid by entity A.

    27.13 dinars more are debited than credited, and 59.51 dollars less; a line has one side only.
    """
    parts = (Application("B", D("350.21"), D("1051.14")), Application("B", D("-323.08"), D("-1110.65")))
    posted = payment(Settlement("A", "1000", "KWD", parts, D("3.03")), RULES)
    between = [(one.account, one.location, one.amount, one.trx_amount) for one in posted.lines if one.role == "entity"]
    assert between == [
        ("1401", "B", D("59.51"), ZERO),
        ("2402", "A", D("-59.51"), ZERO),
        ("1401", "B", ZERO, D("-27.13")),
        ("2402", "A", ZERO, D("27.13")),
    ]


def test_an_entry_across_entities_adds_due_to_and_due_from() -> None:
    lines = [
        PostingLine("6000", "B", D("10.00"), D("10.00"), "USD"),
        PostingLine("1000", "A", D("-10.00"), D("-10.00"), "USD"),
    ]
    posted = journal_entry(lines, "A", RULES)
    assert len(posted.lines) == 4
    assert imbalances(posted, RULES) == {}


def test_statistics_have_no_other_side() -> None:
    line = PostingLine("S1", "A", D(12), D(12), "")
    assert statistical_entry([line]).lines == (line,)


def test_a_line_without_an_amount_is_a_debit() -> None:
    assert PostingLine("6000", "A", ZERO, ZERO, "USD").is_debit
    assert not PostingLine("6000", "A", ZERO, D("-0.01"), "USD").is_debit


@given(charges, rates)
@settings(deadline=None, max_examples=150)
def test_every_document_balances_and_so_does_its_reversal(parts: tuple[Charge, ...], rate: Decimal) -> None:
    entered = Document("A", "CAD", parts, rate)
    for posted in (bill(entered, RULES), invoice(entered, RULES)):
        assert imbalances(posted, RULES) == {}
        assert imbalances(reverse(posted), RULES) == {}
        assert sum(line.trx_amount for line in posted.lines) == 0
        control = next(line for line in posted.lines if line.role is Role.CONTROL)
        assert abs(control.amount) == abs(to_base(sum((part.trx_amount for part in parts), ZERO), rate))
    assert reverse(reverse(posted)) == posted


@given(st.integers(1, 10**9), rates, st.lists(st.integers(1, 10**6), min_size=1, max_size=5))
@settings(deadline=None, max_examples=150)
def test_the_last_payment_settles_the_rest(cents: int, rate: Decimal, cuts: list[int]) -> None:
    trx_due = D(cents).scaleb(-2)
    due = total = to_base(trx_due, rate)
    taken = ZERO
    for cut in [*cuts, 0]:
        trx_amount = min(trx_due, D(cut).scaleb(-2)) if cut else trx_due
        if not trx_due:
            break
        amount = relieved(trx_amount, trx_due=trx_due, due=due)
        trx_due, due, taken = trx_due - trx_amount, due - amount, taken + amount
    assert (trx_due, due, taken) == (ZERO, ZERO, total)


@given(charges, rates, st.integers(1, 100))
@settings(deadline=None, max_examples=150)
def test_the_cash_book_shows_the_paid_share_on_the_documents_own_lines(
    parts: tuple[Charge, ...], rate: Decimal, percent: int
) -> None:
    posted = bill(Document("A", "CAD", parts, rate), RULES)
    control = next(line for line in posted.lines if line.role is Role.CONTROL)
    trx_paid = (-control.trx_amount * percent / 100).quantize(D("0.01"))
    paid = (-control.amount * percent / 100).quantize(D("0.01"))
    settlement = payment(Settlement("A", "1000", "CAD", (Application("A", trx_paid, paid),), rate), RULES)
    share = D(percent) / 100
    cash = cash_basis([SettledDocument(posted, share)], settlement, RULES, owner="A")
    assert cash.book == CASH
    assert imbalances(cash, RULES) == {}
    assert all(line.role is not Role.CONTROL for line in cash.lines)
    bank = [line.amount for line in cash.lines if line.account == "1000"]
    assert bank == [line.amount for line in settlement.lines if line.account == "1000"]


def test_a_changed_amount_is_an_imbalance() -> None:
    posted = bill(document(("6000", "A1", "60.00"), ("6000", "B1", "40.00")), RULES)
    broken = replace(posted, lines=(replace(posted.lines[0], amount=D("60.01")), *posted.lines[1:]))
    assert imbalances(broken, RULES) == {"A": D("0.01")}
