"""A file that someone else gives is read in a child process, with the same rows and within limits."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from intacct_bridge.load.tables.open import open_table, sheet_names
from intacct_bridge.load.tables.reading import BoundedReading
from intacct_bridge.machine.bounded_process import ProcessLimits, end_idle_children
from intacct_protocol.errors import SettingsError


def workbook(path: Path) -> None:
    book = Workbook()
    for row in (["Title"], ["Name", "Amount"], ["A", 12.5], ["B", 0.1 + 0.2], ["=1/0", None]):
        book.worksheets[0].append(row)
    book.create_sheet("Other").append(["Name"])
    book.save(path)


FILES: dict[str, Callable[[Path], object]] = {
    "a.csv": lambda path: path.write_bytes(b"Name;Amount\nM\xfcller;1,5\n" + b"A;1\n" * 500 + b"B;2;3\n"),
    "a.jsonl": lambda path: path.write_text('{"Name": "A", "lines": [{"a": 1.10}]}\n{"b": null}\n'),
    "a.parquet": lambda path: pq.write_table(pa.table({"Name": ["A", None], "Amount": [0.1, 0.1 + 0.2]}), path),
    "a.xlsx": workbook,
    "a.xml": lambda path: path.write_text("<all><VENDOR><NAME>A</NAME></VENDOR><VENDOR><ID>2</ID></VENDOR></all>"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_rows_are_those_that_this_process_reads(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    FILES[name](path)
    reading = BoundedReading(name)
    here, there = open_table(path), open_table(path, reading=reading)
    assert (there.columns, there.notes, there.dialect, there.header, there.sheet) == (
        here.columns, here.notes, here.dialect, here.header, here.sheet,
    )  # fmt: skip
    rows = list(here)
    assert rows and list(there) == rows == list(there)
    assert sheet_names(path, reading) == sheet_names(path)


def test_an_error_in_the_middle_of_the_rows_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Name\n" + "A\n" * 300 + '"open\n')
    rows = iter(open_table(path, reading=BoundedReading("a.csv")))
    with pytest.raises(SettingsError, match=r"a\.csv:302 cannot be read"):
        list(rows)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (ProcessLimits(0.01, 1_024), "a.xlsx cannot be read here: reading it takes more than 0 seconds"),
        (ProcessLimits(60, 1), "a.xlsx cannot be read here: reading it takes more than 1 MB of memory"),
    ],
)
def test_a_file_that_takes_too_much_is_refused_with_the_way_out(
    tmp_path: Path, limits: ProcessLimits, message: str
) -> None:
    workbook(tmp_path / "a.xlsx")
    end_idle_children()  # the start of a child takes longer than to read a small file
    with pytest.raises(SettingsError) as refusal:
        open_table(tmp_path / "a.xlsx", reading=BoundedReading("a.xlsx", limits))
    assert refusal.value.message == message
    assert "intacct load" in refusal.value.fix
