"""Cells at their limits: the longest numbers, the signs of currencies, sums of floats, the orders of dates."""

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.load.tables.cells import (
    COMMA,
    POINT,
    POINTS_GROUP,
    Cell,
    DateOrder,
    DateReading,
    amount_reading,
    cents_of_float,
    currency_sign,
    date_reading,
    may_be,
    points_group,
    read_date,
    read_money,
    text_of,
    written_out,
)
from intacct_protocol.errors import RecordError
from intacct_protocol.model.json_input import is_written_out, json_number

DOLLARS = {"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "ARS", "CLP", "COP", "TWD"}
"""The currencies of the customers' countries that are written with a dollar sign."""
SIGNS = {
    "$": DOLLARS, "US$": {"USD"}, "CA$": {"CAD"}, "C$": {"CAD"}, "A$": {"AUD"}, "AU$": {"AUD"}, "NZ$": {"NZD"},
    "HK$": {"HKD"}, "S$": {"SGD"}, "€": {"EUR"}, "£": {"GBP"}, "¥": {"JPY", "CNY"}, "₹": {"INR"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("\u00a0 a\u00a0b\u00a0", "a b"),
        ("", ""),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+200"), "1E+200"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_a_cell_as_text(cell: Cell, text: str) -> None:
    assert text_of(cell) == text


@pytest.mark.parametrize(
    ("number", "fits"),
    [("1E+99", True), ("1E+100", False), ("12E+98", True), ("12E+99", False), ("1E-100", True), ("1E-101", False),
     ("0E+99", True), ("0E+100", False), ("0E-100", True), ("0E-101", False), ("NaN", False), ("-Infinity", False)],
)  # fmt: skip
def test_a_number_has_100_digits_before_and_100_after_its_point(number: str, fits: bool) -> None:
    value = Decimal(number)
    assert is_written_out(value) is fits
    assert text_of(value) == (format(value, "f") if fits else str(value))
    assert json_number(number) == (value if fits else number)


def test_a_long_number_is_shown_in_part_and_what_is_no_number_is_no_amount() -> None:
    digits = "1234567890123456789012345678901234"
    for number, shown in ((digits, f"1.{digits[1:]}E+133"), (digits + "5", f"1.{digits[1:19]}…")):
        with pytest.raises(RecordError) as refused:
            written_out(Decimal(f"{number}E+100"))
        assert refused.value.message == f"{shown} has too many digits"
    for word in ("NaN", "Infinity"):
        with pytest.raises(RecordError, match=f"'{word}' is not an amount"):
            read_money(Decimal(word))
    assert read_money(Decimal("1E+99")) == 10**99


@pytest.mark.parametrize("cell", [True, date(2026, 1, 2), datetime(2026, 1, 2, 3)])
def test_a_cell_of_another_kind_is_no_amount(cell: Cell) -> None:
    with pytest.raises(RecordError, match="is not an amount"):
        read_money(cell)


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_stands_for_its_currencies_before_or_behind_an_amount(sign: str) -> None:
    for text in (f"{sign}5.00", f"{sign} 5.00", f"5.00 {sign}"):
        assert (currency_sign(text), read_money(text)) == (sign, Decimal(5))
    for text in (
        f"-{sign}5.00",
        f"- {sign} 5.00",
        f"-5.00{sign}",
        f"({sign}5.00)",
        f"( 5.00 {sign} )",
        f"(5{sign})",
        f"{sign} (5)",
    ):
        assert (currency_sign(text), read_money(text)) == (sign, Decimal(-5))
    every = set().union(*SIGNS.values())
    assert {one for one in every | {"CHF"} if may_be(sign, one)} == SIGNS[sign]
    assert all(may_be(sign, one.lower()) for one in SIGNS[sign])


@pytest.mark.parametrize(
    "text", ["-$-5", "-$(5)", "+$+5", "$5$", "($-5)", "(+5)", "($5", "5$)", "(55", "55)", "--5", "()"]
)
def test_two_signs_or_half_a_bracket_are_no_amount(text: str) -> None:
    with pytest.raises(RecordError, match="is not an amount"):
        read_money(text)


@pytest.mark.parametrize(("cell", "sign"), [(5, ""), ("5", ""), ("é5", ""), ("($5", ""), ("x5$)", ""), ("", "")])
def test_a_text_without_an_amount_around_it_has_no_sign_of_a_currency(cell: object, sign: str) -> None:
    assert currency_sign(cell) == sign


@pytest.mark.parametrize(("text", "amount"), [("- 5", -5), ("+\t5", 5), ("-\u202f5", -5), ("\u2014", 0), ("( 5 )", -5)])
def test_blanks_beside_a_sign_do_not_count(text: str, amount: int) -> None:
    assert read_money(text) == amount


def test_points_group_where_a_comma_comes_behind_them() -> None:
    assert points_group(["1", " 1.234,50 "])
    assert not points_group(["1.234", "1,234.50", "12,5"])
    assert not points_group([])
    with pytest.raises(RecordError, match="is not an amount") as refused:
        read_money("1.000", POINTS_GROUP)
    assert refused.value.fix == (
        "write 1000.00 for thousands, else 1.0000: other amounts of the file are like 1.234,50"
    )
    assert read_money("1.00", POINTS_GROUP) == 1
    assert read_money("1.000") == 1


@pytest.mark.parametrize(
    ("number", "cents"),
    [
        ("0.30000000000000004", "0.30"),  # 0.1 + 0.2
        ("0.300000000000001", "0.30"),  # 15 digits, 18 units of the last place
        ("0.30000000000001", None),  # 14 digits, which a person may write
        ("0.300000000000000", None),  # exactly cents
        ("-0.30000000000000004", "-0.30"),
        # near 1 a unit is 2.2204e-16, and 1,024 of them are 2.27374e-13
        ("1.000000000000227", "1.00"),
        ("1.0000000000002275", None),
        # near 10 million a unit is 1.86e-9: a millionth is the limit
        ("10000000.3000010", "10000000.30"),
        ("10000000.3000011", None),
        # near 10 thousand million a unit is 1.907e-6: two of them are the limit
        ("10000000000.3000038", "10000000000.30"),
        ("10000000000.3000039", None),
        ("123456789012.30002", "123456789012.30"),  # 12 digits before the point
        ("1234567890123.3002", None),  # 13 of them do not keep cents
        ("5.5511151231257827E-17", None),  # 0.1 + 0.2 - 0.3 is not written as cents
    ],
)
def test_a_sum_of_floats_stands_for_cents_within_the_error_of_floats(number: str, cents: str | None) -> None:
    assert str(cents_of_float(Decimal(number))) == str(cents)


@given(st.lists(st.integers(1, 10**7), min_size=2, max_size=20))
def test_the_sum_of_floats_of_cents_is_found_again(cents: list[int]) -> None:
    """`sum` of floats may be exact since Python 3.12, so they are added one after another."""
    total = 0.0
    for one in cents:
        total += one / 100
    exact = Decimal(sum(cents)) / 100
    read = cents_of_float(Decimal(repr(total)))
    assert read == exact or (read is None and Decimal(repr(total)) == exact)
    assert math.isclose(total, float(exact))


# --- dates


def reading(*cells: object, order: DateOrder | None = None) -> DateReading:
    return date_reading(cells, order)


def test_the_order_of_a_column() -> None:
    assert reading() == reading("02/02/2026", "x", None, 7) == DateReading()
    assert reading("x", "02/02/2026", "01/02/2026") == DateReading(assumed="01/02/2026")
    assert reading("01/02/2026", "01/13/2026") == DateReading()
    assert reading("12/12/2026").certain
    assert reading("12/13/2026") == DateReading(certain=True, mixed=False)
    assert reading("13/12/2026") == DateReading(certain=False, mixed=False)
    assert reading("13/12/2026", "12/13/2026") == reading("12/13/2026", "13/12/2026", "01/01/2026")
    assert reading("13/12/2026", "12/13/2026") == DateReading(certain=False, mixed=True)
    assert reading("13/12/2026", order="dmy") == DateReading("dmy", short_orders=("dmy",))
    assert reading("13/12/2026", date(2026, 1, 1)).swapped == "13/12/2026"
    assert reading("12/13/2026", date(2026, 1, 1)).swapped == "12/13/2026"
    assert reading("12/12/2026", date(2026, 1, 1)).swapped == ""


@pytest.mark.parametrize(
    ("column", "orders"),
    [
        (["01/02/2026"], ()),
        (["1/2/26"], ("mdy", "dmy", "ymd")),
        (["12/31/26"], ("mdy",)),
        (["31/12/26"], ("dmy", "ymd")),  # the 31st of December 2026, or the 26th of December 2031
        (["31/12/32"], ("dmy",)),
        (["1/2/26", "03/04/2026"], ("mdy", "dmy")),
        (["11/21/26", "02/29/2000"], ("mdy",)),  # 2000 is a leap year
        (["1/2/26", "02/29/2027"], ()),
    ],
)
def test_the_orders_that_a_column_of_short_years_allows(column: list[str], orders: tuple[str, ...]) -> None:
    assert reading(*column).short_orders == orders


def refused(cell: Cell, how: DateReading) -> tuple[str, str]:
    with pytest.raises(RecordError) as caught:
        read_date(cell, how)
    return caught.value.message, caught.value.fix


def test_a_refused_date_says_what_it_may_be() -> None:
    both = ("mdy", "dmy")
    assert refused("1/2/26", DateReading(short_orders=both)) == (
        "'1/2/26' may be 2026-01-02 or 2026-02-01 or 2001-02-26: no other date of the column decides it",
        "set `date_order` to mdy or dmy, give its format with `date_format`, or write dates as 2026-01-31",
    )
    assert refused("1/2/26", DateReading())[0].endswith(": the column has dates of several orders")
    for orders in ((), ("mdy",)):
        assert refused("99/99/99", DateReading(short_orders=orders)) == (
            "'99/99/99' is not a valid date", "write it as 2026-01-31",
        )  # fmt: skip
    assert refused("1/2/2026", DateReading(certain=False))[0].endswith("that can only be day/month")
    assert refused("1/2/2026", DateReading(certain=False, mixed=True))[0].endswith("has dates of both kinds")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("1001.0", "1001"), ("-7.0", "-7"), ("0.0", "0"), ("10.0", "10"), ("1001.50", "1001.50"), ("1.00", "1.00"),
        ("1e3", "1000"), ("100000000000000000000.0", "100000000000000000000"),
    ],
)  # fmt: skip
def test_a_whole_float_of_json_is_a_whole_number_as_text(text: str, cell: str) -> None:
    assert text_of(json_number(text)) == cell


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("11/25/2026", date(2026, 11, 25)),
        ("25/11/2026", date(2026, 11, 25)),
        ("11/11/2026", date(2026, 11, 11)),
        ("11/25/2026 00:00:00", date(2026, 11, 25)),
        ("2026-10-11T00:00:00Z", date(2026, 10, 11)),
        ("12/31/99", date(1999, 12, 31)),
    ],
)
def test_in_a_part_of_a_column_a_date_with_one_meaning_is_read(text: str, day: date) -> None:
    assert read_date(text, date_reading([text, "10/11/2026"], "certain")) == day


