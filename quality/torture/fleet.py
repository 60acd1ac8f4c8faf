"""Fleets under torture: workers and the database server are killed at any time, while a company hangs.

    python -m torture.fleet [--rounds N] [--seed S]

The emulated companies judge, with the checks of `intacct fleet demo`: every run ends once, every entry is posted once,
copies match the companies, meters match the emulator's counts, no company has too many requests at once. And no
credential is in a dump of the database.
"""

import argparse
import sys
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from intacct_bridge.apps.demo.fleet_demo import (
    FleetDemo,
    WorkerProcess,
    end_demo,
    fleet_of_companies,
    kill_worker,
    rotate,
    start_worker,
    wait_for_all,
)
from intacct_bridge.apps.demo.fleet_demo_checks import checks
from intacct_emulator import CREDENTIALS
from support.fleet.database import dump
from support.postgres_server import RunningPostgres, running_postgres
from support.shared_files import roomy_folder
from support.torture.tally import Tally

COMPANIES, WORKERS = 6, 2
KILLS = ("worker", "worker", "worker", "worker", "server")
"""What each round kills, in an order that its seed decides: three rounds kill 12 workers and 3 servers."""
CONCURRENCY = 12
"""A request of a killed worker keeps its slot for 16 minutes, which a round does not wait for."""
DAY = date(2026, 10, 31)


class FleetRound:
    """One fleet, and the kills that a seed decides."""

    def __init__(self, seed: int, folder: Path, server: RunningPostgres, tally: Tally) -> None:
        self.seed, self._folder, self._server, self.tally = seed, folder / str(seed), server, tally
        self._random = Random(seed)

    def run(self) -> None:
        """Begin, kill, wait until all has run again, and judge."""
        self._folder.mkdir()
        uri = f"{self._server.uri}&schema=torture_{self.seed}"
        with ExitStack() as stack:
            demo = stack.enter_context(
                fleet_of_companies(uri, self._folder, COMPANIES, as_of=DAY, concurrency=CONCURRENCY)
            )
            workers: list[WorkerProcess] = []
            for _ in range(WORKERS):
                start_worker(demo, uri, workers)
            try:
                for victim in self._random.sample(KILLS, len(KILLS)):
                    time.sleep(self._random.uniform(5, 15))
                    if victim == "server":
                        self._kill_server(demo)
                    else:
                        self._kill_worker(demo, workers, uri)
                rotate(demo, uri)
                wait_for_all(demo, workers)
            except TimeoutError as late:
                self._wrong(str(late))
            finally:
                end_demo(demo, workers)
            self._judge(demo)

    def _kill_server(self, demo: FleetDemo) -> None:
        began = datetime.now(UTC)
        self._server.kill()
        self._server.restart()
        demo.outages.append((began, datetime.now(UTC)))
        demo.spare += Counter(dict.fromkeys(demo.tenants, demo.concurrency))
        self.tally.counts["database servers killed"] += 1

    def _kill_worker(self, demo: FleetDemo, workers: list[WorkerProcess], uri: str) -> None:
        kill_worker(demo, self._random.choice([worker for worker in workers if not worker.killed]))
        self.tally.counts["workers killed"] += 1
        start_worker(demo, uri, workers)

    def _judge(self, demo: FleetDemo) -> None:
        self.tally.counts["runs"] += len(demo.runs)
        self.tally.counts["runs in hand of a killed worker"] += len(demo.killed)
        for one in checks(demo):
            if one.wrong:
                self._wrong(str(one))
        held = dump(demo.fleet.registry.place)
        if CREDENTIALS["user_password"] in held or CREDENTIALS["sender_password"] in held:
            self._wrong("a password is in the database")

    def _wrong(self, text: str) -> None:
        self.tally.failures.append(f"seed {self.seed}: {text}")


def main() -> int:
    """Run the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    tally = Tally()
    with running_postgres() as server, TemporaryDirectory(dir=roomy_folder()) as folder:
        for seed in range(given.seed, given.seed + given.rounds):
            FleetRound(seed, Path(folder), server, tally).run()
            print(tally, flush=True)
    print("\n".join(tally.failures) or "0 failures")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
