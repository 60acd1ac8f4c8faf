"""The row with the names of the columns: the first one, the one that the user names, or one below a title block.

A layout knows some names. A lower row is the header if it has more of them than the first row, and the plan says so.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.text_forms import nfc

Record = tuple[int, Sequence[object]]
"""A row with its number."""
LOOKED_AT = 50
"""Rows among which a header is looked for."""


def _none(_: str) -> bool:
    return False


def _any(_: Sequence[str]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class HeaderSearch:
    """What a search for the header knows."""

    row: int | None = None
    """The row that the user names."""
    is_known: Callable[[str], bool] = _none
    """Whether the layout knows a column of this name."""
    fits: Callable[[Sequence[str]], bool] = _any
    """Whether the layout can read an input with these columns."""

    def find(self, heads: Mapping[str, Sequence[Record]], usual: str, source: str) -> tuple[str, int]:
        """The header among the first rows, which differ by the delimiter: the delimiter and the number of its row.

        `usual` is the delimiter that the first row shows. SettingsError if the row that the user names is empty.
        """
        if self.row is not None:
            return self._named(heads, source)
        first_number, first = heads[usual][0]
        least = self._score(first)
        if least >= 2 and least * 2 >= sum(map(_is_filled, first)):
            return usual, first_number
        best, place = least, (usual, first_number)
        for delimiter in (usual, *(one for one in heads if one != usual)):
            for number, cells in heads[delimiter]:
                score = self._score(cells)
                if score > best and score >= 2:
                    best, place = score, (delimiter, number)
        return place

    def _named(self, heads: Mapping[str, Sequence[Record]], source: str) -> tuple[str, int]:
        rows = [(delimiter, cells) for delimiter, records in heads.items() for one, cells in records if one == self.row]
        if not rows:
            raise SettingsError(
                f"{source} has no names of columns in row {self.row}",
                fix="name the row that has them, counted from 1",
                setting="header_row",
            )
        delimiter, _ = max(rows, key=lambda pair: (self._score(pair[1]), len(pair[1])))
        return delimiter, self.row or 0

    def _score(self, cells: Sequence[object]) -> int:
        """How many known names a row has."""
        return len({str(cell).strip().casefold() for cell in cells if _is_filled(cell) and self.is_known(str(cell))})


FIRST_ROW = HeaderSearch()
"""The search if no layout is known: the first row is the header."""


def _is_filled(cell: object) -> bool:
    return cell is not None and bool(str(cell).strip())


def header_note(source: str, number: int, above: Sequence[Record]) -> tuple[str, ...]:
    """The note on a header that is not the first row."""
    if not above:
        return ()
    rows = f"rows {above[0][0]} to {above[-1][0]} above it are" if len(above) > 1 else f"row {above[0][0]} above it is"
    return (f"The columns of {source} are named in row {number}; {rows} not read.",)


def column_names(header: Sequence[object]) -> tuple[str, ...]:
    """The names in a header row; a cell without a name is named by its place."""
    return tuple(
        nfc(str(cell).strip()) if _is_filled(cell) else f"column {place}" for place, cell in enumerate(header, 1)
    )


def different_names(header: Sequence[object], source: str) -> tuple[str, ...]:
    """The names in a header row. SettingsError if two columns have the same one."""
    names = column_names(header)
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise SettingsError(
            f"{source} has two columns named {', '.join(map(repr, twice))}", fix="give each column its own name"
        )
    return names
