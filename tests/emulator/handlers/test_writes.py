"""`create`, `update`, `delete`: keys, checks, partial success, lines, audit fields and the audit history."""

import pytest

from intacct_emulator.records.required import required_fields
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.xml.envelope import Login
from support.emulator.calls import data, element, faults, one, query, rows
from support.emulator.refusing_companies import Clock, world

PRINT = element("DISPLAYCONTACT", PRINTAS="X", EMAIL1="a@b.example")
ENTITY = Login("demo-user", "demo-company", "demo-user-password", location_id="100")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Emulator:
    emulator = world(clock)
    table = emulator.company().table
    for number in ("1000", "2000", "6000"):
        table("GLACCOUNT").insert({"ACCOUNTNO": number, "TITLE": f"Account {number}", "STATUS": "active"})
    table("VENDOR").insert({"VENDORID": "V1", "NAME": "Ash", "STATUS": "active"})
    table("VENDOR").insert({"VENDORID": "V2", "NAME": "Old", "STATUS": "inactive"})
    table("DEPARTMENT").insert({"DEPARTMENTID": "10", "TITLE": "Ten", "STATUS": "active"})
    return emulator


def create(*records: str) -> str:
    return f"<create>{''.join(records)}</create>"


def klass(key: str, **cells: str) -> str:
    return element("CLASS", CLASSID=key, NAME=f"Class {key}", **cells)


def test_a_record_comes_back_with_its_number_and_its_natural_key(emulator: Emulator) -> None:
    # shape: DOC create, the official SDKs' tests
    made = data(emulator, create(klass("UT01"), element("DEPARTMENT", DEPARTMENTID="20", TITLE="T")))
    assert dict(made.attributes) == {"listtype": "objects", "count": "2"}
    assert [(row.tag, [cell.tag for cell in row]) for row in made] == [
        ("class", ["RECORDNO", "CLASSID"]), ("department", ["RECORDNO", "DEPARTMENTID"]),
    ]  # fmt: skip


def test_the_gateway_sets_the_audit_fields(emulator: Emulator, clock: Clock) -> None:
    data(emulator, create(klass("A")), authentication=ENTITY)
    clock.now += 3600
    one(emulator, f"<update>{element('CLASS', CLASSID='A', DESCRIPTION='D')}</update>", authentication=ENTITY)
    fields = "WHENCREATED WHENMODIFIED CREATEDBYLOGINID MEGAENTITYID MEGAENTITYNAME STATUS"
    (row,) = rows(data(emulator, query("CLASS", fields), authentication=ENTITY))
    assert row == {
        "WHENCREATED": "11/21/2026 11:00:00", "WHENMODIFIED": "11/21/2026 12:00:00", "CREATEDBYLOGINID": "demo-user",
        "MEGAENTITYID": "100", "MEGAENTITYNAME": "Entity 100", "STATUS": "active",
    }  # fmt: skip


def test_valid_records_are_created_beside_refused_ones(emulator: Emulator) -> None:
    # shape: the official PHP SDK's ClassObjTest::testUpdateFailure
    result = one(emulator, create(klass("A"), klass("A"), klass("B"), element("CLASS", CLASSID="C")))
    assert result.status == "failure"
    assert result.data is not None
    assert [row.findtext("CLASSID") for row in result.data] == ["A", "B"]
    assert result.data.get("count") == "2"
    first, second, third, fourth = result.faults
    assert (first.errorno, first.correction) == ("BL34000061", "Use a unique value instead.")
    assert first.text == "Another Class with the given value(s) A already exists"
    assert second.text == "Could not create Class record!"
    assert third.text == "Required field NAME is missing for CLASS."
    assert fourth.text == second.text
    assert data(emulator, query("CLASS", "CLASSID")).get("totalcount") == "2"


def test_a_call_takes_a_hundred_records(emulator: Emulator) -> None:
    assert one(emulator, create(*(klass(f"K{number}") for number in range(100)))).status == "success"
    assert one(emulator, create(*(klass(f"L{number}") for number in range(101)))).status == "failure"
    assert one(emulator, "<create></create>").status == "failure"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (element("VENDOR", NAME="X"), "Required field DISPLAYCONTACT is missing"),
        (element("VENDOR", NAME="X", DISPLAYCONTACT="<EMAIL1>e</EMAIL1>"), "Required field DISPLAYCONTACT.PRINTAS"),
        (klass("A", STATUS="sleepy"), "Invalid value 'sleepy' for field STATUS."),
        (klass("A", PARENTID="Z"), "Invalid Class 'Z' specified."),
        (element("DEPARTMENT", DEPARTMENTID="30", TITLE="T", SUPERVISORID="E9"), "Invalid Employee 'E9' specified."),
        (element("REPORTINGPERIOD", NAME="P", HEADER1="P", START_DATE="soon", END_DATE="01/31/2026"), "Illegal format"),
        (element("NOSUCHTHING", A="1"), "Object definition NOSUCHTHING not found"),
        (element("ARINVOICE", CUSTOMERID="C"), "cannot be performed on objects of type arinvoice"),
        (element("GLENTRY", ACCOUNTNO="1000"), "cannot be performed on objects of type glentry"),
        (element("GLDETAIL", ACCOUNTNO="1000"), "cannot be performed on objects of type gldetail"),
    ],
)
def test_a_bad_record_is_refused_by_name(emulator: Emulator, record: str, said: str) -> None:
    refused = faults(emulator, create(record))
    assert said in refused[0].text


