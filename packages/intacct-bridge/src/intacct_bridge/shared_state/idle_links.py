"""Connections of this process to PostgreSQL that hold nothing, kept for the next transaction that needs one.

A connection is here only between two transactions: it has no lock, no open transaction, and no answer on its way. So
one connection serves many companies in turn, while each of their requests waits for Intacct. If more threads need one
than there are, a thread waits for a while until another one gives its own back. The last user of a server closes those
that are left.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from intacct_bridge.shared_state.place import Server

MOST = 8
"""Connections of this process to a server."""
PATIENCE = 2.0
"""Seconds to wait for one of them; then one more is opened, since the others may all wait for the lock of a company."""
_IDLE = b"I"
"""What the server says of a session without a transaction."""


class IdleLinks:
    """The idle connections of this process, with the statements that are prepared in each."""

    def __init__(self, close: Callable[[Any], None]) -> None:
        self._close = close
        self._forget()
        if hasattr(os, "register_at_fork"):  # two processes must not talk over one connection
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Condition()
        self._idle: dict[Server, list[tuple[Any, dict[str, Any]]]] = {}
        self._users: Counter[Server] = Counter()
        self._lent: Counter[Server] = Counter()
        """The connections that threads have now, or are opening."""

    def enter(self, server: Server) -> None:
        """Count one more that takes connections to a server, until it leaves."""
        with self._lock:
            self._users[server] += 1

    def leave(self, server: Server) -> None:
        """End that; the last one closes what is idle."""
        with self._lock:
            self._users[server] -= 1
            left = [] if self._users[server] > 0 else self._idle.pop(server, [])
            if self._users[server] <= 0:
                del self._users[server]
        self._end(left)

    def take(self, server: Server, *, patience: float = PATIENCE) -> tuple[Any, dict[str, Any]] | None:
        """A connection that no other one uses, with its prepared statements; the server may have ended it meanwhile.

        None: the caller is to open one. Either way it gives the connection back with `put` or `lost`.
        """
        with self._lock:
            self._lock.wait_for(lambda: self._idle.get(server) or self._lent[server] < MOST, min(patience, PATIENCE))
            self._lent[server] += 1
            links = self._idle.get(server)
            return links.pop() if links else None

    def lost(self, server: Server) -> None:
        """Note that a connection which was taken is closed, or was not opened."""
        with self._lock:
            self._lent[server] -= 1
            self._lock.notify()

    def put(self, server: Server, link: Any, prepared: dict[str, Any]) -> None:
        """Keep a connection for the next one, or close it if enough are kept."""
        with self._lock:
            links = self._idle.setdefault(server, []) if self._users[server] > 0 else []
            keep = self._users[server] > 0 and len(links) < MOST and link._transaction_status == _IDLE
            if keep:
                links.append((link, prepared))
            self._lent[server] -= 1
            self._lock.notify()
        if not keep:
            self._end([(link, prepared)])

    def drop(self, server: Server) -> None:
        """Close those of a server, one of which was found to be lost."""
        with self._lock:
            lost = self._idle.pop(server, [])
        self._end(lost)

    def _end(self, links: list[tuple[Any, dict[str, Any]]]) -> None:
        for link, _ in links:
            with suppress(Exception):
                self._close(link)
