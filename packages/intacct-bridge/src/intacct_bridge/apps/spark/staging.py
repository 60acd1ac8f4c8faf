"""Staged rows: the rows of a Spark job in PostgreSQL, between the tasks that write them and the commit that posts them.

A task attempt stages its rows by one COPY, so that all of them are there or none. The commit names the attempts that
count. Rows of other attempts, which Spark has killed or run twice, are never read, and are cleared.

A batch is what a job writes at once. Its name, the digest of its rows and its state tell a repeated commit, and a job
that is run again, from a new one.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Self

from intacct_bridge.shared_state.database import TableSet
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase
from intacct_bridge.shared_state.postgres_sql import copied_line
from intacct_protocol.errors import BusyError, SettingsError
from intacct_protocol.model.sql_text import literal, quoted

LEFT_OVER = timedelta(days=7)
"""After this time the rows of a job that has not ended are cleared by the next one."""
_TABLES = TableSet(
    "staging",
    "the staged rows",
    lambda: (
        """
CREATE TABLE staged_attempt (attempt TEXT PRIMARY KEY, job TEXT NOT NULL, begun_at TEXT NOT NULL);
CREATE TABLE staged_row (job TEXT NOT NULL, attempt TEXT NOT NULL, number INTEGER NOT NULL, sort_key TEXT NOT NULL,
    content TEXT NOT NULL, PRIMARY KEY (attempt, number));
CREATE INDEX staged_row_order ON staged_row (job, sort_key, attempt, number);
CREATE TABLE staged_batch (name TEXT PRIMARY KEY, state TEXT NOT NULL, digest TEXT NOT NULL, plan TEXT NOT NULL,
    changed_at TEXT NOT NULL);
CREATE TABLE staged_result (batch TEXT NOT NULL, number INTEGER NOT NULL, record TEXT NOT NULL, status TEXT NOT NULL,
    reason TEXT NOT NULL, content TEXT NOT NULL);
CREATE INDEX staged_result_batch ON staged_result (batch, number);
"""
    ),
)
_COPY = "COPY staged_row (job, attempt, number, sort_key, content) FROM STDIN"
_DIGEST = """
SELECT count(*),
    coalesce(sum(('x' || left(encode(sha256(convert_to(content, 'UTF8')), 'hex'), 16))::bit(64)::bigint), 0)
