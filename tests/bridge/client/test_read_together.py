"""Several queries in one request give the rows that each gives alone."""

from dataclasses import replace

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.calls import refusal
from intacct_protocol.errors import InvalidRequestError, NotPermittedError
from intacct_protocol.model.query.query import Order, Query, field
from intacct_protocol.xml.codec import decode_response
from intacct_protocol.xml.reply import Reply
from intacct_protocol.xml.strict_page import decode_page, rows_of
from intacct_protocol.xml.xml import Element, element
from support.small_company import Clock, client, company

QUERIES = [
    Query("GLACCOUNT", ("ACCOUNTNO", "TITLE"), page_size=50),
    Query("LOCATION", ("LOCATIONID", "PARENTID")),
    Query("DEPARTMENT", ("DEPARTMENTID",), order=(Order("DEPARTMENTID", descending=True),), page_size=3),
    Query("LOCATIONENTITY", ("LOCATIONID", "STARTOPEN")),
    Query("GLJOURNAL", ("SYMBOL",), where=field("SYMBOL") == "there is none"),
]


@pytest.fixture
def reader() -> Client:
    return client(company(Clock()))


def test_queries_together_give_the_rows_that_they_give_alone(reader: Client) -> None:
    alone = [list(reader.query(query)) for query in QUERIES]
    before = reader.meter.calls
    rows, results = reader.read_together(QUERIES, [element("getFinancialSetup")])
    assert reader.meter.calls == before + 1
    assert [list(each) for each in rows] == alone
    assert [len(each) for each in alone][-1] == 0 and len(alone[0]) > 100
    assert [result.function for result in results] == ["getFinancialSetup"]


def test_nothing_is_sent_for_nothing(reader: Client) -> None:
    assert reader.read_together([]) == ([], ())
    assert reader.meter.calls == 0


def test_a_wrong_query_is_told_by_its_own_rows(reader: Client) -> None:
    rows, _ = reader.read_together([Query("GLACCOUNT", ("NOSUCHFIELD",)), Query("NOSUCHOBJECT", ("A",)), QUERIES[1]])
    for wrong in rows[:2]:
        with pytest.raises(InvalidRequestError):
            next(wrong)
    assert list(rows[2]) == list(reader.query(QUERIES[1]))


def test_a_function_that_the_schema_does_not_have_is_a_failed_result_and_its_neighbours_are_answered(
    reader: Client,
) -> None:
    rows, (result,) = reader.read_together([QUERIES[1]], [Element("getNothing")])
    assert result.status == "failure" and "schema" in str(refusal(result))
    assert len(list(rows[0])) > 3


def test_a_query_that_the_gateway_refuses_raises_and_the_others_have_their_rows() -> None:
    emulator = company(Clock())

    def refusing(endpoint: str, body: bytes) -> Reply:
        reply = emulator(endpoint, body)
        answer = reply.body
        at = answer.find(b'listtype="LOCATION"')
        if at < 0:
            return reply
        begin, end = answer.rfind(b"<result>", 0, at), answer.index(b"</result>", at)
        refusal = (
            b"<result><status>failure</status><function>query</function><controlid>x</controlid><errormessage><error>"
            b"<errorno>DL02000001</errorno><description2>You do not have permission</description2></error>"
            b"</errormessage>"
        )
        control_id = answer[begin:end].split(b"<controlid>")[1].split(b"<")[0]
        refusal = refusal.replace(b">x<", b">" + control_id + b"<")
        return replace(reply, received=answer[:begin] + refusal + answer[end:])

    with client(refusing) as reader:
        rows, _ = reader.read_together(QUERIES[:2])
        assert len(list(rows[0])) > 100
        with pytest.raises((NotPermittedError, InvalidRequestError)):
            list(rows[1])


PAGES = [
    b'<data listtype="A" count="2" totalcount="5"><A><X>1</X><Y.Z>a &amp; b</Y.Z></A><A><X/><Y.Z> </Y.Z></A></data>',
    b'<data listtype="A" count="0" totalcount="0"/>',
    b'<data listtype="A" count="1"><A><X><L>1</L></X></A></data>',
    b'<data listtype="A" count="1"><A><X nil="1"/></A></data>',
    b'<data listtype="A" count="1"><A>text<X>1</X></A></data>',
    b"<data><A><X>1</X></A></data>",
]


@pytest.mark.parametrize("data", PAGES)
def test_a_page_among_others_is_read_as_the_strict_reader_reads_one_alone(data: bytes) -> None:
    body = (
        b"<response><control><status>success</status></control><operation><authentication><status>success</status>"
        b"</authentication><result><status>success</status><function>query</function><controlid>1</controlid>"
        + data
        + b"</result></operation></response>"
    )
    page = decode_page(body)
    result = decode_response(body).operations[0].results[0]
    head, rows = rows_of(result.data)
    assert (head, rows) == (page.head, page.rows)
