"""Workers as processes that share only a database, on emulated companies over HTTP."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.fleet.run_queue import TenantRun
from intacct_bridge.fleet.work_state import SIGN_INS
from intacct_emulator.settings.faults import ScriptedFault
from support.fleet.database import dump
from support.fleet.workers import (
    COPY,
    ENTRIES,
    SECRETS,
    ServedFleet,
    ended,
    post_flow,
    served_fleet,
    submit,
    titles,
    until,
)


@pytest.fixture
def served(postgres: str, tmp_path: Path) -> Iterator[ServedFleet]:
    with served_fleet(postgres, tmp_path) as found:
        yield found


def test_run_carries_out_a_flow_of_every_tenant_and_counts_what_the_gateway_counts(served: ServedFleet) -> None:
    names = served.add(3, {"nightly": COPY, "other": {**COPY, "to": "jsonl:{company}-other"}})
    served.fleet.pause("c2")
    status, shown = served.run("run", "all", "nightly", "--json")
    assert status == 0, shown
    rows = json.loads(shown)
    assert [(row["tenant"], row["flow"], row["end"]) for row in rows] == [
        ("c0", "nightly", "done"),
        ("c1", "nightly", "done"),
    ]
    for name in names[:2]:
        assert served.fleet.usage()[name] == served.emulator.transactions(name).total > 0
    assert {row["transactions"] for row in rows} == {served.emulator.transactions("c0").total}
    assert served.emulator.transactions("c2").total == 0
    assert list((served.folder / "c0").glob("DEPARTMENT*"))
    (run,) = served.fleet.queue.runs(tenant="c0")
    assert run.rows == rows[0]["rows"] > 0
    report = json.loads(served.fleet.queue.report(run.key))
    assert (report["command"], report["transactions"]) == ("extract", rows[0]["transactions"])


def test_the_log_of_a_run_is_in_the_database_and_not_on_the_disk_of_its_worker(served: ServedFleet) -> None:
    """A person on another machine reads why a run failed."""
    served.add(1, {"nightly": {**COPY, "streams": ["DEPARTMENT", "NO_SUCH_OBJECT"]}})
    status, shown = served.run("run", "c0")
    assert status in (1, 2), shown
    status, shown = served.run("log", "c0", "nightly", "--json")
    assert status == 0, shown
    assert "NO_SUCH_OBJECT" in shown
    assert not [one for one in SECRETS.values() if one in shown]
    assert not list((served.folder / "home").rglob("*.jsonl"))
    assert not list((served.folder / "home").rglob("runs.sqlite3"))


@pytest.mark.slow
def test_wrong_passwords_are_tried_twice_then_no_more_until_they_change(served: ServedFleet, postgres: str) -> None:
    served.add(1, {"nightly": COPY})
    served.fleet.set_secrets("c0", {"user_password": "wrong-password-1"})
    for _ in range(SIGN_INS):
        status, shown = served.run("run", "c0")
        assert status == 3, shown
    requests = served.emulator.requests
    status, shown = served.run("run", "c0")
    assert status == 3, shown
    assert "refused" in shown
    assert served.emulator.requests == requests
    last = served.fleet.queue.runs()[0]
    assert last.outcome == "refused"
    assert "no further run begins" in last.detail
    kept = dump(served.fleet.registry.place)
    assert "nightly" in kept
    assert not [one for one in ("wrong-password-1", *SECRETS.values(), served.key) if one in kept]
    served.fleet.set_secrets("c0", {"user_password": SECRETS["user_password"]})
    status, shown = served.run("run", "c0")
    assert status == 0, shown


@pytest.mark.slow
def test_a_killed_workers_runs_are_carried_out_once_by_another(postgres: str, tmp_path: Path) -> None:
    with served_fleet(postgres, tmp_path, faults=(ScriptedFault("slow", calls=(), seconds=0.06),)) as served:
        names = served.add(8, {"post": post_flow(tmp_path), "copy": COPY})
        first = served.start("work", "--threads", "4")
        second = served.start("work", "--threads", "4")
        submit(served, names)
        for victim in (first, second):
            done = len(ended(served))
            until(lambda done=done: len(ended(served)) > done, "a run has ended")  # type: ignore[misc]
            victim.kill()
            served.start("work", "--threads", "4")
        until(lambda: len(ended(served)) == 2 * len(names), "all runs have ended", 240)
        kept_back = {run.tenant: run.detail for run in ended(served) if run.outcome != "done"}
        assert {run.flow for run in ended(served) if run.outcome != "done"} <= {"post"}
        for name in names:
            assert served.emulator.request_count(name).most_at_once <= 2
            found = titles(served, name)
            assert len(set(found)) == len(found)
            if name in kept_back:  # the request of a killed worker may still be under way for some minutes
                assert "not sent" in kept_back[name] or "in doubt" in kept_back[name]
                assert "It is tried again at" in kept_back[name]
            else:
                assert found == sorted(f"E-{number}" for number in range(ENTRIES))


@pytest.mark.slow
def test_a_worker_that_is_told_to_end_hands_back_its_runs(postgres: str, tmp_path: Path) -> None:
    slow = ScriptedFault("slow", company="c0", calls=(), seconds=600)
    with served_fleet(postgres, tmp_path, faults=(slow,)) as served:
        names = served.add(3, {"copy": COPY})
        worker = served.start("work", "--threads", "8")
        submit(served, names, flows=("copy",))
        until(lambda: len(ended(served)) == 2, "the others have ended")
        worker.send_signal(signal.SIGTERM)
        shown, _ = worker.communicate(timeout=60)
        assert worker.returncode == 143, shown
        assert "1 run handed back" in shown


@pytest.mark.slow
def test_hanging_companies_do_not_keep_the_others_from_running(postgres: str, tmp_path: Path) -> None:
    hanging = tuple(ScriptedFault("slow", company=f"c{number}", calls=(), seconds=600) for number in range(10))
    with served_fleet(postgres, tmp_path, faults=hanging) as served:
        names = served.add(30, {"copy": COPY})
        served.start("work", "--threads", "14")
        submit(served, names, flows=("copy",))
        until(lambda: len(ended(served)) == 20, "all others have ended")
        assert {run.tenant for run in ended(served)} == set(names[10:])


@pytest.mark.slow
def test_more_companies_hang_than_a_worker_has_threads_and_the_others_run(postgres: str, tmp_path: Path) -> None:
    hanging = tuple(ScriptedFault("slow", company=f"c{number}", calls=(), seconds=600) for number in range(3))
    with served_fleet(postgres, tmp_path, faults=hanging) as served:
        names = served.add(6, {"copy": COPY})
        served.start("work", "--threads", "2")
        submit(served, names[:3], flows=("copy",))
        until(lambda: len(begun_runs(served)) == 3, "all that hang have begun")
        submit(served, names[3:], flows=("copy",))
        until(lambda: len(ended(served)) == 3, "the others have ended")
        assert {run.tenant for run in ended(served)} == set(names[3:])


@pytest.mark.slow
@pytest.mark.parametrize("part", ["fleet", "fleet_runs", "fleet_work"])
def test_a_worker_ends_where_a_newer_version_has_changed_the_tables(postgres: str, tmp_path: Path, part: str) -> None:
    slow = ScriptedFault("slow", calls=(), seconds=6)
    with served_fleet(postgres, tmp_path, faults=(slow,)) as served:
        names = served.add(1, {"copy": COPY})
        worker = served.start("work")
        submit(served, names, flows=("copy",))
        until(lambda: len(begun_runs(served)) == 1, "the run has begun")
        sql = "UPDATE bridge_part SET version = version + 1 WHERE part = ? RETURNING 1"
        assert served.fleet.registry._db.read(sql, (part,))
        kept = contents(served, part)
        shown, _ = worker.communicate(timeout=90)
        assert worker.returncode == 2, shown
        assert "was written by a newer version" in shown
        assert "Upgrade intacct-bridge" in shown
        assert contents(served, part) == kept
        status, shown = served.run("work")
        assert status == 2, shown
        assert "was written by a newer version" in shown


@pytest.mark.slow
def test_a_schedule_and_its_change_take_effect_in_a_running_worker(served: ServedFleet) -> None:
    served.add(2, {"copy": COPY}, schedule={"copy": "every 10s"})
    served.fleet.pause("c1")
    worker = served.start("work")
    until(lambda: len(ended(served)) >= 2, "two runs by schedule")
    served.fleet.change("c0", schedule={"copy": None})
    served.fleet.resume("c1")
    until(lambda: any(run.tenant == "c1" for run in ended(served)), "a run of the resumed tenant")
    count = len([run for run in ended(served) if run.tenant == "c0"])
    until(lambda: len([run for run in ended(served) if run.tenant == "c1"]) >= 3, "more runs of the other tenant")
    assert len([run for run in ended(served) if run.tenant == "c0"]) <= count + 1
    worker.send_signal(signal.SIGINT)
    shown, _ = worker.communicate(timeout=60)
    assert worker.returncode == 130, shown


def begun_runs(served: ServedFleet) -> list[TenantRun]:
    return [run for run in served.fleet.queue.runs() if run.started_at is not None]


def contents(served: ServedFleet, part: str) -> list[str]:
    """What a worker writes into the tables of a part."""
    table = {"fleet": "tenant", "fleet_runs": "run", "fleet_work": "worker"}[part]
    return [str(tuple(row)) for row in served.fleet.registry._db.read(f"SELECT * FROM {table}")]
