from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.query import (
    Aggregate,
    And,
    Compare,
    Filter,
    Op,
    Or,
    Order,
    Query,
    all_of,
    any_of,
    comparisons,
    field,
    rebuilt,
)
from support.protocol.strategies import LITERALS, filters


def test_comparisons_build_nodes() -> None:
    amount = field("TOTALDUE")
    assert (amount > 5) == Compare("TOTALDUE", Op.GREATERTHAN, (5,))
    assert (amount >= 5) == Compare("TOTALDUE", Op.GREATERTHANOREQUALTO, (5,))
    assert (amount < 5) == Compare("TOTALDUE", Op.LESSTHAN, (5,))
    assert (amount <= 5) == Compare("TOTALDUE", Op.LESSTHANOREQUALTO, (5,))
    assert (amount == 5) == Compare("TOTALDUE", Op.EQUALTO, (5,))
    assert (amount != 5) == Compare("TOTALDUE", Op.NOTEQUALTO, (5,))
    assert amount.between(1, 5) == Compare("TOTALDUE", Op.BETWEEN, (1, 5))
    assert amount.is_in([1, 2]) == Compare("TOTALDUE", Op.IN, (1, 2))
    assert amount.not_in([1, 2]) == Compare("TOTALDUE", Op.NOTIN, (1, 2))
    assert amount.like("a%") == Compare("TOTALDUE", Op.LIKE, ("a%",))
    assert amount.not_like("a%") == Compare("TOTALDUE", Op.NOTLIKE, ("a%",))
    assert (amount == None) == Compare("TOTALDUE", Op.ISNULL)  # noqa: E711  # what is under test
    assert (amount != None) == Compare("TOTALDUE", Op.ISNOTNULL)  # noqa: E711  # what is under test


def test_operators_join_and_flatten() -> None:
    a, b, c = field("A") == 1, field("B") == 2, field("C") == 3
    assert a & b & c == And((a, b, c))
    assert a | b | c == Or((a, b, c))
    assert (a & b) | c == Or((And((a, b)), c))


def test_a_single_part_is_returned_as_it_is() -> None:
    a = field("A") == 1
    assert all_of([a]) == a
    assert any_of([a]) == a


def test_negation_is_pushed_down_to_the_operators() -> None:
    a, b, c = field("A") > 1, field("B").between(1, 2), field("C").is_null()
    assert ~(a & (b | c)) == Or(
        (
            field("A") <= 1,
            And((Or((field("B") < 1, field("B") > 2)), field("C").is_not_null())),
        )
    )


@given(filters(LITERALS))
def test_a_double_negation_leaves_no_more_than_split_betweens(node: Filter) -> None:
    if not any(one.op is Op.BETWEEN for one in comparisons(node)):
        flattened = rebuilt(node, lambda one: one)
        assert ~~node == flattened


@pytest.mark.parametrize("other", [5, None, "x", field("A")])
def test_joining_with_another_type_raises_at_once(other: Any) -> None:
    with pytest.raises(InvalidRequestError, match="joins filters"):
        (field("A") == 1) & other
    with pytest.raises(InvalidRequestError, match="joins filters"):
        (field("A") == 1) | other


def test_a_filter_has_no_truth_value() -> None:
    with pytest.raises(InvalidRequestError, match="has no truth value"):
        bool(field("A") == 1)


def test_an_empty_list_is_a_clear_error() -> None:
    with pytest.raises(InvalidRequestError, match="list of values for VENDORID is empty"):
        field("VENDORID").is_in([])


def test_a_text_is_refused_as_a_list() -> None:
    with pytest.raises(InvalidRequestError, match="must be a list"):
        field("VENDORID").is_in("V1")


def test_floats_are_refused_with_the_exact_spelling() -> None:
    with pytest.raises(InvalidRequestError, match="float") as raised:
        field("TOTALDUE").between(0, 0.1)  # type: ignore[arg-type]
    assert raised.value.fix == 'use Decimal("0.1")'


def test_wrong_numbers_of_values_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="takes 2 values, not 1"):
        Compare("A", Op.BETWEEN, (1,))
    with pytest.raises(InvalidRequestError, match="takes 0 values, not 1"):
        Compare("A", Op.ISNULL, (1,))
    with pytest.raises(InvalidRequestError, match="null"):
        Compare("A", Op.EQUALTO, (None,))
    with pytest.raises(InvalidRequestError, match="is not text"):
        Compare("A", Op.EQUALTO, ([1],))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="no conditions"):
        And(())


def test_a_query_checks_its_own_numbers() -> None:
    assert Query("APBILL", ("RECORDNO",), order=(Order("RECORDNO"),)).page_size == 2000
    for broken in (
        lambda: Query("APBILL", ()),
        lambda: Query("APBILL", ("A",), page_size=2001),
        lambda: Query("APBILL", ("A",), page_size=0),
        lambda: Query("APBILL", ("A",), offset=-1),
        lambda: Query("APBILL", ("A",), return_format="yaml"),
        lambda: Aggregate("median", "TOTALDUE"),
    ):
        with pytest.raises(InvalidRequestError):
            broken()


def test_comparisons_come_in_order() -> None:
    where = (field("A") == 1) & ((field("B") == Decimal("2.5")) | (field("C") == date(2026, 1, 31)))
    assert [one.field for one in comparisons(where)] == ["A", "B", "C"]
    assert comparisons(None) == []
