"""The runs of a fleet's flows: each is one row, from the time it is queued until long after its end.

At most one run of a tenant goes on at a time, which a unique index ensures. A worker takes runs with one statement that
skips the rows others take at that moment. Only the worker that has a run ends it or gives it back.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from intacct_bridge.fleet.fleet_tables import FleetTables, time_of, time_text
from intacct_bridge.runs.run import RunEnd
from intacct_bridge.shared_state.database import Row, TableSet
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres_link import TakenError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.wording import counted

ATTEMPTS = 21
"""How many workers may be killed while they carry out a run before it is given up: it may be what kills them."""
KEPT_RUNS = timedelta(days=400)
"""How long a run is kept after it was queued."""
KEPT_LOGS = timedelta(days=90)
"""How long its log is kept."""
_AT_ONCE = 1_000
_TABLES = TableSet(
    "fleet_runs",
    "the runs of the fleet",
    lambda: (
        """
CREATE TABLE run (tenant TEXT NOT NULL, flow TEXT NOT NULL, due_at TEXT NOT NULL, queued_at TEXT NOT NULL,
    worker TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0, started_at TEXT, ended_at TEXT,
    outcome TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '', transactions INTEGER NOT NULL DEFAULT 0,
    "rows" INTEGER NOT NULL DEFAULT 0, in_doubt INTEGER NOT NULL DEFAULT 0, report TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, flow, due_at));
CREATE INDEX run_by_time ON run (queued_at);
CREATE INDEX run_queued ON run (queued_at) WHERE worker = '' AND ended_at IS NULL;
CREATE UNIQUE INDEX run_going_on ON run (tenant) WHERE worker <> '' AND ended_at IS NULL;
CREATE INDEX run_of_worker ON run (worker) WHERE ended_at IS NULL;
CREATE TABLE run_log (number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, flow TEXT NOT NULL,
    due_at TEXT NOT NULL, written_at TEXT NOT NULL, lines TEXT NOT NULL);
CREATE INDEX run_log_of_run ON run_log (tenant, flow, due_at, number);
CREATE INDEX run_log_by_time ON run_log (written_at);
CREATE TABLE unanswered (tenant TEXT PRIMARY KEY, times INTEGER NOT NULL, until TEXT NOT NULL);
"""
    ),
)
_UNCHANGED = f"(SELECT version FROM bridge_part WHERE part = '{_TABLES.part}') = {_TABLES.version}"
"""Whether no newer version of the package has changed the tables; a single statement asks it without a lock."""
_COLUMNS = 'tenant, flow, due_at, started_at, ended_at, outcome, detail, transactions, "rows", in_doubt, worker'
_SUBMIT = "INSERT INTO run (tenant, flow, due_at, queued_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_TAKE = f"""
WITH free AS MATERIALIZED (
    SELECT tenant, flow, due_at, queued_at FROM run
    WHERE worker = '' AND ended_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM run AS other WHERE other.tenant = run.tenant AND other.worker <> '' AND other.ended_at IS NULL)
    ORDER BY queued_at, tenant, flow LIMIT ? FOR UPDATE SKIP LOCKED
), first AS (SELECT DISTINCT ON (tenant) tenant, flow, due_at FROM free ORDER BY tenant, queued_at, flow)
UPDATE run SET worker = ?, attempts = attempts + 1, started_at = coalesce(started_at, ?)
WHERE (tenant, flow, due_at) IN (SELECT tenant, flow, due_at FROM first) AND {_UNCHANGED}
RETURNING {_COLUMNS}
"""
_OF_WORKER = f"tenant = ? AND flow = ? AND due_at = ? AND worker = ? AND ended_at IS NULL AND {_UNCHANGED}"
_LOGGED = "INSERT INTO run_log (tenant, flow, due_at, written_at, lines) SELECT tenant, flow, due_at, ?, ? FROM changed"
_END = f"""
WITH changed AS (
    UPDATE run SET ended_at = ?, outcome = ?, detail = ?, transactions = ?, "rows" = ?, in_doubt = ?, report = ?
    WHERE {_OF_WORKER} RETURNING tenant, flow, due_at
), logged AS ({_LOGGED} WHERE CAST(? AS text) <> '')
SELECT 1 FROM changed
"""
_PROGRESS = f"""
WITH changed AS (
    UPDATE run SET report = CASE WHEN CAST(? AS text) = '' THEN report ELSE ? END
    WHERE {_OF_WORKER} RETURNING tenant, flow, due_at
), logged AS ({_LOGGED} WHERE CAST(? AS text) <> '')
SELECT 1 FROM changed
"""
_HAND_BACK = f"""
UPDATE run SET worker = '', attempts = attempts - 1
WHERE {_OF_WORKER} RETURNING 1
"""
_GIVE_UP = f"""
UPDATE run SET ended_at = ?, outcome = ?, detail = ?
WHERE worker = ANY(?) AND ended_at IS NULL AND attempts >= ?
RETURNING {_COLUMNS}
"""
_LATEST = f"""
SELECT DISTINCT ON (tenant, flow) {_COLUMNS} FROM run WHERE tenant = ANY(?) AND started_at IS NOT NULL
ORDER BY tenant, flow, due_at DESC
"""
_FAILURES = """
SELECT tenant, flow, count(*) FROM run WHERE tenant = ANY(?) AND outcome NOT IN ('', 'done', 'interrupted')
    AND due_at > coalesce((SELECT max(due_at) FROM run AS good WHERE good.tenant = run.tenant AND good.flow = run.flow
        AND good.outcome = 'done'), '')
