"""The document in a request's bytes, parsed once: libxml2's tree for the schema, and our own tree made from it.

Without lxml our own reader parses the bytes, and no schema is checked. A document that declares a DOCTYPE or a
namespace, or that has an encoding in which either could hide, passes our guarded reader first and is parsed twice.
"""

import re
from dataclasses import dataclass
from typing import Any

from intacct_protocol.errors import ProtocolError, RemoteProtocolError
from intacct_protocol.xml.xml import MAX_DEPTH, Element, check_size, document, parse

MAX_BYTES = 64 * 1024 * 1024
MOST_VIOLATIONS = 20
"""Violations in one answer."""
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]+)""")
_CONTROL = re.compile(rb"<control>.*?</control>", re.S)
_CONTROL_WITHIN = 64 * 1024
_PLAIN = (b"utf-8", b"us-ascii", b"iso-8859-1")
"""Encodings in which ASCII is ASCII, so that a DOCTYPE and a password can be found in the bytes."""
_GUARDED = (b"<!DOCTYPE", b"xmlns")
_XML = "{http://www.w3.org/XML/1998/namespace}"


@dataclass(frozen=True, slots=True)
class RequestDocument:
    """A document in its two forms."""

    root: Element
    tree: Any
    """libxml2's root element; None without lxml."""


class UnreadableDocumentError(RemoteProtocolError):
    """Bytes that are not a document, with the reasons."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(sentences[0])
        self.sentences = sentences


def lxml() -> Any:
    """The module `lxml.etree`, or None."""
    try:
        from lxml import etree
    except ImportError:
        return None
    return etree


def read_document(body: bytes) -> RequestDocument:
    """Parse the bytes. Raises UnreadableDocumentError."""
    etree = lxml()
    try:
        check_size(body, MAX_BYTES)
        if etree is None:
            return RequestDocument(parse(body, max_bytes=MAX_BYTES), None)
        guarded = not is_plain(body) or any(mark in body for mark in _GUARDED)
        root = parse(body, max_bytes=MAX_BYTES) if guarded else None
    except ProtocolError as error:
        hidden = etree is None or not (is_plain(body) or _is_text(body)) or b"<!DOCTYPE" in body
        raise UnreadableDocumentError(*(() if hidden else _syntax_errors(etree, body)) or (error.message,)) from None
    parser = _parser(etree)
    try:
        tree = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        problems = [libxml_line("Fatal Error", entry) for entry in parser.error_log][:MOST_VIOLATIONS]
        raise UnreadableDocumentError(*(problems or [str(error)])) from None
    try:
        return RequestDocument(_element(tree, 0) if root is None else root, tree)
    except ProtocolError as error:
        raise UnreadableDocumentError(error.message) from None


def control_block(body: bytes) -> Element | None:
    """The control block of a document that is not well-formed after it; None if there is none."""
    match = _CONTROL.search(body, 0, _CONTROL_WITHIN) if is_plain(body) else None
    try:
        return parse(match[0]) if match else None
    except ProtocolError:
        return None


def is_plain(body: bytes) -> bool:
    """Whether the document's encoding writes ASCII as ASCII."""
    declaration = _DECLARATION.match(body)
    named = _ENCODING.search(declaration[0]) if declaration else None
    starts = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"<", b"")
    return starts and b"\0" not in body and (named is None or named[1].lower() in _PLAIN)


def loggable(body: bytes) -> bytes:
    """The document in an encoding in which its credentials can be masked; a sentence in place of one that has none."""
    if is_plain(body) or _is_text(body):
        return body
    try:
        return document(parse(body, max_bytes=MAX_BYTES))
    except ProtocolError:
        return b"<!-- an unreadable request; it is not kept, because its credentials cannot be masked -->"


def _is_text(body: bytes) -> bool:
    """Whether the bytes are UTF-8 and declare no other encoding."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in body and _DECLARATION.match(body) is None


def libxml_line(level: str, entry: Any) -> str:
    """One entry of libxml2's log as the gateway writes it."""
    message = str(entry.message).rstrip(".")
    return f"{level} {entry.type}: {message}. Line: {entry.line}, column: {entry.column}."


def _parser(etree: Any) -> Any:
    return etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )


def _syntax_errors(etree: Any, body: bytes) -> tuple[str, ...]:
    """libxml2's reasons why the bytes are not a document; empty if it finds none."""
    parser = _parser(etree)
    try:
        etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return tuple(libxml_line("Fatal Error", entry) for entry in parser.error_log)[:MOST_VIOLATIONS]
    return ()


def _element(node: Any, depth: int) -> Element:
    if depth >= MAX_DEPTH:
        raise RemoteProtocolError(f"the document nests deeper than {MAX_DEPTH} elements at <{node.tag}>")
    texts, children = [node.text or ""], []
    for child in node:
        children.append(_element(child, depth + 1))
        if child.tail:
            texts.append(child.tail)
    text = "".join(texts)
    if children and not text.strip():
        text = ""
    if not node.attrib:
        return Element(node.tag, text, tuple(children))
    attributes = {name.replace(_XML, "xml:"): value for name, value in node.attrib.items()}
    return Element(node.tag, text, tuple(children), attributes)
