"""Templates: an empty file of a declared layout, with notes above the names of columns and one example below them.

The header is found below the notes when the file is loaded. The example is left out as long as it stands there
unchanged in the first row.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from intacct_bridge.load.layouts.base import MatchedColumns
from intacct_bridge.load.layouts.declaration import LayoutColumn, LayoutDeclaration
from intacct_bridge.load.tables.cells import text_of
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_protocol.errors import SettingsError

_WIDTHS = (12, 40)


def template_rows(declared: LayoutDeclaration) -> tuple[list[str], list[str], list[str]]:
    """The notes, the names of the columns, and the example."""
    columns = declared.columns
    return (
        [_note(one) for one in columns],
        [one.name.capitalize() for one in columns],
        [one.example for one in columns],
    )


def _note(column: LayoutColumn) -> str:
    required = column.required and "default" not in column.rule
    return f"Required. {column.note}" if required else column.note


def template_text(declared: LayoutDeclaration) -> str:
    """The template as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(template_rows(declared))
    return text.getvalue()


def write_template(declared: LayoutDeclaration, path: Path) -> None:
    """Write the template as CSV or as a workbook, by the file's ending. SettingsError if the file exists."""
    ending = path.suffix.lower()
    if ending not in (".csv", ".xlsx"):
        raise SettingsError(f"{path.name} has an unsupported format", fix="name a file with .csv or .xlsx")
    try:
        with path.open("xb") as file:
            file.write(_workbook(declared) if ending == ".xlsx" else template_text(declared).encode("utf-8-sig"))
    except FileExistsError:
        raise SettingsError(f"{path} exists already", fix="name another file") from None
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}", fix="name another file") from None


def _workbook(declared: LayoutDeclaration) -> bytes:
    try:
        from openpyxl import Workbook
        from openpyxl.styles import Alignment, Font
        from openpyxl.utils import get_column_letter
    except ImportError:
        raise SettingsError(
            "writing Excel files requires the package openpyxl", fix="python -m pip install 'openpyxl>=3.1,<4'"
        ) from None
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = declared.name
    fonts = (Font(italic=True, color="808080"), Font(bold=True), Font(italic=True))
    for number, (cells, font) in enumerate(zip(template_rows(declared), fonts, strict=True), 1):
        for place, text in enumerate(cells, 1):
            cell = sheet.cell(number, place, text or None)
            cell.font = font
            cell.alignment = Alignment(wrap_text=number == 1, vertical="top")
            cell.number_format = "@"
    for place, column in enumerate(declared.columns, 1):
        least, most = _WIDTHS
        sheet.column_dimensions[get_column_letter(place)].width = min(max(least, len(column.name) + 4), most)
    sheet.freeze_panes = "A3"
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def without_example(table: InputTable, declared: LayoutDeclaration, matched: MatchedColumns) -> InputTable:
    """The input without the example of the template, if that is its first row; a note says so."""
    first = next(iter(table), None)
    if first is None or not _is_example(table.own_cells(first), declared, matched.columns):
        return table
    note = f"Row {first.number} of {table.path.name} is the example of the template; it is left out."
    return replace(table, rows=lambda: islice(table.rows(), 1, None), notes=(note,))


def _is_example(row: SourceRow, declared: LayoutDeclaration, columns: Mapping[str, str]) -> bool:
    examples = {columns[one.name]: one.example for one in declared.columns if one.name in columns and one.example}
    filled = {name: text for name, cell in row.cells.items() if (text := text_of(cell))}
    return bool(examples) and filled == {name: text for name, text in examples.items() if name in row.cells}
