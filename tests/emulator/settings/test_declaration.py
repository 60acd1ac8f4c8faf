"""Declared companies: mistakes in the file, each named with its table, key, value and fix."""

from pathlib import Path

import pytest

from intacct_emulator.settings.scenarios import load_scenario
from intacct_protocol.errors import SettingsError

BOOKS = 'books = ["ACCRUAL", "CASH"]\njournal = [{ symbol = "CDJ", book = "CAHS" }]'
MISTAKES = {
    "an unknown table": ('jurnal = [{ symbol = "GJ" }]', "company 1: unknown setting jurnal; did you mean journal?"),
    "an unknown key": (
        'journal = [{ symbol = "GJ", bok = "CASH" }]',
        "journal 1 (GJ): unknown setting bok; did you mean book?",
    ),
    "a value of another type": ("entity = [{ id = 10 }]", "entity 1 (10).id cannot be 10"),
    "a missing key": ('account = [{ title = "Cash" }]', "account 1 needs number"),
    "an unknown choice": (
        'account = [{ number = "1", kind = "aset" }]',
        "account 1 (1).kind cannot be 'aset'; did you mean asset?",
    ),
    "an unknown book": (BOOKS, "journal (CDJ).book cannot be 'CAHS'; did you mean CASH"),
    "an unknown parent": (
        'entity = [{ id = "E10" }]\nlocation = [{ id = "L", parent = "E1O" }]',
        "location (L).parent cannot be 'E1O'; did you mean E10?",
    ),
    "a location without an entity": (
        'entity = [{ id = "E" }]\nlocation = [{ id = "L" }]',
        "location (L).parent is missing",
    ),
    "an unknown role of an account": (
        'posting_accounts = { roundings = "1" }',
        "posting_accounts: unknown setting roundings; did you mean rounding?",
    ),
    "an id twice": ('department = [{ id = "D" }, { id = "D" }]', "department (D) is declared 2 times"),
    "no currency": ('entity = [{ id = "E", currency = "euro" }]', "entity (E).currency cannot be 'euro'"),
    "no month": ("first_month = 13", "first_month cannot be 13"),
    "no rate": (
        'rate = [{ from = "EUR", to = "USD", on = { 2026-07-01 = -1.5 } }]',
        "rate (EUR to USD).on.2026-07-01 cannot be -1.5",
    ),
    "no day": (
        'rate = [{ from = "EUR", to = "USD", on = { "July" = 1.1 } }]',
        "rate (EUR to USD).on cannot be 'July'",
    ),
    "an unknown rate type": (
        'rate_type = { name = "Daily" }\nrate = [{ from = "EUR", to = "USD", type = "Dayly", on = { 2026-07-01 = 1 }}]',
        "rate (EUR to USD).type cannot be 'Dayly'; did you mean Daily?",
    ),
    "a list without choices": (
        'custom_field = [{ object = "VENDOR", name = "TIER", type = "list" }]',
        "custom_field (VENDOR.TIER).values is missing",
    ),
    "an object in small letters": ('custom_object = [{ name = "site" }]', "custom_object (site).name cannot be 'site'"),
    "an unknown role of a user": (
        '[[company.user]]\nuser_id = "u"\nroles = ["administrater"]',
        "user (u).roles cannot be 'administrater'; did you mean administrator?",
    ),
    "an unknown approver": (
        '[[company.approval]]\nobject = "APBILL"\nlevel = [{ approvers = ["demo-usr"] }]',
        "approval (APBILL).level.approvers cannot be 'demo-usr'; did you mean demo-user?",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_table_key_and_value(name: str, tmp_path: Path) -> None:
    text, said = MISTAKES[name]
    path = tmp_path / "harbour.toml"
    path.write_text(f"[[company]]\n{text}\n")
    with pytest.raises(SettingsError) as caught:
        load_scenario(path)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.fix


def test_a_password_is_never_in_a_message(tmp_path: Path) -> None:
    path = tmp_path / "harbour.toml"
    path.write_text('[[company]]\n[[company.user]]\nuser_id = "u"\npassword = 271828\n')
    with pytest.raises(SettingsError) as caught:
        load_scenario(path)
    assert "password must be text" in caught.value.message
    assert "271828" not in f"{caught.value.message} {caught.value.fix}"


def test_rates_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "harbour.toml"
    path.write_text('[[company]]\nrate = [{ from = "EUR", to = "USD", on = { 2026-07-01 = 1.10 } }]\n')
    (rate,) = load_scenario(path).companies[0].declared.rates
    assert [str(one) for one in rate.on.values()] == ["1.10"]
