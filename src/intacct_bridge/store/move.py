"""Moving a part of the shared state to another place, so that the old one refuses everything from then on.

The old place is marked first, and then its users are looked for: a process that opened it before the mark is seen, and
one that comes later is refused. The new place gets everything in one transaction. So a move that was interrupted has
either not begun, or is finished by running it again; at no time may both places be used. The last step marks the move
as complete: from then on the old place is not copied again, since it lacks what was posted at the new one.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intacct_bridge.errors import SettingsError
from intacct_bridge.model.batched import batched
from intacct_bridge.model.wording import counted
from intacct_bridge.store.database import COMPLETE, StateDatabase, TableSet
from intacct_bridge.store.open import open_database
from intacct_bridge.store.place import Place, place_name

Step = Callable[[str], None]
"""Called between any two steps; tests end the process there."""
_TABLE = re.compile(r"CREATE TABLE (\w+) \(([^;]*);", re.DOTALL)
_AT_ONCE = 500
_LINGER = 2.0


@dataclass(frozen=True, slots=True)
class MovePart:
    """A part to move."""

    tables: TableSet
    identity: str
    """A query for what tells this part from others of its kind."""
    derived: tuple[str, ...] = ()
    """Tables that triggers fill while others are copied."""
    refusal: Callable[[StateDatabase], str] = lambda _: ""
    """Says why the part cannot be moved now; empty if it can."""


def move_part(part: MovePart, source: Place, target: Place, *, name: str, step: Step = lambda _: None) -> int:
    """Move one part and return the number of its rows; 0 if an earlier run has moved it.

    SettingsError if the part is in use, or if the target holds something else; the source is as before then.
    """
    if source == target:
        raise SettingsError(f"{part.tables.what} is at {place_name(source)} already", fix="name another place")
    old = open_database(source, part.tables, name=name, moving=True)
    try:
        new = open_database(target, part.tables, name=name, moving=True)
        try:
            return _move(part, old, new, step)
        finally:
            new.close()
    finally:
        old.close()


def moved_place(place: Place, tables: TableSet, name: str) -> str:
    """The place that a part was moved to; empty if it was not."""
    db = open_database(place, tables, name=name, moving=True)
    try:
        return db.moved_to()
    finally:
        db.close()


def _move(part: MovePart, old: StateDatabase, new: StateDatabase, step: Step) -> int:
    what, (marked, complete) = part.tables.what, _mark(old)
    if marked and marked != new.place_name:
        raise SettingsError(f"{what} {old.place_name} was moved to {marked}", fix="move it from there")
    own = _identity(part, old)
    if complete and own and not set(own) <= set(_identity(part, new)):
        raise SettingsError(
            f"{what} {old.place_name} was moved to {marked}, which does not hold it any more",
            fix="Restore that place from its backup. The old one is not moved again, because it does not know what was"
            " posted since.",
        )
    _check_target(part, new, own, old.place_name)
    old.mark_moved(new.place_name)
    step("marked")
    problem = _in_use(old) or part.refusal(old)
    if problem:
        if not marked:
            old.mark_moved("")
        raise SettingsError(f"{what} {old.place_name} cannot be moved now: {problem}", fix="Run it again after that.")
    rows = 0
    with new.transaction():
        if _check_target(part, new, own, old.place_name):
            rows = _copy(part, old, new)
            step("copied")
    step("moved")
    old.mark_moved(f"{new.place_name}{COMPLETE}")
    return rows


def _mark(db: StateDatabase) -> tuple[str, bool]:
    """The place that a part was moved to, and whether that move is complete. Earlier versions did not mark it."""
    marked = db.moved_to()
    return marked.removesuffix(COMPLETE), marked.endswith(COMPLETE)


def _in_use(old: StateDatabase) -> str:
    ends = time.monotonic() + _LINGER
    while (others := old.others()) and time.monotonic() < ends:
        time.sleep(0.05)  # a server shows a session for a moment after its end
    return f"{counted(len(others), 'process', 'processes')} at work with it ({'; '.join(others[:3])})" if others else ""


def _identity(part: MovePart, db: StateDatabase) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.read(part.identity)]


def _check_target(part: MovePart, new: StateDatabase, own: list[tuple[Any, ...]], source: str) -> bool:
    """Whether the target is to be filled: it is empty, or what was moved away from it comes back."""
    marked, _ = _mark(new)
    if marked == source:
        return True
    if marked:
        raise SettingsError(f"{new.place_name} was moved to {marked}", fix="name another place")
    first = _tables(part.tables)[0][0]
    if not new.read(f"SELECT 1 FROM {first} LIMIT 1"):
        return True
    if own and set(own) <= set(_identity(part, new)):
        return False
    raise SettingsError(f"{new.place_name} has {part.tables.what} of its own", fix="name an empty place")


def _copy(part: MovePart, old: StateDatabase, new: StateDatabase) -> int:
    rows, tables = 0, _tables(part.tables)
    for table, _ in reversed(tables):
        new.execute(f"DELETE FROM {table}")
    for table, numbered in tables:
        if table in part.derived:
            new.execute(f"DELETE FROM {table}")
        rows += _fill(new, table, old.stream(f"SELECT * FROM {table}"))
        if numbered:
            new.set_last_number(table, old.last_number(table))
    if new.moved_to():
        new.mark_moved("")
    return rows


def _fill(new: StateDatabase, table: str, rows: Iterator[Any]) -> int:
    count = 0
    for some in batched(rows, _AT_ONCE):
        names = tuple(some[0].keys())
        columns = ", ".join(f'"{name}"' for name in names)
        new.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})", [tuple(row) for row in some]
        )
        count += len(some)
    return count


def _tables(tables: TableSet) -> list[tuple[str, bool]]:
    """The tables in their order, and whether each numbers its rows."""
    return [(name, "AUTOINCREMENT" in body) for name, body in _TABLE.findall(tables.script())]


def lock_files_in_use(paths: Iterable[Path]) -> str:
    """Which of these lock files a process holds."""
    from intacct_bridge.client.local.locks import try_lock

    for path in paths:
        with path.open("a+b") as file:
            if not try_lock(file):
                return f"a process holds {path.name}"
    return ""
