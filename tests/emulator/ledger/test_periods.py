"""Closed periods: by entity and sub-ledger, in companies with and without entities, for every way to post."""

from datetime import date

import pytest

from intacct_bridge.testing import Company
from intacct_emulator.ledger.periods import close_books
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import SettingsError
from support.emulator.calls import data, element, faults, one, query, rows
from support.emulator.own_company import OwnCompany
from support.emulator.own_records import bill, day_of, detail, expense, invoice, journal, key_of, payment

LINES = ("6000 D 5", "1000 C 5")
OCTOBER, NOVEMBER = date(2026, 10, 31), date(2026, 11, 30)


@pytest.fixture
def own() -> Emulator:
    return OwnCompany({"US": "USD", "UK": "USD"}).emulator()


def reason(emulator: Emulator, function: str) -> str:
    return faults(emulator, function)[0].description2


def test_each_entity_closes_its_own_books(own: Emulator) -> None:
    close_books(own.company(), OCTOBER, entity="UK")
    old = "2026-10-31"
    assert one(own, journal(*LINES, day=old)).status == "success"
    assert one(own, journal(*LINES, day="2026-11-01", location="UK")).status == "success"
    closed = "The date 10/31/2026 is in a closed period: the books of entity UK are open from 11/01/2026."
    for function in (journal(*LINES, day=old, location="UK"), bill("5", day=old, location="UK")):
        assert reason(own, function) == closed


@pytest.mark.parametrize(
    ("ledger", "closed", "name"),
    [
        ("AP", bill("5", day="2026-10-15"), "accounts payable"),
        ("AR", invoice("5", day="2026-10-15"), "accounts receivable"),
        ("EE", expense("5", day="2026-10-15"), "employee expenses"),
    ],
)
def test_a_sub_ledger_closes_by_itself(own: Emulator, ledger: str, closed: str, name: str) -> None:
    close_books(own.company(), OCTOBER, entity="US", ledger=ledger)
    assert reason(own, closed) == (
        f"The date 10/15/2026 is in a closed period: the {name} of entity US are open from 11/01/2026."
    )
    others = [journal(*LINES, day="2026-10-15"), bill("5", day="2026-10-15"), invoice("5", day="2026-10-15")]
    for function in (other for other in others if other != closed):
        assert one(own, function).status == "success"


def test_closed_books_can_be_open_for_one_sub_ledger(own: Emulator) -> None:
    """First all books are closed, then receivables are opened again from October on."""
    close_books(own.company(), OCTOBER)
    close_books(own.company(), date(2026, 9, 30), ledger="AR")
    assert one(own, invoice("5", day="2026-10-15")).status == "success"
    for function in (bill("5", day="2026-10-15"), journal(*LINES, day="2026-10-15")):
        assert "closed period: the books of entity US" in reason(own, function)
    close_books(own.company(), NOVEMBER)
    assert "the books of entity US are open from 12/01/2026" in reason(own, invoice("5", day="2026-10-15"))


@pytest.mark.parametrize("entities", [{}, {"US": "USD"}])
def test_a_company_without_entities_or_with_one_obeys_them(entities: dict[str, str]) -> None:
    emulator = OwnCompany(entities).emulator()
    close_books(emulator.company(), OCTOBER)
    place = " of entity US" if entities else ""
    for location in ("", *(entities or ("HQ",))):
        for function in (
            journal(*LINES, day="2026-10-15", location=location),
            bill("5", day="2026-10-15", location=location),
        ):
            assert f"closed period: the books{place} are open from 11/01/2026" in reason(emulator, function)


