from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.query import Aggregate, And, Compare, Filter, Op, Or, Order, field
from intacct_protocol.model.query.where import parse_order, parse_select, parse_where

A, B, C = field("A") == 1, field("B") == 2, field("C") == 3


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("TOTALDUE > 0", field("TOTALDUE") > Decimal(0)),
        ("TOTALDUE >= -1.50", field("TOTALDUE") >= Decimal("-1.50")),
        ("TOTALDUE<5", field("TOTALDUE") < Decimal(5)),
        ("TOTALDUE <= .5", field("TOTALDUE") <= Decimal("0.5")),
        ("STATE = 'Posted'", field("STATE") == "Posted"),
        ("STATE == 'Posted'", field("STATE") == "Posted"),
        ('STATE != "Po sted"', field("STATE") != "Po sted"),
        ("STATE <> ''", field("STATE") != ""),
        ("NAME = 'O''Brien'", field("NAME") == "O'Brien"),
        ('NAME = "6"" pipe"', field("NAME") == '6" pipe'),
        ("NAME like 'A%'", field("NAME").like("A%")),
        ("NAME NOT LIKE 'A%'", field("NAME").not_like("A%")),
        ("STATE in ('Posted', 'Paid')", field("STATE").is_in(["Posted", "Paid"])),
        ("RECORDNO not in (1,2)", field("RECORDNO").not_in([Decimal(1), Decimal(2)])),
        ("DUE between 1 and 5", field("DUE").between(Decimal(1), Decimal(5))),
        ("DUE not between 1 and 5", (field("DUE") < Decimal(1)) | (field("DUE") > Decimal(5))),
        ("PAID is null", field("PAID").is_null()),
        ("PAID IS NOT NULL", field("PAID").is_not_null()),
        ("DAY >= 2026-01-31", field("DAY") >= date(2026, 1, 31)),
        ("AT >= 2026-01-31T10:00:00", field("AT") >= datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("AT >= 2026-01-31T10:00+01:00", field("AT") >= datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("AT >= 2026-01-31T10:00:00Z", field("AT") >= datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("ONHOLD = true", field("ONHOLD") == True),  # noqa: E712  # what is under test
        ("CUSTOMER.DEPT# = FALSE", field("CUSTOMER.DEPT#") == False),  # noqa: E712  # what is under test
        ("A = 1 and B = 2 or C = 3", (A & B) | C),
        ("A = 1 and (B = 2 or C = 3)", A & (B | C)),
        ("A = 1 AND B = 2 And C = 3", And((A, B, C))),
        ("not A = 1 and B = 2", (field("A") != 1) & B),
        ("not (A = 1 and B = 2)", Or((field("A") != 1, field("B") != 2))),
        ("not not A = 1", A),
        ("((A = 1))", A),
        ("A = 1\n  and B = 2", A & B),
    ],
)
def test_filters_are_parsed(text: str, node: Filter) -> None:
    assert parse_where(text) == node


@pytest.mark.parametrize(
    ("text", "column", "marks", "says", "hint"),
    [
        ("", 1, "^", "it is empty", "TOTALDUE > 0"),
        ("TOTALDUE > and A = 1", 12, "^^^", "expected a value after >, found and", "quotes"),
        ("STATE = Posted", 9, "^^^^^^", "found Posted", "'Posted'"),
        ("STATE Posted", 7, "^^^^^^", "expected a comparison after STATE", "between"),
        ("A = 1 B = 2", 7, "^", "expected and, or, or the end, found B", ""),
        ("A = 1 && B = 2", 7, "^^", "found &&", "write and"),
        ("A = 1)", 6, "^", "found )", "the ( for it is missing"),
        ("(A = 1", 7, "^", "expected ) for the ( at column 1, found the end", ""),
        ("A = null", 5, "^^^^", "cannot be compared with null", "is null"),
        ("A in ()", 7, "^", "the list is empty", "at least one value"),
        ("A in 1", 6, "^", "expected ( before the list of values, found 1", ""),
        ("A in (1", 8, "^", "expected ) after the list of values, found the end", ""),
        ("A between 1 or 2", 13, "^^", "expected and between the two values, found or", ""),
        ("A like 5", 8, "^", "like takes a text", "any run of characters"),
        ("5 < A", 1, "^", "expected a field, found 5", "left"),
        ("A = 01/31/2026", 5, "^^^^^^^^^^", "not how a day is written", "2026-01-31"),
        ("A = 2026-02-30", 5, "^^^^^^^^^^", "not a valid day", ""),
        ("A = 2026-01-31T25:00:00", 5, "^" * 19, "not a valid time", ""),
        ("A = 0100", 5, "^^^^", "does not start with 0", "'0100'"),
        ("A = 'x", 5, "^^", "does not end", "close it with '"),
        ("A = 1; drop", 6, "^", "unexpected ';'", ""),
        ("A like D%", 9, "^", "unexpected '%'", "put text in quotes"),
        ("and = 1", 1, "^^^", "expected a field, found and", ""),
        ("A is 5", 6, "^", "expected null after A is, found 5", ""),
        ("A = ", 5, "^", "found the end", "quotes"),
    ],
)
def test_errors_underline_the_place(text: str, column: int, marks: str, says: str, hint: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        parse_where(text)
    headline, line, underline = raised.value.message.split("\n")
    assert f"at column {column}: " in headline
    assert says in headline
    assert line == f"    {text}"
    assert underline == " " * (4 + column - 1) + marks
    assert hint in raised.value.fix
    assert raised.value.exit_status == 2


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="deeper than 100"):
        parse_where("(" * 5000 + "A = 1" + ")" * 5000)
    with pytest.raises(InvalidRequestError, match="deeper than 100"):
        parse_where("not " * 5000 + "A = 1")
    assert parse_where(" and ".join(["(A = 1)"] * 300)) == And((A,) * 300)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    "number": st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
    "day": st.dates(date(1000, 1, 1)),
    "time": st.datetimes(
        datetime(1900, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=-30))])
    ),
    "truth": st.booleans(),
}


