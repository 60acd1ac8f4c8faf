"""An administrator sets up a company step by step, and the gateway's answer changes with each step."""

from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode, urljoin

import pytest
import urllib3

from intacct_emulator.server.administration import Administration
from intacct_emulator.server.control.operations import ADMINISTRATION, OPERATIONS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import RunningServer, serve
from intacct_emulator.settings.scenarios import find_scenario, load_scenario
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.envelope import Login
from support.emulator.calls import data, faults, one, query, rows, send

PASSWORD = "Initial-password-1"  # of every user whose password comes by mail: docs/emulator.md
USER = Login("ws_bridge", "demo-company", PASSWORD)
VENDORS = query("VENDOR", "VENDORID")
BILL_LINES = query("APBILLITEM", "RECORDNO")


def new_company(path: Path | None = None) -> Emulator:
    return Emulator.empty(path, settings=load_scenario(find_scenario("new-company")))


def refusal(emulator: Emulator) -> str:
    """The text of the gateway's answer to a sign-in; empty if it succeeds."""
    response = send(emulator, "<getAPISession/>", authentication=USER)
    found = [*response.faults, *(fault for one in response.operations for fault in one.faults)]
    return found[0].text if found else ""


def set_up(administration: Administration) -> None:
    sender = administration.license_sender()
    administration.subscribe()
    administration.authorise_sender(sender.sender_id)
    administration.create_role("Bridge")
    administration.create_user("ws_bridge", "owner@example.com")
    administration.assign_role("ws_bridge", "Bridge")


def test_each_step_changes_the_documented_answer() -> None:
    # the texts: Sage's pages on errors and on Web Services authorizations, as protocol tests have them
    emulator = new_company()
    administration = Administration(emulator)
    assert refusal(emulator) == "Incorrect Intacct XML Partner ID or password."
    assert administration.license_sender().sender_id == "demo-sender"
    assert "not authorized for XML transactions. Please subscribe" in refusal(emulator)
    administration.subscribe("web services")
    assert "is not authorized to make Web Services requests to company ID" in refusal(emulator)
    administration.authorise_sender("Demo-Sender")
    assert "'demo-sender' is not authorized" in refusal(emulator)
    administration.authorise_sender("demo-sender", "inactive")
    assert "'demo-sender' is not authorized" in refusal(emulator)
    administration.authorise_sender("demo-sender", "active")
    assert refusal(emulator) == "Sign-in information is incorrect"
    mail = administration.create_user("ws_bridge", "owner@example.com", last_name="Bridge")
    assert (mail.to, mail.password) == ("owner@example.com", PASSWORD)
    assert refusal(emulator) == ""
    assert "permission for API operation QUERY" in faults(emulator, VENDORS, authentication=USER)[0].text
    administration.create_role("Bridge")
    administration.grant("Bridge", "Accounts Payable", "Vendors", ["List", "View"])
    assert "permission for API operation QUERY" in faults(emulator, VENDORS, authentication=USER)[0].text
    administration.assign_role("ws_bridge", "Bridge")
    assert rows(data(emulator, VENDORS, authentication=USER)) == []
    assert faults(emulator, BILL_LINES, authentication=USER)[0].errorno == "PL04000005"
    administration.grant("Bridge", "Accounts Payable", "Bills", ["List", "View"])
    assert one(emulator, BILL_LINES, authentication=USER).status == "success"
    emulator.close()


def test_a_user_sees_the_permissions_of_the_role_by_name() -> None:
    emulator = new_company()
    administration = Administration(emulator)
    set_up(administration)
    administration.grant("Bridge", "Company", "Users", ["View"])
    administration.grant("Bridge", "Accounts Payable", "Bills", ["View", "List", "Add"])
    told = data(emulator, "<getUserPermissions><userId>ws_bridge</userId></getUserPermissions>", authentication=USER)
    held = {
        (one.findtext("applicationName"), policy.findtext("policyName")): policy.findtext("rights")
        for one in told.children[0]
        for policy in one.find("policies") or ()
    }
    assert held["Accounts Payable", "Bills"] == "List|View|Add"
    assert held["Company", "Users"] == "View"
    assert held["General Ledger", "All"] == ""
    emulator.close()


