"""The process that serves the demo's company in the background: `python -m intacct_bridge.apps.demo.server HOME IDLE`.

It ends when no request has come for a number of seconds, when the company's directory is gone, or when it is told to.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Event, Lock
from urllib.parse import urlsplit

from intacct_bridge.connections.demo_company import LOCK_FILE, PORT_FILE
from intacct_bridge.connections.embedded_demo import open_company
from intacct_bridge.machine.directories import cache_of_port
from intacct_bridge.machine.locks import try_lock
from intacct_emulator.server.server import serve
from intacct_protocol.xml.reply import Reply, Transport

_LOCK_SECONDS = 10
_LOOK_EVERY = 0.1


class Watched:
    """A transport that knows when it was last used."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = Lock()
        self._running = 0
        self._used = time.monotonic()

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        """Answer one request."""
        with self._lock:
            self._running += 1
        try:
            return self._transport(endpoint, body)
        finally:
            with self._lock:
                self._running -= 1
                self._used = time.monotonic()

    @property
    def idle(self) -> float:
        """Seconds since the last request ended; 0 while one runs."""
        with self._lock:
            return 0.0 if self._running else time.monotonic() - self._used


def main(arguments: Sequence[str]) -> int:
    """Serve until the company is idle."""
    home, idle = Path(arguments[0]), float(arguments[1])
    os.umask(0o077)
    with (home / LOCK_FILE).open("a+b") as lock:
        until = time.monotonic() + _LOCK_SECONDS
        while not try_lock(lock):  # another program may look just now whether the lock is free
            if (home / PORT_FILE).is_file() or time.monotonic() > until:
                return 0  # another process serves the company already
            time.sleep(0.01)
        _serve(home, idle)
    return 0


def _serve(home: Path, idle: float) -> None:
    announced, stop = home / PORT_FILE, (home / PORT_FILE).with_suffix(".stop")
    stop.unlink(missing_ok=True)
    with closing(open_company(home)) as emulator:
        watched = Watched(emulator)
        with serve(watched) as server:
            port = urlsplit(server.url).port
            shutil.rmtree(cache_of_port(port), ignore_errors=True)  # of a company that the port served before
            new = announced.with_suffix(".new")
            new.write_text(json.dumps({"endpoint": server.url, "port": port}), "utf-8")
            new.replace(announced)
            try:
                while not stop.exists() and not _is_idle(announced, watched, idle):
                    Event().wait(_LOOK_EVERY)
            finally:
                announced.unlink(missing_ok=True)


def _is_idle(announced: Path, watched: Watched, idle: float) -> bool:
    """Whether nothing was asked for so long, and no program has looked the address up."""
    try:
        looked_up = time.time() - announced.stat().st_mtime
    except OSError:
        return True  # the directory is gone
    return min(looked_up, watched.idle) > idle


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
