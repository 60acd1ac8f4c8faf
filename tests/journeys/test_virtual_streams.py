"""Virtual streams, from the demo company into every kind of destination."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.extract.selection import select_streams
from intacct_bridge.extract.source import GatewaySource
from intacct_bridge.extract.virtual.registry import key_of
from intacct_bridge.streams.defaults import selected_fields
from intacct_bridge.streams.names import parse_virtual
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError
from support.journeys.copying import extract, rows
from support.journeys.tapping import Tap, discovered

AUTUMN = "from=2026-09-15&to=2026-11-30"
REPORT = "report:Bills due?APBILL.WHENDUE=2026-11-01..2026-12-31"


def test_a_trial_balance_is_the_ledger_month_by_month(reader: Client, tmp_path: Path) -> None:
    copy = tmp_path / "copy.duckdb"
    outcome = extract(
        reader, f"duckdb:///{copy}", f"trial_balance?{AUTUMN}&by=location&statistical=include", "GLDETAIL"
    )["trial_balance"]
    held = rows(copy, "trial_balance")
    spans = sorted({(row["from_date"], row["to_date"]) for row in held})
    assert spans == [
        (date(2026, 9, 15), date(2026, 9, 30)),
        (date(2026, 10, 1), date(2026, 10, 31)),
        (date(2026, 11, 1), date(2026, 11, 30)),
    ]
    assert outcome.pages == outcome.transactions == 3
    assert all(row["startbalance"] + row["debits"] - row["credits"] == row["endbalance"] for row in held)
    with duckdb.connect(str(copy)) as con:
        ((debits,),) = con.execute(
            """SELECT sum("DEBITAMOUNT") FROM "GLDETAIL" WHERE "BATCH_DATE" BETWEEN DATE '2026-10-01' AND '2026-10-31'
            AND "BOOKID" = 'ACCRUAL'"""
        ).fetchall()
    october = [row["debits"] for row in held if row["from_date"] == date(2026, 10, 1)]
    assert sum(october, Decimal(0)) == debits > 0


def test_balances_are_read_again_only_when_the_ledger_changed(reader: Client, tmp_path: Path) -> None:
    uri, name = f"duckdb:///{tmp_path / 'copy.duckdb'}", f"trial_balance?{AUTUMN}"
    assert extract(reader, uri, name)["trial_balance"].rows > 100
    idle = extract(reader, uri, name)["trial_balance"]
    assert (idle.rows, idle.full, idle.deleted) == (0, False, 0)
    before = {row["_key"]: row["endbalance"] for row in rows(tmp_path / "copy.duckdb", "trial_balance")}
    entry = next(reader.query("GLBATCH", "RECORDNO", where="JOURNAL = 'GJ' and BATCH_DATE >= 2026-11-01"))
    (done,) = reader.delete("GLBATCH", [str(entry["RECORDNO"])])
    assert done.ok, done.faults
    assert extract(reader, uri, name)["trial_balance"].rows > 100
    after = {row["_key"]: row["endbalance"] for row in rows(tmp_path / "copy.duckdb", "trial_balance")}
    assert before != after


def test_an_entry_without_any_time_may_be_new_so_balances_are_read_again(
    reader: Client, demo: Emulator, tmp_path: Path
) -> None:
    uri, name = f"duckdb:///{tmp_path / 'copy.duckdb'}", f"trial_balance?{AUTUMN}"
    extract(reader, uri, name)
    assert extract(reader, uri, name)["trial_balance"].rows == 0
    table = demo.company().store.table("GLBATCH")
    number, row = next(table.rows())
    table.update(number, {name: text for name, text in row.items() if name not in ("WHENMODIFIED", "WHENCREATED")})
    assert extract(reader, uri, name)["trial_balance"].rows > 100


def test_balances_get_a_column_that_is_selected_later_although_the_ledger_did_not_change(
    reader: Client, tmp_path: Path
) -> None:
    uri, name = f"duckdb:///{tmp_path / 'copy.duckdb'}", f"trial_balance?{AUTUMN}"
    extract(reader, uri, name, select={"trial_balance": ["endbalance"]})
    assert extract(reader, uri, name)["trial_balance"].rows > 100
    held = rows(tmp_path / "copy.duckdb", "trial_balance")
    assert all(row["startbalance"] + row["debits"] - row["credits"] == row["endbalance"] for row in held)
    assert extract(reader, uri, name)["trial_balance"].rows == 0


def test_custom_fields_are_selected_only_by_name(reader: Client) -> None:
    """Where all fields are read, a new custom field does not cause a full refresh."""
    (every,), (some,) = (
        select_streams(reader, ["VENDOR"], select).streams for select in ({}, {"VENDOR": ["NAME", "RISK_TIER"]})
    )
    assert "RISK_TIER" in every.custom
    assert ("RISK_TIER" in some.fields, some.custom) == (True, ())


def test_a_column_of_a_report_may_be_selected_in_any_case(reader: Client, tmp_path: Path) -> None:
    uri, table = f"duckdb:///{tmp_path / 'copy.duckdb'}", "report_bills_due"
    extract(reader, uri, REPORT, select=selected_fields([f"{table}.RecordID"]))
    held = rows(tmp_path / "copy.duckdb", table)
    assert held
    assert all(row["RecordID"] for row in held)


def test_rows_that_are_no_longer_in_a_report_are_deleted_from_its_copy(reader: Client, tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path / 'copy.duckdb'}"
    first = extract(reader, uri, REPORT)["report_bills_due"]
    assert first.rows > 10
    bill = next(
        reader.query(
            "APBILL",
            "RECORDNO",
            where="WHENDUE between 2026-11-01 and 2026-12-31 and WHENPOSTED >= 2026-11-01 and STATE = 'Posted'",
        )
    )
    (done,) = reader.delete("APBILL", [str(bill["RECORDNO"])])
    assert done.ok, done.faults
    second = extract(reader, uri, REPORT)["report_bills_due"]
    held = rows(tmp_path / "copy.duckdb", "report_bills_due")
    assert (second.rows, second.deleted) == (first.rows - 1, 1)
    assert sorted(row["_row"] for row in held) == list(range(1, first.rows))
    assert str(bill["RECORDNO"]) not in {row["RECORDNO"] for row in held}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "duckdb"])
def test_every_destination_stores_them_twice(reader: Client, tmp_path: Path, kind: str) -> None:
    uri = f"{kind}:{tmp_path / 'copy'}"
    names = ("dimensions", "dimension_values", REPORT, f"account_balances?by=location,department&{AUTUMN}")
    first = extract(reader, uri, *names)
    second = extract(reader, uri, *names, full=True)
    for name in ("dimensions", "dimension_values", "report_bills_due", "account_balances"):
        assert first[name].rows == second[name].rows > 0, name
        assert second[name].deleted == 0


@pytest.mark.slow
def test_postgres_stores_them_twice(reader: Client, postgres: str) -> None:
    for _ in range(2):
        done = extract(reader, postgres, "dimension_values", REPORT, f"trial_balance?{AUTUMN}")
    assert done["report_bills_due"].deleted == 0 < done["report_bills_due"].rows


def test_values_of_user_defined_dimensions(reader: Client, tmp_path: Path) -> None:
    extract(reader, f"duckdb:///{tmp_path / 'copy.duckdb'}", "dimension_values", "dimensions")
    values = rows(tmp_path / "copy.duckdb", "dimension_values")
    assert {row["dimensionType"] for row in values} == {"FUND"}
    assert {row["name"] for row in values} == {row["name"] for row in reader.query("FUND", "name")}
    own = {row["objectName"] for row in rows(tmp_path / "copy.duckdb", "dimensions") if row["userDefinedDimension"]}
    assert own == {"FUND"}


def test_selected_columns(reader: Client) -> None:
    chosen = select_streams(
        reader, ["dimensions", REPORT], {"dimensions": ["termLabel"], "report_bills_due": ["VENDORID"]}
    )
    assert [list(one.fields) for one in chosen.streams] == [["objectName", "termLabel"], ["_row", "VENDORID"]]
    answer = next(iter(GatewaySource(reader).virtual_pages(chosen.streams[1])))
    assert answer.rows.schema.names == ["_row", "VENDORID"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("trial_balance?form=2026-01-01", "has no argument 'form'"),
        ("trial_balance?from=yesterday", "is not a valid date"),
        ("trial_balance?from=2026-10-01&statistical=maybe", "statistical='maybe' must be one of include, only"),
        ("trial_balance?by=vendor", "by department and location"),
        ("trial_balance?from=2026-02-01&to=2026-01-01", "is after"),
        ("trial_balance?from=1900-01-01&to=2026-01-01", "each an API transaction"),
        ("report:Bills due?APBILL.WHENDUE=a..b", "range of dates"),
        ("report:No such report", "does not exist"),
        ("report:", "has no name"),
    ],
)
def test_a_wrong_name_is_refused_before_the_gateway_or_by_it(reader: Client, name: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        list(GatewaySource(reader).virtual_pages(select_streams(reader, [name]).streams[0]))


def test_objects_are_not_virtual_streams() -> None:
    assert parse_virtual("APBILL") is None
    assert parse_virtual("SODOCUMENT:Sales Invoice") is None
    assert parse_virtual("trial_balances") == parse_virtual("Trial_Balance")


def test_different_rows_have_different_keys() -> None:
    assert key_of({"a": "x|", "b": "y"}, ("a", "b")) != key_of({"a": "x", "b": "|y"}, ("a", "b"))
    assert key_of({"a": "\\", "b": "|"}, ("a", "b")) != key_of({"a": "\\|", "b": ""}, ("a", "b"))


def test_the_tap_sends_them(tap: Tap) -> None:
    names = ("dimension_values", REPORT, f"trial_balance?{AUTUMN}")
    config, catalog, document = discovered(tap, *names)
    assert [one["stream"] for one in document["streams"]] == ["dimension_values", "report_bills_due", "trial_balance"]
    assert document["streams"][0]["key_properties"] == ["id", "dimensionType"]
    first = tap.run("--config", config, "--catalog", catalog)
    assert first.status == 0, first.err
    schemas = {one["stream"]: one for one in first.messages if one["type"] == "SCHEMA"}
    assert schemas["dimension_values"]["key_properties"] == ["id", "dimensionType"]
    assert "_key" not in first.records("dimension_values")[0]
    assert "VENDORNAME" in schemas["report_bills_due"]["schema"]["properties"]
    assert len(first.records("report_bills_due")) > 10
    ended = [one["stream"] for one in first.messages if one["type"] == "ACTIVATE_VERSION"]
    assert sorted(ended) == ["dimension_values", "report_bills_due", "trial_balance"]
    second = tap.run("--config", config, "--catalog", catalog, "--state", tap.keep("state.json", first.state))
    assert second.records("trial_balance") == []
    assert "trial_balance" not in [one["stream"] for one in second.messages if one["type"] == "ACTIVATE_VERSION"]


def test_the_tap_discovers_virtual_streams_that_need_no_name(tap: Tap) -> None:
    ran = tap.run("--config", tap.config(), "--discover")
    found = {one["stream"] for one in json.loads(ran.out)["streams"]}
    assert {"trial_balance", "account_balances", "dimensions", "dimension_values", "APBILL"} <= found


# --- parts of an object


def test_each_transaction_definition_is_a_stream_with_its_own_fields(reader: Client, tmp_path: Path) -> None:
    copy = tmp_path / "copy.duckdb"
    done = extract(reader, f"duckdb:///{copy}", "SODOCUMENT", "SODOCUMENT:*", "SODOCUMENTENTRY:Sales Order")
    parts = {name: one.rows for name, one in done.items() if name.startswith("SODOCUMENT_")}
    assert sum(parts.values()) == done["SODOCUMENT"].rows > 50
    orders = rows(copy, "SODOCUMENT_SALES_ORDER")
    assert {row["DOCPARID"] for row in orders} == {"Sales Order"}
    assert {row["DELIVERY_WINDOW"] for row in orders} == {"Morning", "Afternoon"}
    assert all("DELIVERY_WINDOW" not in rows(copy, name)[0] for name in ("SODOCUMENT", "SODOCUMENT_SALES_INVOICE"))
    lines = rows(copy, "SODOCUMENTENTRY_SALES_ORDER")
    assert {str(row["DOCHDRNO"]) for row in lines} == {str(row["RECORDNO"]) for row in orders}


def test_a_definition_follows_its_own_documents_alone(reader: Client, tmp_path: Path) -> None:
    copy, names = tmp_path / "copy.duckdb", ("SODOCUMENT:Sales Order", "SODOCUMENTENTRY:Sales Order")
    first = extract(reader, f"duckdb:///{copy}", *names)
    again = extract(reader, f"duckdb:///{copy}", *names)
    assert [again[name].rows for name in ("SODOCUMENT_SALES_ORDER", "SODOCUMENTENTRY_SALES_ORDER")] == [0, 0]
    whole = extract(reader, f"duckdb:///{copy}", *names, full=True)
    for name in ("SODOCUMENT_SALES_ORDER", "SODOCUMENTENTRY_SALES_ORDER"):
        assert (whole[name].rows, whole[name].deleted) == (first[name].rows, 0)


def test_the_audit_history_of_one_object_grows(reader: Client, tmp_path: Path) -> None:
    copy, name = tmp_path / "copy.duckdb", "audit_history_CLASS"
    before = extract(reader, f"duckdb:///{copy}", name)[name].rows
    (made,) = reader.create("CLASS", [{"CLASSID": "A-1", "NAME": "Audited"}])
    assert made.ok
    assert extract(reader, f"duckdb:///{copy}", name)[name].full is False
    held = rows(copy, name)
    assert {row["OBJECTTYPE"] for row in held} == {"class"}
    assert {row["ACCESSMODE"] for row in held} <= {"C", "D", "Create", "Delete"}
    assert len(held) == before + 1


def test_other_arguments_replace_the_balances_of_the_same_name(reader: Client, tmp_path: Path) -> None:
    """For an unchanged ledger nothing used to be read, so that the earlier days stayed."""
    copy = tmp_path / "copy.duckdb"

    def held(arguments: str) -> set[str]:
        extract(reader, f"duckdb:///{copy}", f"trial_balance?{arguments}")
        return {str(row["from_date"]) for row in rows(copy, "trial_balance")}

    assert held("from=2026-09-01&to=2026-10-31") == {"2026-09-01", "2026-10-01"}
    assert held("to=2026-10-31&from=2026-10-01") == {"2026-10-01"}
    again = extract(reader, f"duckdb:///{copy}", "trial_balance?from=2026-10-01&to=2026-10-31")["trial_balance"]
    assert (again.rows, again.full) == (0, False)
    with pytest.raises(InvalidRequestError, match="gives from twice"):
        select_streams(reader, ["trial_balance?from=2026-10-01&from=2026-10-01"])


def test_another_definition_under_the_same_name_replaces_the_first(reader: Client, tmp_path: Path) -> None:
    copy = tmp_path / "copy.duckdb"
    for definition in ("Sales Order", "Sales Invoice", "Sales Invoice"):
        done = extract(reader, f"duckdb:///{copy}", f"SODOCUMENT:{definition}?as=documents")["documents"]
    assert done.rows == 0
    living = {row["DOCPARID"] for row in rows(copy, "documents")}
    assert living == {"Sales Invoice"}


def test_a_definition_can_be_given_another_name(reader: Client, tmp_path: Path) -> None:
    copy, order = tmp_path / "copy.duckdb", "SODOCUMENT:Sales Order"
    for _ in range(2):
        done = extract(
            reader, f"duckdb:///{copy}", f"{order}?as=orders", "SODOCUMENTENTRY:Sales Order?as=Zeilen ü", order
        )
    assert {row["DOCPARID"] for row in rows(copy, "orders")} == {"Sales Order"}
    assert len(rows(copy, "orders")) == len(rows(copy, "SODOCUMENT_SALES_ORDER"))
    assert rows(copy, "Zeilen ü")
    assert [done[name].rows for name in ("orders", "Zeilen ü", "SODOCUMENT_SALES_ORDER")] == [0, 0, 0]
    chosen = select_streams(reader, [f"{order}?as=orders"], {"ORDERS": ["DOCNO"]}).streams
    assert "TOTAL" not in chosen[0].fields
    with pytest.raises(InvalidRequestError, match="two streams are called dimensions") as two:
        select_streams(reader, ["dimensions", f"{order}?as=dimensions"])
    assert two.value.fix == "Read them into copies of their own."


@pytest.mark.parametrize("name", ["SODOCUMENT:*?as=orders", "SODOCUMENT:Sales Order?as="])
def test_a_name_for_no_single_definition_is_refused(reader: Client, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not a table name for SODOCUMENT:") as refused:
        select_streams(reader, [name])
    assert "SODOCUMENT:NAME?as=TABLE" in refused.value.fix


@pytest.mark.parametrize("name", ["APBILL:Sales Order", "SODOCUMENT:", "SODOCUMENT:Sales Ordre"])
def test_an_impossible_definition_is_refused(reader: Client, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="transaction definition"):
        select_streams(reader, [name])


@pytest.mark.slow
def test_the_tap_under_hotglues_names(tap: Tap) -> None:
    names = (
        "audit_history_accounts_payable_vendors",
        "dimensions",
        "dimension_values",
        "budget_list",
        "budget_details",
    )
    config, catalog, document = discovered(tap, *names, stream_names="hotglue")
    found = {one["stream"]: one for one in document["streams"]}
    assert set(found) == set(names)
    audit = found["audit_history_accounts_payable_vendors"]
    assert (audit["key_properties"], audit["replication_key"]) == (["ID"], "ACCESSTIME")
    ran = tap.run("--config", config, "--catalog", catalog)
    assert ran.status == 0, ran.err
    assert {one["OBJECTTYPE"] for one in ran.records("audit_history_accounts_payable_vendors")} == {"vendor"}
    state = {"audit_history_accounts_payable_vendors": "2026-11-20T00:00:00Z"}
    ran = tap.run("--config", config, "--catalog", catalog, "--state", tap.keep("state.json", state))
    assert not [one for one in ran.messages if one["type"] == "ACTIVATE_VERSION" and "audit" in one["stream"]]
    tried = tap.run("--config", config, "--catalog", catalog, "--test")
    assert tried.err.count("can be read") == len(names)
    everything = tap.run("--config", tap.config(stream_names="hotglue"), "--discover")
    streams = [one["stream"] for one in json.loads(everything.out)["streams"]]
    assert sum(one.startswith("audit_history_") for one in streams) == 28
    assert len(streams) == len(set(streams))
