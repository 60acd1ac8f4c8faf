"""The rows of companies in SQLite: one table per object, with a row's cells in one column and a few searchable columns.

A table is created with its first row. `plan` selects its searchable columns from the object's description. They hold
values that SQL can order (ISO dates, integers, plain text), beside the wire text in the cells. The table `places` holds
the place of each field in the cells, and only grows. Every write is recorded, so that a cached list of keys can be
brought up to date without reading the table again.

Companies that were made from one share its tables, copy on write: a company has layers, its own one first. A table is
read from the first layer that has it, and copied into the own layer before its first write. The layers below are not
written again.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from intacct_emulator.settings.cells import Row, iso_date, pack, unpack
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.values import Kind

_REMEMBERED = 10_000
_PARAMETERS = 999
"""The most parameters that every version of SQLite takes in one statement."""
SqlValue = str | int | float | bytes | None


@dataclass(frozen=True, slots=True)
class TablePlan:
    """How one object is stored: the field that is its record number, and its searchable fields."""

    name: str
    key: str
    """The field that identifies a record; nearly always `RECORDNO`."""
    key_is_integer: bool
    """Whether the key is also SQLite's row number."""
    searchable: tuple[tuple[str, Kind], ...] = ()
    one_table: tuple[str, ...] = ()
    """The other objects whose records have numbers of the same series: Intacct keeps them in one table."""


