"""The outbox, flows, runs, dead letters and reconciliation, as a person's browser uses them."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_bridge.apps.cli.app import main
from intacct_bridge.apps.console.app import TeamMode
from intacct_bridge.apps.console.sign_in import SECRET_HEADER
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from support.apps.console_site import RunningConsole, Visitor, running_console, save_connection
from support.apps.http_reader import HttpReader
from support.small_company import Clock, little_company

FLOWS = """
[flows.nightly]
command = "extract"
connection = "town"
streams = ["DEPARTMENT", "CLASS"]
to = "duckdb:///copy.duckdb"
description = "Every night <b>"

[flows.broken]
command = "extract"
connection = "town"
streams = ["DEPARTMENT"]
to = "duckdb:///missing/copy.duckdb"
"""


@pytest.fixture(scope="module")
def town(user: Path) -> Iterator[Emulator]:
    """A company of this module's own, with flows on it."""
    with closing(little_company(Clock())) as emulator, serve(emulator) as server:
        save_connection("town", server.url)
        (user / "work" / "intacct.toml").write_text(FLOWS)
        emulator.url = server.url  # type: ignore[attr-defined]
        yield emulator


@pytest.fixture(scope="module")
def reader(town: Emulator) -> HttpReader:
    return HttpReader(town.url)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def site(town: Emulator) -> Iterator[RunningConsole]:
    with running_console(connection="town") as made:
        yield made


@pytest.fixture
def anna(site: RunningConsole) -> Visitor:
    return site.signed_in()


def done(visitor: Visitor, address: str, **fields: str) -> dict[str, object]:
    """Do long work, and give its job."""
    started = visitor.post(address, fields)
    assert started.status == 303, started.text
    job: dict[str, object] = visitor.until_done(started.location)["job"]
    return job


def in_outbox(visitor: Visitor, **asked: str) -> list[dict[str, object]]:
    words = "&".join(f"{name}={value}" for name, value in asked.items())
    found: list[dict[str, object]] = visitor.get(f"/outbox.json?connection=town&{words}").json["entries"]
    return found


def test_an_entry_in_doubt_is_settled(anna: Visitor, town: Emulator, reader: HttpReader) -> None:
    """The answer is lost after the record was applied: settling finds it, and sends nothing."""
    town.fault_plan = FaultPlan((ScriptedFault("cut-after", function="create", object="CLASS"),))
    assert main(["create", "CLASS", "CLASSID=D-1", "NAME=Doubtful", "--connection", "town"]) == 5
    (entry,) = in_outbox(anna, state="in_doubt")
    where = f"/outbox/town/{entry['number']}"
    page = anna.get(where)
    assert "No answer came when it was sent" in page.text
    assert anna.get("/index.json").status == 200
    assert done(anna, f"{where}/settle")["state"] == "done"
    assert [one["state"] for one in in_outbox(anna, find="D-1")] == ["applied"]
    assert len(reader.rows("CLASS", "NAME", CLASSID="D-1")) == 1
    assert "Take back" in anna.get(where).text


def test_an_entry_that_the_outbox_does_not_have_is_not_found(anna: Visitor) -> None:
    assert main(["create", "CLASS", "CLASSID=D-0", "NAME=There", "--connection", "town"]) == 0
    (entry,) = in_outbox(anna, find="D-0")
    assert anna.get(f"/outbox/town/{entry['number']}").status == 200
    answer = anna.get("/outbox/town/987654321")
    assert (answer.status, "no entry 987654321" in answer.text) == (404, True)


def test_a_doubt_that_stays_is_resolved_in_the_name_of_the_person(
    anna: Visitor, town: Emulator, reader: HttpReader
) -> None:
    town.fault_plan = FaultPlan((ScriptedFault("cut-before", function="create", object="CLASS"),))
    assert main(["create", "CLASS", "CLASSID=D-2", "NAME=Lost", "--connection", "town"]) == 5
    (entry,) = in_outbox(anna, state="in_doubt")
    where = f"/outbox/town/{entry['number']}"
    without = anna.post(f"{where}/resolve", {"decision": "not-posted"})
    assert (without.status, "A reason is missing." in without.text) == (400, True)
    nowhere = anna.post(f"{where}/resolve", {"decision": "posted", "key": "", "because": "seen"})
    assert nowhere.status == 400
    undecided = anna.post(f"{where}/resolve", {"because": "seen"})
    assert (undecided.status, "There is no decision." in undecided.text) == (400, True)
    assert anna.post(f"{where}/resolve", {"decision": "not-posted", "because": "--posted-as=1"}).status == 303
    decided = anna.get(f"{where}.json").json
    assert decided["state"] == "not_sent"
    assert "anna" in json.dumps(decided["decisions"])
    assert "--posted-as=1" in json.dumps(decided["decisions"])
    assert done(anna, f"{where}/retry")["state"] == "done"
    assert len(reader.rows("CLASS", "NAME", CLASSID="D-2")) == 1


