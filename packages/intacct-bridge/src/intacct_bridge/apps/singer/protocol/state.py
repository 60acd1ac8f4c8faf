"""The state document of the tap: bookmarks, versions, and the keys that the consumer has.

The state of another tap is read, too: hotglue's and Meltano's taps write times by stream.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from intacct_bridge.operations.feeds import Bookmark, FeedState, KnownKeys, bookmark_since, damaged
from intacct_protocol.errors import SettingsError

_NOT_STREAMS = ("currently_syncing",)
"""Keys of other taps' states that are not streams."""
_VALUE = "replication_key_value"
_TIMES_OF_CHANGE = frozenset(["WHENMODIFIED", "MODIFIED", "ACCESSTIME", "UPDATEDAT"])
"""The replication keys of other taps that are times of change. The end of a budget's period, for example, is not."""


def read_state(document: Mapping[str, Any], rename: Callable[[str], str] = str) -> FeedState:
    """Read a state document: ours, or another tap's, whose names `rename` translates.

    Other taps write `{stream: time}`, or `replication_key_value` in a bookmark: the time of the last row that they
    read. A value that is not a time of change is ignored. A STATE message, such as the last line of a tap's output,
    counts as the document in it.
    """
    if document.get("type") == "STATE" and isinstance(document.get("value"), dict):
        document = document["value"]
    try:
        return _read(document, rename)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise damaged(error) from None


def state_document(state: FeedState) -> dict[str, Any]:
    """The document to emit."""
    return {
        "bookmarks": {name: bookmark.to_dict() for name, bookmark in state.bookmarks.items()},
        "versions": state.versions,
        "company": state.company,
        "run": state.run,
        **({"known_keys": state.keys} if state.keys else {}),
        **({"extracted_at": state.extracted_at} if state.extracted_at else {}),
        **({"selections": state.selections} if state.selections else {}),
        "stream_names": state.names or "intacct",
    }


def _read(document: Mapping[str, Any], rename: Callable[[str], str]) -> FeedState:
    stored = document.get("bookmarks")
    if not isinstance(stored, dict):
        return FeedState(bookmarks=_times_of_another_tap(document, rename))
    parts = {name: part for name, part in stored.items() if isinstance(part, dict)}
    bookmarks = {name: Bookmark.from_dict(part) for name, part in parts.items() if _VALUE not in part}
    for name, part in parts.items():
        if _VALUE in part:
            bookmarks[rename(name)] = _bookmark_of_another_tap(part[_VALUE], part.get("replication_key"))
    keys = {}
    for name, blocks in (document.get("known_keys") or {}).items():
        KnownKeys.from_document(blocks)  # damaged keys are an error now, not at the end of a long run
        keys[name] = blocks
    at = str(document.get("extracted_at", ""))
    if at:
        datetime.fromisoformat(at)
    return FeedState(
        company=str(document.get("company", "")),
        run=int(document.get("run", 0)),
        bookmarks=bookmarks,
        versions={name: int(version) for name, version in (document.get("versions") or {}).items()},
        keys=keys,
        extracted_at=at,
        selections={name: str(text) for name, text in (document.get("selections") or {}).items()},
        names=str(document.get("stream_names", "")),
    )


def _times_of_another_tap(document: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Bookmark]:
    """The bookmarks of a document `{stream: time}`. SettingsError if it has no such time."""
    times = {name: time for name, time in document.items() if name not in _NOT_STREAMS}
    bookmarks = {rename(name): bookmark_since(time) for name, time in times.items() if isinstance(time, str)}
    if any(times.values()) and not bookmarks:
        raise SettingsError(
            "the state document is neither of this tap nor a map of streams to times",
            fix="start without --state to read in full",
        )
    return bookmarks


def _bookmark_of_another_tap(time: Any, key: Any) -> Bookmark:
    """The bookmark for a time, which is the value of this replication key; empty if that is not a time of change."""
    if key and str(key).upper() not in _TIMES_OF_CHANGE:
        return Bookmark()
    return bookmark_since(time or "")
