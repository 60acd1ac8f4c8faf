"""Inputs that are not delimited text: JSON lines, Parquet and Excel, each read by its library only when it is met.

All of them can carry binary floats, and money must not pass through one: JSON numbers are read as decimals from their
text, Parquet and Excel floats become the shortest decimal that reads back as the same float, and one that needs more
than 15 digits for that is the trace of a calculation, so it is refused rather than tidied up.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.errors import RecordError, SettingsError
from intacct_bridge.flow.records.tables import SourceRow, Table, open_csv, open_input, too_wide

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

FORMS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
_SIGNIFICANT = 15
_EXCEL_ERRORS = frozenset(("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!"))
"""What a formula gives that has no result (ECMA-376, 18.17.3, and two younger ones)."""


def open_table(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None, sheet: str | None = None
) -> Table:
    """Any supported input, told apart by its file name's ending."""
    form = FORMS.get(path.suffix.lower())
    if form is None:
        known = ", ".join(FORMS)
        if path.is_dir():
            raise SettingsError(f"{path} is a folder", fix=f"name a file in it: one of {known}")
        raise SettingsError(f"{path.name} is of no known kind", fix=f"name the file with one of {known}")
    if form == "csv":
        return open_csv(path, encoding=encoding, delimiter=delimiter)
    open_input(path).close()
    if form == "jsonl":
        return _open_jsonl(path)
    if form == "parquet":
        return _open_parquet(path)
    return _open_excel(path, sheet)


def exact(number: float) -> Decimal:
    """A float as the decimal that a person would have typed; RecordError where no such number exists.

    A whole number has no point, for account numbers come as floats too.
    """
    amount = Decimal(repr(number).removesuffix(".0"))
    if not amount.is_finite():
        raise RecordError(f"{number} is not a number", fix="give an amount")
    if len(amount.normalize().as_tuple().digits) > _SIGNIFICANT:
        raise RecordError(
            f"{number!r} is the inexact result of a calculation", fix="round it in the file, as with ROUND(…, 2)"
        )
    return amount


# --- JSON lines


def _open_jsonl(path: Path) -> Table:
    columns: dict[str, None] = {}
    for row in _jsonl_rows(path):
        columns.update(dict.fromkeys(row.cells))
    if not columns:
        raise SettingsError(f"{path.name} holds no record", fix="give one JSON object a line")
    return Table(path, tuple(columns), lambda: _jsonl_rows(path), "jsonl")


def _jsonl_rows(path: Path) -> Iterator[SourceRow]:
    import msgspec

    decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
    with open_input(path) as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(b"\xef\xbb\xbf").strip()
            if not text:
                continue
            try:
                yield SourceRow(path.name, number, decoder.decode(text))
            except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as error:
                raise SettingsError(
                    f"{path.name}:{number} is not a JSON object: {error}", fix="give one JSON object a line"
                ) from None


# --- Parquet


def _open_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise SettingsError(f"{path.name} is not readable as Parquet: {error}", fix="check the file") from None
    return Table(path, tuple(schema.names), lambda: _parquet_rows(path), "parquet")


def _parquet_rows(path: Path) -> Iterator[SourceRow]:
    import pyarrow.parquet as pq

    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=2000):
            for cells in batch.to_pylist():
                number += 1
                yield _typed_row(path.name, number, cells)


def _typed_row(source: str, number: int, cells: dict[str, object]) -> SourceRow:
    """A row of typed cells with every float made exact; one that cannot be is kept as text and faults the row."""
    spoilt: dict[str, str] = {}
    for column, value in cells.items():
        if isinstance(value, float | list | dict):
            try:
                cells[column] = _exactly(value)
            except RecordError as error:
                cells[column] = repr(value)
                spoilt[column] = f"column {column!r}: {error.message}; {error.fix}"
    return SourceRow(source, number, cells, next(iter(spoilt.values()), ""), spoilt=spoilt)


def _exactly(value: object) -> object:
    """The value with every float in it exact, however deep."""
    if isinstance(value, float):
        return exact(value)
    if isinstance(value, list):
        return [_exactly(one) for one in value]
    if isinstance(value, dict):
        return {name: _exactly(one) for name, one in value.items()}
    return value


