"""A controller's rows become journal entries: grouped, one side a line, nothing rounded, every fault with its place."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from intacct_bridge.load.layouts.declared import DeclaredLayout
from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.write import Write
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.load.tables.row_filter import with_constants, with_filter
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.writable import LineSet, WritableObject
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.xml.values import Kind, Value
from support.load.journal import journal_layout

HEADER = "Journal,Date,Title,Reference,Account,Debit,Credit,Department,Location,Memo\n"


def read(tmp_path: Path, text: str, layout: DeclaredLayout | None = None) -> list[Write]:
    path = tmp_path / "je.csv"
    path.write_text(text, encoding="utf-8")
    return list((layout or journal_layout()).read(open_csv(path)))


def faults(writes: list[Write]) -> list[tuple[str, str, str]]:
    return [(f.rule, f.column, f.position) for write in writes for f in write.findings if f.refuses]


def test_rows_become_entries_with_lines(tmp_path: Path) -> None:
    text = HEADER + (
        "GJ,2026-01-31,Payroll,PR-1,6000,100.50,,300,100,January\n"
        "GJ,2026-01-31,Rent,R-1,6100,20,,,100,\n"
        ",,,,2100,0.00,20.00,,,\n"
        "GJ,01/31/2026,Payroll,PR-1,2100,,100.50,,100,\n"
    )
    payroll, rent = read(tmp_path, text)
    assert payroll.fields == {
        "JOURNAL": "GJ",
        "BATCH_DATE": date(2026, 1, 31),
        "BATCH_TITLE": "Payroll",
        "REFERENCENO": "PR-1",
    }
    assert [dict(line.fields) for line in payroll.lines["ENTRIES"]] == [
        {
            "ACCOUNTNO": "6000",
            "DEPARTMENT": "300",
            "LOCATION": "100",
            "DESCRIPTION": "January",
            "TRX_AMOUNT": Decimal("100.50"),
            "TR_TYPE": 1,
        },
        {"ACCOUNTNO": "2100", "LOCATION": "100", "TRX_AMOUNT": Decimal("100.50"), "TR_TYPE": -1},
    ]
    assert [line.position for line in payroll.all_lines] == ["je.csv:2", "je.csv:5"]
    assert "2100" in {line.fields["ACCOUNTNO"] for line in rent.all_lines}, "a blank row continues the entry above"
    assert payroll.label == "GJ 2026-01-31 'Payroll' PR-1"
    assert faults([payroll]) == []
    assert payroll.identity.kind == "key"


@pytest.mark.parametrize(
    ("cells", "rule", "column"),
    [
        ("GJ,2026-01-31,T,R,6000,1,1,,,", "sides", "Debit"),
        ("GJ,2026-01-31,T,R,6000,,,,,", "sides", "Debit"),
        ("GJ,2026-01-31,T,R,6000,100.255,,,,", "decimals", "Debit"),
        ("GJ,2026-01-31,T,R,6000,,0.005,,,", "decimals", "Credit"),
        ('GJ,2026-01-31,T,R,6000,"1,234",,,,', "amount", "Debit"),
        ("GJ,31-01-2026,T,R,6000,1,,,,", "date", "Date"),
        ("GJ,2026-02-30,T,R,6000,1,,,,", "date", "Date"),
        ("GJ,2026-01-31,T,R,,1,,,,", "required", "Account"),
        ("GJ,2026-01-31,,R,6000,1,,,,", "required", "Title"),
        (",2026-01-31,T,R,6000,1,,,,", "required", "Journal"),
        ("GJ,2026-01-31,T,R,6000,1" + "0" * 24 + ",,,,", "digits", "Debit"),
    ],
)
def test_a_finding_has_rule_column_and_row(tmp_path: Path, cells: str, rule: str, column: str) -> None:
    assert faults(read(tmp_path, HEADER + cells + "\n")) == [(rule, column, "je.csv:2")]


def test_amounts_in_cents_are_exact_in_any_notation(tmp_path: Path) -> None:
    text = HEADER + "".join(f"GJ,2026-01-31,T,R{n},6000,{amount},,,,\n" for n, amount in enumerate(
        ["100.250", "0.1", "0.2", "999999999999999.99", "5."]
    ))  # fmt: skip
    writes = read(tmp_path, text)
    assert faults(writes) == []
    amounts = [next(write.all_lines).fields["TRX_AMOUNT"] for write in writes]
    assert [str(amount) for amount in amounts] == ["100.25", "0.1", "0.2", "999999999999999.99", "5"]


def test_a_negative_debit_is_a_credit_with_a_warning(tmp_path: Path) -> None:
    write = read(tmp_path, HEADER + 'GJ,2026-01-31,T,R,6000,"(1,234.50)",,,,\n')[0]
    line = next(write.all_lines)
    assert (line.fields["TRX_AMOUNT"], line.fields["TR_TYPE"]) == (Decimal("1234.50"), -1)
    assert [finding.refuses for finding in write.findings] == [False]


def test_in_a_column_of_mixed_orders_every_slashed_date_is_refused(tmp_path: Path) -> None:
    text = HEADER + "GJ,01/02/2026,A,1,6000,1,,,,\nGJ,31/01/2026,B,2,6000,1,,,,\nGJ,2026-01-31,C,3,6000,1,,,,\n"
    assert [bool(faults([write])) for write in read(tmp_path, text)] == [True, True, False]
    writes = read(tmp_path, text, journal_layout(date_order="dmy"))
    assert [write.fields["BATCH_DATE"] for write in writes] == [
        date(2026, 2, 1),
        date(2026, 1, 31),
        date(2026, 1, 31),
    ]


def test_headers_match_in_any_case_and_punctuation(tmp_path: Path) -> None:
    text = " JOURNAL ;DATE;DESCRIPTION;Reference_No;ACCT_NO;DEBIT;CREDIT;DEPT_ID;LOCATION_ID;MEMO;Prepared by\n"
    write = read(tmp_path, text + "GJ;2026-01-31;T;R;6000;1;;300;100;m;me\n")[0]
    assert write.fields["BATCH_TITLE"] == "T"
    assert next(write.all_lines).fields["DEPARTMENT"] == "300"
    assert write.column("DEPARTMENT") == "DEPT_ID"


def test_description_is_the_memo_where_there_is_a_title(tmp_path: Path) -> None:
    text = "journal,date,title,description,account,debit,credit\nGJ,2026-01-31,T,why,6000,1,\n"
    assert next(read(tmp_path, text)[0].all_lines).fields["DESCRIPTION"] == "why"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("Journal,Date,Title,Account,Debit", "no column for the credit"),
        ("Journal,Date,Title,Account,Debit,Credit,Departmnt", "'Departmnt' is unknown and looks like 'department'"),
        ("Journal,Date,Title,Account,Debit,Credit,Dept,Department", "both mean the department"),
    ],
)
def test_ambiguous_columns_are_refused(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        read(tmp_path, header + "\n" + ",".join("1" * (header.count(",") + 1)) + "\n")
    assert caught.value.fix


def test_without_a_reference_the_source_key_or_the_content_identifies(tmp_path: Path) -> None:
    text = "id," + HEADER.lower() + "7,GJ,2026-01-31,T,,6000,1,,,,\n"
    assert read(tmp_path, text)[0].identity.kind == "content"
    assert [note for note in journal_layout(key=("id",)).notes(open_csv(tmp_path / "je.csv")) if "id" in note] == []
    identity = read(tmp_path, text, journal_layout(key=("id",)))[0].identity
    assert (identity.kind, identity.text) == ("source", 'source:["","7"]')


def test_the_sources_key_separates_entries(tmp_path: Path) -> None:
    def line(key: str, account: str, reference: str = "") -> str:
        sides = ",5" if account == "6000" else "5,"
        return f"{key},GJ,2026-01-31,T,{reference},{account},{sides},,,\n"

    def known(*lines: str) -> list[tuple[str, int]]:
        writes = read(tmp_path, "id," + HEADER.lower() + "".join(lines), journal_layout(key=("id",)))
        return [(write.identity.text, len(write.rows)) for write in writes]

    one, two = [line("1", "6000"), line("1", "2100")], [line("2", "6000"), line("", "2100")]
    assert known(*one, *two) == [('source:["","1"]', 2), ('source:["","2"]', 2)]
    assert known(*two) == [('source:["","2"]', 2)], "the same entry, alone or beside others"
    assert [rows for _, rows in known(line("1", "6000", "R"), line("2", "2100", "R"))] == [1, 1], "also within a number"
    ((text, _),) = known(line("", "6000"), line("", "2100"))
    assert text.startswith("content:"), "no key is no identity"
    assert [rows for _, rows in known(*one, "2,,,,,6000,,5,,,\n")] == [2, 1], "not a line of the entry above"


def test_in_a_file_with_points_between_thousands_a_point_is_ambiguous(tmp_path: Path) -> None:
    def amounts(other: str) -> list[str]:
        text = HEADER.replace(",", ";") + f"GJ;2026-01-31;T;R;6000;{other};;;;\nGJ;2026-01-31;T;S;6000;;1.230;;;\n"
        return [fault.message + "; " + fault.fix for write in read(tmp_path, text) for fault in write.findings]

    assert amounts("1234.5") == []
    assert amounts("1,234,567.50") == []
    german = amounts("1.234,50")
    assert "'1.230' is not an amount; write 1230.00 for thousands, else 1.2300" in german[1]


def test_columns_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'Memo' and 'memo' have the same name"):
        read(tmp_path, HEADER.replace("Memo", "Memo,memo") + "GJ,2026-01-31,T,R,6000,1,,,,a,b\n")
    assert read(tmp_path, HEADER.replace("Memo", "Memo,X,x") + "GJ,2026-01-31,T,R,6000,1,,,,a,b,c\n")


def test_a_failed_formula_in_an_unused_column_is_ignored(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append([*HEADER.strip().split(","), "Check"])
    for account, debit, credit, memo in ((6000, 5, None, "a"), (2100, None, 5, "#REF!")):
        sheet.append(["GJ", "2026-01-31", "T", "R", account, debit, credit, None, 100, memo, "#N/A"])
    book.save(tmp_path / "je.xlsx")
    table = open_table(tmp_path / "je.xlsx")
    (write,) = journal_layout().read(table)
    assert [str(fault) for fault in write.findings] == [
        "je.xlsx:3: Memo: has a formula that failed; correct it in the file"
    ]
    (write,) = journal_layout(key=("Check",)).read(table)
    faults = [(fault.position, fault.column) for fault in write.findings]
    assert faults == [("je.xlsx:2", "Check"), ("je.xlsx:3", "Memo"), ("je.xlsx:3", "Check")], "what is a key is read"


MORE = WritableObject(
    object_def("GLBATCH", [FieldDef("SUPDOCID", Kind.TEXT), FieldDef("STATE", Kind.TEXT)]),
    (LineSet("ENTRIES", "GLENTRY", object_def("GLENTRY", [FieldDef("PROJECTID", Kind.TEXT)]), {}),),
    LookupKeys("GLBATCH"),
    None,
    "create",
)


def test_columns_under_intaccts_own_names_are_of_the_entry_or_of_its_lines(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",SUPDOCID,PROJECTID,STATE,OTHER\n")
    text = (
        "GJ,2026-01-31,T,R,6000,1.00,,,,,,P-1,Draft,x\n"
        "GJ,2026-01-31,T,R,2100,,1.00,,,,DOC-7,,,\n"
    )  # fmt: skip
    (entry,) = read(tmp_path, header + text, journal_layout(writable=lambda: MORE))
    assert entry.fields["SUPDOCID"] == "DOC-7"
    assert not {"STATE", "OTHER", "PROJECTID"} & entry.fields.keys()
    first, second = entry.lines["ENTRIES"]
    assert first.fields["PROJECTID"] == "P-1"
    assert not {"PROJECTID", "SUPDOCID"} & second.fields.keys()
    assert entry.columns["PROJECTID"] == "PROJECTID"
    assert faults([entry]) == []


def test_rows_of_an_entry_agree_on_what_is_the_entrys_own(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",Reverse date\n")
    rows = "GJ,2026-01-31,T,R,6000,1.00,,,,,{0}\nGJ,2026-01-31,T,R,2100,,1.00,,,,{1}\n"
    (same,) = read(tmp_path, header + rows.format("2026-02-01", "2026-02-01"))
    assert faults([same]) == []
    (differ,) = read(tmp_path, header + rows.format("2026-02-01", "2026-02-02"))
    assert faults([differ]) == [("header", "Reverse date", "je.csv:3")]


def test_a_column_that_the_user_adds_does_not_begin_an_entry(tmp_path: Path) -> None:
    """It has a value in every row, so that only the file's own columns say where an entry begins."""
    path = tmp_path / "je.csv"
    path.write_text("Date,Title,Reference,Account,Debit,Credit\n2026-01-31,T,R,6000,1,\n,,,2100,,1\n", encoding="utf-8")
    table = open_csv(path)

    def rows() -> Iterator[SourceRow]:
        for row in table:
            yield msgspec.structs.replace(row, cells={**row.cells, "Journal": "GJ"})

    given = replace(table, columns=(*table.columns, "Journal"), rows=rows, constants={"Journal": "GJ"})
    (entry,) = journal_layout().read(given)
    assert len(entry.lines["ENTRIES"]) == 2
    assert faults([entry]) == []


