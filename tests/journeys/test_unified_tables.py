"""The tables that hotglue lists for Intacct, in both versions of the schema and in both directions.

Each record is created by a load and by the target, read back by an extract and by the tap, and loaded again as it was
read: nothing may change then.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from intacct_bridge.apps.singer.protocol.destination import SingerDestination
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.plan.plan import Mode, Plan
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import SettingsError
from support.journeys.objects import LoadScenario
from support.journeys.piping import Pipe, record, schema
from support.small_company import Clock, client, company

Cells = dict[str, Any]


class Case(NamedTuple):
    """A record in the words of both versions, and what Intacct has then."""

    v1: str
    v2: str
    in_v1: Cells
    in_v2: Cells
    object: str
    held: dict[str, str]


EXPENSE = {"accountNumber": "68900", "name": "Quarry rent", "type": "incomestatement"}
BALANCE = {"normalBalance": "debit", "closingType": "closing account", "closingAccountNumber": "32000"}
CASES = [
    Case(
        "Accounts",
        "Account",
        EXPENSE | BALANCE | {"active": True},
        EXPENSE | BALANCE | {"isActive": True},
        "GLACCOUNT",
        {
            "ACCOUNTNO": "68900",
            "TITLE": "Quarry rent",
            "ACCOUNTTYPE": "incomestatement",
            "NORMALBALANCE": "debit",
            "CLOSINGTYPE": "closing account",
            "CLOSINGACCOUNTNO": "32000",
            "STATUS": "active",
        },
    ),
    Case(  # the word of another ledger says the sides
        "Accounts",
        "Account",
        {"accountNumber": "24900", "name": "Deposits of tenants", "type": "Liability"},
        {"accountNumber": "24900", "name": "Deposits of tenants", "type": "Liability"},
        "GLACCOUNT",
        {"ACCOUNTTYPE": "balancesheet", "NORMALBALANCE": "credit", "CLOSINGTYPE": "non-closing account"},
    ),
    Case(
        "Classes",
        "Class",
        {"number": "Q-1", "name": "Quarry", "description": "Stone", "active": True},
        {"classNumber": "Q-1", "name": "Quarry", "description": "Stone", "isActive": True},
        "CLASS",
        {"CLASSID": "Q-1", "NAME": "Quarry", "DESCRIPTION": "Stone", "STATUS": "active"},
    ),
    Case(
        "BankAccounts",
        "BankAccount",
        {
            "name": "HARBOUR",
            "description": "Harbour Bank",
            "type": "checking",
            "accountNumber": "4711",
            "active": True,
            "locationId": "100",
            "glAccountNumber": "10010",
            "currency": "USD",
        },
        {
            "name": "HARBOUR",
            "bankName": "Harbour Bank",
            "type": "checking",
            "accountNumber": "4711",
            "isActive": True,
            "locationNumber": "100",
            "glAccountNumber": "10010",
            "currency": "USD",
        },
        "CHECKINGACCOUNT",
        {
            "BANKACCOUNTID": "HARBOUR",
            "BANKNAME": "Harbour Bank",
            "BANKACCOUNTNO": "4711",
            "LOCATIONID": "100",
            "GLACCOUNTNO": "10010",
            "STATUS": "active",
        },
    ),
    Case(
        "BankAccounts",
        "BankAccount",
        {"name": "RESERVE", "description": "Harbour Bank", "type": "savings", "locationId": "100"},
        {"name": "RESERVE", "bankName": "Harbour Bank", "type": "savings", "locationName": "Corvane Instruments Inc."},
        "SAVINGSACCOUNT",
        {"BANKACCOUNTID": "RESERVE", "BANKNAME": "Harbour Bank", "LOCATIONID": "100"},
    ),
    Case(
        "Vendors",
        "Vendor",
        {"vendorNumber": "V-7", "vendorName": "Acme Paper", "emailAddress": "a@example.net", "active": True},
        {"vendorNumber": "V-7", "vendorName": "Acme Paper", "email": "a@example.net", "isActive": True},
        "VENDOR",
        {"VENDORID": "V-7", "NAME": "Acme Paper", "DISPLAYCONTACT.EMAIL1": "a@example.net", "STATUS": "active"},
    ),
    Case(
        "Projects",
        "Project",
        {"number": "P-7", "name": "Pier", "category": "Contract", "startDate": "2026-11-01", "active": True},
        {"projectNumber": "P-7", "name": "Pier", "category": "Contract", "startDate": "2026-11-01", "isActive": True},
        "PROJECT",
        {"PROJECTID": "P-7", "NAME": "Pier", "PROJECTCATEGORY": "Contract", "STATUS": "active"},
    ),
    Case(
        "Departments",
        "Department",
        {"number": "Q-1", "name": "Quarry", "parentNumber": "100", "active": True},
        {"departmentNumber": "Q-1", "name": "Quarry", "parentNumber": "100", "isActive": True},
        "DEPARTMENT",
        {"DEPARTMENTID": "Q-1", "TITLE": "Quarry", "PARENTID": "100", "STATUS": "active"},
    ),
    Case(
        "Locations",
        "Location",
        {"number": "Q-1", "name": "Quarry", "parentNumber": "100", "active": False},
        {"locationNumber": "Q-1", "name": "Quarry", "parentNumber": "100", "isActive": False},
        "LOCATION",
        {"LOCATIONID": "Q-1", "NAME": "Quarry", "PARENTID": "100", "STATUS": "inactive"},
    ),
]
EACH = pytest.mark.parametrize("version", ["v1", "v2"])
ALL = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.v1}-{next(iter(case.held.values()))}")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Pipe]:
    made = company(Clock())
    with closing(made):
        yield Pipe(tmp_path, made)


def words(case: Case, version: str) -> tuple[str, Cells]:
    return (case.v1, case.in_v1) if version == "v1" else (case.v2, case.in_v2)


def planned(place: Pipe, version: str, entity: str, rows: list[Cells], mode: Mode, *, apply: bool = False) -> Plan:
    path = place.folder / f"{version}-{entity}.jsonl"
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    loads = LoadScenario(place.folder, place.emulator)
    with client(place.emulator) as gateway, loads.outbox() as outbox:
        plan = loads.make(gateway, outbox, path, f"{version}:{entity}", mode)
        if apply:
            assert all(outcome.good for outcome in Loader(gateway, outbox).apply(plan))
    return plan


def extracted(place: Pipe, version: str, entity: str) -> list[Cells]:
    folder = place.folder / f"copy-{version}"
    with client(place.emulator) as gateway, closing(open_destination(f"jsonl:{folder}")) as destination:
        for _ in prepare(gateway, ReadRequest((entity,), unified=version)).into(destination, ExtractOptions()):
            pass
    return [json.loads(line) for file in folder.rglob("*.jsonl") for line in file.read_text().splitlines()]


def tapped(place: Pipe, version: str, entity: str) -> list[dict[str, Any]]:
    out = BytesIO()
    with client(place.emulator) as gateway:
        for _ in prepare(gateway, ReadRequest((entity,), unified=version)).into(SingerDestination(out)):
            pass
    return [one for line in out.getvalue().splitlines() if (one := json.loads(line))["type"] in ("SCHEMA", "RECORD")]


def held(place: Pipe, case: Case) -> dict[str, str]:
    row = place.rows(case.object)[-1]
    return {name: row.get(name, "") for name in case.held}


@ALL
@EACH
def test_a_load_creates_it_and_a_round_trip_changes_nothing(place: Pipe, version: str, case: Case) -> None:
    entity, row = words(case, version)
    plan = planned(place, version, entity, [row], Mode.CREATE, apply=True)
    assert [(one.verdict.value, one.reasons) for one in plan.records] == [("create", ())]
    assert held(place, case) == case.held
    rows = extracted(place, version, entity)
    again = planned(place, version, entity, rows, Mode.UPSERT)
    assert [
        (one.write.label, one.reasons, one.changes) for one in again.records if one.verdict.value != "unchanged"
    ] == []


@ALL
@EACH
def test_the_target_creates_it_and_takes_what_the_tap_sends(place: Pipe, version: str, case: Case) -> None:
    entity, row = words(case, version)
    ran = place([schema(entity, *row), record(entity, **row)], schema=version)
    assert (ran.status, ran.letters) == (0, []), ran.err
    assert held(place, case) == case.held
    before = place.rows(case.object)
    ran = place(tapped(place, version, entity), schema=version)
    assert (ran.status, ran.letters) == (0, []), ran.err
    assert place.rows(case.object) == before


@EACH
@pytest.mark.parametrize("case", [case for case in CASES if case.object in ("CLASS", "VENDOR", "DEPARTMENT")],
                         ids=lambda case: case.v1)  # fmt: skip
def test_a_record_that_is_not_for_posting_stays_so(place: Pipe, version: str, case: Case) -> None:
    """`active` is true of it too; a round trip must not lift the block."""
    entity, row = words(case, version)
    planned(place, version, entity, [row], Mode.CREATE, apply=True)
    (number,) = (one["RECORDNO"] for one in place.rows(case.object)[-1:])
    with client(place.emulator) as gateway:
        (blocked,) = gateway.update(case.object, [{"RECORDNO": number, "STATUS": "active non-posting"}])
        assert blocked.ok, blocked.faults
    again = planned(place, version, entity, extracted(place, version, entity), Mode.UPSERT, apply=True)
    assert {one.verdict.value for one in again.records} == {"unchanged"}
    assert place.rows(case.object)[-1]["STATUS"] == "active non-posting"
    name = "active" if version == "v1" else "isActive"
    ended = planned(place, version, entity, [row | {name: False}], Mode.UPSERT, apply=True)
    assert [str(change) for one in ended.records for change in one.changes] == [
        "STATUS: active non-posting -> inactive"
    ]


@EACH
def test_checking_and_savings_accounts_come_in_one_file(place: Pipe, version: str) -> None:
    cases = [case for case in CASES if case.v1 == "BankAccounts"]
    rows = [words(case, version)[1] for case in (*cases, cases[0])]
    rows[2] = rows[2] | {"name": "THIRD"}
    entity = words(cases[0], version)[0]
    planned(place, version, entity, rows, Mode.CREATE, apply=True)
    assert [row["BANKACCOUNTID"] for row in place.rows("CHECKINGACCOUNT")[-2:]] == ["HARBOUR", "THIRD"]
    assert place.rows("SAVINGSACCOUNT")[-1]["BANKACCOUNTID"] == "RESERVE"
    again = planned(place, version, entity, extracted(place, version, entity), Mode.UPSERT)
    assert {one.verdict.value for one in again.records} == {"unchanged"}
    (refused,) = planned(place, version, entity, [rows[0] | {"type": "credit"}], Mode.CREATE).records
    assert "'credit' is not one of checking, savings" in str(refused.reasons)


@EACH
def test_an_account_without_its_sides_is_refused_by_name(place: Pipe, version: str) -> None:
    entity, row = words(CASES[0], version)
    bare = {name: row[name] for name in ("accountNumber", "name", "type")}
    (refused,) = planned(place, version, entity, [bare], Mode.CREATE).records
    assert "normalBalance" in str(refused.reasons)
    assert "closingType" in str(refused.reasons)


@EACH
def test_an_update_of_an_account_has_what_intacct_requires(place: Pipe, version: str) -> None:
    """Sage documents the normal balance and the closing type as required in an update too."""
    entity, row = words(CASES[0], version)
    planned(place, version, entity, [row], Mode.CREATE, apply=True)
    renamed = {"accountNumber": row["accountNumber"], "name": "Quarry lease"}
    plan = planned(place, version, entity, [renamed], Mode.UPSERT, apply=True)
    (update,) = plan.records
    assert [str(change) for change in update.changes] == ["TITLE: Quarry rent -> Quarry lease"]
    assert update.write.fields["NORMALBALANCE"] == "debit"
    assert update.write.fields["CLOSINGTYPE"] == "closing account"


# --- the streams of hotglue's newest target


CHARGE = {
    "accountName": "CARD",
    "transactionDate": "2026-11-12",
    "transactionNumber": "T-77",
    "payee": "Fuel Co",
    "lineItems": [
        {
            "accountNumber": "60100",
            "amount": 12.5,
            "description": "Fuel",
            "locationNumber": "110",
            "departmentNumber": "110",
        }
    ],
}
PAID = {
    "accountNumber": "CHK-INS",
    "transactionDate": "2026-11-12",
    "transactionType": "withdrawal",
    "documentType": "Check",
    "transactionNumber": "198",
    "amount": -184.0,
    "description": "Office supplies",
    "externalId": "bank-1",
}


def test_card_charges_and_bank_transactions_are_posted_once(tmp_path: Path, demo: Emulator) -> None:
    place = Pipe(tmp_path, demo)
    card = place.rows("CREDITCARD")[0]["CARDID"]
    charge = CHARGE | {"accountName": card}
    lines = [
        schema("CreditCardTransactions", *charge), record("CreditCardTransactions", **charge),
        schema("BankTransactions", *PAID), record("BankTransactions", **PAID),
    ]  # fmt: skip
    before = len(place.rows("CCTRANSACTION")), len(place.rows("BANKACCTTXNFEED"))
    for _ in range(2):
        ran = place(lines, schema="v2", equal_records="same")
        assert (ran.status, ran.letters) == (0, []), ran.err
    assert (len(place.rows("CCTRANSACTION")), len(place.rows("BANKACCTTXNFEED"))) == (before[0] + 1, before[1] + 1)
    posted = place.rows("CCTRANSACTION")[-1]
    assert (posted["FINANCIALENTITY"], posted["RECORDID"], posted["TRX_TOTALENTERED"]) == (card, "T-77", "12.5")
    feed = place.rows("BANKACCTTXNFEED")[-1]
    assert (feed["FINANCIALENTITY"], feed["FEEDTYPE"]) == ("CHK-INS", "xml")
    (read,) = [row for row in extracted(place, "v2", "CreditCardTransaction") if row["transactionNumber"] == "T-77"]
    assert (read["accountNumber"], read["payee"], Decimal(read["totalAmount"])) == (card, "Fuel Co", Decimal("12.5"))


def test_what_the_gateway_has_no_function_for_is_said(place: Pipe) -> None:
    ran = place([schema("CreditCardAccounts", "name"), record("CreditCardAccounts", name="GOLD")], schema="v2")
    assert ran.status == 1
    assert "CreditCardAccount can only be read: the XML gateway has no function" in ran.err
    with pytest.raises(SettingsError, match="BankTransaction can only be loaded"):
        extracted(place, "v2", "BankTransaction")


@EACH
def test_a_default_of_the_schema_is_for_new_records_only(place: Pipe, version: str) -> None:
    (case,) = [case for case in CASES if case.v1 == "Projects"]
    entity, row = words(case, version)
    planned(place, version, entity, [row | {"category": "Internal Billable"}], Mode.CREATE, apply=True)
    bare = {name: cell for name, cell in row.items() if name != "category"}
    (plan,) = planned(place, version, entity, [bare | {"name": "Long pier"}], Mode.UPSERT, apply=True).records
    assert [str(change) for change in plan.changes] == ["NAME: Pier -> Long pier"]
    assert place.rows("PROJECT")[-1]["PROJECTCATEGORY"] == "Internal Billable"
