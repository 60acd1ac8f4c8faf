"""The steps of the demo on a sample company; each returns its result.

The company, its copy, the outbox and the sample files are in one home directory. A second run finds them there: it
updates the copy incrementally and recognises the posted records.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from intacct_bridge.apps.demo.sample import NAMES, write_sample
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.views.extract import run_extraction
from intacct_bridge.connections.demo_company import DATABASE
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.operations.extract import ExtractRequest, ExtractResult
from intacct_bridge.operations.loads import LoadRequest, load, plan_load
from intacct_bridge.operations.plans import ApplyOptions, Plan, RecordOutcome
from intacct_bridge.operations.reconcile import ReconcileRequest, Reconciliation, reconcile
from intacct_bridge.operations.recorded_run import CompanyRun, open_company
from intacct_bridge.operations.runs import RunRecorder
from intacct_bridge.operations.setup import DoctorReport, Job, examine_company
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.model.query.query import Query

COPY = "intacct.duckdb"
LEDGER = ("GLBATCH", "GLENTRY", "GLDETAIL")
_DAY = re.compile(r"as_of=(\d{4}-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class DemoCompany:
    """The sample company."""

    entities: tuple[str, ...]
    last_day: date
    created: bool
    """False if an earlier run created it."""
    seconds: float


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file with its plan and the outcomes of its load."""

    file: Path
    plan: Plan
    outcomes: tuple[RecordOutcome, ...] = ()


class Demo:
    """One run of the demo in its home directory."""

    def __init__(
        self, home: Path, run: CompanyRun, output: Output, company: DemoCompany, *, recorder: RunRecorder | None
    ) -> None:
        """`recorder`: that of the run under which the outbox keeps what is posted."""
        self.home = home
        self.run = run
        self._recorder = recorder
        self.company = company
        self._console = output

    @property
    def uri(self) -> str:
        """The URI of the copy."""
        return f"duckdb:{self.home / COPY}"

    def examine(self) -> DoctorReport:
        """Run the doctor."""
        return examine_company(self.run, Job())

    def extract(self, streams: Sequence[str] = ()) -> ExtractResult:
        """Update the copy, all streams or some."""
        return run_extraction(self.run, ExtractRequest(to=self.uri, streams=streams), self._console)

    def post(self) -> LoadedFile:
        """Plan the sample file and apply the plan."""
        file = self._sample(NAMES[0])
        run = CompanyRun(self.run.client, recorder=self._recorder)
        receipts = load(run, self._request(file), ApplyOptions(skip_refused=True))
        receipts.check()
        return LoadedFile(file, receipts.plan, receipts.outcomes)

    def plan_mistakes(self) -> LoadedFile:
        """Plan the file with mistakes, and do not apply the plan."""
        file = self._sample(NAMES[1])
        return LoadedFile(file, plan_load(self.run, self._request(file)))

    def reconcile(self) -> Reconciliation:
        """Compare the copy with the company."""
        return reconcile(self.run.client, ReconcileRequest(self.uri))

    def _request(self, file: Path) -> LoadRequest:
        return LoadRequest(source=file, layout="journal-entries")

    def _sample(self, name: str) -> Path:
        """The sample in the home directory; an existing file stays, because the user may have edited it."""
        path = self.home / name
        return path if path.is_file() else write_sample(name, self.home, as_of=self.company.last_day)


@contextmanager
def open_demo(home: Path, output: Output, *, recorder: RunRecorder | None = None) -> Iterator[Demo]:
    """The demo in a directory; creates the company if the directory has none."""
    home.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    created = not (home / DATABASE).is_file()
    if created:
        output.say(f"Creating a company with 24 months of transactions in {home / DATABASE} ...")
    with closing(Emulator.demo(home / DATABASE)) as emulator:
        fact = _DAY.search(emulator.company().facts.demo.get() or "")
        last_day = date.fromisoformat(fact[1]) if fact else date.today()
        connection = demo_connection(home=home)
        with open_company(connection, transport=emulator, keep=False) as run:
            rows = run.client.query(Query("LOCATIONENTITY", ("LOCATIONID", "NAME")))
            entities = tuple(str(row["NAME"]) for row in rows)
        company = DemoCompany(entities, last_day, created, time.monotonic() - began)
        with open_company(connection, transport=emulator, keep=home) as run:
            yield Demo(home, run, output, company, recorder=recorder)
