"""The owners of records: private records, shared ones, and a column that names the owning entity."""

import hashlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.client.attachments import AttachedFile
from intacct_bridge.client.client import Client
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.extract.selection import select_streams
from intacct_protocol.errors import InvalidRequestError
from support.journeys.copying import ended, selected
from support.journeys.tapping import Tap, discovered

NAMES = ("VENDOR", "APBILL", "APBILLITEM", "ARINVOICE", "ARINVOICEITEM", "CLASS")


def extract(client: Client, copy: Path, *names: str, column: str = "owner") -> dict[str, int]:
    with closing(open_destination(f"duckdb:///{copy}")) as destination:
        done = ended(prepare(client, ReadRequest(names, entity_column=column)).into(destination))
    return {name: one.rows for name, one in done.items()}


def test_the_top_level_sees_each_record_of_every_entity_once(reader: Client, tmp_path: Path) -> None:
    copy = tmp_path / "copy.duckdb"
    extract(reader, copy, *NAMES)
    for name in ("VENDOR", "APBILL", "CLASS"):
        seen: dict[Any, Any] = {}
        for entity in ("100", "200", "300"):
            with reader.entity(entity) as inside:
                seen |= {row["RECORDNO"]: row["MEGAENTITYID"] for row in inside.query(name, "RECORDNO, MEGAENTITYID")}
        held = selected(copy, f'SELECT "RECORDNO", owner FROM "{name}"')
        assert len(held) == len(seen), name
        assert {row["RECORDNO"]: row["owner"] for row in held} == seen
    assert {row["owner"] for row in selected(copy, 'SELECT DISTINCT owner FROM "VENDOR"')} == {None, "300"}


def test_lines_belong_to_their_headers_owner(reader: Client, tmp_path: Path) -> None:
    copy = tmp_path / "copy.duckdb"
    extract(reader, copy, *NAMES)
    for line, header in (("APBILLITEM", "APBILL"), ("ARINVOICEITEM", "ARINVOICE")):
        strange = f"""SELECT count(*) AS n FROM "{line}" AS line JOIN "{header}" AS header
            ON header."RECORDNO" = line."RECORDKEY" WHERE line.owner IS DISTINCT FROM header."MEGAENTITYID" """
        assert selected(copy, strange) == [{"n": 0}]
        (private,) = selected(copy, f'SELECT count(*) AS n FROM "{line}" WHERE owner IS NOT NULL')
        assert private["n"] > 0, line
    assert "ARINVOICE.MEGAENTITYID" not in selected(copy, 'SELECT * FROM "ARINVOICEITEM" LIMIT 1')[0]


def test_the_copy_of_an_entity_holds_the_records_that_it_sees(reader: Client, tmp_path: Path) -> None:
    with reader.entity("300") as inside:
        extract(inside, tmp_path / "one.duckdb", "VENDOR")
        count = sum(1 for _ in inside.query("VENDOR", "RECORDNO"))
    held = selected(tmp_path / "one.duckdb", 'SELECT owner FROM "VENDOR"')
    assert len(held) == count
    assert {row["owner"] for row in held} == {None, "300"}


def test_the_name_of_a_field_is_refused_for_the_column(reader: Client, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="already has a field NAME"):
        extract(reader, tmp_path / "copy.duckdb", "CLASS", column="NAME")


def test_fields_of_related_objects_are_selected_by_their_paths(reader: Client) -> None:
    (stream,) = select_streams(reader, ["ARINVOICEITEM"], {"ARINVOICEITEM": ["AMOUNT", "ARINVOICE.RECORDID"]}).streams
    assert "ARINVOICE.RECORDID" in stream.fields
    with pytest.raises(InvalidRequestError, match="ARINVOICE"):
        select_streams(reader, ["ARINVOICEITEM"], {"ARINVOICEITEM": ["ARINVOICE.NOTHING"]})


def test_the_tap_names_owners_and_saves_files(tap: Tap) -> None:
    with Client(demo_connection(home=tap.place), transport=tap.emulator, keep=False) as client:
        client.attachments.create_folder("Bills")
        (bill,) = client.query("APBILL", "RECORDNO", where="STATE = 'Posted'", limit=1)
        made = client.attachments.create("S/1", [AttachedFile("a", "pdf", b"%PDF")], folder="Bills")
        assert made.ok, made.faults
        client.update("APBILL", [{"RECORDNO": bill["RECORDNO"], "SUPDOCID": "S/1"}])
    config, catalog, document = discovered(tap, "APBILL", "APBILLITEM", entity_column="owner", sync_attachments=True)
    assert all("owner" in one["schema"]["properties"] for one in document["streams"])
    ran = tap.run("--config", config, "--catalog", catalog)
    assert ran.status == 0, ran.err
    assert {one["owner"] for one in ran.records("APBILLITEM")} == {None, "100", "200", "300"}
    (saved,) = (tap.place / "sync-output" / "attachments").glob("S_1-*/a.pdf")
    assert saved.read_bytes() == b"%PDF"
    index = (tap.place / "sync-output" / "attachments" / "files.jsonl").read_text()
    assert hashlib.sha256(b"%PDF").hexdigest() in index
    assert '"supdoc": "S/1"' in index
    assert "1 attached file saved" in ran.err
