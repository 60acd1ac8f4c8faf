"""Every kind of fault, by call and by chance, in process and over a socket: the client's outcome, and the work done."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pytest
import urllib3

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import ScriptedFault
from intacct_protocol.errors import RemoteProtocolError
from intacct_protocol.xml.codec import decode_response, encode_request
from intacct_protocol.xml.envelope import Authentication, Control, Function, Login, Operation, Request, SessionAuth
from intacct_protocol.xml.reply import ConnectionCutError, Reply, Transport
from intacct_protocol.xml.xml import parse
from support.emulator.calls import ENDPOINT, element, query

LOGIN = Login("demo-user", "demo-company", "demo-user-password")
Ask = Callable[[bytes], Reply]


@dataclass(frozen=True)
class Case:
    fault: ScriptedFault
    outcome: str
    written: bool = False
    slept: tuple[float, ...] = ()


OFFLINE = "The Service is Temporarily Off-line"
CASES = {
    "too many requests": Case(ScriptedFault("http", status=429, headers={"retry-after": "1"}), "429 text/xml GW-0010"),
    "a proxy's page": Case(ScriptedFault("http", status=502, body="html"), "502 text/html"),
    "a page of Cloudflare's": Case(ScriptedFault("http", status=520, body="html"), "520 text/html"),
    "an XML error": Case(ScriptedFault("http", status=500), "500 text/xml GW-0011"),
    "a time-out at the edge": Case(ScriptedFault("http", status=524, body="html"), "524 text/html"),
    "cut before": Case(ScriptedFault("cut-before"), "cut"),
    "cut after": Case(ScriptedFault("cut-after"), "cut", written=True),
    "cut within": Case(ScriptedFault("cut-within"), "cut", written=True),
    "truncated": Case(ScriptedFault("truncated"), "no document", written=True),
    "slow": Case(ScriptedFault("slow", seconds=7), "success", written=True, slept=(7.0,)),
    "session lost": Case(ScriptedFault("session-lost"), "signed out"),
    "maintenance": Case(ScriptedFault("fault", errorno="PL04000050", text=OFFLINE), f"PL04000050 {OFFLINE}"),
}


def request(call: str, authentication: Authentication = LOGIN) -> bytes:
    function = Function(parse(call.encode()), "c")
    return encode_request(
        Request(Control("demo-sender", "demo-sender-password"), (Operation(authentication, (function,)),))
    )


def create(place: int) -> str:
    return f"<create>{element('CLASS', CLASSID=f'C{place}', NAME=f'N{place}')}</create>"


def outcome(ask: Ask, body: bytes) -> str:
    """The client's outcome, in a few words."""
    try:
        reply = ask(body)
    except ConnectionCutError as error:
        assert error.sent
        return "cut"
    kind = reply.headers["content-type"].partition(";")[0]
    if kind == "text/html":
        return f"{reply.status} {kind}"
    try:
        response = decode_response(reply.body)
    except RemoteProtocolError:
        return "no document"
    if reply.status != 200:
        return f"{reply.status} {kind} {response.faults[0].errorno}"
    if not response.operations[0].results:
        return "signed out"
    result = response.operations[0].results[0]
    return " ".join([result.faults[0].errorno, result.faults[0].text]) if result.faults else result.status


class Socket:
    """One server for any emulator."""

    def __init__(self, url: str, pool: urllib3.PoolManager) -> None:
        self.url, self.pool = url, pool
        self.emulator: Emulator | None = None

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        assert self.emulator is not None
        return self.emulator.paced(endpoint, body)

    def ask(self, body: bytes) -> Reply:
        try:
            answer = self.pool.request("POST", self.url, body=body)
        except urllib3.exceptions.HTTPError:
            raise ConnectionCutError("cut", sent=True) from None
        return Reply(answer.status, answer.data, {name.lower(): value for name, value in answer.headers.items()})


@pytest.fixture(scope="module")
def wire() -> Iterator[Socket]:
    behind: list[Socket] = []

    def transport(endpoint: str, body: bytes) -> Reply:
        return behind[0](endpoint, body)

    with serve(transport) as server, urllib3.PoolManager(retries=False) as pool:
        behind.append(Socket(server.url, pool))
        yield behind[0]


Connect = Callable[[Emulator], Ask]


@pytest.fixture(params=["in process", "over HTTP"])
def connect(request: pytest.FixtureRequest, wire: Socket) -> Connect:
    def over_http(emulator: Emulator) -> Ask:
        wire.emulator = emulator
        return wire.ask

    return over_http if request.param == "over HTTP" else in_process