def test_the_view_of_custom_reports_opens_the_audit_history() -> None:
    # Sage: the audit history needs View of custom reports
    emulator = new_company()
    administration = Administration(emulator)
    set_up(administration)
    audit = query("AUDITHISTORY", "ID")
    assert "audit history" in faults(emulator, audit, authentication=USER)[0].text
    administration.grant("Bridge", "Platform Services", "Custom reports", ["View"])
    assert one(emulator, audit, authentication=USER).status == "success"
    administration.grant("Bridge", "Platform Services", "Custom reports", [])
    assert "audit history" in faults(emulator, audit, authentication=USER)[0].text
    emulator.close()


def test_the_set_up_is_kept_with_the_company_and_taken_back_with_it(tmp_path: Path) -> None:
    emulator = new_company(tmp_path / "company.db")
    before = emulator.snapshot()
    set_up(Administration(emulator))
    after = emulator.snapshot()
    emulator.restore(before)
    assert refusal(emulator) == "Incorrect Intacct XML Partner ID or password."
    emulator.restore(after)
    assert refusal(emulator) == ""
    emulator.close()
    again = new_company(tmp_path / "company.db")
    assert refusal(again) == ""
    Administration(again).withdraw_sender("demo-sender")
    assert "not authorized" in refusal(again)
    again.close()


def test_a_subscription_of_an_application_is_turned_off_and_on() -> None:
    emulator = new_company()
    administration = Administration(emulator)
    set_up(administration)
    administration.grant("Bridge", "AP", "All", ["List", "View"])
    assert one(emulator, VENDORS, authentication=USER).status == "success"
    administration.subscribe("Accounts Payable", on=False)
    assert "module is not subscribed" in faults(emulator, VENDORS, authentication=USER)[0].text
    administration.subscribe("AP")
    assert one(emulator, VENDORS, authentication=USER).status == "success"
    emulator.close()


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda one: one.authorise_sender(" "), "The sender ID is empty."),
        (lambda one: one.authorise_sender("x", "open"), "'open' is no status"),
        (lambda one: one.subscribe("Acounts Payable"), "did you mean Accounts Payable"),
        (lambda one: one.create_role(""), "The name of the role is empty."),
        (lambda one: one.create_role("accountant"), "There is a role accountant already."),
        (lambda one: one.grant("Boss", "Company", "Users", ["View"]), "There is no role Boss."),
        (lambda one: one.grant("Accountant", "Company", "Users", ["Look"]), "There is no right Look"),
        (lambda one: one.grant("Accountant", "Company", "User", ["View"]), "Company has no permission User"),
        (lambda one: one.create_user("Admin", "a@example.com"), "already exists"),
        (lambda one: one.assign_role("Admin", "Boss"), "Invalid Role 'Boss'"),
        (lambda one: one.edit_user("nobody", status="active"), "There is no user nobody."),
        (lambda one: one.edit_user("Admin", status="asleep"), "'asleep' is no Status."),
        (lambda one: one.license_sender("demo-sendr"), "did you mean demo-sender"),
    ],
)
def test_a_mistake_is_a_sentence(act: object, says: str) -> None:
    emulator = new_company()
    with pytest.raises(SettingsError) as caught:
        act(Administration(emulator))  # type: ignore[operator]
    assert says in str(caught.value)
    emulator.close()


def test_a_user_is_edited_and_unlocked() -> None:
    emulator = new_company()
    administration = Administration(emulator)
    set_up(administration)
    administration.edit_user("WS_bridge", status="inactive")
    assert refusal(emulator) == "Sign-in information is incorrect"
    administration.edit_user("ws_bridge", status="active")
    for _ in range(5):  # docs/emulator.md: five wrong passwords in a day lock a user out
        send(emulator, "<getAPISession/>", authentication=Login("ws_bridge", "demo-company", "wrong"))
    assert refusal(emulator) == "Sign-in information is incorrect"
    administration.edit_user("ws_bridge", status="active", admin="Full")
    assert refusal(emulator) == ""
    (cells,) = [row for row, _ in administration.users if row["LOGINID"] == "ws_bridge"]
    assert (cells["ADMIN"], cells["USERTYPE"]) == ("Full", "business user")
    emulator.close()


