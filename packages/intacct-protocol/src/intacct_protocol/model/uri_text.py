"""URIs as they may be printed."""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

_PASSWORD = re.compile(r"(password\s*=\s*).*", re.IGNORECASE)


_ADDRESS = re.compile(r"://|\bpostgres(?:ql)?:|password\s*=", re.IGNORECASE)
"""What an address with a password has, also one that is written wrongly."""


_NO_PATH = re.compile(r"\s*postgres(?:ql)?(?::|//)|.*password\s*=", re.IGNORECASE | re.DOTALL)


def is_misspelt_address(text: str) -> bool:
    """Whether a text that would be taken for a path is an address of a database that is written wrongly."""
    return "://" not in text and _NO_PATH.match(text) is not None


def redacted_word(word: str) -> str:
    """A word of a command line as it may be kept."""
    return redacted(word) if _ADDRESS.search(word) else word


def redacted(uri: str) -> str:
    """The URI as it may be printed: without the user, the password, and the options, which may hold a password too."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        scheme, separator, rest = uri.partition(":")
    before, at, after = rest.rpartition("@")
    if at and not rest.startswith("/"):
        if "?" in before:  # the question mark may be part of a password, or the @ may be part of one in the options
            return f"{scheme}{separator}***"
        rest = after if separator == "://" or ":" in before else rest
    elif at and separator == ":":
        rest = after
    return _PASSWORD.sub(r"\1***", f"{scheme}{separator}{rest.partition('?')[0]}")


def uri_secrets(text: str) -> tuple[str, ...]:
    """The passwords in a URI, as they are written and as they are meant; none in a path."""
    if "://" not in text:
        return ()
    try:
        parts = urlsplit(text)
        written, option = parts.password or "", dict(parse_qsl(parts.query)).get("password", "")
    except ValueError:
        return ()
    return tuple(dict.fromkeys(one for one in (written, unquote(written), option) if one))
