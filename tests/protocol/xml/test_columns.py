"""Typed columns equal rows parsed cell by cell, on both decoding paths."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_protocol.errors import RecordError, RemoteProtocolError
from intacct_protocol.xml.python_columns import decode_rows
from intacct_protocol.xml.strict_page import decode_page
from intacct_protocol.xml.typed_arrow import decode_batch, typed_column
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind, Value, parse_row, parse_value
from support.protocol.answers import answer, page, result
from support.protocol.tables import FIELDS, ODD, body_of, cells, formattings, tables


def read(body: bytes, formatting: Formatting = DEFAULT) -> "pa.RecordBatch":
    """The batch of a page."""
    _, head, batch = decode_batch(body, FIELDS, formatting)
    assert head is not None
    assert batch is not None
    assert head.count == batch.num_rows
    return batch


ROW = {
    "RECORDNO": "7",
    "AMOUNT": "1679615.93",
    "WHENCREATED": "02/28/2026",
    "WHENMODIFIED": "02/28/2026 23:59:59",
    "ONHOLD": "false",
    "MEMO": "Zürich & co",
}
EMPTY = dict.fromkeys(ROW, "")


def test_every_kind_has_its_type_and_empty_is_null() -> None:
    batch = read(body_of([ROW, EMPTY]))
    assert batch.schema.equals(
        pa.schema(
            {
                "RECORDNO": pa.int64(),
                "AMOUNT": pa.decimal128(38, 14),
                "WHENCREATED": pa.date32(),
                "WHENMODIFIED": pa.timestamp("us", "UTC"),
                "ONHOLD": pa.bool_(),
                "MEMO": pa.string(),
            }
        )
    )
    assert batch.to_pylist() == [
        {
            "RECORDNO": 7,
            "AMOUNT": Decimal("1679615.93"),
            "WHENCREATED": date(2026, 2, 28),
            "WHENMODIFIED": datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC),
            "ONHOLD": False,
            "MEMO": "Zürich & co",
        },
        dict.fromkeys(ROW),
    ]


def test_columns_come_in_the_requested_order_and_none_is_dropped() -> None:
    batch = read(page("<APBILL><CUSTOM>x</CUSTOM><MEMO>m</MEMO></APBILL>", count=1, object_name="APBILL"))
    assert batch.schema.names == [*FIELDS, "CUSTOM"]
    assert batch.to_pylist() == [dict.fromkeys(FIELDS) | {"CUSTOM": "x", "MEMO": "m"}]


def test_an_empty_page_has_typed_columns_and_no_rows() -> None:
    batch = read(page("", count=0))
    assert (batch.num_rows, batch.schema.names) == (0, list(FIELDS))


def test_an_answer_that_is_not_a_page_comes_back_as_its_response() -> None:
    response, head, batch = decode_batch(answer(result("<key>5</key>", function="create_bill")), FIELDS)
    assert (head, batch) == (None, None)
    assert response.operations[0].results[0].key == "5"


def test_a_malformed_page_raises_the_error_of_the_strict_decoder() -> None:
    with pytest.raises(RemoteProtocolError, match="not readable as XML"):
        decode_batch(body_of([ROW])[:-9], FIELDS)


def test_rows_of_different_shapes_are_decoded_strictly_with_the_same_types() -> None:
    shorter = {name: text for name, text in ROW.items() if name != "AMOUNT"}
    assert read(body_of([ROW, shorter])).to_pylist() == [
        *read(body_of([ROW])).to_pylist(),
        read(body_of([ROW])).to_pylist()[0] | {"AMOUNT": None},
    ]


@pytest.mark.parametrize("odd", ["2.5", str(2**63), str(-(2**63) - 1)])
def test_an_integer_column_widens_instead_of_losing_a_digit_and_its_type_shows_it(odd: str) -> None:
    batch = read(body_of([ROW, ROW | {"RECORDNO": odd}, EMPTY]))
    assert batch.schema.field("RECORDNO").type == pa.decimal128(38, 14)
    assert batch.column("RECORDNO").to_pylist() == [Decimal(7), Decimal(odd), None]


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("AMOUNT", "0.123456789012345", "has more than 14 digits after the point"),
        ("AMOUNT", "1e30", "has more than 24 digits before the point"),
        ("RECORDNO", "0x1F", "is not a number"),
        ("WHENCREATED", "02/30/2026", "is not a date"),
        ("WHENMODIFIED", "02/28/2026 10:00:60", "is not a date or time"),
        ("ONHOLD", "perhaps", "is neither true nor false"),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_a_bad_cell_is_named_by_field_text_and_record(field: str, text: str, message: str, *, strict: bool) -> None:
    rows = [ROW | {"RECORDNO": "1"}, ROW | {"RECORDNO": "2", field: text}, ROW | {field: text}]
    body = body_of(rows)
    if strict:
        body = body.replace(b"<APBILL>", b"<!-- --><APBILL>")
    key = text if field == "RECORDNO" else "2"
    with pytest.raises(RecordError) as caught:
        decode_batch(body, FIELDS)
    assert caught.value.message.startswith(f"{field} of APBILL {key}: '{text}' ")
    assert message in caught.value.message
    assert (caught.value.field, caught.value.record) == (field, f"APBILL {key}")


def test_a_bad_cell_of_a_record_without_a_key_is_named_by_its_row() -> None:
    body = page("<A><ONHOLD>true</ONHOLD></A><A><ONHOLD>x</ONHOLD></A>", count=2, object_name="A")
    with pytest.raises(RecordError, match="ONHOLD of A row 2"):
        decode_batch(body, FIELDS)


# --- columns against cells


@given(tables())
@settings(deadline=None, max_examples=300)
def test_a_batch_equals_its_rows_parsed_cell_by_cell(table: tuple[list[dict[str, str]], Formatting]) -> None:
    rows, formatting = table
    body = body_of(rows)
    try:
        expected = [parse_row(row, FIELDS, formatting=formatting) for row in decode_page(body).rows]
    except RecordError:
        with pytest.raises(RecordError, match=" of APBILL "):
            decode_batch(body, FIELDS, formatting)
        return
    assert read(body, formatting).to_pylist() == expected


@given(st.data(), st.sampled_from(list(ODD)), formattings)
@settings(deadline=None, max_examples=600)
def test_a_column_equals_its_cells_even_unusual_ones(data: st.DataObject, kind: Kind, formatting: Formatting) -> None:
    texts = data.draw(st.lists(cells(kind, formatting), min_size=1, max_size=3))
    expected: list[Value] = []
    try:
        expected = [parse_value(kind, text, formatting) for text in texts]
    except RecordError as error:
        with pytest.raises(Exception) as caught:
            typed_column(pa.array([text or None for text in texts]), kind, formatting)
        assert str(caught.value) == str(error)
        return
    assert (
        typed_column(pa.array([text or None for text in texts], pa.string()), kind, formatting).to_pylist() == expected
    )


SEVERAL = {
    "N1": Kind.INTEGER,
    "T1": Kind.TEXT,
    "N2": Kind.INTEGER,
    "D1": Kind.DECIMAL,
    "D2": Kind.PERCENT,
    "DAY1": Kind.DATE,
    "DAY2": Kind.DATE,
    "B1": Kind.BOOLEAN,
    "B2": Kind.BOOLEAN,
    "AT1": Kind.TIMESTAMP,
    "AT2": Kind.TIMESTAMP,
    "T2": Kind.TEXT,
}
TEXTS_OF = {
    "N": ("", "1", "-20", "1.5", "99999999999999999999", "&#49;"),
    "T": ("", "x", "é &amp; co"),
    "D": ("", "0", "-1.25", "1e3", "12345678901234567890.12345678901234"),
    "DAY": ("", "02/28/2026", "12/31/1999", "2/1/2026"),
    "B": ("", "true", "F", "false"),
    "AT": ("", "02/28/2026 23:59:59", "02/28/2026 3:59:59"),
}


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_columns_of_one_kind_are_typed_together_as_each_alone(data: st.DataObject) -> None:
    most = 3 if data.draw(st.booleans()) else None
    cells = {name: st.sampled_from(TEXTS_OF[name.rstrip("12")][:most]) for name in SEVERAL}
    rows = data.draw(st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=5))
    lines = ("".join(f"<{name}>{text}</{name}>" for name, text in row.items()) for row in rows)
    body = page("".join(f"<A>{line}</A>" for line in lines), count=len(rows))
    try:
        _, _, batch = decode_batch(body, SEVERAL)
    except RecordError as together:
        with pytest.raises(RecordError) as by_rows:
            decode_rows(body, SEVERAL)
        assert str(by_rows.value) == str(together)
        return
    assert batch is not None
    strict = decode_page(body).rows
    for name, kind in SEVERAL.items():
        alone = typed_column(pa.array([row[name] for row in strict], pa.string()), kind)
        assert batch.column(name).equals(alone), name
