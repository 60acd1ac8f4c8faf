from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import eq, ge, gt, itemgetter, le, lt, ne
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.evaluate import predicate, sort_key
from intacct_protocol.model.query.query import Compare, Filter, Op, Order, field
from intacct_protocol.xml.values import Kind, Value, render_value
from support.protocol.strategies import DATES, DECIMALS, TIMES

KINDS = {
    "N": Kind.INTEGER,
    "D": Kind.CURRENCY,
    "DAY": Kind.DATE,
    "TIME": Kind.TIMESTAMP,
    "YES": Kind.BOOLEAN,
    "T": Kind.TEXT,
}


def kind_of(name: str) -> Kind:
    return KINDS[name]


def holds(where: Filter, **row: str | None) -> bool:
    return predicate(where, kind_of)(row)


@pytest.mark.parametrize(
    ("where", "cell", "expected"),
    [
        (field("N") == 5, "5", True),
        (field("N") == 5, "5.00", True),
        (field("N") > 9, "10", True),
        (field("N").is_in([1, 2]), "02", True),
        (field("N").not_in([1, 2]), "3", True),
        (field("N").between(1, 3), "3", True),
        (field("N").between(1, 3), "4", False),
        (field("N") == "5", "5", True),
        (field("D") == Decimal("0.3"), "0.30", True),
        (field("D") < 0, "-0.01", True),
        (field("D") > 0, "unreadable", False),
        (field("D") < 0, "NaN", False),
        (field("DAY") >= date(2026, 1, 31), "02/01/2026", True),
        (field("DAY") >= "01/31/2026", "2026-01-31", True),
        (field("DAY") == date(2026, 1, 31), "01/31/2026", True),
        (field("DAY") < date(2026, 1, 31), "12/31/2025", True),
        (field("TIME") >= datetime(2026, 1, 31, 10, tzinfo=UTC), "01/31/2026 10:00:00", True),
        (field("TIME") > datetime(2026, 1, 31, 10, tzinfo=UTC), "01/31/2026 10:00:00", False),
        (field("TIME") >= "01/31/2026 10:00:00", "2026-01-31T10:00:00Z", True),
        (field("TIME") == date(2026, 1, 31), "01/31/2026", True),
        (field("YES") == True, "true", True),  # noqa: E712  # what is under test
        (field("YES") == "false", "F", True),
        (field("T") == "Posted", "Posted", True),
        (field("T") == "Posted", "posted", False),
        (field("T") != "Posted", "posted", True),
        (field("T") == 5, "5", True),
        (field("T") < "9", "10", True),
        (field("T").like("Po%"), "Posted", True),
        (field("T").like("P_sted"), "Posted", True),
        (field("T").like("P_sted"), "Psted", False),
        (field("T").like("%.x%"), "a.x", True),
        (field("T").like("%.x%"), "abx", False),
        (field("T").not_like("Po%"), "Paid", True),
        (field("T").is_in(["a", "b"]), "b", True),
        (field("T").is_null(), "", True),
        (field("T").is_null(), "x", False),
        (field("T").is_not_null(), "x", True),
    ],
)
def test_a_comparison_follows_the_kind(where: Compare, cell: str, expected: bool) -> None:
    assert holds(where, **{where.field: cell}) is expected


@pytest.mark.parametrize("op", [op for op in Op if op is not Op.ISNULL])
@pytest.mark.parametrize("cell", [None, "", "absent"])
def test_a_null_matches_no_comparison(op: Op, cell: str | None) -> None:
    values: tuple[Value, ...] = {Op.BETWEEN: (1, 2), Op.ISNOTNULL: ()}.get(op, (1,))
    row = {} if cell == "absent" else {"N": cell, "T": cell}
    assert not predicate(Compare("N", op, values), kind_of)(row)
    text = tuple(str(value) for value in values)
    assert not predicate(Compare("T", op, text), kind_of)(row)


def test_an_empty_literal_matches_no_row() -> None:
    assert not holds(field("T") == "", T="")
    assert not holds(field("T") != "", T="x")
    assert not holds(field("T").is_in([""]), T="")


