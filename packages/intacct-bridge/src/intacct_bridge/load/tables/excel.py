"""Sheets of Excel workbooks. The library is imported only when a file needs it."""

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from intacct_bridge.load.tables.header_row import (
    LOOKED_AT,
    HeaderSearch,
    Record,
    column_names,
    different_names,
    header_note,
)
from intacct_bridge.load.tables.number_formats import number_format
from intacct_bridge.load.tables.reading import HERE, Reading
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable, too_wide
from intacct_bridge.load.tables.typed_cells import typed_row
from intacct_bridge.load.tables.workbook import SheetFacts, look_through, unreadable
from intacct_protocol.errors import IntacctError, SettingsError

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet


_EXCEL_ERRORS = frozenset(("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!"))
"""The values of formulas without a result (ECMA-376, 18.17.3, and two that came later)."""


def open_excel(path: Path, sheet: str | None, search: HeaderSearch, reading: Reading = HERE) -> InputTable:
    """A sheet with a header row; the first one that has the columns of the layout, unless one is named."""
    facts, parts = reading.call(_looked_through, path)
    names = list(parts)
    widths = {}
    for name, part in parts.items():
        sheet_facts = facts.get(part, SheetFacts())
        widths[name] = min(sheet_facts.width, sheet_facts.declared_width)
    if not names:
        raise SettingsError(f"{path.name} has no sheet", fix="give a workbook with a header row and rows")
    chosen = sheet or names[0]
    if chosen not in names:
        raise SettingsError(
            f"{path.name} has no sheet {chosen!r}", fix=f"choose one of {', '.join(names)}", setting="sheet"
        )
    if sheet is None and len(names) > 1:
        _suggest_sheet(path, widths, search, reading)
    width = widths[chosen]
    heads = reading.call(_excel_heads, path, chosen, width)
    if not heads:
        raise SettingsError(f"sheet {chosen!r} of {path.name} is empty", fix="give a header row and rows")
    _, header = search.find({"": heads}, "", f"sheet {chosen!r} of {path.name}")
    columns = different_names(next(cells for number, cells in heads if number == header), path.name)
    several = (f"{path.name} has {len(names)} sheets; {chosen!r} is read.",) if len(names) > 1 and not sheet else ()
    above = tuple(record for record in heads if record[0] < header)
    notes = several + facts.get(parts[chosen], SheetFacts()).notes(f"Sheet {chosen!r} of {path.name}")
    return InputTable(
        path,
        columns,
        lambda: reading.rows(_excel_rows, path, chosen, columns, header, width),
        "excel",
        notes=notes + header_note(path.name, header, above),
        sheet=chosen,
        header=header,
        above=above,
    )


def _looked_through(path: Path) -> tuple[Mapping[str, SheetFacts], dict[str, str]]:
    """What each part hides, and the sheets with the names of their parts."""
    return look_through(path), _sheet_parts(path)


def _suggest_sheet(path: Path, widths: Mapping[str, int], search: HeaderSearch, reading: Reading) -> None:
    """SettingsError if the first sheet has not the columns that the layout needs, and another one has."""
    names, fitting = list(widths), list[str]()
    for name, width in widths.items():
        heads = reading.call(_excel_heads, path, name, width)
        number = search.find({"": heads}, "", name)[1] if heads and search.row is None else search.row
        header = next((cells for one, cells in heads if one == number), ())
        if header and search.fits(column_names(header)):
            fitting.append(name)
        if fitting[:1] == [names[0]]:
            return
    if fitting:
        others = " or ".join(f"`sheet = {_in_quotes(name)}`" for name in fitting)
        raise SettingsError(
            f"sheet {names[0]!r} of {path.name} has not the columns of the layout; {' and '.join(map(repr, fitting))} "
            f"{'has' if len(fitting) == 1 else 'have'}",
            fix=f"choose {others}",
            setting="sheet",
        )


def sheets_of(path: Path) -> list[str]:
    """The sheets of a workbook in their order."""
    return list(_looked_through(path)[1])


def _in_quotes(name: str) -> str:
    return name if name.isalnum() else f"'{name}'"


