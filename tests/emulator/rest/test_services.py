"""Idempotency keys, composites, workflows, dimensions and the audit history."""

import http.client
from typing import Any

import pytest

from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.faults import ScriptedFault
from support.emulator.calls import data, query, rows
from support.emulator.rest import RestClient, Served
from support.small_company import Clock

CLASS = "/objects/company-config/class"
KEY = {"idempotency-key": "k-1"}


def classes(rest: RestClient) -> list[str]:
    return [row["id"] for row in rest.query("company-config/class", "id", {"$startsWith": {"id": "I-"}}).result]


def test_the_same_key_and_body_give_the_first_answer_again(rest: RestClient) -> None:
    first = rest.post(CLASS, {"id": "I-1", "name": "One"}, **KEY)
    again = rest.post(CLASS, {"id": "I-1", "name": "One"}, **KEY)
    assert (again.status, again.body) == (201, first.body)
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] == "k-1"
    assert "x-ia-idempotency-cached-date" not in first.headers
    assert again.headers["x-ia-idempotency-cached-date"] == "2026-11-30T12:00:00Z"
    assert classes(rest) == ["I-1"]


def test_a_refusal_is_the_answer_of_its_key_also_after_its_cause_is_gone(rest: RestClient) -> None:
    rest.create("company-config/class", id="I-1", name="One")
    refused = rest.post(CLASS, {"id": "I-1", "name": "Again"}, **KEY)
    assert refused.status == 422
    rest.delete(f"{CLASS}/{rest.query('company-config/class', 'key', {'$eq': {'id': 'I-1'}}).result[0]['key']}")
    assert rest.post(CLASS, {"id": "I-1", "name": "Again"}, **KEY).body == refused.body
    assert rest.post(CLASS, {"id": "I-1", "name": "Again"}, **{"idempotency-key": "k-2"}).status == 201


def test_a_key_with_another_body_or_path_is_refused(rest: RestClient) -> None:
    key = rest.post(CLASS, {"id": "I-1", "name": "One"}, **KEY).result["key"]
    assert rest.post(CLASS, {"id": "I-2", "name": "Two"}, **KEY).status == 409
    assert rest.patch(f"{CLASS}/{key}", {"name": "Two"}, **KEY).status == 409
    assert classes(rest) == ["I-1"]
    assert rest.post(CLASS, {"id": "I-2", "name": "Two"}, **{"idempotency-key": "x" * 257}).status == 400


def test_a_key_is_answered_for_48_hours_and_remembered_for_60_days(served: Served, clock: Clock) -> None:
    settings = EmulatorSettings(behaviour=Behaviour(rest_token_seconds=1e9))
    rest = served(settings=settings)[0].sign_in()
    sent = {"id": "I-1", "name": "One"}
    rest.post(CLASS, sent, **KEY)
    clock.forward(hours=48)
    assert rest.post(CLASS, sent, **KEY).status == 201
    clock.forward(seconds=1)
    assert rest.post(CLASS, sent, **KEY).status == 409
    clock.forward(days=58)
    assert rest.post(CLASS, {"id": "I-2", "name": "Two"}, **KEY).status == 201
    assert classes(rest) == ["I-1", "I-2"]


def test_a_lost_answer_is_had_by_sending_again_and_nothing_is_there_twice(served: Served) -> None:
    fault = ScriptedFault("cut-after", function="create", object="CLASS")
    rest = served(faults=(fault,))[0].sign_in()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        rest.post(CLASS, {"id": "I-1", "name": "One"}, **KEY)
    assert rest.post(CLASS, {"id": "I-1", "name": "One"}, **KEY).status == 201
    assert classes(rest) == ["I-1"]


def test_a_composite_uses_results_of_earlier_requests_in_paths_and_bodies(rest: RestClient) -> None:
    parts = [
        {"method": "POST", "path": CLASS, "body": {"id": "I-1", "name": "One"}, "resultReference": "first"},
        {"method": "POST", "path": CLASS, "body": {"id": "I-2", "name": "Two", "parent": {"key": "@{first.1.key}"}}},
        {"method": "GET", "path": "/objects/company-config/class/%40%7Bfirst.key%7D"},
    ]
    answer = rest.post("/services/core/composite", parts)
    assert (answer.status, [one["ia::status"] for one in answer.result]) == (200, [201, 201, 200])
    assert answer.result[2]["ia::result"]["id"] == "I-1"
    child = answer.result[1]["ia::result"]["key"]
    assert rest.read("company-config/class", child)["parent"]["id"] == "I-1"


def test_a_composite_stops_at_the_first_failure_and_takes_nothing_back(rest: RestClient) -> None:
    post = {"method": "POST", "path": CLASS}
    parts = [{**post, "body": {"id": f"I-{number}", "name": "x"}} for number in (1, 1, 2)]
    answer = rest.post("/services/core/composite", parts)
    assert (answer.status, [one["ia::status"] for one in answer.json["ia::result"]]) == (207, [201, 422])
    assert answer.meta == {"totalCount": 3, "totalSuccess": 1, "totalError": 1}
    assert classes(rest) == ["I-1"]


