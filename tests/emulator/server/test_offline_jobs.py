"""Work after the connection is closed: the 15-minute time-out, and asynchronous requests; on a simulated clock."""

import socket
from collections.abc import Callable
from queue import Queue

import pytest

from intacct_emulator.server.deliveries import post_later
from intacct_emulator.server.gateway import Emulator, RequestOutcome
from intacct_emulator.settings.companies import PolicySettings
from intacct_emulator.settings.faults import ScriptedFault
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.errors import InDoubtError, SettingsError
from intacct_protocol.xml.codec import decode_response
from intacct_protocol.xml.envelope import SessionAuth
from intacct_protocol.xml.reply import ConnectionCutError
from support.emulator.calls import data, element, query, rows, send
from support.small_company import client, company


class Time:
    """A clock that sleeping advances, and that tests push forward."""

    def __init__(self) -> None:
        self.now = 1_795_258_800.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Inbox:
    """What was delivered, and when."""

    def __init__(self, time: Time, outcome: str = "delivered") -> None:
        self.time, self.outcome = time, outcome
        self.letters: list[tuple[float, bytes]] = []

    def __call__(self, url: str, body: bytes, report: Callable[[str], None]) -> None:
        self.letters.append((self.time.now, body))
        report(self.outcome)


def create(key: str) -> str:
    return f"<create>{element('CLASS', CLASSID=key, NAME=key)}</create>"


def classes(emulator: Emulator) -> list[str]:
    """What an independent reader finds."""
    return [row["CLASSID"] for row in rows(data(emulator, query("CLASS", "CLASSID")))]


# --- the time-out


def test_a_request_that_takes_too_long_is_cut_after_fifteen_minutes_and_its_work_goes_on() -> None:
    # the connection is closed at 15 minutes and the server keeps working: Sage, synchronous and asynchronous requests
    time = Time()
    began = time.now
    slow = ScriptedFault("slow", "create", seconds=1500)
    emulator = Emulator.empty(faults=(slow,), clock=time, sleep=time.sleep)
    with pytest.raises(ConnectionCutError) as cut:
        send(emulator, create("A"))
    assert cut.value.sent
    assert time.now - began == 900
    assert classes(emulator) == [], "the work is not finished"
    assert emulator.transactions().by_function.get("create", 0) == 0
    time.now = began + 1499
    assert classes(emulator) == []
    time.now = began + 1500
    assert classes(emulator) == ["A"]
    assert emulator.received[0].outcome == RequestOutcome.TIMED_OUT
    assert emulator.received[0].transactions == 1
    emulator.close()


@pytest.mark.slow
def test_a_large_journal_entry_times_out_by_its_lines() -> None:
    time = Time()
    emulator = company(time, settings=scenario({"behaviour": {"line_ms": 200}}), sleep=time.sleep)  # type: ignore[arg-type]
    side = (
        "<GLENTRY><ACCOUNTNO>60100</ACCOUNTNO><TR_TYPE>{}</TR_TYPE><TRX_AMOUNT>1</TRX_AMOUNT><LOCATION>110</LOCATION>"
    )
    side += "<DEPARTMENT>100</DEPARTMENT></GLENTRY>"
    entry = "<create><GLBATCH><JOURNAL>GJ</JOURNAL><BATCH_DATE>11/20/2026</BATCH_DATE><BATCH_TITLE>T</BATCH_TITLE>"
    entry += "<ENTRIES>{}</ENTRIES></GLBATCH></create>"
    began = time.now
    pair = side.format(1) + side.format(-1)
    assert send(emulator, entry.format(pair * 50)).operations[0].results[0].status == "success"
    assert 20 <= time.now - began < 25
    began = time.now
    with pytest.raises(ConnectionCutError):
        send(emulator, entry.format(pair * 2500))
    assert time.now - began == 900
    time.now += 200
    assert emulator.company().table("GLBATCH").count() == 2
    emulator.close()


