"""The demo: everything this software is for, done once on a made-up company, in steps that each return what they did.

The company, its copy, the outbox and the sample files all live in one home directory. A second run meets them again:
the company as it was left, a copy that only needs what changed, records that were posted before.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from intacct_bridge.client.client import Client
from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.edge.demo.company import DATABASE, demo_connection, make_emulator
from intacct_bridge.edge.demo.sample import NAMES, write_sample
from intacct_bridge.edge.doctor.examination import Examination
from intacct_bridge.edge.doctor.findings import DoctorReport
from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.edge.views.extraction import Extracted, run_extraction
from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.flow.layouts.choose import layout_for
from intacct_bridge.flow.outbox.outbox import open_outbox
from intacct_bridge.flow.plan.plan import Plan
from intacct_bridge.flow.plan.planner import make_plan
from intacct_bridge.flow.post.loader import Loader, RecordOutcome
from intacct_bridge.flow.reconcile.ledger_copy import open_ledger
from intacct_bridge.flow.reconcile.reconcile import Reconciliation, reconcile
from intacct_bridge.flow.records.tables import open_table
from intacct_bridge.flow.streams.defaults import streams_for
from intacct_bridge.model.query.query import Query

COPY = "intacct.duckdb"
LEDGER = ("GLBATCH", "GLENTRY", "GLDETAIL")
_DAY = re.compile(r"as_of=(\d{4}-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class DemoCompany:
    """The company as it was found or made."""

    entities: tuple[str, ...]
    last_day: date
    made: bool
    """False where an earlier run made it."""
    seconds: float


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """What became of one file."""

    file: Path
    plan: Plan
    outcomes: tuple[RecordOutcome, ...] = ()


class Demo:
    """One run of the demo in its home directory; use it in a with statement, step by step."""

    def __init__(self, home: Path, emulator: Emulator, console: Console, met: DemoCompany) -> None:
        self.home = home
        self.met = met
        self._console = console
        self._emulator = emulator
        self.connection: Connection = demo_connection(home=home)
        self.client = Client(self.connection, transport=emulator, keep=home)

    @property
    def uri(self) -> str:
        """The copy as a destination."""
        return f"duckdb:{self.home / COPY}"

    def examine(self) -> DoctorReport:
        """What the doctor finds."""
        examination = Examination(self.connection, lambda one: Client(one, transport=self._emulator, keep=False))
        return examination.report(examination.run())

    def extract(self, streams: Sequence[str] = ()) -> Extracted:
        """Bring the copy up to date, all streams or some."""
        names = streams_for(self.client, streams, everything=False)
        return run_extraction(self.client, names, self.uri, self._console)

    def post(self) -> LoadedFile:
        """Plan the sample file and apply it."""
        file = self._sample(NAMES[0])
        with open_outbox(self.connection) as outbox:
            plan = self._plan(file)
            outcomes = tuple(Loader(self.client, outbox).apply(plan))
        return LoadedFile(file, plan, outcomes)

    def refuse(self) -> LoadedFile:
        """Only plan the file with the mistakes."""
        file = self._sample(NAMES[1])
        return LoadedFile(file, self._plan(file))

    def reconcile(self) -> Reconciliation:
        """Hold the copy against the ledger."""
        with open_ledger(self.uri) as copy:
            return reconcile(self.client, copy)

    def _plan(self, file: Path) -> Plan:
        layout = layout_for("journal-entries", self.client)
        with open_outbox(self.connection) as outbox:
            return make_plan(open_table(file), layout, self.client, outbox)

    def _sample(self, name: str) -> Path:
        """The sample in the home directory; one that is there already may have been edited, so it stays."""
        path = self.home / name
        return path if path.is_file() else write_sample(name, self.home, as_of=self.met.last_day)


@contextmanager
def open_demo(home: Path, console: Console) -> Iterator[Demo]:
    """The demo in that directory; the company is made where there is none."""
    home.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    made = not (home / DATABASE).is_file()
    if made:
        console.say(f"making a company with 24 months of books in {home / DATABASE} ...")
    with closing(make_emulator(home / DATABASE)) as emulator:
        fact = _DAY.search(emulator.company().side_tables.source.get() or "")
        last_day = date.fromisoformat(fact[1]) if fact else date.today()
        with Client(demo_connection(home=home), transport=emulator, keep=False) as client:
            rows = client.query(Query("LOCATIONENTITY", ("LOCATIONID", "NAME")))
            entities = tuple(str(row["NAME"]) for row in rows)
        demo = Demo(home, emulator, console, DemoCompany(entities, last_day, made, time.monotonic() - began))
        with closing(demo.client):
            yield demo
