"""Loads under torture whose records are deleted, corrected, hidden or taken back between runs.

Each round loads its records under faults. Then one event changes some of them: our own writes through the outbox and
under faults, or another person. Then the same input is loaded again. A proxy may answer in place of the company, with a
page of any status. The records in force are counted: without deleted and reversed ones, and without journal entries
that have an opposite entry.

    python -m torture.aftermath [--rounds N] [--seed S]
"""

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from random import Random

from intacct_bridge.client.client import Client
from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.apply.sender import Step
from intacct_bridge.load.layouts.native import NativeLayout
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Mode, Plan, PlanSettings
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import ANSWERED, UNAPPLIED, RecordStatus
from intacct_bridge.load.records.write import WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.writable import writable_object
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from intacct_protocol.errors import IntacctError
from support.small_company import client
from support.torture.naive import Naive
from support.torture.records import CORRECTIONS, CREATES, Cells, WriteKind, in_force
from support.torture.tally import Tally
from support.torture.world import PAGES, WITH_PAGES, KilledError, folder
from torture.torture import Round, newest

EVENTS = (
    "deleted by us",
    "deleted by another",
    "corrected by us",
    "corrected by another",
    "correction taken back",
    "corrected in its source",
    "hidden for a while",
    "undone",
)
_DAY = date(2026, 11, 30)
Work = Callable[[Client, Outbox, LoadSettings, Step], None]


@dataclass
class _Chosen:
    """What an event happens to."""

    tokens: set[str]
    rows: list[Cells] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)


