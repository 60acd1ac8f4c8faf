"""Objects in the words of the unified schemas: into tables, through the tap, and back into a company."""

import json
from contextlib import closing
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.singer.protocol.destination import SingerDestination
from intacct_bridge.client.client import Client
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.extract.unified import select_unified
from intacct_bridge.streams.stream import StreamOutcome
from intacct_emulator.demo_company.generator.declaration import demo_facts
from intacct_protocol.errors import InvalidRequestError, SettingsError
from support.journeys.copying import ended, rows
from support.journeys.piping import Pipe
from support.journeys.tapping import Tap, discovered
from support.small_company import Clock, company

V1 = {
    "APAdjustment", "Accounts", "BankAccounts", "BillPayments", "Bills", "Classes", "CreditNotes", "Customers",
    "Departments", "Invoices", "Items", "JournalEntries", "Locations", "Projects", "PurchaseOrders", "Vendors",
}  # fmt: skip
V2 = {
    "Account", "BankAccount", "Bill", "BillPayment", "Class", "CreditCardAccount", "CreditCardTransaction", "Customer",
    "Department", "GeneralLedgerReport", "Invoice", "InvoicePayment", "Item", "JournalEntry", "Location", "Project",
    "PurchaseOrder", "Subsidiary",
    "TrialBalanceReport", "Vendor", "VendorCredit",
}  # fmt: skip


def extract(client: Client, uri: str, version: str, *names: str, **options: Any) -> dict[str, StreamOutcome]:
    with closing(open_destination(uri)) as destination:
        return ended(prepare(client, ReadRequest(names, unified=version)).into(destination, ExtractOptions(**options)))


def sent(client: Client, version: str, *names: str) -> list[dict[str, Any]]:
    """The messages of a first sync."""
    out = BytesIO()
    run = prepare(client, ReadRequest(names, unified=version)).into(SingerDestination(out))
    for _ in run:
        pass
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(("version", "entities"), [("v1", V1), ("v2", V2)])
def test_every_entity_can_be_read(reader: Client, version: str, entities: set[str]) -> None:
    assert {one.entity.name for one in select_unified(reader, version)} == entities
    for one in select_unified(reader, version):
        assert "id" in one.stored.fields or one.read.virtual


