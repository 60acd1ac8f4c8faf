"""Work on input that is not trusted, in a child process that is ended once it takes too much memory or time.

A parser in this process can be stopped by nothing: a thread cannot be killed, and a limit on the address space counts
what DuckDB and Arrow only reserve. So the parent watches the resident memory of the child.
"""

import atexit
import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from pickle import PicklingError, loads
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, TypeVar

T = TypeVar("T")
_HAS_PROC = Path("/proc/self/statm").is_file()
_EVERY = 0.02 if _HAS_PROC else 0.25
"""Seconds between two looks at a child; elsewhere, each look starts a program."""
_WAKE_SECONDS = 5.0
_IDLE_SECONDS = 60.0
"""A child without work ends by itself after this time."""
_IDLE_CHILDREN = 2
_LEAN_MB = 400
"""Resident memory up to which a child is used again."""
_BATCH = 100
"""Rows that a child sends at a time; of a wide table, they have over a million cells."""
_LARGEST = 256 << 20
"""Bytes of one answer."""
_MORE = ()
_PAGE = os.sysconf("SC_PAGE_SIZE")
_READ_AT_START = ("TZ", "LANG", "LC_", "LD_", "DYLD_", "PYTHON", "OPENBLAS_", "OMP_")
"""How the names of variables begin that a process or its libraries read once; the others are sent with the work."""
_OF_OUR_PROGRAMS = ("INTACCT_", "TAP_INTACCT_", "TARGET_INTACCT_")
"""How the names of variables begin that a child never gets: it needs no settings, and passwords are among them."""


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What a child may take."""

    seconds: float
    memory_mb: int
    """Resident memory, with the program itself, which has some 150 MB."""


class Excess(StrEnum):
    """Why a child ended before its work did."""

    TIME = "time"
    MEMORY = "memory"
    CANCELLED = "cancelled"
    CRASH = "crash"


class ChildEndedError(Exception):
    """A child was ended, or ended by itself. Callers tell it in their own words."""

    def __init__(self, why: Excess) -> None:
        super().__init__(why.value)
        self.why = why


def run_bounded(function: Callable[..., T], *args: Any, limits: ProcessLimits, cancelled: Event | None = None) -> T:
    """What a function of a module returns, called in a child; its errors are raised here. ChildEndedError."""
    with _child() as child:
        request = _request(function, args, limits)
        kind, result = child.ask(request, monotonic() + limits.seconds, limits, cancelled)
    if kind == "error":
        raise result
    return result  # type: ignore[no-any-return]


def iterate_bounded(function: Callable[..., Iterator[T]], *args: Any, limits: ProcessLimits) -> Iterator[T]:
    """What a generator function of a module yields, called in a child. The time counts while it is waited for."""
    left = limits.seconds
    request = _request(function, args, limits)
    with _child() as child:
        while True:
            begun = monotonic()
            kind, result = child.ask(request, begun + left, limits)
            left -= monotonic() - begun
            if kind == "error" or not result:
                break
            yield from result
            request = _MORE
    if kind == "error":
        raise result


# --- the parent's side


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What a child takes over with each piece of work: in it, relative paths and variables mean the same."""

    folder: str
    """The working directory; empty if it is gone."""
    variables: dict[str, str]

    @classmethod
    def now(cls) -> "_Surroundings":
        """Those of this process, without settings of our programs."""
        variables = {name: text for name, text in os.environ.items() if not name.startswith(_OF_OUR_PROGRAMS)}
        try:
            return cls(str(Path.cwd()), variables)
        except OSError:
            return cls("", variables)

    @property
    def read_at_start(self) -> dict[str, str]:
        """The variables that only a new process takes over."""
        return {name: value for name, value in self.variables.items() if name.startswith(_READ_AT_START)}

    def take_over(self) -> None:
        """Make them those of this process, except its folder for temporary files."""
        if self.folder:
            os.chdir(self.folder)
        variables = {**self.variables, "TMPDIR": os.environ["TMPDIR"]}
        for name in os.environ.keys() - variables.keys():
            del os.environ[name]
        os.environ.update(variables)


def _request(function: Callable[..., Any], args: tuple[Any, ...], limits: ProcessLimits) -> tuple[Any, ...]:
    return function, args, limits.seconds, _Surroundings.now()


