"""One journal is the same records in every form of file, with a company and without one."""

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook

from intacct_bridge.apps.demo.sample import NAMES, write_sample
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.tables.open import open_table
from intacct_protocol.model.catalog import FieldDef, ObjectDef, object_def
from intacct_protocol.xml.values import Kind
from support.load.ledger import Ledger

Rows = Sequence[Mapping[str, object]]
ENTRIES: Rows = [
    {"Journal": "GJ", "Date": date(2026, 1, 31), "Title": "Loyer é", "Reference": "R-1", "Account": 6000,
     "Debit": Decimal("100.50"), "Department": 300, "Currency": "USD", "Exchange rate date": date(2026, 1, 30),
     "Exchange rate": Decimal("1.0825"), "Reverse date": date(2026, 2, 1), "Class": 7, "SUPDOCID": "DOC-7",
     "TASKID": 12, "BILLABLE": "true", "HISTORY_COMMENT": "sent"},
    {"Account": 2100, "Credit": Decimal("100.50"), "Department": 300, "Memo": "January"},
    {"Journal": "GJ", "Date": date(2026, 2, 28), "Title": "Without a reference", "Account": 6000, "Debit": 5},
    {"Account": 2100, "Credit": 5, "Reverse date": date(2026, 3, 1)},
    {"Journal": "GJ", "Date": date(2026, 2, 28), "Title": "Negative", "Reference": "R-2", "Account": 6000,
     "Debit": Decimal("-7.10")},
    {"Journal": "GJ", "Date": date(2026, 2, 28), "Title": "Negative", "Reference": "R-2", "Account": 2100,
     "Debit": Decimal("7.10")},
]  # fmt: skip


def columns_of(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def as_csv(rows: Rows, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns_of(rows))
        writer.writeheader()
        writer.writerows(rows)


def as_excel(rows: Rows, path: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(columns_of(rows))
    for row in rows:
        sheet.append([row.get(name) for name in columns_of(rows)])
    book.save(path)


def as_parquet(rows: Rows, path: Path) -> None:
    exact = [{name: Decimal(cell) if isinstance(cell, int) else cell for name, cell in row.items()} for row in rows]
    columns = {name: pa.array([row.get(name) for row in exact]) for name in columns_of(rows)}
    pq.write_table(pa.table(columns), path)


FORMS: Mapping[str, Callable[[Rows, Path], None]] = {"csv": as_csv, "xlsx": as_excel, "parquet": as_parquet}
ODD = object_def(
    "GLENTRY",
    [
        *(FieldDef(name, Kind.INTEGER) for name in ("ACCOUNTNO", "DEPARTMENT", "CLASSID", "TASKID")),
        *(FieldDef(name, Kind.TEXT) for name in ("TRX_AMOUNT", "TR_TYPE", "EXCHANGE_RATE", "EXCH_RATE_DATE")),
        FieldDef("CURRENCY", Kind.TEXT, values=("US Dollar", "USD")),
        FieldDef("GLDIMCHANNEL", Kind.INTEGER),
    ],
)
"""What a company may say of the lines of entries; it decides on the fields of its own only."""


class OddCompany(Ledger):
    """A company that describes the lines of entries in its own way."""

    def describe(self, object_name: str, doc_par_id: str | None = None, /) -> ObjectDef:
        return ODD if object_name == "GLENTRY" else super().describe(object_name)


def read(path: Path, *, offline: bool = False) -> list[tuple[str, str]]:
    """The digest and identity of each entry, which has no finding that refuses it."""
    writes = list(layout_for("journal-entries", OddCompany(), offline=offline).read(open_table(path)))
    assert [str(one) for write in writes for one in write.findings if one.refuses] == []
    return [(write.digest, write.identity.text) for write in writes]


def typed(name: str, text: str) -> object:
    """A cell as a workbook of the same journal has it."""
    if name in ("Debit", "Credit"):
        return Decimal(text.replace(",", ""))
    if name == "Account":
        return int(text)
    month, day, year = text.split("/") if name == "Date" and "/" in text else ("", "", "")
    return date(int(year), int(month), int(day)) if year else date.fromisoformat(text) if name == "Date" else text


def every_reading(rows: Rows, folder: Path) -> set[tuple[tuple[str, str], ...]]:
    """What is read of the same rows in every form of file, offline and with a company."""
    known = set()
    for form, write in FORMS.items():
        path = folder / f"je.{form}"
        write(rows, path)
        known |= {tuple(read(path, offline=offline)) for offline in (True, False)}
    return known


def test_every_form_of_a_journal_is_the_same_records_with_and_without_a_company(tmp_path: Path) -> None:
    (entries,) = every_reading(ENTRIES, tmp_path)
    assert len(set(entries)) == 3


def test_the_sample_is_the_same_records_in_every_form(tmp_path: Path) -> None:
    path = write_sample(NAMES[0], tmp_path, as_of=date(2026, 11, 30))
    with path.open(encoding="utf-8-sig", newline="") as file:
        texts = list(csv.DictReader(file))
    rows = [{name: typed(name, text) for name, text in row.items() if text} for row in texts]
    assert every_reading(rows, tmp_path) == {tuple(read(path))}


def test_only_a_company_tells_a_field_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "je.csv"
    as_csv([{**row, "GLDIMCHANNEL": "3"} for row in ENTRIES], path)
    first, second = (
        next(iter(layout_for("journal-entries", OddCompany(), offline=offline).read(open_table(path))))
        for offline in (True, False)
    )
    assert [line.fields.get("GLDIMCHANNEL") for line in (*first.all_lines, *second.all_lines)] == [None, None, 3, 3]
    (note,) = layout_for("journal-entries", OddCompany(), offline=True).notes(open_table(path))
    assert note == "The column 'GLDIMCHANNEL' is not used."


def test_an_entry_whose_every_row_has_all_columns_is_the_one_with_blanks(tmp_path: Path) -> None:
    as_csv(ENTRIES[:2], tmp_path / "blanks.csv")
    of_entry = ("Journal", "Date", "Title", "Reference", "Reverse date", "SUPDOCID", "HISTORY_COMMENT")
    full = [ENTRIES[0], {**{name: ENTRIES[0][name] for name in of_entry}, **ENTRIES[1], "Date": "01/31/2026"}]
    as_csv(full, tmp_path / "full.csv")
    assert read(tmp_path / "blanks.csv") == read(tmp_path / "full.csv")


def test_a_journal_of_documented_fields_asks_the_company_nothing(tmp_path: Path) -> None:
    as_csv(ENTRIES, tmp_path / "je.csv")

    class Silent(Ledger):
        def describe(self, object_name: str, doc_par_id: str | None = None, /) -> ObjectDef:
            raise AssertionError(object_name)

    layout = layout_for("journal-entries", Silent())
    assert len(list(layout.read(open_table(tmp_path / "je.csv")))) == 3
