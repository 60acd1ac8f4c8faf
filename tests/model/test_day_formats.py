"""Formats of dates: every token, and what is none."""

from datetime import datetime

import pytest

from intacct_bridge.errors import RecordError, SettingsError
from intacct_bridge.model.day_formats import check_format, read_moment, written
from intacct_bridge.model.mapping.language import parse_map


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
        ("DD.MM", "has no year"),
        ("YYYY-MM", "has no day"),
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
