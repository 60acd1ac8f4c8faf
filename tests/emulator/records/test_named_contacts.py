"""Contacts that records name, and the defaults of new records.

Sources: Sage's pages on vendors, customers, employees, contacts, projects, items and accounts. A contact that a record
names is "an existing contact", and the defaults of parameters are in brackets.
"""

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, faults, one
from support.emulator.refusing_companies import world


@pytest.fixture
def emulator() -> Emulator:
    emulator = world()
    emulator.company().table("LOCATION").insert({"LOCATIONID": "110", "NAME": "Oslo", "STATUS": "active"})
    contact = "<CONTACTNAME>Jones</CONTACTNAME><PRINTAS>Bill Jones</PRINTAS><EMAIL1>jones@example.com</EMAIL1>"
    address = "<MAILADDRESS><CITY>Oslo</CITY></MAILADDRESS>"
    assert one(emulator, f"<create><CONTACT>{contact}{address}</CONTACT></create>").status == "success"
    return emulator


def cells(emulator: Emulator, name: str, key: str, *fields: str) -> list[str]:
    field, _, text = key.partition("=")
    where = f"<filter><equalto><field>{field}</field><value>{text}</value></equalto></filter>"
    chosen = "".join(f"<field>{one}</field>" for one in fields)
    page = data(emulator, f"<query><object>{name}</object><select>{chosen}</select>{where}</query>")
    return [cell.text for cell in page.children[0]]


SHOWN = "<DISPLAYCONTACT><PRINTAS>Acme</PRINTAS></DISPLAYCONTACT>"
NAMED = "<{0}><CONTACTNAME>{1}</CONTACTNAME></{0}>"
OWNERS = [
    ("VENDOR", "VENDORID", "PAYTO", "PAYTOKEY", f"<NAME>Acme</NAME>{SHOWN}"),
    ("VENDOR", "VENDORID", "CONTACTINFO", "PRIMARYCONTACTKEY", f"<NAME>Acme</NAME>{SHOWN}"),
    ("CUSTOMER", "CUSTOMERID", "BILLTO", "BILLTOKEY", f"<NAME>Acme</NAME>{SHOWN}"),
    ("EMPLOYEE", "EMPLOYEEID", "PERSONALINFO", "CONTACTKEY", "<LOCATIONID>110</LOCATIONID>"),
]


@pytest.mark.parametrize(("name", "key", "group", "number", "more"), OWNERS)
def test_a_record_shows_the_contact_that_it_names(
    emulator: Emulator, name: str, key: str, group: str, number: str, more: str
) -> None:
    record = f"<create><{name}><{key}>X-1</{key}>{more}{NAMED.format(group, 'Jones')}</{name}></create>"
    assert one(emulator, record).status == "success"
    (contact,) = cells(emulator, "CONTACT", "CONTACTNAME=Jones", "RECORDNO")
    fields = (number, f"{group}.PRINTAS", f"{group}.EMAIL1", f"{group}.MAILADDRESS.CITY")
    assert cells(emulator, name, f"{key}=X-1", *fields) == [contact, "Bill Jones", "jones@example.com", "Oslo"]
    change = "<update><CONTACT><CONTACTNAME>Jones</CONTACTNAME><EMAIL1>bill@example.com</EMAIL1></CONTACT></update>"
    assert one(emulator, change).status == "success"
    assert cells(emulator, name, f"{key}=X-1", f"{group}.EMAIL1") == ["bill@example.com"]


def test_a_contact_that_is_cleared_is_shown_no_more(emulator: Emulator) -> None:
    record = f"<VENDOR><VENDORID>X-1</VENDORID><NAME>Acme</NAME>{SHOWN}{NAMED.format('PAYTO', 'Jones')}</VENDOR>"
    assert one(emulator, f"<create>{record}</create>").status == "success"
    cleared = f"<update><VENDOR><VENDORID>X-1</VENDORID>{NAMED.format('PAYTO', '')}</VENDOR></update>"
    assert one(emulator, cleared).status == "success"
    shown = ("PAYTOKEY", "PAYTO.CONTACTNAME", "PAYTO.PRINTAS", "PAYTO.MAILADDRESS.CITY")
    assert cells(emulator, "VENDOR", "VENDORID=X-1", *shown) == ["", "", "", ""]


@pytest.mark.parametrize(("name", "key", "group", "number", "more"), OWNERS)
def test_a_contact_that_does_not_exist_is_refused(
    emulator: Emulator, name: str, key: str, group: str, number: str, more: str
) -> None:
    record = f"<{name}><{key}>X-1</{key}>{more}{NAMED.format(group, 'Nobody')}</{name}>"
    refused = faults(emulator, f"<create>{record}</create>")[0]
    assert refused.description2 == "Invalid Contact 'Nobody' specified."
    assert emulator.company().table(name).count() == 0
    assert one(emulator, f"<create>{record.replace('Nobody', 'Jones')}</create>").status == "success"
    change = f"<update><{name}><{key}>X-1</{key}>{NAMED.format(group, 'Nobody')}</{name}></update>"
    assert faults(emulator, change)[0].description2 == "Invalid Contact 'Nobody' specified."
    assert cells(emulator, name, f"{key}=X-1", f"{group}.CONTACTNAME", number)[0] == "Jones"