def test_parts_join() -> None:
    a, b, c = field("N") == 1, field("T") == "x", field("YES") == "true"
    row = {"N": "1", "T": "y", "YES": "true"}
    assert predicate(a & (b | c), kind_of)(row)
    assert not predicate(a & b & c, kind_of)(row)
    assert predicate(b | (field("T") == "z") | a, kind_of)(row)
    assert not predicate(~a | b, kind_of)(row)


def test_case_is_ignored_on_request() -> None:
    for where in (field("T") == "POSTED", field("T").like("pO%"), field("T").is_in(["pOSTED"])):
        assert predicate(where, kind_of, case_insensitive=True)({"T": "Posted"})
        assert not predicate(where, kind_of)({"T": "Posted"})


def test_a_text_key_compares_as_text_or_as_number_on_request() -> None:
    where = field("T") > "9"
    assert not predicate(where, kind_of)({"T": "10"})
    as_number = predicate(where, kind_of, numeric_text={"T"})
    assert [as_number({"T": text}) for text in ("10", "8", "PO-1")] == [True, False, True]


def test_rows_may_be_of_any_type_with_cells() -> None:
    positions = {"N": 0, "T": 1}
    found = predicate((field("N") > 1) & (field("T") == "x"), kind_of, cells=lambda name: itemgetter(positions[name]))
    assert [found(row) for row in (("2", "x"), ("1", "x"), (None, "x"))] == [True, False, False]


def test_a_literal_that_the_field_cannot_hold_is_refused_before_any_row() -> None:
    for where in (field("N") == "x", field("DAY") == "soon", field("YES") == 3, field("TIME") == 3):
        with pytest.raises(InvalidRequestError, match="cannot be compared with"):
            predicate(where, kind_of)


OPS: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQUALTO: eq,
    Op.NOTEQUALTO: ne,
    Op.LESSTHAN: lt,
    Op.LESSTHANOREQUALTO: le,
    Op.GREATERTHAN: gt,
    Op.GREATERTHANOREQUALTO: ge,
}
PAIRS = st.one_of(
    st.tuples(st.just("D"), DECIMALS, DECIMALS),
    st.tuples(st.just("N"), st.integers(-99, 99), st.integers(-99, 99)),
    st.tuples(st.just("DAY"), DATES, DATES),
    st.tuples(st.just("TIME"), TIMES, TIMES),
    st.tuples(st.just("T"), st.text("abAB%_", min_size=1), st.text("abAB%_", min_size=1)),
)


@given(PAIRS, st.sampled_from(list(OPS)))
def test_text_compares_as_the_values_do(pair: tuple[str, Value, Value], op: Op) -> None:
    name, cell, literal = pair
    row = {name: render_value(KINDS[name], cell)}
    expected = OPS[op](cell, literal)
    assert predicate(Compare(name, op, (literal,)), kind_of)(row) is expected
    as_text = render_value(KINDS[name], literal)
    assert predicate(Compare(name, op, (as_text,)), kind_of)(row) is expected


@given(st.lists(st.none() | st.integers(-9, 9)), st.booleans())
def test_orders_sort_by_kind_with_nulls_at_the_high_end(values: list[int | None], descending: bool) -> None:
    rows = [{"N": None if value is None else str(value)} for value in values]
    key = sort_key((Order("N", descending),), kind_of)
    found = [row["N"] for row in sorted(rows, key=key)]
    high = sorted((value for value in values if value is not None), reverse=descending)
    nulls = [None] * values.count(None)
    texts = [str(value) for value in high]
    assert found == (nulls + texts if descending else texts + nulls)


def test_orders_nest_and_keep_equals_in_place() -> None:
    rows = [{"T": "b", "DAY": "01/31/2026"}, {"T": "a", "DAY": "02/01/2026"}, {"T": "a", "DAY": "12/31/2025"}]
    key = sort_key((Order("T"), Order("DAY", descending=True)), kind_of)
    assert [row["DAY"] for row in sorted(rows, key=key)] == ["02/01/2026", "12/31/2025", "01/31/2026"]
    numbers = sort_key((Order("T"),), kind_of, numeric_text=["T"])
    assert [row["T"] for row in sorted([{"T": "10"}, {"T": "9"}, {"T": "x"}], key=numbers)] == ["9", "10", "x"]
