"""`intacct console`: the console in a browser, served on this machine."""

import os
import secrets
import sys
import tempfile
from contextlib import suppress
from html import escape
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import SERVE, command
from intacct_bridge.apps.cli.context import (
    CommandContext,
    file_option,
    number_option,
    require_packages,
    shared_options,
    tell_exposed_passwords,
)
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.console.app import ConsoleServer, ConsoleSettings

_EXTRA = ("jinja2", "python_multipart", "starlette", "uvicorn")
SECRET_VARIABLE = "INTACCT_CONSOLE_SECRET"  # noqa: S105 - the variable's name
_SHORTEST_SECRET = 20


@command(
    "console",
    section=SERVE,
    place=1,
    short_help="Serve the console: pages in a browser for all of this.",
    exits={},
)
@number_option("--port", "Serve on this port; 0 takes a free one.", most=65535, default=0)
@click.option("--no-open", is_flag=True, help="Print the address and open no browser.")
@click.option("--read-only", is_flag=True, help="Refuse every form, so that pages only show.")
@number_option("--idle-minutes", "Sign out after this many minutes without a visit.", least=1, most=1440, default=30)
@number_option("--largest-upload", "Refuse files of more than this many MB.", least=1, most=2000, default=50)
@click.option(
    "--allow-host",
    "allow_hosts",
    metavar="NAME",
    multiple=True,
    help="Answer under this host name too, such as that of a proxy. Repeatable.",
)
@click.option(
    "--trust-header",
    metavar="HEADER",
    help=f"Team mode: a proxy signs people in and names them in this header. Needs {SECRET_VARIABLE} and --allow-host.",
)
@click.option(
    "--administrator",
    "administrators",
    metavar="PERSON",
    multiple=True,
    help="Team mode: let only this person add, edit and remove connections. Repeatable for more people.",
)
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Serve on this address; one that other machines can reach needs team mode.",
)
@file_option("--address-file", "Write the start address to this file, for other programs of this account.")
@click.option(
    "--connection", metavar="NAME", help="Preselect this connection on the pages (default: INTACCT_CONNECTION)."
)
@shared_options(connected=False)
def console_command(context: CommandContext, *, host: str, port: int, no_open: bool, **options: Any) -> None:
    """Serve the console: pages for connections, checks, reports, extracts and loads, in a browser on this machine.

    The start address signs one browser in, once. Press Enter for another one, Ctrl-C to end the console.

    In team mode the console stands behind a reverse proxy that signs people in. The proxy sends the person's name in
    the header that --trust-header names, the value of INTACCT_CONSOLE_SECRET in X-Intacct-Console-Secret, and https in
    X-Forwarded-Proto. It must remove these headers from what browsers send.

    \b
    Examples:
      intacct console
      intacct console --no-open --port 8090
      intacct console --connection demo --read-only
      intacct console --port 8090 --trust-header X-Forwarded-User --allow-host books.example.org
    """
    require_packages(_EXTRA, "console", "The console needs")
    from intacct_bridge.apps.console.app import ConsoleApp, ConsoleServer
    from intacct_bridge.apps.console.pages.registry import PAGES
    from intacct_bridge.apps.jobs.program import FlowRunner

    settings = _console_settings(context, host, options)
    tell_exposed_passwords(context)
    app = ConsoleApp(settings, flows=FlowRunner(), report=lambda error: _report(context, error))
    with ConsoleServer(app, PAGES, host=host, port=port) as server:
        if settings.team is not None:
            context.output.say(f"Serving {server.url} for {', '.join(settings.hosts)}; press Ctrl-C to stop.")
            server.wait_for_signal(context.output)
        else:
            _serve_one_person(context, server, no_open=no_open, address_file=options["address_file"])
    context.output.say("The console has ended.")


def _report(context: CommandContext, error: BaseException) -> None:
    """Tell the terminal of a bug, with the traceback under -v."""
    import traceback

    context.output.complain(f"A bug in Intacct Bridge: {type(error).__name__}: {error}")
    context.output.detail("".join(traceback.format_exception(error)))


