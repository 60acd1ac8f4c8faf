"""The bookmark of a stream: its progress, which one run stores for the next. Pure: the clock is passed in.

A stream is read by *walks* along its key. A full refresh walks over everything, an incremental walk over what changed:

    new      ──── begin(full=True) ───►  full refresh      ──── end ───►  current
       ◄──────────── abandon ────────────────┘
    current  ──── begin(full=True) ───►  full refresh      ──── end ───►  current
       ◄──────────── abandon ────────────────┘
    current  ──── begin(full=False) ──►  incremental walk  ──── end ───►  current
       ◄──────────── abandon ────────────────┘

    new               `since` is empty, and no walk is in progress
    current           `since` is the time from which changes are wanted, and no walk is in progress
    walk in progress  `started` is set, `full` tells the two walks apart, and `unread` is left to read; `advance` takes
                      away from it, `restart` begins the same walk again

A walk that a killed run left in progress is resumed by the next run. The next `since` is the start of the walk's run,
less an overlap: a change that was committed late, or made while the walk ran, is read again, and merging by key makes
that harmless. `with_formatting` and `for_variant` make a current bookmark new if what was read cannot be trusted, or
was something else.

The bookmark has four parts: how far the rows are read (`progress`), how far deletes are followed (`deletes`), how the
API user's answers were written (`formatting`), and what the copy's columns hold (`columns`). On disk it is an object
with these four, without empty values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from intacct_bridge.streams.times import earlier, parse_time, seconds_before
from intacct_protocol.errors import SettingsError

OVERLAP_SECONDS = 7200
"""Must exceed the longest time between a change's time stamp and the moment at which it can be read."""


@dataclass(frozen=True, slots=True)
class KeySpan:
    """Keys strictly between two; an empty end is open."""

    low: str = ""
    high: str = ""


EVERYTHING = (KeySpan(),)


@dataclass(frozen=True, slots=True)
class WalkProgress:
    """How far the rows of a stream are read."""

    since: str = ""
    """Changes are wanted from here on; empty: never read to the end, or everything is wanted."""
    started: str = ""
    """When the run began that began the walk in progress; empty: no walk is in progress."""
    full: bool = False
    """The walk in progress is a full refresh."""
    run: int = 0
    """The number of the run that began the last walk; rows that the walk does not read have a lower one."""
    unread: tuple[KeySpan, ...] = ()
    """The spans of keys that the walk in progress has not read."""
    windows: tuple[str, ...] = ()
    """The unread windows of days, if a read is cut by date; `unread` is about the first of them."""
    replaced_up_to: str = ""
    """In the walk in progress, the lines under the changed headers up to this one have been replaced."""
    refreshed_at: str = ""
    """When the last full refresh began."""
    refreshed_by: int = 0
    """The number of the run that began it: two may begin in the same second."""
    start: str = ""
    """A time that the user named: the copy began with what had changed since, so it lacks what is older."""
    known_rows: str = ""
    """Marks of the changed rows that the last run read, by which the next one recognises them; see `known_rows`."""

    @property
    def in_progress(self) -> bool:
        """Whether a walk was begun and has not ended."""
        return bool(self.started)

    def begin(self, started: str, run: int, *, full: bool) -> "WalkProgress":
        """A new walk, begun by that run."""
        return replace(self, started=started, full=full, run=run, unread=EVERYTHING, windows=(), replaced_up_to="")

    def restart(self) -> "WalkProgress":
        """The walk in progress from its beginning; unchanged if there is none."""
        return replace(self, unread=EVERYTHING, windows=(), replaced_up_to="") if self.in_progress else self

    def abandon(self) -> "WalkProgress":
        """As it was before the walk in progress."""
        return replace(self, started="", full=False, unread=(), windows=(), replaced_up_to="")

    def end(self, overlap_seconds: int) -> "WalkProgress":
        """The walk has ended: changes are wanted from its start, less the overlap."""
        return replace(
            self.abandon(),
            since=seconds_before(self.started, overlap_seconds),
            refreshed_at=self.started if self.full else self.refreshed_at,
            refreshed_by=self.run if self.full else self.refreshed_by,
        )


@dataclass(frozen=True, slots=True)
class DeleteProgress:
    """How far the deletes of a stream are followed."""

    since: str = ""
    """Deletes are wanted from here on."""
    compared_at: str = ""
    """When all keys were last compared, if the audit trail cannot be read."""
    uncounted: bool = False
    """Since the records were last counted, something happened that may have deleted some without an audit entry."""
    found_deleted: bool = False
    """A full refresh found deleted records, and the records that went with them have not been counted yet."""


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """How the gateway's answers write days and times."""

    text: str = ""
    """The API user's formatting, the time zone included; empty: not known."""
    known_at: str = ""
    """When that was last known for certain. What was read later may have been filtered, or parsed, wrongly."""
    user: str = ""
    """The API user whose formatting it is; it says nothing about another user's."""

    def contradicts(self, other: "AnswerFormat") -> bool:
        """Whether the same user's answers were written in another way."""
        return self.text not in ("", other.text) and self.user == other.user


