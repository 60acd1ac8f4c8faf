"""Referential integrity: nothing in use is deleted, nothing required is cleared, no id is changed."""

import pytest

from intacct_emulator.ledger.seeding import seed
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from support.emulator.calls import data, element, faults, one, query, results
from support.emulator.own_company import NOW, OwnCompany
from support.emulator.own_records import bill, expense, invoice, journal, key_of, payment

LINES = ("6000 D 5", "1000 C 5")


@pytest.fixture
def own() -> Emulator:
    return OwnCompany().emulator()


def delete(name: str, key: str) -> str:
    return f"<delete><object>{name}</object><keys>{key}</keys></delete>"


def count(emulator: Emulator, name: str) -> str | None:
    return data(emulator, query(name, "RECORDNO" if name != "FUND" else "id")).get("totalcount")


@pytest.mark.parametrize(
    ("function", "name", "key", "user"),
    [
        (journal(*LINES), "GLJOURNAL", "GJ", "glbatch"),
        (journal(*LINES), "GLACCOUNT", "6000", "gl"),
        (journal(*LINES), "LOCATION", "US", ""),
        (journal("6000 D 5 DEPARTMENT=D1", "1000 C 5"), "DEPARTMENT", "D1", "gl"),
        (journal("6000 D 5 CLASSID=K1", "1000 C 5"), "CLASS", "K1", "gl"),
        (journal("6000 D 5 PROJECTID=P1", "1000 C 5"), "PROJECT", "P1", ""),
        (journal("6000 D 5 WAREHOUSEID=W1", "1000 C 5"), "WAREHOUSE", "W1", "gl"),
        (journal("6000 D 5 CONTRACTID=N1", "1000 C 5"), "CONTRACT", "N1", "gl"),
        (journal("6000 D 5 ITEMID=I1", "1000 C 5"), "ITEM", "I1", "gl"),
        (journal("6000 D 5 GLDIMFUND=2", "1000 C 5"), "FUND", "2", "gl"),
        (bill("5", TERMNAME="N30"), "APTERM", "N30", "apbill"),
        (bill("5"), "VENDOR", "V1", "ap"),
        (invoice("5"), "CUSTOMER", "C1", "ar"),
        (expense("5"), "EMPLOYEE", "E1", "eexpenses"),
    ],
)
def test_a_record_in_use_cannot_be_deleted(own: Emulator, function: str, name: str, key: str, user: str) -> None:
    before = count(own, name)
    key_of(own, function)
    refusal = faults(own, delete(name, key))[0]
    assert f"'{key}' is used by {user}" in refusal.description2
    assert refusal.correction == "Make it inactive instead."
    assert count(own, name) == before


@pytest.mark.parametrize(
    ("name", "key"),
    [("APTERM", "N60"), ("VENDOR", "V2"), ("CUSTOMER", "C2"), ("CLASS", "K2"), ("FUND", "1"), ("GLACCOUNT", "6100")],
)
def test_a_record_that_nothing_names_can_be_deleted(own: Emulator, name: str, key: str) -> None:
    key_of(own, bill("5", TERMNAME="N30"))
    assert one(own, delete(name, key)).status == "success"


@pytest.mark.parametrize(
    ("name", "natural"), [("VENDOR", "VENDORID"), ("CUSTOMER", "CUSTOMERID"), ("CLASS", "CLASSID"), ("DEPARTMENT", "")]
)
def test_a_parent_cannot_be_deleted(own: Emulator, name: str, natural: str) -> None:
    parent, child = {"VENDOR": ("V1", "V2"), "CUSTOMER": ("C1", "C2"), "CLASS": ("K1", "K2")}.get(name, ("D1", "D2"))
    body = element(name, **{natural or "DEPARTMENTID": child, "PARENTID": parent})
    assert one(own, f"<update>{body}</update>").status == "success"
    assert f"'{parent}' is used by {name.lower()}" in faults(own, delete(name, parent))[0].description2


def test_the_term_of_a_customer_is_not_that_of_a_vendor(own: Emulator) -> None:
    """Both lists have a term N30, and only a bill uses it."""
    key_of(own, bill("5", TERMNAME="N30"))
    assert one(own, delete("ARTERM", "N30")).status == "success"
    assert one(own, delete("APTERM", "N30")).status == "failure"


