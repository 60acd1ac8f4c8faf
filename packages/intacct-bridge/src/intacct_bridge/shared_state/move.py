"""Moving parts of the shared state to another place, so that the old one refuses everything from then on.

The new places of all parts are marked first: an empty place that could be used would not know what was posted. Then
each old place is marked. After each mark the users of the place are looked for: a process that opened it before the
mark is seen, and one that comes later is refused. The new place gets everything in one transaction, which removes its
mark. So a move that was interrupted has either not begun, or is finished by running it again; at no time may both
places be used, and the new one only once it is complete. The last step marks the move as complete: from then on the old
place is not copied again, since it lacks what was posted at the new one.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intacct_bridge.shared_state.database import ARRIVING, COMPLETE, StateDatabase, TableSet
from intacct_bridge.shared_state.open import open_database
from intacct_bridge.shared_state.place import Place, place_name
from intacct_bridge.shared_state.sqlite import moved_error
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.wording import counted

Step = Callable[[str], None]
"""Called between any two steps; tests end the process there."""
_TABLE = re.compile(r"CREATE TABLE (\w+) \(([^;]*);", re.DOTALL)
_AT_ONCE = 500
_LINGER = 2.0
_AFTER_THAT = "Run it again after that."


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


@dataclass(frozen=True, slots=True)
class PartMove:
    """A part with the place that it is at, and the one that it goes to."""

    part: MovePart
    source: Place
    target: Place
    step: Step = lambda _: None


def move_parts(moves: Sequence[PartMove], *, name: str) -> list[int]:
    """Move some parts that belong together, and return the number of rows of each; 0 if an earlier run has moved it.

    SettingsError if a part is in use, or if its target holds something else. If that is known before the first part
    has moved, everything is as before.
    """
    reserved = []
    try:
        for one in moves:
            with _opened(one, name) as (old, new):
                if _reserve(one.part, old, new):
                    reserved.append(one)
                one.step("reserved")
        rows = []
        for one in moves:
            with _opened(one, name) as (old, new):
                rows.append(_move(one.part, old, new, one.step))
    except SettingsError:
        if not moved_place(moves[0].source, moves[0].part.tables, name):
            for one in reserved:
                with _opened(one, name) as (_, new):
                    new.mark_moved("")
        raise
    return rows


@contextmanager
def _opened(move: PartMove, name: str) -> Iterator[tuple[StateDatabase, StateDatabase]]:
    if move.source == move.target:
        raise SettingsError(
            f"{move.part.tables.what} is at {place_name(move.source)} already", fix="name another place"
        )
    old = open_database(move.source, move.part.tables, name=name, moving=True)
    try:
        new = open_database(move.target, move.part.tables, name=name, moving=True)
        try:
            yield old, new
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


def _reserve(part: MovePart, old: StateDatabase, new: StateDatabase) -> bool:
    """Mark a target that is to be filled and is not marked, and tell whether that was done here."""
    own = _own(part, old, new)
    if not _check_target(part, new, own, old.place_name) or _is_moved_away(new):
        return False
    fresh = not new.moved_to()
    if fresh:
        new.mark_moved(f"{old.place_name}{ARRIVING}")
    problem = _in_use(new)
    if not problem and _is_empty(part, new):
        return fresh
    if fresh:
        new.mark_moved("")
    if problem:
        raise SettingsError(f"{part.tables.what} {new.place_name} is in use: {problem}", fix=_AFTER_THAT)
    raise _not_empty(part, new)


def _own(part: MovePart, old: StateDatabase, new: StateDatabase) -> list[tuple[Any, ...]]:
    """The identity of a source that may be moved to the target. SettingsError for another one."""
    what, mark = part.tables.what, old.moved_to()
    if mark.endswith(ARRIVING):
        raise moved_error(what, old.place_name, mark)
    marked, own = mark.removesuffix(COMPLETE), _identity(part, old)
    if marked and marked != new.place_name:
        raise SettingsError(f"{what} {old.place_name} was moved to {marked}", fix="move it from there")
    if mark.endswith(COMPLETE) and own and not set(own) <= set(_identity(part, new)):
        raise SettingsError(
            f"{what} {old.place_name} was moved to {marked}, which does not hold it any more",
            fix="Restore that place from its backup. The old one is not moved again, because it does not know what was"
            " posted since.",
        )
    return own


def _move(part: MovePart, old: StateDatabase, new: StateDatabase, step: Step) -> int:
    own, marked = _own(part, old, new), old.moved_to()
    _check_target(part, new, own, old.place_name)
    old.mark_moved(new.place_name)
    step("marked")
    problem = _in_use(old) or part.refusal(old)
    if problem:
        if not marked:
            old.mark_moved("")
        raise SettingsError(f"{part.tables.what} {old.place_name} cannot be moved now: {problem}", fix=_AFTER_THAT)
    rows = 0
    with new.transaction():
        if _check_target(part, new, own, old.place_name):
            rows = _copy(part, old, new)
            step("copied")
    step("moved")
    old.mark_moved(f"{new.place_name}{COMPLETE}")
    return rows


def _in_use(old: StateDatabase) -> str:
    ends = time.monotonic() + _LINGER
    while (others := old.others()) and time.monotonic() < ends:
        time.sleep(0.05)  # a server shows a session for a moment after its end
    return f"{counted(len(others), 'process', 'processes')} at work with it ({'; '.join(others[:3])})" if others else ""


def _identity(part: MovePart, db: StateDatabase) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.read(part.identity)]


def _check_target(part: MovePart, new: StateDatabase, own: list[tuple[Any, ...]], source: str) -> bool:
    """Whether the target is to be filled: it is empty, or what was moved away from it comes back."""
    mark = new.moved_to()
    if mark in (source, f"{source}{COMPLETE}", f"{source}{ARRIVING}"):
        return True
    if mark.endswith(ARRIVING):
        raise moved_error(part.tables.what, new.place_name, mark)
    if mark:
        raise SettingsError(f"{new.place_name} was moved to {mark.removesuffix(COMPLETE)}", fix="name another place")
    if _is_empty(part, new):
        return True
    if own and set(own) <= set(_identity(part, new)):
        return False
    raise _not_empty(part, new)


def _is_moved_away(db: StateDatabase) -> bool:
    mark = db.moved_to()
    return bool(mark) and not mark.endswith(ARRIVING)


def _is_empty(part: MovePart, db: StateDatabase) -> bool:
    return not db.read(f"SELECT 1 FROM {_tables(part.tables)[0][0]} LIMIT 1")


def _not_empty(part: MovePart, new: StateDatabase) -> SettingsError:
    return SettingsError(f"{new.place_name} has {part.tables.what} of its own", fix="name an empty place")


def _copy(part: MovePart, old: StateDatabase, new: StateDatabase) -> int:
    rows, tables = 0, _tables(part.tables)
    if not _is_moved_away(new) and not _is_empty(part, new):
        raise _not_empty(part, new)
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
    from intacct_bridge.machine.locks import try_lock

    for path in paths:
        with path.open("a+b") as file:
            if not try_lock(file):
                return f"a process holds {path.name}"
    return ""
