"""The limits of applications and companies, their headers, and faults and counts of every kind of request."""

import http.client
from typing import Any

import pytest

from intacct_emulator.server.request_log import RequestOutcome
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.faults import ScriptedFault
from support.emulator.calls import data, query
from support.emulator.rest import RestClient, RestResponse, Served
from support.small_company import Clock

CLASS = "/objects/company-config/class"


def limited(**behaviour: Any) -> EmulatorSettings:
    return EmulatorSettings(behaviour=Behaviour(**behaviour))


def headers(answer: RestResponse) -> dict[str, str]:
    """The headers of limits, without their common beginning."""
    return {name[5:]: text for name, text in answer.headers.items() if name.startswith("x-ia-")}


def test_without_limits_no_header_tells_of_one(rest: RestClient) -> None:
    assert headers(rest.get(CLASS)) == {}


@pytest.mark.parametrize("status", [429, 503])
def test_an_application_has_so_many_requests_in_an_hour(served: Served, clock: Clock, status: int) -> None:
    client, emulator = served(settings=limited(rest_hour_requests=2, rest_limit_status=status))
    rest = client.sign_in()
    assert headers(rest.get(CLASS)) == {}
    clock.forward(minutes=10)
    assert rest.get(CLASS).status == 200
    refused = rest.get(CLASS)
    assert (refused.status, refused.json["ia::error"]["code"]) == (status, "GW-0010")
    assert refused.headers["retry-after"] == "3000"
    assert headers(refused) == {
        "hour-rate-limit": "2",
        "hour-rate-limit-remaining": "-1",
        "hour-rate-limit-retry-after": "3000",
    }
    assert emulator.received[-1].outcome is RequestOutcome.LIMITED
    clock.forward(minutes=49, seconds=59)
    assert rest.get(CLASS).status == status
    clock.forward(seconds=1)
    assert rest.get(CLASS).status == 200


def test_the_limit_of_a_minute_is_told_and_refuses_nothing(served: Served, clock: Clock) -> None:
    rest = served(settings=limited(rest_minute_requests=2))[0].sign_in()
    assert [headers(rest.get(CLASS)) for _ in range(2)] == [{}, {}]
    over = [rest.get(CLASS) for _ in range(2)]
    assert [one.status for one in over] == [200, 200]
    assert headers(over[1]) == {"minute-rate-limit": "2", "minute-rate-limit-remaining": "-1"}
    clock.forward(minutes=1)
    assert headers(rest.get(CLASS)) == {}


def test_headers_of_every_answer_count_down_if_the_settings_say_so(served: Served) -> None:
    settings = limited(rest_minute_requests=5, rest_hour_requests=9, rest_concurrency=6, rest_limit_headers="always")
    rest = served(settings=settings)[0].sign_in()
    rest.get(CLASS)
    assert headers(rest.get(f"{CLASS}/999999")) == {
        "throttle-limit": "6",
        "throttle-limit-remaining": "5",
        "minute-rate-limit": "5",
        "minute-rate-limit-remaining": "3",
        "hour-rate-limit": "9",
        "hour-rate-limit-remaining": "7",
    }


def test_one_more_request_at_a_time_is_refused_at_once(served: Served) -> None:
    while_first_runs: list[RestResponse] = []
    slow = ScriptedFault("slow", function="query", object="VENDOR", seconds=5)
    client, _ = served(
        settings=limited(rest_concurrency=1),
        faults=(slow,),
        sleep=lambda _: while_first_runs.append(rest.get(CLASS)),
    )
    rest: RestClient = client.sign_in()
    assert rest.query("accounts-payable/vendor", "key").status == 200
    (refused,) = while_first_runs
    assert (refused.status, refused.json["ia::error"]["code"]) == (429, "GW-0010")
    assert headers(refused) == {
        "throttle-limit": "1",
        "throttle-limit-remaining": "-1",
        "throttle-limit-retryafter": "60",
    }
    assert rest.get(CLASS).status == 200


def test_the_limit_of_a_company_counts_both_interfaces(served: Served, clock: Clock) -> None:
    client, emulator = served(settings=limited(window_requests=2))
    rest = client.sign_in()
    assert rest.get(CLASS).status == 200
    data(emulator, query("CLASS", "RECORDNO"))
    clock.forward(seconds=20)
    refused = rest.get(CLASS)
    assert (refused.status, refused.headers["retry-after"]) == (429, "40")
    assert headers(refused) == {
        "tenant-throttle-limit": "LIMIT001-2",
        "tenant-throttle-limit-remaining": "-1",
        "tenant-throttle-limit-retry-after": "40",
    }


