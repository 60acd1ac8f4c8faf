"""The control API, as a test in any language uses it: plain HTTP and JSON."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin

import pytest

from intacct_emulator import CREDENTIALS
from intacct_emulator.server.control.operations import OPERATIONS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_protocol.xml.envelope import Login
from support.emulator.calls import one, send

Call = Callable[..., Any]
ACME = {"VENDORID": "V-1", "NAME": "Acme", "CREDITLIMIT": 100.10}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    made = Emulator.empty()
    yield made
    made.close()


@pytest.fixture
def control(emulator: Emulator) -> Iterator[Call]:
    """What a request is answered: its JSON, or the status and the JSON of a refusal."""
    with serve(emulator) as server:

        def call(words: str, sent: object = None, **headers: str) -> Any:
            method, path = words.split(" ", 1)
            body = sent if isinstance(sent, bytes) else None if sent is None else json.dumps(sent).encode()
            request = urllib.request.Request(urljoin(server.url, f"/control{path}"), body, headers, method=method)
            try:
                with urllib.request.urlopen(request) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as refused:
                return refused.code, json.loads(refused.read())

        yield call
    assert emulator.incidents == []


def create_class(emulator: Emulator, company: str = "demo-company") -> str:
    body = "<create><CLASS><CLASSID>R</CLASSID><NAME>Retail</NAME></CLASS></create>"
    return one(emulator, body, authentication=Login("demo-user", company, "demo-user-password")).status


def seed(*rows: dict[str, object]) -> dict[str, object]:
    return {"records": {"VENDOR": list(rows)}}


def test_records_are_seeded_listed_and_reset(control: Call, emulator: Emulator) -> None:
    assert control("POST /records", seed(ACME, {"VENDORID": "V-2", "NAME": "Zebra"})) == {"stored": {"VENDOR": 2}}
    page = control("GET /records/vendor?limit=1&offset=1")
    assert (page["object"], page["total"], page["records"][0]["VENDORID"]) == ("VENDOR", 2, "V-2")
    assert control("GET /records/VENDOR")["records"][0]["CREDITLIMIT"] == "100.1"
    assert create_class(emulator) == "success"
    assert control("POST /reset")["name"] == "start"
    empty = {"object": "VENDOR", "total": 0, "records": []}
    assert (control("GET /records/VENDOR"), control("GET /received")["requests"]) == (empty, [])


def test_what_was_received_goes_on_where_it_ended(control: Call, emulator: Emulator) -> None:
    assert create_class(emulator) == "success"
    first = control("GET /received")
    (request,) = first["requests"]
    assert (request["functions"], request["outcome"], request["company"]) == (["create"], "answered", "demo-company")
    assert "demo-user-password" not in request["body"]
    assert control(f"GET /received?since={first['next_since']}") == {"requests": [], "next_since": first["next_since"]}
    send(emulator, "<getAPISession/>", "<getAPISession/>")
    create_class(emulator)
    later = control(f"GET /received?since={first['next_since']}&function=create&company=DEMO-company&limit=1")
    assert [request["functions"] for request in later["requests"]] == [["create"]]
    assert control(f"GET /received?since={later['next_since']}")["requests"] == []


def test_a_fault_is_injected_counted_and_removed(control: Call, emulator: Emulator) -> None:
    fault = {"kind": "fault", "function": "create", "calls": [1], "errorno": "BL01001973", "text": "Not now"}
    number = control("POST /faults", fault)["number"]
    assert create_class(emulator) == "failure"
    assert create_class(emulator) == "success"
    injected = control(f"GET /faults/{number}")
    assert (injected["matched"], injected["happened"], injected["fault"]["text"]) == (2, 1, "Not now")
    control("POST /faults", {"kind": "http", "status": 429, "headers": {"retry-after": "2"}, "calls": []})
    assert [entry["fault"]["kind"] for entry in control("GET /faults")["faults"]] == ["fault", "http"]
    assert control(f"DELETE /faults/{number}") is None
    assert control(f"DELETE /faults/{number}")[0] == 404
    assert control("DELETE /faults") is None
    assert control("GET /faults") == {"faults": []}
    company = control("GET /companies/demo-company")
    assert company["credentials"] == CREDENTIALS
    assert (company["requests"], company["transactions"]["by_function"]) == (2, {"create": 2})
    kinds = {entry["kind"]: entry["meaning"] for entry in control("GET /fault-kinds")["kinds"]}
    assert kinds["cut-after"] == "everything is processed and committed, and no answer comes"


def test_snapshots_have_names(control: Call, emulator: Emulator) -> None:
    control("PUT /snapshots/before")
    control("POST /records", seed(ACME))
    control("PUT /snapshots/after")
    assert [entry["name"] for entry in control("GET /snapshots")["snapshots"]] == ["start", "before", "after"]
    for name, total in (("before", 0), ("after", 1), ("start", 0), ("after", 1)):
        assert control(f"POST /snapshots/{name}/restore")["name"] == name
        assert control("GET /records/VENDOR")["total"] == total
    assert control("DELETE /snapshots/after") is None
    status, problem = control("POST /snapshots/aftr/restore")
    assert (status, problem["fix"]) == (404, "take it first: PUT /control/snapshots/aftr")
    assert control("POST /snapshots/befor/restore")[1]["message"].endswith("did you mean before?")


def test_companies_are_created_cloned_shared_and_removed(control: Call, emulator: Emulator) -> None:
    control("POST /records", seed(ACME))
    control("PUT /snapshots/acme")
    control("POST /records", seed({"VENDORID": "V-2", "NAME": "Zebra"}))
    clone = {"company_id": "clone", "snapshot": "acme", "settings": {"concurrency": 2, "user": [{"user_id": "u"}]}}
    assert control("POST /companies/demo-company/clone", clone)["credentials"]["user_id"] == "u"
    assert control("GET /records/VENDOR?company=clone")["total"] == 1
    assert control("POST /companies/demo-company/share", {"count": 2}) == {
        "company_ids": ["company-0001", "company-0002"]
    }
    assert control("GET /records/VENDOR?company=company-0002")["total"] == 2
    made = {"company_id": "harbour", "title": "Harbour", "account": [{"number": "1000", "title": "Cash"}]}
    assert control("POST /companies", made)["title"] == "Harbour"
    assert create_class(emulator, "harbour") == "success"
    assert control("GET /records/GLACCOUNT?company=harbour")["records"][0]["TITLE"] == "Cash"
    control("PUT /snapshots/all")
    for company in ("clone", "company-0001", "company-0002", "harbour"):
        assert control(f"DELETE /companies/{company}") is None
    assert control("DELETE /companies/demo-company")[0] == 409
    control("POST /snapshots/all/restore")
    assert [company["company_id"] for company in control("GET /companies")["companies"]] == [
        "demo-company", "clone", "harbour", "company-0001", "company-0002"
    ]  # fmt: skip
    assert control("GET /records/CLASS?company=harbour")["total"] == 1


def test_the_clock_is_read_set_and_advanced(control: Call, emulator: Emulator) -> None:
    assert control("PUT /clock", {"moment": "2027-01-31T12:00:00+02:00"})["moment"].startswith("2027-01-31T10:00:0")
    later = control("POST /clock/advance", {"days": 1, "seconds": 30.5})
    assert later["moment"].startswith("2027-02-01T10:00:3")
    assert control("GET /clock")["ahead_seconds"] == pytest.approx(later["ahead_seconds"])


def test_the_books_are_closed_and_revalued(control: Call, emulator: Emulator) -> None:
    assert control("POST /books/close", {"until": "2026-10-31"}) is None
    revalued = control("POST /books/revalue", {"day": "2026-11-30"})
    assert revalued == {"day": "2026-11-30", "balances": []}
    assert control("POST /books/close", {"until": "2026-10-31", "entity": "nowhere"})[0] == 409


def test_a_scenario_begins_again_and_a_reset_ends_it(control: Call, emulator: Emulator) -> None:
    control("POST /records", seed(ACME))
    names = [entry["name"] for entry in control("GET /scenarios")["scenarios"]]
    assert "07-not-subscribed" in names
    control("POST /scenarios/not-subscribed/apply", {})
    assert control("GET /records/VENDOR")["total"] == 1
    assert "Please subscribe to the XML Gateway" in str(send(emulator, "<getAPISession/>").operations[0].faults)
    control("POST /scenarios/new-company/apply", {"snapshot": "start"})
    assert control("GET /records/VENDOR")["total"] == 0
    control("POST /reset")
    assert create_class(emulator) == "success"


def test_settings_change_and_records_faults_and_companies_stay(control: Call, emulator: Emulator) -> None:
    control("POST /records", seed(ACME))
    control("POST /companies/demo-company/clone", {"company_id": "clone"})
    control("POST /companies/demo-company/share", {"company_ids": ["share"]})
    control("POST /faults", {"kind": "slow", "seconds": 0})
    control("PUT /clock", {"moment": "2030-01-01T00:00:00Z"})
    change = {
        "behaviour": {"year_end": "running"},
        "company": [
            {"company_id": "clone", "concurrency": 3},
            {"company_id": "new", "entity": [{"id": "E1", "name": "First"}]},
        ],
        "policies": {"nightly": {"url": "http://127.0.0.1:9/answers"}},
    }
    settings = control("PATCH /settings", change)
    assert settings["behaviour"]["year_end"] == "running"
    limits = {company["company_id"]: company["concurrency"] for company in settings["companies"]}
    assert limits == {"demo-company": None, "clone": 3, "share": None, "new": None}
    assert "demo-user-password" not in json.dumps(settings)
    for company in ("demo-company", "clone", "share"):
        assert control(f"GET /records/VENDOR?company={company}")["total"] == 1
    assert control("GET /records/LOCATIONENTITY?company=new")["records"][0]["LOCATIONID"] == "E1"
    assert len(control("GET /faults")["faults"]) == 1
    assert control("GET /clock")["moment"].startswith("2030-01-01")
    assert control("GET /settings") == settings
    control("POST /reset")
    assert control("GET /settings")["behaviour"]["year_end"] == "closed"


@pytest.mark.parametrize(
    ("words", "sent", "status", "message", "fix"),
    [
        ("GET /clok", None, 404, "there is no /control/clok; did you mean /control/clock", "openapi.json"),
        ("DELETE /clock", None, 405, "/control/clock cannot be requested with DELETE", "methods: GET, PUT"),
        ("POST /records", {}, 400, "body needs records", 'add "records": { ... }'),
        ("POST /records", {"recrds": {}}, 400, "unknown setting recrds; did you mean records?", "records"),
        ("POST /records", b"{", 400, "the body is not JSON", "send an object"),
        ("POST /records", b'{"records": {"VENDOR": [{"CREDITLIMIT": NaN}]}}', 400, "NaN is no number", ""),
        ("POST /records", [], 400, "body must be a table", ""),
        ("POST /records", {"records": {"VENDR": []}}, 404, "VENDR", ""),
        ("POST /records", seed({"VENDORD": "V"}), 409, "VENDOR has no field VENDORD; did you mean VENDORID", "use"),
        ("POST /records", seed({"NAME": "a\u0001"}), 409, "U+0001, which no XML document can hold", "leave it out"),
        ("POST /records?compny=x", seed(), 400, "unknown setting compny; did you mean company?", "company"),
        ("POST /records?company=demo-compny", seed(), 404, "did you mean demo-company?", "companies: demo-company"),
        ("GET /records/VENDR", None, 404, "VENDR", ""),
        ("GET /records/VENDOR?limit=0", None, 400, "limit cannot be 0", "give a number from 1 to 10000"),
        ("GET /records/VENDOR?limit=x", None, 400, "limit cannot be 'x'", '"limit": 1'),
        ("GET /received?since=1&since=2", None, 400, "since twice", "give it once"),
        ("POST /faults", {"kind": "cut-aftr"}, 400, "kind cannot be 'cut-aftr'; did you mean cut-after", "http, cut-b"),
        ("POST /faults", {"kind": "slow", "calls": 1}, 400, "calls cannot be 1", 'give a list: "calls": [1]'),
        ("POST /faults", {"kind": "slow", "chance": 2}, 400, "chance cannot be 2", "from 0 to 1"),
        ("POST /faults", {"kind": "slow", "function": "craete"}, 409, "craete, which does not exist; did you", "Name"),
        ("GET /faults/0", None, 400, "number cannot be 0", ""),
        ("GET /faults/7", None, 404, "there is no fault 7", "GET /control/faults"),
        ("PUT /clock", {"moment": "2026-11-01T09:00:00"}, 400, "cannot be '2026-11-01T09:00:00'", '"2026-07-31T12'),
        ("PUT /clock", {"moment": "9999-01-01T00:00:00Z"}, 409, "a year from 1970 to 8999", ""),
        ("PUT /snapshots/a%20b", None, 400, "name cannot be 'a b'", "use letters"),
        ("PATCH /settings", {"behaviour": {"year_end": "clsoed"}}, 400, "did you mean closed?", "choose one of"),
        ("PATCH /settings", {"behavior": {}}, 400, "unknown setting behavior; did you mean behaviour?", ""),
        ("PATCH /settings", {"policies": {"p": {"url": "http://example.com"}}}, 409, "example.com", ""),
        ("POST /companies", {"company_id": "demo-company"}, 409, "there is a company demo-company already", ""),
        ("POST /companies", {"company_id": "x", "custom_field": [{"object": "VENDR", "name": "A"}]}, 409, "VENDR", ""),
        ("POST /companies/demo-company/share", {}, 409, "give either a count or ids", '"count": 10'),
        ("POST /scenarios/not-subscribd/apply", {}, 404, "did you mean not-subscribed or", "GET /control/scenarios"),
        ("POST /administration/users/nobody/roles", {"role": "x"}, 404, "there is no user nobody", ""),
        ("DELETE /administration/authorizations/a%2Fb", None, 404, "there is no authorization of a/b", ""),
    ],
)
def test_a_mistake_is_a_sentence_and_changes_nothing(
    words: str, sent: object, status: int, message: str, fix: str, control: Call, emulator: Emulator
) -> None:
    before = control("GET /companies"), control("GET /settings"), control("GET /snapshots"), control("GET /faults")
    refused, problem = control(words, sent)
    assert (refused, set(problem)) == (status, {"message", "fix"})
    assert message in problem["message"]
    assert fix in problem["fix"]
    after = control("GET /companies"), control("GET /settings"), control("GET /snapshots"), control("GET /faults")
    assert after == before
    assert control("GET /records/VENDOR")["total"] == 0


def test_records_are_seeded_all_or_none(control: Call) -> None:
    wrong = {"records": {"VENDOR": [ACME], "CLASS": [{"CLASSID": "R", "NAMES": "Retail"}]}}
    assert control("POST /records", wrong)[0] == 409
    assert control("GET /records/VENDOR")["total"] == 0


def test_an_error_of_the_emulator_is_told_and_listed(
    control: Call, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(emulator, "request_count", lambda _: 1 // 0)
        told = {"message": "the emulator failed", "fix": "GET /control shows the incident"}
        assert control("GET /companies") == (500, told)
    (incident,) = control("GET ")["incidents"]
    assert "ZeroDivisionError" in incident
    emulator.incidents.clear()


def test_web_pages_and_other_hosts_are_refused(control: Call) -> None:
    for headers in ({"Origin": "https://example.com"}, {"Host": "example.com"}):
        status, problem = control("DELETE /faults", **headers)
        assert (status, set(problem)) == (403, {"message", "fix"})


def test_the_openapi_document_has_every_operation_with_its_text(control: Call) -> None:
    document = control("GET /openapi.json")
    assert document["openapi"] == "3.1.0"
    described = {
        operation["operationId"]: operation for methods in document["paths"].values() for operation in methods.values()
    }
    assert set(described) == set(OPERATIONS)
    assert all(operation["summary"] for operation in described.values())
    schemas = document["components"]["schemas"]
    assert schemas["CloseBooks"]["properties"]["ledger"]["enum"] == ["GL", "AP", "AR", "EE", "CM"]
    assert schemas["SentBehaviour"]["properties"]["session_minutes"]["minimum"] == 0
    assert schemas["SentBehaviour"]["properties"]["year_end"]["description"].startswith("Whether balances show")
    assert "SentBehaviour" in json.dumps(schemas["CompanySettings"]["properties"]["behaviour"])
    assert {"user", "account", "custom_field"} <= set(schemas["CompanySettings"]["properties"])
    assert schemas["CompanySettings"]["additionalProperties"] is False
    assert control("HEAD /openapi.json") is None