def test_in_a_part_of_a_column_a_date_with_two_meanings_is_refused() -> None:
    part = date_reading(["10/25/2026", "10/11/2026"], "certain")
    assert refused("10/11/2026", part) == (
        "'10/11/2026' may be 2026-10-11 or 2026-11-10",
        "set `date_order` to mdy or dmy, or write dates as 2026-01-31",
    )
    assert refused("01/02/03", part)[0] == "'01/02/03' may be 2003-01-02 or 2003-02-01 or 2001-02-03"
    assert refused("13/13/2026", part) == ("'13/13/2026' is not a valid date", "write it as 2026-01-31")


@pytest.mark.parametrize(
    ("text", "order", "hint"),
    [
        ("13/12/2026", "mdy", '; for day/month/year set `date_order = "dmy"`'),
        ("13/01/2026", "mdy", '; for day/month/year set `date_order = "dmy"`'),
        ("12/13/2026", "dmy", '; for month/day/year set `date_order = "mdy"`'),
        ("13/13/2026", "mdy", ""),
        ("12/01/0000", "mdy", ""),
        ("02/30/2026", "mdy", ""),
    ],
)
def test_the_other_order_is_named_where_it_gives_a_date(text: str, order: DateOrder, hint: str) -> None:
    fix = f"write it as 2026-01-31 or 01/31/2026{hint}"
    assert refused(text, DateReading(order)) == (f"{text!r} is not a valid date", fix)


