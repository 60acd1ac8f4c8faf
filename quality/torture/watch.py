"""Changes under torture: random edits, watchers that are killed, and a receiver in other processes that misbehaves.

    python -m torture.watch [--rounds N] [--edits N] [--seed S]

Every round edits some records and runs a watcher in a process of its own, which may be killed at any moment. Its
receiver is a shell program that takes an event, fails, takes it and still fails, hangs, answers late, or dies. In
the end everything is delivered, and `check` has the conditions.
"""

import argparse
import json
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from intacct_bridge.changes.event_log import EventLog, EventState
from intacct_bridge.changes.follower import Follower, FollowOptions
from intacct_bridge.changes.receivers import open_receiver
from intacct_bridge.changes.watch import Watch
from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from support.small_company import NOON, Clock, company, connection
from support.torture.tally import Tally

RECEIVER = """#!/bin/bash
# Take an event, or misbehave, as the dice have it. BEHAVE=1: always take it.
event=$(cat)
dice=$((RANDOM % 100))
[ -n "$BEHAVE" ] && dice=0
if [ $dice -lt 66 ]; then echo "$event" >> "$1"
elif [ $dice -lt 76 ]; then echo 'it does not want to'; exit 1
elif [ $dice -lt 86 ]; then echo "$event" >> "$1"; exit 1
elif [ $dice -lt 90 ]; then sleep 30
elif [ $dice -lt 95 ]; then sleep 0.05; echo "$event" >> "$1"
else kill -9 $$
fi
"""
WATCH = Watch("torture", ("DEPARTMENT",))
ATTEMPTS = 4
DAY = 86_400.0


class _SharedClock:
    """Seconds since 1970, which the driver moves and all processes read."""

    def __init__(self) -> None:
        self.value = multiprocessing.Value("d", NOON.timestamp())

    def __call__(self) -> float:
        return float(self.value.value)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self(), UTC)


def _serve(clock: _SharedClock, pipe: Pipe) -> None:
    """The company, in a process of its own."""
    from intacct_emulator.server.server import serve

    emulator = company(Clock()).clone(clock=clock)
    with serve(emulator) as server:
        pipe.send(server.url)
        pipe.recv()
        pipe.send(list(emulator.incidents))


@contextmanager
def _served(clock: _SharedClock) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(clock, there), daemon=True)
    process.start()
    incidents: list[str] = []

    def end() -> list[str]:
        here.send("end")
        incidents.extend(here.recv())
        return incidents

    try:
        yield here.recv(), end
    finally:
        process.terminate()
        process.join()


