"""A program of ours in a process that ends as arranged: `HOW PROGRAM ARGUMENT...`.

HOW is `whole`; `room=BYTES`, for a disk on which no file may become longer; `dying=BYTES`, for a process that the
system kills in the middle of the write that exceeds this length; `before=SQL`, for one that is killed (as by kill -9)
before its first statement to PostgreSQL with these words; `commit=N` for one that is killed before its N-th commit;
`asking=HANDLE`, for one that asks at a socket before each operation on a file (see `file_operations`), and
`closing=HANDLE` and `merging=HANDLE`, for one that asks from when it closes a DuckDB file, or merges its row groups.
"""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from intacct_bridge.apps.cli import app
from intacct_bridge.apps.singer import tap
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.process import run
from support.journeys.file_operations import ask


def main(how: str, program: str, *arguments: str) -> int:
    """Run it; its exit status, if it comes to that."""
    what, _, number = how.partition("=")
    if what in ("room", "dying"):
        _little_room(int(number), fatal=what == "dying")
    elif what == "before":
        _ends_before(number)
    elif what == "commit":
        _ends_at_commit(int(number))
    elif what == "asking":
        ask(int(number))
    elif what == "closing":
        _asks_within("close", int(number))
    elif what == "merging":
        _asks_within("_free_room", int(number))
    if program == "tap":
        console = Output()
        return run(tap.tap, "tap-intacct", arguments, click_object=console, output=console)
    return app.main(arguments)


def _little_room(most: int, *, fatal: bool) -> None:
    import resource

    sys.dont_write_bytecode = True  # an incomplete compiled module would stay behind
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if fatal else signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def _ends_before(words: str) -> None:
    from intacct_bridge.copies.destinations.postgres import Postgres

    execute = Postgres.execute

    def ending(self: Postgres, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if words in sql:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(self, sql, values)

    Postgres.execute = ending  # type: ignore[method-assign]


def _ends_at_commit(number: int) -> None:
    from intacct_bridge.copies.destinations.postgres import Postgres

    end, commits = Postgres.end, 0

    def ending(self: Postgres, *, keep: bool) -> None:
        nonlocal commits
        commits += keep
        if commits == number:
            os.kill(os.getpid(), signal.SIGKILL)
        end(self, keep=keep)

    Postgres.end = ending  # type: ignore[method-assign]


def _asks_within(method: str, handle: int) -> None:
    from intacct_bridge.copies.destinations.duckdb import DuckDB

    whole = getattr(DuckDB, method)

    def asking(self: DuckDB) -> None:
        setattr(DuckDB, method, whole)
        ask(handle)
        whole(self)

    setattr(DuckDB, method, asking)


if __name__ == "__main__":
    arguments: Sequence[str] = sys.argv[1:]
    raise SystemExit(main(*arguments))
