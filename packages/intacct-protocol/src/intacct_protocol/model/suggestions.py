"""The nearest known names to one that is unknown."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from intacct_protocol.model.wording import listed

CUTOFF = 0.6
"""How alike two names must be for one to be suggested for the other (difflib's ratio, 0 to 1)."""
MISSPELT = 0.8
"""How alike they must be for the one to be taken as a misspelling of the other, which is refused."""
_WORD = re.compile(r"\w+")
_FILLERS = frozenset({"A", "AN", "AND", "FOR", "IN", "OF", "ON", "OR", "THE", "TO"})


def closest(name: str, among: Iterable[str], count: int = 3, *, cutoff: float = CUTOFF) -> list[str]:
    """Up to `count` of the names in `among` that are like `name`, the nearest first; case makes no difference.

    A name without dots is compared with the last part of those with dots, too: EMAIL is like DISPLAYCONTACT.EMAIL1.
    The order of words makes no difference, and names of several words must have a word in common.
    """
    by_upper = {candidate.upper(): candidate for candidate in among}
    for candidate in list(by_upper.values()) if "." not in name else ():
        by_upper.setdefault(candidate.rpartition(".")[2].upper(), candidate)
    upper = name.upper()
    near = get_close_matches(upper, by_upper, count, cutoff)
    if (words := _words(upper))[1:]:
        by_words = {" ".join(other): candidate for candidate in by_upper if (other := _words(candidate))[1:]}
        in_order = get_close_matches(" ".join(words), by_words, count, cutoff)
        near = [by_words[joined] for joined in in_order] + near
        near = [other for other in near if not _words(other)[1:] or _have_word_in_common(words, _words(other))]
    return list(dict.fromkeys(by_upper[candidate] for candidate in near))[:count]


def _words(name: str) -> list[str]:
    """The words of a name in the order of the alphabet, without those that say little."""
    return sorted(word for word in _WORD.findall(name) if word not in _FILLERS)


def _have_word_in_common(words: Sequence[str], other_words: Sequence[str]) -> bool:
    return any(get_close_matches(word, other_words, 1, MISSPELT) for word in words)


def misspelt(name: str, missing: Iterable[str]) -> str:
    """Which of the names that are missing this unknown one is a misspelling of; empty if of none."""
    return next(iter(closest(name, missing, 1, cutoff=MISSPELT)), "")


def suggestion(names: Sequence[str]) -> str:
    """`did you mean A or B?`; empty without names."""
    return f"did you mean {listed(names, 'or')}?" if names else ""


def did_you_mean(name: str, among: Iterable[str], count: int = 3) -> str:
    """The end of a message about an unknown name: `; did you mean A or B?`, empty if none is near."""
    near = closest(name, among, count)
    return f"; {suggestion(near)}" if near else ""
