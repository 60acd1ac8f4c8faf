"""The doctor against every documented failure: the right step, and none before it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.views.doctor import as_data, render
from intacct_bridge.client.gateway.calibration import Calibration, Calibrations
from intacct_bridge.client.gateway.meter import MonthlyUsage
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.connections.sources import ListedConnection
from intacct_bridge.setup.assistant import examined_checklist
from intacct_bridge.setup.examination import Examination, Job, run
from intacct_bridge.setup.findings import Status, titles
from intacct_bridge.setup.letter import letter
from intacct_bridge.setup.role import role_for
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, RoleSettings, UserSettings
from intacct_protocol.model.query.query import field
from intacct_protocol.xml.codec import decode_request, decode_response, encode_response
from intacct_protocol.xml.reply import Reply
from intacct_protocol.xml.xml import element
from support.demo_company import NOW
from support.setup.scenarios import Scenario, client_of, examined, settings_of
from support.small_company import little_company

SCENARIOS = Scenario.all()


@pytest.fixture(scope="module")
def company() -> Iterator[Emulator]:
    emulator = little_company(lambda: NOW)
    yield emulator
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of this machine's usage counts and calibrations."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "intacct-bridge"


def test_every_documented_state_is_a_scenario() -> None:
    assert {one.about["state"] for one in SCENARIOS} == set(range(1, 23))
    assert all(one.about["tag"].split()[0].rstrip(":;") in ("confirmed", "observed", "inferred") for one in SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: str(one.path.stem))
def test_only_the_failed_step_is_reported(scenario: Scenario, company: Emulator, state: Path) -> None:
    if "month_to_date" in scenario.about:
        MonthlyUsage(state, company="demo-company", connection="demo").add("2026-11", scenario.about["month_to_date"])
    report = scenario.examined(company)
    found = [(finding.step, finding.status.value, finding.id) for finding in report.problems]
    expected = scenario.expected
    assert found == [(expected["step"], expected["status"], expected["id"])], render(report)
    assert [cause.id for cause in report.problems[0].causes] == expected["causes"]
    assert (report.stopped_at == expected["step"]) == expected["stops"]
    assert not report.healthy
    said = report.problems[0]
    assert said.observed and said.means and said.tag in ("confirmed", "observed", "inferred")
    assert all(cause.cause and cause.fix and cause.who and cause.tag for cause in said.causes)
    assert said.fix and said.who
    steps = list(titles())
    places = [steps.index(finding.step) for finding in report.findings]
    assert places == sorted(places)
    if expected["stops"]:
        assert [one.step for one in report.findings][-2:] == [expected["step"], "rest"]


@pytest.mark.parametrize("job", [{}, {"streams": ["GLDETAIL", "APBILL"], "writes": ["GLBATCH", "VENDOR", "ARINVOICE"]}])
def test_a_healthy_company_has_no_findings(company: Emulator, job: dict[str, Any]) -> None:
    emulator = company.clone()
    report = examined(emulator, **job)
    emulator.close()
    assert report.healthy, render(report)
    assert report.stopped_at == ""
    told = {finding.step for finding in report.findings}
    assert told == set(titles()) - {"rest"}
    assert report.transactions == sum(len(request.functions) for request in emulator.received)


def test_the_company_is_unchanged(company: Emulator) -> None:
    emulator = company.clone()
    store = emulator.company().store
    names = [name for name in store.populated() if name.isupper()]  # the others follow from them
    before = {name: list(store.table(name).rows()) for name in names}
    writes = ["VENDOR", "GLBATCH", "CUSTOMER", "CLASS", "DEPARTMENT", "GLACCOUNT", "ITEM", "PROJECT", "APBILL"]
    report = examined(emulator, writes=writes)
    after = {name: list(store.table(name).rows()) for name in store.populated() if name.isupper()}
    emulator.close()
    assert report.healthy, render(report)
    assert after == before


def test_an_inactive_entity_is_reported_like_an_unknown_one(company: Emulator) -> None:
    emulator = company.clone()
    row = {"LOCATIONID": "900", "NAME": "Closed", "STATUS": "inactive", "WHENMODIFIED": "11/20/2026 10:00:00"}
    emulator.company().table("LOCATIONENTITY").insert(row)
    report = examined(emulator, replace(demo_connection(), location_id="900"))
    emulator.close()
    assert [one.id for one in report.problems] == ["entity-refused"]
    assert report.stopped_at == "entity"


def test_the_usual_streams_need_not_all_be_subscribed(company: Emulator) -> None:
    settings = EmulatorSettings(companies=(CompanySettings(modules=("CO", "GL", "AP", "AR", "EE", "CM")),))
    emulator = company.clone(settings=settings)
    report = examined(emulator)
    emulator.close()
    assert report.healthy, render(report)
    assert "PROJECT" in next(one for one in report.findings if one.step == "modules").observed


def test_usual_streams_that_the_user_cannot_read_are_a_warning(company: Emulator) -> None:
    rights: dict[str, Any] = {"*": ("list", "view", "add", "edit", "delete"), "EMPLOYEE": ()}
    settings = EmulatorSettings(companies=(CompanySettings(roles=(RoleSettings(rights=rights),)),))
    emulator = company.clone(settings=settings)
    report = examined(emulator)
    emulator.close()
    assert [(one.step, one.status, one.objects) for one in report.problems] == [
        ("reading", Status.WARNING, ("EMPLOYEE",)),
    ]


def test_an_unknown_stream_has_its_three_causes(company: Emulator) -> None:
    emulator = company.clone()
    report = examined(emulator, streams=["APBIL"])
    emulator.close()
    (found,) = report.problems
    assert found.step == "reading"
    assert [cause.id for cause in found.causes] == ["object-misspelt", "object-not-licensed", "object-not-deployed"]


def test_a_limited_user_type_is_reported_with_the_streams_it_cannot_read(company: Emulator) -> None:
    user = UserSettings(user_type="employee user")
    emulator = company.clone(settings=EmulatorSettings(companies=(CompanySettings(users=(user,)),)))
    report = examined(emulator)
    emulator.close()
    assert [one.id for one in report.problems] == ["user-type-small", "some-unreadable"]


@pytest.mark.parametrize(
    ("user", "found"),
    [
        (UserSettings(date="/dmY"), "formatting-uncommon"),
        (UserSettings(date=".dmy"), "formatting-short-year"),
        (UserSettings(clock=12), "formatting-uncommon"),
        (UserSettings(offset_minutes=-480), "formatting-uncommon"),
        (UserSettings(user_type="view only user"), "user-type-small"),
    ],
)
def test_the_users_own_settings_are_checked(user: UserSettings, found: str, company: Emulator) -> None:
    emulator = company.clone(settings=EmulatorSettings(companies=(CompanySettings(users=(user,)),)))
    report = examined(emulator)
    emulator.close()
    assert [one.id for one in report.problems] == [found]
    assert report.problems[0].status is Status.WARNING


@pytest.mark.parametrize("reads_as", ["utc", "user"])
@pytest.mark.parametrize("offset", [-480, 570])
def test_the_reading_of_times_in_filters_is_measured_and_kept(
    reads_as: str, offset: int, company: Emulator, state: Path
) -> None:
    users = (UserSettings(offset_minutes=offset),)
    settings = replace(settings_of(filter_times=reads_as), companies=(CompanySettings(users=users),))
    emulator = company.clone(settings=settings)
    examined(emulator, keep=True)
    emulator.close()
    kept = Calibrations(state).of(demo_connection())
    assert kept.reading_of(offset) == reads_as
    assert kept.reading_of(offset + 60) == ""
    assert kept.repeat_guard
    assert kept.measured == "2026-11-21T11:00:00Z"


@pytest.mark.parametrize("reads_as", ["utc", "user"])
@pytest.mark.parametrize("offset", [-480, 570])
def test_once_measured_a_query_by_time_finds_the_records_of_that_time(
    reads_as: str, offset: int, company: Emulator
) -> None:
    users = (UserSettings(offset_minutes=offset),)
    settings = replace(settings_of(filter_times=reads_as), companies=(CompanySettings(users=users),))
    emulator = company.clone(settings=settings)
    row = {"VENDORID": "V1", "NAME": "One", "STATUS": "active", "WHENMODIFIED": "11/20/2026 10:00:00"}
    emulator.company().table("VENDOR").insert(row)
    examined(emulator, keep=True)
    with client_of(emulator, keep=True) as client:
        at = next(client.query("VENDOR", "WHENMODIFIED", where="VENDORID = 'V1'"))["WHENMODIFIED"]
        for where in (field("WHENMODIFIED") == at, f"WHENMODIFIED = {at:%Y-%m-%dT%H:%M:%S}Z"):
            assert client.table("VENDOR", "RECORDNO", where=where).num_rows == 1
    emulator.close()


def test_forgotten_control_ids_are_reported_and_kept(company: Emulator, state: Path) -> None:
    emulator = company.clone(settings=settings_of(remember_controlids=False))
    report = examined(emulator, keep=True)
    emulator.close()
    assert report.healthy  # it is not documented whether control IDs of reads are stored
    assert "answered twice" in next(one for one in report.findings if one.step == "memory").observed
    assert Calibrations(state).of(demo_connection()).memory is False


def test_a_repeated_control_id_without_a_status_proves_no_memory(company: Emulator, state: Path) -> None:
    # issue 70 of intacct-sdk-js: with uniqueid, a repeated write has a result without a status
    emulator = company.clone(settings=settings_of(replay_answer="unmarked"))
    report = examined(emulator, keep=True)
    emulator.close()
    assert report.healthy
    assert "has no status" in next(one for one in report.findings if one.step == "memory").observed
    assert Calibrations(state).of(demo_connection()).memory is False


def test_a_run_with_keep_off_keeps_no_calibration(company: Emulator, state: Path) -> None:
    emulator = company.clone()
    examined(emulator)
    emulator.close()
    assert not (state / "calibration").exists()


def test_a_new_calibration_keeps_the_values_it_did_not_measure(state: Path) -> None:
    kept, connection = Calibrations(state), demo_connection()
    kept.keep(connection, Calibration(reads_as="utc", offset_minutes=60, memory=True))
    kept.keep(connection, Calibration(offset_minutes=60))
    assert kept.of(connection) == Calibration(reads_as="utc", offset_minutes=60, memory=True)
    kept.keep(connection, Calibration(offset_minutes=120, memory=False))
    assert kept.of(connection) == Calibration(offset_minutes=120, memory=False)
    assert kept.of(replace(connection, user_id="another")) == Calibration()


def test_a_damaged_calibration_is_ignored(state: Path) -> None:
    kept, connection = Calibrations(state), demo_connection()
    kept.keep(connection, Calibration(memory=True))
    (file,) = (state / "calibration").glob("*.json")
    file.write_text("{")
    assert kept.of(connection) == Calibration()


def test_a_wrong_clock_of_this_machine_is_reported(company: Emulator) -> None:
    emulator = company.clone()
    with client_of(emulator) as client:
        report = run(client, now=lambda: datetime(2026, 11, 21, 11, 5, 0, tzinfo=UTC))
    emulator.close()
    assert [one.id for one in report.problems] == ["clock-apart"]
    assert "0:05:00" in report.problems[0].observed


def test_planned_writes_on_a_read_only_connection_are_reported(company: Emulator) -> None:
    emulator = company.clone()
    connection = replace(demo_connection(), read_only=True)
    report = examined(emulator, connection, writes=["VENDOR"])
    harmless = examined(emulator, connection)
    emulator.close()
    assert [one.id for one in report.problems] == ["read-only"]
    assert harmless.healthy, render(harmless)


@pytest.mark.parametrize("change", [{"authentication": "login"}, {"dtd_version": "2.1"}])
def test_other_kinds_of_connection_are_healthy_too(company: Emulator, change: dict[str, str]) -> None:
    emulator = company.clone()
    report = examined(emulator, replace(demo_connection(), **change))  # type: ignore[arg-type]
    emulator.close()
    assert report.healthy, render(report)


def test_the_keys_of_the_json_are_stable(company: Emulator) -> None:
    scenario = next(one for one in SCENARIOS if one.path.stem == "14-entity-unknown")
    data = json.loads(json.dumps(as_data(scenario.examined(company), "company demo-company (demo)")))
    assert list(data) == ["format", "target", "healthy", "stopped_at", "transactions", "findings"]
    assert (data["format"], data["healthy"], data["stopped_at"]) == (1, False, "entity")
    wanted = [
        "step",
        "title",
        "status",
        "id",
        "observed",
        "means",
        "fix",
        "menu",
        "who",
        "tag",
        "source",
        "causes",
        "objects",
        "support_id",
    ]
    assert all(list(finding) == wanted for finding in data["findings"])
    (found,) = (finding for finding in data["findings"] if finding["status"] == "failure")
    assert list(found["causes"][0]) == ["id", "cause", "fix", "menu", "who", "tag"]


def test_the_letter_requests_only_the_jobs_permissions(company: Emulator) -> None:
    scenario = next(one for one in SCENARIOS if one.path.stem == "10b-cannot-create")
    job = Job(("GLDETAIL", "APBILLITEM"), ("VENDOR", "ARINVOICE"))
    findings = scenario.examined(company).findings
    whole = letter(examined_checklist(demo_connection(), job, findings, datetime(2026, 11, 24)), findings)
    text = " ".join(whole.split())
    assert "General Ledger > Journal entries: List, View (for GLDETAIL; the name on the screen may differ)" in text
    assert "Accounts Payable > Bills: List, View (for APBILLITEM; the name on the screen may differ)" in text
    assert "Accounts Payable > Vendors: List, View, Add, Edit, Delete (for VENDOR; the name on the screen" in text
    assert "ARINVOICE by create_invoice" in text
    assert "Platform Services > Custom reports: View (for AUDITHISTORY)" in text
    assert "GLACCOUNT" not in text
    assert "Add the permission for GLBATCH" in text
    assert "demo-sender-password" not in text
    assert text.index("Company > Admin > Subscriptions Web Services: on") < text.index("authorizations > Add Sender ID")
    assert "Our integration reads GLDETAIL and APBILLITEM and writes VENDOR and ARINVOICE in Sage Intacct" in text


def test_the_text_shows_the_failure_and_its_fix(company: Emulator) -> None:
    scenario = next(one for one in SCENARIOS if one.path.stem == "02-sender-not-authorised")
    lines = render(scenario.examined(company), Output()).splitlines()
    assert [line[0] for line in lines[:4]] == ["✓", "✓", "✗", " "]
    assert "Web Services authorizations ▸ Add; who: company administrator" in "\n".join(lines)
    assert lines[-1] == "1 failure; stopped at Sender authorisation; 0 API transactions"


def test_another_connection_with_another_environment_for_the_company_is_reported(company: Emulator) -> None:
    emulator = company.clone()
    siblings = [
        ListedConnection("live", "intacct.toml", company_id="DEMO-COMPANY"),
        ListedConnection("demo", "x", company_id="other"),
    ]
    with client_of(emulator) as client:
        examination = Examination(
            demo_connection(),
            lambda connection: client_of(emulator, connection),
            now=lambda: client.company_time,
            siblings=siblings,
        )
        report = examination.report(examination.run())
    emulator.close()
    assert [(one.step, one.id) for one in report.problems] == [("environment", "environment-mismatch")]
    assert report.problems[0].observed == "demo-company is demo here, but production in the connection live"


class Granting:
    """The company with readable permissions, which records its writing functions."""

    def __init__(self, company: Emulator, rights: str) -> None:
        self.company = company
        self.rights = rights
        self.written: list[str] = []

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        request = decode_request(body)
        names = [function.name for function in request.operations[0].functions]
        self.written += [name for name in names if name in ("create", "update", "delete")]
        reply = self.company(endpoint, body)
        if names != ["getUserPermissions"]:
            return reply
        response = decode_response(reply.body)
        (result,) = response.operations[0].results
        policy = element("policy", element("policyName", "Vendors"), element("rights", self.rights))
        application = element(
            "appSubscription", element("applicationName", "Accounts Payable"), element("policies", policy)
        )
        data = element("data", element("permissions", application))  # shape: gateway.md §2.7
        operation = replace(response.operations[0], results=(replace(result, status="success", data=data),))
        return Reply(200, encode_response(replace(response, operations=(operation,))), reply.headers)


@pytest.mark.parametrize(
    ("rights", "written"),
    [
        ("List|View|Add|Edit|Delete", []),
        ("List|View|Add|Edit", ["delete"]),
        ("List|View", ["update", "delete", "create", "delete"]),
    ],
)
def test_rights_that_can_be_read_are_not_tried(rights: str, written: list[str], company: Emulator) -> None:
    emulator = company.clone()
    gateway = Granting(emulator, rights)
    report = examined(gateway, writes=["VENDOR"])  # type: ignore[arg-type]  # another transport
    emulator.close()
    assert report.healthy, render(report)
    assert gateway.written == written


@pytest.mark.parametrize(
    ("streams", "writes", "more"),
    [(("GLDETAIL", "APBILL"), (), {}), (("GLDETAIL",), ("VENDOR", "GLBATCH"), {"FUND": ("list", "view")})],
)
def test_the_role_of_the_letter_is_sufficient(
    streams: tuple[str, ...], writes: tuple[str, ...], more: dict[str, tuple[str, ...]], company: Emulator
) -> None:
    rights: dict[str, Any] = dict(more)
    for name, granted in role_for(Job(streams, writes)):
        rights[name] = (*rights.get(name, ()), *(right.lower() for right in granted))
    settings = EmulatorSettings(companies=(CompanySettings(roles=(RoleSettings(rights=rights),)),))
    emulator = company.clone(settings=settings)
    report = examined(emulator, streams=streams, writes=writes)
    emulator.close()
    assert report.healthy, render(report)
