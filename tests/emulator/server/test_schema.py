"""Requests that the schema refuses: XL03000003, one fault per violation, in libxml2's own words.

The examples are those that Sage's published schema was measured to reject and to accept.
"""

import re

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.xml.codec import decode_response
from intacct_protocol.xml.envelope import ControlEcho, Response
from support.emulator.calls import ENDPOINT
from support.emulator.calls import LOGIN_XML as LOGIN
from support.emulator.refusing_companies import world

CONTROL = (
    "<control><senderid>demo-sender</senderid><password>demo-sender-password</password><controlid>c</controlid>"
    "<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control>"
)


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    return world()


def answer(emulator: Emulator, content: str, control: str = CONTROL, attributes: str = 'controlid="f"') -> Response:
    body = (
        f"<request>{control}<operation>{LOGIN}<content><function {attributes}>{content}</function></content>"
        "</operation></request>"
    )
    return decode_response(emulator(ENDPOINT, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()).body)


QUERY = "<query><object>VENDOR</object><select><field>RECORDNO</field></select>{}</query>"
ANY_ORDER = (
    "<query><offset>0</offset><select><field>NAME</field><count>RECORDNO</count></select><object>VENDOR</object>"
    "<orderby><order><field>NAME</field><ascending></ascending></order></orderby></query>"
)
REPORT = (
    "<readReport returnDef='true'><report>R</report><arguments><APBILL.D><FROM_DATE>1</FROM_DATE></APBILL.D>"
    "</arguments></readReport>"
)
EQUAL = "<equalto><field>A</field><value>1</value></equalto>"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (QUERY.format(f"<filter>{EQUAL}{EQUAL}</filter>"), "Element 'equalto': This element is not expected"),
        (QUERY.format(f"<filter><and>{EQUAL}</and></filter>"), "Element 'and': Missing child element(s)"),
        (QUERY.format("<pagesize>3000</pagesize>"), "maximum value allowed ('2000')"),
        (QUERY.format("<pagesize>0</pagesize>"), "minimum value allowed ('1')"),
        (QUERY.format("<offset>-1</offset>"), "offset"),
        (
            QUERY.format("<options><showprivate>true</showprivate><caseinsensitive>true</caseinsensitive></options>"),
            "Element 'caseinsensitive': This element is not expected",
        ),
        (QUERY.format("<options><returnformat>yaml</returnformat></options>"), "{'xml', 'json', 'csv'}"),
        (QUERY.format("<filter><between><field>A</field><value>1</value></between></filter>"), "'between': Missing"),
        (QUERY.format("<filter><in><field>A</field></in></filter>"), "Element 'in': Missing child element(s)"),
        ("<query><object>VENDOR</object></query>", "Element 'query': Missing child element(s)"),
        (
            "<readByQuery><object>V</object><query/><orderby/></readByQuery>",
            "Element 'orderby': This element is not expected",
        ),
        ("<readByQuery><object>V</object><query/><pagesize>2000</pagesize></readByQuery>", "('1000')"),
        ("<readByQuery><object>V</object></readByQuery>", "Element 'readByQuery': Missing child element(s)"),
        ("<queryMore><resultId>x</resultId></queryMore>", "Element 'queryMore': This element is not expected"),
        ("<lookup><object>A</object></lookup><lookup><object>B</object></lookup>", "Element 'lookup'"),
        ('<get_list object="biscuit"/>', "'biscuit'"),
        (
            "<create_class><name>N</name><classid>C</classid></create_class>",
            "Element 'name': This element is not expected. Expected is ( classid )",
        ),
    ],
)
def test_a_violation_is_refused_with_its_line(emulator: Emulator, content: str, told: str) -> None:
    response = answer(emulator, content)
    assert (response.control.status, response.operations) == ("failure", ())
    assert {fault.errorno for fault in response.faults} == {"XL03000003"}
    assert told in response.faults[0].text
    assert response.faults[0].text.startswith("XML Parse schema error: ")
    assert "Line: 2, column: " in response.faults[0].text


