"""What a load posted is taken back: the ledger balances as before, judged by a reader of its own over HTTP."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultKind, ScriptedFault
from support.apps.command_line import Intacct, Ran
from support.apps.http_reader import HttpReader
from support.journeys.kinds import DOCUMENTS, JOURNALS, MASTERS, Kind

NOW = 1_795_258_800.0  # 2026-11-21 11:00:00 UTC
SINCE = "10/01/2026"
REVERSED = {
    "bills": "Reversed",
    "bills with taxes": "Reversed",
    "submitted bills": "Reversed",
    "AP payments": "Voided",
    "invoices": "Reversed",
    "AR payments": "Reversed",
    "expense reports": "Reversed",
}
"""The documents that are reversed, and their state then; the others are deleted."""
OPPOSITE = {kind.name for kind in JOURNALS} - {"draft journal entries", "reversing journal entries"}
CANNOT = {"reversing journal entries"}
UNDONE = [kind for kind in (*JOURNALS, *DOCUMENTS, MASTERS[0]) if kind.name not in CANNOT]


@contextmanager
def served(grown: Emulator, *faults: ScriptedFault) -> Iterator[HttpReader]:
    """A copy of the demo company over HTTP."""
    with closing(grown.clone(clock=lambda: NOW, faults=faults)) as emulator, serve(emulator) as server:
        yield HttpReader(server.url)


@pytest.fixture(scope="module")
def grown(two_years: Emulator) -> Emulator:
    return two_years


def load(intacct: Intacct, reader: HttpReader, kind: Kind, *words: str) -> Ran:
    Path(kind.file).write_text(kind.text, encoding="utf-8")
    draft = ("--draft",) if kind.draft else ()
    return intacct("load", kind.file, "--as", kind.as_name or kind.object, "--apply", *draft, *words, **reader.environ)


def listed(intacct: Intacct, reader: HttpReader) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(intacct("outbox", "list", "--json", **reader.environ).out)
    return rows


@pytest.mark.parametrize("kind", UNDONE, ids=lambda kind: kind.name)
def test_a_load_is_taken_back_and_the_ledger_is_as_before(
    intacct: Intacct, home: Path, grown: Emulator, kind: Kind
) -> None:
    with served(grown) as reader:
        before = reader.balances(SINCE)
        records = {row["RECORDNO"] for row in reader.rows(kind.object, "RECORDNO")}
        assert load(intacct, reader, kind).status == 0
        new = {row["RECORDNO"] for row in reader.rows(kind.object, "RECORDNO")} - records
        assert len(new) >= kind.count
        planned = intacct("undo", kind.file, "--date", "2026-11-20", **reader.environ)
        assert planned.status == 0, planned.said
        assert "Nothing was sent" in planned.err
        assert new <= {row["RECORDNO"] for row in reader.rows(kind.object, "RECORDNO")}

        done = intacct("undo", kind.file, "--date", "2026-11-20", "--apply", **reader.environ)
        assert done.status == 0, done.said
        assert reader.balances(SINCE) == before
        if kind.name in REVERSED:
            states = {row["RECORDNO"]: row["STATE"] for row in reader.rows(kind.object, "RECORDNO", "STATE")}
            assert {states[one] for one in new} == {REVERSED[kind.name]}
        left = {row["RECORDNO"] for row in reader.rows(kind.object, "RECORDNO")} - records
        if kind.name in OPPOSITE:
            opposite = [row for row in listed(intacct, reader) if "opposite of" in str(row["record"])]
            assert {str(row["receipt"]).split()[-1] for row in opposite} == left - new
        elif kind.name not in REVERSED:
            assert left == set(), "deleted"

        again = intacct("undo", kind.file, "--date", "2026-11-20", "--apply", **reader.environ)
        assert (again.status, "nothing to take back" in again.err) == (0, True), again.said
        assert {row["RECORDNO"] for row in reader.rows(kind.object, "RECORDNO")} - records == left


def test_a_record_is_loaded_again_after_it_was_taken_back(intacct: Intacct, home: Path, grown: Emulator) -> None:
    bill = next(kind for kind in DOCUMENTS if kind.name == "bills")
    entries = next(kind for kind in JOURNALS if kind.name == "normal journal entries")
    with served(grown) as reader:
        before = reader.balances(SINCE)
        assert load(intacct, reader, entries).status == 0
        once = reader.balances(SINCE)
        assert intacct("undo", entries.file, "--apply", **reader.environ).status == 0
        assert reader.balances(SINCE) == before
        again = load(intacct, reader, entries)
        assert again.status == 0, again.said
        assert reader.balances(SINCE) == once
        states = [(row["state"], row["record"]) for row in listed(intacct, reader)]
        assert [state for state, _ in states] == ["released", "applied", "applied"]
        assert load(intacct, reader, bill).status == 0


def test_a_changed_journal_entry_is_not_taken_back_by_its_opposite(
    intacct: Intacct, home: Path, grown: Emulator
) -> None:
    kind = next(kind for kind in JOURNALS if kind.name == "normal journal entries")
    with served(grown) as reader:
        assert load(intacct, reader, kind).status == 0
        (row,) = reader.rows("GLBATCH", "RECORDNO", BATCH_TITLE="Rent", REFERENCENO="K-1")
        line = "<GLENTRY><ACCOUNTNO>{}</ACCOUNTNO><TRX_AMOUNT>5</TRX_AMOUNT><TR_TYPE>{}</TR_TYPE>{}</GLENTRY>"
        place = "<LOCATION>100</LOCATION><DEPARTMENT>100</DEPARTMENT>"
        lines = line.format("61000", "1", place) + line.format("20100", "-1", place)
        number = f"<RECORDNO>{row['RECORDNO']}</RECORDNO>"
        reader.call(f"<update><GLBATCH>{number}<ENTRIES>{lines}</ENTRIES></GLBATCH></update>")
        changed = reader.balances(SINCE)
        ran = intacct("undo", kind.file, "--apply", **reader.environ)
        assert (ran.status, "changed in Intacct since" in ran.out) == (1, True), ran.said
        assert reader.balances(SINCE) == changed
        deleted = intacct("undo", kind.file, "--delete", "--apply", **reader.environ)
        assert deleted.status == 0, deleted.said
        assert reader.rows("GLBATCH", "RECORDNO", RECORDNO=row["RECORDNO"]) == []


@pytest.mark.parametrize("cut", ["cut-after", "cut-before"])
def test_a_reversal_whose_answer_is_lost_is_done_once(
    intacct: Intacct, home: Path, grown: Emulator, cut: FaultKind
) -> None:
    kind = next(kind for kind in DOCUMENTS if kind.name == "bills")
    with served(grown, ScriptedFault(cut, function="reverse_bill")) as reader:
        before = reader.balances(SINCE)
        assert load(intacct, reader, kind).status == 0
        words = ("undo", kind.file, "--date", "2026-11-20", "--apply")
        lost = intacct(*words, **reader.environ)
        assert lost.status == (0 if cut == "cut-after" else 5), lost.said
        settled = intacct("outbox", "settle", "--settle-after", "0", **reader.environ)
        assert settled.status == 0, settled.said
        assert reader.balances(SINCE) == before
        assert [row["state"] for row in listed(intacct, reader)] == ["released", "applied"]
        reversals = [row for row in reader.rows("APBILL", "RECORDID", "STATE") if row["STATE"] == "Reversal"]
        assert sum(row["RECORDID"] == "K-1" or row["RECORDID"].startswith("K-1") for row in reversals) == 1


def test_a_paid_bill_is_taken_back_after_its_payment(intacct: Intacct, home: Path, grown: Emulator) -> None:
    bill = next(kind for kind in DOCUMENTS if kind.name == "bills")
    payment = next(kind for kind in DOCUMENTS if kind.name == "AP payments")
    with served(grown) as reader:
        before = reader.balances(SINCE)
        assert load(intacct, reader, bill).status == 0
        (posted,) = reader.rows("APBILL", "RECORDNO", RECORDID="K-1", VENDORID="V10001")
        paid = payment.text.replace("V10016", "V10001").replace("5940,78.24", f"{posted['RECORDNO']},100.30")
        Path("payment.csv").write_text(paid)
        made = intacct("load", "payment.csv", "--as", "APPYMT", "--apply", **reader.environ)
        assert made.status == 0, made.said
        early = intacct("undo", "input.csv", "--apply", **reader.environ)
        assert (early.status, "reverse its payment first" in early.out) == (1, True), early.said
        numbers = [word for row in listed(intacct, reader) for word in ("--entry", str(row["number"]))]
        both = intacct("undo", *numbers, "--date", "2026-11-20", "--apply", **reader.environ)
        assert both.status == 0, both.said
        assert reader.balances(SINCE) == before


def test_a_wrong_choice_is_an_error_of_the_command_line(intacct: Intacct, home: Path, grown: Emulator) -> None:
    with served(grown) as reader:
        assert load(intacct, reader, MASTERS[0]).status == 0
        for words in (("other.csv",), (), ("--entry", "99"), ("--run", "zz")):
            assert intacct("undo", *words, **reader.environ).status == 2, words


def test_files_of_one_name_are_told_apart_by_their_runs(intacct: Intacct, home: Path, grown: Emulator) -> None:
    with served(grown) as reader:
        for number in ("1", "2"):
            text = f"CLASSID,NAME\nU-{number},Lab\n"
            assert load(intacct, reader, Kind("classes", "CLASS", text)).status == 0
        ran = intacct("undo", "input.csv", "--apply", **reader.environ)
        assert (ran.status, "2 runs" in ran.err, "--run" in ran.err) == (2, True, True), ran.said
        runs = [str(row["run"]) for row in listed(intacct, reader)]
        assert intacct("undo", "--run", runs[1], "--apply", **reader.environ).status == 0
        assert [row["CLASSID"] for row in reader.rows("CLASS", "CLASSID") if row["CLASSID"] in ("U-1", "U-2")] == [
            "U-1"
        ]


UNUSUAL = {
    "user-defined dimensions": "FUND",
    "custom objects": "EQUIPMENT_SITE",
    "attachments": "SUPDOC",
}


def texts(reader: HttpReader, name: str) -> list[str]:
    """The records of an object that has no RECORDNO, or that only a legacy function lists."""
    if name == "SUPDOC":
        data = reader.call('<get_list object="supdoc" maxitems="1000"/>').find("data")
    else:
        query = f"<query><object>{name}</object><select><field>name</field></select><pagesize>2000</pagesize></query>"
        data = reader.call(query).find("data")
    return sorted(row.findtext("name") or row.findtext("supdocid") or "" for row in data or ())


@pytest.mark.parametrize("name", UNUSUAL)
def test_records_without_a_record_number_are_taken_back(
    intacct: Intacct, home: Path, grown: Emulator, name: str
) -> None:
    kind = next(kind for kind in MASTERS if kind.name == name)
    with served(grown) as reader:
        if name == "attachments":
            folder = "<supdocfoldername>Invoices</supdocfoldername>"
            reader.call(f"<create_supdocfolder>{folder}</create_supdocfolder>")
        before = texts(reader, UNUSUAL[name])
        for _ in range(2):
            loaded = load(intacct, reader, kind)
            assert loaded.status == 0, loaded.said
            assert len(texts(reader, UNUSUAL[name])) == len(before) + 1
            done = intacct("undo", kind.file, "--apply", **reader.environ)
            assert done.status == 0, done.said
            assert texts(reader, UNUSUAL[name]) == before


def test_what_nothing_reads_is_refused_and_folders_stay(intacct: Intacct, home: Path, grown: Emulator) -> None:
    with served(grown) as reader:
        rates = next(kind for kind in MASTERS if kind.object == "EMPLOYEERATE")
        assert load(intacct, reader, rates).status == 0
        ran = intacct("undo", rates.file, "--apply", **reader.environ)
        assert (ran.status, "no function of the gateway reads EMPLOYEERATE" in ran.out) == (1, True), ran.said
        folders = next(kind for kind in MASTERS if kind.object == "SUPDOCFOLDER")
        Path("folders.csv").write_text(folders.text)
        loaded = intacct("load", "folders.csv", "--as", "SUPDOCFOLDER", "--apply", **reader.environ)
        assert loaded.status == 0, loaded.said
        ran = intacct("undo", "folders.csv", "--apply", **reader.environ)
        assert (ran.status, "an attachment folder stays" in ran.err) == (0, True), ran.said
