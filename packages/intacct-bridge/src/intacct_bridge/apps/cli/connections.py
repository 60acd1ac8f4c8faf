"""`intacct connections`: list, add, show, test and remove named connections.

A password is never an option, because command lines are kept in histories and shown in process lists. It is typed,
read from a variable, or stays in a keyring. A typed password goes to the system's keyring if there is one, and only
after a sign-in that worked, as everything else of a new connection.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import BEGIN, command_group
from intacct_bridge.apps.cli.context import CommandContext, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.wording import counted, listed

if TYPE_CHECKING:
    from intacct_bridge.operations.connections import PasswordPlace

_QUESTIONS = {
    "company_id": "Company ID (as on Intacct's sign-in page)",
    "user_id": "User ID of the Web Services user",
    "user_password": "User password",
    "sender_id": "Sender ID (from the Web Services developer licence)",
    "sender_password": "Sender password",
}
_SECRETS = ("user_password", "sender_password")
_ENVIRONMENTS = ("production", "implementation", "demo")
_ENVIRONMENT_QUESTION = "Environment of this company; a sandbox is an implementation"
_WITHOUT_KEYRING = "Use --no-keyring, or --user-password-env and --sender-password-env."
_IN_VARIABLES = " To keep them in variables: --user-password-env and --sender-password-env."


@command_group(
    "connections",
    section=BEGIN,
    place=2,
    short_help="List, add, show, test and remove connections.",
    no_args_is_help=True,
)
def connections_command() -> None:
    """Manage connections: a company, a user and a sender under a name.

    \b
    Examples:
      intacct connections add books
      intacct connections add books-imp --sender acme --environment implementation
      intacct connections test books
    """


@connections_command.command("list", exits={})
@shared_options(connected=False, prints_table=True)
def list_command(context: CommandContext) -> None:
    """List the connections and their files. Passwords are not read."""
    from intacct_bridge.operations.connections import listed_connections

    rows = [
        (one.name, one.company_id, one.user_id, one.location_id, one.environment, one.read_only, one.source)
        for one in listed_connections()
    ]
    context.output.table(
        ("name", "company", "user", "entity", "environment", "read_only", "file"),
        rows,
        empty="No connections yet. Try the demo company: intacct demo. Add your own: intacct connections add NAME",
    )


@connections_command.command("add", exits=CONNECTED)
@click.argument("name")
@click.option("--company-id", metavar="ID", help="Sign in to this company: the ID of Intacct's sign-in page.")
@click.option("--user-id", metavar="ID", help="Sign in as this Web Services user.")
@click.option("--sender-id", metavar="ID", help="Use this sender ID of the Web Services developer licence.")
@click.option("--sender", metavar="NAME", help="Use the shared sender [senders.NAME] of intacct.toml.")
@click.option(
    "--user-password-env", metavar="VARIABLE", help="Read the user's password from this environment variable."
)
@click.option(
    "--sender-password-env", metavar="VARIABLE", help="Read the sender's password from this environment variable."
)
@click.option(
    "--keyring/--no-keyring",
    default=None,
    help="Keep typed passwords in the system's keyring, or in the file (default: the keyring, if there is one).",
)
@click.option("--location-id", metavar="ENTITY", help="Work in this entity (default: the top level).")
@click.option("--client-id", metavar="COMPANY", help="Slide in to this client company of a console.")
@click.option(
    "--environment",
    type=click.Choice(_ENVIRONMENTS),
    help="Label the company as this environment; every write shows it (default: ask; production without a terminal).",
)
@click.option(
    "--authentication",
    type=click.Choice(["session", "login"]),
    help="Sign in once (session, the default) or with every request (login).",
)
@click.option("--dtd-version", type=click.Choice(["3.0", "2.1"]), help="Use this document type (default: 3.0).")
@click.option("--endpoint", metavar="URL", help="Use this gateway (default: Sage's public gateway).")
@click.option(
    "--approval",
    type=click.Choice(["none", "required"]),
    help="Send only plans that a person approved (default: none).",
)
@click.option(
    "--approvers",
    metavar="A,B",
    callback=lambda _context, _option, text: _names(text),
    help="Let only these accounts approve (default: everyone).",
)
@click.option("--four-eyes", is_flag=True, help="Require a second person: the maker of a plan may not approve it.")
@click.option("--read-only", is_flag=True, help="Refuse every write over this connection.")
@click.option(
    "--project", is_flag=True, help="Write to ./intacct.toml (default: the file in your configuration directory)."
)
@click.option("--no-test", is_flag=True, help="Save the connection without signing in.")
@shared_options(connected=False)
def add_command(
    context: CommandContext, *, name: str, project: bool, no_test: bool, keyring: bool | None, **options: Any
) -> None:
    """Add or replace a connection.

    Asks for missing settings, signs in once to test them, and saves them. Nothing is saved if the sign-in fails.
    """
    from intacct_bridge.operations.connections import save_connection, user_file

    path = Path("intacct.toml") if project else user_file()
    settings = _settings(name, options)
    place = _ask_rest(context, name, settings, path, keyring=keyring)
    if not no_test:
        _try(context, name, settings, path)
    saved = save_connection(name, settings, path, place)
    context.output.say(f"Saved connection {name} in {path}.")
    if saved.still_in_keyring:
        context.output.say(saved.still_in_keyring)
    if saved.lifts_approval:
        context.output.say("Its writes no longer need an approval: to require one again, add --approval required.")


@connections_command.command("show", exits={})
@click.argument("name", required=False)
@shared_options(prints_table=True)
def show_command(context: CommandContext, *, name: str | None) -> None:
    """Show a connection's settings. Each has its source; passwords are masked."""
    from intacct_bridge.operations.connections import show_connection

    context.name = name or context.name
    rows = [(setting.name, _short(setting.value), setting.origin) for setting in show_connection(context)]
    context.output.table(("setting", "value", "from"), rows)


