"""The message and the exit status of an error.

The message has four lines: the error, where it happened, why, and the fix. A user's mistake never shows a traceback. A
bug says that it is one, and shows its traceback under -v.
"""

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from intacct_bridge.apps.terminal.output import PLAIN, TEXT, Output
from intacct_bridge.operations.exit_statuses import (
    INTERNAL_ERROR,
    INTERRUPTED,
    OUTPUT_CLOSED,
    TERMINATED,
    USAGE,
    Terminated,
)
from intacct_protocol.errors import (
    BusyError,
    InDoubtError,
    IntacctError,
    InvalidRequestError,
    RecordError,
    SettingsError,
    TransientError,
    UnreachableError,
)

INTERRUPTED_NOTE = "\nInterrupted. Completed work is kept; run the same command again to continue."
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FREE_SPACE = "Free some disk space and run it again. Completed work is kept."
_FULL_IN_WORDS = ("No space left on device", "disk is full", "Disk quota exceeded", "File too large")
"""How databases and Arrow tell of a full disk, whose errors have no number of the system's."""


_DATABASES = ("sqlite3", "duckdb", "_duckdb", "pg8000", "adbc_driver_manager", "pyarrow")
_DEEPEST = 20
"""The most causes of an error that are looked at."""
_EXTRAS = {
    "pyarrow": "data",
    "duckdb": "data",
    "adbc_driver_postgresql": "postgres",
    "openpyxl": "excel",
    "intacct_emulator": "emulator",
}
"""Optional packages, and the extra that installs each."""


def report(
    error: BaseException,
    output: Output,
    *,
    target: str = "",
    keep: Callable[[BaseException], None] = lambda _: None,
) -> int:
    """Print the message and return the exit status; `target` is the company and environment that a call reached.

    `keep` gets the error as it is reported: a missing file as an error of the settings, for example.
    """
    if isinstance(error, BrokenPipeError):
        close_output()
        return OUTPUT_CLOSED
    if isinstance(error, KeyboardInterrupt):
        output.complain(INTERRUPTED_NOTE)
        return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
    error = explained(error)
    keep(error)
    if isinstance(error, IntacctError):
        lines = {label: output.spelled(text) for label, text in described(error, target=target).items()}
        _print(lines, output, error, error.exit_status)
        if output.verbose > 1:
            output.complain("".join(traceback.format_exception(error)))
        return error.exit_status
    what = f"{type(error).__name__}: {error}"
    ours = {
        "error": f"A bug in Intacct Bridge: {what}",
        "fix": "Run it again with -v for the traceback, and please report it. Completed work is kept.",
    }
    _print(ours, output, error, INTERNAL_ERROR)
    if output.verbose:
        output.complain("".join(traceback.format_exception(error)))
    return INTERNAL_ERROR


def explained(error: BaseException) -> BaseException:
    """The error with its fix, if it is about this machine: a file, a database, a package; any other is unchanged."""
    if isinstance(error, IntacctError):
        return error
    if isinstance(error, OSError):
        return _about_a_file(error)
    if is_of_full_disk(error):
        return SettingsError(f"The disk is full: {error}", fix=_FREE_SPACE)
    if type(error).__module__ == "sqlite3":
        fix = "Free some disk space, or check the file and its permissions, and run it again. Completed work is kept."
        return SettingsError(f"A database file on this machine cannot be used: {error}", fix=fix)
    return _about_a_package(error) if isinstance(error, ModuleNotFoundError) else error


def is_of_full_disk(error: BaseException) -> bool:
    """Whether an error comes of a disk without space, also where a layer in between tells it in its own words."""
    cause: BaseException | None = error
    for _ in range(_DEEPEST):
        if cause is None:
            return False
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        from_outside = isinstance(cause, OSError) or type(cause).__module__.partition(".")[0] in _DATABASES
        if from_outside and any(words in str(cause) for words in _FULL_IN_WORDS):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def described(error: IntacctError, *, target: str = "") -> dict[str, str]:
    """The lines of the message by their labels; empty ones are left out."""
    diagnosis = error.diagnosis
    lines = {"error": error.message, "where": _place_of(error, target)}
    lines["why"] = diagnosis.cause if diagnosis is not None and diagnosis.cause else _why(error)
    fix = error.advice
    if diagnosis is not None:
        who = diagnosis.who if diagnosis.who not in ("", "you") else ""
        aside = "; ".join(part for part in (diagnosis.menu, f"who: {who}" if who else "") if part)
        fix = f"{fix} [{aside}]" if aside else fix
    lines["fix"] = fix
    return {label: text for label, text in lines.items() if text}


def _place_of(error: IntacctError, target: str) -> str:
    support_ids = [fault.support_id for fault in error.faults if fault.support_id]
    record = error.record if isinstance(error, RecordError) else ""
    field = error.field if isinstance(error, RecordError) else ""
    parts = [
        record,
        f"field {field}" if field else "",
        f"function {error.function}" if error.function else "",
        target if _reached_company(error) else "",
        f"HTTP {error.http_status}" if error.http_status not in (0, 200) else "",
        f"support id {support_ids[0]}" if support_ids else "",
    ]
    return ", ".join(part for part in parts if part)


