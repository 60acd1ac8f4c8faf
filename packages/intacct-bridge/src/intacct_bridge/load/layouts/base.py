"""Layouts: how the columns of an input are read as records, and the matching of column names.

A layout knows meanings (`debit`), each under several names (`Debit amount`, `DR`). Case, spaces and punctuation of a
column's name do not matter. A column that nearly matches is refused, not ignored, because a misspelt `Departmnt` would
otherwise post a whole file without its dimension.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from intacct_bridge.load.records.write import Finding, Write
from intacct_bridge.load.tables.cells import DateOrder, DateReading, date_reading, text_of
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.mapping.grouping import AGREE, contradiction
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import misspelt
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.model.wording import listed

OTHERWISE = " (otherwise)"
"""The end of a meaning whose column is read if the first one is empty; of several such columns, one is read."""


class Layout(Protocol):
    """A way to read rows as records."""

    @property
    def object(self) -> str:
        """The object that its records are of."""

    def knows(self, column: str) -> bool:
        """Whether a column of this name has a meaning; the header is looked for by it."""

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether an input with these columns has those that are required."""

    def notes(self, table: InputTable) -> tuple[str, ...]:
        """Notes for the user on how the columns were understood."""

    def read(self, table: InputTable) -> Iterator[Write]:
        """Every record of the input, with findings for what is wrong with it."""


_ID = re.compile(r"(id|no|number|code)$")
"""How the name of a column ends that has ids, if another one beside it has names: `Vendor ID` and `Vendor`."""


@dataclass(frozen=True, slots=True)
class MatchedColumns:
    """The columns by their meaning."""

    columns: Mapping[str, str]
    """The input's column by meaning."""
    unused: tuple[str, ...] = ()


def filtered_rows(
    groups: Iterable[Sequence[SourceRow]], table: InputTable, header: Iterable[str], lines: Iterable[str]
) -> Iterator[list[SourceRow]]:
    """The rows of each record that the user's filter keeps; records without such rows are left out.

    A row that leaves columns of the header blank has the values of its record there, even if the record's first row
    is left out. If it leaves all of them blank, that goes for columns without a meaning too, such as a status.
    """
    where, of_header = table.where, list(header)
    of_record = [name for name in table.columns if name not in set(lines)]
    for rows in groups:
        if where is None:
            yield list(rows)
            continue
        above: dict[str, object] = {}
        rows_of_record: list[SourceRow] = []
        for row in rows:
            continues = row is not rows[0] and not any(text_of(row.cells.get(name)) for name in of_header)
            blank = [name for name in (of_record if continues else of_header) if not text_of(row.cells.get(name))]
            inherited = {name: above[name] for name in blank if name in above}
            full = msgspec.structs.replace(row, cells={**row.cells, **inherited})
            above |= {name: cell for name in of_record if text_of(cell := row.cells.get(name))}
            if where.meets(full):
                rows_of_record.append(row if rows_of_record or row is rows[0] else full)
            else:
                where.left_out += 1
        if rows_of_record:
            yield rows_of_record


def agree(
    cells: Iterable[tuple[SourceRow, object]], column: str, findings: list[Finding]
) -> tuple[SourceRow | None, str]:
    """The first row of a record that has a value in a column, and its text; further rows must not contradict it."""
    first_row, first = None, ""
    for row, cell in cells:
        text = text_of(cell)
        if text and first_row is None:
            first_row, first = row, text
        elif first_row is not None and text and nfc(text) != nfc(first):
            message = f"{contradiction(text, first)} of {first_row.position}"
            findings.append(Finding("header", message, AGREE, column, row.position))
    return first_row, first


def check_key(table: InputTable, key: Iterable[str]) -> None:
    """Raise SettingsError if a column of the key is not in the input."""
    unknown = next((column for column in key if column not in table.columns), None)
    if unknown is not None:
        raise SettingsError(f"{table.path.name} has no column {unknown!r} to use as a key", fix="check its name")


def check_formats(table: InputTable, formats: Mapping[str, str]) -> None:
    """Raise SettingsError if a column that is given a format is not in the input."""
    unknown = next((column for column in formats if column and column not in table.columns), None)
    if unknown is not None:
        raise SettingsError(
            f"{table.path.name} has no column {unknown!r} for the date format {formats[unknown]!r}",
            fix=f"its columns are {', '.join(table.columns)}",
            setting="date_format",
        )


def column_reading(
    column: str, cells: Iterable[object], order: DateOrder | None, formats: Mapping[str, str]
) -> DateReading:
    """How the dates of one column are read: by its own format, by the one for all columns, or by what they show."""
    return date_reading(cells, order, formats.get(column) or formats.get("", ""))


