"""Connections and shared senders: listed, tested, saved and removed.

The settings of a connection are those of its table in intacct.toml; a secret can be a reference to a variable, a file
or the keyring. Nothing of a connection is saved before its sign-in worked, unless a person wants it so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intacct_bridge.client.gateway.session import SignIn
from intacct_bridge.connections.connection import SECRETS
from intacct_bridge.connections.demo_company import NAME as DEMO
from intacct_bridge.connections.demo_company import listed_connections
from intacct_bridge.connections.passwords import PasswordPlace, forget_passwords
from intacct_bridge.connections.sources import (
    ListedConnection,
    ListedSender,
    SettingsSources,
    add_connection,
    add_sender,
    check_settings,
    connection_file,
    exposed_passwords,
    list_senders,
    remove_sender,
    sender_file,
    unsaved_connection,
)
from intacct_bridge.connections.sources import remove_connection as take_out_of_file
from intacct_bridge.connections.toml_file import FILE_NAME
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_protocol.errors import SettingsError

__all__ = [
    "DEMO",
    "ListedConnection",
    "ListedSender",
    "PasswordPlace",
    "SavedConnection",
    "SettingsTable",
    "ShownSetting",
    "SignIn",
    "check_settings",
    "choose_for_files",
    "delete_sender",
    "exposed_passwords",
    "file_of",
    "find_connection",
    "list_senders",
    "listed_connections",
    "remove_connection",
    "save_connection",
    "save_sender",
    "saved_settings",
    "sender_settings",
    "show_connection",
    "try_connection",
    "try_unsaved_connection",
    "user_file",
]

SettingsTable = Mapping[str, Any]
"""A table of intacct.toml: settings, and references to secrets."""


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting of a connection."""

    name: str
    value: object
    """A secret is masked."""
    origin: str
    """The file or variable that sets it; `default` for none."""
    is_secret: bool


@dataclass(frozen=True, slots=True)
class SavedConnection:
    """What was saved."""

    path: Path
    lifts_approval: bool
    """Whether the connection now writes without an approval that it needed before."""
    still_in_keyring: str
    """What the keyring could not forget, in a sentence; empty if there is nothing."""


def user_file() -> Path:
    """The user's own intacct.toml."""
    return SettingsSources().user_file


def find_connection(name: str) -> ListedConnection | None:
    """The listed connection of that name."""
    return next((connection for connection in listed_connections() if connection.name == name), None)


def file_of(listed: ListedConnection) -> Path | None:
    """The intacct.toml that holds a connection; None for the demo's, and for a profile of the official SDKs."""
    path = Path(listed.source)
    return path if path.name == FILE_NAME else None


def saved_settings(name: str, path: Path) -> SettingsTable:
    """The table of a connection in a file; empty if the file has none."""
    return connection_file(name, path=path)


def choose_for_files(run: RecordedRun) -> None:
    """Choose the run's connection for work on its files alone: no process needs to serve the demo's company for it."""
    if run.is_demo:
        from intacct_bridge.connections.embedded_demo import demo_connection

        run.use(demo_connection())


def show_connection(run: RecordedRun) -> list[ShownSetting]:
    """The settings of the run's connection, each with its source; no password is read."""
    connection = run.connection
    origins = connection.origins
    return [
        ShownSetting(name, value, origins.get(name, "default"), name in SECRETS)
        for name, value in connection.settings().items()
        if name != "name"
    ]


def try_connection(run: RecordedRun) -> SignIn:
    """Sign in once."""
    connection = run.connection
    run.messages.say(f"Signing in to {connection.target} as {connection.user_id} ...")
    return run.client.sign_in()


def try_unsaved_connection(run: RecordedRun, name: str, settings: SettingsTable, path: Path) -> SignIn:
    """Sign in with settings that are not saved yet, in the surroundings in which they will be used."""
    run.use(unsaved_connection(name, settings, path))
    return try_connection(run)


def save_connection(
    name: str, settings: SettingsTable, path: Path, place: PasswordPlace, *, replaces: SettingsTable | None = None
) -> SavedConnection:
    """Save a connection in a file; its typed passwords go to their place, and those that it had before are forgotten.

    `replaces` is the table that a person edited; without it that of the file.
    """
    check_settings(name, settings)
    before = connection_file(name, path=path) if replaces is None else replaces
    table = {key: value if value == before.get(key) else place.saved(key, value) for key, value in settings.items()}
    add_connection(name, table, path=path)
    lifts = before.get("approval") == "required" and settings.get("approval") != "required"
    return SavedConnection(path, lifts, forget_passwords(before, name, path))


def remove_connection(name: str, path: Path) -> str:
    """Take a connection out of a file, and its passwords out of the keyring. Intacct is not changed.

    What the keyring could not forget, in a sentence; empty if there is nothing. SettingsError if the file does not
    have the connection.
    """
    before = connection_file(name, path=path)
    if not take_out_of_file(name, path=path):
        elsewhere = [listed.source for listed in listed_connections() if listed.name == name]
        raise SettingsError(
            f"Unknown connection {name!r} in {path if path != user_file() else 'your intacct.toml'}.",
            fix=f"{elsewhere[0]} defines it; remove it there." if elsewhere else "See: intacct connections list",
        )
    return forget_passwords(before, name, path)


def sender_settings(name: str, path: Path) -> SettingsTable:
    """The table of a shared sender in a file."""
    return sender_file(name, path=path)


def save_sender(name: str, sender_id: str, password: str | SettingsTable, path: Path, *, otherwise: str) -> str:
    """Save a shared sender; an empty password keeps the one that is there. What the keyring could not forget."""
    before = sender_file(name, path=path)
    place = PasswordPlace.chosen(f"senders.{name}", path, keyring=None, otherwise=otherwise)
    saved = place.saved("sender_password", password) if password else before.get("sender_password", "")
    add_sender(name, {"sender_id": sender_id, "sender_password": saved}, path=path)
    return forget_passwords(before, f"senders.{name}", path)


def delete_sender(listed: ListedSender) -> str:
    """Take a sender that no connection uses out of its file. What the keyring could not forget."""
    path = Path(listed.source)
    before = sender_file(listed.name, path=path)
    remove_sender(listed.name, path=path)
    return forget_passwords(before, f"senders.{listed.name}", path)
