"""The options of the Spark source, its columns and its spans of keys, without Spark."""

import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.apps.spark.columns import SparkColumn, given_columns, merged, shaped
from intacct_bridge.apps.spark.options import read_options
from intacct_bridge.operations.partitioned_read import key_spans
from intacct_protocol.errors import IntacctError, InvalidRequestError, RecordError, SettingsError
from intacct_protocol.xml.values import Kind

COMPANY = {
    "company_id": "acme",
    "user_id": "ws",
    "user_password": "hunter2",
    "sender_id": "s",
    "sender_password": "swordfish",
}


@pytest.fixture(autouse=True)
def _no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_options_name_the_read_and_the_connection_in_any_case() -> None:
    read = read_options({**COMPANY, "Object": "APBILL", "FIELDS": "RECORDNO, STATE", "partitions": "2"})
    assert (read.object, read.fields, read.partitions) == ("APBILL", ("RECORDNO", "STATE"), 2)
    assert read.connections[0].company_id == "acme"
    assert "hunter2" not in repr(read)
    assert pickle.loads(pickle.dumps(read)) == read


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "`object` is missing"),
        ({"object": "APBILL", "feilds": "A"}, "did you mean fields"),
        ({"object": "APBILL", "partitions": "0"}, "at least 1"),
        ({"object": "APBILL", "partitions": "3"}, "the limit of connection 'default' is 2"),
        ({"object": "APBILL", "connections": "a,b"}, "belongs to one company"),
        ({"object": "APBILL", "connections": "a", "connection": "b"}, "do not go together"),
        ({"object": "APBILL", "where": "A ="}, ""),
    ],
)
def test_a_wrong_option_is_named_with_its_fix(options: dict[str, str], told: str) -> None:
    with pytest.raises(IntacctError) as failed:
        read_options({**COMPANY, **options})
    assert told in failed.value.message


def test_more_partitions_than_requests_need_a_shared_limit() -> None:
    given = {**COMPANY, "object": "APBILL", "partitions": "64"}
    assert read_options({**given, "outbox": "postgresql://localhost/state"}).partitions == 64
    assert read_options({**given, "concurrency": "64"}).partitions == 64


def test_two_connections_to_one_company_are_refused(tmp_path: Path) -> None:
    table = "".join(f'{name} = "{value}"\n' for name, value in COMPANY.items())
    (tmp_path / "intacct.toml").write_text(f"[connections.a]\n{table}[connections.b]\n{table}")
    (tmp_path / "intacct.toml").chmod(0o600)
    assert read_options({"object": "APBILL", "connections": "a"}).connections[0].name == "a"
    with pytest.raises(SettingsError, match="rows would come twice"):
        read_options({"object": "APBILL", "connections": "a,b"})


# --- columns

NUMBER = SparkColumn("RECORDNO", "RECORDNO", Kind.INTEGER, "long", nullable=False)
AMOUNT = SparkColumn("AMOUNT", "AMOUNT", Kind.CURRENCY, "decimal(38,14)")


def schema(**types: str) -> dict[str, Any]:
    return {"fields": [{"name": name, "type": kind, "nullable": True} for name, kind in types.items()]}


def test_companies_with_other_columns_are_joined_and_other_types_refused() -> None:
    other = SparkColumn("AMOUNT", "AMOUNT", Kind.TEXT, "string")
    joined = merged({"a": [NUMBER], "b": [NUMBER, AMOUNT]})
    assert [one.name for one in joined] == ["RECORDNO", "AMOUNT"]
    assert not joined[0].nullable
    with pytest.raises(InvalidRequestError, match=r"decimal\(38,14\) in company a and string in company b"):
        merged({"a": [AMOUNT], "b": [other]})


def test_a_value_is_never_rounded_into_a_given_schema() -> None:
    from decimal import Decimal

    narrow = given_columns(schema(amount="decimal(10,2)"), [NUMBER, AMOUNT])
    rows = pa.RecordBatch.from_pydict({"AMOUNT": pa.array([Decimal("1.25"), None], pa.decimal128(38, 14))})
    assert shaped(rows, narrow, "acme", "BILL").to_pylist() == [{"amount": Decimal("1.25")}, {"amount": None}]
    exact = pa.RecordBatch.from_pydict({"AMOUNT": pa.array([Decimal("1.255")], pa.decimal128(38, 14))})
    with pytest.raises(RecordError, match="does not fit"):
        shaped(exact, narrow, "acme", "BILL")
    whole = pa.RecordBatch.from_pydict({"RECORDNO": pa.array([Decimal("1.5")], pa.decimal128(38, 14))})
    with pytest.raises(RecordError, match="RECORDNO does not fit long"):
        shaped(whole, [NUMBER], "acme", "BILL")
    with pytest.raises(RecordError, match="is empty in a row"):
        shaped(pa.RecordBatch.from_pydict({"RECORDNO": pa.nulls(1, pa.int64())}), [NUMBER], "acme", "BILL")


# --- spans of keys


@given(st.integers(-50, 1000), st.integers(0, 1000), st.integers(1, 20))
def test_every_key_is_in_exactly_one_span(low: int, length: int, count: int) -> None:
    spans = key_spans(low, low + length, count)
    assert len(spans) == min(count, length + 1)
    for key in (*range(low - 2, low + length + 3), low + length // 2):
        within = [one for one in spans if (not one.low or key > int(one.low)) and (not one.high or key < int(one.high))]
        assert len(within) == 1
