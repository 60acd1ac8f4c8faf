"""What document type 2.1 says about requests, written as a document type definition of our own.

The envelope is declared as its sequence; every older function has a definition of its own, because a part such as
`lineitem` differs from one to the other and a definition knows only one content for a name. The generic functions do
not exist here. Whoever validates leaves out complaints about elements that are not declared, except where a function's
own name should be, and about attributes of parts, which are not recorded.
"""

import re
from functools import cache

from intacct_bridge.emulator.gateway.schema.xsd import functions, parts_of

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
ENVELOPED = ("request", "control", "operation", "authentication", "login", "content", "function")
"""The elements that the definition of the envelope declares."""


@cache
def envelope_dtd() -> str:
    """The definition of everything around the functions."""
    known = [name for name in functions() if name not in GENERIC]
    parts = [_ENVELOPE, f"<!ELEMENT function ({'|'.join(known)})>"]
    plain = _leaves() - set(known) - set(ENVELOPED) - {"ANY"}
    parts += [f"<!ELEMENT {name} ANY>" for name in sorted(plain)]
    return "\n".join(parts)


@cache
def function_dtd(name: str, *, documented: bool = True) -> str:
    """The definition of one older function, down to the parts that are known."""
    model, *attributes = functions()[name]
    parts = parts_of(name, documented=documented)
    declared = [f"<!ELEMENT {name} {content_dtd(model)}>"]
    declared += [_attribute(name, one, *about) for one, about in (attributes[0] if attributes else {}).items()]
    declared += [f"<!ELEMENT {part} {content_dtd(inner)}>" for part, inner in parts.items()]
    words = {word for text in (model, *parts.values()) for word in _TOKEN.findall(text) if word[0].isalpha()}
    declared += [f"<!ELEMENT {word} ANY>" for word in sorted(words - {name, "ANY", *parts})]
    return "\n".join(declared)


def _leaves() -> set[str]:
    return set(re.findall(r"\w+", " ".join(re.findall(r"\(([^)]*)\)", _ENVELOPE)))) - {"true", "false"}


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
