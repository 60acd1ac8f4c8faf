"""What document type 2.1 says about requests, written as a document type definition of our own.

The older functions are declared with their content models and attributes, the envelope as its sequence; what stands
inside a function's parts is not looked into. The generic functions do not exist here. Whoever validates with it leaves
out complaints about elements that are not declared, except where a function's own name should be.
"""

import re
from functools import cache
from typing import Any

from intacct_bridge.emulator.grammar import functions

GENERIC = frozenset(
    (
        *("lookup", "create", "update", "delete", "read", "readRelated", "readByName", "readByQuery", "query"),
        *("readMore", "inspect", "validate", "readView", "readReport", "installApp"),
    )
)
"""Functions that the older document type does not know."""
_TOKEN = re.compile(r"[\w#.\-]+|[()|]|[?*+]+")
_ENVELOPE = """
<!ELEMENT request (control, operation+)>
<!ELEMENT control (senderid, password, controlid, uniqueid?, dtdversion?, policyid?, debug?, validate?,
  includewhitespace?, showadditionalerrorinfo?)>
<!ELEMENT operation (authentication, preferences*, content*)>
<!ATTLIST operation transaction (true|false) "false">
<!ELEMENT authentication (login|sessionid)>
<!ELEMENT login (userid, companyid, password, clientid?, locationid?)>
<!ELEMENT content (function+)>
<!ATTLIST function controlid CDATA #REQUIRED>
"""
_ENVELOPED = ("request", "control", "operation", "authentication", "login", "content", "function")


@cache
def dtd_text() -> str:
    """The whole definition."""
    known = {name: entry for name, entry in functions().items() if name not in GENERIC}
    parts = [_ENVELOPE, f"<!ELEMENT function ({'|'.join(known)})>"]
    parts += [_function(name, *entry) for name, entry in known.items()]
    words = {word for model, *_ in known.values() for word in _TOKEN.findall(model) if word[0].isalpha()}
    plain = (words | _leaves()) - set(known) - set(_ENVELOPED) - {"ANY"}
    parts += [f"<!ELEMENT {name} ANY>" for name in sorted(plain)]
    return "\n".join(parts)


def _leaves() -> set[str]:
    return set(re.findall(r"\w+", " ".join(re.findall(r"\(([^)]*)\)", _ENVELOPE)))) - {"true", "false"}


def _function(name: str, model: str, attributes: dict[str, Any] | None = None) -> str:
    declared = "".join(_attribute(name, one, *about) for one, about in (attributes or {}).items())
    return f"<!ELEMENT {name} {content_dtd(model)}>{declared}"


def _attribute(element: str, name: str, required: bool, values: list[str]) -> str:  # noqa: FBT001
    kind = f"({'|'.join(values)})" if values else "CDATA"
    return f"<!ATTLIST {element} {name} {kind} {'#REQUIRED' if required else '#IMPLIED'}>"


def content_dtd(model: str) -> str:
    """A content model in our short notation, as a definition writes it."""
    tokens = _TOKEN.findall(model)
    if not tokens:
        return "EMPTY"
    if "ANY" in tokens:
        return "ANY"
    group, rest = _group(tokens)
    if rest:
        raise ValueError(f"unbalanced content model: {model}")
    return f"({group})"


def _group(tokens: list[str]) -> tuple[str, list[str]]:
    """Alternatives of sequences, up to a closing parenthesis or the end."""
    options = []
    option, tokens = _sequence(tokens)
    options.append(option)
    while tokens and tokens[0] == "|":
        option, tokens = _sequence(tokens[1:])
        options.append(option)
    return "|".join(f"({one})" if "," in one and len(options) > 1 else one for one in options), tokens


def _sequence(tokens: list[str]) -> tuple[str, list[str]]:
    parts = []
    while tokens and tokens[0] not in ("|", ")"):
        word, *tokens = tokens
        if word == "(":
            inner, tokens = _group(tokens)
            word, tokens = f"({inner})", tokens[1:]
        often = ""
        while tokens and set(tokens[0]) <= set("?*+"):
            often += tokens[0]
            tokens = tokens[1:]
        parts.append(word + ("*" if len(often) > 1 else often))
    return ", ".join(parts), tokens
