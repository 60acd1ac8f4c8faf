"""The message and the exit status of each error, as the documentation lists them."""

import io
import json
import sqlite3

import pytest

from intacct_bridge.apps.terminal.failures import report
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.exit_statuses import INTERNAL_ERROR
from intacct_protocol.diagnosis import as_error
from intacct_protocol.errors import (
    Fault,
    InDoubtError,
    InvalidRequestError,
    NotPermittedError,
    RecordError,
    RemoteProtocolError,
    SettingsError,
    SignInError,
    ThrottledError,
    TransientError,
)


def said(error: BaseException, **how: object) -> tuple[int, list[str]]:
    err = io.StringIO()
    console = Output(out=io.StringIO(), err=err)
    for name, value in how.items():
        setattr(console, name, value)
    return report(error, console, target="company acme (production)"), err.getvalue().splitlines()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RecordError("one record"), 1),
        (SettingsError("no such file"), 2),
        (InvalidRequestError("no such field"), 2),
        (OSError(28, "No space left on device", "bills.plan"), 2),
        (sqlite3.OperationalError("database or disk is full"), 2),
        (FileNotFoundError(2, "No such file or directory", "payroll.csv"), 2),
        (InvalidRequestError("no such object", by_gateway=True), 3),
        (SignInError("wrong password"), 3),
        (NotPermittedError("no right"), 3),
        (TransientError("down"), 4),
        (ThrottledError("slow down"), 4),
        (RemoteProtocolError("not XML"), 4),
        (InDoubtError("no answer"), 5),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("division by zero"), INTERNAL_ERROR),
    ],
)
def test_the_exit_status_says_what_to_do_next(error: BaseException, status: int) -> None:
    found, lines = said(error)
    assert found == status
    assert lines
    assert not any("Traceback" in line for line in lines)


def test_a_refusal_has_four_lines() -> None:
    fault = Fault(
        "XL03000006",
        "Invalid Web Services Authorization",
        "The sender ID 'acme' is not authorized to make Web Services requests to company ID 'acme-prod'.",
        support_id="Hlaz~Wa",
    )
    status, lines = said(as_error((fault,), "authentication", function="getAPISession"))
    assert status == 3
    assert [line.split()[0] for line in lines] == ["error", "where", "why", "fix"]
    assert "acme-prod" in lines[0]
    assert "function getAPISession, company acme (production), support id Hlaz~Wa" in lines[1]
    assert "case-sensitive" in lines[2]
    assert "Web Services authorizations" in lines[3]
    assert "company administrator" in lines[3]


def test_json_holds_the_same_lines_and_what_a_program_decides_by() -> None:
    _, lines = said(SettingsError("intacct.toml is not valid TOML", fix="Correct line 3."), as_json=True)
    assert json.loads(lines[0]) == {
        "error": {
            "error": "intacct.toml is not valid TOML",
            "fix": "Correct line 3.",
            "code": "",
            "class": "SettingsError",
            "exit_status": 2,
            "id": "",
        },
    }


def test_json_holds_the_gateways_code_and_the_entry_of_the_catalogue() -> None:
    fault = Fault("XL03000006", description2="Sign-in information is incorrect")
    _, lines = said(as_error((fault,), "authentication"), as_json=True)
    told = json.loads(lines[0])["error"]
    assert told["code"] == "XL03000006"
    assert (told["class"], told["exit_status"]) == ("SignInError", 3)
    assert told["id"], "the error catalogue has an entry for it"


def test_the_traceback_of_a_bug_needs_v() -> None:
    try:
        raise ZeroDivisionError("oops")
    except ZeroDivisionError as error:
        assert not any("Traceback" in line for line in said(error)[1])
        assert any("Traceback" in line for line in said(error, verbose=1)[1])


def test_an_os_error_names_its_file() -> None:
    _, lines = said(PermissionError(13, "Permission denied", "/books/june.csv"))
    assert "/books/june.csv: Permission denied" in lines[0]


@pytest.mark.parametrize(("module", "extra"), [("pyarrow.compute", "data"), ("duckdb", "data"), ("openpyxl", "excel")])
def test_a_missing_optional_package_names_its_extra(module: str, extra: str) -> None:
    status, lines = said(ModuleNotFoundError(f"No module named {module!r}", name=module))
    assert status == 2
    assert f"The package {module.partition('.')[0]} is not installed." in lines[0]
    assert f"intacct-bridge[{extra}]" in lines[1]


def test_an_unknown_missing_module_is_a_bug() -> None:
    assert (
        said(ModuleNotFoundError("No module named 'intacct_bridge.nope'", name="intacct_bridge.nope"))[0]
        == INTERNAL_ERROR
    )


def test_a_setting_is_named_as_this_user_gives_it() -> None:
    error = SettingsError(
        "`draft` is not supported",
        fix='Set `date_order = "dmy"`, leave out `draft`, use `full = true` or raise `batch_size`.',
        setting="draft",
    )
    options = {"date_order": "--date-order", "draft": "--draft", "full": "--full"}
    assert said(error, options=options)[1] == [
        "error  --draft is not supported",
        "  fix  Set --date-order dmy, leave out --draft, use --full or raise `batch_size`.",
    ]
    assert said(error)[1][0] == "error  `draft` is not supported"
    assert error.setting == "draft"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk is full")])
def test_a_full_disk_is_no_bug_and_has_its_fix(error: Exception) -> None:
    _, lines = said(error)
    assert "bug" not in " ".join(lines) and "disk space" in " ".join(lines)


@pytest.mark.parametrize(
    ("fix", "shown"),
    [
        ("put text in quotes: 'Posted'", "Put text in quotes: 'Posted'"),
        ("tables: company, faults", "Tables: company, faults"),
        ("Use a connection to it.", "Use a connection to it."),
        ("intacct outbox settle", "intacct outbox settle"),
        ("pip install 'intacct-bridge[excel]'", "pip install 'intacct-bridge[excel]'"),
        ("user_id is missing", "user_id is missing"),
        ("payroll.csv defines it", "payroll.csv defines it"),
    ],
)
def test_a_fix_begins_with_a_capital_unless_it_begins_with_a_command_or_a_name(fix: str, shown: str) -> None:
    _, lines = said(SettingsError("it is wrong", fix=fix))
    assert lines[-1] == f"  fix  {shown}"
