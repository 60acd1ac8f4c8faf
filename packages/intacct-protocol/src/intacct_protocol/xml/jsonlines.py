"""Typed Arrow batches → JSON lines, a page at a time and without a Python object per cell.

Decimals are JSON numbers with exactly their digits (`1234.5`, never `1234.50000000000000`, never a float), dates
`2026-01-31`, timestamps `2026-01-31T23:59:59Z` with a fraction only if there is one. Consumers that read JSON
numbers as floats can be given decimals as strings instead.

Each distinct value of columns of a type is written once. A line is then a row of places in the list of these strings,
which also holds those between the cells; Arrow's `take` copies the strings of many lines at a time. Needs pyarrow.
"""

from array import array
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, lru_cache
from json import dumps
from typing import TYPE_CHECKING, Any, NamedTuple

from intacct_protocol.xml.text_buffer import int32_column, int32_numbers, joined_bytes, joined_view

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 200
"""Rows whose lines are made at a time: what they need stays in the processor's cache."""
_SAMPLE = 64
"""Cells of a column that show whether its strings repeat."""


def json_lines(
    batch: "pa.RecordBatch",
    prefix: str = "",
    suffix: str = "",
    *,
    decimals_as_text: bool = False,
    as_written: Collection[str] = (),
) -> bytes:
    """One line a row: `prefix`, an object with every column (null if empty), `suffix`, a newline.

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
) -> Iterator[memoryview]:
    """The lines of `json_lines`, some at a time: those of a page take as much memory as the page."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = _written_cells(batch, decimals_as_text=decimals_as_text, as_written=as_written)
    between = _texts_between(batch.schema.names, cells, prefix, suffix)
    texts = pa.concat_arrays([*cells.texts, pa.array(between, pa.string())])
    line = array("i", [0]) * (2 * len(between) - 1)
    line[::2] = array("i", range(cells.count, len(texts)))
    for first in range(0, batch.num_rows, _AT_ONCE):
        lines = line * min(_AT_ONCE, batch.num_rows - first)
        for place, column in enumerate(cells.columns.values()):
            lines[2 * place + 1 :: len(line)] = column.texts[first : first + _AT_ONCE]
        yield joined_view(pc.take(texts, int32_column(lines), boundscheck=False))


def _texts_between(names: Sequence[str], cells: "_Cells", prefix: str, suffix: str) -> list[str]:
    """The strings before the first cell of a line, between its cells, and behind the last one.

    A column without a value is part of such a text.
    """
    texts, text = [], prefix + "{"
    for place, name in enumerate(names):
        text += ("," if place else "") + dumps(name, ensure_ascii=False) + ":"
        column = cells.columns.get(place)
        if column is None:
            text += "null"
        else:
            texts.append(text + column.quote)
            text = column.quote
    return [*texts, text + "}" + suffix + "\n"]


# --- the cells of a page


class _Column(NamedTuple):
    """A column whose cells are written."""

    texts: "array[int]"
    """The place of each cell's text."""
    quote: str
    """What is around each text, and not part of it."""


@dataclass(slots=True)
class _Cells:
    """The cells of a page as JSON."""

    texts: "list[pa.Array]" = field(default_factory=list)
    """One array after another."""
    count: int = 0
    """How many strings these are."""
    columns: dict[int, _Column] = field(default_factory=dict)
    """The columns that have a value, by their place in the page, in this order."""

    def add(self, texts: "pa.Array") -> int:
        """The place of the first of some more strings."""
        self.texts.append(texts)
        self.count += len(texts)
        return self.count - len(texts)


class _Form(NamedTuple):
    """What columns have in common whose values are written together."""

    type: "pa.DataType"
    has_nulls: bool
    """Columns with nulls are apart: their values repeat most, and are found fast if there are few."""
    has_fractions: bool
    """A fraction of a second is written for all times of a column, or for none."""


