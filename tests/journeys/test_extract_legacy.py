"""Streams over document type 2.1: all records through get_list, into destinations that take Arrow pages."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.streams.defaults import listed_objects
from intacct_bridge.testing import Company
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import Reply
from support.journeys.copying import extract, rows
from support.journeys.tapping import Tap, discovered

NAMES = ("APBILL", "VENDOR", "CLASS")


@pytest.fixture
def old(recent: Emulator, tmp_path: Path) -> Iterator[Client]:
    with Client(replace(demo_connection(home=tmp_path), dtd_version="2.1"), transport=recent, keep=False) as client:
        yield client


@pytest.fixture
def new(recent: Emulator, tmp_path: Path) -> Iterator[Client]:
    with Client(demo_connection(home=tmp_path), transport=recent, keep=False) as client:
        yield client


@pytest.mark.parametrize("kind", ["duckdb", "parquet", "csv", "jsonl"])
def test_every_destination_stores_the_records_of_get_list(old: Client, new: Client, tmp_path: Path, kind: str) -> None:
    uri = f"{kind}:{tmp_path / 'copy'}"
    for _ in range(2):
        done = extract(old, uri, *NAMES)
        for name in NAMES:
            assert done[name].rows == sum(1 for _ in new.query(name, "RECORDNO"))
            assert done[name].deleted == 0


def test_records_lines_and_deletes(old: Client, new: Client, tmp_path: Path) -> None:
    copy = tmp_path / "copy.duckdb"
    extract(old, f"duckdb:///{copy}", *NAMES)
    bill = rows(copy, "APBILL")[0]
    truth = new.read("APBILL", [bill["recordno"]])[0]
    lines = truth["APBILLITEMS"]
    assert isinstance(lines, list)
    assert [one["recordno"] for one in json.loads(bill["billitems"])] == [str(line["RECORDNO"]) for line in lines]
    (made,) = new.create("CLASS", [{"CLASSID": "L-1", "NAME": "Legacy"}])
    assert made.ok
    assert extract(old, f"duckdb:///{copy}", "CLASS")["CLASS"].deleted == 0
    (gone,) = new.delete("CLASS", [str(row["RECORDNO"]) for row in new.query("CLASS", where="CLASSID = 'L-1'")])
    assert gone.ok
    assert extract(old, f"duckdb:///{copy}", "CLASS")["CLASS"].deleted == 1
    assert "L-1" not in {row["key"] for row in rows(copy, "CLASS")}


def test_fields_may_be_selected_in_any_case_and_fill_existing_columns(old: Client, tmp_path: Path) -> None:
    copy = tmp_path / "copy.duckdb"
    extract(old, f"duckdb:///{copy}", "VENDOR", select={"VENDOR": ["VENDORID", "name"]})
    chosen = rows(copy, "VENDOR")
    assert all(row["vendorid"] == row["key"] and row["name"] for row in chosen)
    assert extract(old, f"duckdb:///{copy}", "VENDOR")["VENDOR"].rows == len(chosen)
    extract(old, f"duckdb:///{copy}", "VENDOR", select={"VENDOR": ["VendorID"]})
    assert [row["vendorid"] for row in rows(copy, "VENDOR")] == [row["vendorid"] for row in chosen]


@pytest.mark.slow
def test_a_list_that_changes_while_it_is_read_is_read_again(two_years: Emulator, tmp_path: Path) -> None:
    demo, calls = two_years.clone(), 0
    new = Client(demo_connection(home=tmp_path), transport=demo, keep=False)

    def edited(endpoint: str, body: bytes) -> Reply:
        nonlocal calls
        if decode_request(body).operations[0].functions[0].name == "get_list":
            calls += 1
            if calls == 2:  # between the first page and the second
                (first,) = new.query(
                    "APBILL", "RECORDNO", where="WHENPOSTED >= 2026-11-01 and STATE = 'Posted'", limit=1
                )
                (done,) = new.delete("APBILL", [str(first["RECORDNO"])])
                assert done.ok, done.faults
        return demo(endpoint, body)

    old = replace(demo_connection(home=tmp_path), dtd_version="2.1")
    with Client(old, transport=edited, keep=False) as client:
        done = extract(client, f"duckdb:///{tmp_path / 'copy.duckdb'}", "APBILL")["APBILL"]
    assert done.error == ""
    assert done.pages > 2
    held = {row["recordno"] for row in rows(tmp_path / "copy.duckdb", "APBILL")}
    assert held >= {str(row["RECORDNO"]) for row in new.query("APBILL", "RECORDNO")}
    new.close()
    demo.close()


def test_a_record_deleted_and_another_added_between_two_pages_hide_none(
    recent: Emulator, new: Client, tmp_path: Path
) -> None:
    """The number of records is the same on both pages."""
    Company(recent).seed("CLASS", [{"CLASSID": f"L-{number:04}", "NAME": "Legacy"} for number in range(1200)])
    uri, pages = f"duckdb:///{tmp_path / 'copy.duckdb'}", 0

    def edited(endpoint: str, body: bytes) -> Reply:
        nonlocal pages
        if decode_request(body).operations[0].functions[0].name == "get_list":
            pages += 1
            if pages == 4:  # the second page of the second run
                (first,) = new.query("CLASS", "RECORDNO", where="CLASSID = 'L-0000'")
                assert new.delete("CLASS", [str(first["RECORDNO"])])[0].ok
                assert new.create("CLASS", [{"CLASSID": "L-NEW", "NAME": "Legacy"}])[0].ok
        return recent(endpoint, body)

    settings = replace(demo_connection(home=tmp_path), dtd_version="2.1")
    with Client(settings, transport=edited, keep=False) as client:
        assert extract(client, uri, "CLASS")["CLASS"].pages == 2
        assert extract(client, uri, "CLASS")["CLASS"].deleted == 0
        assert {row["key"] for row in rows(tmp_path / "copy.duckdb", "CLASS")} >= {
            row["CLASSID"] for row in new.query("CLASS", "CLASSID")
        }
        assert extract(client, uri, "CLASS")["CLASS"].deleted == 1


def test_an_object_that_2_1_does_not_list_is_refused_and_costs_only_itself(old: Client, tmp_path: Path) -> None:
    assert "GLDETAIL" not in listed_objects(old)
    done = extract(old, f"duckdb:///{tmp_path / 'copy.duckdb'}", "GLDETAIL", "CLASS", failing=("GLDETAIL",))
    assert "2.1" in done["GLDETAIL"].error
    assert (done["CLASS"].error, done["CLASS"].complete) == ("", True)


def test_a_page_of_columns(old: Client) -> None:
    head, rows = old.batch(Query("CLASS", ("classid", "name"), page_size=3))
    assert (head.count, rows.num_rows, rows.schema.names) == (3, 3, ["CLASSID", "NAME"])
    with pytest.raises(InvalidRequestError, match="does not reach GLDETAIL"):
        old.batch(Query("GLDETAIL", ("*",)))


def test_the_tap_over_2_1(tap: Tap) -> None:
    config, catalog, document = discovered(tap, "CLASS", dtd_version="2.1")
    assert document["streams"][0]["key_properties"] == ["key"]
    ran = tap.run("--config", config, "--catalog", catalog)
    assert ran.status == 0, ran.err
    assert {"key", "classid", "name"} <= set(ran.records("CLASS")[0])
