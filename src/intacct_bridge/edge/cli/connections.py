"""`intacct connections`: list, add, show, test and remove named connections.

Passwords are never options, since command lines are kept in histories and shown in process lists: they are typed,
taken from a variable, or left where they are and referred to.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from intacct_bridge.edge.cli.context import CommandContext, shared_options
from intacct_bridge.errors import SettingsError

_QUESTIONS = {
    "company_id": "Company id (the one on Intacct's sign-in page)",
    "user_id": "User id of the Web Services user",
    "user_password": "Password of that user",
    "sender_id": "Sender id (from the Web Services developer licence)",
    "sender_password": "Sender password",
}
_SECRETS = ("user_password", "sender_password")


@click.group("connections", no_args_is_help=True)
def connections_command() -> None:
    """Connections: which company, which user, which sender.

    \b
    Examples:
      intacct connections add books                       asks for what it needs, then signs in once
      intacct connections add books-imp --sender acme --environment implementation
      intacct connections test books
    """


@connections_command.command("list")
@shared_options(connected=False, prints_table=True)
def list_command(context: CommandContext) -> None:
    """Every named connection, and the file it stands in. No password is read."""
    from intacct_bridge.client.connections.sources import list_connections

    rows = [
        (one.name, one.company_id, one.user_id, one.location_id, one.environment, one.read_only, one.source)
        for one in list_connections()
    ]
    context.console.table(
        ("name", "company", "user", "entity", "environment", "read_only", "file"),
        rows,
        empty="no connections yet; make one with: intacct connections add NAME",
    )


@connections_command.command("add")
@click.argument("name")
@click.option("--company-id", help="The company id of Intacct's sign-in page.")
@click.option("--user-id", help="The Web Services user's id.")
@click.option("--sender-id", help="The sender id of the Web Services developer licence.")
@click.option("--sender", help="Use the shared sender [senders.NAME] of intacct.toml instead.")
@click.option("--user-password-env", metavar="VARIABLE", help="Read the user's password from this variable each time.")
@click.option("--sender-password-env", metavar="VARIABLE", help="Read the sender's password from this variable.")
@click.option("--keyring", is_flag=True, help="Keep passwords in the system's keyring, not in the file.")
@click.option("--location-id", metavar="ENTITY", help="Always work inside this entity.")
@click.option("--client-id", metavar="COMPANY", help="Slide in to this client company of a console.")
@click.option(
    "--environment", type=click.Choice(["production", "implementation", "demo"]), help="Shown at every write."
)
@click.option("--authentication", type=click.Choice(["session", "login"]), help="One sign-in, or one a request.")
@click.option("--dtd-version", type=click.Choice(["3.0", "2.1"]), help="The gateway's dialect.")
@click.option("--endpoint", metavar="URL", help="Another gateway than Sage's public one.")
@click.option("--read-only", is_flag=True, help="Refuse every write on this connection.")
@click.option("--project", is_flag=True, help="Write ./intacct.toml instead of the user's own file.")
@click.option("--no-test", is_flag=True, help="Do not sign in to try it.")
@shared_options(connected=False)
def add_command(context: CommandContext, *, name: str, project: bool, no_test: bool, **given: Any) -> None:
    """Make or replace a connection; asks for what is missing, then signs in once."""
    from intacct_bridge.client.connections.sources import add_connection

    settings = _settings(context, name, given)
    path = add_connection(name, settings, path=Path("intacct.toml") if project else None)
    context.console.say(f"wrote [connections.{name}] to {path}")
    if not no_test:
        context.name = name
        _sign_in(context)


@connections_command.command("show")
@click.argument("name", required=False)
@shared_options(prints_table=True)
def show_command(context: CommandContext, *, name: str | None) -> None:
    """One connection's settings and where each comes from; passwords stay hidden."""
    context.name = name or context.name
    connection = context.connection
    origins = connection.origins
    rows = [(setting, value, origins.get(setting, "default")) for setting, value in connection.settings().items()]
    context.console.table(("setting", "value", "from"), [row for row in rows if row[0] != "name"])