def signed_in(emulator: Transport) -> SessionAuth:
    response = decode_response(emulator(ENDPOINT, request("<getAPISession/>")).body)
    data = response.operations[0].results[0].data
    assert data is not None
    return SessionAuth(data.children[0].findtext("sessionid"))


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_at_a_counted_call_of_one_function(connect: Connect, case: Case) -> None:
    slept: list[float] = []
    fault = replace(case.fault, function="create", calls=(2,))
    emulator = Emulator.empty(faults=(fault,), sleep=slept.append)
    ask, session = connect(emulator), signed_in(emulator)
    assert outcome(ask, request("<getFinancialSetup/>", session)) == "success"
    assert outcome(ask, request(create(1), session)) == "success"
    assert outcome(ask, request(create(2), session)) == case.outcome
    session = signed_in(emulator)
    assert outcome(ask, request(create(3), session)) == "success"
    assert [row["CLASSID"] for _, row in emulator.company().table("CLASS").rows()] == (
        ["C1", "C2", "C3"] if case.written else ["C1", "C3"]
    )
    assert tuple(slept) == case.slept
    emulator.close()


def year(case: Case, seed: int, connect: Connect) -> list[str]:
    """The outcomes of eight calls with a fault at each second one, by chance."""
    emulator = Emulator.empty(seed=seed, sleep=lambda _: None)
    ask, seen = connect(emulator), []
    for place in range(8):
        session = signed_in(emulator)
        number = emulator.fault_plan.add(replace(case.fault, chance=0.5))
        seen.append(outcome(ask, request(create(place), session)))
        assert emulator.fault_plan.remove(number)
    emulator.close()
    return seen


def in_process(emulator: Emulator) -> Ask:
    return lambda body: emulator(ENDPOINT, body)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_by_chance_it_is_the_same_for_the_same_seed(case: Case) -> None:
    first = year(case, 3, in_process)
    assert first == year(case, 3, in_process)
    assert set(first) == {case.outcome, "success"}


@pytest.mark.parametrize("name", ["cut within", "too many requests", "session lost"])
def test_by_chance_it_is_the_same_over_http_and_another_for_another_seed(connect: Connect, name: str) -> None:
    assert year(CASES[name], 3, connect) == year(CASES[name], 3, in_process) != year(CASES[name], 4, connect)


def test_an_error_of_the_audit_history_affects_no_other_object(connect: Connect) -> None:
    fault = ScriptedFault("fault", "query", "AUDITHISTORY", calls=(), errorno="DL02000001", text="There was an error")
    emulator = Emulator.empty(faults=(fault,))
    ask = connect(emulator)
    assert outcome(ask, request(query("AUDITHISTORY", "ID"))) == "DL02000001 There was an error"
    assert outcome(ask, request(query("CLASS", "RECORDNO"))) == "success"
    emulator.close()


def test_slow_bytes_are_waited_for_in_process() -> None:
    slept: list[float] = []
    emulator = Emulator.empty(faults=(ScriptedFault("dribble", piece=100, seconds=0.5),), sleep=slept.append)
    reply = emulator(ENDPOINT, request(create(1)))
    assert slept == [(len(reply.body) - 1) // 100 * 0.5]
    assert emulator.company().table("CLASS").count() == 1
    emulator.close()


def test_slow_bytes_leave_the_socket_a_few_at_a_time() -> None:
    # chunks of HTTP separate the pieces, even where the socket joins them
    emulator = Emulator.empty(faults=(ScriptedFault("dribble", piece=100, seconds=0.001),))
    with serve(emulator) as server:
        parts, body = urlsplit(server.url), request(create(1))
        with socket.create_connection((str(parts.hostname), int(parts.port or 0))) as line:
            head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.hostname}\r\nConnection: close\r\n"
            head += f"Content-Length: {len(body)}\r\n\r\n"
            line.sendall(head.encode() + body)
            received = b"".join(iter(lambda: line.recv(65536), b""))
    emulator.close()
    _, _, rest = received.partition(b"\r\n\r\n")
    pieces = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        pieces.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    assert pieces.pop() == b""
    assert {len(piece) for piece in pieces[:-1]} == {100}
    assert decode_response(b"".join(pieces)).operations[0].results[0].status == "success"


def test_two_faults_can_happen_to_one_request() -> None:
    slept: list[float] = []
    script = (ScriptedFault("slow", seconds=2), ScriptedFault("truncated"))
    emulator = Emulator.empty(faults=script, sleep=slept.append)
    assert outcome(lambda body: emulator(ENDPOINT, body), request(create(1))) == "no document"
    assert slept == [2.0]
    emulator.close()
