"""The runtime that a client shares with the clients of its entities: transport, pace, meter, counts, calibration."""

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from intacct_bridge.client.gateway.archive import Archive
from intacct_bridge.client.gateway.calibration import Calibration, Calibrations
from intacct_bridge.client.gateway.exchange import Exchange
from intacct_bridge.client.gateway.http import HttpTransport
from intacct_bridge.client.gateway.meter import Meter, MonthlyCounter, MonthlyUsage
from intacct_bridge.client.gateway.pacing import Gate
from intacct_bridge.connections.connection import Connection, is_loopback
from intacct_bridge.machine.clock import steady_seconds
from intacct_bridge.machine.directories import cache_directory, cache_of_port, state_directory
from intacct_bridge.shared_state.place import company_name, shared_place
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.reply import Transport

if TYPE_CHECKING:
    from intacct_bridge.shared_state.governor import Governor


@dataclass(frozen=True, slots=True)
class System:
    """The clocks, the waiting and the random numbers of this process; tests replace them."""

    clock: Callable[[], float] = steady_seconds
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    wall: Callable[[], float] = time.time
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex


class Runtime:
    """Opened with a client and closed with it."""

    def __init__(
        self,
        connection: Connection,
        transport: Transport | None,
        *,
        max_transactions: int | None,
        keep: bool | Path | None,
        system: System,
    ) -> None:
        self.connection = connection
        self.meter = Meter(cap=max_transactions)
        remote = transport is None and not is_loopback(urlsplit(connection.endpoint).hostname or "")
        on_disk = remote if keep is None else keep is True
        self.cache = _cache(connection, keep=keep, on_disk=on_disk, networked=transport is None)
        self.transport, self.keep, self.system = transport, keep, system
        self._own_transport = HttpTransport(connection) if transport is None else None
        self.state = state_directory() if on_disk else None
        self._tally = _tally(connection) if on_disk else None
        self._governor = _governor(connection, system)
        self.exchange = Exchange(
            connection,
            _archived(connection, transport or self._own_transport),
            gate=Gate(connection.concurrency, clock=system.clock, sleep=system.sleep),
            meter=self.meter,
            clock=system.clock,
            new_id=system.new_id,
            tally=self._tally,
            governor=self._governor,
        )

    def month_to_date(self, now: datetime) -> int | None:
        """The month's transactions as counted on this machine, or on all that share a database; None if no count is
        kept.
        """
        if self._governor is not None:
            return self._governor.month_to_date()
        if self._tally is None:
            return None
        self._tally.flush()
        return self._tally.usage.month_to_date(f"{now:%Y-%m}")

    @property
    def http(self) -> HttpTransport:
        """The network. SettingsError if another transport takes its place, which speaks XML only."""
        if self._own_transport is None:
            raise SettingsError("the REST interface needs the network, and this client has another transport")
        return self._own_transport

    @property
    def refusals(self) -> int:
        """The number of requests that were refused for coming too fast."""
        return self.exchange.gate.refusals

    @property
    def calibration(self) -> Calibration:
        """The measurements of `intacct doctor` on this machine; empty until it has run."""
        return Calibrations(self.state).of(self.connection)

    def calibrate(self, learned: Calibration) -> None:
        """Keep new measurements, if this client keeps state."""
        Calibrations(self.state).keep(self.connection, learned)

    def close(self) -> None:
        """Write down the count and close the sockets that this runtime opened. No further call is made."""
        self.exchange.close()
        if self._tally is not None:
            self._tally.flush()
        if self._own_transport is not None:
            self._own_transport.close()
        if self._governor is not None:
            self._governor.close()


def _cache(connection: Connection, *, keep: bool | Path | None, on_disk: bool, networked: bool) -> Path | None:
    """The directory of definitions. For a gateway on this machine it depends on the port: another may run tomorrow."""
    if isinstance(keep, Path):
        return keep
    if on_disk:
        return cache_directory()
    return cache_of_port(urlsplit(connection.endpoint).port) if keep is None and networked else None


def _tally(connection: Connection) -> MonthlyCounter:
    company = f"{connection.company_id}-{connection.client_id}" if connection.client_id else connection.company_id
    return MonthlyCounter(MonthlyUsage(state_directory(), company=company, connection=connection.name))


def _governor(connection: Connection, system: System) -> "Governor | None":
    place = shared_place(connection)
    if place is None:
        return None
    from intacct_bridge.shared_state.governor import Governor

    return Governor(
        place,
        connection.name,
        concurrency=connection.concurrency,
        monthly_limit=connection.monthly_limit,
        sleep=system.sleep,
        company=company_name(connection),
        longest_read=timedelta(seconds=connection.timeout),
    )


def _archived(connection: Connection, transport: Transport | None) -> Transport:
    assert transport is not None
    if not connection.archive:
        return transport
    return Archive(transport, Path(connection.archive), secrets=connection.secrets)
