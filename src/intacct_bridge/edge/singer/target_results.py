"""One record on its way through the target: as it arrived, and what became of it.

What the target says on standard output: the tap's state once it is safe, or hotglue's account of every record.

The file of refused records: a Singer stream again, each record with the reason, ready to be mended and piped in.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import msgspec

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.records.tables import SourceRow
from intacct_bridge.flow.records.values import without_trailing_zeros

_PRIVATE = "_sdc_"
"""Columns that taps and targets of Meltano's add about a record; they are none of the record's own."""
DELETED = "_sdc_deleted_at"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record with where it stood and what its stream said of it."""

    stream: str
    record: Mapping[str, Any]
    number: int
    """The line of the input, or of the batch file."""
    source: str
    """What messages call the place: the stream, or the batch file with it."""
    key: tuple[str, ...] = ()
    """Its key's values, as the stream names them."""
    refusal: str = ""
    """Why it goes no further."""

    def row(self, origin: str, key: tuple[str, ...], more: Mapping[str, Any]) -> SourceRow:
        """The record as the engine reads it; its key in the source is unique among all streams of an `origin`."""
        cells = {name: value for name, value in self.record.items() if not name.startswith(_PRIVATE)}
        return SourceRow(self.source, self.number, {**more, **cells}, key=(origin, self.stream, *key))

    @property
    def place(self) -> tuple[str, int]:
        """What tells it from every other record of the run."""
        return self.source, self.number

    @property
    def digest(self) -> str:
        """Of the whole record, the order of its columns aside."""
        return hashlib.sha256(canonical(self.record).encode()).hexdigest()

    @property
    def external_id(self) -> str | None:
        """The record's own `externalId`, or the key of its source."""
        given = self.record.get("externalId")
        return str(given) if given is not None else " ".join(self.key) or None


class Fate(StrEnum):
    """What became of a record, as a scheduler must know it."""

    APPLIED = "applied"
    EXISTING = "existing"
    """There already, with the same content."""
    FAILED = "failed"
    OPEN = "open"
    """Not settled: in doubt, not sent, or on its way with another loader. State must not pass it."""
    IN_DOUBT = "in doubt"

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be found out or done."""
        return self in (Fate.APPLIED, Fate.EXISTING, Fate.FAILED)


@dataclass(frozen=True, slots=True)
class RecordResult:
    """A record with its fate."""

    arrived: Arrived
    fate: Fate
    object: str = ""
    record: str = ""
    """The company's key of it."""
    error: str = ""
    updated: bool = False
    url: str = field(default="")