# --- limits


def entry_of(tmp_path: Path, *rows: str, layout: DeclaredLayout | None = None) -> list[Write]:
    return read(tmp_path, HEADER + "".join(f"{row}\n" for row in rows), layout)


@pytest.mark.parametrize(
    ("debit", "credit", "amount", "side", "told"),
    [
        ("0.50", "", "0.50", 1, ""),
        ("", "0.50", "0.50", -1, ""),
        ("-0.50", "", "0.50", -1, "the negative debit is posted as a credit of 0.50"),
        ("", "-5", "5", 1, "the negative credit is posted as a debit of 5"),
        ("9" * 18 + ".99", "", "9" * 18 + ".99", 1, ""),
        ("-" + "9" * 18, "", "9" * 18, -1, "the negative debit is posted as a credit of " + "9" * 18),
        ("0.30000000000000004", "", "0.30", 1, "0.30000000000000004 is read as 0.30"),  # a sum of floats
        ("1.2500", "", "1.25", 1, ""),
        ("1.5", "0", "1.5", 1, ""),
    ],
)
def test_a_line_has_a_side_and_an_amount_above_zero(
    tmp_path: Path, debit: str, credit: str, amount: str, side: int, told: str
) -> None:
    (write,) = entry_of(tmp_path, f"GJ,2026-01-31,T,R,6000,{debit},{credit},,,")
    (line,) = write.all_lines
    assert (str(line.fields["TRX_AMOUNT"]), line.fields["TR_TYPE"]) == (amount, side)
    warnings = [(one.message, one.column, one.position, one.refuses) for one in write.findings]
    assert warnings == ([(told, "Debit" if debit else "Credit", "je.csv:2", False)] if told else [])
    assert (line.object, write.object) == ("GLENTRY", "GLBATCH")
    assert write.column("TRX_AMOUNT") == ("Debit" if debit else "Credit")


