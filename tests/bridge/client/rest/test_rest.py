"""Calls of the REST interface: against the emulator, and against a server that answers as Sage's pages say."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.client.rest.rest import RestCall, rest_address
from intacct_bridge.connections.connection import Connection
from intacct_emulator import CREDENTIALS, REST_CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_protocol.errors import (
    CapError,
    InDoubtError,
    IntacctError,
    InvalidRequestError,
    NotPermittedError,
    RecordError,
    RemoteProtocolError,
    SettingsError,
    SignInError,
    TransientError,
)
from support.emulator.rest import RestClient
from support.small_company import Clock, little_company

Answer = tuple[int, dict[str, str], bytes]
TOKEN: Answer = (
    200,
    {},
    json.dumps({"token_type": "Bearer", "access_token": "secret-access", "expires_in": 43200}).encode(),
)
DEAD: Answer = (401, {}, b'{"error": {"code": "tokenInvalid", "message": "Invalid token", "errorId": "REST-2102"}}')
VENDOR: Answer = (
    200,
    {},
    b'{"ia::result": {"key": "1", "id": "V1", "creditLimit": 0.1}, "ia::meta": {"totalCount": 1}}',
)
CREATED: Answer = (
    201,
    {},
    b"""{"ia::result": {"key": "7", "id": "7", "href": "/objects/accounts-payable/bill/7"},
    "ia::meta": {"totalCount": 1, "totalSuccess": 1, "totalError": 0}}""",
)
LIMITED: Answer = (
    429,
    {"X-IA-Hour-Rate-Retry-After": "17"},
    b'{"ia::error": {"code": "GW-0010", "message": "Rate limit"}}',
)
BROKEN: Answer = (500, {}, b'{"ia::error": {"code": "GW-0001", "message": "An unexpected error", "supportId": "s-1"}}')
PAGE: Answer = (502, {}, b"<html><title>Bad gateway</title></html>")
CUT: Answer = (0, {}, b"")
CREATE = RestCall(
    "POST", "/objects/accounts-payable/bill", "create", "accounts-payable/bill", b'{"vendor":{"id":"V1"}}'
)


class Gateway:
    """Answers requests in turn, the token endpoint apart, and keeps what came."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.grants = 0
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path.endswith("/oauth2/token"):
                    gateway.grants += 1
                    status, headers, content = TOKEN
                else:
                    named = {name.lower(): value for name, value in self.headers.items()}
                    gateway.seen.append((self.command, self.path, named, body))
                    status, headers, content = gateway.answers.pop(0)
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.slept: list[float] = []

    def client(self, **more: Any) -> Client:
        limits = {"max_transactions": more.pop("max_transactions", None)}
        now = [0.0]

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            now[0] += seconds

        system = System(clock=lambda: now[0], sleep=sleep, jitter=lambda: 1.0)
        endpoint = f"http://127.0.0.1:{self.server.server_port}/ia/xml/xmlgw.phtml"
        return Client(rest_connection(endpoint, **more), system=system, **limits)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def rest_connection(endpoint: str, **more: Any) -> Connection:
    """A connection with the REST interface alone."""
    login = {name: CREDENTIALS[name] for name in ("company_id", "user_id")}
    oauth = {f"oauth_{name}": value for name, value in REST_CREDENTIALS.items()}
    return Connection(**({"name": "books", "endpoint": endpoint, **login, **oauth} | more))


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with closing(Gateway()) as served:
        yield served


@pytest.fixture
def emulated() -> Iterator[tuple[Client, Emulator, str]]:
    with (
        closing(little_company(Clock())) as emulator,
        serve(emulator) as server,
        Client(rest_connection(server.url)) as client,
    ):
        yield client, emulator, server.url


def test_the_address_follows_from_the_endpoint() -> None:
    assert rest_address("https://api.intacct.com/ia/xml/xmlgw.phtml") == "https://api.intacct.com/ia/api/v1"
    assert rest_address("http://127.0.0.1:8081/ia/xml/xmlgw.phtml") == "http://127.0.0.1:8081/ia/api/v1"


