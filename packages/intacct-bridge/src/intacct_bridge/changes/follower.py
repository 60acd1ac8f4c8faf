"""Polls and deliveries that take turns: once, or until the program is stopped."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from intacct_bridge.changes.delivery import ATTEMPTS, Deliveries, Dispatcher, Receiver
from intacct_bridge.changes.event_log import EventLog
from intacct_bridge.changes.watch import PollResult, Watch, poll, prepare_watch
from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.machine.clock import SteadyTime
from intacct_protocol.errors import ProtocolError, TransientError
from intacct_protocol.model.masking import without_secrets

_log = logging.getLogger(__name__)
KEEP_DAYS = 30


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """How a watch polls and delivers."""

    every: float = 300.0
    """Seconds between the beginnings of two polls."""
    batch: int = 1
    """Events of different records in one delivery, at most."""
    workers: int = 4
    """Deliveries at a time."""
    attempts: int = ATTEMPTS
    """Make this many attempts before an event is a dead letter."""
    keep_days: int = KEEP_DAYS
    """Keep delivered events for this many days."""
    show_private: bool = True
    """Read private records of entities too, from the top level."""


def this_machines_time() -> datetime:
    """By which acknowledgements are noted."""
    return datetime.now(UTC)


class Follower:
    """One watch with its receiver."""

    def __init__(
        self,
        gateway: ReadGateway,
        log: EventLog,
        watch: Watch,
        receiver: Receiver,
        options: FollowOptions | None = None,
        *,
        now: Callable[[], datetime] | None = None,
        masked: Callable[[str], str] | None = None,
    ) -> None:
        """`now` times polls and deliveries: without it, the machine's time that never jumps. `masked` takes the secrets
        out of what a receiver says: without it, those of the gateway's connection.
        """
        now = now or SteadyTime()
        self._options = options or FollowOptions()
        self._gateway, self._log, self._watch, self._now = gateway, log, watch, now
        self._stop = threading.Event()
        self._has_polled = False
        self._dispatcher = Dispatcher(
            log,
            watch.name,
            receiver,
            batch=self._options.batch,
            workers=self._options.workers,
            attempts=self._options.attempts,
            now=now,
            stop=self._stop,
            masked=masked or self._without_secrets,
        )

    def _without_secrets(self, text: str) -> str:
        return without_secrets(text, self._gateway.connection.secrets)

    def stop(self) -> None:
        """End after the deliveries that are on their way."""
        self._stop.set()

    def once(self) -> tuple[PollResult, Deliveries]:
        """Poll once, and deliver what is due."""
        result = self._poll()
        return result, self._dispatcher.run()

    def deliver(self) -> Deliveries:
        """Deliver what is due, without a poll."""
        return self._dispatcher.run()

    def follow(self) -> Iterator[tuple[PollResult | None, Deliveries]]:
        """Poll and deliver until `stop`: a result after each poll, and after each further round of deliveries.

        A temporary fault of Intacct or of the network costs one poll; the next one follows on schedule. A receiver that
        takes its time delays a poll by one delivery at most.
        """
        every = timedelta(seconds=self._options.every)
        due = self._now()
        while not self._stop.is_set():
            polled = None
            if not self._now() < due <= self._now() + every:
                due = self._now() + every
                polled = self._poll_or_fault()
            delivered = self._dispatcher.run(within=every)
            if polled is not None or delivered.delivered or delivered.failed:
                yield polled, delivered
            retry = self._log.next_attempt(self._watch.name)
            wake = due if retry is None else min(due, retry)
            self._stop.wait(min(max(0.0, (wake - self._now()).total_seconds()), self._options.every))

    def _poll_or_fault(self) -> PollResult:
        spent = self._gateway.meter.transactions
        try:
            return self._poll()
        except (TransientError, ProtocolError) as error:
            _log.warning("%s: a poll failed and will be repeated: %s", self._watch.name, error)
            return PollResult(0, (), self._gateway.meter.transactions - spent, error)

    def _poll(self) -> PollResult:
        options = ExtractOptions(show_private=self._options.show_private)
        if self._has_polled:  # definitions may have changed meanwhile
            self._gateway.begin_run()
        self._has_polled = True
        prepared = prepare_watch(self._gateway, self._watch)
        result = poll(self._gateway, self._log, self._watch, options, prepared)
        now = min(self._now(), self._gateway.company_time)  # a machine's clock may be years ahead when it starts
        self._log.prune(self._watch.name, now - timedelta(days=self._options.keep_days))
        return result
