"""The demo company in this process, for a machine on which no other process can serve it (`demo_company`)."""

from pathlib import Path
from typing import Any

from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.demo_company import DATABASE, OUTBOX, demo_home
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import SettingsError

ENDPOINT = "http://127.0.0.1/ia/xml/xmlgw.phtml"
"""The endpoint of the connection; no request reaches it, because the company is in this process."""


def demo_connection(entity: str | None = None, *, home: Path | None = None) -> Connection:
    """The connection to the company in this process; its outbox is in the same directory."""
    folder = home or demo_home()
    return Connection(
        name="demo",
        endpoint=ENDPOINT,
        environment="demo",
        location_id=entity or "",
        outbox=str(folder / OUTBOX),
        **dict[str, Any](CREDENTIALS),
    )


def open_company(home: Path | None = None) -> Emulator:
    """The company that `intacct demo` created. Raises SettingsError if there is none."""
    path = (home or demo_home()) / DATABASE
    if not path.is_file():
        raise SettingsError(f"There is no demo company in {path.parent}.", fix="Create one: intacct demo")
    return Emulator.demo(path)
