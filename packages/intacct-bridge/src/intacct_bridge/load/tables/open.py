"""Any input file: the ending of its name says which format it has."""

from collections.abc import Callable, Mapping
from pathlib import Path

from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.load.tables.excel import open_excel, sheets_of
from intacct_bridge.load.tables.header_row import FIRST_ROW, HeaderSearch
from intacct_bridge.load.tables.json_lines import open_jsonl
from intacct_bridge.load.tables.parquet import open_parquet
from intacct_bridge.load.tables.reading import HERE, Reading
from intacct_bridge.load.tables.table import InputTable, open_input, without_reasons
from intacct_bridge.load.tables.xml_records import open_xml
from intacct_protocol.errors import SettingsError

FORMS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xml": "xml",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}


_OPENERS: Mapping[str, Callable[[Path, Reading], InputTable]] = {
    "jsonl": open_jsonl,
    "xml": open_xml,
    "parquet": open_parquet,
}


def check_input(path: Path) -> str:
    """The format of an input, by the ending of its file name. SettingsError if there is none, or no such file."""
    if str(path) == "-":
        raise SettingsError(
            "a load reads no standard input, since it reads its input several times",
            fix="save the rows to a file, such as rows.csv, and name that file",
        )
    form = FORMS.get(path.suffix.lower())
    if form is None:
        endings = ", ".join(FORMS)
        if path.is_dir():
            raise SettingsError(f"{path} is a folder", fix=f"name a file in it, with one of {endings}")
        raise SettingsError(f"{path.name} has an unsupported format", fix=f"use a file with one of {endings}")
    if path.exists() and not path.is_file():  # a pipe gives its bytes once, and an input is read several times
        raise SettingsError(f"{path} is a pipe or a device", fix="save its content to a file")
    open_input(path).close()
    return form


def open_table(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    search: HeaderSearch = FIRST_ROW,
    reading: Reading = HERE,
) -> InputTable:
    """Any supported input; the ending of its file name gives the format."""
    form = check_input(path)
    if form == "csv":
        return open_csv(path, encoding=encoding, delimiter=delimiter, search=search, reading=reading)
    if form == "excel":
        return without_reasons(open_excel(path, sheet, search, reading))
    if search.row is not None:
        raise SettingsError(f"{path.name} has no header row", fix="leave out `header_row`", setting="header_row")
    return without_reasons(_OPENERS[form](path, reading))


def sheet_names(path: Path, reading: Reading = HERE) -> list[str]:
    """The sheets of a workbook in their order; none for another kind of file."""
    return reading.call(sheets_of, path) if check_input(path) == "excel" else []
