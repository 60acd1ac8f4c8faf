"""The run of a program: its arguments parsed, its command run, signals handled, the end reported as an exit status.

Click's own `main` is not used, because it treats closed pipes, interrupts and exit statuses in other ways.
"""

import atexit
import codecs
import gc
import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from intacct_bridge import __version__
from intacct_bridge.apps.terminal.exit_statuses import exit_line
from intacct_bridge.apps.terminal.failures import INTERRUPTED_NOTE, report, usage
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.exit_statuses import INTERRUPTED, TERMINATED, USAGE, Terminated
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.nesting import refusing_depth

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
"""The click settings of every command."""
_OTHERS = 0o077
"""What users other than its owner may do with a file: nothing."""
GRACE = 5.0
"""Seconds that running calls have after the first signal; schedulers kill a process 10 or 30 s after SIGTERM."""
_GRACE_OF_SECOND = 1.0
"""Seconds to finish the output after the second signal."""
_SAME_REQUEST = 1.0
"""Seconds in which a further SIGTERM repeats the first: `timeout` sends it to the process and to its group."""


def run(
    command: click.Command,
    name: str,
    arguments: Sequence[str] | None,
    *,
    click_object: Any,
    output: Output,
    target: Callable[[], str] = str,
    keep: Callable[[BaseException], None] = lambda _: None,
) -> int:
    """Run one command and return its exit status; no mistake of a user ends in a traceback.

    `target` returns the company and environment for messages, or nothing before they are known. `keep` gets the error
    that ends the command.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> int:
        _refuse_undecoded(words)
        return _invoked(
            lambda: command.make_context(name, words, obj=click_object),
            words,
            output,
            lambda: command_path(command, name, words),
        )

    return run_job(work, output, target=target, keep=keep)


def run_job(
    work: Callable[[], int], output: Output, *, target: Callable[[], str], keep: Callable[[BaseException], None]
) -> int:
    """Do the work of a command and return its exit status, as `run` does."""
    os.umask(os.umask(_OTHERS) | _OTHERS)  # copies, caches and exports hold a company's data
    accept_every_character(sys.stdout, sys.stderr)
    try:
        with _told_to_end():
            status = work()
        sys.stdout.flush()
        return status
    except BaseException as error:
        return report(error, output, target=target(), keep=keep)


def end_without_collection() -> None:
    """Leave circular garbage alone when the process ends, as its memory is given back then. For console scripts.

    Python would look at all objects several times. A process with DuckDB ends as always: DuckDB reports every object
    that is left as leaked.
    """
    atexit.register(lambda: None if "duckdb" in sys.modules else gc.freeze())


def accept_every_character(*outputs: TextIO | None) -> None:
    """Let characters of every script be written, in every locale.

    A pipe or a file gets UTF-8 even if Windows or an old locale would choose a smaller character set. A terminal
    keeps its own, and shows a question mark for a character that it lacks.
    """
    for stream in outputs:
        if not isinstance(stream, io.TextIOWrapper) or codecs.lookup(stream.encoding).name == "utf-8":
            continue
        if stream.isatty():
            stream.reconfigure(errors="replace")
        else:
            stream.reconfigure(encoding="utf-8", errors="strict" if stream is sys.stdout else "backslashreplace")


def _refuse_undecoded(words: Sequence[str]) -> None:
    """Refuse arguments with bytes that Python could not decode: no file and no database could keep them."""
    for word in words:
        if not _is_text(word):
            shown = os.fsencode(word).decode("utf-8", "backslashreplace")
            raise SettingsError(
                f"The argument {shown} is not text in {sys.getfilesystemencoding().upper()}.",
                fix="Rename the file, or set PYTHONUTF8=1 if the name is in UTF-8.",
            )


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _told_to_end() -> Iterator[None]:
    """Let SIGTERM end the work inside as Ctrl-C does, so that the run is recorded with its end and what it cost."""
    raised = list[float]()

    def end(_: int, __: object) -> None:
        if not raised or time.monotonic() - raised[-1] > _SAME_REQUEST:
            raised.append(time.monotonic())
            raise Terminated

    here = threading.current_thread() is threading.main_thread()
    by_default = here and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if by_default:
        signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if by_default and signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def stoppable(
    output: Output,
    seal: Callable[[float], None] = lambda _: None,
    record: Callable[[int], object] = lambda _: None,
) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop the work inside at its next safe point; a second signal or `GRACE` seconds end it.

    `seal` is called before such an end, with the seconds it may take: it completes the message that is being written
    and refuses further ones. `record` notes the end of the run, with the exit status. Only for work that can be cut off
    anywhere and continued later.
    """
    inside, timers, first = True, list[threading.Timer](), time.monotonic()

    def end_now(status: int, seconds: float) -> None:
        seal(seconds)
        if inside:
            output.last(INTERRUPTED_NOTE)
        noting = threading.Thread(target=record, args=(status,), daemon=True)  # a lock may be held for ever
        noting.start()
        noting.join(_GRACE_OF_SECOND)
        os._exit(status)

    def stop(number: int, _: object) -> None:
        nonlocal first
        status = TERMINATED if number == signal.SIGTERM else INTERRUPTED
        if timers and number == signal.SIGTERM and time.monotonic() - first < _SAME_REQUEST:
            return
        if timers:
            end_now(status, _GRACE_OF_SECOND)
        first = time.monotonic()
        timers.append(threading.Timer(GRACE, end_now, (status, GRACE)))
        timers[0].daemon = True
        timers[0].start()
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = _handle_signals(stop)
    try:
        yield
    finally:
        inside = False
        if not timers:  # after a signal the handlers stay, because waiting threads could delay the end
            for number, handler in before.items():
                signal.signal(number, handler)


