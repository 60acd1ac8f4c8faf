r"""Counts, amounts, lists of names and texts that others wrote, as messages and tables write them.

A bill number can hold a line break, an escape sequence, or a mark that turns the direction of writing. Shown as it is,
it would add lines to a list, or make one amount look like another. So every such character is written out, as Python
writes it: `\n`, `\u202e`. The two joiners stay, because Persian and Hindi are written with them.
"""

import unicodedata
from collections.abc import Sequence
from decimal import Decimal


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 row`, `2,000 rows`, `0 entries`; give `plural` if the noun forms it in another way."""
    return f"{number:,} {noun if number == 1 else plural or _plural(noun)}"


_WITHOUT: tuple[str, ...] = (
    "XOF",
    "XPF",
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
)
_WITH_THREE = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_DECIMALS = {**dict.fromkeys(_WITHOUT, 0), **dict.fromkeys(_WITH_THREE, 3)}
"""The decimals of the currencies in ISO 4217 that have no two of them."""


def currency_decimals(currency: str) -> int:
    """The decimals of a currency by ISO 4217; two for an unknown one."""
    return _DECIMALS.get(currency, 2)


def amount_shown(amount: Decimal, currency: str = "") -> str:
    """`1,234.50`: thousands separated, at least the decimals of the currency, no zeros beyond. It is never rounded.

    A currency has two decimals unless it is named and ISO 4217 says otherwise: 1,234 yen, 1,234.500 dinars of Kuwait.
    """
    whole, _, fraction = format(amount, ",f").partition(".")
    decimals = fraction.rstrip("0").ljust(currency_decimals(currency), "0")
    return f"{whole}.{decimals}" if decimals else whole


def money(amount: Decimal, currency: str = "") -> Decimal:
    """The same amount with at least the decimals of its currency, and no zeros beyond them."""
    return Decimal(amount_shown(amount, currency).replace(",", ""))


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def listed(names: Sequence[str], conjunction: str = "and") -> str:
    """`A`, `A and B`, `A, B and C`; empty without names."""
    *most, last = names or ("",)
    return f"{', '.join(most)} {conjunction} {last}" if most else last


_ACTING = frozenset(("Cc", "Cf", "Co", "Cs", "Zl", "Zp"))
"""Categories of Unicode: controls, format characters, private use, halves of pairs, separators of lines and texts."""
_JOINERS = "\u200c\u200d"
_LINE_ENDS = "\n\t"


def display_text(text: str, most: int = 0) -> str:
    """A text on one line, with every acting character written out.

    `most`: a longer text is cut there, and its length is named.
    """
    if most and len(text) > most:
        return f"{_written_out(text[:most], _JOINERS)}… ({len(text):,} characters)"
    return _written_out(text, _JOINERS)


def display_lines(text: str) -> str:
    """What a program prints, which has lines of its own: its line ends and tabs stay."""
    return _written_out(text.replace("\r\n", "\n"), _JOINERS + _LINE_ENDS)


def _written_out(text: str, allowed: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in _ACTING and char not in allowed
        else char
        for char in text
    )
