"""Users and roles that the API makes can sign in, those that it deactivates cannot, and wrong passwords lock out."""

from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.xml.envelope import Login, SessionAuth
from support.emulator.calls import data, element, faults, one, query, rows, send

INITIAL = "Initial-password-1"
VENDOR = element("VENDOR", VENDORID="V-1", NAME="Acme", DISPLAYCONTACT="<PRINTAS>Acme</PRINTAS>")


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_258_800.0

    def __call__(self) -> float:
        return self.now


def company(clock: Clock | None = None, **behaviour: object) -> Emulator:
    emulator = Emulator.empty(settings=scenario({"behaviour": behaviour}), clock=clock or Clock())
    for entity in ("100", "200"):
        emulator.company().table("LOCATIONENTITY").insert({"LOCATIONID": entity, "NAME": entity, "CURRENCY": "USD"})
    return emulator


def new_user(login: str, **cells: str) -> str:
    # the documented request: Sage, users, create
    contact = "<LASTNAME>Doe</LASTNAME><FIRSTNAME>J</FIRSTNAME><EMAIL1>j.doe@acme.example</EMAIL1>"
    return f"<create>{element('USERINFO', LOGINID=login, CONTACTINFO=contact, **cells)}</create>"


def give_role(login: str, role: str) -> str:
    return f"<create>{element('USERROLES', USERID=login, ROLENAME=role)}</create>"


def login(user: str = "jdoe", password: str = INITIAL, **more: str) -> Login:
    return Login(user, "demo-company", password, **more)


def enters(emulator: Emulator, who: Login) -> bool:
    return send(emulator, "<getAPISession/>", authentication=who).operations[0].authentication.status == "success"


def test_a_user_that_the_api_makes_signs_in_with_the_rights_of_the_role() -> None:
    emulator = company()
    assert not enters(emulator, login())
    assert one(emulator, new_user("jdoe")).status == "success"
    assert enters(emulator, login())
    assert not enters(emulator, login(password="wrong"))
    refused = faults(emulator, query("VENDOR", "VENDORID"), authentication=login())
    assert [(fault.errorno, fault.text) for fault in refused] == [
        ("PL04000005", "You do not have permission for API operation QUERY on objects of type vendor")
    ]
    assert one(emulator, give_role("jdoe", "Payables")).status == "success"
    assert one(emulator, f"<create>{VENDOR}</create>", authentication=login()).status == "success"
    assert rows(data(emulator, query("VENDOR", "VENDORID"), authentication=login())) == [{"VENDORID": "V-1"}]
    assert faults(emulator, query("CUSTOMER", "CUSTOMERID"), authentication=login())[0].errorno == "PL04000005"
    (key,) = (row["RECORDNO"] for row in rows(data(emulator, query("USERROLES", "RECORDNO USERID"))))
    assert one(emulator, f"<delete><object>USERROLES</object><keys>{key}</keys></delete>").status == "success"
    assert faults(emulator, query("VENDOR", "VENDORID"), authentication=login())[0].errorno == "PL04000005"
    emulator.close()


def test_a_role_is_what_its_permissions_say() -> None:
    emulator = company()
    books = emulator.company()
    books.table("ROLES").insert({"RECORDNO": "7", "NAME": "Vendor clerk"})
    permission = {"ROLEKEY": "7", "MODULE": "3.AP", "POLICYNAME": "Vendors", "RIGHTS": "List|View"}
    books.table("ROLEPOLICYASSIGNMENT").insert(permission)
    books.table("ROLEPOLICYASSIGNMENT").insert(
        {"ROLEKEY": "7", "MODULE": "2.GL", "POLICYNAME": "All", "RIGHTS": "List"}
    )
    one(emulator, new_user("jdoe"))
    one(emulator, give_role("jdoe", "Vendor clerk"))
    assert one(emulator, query("VENDOR", "VENDORID"), authentication=login()).status == "success"
    assert one(emulator, query("GLACCOUNT", "ACCOUNTNO"), authentication=login()).status == "success"
    assert faults(emulator, f"<create>{VENDOR}</create>", authentication=login())[0].errorno == "PL04000005"
    assert faults(emulator, query("APBILL", "RECORDNO"), authentication=login())[0].errorno == "PL04000005"
    emulator.close()


def test_a_user_of_the_settings_gets_a_role_in_addition() -> None:
    tree = {
        "company": [{"company_id": "demo-company", "user": [{}, {"user_id": "local", "password": "p", "roles": []}]}]
    }
    emulator = Emulator.empty(settings=scenario(tree))
    local = login("local", "p")
    assert faults(emulator, query("VENDOR", "VENDORID"), authentication=local)[0].errorno == "PL04000005"
    assert one(emulator, give_role("local", "Read only")).status == "success"
    assert one(emulator, query("VENDOR", "VENDORID"), authentication=local).status == "success"
    told = data(emulator, "<getUserPermissions><userId>local</userId></getUserPermissions>")
    assert {one.text for one in told.children[0].children[3].find("policies").children[0].findall("rights")} == {  # type: ignore[union-attr]
        "List|View"
    }
    emulator.close()


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (give_role("nobody", "Payables"), "Invalid User 'nobody' specified."),
        (give_role("demo-user", "Boss"), "Invalid Role 'Boss' specified."),
        (new_user("Demo-User"), "Another User with the given value(s) Demo-User already exists"),
        (new_user("x", USERLOCATIONS="<LOCATIONID>999</LOCATIONID>"), "Invalid Location '999' specified."),
    ],
)
def test_a_wrong_user_or_role_is_refused_by_its_name(made: str, says: str) -> None:
    emulator = company()
    assert faults(emulator, made)[0].text == says
    emulator.close()


