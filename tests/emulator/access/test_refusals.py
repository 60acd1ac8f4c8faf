"""Every refusal of a right: set up in a scenario file, raised at its level, with its number and text.

Numbers and texts are the documented or recorded ones; the fidelity table lists those without a source.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.refusals import INVALID_REQUEST
from intacct_emulator.settings.scenarios import load_scenario, scenario
from intacct_protocol.xml.codec import encode_request
from intacct_protocol.xml.envelope import Control, Function, Login, Operation, Request, Response
from intacct_protocol.xml.xml import parse
from support.emulator.calls import ENDPOINT, LOGIN, element, query, send

CONTROL, SIGN_IN, FUNCTION = "control", "sign-in", "function"
INCORRECT = "Sign-in information is incorrect"
PARTNER = "Incorrect Intacct XML Partner ID or password."
READ = query("VENDOR", "RECORDNO")
VENDOR = element("VENDOR", VENDORID="V-1", NAME="Renamed")
_LINE = {"ACCOUNTNO": "60100", "TRX_AMOUNT": "1", "LOCATION": "110", "DEPARTMENT": "100"}
_LINES = element("GLENTRY", TR_TYPE="1", GLDIMFUND="{}", **_LINE) + element("GLENTRY", TR_TYPE="-1", **_LINE)
ENTRY = element("GLBATCH", JOURNAL="GJ", BATCH_DATE="11/15/2026", BATCH_TITLE="T", ENTRIES=_LINES)
MAY = "You do not have permission for API operation"


@dataclass(frozen=True)
class Case:
    scenario: str
    level: str
    errorno: str
    text: str
    call: str = "<getAPISession/>"
    sender: str = "demo-sender"
    login: Login = LOGIN


COMPANY = '[[company]]\ncompany_id = "demo-company"\n'
USER = f"{COMPANY}[[company.user]]\n"
ROLE = f'{COMPANY}[[company.role]]\nname = "administrator"\nrights = '
INSIDE = Login("demo-user", "demo-company", "demo-user-password", location_id="100")
CASES = {
    "a sender that is not active": Case(
        '[[sender]]\nsender_id = "demo-sender"\nactive = false\n', CONTROL, "XL03000006", PARTNER
    ),
    "a sender in another case": Case("", CONTROL, "XL03000006", PARTNER, sender="Demo-Sender"),
    "a wrong sender, told before the application": Case(
        '[behaviour]\nsender_refusal = "gateway"\n', CONTROL, "GW-0011", INVALID_REQUEST, sender="nobody"
    ),
    "a sender that is not authorised": Case(
        f'{COMPANY}senders = ["other"]\n', SIGN_IN, "XL03000006",
        "The sender ID 'demo-sender' is not authorized to make Web Services requests to company ID 'demo-company'.",
    ),
    "a sender authorised in another case": Case(
        f'{COMPANY}senders = ["DEMO-SENDER"]\n', SIGN_IN, "XL03000006",
        "The sender ID 'demo-sender' is not authorized to make Web Services requests to company ID 'demo-company'.",
    ),
    "an authorisation that is not active": Case(
        f'{COMPANY}inactive_senders = ["demo-sender"]\n', SIGN_IN, "XL03000006",
        "The sender ID 'demo-sender' is not authorized to make Web Services requests to company ID 'demo-company'.",
    ),
    "an authorisation that needs a login": Case(
        f'{COMPANY}senders_needing_login = ["demo-sender"]\n', SIGN_IN, "XL03000006",
        "A login is required for this sender: 'demo-sender' needs login for API.",
    ),
    "an expired demo company": Case(
        f"{COMPANY}expired = true\n", CONTROL, "PL04000055", "This company is a demo company and has expired."
    ),
    "no subscription to Web Services": Case(
        f"{COMPANY}web_services = false\n", SIGN_IN, "XL03000006",
        "This company is not authorized for XML transactions. Please subscribe to the XML Gateway.",
    ),
    "a user who is locked out": Case(f'{USER}status = "lockedout"\n', SIGN_IN, "XL03000006", INCORRECT),
    "a user who is inactive": Case(f'{USER}status = "inactive"\n', SIGN_IN, "XL03000006", INCORRECT),
    "an entity that is not there": Case(
        "", SIGN_IN, "XL03000006", INCORRECT, login=Login("demo-user", "demo-company", "demo-user-password", "", "9")
    ),
    "an entity that is closed to the user": Case(
        f'{USER}entities = ["200"]\n', SIGN_IN, "XL03000006", INCORRECT, login=INSIDE
    ),
    "a module that is not subscribed": Case(
        f'{COMPANY}modules = ["GL"]\n', FUNCTION, "PL04000005", "Accounts Payable module is not subscribed", READ
    ),
    "a role without List": Case(
        ROLE + '{ "*" = ["view"] }\n', FUNCTION, "PL04000005", f"{MAY} QUERY on objects of type vendor", READ
    ),
    "a role without Edit": Case(
        ROLE + '{ "*" = ["list", "view"] }\n', FUNCTION, "PL04000005", f"{MAY} UPDATE on objects of type vendor",
        f"<update>{VENDOR}</update>",
    ),
    "a role without Add": Case(
        ROLE + '{ "*" = ["list", "view", "edit"] }\n', FUNCTION, "PL04000005", f"{MAY} CREATE on objects of type class",
        "<create><CLASS><CLASSID>A</CLASSID><NAME>A</NAME></CLASS></create>",
    ),
    "a role without Delete": Case(
        ROLE + '{ "*" = ["list"] }\n', FUNCTION, "PL04000005", f"{MAY} DELETE on objects of type class",
        "<delete><object>CLASS</object><keys>1</keys></delete>",
    ),
    "a user of the wrong type": Case(
        f'{USER}user_type = "employee user"\n', FUNCTION, "PL04000005", f"{MAY} QUERY on objects of type vendor", READ
    ),
    "a user who may only look": Case(
        f'{USER}user_type = "view only user"\n', FUNCTION, "PL04000005", f"{MAY} UPDATE on objects of type vendor",
        f"<update>{VENDOR}</update>",
    ),
    "the audit history without its right": Case(
        f"{USER}audit = false\n", FUNCTION, "",
        "You do not have permission to view audit history. Contact your administrator.", query("AUDITHISTORY", "ID"),
    ),
    "a record of the top level for a restricted user": Case(
        f'{USER}entities = ["100"]\n', FUNCTION, "BL01001973",
        "You cannot update a root level vendor from an entity restricted user with one entity",
        f"<update>{VENDOR}</update>", login=INSIDE,
    ),
    "its deletion": Case(
        f'{USER}entities = ["100"]\n', FUNCTION, "BL01001973",
        "You cannot delete a root level vendor from an entity restricted user with one entity",
        "<delete><object>VENDOR</object><keys>1</keys></delete>", login=INSIDE,
    ),
    "its change by an older function": Case(
        f'{USER}entities = ["100"]\n', FUNCTION, "BL01001973",
        "You cannot update a root level vendor from an entity restricted user with one entity",
        '<update_vendor vendorid="V-1"><name>Renamed</name></update_vendor>', login=INSIDE,
    ),
    "a record of another entity": Case(
        f'{USER}entities = ["100"]\n', FUNCTION, "Cannot update non-existing VENDOR with VENDORID=V-2.",
        "Cannot update non-existing VENDOR with VENDORID=V-2.",
        "<update><VENDOR><VENDORID>V-2</VENDORID></VENDOR></update>", login=INSIDE,
    ),
    "reading a dimension that is inactive": Case(
        f'{COMPANY}inactive_dimensions = ["FUND"]\n', FUNCTION, "PL04000005",
        "The dimension FUND is inactive or you do not have permission", query("FUND", "id"),
    ),
}  # fmt: skip


def refusal_of(response: Response) -> tuple[str, str, str]:
    """Level, number and text of the first refusal."""
    if response.faults:
        return CONTROL, response.faults[0].errorno, response.faults[0].text
    (operation,) = response.operations
    if operation.faults:
        return SIGN_IN, operation.faults[0].errorno, operation.faults[0].text
    fault = operation.results[0].faults[0]
    return FUNCTION, fault.errorno, fault.text


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_scenario_file_causes_a_refusal_at_its_level(tmp_path: Path, grown: Emulator, case: Case) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(case.scenario)
    emulator = grown.clone(settings=load_scenario(path))
    table = emulator.company().table("VENDOR")
    table.insert({"VENDORID": "V-1", "NAME": "Old", "STATUS": "active"})
    table.insert({"VENDORID": "V-2", "NAME": "Other", "STATUS": "active", "MEGAENTITYID": "200"})
    response = send(emulator, case.call, authentication=case.login, sender_id=case.sender)
    assert refusal_of(response) == (case.level, case.errorno, case.text)
    emulator.close()


@pytest.mark.parametrize(
    ("scenario", "fund", "errorno", "text"),
    [
        ("", "10001", "", ""),
        ("", "404", "BL01001973", "Invalid Fund '404' specified."),
        ("", "inactive", "BL01001973", "Fund '{}' is inactive."),
        (
            f'{COMPANY}inactive_dimensions = ["FUND"]\n',
            "10001",
            "PL04000005",
            "The dimension FUND is inactive or you do",
        ),
    ],
)
def test_a_user_defined_dimension_must_exist_and_be_active(
    tmp_path: Path, grown: Emulator, scenario: str, fund: str, errorno: str, text: str
) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(scenario)
    emulator = grown.clone(settings=load_scenario(path))
    if fund == "inactive":
        fund = next(row["id"] for _, row in emulator.company().table("FUND").rows() if row["STATUS"] == "inactive")
    result = send(emulator, f"<create>{ENTRY.format(fund)}</create>").operations[0].results[0]
    assert (result.faults[0].errorno if result.faults else "") == errorno
    assert result.status == ("failure" if errorno else "success")
    assert result.faults == () or result.faults[0].text.startswith(text.format(fund))
    emulator.close()


def test_a_restricted_user_changes_records_of_the_entity_only(tmp_path: Path, grown: Emulator) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(f'{USER}entities = ["100"]\n')
    emulator = grown.clone(settings=load_scenario(path))
    emulator.company().table("VENDOR").insert({"VENDORID": "V-1", "NAME": "Old", "MEGAENTITYID": "100"})
    response = send(emulator, f"<update>{VENDOR}</update>", authentication=INSIDE)
    assert response.operations[0].results[0].status == "success"
    emulator.close()


def test_a_user_of_one_entity_works_in_it(tmp_path: Path, grown: Emulator) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(f'{USER}entities = ["100"]\n')
    emulator = grown.clone(settings=load_scenario(path))
    assert send(emulator, "<readEntityDetails/>").operations[0].authentication.location_id == "100"
    emulator.close()


def test_private_records_are_hidden_or_shown_by_setting(tmp_path: Path, grown: Emulator) -> None:
    asked = query("VENDOR", "RECORDNO", "<equalto><field>VENDORID</field><value>V-1</value></equalto>", "{}")
    options = "<options><showprivate>true</showprivate></options>"
    path = tmp_path / "scenario.toml"
    seen = []
    for behaviour in ("", "hide_private = false\n", "show_private = false\n"):
        path.write_text(f"[behaviour]\n{behaviour}")
        emulator = grown.clone(settings=load_scenario(path))
        emulator.company().table("VENDOR").insert({"VENDORID": "V-1", "NAME": "Own", "MEGAENTITYID": "100"})
        for more in ("", options):
            data = send(emulator, asked.format(more)).operations[0].results[0].data
            seen.append(data is not None and data.get("totalcount") == "1")
        emulator.close()
    assert seen == [False, True, True, True, False, False]


@pytest.mark.parametrize(
    ("setting", "status", "error"),
    [
        # Sage, error handling, example of a gateway error: the description ends in a request id
        (
            "gateway",
            400,
            r"<errorno>GW-0011</errorno><description>Invalid Request \[Request ID: [0-9A-F:_.]+\]</description>",
        ),
        # Sage, issue 145 of intacct-sdk-php: HTTP 401, and this document
        (
            "unauthorized",
            401,
            (
                "<errorno>XMLGW_JPP0002</errorno><description>Sign-in information is incorrect. "
                "Please check your request.</description>"
            ),
        ),
    ],
)
def test_a_refusal_before_the_application_is_short(grown: Emulator, setting: str, status: int, error: str) -> None:
    # a control block with a status only, and an error with a number and a description
    emulator = grown.clone(settings=scenario({"behaviour": {"sender_refusal": setting}}))
    control = Control("nobody", "demo-sender-password")
    call = Function(parse(b"<getAPISession/>"), "f")
    reply = emulator(ENDPOINT, encode_request(Request(control, (Operation(LOGIN, (call,)),))))
    assert reply.status == status
    assert re.fullmatch(
        r'<\?xml version="1.0" encoding="UTF-8"\?><response><control><status>failure</status></control><errormessage>'
        rf"<error>{error}</error></errormessage></response>",
        reply.body.decode(),
    )
    emulator.close()


def test_a_refused_sender_gets_a_support_id(grown: Emulator) -> None:
    # Sage, error handling, example of invalid Web Services credentials: the text ends in a support id
    (fault,) = send(grown, "<getAPISession/>", sender_id="nobody").faults
    assert (fault.description2, bool(fault.support_id)) == (PARTNER, True)