def test_a_record_and_a_model_of_the_emulator(emulated: tuple[Client, Emulator, str]) -> None:
    client, _, url = emulated
    plain = RestClient(url.replace("/ia/xml/xmlgw.phtml", "/ia/api/v1"))
    vendor = client.rest.get("accounts-payable/vendor", "1")
    assert vendor == plain.sign_in().read("accounts-payable/vendor", "1")
    assert client.rest.model("accounts-payable/vendor")["type"] == "rootObject"


def test_another_authorization_of_the_same_user_costs_one_renewal(emulated: tuple[Client, Emulator, str]) -> None:
    client, _, url = emulated
    client.rest.get("accounts-payable/vendor", "1")
    RestClient(url.replace("/ia/xml/xmlgw.phtml", "/ia/api/v1")).sign_in()  # another program ends the token
    assert client.rest.get("accounts-payable/vendor", "1")["key"] == "1"
    assert client.meter.usage().by_function["read"].transactions == 2


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"oauth_client_secret": "wrong"}, "does not accept the application"),
        ({"user_id": "unknown"}, "may not sign in as this user"),
        ({"company_id": "elsewhere"}, "may not sign in as this user"),
    ],
)
def test_a_refused_application_or_user_is_explained(
    emulated: tuple[Client, Emulator, str], settings: dict[str, str], text: str
) -> None:
    _, _, url = emulated
    with Client(rest_connection(url, **settings)) as client, pytest.raises(SignInError, match=text) as refused:
        client.rest.get("accounts-payable/vendor", "1")
    assert refused.value.fix
    assert "wrong" not in str(refused.value)


def test_a_key_that_is_not_there_and_a_name_of_xml_are_refused(emulated: tuple[Client, Emulator, str]) -> None:
    client, _, _ = emulated
    with pytest.raises(RecordError, match="There is no record with this key") as refused:
        client.rest.get("accounts-payable/vendor", "99999")
    assert "REST takes record numbers as keys" in refused.value.fix
    with pytest.raises(InvalidRequestError, match="'APBILL' is no name of an object of the REST interface"):
        client.rest.get("APBILL", "1")


def test_a_connection_with_rest_alone_refuses_a_call_by_xml_before_it_leaves(
    emulated: tuple[Client, Emulator, str],
) -> None:
    client, _, _ = emulated
    with pytest.raises(SettingsError, match="sender_id is not set, and getAPISession needs the XML interface"):
        client.describe("VENDOR")
    assert client.meter.calls == 0


def test_a_connection_with_xml_alone_says_what_rest_needs() -> None:
    settings: dict[str, Any] = {**CREDENTIALS, "endpoint": "http://127.0.0.1:9/"}
    with Client(Connection(**settings)) as client, pytest.raises(SettingsError, match="oauth_client_id is not set"):
        _ = client.rest


def test_the_headers_of_a_call_and_exact_numbers(gateway: Gateway) -> None:
    gateway.answers = [VENDOR]
    with gateway.client(location_id="100") as client:
        assert client.rest.get("accounts-payable/vendor", "a b/1")["creditLimit"] == Decimal("0.1")
    ((method, path, headers, body),) = gateway.seen
    assert (method, path, body) == ("GET", "/ia/api/v1/objects/accounts-payable/vendor/a%20b%2F1", b"")
    assert headers["authorization"] == "Bearer secret-access"
    assert headers["x-ia-api-param-entity"] == "100"


@pytest.mark.parametrize(
    ("before", "waits"),
    [
        pytest.param([LIMITED], [17.0], id="a limit, for as long as it says"),
        pytest.param([BROKEN, BROKEN], [1.0, 2.0], id="a server error"),
        pytest.param([PAGE], [1.0], id="a web page"),
        pytest.param([CUT], [1.0], id="no answer"),
    ],
)
def test_a_read_is_sent_again(gateway: Gateway, before: list[Answer], waits: list[float]) -> None:
    gateway.answers = [*before, VENDOR]
    with gateway.client() as client:
        assert client.rest.get("accounts-payable/vendor", "1")["id"] == "V1"
    assert [seconds for seconds in gateway.slept if seconds][: len(waits)] == waits
    assert len(gateway.seen) == len(before) + 1


