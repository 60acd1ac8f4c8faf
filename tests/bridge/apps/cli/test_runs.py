"""The history that commands leave, the forms of their messages, and the documents for programs."""

import json
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from intacct_bridge.apps.cli.flows import runs as runs_page
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.tables import Count
from intacct_bridge.runs.run import Run
from intacct_bridge.shared_state.place import PostgresPlace
from support.apps.command_line import Intacct

CSV = "Name,Id\nOne,C-901\nTwo,C-902\n"


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The history of runs, switched on."""
    monkeypatch.setenv("INTACCT_RUN_HISTORY", str(tmp_path / "history" / "runs.sqlite3"))
    return tmp_path / "history"


def listed(intacct: Intacct) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(intacct("runs", "list", "--json").out)
    return found


def test_commands_that_read_or_write_leave_runs_and_others_none(demo: Intacct, kept: Path) -> None:
    assert demo("extract", "DEPARTMENT", "--to", "csv:copy").status == 0
    assert demo("query", "CLASS", "--select", "CLASSID", "--limit", "3").status == 0
    assert demo("create", "CLASS", "CLASSID=C-900", "NAME=Runs", "--yes").status == 0
    assert demo("delete", "CLASS", "C-NONE", "--yes").status == 1
    assert demo("extract", "DEPARTMENT", "--to", "nowhere:x").status == 2
    assert demo("connections", "list").status == 0
    assert demo("runs", "list").status == 0
    runs = listed(demo)
    assert [(one["command"], one["end"]) for one in runs] == [
        ("extract", "wrong settings"),
        ("delete", "failures"),
        ("create", "done"),
        ("query", "done"),
        ("extract", "done"),
    ]
    refused, _, made, asked, copied = runs
    assert refused["error"]["kind"] == "SettingsError"
    assert made["records"]["posted"] == 1
    assert (asked["rows"], copied["rows"]) == (3, 15)
    assert copied["destination"] == "csv:copy"
    assert all(one["connection"] == "demo" and one["person"] and one["transactions"] >= 1 for one in runs[1:])
    outbox = json.loads(demo("outbox", "list", "--json").out)
    assert {one["run"] for one in outbox} == {made["id"][:12]}, "the outbox names the run by the same id"


def test_a_run_shows_its_log_and_refused_rows(demo: Intacct, kept: Path) -> None:
    Path("c.csv").write_text("CLASSID,NAME\nC-1,One\n,Without an id\n")
    words = ("load", "c.csv", "--as", "CLASS", "--apply", "--refused", "r.csv", "--yes")
    assert demo(*words).status == 1
    (run,) = listed(demo)
    assert (run["records"]["posted"], run["records"]["refused"]) == (1, 1)
    assert run["refused_rows"] == [str(Path("r.csv").absolute())]
    shown = demo("runs", "show", run["id"][:8], "--log")
    assert shown.status == 0
    assert "failures, exit status 1" in shown.out
    assert "1 posted, 1 refused" in shown.out
    assert "1 refused row in r.csv, each with its reason" in shown.out
    lines = [json.loads(line) for line in Path(run["log"]).read_text().splitlines()]
    assert {one["run"] for one in lines} == {run["id"]}
    assert {one["connection"] for one in lines} == {"demo"}
    assert Path(run["log"]).stat().st_mode & 0o077 == 0


def test_a_run_whose_log_is_in_a_database_says_how_to_print_it(
    demo: Intacct, postgres_place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTACCT_RUN_HISTORY", f"{postgres_place.uri}&schema={postgres_place.schema}")
    assert demo("extract", "NOTHING", "--to", "csv:copy").status == 2
    (run,) = listed(demo)
    shown = demo("runs", "show", run["id"][:8])
    words = re.search(r"log +in the history's database; print it with intacct (runs show \w+ --log)", shown.out)
    assert words is not None, shown.out
    assert shown.out.count("NOTHING") < demo(*words[1].split()).out.count("NOTHING")
    assert json.loads(demo("runs", "show", run["id"], "--json").out)["log"] == ""


def test_statistics_and_metrics(demo: Intacct, kept: Path) -> None:
    demo("extract", "DEPARTMENT", "--to", "csv:copy")
    demo("extract", "NOTHING", "--to", "csv:copy")
    told = json.loads(demo("runs", "stats", "--json", "--metrics", "m.prom").out)
    (extract,) = told["flows"]
    assert (extract["runs"], extract["succeeded"], extract["success"]) == (2, 1, 0.5)
    assert told["usage"][0]["transactions"] == sum(one["transactions"] for one in listed(demo))
    assert 'intacct_last_run_exit_status{flow="",command="extract",connection="demo"} 2' in Path("m.prom").read_text()


UNBALANCED = """Journal,Date,Title,Account,Department,Location,Debit,Credit
GJ,2026-11-30,Rent,68000,100,100,10,
GJ,2026-11-30,Rent,21000,100,100,,9
"""


def test_a_plan_that_refuses_records_is_no_failure_and_a_load_that_does_is(demo: Intacct, kept: Path) -> None:
    Path("rent.csv").write_text(UNBALANCED)
    for words in ((), ("--apply", "--yes")):
        assert demo("load", "rent.csv", "--as", "journal-entries", *words).status == 1
    assert [run["end"] for run in listed(demo)] == ["failures", "planned"]
    assert [run["end"] for run in json.loads(demo("runs", "list", "--failed", "--json").out)] == ["failures"]
    (load,) = json.loads(demo("runs", "stats", "--json", "--metrics", "m.prom").out)["flows"]
    assert (load["runs"], load["succeeded"], load["failed"]) == (2, 0, 1)
    assert 'end="planned"} 1' in Path("m.prom").read_text()


def test_a_person_who_answers_no_has_made_no_failure(
    demo: Intacct, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("rent.csv").write_text(UNBALANCED.replace(",,9", ",,10"))
    assert demo("load", "rent.csv", "--as", "journal-entries", "--out", "rent.plan").status == 0
    monkeypatch.setattr(Output, "confirm", lambda *_: False)
    declined = demo("plan", "approve", "rent.plan")
    assert (declined.status, "Nothing was approved." in declined.err) == (2, True)
    assert [run["end"] for run in listed(demo)] == ["declined", "done"]


def test_a_damaged_history_stops_no_command(demo: Intacct, kept: Path) -> None:
    kept.mkdir()
    (kept / "runs.sqlite3").write_bytes(b"no database" * 99)
    ran = demo("query", "CLASS", "--select", "CLASSID", "--limit", "1")
    assert ran.status == 0
    assert ran.err.count("is not kept in the history of runs") == 1
    shown = demo("runs", "list")
    assert shown.status == 2
    assert "cannot be used" in shown.err


def test_nothing_is_kept_where_the_history_is_off(demo: Intacct, home: Path) -> None:
    assert demo("query", "CLASS", "--limit", "1").status == 0
    assert not list(home.rglob("runs.sqlite3"))
    assert demo("runs", "list").status == 2


def test_a_credential_in_an_address_is_in_no_file(demo: Intacct, kept: Path) -> None:
    uri = "postgresql://me:hunter2@127.0.0.1:1/x"
    ran = demo("extract", "DEPARTMENT", "--to", uri, "--log-format", "json")
    assert ran.status == 4, "the destination does not answer, so a scheduler may try again"
    (run,) = listed(demo)
    assert (run["end"], run["error"]["kind"]) == ("temporary fault", "UnreachableError")
    assert "hunter2" not in ran.said
    with sqlite3.connect(kept / "runs.sqlite3") as db:
        assert "hunter2" not in str(db.execute("SELECT body FROM run").fetchall())
    assert all(b"hunter2" not in one.read_bytes() for one in kept.rglob("*") if one.is_file())


def test_messages_have_a_form_for_people_and_two_for_logs(demo: Intacct, kept: Path) -> None:
    words = ("extract", "DEPARTMENT", "NOTHING", "--to", "csv:copy")
    plain, text, lines = (demo(*words, "--log-format", form) for form in ("plain", "text", "json"))
    assert plain.status == text.status == lines.status == 2
    assert plain.err.startswith("error  ")
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z error +", line) for line in text.err.splitlines())
    (told,) = [json.loads(line) for line in lines.err.splitlines()]
    assert told["level"] == "error"
    assert (told["class"], told["exit_status"]) == ("InvalidRequestError", 2)
    assert told["run"] == listed(demo)[0]["id"]
    datetime.fromisoformat(told["time"])


def test_a_log_has_a_line_for_each_stream(demo: Intacct, kept: Path) -> None:
    ran = demo("extract", "DEPARTMENT", "CLASS", "--to", "csv:copy", INTACCT_LOG_FORMAT="json")
    told = {one["stream"]: one["rows"] for one in map(json.loads, ran.err.splitlines()) if "stream" in one}
    assert told["DEPARTMENT"] == 15
    assert set(told) >= {"DEPARTMENT", "CLASS"}


def test_an_extraction_is_one_document_for_a_program(demo: Intacct, kept: Path) -> None:
    told = json.loads(demo("extract", "DEPARTMENT", "CLASS", "--to", "csv:copy", "--json").out)
    (run,) = listed(demo)
    assert told["run"] == run["id"]
    assert (told["destination"], told["connection"], told["company"]) == ("csv:copy", "demo", "demo-company")
    assert datetime.fromisoformat(told["started"]) <= datetime.fromisoformat(told["ended"])
    assert told["totals"]["streams"] == 2
    assert told["totals"]["rows"] == sum(one["rows"] for one in told["streams"]) == run["rows"]
    assert told["totals"]["transactions"] == run["transactions"]


def test_a_load_is_one_document_for_a_program(demo: Intacct, kept: Path) -> None:
    for name in ("one", "two"):
        Path(f"{name}.csv").write_text(f"CLASSID,NAME\nC-{name},{name}\n,no id\n")
    words = ("load", "one.csv", "two.csv", "--as", "CLASS", "--json", "--yes")
    planned = json.loads(demo(*words).out)
    assert planned["totals"]["to_send"] == planned["totals"]["refused"] == 2
    assert [one["source"] for one in planned["files"]] == ["one.csv", "two.csv"]
    applied = json.loads(demo(*words, "--apply").out)
    assert applied["totals"] | {"transactions": 0, "seconds": 0} == {
        "records": 4, "to_send": 0, "posted": 2, "already_in_intacct": 0, "skipped": 0, "refused": 2, "in_doubt": 0,
        "not_sent": 0, "transactions": 0, "seconds": 0,
    }  # fmt: skip
    assert [[row["outcome"] for row in one["outcomes"]] for one in applied["files"]] == [["posted"], ["posted"]]
    assert applied["run"] == listed(demo)[0]["id"]
    again = json.loads(demo(*words, "--apply").out)
    assert again["totals"]["already_in_intacct"] == 2
    assert [[row["outcome"] for row in one["outcomes"]] for one in again["files"]] == [["unchanged"], ["unchanged"]]


def test_an_interrupted_extraction_leaves_what_it_read(
    demo: Intacct, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C once the second stream is being read."""
    seen: set[str] = set()

    def update(_: object, name: str, done: int, total: int | None = None) -> None:
        seen.add(name)
        if len(seen) > 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("intacct_bridge.apps.terminal.progress._Lines.update", update)
    ran = demo("extract", "DEPARTMENT", "CLASS", "VENDOR", "APBILL", "--to", "csv:copy")
    assert ran.status == 130
    (run,) = listed(demo)
    assert (run["end"], run["error"]) == ("interrupted", None)
    assert run["rows"] > 0
    assert {one["name"] for one in run["streams"]} >= {"DEPARTMENT", "CLASS", "VENDOR", "APBILL"}


def test_a_run_that_told_no_end_shows_no_zero_that_was_not_measured() -> None:
    run = Run(id="a", started=datetime.now(UTC), command="extract")
    assert runs_page._transactions(run) == "not known"
    assert runs_page._transactions(replace(run, transactions=7)) == "7 or more"
    assert runs_page._transactions(replace(run, status=0, ended=run.started)) == Count(0)
    assert runs_page.run_data(run)["transactions"] is None
    assert runs_page.run_data(replace(run, transactions=7))["transactions"] == 7
    assert runs_page.run_data(replace(run, status=0, ended=run.started))["transactions"] == 0
