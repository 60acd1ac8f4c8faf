"""Refused rows come back in the input's own layout, mend, and load."""

import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from intacct_bridge.load.layouts import refused_rows
from intacct_bridge.load.layouts.refused_rows import with_folder_of_files, write_refused
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Plan, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.load.tables.reading import BoundedReading
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_protocol.errors import SettingsError
from support.load.journal import journal_layout
from support.load.ledger import HEADER, Ledger, entry

SUFFIXES = {"csv": ".csv", "jsonl": ".jsonl", "excel": ".xlsx", "parquet": ".parquet"}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3") as opened:
        yield opened


def refused_path(table: InputTable) -> Path:
    return table.path.with_name(f"{table.path.stem}.refused{SUFFIXES[table.form]}")


def planned(table: InputTable, outbox: Outbox) -> Plan:
    return make_plan(table, journal_layout(), Ledger(), outbox)


def test_a_refused_record_is_written_whole_and_loads_once_corrected(tmp_path: Path, outbox: Outbox) -> None:
    path = tmp_path / "je.csv"
    bad = 'GJ;2026-11-30;T;Bäd;6100;10,50;;;E1;"a;b"\nGJ;2026-11-30;T;Bäd;2100;;10.50;;E1;\n'
    path.write_text((HEADER + entry("R1")).replace(",", ";") + bad, encoding="cp1252")
    table = open_csv(path)
    plan = planned(table, outbox)
    out = refused_path(table)
    assert out.name == "je.refused.csv"
    assert write_refused(table, plan.refused_rows, out) == 2
    text = out.read_text(encoding="utf-8-sig")
    lines = text.splitlines()
    assert lines[0] == HEADER.strip().replace(",", ";") + ";refused because"
    assert lines[1].startswith("GJ;2026-11-30;T;Bäd;6100;10,50;;;E1;\"a;b\";Debit: '10,50' is not an amount")
    assert "another line of GJ" in lines[2]
    out.write_text(text.replace("10,50;;", "10.50;;"), encoding="utf-8-sig")
    again = planned(open_csv(out), outbox)
    assert [record.verdict for record in again.records] == [Verdict.CREATE]
    assert next(again.records[0].write.all_lines).fields["DESCRIPTION"] == "a;b"


@pytest.mark.parametrize("text", ["=1+1", '=HYPERLINK("https://evil.example")', "#N/A", "#NAME"])
def test_a_text_of_a_workbook_does_not_become_a_formula(tmp_path: Path, text: str) -> None:
    from openpyxl import Workbook, load_workbook

    path = tmp_path / "je.xlsx"
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for values in (["memo", text], ["rent", text]):
        sheet.append(values)
        sheet.cell(sheet.max_row, 2).data_type = "s"
    book.save(path)
    table = open_table(path)
    (row,) = table
    assert row.cells[text] == text
    out = refused_path(table)
    write_refused(table, [(row, "wrong")], out)
    written = load_workbook(out).active
    assert written is not None
    assert [(cell.value, cell.data_type) for cell in (written["B1"], written["B2"])] == [(text, "s")] * 2
    (again,) = open_table(out)
    assert again.cells[text] == text


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_row_with_too_many_cells_keeps_all_of_them_and_stays_refused(tmp_path: Path, form: str) -> None:
    from openpyxl import Workbook

    path = tmp_path / f"je.{form}"
    rows = [["a", "memo"], ["1", "rent", " June"]]
    if form == "csv":
        path.write_text("\n".join(map(",".join, rows)))
    else:
        book = Workbook(write_only=True)
        sheet = book.create_sheet()
        for cells in rows:
            sheet.append(cells)
        book.save(path)
    table = open_table(path)
    write_refused(table, [(row, "no") for row in table], refused_path(table))
    (again,) = open_table(refused_path(table))
    assert "the header 3" in again.fault
    assert again.beyond == (" June",)


NESTED = (
    '{"VENDORID": "V-9", "RECORDID": "N-1", "WHENCREATED": "2026-11-02", "APBILLITEMS": '
    '[{"ACCOUNTNO": "6100", "TRX_AMOUNT": 100.255}, {"ACCOUNTNO": "6100", "TRX_AMOUNT": 1}]}'
)


def test_nested_records_are_written_nested(tmp_path: Path) -> None:
    path = tmp_path / "bills.jsonl"
    path.write_text(NESTED + "\n")
    table = open_table(path)
    rows = [(row, "no") for row in table]
    write_refused(table, rows, refused_path(table))
    assert refused_path(table).read_text() == NESTED[:-1] + ', "refused because": "no"}\n'
    write_refused(table, rows, tmp_path / "named.csv")
    assert (tmp_path / "named.csv").read_text().startswith(NESTED[:-1]), "lists do not fit into CSV"


def test_a_workbook_is_written_as_a_workbook_and_loads_once_corrected(tmp_path: Path, outbox: Outbox) -> None:
    from openpyxl import Workbook, load_workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "June"
    sheet.append(["journal", "date", "title", "account", "debit", "credit", "location"])
    day = date(2026, 11, 30)
    for account, debit, credit in (("6100", 10.5, None), ("2100", None, 10.5), ("9999", 5, None), ("2100", None, 5)):
        title = "Bad" if account == "9999" or 5 in (debit, credit) else "Good"
        sheet.append(["GJ", day, title, account, debit, credit, "E1"])
    book.save(tmp_path / "je.xlsx")
    table = open_table(tmp_path / "je.xlsx")
    plan = planned(table, outbox)
    out = refused_path(table)
    assert (out.name, write_refused(table, plan.refused_rows, out)) == ("je.refused.xlsx", 2)
    back = load_workbook(out)
    rows = list(back["June"].iter_rows(values_only=True))
    assert rows[0][-1] == "refused because"
    assert "the company has no account '9999'" in str(rows[1][-1])
    back["June"]["D2"] = "6100"
    back.save(out)
    again = planned(open_table(out, sheet="June"), outbox)
    assert [record.verdict for record in again.records] == [Verdict.CREATE]
    write_refused(table, plan.refused_rows, tmp_path / "named.csv")
    assert (tmp_path / "named.csv").read_text("utf-8-sig").startswith("journal,date,title,account")


