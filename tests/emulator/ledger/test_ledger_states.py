"""The emulator's ledger against a second one of plain dictionaries: journals, documents, payments, voids, deletes.

The model posts by the rules of double entry only. It shares no code with the emulator. Balances are compared by entity,
account and month.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, one, rows
from support.emulator.own_company import OwnCompany
from support.emulator.own_records import american, bill, day_of, invoice, journal, payment, receipt, span
from support.state_machines import machine_settings

BANK, PAYABLES, RECEIVABLES = "1000", "2000", "1100"
ENTITIES = st.sampled_from(("US", "UK"))
ACCOUNTS = st.sampled_from(("1200", "2500", "4000", "6000", "6100"))
CENTS = st.integers(1, 10**8)
DAYS = st.dates(date(2026, 9, 1), date(2026, 11, 30))
MONTHS = tuple((f"2026-{month:02}-01", f"2026-{month:02}-{last}") for month, last in ((9, 30), (10, 31), (11, 30)))
Posting = tuple[str, str, str, Decimal]
"""Entity, account, day, and the amount: debits above zero."""


@dataclass(frozen=True)
class Entry:
    """Anything that posts."""

    key: str
    entity: str
    postings: tuple[Posting, ...]
    amount: Decimal = Decimal(0)
    """Of a document, or of a payment."""
    pays: str = ""
    """The document that a payment pays."""


def opposite(entry: Entry, day: str) -> tuple[Posting, ...]:
    """The postings that take an entry back on a day."""
    return tuple((entity, account, day, -amount) for entity, account, _, amount in entry.postings)


@dataclass
class Model:
    """A ledger: what stands, and what was taken back by a posting of its own."""

    journals: dict[str, Entry] = field(default_factory=dict)
    bills: dict[str, Entry] = field(default_factory=dict)
    invoices: dict[str, Entry] = field(default_factory=dict)
    payments: dict[str, Entry] = field(default_factory=dict)
    receipts: dict[str, Entry] = field(default_factory=dict)
    reversed: list[tuple[Posting, ...]] = field(default_factory=list)
    paid: set[str] = field(default_factory=set)
    """Documents that were ever paid."""

    def open_amount(self, document: Entry) -> Decimal:
        """What is left to pay."""
        paid = (*self.payments.values(), *self.receipts.values())
        return document.amount - sum((each.amount for each in paid if each.pays == document.key), Decimal(0))

    def reverse(self, entries: dict[str, Entry], key: str, day: str) -> None:
        """Take an entry back on a day: it stays in the ledger, with its opposite."""
        entry = entries.pop(key)
        self.reversed += [entry.postings, opposite(entry, day)]

    def balances(self, first: str, last: str) -> dict[tuple[str, str], Decimal]:
        """The movement of each account of each entity in a period."""
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        standing = (self.journals, self.bills, self.invoices, self.payments, self.receipts)
        posted = [entry.postings for entries in standing for entry in entries.values()]
        for entity, account, day, amount in (each for postings in (*posted, *self.reversed) for each in postings):
            if first <= day <= last:
                sums[entity, account] += amount
        return {place: amount for place, amount in sums.items() if amount}


@cache
def _company() -> Emulator:
    return OwnCompany({"US": "USD", "UK": "USD"}).emulator()


class Ledger(RuleBasedStateMachine):
    """An accountant, the emulator and the model."""

    @initialize()
    def begin(self) -> None:
        self.emulator = _company().clone()
        self.model = Model()

    def teardown(self) -> None:
        assert self.emulator.incidents == []
        self.emulator.close()

    def key(self, function: str) -> str:
        result = one(self.emulator, function)
        assert result.status == "success", result.faults
        return result.key or (result.data.children[0].findtext("RECORDNO") if result.data else "")

    def accepted(self, function: str) -> bool:
        return one(self.emulator, function).status == "success"

    # --- what accountants post

    @rule(entity=ENTITIES, debit=ACCOUNTS, credit=ACCOUNTS, cents=CENTS, day=DAYS)
    def post_journal(self, entity: str, debit: str, credit: str, cents: int, day: date) -> None:
        amount = Decimal(cents) / 100
        lines = (f"{debit} D {amount}", f"{credit} C {amount}")
        key = self.key(journal(*lines, day=day.isoformat(), location=entity))
        at = day.isoformat()
        self.model.journals[key] = Entry(key, entity, ((entity, debit, at, amount), (entity, credit, at, -amount)))

    @rule(cents=CENTS, other=CENTS, day=DAYS)
    def post_journal_of_two_entities(self, cents: int, other: int, day: date) -> None:
        """Each entity balances by itself: what one owes the other is on its own accounts, 1400 and 2400."""
        amount, more, at = Decimal(cents) / 100, Decimal(other) / 100, day.isoformat()
        key = self.key(journal(f"6000 D {amount} LOCATION=UK", f"6100 D {more}", f"1200 C {amount + more}", day=at))
        postings = (("UK", "6000", at, amount), ("US", "6100", at, more), ("US", "1200", at, -amount - more))
        between = (("US", "1400", at, amount), ("UK", "2400", at, -amount))
        self.model.journals[key] = Entry(key, "US", (*postings, *between))

    @rule(entity=ENTITIES, account=ACCOUNTS, cents=CENTS, day=DAYS)
    def post_bill(self, entity: str, account: str, cents: int, day: date) -> None:
        amount, at = Decimal(cents) / 100, day.isoformat()
        key = self.key(bill(f"{amount}", day=at, location=entity, account=account))
        postings = ((entity, account, at, amount), (entity, PAYABLES, at, -amount))
        self.model.bills[key] = Entry(key, entity, postings, amount)

    @rule(entity=ENTITIES, cents=CENTS, day=DAYS)
    def post_invoice(self, entity: str, cents: int, day: date) -> None:
        amount, at = Decimal(cents) / 100, day.isoformat()
        key = self.key(invoice(f"{amount}", day=at, location=entity))
        postings = ((entity, RECEIVABLES, at, amount), (entity, "4000", at, -amount))
        self.model.invoices[key] = Entry(key, entity, postings, amount)

    @precondition(lambda self: self.model.bills)
    @rule(which=st.randoms(use_true_random=False), share=st.sampled_from((1, 2, 3)), day=DAYS)
    def pay_bill(self, which: object, share: int, day: date) -> None:
        document = self._drawn(self.model.bills, which)
        amount = (self.model.open_amount(document) / share).quantize(Decimal("0.01"))
        if amount <= 0:
            return
        at = max(day.isoformat(), document.postings[0][2])
        key = self.key(payment(document.key, f"{amount}", day=at, bank=f"BANK-{document.entity}"))
        postings = ((document.entity, PAYABLES, at, amount), (document.entity, BANK, at, -amount))
        self.model.paid.add(document.key)
        self.model.payments[key] = Entry(key, document.entity, postings, amount, document.key)

    @precondition(lambda self: self.model.invoices)
    @rule(which=st.randoms(use_true_random=False), share=st.sampled_from((1, 2, 3)), day=DAYS)
    def receive_payment(self, which: object, share: int, day: date) -> None:
        document = self._drawn(self.model.invoices, which)
        amount = (self.model.open_amount(document) / share).quantize(Decimal("0.01"))
        if amount <= 0:
            return
        at = max(day.isoformat(), document.postings[0][2])
        key = self.key(receipt(document.key, f"{amount}", day=at, bank=f"BANK-{document.entity}"))
        postings = ((document.entity, BANK, at, amount), (document.entity, RECEIVABLES, at, -amount))
        self.model.paid.add(document.key)
        self.model.receipts[key] = Entry(key, document.entity, postings, amount, document.key)

    # --- what they take back

    @rule(which=st.randoms(use_true_random=False), kind=st.sampled_from(("bills", "invoices", "payments", "receipts")))
    def reverse(self, which: object, kind: str) -> None:
        """A document that is paid is refused; a payment is voided."""
        entries: dict[str, Entry] = getattr(self.model, kind)
        if not entries:
            return
        entry = self._drawn(entries, which)
        name = {"bills": "bill", "invoices": "invoice", "payments": "appayment", "receipts": "arpayment"}[kind]
        done = self.accepted(
            f'<reverse_{name} key="{entry.key}">{day_of("datereversed", "2026-11-30")}</reverse_{name}>'
        )
        assert done == (bool(entry.pays) or self.model.open_amount(entry) == entry.amount)
        if done:
            self.model.reverse(entries, entry.key, "2026-11-30")

    @rule(which=st.randoms(use_true_random=False), kind=st.sampled_from(("journals", "bills", "invoices")))
    def delete(self, which: object, kind: str) -> None:
        """A deleted entry leaves nothing behind; a document that was ever paid is refused."""
        entries: dict[str, Entry] = getattr(self.model, kind)
        if not entries:
            return
        entry = self._drawn(entries, which)
        name = {"journals": "GLBATCH", "bills": "APBILL", "invoices": "ARINVOICE"}[kind]
        done = self.accepted(f"<delete><object>{name}</object><keys>{entry.key}</keys></delete>")
        assert done == (kind == "journals" or entry.key not in self.model.paid)
        if done:
            del entries[entry.key]

    @precondition(lambda self: self.model.journals)
    @rule(which=st.randoms(use_true_random=False), day=DAYS)
    def move_journal(self, which: object, day: date) -> None:
        entry = self._drawn(self.model.journals, which)
        at = day.isoformat()
        body = element("GLBATCH", RECORDNO=entry.key, BATCH_DATE=american(at))
        assert self.accepted(f"<update>{body}</update>")
        moved = tuple((entity, account, at, amount) for entity, account, _, amount in entry.postings)
        self.model.journals[entry.key] = replace(entry, postings=moved)

    def _drawn(self, entries: dict[str, Entry], which: object) -> Entry:
        return which.choice(list(entries.values()))  # type: ignore[attr-defined, no-any-return]

    # --- balances

    @rule(month=st.sampled_from(MONTHS))
    def balances_are_those_of_the_model(self, month: tuple[str, str]) -> None:
        asked = f"{span(*month)}<reportingbook>ACCRUAL</reportingbook><groupby>LOCATIONID</groupby>"
        page = rows(data(self.emulator, f"<get_accountbalancesbydimensions>{asked}</get_accountbalancesbydimensions>"))
        found = {
            (row["locationid"], row["glaccountno"]): Decimal(row["debits"]) - Decimal(row["credits"]) for row in page
        }
        assert {place: amount for place, amount in found.items() if amount} == self.model.balances(*month)


TestLedger = Ledger.TestCase
TestLedger.settings = machine_settings(examples=12, steps=25)
