"""`get_list` and `get`: lower-case records, dates in three elements, pages by start and maxitems."""

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_protocol.xml.xml import Element
from support.emulator.calls import data, faults, one
from support.emulator.refusing_companies import world


@pytest.fixture
def emulator() -> Emulator:
    emulator = world()
    table = emulator.company().table
    for number in range(1, 6):
        table("CUSTOMER").insert(
            {"CUSTOMERID": f"C{number}", "NAME": f"Customer {number}", "CREDITLIMIT": f"{number}00"}
        )
    key = str(
        table("APBILL").insert({"RECORDID": "B-1", "VENDORID": "V1", "WHENCREATED": "03/09/2026", "TOTALDUE": "5"})
    )
    table("APBILLITEM").insert({"RECORDKEY": key, "LINE_NO": "1", "ACCOUNTNO": "6000", "AMOUNT": "5"})
    return emulator


def listed(emulator: Emulator, attributes: str, body: str = "") -> tuple[Element, list[Element]]:
    result = one(emulator, f"<get_list {attributes}>{body}</get_list>")
    assert result.status == "success", result.faults
    (listtype,) = result.extra
    return listtype, list(result.data or ())


def test_a_list_has_its_start_end_and_total(emulator: Emulator) -> None:
    # shape: a recorded get_list of classes: the list's type is an element, its end is inclusive
    listtype, rows = listed(emulator, 'object="customer" start="1" maxitems="2"')
    assert (listtype.text, dict(listtype.attributes)) == ("customer", {"start": "1", "end": "2", "total": "5"})
    assert [(row.tag, row.findtext("key"), row.findtext("name")) for row in rows] == [
        ("customer", "C2", "Customer 2"), ("customer", "C3", "Customer 3"),
    ]  # fmt: skip


def test_no_matches_means_no_data(emulator: Emulator) -> None:
    body = "<filter><expression><field>name</field><operator>=</operator><value>x</value></expression></filter>"
    result = one(emulator, f'<get_list object="customer">{body}</get_list>')
    assert result.data is None
    assert result.extra[0].get("total") == "0"


def test_a_refused_list_has_its_type(emulator: Emulator) -> None:
    # the answer in issue 118 of intacct-sdk-php: a list's type without numbers, before the errors
    result = one(emulator, f'<get_list object="customer"><filter>{expression("nope", "=", "1")}</filter></get_list>')
    assert result.status == "failure"
    assert [(one.tag, one.text, dict(one.attributes)) for one in result.extra] == [("listtype", "customer", {})]
    assert result.faults


def expression(field: str, operator: str, value: str) -> str:
    parts = f"<field>{field}</field><operator>{operator}</operator><value>{value}</value>"
    return f"<expression>{parts}</expression>"


def test_filters_sorts_and_fields(emulator: Emulator) -> None:
    either = expression("customerid", "=", "C1") + expression("creditlimit", "&gt;=", "400")
    body = (
        f'<filter><logical logical_operator="or">{either}</logical></filter>'
        '<sorts><sortfield order="desc">creditlimit</sortfield></sorts>'
        "<fields><field>customerid</field><field>creditlimit</field></fields>"
    )
    _, rows = listed(emulator, 'object="customer"', body)
    assert [[(cell.tag, cell.text) for cell in row] for row in rows] == [
        [("customerid", "C5"), ("creditlimit", "500")],
        [("customerid", "C4"), ("creditlimit", "400")],
        [("customerid", "C1"), ("creditlimit", "100")],
    ]


