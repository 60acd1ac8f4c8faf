"""From bytes to a request that matches the schema, or to a refusal in the gateway's words.

The gateway's parser is libxml2, so with lxml installed the texts of XL03000003 are the gateway's own. Our own reader
reads the content in any case. Without lxml, only errors that our reader and the codec find are refused.
"""

from collections.abc import Iterator
from functools import cache
from io import StringIO
from itertools import islice
from typing import Any

from intacct_bridge.emulator.gateway.schema.dtd import ENVELOPED, GENERIC, envelope_dtd, function_dtd
from intacct_bridge.emulator.gateway.schema.functions import functions
from intacct_bridge.emulator.gateway.schema.xsd import schema_text
from intacct_bridge.emulator.settings.behaviour import Behaviour
from intacct_bridge.emulator.settings.refusals import unreadable
from intacct_bridge.errors import ProtocolError
from intacct_bridge.wire.codec import request_from
from intacct_bridge.wire.envelope import Request
from intacct_bridge.wire.xml import parse

_MAX_REQUEST = 64 * 1024 * 1024
_UNDECLARED = 534
_UNDECLARED_ATTRIBUTE = 533
_MOST = 20
"""Violations in one answer."""


def incoming(body: bytes, behaviour: Behaviour) -> Request:
    """The request in these bytes. Raises ControlRefusedError with one fault per violation."""
    http_status = behaviour.http_status_of_control_failures
    documented, large_pages = behaviour.nested_order == "documented", behaviour.legacy_page != "refused"
    try:
        root = parse(body, max_bytes=_MAX_REQUEST)
    except ProtocolError as error:
        raise unreadable(*(_parse_errors(body) or (_schema_error(error.message),)), http_status=http_status) from None
    control = root.find("control")
    legacy = control is not None and control.findtext("dtdversion").strip() == "2.1"
    schema = None if legacy else _schema(documented=documented, large_pages=large_pages)
    violations = _violations(body, schema, documented=documented)
    if violations:
        raise unreadable(*violations, http_status=http_status)
    try:
        request = request_from(root)
    except ProtocolError as error:
        raise unreadable(_schema_error(error.message), http_status=http_status) from None
    for operation in request.operations:
        for function in operation.functions:
            _check_known(function.name, request.control.dtd_version, http_status)
    return request


def _check_known(name: str, version: str, http_status: int) -> None:
    if version == "2.1" and name in GENERIC:
        raise unreadable(f"XML Parse error: Error 534: No declaration for element {name}", http_status=http_status)
    if name not in functions():
        raise unreadable(_schema_error(f"Element '{name}': This element is not expected."), http_status=http_status)


def _schema_error(message: str) -> str:
    return f"XML Parse schema error: {message}"


def _lxml() -> Any:
    try:
        from lxml import etree
    except ImportError:
        return None
    return etree


@cache
def _schema(*, documented: bool, large_pages: bool) -> Any:
    etree = _lxml()
    if etree is None:
        return None
    return etree.XMLSchema(etree.fromstring(schema_text(documented=documented, large_pages=large_pages)))


@cache
def _envelope() -> Any:
    return _lxml().DTD(StringIO(envelope_dtd()))


@cache
def _definition(name: str, *, documented: bool) -> Any:
    return _lxml().DTD(StringIO(function_dtd(name, documented=documented)))


def _parser(etree: Any) -> Any:
    return etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=True)


def _parse_errors(body: bytes) -> list[str]:
    """libxml2's reasons why the bytes are not a document; empty where it finds none or is not installed."""
    etree = _lxml()
    if etree is None or b"<!DOCTYPE" in body:
        return []
    parser = _parser(etree)
    try:
        etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return [_line("Fatal Error", entry) for entry in parser.error_log][:20]
    return []


def _violations(body: bytes, schema: Any, *, documented: bool) -> list[str]:
    """Violations of the schema, or without one of the legacy definition, one sentence each."""
    etree = _lxml()
    if etree is None:
        return []
    parser = _parser(etree)
    try:
        document = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return [_line("Fatal Error", entry) for entry in parser.error_log][:20]
    if schema is None:
        return list(islice(_legacy_violations(document, documented=documented), _MOST))
    if schema.validate(document):
        return []
    return [_line("Error", entry) for entry in schema.error_log][:_MOST]


def _legacy_violations(document: Any, *, documented: bool) -> Iterator[str]:
    """Violations of the envelope, then of each function."""
    envelope = _envelope()
    envelope.validate(document)
    yield from (_legacy_line(entry) for entry in envelope.error_log if _counts(entry, ENVELOPED))
    for function in document.iter("function"):
        for called in function.iterchildren(*(name for name in functions() if name not in GENERIC)):
            definition = _definition(called.tag, documented=documented)
            definition.validate(called)
            yield from (_legacy_line(entry) for entry in definition.error_log if _counts(entry, (called.tag,)))


def _counts(entry: Any, declared: tuple[str, ...]) -> bool:
    """Whether a complaint is a violation; undeclared parts and their attributes are accepted."""
    if entry.type == _UNDECLARED_ATTRIBUTE:
        return str(entry.message).rpartition(" of element ")[2] in declared
    return bool(entry.type != _UNDECLARED)


def _line(level: str, entry: Any) -> str:
    message = str(entry.message).rstrip(".")
    return _schema_error(f"{level} {entry.type}: {message}. Line: {entry.line}, column: {entry.column}.")


def _legacy_line(entry: Any) -> str:
    return f"XML Parse error: Error {entry.type}: {entry.message}. Line: {entry.line}"