class Aftermath(Round):
    """One company and one kind of create, and one thing that happens between two loads."""

    unique_numbers = False

    def __init__(self, seed: int, folder: Path, event: str = "", kind: WriteKind | None = None) -> None:
        drawn = Random(seed + 3)
        self.event = event or drawn.choice(EVENTS)
        super().__init__(seed, folder, kind or drawn.choice(_kinds(self.event)))
        self.world.faults = WITH_PAGES
        self.world.next_page = seed * 11 % len(PAGES)
        self.outcomes: list[RecordOutcome] = []
        self.unchecked = ""
        """What the last plan says that it could not check."""
        self.hidden_now = False
        self.corrected: set[str] = set()
        """The tokens of posted records that have other values in their source since."""
        self._work: Work = self.load

    def name(self) -> str:
        """The round in words, for a failure."""
        return f"{super().name()}, {self.event}"

    # --- what processes do

    def work(self, gateway: Client, outbox: Outbox, settings: LoadSettings, step: Step) -> None:
        """What a process does at this point of the round."""
        self._work(gateway, outbox, settings, step)

    def load(self, gateway: Client, outbox: Outbox, settings: LoadSettings, step: Step) -> None:
        """Load the input, which changes only if its source is corrected."""
        plan = self.plan(gateway, outbox)
        self.unchecked = " ".join(plan.unchecked)
        corrected = self.event in ("corrected by us", "corrected in its source")
        allowed = {"conflict"} if corrected else {"hidden"} if self.hidden_now else set()
        self._complain(plan, allowed | self.waiting(plan))
        self.outcomes = list(Loader(gateway, outbox, settings, step=step).apply(plan))

    def _complain(self, plan: Plan, allowed: set[str]) -> None:
        for reason in (reason for one in plan.records for reason in one.reasons if reason.rule not in allowed):
            self.faults.append(f"{plan.source}: the plan refuses a sound record: {reason}")

    def change(
        self, chosen: _Chosen, mode: Mode, gateway: Client, outbox: Outbox, settings: LoadSettings, step: Step
    ) -> None:
        """Delete or correct records of ours through the outbox, as a load of another input."""
        more = CORRECTIONS[self.kind.object] if mode is Mode.UPDATE else {}
        rows = [
            SourceRow("other", number, {"RECORDNO": str(row["RECORDNO"]), **more})
            for number, row in enumerate(chosen.rows, 1)
        ]
        company = gateway
        table = InputTable(Path("other"), tuple(rows[0].cells), lambda: iter(rows), "jsonl")
        layout = NativeLayout(writable_object(company, self.kind.object))
        plan = make_plan(table, layout, company, outbox, PlanSettings(mode=mode))
        self._complain(plan, {"missing"} if mode is Mode.DELETE else set())  # deleted by a run before
        list(Loader(company, outbox, settings, step=step).apply(plan))

    def undo(self, chosen: _Chosen, gateway: Client, outbox: Outbox, settings: LoadSettings, step: Step) -> None:
        """Take entries back; those that were taken back before stay as they are."""
        outbox.recover()
        company = gateway
        undo = plan_undo(company, outbox, map(outbox.entry, chosen.entries), UndoSettings(_DAY))
        for one in undo.refused:
            self.faults.append(f"{one.entry.label} cannot be taken back: {one.reason}")
        if undo.plan is not None:
            self._complain(undo.plan, set())
            list(Loader(company, outbox, settings, step=step).apply(undo.plan))

    def undo_corrections(self, gateway: Client, outbox: Outbox, settings: LoadSettings, step: Step) -> None:
        """Take all corrections back that are known to be made."""
        numbers = [one.number for one in outbox.entries(statuses=[RecordStatus.APPLIED]) if _is_correction(one)]
        self.undo(_Chosen(set(), [], numbers), gateway, outbox, settings, step)

    def begin_undo(self) -> None:
        """From here on, processes take back all records that are reported as posted."""
        entries = [one.number for one in self._entries() if one.status is RecordStatus.APPLIED and _is_load(one)]
        self._work = partial(self.undo, _Chosen(set(self.tokens), [], entries))

    def end_undo(self) -> None:
        """From here on, processes load the input."""
        self._work = self.load

    # --- the round

    def between(self) -> None:
        """What happens between two loads."""
        if self.random.random() < 0.6:
            self.run_without_faults()
        self.world.faulty = False
        self.world.forward(20)
        chosen = self._choose()
        happen = {
            "deleted by us": partial(self._by_us, chosen, partial(self.change, chosen, Mode.DELETE)),
            "corrected by us": partial(self._by_us, chosen, partial(self.change, chosen, Mode.UPDATE)),
            "undone": partial(self._by_us, chosen, partial(self.undo, chosen)),
            "deleted by another": partial(self._by_another, chosen, "delete"),
            "corrected by another": partial(self._by_another, chosen, "update"),
            "correction taken back": partial(self._correction_taken_back, chosen),
            "corrected in its source": partial(self._source_corrected, chosen),
            "hidden for a while": partial(self._hidden, chosen),
        }
        if chosen.rows or chosen.entries:
            happen[self.event]()
        self.world.faulty = True

    def _choose(self) -> _Chosen:
        """Some tokens with the records in force; for an undo and for hiding, those that were reported as posted."""
        tokens = {token for token in sorted(self.tokens) if self.random.random() < 0.7} or set(self.tokens)
        applied = [one for one in self._entries() if one.status is RecordStatus.APPLIED and _is_load(one)]
        if self.event == "undone":
            entries = [
                one.number for one in applied if _key_in(one) and any(self.is_about(one, token) for token in tokens)
            ]
            return _Chosen(tokens, [], entries)
        if self.event in (
            "hidden for a while",
            "corrected by another",
            "corrected in its source",
        ):  # a person may change what is looked for
            known = Counter(token for one in applied for token in tokens if self.is_about(one, token))
            tokens = {token for token in tokens if known[token] == self.kind.copies}
        rows = [row for token in sorted(tokens) for row in in_force(self.world.emulator, self.kind, token)]
        return _Chosen(tokens, rows)

    def _by_us(self, chosen: _Chosen, work: Work) -> None:
        """Runs with faults that do it, then runs without faults that finish it."""
        before = self.world.happened["faults"], self.world.happened["kills"]
        self._work = work
        self.world.faulty = True
        for _ in range(self.random.randint(1, 3)):
            self.run(self._death(), beside=self.random.random() < 0.3)
            self.check_repeats(f"while {self.event}")
            self.world.forward(self.random.choice((0, 1, 16)))
        finish = self.random.random() < 0.7 or self.event != "undone"
        if finish:
            self.world.faulty = False
            self.world.forward(20)
            self.run(None)
            self.world.forward(20)
            self.run(None)
        self._work = self.load
        self.world.happened[f"faults while {self.event}"] += self.world.happened["faults"] - before[0]
        self.world.happened[f"kills while {self.event}"] += self.world.happened["kills"] - before[1]
        self.world.happened[self.event] += self._done_by_us(chosen)

    def _correction_taken_back(self, chosen: _Chosen) -> None:
        """Corrections of ours under faults, and an undo of them under faults; no correction is left."""
        self._by_us(chosen, partial(self.change, chosen, Mode.UPDATE))
        self._by_us(chosen, self.undo_corrections)
        rows = [row for _, row in self.world.emulator.company().table(self.kind.object).rows()]
        changed = {str(row["RECORDNO"]) for row in chosen.rows}
        left = [row for row in rows if str(row["RECORDNO"]) in changed and _corrected(self.kind, row)]
        if left:
            self.faults.append(f"a correction was not taken back: {left[0]['RECORDNO']}")
        # Two loaders may have made the same correction. Once the later one is taken back, nothing is left of the first.
        latest = {_key_in(one): one for one in self._corrections()}
        standing = [one for one in latest.values() if one.status is not RecordStatus.RELEASED]
        if standing:
            self.faults.append(f"the correction {standing[0].label} is {standing[0].status.value}: {standing[0].note}")

    def _corrections(self) -> list[OutboxEntry]:
        with Outbox(self.path, clock=lambda: self.world.clock.now) as outbox:
            return [one for one in outbox.entries() if _is_correction(one) and one.status not in UNAPPLIED]

    def _done_by_us(self, chosen: _Chosen) -> int:
        """The number of records that it happened to, as the company is now."""
        left = sum(len(in_force(self.world.emulator, self.kind, token)) for token in chosen.tokens)
        if self.event == "correction taken back":
            return sum(one.status is RecordStatus.RELEASED for one in self._corrections())
        if self.event == "corrected by us":
            changed = {str(row["RECORDNO"]) for row in chosen.rows}
            rows = [row for _, row in self.world.emulator.company().table(self.kind.object).rows()]
            return sum(_corrected(self.kind, row) for row in rows if str(row["RECORDNO"]) in changed)
        return max(len(chosen.rows or chosen.entries) - left, 0)

    def _by_another(self, chosen: _Chosen, what: str) -> None:
        """Another person does it, in the company itself."""
        with client(self.world.emulator) as person:
            for row in chosen.rows:
                if what == "delete":
                    done = person.delete(self.kind.object, [str(row["RECORDNO"])])
                else:
                    done = person.update(self.kind.object, [{**_key_of(row), **CORRECTIONS[self.kind.object]}])
                self.world.happened[self.event] += done[0].ok
                if not done[0].ok:
                    self.faults.append(f"another person could not {what} it: {done[0].faults[:1]}")
        self.world.forward(self.random.choice((0, 3)))

    def _source_corrected(self, chosen: _Chosen) -> None:
        """The source has other values of the records from now on; a plain load changes nothing, and says so."""
        for token in chosen.tokens:
            self._written[token] = {**self._row(token), **CORRECTIONS[self.kind.object]}
        self.corrected |= chosen.tokens
        self.world.happened[self.event] += len(chosen.rows)

    def _hidden(self, chosen: _Chosen) -> None:
        """No query shows the records, and the audit trail has no event; the input is loaded again meanwhile."""
        with _out_of_sight(self, chosen):
            self.hidden_now = True
            self.world.faulty = True
            self.run(self._death())
            self.world.faulty = False
            self.world.forward(20)
            self.outcomes = []
            self.run(None)
            reported = [one for one in self.outcomes if one.status.is_written and one.receipt and one.receipt.record]
            if any(token in f"{one.write.label} {one.write.fields}" for one in reported for token in chosen.tokens):
                self.faults.append("a hidden record is reported as posted")
            self.hidden_now = False
        self.world.happened[self.event] += len(chosen.rows)

    def run_without_faults(self) -> None:
        """All work comes to its end, and two runs without faults follow."""
        self.outcomes = []
        super().run_without_faults()

    # --- what must hold

    def times_done(self) -> Counter[str]:
        """How many records of each token are in force."""
        return Counter({token: len(in_force(self.world.emulator, self.kind, token)) for token in self.tokens})

    def _entries(self) -> list[OutboxEntry]:
        with Outbox(self.path, clock=lambda: self.world.clock.now) as outbox:
            return newest(outbox.entries())

    def check(self) -> None:
        """Nothing is posted twice or lost, no missing record is reported as posted, and doubt is honest."""
        self.check_repeats("in the end")
        done = self.times_done()
        entries = self._entries()
        loads = [one for one in entries if _is_load(one)]
        undoing = {one.undoes for one in entries if one.undoes and one.status is RecordStatus.IN_DOUBT}
        for token in sorted(self.tokens):
            mine = [one for one in loads if self.is_about(one, token)]
            sure = sum(one.status is RecordStatus.APPLIED for one in mine)
            unsure = sum(one.status is RecordStatus.IN_DOUBT for one in mine)
            leaving = sum(one.number in undoing for one in mine)
            # Posted according to Intacct's memory only: a record without a key cannot be checked.
            bare = [one for one in mine if one.status is RecordStatus.APPLIED and not _key_in(one)]
            if bare and not re.search(rf"without a record key .*\b{bare[0].number}\b", self.unchecked):
                self.faults.append(f"the plan does not say that {bare[0].label} was not checked")
            leaving += len(bare) if self.event.endswith(("by us", "by another", "undone")) else 0
            if "external id" in self.kind.name and self.event == "undone":  # a reversed bill keeps its external id
                sure_or_not = sum(one.status in ANSWERED for one in mine) + sure + unsure
            else:
                sure_or_not = sure + unsure
            if unsure and not self.kind.finds:  # an equal record waits for it
                sure_or_not += sum(entry.status is RecordStatus.PLANNED for entry in mine)
            if sure_or_not != self.kind.copies:
                states = Counter(one.status.value for one in mine)
                self.faults.append(f"{token} did not come to an end: {states}")
            if not sure - leaving <= done[token] <= sure + unsure:
                self.faults.append(f"{token} is there {done[token]} times: {sure} are applied and {unsure} in doubt")
            reported = sum(one.status.is_written and token in str(one.write.fields) for one in self.outcomes)
            if reported and token in self.corrected:
                self.faults.append(f"{token} was corrected in its source, and is reported as posted")
            if reported - leaving > done[token]:
                self.faults.append(f"{token} is reported as posted {reported} times and is there {done[token]} times")
        doubtful = [one for one in entries if one.status is RecordStatus.IN_DOUBT]
        guessed = [one for one in doubtful if not self.lost_answer(one)]
        if guessed:
            self.faults.append(f"in doubt without a reason: {guessed[0].label}: {guessed[0].note}")
        if self.kind.settles and any(_is_load(one) for one in doubtful):
            self.faults.append(f"in doubt, and could be settled: {doubtful[0].label}: {doubtful[0].note}")

    def count(self, tally: Tally) -> None:
        """Add the events of the round and their results."""
        super().count(tally)
        reported = Counter(token for one in self._entries() if one.status is RecordStatus.APPLIED and _is_load(one)
                       for token in self.tokens if self.is_about(one, token))  # fmt: skip
        done = self.times_done()
        leaving = sum(bool(one.undoes) and one.status is RecordStatus.IN_DOUBT for one in self._entries())
        bare = sum(one.status is RecordStatus.APPLIED and _is_load(one) and not _key_in(one) for one in self._entries())
        tally.counts["an undo in doubt"] += leaving
        tally.counts["posted, without a key to check"] += bare
        missing = sum(max(reported[token] - done[token], 0) for token in self.tokens)
        tally.counts["reported as posted, not there"] += max(missing - leaving - bare, 0)
        for name, number in self.world.happened.items():
            if name.startswith("page ") or any(event in name for event in EVENTS):
                tally.counts[name] += number
        tally.counts["pages"] += self.world.happened["page"]


