"""The connection `demo`: the company that `intacct demo` made, served by one process for all programs of the user.

The first program that needs the company starts that process (`intacct_bridge.apps.demo.server`) in the background; the
others use it, and it ends when nothing has come for a while. It holds a lock in the company's directory as long as it
runs, so there is never a second one, and a lock without a process cannot be left behind.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from intacct_bridge.connections.sources import CONNECTION_VARIABLES, ListedConnection, list_connections
from intacct_bridge.machine.directories import state_directory
from intacct_bridge.machine.locks import try_lock
from intacct_protocol.errors import SettingsError

NAME = "demo"
HOME = "demo-company"
DATABASE = "company.db"
OUTBOX = "outbox.sqlite"
PORT_FILE, LOCK_FILE, LOG_FILE = "server.json", "server.lock", "server.log"
IDLE_VARIABLE = "INTACCT_DEMO_IDLE"
IDLE_SECONDS = 600
_START_SECONDS = 60
_STARTING_SECONDS = 5
_STARTS = 2
_REMEMBERED = "demo-home"


def demo_home() -> Path:
    """The directory of the demo: `INTACCT_DEMO_HOME`, else ./demo-company, else where the demo ran last."""
    named = os.environ.get("INTACCT_DEMO_HOME")
    if named:
        return Path(named)
    remembered = _remembered()
    if not (Path(HOME) / DATABASE).is_file() and remembered is not None and (remembered / DATABASE).is_file():
        return remembered
    return Path(HOME)


def home_of_demo() -> Path:
    """The directory in which the demo makes its company unless it is told another: not where it ran last."""
    return Path(os.environ.get("INTACCT_DEMO_HOME") or HOME)


@contextmanager
def opened_alone(home: Path) -> Iterator[None]:
    """End the process that serves a company, and let none begin. SettingsError if another program holds it."""
    stop_serving(home)
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK_FILE).open("a+b") as file:
        if not try_lock(file):
            raise SettingsError(f"the demo company in {home} is in use by another program", fix="let it end first")
        yield


def remember_home(home: Path) -> None:
    """Let programs in other directories find the company."""
    path = state_directory() / _REMEMBERED
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(str(home.resolve()), "utf-8")


def _remembered() -> Path | None:
    try:
        return Path((state_directory() / _REMEMBERED).read_text("utf-8"))
    except OSError:
        return None


def has_demo() -> bool:
    """Whether the demo has made its company."""
    return (demo_home() / DATABASE).is_file()


def means_demo(name: str | None, settings: Sequence[str] = ()) -> bool:
    """Whether a connection's name, or `INTACCT_CONNECTION`, means the demo's company.

    It does not if a file defines that name, or if `settings` has a company or a gateway. Without a name, see
    `is_default`.
    """
    named = name or os.environ.get("INTACCT_CONNECTION")
    if "company_id" in settings or "endpoint" in settings:
        return False
    if not named:
        return is_default()
    return named == NAME and all(listed.name != NAME for listed in list_connections())


def is_default() -> bool:
    """Whether a program that names no connection means the demo's company.

    It does if this directory has the company and nothing on this machine is set up for another. A company that is only
    remembered from another directory is no default: a program whose settings got lost must not post into it.
    """
    if any(os.environ.get(variable) for variable in CONNECTION_VARIABLES) or not (home_of_demo() / DATABASE).is_file():
        return False
    return not list_connections()


def listed_connections() -> list[ListedConnection]:
    """Every named connection in the files, and that of the demo's company if there is one that can be used."""
    listed = list_connections()
    if has_demo() and means_demo(NAME) and find_spec("intacct_emulator") is not None:
        from intacct_emulator import CREDENTIALS

        login = (CREDENTIALS["company_id"], CREDENTIALS["user_id"])
        listed.append(ListedConnection(NAME, str(demo_home()), *login, environment="demo"))
    return listed


def idle_seconds() -> float:
    """After how many seconds without a request the background process ends; 0: there is none."""
    text = os.environ.get(IDLE_VARIABLE, "")
    try:
        return float(text) if text else IDLE_SECONDS
    except ValueError:
        raise SettingsError(f"{IDLE_VARIABLE} is {text!r}, not a number of seconds") from None


