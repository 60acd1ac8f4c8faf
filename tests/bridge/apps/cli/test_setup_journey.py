"""A developer and an administrator go through the assistant on a company in which nothing is set up.

The developer runs `intacct setup`; the administrator does one step after another. Each step is ticked when it is done,
and no other. The end is a connection that reads a record.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_emulator.server.administration import Administration
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.scenarios import find_scenario, load_scenario
from support.apps.command_line import Intacct

LEFT_TO_THE_END = {"testers", "production"}
ROLE = "Intacct Bridge"
PASSWORD = "Initial-password-1"  # the mail's: docs/emulator.md
SENDER_PASSWORD = "demo-sender-password"


class Setting:
    """The company, its administrator, and the developer's machine."""

    def __init__(self, emulator: Emulator, url: str, intacct: Intacct) -> None:
        self.emulator = emulator
        self.administration = Administration(emulator)
        self.url = url
        self._intacct = intacct
        self.environ = {"INTACCT_CONNECTION": "books"}
        self.environment = "implementation"
        self.connect(sender_id="demo-sender", sender_password=SENDER_PASSWORD, user_id="ws_bridge")

    def connect(self, **settings: str) -> None:
        known = {"endpoint": self.url, "company_id": "demo-company", "environment": self.environment, **settings}
        lines = "".join(f'{name} = "{value}"\n' for name, value in known.items())
        Path("intacct.toml").write_text(f"[connections.books]\n{lines}")

    def setup(self, *words: str) -> dict[str, object]:
        ran = self._intacct("setup", "--json", *words, **self.environ)
        assert ran.status in (0, 1), ran.err
        assert PASSWORD not in ran.out + ran.err and SENDER_PASSWORD not in ran.out + ran.err
        found: dict[str, object] = json.loads(ran.out) | {"status": ran.status}
        return found

    def done(self, *words: str) -> set[str]:
        return {one["id"] for one in self.setup(*words)["steps"] if one["state"] == "done"}  # type: ignore[attr-defined]

    def step(self, name: str, *words: str) -> dict[str, object]:
        return next(one for one in self.setup(*words)["steps"] if one["id"] == name)  # type: ignore[attr-defined]


@pytest.fixture
def setting(intacct: Intacct) -> Iterator[Setting]:
    emulator = Emulator.empty(settings=load_scenario(find_scenario("new-company")))
    emulator.company().table("VENDOR").insert({"VENDORID": "V-1", "NAME": "Acme", "STATUS": "active"})
    with serve(emulator) as server:
        yield Setting(emulator, server.url, intacct)
    assert emulator.incidents == []
    emulator.close()


def test_each_step_is_ticked_when_it_is_done(setting: Setting, intacct: Intacct) -> None:
    administration = setting.administration
    plan = ("--read", "VENDOR", "--write", "APBILL", "--email", "dev@example.com")
    assert setting.done(*plan) == set()
    administration.license_sender()
    assert setting.done() == {"sender"}
    administration.subscribe()
    assert setting.done() == {"sender", "subscription"}
    administration.authorise_sender("Demo-Sender")
    assert setting.done() == {"sender", "subscription"}
    administration.authorise_sender("demo-sender")
    before_the_user = {"sender", "subscription", "authorised"}
    assert setting.done() == before_the_user
    administration.create_role(ROLE)
    assert setting.done() == before_the_user
    mail = administration.create_user("ws_bridge", "dev@example.com", last_name="Bridge", admin="Full")
    assert setting.done() == before_the_user
    setting.environ["INTACCT_USER_PASSWORD"] = mail.password
    signed_in = before_the_user | {"user", "company", "preferences"}
    assert setting.done() == signed_in
    assert "No object can be read" in str(setting.step("assign")["observed"])
    administration.grant(ROLE, "Accounts Payable", "Vendors", ["List", "View"])
    assert setting.done() == signed_in
    administration.assign_role("ws_bridge", ROLE)
    assert setting.done() == signed_in | {"assign", "connect"}
    assert "not have permission" in str(setting.step("role")["observed"])
    for step in (one for one in setting.setup()["steps"] if one["id"] == "role"):  # type: ignore[attr-defined]
        for one in step["permissions"]:
            administration.grant(ROLE, one["application"], one["permission"], one["rights"])
    everything = {one["id"] for one in setting.setup()["steps"]} - LEFT_TO_THE_END  # type: ignore[attr-defined]
    assert setting.done() == everything
    assert setting.setup()["ready"] is True
    assert setting.setup()["status"] == 0
    read = intacct("query", "VENDOR", "--select", "VENDORID", "--format", "csv", **setting.environ)
    assert read.out.split() == ["VENDORID", "V-1"]


