"""A page as typed Arrow columns: text columns, each turned into its kind by whole-column operations.

Every fast form below accepts a subset of what `values.parse_value` accepts, with the same result. A column that is not
wholly of the fast form is parsed string by string, each distinct one once; errors come from there, so they name the
field, the text and the record. Strings are checked before Arrow's own parsers read them: `strptime` turns 02/30 into
03/02, the integer parser reads hexadecimal, the timestamp parser reads half a time.

Types are int64, decimal128(38,14), date32, timestamp in microseconds and UTC, bool and utf8. An INTEGER column that
meets a fraction, or a number beyond 64 bits, becomes decimal128(38,14), and the schema that comes back shows it. Needs
pyarrow.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from intacct_protocol.errors import RecordError
from intacct_protocol.xml.arrow_page import TextBlock, text_blocks
from intacct_protocol.xml.envelope import Response
from intacct_protocol.xml.strict_page import PageHead, decode_page
from intacct_protocol.xml.text_buffer import joined_bytes
from intacct_protocol.xml.values import (
    DEFAULT,
    NUMBERS,
    PRECISION,
    SCALE,
    TEXTS,
    Formatting,
    Kind,
    Value,
    cell_error,
    parse_value,
)
from intacct_protocol.xml.xml import MAX_BYTES

if TYPE_CHECKING:
    import pyarrow as pa


def decode_batch(
    body: bytes,
    fields: Mapping[str, Kind],
    formatting: Formatting = DEFAULT,
    *,
    max_bytes: int = MAX_BYTES,
) -> tuple[Response, PageHead | None, "pa.RecordBatch | None"]:
    """Decode an answer into one typed batch; without a head, the answer is not a page, and the response holds it.

    The columns are `fields`, in that order, then the page's other columns as text; a field that the page lacks is all
    null. Raises RemoteProtocolError on a malformed answer, RecordError on a cell that does not fit its field's type.
    """
    fast = text_blocks(body, lambda name: _FAST.get(fields.get(name, Kind.TEXT)), max_bytes=max_bytes)
    if fast is not None:
        typed: dict[str, pa.Array] = {}
        for form, block in fast.blocks.items():
            typed |= _typed_block(form, block, formatting)
        return fast.response, fast.head, _batch(fast.columns, fields, formatting, fast.head, typed)
    page = decode_page(body, max_bytes=max_bytes)
    if page.head is None:
        return page.response, None, None
    return page.response, page.head, _batch(_columns(page.rows), fields, formatting, page.head, {})


def arrow_type(kind: Kind) -> "pa.DataType":
    """The type of a column of this kind, before any INTEGER column has to widen."""
    import pyarrow as pa

    if kind is Kind.INTEGER:
        return pa.int64()
    if kind in NUMBERS:
        return pa.decimal128(PRECISION, SCALE)
    if kind is Kind.DATE:
        return pa.date32()
    if kind is Kind.TIMESTAMP:
        return pa.timestamp("us", "UTC")
    return pa.bool_() if kind is Kind.BOOLEAN else pa.string()


@lru_cache
def kind_of(of: "pa.DataType") -> Kind:
    """The kind whose columns have this type; TEXT for any other type."""
    from pyarrow import types

    tests: tuple[tuple[Callable[[pa.DataType], bool], Kind], ...] = (
        (types.is_integer, Kind.INTEGER),
        (types.is_decimal, Kind.DECIMAL),
        (types.is_date, Kind.DATE),
        (types.is_timestamp, Kind.TIMESTAMP),
        (types.is_boolean, Kind.BOOLEAN),
    )
    return next((kind for test, kind in tests if test(of)), Kind.TEXT)


def _columns(rows: list[dict[str, str | None]]) -> dict[str, "pa.Array"]:
    import pyarrow as pa

    names = dict.fromkeys(name for row in rows for name in row)
    return {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}


def _batch(
    columns: Mapping[str, "pa.Array"],
    fields: Mapping[str, Kind],
    formatting: Formatting,
    head: PageHead,
    ready: Mapping[str, "pa.Array"],
) -> "pa.RecordBatch":
    """The columns as their kinds; some are `ready`."""
    import pyarrow as pa

    typed = {}
    for name, kind in fields.items():
        if name in ready:
            typed[name] = ready[name]
            continue
        texts = columns.get(name)
        if texts is None:
            typed[name] = pa.nulls(head.count, arrow_type(kind))
            continue
        try:
            typed[name] = typed_column(texts, kind, formatting)
        except _CellError as bad:
            key = columns.get("RECORDNO")
            record = f"{head.object} {key[bad.index]}" if key is not None else f"{head.object} row {bad.index + 1}"
            raise cell_error(bad.error, field=name, record=record) from None
    typed |= {name: texts for name, texts in columns.items() if name not in fields}
    return pa.RecordBatch.from_pydict(typed)


class _CellError(Exception):
    """A text that is not of its column's kind, with the first row that has it."""

    def __init__(self, error: RecordError, index: int) -> None:
        super().__init__(error.message)
        self.error = error
        self.index = index


