"""`intacct load` of records that are void in their source: the counts, the reasons and the exit statuses."""

import json
from pathlib import Path

from support.apps.command_line import Intacct

HEAD = "Journal,Date,Title,Reference,Account,Debit,Credit,Location,Department,Status\n"


def entries(path: Path, **states: str) -> str:
    """A file of entries, each a reference with its status."""
    rows = (
        f"GJ,2026-11-20,Rent {number},{number},{line},110,210,{state}\n"
        for number, state in states.items()
        for line in ("60100,5,", "61100,,5")
    )
    path.write_text(HEAD + "".join(rows))
    return str(path)


def test_void_records_are_counted_apart_and_do_not_fail_a_load(demo: Intacct, home: Path) -> None:
    file = entries(home / "entries.csv", R1="Posted", R2="Void")
    planned = demo("load", file, "--as", "journal-entries")
    assert planned.status == 0
    assert "1 to create, 1 skipped" in planned.out
    assert "its source says 'Void', so it is not posted" in planned.err
    done = demo("load", file, "--as", "journal-entries", "--apply", "--json")
    assert done.status == 0
    totals = json.loads(done.out)["totals"]
    assert (totals["posted"], totals["skipped"], totals["refused"], totals["not_sent"]) == (1, 1, 0, 0)
    outcomes = {one["record"].split()[-1]: one["outcome"] for one in json.loads(done.out)["files"][0]["outcomes"]}
    assert outcomes == {"R1": "posted", "R2": "skipped"}
    again = demo("load", file, "--as", "journal-entries", "--apply")
    assert (again.status, "1 record already in Intacct, 1 record skipped" in again.err) == (0, True)


def test_a_file_of_void_records_sends_nothing(demo: Intacct, home: Path) -> None:
    done = demo("load", entries(home / "void.csv", R1="Cancelled"), "--as", "journal-entries", "--apply")
    assert (done.status, "Nothing to send: 1 record skipped." in done.err) == (0, True)
    data = json.loads(demo("load", str(home / "void.csv"), "--as", "journal-entries", "--apply", "--json").out)
    assert [one["outcome"] for one in data["files"][0]["outcomes"]] == ["skipped"]


def test_a_record_that_became_void_fails_the_load_and_names_its_undo(demo: Intacct, home: Path) -> None:
    file = entries(home / "entries.csv", R1="Posted")
    assert demo("load", file, "--as", "journal-entries", "--apply").status == 0
    entries(home / "entries.csv", R1="Void")
    planned = demo("load", file, "--as", "journal-entries", "--apply")
    assert planned.status == 1
    command = planned.out.partition("take it back: intacct ")[2].partition(";")[0].split()[:3]
    assert command[:2] == ["undo", "--entry"]
    assert demo(*command, "--apply", "--yes").status == 0
    assert demo("load", file, "--as", "journal-entries", "--apply").status == 0


def test_a_saved_plan_leaves_void_records_out(demo: Intacct, home: Path) -> None:
    file = entries(home / "entries.csv", R1="Posted", R2="Void")
    saved = demo("load", file, "--as", "journal-entries", "--out", str(home / "saved.plan"))
    assert saved.status == 0
    applied = demo("plan", "apply", str(home / "saved.plan"), "--yes")
    assert (applied.status, "1 posted" in applied.err) == (0, True), applied.err
    assert "R2" not in json.dumps(json.loads(demo("query", "GLBATCH", "--select", "REFERENCENO", "--json").out))