@pytest.mark.parametrize(
    ("control", "attributes", "told"),
    [
        (CONTROL, "", "The attribute 'controlid' is required but missing"),
        (CONTROL, 'controlid=""', "controlid"),
        (CONTROL, f'controlid="{"x" * 257}"', "controlid"),
        (
            CONTROL.replace("<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion>",
                            "<dtdversion>3.0</dtdversion><uniqueid>false</uniqueid>"),
            'controlid="f"',
            "Element 'uniqueid': This element is not expected",
        ),
        (CONTROL.replace("3.0", "4.0"), 'controlid="f"', "dtdversion"),
        (CONTROL.replace("<senderid>demo-sender</senderid>", ""), 'controlid="f"', "Expected is one of"),
    ],
)  # fmt: skip
def test_the_envelope_is_a_strict_sequence(emulator: Emulator, control: str, attributes: str, told: str) -> None:
    response = answer(emulator, "<getAPISession/>", control, attributes)
    assert told in response.faults[0].text


@pytest.mark.parametrize(
    "content",
    [
        "<getAPISession><locationid/></getAPISession>",
        "<create><ANYTHING_AT_ALL><x y='1'><z/></x></ANYTHING_AT_ALL></create>",
        ANY_ORDER,
        QUERY.format(f"<filter><or><and>{EQUAL}{EQUAL}</and>{EQUAL}</or></filter>"),
        REPORT,
        "<create_class><classid>C</classid><name>N</name></create_class>",
        "<inspect detail='1'><object>VENDOR</object></inspect>",
    ],
)
def test_a_valid_request_reaches_the_function(emulator: Emulator, content: str) -> None:
    response = answer(emulator, content)
    assert response.control.status == "success"
    assert len(response.operations[0].results) == 1


def test_malformed_xml_is_refused_in_libxml2s_words(emulator: Emulator) -> None:
    # The documented text for a mismatch: "Fatal Error 76: Opening and ending tag mismatch: ..."
    response = answer(emulator, "<getAPISession>")
    first = response.faults[0].text
    assert first.startswith(
        "XML Parse schema error: Fatal Error 76: Opening and ending tag mismatch: getAPISession line 2"
    )
    assert response.control == ControlEcho("failure", "demo-sender", "c", "false", "3.0")


CUT_OFF = CONTROL.replace("</control>", "</control")
UNORDERED = CONTROL.replace("<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion>", "<dtdversion>3.0</dtdversion>")


@pytest.mark.parametrize(
    ("content", "control", "echo"),
    [
        ("<delete><object>CLASS</object></function>", CONTROL, ("demo-sender", "c", "false", "3.0")),
        ("<query/>", CONTROL, ("demo-sender", "c", "false", "3.0")),
        ('<get_list object="x"/>', CONTROL.replace(">3.0<", ">2.1<"), ("demo-sender", "c", "false", "2.1")),
        ("<query/>", CONTROL.replace(">3.0<", ">2.1<"), ("demo-sender", "c", "false", "2.1")),
        ("<query/>", CONTROL.replace(">3.0<", ">3.1<"), ("demo-sender", "c", "false", "3.1")),
        ("<query/>", UNORDERED, ("demo-sender", "c", "true", "3.0")),
        ("<getAPISession/>", CUT_OFF, ("", "", "", "")),
    ],
)
def test_the_refusal_of_a_document_repeats_its_control_block(
    emulator: Emulator, content: str, control: str, echo: tuple[str, ...]
) -> None:
    # Sage, error handling: the example of XL03000003, a document with a wrong closing tag, has the sender, the control
    # id, uniqueid and dtdversion of the request, and a support id after the text
    response = answer(emulator, content, control)
    assert response.control == ControlEcho("failure", *echo)
    assert response.operations == ()
    assert {fault.errorno for fault in response.faults} == {"XL03000003"}
    assert all(fault.support_id for fault in response.faults)