def test_the_time_out_is_a_setting_and_a_shorter_answer_is_only_late() -> None:
    time = Time()
    faults = (ScriptedFault("slow", "create", calls=(), seconds=5),)
    emulator = Emulator.empty(
        settings=scenario({"behaviour": {"timeout_seconds": 4}}), faults=faults, clock=time, sleep=time.sleep
    )
    with pytest.raises(ConnectionCutError):
        send(emulator, create("A"))
    time.now += 1
    assert classes(emulator) == ["A"]
    emulator.close()


def test_our_client_is_in_doubt_and_finds_the_record_later() -> None:
    time = Time()
    emulator = company(time, faults=(ScriptedFault("slow", "create", seconds=1200),), sleep=time.sleep)  # type: ignore[arg-type]
    with client(emulator) as gateway:
        with pytest.raises(InDoubtError):
            gateway.create("CLASS", [{"CLASSID": "LATE", "NAME": "Late"}])
        assert list(gateway.query("CLASS", "CLASSID", where="CLASSID = 'LATE'")) == []
        time.now += 300
        assert len(list(gateway.query("CLASS", "CLASSID", where="CLASSID = 'LATE'"))) == 1
    emulator.close()


# --- asynchronous requests


def later(
    time: Time, inbox: Inbox, *faults: ScriptedFault, work: float = 60, delivery: float = 5, **behaviour: object
) -> Emulator:
    policy = {"url": "http://127.0.0.1:9/answers", "work_seconds": work, "delivery_seconds": delivery}
    tree = {"policies": {"nightly": policy}, "behaviour": behaviour}
    return Emulator.empty(settings=scenario(tree), faults=faults, clock=time, post=inbox, sleep=time.sleep)


def test_the_work_is_done_after_the_acknowledgement_and_then_the_answer_is_delivered() -> None:
    time = Time()
    inbox = Inbox(time)
    emulator = later(time, inbox)
    began = time.now
    response = send(emulator, create("A"), policy_id="nightly", control_id="mine")
    assert (response.acknowledged, response.operations) == (True, ())
    assert classes(emulator) == [], "nothing is done yet"
    time.now = began + 60
    assert classes(emulator) == ["A"]
    assert inbox.letters == [], "it is not delivered yet"
    time.now = began + 65
    emulator.catch_up()
    ((at, body),) = inbox.letters
    answer = decode_response(body)
    assert at == began + 65
    assert (answer.control.control_id, answer.operations[0].results[0].status) == ("mine", "success")
    assert [(one.policy, one.control_id, one.outcome) for one in emulator.deliveries] == [
        ("nightly", "mine", "delivered")
    ]
    assert emulator.received[0].outcome == RequestOutcome.ACKNOWLEDGED
    assert emulator.received[0].transactions == 1
    emulator.close()


def test_a_companys_jobs_run_one_at_a_time() -> None:
    time = Time()
    emulator = later(time, Inbox(time))
    began = time.now
    for key in ("A", "B", "C"):
        send(emulator, create(key), policy_id="nightly")
    for minutes, done in ((1, ["A"]), (2, ["A", "B"]), (3, ["A", "B", "C"])):
        time.now = began + minutes * 60
        assert classes(emulator) == done
    emulator.close()


def test_a_delivery_is_lost_late_or_cut_by_a_fault() -> None:
    time = Time()
    inbox = Inbox(time)
    faults = (
        ScriptedFault("delivery-lost", "create", key="A"),
        ScriptedFault("delivery-late", "create", key="B", seconds=3600),
        ScriptedFault("delivery-cut", "create", key="C"),
    )
    emulator = later(time, inbox, *faults, work=0, delivery=0)
    for key in ("A", "B", "C"):
        assert send(emulator, create(key), policy_id="nightly", control_id=key).acknowledged
    assert classes(emulator) == ["A", "B", "C"], "the work is done in each case"
    assert [(one.control_id, one.outcome) for one in emulator.deliveries] == [("A", "lost"), ("C", "delivered")]
    (_, half) = inbox.letters[0]
    assert not half.rstrip().endswith(b"</response>")
    time.now += 3600
    emulator.catch_up()
    assert decode_response(inbox.letters[1][1]).control.control_id == "B"
    emulator.close()