def test_an_account_that_documents_post_to_cannot_be_deleted(own: Emulator) -> None:
    assert faults(own, delete("GLACCOUNT", "7195"))[0].description2 == (
        "Glaccount '7195' is an account that documents post to and cannot be deleted."
    )


def test_a_paid_bill_cannot_be_deleted(own: Emulator) -> None:
    key = key_of(own, bill("5"))
    key_of(own, payment(key, "5"))
    assert "is paid" in faults(own, delete("APBILL", key))[0].description2


@pytest.mark.parametrize(
    ("name", "key", "field"),
    [
        ("VENDOR", {"VENDORID": "V1"}, "NAME"),
        ("GLACCOUNT", {"ACCOUNTNO": "6000"}, "TITLE"),
        ("DEPARTMENT", {"DEPARTMENTID": "D1"}, "TITLE"),
        ("CLASS", {"RECORDNO": "1"}, "CLASSID"),
    ],
)
def test_a_required_field_cannot_be_cleared(own: Emulator, name: str, key: dict[str, str], field: str) -> None:
    refusal = faults(own, f"<update>{element(name, **key, **{field: ''})}</update>")[0]
    assert refusal.description2 == f"Required field {field} is missing for {name}."


def test_the_title_and_day_of_an_entry_cannot_be_cleared(own: Emulator) -> None:
    key = key_of(own, journal(*LINES))
    for field in ("BATCH_TITLE", "BATCH_DATE", "JOURNAL"):
        refusal = faults(own, f"<update>{element('GLBATCH', RECORDNO=key, **{field: ''})}</update>")[0]
        assert refusal.description2 == f"Required field {field} is missing for GLBATCH."


def test_an_id_cannot_be_changed(own: Emulator) -> None:
    body = element("VENDOR", RECORDNO="2", VENDORID="V9")
    refusal = faults(own, f"<update>{body}</update>")[0]
    assert refusal.description2 == "VENDORID of vendor 'V2' cannot be changed."
    same = element("VENDOR", RECORDNO="2", VENDORID="V2", NAME="New name")
    assert one(own, f"<update>{same}</update>").status == "success"


def test_a_name_changes_while_nothing_names_it(own: Emulator) -> None:
    key_of(own, bill("5", TERMNAME="N30"))
    bodies = {key: element("APTERM", RECORDNO=key, NAME=f"Net {key}") for key in ("1", "2")}
    assert "NAME of apterm" in faults(own, f"<update>{bodies['1']}</update>")[0].description2
    assert one(own, f"<update>{bodies['2']}</update>").status == "success"


def test_by_a_setting_the_id_of_an_unused_record_can_change() -> None:
    emulator = OwnCompany(behaviour=Behaviour(rename_ids="unused")).emulator()
    key_of(emulator, bill("5"))
    bodies = {number: element("VENDOR", RECORDNO=number, VENDORID=f"V9{number}") for number in ("1", "2")}
    assert faults(emulator, f"<update>{bodies['1']}</update>")[0].description2 == (
        "VENDORID of vendor 'V1' cannot be changed."
    )
    assert one(emulator, f"<update>{bodies['2']}</update>").status == "success"


def test_uses_are_seen_after_any_number_of_deletes(own: Emulator) -> None:
    """A term is used after twenty others were deleted, and free again; a rolled-back request uses none."""
    seed(own.company(), "APTERM", [{"NAME": f"T{number}", "DUEDATE": "5"} for number in range(24)], now=NOW)
    first = key_of(own, bill("5"))
    for number in range(20):
        assert one(own, delete("APTERM", f"T{number}")).status == "success"
    for term in ("T20", "T21"):
        key_of(own, bill("5", TERMNAME=term))
        assert f"'{term}' is used by apbill" in faults(own, delete("APTERM", term))[0].description2
    change = element("APBILL", RECORDNO=str(int(first) + 1), TERMNAME="N60")
    assert one(own, f"<update>{change}</update>").status == "success"
    assert one(own, delete("APTERM", "T20")).status == "success"
    used, unknown = bill("5", TERMNAME="T22"), delete("APTERM", "none")
    assert {each.status for each in results(own, used, unknown, transaction=True)} == {"aborted", "failure"}
    assert one(own, delete("APTERM", "T22")).status == "success"
