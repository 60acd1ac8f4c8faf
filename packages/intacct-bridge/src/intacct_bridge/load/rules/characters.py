"""The rules on the characters of strings."""

import re
import unicodedata
from collections.abc import Iterator

from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.write import Finding, Write
from intacct_bridge.load.rules.facts import Facts
from intacct_protocol.xml.xml import forbidden_character

_INVISIBLE = frozenset("\u00ad\u034f\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff")
"""Characters without a form of their own; joiners are left out, since some scripts and emoji need them."""
_LATIN = re.compile(r"[A-Za-z]")
_FOREIGN = re.compile("[\u0391-\u03a9\u03bf\u0400-\u04ff]")
"""Greek capitals and Cyrillic letters: many look like Latin ones."""


def texts(write: Write, facts: Facts) -> Iterator[Finding]:
    """The rules on characters; printable ASCII, which most records have only, breaks none of them."""
    if not is_plain(write):
        yield from characters(write, facts)
        yield from invisible_characters(write, facts)


def is_plain(write: Write) -> bool:
    """Whether all strings of the record are printable ASCII."""
    written = "".join([value for value in write.fields.values() if isinstance(value, str)])
    for line in write.all_lines:
        written += "".join([value for value in line.fields.values() if isinstance(value, str)])
    return written.isascii() and written.isprintable()


def _texts(write: Write) -> Iterator[tuple[list[tuple[str, str]], str]]:
    places = [(write.fields, write.position), *((line.fields, line.position) for line in write.all_lines)]
    for fields, position in places:
        yield [(name, value) for name, value in fields.items() if isinstance(value, str)], position


def _look_alike(text: str) -> tuple[str, str] | None:
    """A word of Latin letters with a foreign one among them, and that letter."""
    for word in text.split():
        foreign = _FOREIGN.search(word)
        if foreign and _LATIN.search(word):
            return word, foreign[0]
    return None


def _named(char: str) -> str:
    name = unicodedata.name(char, "")
    return f"U+{ord(char):04X} ({name.lower()})" if name else f"U+{ord(char):04X}"


def characters(write: Write, _: Facts | None = None) -> Iterator[Finding]:
    """No text holds a character that XML cannot carry."""
    places = [(write.fields, write.position), *((line.fields, line.position) for line in write.all_lines)]
    for fields, position in places:
        for name, value in fields.items():
            bad = forbidden_character(value) if isinstance(value, str) else None
            if bad is not None:
                message = f"the text holds the control character U+{ord(bad):04X}"
                yield Finding("characters", message, "remove it", write.column(name), position)


def invisible_characters(write: Write, _: Facts) -> Iterator[Finding]:
    """A key has no invisible character. Other strings get a warning, and so do words with look-alike letters."""
    keys = {name for key in lookup_keys_of(write.object).keys for name in key}
    for fields, position in _texts(write):
        for name, text in fields:
            if text.isascii():
                continue
            invisible = next((char for char in text if char in _INVISIBLE), "")
            if invisible:
                message = f"the text holds the invisible character {_named(invisible)}"
                yield Finding("characters", message, "remove it", write.column(name), position,
                              refuses=name in keys)  # fmt: skip
            strange = _look_alike(text)
            if strange:
                word, char = strange
                message = f"{word!r} holds {_named(char)}, which looks like a Latin letter"
                yield Finding("characters", message, "type the word again if that is not meant",
                              write.column(name), position, refuses=False)  # fmt: skip
