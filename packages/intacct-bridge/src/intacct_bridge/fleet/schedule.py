"""The schedule of a flow: the times at which it is due, by cron or by an interval."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from intacct_protocol.errors import SettingsError

_INTERVAL = re.compile(r"(?:every\s+)?(\d+)\s*(s|m|h|d|seconds?|minutes?|hours?|days?)", re.IGNORECASE)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SHORTEST, _LONGEST = 10, 366 * 86_400
_NAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a flow is due.

    >>> str(Schedule.of("15 2 * * 1-6 Europe/Berlin", where="nightly"))
    '15 2 * * 1-6 Europe/Berlin'
    >>> str(Schedule.of("every 15 minutes", where="hourly"))
    'every 15m'
    """

    cron: str = ""
    """Minute, hour, day, month and day of the week; empty for an interval."""
    zone: str = "UTC"
    """The time zone of `cron`."""
    seconds: int = 0
    """The interval; 0 for a time of cron."""

    @classmethod
    def of(cls, value: Any, *, where: str) -> "Schedule":
        """`15 2 * * 1-6`, the same followed by a time zone, or `every 15m`; SettingsError names `where`."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, str) or not value.strip():
            raise SettingsError(f"{where} must be text, not {value!r}", fix=_FIX)
        if interval := _INTERVAL.fullmatch(value.strip()):
            seconds = int(interval[1]) * _UNITS[interval[2][0].lower()]
            if not _SHORTEST <= seconds <= _LONGEST:
                raise SettingsError(
                    f"{where} is {value!r}", fix=f"an interval lasts {_SHORTEST} seconds or more, and a year at most"
                )
            return cls(seconds=seconds)
        words = value.split()
        length = 1 if words[0].startswith("@") else _FIELDS
        times, zone = " ".join(words[:length]), " ".join(words[length:]) or "UTC"
        _check_cron(times, value, where)
        _check_zone(zone, where)
        return cls(times, zone)

    def next_after(self, moment: datetime, *, spread: str = "") -> datetime:
        """The first due time after a moment, in UTC.

        The due times of an interval are the same on every machine. `spread`, such as the tenant's name, shifts them by
        a part of the interval, so that a thousand tenants are not due at once. A time of cron is never shifted. If
        the clock skips a time in spring, the flow is due at the moment of the change; if the clock repeats a time in
        autumn, the flow is due the first time only. Times with `*` as the hour are due whenever the clock shows them.
        """
        if self.seconds:
            shift = int.from_bytes(sha256(spread.encode()).digest()[:8]) % self.seconds if spread else 0
            passed = (moment - _EPOCH).total_seconds() - shift
            return _EPOCH + timedelta(seconds=(passed // self.seconds + 1) * self.seconds + shift)
        zone = ZoneInfo(self.zone)
        return self._as_shown(moment, zone) if self._in_every_hour else self._next_by_wall_clock(moment, zone)

    @property
    def _in_every_hour(self) -> bool:
        return self.cron == "@hourly" or (not self.cron.startswith("@") and self.cron.split()[1].startswith("*"))

    def _next_by_wall_clock(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The next time by the clock on the wall, on which a repeated hour is one hour."""
        local = moment.astimezone(zone).replace(tzinfo=None)
        while True:
            local = self._next_local(local)
            due = local.replace(tzinfo=zone).astimezone(UTC)
            if due.astimezone(zone).replace(tzinfo=None) != local:  # skipped: read with the offset before the change
                due = _first_change(zone, due - timedelta(days=1), due) or due
            if due > moment:
                return due

    def _as_shown(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The next moment at which the clock shows a time; the offset is one between two changes of the clock."""
        at, before = moment.astimezone(UTC), timedelta()
        while True:
            offset = zone.utcoffset(at.astimezone(zone)) or timedelta()
            local = self._next_local((at + offset).replace(tzinfo=None) - before)
            due = (local - offset).replace(tzinfo=UTC)
            change = _first_change(zone, at, due)
            if change is None:
                return due
            at, before = change, timedelta(seconds=1)  # the clock may show the time right after the change

    def _next_local(self, after: datetime) -> datetime:
        from croniter import croniter

        moment: datetime = croniter(self.cron, after).get_next(datetime)
        return moment

    def __str__(self) -> str:
        if not self.seconds:
            return self.cron if self.zone == "UTC" else f"{self.cron} {self.zone}"
        unit = next(unit for unit in ("d", "h", "m", "s") if self.seconds % _UNITS[unit] == 0)
        return f"every {self.seconds // _UNITS[unit]}{unit}"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TWO_CHANGES_WITHIN = timedelta(days=7)


def _first_change(zone: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    """The first change of the clock after a moment in UTC and until another one."""

    def offset(at: datetime) -> timedelta | None:
        return at.astimezone(zone).utcoffset()

    while after < until:
        later = min(after + _NO_TWO_CHANGES_WITHIN, until)
        if offset(after) != offset(later):
            while later - after > timedelta(seconds=1):
                middle = after + (later - after) / 2
                after, later = (middle, later) if offset(middle) == offset(after) else (after, middle)
            return later.replace(microsecond=0)
        after = later
    return None


_FIX = "Write minute, hour, day, month and day of the week (15 2 * * 1-6), if need be with a time zone behind them, or"
_FIX += " an interval (every 15m)."


def _check_cron(times: str, value: str, where: str) -> None:
    try:
        from croniter import croniter
    except ImportError:
        raise SettingsError("a fleet needs the fleet extra", fix="pip install 'intacct-bridge[fleet]'") from None
    is_valid = times in _NAMES or (len(times.split()) == _FIELDS and croniter.is_valid(times))
    if is_valid:
        try:
            croniter(times, _EPOCH.replace(tzinfo=None)).get_next(datetime)
            return
        except ValueError:
            pass
    raise SettingsError(f"{where}: {value!r} is not a time of cron or an interval", fix=_FIX)


def _check_zone(zone: str, where: str) -> None:
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, KeyError):
        raise SettingsError(
            f"{where}: {zone!r} is not a time zone", fix="Write a zone such as America/New_York behind the time."
        ) from None
