"""What must hold of a company's books whatever was written: balance, control accounts, and one trial balance."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from intacct_bridge.emulator.books import Books
from intacct_bridge.emulator.cells import SEPARATOR
from intacct_bridge.emulator.chart import rules
from intacct_bridge.emulator.gateway import Emulator
from intacct_bridge.emulator.ledger import Ledger, Wanted

PAYABLES, RECEIVABLES = "20000", "11000"


def cells(books: Books, name: str, fields: str) -> Iterator[list[str]]:
    """Some cells of every row, quickly: the whole ledger is read after every other test."""
    table = books.table(name)
    places = [table.place.get(field, 10_000) for field in fields.split()]
    for _, body in table.select("1"):
        row = body.split(SEPARATOR)
        yield [row[place].decode() if place < len(row) else "" for place in places]


def entries(books: Books) -> tuple[dict[tuple[str, str], Decimal], dict[str, Decimal]]:
    """Sums of the GLENTRY lines: by batch and entity (statistical lines have no other side), and what is posted."""
    entity_of = rules(books).entity_of
    by_batch: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    by_account: dict[str, Decimal] = defaultdict(Decimal)
    wanted = "BATCHNO LOCATION STATISTICAL STATE ACCOUNTNO AMOUNT TR_TYPE"
    for batch, location, statistical, state, account, amount, side in cells(books, "GLENTRY", wanted):
        signed = Decimal(amount) * int(side)
        if statistical != "T":
            by_batch[batch, entity_of[location]] += signed
        if state != "Draft":
            by_account[account] += signed
    return {key: total for key, total in by_batch.items() if total}, known(by_account)


def known(sums: dict[str, Decimal]) -> dict[str, Decimal]:
    return {account: total for account, total in sums.items() if total}


def details(books: Books) -> dict[str, Decimal]:
    """Sums of GLDETAIL by account."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for book, account, amount in cells(books, "GLDETAIL", "BOOKID ACCOUNTNO AMOUNT"):
        if book == "ACCRUAL":
            sums[account] += Decimal(amount)
    return known(sums)


def balances(books: Books) -> dict[str, Decimal]:
    """The ledger's own closing balances by account, base currencies added up as they are."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for one in Ledger(books.store).sums(Wanted(date(2100, 1, 1), statistical=None)):
        found[one.account] += one.closing
    return found


def due(books: Books, *names: str) -> Decimal:
    """What the posted documents of these objects still owe, in base currency."""
    waits = ("Draft", "Submitted", "Declined", "Reversal")
    found = (one for name in names for one in cells(books, name, "STATE TOTALDUE"))
    return sum((Decimal(amount or 0) for state, amount in found if state not in waits), Decimal(0))


def owed(books: Books, party: str) -> Decimal:
    return sum((Decimal(row.get("TOTALDUE") or 0) for _, row in books.table(party).rows()), Decimal(0))


def assert_true(emulator: Emulator, ignore: Iterable[str] = ()) -> None:
    """Every batch balances by entity, the copies agree, and the control accounts tie to the open items."""
    books = emulator.books()
    unbalanced, posted = entries(books)
    found = balances(books)
    assert unbalanced == {}
    assert details(books) == posted
    assert known(found) == posted
    if "payables" not in ignore:
        assert -found[PAYABLES] == due(books, "APBILL", "APADJUSTMENT")
        assert owed(books, "VENDOR") == due(books, "APBILL", "APADJUSTMENT")
    if "receivables" not in ignore:
        open_items = due(books, "ARINVOICE", "ARADJUSTMENT") - due(books, "ARPYMT")
        assert found[RECEIVABLES] == open_items
        assert owed(books, "CUSTOMER") == open_items
