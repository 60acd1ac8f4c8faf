"""A company that a file declares: its records and definitions, as a reader finds them through the gateway."""

import tomllib
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import load_scenario, scenario
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.envelope import Login
from support.emulator.calls import data, faults, query, rows

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
HARBOUR = """
[[company]]
title = "Harbour Trust"
currency = "EUR"
first_month = 7
books = ["ACCRUAL", "CASH"]
adjustment_books = ["GAAP"]
fiscal_years = [2027]
account = [
  { number = "1000", title = "Cash", kind = "asset" },
  { number = "1100", title = "Receivables", kind = "asset" },
  { number = "2000", title = "Payables", kind = "liability" },
  { number = "2900", title = "Due to and from", kind = "liability" },
  { number = "3000", title = "Retained earnings", kind = "equity" },
  { number = "4000", title = "Fees", kind = "income" },
  { number = "6000", title = "Rent", kind = "expense", requires = ["DEPARTMENT"] },
  { number = "S1", title = "Berths", kind = "statistical" },
]
posting_accounts = { payables = "2000", receivables = "1100", retained_earnings = "3000" }
journal = [
  { symbol = "CASHJ", title = "Cash only", book = "CASH" },
  { symbol = "GAAPJ", book = "GAAP", adjusting = true },
  { symbol = "SJ", statistical = true },
]
entity = [
  { id = "E1", name = "Hamburg", due_from = "2900", due_to = "2900", open_from = 2026-07-01 },
  { id = "E2", name = "Dover", currency = "GBP", first_month = 4, due_from = "2900", due_to = "2900" },
]
location = [{ id = "L11", parent = "L1" }, { id = "L1", parent = "E1" }]
department = [{ id = "D1", name = "Pilots" }]
rate_type = [{ name = "Daily", default = true }, { name = "Budget", id = 7 }]
rate = [
  { from = "GBP", to = "EUR", on = { 2026-07-01 = 1.16, 2026-08-01 = 1.25 } },
  { from = "GBP", to = "EUR", type = "Budget", on = { 2026-07-01 = 1.2 } },
]
dimension = [{ name = "FUND", value = [{ name = "General", CODE = "G" }], field = [{ name = "CODE" }] }]
custom_field = [{ object = "VENDOR", name = "RISK", type = "list", values = ["Low", "High"] }]

[[company.custom_object]]
name = "BERTH"
field = [{ name = "RCUSTOMER", relation = "CUSTOMER" }, { name = "BUILT", type = "date" }]

[[company.definition]]
name = "Harbour Invoice"
module = "sales"
kind = "Invoice"
field = [{ name = "SHIP_NAME" }]

[[company.report]]
name = "Risky vendors"
object = "VENDOR"
columns = ["VENDORID", "RISK"]

[company.records]
CUSTOMER = [{ CUSTOMERID = "C1", NAME = "Line" }]
VENDOR = [{ VENDORID = "V1", NAME = "Acme", RISK = "High" }, { VENDORID = "V2", NAME = "Bolt", PARENTID = "V1" }]
BERTH = [{ name = "North 4", RCUSTOMER = 1, BUILT = 1998-05-06 }]
"""


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = declared(tmp_path_factory.mktemp("harbour"), HARBOUR)
    yield emulator
    emulator.close()


def declared(folder: Path, text: str, database: Path | None = None) -> Emulator:
    path = folder / "harbour.toml"
    path.write_text(text)
    return Emulator.empty(database, settings=load_scenario(path), clock=lambda: NOW)


def read(emulator: Emulator, name: str, fields: str, where: str = "") -> list[tuple[str, ...]]:
    return [tuple(row.values()) for row in rows(data(emulator, query(name, fields, where)))]


def pairs(emulator: Emulator, name: str, fields: str) -> dict[str, str]:
    return {row[0]: row[1] for row in read(emulator, name, fields)}


