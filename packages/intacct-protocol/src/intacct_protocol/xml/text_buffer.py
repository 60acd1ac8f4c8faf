"""The buffers behind Arrow columns of strings and of places, without a Python object per cell."""

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def joined_bytes(texts: "pa.Array") -> bytes:
    """The bytes of all strings of a column, which may be a slice, one after another; null slots have none."""
    return bytes(joined_view(texts))


def joined_view(texts: "pa.Array") -> memoryview:
    """The same bytes where they are, not copied."""
    _, offsets, data = texts.buffers()
    if data is None or offsets is None or not len(texts):
        return memoryview(b"")
    bounds = memoryview(offsets).cast("i")
    return memoryview(data)[bounds[texts.offset] : bounds[texts.offset + len(texts)]]


def int32_column(numbers: "array[int]") -> "pa.Array":
    """Numbers as a column, which shares their memory."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int32(), len(numbers), [None, pa.py_buffer(numbers)])


def int32_numbers(column: "pa.Array") -> "array[int]":
    """A copy of the numbers of a column without nulls."""
    numbers = array("i")
    numbers.frombytes(memoryview(column.buffers()[1]).cast("B")[4 * column.offset : 4 * (column.offset + len(column))])
    return numbers
