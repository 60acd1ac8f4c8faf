"""The governor: all processes of a company stay together within its limits of requests and of API transactions.

The gateway counts the requests of a company together, from all processes. So each request takes a slot in
the database first, and a slot is free again when its request is over. The slot of a write whose answer was lost, or
whose process ended, stays taken for as long as the request may run at the gateway. A read whose process ended keeps its
slot for as long as a living process would have waited for the answer. The month's transactions are counted with the
slot, before the request leaves: the count is never lower than the gateway's.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from intacct_bridge.shared_state.database import LONGEST_REQUEST, SEND_WITHIN, Clock, TableSet
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase
from intacct_protocol.errors import (
    BusyError,
    CapError,
    IntacctError,
    RemoteProtocolError,
    SettingsError,
    UnreachableError,
)
from intacct_protocol.model.batched import batched
from intacct_protocol.model.sql_text import literal, quoted
from intacct_protocol.xml.reply import ConnectionCutError

_TABLES = TableSet(
    "governor",
    "the company's limits",
    lambda: (
        """
CREATE TABLE slot (number INTEGER PRIMARY KEY AUTOINCREMENT, taken_at TEXT NOT NULL, free_at TEXT NOT NULL);
CREATE TABLE spent (month TEXT NOT NULL, connection TEXT NOT NULL, transactions INTEGER NOT NULL,
    PRIMARY KEY (month, connection));
"""
    ),
)
_TEXT = """to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
_SPEND = """
INSERT INTO spent (month, connection, transactions) {spending}
ON CONFLICT (month, connection) DO UPDATE SET transactions = spent.transactions + excluded.transactions
"""
_TAKE = """
DELETE FROM slot WHERE free_at <= {now} OR free_at > {latest};
WITH moment AS MATERIALIZED (SELECT {clock} AS now),
month AS MATERIALIZED (
    SELECT to_char(now AT TIME ZONE 'UTC', 'YYYY-MM') AS text, (SELECT count(*) FROM slot) AS slots,
        (SELECT coalesce(sum(transactions), 0)::bigint FROM spent
            WHERE month = to_char(now AT TIME ZONE 'UTC', 'YYYY-MM')) AS spent
    FROM moment),
allowed AS MATERIALIZED (SELECT text FROM month WHERE slots < {concurrency} AND {within_limit}),
spend AS ({spend}),
taken AS (INSERT INTO slot (taken_at, free_at) SELECT {taken_at}, {free_at} FROM allowed, moment RETURNING number)
SELECT coalesce((SELECT number FROM taken), 0), slots, spent, text FROM month
"""
"""Frees the slots whose time is over, then takes one and counts the transactions, if both limits allow it."""
_LONGEST_SLOT = SEND_WITHIN + LONGEST_REQUEST + timedelta(minutes=1)
"""A slot that is taken for longer from now on was taken before the server's clock was set back."""
_SCHEMAS_AT_ONCE = 200
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0
_LOGGED_AFTER = 5.0
"""Seconds of waiting for a slot after which the log says so, once a request."""
_log = logging.getLogger(__name__)


