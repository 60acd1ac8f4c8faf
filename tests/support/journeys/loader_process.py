"""A loader in a process of its own, which ends itself with kill -9 at a given step: `URL FILE OUTBOX STEP`.

The outbox is a path, or the URI of a database with its schema.
"""

import os
import signal
import sys
from pathlib import Path

from intacct_bridge.client.client import Client
from intacct_bridge.flow.company.legacy import LegacyGateway
from intacct_bridge.flow.layouts.journal import JournalLayout
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.planner import make_plan
from intacct_bridge.flow.post.loader import Loader, LoadSettings
from intacct_bridge.flow.tables.delimited import open_csv
from intacct_bridge.store.place import is_postgres, postgres_place
from support.small_company import connection


def main(url: str, file: str, outbox_path: str, die_at: str) -> None:
    """Load the file; the step that is named is the last thing this process does."""

    def step(name: str) -> None:
        if name == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    place = postgres_place(outbox_path, "") if is_postgres(outbox_path) else Path(outbox_path)
    with Client(connection(url), keep=False) as client, Outbox(place) as outbox:
        plan = make_plan(open_csv(Path(file)), JournalLayout(), LegacyGateway(client), outbox)
        settings = LoadSettings(batch_size=2, concurrency=1)
        for outcome in Loader(LegacyGateway(client), outbox, settings, step=step).apply(plan):
            print(outcome.status.outcome_text, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
