"""White space between elements, which an answer has unless the request says `includewhitespace` false.

A line break goes before every element and before every closing tag that follows one; an element that holds text, or
nothing at all, stays as it is, so that null stays null.
"""

import re

_BEFORE_OPENING = re.compile(rb">(?=<[^/])")
_AFTER_CLOSING = re.compile(rb"(</[^<>]*>)(?=</)")


def spaced(body: bytes) -> bytes:
    """The document with a line break between elements."""
    return _AFTER_CLOSING.sub(rb"\1\n", _BEFORE_OPENING.sub(b">\n", body))
