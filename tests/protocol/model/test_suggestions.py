"""Suggestions for unknown names, and counts and lists in messages."""

from decimal import Decimal

import pytest

from intacct_protocol.model.suggestions import MISSPELT, closest, did_you_mean, suggestion
from intacct_protocol.model.wording import amount_shown, counted, listed


def test_the_nearest_name_comes_first_whatever_its_case() -> None:
    assert closest("vender", ["VENDTYPE", "VENDOR", "CLASS"])[0] == "VENDOR"
    assert closest("batch-size", ["batch_size"]) == ["batch_size"]


def test_no_name_is_suggested_for_one_that_is_unlike_all_of_them() -> None:
    assert closest("GLBATCH", ["VENDOR"]) == []
    assert did_you_mean("GLBATCH", ["VENDOR"]) == ""


def test_a_misspelling_is_nearer_than_a_suggestion() -> None:
    assert closest("amount", ["account"]) == ["account"]
    assert closest("amount", ["account"], cutoff=MISSPELT) == []


@pytest.mark.parametrize(
    ("text", "suggested"),
    [
        ("Wages and Salaries", ["Salaries and Wages"]),
        ("Servces Sales", ["Sales and Services"]),
        ("Entertainment & Meals", ["Meals and Entertainment"]),
        ("Rent and Utilities", []),  # as many letters alike as with several, and no word
        ("Vendor ID", ["VENDORID"]),
    ],
)
def test_words_are_compared_in_any_order_and_one_must_be_in_common(text: str, suggested: list[str]) -> None:
    names = ["Sales and Services", "Salaries and Wages", "Meals and Entertainment", "Renting of Facilities", "VENDORID"]
    assert closest(text, names) == suggested


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], ""),
        (["A"], "did you mean A?"),
        (["A", "B"], "did you mean A or B?"),
        (list("ABC"), "did you mean A, B or C?"),
    ],
)
def test_a_suggestion_lists_its_names(names: list[str], sentence: str) -> None:
    assert suggestion(names) == sentence


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (1, "row", "1 row"),
        (0, "row", "0 rows"),
        (2000, "entry", "2,000 entries"),
        (2, "key", "2 keys"),
        (3, "match", "3 matches"),
    ],
)
def test_counts_agree_with_their_noun(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text


def test_an_irregular_plural_is_given() -> None:
    assert counted(2, "record of lines", "records of lines") == "2 records of lines"


def test_lists_end_in_their_conjunction() -> None:
    assert (listed([]), listed(["A"]), listed(list("ABC")), listed(["A", "B"], "or")) == (
        "",
        "A",
        "A, B and C",
        "A or B",
    )


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1234.5", "", "1,234.50"),
        ("1234.5678", "USD", "1,234.5678"),
        ("1234.00", "JPY", "1,234"),
        ("0", "KRW", "0"),
        ("1234.5", "JPY", "1,234.5"),
        ("-1234.5", "KWD", "-1,234.500"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency_and_is_never_rounded(
    amount: str, currency: str, shown: str
) -> None:
    """ISO 4217: the yen and the won have no decimals, the dinar of Kuwait has three."""
    assert amount_shown(Decimal(amount), currency) == shown