@pytest.mark.parametrize("text", ["21-Foo-26", "Foo 21, 2026", "2026 Foo 21", "21", "Nov 2026"])
def test_a_word_that_is_no_month_makes_no_date(text: str) -> None:
    assert refused(text, DateReading())[0] == f"{text!r} is not a date"


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("03.11.2026", "DD.MM.YYYY"),
        ("3.1.2026", "DD.MM.YYYY"),
        ("31.12.2026", "DD.MM.YYYY"),
        ("20261103", "YYYYMMDD"),
        ("12.31.2026", ""),
        ("32.01.2026", ""),
        ("20261303", ""),
        ("1234", ""),
    ],
)
def test_the_format_of_a_date_of_another_country_is_named_where_it_reads_the_date(text: str, pattern: str) -> None:
    message, fix = refused(text, DateReading())
    assert message == f"{text!r} is not a date"
    assert (f'set `date_format = "{pattern}"`' in fix) is bool(pattern)
    if pattern:
        assert read_date(text, DateReading(pattern=pattern)) is not None


def test_typed_dates_stay_unless_excel_may_have_swapped_them() -> None:
    swapped = DateReading(swapped="13/04/2026")
    assert read_date(datetime(2026, 4, 3, 23, 59)) == read_date(date(2026, 4, 3)) == date(2026, 4, 3)
    assert read_date(date(2026, 4, 13), swapped) == date(2026, 4, 13)
    assert read_date(date(2026, 12, 12), swapped) == date(2026, 12, 12)
    assert refused(date(2026, 4, 12), swapped)[0].startswith("2026-04-12 may be 2026-12-04")
    assert [read_date(cell, DateReading(pattern="DD.MM.YYYY")) for cell in ("", " ", None)] == [None, None, None]


