"""A loader in a process of its own that shares nothing with the others but an outbox in PostgreSQL."""

import os
import signal
import sys
import traceback
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.shared_state import postgres, postgres_link
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_protocol.errors import IntacctError
from support.load.journal import journal_layout
from support.small_company import connection


@dataclass(frozen=True)
class Job:
    """What a loader is to do."""

    url: str
    file: Path
    uri: str
    schema: str
    clock: Path
    """A file with the time, which stands for the database server's clock and the company's."""
    die_at: str = ""
    """The step at which it kills itself."""
    patience: float = 20.0
    batch: int = 2
    careless: bool = False
    """Whether it takes each commit for done, and does not read its attempt back: the bug that the rules are about."""

    def now(self) -> datetime:
        """The time."""
        return datetime.fromisoformat(self.clock.read_text())


def work(job: Job) -> None:
    """Load the file once. Known errors end the process with their exit status, a bug with a traceback."""
    if job.careless:
        postgres.PostgresDatabase._was_committed = lambda *_: True  # type: ignore[method-assign]
        Outbox._ours = lambda _, entries: list(entries)  # type: ignore[method-assign, assignment]
    postgres.PATIENCE, postgres_link.ANSWER_SECONDS = job.patience, 4

    def step(name: str) -> None:
        if name == job.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        load(job, step)
    except IntacctError as error:
        sys.exit(error.exit_status)
    except Exception:
        traceback.print_exc()
        sys.exit(70)


def load(job: Job, step: "object" = None) -> list[str]:
    """The outcomes of a load."""
    with (
        Client(connection(job.url), keep=False, system=System(sleep=lambda _: None)) as client,
        Outbox(PostgresPlace(job.uri, job.schema), clock=job.now) as outbox,
    ):
        gateway = client
        plan = make_plan(open_csv(job.file), journal_layout(), gateway, outbox)
        settings = LoadSettings(batch_size=job.batch, concurrency=1)
        loader = Loader(gateway, outbox, settings, step=step if callable(step) else lambda _: None)
        return [one.status.outcome_text for one in loader.apply(plan)]
