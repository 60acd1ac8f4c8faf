"""Emulators for commands: in a file or in memory, with the demo company, another one, or none."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.company_source import CompanySource
from intacct_emulator.settings.faults import load_faults


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
