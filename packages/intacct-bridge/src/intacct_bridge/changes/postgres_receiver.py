"""A PostgreSQL table as a receiver: one row for each event, and a notification in the same transaction.

A repeated delivery adds nothing, since the id is the key: this receiver holds every event exactly once. The table is
`intacct_events` in the connection's current schema; each commit notifies the channel of the same name with the object.
"""

import threading
from collections.abc import Sequence

from intacct_bridge.changes.delivery import DeliveryError
from intacct_bridge.changes.event import ChangeEvent, encode
from intacct_bridge.copies.destinations.postgres import Postgres
from intacct_bridge.copies.destinations.sql import failure

TABLE = "intacct_events"
_CREATE = f"""CREATE TABLE IF NOT EXISTS {TABLE} (id text PRIMARY KEY, sequence bigint NOT NULL, company text NOT NULL,
    object text NOT NULL, key text NOT NULL, kind text NOT NULL, time timestamptz NOT NULL, record jsonb NOT NULL,
    changed jsonb, received_at timestamptz NOT NULL DEFAULT now())"""
_INSERT = f"""INSERT INTO {TABLE} (id, sequence, company, object, key, kind, time, record, changed)
    VALUES (?, ?::bigint, ?, ?, ?, ?, ?::timestamptz, ?::jsonb, nullif(?, '')::jsonb) ON CONFLICT (id) DO NOTHING
    RETURNING id"""
_IS_KNOWN = f"SELECT id FROM {TABLE} WHERE id = ? AND time = ?::timestamptz"


class PostgresReceiver:
    """Adds events to a table."""

    def __init__(self, uri: str) -> None:
        """SettingsError if the server cannot be used, or the table cannot be made."""
        self._database = Postgres(uri)
        self._lock = threading.Lock()
        self._connected()

    def _connected(self) -> None:
        self._database.connect()
        try:
            self._database.begin()
            self._database.execute(_CREATE)
            self._database.end(keep=True)
        except self._database.errors as error:
            self._database.close()
            raise failure(self._database, error) from error

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Add the events in one transaction; DeliveryError if the server does not take them."""
        with self._lock:
            try:
                self._database.connect()
                self._database.begin()
                for event in events:
                    self._add(event)
                for name in sorted({event.object for event in events}):
                    self._database.execute("SELECT pg_notify(?, ?)::text", [TABLE, name])
                self._database.end(keep=True)
            except self._database.errors as error:
                self._database.close()  # the next delivery opens another connection
                reason = self._database.reason(error)
                raise DeliveryError(f"{self._database.name} did not take the events: {reason}") from None

    def _add(self, event: ChangeEvent) -> None:
        """Add an event, or find that it is there; DeliveryError if another one has its id."""
        plain = event.to_dict()
        changed = "" if event.changed is None else encode(plain["changed"]).decode()
        head = [event.id, str(event.number), event.company, event.object, event.key, str(event.kind), plain["time"]]
        if self._database.execute(_INSERT, [*head, encode(plain["record"]).decode(), changed]):
            return
        if not self._database.execute(_IS_KNOWN, [event.id, plain["time"]]):
            self._database.end(keep=False)
            raise DeliveryError(
                f"{TABLE} has another event under the id {event.id}, since the event log was lost or restored: rename"
                " the table, and replay this event"
            )

    def close(self) -> None:
        """Close the connection."""
        self._database.close()
