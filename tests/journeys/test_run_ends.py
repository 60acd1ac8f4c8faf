"""Commands that are told to end, or killed, at each of their requests: the run tells the truth, and the next one ends
the work. Real processes over HTTP.
"""

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_protocol.xml.reply import Reply
from support.client.gateway import fault, refused, xml
from support.journeys.killing import KILLED, Ended, Killer, Programs
from support.journeys.transaction_check import TransactionCheck
from support.small_company import Clock, little_company

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="needs signals")]
TERMINATED = 143
UNDER_WAY = 4
"""API transactions of requests that were sent when the process ended, and may not have come to the company."""
CLASSES = "CLASSID,NAME\n" + "".join(f"K-{number},Class {number}\n" for number in range(5))


@dataclass(slots=True)
class Place:
    """A company, the programs in one folder, and what the company has billed."""

    emulator: Emulator
    clock: Clock
    killer: Killer
    programs: Programs
    check: TransactionCheck

    def run(self, *words: str) -> Ended:
        """Run `intacct` to its end, and wait for the end of its requests."""
        ended = self.programs.run("intacct", *words)
        self.killer.wait_for_requests()
        return ended

    def prepare(self, command: "Command") -> None:
        """Run what the command needs."""
        for words in command.before:
            ended = self.run(*words)
            assert ended.status == 0, ended

    def billed(self) -> int:
        """API transactions so far."""
        return self.check.billed.total()

    def runs(self, most: int) -> list[dict[str, Any]]:
        """What the history says of the newest runs, the oldest first."""
        self.killer.arm(0, after=False)
        listed = self.run("runs", "list", "--json")
        assert listed.status == 0, listed
        newest = json.loads(listed.out)[:most]
        return [
            {"status": run["status"], "transactions": run["transactions"], "posted": run["records"]["posted"]}
            for run in reversed(newest)
        ]

    def classes(self) -> list[str]:
        """The ids of the classes of the file that the company has."""
        rows = (row for _, row in self.emulator.company().table("CLASS").rows())
        return sorted(str(row["CLASSID"]) for row in rows if str(row["CLASSID"]).startswith("K-"))


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is told to end."""

    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    """Commands that must have run."""
    least_requests: int = 4
    done: Callable[[Place], bool] = lambda _: True
    """Whether the work is done in the company."""


LOAD = ("load", "classes.csv", "--as", "CLASS", "--yes", "--apply", "--batch-size", "2")
COPY = ("extract", "CLASS", "DEPARTMENT", "APBILL", "--to", "duckdb:copy.duckdb")
COMMANDS = {
    "extract": Command(COPY),
    "plan": Command((*LOAD[:4], "--out", "classes.plan")),
    "apply": Command(
        ("plan", "apply", "classes.plan", "--yes"),
        ((*LOAD[:4], "--out", "classes.plan"),),
        done=lambda place: len(place.classes()) == 5,
    ),
    "load": Command(LOAD, done=lambda place: len(place.classes()) == 5),
    "undo": Command(("undo", "classes.csv", "--yes", "--apply"), (LOAD,), done=lambda place: not place.classes()),
    "reconcile": Command(("reconcile", "--copy", "duckdb:copy.duckdb"), (COPY,)),
    "watch": Command(("watch", "CLASS", "DEPARTMENT", "--to", "jsonl:events", "--once")),
}


@pytest.fixture
def place(tmp_path: Path, transactions: TransactionCheck, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A company, and a folder with a file of classes."""
    monkeypatch.delenv("INTACCT_RUN_HISTORY", raising=False)
    (tmp_path / "classes.csv").write_text(CLASSES)
    clock = Clock()
    emulator = little_company(clock)
    killer = Killer(emulator, lambda _: True)
    with serve(killer) as server:
        yield Place(emulator, clock, killer, Programs(tmp_path, server.url, killer), transactions)
    assert emulator.incidents == []
    emulator.close()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_that_is_told_to_end_at_each_request_tells_the_truth(place: Place, name: str) -> None:
    """The n-th repetition of the command is told to end at its n-th request, until one ends by itself."""
    command, killer = COMMANDS[name], place.killer
    place.prepare(command)
    killer.signal = signal.SIGTERM
    told: list[dict[str, Any]] = []
    while not told or told[-1]["status"] == TERMINATED:
        billed, classes = place.billed(), place.classes()
        killer.arm(len(told) + 1, after=bool(len(told) % 2))
        ended = place.run(*command.words)
        assert ended.status in (0, TERMINATED), ended
        assert "Traceback" not in ended.err
        changed = len(set(place.classes()) ^ set(classes))
        assert not changed or re.search(rf"\b{changed} (posted|deleted)\b", ended.err), ended
        told.append({"status": ended.status, "transactions": place.billed() - billed, "posted": changed})
    assert len(told) > command.least_requests
    assert told[-1]["status"] == 0
    assert command.done(place)
    for run, truth in zip(place.runs(len(told)), told, strict=True):
        uncertain = run.pop("transactions") - truth.pop("transactions")
        assert 0 <= uncertain <= (UNDER_WAY if truth["status"] else 0)
        assert run == truth


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_run_is_shown_as_killed_and_claims_no_more_than_it_did(place: Place, name: str) -> None:
    command, killer = COMMANDS[name], place.killer
    place.prepare(command)
    billed = place.billed()
    killer.arm(command.least_requests, after=True)
    assert place.run(*command.words).status == KILLED
    (run,) = place.runs(1)
    assert run["status"] is None
    assert run["transactions"] is None or 0 < run["transactions"] <= place.billed() - billed
    assert run["posted"] <= len(place.classes())
    killer.arm(0, after=False)
    place.clock.forward(minutes=61)
    again = place.run(*command.words)
    assert again.status == 0, again
    assert command.done(place)


TOO_MANY = xml(refused(fault("GW-0010", "Too many requests"), echo=False), 429)


class BusyGateway:
    """The company; it refuses the first try of each request with 429, and every one after `last` others."""

    def __init__(self, emulator: Emulator, last: int | None = None) -> None:
        self._emulator, self._last = emulator, last
        self.answered = self.refused = 0

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        if self.answered == self._last or self.refused <= self.answered:
            self.refused += 1
            return Reply(TOO_MANY.status, TOO_MANY.body, {**TOO_MANY.headers, "retry-after": "0"})
        self.answered += 1
        return self._emulator(endpoint, body)


@pytest.mark.parametrize(("name", "last", "status"), [("extract", 3, 1), ("load", 6, 4)])
def test_runs_of_a_busy_gateway_count_what_was_answered(place: Place, name: str, last: int, status: int) -> None:
    """First the gateway refuses all after some requests, then each once. An extraction ends with failed streams."""
    command = COMMANDS[name]
    told: list[dict[str, Any]] = []
    for most in (last, None):
        place.killer.emulator = BusyGateway(place.emulator, most)
        billed, classes = place.billed(), place.classes()
        ended = place.run(*command.words)
        assert ended.status == (0 if most is None else status), ended
        posted = len(place.classes()) - len(classes)
        told.append({"status": ended.status, "transactions": place.billed() - billed, "posted": posted})
    assert place.runs(2) == told
    assert command.done(place)
