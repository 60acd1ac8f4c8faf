"""A record on its way through the target, its result, and what the target writes of results.

On standard output the target writes either the tap's state, once its records are safe, or hotglue's report on every
record.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any

import msgspec

from intacct_bridge.load.records.status import UNRESOLVED, RecordStatus
from intacct_bridge.load.records.values import number_text
from intacct_bridge.load.tables.source_row import EqualNumber, SourceRow
from intacct_protocol.model.text_forms import nfc

_PRIVATE = "_sdc_"
"""The beginning of columns that Meltano's taps and targets add to a record; they are not the record's own."""
DELETED = "_sdc_deleted_at"
_TIMES_OF_SENDING = (
    "_sdc_extracted_at",
    "_sdc_received_at",
    "_sdc_batched_at",
    "_sdc_sync_started_at",
    "_sdc_sequence",
    "_sdc_table_version",
)
"""Columns that change each time that a source sends a record."""


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A record with its place in the input and what its stream's schema says of it."""

    stream: str
    record: Mapping[str, Any]
    number: int
    """The line of the input, or of the batch file."""
    source: str
    """The place as messages name it: the stream, or the batch file with it."""
    key: tuple[str, ...] = ()
    """The values of its key, as the stream names them."""
    refusal: str = ""
    """Why it is refused at once."""
    equal: EqualNumber | None = None
    """Its number among equal records, if its stream has no key properties."""

    def row(self, origin: str, defaults: Mapping[str, Any]) -> SourceRow:
        """The record as layouts read it; its key in the source is unique among all streams of an `origin`."""
        cells = {name: value for name, value in self.record.items() if not name.startswith(_PRIVATE)}
        key = (origin, self.stream, *self.source_key)
        return SourceRow(self.source, self.number, {**defaults, **cells}, key=key, equal=self.equal)

    @property
    def source_key(self) -> tuple[str, ...]:
        """The record's key in its source; without one its content, with its number among equal ones."""
        if self.key:
            return self.key
        return (*content_key(self.digest), str(self.equal_number))

    @property
    def equal_number(self) -> int:
        """Its number among equal records; 1 if it has a key."""
        return (self.equal.number if self.equal is not None else 0) or 1

    @property
    def place(self) -> tuple[str, int]:
        """The place of the record, which no other record of the run has."""
        return self.source, self.number

    @property
    def digest(self) -> str:
        """A digest of the whole record, regardless of the order of its columns and the form of its accents (NFC)."""
        content = {name: value for name, value in self.record.items() if name not in _TIMES_OF_SENDING}
        return hashlib.sha256(nfc(canonical(content)).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def external_id(self) -> str | None:
        """The record's own `externalId`, or the key of its source."""
        given = self.record.get("externalId")
        return str(given) if given is not None else " ".join(self.key) or None


@dataclass(frozen=True, slots=True)
class RecordResult:
    """A record with its status after the run."""

    arrived: InputRecord
    status: RecordStatus
    object: str = ""
    record: str = ""
    """The company's key of it."""
    error: str = ""
    updated: bool = False
    url: str = ""


def content_key(digest: str) -> tuple[str, str]:
    """Key prefix for records without key properties; the number of a duplicate follows."""
    return ("content", digest)


def keyed(record: Mapping[str, Any], names: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """A record's key, or why it has none."""
    for name in names:
        if record.get(name) is None:
            return (), f"{name} is a key property of its stream, and the record has none"
    return tuple(key_text(record[name]) for name in names), ""


def key_text(value: Any) -> str:
    """A key's value as text: equal numbers have equal strings."""
    if isinstance(value, Decimal):
        return number_text(value)
    return value if isinstance(value, str) else canonical(value)


def canonical(value: Any) -> str:
    """A value as JSON that is equal for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=key_text)


class StateWriter:
    """Passes a tap's states on, each only after every record before it is final.

    Of several states between the same two records only the last is of use, so only that one is kept.
    """

    def __init__(self, out: IO[bytes], *, before: Callable[[Any], object], silent: bool = False) -> None:
        self._out = out
        self._before = before
        """Called with each state before it is written."""
        self._silent = silent
        self._waiting: Any = None
        self._written: Any = None
        self.blocked = False
        """Set once a record is not final: no later state is written, so that the next run gets the record again."""

    def arrive(self, value: Any) -> None:
        """Take a state of the tap."""
        self._waiting = value

    def release(self) -> None:
        """Write the waiting state: every record before it is final."""
        if self._waiting is None or self.blocked or self._silent:
            return
        self._before(self._waiting)
        if self._waiting != self._written:
            self._out.write(msgspec.json.Encoder(decimal_format="number").encode(self._waiting) + b"\n")
            self._out.flush()
        self._written, self._waiting = self._waiting, None


def state_value(given: Mapping[str, Any]) -> Any:
    """The state in a document, or in a STATE message such as the last line of a tap's output."""
    return given.get("value") if given.get("type") == "STATE" else given


class HotglueReport:
    """Hotglue's form of state: for every stream a row for each record, and the counts."""

    @staticmethod
    def is_report(given: Mapping[str, Any] | None) -> bool:
        """Whether a document is such a report, and not the state of a tap."""
        bookmarks = (given or {}).get("bookmarks")
        return isinstance(bookmarks, Mapping) and any(isinstance(rows, list) for rows in bookmarks.values())

    def __init__(self, earlier: Mapping[str, Any] | None = None) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._done: dict[tuple[str, str, int], dict[str, Any]] = {}
        self._listed: dict[tuple[str, str], list[int]] = {}
        for stream, rows in ((earlier or {}).get("bookmarks") or {}).items():
            counts: Counter[str] = Counter()
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict) and row.get("hash"):
                    counts[row["hash"]] += 1
                    number = row.get("equal_number", counts[row["hash"]])
                    self._listed.setdefault((stream, row["hash"]), []).append(number)
                    if row.get("success"):
                        self._done[stream, row["hash"], number] = row

    def numbers(self, arrived: InputRecord) -> Sequence[int]:
        """The numbers of the equal records that the earlier report lists, regardless of their outcomes."""
        return sorted(self._listed.get((arrived.stream, arrived.digest), ()))

    def known(self, arrived: InputRecord) -> bool:
        """Whether an earlier run's report has this very record as written; it is entered as existing then.

        One success stands for one of several equal records without a key, and for all with the same key.
        """
        row = self._done.get((arrived.stream, arrived.digest, arrived.equal_number)) if self._done else None
        if row is not None:
            self._rows.setdefault(arrived.stream, []).append(row)
            self._counts.setdefault(arrived.stream, Counter())["existing"] += 1
        return row is not None

    def enter(self, result: RecordResult) -> None:
        """Enter one record's result."""
        arrived, status = result.arrived, result.status
        row: dict[str, Any] = {"hash": arrived.digest, "success": None if status in UNRESOLVED else status.is_written}
        if result.record:
            row["id"] = result.record
        if arrived.external_id is not None:
            row["externalId"] = arrived.external_id
        if result.error:
            row["note" if status in UNRESOLVED else "error"] = result.error
        if result.updated:
            row["is_updated"] = True
        if result.url:
            row["record_url"] = result.url
        if status in UNRESOLVED:
            row["in_doubt"] = True
        if not arrived.key:
            row["equal_number"] = arrived.equal_number
        self._rows.setdefault(arrived.stream, []).append(row)
        self._counts.setdefault(arrived.stream, Counter())[_count_name(result)] += 1

    def document(self) -> dict[str, Any]:
        """The whole report."""
        names = ("success", "fail", "existing", "updated")
        summary = {
            stream: {name: counts[name] for name in (*names, *([_IN_DOUBT] if counts[_IN_DOUBT] else []))}
            for stream, counts in self._counts.items()
        }
        return {"bookmarks": self._rows, "summary": summary}


_IN_DOUBT = "in_doubt"


def _count_name(result: RecordResult) -> str:
    if result.status in UNRESOLVED:
        return _IN_DOUBT
    if not result.status.is_written:
        return "fail"
    if result.updated:
        return "updated"
    return "existing" if result.status is RecordStatus.UNCHANGED else "success"
