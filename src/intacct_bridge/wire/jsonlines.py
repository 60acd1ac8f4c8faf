"""Typed Arrow batches → JSON lines, a page at a time and without a Python object per cell.

Every cell becomes JSON text by whole-column operations, and one join makes the lines. Decimals are JSON numbers
with exactly their digits (`1234.5`, never `1234.50000000000000`, never a float), dates `2026-01-31`, timestamps
`2026-01-31T23:59:59Z` with a fraction only where there is one. Consumers that read JSON numbers as floats can be given
decimals as strings instead. Needs pyarrow.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from decimal import Decimal
from functools import cache
from json import dumps
from typing import TYPE_CHECKING, Any

from intacct_bridge.wire.text_buffer import joined_bytes

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 400
"""Rows whose lines are joined at a time."""


def json_lines(
    batch: "pa.RecordBatch",
    prefix: str = "",
    suffix: str = "",
    *,
    decimals_as_text: bool = False,
    as_written: Collection[str] = (),
) -> bytes:
    """One line a row: `prefix`, an object with every column (null where empty), `suffix`, a newline.

    Columns `as_written` hold JSON already.
    """
    return b"".join(blocks_of_lines(batch, prefix, suffix, decimals_as_text=decimals_as_text, as_written=as_written))


def blocks_of_lines(
    batch: "pa.RecordBatch",
    prefix: str = "",
    suffix: str = "",
    *,
    decimals_as_text: bool = False,
    as_written: Collection[str] = (),
) -> Iterator[bytes]:
    """The lines of `json_lines`, some at a time: those of a page take as much memory as the page."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not batch.num_rows:
        return
    if not batch.num_columns:
        yield (prefix + "{}" + suffix + "\n").encode() * int(batch.num_rows)
        return
    parts: list[Any] = []
    text = prefix + "{"
    for index, name in enumerate(batch.schema.names):
        text += ("," if index else "") + dumps(name, ensure_ascii=False) + ":"
        column = batch.column(index)
        if column.null_count == len(column):
            text += "null"
            continue
        before, cells, after = _cells(column, decimals_as_text=decimals_as_text, is_json=name in as_written)
        parts += [pa.scalar(text + before), cells]
        text = after
    text += "}" + suffix + "\n"
    if not parts:
        yield text.encode() * int(batch.num_rows)
        return
    for first in range(0, batch.num_rows, _AT_ONCE):
        some = [one if isinstance(one, pa.Scalar) else one.slice(first, _AT_ONCE) for one in parts]
        yield joined_bytes(pc.binary_join_element_wise(*some, pa.scalar(text), pa.scalar("")))


def _cells(column: "pa.Array", *, decimals_as_text: bool, is_json: bool) -> tuple[str, "pa.Array", str]:
    """The column as JSON text without nulls, and the text before and behind each cell.

    What repeats is written once: days, times and amounts do, and texts of columns in which cells are empty.
    """
    import pyarrow as pa

    if pa.types.is_string(column.type) and not column.null_count and not is_json:
        return '"', _escaped(column), '"'
    if not is_json and not pa.types.is_integer(column.type) and not pa.types.is_boolean(column.type):
        encoded = column.dictionary_encode(null_encoding="encode")
        if 2 * len(encoded.dictionary) <= len(column):
            texts = _json_column(encoded.dictionary, decimals_as_text=decimals_as_text)
            return "", _filled(texts).take(encoded.indices), ""
    cells = column if is_json else _json_column(column, decimals_as_text=decimals_as_text)
    return "", _filled(cells), ""


def _filled(cells: "pa.Array") -> "pa.Array":
    import pyarrow.compute as pc

    return pc.fill_null(cells, _scalar("null")) if cells.null_count else cells


def _json_column(column: "pa.Array", *, decimals_as_text: bool) -> "pa.Array":
    """The column as JSON text, nulls left null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind):
        return _quoted(_escaped(column))
    if pa.types.is_decimal(kind):
        digits = plain_decimals(column)
        return _quoted(digits) if decimals_as_text else digits
    if pa.types.is_date(kind):
        return _quoted(column.cast(pa.string()))
    if pa.types.is_timestamp(kind):
        plain = column.cast(pa.timestamp(kind.unit))
        with suppress(pa.ArrowInvalid):  # a fraction, which is written for the whole column then
            plain = plain.cast(pa.timestamp("s"))
        return _quoted(pc.replace_substring(plain.cast(pa.string()), " ", "T", max_replacements=1), "Z")
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.string())
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    raise TypeError(f"no JSON form for a column of {kind}")


def _quoted(cells: "pa.Array", tail: str = "") -> "pa.Array":
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(_scalar('"'), cells, _scalar(tail + '"'), _scalar(""))


@cache
def _scalar(text: str) -> "pa.Scalar[Any]":
    """A constant for Arrow, which is much slower with a Python value."""
    import pyarrow as pa

    return pa.scalar(text)


def _escaped(column: "pa.Array") -> "pa.Array":
    """The text with JSON's escapes; most columns need none, which one scan of the buffer shows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = joined_bytes(column)
    least = pc.min(pa.Array.from_buffers(pa.uint8(), len(text), [None, pa.py_buffer(text)])).as_py()
    if least is not None and least < 0x20:
        cells = [None if cell is None else dumps(cell, ensure_ascii=False)[1:-1] for cell in column.to_pylist()]
        return pa.array(cells, pa.string())
    for character in ("\\", '"'):
        if character.encode() in text:
            column = pc.replace_substring(column, character, "\\" + character)
    return column


def plain_decimals(column: "pa.Array") -> "pa.Array":
    """Decimals as digits without trailing zeros; Arrow writes tiny values with an exponent, and zero as `0E-14`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = column.cast(pa.string())
    if column.type.scale <= 0:
        return text
    if b"E" in joined_bytes(text):
        text = pc.replace_substring_regex(text, r"^-?0E-?\d+$", "0.0")
    if b"E" in joined_bytes(text):
        text = pa.array([None if v is None else _without_exponent(v) for v in text.to_pylist()], pa.string())
    return pc.ascii_rtrim(pc.ascii_rtrim(text, "0"), ".")


def _without_exponent(text: str) -> str:
    plain = format(Decimal(text), "f")
    return plain if "." in plain else plain + ".0"
