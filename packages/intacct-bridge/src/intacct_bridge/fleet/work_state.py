"""What the workers of a fleet share: which of them live, when each flow is due next, and whose sign-in was refused.

A worker lives as long as its session holds a lock in the database. One that lost its session has ten seconds to come
back before others take its runs over; it stops its own runs before that.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from intacct_bridge.fleet.fleet_tables import FleetTables, time_of, time_text
from intacct_bridge.fleet.run_queue import RunKey
from intacct_bridge.fleet.schedule import Schedule
from intacct_bridge.fleet.tenant import Tenant
from intacct_bridge.machine.clock import steady_seconds
from intacct_bridge.shared_state.database import TableSet
from intacct_bridge.shared_state.place import PostgresPlace

DEAD_AFTER = timedelta(seconds=10)
"""How long a worker without a session still counts as alive."""
SIGN_INS = 2
"""Runs that may end with a refused sign-in before none is tried any more: Intacct locks a user after a few."""
PUT_OFF = timedelta(seconds=10)
"""How long a due run is put off while the earlier run of its flow is queued or goes on."""
_LONGEST_UNANSWERED = timedelta(hours=2)
"""The back-off of a company that does not answer is at most an hour. A later time means that the clock was set back."""
_SPREAD = 60
"""Seconds over which runs are spread that cron makes due at one time."""
_AT_ONCE = 200
_SCHEDULER = "the schedule of the fleet"
_TABLES = TableSet(
    "fleet_work",
    "the work of the fleet",
    lambda: (
        """
CREATE TABLE worker (id TEXT PRIMARY KEY, machine TEXT NOT NULL, process INTEGER NOT NULL, version TEXT NOT NULL,
    threads INTEGER NOT NULL, running INTEGER NOT NULL, started_at TEXT NOT NULL, seen_at TEXT NOT NULL);
CREATE TABLE due (tenant TEXT NOT NULL, flow TEXT NOT NULL, schedule TEXT NOT NULL, due_at TEXT NOT NULL,
    start_at TEXT NOT NULL, last_at TEXT NOT NULL DEFAULT '', PRIMARY KEY (tenant, flow));
CREATE INDEX due_by_start ON due (start_at);
CREATE TABLE refused_sign_in (tenant TEXT PRIMARY KEY, credentials TEXT NOT NULL, times INTEGER NOT NULL,
    last_at TEXT NOT NULL);
