"""A demo of a fleet of emulated companies: workers in processes of their own, edits, and everything that goes wrong.

One company has a wrong password, one hangs, one worker is killed with kill -9 in the middle of its runs, and the
secrets are sealed with a new key. The emulator counts what each company received, and its ledgers have what was posted:
the checks compare these with the fleet's own meters, runs and copies.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from intacct_bridge.operations.fleets import Fleet, FleetKey, NewTenant, QueuedRun
from intacct_bridge.operations.runs import RunEnd
from intacct_bridge.testing import Company
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, SenderSettings
from intacct_emulator.settings.faults import ScriptedFault
from intacct_protocol.model.wording import counted

STREAMS = ("CLASS", "VENDOR", "DEPARTMENT")
CONCURRENCY = 4
_WORKERS = 2
_SHORTEST = 20
"""Seconds between two runs of a flow; if there are many companies, one second for each."""
_PATIENCE = 600.0
_SAY_EVERY = 5.0
"""Seconds between two lines about the progress."""
_SESSION_ENDS = 2.0
"""Seconds in which the database has ended the sessions of a killed process, and its last statement."""
_GRACE = 30.0
"""Seconds that workers have to end."""
_REQUEST_COST = {"copy": 1, "post": 2}
"""The most API transactions of one request of a flow: a load posts both entries in one request."""
_ALL = 1_000_000
_EDITOR = SenderSettings("demo-editor", "demo-editor-password")
"""Edits come by a licence of their own, so that the emulator counts them apart."""
_WRONG, _HANGS = 2, 3
"""The places of the company with a wrong password, and of the one that hangs."""
_ENTRY = """Journal,Date,Title,Reference,Account,Debit,Credit,Department,Location,Memo
GJ,{day},Night,NIGHT-{name}-1,65100,10.00,,Marketing,120,
GJ,{day},Night,NIGHT-{name}-1,66200,,10.00,Marketing,120,
GJ,{day},Night,NIGHT-{name}-2,65100,20.00,,Marketing,120,
GJ,{day},Night,NIGHT-{name}-2,66200,,20.00,Marketing,120,
"""
Say = Callable[[str], None]


@dataclass(slots=True)
class WorkerProcess:
    """A process that carries out the runs of the fleet."""

    process: "subprocess.Popen[bytes]"
    killed: bool = False


@dataclass(slots=True)
class FleetDemo:
    """A fleet in the demo, and what happened to it, for the report and the checks."""

    fleet: Fleet
    emulator: Emulator
    folder: Path
    tenants: tuple[str, ...]
    wrong: str
    hangs: str
    keys: tuple[str, str]
    """The first key of the fleet, and the one that replaces it."""
    concurrency: int
    """The most requests of a company at once."""
    edits: int = 0
    killed: tuple[QueuedRun, ...] = ()
    """The runs that were going on in the worker that was killed."""
    spare: Counter[str] = field(default_factory=Counter)
    """By tenant, the transactions of the requests under way at a kill: counted, and they may never have left."""
    outages: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When the database server was down; a run of these times may end with a temporary fault."""
    resealed: int = 0
    runs: tuple[QueuedRun, ...] = field(default=())

    @property
    def edited(self) -> tuple[str, ...]:
        """The tenants whose records change in the demo."""
        return tuple(name for name in self.tenants[::3] if name != self.hangs)

    @property
    def well(self) -> tuple[str, ...]:
        """The tenants with which nothing is wrong."""
        return tuple(name for name in self.tenants if name not in (self.wrong, self.hangs))


@contextmanager
def fleet_of_companies(
    uri: str, folder: Path, companies: int, *, as_of: date, concurrency: int = CONCURRENCY
) -> Iterator[FleetDemo]:
    """A new fleet of emulated companies over HTTP, with its tenants, their flows and their sealed secrets."""
    company = CompanySettings(senders=(CREDENTIALS["sender_id"], _EDITOR.sender_id))
    settings = EmulatorSettings(senders=(SenderSettings(), _EDITOR), companies=(company,))
    emulator = Emulator.demo(as_of=as_of, months=3, settings=settings)
    names = tuple(one.company_id for one in Company(emulator).share(companies))
    hang = ScriptedFault("slow", company=names[_HANGS], calls=(), seconds=600)
    emulator.fault_plan.add(hang)
    keys = FleetKey.new().text, FleetKey.new().text
    with serve(emulator) as server, Fleet.open(uri, keys[0]) as fleet:
        fleet.share_secrets({name: CREDENTIALS[name] for name in ("sender_id", "sender_password")})
        new = (
            _tenant(name, server.url, folder, _every(companies), wrong=name == names[_WRONG], day=as_of)
            for name in names
        )
        fleet.add_all(replace(one, limits={"concurrency": concurrency}) for one in new)
        try:
            yield FleetDemo(fleet, emulator, folder, names, names[_WRONG], names[_HANGS], keys, concurrency)
        finally:
            emulator.close()


