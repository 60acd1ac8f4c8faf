"""Flows: named jobs of intacct.toml, run, checked, excluded from each other, promoted, and scheduled by systemd."""

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from intacct_bridge.apps.cli.app import root
from intacct_bridge.machine.account import machine_name
from intacct_bridge.operations.flow_jobs import flow_job
from intacct_bridge.operations.job_settings import JOBS, ExtractSettings, LoadSettings, declared_settings
from intacct_bridge.runs import UNATTENDED
from intacct_bridge.runs.definitions import Flow, find_flow
from intacct_bridge.runs.flow_lock import flow_lock, lock_path
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_protocol.errors import SettingsError
from support.apps.command_line import Intacct

NIGHTLY = """
[flows.nightly]
command = "extract"
connection = "demo"
streams = ["DEPARTMENT", "CLASS"]
to = "csv:{connection}"
full-every = ["DEPARTMENT=24"]

[flows.check]
command = "reconcile"
connection = "demo"
copy = "duckdb:///none.duckdb"

[flows.classes]
command = "load"
connection = "demo"
files = ["classes.csv"]
as = "CLASS"
apply = true
yes = true
"""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The history of runs, switched on."""
    monkeypatch.setenv("INTACCT_RUN_HISTORY", str(tmp_path / "history" / "runs.sqlite3"))
    return tmp_path / "history"


@pytest.fixture
def flows(demo: Intacct, kept: Path) -> Intacct:
    """The command line in a directory with flows, on a copy of the demo company."""
    Path("intacct.toml").write_text(NIGHTLY)
    Path("classes.csv").write_text("CLASSID,NAME\nF-1,One\nF-2,Two\n")
    return demo


def runs(flows: Intacct) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(flows("runs", "list", "--json").out)
    return found


def test_flows_run_in_order_and_end_with_the_worst_status(flows: Intacct) -> None:
    ran = flows("run", "nightly", "check", "classes")
    assert ran.status == 2, "there is no copy to compare, which a person must fix"
    assert Path("demo/DEPARTMENT").is_dir()
    classes, check, nightly = runs(flows)
    assert [one["flow"] for one in (nightly, check, classes)] == ["nightly", "check", "classes"]
    assert [one["end"] for one in (nightly, check, classes)] == ["done", "wrong settings", "done"]
    assert classes["records"]["posted"] == 2
    assert nightly["command"] == "extract"
    listed = flows("flows", "list")
    assert "wrong settings" in listed.out


def test_flows_give_one_document_for_a_program(flows: Intacct) -> None:
    told = json.loads(flows("run", "classes", "nightly", "--json").out)
    assert told["exit_status"] == 0
    classes, nightly = told["flows"]
    assert classes["result"]["totals"]["posted"] == 2
    assert nightly["result"]["totals"]["streams"] == 2
    assert nightly["run"] == nightly["result"]["run"] == runs(flows)[0]["id"]
    assert nightly["result"]["flow"] == "nightly"


def test_two_runs_of_one_flow_exclude_each_other(flows: Intacct) -> None:
    """Another process holds the flow; once it is killed, the flow runs."""
    code = (
        "import sys\n"
        "from intacct_bridge.runs.definitions import find_flow\n"
        "from intacct_bridge.runs.flow_lock import flow_lock\n"
        "with flow_lock(find_flow('nightly'), 'anna'):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        second = flows("run", "nightly")
        other = flows("run", "check")
        holder.kill()
    assert second.status == 4
    assert "flow nightly is running already: started by anna at 20" in second.err
    assert f"process {holder.pid}" in second.err
    assert other.status == 2, "another flow is not kept from running"
    assert flows("run", "nightly").status == 0


def test_a_flow_whose_outbox_is_shared_is_refused_while_another_machine_runs_it(
    flows: Intacct, postgres_place: PostgresPlace, tmp_path: Path
) -> None:
    outbox = f"{postgres_place.uri}&schema={postgres_place.schema}"
    connection = f"""