def test_inactive_records_cannot_be_referred_to(emulator: Emulator) -> None:
    line = element("APBILLITEM", ACCOUNTNO="6000", TRX_AMOUNT="1")
    bill = element("APBILL", VENDORID="V2", WHENCREATED="11/01/2026", WHENDUE="11/30/2026", APBILLITEMS=line)
    assert "Vendor 'V2' is inactive." in faults(emulator, create(bill))[0].text


def test_values_are_stored_as_the_gateway_writes_them(emulator: Emulator) -> None:
    vendor = element(
        "VENDOR",
        VENDORID="V9",
        NAME="A &amp; B",
        CREDITLIMIT="1000.50",
        ONETIME="T",
        STATUS="ACTIVE",
        DISPLAYCONTACT="<PRINTAS>P</PRINTAS>",
    )
    data(emulator, create(vendor))
    where = "<equalto><field>VENDORID</field><value>V9</value></equalto>"
    (row,) = rows(data(emulator, query("VENDOR", "NAME CREDITLIMIT ONETIME STATUS DISPLAYCONTACT.PRINTAS", where)))
    assert row == {
        "NAME": "A & B", "CREDITLIMIT": "1000.5", "ONETIME": "true", "STATUS": "active", "DISPLAYCONTACT.PRINTAS": "P",
    }  # fmt: skip


def test_a_list_with_automatic_ids_gives_the_next_one(emulator: Emulator) -> None:
    made = data(emulator, create(element("VENDOR", NAME="New", DISPLAYCONTACT="<PRINTAS>P</PRINTAS>")))
    assert made.children[0].findtext("VENDORID") == "VEND-00003"


def test_a_display_contact_becomes_a_contact_named_after_its_owner(emulator: Emulator) -> None:
    # Sage: vendors, DISPLAYCONTACT.CONTACTNAME: left blank, it is the vendor's name and id
    contact = "<PRINTAS>Acme</PRINTAS><EMAIL1>a@acme.example</EMAIL1><MAILADDRESS><CITY>Rome</CITY></MAILADDRESS>"
    data(emulator, create(element("VENDOR", VENDORID="VC-1", NAME="Acme", DISPLAYCONTACT=contact)))
    where = "<equalto><field>CONTACTNAME</field><value>Acme(VVC-1)</value></equalto>"
    (made,) = rows(data(emulator, query("CONTACT", "RECORDNO PRINTAS EMAIL1 MAILADDRESS.CITY STATUS", where)))
    assert {**made, "RECORDNO": ""} == {
        "RECORDNO": "", "PRINTAS": "Acme", "EMAIL1": "a@acme.example", "MAILADDRESS.CITY": "Rome", "STATUS": "active",
    }  # fmt: skip
    where = "<equalto><field>VENDORID</field><value>VC-1</value></equalto>"
    (owner,) = rows(data(emulator, query("VENDOR", "DISPLAYCONTACTKEY DISPLAYCONTACT.CONTACTNAME", where)))
    assert owner == {"DISPLAYCONTACTKEY": made["RECORDNO"], "DISPLAYCONTACT.CONTACTNAME": "Acme(VVC-1)"}


def test_a_display_contact_may_be_an_existing_contact(emulator: Emulator) -> None:
    contact = "<CONTACTNAME>Shared</CONTACTNAME><PRINTAS>Shared</PRINTAS>"
    for number in (1, 2):
        data(emulator, create(element("CUSTOMER", CUSTOMERID=f"CC-{number}", NAME="N", DISPLAYCONTACT=contact)))
    where = "<equalto><field>CONTACTNAME</field><value>Shared</value></equalto>"
    assert len(rows(data(emulator, query("CONTACT", "RECORDNO", where)))) == 1


def test_names_follow_from_ids(emulator: Emulator) -> None:
    data(emulator, create(element("DEPARTMENT", DEPARTMENTID="20", TITLE="Twenty", PARENTID="10")))
    where = "<equalto><field>DEPARTMENTID</field><value>20</value></equalto>"
    assert rows(data(emulator, query("DEPARTMENT", "PARENTID PARENTNAME PARENTKEY", where))) == [
        {"PARENTID": "10", "PARENTNAME": "Ten", "PARENTKEY": "1"}
    ]


def allocation(emulator: Emulator) -> str:
    lines = "".join(element("ALLOCATIONENTRY", VALUE=value) for value in ("5", "7"))
    made = data(emulator, create(element("ALLOCATION", ALLOCATIONID="HALF", ALLOCATIONENTRIES=lines)))
    return made.children[0].findtext("RECORDNO")


