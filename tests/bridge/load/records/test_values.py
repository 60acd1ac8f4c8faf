"""Values as text, and values in files of ours: equal where Intacct treats them as equal, and exact."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.load.records.kept_values import fields_from, fields_text
from intacct_bridge.load.records.values import comparable, equal_form, number_text
from intacct_protocol.xml.values import Value

NOON = datetime(2026, 1, 2, 12)
values = st.one_of(
    st.none(), st.booleans(), st.text(), st.integers(), st.dates(), st.datetimes(),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" a b ", "a b"),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (100, "100"),
        (Decimal("100.50"), "100.5"),
        (NOON, "2026-01-02T12:00:00"),
        (NOON.replace(tzinfo=timezone(timedelta(hours=2))), "2026-01-02T10:00:00+00:00"),
        (NOON.replace(tzinfo=UTC), "2026-01-02T12:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_a_value_as_text_for_comparison(value: Value, text: str) -> None:
    assert comparable(value) == text


def test_texts_are_equal_in_either_form_of_an_accent() -> None:
    assert equal_form(" e\u0301") == equal_form("é") == "é"


@pytest.mark.parametrize(
    ("number", "text"),
    [("100", "100"), ("100.00", "100"), ("1E+2", "100"), ("0", "0"), ("0.00", "0"), ("-0.0", "0"), ("-0.10", "-0.1"),
     ("1" * 40 + ".10", "1" * 40 + ".1"), ("1000.001", "1000.001")],
)  # fmt: skip
def test_a_number_as_text_keeps_every_digit_that_counts(number: str, text: str) -> None:
    assert number_text(Decimal(number)) == text


@given(st.dictionaries(st.text(max_size=3), values))
def test_fields_are_read_from_a_file_as_they_were(fields: dict[str, Value]) -> None:
    read = fields_from(fields_text(fields))
    assert read == fields
    assert [type(one) for one in read.values()] == [type(one) for one in fields.values()]
    assert list(map(str, read.values())) == list(map(str, fields.values()))  # 1.50 is not 1.5 there


def test_the_form_of_values_in_files_never_changes() -> None:
    """Pinned: outboxes and plans hold it."""
    fields: dict[str, Value] = {
        "A": "x", "B": True, "C": None, "D": Decimal("1E+3"), "E": NOON, "F": date(2026, 1, 2), "G": 7,
    }  # fmt: skip
    assert fields_text(fields) == (
        '{"A":"x","B":true,"C":null,"D":{"decimal":"1000"},"E":{"time":"2026-01-02T12:00:00"},'
        '"F":{"date":"2026-01-02"},"G":{"integer":"7"}}'
    )


@pytest.mark.parametrize("text", ['{"decimal":"1e5"}', '{"decimal":"NaN"}', "{}", '{"integer":"x"}', '{"time":"x"}'])
def test_a_value_that_is_not_of_its_kind_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # any text
        fields_from(f'{{"A":{text}}}')
