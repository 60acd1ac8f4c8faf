"""One simulated machine: its disk, and the processes that run on it one after another and end at any moment.

A process ends by a kill, after which the files are as they are, or by a power cut, which takes what was not forced to
disk. The moment is drawn: a step of the loader, a request, or one of the disk's operations. The files are kept as they
are at that moment. What the rest of the process still does, until it has unwound, is taken back.
"""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from intacct_bridge.copies.destinations.duckdb import DuckDB
from intacct_protocol.errors import IntacctError, SettingsError
from support.simulate.disk import DeadError, Disk, Image, in_use
from support.simulate.history import History
from support.simulate.sqlite_files import FULL, IO_ERROR, OK

STEPS = ("planned", "begun", "answered", "concluded", "searched")
"""Where a loader can end."""


@dataclass(frozen=True, slots=True)
class Death:
    """The moment at which a process ends."""

    at: str
    """`step`, `request` or `disk`."""
    count: int
    """The number of the step, request or operation."""
    step: str = ""
    power: bool = False
    """Whether the machine loses its power."""

    def __str__(self) -> str:
        what = f"{self.step or self.at} {self.count}"
        return f"power cut at {what}" if self.power else f"kill at {what}"


@dataclass(slots=True)
class Ended:
    """How a process ended."""

    died: bool = False
    error: IntacctError | None = None

    @property
    def good(self) -> bool:
        """Whether it came to its end."""
        return not self.died and self.error is None


class Machine:
    """A machine with one folder of files."""

    def __init__(self, folder: Path, random: Random, history: History) -> None:
        self.disk = Disk(folder, random)
        self.disk.before = self._operation
        self.dead = False
        self._history = history
        self._death: Death | None = None
        self._passed: Counter[str] = Counter()
        self._full: range = range(0)
        self._image: Image = {}

    @contextmanager
    def running(self, files: Mapping[str, bytes]) -> Iterator[None]:
        """Files in the folder are on the machine's disk; `files` are those of its catalogue cache."""
        commit = DuckDB.end
        folders = ("outbox", "cache", "cache/catalog")
        start = {f"cache/{name}": data for name, data in files.items()}
        self.disk.restore({**dict.fromkeys(folders), **start})

        def end(database: DuckDB, *, keep: bool) -> None:
            if keep:
                self._check("commit")
            commit(database, keep=keep)
            if keep:
                self._check("committed")

        with in_use(self.disk), patch.object(DuckDB, "end", end):
            try:
                yield
            finally:
                self.disk.close()

    # --- moments at which a process can end

    def step(self, name: str) -> None:
        """A loader has come to this step."""
        self._passed[name] += 1
        if self._death is not None and self._death.step == name and self._death.count == self._passed[name]:
            self.end()
            raise DeadError

    def request(self) -> None:
        """A request is about to leave, or its answer has arrived."""
        self._passed["request"] += 1
        if self._death is not None and self._death.at == "request" and self._death.count == self._passed["request"]:
            self.end()
            raise DeadError

    def _check(self, operation: str) -> None:
        if self._operation(operation) == IO_ERROR:
            raise DeadError

    def _operation(self, name: str) -> int:
        """The disk is about to do something."""
        if self.dead:
            return IO_ERROR
        self._passed["disk"] += 1
        count = self._passed["disk"]
        if self._death is not None and self._death.at == "disk" and self._death.count == count:
            self.end()
            return IO_ERROR
        if count in self._full and name != "sync":
            self._history.sometimes("disk full")
            return FULL
        return OK

    def end(self) -> None:
        """The running process ends here."""
        power = self._death is not None and self._death.power
        before = self.disk.lost
        self._image = self.disk.after_power_cut() if power else self.disk.as_it_is()
        self.dead = True
        self._history.sometimes("power cut" if power else "process killed")
        if self._death is not None:
            self._history.sometimes(f"ended at a {self._death.at}")
        if self.disk.lost > before:
            self._history.sometimes("unsynced bytes lost")

    # --- processes

    def run(self, work: Callable[[], Any], death: Death | None = None, full: range = range(0)) -> Ended:
        """One process from its start to its end or its death; the disk is full during these operations."""
        self._death, self._full = death, full
        self._passed.clear()
        ended = Ended()
        try:
            work()
        except DeadError:
            ended.died = True
        except IntacctError as error:
            ended.error = error
            if not self.dead:
                self._history.note(f"  error: {type(error).__name__}: {self._first_line(error)}")
        except Exception as error:
            if not self.dead:
                self._history.fail(f"an unexpected error: {self._place(error)}")
        ended.died = ended.died or self.dead
        if full and isinstance(ended.error, SettingsError):
            self._history.sometimes("a full disk stopped a process")
        if self.dead:
            self.disk.restore(self._image)
        self.dead, self._death, self._full = False, None, range(0)
        return ended

    def _first_line(self, error: Exception) -> str:
        """What an error says, without the name of the folder."""
        return (str(error).splitlines() or [""])[0].replace(str(self.disk.root), "")

    def _place(self, error: Exception) -> str:
        """An error with the line that raised it."""
        found = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {self._first_line(error)} ({Path(found.filename).name}:{found.lineno})"


def drawn_death(
    random: Random, share: float, moments: Sequence[str] = ("step", "step", "request", "disk", "disk")
) -> Death | None:
    """A death in this share of all processes."""
    if random.random() >= share:
        return None
    at = random.choice(moments)
    power = random.random() < 0.6
    if at == "step":
        return Death(at, random.choice((1, 1, 2)), random.choice(STEPS), power)
    most = 40 if at == "disk" else 12
    return Death(at, int(most ** random.random()), power=power)
