"""Cells as values and back: nothing is rounded, guessed or lost."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.errors import RecordError, SettingsError
from intacct_bridge.wire.values import UNSET, Formatting, Kind, Value, parse_value, render_value

FORMATTINGS = st.builds(
    Formatting,
    date=st.sampled_from(["/mdY", "-Ymd", ".dmY", "/dmY", "-mdY", ".Ymd"]),
    clock=st.sampled_from([12, 24]),
    offset_minutes=st.integers(-12 * 60, 14 * 60),
)
DATES = st.dates(date(1000, 1, 2), date(9999, 12, 30))
SECONDS = st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(
    lambda t: t.replace(microsecond=0)
)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        # shapes: gateway.md §4.3, §4.4
        (Kind.DATE, "11/21/2026", date(2026, 11, 21)),
        (Kind.DATE, "2026-11-21", date(2026, 11, 21)),
        (Kind.TIMESTAMP, "11/21/2026 07:08:09", datetime(2026, 11, 21, 7, 8, 9, tzinfo=UTC)),
        (Kind.TIMESTAMP, "2020-06-11T17:52:00Z", datetime(2020, 6, 11, 17, 52, tzinfo=UTC)),
        (Kind.TIMESTAMP, "2023-04-25T00:50:25+02:00", datetime(2023, 4, 24, 22, 50, 25, tzinfo=UTC)),
        (Kind.TIMESTAMP, "11/21/2026", datetime(2026, 11, 21, tzinfo=UTC)),
        (Kind.DECIMAL, "1679615.93", Decimal("1679615.93")),
        (Kind.CURRENCY, "100.255", Decimal("100.255")),
        (Kind.PERCENT, "-.5", Decimal("-0.5")),
        (Kind.INTEGER, "205375", 205375),
        (Kind.INTEGER, "2.50", Decimal("2.50")),
        (Kind.INTEGER, "2.00", 2),
        (Kind.BOOLEAN, "T", True),
        (Kind.BOOLEAN, "false", False),
        (Kind.TEXT, " 1 ", " 1 "),
        (Kind.DECIMAL, "", None),
        (Kind.TEXT, "", None),
    ],
)
def test_what_a_cell_means(kind: Kind, text: str, value: Value) -> None:
    assert parse_value(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.DATE, "02/30/2026"),
        (Kind.DATE, "13/01/2026"),
        (Kind.DATE, "01/31/26"),
        (Kind.DATE, "01/31/2026x"),
        (Kind.TIMESTAMP, "01/31/2026 25:00:00"),
        (Kind.TIMESTAMP, "01/31/2026 10"),
        (Kind.DECIMAL, "1,234.50"),
        (Kind.DECIMAL, "NaN"),
        (Kind.DECIMAL, "Infinity"),
        (Kind.DECIMAL, "\u0661\u0662"),
        (Kind.INTEGER, "12a"),
        (Kind.BOOLEAN, "maybe"),
    ],
)
def test_what_is_not_of_the_kind_is_named(kind: Kind, text: str) -> None:
    with pytest.raises(RecordError, match="is not"):
        parse_value(kind, text)


@given(DATES, FORMATTINGS)
def test_dates_come_back(value: date, formatting: Formatting) -> None:
    assert parse_value(Kind.DATE, render_value(Kind.DATE, value, formatting), formatting) == value


@given(SECONDS, FORMATTINGS)
def test_times_come_back(value: datetime, formatting: Formatting) -> None:
    assert parse_value(Kind.TIMESTAMP, render_value(Kind.TIMESTAMP, value, formatting), formatting) == value


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_come_back_digit_by_digit(value: Decimal) -> None:
    text = render_value(Kind.DECIMAL, value)
    assert "E" not in text
    assert parse_value(Kind.DECIMAL, text) == value


def test_the_same_moment_in_another_offset() -> None:
    user = Formatting(".dmY", 12, -480)
    assert parse_value(Kind.TIMESTAMP, "20.11.2026 11:08:09 PM", user) == datetime(2026, 11, 21, 7, 8, 9, tzinfo=UTC)
    assert parse_value(Kind.TIMESTAMP, "20.11.2026 12:00:00 AM", user) == datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_a_two_digit_year() -> None:
    assert parse_value(Kind.DATE, "1/2/26", Formatting("/mdy")) == date(2026, 1, 2)


def test_floats_are_refused() -> None:
    with pytest.raises(RecordError, match="float"):
        render_value(Kind.DECIMAL, 0.1)  # type: ignore[arg-type]


def test_a_nonsense_format_is_refused() -> None:
    with pytest.raises(SettingsError, match="date format"):
        Formatting("mdY")


def test_unset_is_not_null() -> None:
    assert UNSET is not None
    assert not UNSET
    assert repr(UNSET) == "UNSET"


def test_kinds() -> None:
    assert Kind.of("CURRENCY") is Kind.CURRENCY
    assert Kind.of("SOMETHING NEW") is Kind.TEXT
    assert parse_value(Kind.TIMESTAMP, "01/01/0001 00:00:00", Formatting(offset_minutes=60)) is not None
    assert timedelta(0) == UTC.utcoffset(None)