def typed_column(texts: "pa.Array", kind: Kind, formatting: Formatting = DEFAULT) -> "pa.Array":
    """A column of strings as its kind: all of it by the fast form, else string by string."""
    import pyarrow as pa

    if kind in TEXTS:
        return texts
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), arrow_type(kind))
    try:
        fast = _FAST[kind](texts, formatting)
    except pa.ArrowInvalid:
        fast = None
    return _slow(texts, kind, formatting) if fast is None else fast


# --- the fast forms; None or ArrowInvalid if a string is not plain

_Form = Callable[["pa.Array", Formatting], "pa.Array | None"]


def _typed_block(form: _Form | None, block: TextBlock, formatting: Formatting) -> dict[str, "pa.Array"]:
    """All columns of a form in one pass; none if any of them needs a pass of its own."""
    import pyarrow as pa

    if form is None or block.joined is None:
        return {}
    try:
        typed = form(block.joined, formatting)
    except pa.ArrowInvalid:
        return {}
    if typed is None:
        return {}
    count = len(typed) // len(block.columns)
    return {name: typed.slice(place * count, count) for place, name in enumerate(block.columns)}


def _integers(texts: "pa.Array", _formatting: Formatting) -> "pa.Array | None":
    return None if _odd(texts, b"-0123456789") else texts.cast(arrow_type(Kind.INTEGER))


def _odd(texts: "pa.Array", plain: bytes) -> bool:
    return bool(joined_bytes(texts).translate(None, plain))


def _decimals(texts: "pa.Array", _formatting: Formatting) -> "pa.Array | None":
    return None if _odd(texts, b"-.0123456789") else texts.cast(arrow_type(Kind.DECIMAL))


def _booleans(texts: "pa.Array", _formatting: Formatting) -> "pa.Array | None":
    import pyarrow as pa

    encoded = texts.dictionary_encode()
    value_of = {"true": True, "T": True, "false": False, "F": False}
    values = [value_of.get(text) for text in encoded.dictionary.to_pylist()]
    return None if None in values else pa.array(values, pa.bool_()).take(encoded.indices)


def _dates(texts: "pa.Array", formatting: Formatting) -> "pa.Array | None":
    import pyarrow as pa

    return _distinct(texts, lambda one: _iso(one, formatting, 10), lambda iso: _in_years(iso.cast(pa.date32())))


def _timestamps(texts: "pa.Array", formatting: Formatting) -> "pa.Array | None":
    import pyarrow as pa
    import pyarrow.compute as pc

    def typed(iso: "pa.Array") -> "pa.Array | None":
        wall = _in_years(iso.cast(pa.timestamp("us")))
        if wall is None:
            return None
        if formatting.offset_minutes:
            wall = pc.subtract(wall, pa.scalar(timedelta(minutes=formatting.offset_minutes), pa.duration("us")))
        return _in_years(wall.cast(pa.timestamp("us", "UTC")))

    return None if formatting.clock != 24 else _distinct(texts, lambda one: _iso(one, formatting, 19), typed)


