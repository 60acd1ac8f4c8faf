"""Records as XML documents: the shape of `create`, there and back."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from intacct_protocol.errors import RemoteProtocolError
from intacct_protocol.model.keys import wrappers
from intacct_protocol.xml.records import record_element, records_of
from intacct_protocol.xml.xml import serialize

LINES = {"ALLOCATIONENTRIES": "ALLOCATIONENTRY"}
RECORD: dict[str, Any] = {
    "ALLOCATIONID": "HQ",
    "DISPLAYCONTACT.MAILADDRESS.CITY": "Ulm & Umland",
    "DEPT#": 7,
    "ALLOCATIONENTRIES": [{"VALUE": Decimal("60.50"), "LOCATIONID": "110"}],
    "WHENMODIFIED": None,
    "BEGINDATE": date(2026, 1, 31),
    "ONHOLD": False,
}
DOCUMENT = (
    "<ALLOCATION><ALLOCATIONID>HQ</ALLOCATIONID>"
    "<DISPLAYCONTACT><MAILADDRESS><CITY>Ulm &amp; Umland</CITY></MAILADDRESS></DISPLAYCONTACT>"
    "<DEPT_x0023_>7</DEPT_x0023_>"
    "<ALLOCATIONENTRIES><ALLOCATIONENTRY><VALUE>60.50</VALUE><LOCATIONID>110</LOCATIONID></ALLOCATIONENTRY></ALLOCATIONENTRIES>"
    "<WHENMODIFIED></WHENMODIFIED><BEGINDATE>2026-01-31</BEGINDATE><ONHOLD>false</ONHOLD></ALLOCATION>"
)
CELLS = {
    "ALLOCATIONID": "HQ",
    "DISPLAYCONTACT.MAILADDRESS.CITY": "Ulm & Umland",
    "DEPT#": "7",
    "ALLOCATIONENTRIES": [{"VALUE": "60.50", "LOCATIONID": "110"}],
    "WHENMODIFIED": "",
    "BEGINDATE": "2026-01-31",
    "ONHOLD": "false",
}


def test_a_record_is_written_as_create_takes_it() -> None:
    assert serialize(record_element("ALLOCATION", RECORD, LINES)) == DOCUMENT


@pytest.mark.parametrize(
    "text", [DOCUMENT, f"<records>{DOCUMENT}</records>", f"<?xml version='1.0'?><x>{DOCUMENT}</x>"]
)
def test_a_document_of_one_record_is_read(text: str) -> None:
    assert list(records_of(text.encode(), wrappers())) == [CELLS]


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("<l><V><ID>1</ID></V><V><ID>2</ID></V></l>", [{"ID": "1"}, {"ID": "2"}]),
        ("<V><ID>1</ID><A><N>x</N></A></V>", [{"ID": "1", "A.N": "x"}]),
        ("<V><ID>1</ID><L><E><N>x</N></E><E><N>y</N></E></L></V>", [{"ID": "1", "L": [{"N": "x"}, {"N": "y"}]}]),
        ("<V><ID>1</ID><E><N>x</N></E><E><N>y</N></E></V>", [{"ID": "1", "E": [{"N": "x"}, {"N": "y"}]}]),
        ("<l><V><APBILLITEMS><APBILLITEM><N>x</N></APBILLITEM></APBILLITEMS></V></l>", [{"APBILLITEMS": [{"N": "x"}]}]),
    ],
)
def test_lines_groups_and_fields_are_told_apart(text: str, records: list[dict[str, Any]]) -> None:
    assert list(records_of(text.encode(), wrappers())) == records


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<V/>", "no records"),
        ("not XML", "not readable as XML"),
        ("<V><ID>1</ID><ID>2</ID></V>", "V has ID more than once"),
        ('<!DOCTYPE v [<!ENTITY e SYSTEM "file:///etc/passwd">]><V><ID>&e;</ID></V>', "DOCTYPE|document type"),
    ],
)
def test_other_documents_are_refused(text: str, message: str) -> None:
    with pytest.raises(RemoteProtocolError, match=message):
        list(records_of(text.encode(), wrappers()))
