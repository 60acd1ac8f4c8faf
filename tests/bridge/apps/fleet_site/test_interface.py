"""The JSON interface: each answer is as the OpenAPI document says, and each error as the commands print it."""

import json
import re
from datetime import datetime
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_bridge.apps.fleet_site.interface import OPERATIONS, document
from intacct_bridge.apps.fleet_site.openapi import LARGEST_BODY
from intacct_bridge.apps.fleet_site.server import FleetServer
from intacct_bridge.apps.fleet_site.site import FleetApp
from intacct_bridge.fleet.run_queue import RunEnding
from support.apps.console_site import Seen, Visitor
from support.apps.fleet_site import TOKEN, RunningFleet
from support.fleet.runs import begun
from support.repository import DOCS

FLOWS = {"nightly": {"command": "extract", "streams": ["VENDOR"], "to": "duckdb:///copy.duckdb"}}
BODY = {
    "settings": {"company_id": "interface", "sender_id": "demo-sender", "environment": "demo"},
    "flows": FLOWS,
    "schedule": {"nightly": "15 2 * * 1-6 Europe/Berlin"},
    "limits": {"concurrency": 3, "monthly_limit": 5000},
}
LOG = '{"time": "2026-11-30T00:00:00Z", "level": "warning", "message": "3 streams are slow", "run": "1"}'


