"""The books of a company: the entries of a journal are in its book, and an unknown book is refused."""

from decimal import Decimal

from support.emulator.calls import faults
from support.emulator.own_company import OwnCompany
from support.emulator.own_records import bill, detail, journal, key_of, span, trial_balance

D = Decimal
BOOKS = OwnCompany(
    books=("ACCRUAL", "CASH"), adjustment_books=("GAAP",), journals={"GJ": "", "GAJ": "GAAP", "CJ": "CASH"}
)
LINES = ("6000 D 5", "1000 C 5")


def test_an_entry_is_in_the_book_of_its_journal() -> None:
    emulator = BOOKS.emulator()
    for symbol in ("GJ", "GAJ", "GAJ", "CJ"):
        key_of(emulator, journal(*LINES, symbol=symbol))
    assert [len(detail(emulator, book=book)) for book in ("ACCRUAL", "CASH", "GAAP")] == [2, 4, 4]
    rent = {
        book: trial_balance(emulator, "2026-11-01", "2026-11-30", f"<reportingbook>{book}</reportingbook>")["6000"][3]
        for book in ("ACCRUAL", "CASH", "GAAP")
    }
    assert rent == {"ACCRUAL": D(5), "CASH": D(10), "GAAP": D(10)}


def test_adjustment_books_are_added_to_the_reporting_book() -> None:
    emulator = BOOKS.emulator()
    for symbol in ("GJ", "GAJ"):
        key_of(emulator, journal(*LINES, symbol=symbol))
    added = "<reportingbook>ACCRUAL</reportingbook><adjbooks><adjbook>GAAP</adjbook></adjbooks>"
    alone = f"{added}<includereportingbook>false</includereportingbook>"
    assert trial_balance(emulator, "2026-11-01", "2026-11-30", added)["6000"][3] == D(10)
    assert trial_balance(emulator, "2026-11-01", "2026-11-30", alone)["6000"][3] == D(5)


def test_an_unknown_book_is_refused() -> None:
    emulator = BOOKS.emulator()
    key_of(emulator, bill("5"))
    asked = (
        f"<get_trialbalance>{span('2026-11-01', '2026-11-30')}<reportingbook>IFRS</reportingbook></get_trialbalance>"
    )
    (refusal,) = faults(emulator, asked)
    assert refusal.description2 == "Invalid Reporting Book 'IFRS' specified."
    assert refusal.correction == "Provide one of the company's books: ACCRUAL, CASH, GAAP."


def test_a_document_is_in_no_user_defined_book() -> None:
    emulator = BOOKS.emulator()
    key_of(emulator, bill("5"))
    assert detail(emulator) == [["6000", "5"], ["2000", "-5"]]
    assert detail(emulator, book="CASH") == detail(emulator, book="GAAP") == []