def test_a_key_of_a_composite_belongs_to_its_part(rest: RestClient) -> None:
    part = {"method": "POST", "path": CLASS, "body": {"id": "I-1", "name": "One"}, "headers": {"Idempotency-Key": "p"}}
    other = {"method": "GET", "path": f"{CLASS}"}
    assert rest.post("/services/core/composite", [part, other], **KEY).status == 200
    assert rest.post("/services/core/composite", [part, other], **KEY).status == 200
    assert classes(rest) == ["I-1"]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [{"method": "GET", "path": CLASS}],
        [{"method": "GET", "path": CLASS}] * 11,
        [{"method": "PUT", "path": CLASS}] * 2,
        [{"method": "GET"}] * 2,
        [{"method": "GET", "path": f"{CLASS}/@{{nobody.1.key}}"}] * 2,
        "text",
    ],
)
def test_a_composite_that_is_none_is_refused(rest: RestClient, parts: Any) -> None:
    assert rest.post("/services/core/composite", parts).status == 400


LINE = {
    "glAccount": {"id": "61300"},
    "txnAmount": "12.30",
    "dimensions": {"location": {"id": "100"}, "department": {"id": "300"}},
}
DOCUMENT: dict[str, Any] = {"dueDate": "2026-12-20", "currency": {"txnCurrency": "USD"}, "lines": [LINE]}
BILL = {**DOCUMENT, "vendor": {"id": "V10001"}, "createdDate": "2026-11-20", "billNumber": "W-1"}
INVOICE = {**DOCUMENT, "customer": {"id": "C20001"}, "invoiceDate": "2026-11-20", "invoiceNumber": "W-2"}


@pytest.mark.parametrize(
    ("name", "fields", "day"),
    [
        ("accounts-payable/bill", BILL, "reverseDate"),
        ("accounts-receivable/invoice", INVOICE, "reversedDate"),
    ],
)
def test_a_document_is_submitted_and_reversed_in_the_ledger(
    served: Served, name: str, fields: dict[str, Any], day: str
) -> None:
    client, emulator = served()
    rest = client.sign_in()
    key = rest.create(name, **fields, **{"state": "draft"} if "bill" in name else {"action": "draft"})
    assert rest.read(name, key)["state"] == "draft"
    submitted = rest.post(f"/workflows/{name}/submit", {"key": key}).result
    assert (submitted["key"], submitted["state"]) == (key, "posted")
    refused = rest.post(f"/workflows/{name}/reverse", {"key": key})
    assert (refused.status, refused.error["details"][0]["target"]) == (400, f"/{day}")
    assert rest.post(f"/workflows/{name}/reverse", {"key": key, day: "2026-11-25"}).result["state"] == "reversed"
    number = fields.get("billNumber") or fields["invoiceNumber"]
    where = f"<equalto><field>RECORDID</field><value>{number}</value></equalto>"
    posted = rows(data(emulator, query("GLDETAIL", "TRX_AMOUNT ACCOUNTNO", where)))
    assert len(posted) == 4
    for account in {one["ACCOUNTNO"] for one in posted}:
        assert sum(float(one["TRX_AMOUNT"]) for one in posted if one["ACCOUNTNO"] == account) == 0
    assert rest.post(f"/workflows/{name}/reverse", {"key": key, day: "2026-11-25"}).status == 422


def test_a_bill_waits_for_its_approval(served: Served) -> None:
    rest = served(settings=EmulatorSettings(behaviour=Behaviour(approve_bills=True)))[0].sign_in()
    key = rest.create("accounts-payable/bill", **BILL)
    assert rest.read("accounts-payable/bill", key)["state"] == "submitted"
    assert rest.post("/workflows/accounts-payable/bill/recall", {"key": key}).result["state"] == "draft"
    rest.post("/workflows/accounts-payable/bill/submit", {"key": key})
    declined = rest.post("/workflows/accounts-payable/bill/decline", {"key": key, "notes": "Wrong"})
    assert declined.result["state"] == "declined"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("accounts-payable/bill/approve", {"key": "999999"}, 404),
        ("accounts-payable/bill/approve", {}, 400),
        ("accounts-payable/bill/approve", {"key": "1", "nonsense": 1}, 400),
        ("accounts-payable/bill/approve", [], 400),
        ("contracts/contract/renew", {"key": "1"}, 501),
        ("no/such/workflow", {"key": "1"}, 404),
    ],
)
def test_a_workflow_that_cannot_be_done(rest: RestClient, path: str, body: Any, status: int) -> None:
    assert rest.post(f"/workflows/{path}", body).status == status


def test_the_dimensions_have_the_addresses_of_their_records(rest: RestClient) -> None:
    shown = {row["dimensionName"]: row for row in rest.get("/services/company-config/dimensions/list").result}
    assert shown["DEPARTMENT"]["dimensionEndpoint"] == "/objects/company-config/department"
    assert shown["DEPARTMENT"]["isUserDefinedDimension"] is False
    assert any(row["isUserDefinedDimension"] for row in shown.values())