_OF: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def _strays(schema: dict[str, Any], value: Any, path: str = "") -> list[str]:
    """The places where a value does not follow its JSON schema."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if value is None:
        return [] if "null" in types else [path]
    if isinstance(value, bool) and "boolean" not in types:
        return [path]
    if not any(isinstance(value, _OF[one]) for one in types if one != "null"):
        return [path]
    if isinstance(value, list):
        return [stray for one in value for stray in _strays(schema.get("items", {"type": "object"}), one, f"{path}[]")]
    inner = schema.get("properties", {})
    members = value.items() if isinstance(value, dict) else ()
    return [stray for name, one in members if name in inner for stray in _strays(inner[name], one, f"{path}.{name}")]


@pytest.mark.parametrize(("version", "names"), [("v1", ("Customers", "Bills")), ("v2", ("Customer", "Vendor", "Bill"))])
def test_records_follow_their_schemas_including_lists(reader: Client, version: str, names: list[str]) -> None:
    messages = sent(reader, version, *names)
    schemas = {one["stream"]: one["schema"] for one in messages if one["type"] == "SCHEMA"}
    records = [one for one in messages if one["type"] == "RECORD"]
    assert len(records) > 300
    assert {
        stray for one in records for stray in _strays(schemas[one["stream"]], one["record"], one["stream"])
    } == set()


def test_a_bill_holds_its_lines_and_its_total(reader: Client, tmp_path: Path) -> None:
    extract(reader, f"duckdb:///{tmp_path / 'copy.duckdb'}", "v2", "Bill")
    bills = {row["id"]: row for row in rows(tmp_path / "copy.duckdb", "Bill")}
    some = next(reader.query("APBILL", ["RECORDNO", "RECORDID", "TRX_TOTALENTERED", "VENDORNAME"]))
    bill = bills[str(some["RECORDNO"])]
    assert (bill["billNumber"], bill["vendorName"]) == (some["RECORDID"], some["VENDORNAME"])
    assert bill["totalAmount"] == some["TRX_TOTALENTERED"]
    amounts = [Decimal(str(line["amount"])) for line in json.loads(bill["lineItems"], parse_float=Decimal)]
    assert sum(amounts) == some["TRX_TOTALENTERED"]
    assert bill["updatedAt"].tzinfo is not None


def test_a_payment_names_its_invoice_and_customer_and_a_bill_whether_it_is_a_draft(
    reader: Client, tmp_path: Path
) -> None:
    extract(reader, f"duckdb:///{tmp_path / 'copy.duckdb'}", "v2", "InvoicePayment", "Bill")
    payments = rows(tmp_path / "copy.duckdb", "InvoicePayment")
    invoices = {
        str(row["RECORDNO"]): (row["RECORDID"], row["CUSTOMERID"], row["CUSTOMERNAME"])
        for row in reader.query("ARINVOICE", ["RECORDNO", "RECORDID", "CUSTOMERID", "CUSTOMERNAME"])
    }
    named = {row["invoiceId"]: (row["invoiceNumber"], row["customerNumber"], row["customerName"]) for row in payments}
    assert len(payments) > 200
    assert named.items() <= invoices.items()
    drafts = {str(row["RECORDNO"]) for row in reader.query("APBILL", ["RECORDNO"], where="STATE = 'Draft'")}
    held = {row["id"]: row["isDraft"] for row in rows(tmp_path / "copy.duckdb", "Bill")}
    assert held == {number: number in drafts for number in held}


def test_changes_and_deletes_are_followed(reader: Client, tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path / 'copy.duckdb'}"
    first = extract(reader, uri, "v1", "Classes", "Bills")
    reader.create("CLASS", [{"CLASSID": "U-1", "NAME": "United"}])
    (bill,) = reader.query("APBILL", "RECORDNO", where="WHENPOSTED >= 2026-11-01 and STATE = 'Posted'", limit=1)
    (done,) = reader.delete("APBILL", [str(bill["RECORDNO"])])
    assert done.ok, done.faults
    second = extract(reader, uri, "v1", "Classes", "Bills", trail_seconds=3600)
    assert (second["Classes"].rows, second["Classes"].full) == (1, False)
    held = rows(tmp_path / "copy.duckdb", "Bills")
    assert len(held) == first["Bills"].rows - 1
    assert str(bill["RECORDNO"]) not in {row["id"] for row in held}
    assert {"number": "U-1", "name": "United"}.items() <= {
        name: value for row in rows(tmp_path / "copy.duckdb", "Classes") if row["number"] == "U-1"
        for name, value in row.items()
    }.items()  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_files_store_them(reader: Client, tmp_path: Path, kind: str) -> None:
    done = extract(reader, f"{kind}:{tmp_path / 'copy'}", "v1", "BankAccounts", "Vendors", "BillPayments")
    again = extract(reader, f"{kind}:{tmp_path / 'copy'}", "v1", "BankAccounts", "Vendors", "BillPayments")
    assert done["BankAccounts"].rows == again["BankAccounts"].rows == 5
    assert (again["Vendors"].rows, again["BillPayments"].rows) == (0, 0)


def test_the_trial_balance_is_a_report_of_version_two(reader: Client, tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path / 'copy.duckdb'}"
    assert extract(reader, uri, "v2", "TrialBalanceReport")["TrialBalanceReport"].rows > 1000
    held = rows(tmp_path / "copy.duckdb", "TrialBalanceReport")
    assert all(row["startBalance"] + row["debitAmount"] - row["creditAmount"] == row["endBalance"] for row in held)
    assert {row["locationNumber"] for row in held} > {"100"}
    assert extract(reader, uri, "v2", "TrialBalanceReport")["TrialBalanceReport"].rows == 0


def test_an_unknown_entity_or_column_is_named(reader: Client) -> None:
    with pytest.raises(SettingsError, match="no unified entity Bils"):
        select_unified(reader, "v1", ["Bils"])
    with pytest.raises(InvalidRequestError, match="has no column colour"):
        select_unified(reader, "v1", ["Bills"], {"Bills": ["colour"]})


def test_lines_that_are_not_selected_are_not_read(reader: Client, tmp_path: Path) -> None:
    (one,) = select_unified(reader, "v1", ["Bills"], {"Bills": ["number", "totalAmount"]})
    assert one.lines == ()
    assert [name for name in one.stored.fields if name not in one.stored.internal] == ["number", "id", "totalAmount"]


def test_the_tap_sends_real_lists(tap: Tap) -> None:
    config, catalog, document = discovered(tap, "Bills", "BankAccounts", unified="v1")
    found = {one["stream"]: one for one in document["streams"]}
    assert found["Bills"]["key_properties"] == ["id"]
    assert found["Bills"]["schema"]["properties"]["lineItems"]["type"] == ["null", "array"]
    ran = tap.run("--config", config, "--catalog", catalog)
    assert ran.status == 0, ran.err
    bill = ran.records("Bills")[0]
    assert {"id", "vendorName", "lineItems"} <= set(bill)
    assert "RECORDNO" not in bill
    assert isinstance(bill["lineItems"], list)
    again = tap.run("--config", config, "--catalog", catalog, "--state", tap.keep("state.json", ran.state))
    assert again.records("Bills") == []
    tried = tap.run("--config", config, "--catalog", catalog, "--test")
    assert tried.err.count("can be read") == 2


def test_extracted_records_can_be_loaded_into_another_company(reader: Client, tmp_path: Path) -> None:
    """Accounts, departments and locations exist; everything else comes only in the schema's words."""
    messages = sent(reader, "v1", "Vendors", "Classes", "Projects", "Customers", "Items", "Bills", "JournalEntries")
    made = company(Clock())
    for role, account in demo_facts().posting_accounts.items():
        made.company().facts.posting_accounts.put(role, value=account)
    pipe = Pipe(tmp_path, made)
    arrived: dict[str, list[dict[str, Any]]] = {}
    with closing(made):
        for stream in ("Classes", "Customers", "Vendors", "Items", "Projects", "Bills", "JournalEntries"):
            schema = next(one for one in messages if one["type"] == "SCHEMA" and one["stream"] == stream)
            records = [one for one in messages if one["type"] == "RECORD" and one["stream"] == stream]
            some = [one for one in records if is_recent(one["record"])][-40:] if stream in DOCUMENTS else records
            ran = pipe([schema | {"key_properties": []}, *map(foreign, some)])
            assert (ran.status, ran.letters) == (0, []), (stream, [one.get("reason") for one in ran.letters])
            arrived[stream] = some
        there = {(row["RECORDID"], row["VENDORID"]): Decimal(row["TRX_TOTALENTERED"]) for row in pipe.rows("APBILL")}
        assert len(pipe.rows("GLBATCH")) > 60
    for bill in (one["record"] for one in arrived["Bills"]):
        assert there[bill["vendorBillNumber"], bill["vendorId"]] == Decimal(str(bill["totalAmount"]))


DOCUMENTS = ("Bills", "JournalEntries")


def is_recent(record: dict[str, Any]) -> bool:
    """Entries of people, in a month that is still open."""
    return bool(record.get("issueDate", "2026-11-01") >= "2026-10-01" and record.get("type", "GJ") == "GJ"
                and record.get("transactionDate", "2026-11-01") >= "2026-10-01")  # fmt: skip


def foreign(message: dict[str, Any]) -> dict[str, Any]:
    """The record as a new one: without its number, and active, since an inactive one cannot be referred to."""
    record = {name: value for name, value in message["record"].items() if name != "id"}
    return message | {"record": record | ({"active": True} if "active" in record else {})}