def test_the_refusal_of_a_document_is_the_documented_one(emulator: Emulator) -> None:
    # Sage, error handling, example of XML validation errors: elements, order and text; names and ids are ours
    document = "<request>CONTROL<operation>\n<content><function><delete>\n</function></content></operation></request>"
    body = emulator(ENDPOINT, document.replace("CONTROL", CONTROL).encode()).body.decode()
    first, _, _ = body.partition("</error>")
    assert re.sub(r"Support ID: [^]]+", "Support ID: p5rxS%7EY", first) == (
        '<?xml version="1.0" encoding="UTF-8"?><response><control><status>failure</status><senderid>demo-sender'
        "</senderid><controlid>c</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control>"
        "<errormessage><error><errorno>XL03000003</errorno><description></description><description2>XML Parse schema "
        "error: Fatal Error 76: Opening and ending tag mismatch: delete line 2 and function. Line: 3, column: 12. "
        "[Support ID: p5rxS%7EY]</description2><correction></correction>"
    )


@pytest.mark.parametrize("body", [b'{"request": {}}', b"request=1", "Ünlesbar".encode()])
def test_a_body_that_is_no_xml_is_refused_in_libxml2s_words(emulator: Emulator, body: bytes) -> None:
    # XML_ERR_DOCUMENT_EMPTY of libxml2, in the form of the documented text
    (fault,) = decode_response(emulator(ENDPOINT, body).body).faults
    assert fault.description2 == (
        "XML Parse schema error: Fatal Error 4: Start tag expected, '<' not found. Line: 1, column: 1."
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<request/>",
        b"<?xml version='1.0'?><!DOCTYPE request [<!ENTITY a 'b'>]><request>&a;</request>",
        "<request><control/></request>".encode("utf-16"),
        b"<" + b"a" * 10_000,
        b"<a>" * 5_000,
    ],
)
def test_a_document_that_is_not_a_request_is_refused_at_the_control_level(emulator: Emulator, body: bytes) -> None:
    response = decode_response(emulator(ENDPOINT, body).body)
    assert (response.control.status, response.control.sender_id, response.operations) == ("failure", "", ())
    assert {fault.errorno for fault in response.faults} == {"XL03000003"}


def test_the_legacy_document_type_has_no_generic_functions(emulator: Emulator) -> None:
    control = CONTROL.replace("<dtdversion>3.0</dtdversion>", "<dtdversion>2.1</dtdversion>")
    response = answer(emulator, QUERY.format(""), control)
    assert response.faults[0].errorno == "XL03000003"
    assert response.faults[0].text.startswith("XML Parse error: ")
    assert answer(emulator, "<getAPISession/>", control).operations[0].results[0].status == "success"


@pytest.mark.parametrize(
    ("content", "attributes", "told"),
    [
        # the recorded text of a client in production
        (
            '<get_list object="x"/>',
            'controlid="f"',
            'Error 502: Value "x" for attribute object of get_list is not among the enumerated set. Line: 2, column: ',
        ),
        ("<create_class><name/><classid/></create_class>", 'controlid="f"', "got (name classid)"),
        ("<getAPISession/>", "", "Error 518: Element function does not carry attribute controlid"),
        ('<get_bill key="1" shade="2"/>', 'controlid="f"', "Error 533: No declaration for attribute shade"),
    ],
)
def test_the_legacy_document_type_has_its_own_words(
    emulator: Emulator, content: str, attributes: str, told: str
) -> None:
    response = answer(emulator, content, CONTROL.replace(">3.0<", ">2.1<"), attributes)
    assert {fault.errorno for fault in response.faults} == {"XL03000003"}
    assert told in response.faults[0].text
    assert response.faults[0].text.startswith("XML Parse error: ")


