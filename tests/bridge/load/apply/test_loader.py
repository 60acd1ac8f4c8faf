"""Loading: every record is posted exactly once, wherever that can be proven, after any fault of a request."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import MatchRules, Plan, PlanSettings, Verdict
from intacct_bridge.load.plan.planner import make_plan, revalidate_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.shared_state.sqlite import SqliteDatabase
from intacct_protocol.errors import InDoubtError, IntacctError, RefusedError, SettingsError, TransientError
from intacct_protocol.xml.values import Value
from support.load.journal import journal_layout
from support.load.ledger import HEADER, Ledger, entry

NOW = SettleSettings(settle_after=timedelta(0))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


class Bench:
    """One company, one outbox file, and loads of journal entries by their references."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder, self.ledger, self.path = folder, ledger, folder / "outbox.sqlite3"

    def open(self) -> Outbox:
        return Outbox(self.path, clock=self.ledger.clock)

    def load(
        self,
        references: str | list[str],
        settings: LoadSettings | None = None,
        *,
        outbox: Outbox | None = None,
        step: Callable[[str], None] | None = None,
        amount: str = "10.00",
        planning: PlanSettings | None = None,
    ) -> list[RecordOutcome]:
        """Plan and apply as one run does, in a loader of its own unless one is given."""
        file = self.folder / "je.csv"
        file.write_text(HEADER + "".join(entry(reference, amount) for reference in references))
        with nullcontext(outbox) if outbox is not None else self.open() as use:
            plan = make_plan(open_csv(file), journal_layout(), self.ledger.gateway, use, planning or PlanSettings())
            loader = Loader(self.ledger.gateway, use, settings or LoadSettings(), step=step or (lambda _: None))
            return list(loader.apply(plan))

    def endings(self, references: str | list[str], settings: LoadSettings | None = None) -> list[str]:
        return [outcome.status.outcome_text for outcome in self.load(references, settings)]

    def states(self) -> list[RecordStatus]:
        with self.open() as outbox:
            return [one.status for one in outbox.entries()]


@pytest.fixture
def bench(tmp_path: Path, ledger: Ledger) -> Bench:
    return Bench(tmp_path, ledger)


def test_records_are_posted_once_with_receipts_and_a_second_run_says_so(bench: Bench) -> None:
    first = bench.load("ABC")
    assert [(o.status, o.receipt.record if o.receipt else "") for o in first] == [
        (RecordStatus.APPLIED, "1"), (RecordStatus.APPLIED, "2"), (RecordStatus.APPLIED, "3")
    ]  # fmt: skip
    again = bench.load("ABC")
    assert [(o.status, o.receipt) for o in again] == [(RecordStatus.UNCHANGED, o.receipt) for o in first]
    assert bench.ledger.posted == ["A", "B", "C"]
    assert len(bench.ledger.submits) == 1


def test_a_request_has_a_hundred_functions_of_one_record_each(bench: Bench) -> None:
    bench.load([f"R{n}" for n in range(250)])
    assert [len(controls) for controls in bench.ledger.submits] == [100, 100, 50]
    assert len({control for controls in bench.ledger.submits for control in controls}) == 250


def test_a_rejected_record_stops_no_others_and_is_a_new_attempt_next_time(bench: Bench) -> None:
    bench.ledger.refuse = lambda record: "Could not create" if record.findtext("REFERENCENO") == "B" else ""
    outcomes = bench.load("ABC")
    assert [outcome.status for outcome in outcomes] == [
        RecordStatus.APPLIED,
        RecordStatus.REJECTED,
        RecordStatus.APPLIED,
    ]
    assert outcomes[1].faults[0].errorno == "BL01001973"
    bench.ledger.refuse = lambda record: ""
    assert sorted(bench.endings("ABC")) == ["posted", "unchanged", "unchanged"]
    assert sorted(bench.ledger.posted) == ["A", "B", "C"]
    controls = [control for sent in bench.ledger.submits for control in sent]
    assert len(controls) == len(set(controls)) == 4


