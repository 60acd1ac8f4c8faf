"""The state document of the tap: bookmarks, versions, and the keys that the consumer has.

The state of another tap is read, too: hotglue's and Meltano's taps write times by stream.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from intacct_bridge.apps.singer.protocol.known_keys import KnownKeys
from intacct_bridge.extract.options import TRAIL_SECONDS
from intacct_bridge.streams.bookmark import OVERLAP_SECONDS, Bookmark, damaged
from intacct_bridge.streams.times import seconds_before
from intacct_protocol.errors import SettingsError

_NOT_STREAMS = ("currently_syncing",)
"""Keys of other taps' states that are not streams."""
_VALUE = "replication_key_value"
_TIMES_OF_CHANGE = frozenset(["WHENMODIFIED", "MODIFIED", "ACCESSTIME", "UPDATEDAT"])
"""The replication keys of other taps that are times of change. The end of a budget's period, for example, is not."""


@dataclass(slots=True)
class SingerState:
    """The state of one consumer."""

    company: str = ""
    run: int = 0
    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The documents of `KnownKeys`, by stream."""
    extracted_at: str = ""
    """The latest time of extraction that a record was sent with, which may be ahead of the clock; see `SentRows`."""
    selections: dict[str, str] = field(default_factory=dict)
    """By stream whose full refresh is in progress, which fields it sends."""
    names: str = ""
    """The names of streams that the consumer got, `intacct` or `hotglue`; empty if it got none of ours yet."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any], rename: Callable[[str], str] = str) -> "SingerState":
        """Read a state document: ours, or another tap's, whose names `rename` translates.

        Other taps write `{stream: time}`, or `replication_key_value` in a bookmark: the time of the last row that they
        read. Changes and deletes are then wanted from that time less the overlap. A value that is not a time of change
        is ignored. A STATE message, such as the last line of a tap's output, counts as the document in it.
        """
        if document.get("type") == "STATE" and isinstance(document.get("value"), dict):
            document = document["value"]
        try:
            return cls._read(document, rename)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise damaged(error) from None

    @classmethod
    def _read(cls, document: Mapping[str, Any], rename: Callable[[str], str]) -> "SingerState":
        bookmarks = document.get("bookmarks")
        if not isinstance(bookmarks, dict):
            return cls(bookmarks=_times_of_another_tap(document, rename))
        given = {name: one for name, one in bookmarks.items() if isinstance(one, dict)}
        found = {name: Bookmark.from_dict(one) for name, one in given.items() if _VALUE not in one}
        for name, one in given.items():
            if _VALUE in one:
                found[rename(name)] = _bookmark_of_another_tap(one[_VALUE], one.get("replication_key"))
        versions = {name: int(one) for name, one in (document.get("versions") or {}).items()}
        company = str(document.get("company", ""))
        names = str(document.get("stream_names", ""))
        keys = {name: dict(one) for name, one in (document.get("known_keys") or {}).items()}
        for one in keys.values():
            KnownKeys.from_document(one)  # damaged keys are an error now, not at the end of a long run
        at = str(document.get("extracted_at", ""))
        if at:
            datetime.fromisoformat(at)
        selections = {name: str(one) for name, one in (document.get("selections") or {}).items()}
        return cls(company, int(document.get("run", 0)), found, versions, keys, at, selections, names)

    def document(self) -> dict[str, Any]:
        """The document to emit."""
        return {
            "bookmarks": {name: one.to_dict() for name, one in self.bookmarks.items()},
            "versions": self.versions,
            "company": self.company,
            "run": self.run,
            **({"known_keys": self.keys} if self.keys else {}),
            **({"extracted_at": self.extracted_at} if self.extracted_at else {}),
            **({"selections": self.selections} if self.selections else {}),
            "stream_names": self.names or "intacct",
        }


def _times_of_another_tap(document: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Bookmark]:
    """The bookmarks of a document `{stream: time}`. SettingsError if it has no such time."""
    times = {name: one for name, one in document.items() if name not in _NOT_STREAMS}
    found = {rename(name): _bookmark_of_another_tap(one) for name, one in times.items() if isinstance(one, str)}
    if any(times.values()) and not found:
        raise SettingsError(
            "the state document is neither of this tap nor a map of streams to times",
            fix="start without --state to read in full",
        )
    return found


def _bookmark_of_another_tap(time: Any, key: Any = "") -> Bookmark:
    """The bookmark for a time, which is the value of this replication key; empty if that is not a time of change."""
    if key and str(key).upper() not in _TIMES_OF_CHANGE:
        return Bookmark()
    read = Bookmark.from_dict({"progress": {"since": time or ""}})
    if not read.since:
        return read
    since, deletes = (seconds_before(read.since, seconds) for seconds in (OVERLAP_SECONDS, TRAIL_SECONDS))
    return replace(read, progress=replace(read.progress, since=since), deletes=replace(read.deletes, since=deletes))
