"""`intacct watch` as its user runs it: over HTTP, on a small company whose clock a test moves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from support.apps.command_line import Intacct, Ran
from support.apps.http_reader import LOGIN, HttpReader
from support.small_company import Clock, company


class Town:
    """A company over HTTP, and the command line on it."""

    def __init__(self, url: str, clock: Clock, intacct: Intacct, emulator: Emulator) -> None:
        self.url, self.clock, self._intacct, self.emulator = url, clock, intacct, emulator
        self.reader = HttpReader(url)

    def __call__(self, *words: str, **environ: str) -> Ran:
        self.clock.forward(minutes=10)
        own = {} if "--connection" in words else self.reader.environ
        return self._intacct("watch", *words, **own, **environ)

    def create(self, number: str, title: str) -> None:
        self.reader.call(
            f"<create><DEPARTMENT><DEPARTMENTID>{number}</DEPARTMENTID><TITLE>{title}</TITLE></DEPARTMENT></create>"
        )

    def rename(self, number: str, title: str) -> None:
        self.reader.call(
            f"<update><DEPARTMENT><DEPARTMENTID>{number}</DEPARTMENTID><TITLE>{title}</TITLE></DEPARTMENT></update>"
        )

    def delete(self, number: str) -> None:
        (row,) = self.reader.rows("DEPARTMENT", "RECORDNO", DEPARTMENTID=number)
        self.reader.call(f"<delete><object>DEPARTMENT</object><keys>{row['RECORDNO']}</keys></delete>")


@pytest.fixture
def towns(intacct: Intacct) -> Iterator[Callable[[], Town]]:
    servers, emulators = [], []

    def make() -> Town:
        clock = Clock()
        emulator = company(clock)
        server = serve(emulator)
        servers.append(server)
        emulators.append(emulator)
        return Town(server.url, clock, intacct, emulator)

    yield make
    for server, emulator in zip(servers, emulators, strict=True):
        server.close()
        assert emulator.incidents == []
        emulator.close()


@pytest.fixture
def town(towns: Callable[[], Town]) -> Town:
    return towns()


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


TO = ("DEPARTMENT", "--to", "jsonl:events", "--once")


def test_changes_since_the_last_run_are_delivered(town: Town, home: Path) -> None:
    first = town(*TO)
    assert (first.status, first.out, first.err) == (0, "", "No changes.\n")
    town.create("X1", "One")
    second = town(*TO)
    assert (second.status, second.err) == (0, "1 change read; 1 event delivered\n")
    town.rename("X1", "Two")
    town(*TO)
    town.delete("X1")
    done = json.loads(town(*TO, "--json").out)
    assert (done["events"], done["delivered"], done["failed"], done["dead"]) == (1, 1, 0, 0)
    found = lines(home / "work" / "events" / "DEPARTMENT.jsonl")
    assert [one["kind"] for one in found] == ["created", "updated", "deleted"]
    assert found[1]["changed"] == {
        "TITLE": {"old": "One", "new": "Two"},
        "WHENMODIFIED": {"old": None, "new": "2026-11-30T12:20:00Z"},
    } or set(found[1]["changed"]) >= {"TITLE"}  # type: ignore[call-overload]
    assert len({one["id"] for one in found}) == 3


def test_a_failed_delivery_is_tried_again_by_a_later_run(town: Town, home: Path) -> None:
    town("DEPARTMENT", "--to", "exec:false", "--once")
    town.create("X1", "One")
    failed = town("DEPARTMENT", "--to", "exec:false", "--once")
    assert failed.status == 1
    assert failed.err == "1 change read; 1 delivery failed: the command ended with exit status 1\n"
    shown = json.loads(town("status", "--json").out)
    assert [(one["watch"], one["receiver"], one["pending"]) for one in shown] == [("DEPARTMENT", "exec:false", 1)]


def test_a_password_that_a_receiver_prints_is_not_kept(town: Town, home: Path) -> None:
    to = ("DEPARTMENT", "--to", "exec:echo it was $INTACCT_USER_PASSWORD; false", "--attempts", "1", "--once")
    town(*to)
    town.create("X1", "One")
    assert "it was ***" in town(*to).err
    assert "it was ***" in town("dead", "--json").out
    written = b"".join(path.read_bytes() for path in home.rglob("*.events.sqlite3*") if path.is_file())
    assert (b"it was ***" in written, b"it was demo" in written) == (True, False)


def test_what_a_command_prints_is_shown(town: Town) -> None:
    town.create("D9", "Ürün")
    ran = town("DEPARTMENT", "--from", "beginning", "--to", "exec:cat", "--once")
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert ("D9", "Ürün") in [(one["record"]["DEPARTMENTID"], one["record"]["TITLE"]) for one in events]
    town.create("D10", "Nine")
    json.loads(town("DEPARTMENT", "--to", "exec:cat", "--once", "--json").out or "null")


def test_dead_letters_are_listed_replayed_and_skipped(town: Town, home: Path) -> None:
    run = ("DEPARTMENT", "--name", "office", "--attempts", "1", "--once", "--to")
    town(*run, "exec:false")
    town.create("X1", "One")
    town.create("X2", "Two")
    town(*run, "exec:echo it is closed; false")
    dead = json.loads(town("dead", "--json").out)
    assert [(one["watch"], one["kind"], one["attempts"]) for one in dead] == [("office", "created", 1)] * 2
    assert dead[0]["error"] == "the command ended with exit status 1: it is closed"
    assert town("skip", str(dead[1]["number"])).err == "1 event skipped.\n"
    assert town("replay", "--dead").err == "1 event will be delivered again.\n"
    assert town(*run, "jsonl:events").err == "1 event delivered\n"
    assert [one["sequence"] for one in lines(home / "work" / "events" / "DEPARTMENT.jsonl")] == [dead[0]["number"]]
    assert town("dead").err == "There are no dead letters.\n"


def test_an_older_state_is_not_replayed_after_a_newer_one(town: Town) -> None:
    run = ("DEPARTMENT", "--name", "office", "--attempts", "1", "--once", "--to")
    town(*run, "exec:false")
    town.create("X1", "One")
    town(*run, "exec:false")
    (dead,) = json.loads(town("dead", "--json").out)
    town.rename("X1", "Two")
    town(*run, "exec:true")
    refused = town("replay", "--dead")
    assert refused.status == 1
    assert "a later state of DEPARTMENT" in refused.err
    assert "--as-of-then" in refused.err
    assert town("replay", str(dead["number"]), "--as-of-then").status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("DEPARTMENT",), "--to"),
        ((*TO, "--on", "renamed"), "--on renamed is not a kind of change"),
        ((*TO, "--from", "yesterday"), "'yesterday' is not a time at which to begin"),
        ((*TO, "--where", "TITEL = 'A'"), "DEPARTMENT has no field TITEL; did you mean TITLE"),
        ((*TO, "--changed", "TITEL"), "DEPARTMENT has no field TITEL"),
        (("DEPARTMNT", "--to", "exec:true", "--once"), "DEPARTMENT"),
        ((*TO, "--follow"), "--once and --follow do not go together"),
        ((*TO, "--secret", "whsec_abc"), "--secret names the place of a secret"),
        ((*TO, "--key", "NAME"), "--key is for --to load:CONNECTION only"),
        (("replay",), "there is nothing to replay"),
        (("replay", "99"), "there is no event 99"),
        (("dead", "--watch", "nowhere"), "there is no watch nowhere"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(town: Town, words: tuple[str, ...], said: str) -> None:
    if words[0] in ("replay", "dead"):
        town("DEPARTMENT", "--to", "exec:true", "--once")
    ran = town(*words)
    assert ran.status == 2, ran.said
    assert said in ran.said
    assert "Traceback" not in ran.said


def test_the_cost_of_a_month_is_shown_and_limited(town: Town) -> None:
    (limit,) = [{"INTACCT_MONTHLY_TRANSACTIONS": "1000"}]
    refused = town("DEPARTMENT", "--to", "exec:true", "--every", "60", **limit)
    assert refused.status == 2
    assert "about 2 API transactions: 86,400 a month at one poll every 60 s, 8640% of the 1,000" in refused.err
    assert "--every 10369" in refused.err


def test_without_a_watch_there_is_no_status(town: Town) -> None:
    ran = town("status")
    assert ran.status == 2
    assert "no watch has run on this connection" in ran.err


def test_two_processes_do_not_run_one_watch(town: Town, home: Path) -> None:
    from intacct_bridge.changes.event_log import EventLog

    town(*TO)
    (log,) = (home / "user").rglob("*.events.sqlite3")
    with EventLog(log) as other, other.exclusively("DEPARTMENT"):
        ran = town(*TO)
    assert ran.status == 4, "a scheduler may try again"
    assert "the watch DEPARTMENT is already running in another process" in ran.err


def connect_both(home: Path, here: Town, there: Town) -> None:
    """Settings with the connections `main` and `sister`."""
    folder = home / "user" / ".config" / "intacct-bridge"
    folder.mkdir(parents=True)
    names = {name.removeprefix("INTACCT_").lower(): value for name, value in LOGIN.items()}
    entries = "".join(f'{name} = "{value}"\n' for name, value in names.items())
    file = folder / "intacct.toml"
    tables = (
        f'[connections.{name}]\n{entries}endpoint = "{one.url}"\nenvironment = "implementation"\n'
        for name, one in (("main", here), ("sister", there))
    )
    file.write_text("".join(tables))
    file.chmod(0o600)


TO_SISTER = ("DEPARTMENT", "--fields", "DEPARTMENTID,TITLE", "--key", "DEPARTMENTID", "--to", "load:sister", "--once")


def test_another_company_gets_every_change_once(towns: Callable[[], Town], home: Path) -> None:
    here, there = towns(), towns()
    connect_both(home, here, there)
    run = (*TO_SISTER, "--connection", "main")
    assert here(*run).status == 0
    here.create("X1", "One")
    ran = here(*run)
    assert ran.status == 0, ran.said
    assert there.reader.rows("DEPARTMENT", "TITLE", DEPARTMENTID="X1")[0]["TITLE"] == "One"
    here.rename("X1", "Two")
    assert here(*run).status == 0
    assert [one["TITLE"] for one in there.reader.rows("DEPARTMENT", "TITLE", DEPARTMENTID="X1")] == ["Two"]
    here.delete("X1")
    ran = here(*run)
    assert ran.status == 0, ran.said
    assert there.reader.rows("DEPARTMENT", "TITLE", DEPARTMENTID="X1") == []


def test_records_of_the_other_company_that_were_deleted_here_before_stay(towns: Callable[[], Town], home: Path) -> None:
    """Department numbers are the same in both companies, and what one of them did before the watch is its own."""
    here, there = towns(), towns()
    connect_both(home, here, there)
    for town in (here, there):
        for name in ("X1", "X2", "99777"):
            town.create(name, "One")
    here.clock.forward(days=3)
    here.delete("X1")
    run = (*TO_SISTER, "--connection", "main")
    for _ in range(3):
        assert here(*run).status == 0
    assert len(there.reader.rows("DEPARTMENT", "TITLE", DEPARTMENTID="X1")) == 1
    here.delete("X2")
    assert here(*run).status == 0
    assert there.reader.rows("DEPARTMENT", "TITLE", DEPARTMENTID="X2") == []
    here.delete("99777")
    ran = here(*run)
    assert ran.status == 1, ran.said
    assert "never read the deleted DEPARTMENT 99777" in ran.said
    assert len(there.reader.rows("DEPARTMENT", "TITLE", DEPARTMENTID="99777")) == 1


def test_a_record_number_does_not_find_a_record_of_the_other_company(towns: Callable[[], Town], home: Path) -> None:
    here, there = towns(), towns()
    connect_both(home, here, there)
    run = ("DEPARTMENT", "--fields", "DEPARTMENTID,TITLE", "--to", "load:sister", "--once", "--connection", "main")
    assert here(*run).status == 0
    there.create("OTHER", "Its own")
    here.create("X1", "One")
    ran = here(*run)
    assert [one["TITLE"] for one in there.reader.rows("DEPARTMENT", "TITLE", DEPARTMENTID="OTHER")] == ["Its own"]
    assert ran.status == 0, ran.said
    assert [one["TITLE"] for one in there.reader.rows("DEPARTMENT", "TITLE", DEPARTMENTID="X1")] == ["One"]


def test_a_lost_answer_of_the_other_company_ends_with_in_doubt(towns: Callable[[], Town], home: Path) -> None:
    here, there = towns(), towns()
    connect_both(home, here, there)
    run = (*TO_SISTER, "--connection", "main")
    assert here(*run).status == 0
    here.create("X1", "One")
    there.emulator.fault_plan = FaultPlan((ScriptedFault("cut-before", function="create", object="DEPARTMENT"),))
    ran = here(*run)
    assert ran.status == 5, ran.said
    assert "in doubt" in ran.said
    assert there.reader.rows("DEPARTMENT", "TITLE", DEPARTMENTID="X1") == [], "nothing was sent a second time"


def test_a_watch_that_follows_ends_with_a_signal(town: Town, home: Path) -> None:
    town(*TO)
    town.create("X1", "One")
    file = home / "work" / "events" / "DEPARTMENT.jsonl"
    words = [sys.executable, "-m", "intacct_bridge", "watch", "DEPARTMENT", "--to", "jsonl:events", "--every", "1"]
    process = subprocess.Popen(words, env={**os.environ, **town.reader.environ}, stderr=subprocess.PIPE)
    while not file.exists() or not file.read_bytes().endswith(b"\n"):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    assert [one["kind"] for one in lines(file)] == ["created"]


def test_the_flow_of_a_watch_that_follows_tells_of_dead_letters_while_it_runs(town: Town, home: Path) -> None:
    Path("intacct.toml").write_text(
        '[flows.sync]\ncommand = "watch"\nstreams = ["DEPARTMENT"]\nto = "exec:false"\nattempts = 1\n'
        f'notify = ["pager"]\n[notify.pager]\ncommand = ["sh", "-c", "cat > {home / "told"}"]\n'
    )
    environ = {**os.environ, **town.reader.environ}
    once = [sys.executable, "-m", "intacct_bridge", "watch", "DEPARTMENT", "--to", "exec:false"]
    assert subprocess.run([*once, "--once", "--attempts", "1"], env=environ, check=False).returncode == 0
    town.create("X1", "One")
    process = subprocess.Popen(
        [sys.executable, "-m", "intacct_bridge", "run", "sync"], env=environ, stderr=subprocess.PIPE
    )
    while not (home / "told").exists() or not (home / "told").read_bytes().endswith(b"}"):
        assert process.poll() is None
        time.sleep(0.01)
    told = json.loads((home / "told").read_text())
    assert (told["flow"], told["end"], told["dead_letters"]) == ("sync", "running", 1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert b"Traceback" not in said
