"""The interface of a database of shared state, which the outbox, the event log and the run history use.

The SQL is the part that SQLite and PostgreSQL share: `ON CONFLICT`, `RETURNING`, `?` and `:name` for values. Write
transactions of one part follow each other: SQLite locks the file, PostgreSQL the part's row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from intacct_protocol.errors import SettingsError

SEND_WITHIN = timedelta(minutes=1)
"""The send deadline: how long after the commit of *sent* the bytes of a request may leave."""
LONGEST_REQUEST = timedelta(minutes=15)
"""How long a request may go on at the gateway, which closes its connection then (Sage's page on synchronous
requests)."""
MOVED = 1_000_000
"""Added to the version of a file that was moved elsewhere, so that older programs refuse it too."""
ARRIVING = " (arriving)"
"""Behind the name of the place that a part comes from: the mark of a new place that does not hold everything yet."""
ARRIVED = " (arrived)"
"""The same for a new place that holds everything, until the old one is retired."""
Values = Sequence[Any] | Mapping[str, Any]
Row = Any
"""A row: its values by position and by name, and the names as `keys()`."""
Clock = Callable[[], datetime]


class Answer(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """The rows that were changed."""

    def fetchone(self) -> Row:
        """The next row, or None."""

    def fetchall(self) -> list[Row]:
        """The rows that are left."""

    def __iter__(self) -> Iterator[Row]: ...


class Statements(Protocol):
    """What carries out statements, such as those of a migration."""

    def execute(self, sql: str, values: Any = ..., /) -> Answer:
        """Run one statement."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> object:
        """Run one statement for each of these values."""


@dataclass(frozen=True, slots=True)
class Migration:
    """The change of a part's tables from one version to the next, in the transaction that opens them."""

    script: str = ""
    """Statements as SQLite takes them; they are translated for PostgreSQL, apart from triggers."""
    postgres: str = ""
    """Statements for PostgreSQL beside the script."""
    rows: Callable[[Statements], None] = lambda _: None
    """Fills what SQL alone cannot, after the statements."""


@dataclass(frozen=True, slots=True)
class TableSet:
    """The tables of one part of the shared state, such as the outbox."""

    part: str
    """A name for programs, such as `outbox`."""
    what: str
    """A name for messages, such as `the outbox`."""
    script: Callable[[], str]
    """The statements that make the tables of the present version, as SQLite takes them."""
    postgres: str = ""
    """Statements for PostgreSQL beside the script: its triggers are not translated."""
    migrations: tuple[Migration, ...] = ()
    """The first brings tables of version 1 to version 2, and so on."""

    @property
    def version(self) -> int:
        """The present version of the tables."""
        return 1 + len(self.migrations)

    def since(self, version: int, place: str) -> tuple[Migration, ...]:
        """The migrations that tables of a version need. SettingsError if a newer program has changed them."""
        if version > self.version:
            raise SettingsError(f"{self.what} {place} was written by a newer version", fix="upgrade intacct-bridge")
        return self.migrations[version - 1 :]


class StateDatabase(Protocol):
    """An open database, for several threads."""

    @property
    def place_name(self) -> str:
        """The place as messages name it."""

    @property
    def path(self) -> Path:
        """The file; of a database, the name in the user's state directory that files beside it begin with."""

    @property
    def clock(self) -> Clock | None:
        """The clock of the database; None if it has none of its own."""

    @property
    def grace(self) -> timedelta:
        """How long entries of an ended loader stay `sent` after their last sending; zero if a lock proves the end."""

    @property
    def reconnections(self) -> int:
        """How often the connection was lost and made again."""

    def execute(self, sql: str, values: Values = ()) -> Answer:
        """Run one statement."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of these values."""

    def read(self, sql: str, values: Values = ()) -> list[Row]:
        """The rows of a query, in a transaction or without one."""

    def transaction(self) -> AbstractContextManager[None]:
        """A write transaction, which holds the part for itself; rolled back on any error.

        SettingsError if another process has moved the part since it was opened.
        """

    def last_number(self, table: str) -> int:
        """The highest number that a table has given, also to a row that was deleted since; 0 before the first."""

    def set_last_number(self, table: str, number: int) -> None:
        """Let a table go on after this number."""

    def stream(self, sql: str) -> Iterator[Row]:
        """The rows of a query, some at a time; no other process may write meanwhile."""

    def moved_to(self) -> str:
        """The place that this part was moved to, or, with `ARRIVING` or `ARRIVED`, the one that it comes from."""

    def mark_moved(self, target: str) -> None:
        """Mark it as moved, or as arriving, so that every other process refuses it; an empty text removes the mark."""

    def json_text(self, column: str, field: str) -> tuple[str, str]:
        """An expression for the text of one field of a JSON object in a column of bytes, and its value."""

    def unsafe_settings(self) -> list[str]:
        """The settings without which a power cut loses commits, if they are off."""

    def hold(self, name: str) -> None:
        """Claim a name until `release` or the end of this process. BusyError if another process has it."""

    def release(self, name: str) -> None:
        """Give the name up."""

    def is_held(self, name: str) -> bool:
        """Whether a process has claimed the name; it may be this one."""

    def others(self) -> list[str]:
        """The names, or connections, of other processes that use this part now."""

    def close(self) -> None:
        """Close it, and release every name."""


def placeholders(values: Sized) -> str:
    """A list for `IN` in a statement, with a place for each of these values: `(?,?)`."""
    return f"({','.join('?' * len(values))})"
