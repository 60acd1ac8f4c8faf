"""From bytes to a request that matches the schema, or to a refusal in the gateway's words.

The gateway's parser is libxml2, so with lxml installed the strings of XL03000003 are the gateway's own. Our own reader
always reads the content. Without lxml, only errors that our reader and the codec find are refused. A refusal
repeats the control block, even of a document that is not well-formed (Sage's page on error handling).
"""

from collections.abc import Iterable, Iterator
from functools import cache
from io import StringIO
from itertools import islice
from typing import Any

from intacct_emulator.server.request_document import (
    MOST_VIOLATIONS,
    RequestDocument,
    UnreadableDocumentError,
    control_block,
    libxml_line,
    lxml,
    read_document,
)
from intacct_emulator.server.schema.dtd import ENVELOPED, GENERIC, envelope_dtd, function_dtd
from intacct_emulator.server.schema.functions import functions
from intacct_emulator.server.schema.xsd import schema_text
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.refusals import ControlRefusedError, unreadable
from intacct_protocol.errors import ProtocolError
from intacct_protocol.xml.codec import request_from
from intacct_protocol.xml.envelope import FAILURE, ControlEcho, Request
from intacct_protocol.xml.xml import Element

_UNDECLARED = 534
_UNDECLARED_ATTRIBUTE = 533


def incoming(body: bytes, behaviour: Behaviour) -> Request:
    """The request in these bytes. Raises ControlRefusedError with one fault per violation."""
    try:
        document = read_document(body)
    except UnreadableDocumentError as error:
        raise _refusal(map(_schema_error, error.sentences), control_block(body), behaviour) from None
    control = document.root.find("control")
    violations = _violations(document, behaviour)
    if violations:
        raise _refusal(violations, control, behaviour)
    try:
        request = request_from(document.root)
    except ProtocolError as error:
        raise _refusal([_schema_error(error.message)], control, behaviour) from None
    unknown = [_unknown(one.name, request.control.dtd_version) for one in request.functions]
    if any(unknown):
        raise _refusal(filter(None, unknown), control, behaviour)
    return request


def _unknown(name: str, version: str) -> str:
    """Why a document type has no function of that name; empty if it has one."""
    if version == "2.1" and name in GENERIC:
        return f"XML Parse error: Error 534: No declaration for element {name}"
    return "" if name in functions() else _schema_error(f"Element '{name}': This element is not expected.")


def _refusal(sentences: Iterable[str], control: Element | None, behaviour: Behaviour) -> ControlRefusedError:
    """The refusal of a document, which repeats its control block as far as there is one."""
    echo = ControlEcho(FAILURE)
    if control is not None:
        names = (("senderid", ""), ("controlid", ""), ("uniqueid", "true"), ("dtdversion", "3.0"))
        echo = ControlEcho(FAILURE, *(control.findtext(name, absent) for name, absent in names))
    return unreadable(*sentences, http_status=behaviour.http_status_of_control_failures, control=echo)


def _schema_error(message: str) -> str:
    return f"XML Parse schema error: {message}"


@cache
def _schema(*, documented: bool, large_pages: bool) -> Any:
    etree = lxml()
    return etree.XMLSchema(etree.fromstring(schema_text(documented=documented, large_pages=large_pages)))


@cache
def _envelope() -> Any:
    return lxml().DTD(StringIO(envelope_dtd()))


@cache
def _definition(name: str, *, documented: bool) -> Any:
    return lxml().DTD(StringIO(function_dtd(name, documented=documented)))


def _violations(document: RequestDocument, behaviour: Behaviour) -> list[str]:
    """Violations of the schema of the document's version, one sentence each; none without lxml."""
    if document.tree is None:
        return []
    documented, large_pages = behaviour.nested_order == "documented", behaviour.legacy_page != "refused"
    control = document.root.find("control")
    if control is not None and control.findtext("dtdversion").strip() == "2.1":
        return list(islice(_legacy_violations(document.tree, documented=documented), MOST_VIOLATIONS))
    schema = _schema(documented=documented, large_pages=large_pages)
    if schema.validate(document.tree):
        return []
    return [_schema_error(libxml_line("Error", entry)) for entry in schema.error_log][:MOST_VIOLATIONS]


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


def _legacy_line(entry: Any) -> str:
    return f"XML Parse error: {libxml_line('Error', entry)}"
