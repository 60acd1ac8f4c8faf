"""Postings of the demo company: the head of each batch, and its rows from the accounting engine."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import World
from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.posting import ACCRUAL, CASH, Posting, SettledDocument, cash_basis
from intacct_emulator.ledger.posting_rows import LEDGER, Batch, TypedRow, batch_rows

Rows = Iterator[tuple[str, TypedRow]]
BANKS = {"100": ("CHK-INS", "10010"), "200": ("CHK-FLD", "10020"), "300": ("CHK-CAN", "10030")}
"""Entity → the bank account that it pays from: its id and its ledger account."""

SETTLED = frozenset(("10040", "13600", "20400", "20500", "20510", "21100", "21200", "21300", "24100", "24200"))
"""Accounts that are settled in full from time to time. Their running balances are kept."""


class LedgerWriter:
    """Writes batches. With a cash book, payments are also posted there and journal entries show in both books."""

    def __init__(self, world: World, stamps: RecordStamps, *, cash_book: bool = False) -> None:
        self.cash_book = cash_book
        self._directory = world.directory
        self._rules = world.rules
        self._stamps = stamps
        self._balances: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)

    def balance(self, account: str, entity: str) -> Decimal:
        """The running balance of an account in `SETTLED`, debit positive."""
        return self._balances[account, entity]

    def post(self, posting: Posting, batch: Batch) -> Rows:
        """The rows of one posting."""
        if posting.book == ACCRUAL and batch.state != "Draft":
            for line in posting.lines:
                if line.account in SETTLED:
                    self._balances[line.account, self._rules.entity_of[line.location]] += line.amount
        return batch_rows(posting, batch, self._directory, self._stamps.number)

    def document(
        self,
        posting: Posting,
        journal: str,
        title: str,
        *,
        day: date,
        module: str,
        audit: TypedRow,
        subledger: TypedRow,
        owner: TypedRow,
        rate: Decimal = Decimal(1),
        settled: Sequence[SettledDocument] = (),
        payer: str = "",
        in_both_books: bool = False,
    ) -> Rows:
        """The batch of a document; for a payment, also its batch in the cash book."""
        batch = Batch(
            journal,
            day,
            title,
            module=module,
            document=str(subledger.get("RECORDID") or "") or None,
            rate=rate,
            header=owner,
            audit={**audit, "WHENMODIFIED": audit["WHENCREATED"]},
            # GLDETAIL repeats the document's state, so it changes with the document; GLENTRY does not.
            subledger={**subledger, "WHENMODIFIED": audit["WHENMODIFIED"]},
            books=(ACCRUAL, CASH) if self.cash_book and in_both_books else (),
        )
        yield from self.post(posting, batch)
        if self.cash_book and settled:
            yield from self.post(cash_basis(settled, posting, self._rules, owner=payer), batch)

    def entry(
        self,
        posting: Posting,
        journal: str,
        title: str,
        *,
        day: date,
        login: str = "controller",
        reference: str | None = None,
        state: str = "Posted",
        header: TypedRow | None = None,
        owner: str | None = None,
        statistical: bool = False,
        adjusting: bool = False,
    ) -> Rows:
        """The batch of a journal entry, which both books show."""
        batch = Batch(
            journal,
            day,
            title,
            module=LEDGER,
            state=state,
            reference=reference,
            statistical=statistical,
            adjusting=adjusting,
            header={**self._stamps.owner(owner), **(header or {})},
            audit=self._stamps.posted(day, login),
            books=(ACCRUAL, CASH) if self.cash_book else (),
        )
        return self.post(posting, batch)