COMPOSITE: list[dict[str, Any]] = [
    {"method": "POST", "path": CLASS, "body": {"id": "L-1", "name": "One"}, "resultReference": "one"},
    {"method": "POST", "path": CLASS, "body": {"id": "L-2", "name": "Two"}, "headers": {"Idempotency-Key": "second"}},
    {"method": "DELETE", "path": f"{CLASS}/@{{one.1.key}}"},
]


def test_each_part_of_a_composite_counts_and_can_fail(served: Served) -> None:
    fault = ScriptedFault("fault", function="create", object="CLASS", calls=(2,), text="Not today")
    client, emulator = served(faults=(fault,))
    rest = client.sign_in()
    refused = rest.post("/services/core/composite", COMPOSITE)
    assert [part["ia::status"] for part in refused.json["ia::result"]] == [201, 422]
    count = emulator.transactions()
    assert dict(count.by_function) == {"create": 2}
    assert emulator.received[-1].functions == ("create", "create", "delete")
    assert emulator.received[-1].control_ids == ("rest", "second", "rest")
    assert emulator.received[-1].transactions == 2


@pytest.mark.parametrize(
    ("function", "send"),
    [
        ("query", lambda rest: rest.query("company-config/class", "id")),
        ("query", lambda rest: rest.get(CLASS)),
        ("read", lambda rest: rest.get(f"{CLASS}/1")),
    ],
)
def test_a_read_can_fail_with_a_scripted_error(served: Served, function: str, send: Any) -> None:
    fault = ScriptedFault("fault", function=function, object="CLASS", errorno="BL-TEST", text="Not today")
    rest = served(faults=(fault,))[0].sign_in()
    refused = send(rest)
    assert (refused.status, refused.error["details"][0]["code"]) == (422, "BL-TEST")


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ({"status": 429}, "application/json", "GW-0010"),
        ({"status": 400}, "application/json", "GW-0011"),
        ({"status": 503}, "application/json", "GW-0001"),
        ({"status": 502, "body": "html"}, "text/html", ""),
    ],
)
def test_a_scripted_status_has_the_body_of_the_interface(
    served: Served, fault: dict[str, Any], kind: str, code: str
) -> None:
    rest = served(faults=(ScriptedFault("http", function="query", headers={"retry-after": "7"}, **fault),))[0].sign_in()
    answer = rest.get(CLASS)
    assert (answer.status, answer.headers["retry-after"]) == (fault["status"], "7")
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert not code or answer.json["ia::error"]["code"] == code


@pytest.mark.parametrize(
    ("kind", "stored", "outcome"),
    [
        ("cut-before", [], RequestOutcome.FAULT),
        ("cut-after", ["L-1"], RequestOutcome.UNANSWERED),
        ("cut-within", ["L-1"], RequestOutcome.ANSWERED),
        ("truncated", ["L-1"], RequestOutcome.ANSWERED),
    ],
)
def test_an_answer_is_lost_before_or_after_the_work(
    served: Served, kind: Any, stored: list[str], outcome: RequestOutcome
) -> None:
    client, emulator = served(faults=(ScriptedFault(kind, function="create", object="CLASS"),))
    rest = client.sign_in()
    with pytest.raises((http.client.HTTPException, ConnectionError, ValueError)):
        assert rest.post(CLASS, {"id": "L-1", "name": "One"}).json
    assert emulator.received[-1].outcome is outcome
    listed = rest.query("company-config/class", "id", {"$startsWith": {"id": "L-"}}).result
    assert [row["id"] for row in listed] == stored


def test_a_request_that_hangs_is_done_and_its_connection_closed(served: Served) -> None:
    slept: list[float] = []
    slow = ScriptedFault("slow", function="create", object="CLASS", seconds=1000)
    client, emulator = served(faults=(slow,), sleep=slept.append)
    rest = client.sign_in()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        rest.post(CLASS, {"id": "L-1", "name": "One"})
    assert (slept, emulator.received[-1].outcome) == ([900], RequestOutcome.TIMED_OUT)
    assert rest.query("company-config/class", "id", {"$eq": {"id": "L-1"}}).meta["totalCount"] == 1
