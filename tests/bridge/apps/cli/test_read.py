"""The commands that read: objects, describe, query and get, for people and for programs."""

import csv
import errno
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.row_formats import write_parquet, write_rows
from intacct_protocol.errors import InvalidRequestError, TransientError
from support.apps.command_line import Intacct


def test_objects_are_found_by_a_part_of_their_name(demo: Intacct) -> None:
    ran = demo("objects", "bill", "--json")
    names = {row["object"] for row in json.loads(ran.out)}
    assert ran.status == 0
    assert {"APBILL", "APBILLITEM"} <= names
    assert "VENDOR" not in names


def test_an_empty_result_prints_a_note_and_no_table(demo: Intacct) -> None:
    ran = demo("objects", "zebra")
    assert (ran.status, ran.out) == (0, "")
    assert "zebra" in ran.err


@pytest.mark.parametrize("words", [("--json", "--bogus"), ("--bogus", "--json")])
def test_a_wrong_option_is_json_where_json_is_asked_for(demo: Intacct, words: tuple[str, ...]) -> None:
    ran = demo("query", "APBILL", *words)
    error = json.loads(ran.err)["error"]
    assert (ran.status, ran.out) == (2, "")
    assert (error["error"], error["exit_status"]) == ("No such option '--bogus'.", 2)


def test_an_object_is_described_for_people_and_for_programs(demo: Intacct) -> None:
    shown, data = demo("describe", "vendor"), json.loads(demo("describe", "vendor", "--json").out)
    assert "VENDORID" in shown.out
    assert {field["field"]: field["type"] for field in data["fields"]}["TOTALDUE"] == "decimal"
    assert any(relation["object"] == "CONTACT" for relation in data["relations"])


def test_an_unknown_transaction_definition_is_refused(demo: Intacct) -> None:
    for words in (("describe", "SODOCUMENT"), ("query", "SODOCUMENTENTRY", "--limit", "1")):
        ran = demo(*words, "--document-type", "Sales Ordr")
        assert (ran.status, ran.out) == (2, "")
        assert "'Sales Ordr'; did you mean Sales Order" in ran.err
        assert "intacct query SODOCUMENTPARAMS --select DOCID" in ran.err
    assert demo("describe", "sodocument", "--document-type", "sales order", "--json").out == (
        demo("describe", "SODOCUMENT", "--document-type", "Sales Order", "--json").out
    )
    assert "no transaction definitions" in demo("describe", "VENDOR", "--document-type", "Sales Order").err


def test_a_row_model_is_valid_python(demo: Intacct) -> None:
    source = demo("describe", "APBILL", "--python").out
    names: dict[str, object] = {}
    exec(compile(source, "apbill.py", "exec"), names)  # as a user's program runs it
    annotations = names["Apbill"].__annotations__
    assert "RECORDNO" in annotations
    assert "Decimal" in str(annotations["TOTALENTERED"])


def test_a_function_is_described_by_its_element_order(intacct: Intacct) -> None:
    # 3.0 schema, create_class: classid, name, description?, parentid?, status?, customfields?
    ran = intacct("describe", "create_class", "--json", INTACCT_CONNECTION="demo")
    elements = [row["element"] for row in json.loads(ran.out)]
    assert elements[:2] == ["classid", "name"]


@pytest.mark.parametrize("select", [["--select", "VENDORID,NAME,SUM(TOTALDUE)"], ["--select", "VENDORID,NAME"], []])
def test_csv_without_rows_has_the_header_of_csv_with_rows(demo: Intacct, select: list[str], tmp_path: Path) -> None:
    words = ("query", "VENDOR", *select, "--format", "csv", "--out")
    some, none = tmp_path / "some.csv", tmp_path / "none.csv"
    assert demo(*words, str(some), "--limit", "1").status == 0
    assert demo(*words, str(none), "--where", "VENDORID = 'NOSUCH'").status == 0
    header = some.read_text("utf-8").splitlines(keepends=True)[0]
    assert "VENDORID" in header
    assert none.read_text("utf-8") == header


def test_csv_json_and_json_lines_hold_the_same_rows(demo: Intacct) -> None:
    words = ("query", "VENDOR", "--select", "VENDORID,NAME,TOTALDUE", "--where", "TOTALDUE > 0", "--limit", "7")
    as_csv = list(csv.DictReader(io.StringIO(demo(*words, "--format", "csv").out)))
    as_json = json.loads(demo(*words, "--format", "json").out, parse_float=Decimal, parse_int=Decimal)
    as_lines = [
        json.loads(line, parse_float=Decimal, parse_int=Decimal)
        for line in demo(*words, "--format", "jsonl").out.splitlines()
    ]
    assert len(as_csv) == 7
    assert as_json == as_lines
    assert [Decimal(row["TOTALDUE"]) for row in as_csv] == [row["TOTALDUE"] for row in as_json]


def test_parquet_has_typed_columns_and_every_row(demo: Intacct, home: Path) -> None:
    ran = demo("query", "GLACCOUNT", "--format", "parquet", "--out", "all:accounts.parquet")
    table = pq.read_table(home / "work" / "all:accounts.parquet")
    count = json.loads(demo("query", "GLACCOUNT", "--select", "count(RECORDNO)", "--json").out)
    assert ran.status == 0
    assert table.num_rows == count[0]["COUNT.RECORDNO"]
    assert str(table.schema.field("RECORDNO").type) == "int64"