@pytest.mark.parametrize(
    ("amount", "rule"),
    [("1" + "0" * 18, "digits"), ("-1" + "0" * 18, "digits"), ("-0.001", "decimals"), ("0", "sides"), ("x", "amount")],
)
def test_an_amount_that_is_no_amount_leaves_its_line_without_sides(tmp_path: Path, amount: str, rule: str) -> None:
    (write,) = entry_of(tmp_path, f"GJ,2026-01-31,T,R,6000,{amount},,,,")
    assert faults([write]) == [(rule, "Debit", "je.csv:2")]
    (line,) = write.all_lines
    assert not {"TRX_AMOUNT", "TR_TYPE"} & line.fields.keys()


def test_an_entry_is_what_has_the_same_journal_date_title_and_reference(tmp_path: Path) -> None:
    first = "GJ,2026-01-31,T,R,6000,1,,,,"
    for other in (
        "PJ,2026-01-31,T,R",
        "GJ,2026-02-01,T,R",
        "GJ,2026-01-31,U,R",
        "GJ,2026-01-31,T,S",
        "GJ,2026-01-31,T,",
    ):
        writes = entry_of(tmp_path, first, f"{other},2100,,1,,,")
        assert [len(write.rows) for write in writes] == [1, 1], other
    (both,) = entry_of(tmp_path, first, "GJ,1/31/2026,T,R,2100,,1,,,")
    assert len(both.rows) == 2
    nothing = entry_of(tmp_path, ",,,,6000,1,,,,", ",,,,2100,,1,,,")  # a file that begins in the middle of an entry
    assert [len(write.rows) for write in nothing] == [2]
    assert {rule for rule, *_ in faults(nothing)} == {"required"}