# --- Excel


def _open_excel(path: Path, sheet: str | None) -> Table:
    names = _sheet_names(path)
    chosen = sheet or names[0]
    if chosen not in names:
        raise SettingsError(f"{path.name} has no sheet {chosen!r}", fix=f"choose one of {', '.join(names)}")
    header = next(_excel_records(path, chosen), None)
    if header is None:
        raise SettingsError(f"sheet {chosen!r} of {path.name} is empty", fix="give a header row and rows")
    columns = tuple(
        str(name).strip() if name is not None else f"column {place}" for place, name in enumerate(header[1], 1)
    )
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise SettingsError(f"{path.name} has two columns named {', '.join(map(repr, twice))}", fix="rename one")
    notes = (f"{path.name} has {len(names)} sheets; {chosen!r} is read.",) if len(names) > 1 and not sheet else ()
    return Table(path, columns, lambda: _excel_rows(path, chosen, columns), "excel", notes=notes, sheet=chosen)


def _sheet_names(path: Path) -> list[str]:
    book = _workbook(path)
    try:
        return list(book.sheetnames)
    finally:
        book.close()


def _workbook(path: Path, *, formulas: bool = False) -> Any:
    from zipfile import BadZipFile

    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise SettingsError(
            "reading Excel files needs the extra 'excel'", fix="pip install 'intacct-bridge[excel]'"
        ) from None
    try:
        return load_workbook(path, read_only=True, data_only=not formulas)
    except (BadZipFile, InvalidFileException, KeyError, OSError) as error:
        raise SettingsError(f"{path.name} is not readable as Excel: {error}", fix="save it again as .xlsx") from None


def _excel_records(path: Path, sheet: str, *, keep: Container[int] = ()) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Every row that says something, and those to keep anyway."""
    book = _workbook(path)
    try:
        page: ReadOnlyWorksheet = book[sheet]
        for number, values in enumerate(page.iter_rows(values_only=True), 1):
            if number in keep or any(value is not None and str(value).strip() for value in values):
                yield number, values
    finally:
        book.close()


def _excel_rows(path: Path, sheet: str, columns: tuple[str, ...]) -> Iterator[SourceRow]:
    unknown = _uncalculated(path, sheet)
    records = _excel_records(path, sheet, keep=unknown)
    next(records, None)
    for number, values in records:
        fault = too_wide(values, len(columns))
        beyond = values[len(columns) :] if fault else ()
        if number in unknown:
            fault = f"the formula in {unknown[number]} has no result; open the file in Excel and save it"
        row = _typed_row(path.name, number, dict(zip(columns, values, strict=False)))
        spoilt = {**_failed(row.cells), **row.spoilt}
        fault = fault or next(iter(spoilt.values()), "")
        yield replace(row, fault=fault, beyond=beyond, spoilt=spoilt)


def _failed(cells: Mapping[str, object]) -> dict[str, str]:
    """The columns whose formulas have no result."""
    failed = [name for name, value in cells.items() if isinstance(value, str) and value in _EXCEL_ERRORS]
    return {name: f"column {name!r} holds a formula that failed; correct it in the file" for name in failed}


def _uncalculated(path: Path, sheet: str) -> dict[int, str]:
    """The first cell of each row that holds a formula without its result, as programs write them that cannot calculate.

    Such a cell reads as empty, and a row of them as no row at all. A result that is an empty text has a type.
    """
    formulas = {
        (cell.row, cell.column)
        for row in _excel_cells(path, sheet, formulas=True)
        for cell in row
        if cell.data_type == "f"
    }
    found: dict[int, str] = {}
    for row in _excel_cells(path, sheet) if formulas else ():
        for cell in row:
            if cell.value is None and cell.data_type != "str" and (cell.row, cell.column) in formulas:
                found.setdefault(cell.row, cell.coordinate)
    return found


def _excel_cells(path: Path, sheet: str, *, formulas: bool = False) -> Iterator[list[Any]]:
    """The cells of each row that are there."""
    book = _workbook(path, formulas=formulas)
    try:
        for row in book[sheet].iter_rows():
            yield [cell for cell in row if hasattr(cell, "row")]
    finally:
        book.close()