def _every(companies: int) -> str:
    return f"every {max(_SHORTEST, companies)}s"


def _tenant(name: str, url: str, folder: Path, every: str, *, wrong: bool, day: date) -> NewTenant:
    entries = folder / f"{name}.csv"
    entries.write_text(_ENTRY.format(name=name, day=f"{day:%m/%d/%Y}"), encoding="utf-8")
    copy = {"command": "extract", "streams": [*STREAMS], "to": f"duckdb:///{folder / name}.duckdb"}
    post = {"command": "load", "files": [str(entries)], "as": "journal-entries", "apply": True, "yes": True}
    password = "not the password" if wrong else CREDENTIALS["user_password"]
    return NewTenant(
        name,
        settings={"endpoint": url, "environment": "demo", "company_id": name, "timeout": 3},
        flows={"copy": copy, "post": post},
        schedule={"copy": every, "post": every},
        secrets={"user_id": CREDENTIALS["user_id"], "user_password": password},
    )


def run_demo(demo: FleetDemo, uri: str, say: Say) -> None:
    """Let workers carry out what is due, with edits, a kill and a rotation, until all has run again after these.

    Ctrl-C ends the workers at once.
    """
    workers: list[WorkerProcess] = []
    try:
        for _ in range(_WORKERS):
            start_worker(demo, uri, workers)
        pace = _every(len(demo.tenants))
        flows = "one copies three lists into a file, and one posts two journal entries"
        say(f"Each company has two flows, which run {pace}: {flows}. {_WORKERS} workers start.")
        say(f"{demo.wrong} has a wrong password, and {demo.hangs} does not answer.")
        quarter = len(demo.tenants) // 4
        _until(
            lambda: len(_ended(demo)) >= quarter,
            "a quarter of the companies",
            workers,
            lambda: say(f"  first runs: {len(_ended(demo))} ended, of {quarter} to wait for"),
        )
        demo.edits = _edit(demo)
        say(f"{counted(demo.edits, 'record')} changed in the companies, one in each third company.")
        _kill(demo, workers[0], say)
        in_hand = counted(len(demo.killed), "run")
        say(f"A worker was killed with kill -9; it was carrying out {in_hand}. The others take over in ten seconds.")
        start_worker(demo, uri, workers)
        rotate(demo, uri)
        say(f"The secrets were sealed with a new key: {counted(demo.resealed, 'data key')}. A new worker starts.")
        wait_for_all(demo, workers, say)
        say("Every flow has run once more. The workers end.")
    except KeyboardInterrupt:
        _kill_all(workers)
        raise
    finally:
        end_demo(demo, workers)


def wait_for_all(demo: FleetDemo, workers: Sequence[WorkerProcess], say: Say = lambda _: None) -> None:
    """Wait until each flow of the tenants with which nothing is wrong has run from now on. TimeoutError if not."""
    began = datetime.now(UTC)
    flows = len(_expected_runs(demo))

    def progress() -> None:
        ran = len(_ran_since(demo, began))
        say(f"  once more: {ran} of {counted(flows, 'flow')} ran since; {len(_ended(demo))} runs ended in all")

    _until(lambda: len(_ran_since(demo, began)) == flows, "all flows to run once more", workers, progress)


def end_demo(demo: FleetDemo, workers: Sequence[WorkerProcess]) -> None:
    """Stop the workers as a person does, all at once, and take down the runs."""
    try:
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGTERM)
        ends = time.monotonic() + _GRACE
        for worker in workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, ends - time.monotonic()))
    finally:
        _kill_all(workers)
    demo.runs = tuple(_runs(demo))


def rotate(demo: FleetDemo, uri: str) -> None:
    """Seal the secrets with the other key."""
    with Fleet.open(uri, [demo.keys[1], demo.keys[0]]) as fleet:
        demo.resealed = fleet.rotate().resealed


def start_worker(demo: FleetDemo, uri: str, workers: list[WorkerProcess]) -> None:
    """Start a worker, which knows both keys. It is in the list even if a signal ends the demo meanwhile."""
    starting = threading.Thread(target=lambda: workers.append(_started(demo, uri)))  # no signal interrupts a thread
    starting.start()
    try:
        starting.join()
    finally:
        starting.join()