@pytest.mark.parametrize("status", ["inactive", "lockedout"])
def test_a_user_that_the_api_deactivates_cannot_sign_in_and_the_session_ends(status: str) -> None:
    emulator = company()
    one(emulator, new_user("jdoe"))
    api = data(emulator, "<getAPISession/>", authentication=login()).children[0]
    session = SessionAuth(api.findtext("sessionid"))
    assert send(emulator, "<readEntityDetails/>", authentication=session).operations[0].results
    change = "<update><USERINFO><LOGINID>jdoe</LOGINID><STATUS>{}</STATUS></USERINFO></update>"
    assert one(emulator, change.format(status)).status == "success"
    assert not enters(emulator, login())
    assert (
        send(emulator, "<readEntityDetails/>", authentication=session).operations[0].faults[0].errorno == "XL03000006"
    )
    assert one(emulator, change.format("active")).status == "success"
    assert enters(emulator, login())
    emulator.close()


def test_a_user_that_the_api_deletes_cannot_sign_in() -> None:
    emulator = company()
    one(emulator, new_user("jdoe"))
    one(emulator, give_role("jdoe", "Payables"))
    (key,) = [number for number, row in emulator.company().table("USERINFO").rows() if row["LOGINID"] == "jdoe"]
    assert one(emulator, f"<delete><object>USERINFO</object><keys>{key}</keys></delete>").status == "success"
    assert not enters(emulator, login())
    assert rows(data(emulator, query("USERROLES", "USERID"))) == []
    emulator.close()


def test_a_user_of_the_settings_can_be_deactivated_for_good(tmp_path: Path) -> None:
    settings = scenario({"company": [{"user": [{}, {"user_id": "other", "password": "p"}]}]})
    for change in ("<update><USERINFO><LOGINID>other</LOGINID><STATUS>inactive</STATUS></USERINFO></update>", "delete"):
        path = tmp_path / f"{len(change)}.db"
        emulator = Emulator.empty(path, settings=settings)
        assert enters(emulator, login("other", "p"))
        number = next(
            number for number, row in emulator.company().table("USERINFO").rows() if row["LOGINID"] == "other"
        )
        deleted = f"<delete><object>USERINFO</object><keys>{number}</keys></delete>"
        assert one(emulator, deleted if change == "delete" else change).status == "success"
        assert not enters(emulator, login("other", "p"))
        emulator.close()
        again = Emulator.empty(path, settings=settings)
        assert not enters(again, login("other", "p")), "the company is stored"
        assert enters(again, login("demo-user", "demo-user-password"))
        again.close()


def test_a_user_with_locations_works_in_them_only() -> None:
    emulator = company()
    one(emulator, new_user("jdoe", USERLOCATIONS="<LOCATIONID>100</LOCATIONID>"))
    signed_in = send(emulator, "<getAPISession/>", authentication=login()).operations[0].authentication
    assert signed_in.location_id == "100"
    assert not enters(emulator, login(location_id="200"))
    change = "<update><USERINFO><LOGINID>jdoe</LOGINID><USERLOCATIONS>{}</USERLOCATIONS></USERINFO></update>"
    one(emulator, change.format("<LOCATIONID>200</LOCATIONID>"))
    assert enters(emulator, login(location_id="200"))
    one(emulator, change.format(""))
    assert send(emulator, "<getAPISession/>", authentication=login()).operations[0].authentication.location_id == ""
    emulator.close()


def test_the_type_of_a_user_limits_what_the_role_permits() -> None:
    emulator = company()
    one(emulator, new_user("jdoe", USERTYPE="view only user"))
    one(emulator, give_role("jdoe", "Administrator"))
    assert one(emulator, query("VENDOR", "VENDORID"), authentication=login()).status == "success"
    assert faults(emulator, f"<create>{VENDOR}</create>", authentication=login())[0].errorno == "PL04000005"
    emulator.close()


def test_wrong_passwords_lock_a_user_out_until_an_administrator_unlocks() -> None:
    # the company's setting of sign-in attempts a day, and the status Lockedout: vendors' help pages
    clock = Clock()
    emulator = company(clock, sign_in_attempts=3)
    one(emulator, new_user("jdoe"))
    for _ in range(2):
        assert not enters(emulator, login(password="wrong"))
    assert enters(emulator, login()), "the right password starts the count again"
    for _ in range(3):
        assert not enters(emulator, login(password="wrong"))
    assert not enters(emulator, login()), "locked out"
    found = {row["LOGINID"]: row["STATUS"] for row in rows(data(emulator, query("USERINFO", "LOGINID STATUS")))}
    assert found == {"demo-user": "active", "jdoe": "lockedout"}
    one(emulator, "<update><USERINFO><LOGINID>jdoe</LOGINID><STATUS>active</STATUS></USERINFO></update>")
    assert enters(emulator, login())
    emulator.close()


