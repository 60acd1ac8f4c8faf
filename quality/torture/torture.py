"""Loading under torture: seeded rounds of faults and kills, and a count of the records in the ledger after each.

    python -m torture.torture [--rounds N] [--seed S]

Every round has a company, some records, a few runs with faults that may each be killed at any step, and two runs
without faults after all work has come to its end. `Round.check` has the conditions that hold in the end.
"""

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from random import Random
from threading import get_ident
from typing import Any

from intacct_bridge.client.client import Client
from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.sender import Step
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.layouts.native import NativeLayout
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Mode, PlanSettings, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.writable import writable_object
from intacct_protocol.errors import IntacctError
from support.small_company import client
from support.torture.naive import Naive
from support.torture.processes import side_by_side
from support.torture.records import CREATES, WRITE_KINDS, WriteKind, keys, times_done
from support.torture.tally import Tally
from support.torture.turns import Turns
from support.torture.world import MEMORIES, KilledError, World, folder

STEPS = ("planned", "begun", "answered", "concluded", "searched")


class Round:
    """One company and one kind of write, by a seed."""

    unique_numbers = True
    """Whether the company refuses a document with the number of another, reversed or not."""

    def __init__(self, seed: int, folder: Path, kind: WriteKind | None = None, memory: str = "") -> None:
        self.seed = seed
        self.random = Random(seed)
        drawn = self.random.choice(WRITE_KINDS), self.random.choice(MEMORIES)
        self.kind: WriteKind = kind or drawn[0]
        self.memory = memory or drawn[1]
        late = timedelta(minutes=self.random.choice((0, 0, 5)))
        self.world = World(Random(seed + 1), self.memory, late, self.unique_numbers)
        self.turns = Turns(Random(seed + 2))
        self.tokens = {f"T-{seed}-{number}" for number in range(self.random.randint(1, 6))}
        self.batch = self.random.choice((1, 2, 3, 100))
        self.atomic = self.random.random() < 0.3
        self.proven = self.memory != "absent" and self.random.random() < 0.5  # it was seen once
        at_once = self.memory == "lasting" and not late and self.random.random() < 0.3
        self.settle = SettleSettings(timedelta(minutes=0 if at_once else 15), repeat_guard=self.proven)
        self.path = folder / f"{seed}.sqlite3"
        self.faults: list[str] = []
        self._before()

    def _before(self) -> None:
        self.world.faulty = False
        with client(self.world) as gateway:
            for name, cells in (pair for token in sorted(self.tokens) for pair in self.kind.before(token)):
                made = gateway.create(name, [cells])
                assert made[0].ok, made
        self.world.forward(180)
        self.world.faulty = True

    @staticmethod
    def of_cell(number: int) -> tuple[WriteKind, str]:
        """The kind and the memory of a cell of the matrix: each comes in its turn."""
        return WRITE_KINDS[number % len(WRITE_KINDS)], MEMORIES[number * 7 // 3 % len(MEMORIES)]

    def name(self) -> str:
        """The round in words, for a failure."""
        settle = "at once" if not self.settle.settle_after else "after 15 minutes"
        return f"seed {self.seed}: {self.kind.name}, ids {self.memory}, proven {self.proven}, settled {settle}"

    # --- one process

    def rows(self) -> list[SourceRow]:
        made = [self._row(token) for token in sorted(self.tokens) for _ in range(self.kind.copies)]
        return [SourceRow("input", number, cells) for number, cells in enumerate(made, 1)]

    def _row(self, token: str) -> Any:
        """The input is written once; later changes of the company do not change it."""
        if token not in self._written:
            self._written[token] = self.kind.make(self.world.emulator, token)
        return self._written[token]

    @cached_property
    def _written(self) -> dict[str, Any]:
        return {}

    def plan(self, gateway: Any, outbox: Outbox) -> Any:
        rows = self.rows()
        company = gateway
        layout = NativeLayout(writable_object(company, self.kind.object))
        columns = tuple(dict.fromkeys(name for row in rows for name in row.cells))
        table = InputTable(Path("input"), columns, lambda: iter(rows), "jsonl")
        settings = PlanSettings(mode=Mode(self.kind.mode))
        return make_plan(table, layout, company, outbox, settings)

    def run(self, die_at: tuple[str, int] | None, *, beside: bool = False) -> None:
        """One process from its start to its end or its death, and with `beside` another one."""
        if beside:
            self.at_once(die_at, None)
        else:
            self._process(die_at)

    def _process(self, die_at: tuple[str, int] | None) -> None:
        outbox = Outbox(self.path, clock=lambda: self.world.clock.now)
        self.world.die[get_ident()] = outbox.close
        passed: Counter[str] = Counter()
        killed = False

        def step(name: str) -> None:
            nonlocal killed
            passed[name] += 1
            if die_at == (name, passed[name]):
                killed = True
                self.world.kill()
            self.world.pause()

        settings = LoadSettings(self.batch, self.atomic, concurrency=1, settle=self.settle)
        with suppress(IntacctError, KilledError), client(self.world) as gateway:
            try:
                self.work(gateway, outbox, settings, step)
            except Exception as error:
                if (killed or self.world.happened["kills"]) and "closed database" in str(error):
                    raise KilledError from error
                raise
        outbox.close()

    def work(self, gateway: Client, outbox: Outbox, settings: LoadSettings, step: Step) -> None:
        """What a process does: it plans the input and loads it."""
        plan = self.plan(gateway, outbox)
        reasons = [record.reasons[0] for record in plan.records if record.reasons]
        if any(reason.rule not in self.waiting(plan) for reason in reasons):
            self.faults.append(f"the plan refuses a sound record: {reasons[0]}")
        list(Loader(gateway, outbox, settings, step=step).apply(plan))

    def waiting(self, plan: Any) -> set[str]:
        """The rules that refuse a record that waits: what Intacct shows may be an equal record in doubt."""
        in_doubt = any(record.verdict is Verdict.IN_DOUBT for record in plan.records)
        return {"duplicate"} if in_doubt and not self.kind.finds else set()

    def run_with_faults(self) -> None:
        """Runs with faults, alone or two at once, with time between them."""
        for _ in range(self.random.randint(2, 4)):
            if self.random.random() < 0.4:
                self.at_once(self._death(), self._death())
            else:
                self.run(self._death())
            self.check_repeats("after a run")
            self.world.forward(self.random.choice((0, 1, 14, 16, 60, 600)))
            self.check_repeats("after a while")

    def _death(self) -> tuple[str, int] | None:
        return (self.random.choice(STEPS), self.random.randint(1, 3)) if self.random.random() < 0.5 else None

    def at_once(self, *deaths: tuple[str, int] | None) -> None:
        """Processes with the same input and the same outbox, in turns."""
        self.world.happened["side by side"] += 1
        self.world.pause = self.turns.pause
        self.turns.run(*(partial(self._process, death) for death in deaths))
        self.world.pause = lambda: None

    def run_without_faults(self) -> None:
        """All work comes to its end, and two runs without faults follow."""
        self.world.faulty = False
        self.world.forward(20)
        self.run(None)
        self.world.forward(20)
        self.run(None)

    # --- what must hold

    def check_repeats(self, when: str) -> None:
        repeated = [token for token, count in self.times_done().items() if count > self.kind.copies]
        if repeated:
            self.faults.append(f"{repeated[0]} was done too often {when}")

    def times_done(self) -> Counter[str]:
        return times_done(self.world.emulator, self.kind, self.tokens)

    def check(self) -> None:
        """Nothing is posted twice, every provable record has a receipt, and nothing in doubt could be settled."""
        self.check_repeats("in the end")
        done = self.times_done()
        with Outbox(self.path, clock=lambda: self.world.clock.now) as outbox:
            entries = newest(outbox.entries())
            doubtful = [entry for entry in entries if entry.status is RecordStatus.IN_DOUBT]
            provable = [
                entry for entry in doubtful if self.proven and outbox.take_repeat_guard(first_sender(outbox, entry))
            ]
        applied = [entry for entry in entries if entry.status is RecordStatus.APPLIED]
        # the plan refuses an equal record while one that may be it is in doubt
        waiting = [entry for entry in entries if entry.status is RecordStatus.PLANNED]
        waiting = waiting if doubtful and not self.kind.finds else []
        if len(doubtful) + len(applied) + len(waiting) != len(self.tokens) * self.kind.copies:
            states = Counter(entry.status.value for entry in entries)
            self.faults.append(f"not every record came to an end: {states}")
        self._receipts(applied)
        if (provable and not self.kind.never_resent) or (doubtful and self.kind.settles):
            self.faults.append(f"in doubt, and could be settled: {doubtful[0].label}: {doubtful[0].note}")
        guessed = [entry for entry in doubtful if not self.lost_answer(entry)]
        if guessed:
            self.faults.append(f"in doubt without a reason: {guessed[0].label}: {guessed[0].note}")
        for token in self.tokens:
            sure = sum(1 for entry in applied if self.is_about(entry, token))
            unsure = sum(1 for entry in doubtful if self.is_about(entry, token))
            if not sure <= done[token] <= sure + unsure:
                self.faults.append(f"{token} was done {done[token]} times: {sure} are applied and {unsure} in doubt")
            if self.kind.finds and done[token] > sure:
                self.faults.append(f"{token} is in doubt, and could be found")

    def _receipts(self, applied: Sequence[OutboxEntry]) -> None:
        receipts = [entry.receipt.record for entry in applied if entry.receipt and entry.receipt.record]
        real = self.kind.mode == "delete" or set(receipts) <= keys(self.world.emulator, self.kind)
        if len(receipts) != len(set(receipts)) or not real:
            self.faults.append("a receipt has no record, or two have the same")
        unseen = [entry for entry in applied if "its record was not found" in entry.note]
        bare = self.kind.mode == "delete"
        if self.kind.settles and not bare and len(receipts) + len(unseen) < len(self.tokens):
            self.faults.append("a record that could be proven has no receipt")

    def is_about(self, entry: OutboxEntry, token: str) -> bool:
        """Whether an entry is about a token's record."""
        text = f"{entry.body} {entry.label} {entry.identity}"
        number = self._row(token).get("RECORDNO")
        return re.search(rf"{token}\b", text) is not None or (number and f"RECORDNO={number}") == entry.identity

    def lost_answer(self, entry: OutboxEntry) -> bool:
        """Whether a request with the entry got no answer, or its process was killed."""
        return bool(self.world.happened["kills"]) or any(entry.control_id in body for body in self.world.unknown)

    def count(self, tally: Tally) -> None:
        done = self.times_done()
        with Outbox(self.path, clock=lambda: self.world.clock.now) as outbox:
            doubtful = [entry for entry in newest(outbox.entries()) if entry.status is RecordStatus.IN_DOUBT]
        tally.counts["rounds"] += 1
        tally.counts["records"] += len(self.tokens) * self.kind.copies
        for name in ("faults", "kills", "side by side"):
            tally.counts[name] += self.world.happened[name]
        tally.counts["written too often"] += sum(max(count - self.kind.copies, 0) for count in done.values())
        tally.counts["in doubt"] += len(doubtful)
        if doubtful:
            tally.counts[f"in doubt: {self.kind.name}"] += len(doubtful)
        tally.failures += [f"{self.name()}: {fault}" for fault in self.faults]


def newest(entries: Iterable[OutboxEntry]) -> list[OutboxEntry]:
    """The newest entry of each identity."""
    return list({(entry.target, entry.identity): entry for entry in entries}.values())


def first_sender(outbox: Outbox, entry: OutboxEntry) -> str:
    """The loader that first sent the entry's attempt: the entry can be settled if its memory proof still holds."""
    sent = [one for one in outbox.history(entry) if one.status == RecordStatus.SENT]
    return next((one.loader for one in sent if one.control_id == entry.control_id), "")


def ours(seed: int, folder: Path, tally: Tally, kind: WriteKind | None = None) -> None:
    """One round of our loader."""
    one = Round(seed, folder, kind)
    try:
        one.run_with_faults()
        one.run_without_faults()
        one.check()
        one.count(tally)
    finally:
        one.world.close()


def naive(seed: int, folder: Path, tally: Tally, kind: WriteKind | None = None) -> None:
    """The same round of the loader that sends again on errors; it can only create."""
    one = Round(seed, folder, kind)
    if one.kind not in CREATES:
        one.world.close()
        one = Round(seed, folder, CREATES[seed % len(CREATES)])
    loader = Naive()

    def run() -> None:
        """Plans without faults, so that only the sending is compared."""
        faulty, one.world.faulty = one.world.faulty, False
        with client(one.world) as gateway, Outbox(folder / f"naive-{seed}.sqlite3") as unused:
            writes = [planned.write for planned in one.plan(gateway, unused).records]
            marked = [(f"{number}", write) for number, write in enumerate(writes)]
            one.world.faulty = faulty
            with suppress(IntacctError, KilledError):
                loader.load(gateway, marked, one.batch)

    try:
        for _ in range(one.random.randint(2, 4)):
            run()
            one.world.forward(one.random.choice((0, 1, 14, 16, 60, 600)))
        one.world.faulty = False
        one.world.forward(20)
        run()
        done = one.times_done()
        wanted = len(one.tokens) * one.kind.copies
        tally.counts["rounds"] += 1
        tally.counts["records"] += wanted
        tally.counts["faults"] += one.world.happened["faults"]
        tally.counts["kills"] += one.world.happened["kills"]
        tally.counts["written too often"] += sum(max(count - one.kind.copies, 0) for count in done.values())
        tally.counts["reported as failed"] += wanted - len(loader.done)
    finally:
        one.world.close()


def torture(rounds: int, seed: int) -> tuple[Tally, Tally]:
    """Run the same rounds with both loaders."""
    good, bad = Tally(), Tally()
    with folder() as outboxes:
        for number in range(seed, seed + rounds):
            ours(number, outboxes, good)
            naive(number, outboxes, bad)
    return good, bad


def main() -> int:
    """Torture both loaders and print the counts."""
    parser = argparse.ArgumentParser(description="Load under kills and faults, and count the records in the ledger.")
    parser.add_argument("--rounds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=10, help="rounds with two real processes, one of them killed")
    options = parser.parse_args()
    began = time.monotonic()
    good, bad = torture(options.rounds, options.seed)
    names = ["rounds", "records", "faults", "kills", "side by side", "written too often", "in doubt"]
    names.append("reported as failed")
    print(f"{'':20}{'intacct-bridge':>16}{'retry on error':>16}")
    for name in names:
        print(f"{name:20}{good.counts[name]:>16,}{bad.counts[name]:>16,}")
    for name, count in sorted(good.counts.items()):
        if name.startswith("in doubt: "):
            print(f"  {name}: {count:,}")
    with folder() as outboxes:
        for number in range(options.seed, options.seed + options.processes):
            good.failures += side_by_side(number, outboxes)
    print(f"{options.processes} rounds of two processes on one outbox, one of them killed")
    print(f"{time.monotonic() - began:.0f} s; seeds {options.seed} to {options.seed + options.rounds - 1}")
    for failure in good.failures:
        print(f"FAILED {failure}")
    return 1 if good.failures or not bad.counts["written too often"] else 0


if __name__ == "__main__":
    sys.exit(main())
