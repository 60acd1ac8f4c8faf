"""A page as Python values, without Arrow: the cells of the strict decoder, and the lines of a JSON encoder."""

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings

from intacct_protocol.errors import RecordError, RemoteProtocolError
from intacct_protocol.xml.jsonlines import json_lines
from intacct_protocol.xml.python_columns import (
    RowBatch,
    RowColumn,
    bounds_of,
    decode_rows,
    keep_rows,
    kinds_of,
    row_lines,
    with_texts,
)
from intacct_protocol.xml.strict_page import decode_page
from intacct_protocol.xml.typed_arrow import decode_batch
from intacct_protocol.xml.values import Formatting, Kind, parse_row
from support.protocol.answers import page
from support.protocol.json_rows import ROWS, SCHEMA
from support.protocol.pages import PAGE, SELF_CLOSED, SPACED, mutated
from support.protocol.tables import FIELDS, body_of, tables

KINDS = {
    "t": Kind.TEXT,
    "i": Kind.INTEGER,
    "d": Kind.DECIMAL,
    "b": Kind.BOOLEAN,
    "day": Kind.DATE,
    "at": Kind.TIMESTAMP,
}


def as_columns(rows: list[dict[str, Any]]) -> RowBatch:
    """Rows of the schema of `test_jsonlines`."""
    return RowBatch({name: RowColumn(kind, [row[name] for row in rows]) for name, kind in KINDS.items()}, len(rows))


@pytest.mark.parametrize("seed", range(2))
def test_a_mutated_page_has_the_cells_or_the_error_of_the_strict_decoder(seed: int) -> None:
    draw, read = random.Random(1000 + seed), 0
    for turn in range(1000):
        body = (PAGE, SPACED, SELF_CLOSED)[turn % 3]
        for _ in range(draw.randrange(1, 4)):
            body = mutated(body, draw)
        try:
            strict = decode_page(body)
        except RemoteProtocolError:
            with pytest.raises(RemoteProtocolError):
                decode_rows(body, {})
            continue
        response, head, rows = decode_rows(body, {})
        assert (response, head) == (strict.response, strict.head)
        if rows is not None:
            assert rows.to_pylist() == [{name: row.get(name) for name in rows.schema.names} for row in strict.rows]
            assert set(rows.schema.names) == {name for row in strict.rows for name in row}
            read += 1
    assert read > 50


@given(tables())
@settings(deadline=None, max_examples=200)
def test_rows_equal_their_cells_parsed_one_by_one_and_errors_are_those_of_arrow_columns(
    table: tuple[list[dict[str, str]], Formatting],
) -> None:
    rows, formatting = table
    body = body_of(rows)
    try:
        expected = [parse_row(row, FIELDS, formatting=formatting) for row in decode_page(body).rows]
    except RecordError:
        with pytest.raises(RecordError) as one:
            decode_rows(body, FIELDS, formatting)
        with pytest.raises(RecordError) as other:
            decode_batch(body, FIELDS, formatting)
        assert str(one.value) == str(other.value)
        return
    _, _, found = decode_rows(body, FIELDS, formatting)
    _, _, columns = decode_batch(body, FIELDS, formatting)
    assert found is not None
    assert columns is not None
    assert found.to_pylist() == expected
    assert kinds_of(found).keys() == kinds_of(columns).keys()
    assert row_bytes(found) == json_lines(columns)


def row_bytes(rows: RowBatch, *, decimals_as_text: bool = False) -> bytes:
    """All lines."""
    return b"".join(row_lines(rows, decimals_as_text=decimals_as_text))


@given(ROWS)
@settings(deadline=None, max_examples=150)
def test_lines_are_those_of_arrow_columns(rows: list[dict[str, Any]]) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
    for as_text in (False, True):
        assert row_bytes(as_columns(rows), decimals_as_text=as_text) == json_lines(batch, decimals_as_text=as_text)


def test_a_line_has_its_frame_every_digit_and_json_as_it_is() -> None:
    rows = RowBatch(
        {
            "100%": RowColumn(Kind.TEXT, ['a "b" \\ \n%s', None]),
            "AMOUNT": RowColumn(Kind.CURRENCY, [Decimal("-0.00000000000010"), Decimal(1200)]),
            "EMPTY": RowColumn(Kind.DATE, [None, None]),
            "LINES": RowColumn(Kind.TEXT, ['[{"a":1}]', None]),
            "AT": RowColumn(Kind.TIMESTAMP, [datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), None]),
        },
        2,
    )
    lines = b"".join(row_lines(rows, '{"record":', ',"n":"%d"}', as_written=("LINES",))).decode().splitlines()
    first = (
        '{"record":{"100%":"a \\"b\\" \\\\ \\n%s","AMOUNT":-0.0000000000001,"EMPTY":null,"LINES":[{"a":1}],'
        '"AT":"2026-01-31T23:59:59Z"},"n":"%d"}'
    )
    assert lines == [
        first,
        '{"record":{"100%":null,"AMOUNT":1200,"EMPTY":null,"LINES":null,"AT":null},"n":"%d"}',
    ]
    assert json.loads(lines[0])["record"]["100%"] == 'a "b" \\ \n%s'
    assert list(row_lines(rows.slice(0, 0))) == []
    assert b"".join(row_lines(RowBatch({}, 2), "[", "]")) == b"[{}]\n[{}]\n"


@pytest.mark.parametrize("form", ["rows", "arrow"])
def test_rows_are_kept_bounded_and_extended_in_both_forms(form: str) -> None:
    cells = "".join(f"<A><N>{number}</N><T>{text}</T></A>" for number, text in ((3, "x"), (1, ""), (2, "z")))
    decode: Any = decode_rows if form == "rows" else decode_batch
    _, _, rows = decode(page(cells, count=3), {"N": Kind.INTEGER, "T": Kind.TEXT, "WHEN": Kind.DATE})
    assert bounds_of(rows, "N") == (1, 3)
    assert bounds_of(rows, "WHEN") == (None, None)
    kept = with_texts(keep_rows(rows, [True, False, True]), "OWNER", ["o", None])
    assert kept.to_pylist() == [
        {"N": 3, "T": "x", "WHEN": None, "OWNER": "o"},
        {"N": 2, "T": "z", "WHEN": None, "OWNER": None},
    ]
    assert kept.drop_columns(["T"]).slice(1, 5).to_pylist() == [{"N": 2, "WHEN": None, "OWNER": None}]
    assert kinds_of(kept) == {"N": Kind.INTEGER, "T": Kind.TEXT, "WHEN": Kind.DATE, "OWNER": Kind.TEXT}
