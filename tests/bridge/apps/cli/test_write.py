"""The writing commands: single records, files, and what is kept of them."""

import csv
import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from intacct_bridge.apps.demo.sample import write_sample
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.command_line import AS_OF, Intacct


def test_a_record_is_created_updated_and_deleted(demo: Intacct) -> None:
    made = demo("create", "CLASS", "CLASSID=C-77", "NAME=Bridges", "--json")
    assert json.loads(made.out)["key"] == "C-77"
    assert "demo-company (demo)" in made.err
    assert demo("update", "CLASS", "C-77", "NAME=Bridges and tunnels").status == 0
    assert json.loads(demo("get", "CLASS", "C-77", "--json").out)[0]["NAME"] == "Bridges and tunnels"
    again = demo("create", "CLASS", "CLASSID=C-77", "NAME=Bridges")
    assert again.status == 1
    assert "already exists" in again.err
    assert "`intacct update`" in again.err, "an option of another command is no advice"
    assert demo("delete", "CLASS", "C-77").status == 0
    assert demo("get", "CLASS", "C-77").status == 1


def test_an_update_never_goes_to_another_record(demo: Intacct, home: Path) -> None:
    first = json.loads(demo("create", "CLASS", "CLASSID=C-1", "NAME=One", "--json").out)["recordno"]
    demo("create", "CLASS", "CLASSID=C-2", "NAME=Two")
    wrong = demo("update", "CLASS", "C-2", f"RECORDNO={first}", "NAME=Three")
    assert (wrong.status, "Leave RECORDNO out" in wrong.err) == (2, True)
    (home / "one.json").write_text(json.dumps({"recordno": first, "NAME": "Uno"}))
    assert demo("update", "CLASS", "C-2", "--from", str(home / "one.json")).status == 2
    assert demo("update", "CLASS", "C-1", "--from", str(home / "one.json")).status == 0
    names = [json.loads(demo("get", "CLASS", key, "--json").out)[0]["NAME"] for key in ("C-1", "C-2")]
    assert names == ["Uno", "Two"]


def test_a_record_that_has_a_key_twice_is_refused(demo: Intacct, home: Path) -> None:
    (home / "one.json").write_text('{"CLASSID": "C-3", "NAME": "One", "NAME": "Two"}')
    ran = demo("create", "CLASS", "--from", str(home / "one.json"))
    assert (ran.status, "one.json has the key 'NAME' twice" in ran.err) == (2, True), ran.err
    assert demo("get", "CLASS", "C-3").status == 1


def test_an_empty_value_clears_a_field(demo: Intacct) -> None:
    demo("create", "CLASS", "CLASSID=C-78", "NAME=Bridges", "DESCRIPTION=Over water")
    demo("update", "CLASS", "C-78", "DESCRIPTION=")
    assert json.loads(demo("get", "CLASS", "C-78", "--json").out)[0].get("DESCRIPTION") is None