"""
    ),
)
_PUT_DUE = """
INSERT INTO due (tenant, flow, schedule, due_at, start_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (tenant, flow) DO UPDATE SET schedule = excluded.schedule, due_at = excluded.due_at,
    start_at = excluded.start_at
"""
_DUE = """
SELECT due.tenant, due.flow, due.schedule, due.due_at, tenant.paused, due.last_at
FROM due JOIN tenant ON tenant.name = due.tenant LEFT JOIN unanswered ON unanswered.tenant = due.tenant
WHERE due.start_at <= ? AND (unanswered.until IS NULL OR unanswered.until <= ? OR unanswered.until > ?)
ORDER BY due.start_at LIMIT ?
"""
_REFUSED = """
INSERT INTO refused_sign_in (tenant, credentials, times, last_at) VALUES (?, ?, 1, ?)
ON CONFLICT (tenant) DO UPDATE SET last_at = excluded.last_at, credentials = excluded.credentials,
    times = CASE WHEN refused_sign_in.credentials = excluded.credentials THEN refused_sign_in.times + 1 ELSE 1 END
"""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that carries out runs."""

    id: str
    machine: str
    process: int
    version: str
    threads: int
    running: int
    """Runs that it carried out when it was last seen."""
    started_at: datetime
    seen_at: datetime
    alive: bool = True


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that is due, and the time of the one before the next."""

    key: RunKey
    paused: bool
    schedule: str
    last: RunKey | None = None
    """The run of this flow that was due before."""


class WorkState(FleetTables):
    """The open tables, for several threads. They are in the schema of the fleet's registry, which is opened first."""

    def __init__(self, place: PostgresPlace) -> None:
        super().__init__(place, _TABLES, pooled=False)
        self._lock = threading.Lock()
        self._held_here: set[str] = set()
        """The tenants that a thread of this process runs: to the server, all threads are one session."""
        self._ended: dict[tuple[str, datetime], float] = {}
        """Since when this process sees that a worker has ended, by its id and its last beat."""

    # --- workers

    def enter(self, worker: Worker) -> None:
        """Let a worker live until this state is closed."""
        self._db.hold(_living(worker.id), unique=True)
        with self._db.transaction():
            now = time_text(self._db.clock())
            values = (worker.id, worker.machine, worker.process, worker.version, worker.threads, 0, now, now)
            self._db.execute("INSERT INTO worker VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def beat(self, worker: str, running: int) -> bool:
        """Show that a worker lives; False if others took it for dead, so that it must end."""
        with self._db.transaction():
            sql = "UPDATE worker SET seen_at = ?, running = ? WHERE id = ?"
            return self._db.execute(sql, (time_text(self._db.clock()), running, worker)).rowcount == 1

    def leave(self, workers: Sequence[str]) -> None:
        """Forget workers that have ended, and whose runs are queued again."""
        with self._db.transaction():
            self._db.execute("DELETE FROM worker WHERE id = ANY(?)", (list(workers),))

    def workers(self) -> list[Worker]:
        """All workers, those that died included until another one has taken over their runs."""
        rows = self._db.read(
            "SELECT id, machine, process, version, threads, running, started_at, seen_at FROM worker ORDER BY id"
        )
        return [
            Worker(
                row[0],
                row[1],
                row[2],
                row[3],
                row[4],
                row[5],
                time_of(row[6]),
                time_of(row[7]),
                alive=self._db.is_held(_living(row[0])),
            )
            for row in rows
        ]

    def dead(self) -> list[str]:
        """The workers that ended without leaving, and that this process has seen ended for long enough.

        No clock that can be set decides this: a worker that only lost its connection must have its time to come back.
        """
        now = steady_seconds()
        ended = [(one.id, one.seen_at) for one in self.workers() if not one.alive]
        self._ended = {one: self._ended.get(one, now) for one in ended}
        return [name for (name, _), since in self._ended.items() if now - since >= DEAD_AFTER.total_seconds()]

    # --- one process carries out runs of a tenant

    def hold_tenant(self, tenant: str) -> bool:
        """Keep all others from running this tenant; False if another process or thread runs it."""
        with self._lock:
            if tenant in self._held_here or not self._db.hold_if_free(f"tenant {tenant}"):
                return False
            self._held_here.add(tenant)
            return True

    def release_tenant(self, tenant: str) -> None:
        """Let others run it again."""
        with self._lock:
            self._held_here.discard(tenant)
            self._db.release(f"tenant {tenant}")

    # --- due times

    def lead(self) -> bool:
        """Whether this process is the one that submits what is due; it is until it ends."""
        return self._db.hold_if_free(_SCHEDULER)

    def plan(self, tenants: Iterable[Tenant]) -> None:
        """Follow the present schedules of these tenants; what is due already under the same schedule stays due.

        What is due later than at its next time was planned before the server's clock was set back; it is planned again.
        """
        by_name = {one.name: one for one in tenants}
        with self._db.transaction():
            now = self._db.clock().astimezone(UTC)
            sql = "SELECT tenant, flow, schedule, due_at, last_at FROM due WHERE tenant = ANY(?)"
            rows = self._db.read(sql, (list(by_name),))
            due_before = {(str(row[0]), str(row[1])): str(row[2]) for row in rows}
            times = {(str(row[0]), str(row[1])): (str(row[3]), str(row[4])) for row in rows}
            put, removed = [], []
            for tenant in by_name.values():
                for flow, schedule in tenant.schedule.items():
                    planned, last = times.get((tenant.name, flow), ("", ""))
                    due = _due(tenant.name, flow, schedule, now, last=last)
                    if due_before.get((tenant.name, flow)) != str(schedule) or planned > due[3]:
                        put.append(due)
            for (name, flow), schedule_text in due_before.items():
                if flow not in by_name[name].flows or (schedule_text and flow not in by_name[name].schedule):
                    removed.append((name, flow))
            self._db.executemany(_PUT_DUE, put)
            self._db.executemany("DELETE FROM due WHERE tenant = ? AND flow = ?", removed)

    def drop_removed(self) -> None:
        """Forget the due times of tenants that are no longer in the fleet."""
        with self._db.transaction():
            self._db.execute("DELETE FROM due WHERE NOT EXISTS (SELECT 1 FROM tenant WHERE name = due.tenant)")

    def due(self) -> list[DueRun]:
        """Runs that should begin now, the earliest first, at most 200."""
        now = self.now()
        rows = self._db.read(_DUE, (time_text(now), time_text(now), time_text(now + _LONGEST_UNANSWERED), _AT_ONCE))
        return [
            DueRun(
                RunKey(row[0], row[1], time_of(row[3])),
                bool(row[4]),
                str(row[2]),
                RunKey(row[0], row[1], time_of(row[5])) if row[5] else None,
            )
            for row in rows
        ]

    def put_off(self, runs: Sequence[DueRun]) -> None:
        """Look at these due runs again a little later; they stay due at their time."""
        with self._db.transaction():
            start = time_text(self._db.clock() + PUT_OFF)
            sql = "UPDATE due SET start_at = ? WHERE tenant = ? AND flow = ? AND due_at = ?"
            self._db.executemany(
                sql, [(start, one.key.tenant, one.key.flow, time_text(one.key.due_at)) for one in runs]
            )

    def submitted(self, runs: Sequence[DueRun]) -> None:
        """Go on to the next time of each. Times that passed while no worker ran are left out but for the last."""
        with self._db.transaction():
            now = self._db.clock().astimezone(UTC)
            for run in runs:
                where = (run.key.tenant, run.key.flow, time_text(run.key.due_at))
                if not run.schedule:
                    self._db.execute("DELETE FROM due WHERE tenant = ? AND flow = ? AND due_at = ?", where)
                    continue
                schedule = Schedule.of(run.schedule, where=run.key.flow)
                _, _, _, due_at, start_at = _due(run.key.tenant, run.key.flow, schedule, now)
                sql = (
                    "UPDATE due SET due_at = ?, start_at = ?, last_at = ? WHERE tenant = ? AND flow = ? AND due_at = ?"
                )
                self._db.execute(sql, (due_at, start_at, time_text(run.key.due_at), *where))

    def retry(self, key: RunKey, after: timedelta) -> datetime | None:
        """Make a flow due again earlier than by its schedule; None if the schedule comes first."""
        with self._db.transaction():
            moment = self._db.clock().astimezone(UTC) + after
            sql = "SELECT due_at, schedule FROM due WHERE tenant = ? AND flow = ?"
            rows = self._db.read(sql, (key.tenant, key.flow))
            if rows and time_of(rows[0][0]) <= moment:
                return None
            schedule = str(rows[0][1]) if rows else ""
            self._db.execute(_PUT_DUE, (key.tenant, key.flow, schedule, time_text(moment), time_text(moment)))
        return moment

    # --- refused sign-ins

    def sign_in_refused(self, tenant: str, credentials: str) -> int:
        """Count a refused sign-in with these credentials; how many there were one after the other."""
        with self._db.transaction():
            self._db.execute(_REFUSED, (tenant, credentials, time_text(self._db.clock())))
        return self.refused_sign_ins(tenant, credentials)

    def signed_in(self, tenant: str) -> None:
        """Forget refused sign-ins."""
        if self._db.read("SELECT 1 FROM refused_sign_in WHERE tenant = ?", (tenant,)):
            with self._db.transaction():
                self._db.execute("DELETE FROM refused_sign_in WHERE tenant = ?", (tenant,))

    def refused_sign_ins(self, tenant: str, credentials: str) -> int:
        """How often a sign-in with these credentials was refused since one succeeded."""
        sql = "SELECT times FROM refused_sign_in WHERE tenant = ? AND credentials = ?"
        rows = self._db.read(sql, (tenant, credentials))
        return int(rows[0][0]) if rows else 0


def _due(
    tenant: str, flow: str, schedule: Schedule, now: datetime, *, last: str = ""
) -> tuple[str, str, str, str, str]:
    """The row of a flow's next time. `last` is when it was due last: a later time, if the clock has been set back, can
    come again, and a run is known by its time.
    """
    spread = f"{tenant}/{flow}"
    due_at = schedule.next_after(now, spread=spread)
    if time_text(due_at) == last:
        due_at += timedelta(microseconds=1)
    late = 0 if schedule.seconds else int.from_bytes(sha256(spread.encode()).digest()[:8]) % _SPREAD
    return tenant, flow, str(schedule), time_text(due_at), time_text(due_at + timedelta(seconds=late))


def _living(worker: str) -> str:
    return f"worker {worker}"