def test_the_page_proposes_records_that_an_entry_in_doubt_may_be(
    anna: Visitor, town: Emulator, reader: HttpReader
) -> None:
    """Intacct is asked only when the person asks, and a chosen record fills the form."""
    town.fault_plan = FaultPlan((ScriptedFault("cut-after", function="create", object="CLASS"),))
    assert main(["create", "CLASS", "CLASSID=D-3", "NAME=Applied <i>", "--connection", "town"]) == 5
    (entry,) = in_outbox(anna, state="in_doubt")
    where = f"/outbox/town/{entry['number']}"
    (seen,) = reader.rows("CLASS", "RECORDNO", CLASSID="D-3")
    record = seen["RECORDNO"]
    before = anna.get(f"{where}.json").json
    assert (before["asked"], before["candidates"]) == (False, [])
    assert "Look in Intacct for records that it may be" in anna.get(where).text
    asked = anna.get(f"{where}.json?candidates=1").json
    assert [(one["record"], one["same_key"]) for one in asked["candidates"]] == [(record, True)]
    chosen = anna.get(f"{where}?candidates=1&key={record}").html
    assert f'value="{record}"' in chosen
    assert "<i>" not in chosen
    resolved = anna.post(f"{where}/resolve", {"decision": "posted", "key": record, "because": "I saw it"})
    assert resolved.status == 303
    assert anna.get(f"{where}.json").json["state"] == "applied"
    assert anna.get(f"{where}.json?candidates=1").json["candidates"] == []


def test_a_posted_record_is_taken_back_by_a_plan(anna: Visitor, reader: HttpReader) -> None:
    assert main(["create", "CLASS", "CLASSID=U-1", "NAME=Undone", "--connection", "town"]) == 0
    (entry,) = in_outbox(anna, find="U-1")
    made = anna.post(f"/outbox/town/{entry['number']}/undo", {"delete": "yes"})
    plan = anna.follow(made)
    assert "Nothing was sent" in plan.text
    assert len(reader.rows("CLASS", "NAME", CLASSID="U-1")) == 1
    where = made.location.partition("?")[0]
    assert anna.get(f"{where}.json").json["plan"]["counts"] == {"delete": 1}
    job = done(anna, f"{where}/apply")
    assert (job["state"], job["result"]) == ("done", where)
    assert reader.rows("CLASS", "NAME", CLASSID="U-1") == []
    assert "Nothing is left to post" in anna.get(where).text


def test_the_outbox_is_searched_and_saved(anna: Visitor) -> None:
    assert main(["create", "CLASS", "CLASSID=S-1", "NAME=Searched", "--connection", "town"]) == 0
    assert [one["state"] for one in in_outbox(anna, find="S-1")] == ["applied"]
    assert main(["create", "CLASS", "CLASSID=S-1", "NAME=Twice", "--connection", "town"]) != 0
    assert [one["state"] for one in in_outbox(anna, find="S-1")] == ["rejected", "applied"]
    listed = anna.get("/outbox?connection=town&find=S-1").text
    assert "rejected CLASS S-1" in listed
    assert "created CLASS S-1" in listed
    assert in_outbox(anna, object="VENDOR") == []
    assert in_outbox(anna, since="2999-01-01") == []
    wrong = anna.get("/outbox?connection=town&since=yesterday")
    assert "is not a valid date" in wrong.text
    lines = anna.get("/outbox.csv?connection=town&find=S-1").body.decode().splitlines()
    assert len(lines) == 3
    for missing in ("/outbox/town/999999", "/outbox/town/x", "/outbox/town/%2e%2e", "/outbox/nothing/1"):
        assert anna.get(missing).status in (400, 404), missing