def test_a_document_has_its_legacy_names_dates_and_lines(emulator: Emulator) -> None:
    (bill,) = data(emulator, '<get object="bill" key="1"/>')
    assert (bill.tag, bill.findtext("key"), bill.findtext("billno")) == ("bill", "1", "B-1")
    day = bill.find("datecreated")
    assert day is not None
    assert [(part.tag, part.text) for part in day] == [("year", "2026"), ("month", "03"), ("day", "09")]
    items = bill.find("billitems")
    assert items is not None
    assert [(line.tag, line.findtext("glaccountno"), line.findtext("amount")) for line in items] == [
        ("lineitem", "6000", "5")
    ]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ('<get object="bill" key="99"/>', "Cannot find bill with key '99'."),
        ('<get_list object="company_info"/>', "not emulated"),
        (f'<get_list object="customer"><filter>{expression("colour", "=", "x")}</filter></get_list>', "colour"),
        (f'<get_list object="customer"><filter>{expression("name", "~", "x")}</filter></get_list>', "operator ~"),
        ('<get_list object="customer" start="soon"/>', "start"),
    ],
)
def test_refusals(emulator: Emulator, function: str, said: str) -> None:
    assert said in faults(emulator, function)[0].text


FOLDER = "<create_supdocfolder><supdocfoldername>{}</supdocfoldername></create_supdocfolder>"
SUPDOC = (
    "<create_supdoc><supdocid>{}</supdocid><supdocname>n</supdocname><supdocfoldername>F</supdocfoldername>"
    "<supdocdescription>{}</supdocdescription><attachments><attachment><attachmentname>a</attachmentname>"
    "<attachmenttype>txt</attachmenttype><attachmentdata>aGVsbG8=</attachmentdata></attachment></attachments>"
    "</create_supdoc>"
)
NESTED = (
    '<logical logical_operator="and">'
    + expression("supdocfoldername", "=", "F")
    + '<logical logical_operator="or">'
    + expression("supdocid", "=", "A1")
    + expression("supdocdescription", "is null", "")
    + "</logical></logical>"
)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (expression("supdocid", "=", "A2"), ["A2"]),
        (expression("supdocid", "!=", "A2"), ["A3", "A1"]),
        (expression("supdocid", "&lt;", "A2"), ["A1"]),
        (expression("supdocid", "&lt;=", "A2"), ["A2", "A1"]),
        (expression("supdocid", "&gt;=", "A2"), ["A3", "A2"]),
        (expression("supdocdescription", "like", "%lease%"), ["A2"]),
        (expression("supdocdescription", "is null", ""), ["A3"]),
        (NESTED, ["A3", "A1"]),
    ],
)
def test_attachments_have_the_documented_filters_sorts_and_fields(
    emulator: Emulator, where: str, found: list[str]
) -> None:
    # Sage, attachments: get_list takes a filter with these operators and nested logical groups, sorts and fields
    one(emulator, FOLDER.format("F"))
    for key, description in (("A1", "a bill"), ("A2", "a lease"), ("A3", "")):
        assert one(emulator, SUPDOC.format(key, description)).key == key
    body = (
        f'<filter>{where}</filter><sorts><sortfield order="desc">supdocid</sortfield></sorts>'
        "<fields><field>supdocid</field></fields>"
    )
    listtype, rows = listed(emulator, 'object="supdoc"', body)
    assert listtype.get("total") == str(len(found))
    assert [[(cell.tag, cell.text) for cell in row] for row in rows] == [[("supdocid", key)] for key in found]


def test_one_attachment_has_the_requested_fields(emulator: Emulator) -> None:
    # Sage, attachments: get takes fields, since the data of files can be very large
    one(emulator, FOLDER.format("F"))
    one(emulator, SUPDOC.format("A1", "a bill"))
    asked = '<get object="supdoc" key="A1"><fields><field>supdocid</field><field>supdocname</field></fields></get>'
    assert [cell.tag for cell in data(emulator, asked).children[0]] == ["supdocid", "supdocname"]
    assert (
        "field nope is not valid"
        in faults(emulator, f'<get_list object="supdoc"><filter>{expression("nope", "=", "1")}</filter></get_list>')[
            0
        ].description2
    )


def test_master_data_is_found_by_its_number(emulator: Emulator) -> None:
    _, rows = listed(emulator, 'object="customer"', f"<filter>{expression('recordno', '=', '2')}</filter>")
    assert [(row.findtext("recordno"), row.findtext("customerid")) for row in rows] == [("2", "C2")]
