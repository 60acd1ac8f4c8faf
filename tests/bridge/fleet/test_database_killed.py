"""The database server is killed under working workers: they go on or end with status 4, and nothing is posted twice."""

import sys
from pathlib import Path

import pytest

from intacct_emulator.settings.faults import ScriptedFault
from support.fleet.workers import COPY, ENTRIES, ended, post_flow, served_fleet, submit, titles, until
from support.postgres_server import running_postgres

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")]

_CONCURRENCY = 2


def test_workers_go_on_after_the_database_server_was_killed(tmp_path: Path) -> None:
    slow = ScriptedFault("slow", calls=(), seconds=0.06)
    with running_postgres() as server, served_fleet(server.uri, tmp_path, faults=(slow,)) as served:
        names = served.add(6, {"post": post_flow(tmp_path), "copy": COPY}, limits={"concurrency": _CONCURRENCY})
        workers = [served.start("work", "--threads", "4") for _ in range(2)]
        submit(served, names)
        until(lambda: bool(ended(served)), "a run has ended")
        server.kill()
        server.restart()

        wanted = {(name, flow) for name in names for flow in ("post", "copy")}

        def all_ended() -> bool:
            for worker in [one for one in workers if one.poll() is not None]:
                assert worker.returncode == 4
                workers.remove(worker)
                workers.append(served.start("work", "--threads", "4"))  # as a service manager does
            runs = served.fleet.queue.runs(limit=1_000)
            going_on = [run for run in runs if run.ended_at is None]
            return not going_on and {(run.tenant, run.flow) for run in runs} == wanted

        until(all_ended, "every run has ended", 240)
        runs = ended(served)
        assert len({(run.tenant, run.flow, run.due_at) for run in runs}) == len(runs)
        done = {(run.tenant, run.flow) for run in runs if run.outcome == "done"}
        assert {run.outcome for run in runs} <= {"done", "temporary fault", "failures", "in doubt"}
        for name in names:
            ours, theirs = served.fleet.usage()[name], served.emulator.transactions(name).total
            assert theirs <= ours <= theirs + _CONCURRENCY * ENTRIES
            found = titles(served, name)
            assert len(set(found)) == len(found)
            if (name, "post") in done:
                assert len(found) == ENTRIES
