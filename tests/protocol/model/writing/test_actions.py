"""Actions on a record: the functions in their documented shapes, and the objects that have none."""

from datetime import date

import pytest

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.legacy.grammar import function_def
from intacct_protocol.model.writing.actions import ACTIONS, action_of, objects_of
from intacct_protocol.xml.xml import serialize

DAY = date(2026, 11, 3)
REVERSED = "<datereversed><year>2026</year><month>11</month><day>03</day></datereversed>"


@pytest.mark.parametrize(
    ("operation", "name", "expected"),
    [
        ("reverse", "APBILL", f'<reverse_bill key="7">{REVERSED}<description>why</description></reverse_bill>'),
        (
            "reverse",
            "CCTRANSACTION",
            f'<reverse_cctransaction key="7">{REVERSED}<memo>why</memo></reverse_cctransaction>',
        ),
        (
            "approve",
            "TIMESHEET",
            "<approve><TIMESHEET><RECORDNO>7</RECORDNO><COMMENT>why</COMMENT></TIMESHEET></approve>",
        ),
        ("decline", "PODOCUMENT", "<decline><PODOCUMENT><DOCID>7</DOCID><COMMENT>why</COMMENT></PODOCUMENT></decline>"),
        (
            "approve",
            "VENDOR",
            "<approveVendor><recordno>7</recordno><reviewcomments>why</reviewcomments></approveVendor>",
        ),
    ],
)
def test_an_action_is_written_as_documented(operation: str, name: str, expected: str) -> None:
    action = action_of(operation, name)
    assert serialize(action.element("7", day=DAY, comment="why")) == expected


@pytest.mark.parametrize(
    ("operation", "name", "expected"),
    [
        (
            "void",
            "APPYMT",
            "<void_appaymentrequest><appaymentkeys><appaymentkey>7</appaymentkey></appaymentkeys></void_appaymentrequest>",
        ),
        ("recall", "APBILL", "<recallApBill><RECORDNO>7</RECORDNO></recallApBill>"),
        ("approve", "APBILL", "<approve><APBILL><RECORDNO>7</RECORDNO></APBILL></approve>"),
    ],
)
def test_an_action_without_a_text_refuses_one(operation: str, name: str, expected: str) -> None:
    action = action_of(operation, name)
    assert serialize(action.element("7")) == expected
    with pytest.raises(InvalidRequestError, match="takes no text"):
        action.element("7", comment="why")


def test_a_reversal_needs_a_date() -> None:
    with pytest.raises(InvalidRequestError, match="requires a date"):
        action_of("reverse", "ARINVOICE").element("7")


def test_every_function_but_one_is_in_the_published_schema() -> None:
    """`recallApBill` is documented on the page of bills only, which is newer than the schema."""
    assert [one.function for one in ACTIONS.values() if function_def(one.function) is None] == ["recallApBill"]


def test_an_object_without_the_function_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(InvalidRequestError, match="no function to reverse GLBATCH") as refused:
        action_of("reverse", "GLBATCH")
    assert "APBILL" in str(refused.value.fix)
    assert objects_of("recall") == ("APBILL",)
    with pytest.raises(InvalidRequestError, match=r"document type 2\.1 has no function recallApBill"):
        action_of("recall", "APBILL", is_legacy=True)
    assert action_of("reverse", "APBILL", is_legacy=True).function == "reverse_bill"
