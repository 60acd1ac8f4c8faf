"""`intacct_emulator.testing` and its pytest fixture, for programs that are not built on the connector."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from intacct_emulator import CREDENTIALS, ScriptedFault
from intacct_emulator.testing import Company, emulated_company, make_company
from intacct_protocol.errors import SettingsError
from support.repository import python_path

REQUEST = (
    "<request><control><senderid>{sender_id}</senderid><password>{sender_password}</password><controlid>c</controlid>"
    "<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control><operation><authentication><login>"
    "<userid>{user_id}</userid><companyid>{company_id}</companyid><password>{user_password}</password></login>"
    "</authentication><content><function controlid='f'><create><CLASS><CLASSID>R</CLASSID><NAME>Retail</NAME></CLASS>"
    "</create></function></content></operation></request>"
)


def create_class(company: Company) -> bytes:
    request = urllib.request.Request(company.url, REQUEST.format(**company.credentials).encode())
    with urllib.request.urlopen(request) as answer:
        read: bytes = answer.read()
    return read


def test_a_company_is_served_to_any_program_and_reset() -> None:
    with emulated_company() as company:
        assert company.credentials == CREDENTIALS
        assert b"<status>success</status>" in create_class(company)
        assert [row["NAME"] for row in company.rows("CLASS")] == ["Retail"]
        (sent,) = company.received("create")
        assert sent.children[0].findtext("CLASSID") == "R"
        assert company.transactions == 1
        company.reset()
        assert (company.rows("CLASS"), company.requests) == ([], ())
        assert b"<status>success</status>" in create_class(company)


def test_a_clone_has_its_own_records_at_the_same_address() -> None:
    with emulated_company(faults=(ScriptedFault("http", company="demo-company", status=503, calls=()),)) as company:
        clone = company.clone("other")
        assert type(clone) is Company
        assert clone.url == company.url
        assert b"<status>success</status>" in create_class(clone)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            create_class(company)
        company.calm()
        assert (len(clone.rows("CLASS")), len(company.rows("CLASS"))) == (1, 0)


def test_the_demo_company_ends_on_its_day() -> None:
    with emulated_company("demo", as_of="2026-10-31", months=3) as company:
        # the entries of the ledger are dated in its months, and none after the last day
        days = {row["BATCH_DATE"] for row in company.rows("GLBATCH") if row.get("MODULE") == "3.AP"}
        assert {day[6:] + day[:2] for day in days} <= {"202608", "202609", "202610", "202611"}


@pytest.mark.parametrize("argument", [{"as_of": "2026-10-31"}, {"months": 3}, {"scale": 2}, {"cash_book": True}])
def test_only_the_demo_company_is_made_of_a_history(argument: dict[str, object]) -> None:
    (name,) = argument
    with pytest.raises(SettingsError, match=f"only the demo company is made with {name}"):
        make_company(**argument)  # type: ignore[arg-type]


SUITE = """
import sys

import pytest


def test_first(intacct_company):
    intacct_company.seed("CLASS", [{"CLASSID": "R", "NAME": "R"}])
    assert [row["CLASSID"] for row in intacct_company.rows("CLASS")] == ["R"]


def test_each_test_finds_it_as_it_was(intacct_company):
    assert intacct_company.rows("CLASS") == []


@pytest.mark.intacct(company="demo", months=3, as_of="2026-10-31")
def test_the_demo_company(intacct_company):
    assert len(intacct_company.rows("VENDOR")) > 10


@pytest.mark.intacct(compny="demo")
def test_a_misspelt_name(intacct_company): ...


def test_the_connector_is_not_imported(intacct_company):
    assert not [name for name in sys.modules if name.startswith("intacct_bridge")]
"""


def test_the_fixture_serves_a_suite_without_the_connector(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(SUITE)
    environment = os.environ | {"PYTHONPATH": python_path(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-W", "error", "-p", "no:cacheprovider"]
    command += ["-p", "intacct_emulator.pytest_plugin"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "4 passed, 1 error" in ran.stdout, ran.stdout + ran.stderr
    assert "the mark intacct takes no 'compny'; did you mean company" in ran.stdout
