"""The embedded demo company: where it lives, how to connect to it, and how to open it in this process.

`intacct demo` makes it in its home directory; any other command reaches it with `--connection demo`.
"""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.emulator.settings.faults import load_faults
from intacct_bridge.emulator.settings.world import EmulatorSettings
from intacct_bridge.errors import SettingsError

HOME = "demo-company"
DATABASE = "company.db"
ENDPOINT = "http://127.0.0.1/ia/xml/xmlgw.phtml"
"""Never reached: the company is in this process. It stands where a real one's address would."""
CREDENTIALS: Mapping[str, str] = {
    "sender_id": "demo-sender",
    "sender_password": "demo-sender-password",
    "company_id": "demo-company",
    "user_id": "demo-user",
    "user_password": "demo-user-password",
}
"""Fixed and public."""


def demo_home() -> Path:
    """The directory of the demo: `INTACCT_DEMO_HOME`, else ./demo-company."""
    return Path(os.environ.get("INTACCT_DEMO_HOME") or HOME)


def demo_connection(entity: str | None = None, *, home: Path | None = None) -> Connection:
    """The connection to the company in this process; its outbox lives beside it."""
    folder = home or demo_home()
    return Connection(
        name="demo",
        endpoint=ENDPOINT,
        environment="demo",
        location_id=entity or "",
        outbox=str(folder / "outbox.sqlite"),
        **dict[str, Any](CREDENTIALS),
    )


def open_company(home: Path | None = None) -> Emulator:
    """The company that `intacct demo` made. Raises SettingsError where there is none yet."""
    path = (home or demo_home()) / DATABASE
    if not path.is_file():
        raise SettingsError(f"there is no demo company in {path.parent}", fix="Make one: intacct demo")
    return make_emulator(path)


def make_emulator(
    database: Path | None,
    *,
    settings: EmulatorSettings | None = None,
    faults: Path | None = None,
    empty: bool = False,
    seed: int = 1,
    scale: int = 1,
    as_of: date | None = None,
    cash_book: bool = False,
) -> Emulator:
    """An emulator over a file or over memory. A file that holds a company already is opened as it is."""
    path = str(database) if database is not None else None
    weather = load_faults(faults) if faults is not None else ()
    if database is not None:
        database.parent.mkdir(parents=True, exist_ok=True)
    if empty:
        return Emulator.empty(path, settings=settings, faults=weather)
    return Emulator.demo(
        path, seed=seed, as_of=as_of, cash_book=cash_book, scale=scale, settings=settings, faults=weather
    )