# --- the page


@pytest.fixture
def served() -> Iterator[tuple[Emulator, RunningServer]]:
    emulator = new_company()
    with serve(emulator) as server:
        yield emulator, server
    emulator.close()


def send_form(
    server: RunningServer, fields: Mapping[str, object], place: str = ADMINISTRATION, **headers: str
) -> tuple[int, str]:
    content = {"content-type": "application/x-www-form-urlencoded", **headers}
    body = urlencode({"company": "demo-company", **fields}, doseq=True).encode()
    pool = urllib3.PoolManager(retries=False)
    answer = pool.request("POST", urljoin(server.url, place), body=body, headers=content)
    pool.clear()
    return answer.status, answer.data.decode()


def test_an_administrator_sets_the_company_up_on_the_page(served: tuple[Emulator, RunningServer]) -> None:
    emulator, server = served
    user = {"user_id": "ws_bridge", "email": "owner@example.com", "first_name": "Web", "last_name": "Services"}
    sent: list[dict[str, object]] = [
        {"operation": "issue_licence"},
        {"operation": "subscribe", "application": "Web Services", "subscribed": "yes"},
        {"operation": "authorize_sender", "sender_id": "demo-sender", "status": "active"},
        {"operation": "create_role", "name": "Bridge"},
        {
            "operation": "grant_permission", "role": "Bridge", "permission": "Accounts Payable > Vendors",
            "rights": ["List", "View"],
        },
        {"operation": "create_user", **user, "user_type": "business user", "admin": "false"},
        {"operation": "edit_user", "user_id": "ws_bridge", "user_type": "", "admin": "false", "status": "active"},
        {"operation": "assign_role", "user_id": "ws_bridge", "role": "Bridge"},
    ]  # fmt: skip
    for fields in sent:
        status, page = send_form(server, fields)
        assert status == 200, page
    assert "owner@example.com" in page and PASSWORD in page
    assert rows(data(emulator, VENDORS, authentication=USER)) == []
    assert emulator.incidents == []


def test_a_mistake_on_the_page_is_shown_and_escaped(served: tuple[Emulator, RunningServer]) -> None:
    _, server = served
    assign = {"operation": "assign_role", "role": "x"}
    status, page = send_form(server, {**assign, "user_id": "<script>alert(1)</script>"})
    assert status == 422
    assert "<script>" not in page
    assert "There is no user &lt;script&gt;" in page
    assert send_form(server, {"operation": "nothing"})[0] == 422
    status, page = send_form(server, {"operation": "create_user", "user_id": "ws", "email": ""})
    assert (status, "The form needs email." in page) == (422, True)
    assert send_form(server, {"operation": "subscribe", "application": "x", "company": "nowhere"})[0] == 422


def test_the_page_of_the_emulator_does_what_the_control_api_does(served: tuple[Emulator, RunningServer]) -> None:
    emulator, server = served
    emulator.company().table("VENDOR").insert({"VENDORID": "V-1", "NAME": "Acme", "STATUS": "active"})
    place = "/administration/emulator"
    for fields in (
        {"operation": "take_snapshot", "name": "before"},
        {"operation": "clone_company", "company_id": "demo-company", "body.company_id": "clone", "snapshot": ""},
        {"operation": "set_clock", "moment": "2031-01-01T00:00:00Z"},
        {"operation": "advance_clock", "days": "1", "hours": "2"},
        {"operation": "inject_fault", "kind": "http", "function": "*", "calls": "", "status": "429", "seconds": "1.5"},
        {"operation": "inject_fault", "kind": "slow", "function": "create", "calls": "1, 3", "seconds": "2"},
        {"operation": "close_books", "until": "2030-12-31", "ledger": "AP", "entity": ""},
    ):
        status, page = send_form(server, fields, place)
        assert (status, 'class="message"' in page) == (200, True), page
    assert "2031-01-02 02:00:" in page
    first, second = emulator.fault_plan.script
    assert (first.status, first.calls, second.calls, second.seconds) == (429, (), (1, 3), 2.0)
    assert list(emulator.companies.by_id) == ["demo-company", "clone"]
    status, page = send_form(server, {"operation": "remove_company", "company_id": "clone", "company": "clone"}, place)
    assert (status, "clone</td>" in page) == (200, False)
    assert "Began again" in send_form(server, {"operation": "apply_scenario", "name": "new-company"}, place)[1]
    assert send_form(server, {"operation": "restore_snapshot", "name": "before"}, place)[0] == 200
    assert (emulator.fault_plan.script, emulator.incidents) == ((), [])
    status, page = send_form(server, {"operation": "set_clock", "moment": "soon"}, place)
    assert (status, "Moment cannot be &#39;soon&#39;." in page) == (422, True)