def unused_note(matched: MatchedColumns) -> tuple[str, ...]:
    """The note on columns that a layout does not use."""
    if not matched.unused:
        return ()
    names = ", ".join(map(repr, matched.unused))
    return (f"The columns {names} are not used." if len(matched.unused) > 1 else f"The column {names} is not used.",)


def normalized(name: str) -> str:
    """A column name without case, spaces and punctuation."""
    return re.sub(r"[^0-9a-z]+", "", nfc(name).casefold())


def missing_columns(table: InputTable, missing: Sequence[str]) -> SettingsError:
    """The error for an input without some columns that its layout requires, with the setting that gives them."""
    constants = settings_of_constants(missing)
    fix = f"add a column named {missing[0]!r}"
    if not constants or len(missing) > _FEW:
        fix += "; if another row than the first has the names of the columns, give it with `header_row`"
    else:
        fix += f", or give one value for all rows: {constants}"
    return SettingsError(
        f"{table.path.name} has no column for the {listed(missing)}; its columns are {', '.join(table.columns)}",
        fix=fix,
        setting="set",
    )


_FEW = 4
"""Of more missing columns, the header is more likely elsewhere than all of them constant."""
PER_ROW = ("amount", "debit", "credit", "quantity", "hours")
"""Meanings that no constant can stand for."""


def settings_of_constants(missing: Iterable[str]) -> str:
    """The settings that give one value for all rows to each of these columns, as far as one value can stand there."""
    return " ".join(f"`set = {_quoted(one)}=…`" for one in missing if one not in PER_ROW)


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name


def match_columns(
    columns: Iterable[str],
    meanings: Mapping[str, tuple[str, ...]],
    *,
    source: str,
    of_intacct: Iterable[str] = (),
) -> MatchedColumns:
    """Find each meaning's column. `meanings`, and the names of each, are in the order of preference.

    `of_intacct` are Intacct's own names, which no misspelt meaning is looked for in.
    """
    meaningful = {normalized(name) for meaning, names in meanings.items() for name in (meaning, *names)}
    left = _by_name(columns, meaningful, source)
    matched: dict[str, str] = {}
    for meaning, names in meanings.items():
        matches = [one for one in dict.fromkeys(map(normalized, (meaning, *names))) if one in left]
        other, ids = f"{meaning}{OTHERWISE}", [one for one in matches if _ID.search(one)]
        if other in meanings and len(matches) == 2 and len(ids) == 1:
            matched[other] = left.pop(next(one for one in matches if one not in ids))
            matches = ids
        if matches and meaning not in matched:
            matched[meaning] = left.pop(matches[0])
    _refuse_repeated(matched, left, meanings, source)
    _refuse_misspelt(matched, {name: one for name, one in left.items() if one not in set(of_intacct)}, meanings, source)
    return MatchedColumns(matched, tuple(left.values()))


def _by_name(columns: Iterable[str], meaningful: Container[str], source: str) -> dict[str, str]:
    """The columns by their normalized names; by their own names if that is taken or empty."""
    by_name: dict[str, str] = {}
    for column in columns:
        name = normalized(column)
        if name in by_name and name in meaningful:
            raise SettingsError(
                f"{source}: the columns {by_name[name]!r} and {column!r} have the same name",
                fix="remove or rename one of them",
            )
        by_name[column if name in by_name or not name else name] = column
    return by_name


def _refuse_repeated(
    matched: Mapping[str, str], left: Mapping[str, str], meanings: Mapping[str, tuple[str, ...]], source: str
) -> None:
    for meaning, column in matched.items():
        if meaning.endswith(OTHERWISE):
            continue
        others = [left[name] for name in map(normalized, (meaning, *meanings[meaning])) if name in left]
        if others:
            raise SettingsError(
                f"{source}: the columns {column!r} and {others[0]!r} both mean the {meaning}",
                fix="remove or rename one of them",
            )


def _refuse_misspelt(
    matched: Mapping[str, str], left: Mapping[str, str], meanings: Mapping[str, tuple[str, ...]], source: str
) -> None:
    missing = {normalized(meaning): meaning for meaning in meanings if meaning not in matched}
    missing = {name: one for name, one in missing.items() if not one.endswith(OTHERWISE)}
    for name, column in left.items():
        if close := misspelt(name, missing):
            raise SettingsError(
                f"{source}: the column {column!r} is unknown and looks like {missing[close]!r}",
                fix=f"rename it to {missing[close]!r}, or to a different name",
            )