def test_a_legacy_function_names_an_existing_contact_too(emulator: Emulator) -> None:
    # Sage, employees: the example of create_employee, whose personalinfo names a contact
    call = (
        "<create_employee><employeeid>E1234</employeeid><title>Project Manager</title><locationid>110</locationid>"
        "<personalinfo><contactname>{}</contactname></personalinfo></create_employee>"
    )
    assert faults(emulator, call.format("Nobody"))[0].description2 == "Invalid Contact 'Nobody' specified."
    assert one(emulator, call.format("Jones")).key == "E1234"
    assert cells(emulator, "EMPLOYEE", "EMPLOYEEID=E1234", "CONTACT_NAME", "ENTITY") == ["Jones", "EE1234"]


def test_a_display_contact_and_its_contact_have_the_same_cells(emulator: Emulator) -> None:
    record = f"<VENDOR><VENDORID>V-1</VENDORID><NAME>Acme</NAME>{SHOWN}</VENDOR>"
    assert one(emulator, f"<create>{record}</create>").status == "success"
    name = "Acme(VV-1)"  # Sage, vendors: [NAME](V[VENDORID])
    sent = "<DISPLAYCONTACT><PHONE1>1234</PHONE1></DISPLAYCONTACT>"
    assert one(emulator, f"<update><VENDOR><VENDORID>V-1</VENDORID>{sent}</VENDOR></update>").status == "success"
    assert cells(emulator, "CONTACT", f"CONTACTNAME={name}", "PRINTAS", "PHONE1") == ["Acme", "1234"]
    change = f"<update><CONTACT><CONTACTNAME>{name}</CONTACTNAME><PHONE1>99</PHONE1></CONTACT></update>"
    assert one(emulator, change).status == "success"
    assert cells(emulator, "VENDOR", "VENDORID=V-1", "DISPLAYCONTACT.PHONE1") == ["99"]


@pytest.mark.parametrize(
    ("record", "key", "defaults"),
    [
        (
            f"<VENDOR><VENDORID>V-1</VENDORID><NAME>Acme</NAME>{SHOWN}</VENDOR>",
            "VENDORID=V-1",
            (
                "ONETIME=false ONHOLD=false DONOTCUTCHECK=false MERGEPAYMENTREQ=true PAYMENTNOTIFY=false "
                "ACHENABLED=false DISPLAYTERMDISCOUNT=true DISPLOCACCTNOCHECK=false OBJECTRESTRICTION=Unrestricted "
                "ISINDIVIDUAL=false FILEPAYMENTSERVICE=NONE DEFAULT_LEAD_TIME=1 DISPLAYCONTACT.TAXABLE=true "
                "STATUS=active ENTITY=VV-1"
            ),
        ),
        (
            f"<CUSTOMER><CUSTOMERID>C-1</CUSTOMERID><NAME>Acme</NAME>{SHOWN}</CUSTOMER>",
            "CUSTOMERID=C-1",
            "ONETIME=false ONHOLD=false OBJECTRESTRICTION=Unrestricted DISPLAYCONTACT.TAXABLE=true ENTITY=CC-1",
        ),
        (
            (
                "<EMPLOYEE><EMPLOYEEID>E-1</EMPLOYEEID><LOCATIONID>110</LOCATIONID>"
                f"{NAMED.format('PERSONALINFO', 'Jones')}</EMPLOYEE>"
            ),
            "EMPLOYEEID=E-1",
            "POSTACTUALCOST=false PAYMENTNOTIFY=false MERGEPAYMENTREQ=true ACHENABLED=false ENTITY=EE-1",
        ),
        ("<CONTACT><CONTACTNAME>N</CONTACTNAME><PRINTAS>N</PRINTAS></CONTACT>", "CONTACTNAME=N", "TAXABLE=true"),
        (
            (
                "<GLACCOUNT><ACCOUNTNO>6700</ACCOUNTNO><TITLE>P</TITLE><NORMALBALANCE>debit</NORMALBALANCE>"
                "<CLOSINGTYPE>non-closing account</CLOSINGTYPE><REQUIRELOC>true</REQUIRELOC></GLACCOUNT>"
            ),
            "ACCOUNTNO=6700",
            "ACCOUNTTYPE=balancesheet ALTERNATIVEACCOUNT=None REQUIREDEPT=false REQUIRELOC=true REQUIREPROJECT=false",
        ),
        (
            "<ITEM><ITEMID>I-1</ITEMID><NAME>I</NAME><ITEMTYPE>Non-Inventory</ITEMTYPE></ITEM>",
            "ITEMID=I-1",
            "TAXABLE=true ENABLE_BINS=false HASSTARTENDDATES=false DEFAULT_CONVERSIONTYPE=Quantity SAFETYITEM=false",
        ),
        (
            "<PROJECT><PROJECTID>P-1</PROJECTID><NAME>P</NAME><PROJECTCATEGORY>Contract</PROJECTCATEGORY></PROJECT>",
            "PROJECTID=P-1",
            "INVOICEWITHPARENT=false BILLABLEEXPDEFAULT=false BILLABLEAPPODEFAULT=false STATUS=active",
        ),
    ],
)
def test_a_new_record_has_the_documented_defaults(emulator: Emulator, record: str, key: str, defaults: str) -> None:
    assert one(emulator, f"<create>{record}</create>").status == "success"
    expected = dict(pair.split("=") for pair in defaults.split())
    name = record[1 : record.index(">")]
    assert cells(emulator, name, key, *expected) == list(expected.values())