def test_entities_have_their_currency_and_fiscal_year(harbour: Emulator) -> None:
    (one, two) = data(harbour, "<readEntityDetails/>")
    parts = ("id", "currency", "firstfiscalmonth")
    assert [one.findtext(part) for part in parts] == ["E1", "EUR", "7"]
    assert [two.findtext(part) for part in parts] == ["E2", "GBP", "4"]
    (setup,) = data(harbour, "<getFinancialSetup/>")
    assert (setup.findtext("multiBaseCurrency"), setup.findtext("multiBook")) == ("true", "true")
    assert setup.findtext("firstFiscalMonth") == "7"


def test_locations_follow_their_parents_whatever_their_order(harbour: Emulator) -> None:
    found = read(harbour, "LOCATION", "LOCATIONID PARENTID PARENTKEY RECORDNO")
    keys = {id_: number for id_, _, _, number in found}
    assert [(id_, parent, key) for id_, parent, key, _ in found if parent] == [
        ("L1", "E1", keys["E1"]),
        ("L11", "L1", keys["L1"]),
    ]


def test_accounts_have_their_kind_and_close_to_retained_earnings(harbour: Emulator) -> None:
    fields = "ACCOUNTNO ACCOUNTTYPE NORMALBALANCE CLOSINGTYPE CLOSINGACCOUNTNO CLOSINGACCOUNTTITLE REQUIREDEPT"
    found = {number: rest for number, *rest in read(harbour, "GLACCOUNT", fields)}
    assert found["1000"] == ["balancesheet", "debit", "non-closing account", "", "", ""]
    assert found["3000"][2] == "closed to account"
    assert found["6000"] == ["incomestatement", "debit", "closing account", "3000", "Retained earnings", "true"]
    assert found["4000"][:2] == ["incomestatement", "credit"]
    assert read(harbour, "STATACCOUNT", "ACCOUNTNO TITLE") == [("S1", "Berths")]
    roles = read(harbour, "GLACCOUNT", "ALTERNATIVEACCOUNT ACCOUNTNO")
    assert ("Payables account", "2000") in roles
    assert ("Receivables account", "1100") in roles


def test_journals_name_their_book(harbour: Emulator) -> None:
    books = pairs(harbour, "JOURNAL", "SYMBOL BOOKID")
    assert (books["CASHJ"], books["GAAPJ"], books["GJ"]) == ("CASH", "GAAP", "")
    assert read(harbour, "STATJOURNAL", "SYMBOL") == [("SJ",)]
    assert [symbol for (symbol,) in read(harbour, "ADJJOURNAL", "SYMBOL")] == ["GAAPJ"]


def test_rates_have_their_type_and_day(harbour: Emulator) -> None:
    kinds = read(harbour, "EXCHANGERATETYPES", "ID NAME ISDEFAULT")
    assert kinds == [("1", "Daily", "true"), ("7", "Budget", "false")]
    kept = {key: rest for key, *rest in read(harbour, "EXCHANGERATE", "RECORDNO FROM_CURRENCY TO_CURRENCY TYPE_ID")}
    entries = read(harbour, "EXCHANGERATEENTRY", "EXCHANGERATEKEY EFFECTIVE_START_DATE EXCHANGE_RATE RECIPROCAL_RATE")
    assert [(kept[key][2], day, rate) for key, day, rate, _ in entries] == [
        ("1", "07/01/2026", "1.16"),
        ("1", "08/01/2026", "1.25"),
        ("7", "07/01/2026", "1.2"),
    ]
    assert entries[1][3] == "0.8"
    assert pairs(harbour, "TRXCURRENCIES", "CODE ISBASE") == {"EUR": "true", "GBP": "true"}


def test_the_fiscal_year_begins_in_july(harbour: Emulator) -> None:
    found = {name: (first, last) for name, first, last in read(harbour, "REPORTINGPERIOD", "NAME START_DATE END_DATE")}
    assert len(found) == 12 + 4 + 1
    assert found["Month Ended February 2027"] == ("02/01/2027", "02/28/2027")
    assert found["Quarter Ended September 2026"] == ("07/01/2026", "09/30/2026")
    assert found["Year Ended June 2027"] == ("07/01/2026", "06/30/2027")