@pytest.mark.parametrize("place", ["/administration", "/administration/emulator"])
def test_a_page_is_complete_and_needs_no_script(place: str, served: tuple[Emulator, RunningServer]) -> None:
    emulator, server = served
    set_up(Administration(emulator))
    pool = urllib3.PoolManager(retries=False)
    answer = pool.request("GET", urljoin(server.url, f"{place}?company=demo-company"))
    page = PageParser()
    page.feed(answer.data.decode())
    assert (answer.status, page.open, "script" in page.tags) == (200, [], False)
    assert page.ids == list(dict.fromkeys(page.ids))
    assert page.labelled == [name for name in page.ids if name in page.labelled]
    assert page.fields <= set(page.labelled)
    assert {form["operation"] for form in page.forms} <= set(OPERATIONS)
    assert pool.request("GET", urljoin(server.url, f"{place}?company=nowhere")).status == 404
    pool.clear()


class PageParser(HTMLParser):
    """What a page is made of: its tags, ids, labels, fields and forms, and the elements that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.open, self.ids, self.labelled = set[str](), list[str](), list[str](), list[str]()
        self.fields, self.forms = set[str](), list[dict[str, str]]()

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in pairs}
        self.tags.add(tag)
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "label" and "for" in attributes:
            self.labelled.append(attributes["for"])
        if tag == "select" or (tag == "input" and attributes.get("type") not in ("hidden", "checkbox")):
            self.fields.add(attributes["id"])
        if tag == "form":
            self.forms.append({})
        if tag == "input" and attributes.get("type") == "hidden":
            self.forms[-1][attributes["name"]] = attributes["value"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "evil.example"}])
def test_other_pages_and_hosts_are_refused(headers: dict[str, str], served: tuple[Emulator, RunningServer]) -> None:
    emulator, server = served
    status, _ = send_form(
        server, {"operation": "subscribe", "application": "Web Services", "subscribed": "yes"}, **headers
    )
    assert status == 403
    assert not emulator.settings.companies[0].web_services


@pytest.mark.parametrize(
    "change",
    [
        lambda administration: administration.create_role("Bridge"),
        lambda administration: administration.create_user("ws_bridge", "owner@example.com"),
        lambda administration: administration.edit_user("demo-user", status="inactive"),
        lambda administration: administration.subscribe("Purchasing", on=False),
    ],
    ids=["role", "user", "edit", "subscription"],
)
def test_a_change_waits_for_the_work_that_is_running_and_outlives_its_failure(
    change: Callable[[Administration], object],
) -> None:
    """Both write to one database: a change inside the work's transaction would be undone with it."""
    emulator = Emulator.empty()
    administration = Administration(emulator)
    before = repr((administration.roles, administration.users, administration.settings.modules))
    other = Thread(target=change, args=(administration,))
    with pytest.raises(ZeroDivisionError), emulator.between_requests():
        other.start()
        other.join(0.2)
        assert other.is_alive()
        raise ZeroDivisionError
    other.join(10)
    assert repr((administration.roles, administration.users, administration.settings.modules)) != before
    emulator.close()