class Governor:
    """The limits of one company, as one client keeps them. Threads may share it; it connects with the first request."""

    def __init__(
        self,
        place: PostgresPlace,
        connection: str,
        *,
        concurrency: int,
        monthly_limit: int | None,
        sleep: Callable[[float], None],
        clock: Clock | None = None,
        company: str = "",
        longest_read: timedelta = LONGEST_REQUEST,
    ) -> None:
        """`company` is its name in the log; without one, the name of the connection is used. `longest_read` is how long
        a read waits for its answer.
        """
        self._open = partial(PostgresDatabase, place, _TABLES, clock=clock, pooled=True)
        self._db: PostgresDatabase | None = None
        self._clock = clock
        self._connection, self._company = connection, company or connection
        self._concurrency = concurrency
        self._limit = monthly_limit
        self._longest_read = min(longest_read, LONGEST_REQUEST)
        self._sleep = sleep
        self._thread = threading.local()
        """The month in which the present request of each thread is counted."""

    @contextmanager
    def request(self, transactions: int, *, read: bool) -> Iterator[None]:
        """Hold a slot for one request with this number of API transactions; waits until one is free.

        CapError if the month's limit does not allow it; UnreachableError if the database does not answer.
        """
        slot = self._take(transactions, SEND_WITHIN + (self._longest_read if read else LONGEST_REQUEST))
        over = False
        try:
            yield
            over = True
        except (BusyError, SettingsError, UnreachableError):  # it never left
            over = True
            self.uncount(transactions)
            raise
        except ConnectionCutError as cut:
            over = read or not cut.sent
            raise
        except RemoteProtocolError:  # its answer came, and is too long or damaged
            over = True
            raise
        finally:
            if over:
                self._free(slot)

    def uncount(self, transactions: int) -> None:
        """Take back the count of this thread's request, which was refused before anything ran; a failure leaves it."""
        month = getattr(self._thread, "month", "")
        spending = f"VALUES ({literal(month)}, {literal(self._connection)}, {-transactions})"
        with suppress(IntacctError):
            self._database().together(_SPEND.format(spending=spending))

    def month_to_date(self) -> int:
        """The company's transactions of this month, from all machines."""
        db = self._database()
        rows = db.read("SELECT coalesce(sum(transactions), 0) FROM spent WHERE month = ?", (_month(db.clock()),))
        return int(rows[0][0])

    def close(self) -> None:
        """Close the connection to the database."""
        if self._db is not None:
            self._db.close()

    def _database(self) -> PostgresDatabase:
        if self._db is None:
            self._db = self._open()
        return self._db

    def _take(self, transactions: int, lasting: timedelta) -> int:
        wait, waited, logged = _FIRST_WAIT, 0.0, False
        while True:
            slot = self._try(transactions, lasting)
            if slot:
                return slot
            if waited >= _LOGGED_AFTER and not logged:
                logged = True
                _log.warning(self._waiting_text(waited))
            self._sleep(wait)
            waited += wait
            wait = min(_LONGEST_WAIT, wait * 2)

    def _waiting_text(self, seconds: float) -> str:
        most, free = self._concurrency, self._database().read("SELECT max(free_at) FROM slot")[0][0]
        busy = "the only slot for a request is" if most == 1 else f"all {most} slots for requests are"
        latest = f" A slot whose request got no answer is free at {free[11:16]} UTC at the latest." if free else ""
        return f"{self._company}: {busy} taken, for {seconds:.0f} seconds now; waiting for a free one.{latest}"

    def _try(self, transactions: int, lasting: timedelta) -> int:
        """The number of a slot that is free after a time at the latest, or 0 if all are taken."""
        spending = f"SELECT text, {literal(self._connection)}, {transactions} FROM allowed"
        clock = f"{literal(self._clock().isoformat())}::timestamptz" if self._clock is not None else "clock_timestamp()"
        take = _TAKE.format(
            clock=clock,
            now=_TEXT.format(moment=clock),
            latest=_later(clock, _LONGEST_SLOT),
            concurrency=self._concurrency,
            within_limit="true" if self._limit is None else f"spent + {transactions} <= {self._limit}",
            spend=_SPEND.format(spending=spending),
            taken_at=_TEXT.format(moment="now"),
            free_at=_later("now", lasting),
        )
        slot, slots, spent, month = self._database().together(take)
        self._thread.month = str(month)
        if not slot and slots < self._concurrency:
            raise CapError(
                f"the next request costs {transactions:,} API transactions; {spent:,} of the {self._limit:,} that"
                f" the company may use in {month} are used, by all machines",
                fix="Raise `monthly_limit` of the connection, or wait for the next month.",
                setting="monthly_limit",
            )
        return int(slot)

    def _free(self, slot: int) -> None:
        """Free a slot. A failure must not hide the answer of the request, and the slot frees itself in time."""
        with suppress(IntacctError):
            self._database().together(f"DELETE FROM slot WHERE number = {slot}", locks=False)


def _later(moment: str, time: timedelta) -> str:
    return _TEXT.format(moment=f"({moment} + interval '{time.total_seconds()} seconds')")


def _month(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y-%m}"


def slots_taken(db: PostgresDatabase, schema: str) -> int:
    """How many requests of the company with this schema hold a slot; none if it has made no request."""
    if not db.read("SELECT 1 FROM pg_tables WHERE tablename = 'slot' AND schemaname = ?", (schema,)):
        return 0
    return int(db.read(f"SELECT count(*) FROM {quoted(schema)}.slot")[0][0])


def spent_by_schema(db: PostgresDatabase, schemas: Sequence[str], month: str) -> dict[str, int]:
    """The API transactions of a month such as `2026-11` that were counted in each of these schemas of a database.

    A schema without a count is left out.
    """
    rows = db.read(
        "SELECT schemaname FROM pg_tables WHERE tablename = 'spent' AND schemaname = ANY(?)", (list(schemas),)
    )
    spent: dict[str, int] = {}
    for chunk in batched([str(row[0]) for row in rows], _SCHEMAS_AT_ONCE):
        sums = " UNION ALL ".join(
            f"SELECT {literal(schema)}, coalesce(sum(transactions), 0)::bigint FROM {quoted(schema)}.spent"
            " WHERE month = :month"
            for schema in chunk
        )
        spent |= {str(row[0]): int(row[1]) for row in db.read(sums, {"month": month})}
    return spent
