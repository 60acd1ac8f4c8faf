"""How an extraction reads: the settings of a run, with defaults for the usual case."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from intacct_bridge.streams.bookmark import OVERLAP_SECONDS
from intacct_bridge.streams.times import format_time, parse_time
from intacct_protocol.model.query.query import MAX_PAGE

TRAIL_SECONDS = 9000
"""Must exceed the longest time between a record's delete and the moment at which its audit entry can be read."""
STATE_KEYS_KB = 512
"""Kilobytes that a consumer's state may have for the keys of one stream: those of some million journal entries."""


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """The settings of a run."""

    full: bool = False
    """Make a full refresh of every stream, and try unqueryable fields once more."""
    start: str = ""
    """The first read of a stream takes only what changed since this time."""
    overlap_seconds: int = OVERLAP_SECONDS
    trail_seconds: int = TRAIL_SECONDS
    """How far back the audit trail is read again, for entries that appear late."""
    full_every: int = 0
    """Seconds between two reads of a stream without a time of change; 0: every run reads it."""
    full_every_by_stream: Mapping[str, int] = field(default_factory=dict)
    """Seconds between two full refreshes of streams that have a time of change, by stream; 0: every run makes one.
    Some fields are computed and change while the record's time of change does not; see `computed_fields`."""
    refresh_computed: bool = True
    """Read vendors and customers again whose documents changed, for their balances."""
    compare_every: int | None = 86_400
    """Seconds between two comparisons of all keys, if the audit trail cannot be read; None if the destination
    cannot be asked for its keys."""
    page_size: int = MAX_PAGE
    window_rows: int = 200_000
    """A view with more rows than this is read by windows of days."""
    show_private: bool = True
    """Read private records of entities too, from the top level."""
    reads_as: str = ""
    """How the gateway reads the times of a filter: `utc` or `user`; empty: as the source says."""


def start_time(text: str) -> str:
    """A time in ISO 8601 as `ExtractOptions.start` has it. ValueError for any other text."""
    return format_time(parse_time(text))