def _started(demo: FleetDemo, uri: str) -> WorkerProcess:
    keys = demo.keys
    environment = {**os.environ, "INTACCT_FLEET": uri, "INTACCT_FLEET_KEY": ",".join(reversed(keys))}
    command = [sys.executable, "-m", "intacct_bridge", "fleet", "work"]
    with (demo.folder / "workers.log").open("ab") as log:
        # Ctrl-C is for the demo only, which ends its workers
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )
    return WorkerProcess(process)


def _kill_all(workers: Sequence[WorkerProcess]) -> None:
    for worker in workers:
        worker.process.kill()
    for worker in workers:
        worker.process.wait()


def _kill(demo: FleetDemo, worker: WorkerProcess, say: Say) -> None:
    """Kill a worker in the middle of a run."""

    def in_hand() -> list[QueuedRun]:
        mine = f"-{worker.process.pid}-"
        return [one for one in _runs(demo) if one.ended_at is None and mine in one.worker and one.tenant != demo.hangs]

    _until(
        lambda: bool(in_hand()),
        "a run to begin",
        [],
        lambda: say("  waiting until the worker that is to be killed carries out a run"),
    )
    kill_worker(demo, worker)


def kill_worker(demo: FleetDemo, worker: WorkerProcess) -> None:
    """Kill a worker in the middle of its work."""
    worker.process.kill()
    worker.process.wait()
    worker.killed = True
    mine = [one for one in _runs(demo) if one.ended_at is None and f"-{worker.process.pid}-" in one.worker]
    demo.killed += tuple(mine)
    time.sleep(_SESSION_ENDS)
    for run in mine:
        demo.spare[run.tenant] += _REQUEST_COST[run.flow] * demo.fleet.requests_now(run.tenant)


def _runs(demo: FleetDemo) -> list[QueuedRun]:
    return [run for run in demo.fleet.queue.runs(limit=_ALL) if run.started_at is not None]


def _ended(demo: FleetDemo) -> list[QueuedRun]:
    return [one for one in _runs(demo) if one.ended_at is not None]


def _expected_runs(demo: FleetDemo) -> set[tuple[str, str]]:
    return {(name, flow) for name in demo.well for flow in _REQUEST_COST}


def _ran_since(demo: FleetDemo, moment: datetime) -> set[tuple[str, str]]:
    later = (run for run in _ended(demo) if run.started_at is not None and run.started_at > moment)
    return {(run.tenant, run.flow) for run in later} & _expected_runs(demo)


def _until(
    done: Callable[[], bool],
    what: str,
    workers: Sequence[WorkerProcess],
    progress: Callable[[], None] = lambda: None,
) -> None:
    now = time.monotonic()
    ends, says = now + _PATIENCE, now + _SAY_EVERY
    while not done():
        if time.monotonic() > says:
            says = time.monotonic() + _SAY_EVERY
            progress()
        dead = [one for one in workers if not one.killed and one.process.poll() is not None]
        if dead or time.monotonic() > ends:
            why = (
                f"a worker ended with status {dead[0].process.returncode}"
                if dead
                else f"{_PATIENCE:.0f} seconds passed"
            )
            raise TimeoutError(f"waited for {what}, and {why}")
        time.sleep(0.25)


def _edit(demo: FleetDemo) -> int:
    """Change records in every third company, as its people do: through the gateway, by another licence."""
    from intacct_bridge.connections.connection import Connection
    from intacct_bridge.operations.recorded_run import open_company

    edits = 0
    for name in demo.edited:
        credentials = demo.emulator.settings.credentials(name)
        settings: dict[str, Any] = {**credentials, "sender_id": _EDITOR.sender_id, "sender_password": _EDITOR.password}
        connection = Connection(name=f"editor-{name}", environment="demo", **settings)
        with open_company(connection, transport=demo.emulator, keep=False) as run:
            run.client.create("CLASS", [{"CLASSID": "NIGHT", "NAME": f"Made in the demo at {name}"}])
            edits += 1
    return edits


def outcomes(demo: FleetDemo) -> Counter[str]:
    """How the runs ended."""
    return Counter(one.outcome or RunEnd.RUNNING for one in demo.runs)


def seen_by_emulator(demo: FleetDemo, name: str) -> int:
    """The API transactions of a company by the fleet's licence, as the emulator counted them."""
    return demo.emulator.transactions(name).by_sender.get(CREDENTIALS["sender_id"], 0)