def test_custom_fields_objects_and_dimensions_are_described_and_read(harbour: Emulator) -> None:
    assert read(harbour, "VENDOR", "VENDORID RISK PARENTNAME") == [("V1", "High", ""), ("V2", "", "Acme")]
    assert read(harbour, "BERTH", "name RCUSTOMER.NAME BUILT") == [("North 4", "Line", "05/06/1998")]
    assert read(harbour, "FUND", "id name CODE STATUS") == [("10001", "General", "G", "active")]
    (described,) = data(harbour, "<lookup><object>GLENTRY</object></lookup>")
    assert "GLDIMFUND" in [one.findtext("ID") for one in described.find("Fields") or ()]
    refused = "<create><VENDOR><VENDORID>V3</VENDORID><NAME>N</NAME><RISK>Huge</RISK></VENDOR></create>"
    assert "RISK" in faults(harbour, refused)[0].text


def test_a_write_sets_who_changed_a_custom_record_and_when(tmp_path: Path) -> None:
    emulator = declared(tmp_path, HARBOUR)
    emulator.set_clock(datetime(2026, 11, 22, 13, tzinfo=UTC))
    data(emulator, "<create><BERTH><name>South 1</name></BERTH></create>")
    emulator.set_clock(datetime(2026, 11, 22, 14, tzinfo=UTC))
    data(emulator, "<update><BERTH><id>1</id><BUILT>05/07/1998</BUILT></BERTH></update>")
    made, later = "11/22/2026 13:00:00", "11/22/2026 14:00:00"
    times = "name createdBy createdAt updatedBy updatedAt"
    changed = f"<greaterthan><field>updatedAt</field><value>{made}</value></greaterthan>"
    assert read(emulator, "BERTH", times, changed) == [
        ("North 4", "demo-user", "11/22/2026 12:00:00", "demo-user", later)
    ]
    assert read(emulator, "BERTH", times)[1] == ("South 1", "demo-user", made, "demo-user", made)
    emulator.close()


def test_a_transaction_definition_has_its_own_fields(harbour: Emulator) -> None:
    assert read(harbour, "SODOCUMENTPARAMS", "DOCID DOCCLASS UPDATES_GL") == [("Harbour Invoice", "Invoice", "A")]
    asked = "<lookup><object>SODOCUMENT</object>{}</lookup>"
    (own,) = data(harbour, asked.format("<docparid>Harbour Invoice</docparid>"))
    (common,) = data(harbour, asked.format(""))
    assert "SHIP_NAME" in [one.findtext("ID") for one in own.find("Fields") or ()]
    assert "SHIP_NAME" not in [one.findtext("ID") for one in common.find("Fields") or ()]


