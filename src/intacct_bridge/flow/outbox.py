"""The outbox: the durable record of what we mean to write, are writing, and have written.

One SQLite file a company, shared by every loader on the machine. Three rules hold whatever crashes: an entry is `sent`
on disk before its bytes leave; only an entry in a state that proves nothing was applied can become `sent`, and that
happens in one transaction, so of two loaders one gets it; an entry that is `sent` by a loader no longer running is in
doubt. The SQL keeps to `ON CONFLICT` and `RETURNING`, so that another database can hold it too.
"""

import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from intacct_bridge.client.connection import Connection
from intacct_bridge.flow.entry import FREE, REFUSED, Conclusion, Entry, Intent, Place, State
from intacct_bridge.flow.identity import control_id
from intacct_bridge.flow.liveness import Liveness
from intacct_bridge.flow.outbox_rows import (
    CONCLUDE,
    PLAN,
    RECOVER,
    TAKE,
    WITNESS,
    chunks,
    connect,
    digest_of,
    entry_of,
    outbox_path,
    time_text,
)

_MANY = 500
Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The machine's own clock, for callers that have no better one."""
    return datetime.now(UTC)


def open_outbox(connection: Connection) -> "Outbox":
    """The outbox that a connection's loads go through, made where there is none yet."""
    return Outbox(outbox_path(connection), user=connection.user_id)


