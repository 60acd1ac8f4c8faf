"""Declared layouts: files as people have them (`bills`, `vendors`), each a list of columns in `data/layouts`.

A column has a meaning (`bill no`), the other names that files have for it, a note and an example for people, and the
field that it fills, with a rule of the mapping language if it needs one. A layout is added by adding a file.
"""

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from intacct_bridge.load.layouts.base import OTHERWISE, PER_ROW, MatchedColumns, normalized
from intacct_protocol.xml.values import Kind

STATES = ("status", "void")
"""The meanings of columns that say whether a record is live, a draft or void, if no field takes them."""
CARRIED = ("attachments", "entity")
"""Meanings that no field takes: the files of a record, and the entity that owns it."""
_LEAST = 2
"""Columns that an input shares with a layout at least: a `name` alone says nothing."""


class LayoutColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of a layout."""

    name: str
    """Its meaning, as messages and templates name it."""
    names: tuple[str, ...] = ()
    """Other names that files have for it."""
    otherwise: tuple[str, ...] = ()
    """Names of a second column that is read if this one is empty, such as the vendor's name beside its id."""
    field: str = ""
    """The field that it fills: `RECORDID`, or `APBILLITEM.ACCOUNTNO` for one of the lines."""
    rule: dict[str, Any] = {}
    """What the mapping language adds to that: `default`, `map`, `lookup` and the like."""
    required: bool = False
    note: str = ""
    """What belongs into it, in a few words."""
    example: str = ""


class AmbiguousColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column that means one thing, or another in a file without a column of its own for a third."""

    name: str
    means: str
    unless: str
    """The meaning without whose column the name means `then`."""
    then: str


class LayoutDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One layout."""

    name: str
    object: str
    about: str
    columns: tuple[LayoutColumn, ...]
    names: tuple[str, ...] = ()
    """Other names of the layout."""
    lines: str = ""
    """The object of the lines; empty if every row is a record."""
    group_by: tuple[str, ...] = ()
    """Meanings that identify a record, if rows are its lines."""
    group_blanks: bool = False
    """Whether rows that are equal in these are one record even if some are blank; a row in which all of them are blank
    continues the record above it. The key of a source separates records that are equal in these."""
    identified: bool = False
    """Whether these are the record's key in its source, if Intacct gives it none."""
    sides: bool = False
    """Whether an amount is in a column of debits or in one of credits (`sides`)."""
    ambiguous: AmbiguousColumn | None = None
    described: dict[str, dict[Kind, tuple[str, ...]]] = {}
    """The documented fields of the object and its lines by kind. If given, no company is asked for these, and a cell
    is read the same with and without a company."""
    without: tuple[str, ...] = ()
    """Fields that no column under Intacct's own name fills."""
    total: dict[str, Any] = {}
    """The meanings of the total that the lines must add up to, and of the parts that it may hold beside them."""
    fields: dict[str, Any] = {}
    """Further rules of the mapping language, which name columns by their meanings; a column's own rule comes first."""

    @property
    def meanings(self) -> Mapping[str, tuple[str, ...]]:
        """The other names of each column, and of the second columns."""
        names: dict[str, tuple[str, ...]] = {}
        for column in self.columns:
            names[column.name] = column.names
            if column.otherwise:
                names[second(column.name)] = column.otherwise
        return names

    def missing(self, columns: Iterable[str]) -> list[str]:
        """The meanings that are required and have none of these columns."""
        meanings, names = self.meanings, set(map(normalized, columns))
        return self.missing_among(
            one for one, others in meanings.items() if names & set(map(normalized, (one, *others)))
        )

    def missing_among(self, meanings: Iterable[str]) -> list[str]:
        """The meanings that are required and not among these."""
        present = set(meanings)
        required = (one.name for one in self.columns if one.required and "default" not in one.rule)
        return [one for one in required if not present & {one, second(one)}]

    @property
    def states(self) -> tuple[LayoutColumn, ...]:
        """The columns that say whether a document is live, a draft or void in its source."""
        return tuple(column for column in self.columns if column.name in STATES and not column.field)

    @property
    def known_names(self) -> frozenset[str]:
        """Every name that a column may have, without case and punctuation."""
        return _known_names(self.name)

    def is_of_line(self, column: LayoutColumn) -> bool:
        """Whether a column belongs to the lines and not to the record."""
        return bool(self.lines) and column.field.startswith(f"{self.lines}.")

    def field_of(self, column: LayoutColumn) -> str:
        """The field's own name, without that of the lines."""
        return column.field.removeprefix(f"{self.lines}.") if self.is_of_line(column) else column.field


def second(meaning: str) -> str:
    """The meaning of the column that is read if the first is empty."""
    return f"{meaning}{OTHERWISE}"