def test_a_database_that_is_opened_again_has_its_definitions(tmp_path: Path) -> None:
    first = declared(tmp_path, HARBOUR, tmp_path / "company.db")
    first.close()
    second = Emulator.empty(tmp_path / "company.db")
    assert read(second, "VENDOR", "VENDORID RISK")[0] == ("V1", "High")
    copy = second.clone()
    assert read(copy, "BERTH", "name") == [("North 4",)]
    copy.close()
    second.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('custom_field = [{ object = "VENDER", name = "X" }]', "there is no object VENDER; did you mean VENDOR"),
        ('custom_object = [{ name = "X", field = [{ name = "R", relation = "CUSTOMR" }] }]', "did you mean CUSTOMER"),
        ('[company.records]\nVENDOR = [{ VENDORID = "V1", NAMEE = "A" }]', "VENDOR V1: VENDOR has no field NAMEE"),
        ('[company.records]\nVENDOR = [{ VENDORID = "V1", PARENTID = "V9" }]', "VENDOR V1, field PARENTID: Invalid"),
        (
            'account = [{ number = "7190" }]\nposting_accounts = { rounding = "719O" }',
            "demo-company: posting_accounts.rounding cannot be '719O'; did you mean 7190?",
        ),
        (
            'account = [{ number = "4000", kind = "income", closes_to = "300" }, { number = "3000" }]',
            "GLACCOUNT 4000, field CLOSINGACCOUNTNO: Invalid Closing Account '300' specified; did you mean 3000",
        ),
        (
            'department = [{ id = "D10" }, { id = "D2", parent = "D1O" }]',
            "DEPARTMENT D2, field PARENTID: Invalid Department 'D1O' specified; did you mean D10?",
        ),
        ('[company.records]\nVENDOR = [{ VENDORID = "V1", CREDITLIMIT = "much" }]', "VENDOR V1, field CREDITLIMIT"),
    ],
)
def test_what_only_the_catalogue_knows_is_checked_too(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        declared(tmp_path, f"[[company]]\n{text}\n")
    assert said in caught.value.message
    assert caught.value.fix


def test_a_file_adds_to_the_demo_company(tmp_path: Path) -> None:
    path = tmp_path / "more.toml"
    path.write_text(
        """
        [[company]]
        location = [{ id = "777", name = "Moon", parent = "100" }]
        account = [{ number = "99100", kind = "expense", closes_to = "32000" }]
        custom_field = [{ object = "VENDOR", name = "SHOE_SIZE", type = "integer" }]
        dimension = [{ name = "BOAT", value = [{ name = "Mary" }] }]
        [company.records]
        VENDOR = [{ VENDORID = "V-NEW", NAME = "New", SHOE_SIZE = 44, TERMNAME = "N30" }]
        """
    )
    emulator = Emulator.demo(settings=load_scenario(path), as_of=date(2026, 10, 31), months=3)
    equal = "<equalto><field>{}</field><value>{}</value></equalto>".format
    (vendor,) = read(emulator, "VENDOR", "SHOE_SIZE RISK_TIER TERMNAME", equal("VENDORID", "V-NEW"))
    assert vendor == ("44", "", "N30")
    (place,) = read(emulator, "LOCATION", "PARENTNAME", equal("LOCATIONID", "777"))
    assert place == ("Corvane Instruments Inc.",)
    assert read(emulator, "BOAT", "name") == [("Mary",)]
    assert len(read(emulator, "FUND", "name")) == 5
    assert emulator.company().facts.posting_accounts.get("rounding") == "71950"
    emulator.close()


def test_users_and_roles_are_records_too(tmp_path: Path) -> None:
    text = (
        '[[company]]\nuser = [{ user_id = "demo-user" }, { user_id = "reader", roles = ["read"], admin = "Off" }]\n'
        'role = [{ name = "administrator" }, { name = "read", rights = { "*" = ["list", "view"] } }]\n'
    )
    emulator = declared(tmp_path, text)
    assert [name for (name,) in read(emulator, "ROLES", "NAME")] == ["administrator", "read"]
    assert read(emulator, "USERROLES", "USERID ROLENAME") == [("demo-user", "administrator"), ("reader", "read")]
    assert ("reader", "active") in read(emulator, "USERINFO", "LOGINID STATUS")
    refused = "<create><CLASS><CLASSID>C</CLASSID><NAME>N</NAME></CLASS></create>"
    reader = Login("reader", "demo-company", "demo-user-password")
    assert faults(emulator, refused, authentication=reader)[0].errorno == "PL04000005"
    emulator.close()


ODD: tuple[Any, ...] = (
    3,
    -1,
    True,
    "x",
    "",
    [],
    {},
    [1],
    {"a": 1},
    date(2026, 7, 1),
    Decimal("1.5"),
    "üé",
    "2900",
    [{}],
    [[]],
    "E1",
)


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a tree."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*at, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*at, key))


def test_any_wrong_value_is_a_mistake_with_a_fix_or_a_company() -> None:
    tree = tomllib.loads(HARBOUR, parse_float=Decimal)
    paths, chance = list(places(tree)), Random(20)
    refused = 0
    for _ in range(150):
        changed = node = deepcopy(tree)
        *before, last = chance.choice(paths)
        for key in before:
            node = node[key]
        node[last] = chance.choice(ODD)
        try:
            Emulator.empty(settings=scenario(changed, "harbour.toml"), clock=lambda: NOW).close()
        except SettingsError as error:
            refused += 1
            assert error.fix, error.message
    assert refused > 100
