"""A program of ours in a process of its own, whose end is arranged: `HOW PROGRAM ARGUMENT...`.

HOW is `whole`; `room=BYTES`, for a disk on which no file may become longer; `dying=BYTES`, for a process that the
system kills in the middle of the write that passes so many; `statement=N`, for one that kills itself (as kill -9
would) before its N-th statement to PostgreSQL; `commits=N` for one that does so before the N-th commit of rows.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from intacct_bridge.edge import cli, tap
from intacct_bridge.edge.console import Console
from intacct_bridge.edge.program import run


def main(how: str, program: str, *arguments: str) -> int:
    """Run it; its exit status, if it comes to that."""
    what, _, number = how.partition("=")
    if what in ("room", "dying"):
        _little_room(int(number), fatal=what == "dying")
    elif what in ("statement", "commits"):
        _short_lived(what, int(number))
    if program == "tap":
        console = Console()
        return run(tap.tap, "tap-intacct", arguments, obj=console, console=console)
    return cli.main(arguments)


def _little_room(most: int, *, fatal: bool) -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if fatal else signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def _short_lived(what: str, number: int) -> None:
    from intacct_bridge.flow.sink_postgres import Postgres

    counted = 0

    def before(method: Callable[..., Any]) -> Callable[..., Any]:
        def step(self: Postgres, *values: Any, **more: Any) -> Any:
            nonlocal counted
            counted += 1
            if counted == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(self, *values, **more)

        return step

    if what == "statement":
        Postgres.execute = before(Postgres.execute)  # type: ignore[method-assign]
        return
    end = before(Postgres.end)
    plain = Postgres.end
    Postgres.end = lambda self, *, keep: (end if keep else plain)(self, keep=keep)  # type: ignore[method-assign]


if __name__ == "__main__":
    arguments: Sequence[str] = sys.argv[1:]
    raise SystemExit(main(*arguments))