def conforms(seen: Seen, method: str, path: str) -> Any:
    """The body of an answer, after a comparison with the document."""
    known = document()
    template = next(one for one in known["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), f"/api/v1{path}"))
    answers = known["paths"][template][method.lower()]["responses"]
    described = answers.get(str(seen.status)) or answers["default"]
    assert str(seen.status) in answers or seen.status >= 400, seen.status
    if "content" not in described:
        assert seen.body == b""
        return None
    schema = {**described["content"]["application/json"]["schema"], "components": known["components"]}
    assert seen.headers["content-type"] == "application/json"
    jsonschema.Draft202012Validator(schema).validate(seen.json)
    return seen.json


def ask(served: RunningFleet, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    """A request whose answer is checked against the document."""
    seen = served.ask(method, path, body)
    assert seen.status == status, seen.body
    return conforms(seen, method, path.partition("?")[0])


def refused(served: RunningFleet, method: str, path: str, body: Any = None, *, status: int) -> dict[str, Any]:
    found: dict[str, Any] = ask(served, method, path, body, status=status)["error"]
    assert found["class"] and found["error"] and found["fix"]
    return found


def test_a_tenant_is_added_shown_changed_paused_and_removed(served: RunningFleet) -> None:
    added = ask(served, "PUT", "/tenants/initrode", BODY, status=201)
    assert {name: added[name] for name in ("settings", "flows", "limits", "schedule")} == BODY
    assert (added["paused"], added["secrets"]) == (False, [])
    again = ask(served, "PUT", "/tenants/initrode", BODY)
    assert again == added
    assert ask(served, "GET", "/tenants/initrode") == added
    assert ask(served, "POST", "/tenants/initrode/pause")["paused"]
    put = ask(served, "PUT", "/tenants/initrode", {"settings": {"company_id": "interface"}})
    assert (put["settings"], put["flows"], put["schedule"]) == ({"company_id": "interface"}, {}, {})
    assert put["limits"] == {"concurrency": 2, "monthly_limit": None}
    assert put["paused"]
    change = {"flows": FLOWS, "settings": {"user_id": "u"}, "limits": {"monthly_limit": 7}}
    changed = ask(served, "PATCH", "/tenants/initrode", change)
    assert changed["settings"] == {"company_id": "interface", "user_id": "u"}
    assert changed["limits"] == {"concurrency": 2, "monthly_limit": 7}
    removed = ask(served, "PATCH", "/tenants/initrode", {"settings": {"user_id": None}, "flows": {"nightly": None}})
    assert (removed["settings"], removed["flows"]) == ({"company_id": "interface"}, {})
    assert not ask(served, "POST", "/tenants/initrode/resume")["paused"]
    ask(served, "DELETE", "/tenants/initrode", status=204)
    assert refused(served, "GET", "/tenants/initrode", status=404)["class"] == "UnknownTenantError"
    refused(served, "DELETE", "/tenants/initrode", status=404)


def test_secrets_can_be_written_and_never_read(served: RunningFleet) -> None:
    ask(served, "PUT", "/tenants/initrode", {}, status=201)
    secret = "a-secret-that-nobody-reads"
    ask(
        served, "PUT", "/tenants/initrode/secrets", {"secrets": {"user_password": secret, "warehouse": "x"}}, status=204
    )
    ask(served, "PUT", "/tenants/initrode/secrets", {"secrets": {"warehouse": None}}, status=204)
    assert ask(served, "GET", "/tenants/initrode")["secrets"] == ["user_password"]
    paths = ["/tenants", "/tenants/initrode", "/tenants/initrode/status", "/status", "/usage", "/tenants/initrode/runs"]
    for path in paths:
        assert secret not in served.ask("GET", path).html
    assert served.ask("GET", "/tenants/initrode/secrets").status == 405
    wrong = refused(served, "PUT", "/tenants/initrode/secrets", {"secrets": {"user_password": ""}}, status=400)
    assert "user_password" in wrong["error"]
    refused(served, "PUT", "/tenants/initrode", {"settings": {"user_password": secret}}, status=400)
    assert secret not in json.dumps(
        refused(served, "PUT", "/tenants/initrode/secrets", {"secrets": {"Wrong Name": secret}}, status=400)
    )
    ask(served, "DELETE", "/tenants/initrode", status=204)


def test_tenants_come_in_pages(served: RunningFleet) -> None:
    names = [f"page-{number:02}" for number in range(7)]
    for name in names:
        served.fleet.add(name)
    for path, key in (("/tenants", "name"), ("/status", "tenant")):
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            page = ask(served, "GET", f"{path}?limit=3&like=page-&after={after}")
            assert len(page["tenants"]) <= 3
            found += [one[key] for one in page["tenants"]]
            after = page["next"]
        assert found == names
    for name in names:
        served.fleet.remove(name)


def test_a_link_is_made_and_ended(served: RunningFleet) -> None:
    made = ask(served, "POST", "/tenants/acme/links", {"hours": 2}, status=201)
    assert made["address"].startswith(f"{served.url}/connect/link/")
    assert served.administrator().open(made["address"]).status == 200
    ask(served, "POST", "/tenants/acme/links", {}, status=201)
    assert ask(served, "DELETE", "/tenants/acme/links")["ended"] >= 1
    for hours in (0, -1, 1e9):
        assert refused(served, "POST", "/tenants/acme/links", {"hours": hours}, status=400)["field"] == "hours"


def test_status_runs_and_usage(served: RunningFleet) -> None:
    now = served.fleet.registry.now()
    run = begun(served.fleet, "globex", "nightly", now)
    served.fleet.end_run(run, RunEnding("done", detail="3 streams", transactions=5, rows=9, log=LOG))
    found = ask(served, "GET", "/tenants/globex/runs")["runs"]
    assert [(one["flow"], one["outcome"], one["rows"]) for one in found] == [("nightly", "done", 9)]
    assert ask(served, "GET", "/tenants/globex/runs?flow=other")["runs"] == []
    lines = ask(served, "GET", f"/tenants/globex/runs/{found[0]['id']}/log")["lines"]
    assert lines == [{"time": "2026-11-30T00:00:00Z", "level": "warning", "message": "3 streams are slow"}]
    refused(served, "GET", "/tenants/globex/runs/nightly/log", status=404)
    status = ask(served, "GET", "/tenants/globex/status")
    assert status["flows"][0]["last"]["detail"] == "3 streams"
    assert {"company_id", "user_id", "user_password"} <= set(status["missing"]) and status["needs_attention"]
    usage = ask(served, "GET", "/usage?month=2026-11")
    assert {"tenant": "globex", "transactions": 0} in usage["tenants"] and usage["month"] == "2026-11"
    assert refused(served, "GET", "/usage?month=yesterday", status=400)["field"] == "month"


def test_a_run_is_queued_once_for_a_time(served: RunningFleet) -> None:
    served.fleet.add("runs", flows=FLOWS)
    at = f"{served.fleet.registry.now():%Y-%m-%dT%H:%M:%SZ}"
    made = ask(served, "POST", "/tenants/runs/runs", {"flow": "nightly", "at": at}, status=202)
    assert ask(served, "POST", "/tenants/runs/runs", {"flow": "nightly", "at": at}, status=202) == made
    other = ask(served, "POST", "/tenants/runs/runs", {"flow": "nightly"}, status=202)
    queued = {run.key.due_at for run in served.fleet.queue.unfinished() if run.tenant == "runs"}
    assert queued == {datetime.fromisoformat(run["due_at"]) for run in (made, other)}
    assert refused(served, "POST", "/tenants/runs/runs", {"flow": "nigthly"}, status=400)["error"]
    for wrong in ("2020-01-01T00:00:00Z", "2026-11-23T00:00:00", "now"):
        found = refused(served, "POST", "/tenants/runs/runs", {"flow": "nightly", "at": wrong}, status=400)
        assert found["field"] == "at"
    listed = ask(served, "GET", "/tenants/runs/runs")["runs"]
    assert {one["id"] for one in listed} == {made["id"], other["id"]}
    assert {one["started_at"] for one in listed} == {None}
    served.fleet.pause("runs")
    found = refused(served, "POST", "/tenants/runs/runs", {"flow": "nightly"}, status=409)
    assert found["class"] == "PausedTenantError"
    served.fleet.remove("runs")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[]", ""), (b"{", ""), (b"\xff", ""), (b'{"settings": 1}', "settings"),
        (b'{"secrets": {"a": "b"}}', ""), (b'{"limits": {"concurrency": "3"}}', "limits.concurrency"),
        (b'{"limits": {"concurrency": 0}}', ""), (b'{"flows": {"x": {"command": "rm"}}}', ""),
        (b'{"settings": {"endpoint": "http://evil.example"}}', ""), (b'{"settings": {"outbox": "x"}}', ""),
    ],
)  # fmt: skip
def test_a_body_that_is_wrong_is_refused_and_nothing_is_added(served: RunningFleet, body: bytes, field: str) -> None:
    found = refused(served, "PUT", "/tenants/wrong", body, status=400)
    assert not field or found["field"] == field
    assert served.ask("GET", "/tenants/wrong").status == 404


@pytest.mark.parametrize("path", ["/tenants?limit=0", "/tenants?limit=x", "/tenants?limit=501", "/tenants?lmit=3",
                                  "/tenants/acme?limit=3", "/status?limit=-1"])  # fmt: skip
def test_a_parameter_that_is_wrong_is_named(served: RunningFleet, path: str) -> None:
    found = refused(served, "GET", path, status=400)
    assert found["field"] in ("limit", "lmit")


def test_an_unknown_address_or_method_is_an_error_as_json(served: RunningFleet) -> None:
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("POST", "/tenants", 405),
        ("GET", "/tenants/acme/links", 405),
    ):
        seen = served.ask(method, path)
        assert (seen.status, seen.json["error"]["class"] != "") == (status, True)
    assert served.ask("GET", "/tenants/a%2F..%2Fb").status == 404
    assert refused(served, "POST", "/tenants/acme/pause", {"x": 1}, status=400)["class"] == "BodyError"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"settings": {"user_id": "a", "user_id": "b"}}', "user_id"),
        (b'{"settings": {}, "flows": {}, "settings" : {}}', "settings"),
        (b'{"limits": {"concurrency": 2, "concurrency": 2}}', "concurrency"),
    ],
)
def test_a_body_with_a_key_twice_is_refused(served: RunningFleet, body: bytes, key: str) -> None:
    seen = served.ask("PATCH", "/tenants/acme", body)
    assert (seen.status, seen.json["error"]["class"]) == (400, "BodyError")
    assert seen.json["error"]["error"] == f"The body has the key '{key}' twice."


