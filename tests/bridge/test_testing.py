"""`intacct_bridge.testing`, as users' own tests use it."""

import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import intacct_bridge
from intacct_bridge.testing import Company, emulated_company, make_company
from intacct_emulator import Emulator
from intacct_protocol.errors import InvalidRequestError, SettingsError


def test_a_users_program_works_with_a_company_in_memory() -> None:
    with emulated_company() as company:
        client = company.client()
        (outcome,) = client.create("CLASS", [{"CLASSID": "R", "NAME": "Retail"}])
        assert outcome.ok
        assert [row["NAME"] for row in company.client(read_only=True).query("CLASS")] == ["Retail"]
        (sent,) = company.received("create")
        assert sent.children[0].findtext("CLASSID") == "R"
        assert len(company.received()) > 2


def test_received_requests_contain_no_password() -> None:
    with emulated_company() as company:
        company.client().sign_in()
        bodies = b"".join(request.body for request in company.emulator.received)
        assert b"demo-user-password" not in bodies


def test_records_are_seeded_from_rows_json_csv_and_folders(tmp_path: Path) -> None:
    (tmp_path / "VENDOR.csv").write_text("VENDORID,NAME,CREDITLIMIT\nV-1,Acme,100.50\nV-2,Bolt,\n")
    (tmp_path / "more.json").write_text(
        '{"CUSTOMER": [{"CUSTOMERID": "C-1", "NAME": "Cust", "ONHOLD": true}], "CLASS": [{"CLASSID": "R", "NAME": 7}]}'
    )
    with emulated_company() as company:
        company.seed(tmp_path)
        company.seed("APBILL", [{"VENDORID": "V-1", "WHENDUE": date(2026, 11, 30), "TOTALDUE": Decimal("1.10")}])
        client = company.client()
        vendors = list(client.query("VENDOR", "RECORDNO, VENDORID, CREDITLIMIT, WHENMODIFIED"))
        assert [(row["RECORDNO"], row["VENDORID"], row["CREDITLIMIT"]) for row in vendors] == [
            (1, "V-1", Decimal("100.50")),
            (2, "V-2", None),
        ]
        assert all(row["WHENMODIFIED"] for row in vendors)
        (customer,) = client.query("CUSTOMER", "NAME, ONHOLD")
        assert customer == {"NAME": "Cust", "ONHOLD": True}
        (bill,) = client.query("APBILL", "TOTALDUE, WHENDUE, VENDOR.NAME")
        assert bill == {"TOTALDUE": Decimal("1.1"), "WHENDUE": date(2026, 11, 30), "VENDOR.NAME": "Acme"}
        client.create("VENDOR", [{"VENDORID": "V-3", "NAME": "Cog", "DISPLAYCONTACT.PRINTAS": "Cog"}])
        assert [row["RECORDNO"] for row in company.rows("VENDOR")] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("VENDR.csv", "VENDORID\nV\n", "VENDR.csv: there is no object VENDR; did you mean VENDOR"),
        ("VENDOR.csv", "VENDORID,NAM\nV,N\n", "record 1: VENDOR has no field NAM; did you mean NAME"),
        ("APBILL.csv", "WHENDUE\n2026-11-30\nsoon\n", "record 2, field WHENDUE: "),
        ("VENDOR.json", '{"VENDOR": 3}', "VENDOR must be a list of records"),
        ("VENDOR.json", "[{", "cannot read records from"),
    ],
)
def test_errors_in_a_file_of_records_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with emulated_company() as company, pytest.raises(SettingsError, match=re.escape(message)):
        company.seed(tmp_path / name)


def test_a_company_is_reset_with_its_sessions_requests_and_faults() -> None:
    company = make_company()
    for _ in range(3):
        client = company.client()
        assert list(client.query("CLASS", "CLASSID")) == []
        client.create("CLASS", [{"CLASSID": "R", "NAME": "Retail"}])
        assert [row["RECORDNO"] for row in company.rows("CLASS")] == ["1"]
        company.inject("http", status=503, calls=[])
        company.reset()
        assert (company.rows("CLASS"), company.requests, company.emulator.fault_plan.script) == ([], (), ())
    later = company.snapshot()
    company.seed("CLASS", [{"CLASSID": "S", "NAME": "Sale"}])
    company.reset(later)
    assert company.rows("CLASS") == []
    company.close()


