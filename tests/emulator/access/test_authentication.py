"""Sign-in: accepted credentials, and the level, number and text of each refusal.

Shapes and numbers: Sage's error-handling page, the official SDKs' recorded answers, gateway clients in production.
"""

import pytest

from intacct_protocol.xml.envelope import Login, SessionAuth
from intacct_protocol.xml.xml import parse
from support.emulator.calls import ENDPOINT, data, element, faults, one, query, rows, send
from support.emulator.refusing_companies import Clock, world

SESSION = "<getAPISession></getAPISession>"


def session(emulator: object, function: str = SESSION, **more: object) -> SessionAuth:
    api = data(emulator, function, **more).children[0]  # type: ignore[arg-type]
    return SessionAuth(api.findtext("sessionid"))


@pytest.mark.parametrize(
    ("sender", "password"),
    [("nobody", "x"), ("demo-sender", "Demo-sender-password"), ("Demo-Sender", "demo-sender-password"),
     ("idle-sender", "secret")],
)  # fmt: skip
def test_a_bad_sender_is_refused_at_the_control_level(sender: str, password: str) -> None:
    response = send(world(), SESSION, sender_id=sender, password=password)
    assert response.control.status == "failure"
    assert response.control.sender_id == sender
    assert response.operations == ()
    assert [(one.errorno, one.text) for one in response.faults] == [
        ("XL03000006", "Incorrect Intacct XML Partner ID or password.")
    ]


@pytest.mark.parametrize(
    ("login", "text"),
    [
        (Login("demo-user", "nowhere", "demo-user-password"), "Sign-in information is incorrect"),
        (Login("demo-user", "demo-company", "wrong"), "Sign-in information is incorrect"),
        (Login("who", "demo-company", "demo-user-password"), "Sign-in information is incorrect"),
        (Login("locked", "people-company", "p"), "Sign-in information is incorrect"),
        (Login("demo-user", "demo-company", "demo-user-password", location_id="999"), "Sign-in information is"),
        (Login("local", "people-company", "p", location_id="200"), "Sign-in information is incorrect"),
        (Login("demo-user", "unsubscribed-company", "demo-user-password"), "Please subscribe to the XML Gateway."),
    ],
)
def test_a_bad_login_is_refused_beside_the_authentication(login: Login, text: str) -> None:
    response = send(world(), SESSION, authentication=login)
    assert response.control.status == "success"
    (operation,) = response.operations
    assert (operation.authentication.status, operation.results) == ("failure", ())
    assert operation.authentication.user_id == login.user_id
    assert operation.authentication.session_timeout == ""
    assert text in operation.faults[0].text
    assert operation.faults[0].errorno == "XL03000006"


def test_an_unauthorised_sender_is_named_with_the_company() -> None:
    response = send(world(), SESSION, sender_id="other-sender", password="secret")
    (fault,) = response.operations[0].faults
    assert fault.description == "Invalid Web Services Authorization"
    assert "'other-sender' is not authorized to make Web Services requests to company ID 'demo-company'" in fault.text
    assert "company administrator" in fault.correction


def test_an_expired_demo_company_is_refused_at_the_control_level() -> None:
    response = send(world(), SESSION, authentication=Login("demo-user", "expired-company", "demo-user-password"))
    assert [one.errorno for one in response.faults] == ["PL04000055"]
    assert response.operations == ()


def test_an_unknown_policy_is_refused() -> None:
    response = send(world(), SESSION, policy_id="nightly")
    assert response.faults[0].text == "nightly is not a valid transport policy."


def test_user_ids_and_company_ids_are_not_case_sensitive() -> None:
    login = Login("Demo-User", "Demo-Company", "demo-user-password")
    assert send(world(), SESSION, authentication=login).operations[0].authentication.status == "success"


def test_a_session_is_extended_by_use_and_expires() -> None:
    clock = Clock()
    emulator = world(clock, session_minutes=10)
    signed_in = session(emulator)
    for _ in range(3):
        clock.now += 9 * 60
        operation = send(emulator, "<getFinancialSetup/>", authentication=signed_in).operations[0]
        assert operation.authentication.status == "success"
        assert operation.authentication.session_timeout > operation.authentication.session_timestamp
    clock.now += 11 * 60
    operation = send(emulator, "<getFinancialSetup/>", authentication=signed_in).operations[0]
    assert (operation.authentication.status, operation.authentication.user_id) == ("failure", "")
    assert operation.faults[0].text.startswith("Invalid session")


def test_an_unknown_session_is_refused() -> None:
    operation = send(world(), "<getFinancialSetup/>", authentication=SessionAuth("0" * 48)).operations[0]
    assert operation.faults[0].errorno == "XL03000006"