def test_a_flow_is_run_and_its_run_is_shown(anna: Visitor) -> None:
    assert "Every night &lt;b&gt;" in anna.get("/flows").html
    job = done(anna, "/flows/nightly/run")
    assert (job["state"], job["result"]) == ("done", "/flows/nightly")
    flow = anna.get("/flows/nightly.json").json
    (run,) = flow["runs"]
    assert (run["end"], run["person"], run["is_flow"]) == ("done", "anna", True)
    shown = anna.get(f"/runs/{run['id']}.json").json
    assert [one["name"] for one in shown["streams"]] == ["DEPARTMENT", "CLASS"]
    assert shown["log"]
    page = anna.get(f"/runs/{run['id']}")
    assert shown["command"] in page.text
    failed = done(anna, "/flows/broken/run")
    assert failed["state"] == "failed"
    assert any("does not exist" in line for line in failed["lines"])  # type: ignore[attr-defined]
    runs = anna.get("/runs.json?failed=yes&flow=broken").json["runs"]
    assert [one["end"] for one in runs] == ["wrong settings"]
    for missing in ("/flows/nothing", "/runs/zzzz", "/runs/%2e%2e"):
        assert anna.get(missing).status == 404, missing


def test_what_a_run_posted_is_taken_back(anna: Visitor, reader: HttpReader) -> None:
    assert main(["create", "CLASS", "CLASSID=U-2", "NAME=Run", "--connection", "town"]) == 0
    run = anna.get("/runs.json?command=create").json["runs"][0]
    made = anna.post(f"/runs/{run['id']}/undo")
    assert made.location.startswith("/plans/town/plan-")


@pytest.fixture
def cron(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A crontab program that keeps the table in a file, as cron's own does."""
    table, program = tmp_path / "table", tmp_path / "bin" / "crontab"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\ncase $1 in\n-l) [ -f {table} ] && cat {table} || {{ echo 'no crontab for anna' >&2; exit 1; }};;\n"
        f"-) cat > {table};;\nesac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return table


def test_a_schedule_is_written_into_the_crontab_and_removed(anna: Visitor, cron: Path) -> None:
    cron.write_text("5 4 * * * /usr/bin/other\n")
    assert anna.post("/flows/nightly/schedule", {"kind": "cron", "when": "15 2 * * 1-6"}).status == 303
    assert anna.post("/flows/nightly/schedule", {"kind": "cron", "when": "30 2 * * 1-6"}).status == 303
    other, ours = cron.read_text().splitlines()
    assert other == "5 4 * * * /usr/bin/other"
    assert ours.startswith("30 2 * * 1-6 cd ")
    assert shlex.split(ours.partition(" && ")[2], comments=True)[-3:] == ["run", "nightly", "-q"]
    shown = anna.get("/flows/nightly.json").json["schedule"]
    assert (shown["kind"], shown["text"]) == ("crontab", ours)
    wrong = anna.post("/flows/nightly/schedule", {"kind": "cron", "when": "* * * * * rm -rf /; #"})
    assert (wrong.status, "is not a cron time" in wrong.text) == (400, True)
    assert anna.post("/flows/nightly/schedule", {"kind": "remove"}).status == 303
    assert cron.read_text() == "5 4 * * * /usr/bin/other\n"


def test_a_crontab_that_cannot_be_read_is_not_replaced(anna: Visitor, cron: Path) -> None:
    program = cron.parent / "bin" / "crontab"
    program.write_text(
        f"#!/bin/sh\ncase $1 in\n-l) echo 'you are not allowed' >&2; exit 1;;\n-) cat > {cron};;\nesac\n"
    )
    refused = anna.post("/flows/nightly/schedule", {"kind": "cron", "when": "15 2 * * *"})
    assert (refused.status, "cannot be read" in refused.text) == (400, True)
    assert not cron.exists()


def test_in_a_team_only_administrators_write_and_remove_schedules(town: Emulator, cron: Path) -> None:
    mode, path = TeamMode("X-Forwarded-User", "a-long-secret-of-the-proxy"), "/flows/nightly"
    with running_console(team=mode, hosts=("books.example",), administrators=("berta",)) as team:
        for person, status, kind in (("ben", 403, "cron"), ("berta", 303, "cron"), ("ben", 403, "remove")):
            headers = {"Host": "books.example", "X_Forwarded_User": person, SECRET_HEADER: mode.secret}
            visitor = Visitor(team.url)
            page = visitor.get(path, **headers).html
            assert (f'action="{path}/schedule"' in page, f'action="{path}/run"' in page) == (person == "berta", True)
            token = re.search(r'name="csrf" value="([^"]+)"', page)
            assert token is not None
            visitor.csrf = token[1]
            form = {"kind": kind, "when": "15 2 * * *"}
            answer = visitor.post(f"{path}/schedule", form, Origin="https://books.example", **headers)
            assert answer.status == status, answer.text
            assert status == 303 or "ben may not change schedules." in answer.text
    assert "nightly" in cron.read_text()


