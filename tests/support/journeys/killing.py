"""Our programs as processes beside an emulator over HTTP that may kill them in the middle of a request."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import Reply, Transport
from support.journeys.file_operations import FileOperations
from support.journeys.tapping import CREDENTIALS
from support.repository import python_path

KILLED = -signal.SIGKILL


class Killer:
    """The company; at the n-th matching request it kills the process that asks, before or after doing the work.

    With another signal than SIGKILL, the process is only told to end, and has its answer.
    """

    def __init__(self, emulator: Transport, meant: Callable[[bytes], bool]) -> None:
        self.emulator, self._meant = emulator, meant
        self.signal = signal.SIGKILL
        self.seen = 0
        self._at, self._after = 0, False
        self._victim: subprocess.Popen[str] | None = None
        self._known = threading.Event()
        self._open, self._change = 0, threading.Condition()

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        with self._change:
            self._open += 1
        try:
            return self._answer(endpoint, body)
        finally:
            with self._change:
                self._open -= 1
                self._change.notify_all()

    def wait_for_requests(self) -> None:
        """Wait until the company has done what it was asked, also by a process that has ended since."""
        with self._change:
            assert self._change.wait_for(lambda: not self._open, 60)

    def _answer(self, endpoint: str, body: bytes) -> Reply:
        if not self._meant(body):
            return self.emulator(endpoint, body)
        self.seen += 1
        dying = self.seen == self._at
        if dying and not self._after:
            reply = self._kill(Reply(503, b"", {}))
            return reply if self.signal is signal.SIGKILL else self.emulator(endpoint, body)
        reply = self.emulator(endpoint, body)
        return self._kill(reply) if dying else reply

    def arm(self, at: int, *, after: bool) -> None:
        """Kill the next process at this request, counted from now."""
        self.seen, self._at, self._after = 0, at, after
        self._victim = None
        self._known.clear()

    def aim(self, victim: "subprocess.Popen[str]") -> None:
        """The process to kill, which may ask before the test has its handle."""
        self._victim = victim
        self._known.set()

    def _kill(self, reply: Reply) -> Reply:
        assert self._known.wait(120)
        assert self._victim is not None
        os.kill(self._victim.pid, self.signal)
        if self.signal is signal.SIGKILL:
            self._victim.wait()
        return reply


@dataclass(slots=True)
class Ended:
    """How a process ended."""

    status: int
    out: str
    err: str


def creates(body: bytes) -> bool:
    """Whether a request creates records."""
    return decode_request(body).operations[0].functions[0].name == "create"


def run_to_its_end(killer: Killer | None, command: list[str], text: str | None = None, **more: Any) -> Ended:
    """Run a process until it ends or is killed; the text is its input."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, stdin=None if text is None else pipe, stdout=pipe, stderr=pipe, text=True, **more
    )
    if killer is not None:
        killer.aim(process)
    out, err = process.communicate(text, timeout=300)
    return Ended(process.returncode, out, err)


@dataclass(slots=True)
class Programs:
    """The command line and the tap as processes in one directory."""

    place: Path
    url: str
    killer: Killer | None = None

    def run(self, program: str, *arguments: str | Path, how: str = "whole") -> Ended:
        """Run a program to its end; `extract_process` lists the ways to end."""
        command = self._command(how, program, *arguments)
        return run_to_its_end(self.killer, command, cwd=self.place, env=self._environment())

    def run_asking(self, operations: FileOperations, *arguments: str | Path, how: str = "asking") -> Ended:
        """Run `intacct` with a way to end that asks before operations on files."""
        with operations.asked() as handle:
            command = self._command(f"{how}={handle}", "intacct", *arguments)
            pipe = subprocess.PIPE
            process = subprocess.Popen(
                command,
                cwd=self.place,
                env=self._environment(),
                pass_fds=(handle,),
                text=True,
                stdout=pipe,
                stderr=pipe,
            )
        watching = operations.watch(process)
        out, err = process.communicate(timeout=300)
        watching.join()
        return Ended(process.returncode, out, err)

    def _command(self, how: str, program: str, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "support.journeys.extract_process", how, program, *map(str, arguments)]

    def _environment(self) -> dict[str, str]:
        homes = {f"XDG_{name}_HOME": str(self.place / name.lower()) for name in ("STATE", "CACHE", "CONFIG")}
        credentials = {f"INTACCT_{name.upper()}": value for name, value in CREDENTIALS.items()}
        line = {"INTACCT_ENDPOINT": self.url, "INTACCT_ENVIRONMENT": "demo"}
        path = python_path(tests=True)
        return {**os.environ, **homes, **credentials, **line, "PYTHONPATH": path}
