"""A batch as JSON lines equals the output of a JSON encoder for the same rows, with every digit kept."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_protocol.xml.jsonlines import blocks_of_lines, json_lines
from support.protocol.json_rows import ROWS, SCHEMA


@settings(deadline=None)
@given(ROWS, st.booleans())
def test_every_cell_reads_back_exactly(rows: list[dict[str, Any]], as_text: bool) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
    lines = json_lines(batch, '{"record":', "}", decimals_as_text=as_text).decode()
    back = [json.loads(line, parse_float=Decimal)["record"] for line in lines.split("\n")[:-1]]
    assert len(back) == len(rows)
    for row, got in zip(rows, back, strict=True):
        assert {name: got[name] for name in ("t", "i", "b")} == {name: row[name] for name in ("t", "i", "b")}
        assert got["day"] == (None if row["day"] is None else row["day"].isoformat())
        if row["d"] is None:
            assert got["d"] is None
        else:
            assert isinstance(got["d"], str) is as_text
            assert Decimal(got["d"]) == row["d"]
        if row["at"] is None:
            assert got["at"] is None
        else:
            assert datetime.fromisoformat(got["at"]) == row["at"]


def test_decimals_have_no_trailing_zeros() -> None:
    amounts = ["0", "-0.00", "100.00", "0.10", "-1234.50", "0.00000000000001", "1e3"]
    batch = pa.record_batch({"d": pa.array([Decimal(a) for a in amounts], pa.decimal128(38, 14))})
    assert json_lines(batch).decode().split() == [
        f'{{"d":{d}}}' for d in ["0", "0", "100", "0.1", "-1234.5", "0.00000000000001", "1000"]
    ]


def test_a_slice_of_a_batch_gives_only_its_rows() -> None:
    batch = pa.record_batch({"t": ["a", 'b"', "c"]}).slice(1, 1)
    assert json_lines(batch) == b'{"t":"b\\""}\n'


def test_columns_that_are_written_together_keep_their_own_cells() -> None:
    """Columns of one type are written together, those with empty cells, of one value, and without any among them."""
    kinds: dict[str, Callable[[int], Any]] = {
        "t": str,
        "i": int,
        "d": Decimal,
        "b": lambda number: number % 2 == 0,
        "day": lambda number: date.fromordinal(number + 1),
    }
    made: dict[str, list[Any]] = {}
    for name, of in kinds.items():
        made |= {
            f"{name}_full": [of(number % 7) for number in range(450)],
            f"{name}_other": [of(number) for number in range(450)],
            f"{name}_gaps": [of(number % 5) if number % 3 else None for number in range(450)],
            f"{name}_one": [of(1)] * 450,
            f"{name}_none": [None] * 450,
        }
    types = {name: SCHEMA.field(name.split("_")[0]).type for name in made}
    columns = {name: pa.array(values, types[name]) for name, values in reversed(made.items())}
    lines = json_lines(pa.record_batch(columns), decimals_as_text=True).splitlines()
    plain = {name: [v if v is None or isinstance(v, bool | int) else str(v) for v in of] for name, of in made.items()}
    rows = [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
    assert [json.loads(line) for line in lines] == rows


def test_a_fraction_of_a_second_is_written_in_its_own_column_only() -> None:
    whole, part = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 1, 31, 23, 59, 59, 500000, tzinfo=UTC)
    times = {"a": [whole, whole], "b": [whole, part], "c": [whole, None]}
    batch = pa.record_batch({name: pa.array(some, SCHEMA.field("at").type) for name, some in times.items()})
    assert json_lines(batch).decode().splitlines() == [
        '{"a":"2026-01-31T23:59:59Z","b":"2026-01-31T23:59:59.000000Z","c":"2026-01-31T23:59:59Z"}',
        '{"a":"2026-01-31T23:59:59Z","b":"2026-01-31T23:59:59.500000Z","c":null}',
    ]


def test_json_is_copied_as_it_is() -> None:
    written = ['{"a": "x"}', None, "[1]"]
    batch = pa.record_batch({"j": pa.array(written, pa.string()), "t": pa.array(written, pa.string())})
    assert json_lines(batch, as_written=("j",)).decode().splitlines() == [
        '{"j":{"a": "x"},"t":"{\\"a\\": \\"x\\"}"}',
        '{"j":null,"t":null}',
        '{"j":[1],"t":"[1]"}',
    ]


def test_rows_without_columns() -> None:
    batch = pa.record_batch({"t": ["a", "b"]}).select([])
    assert json_lines(batch, "<", ">") == b"<{}>\n<{}>\n"


def test_no_rows() -> None:
    assert json_lines(pa.record_batch({"t": pa.array([], pa.string())})) == b""


def test_the_lines_of_a_page_come_in_small_blocks_of_whole_lines() -> None:
    moments = [datetime(2026, 1, 1, 0, 0, second % 60, tzinfo=UTC) for second in range(2001)]
    rows: list[dict[str, Any]] = [
        {"i": number, "t": f"{number}\t", "at": moment} for number, moment in enumerate(moments)
    ]
    batch = pa.RecordBatch.from_pylist(rows, schema=pa.schema([SCHEMA.field(name) for name in ("i", "t", "at")]))
    blocks = list(blocks_of_lines(batch.slice(1)))
    assert all(bytes(block[-2:]) == b"}\n" for block in blocks)
    assert max(map(len, blocks)) < sum(map(len, blocks)) / 4
    read = [json.loads(line) for line in b"".join(blocks).splitlines()]
    assert read == [{**row, "at": row["at"].strftime("%Y-%m-%dT%H:%M:%SZ")} for row in rows[1:]]
