"""Completed control ids: refusals, expiry, scope and rollback."""

import pytest

from intacct_protocol.xml.envelope import Login
from support.emulator.calls import element, faults, one, results
from support.emulator.refusing_companies import Clock, world

READER = Login("reader", "people-company", "p")


def make(key: str) -> str:
    return f"<create>{element('CLASS', CLASSID=key, NAME=key)}</create>"


def test_a_completed_control_id_is_refused_and_nothing_runs_again() -> None:
    emulator = world()
    assert one(emulator, make("A"), uniqueid=True, control_ids=["x"]).status == "success"
    (fault,) = faults(emulator, make("B"), uniqueid=True, control_ids=["x"])
    assert (fault.errorno, "'x'" in fault.text) == ("XL03000008", True)
    assert emulator.company().table("CLASS").count() == 1
    assert one(emulator, make("B"), uniqueid=True, control_ids=["y"]).status == "success"


def test_without_uniqueid_control_ids_are_ignored() -> None:
    emulator = world()
    assert one(emulator, make("A"), control_ids=["x"]).status == "success"
    assert one(emulator, make("B"), control_ids=["x"]).status == "success"
    assert one(emulator, make("C"), uniqueid=True, control_ids=["x"]).status == "success"
    assert one(emulator, make("D"), control_ids=["x"]).status == "success"


def test_a_failed_function_is_not_completed() -> None:
    emulator = world()
    assert one(emulator, make("A"), uniqueid=True, control_ids=["x"]).status == "success"
    assert faults(emulator, make("A"), uniqueid=True, control_ids=["y"])[0].errorno == "BL34000061"
    assert one(emulator, make("B"), uniqueid=True, control_ids=["y"]).status == "success"


def test_a_rolled_back_function_is_not_completed() -> None:
    emulator = world()
    both = [make("A"), make("A")]
    done = results(emulator, *both, uniqueid=True, transaction=True, control_ids=["x", "y"])
    assert [result.status for result in done] == ["aborted", "failure"]
    done = results(emulator, make("A"), make("B"), uniqueid=True, transaction=True, control_ids=["x", "y"])
    assert [result.status for result in done] == ["success", "success"]


def test_one_id_twice_in_one_request_runs_once() -> None:
    emulator = world()
    done = results(emulator, make("A"), make("B"), uniqueid=True, control_ids=["x", "x"])
    assert [result.status for result in done] == ["success", "failure"]


@pytest.mark.parametrize(
    ("scope", "sender", "refused"),
    [("company", "demo-sender", True), ("sender", "demo-sender", True), ("sender", "second-sender", False)],
)
def test_the_scope_of_control_ids_is_a_setting(scope: str, sender: str, refused: bool) -> None:
    from intacct_emulator.server.gateway import Emulator
    from intacct_emulator.settings.scenarios import scenario

    tree = {
        "behaviour": {"controlid_scope": scope},
        "sender": [{"sender_id": "second-sender", "password": "demo-sender-password"}],
        "company": [{"company_id": "demo-company", "senders": ["*"]}],
    }
    emulator = Emulator.empty(settings=scenario(tree))
    assert one(emulator, make("A"), uniqueid=True, control_ids=["x"]).status == "success"
    again = one(emulator, make("B"), uniqueid=True, control_ids=["x"], sender_id=sender)
    assert (again.status == "failure") is refused
    emulator.close()


def test_control_ids_can_expire() -> None:
    clock = Clock()
    emulator = world(clock, controlid_days=1, replay_errorno="XL99")
    assert one(emulator, make("A"), uniqueid=True, control_ids=["x"]).status == "success"
    assert faults(emulator, make("B"), uniqueid=True, control_ids=["x"])[0].errorno == "XL99"
    clock.now += 86_401
    assert one(emulator, make("B"), uniqueid=True, control_ids=["x"]).status == "success"