def test_a_company_without_a_snapshot_cannot_be_reset() -> None:
    with closing(Company(Emulator.empty())) as company, pytest.raises(SettingsError, match="no snapshot to reset to"):
        company.reset()


SUITE = """
import urllib.request

import pytest


def test_over_http(intacct_gateway):
    assert intacct_gateway.rows("CLASS") == []
    body = (
        "<request><control><senderid>{sender_id}</senderid><password>{sender_password}</password><controlid>c</controlid>"
        "<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control><operation><authentication><login>"
        "<userid>{user_id}</userid><companyid>{company_id}</companyid><password>{user_password}</password></login>"
        "</authentication><content><function controlid='f'><create><CLASS><CLASSID>R</CLASSID><NAME>R</NAME></CLASS>"
        "</create></function></content></operation></request>"
    ).format(**intacct_gateway.credentials)
    with urllib.request.urlopen(urllib.request.Request(intacct_gateway.url, body.encode())) as answer:
        assert b"<status>success</status>" in answer.read()
    assert [row["CLASSID"] for row in intacct_gateway.rows("CLASS")] == ["R"]
    (seen,) = intacct_gateway.requests
    assert seen.functions == ("create",)
    assert b"demo-user-password" not in seen.body and b"<CLASSID>R</CLASSID>" in seen.body


def test_each_test_finds_it_as_it_was(intacct_gateway):
    assert intacct_gateway.rows("CLASS") == []
    assert intacct_gateway.requests == ()


def test_faults(intacct_gateway):
    intacct_gateway.seed("CLASS", [{"CLASSID": "R", "NAME": "R"}])
    intacct_gateway.inject("fault", function="create", calls=2, errorno="BL01001973", text="Not now")
    client = intacct_gateway.client()
    assert [one.ok for one in client.create("CLASS", [{"CLASSID": "S", "NAME": "S"}])] == [True]
    assert [one.ok for one in client.create("CLASS", [{"CLASSID": "T", "NAME": "T"}])] == [False]
    intacct_gateway.calm()
    assert len(intacct_gateway.received("create")) == 2


@pytest.mark.intacct(scenario="not-subscribed")
def test_a_scenario(intacct_gateway):
    with pytest.raises(Exception, match="Web Services"):
        intacct_gateway.client().sign_in()


@pytest.mark.intacct(data="records")
def test_data(intacct_gateway):
    assert [row["NAME"] for row in intacct_gateway.rows("VENDOR")] == ["Acme"]
"""
SLIPS = """
import pytest


@pytest.mark.intacct(compny="demo")
def test_a_misspelt_name(intacct_gateway): ...


@pytest.mark.intacct("demo")
def test_no_name(intacct_gateway): ...
"""


def test_the_pytest_plugin_serves_a_suite_from_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(SUITE)
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "VENDOR.csv").write_text("VENDORID,NAME\nV-1,Acme\n")
    ran = run_suite(tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "5 passed" in ran.stdout


def test_a_mistake_in_the_mark_fails_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(SLIPS)
    output = run_suite(tmp_path).stdout
    assert "the mark intacct takes no 'compny'; did you mean company" in output
    assert "the mark intacct takes names, as in company='demo'" in output
    assert "TypeError" not in output


def test_a_declaration_in_a_test_is_checked_as_a_file_is() -> None:
    with pytest.raises(SettingsError, match=r"company: company 1: unknown setting entitty; did you mean entity\?"):
        make_company(company={"entitty": [{"id": "E1"}]})
    company = make_company(company={"rate": ({"from": "EUR", "to": "USD", "on": {"2026-07-01": 1.1}},)})
    (rate,) = company.rows("EXCHANGERATEENTRY")
    assert rate["EXCHANGE_RATE"] == "1.1"
    company.close()


def test_rows_of_an_unknown_object_name_the_nearest_objects() -> None:
    with emulated_company() as company, pytest.raises(InvalidRequestError, match="did you mean VENDOR"):
        company.rows("VENDR")


def run_suite(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    package = Path(intacct_bridge.__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-W", "error"]
    command += ["-p", "no:cacheprovider", "-p", "intacct_emulator.pytest_plugin", "-p", "intacct_bridge.pytest_plugin"]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
