"""Cell text and its value: reading and writing."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.errors import RecordError, RemoteProtocolError, SettingsError
from intacct_protocol.xml.values import (
    DEFAULT,
    TEXTS,
    UNSET,
    Formatting,
    Kind,
    Value,
    parse_row,
    parse_value,
    render_value,
    shown,
)

DAY_MONTH = Formatting(".dmY")
ADELAIDE = Formatting("/dmy", 12, 570)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("kind", "text", "formatting", "value"),
    [
        (Kind.TEXT, " kept exactly ", DEFAULT, " kept exactly "),
        (Kind.ENUM, "Posted", DEFAULT, "Posted"),
        (Kind.INTEGER, "-12", DEFAULT, -12),
        (Kind.INTEGER, "0012", DEFAULT, 12),
        (Kind.INTEGER, "2.00", DEFAULT, 2),
        (Kind.INTEGER, "2.50", DEFAULT, Decimal("2.50")),
        (Kind.INTEGER, "123456789012345678901234", DEFAULT, 123456789012345678901234),
        (Kind.CURRENCY, "1679615.93", DEFAULT, Decimal("1679615.93")),
        (Kind.DECIMAL, "-.5", DEFAULT, Decimal("-0.5")),
        (Kind.PERCENT, "0.12345678901234", DEFAULT, Decimal("0.12345678901234")),
        (Kind.DECIMAL, "1.000000000000000000", DEFAULT, Decimal("1")),
        (Kind.BOOLEAN, "true", DEFAULT, True),
        (Kind.BOOLEAN, "F", DEFAULT, False),
        (Kind.DATE, "01/31/2026", DEFAULT, date(2026, 1, 31)),
        (Kind.DATE, "2026-01-31", DEFAULT, date(2026, 1, 31)),
        (Kind.DATE, "01/31/2026 00:00:00", DEFAULT, date(2026, 1, 31)),
        (Kind.DATE, "31.01.2026", DAY_MONTH, date(2026, 1, 31)),
        (Kind.DATE, "01/31/2026", DAY_MONTH, date(2026, 1, 31)),
        (Kind.DATE, "03/04/26", ADELAIDE, date(2026, 4, 3)),
        (Kind.DATE, "3/4/70", ADELAIDE, date(1970, 4, 3)),
        (Kind.TIMESTAMP, "01/31/2026 23:30:05", DEFAULT, utc(2026, 1, 31, 23, 30, 5)),
        (Kind.TIMESTAMP, "01/31/2026", DEFAULT, utc(2026, 1, 31)),
        (Kind.TIMESTAMP, "2020-06-11T17:52:00Z", DEFAULT, utc(2020, 6, 11, 17, 52)),
        (Kind.TIMESTAMP, "2020-06-11T17:52:00+02:00", DEFAULT, utc(2020, 6, 11, 15, 52)),
        (Kind.TIMESTAMP, "2020-06-11T17:52:00", Formatting(offset_minutes=-60), utc(2020, 6, 11, 18, 52)),
        (Kind.TIMESTAMP, "11/06/20 12:52:00 AM", ADELAIDE, utc(2020, 6, 10, 15, 22)),
        (Kind.TIMESTAMP, "11/06/20 12:52:00 pm", ADELAIDE, utc(2020, 6, 11, 3, 22)),
        (Kind.TIMESTAMP, "11/06/20 13:52:00", ADELAIDE, utc(2020, 6, 11, 4, 22)),
        (Kind.TIMESTAMP, "11/06/20 00:52:00", ADELAIDE, utc(2020, 6, 10, 15, 22)),
        (Kind.TIMESTAMP, "11/06/20 09:52:00Z", ADELAIDE, utc(2020, 6, 11, 9, 52)),
        (Kind.TIMESTAMP, "11/06/20 09:52:00-10:30", ADELAIDE, utc(2020, 6, 11, 20, 22)),
        (Kind.TIMESTAMP, "2020-06-11T09:52:00", ADELAIDE, utc(2020, 6, 11, 0, 22)),  # ISO has 24 hours
        (Kind.TIMESTAMP, "01/31/2026 23:30:05.5", DEFAULT, utc(2026, 1, 31, 23, 30, 5, 500_000)),
        (Kind.TIMESTAMP, "01/31/2026 23:30:05.000001", DEFAULT, utc(2026, 1, 31, 23, 30, 5, 1)),
        (Kind.INTEGER, " -12 ", DEFAULT, -12),
        (Kind.DECIMAL, " 1.50 ", DEFAULT, Decimal("1.50")),
        (Kind.BOOLEAN, " True ", DEFAULT, True),
        (Kind.DATE, " 01/31/2026 ", DEFAULT, date(2026, 1, 31)),
        (Kind.TIMESTAMP, " 01/31/2026 ", DEFAULT, utc(2026, 1, 31)),
        (Kind.TEXT, " ", DEFAULT, " "),
        *((kind, " ", DEFAULT, None) for kind in Kind if kind not in TEXTS),
        *((kind, "", DEFAULT, None) for kind in Kind),
    ],
)
def test_text_is_read_as_its_kind(kind: Kind, text: str, formatting: Formatting, value: Value) -> None:
    read = parse_value(kind, text, formatting)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "formatting"),
    [
        (Kind.INTEGER, "twelve", DEFAULT),
        (Kind.INTEGER, "0x1F", DEFAULT),
        (Kind.INTEGER, "١٢", DEFAULT),
        (Kind.INTEGER, "1_000", DEFAULT),
        (Kind.DECIMAL, "1,234.50", DEFAULT),
        (Kind.DECIMAL, "NaN", DEFAULT),
        (Kind.DECIMAL, "Infinity", DEFAULT),
        (Kind.DECIMAL, "0.123456789012345", DEFAULT),
        (Kind.DECIMAL, "1234567890123456789012345", DEFAULT),
        (Kind.DECIMAL, "1e300", DEFAULT),
        (Kind.BOOLEAN, "maybe", DEFAULT),
        (Kind.DATE, "02/30/2026", DEFAULT),
        (Kind.DATE, "13/01/2026", DEFAULT),
        (Kind.DATE, "01/31/26", DEFAULT),
        (Kind.DATE, "01/31/2026 x", DEFAULT),
        (Kind.DATE, "01/31/2026 10:00:00", DEFAULT),
        (Kind.DATE, "03/31/2026", Formatting("/dmY")),
        (Kind.DATE, "00/00/0000", DEFAULT),
        (Kind.TIMESTAMP, "01/31/2026 24:00:00", DEFAULT),
        (Kind.TIMESTAMP, "11/06/20 09:52:00", ADELAIDE),
        (Kind.TIMESTAMP, "11/06/20 01:00:00", ADELAIDE),
        (Kind.TIMESTAMP, "11/06/20 12:59:00", ADELAIDE),
        (Kind.TIMESTAMP, "11/06/20 13:52:00 PM", ADELAIDE),
        (Kind.TIMESTAMP, "01/01/0001", Formatting(offset_minutes=60)),
    ],
)
def test_bad_text_raises_a_named_error(kind: Kind, text: str, formatting: Formatting) -> None:
    with pytest.raises(RecordError, match=r"^'"):
        parse_value(kind, text, formatting)


def test_a_row_distinguishes_absent_from_empty_and_names_the_bad_cell() -> None:
    kinds = {"RECORDNO": Kind.INTEGER, "AMOUNT": Kind.CURRENCY, "MEMO": Kind.TEXT}
    assert parse_row({"RECORDNO": "7", "AMOUNT": None, "MEMO": "", "OTHER": "x"}, kinds) == {
        "RECORDNO": 7,
        "AMOUNT": None,
        "MEMO": None,
        "OTHER": "x",
    }
    with pytest.raises(RecordError, match=r"^AMOUNT: '1,5' is not a number"):
        parse_row({"AMOUNT": "1,5"}, kinds)
    with pytest.raises(RecordError, match=r"AMOUNT of GLENTRY 7: '1,5' is not a number") as caught:
        parse_row({"AMOUNT": "1,5"}, kinds, record="GLENTRY 7")
    assert (caught.value.field, caught.value.record) == ("AMOUNT", "GLENTRY 7")


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Kind.DECIMAL, Decimal("1E+3"), "1000"),
        (Kind.DECIMAL, Decimal("0.00000001"), "0.00000001"),
        (Kind.CURRENCY, 5, "5"),
        (Kind.CURRENCY, "12.50", "12.50"),
        (Kind.BOOLEAN, False, "false"),
        (Kind.DATE, date(2026, 1, 2), "01/02/2026"),
        (Kind.DATE, "2026-01-02", "01/02/2026"),
        (Kind.TIMESTAMP, utc(2026, 1, 2, 3, 4, 5), "01/02/2026 03:04:05"),
        (Kind.TIMESTAMP, datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=1))), "01/01/2026 23:00:00"),
        (Kind.TIMESTAMP, date(2026, 1, 2), "01/02/2026"),
        (Kind.TEXT, True, "true"),
        (Kind.TEXT, Decimal("10.0"), "10.0"),
        (Kind.TEXT, date(2026, 1, 2), "01/02/2026"),
        (Kind.DATE, None, ""),
    ],
)
def test_requests_are_written_in_the_default_formatting(kind: Kind, value: Value, text: str) -> None:
    assert render_value(kind, value) == text


def test_answers_are_written_in_the_users_order_clock_and_offset() -> None:
    noon = utc(2026, 1, 2, 12)
    assert render_value(Kind.TIMESTAMP, noon, ADELAIDE) == "02/01/26 09:30:00 PM"
    assert render_value(Kind.DATE, noon, Formatting(".dmY", 24, 13 * 60)) == "03.01.2026"
    assert render_value(Kind.DATE, "2026-01-02", DAY_MONTH) == "02.01.2026"
    assert render_value(Kind.TIMESTAMP, datetime(2026, 1, 2, 21, 30), ADELAIDE) == "02/01/26 09:30:00 PM"  # local


@pytest.mark.parametrize(
    ("hour", "text"),
    [(0, "12:05:06 AM"), (1, "01:05:06 AM"), (11, "11:05:06 AM"), (12, "12:05:06 PM"), (13, "01:05:06 PM"),
     (23, "11:05:06 PM")],
)  # fmt: skip
def test_the_hours_of_a_12_hour_clock(hour: int, text: str) -> None:
    assert render_value(Kind.TIMESTAMP, utc(2026, 1, 2, hour, 5, 6), Formatting(clock=12)) == f"01/02/2026 {text}"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.DECIMAL, 0.1),
        (Kind.TEXT, 0.1),
        (Kind.DECIMAL, date(2026, 1, 2)),
        (Kind.DECIMAL, Decimal("NaN")),
        (Kind.DECIMAL, Decimal("1e-15")),
        (Kind.INTEGER, True),
        (Kind.BOOLEAN, 1),
        (Kind.DATE, 20260102),
        (Kind.DATE, "tomorrow"),
    ],
)
def test_a_value_its_kind_cannot_hold_is_refused(kind: Kind, value: Any) -> None:
    with pytest.raises(RecordError):
        render_value(kind, value)


@pytest.mark.parametrize(
    ("texts", "formatting"),
    [
        (("/mdY", "24", "+00:00"), DEFAULT),
        (("-Ymd", "12", "-08:00"), Formatting("-Ymd", 12, -480)),
        ((".ymd", "24", "+09:30"), Formatting(".ymd", 24, 570)),
        (("", "", ""), DEFAULT),
        ((" ", " ", " "), DEFAULT),
        (("/mdY", "24", "-03:30"), Formatting("/mdY", 24, -210)),  # the sign counts for the minutes too
        ((" /dmY ", " 12 ", " GMT+1:00 "), Formatting("/dmY", 12, 60)),
    ],
)
def test_formatting_is_read_from_the_gateways_texts(texts: tuple[str, str, str], formatting: Formatting) -> None:
    assert Formatting.of(*texts) == formatting


@pytest.mark.parametrize("texts", [("mdY", "24", ""), ("/mdd", "24", ""), ("/mdY", "x", ""), ("/mdY", "24", "noon")])
def test_unreadable_formatting_is_an_error(texts: tuple[str, str, str]) -> None:
    with pytest.raises(RemoteProtocolError, match="formatting cannot be read"):
        Formatting.of(*texts)
    with pytest.raises(SettingsError, match="clock"):
        Formatting(clock=13)


def test_an_unknown_data_type_is_text_and_unset_is_not_none() -> None:
    assert Kind.of(" decimal ") is Kind.DECIMAL
    assert Kind.of("BLOB") is Kind.TEXT
    assert UNSET is not None
    assert not UNSET
    assert repr(UNSET) == "UNSET"


def test_a_clock_is_less_than_a_day_away_from_utc() -> None:
    assert [Formatting(offset_minutes=one).zone.utcoffset(None) for one in (-1439, 1439)] == [
        timedelta(days=-1, minutes=1),
        timedelta(days=1, minutes=-1),
    ]
    for minutes in (-1440, 1440):
        with pytest.raises(SettingsError, match="a day or more"):
            Formatting(offset_minutes=minutes)


def test_a_long_text_is_quoted_in_part() -> None:
    assert shown("x" * 60) == "'" + "x" * 60 + "'"
    assert shown("x" * 61) == "'" + "x" * 57 + "...'"


orders = st.sampled_from(["mdY", "dmY", "Ymd", "mdy", "dmy", "ymd", "Ydm", "mYd"])
formattings = st.builds(
    lambda separator, order, clock, minutes: Formatting(separator + order, clock, minutes),
    st.sampled_from("/-."),
    orders,
    st.sampled_from([12, 24]),
    st.integers(-14 * 4, 14 * 4).map(lambda quarter: quarter * 15),
)
days = st.dates(date(1970, 1, 2), date(2068, 12, 30))
moments = st.datetimes(datetime(1970, 1, 2), datetime(2068, 12, 30), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
amounts = st.decimals(-(10**12), 10**12, places=4)
typed = st.one_of(
    st.tuples(st.just(Kind.DATE), days),
    st.tuples(st.just(Kind.TIMESTAMP), moments),
    st.tuples(st.just(Kind.CURRENCY), amounts),
    st.tuples(st.just(Kind.INTEGER), st.integers(-(10**20), 10**20)),
    st.tuples(st.just(Kind.BOOLEAN), st.booleans()),
    st.tuples(st.just(Kind.TEXT), st.text(min_size=1)),
)


@given(typed, formattings)
def test_values_in_every_users_format_are_read_back(pair: tuple[Kind, Value], formatting: Formatting) -> None:
    kind, value = pair
    assert parse_value(kind, render_value(kind, value, formatting), formatting) == value


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("0." + "0" * 20, True),  # zero, with more places than the column has
        ("-0E-30", True),
        ("0E+30", True),
        ("1." + "0" * 20, True),
        ("0.0000000000000100", True),
        ("0.0000000000000110", False),
        ("123456789." + "0" * 14 + "1", False),
        ("0." + "0" * 13 + "1", True),
        ("0." + "0" * 14 + "1", False),
        ("9" * 24, True),
        ("1" + "0" * 24, False),
        ("1E+24", False),
        ("1E+23", True),
    ],
)
def test_a_number_fits_24_digits_before_and_14_after_the_point(text: str, fits: bool) -> None:
    if not fits:
        with pytest.raises(RecordError, match=r"digits (before|after) the point"):
            parse_value(Kind.DECIMAL, text)
    else:
        assert parse_value(Kind.DECIMAL, text) == Decimal(text)