def test_the_role_of_the_checklist_is_enough_and_no_right_of_it_is_superfluous(setting: Setting) -> None:
    administration = setting.administration
    setting.setup("--read", "GLDETAIL", "--write", "VENDOR")
    grants = [(one["application"], one["permission"], one["rights"]) for one in setting.step("role")["permissions"]]  # type: ignore[attr-defined]
    # by hand: List and View to read, Add, Edit and Delete to write, View of custom reports for deletes (connect.md)
    assert grants == [
        ("Accounts Payable", "Vendors", ["List", "View", "Add", "Edit", "Delete"]),
        ("General Ledger", "Journal entries", ["List", "View"]),
        ("Platform Services", "Custom reports", ["View"]),
    ]
    administration.license_sender()
    administration.subscribe()
    administration.authorise_sender("demo-sender")
    administration.create_role(ROLE)
    setting.environ["INTACCT_USER_PASSWORD"] = administration.create_user("ws_bridge", "dev@example.com").password
    administration.assign_role("ws_bridge", ROLE)
    for application, permission, rights in grants:
        administration.grant(ROLE, application, permission, rights)
    assert setting.step("role")["state"] == "done"
    for application, permission, rights in grants:
        administration.grant(ROLE, application, permission, [])
        assert setting.step("role")["state"] != "done", permission
        administration.grant(ROLE, application, permission, rights)


def test_an_inferred_tick_goes_when_the_step_is_missing_again(setting: Setting) -> None:
    administration = setting.administration
    administration.license_sender()
    setting.setup("--read", "VENDOR")
    administration.subscribe()
    one = setting.step("subscription")
    assert (one["state"], one["inferred"]) == ("done", True)
    administration.authorise_sender("demo-sender")
    assert setting.step("authorised")["state"] == "done"
    administration.withdraw_sender("demo-sender")
    assert setting.step("authorised")["state"] == "missing"
    assert setting.step("subscription")["state"] == "unknown"


def test_what_was_seen_of_another_company_or_sender_does_not_count(setting: Setting) -> None:
    setting.administration.license_sender()
    setting.administration.subscribe()
    setting.setup("--read", "VENDOR")
    assert "sender" in setting.done("--no-check")
    setting.connect(sender_id="other-sender", sender_password="x", user_id="ws_bridge")
    assert setting.done("--no-check") == set()


def test_the_check_before_the_user_exists_locks_nobody_out(setting: Setting) -> None:
    setting.administration.license_sender()
    setting.administration.subscribe()
    setting.administration.authorise_sender("demo-sender")
    setting.administration.create_user("ws_bridge", "dev@example.com")
    for _ in range(8):  # five wrong passwords lock a user out: docs/emulator.md
        setting.setup("--read", "VENDOR")
    setting.environ["INTACCT_USER_PASSWORD"] = PASSWORD
    assert setting.step("user")["state"] == "done"
    asked = {one.company for one in setting.emulator.received}
    assert asked <= {"demo-company", ""}


def test_a_step_that_no_check_sees_is_ticked_by_hand_and_a_missing_one_is_not(setting: Setting) -> None:
    setting.administration.license_sender()
    assert setting.step("testers", "--read", "VENDOR")["state"] == "unknown"
    ticked = setting.step("testers", "--done", "9", "--done", "subscription")
    assert (ticked["state"], ticked["by_hand"]) == ("done", True)
    one = setting.step("subscription")  # Intacct says that it is missing
    assert (one["state"], one["by_hand"]) == ("missing", False)
    assert setting.step("testers", "--undone", "testers")["state"] == "unknown"


def test_a_refused_sign_in_does_not_say_which_part_is_wrong(setting: Setting) -> None:
    administration = setting.administration
    administration.license_sender()
    administration.subscribe()
    administration.authorise_sender("demo-sender")
    setting.environ["INTACCT_USER_PASSWORD"] = "wrong"
    found = {one["id"]: one for one in setting.setup("--read", "VENDOR")["steps"]}  # type: ignore[attr-defined]
    assert (found["user"]["state"], found["company"]["state"]) == ("unknown", "unknown")
    assert "does not say whether" in found["user"]["observed"]
    assert found["connect"]["state"] == "missing"
    assert found["sender"]["state"] == "done"


