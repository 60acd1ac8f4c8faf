"""The strict page decoder: pages, other answers, and refused ones."""

import pytest

from intacct_protocol.errors import RemoteProtocolError
from intacct_protocol.xml.strict_page import PageHead, decode_page
from support.protocol.answers import PROLOG, answer, page, result

ROW = "<GLDETAIL><RECORDNO>{0}</RECORDNO><JOURNAL.SYMBOL>GJ</JOURNAL.SYMBOL><MEMO>{1}</MEMO></GLDETAIL>"


def test_rows_keep_text_exactly_and_distinguish_empty_from_missing() -> None:
    body = page(
        "<GLDETAIL><RECORDNO>1</RECORDNO><MEMO> a &amp; b\n</MEMO><DOC/></GLDETAIL>"
        "<GLDETAIL><MEMO></MEMO><RECORDNO>2</RECORDNO></GLDETAIL>"
        "<GLDETAIL></GLDETAIL>",
        count=3,
        attributes='totalcount="12" offset="4" count="3" numremaining="5"',
    )
    decoded = decode_page(body)
    assert decoded.head == PageHead("GLDETAIL", 3, 12, 4, 5)
    assert decoded.rows == [{"RECORDNO": "1", "MEMO": " a & b\n", "DOC": None}, {"MEMO": None, "RECORDNO": "2"}, {}]
    assert decoded.response.operations[0].authentication.session_timeout == "2026-11-21T03:00:25+00:00"


def test_a_dotted_tag_is_one_name_and_white_space_between_elements_is_ignored() -> None:
    body = page(f"\n  {ROW.format(7, 'x')}\n  ".replace("><", ">\n <"), count=1)
    assert decode_page(body).rows == [{"RECORDNO": "7", "JOURNAL.SYMBOL": "GJ", "MEMO": "x"}]


def test_a_page_of_read_by_query_names_its_result_id() -> None:
    # shape: C SDK tests, GO live; lower-case row tags and a resultId
    body = answer(
        result(
            '<data listtype="class" count="1" totalcount="2" numremaining="1" resultId="7765623330Vqb8pMCoA4IAAEnu">'
            "<class><RECORDNO>5</RECORDNO></class></data>",
            function="readByQuery",
        )
    )
    assert decode_page(body).head == PageHead("class", 1, 2, 0, 1)


def test_the_total_tells_what_remains_where_the_page_does_not() -> None:
    """A read that ended here would lose the rows of the other pages."""
    attributes = 'totalcount="12" offset="4" count="1"'
    assert decode_page(page(ROW.format(7, "x"), count=1, attributes=attributes)).head == PageHead(
        "GLDETAIL", 1, 12, 4, 7
    )


def test_an_empty_page_is_a_page() -> None:
    decoded = decode_page(page("", count=0))
    assert decoded.head is not None
    assert (decoded.head.count, decoded.rows) == (0, [])


REFUSED = result(
    "<errormessage><error><errorno>DL02000001</errorno><description></description>"
    "<description2>There was an error processing the request. [Support ID: a%7Eb]</description2>"
    "<correction></correction></error></errormessage>",
    status="failure",
)


@pytest.mark.parametrize(
    ("body", "results"),
    [
        (answer(REFUSED), 1),
        (answer(result('<data listtype="A" count="1"><A><B>1</B></A></data>') * 2), 2),
        (answer(result('<data listtype="A" count="1"><A><LINES><line><B>1</B></line></LINES></A></data>')), 1),
        (answer(result('<data listtype="All" count="1"><type typename="APBILL">AP Bill</type></data>')), 1),
        (answer(result('<data listtype="A" count="1"><A>text<B>1</B></A></data>')), 1),
        (answer(result('<data listtype="A" count="1">text<A><B>1</B></A></data>')), 1),
        (answer(result("<data><api><sessionid>s</sessionid></api></data>", function="getAPISession")), 1),
    ],
)
def test_an_answer_that_is_not_a_page_is_a_response(body: bytes, results: int) -> None:
    decoded = decode_page(body)
    assert (decoded.head, decoded.rows) == (None, [])
    assert len(decoded.response.operations[0].results) == results
    for one in decoded.response.operations[0].results:
        assert one.faults or (one.data is not None and one.data.children)


def test_a_refused_page_carries_its_faults() -> None:
    (fault,) = decode_page(answer(REFUSED)).response.operations[0].results[0].faults
    assert (fault.errorno, fault.support_id) == ("DL02000001", "a~b")


GOOD = page(ROW.format(1, "x") + ROW.format(2, "y"), count=2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (GOOD.replace(b'count="2" num', b'count="3" num'), "count is 3 and the number of its rows is 2"),
        (GOOD.replace(b'totalcount="2"', b'totalcount="many"'), "totalcount is 'many'"),
        (
            GOOD.replace(b"<MEMO>y</MEMO>", b"<MEMO>y</MEMO><MEMO>z</MEMO>"),
            "row 2 of the page has two different <MEMO>",
        ),
        (GOOD.replace(b"<MEMO>y", b"<MEMO>\x01"), "not readable as XML"),
        (GOOD.replace(b"<MEMO>y", b"<MEMO>&bad;"), "not readable as XML"),
        (GOOD.replace(b"<MEMO>y", b"<MEMO>\xff"), "not readable as XML"),
        (GOOD.replace(b"</MEMO>", b"</MEMOS>", 1), "not readable as XML"),
        (GOOD.replace(PROLOG.encode(), PROLOG.encode() + b"<!DOCTYPE r [<!ENTITY a 'b'>]>"), "DOCTYPE"),
        (GOOD.replace(b"UTF-8", b"NO-SUCH"), "not readable as XML: unknown encoding"),
        (GOOD.replace(b"UTF-8", b"big5"), "not readable as XML"),
        (GOOD.replace(b"UTF-8", b"base64"), "not readable as XML"),
        (b"", "not readable as XML"),
        (b"<html>502</html>", "root is <html>"),
    ],
)
def test_malformed_answers_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(RemoteProtocolError, match=message):
        decode_page(body)


@pytest.mark.parametrize("cut", range(0, len(GOOD) - 1, 7))
def test_a_page_cut_short_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_page(GOOD[:cut])


def test_the_size_is_bounded_before_reading() -> None:
    with pytest.raises(RemoteProtocolError, match="more than the limit of 100"):
        decode_page(GOOD, max_bytes=100)


def test_the_same_cell_twice_is_one_cell() -> None:
    assert decode_page(page("<A><B>1</B><B>1</B></A>", count=1)).rows == [{"B": "1"}]
