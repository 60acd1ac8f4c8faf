"""Every fault that the emulator knows, at every step where a process may die: the matrix, its other sides by a seed.

Each cell is one company, one sort of write, one memory of control ids, and one run that meets the fault at its first
write and dies at the step, alone or beside another loader; two calm runs follow, and `Round.check` says what must hold.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from intacct_bridge.emulator.settings.faults import KINDS, ScriptedFault
from support.torture.records import SORTS
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


def test_the_matrix_has_every_fault_every_sort_and_every_memory() -> None:
    assert {fault.kind for fault in FAULTS} == set(KINDS)
    seen = [Round.of_cell(number) for number in range(len(CELLS))]
    assert {sort for sort, _ in seen} == set(SORTS)
    assert {memory for _, memory in seen} == set(MEMORIES)


@pytest.fixture
def outboxes() -> Iterator[Path]:
    with folder() as path:
        yield path


@pytest.mark.parametrize("fault", range(len(FAULTS)), ids=lambda at: f"{FAULTS[at].kind}-{FAULTS[at].status}")
def test_whatever_strikes_wherever_it_dies_nothing_is_twice_and_doubt_is_honest(outboxes: Path, fault: int) -> None:
    failures: list[str] = []
    met: Counter[str] = Counter()
    for at, moment in enumerate(MOMENTS):
        number = fault * len(MOMENTS) + at
        sort, memory = Round.of_cell(number)
        one = Round(number, outboxes, sort, memory)
        try:
            one.world.stormy, one.world.script = False, FAULTS[fault]
            one.run((moment, 1) if moment else None, beside=number % 3 == 0)
            met += one.world.happened
            one.twice("after the fault")
            one.world.forward(16)
            one.calm()
            one.check()
            failures += [f"{one.name()}: died at {moment}: {text}" for text in one.faults]
        finally:
            one.world.close()
    assert failures == []
    assert met["scripted"] > 0
    assert met["kills"] > 0