def test_what_was_posted_in_a_closed_period_cannot_be_changed_but_reversed_later(own: Emulator) -> None:
    entry, owed = key_of(own, journal(*LINES, day="2026-10-15")), key_of(own, bill("5", day="2026-10-15"))
    close_books(own.company(), OCTOBER)
    before = detail(own, "RECORDNO ACCOUNTNO AMOUNT BATCH_DATE")
    line = element("APBILLITEM", ACCOUNTNO="6000", TRX_AMOUNT="6", LOCATIONID="US")
    for function in (
        f"<update>{element('GLBATCH', RECORDNO=entry, BATCH_TITLE='New')}</update>",
        f"<update>{element('GLBATCH', RECORDNO=entry, BATCH_DATE='11/05/2026')}</update>",
        f"<update>{element('APBILL', RECORDNO=owed, APBILLITEMS=line)}</update>",
        f"<update>{element('APBILL', RECORDNO=owed, WHENPOSTED='11/05/2026')}</update>",
        f"<delete><object>GLBATCH</object><keys>{entry}</keys></delete>",
        f"<delete><object>APBILL</object><keys>{owed}</keys></delete>",
        f'<reverse_bill key="{owed}">{day_of("datereversed", "2026-10-31")}</reverse_bill>',
        payment(owed, "5", day="2026-10-31"),
    ):
        assert "is in a closed period" in reason(own, function)
    assert detail(own, "RECORDNO ACCOUNTNO AMOUNT BATCH_DATE") == before
    assert (
        one(own, f'<reverse_bill key="{owed}">{day_of("datereversed", "2026-11-02")}</reverse_bill>').status
        == "success"
    )


def test_an_update_cannot_move_a_document_into_a_closed_period(own: Emulator) -> None:
    entry, owed = key_of(own, journal(*LINES)), key_of(own, bill("5"))
    close_books(own.company(), OCTOBER)
    for function in (
        f"<update>{element('GLBATCH', RECORDNO=entry, BATCH_DATE='10/31/2026')}</update>",
        f"<update>{element('APBILL', RECORDNO=owed, WHENPOSTED='10/31/2026')}</update>",
    ):
        assert "is in a closed period" in reason(own, function)
    assert {row[0] for row in detail(own, "BATCH_DATE")} == {"11/10/2026"}


def test_a_receipt_cannot_be_reversed_into_a_closed_sub_ledger(own: Emulator) -> None:
    owed = key_of(own, bill("5", day="2026-10-01"))
    paid = key_of(own, payment(owed, "5", day="2026-10-10"))
    close_books(own.company(), OCTOBER, ledger="AP")
    function = f'<reverse_appayment key="{paid}">{day_of("datereversed", "2026-10-20")}</reverse_appayment>'
    assert "the accounts payable of entity US are open from 11/01/2026" in reason(own, function)
    assert one(own, function.replace("<month>10<", "<month>11<")).status == "success"


def test_the_last_closed_day_can_be_asked_for(own: Emulator) -> None:
    def asked() -> list[dict[str, str]]:
        return rows(data(own, "<get_closedbooksdate/>"))

    assert asked() == [{"locationid": "US", "date": ""}, {"locationid": "UK", "date": ""}]
    close_books(own.company(), OCTOBER, entity="UK")
    assert asked() == [{"locationid": "US", "date": ""}, {"locationid": "UK", "date": "10/31/2026"}]
    (entity,) = [row for row in rows(data(own, query("LOCATIONENTITY", "LOCATIONID STARTOPEN"))) if row["STARTOPEN"]]
    assert entity == {"LOCATIONID": "UK", "STARTOPEN": "11/01/2026"}
    alone = OwnCompany({}).emulator()
    close_books(alone.company(), NOVEMBER)
    assert rows(data(alone, "<get_closedbooksdate/>")) == [{"date": "11/30/2026"}]


def test_tests_can_close_books() -> None:
    company = Company(OwnCompany().emulator())
    company.close_books("2026-10-31", entity="US", ledger="AP")
    assert "is in a closed period" in reason(company.emulator, bill("5", day="2026-10-15"))
    for wrong in ({"entity": "XX"}, {"ledger": "XX"}):
        with pytest.raises(SettingsError, match="XX"):
            company.close_books("2026-10-31", **wrong)
