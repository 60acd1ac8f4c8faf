"""Amounts between entities: the accounts of the inter-entity setup, and entities that may not post together."""

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, faults, one, query, rows
from support.emulator.own_company import ACCOUNTS, OwnCompany
from support.emulator.own_records import bill, detail, journal, key_of, payment

MORE = {number: (f"Between {number}", "debit", "") for number in ("1410", "1420", "2410", "2420", "1430", "2430")}
COMPANY = OwnCompany(
    {"A": "USD", "B": "USD", "C": "USD"},
    accounts={**ACCOUNTS, **MORE},
    records={"INTERENTITYSETUP": [{"RECORDNO": 1}]},
)
ACROSS = ("6000 D 100 LOCATION=B", "1000 C 100")


@pytest.fixture
def own() -> Emulator:
    return COMPANY.emulator()


def setup(emulator: Emulator, **lists: str) -> None:
    body = element("INTERENTITYSETUP", RECORDNO="1", **lists)
    result = one(emulator, f"<update>{body}</update>")
    assert result.status == "success", result.faults


def default(entity: str, payable: str, receivable: str) -> str:
    return element("ENTITYACCTDEFAULT", ENTITYID=entity, IEPAYABLEACCTNO=payable, IERECEIVABLEACCTNO=receivable)


def override(source: str, target: str, payable: str, receivable: str) -> str:
    named = {"SOURCEENTITYID": source, "TARGETENTITYID": target}
    return element("ENTITYACCTOVERRIDE", **named, IEPAYABLEACCTNO=payable, IERECEIVABLEACCTNO=receivable)


def between(emulator: Emulator) -> list[list[str]]:
    return sorted(row for row in detail(emulator, "LOCATIONID ACCOUNTNO AMOUNT") if row[1] not in ("6000", "1000"))


def test_without_a_mapping_each_entity_has_its_two_accounts(own: Emulator) -> None:
    """B owes A 100: B has a payable and A a receivable."""
    key_of(own, journal(*ACROSS, location="A"))
    assert between(own) == [["A", "1400", "100"], ["B", "2400", "-100"]]


def test_the_accounts_of_an_entity_are_those_in_its_own_books(own: Emulator) -> None:
    setup(own, ENTITYACCTDEFAULTS=default("A", "2410", "1410") + default("B", "2420", "1420"))
    key_of(own, journal(*ACROSS, location="A"))
    assert between(own) == [["A", "1410", "100"], ["B", "2420", "-100"]]


def test_the_accounts_of_a_pair_come_first(own: Emulator) -> None:
    setup(
        own,
        ENTITYACCTDEFAULTS=default("A", "2410", "1410") + default("B", "2420", "1420"),
        ENTITYACCTOVERRIDES=override("A", "B", "2430", "1430"),
    )
    key_of(own, journal(*ACROSS, location="A"))
    assert between(own) == [["A", "1430", "100"], ["B", "2420", "-100"]]
    key_of(own, journal("6000 D 7 LOCATION=C", "1000 C 7", location="A"))
    assert [row for row in between(own) if row[2] in ("7", "-7")] == [["A", "1410", "7"], ["C", "2400", "-7"]]


def test_a_payment_for_another_entity_uses_them_too(own: Emulator) -> None:
    setup(own, ENTITYACCTOVERRIDES=override("A", "B", "2430", "1430") + override("B", "A", "2430", "1430"))
    key = key_of(own, bill("50", location="B"))
    key_of(own, payment(key, "50", bank="BANK-A"))
    assert [row for row in between(own) if row[1] in ("1430", "2430")] == [["A", "1430", "50"], ["B", "2430", "-50"]]


def test_entities_without_a_relationship_do_not_post_together(own: Emulator) -> None:
    table = own.company().table("LOCATIONENTITY")
    (number,) = table.find("LOCATIONID", "B")
    table.update(number, (table.get(number) or {}) | {"HAS_IE_RELATION": "false"})
    key = key_of(own, bill("50", location="B"))
    for function in (journal(*ACROSS, location="A"), payment(key, "50", bank="BANK-A")):
        assert faults(own, function)[0].description2 == (
            "The entities A and B have no inter-entity relationship, so one transaction cannot have lines in both."
        )
    assert len(detail(own)) == 2
    key_of(own, journal("6000 D 7 LOCATION=C", "1000 C 7", location="A"))
    setup(own, ENTITYACCTOVERRIDES=override("A", "B", "2430", "1430") + override("B", "A", "2430", "1430"))
    assert one(own, payment(key, "50", bank="BANK-A")).status == "success"


def test_the_setup_names_entities_and_accounts_that_exist(own: Emulator) -> None:
    for wrong, message in (
        (default("X", "2410", "1410"), "Invalid Entity 'X' specified."),
        (default("A", "9999", "1410"), "Invalid GL Account '9999' specified."),
    ):
        body = element("INTERENTITYSETUP", RECORDNO="1", ENTITYACCTDEFAULTS=wrong)
        assert faults(own, f"<update>{body}</update>")[0].description2 == message
    assert rows(data(own, query("ENTITYACCTDEFAULT", "ENTITYID"))) == []
