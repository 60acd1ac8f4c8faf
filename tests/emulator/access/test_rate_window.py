"""The limit on requests in a window of time: each company's own, as HTTP 429 or as an error in an answer with 200."""

import pytest

from intacct_emulator.access.company_limits import RateWindow, WindowLimit
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.xml.codec import decode_response
from intacct_protocol.xml.envelope import Login
from intacct_protocol.xml.reply import Reply
from support.emulator.calls import LOGIN, send
from support.small_company import client

READ = "<getFinancialSetup/>"


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_258_800.0

    def __call__(self) -> float:
        return self.now


def test_a_window_moves_with_the_clock_and_counts_each_company_by_itself() -> None:
    clock = Clock()
    window = RateWindow(WindowLimit(2, 60), clock)
    window.by_company = {"second": WindowLimit(1, 10)}
    assert [window.wait("first") for _ in range(2)] == [0, 0]
    clock.now += 20
    assert window.wait("first") == 40
    assert [window.wait("second"), window.wait("second")] == [0, 10]
    assert [window.wait("") for _ in range(5)] == [0] * 5
    clock.now += 40
    assert [window.wait("first") for _ in range(3)] == [0, 0, 60]


def two_companies(clock: Clock, **behaviour: object) -> Emulator:
    tree = {
        "behaviour": {"window_requests": 2, **behaviour},
        "company": [{"company_id": "other-company", "window_requests": 0}],
    }
    return Emulator.empty(settings=scenario(tree), clock=clock, sleep=lambda _: None)


def raw(emulator: Emulator, login: Login = LOGIN) -> Reply:
    replies: list[Reply] = []

    def kept(endpoint: str, body: bytes) -> Reply:
        replies.append(emulator(endpoint, body))
        return replies[-1]

    send(kept, READ, authentication=login)
    return replies[0]


def test_a_request_beyond_the_window_is_refused_with_429() -> None:
    # 429 with GW-0010: Sage, error handling
    clock = Clock()
    emulator = two_companies(clock)
    assert [raw(emulator).status for _ in range(3)] == [200, 200, 429]
    clock.now += 15
    refused = raw(emulator)
    assert refused.headers["retry-after"] == "45"
    assert [fault.errorno for fault in decode_response(refused.body).faults] == ["GW-0010"]
    other = Login("demo-user", "other-company", "demo-user-password")
    assert [raw(emulator, other).status for _ in range(4)] == [200] * 4
    clock.now += 45
    assert raw(emulator).status == 200
    emulator.close()


def test_the_limit_error_can_be_inside_an_answer_with_status_200() -> None:
    # the text: a client in production looks for it in the body of a 200
    emulator = two_companies(Clock(), held_status=200)
    raw(emulator), raw(emulator)
    refused = raw(emulator)
    assert refused.status == 200
    (fault,) = decode_response(refused.body).faults
    assert (fault.errorno, fault.text) == ("GW-0010", "API rate limit exceeded")
    emulator.close()


def test_the_limit_error_can_be_that_of_each_function() -> None:
    emulator = two_companies(Clock(), held_level="function")
    raw(emulator), raw(emulator)
    response = send(emulator, READ, READ)
    assert response.operations[0].authentication.status == "success"
    assert [(one.status, one.faults[0].errorno) for one in response.operations[0].results] == [
        ("failure", "GW-0010")
    ] * 2
    assert emulator.transactions().total == 2
    emulator.close()


@pytest.mark.parametrize(
    "behaviour", [{}, {"held_status": 200}, {"held_level": "function"}], ids=["429", "inside a 200", "each function"]
)
def test_our_client_waits_for_the_window_and_writes_once(behaviour: dict[str, object]) -> None:
    clock = Clock()
    emulator = two_companies(clock, window_seconds=30, **behaviour)

    def later(endpoint: str, body: bytes) -> Reply:
        clock.now += 7
        return emulator(endpoint, body)

    with client(later) as gateway:
        for number in range(6):
            (made,) = gateway.create("CLASS", [{"CLASSID": f"C{number}", "NAME": "N"}])
            assert made.ok, made
        assert len(list(gateway.query("CLASS", "CLASSID"))) == 6
        spent = gateway.meter.transactions
    assert [row["CLASSID"] for _, row in emulator.company().table("CLASS").rows()] == [f"C{n}" for n in range(6)]
    assert "limited" in {str(one.outcome) for one in emulator.received}
    assert spent == emulator.transactions().total
    emulator.close()