def keyed(record: Mapping[str, Any], names: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """A record's key, or why it has none."""
    for name in names:
        if record.get(name) is None:
            return (), f"{name} is a key property of its stream, and the record has none"
    return tuple(plain(record[name]) for name in names), ""


def plain(value: Any) -> str:
    """A key's value as text: equal numbers have equal texts.

    A negative zero keeps its sign: outboxes hold identities that were made so.
    """
    if isinstance(value, Decimal):
        return without_trailing_zeros(value)
    return value if isinstance(value, str) else canonical(value)


def canonical(value: Any) -> str:
    """A value as JSON that is equal for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=plain)


_COUNTS = {Fate.APPLIED: "success", Fate.EXISTING: "existing", Fate.FAILED: "fail"}


class States:
    """Passes a tap's states on, each only after every record before it has settled.

    Of several states between the same two records only the last matters to anybody, so only that is kept.
    """

    def __init__(self, out: IO[bytes], *, silent: bool = False) -> None:
        self._out = out
        self._silent = silent
        self._waiting: Any = None
        self._told: Any = None
        self.blocked = False
        """Once a record is left unsettled no later state may be told: the next run must meet the record again."""

    def arrive(self, value: Any) -> None:
        """A state that the tap told."""
        self._waiting = value

    def release(self) -> None:
        """Every record before the waiting state has settled."""
        if self._waiting is None or self.blocked or self._silent:
            return
        if self._waiting != self._told:
            self._out.write(msgspec.json.Encoder(decimal_format="number").encode(self._waiting) + b"\n")
            self._out.flush()
        self._told, self._waiting = self._waiting, None


class Account:
    """Hotglue's account: for every stream a row a record, and the sums."""

    def __init__(self, earlier: Mapping[str, Any] | None = None) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._sums: dict[str, Counter[str]] = {}
        self._done: dict[tuple[str, str], dict[str, Any]] = {}
        for stream, rows in ((earlier or {}).get("bookmarks") or {}).items():
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict) and row.get("success") and row.get("hash"):
                    self._done[stream, row["hash"]] = row

    def known(self, arrived: Arrived) -> bool:
        """Whether an earlier run's account says that this very record was written; it is entered as existing then."""
        row = self._done.get((arrived.stream, arrived.digest)) if self._done else None
        if row is not None:
            self._rows.setdefault(arrived.stream, []).append(row)
            self._sums.setdefault(arrived.stream, Counter())["existing"] += 1
        return row is not None

    def enter(self, settled: RecordResult) -> None:
        """One record's outcome."""
        arrived = settled.arrived
        good = settled.fate in (Fate.APPLIED, Fate.EXISTING)
        row: dict[str, Any] = {"hash": arrived.digest, "success": good}
        if settled.record:
            row["id"] = settled.record
        if arrived.external_id is not None:
            row["externalId"] = arrived.external_id
        if settled.error:
            row["error"] = settled.error
        if settled.updated:
            row["is_updated"] = True
        if settled.url:
            row["record_url"] = settled.url
        if settled.fate in (Fate.OPEN, Fate.IN_DOUBT):
            row["in_doubt"] = True
        self._rows.setdefault(arrived.stream, []).append(row)
        count = "updated" if settled.updated and good else _COUNTS.get(settled.fate, "fail")
        self._sums.setdefault(arrived.stream, Counter())[count] += 1

    def document(self) -> dict[str, Any]:
        """The whole account."""
        names = ("success", "fail", "existing", "updated")
        summary = {stream: {name: sums[name] for name in names} for stream, sums in self._sums.items()}
        return {"bookmarks": self._rows, "summary": summary}


_ENCODER = msgspec.json.Encoder(decimal_format="number")


class DeadLetters:
    """Written to only when something is refused; readable by its owner only, since it holds business records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[bytes] | None = None
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._told: set[str] = set()

    def schema(self, stream: str, message: Mapping[str, Any]) -> None:
        """The stream's SCHEMA message, which goes ahead of its records."""
        self._schemas[stream] = message
        self._told.discard(stream)

    def add(self, arrived: Arrived, reason: str) -> None:
        """A refused record with why; on disk when this returns."""
        stream = arrived.stream
        if stream not in self._told and stream in self._schemas:
            self._write(self._schemas[stream])
        self._told.add(stream)
        place = f"{arrived.source}:{arrived.number}"
        said = {"status": "refused", "reason": reason, "place": place}
        self._write({"type": "RECORD", "stream": stream, "record": arrived.record, **said})
        self.count += 1

    def _write(self, message: Mapping[str, Any]) -> None:
        if self._file is None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                if self.path.exists():  # it may be what is being read, or not yet mended
                    self.path.rename(_beside(self.path))
                self.path.touch(mode=0o600)
                self._file = self.path.open("wb")
            except OSError as error:
                raise SettingsError(
                    f"refused records cannot be kept in {self.path}: {error.strerror or error}",
                    fix="name another file with dead_letters",
                ) from None
        self._file.write(_ENCODER.encode(message) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file, if one was needed."""
        if self._file is not None:
            self._file.close()


def _beside(path: Path) -> Path:
    """A name that is free: what earlier runs refused is nowhere else, since their states have gone past it."""
    names = (f"{path.name}.before{number or ''}" for number in itertools.count())
    return next(free for name in names if not (free := path.with_name(name)).exists())
