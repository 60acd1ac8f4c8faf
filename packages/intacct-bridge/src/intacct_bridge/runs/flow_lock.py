"""The lock of a flow: two runs of one flow on one connection exclude each other.

On one machine a file is locked: the operating system releases the lock when its holder ends, however that happens.
If the connection's outbox is in PostgreSQL, a lock there excludes the runs of other machines too: the server
releases it when the holder's connection ends. Who holds the lock is kept beside it, until its run ends. So another run
that finds the lock free and a holder beside it leaves the lock alone for some seconds: a holder that only lost its
connection takes it again meanwhile, and one that was killed does not.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from intacct_bridge.machine.account import machine_name
from intacct_bridge.machine.directories import state_directory
from intacct_bridge.machine.locks import try_lock
from intacct_bridge.runs.definitions import Flow
from intacct_bridge.shared_state.database import TableSet
from intacct_bridge.shared_state.place import Place, PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase
from intacct_protocol.errors import BusyError, IntacctError, SettingsError

_TABLES = TableSet(
    "flow_locks",
    "the locks of flows",
    lambda: "CREATE TABLE flow_lock (name TEXT PRIMARY KEY, holder TEXT NOT NULL);",
)
_log = logging.getLogger(__name__)
_PUT = """
INSERT INTO flow_lock (name, holder) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder
"""
_LOOK_EVERY = 2.0
"""Seconds between two looks at the connection that holds a lock."""
_TAKEN_AGAIN_WITHIN = 10.0
"""Seconds within which a run that lost its connection takes its lock again: some looks."""


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
        if not _try_to_lock(db, name):
            raise _busy(flow, _holder(db, name).encode())
        with db.transaction():
            db.execute(_PUT, (name, holder.decode()))
        try:
            with _locked(db, name, holder.decode()):
                yield
        finally:
            with suppress(IntacctError), db.transaction():
                db.execute("DELETE FROM flow_lock WHERE name = ? AND holder = ?", (name, holder.decode()))
    finally:
        db.close()


def _try_to_lock(db: PostgresDatabase, name: str) -> bool:
    """Take the lock, unless a run has it, or takes it again after its connection was lost."""
    last_holder = ""
    while db.hold_if_free(name):
        holder = _holder(db, name)
        if holder in ("", last_holder):
            return True
        db.release(name)
        _log.info("the last run with the lock of %s left no end; waiting whether it takes the lock again", name)
        last_holder = holder
        time.sleep(_TAKEN_AGAIN_WITHIN)
    return False


def _holder(db: PostgresDatabase, name: str) -> str:
    rows = db.read("SELECT holder FROM flow_lock WHERE name = ?", (name,))
    return str(rows[0][0]) if rows else ""


@contextmanager
def _locked(db: PostgresDatabase, name: str, holder: str) -> Iterator[None]:
    """Connect again, which takes the lock again, if the connection is lost during the body."""
    ended = threading.Event()

    def look() -> None:
        warned = False
        while not ended.wait(_LOOK_EVERY):
            with suppress(IntacctError):
                if _holder(db, name) != holder and not warned:
                    _log.warning("the connection to %s was lost, and another run has taken the lock of %s since then",
                                 db.place_name, name)  # fmt: skip
                    warned = True

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