class Store:
    """One company's rows. Not thread-safe: the gateway runs functions one request at a time.

    The names of its tables begin with `prefix`; `shared` has the prefixes of the layers below, the latest first.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        prefix: str,
        plan: Callable[[str], TablePlan],
        shared: tuple[str, ...] = (),
    ) -> None:
        self.connection = connection
        self.layers = (prefix, *shared)
        self._plan = plan
        self._tables: dict[str, StoreTable] = {}
        self._depth = 0
        self._base: dict[str, int] = {}
        self._changes: dict[str, list[int]] = {}
        connection.execute(
            "CREATE TABLE IF NOT EXISTS places "
            "(name TEXT, place INTEGER, field TEXT, PRIMARY KEY (name, place)) WITHOUT ROWID"
        )
        connection.execute("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")

    # --- layers

    @property
    def prefix(self) -> str:
        """The prefix of the own layer, which the names of its tables begin with."""
        return self.layers[0]

    def set_layers(self, layers: tuple[str, ...]) -> None:
        """Use these layers, the own one first."""
        self.layers = layers
        self.forget_all()

    def share(self, prefix: str) -> tuple[str, ...]:
        """Freeze the own layer and begin another one of this name; gives the layers to share.

        A layer that has nothing yet goes on as it is, and the layers below it are shared.
        """
        if self.layers[1:] and not self.has_own():
            return self.layers[1:]
        self.set_layers((prefix, *self.layers))
        return self.layers[1:]

    def has_own(self) -> bool:
        """Whether anything was written to the own layer."""
        low, high = _span(f"{self.prefix}:")
        return any(
            self.connection.execute(
                f"SELECT 1 FROM {table} WHERE name >= ? AND name < ? LIMIT 1", (low, high)
            ).fetchone()
            for table in ("facts", "places", "sqlite_master")
        )

    def full_name(self, name: str) -> str:
        """The full name of a table to read: in the first layer that has it, otherwise in the own one."""
        named = (f"{layer}:{name}" for layer in self.layers)
        return next((one for one in named if self._exists(one)), f"{self.prefix}:{name}")

    def own_name(self, name: str) -> str:
        """The full name of a table to write: in the own layer, into which this copies it from the one below."""
        own_table, held = f"{self.prefix}:{name}", self.full_name(name)
        if held != own_table and self._exists(held):
            self._copy(name, held.removesuffix(f":{name}"))
        return own_table

    def _exists(self, full: str) -> bool:
        return self.connection.execute("SELECT 1 FROM pragma_table_info(?) LIMIT 1", (full,)).fetchone() is not None

    def _copy(self, name: str, layer: str) -> None:
        """Copy a table of a layer, with its indexes, into the own one. The indexes are named after the table."""
        run = self.connection.execute
        held, own_table = f"{layer}:{name}", f"{self.prefix}:{name}"
        begins = (quoted(held)[:-1], quoted(own_table)[:-1])
        statements = run(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type DESC", (held,)
        )
        table, *indexes = [sql.replace(*begins) for (sql,) in statements.fetchall()]
        for statement in (table, *indexes):
            run(statement)
        # SQLite copies an empty table with the same indexes entry by entry, without reading or sorting a row
        run(f"INSERT INTO {quoted(own_table)} SELECT * FROM {quoted(held)}")
        if "AUTOINCREMENT" in table:
            # a number that a deleted row had is not given again
            run("DELETE FROM sqlite_sequence WHERE name = ?", (own_table,))
            run("INSERT INTO sqlite_sequence SELECT ?, seq FROM sqlite_sequence WHERE name = ?", (own_table, held))

    # --- tables

    def table(self, name: str) -> "StoreTable":
        """The table of an object, which may have no rows yet."""
        table = self._tables.get(name)
        if table is None:
            table = self._tables[name] = StoreTable(self, self._plan(name))
        return table

    def populated(self) -> list[str]:
        """Names of the objects that have had a row."""
        names = set()
        for layer in self.layers:
            rows = self.connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE ?", (f"{layer}:%",)
            )
            names |= {name.removeprefix(f"{layer}:") for (name,) in rows}
        return sorted(names)

    # --- changed rows

    def version(self, name: str) -> int:
        """A number that increases with every write to the object's table."""
        return self._base.get(name, 0) + len(self._changes.get(name, ()))

    def changes_since(self, name: str, version: int) -> list[int] | None:
        """The row numbers written since that version; None if these are no longer known."""
        base = self._base.get(name, 0)
        return None if version < base else self._changes.get(name, [])[version - base :]

    def note(self, name: str, number: int) -> None:
        """Record that a row was written."""
        changes = self._changes.setdefault(name, [])
        changes.append(number)
        if len(changes) > _REMEMBERED:
            self.forget(name)

    def forget(self, name: str) -> None:
        """Record that any row of the table may have changed."""
        self._base[name] = self.version(name) + 1
        self._changes[name] = []

    def forget_all(self) -> None:
        """Record that any row of any table may have changed, and that tables may be gone."""
        self._tables.clear()
        for table in set(self._changes) | set(self._base):
            self.forget(table)

    # --- all or nothing

    @contextmanager
    def together(self) -> Iterator[None]:
        """Commit the writes inside together or not at all. Can be nested."""
        name = f"level{self._depth}"
        self.connection.execute(f"SAVEPOINT {name}")
        self._depth += 1
        try:
            yield
        except BaseException:
            self.connection.execute(f"ROLLBACK TO {name}")
            self.forget_all()
            raise
        finally:
            self._depth -= 1
            self.connection.execute(f"RELEASE {name}")

    # --- the table of facts (see `company.company_facts`)

    def fact(self, name: str) -> str | None:
        """The text that is kept under a name."""
        for layer in self.layers:
            row = self.connection.execute("SELECT value FROM facts WHERE name = ?", (f"{layer}:{name}",)).fetchone()
            if row is not None:
                return str(row[0])
        return None

    def facts_under(self, start: str) -> list[str]:
        """The strings whose names start so, in the order of their names."""
        facts: dict[str, str] = {}
        for layer in reversed(self.layers):
            span = _span(f"{layer}:{start}")
            rows = self.connection.execute("SELECT name, value FROM facts WHERE name >= ? AND name < ?", span)
            facts |= {name.removeprefix(f"{layer}:"): str(value) for name, value in rows}
        return [facts[name] for name in sorted(facts)]

    def keep_fact(self, name: str, value: str) -> None:
        """Keep a text under a name."""
        self.connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (f"{self.prefix}:{name}", value))


def open_database(path: str | Path | None) -> sqlite3.Connection:
    """A connection to the file, or to a new database in memory. SettingsError for a file that is not a database."""
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        for setting in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536"):
            connection.execute(f"PRAGMA {setting}")
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        raise SettingsError(
            f"{path} cannot be used as the emulator's database: {error}", fix="Name another file, or remove this one."
        ) from None
    return connection


def is_in_memory(connection: sqlite3.Connection) -> bool:
    """Whether the database ends with its connection."""
    return not connection.execute("PRAGMA database_list").fetchone()[2]