def test_a_body_that_is_too_large_is_refused(served: RunningFleet) -> None:
    seen = served.ask("PUT", "/tenants/large", b'"' + b"x" * LARGEST_BODY + b'"')
    assert (seen.status, seen.json["error"]["class"]) == (413, "LargeBodyError")


# --- who may ask


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """No limit on wrong tokens."""
    monkeypatch.setattr("intacct_bridge.apps.web.security._WRONG_TOKENS", 10_000)


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("given", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é"])
def test_without_the_token_nothing_is_answered(served: RunningFleet, given: str) -> None:
    for operation in OPERATIONS:
        seen = served.ask(operation.method, operation.path.replace("{name}", "acme"), token=given)
        assert seen.status == 401
        assert seen.headers["www-authenticate"] == "Bearer"
        assert "acme" not in seen.html


@pytest.mark.usefixtures("unlimited")
def test_the_token_is_not_taken_from_elsewhere(served: RunningFleet) -> None:
    for headers in ({"Cookie": f"token={TOKEN}"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN}):
        assert Visitor(served.url).ask("GET", "/api/v1/tenants", None, headers).status == 401
    assert Visitor(served.url).ask("GET", f"/api/v1/tenants?token={TOKEN}").status == 401


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1:1", "127.0.0.1:{port}.evil.example"])
def test_the_interface_answers_under_known_names_only(served: RunningFleet, host: str) -> None:
    seen = served.ask("GET", "/tenants", Host=host.format(port=served.app.port) or "-")
    assert seen.status in (400, 421) and "acme" not in seen.html


@settings(max_examples=30)
@given(token=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_no_text_but_the_token_is_accepted(served: RunningFleet, token: str) -> None:
    assert (served.ask("GET", "/tenants/acme", token=token).status == 200) == (token == TOKEN)


# --- the document


def test_the_document_describes_every_operation(served: RunningFleet) -> None:
    shown = ask(served, "GET", "/openapi.json")
    assert shown == json.loads(json.dumps(document()))
    described = {(method.upper(), path) for path, known in shown["paths"].items() for method in known}
    assert described == {(one.method, f"/api/v1{one.path}") for one in OPERATIONS}
    text = json.dumps(shown)
    for reference in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert reference in shown["components"]["schemas"]
    for schema in shown["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_page_of_the_documentation_names_every_operation() -> None:
    page = (DOCS / "fleet-interface.md").read_text()
    named = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", page, re.MULTILINE))
    assert named == {f"{one.method} {one.path}" for one in OPERATIONS}


# --- what no field may be

FLOW = {"command": "extract", "streams": ["VENDOR"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"settings": {"company_id": "x" * 10_001}}, "settings.company_id"),
        ({"settings": {"company_id": "acme\u0000"}}, "settings.company_id"),
        ({"settings": {"company_id": "acme\u0085"}}, "settings.company_id"),
        ({"settings": {"timeout": 10**16}}, "settings.timeout"),
        ({"settings": {"x" * 201: "y"}}, "settings"),
        ({"settings": {"company\nid": "y"}}, "settings"),
        ({"flows": {"nightly": FLOW | {"streams": ["VEN\u001bDOR"]}}}, "flows.nightly.streams"),
        ({"flows": {"nightly": FLOW | {"streams": [[[[[[[[[["VENDOR"]]]]]]]]]]}}}, "flows.nightly.streams"),
        ({"flows": {f"f{number}": FLOW for number in range(101)}}, "flows"),
        ({"schedule": {"nightly": "every " + "1" * 200 + "h"}}, "schedule[...]"),
        ({"limits": {"concurrency": 0}}, "limits.concurrency"),
        ({"limits": {"concurrency": 101}}, "limits.concurrency"),
        ({"limits": {"concurrency": 2.5}}, "limits.concurrency"),
        ({"limits": {"monthly_limit": -1}}, "limits.monthly_limit"),
        ({"limits": {"monthly_limit": 10**9 + 1}}, "limits.monthly_limit"),
    ],
)
def test_a_field_out_of_its_bounds_is_named_and_nothing_is_added(
    served: RunningFleet, body: dict[str, Any], field: str
) -> None:
    for method in ("PUT", "PATCH"):
        tenant = "bounds" if method == "PUT" else "acme"
        assert refused(served, method, f"/tenants/{tenant}", body, status=400)["field"] == field
    assert served.ask("GET", "/tenants/bounds").status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/tenants/acme/links", {"hours": 2161}, "hours"),
        ("POST", "/tenants/acme/runs", {"flow": "x" * 201}, "flow"),
        ("POST", "/tenants/acme/runs", {"flow": ""}, "flow"),
        ("PUT", "/tenants/acme/secrets", {"secrets": {"warehouse": "x" * 10_001}}, "secrets.warehouse"),
        ("PUT", "/tenants/acme/secrets", {"secrets": {f"s{number}": "x" for number in range(101)}}, "secrets"),
        ("GET", "/tenants?like=%00", None, "like"),
        ("GET", "/tenants?after=a%0Ab", None, "after"),
        ("GET", "/status?like=" + "x" * 201, None, "like"),
        ("GET", "/tenants/acme/runs?flow=%7F", None, "flow"),
        ("GET", "/usage?month=2026-11%00", None, "month"),
        ("GET", "/tenants/a%00b", None, "name"),
        ("DELETE", "/tenants/" + "x" * 300, None, "name"),
    ],
)
def test_a_part_of_a_request_out_of_its_bounds_is_named(
    served: RunningFleet, method: str, path: str, body: Any, field: str
) -> None:
    assert refused(served, method, path, body, status=400)["field"] == field