def test_an_entry_is_called_by_what_it_has(tmp_path: Path) -> None:
    assert [one.label for one in entry_of(tmp_path, "GJ,2026-01-31,,,6000,1,,,,")] == ["GJ 2026-01-31"]
    assert [one.label for one in entry_of(tmp_path, ",,T,R,6000,1,,,,")] == ["'T' R"]


def test_a_draft_and_the_columns_that_templates_have(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",Reverse date,Source entity,Exchange rate date,Exchange rate\n")
    rows = "GJ,2026-01-31,T,R,6000,1.00,,,,,2026-02-01,E1,2026-01-30,1.0825\nGJ,2026-01-31,T,R,2100,,1.00,,,,,,,\n"
    (entry,) = read(tmp_path, header + rows, journal_layout(draft=True))
    assert entry.fields == {
        "JOURNAL": "GJ", "BATCH_DATE": date(2026, 1, 31), "BATCH_TITLE": "T", "REFERENCENO": "R",
        "BASELOCATION_NO": "E1", "REVERSEDATE": date(2026, 2, 1), "STATE": "Draft",
    }  # fmt: skip
    first, second = entry.all_lines
    rates = {"EXCH_RATE_DATE": date(2026, 1, 30), "EXCHANGE_RATE": Decimal("1.0825")}
    assert {name: first.fields.get(name) for name in rates} == rates
    assert not rates.keys() & second.fields.keys()
    assert {name: entry.column(name) for name in (*rates, "REVERSEDATE", "BASELOCATION_NO", "JOURNAL")} == {
        "EXCH_RATE_DATE": "Exchange rate date", "EXCHANGE_RATE": "Exchange rate", "REVERSEDATE": "Reverse date",
        "BASELOCATION_NO": "Source entity", "JOURNAL": "Journal",
    }  # fmt: skip
    assert faults([entry]) == []
    (other,) = read(tmp_path, header + rows.replace("2100,,1.00,,,,,", "2100,,1.00,,,,,E2"))
    assert faults([other]) == [("header", "Source entity", "je.csv:3")]