def _kinds(event: str) -> Sequence[WriteKind]:
    """The kinds of creates that an event can happen to."""
    kinds = [kind for kind in CREATES if kind.name != "vendor without an id"]  # its receipt has no key
    if event == "corrected in its source":  # a record without a key or a number is another one with other values
        return [kind for kind in kinds if kind.finds and kind.object in CORRECTIONS]
    if event.startswith("correct"):
        fixed = ("SODOCUMENT",) if event == "correction taken back" else ()  # the company refuses to update orders
        return [kind for kind in kinds if kind.object in CORRECTIONS and kind.object not in fixed]
    if event.startswith("deleted"):
        return [kind for kind in kinds if kind.object != "APPYMT"]  # a confirmed payment cannot be deleted
    return kinds


def _key_of(row: Cells) -> dict[str, str]:
    name = "DOCID" if "DOCPARID" in row else "RECORDNO"
    return {name: str(row[name])}


def _key_in(entry: OutboxEntry) -> str:
    return entry.receipt.record if entry.receipt is not None else ""


def _is_load(entry: OutboxEntry) -> bool:
    """Whether an entry is a record of the input, and neither a change nor an undo."""
    return entry.target.operation is WriteOperation.CREATE and entry.undoes is None


def _is_correction(entry: OutboxEntry) -> bool:
    return entry.target.operation is WriteOperation.UPDATE and entry.undoes is None