GROUP BY tenant, flow
"""


@dataclass(frozen=True, slots=True)
class RunKey:
    """What identifies a run: a tenant's flow, and the time it was due at."""

    tenant: str
    flow: str
    due_at: datetime
    """The time it was due at; a run that was asked for has the time of the question."""


@dataclass(frozen=True, slots=True)
class TenantRun:
    """One run of a flow for one tenant."""

    tenant: str
    flow: str
    due_at: datetime
    started_at: datetime | None = None
    """When its first worker took it; None while it is queued for the first time."""
    ended_at: datetime | None = None
    outcome: str = ""
    """How it ended, in the words of the run history (`RunEnd`), such as `done`; empty until then."""
    detail: str = ""
    """A sentence for a person, such as the error's message."""
    transactions: int = 0
    rows: int = 0
    in_doubt: int = 0
    """Records of which it is not known whether they were posted."""
    worker: str = ""
    """The worker that carries it out, or that ended it; empty while it is queued."""

    @property
    def key(self) -> RunKey:
        """What identifies it."""
        return RunKey(self.tenant, self.flow, self.due_at)


@dataclass(frozen=True, slots=True)
class RunEnding:
    """How a run ended. No text of it may hold a secret."""

    outcome: str
    """In the words of the run history (`RunEnd`)."""
    detail: str = ""
    transactions: int = 0
    rows: int = 0
    in_doubt: int = 0
    report: str = ""
    """What the run did, as JSON."""
    log: str = ""
    """The last lines of its log."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The runs of a tenant that waited for an answer in vain, one after the other."""

    times: int
    until: datetime
    """No further run begins before this time by its schedule, in UTC."""


