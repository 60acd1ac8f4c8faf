"""An SQL database as a copy needs it, whichever it is: one connection, one transaction at a time, rows as Arrow.

What differs between databases is behind `Database`; `Session` puts it under one lock.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from intacct_bridge.errors import SettingsError
from intacct_bridge.wire.values import Value

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

_ANEW = "or drop the table, and it is read anew"
_FIXES = {
    "another entry with this name": "a view of the stream's name is in the way: drop it, or give it another name",
    "used by a view": "a column is to hold more: drop the view, run again, and make the view anew",
    r"column .* is of type": f"the column's type was changed by hand: change it back, {_ANEW}",
    "not have a column": "the table is another's, or lost a column: give it another name, and the stream is read anew",
    r"column .*(does not exist|not found)": f"the column was renamed or dropped by hand: put it back, {_ANEW}",
}
"""What to do, by what databases say of tables that somebody has changed or built upon."""


class Database(Protocol):
    """A database as the sink needs it. Values are bound where the SQL says `?`."""

    name: str
    """How a person would call it."""
    ours: str
    """The schema of our own tables, quoted."""
    listing: str
    """An array of texts as a bound value, in SQL."""
    longest: int
    """How many bytes a name may have; 0 where there is no end to it."""
    blind: bool
    """Names that differ in capitals only are one."""

    @property
    def troubles(self) -> tuple[type[Exception], ...]:
        """What goes wrong with the database or its disk is told by these."""

    def connect(self) -> None:
        """Open it, if it is not open; SettingsError where that is not possible."""

    def claim(self) -> bool:
        """Keep other runs out until it is closed; False where one is at work."""

    def close(self) -> None:
        """Let go of it."""

    def begin(self) -> None:
        """Begin a transaction."""

    def end(self, *, keep: bool) -> None:
        """Commit the transaction, or undo it."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement; its rows, if it has any."""

    def changed(self, sql: str, values: Sequence[Any]) -> int:
        """Run an UPDATE or DELETE; the number of rows it met."""

    def texts(self, values: Iterable[str]) -> Any:
        """Texts as `listing` wants them bound."""

    def arrived(self, name: str, rows: "pa.Table | None") -> AbstractContextManager[None]:
        """Rows under a name that SQL can use."""

    def tables(self) -> frozenset[str]:
        """The names of the tables that are there; one question for all, since each is slow."""

    def columns(self, table: str) -> "pa.Schema":
        """The columns of a table that is there as Arrow types, ours left out."""

    def sql_types(self, schema: "pa.Schema") -> dict[str, str]:
        """What the database calls each column's type."""

    def index(self, table: str, columns: Iterable[str]) -> None:
        """Make rows findable by these columns; an empty name is none."""

    def has_more_room(self, error: BaseException) -> bool:
        """Whether a transaction failed for want of memory only, and would find more if it were tried again."""


class Session:
    """One database under one lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.RLock()
        self.execute = database.execute
        self.changed = database.changed
        self.sql_types = database.sql_types
        self.arrived = database.arrived
        self.index = database.index

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing, one at a time."""
        with self._lock:
            try:
                self._database.begin()
                yield
                self._database.end(keep=True)
            except BaseException as error:
                with suppress(*self._database.troubles):
                    self._database.end(keep=False)
                if isinstance(error, self._database.troubles):
                    raise self._trouble(error) from error
                raise

    def _trouble(self, error: BaseException) -> SettingsError:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        fix = next((fix for sign, fix in _FIXES.items() if re.search(sign, said)), "see to the database or its disk")
        return SettingsError(
            f"{self._database.name} failed: {said}",
            fix=f"{fix}; what was committed is kept, and the next run goes on from there",
        )

    def whole(self, job: Callable[[], T]) -> T:
        """What a job gives, done in one transaction; done again where memory was all that it lacked."""
        with self._lock:
            while True:
                try:
                    with self.transaction():
                        return job()
                except Exception as error:
                    if not self._database.has_more_room(error.__cause__ or error):
                        raise

    @contextmanager
    def listed(self, values: Sequence[Value], of: "pa.DataType") -> Iterator[None]:
        """Values as the column `v` of `_listed`, so that a list of any length is one thing."""
        import pyarrow as pa

        with self.arrived("_listed", pa.table({"v": pa.array(values, of)})):
            yield

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The only row of an answer."""
        return self.execute(sql, values)[0]

    def close(self) -> None:
        """Close the database, once no transaction is open."""
        with self._lock:
            self._database.close()
