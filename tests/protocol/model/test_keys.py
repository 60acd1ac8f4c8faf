import json
from importlib import resources

import pytest

from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.model.keys import (
    ObjectKeys,
    audited,
    created_key,
    creator,
    keys_of,
    legacy_name,
    lines,
    natural_key,
    object_of_legacy,
    owner,
    record_key,
    replication_key,
    text_key,
)
from intacct_protocol.xml.values import Kind


@pytest.mark.parametrize(
    ("name", "natural"),
    [
        ("VENDOR", "VENDORID"),
        ("vendor", "VENDORID"),
        ("CUSTOMER", "CUSTOMERID"),
        ("GLACCOUNT", "ACCOUNTNO"),
        ("STATACCOUNT", "ACCOUNTNO"),
        ("USERINFO", "LOGINID"),
        ("CONTACT", "CONTACTNAME"),
        ("SODOCUMENT", "DOCID"),
        ("CHECKINGACCOUNT", "BANKACCOUNTID"),
        ("CREDITCARD", "CARDID"),
        ("APTERM", "NAME"),
        ("REPORTINGPERIOD", "NAME"),
        ("GLENTRY", None),
        ("my_object", None),
    ],
)
def test_natural_keys(name: str, natural: str | None) -> None:
    assert natural_key(name) == natural


def test_record_keys() -> None:
    assert record_key("APBILL") == "RECORDNO"
    assert record_key("AUDITHISTORY") == "ID"
    assert record_key("JOBQUEUERECORD") == "JOBID"
    assert record_key("my_object") == "RECORDNO"
    assert text_key("SODOCUMENT")
    assert text_key("GLDETAIL")
    assert text_key("AUDITHISTORY")
    assert not text_key("APBILL")


def test_times() -> None:
    assert replication_key("VENDOR") == "WHENMODIFIED"
    assert replication_key("TIMETYPE") is None
    assert created_key("VENDOR") == "WHENCREATED"
    assert created_key("APBILL") == "AUWHENCREATED"
    assert created_key("APBILLITEM") == "WHENCREATED"
    assert created_key("TIMETYPE") is None


@pytest.mark.parametrize(
    ("line", "header", "by", "wrapper"),
    [
        ("GLENTRY", "GLBATCH", "BATCHNO", "ENTRIES"),
        ("GLDETAIL", "GLBATCH", "BATCHKEY", ""),
        ("APBILLITEM", "APBILL", "RECORDKEY", "APBILLITEMS"),
        ("ARINVOICEITEM", "ARINVOICE", "RECORDKEY", "ARINVOICEITEMS"),
        ("APPYMTDETAIL", "APPYMT", "PAYMENTKEY", "APPYMTDETAILS"),
        ("SODOCUMENTENTRY", "SODOCUMENT", "DOCHDRNO", "SODOCUMENTENTRIES"),
        ("TIMESHEETENTRY", "TIMESHEET", "TIMESHEETKEY", "TIMESHEETENTRIES"),
    ],
)
def test_each_line_object_has_its_header(line: str, header: str, by: str, wrapper: str) -> None:
    found = owner(line.lower())
    assert found is not None
    assert (found.header, found.by, found.wrapper, found.key) == (header, by, wrapper, "RECORDNO")
    assert found in lines(header)


def test_each_header_has_its_line_objects() -> None:
    assert {one.line for one in lines("glbatch")} == {"GLENTRY", "GLDETAIL"}
    assert owner("VENDOR") is None
    assert lines("VENDOR") == ()
    found = owner("INVENTORYWQDETAIL")
    assert found is not None
    assert found.key == "ICWQORDERID"


def test_creators() -> None:
    assert creator("APBILL") == "create"
    assert creator("my_object") == "create"
    assert creator("arinvoice") == "create_invoice"
    assert creator("SODOCUMENT") == "create_sotransaction"
    assert creator("DEPOSIT") == "record_deposit"
    assert creator("GLDETAIL") == ""


def test_legacy_names() -> None:
    bill = legacy_name("APBILL")
    assert bill is not None
    assert (bill.name, bill.listed, bill.single, bill.key) == ("bill", True, True, "key")
    journal = legacy_name("GLBATCH")
    assert journal is not None
    assert (journal.name, journal.listed, journal.single) == ("gltransaction", True, False)
    vendor = legacy_name("vendor")
    assert vendor is not None
    assert vendor.key == "vendorid"
    assert legacy_name("GLDETAIL") is None
    assert object_of_legacy("bill") == "APBILL"
    assert object_of_legacy("nothing") is None


@pytest.mark.parametrize(
    ("name", "key", "pairs"),
    [
        ("APBILL", "17", (("RECORDNO", "17"),)),
        ("apbill", "17--REC", (("RECORDNO", "17"),)),
        ("VENDOR", "V100", (("VENDORID", "V100"),)),
        ("VENDOR", "100", (("VENDORID", "100"),)),
        ("VENDOR", "100--REC", (("RECORDNO", "100"),)),
        ("DEPARTMENT", "100", (("RECORDNO", "100"), ("DEPARTMENTID", "100"))),
        ("DEPARTMENT", "D1", (("DEPARTMENTID", "D1"),)),
        ("APBILL", "odd", ()),
    ],
)
def test_audit_keys(name: str, key: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert audited(name, key) == pairs


def test_a_description_overrides_the_table() -> None:
    own = object_def(
        "my_object",
        [FieldDef("id", Kind.TEXT), FieldDef("createdAt", Kind.TIMESTAMP), FieldDef("updatedAt", Kind.TIMESTAMP)],
    )
    assert keys_of(own) == ObjectKeys("id", opaque=True, natural="", modified="updatedAt", created="createdAt")
    bill = object_def(
        "APBILL",
        [
            FieldDef("RECORDNO", Kind.INTEGER),
            FieldDef("WHENCREATED", Kind.DATE),
            FieldDef("AUWHENCREATED", Kind.TIMESTAMP),
            FieldDef("WHENMODIFIED", Kind.TIMESTAMP),
        ],
    )
    assert keys_of(bill) == ObjectKeys(
        "RECORDNO", opaque=False, natural="", modified="WHENMODIFIED", created="AUWHENCREATED"
    )
    odd = object_def("ODD", [FieldDef("WHENCREATED", Kind.DATE)])
    assert keys_of(odd) == ObjectKeys("", opaque=True, natural="", modified="", created="")


def test_the_table_does_not_contradict_itself() -> None:
    table = json.loads(resources.files("intacct_protocol.data").joinpath("keys.json").read_text())
    assert set(table["record_key"]) <= set(table["text_key"])
    assert not set(table["created_by"]) & set(table["created_by_nothing"])
    assert not set(table["created_auwhencreated"]) & set(table["created_nowhere"])
    assert len({one["line"] for one in table["lines"]}) == len(table["lines"])
    assert len(table["text_key"]) == 27 + len(table["record_key"])
    assert len(table["without_whenmodified"]) == 26
    assert list(table["legacy"]) == sorted(table["legacy"])
