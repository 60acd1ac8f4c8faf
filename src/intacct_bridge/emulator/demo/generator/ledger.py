"""Posts the demo company's documents: the batch's head from a few words, its rows from the shared rules."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from intacct_bridge.emulator.accounting.amounts import ZERO
from intacct_bridge.emulator.accounting.posting import ACCRUAL, CASH, Posting, SettledDocument, cash_basis
from intacct_bridge.emulator.accounting.posting_rows import LEDGER, Batch, Row, batch_rows
from intacct_bridge.emulator.demo.generator.transaction_generator import Clerk
from intacct_bridge.emulator.demo.generator.world import World

Rows = Iterator[tuple[str, Row]]
BANKS = {"100": ("CHK-INS", "10010"), "200": ("CHK-FLD", "10020"), "300": ("CHK-CAN", "10030")}
"""Entity → the account that it pays from: its id and its ledger account."""

SETTLED = frozenset(("10040", "13600", "20400", "20500", "20510", "21100", "21200", "21300", "24100", "24200"))
"""Accounts that are settled in full from time to time, so their running balances are kept."""


class LedgerWriter:
    """Writes batches; with a cash book it also writes what is paid there, and shows plain entries in both."""

    def __init__(self, world: World, clerk: Clerk, *, cash_book: bool = False) -> None:
        self.cash_book = cash_book
        self._directory = world.directory
        self._rules = world.rules
        self._clerk = clerk
        self._balances: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)

    def balance(self, account: str, entity: str) -> Decimal:
        """What stands on a settled account (`SETTLED`) by now, debit positive."""
        return self._balances[account, entity]

    def post(self, posting: Posting, batch: Batch) -> Rows:
        """The rows of one posting."""
        if posting.book == ACCRUAL and batch.state != "Draft":
            for line in posting.lines:
                if line.account in SETTLED:
                    self._balances[line.account, self._rules.entity_of[line.location]] += line.amount
        return batch_rows(posting, batch, self._directory, self._clerk.number)

    def document(
        self,
        posting: Posting,
        journal: str,
        title: str,
        *,
        day: date,
        module: str,
        audit: Row,
        subledger: Row,
        owner: Row,
        rate: Decimal = Decimal(1),
        settled: Sequence[SettledDocument] = (),
        payer: str = "",
        in_both_books: bool = False,
    ) -> Rows:
        """A sub-ledger document's batch; for a payment, also the cash book's side of what it settles."""
        batch = Batch(
            journal,
            day,
            title,
            module=module,
            document=str(subledger.get("RECORDID") or "") or None,
            rate=rate,
            header=owner,
            audit={**audit, "WHENMODIFIED": audit["WHENCREATED"]},
            # The view shows the document's state, so it changes with the document; the entry does not.
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
        header: Row | None = None,
        owner: str | None = None,
        statistical: bool = False,
        adjusting: bool = False,
    ) -> Rows:
        """A journal entry, which both books show."""
        batch = Batch(
            journal,
            day,
            title,
            module=LEDGER,
            state=state,
            reference=reference,
            statistical=statistical,
            adjusting=adjusting,
            header={**self._clerk.owner(owner), **(header or {})},
            audit=self._clerk.posted(day, login),
            books=(ACCRUAL, CASH) if self.cash_book else (),
        )
        return self.post(posting, batch)
