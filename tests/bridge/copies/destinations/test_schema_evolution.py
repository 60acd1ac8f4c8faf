"""A table's columns follow the company's fields, and never hold less than before."""

from decimal import Decimal

import pyarrow as pa
import pytest

from intacct_bridge.copies.destinations.schema_evolution import combined, evolve, schema_of
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.typed_arrow import arrow_type
from intacct_protocol.xml.values import Kind

MONEY = pa.decimal128(38, 14)
TIME = pa.timestamp("us", "UTC")


def test_every_kind_has_its_type() -> None:
    assert schema_of({kind.value: kind for kind in Kind}).types == [arrow_type(kind) for kind in Kind]
    assert arrow_type(Kind.CURRENCY) == arrow_type(Kind.PERCENT) == MONEY
    assert arrow_type(Kind.TIMESTAMP) == TIME
    assert arrow_type(Kind.SEQUENCE) == pa.string()


def test_a_new_field_is_a_new_column_and_is_named() -> None:
    found = evolve("T", pa.schema([("A", pa.int64())]), pa.schema([("B", MONEY), ("A", pa.int64())]))
    assert found.schema.names == ["A", "B"]
    assert (found.added, found.widened) == (("B",), ())


@pytest.mark.parametrize(
    ("held", "met", "wider"),
    [
        (pa.int64(), MONEY, MONEY),
        (MONEY, pa.int64(), MONEY),
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.decimal128(18, 2), MONEY, MONEY),
        (pa.date32(), TIME, TIME),
        (TIME, pa.date32(), TIME),
        (pa.timestamp("s", "UTC"), TIME, TIME),
        (pa.null(), pa.string(), pa.string()),
        (pa.large_string(), pa.string(), pa.string()),
    ],
)
def test_a_column_widens_to_hold_both(held: pa.DataType, met: pa.DataType, wider: pa.DataType) -> None:
    found = evolve("T", pa.schema([("A", held)]), pa.schema([("A", met)]))
    assert found.schema.field("A").type == wider
    assert found.widened == (() if held == wider else ("A",))


@pytest.mark.parametrize(
    ("held", "met"),
    [(pa.string(), pa.int64()), (pa.int64(), pa.string()), (pa.bool_(), pa.int64()), (MONEY, pa.date32())],
)
def test_a_change_of_meaning_is_refused_with_table_column_and_fix(held: pa.DataType, met: pa.DataType) -> None:
    with pytest.raises(SettingsError, match=r"APBILL\.NOTE holds .* now sends") as refused:
        evolve("APBILL", pa.schema([("NOTE", held)]), pa.schema([("NOTE", met)]))
    assert "`full = true`" in refused.value.fix
    assert refused.value.exit_status == 2


def test_waiting_batches_become_one_table_of_the_destinations_types() -> None:
    whole = pa.RecordBatch.from_pydict({"K": [1, 2]})
    broken = pa.RecordBatch.from_pydict({"K": pa.array([Decimal("2.5")], MONEY), "NEW": ["x"]})
    rows = combined([whole, broken], pa.schema([("K", MONEY), ("NEW", pa.string()), ("OTHER", pa.bool_())]))
    assert rows.to_pylist() == [
        {"K": Decimal(1), "NEW": None},
        {"K": Decimal(2), "NEW": None},
        {"K": Decimal("2.5"), "NEW": "x"},
    ]


def test_where_a_key_came_twice_the_last_row_counts() -> None:
    first = pa.RecordBatch.from_pydict({"K": [1, 2], "V": ["old", "two"]})
    second = pa.RecordBatch.from_pydict({"K": [1], "V": ["new"]})
    rows = combined([first, second], first.schema, "K")
    assert sorted(rows.to_pylist(), key=lambda row: row["K"]) == [{"K": 1, "V": "new"}, {"K": 2, "V": "two"}]