def test_a_file_has_the_format_of_its_ending(demo: Intacct, home: Path) -> None:
    words = ("query", "GLACCOUNT", "--select", "ACCOUNTNO,TITLE", "--limit", "2", "--out")
    work = home / "work"
    for name in ("a.parquet", "a.jsonl", "a.json", "a.csv", "a.txt"):
        assert demo(*words, name).status == 0
    rows = [json.loads(line) for line in (work / "a.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    assert pq.read_table(work / "a.parquet").to_pylist() == json.loads((work / "a.json").read_text()) == rows
    for name in ("a.csv", "a.txt"):
        assert list(csv.DictReader(io.StringIO((work / name).read_text()))) == rows
    assert demo(*words, "b.parquet", "--format", "csv").status == 0
    assert (work / "b.parquet").read_text() == (work / "a.csv").read_text()
    refused = demo(*words, "a.xlsx")
    assert (refused.status, ".xlsx is not written" in refused.err, (work / "a.xlsx").exists()) == (2, True, False)
    assert demo("report", "Bills due", "--out", "a.parquet").status == 2


def test_a_table_stops_at_fifty_rows_with_a_note(demo: Intacct) -> None:
    ran = demo("query", "APBILL", "--select", "RECORDNO")
    assert len(ran.out.splitlines()) == 52
    assert "--limit 0" in ran.err


def test_a_record_is_shown_with_its_lines(demo: Intacct) -> None:
    (row,) = json.loads(demo("query", "APBILL", "--select", "RECORDNO", "--limit", "1", "--json").out)
    (bill,) = json.loads(demo("get", "APBILL", str(row["RECORDNO"]), "--json").out, parse_float=Decimal)
    lines = bill["APBILLITEMS"]
    assert sum(Decimal(line["TRX_AMOUNT"]) for line in lines) == Decimal(bill["TRX_TOTALENTERED"])


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("query", "VENDR"), 2, "did you mean VENDOR"),
        (("query", "VENDOR", "--select", "NAM"), 2, "did you mean NAME"),
        (("query", "VENDOR", "--where", "TOTALDUE > 'much'"), 2, "TOTALDUE"),
        (("query", "VENDOR", "--where", "TOTALDUE >"), 2, "expected a value"),
        (("get", "VENDOR", "V-none"), 1, "there is no VENDOR"),
        (("describe", "VENDRO"), 2, "did you mean VENDOR"),
        (("qery", "VENDOR"), 2, "did you mean query"),
        (("query", "VENDOR", "--limt", "3"), 2, "--limit"),
        (("query", "VENDOR", "--format", "parquet", "--out", "no/such/folder/x.parquet"), 2, "no/such/folder"),
    ],
)
def test_a_mistake_is_explained_with_its_fix(demo: Intacct, words: tuple[str, ...], status: int, says: str) -> None:
    ran = demo(*words)
    assert ran.status == status
    assert says in ran.err
    assert "  fix  " in ran.err
    assert "Traceback" not in ran.said


def test_a_missing_demo_company_is_refused_with_the_fix(intacct: Intacct) -> None:
    ran = intacct("query", "VENDOR", "--connection", "demo")
    assert ran.status == 2
    assert "intacct demo" in ran.err


def test_a_page_with_other_column_types_is_refused_and_not_rounded(tmp_path: Path) -> None:
    pages = [pa.RecordBatch.from_pydict({"N": [number]}) for number in (1, Decimal("1.5"))]
    with pytest.raises(InvalidRequestError, match="does not fit the column types of the first"):
        write_parquet(pages, to=tmp_path / "n.parquet")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_file_is_replaced_only_once_it_is_complete(tmp_path: Path, ending: str) -> None:
    """A part of the rows looks like all of them."""

    def broken() -> Iterator[Any]:
        yield pa.RecordBatch.from_pydict({"N": [1]}) if ending == "parquet" else {"N": 1}
        raise TransientError("the connection was lost")

    def write(rows: Iterable[Any]) -> int:
        if ending == "parquet":
            return write_parquet(rows, to=file)
        return write_rows(rows, Output(), kind=ending, to=file)

    file = tmp_path / f"n.{ending}"
    file.write_text("of yesterday")
    file.chmod(0o640)
    with pytest.raises(TransientError):
        write(broken())
    assert file.read_text() == "of yesterday"
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    assert write([pa.RecordBatch.from_pydict({"N": [2]}) if ending == "parquet" else {"N": 2}]) == 1
    assert b"of yesterday" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == [file.name]


def test_a_link_and_a_device_are_written_and_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    link.symlink_to(real)
    assert write_rows([{"N": 1}], Output(), kind="csv", to=link) == 1
    assert (link.is_symlink(), real.read_text()) == (True, "N\n1\n")
    assert write_rows([{"N": 1}], Output(), kind="csv", to=Path(os.devnull)) == 1
    assert Path(os.devnull).is_char_device()


def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*n\.csv'"):
        write_rows([{"N": 1}], Output(), kind="csv", to=tmp_path / "n.csv")
    assert not list(tmp_path.iterdir())


def test_amounts_are_grouped_in_tables_and_plain_digits_for_programs(demo: Intacct) -> None:
    words = ("query", "APBILL", "--select", "RECORDNO,TOTALENTERED", "--where", "TOTALENTERED > 1000", "--limit", "5")
    raw = {str(row["RECORDNO"]): Decimal(row["TOTALENTERED"]) for row in _json(demo(*words, "--json").out)}
    assert len(raw) == 5
    shown = dict(line.split() for line in demo(*words).out.splitlines()[2:])
    assert all(re.fullmatch(r"\d{1,3}(,\d{3})+\.\d{2,}", text) for text in shown.values())
    assert {number: Decimal(text.replace(",", "")) for number, text in shown.items()} == raw
    as_csv = dict(csv.reader(demo(*words, "--format", "csv").out.splitlines()[1:]))
    assert {number: Decimal(text) for number, text in as_csv.items()} == raw


def _json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)