def test_the_count_of_wrong_passwords_is_that_of_a_day_and_of_one_user() -> None:
    clock = Clock()
    emulator = company(clock)
    for _ in range(4):
        assert not enters(emulator, login("demo-user", "wrong"))
        assert not enters(emulator, login("nobody", "wrong"))
    clock.now += 86_400
    assert not enters(emulator, login("demo-user", "wrong"))
    assert enters(emulator, login("demo-user", "demo-user-password"))
    emulator.close()


def test_nobody_is_locked_out_where_the_setting_says_so_or_the_company_is_opened_again(tmp_path: Path) -> None:
    emulator = company(sign_in_attempts=0)
    for _ in range(50):
        assert not enters(emulator, login("demo-user", "wrong"))
    assert enters(emulator, login("demo-user", "demo-user-password"))
    emulator.close()
    path = tmp_path / "company.db"
    for _ in range(2):
        stored = Emulator.empty(path)
        assert enters(stored, login("demo-user", "demo-user-password"))
        for _ in range(5):
            enters(stored, login("demo-user", "wrong"))
        assert not enters(stored, login("demo-user", "demo-user-password"))
        stored.close()


def test_a_session_that_is_open_ends_with_the_lock_out() -> None:
    emulator = company()
    api = data(emulator, "<getAPISession/>").children[0]
    for _ in range(5):
        enters(emulator, login("demo-user", "wrong"))
    answer = send(emulator, "<readEntityDetails/>", authentication=SessionAuth(api.findtext("sessionid")))
    assert answer.operations[0].results == ()
    emulator.close()


def test_the_people_of_the_demo_company_have_their_roles(demo: Emulator) -> None:
    clerk = login("ap.clerk")
    assert one(demo, query("VENDOR", "VENDORID"), authentication=clerk).status == "success"
    assert faults(demo, query("CUSTOMER", "CUSTOMERID"), authentication=clerk)[0].errorno == "PL04000005"
    assert not enters(demo, login("auditor")), "inactive"
    assert not enters(demo, login("ceo")), "locked out"


def test_a_user_has_a_new_contact_or_an_existing_one() -> None:
    # The page on users: LASTNAME, FIRSTNAME and EMAIL1 are required for a new contact, CONTACTNAME for an existing one.
    # Its sample names a contact `Smith, John`.
    emulator = company()
    assert one(emulator, new_user("jdoe")).status == "success"
    (contact,) = rows(data(emulator, query("CONTACT", "RECORDNO CONTACTNAME LASTNAME EMAIL1")))
    assert list(contact.values())[1:] == ["Doe, J", "Doe", "j.doe@acme.example"]
    again = element("USERINFO", LOGINID="second", CONTACTINFO="<CONTACTNAME>Doe, J</CONTACTNAME>")
    assert one(emulator, f"<create>{again}</create>").status == "success"
    found = rows(data(emulator, query("USERINFO", "LOGINID CONTACTKEY CONTACTINFO.LASTNAME")))
    assert [list(row.values()) for row in found if row["LOGINID"] != "demo-user"] == [
        ["jdoe", contact["RECORDNO"], "Doe"],
        ["second", contact["RECORDNO"], "Doe"],
    ]
    unknown = element("USERINFO", LOGINID="third", CONTACTINFO="<CONTACTNAME>Nobody</CONTACTNAME>")
    assert "Invalid Contact 'Nobody'" in faults(emulator, f"<create>{unknown}</create>")[0].text
    partly = element("USERINFO", LOGINID="third", CONTACTINFO="<LASTNAME>Doe</LASTNAME>")
    assert "CONTACTINFO.FIRSTNAME" in faults(emulator, f"<create>{partly}</create>")[0].text
    emulator.close()


def test_an_update_without_the_restrictions_of_a_user_deletes_them() -> None:
    # The page on users warns that an update deletes the restrictions that it leaves out.
    emulator = company()
    departments = "<DEPARTMENTID>10</DEPARTMENTID>"
    one(emulator, new_user("jdoe", USERLOCATIONS="<LOCATIONID>100</LOCATIONID>", USERDEPARTMENTS=departments))
    assert not enters(emulator, login(location_id="200"))
    one(emulator, "<update><USERINFO><LOGINID>jdoe</LOGINID><DESCRIPTION>J</DESCRIPTION></USERINFO></update>")
    assert enters(emulator, login(location_id="200"))
    (user,) = data(emulator, "<readByName><object>USERINFO</object><keys>jdoe</keys><fields>*</fields></readByName>")
    assert user.find("USERDEPARTMENTS") is None
    emulator.close()
