"""Moving a part of the shared state to another place, from which time on the old one refuses everything.

The old place is locked, and no program may use it. Meanwhile the new place gets everything, under a mark that says
where it comes from: a place with this mark is refused, since it may not know what was posted last. The commit of the
mark in the old place is the move. Before it the old place is in use, after it the new one, and never both:

    reserved   the new place bears its mark                              the old place is in use
    copied     the new place holds everything, and its mark says so      the old place is in use
    moved      the old place is marked as moved; so the mark of the      the new place is in use
               new one counts no more, and is removed

A move that was interrupted is finished by running it again. After the last step that is needed only if the old place
is in a database: a file shows by itself that it was retired (`has_arrived`).
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intacct_bridge.machine.locks import try_lock
from intacct_bridge.shared_state.database import ARRIVED, ARRIVING, StateDatabase, TableSet
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
class Part:
    """A part to move."""

    tables: TableSet
    identity: str
    """A query for what tells this part from others of its kind."""
    derived: tuple[str, ...] = ()
    """Tables that triggers fill while others are copied."""
    refusal: Callable[[StateDatabase], str] = lambda _: ""
    """Says why the part cannot be moved now; empty if it can."""


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """A part with the place that it is at, and the one that it goes to."""

    part: Part
    source: Place
    target: Place
    step: Step = lambda _: None


def move_parts(moves: Sequence[PlannedMove], *, name: str) -> None:
    """Move parts that belong together, one after the other. One that an earlier run has moved stays as it is.

    SettingsError if a part is in use, or if its target holds something else. If that is known before the first part
    has moved, everything is as before.
    """
    with ExitStack() as opened:
        parts: list[tuple[PlannedMove, StateDatabase, StateDatabase, str]] = []
        for move in moves:
            tables = move.part.tables
            if move.source == move.target:
                raise SettingsError(f"{tables.what} is at {place_name(move.source)} already", fix="name another place")
            old = opened.enter_context(closing(open_database(move.source, tables, name=name, moving=True)))
            mark = f"{old.place_name}{ARRIVING}"
            new = opened.enter_context(
                closing(open_database(move.target, tables, name=name, moving=True, arriving=mark))
            )
            parts.append((move, old, new, new.moved_to()))
        try:
            for move, old, new, _ in parts:
                _check(move.part, old, new)
            for move, old, new, _ in parts:
                if old.moved_to() != new.place_name:
                    new.mark_moved(f"{old.place_name}{ARRIVING}")
                    _refuse_used(move.part, old, new)
                    move.step("reserved")
            for move, old, new, _ in parts:
                _move(move.part, old, new, move.step)
        except SettingsError:
            for move, old, new, before in parts:
                _take_back(move.part, old, new, before)
            raise


def moved_place(place: Place, tables: TableSet, name: str) -> str:
    """The place that a part was moved to; empty if it was not."""
    with closing(open_database(place, tables, name=name, moving=True)) as db:
        return db.moved_to()


def _check(part: Part, old: StateDatabase, new: StateDatabase) -> None:
    """SettingsError if the source is elsewhere, or if the target holds something else."""
    what, away, mark = part.tables.what, old.moved_to(), new.moved_to()
    if away.endswith((ARRIVING, ARRIVED)):
        raise moved_error(what, old.place_name, away)
    if away and away != new.place_name:
        raise SettingsError(f"{what} {old.place_name} was moved to {away}", fix="move it from there")
    if away:
        if not set(_identity(part, old)) <= set(_identity(part, new)):
            raise SettingsError(
                f"{what} {old.place_name} was moved to {away}, which does not hold it any more",
                fix="Restore that place from its backup. The old one is not moved again, because it does not know what"
                " was posted since.",
            )
    elif mark in (old.place_name, f"{old.place_name}{ARRIVING}", f"{old.place_name}{ARRIVED}"):
        return  # what was moved away from it comes back, or an earlier run has begun
    elif mark.endswith((ARRIVING, ARRIVED)):
        raise moved_error(what, new.place_name, mark)
    elif mark:
        raise SettingsError(f"{new.place_name} was moved to {mark}", fix="name another place")
    elif not _is_empty(part, new):
        raise SettingsError(f"{new.place_name} has {what} of its own", fix="name an empty place")


def _refuse_used(part: Part, old: StateDatabase, new: StateDatabase) -> None:
    if problem := _in_use(new):
        raise SettingsError(f"{part.tables.what} {new.place_name} is in use: {problem}", fix=_AFTER_THAT)
    if problem := _in_use(old) or part.refusal(old):
        raise SettingsError(f"{part.tables.what} {old.place_name} cannot be moved now: {problem}", fix=_AFTER_THAT)


def _move(part: Part, old: StateDatabase, new: StateDatabase, step: Step) -> None:
    if old.moved_to() != new.place_name:
        with old.transaction():  # no other process writes meanwhile, nor afterwards
            _refuse_used(part, old, new)
            with new.transaction():
                _copy(part, old, new)
                new.mark_moved(f"{old.place_name}{ARRIVED}")
            step("copied")
            old.mark_moved(new.place_name)
        step("moved")
    if new.moved_to() == f"{old.place_name}{ARRIVED}":
        new.mark_moved("")


def _take_back(part: Part, old: StateDatabase, new: StateDatabase, before: str) -> None:
    """Give a target that got nothing the mark that it had; one that this run has made gets none."""
    arriving = f"{old.place_name}{ARRIVING}"
    if new.moved_to() == arriving and not old.moved_to():
        if before not in ("", arriving):
            new.mark_moved(before)
        elif _is_empty(part, new):
            new.mark_moved("")


def _in_use(db: StateDatabase) -> str:
    ends = time.monotonic() + _LINGER
    while (others := db.others()) and time.monotonic() < ends:
        time.sleep(0.05)  # a server shows a session for a moment after its end
    return f"{counted(len(others), 'process', 'processes')} at work with it ({'; '.join(others[:3])})" if others else ""


def _identity(part: Part, db: StateDatabase) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.read(part.identity)]


def _is_empty(part: Part, db: StateDatabase) -> bool:
    return not db.read(f"SELECT 1 FROM {_tables(part.tables)[0][0]} LIMIT 1")


def _copy(part: Part, old: StateDatabase, new: StateDatabase) -> None:
    tables = _tables(part.tables)
    for table, _ in reversed(tables):
        new.execute(f"DELETE FROM {table}")
    for table, numbered in tables:
        if table in part.derived:
            new.execute(f"DELETE FROM {table}")
        _fill(new, table, old.stream(f"SELECT * FROM {table}"))
        if numbered:
            new.set_last_number(table, old.last_number(table))


def _fill(new: StateDatabase, table: str, rows: Iterator[Any]) -> None:
    for batch in batched(rows, _AT_ONCE):
        names = tuple(batch[0].keys())
        columns = ", ".join(f'"{name}"' for name in names)
        new.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})", [tuple(row) for row in batch]
        )


def _tables(tables: TableSet) -> list[tuple[str, bool]]:
    """The tables in their order, and whether each numbers its rows."""
    return [(name, "AUTOINCREMENT" in body) for name, body in _TABLE.findall(tables.script())]


def lock_files_in_use(paths: Iterable[Path]) -> str:
    """Which of these lock files a process holds."""
    for path in paths:
        with path.open("a+b") as file:
            if not try_lock(file):
                return f"a process holds {path.name}"
    return ""
