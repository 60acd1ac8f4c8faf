"""Drivers that die, and databases that are cut off, at any moment of a commit: each entry is posted once."""

import json
import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from intacct_bridge.apps.spark.batch_commit import CommitResult
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InDoubtError, IntacctError
from support.apps.spark_jobs import ENTRY_SCHEMA, Job, entries, entry_lines, let_hours_pass, outbox_uri, staged
from support.repository import python_path
from support.shared_state.cutting_proxy import AFTER, BEFORE, CuttingProxy

ENTRIES = 30
EXPECTED = [f"S-{one:03}" for one in range(1, ENTRIES + 1)]
DRIVER = """
import json, sys
from support.apps.spark_jobs import ENTRY_SCHEMA, Job, entry_lines
job = Job(json.load(sys.stdin), ENTRY_SCHEMA)
debits, credits = entry_lines(30)
tasks = [job.task(debits, 0), job.task(credits, 1)]
print("staged", flush=True)
job.commit(*tasks)
"""


@pytest.fixture
def journal(given: dict[str, str]) -> dict[str, str]:
    """A job whose entries have their lines in two tasks."""
    return given | {"object": "journal-entries", "key": "reference", "batch": "accruals", "batch_size": "3"}


def run(given: dict[str, str], count: int = ENTRIES, first: int = 1) -> CommitResult:
    job = Job(given, ENTRY_SCHEMA)
    debits, credits = entry_lines(count, first)
    return job.commit(job.task(debits, 0), job.task(credits, 1))


def finish(given: dict[str, str], place: PostgresPlace, count: int = ENTRIES, first: int = 1) -> CommitResult:
    """Run the job until it ends well, some hours later each time."""
    for _ in range(3):
        let_hours_pass(place)
        try:
            return run(given, count, first)
        except InDoubtError:
            continue
    let_hours_pass(place)
    return run(given, count, first)


@pytest.mark.spark
@pytest.mark.slow
def test_a_killed_driver_posts_nothing_twice(
    journal: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace
) -> None:
    chance = random.Random(21)
    path = python_path(tests=True)
    killed = 0
    for _ in range(6):
        command = [sys.executable, "-c", DRIVER]
        with subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": path}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL,
        ) as driver:  # fmt: skip
            assert driver.stdin is not None and driver.stdout is not None
            driver.stdin.write(json.dumps(journal))
            driver.stdin.close()
            driver.stdout.readline()
            time.sleep(chance.uniform(0, 1.5))
            killed += driver.poll() is None
            driver.kill()
        let_hours_pass(postgres_place)
    assert killed
    finish(journal, postgres_place)
    assert entries(emulator) == EXPECTED
    assert finish(journal, postgres_place) == CommitResult(repeated=True)
    assert staged(postgres_place) == []


@pytest.mark.slow
@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_database_that_is_cut_off_at_any_statement_lets_nothing_be_posted_twice(
    journal: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace, when: str
) -> None:
    left = [0]

    def decide(request: bytes) -> str:
        left[0] -= 1
        return when if left[0] == 0 else ""

    cuts = []
    with CuttingProxy(postgres_place.uri, decide) as proxy:
        there = PostgresPlace(proxy.uri, postgres_place.schema)
        for at, statement in enumerate(range(2, 100, 7)):
            batch = journal | {"batch": f"accruals-{at}"}
            job = Job(batch, ENTRY_SCHEMA)
            debits, credits = entry_lines(4, 1 + 4 * at)
            tasks = [job.task(debits, 0), job.task(credits, 1)]
            job.write = replace(job.write, settings=batch | {"outbox": outbox_uri(there)}, place=there)
            left[0] = statement
            with suppress(IntacctError):
                job.commit(*tasks)
            cuts.append(left[0] <= 0)
            finish(batch, postgres_place, 4, 1 + 4 * at)
    assert sum(cuts) > 5
    assert entries(emulator) == [f"S-{one:03}" for one in range(1, 4 * len(cuts) + 1)]
    assert staged(postgres_place) == []