def lines_of(emulator: Emulator, key: str) -> list[dict[str, str]]:
    where = f"<equalto><field>ALLOCATIONKEY</field><value>{key}</value></equalto>"
    return rows(data(emulator, query("ALLOCATIONENTRY", "RECORDNO VALUE LINE_NO", where)))


def test_sent_lines_replace_the_stored_ones(emulator: Emulator) -> None:
    key = allocation(emulator)
    first, second = lines_of(emulator, key)
    assert [first["LINE_NO"], second["LINE_NO"]] == ["1", "2"]
    sent = element("ALLOCATIONENTRY", RECORDNO=second["RECORDNO"], VALUE="8") + element("ALLOCATIONENTRY", VALUE="9")
    one(emulator, f"<update>{element('ALLOCATION', RECORDNO=key, ALLOCATIONENTRIES=sent)}</update>")
    left = lines_of(emulator, key)
    assert [line["VALUE"] for line in left] == ["8", "9"]
    assert left[0]["RECORDNO"] == second["RECORDNO"]
    assert first["RECORDNO"] not in [line["RECORDNO"] for line in left]
    one(emulator, f"<update>{element('ALLOCATION', RECORDNO=key, DESCRIPTION='x')}</update>")
    assert lines_of(emulator, key) == left


def test_only_sent_fields_change_and_an_empty_one_is_cleared(emulator: Emulator) -> None:
    data(emulator, create(klass("A", DESCRIPTION="D")))
    one(emulator, f"<update>{element('CLASS', CLASSID='A', NAME='N')}</update>")
    assert rows(data(emulator, query("CLASS", "NAME DESCRIPTION"))) == [{"NAME": "N", "DESCRIPTION": "D"}]
    one(emulator, f"<update>{element('CLASS', RECORDNO='1', DESCRIPTION='')}</update>")
    assert rows(data(emulator, query("CLASS", "NAME DESCRIPTION"))) == [{"NAME": "N", "DESCRIPTION": ""}]


def test_an_update_without_a_key_is_refused_with_a_sentence(emulator: Emulator) -> None:
    (fault, *_) = faults(emulator, f"<update>{element('CLASS', CLASSID='UT99', NAME='N')}</update>")
    assert fault.errorno == "Cannot update non-existing CLASS with CLASSID=UT99."


def test_deletes_include_lines_and_add_audit_rows(emulator: Emulator) -> None:
    key = allocation(emulator)
    assert one(emulator, f"<delete><object>ALLOCATION</object><keys>{key}</keys></delete>").status == "success"
    assert lines_of(emulator, key) == []
    where = "<equalto><field>ACCESSMODE</field><value>D</value></equalto>"
    assert rows(data(emulator, query("AUDITHISTORY", "OBJECTTYPE OBJECTKEY USERID SOURCE", where))) == [
        {"OBJECTTYPE": "allocation", "OBJECTKEY": "HALF", "USERID": "demo-user", "SOURCE": "api"}
    ]


def test_deletes_are_kept_beside_refused_ones(emulator: Emulator) -> None:
    # text: the official PHP SDK's recorded delete failure
    data(emulator, create(klass("A"), klass("B")))
    (fault,) = faults(emulator, "<delete><object>CLASS</object><keys>1,UT01,B</keys></delete>")
    assert (fault.errorno, fault.text) == ("BL01001973", "Cannot find class with key 'UT01' to delete.")
    assert data(emulator, query("CLASS", "CLASSID")).get("totalcount") == "0"


def test_record_numbers_are_never_reused(emulator: Emulator) -> None:
    data(emulator, create(klass("A"), klass("B")))
    one(emulator, "<delete><object>CLASS</object><keys>2</keys></delete>")
    assert data(emulator, create(klass("C"))).children[0].findtext("RECORDNO") == "3"


def test_an_audit_row_can_be_delayed(clock: Clock) -> None:
    emulator = world(clock, audit_delay_seconds=60)
    data(emulator, create(klass("A")))
    assert data(emulator, query("AUDITHISTORY", "ID")).get("totalcount") == "0"
    clock.now += 61
    assert data(emulator, query("AUDITHISTORY", "ID")).get("totalcount") == "1"


def test_every_documented_requirement_is_a_field_a_group_or_lines() -> None:
    catalog = standard_catalog()
    for name, described in catalog.items():
        for field in required_fields(described):
            assert field == field.strip(), (name, field)


@pytest.mark.parametrize(
    "name", ["APBILLITEM", "GLENTRY", "GLDETAIL", "ARPYMTDETAIL", "SODOCUMENTENTRY", "DEPOSITENTRY"]
)
def test_parts_of_a_document_change_only_with_it(demo: Emulator, name: str) -> None:
    key = next(row["RECORDNO"] for _, row in demo.company().table(name).rows())
    for function in (
        f"<update>{element(name, RECORDNO=key, DESCRIPTION='x')}</update>",
        f"<delete><object>{name}</object><keys>{key}</keys></delete>",
    ):
        assert faults(demo, function)[0].errorno == "PL04000005"