def _short(value: object) -> object:
    """A number of seconds or hours without decimals if it has none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


@connections_command.command("test", exits=CONNECTED)
@click.argument("name", required=False)
@shared_options()
def test_command(context: CommandContext, *, name: str | None) -> None:
    """Sign in once. `intacct doctor` checks the rest."""
    from intacct_bridge.apps.views.connection import signed_in
    from intacct_bridge.operations.connections import try_connection

    context.name = name or context.name
    context.output.result(signed_in(try_connection(context)))


@connections_command.command("compare", exits=CONNECTED | {1: "one company lacks something"})
@click.argument("first")
@click.argument("second")
@click.option("--objects", metavar="A,B", default="", help="Compare the custom fields of these objects.")
@shared_options(prints_table=True)
def compare_command(context: CommandContext, *, first: str, second: str, objects: str) -> int:
    """Compare what two companies are set up with, such as implementation and production, before a job moves.

    \b
    Examples:
      intacct connections compare implementation production
      intacct connections compare implementation production --objects APBILL,VENDOR
    """
    from intacct_bridge.operations.promotion import compare_companies

    context.name = first
    comparison = compare_companies(context, second, _names(objects))
    if context.output.as_json:
        context.output.json(asdict(comparison))
    else:
        rows = [(lack.company, lack.kind, lack.name) for lack in comparison.lacks]
        if rows:
            context.output.table(("lacking in", "kind", "name"), rows)
        for name, reason in comparison.skipped:
            context.output.say(f"not compared: {name}: {reason}")
        context.output.say(
            f"{counted(len(rows), 'difference')}; compared: objects, custom fields, {listed(comparison.compared)}"
        )
    return 1 if comparison.lacks else 0


@connections_command.command("remove", exits={})
@click.argument("name")
@click.option(
    "--project", is_flag=True, help="Remove it from ./intacct.toml (default: the file in your configuration directory)."
)
@shared_options(connected=False)
def remove_command(context: CommandContext, *, name: str, project: bool) -> None:
    """Remove a connection from its file, and its passwords from the keyring. Intacct is not changed."""
    from intacct_bridge.operations.connections import remove_connection, user_file

    path = Path("intacct.toml") if project else user_file()
    still_in_keyring = remove_connection(name, path)
    context.output.say(f"Removed connection {name}.")
    if still_in_keyring:
        context.output.complain(still_in_keyring)


def _names(text: str | None) -> list[str]:
    """Names between commas."""
    return [one.strip() for one in (text or "").split(",") if one.strip()]


def _settings(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are given as options, checked; a password is a reference to its variable."""
    from intacct_bridge.operations.connections import check_settings

    settings = {key: value for key, value in options.items() if value}
    for secret in _SECRETS:
        variable = settings.pop(f"{secret}_env", None)
        if variable:
            settings[secret] = {"env": variable}
    check_settings(name, settings)
    return settings


def _ask_rest(
    context: CommandContext, name: str, settings: dict[str, Any], path: Path, *, keyring: bool | None
) -> "PasswordPlace":
    """Add the settings that are not given, from a terminal or else from variables, and return the passwords' place."""
    from intacct_bridge.operations.connections import PasswordPlace

    place = PasswordPlace(name, path, in_keyring=False)
    from_sender = ("sender_id", "sender_password") if "sender" in settings else ()
    missing = [key for key in _QUESTIONS if key not in settings and key not in from_sender]
    if not sys.stdin.isatty():
        missing = [key for key in missing if not _from_variable(key, settings)]
        if missing:
            options = ", ".join(f"--{key.replace('_', '-')}{'-env' if key in _SECRETS else ''}" for key in missing)
            raise SettingsError(
                f"Not running in a terminal: connection {name!r} needs {listed(missing)}.",
                fix=f"Pass {options}.",
            )
        return place
    secrets = [key for key in missing if key in _SECRETS]
    if secrets:
        place = PasswordPlace.chosen(name, path, keyring=keyring, otherwise=_WITHOUT_KEYRING)
    if "environment" not in settings:
        settings["environment"] = context.output.choose(_ENVIRONMENT_QUESTION, _ENVIRONMENTS)
    for key in missing:
        if key in secrets[:1]:
            context.output.complain(place.notice + ("" if place.in_keyring else _IN_VARIABLES))
        settings[key] = context.output.ask(_QUESTIONS[key], secret=key in _SECRETS)
    return place


def _from_variable(key: str, settings: dict[str, Any]) -> bool:
    """Take a setting from its environment variable; a password is saved as a reference to the variable."""
    variable = f"INTACCT_{key.upper()}"
    if not os.environ.get(variable):
        return False
    settings[key] = {"env": variable} if key in _SECRETS else os.environ[variable]
    return True


def _try(context: CommandContext, name: str, settings: Mapping[str, Any], path: Path) -> None:
    from intacct_bridge.apps.views.connection import signed_in
    from intacct_bridge.operations.connections import try_unsaved_connection

    try:
        context.output.result(signed_in(try_unsaved_connection(context, name, settings, path)))
    except IntacctError:
        context.output.complain(f"Nothing was saved. To save connection {name} without signing in, add --no-test.")
        raise
