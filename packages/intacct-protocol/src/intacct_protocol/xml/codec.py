"""Messages ⇄ documents, for both sides: each encoder is next to its decoder.

Order is part of the protocol: the 3.0 schema is a strict sequence and the 2.1 DTD a content model, so
`control` is senderid, password, controlid, uniqueid, dtdversion, policyid, debug, includewhitespace,
showadditionalerrorinfo, and `login` is userid, companyid, password, clientid, locationid. The decoder of requests
accepts any order, since the emulator checks the schema itself.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from intacct_protocol.errors import Fault, LocalProtocolError, RemoteProtocolError
from intacct_protocol.xml.envelope import (
    ABORTED,
    FAILURE,
    SUCCESS,
    Authentication,
    Control,
    ControlEcho,
    Function,
    Login,
    Operation,
    OperationResult,
    Request,
    Response,
    Result,
    SessionAuth,
    SignedIn,
)
from intacct_protocol.xml.error_details import additional_element, additional_of
from intacct_protocol.xml.xml import MAX_BYTES, Element, document, element, parse

_SUPPORT_ID = re.compile(r"\s*\[Support ID: ([^\]]*)\]\s*$")


# --- requests


def encode_request(request: Request) -> bytes:
    """The request as a document."""
    control = request.control
    parts = [
        element("senderid", control.sender_id),
        element("password", control.password),
        element("controlid", control.control_id),
        element("uniqueid", _boolean(control.uniqueid)),
        element("dtdversion", control.dtd_version),
    ]
    if control.policy_id is not None:
        parts.append(element("policyid", control.policy_id))
    if control.debug is not None:
        parts.append(element("debug", _boolean(control.debug)))
    parts.append(element("includewhitespace", _boolean(control.include_whitespace)))
    if control.show_additional_error_info:
        parts.append(element("showadditionalerrorinfo", "true"))
    operations = [_encode_operation(operation) for operation in request.operations]
    return document(Element("request", children=(Element("control", children=tuple(parts)), *operations)))


def _encode_operation(operation: Operation) -> Element:
    functions = tuple(
        Element("function", children=(function.body,), attributes={"controlid": function.control_id})
        for function in operation.functions
    )
    return Element(
        "operation",
        children=(
            element("authentication", _encode_authentication(operation.authentication)),
            Element("content", children=functions),
        ),
        attributes={"transaction": "true"} if operation.transaction else {},
    )


def _encode_authentication(authentication: Authentication) -> Element:
    if isinstance(authentication, SessionAuth):
        return element("sessionid", authentication.session_id)
    parts = [
        element("userid", authentication.user_id),
        element("companyid", authentication.company_id),
        element("password", authentication.password),
    ]
    if authentication.client_id is not None:
        parts.append(element("clientid", authentication.client_id))
    if authentication.location_id is not None:
        parts.append(element("locationid", authentication.location_id))
    return Element("login", children=tuple(parts))


def decode_request(body: bytes, *, max_bytes: int = MAX_BYTES) -> Request:
    """A document as a request, order aside. Raises RemoteProtocolError naming what is missing."""
    return request_from(parse(body, max_bytes=max_bytes))


def request_from(root: Element) -> Request:
    """A parsed document as a request."""
    if root.tag != "request":
        raise RemoteProtocolError(f"the document's root is <{root.tag}>, not <request>")
    try:
        control = _decode_control(_required(root, "control"))
        return Request(control, tuple(_decode_operation(operation) for operation in root.findall("operation")))
    except LocalProtocolError as error:
        raise RemoteProtocolError(error.message) from None


def _decode_control(control: Element) -> Control:
    return Control(
        sender_id=control.findtext("senderid"),
        password=control.findtext("password"),
        control_id=control.findtext("controlid"),
        uniqueid=_truth(control.findtext("uniqueid"), absent=True),
        dtd_version=control.findtext("dtdversion", "3.0"),
        policy_id=_optional(control, "policyid"),
        include_whitespace=_truth(control.findtext("includewhitespace"), absent=True),
        show_additional_error_info=_truth(control.findtext("showadditionalerrorinfo"), absent=False),
        debug=_truth(control.findtext("debug"), absent=False) if control.find("debug") else None,
    )


def _decode_operation(operation: Element) -> Operation:
    return Operation(
        _decode_authentication(_required(operation, "authentication")),
        tuple(
            Function(_only_child(function), function.get("controlid"))
            for content in operation.findall("content")
            for function in content.findall("function")
        ),
        _truth(operation.get("transaction"), absent=False),
    )


def _decode_authentication(block: Element) -> Authentication:
    session = block.find("sessionid")
    if session is not None:
        return SessionAuth(session.text)
    login = _required(block, "login")
    return Login(
        user_id=login.findtext("userid"),
        company_id=login.findtext("companyid"),
        password=login.findtext("password"),
        client_id=_optional(login, "clientid"),
        location_id=_optional(login, "locationid"),
    )


# --- responses


def encode_response(response: Response, *, additional: bool = False) -> bytes:
    """The answer as a document; with `additional`, every error has its `<additionalinfo>`."""
    if response.acknowledged:
        acknowledgement = element("acknowledgement", element("status", SUCCESS))
        return document(Element("response", children=(acknowledgement, _encode_echo(response.control))))
    children = [_encode_echo(response.control)]
    if response.faults:
        children.append(encode_faults(response.faults, additional=additional))
    children += [_encode_operation_result(operation, additional=additional) for operation in response.operations]
    return document(Element("response", children=tuple(children)))


def _encode_echo(control: ControlEcho) -> Element:
    parts = [element("status", control.status)]
    if control.control_id or control.sender_id:
        parts += [
            element("senderid", control.sender_id),
            element("controlid", control.control_id),
            element("uniqueid", control.uniqueid),
            element("dtdversion", control.dtd_version),
        ]
    return Element("control", children=tuple(parts))


def _encode_operation_result(operation: OperationResult, *, additional: bool) -> Element:
    signed_in = operation.authentication
    parts = [
        element("status", signed_in.status),
        element("userid", signed_in.user_id),
        element("companyid", signed_in.company_id),
    ]
    if signed_in.client_id is not None:
        parts.append(element("clientid", signed_in.client_id))
    if signed_in.location_id is not None:
        parts.append(element("locationid", signed_in.location_id))
    if signed_in.session_timestamp:
        parts.append(element("sessiontimestamp", signed_in.session_timestamp))
    if signed_in.session_timeout:
        parts.append(element("sessiontimeout", signed_in.session_timeout))
    children = [Element("authentication", children=tuple(parts))]
    if operation.faults:
        children.append(encode_faults(operation.faults, additional=additional))
    children += [_encode_result(result, additional=additional) for result in operation.results]
    return Element("operation", children=tuple(children))


def _encode_result(result: Result, *, additional: bool) -> Element:
    parts = [element("status", result.status)] if result.status else []
    parts += [element("function", result.function), element("controlid", result.control_id)]
    if result.key is not None:
        parts.append(element("key", result.key))
    parts += result.extra
    if result.data is not None:
        parts.append(result.data)
    if result.faults:
        parts.append(encode_faults(result.faults, additional=additional))
    return Element("result", children=tuple(parts))


def encode_faults(faults: Iterable[Fault], *, additional: bool = False) -> Element:
    """`<errormessage>` with one `<error>` a fault; `<additionalinfo>` if it is asked for or not empty."""
    return Element("errormessage", children=tuple(_encode_fault(fault, additional=additional) for fault in faults))


def _encode_fault(fault: Fault, *, additional: bool) -> Element:
    text2 = fault.description2
    if fault.support_id:
        quoted = fault.support_id.replace("%", "%25").replace("~", "%7E")
        text2 = f"{text2} [Support ID: {quoted}]".lstrip()
    parts = [
        element("errorno", fault.errorno),
        element("description", fault.description),
        element("description2", text2),
        element("correction", fault.correction),
    ]
    if additional or fault.errorid or fault.field:
        parts.append(additional_element(fault))
    return Element("error", children=tuple(parts))


def decode_response(body: bytes, *, max_bytes: int = MAX_BYTES) -> Response:
    """A document as an answer. Raises RemoteProtocolError on any other document."""
    return response_from(parse(body, max_bytes=max_bytes))


def response_from(root: Element) -> Response:
    """A parsed document as an answer; the checks are those of the official SDKs, in their order."""
    if root.tag != "response":
        raise RemoteProtocolError(f"the document's root is <{root.tag}>, not <response>")
    block = root.find("control")
    if block is None:
        raise RemoteProtocolError("the response has no <control> block")
    control = ControlEcho(
        block.findtext("status"),
        block.findtext("senderid"),
        block.findtext("controlid"),
        block.findtext("uniqueid"),
        block.findtext("dtdversion"),
    )
    faults = decode_faults(root.find("errormessage"))
    if root.find("acknowledgement") is not None:
        return Response(control, faults=faults, acknowledged=True)
    operations = tuple(_decode_operation_result(operation) for operation in root.findall("operation"))
    if control.status not in (SUCCESS, FAILURE):
        raise RemoteProtocolError(f"the response's control status is {control.status!r}")
    if control.status == SUCCESS and not operations and not faults:
        raise RemoteProtocolError("the response has no <operation> block")
    return Response(control, operations, faults)


def _decode_operation_result(operation: Element) -> OperationResult:
    block = _required(operation, "authentication")
    signed_in = SignedIn(
        block.findtext("status"),
        block.findtext("userid"),
        block.findtext("companyid"),
        _optional(block, "locationid"),
        _optional(block, "clientid"),
        block.findtext("sessiontimestamp"),
        block.findtext("sessiontimeout"),
    )
    results = tuple(_decode_result(result) for result in operation.findall("result"))
    faults = decode_faults(operation.find("errormessage"))
    if signed_in.status == SUCCESS and not results and not faults:
        raise RemoteProtocolError("the response's operation has no <result>")
    return OperationResult(signed_in, results, faults)


_RESULT_PARTS = {"status", "function", "controlid", "data", "key", "errormessage"}


def _decode_result(result: Element) -> Result:
    status = result.findtext("status")
    if status not in (SUCCESS, FAILURE, ABORTED):
        raise RemoteProtocolError(f"a result's status is {status!r}")
    return Result(
        status,
        result.findtext("function"),
        result.findtext("controlid"),
        result.find("data"),
        _optional(result, "key"),
        decode_faults(result.find("errormessage")),
        tuple(child for child in result if child.tag not in _RESULT_PARTS),
    )


def decode_faults(block: Element | None) -> tuple[Fault, ...]:
    """The `<error>`s of an `<errormessage>`, in order, each support id taken out of its text and URL-decoded."""
    if block is None:
        return ()
    return tuple(_decode_fault(error) for error in block.findall("error")) or (Fault(description2=block.text),)


def _decode_fault(error: Element) -> Fault:
    texts = [error.findtext(part).strip() for part in ("description", "description2", "correction")]
    support_id = ""
    for index, text in enumerate(texts):
        match = _SUPPORT_ID.search(text)
        if match:
            support_id = support_id or unquote(match[1])
            texts[index] = text[: match.start()]
    errorid, field = additional_of(error)
    return Fault(
        error.findtext("errorno").strip(),
        texts[0],
        texts[1],
        texts[2],
        support_id,
        errorid,
        field,
    )


# --- masking

_SECRET = re.compile(
    rb"(<(?P<tag>password|sessionid|userpassword|newpassword|oldpassword)(?:\s[^>]*)?>)(?:(?!</?(?P=tag)\b).)*",
    re.S | re.I,
)


def masked(body: bytes) -> bytes:
    """The document with the content of every credential element replaced by `***`; safe on broken documents too."""
    return _SECRET.sub(rb"\1***", body)


# --- small things


def _boolean(value: bool) -> str:  # noqa: FBT001
    return "true" if value else "false"


def _truth(text: str, *, absent: bool) -> bool:
    return absent if text == "" else text.strip().lower() in ("true", "1", "t")


def _required(parent: Element, tag: str) -> Element:
    child = parent.find(tag)
    if child is None:
        raise RemoteProtocolError(f"<{parent.tag}> has no <{tag}>")
    return child


def _optional(parent: Element, tag: str) -> str | None:
    child = parent.find(tag)
    return None if child is None else child.text


def _only_child(parent: Element) -> Element:
    if len(parent.children) != 1:
        raise RemoteProtocolError(f"<{parent.tag}> has {len(parent.children)} elements, not one")
    return parent.children[0]
