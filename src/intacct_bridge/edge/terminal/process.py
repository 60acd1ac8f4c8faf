"""How a program of ours begins and ends: its words read, its command run, and whatever stops it told as a status.

Click's own `main` is not used, since it has its own mind about closed pipes, interrupts and exit statuses.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from intacct_bridge import __version__
from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.edge.terminal.failures import (
    INTERRUPTED,
    INTERRUPTED_NOTE,
    TERMINATED,
    USAGE,
    Terminated,
    report,
    usage,
)
from intacct_bridge.errors import SettingsError

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
"""What every command's context is made with."""
GRACE = 5.0
"""Seconds for calls under way: schedulers kill what is still there ten seconds after SIGTERM, or thirty."""
_TOLD_TWICE = 1.0


def run(
    command: click.Command,
    name: str,
    arguments: Sequence[str] | None,
    *,
    obj: Any,
    console: Console,
    target: Callable[[], str] = str,
) -> int:
    """Run one command and return its exit status; nothing that a user does wrong ends in a traceback.

    `target` says, once it is known, which company a failure happened at.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _invoked(command, name, given, obj=obj, console=console)
        sys.stdout.flush()
        return status
    except BaseException as error:
        return report(error, console, target=target())


@contextmanager
def stoppable(console: Console, seal: Callable[[float], None] = lambda _: None) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end what is inside at its next safe point; after `GRACE` seconds, or told twice, at once.

    `seal` sees that what is being written is written whole, if somebody reads it within so many seconds, and that
    nothing follows. Only for work that may be cut off anywhere and gone on with.
    """
    inside, patience = True, list[threading.Timer]()

    def at_once(status: int, seconds: float) -> None:
        seal(seconds)
        if inside:
            console.last(INTERRUPTED_NOTE)
        os._exit(status)

    def end(number: int, _: object) -> None:
        status = TERMINATED if number == signal.SIGTERM else INTERRUPTED
        if patience:
            at_once(status, _TOLD_TWICE)
        patience.append(threading.Timer(GRACE, at_once, (status, GRACE)))
        patience[0].daemon = True
        patience[0].start()
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = _handled_by(end)
    try:
        yield
    finally:
        inside = False
        if not patience:  # else only the end comes, and threads that wait for an answer would hold that up
            for number, handler in before.items():
                signal.signal(number, handler)


def _handled_by(end: Callable[[int, Any], None]) -> dict[int, Any]:
    """Put in a handler of the signals that ask for an end, and give those that were there; what runs behind `nohup` or
    `&` ignores some, and goes on doing so.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    there = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before: dict[int, Any] = {number: one for number, one in there.items() if one not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, end)
    return before


def _invoked(command: click.Command, name: str, given: list[str], *, obj: Any, console: Console) -> int:
    try:
        with command.make_context(name, given, obj=obj) as context:
            outcome: Any = command.invoke(context)
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        console.complain("")
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as help_wanted:
        console.result(help_wanted.format_message())
        return 0
    except click.UsageError as error:
        return usage(error, console, command_path(command, name, given))
    except click.ClickException as error:
        console.complain(f"error  {error.format_message()}")
        return USAGE


def command_path(command: click.Command, name: str, given: Sequence[str]) -> str:
    """The program and the command that the words begin with: click does not tell which one lacks an option's value."""
    words = [name]
    for word in given:
        inner = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        if inner is None:
            break
        command = inner
        words.append(word)
    return " ".join(words)


def singer_command(function: Callable[..., int]) -> click.Command:
    """A Singer program, whose first option is where its settings are."""
    config = click.option(
        "--config",
        "-c",
        "configs",
        multiple=True,
        metavar="FILE|ENV",
        help="Settings: a JSON file, or ENV. Repeatable.",
    )
    return click.command(context_settings=SETTINGS)(config(function))


def about_options(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """The options by which a Singer program says what it is, and its console as the first argument."""
    shapes = click.Choice(["text", "json", "markdown"])

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        told: Callable[..., int] = click.pass_obj(function)
        for option in (
            click.version_option(__version__, "--version", prog_name=name, message="%(prog)s %(version)s"),
            click.option("--format", "shape", type=shapes, default="text", help="Of --about."),
            click.option("--about", is_flag=True, help=f"Describe {name} and its settings."),
        ):
            told = option(told)
        return told

    return decorate


def json_object(path: Path | None, what: str) -> dict[str, Any]:
    """A file that holds one JSON object; an empty one where there is no file, or nothing in it."""
    if path is None:
        return {}
    try:
        found = json.loads(path.read_bytes().strip() or b"{}")
    except OSError as error:
        raise SettingsError(f"the {what} {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"the {what} {path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise SettingsError(f"the {what} {path} is not a JSON object")
    return found