def otherwise_notes(matched: MatchedColumns) -> tuple[str, ...]:
    """The notes on columns that are used only if another one is empty."""
    pairs = ((column, matched.columns.get(second(meaning))) for meaning, column in matched.columns.items())
    return tuple(
        f"The column {other!r} is used only if {first!r} is empty." for first, other in pairs if other is not None
    )


@cache
def declarations() -> Mapping[str, LayoutDeclaration]:
    """Every layout by its name."""
    folder = files("intacct_bridge.data").joinpath("layouts")
    layouts = [_declared(one.name, one.read_text("utf-8")) for one in folder.iterdir() if one.name.endswith(".toml")]
    return {one.name: one for one in sorted(layouts, key=lambda one: one.name)}


def _declared(file: str, text: str) -> LayoutDeclaration:
    return msgspec.convert({"name": file.removesuffix(".toml"), **tomllib.loads(text)}, type=LayoutDeclaration)


@cache
def _known_names(name: str) -> frozenset[str]:
    meanings = declarations()[name].meanings
    return frozenset(normalized(one) for meaning, names in meanings.items() for one in (meaning, *names))


def layout_names() -> Iterator[str]:
    """The name of every layout."""
    yield from declarations()


def declaration(name: str) -> LayoutDeclaration | None:
    """The layout of a name, ignoring case; None if there is none. An object's own name is not a layout."""
    plain = _plain(name)
    return next((one for one in declarations().values() if plain in (_plain(one.name), *map(_plain, one.names))), None)


def _plain(name: str) -> str:
    return name.strip().casefold().replace("_", "-").replace(" ", "-")


# --- the layout of an input that names none
#
# A proposal is for a person to confirm. Nothing is posted by it: bills that are read as invoices would be booked on the
# wrong side.


@dataclass(frozen=True, slots=True)
class MissingColumn:
    """A required column that an input lacks, and that one value can stand for in every row."""

    name: str
    note: str
    """What belongs into it, in a few words."""
    example: str
    is_date: bool


@dataclass(frozen=True, slots=True)
class LayoutProposal:
    """A layout that an input may be in."""

    layout: str
    used: tuple[str, ...]
    """The columns of the input that have a meaning in it."""
    missing: tuple[MissingColumn, ...]
    """What has to be given for all rows."""
    rank: tuple[int, int]
    """Larger for a likelier layout: what its columns say, then whether the input bears its name."""


def proposed_layouts(columns: Sequence[str], name: str = "") -> tuple[LayoutProposal, ...]:
    """The layouts that an input with these columns and this name may be in, the likeliest first."""
    words = "".join(letter if letter.isalnum() else " " for letter in name.casefold()).split()
    proposals = [
        proposal
        for declared in declarations().values()
        if (proposal := _proposal(declared, columns, words)) is not None
    ]
    return tuple(sorted(proposals, key=lambda proposal: proposal.rank, reverse=True))


def likeliest(proposals: Sequence[LayoutProposal]) -> LayoutProposal | None:
    """The proposal that no other one equals; None if several are equally likely."""
    if not proposals or (len(proposals) > 1 and proposals[0].rank == proposals[1].rank):
        return None
    return proposals[0]


def is_known_name(column: str) -> bool:
    """Whether some layout has a meaning for a column of this name."""
    return any(normalized(column) in declared.known_names for declared in declarations().values())


def missing_values(layout: str, columns: Sequence[str]) -> tuple[MissingColumn, ...]:
    """The required columns that an input lacks, if one value can stand for each; none if a row has its own."""
    declared = declaration(layout)
    if declared is None:
        return ()
    missing = declared.missing(columns)
    if set(missing) & set(PER_ROW):
        return ()
    return tuple(_missing(column) for column in declared.columns if column.name in missing)


def _missing(column: LayoutColumn) -> MissingColumn:
    return MissingColumn(column.name, column.note, column.example, _is_date(column.example))


def _is_date(example: str) -> bool:
    try:
        return bool(date.fromisoformat(example))
    except ValueError:
        return False


def _proposal(declared: LayoutDeclaration, columns: Sequence[str], words: Collection[str]) -> LayoutProposal | None:
    used = tuple(column for column in columns if normalized(column) in declared.known_names)
    missing = declared.missing(columns)
    if len(used) < _LEAST or len(used) * 2 < len(columns) or set(missing) & set(PER_ROW):
        return None
    required = sum(column.required for column in declared.columns)
    if missing and len(missing) * 2 > required:
        return None
    is_named = any(set(name.casefold().split("-")) <= set(words) for name in (declared.name, *declared.names))
    return LayoutProposal(
        declared.name, used, missing_values(declared.name, columns), (2 * len(used) - 3 * len(missing), int(is_named))
    )
