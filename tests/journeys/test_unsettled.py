"""What no source settles about the gateway: each question is a setting of the emulator, and our side lives with either.

The list is in docs/reference/fidelity.md, written from `emulator/fidelity.toml`, which names the test of each question.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.testing import Company
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.faults import ScriptedFault, too_many_requests
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.errors import InDoubtError, RemoteProtocolError, SignInError, TransientError
from intacct_protocol.model.query.query import Aggregate
from intacct_protocol.xml.codec import decode_response, encode_request
from intacct_protocol.xml.envelope import Control, Function, Operation, Request, SessionAuth
from intacct_protocol.xml.reply import Reply
from intacct_protocol.xml.xml import parse
from support import small_company
from support.emulator.calls import ENDPOINT, LOGIN, data, element, faults, one, query, rows, send
from support.emulator.refusing_companies import Clock, world
from support.journeys.objects import BILLS, VENDORS, LoadScenario

_made: list[Company] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _made:
        _made.pop().close()


def around(emulator: Emulator) -> Company:
    """A company around an emulator, closed after the test."""
    _made.append(Company(emulator))
    return _made[-1]


def company(*weather: ScriptedFault, users: dict[str, Any] | None = None, **behaviour: object) -> Company:
    tree: dict[str, Any] = {"behaviour": behaviour}
    if users:
        tree["company"] = [{"company_id": "demo-company", "user": [users]}]
    return around(Emulator.empty(settings=scenario(tree), faults=weather, sleep=lambda _: None))


def klass(key: str) -> dict[str, str]:
    return {"CLASSID": key, "NAME": key}


# --- 1. what a repeated control id is answered


@pytest.mark.parametrize(
    "behaviour",
    [
        {},
        {"replay_errorno": "ODD-1", "replay_text": "No."},
        {"replay_answer": "repeated"},
        {"replay_answer": "unmarked"},
    ],
    ids=["our number", "another number and text", "the first answer again", "a result without a status"],
)
def test_a_lost_reply_is_settled_whatever_a_repeated_control_id_is_answered(
    tmp_path: Path, behaviour: dict[str, object]
) -> None:
    clock = small_company.Clock()
    cut = ScriptedFault("cut-after", function="create", calls=(2,))
    desk = LoadScenario(
        tmp_path, small_company.company(clock, settings=scenario({"behaviour": behaviour}), faults=(cut,))
    )
    desk.load(VENDORS, "VENDOR")
    clock.forward(hours=3)
    for _ in range(3):
        desk.load(BILLS, "APBILL")
        clock.forward(hours=3)
    assert sorted(row["RECORDID"] for row in desk.rows("APBILL")) == ["INV-1", "INV-2"]
    assert len(desk.rows("APBILLITEM")) == 3
    desk.emulator.close()


def test_a_repeated_control_id_may_be_answered_as_the_first_time() -> None:
    emulator = world(replay_answer="repeated")
    made = f"<create>{element('CLASS', CLASSID='A', NAME='A')}</create>"
    first, again = (one(emulator, made, uniqueid=True, control_ids=["x"]) for _ in range(2))
    assert (again.status, again.data) == (first.status, first.data)
    assert emulator.company().table("CLASS").count() == 1
    bill = "<create_class><classid>B</classid><name>B</name></create_class>"
    first, again = (one(emulator, bill, uniqueid=True, control_ids=["y"]) for _ in range(2))
    assert first.key == again.key == "B"


def test_a_repeated_control_id_may_be_refused_without_a_status() -> None:
    # issue 70 of intacct-sdk-js: with uniqueid, a repeated write ends in "result block is missing status element"
    emulator = world(replay_answer="unmarked")
    made = f"<create>{element('CLASS', CLASSID='A', NAME='A')}</create>"
    assert one(emulator, made, uniqueid=True, control_ids=["x"]).status == "success"
    call = Function(parse(made.encode()), "x")
    request = Request(Control("demo-sender", "demo-sender-password", uniqueid=True), (Operation(LOGIN, (call,)),))
    body = emulator(ENDPOINT, encode_request(request)).body
    (result,) = parse(body).findall("operation")[0].findall("result")
    assert [cell.tag for cell in result] == ["function", "controlid", "errormessage"]
    with pytest.raises(RemoteProtocolError, match="a result's status is ''"):
        decode_response(body)
    assert emulator.company().table("CLASS").count() == 1


# --- 2. a session that is over, or is used elsewhere


@pytest.mark.parametrize("number", ["XL03000006", "XL03000001", "ODD-2"])
def test_a_lost_session_is_opened_again_whatever_its_refusal_says(number: str) -> None:
    lost = ScriptedFault("session-lost", function="create", calls=(2,))
    made = company(lost, session_errorno=number, session_text="Gone.")
    client = made.client()
    client.create("CLASS", [klass("A")])
    client.create("CLASS", [klass("B")])
    assert [row["CLASSID"] for row in client.query("CLASS", "CLASSID")] == ["A", "B"]


@pytest.mark.parametrize(("habit", "accepted"), [("accepted", True), ("refused", False)])
def test_a_session_at_another_endpoint(habit: str, *, accepted: bool) -> None:
    emulator = world(session_elsewhere=habit)
    api = data(emulator, "<getAPISession/>").children[0]
    session = SessionAuth(api.findtext("sessionid"))

    def elsewhere(_: str, body: bytes) -> Reply:
        return emulator("http://other/ia/xml/xmlgw.phtml", body)

    assert send(emulator, "<getFinancialSetup/>", authentication=session).operations[0].results
    assert bool(send(elsewhere, "<getFinancialSetup/>", authentication=session).operations[0].results) is accepted
    client = around(emulator).client()  # which stays with the endpoint that it was given
    assert list(client.query("CLASS", "CLASSID")) == []


# --- 3. how long a result can be read on


def test_a_result_is_over_after_a_while_with_a_number_of_the_settings() -> None:
    clock = Clock()
    emulator = world(clock, result_minutes=10, result_errorno="ODD-3")
    for number in range(5):
        emulator.company().table("CLASS").insert({"CLASSID": f"C{number}", "NAME": "N"})
    api = data(emulator, "<getAPISession/>").children[0]
    session = SessionAuth(api.findtext("sessionid"))
    first = "<readByQuery><object>CLASS</object><query/><pagesize>2</pagesize></readByQuery>"
    result = data(emulator, first, authentication=session).get("resultId")
    more = f"<readMore><resultId>{result}</resultId></readMore>"
    clock.now += 9 * 60
    assert data(emulator, more, authentication=session).get("numremaining") == "1"
    clock.now += 11 * 60
    assert faults(emulator, more, authentication=session)[0].errorno == "ODD-3"


# --- 5. the HTTP status of a control failure


@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_wrong_sender_is_told_whatever_the_status(status: int) -> None:
    made = company(http_status_of_control_failures=status)
    with pytest.raises(SignInError, match="sender"):
        list(made.client(sender_password="wrong").query("CLASS", "CLASSID"))


@pytest.mark.parametrize("refusal", ["gateway", "unauthorized"])
def test_a_wrong_sender_is_told_by_a_refusal_before_the_application(refusal: str) -> None:
    with pytest.raises(SignInError, match="before reading"):
        list(company(sender_refusal=refusal).client(sender_password="wrong").query("CLASS", "CLASSID"))


def test_a_malformed_request_has_the_status_of_the_settings() -> None:
    emulator = world(http_status_of_control_failures=400)
    assert emulator(ENDPOINT, b"<x/>").status == 400


# --- 6. what a request beyond the limit is answered


@pytest.mark.parametrize(("status", "number"), [(429, "GW-0010"), (503, "GW-0010"), (200, "GW-0010"), (429, "ODD-6")])
def test_a_request_beyond_the_limit_is_waited_for(status: int, number: str) -> None:
    made = company()
    calls: list[int] = []

    def crowded(endpoint: str, body: bytes) -> Reply:
        calls.append(len(calls))
        return too_many_requests(status, number) if len(calls) in (2, 3) else made.emulator(endpoint, body)

    made.emulator.company().table("CLASS").insert({"CLASSID": "A", "NAME": "A"})
    client: Client = small_company.client(crowded)
    assert [row["CLASSID"] for row in client.query("CLASS", "CLASSID")] == ["A"]
    made.emulator.close()


def test_a_write_that_is_refused_under_a_server_error_is_in_doubt_and_not_waited_for() -> None:
    made = company()
    client = small_company.client(
        lambda _, body: too_many_requests(503, "GW-0010") if b"<create>" in body else made.emulator(ENDPOINT, body)
    )
    with pytest.raises(InDoubtError):
        client.create("CLASS", [klass("A")])
    made.emulator.close()


def test_its_answer_is_a_setting() -> None:
    reply = too_many_requests(503, "ODD-6")
    response = decode_response(reply.body)
    assert (reply.status, response.faults[0].errorno, response.control.status) == (503, "ODD-6", "failure")


# --- 7. what a column of a sum is called


@pytest.mark.parametrize("tags", ["prefixed", "plain"])
def test_sums_are_read_under_either_name(tags: str) -> None:
    made = company(aggregate_tags=tags)
    for number in (1, 2):
        made.emulator.company().table("APBILL").insert({"VENDORID": "V", "TOTALDUE": str(number)})
    select: list[str | Aggregate] = ["VENDORID", Aggregate("sum", "TOTALDUE")]
    (row,) = made.client().query("APBILL", select)
    assert {name: str(value) for name, value in row.items()} == {"VENDORID": "V", "SUM.TOTALDUE": "3"}


# --- 8. whether the offset of a user moves with summer time


@pytest.mark.parametrize("summer", [0, 60])
@pytest.mark.parametrize("month", [1, 7])
def test_times_are_the_same_instant_whether_the_offset_moves_or_not(summer: int, month: int) -> None:
    user = {"offset_minutes": 60, "summer_minutes": summer}
    tree = {"company": [{"company_id": "demo-company", "user": [user]}]}
    now = datetime(2026, month, 15, 12, tzinfo=UTC)
    emulator = Emulator.empty(settings=scenario(tree), clock=now.timestamp)
    client = around(emulator).client()
    client.create("CLASS", [klass("A")])
    (row,) = client.query("CLASS", "WHENMODIFIED")
    assert row["WHENMODIFIED"] == now
    (told,) = data(emulator, "<readUserFormatting><userId>demo-user</userId></readUserFormatting>")
    assert told.findtext("gmtoffset") == ("+02:00" if summer and month == 7 else "+01:00")
    emulator.close()


# --- 9. pages of readByQuery beyond a thousand rows


@pytest.mark.parametrize(("habit", "count"), [("refused", ""), ("clamped", "1000"), ("taken", "1200")])
def test_a_large_page_of_read_by_query(habit: str, count: str) -> None:
    emulator = world(legacy_page=habit)
    table = emulator.company().table("CLASS")
    with emulator.company().store.together():
        for number in range(1200):
            table.insert({"CLASSID": f"C{number}", "NAME": "N"})
    asked = "<readByQuery><object>CLASS</object><query/><fields>CLASSID</fields><pagesize>2000</pagesize></readByQuery>"
    response = send(emulator, asked, authentication=LOGIN)
    if habit == "refused":
        assert response.faults[0].errorno == "XL03000003"
        return
    found = response.operations[0].results[0].data
    assert found is not None
    assert found.get("count") == count
    assert emulator.incidents == []


# --- 10. more than a hundred keys or records


@pytest.mark.parametrize("habit", ["refused", "taken"])
def test_more_than_a_hundred_at_once(habit: str) -> None:
    made = company(over_hundred=habit, over_hundred_errorno="ODD-10")
    client = made.client()
    outcomes = client.create("CLASS", [klass(f"C{number}") for number in range(130)])
    keys = [int(str(outcome.key)) for outcome in outcomes]
    assert len(client.read("CLASS", keys)) == 130  # our side never asks for more than it may
    asked = f"<read><object>CLASS</object><keys>{','.join(map(str, keys))}</keys></read>"
    result = one(made.emulator, asked)
    assert [fault.errorno for fault in result.faults] == (["ODD-10"] if habit == "refused" else [])
    many = "".join(element("CLASS", CLASSID=f"D{number}", NAME="N") for number in range(101))
    assert one(made.emulator, f"<create>{many}</create>").status == ("failure" if habit == "refused" else "success")
    made.emulator.close()


# --- 11. how often an external id may be used


@pytest.mark.parametrize(("unique", "status"), [(True, "failure"), (False, "success")])
def test_an_external_id_used_twice(unique: bool, status: str) -> None:
    emulator = world(unique_externalids=unique)
    made = "<create_{0}><{0}id>{1}</{0}id><name>N</name><externalid>X-1</externalid></create_{0}>"
    assert one(emulator, made.format("vendor", "V-1")).status == "success"
    assert one(emulator, made.format("vendor", "V-2")).status == status


# --- 12. whose time a filter's times are in: emulator/test_doors.py and test_extract_emulator.py, by each habit
# --- 13. whether a GLDETAIL key repeats: client/test_against_emulator.py and emulator/test_demo.py, either way


def test_a_private_record_is_found_whether_or_not_the_top_level_hides_it() -> None:
    for hides in (True, False):
        made = company(hide_private=hides)
        made.emulator.company().table("CLASS").insert({"CLASSID": "P", "NAME": "Own", "MEGAENTITYID": "100"})
        shown = list(made.client().query("CLASS", "CLASSID", show_private=True))
        assert [row["CLASSID"] for row in shown] == ["P"]
        plain = rows(data(made.emulator, query("CLASS", "CLASSID")))
        assert bool(plain) is not hides
        made.emulator.close()


@pytest.mark.parametrize(("habit", "status"), [("refused", "failure"), ("accepted", "success")])
def test_get_api_session_beside_another_function(habit: str, status: str) -> None:
    emulator = world(session_mixed=habit)
    mixed = send(emulator, "<getAPISession/>", "<getFinancialSetup/>").operations[0].results
    assert [result.status for result in mixed] == [status, "success"]
    assert one(emulator, "<getAPISession/>").status == "success"


@pytest.mark.parametrize(("habit", "count"), [("none", "0"), ("first", "100")])
def test_a_read_without_keys(habit: str, count: str) -> None:
    emulator = world(empty_keys=habit)
    for number in range(120):
        emulator.company().table("CLASS").insert({"CLASSID": f"C{number}", "NAME": "N"})
    assert data(emulator, "<read><object>CLASS</object><keys/></read>").get("count") == count


def test_throttling_that_does_not_end_is_a_transient_error() -> None:
    with pytest.raises(TransientError):
        list(small_company.client(lambda _, __: too_many_requests(429, "GW-0010")).query("CLASS", "CLASSID"))
