"""`intacct doctor` as text, JSON and a letter, and the scenarios of the emulator."""

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_bridge.apps.cli.context import CommandContext
from intacct_emulator.command.serving import cache_folder
from intacct_emulator.command.summary import revalued
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.faults import ScriptedFault
from intacct_emulator.settings.scenarios import find_scenario
from intacct_emulator.subledgers.revaluation.revaluation import RevaluedBalance
from intacct_protocol.errors import SettingsError
from support.apps.command_line import Intacct
from support.demo_company import NOW
from support.setup.scenarios import Scenario, client_of
from support.small_company import little_company

SETTINGS = {
    "INTACCT_COMPANY_ID": "demo-company",
    "INTACCT_USER_ID": "demo-user",
    "INTACCT_USER_PASSWORD": "demo-user-password",
    "INTACCT_SENDER_ID": "demo-sender",
    "INTACCT_SENDER_PASSWORD": "demo-sender-password",
    "INTACCT_ENDPOINT_URL": "http://127.0.0.1/gateway",
    "INTACCT_ENVIRONMENT": "demo",
}


@pytest.fixture(scope="module")
def company() -> Iterator[Emulator]:
    emulator = little_company(lambda: NOW)
    yield emulator
    emulator.close()


def put(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make commands use this gateway from now on."""
    monkeypatch.setattr(CommandContext, "open_client", lambda _, connection: client_of(emulator, connection))


def test_a_healthy_company(demo: Intacct) -> None:
    ran = demo("doctor", "--streams", "GLDETAIL,APBILL", "--writes", "GLBATCH,VENDOR")
    assert ran.status == 0, ran.said
    assert "No problems found" in ran.err
    assert "✗" not in ran.out
    assert "!" not in ran.out
    assert re.search(r"APBILL shows [\d,]+ records of entity 100 at the top level, as in the entity", ran.out)


def test_a_finding_as_text_json_and_letter(
    intacct: Intacct, company: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = next(one for one in Scenario.all() if one.path.stem == "02-sender-not-authorised")
    with scenario.played(company) as emulator:
        put(emulator, monkeypatch)
        said = intacct("doctor", **SETTINGS)
        quiet = intacct("doctor", "-q", **SETTINGS)
        machine = intacct("doctor", "--json", **SETTINGS)
        mail = intacct("doctor", "--letter", "--writes", "APBILL", **SETTINGS)
    assert {said.status, quiet.status, machine.status, mail.status} == {1}
    assert "✓ Sender " in said.out
    assert "1 failure; stopped at Sender authorisation; 0 API transactions" in said.err
    assert quiet.out.startswith("✗ Sender authorisation")
    assert json.loads(machine.out)["stopped_at"] == "authorised"
    assert mail.out.startswith("Subject: Access to Sage Intacct for ")
    assert "Our check today found:\n\n - Sender authorisation: " in mail.out
    assert "Accounts Payable > Bills: List, View, Add, Edit, Delete" in mail.out
    assert "demo-user-password" not in said.said + machine.said + mail.said


def test_a_doctor_that_cannot_start_or_reach_the_gateway(
    intacct: Intacct, company: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert intacct("doctor").status == 2
    assert intacct("doctor", **{**SETTINGS, "INTACCT_ENDPOINT_URL": "https://example.org"}).status == 2
    away = company.clone(faults=(ScriptedFault("http", calls=(), status=503, body="html"),))
    put(away, monkeypatch)
    ran = intacct("doctor", **SETTINGS)
    away.close()
    assert ran.status == 4
    assert "stopped at Network and TLS" in ran.err


def test_a_scenario_is_found_by_name_and_number() -> None:
    wanted = find_scenario("02-sender-not-authorised")
    assert find_scenario("sender-not-authorised") == find_scenario("2") == wanted
    with pytest.raises(SettingsError, match="did you mean sender-not-authorised"):
        find_scenario("sender-not-authorized")


def test_the_scenarios_are_listed(intacct: Intacct) -> None:
    ran = intacct("emulator", "--scenario", "list")
    assert ran.status == 0
    assert "02-sender-not-authorised" in ran.out
    assert intacct("emulator", "--scenario", "nonsense").status == 2


def test_the_cache_of_demo_companies_is_deleted(intacct: Intacct) -> None:
    folder = cache_folder()
    folder.mkdir(parents=True)
    (folder / "company.db").write_bytes(bytes(3 * 2**20))
    ran = intacct("emulator", "--clear-cache")
    assert (ran.status, "Deleted 3 MB" in ran.said) == (0, True), ran.said
    assert not folder.exists()
    assert "is empty" in intacct("emulator", "--clear-cache").said


def test_a_company_that_cannot_be_is_refused(intacct: Intacct, home: Path) -> None:
    wrong = home / "harbour.toml"
    wrong.write_text('[[company]]\nbooks = ["ACCRUAL"]\njournal = [{ symbol = "CDJ", book = "CASH" }]\n')
    ran = intacct("emulator", "--company", str(wrong))
    assert (ran.status, "company.journal (CDJ).book cannot be 'CASH'" in ran.err) == (2, True), ran.said
    assert "Books: ACCRUAL" in ran.err
    ran = intacct("emulator", "--company", "empt")
    assert (ran.status, "did you mean empty?" in ran.err) == (2, True), ran.said
    assert intacct("emulator", "--company", str(home / "none.toml")).status == 2
    ran = intacct("emulator", "--from-copy", f"duckdb:///{home / 'none.duckdb'}")
    assert (ran.status, "there is no file" in ran.err) == (2, True), ran.said
    assert intacct("emulator", "--anonymise").status == 2


def test_the_emulator_revalues_before_it_serves(intacct: Intacct) -> None:
    ran = intacct("emulator", "--company", "empty", "--revalue", "2026-10-31", "--host", "10.0.0.1")
    assert (ran.status, "Revalued 0 balances on 2026-10-31.\n" in ran.err) == (2, True), ran.said
    assert "serves on loopback only" in ran.err
    assert intacct("emulator", "--revalue", "31.10.2026").status == 2


def test_each_revalued_balance_is_a_line() -> None:
    """300,000 yen at 0.0067 dollars are 2,010.00; they were carried at 2,000."""
    yen = RevaluedBalance(
        "US", "1100", "JPY", "USD", Decimal("300000.00"), Decimal(2000), Decimal("0.00670"), Decimal(2010)
    )
    assert list(revalued(date(2026, 10, 31), [yen])) == [
        "Revalued 1 balance on 2026-10-31:",
        "  US 1100: 300,000 JPY is 2,010.00 USD at 0.0067, was 2,000.00; difference 10.00",
    ]


def test_a_company_in_a_file_is_opened_and_opened_again(intacct: Intacct, home: Path) -> None:
    """An address that is not of this machine ends the command after the company is open and before it serves."""
    for _ in range(2):
        ran = intacct("emulator", "--company", "empty", "--db", str(home / "company.db"), "--host", "10.0.0.1")
        assert (ran.status, "serves on loopback only" in ran.err) == (2, True), ran.said
    assert (home / "company.db").stat().st_size > 0


def test_a_file_that_is_not_a_database_is_refused(intacct: Intacct, home: Path) -> None:
    (home / "company.db").write_text("junk")
    for words in (("emulator", "--db", str(home / "company.db")), ("demo", "--home", str(home))):
        ran = intacct(*words)
        assert (ran.status, "cannot be used as the emulator's database" in ran.err) == (2, True), ran.said
    assert (home / "company.db").read_text() == "junk"