class _Child:
    """One child process, as its parent sees it."""

    def __init__(self) -> None:
        surroundings = _Surroundings.now()
        self.read_at_start = surroundings.read_at_start
        self._folder = Path(tempfile.mkdtemp(prefix="intacct-child-"))
        mine, its = socket.socketpair()
        try:
            code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve({its.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(its.fileno(),),
                env={**surroundings.variables, "TMPDIR": str(self._folder)},
                start_new_session=True,  # Ctrl-C is for the parent, which ends the child
            )
        except BaseException:
            mine.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            its.close()
        self._pipe = Connection(mine.detach())

    def ask(
        self, request: object, end: float, limits: ProcessLimits, cancelled: Event | None = None
    ) -> tuple[str, Any]:
        """Send a request, and wait for the answer; the child is ended if it takes too much."""
        try:
            self._pipe.send(request)
            while not self._pipe.poll(_EVERY):
                self._check(end, limits, cancelled)
            answer: tuple[str, Any] = loads(self._pipe.recv_bytes(_LARGEST))  # noqa: S301  our own program's, with our rights
        except EOFError:
            raise ChildEndedError(Excess.CRASH) from None
        except OSError as error:  # without a number, the answer is too large
            raise ChildEndedError(Excess.CRASH if error.errno else Excess.MEMORY) from None
        return answer

    def _check(self, end: float, limits: ProcessLimits, cancelled: Event | None) -> None:
        if cancelled is not None and cancelled.is_set():
            raise ChildEndedError(Excess.CANCELLED)
        if monotonic() > end:
            raise ChildEndedError(Excess.TIME)
        if self.resident_mb > limits.memory_mb:
            raise ChildEndedError(Excess.MEMORY)

    @property
    def resident_mb(self) -> int:
        """Its resident memory; 0 once it has ended."""
        if _HAS_PROC:
            try:
                return int(Path(f"/proc/{self._process.pid}/statm").read_bytes().split()[1]) * _PAGE >> 20
            except (OSError, IndexError):
                return 0
        shown = subprocess.run(
            ["/bin/ps", "-o", "rss=", "-p", str(self._process.pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
        return int(shown) >> 10 if shown.isdecimal() else 0

    def is_awake(self) -> bool:
        """Whether it takes work; one that waited for long may just have ended."""
        try:
            self._pipe.send(None)
            return self._pipe.poll(_WAKE_SECONDS) and self._pipe.recv() is None
        except (EOFError, OSError):
            return False

    def end(self) -> None:
        """End it, and remove its files."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)


_idle: list[_Child] = []
_lock = Lock()
os.register_at_fork(after_in_child=_idle.clear)  # they are the children of the process that was copied


@contextlib.contextmanager
def _child() -> Iterator[_Child]:
    """A child that is ready for work. It is used again if it ended its work well, and did not grow."""
    child = _idle_child() or _Child()
    try:
        yield child
    except BaseException:
        child.end()
        raise
    with _lock:
        if child.resident_mb <= _LEAN_MB and len(_idle) < _IDLE_CHILDREN:
            _idle.append(child)
            return
    child.end()


def _idle_child() -> _Child | None:
    read_at_start = _Surroundings.now().read_at_start
    while True:
        with _lock:
            if not _idle:
                return None
            child = _idle.pop()
        if child.read_at_start == read_at_start and child.is_awake():
            return child
        child.end()


@atexit.register
def end_idle_children() -> None:
    """End the children without work; those with work are ended where it is waited for."""
    with _lock:
        children = _idle[:]
        _idle.clear()
    for child in children:
        child.end()


# --- the child's side


def serve(descriptor: int) -> None:
    """Do the parent's work until it closes the pipe, or has none for a while."""
    pipe = Connection(descriptor)
    Thread(target=_end_with_parent, daemon=True).start()
    while pipe.poll(_IDLE_SECONDS):
        try:
            request = pipe.recv()
        except EOFError:
            return
        if request is None:
            pipe.send(None)
        else:
            _work(pipe, *request)


def _end_with_parent() -> None:
    """Standard input is open for as long as the parent lives."""
    os.read(0, 1)
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)
    os._exit(1)


def _work(
    pipe: Connection, function: Callable[..., Any], args: tuple[Any, ...], seconds: float, surroundings: _Surroundings
) -> None:
    _bound_processor(seconds)
    try:
        surroundings.take_over()
        result = function(*args)
        if not isinstance(result, Iterator):
            pipe.send(("value", result))
            return
        while batch := list(islice(result, _BATCH)):
            pipe.send(("value", batch))
            pipe.recv()  # the parent wants more
        pipe.send(("value", batch))
    except Exception as error:
        try:
            pipe.send(("error", error))
        except (PicklingError, TypeError, AttributeError):
            pipe.send(("error", RuntimeError(f"{type(error).__name__}: {error}")))


def _bound_processor(seconds: float) -> None:
    """Let the system end this process if no one watches it, and it holds the interpreter so that no thread runs."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime + (seconds + 10) * (os.cpu_count() or 1)) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