def _written_cells(batch: "pa.RecordBatch", *, decimals_as_text: bool, as_written: Collection[str]) -> _Cells:
    """The cells of all columns that have a value."""
    cells = _Cells()
    columns = batch.columns
    alike: dict[_Form, list[int]] = {}
    for place, (name, column) in enumerate(zip(batch.schema.names, columns, strict=True)):
        if column.null_count == len(column):
            continue
        if name in as_written:
            cells.columns[place] = _Column(_all_places(cells, _filled(column)), "")
        elif _is_various(column):
            cells.columns[place] = _Column(_all_places(cells, _escaped(column)), '"')
        else:
            alike.setdefault(_form(column), []).append(place)
    for form, places in alike.items():
        alike_columns = [columns[place] for place in places]
        written = _written_together(cells, form, alike_columns, decimals_as_text=decimals_as_text)
        cells.columns |= zip(places, written, strict=True)
    cells.columns = dict(sorted(cells.columns.items()))
    return cells


def _is_various(column: "pa.Array") -> bool:
    """Whether a column holds strings that hardly repeat, by its first cells: each is copied as it is then."""
    import pyarrow as pa

    if len(column) < _SAMPLE or column.null_count or not pa.types.is_string(column.type):
        return False
    return 2 * len(column.slice(0, _SAMPLE).unique()) > _SAMPLE


def _all_places(cells: _Cells, texts: "pa.Array") -> "array[int]":
    """The places of strings that are all added, one for each cell."""
    return _places(_numbers(len(texts)), cells.add(texts))


def _places(numbers: "pa.Array", first: int) -> "array[int]":
    import pyarrow as pa
    import pyarrow.compute as pc

    return int32_numbers(pc.add(numbers, pa.scalar(first, pa.int32())))


@lru_cache(maxsize=4)
def _numbers(count: int) -> "pa.Array":
    """The numbers from 0 on: pages are of few lengths."""
    return int32_column(array("i", range(count)))


def _form(column: "pa.Array") -> _Form:
    import pyarrow as pa

    fractions = pa.types.is_timestamp(column.type) and _whole_seconds(column) is None
    return _Form(column.type, column.null_count > 0, fractions)


def _written_together(
    cells: _Cells, form: _Form, columns: "Sequence[pa.Array]", *, decimals_as_text: bool
) -> Iterator[_Column]:
    """Columns of one form, each distinct value of them written once."""
    import pyarrow as pa

    encoded = pa.concat_arrays(columns).dictionary_encode(null_encoding="encode")
    if pa.types.is_string(form.type) and not form.has_nulls:
        quote, texts = '"', _escaped(encoded.dictionary)
    else:
        quote, texts = "", _filled(_json_column(encoded.dictionary, decimals_as_text=decimals_as_text))
    places = _places(encoded.indices, cells.add(texts))
    count = len(columns[0])
    for first in range(0, len(places), count):
        yield _Column(places[first : first + count], quote)


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
        plain = _whole_seconds(column)
        if plain is None:
            plain = column.cast(pa.timestamp(kind.unit))
        return _quoted(pc.replace_substring(plain.cast(pa.string()), " ", "T", max_replacements=1), "Z")
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.string())
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    raise TypeError(f"no JSON form for a column of {kind}")


def _whole_seconds(times: "pa.Array") -> "pa.Array | None":
    """Times in UTC in whole seconds; None if one has a fraction."""
    import pyarrow as pa

    with suppress(pa.ArrowInvalid):
        return times.cast(pa.timestamp("s", times.type.tz)).cast(pa.timestamp("s"))
    return None


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
    scale = column.type.scale
    if scale <= 0:
        return text
    if b"E" in joined_bytes(text):
        text = pc.if_else(pc.equal(text, _scalar(f"0E-{scale}")), _scalar("0.0"), text)
    if b"E" in joined_bytes(text):
        text = pa.array([None if v is None else _without_exponent(v) for v in text.to_pylist()], pa.string())
    return pc.ascii_rtrim(pc.ascii_rtrim(text, "0"), ".")


def _without_exponent(text: str) -> str:
    plain = format(Decimal(text), "f")
    return plain if "." in plain else plain + ".0"
