"""A request of the REST interface as the function of the XML interface that does the same.

Scripted faults, the count of transactions and the log know functions and objects, so that one plan of faults fits both
interfaces: a fault at the second `create` of APBILL happens to the second bill, by whichever interface it comes.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from intacct_emulator.rest import bulk
from intacct_emulator.rest.catalogue import catalogue, pairs
from intacct_emulator.rest.composite import PATH as COMPOSITE
from intacct_emulator.rest.messages import RestAnswer, RestRequest
from intacct_emulator.rest.records import flattened
from intacct_protocol.xml.envelope import Function
from intacct_protocol.xml.xml import Element, element

OTHER = "rest"
"""The function of a request that does something else, such as to sign in."""
_SECRET = re.compile(
    rb'("(?:client_secret|password|token|access_token|refresh_token|code|code_verifier)"\s*:\s*)"(?:[^"\\]|\\.)*"'
)
_FORM_SECRET = re.compile(rb"((?:^|[&?])(?:client_secret|password|token|refresh_token|code|code_verifier)=)[^&\s]*")


def functions_of(request: RestRequest) -> tuple[Function, ...]:
    """The functions that a request stands for, with the records that they name: one, or one for each part."""
    sent = _decoded(request.body) if request.path.rstrip("/") == COMPOSITE else []
    if isinstance(sent, list) and sent and all(isinstance(part, Mapping) for part in sent):
        return tuple(_function(_part(part)) for part in sent)
    return (_function(request),)


def ended_well(answer: RestAnswer, functions: int) -> list[bool]:
    """Whether each function succeeded that ran; those of a composite have a status each."""
    shown = answer.document if isinstance(answer.document, Mapping) else {}
    rows = shown.get("ia::result")
    if functions > 1 and isinstance(rows, list):
        return [row["ia::status"] < 400 for row in rows]
    return [answer.status < 400] if functions == 1 else []


def _function(request: RestRequest) -> Function:
    return Function(_body(request), request.header("idempotency-key")[:256] or "rest")


def _part(part: Mapping[str, Any]) -> RestRequest:
    """A part of a composite as a request of its own. References to other parts stay as they are."""
    parts = part.get("headers")
    headers = {str(name).lower(): str(text) for name, text in parts.items()} if isinstance(parts, Mapping) else {}
    body = part.get("body")
    path = unquote(str(part.get("path", "")).partition("?")[0]).removeprefix("/ia/api/v1")
    return RestRequest(
        str(part.get("method", "")).upper(),
        f"/{path.lstrip('/')}",
        headers=headers,
        body=b"" if body is None else msgspec.json.encode(body),
    )


def logged(request: RestRequest) -> bytes:
    """The request as the log keeps it: its first line and its body, with every credential masked."""
    parameters = "&".join(f"{name}={value}" for name, value in request.query)
    line = f"{request.method} {request.path}{'?' if parameters else ''}{parameters}\n\n".encode()
    return _FORM_SECRET.sub(rb"\1***", _SECRET.sub(rb'\1"***"', line + request.body))


def _body(request: RestRequest) -> Element:
    path = request.path.rstrip("/")
    sent = _decoded(request.body)
    if path == "/services/core/query":
        queries = sent if isinstance(sent, list) else [sent]
        names = [str(one.get("object", "")) for one in queries if isinstance(one, Mapping)]
        return Element("query", "", (element("object", object_of(names[0] if names else "")),))
    if path == bulk.CREATE:
        head, listed = bulk.job_of(request)
        operation, name = str(head.get("operation", "")), str(head.get("objectName", ""))
        if not listed or operation not in ("create", "update", "delete"):
            return Element(OTHER)
        if operation == "delete":
            keys = ",".join(str(record.get("key", "")) for record in listed)
            return Element("delete", "", (element("object", object_of(name)), element("keys", keys)))
        return Element(operation, "", tuple(_record(name, record, str(record.get("key", ""))) for record in listed))
    if not path.startswith("/objects/"):
        return Element(OTHER)
    parts = path.removeprefix("/objects/").split("/", 2)
    name, key = "/".join(parts[:2]), parts[2] if len(parts) > 2 else ""
    if request.method in ("POST", "PATCH"):
        records = [one for one in (sent if isinstance(sent, list) else [sent]) if isinstance(one, Mapping)]
        verb = "create" if request.method == "POST" else "update"
        return Element(verb, "", tuple(_record(name, one, key) for one in records))
    if request.method == "DELETE":
        return Element("delete", "", (element("object", object_of(name)), element("keys", key)))
    return Element("read" if key else "query", "", (element("object", object_of(name)), element("keys", key)))


def object_of(name: str) -> str:
    """The name of the object in the XML interface; the REST name if only that interface has it."""
    rest = catalogue().find(name)
    pair = None if rest is None else pairs().get(rest.name)
    return pair.xml if pair is not None else name.removeprefix("objects/")


def _record(name: str, sent: Mapping[str, Any], key: str) -> Element:
    rest = catalogue().find(name)
    pair = None if rest is None else pairs().get(rest.name)
    if rest is None:
        return Element(name)
    flat = flattened(sent, rest.fields)
    fields = {} if pair is None else pair.fields
    parts = [element(fields.get(one, one), str(value)) for one, value in flat.items() if not isinstance(value, list)]
    identity = [element("RECORDNO", key)] if key else []
    return Element(pair.xml if pair is not None else rest.name, "", (*identity, *parts))


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, RecursionError):
        return {}
