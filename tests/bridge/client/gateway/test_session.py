"""Sessions and retries around one round trip: which calls are repeated, and the error for each refusal."""

import logging
import pickle
import re
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from intacct_bridge.client.gateway.exchange import Exchange, GatewayCall, plain
from intacct_bridge.client.gateway.meter import Meter
from intacct_bridge.client.gateway.pacing import Gate
from intacct_bridge.client.gateway.session import Session
from intacct_protocol.errors import (
    CapError,
    InDoubtError,
    IntacctError,
    InvalidRequestError,
    RefusedError,
    RemoteProtocolError,
    SettingsError,
    SignInError,
    ThrottledError,
    TransientError,
)
from intacct_protocol.xml.envelope import Function, Login, Request, Result, SessionAuth
from intacct_protocol.xml.reply import ConnectionCutError, Reply, Transport
from intacct_protocol.xml.xml import Element, element
from support.client.gateway import (
    CONTROL,
    ENDPOINT,
    ENDS,
    POD,
    SENDER_SECRET,
    USER_SECRET,
    Answer,
    Gateway,
    Time,
    answered,
    connection,
    failed,
    fault,
    refused,
    result,
    session_data,
    unauthenticated,
    xml,
)

QUERY, CREATE = Element("query"), element("create", Element("CLASS"))
AFTER_ALL = answered(result(Function(CREATE, "write-0"), "<data><class><RECORDNO>5</RECORDNO></class></data>"))
PAGE = Reply(502, b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>", {})


def damaged(_: bytes) -> bytes:
    raise ConnectionCutError("the compressed answer is damaged", sent=True)


def too_long(_: bytes) -> bytes:
    raise RemoteProtocolError("the answer is longer than the limit")


def session(transport: Transport, time: Time | None = None, *, cap: int | None = None, **settings: Any) -> Session:
    time = time or Time()
    made = connection(**settings)
    ids = iter(f"id-{n}" for n in range(1, 10_000))
    exchange = Exchange(
        made,
        transport,
        gate=Gate(made.concurrency, clock=time, sleep=time.sleep),
        meter=Meter(cap=cap),
        clock=time,
        new_id=lambda: next(ids),
    )
    return Session(exchange, clock=time, sleep=time.sleep, jitter=lambda: 1.0)


def read(at: Session, *bodies: Element) -> tuple[Result, ...]:
    functions = tuple(Function(body, f"read-{n}") for n, body in enumerate(bodies or (QUERY,)))
    return at.call(GatewayCall(functions, read=True), plain).results


def write(at: Session, *bodies: Element) -> tuple[Result, ...]:
    functions = tuple(Function(body, f"write-{n}") for n, body in enumerate(bodies or (CREATE,)))
    return at.call(GatewayCall(functions, read=False, uniqueid=True), plain).results


# --- signing in


def test_a_session_is_made_once_alone_in_its_request_and_its_endpoint_is_used() -> None:
    gateway = Gateway()
    at = session(gateway)
    read(at)
    read(at)
    assert gateway.names == ["getAPISession", "query", "query"]
    assert gateway.endpoints == [ENDPOINT, POD, POD]
    assert isinstance(gateway.requests[0].operations[0].authentication, Login)
    assert gateway.requests[1].operations[0].authentication == SessionAuth("session-1")


def test_a_login_connection_signs_in_with_every_request() -> None:
    gateway = Gateway()
    at = session(gateway, authentication="login", client_id="client", location_id="100")
    read(at)
    assert gateway.names == ["query"]
    login = gateway.requests[0].operations[0].authentication
    assert login == Login("ws", "acme", USER_SECRET, "client", "100")


def test_the_endpoint_of_a_session_is_checked() -> None:
    def elsewhere(endpoint: str, body: bytes) -> Reply:
        sign_in = Function(Element("getAPISession"), "id-1")
        return xml(answered(result(sign_in, session_data("s", "https://evil.net/x"))))

    with pytest.raises(SettingsError, match=r"host 'evil\.net' is not in intacct\.com"):
        read(session(elsewhere))


def test_a_session_in_another_entity_than_requested_is_refused() -> None:
    def elsewhere(endpoint: str, body: bytes) -> Reply:
        return xml(answered(result(Function(Element("getAPISession"), "id-1"), session_data("s", location="200"))))

    with pytest.raises(SignInError, match="requested entity 100, and the gateway signed in to entity 200"):
        read(session(elsewhere, location_id="100"))


def test_a_session_is_renewed_before_its_end_on_the_gateways_clock() -> None:
    gateway, time = Gateway(), Time()
    at = session(gateway, time)
    read(at)
    time.now += 2 * 3600 - 61  # the answers say: two hours from the Date header on
    read(at)
    assert gateway.names == ["getAPISession", "query", "query"]
    time.now += 2 * 3600 - 60  # every answer pushes the end on; now the last one is a minute from its end
    read(at)
    assert gateway.names == ["getAPISession", "query", "query", "getAPISession", "query"]


def test_after_a_lost_session_the_client_signs_in_once_and_repeats_the_call() -> None:
    gateway = Gateway()
    at = session(gateway)
    read(at)
    gateway.valid_sessions.clear()
    write(at)
    assert gateway.names == ["getAPISession", "query", "create", "getAPISession", "create"]
    first, second = gateway.requests[2], gateway.requests[4]
    assert first.operations[0].functions == second.operations[0].functions


def test_a_session_that_is_refused_twice_is_an_error() -> None:
    refusal = xml(unauthenticated(fault("XL03000006", "Sign-in information is incorrect")))
    gateway = Gateway(before=[None, refusal, None, refusal])
    with pytest.raises(SignInError, match="connection 'books'"):
        read(session(gateway))
    assert gateway.names == ["getAPISession", "query", "getAPISession", "query"]


def test_a_refused_login_is_not_repeated() -> None:
    gateway = Gateway(before=[xml(unauthenticated(fault("XL03000006", "Sign-in information is incorrect")))])
    with pytest.raises(SignInError, match="connection 'books'") as caught:
        read(session(gateway))
    assert len(gateway.requests) == 1
    assert caught.value.fix and caught.value.faults[0].errorno == "XL03000006"


def test_many_threads_share_one_sign_in() -> None:
    gateway = Gateway()
    at = session(gateway, concurrency=4)
    threads = [threading.Thread(target=read, args=(at,)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(gateway.names) == ["getAPISession", *["query"] * 12]


def test_threads_that_lose_the_same_session_sign_in_again_once() -> None:
    gateway = Gateway()
    at = session(gateway, concurrency=4)
    read(at)
    gateway.valid_sessions.clear()
    threads = [threading.Thread(target=read, args=(at,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gateway.names.count("getAPISession") == 2


# --- entities


def test_an_entitys_session_is_derived_from_the_session() -> None:
    gateway = Gateway()
    top = session(gateway)
    inside = top.derived("100")
    back = inside.derived("")
    for each in (inside, back):
        read(each)
    assert gateway.names == ["getAPISession", "getAPISession", "query", "getAPISession", "query"]
    assert gateway.requests[1].operations[0].functions[0].body == element("getAPISession", element("locationid", "100"))
    assert gateway.requests[1].operations[0].authentication == SessionAuth("session-1")
    assert b"<getAPISession><locationid></locationid></getAPISession>" in gateway.bodies[3]
    assert gateway.valid_sessions == {"session-1": "", "session-2": "100", "session-3": ""}


def test_a_lost_entity_session_is_derived_again_and_its_base_with_it() -> None:
    gateway = Gateway()
    inside = session(gateway).derived("100")
    read(inside)
    gateway.valid_sessions.clear()
    read(inside)
    assert gateway.names[3:] == ["query", "getAPISession", "getAPISession", "getAPISession", "query"]


def test_an_entity_of_a_login_connection_goes_into_the_login() -> None:
    gateway = Gateway()
    read(session(gateway, authentication="login", location_id="100").derived("200"))
    login = gateway.requests[0].operations[0].authentication
    assert isinstance(login, Login) and login.location_id == "200"


# --- what is repeated


@pytest.mark.parametrize(
    "trouble",
    [
        ConnectionCutError("x", sent=True),
        ConnectionCutError("x", sent=False),
        PAGE,
        Reply(524, b"", {}),
        Reply(408, b"", {}),
        Reply(200, b"<response><control><status>succ", {}),
        Reply(200, b"packed", {}, damaged),
        Reply(429, b"", {}),
        xml(refused(fault("GW-0010", "Too many requests"), echo=False), 429),
        xml(refused(fault("PL04000050", "System temporarily unavailable"))),
    ],
)
def test_a_read_is_retried_after_transient_failures(trouble: Any) -> None:
    gateway, time = Gateway(before=[None, trouble]), Time()
    assert read(session(gateway, time))[0].status == "success"
    assert gateway.names == ["getAPISession", "query", "query"]
    assert time.slept and time.slept[0] >= 1.0


@pytest.mark.parametrize("text", ["API rate limit exceeded", "The Service is Temporarily Off-line"])
def test_a_read_is_retried_after_a_transient_failure_of_one_function(text: str) -> None:
    answers = iter([fault("X", text), None])

    def handler(function: Function, _: Request) -> str:
        trouble = next(answers)
        return result(function) if trouble is None else failed(function, trouble)

    gateway = Gateway(handler)
    assert read(session(gateway))[0].status == "success"
    assert gateway.names == ["getAPISession", "query", "query"]


def test_a_read_fails_after_all_retries_and_the_waits_grow() -> None:
    gateway, time = Gateway(before=[None, *[PAGE] * 20]), Time()
    with pytest.raises(TransientError, match="502 Bad Gateway") as caught:
        read(session(gateway, time))
    assert gateway.names.count("query") == 6
    assert time.slept == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert caught.value.exit_status == 4


def test_an_unreadable_answer_to_a_read_is_tried_three_times() -> None:
    gateway = Gateway(before=[None, *[xml("<response>")] * 9])
    with pytest.raises(RemoteProtocolError, match="query: the answer cannot be read"):
        read(session(gateway))
    assert gateway.names.count("query") == 3


def test_long_answers_are_unpacked_one_after_another() -> None:
    both, met = threading.Barrier(2), []

    def unpack(packed: bytes) -> bytes:
        with suppress(threading.BrokenBarrierError):
            met.append(both.wait(0.5))
        return packed

    def handler(function: Function, _: Request) -> str:
        body = answered(result(function)).encode()
        raise Answer(Reply(200, body + b" " * 2**16, {}, unpack))

    at = session(Gateway(handler), concurrency=2)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda _: read(at), range(2)))
    assert [each[0].status for each in found] == ["success"] * 2
    assert not met


def test_a_failing_first_connection_is_retried_once() -> None:
    gateway = Gateway(before=[ConnectionCutError("no such host", sent=False)] * 9)
    with pytest.raises(ConnectionCutError, match="no such host"):
        read(session(gateway))
    assert len(gateway.requests) == 2


def test_a_refusal_is_not_retried_and_is_named() -> None:
    gateway = Gateway(before=[None, xml(refused(fault("XL03000003", "XML Parse schema error: x")))])
    with pytest.raises(InvalidRequestError) as caught:
        read(session(gateway))
    assert len(gateway.requests) == 2
    assert caught.value.by_gateway and caught.value.function == "query"


# --- writes


@pytest.mark.parametrize(
    "lost",
    [
        ConnectionCutError("x", sent=True),
        PAGE,
        Reply(500, b"", {}),
        Reply(524, b"<html><title>A timeout occurred</title></html>", {}),
        Reply(408, b"", {}),
        *(Reply(status, PAGE.body, {}) for status in (400, 401, 403, 407, 409, 413, 429, 451, 499)),
        Reply(429, b"", {"retry-after": "7"}),
        Reply(200, b"", {}),
        Reply(200, b"<response><control><status>success</status></control>", {}),
        Reply(200, b"<html><title>Log in to the hotel's network</title></html>", {}),
        Reply(200, answered(result(Function(CREATE, "write-0"))).encode()[:-5], {}),
        Reply(200, answered(result(Function(CREATE, "another"))).encode(), {}),
        RemoteProtocolError("too long"),
        Reply(200, b"packed", {}, damaged),
        Reply(200, b"packed", {}, too_long),
        xml(refused(fault("GW-0011", "Invalid Request"), echo=False), 503),
        xml(refused(fault("PL04000050", "System temporarily unavailable")), 500),
        xml(unauthenticated(fault("XL03000006", "Sign-in information is incorrect")), 502),
        xml(f"<response><acknowledgement><status>success</status></acknowledgement>{CONTROL}</response>"),
        xml(f"<response>{CONTROL}<errormessage>{fault('BL01', 'Something')}</errormessage></response>"),
        xml(answered(f"<errormessage>{fault('PL04000005', 'You do not have permission')}</errormessage>")),
        xml(AFTER_ALL.replace(CONTROL, CONTROL.replace("success", "failure"))),
        xml(AFTER_ALL.replace("<authentication><status>success", "<authentication><status>failure")),
    ],
)
def test_a_write_without_a_readable_answer_is_in_doubt_and_never_sent_again(lost: Any) -> None:
    gateway = Gateway(before=[None, lost])
    with pytest.raises(InDoubtError) as caught:
        write(session(gateway), CREATE)
    assert gateway.names == ["getAPISession", "create"]
    assert caught.value.control_ids == ("write-0",)
    assert caught.value.fix
    assert pickle.loads(pickle.dumps(caught.value)).control_ids == ("write-0",)


def test_a_write_without_results_is_in_doubt_with_the_fault_of_its_answer() -> None:
    text = f"You do not have permission for {USER_SECRET}"
    refusal = fault("PL04000005", text.replace("&", "&amp;").replace("<", "&lt;"))
    gateway = Gateway(before=[None, xml(answered(f"<errormessage>{refusal}</errormessage>"))])
    with pytest.raises(InDoubtError, match=r"0 results for 1 function, .*: You do not have permission for ") as caught:
        write(session(gateway), CREATE)
    assert [one.errorno for one in caught.value.faults] == ["PL04000005"]
    assert USER_SECRET not in str(caught.value) + str(caught.value.faults)


@pytest.mark.parametrize(
    "unapplied",
    [
        ConnectionCutError("x", sent=False),
        xml(refused(fault("GW-0010", "Too many requests"), echo=False), 429),
    ],
)
def test_a_write_that_was_not_applied_is_sent_again_unchanged(unapplied: Any) -> None:
    gateway = Gateway(before=[None, unapplied])
    write(session(gateway))
    assert gateway.names == ["getAPISession", "create", "create"]
    assert gateway.requests[1].operations == gateway.requests[2].operations
    assert gateway.requests[2].control.uniqueid is True


def test_a_failed_function_of_a_write_is_a_result() -> None:
    def handler(function: Function, _: Request) -> str:
        return failed(function, fault("BL34000061", "exists")) if function.control_id == "write-1" else result(function)

    results = write(session(Gateway(handler)), CREATE, CREATE, CREATE)
    assert [each.status for each in results] == ["success", "failure", "success"]
    assert results[1].faults[0].errorno == "BL34000061"


def test_results_are_put_in_the_functions_order() -> None:
    gateway = Gateway()

    def backwards(endpoint: str, body: bytes) -> Reply:
        reply = gateway(endpoint, body)
        functions = gateway.requests[-1].operations[0].functions
        return reply if len(functions) == 1 else xml(answered(*(result(each) for each in reversed(functions))))

    assert [each.control_id for each in write(session(backwards), CREATE, CREATE)] == ["write-0", "write-1"]


# --- pacing and cost


def test_all_requests_wait_as_long_as_the_gateway_asks() -> None:
    gateway, time = Gateway(before=[None, Reply(429, b"", {"retry-after": "90"})]), Time()
    at = session(gateway, time)
    read(at)
    assert time.slept == [90.0]
    assert at.exchange.gate.pace.allowed == 1


def test_a_wait_may_be_given_as_a_date() -> None:
    headers = {"retry-after": "Wed, 14 Oct 2026 09:01:30 GMT", "date": "Wed, 14 Oct 2026 09:00:00 GMT"}
    gateway, time = Gateway(before=[None, Reply(429, b"", headers)]), Time()
    read(session(gateway, time))
    assert time.slept == [90.0]


def test_a_throttled_request_costs_nothing_and_a_lost_one_does() -> None:
    gateway = Gateway(before=[None, Reply(429, b"", {}), ConnectionCutError("x", sent=False), PAGE])
    at = session(gateway)
    read(at)
    usage = at.exchange.meter.usage()
    assert usage.calls == 5
    assert usage.by_function["query"].transactions == 2
    assert usage.by_function["getAPISession"].functions == 1


def test_the_cap_stops_before_the_call_that_would_exceed_it() -> None:
    gateway = Gateway()
    at = session(gateway, cap=3)
    read(at)
    with pytest.raises(
        CapError, match=r"next request \(create\) costs 2 API transactions; 2 of the 3 allowed are used"
    ):
        write(at, CREATE, CREATE)
    write(at, CREATE)
    with pytest.raises(CapError):
        read(at)
    assert gateway.names == ["getAPISession", "query", "create"]


def test_the_gateways_time_comes_from_its_answers() -> None:
    gateway, time = Gateway(), Time()
    at = session(gateway, time)
    assert at.exchange.server_clock.now() is None
    read(at)
    time.now += 30
    now = at.exchange.server_clock.now()
    assert now is not None and now.isoformat() == "2026-10-14T09:00:30+00:00"


def test_without_a_date_header_the_sessions_times_are_used() -> None:
    gateway, time = Gateway(), Time()

    def undated(endpoint: str, body: bytes) -> Reply:
        return Reply(200, gateway(endpoint, body).body, {})

    at = session(undated, time)
    read(at)
    assert at.exchange.server_clock.now() is not None
    time.now += 2 * 3600
    read(at)
    assert gateway.names.count("getAPISession") == 2
    assert ENDS.startswith("2026-10-14T11")


# --- refusals of the whole request


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (xml(refused(fault("XL03000006", "Incorrect Intacct XML Partner ID or password."))), SignInError, "sender"),
        (xml(refused(fault("GW-0011", "Invalid Request [Request ID: 1]"), echo=False), 400), RefusedError, "GW-0011"),
        (
            xml(
                unauthenticated(
                    fault(
                        "XL03000006",
                        "The sender ID 'sender' is not authorized to make Web Services requests to company ID 'acme'.",
                        description="Invalid Web Services Authorization",
                    )
                )
            ),
            SignInError,
            "authori",
        ),
        (xml(refused(fault("PL04000055", "This company is a demo company and has expired."))), RefusedError, "expired"),
        (Reply(403, b"<html><title>Access denied by the proxy</title></html>", {}), IntacctError, "Access denied"),
        (Reply(404, b"", {}), IntacctError, "404"),
    ],
)
def test_a_refusal_says_which_connection_and_what(reply: Reply, kind: type[IntacctError], said: str) -> None:
    with pytest.raises(kind, match="connection 'books'") as caught:
        read(session(Gateway(before=[reply])))
    assert said.lower() in str(caught.value).lower()


# --- secrets


def test_no_secret_appears_in_anything_that_is_raised_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The gateway quotes both secrets in every text of its answers, raw and escaped, and in a web page's title."""
    caplog.set_level(logging.DEBUG)
    quoted = f"bad value {USER_SECRET} or {SENDER_SECRET}".replace("&", "&amp;").replace("<", "&lt;")
    everywhere = fault(quoted, quoted, description=quoted, correction=quoted)
    page = Reply(403, f"<html><title>{quoted}</title></html>".encode(), {})

    def handler(function: Function, _: Request) -> str:
        return failed(function, everywhere)

    troubles: list[Reply] = [xml(refused(everywhere)), xml(unauthenticated(everywhere)), page]
    said = []
    for trouble in troubles:
        with pytest.raises(IntacctError) as caught:
            read(session(Gateway(before=[trouble])))
        error = caught.value
        said += [str(error), repr(error), repr(error.__dict__), "".join(traceback.format_exception(error))]
    at = session(Gateway(handler))
    said += [repr(write(at)), repr(at.exchange.connection), caplog.text]
    text = "\n".join(said)
    assert "planted" not in text
    assert "***" in text


@pytest.mark.parametrize("refusal", [refused, unauthenticated])
def test_an_expired_session_is_renewed_at_every_level_of_error(refusal: Callable[..., str]) -> None:
    over = xml(refusal(fault("XL03000001", "Session expired")))
    gateway = Gateway(before=[None, over])
    write(session(gateway))
    assert gateway.names == ["getAPISession", "create", "getAPISession", "create"]


def test_throttling_is_reported_when_it_does_not_end() -> None:
    with pytest.raises(ThrottledError) as caught:
        read(session(Gateway(before=[None, *[Reply(429, b"", {"retry-after": "3"})] * 9])))
    assert caught.value.retry_after == 3.0


def test_results_without_control_ids_are_matched_by_position() -> None:
    def nameless(endpoint: str, body: bytes) -> Reply:
        reply = gateway(endpoint, body)
        return Reply(
            200, re.sub(rb"<controlid>(read|write)-\d</controlid>", b"<controlid></controlid>", reply.body), {}
        )

    gateway = Gateway()
    assert len(read(session(nameless), QUERY, QUERY)) == 2


def test_results_that_do_not_match_a_read_are_unreadable() -> None:
    gateway = Gateway(before=[None, *[xml(answered(result(Function(QUERY, "other"))))] * 3])
    with pytest.raises(RemoteProtocolError, match="has 1 result for 1 function, and they do not match"):
        read(session(gateway), QUERY)


def test_a_session_without_an_id_is_unreadable() -> None:
    with pytest.raises(RemoteProtocolError, match="no session id"):
        read(session(Gateway(before=[xml(answered(result(Function(Element("getAPISession"), "id-1"))))])))


def test_a_login_that_is_refused_later_is_a_refused_sign_in() -> None:
    refusal = xml(unauthenticated(fault("XL03000006", "Sign-in information is incorrect")))
    with pytest.raises(SignInError, match="books"):
        read(session(Gateway(before=[refusal]), authentication="login"))