[connections.books]
company_id = "acme"
user_id = "bridge"
user_password = "words"
sender_id = "acme"
sender_password = "words"
endpoint = "http://127.0.0.1:9/gateway"
outbox = "{outbox}"
"""
    Path("intacct.toml").write_text(NIGHTLY.replace('connection = "demo"', 'connection = "books"') + connection)
    theirs = replace(find_flow("nightly"), path=tmp_path / "theirs" / "intacct.toml")
    with flow_lock(theirs, "anna", postgres_place):
        refused = flows("run", "nightly")
    assert refused.status == 4
    assert "flow nightly is running already: started by anna at 20" in refused.err
    assert machine_name() in refused.err
    assert runs(flows) == []


def test_a_flow_is_promoted_with_another_connection_and_copy(flows: Intacct, tmp_path: Path) -> None:
    Path("intacct.toml").write_text(
        NIGHTLY
        + """
[flows.nightly.environments.production]
connection = "books"
streams = ["DEPARTMENT"]
to = {env = "WAREHOUSE"}
"""
    )
    here, there = find_flow("nightly"), find_flow("nightly").on("books")
    assert here.values()["to"] == "csv:demo"
    assert (there.connection, there.options["streams"]) == ("books", ["DEPARTMENT"])
    assert lock_path(here) != lock_path(there)
    assert find_flow("nightly").on("other").values()["to"] == "csv:other"
    shown = flows("flows", "show", "nightly", "--connection", "books", WAREHOUSE="postgresql://me:hunter2@db/x")
    assert shown.status == 0, shown.err
    assert "intacct extract --connection books --to postgresql://db/x" in shown.out
    assert "hunter2" not in shown.said
    missing = flows("flows", "show", "nightly", "--connection", "books")
    assert missing.status == 2
    assert "line 25, flow nightly: to refers to the environment variable WAREHOUSE" in missing.err


@pytest.mark.parametrize(
    ("line", "place", "said"),
    [
        ('command = "extrct"', 3, "'extrct' cannot be the command of a flow; did you mean extract?"),
        ('command = "extract"\nto = "csv:x"\nstrems = ["A"]', 5, "extract has no option 'strems'; did you mean"),
        ('command = "extract"\nto = "cvs:x"', 0, "Unsupported destination 'cvs:x'."),
        ('command = "extract"', 2, "Missing option '--to'."),
        ('command = "extract"\nto = "csv:x"\nfull = "yes"', 5, "full must be true or false, not 'yes'"),
        ('command = "extract"\nto = true', 4, "to needs a value, not true"),
        ('command = "extract"\nto = ["csv:a", "csv:b"]', 4, "to takes one value, not a list"),
        ('command = "load"\nfiles = ["a"]\nas = "CLASS"\nmode = "upset"', 6, "'upset' is not one of"),
        ('command = "extract"\nto = "csv:x"\nconnection = "dmo"', 5, "there is no connection 'dmo'; did you"),
        ('command = "extract"\nto = "csv:x"\nnotify = "nobody"', 0, "there is no receiver of notifications 'nobody'"),
        ('to = "csv:x"', 2, "flow one has no command"),
        ('command = "connections"', 3, "'connections' cannot be the command of a flow; a flow runs extract, load"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_in_the_file(intacct: Intacct, line: str, place: int, said: str) -> None:
    Path("intacct.toml").write_text(f"# flows\n[flows.one]\n{line}\n")
    found = intacct("flows", "check")
    assert found.status in (1, 2), found.said
    assert said in found.said
    if place:
        assert f"intacct.toml, line {place}, flow one" in found.said


def test_a_flow_that_posts_nothing_is_noted(intacct: Intacct) -> None:
    Path("intacct.toml").write_text('[flows.one]\ncommand = "load"\nfiles = ["a.csv"]\nas = "CLASS"\n')
    checked = intacct("flows", "check", "--json")
    assert checked.status == 0
    (note,) = json.loads(checked.out)
    assert note["kind"] == "note"
    assert "posts nothing" in note["finding"]


def test_an_unknown_flow_is_refused_before_any_runs(flows: Intacct) -> None:
    ran = flows("run", "classes", "nightli")
    assert ran.status == 2
    assert "there is no flow 'nightli'; did you mean nightly?" in ran.err
    assert runs(flows) == []


def test_a_failed_flow_notifies_and_a_failed_notification_changes_nothing(flows: Intacct) -> None:
    Path("intacct.toml").write_text(
        NIGHTLY.replace(
            'copy = "duckdb:///none.duckdb"', 'copy = "duckdb:///none.duckdb"\nnotify = ["script", "broken"]'
        )
        + f"""
