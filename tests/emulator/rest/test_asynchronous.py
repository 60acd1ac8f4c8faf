"""Requests that are answered later: the acknowledgement, the state of the job, and what arrives at the web hook."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.request_log import RequestOutcome
from intacct_emulator.settings.companies import EmulatorSettings, PolicySettings
from intacct_emulator.settings.faults import FaultKind, ScriptedFault
from support.emulator.rest import RestClient, RestResponse, Served
from support.small_company import Clock

CLASS = "/objects/company-config/class"
HOOK = "http://127.0.0.1:9/answers"
WANTED = {"prefer": "respond-async", "x-ia-webhook-endpointurl": HOOK}


class Hook:
    """A web hook in this process: what arrived, and what it answers."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, bytes]] = []
        self.outcome = "delivered"

    def __call__(self, url: str, body: bytes, report: Callable[[str], None]) -> None:
        self.arrived.append((url, body))
        report(self.outcome)


@pytest.fixture
def hook() -> Hook:
    return Hook()


def state(rest: RestClient, acknowledged: RestResponse) -> str:
    job_id = acknowledged.result["jobId"]
    shown = rest.get(f"/services/core/async/job-status?jobId={job_id}").result
    assert shown["jobId"] == job_id
    return str(shown["deliveryStatus"])


def classes(rest: RestClient) -> list[str]:
    return [row["id"] for row in rest.query("company-config/class", "id", {"$startsWith": {"id": "S-"}}).result]


def open_hook(served: Served, hook: Hook, *faults: ScriptedFault, **policy: Any) -> tuple[RestClient, Emulator]:
    settings = EmulatorSettings(policies={"later": PolicySettings(HOOK, **policy)})
    client, emulator = served(settings=settings, faults=faults, post=hook)
    return client.sign_in(), emulator


def test_the_work_is_done_later_and_its_answer_is_sent(served: Served, hook: Hook, clock: Clock) -> None:
    rest, emulator = open_hook(served, hook, work_seconds=60, delivery_seconds=5)
    answer = rest.post(CLASS, {"id": "S-1", "name": "One"}, **{"prefer": "respond-async", "x-policy": "later"})
    assert (answer.status, answer.headers["retry-after"]) == (202, "120")
    assert (state(rest, answer), classes(rest), hook.arrived) == ("queued", [], [])
    clock.forward(seconds=60)
    assert (classes(rest), state(rest, answer), hook.arrived) == (["S-1"], "inTransit", [])
    clock.forward(seconds=5)
    assert state(rest, answer) == "delivered"
    ((url, body),) = hook.arrived
    assert (url, json.loads(body)["ia::result"]["id"]) == (HOOK, "S-1")
    assert [(one.policy, one.control_id) for one in emulator.deliveries] == [("later", answer.result["jobId"])]
    taken = next(one for one in emulator.received if one.functions == ("create",))
    assert (taken.outcome, taken.transactions) == (RequestOutcome.ACKNOWLEDGED, 1)


def test_a_refusal_is_sent_too(served: Served, hook: Hook) -> None:
    rest, _ = open_hook(served, hook)
    rest.create("company-config/class", id="S-1", name="One")
    answer = rest.post(CLASS, {"id": "S-1", "name": "Again"}, **WANTED)
    assert (answer.status, state(rest, answer)) == (202, "delivered")
    assert json.loads(hook.arrived[0][1])["ia::result"]["ia::error"]["code"] == "operationFailed"


def test_serialized_requests_are_done_one_after_another(served: Served, hook: Hook, clock: Clock) -> None:
    rest, _ = open_hook(served, hook, work_seconds=60)
    for number in (1, 2):
        headers = {"prefer": "respond-async-serialized", "x-policy": "later"}
        rest.post(CLASS, {"id": f"S-{number}", "name": "x"}, **headers)
    clock.forward(seconds=60)
    assert classes(rest) == ["S-1"]
    clock.forward(seconds=60)
    assert classes(rest) == ["S-1", "S-2"]


def test_a_repeated_request_with_a_key_is_done_once(served: Served, hook: Hook) -> None:
    rest, _ = open_hook(served, hook)
    for _ in range(2):
        answer = rest.post(CLASS, {"id": "S-1", "name": "One"}, **WANTED, **{"idempotency-key": "k"})
        assert state(rest, answer) == "delivered"
    assert hook.arrived[0] == hook.arrived[1]
    assert classes(rest) == ["S-1"]


@pytest.mark.parametrize(
    ("kind", "reached", "arrived"),
    [("delivery-lost", "dead", 0), ("delivery-cut", "delivered", 1), ("delivery-late", "inTransit", 0)],
)
def test_an_answer_is_lost_cut_or_late(served: Served, hook: Hook, kind: FaultKind, reached: str, arrived: int) -> None:
    rest, _ = open_hook(served, hook, ScriptedFault(kind, function="create", object="CLASS", seconds=30))
    answer = rest.post(CLASS, {"id": "S-1", "name": "One"}, **WANTED)
    assert (classes(rest), state(rest, answer), len(hook.arrived)) == (["S-1"], reached, arrived)
    if kind == "delivery-cut":
        with pytest.raises(json.JSONDecodeError):
            json.loads(hook.arrived[0][1])


def test_a_web_hook_that_fails_makes_the_job_dead(served: Served, hook: Hook) -> None:
    hook.outcome = "HTTP 500"
    rest, emulator = open_hook(served, hook)
    answer = rest.post(CLASS, {"id": "S-1", "name": "One"}, **WANTED)
    assert (state(rest, answer), [one.outcome for one in emulator.deliveries]) == ("dead", ["HTTP 500"])


@pytest.mark.parametrize(
    "headers",
    [
        {"prefer": "respond-async"},
        {"prefer": "respond-async", "x-policy": "unknown"},
        {"prefer": "respond-async", "x-ia-webhook-endpointurl": "https://example.com/answers"},
        {"prefer": "respond-async", "x-ia-webhook-endpointurl": "http://[nonsense"},
    ],
)
def test_a_request_without_a_place_for_its_answer_is_refused(
    served: Served, hook: Hook, headers: dict[str, str]
) -> None:
    rest, emulator = open_hook(served, hook)
    assert rest.post(CLASS, {"id": "S-1", "name": "One"}, **headers).status == 400
    assert emulator.received[-1].outcome is RequestOutcome.REFUSED
    assert (classes(rest), hook.arrived) == ([], [])


def test_a_state_is_shown_to_its_application_for_four_days(served: Served, hook: Hook, clock: Clock) -> None:
    rest, _ = open_hook(served, hook)
    assert RestClient(rest.base, "dead").post(CLASS, {"id": "S-1"}, **WANTED).status == 401
    answer = rest.post(CLASS, {"id": "S-1", "name": "One"}, **WANTED)
    place = answer.result["statusURL"]
    clock.forward(days=4)
    again = RestClient(rest.base).sign_in()
    assert again.get(place).status == 200
    clock.forward(seconds=1)
    assert again.get(place).status == 404
    unknown = again.get("/services/core/async/job-status?jobId=none")
    assert (unknown.status, unknown.error["code"]) == (404, "notFound")


def test_another_preference_changes_nothing(rest: RestClient) -> None:
    assert rest.post(CLASS, {"id": "S-1", "name": "One"}, prefer="return=minimal").status == 201
