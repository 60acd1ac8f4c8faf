"""`python -m bench.call_trace`: the modules and functions that run on five journeys.

The journeys are one request through the emulator, and on the demo company `intacct query` of one row, `extract` of one
stream into DuckDB, `load --apply` of a journal entry from CSV to its receipt, and *Approve* and *Post* of that entry in
the console. Each runs once before it counts. Functions count once each. A visit is control that arrives in a module
from another module of ours, by a call or by a return, and generators count at each step.
PYTHONPATH can point the script at an earlier version.
"""

import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import date
from io import StringIO
from pathlib import Path
from types import CodeType, FrameType

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
LAYOUT = "journal-entries"
CSV = (
    "Journal,Date,Title,Reference,Account,Debit,Credit,Department,Location,Memo\n"
    "GJ,11/20/2026,Traced entry,TRACE-1,60000,10.00,,Engineering,110,Debit\n"
    "GJ,11/20/2026,Traced entry,TRACE-1,60100,,10.00,Engineering,110,Credit\n"
)


class Visits:
    """The modules that control arrives in, thread by thread, and the functions that are called."""

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefixes = prefixes
        self._here = threading.local()
        self.arrivals: list[str] = []
        self.functions: dict[CodeType, str] = {}

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """A profile function: `call` is an arrival in the frame's module, `return` one in its caller's."""
        if event == "call":
            module = frame.f_globals.get("__name__", "")
            if module.startswith(self._prefixes):
                self.functions.setdefault(frame.f_code, module)
            self._arrive(module)
        elif event == "return" and frame.f_back is not None:
            self._arrive(frame.f_back.f_globals.get("__name__", ""))

    def _arrive(self, module: str) -> None:
        if module.startswith(self._prefixes) and getattr(self._here, "module", "") != module:
            self._here.module = module
            self.arrivals.append(module)


class Tracer:
    """The profile function of all threads, those of servers too, which start before the journey that counts."""

    def __init__(self) -> None:
        self._visits: Visits | None = None
        threading.setprofile(self)
        sys.setprofile(self)

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if self._visits is not None:
            self._visits(frame, event, argument)

    @contextmanager
    def visiting(self, *prefixes: str) -> Iterator[Visits]:
        """Every arrival in the modules below these prefixes, in all threads."""
        self._visits = visits = Visits(prefixes)
        try:
            yield visits
        finally:
            self._visits = None

    def measured(
        self, title: str, journey: Callable[[], object], *prefixes: str, prepare: Callable[[], object] = lambda: None
    ) -> None:
        """One journey, after a run of it that is not counted: its modules, functions and visits by package."""
        prepare()
        journey()
        prepare()
        with self.visiting(*prefixes) as visits:
            journey()
        print(
            f"{title}: {len(set(visits.arrivals))} modules, {len(visits.functions):,} functions, "
            f"{len(visits.arrivals):,} visits"
        )
        modules = Counter(map(_package, set(visits.arrivals)))
        functions = Counter(map(_package, visits.functions.values()))
        for package, count in sorted(modules.items()):
            print(f"    {package:<28} {count:>4} modules {functions[package]:>6,} functions")


def _package(module: str) -> str:
    """`intacct_bridge.load` of `intacct_bridge.load.plan.planner`."""
    return ".".join(module.split(".")[:2])


def main() -> None:
    """Trace the journeys."""
    from intacct_emulator import Emulator

    tracer = Tracer()
    emulator = Emulator.demo(seed=1, as_of=date(2026, 11, 21), clock=lambda: NOW)
    body = QUERY.encode()
    tracer.measured("A request of the gateway", lambda: emulator("http://127.0.0.1/", body), "intacct_emulator.")
    emulator.close()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"INTACCT_CONNECTION": "demo", "INTACCT_DEMO_HOME": folder, "HOME": folder}
        for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
            os.environ[name] = folder
        _make_company()
        _Journeys(tracer).trace()


class _Journeys:
    """The journeys of a user on the demo company, each with a record or a copy that is new."""

    OURS = ("intacct_bridge.", "intacct_protocol.")

    def __init__(self, tracer: Tracer) -> None:
        self._measured = tracer.measured
        self._count = 0

    def trace(self) -> None:
        """Trace them one after the other."""
        from support.apps.console_site import running_console

        self._measured("intacct query", lambda: self._run("query", "VENDOR", "--limit", "1"), *self.OURS)
        self._measured("intacct extract", self._extract, *self.OURS)
        self._measured("intacct load --apply", self._load, *self.OURS)
        with running_console() as console:
            self._visitor = console.signed_in()
            self._measured("Approve and Post in the console", self._approve, *self.OURS, prepare=self._plan)

    def _run(self, *words: str) -> None:
        from intacct_bridge.__main__ import main as intacct

        sys.argv = ["intacct", *words]
        said = StringIO()
        try:
            with redirect_stdout(said), redirect_stderr(said):
                intacct()
        except SystemExit as ended:
            assert not ended.code, said.getvalue()

    def _entry(self) -> None:
        self._count += 1
        text = CSV.replace("TRACE-1", f"TRACE-{self._count}").replace("Traced", f"Traced {self._count}")
        Path("row.csv").write_text(text)

    def _extract(self) -> None:
        self._count += 1
        self._run("extract", "DEPARTMENT", "--to", f"duckdb:///copy{self._count}.duckdb", "--quiet")

    def _load(self) -> None:
        self._entry()
        self._run("load", "row.csv", "--as", LAYOUT, "--apply", "--yes", "--quiet")

    def _plan(self) -> None:
        """Save a plan that waits for an approval, as an agent does."""
        from intacct_bridge.apps.web.pages import company_run
        from intacct_bridge.operations.loads import LoadRequest, plan_load
        from intacct_bridge.operations.plans import save_plan

        self._entry()
        with company_run("demo", "mcp", person="zoe") as run:
            save_plan(run, plan_load(run, LoadRequest(source=Path("row.csv"), layout=LAYOUT)), needs_approval=True)

    def _approve(self) -> None:
        [plan] = self._visitor.get("/approvals.json?state=waiting").json["plans"]
        approved = self._visitor.post(f"{plan['address']}/approve", {"digest": plan["digest"]})
        assert approved.status == 303, approved.text
        job = self._visitor.until_done(self._visitor.post(f"{plan['address']}/apply").location)["job"]
        assert job["state"] == "done", job


def _make_company() -> None:
    from intacct_bridge.connections.demo_company import DATABASE
    from intacct_emulator import Emulator

    Emulator.demo(Path(DATABASE), as_of=date(2026, 11, 21)).close()


if __name__ == "__main__":
    main()
