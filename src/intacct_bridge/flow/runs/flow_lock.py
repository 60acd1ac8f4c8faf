"""The lock of a flow: two runs of one flow on one connection exclude each other.

On one machine a file is locked: the operating system releases the lock when its holder ends, however that happens.
If the connection's outbox is in PostgreSQL, a lock there excludes the runs of other machines too: the server
releases it when the holder's connection ends, and a holder that lost its connection takes it again within seconds. Who
holds a lock is kept beside it.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from intacct_bridge.client.local.account import machine_name
from intacct_bridge.client.local.directories import state_directory
from intacct_bridge.client.local.locks import try_lock
from intacct_bridge.errors import BusyError, IntacctError, SettingsError
from intacct_bridge.flow.runs.definitions import Flow
from intacct_bridge.store.database import TableSet
from intacct_bridge.store.place import Place, PostgresPlace
from intacct_bridge.store.postgres import PostgresDatabase

_TABLES = TableSet(
    "flow_locks",
    "the locks of flows",
    lambda: "CREATE TABLE flow_lock (name TEXT PRIMARY KEY, holder TEXT NOT NULL);",
)
_PUT = """
INSERT INTO flow_lock (name, holder) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder
"""
_LOOK_EVERY = 2.0
"""Seconds between two looks at the connection that holds a lock."""


@contextmanager
def flow_lock(flow: Flow, person: str, outbox: Place | None = None) -> Iterator[None]:
    """Hold the flow's lock for the duration of the body; BusyError, which says who holds it, if another run does.

    `outbox` is that of the flow's connection. If it is in PostgreSQL, flows of one name and command exclude each
    other on all machines that share it.
    """
    path = lock_path(flow)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", fix="Check its permissions.") from None
    with file:
        if not try_lock(file):
            raise _busy(flow, path.read_bytes())
        holder = json.dumps({"by": person, "process": os.getpid(), "machine": machine_name(), "since": _now()}).encode()
        file.truncate(0)
        file.write(holder)
        file.flush()
        try:
            with _shared_lock(outbox, flow, holder) if isinstance(outbox, PostgresPlace) else nullcontext():
                yield
        finally:
            with suppress(OSError):
                file.truncate(0)


@contextmanager
def _shared_lock(place: PostgresPlace, flow: Flow, holder: bytes) -> Iterator[None]:
    name = f"flow {flow.name}, {flow.command}"
    try:
        db = PostgresDatabase(place, _TABLES)
    except IntacctError:  # the command needs the database too: its run ends with this error, which is kept and notified
        yield
        return
    try:
        if not db.hold_if_free(name):
            rows = db.read("SELECT holder FROM flow_lock WHERE name = ?", (name,))
            raise _busy(flow, str(rows[0][0]).encode() if rows else b"")
        with db.transaction():
            db.execute(_PUT, (name, holder.decode()))
        with _kept(db):
            yield
    finally:
        db.close()


@contextmanager
def _kept(db: PostgresDatabase) -> Iterator[None]:
    """Connect again, which takes the lock again, if the connection is lost during the body."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY):
            with suppress(IntacctError):
                db.read("SELECT 1")

    thread = threading.Thread(target=look, name="flow lock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def lock_path(flow: Flow) -> Path:
    """The file of the lock; flows of one name in other files, or on other connections, have other ones."""
    text = "\0".join((str(flow.path.resolve()), flow.name, flow.connection))
    return state_directory() / "runs" / "flows" / f"{sha256(text.encode()).hexdigest()[:32]}.lock"


def _busy(flow: Flow, holder: bytes) -> BusyError:
    """`flow nightly is running already: started by anna at 02:00, process 4711 on db2`, as far as it is known."""
    told = ""
    with suppress(ValueError, KeyError, TypeError):
        held = json.loads(holder)
        told = f": started by {held['by']} at {held['since']}, process {held['process']}"
        told += f" on {held['machine']}" if held.get("machine") else ""
    return BusyError(
        f"flow {flow.name} is running already{told}",
        fix=f"Wait until it has ended; see: intacct runs list --flow {flow.name}",
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
