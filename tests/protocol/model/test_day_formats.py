"""Formats of dates: every token, and what is none."""

from datetime import date, datetime

import pytest

from intacct_bridge.mapping.language import parse_map
from intacct_protocol.errors import RecordError, SettingsError
from intacct_protocol.model.day_formats import check_format, full_year, month_number, read_moment, written


@pytest.mark.parametrize(
    ("pattern", "text", "moment"),
    [
        ("DD.MM.YYYY", "3.4.2026", datetime(2026, 4, 3)),
        ("YYYYMMDD", "20261121", datetime(2026, 11, 21)),
        ("D-MMM-YY", "21-NOV-26", datetime(2026, 11, 21)),
        ("MMMM D, YYYY", "November 3, 2026", datetime(2026, 11, 3)),
        ("YYYY-MM-DDTHH:mm:ssZ", "2026-11-21T10:15:30Z", datetime(2026, 11, 21, 10, 15, 30)),
        ("M/D/YY", "1/2/69", datetime(1969, 1, 2)),
    ],
)
def test_a_date_is_read_by_its_format(pattern: str, text: str, moment: datetime) -> None:
    assert read_moment(pattern, text) == moment


@pytest.mark.parametrize("text", ["31.02.2026", "2026-01-31", "", "1.1.26"])
def test_a_date_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(RecordError, match=r"does not have the format DD\.MM\.YYYY"):
        read_moment("DD.MM.YYYY", text)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("DD.MON.YYYY", "'MON' is not a token"),
        ("dd/mm/yyyy", "'dd' is not a token"),
        ("DD.MM", r"(?m)has no year$"),
        ("YYYY-MM", r"(?m)has no day$"),
        ("DD.MM.YYYY YY", "one part twice"),
        ("DD.DD.MM.YYYY", "one part twice"),
        ("%d.%m", "'d' is not a token"),
    ],
)
def test_a_word_that_is_no_token_is_an_error_of_the_format(pattern: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        check_format(pattern)
    assert "YYYY" in caught.value.fix


def test_an_unknown_token_in_a_mapping_is_the_mapping_s_error() -> None:
    text = 'object = "APBILL"\n[fields]\nWHENCREATED = { from = "Date", as = "date", format = "DD.MON.YY" }\n'
    with pytest.raises(SettingsError, match=r"bills.toml: fields.WHENCREATED: 'MON' is not a token"):
        parse_map(text, "bills.toml")


def test_a_date_is_written_in_its_format() -> None:
    assert written("DD.MM.YYYY", datetime(2026, 4, 3)) == "03.04.2026"
    assert written("MMM DD, YYYY", datetime(2026, 4, 3)) == "Apr 03, 2026"


MONTHS = ("January", "February", "March", "April", "May", "June",
          "July", "August", "September", "October", "November", "December")  # fmt: skip


@pytest.mark.parametrize(("number", "name"), list(enumerate(MONTHS, 1)))
def test_a_month_is_named_in_full_or_by_its_beginning(number: int, name: str) -> None:
    for text in (name, name.upper(), name[:3], f"{name[:3]}."):
        assert month_number(text) == number
        assert read_moment("MMM D YYYY", f"{text} 2 2026") == datetime(2026, number, 2)
    assert written("MMMM D YYYY", date(2026, number, 1)) == f"{name} 01 2026"
    assert written("MMM D YYYY", date(2026, number, 1)) == f"{name[:3]} 01 2026"


@pytest.mark.parametrize(
    "text", ["Ju", "J", "D", "Se", "", "Mayo", "Novembre", "xyz", ".", "NOVX", *(f"{name}x" for name in MONTHS)]
)
def test_another_word_is_no_month(text: str) -> None:
    """`Ju` may be June or July."""
    assert month_number(text) is None


def test_a_month_that_is_no_word_is_refused_and_not_january() -> None:
    for text in ("Foo 3, 2026", "Ma 3, 2026"):
        with pytest.raises(RecordError, match="does not have the format"):
            read_moment("MMM D, YYYY", text)


@pytest.mark.parametrize(("year", "full"), [(0, 2000), (68, 2068), (69, 1969), (99, 1999)])
def test_a_year_of_two_digits(year: int, full: int) -> None:
    """POSIX, strptime: 69 to 99 are of the last century."""
    assert full_year(year) == full


def test_every_token_is_written() -> None:
    moment = datetime(2026, 4, 3, 7, 8, 9)
    assert written("YYYY MM DD HH:mm:ss", moment) == "2026 04 03 07:08:09"
    assert written("YY M D", moment) == "26 04 03"
    assert written("YYYY-MM-DDTHH:mm:ssZ", moment) == "2026-04-03T07:08:09Z"
    assert check_format("D.M.YY") == "D.M.YY"


def test_missing_parts_of_a_time_are_zero_and_blanks_around_a_text_do_not_count() -> None:
    assert read_moment("YYYY-MM-DD HH", " 2026-04-03 07 ") == datetime(2026, 4, 3, 7)
    assert read_moment("YYYY-MM-DD HH:mm", "2026-04-03 07:08") == datetime(2026, 4, 3, 7, 8)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [("DD.MM.YYYY.YY", "one part twice"), ("DD MM MMM YYYY", "one part twice"), ("YYYY-DD", r"(?m)has no month$"),
     ("DDX.MM.YYYY", "'DDX' is not a token"), ("MM.YYYY", r"(?m)has no day$")],
)  # fmt: skip
def test_a_format_has_each_part_once(pattern: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        check_format(pattern)
