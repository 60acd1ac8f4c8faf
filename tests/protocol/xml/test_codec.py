"""Messages and documents: each decoder reads what its encoder writes; secrets are masked."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.errors import Fault, LocalProtocolError, RemoteProtocolError
from intacct_protocol.xml.codec import decode_request, decode_response, encode_request, encode_response, masked
from intacct_protocol.xml.envelope import (
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
from intacct_protocol.xml.xml import element
from support.protocol.answers import CONTROL, PROLOG, answer, result
from support.protocol.trees import texts, trees

ids = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x17F, exclude_categories=["Cc"]), min_size=1, max_size=12
)
maybe = st.none() | ids
functions = st.lists(st.builds(Function, trees, ids), min_size=1, max_size=3).map(tuple)
requests = st.builds(
    Request,
    st.builds(
        Control,
        ids,
        texts,
        ids,
        uniqueid=st.booleans(),
        dtd_version=st.sampled_from(["3.0", "2.1"]),
        policy_id=maybe,
        include_whitespace=st.booleans(),
        show_additional_error_info=st.booleans(),
        debug=st.none() | st.booleans(),
    ),
    st.lists(
        st.builds(
            Operation,
            st.builds(Login, ids, ids, texts, maybe, st.none() | st.just("") | ids) | st.builds(SessionAuth, ids),
            functions,
            st.booleans(),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
)

phrases = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_categories=["Cc"]), max_size=20).map(
    lambda text: text.strip().replace("[", "(")
)


@st.composite
def faults(draw: st.DrawFn) -> tuple[Fault, ...]:
    """One or two errors; only one with an errorid can name a field."""
    found = []
    for _ in range(draw(st.integers(1, 2))):
        errorid = draw(st.just("") | ids)
        support = draw(st.sampled_from(["", "a~b", "Zq%7E", "none"]))
        field = draw(ids) if errorid else ""
        found.append(Fault(draw(phrases), draw(phrases), draw(phrases), draw(phrases), support, errorid, field))
    return tuple(found)


no_faults = st.just(())
data = st.none() | trees.map(lambda tree: element("data", tree, listtype="X"))
results = st.one_of(
    st.builds(Result, st.just("success"), ids, ids, data, maybe, no_faults),
    st.builds(Result, st.sampled_from(["failure", "aborted"]), ids, ids, data, st.none(), faults()),
)
signed_in = st.builds(SignedIn, st.just("success"), ids, ids, maybe, maybe, st.just("") | ids, st.just("") | ids)
operations = st.one_of(
    st.builds(OperationResult, signed_in, st.lists(results, min_size=1, max_size=3).map(tuple), no_faults),
    st.builds(OperationResult, st.builds(SignedIn, st.just("failure"), ids, ids), st.just(()), faults()),
)
echoes = st.builds(ControlEcho, st.just("success"), ids, ids, st.sampled_from(["true", "false"]), st.just("3.0"))
responses = st.one_of(
    st.builds(Response, echoes, st.lists(operations, min_size=1, max_size=2).map(tuple)),
    st.builds(Response, st.builds(ControlEcho, st.just("failure")), st.just(()), faults()),
    st.builds(Response, echoes, acknowledged=st.just(True)),
)


@given(requests)
def test_a_request_is_decoded_as_it_was_encoded(request_: Request) -> None:
    assert decode_request(encode_request(request_)) == request_


@given(responses)
def test_an_answer_is_decoded_as_it_was_encoded(response: Response) -> None:
    assert decode_response(encode_response(response)) == response


def test_control_and_login_follow_the_order_of_the_schema() -> None:
    body = encode_request(
        Request(
            Control("s", "p", "c", policy_id="x", debug=True),
            (Operation(Login("u", "co", "pw", "client", "entity"), (Function(element("read"), "f"),)),),
        )
    ).decode()
    tags = re.findall(r"<([a-z]+)[ >]", body)
    assert " ".join(tags) == (
        "request control senderid password controlid uniqueid dtdversion policyid debug includewhitespace "
        "showadditionalerrorinfo operation authentication login userid companyid password clientid locationid "
        "content function read"
    )


def test_an_empty_location_is_sent_and_an_absent_one_is_not() -> None:
    def sent(location: str | None) -> bytes:
        operation = Operation(Login("u", "co", "pw", location_id=location), (Function(element("read"), "f"),))
        return encode_request(Request(Control("s", "p"), (operation,)))

    assert b"<locationid></locationid>" in sent("")
    assert b"locationid" not in sent(None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html></html>", "root is <html>, not <response>"),
        (b"<response></response>", "has no <control> block"),
        (f"{PROLOG}<response>{CONTROL}</response>".encode(), "has no <operation> block"),
        (CONTROL.join(["<response>", "</response>"]).replace("success", "perhaps").encode(), "status is 'perhaps'"),
        (answer(), "operation has no <result>"),
        (answer(authentication="") + b"", "<operation> has no <authentication>"),
        (answer(result("", status="perhaps")), "a result's status is 'perhaps'"),
    ],
)
def test_a_document_that_is_not_an_answer_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(RemoteProtocolError, match=message):
        decode_response(body)


ASKED = (
    b"<request><control><controlid>c</controlid></control><operation><authentication><sessionid>s</sessionid>"
    b"</authentication><content>%b</content></operation></request>"
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<response/>", "root is <response>, not <request>"),
        (b"<request></request>", "<request> has no <control>"),
        (b"<request><control/></request>", "a control id has 1 to 256 characters"),
        (ASKED % b"", "an operation has at least one function"),
        (ASKED.replace(b"authentication", b"other") % b"", "<operation> has no <authentication>"),
        (ASKED.replace(b"sessionid", b"other") % b"", "<authentication> has no <login>"),
        (ASKED % b"<function controlid='f'><read/><read/></function>", "<function> has 2 elements, not one"),
        (ASKED % b"<function><read/></function>", "a function's control id has 1 to 256 characters"),
    ],
)
def test_a_document_that_is_not_a_request_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(RemoteProtocolError, match=message):
        decode_request(body)


def test_an_error_without_parts_keeps_its_text() -> None:
    body = answer(result("<errormessage>off-line</errormessage>", status="failure"))
    assert decode_response(body).operations[0].results[0].faults == (Fault(description2="off-line"),)


def test_a_support_id_is_removed_from_the_text_that_has_it() -> None:
    error = (
        "<error><errorno>X</errorno><description>a [Support ID: 1%7E2]</description>"
        "<description2>b [Support ID: 3]</description2></error>"
    )
    (fault,) = (
        decode_response(answer(result(f"<errormessage>{error}</errormessage>", status="failure")))
        .operations[0]
        .results[0]
        .faults
    )
    assert (fault.description, fault.description2, fault.support_id) == ("a", "b", "1~2")


# --- masking

SECRETS = ("hunter2 & co", "abc..session", "user-pw")


def secret_request() -> bytes:
    """A request with three secrets."""
    login = Operation(Login("u", "co", SECRETS[2]), (Function(element("getAPISession"), "f"),))
    session = Operation(SessionAuth(SECRETS[1]), (Function(element("read"), "f"),))
    return encode_request(Request(Control("s", SECRETS[0]), (login, session)))


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_masking_hides_every_secret_even_in_a_document_cut_short(cut: int) -> None:
    body = secret_request()
    for end in (len(body), *(body.index(part.encode()) + 3 + cut for part in ("hunter2", "abc.", "user-pw"))):
        hidden = masked(body[:end])
        assert b"hunter" not in hidden
        assert b"abc" not in hidden
        assert b"user-p" not in hidden


def test_masking_leaves_the_rest_unchanged() -> None:
    assert b"<senderid>s</senderid><password>***</password><controlid>" in masked(secret_request())
    assert masked(b"<a>1</a>") == b"<a>1</a>"
    assert masked(b'<Password type="x">p</Password>') == b'<Password type="x">***</Password>'


def test_an_answer_with_a_session_is_masked() -> None:
    body = answer(result("<data><api><sessionid>abc..</sessionid></api></data>", function="getAPISession"))
    assert b"abc" not in masked(body)


def test_secrets_are_not_in_a_repr() -> None:
    for message in (Control("s", "hunter2"), Login("u", "c", "hunter2"), SessionAuth("hunter2")):
        assert "hunter2" not in repr(message)


# --- messages are legal by construction


@pytest.mark.parametrize(
    "make",
    [
        lambda: Control("s", "p", dtd_version="4.0"),
        lambda: Control("s", "p", ""),
        lambda: Control("s", "p", "c" * 257),
        lambda: Function(element("read"), ""),
        lambda: Operation(SessionAuth("s"), ()),
        lambda: Request(Control("s", "p"), ()),
    ],
)
def test_an_invalid_message_cannot_be_created(make: object) -> None:
    assert callable(make)
    with pytest.raises(LocalProtocolError):
        make()


def test_messages_without_a_tree_can_be_pickled() -> None:
    message = Control("s", "p")
    assert pickle.loads(pickle.dumps(message)) == message
    assert Function(element("getAPISession"), "f").name == "getAPISession"