FROM staged_row WHERE attempt = ? AND number > ? AND number <= ?
"""
_PAGE = """
SELECT sort_key, attempt, number, content FROM staged_row
WHERE job = ? AND (sort_key, attempt, number) > (?, ?, ?) ORDER BY sort_key, attempt, number LIMIT 5000
"""
_AT_ONCE = 200_000
"""Rows of one statement that checks or clears, so that its answer comes in time."""


def row_digest(content: bytes) -> int:
    """The digest of one row; digests of rows in any order and partition add up."""
    return int.from_bytes(sha256(content).digest()[:8], signed=True)


@dataclass(frozen=True, slots=True)
class StagedLine:
    """One row to stage."""

    sort_key: str
    """Rows of one record have the same."""
    content: bytes
    """The row as a line of JSON."""


@dataclass(frozen=True, slots=True)
class StagedAttempt:
    """The rows of one task attempt, as the task has written them."""

    attempt: str
    rows: int
    digest: int


class BatchState(StrEnum):
    """How far a batch is."""

    BEGUN = "begun"
    """Being planned or posted, unless that was interrupted."""
    SAVED = "saved"
    """Its plan waits for an approval."""
    FAILED = "failed"
    """Some of its records are not in Intacct."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """A batch as the database knows it."""

    name: str
    state: BatchState
    digest: str
    plan: str
    """The file of the plan that waits for an approval."""


@dataclass(frozen=True, slots=True)
class RowResult:
    """A row that is not in Intacct, and why."""

    number: int
    record: str
    status: str
    reason: str
    content: str


class Staging:
    """The staged rows of one company. UnreachableError if the database does not answer."""

    def __init__(self, place: PostgresPlace) -> None:
        self.place = place
        self._db = PostgresDatabase(place, _TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # --- a task

    def stage(self, job: str, attempt: str, lines: Iterable[StagedLine]) -> StagedAttempt:
        """Write the rows of one attempt: all of them, or none."""
        self._db.execute(
            "INSERT INTO staged_attempt (attempt, job, begun_at) VALUES (?, ?, ?)",
            (attempt, job, self._db.clock().isoformat()),
        )
        count = digest = 0

        def copied() -> Iterator[bytes]:
            nonlocal count, digest
            for line in lines:
                count += 1
                digest += row_digest(line.content)
                yield copied_line(job, attempt, count, line.sort_key, line.content.decode())

        self._db.copy_in(_COPY, copied())
        return StagedAttempt(attempt, count, digest)

    # --- the commit

    @contextmanager
    def alone(self, batch: str) -> Iterator[None]:
        """Keep other commits of the batch out meanwhile; BusyError if there is one."""
        name = f"batch {batch}"
        try:
            self._db.hold(name, unique=True)
        except BusyError:
            raise BusyError(
                f"the batch {batch!r} is being committed by another job",
                fix="Run this job again when the other one has ended, or give it another `batch`.",
            ) from None
        try:
            yield
        finally:
            self._db.release(name)

    def check(self, attempts: Iterable[StagedAttempt]) -> None:
        """SettingsError if the rows of an attempt are not there as its task has written them."""
        for attempt in attempts:
            rows = digest = 0
            for first in range(0, max(attempt.rows, 1), _AT_ONCE):
                last = first + _AT_ONCE if first + _AT_ONCE < attempt.rows else 1 << 62
                counted = self._db.read(_DIGEST, (attempt.attempt, first, last))[0]
                rows, digest = rows + int(counted[0]), digest + int(counted[1])
            if (rows, digest) != (attempt.rows, attempt.digest):
                raise SettingsError(
                    f"a task has staged {attempt.rows:,} rows in {self.place.name}, and {rows:,} are there"
                    if rows != attempt.rows
                    else f"the rows that a task has staged in {self.place.name} were changed since",
                    fix="Run the job again; nothing was sent. Was another job of this `batch` running?",
                )

    def rows(self, job: str, attempts: Sequence[StagedAttempt]) -> Iterator[bytes]:
        """The rows of these attempts; those with one sort key follow each other."""
        names = {one.attempt for one in attempts}
        after: tuple[str, str, int] = ("", "", 0)
        while page := self._db.read(_PAGE, (job, *after)):
            yield from (str(row[3]).encode() for row in page if row[1] in names)
            after = (page[-1][0], page[-1][1], page[-1][2])

    def clear(self, job: str) -> None:
        """Remove the rows of a job, and what ended jobs have left."""
        oldest = (self._db.clock() - LEFT_OVER).isoformat()
        ended = self._db.read(
            "SELECT attempt FROM staged_attempt WHERE job = ? OR begun_at < ?"
            " UNION SELECT DISTINCT attempt FROM staged_row WHERE job = ?",
            (job, oldest, job),
        )
        for (attempt,) in ended:
            while self._db.execute(
                "DELETE FROM staged_row WHERE attempt = ? AND number <="
                " (SELECT min(number) FROM staged_row WHERE attempt = ?) + ?",
                (attempt, attempt, _AT_ONCE),
            ).rowcount:
                pass
            self._db.execute("DELETE FROM staged_attempt WHERE attempt = ?", (attempt,))

    # --- batches

    def batch(self, name: str) -> StagedBatch | None:
        """A batch of an earlier commit."""
        rows = self._db.read("SELECT name, state, digest, plan FROM staged_batch WHERE name = ?", (name,))
        return StagedBatch(rows[0][0], BatchState(rows[0][1]), rows[0][2], rows[0][3]) if rows else None

    def keep(self, batch: StagedBatch, results: Iterable[RowResult] = ()) -> None:
        """Keep the state of a batch, and its rows that are not in Intacct, in place of those kept before."""
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO staged_batch (name, state, digest, plan, changed_at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET state = excluded.state, digest = excluded.digest,"
                " plan = excluded.plan, changed_at = excluded.changed_at",
                (batch.name, batch.state.value, batch.digest, batch.plan, self._db.clock().isoformat()),
            )
            self._db.execute("DELETE FROM staged_result WHERE batch = ?", (batch.name,))
            self._db.executemany(
                "INSERT INTO staged_result (batch, number, record, status, reason, content) VALUES (?, ?, ?, ?, ?, ?)",
                ((batch.name, one.number, one.record, one.status, one.reason, one.content) for one in results),
            )

    def forget_batches(self, beginning: str, before: int) -> None:
        """Forget the done batches `beginning/NUMBER` with a lower number than `before`."""
        done = self._db.read("SELECT name FROM staged_batch WHERE state = ? AND starts_with(name, ?)",
                              (BatchState.DONE.value, f"{beginning}/"))  # fmt: skip
        numbers = [(name, name.removeprefix(f"{beginning}/")) for (name,) in done]
        for name in [name for name, number in numbers if number.isdecimal() and int(number) < before]:
            self._db.execute("DELETE FROM staged_batch WHERE name = ?", (name,))

    def results_query(self, batch: str) -> str:
        """A query for the rows of a batch that are not in Intacct."""
        rows = f"SELECT record, status, reason, content FROM {quoted(self.place.schema)}.staged_result"
        return f"{rows} WHERE batch = {literal(batch)} ORDER BY number"
