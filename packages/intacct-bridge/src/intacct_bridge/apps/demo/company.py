"""The embedded demo company: its directory, its connection, and its emulator in this process.

`intacct demo` creates it in its home directory. Other programs use it under the connection `demo`, which `served_demo`
makes: one process in the background serves it to all of them.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.demo_company import CREDENTIALS, DATABASE, OUTBOX, demo_home
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.company_source import CompanySource
from intacct_emulator.settings.faults import load_faults
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
    return make_emulator(path)


def make_emulator(
    database: Path | None,
    *,
    settings: EmulatorSettings | None = None,
    faults: Sequence[Path] = (),
    empty: bool = False,
    source: CompanySource | None = None,
    seed: int = 1,
    scale: int = 1,
    as_of: date | None = None,
    cash_book: bool = False,
    months: int = 24,
    cache: Path | None = None,
) -> Emulator:
    """An emulator in a file or in memory, with the demo company unless it is empty or has another source.

    A file that holds a company already is opened unchanged. `cache` is a folder that keeps demo companies.
    """
    path = str(database) if database is not None else None
    script = tuple(one for file in faults for one in load_faults(file))
    if database is not None:
        database.parent.mkdir(parents=True, exist_ok=True)
    if source is not None:
        return Emulator.filled(source, path, settings=settings, faults=script)
    if empty:
        return Emulator.empty(path, settings=settings, faults=script)
    return Emulator.demo(
        path,
        seed=seed,
        as_of=as_of,
        cash_book=cash_book,
        months=months,
        scale=scale,
        cache=cache,
        settings=settings,
        faults=script,
    )
