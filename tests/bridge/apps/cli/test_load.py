"""`intacct load` for any object: modes, mappings, saved plans."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_protocol.errors import SettingsError
from support.apps.command_line import Intacct, Ran

CLASSES = "CLASSID,NAME\nL-1,Light rail\nL-2,Heavy rail\n"


@pytest.fixture
def classes(home: Path) -> Path:
    path = home / "classes.csv"
    path.write_text(CLASSES)
    return path


def verdicts(text: str) -> list[str]:
    return [record["verdict"] for record in json.loads(text)["files"][0]["records"]]


def test_any_object_is_loaded_under_its_own_names(demo: Intacct, classes: Path) -> None:
    planned = demo("load", str(classes), "--as", "class")
    assert planned.status == 0
    assert "2 to create" in planned.out
    assert f"intacct load {classes} --as class --apply" in planned.err
    assert demo("load", str(classes), "--as", "CLASS", "--apply").status == 0
    again = demo("load", str(classes), "--as", "CLASS", "--apply")
    assert "Nothing to send" in again.err


def test_a_plan_shows_the_whole_command_that_applies_it(demo: Intacct, home: Path) -> None:
    file = home / "light rail.csv"
    file.write_text(CLASSES.replace(",", ";"))
    planned = demo("load", str(file), "--as", "CLASS", "--delimiter", ";", "--mode", "upsert", "--plan")
    (told,) = [line for line in planned.err.splitlines() if line.startswith("Nothing was sent")]
    words = shlex.split(told.partition("intacct ")[2])
    assert words == ["load", str(file), "--as", "CLASS", "--delimiter", ";", "--mode", "upsert", "--apply"]
    assert demo(*words).status == 0


def test_a_plan_without_a_record_to_send_names_no_command_that_applies_it(demo: Intacct, home: Path) -> None:
    file = home / "nameless.csv"
    file.write_text("CLASSID,NAME\nL-9,\n")
    planned = demo("load", str(file), "--as", "CLASS")
    assert (planned.status, planned.err.splitlines()[-1]) == (1, "Nothing was sent.")
    kept = demo("load", str(file), "--as", "CLASS", "--out", str(home / "nameless.plan"))
    assert "It has no record to send." in kept.err
    assert "plan apply" not in kept.err
    assert "Nothing to send: 1 record refused." in demo("load", str(file), "--as", "CLASS", "--apply").err


def test_an_upsert_shows_its_changes(demo: Intacct, classes: Path) -> None:
    demo("load", str(classes), "--as", "CLASS", "--apply")
    classes.write_text(CLASSES.replace("Heavy", "Very heavy") + "L-3,Tram\n")
    planned = demo("load", str(classes), "--as", "CLASS", "--mode", "upsert")
    assert "NAME: Heavy rail -> Very heavy rail" in planned.out
    assert verdicts(demo("load", str(classes), "--as", "CLASS", "--mode", "upsert", "--json").out) == [
        "unchanged", "update", "create",
    ]  # fmt: skip
    assert demo("load", str(classes), "--as", "CLASS", "--mode", "upsert", "--apply").status == 0
    assert json.loads(demo("get", "CLASS", "L-2", "--json").out)[0]["NAME"] == "Very heavy rail"
    assert demo("load", str(classes), "--as", "CLASS", "--mode", "delete", "--apply").status == 0
    assert demo("get", "CLASS", "L-3").status == 1


def test_a_saved_plan_is_applied_later_unless_the_company_has_changed(demo: Intacct, classes: Path, home: Path) -> None:
    plan = home / "classes.plan"
    planned = demo("load", str(classes), "--as", "CLASS", "--out", str(plan), "--connection", "demo")
    assert planned.status == 0
    assert f"To apply it: intacct plan apply {plan} --connection demo\n" in planned.err
    assert demo("load", "--from-plan", str(plan), "--apply").status == 0
    assert json.loads(demo("get", "CLASS", "L-1", "--json").out)[0]["NAME"] == "Light rail"
    classes.write_text(CLASSES.replace("Light", "Lighter"))
    demo("load", str(classes), "--as", "CLASS", "--mode", "update", "--out", str(plan))
    demo("update", "CLASS", "L-1", "NAME=Changed meanwhile")
    moved = demo("load", "--from-plan", str(plan), "--apply")
    assert moved.status == 2
    assert "Changed meanwhile" in moved.err
    demo("update", "CLASS", "L-1", "NAME=Light rail")
    assert demo("load", "--from-plan", str(plan), "--apply").status == 0
    assert json.loads(demo("get", "CLASS", "L-1", "--json").out)[0]["NAME"] == "Lighter rail"


def test_a_saved_plan_is_shown_before_it_is_applied(demo: Intacct, classes: Path, home: Path) -> None:
    plan = str(home / "classes.plan")
    demo("load", str(classes), "--as", "CLASS", "--out", plan)
    for words in (("load", "--from-plan", plan), ("load", "--from-plan", plan, "--plan"), ("plan", "show", plan)):
        shown = demo(*words)
        assert (shown.status, "2 to create" in shown.out) == (0, True)
        assert f"Nothing was sent.\nTo apply it: intacct plan apply {plan}\n" in shown.err
        assert demo("get", "CLASS", "L-1").status != 0
    assert demo("load", "--from-plan", plan, "--apply").status == 0
    assert demo("get", "CLASS", "L-1").status == 0


def test_rows_that_intacct_refuses_are_written_too(demo: Intacct, classes: Path, home: Path) -> None:
    classes.write_text("CLASSID,NAME,PARENTID\nL-1,Light rail,\nL-2,Heavy rail,NOWHERE\n")
    mend = home / "mend.csv"
    words = ("load", str(classes), "--as", "CLASS", "--offline", "--refused", str(mend), "--apply")
    assert demo(*words).status == 1
    header, refused = mend.read_text("utf-8-sig").splitlines()
    assert header == "CLASSID,NAME,PARENTID,refused at,refused because"
    assert refused.startswith("L-2,Heavy rail,NOWHERE,")
    assert "NOWHERE" in refused.partition("NOWHERE,")[2]
    mend.write_text(mend.read_text("utf-8-sig").replace("rail,NOWHERE", "rail,L-1"), "utf-8")
    assert demo("load", str(mend), "--as", "CLASS", "--apply").status == 0
    assert demo("get", "CLASS", "L-2").status == 0
    classes.write_text(classes.read_text().replace("NOWHERE", "L-1"))
    assert f"No row is refused; {mend} is from an earlier run." in " ".join(demo(*words).err.split())


def test_a_mapping_gives_columns_their_meaning(demo: Intacct, home: Path) -> None:
    (home / "map.toml").write_text('object = "CLASS"\n[fields]\nCLASSID = "Code"\nNAME = "Says"\n')
    (home / "rows.csv").write_text("Code,Says\nM-1,Mapped\n")
    assert demo("load", str(home / "rows.csv"), "--map", str(home / "map.toml"), "--apply").status == 0
    assert json.loads(demo("get", "CLASS", "M-1", "--json").out)[0]["NAME"] == "Mapped"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rows.csv",), "Use --as with an object"),
        (("--as", "CLASS"), "Missing argument FILE."),
        (("rows.csv", "--as", "CLASS"), "did you mean NAME"),
        (("rows.csv", "--as", "KLASS"), "there is no object"),
        (("rows.csv", "--as", "v2:Vendors2"), "no unified entity"),
        (("rows.csv", "--as", "APBILLITEM"), "Load them as APBILL"),
        (("rows.csv", "--as", "CLASS", "--draft"), "no drafts"),
        (("rows.csv", "--as", "CLASS", "--mode", "update", "--offline"), "without --offline"),
        (("rows.csv", "--map", "map.toml"), "cannot read map.toml"),
        (("rows.csv", "--from-plan", "x.plan"), "already contains the records"),
        (("--from-plan", "x.plan", "--draft"), "without --draft"),
        (("--from-plan", "x.plan", "--refused", "bad.csv"), "without --refused"),
        (("rows.csv", "rows.csv", "--as", "CLASS", "--refused", "bad.csv"), "one file"),
        (("rows.csv", "--as", "CLASS", "--refused", "./rows.csv"), "--refused would replace rows.csv"),
        (("rows.csv", "--as", "CLASS", "--out", "rows.csv"), "--out would replace rows.csv"),
        (("rows.csv", "--map", "map.toml", "--out", "map.toml"), "--out would replace map.toml"),
        (("rows.csv", "--as", "CLASS", "--out", "a", "--refused", "a"), "--refused would replace a"),
    ],
)
def test_a_mistake_ends_in_a_message(demo: Intacct, words: tuple[str, ...], says: str) -> None:
    Path("rows.csv").write_text("CLASSID,NAMEE\nX,Y\n")
    if "update" in words:
        Path("rows.csv").write_text("CLASSID,NAME\nX,Y\n")
    before = Path("rows.csv").read_bytes()
    ran = demo("load", *words)
    assert ran.status == 2, ran.said
    assert Path("rows.csv").read_bytes() == before
    assert says in ran.err
    assert "Traceback" not in ran.said


def test_a_misspelt_key_is_refused_where_a_mapping_reads_the_file(demo: Intacct) -> None:
    Path("rows.csv").write_text("Code,Says\nM-1,Mapped\n")
    Path("map.toml").write_text('object = "CLASS"\n[fields]\nCLASSID = "Code"\nNAME = "Says"\n')
    ran = demo("load", "rows.csv", "--map", "map.toml", "--key", "Cod")
    assert (ran.status, "rows.csv has no column 'Cod' to use as a key" in ran.err) == (2, True), ran.said


def test_rows_of_one_record_with_differing_keys_are_refused(demo: Intacct) -> None:
    Path("rows.csv").write_text("No,Id,Code\n1,a,M-1\n1,,M-1\n2,b,M-2\n2,c,M-2\n")
    Path("map.toml").write_text('object = "CLASS"\ngroup_by = ["No"]\n[fields]\nCLASSID = "Code"\nNAME = "Code"\n')
    ran = demo("load", "rows.csv", "--map", "map.toml", "--key", "Id")
    assert (ran.status, "2 records (1 to create, 1 refused)" in ran.out) == (1, True), ran.said
    assert "rows.csv:5: Id: the key c contradicts b of rows.csv:4" in ran.out


def test_the_command_to_apply_a_plan_has_all_of_its_options(demo: Intacct, home: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.create_sheet("Rail ways").append(["CLASSID", "NAME"])
    book["Rail ways"].append(["L-9", "Tram"])
    book.save(home / "classes.xlsx")
    words = (str(home / "classes.xlsx"), "--as", "CLASS", "--mode", "upsert", "--key", "NAME", "--sheet", "Rail ways")
    planned = demo("load", *words, "--clear-empty", "--connection", "demo", "--refused", str(home / "bad.csv"))
    assert planned.status == 0, planned.said
    (line,) = [line for line in planned.err.splitlines() if line.startswith("Nothing was sent.")]
    again = shlex.split(line.partition(": ")[2])
    assert again[:2] == ["intacct", "load"]
    assert {*words, "--clear-empty", "--connection", "demo", "--apply"} <= set(again[2:])
    assert demo(*again[1:]).status == 0
    assert demo("get", "CLASS", "L-9").status == 0


def test_an_accent_written_as_two_characters_is_no_change(demo: Intacct, classes: Path) -> None:
    classes.write_text("CLASSID,NAME\nL-9,Zo\u00eb\n")
    assert demo("load", str(classes), "--as", "CLASS", "--apply").status == 0
    classes.write_text("CLASSID,NAME\nL-9,Zoe\u0308\n")
    assert verdicts(demo("load", str(classes), "--as", "CLASS", "--mode", "update", "--json").out) == ["unchanged"]


def test_a_load_that_ends_before_its_first_record_is_not_called_nothing_to_do(
    demo: Intacct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Iterator[RecordOutcome]:
        raise SettingsError("the outbox cannot be written: database or disk is full")

    monkeypatch.setattr(Loader, "apply", full)
    file = tmp_path / "classes.csv"
    file.write_text("CLASSID,NAME\nNTD-1,One\nNTD-2,Two\n")
    ran = demo("load", str(file), "--as", "CLASS", "--apply", "--yes")
    assert ran.status == 2
    assert "2 not sent" in ran.err
    assert "disk is full" in ran.err
    assert "nothing to do" not in ran.said


def test_rows_of_several_files_cannot_be_called_new(demo: Intacct, classes: Path, home: Path) -> None:
    """Row 2 of each file would be posted as a new record, though only one of them was meant."""
    other = home / "other.csv"
    other.write_text(CLASSES)
    refused = demo("load", str(classes), str(other), "--as", "CLASS", "--new", "2", "--apply")
    assert refused.status == 2
    assert "--new names rows of one file" in refused.err


BILL = "Vendor,Bill no,Date,Due,Account,Amount,Dept,Loc\n{vendor},{number},2026-11-21,2026-12-21,{account},7,500,110\n"


def test_the_company_is_asked_once_for_what_several_files_refer_to(load: Intacct) -> None:
    bills = [("V10001", "H-1", "60100"), ("V10001", "H-2", "60100"), ("V10002", "H-3", "60100"), ("V10001", "H-4", "6")]
    for vendor, number, account in bills:
        Path(f"{number}.csv").write_text(BILL.format(vendor=vendor, number=number, account=account))
    files = [f"{number}.csv" for _, number, _ in bills]
    alone = [json.loads(load(file, "--as", "bills", "--json").out)["files"][0] for file in files]
    together = json.loads(load(*files, "--as", "bills", "--apply", "--json").out)["files"]
    reads = [file["reads"] for file in together]
    assert reads[0] == alone[1]["reads"] == alone[2]["reads"]  # by then the definitions are on this machine
    assert reads[1] == 1  # the look for bills of this number
    assert 1 < reads[2] < reads[0]  # and for another vendor
    assert [len(file["outcomes"]) for file in together] == [1, 1, 1, 0]
    assert [file["refusals"] for file in together] == [file["refusals"] for file in alone]


def test_what_a_file_creates_is_found_by_the_next(load: Intacct) -> None:
    Path("parent.csv").write_text("CLASSID,NAME\nH-1,Rail\n")
    Path("child.csv").write_text("CLASSID,NAME,PARENTID\nH-2,Light rail,H-1\n")
    done = load("child.csv", "parent.csv", "child.csv", "--as", "CLASS", "--apply", "--json")
    files = json.loads(done.out)["files"]
    assert [(len(file["refusals"]), len(file["outcomes"])) for file in files] == [(1, 0), (0, 1), (0, 1)]


def test_a_quiet_load_that_goes_well_prints_nothing(demo: Intacct, home: Path) -> None:
    """A scheduler mails what a program prints."""
    good = home / "good.csv"
    good.write_text("CLASSID,NAME,STATUS\nQ1,Quiet,active\nQ2,Still,active\n", "utf-8")
    load = ("load", str(good), "--as", "CLASS", "--apply", "--quiet")
    assert demo(*load) == Ran(0, "", "")
    assert demo(*load) == Ran(0, "", "")
    assert demo("undo", "good.csv", "--apply", "--quiet") == Ran(0, "", "")
    good.write_text("CLASSID,NAME,STATUS\nQ3,Quiet,active\nQ4,Still,asleep\n", "utf-8")
    ran = demo(*load)
    assert (ran.status, "asleep" in ran.out) == (1, True)


def test_a_quiet_load_still_warns(demo: Intacct, home: Path) -> None:
    """The reference of the second entry differs from that of the first in leading zeros only."""
    path = home / "entries.csv"
    lines = (
        "journal,date,title,reference,account,department,location,debit,credit\n"
        "GJ,2026-11-02,Rent,7,61000,100,110,10.00,\n"
        "GJ,2026-11-02,Rent,7,10010,100,110,,10.00\n"
    )
    load = ("load", str(path), "--as", "journal-entries", "--apply", "--quiet")
    path.write_text(lines, "utf-8")
    assert demo(*load) == Ran(0, "", "")
    path.write_text(lines.replace(",7,", ",07,").replace("10.00", "11.00"), "utf-8")
    ran = demo(*load)
    assert (ran.status, "leading zeros" in ran.err) == (0, True)