class RunQueue(FleetTables):
    """The open tables, for several threads."""

    def __init__(self, place: PostgresPlace) -> None:
        super().__init__(place, _TABLES, pooled=True)

    # --- the course of a run

    def submit(self, keys: Iterable[RunKey]) -> None:
        """Queue runs; a second submission of the same run changes nothing."""
        now = self._now()
        with self._db.transaction():
            self._db.executemany(_SUBMIT, [(*_values(key), now) for key in keys])

    def take(self, worker: str, most: int) -> list[TenantRun]:
        """Give queued runs to a worker, those queued first in front: at most this number, one of each tenant.

        It may give fewer although more could begin; the next call gives those.
        """
        try:
            return [_run(row) for row in self._db.read(_TAKE, (most, worker, self._now()))]
        except TakenError:  # another worker has just taken another run of one of these tenants
            return []

    def end(self, run: TenantRun, end: "RunEnding") -> bool:
        """Keep how a run ended; False if its worker has it no longer."""
        now = self._now()
        values = (now, end.outcome, end.detail, end.transactions, end.rows, end.in_doubt, end.report)
        return bool(self._db.read(_END, (*values, *_values(run.key), run.worker, now, end.log, end.log)))

    def progress(self, run: TenantRun, report: str, log: str) -> None:
        """Keep what a run did so far, if the report is not empty, and further lines of its log."""
        self._db.read(_PROGRESS, (report, report, *_values(run.key), run.worker, self._now(), log, log))

    def hand_back(self, run: TenantRun) -> None:
        """Queue a run again that its worker does not carry out any more; it does not count as an attempt."""
        self._db.read(_HAND_BACK, (*_values(run.key), run.worker))

    def recover(self, workers: Sequence[str], *, attempts: int = ATTEMPTS) -> tuple[int, list[TenantRun]]:
        """Queue the runs of workers again that were killed: how many, and those that are given up instead."""
        given_up = [_run(row) for row in self._db.read(
            _GIVE_UP, (self._now(), RunEnd.KILLED.value, _given_up_detail(attempts), list(workers), attempts)
        )]  # fmt: skip
        sql = "UPDATE run SET worker = '', queued_at = ? WHERE worker = ANY(?) AND ended_at IS NULL RETURNING 1"
        return len(self._db.read(sql, (self._now(), list(workers)))), given_up

    def recover_lost(self, worker: str, carried_out: Container[RunKey]) -> int:
        """Queue the runs again that a worker has and does not carry out, since an answer was lost; how many."""
        rows = self._db.read(f"SELECT {_COLUMNS} FROM run WHERE worker = ? AND ended_at IS NULL", (worker,))
        lost = [run for run in map(_run, rows) if run.key not in carried_out]
        for run in lost:
            self.hand_back(run)
        return len(lost)

    def cancel(self, key: RunKey) -> bool:
        """Take a queued run out of the queue; False if it has begun, has ended, or is unknown."""
        sql = "DELETE FROM run WHERE tenant = ? AND flow = ? AND due_at = ? AND worker = '' AND ended_at IS NULL"
        return bool(self._db.read(f"{sql} RETURNING 1", _values(key)))

    def prune(self, now: datetime) -> int:
        """Remove runs that ended and are older than they are kept, except the latest of each flow; how many."""
        sql = "DELETE FROM run WHERE queued_at < ? AND ended_at IS NOT NULL AND due_at < (SELECT max(due_at) FROM run"
        sql += " AS later WHERE later.tenant = run.tenant AND later.flow = run.flow)"
        with self._db.transaction():
            self._db.execute("DELETE FROM run_log WHERE written_at < ?", (time_text(now - KEPT_LOGS),))
            return self._db.execute(sql, (time_text(now - KEPT_RUNS),)).rowcount

    # --- reading

    def runs(
        self, *, tenant: str = "", flow: str = "", since: datetime | None = None, limit: int = 100
    ) -> list[TenantRun]:
        """Runs, the latest first; `since` is the earliest time at which they were queued."""
        tests = {"tenant = ?": tenant, "flow = ?": flow, "queued_at >= ?": time_text(since) if since else ""}
        conditions = {test: value for test, value in tests.items() if value}
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f"SELECT {_COLUMNS} FROM run{where} ORDER BY queued_at DESC, tenant, flow LIMIT ?"
        return [_run(row) for row in self._db.read(sql, (*conditions.values(), limit))]

    def unfinished(self, *, limit: int = _AT_ONCE) -> list[TenantRun]:
        """The runs that are queued or go on, those queued first in front."""
        sql = f"SELECT {_COLUMNS} FROM run WHERE ended_at IS NULL ORDER BY queued_at, tenant, flow LIMIT ?"
        return [_run(row) for row in self._db.read(sql, (limit,))]

    def find(self, keys: Sequence[RunKey]) -> dict[RunKey, TenantRun]:
        """These runs, as far as they exist."""
        runs: dict[RunKey, TenantRun] = {}
        sql = f"SELECT {_COLUMNS} FROM run JOIN unnest(CAST(? AS text[]), CAST(? AS text[]), CAST(? AS text[]))"
        sql += " AS wanted (tenant, flow, due_at) USING (tenant, flow, due_at)"
        for chunk in batched(keys, _AT_ONCE):
            columns = [list(column) for column in zip(*map(_values, chunk), strict=True)]
            runs |= {run.key: run for run in map(_run, self._db.read(sql, columns))}
        return runs

    def report(self, key: RunKey) -> str:
        """What a run did, as JSON; empty before it is known, and for a run that did not begin."""
        rows = self._db.read("SELECT report FROM run WHERE tenant = ? AND flow = ? AND due_at = ?", _values(key))
        return str(rows[0][0]) if rows else ""

    def log(self, key: RunKey) -> list[str]:
        """The log of a run, each line a JSON object, of all workers that carried it out."""
        sql = "SELECT lines FROM run_log WHERE tenant = ? AND flow = ? AND due_at = ? ORDER BY number"
        return [line for row in self._db.read(sql, _values(key)) for line in str(row[0]).split("\n")]

    def latest(self, tenants: Sequence[str]) -> dict[tuple[str, str], TenantRun]:
        """The latest run of each flow of these tenants that has begun, by tenant and flow."""
        runs = [_run(row) for row in self._db.read(_LATEST, (list(tenants),))]
        return {(run.tenant, run.flow): run for run in runs}

    def failures(self, tenants: Sequence[str]) -> dict[tuple[str, str], int]:
        """How often each flow of these tenants failed since it was last done."""
        return {(row[0], row[1]): int(row[2]) for row in self._db.read(_FAILURES, (list(tenants),))}

    # --- tenants whose company does not answer

    def count_unanswered(self, tenant: str, waits: Callable[[int], timedelta]) -> Unanswered:
        """Count a run that got no answer; `waits` gives the time until the next one by the number of them."""
        with self._db.transaction():
            now = self._db.clock().astimezone(UTC)
            times = 1 + sum(before.times for before in self.unanswered([tenant]).values())
            until = now + waits(times)
            sql = "INSERT INTO unanswered (tenant, times, until) VALUES (?, ?, ?) ON CONFLICT (tenant) DO UPDATE"
            sql += " SET times = excluded.times, until = excluded.until"
            self._db.execute(sql, (tenant, times, time_text(until)))
        return Unanswered(times, until)

    def clear_unanswered(self, tenant: str) -> None:
        """Set the count of runs without an answer to zero."""
        self._db.read("DELETE FROM unanswered WHERE tenant = ? RETURNING 1", (tenant,))

    def unanswered(self, tenants: Sequence[str]) -> dict[str, Unanswered]:
        """The tenants among these whose last run got no answer."""
        sql = "SELECT tenant, times, until FROM unanswered WHERE tenant = ANY(?)"
        return {row[0]: Unanswered(int(row[1]), time_of(row[2])) for row in self._db.read(sql, (list(tenants),))}

    def _now(self) -> str:
        return time_text(self._db.clock())


def _given_up_detail(attempts: int) -> str:
    return (
        f"{counted(attempts, 'worker')} ended while they carried out this run, so it is not tried again. The flow runs"
        " again at its next time. Look for the reason in the logs of the workers, such as too little memory, and pause"
        " the tenant meanwhile with: intacct fleet pause"
    )


def _values(key: RunKey) -> tuple[str, str, str]:
    return key.tenant, key.flow, time_text(key.due_at)


def _run(row: Row) -> TenantRun:
    tenant, flow, due, started, ended, *rest = tuple(row)
    return TenantRun(tenant, flow, time_of(due), _moment(started), _moment(ended), *rest)


def _moment(text: Any) -> datetime | None:
    return time_of(text) if text else None
