"""Counts in words: `1 row`, `2,000 rows`, `3 entries`."""

_SIBILANTS = ("s", "x", "ch", "sh")


def counted(number: int, noun: str) -> str:
    """The number with thousands separators and its noun, in the plural unless there is exactly one."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The regular plural of a noun or of a phrase that ends in one: `entries`, `matches`, `API transactions`."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(_SIBILANTS) else f"{noun}s"