@pytest.mark.parametrize(
    ("columns", "constants", "title", "text"),
    [
        ("Date,Description,Account,Debit,Credit", {"Journal": "GJ"}, None, "why"),  # a report of one journal
        ("Date,Description,Account,Debit,Credit", {"Journal": "GJ", "Title": "T"}, "T", "why"),
        ("Journal,Date,Description,Account,Debit,Credit", {}, "why", None),  # an import template
        ("Date,Description,Memo,Account,Debit,Credit", {"Journal": "GJ"}, "why", "memo"),
    ],
)
def test_a_description_is_of_the_entry_or_of_the_line(
    tmp_path: Path, columns: str, constants: dict[str, str], title: str | None, text: str | None
) -> None:
    values = {"Journal": "GJ", "Date": "2026-01-31", "Description": "why", "Memo": "memo", "Account": "6000",
              "Debit": "1", "Credit": ""}  # fmt: skip
    path = tmp_path / "je.csv"
    path.write_text(f"{columns}\n{','.join(values[name] for name in columns.split(','))}\n", encoding="utf-8")
    table = with_constants(open_csv(path), constants)
    if title is None:
        with pytest.raises(SettingsError, match="no column for the title"):
            list(journal_layout().read(table))
        return
    (entry,) = journal_layout().read(table)
    assert entry.fields["BATCH_TITLE"] == title
    assert next(entry.all_lines).fields.get("DESCRIPTION") == text


def test_rows_of_an_entry_agree_in_columns_under_intaccts_own_names(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",SUPDOCID\n")
    text = "GJ,2026-01-31,T,R,6000,1,,,,,\n,,,,2100,,2,,,,DOC-7\n,,,,2100,1,,,,,DOC-8\n,,,,2100,0,0,,,,DOC-7\n"
    (entry,) = read(tmp_path, header + text, journal_layout(writable=lambda: MORE))
    (finding,) = (one for one in entry.findings if one.rule == "header")
    assert str(finding) == "je.csv:4: SUPDOCID: 'DOC-8' contradicts 'DOC-7' of je.csv:3; make the rows agree"
    assert finding.refuses


