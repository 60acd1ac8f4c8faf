"""Times as bookmarks keep them and filters send them. Pure: the clock is passed in.

A stored time is the company's own (the server's clock, never this machine's), written as the gateway writes it, in UTC.
It is not documented whether the gateway reads the times of a filter as UTC or as the API user's wall clock, nor whether
the user's offset follows daylight saving. Until a connection is calibrated, `filter_time` therefore gives the earliest
of all these readings, so that nothing is missed and at most some hours are read twice.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

GATEWAY_TIME = "%m/%d/%Y %H:%M:%S"
CLOCK_CHANGE = timedelta(hours=1)
"""The largest change of a wall clock by daylight saving."""


def format_time(when: datetime) -> str:
    """A time as the gateway writes it, in UTC."""
    return when.astimezone(UTC).strftime(GATEWAY_TIME)


@lru_cache(maxsize=4_096)  # a run reads the same few times of its bookmarks again and again
def parse_time(text: str) -> datetime:
    """The time that `format_time` wrote, or one in ISO 8601, the usual form of a start date; without a zone it is UTC.

    ValueError for any other text.
    """
    try:
        return datetime.strptime(text, GATEWAY_TIME).replace(tzinfo=UTC)
    except ValueError:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def seconds_before(text: str, seconds: int) -> str:
    """The time this many seconds earlier."""
    return format_time(parse_time(text) - timedelta(seconds=seconds))


def earlier(first: str, other: str) -> str:
    """The earlier of two times."""
    return min((first, other), key=parse_time)


def filter_time(text: str, offset_minutes: int = 0, reads_as: str = "") -> str:
    """The time to send in a filter.

    `reads_as` is how the gateway reads such times on this connection: `utc`, `user` (the API user's wall clock, at
    `offset_minutes` from UTC), or empty if the connection is not calibrated.
    """
    when = parse_time(text)
    if reads_as == "utc":
        return format_time(when)
    user = timedelta(minutes=offset_minutes)
    if reads_as == "user":
        return format_time(when + user - CLOCK_CHANGE)
    return format_time(when + min(user, timedelta()) - CLOCK_CHANGE)
