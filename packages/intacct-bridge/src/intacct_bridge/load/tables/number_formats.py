"""Number formats of a workbook, if they show what the number itself does not hold.

A cell with the number 42 and the format `00000` shows 00042: a ZIP code or an id, whose zeros belong to it. A format
such as `#,##0.00 "€"` says in which currency an amount is. The cell's number has neither.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from intacct_bridge.load.tables.cells import FULL_SIGNS, SignedAmount
from intacct_protocol.model.currency_codes import CURRENCY_CODES

_PADDED = re.compile(r"(?=.*00)(?:0|\\?-)+")
_LITERAL = re.compile(r'\[\$(?P<symbol>[^\]-]*)[^\]]*\]|"(?P<quoted>[^"]*)"|\[[^\]]*\]|\\.|_.|\*.')
_WHOLE = 1 << 53
"""Whole numbers up to here are exact in a cell, which holds a binary float."""


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """What a number format adds to a number."""

    digits: str = ""
    """`00000` or `00000-0000`, if whole numbers are shown with all of these digits."""
    sign: str = ""
    """The currency's sign or code, such as `€`. A bare `$` is none: it is the usual format of any amount."""

    def shown(self, value: object) -> object:
        """The number of a cell as the text that it shows, or with its currency; any other value as it is."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not (self.digits or self.sign):
            return value
        if self.sign:
            return SignedFloat(value, self.sign) if abs(value) < _WHOLE else value
        return _padded(int(value), self.digits) if 0 <= value < _WHOLE and value == int(value) else value


class SignedFloat(float):
    """The number of a cell that shows a currency's sign."""

    sign: str

    def __new__(cls, value: float, sign: str) -> "SignedFloat":
        """The same number."""
        number = super().__new__(cls, value)
        number.sign = sign
        return number

    def amount(self, exact: Decimal) -> SignedAmount:
        """The exact number with the sign."""
        return SignedAmount(exact, self.sign)


@lru_cache(maxsize=4096)
def number_format(code: str) -> NumberFormat:
    """A format by its code, as in ECMA-376, 18.8.31; only its section for positive numbers counts."""
    section = code.split(";", maxsplit=1)[0]
    if _PADDED.fullmatch(section):
        return NumberFormat(digits=section.replace("\\", ""))
    texts = [found["symbol"] or found["quoted"] or "" for found in _LITERAL.finditer(section)]
    rest = _LITERAL.sub("", section)
    signs = [text.strip() for text in (*texts, rest)]
    code_shown = next((text for text in signs if text in CURRENCY_CODES), "")
    return NumberFormat(sign=code_shown or next((one for text in signs for one in FULL_SIGNS if one in text), ""))


def _padded(number: int, digits: str) -> str:
    places = digits.count("0")
    text = f"{number:0{places}}"
    more, last = text[:-places], iter(text[-places:])
    return more + "".join(next(last) if one == "0" else one for one in digits)