def can_serve() -> bool:
    """Whether the emulator is installed, and the background process is wanted."""
    return bool(idle_seconds()) and find_spec("intacct_emulator") is not None


def demo_settings() -> dict[str, Any]:
    """The settings of the connection; its process is started if none runs. SettingsError without a company."""
    home = demo_home()
    if not (home / DATABASE).is_file():
        raise SettingsError(f"There is no demo company in {home}.", fix="Create one: intacct demo")
    from intacct_emulator import CREDENTIALS

    endpoint = served_endpoint(home)
    return {"endpoint": endpoint, "environment": "demo", "outbox": str((home / OUTBOX).resolve()), **CREDENTIALS}


def served_endpoint(home: Path) -> str:
    """The URL at which the company in a directory is served; starts the process if none runs."""
    if not idle_seconds():
        raise SettingsError(
            f"{IDLE_VARIABLE}=0 allows no background process to serve the demo company",
            fix=f"unset {IDLE_VARIABLE}, or serve it yourself: intacct emulator --db {home / DATABASE}",
        )
    runs: Callable[[], bool] | None = None
    starts = 0
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if _is_served(home):
            url = _announced(home)
            if url:
                return url
        elif runs is None or (not runs() and starts < _STARTS):  # one ends where another was about to serve
            runs, starts = _start(home), starts + 1
        elif not runs():
            break
        time.sleep(0.02)
    log = home / LOG_FILE
    last_line = log.read_text("utf-8", "replace").strip().splitlines()[-1:] if log.is_file() else []
    raise SettingsError(
        f"the demo company in {home} could not be served{': ' if last_line else ''}{''.join(last_line)}",
        fix=f"see {log}; it may be in use by another program",
    )


def stop_serving(home: Path) -> None:
    """End the process that serves the company in a directory, if one does; returns once it has ended."""
    port_file = home / PORT_FILE
    serves = port_file.exists()  # otherwise it is starting, or another program holds the company
    until = time.monotonic() + (_START_SECONDS if serves else _STARTING_SECONDS)
    while _is_served(home) and time.monotonic() < until:
        port_file.with_suffix(".stop").touch()
        time.sleep(0.02)
    port_file.with_suffix(".stop").unlink(missing_ok=True)


def _is_served(home: Path) -> bool:
    """Whether a process holds the company's lock."""
    path = home / LOCK_FILE
    if not path.is_file():
        return False
    with path.open("a+b") as file:
        return not try_lock(file)


def _announced(home: Path) -> str:
    """The URL that the running process has written, if it answers there."""
    path = home / PORT_FILE
    try:
        about = json.loads(path.read_text("utf-8"))
        os.utime(path)  # someone is about to use it
        with socket.create_connection(("127.0.0.1", int(about["port"])), timeout=1):
            return str(about["endpoint"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


_DETACH = """
import os, sys
child = os.fork()
if child:
    print(child)
    sys.exit()
os.setsid()
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
os.dup2(log, 1)
os.dup2(log, 2)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
"""A process between this one and the server, which is then no child of this one and leaves no entry when it ends."""


def _start(home: Path) -> Callable[[], bool]:
    """Start the process that serves a company; the answer to the question whether it still runs."""
    command = ["-m", "intacct_bridge.apps.demo.server", str(home.resolve()), str(idle_seconds())]
    log = home.resolve() / LOG_FILE
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        with log.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, *command], stdin=subprocess.DEVNULL, stdout=file, stderr=file, creationflags=flags
            )
        _CHILDREN.append(child)
        return lambda: child.poll() is None
    between = [sys.executable, "-S", "-c", _DETACH, str(log), *command]
    done = subprocess.run(between, stdin=subprocess.DEVNULL, capture_output=True, cwd=home, check=True)
    return partial(_runs, int(done.stdout))


_CHILDREN: "list[subprocess.Popen[bytes]]" = []
"""Kept, so that nothing warns of a child that outlives this process."""


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
