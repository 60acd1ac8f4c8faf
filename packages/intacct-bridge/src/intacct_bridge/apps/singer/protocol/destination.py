"""Singer messages out: what a feed sends, as lines of the Singer protocol.

A full refresh ends with ACTIVATE_VERSION. A deleted record is a record with its key and `_sdc_deleted_at`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import IO, TYPE_CHECKING, Any

from intacct_bridge.apps.singer.protocol.messages import (
    Decimals,
    activate_version_message,
    json_type,
    record_frame,
    record_message,
    schema_message,
    state_message,
)
from intacct_bridge.apps.singer.protocol.state import state_document
from intacct_bridge.operations.extract_request import STATE_KEYS_KB, ExtractOptions
from intacct_bridge.operations.feeds import Feed, FeedState, Replaced, Stream, iso
from intacct_protocol.xml.python_columns import RowBatch, row_lines
from intacct_protocol.xml.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa

DELETES = "deletes"
DELETED_AT = "_sdc_deleted_at"
_DELETES_SCHEMA = {
    "type": "object",
    "properties": {
        "stream": {"type": ["string"]},
        "field": {"type": ["string"], "description": "the field that `value` is a value of"},
        "value": {"type": ["string"]},
        "reason": {"type": ["string"], "description": "deleted, or replaced: only the rows sent since are left"},
        "at": {"type": ["string"], "format": "date-time"},
    },
}
_DELETES_KEYS = ("stream", "field", "value", "reason")


class SingerDestination(Feed):
    """A feed of Singer messages."""

    def __init__(
        self,
        out: IO[bytes],
        state: FeedState | None = None,
        *,
        decimals: Decimals = "number",
        names: Callable[[str], str] = str,
        descriptions: Mapping[str, Mapping[str, str]] | None = None,
        selected: Mapping[str, Sequence[str] | None] | None = None,
        options: ExtractOptions | None = None,
        most_keys: int = STATE_KEYS_KB * 1024,
    ) -> None:
        messages = SingerMessages(decimals, names, descriptions or {})
        super().__init__(out, messages, state or FeedState(), selected=selected, options=options, most_keys=most_keys)


class SingerMessages:
    """The form of the messages."""

    def __init__(
        self, decimals: Decimals, names: Callable[[str], str], descriptions: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._decimals: Decimals = decimals
        self._names = names
        """A stream's name in messages."""
        self._descriptions = descriptions
        """The label of each field, by stream."""

    def begin(self, stream: Stream, kinds: Mapping[str, Kind]) -> bytes:
        """SCHEMA."""
        described = self._descriptions.get(stream.name, {})
        properties: dict[str, Any] = {}
        for name, kind in kinds.items():
            plain = json_type(kind, decimals=self._decimals, nullable=name not in stream.keys)
            text = described.get(name)
            properties[name] = {**stream.nested.get(name, plain), **({"description": text} if text else {})}
        properties[DELETED_AT] = {"type": ["null", "string"], "format": "date-time"}
        replicated_by = next((name for name in (stream.modified, "updatedAt") if name in properties), None)
        schema = {"type": "object", "properties": properties}
        return schema_message(self._names(stream.name), schema, stream.keys, replicated_by)

    def rows(self, stream: Stream, rows: "pa.RecordBatch", version: int, at: str) -> Iterable[bytes | memoryview]:
        """RECORD lines."""
        before, after = record_frame(self._names(stream.name), version=version, extracted_at=at)
        as_text, page = self._decimals == "string", rows  # a page may be one of Python's values
        if isinstance(page, RowBatch):
            return row_lines(page, before, after, decimals_as_text=as_text, as_written=stream.nested)
        from intacct_protocol.xml.jsonlines import blocks_of_lines

        return blocks_of_lines(page, before, after, decimals_as_text=as_text, as_written=stream.nested)

    def deleted(self, stream: Stream, key: Value, version: int, at: str) -> bytes:
        """RECORD of a deleted record: its key as the consumer has it, and the time."""
        name = stream.keys[0] if len(stream.keys) == 1 else stream.key
        record = {name: _plain(key) if name == stream.key else str(key), DELETED_AT: at}
        return record_message(self._names(stream.name), record, version=version, extracted_at=at)

    def refreshed(self, stream: Stream, version: int) -> bytes:
        """ACTIVATE_VERSION: rows of earlier versions are deleted."""
        return activate_version_message(self._names(stream.name), version)

    def deletes_begin(self) -> bytes:
        """SCHEMA of the stream `deletes`."""
        return schema_message(DELETES, _DELETES_SCHEMA, _DELETES_KEYS, None)

    def no_longer_there(self, stream: Stream, value: Value, why: Replaced, run_at: str) -> bytes:
        """RECORD of the stream `deletes`."""
        record = {
            "stream": self._names(stream.name),
            "field": why.field,
            "value": str(_plain(value)),
            "reason": why.reason,
            "at": why.at,
        }
        return record_message(DELETES, record, version=None, extracted_at=run_at)

    def state(self, state: FeedState) -> bytes:
        """STATE."""
        return state_message(state_document(state))


def _plain(value: Value) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return value.isoformat() if isinstance(value, date) else value
