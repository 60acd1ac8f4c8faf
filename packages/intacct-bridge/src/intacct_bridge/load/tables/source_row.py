"""One row of an input with its position; every value exactly as the input has it.

A row's cells are keyed by the input's own column names, so that every finding is in the user's words and a refused row
can be written back as it was. Layouts give columns their meaning.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from intacct_bridge.load.tables.cells import Cell


@dataclass(frozen=True, slots=True)
class EqualNumber:
    """The number of a record among equal ones of its source, if only its content identifies it."""

    key: tuple[str, ...]
    """What the keys of all of them begin with; the number is the last part."""
    number: int
    """0 for a record that has a key of its source by now."""
    arrival: int
    """Its number among the equal ones of this run."""
    earlier: int
    """The highest number that earlier runs gave."""
    certain: bool = False
    """Whether it is certainly a new record, not an earlier one that came again with another number."""
    same: bool = False
    """Whether it is certainly an earlier one, if any of these is left."""
    fix: str = ""
    """The way out if it is uncertain, in the words of the program that reads the source."""


class SourceRow(msgspec.Struct, frozen=True):
    """One row of an input, with its position; a struct, since an input has many and these are made faster."""

    source: str
    """The file's name, as messages show it."""
    number: int
    """The first physical line of the row; the row number in formats without lines."""
    cells: Mapping[str, object]
    """Values by the input's own column names; a nested value (JSON) is a list or a dict."""
    fault: str = ""
    """Why the row as a whole cannot be read, such as more cells than columns."""
    key: tuple[str, ...] = ()
    """The record's key in its source, if that is given beside the cells."""
    equal: EqualNumber | None = None
    """Its number among equal records."""
    deleted: str = ""
    """The column beside the cells by which the source marks the record as deleted; empty if it does not."""
    refused_at: str = ""
    """The position of the outbox at which an earlier run refused it; empty if none did."""
    beyond: tuple[object, ...] = ()
    """The cells beyond the columns of the header."""
    unreadable: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Unreadable cells by column, each with the reason; the first is the row's fault."""

    def without(self, unused: Container[str]) -> "SourceRow":
        """The same row without the faults of columns that are not used."""
        if not self.unreadable:
            return self
        left = {name: why for name, why in self.unreadable.items() if name not in unused}
        stays = self.fault not in self.unreadable.values()
        fault = self.fault if stays else next(iter(left.values()), "")
        return msgspec.structs.replace(self, unreadable=left, fault=fault)

    @property
    def faults(self) -> Iterator[tuple[str, str]]:
        """What cannot be read: the column, empty for the row as a whole, and the reason."""
        if self.fault and self.fault not in self.unreadable.values():
            yield "", self.fault
        for name, why in self.unreadable.items():
            yield name, why.removeprefix(f"column {name!r}").lstrip(": ")

    @property
    def position(self) -> str:
        """`file.csv:12`."""
        return f"{self.source}:{self.number}"


def scalar(row: SourceRow, column: str) -> Cell:
    """A cell as a scalar: a nested value as its text, a missing one as None."""
    value = row.cells.get(column)
    if value is None or isinstance(value, Cell):
        return value
    return str(value)