def test_parquet_is_written_in_its_own_types(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.table({"id": [1, 2, 3], "net": pa.array([1.5, 2.5, None]), "lines": [[{"a": 1}], [], None]})
    pq.write_table(rows, tmp_path / "b.parquet")
    table = open_table(tmp_path / "b.parquet")
    out = refused_path(table)
    assert write_refused(table, [(row, "no") for row in table if row.number != 2], out) == 2
    back = pq.read_table(out)
    assert back.schema.remove(3) == rows.schema
    assert back.column("id").to_pylist() == [1, 3]


def test_the_parquet_file_of_a_stranger_is_parsed_in_no_other_process_than_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "b.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3]}), path)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("parsed in this process")

    with monkeypatch.context() as patch:
        for name in ("read_table", "read_schema", "ParquetFile", "write_table"):
            patch.setattr(pq, name, refuse)
        table = open_table(path, reading=BoundedReading("b.parquet"))
        assert write_refused(table, [(row, "no") for row in table if row.number != 2], refused_path(table)) == 2
    assert pq.read_table(refused_path(table)).column("id").to_pylist() == [1, 3]


@pytest.mark.parametrize("now", [{"id": [3, 2, 1]}, {"id": [1]}])
def test_a_parquet_file_that_was_replaced_gives_no_rows_beside_the_reasons_of_others(
    tmp_path: Path, now: dict[str, list[int]]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "b.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3]}), path)
    table = open_table(path)
    refused = [(row, "no") for row in table if row.number == 3]
    pq.write_table(pa.table(now), path)
    with pytest.raises(SettingsError, match=r"b.parquet was changed while it was loaded"):
        write_refused(table, refused, refused_path(table))
    assert [one.name for one in tmp_path.iterdir()] == ["b.parquet"]


def test_json_lines_are_written_with_exact_numbers(tmp_path: Path, outbox: Outbox) -> None:
    path = tmp_path / "je.jsonl"
    row = '{"journal": "GJ", "date": "2026-11-30", "title": "T", "account": "6100", "debit": 100.255, "credit": null}'
    path.write_text(row + "\n")
    table = open_table(path)
    out = refused_path(table)
    write_refused(table, planned(table, outbox).refused_rows, out)
    assert out.name == "je.refused.jsonl"
    assert out.read_text().startswith(row[:-1] + ', "refused because": "debit: 100.255 has more than two decimals')


class Interrupted(dict[str, object]):
    """The cells of a row; something happens while they are written."""

    def __init__(self, cells: dict[str, object], happens: Callable[[], object]) -> None:
        super().__init__(cells)
        self.happens = happens

    def get(self, key: str, default: object = None) -> object:
        self.happens()
        return super().get(key, default)


def test_two_loads_that_write_the_same_file_do_not_mix_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "je.csv"
    path.write_text("a,b\n1,2\n")
    table, out = open_csv(path), tmp_path / "refused.csv"
    other = [(SourceRow("other.csv", 2, {"a": "3", "b": "4"}), "no")]
    others: list[int] = []

    def another_load() -> None:
        if not others:
            others.append(write_refused(table, other, out))

    mine = [(SourceRow("je.csv", number, Interrupted({"a": f"{number}", "b": "x"}, another_load)), "no")
            for number in range(2, 5)]  # fmt: skip
    assert write_refused(table, mine, out) == 3
    assert others == [1]
    assert out.read_text(encoding="utf-8-sig").splitlines() == ["a,b,refused because", "2,x,no", "3,x,no", "4,x,no"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["je.csv", "refused.csv"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "je.csv"
    path.write_text("a,b\n1,2\n")
    table, out = open_csv(path), tmp_path / "folder"
    out.mkdir()
    with pytest.raises(SettingsError, match="cannot write"):
        write_refused(table, [(row, "no") for row in table], out)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "je.csv"]


def test_loads_that_end_at_once_both_remember_the_folder_of_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second load notes its folder between the moment at which the first has read the notes and writes them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    paths = [tmp_path / name / "bills.csv" for name in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("VENDORID,FILE\nV-1,scan.pdf\n")
    out = [tmp_path / f"{path.parent.name}.refused.csv" for path in paths]
    tables = [open_table(path) for path in paths]
    threads = [
        threading.Thread(target=lambda at=at: write_refused(tables[at], [(row, "no") for row in tables[at]], out[at]))
        for at in (0, 1)
    ]
    read = refused_rows._known_folders

    def slow() -> dict[str, str]:
        found = read()
        if threads[1].ident is None:
            threads[1].start()
            threads[1].join(0.3)  # where the notes are locked, it waits for us
        return found

    monkeypatch.setattr(refused_rows, "_known_folders", slow)
    threads[0].start()
    threads[0].join()
    threads[1].join()
    assert [with_folder_of_files(open_table(path)).folder for path in out] == [path.parent for path in paths]