def spelled(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return value.isoformat() if isinstance(value, date) else format(value, "f")


@given(st.one_of(*VALUES.values()))
def test_every_literal_can_be_spelled(value: Any) -> None:
    (found,) = [one for one in [parse_where(f"A != {spelled(value)}")] if isinstance(one, Compare)]
    assert found.op is Op.NOTEQUALTO
    assert found.values == (value,)
    assert isinstance(found.values[0], type(value))


@given(st.text(st.sampled_from("AB'\"()=<>, .0159-/:Tandornotlikeisulbtwe%#&|*"), max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_where, parse_order, parse_select):
        try:
            parse(text)
        except InvalidRequestError as error:
            assert "at column" in error.message or "empty" in error.message


def test_orders() -> None:
    assert parse_order("WHENCREATED desc, RECORDNO") == (Order("WHENCREATED", descending=True), Order("RECORDNO"))
    assert parse_order("A ASC,B DESC , VENDOR.NAME") == (Order("A"), Order("B", descending=True), Order("VENDOR.NAME"))
    for broken in ("", "A,", "A B", "A desc B", "'A'", "A,,B"):
        with pytest.raises(InvalidRequestError, match="the sort order cannot be read at column"):
            parse_order(broken)


def test_selections() -> None:
    assert parse_select("*") == ("*",)
    assert parse_select("A, B.C ,SUM(TOTALDUE)") == ("A", "B.C", Aggregate("sum", "TOTALDUE"))
    for broken in ("", "A,", "A B", "sum(", "sum()", "sum(A", "median(A)", "*A"):
        with pytest.raises(InvalidRequestError, match="the selection cannot be read at column"):
            parse_select(broken)
