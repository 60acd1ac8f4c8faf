"""What is remembered of a stream between runs, and the times in it. Pure: the clock is handed in.

A read of a stream is a *walk* along its key. The bookmark says since when changes are wanted, when the walk in
progress began, and which spans of keys it has not read yet, so that a killed run goes on where it stopped. When a walk
is done the next `since` is the moment its run began, less an overlap: whatever was committed late, or changed while we
read, is read again, and merging by key makes that harmless.

Times are the company's (the server's clock, never ours), written as the gateway writes them, in UTC. Nobody outside
Sage knows whether the gateway takes the times of a filter as UTC or as the API user's wall clock, nor whether the
user's offset follows daylight saving. Until a connection is calibrated, `sent` therefore gives the earliest text of
all these, so that nothing is missed and at most some hours are read twice.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from intacct_bridge.errors import SettingsError

WALL = "%m/%d/%Y %H:%M:%S"
OVERLAP_SECONDS = 7200
"""Must exceed the longest time between a change's time stamp and the moment it can be read."""
SPARE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class KeySpan:
    """Keys strictly between two; an empty end is open."""

    low: str = ""
    high: str = ""


EVERYTHING = (KeySpan(),)
_LISTS = ("windows", "dropped", "left_out")


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """How answers write days and times."""

    how: str
    """The API user's formatting, the zone included."""
    at: str
    """When that was last known for certain."""
    user: str = ""
    """Whose formatting it is: another user's says nothing about it."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a stream has come. A walk is in progress while `started` is not empty."""

    since: str = ""
    """Changes are wanted from here on; empty: never read to the end, or everything is wanted."""
    started: str = ""
    """When the run began that began the walk in progress."""
    full: bool = False
    """The walk in progress reads everything, not only changes."""
    walk: int = 0
    """The number of the run that began the walk in progress; what it does not meet is older than that."""
    unread: tuple[KeySpan, ...] = ()
    """The spans of keys that the walk in progress has not read."""
    windows: tuple[str, ...] = ()
    """Where a read is cut by date: the unread windows, of which `unread` speaks of the first."""
    read_in_full: str = ""
    """When the last walk over everything began."""
    whole_walk: int = 0
    """The number of that walk: two may begin in the same second."""
    replaced: str = ""
    """In the walk in progress, lines have been replaced under the changed headers up to this one."""
    deletes_since: str = ""
    """Deletes are wanted from here on."""
    swept: str = ""
    """When all keys were last compared, where the audit trail cannot be read."""
    met: str = ""
    """The changed rows that the last run met, for the next to recognise; see `recognition`."""
    written: str = ""
    """How answers wrote days and times when changes were last asked for, the API user's zone included."""
    written_at: str = ""
    """When that was last known for certain: what was read since may have been asked for, or taken, wrongly."""
    written_for: str = ""
    """The API user whose formatting that is."""
    uncounted: bool = False
    """Something happened since the records were last counted that may have taken some away unsaid."""
    dropped_some: bool = False
    """A walk over everything found records gone, and what went along with them was not counted yet."""
    from_day: str = ""
    """The copy began with what had changed since this day, which somebody named, so it lacks what is older."""
    dropped: tuple[str, ...] = ()
    """Fields that the gateway describes but does not let us query."""
    asked: str = ""
    """What the stream was asked for, where its name may come to mean something else; see `Stream.asked`."""
    left_out: tuple[str, ...] = ()
    """Columns of the copy that what was read last did not fill, so that rows may be newer than what stands in them."""

    @property
    def last_key(self) -> str:
        """Everything up to this key has been read in the walk in progress."""
        return self.unread[0].low if self.unread else ""

    @property
    def in_progress(self) -> bool:
        """Whether a walk was begun and not ended."""
        return bool(self.started)

    def begin(self, started: str, run: int, *, full: bool) -> "Bookmark":
        """The bookmark of a new walk that begins now."""
        return replace(self, started=started, full=full, walk=run, unread=EVERYTHING, windows=(), replaced="")

    def again(self) -> "Bookmark":
        """The same walk from its beginning."""
        return replace(self, unread=EVERYTHING, windows=(), replaced="") if self.in_progress else self

    def contradicts(self, known: AnswerFormat) -> bool:
        """Whether answers to the same user were written in another way when the stream was last read."""
        return self.written not in ("", known.how) and self.written_for == known.user

    def written_as(self, known: AnswerFormat, *, overlap_seconds: int, trail_seconds: int) -> "Bookmark":
        """The bookmark where answers are known to be written so. If another way was known before, what was read since
        that was certain is asked for again: all, if all was read since.
        """
        how, at, last = known.how, known.at, self.written_at
        if not self.contradicts(known):
            certain = self.written_for == known.user and last and moment(last) > moment(at)
            return replace(self, written=how, written_at=last if certain else at, written_for=known.user)
        deletes = earlier(self.deletes_since, less(last, trail_seconds)) if self.deletes_since else ""
        found = replace(self, written=how, written_at=at, deletes_since=deletes, met="")
        if self.since and moment(self.read_in_full or self.since) < moment(last):
            return replace(found.again(), since=earlier(self.since, less(last, overlap_seconds)))
        return replace(found.again() if self.full else found.abandoned(), since="")

    def asked_for(self, what: str) -> "Bookmark":
        """The bookmark where this is asked for: what is there of something else gives way to it, so all is read."""
        if what == self.asked:
            return self
        return replace(self.abandoned(), asked=what, since="", met="", from_day="")

    def abandoned(self) -> "Bookmark":
        """The bookmark as it was before the walk in progress."""
        return replace(self, started="", full=False, unread=(), windows=(), replaced="")

    def come_to(self, unread: tuple[KeySpan, ...]) -> "Bookmark":
        """The same walk, further on."""
        return replace(self, unread=unread)

    def end(self, overlap_seconds: int = OVERLAP_SECONDS) -> "Bookmark":
        """The walk is done: changes are wanted from its start on, less the overlap."""
        return replace(
            self,
            since=less(self.started, overlap_seconds),
            started="",
            full=False,
            unread=(),
            windows=(),
            replaced="",
            read_in_full=self.started if self.full else self.read_in_full,
            whole_walk=self.walk if self.full else self.whole_walk,
        )

    def ends_whole(self, before: "Bookmark") -> bool:
        """Whether a walk over everything ended since that bookmark."""
        held = (before.read_in_full, before.whole_walk)
        return not self.in_progress and (self.read_in_full, self.whole_walk) != held

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; what says nothing is left out."""
        plain = {name: value for name, value in asdict(self).items() if value}
        plain |= {name: list(plain[name]) for name in _LISTS if name in plain}
        if self.unread:
            plain["unread"] = [[span.low, span.high] for span in self.unread]
            plain["last_key"] = self.last_key
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Bookmark":
        """Read back what `to_dict` wrote; names it does not know are ignored, wrong shapes are refused."""
        known = {one.name for one in fields(cls)} - {"unread", *_LISTS}
        given = {name: value for name, value in plain.items() if name in known}
        try:
            spans = tuple(KeySpan(str(low), str(high)) for low, high in plain.get("unread", ()))
            lists: dict[str, Any] = {name: tuple(map(str, plain.get(name, ()))) for name in _LISTS}
            for name in ("since", "started", "read_in_full", "deletes_since", "swept", "written_at", "from_day"):
                if given.get(name):
                    moment(given[name])
            for one in fields(cls):
                if one.name in given and not isinstance(given[one.name], type(one.default)):
                    raise TypeError(f"{one.name} is {given[one.name]!r}")
        except (TypeError, ValueError) as error:
            raise damaged(error) from None
        return cls(unread=spans, **lists, **given)


def damaged(why: Exception) -> SettingsError:
    """The error of a stored state that cannot be read."""
    return SettingsError(
        f"the stored state is damaged: {why}", fix="remove the stream's state to read it in full again"
    )


def wall(when: datetime) -> str:
    """A moment as the gateway writes it, in UTC."""
    return when.astimezone(UTC).strftime(WALL)


def moment(text: str) -> datetime:
    """The moment that `wall` wrote; ISO 8601 is read too, since people write a start date so."""
    try:
        return datetime.strptime(text, WALL).replace(tzinfo=UTC)
    except ValueError:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def less(text: str, seconds: int) -> str:
    """The time so many seconds before."""
    return wall(moment(text) - timedelta(seconds=seconds))


def earlier(one: str, other: str) -> str:
    """The earlier of two times."""
    return min((one, other), key=moment)


def sent(text: str, offset_minutes: int = 0, reads_as: str = "") -> str:
    """The time as a filter has to say it: `reads_as` is `utc` or `user` once that is known of a connection."""
    when = moment(text)
    if reads_as == "utc":
        return wall(when)
    user = timedelta(minutes=offset_minutes)
    if reads_as == "user":
        return wall(when + user - SPARE)
    return wall(when + min(user, timedelta()) - SPARE)