@pytest.mark.parametrize("setting", ["rest", "xml"])
def test_deletes_are_found_in_the_audit_history(served: Served, setting: Any) -> None:
    rest = served(settings=EmulatorSettings(behaviour=Behaviour(rest_audit_names=setting)))[0].sign_in()
    key = rest.create("accounts-payable/bill", **BILL)
    rest.delete(f"/objects/accounts-payable/bill/{key}")
    name = {"rest": "accounts-payable/bill", "xml": "apbill"}[setting]
    found = rest.query(
        "company-config/audit-history",
        "changeDetails.objectName changeDetails.objectId changeSource.actionPerformed changeSource.accessDateTime",
        {"$eq": {"changeSource.actionPerformed": "delete"}},
        {"$gte": {"changeSource.accessDateTime": "2026-11-30T12:00:00Z"}},
        {"$eq": {"changeDetails.objectName": name}},
    ).result
    assert [(row["changeDetails.objectName"], row["changeDetails.objectId"]) for row in found] == [(name, key)]
    assert found[0]["changeSource.accessDateTime"] == "2026-11-30T12:00:00Z"


def multipart(head: Any, file: Any, name: str = "file") -> tuple[bytes, dict[str, str]]:
    """A request of two parts, as Sage's page on bulk requests describes it."""
    import json

    parts = (("ia::requestBody", json.dumps(head)), (name, file if isinstance(file, str) else json.dumps(file)))
    body = "".join(
        f'--b0\r\nContent-Disposition: form-data; name="{part}"\r\nContent-Type: application/json\r\n\r\n{text}\r\n'
        for part, text in parts
    )
    return f"{body}--b0--\r\n".encode(), {"content-type": "multipart/form-data; boundary=b0"}


def job(rest: RestClient, operation: str, records: Any, name: str = "file", /, **head: Any) -> Any:
    described = {"objectName": "company-config/class", "operation": operation, "jobFile": "c.json"}
    body, headers = multipart({**described, "fileContentType": "json", **head}, records, name)
    return rest.send("POST", "/services/bulk/job/create", body, **headers)


@pytest.mark.parametrize("name", ["file", "c.json"])
def test_a_bulk_job_writes_each_record_by_itself(served: Served, name: str) -> None:
    client, emulator = served()
    rest = client.sign_in()
    sent = [{"id": f"I-{number}", "name": "x"} for number in (1, 1, 2)]
    created = job(rest, "create", sent, name)
    status = rest.get(created.result["statusURL"])
    assert (status.result["status"], status.result["percentComplete"]) == ("completed", 100)
    assert status.result["jobStatusFile"] == f"{created.result['jobId']}-response.json"
    assert created.meta == status.meta == {"totalCount": 3, "totalSuccess": 2, "totalError": 1}
    outcomes = rest.get(status.result["downloadURL"]).json
    assert [one["ia::status"] for one in outcomes] == [201, 422, 201]
    assert classes(rest) == ["I-1", "I-2"]
    assert emulator.transactions().by_function["create"] == 3
    keys = [{"key": one["key"]} for one in outcomes if one["ia::status"] == 201]
    assert job(rest, "update", [{**key, "name": "changed"} for key in keys]).status == 200
    assert rest.read("company-config/class", keys[0]["key"])["name"] == "changed"
    assert job(rest, "delete", keys).status == 200
    assert classes(rest) == []
    assert (emulator.transactions().by_function["delete"], emulator.transactions().by_function["create"]) == (2, 3)


def test_a_bulk_job_runs_for_a_while_if_the_settings_say_so(served: Served, clock: Clock) -> None:
    rest = served(settings=EmulatorSettings(behaviour=Behaviour(rest_job_seconds=60)))[0].sign_in()
    place = f"/services/bulk/job/status?jobId={job(rest, 'create', [{'id': 'I-1', 'name': 'x'}]).result['jobId']}"
    assert rest.get(place).result["status"] == "processing"
    assert rest.get(f"{place}&download=true").status == 400
    clock.forward(seconds=60)
    assert rest.get(place).result["status"] == "completed"


@pytest.mark.parametrize(
    ("head", "records", "target"),
    [
        ({"operation": "upsert"}, [], "/operation"),
        ({"objectName": "no/object"}, [], "/objectName"),
        ({"jobFile": ""}, [], "/jobFile"),
        ({"fileContentType": "csv"}, [], "/jobFile"),
        ({}, {"id": "I-1"}, "/jobFile"),
        ({}, [1], "/jobFile"),
        ({}, "no JSON", "/jobFile"),
    ],
)
def test_a_bulk_job_that_is_none_is_refused(rest: RestClient, head: Any, records: Any, target: str) -> None:
    refused = job(rest, head.get("operation", "create"), records, **head)
    assert (refused.status, [one["target"] for one in refused.error["details"]]) == (400, [target])
    assert rest.get("/services/bulk/job/status?jobId=none").status == 404
    assert rest.send("POST", "/services/bulk/job/create", b"{}").status == 400