[notify.script]
command = ["{sys.executable}", "-c", "import sys; open('told.json', 'w').write(sys.stdin.read())"]

[notify.broken]
command = ["{sys.executable}", "-c", "import sys; sys.exit('no pager')"]
on = ["always"]
"""
    )
    ran = flows("run", "check", "nightly")
    assert ran.status == 2
    assert "The notification broken was not delivered: it ended with status 1: no pager" in ran.err
    told = json.loads(Path("told.json").read_text())
    assert (told["flow"], told["end"], told["exit_status"]) == ("check", "wrong settings", 2)
    assert told["text"].startswith("Flow check on demo: wrong settings.")
    assert told["error"]["class"] == "SettingsError"


def test_systemd_units_are_verified_by_systemd(flows: Intacct, tmp_path: Path) -> None:
    units = tmp_path / "units"
    assert flows("flows", "systemd", "nightly", "--on-calendar", "Mon..Fri 06:30", "--to", str(units)).status == 0
    printed = flows("flows", "systemd", "nightly", "--on-calendar", "Mon..Fri 06:30").out
    service, timer = units / "intacct-nightly.service", units / "intacct-nightly.timer"
    assert service.read_text() in printed
    assert timer.read_text() in printed
    assert "OnCalendar=Mon..Fri 06:30\n" in printed
    assert f"WorkingDirectory={Path.cwd()}\n" in printed
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not here")
    verified = subprocess.run(
        ["systemd-analyze", "verify", service, timer], capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stderr
    assert "intacct-nightly" not in verified.stderr
    subprocess.run(["systemd-analyze", "calendar", "Mon..Fri 06:30"], capture_output=True, check=True)


def test_sql_is_a_flow_too(flows: Intacct) -> None:
    statement = "SELECT DEPARTMENTID, TITLE FROM DEPARTMENT ORDER BY DEPARTMENTID"
    with Path("intacct.toml").open("a") as file:
        file.write(
            f'[flows.offices]\ncommand = "sql"\nconnection = "demo"\nstatement = "{statement}"\n'
            'format = "csv"\nout = "offices.csv"\n'
            '[flows.wrong]\ncommand = "sql"\nconnection = "demo"\nstatement = "DELETE FROM DEPARTMENT"\n'
        )
    assert flows("flows", "check", "offices").status == 0
    ran = flows("run", "offices", "wrong", "--json")
    assert ran.status == 2
    told = {one["flow"]: (one["exit_status"], one["end"]) for one in json.loads(ran.out)["flows"]}
    assert told == {"offices": (0, "done"), "wrong": (2, "wrong settings")}
    written = Path("offices.csv").read_text().splitlines()
    asked = json.loads(flows("query", "DEPARTMENT", "--select", "DEPARTMENTID", "--json").out)
    assert written[0] == "DEPARTMENTID,TITLE"
    assert sorted(line.split(",")[0] for line in written[1:]) == sorted(one["DEPARTMENTID"] for one in asked)
    offices = next(one for one in runs(flows) if one["flow"] == "offices")
    assert offices["transactions"] >= 1


@pytest.mark.parametrize(
    "receiver", ["https://127.0.0.1:1/services/TeLlTaLe", "exec:: TeLlTaLe; cat >/dev/null; echo $RECEIVER; false"]
)
def test_what_a_reference_stands_for_is_in_no_output_and_no_file(
    flows: Intacct, home: Path, tmp_path: Path, receiver: str
) -> None:
    """A watch keeps its receiver and what the receiver says, and a run its command line."""
    Path("intacct.toml").write_text("""
