"""`intacct mcp`: the server for agents."""

import ipaddress
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from intacct_bridge.apps.cli.command import SERVE, command
from intacct_bridge.apps.cli.context import (
    CommandContext,
    number_option,
    require_packages,
    shared_options,
    tell_exposed_passwords,
)
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.mcp.server import AgentServer
    from intacct_bridge.apps.mcp.session import AgentSession, AgentSettings


@command(
    "mcp",
    section=SERVE,
    place=2,
    short_help="Serve AI agents: they read and plan, a person approves.",
    exits={},
)
@click.option("--copy", metavar="URI", help="Let agents read this copy: duckdb:///FILE, parquet:DIR, postgresql://...")
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Let agents plan to load files of this folder (default: none).",
)
@click.option("--read-only", is_flag=True, help="Offer only tools that read, none that plan.")
@number_option(
    "--max-transactions",
    "Use at most this many API transactions for reading and planning, in one run of the server.",
    default=200,
)
@number_option("--max-rows", "Give at most this many rows in one answer.", least=1, most=1000, default=200)
@number_option(
    "--max-seconds", "Stop a query of the copy after this many seconds.", least=1, most=600, default=30, metavar="S"
)
@click.option(
    "--console",
    metavar="URL",
    default="",
    help="Offer the pages of this running console for approvals, to agents that can open pages.",
)
@click.option("--http", "over_http", is_flag=True, help="Serve over HTTP on this machine instead of standard input.")
@number_option("--port", "Serve on this port with --http; 0 takes any free one.", most=65535, default=8766)
@click.option(
    "--token-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read the bearer token for --http from this file, which is made if it is missing (default: in the state "
    "directory, or INTACCT_MCP_TOKEN).",
)
@shared_options()
def mcp_command(
    context: CommandContext,
    *,
    copy: str | None,
    folder: Path | None,
    read_only: bool,
    max_transactions: int,
    max_rows: int,
    max_seconds: int,
    console: str,
    over_http: bool,
    port: int,
    token_file: Path | None,
) -> None:
    """Serve AI agents through the Model Context Protocol: they read and plan, a person approves, then they apply.

    An agent starts this command itself and talks over its standard input and output. It reads the copy without API
    transactions. It cannot approve: a person does that with `intacct plan approve`, or in the console. Every call is
    kept in a log.

    \b
    Examples:
      intacct mcp --copy duckdb:///books.duckdb
      intacct mcp --copy duckdb:///books.duckdb --read-only
      intacct mcp --copy postgresql://agent@db/books --folder ~/inbox --http
    """
    require_packages(("mcp",), "mcp", "Agents need")
    from intacct_bridge.apps.mcp.server import AgentServer
    from intacct_bridge.apps.mcp.session import AgentSettings
    from intacct_bridge.operations.copies import QuestionLimits

    tell_exposed_passwords(context)
    if copy:
        _look_at_copy(context, copy)
    settings = AgentSettings(
        copy=copy or "",
        folder=folder,
        max_transactions=max_transactions,
        limits=QuestionLimits(max_rows, float(max_seconds)),
        console=_checked_console(console),
        read_only=read_only,
    )
    session = _session(context, settings)
    try:
        server = AgentServer(session)
        if over_http:
            _over_http(context, server, session, port=port, token_file=token_file)
        else:
            from intacct_bridge.apps.mcp.stdio import serve_stdio

            context.output.say(f"Serving agents of {context.connection.target}.")
            context.output.say(f"Calls are kept in {session.log.path}")
            if sys.stdin.isatty():
                context.output.say("An agent's program starts this command and talks to it. Press Ctrl-C to stop.")
            serve_stdio(server)
    finally:
        session.close()


def _session(context: CommandContext, settings: "AgentSettings") -> "AgentSession":
    from intacct_bridge.apps.mcp.call_log import CallLog
    from intacct_bridge.apps.mcp.session import AgentSession
    from intacct_bridge.machine.account import account_name
    from intacct_bridge.machine.directories import state_directory

    log = CallLog(state_directory() / "agents", context.connection.name, masked=context.output.masked)
    return AgentSession(
        context,
        settings,
        log=log,
        person=account_name(),
    )


def _look_at_copy(context: CommandContext, copy: str) -> None:
    """SettingsError for an address that cannot be a copy's; a note if there is no file or folder yet."""
    from intacct_bridge.operations.copies import parse_uri
    from intacct_protocol.model.uri_text import redacted

    at = parse_uri(copy)
    if at.scheme == "singer":
        raise SettingsError("an agent cannot read - as a copy", fix="Name a copy, such as duckdb:///books.duckdb.")
    if at.local_path is not None and not at.local_path.exists():
        context.output.complain(f"There is no copy at {redacted(copy)} yet: intacct extract --to {redacted(copy)}")


def _over_http(
    context: CommandContext, server: "AgentServer", session: "AgentSession", *, port: int, token_file: Path | None
) -> None:
    from intacct_bridge.apps.mcp.http import TOKEN_VARIABLE, serve_http
    from intacct_bridge.apps.web.tokens import token_of
    from intacct_bridge.machine.directories import state_directory

    token, place = token_of(TOKEN_VARIABLE, token_file or state_directory() / "mcp-token")
    context.output.hide([token])

    def ready(address: str) -> None:
        context.output.say(f"Serving agents of {context.connection.target} at {address}")
        context.output.say(f"Calls are kept in {session.log.path}")
        context.output.say(f"The bearer token is in {place}. Press Ctrl-C to stop.")

    serve_http(server, port, token, context.output, ready=ready)


def _checked_console(address: str) -> str:
    """The console's address. SettingsError if it is not on this machine or not a web address."""
    if not address:
        return ""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local and urlsplit(address).scheme != "https":
        raise SettingsError(
            f"{address!r} is not the address of a console",
            fix="Give what `intacct console` prints, without the token.",
            setting="console",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