def _handle_signals(handler: Callable[[int, Any], None]) -> dict[int, Any]:
    """Handle SIGINT and SIGTERM, and return the handlers that they had.

    A signal that is ignored stays ignored, as `nohup` and `&` set it up.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    present = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before: dict[int, Any] = {number: one for number, one in present.items() if one not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, handler)
    return before


def _invoked(
    make_context: Callable[[], click.Context], words: Sequence[str], output: Output, path: Callable[[], str]
) -> int:
    try:
        with make_context() as context:
            outcome: Any = context.command.invoke(context)
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        output.complain("")
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as help_wanted:
        output.result(help_wanted.format_message())
        return 0
    except click.UsageError as error:
        output.as_json = output.as_json or "--json" in words  # the options before the wrong one are not handled then
        return usage(error, output, path())
    except click.ClickException as error:
        output.complain(f"error  {error.format_message()}")
        return USAGE


def command_path(command: click.Command, name: str, arguments: Sequence[str]) -> str:
    """The program and the command that the arguments name; click does not tell which one lacks an option's value."""
    words = [name]
    for word in arguments:
        inner = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        if inner is None:
            break
        command = inner
        words.append(word)
    return " ".join(words)


def singer_command(exits: Mapping[int, str]) -> Callable[[Callable[..., int]], click.Command]:
    """Declare a Singer command with its first option, --config; `exits` are its statuses, as of every command."""
    config = click.option(
        "--config",
        "-c",
        "configs",
        multiple=True,
        metavar="FILE|ENV",
        help="Read the settings from a JSON file, or from environment variables with ENV. Repeatable.",
    )
    return lambda function: click.command(context_settings=SETTINGS, epilog=exit_line(exits))(config(function))


def about_options(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """The options --about, --format and --version of a Singer command, which gets its console as the first argument."""
    shapes = click.Choice(["text", "json", "markdown"])

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        command: Callable[..., int] = click.pass_obj(function)
        for option in (
            click.version_option(__version__, "--version", prog_name=name, message="%(prog)s %(version)s"),
            click.option("--format", "shape", type=shapes, default="text", help="The format of --about."),
            click.option("--about", is_flag=True, help=f"Describe {name} and its settings."),
        ):
            command = option(command)
        return command

    return decorate


def _last_object(text: bytes) -> dict[str, Any] | None:
    """The last of several lines, if each of them is an object."""
    try:
        objects = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        return None
    return objects[-1] if len(objects) > 1 and all(isinstance(one, dict) for one in objects) else None


def json_object(path: Path | None, what: str, *, lines: bool = False) -> dict[str, Any]:
    """The JSON object in a file; empty without a path or for an empty file. `what` names the file in errors.

    `lines`: if each line is an object, the last one counts. A target writes its states so.
    """
    if path is None:
        return {}
    try:
        text = path.read_bytes().strip() or b"{}"
        with refusing_depth(f"the {what} {path}", text):
            document = _last_object(text) if lines else None
            document = json.loads(text) if document is None else document
    except OSError as error:
        raise SettingsError(f"the {what} {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"the {what} {path} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise SettingsError(f"the {what} {path} is not a JSON object")
    return document
