"""Numbers of documents in the forms in which they are looked for."""

import pytest

from intacct_bridge.load.target.find_by_number import has_digit, number_form, with_zeros, without_zeros


@pytest.mark.parametrize(
    ("number", "forms"),
    [
        ("5", ["5", *("5".zfill(width) for width in range(2, 11))]),
        ("0005", ["0005", "5", "05", "005", *("5".zfill(width) for width in range(5, 11))]),
        ("1234567890", ["1234567890"]),
        ("12345678901", ["12345678901"]),
        ("R-05", ["R-05"]),
        ("", [""]),
    ],
)
def test_a_number_of_digits_is_looked_for_with_all_its_zeros(number: str, forms: list[str]) -> None:
    assert list(with_zeros(number)) == forms


@pytest.mark.parametrize(
    ("number", "bare"), [("00123", "123"), ("123", "123"), ("000", "0"), ("R-001", "R-001"), ("0R1", "0R1")]
)
def test_only_a_number_of_digits_loses_its_zeros(number: str, bare: str) -> None:
    assert without_zeros(number) == bare


@pytest.mark.parametrize(
    ("text", "form"), [(" R-1 ", "r-1"), ("STRASSE", "strasse"), ("e\u0301", "\u00e9"), (None, "")]
)
def test_numbers_are_compared_trimmed_in_nfc_and_without_case(text: str | None, form: str) -> None:
    assert number_form(text) == form


@pytest.mark.parametrize(("text", "found"), [("ACH", False), ("ACH1", True), ("1", True), ("", False)])
def test_a_word_has_no_digit(text: str, found: bool) -> None:
    assert has_digit(text) is found
