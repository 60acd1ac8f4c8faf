"""The text of the Singer protocol: schemas, catalogues, states and messages."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.singer.protocol.messages import (
    Selected,
    batch_records,
    catalog_entry,
    json_type,
    parse_message,
    read_catalog,
    record_frame,
    record_message,
    schema_message,
    state_message,
)
from intacct_bridge.apps.singer.protocol.state import read_state
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.xml.values import Kind

VENDOR = object_def(
    "VENDOR",
    [
        FieldDef("RECORDNO", Kind.INTEGER, "Record number", readonly=True),
        FieldDef("VENDORID", Kind.TEXT, "Vendor ID", required=True),
        FieldDef("CREDITLIMIT", Kind.DECIMAL, "Credit limit"),
        FieldDef("STATUS", Kind.ENUM, "Status", values=("active", "inactive")),
        FieldDef("WHENMODIFIED", Kind.TIMESTAMP, "Modified", readonly=True),
        FieldDef("RATING", Kind.TEXT, "Rating", custom=True),
    ],
)


def entry(*, selected: bool = True) -> dict[str, Any]:
    """A catalogue entry for VENDOR."""
    return catalog_entry(VENDOR, stream="VENDOR", keys=["RECORDNO"], replication_key="WHENMODIFIED", selected=selected)


def test_an_entry_names_key_method_and_types() -> None:
    made = entry()
    assert made["key_properties"] == ["RECORDNO"]
    assert made["replication_key"] == "WHENMODIFIED"
    properties = made["schema"]["properties"]
    assert properties["RECORDNO"]["type"] == ["integer"]
    assert properties["CREDITLIMIT"]["type"] == ["null", "number"]
    assert properties["WHENMODIFIED"]["format"] == "date-time"
    assert "one of: active, inactive" in properties["STATUS"]["description"]
    about = {tuple(one["breadcrumb"]): one["metadata"] for one in made["metadata"]}
    assert about[("properties", "RECORDNO")]["inclusion"] == "automatic"
    assert about[("properties", "RATING")]["intacct.custom"] is True


def test_decimals_as_strings_keep_the_convention() -> None:
    decimal = {"type": ["null", "string"], "format": "x-singer.decimal", "precision": 38, "scale": 14}
    assert json_type(Kind.CURRENCY, decimals="string") == decimal


def test_selection_is_honoured_down_to_the_field() -> None:
    made = entry()
    for one in made["metadata"]:
        if one["breadcrumb"] == ["properties", "STATUS"]:
            one["metadata"]["selected"] = False
        if one["breadcrumb"] == ["properties", "RECORDNO"]:
            one["metadata"]["selected"] = False  # ignored, because the field is automatic
    assert read_catalog({"streams": [made, entry(selected=False)]}) == [
        Selected("VENDOR", ("RECORDNO", "VENDORID", "CREDITLIMIT", "WHENMODIFIED", "RATING"))
    ]


def test_the_legacy_way_to_select_a_stream() -> None:
    bare = {"tap_stream_id": "X", "selected": True, "schema": {"properties": {"A": {}}}, "metadata": []}
    assert read_catalog({"streams": [bare]}) == [Selected("X", ("A",))]


def test_a_catalogue_without_streams_is_refused() -> None:
    with pytest.raises(SettingsError, match="no list of streams"):
        read_catalog({})


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "CLASS",
        {"stream": "CLASS", "selected": True},
        {"tap_stream_id": "CLASS", "selected": True, "schema": None},
        {"tap_stream_id": 5, "selected": True},
    ],
)
def test_an_invalid_catalogue_is_refused_with_the_fix(entry: Any) -> None:
    with pytest.raises(SettingsError, match="Singer specification") as refused:
        read_catalog({"streams": [entry]})
    assert "--discover" in refused.value.fix


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": {}, "versions": {"CLASS": "z"}},
        {"bookmarks": {}, "versions": 5},
        {"bookmarks": {}, "run": "x"},
        {"bookmarks": {"CLASS": {"progress": {"known_rows": 5}}}},
        {"bookmarks": {"CLASS": {"progress": {"run": "one"}}}},
        {"bookmarks": {"CLASS": {"progress": {"unread": 5}}}},
        {"bookmarks": {"CLASS": {"replication_key_value": 5}}},
    ],
)
def test_a_damaged_state_is_refused_with_the_fix(state: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="damaged"):
        read_state(state)


def test_a_record_line_and_its_frame_agree() -> None:
    record = {"RECORDNO": 1, "CREDITLIMIT": Decimal("100.250"), "NAME": 'é "x"'}
    line = record_message("VENDOR", record, version=3, extracted_at="2026-11-21T00:00:00Z")
    before, after = record_frame("VENDOR", version=3, extracted_at="2026-11-21T00:00:00Z")
    assert line.startswith(before.encode())
    assert line.endswith(after.encode() + b"\n")
    assert b"100.250" in line
    assert json.loads(line)["version"] == 3


def test_messages_are_read_back() -> None:
    schema = parse_message(schema_message("V", {"properties": {}}, ["A"], "B"), 1)
    assert (schema.type, schema.stream, schema.key_properties) == ("SCHEMA", "V", ("A",))
    assert parse_message(state_message({"bookmarks": {}}), 2).value == {"bookmarks": {}}
    record = parse_message(b'{"type":"RECORD","stream":"V","record":{"x":0.1}}', 3)
    assert record.record["x"] == Decimal("0.1")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "line 7 is not JSON"),
        (b"[]", "not a Singer message"),
        (b'{"type":"FISH"}', "'FISH'"),
        (b'{"type":"RECORD","record":{}}', "needs a stream"),
        (b'{"type":"RECORD","stream":"V"}', "needs a record"),
        (b'\x80{"type":"STATE"}', "line 7 is not JSON"),
        (b'{"type":"RECORD","stream":"V","record":{"x":"\xff"}}', "line 7 is not JSON"),
        (b'{"type":"SCHEMA","stream":"V","schema":[1]}', "line 7: schema is '\\[1\\]', not an object"),
        (b'{"type":"SCHEMA","stream":"V","schema":{},"key_properties":5}', "key_properties is '5', not a list"),
        (b'{"type":"SCHEMA","stream":"V","schema":{"required":7}}', "required is '7', not a list"),
        (b'{"type":"SCHEMA","stream":"V","schema":{},"bookmark_properties":[1]}', "bookmark_properties is"),
        (b'{"type":"BATCH","stream":"V","manifest":[4]}', "manifest is"),
        (b'{"type":"BATCH","stream":"V","encoding":"jsonl"}', "encoding is 'jsonl', not an object"),
    ],
)
def test_an_invalid_message_is_refused_with_its_line(line: bytes, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        parse_message(line, 7)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"type": "RECORD", "stream": "BILL", "record": {"AMOUNT": 1.50, "NAME": "a", "AMOUNT": 2.50}}', "AMOUNT"),
        (b'{"type": "RECORD", "stream": "BILL", "record": {"AMOUNT": 1}, "record": {"AMOUNT": 2}}', "record"),
        (b'{"type": "STATE", "value": {"bookmarks": {"BILL": 1, "BILL": 2}}}', "BILL"),
    ],
)
def test_a_message_that_has_a_key_twice_is_refused(line: bytes, key: str) -> None:
    with pytest.raises(SettingsError, match=f"line 7 has the key '{key}' twice"):
        parse_message(line, 7)


def test_a_record_of_a_batch_file_that_has_a_key_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "batch.jsonl"
    path.write_text('{"AMOUNT": 1, "NOTE": "\\"NOTE\\": 1"}\n{"AMOUNT": 1, "AMOUNT": 2}\n')
    records = batch_records(path.as_uri(), {"format": "jsonl"}, tmp_path)
    assert next(records)[2] == {"AMOUNT": 1, "NOTE": '"NOTE": 1'}
    with pytest.raises(SettingsError, match=r"batch\.jsonl:2 has the key 'AMOUNT' twice"):
        next(records)