def _distinct(
    texts: "pa.Array",
    iso: Callable[["pa.Array"], "pa.Array | None"],
    typed: Callable[["pa.Array"], "pa.Array | None"],
) -> "pa.Array | None":
    """Read each distinct date once, since dates repeat."""
    encoded = texts.dictionary_encode()
    plain = iso(encoded.dictionary)
    values = None if plain is None else typed(plain)
    return None if values is None else values.take(encoded.indices)


def _iso(texts: "pa.Array", formatting: Formatting, length: int) -> "pa.Array | None":
    """Strings of exactly this length in the user's format, as `2026-01-31[ 23:59:59]`, which Arrow reads strictly.

    Strings of one length are a grid of characters, and a column of the grid is a strided slice of their bytes.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    data, count = joined_bytes(texts), len(texts)
    separator, order = formatting.date[0].encode(), formatting.date[1:]
    lengths = pc.min_max(pc.binary_length(texts)).as_py()
    if "Y" not in order or {lengths["min"], lengths["max"]} != {length} or len(data) != count * length:
        return None
    if data.translate(None, b"0123456789 :" + separator):
        return None
    starts = dict(zip(order, _starts(order), strict=True))
    if any(data[start - 1 :: length] != separator * count for start in starts.values() if start):
        return None
    iso = bytearray(data)
    iso[4::length] = iso[7::length] = b"-" * count
    for letter, target in (("Y", 0), ("m", 5), ("d", 8)):
        for digit in range(4 if letter == "Y" else 2):
            iso[target + digit :: length] = data[starts[letter] + digit :: length]
    return pa.Array.from_buffers(pa.string(), count, [None, texts.buffers()[1], pa.py_buffer(iso)])


def _starts(order: str) -> list[int]:
    """Where each part of a date begins: parts have two digits, Y has four, with a separator between them."""
    widths = [4 if letter == "Y" else 2 for letter in order]
    return [sum(widths[:index]) + index for index in range(len(order))]


def _in_years(moments: "pa.Array") -> "pa.Array | None":
    """The column; None if a moment is outside the years of Python's dates."""
    import pyarrow as pa
    import pyarrow.compute as pc

    per_day = 1 if pa.types.is_date(moments.type) else 86_400_000_000
    bounds = pc.min_max(moments.view(pa.int32() if per_day == 1 else pa.int64())).as_py()
    return moments if _FIRST_DAY * per_day <= bounds["min"] and bounds["max"] < _DAY_AFTER * per_day else None


_FIRST_DAY = (date(1, 1, 1) - date(1970, 1, 1)).days
_DAY_AFTER = (date(9999, 12, 31) - date(1970, 1, 1)).days + 1


_FAST: Mapping[Kind, _Form] = {
    Kind.INTEGER: _integers,
    **dict.fromkeys(NUMBERS, _decimals),
    Kind.BOOLEAN: _booleans,
    Kind.DATE: _dates,
    Kind.TIMESTAMP: _timestamps,
}


# --- the slow form


def _slow(texts: "pa.Array", kind: Kind, formatting: Formatting) -> "pa.Array":
    """Each distinct text through `parse_value`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = texts.dictionary_encode()
    values: list[Value] = []
    for text in encoded.dictionary.to_pylist():
        try:
            values.append(parse_value(kind, text, formatting))
        except RecordError as error:
            raise _CellError(error, pc.index(texts, text).as_py()) from None
    wide = kind is Kind.INTEGER and any(
        isinstance(value, Decimal) or (isinstance(value, int) and not -(2**63) <= value < 2**63) for value in values
    )
    return pa.array(values, arrow_type(Kind.DECIMAL if wide else kind)).take(encoded.indices)