def drop_layers(connection: sqlite3.Connection, layers: Collection[str]) -> None:
    """Delete every table and fact of these layers."""
    if not layers:
        return
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        if name.rpartition(":")[0] in layers:
            connection.execute(f"DROP TABLE {quoted(name)}")
    for layer in layers:
        for table in ("facts", "places"):
            connection.execute(f"DELETE FROM {table} WHERE name >= ? AND name < ?", _span(f"{layer}:"))


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether no company of the database has had a row or a fact."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE '%:%'").fetchone()
    (facts,) = connection.execute("SELECT count(*) FROM facts").fetchone()
    return not tables and not facts


def insert_many(connection: sqlite3.Connection, insert: str, columns: int, rows: Iterable[Sequence[SqlValue]]) -> None:
    """Insert rows, many in a statement: SQLite then keeps the last number of the table once for all of them."""
    marks = f"({', '.join('?' * columns)})"
    together = _PARAMETERS // columns
    many, single = f"{insert} VALUES {', '.join([marks] * together)}", f"{insert} VALUES {marks}"
    for chunk in batched(rows, together):
        if len(chunk) == together:
            connection.execute(many, list(chain.from_iterable(chunk)))
        else:
            connection.executemany(single, chunk)


def _span(start: str) -> tuple[str, str]:
    """The strings that start so: from the first one up to the second, which is not among them."""
    return start, f"{start}{chr(0x10FFFF)}"