class Torture:
    """A company, its edits, and the watchers."""

    def __init__(self, seed: int, folder: Path, url: str, clock: _SharedClock) -> None:
        self.random, self.clock, self.url = Random(seed), clock, url
        self.tally = Tally()
        self.path, self.taken = folder / "log.events.sqlite3", folder / "taken.jsonl"
        self.script = folder / "receiver.sh"
        self.script.write_text(RECEIVER)
        self.client = Client(connection(url), keep=False, system=System(sleep=lambda _: None))
        self.there: dict[str, tuple[str, str]] = {}
        """The model: each department's record key and title."""
        self.edits = 0
        self.seen: list[dict[str, str]] = []
        """What the company had at each poll that was not killed, by record key."""

    def edit(self) -> None:
        """Create, rename or delete a department."""
        name = f"D{self.random.randint(0, 60)}"
        self.edits += 1
        if name in self.there and self.random.random() < 0.25:
            outcome = self.client.delete("DEPARTMENT", [self.there.pop(name)[0]])[0]
        else:
            title = f"title {self.edits}"
            row = {"DEPARTMENTID": name, "TITLE": title}
            verb = self.client.update if name in self.there else self.client.create
            outcome = verb("DEPARTMENT", [row])[0]
            self.there[name] = (self.there[name][0] if name in self.there else outcome.key, title)
        assert outcome.status == "success", outcome

    def poll(self, *, kill: float | None = None, behave: bool = False) -> None:
        """Run a watcher in a process of its own, and kill it after some seconds if that is wanted."""
        before = dict(self.there.values())
        child = os.fork()
        if not child:
            status = 70
            try:
                status = self._watcher(behave=behave)
            finally:
                os._exit(status)
        if kill is not None:
            time.sleep(kill)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            self.tally.counts["watchers killed"] += 1
        elif os.WEXITSTATUS(status):
            self.tally.failures.append(f"a watcher ended with {os.WEXITSTATUS(status)}")
        else:
            self.tally.counts["watchers that ended"] += 1
            self.seen.append(before)

    def _watcher(self, *, behave: bool) -> int:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if behave:
            os.environ["BEHAVE"] = "1"
        options = FollowOptions(attempts=ATTEMPTS, workers=3, keep_days=36_500)  # the check reads all events
        with Client(connection(self.url), keep=False) as client, EventLog(self.path) as log:
            command = f"exec:bash {self.script} {self.taken}"
            receiver = open_receiver(command, timeout=0.5, running=log.commands(WATCH.name))
            polled, _ = Follower(client, log, WATCH, receiver, options, now=self.clock.now).once()
        return 0 if polled.sound else 71

    def finish(self) -> None:
        """Deliver everything that waits, then every dead letter that may still be sent."""
        self.poll(behave=True)
        while self._waiting():
            self.clock.value.value += DAY
            self.poll(behave=True)
        with EventLog(self.path) as log:
            dead = log.find(WATCH.name, EventState.DEAD, 1_000_000)
            self.tally.counts["dead letters"] += len(dead)
            outdated = [one for one in dead if log.replay(one.event.number) is not None]
            self.tally.counts["dead letters that are outdated"] += len(outdated)
        self.poll(behave=True)

    def _waiting(self) -> bool:
        with EventLog(self.path) as log:
            return log.next_attempt(WATCH.name) is not None

    # --- the conditions

    def check(self) -> None:
        """What must hold in the end."""
        fail, counts = self.tally.failures.append, self.tally.counts
        taken = list(self._taken())
        contents: dict[str, str] = {}
        for one in taken:
            text = json.dumps(one, sort_keys=True)
            if contents.setdefault(one["id"], text) != text:
                fail(f"{one['id']} came with two contents")
        with EventLog(self.path) as log:
            logged = log.find(WATCH.name, None, 10_000_000)
        states = Counter(one.state for one in logged)
        counts["events"] += len(logged)
        counts["deliveries"] += len(taken)
        if states[EventState.PENDING]:
            fail(f"{states[EventState.PENDING]} events still wait")
        for entry in logged:
            if entry.state is EventState.DELIVERED and entry.event.id not in contents:
                fail(f"{entry.event.id} is marked as delivered and never came")
        self._check_order(taken, {one.event.id for one in logged if one.state is EventState.DEAD}, fail)
        self._check_states([one.event.to_dict() for one in logged], fail)

    def _taken(self) -> Iterator[dict[str, Any]]:
        """What the receiver took. A watcher that is killed while it writes leaves its receiver a part of a line."""
        for line in self.taken.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                self.tally.counts["lines cut off by a kill"] += 1

    def _check_order(self, taken: list[dict[str, Any]], dead: set[str], fail: Callable[[str], None]) -> None:
        """Of each record, an event comes after all earlier ones, but for dead letters and what was replayed."""
        highest: dict[str, int] = {}
        for one in taken:
            key, number = one["key"], one["sequence"]
            if number < highest.get(key, 0) and one["id"] not in dead:
                fail(f"{one['id']} came after event {highest[key]} of the same record")
            highest[key] = max(number, highest.get(key, 0))

    def _check_states(self, events: list[dict[str, Any]], fail: Callable[[str], None]) -> None:
        """The events lead through every state that a poll saw, each once, and end with the company's."""
        mirror: dict[str, str] = {}
        for one in events:
            if one["kind"] == "deleted":
                mirror.pop(one["key"], None)
            else:
                mirror[one["key"]] = one["record"]["TITLE"]
        ids: dict[tuple[str, str], str] = {}
        for event in events:
            if event["kind"] != "deleted":
                first = ids.setdefault((event["key"], json.dumps(event["record"], sort_keys=True)), event["id"])
                if first != event["id"]:
                    fail(f"{event['id']} has the state that {first} has brought")
        by_key = _states_by_key(events)
        for number, seen in enumerate(self.seen):
            for key, title in seen.items():
                if title not in by_key.get(key, ()):
                    fail(f"poll {number} saw {title!r} of {key}, and no event has it")
        if mirror != dict(self.there.values()):
            fail("the events do not lead to the company as it is")


def _states_by_key(events: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in events:
        if one["kind"] != "deleted":
            found.setdefault(one["key"], set()).add(one["record"]["TITLE"])
    return found


def run(rounds: int, edits: int, seed: int, *, within: float = 0.3) -> Tally:
    """All rounds; the tally. Each watcher is killed within so many seconds, unless it has ended by then."""
    with TemporaryDirectory() as folder:
        clock = _SharedClock()
        with _served(clock) as (url, end):
            torture = Torture(seed, Path(folder), url, clock)
            torture.poll(behave=True)
            for _ in range(rounds):
                for _ in range(torture.random.randint(1, 2 * edits - 1)):
                    clock.value.value += torture.random.choice((1, 30, 400))
                    torture.edit()
                clock.value.value += torture.random.choice((5, 400, 8000))
                torture.poll(kill=torture.random.uniform(0.0, within))
                if torture.random.random() < 0.3:
                    clock.value.value += 5
                    torture.poll()
            torture.finish()
            torture.check()
            torture.client.close()
            torture.tally.counts["edits"] = torture.edits
            torture.tally.failures += end()
            return torture.tally


def main() -> int:
    """Run and print; 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=600)
    parser.add_argument("--edits", type=int, default=17)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    tally = run(given.rounds, given.edits, given.seed)
    print(tally)
    for one in tally.failures[:20]:
        print("failed:", one)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
