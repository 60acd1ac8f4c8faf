"""Content models in a short notation, as parts of an XML schema: `a b? (c|d e)* f+`.

`?` is optional, `*` any number, `+` one or more, `|` a choice, `ANY` anything at all. A child has the type that is
known for it; otherwise anything may be in it.
"""

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"[\w#.\-]+|[()|]|[?*+]+")
_ANY = '<xs:any processContents="skip" {0}/>'
Types = Mapping[str, str]
"""The types of children, by name."""


def content_xsd(model: str, types: Types) -> str:
    """The model as one XSD particle, or nothing for an empty model."""
    tokens = _TOKEN.findall(model)
    if not tokens:
        return ""
    particle, rest = _choice(tokens, types)
    if rest:
        raise ValueError(f"unbalanced content model: {model}")
    return particle


def _choice(tokens: list[str], types: Types) -> tuple[str, list[str]]:
    """Alternatives up to a closing parenthesis or the end."""
    options = []
    option, tokens = _sequence(tokens, types)
    options.append(option)
    while tokens and tokens[0] == "|":
        option, tokens = _sequence(tokens[1:], types)
        options.append(option)
    if len(options) == 1:
        return options[0], tokens
    return f"<xs:choice>{''.join(options)}</xs:choice>", tokens


def _sequence(tokens: list[str], types: Types) -> tuple[str, list[str]]:
    parts = []
    while tokens and tokens[0] not in ("|", ")"):
        word, *tokens = tokens
        if word == "(":
            inner, tokens = _choice(tokens, types)
            tokens = tokens[1:]  # the closing parenthesis
        else:
            inner = word
        often = ""
        while tokens and set(tokens[0]) <= set("?*+"):
            often += tokens[0]
            tokens = tokens[1:]
        parts.append(_particle(inner, often, types))
    return f"<xs:sequence>{''.join(parts)}</xs:sequence>", tokens


def _particle(inner: str, often: str, types: Types) -> str:
    least = ' minOccurs="0"' if "?" in often or "*" in often else ""
    most = ' maxOccurs="unbounded"' if "*" in often or "+" in often else ""
    if inner.startswith("<"):
        return f"<xs:sequence{least}{most}>{inner}</xs:sequence>"
    if inner == "ANY":
        return _ANY.format(f"{least}{most}")
    return f'<xs:element name="{inner}" type="{types.get(inner, "anything")}"{least}{most}/>'
