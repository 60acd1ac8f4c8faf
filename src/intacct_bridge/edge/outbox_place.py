"""Where a connection's outbox is: what it says, or a file in the user's state directory, one for each company."""

import re
from pathlib import Path

from intacct_bridge.client.connection import Connection
from intacct_bridge.client.places import state_directory
from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.outbox import Outbox


def outbox_path(connection: Connection) -> Path:
    """The file. Two connections to one company share it, since both would post into the same books."""
    said = connection.outbox
    if not said:
        client = f"+{connection.client_id}" if connection.client_id else ""
        name = re.sub(r"[^A-Za-z0-9.+_-]", "_", f"{connection.company_id}{client}".lower())
        return state_directory() / "outbox" / f"{name}.sqlite"
    scheme, colon, rest = said.partition(":")
    if not colon or len(scheme) == 1:  # a bare path; one letter is a Windows drive
        return Path(said).expanduser()
    if scheme != "sqlite":
        raise SettingsError(
            f"connection {connection.name!r}: the outbox {said!r} is not one this version can open",
            fix="Use sqlite:///FILE, or leave `outbox` out.",
        )
    return Path(rest.removeprefix("///") if rest.startswith("///") else rest.removeprefix("//")).expanduser()


def open_outbox(connection: Connection) -> Outbox:
    """The connection's outbox, made if it is not there yet."""
    path = outbox_path(connection)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Outbox(path, user=connection.user_id)