def test_production_is_done_with_its_own_connection(intacct: Intacct) -> None:
    given = load_scenario(find_scenario("new-company"))
    emulator = Emulator.empty(settings=replace(given, companies=(replace(given.companies[0], company_id="acme"),)))
    administration = Administration(emulator)
    administration.license_sender()
    administration.subscribe()
    administration.authorise_sender("demo-sender")
    administration.create_role(ROLE)
    administration.grant(ROLE, "Accounts Payable", "Vendors", ["List", "View"])
    administration.create_user("ws_bridge", "dev@example.com")
    administration.assign_role("ws_bridge", ROLE)
    emulator.add_company("acme-imp")  # a sandbox is a copy of the company
    common = f'sender_id = "demo-sender"\nsender_password = "{SENDER_PASSWORD}"\nuser_id = "ws_bridge"\n'
    with serve(emulator) as server:
        common += f'user_password = "{PASSWORD}"\nendpoint = "{server.url}"\n'

        def state(connection: str) -> tuple[str, str]:
            ran = intacct("setup", "--connection", connection, "--read", "VENDOR", "--json")
            found = {one["id"]: one for one in json.loads(ran.out)["steps"]}
            return found["role"]["state"], found["production"]["state"]

        first = f'[connections.imp]\ncompany_id = "acme-imp"\nenvironment = "implementation"\n{common}'
        Path("intacct.toml").write_text(first)
        assert state("imp") == ("missing", "missing")
        Path("intacct.toml").write_text(f'{first}[connections.live]\ncompany_id = "acme"\n{common}')
        assert state("imp") == ("missing", "unknown")
        assert state("live") == ("missing", "unknown")
        administration.grant(ROLE, "Platform Services", "Custom reports", ["View"])
        intacct("setup", "--connection", "live", "--done", "testers", "--no-check")
        assert state("live") == ("done", "done")
        assert state("imp") == ("missing", "done")
    emulator.close()


def test_a_production_company_with_the_name_of_a_test_company_is_not_done(setting: Setting) -> None:
    administration = setting.administration
    administration.license_sender()
    administration.subscribe()
    administration.authorise_sender("demo-sender")
    administration.create_user("ws_bridge", "dev@example.com")
    setting.environ["INTACCT_USER_PASSWORD"] = PASSWORD
    setting.environment = "production"
    setting.connect(sender_id="demo-sender", sender_password=SENDER_PASSWORD, user_id="ws_bridge")
    seen = setting.step("company", "--read", "VENDOR")
    assert (seen["state"], "looks like a test company" in str(seen["observed"])) == ("missing", True)


def test_over_document_type_2_1_objects_that_may_not_be_listed_leave_the_steps_open(setting: Setting) -> None:
    administration = setting.administration
    administration.license_sender()
    administration.subscribe()
    administration.authorise_sender("demo-sender")
    administration.create_user("ws_bridge", "dev@example.com")
    setting.environ["INTACCT_USER_PASSWORD"] = PASSWORD
    setting.connect(sender_id="demo-sender", sender_password=SENDER_PASSWORD, user_id="ws_bridge", dtd_version="2.1")
    found = {one["id"]: one for one in setting.setup("--read", "VENDOR")["steps"]}  # type: ignore[attr-defined]
    assert found["user"]["state"] == "done"
    assert (found["connect"]["state"], found["connect"]["observed"]) == ("missing", "cannot read VENDOR")
    for step in ("role", "assign"):
        assert (found[step]["state"], "You do not have permission" in found[step]["observed"]) == ("unknown", True)
    assert setting.step("role", "--done", "role")["by_hand"] is True


def test_a_shared_sender_is_checked_before_there_is_a_connection(setting: Setting) -> None:
    Path("intacct.toml").write_text(
        f'[senders.ours]\nsender_id = "demo-sender"\nsender_password = "{SENDER_PASSWORD}"\n'
    )
    values = ("--company-id", "demo-company", "--endpoint", setting.url, "--sender", "ours", "--environment", "demo")
    found = setting.step("sender", "--read", "VENDOR", *values)
    assert (found["state"], found["fields"][0]["value"]) == ("missing", "demo-sender")  # type: ignore[index]
    setting.administration.license_sender()
    assert setting.done() == {"sender"}
    setting.administration.subscribe()
    setting.administration.authorise_sender("demo-sender")
    assert setting.done() == {"sender", "subscription"}
    kept = "".join(one.read_text() for one in Path("../user").rglob("setup/*.json"))
    assert "ours" in kept and SENDER_PASSWORD not in kept


def test_a_gateway_that_does_not_answer_is_said_and_what_was_seen_stays(intacct: Intacct) -> None:
    emulator = Emulator.empty(settings=load_scenario(find_scenario("new-company")))
    Administration(emulator).license_sender()
    with serve(emulator) as server:
        setting = Setting(emulator, server.url, intacct)
        assert setting.done("--read", "VENDOR") == {"sender"}
    emulator.close()
    ran = intacct("setup", "--json", **setting.environ)
    assert ran.status == 4
    found = json.loads(ran.out)
    assert "The last check ended early. Network and TLS" in found["problem"]
    assert [one["id"] for one in found["steps"] if one["state"] == "done"] == ["sender"]
