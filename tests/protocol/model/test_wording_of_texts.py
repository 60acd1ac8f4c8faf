"""Texts of records as people see them: nothing in them acts on a screen, and what people write stays as it is."""

import unicodedata

import pytest

from intacct_protocol.model.wording import display_lines, display_text

ACTING = [
    chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
]
JOINERS = {"\u200c", "\u200d"}  # The Unicode Standard, chapter 23.2: needed to write Persian, and emoji of families


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("INV-7\nAPBILL V-1 INV-8  create  9.00", r"INV-7\nAPBILL V-1 INV-8  create  9.00"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("page\x0ctwo", r"page\x0ctwo"),
        ("\x1b[2J\x9b31m", r"\x1b[2J\x9b31m"),
        ("next\x85line", r"next\x85line"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("Rent \u202e00.9\u2069", r"Rent \u202e00.9\u2069"),
        ("V\u200b-1\ufeff", r"V\u200b-1\ufeff"),
        ("half \ud83d", r"half \ud83d"),
        ("Šmíd & 株式会社 <b>«ok»</b>", "Šmíd & 株式会社 <b>«ok»</b>"),
        ("می\u200cخواهم 👩\u200d👧", "می\u200cخواهم 👩\u200d👧"),
        ("12\u00a0000,00", "12\u00a0000,00"),
    ],
)
def test_a_text_is_one_line_of_what_it_says(text: str, shown: str) -> None:
    assert display_text(text) == shown


def test_every_acting_character_of_unicode_is_written_out() -> None:
    assert {char for char in ACTING if char in display_text(f"a{char}b")} == JOINERS
    assert {char for char in ACTING if char in display_lines(f"a{char}b")} == JOINERS | {"\n", "\t"}


def test_a_long_text_is_cut_and_says_how_long_it_is() -> None:
    assert display_text("x" * 10_000, 5) == "xxxxx… (10,000 characters)"
    assert display_text("\n" * 6, 5) == r"\n\n\n\n\n… (6 characters)"
    assert display_text("x" * 5, 5) == "xxxxx"


def test_lines_of_a_program_stay_lines() -> None:
    assert display_lines("one\r\ntwo\tthree\rfour") == "one\ntwo\tthree\\rfour"
