"""The rules of document type 2.1 for requests, as a document type definition of our own.

The envelope is declared as a sequence. Every legacy function has a definition of its own, because a part such as
`lineitem` differs between functions and a definition knows only one content for a name. The generic functions do not
exist in document type 2.1. Callers ignore violations about undeclared elements, except in the place of a function's
name, and about attributes of parts, which are not recorded.
"""

import re
from functools import cache

from intacct_emulator.server.schema.functions import functions, parts_of
from intacct_protocol.model.legacy.content_model import ModelPart, names_in, parse_model
from intacct_protocol.model.legacy.grammar import Attribute

GENERIC = frozenset(
    (
        *("lookup", "create", "update", "delete", "read", "readRelated", "readByName", "readByQuery", "query"),
        *("readMore", "inspect", "validate", "readView", "readReport", "installApp"),
    )
)
"""Functions that document type 2.1 does not have."""
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
    legacy_names = [name for name in functions() if name not in GENERIC]
    parts = [_ENVELOPE, f"<!ELEMENT function ({'|'.join(legacy_names)})>"]
    plain = _leaves() - set(legacy_names) - set(ENVELOPED) - {"ANY"}
    parts += [f"<!ELEMENT {name} ANY>" for name in sorted(plain)]
    return "\n".join(parts)


@cache
def function_dtd(name: str, *, documented: bool = True) -> str:
    """The definition of one legacy function, down to the known parts."""
    function, parts = functions()[name], parts_of(name, documented=documented)
    declared = [f"<!ELEMENT {name} {content_dtd(function.text)}>"]
    declared += [_attribute(name, one) for one in function.attributes]
    declared += [f"<!ELEMENT {part} {content_dtd(inner)}>" for part, inner in parts.items()]
    words = {word for text in (function.text, *parts.values()) for word in names_in(text) if word[0].isalpha()}
    declared += [f"<!ELEMENT {word} ANY>" for word in sorted(words - {name, "ANY", *parts})]
    return "\n".join(declared)


def _leaves() -> set[str]:
    return set(re.findall(r"\w+", " ".join(re.findall(r"\(([^)]*)\)", _ENVELOPE)))) - {"true", "false"}


def _attribute(element: str, attribute: Attribute) -> str:
    kind = f"({'|'.join(attribute.values)})" if attribute.values else "CDATA"
    return f"<!ATTLIST {element} {attribute.name} {kind} {'#REQUIRED' if attribute.required else '#IMPLIED'}>"


def content_dtd(model: str) -> str:
    """A content model as a document type definition writes it."""
    group = parse_model(model)
    if group == ModelPart(options=((),)):
        return "EMPTY"
    return "ANY" if "ANY" in names_in(model) else f"({_group(group)})"


def _group(group: ModelPart) -> str:
    options = [", ".join(map(_particle, option)) for option in group.options]
    return "|".join(f"({one})" if "," in one and len(options) > 1 else one for one in options)


def _particle(part: ModelPart) -> str:
    often = {(True, True): "*", (True, False): "?", (False, True): "+"}.get((part.optional, part.repeated), "")
    return f"({_group(part)}){often}" if part.options else f"{part.name}{often}"
