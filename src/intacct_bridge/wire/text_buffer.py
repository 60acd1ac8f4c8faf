"""The bytes behind an Arrow column of texts."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def joined_bytes(texts: "pa.Array") -> bytes:
    """The bytes of all texts of a column, which may be a slice, one after another; null slots have none."""
    _, offsets, data = texts.buffers()
    if data is None or offsets is None or not len(texts):
        return b""
    bounds = memoryview(offsets).cast("i")
    return bytes(memoryview(data)[bounds[texts.offset] : bounds[texts.offset + len(texts)]])
