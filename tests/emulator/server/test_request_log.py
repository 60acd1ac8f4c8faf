"""The log has every request: answered, refused, unreadable, stopped by a limit or by a fault."""

import pytest
import urllib3

from intacct_bridge.testing import Company
from intacct_emulator.server.gateway import Emulator, RequestOutcome
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import ScriptedFault
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.xml.envelope import Login
from intacct_protocol.xml.reply import ConnectionCutError
from support.emulator.calls import ENDPOINT, element, send

READ = "<getFinancialSetup/>"
CREATE = f"<create>{element('CLASS', CLASSID='A', NAME='A')}</create>"


def company(*faults: ScriptedFault, **behaviour: object) -> Emulator:
    return Emulator.empty(
        settings=scenario({"behaviour": behaviour, "policies": {"p": "http://127.0.0.1:9/x"}}),
        faults=faults,
        clock=lambda: 1_795_258_800.0,
        sleep=lambda _: None,
    )


def outcomes(emulator: Emulator) -> list[tuple[tuple[str, ...], str]]:
    return [(one.functions, str(one.outcome)) for one in emulator.received]


def test_every_request_is_in_the_log_with_its_outcome() -> None:
    cuts = (
        ScriptedFault("cut-before", "create", calls=(2,)),
        ScriptedFault("cut-after", "create", calls=(3,)),
        ScriptedFault("http", "create", calls=(4,)),
    )
    emulator = company(*cuts)
    send(emulator, CREATE)
    for _ in range(2):
        with pytest.raises(ConnectionCutError):
            send(emulator, CREATE)
    emulator(ENDPOINT, emulator.received[0]._body)
    send(emulator, READ, sender_id="nobody")
    send(emulator, READ, authentication=Login("demo-user", "demo-company", "wrong"))
    send(emulator, READ, policy_id="p")
    send(emulator, READ, policy_id="q")
    emulator(ENDPOINT, b"<request><control><password>geheim</password>")
    emulator(ENDPOINT, b"<request><control><password>geheim")
    emulator(ENDPOINT, b"")
    assert outcomes(emulator) == [
        (("create",), RequestOutcome.ANSWERED),
        (("create",), RequestOutcome.FAULT),
        (("create",), RequestOutcome.UNANSWERED),
        (("create",), RequestOutcome.FAULT),
        (("getFinancialSetup",), RequestOutcome.REFUSED),
        (("getFinancialSetup",), RequestOutcome.SIGN_IN_REFUSED),
        (("getFinancialSetup",), RequestOutcome.ACKNOWLEDGED),
        (("getFinancialSetup",), RequestOutcome.REFUSED),
        ((), RequestOutcome.UNREADABLE),
        ((), RequestOutcome.UNREADABLE),
        ((), RequestOutcome.UNREADABLE),
    ]
    assert {one.company for one in emulator.received} == {"demo-company", ""}
    for one in emulator.received:
        assert b"geheim" not in one.body
        assert b"demo-user-password" not in one.body
        assert "password" not in repr(one)
    emulator.close()


def test_a_request_that_a_limit_stops_is_in_the_log() -> None:
    emulator = company(window_requests=2)
    for _ in range(3):
        emulator(ENDPOINT, _body(emulator))
    assert [one.outcome for one in emulator.received][-1] == RequestOutcome.LIMITED
    assert emulator.received[-1].functions == ("getFinancialSetup",)
    emulator.close()


def _body(emulator: Emulator) -> bytes:
    if not emulator.received:
        send(emulator, READ)
    return emulator.received[0]._body


def test_a_request_of_a_web_page_is_in_the_log_without_its_body() -> None:
    emulator = company()
    with serve(emulator) as server, urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("POST", server.url, body=b"<request/>", headers={"origin": "http://elsewhere.example"})
    assert answer.status == 403
    assert [(one.outcome, one.body) for one in emulator.received] == [(RequestOutcome.REFUSED, b"")]
    emulator.close()


def test_the_functions_of_readable_requests_can_be_listed_beside_unreadable_ones() -> None:
    made = Company(company())
    made.emulator(ENDPOINT, b"no document")
    send(made.emulator, CREATE)
    assert [one.tag for one in made.received()] == ["create"]
    assert len(made.requests) == 2
    made.close()


def test_the_log_keeps_the_last_thousand() -> None:
    emulator = company()
    for number in range(1005):
        emulator(ENDPOINT, f"no document {number}".encode())
    assert len(emulator.received) == 1000
    assert emulator.received[0].body == b"no document 5"
    emulator.close()