def test_a_schedule_is_written_as_a_systemd_timer(anna: Visitor, user: Path) -> None:
    assert anna.post("/flows/nightly/schedule", {"kind": "systemd", "calendar": "Mon..Fri 06:30"}).status == 303
    (timer,) = user.rglob("intacct-nightly.timer")
    assert "OnCalendar=Mon..Fri 06:30" in timer.read_text()
    shown = anna.get("/flows/nightly.json").json["schedule"]
    assert (shown["kind"], shown["unit"]) == ("systemd timer", "intacct-nightly.timer")
    assert anna.get("/flows.json").json["flows"][0]["schedule"] == "systemd timer"
    assert anna.post("/flows/nightly/schedule", {"kind": "remove"}).status == 303
    assert list(user.rglob("intacct-nightly.*")) == []


def test_a_dead_letter_is_replayed_and_another_given_up(anna: Visitor, town: Emulator, user: Path) -> None:
    watch = ["watch", "DEPARTMENT", "--once", "--attempts", "1", "--connection", "town", "--name", "office", "--to"]
    assert main([*watch, "exec:true"]) == 0
    for number in ("Z1", "Z2"):
        assert main(["create", "DEPARTMENT", f"DEPARTMENTID={number}", f"TITLE={number}", "--connection", "town"]) == 0
    assert main([*watch, "exec:echo closed; false"]) == 1
    seen = anna.get("/dead-letters.json?connection=town").json
    first, second = seen["letters"]
    assert (seen["watches"][0]["dead"], first["error"]) == (2, "the command ended with exit status 1: closed")
    none = anna.post("/dead-letters/replay", {"connection": "town"})
    assert (none.status, "No event is chosen." in none.text) == (400, True)
    chosen = {"connection": "town", "number": str(first["number"])}
    assert anna.post("/dead-letters/replay", chosen).status == 303
    assert anna.post("/dead-letters/skip", {**chosen, "number": str(second["number"])}).status == 303
    assert main([*watch, "jsonl:arrived"]) == 0
    (arrived,) = (user / "work" / "arrived" / "DEPARTMENT.jsonl").read_text().splitlines()
    assert json.loads(arrived)["sequence"] == first["number"]
    assert anna.get("/dead-letters.json?connection=town").json["letters"] == []


def test_amounts_of_a_report_keep_their_digits(anna: Visitor) -> None:
    """Of cents no float has been made: the totals are whole cents, and texts in the data."""
    words = ["GLBATCH", "GLENTRY", "GLDETAIL", "GLACCOUNT", "LOCATION", "LOCATIONENTITY", "REPORTINGPERIOD"]
    assert main(["extract", *words, "--to", "duckdb:///ledger.duckdb", "--connection", "town", "-q", "--no-views"]) == 0
    job = done(anna, "/reconcile/run", connection="town", copy="duckdb:///ledger.duckdb")
    ledger = anna.get(f"{job['result']}.json").json["facts"]["ledger"]
    amounts = [one[side] for one in ledger["totals"] for side in ("debits", "credits")]
    assert amounts
    assert all(isinstance(one, str) and Decimal(one) == round(Decimal(one), 2) for one in amounts), amounts
    assert f"debits {Decimal(amounts[0]):,.2f}," in anna.get(str(job["result"])).text


def test_a_copy_is_compared_and_the_report_is_kept(anna: Visitor) -> None:
    assert main(["extract", "CLASS", "--to", "duckdb:///compared.duckdb", "--connection", "town", "-q"]) == 0
    assert "duckdb:///compared.duckdb" in anna.get("/reconcile.json").json["copies"]
    job = done(anna, "/reconcile/run", connection="town", copy="duckdb:///compared.duckdb")
    assert job["state"] == "done", job
    found = anna.get(f"{job['result']}.json").json
    assert found["facts"]["equal"] is True
    assert "the copy matches the company" in anna.get(str(job["result"])).text
    saved = anna.get(f"{job['result']}/report.html")
    assert saved.headers["content-disposition"].startswith("attachment")
    assert anna.get("/reconcile.json").json["reports"][0]["equal"] is True
    missing = done(anna, "/reconcile/run", connection="town", copy="duckdb:///none.duckdb")
    assert missing["state"] == "failed"
    for other in ("/reconcile/0", "/reconcile/..%2f..%2fx", "/reconcile/x/report.html"):
        assert anna.get(other).status == 404, other
