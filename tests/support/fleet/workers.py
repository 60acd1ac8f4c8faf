"""A fleet of emulated companies, and worker processes that share only its database."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from intacct_bridge.fleet import Fleet
from intacct_bridge.fleet.fleet import NewTenant
from intacct_bridge.fleet.run_queue import TenantRun
from intacct_bridge.fleet.sealing import FleetKey
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.small_company import Clock, company

SECRETS = {"sender_password": "demo-sender-password", "user_password": "demo-user-password"}


class ServedFleet:
    """Tenants c0, c1, ... in a database, each with its company in one emulator over HTTP."""

    def __init__(self, emulator: Emulator, url: str, uri: str, folder: Path) -> None:
        self.emulator, self.url, self.uri, self.folder = emulator, url, uri, folder
        self.key = FleetKey.new().text
        self.fleet = Fleet.open(uri, self.key)
        self._processes: list[subprocess.Popen[str]] = []

    def add(self, count: int, flows: Mapping[str, Any], *, first: int = 0, **more: Any) -> list[str]:
        """Add tenants with these flows, in which `{company}` stands for the company."""
        names = [f"c{number}" for number in range(first, first + count)]
        self.emulator.add_companies(names)
        shared = {"user_id": "demo-user", "sender_id": "demo-sender", "endpoint": self.url}
        self.fleet.share_secrets({"sender_password": SECRETS["sender_password"]})
        own = {"user_password": SECRETS["user_password"]}
        self.fleet.add_all(
            NewTenant(name, {**shared, "company_id": name}, _filled(flows, name), secrets=own, **more) for name in names
        )
        return names

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `intacct fleet ...` as a process of its own."""
        home = self.folder / "home"
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "INTACCT_FLEET": self.uri,
            "INTACCT_FLEET_KEY": self.key,
            "XDG_STATE_HOME": str(home / f"state-{len(self._processes)}"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home / "config"),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "intacct_bridge", "fleet", *words],
            env=env,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._processes.append(process)
        return process

    def run(self, *words: str) -> tuple[int, str]:
        """Run `intacct fleet ...` to its end: the exit status and everything that it printed."""
        process = self.start(*words)
        out, _ = process.communicate(timeout=120)
        return process.returncode, out

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self.fleet.close()


@contextmanager
def served_fleet(uri: str, folder: Path, clock: Clock | None = None, **more: Any) -> Iterator[ServedFleet]:
    """A fleet without tenants; `more` are the settings of the emulator."""
    emulator = company(clock or Clock(), **more)
    with serve(emulator) as server:
        served = ServedFleet(emulator, server.url, uri, folder)
        try:
            yield served
        finally:
            served.close()
    emulator.close()


def until(true: Callable[[], bool], what: str, seconds: float = 90) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"still not: {what}"
        time.sleep(0.1)


def _filled(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value.replace("{company}", name)
    if isinstance(value, Mapping):
        return {key: _filled(one, name) for key, one in value.items()}
    if isinstance(value, Sequence):
        return [_filled(one, name) for one in value]
    return value


COPY = {"command": "extract", "streams": ["DEPARTMENT"], "to": "jsonl:{company}"}
LINES = "Journal,Date,Title,Reference,Account,Debit,Credit,Department,Location,Memo\n"
ENTRIES = 12


def post_flow(folder: Path) -> dict[str, object]:
    """A load of journal entries from one file for all companies."""
    file = folder / "entries.csv"
    text = LINES
    for number in range(ENTRIES):
        head, amount = f"GJ,11/30/2026,E-{number},E-{number}", f"{number + 1}.00"
        text += f"{head},65100,{amount},,Marketing,120,\n{head},66200,,{amount},Marketing,120,\n"
    file.write_text(text)
    return {"command": "load", "files": [str(file)], "as": "journal-entries", "apply": True, "yes": True}


def submit(served: ServedFleet, names: list[str], flows: tuple[str, ...] = ("post", "copy")) -> None:
    from intacct_bridge.operations.fleets import requested_runs

    for name in names:
        for flow in flows:
            served.fleet.queue.submit(requested_runs(served.fleet, name, flow))


def ended(served: ServedFleet) -> list[TenantRun]:
    return [run for run in served.fleet.queue.runs(limit=1_000) if run.ended_at is not None]


def titles(served: ServedFleet, name: str) -> list[str]:
    """The journal entries of the load that the company has."""
    with served.fleet.client(name) as client:
        rows = client.query("GLBATCH", ["RECORDNO", "BATCH_TITLE"])
        return sorted(title for row in rows if (title := str(row["BATCH_TITLE"])).startswith("E-"))