def test_atomic_batches_are_applied_together_or_not_at_all(bench: Bench) -> None:
    bench.ledger.refuse = lambda record: "no" if record.findtext("REFERENCENO") == "B" else ""
    assert bench.endings("ABC", LoadSettings(atomic=True)) == ["aborted", "rejected", "aborted"]
    assert bench.ledger.posted == []
    bench.ledger.refuse = lambda record: ""
    assert bench.endings("ABC", LoadSettings(atomic=True)) == ["posted"] * 3


@pytest.mark.parametrize(
    ("fault", "refused", "ending", "posted"),
    [
        ("lost before", "B", "rejected", []),  # sent again together, and rolled back together
        ("lost after", "B", "rejected", []),  # rolled back the first time as well
        ("lost before", "", "settled", ["A", "B", "C"]),
        ("lost after", "", "unchanged", ["A", "B", "C"]),
    ],
)
def test_an_atomic_batch_whose_answer_is_lost_is_posted_together_or_not_at_all(
    bench: Bench, fault: str, refused: str, ending: str, posted: list[str]
) -> None:
    atomic = LoadSettings(atomic=True)
    bench.ledger.refuse = lambda record: "closed" if record.findtext("REFERENCENO") == refused else ""
    bench.ledger.faults = [fault]
    bench.load("ABC", atomic)
    bench.ledger.clock.forward(hours=2)
    assert bench.endings("ABC", atomic) == [ending] * 3
    assert bench.ledger.posted == posted
    assert {len(one) for one in bench.ledger.submits} == {3}


def test_one_lost_part_of_an_atomic_batch_is_settled_with_the_others(bench: Bench) -> None:
    bench.ledger.faults = ["lost before"]
    bench.load("ABC", LoadSettings(atomic=True))
    bench.ledger.clock.forward(hours=2)
    (outcome,) = bench.load("B")  # also where the load that settles them is not atomic
    assert outcome.status is RecordStatus.SETTLED
    assert [sorted(bench.ledger.posted), [len(one) for one in bench.ledger.submits]] == [["A", "B", "C"], [3, 3]]
    assert bench.endings("ABC", LoadSettings(atomic=True)) == ["unchanged"] * 3


def test_an_atomic_batch_with_a_record_that_the_plan_refuses_posts_nothing(bench: Bench) -> None:
    settings = LoadSettings(batch_size=2, atomic=True)
    references = ["A", "B", "BAD\x07", "C", "D", "E"]
    outcomes = bench.load(references, settings)
    assert [(one.write.fields["REFERENCENO"], one.status.outcome_text) for one in outcomes] == [
        ("C", "aborted"), ("A", "posted"), ("B", "posted"), ("D", "posted"), ("E", "posted")
    ]  # fmt: skip
    assert "BAD" in outcomes[0].reason
    assert bench.ledger.posted == ["A", "B", "D", "E"]
    assert sorted(bench.endings(["A", "B", "C", "D", "E"], settings)) == ["posted", *["unchanged"] * 4]
    assert sorted(bench.ledger.posted) == ["A", "B", "C", "D", "E"]


