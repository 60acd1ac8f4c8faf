"""Opening a part of the shared state where it is."""

from pathlib import Path

from intacct_bridge.shared_state.database import Clock, StateDatabase, TableSet
from intacct_bridge.shared_state.place import Place
from intacct_bridge.shared_state.sqlite import SqliteDatabase


def open_database(
    place: Place,
    tables: TableSet,
    *,
    name: str,
    moving: bool = False,
    arriving: str = "",
    clock: Clock | None = None,
) -> StateDatabase:
    """Open a file or a schema, or make it. `clock` replaces that of a PostgreSQL server, for tests.

    `moving` opens also a place that is marked as moved. A place that is made here bears the mark `arriving`.
    """
    if isinstance(place, Path):
        return SqliteDatabase(place, tables, name=name, moving=moving, arriving=arriving)
    from intacct_bridge.shared_state.postgres import PostgresDatabase

    return PostgresDatabase(place, tables, name=name, moving=moving, arriving=arriving, clock=clock)
