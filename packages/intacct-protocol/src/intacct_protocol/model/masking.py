r"""Texts without secrets, which may be in capitals or small letters, and escaped for JSON, XML, URLs or SQL.

A short secret is masked as a whole word only: a password such as `demo` inside of another word is no leak, but
`***nstration` would tell it to everyone who knows the word. Quotes, signs, spaces and escapes such as `\n`, `%20` and
`\u0027` end a word. One that is a word of English, or a number, is masked only beside a sign: between spaces it is most
likely our own prose, which tells nothing.
"""

import html
import json
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

MASK = "***"
_LONG = 8
"""Characters of a secret from which on it is masked anywhere."""
_ESCAPE = r"(?<=\\[abfnrtv0])|(?<=%[0-9A-Fa-f]{2})|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})"
_BEGINS = rf"(?:(?<![^\W_])|{_ESCAPE})"
_ENDS = r"(?![^\W_])"
_AFTER_SIGN = rf"(?:(?<=[^\w\s-])|(?<=_)|{_ESCAPE})"
_BEFORE_SIGN = r"(?:(?=[^\w\s.,;:!?)…-])|(?=_))"


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret replaced by `***`, the longest first so that no part of one is left."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = _pattern(secret).sub(MASK, text)
    return text


@lru_cache(maxsize=256)
def _pattern(secret: str) -> re.Pattern[str]:
    """A secret in all its forms; a sign at its edge separates it from a word by itself."""
    spelled = "|".join(re.escape(form) for form in sorted(_forms(secret), key=len, reverse=True))
    if len(secret) >= _LONG:
        return re.compile(spelled, re.IGNORECASE)
    if secret.isdecimal() or (secret.isalpha() and (secret[1:] or secret).islower()):
        beside = rf"{_AFTER_SIGN}(?:{spelled}){_ENDS}|{_BEGINS}(?:{spelled}){_BEFORE_SIGN}{_ENDS}"
        return re.compile(rf"\A(?:{spelled})\Z|{beside}", re.IGNORECASE)
    begins = _BEGINS if secret[0].isalnum() else ""
    return re.compile(f"{begins}(?:{spelled}){_ENDS if secret[-1].isalnum() else ''}", re.IGNORECASE)


def _forms(secret: str) -> set[str]:
    """A secret as formats write it, and that once more, as a log in JSON writes the repr of an error."""
    plain = {secret, secret.strip(), " ".join(secret.split())}
    if not secret.isascii():  # capitals of some letters are several, and accents may be letters of their own
        plain |= {unicodedata.normalize(form, text) for text in tuple(plain) for form in ("NFC", "NFD")}
        plain |= {changed for text in plain for changed in (text.upper(), text.casefold())}
    escaped = {form for text in plain for form in _escaped(text)}
    again = {form for text in escaped for form in (json.dumps(text)[1:-1], repr(text)[1:-1], html.escape(text))}
    return (plain | escaped | again) - {""}


def _escaped(text: str) -> Iterable[str]:
    yield html.escape(text)
    yield html.escape(text, quote=False)
    yield html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield text.encode("unicode_escape").decode()
    encoded = text.encode(errors="surrogatepass")
    yield quote(encoded)
    yield quote(encoded, safe="")
    yield quote_plus(encoded)
    yield text.replace("'", "''")
    yield text.replace('"', '""')
    yield text.replace("'", "'\"'\"'")
