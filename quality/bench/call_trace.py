"""`python -m bench.call_trace`: how often a call path enters and re-enters modules, on three journeys.

One CSV row to its receipt, one page of rows into DuckDB, and one request through the emulator. A visit is control that
arrives in a module from another module of the package, by a call or by a return; generators count at each step.
PYTHONPATH can point the script at an earlier version.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import date
from io import StringIO
from pathlib import Path
from types import FrameType

NOW = 1_795_258_800.0  # 2026-11-21 11:00:00 UTC
LOGIN = (
    "<login><userid>demo-user</userid><companyid>demo-company</companyid>"
    "<password>demo-user-password</password></login>"
)
QUERY = (
    '<?xml version="1.0" encoding="UTF-8"?><request><control><senderid>demo-sender</senderid>'
    "<password>demo-sender-password</password><controlid>1</controlid><uniqueid>false</uniqueid>"
    f"<dtdversion>3.0</dtdversion></control><operation><authentication>{LOGIN}</authentication><content>"
    '<function controlid="a"><query><object>VENDOR</object><select><field>VENDORID</field><field>NAME</field></select>'
    "<pagesize>1</pagesize></query></function></content></operation></request>"
)
CSV = (
    "Journal,Date,Title,Reference,Account,Debit,Credit,Department,Location,Memo\n"
    "GJ,11/20/2026,Traced entry,TRACE-1,60000,10.00,,Engineering,110,Debit\n"
    "GJ,11/20/2026,Traced entry,TRACE-1,60100,,10.00,Engineering,110,Credit\n"
)


class Visits:
    """The modules that control arrives in, thread by thread."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._here = threading.local()
        self.arrivals: list[str] = []

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """A profile function: `call` is an arrival in the frame's module, `return` one in its caller's."""
        if event == "call":
            self._arrive(frame.f_globals.get("__name__", ""))
        elif event == "return" and frame.f_back is not None:
            self._arrive(frame.f_back.f_globals.get("__name__", ""))

    def _arrive(self, module: str) -> None:
        if module.startswith(self._prefix) and getattr(self._here, "module", "") != module:
            self._here.module = module
            self.arrivals.append(module)


@contextmanager
def visiting(prefix: str) -> Iterator[Visits]:
    """Every arrival in the modules below this prefix, in all threads that start meanwhile."""
    visits = Visits(prefix)
    threading.setprofile(visits)
    sys.setprofile(visits)
    try:
        yield visits
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def measured(title: str, prefix: str, journey: Callable[[], object]) -> None:
    """One journey, after a run of it that is not counted."""
    journey()
    with visiting(prefix) as visits:
        journey()
    modules = len(set(visits.arrivals))
    print(f"{title:<48} {prefix:<26} {modules:>3} modules, {len(visits.arrivals):>6,} visits")


def main() -> None:
    """Trace the three journeys."""
    from intacct_emulator import Emulator

    emulator = Emulator.demo(seed=1, as_of=date(2026, 11, 21), clock=lambda: NOW)
    body = QUERY.encode()
    measured("a query's bytes to its answer", "intacct_emulator.", lambda: emulator("http://127.0.0.1/", body))
    emulator.close()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"INTACCT_CONNECTION": "demo", "INTACCT_DEMO_HOME": folder, "HOME": folder}
        for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
            os.environ[name] = folder
        _commands()


def _commands() -> None:
    from intacct_bridge.__main__ import main as intacct

    _make_company()
    count = 0

    def run(*words: str) -> None:
        sys.argv = ["intacct", *words]
        said = StringIO()
        try:
            with redirect_stdout(said), redirect_stderr(said):
                intacct()
        except SystemExit as ended:
            assert not ended.code, said.getvalue()

    def load() -> None:
        nonlocal count
        count += 1
        Path("row.csv").write_text(CSV.replace("TRACE-1", f"TRACE-{count}").replace("Traced", f"Traced {count}"))
        run("load", "row.csv", "--as", "journal-entries", "--apply", "--yes", "--quiet")

    def extract() -> None:
        nonlocal count
        count += 1
        run("extract", "DEPARTMENT", "--to", f"duckdb:///copy{count}.duckdb", "--quiet")

    measured("a journal entry from CSV to its receipt", "intacct_bridge.load.", load)
    measured("a page of rows into DuckDB", "intacct_bridge.load.", extract)


def _make_company() -> None:
    from intacct_bridge.connections.demo_company import DATABASE
    from intacct_emulator import Emulator

    Emulator.demo(Path(DATABASE), as_of=date(2026, 11, 21)).close()


if __name__ == "__main__":
    main()