@pytest.mark.parametrize(
    ("answer", "status"), [(BROKEN, 500), (PAGE, 502), (CUT, 0), ((200, {}, b""), 200), ((200, {}, b"{"), 200)]
)
def test_a_write_without_an_answer_of_the_gateway_is_in_doubt_and_sent_once(
    gateway: Gateway, answer: Answer, status: int
) -> None:
    gateway.answers = [answer]
    with gateway.client() as client, pytest.raises(InDoubtError) as doubt:
        client.rest.call(CREATE)
    assert doubt.value.http_status == status
    assert len(gateway.seen) == 1
    assert client.meter.transactions == 1


@pytest.mark.parametrize("refusal", [LIMITED, DEAD])
def test_a_write_that_was_refused_before_it_ran_is_sent_again_with_the_same_bytes(
    gateway: Gateway, refusal: Answer
) -> None:
    gateway.answers = [refusal, CREATED]
    with gateway.client() as client:
        answer = client.rest.call(replace(CREATE, headers={"Idempotency-Key": "k-1"}))
        assert (answer.status, answer.result["key"], answer.meta["totalSuccess"]) == (201, "7", 1)
        assert client.meter.transactions == 1
    first, second = gateway.seen
    assert first[3] == second[3] == CREATE.body
    assert first[2]["idempotency-key"] == second[2]["idempotency-key"] == "k-1"
    assert first[2]["content-type"] == "application/json"


def test_a_token_that_is_dead_twice_is_an_error(gateway: Gateway) -> None:
    gateway.answers = [DEAD, DEAD]
    with gateway.client() as client, pytest.raises(SignInError, match="not valid any more") as refused:
        client.rest.get("accounts-payable/vendor", "1")
    assert "a Web Services user of its own" in refused.value.fix
    assert gateway.grants == 2


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalidRequest", InvalidRequestError),
        (403, "GW-0042", NotPermittedError),
        (409, "conflict", RecordError),
        (422, "operationFailed", RecordError),
    ],
)
def test_a_refusal_of_a_write_is_no_doubt(gateway: Gateway, status: int, code: str, kind: type[IntacctError]) -> None:
    gateway.answers = [(status, {}, json.dumps({"ia::error": {"code": code, "message": "no secret-access"}}).encode())]
    with gateway.client() as client, pytest.raises(kind) as refused:
        client.rest.call(CREATE)
    assert type(refused.value) is kind
    assert refused.value.http_status == status
    assert "secret-access" not in str(refused.value)
    assert "***" in str(refused.value)


@pytest.mark.parametrize(("answers", "kind"), [([PAGE] * 3, RemoteProtocolError), ([BROKEN] * 6, TransientError)])
def test_a_read_that_always_fails_ends(gateway: Gateway, answers: list[Answer], kind: type[IntacctError]) -> None:
    gateway.answers = list(answers)
    with gateway.client() as client, pytest.raises(kind):
        client.rest.get("accounts-payable/vendor", "1")
    assert gateway.answers == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [({"read_only": True}, "is read_only, and create may"), ({"approval": "required"}, "requires an approval")],
)
def test_a_connection_that_takes_no_such_write_sends_none(
    gateway: Gateway, settings: dict[str, Any], text: str
) -> None:
    with gateway.client(**settings) as client, pytest.raises(SettingsError, match=text):
        client.rest.call(CREATE)
    assert (gateway.seen, gateway.grants) == ([], 0)


def test_the_records_of_a_write_count_and_a_cap_holds(gateway: Gateway) -> None:
    gateway.answers = [CREATED]
    with gateway.client(max_transactions=3) as client:
        client.rest.call(replace(CREATE, records=3))
        assert client.meter.usage().by_object["ACCOUNTS-PAYABLE/BILL"].transactions == 3
        with pytest.raises(CapError):
            client.rest.call(CREATE)
    assert len(gateway.seen) == 1


@pytest.mark.parametrize("show", [repr, lambda connection: repr(connection.settings())])
def test_the_secret_is_never_shown(show: Callable[[Connection], str]) -> None:
    connection = rest_connection("http://127.0.0.1:9/", oauth_client_secret="planted-secret")
    assert "planted-secret" not in show(connection)
    assert "planted-secret" in connection.secrets
