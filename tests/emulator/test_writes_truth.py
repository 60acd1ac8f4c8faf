"""Whatever is written in whatever order, refused or not: the books balance, tie and agree.

Steps are drawn, not planned: a document may be paid, edited, deleted, reversed or applied whether or not that makes
sense, so refusals are part of every sequence. After each sequence the whole ledger is read.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.talk import element, one
from emulator.test_documents import bill, payment
from emulator.test_documents_legacy import day, invoice, line, receipt
from emulator.truth import assert_true
from intacct_bridge.emulator.gateway import Emulator

CENTS = st.integers(1, 500_00).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")
PLACES = st.sampled_from(("110", "120", "210", "220"))
CURRENCIES = st.sampled_from(({}, {}, {"CURRENCY": "EUR", "EXCHANGE_RATE": "1.0837"}))
BANKS = st.sampled_from(("CHK-INS", "CHK-FLD"))
WHICH = st.integers(0, 5)
STEP = st.one_of(
    st.tuples(st.just("bill"), CENTS, PLACES, CENTS, PLACES, CURRENCIES),
    st.tuples(st.just("invoice"), CENTS),
    st.tuples(st.just("credit"), CENTS),
    st.tuples(st.just("pay"), WHICH, CENTS, BANKS, st.booleans()),
    st.tuples(st.just("receive"), WHICH, CENTS, CENTS),
    st.tuples(st.just("apply"), WHICH, WHICH, CENTS),
    st.tuples(st.just("edit"), WHICH, CENTS),
    st.tuples(st.sampled_from(("delete", "reverse", "unpay", "unreceive")), WHICH),
)


class Clerk:
    """Does the steps, and remembers the keys it was given."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.keys: dict[str, list[str]] = {"bill": [], "invoice": [], "pay": [], "receive": []}
        self.count = 0

    def known(self, kind: str, which: int) -> str:
        keys = self.keys[kind]
        return keys[which % len(keys)] if keys else "999999"

    def do(self, function: str, kind: str = "") -> None:
        result = one(self.emulator, function)
        key = result.key
        if result.data is not None and result.data.children:
            key = result.data.children[0].findtext("RECORDNO")
        if kind and result.status == "success" and key:
            self.keys[kind].append(key)

    def bill(self, amount: str, place: str, other: str, there: str, currency: dict[str, str]) -> None:
        self.count += 1
        lines = (f"60500 {amount} LOCATIONID={place}", f"61200 {other} LOCATIONID={there}")
        self.do(bill(*lines, RECORDID=f"R{self.count}", **currency), "bill")

    def invoice(self, amount: str) -> None:
        self.count += 1
        self.do(invoice(f"R{self.count}", amount), "invoice")

    def credit(self, amount: str) -> None:
        self.count += 1
        items = f"<apadjustmentitems>{line('60500', f'-{amount}')}</apadjustmentitems>"
        head = f"<vendorid>V10087</vendorid>{day('datecreated')}<adjustmentno>R{self.count}</adjustmentno>"
        self.do(f"<create_apadjustment>{head}{items}</create_apadjustment>")

    def pay(self, which: int, amount: str, bank: str, all_of_it: bool) -> None:  # drawn
        self.do(payment(self.known("bill", which), "" if all_of_it else amount, FINANCIALENTITY=bank), "pay")

    def receive(self, which: int, amount: str, more: str) -> None:
        total = f"{float(amount) + float(more):.2f}"
        self.do(receipt(total, (self.known("invoice", which), amount)), "receive")

    def apply(self, which: int, invoiced: int, amount: str) -> None:
        item = f"<invoicekey>{self.known('invoice', invoiced)}</invoicekey><amount>{amount}</amount>"
        head = f"<arpaymentkey>{self.known('receive', which)}</arpaymentkey>{day('paymentdate')}"
        items = f"<arpaymentitems><arpaymentitem>{item}</arpaymentitem></arpaymentitems>"
        self.do(f"<apply_arpayment>{head}{items}</apply_arpayment>")

    def edit(self, which: int, amount: str) -> None:
        item = element("APBILLITEM", ACCOUNTNO="64200", TRX_AMOUNT=amount, LOCATIONID="210", DEPARTMENTID="100")
        self.do(f"<update>{element('APBILL', RECORDNO=self.known('bill', which), APBILLITEMS=item)}</update>")

    def delete(self, which: int) -> None:
        self.do(f'<delete_bill key="{self.known("bill", which)}"/>')

    def reverse(self, which: int) -> None:
        self.do(f'<reverse_bill key="{self.known("bill", which)}">{day("datereversed", 21)}</reverse_bill>')

    def unpay(self, which: int) -> None:
        key = self.known("pay", which)
        self.do(f'<reverse_appayment key="{key}">{day("datereversed", 21)}</reverse_appayment>')

    def unreceive(self, which: int) -> None:
        key = self.known("receive", which)
        self.do(f'<reverse_arpayment key="{key}">{day("datereversed", 21)}</reverse_arpayment>')


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(STEP, min_size=6, max_size=18))
def test_the_books_hold_after_any_sequence(grown: Emulator, steps: list[tuple[object, ...]]) -> None:
    emulator = grown.clone()
    clerk = Clerk(emulator)
    for name, *given_ in steps:
        getattr(clerk, str(name))(*given_)
    assert_true(emulator)
    assert emulator.incidents == []
    emulator.close()