@connections_command.command("test")
@click.argument("name", required=False)
@shared_options()
def test_command(context: CommandContext, *, name: str | None) -> None:
    """Sign in once. `intacct doctor` checks everything else."""
    context.name = name or context.name
    _sign_in(context)


@connections_command.command("remove")
@click.argument("name")
@click.option("--project", is_flag=True, help="From ./intacct.toml instead of the user's own file.")
@shared_options(connected=False)
def remove_command(context: CommandContext, *, name: str, project: bool) -> None:
    """Take a connection out of the file; nothing in Intacct changes."""
    from intacct_bridge.client.connections.sources import list_connections, remove_connection

    path = Path("intacct.toml") if project else None
    if not remove_connection(name, path=path):
        elsewhere = [one.source for one in list_connections() if one.name == name]
        raise SettingsError(
            f"there is no connection {name!r} in {path or 'your own intacct.toml'}",
            fix=f"It stands in {elsewhere[0]}; remove it there." if elsewhere else "See: intacct connections list",
        )
    context.console.say(f"removed connection {name}")


def _settings(context: CommandContext, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The table to write: what was given, and what was asked for."""
    settings = {key: value for key, value in given.items() if value and key not in ("keyring",)}
    for secret in _SECRETS:
        variable = settings.pop(f"{secret}_env", None)
        if variable:
            settings[secret] = {"env": variable}
    from_sender = ("sender_id", "sender_password") if "sender" in settings else ()
    missing = [key for key in _QUESTIONS if key not in settings and key not in from_sender]
    _check(name, settings)
    if missing and not sys.stdin.isatty():
        missing = [key for key in missing if not _from_variable(key, settings)]
    if missing and not sys.stdin.isatty():
        options = ", ".join(f"--{key.replace('_', '-')}{'-env' if key in _SECRETS else ''}" for key in missing)
        raise SettingsError(
            f"connection {name!r}: nobody is here to be asked for {', '.join(missing)}",
            fix=f"Give {options}, or run this on a terminal.",
        )
    for key in missing:
        if key not in settings:
            answer = context.console.ask(_QUESTIONS[key], secret=key in _SECRETS)
            settings[key] = _kept(name, key, answer) if given["keyring"] and key in _SECRETS else answer
    return settings


def _check(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse what no connection may be before anybody is asked for a password, and before anything is written."""
    from intacct_bridge.client.connections.connection import Connection

    given = {key: value for key, value in settings.items() if key not in ("sender", *_SECRETS)}
    Connection(**{"name": name, **dict.fromkeys(_QUESTIONS, "-"), **given})


def _from_variable(key: str, settings: dict[str, Any]) -> bool:
    """Without a terminal, a variable that is set now is referred to, not copied."""
    variable = f"INTACCT_{key.upper()}"
    if not os.environ.get(variable):
        return False
    settings[key] = {"env": variable} if key in _SECRETS else os.environ[variable]
    return True


def _kept(name: str, key: str, answer: str) -> dict[str, str]:
    """Put a password into the keyring and return the reference to it."""
    try:
        import keyring
    except ImportError:
        raise SettingsError(
            "the package `keyring` is not installed", fix="Run: pip install 'intacct-bridge[keyring]'"
        ) from None
    service, user = f"intacct-bridge:{name}", key
    try:
        keyring.set_password(service, user, answer)
    except Exception as error:  # a back end may raise anything of its own
        raise SettingsError(
            f"the keyring refuses to keep the password ({type(error).__name__})",
            fix="Use --user-password-env and --sender-password-env instead.",
        ) from None
    return {"keyring": f"{service}/{user}"}


def _sign_in(context: CommandContext) -> None:
    connection = context.connection
    context.console.say(f"signing in to {connection.target} as {connection.user_id} ...")
    signed = context.client.sign_in()
    where = f"entity {signed.location_id}" if signed.location_id else "the top level"
    context.console.result(f"signed in to {signed.company_id} as {signed.user_id}, at {where}, by {signed.endpoint}")
