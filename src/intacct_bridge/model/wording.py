"""Counts, amounts and lists of names, as messages and tables write them."""

from collections.abc import Sequence
from decimal import Decimal


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 row`, `2,000 rows`, `0 entries`; give `plural` where the noun forms it in another way."""
    return f"{number:,} {noun if number == 1 else plural or _plural(noun)}"


def amount_shown(amount: Decimal) -> str:
    """`1,234.50`: thousands separated, at least two decimals, and no zeros beyond them. It is never rounded."""
    whole, _, fraction = format(amount, ",f").partition(".")
    return f"{whole}.{fraction.rstrip('0'):0<2}"


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def listed(names: Sequence[str], conjunction: str = "and") -> str:
    """`A`, `A and B`, `A, B and C`; empty without names."""
    *most, last = names or ("",)
    return f"{', '.join(most)} {conjunction} {last}" if most else last