@given(st.dates(date(1969, 1, 1), date(2068, 12, 31)), st.sampled_from(["mdy", "dmy"]))
def test_a_date_in_the_order_of_its_column_is_read(day: date, order: Any) -> None:
    short, long = ("%m/%d/%y", "%m/%d/%Y") if order == "mdy" else ("%d/%m/%y", "%d/%m/%Y")
    how = reading(order=order)
    assert read_date(day.strftime(short), how) == read_date(day.strftime(long), how) == day


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1234,56", "1234.56"), ("1.234,56", "1234.56"), ("1.234.567,8", "1234567.8"), ("1.234.567", "1234567"),
        ("12,5", "12.5"), (",50", "0.50"), ("7,", "7"), ("1234", "1234"), ("-1.234,50", "-1234.50"),
        ("(1.234,50)", "-1234.50"), ("1.234,50 €", "1234.50"), ("-€ 0,01", "-0.01"), ("-", "0"),
    ],
)  # fmt: skip
def test_amounts_with_a_decimal_comma_are_read_if_the_user_sets_it(text: str, amount: str) -> None:
    assert read_money(text, COMMA) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("1.234", "write 1234 or 1234,00: a single point may also be a decimal sign"),
        ("1234.56", "write 1234,56: `decimal` says that a comma is the decimal sign"),
        ("1,234.56", "write 1.234,56: `decimal` says that a comma is the decimal sign"),
        ("0.5", "write 0,5: `decimal` says that a comma is the decimal sign"),
        ("1.23,45", "use points between thousands only, as in 1.234,50, or leave them out"),
        ("1,234,567", "write a number such as 1234,50"),
        ("1 234,50", "remove the spaces if they are between thousands; these may also be two amounts"),
        ("abc", "write a number such as 1234,50"),
    ],
)
def test_other_amounts_are_refused_under_a_decimal_comma(text: str, fix: str) -> None:
    with pytest.raises(RecordError, match="is not an amount") as refused:
        read_money(text, COMMA)
    assert refused.value.fix == fix


def test_numbers_that_are_not_text_need_no_decimal_sign() -> None:
    assert read_money(Decimal("1234.56"), COMMA) == Decimal("1234.56")
    assert read_money(5, COMMA) == 5
    assert read_money("", COMMA) is None


def test_the_decimal_sign_is_never_guessed() -> None:
    assert amount_reading(".", ["1.234,50", "12,50"]) != COMMA
    assert amount_reading(".", ["1234.50"]) == POINT
    assert amount_reading(",", ["1234.50"]) == COMMA
    with pytest.raises(RecordError) as refused:
        read_money("12,50")
    assert "set `decimal` to a comma" in refused.value.fix
