"""`intacct fleet serve`: the credential page and the JSON interface."""

import os
import secrets
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import command
from intacct_bridge.apps.cli.context import (
    CommandContext,
    file_option,
    number_option,
    require_packages,
    tell_exposed_passwords,
)
from intacct_bridge.apps.cli.fleet.fleet_option import with_fleet
from intacct_bridge.apps.terminal.exit_statuses import FLEET_DATABASE
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.fleets import Fleet

TOKEN_VARIABLE = "INTACCT_FLEET_TOKEN"  # noqa: S105 - the variable's name
_EXTRA = ("jinja2", "python_multipart", "starlette", "uvicorn")


@command("serve", exits=FLEET_DATABASE)
@click.option(
    "--address",
    "public_address",
    metavar="URL",
    envvar="INTACCT_FLEET_ADDRESS",
    default="",
    help="The public address of the credential page, that of your reverse proxy (default: INTACCT_FLEET_ADDRESS).",
)
@click.option("--vendor", metavar="NAME", default="", help="The name of your company, as the credential page shows it.")
@number_option("--port", "Serve on this port; 0 takes a free one.", most=65535, default=8780)
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Serve on this address; one that other machines can reach needs --address.",
)
@click.option(
    "--allow-host",
    "allow_hosts",
    metavar="NAME",
    multiple=True,
    help="Answer the JSON interface under this host name too. Repeatable.",
)
@file_option("--token-file", f"The bearer token of the JSON interface (default: {TOKEN_VARIABLE}).")
@with_fleet(prints_table=False)
def serve_command(
    context: CommandContext,
    fleet: "Fleet",
    *,
    public_address: str,
    vendor: str,
    port: int,
    host: str,
    allow_hosts: tuple[str, ...],
    token_file: Path | None,
) -> None:
    """Serve the page where a tenant's administrator connects the company, and the JSON interface for your programs.

    The page is under /connect, the interface under /api/v1. The interface needs the bearer token, and does not answer
    under the public address. Several processes may serve one fleet.

    \b
    Examples:
      intacct fleet serve
      intacct fleet serve --address https://connect.example.com --vendor "Example Software"
      intacct fleet serve --token-file /run/secrets/fleet-token --port 8780
    """
    require_packages(_EXTRA, "fleet,console", "Serving needs")
    from intacct_bridge.apps.fleet_site.server import FleetServer
    from intacct_bridge.apps.fleet_site.site import FleetApp, ServeSettings
    from intacct_bridge.operations.fleets import PageState

    tell_exposed_passwords(context)
    token = _token(token_file)
    context.output.hide([token])
    if not public_address and not _is_this_machine(host):
        raise SettingsError(
            f"On {host} other machines reach the credential page, which needs an address with https.",
            fix="Name the address of the reverse proxy with --address, or leave --host out.",
        )
    settings = ServeSettings(token, public_address, vendor, allow_hosts)
    with closing(PageState(fleet.registry.place)) as pages:
        app = FleetApp(fleet, pages, settings, report=lambda error: _report(context, error))
        with FleetServer(app, host=host, port=port) as server:
            context.output.say(f"Links begin with {app.address}.")
            context.output.say(f"The JSON interface is at {server.url}/api/v1. Press Ctrl-C to stop.")
            server.wait_for_signal(context.output)
    context.output.say("The server has ended.")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _token(path: Path | None) -> str:
    """The bearer token. SettingsError if there is none, it is short, or others can read its file."""
    from intacct_bridge.apps.web.tokens import checked_token, read_token

    token = read_token(path) if path is not None else os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise SettingsError(
            "The JSON interface has no bearer token.",
            fix=f"Set {TOKEN_VARIABLE} to a random text, such as {secrets.token_urlsafe(32)}, or use --token-file.",
        )
    return checked_token(token, str(path) if path is not None else TOKEN_VARIABLE)


def _report(context: CommandContext, error: BaseException) -> None:
    """Tell the terminal what only the vendor may read."""
    import traceback

    context.output.complain(f"{type(error).__name__}: {error}")
    context.output.detail("".join(traceback.format_exception(error)))


COMMANDS = (serve_command,)
