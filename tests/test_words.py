"""The words of the code stay within their budget, and the check finds what it is there to find."""

from collections import Counter
from pathlib import Path

import pytest
import words


def counted(tmp_path: Path, **modules: str) -> list[tuple[str, int, str]]:
    """Kind, line and word of each place in a package `books` of these modules."""
    folder = tmp_path / "packages" / "intacct-books" / "src" / "intacct_books" / "ledger"
    folder.mkdir(parents=True)
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    found = words.places(sorted(folder.glob("*.py")), tmp_path)
    assert {place.package for place in found} <= {"intacct_books/ledger"}
    return [(place.kind, place.line, place.word) for place in found]


def test_no_package_has_more_than_its_budget() -> None:
    assert words.exceeded(words.places(words.checked_files()), words.budget()) == []


def test_a_pronoun_counts_where_it_lives_longer_than_a_comprehension(tmp_path: Path) -> None:
    source = (
        "def post(given, rows):\n"
        "    for one in rows:\n"
        "        self._kept = one\n"
        "    with open(given) as found, open(given) as file:\n"
        "        return [some for some in rows if (lambda own: own)(some)]\n"
    )
    expected = [("pronouns", 1, "given"), ("pronouns", 2, "one"), ("pronouns", 3, "_kept"), ("pronouns", 4, "found")]
    assert counted(tmp_path, posting=source) == expected


def test_a_private_name_counts_from_its_second_function_on(tmp_path: Path) -> None:
    long = "def _text(row):\n" + "".join(f"    row = {number}\n" for number in range(4))
    short = "def _text(row):\n" + "".join(f"    row = {number}\n" for number in range(3))
    assert counted(tmp_path, bills=long, invoices=short, orders="\n" + long) == [("private", 2, "_text")]


def test_a_word_that_must_be_decoded_counts_in_any_text(tmp_path: Path) -> None:
    source = '"""Nobody asks."""\n\nhead = "post it Anew"  # all the same\nwitnessed = 1\n'
    expected = [("texts", 1, "Nobody"), ("texts", 3, "Anew"), ("texts", 3, "all the same")]
    assert counted(tmp_path, notes=source) == expected


def test_pronouns_count_by_folder_and_private_names_by_package() -> None:
    file = Path("packages/intacct-books/src/intacct_books/ledger/entries/deeper/lines.py")
    assert [words.package_of(file), words.package_of(file, 2)] == [
        "intacct_books/ledger/entries",
        "intacct_books/ledger",
    ]
    assert words.package_of(Path("packages/intacct-books/src/intacct_books/books.py")) == "intacct_books"
    assert words.package_of(Path("docs/books.md")) == "docs"


def test_a_budget_never_rises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, places = tmp_path / "words.toml", [words.Place("docs", "texts", "why.md", line, "anew") for line in (1, 2)]
    monkeypatch.setattr(words, "BUDGET", file)
    monkeypatch.setattr(words, "budget", lambda read=words.budget: read(file))
    monkeypatch.setattr(words, "places", lambda _: places)
    file.write_text('"docs" = { texts = 3 }\n')
    assert words.main(["--write"]) == 0
    assert words.budget() == Counter({("docs", "texts"): 2})
    places.append(words.Place("intacct_books/ledger", "pronouns", "entries.py", 1, "one"))
    assert words.main(["--write"]) == 1
    assert words.budget() == Counter({("docs", "texts"): 2})
    assert words.exceeded(places, words.budget()) == [
        "intacct_books/ledger has 1 of pronouns, and may have 0: see python scripts/words.py intacct_books/ledger"
    ]
