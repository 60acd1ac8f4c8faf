"""The outcome of each kind of write when its answer is lost: one test for each row of the documented table."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.settings.faults import ScriptedFault
from support.torture.records import WRITE_KINDS
from support.torture.world import folder
from torture.torture import Round, newest

A, D = RecordStatus.APPLIED, RecordStatus.IN_DOUBT
ROWS = {
    "journal with a reference": (A, A),
    "journal without": (D, D),
    "vendor": (A, A),
    "bill with a number": (A, A),
    "bill without": (D, D),
    "bill with an external id": (A, D),
    "invoice": (A, A),
    "payment": (A, D),
    "order": (A, A),
    "order of a definition that numbers": (A, D),
    "order without a number": (D, D),
    "order with an external id": (A, D),
    "update": (A, A),
    "update of a bill": (A, A),
    "update of lines": (A, D),
    "posting of a draft": (A, A),
    "upsert": (A, A),
    "delete": (A, A),
}
"""The status of a write that was applied and whose answer was lost, and of one that was lost before it was applied. The
company remembers no control ids, and nothing else was loaded before."""


@pytest.fixture
def outboxes() -> Iterator[Path]:
    with folder() as path:
        yield path


def states(one: Round) -> Counter[RecordStatus]:
    with Outbox(one.path) as outbox:
        return Counter(entry.status for entry in newest(outbox.entries()))


@pytest.mark.parametrize("done", [True, False], ids=["done", "not-done"])
@pytest.mark.parametrize("name", ROWS)
def test_after_a_lost_answer_a_write_ends_as_in_the_table(outboxes: Path, name: str, done: bool) -> None:
    kind = next(kind for kind in WRITE_KINDS if kind.name == name)
    one = Round(3, outboxes, kind, "absent")
    one.batch, one.world.faulty = 100, False
    one.world.script = ScriptedFault("cut-after" if done else "cut-before")
    one.run(None)
    assert set(states(one)) == {D} if not done else set(states(one)) <= {A, D}
    one.world.forward(16)
    one.run_without_faults()
    assert set(states(one)) == {ROWS[name][0 if done else 1]}
    one.check()
    one.world.close()
    assert one.faults == []


@pytest.mark.parametrize("name", ["bill with an external id", "order with an external id"])
def test_an_external_id_proves_absence_once_another_of_ours_was_found(outboxes: Path, name: str) -> None:
    kind = next(kind for kind in WRITE_KINDS if kind.name == name)
    one = Round(3, outboxes, kind, "absent")
    one.batch, one.world.faulty = 1, False
    one.world.script = ScriptedFault("cut-before")
    one.run(None)
    assert states(one)[D] == 1, "the others were posted, and are examples"
    one.world.forward(16)
    one.run_without_faults()
    assert set(states(one)) == {A}
    one.check()
    one.world.close()
    assert one.faults == []