class StoreTable:
    """One object's rows, by row number."""

    def __init__(self, store: Store, plan: TablePlan) -> None:
        self.store = store
        self.plan = plan
        self.name = plan.name
        self.columns = {field: quoted(f"x_{field}") for field, _ in plan.searchable}
        self._to_sql = [(field, _converter(kind)) for field, kind in plan.searchable]
        run = store.connection.execute
        held = store.full_name(self.name)
        self.exists = run("SELECT 1 FROM pragma_table_info(?) LIMIT 1", (held,)).fetchone() is not None
        self._set_name(held)
        layers = [f"{layer}:{self.name}" for layer in store.layers]
        marks = ", ".join("?" for _ in layers)
        self.fields: list[str] = [
            field for (field,) in run(f"SELECT field FROM places WHERE name IN ({marks}) ORDER BY place", layers)
        ]
        self.place = {field: place for place, field in enumerate(self.fields)}

    def _set_name(self, full: str) -> None:
        self._full = full
        self.sql_name = quoted(full)
        marks = ", ".join("?" for _ in range(len(self.columns) + 2))
        self._insert = f"INSERT INTO {self.sql_name} VALUES ({marks})"
        sets = "".join(f"{column} = ?, " for column in self.columns.values())
        self._update = f"UPDATE {self.sql_name} SET {sets}body = ? WHERE id = ?"

    def _own_copy(self) -> None:
        """Have the table in the company's own layer, before a write."""
        if not self._full.startswith(f"{self.store.prefix}:"):
            self._set_name(self.store.own_name(self.name))

    # --- the shape

    def create(self, *, indexed: bool = True) -> None:
        """Create the SQL table if it does not exist."""
        self._own_copy()
        if not self.exists:
            columns = "".join(f"{column}, " for column in self.columns.values())
            self.store.connection.execute(
                f"CREATE TABLE {self.sql_name} (id INTEGER PRIMARY KEY AUTOINCREMENT, {columns}body BLOB NOT NULL)"
            )
            self.exists = True
        if indexed:
            self.index()

    def index(self) -> None:
        """Create the missing indexes; a bulk load does so last."""
        self._own_copy()
        for field, column in self.columns.items():
            index = quoted(f"{self._full}:{field}")
            self.store.connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {self.sql_name} ({column})")

    def make_places(self, fields: Iterable[str]) -> None:
        """Give a place to every field without one."""
        self._own_copy()
        for field in fields:
            if field not in self.place:
                self.place[field] = len(self.fields)
                self.store.connection.execute(
                    "INSERT INTO places VALUES (?, ?, ?)", (self._full, len(self.fields), field)
                )
                self.fields.append(field)

    # --- rows

    def next_number(self) -> int:
        """A number that no row has had, of this table or of another one with the same series."""
        tables = (self, *map(self.store.table, self.plan.one_table))
        return 1 + max(table._last_number() for table in tables)

    def _last_number(self) -> int:
        if not self.exists:
            return 0
        last = self.store.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (self._full,))
        return int((last.fetchone() or (0,))[0])

    def insert(self, row: Row, number: int | None = None) -> int:
        """Store a new row and return its number; an integer key that the row lacks is assigned here."""
        self.create()
        if self.plan.key_is_integer:
            number = number or int(row.get(self.plan.key) or self.next_number())
            row[self.plan.key] = str(number)
        else:
            number = number or self.next_number()
        self.make_places(name for name, text in row.items() if text)
        self.store.connection.execute(self._insert, (number, *self.sql_values(row), pack(row, self.fields)))
        self.store.note(self.name, number)
        return number

    def insert_packed(self, rows: Iterable[Sequence[SqlValue]]) -> None:
        """Store many packed rows, each with number, searchable values and cells."""
        self._own_copy()
        insert_many(self.store.connection, f"INSERT INTO {self.sql_name}", len(self.columns) + 2, rows)
        self.store.forget(self.name)

    def update(self, number: int, row: Row) -> None:
        """Replace the row with that number."""
        self.make_places(name for name, text in row.items() if text)
        self.store.connection.execute(self._update, (*self.sql_values(row), pack(row, self.fields), number))
        self.store.note(self.name, number)

    def delete(self, number: int) -> None:
        """Delete a row; its number is not used again."""
        self._own_copy()
        self.store.connection.execute(f"DELETE FROM {self.sql_name} WHERE id = ?", (number,))
        self.store.note(self.name, number)

    def get(self, number: int) -> Row | None:
        """The row with that number."""
        for _, body in self.select("id = ?", (number,)):
            return unpack(body, self.fields)
        return None

    def find(self, field: str, text: str) -> list[int]:
        """Numbers of the rows whose field is that text; fast for the key and the searchable fields only."""
        if not self.exists:
            return []
        if field == self.plan.key and self.plan.key_is_integer:
            number = int(text) if text.isdecimal() and len(text) < 19 else -1
            return [number] if self.get(number) is not None else []
        if field in self.columns:
            value = dict(self._to_sql)[field](text)
            rows = self.store.connection.execute(
                f"SELECT id FROM {self.sql_name} WHERE {self.columns[field]} = ? ORDER BY id", (value,)
            )
            return [number for (number,) in rows]
        return [number for number, body in self.select("1") if unpack(body, self.fields).get(field) == text]

    def rows(self, where: str = "1", values: Sequence[SqlValue] = ()) -> Iterator[tuple[int, Row]]:
        """Numbers and rows by a SQL condition on the searchable columns."""
        for number, body in self.select(where, values):
            yield number, unpack(body, self.fields)

    def select(self, where: str, values: Sequence[SqlValue] = ()) -> Iterator[tuple[int, bytes]]:
        """Numbers and packed cells by a SQL condition, in the order of the numbers."""
        if self.exists:
            yield from self.store.connection.execute(
                f"SELECT id, body FROM {self.sql_name} WHERE {where} ORDER BY id", values
            )

    def count(self) -> int:
        """How many rows there are."""
        if not self.exists:
            return 0
        return int(self.store.connection.execute(f"SELECT count(*) FROM {self.sql_name}").fetchone()[0])

    def sql_values(self, row: Mapping[str, str]) -> list[SqlValue]:
        """The values of the searchable columns for this row."""
        return [convert(row.get(field, "")) for field, convert in self._to_sql]


def _converter(kind: Kind) -> Callable[[str], SqlValue]:
    return _CONVERTERS.get(kind, _text_value)


def _text_value(text: str) -> SqlValue:
    return text or None


def _integer_value(text: str) -> SqlValue:
    try:
        return int(text) if text else None
    except ValueError:
        return text


def _date_value(text: str) -> SqlValue:
    return (iso_date(text) or text)[:10] if text else None


def _timestamp_value(text: str) -> SqlValue:
    if not text:
        return None
    iso = iso_date(text) or text
    return f"{iso} 00:00:00" if len(iso) == 10 else iso


_CONVERTERS: dict[Kind, Callable[[str], SqlValue]] = {
    Kind.INTEGER: _integer_value,
    Kind.DATE: _date_value,
    Kind.TIMESTAMP: _timestamp_value,
}


def sql_value(kind: Kind, text: str) -> SqlValue:
    """A field's text as its searchable column holds it."""
    return _converter(kind)(text)