def test_sessions_move_between_entities_and_back() -> None:
    emulator = world()
    top = session(emulator)
    entity = session(emulator, "<getAPISession><locationid>100</locationid></getAPISession>", authentication=top)
    assert entity != top
    answer = send(emulator, "<getAPISession></getAPISession>", authentication=entity)
    assert answer.operations[0].authentication.location_id == "100"
    api = data(emulator, "<getAPISession><locationid></locationid></getAPISession>", authentication=entity).children[0]
    assert (api.findtext("endpoint"), api.findtext("locationid")) == (ENDPOINT, "")
    wrong = faults(emulator, "<getAPISession><locationid>999</locationid></getAPISession>", authentication=top)
    assert wrong[0].errorno == "Get API Session Failed"


def test_a_user_of_one_entity_has_no_top_level() -> None:
    local = Login("local", "people-company", "p", location_id="100")
    emulator = world()
    inside = session(emulator, authentication=local)
    top = faults(emulator, "<getAPISession><locationid></locationid></getAPISession>", authentication=inside)
    assert top[0].errorno == "Get API Session Failed"
    assert [row.findtext("id") for row in data(emulator, "<readEntityDetails/>", authentication=inside)] == ["100"]


def test_console_logins_slide_in_to_their_client() -> None:
    slid = Login("demo-user", "console|demo-company|100", "demo-user-password")
    signed_in = send(world(), SESSION, authentication=slid).operations[0].authentication
    assert (signed_in.company_id, signed_in.location_id) == ("demo-company", "100")


def test_roles_permit_objects_by_verb() -> None:
    emulator = world()
    reader = Login("reader", "people-company", "p")
    account = element(
        "GLACCOUNT", ACCOUNTNO="1", TITLE="Cash", NORMALBALANCE="debit", CLOSINGTYPE="non-closing account"
    )
    assert one(emulator, f"<create>{account}</create>", authentication=reader).status == "success"
    department = element("DEPARTMENT", DEPARTMENTID="1", TITLE="One")
    refused = faults(emulator, f"<create>{department}</create>", authentication=reader)
    assert [(fault.errorno, fault.text) for fault in refused] == [
        ("PL04000005", "You do not have permission for API operation CREATE on objects of type department")
    ]
    assert "module is not subscribed" in faults(emulator, query("VENDOR", "RECORDNO"), authentication=reader)[0].text
    (audit,) = faults(emulator, query("AUDITHISTORY", "ID"), authentication=reader)
    assert audit.errorno == ""
    assert "do not have permission to view audit history" in audit.text
    assert one(emulator, "<lookup><object>VENDOR</object></lookup>", authentication=reader).status == "success"


def test_dates_and_times_have_the_users_formatting() -> None:
    emulator = world()
    table = emulator.company("people-company").table("GLACCOUNT")
    table.insert({"ACCOUNTNO": "1", "WHENMODIFIED": "01/31/2026 23:30:00"})
    german = Login("german", "people-company", "p")
    asked = "<readUserFormatting><userId>german</userId></readUserFormatting>"
    (told,) = data(emulator, asked, authentication=german)
    assert (told.findtext("dateformat"), told.findtext("gmtoffset"), told.findtext("clock")) == (".dmY", "+01:00", "24")
    page = data(emulator, query("GLACCOUNT", "ACCOUNTNO WHENMODIFIED"), authentication=german)
    assert rows(page) == [{"ACCOUNTNO": "1", "WHENMODIFIED": "01.02.2026 00:30:00"}]


@pytest.mark.parametrize(("filter_times", "found"), [("utc", "1"), ("user", "0")])
def test_the_time_zone_of_filters_is_a_setting(filter_times: str, found: str) -> None:
    emulator = world(filter_times=filter_times)
    emulator.company("people-company").table("GLACCOUNT").insert({"WHENMODIFIED": "01/31/2026 23:30:00"})
    where = "<equalto><field>WHENMODIFIED</field><value>01/31/2026 23:30:00</value></equalto>"
    page = data(emulator, query("GLACCOUNT", "RECORDNO", where), authentication=Login("german", "people-company", "p"))
    assert page.get("totalcount") == found


def test_every_success_says_when_the_session_ends() -> None:
    # shape: DOC web-services/requests, the authentication block
    body = world()(ENDPOINT, _request())
    block = parse(body.body).findall("operation")[0].findall("authentication")[0]
    assert [child.tag for child in block] == [
        "status", "userid", "companyid", "locationid", "sessiontimestamp", "sessiontimeout",
    ]  # fmt: skip
    assert block.findtext("sessiontimeout").endswith("+00:00")


def _request() -> bytes:
    return (
        b'<?xml version="1.0" encoding="utf-8"?><request><control><senderid>demo-sender</senderid>'
        b"<password>demo-sender-password</password><controlid>2026-11-21 03:59:16.751564</controlid>"
        b"<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control>"
        b"<operation><authentication><login><userid>demo-user</userid><companyid>demo-company</companyid>"
        b"<password>demo-user-password</password></login></authentication><content><function controlid='a'>"
        b"<getAPISession></getAPISession></function></content></operation></request>"
    )
