"""Documents from other sources and their meaning; provenance in `tests/golden/README.md`."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from intacct_protocol.errors import Fault
from intacct_protocol.xml.codec import decode_request, decode_response, encode_request, encode_response
from intacct_protocol.xml.envelope import (
    Control,
    ControlEcho,
    Function,
    Login,
    Operation,
    Request,
    Response,
    SessionAuth,
    SignedIn,
)
from intacct_protocol.xml.strict_page import PageHead, decode_page
from intacct_protocol.xml.typed_arrow import decode_batch
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import element, parse
from support.repository import ROOT

GOLDEN = ROOT / "tests" / "golden"
FILES = sorted(path.name for path in GOLDEN.glob("*.xml"))
ECHO = ControlEcho("success", "demo-sender", "nightly-42", "false", "3.0")
ROLLED_BACK = Fault("XL03000009", "", "The entire transaction in this operation has been rolled back due to an error.")


def golden(name: str) -> bytes:
    """The bytes of one file."""
    return (GOLDEN / name).read_bytes()


def response(name: str) -> Response:
    """A golden answer, decoded."""
    return decode_response(golden(name))


def test_every_file_has_its_provenance() -> None:
    notes = (GOLDEN / "README.md").read_text()
    assert [name for name in FILES if f"`{name}`" not in notes] == []


def test_refused_before_the_application() -> None:
    assert response("failure_gateway.xml") == Response(
        ControlEcho("failure"), faults=(Fault("GW-0011", "Invalid Request [Request ID: 3f2a]"),)
    )


def test_refused_at_the_control_block() -> None:
    assert response("failure_control.xml") == Response(
        ControlEcho("failure", "demo-sender", "nightly-42", "false", "3.0"),
        faults=(Fault("XL03000006", "", "Incorrect Intacct XML Partner ID or password."),),
    )


def test_refused_at_authentication() -> None:
    (operation,) = response("failure_authentication.xml").operations
    assert operation.authentication == SignedIn("failure", "demo-user", "demo-company", "")
    assert operation.results == ()
    (fault,) = operation.faults
    assert fault.description == "Invalid Web Services Authorization"
    assert fault.text.endswith("company ID 'demo-company'.")
    assert fault.support_id == "Zq1W~aBc"
    assert fault.correction.startswith("Contact the company administrator")


def test_refused_at_a_function_with_the_innermost_cause_first() -> None:
    (result,) = response("failure_function.xml").operations[0].results
    assert (result.status, result.function, result.data) == ("failure", "create", None)
    first, last = result.faults
    assert first == Fault(
        "BL01001973",
        "",
        "The account number '5000.11' already exists",
        "Use another number.",
        "Zq1W~aBc",
        "GL-0493",
        "ACCOUNTNO",
    )
    assert str(first) == "GL-0493: The account number '5000.11' already exists"
    assert last.text == "Could not create GL Account record!"


def test_a_transaction_rolled_back() -> None:
    first, second = response("transaction_rolled_back.xml").operations[0].results
    assert (first.status, first.faults) == ("aborted", (ROLLED_BACK,))
    assert second.status == "failure"
    assert [fault.errorno for fault in second.faults] == ["BL34000061", "XL03000009"]


def test_partial_success_keeps_the_keys_of_what_succeeded() -> None:
    (result,) = response("partial_success.xml").operations[0].results
    assert result.status == "failure"
    assert result.data == element(
        "data",
        element("class", element("RECORDNO", "5"), element("CLASSID", "UT01")),
        listtype="objects",
        count="1",
    )
    assert result.faults == (Fault("Cannot update non-existing CLASS with CLASSID=UT99."),)
    assert str(result.faults[0]) == "Cannot update non-existing CLASS with CLASSID=UT99."
    assert decode_page(golden("partial_success.xml")).head is None


def test_an_asynchronous_request_is_acknowledged() -> None:
    assert response("acknowledged.xml") == Response(ECHO, acknowledged=True)


def test_a_session() -> None:
    (operation,) = response("session.xml").operations
    assert operation.authentication == SignedIn(
        "success",
        "demo-user",
        "demo-company",
        "E100",
        None,
        "2026-11-21T09:00:00+00:00",
        "2026-11-21T11:00:00+00:00",
    )
    data = operation.results[0].data
    assert data is not None
    (api,) = data.children
    assert api.findtext("endpoint") == "https://na12.intacct.com/ia/xml/xmlgw.phtml"
    assert api.findtext("sessionid") == "very-secret.."


def test_a_legacy_list_and_a_legacy_key() -> None:
    listed, created = response("legacy_list.xml").operations[0].results
    assert listed.extra == (element("listtype", "class", start="0", end="1", total="2"),)
    assert listed.data is not None
    assert [one.findtext("name", "absent") for one in listed.data.children] == ["Retail", ""]
    assert (created.key, created.data) == ("C1234", None)


def test_a_page_of_a_query() -> None:
    page = decode_page(golden("page_query.xml"))
    assert page.head == PageHead("GLDETAIL", 2, 7, 2, 3)
    assert page.rows == [
        {
            "RECORDNO": "11",
            "BATCH_DATE": "10/31/2026",
            "JOURNAL.TITLE": "Café & canteen <petty cash>",
            "AMOUNT": "1679615.93",
            "WHENMODIFIED": "11/01/2026 08:15:00",
            "STATISTICAL": "false",
            "CUSTOMERID": None,
        },
        {
            "RECORDNO": "12",
            "BATCH_DATE": "10/31/2026",
            "JOURNAL.TITLE": "Payroll",
            "AMOUNT": "205375",
            "WHENMODIFIED": None,
            "STATISTICAL": "true",
            "CUSTOMERID": "C-1",
        },
    ]


def test_the_same_page_as_typed_columns() -> None:
    kinds = {
        "RECORDNO": Kind.INTEGER,
        "BATCH_DATE": Kind.DATE,
        "AMOUNT": Kind.CURRENCY,
        "WHENMODIFIED": Kind.TIMESTAMP,
        "STATISTICAL": Kind.BOOLEAN,
    }
    answered, head, batch = decode_batch(golden("page_query.xml"), kinds)
    assert (answered, head) == (decode_page(golden("page_query.xml")).response, PageHead("GLDETAIL", 2, 7, 2, 3))
    assert batch is not None
    assert batch.to_pylist() == [
        {
            "RECORDNO": 11,
            "BATCH_DATE": date(2026, 10, 31),
            "AMOUNT": Decimal("1679615.93"),
            "WHENMODIFIED": datetime(2026, 11, 1, 8, 15, tzinfo=UTC),
            "STATISTICAL": False,
            "JOURNAL.TITLE": "Café & canteen <petty cash>",
            "CUSTOMERID": None,
        },
        {
            "RECORDNO": 12,
            "BATCH_DATE": date(2026, 10, 31),
            "AMOUNT": Decimal(205375),
            "WHENMODIFIED": None,
            "STATISTICAL": True,
            "JOURNAL.TITLE": "Payroll",
            "CUSTOMERID": "C-1",
        },
    ]


def test_a_page_of_read_by_query() -> None:
    page = decode_page(golden("page_read_by_query.xml"))
    assert page.head == PageHead("class", 1, 2, 0, 1)
    assert page.rows == [{"RECORDNO": "8", "CLASSID": "C1", "NAME": "Retail", "PARENTKEY": None, "STATUS": "active"}]


SESSION_REQUEST = Request(
    Control("demo-sender", "p<&>\"'w", "nightly-42"),
    (
        Operation(
            Login("demo-user", "demo-company", "demo-user-password", location_id="E100"),
            (Function(element("getAPISession"), "f-1"),),
        ),
    ),
)
TRANSACTION_REQUEST = Request(
    Control(
        "demo-sender",
        "demo-sender-password",
        "nightly-42",
        uniqueid=True,
        policy_id="nightly",
        include_whitespace=True,
        show_additional_error_info=False,
        debug=False,
    ),
    (
        Operation(
            SessionAuth("very-secret.."),
            (
                Function(
                    element(
                        "create",
                        element(
                            "CLASS",
                            element("CLASSID", "UT01"),
                            element("NAME", "Größe & Form"),
                            element("PARENTID"),
                        ),
                    ),
                    "f-1",
                ),
                Function(element("delete", element("object", "CLASS"), element("keys", "5,6")), "f-2"),
            ),
            transaction=True,
        ),
    ),
)


@pytest.mark.parametrize(
    ("name", "request_"),
    [("request_session.xml", SESSION_REQUEST), ("request_transaction.xml", TRANSACTION_REQUEST)],
)
def test_a_request_both_ways(name: str, request_: Request) -> None:
    assert decode_request(golden(name)) == request_
    assert parse(encode_request(request_)) == parse(golden(name))


@pytest.mark.parametrize(
    "name", [name for name in FILES if not name.startswith("request_") and name != "failure_function.xml"]
)
def test_an_answer_is_written_as_it_was_read(name: str) -> None:
    """The emulator's side; `failure_function.xml` has more in `additionalinfo` than the codec keeps."""
    read = response(name)
    assert decode_response(encode_response(read)) == read
