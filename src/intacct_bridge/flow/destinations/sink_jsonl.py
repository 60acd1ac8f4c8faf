"""Change files as JSON lines: an object a row.

Amounts are texts with all their digits, since nearly every reader takes a JSON number through a float.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.wire.jsonlines import json_lines

if TYPE_CHECKING:
    import pyarrow as pa


class JsonLinesFormat:
    """How rows become a file of JSON lines."""

    name = "jsonl"
    suffix = "jsonl"

    def open(self, path: Path, schema: "pa.Schema") -> "JsonLinesFile":
        """Begin a file."""
        del schema  # every line names its columns
        return JsonLinesFile(path)


class JsonLinesFile:
    """A file of JSON lines being written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, rows: "pa.Table") -> None:
        """Write lines."""
        for batch in rows.to_batches():
            self._file.write(json_lines(batch, decimals_as_text=True))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