OLDER = CONTROL.replace(">3.0<", ">2.1<")
DAY = "<datecreated><year>2026</year><month>11</month><day>15</day></datecreated>"
BILL = "<create_bill><vendorid>V</vendorid>{day}<termname>Net 30</termname><billitems>{lines}</billitems></create_bill>"
EXPRESSION = "<expression><field>vendorid</field><operator>=</operator><value>V</value></expression>"
NESTED = [
    # the order of glentry is the reference's (DTD); of a day, year before month before day; of a line, account first
    BILL.format(day=DAY, lines="<lineitem><amount>1</amount><glaccountno>6000</glaccountno></lineitem>"),
    BILL.format(day=DAY, lines="<line><glaccountno>6000</glaccountno><amount>1</amount></line>"),
    BILL.format(
        day="<datecreated><month>11</month><day>15</day><year>2026</year></datecreated>",
        lines="<lineitem><glaccountno>6000</glaccountno><amount>1</amount></lineitem>",
    ),
    BILL.format(
        day=DAY,
        lines="<lineitem><glaccountno>6000</glaccountno><amount>1</amount><customfields><customfield>"
        "<customfieldvalue>1</customfieldvalue><customfieldname>A</customfieldname></customfield></customfields>"
        "</lineitem>",
    ),
    "<create_gltransaction><journalid>GJ</journalid>" + DAY + "<description>D</description><gltransactionentries>"
    "<glentry><trtype>debit</trtype><amount>1</amount><glaccountno>6000</glaccountno><locationid>100</locationid><memo>M</memo>"
    "</glentry></gltransactionentries></create_gltransaction>",
    '<get_list object="vendor"><filter><anything/></filter></get_list>',
    f'<get_list object="vendor"><filter><logical logical_operator="and">{EXPRESSION}</logical></filter></get_list>',
    '<get_list object="vendor"><sorts><field>name</field></sorts></get_list>',
]  # fmt: skip
DOCUMENTED = "<create_apterm><name>T</name><due><duefrom>0</duefrom><dueday>30</dueday></due></create_apterm>"
CORRECT = [
    '<get_list object="vendor"><filter>' + EXPRESSION + "</filter><fields><field>name</field></fields></get_list>",
    '<get_list object="vendor"><filter><logical logical_operator="or"><logical logical_operator="and">'
    + EXPRESSION * 2 + "</logical>" + EXPRESSION + "</logical></filter></get_list>",
    (
        '<update_bill key="1"><updatebillitems><updatelineitem line_num="1"><amount>5</amount></updatelineitem>'
        "</updatebillitems></update_bill>"
    ),
]  # fmt: skip


@pytest.mark.parametrize("control", [CONTROL, OLDER], ids=["3.0", "2.1"])
@pytest.mark.parametrize("content", NESTED)
def test_the_order_inside_legacy_functions_is_strict(emulator: Emulator, content: str, control: str) -> None:
    response = answer(emulator, content, control)
    assert {fault.errorno for fault in response.faults} == {"XL03000003"}
    assert "Line: 2" in response.faults[0].text


@pytest.mark.parametrize("control", [CONTROL, OLDER], ids=["3.0", "2.1"])
@pytest.mark.parametrize("content", CORRECT)
def test_parts_in_order_are_accepted(emulator: Emulator, content: str, control: str) -> None:
    assert answer(emulator, content, control).control.status == "success"


@pytest.mark.parametrize("control", [CONTROL, OLDER], ids=["3.0", "2.1"])
def test_a_documented_order_can_be_ignored(emulator: Emulator, control: str) -> None:
    assert answer(emulator, DOCUMENTED, control).faults[0].errorno == "XL03000003"
    lenient = Emulator.empty(settings=scenario({"behaviour": {"nested_order": "recorded"}}))
    assert answer(lenient, DOCUMENTED, control).control.status == "success"
    assert answer(lenient, NESTED[0], control).faults[0].errorno == "XL03000003"


def test_there_were_no_incidents(emulator: Emulator) -> None:
    assert emulator.incidents == []
