r"""Texts without secrets. A short secret is masked as a whole word only.

A password such as `demo` inside of another word is no leak, but `***nstration` would tell it to everyone who knows the
word. Quotes, signs, spaces and escapes such as `\n`, `%20` and `\u0027` end a word.
"""

import re
from collections.abc import Iterable

MASK = "***"
_LONG = 8
"""Characters of a secret from which on it is masked anywhere."""
_BEGINS = r"(?:(?<![^\W_])|(?<=\\[abfnrtv0])|(?<=%[0-9A-Fa-f]{2})|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
_ENDS = r"(?![^\W_])"


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret replaced by `***`, the longest first so that no part of one is left."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK) if len(secret) >= _LONG else _word(secret).sub(MASK, text)
    return text


def _word(secret: str) -> re.Pattern[str]:
    """A secret that is no part of a longer word; a sign at its edge separates it from a word by itself."""
    begins = _BEGINS if secret[0].isalnum() else ""
    return re.compile(f"{begins}{re.escape(secret)}{_ENDS if secret[-1].isalnum() else ''}")
