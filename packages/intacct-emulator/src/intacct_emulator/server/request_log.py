"""The log of requests: every request that arrived, refused ones too, with its outcome and every credential masked."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Lock

from intacct_emulator.server.request_document import loggable
from intacct_protocol.xml.codec import masked

MOST = 1000
"""Requests that the log keeps."""


class RequestOutcome(StrEnum):
    """How a request ended."""

    OPEN = "open"
    """It has no answer yet."""
    ANSWERED = "answered"
    """Its operations were answered; single functions may have failed."""
    ACKNOWLEDGED = "acknowledged"
    """It has a transport policy, and its answer comes later."""
    UNREADABLE = "unreadable"
    """It is no document, or violates the schema."""
    REFUSED = "refused"
    """The sender, the company or the policy is refused, and nothing ran."""
    SIGN_IN_REFUSED = "sign-in refused"
    """The user of an operation is refused, and its functions did not run."""
    LIMITED = "limited"
    """A limit of the company stopped it."""
    FAULT = "fault"
    """A scripted fault took the place of its answer before anything ran."""
    UNANSWERED = "unanswered"
    """It was processed, and the connection was cut."""
    TIMED_OUT = "timed out"
    """The connection was closed while the work went on."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request as the log keeps it."""

    functions: tuple[str, ...]
    control_ids: tuple[str, ...]
    at: float
    """Seconds since the epoch, by the emulator's clock."""
    _body: bytes = field(repr=False)
    company: str = ""
    """The company that it names; empty if it names none, or is unreadable."""
    outcome: RequestOutcome = RequestOutcome.OPEN
    transactions: int = 0
    """Billable transactions of this request so far."""
    number: int = 0
    """Its place among the requests since the start, counted from 1; a `restore` does not begin again."""

    @property
    def body(self) -> bytes:
        """The request with every credential masked."""
        return masked(loggable(self._body))


@dataclass(frozen=True, slots=True)
class RequestCount:
    """The requests to one company since the emulator started, refused ones included."""

    requests: int = 0
    most_at_once: int = 0
    """The most that had arrived and had no answer at one moment."""


class CompanyRequests:
    """Counts the requests to each company, and the most at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests = Counter[str]()
        self._open = Counter[str]()
        self._most = Counter[str]()

    @contextmanager
    def counted(self, company_id: str) -> Iterator[None]:
        """Count a request, which is open inside."""
        with self._lock:
            self._requests[company_id] += 1
            self._open[company_id] += 1
            self._most[company_id] = max(self._most[company_id], self._open[company_id])
        try:
            yield
        finally:
            with self._lock:
                self._open[company_id] -= 1

    def of(self, company_id: str) -> RequestCount:
        """The count of one company."""
        with self._lock:
            return RequestCount(self._requests[company_id], self._most[company_id])

    def clear(self) -> None:
        """Start again from zero; requests without an answer are still open."""
        with self._lock:
            self._requests.clear()
            self._most.clear()


class RequestLog:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[int, Received] = OrderedDict()
        self._number = 0
        self.arrivals = 0
        """Requests that arrived, also those that the log no longer keeps."""

    @property
    def entries(self) -> tuple[Received, ...]:
        """The requests in the order of their arrival."""
        return tuple(self._entries.values())

    def arrived(self, received: Received) -> int:
        """Add a request; gives its number."""
        self._number += 1
        self.arrivals += 1
        self._entries[self._number] = replace(received, number=self._number)
        if len(self._entries) > MOST:
            self._entries.popitem(last=False)
        return self._number

    def ended(self, number: int, outcome: RequestOutcome) -> None:
        """Note the outcome of a request."""
        entry = self._entries.get(number)
        if entry is not None:
            self._entries[number] = replace(entry, outcome=outcome)

    def billed(self, number: int, transactions: int) -> None:
        """Note billable transactions of a request."""
        entry = self._entries.get(number)
        if entry is not None and transactions:
            self._entries[number] = replace(entry, transactions=entry.transactions + transactions)

    def clear(self) -> None:
        """Forget all requests. A number is not given twice."""
        self._entries.clear()
        self.arrivals = 0