def _reached_company(error: IntacctError) -> bool:
    if isinstance(error, InvalidRequestError):
        return error.by_gateway
    return not isinstance(error, SettingsError)


def _why(error: IntacctError) -> str:
    if isinstance(error, InDoubtError):
        if isinstance(error.__cause__, SettingsError):
            return "Intacct may have answered, but nothing can be kept here. The next run looks for these records."
        return "The whole request was sent and no readable answer came, so it may have been applied or not."
    if isinstance(error, TransientError) and not isinstance(error, BusyError | UnreachableError):
        return "A temporary fault; it was retried for as long as the settings allow."
    more = [str(fault) for fault in error.faults[1:4]]
    return f"Intacct also said: {'; '.join(more)}" if more else ""


def _about_a_file(error: OSError) -> SettingsError:
    name = error.filename if isinstance(error.filename, str) else ""
    what = error.strerror or str(error)
    if error.errno in _FULL:
        return SettingsError(f"{name}: {what}" if name else what, fix=_FREE_SPACE)
    return SettingsError(f"{name}: {what}" if name else what, fix="Check the path and its permissions.")


def _about_a_package(error: ModuleNotFoundError) -> ModuleNotFoundError | SettingsError:
    """The extra to install, if one installs the package."""
    name = (error.name or "").partition(".")[0]
    if name not in _EXTRAS:
        return error
    fix = f"Run: pip install 'intacct-bridge[{_EXTRAS[name]}]'"
    return SettingsError(f"The package {name} is not installed.", fix=fix)


def _print(lines: dict[str, str], output: Output, error: BaseException, status: int) -> None:
    """Print the lines of a message; as JSON also what a program needs to decide what to do next."""
    if output.as_json and output.log_format == PLAIN:
        import json

        run = {"run": output.log_facts["run"]} if output.log_facts.get("run") else {}
        output.complain(
            json.dumps({"error": {**lines, **facts_of(error, status), **run}}, ensure_ascii=False), level="error"
        )
        return
    if output.log_format != PLAIN:
        others = {label: text for label, text in lines.items() if label != "error"}
        shown = "".join(f"; {label}: {text}" for label, text in others.items()) if output.log_format == TEXT else ""
        text = " ".join(f"{lines['error']}{shown}".split())
        output.complain(text, level="error", **others, **facts_of(error, status))
        return
    for label, text in lines.items():
        lead = f"{label:>5}  "
        if "\n" in text:  # a filter with the wrong place underlined
            output.complain(lead + text.replace("\n", "\n" + " " * len(lead)), level="error")
        else:
            output.complain(output.wrapped(lead, text), level="error")


def facts_of(error: BaseException, status: int) -> dict[str, str | int]:
    """What a program decides by: the error's code, class, exit status, and entry of the catalogue."""
    from intacct_bridge.operations.runs import RunError

    run_error = RunError.of(error)
    return {"code": run_error.code, "class": run_error.kind, "exit_status": status, "id": run_error.entry}


def close_output() -> None:
    """Replace a closed standard output by the null device, so that the interpreter's last flush is silent."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_LIKE = 0.7
"""How alike two names of options must be; `--streams` is no misspelling of `--names`."""
_OTHER_NAMES = {"--select": ("field", "column"), "--to": ("output", "out", "dest", "destination", "target")}
"""Options, and what users call them, too."""
_STREAMS = ("stream", "object", "table")


def _unknown_option(option: str, error: Any, path: str) -> dict[str, str]:
    """What the user of an unknown option means: an argument, or an option whose name is alike or means the same."""
    from intacct_protocol.model.suggestions import closest, suggestion

    word, message = option.lstrip("-").lower().removesuffix("s"), f"No such option '{option}'."
    params = error.ctx.command.params
    for argument in (one for one in params if one.param_type_name == "argument"):
        place = argument.make_metavar(error.ctx).strip("[].")
        names = _STREAMS if argument.name == "streams" else (argument.name.removesuffix("s"), place.lower())
        if word in names:
            return {"error": message, "fix": f"Write it without an option, as in: {path} {place}"}
    options = [flag for one in params if one.param_type_name == "option" for flag in one.opts if flag.startswith("--")]
    same = [flag for flag, words in _OTHER_NAMES.items() if flag in options and word in words]
    near = suggestion(same or closest(option, options, cutoff=_LIKE))
    return {"error": f"{message} {near[:1].upper()}{near[1:]}".rstrip()}


def usage(error: Any, output: Output, command: str) -> int:
    """Print click's message about a wrong command line and the help to read; `command` is used if click names none."""
    path = error.ctx.command_path if error.ctx is not None else command
    lines = {"error": " ".join(error.format_message().split()), "fix": f"See: {path} --help"}  # click breaks lines
    if (option := getattr(error, "option_name", "")) and hasattr(error, "possibilities") and error.ctx is not None:
        lines |= _unknown_option(option, error, path)
    _print(lines, output, error, USAGE)
    return USAGE
