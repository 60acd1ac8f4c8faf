"""`intacct emulator`: the command `intacct-emulator`, and what the connector adds to it.

It can serve the company of a copy, and it prints how to use the gateway with this program.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from shlex import quote
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from intacct_bridge.apps.cli.command import SERVE, command
from intacct_bridge.apps.cli.context import CommandContext, require_packages, shared_options

if TYPE_CHECKING:
    from intacct_emulator.command.serving import ServedGateway
    from intacct_emulator.settings.company_source import CompanySource

_INSTALLED = find_spec("intacct_emulator") is not None
_ANY_OPTION: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True}


def _serving_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `intacct-emulator`; none if it is not installed, which the command then says."""
    if not _INSTALLED:
        return function
    from intacct_emulator.command.serving import serving_options

    return serving_options(function)


@command(
    "emulator",
    section=SERVE,
    place=3,
    short_help="Serve an emulated gateway on this machine.",
    exits={},
    context_settings={} if _INSTALLED else _ANY_OPTION,
)
@_serving_options
@click.option(
    "--from-copy",
    metavar="URI",
    help="Serve the company in this copy, which intacct extract made: its records, fields and custom objects.",
)
@click.option(
    "--anonymise",
    is_flag=True,
    help="Replace names, ids and free text of the copy, always by the same replacement; keep amounts and dates.",
)
@shared_options(connected=False, prints_table=True)
def emulator_command(context: CommandContext, *, from_copy: str | None, anonymise: bool, **options: Any) -> int:
    """Serve an emulated gateway on this machine until Ctrl-C, and print its URL and credentials.

    \b
    Examples:
      intacct emulator
      intacct emulator --port 0 --port-file port.txt --company empty
      intacct emulator --company harbour.toml
      intacct emulator --from-copy duckdb:///books.duckdb --anonymise --db shape.db
      intacct emulator --companies 1000
      intacct emulator --db company.db --latency-ms 300 --concurrency 2
      intacct emulator --scenario sender-not-authorised
    """
    require_packages(["intacct_emulator"], "emulator", "Serving an emulated gateway needs")
    from intacct_emulator.command.serving import serve_gateway

    if anonymise and not from_copy:
        raise click.UsageError("--anonymise needs --from-copy URI.")
    source = _company_of_copy(context, from_copy, anonymise=anonymise) if from_copy else None
    settings = {"environment": "demo"}
    return serve_gateway(context.output, options, source=source, settings=settings, ready=_how_to_use)


@contextmanager
def _company_of_copy(context: CommandContext, uri: str, *, anonymise: bool) -> Iterator["CompanySource"]:
    """The company in a copy, which is open meanwhile."""
    from intacct_bridge.testing import read_copy

    with read_copy(uri, anonymise=anonymise) as copied:
        if copied.left_out:
            context.output.say(f"Left out, because they are not objects of a company: {', '.join(copied.left_out)}")
        yield copied.source


def _how_to_use(gateway: "ServedGateway") -> Iterator[str]:
    """How this program, its Singer tap and its library reach the gateway."""
    from intacct_bridge.machine.directories import cache_of_port

    # what is cached for this port belongs to the company that it served before
    shutil.rmtree(cache_of_port(urlsplit(gateway.url).port), ignore_errors=True)
    settings = {"endpoint": gateway.url, **gateway.settings}
    names = {"endpoint": "ENDPOINT_URL"}
    yield "In another terminal:"
    yield "  export " + " ".join(
        f"INTACCT_{names.get(name, name.upper())}={quote(str(value))}" for name, value in settings.items()
    )
    flags = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in gateway.job.items()}
    yield "  intacct doctor" + "".join(f" --{name.replace('_', '-')} {quote(text)}" for name, text in flags.items())
    config = {"api_url": gateway.url, **{name: str(value) for name, value in gateway.settings.items()}}
    yield "The config of tap-intacct and target-intacct:"
    yield f"  {json.dumps(config)}"
    yield "A client of the library:"
    arguments = ", ".join(f'{name}="{value}"' for name, value in settings.items())
    yield f"  connect({arguments})"