def test_columns_of_other_fields_have_intaccts_own_names_in_capitals(tmp_path: Path) -> None:
    described = object_def("GLENTRY", [FieldDef("GLDIMCHANNEL", Kind.TEXT)])
    full = replace(MORE, lines=(replace(MORE.lines[0], described=described),))
    header = HEADER.replace("\n", ", GLDIMCHANNEL ,Supdocid,RECORDNO,id,TASKID\n")

    def line(layout: DeclaredLayout) -> Mapping[str, Value]:
        (entry,) = read(tmp_path, header + "GJ,2026-01-31,T,R,6000,1.00,,,,,7,DOC-7,5,x,T1\n", layout)
        assert "SUPDOCID" not in entry.fields
        return next(entry.all_lines).fields

    layout = journal_layout(writable=lambda: full, key=("id",))
    assert (line(layout)["GLDIMCHANNEL"], line(layout)["TASKID"]) == ("7", "T1")
    (note,) = layout.notes(open_csv(tmp_path / "je.csv"))
    assert note == "The columns 'Supdocid', 'RECORDNO' are not used."
    for other in (replace(layout, writable=lambda: replace(full, lines=())), replace(layout, offline=True)):
        assert line(other)["TASKID"] == "T1", "documented, and so known without a company"
        assert "GLDIMCHANNEL" not in line(other)
        assert "'GLDIMCHANNEL'" in other.notes(open_csv(tmp_path / "je.csv"))[0]


def test_an_unreadable_cell_under_a_name_of_intaccts_is_a_fault(tmp_path: Path) -> None:
    described = object_def("GLENTRY", [FieldDef("BILLABLE", Kind.BOOLEAN)])
    layout = journal_layout(writable=lambda: replace(MORE, lines=(replace(MORE.lines[0], described=described),)))
    header = HEADER.replace("\n", ",BILLABLE\n")
    assert faults(read(tmp_path, header + "GJ,2026-01-31,T,R,6000,1.00,,,,,perhaps\n", layout)) == [
        ("value", "BILLABLE", "je.csv:2")
    ]


def test_a_key_of_two_columns_may_have_one_of_them_empty(tmp_path: Path) -> None:
    text = "id,part," + HEADER.lower() + "7,,GJ,2026-01-31,T,,6000,1,,,,\n"
    (entry,) = read(tmp_path, text, journal_layout(key=("id", "part")))
    assert entry.identity.text == 'source:["","7",""]'
    with pytest.raises(SettingsError, match="nothing"):
        read(tmp_path, text, journal_layout(key=("id", "nothing")))


def test_a_layout_knows_its_columns_and_what_an_input_lacks() -> None:
    layout = journal_layout()
    assert layout.knows("Acct No") and layout.knows("debit") and not layout.knows("colour")
    assert layout.fits(["Journal", "Date", "Title", "Account", "Debit", "Credit"])
    assert not layout.fits(["Journal", "Date", "Title", "Account", "Debit"])


def test_a_format_of_dates_needs_its_column(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Booked"):
        entry_of(tmp_path, "GJ,31.01.2026,T,R,6000,1,,,,", layout=journal_layout(date_formats={"Booked": "DD.MM.YYYY"}))
    layout = journal_layout(date_formats={"Date": "DD.MM.YYYY"})
    (entry,) = entry_of(tmp_path, "GJ,31.01.2026,T,R,6000,1,,,,", layout=layout)
    assert entry.fields["BATCH_DATE"] == date(2026, 1, 31)


def test_rows_that_a_filter_leaves_out_still_show_the_order_of_dates(tmp_path: Path) -> None:
    path = tmp_path / "je.csv"
    rows = "GJ,31/01/2026,A,1,6000,1,,,,out\nGJ,02/01/2026,B,2,6000,1,,,,in\n"
    path.write_text(HEADER + rows, encoding="utf-8")
    (entry,) = journal_layout().read(with_filter(open_csv(path), "memo = 'in'"))
    assert faults([entry]) == [("date", "Date", "je.csv:3")], "2 January or 1 February"


def test_an_unreadable_cell_is_reported_where_it_is(tmp_path: Path) -> None:
    """The entry's own value may be in a later row than its first."""
    header = HEADER.replace("\n", ",Reverse date\n")
    rows = "GJ,2026-01-31,T,R,6000,1,,,,,\nGJ,2026-01-31,T,R,2100,,1,,,,soon\n"
    (entry,) = read(tmp_path, header + rows)
    assert faults([entry]) == [("date", "Reverse date", "je.csv:3")]