class Outbox:
    """An open outbox: one loader's view of it. Usable from several threads; close it to be counted as gone."""

    def __init__(self, path: Path, *, clock: Clock = system_clock, user: str = "") -> None:
        self.path = path
        self.user = user
        self.clock = clock
        self.loader = uuid.uuid4().hex
        self._guard = threading.RLock()
        self._liveness = Liveness(path.with_name(path.name + ".loaders"), self.loader)
        try:
            self._db = connect(path)
        except BaseException:
            self._liveness.close()
            raise

    def serve(self, user: str, clock: Clock) -> list[Entry]:
        """Begin a run for a user by the company's clock; what loaders that are gone left as sent is in doubt now."""
        self.user, self.clock = user, clock
        return self.recover()

    # --- writing

    def plan(self, intents: Iterable[Intent]) -> list[Entry]:
        """Enter what is to be sent; the answer has each intent's entry in order, which may already be applied or more.

        An entry that was never applied takes the new content; any other is returned as it stands.
        """
        rows: list[Entry] = []
        now = time_text(self.clock())
        for some in chunks(intents, _MANY):
            with self._transaction():
                known = self._latest(some)
                rows += [self._plan_one(intent, known.get((intent.place, intent.identity)), now) for intent in some]
        return rows

    def _plan_one(self, intent: Intent, last: Entry | None, now: str) -> Entry:
        attempt, generation = 1, 0
        if last is not None:
            attempt, generation = last.attempt, last.generation
            if last.state is State.APPLIED and intent.repeatable:
                attempt, generation = 1, last.generation + 1
            elif last.state not in FREE:
                return last
            elif last.state in REFUSED or last.digest != intent.digest:
                attempt += 1
        place = intent.place
        identity = intent.identity if generation == 0 else f"{intent.identity}#{generation}"
        values = {
            **dict(zip(("company", "entity", "operation", "object"), place.parts, strict=True)),
            "identity": intent.identity,
            "generation": generation,
            "digest": intent.digest,
            "attempt": attempt,
            "control_id": control_id(place.parts, identity, attempt),
            "body": intent.body,
            "request_digest": digest_of(intent.body),
            "trace": json.dumps(dict(intent.trace)),
            "label": intent.label,
            "position": intent.position,
            "tracked": json.dumps(dict(intent.tracked)),
            "user": self.user,
            "loader": self.loader,
            "now": now,
        }
        return entry_of(self._db.execute(PLAN, values).fetchone())

    def begin(self, entries: Sequence[Entry]) -> list[Entry]:
        """Mark entries as sent, durably, before their bytes leave; only those returned may be sent.

        Missing are those that another loader took, settled or changed since they were planned.
        """
        return self._take(entries, State.PLANNED)

    def resume(self, entries: Sequence[Entry]) -> list[Entry]:
        """As `begin`, for entries in doubt that are to be sent again under the control id they had."""
        return self._take(entries, State.IN_DOUBT)

    def _take(self, entries: Sequence[Entry], state: State) -> list[Entry]:
        now = self.clock()
        taken: list[Entry] = []
        with self._transaction():
            for entry in entries:
                values = {
                    "loader": self.loader,
                    "user": self.user,
                    "now": time_text(now),
                    "number": entry.number,
                    "state": state,
                    "control_id": entry.control_id,
                    "digest": entry.digest,
                }
                found = self._db.execute(TAKE, values).fetchone()
                if found is not None:
                    taken.append(self._sent(entry, found[0], now))
        return taken

    def _sent(self, entry: Entry, first: str, now: datetime) -> Entry:
        """The entry as the statement left it."""
        return replace(
            entry,
            state=State.SENT,
            loader=self.loader,
            user=self.user,
            sent_at=datetime.fromisoformat(first),
            last_sent_at=now,
            changed_at=now,
        )

    def conclude(self, conclusions: Iterable[Conclusion]) -> list[Entry]:
        """Write down what became of entries that this loader sent, or of entries in doubt."""
        now = time_text(self.clock())
        done: list[Entry] = []
        with self._transaction():
            for end in conclusions:
                values = {
                    "state": end.state,
                    "now": now,
                    "record": end.receipt.record if end.receipt else None,
                    "name": end.receipt.name if end.receipt else None,
                    "faults": msgspec.json.encode(end.faults).decode(),
                    "note": end.note,
                    "number": end.number,
                    "loader": self.loader,
                    "claim": end.claim,
                }
                found = self._db.execute(CONCLUDE, values).fetchone()
                if found is not None:
                    done.append(entry_of(found))
        return done

    def recover(self) -> list[Entry]:
        """Put in doubt what loaders that are gone left as sent: a crash leaves no note, so each load begins so."""
        with self._transaction():
            loaders = [row[0] for row in self._db.execute("SELECT DISTINCT loader FROM entry WHERE state = 'sent'")]
            gone = [loader for loader in loaders if not self._liveness.lives(loader)]
            rows: list[Entry] = []
            for loader in gone:
                found = self._db.execute(RECOVER, {"now": time_text(self.clock()), "loader": loader}).fetchall()
                rows += map(entry_of, found)
        return rows

    def keep_witness(self, loader: str, control_id: str) -> None:
        """Keep that a loader made a harmless read under this control id before it sent anything."""
        with self._transaction():
            self._db.execute(WITNESS)
            self._db.execute("INSERT OR REPLACE INTO witness VALUES (?, ?)", (loader, control_id))

    def take_witness(self, loader: str) -> str:
        """That control id, which is kept no longer; empty where there is none."""
        with self._transaction():
            self._db.execute(WITNESS)
            sql = "DELETE FROM witness WHERE loader = ? RETURNING control_id"
            found = self._db.execute(sql, (loader,)).fetchone()
        return str(found[0]) if found is not None else ""

    # --- reading

    def latest(self, intents: Iterable[tuple[Place, str]]) -> dict[tuple[Place, str], Entry]:
        """The newest entry of each (place, identity) that has one."""
        found: dict[tuple[Place, str], Entry] = {}
        for some in chunks(intents, _MANY):
            for place in {place for place, _ in some}:
                marks = [identity for where, identity in some if where == place]
                found |= {(entry.place, entry.identity): entry for entry in self._by_identity(place, marks)}
        return found

    def _latest(self, intents: Iterable[Intent]) -> dict[tuple[Place, str], Entry]:
        return self.latest((intent.place, intent.identity) for intent in intents)

    def _by_identity(self, place: Place, identities: Sequence[str]) -> Iterator[Entry]:
        marks = ",".join("?" * len(identities))
        where = "company = ? AND entity = ? AND operation = ? AND object = ?"
        sql = f"SELECT * FROM entry WHERE {where} AND identity IN ({marks}) ORDER BY generation"
        return map(entry_of, self._all(sql, (*place.parts, *identities)))

    def entries(
        self,
        *,
        company: str | None = None,
        states: Iterable[State] = (),
        object: str | None = None,
    ) -> Iterator[Entry]:
        """Entries in the order they were planned, for settling and for people."""
        tests: list[tuple[str, tuple[str, ...]]] = []
        if company is not None:
            tests.append(("company = ?", (company,)))
        if object is not None:
            tests.append(("object = ?", (object,)))
        if wanted := tuple(states):
            tests.append((f"state IN ({','.join('?' * len(wanted))})", wanted))
        where = " AND ".join(test for test, _ in tests) or "1"
        values = tuple(value for _, some in tests for value in some)
        return map(entry_of, self._all(f"SELECT * FROM entry WHERE {where} ORDER BY number", values))

    def claimed(self, company: str, object: str, records: Iterable[str]) -> set[str]:
        """Those of the company's record keys that a receipt of ours already claims."""
        found: set[str] = set()
        for some in chunks(records, _MANY):
            sql = (
                f"SELECT record FROM entry WHERE company = ? AND object = ? AND record IN ({','.join('?' * len(some))})"
            )
            found |= {row[0] for row in self._all(sql, (company, object, *some))}
        return found

    def history(self, entry: Entry) -> list[Mapping[str, Any]]:
        """Every state the entry was in, oldest first."""
        rows = self._all("SELECT * FROM event WHERE entry = ? ORDER BY number", (entry.number,))
        return [{key: row[key] for key in tuple(row.keys())} for row in rows]

    def lives(self, loader: str) -> bool:
        """Whether the loader that sent an entry still runs."""
        return self._liveness.lives(loader)

    def close(self) -> None:
        """Close the file; what is still `sent` by this loader is in doubt from now on."""
        with self._guard:
            self._db.close()
            self._liveness.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _all(self, sql: str, values: tuple[str | int, ...]) -> list[sqlite3.Row]:
        with self._guard:
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A write transaction that takes its lock at once, so that what it reads cannot change before it writes."""
        with self._guard:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