def test_a_number_that_may_be_two_records_is_refused(demo: Intacct) -> None:
    # The demo company's departments have DEPARTMENTIDs such as 100; give one the RECORDNO of another.
    (first,) = json.loads(demo("query", "DEPARTMENT", "--select", "RECORDNO", "--limit", "1", "--json").out)
    number = str(first["RECORDNO"])
    demo("create", "DEPARTMENT", f"DEPARTMENTID={number}", "TITLE=Two meanings")
    ran = demo("get", "DEPARTMENT", number)
    assert ran.status == 2
    assert "--by name" in ran.err
    assert "Two meanings" in demo("get", "DEPARTMENT", number, "--by", "name").out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("create", "CLASS", "CLASSID"), "FIELD=VALUE"),
        (("create", "CLASS", "CLASSIDD=1"), "did you mean CLASSID"),
        (("create", "CLASS"), "no fields"),
        (("create", "APBILL", "WHENDUE=soon"), "WHENDUE"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_sent(demo: Intacct, words: tuple[str, ...], says: str) -> None:
    ran = demo(*words)
    assert ran.status == 2
    assert says in ran.err


def test_a_production_company_is_not_written_to_without_confirmation(intacct: Intacct) -> None:
    credentials = {
        "INTACCT_COMPANY_ID": "acme",
        "INTACCT_USER_ID": "u",
        "INTACCT_USER_PASSWORD": "pppp",
        "INTACCT_SENDER_ID": "s",
        "INTACCT_SENDER_PASSWORD": "qqqq",
        "INTACCT_ENDPOINT_URL": "http://127.0.0.1:9/x",  # nobody is there, and nobody is asked
        "INTACCT_READ_FORMATTING": "false",
    }
    ran = intacct("outbox", "retry", **credentials)
    assert ran.status == 0
    assert "Nothing to retry." in ran.err


def test_a_file_is_planned_applied_and_recognised(demo: Intacct, home: Path) -> None:
    file = str(write_sample("journal-entries.csv", home / "work", as_of=AS_OF))
    planned = demo("load", file, "--as", "journal-entries")
    assert planned.status == 0
    assert "11 to create" in planned.out
    assert "--apply" in planned.err
    applied = demo("load", file, "--as", "journal-entries", "--apply", "--json")
    receipts = json.loads(applied.out)["files"][0]["outcomes"]
    assert applied.status == 0
    assert [row["outcome"] for row in receipts] == ["posted"] * 11
    again = demo("load", file, "--as", "journal-entries", "--apply")
    assert again.status == 0
    assert "Nothing to send: 11 records already in Intacct." in again.err
    kept = json.loads(demo("outbox", "list", "--json").out)
    assert [row["receipt"] for row in kept] == [row["receipt"] for row in receipts]
    shown = demo("outbox", "show", "1")
    assert "applied" in shown.out


def test_an_amount_below_zero_is_a_number_in_the_exported_outbox(demo: Intacct, home: Path) -> None:
    file = home / "work" / "negative.csv"
    file.write_text("CLASSID,NAME\nNE-1,-12.50\nNE-2,-1+2\n")
    assert demo("load", str(file), "--as", "CLASS", "--apply", "--track", "NAME").status == 0
    demo("outbox", "list", "--source", "negative.csv", "--export", "negative-writes.csv")
    with (home / "work" / "negative-writes.csv").open(encoding="utf-8", newline="") as opened:
        assert [row[".NAME"] for row in csv.DictReader(opened)] == ["-12.50", "'-1+2"]


def test_a_column_of_the_file_is_tracked_and_another_name_is_refused_before_anything_is_sent(
    demo: Intacct, home: Path
) -> None:
    file = home / "work" / "tracked-bills.csv"
    head = "VENDORID,BILLNO,DATE,DUE,ACCOUNTNO,AMOUNT,LOCATION,DEPARTMENT"
    file.write_text(f"{head}\nV10001,TR-1,2026-11-20,2026-12-20,60500,10.00,110,100\n")
    words = ("load", str(file), "--as", "bills", "--apply")
    refused = demo(*words, "--track", "BILNO")
    assert refused.status == 2
    assert "`track` names BILNO" in refused.err.replace("--track", "`track`")
    assert json.loads(demo("outbox", "list", "--source", "tracked-bills", "--json").out) == []
    assert demo(*words, "--track", "billno").status == 0
    demo("outbox", "list", "--source", "tracked-bills", "--export", "tracked.csv")
    with (home / "work" / "tracked.csv").open(encoding="utf-8", newline="") as opened:
        assert [row[".BILLNO"] for row in csv.DictReader(opened)] == ["TR-1"]


def test_an_auditor_finds_every_write_with_its_receipt_row_and_tracked_values(demo: Intacct, home: Path) -> None:
    file = home / "work" / "classes.csv"
    file.write_text("CLASSID,NAME\nAU-1,Bridges\nAU-2,=Tunnels()\n")
    words = ("load", str(file), "--as", "CLASS", "--apply", "--track", "NAME", "--track", "classid")
    assert demo(*words).status == 0
    assert demo("load", str(file), "--as", "CLASS", "--mode", "delete", "--key", "CLASSID", "--apply").status == 0

    def found(*more: str) -> list[tuple[str, str]]:
        rows = json.loads(demo("outbox", "list", "--object", "class", "--json", *more).out)
        return [(row["operation"], row["source"]) for row in rows if "classes.csv" in row["source"]]

    assert found("--find", "bridges") == [("create", "classes.csv:2")]
    assert found("--operation", "create") == [("create", "classes.csv:2"), ("create", "classes.csv:3")]
    assert found("--by", "nobody") == found("--source", "other.csv") == found("--until", "2020-01-01") == []
    assert len(found("--by", "DEMO-USER", "--since", "2020-01-01", "--source", "classes")) == 4
    kept = demo("outbox", "list", "--source", "classes.csv", "--operation", "create", "--export", "writes.csv")
    assert "2 entries in writes.csv" in kept.err
    with (home / "work" / "writes.csv").open(encoding="utf-8", newline="") as opened:
        first, second = csv.DictReader(opened)
    assert (first["company"], first["by"], first["state"]) == ("demo-company", "demo-user", "released")
    assert first["receipt"]
    assert (first[".NAME"], second[".NAME"]) == ("Bridges", "'=Tunnels()")
    assert first[".CLASSID"] == "AU-1"
    assert demo("outbox", "list", "--export", "writes.jsonl").status == 0
    lines = (home / "work" / "writes.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["operation"] for line in lines} >= {"create", "delete"}
    assert "neither CSV nor JSON lines" in demo("outbox", "list", "--export", "writes.xlsx").err


def test_outside_a_terminal_a_production_company_needs_yes(intacct: Intacct, home: Path, company_file: Path) -> None:
    (home / "work" / "classes.csv").write_text("CLASSID,NAME\nPR-1,Bridges\n")
    words = ("load", "classes.csv", "--as", "CLASS", "--apply")
    path = home / "company.sqlite3"
    shutil.copy(company_file, path)
    with closing(Emulator.demo(path, as_of=AS_OF)) as emulator, serve(emulator) as server:
        login = {
            "INTACCT_COMPANY_ID": "demo-company",
            "INTACCT_USER_ID": "demo-user",
            "INTACCT_USER_PASSWORD": "demo-user-password",
            "INTACCT_SENDER_ID": "demo-sender",
            "INTACCT_SENDER_PASSWORD": "demo-sender-password",
            "INTACCT_ENDPOINT_URL": server.url,
        }
        refused = intacct(*words, **login)
        assert refused.status == 2
        assert "Nothing was written" in refused.err
        assert "--yes" in refused.err
        reading = intacct(*words, "--yes", INTACCT_READ_ONLY="true", **login)
        assert reading.status == 2
        assert "read-only" in reading.err
        assert "1 not sent;" in reading.err
        assert emulator.company().table("CLASS").find("CLASSID", "PR-1") == []
        assert intacct(*words, "--yes", **login).status == 0
        assert len(emulator.company().table("CLASS").find("CLASSID", "PR-1")) == 1


def test_refused_rows_are_written_with_their_reason(demo: Intacct, home: Path) -> None:
    file = str(write_sample("journal-entries-bad.csv", home / "work", as_of=AS_OF))
    ran = demo("load", file, "--as", "journal-entries", "--refused", "mend.csv")
    assert ran.status == 1
    for reason in ("does not balance", "no account '63001'", "not a valid date", "two decimals", "'Enginering'"):
        assert reason in ran.out
    assert "does not balance" in (home / "work" / "mend.csv").read_text("utf-8-sig")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("load", "none.csv", "--as", "journal-entries"), "none.csv"),
        (("load", "none.csv", "--as", "journal-entires"), "did you mean journal-entries"),
        (("load", "none.csv"), "cannot read none.csv"),
        (("load", "there.csv"), "It is not known what there.csv holds"),
    ],
)
def test_an_unreadable_input_ends_in_a_message(demo: Intacct, words: tuple[str, ...], says: str, home: Path) -> None:
    if words[-1] == "journal-entires":
        (home / "work" / "none.csv").write_text("Journal\n")
    (home / "work" / "there.csv").write_text("Journal\n")
    ran = demo(*words)
    assert ran.status == 2
    assert says in ran.err