def _console_settings(context: CommandContext, host: str, options: dict[str, Any]) -> "ConsoleSettings":
    from intacct_bridge.apps.console.app import ConsoleSettings, TeamMode
    from intacct_bridge.machine.account import account_name

    team = None
    if options["trust_header"]:
        secret = os.environ.get(SECRET_VARIABLE, "")
        if len(secret) < _SHORTEST_SECRET:
            raise SettingsError(
                f"--trust-header needs a secret of {_SHORTEST_SECRET} characters or more in {SECRET_VARIABLE}.",
                fix=f"Choose one, such as {secrets.token_urlsafe(24)}, and let the proxy send it.",
            )
        if not options["allow_hosts"]:
            raise SettingsError(
                "--trust-header needs the host name under which people reach the console.",
                fix="Add --allow-host NAME.",
            )
        team = TeamMode(options["trust_header"], secret)
        context.output.hide([secret])
    elif host not in ("127.0.0.1", "localhost", "::1"):
        raise SettingsError(
            f"Without a sign-in the console serves this machine only, not {host}.",
            fix="Leave --host out, or use team mode: --trust-header.",
        )
    return ConsoleSettings(
        read_only=options["read_only"],
        hosts=tuple(options["allow_hosts"]),
        team=team,
        administrators=tuple(options["administrators"]),
        idle_seconds=options["idle_minutes"] * 60,
        largest_upload=options["largest_upload"] << 20,
        person=account_name(),
        connection=_proposed(context),
    )


def _proposed(context: CommandContext) -> str:
    """The connection that pages propose; SettingsError if it is named and unknown."""
    from intacct_bridge.connections.demo_company import listed_connections
    from intacct_protocol.model.suggestions import did_you_mean

    names = [one.name for one in listed_connections()]
    if context.name and context.name not in names:
        near = did_you_mean(context.name, names)
        fix = f"Leave --connection out, or run: intacct connections add {context.name}"
        raise SettingsError(f"There is no connection {context.name!r}{near}.", fix=fix)
    return context.name or os.environ.get("INTACCT_CONNECTION", "")


def _serve_one_person(
    context: CommandContext, server: "ConsoleServer", *, no_open: bool, address_file: Path | None
) -> None:
    address = server.start_address()
    if address_file is not None:
        _write_private(address_file, address + "\n")
    context.output.result(address)
    context.output.out.flush()
    context.output.say("This address signs in one browser, once. Press Enter for another one, Ctrl-C to stop.")
    with tempfile.TemporaryDirectory(prefix="intacct-console-") as folder:
        if not no_open:
            _open_browser(context, server.start_address(), Path(folder))
        if sys.stdin is not None and sys.stdin.isatty():
            Thread(target=_more_addresses, args=(context, server), daemon=True).start()
        server.wait_for_signal(context.output)


def write_start_page(address: str, folder: Path) -> Path:
    """A page that leads to the address, readable by this account only."""
    page = folder / "start.html"
    to = escape(address, quote=True)
    _write_private(page, f'<!doctype html><meta http-equiv="refresh" content="0; url={to}"><a href="{to}">Start</a>')
    return page


def _open_browser(context: CommandContext, address: str, folder: Path) -> None:
    """Open the address by a file: the arguments of a program are shown to every account of the machine."""
    import webbrowser

    page = write_start_page(address, folder)
    try:
        in_terminal = type(webbrowser.get()) is webbrowser.GenericBrowser  # such as lynx, which would take the terminal
    except webbrowser.Error:
        in_terminal = True
    if in_terminal or not webbrowser.open(page.as_uri()):
        context.output.say("No browser was found here: open the address yourself.")


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _more_addresses(context: CommandContext, server: "ConsoleServer") -> None:
    with suppress(OSError, ValueError):
        for _ in sys.stdin:
            context.output.result(server.start_address())