def _sheet_parts(path: Path) -> dict[str, str]:
    """The sheets with the names of their parts in the workbook."""
    with _opened_workbook(path) as book:
        return {page.title: page._worksheet_path.lstrip("/") for page in book.worksheets}


@contextmanager
def _opened_workbook(path: Path, *, formulas: bool = False) -> Iterator[Any]:
    """The opened workbook. Raises SettingsError if it is damaged, also while it is read."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise SettingsError(
            "reading Excel files requires the package openpyxl", fix="python -m pip install 'openpyxl>=3.1,<4'"
        ) from None
    try:
        with path.open("rb") as file:  # the library leaves a damaged file open
            book = load_workbook(file, read_only=True, data_only=not formulas, keep_links=False)
            try:
                yield book
            finally:
                book.close()
    except IntacctError:
        raise
    except Exception as error:  # the library meets a damaged file with errors of many kinds
        raise unreadable(path, error) from None


def _excel_heads(path: Path, sheet: str, width: int) -> list[Record]:
    """The rows among which the header is looked for."""
    return list(islice(_excel_records(path, sheet, width), LOOKED_AT))


def _excel_records(
    path: Path, sheet: str, width: int, *, keep: Container[int] = ()
) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Every row with a filled cell, and the rows that are always kept."""
    with _opened_workbook(path) as book:
        for number, row in enumerate(_rows_of(book[sheet]), 1):
            if row:
                values = tuple(map(_as_shown, row)) + (None,) * (width - len(row))
                if number in keep or any(value is not None and str(value).strip() for value in values):
                    yield number, values


def _rows_of(page: "ReadOnlyWorksheet") -> Iterator[tuple[Any, ...]]:
    """Each row up to its last cell; a row without cells is empty, however large the sheet says that it is."""
    page.reset_dimensions()
    return iter(page.iter_rows())


def _as_shown(cell: Any) -> object:
    """A cell's value; a number with the zeros or the currency that its format shows."""
    value = cell.value
    return value if type(value) not in (int, float) else number_format(cell.number_format).shown(value)


def _excel_rows(path: Path, sheet: str, columns: tuple[str, ...], header: int, width: int) -> Iterator[SourceRow]:
    unknown = _uncalculated(path, sheet)
    for number, values in _excel_records(path, sheet, width, keep=unknown):
        if number <= header:
            continue
        fault = too_wide(values, len(columns))
        beyond = values[len(columns) :] if fault else ()
        if number in unknown:
            fault = f"the formula in {unknown[number]} has no result; open the file in Excel and save it"
        row = typed_row(path.name, number, dict(zip(columns, values, strict=False)))
        unreadable = {**_failed(row.cells), **row.unreadable}
        fault = fault or next(iter(unreadable.values()), "")
        yield msgspec.structs.replace(row, fault=fault, beyond=beyond, unreadable=unreadable)


def _failed(cells: Mapping[str, object]) -> dict[str, str]:
    """The columns whose formulas have no result."""
    failed = [name for name, value in cells.items() if isinstance(value, str) and value in _EXCEL_ERRORS]
    return {name: f"column {name!r} has a formula that failed; correct it in the file" for name in failed}


def _uncalculated(path: Path, sheet: str) -> dict[int, str]:
    """The first cell of each row that has a formula without its result, as written by programs that cannot calculate.

    Such a cell reads as empty, and a row of them as no row at all. A result that is an empty text has a type.
    """
    formulas = {
        (cell.row, cell.column)
        for row in _excel_cells(path, sheet, formulas=True)
        for cell in row
        if cell.data_type == "f"
    }
    cells: dict[int, str] = {}
    for row in _excel_cells(path, sheet) if formulas else ():
        for cell in row:
            if cell.value is None and cell.data_type != "str" and (cell.row, cell.column) in formulas:
                cells.setdefault(cell.row, cell.coordinate)
    return cells


def _excel_cells(path: Path, sheet: str, *, formulas: bool = False) -> Iterator[list[Any]]:
    """The cells of each row that exist."""
    with _opened_workbook(path, formulas=formulas) as book:
        for row in _rows_of(book[sheet]):
            yield [cell for cell in row if hasattr(cell, "row")]
