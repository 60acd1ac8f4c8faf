"""Text from outside that nests deeper than its reader can go is refused with its place, in every format."""

from collections.abc import Callable
from pathlib import Path

import pytest

from intacct_bridge.apps.singer.protocol.messages import batch_records, parse_message
from intacct_bridge.apps.terminal.process import json_object
from intacct_bridge.connections import toml_file
from intacct_bridge.copies.live_sql.statement import live_statement, parsed
from intacct_bridge.copies.questions.checked_select import checked_select
from intacct_bridge.fleet.tenant_files import read_flows, read_secrets, read_tenants
from intacct_bridge.load.plan.plan_file import open_plan
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.mapping.language import parse_map
from intacct_bridge.operations.records import fields_of_document
from intacct_protocol.errors import IntacctError

ARRAY = "[" * 100_000 + "]" * 100_000
OBJECT = '{"a":' * 100_000 + "1" + "}" * 100_000
KEYS = '{"a":' * 600 + "1" + "}" * 600
"""As deep as the decoder goes, and deeper than what looks for repeated keys."""
TOML = "a = " + "[" * 3_000 + "]" * 3_000
SQL = "SELECT " + "(" * 500 + "1" + ")" * 500


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


READERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "rows": (lambda at: open_table(file(at, "a.jsonl", f'{{"a":1}}\n{{"a":{ARRAY}}}')), "a.jsonl:2 is nested 100,001"),
    "rows with keys": (lambda at: open_table(file(at, "a.jsonl", KEYS)), "a.jsonl:1 is nested 600"),
    "record": (lambda _: fields_of_document(OBJECT.encode(), "a.json"), "a.json is nested 100,000"),
    "record with keys": (lambda _: fields_of_document(KEYS.encode(), "a.json"), "a.json is nested 600"),
    "config": (lambda at: json_object(file(at, "a.json", OBJECT), "config"), "a.json is nested 100,000"),
    "message": (lambda _: parse_message(OBJECT.encode(), 7), "line 7 is nested 100,000"),
    "batch": (
        lambda at: list(batch_records(str(file(at, "a.jsonl", OBJECT)), {}, at)),
        "a.jsonl:1 is nested 100,000",
    ),
    "plan": (lambda at: open_plan(file(at, "a.plan", f'{{"plan": 1, "records": {ARRAY}}}')), "a.plan is not a plan"),
    "tenants": (lambda at: read_tenants(file(at, "a.json", ARRAY), None), "a.json is nested 100,000"),  # type: ignore[arg-type]
    "secrets": (lambda at: read_secrets(str(file(at, "a.json", OBJECT))), "a.json is nested 100,000"),
    "flows": (lambda at: read_flows(file(at, "a.toml", f"\n{TOML}")), "a.toml is nested 3,000 levels deep at"),
    "mapping": (lambda _: parse_map(f"b = 1\n{TOML}", "a.toml"), "a.toml is nested 3,000 levels deep at line 2"),
    "settings": (lambda at: toml_file.read(file(at, "a.toml", TOML)), "a.toml is nested 3,000"),
    "statement": (lambda _: parsed(SQL), "the statement is nested 500 levels deep at column 507"),
    "question": (lambda _: checked_select(SQL, ["APBILL"]), "the statement is nested 500"),
    "signs": (lambda _: parsed("SELECT " + "- " * 3_000 + "1"), "the statement is nested too deeply"),
    "live statement": (lambda _: live_statement(SQL, lambda _: {}), "the statement is nested 500"),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_text_that_is_nested_too_deeply_is_refused_with_its_place(tmp_path: Path, reader: str) -> None:
    read, message = READERS[reader]
    with pytest.raises(IntacctError) as refusal:
        read(tmp_path)
    assert message in refusal.value.message
    assert refusal.value.fix
    assert refusal.value.exit_status == 2


def test_brackets_in_quotation_marks_do_not_count() -> None:
    with pytest.raises(IntacctError) as refusal:
        parsed("SELECT '((((((((((((((((((((((((((((((', " + "abs(" * 60 + "1" + ")" * 60)
    assert refusal.value.message == "the statement is nested 60 levels deep at column 281"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", ",".join(f"c{number}" for number in range(500_000)) + "\n1", "a.csv:1 has 500,000 columns"),
        ("a.csv", "a" + "," * 500_000 + "\n1", "a.csv:1 has 500,001 columns"),
        (
            "a.jsonl",
            "{}\n{" + ",".join(f'"c{number}":1' for number in range(20_000)) + "}",
            "a.jsonl:2 has 20,000 columns",
        ),
    ],
)
def test_more_columns_than_a_sheet_has_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(IntacctError) as refusal:
        open_table(file(tmp_path, name, text))
    assert message in refusal.value.message and "16,384" in refusal.value.message