@dataclass(frozen=True, slots=True)
class CopiedColumns:
    """What the columns of the copy hold."""

    unqueryable: tuple[str, ...] = ()
    """Fields that the gateway describes but does not let us query."""
    variant: str = ""
    """The variant of the stream that was read, if its name may come to mean something else; see `Stream.variant`."""
    unfilled: tuple[str, ...] = ()
    """Columns that the last read did not fill, so that rows may be newer than these cells."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The progress of a stream, which one run stores for the next."""

    progress: WalkProgress = field(default_factory=WalkProgress)
    deletes: DeleteProgress = field(default_factory=DeleteProgress)
    formatting: AnswerFormat = field(default_factory=AnswerFormat)
    columns: CopiedColumns = field(default_factory=CopiedColumns)

    @property
    def since(self) -> str:
        """Changes are wanted from here on; empty: never read to the end, or everything is wanted."""
        return self.progress.since

    @property
    def is_established(self) -> bool:
        """Whether a full refresh has ended, or changes are wanted from a given day on."""
        return bool(self.progress.refreshed_at or self.progress.since)

    @property
    def in_progress(self) -> bool:
        """Whether a walk was begun and has not ended."""
        return self.progress.in_progress

    @property
    def full(self) -> bool:
        """Whether the walk in progress is a full refresh."""
        return self.progress.full

    @property
    def last_key(self) -> str:
        """The walk in progress has read everything up to this key."""
        return self.progress.unread[0].low if self.progress.unread else ""

    def begin(self, started: str, run: int, *, full: bool) -> "Bookmark":
        """Begin a walk."""
        return replace(self, progress=self.progress.begin(started, run, full=full))

    def advance(self, unread: tuple[KeySpan, ...]) -> "Bookmark":
        """The walk in progress, with this left to read."""
        return replace(self, progress=replace(self.progress, unread=unread))

    def restart(self) -> "Bookmark":
        """The walk in progress from its beginning."""
        return replace(self, progress=self.progress.restart())

    def abandon(self) -> "Bookmark":
        """The bookmark as it was before the walk in progress."""
        return replace(self, progress=self.progress.abandon())

    def end(self, overlap_seconds: int = OVERLAP_SECONDS) -> "Bookmark":
        """End the walk: changes are wanted from its start, less the overlap."""
        return replace(self, progress=self.progress.end(overlap_seconds))

    def refreshed_since(self, before: "Bookmark") -> bool:
        """Whether a full refresh has ended since that bookmark."""
        mine, theirs = self.progress, before.progress
        return not self.in_progress and (mine.refreshed_at, mine.refreshed_by) != (
            theirs.refreshed_at,
            theirs.refreshed_by,
        )

    def with_formatting(self, current: AnswerFormat, *, overlap_seconds: int, trail_seconds: int) -> "Bookmark":
        """The bookmark if the API user's answers are written like this.

        If they were written in another way before, everything since the last certain time is read again: all, if
        all was read since then.
        """
        last = self.formatting.known_at
        if not self.formatting.contradicts(current):
            mine = self.formatting.user == current.user and last and parse_time(last) > parse_time(current.known_at)
            return replace(self, formatting=replace(current, known_at=last) if mine else current)
        deletes = self.deletes
        if deletes.since:
            deletes = replace(deletes, since=earlier(deletes.since, seconds_before(last, trail_seconds)))
        progress = replace(self.progress, known_rows="")
        if progress.since and parse_time(progress.refreshed_at or progress.since) < parse_time(last):
            since = earlier(progress.since, seconds_before(last, overlap_seconds))
            progress = replace(progress.restart(), since=since)
        else:
            progress = replace(progress.restart() if progress.full else progress.abandon(), since="")
        return replace(self, progress=progress, deletes=deletes, formatting=current)

    def read_again(self, seconds: int) -> "Bookmark":
        """The bookmark if the changes of this time before `since` are wanted once more."""
        progress = replace(self.progress.restart(), known_rows="")
        if progress.since and seconds:
            since = seconds_before(progress.since, seconds)
            if progress.start and parse_time(since) < parse_time(progress.start):  # older records are not in the copy
                since = earlier(progress.start, progress.since)
            progress = replace(progress, since=since)
        return replace(self, progress=progress)

    def for_variant(self, variant: str) -> "Bookmark":
        """The bookmark if the stream is read as this; rows of another variant are replaced by a full refresh."""
        if variant == self.columns.variant:
            return self
        progress = replace(self.progress.abandon(), since="", known_rows="", start="")
        return replace(self, progress=progress, columns=replace(self.columns, variant=variant))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without empty values."""
        parts = msgspec.json.decode(msgspec.json.encode(self)).items()
        filled = ((name, {key: value for key, value in part.items() if value}) for name, part in parts)
        return {name: part for name, part in filled if part}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Bookmark":
        """Read what `to_dict` wrote. Unknown names are ignored; SettingsError for a value of the wrong form."""
        try:
            bookmark = msgspec.convert(plain, cls)
            for part, names in _TIMES.items():
                for time in filter(None, (getattr(getattr(bookmark, part), name) for name in names)):
                    parse_time(time)
        except ValueError as error:
            raise damaged(error) from None
        return bookmark


_TIMES = {
    "progress": ("since", "started", "refreshed_at", "start"),
    "deletes": ("since", "compared_at"),
    "formatting": ("known_at",),
}
"""The times in each part."""


def damaged(why: Exception) -> SettingsError:
    """The error for a stored state that cannot be read."""
    return SettingsError(
        f"the stored state is damaged: {why}", fix="remove the stream's state to read it in full again"
    )