[flows.tell]
command = "watch"
connection = "demo"
streams = ["DEPARTMENT"]
from = "beginning"
to = {env = "RECEIVER"}
once = true
""")
    for words in (("flows", "show", "tell"), ("flows", "check", "tell")):
        shown = flows(*words, RECEIVER=receiver)
        assert (shown.status, "TeLlTaLe" in shown.said) == (0, False)
    ran = flows("run", "tell", "-vv", "--log-format", "json", RECEIVER=receiver)
    assert (ran.status, "deliveries failed" in ran.err, "TeLlTaLe" in ran.said) == (1, True, False)
    (watch,) = json.loads(flows("watch", "status", "--json", "--connection", "demo").out)
    assert (watch["receiver"][:5], watch["pending"] > 0) == ("*** (", True)
    assert runs(flows)[0]["destination"] == watch["receiver"]
    written = {one: one.read_bytes() for folder in (home, tmp_path) for one in folder.rglob("*") if one.is_file()}
    assert [str(path) for path, content in written.items() if b"TeLlTaLe" in content] == []


def test_two_watches_of_the_same_streams_whose_receivers_are_masked_do_not_share_their_events(flows: Intacct) -> None:
    Path("intacct.toml").write_text("""
[flows.tell]
command = "watch"
connection = "demo"
streams = ["DEPARTMENT"]
to = {env = "RECEIVER"}
once = true
""")
    assert flows("run", "tell", RECEIVER="exec:cat >/dev/null # one").status == 0
    assert flows("run", "tell", RECEIVER="exec:cat >/dev/null # one").status == 0
    other = flows("run", "tell", RECEIVER="exec:cat >/dev/null # two")
    assert (other.status, "the watch DEPARTMENT delivers to ***" in other.err) == (2, True)


def test_a_value_of_a_flow_counts_as_given(flows: Intacct) -> None:
    """A saved plan is applied as it was made: an option of planning beside it is refused, in a flow too."""
    flow = '[flows.saved]\ncommand = "load"\nconnection = "demo"\nfrom-plan = "x.plan"\nkey = "CLASSID"\napply = true\n'
    Path("intacct.toml").write_text(flow)
    ran = flows("run", "saved")
    assert ran.status == 2
    assert "a saved plan is applied as it was made, without --key" in ran.err


def test_a_flow_does_not_post_again_what_was_taken_back(flows: Intacct) -> None:
    """Unless the flow says so. A person at the same load sees the note, and may post it."""
    entry = "GJ,2026-11-30,Rent,R-1"
    head = "Journal,Date,Title,Reference,Account,Debit,Credit,Location\n"
    Path("rent.csv").write_text(f"{head}{entry},68000,5,,100\n{entry},10010,,5,100\n")
    rent = """
