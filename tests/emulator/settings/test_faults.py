"""Scripted faults: their kinds, their calls, and the work that was done in spite of them."""

from pathlib import Path

import pytest

from intacct_bridge.testing import emulated_company
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.faults import FaultKind, ScriptedFault, load_faults
from intacct_protocol.errors import RefusedError, RemoteProtocolError, SettingsError
from intacct_protocol.xml.codec import decode_response
from intacct_protocol.xml.envelope import SessionAuth
from intacct_protocol.xml.reply import ConnectionCutError
from support.emulator.calls import ENDPOINT, element, faults, one, query, send
from support.emulator.refusing_companies import world

CREATE = f"<create>{element('CLASS', CLASSID='A', NAME='A')}</create>"
READ = "<getFinancialSetup/>"


def under(*faults: ScriptedFault, slept: list[float] | None = None) -> Emulator:
    return Emulator.empty(faults=faults, sleep=(slept if slept is not None else []).append)


def test_throttling_is_an_answer_before_the_application() -> None:
    # 429 with GW-0010: DOC web-services/error-handling
    emulator = under(ScriptedFault("http", status=429, headers={"retry-after": "2"}))
    reply = emulator(ENDPOINT, _body(emulator))
    assert (reply.status, reply.headers["retry-after"]) == (429, "2")
    response = decode_response(reply.body)
    assert (response.control.status, response.control.sender_id) == ("failure", "")
    assert response.faults[0].errorno == "GW-0010"
    assert one(emulator, READ).status == "success"


def _body(emulator: Emulator) -> bytes:
    seen: list[bytes] = []

    def listen(endpoint: str, body: bytes) -> object:
        seen.append(body)
        raise ConnectionCutError("only listening", sent=False)

    with pytest.raises(ConnectionCutError):
        send(listen, READ)  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize(("kind", "rows"), [("cut-before", 0), ("cut-after", 1)])
def test_a_cut_is_before_or_after_the_work(kind: FaultKind, rows: int) -> None:
    emulator = under(ScriptedFault(kind, function="create", calls=(1,)))
    with pytest.raises(ConnectionCutError) as cut:
        one(emulator, CREATE)
    assert cut.value.sent
    assert emulator.company().table("CLASS").count() == rows


def test_a_truncated_answer_is_not_a_document() -> None:
    emulator = under(ScriptedFault("truncated", function="create"))
    with pytest.raises(RemoteProtocolError):
        one(emulator, CREATE)
    assert emulator.company().table("CLASS").count() == 1


def test_faults_wait_for_their_function_and_their_call() -> None:
    emulator = under(ScriptedFault("fault", function="create", calls=(2,), errorno="BL01001973", text="Not now"))
    assert one(emulator, READ).status == "success"
    assert one(emulator, CREATE).status == "success"
    assert one(emulator, READ).status == "success"
    assert [fault.text for fault in faults(emulator, CREATE)] == ["Not now"]
    assert "already exists" in faults(emulator, CREATE)[0].text


def test_faults_wait_for_their_object() -> None:
    # the audit history's own error, which a client in production ignores
    emulator = under(ScriptedFault("fault", function="query", object="AUDITHISTORY", calls=(), errorno="DL02000001"))
    assert one(emulator, query("CLASS", "RECORDNO")).status == "success"
    assert faults(emulator, query("AUDITHISTORY", "ID"))[0].errorno == "DL02000001"
    emulator = under(ScriptedFault("cut-after", function="create", object="class"))
    with pytest.raises(ConnectionCutError):
        one(emulator, CREATE)


def test_a_fault_for_one_object_does_not_affect_the_others_of_its_request() -> None:
    closed = ScriptedFault(
        "fault", "lookup", object="CLASS", calls=(), errorno="XL03000006", text="No permission for this"
    )
    with emulated_company(faults=(closed,)) as company:
        refused: dict[str, RefusedError] = {}
        found = company.client().describe_many(["VENDOR", "CLASS", "CUSTOMER"], refused)
        assert [*found, *refused] == ["VENDOR", "CUSTOMER", "CLASS"]
        assert len(company.received("lookup")) == 3


def test_chance_repeats_for_the_same_seed() -> None:
    def happened(seed: int) -> list[bool]:
        emulator = Emulator.empty(faults=(ScriptedFault("fault", chance=0.3),), seed=seed)
        return [one(emulator, READ).status == "failure" for _ in range(40)]

    assert happened(1) == happened(1)
    assert happened(1) != happened(2)
    assert 3 < sum(happened(1)) < 25


def test_a_lost_session_must_be_opened_again() -> None:
    emulator = under(ScriptedFault("session-lost", function="getFinancialSetup", calls=(2,)))
    signed_in = SessionAuth(one(emulator, "<getAPISession/>").data.children[0].findtext("sessionid"))  # type: ignore[union-attr]
    assert one(emulator, READ, authentication=signed_in).status == "success"
    assert send(emulator, READ, authentication=signed_in).operations[0].faults


def test_a_slow_answer_is_waited_for() -> None:
    slept: list[float] = []
    emulator = under(ScriptedFault("slow", seconds=3.5), slept=slept)
    assert one(emulator, READ).status == "success"
    assert slept == [3.5]


def test_a_proxys_page_is_html() -> None:
    emulator = under(ScriptedFault("http", status=524, body="html"))
    reply = emulator(ENDPOINT, _body(emulator))
    assert (reply.status, reply.headers["content-type"]) == (524, "text/html")
    assert b"<html>" in reply.body


def test_faults_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text('[[fault]]\nkind = "http"\nstatus = 429\ncalls = [1, 3]\nheaders = {retry-after = "1"}\n')
    assert load_faults(path) == (ScriptedFault("http", status=429, calls=(1, 3), headers={"retry-after": "1"}),)
    path.write_text('[[fault]]\nkind = "drizzle"\n')
    with pytest.raises(SettingsError, match="drizzle"):
        load_faults(path)
    path.write_text('[[fault]]\nkind = "slow"\nhours = 1\n')
    with pytest.raises(SettingsError, match="hours"):
        load_faults(path)


def test_the_log_keeps_requests_with_their_secrets_masked() -> None:
    emulator = world()
    one(emulator, CREATE, control_ids=["mine"])
    (received,) = emulator.received
    assert (received.functions, received.control_ids) == (("create",), ("mine",))
    assert b"demo-user-password" not in received.body
    assert b"demo-sender-password" not in received.body
    assert b"<CLASSID>A</CLASSID>" in received.body
