"""Bytes to a checked request: read, measured against the schema, or refused with the gateway's own kind of text.

The gateway's parser is libxml2, so with lxml installed the texts of XL03000003 are its very texts. Content is read by
our own reader in any case; without lxml only what that reader and the codec notice is refused.
"""

from functools import cache
from io import StringIO
from typing import Any

from intacct_bridge.emulator.grammar import functions, schema_text
from intacct_bridge.emulator.grammar21 import GENERIC, dtd_text
from intacct_bridge.emulator.refusals import unreadable
from intacct_bridge.errors import ProtocolError
from intacct_bridge.wire.codec import request_from
from intacct_bridge.wire.envelope import Request
from intacct_bridge.wire.xml import parse

_MAX_REQUEST = 64 * 1024 * 1024
_UNDECLARED = 534


def incoming(body: bytes, *, http_status: int = 200) -> Request:
    """The request in these bytes. Raises ControlRefusedError with one fault a violation."""
    try:
        root = parse(body, max_bytes=_MAX_REQUEST)
    except ProtocolError as error:
        raise unreadable(*(_parse_errors(body) or (_said(error.message),)), http_status=http_status) from None
    control = root.find("control")
    older = control is not None and control.findtext("dtdversion").strip() == "2.1"
    violations = _violations(body, older=older)
    if violations:
        raise unreadable(*violations, http_status=http_status)
    try:
        request = request_from(root)
    except ProtocolError as error:
        raise unreadable(_said(error.message), http_status=http_status) from None
    for operation in request.operations:
        for function in operation.functions:
            _check_known(function.name, request.control.dtd_version, http_status)
    return request


def _check_known(name: str, version: str, http_status: int) -> None:
    if version == "2.1" and name in GENERIC:
        raise unreadable(f"XML Parse error: Error 534: No declaration for element {name}", http_status=http_status)
    if name not in functions():
        raise unreadable(_said(f"Element '{name}': This element is not expected."), http_status=http_status)


def _said(message: str) -> str:
    return f"XML Parse schema error: {message}"


def _lxml() -> Any:
    try:
        from lxml import etree
    except ImportError:
        return None
    return etree


@cache
def _schema() -> Any:
    etree = _lxml()
    return etree.XMLSchema(etree.fromstring(schema_text()))


@cache
def _definition() -> Any:
    return _lxml().DTD(StringIO(dtd_text()))


def _parser(etree: Any) -> Any:
    return etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=True)


def _parse_errors(body: bytes) -> list[str]:
    """libxml2's account of why the bytes are no document; nothing when it finds none or is not installed."""
    etree = _lxml()
    if etree is None or b"<!DOCTYPE" in body:
        return []
    parser = _parser(etree)
    try:
        etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return [_line("Fatal Error", entry) for entry in parser.error_log][:20]
    return []


def _violations(body: bytes, *, older: bool) -> list[str]:
    """What the schema, or the older definition, says against the document, one sentence a violation."""
    etree = _lxml()
    if etree is None:
        return []
    parser = _parser(etree)
    try:
        document = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return [_line("Fatal Error", entry) for entry in parser.error_log][:20]
    if older:
        definition = _definition()
        definition.validate(document)
        return [_older_line(entry) for entry in definition.error_log if entry.type != _UNDECLARED][:20]
    schema = _schema()
    if schema.validate(document):
        return []
    return [_line("Error", entry) for entry in schema.error_log][:20]


def _line(level: str, entry: Any) -> str:
    message = str(entry.message).rstrip(".")
    return _said(f"{level} {entry.type}: {message}. Line: {entry.line}, column: {entry.column}.")


def _older_line(entry: Any) -> str:
    return f"XML Parse error: Error {entry.type}: {entry.message}. Line: {entry.line}"
