"""The streams that Meltano's SDK ships for testing targets, piped into `target-intacct` as they are.

Mappings make them records of small objects; what the SDK's own tests say of each stream is what is expected here.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.operations.exit_statuses import USAGE
from support.journeys.piping import Pipe
from support.judges import judge
from support.small_company import Clock, company

pytestmark = pytest.mark.foreign
FAILED = 1
CLASS = 'object = "CLASS"\nrest = "drop"\n[fields]\nCLASSID = {{ from = "{}", as = "text" }}\nNAME = {}\n'
DEPARTMENT = (
    'object = "DEPARTMENT"\nrest = "drop"\n[fields]\nDEPARTMENTID = {{ from = "{}", as = "text" }}\nTITLE = {}\n'
)
LOCATION = 'object = "LOCATION"\nrest = "drop"\n[fields]\nLOCATIONID = {{ from = "{}", as = "text" }}\nNAME = {}\n'
NONE = '{ from = ["optional", "metric", "a2"], as = "text", default = "none" }'
MAPPINGS = {
    "test_users": CLASS.format("id", '"name"'),
    "test_locations": DEPARTMENT.format("id", '"name"'),
    "test_user_in_location": LOCATION.format("id", '{ from = "info.mood", default = "none" }'),
    "test_strings": CLASS.format("id", '"info"'),
    "test_strings_in_objects": DEPARTMENT.format("id", '"info.name"'),
    "test_strings_in_arrays": LOCATION.format("id", '"strings[0]"'),
    "TestCamelcase": CLASS.format("Id", '"clientName"'),
    "ForecastingTypeToCategory": CLASS.format("Id", '"ForecastingItemCategory"'),
    "test:SpecialChars!in?attributes": CLASS.format("_id", '"d.env"'),
    "test_object_schema*": CLASS.format("object_store.id", '{ from = "object_store.metric", as = "text" }'),
    "example_stream": CLASS.format("id", '"name"'),
    "test_array_data": CLASS.format("id", '"fruits[0]"'),
    "test_multiple_state_messages_b": DEPARTMENT.format("id", NONE),
    "*": CLASS.format("id", NONE),
}
TEXTS = ["simple string 2837", "απλή συμβολοσειρά", "简单的字串", "chaîne simple", 'quoted "string"']
FINE: dict[str, tuple[list[str], list[Any]]] = {
    "array_data": (["apple", "banana", "orange", "pear"], [{"test_array_data": 4}]),
    "camelcase": (["Gitter Windows Desktop App", "Gitter iOS App"], []),
    "camelcase_complex_schema": ([], []),
    "duplicate_records": (["100", "20"], [{"test_duplicate_records": 2}]),
    "multiple_state_messages": (
        ["100", "110", "200", "220", "300", "330", "400", "440", "500", "550", "600", "660"],
        [
            {"test_multiple_state_messages_a": 1, "test_multiple_state_messages_b": 0},
            {"test_multiple_state_messages_a": 2, "test_multiple_state_messages_b": 1},
            {"test_multiple_state_messages_a": 3, "test_multiple_state_messages_b": 2},
            {"test_multiple_state_messages_a": 5, "test_multiple_state_messages_b": 3},
            {"test_multiple_state_messages_a": 5, "test_multiple_state_messages_b": 6},
        ],
    ),
    "no_primary_keys": (["11", "22", "33"], [{"test_no_pk": 3}]),
    "no_primary_keys_append": (["101", "202", "303", "404", "505"], [{"test_no_pk": 5}]),
    "optional_attributes": (
        ["Also optional", "This is optional", "none", "none"],
        [{"test_optional_attributes": 4}],
    ),
    "pk_updates": (["Alice", "Bob"], []),
    "record_missing_fields": (["none", "now you see me"], [{}]),
    "schema_no_properties": (["1", "2"], []),
    "schema_updates": ([f"string{n}" for n in range(1, 7)], [{"test_schema_updates": 6}]),
    "special_chars_in_attributes": (["prod"], []),
}


@pytest.fixture(scope="module")
def streams() -> Path:
    home = judge("singer-sdk").parent
    (found,) = home.glob("lib/python*/site-packages/singer_sdk/testing/target_test_streams")
    return found


@pytest.fixture
def pipe(tmp_path: Path) -> Pipe:
    mappings = {}
    for number, (stream, text) in enumerate(MAPPINGS.items()):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        mappings[stream] = str(file)
    return Pipe(tmp_path, company(Clock()), {"mappings": mappings})


@cache
def old(name: str) -> int:
    """How many records of an object the company had before."""
    return sum(1 for _ in company(Clock()).company().table(name).rows())


def new(pipe: Pipe, name: str) -> list[dict[str, Any]]:
    """What a run added."""
    return pipe.rows(name)[old(name) :]


def names(pipe: Pipe) -> list[str]:
    """What the stream left in the company, beside what was there."""
    return sorted([row["NAME"] for row in new(pipe, "CLASS")] + [row["TITLE"] for row in new(pipe, "DEPARTMENT")])


@pytest.mark.parametrize("stream", FINE)
def test_a_sound_stream_is_loaded_whole_and_its_states_come_in_order(pipe: Pipe, streams: Path, stream: str) -> None:
    expected, states = FINE[stream]
    ran = pipe((streams / f"{stream}.singer").read_bytes())
    assert ran.status == 0, ran.err
    assert names(pipe) == expected
    assert ran.states == states
    again = pipe((streams / f"{stream}.singer").read_bytes())
    assert again.status == 0, again.err
    assert names(pipe) == expected


@pytest.mark.parametrize(
    ("stream", "status", "says"),
    [
        ("invalid_schema", USAGE, "the schema of test_invalid_schema has no properties"),
        ("record_before_schema", USAGE, "comes before the stream's SCHEMA"),
        ("record_missing_key_property", FAILED, "id is a key property"),
        ("record_missing_required_property", FAILED, "id is required by the stream's schema"),
    ],
)
def test_an_unsound_stream_is_refused_in_words(pipe: Pipe, streams: Path, stream: str, status: int, says: str) -> None:
    ran = pipe((streams / f"{stream}.singer").read_bytes())
    assert ran.status == status
    assert says in ran.err
    assert ran.states == []
    assert names(pipe) == []


def test_texts_of_every_script_arrive_and_what_xml_cannot_carry_is_refused(pipe: Pipe, streams: Path) -> None:
    ran = pipe((streams / "encoded_string_data.singer").read_bytes())
    assert ran.status == FAILED
    loaded = [row["NAME"] for row in new(pipe, "CLASS")]
    assert loaded[:5] == TEXTS
    refused = {(letter["stream"], letter["record"]["id"]) for letter in ran.letters if letter["type"] == "RECORD"}
    assert {stream for stream, _ in refused} <= {"test_strings", "test_strings_in_objects", "test_strings_in_arrays"}
    assert ("test_strings", 11) in refused
    assert "control character" in ran.err
    assert len(ran.states) == 1, "refused records are settled"


def test_streams_that_refer_to_each_other_are_loaded_and_then_updated(pipe: Pipe, streams: Path) -> None:
    assert pipe((streams / "user_location_data.singer").read_bytes()).status == 0
    assert [row["NAME"] for row in new(pipe, "CLASS")] == [
        "Yannis", "Micael", "Jacob", "Josh", "Thomas",
    ]  # fmt: skip
    ran = pipe((streams / "user_location_upsert_data.singer").read_bytes())
    assert ran.status == 0, ran.err
    users = {row["CLASSID"]: row["NAME"] for row in new(pipe, "CLASS")}
    assert users == {
        "1": "Johny", "2": "George", "3": "Jacob", "4": "Josh", "5": "Jim", "8": "Thomas", "12": "Paul", "13": "Mary",
    }  # fmt: skip
    assert "updated" in ran.err
