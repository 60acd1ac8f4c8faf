"""`read`, `readByName` and `readRelated`: whole records. `lookup` and `inspect`: descriptions of objects."""

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import scenario
from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.model.catalog import object_from_inspect, object_from_lookup, objects_from_inspect
from support.emulator.calls import data, faults, rows
from support.emulator.refusing_companies import world


@pytest.fixture
def emulator() -> Emulator:
    emulator = world()
    table = emulator.company().table
    number = table("APBILL").insert({"RECORDID": "INV-1", "VENDORID": "V1"})
    for place, amount in enumerate(("7.5", "2.5"), 1):
        table("APBILLITEM").insert({"RECORDKEY": str(number), "LINE_NO": str(place), "AMOUNT": amount})
    table("VENDOR").insert(
        {"VENDORID": "V1", "DISPLAYCONTACT.EMAIL1": "a@b.example", "DISPLAYCONTACT.MAILADDRESS.ZIP": "1"}
    )
    return emulator


def test_read_nests_groups_and_owned_lines(emulator: Emulator) -> None:
    # shape: DOC "get a bill": upper-case rows, lines in their wrapper with lower-case tags
    (bill,) = data(emulator, "<read><object>APBILL</object><keys>1</keys><fields>*</fields></read>")
    assert bill.tag == "APBILL"
    wrapper = bill.find("APBILLITEMS")
    assert wrapper is not None
    assert [(line.tag, line.findtext("AMOUNT")) for line in wrapper] == [("apbillitem", "7.5"), ("apbillitem", "2.5")]
    (vendor,) = data(emulator, "<readByName><object>VENDOR</object><keys>V1</keys></readByName>")
    contact = vendor.find("DISPLAYCONTACT")
    assert contact is not None
    assert contact.findtext("EMAIL1") == "a@b.example"
    address = contact.find("MAILADDRESS")
    assert address is not None
    assert address.findtext("ZIP") == "1"


def test_only_the_named_fields_are_read(emulator: Emulator) -> None:
    page = data(emulator, "<read><object>APBILL</object><keys>1,99,1</keys><fields>RECORDID,VENDORID</fields></read>")
    assert (page.get("listtype"), page.get("count")) == ("APBILL", "2")
    assert rows(page) == [{"RECORDID": "INV-1", "VENDORID": "V1"}] * 2


def test_an_unknown_key_gives_no_row_and_no_error(emulator: Emulator) -> None:
    assert data(emulator, "<read><object>APBILL</object><keys>99</keys></read>").get("count") == "0"
    assert data(emulator, "<read><object>APBILL</object><keys>zzz</keys></read>").get("count") == "0"


def test_refusals_of_read(emulator: Emulator) -> None:
    bad = "<read><object>APBILL</object><keys>1</keys><fields>RECORDNO,COLOUR</fields></read>"
    assert faults(emulator, bad)[0].errorno == "Invalid fields list COLOUR"
    many = ",".join(map(str, range(101)))
    assert "100" in faults(emulator, f"<read><object>APBILL</object><keys>{many}</keys></read>")[0].text
    assert faults(emulator, "<read><object>NOPE</object><keys>1</keys></read>")[0].errorno == "Query Failed"


def test_lookup_describes_the_catalogue(emulator: Emulator) -> None:
    page = data(emulator, "<lookup><object>apbill</object></lookup>")
    assert dict(page.attributes) == {"listtype": "All", "count": "1"}
    told = object_from_lookup(page.children[0])
    known = standard_catalog()["APBILL"]
    assert told.fields == known.fields
    assert told.relations == known.relations
    assert faults(emulator, "<lookup><object>NOPE</object></lookup>")


def test_every_object_can_be_looked_up_and_inspected(emulator: Emulator) -> None:
    listed = objects_from_inspect(data(emulator, "<inspect><object>*</object></inspect>"))
    assert len(listed) >= 275
    assert {"GLJOURNAL", "ARINVOICEITEM", "EEXPENSESITEM", "ARPYMTDETAIL", "AFFILIATEENTITY"} <= set(listed)
    assert {"FIXEDASSET", "TRXCURRENCIES", "COMPANYPREF"} <= set(listed)
    for name in listed:
        told = object_from_lookup(data(emulator, f"<lookup><object>{name}</object></lookup>").children[0])
        assert len(told.fields) >= 2
        detail = data(emulator, f"<inspect detail='1'><object>{name}</object></inspect>").children[0]
        assert set(object_from_inspect(detail).fields) == set(told.fields)
    assert faults(emulator, "<inspect><object>CLASS1</object></inspect>")[0].errorno == "Object type CLASS1 not found"


def test_every_object_can_be_queried_by_every_field(emulator: Emulator) -> None:
    catalog = standard_catalog()
    closed = {"PROJECT": emulator.company().settings.unqueryable["PROJECT"]}
    for name, described in catalog.items():
        fields = [one for one in described.fields if "#" not in one and one not in closed.get(name, ())]
        chosen = "".join(f"<field>{field}</field>" for field in fields)
        data(emulator, f"<query><object>{name}</object><select>{chosen}</select><pagesize>1</pagesize></query>")
    assert emulator.incidents == []


def test_a_relation_of_custom_objects_is_followed(demo: Emulator) -> None:
    (site,) = rows(
        data(demo, "<read><object>EQUIPMENT_SITE</object><keys>10101</keys><fields>RCUSTOMER</fields></read>")
    )
    asked = "<object>EQUIPMENT_SITE</object><keys>10101</keys><relation>RCUSTOMER</relation><fields>RECORDNO</fields>"
    page = data(demo, f"<readRelated>{asked}</readRelated>")
    assert rows(page) == [{"RECORDNO": site["RCUSTOMER"]}]
    assert page.get("listtype") == "customer"
    # Sage: readRelated is for custom objects only; the text is recorded for readByQuery
    asked = "<object>VENDOR</object><keys>1</keys><relation>PARENT</relation>"
    assert "'READ_RELATED' cannot be performed" in faults(demo, f"<readRelated>{asked}</readRelated>")[0].text


def test_fields_that_xml_cannot_name_are_described_or_hidden() -> None:
    # Recorded lookups of CHECKINGACCOUNT list DEPT# and LOCATION#, which no element can be called.
    lookup = "<lookup><object>CHECKINGACCOUNT</object></lookup>"
    asked = "<query><object>CHECKINGACCOUNT</object><select><field>DEPT#</field></select></query>"
    hidden = Emulator.empty(settings=scenario({"behaviour": {"hash_fields": "hidden"}}))
    for emulator, listed in ((Emulator.empty(), {"DEPT#", "LOCATION#"}), (hidden, set())):
        (described,) = data(emulator, lookup)
        names = {one.findtext("ID") for one in described.find("Fields") or ()}
        assert {name for name in names if "#" in name} == listed
        assert "BANKACCOUNTID" in names
        assert "checkingaccount: [DEPT#] ]" in faults(emulator, asked)[0].text