def test_a_body_of_brackets_is_refused(served: RunningFleet) -> None:
    deep = b'{"settings": {"company_id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    seen = Visitor(served.url).ask("PUT", "/api/v1/tenants/brackets", deep, headers)
    assert (seen.status, "is nested 100,002 levels deep" in seen.json["error"]["error"]) == (400, True)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_flow_with_an_option_that_its_command_lacks_is_refused(served: RunningFleet, method: str) -> None:
    for tenant in ("acme", "unknown-option") if method == "PUT" else ("acme",):
        wrong = {"flows": {"nightly": FLOW | {"to": "duckdb:///copy.duckdb", "strems": ["VENDOR"]}}}
        assert "strems" in refused(served, method, f"/tenants/{tenant}", wrong, status=400)["error"]
    assert served.ask("GET", "/tenants/unknown-option").status == 404
    assert "strems" not in ask(served, "GET", "/tenants/acme")["flows"]["nightly"]


# --- a token cannot send passwords elsewhere


def test_a_token_cannot_let_a_tenants_passwords_go_to_another_server(served: RunningFleet) -> None:
    elsewhere = {"endpoint": "https://attacker.example/xml", "allow_endpoint": True}
    for method, tenant in (("PUT", "fresh"), ("PUT", "acme"), ("PATCH", "acme")):
        refusal = refused(served, method, f"/tenants/{tenant}", {"settings": elsewhere}, status=400)
        assert refusal["field"] == "settings.allow_endpoint"
        assert "--set allow_endpoint=true" in refusal["fix"]
    assert served.ask("GET", "/tenants/fresh").status == 404
    assert "allow_endpoint" not in ask(served, "GET", "/tenants/acme")["settings"]


