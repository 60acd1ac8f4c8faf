"""Every fault of the emulator at every step where a process may die: a matrix, whose other sides depend on a seed.

Each cell has one company, one kind of write, one memory of control ids, and one run that gets the fault at its first
write and dies at the step, alone or beside another loader. Two runs without faults follow, then `Round.check`.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from intacct_emulator.settings.faults import KINDS, ScriptedFault
from support.torture.records import WRITE_KINDS
from support.torture.world import MEMORIES, folder
from torture.torture import STEPS, Round

FAULTS = (
    ScriptedFault("http", status=429),
    ScriptedFault("http", status=500),
    ScriptedFault("http", status=503, body="html"),
    ScriptedFault("http", status=524, body="html"),
    ScriptedFault("http", status=200, body="not what was asked for"),
    ScriptedFault("cut-before"),
    ScriptedFault("cut-within"),
    ScriptedFault("cut-after"),
    ScriptedFault("truncated"),
    ScriptedFault("slow", seconds=0),
    ScriptedFault("dribble", seconds=0),
    ScriptedFault("session-lost"),
    ScriptedFault("fault", "create"),
)
MOMENTS = (None, *STEPS)
CELLS = list(product(FAULTS, MOMENTS))


def test_the_matrix_has_every_fault_every_kind_of_write_and_every_memory() -> None:
    of_deliveries = {
        kind for kind in KINDS if kind.startswith("delivery-")
    }  # of asynchronous requests, which no load sends
    assert {fault.kind for fault in FAULTS} == set(KINDS) - of_deliveries
    seen = [Round.of_cell(number) for number in range(len(CELLS))]
    assert {kind for kind, _ in seen} == set(WRITE_KINDS)
    assert {memory for _, memory in seen} == set(MEMORIES)


@pytest.fixture
def outboxes() -> Iterator[Path]:
    with folder() as path:
        yield path


@pytest.mark.slow
@pytest.mark.parametrize("fault", range(len(FAULTS)), ids=lambda at: f"{FAULTS[at].kind}-{FAULTS[at].status}")
def test_with_any_fault_and_death_nothing_is_posted_twice_and_doubt_is_honest(outboxes: Path, fault: int) -> None:
    failures: list[str] = []
    happened: Counter[str] = Counter()
    for at, moment in enumerate(MOMENTS):
        number = fault * len(MOMENTS) + at
        kind, memory = Round.of_cell(number)
        one = Round(number, outboxes, kind, memory)
        try:
            one.world.faulty, one.world.script = False, FAULTS[fault]
            one.run((moment, 1) if moment else None, beside=number % 3 == 0)
            happened += one.world.happened
            one.check_repeats("after the fault")
            one.world.forward(16)
            one.run_without_faults()
            one.check()
            failures += [f"{one.name()}: died at {moment}: {text}" for text in one.faults]
        finally:
            one.world.close()
    assert failures == []
    assert happened["scripted"] > 0
    assert happened["kills"] > 0
