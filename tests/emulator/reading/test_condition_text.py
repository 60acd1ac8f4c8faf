import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_emulator.reading.condition_text import parse_legacy
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.query import Compare, Filter, Op, field


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("STATUS = 'T'", field("STATUS") == "T"),
        ("TOTALDUE > 0", field("TOTALDUE") > "0"),
        ("TOTALDUE >= -1.5 AND TOTALDUE <= 2", (field("TOTALDUE") >= "-1.5") & (field("TOTALDUE") <= "2")),
        (r"NAME = 'Erin\'s Software'", field("NAME") == "Erin's Software"),
        (r"NAME = 'a\\b'", field("NAME") == "a\\b"),
        ("NAME like 'A%' or NAME not like '%z'", field("NAME").like("A%") | field("NAME").not_like("%z")),
        ("VENDORID IN ('V1','V2')", field("VENDORID").is_in(["V1", "V2"])),
        ("RECORDNO not in (1, 2)", field("RECORDNO").not_in(["1", "2"])),
        ("WHENPAID IS NULL", field("WHENPAID").is_null()),
        ("WHENPAID is not null", field("WHENPAID").is_not_null()),
        ("NOT (A = '1' OR B = '2')", (field("A") != "1") & (field("B") != "2")),
        ("A != '1' and B <> '2'", (field("A") != "1") & (field("B") != "2")),
        ("WHENMODIFIED >= '01/31/2026 10:00:00'", field("WHENMODIFIED") >= "01/31/2026 10:00:00"),
        ("COMMENT_TEXT = 'rownum'", field("COMMENT_TEXT") == "rownum"),
    ],
)
def test_queries_that_the_gateway_takes_are_parsed(text: str, node: Filter) -> None:
    found = parse_legacy(text)
    assert found.where == node
    assert found.rownum == ()


def test_an_empty_query_selects_all_rows() -> None:
    assert parse_legacy("  ").where is None


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("rownum = 1", [0]),
        ("ROWNUM < 3", [0, 1]),
        ("rownum > 3", [3, 4]),
        ("rownum > 1 and rownum < 4", [1, 2]),
        ("rownum = 9", []),
        ("rownum < 1", []),
        ("A = 'x'", [0, 1, 2, 3, 4]),
    ],
)
def test_row_numbers_are_a_range(text: str, rows: list[int]) -> None:
    assert list(parse_legacy(text).rows(5)) == rows


def test_row_numbers_combine_with_a_filter() -> None:
    found = parse_legacy("A = 'x' and rownum < 5 and B = 'y'")
    assert found.where == (field("A") == "x") & (field("B") == "y")
    assert found.rownum == (Compare("ROWNUM", Op.LESSTHAN, ("5",)),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A='x'", "needs a space"),
        ("A = 'x' AND B >'5'", "needs a space"),
        ("VENDOR.NAME = 'x'", "other objects"),
        ('A = "x"', "unexpected"),
        ("A = x", "single quotes or a number"),
        ("A = 'x", "does not end"),
        (r"A = 'x\'", "does not end"),
        ("A = 'x' ORDER BY A", "expected and, or, or the end, found ORDER"),
        ("A between 1 and 2", "expected an operator"),
        ("'x' = A", "expected a field"),
        ("rownum = 1 or A = 'x'", "only be joined by and"),
        ("A = 'x' and (rownum = 1 or B = 'y')", "only be joined by and"),
        ("rownum >= 1", "takes =, < or >"),
        ("A = 'x' and not rownum < 5", "only be joined by and"),
        ("rownum = 'x'", "takes =, < or >"),
        ("A in ()", "single quotes or a number"),
        ("(A = 'x'", "expected )"),
        ("*", "unexpected"),
        ("A =", "needs a space"),
    ],
)
def test_queries_that_the_gateway_refuses_are_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match="the query cannot be read at column") as raised:
        parse_legacy(text)
    assert says in raised.value.message


@given(st.text(max_size=12))
def test_every_text_survives_its_quoting(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    assert parse_legacy(f"A = '{quoted}'").where == (field("A") == value)
