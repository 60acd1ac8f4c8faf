"""Probes of the envelope: control ids, sessions, and refused documents."""

from http import HTTPStatus

from intacct_bridge.client.gateway.exchange import AuthenticationRefused, GatewayCall, plain
from intacct_bridge.setup.queries import error_of
from intacct_bridge.setup.verify.probe import ProbeAnswer, ProbedCompany, UnansweredError, probe, refusal
from intacct_protocol.errors import RefusedError
from intacct_protocol.xml.envelope import Function, SessionAuth
from intacct_protocol.xml.xml import element

_NO_REQUEST = b"<?xml version='1.0' encoding='UTF-8'?><request><control/></request>"
"""A document that the schema refuses. It has no credential."""
_NO_SESSION = "verification-of-an-unknown-session"


@probe(
    "What is the answer to a control id that was used before?",
    {
        "refused": "If the message is known, loads use it to find out whether a record in doubt was posted.",
        "answered": "Loads do not rely on control ids. A record in doubt is looked up.",
        "without a status": "Loads do not rely on control ids. A record in doubt is looked up.",
    },
    emulator="refused",
    number="XL03000008",
)
def repeated_control_id(company: ProbedCompany) -> ProbeAnswer | str:
    """A harmless read is sent twice with one control id."""
    if company.client.connection.read_only:
        raise UnansweredError("the connection is read-only, and this probe repeats a request as a load does")
    repeated = company.times.repeat_control_id()
    if repeated.first_refused:
        raise UnansweredError("the read itself is refused")
    if repeated.without_status:
        return "without a status"
    return "answered" if repeated.error is None else refusal(repeated.error)


@probe(
    "What is the answer to a session that does not exist?",
    {"refused": "The client signs in again once, under any number."},
    emulator="refused",
    number="XL03000006",
)
def unknown_session(company: ProbedCompany) -> ProbeAnswer:
    """A read with a made-up session."""
    client = company.client
    exchange = client.runtime.exchange
    call = GatewayCall((Function(element("getFinancialSetup"), exchange.new_id()),), read=True)
    try:
        exchange.once(call, SessionAuth(_NO_SESSION), client.connection.endpoint, plain)
    except AuthenticationRefused as refused:
        return refusal(refused.error)
    except RefusedError as error:
        return refusal(error)
    raise UnansweredError("the made-up session is accepted")


@probe(
    "What is the answer to `getAPISession` beside another function?",
    {
        "refused": "It is sent alone.",
        "accepted": "It is sent alone.",
    },
    emulator="refused",
    number="Get API Session Failed",
)
def session_beside_another_function(company: ProbedCompany) -> ProbeAnswer | str:
    """A request with `getAPISession` and a read."""
    try:
        first, _ = company.client.call(element("getAPISession"), element("getFinancialSetup"), read=True)
    except RefusedError as error:
        return refusal(error)
    refused = error_of(first)
    if refused is not None:
        return refusal(refused)
    if first.data is not None and first.data.children:
        company.client.runtime.exchange.hide(first.data.children[0].findtext("sessionid"))
    return "accepted"


@probe(
    "What is the HTTP status of a document that is refused as a whole?",
    {
        "200": "The document is read under any status.",
        "another": "The document is read under any status.",
    },
    emulator="200",
)
def status_of_a_refused_document(company: ProbedCompany) -> ProbeAnswer | str:
    """A document that is no request, without any credential."""
    status = company.client.runtime.exchange.reply_to(_NO_REQUEST).status
    return "200" if status == HTTPStatus.OK else ProbeAnswer("another", str(status))


@probe(
    "Which character set does the Content-Type of an answer name?",
    {
        "none": "Answers are read by the declaration of the document.",
        "UTF-8": "Answers are read by the declaration of the document.",
        "another": "Answers are read by the declaration of the document, so that a wrong header does no harm.",
    },
    emulator="none",
)
def content_type(company: ProbedCompany) -> str:
    """The header of the answer to a document that is no request."""
    header = company.client.runtime.exchange.reply_to(_NO_REQUEST).headers.get("content-type", "")
    _, separator, charset = header.lower().partition("charset=")
    if not separator:
        return "none"
    return "UTF-8" if charset.strip('" ').startswith("utf-8") else "another"
