"""Never twice, in any order of runs, faults, crashes, time, late visibility and forgotten control ids."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.shared_state.place import Place, PostgresPlace
from intacct_protocol.errors import IntacctError
from support.load.journal import journal_layout
from support.load.ledger import HEADER, Ledger, entry

FAULTS = st.sampled_from(
    ["none", "none", "cut before", "lost before", "lost after", "still running", "truncated", "busy", "refused"]
)
STEPS = st.sampled_from(["never", "never", "planned", "begun", "answered", "concluded", "searched"])
RUNS = st.lists(
    st.tuples(
        st.sets(st.sampled_from("ABCD"), min_size=1),
        st.lists(FAULTS, max_size=4),
        STEPS,
        st.integers(1, 4),
        st.sampled_from([0, 1, 14, 16, 600]),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


Runs = list[tuple[set[str], list[str], str, int, int, bool]]


class KilledError(BaseException):
    """Stands for kill -9."""


class World:
    """One company and one outbox, through several runs."""

    def __init__(
        self, folder: Path, memory: str, visible_after: int, place: Place | None = None, *, atomic: bool = False
    ) -> None:
        self.place = place or folder / "outbox.sqlite3"
        self.atomic = atomic
        self.ledger = Ledger(memory=memory, visible_after=timedelta(minutes=visible_after))
        self.folder = folder

    def run(self, references: set[str], faults: list[str], die_at: str, batch: int) -> None:
        """One process: plans, applies, and may die at a step."""
        self.ledger.faults = list(faults)
        file = self.folder / "je.csv"
        file.write_text(HEADER + "".join(entry(reference) for reference in sorted(references)))
        outbox = Outbox(self.place, clock=self.ledger.clock)

        def step(name: str) -> None:
            if name == die_at:
                outbox.close()
                raise KilledError

        with suppress(IntacctError, KilledError, Exception):
            plan = make_plan(open_csv(file), journal_layout(), self.ledger.gateway, outbox)
            list(
                Loader(
                    self.ledger.gateway, outbox, LoadSettings(batch_size=batch, atomic=self.atomic), step=step
                ).apply(plan)
            )
        outbox.close()
        self.ledger.faults = []


@settings(deadline=None, max_examples=150)
@given(RUNS, st.sampled_from(["lasting", "absent"]), st.sampled_from([0, 5]))
def test_every_record_is_posted_once_in_the_end_and_never_twice_on_the_way(
    runs: Runs, memory: str, visible_after: int
) -> None:
    _posted_once(None, runs, memory, visible_after)


@settings(deadline=None, max_examples=60)
@given(RUNS, st.sampled_from(["lasting", "absent"]), st.sampled_from([0, 5]))
def test_every_record_is_posted_once_where_requests_are_atomic_and_one_record_is_refused_at_first(
    runs: Runs, memory: str, visible_after: int
) -> None:
    _posted_once(None, runs, memory, visible_after, atomic=True)


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RUNS, st.sampled_from(["lasting", "absent"]), st.sampled_from([0, 5]))
def test_every_record_is_posted_once_with_an_outbox_in_postgresql(
    schemas: Iterator[PostgresPlace], runs: Runs, memory: str, visible_after: int
) -> None:
    _posted_once(next(schemas), runs, memory, visible_after)


def _posted_once(place: Place | None, runs: Runs, memory: str, visible_after: int, *, atomic: bool = False) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder), memory, visible_after, place, atomic=atomic)
        if atomic:
            world.ledger.refuse = lambda record: "closed" if record.findtext("REFERENCENO") == "D" else ""
        wanted: set[str] = set()
        running = 0
        for references, faults, die_at, batch, minutes, finish in runs:
            world.run(references, faults, die_at, batch)
            wanted |= references
            running = running + minutes if world.ledger.late else 0
            if finish or running >= 15:  # no request outlives the gateway's own limit
                world.ledger.finish()
                running = 0
            world.ledger.clock.forward(minutes=minutes)
            assert max(Counter(world.ledger.posted).values(), default=0) <= 1
        world.ledger.finish()
        world.ledger.clock.forward(minutes=65)
        if atomic:
            assert "D" not in world.ledger.posted
            world.run(wanted, [], "never", 4)  # what waits for D, or was rolled back with it, is no longer in doubt
            world.ledger.clock.forward(minutes=10)  # what was posted now is visible
            world.ledger.refuse = lambda record: ""
        world.run(wanted, [], "never", 4)
        assert sorted(world.ledger.posted) == sorted(wanted)
        with Outbox(world.place, clock=world.ledger.clock) as outbox:
            ends = list(outbox.entries())
        assert {one.status for one in ends} == {RecordStatus.APPLIED}
        receipts = [one.receipt.record for one in ends if one.receipt]
        assert len(set(receipts)) == len(receipts) == len(wanted), "each receipt is one record's"


def test_a_loader_that_resends_on_errors_posts_duplicates_in_the_same_world() -> None:
    """This proves that duplicates are possible in the world of the test above."""
    duplicates = 0
    for fault in ("lost after", "lost before", "still running"):
        with TemporaryDirectory() as folder:
            world = World(Path(folder), "lasting", 0)
            world.run({"A"}, [fault], "never", 1)
            (Path(folder) / "outbox.sqlite3").unlink()  # it keeps no outbox
            world.ledger.rows.setdefault("GLBATCH", [])
            known = world.ledger.rows["GLBATCH"]
            world.ledger.rows["GLBATCH"] = []  # it does not search
            world.ledger.memory = "absent"  # it sends uniqueid=false
            world.run({"A"}, [], "never", 1)
            world.ledger.rows["GLBATCH"] += known
            world.ledger.finish()
            duplicates += len(world.ledger.posted) - 1
    assert duplicates == 2
