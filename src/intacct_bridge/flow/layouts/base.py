"""What a layout is: the reading of an input's columns as records, and the names people give to columns.

A layout knows meanings (`debit`), each with the names that it goes by (`Debit amount`, `DR`); a column is matched
whatever its case, spaces and punctuation. A column that nearly matches is refused rather than passed over, because a
misspelt `Departmnt` would otherwise post a whole file without its dimension.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.records.tables import InputTable
from intacct_bridge.flow.records.write import Write
from intacct_bridge.model.suggestions import MISSPELT, closest

REASON = "refused because"
"""The column that refused rows are written back with; ignored when such a file is loaded again."""


class Layout(Protocol):
    """A way to read rows as records."""

    @property
    def object(self) -> str:
        """The object that its records are of."""

    def notes(self, table: InputTable) -> tuple[str, ...]:
        """What a person should know about how the columns were understood."""

    def read(self, table: InputTable) -> Iterator[Write]:
        """Every record of the input, sound or not; what is wrong with one is among its findings."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Which column carries which meaning."""

    columns: Mapping[str, str]
    """The input's column by meaning."""
    unused: tuple[str, ...] = ()


def unused_note(matched: Matched) -> tuple[str, ...]:
    """Says which columns mean nothing to a layout."""
    if not matched.unused:
        return ()
    names = ", ".join(map(repr, matched.unused))
    return (f"The columns {names} are not used." if len(matched.unused) > 1 else f"The column {names} is not used.",)


def plain(name: str) -> str:
    """A column name without what people vary: case, spaces, punctuation."""
    return re.sub(r"[^0-9a-z]+", "", name.casefold())


def match_columns(columns: Iterable[str], meanings: Mapping[str, tuple[str, ...]], *, source: str) -> Matched:
    """Find each meaning's column. The order of `meanings`, and of the names of one, is the order of preference."""
    left: dict[str, str] = {}
    for column in columns:
        other = left.setdefault(plain(column), column) if plain(column) != plain(REASON) else column
        if other != column and any(plain(column) == plain(name) for one in meanings for name in (one, *meanings[one])):
            raise SettingsError(
                f"{source}: the columns {other!r} and {column!r} are one name", fix="remove or rename one of them"
            )
    found: dict[str, str] = {}
    for meaning, names in meanings.items():
        for name in (plain(name) for name in (meaning, *names)):
            if name in left:
                found[meaning] = left.pop(name)
                break
    _refuse_doubles(found, left, meanings, source)
    _refuse_slips(found, left, meanings, source)
    return Matched(found, tuple(left.values()))


def _refuse_doubles(
    found: Mapping[str, str], left: Mapping[str, str], meanings: Mapping[str, tuple[str, ...]], source: str
) -> None:
    for meaning, column in found.items():
        others = [left[name] for name in map(plain, (meaning, *meanings[meaning])) if name in left]
        if others:
            raise SettingsError(
                f"{source}: the columns {column!r} and {others[0]!r} both mean the {meaning}",
                fix="remove or rename one of them",
            )


def _refuse_slips(
    found: Mapping[str, str], left: Mapping[str, str], meanings: Mapping[str, tuple[str, ...]], source: str
) -> None:
    open_names = {plain(name): meaning for meaning in meanings if meaning not in found for name in (meaning,)}
    for name, column in left.items():
        close = closest(name, open_names, cutoff=MISSPELT)
        if close:
            raise SettingsError(
                f"{source}: the column {column!r} is unknown and looks like {open_names[close[0]]!r}",
                fix=f"rename it to {open_names[close[0]]!r}, or to something unlike it",
            )