def test_what_the_command_line_allowed_holds_for_that_server_only(served: RunningFleet) -> None:
    allowed = {"endpoint": "https://gateway.example/xml", "allow_endpoint": True}
    served.fleet.add("proxied", settings=allowed)
    changed = {"settings": {"endpoint": allowed["endpoint"], "environment": "demo"}}
    assert ask(served, "PUT", "/tenants/proxied", changed)["settings"] == allowed | {"environment": "demo"}
    for method in ("PUT", "PATCH"):
        other = {"settings": {"endpoint": "https://attacker.example/xml"}}
        assert refused(served, method, "/tenants/proxied", other, status=400)["field"] == "settings.endpoint"
    assert ask(served, "GET", "/tenants/proxied")["settings"]["endpoint"] == allowed["endpoint"]
    usual = {"settings": {"allow_endpoint": False, "endpoint": None}}
    assert "endpoint" not in ask(served, "PATCH", "/tenants/proxied", usual)["settings"]
    refused(served, "PATCH", "/tenants/proxied", {"settings": {"allow_endpoint": True}}, status=400)
    served.fleet.remove("proxied")


def test_too_many_wrong_tokens_are_told_to_wait_and_the_right_one_is_not(served: RunningFleet) -> None:
    app = served.server.app
    with FleetServer(FleetApp(app.fleet, app.pages, app.settings)) as server:
        program = Visitor(server.url)
        wrong = [program.ask("GET", "/api/v1/tenants", None, {"Authorization": f"Bearer {n}"}) for n in range(62)]
        assert (wrong[0].status, wrong[59].status, wrong[60].status) == (401, 401, 429)
        assert 0 < int(wrong[61].headers["retry-after"]) <= 60
        assert program.ask("GET", "/api/v1/tenants", None, {"Authorization": f"Bearer {TOKEN}"}).status == 200
