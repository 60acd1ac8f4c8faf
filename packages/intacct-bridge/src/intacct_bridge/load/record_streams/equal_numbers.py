"""Numbers for the equal records of streams without key properties, over all runs of the target.

Two equal payments are two payments, but a payment that a source sends again is the same one. Only its place in the
input distinguishes it. So each record gets a number among its equals, and the outbox keeps the number up to which the
last released STATE covers them (`covered`). A STATE is released when the target writes it for its source.

- An input that starts over counts from 1. That is certain in three cases: a new version of a table; records with the
  replication key by which the stream is continued, since equal records have equal ones and come again together; and
  the rule `same`, by which the user says so. Records with an `externalId` have a key and are not numbered.
- Any other input begins after the covered records at the latest. Records that a killed run has sent since then get
  their numbers again.

A number that no run has given can be a new record or a repeated one. Planning refuses it while an equal record may be
in the company. With the rule `new` it does not, if the input begins exactly at the position of the last released STATE.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from intacct_bridge.load.outbox.equal_counts import CoveredStream, EqualCounts, StreamPosition, StreamSource
from intacct_bridge.load.record_streams.record import InputRecord, StreamSchema, canonical, content_key
from intacct_bridge.load.tables.source_row import EqualNumber

ListedNumbers = Callable[[InputRecord], Sequence[int]]
"""The numbers of the records with this content that a report lists, in order."""
EqualRule = Literal["refuse", "same", "new"]
_FIX_KEYED = 'it was posted before its key was named: set equal_records to "same" or "new"'
_FIX = 'give the stream key_properties, or set equal_records to "same" or "new"'
_UNMOVED = "?"
"""The prefix of a position to which the state was not seen to move."""
_NO_POSITION = ("currently_syncing",)
"""Keys of a state that say nothing about how far a stream is read."""


@dataclass(slots=True)
class _Equals:
    """The equal records of one content in this run."""

    digest: str
    earlier: int
    """The highest number that earlier runs gave."""
    covered: int
    """The number after which an input without a known beginning continues."""
    arrived: int = 0
    last: int = 0
    """The number of the last one that came; numbers that dead letters bring are not counted."""


@dataclass(slots=True)
class _Stream:
    """One stream without key properties in this run."""

    source: StreamSource
    version: str
    position: str | None
    """Its position in the newest state; None before one came."""
    released: str
    """The position in the last released STATE, as the outbox has it."""
    was_keyless: bool
    """Whether earlier runs counted records of it."""
    restarted: bool = False
    """Whether the source sends its table from the beginning."""
    to_restart: bool = False
    """Whether that is still to be kept in the outbox."""
    begun: bool = False
    """Whether it is known where the input begins."""
    continues: bool = False
    """Whether the input is seen to begin exactly at the position of the last released STATE."""
    linked: bool = False
    """Whether nothing after the present position can have come in earlier runs, if the source continues exactly."""
    complete: bool = False
    """Whether the source has sent its whole table since the last position."""
    by_digest: dict[str, _Equals] = field(default_factory=dict)
    new_numbers: dict[str, int] = field(default_factory=dict)
    """Numbers that are not on disk yet."""
    changed: set[str] = field(default_factory=set)
    """Contents that came since the last position."""


class EqualNumbers:
    """Numbers the equal records of one run."""

    def __init__(
        self, counts: EqualCounts, company: str, source: str, rule: EqualRule, *, listed: ListedNumbers | None = None
    ) -> None:
        self._counts = counts
        self._company = company
        self._source = source
        self._rule = rule
        self._listed = listed
        """The numbers that an earlier report lists, one by one, of this very input."""
        self._streams: dict[str, _Stream] = {}
        self._state: object = None
        """The newest STATE, or the one that the run was started with."""
        self._states = 0
        """STATE messages that were passed on."""

    def arrive(self, state: object) -> None:
        """Take the state of an input: a stream whose records follow begins at its position."""
        self._state = state

    def begin(self, name: str) -> None:
        """Note that the input has a stream without key properties."""
        self._stream(name, "")

    def number(self, arrived: InputRecord, schema: StreamSchema) -> InputRecord:
        """The record with its number."""
        stream = self._stream(arrived.stream, arrived.version)
        _begin(stream)
        equals = self._equals(stream, arrived)
        equals.arrived += 1
        letter = arrived.letter if arrived.letter_digest == equals.digest else 0
        from_one = stream.restarted or self._rule == "same"
        from_one = from_one or (self._rule == "refuse" and _tells_apart(arrived.record, schema))
        listed = self._listed(arrived) if self._listed is not None else ()
        if equals.arrived <= len(listed):
            number = listed[equals.arrived - 1]
        else:
            number = letter or (equals.arrived if from_one else equals.covered + equals.arrived - len(listed))
        certain = self._rule == "new" and (bool(letter) or stream.continues)
        if not letter:
            equals.last = number
            stream.changed.add(equals.digest)
        if number > max(equals.earlier, stream.new_numbers.get(equals.digest, 0)):
            stream.new_numbers[equals.digest] = number
        key = self._key(arrived, equals)
        equal = EqualNumber(key, number, equals.arrived, equals.earlier, certain=certain, fix=_FIX)
        return replace(arrived, equal=equal)

    def compare(self, arrived: InputRecord, schema: StreamSchema) -> InputRecord:
        """The record with the equal ones that were posted when its stream had no key properties."""
        stream = self._stream(arrived.stream, arrived.version)
        if not stream.was_keyless:
            return arrived
        equals = self._equals(stream, arrived)
        equals.arrived += 1
        same = self._rule == "same" or (self._rule == "refuse" and _tells_apart(arrived.record, schema))
        key, certain = self._key(arrived, equals), self._rule == "new"
        equal = EqualNumber(key, 0, equals.arrived, equals.earlier, certain=certain, same=same, fix=_FIX_KEYED)
        return replace(arrived, equal=equal)

    def _key(self, arrived: InputRecord, equals: _Equals) -> tuple[str, ...]:
        return (arrived.stream, *content_key(equals.digest))

    def activate(self, name: str) -> None:
        """Note that the source has sent its whole table: equal records that did not come are deleted in the source."""
        stream = self._streams.get(name)
        if stream is not None and stream.by_digest:
            stream.complete = True

    def keep(self) -> None:
        """Keep the numbers that were given; call it before a record with one of them is sent."""
        for stream in self._streams.values():
            if stream.new_numbers:
                self._counts.assign(stream.source, stream.new_numbers)
                stream.new_numbers = {}

    def cover(self, state: object) -> None:
        """Keep the positions and counts of a STATE, before it is released."""
        self._states += 1
        self._cover(self._covered_by(state))

    def end(self) -> None:
        """Keep the counts at the end of an input, when every record is final.

        A source that gets states continues at one of them. A source that gets none can only continue at the end.
        """
        if not self._states:
            self._cover(self._covered(stream) for stream in self._streams.values() if stream.changed)

    def _cover(self, covered: Iterator[CoveredStream]) -> None:
        self.keep()
        done = list(covered)
        if done:
            self._counts.cover(done)
        for stream in self._streams.values():
            stream.changed.clear()

    def _covered_by(self, state: object) -> Iterator[CoveredStream]:
        """The streams whose position or counts have changed since the last state."""
        for stream in self._streams.values():
            if stream.position is not None:
                _begin(stream)
            before, stream.position = stream.position, position_of(state, stream.source.stream)
            moved = before is not None and stream.position not in ("", before)
            stream.linked = stream.linked or (bool(stream.released) and stream.position == stream.released)
            if stream.linked and (moved or stream.changed):
                stream.released = f"{'' if moved else _UNMOVED}{stream.position}"
            counted = stream.was_keyless or stream.by_digest
            if counted and (stream.changed or moved or stream.complete):
                yield self._covered(stream)

    def _covered(self, stream: _Stream) -> CoveredStream:
        changed = (stream.by_digest[digest] for digest in stream.changed)
        numbers = {one.digest: one.last if stream.restarted else max(one.last, one.covered) for one in changed}
        restarts, stream.to_restart = stream.to_restart, False
        complete, stream.complete = stream.complete, False
        at = StreamPosition(stream.released, stream.version)
        return CoveredStream(stream.source, at, numbers, restarted=restarts, complete=complete)

    def _stream(self, name: str, version: str) -> _Stream:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = self._opened(name, version)
        elif version and version != stream.version:  # its table begins once more
            self.keep()
            stream.restarted = stream.to_restart = stream.restarted or bool(stream.version)
            stream.version = version
            stream.by_digest.clear()
            stream.changed.clear()
        return stream

    def _opened(self, name: str, version: str) -> _Stream:
        source = StreamSource(self._company, self._source, name)
        stored = self._counts.position(source)
        position = None if self._state is None else position_of(self._state, name)
        restarted = bool(version and stored.version and version != stored.version)
        was_keyless = self._counts.has(source)
        return _Stream(source, version or stored.version, position, stored.position, was_keyless, restarted, restarted)

    def _equals(self, stream: _Stream, arrived: InputRecord) -> _Equals:
        digest = arrived.digest
        equals = stream.by_digest.get(digest)
        if equals is None:
            count = self._counts.count(stream.source, digest)
            equals = stream.by_digest[digest] = _Equals(digest, count.assigned, count.covered)
        return equals


def _begin(stream: _Stream) -> None:
    """Compare the beginning of the input with the position of the last released STATE.

    A position is proof only if the state was seen to move to it: the state of a source that sends its whole table each
    time does not move. If an input begins elsewhere, its positions are no proof until one of them is the last released
    one: a source that was set back sends again what came after them.
    """
    if not stream.begun:
        stream.begun = True
        start = stream.position or ""
        stream.continues = bool(start) and stream.released == start
        stream.linked = not stream.released or stream.released.removeprefix(_UNMOVED) == start


def position_of(state: object, stream: str) -> str:
    """A digest of a stream's position in a state; empty if the state has none.

    The position is the stream's own bookmark; in a state without bookmarks, the state as a whole.
    """
    if not isinstance(state, Mapping):
        part = state
    elif isinstance(state.get("bookmarks"), Mapping):
        part = state["bookmarks"].get(stream)
    else:
        part = {name: value for name, value in state.items() if name not in _NO_POSITION}
    return hashlib.sha256(canonical(part).encode()).hexdigest() if _has_value(part) else ""


def _has_value(node: object) -> bool:
    """Whether there is a text or a number in it: nulls and flags are no position."""
    if isinstance(node, Mapping):
        return any(map(_has_value, node.values()))
    if isinstance(node, list):
        return any(map(_has_value, node))
    return node not in (None, "") and not isinstance(node, bool)


def _tells_apart(record: Mapping[str, object], schema: StreamSchema) -> bool:
    """Whether equal records come again together: they have the replication key, or the source's own id."""
    names = schema.continued_by or (("externalId",) if schema.external_ids else ())
    return bool(names) and all(record.get(name) not in (None, "") for name in names)