class FullDisk:
    """An outbox's connection on a disk that is full from a moment on: it reads, and writes nothing."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db, self.full = db, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if self.full and not sql.lstrip().startswith(("SELECT", "BEGIN", "ROLLBACK")):
            self._db.execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")
        return self._db.execute(sql, *values)

    def executemany(self, sql: str, rows: Any) -> Any:
        return self.execute(sql, next(iter(rows), ())) if self.full else self._db.executemany(sql, rows)


@pytest.mark.parametrize(
    ("moment", "error", "told"),
    [
        ("planned", SettingsError, []),
        ("answered", InDoubtError, ["in doubt", "in doubt"]),
        ("concluded", SettingsError, ["posted", "posted"]),
    ],
)
def test_a_full_disk_stops_a_load_with_its_outcomes_and_nothing_is_posted_twice(
    bench: Bench, moment: str, error: type[IntacctError], told: list[str]
) -> None:
    outcomes: list[RecordOutcome] = []
    with bench.open() as outbox:
        assert isinstance(outbox._db, SqliteDatabase)
        disk = FullDisk(outbox._db._db)
        outbox._db._db = disk  # type: ignore[assignment]

        def step(name: str) -> None:
            disk.full = disk.full or name == moment

        file = bench.folder / "je.csv"
        file.write_text(HEADER + "".join(entry(reference) for reference in "ABCD"))
        plan = make_plan(open_csv(file), journal_layout(), bench.ledger.gateway, outbox)
        settings = LoadSettings(batch_size=2, concurrency=1)
        with pytest.raises(error, match="disk is full") as caught:
            outcomes.extend(Loader(bench.ledger.gateway, outbox, settings, step=step).apply(plan))
        assert "disk space" in caught.value.fix
    assert [one.status.outcome_text for one in outcomes] == told
    bench.load("ABCD")
    assert sorted(bench.ledger.posted) == ["A", "B", "C", "D"]


def test_stop_on_error_sends_no_further_batch(bench: Bench) -> None:
    bench.ledger.refuse = lambda record: "no" if record.findtext("REFERENCENO") == "A" else ""
    assert bench.endings("ABC", LoadSettings(batch_size=1, stop_on_error=True)) == ["rejected"]
    assert bench.ledger.posted == []


def test_a_record_in_doubt_at_a_stop_is_told_as_such_and_nothing_more_is_sent(bench: Bench, ledger: Ledger) -> None:
    ledger.faults = ["lost before"]
    file = bench.folder / "je.csv"
    file.write_text(HEADER + "".join(entry(reference, "10.00") for reference in "ABCD"))
    outcomes: list[RecordOutcome] = []
    with bench.open() as outbox:
        plan = make_plan(open_csv(file), journal_layout(), ledger.gateway, outbox, PlanSettings())
        settings = LoadSettings(batch_size=1, concurrency=1)
        for outcome in Loader(ledger.gateway, outbox, settings, stopping=lambda: bool(outcomes)).apply(plan):
            outcomes.append(outcome)
    assert [outcome.status for outcome in outcomes] == [RecordStatus.APPLIED, RecordStatus.IN_DOUBT]
    assert (len(ledger.submits), ledger.posted) == (2, ["B"])


# --- lost replies


def test_a_lost_reply_after_the_commit_is_settled_in_the_same_run(bench: Bench) -> None:
    bench.ledger.faults = ["lost after"]
    outcomes = bench.load("AB")
    assert [(o.status, o.receipt.record if o.receipt else "") for o in outcomes] == [
        (RecordStatus.SETTLED, "1"),
        (RecordStatus.SETTLED, "2"),
    ]
    assert bench.endings("AB") == ["unchanged", "unchanged"]
    assert bench.ledger.posted == ["A", "B"]


def test_after_a_lost_reply_a_record_stays_in_doubt_until_settle_after_and_is_sent_once(bench: Bench) -> None:
    bench.ledger.faults = ["lost before"]
    (doubtful,) = bench.load("A")
    assert doubtful.status is RecordStatus.IN_DOUBT
    assert "2026-11-30 13:00:00" in doubtful.note
    bench.ledger.clock.forward(minutes=59, seconds=59)
    assert bench.endings("A") == ["in doubt"]
    assert len(bench.ledger.submits) == 1
    bench.ledger.clock.forward(seconds=1)
    assert bench.endings("A") == ["settled"]
    assert bench.ledger.submits[0] == bench.ledger.submits[1], "under the same control id"
    assert bench.ledger.posted == ["A"]


def test_doubtful_records_are_sent_again_alone(bench: Bench) -> None:
    bench.ledger.faults = ["lost before"]
    bench.load("ABC")
    bench.ledger.clock.forward(minutes=60)
    bench.load("ABC")
    assert [len(sent) for sent in bench.ledger.submits] == [3, 1, 1, 1]
    assert bench.ledger.posted == ["A", "B", "C"]


@pytest.mark.parametrize("memory", ["lasting", "absent"])
def test_a_request_that_still_runs_during_the_search_is_not_sent_twice(bench: Bench, memory: str) -> None:
    bench.ledger.memory = memory
    bench.ledger.faults = ["still running"]
    assert bench.endings("A") == ["in doubt"]
    bench.ledger.finish()
    bench.ledger.clock.forward(minutes=65)
    assert bench.endings("A") == ["settled"]
    assert bench.ledger.posted == ["A"]


def test_a_record_in_doubt_is_not_posted_with_another_name_of_its_journal(bench: Bench) -> None:
    bench.ledger.faults = ["still running"]
    assert bench.endings("A") == ["in doubt"]
    file = bench.folder / "by_name.csv"
    file.write_text((HEADER + entry("A")).replace("GJ,", "General journal,"))
    with bench.open() as outbox:
        plan = make_plan(open_csv(file), journal_layout(), bench.ledger.gateway, outbox)
        (record,) = plan.records
        assert record.verdict is Verdict.REFUSED
        assert "its outcome is in doubt" in record.reasons[0].message
        assert list(Loader(bench.ledger.gateway, outbox).apply(plan)) == []
    bench.ledger.finish()
    assert bench.endings("A") == ["settled"]
    with bench.open() as outbox:
        plan = make_plan(open_csv(file), journal_layout(), bench.ledger.gateway, outbox)
        assert [record.verdict for record in plan.records] == [Verdict.UNCHANGED], "it says the same in other words"
        assert [one.status for one in Loader(bench.ledger.gateway, outbox).apply(plan)] == [RecordStatus.UNCHANGED]
    assert bench.ledger.posted == ["A"]


def test_a_record_that_is_visible_late_is_not_sent_twice(bench: Bench) -> None:
    bench.ledger.memory = "absent"
    bench.ledger.visible_after = timedelta(minutes=10)
    bench.ledger.faults = ["lost after"]
    assert bench.endings("A") == ["in doubt"]
    bench.ledger.clock.forward(minutes=61)
    assert bench.endings("A") == ["settled"]
    assert bench.ledger.posted == ["A"]


def test_without_waiting_the_company_must_refuse_a_control_id_it_has_completed(bench: Bench) -> None:
    bench.ledger.visible_after = timedelta(minutes=10)
    bench.ledger.faults = ["lost after"]
    (outcome,) = bench.load("A", LoadSettings(settle=NOW))
    assert outcome.status is RecordStatus.SETTLED
    assert "its record was not found" in outcome.note
    assert bench.ledger.posted == ["A"]


def test_a_truncated_answer_leaves_only_its_missing_results_in_doubt(bench: Bench) -> None:
    bench.ledger.faults = ["truncated"]
    assert bench.endings("ABC") == ["posted", "posted", "settled"]
    assert bench.ledger.posted == ["A", "B", "C"]


def test_another_users_record_is_no_proof(bench: Bench) -> None:
    bench.ledger.faults = ["lost before"]
    bench.load("A")
    bench.ledger.rows["GLBATCH"] = []
    bench.ledger.connection = other = bench.ledger.connection.__class__(
        company_id="acme", user_id="marcus", user_password="p", sender_id="s", sender_password="q"
    )
    assert other.user_id == "marcus"
    with Outbox(bench.folder / "other.sqlite3", clock=bench.ledger.clock) as elsewhere:
        bench.load("A", outbox=elsewhere)
    bench.ledger.connection = Ledger().connection
    bench.ledger.clock.forward(hours=1)
    (outcome,) = bench.load("A")
    assert outcome.status is RecordStatus.IN_DOUBT
    assert "created by marcus" in outcome.note, "entered by hand when the load failed, perhaps"
    assert bench.ledger.posted == ["A"]


def test_another_users_earlier_record_does_not_stop_a_resend(bench: Bench) -> None:
    bench.ledger.faults = ["lost before"]
    allowed = PlanSettings(rules=MatchRules(new_rows=tuple(range(100))))
    row: dict[str, Value] = {
        "RECORDNO": 1, "JOURNAL": "GJ", "BATCH_DATE": date(2026, 11, 30), "BATCH_TITLE": "Entry A", "REFERENCENO": "A",
        "WHENCREATED": bench.ledger.clock() - timedelta(days=1), "CREATEDBYLOGINID": "marcus",
    }  # fmt: skip
    bench.ledger.rows["GLBATCH"] = [row]
    assert [outcome.status for outcome in bench.load("A", planning=allowed)] == [RecordStatus.IN_DOUBT]
    bench.ledger.clock.forward(minutes=60)
    assert [outcome.status for outcome in bench.load("A", planning=allowed)] == [RecordStatus.SETTLED]
    assert len(bench.ledger.submits) == 2


def test_our_own_much_earlier_record_is_no_proof_and_stops_a_resend(bench: Bench) -> None:
    bench.ledger.faults = ["lost before"]
    bench.load("A")
    bench.ledger.clock.forward(hours=-3)
    with Outbox(bench.folder / "other.sqlite3", clock=bench.ledger.clock) as elsewhere:
        bench.load("A", outbox=elsewhere)
    bench.ledger.clock.forward(hours=4)
    (outcome,) = bench.load("A")
    assert outcome.status is RecordStatus.IN_DOUBT
    assert "record 1 has its key, created by loader" in outcome.note
    assert bench.ledger.posted == ["A"]


def test_a_reversal_copy_is_no_proof(bench: Bench) -> None:
    bench.ledger.faults = ["lost after"]
    assert bench.endings("A", LoadSettings(settle=SettleSettings())) == ["settled"]
    bench.ledger.faults = ["lost before"]
    bench.load("B")
    copy: dict[str, Value] = {"REFERENCENO": "B", "BATCH_TITLE": "Entry B", "RECORDNO": 99, "REVERSEDFROM": "1"}
    bench.ledger.rows["GLBATCH"].append({**bench.ledger.rows["GLBATCH"][0], **copy})
    assert bench.endings("B") == ["in doubt"]


@pytest.mark.parametrize(
    ("proof", "memory", "status"),
    [
        (True, "lasting", RecordStatus.SETTLED),
        (True, "absent", RecordStatus.IN_DOUBT),  # memory was proven once, and has expired since
        (False, "lasting", RecordStatus.IN_DOUBT),  # memory was never proven
    ],
)
def test_a_record_without_a_key_stays_in_doubt_unless_its_control_id_is_still_remembered(
    bench: Bench, proof: bool, memory: str, status: RecordStatus
) -> None:
    def load(settings: LoadSettings | None = None) -> list[RecordOutcome]:
        file = bench.folder / "bare.csv"
        file.write_text(HEADER + entry("A").replace("Entry A,A", "Entry A,"))
        with bench.open() as outbox:
            plan = make_plan(open_csv(file), journal_layout(), bench.ledger.gateway, outbox)
            return list(Loader(bench.ledger.gateway, outbox, settings or LoadSettings()).apply(plan))

    remembering = LoadSettings(settle=SettleSettings(repeat_guard=True))
    bench.ledger.faults = ["none", "lost after"] if proof else ["lost after"]
    load(remembering if proof else None)
    bench.ledger.clock.forward(hours=1)
    (outcome,) = load()
    assert outcome.status is RecordStatus.IN_DOUBT
    assert "General Ledger" in outcome.note
    bench.ledger.memory = memory
    (outcome,) = load(remembering)
    assert outcome.status is status
    (outcome,) = load(remembering)
    assert outcome.status is (RecordStatus.UNCHANGED if status is RecordStatus.SETTLED else RecordStatus.IN_DOUBT)
    assert bench.ledger.posted == ["Entry A"]


def test_a_refused_resend_is_rejected_if_the_record_can_be_looked_for(bench: Bench) -> None:
    bench.ledger.faults = ["lost before"]
    bench.load("A")
    bench.ledger.clock.forward(minutes=60)
    bench.ledger.refuse = lambda record: "The period is closed"
    (outcome,) = bench.load("A")
    assert (outcome.status, outcome.faults[0].text) == (RecordStatus.REJECTED, "The period is closed")
    bench.ledger.refuse = lambda record: ""
    assert bench.endings("A") == ["posted"]
    assert len({control for sent in bench.ledger.submits for control in sent}) == 2, "a new attempt"


# --- requests that did nothing, and stop a load


@pytest.mark.parametrize(("fault", "error"), [("refused", RefusedError), ("busy", TransientError),
                                                ("cut before", TransientError)])  # fmt: skip
def test_an_unapplied_record_may_be_resent_under_its_control_id(
    bench: Bench, fault: str, error: type[IntacctError]
) -> None:
    bench.ledger.faults = [fault]
    seen: list[RecordOutcome] = []
    with bench.open() as outbox:
        file = bench.folder / "je.csv"
        file.write_text(HEADER + entry("A") + entry("B"))
        plan = make_plan(open_csv(file), journal_layout(), bench.ledger.gateway, outbox)
        with pytest.raises(error):
            seen.extend(Loader(bench.ledger.gateway, outbox, LoadSettings(batch_size=1)).apply(plan))
        assert [entry.status for entry in outbox.entries()] == [RecordStatus.NOT_SENT, RecordStatus.PLANNED]
    assert bench.endings("AB") == ["posted", "posted"]
    assert bench.ledger.submits[0][0] == bench.ledger.submits[1][0]
    assert bench.ledger.posted == ["A", "B"]


def test_outcomes_in_doubt_come_before_an_outage_ends_the_load(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.ledger.faults = ["lost before"]
    seen: list[RecordOutcome] = []

    def outage(_: object) -> Iterator[dict[str, str]]:
        raise TransientError("no connection")

    with bench.open() as outbox:
        file = bench.folder / "je.csv"
        file.write_text(HEADER + entry("A"))
        plan = make_plan(open_csv(file), journal_layout(), bench.ledger.gateway, outbox)
        monkeypatch.setattr(bench.ledger, "query", outage)
        with pytest.raises(TransientError):
            for outcome in Loader(bench.ledger.gateway, outbox).apply(plan):
                seen.append(outcome)
    assert [outcome.status for outcome in seen] == [RecordStatus.IN_DOUBT]


def test_a_read_only_connection_refuses_before_anything(bench: Bench) -> None:
    from dataclasses import replace

    bench.ledger.connection = replace(bench.ledger.connection, read_only=True)
    with bench.open() as outbox, pytest.raises(SettingsError, match="read-only"):
        Loader(bench.ledger.gateway, outbox)


def test_other_content_under_a_posted_identity_is_a_conflict_even_past_the_plan(bench: Bench) -> None:
    with bench.open() as outbox:
        file = bench.folder / "je.csv"
        file.write_text(HEADER + entry("A", "11.00"))
        stale = make_plan(open_csv(file), journal_layout(), bench.ledger.gateway, outbox)
        bench.load("A", outbox=outbox)
        (outcome,) = Loader(bench.ledger.gateway, outbox).apply(stale)
    assert outcome.status is RecordStatus.CONFLICT
    assert bench.ledger.posted == ["A"]


def test_two_loaders_at_once_post_each_record_once(bench: Bench) -> None:
    with bench.open() as one, bench.open() as two:
        file = bench.folder / "je.csv"
        file.write_text(HEADER + entry("A") + entry("B"))
        plans = [make_plan(open_csv(file), journal_layout(), bench.ledger.gateway, outbox) for outbox in (one, two)]
        first = Loader(bench.ledger.gateway, one, LoadSettings(batch_size=1)).apply(plans[0])
        second = Loader(bench.ledger.gateway, two, LoadSettings(batch_size=1)).apply(plans[1])
        endings = [next(first).status, next(second).status, next(second).status, next(first).status]
    assert endings == [RecordStatus.APPLIED, RecordStatus.UNCHANGED, RecordStatus.APPLIED, RecordStatus.UNCHANGED]
    assert bench.ledger.posted == ["A", "B"]


def test_a_record_that_another_running_loader_sends_is_left_to_it(bench: Bench) -> None:
    def meanwhile(step: str) -> None:
        if step == "begun":
            assert bench.endings("A") == ["busy"]
            (busy,) = bench.load("A")
            assert busy.reason == "another run is sending it; run this load again to see its outcome"
            assert bench.ledger.posted == []

    (outcome,) = bench.load("A", step=meanwhile)
    assert outcome.status is RecordStatus.APPLIED
    assert bench.ledger.posted == ["A"]


def test_batches_go_side_by_side_within_the_limit_with_outcomes_in_order(bench: Bench) -> None:
    together = threading.Barrier(3, timeout=120)
    bench.ledger.on_submit = together.wait
    outcomes = bench.load("ABCDEF", LoadSettings(batch_size=1, concurrency=3))
    assert [outcome.write.fields["REFERENCENO"] for outcome in outcomes] == list("ABCDEF")
    assert {outcome.status for outcome in outcomes} == {RecordStatus.APPLIED}
    assert sorted(bench.ledger.posted) == list("ABCDEF")


def test_outcomes_of_batches_beside_a_failing_one_come_before_the_failure(bench: Bench) -> None:
    together = threading.Barrier(2, timeout=120)
    bench.ledger.on_submit = together.wait
    bench.ledger.faults_by_text = {"<REFERENCENO>A<": "refused"}
    seen: list[RecordOutcome] = []
    with bench.open() as outbox:
        file = bench.folder / "je.csv"
        file.write_text(HEADER + "".join(entry(reference) for reference in "ABCD"))
        plan = make_plan(open_csv(file), journal_layout(), bench.ledger.gateway, outbox)
        with pytest.raises(RefusedError):
            for outcome in Loader(bench.ledger.gateway, outbox, LoadSettings(batch_size=1, concurrency=2)).apply(plan):
                seen.append(outcome)
    assert [outcome.status for outcome in seen] == [RecordStatus.NOT_SENT, RecordStatus.APPLIED]
    assert bench.ledger.posted == ["B"]


# --- a process that ends between any two steps


class KilledError(BaseException):
    """Stands for kill -9: nothing after it runs."""


STEPS = ("planned", "begun", "answered", "concluded", "searched")


@pytest.mark.parametrize("memory", ["lasting", "absent"])
@pytest.mark.parametrize("step", STEPS)
def test_the_next_load_carries_on_after_one_that_died_between_two_steps(bench: Bench, step: str, memory: str) -> None:
    bench.ledger.memory = memory
    outbox = bench.open()

    def die(now: str) -> None:
        if now == step:
            outbox.close()  # as the system does: the lock is released, and nothing can be written any more
            raise KilledError

    bench.ledger.faults = ["lost after"] if step == "searched" else []
    with suppress(KilledError, Exception):
        bench.load("AB", LoadSettings(batch_size=1), outbox=outbox, step=die)
    bench.ledger.clock.forward(minutes=60)
    assert set(bench.endings("AB")) <= {"posted", "settled", "unchanged"}
    assert bench.ledger.posted == ["A", "B"]
    assert bench.states() == [RecordStatus.APPLIED, RecordStatus.APPLIED]
    assert bench.endings("AB") == ["unchanged", "unchanged"]


def test_a_plan_names_records_that_a_dead_loader_left(bench: Bench) -> None:
    outbox = bench.open()

    def die(now: str) -> None:
        if now == "begun":
            outbox.close()
            raise KilledError

    with suppress(KilledError, Exception):
        bench.load("A", outbox=outbox, step=die)
    with bench.open() as after:
        plan = make_plan(open_csv(bench.folder / "je.csv"), journal_layout(), bench.ledger.gateway, after)
    assert [record.verdict for record in plan.records] == [Verdict.IN_DOUBT]


def test_a_refused_repetition_in_unknown_words_is_not_a_rejection(bench: Bench) -> None:
    bench.ledger.visible_after = timedelta(minutes=10)
    bench.ledger.faults = ["lost after"]
    bench.ledger.repetition = "Bitte nicht noch einmal"
    (outcome,) = bench.load("A", LoadSettings(settle=NOW))
    assert outcome.status is RecordStatus.IN_DOUBT
    bench.ledger.clock.forward(minutes=10)
    assert bench.endings("A", LoadSettings(settle=NOW)) == ["settled"]
    assert bench.ledger.posted == ["A"]


# --- a plan and an outbox that do not belong together


def planned(bench: Bench, outbox: Outbox, references: str) -> Plan:
    file = bench.folder / "je.csv"
    file.write_text(HEADER + "".join(map(entry, references)))
    return make_plan(open_csv(file), journal_layout(), bench.ledger.gateway, outbox)


@pytest.mark.parametrize(
    ("fault", "verdict", "reason"),
    [
        ("lost before", Verdict.IN_DOUBT, "was sent without an answer by an earlier run"),
        ("none", Verdict.UNCHANGED, "was posted by an earlier run"),
    ],
)
def test_a_plan_that_relies_on_another_outbox_is_stopped_before_anything_is_sent(
    bench: Bench, fault: str, verdict: Verdict, reason: str
) -> None:
    bench.ledger.faults = [fault]
    bench.load("B")
    with bench.open() as outbox:
        plan = planned(bench, outbox, "AB")
    assert [record.verdict for record in plan.records] == [Verdict.CREATE, verdict]
    sent = len(bench.ledger.submits)
    with Outbox(bench.folder / "another.sqlite3", clock=bench.ledger.clock) as another:
        for use in (lambda: list(Loader(bench.ledger.gateway, another).apply(plan)),
                    lambda: revalidate_plan(plan, bench.ledger.gateway, another)):  # fmt: skip
            with pytest.raises(SettingsError, match=rf"je\.csv:4: GJ 2026-11-30 'Entry B' B {reason}") as caught:
                use()
            assert "another.sqlite3" in caught.value.message
            assert "the outbox it was made with" in caught.value.fix
        assert list(another.entries()) == []
    assert len(bench.ledger.submits) == sent


class TwoEntities(Ledger):
    """A company with entities that keeps in which of them each record was sent."""

    def entity(self, location_id: str, /) -> "Ledger":
        return self


@pytest.mark.parametrize(("stop", "posted"), [(False, ["B", "C"]), (True, [])])
def test_a_refused_record_of_one_entity_stops_another_only_if_asked(
    tmp_path: Path, stop: bool, posted: list[str]
) -> None:
    ledger = TwoEntities()
    ledger.refuse = lambda record: "no" if record.findtext("REFERENCENO") == "A" else ""
    file = tmp_path / "je.csv"
    file.write_text(HEADER + "".join(entry(reference) for reference in "ABC"))
    with Outbox(tmp_path / "outbox.sqlite3", clock=ledger.clock) as outbox:
        plan = make_plan(open_csv(file), journal_layout(), ledger.gateway, outbox)
        places = zip(plan.records, ("E1", "E2", "E3"), strict=True)
        apart = replace(plan, records=tuple(replace(one, write=replace(one.write, entity=at)) for one, at in places))
        outcomes = list(Loader(ledger.gateway, outbox, LoadSettings(stop_on_error=stop)).apply(apart))
    assert ledger.posted == posted
    assert outcomes[0].status is RecordStatus.REJECTED