def _corrected(kind: WriteKind, row: Cells) -> bool:
    ((name, text),) = CORRECTIONS[kind.object].items()
    stored = f"{text[5:7]}/{text[8:]}/{text[:4]}" if text[:2] == "20" else text
    return row.get(name) == stored


@contextmanager
def _out_of_sight(one: Aftermath, chosen: _Chosen) -> Iterator[None]:
    """The chosen records are in no table for a while."""
    table = one.world.emulator.company().table(one.kind.object)
    numbers = {str(row["RECORDNO"]) for row in chosen.rows}
    kept = [(number, row) for number, row in table.rows() if str(row["RECORDNO"]) in numbers]
    for number, _ in kept:
        table.delete(number)
    try:
        yield
    finally:
        for number, row in kept:
            table.insert(dict(row), number)


def after(seed: int, folder: Path, tally: Tally, event: str = "", kind: WriteKind | None = None) -> None:
    """One round of the loader that is ours."""
    one = Aftermath(seed, folder, event, kind)
    try:
        one.run_with_faults()
        one.between()
        one.run_with_faults()
        one.run_without_faults()
        one.check()
        one.count(tally)
    finally:
        one.world.close()


def naive_after(seed: int, outboxes: Path, tally: Tally) -> None:
    """The loader that sends again on errors, with the same faults; another person deletes its records."""
    one = Aftermath(seed, outboxes, "deleted by another")
    loader = Naive()

    def run() -> None:
        """Plans without faults, so that only the sending is compared."""
        faulty, one.world.faulty = one.world.faulty, False
        with client(one.world) as gateway, Outbox(outboxes / f"naive-after-{seed}.sqlite3") as unused:
            writes = [planned.write for planned in one.plan(gateway, unused).records]
            one.world.faulty = faulty
            with suppress(IntacctError, KilledError):
                loader.load(gateway, [(f"{number}", write) for number, write in enumerate(writes)], one.batch)

    try:
        for _ in range(3):
            run()
            one.world.forward(one.random.choice((0, 1, 14, 16)))
        one.world.faulty = False
        one.world.forward(20)
        done = one.times_done()
        tally.counts["written too often"] += sum(max(count - one.kind.copies, 0) for count in done.values())
        deleted = {token for token in sorted(one.tokens) if one.random.random() < 0.7}
        rows = [row for token in sorted(deleted) for row in in_force(one.world.emulator, one.kind, token)]
        one._by_another(_Chosen(deleted, rows), "delete")
        run()
        done = one.times_done()
        places = [token for token in sorted(one.tokens) for _ in range(one.kind.copies)]
        reported = Counter(places[int(mark)] for mark in loader.done)
        tally.counts["reported as posted, not there"] += sum(
            max(reported[token] - done[token], 0) for token in one.tokens
        )
        tally.counts["rounds"] += 1
        tally.counts["records"] += len(places)
        for name in ("faults", "kills"):
            tally.counts[name] += one.world.happened[name]
        tally.counts["pages"] += one.world.happened["page"]
        tally.counts[one.event] += one.world.happened[one.event]
    finally:
        one.world.close()


