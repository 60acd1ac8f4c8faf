"""The credential page: what an administrator sees, and what is kept."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from intacct_bridge.apps.fleet_site import credential_page
from intacct_bridge.apps.fleet_site.credential_check import CHECKS, planned_use
from intacct_bridge.fleet.page_state import TooManyAttemptsError
from intacct_bridge.machine.secret import unwrapped
from intacct_emulator.server.administration import Administration
from support.apps.fleet_site import RunningFleet

GOOD = {"company_id": "demo-company", "user_id": "demo-user", "user_password": "demo-user-password"}
MAILED = "Initial-password-1"  # docs/emulator.md
WRONG = "a-wrong-password"
_numbers = count()


@pytest.fixture
def tenant(served: RunningFleet, gateway: str) -> Iterator[str]:
    """A tenant of its own, which is removed after the test, since a company has one tenant only."""
    name = f"customer-{next(_numbers)}"
    settings = {"sender_id": "demo-sender", "endpoint": gateway, "environment": "demo"}
    flows = {"nightly": {"command": "extract", "streams": ["VENDOR"], "to": "duckdb:///copy.duckdb"}}
    served.fleet.add(name, settings=settings, flows=flows)
    yield name
    served.fleet.remove(name)
    served.app.pages.forget(name)


def secrets_of(served: RunningFleet, tenant: str) -> tuple[str, ...]:
    return served.fleet.secret_names(tenant)


def test_what_works_is_kept_and_the_tenant_can_run(served: RunningFleet, tenant: str) -> None:
    browser = served.administrator()
    page = browser.open(served.link(tenant))
    assert "Connect Sage Intacct to Example Software" in page.text
    page = browser.entered(**GOOD)
    assert "The connection works" in page.text
    assert secrets_of(served, tenant) == ("user_password",)
    settings = served.fleet.tenant(tenant).settings
    assert (settings["company_id"], settings["user_id"]) == ("demo-company", "demo-user")
    assert served.fleet.status_of(tenant).missing == ()
    with served.fleet.client(tenant) as client:
        assert client.sign_in().user_id == "demo-user"


def test_a_wrong_password_is_explained_and_not_kept(served: RunningFleet, tenant: str) -> None:
    browser = served.administrator()
    browser.open(served.link(tenant))
    page = browser.entered(**{**GOOD, "user_password": WRONG})
    assert "Not connected yet" in page.text
    assert "The user's password is wrong or has expired" in page.text
    assert "Reset password" in page.text
    assert 'value="demo-user"' in page.html and WRONG not in page.html
    assert secrets_of(served, tenant) == ()
    assert "company_id" not in served.fleet.tenant(tenant).settings
    assert "The connection works" in browser.entered(**GOOD).text


def test_a_new_password_that_does_not_work_leaves_the_old_one(served: RunningFleet, tenant: str) -> None:
    browser = served.administrator()
    browser.open(served.link(tenant))
    browser.entered(**GOOD)
    page = browser.entered(user_id="demo-user", user_password=WRONG)
    assert "What was entered last was not kept" in page.text
    assert unwrapped(served.fleet.connection(tenant).user_password) == GOOD["user_password"]
    page = browser.again()
    assert "The connection works" in page.text


def test_the_company_stays_once_a_sign_in_has_worked(served: RunningFleet, tenant: str) -> None:
    browser = served.administrator()
    browser.open(served.link(tenant))
    page = browser.entered(**GOOD)
    assert 'name="company_id"' not in page.html
    browser.entered(**{**GOOD, "company_id": "another-company"})
    assert served.fleet.tenant(tenant).settings["company_id"] == "demo-company"


def test_a_company_that_the_vendor_entered_with_a_password_stays(served: RunningFleet, tenant: str) -> None:
    served.fleet.set_credentials(tenant, company_id="another", user_id="u", user_password="p-of-u")
    browser = served.administrator()
    page = browser.open(served.link(tenant))
    assert 'name="company_id"' not in page.html and "another" in page.text
    page = browser.entered(**GOOD)
    assert "What was entered last was not kept" in page.text
    assert unwrapped(served.fleet.connection(tenant).user_password) == "p-of-u"


def test_a_company_that_the_vendor_changes_later_counts(served: RunningFleet, tenant: str) -> None:
    browser = served.administrator()
    browser.open(served.link(tenant))
    browser.entered(**GOOD)
    served.fleet.change(tenant, settings={"company_id": "moved"})
    page = browser.get("/connect")
    assert "of the company moved" in page.text
    browser.entered(**GOOD)
    assert served.fleet.tenant(tenant).settings["company_id"] == "moved"


def test_a_new_tenant_of_an_earlier_name_begins_anew(served: RunningFleet, tenant: str, gateway: str) -> None:
    browser = served.administrator()
    browser.open(served.link(tenant))
    browser.entered(**{**GOOD, "user_password": WRONG})
    served.fleet.remove(tenant)
    served.fleet.add(tenant, settings={"sender_id": "demo-sender", "endpoint": gateway})
    browser = served.administrator()
    page = browser.open(served.link(tenant))
    assert "demo-user" not in page.text and "What the last check found" not in page.text


def test_a_setting_of_the_vendor_that_is_missing_is_not_explained_to_the_administrator(served: RunningFleet) -> None:
    served.fleet.add("unready")
    browser = served.administrator()
    browser.open(served.link("unready"))
    page = browser.entered(**GOOD)
    assert page.status == 422
    assert "The settings of Example Software for this connection are not complete." in page.text
    assert "sender" not in page.text.partition("Steps in Sage Intacct")[0] and "intacct fleet" not in page.text
    served.fleet.remove("unready")


def test_a_company_of_another_tenant_is_not_taken_and_that_tenant_not_named(
    served: RunningFleet, tenant: str, gateway: str
) -> None:
    served.fleet.add("holder-of-it", settings={"company_id": "demo-company", "endpoint": gateway})
    try:
        browser = served.administrator()
        browser.open(served.link(tenant))
        page = browser.entered(**GOOD)
        assert "connected already" in page.text and "Ask Example Software." in page.text
        assert "holder-of-it" not in page.html
        assert secrets_of(served, tenant) == ()
    finally:
        served.fleet.remove("holder-of-it")


def test_three_refused_sign_ins_an_hour_are_the_most(served: RunningFleet, tenant: str, gateway: str) -> None:
    """Whatever links they come through, and with the right password afterwards: Intacct would lock the user out."""
    for number in range(3):
        browser = served.administrator()
        browser.open(served.link(tenant))
        page = browser.entered(**{**GOOD, "user_password": f"{WRONG}-{number}"})
        assert page.status == 200
    browser = served.administrator()
    browser.open(served.link(tenant))
    page = browser.entered(**GOOD)
    assert page.status == 429
    assert "Wait 60 minutes, and try again." in page.text
    assert secrets_of(served, tenant) == ()
    assert browser.again().status == 200  # it signs in as a user that does not exist


def test_checks_are_bounded_too(served: RunningFleet, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = replace(CHECKS, most=2)
    monkeypatch.setattr(credential_page, "CHECKS", fewer)
    browser = served.administrator()
    browser.open(served.link(tenant))
    assert [browser.entered(**GOOD).status for _ in range(3)] == [200, 200, 429]
    with pytest.raises(TooManyAttemptsError):
        served.app.pages.take(tenant, fewer)


def test_the_steps_tick_themselves_as_the_administrator_does_them(
    served: RunningFleet, new_company: tuple[Administration, str]
) -> None:
    administration, endpoint = new_company
    sender = administration.license_sender()
    settings = {"sender_id": sender.sender_id, "endpoint": endpoint, "environment": "implementation"}
    flows = {"nightly": {"command": "extract", "streams": ["VENDOR"], "to": "duckdb:///copy.duckdb"}}
    served.fleet.add("initech", settings=settings, flows=flows, secrets={"sender_password": sender.password})
    company = administration.settings.company_id
    browser = served.administrator()
    browser.open(served.link("initech"))
    entered = {"company_id": company, "user_id": "ws_bridge", "user_password": MAILED}
    page = browser.entered(**entered)
    assert states(page.html)["subscription"] == "missing"
    administration.subscribe()
    page = browser.again()
    assert states(page.html)["authorised"] == "missing"
    assert "Web Services authorizations" in page.text and sender.sender_id in page.text
    administration.authorise_sender(sender.sender_id)
    page = browser.again()
    assert (states(page.html)["subscription"], states(page.html)["authorised"]) == ("done", "done")
    administration.create_user("ws_bridge", "it@initech.example")
    page = browser.entered(**entered)
    assert states(page.html)["user"] == "done" and "The user can sign in" in page.text
    administration.create_role("Intacct Bridge")
    administration.grant("Intacct Bridge", "Accounts Payable", "Vendors", ["List", "View"])
    administration.grant("Intacct Bridge", "Platform Services", "Custom reports", ["View"])
    administration.assign_role("ws_bridge", "Intacct Bridge")
    page = browser.again()
    assert set(states(page.html).values()) == {"done"}, states(page.html)
    assert "The connection works" in page.text
    for secret in (MAILED, sender.password):
        assert secret not in page.html
    with served.fleet.client("initech") as client:
        assert client.sign_in().user_id == "ws_bridge"


def states(html: str) -> dict[str, str]:
    """Each step's state, by its id."""
    found = re.findall(r'<li class="finding (\w+)" id="(\w+)">', html)
    words = {"ok": "done", "failure": "missing", "skipped": "unknown"}
    return {step: words[look] for look, step in found}


def test_the_planned_use_follows_the_flows(served: RunningFleet) -> None:
    flows: dict[str, Any] = {
        "read": {"command": "extract", "streams": ["vendor", "APBILL"], "to": "duckdb:///a.duckdb"},
        "post": {"command": "load", "file": "a.csv", "as": "journal-entries"},
        "bills": {"command": "load", "file": "b.csv", "as": "bills"},
    }
    made = served.fleet.add("use", flows=flows)
    assert planned_use(made) == (("VENDOR", "APBILL"), ("GLBATCH", "APBILL"))
    served.fleet.remove("use")
