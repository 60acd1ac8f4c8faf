"""The limits of an application in a company, and the headers that tell of them.

Sage's page on HTTP headers names four limits. Two are hard: requests of an application at a time, and in an hour. The
one of a minute is soft: it refuses nothing, and its headers come once it is reached. The limit of the company counts
requests of both interfaces; `access.company_limits` has it. Headers of CPU time are not given.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from threading import Lock

from intacct_emulator.settings.behaviour import Behaviour

_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request is admitted, and the headers of its answer."""

    wait: float = 0.0
    """Seconds until the next request may come; 0 if this one is admitted."""
    headers: Mapping[str, str] = field(default_factory=dict)


class ApplicationLimits:
    """Admits requests by application and company. A request without an application has no limit."""

    def __init__(self, behaviour: Behaviour, clock: Callable[[], float]) -> None:
        self._behaviour, self._clock = behaviour, clock
        self._lock = Lock()
        self._running = Counter[str]()
        self._admitted: dict[str, list[float]] = {}
        """When the requests of the last hour were admitted, by application."""

    @contextmanager
    def turn(self, application: str) -> Iterator[Admission]:
        """Admit a request for as long as it runs, or say how long it must wait."""
        behaviour = self._behaviour
        if not application or not (
            behaviour.rest_concurrency or behaviour.rest_minute_requests or behaviour.rest_hour_requests
        ):
            yield Admission()
            return
        with self._lock:
            admission = self._admission(application)
        try:
            yield admission
        finally:
            if not admission.wait:
                with self._lock:
                    self._running[application] -= 1

    def clear(self) -> None:
        """Forget the requests that were admitted."""
        with self._lock:
            self._admitted.clear()

    def _admission(self, application: str) -> Admission:
        behaviour, now = self._behaviour, self._clock()
        admitted = self._admitted.setdefault(application, [])
        del admitted[: bisect_right(admitted, now - _HOUR)]
        running, most = self._running[application], behaviour.rest_concurrency
        wait_of_hour = admitted[-behaviour.rest_hour_requests] + _HOUR - now if self._hour_is_full(admitted) else 0.0
        too_many_at_once = bool(most) and running >= most
        wait = float(max(1, behaviour.rest_retry_seconds)) if too_many_at_once else wait_of_hour
        if not wait:
            admitted.append(now)
            self._running[application] += 1
            running += 1
        in_minute = len(admitted) - bisect_right(admitted, now - _MINUTE)
        always = behaviour.rest_limit_headers == "always"
        headers: dict[str, str] = {}
        if most and (always or too_many_at_once):
            headers |= _family("X-IA-Throttle", most, -1 if too_many_at_once else most - running)
            if too_many_at_once:
                headers["X-IA-Throttle-Limit-RetryAfter"] = str(ceil(wait))
        minute, hour = behaviour.rest_minute_requests, behaviour.rest_hour_requests
        if minute and (always or in_minute > minute):
            headers |= _family("X-IA-Minute-Rate", minute, minute - in_minute)
        if hour and (always or wait_of_hour):
            headers |= _family("X-IA-Hour-Rate", hour, -1 if wait_of_hour else hour - len(admitted))
            if wait_of_hour:
                headers["X-IA-Hour-Rate-Limit-Retry-After"] = str(ceil(wait_of_hour))
        return Admission(wait, headers)

    def _hour_is_full(self, admitted: list[float]) -> bool:
        most = self._behaviour.rest_hour_requests
        return bool(most) and len(admitted) >= most


def company_headers(most: int, seconds: float) -> dict[str, str]:
    """The headers of a refusal by the limit of the company. Sage's example of the limit is `LIMIT001-10`."""
    return {
        "X-IA-TENANT-Throttle-Limit": f"LIMIT001-{most}",
        "X-IA-TENANT-Throttle-Limit-Remaining": "-1",
        "X-IA-TENANT-Throttle-Limit-Retry-After": str(max(1, ceil(seconds))),
    }


def _family(name: str, most: int, remaining: int) -> dict[str, str]:
    return {f"{name}-Limit": str(most), f"{name}-Limit-Remaining": str(max(-1, remaining))}
