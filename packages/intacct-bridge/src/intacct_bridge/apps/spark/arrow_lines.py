"""Arrow batches as lines of JSON, exactly: what a DataFrame loads as, its JSON lines would load as.

A decimal is a number with the same digits. A date is ISO. A timestamp has the offset of the session's time zone, so
that it is the same moment, and its day is the one that Spark shows. A null leaves its field as it is, so it is left
out, unless the job asks to clear.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from intacct_bridge.apps.spark.staging import StagedLine
from intacct_bridge.operations.loads import exact, text_of
from intacct_protocol.errors import RecordError, SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

_PLAIN = frozenset(
    ("string", "boolean", "byte", "short", "integer", "long", "double", "date", "timestamp", "timestamp_ntz", "void")
)
"""Types by the names that a schema has for them in JSON."""
_SIZED = ("decimal(", "varchar(", "char(", "string collate")
_LONGEST_KEY = 120
"""Characters of a key by which rows are sorted; an index cannot hold a long text."""


def check_types(schema: Mapping[str, Any]) -> None:
    """SettingsError for a column whose type cannot be written exactly; the schema is that of Spark's `jsonValue()`."""
    for column in schema["fields"]:
        _check_type(column["name"], column["type"])


def _check_type(name: str, kind: Any) -> None:
    if isinstance(kind, Mapping) and kind.get("type") == "array":
        _check_type(f"{name}[]", kind["elementType"])
    elif isinstance(kind, Mapping) and kind.get("type") == "struct":
        for inner in kind["fields"]:
            _check_type(f"{name}.{inner['name']}", inner["type"])
    elif not isinstance(kind, str) or not (kind in _PLAIN or kind.startswith(_SIZED) or kind == "decimal"):
        word = kind.get("type", "other") if isinstance(kind, Mapping) else kind
        fix = "cast it to decimal, such as decimal(18,2)" if word == "float" else "cast it to string, or leave it out"
        raise SettingsError(f"the column {name!r} has the type {word}, which cannot be written exactly", fix=fix)


@dataclass(slots=True)
class Reading:
    """The facts about the rows of one attempt that prevent planning."""

    keyless: int = 0
    """Rows without a value in any column of the key."""
    inexact: int = 0
    example: str = ""
    """The first inexact value, with its column."""


@dataclass(frozen=True, slots=True)
class LineMaker:
    """Makes lines of the rows of one job."""

    keys: tuple[str, ...]
    """The columns of the key."""
    clear: bool = False

    def lines(self, batches: Iterable["pa.RecordBatch"], reading: Reading) -> Iterator[StagedLine]:
        """A line for each row; `reading` takes what is wrong with them."""
        encoder = msgspec.json.Encoder(decimal_format="number")
        for batch in batches:
            for row in batch.to_pylist():
                cells = {
                    name: self._cell(value, name, reading)
                    for name, value in row.items()
                    if value is not None or self.clear
                }
                texts = [text_of(_plain(cells.get(name))) for name in self.keys]
                reading.keyless += bool(texts) and not any(texts)
                yield StagedLine(_sort_key(texts), encoder.encode(cells))

    def _cell(self, value: Any, name: str, reading: Reading) -> Any:
        if isinstance(value, float):
            try:
                return exact(value)
            except RecordError:
                reading.inexact += 1
                reading.example = reading.example or f"{name} = {value!r}"
                return None
        if isinstance(value, dict):
            return {
                inner: self._cell(one, f"{name}.{inner}", reading)
                for inner, one in value.items()
                if one is not None or self.clear
            }
        if isinstance(value, list):
            return [self._cell(one, f"{name}[]", reading) for one in value]
        return value


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _sort_key(texts: Sequence[str]) -> str:
    key = "\x1f".join(texts).replace("\0", "")
    return key if len(key) <= _LONGEST_KEY else key[:_LONGEST_KEY] + sha256(key.encode()).hexdigest()