def test_a_failed_delivery_is_noted_and_not_repeated() -> None:
    time = Time()
    inbox = Inbox(time, "HTTP 500")
    emulator = later(time, inbox, work=0, delivery=0)
    send(emulator, create("A"), policy_id="nightly")
    time.now += 86_400
    emulator.catch_up()
    assert [one.outcome for one in emulator.deliveries] == ["HTTP 500"]
    assert len(inbox.letters) == 1
    assert classes(emulator) == ["A"]
    emulator.close()


def test_a_session_can_end_before_the_work() -> None:
    # the official SDKs warn of sessions in asynchronous requests
    time = Time()
    inbox = Inbox(time)
    emulator = later(time, inbox, work=3600, session_minutes=30)
    api = data(emulator, "<getAPISession/>").children[0]
    send(emulator, create("A"), authentication=SessionAuth(api.findtext("sessionid")), policy_id="nightly")
    time.now += 4000
    emulator.catch_up()
    answer = decode_response(inbox.letters[0][1])
    assert answer.operations[0].authentication.status == "failure"
    assert classes(emulator) == []
    emulator.close()


def test_a_scripted_error_of_an_asynchronous_record_is_in_the_delivered_answer() -> None:
    time = Time()
    inbox = Inbox(time)
    emulator = later(time, inbox, ScriptedFault("fault", key="B", errorno="BL01001973", text="No"))
    send(emulator, create("A"), create("B"), policy_id="nightly")
    time.now += 100
    emulator.catch_up()
    ran = decode_response(inbox.letters[0][1]).operations[0].results
    assert [one.status for one in ran] == ["success", "failure"]
    emulator.close()


def test_on_this_machines_clock_the_work_needs_no_further_request() -> None:
    delivered: Queue[bytes] = Queue()
    emulator = Emulator.empty(
        settings=scenario({"policies": {"nightly": "http://127.0.0.1:9/answers"}}),
        post=lambda url, body, report: delivered.put(body),
    )
    assert send(emulator, create("A"), policy_id="nightly").acknowledged
    assert decode_response(delivered.get(timeout=60)).operations[0].results[0].status == "success"
    emulator.close()


def test_an_address_that_nobody_listens_at_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        told: Queue[str] = Queue()
        post_later(f"http://127.0.0.1:{taken.getsockname()[1]}/answers", b"<response/>", told.put)
        assert told.get(timeout=60).startswith("not reachable: ")


def test_waiting_jobs_are_forgotten_with_the_rest() -> None:
    time = Time()
    inbox = Inbox(time)
    emulator = later(time, inbox)
    before = emulator.snapshot()
    send(emulator, create("A"), policy_id="nightly")
    emulator.restore(before)
    time.now += 1000
    assert classes(emulator) == []
    assert inbox.letters == []
    emulator.close()


def test_a_policy_is_a_url_or_a_table() -> None:
    found = scenario(
        {"policies": {"a": "http://127.0.0.1:9/x", "b": {"url": "http://127.0.0.1:9/y", "work_seconds": 2}}}
    )
    assert found.policies["a"] == PolicySettings("http://127.0.0.1:9/x")
    assert found.policies["b"].work_seconds == 2
    with pytest.raises(SettingsError, match="unknown setting seconds"):
        scenario({"policies": {"c": {"url": "http://127.0.0.1:9/x", "seconds": 2}}})
    with pytest.raises(SettingsError, match="policies cannot be"):
        scenario({"policies": ["http://127.0.0.1:9/x"]})