def main() -> int:
    """Run the rounds and print the counts."""
    parser = argparse.ArgumentParser(
        description="Change records after a load under faults, and load the same input again."
    )
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    good, bad = Tally(), Tally()
    with folder() as outboxes:
        for number in range(options.seed, options.seed + options.rounds):
            after(number, outboxes, good)
            naive_after(number, outboxes, bad)
    during_events = [f"{what} while {event}" for event in EVENTS for what in ("faults", "kills")]
    names = ("rounds", "records", "faults", "kills", "pages", "side by side", *EVENTS)
    verdict = (
        "written too often",
        "reported as posted, not there",
        "in doubt",
        "an undo in doubt",
        "posted, without a key to check",
    )
    print(f"{'':32}{'intacct-bridge':>16}{'retry on error':>16}")
    for name in (*names, *verdict):
        print(f"{name:32}{good.counts[name]:>16,}{bad.counts[name]:>16,}")
    for name in during_events:
        if good.counts[name]:
            print(f"  {name}: {good.counts[name]:,}")
    missing_events = [f"page {status} {when}" for status, when in PAGES if not good.counts[f"page {status} {when}"]]
    missing_events += [event for event in EVENTS if not good.counts[event]]
    print(f"{time.monotonic() - began:.0f} s; seeds {options.seed} to {options.seed + options.rounds - 1}")
    for text in (*good.failures, *(f"{name} never happened" for name in missing_events)):
        print(f"FAILED {text}")
    compared = bad.counts["written too often"] and bad.counts["reported as posted, not there"]
    return 1 if good.failures or missing_events or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
