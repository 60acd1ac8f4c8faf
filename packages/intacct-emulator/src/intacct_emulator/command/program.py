"""`intacct-emulator`: the emulated gateway over HTTP, for programs in any language."""

import os
import sqlite3
import sys
from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from intacct_emulator import __version__
from intacct_emulator.command.exports import exports_command
from intacct_emulator.command.output import PlainOutput
from intacct_emulator.command.recordings import record_command, replay_command
from intacct_emulator.command.serving import serve_gateway, serving_options
from intacct_protocol.errors import IntacctError

_INTERRUPTED, _OUTPUT_CLOSED = 130, 141


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit status: 0 done · 2 wrong usage or settings · 130 interrupted · 143 ended by SIGTERM.",
)
@serving_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("-q", "--quiet", is_flag=True, help="Print only results and errors.")
@click.version_option(__version__, "--version", prog_name="intacct-emulator", message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context, /, *, as_json: bool, quiet: bool, **options: Any) -> int:
    """Serve an emulated Sage Intacct gateway on this machine until Ctrl-C, and print its URL and credentials.

    \b
    Examples:
      intacct-emulator
      intacct-emulator --port 0 --port-file port.txt --company empty
      intacct-emulator --company harbour.toml
      intacct-emulator --companies 1000
      intacct-emulator --db company.db --latency-ms 300 --concurrency 2
      intacct-emulator --scenario sender-not-authorised
      intacct-emulator --proxy
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return 0
    return serve_gateway(PlainOutput(as_json=as_json, quiet=quiet), options)


def _refuse_options(context: click.Context) -> None:
    """Refuse options of the server before the name of a command, which would do nothing."""
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{parameter.opts[0]} is for serving; options of {context.invoked_subcommand} stand after its name."
            )


for _command in (exports_command, record_command, replay_command):
    program.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; a mistake of the user is a message, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and not stream.isatty():
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # in every locale
    try:
        status = program.main(arguments, prog_name="intacct-emulator", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush is silent
        return _OUTPUT_CLOSED
    except (KeyboardInterrupt, click.Abort):
        return _INTERRUPTED
    except click.UsageError as error:
        return _failed(error.format_message(), "See: intacct-emulator --help", 2)
    except IntacctError as error:
        return _failed(error.message, error.advice, error.exit_status)
    except OSError as error:
        return _failed(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), "", 2)
    except sqlite3.Error as error:
        return _failed(f"A database file on this machine cannot be used: {error}", "Check the file.", 2)


def _failed(message: str, fix: str, status: int) -> int:
    print(f"error  {message}", file=sys.stderr)
    if fix:
        print(f"  fix  {fix}", file=sys.stderr)
    return status
