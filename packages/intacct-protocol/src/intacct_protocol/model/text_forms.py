"""The forms of a text: an accented letter is one character (NFC) or a letter with a mark (NFD), and both look alike.

Strings are compared in NFC. Whether the gateway's filters do that is not documented, and a company may hold either
form, so a lookup asks for both and compares the answer here.
"""

from collections.abc import Iterable
from typing import TypeVar
from unicodedata import normalize

T = TypeVar("T")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The first characters by which spreadsheets recognise a formula, and their wide forms."""


def no_formula(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(_FORMULAS) else text


def nfc(text: str) -> str:
    """The form that equal strings share."""
    return text if text.isascii() else normalize("NFC", text)


def nfd(text: str) -> str:
    """The form in which each accent is a mark of its own."""
    return text if text.isascii() else normalize("NFD", text)


def forms_of(text: str) -> tuple[str, ...]:
    """The text as it is, and its other forms."""
    if text.isascii():
        return (text,)
    return tuple(dict.fromkeys((text, nfc(text), nfd(text))))


def with_forms(values: Iterable[T]) -> list[T]:
    """The values, each text in all its forms: what a filter has to ask for."""
    forms: dict[T, None] = {}
    for value in values:
        for form in forms_of(value) if isinstance(value, str) else (value,):
            forms[form] = None  # type: ignore[index]  # a form of a text is a text
    return list(forms)
