"""What people do with a source that was loaded before: they correct it, lengthen it, split it.

Each case is the inputs that were loaded before, the input that is loaded now, how its records end, and the options.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from intacct_bridge.load.plan.plan import Verdict

CREATE, SAME, REFUSED, UPDATE = Verdict.CREATE, Verdict.UNCHANGED, Verdict.REFUSED, Verdict.UPDATE
BY_ID: dict[str, Any] = {"key": ("Id",)}


class Sourced(Protocol):
    """A record of a source."""

    @property
    def rows(self) -> str:
        """Its rows in a file, without the header."""
        ...


@dataclass(frozen=True)
class Entry:
    """A journal entry, with the key that it has in its source."""

    reference: str = "R-1"
    key: str = ""
    day: str = "2026-11-30"
    title: str = "Rent"
    amount: str = "5"
    journal: str = "GJ"

    @property
    def rows(self) -> str:
        start = f"{self.key},{self.journal},{self.day},{self.title},{self.reference}"
        return f"{start},68000,{self.amount},,100\n{start},10010,,{self.amount},100\n"


@dataclass(frozen=True)
class Bill:
    """A bill, with the key that it has in its source."""

    number: str = "B-1"
    key: str = ""
    vendor: str = "V-1"
    amount: str = "100.10"

    @property
    def rows(self) -> str:
        return f"{self.key},{self.vendor},{self.number},2026-11-02,2026-12-02,60100,{self.amount},100,100\n"


@dataclass(frozen=True)
class Payment:
    """A payment of a bill; those with one number are one payment."""

    bill: str = "B-1"
    amount: str = "10"
    number: str = "77"
    day: str = "2026-11-20"
    text: str = ""

    @property
    def rows(self) -> str:
        return f"V-1,{self.bill},{self.amount},{self.day},Printed Check,CHK-INS,{self.number},{self.text}\n"


def entry(reference: str = "R-1", **values: str) -> tuple[Entry, ...]:
    return (Entry(reference, **values),)


def bill(number: str = "B-1", **values: str) -> tuple[Bill, ...]:
    return (Bill(number, **values),)


def payment(bill_number: str = "B-1", amount: str = "10", **values: str) -> tuple[Payment, ...]:
    return (Payment(bill_number, amount, **values),)


def entries_file(records: Iterable[Sourced]) -> str:
    """A file of journal entries."""
    return _file("Id,Journal,Date,Title,Reference,Account,Debit,Credit,Location", records)


def bills_file(records: Iterable[Sourced]) -> str:
    """A file of bills."""
    return _file("Id,Vendor,Bill no,Date,Due date,Account,Amount,Location,Department", records)


def payments_file(records: Iterable[Sourced]) -> str:
    """A file of payments."""
    return _file("Vendor,Bill no,Amount,Payment date,Payment method,Bank account,Payment no,Description", records)


def _file(header: str, records: Iterable[Sourced]) -> str:
    return header + "\n" + "".join(record.rows for record in records)


ENTRIES: dict[str, tuple[list[tuple[Entry, ...]], tuple[Entry, ...], list[Verdict], dict[str, Any]]] = {
    "loaded again": ([entry()], entry(), [SAME], {}),
    "title corrected": ([entry()], entry(title="Rents"), [REFUSED], {}),
    "date corrected": ([entry()], entry(day="2026-11-29"), [REFUSED], {}),
    "amount corrected": ([entry()], entry(amount="6"), [REFUSED], {}),
    "journal corrected": ([entry()], entry(journal="AJE"), [REFUSED], {}),
    "written otherwise": ([entry("r-1")], entry(" R-1 "), [REFUSED], {}),
    "another reference": ([entry()], entry("R-2"), [CREATE], {}),
    "no reference, loaded again": ([entry("")], entry(""), [SAME], {}),
    "no reference, the file goes on": ([entry("")], entry("") + entry("", title="Heat"), [SAME, CREATE], {}),
    "no reference, a part of the file": ([entry("") + entry("", title="Heat")], entry(""), [REFUSED], {}),
    "a word each month": ([entry("RENT")], entry("RENT", day="2026-10-31"), [CREATE], {}),
    "a word, corrected in its month": ([entry("RENT")], entry("RENT", amount="6"), [REFUSED], {}),
    "an accrual with its reversal": ([], entry() + entry(day="2026-12-01"), [CREATE, CREATE], {}),
    "both again": ([entry() + entry(day="2026-12-01")], entry() + entry(day="2026-12-01"), [SAME, SAME], {}),
    "two titles of one number": ([], entry() + entry(title="Heat"), [CREATE, CREATE], {}),
    "a schedule goes on": ([entry()], entry() + entry(day="2026-12-31"), [SAME, CREATE], {}),
    "three months at once": ([], entry() + entry(day="2026-10-31") + entry(day="2026-12-31"), [CREATE] * 3, {}),
    "a schedule goes on, the latest month first": (
        [entry() + entry(day="2026-10-31")],
        entry(day="2026-12-31") + entry() + entry(day="2026-10-31"),
        [CREATE, SAME, SAME],
        {},
    ),
    "a month of a schedule is corrected": (
        [entry() + entry(day="2026-12-31")],
        entry() + entry(day="2026-12-30"),
        [SAME, REFUSED],
        {},
    ),
    "one of a schedule alone": ([entry() + entry(day="2026-12-31")], entry(day="2026-12-31"), [SAME], {}),
    "title corrected, with a key": ([entry(key="1")], entry(key="1", title="Rents"), [REFUSED], BY_ID),
    "reference corrected, with a key": ([entry(key="1")], entry("R-2", key="1"), [REFUSED], BY_ID),
    "another key, the same reference": ([entry(key="1")], entry(key="2", title="Heat"), [CREATE], BY_ID),
    "two keys, one reference": ([], entry(key="1") + entry(key="2"), [CREATE, CREATE], BY_ID),
    "one key twice, differing": ([], entry(key="1") + entry("R-2", key="1"), [REFUSED, REFUSED], BY_ID),
}

BILLS: dict[str, tuple[list[tuple[Bill, ...]], tuple[Bill, ...], list[Verdict], dict[str, Any]]] = {
    "loaded again": ([bill()], bill(), [SAME], {}),
    "amount corrected": ([bill()], bill(amount="99"), [REFUSED], {}),
    "number corrected, with a key": ([bill(key="1")], bill("B-2", key="1"), [REFUSED], BY_ID),
    "vendor corrected, with a key": ([bill(key="1")], bill(key="1", vendor="V-2"), [REFUSED], BY_ID),
    "another bill": ([bill(key="1")], bill("B-2", key="2"), [CREATE], BY_ID),
    "key named later": ([bill(key="1")], bill(key="1"), [SAME], BY_ID),
    "another key, the same number": ([bill(key="1")], bill(key="2"), [REFUSED], BY_ID),
}

PAYMENTS = {
    "loaded again": (payment(), payment(), [SAME]),
    "amount corrected": (payment(), payment(amount="11"), [REFUSED]),
    "date corrected": (payment(), payment(day="2026-11-21"), [REFUSED]),
    "a text added": (payment(), payment(text="rent"), [REFUSED]),
    "a bill added to the check": (payment(), payment() + payment("B-2", "5"), [REFUSED]),
    "another check": (payment(), payment(number="78"), [CREATE]),
    "the next check in a longer file": (payment(), payment() + payment("B-2", "5", number="78"), [SAME, CREATE]),
    "a word as number, on another day": (payment(number="ACH"), payment(number="ACH", day="2026-11-21"), [CREATE]),
    "no number, loaded again": (payment(number=""), payment(number=""), [SAME]),
    "a second part, without numbers": (
        payment(number=""),
        payment(number="") + payment(number="", day="2026-11-25"),
        [SAME, CREATE],
    ),
    "a second part alone, without numbers": (payment(number=""), payment(number="", day="2026-11-25"), [CREATE]),
    "no number, twice in the file": (payment(number=""), payment(number="") + payment(number=""), [SAME, CREATE]),
}
