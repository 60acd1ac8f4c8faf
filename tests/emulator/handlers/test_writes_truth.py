"""After any sequence of writes, refused or not, every book balances and agrees with its sub-ledgers.

Steps are drawn at random: a document may be paid, updated, deleted, reversed or applied even where that makes no sense,
so every sequence has refusals. After each one, the whole ledger is read, accrual and cash, and every control account is
compared with its open items.
"""

from collections.abc import Iterable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from intacct_emulator.server.gateway import Emulator
from support.emulator.ledger_checks import Start, assert_subledgers, assert_true
from support.emulator.random_user import RandomUser

CENTS = st.integers(1, 500_00).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")
PLACES = st.sampled_from(("110", "120", "210", "220"))
CURRENCIES = st.sampled_from(({}, {}, {"CURRENCY": "EUR", "EXCHANGE_RATE": "1.0837"}))
BANKS = st.sampled_from(("CHK-INS", "CHK-FLD"))
WHICH = st.integers(0, 5)
FEW = st.integers(1, 9)


def step(name: str, *drawn: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.tuples(st.just(name), *drawn)


def one_of(*names: str) -> st.SearchStrategy[str]:
    return st.sampled_from(names)


PAYABLE = (
    step("bill", CENTS, PLACES, CENTS, PLACES, CURRENCIES),
    step("taxed_bill", CENTS, CENTS, st.booleans()),
    step("submit", WHICH),
    step("credit", CENTS),
    step("edit", WHICH, CENTS),
    step("pay", WHICH, CENTS, BANKS, st.booleans()),
    step("pay_with", WHICH, WHICH, CENTS, CENTS),
    step("request", WHICH, CENTS),
    step("decide", one_of("confirm", "decline", "void", "approve"), WHICH),
    step("check", CENTS),
    step("reverse", st.just("reverse_bill"), st.just("bill"), WHICH),
    step("reverse", st.just("reverse_appayment"), st.just("pay"), WHICH),
    step("delete", st.just("APBILL"), st.just("bill"), WHICH),
    step("delete", st.just("APPYMT"), st.just("pay"), WHICH),
)
RECEIVABLE = (
    step("invoice", CENTS),
    step("credit_customer", CENTS),
    step("receive", WHICH, CENTS, CENTS, st.booleans()),
    step("receive_with", WHICH, WHICH, one_of("advance", "over", "note"), CENTS),
    step("advance", CENTS, CENTS),
    step("apply", WHICH, WHICH, CENTS),
    step("deposit", WHICH, BANKS),
    step("reverse", st.just("reverse_invoice"), st.just("invoice"), WHICH),
    step("reverse", st.just("reverse_arpayment"), st.just("receive"), WHICH),
    step("delete", st.just("ARADVANCE"), st.just("advance"), WHICH),
    step("delete", st.just("DEPOSIT"), st.just("deposit"), WHICH),
)
OTHER = (
    step("card", CENTS),
    step("other", CENTS),
    step("expense", CENTS),
    step("reverse", st.just("reverse_cctransaction"), st.just("card"), WHICH),
    step("reverse", st.just("reverse_expensereport"), st.just("expense"), WHICH),
    step("delete", st.just("OTHERRECEIPTS"), st.just("other"), WHICH),
    step("journal", CENTS, PLACES, one_of("Posted", "Draft")),
    step("change_journal", WHICH, one_of("Posted", "Draft")),
    step("delete", st.just("GLBATCH"), st.just("journal"), WHICH),
)
ORDERED = (
    step("order", one_of("Sales Order", "Sales Invoice"), WHICH, FEW, CENTS, WHICH),
    step("purchase", WHICH, FEW, CENTS),
    step("stock", one_of("Inventory Receipt", "Inventory Shipper"), WHICH, FEW, CENTS),
    step("edit_order", WHICH, FEW),
    step("drop_order", st.just("so"), one_of("sold", "order"), WHICH),
    step("drop_order", st.just("po"), st.just("bought"), WHICH),
    step("drop_order", st.just("ic"), st.just("moved"), WHICH),
)


def walk(grown: Emulator, steps: Iterable[tuple[object, ...]]) -> RandomUser:
    emulator = grown.clone()
    start = Start.of(emulator)
    user = RandomUser(emulator)
    for name, *drawn in steps:
        getattr(user, str(name))(*drawn)
    assert emulator.incidents == []
    assert_true(emulator)
    assert_subledgers(emulator, start)
    emulator.close()
    return user


CHECKED = settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@CHECKED
@given(st.lists(st.one_of(*PAYABLE), min_size=8, max_size=24))
def test_payables_hold_after_any_sequence(grown_with_cash: Emulator, steps: list[tuple[object, ...]]) -> None:
    walk(grown_with_cash, steps)


@CHECKED
@given(st.lists(st.one_of(*RECEIVABLE), min_size=8, max_size=24))
def test_receivables_hold_after_any_sequence(grown_with_cash: Emulator, steps: list[tuple[object, ...]]) -> None:
    walk(grown_with_cash, steps)


@CHECKED
@given(st.lists(st.one_of(*ORDERED), min_size=8, max_size=24))
def test_orders_hold_after_any_sequence(grown_with_cash: Emulator, steps: list[tuple[object, ...]]) -> None:
    walk(grown_with_cash, steps)


@CHECKED
@given(st.lists(st.one_of(*PAYABLE, *RECEIVABLE, *OTHER, *ORDERED), min_size=10, max_size=40))
def test_the_ledger_holds_after_any_sequence(grown_with_cash: Emulator, steps: list[tuple[object, ...]]) -> None:
    walk(grown_with_cash, steps)


def test_most_generated_writes_are_accepted(grown_with_cash: Emulator) -> None:
    """Sequences that are only refused would prove nothing."""
    steps: list[tuple[object, ...]] = [
        ("bill", "10.00", "110", "20.00", "210", {}),
        ("taxed_bill", "10.00", "2.00", False),
        ("credit", "5.00"),
        ("pay", 0, "1.00", "CHK-INS", False),
        ("pay_with", 0, 0, "1.00", "2.00"),
        ("request", 1, "3.00"),
        ("decide", "confirm", 2),
        ("check", "7.00"),
        ("invoice", "50.00"),
        ("credit_customer", "5.00"),
        ("advance", "5.00", "6.00"),
        ("receive", 0, "5.00", "6.00", True),
        ("receive_with", 0, 0, "advance", "3.00"),
        ("receive_with", 0, 0, "over", "3.00"),
        ("receive_with", 0, 0, "note", "3.00"),
        ("apply", 0, 0, "1.00"),
        ("deposit", 0, "CHK-INS"),
        ("card", "5.00"),
        ("other", "5.00"),
        ("expense", "5.00"),
        ("journal", "5.00", "210", "Draft"),
        ("change_journal", 0, "Posted"),
        ("order", "Sales Order", 0, 5, "3.00", 0),
        ("order", "Sales Invoice", 0, 2, "3.00", 0),
        ("edit_order", 0, 3),
        ("purchase", 0, 2, "5.00"),
        ("stock", "Inventory Receipt", 0, 2, "5.00"),
        ("stock", "Inventory Shipper", 0, 1, "5.00"),
        ("reverse", "reverse_arpayment", "receive", 3),
        ("reverse", "reverse_appayment", "pay", 3),
        ("reverse", "reverse_cctransaction", "card", 0),
        ("reverse", "reverse_expensereport", "expense", 0),
    ]
    assert walk(grown_with_cash, steps).refused == []
