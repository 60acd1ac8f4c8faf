"""`intacct connections`: list, add, show, test and remove named connections.

A password is never an option, because command lines are kept in histories and shown in process lists. It is typed,
read from a variable, or stays in a keyring.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from intacct_bridge.edge.cli.context import DEMO, CommandContext, shared_options
from intacct_bridge.errors import SettingsError
from intacct_bridge.model.wording import listed

_QUESTIONS = {
    "company_id": "Company ID (as on Intacct's sign-in page)",
    "user_id": "User ID of the Web Services user",
    "user_password": "User password",
    "sender_id": "Sender ID (from the Web Services developer licence)",
    "sender_password": "Sender password",
}
_SECRETS = ("user_password", "sender_password")


@click.group("connections", no_args_is_help=True)
def connections_command() -> None:
    """Manage connections: a company, a user and a sender under a name.

    \b
    Examples:
      intacct connections add books
      intacct connections add books-imp --sender acme --environment implementation
      intacct connections test books
    """


@connections_command.command("list")
@shared_options(connected=False, prints_table=True)
def list_command(context: CommandContext) -> None:
    """List the connections and their files. Passwords are not read."""
    from intacct_bridge.client.connections.sources import list_connections
    from intacct_bridge.served_demo import CREDENTIALS, demo_home, has_demo, means_demo

    rows = [
        (one.name, one.company_id, one.user_id, one.location_id, one.environment, one.read_only, one.source)
        for one in list_connections()
    ]
    if has_demo() and means_demo(DEMO):
        login = (CREDENTIALS["company_id"], CREDENTIALS["user_id"])
        rows.append((DEMO, *login, "", "demo", False, str(demo_home())))
    context.console.table(
        ("name", "company", "user", "entity", "environment", "read_only", "file"),
        rows,
        empty="No connections yet. Try the demo company: intacct demo. Add your own: intacct connections add NAME",
    )


@connections_command.command("add")
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
@click.option("--keyring", is_flag=True, help="Keep passwords in the system's keyring (default: in the file).")
@click.option("--location-id", metavar="ENTITY", help="Work in this entity (default: the top level).")
@click.option("--client-id", metavar="COMPANY", help="Slide in to this client company of a console.")
@click.option(
    "--environment",
    type=click.Choice(["production", "implementation", "demo"]),
    help="Show this environment before every write (default: production).",
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
@click.option("--no-test", is_flag=True, help="Do not test the connection.")
@shared_options(connected=False)
def add_command(context: CommandContext, *, name: str, project: bool, no_test: bool, **given: Any) -> None:
    """Add or replace a connection.

    Asks for missing settings, saves them, and signs in once to test them.
    """
    from intacct_bridge.client.connections.sources import add_connection, connection_file

    settings = _settings(context, name, given)
    before = connection_file(name, path=Path("intacct.toml") if project else None)
    path = add_connection(name, settings, path=Path("intacct.toml") if project else None)
    context.console.say(f"Saved connection {name} in {path}.")
    if before.get("approval") == "required" and settings.get("approval") != "required":
        context.console.say("Its writes no longer need an approval: to require one again, add --approval required.")
    if not no_test:
        context.name = name
        _sign_in(context)


@connections_command.command("show")
@click.argument("name", required=False)
@shared_options(prints_table=True)
def show_command(context: CommandContext, *, name: str | None) -> None:
    """Show a connection's settings. Each has its source; passwords are masked."""
    context.name = name or context.name
    connection = context.connection
    origins = connection.origins
    rows = [(setting, value, origins.get(setting, "default")) for setting, value in connection.settings().items()]
    context.console.table(("setting", "value", "from"), [row for row in rows if row[0] != "name"])


@connections_command.command("test")
@click.argument("name", required=False)
@shared_options()
def test_command(context: CommandContext, *, name: str | None) -> None:
    """Sign in once. `intacct doctor` checks the rest."""
    context.name = name or context.name
    _sign_in(context)


@connections_command.command("remove")
@click.argument("name")
@click.option(
    "--project", is_flag=True, help="Remove it from ./intacct.toml (default: the file in your configuration directory)."
)
@shared_options(connected=False)
def remove_command(context: CommandContext, *, name: str, project: bool) -> None:
    """Remove a connection from its file. Intacct is not changed."""
    from intacct_bridge.client.connections.sources import list_connections, remove_connection

    path = Path("intacct.toml") if project else None
    if not remove_connection(name, path=path):
        elsewhere = [one.source for one in list_connections() if one.name == name]
        raise SettingsError(
            f"Unknown connection {name!r} in {path or 'your intacct.toml'}.",
            fix=f"{elsewhere[0]} defines it; remove it there." if elsewhere else "See: intacct connections list",
        )
    context.console.say(f"Removed connection {name}.")


def _names(text: str | None) -> list[str]:
    """Names between commas."""
    return [one.strip() for one in (text or "").split(",") if one.strip()]


def _settings(context: CommandContext, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings to save: those given as options, and the answers to questions about the rest."""
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
            f"Not running in a terminal: connection {name!r} needs {listed(missing)}.",
            fix=f"Pass {options}.",
        )
    for key in missing:
        if key not in settings:
            answer = context.console.ask(_QUESTIONS[key], secret=key in _SECRETS)
            settings[key] = _in_keyring(name, key, answer) if given["keyring"] and key in _SECRETS else answer
    return settings


def _check(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse wrong settings before a password is asked for and before the file is written."""
    from intacct_bridge.client.connections.connection import Connection

    given = {key: value for key, value in settings.items() if key not in ("sender", *_SECRETS)}
    given |= {"approvers": tuple(settings["approvers"])} if "approvers" in settings else {}
    Connection(**{"name": name, **dict.fromkeys(_QUESTIONS, "-"), **given})


def _from_variable(key: str, settings: dict[str, Any]) -> bool:
    """Take a setting from its environment variable; a password is saved as a reference to the variable."""
    variable = f"INTACCT_{key.upper()}"
    if not os.environ.get(variable):
        return False
    settings[key] = {"env": variable} if key in _SECRETS else os.environ[variable]
    return True


def _in_keyring(name: str, key: str, answer: str) -> dict[str, str]:
    """Save a password in the keyring and return the reference to it."""
    try:
        import keyring
    except ImportError:
        raise SettingsError(
            "The package keyring is not installed.", fix="Run: pip install 'intacct-bridge[keyring]'"
        ) from None
    service, user = f"intacct-bridge:{name}", key
    try:
        keyring.set_password(service, user, answer)
    except Exception as error:  # a keyring's back end raises its own errors
        raise SettingsError(
            f"The keyring cannot save the password ({type(error).__name__}).",
            fix="Use --user-password-env and --sender-password-env.",
        ) from None
    return {"keyring": f"{service}/{user}"}


def _sign_in(context: CommandContext) -> None:
    connection = context.connection
    context.console.say(f"Signing in to {connection.target} as {connection.user_id} ...")
    signed = context.client.sign_in()
    where = f"entity {signed.location_id}" if signed.location_id else "top level"
    context.console.result(f"Signed in to {signed.company_id} as {signed.user_id}: {where}, endpoint {signed.endpoint}")