[flows.rent]
command = "load"
connection = "demo"
files = ["rent.csv"]
as = "journal-entries"
apply = true
yes = true
"""
    Path("intacct.toml").write_text(rent)
    assert flows("run", "rent").status == 0
    undone = flows("undo", "--entry", "1", "--apply", "--yes", "--connection", "demo")
    assert undone.status == 0, undone.said
    again = flows("run", "rent")
    assert (again.status, "taken back on" in again.said) == (1, True), again.said
    Path("intacct.toml").write_text(f'{rent}after-undo = "post"\n')
    assert flows("run", "rent").status == 0


def _command(job: str) -> click.Command:
    """The command of a job; `watch` is short for `watch run`."""
    command = root.get_command(click.Context(root), job)
    if isinstance(command, click.Group):
        command = command.get_command(click.Context(command), "run")
    assert command is not None
    return command


def test_a_flow_can_run_what_a_scheduler_runs() -> None:
    assert tuple(JOBS) == UNATTENDED


@pytest.mark.parametrize("job", UNATTENDED)
def test_the_options_of_a_command_are_the_settings_of_its_job(job: str) -> None:
    settings = declared_settings(JOBS[job])
    of_every_command = {"connection", "entity", "as_json", "log_format", "quiet", "verbose"}
    assert {option.name for option in _command(job).params} - of_every_command == set(settings)
    assert [option.name for option in _command(job).params if option.envvar] == []


WRONG = [
    ("extract", 'unified = "v3"', ["--unified", "v3"]),
    ("extract", 'names = "upper"', ["--names", "upper"]),
    ("extract", 'since = "yesterday"', ["--since", "yesterday"]),
    ("extract", "max-transactions = 0", ["--max-transactions", "0"]),
    ("extract", 'max-transactions = "many"', ["--max-transactions", "many"]),
    ("extract", 'attachments = "intacct.toml"', ["--attachments", "intacct.toml"]),
    ("extract", 'map = ["."]', ["--map", "."]),
    ("load", "batch-size = 101", ["--batch-size", "101"]),
    ("load", 'mode = "upset"', ["--mode", "upset"]),
    ("load", 'decimal = ";"', ["--decimal", ";"]),
    ("load", 'out = "."', ["--out", "."]),
    ("watch", "every = 0", ["--every", "0"]),
    ("watch", "keep-days = 1.5", ["--keep-days", "1.5"]),
    ("reconcile", 'report = "."', ["--report", "."]),
    ("sql", 'format = "xml"', ["--format", "xml"]),
]
NEEDED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "extract": ({"to": "csv:x"}, ["--to", "csv:x"]),
    "load": ({}, []),
    "watch": ({"streams": ["VENDOR"], "to": "jsonl:x"}, ["VENDOR", "--to", "jsonl:x"]),
    "reconcile": ({"copy": "csv:x"}, ["--copy", "csv:x"]),
    "sql": ({"statement": "SELECT 1"}, ["SELECT 1"]),
}


@pytest.mark.parametrize(("job", "line", "words"), WRONG)
def test_a_flow_refuses_a_value_with_the_words_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str, line: str, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("intacct.toml").write_text("")
    table, arguments = NEEDED[job]
    with pytest.raises(click.UsageError) as by_command:
        _command(job).make_context(job, [*arguments, *words])
    with pytest.raises(SettingsError) as by_flow:
        flow_job(Flow("one", Path("intacct.toml"), job, options={**table, **tomllib.loads(line)}))
    assert by_flow.value.message.endswith(f": {by_command.value.format_message()}")


@pytest.mark.parametrize(
    ("job", "table"),
    [("extract", {}), ("watch", {"to": "jsonl:x"}), ("watch", {"streams": ["VENDOR"]}), ("reconcile", {}), ("sql", {})],
)
def test_a_flow_misses_a_setting_with_the_words_of_the_command(job: str, table: dict[str, Any]) -> None:
    words = [*table.get("streams", []), *(["--to", table["to"]] if "to" in table else [])]
    with pytest.raises(click.UsageError) as by_command:
        _command(job).make_context(job, words)
    with pytest.raises(SettingsError) as by_flow:
        flow_job(Flow("one", Path("intacct.toml"), job, options=table))
    assert by_flow.value.message.endswith(f": {by_command.value.format_message()}")


def test_the_settings_of_a_flow_are_typed() -> None:
    options = {
        "streams": ["VENDOR", "APBILL"], "to": "csv:x", "since": date(2026, 1, 31), "full_every": ["24"],
        "max-transactions": 50, "map": "bills.toml", "no-views": True,
    }  # fmt: skip
    job = flow_job(Flow("one", Path("intacct.toml"), "extract", "books", options=options))
    assert job.settings == ExtractSettings(
        streams=("VENDOR", "APBILL"), to="csv:x", since=datetime(2026, 1, 31), periods=("24",), max_transactions=50,
        map_files=(Path("bills.toml"),), no_views=True, written=frozenset(
            {"streams", "to", "since", "periods", "max_transactions", "map_files", "no_views"}
        ),
    )  # fmt: skip
    assert job.words == (
        "extract", "--connection", "books", "--to", "csv:x", "--since", "2026-01-31", "--full-every", "24",
        "--max-transactions", "50", "--map", "bills.toml", "--no-views", "VENDOR", "APBILL",
    )  # fmt: skip
    apply = flow_job(Flow("one", Path("intacct.toml"), "load", options={"files": "-x.csv", "apply": True}))
    assert isinstance(apply.settings, LoadSettings)
    assert not apply.settings.only_plan
    assert apply.words == ("load", "--apply", "--", "-x.csv")
