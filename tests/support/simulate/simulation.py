"""One company, one machine and one history, all drawn from a seed.

Inputs are loaded, again and again. Records are corrected, deleted and taken back, by us and by other people. A copy is
kept by incremental extracts. Requests fail, processes are killed, the power goes, the disk is full, and two loaders
share an outbox. After every process the conditions that hold at all times are checked. In the end the faults stop, the
user finishes all work, and the company, the outbox and the copy are compared with what was meant.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from random import Random
from threading import get_ident

import duckdb

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.client.protocol import Gateway
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.apply.retry import retry, settle_doubts
from intacct_bridge.load.apply.sender import Step
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.layouts.native import NativeLayout
from intacct_bridge.load.outbox.entry import OutboxEntry, Resolution, ResolutionKind
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Mode, Plan, PlanSettings, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.writable import writable_object
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from intacct_protocol.errors import IntacctError
from support.journeys.editor import Editor
from support.simulate.copy_check import STREAMS, differences, with_documents
from support.simulate.definitions import knowing, known_definitions
from support.simulate.disk import DeadError
from support.simulate.history import History
from support.simulate.machine import Ended, Machine, drawn_death
from support.simulate.meant import (
    Meant,
    Standing,
    is_load,
    key_in,
    line_amounts,
    standing,
    wanted_amounts,
    with_amount,
)
from support.simulate.network import Network, nothing
from support.simulate.one_thread import one_thread
from support.small_company import Stopwatch, connection
from support.small_company import client as plain_client
from support.torture.records import CORRECTIONS, CREATES, Cells, WriteKind, in_force
from support.torture.turns import Turns
from support.torture.world import MEMORIES, grown_company

_DAY = date(2026, 11, 30)
_DESTINATIONS = ("jsonl", "csv", "parquet", "jsonl", "csv", "duckdb")
Job = Callable[[Step], None]
"""What a process does; it says which step it has come to."""


class Simulation:
    """The history of one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.history = History()
        self.random = Random(f"{seed} choices")
        self.memory = self.random.choice(MEMORIES)
        late = timedelta(minutes=self.random.choice((0, 0, 5)))
        self.network = Network(Random(f"{seed} network"), self.history, self.memory, late)
        self.network.next_page = seed * 7
        self.machine = Machine(folder, Random(f"{seed} disk"), self.history)
        self.network.dead = lambda: self.machine.dead
        self.network.end_process = self.machine.end
        self.turns = Turns(Random(f"{seed} turns"))
        self.folder = folder
        self.path = folder / "outbox" / "outbox.sqlite3"
        proven = self.memory != "absent" and self.random.random() < 0.5  # it was seen once
        at_once = self.memory == "lasting" and not late and self.random.random() < 0.3
        self.settle = SettleSettings(timedelta(minutes=0 if at_once else 15), repeat_guard=proven)
        self.faults = self.random.choice((0.0, 0.1, 0.3, 0.5))
        self.deaths = self.random.choice((0.0, 0.2, 0.5))
        self.inputs: list[list[Meant]] = []
        self.removals: list[tuple[list[Meant], Callable[[], Job]]] = []
        self.outcomes: list[RecordOutcome] = []
        self.destination = self.random.choice(_DESTINATIONS)
        names = self.random.sample(sorted(STREAMS), self.random.randint(1, 3))
        self.streams = {name: STREAMS[name] for name in with_documents(names)}
        self.extracts = 0
        self.edits = 0
        self._made = 0

    # --- the history

    def play(self, steps: int | None = None) -> None:
        """Everything, from the first input to the last check."""
        files, inspected = known_definitions(grown_company())
        with one_thread(Random(f"{self.seed} ids")), knowing(inspected), self.machine.running(files), self._people():
            self._prepare()
            for _ in range(steps or self.random.randint(4, 9)):
                self._one_step()
                self._check_always()
                self.network.forward(self.random.choice((0, 1, 14, 16, 60, 600)))
            self._finish()
            self._check_in_the_end()
        self.network.close()

    @contextmanager
    def _people(self) -> Iterator[None]:
        with plain_client(self.network.emulator) as person:
            self.person = person
            self.editor = Editor(person, self.random.randrange(10**9))
            yield

    def _prepare(self) -> None:
        self.network.write_faults, self.network.read_faults = self.faults, self.faults * self.random.choice((0, 0.2))
        self._new_input()
        self._load(self.inputs[-1])

    def _one_step(self) -> None:
        steps: list[tuple[int, Callable[[], None]]] = [
            (3, self._load_new),
            (4, self._load_again),
            (2, self._correct),
            (2, self._delete),
            (3, self._undo),
            (2, self._finish_removal),
            (2, self._edited_by_another),
            (2, self._restore_removed),
            (1, self._settle_or_retry),
            (1, self._resolve),
            (3, self._extract),
        ]
        weights = [weight for weight, _ in steps]
        ((_, step),) = self.random.choices(steps, weights)
        self.history.note(f"-- {step.__name__.strip('_').replace('_', ' ')}")
        step()

    # --- inputs

    def _new_input(self) -> None:
        kind = self.random.choice(CREATES)
        made = []
        for _ in range(self.random.randint(1, 4)):
            self._made += 1
            one = Meant(f"T-{self._made:02}", kind)
            for name, cells in kind.before(one.token):
                (done,) = self.person.create(name, [cells])
                assert done.ok, done.faults
            cents = self.random.randint(1, 30) if kind.object == "APPYMT" else self.random.randint(1, 10**7)
            one.cells = with_amount(kind, kind.make(self.network.emulator, one.token), f"{cents / 100:.2f}")
            made.append(one)
        self.inputs.append(made)
        self.history.sometimes("records loaded", sum(one.kind.copies for one in made))

    def _load_new(self) -> None:
        self._new_input()
        self._load(self.inputs[-1])

    def _load_again(self) -> None:
        self._load(self.random.choice(self.inputs))

    def _load(self, records: list[Meant]) -> None:
        wanted = [one for one in records if one.present and not one.busy]
        if wanted:
            beside = self.network.faulty and self.random.random() < 0.2
            self._process(f"load {_named(wanted)}", partial(self._loading, wanted), beside=beside)

    def _loading(self, records: list[Meant], step: Step) -> None:
        """A process that loads an input, which never changes."""
        kind = records[0].kind
        batch, atomic = self.random.choice((1, 2, 100)), self.random.random() < 0.3
        rows = [one.cells for one in records for _ in range(kind.copies)]
        settings = PlanSettings()
        with self._outbox() as outbox, self._client() as gateway:
            company = gateway
            plan = self._plan(kind.object, rows, settings, company, outbox)
            self._complain(plan, records)
            loader = Loader(company, outbox, LoadSettings(batch, atomic, concurrency=1, settle=self.settle), step=step)
            for outcome in loader.apply(plan):
                self.outcomes.append(outcome)

    def _plan(self, name: str, rows: Sequence[Cells], settings: PlanSettings, company: Gateway, outbox: Outbox) -> Plan:
        made = [SourceRow("input", number, dict(cells)) for number, cells in enumerate(rows, 1)]
        table = InputTable(Path("input"), tuple(made[0].cells), lambda: iter(made), "jsonl")
        return make_plan(table, NativeLayout(writable_object(company, name)), company, outbox, settings)

    def _complain(self, plan: Plan, records: list[Meant]) -> None:
        """A plan must not refuse a record that nobody has touched since it was first loaded."""
        touched = [one.token for one in records if one.touched]
        deletes = any(one.busy for members in self.inputs for one in members)  # then the input is not the whole one
        allowed = {"equal"} if deletes else set()
        posted = (record.receipt for record in plan.records if record.verdict is Verdict.UNCHANGED)
        if any(record.verdict is Verdict.IN_DOUBT for record in plan.records) or any(
            receipt is not None and not receipt.record for receipt in posted
        ):
            allowed.add("duplicate")  # what Intacct shows may be the record in doubt, or the one without a key
        for record in plan.records:
            if any(finding.rule in allowed for finding in record.reasons):
                continue
            if record.reasons and not any(token in f"{record.write.label} {record.write.fields}" for token in touched):
                self.history.fail(f"the plan refuses a sound record: {record.reasons[0]}")

    # --- what happens to records afterwards

    def _standing_records(self) -> list[tuple[Meant, Standing]]:
        """Records that are posted for certain, without anything in doubt."""
        entries = self._entries()
        found = [
            (one, standing(self.network.emulator, one, entries)) for one in self._all() if one.present and not one.busy
        ]
        return [
            (one, how)
            for one, how in found
            if how.there == how.sure == one.kind.copies and not (how.unsure or how.leaving or how.bare)
        ]

    def _chosen(self, allowed: Callable[[WriteKind], bool]) -> list[Meant]:
        """Some posted records of one kind."""
        found = [one for one, _ in self._standing_records() if allowed(one.kind)]
        if not found:
            return []
        kind = self.random.choice(found).kind
        mine = [one for one in found if one.kind is kind]
        return self.random.sample(mine, self.random.randint(1, len(mine)))

    def _correct(self) -> None:
        chosen = self._chosen(lambda kind: kind.object in CORRECTIONS and kind.object != "SODOCUMENT")
        if chosen:
            for one in chosen:
                one.touched.add("corrected by us")
            job = self._change_job(chosen, Mode.UPDATE)
            self._process(f"correct {_named(chosen)}", job)
            self.history.sometimes("records corrected through the outbox")

    def _delete(self) -> None:
        chosen = self._chosen(lambda kind: kind.object != "APPYMT" and kind.name != "vendor without an id")
        if chosen:
            self._begin_removal(chosen, partial(self._change_job, chosen, Mode.DELETE), "deleted by us")

    def _undo(self) -> None:
        chosen = self._chosen(lambda kind: kind.name != "vendor without an id")
        if not chosen:
            return
        entries = self._entries()
        numbers = [
            entry.number for one in chosen for entry in one.entries(entries) if entry.status is RecordStatus.APPLIED
        ]
        self._begin_removal(chosen, lambda: partial(self._undoing, numbers), "undone")

    def _begin_removal(self, chosen: list[Meant], job: Callable[[], Job], what: str) -> None:
        for one in chosen:
            one.present, one.busy = False, True
            one.touched.add(what)
        self.removals.append((chosen, job))
        self._process(f"{what}: {_named(chosen)}", job())
        self.history.sometimes(f"records {what}")
        if self.random.random() < 0.6:
            self._finish_removal()

    def _finish_removal(self) -> None:
        """The user repeats a delete or an undo without faults, until it is done."""
        if not self.removals:
            return
        chosen, job = self.removals.pop(0)
        with self._calm():
            for _ in range(2):
                self.network.forward(20)
                self._process(f"finish {_named(chosen)}", job())
        for one in chosen:
            one.busy = False

    def _change_job(self, chosen: list[Meant], mode: Mode) -> Job:
        """A process that deletes or corrects records of ours through the outbox, as a load of another input."""
        kind = chosen[0].kind
        more = CORRECTIONS[kind.object] if mode is Mode.UPDATE else {}
        rows = [
            {"RECORDNO": str(row["RECORDNO"]), **more}
            for one in chosen
            for row in in_force(self.network.emulator, kind, one.token)
        ]

        def change(step: Step) -> None:
            with self._outbox() as outbox, self._client() as gateway:
                company = gateway
                plan = self._plan(kind.object, rows, PlanSettings(mode=mode), company, outbox)
                list(Loader(company, outbox, LoadSettings(concurrency=1, settle=self.settle), step=step).apply(plan))

        return change if rows else lambda _: None

    def _undoing(self, numbers: list[int], step: Step) -> None:
        with self._outbox() as outbox, self._client() as gateway:
            outbox.recover()
            company = gateway
            undo = plan_undo(company, outbox, map(outbox.entry, numbers), UndoSettings(_DAY))
            for refusal in undo.refused:
                self._keep_refused(refusal.entry)
            if undo.plan is not None:
                loader = Loader(company, outbox, LoadSettings(concurrency=1, settle=self.settle), step=step)
                list(loader.apply(undo.plan))

    def _keep_refused(self, entry: OutboxEntry) -> None:
        """An undo is refused for a record that was changed since; the user leaves it in the company."""
        for one in self._all():
            if entry.status is RecordStatus.APPLIED and one.kind.object == entry.target.object and one.is_in(entry):
                one.present = True
                one.touched.add("undo refused")
                self.history.sometimes("an undo refused")

    def _restore_removed(self) -> None:
        """The user wants records again that were deleted or taken back."""
        gone = [one for records in self.inputs for one in records if not one.present and not one.busy]
        entries = self._entries()
        sure = [one for one in gone if not _open_entries(one, entries)]
        if sure:
            one = self.random.choice(sure)
            one.present = True
            one.touched.add("wanted again")
            self._load(next(records for records in self.inputs if one in records))

    def _edited_by_another(self) -> None:
        """Another person deletes or corrects records of ours, or works on records of their own."""
        self.editor.work(self.random.randint(1, 4))
        self.edits += 1
        deletes = self.random.random() < 0.5
        if deletes:
            chosen = self._chosen(lambda kind: kind.object != "APPYMT")
        else:
            chosen = self._chosen(lambda kind: kind.object in CORRECTIONS)
        for one in chosen:
            one.touched.add("deleted by another" if deletes else "corrected by another")
            one.present = one.present and (not deletes or self.random.random() < 0.5)
            for row in in_force(self.network.emulator, one.kind, one.token):
                self.network.clock.forward(seconds=1)
                self._edit(one, row, deletes=deletes)
        self.network.clock.forward(seconds=1)

    def _edit(self, one: Meant, cells: Cells, *, deletes: bool) -> None:
        name = one.kind.object
        if deletes:
            done = self.person.delete(name, [str(cells["RECORDNO"])])
        else:
            key = "DOCID" if "DOCPARID" in cells else "RECORDNO"
            done = self.person.update(name, [{key: str(cells[key]), **CORRECTIONS[name]}])
        if done[0].ok:
            self.history.sometimes(f"a record of ours {'deleted' if deletes else 'corrected'} by another person")

    # --- the outbox alone

    def _settle_or_retry(self) -> None:
        if self.random.random() < 0.5:
            self._process("settle", self._settling)
        else:
            self._process("retry", self._retrying)

    def _settling(self, _: Step) -> None:
        with self._outbox() as outbox, self._client() as gateway:
            settle_doubts(gateway, outbox, self.settle)

    def _retrying(self, _: Step) -> None:
        with self._outbox() as outbox, self._client() as gateway:
            retry(gateway, outbox)

    def _resolve(self) -> None:
        """A person looks for what is in doubt, long after it was sent, and tells the outbox the truth."""
        self.network.forward(20)
        self.network.finish(everything=True)
        with self._outbox() as outbox:
            outbox.recover()
            entries = list(outbox.entries())
            doubtful = [one for one in entries if is_load(one) and one.status is RecordStatus.IN_DOUBT]
            for one in self._all():
                claimed = {key_in(each) for each in one.entries(entries) if each.status is RecordStatus.APPLIED}
                for entry in one.entries(doubtful):
                    self._decide(outbox, one, entry, claimed)

    def _decide(self, outbox: Outbox, one: Meant, entry: OutboxEntry, claimed: set[str]) -> None:
        name = "DOCID" if one.kind.object == "SODOCUMENT" else "RECORDNO"
        there = [str(row[name]) for row in in_force(self.network.emulator, one.kind, one.token)]
        free = [key for key in there if key not in claimed]
        if there and not free:
            return
        kind = ResolutionKind.POSTED_AS if free else ResolutionKind.NOT_POSTED
        outbox.decide(entry.number, Resolution(kind, "a person", "looked in Intacct", "".join(free[:1])))
        claimed.update(free[:1])
        one.touched.add("resolved")
        self.history.sometimes(f"a person resolved: {kind.value}")

    # --- the copy

    def _extract(self) -> None:
        full = self.random.random() < 0.15
        edited = self.random.random() < 0.4
        before, finished = self.edits, self.network.finished
        rate = self.random.choice((0, 0.1, 0.3))

        def edit() -> None:
            if self.random.random() < rate:
                self.network.clock.forward(seconds=1)
                self.editor.work()
                self.network.clock.forward(seconds=1)
                self.edits += 1

        if edited:
            self.network.between = edit
        ended = self._process("extract", partial(self._extracting, full))
        self.network.between = nothing
        if edited and self.edits > before:
            self.history.sometimes("records edited during an extract")
        unchanged = self.edits == before and self.network.finished == finished
        if ended.good and unchanged and not self.network.visible_after:
            self._check_copy()

    def _extracting(self, full: bool, _: Step) -> None:
        names = self.random.sample(sorted(self.streams), len(self.streams))
        with self._client() as gateway, closing(open_destination(self.uri)) as destination:
            prepared = prepare(gateway, ReadRequest(names, {name: self.streams[name][1:] for name in names}))
            run = prepared.into(destination, ExtractOptions(full=full))
            deque(run, 0)
            failed = [one for one in run.outcomes if one.error]
            for one in failed:
                self.history.note(f"  {one.name}: {one.error.replace(str(self.folder), '')}")
            if failed:
                self.history.sometimes("a stream failed")
                raise IntacctError(failed[0].error)
        self.extracts += 1
        self.history.sometimes("a full refresh" if full or self.extracts == 1 else "an incremental extract")

    @property
    def uri(self) -> str:
        """The copy."""
        if self.destination == "duckdb":
            return f"duckdb:///{self.folder}/copy.duckdb"
        return f"{self.destination}:{self.folder / 'copy'}"

    def _check_copy(self) -> None:
        try:
            found = differences(self.network.emulator, self.uri, self.streams)
        except (OSError, ValueError, LookupError, duckdb.Error) as error:
            found = [f"{type(error).__name__}: {error}"]
        if found:
            self.history.fail(f"{len(found)} differences in the copy ({self.destination}): {found[0]}")
        self.history.sometimes("copies compared")

    # --- processes

    def _process(self, name: str, work: Job, *, beside: bool = False) -> Ended:
        """One process, or with `beside` two with the same work and the same outbox, in turns."""
        self.history.note(f"  process: {name}")
        self.outcomes = []
        if beside:
            self._beside(work)
            return Ended()
        death = drawn_death(self.random, self.deaths if self.network.faulty else 0)
        full = range(0)
        if self.network.faulty and self.random.random() < self.deaths / 5:
            begin = self.random.randint(1, 40)
            full = range(begin, begin + self.random.choice((1, 3, 1000)))
        if death:
            self.history.note(f"  {death}")
        self.network.pause = self.machine.request
        ended = self.machine.run(partial(work, self.machine.step), death, full)
        self.network.pause = nothing
        return ended

    def _beside(self, work: Job) -> None:
        self.history.sometimes("two loaders at once")
        self.network.pause = self.turns.pause
        self.network.end_process = None
        try:
            self.turns.run(*[partial(self._one_of_two, work) for _ in range(2)])
        finally:
            self.network.pause = nothing
            self.network.end_process = self.machine.end

    def _one_of_two(self, work: Job) -> None:
        death = drawn_death(self.random, self.deaths, ("step",))
        passed = 0

        def step(name: str) -> None:
            nonlocal passed
            passed += death is not None and death.step == name
            if death is not None and death.step == name and death.count == passed:
                self.history.sometimes("one of two loaders killed")
                self.network.kill()
            self.network.pause()

        try:
            work(step)
        except (DeadError, IntacctError) as error:
            self.history.note(f"  ended: {type(error).__name__}")
        except Exception as error:
            if "closed database" not in str(error):
                raise

    @contextmanager
    def _outbox(self) -> Iterator[Outbox]:
        with closing(Outbox(self.path, clock=lambda: self.network.clock.now)) as outbox:
            self.network.die[get_ident()] = outbox.close
            yield outbox

    @contextmanager
    def _client(self) -> Iterator[Client]:
        watch = Stopwatch()

        def sleep(seconds: float) -> None:
            watch.sleep(seconds)
            self.network.forward(seconds / 60)

        system = System(
            clock=watch, sleep=sleep, jitter=self.network.random.random, wall=self.network.clock, new_id=self._new_id
        )
        with Client(connection(), transport=self.network, keep=self.folder / "cache", system=system) as made:
            yield made

    def _new_id(self) -> str:
        return f"{self.network.random.getrandbits(64):016x}"

    @contextmanager
    def _calm(self) -> Iterator[None]:
        before, self.network.faulty = self.network.faulty, False
        try:
            yield
        finally:
            self.network.faulty = before

    # --- what must hold

    def _all(self) -> list[Meant]:
        return [one for records in self.inputs for one in records]

    def _entries(self) -> list[OutboxEntry]:
        with self._outbox() as outbox:
            return list(outbox.entries())

    def _check_always(self) -> None:
        """No record is there too often, and each that is there is applied or in doubt."""
        entries = self._entries()
        for one in self._all():
            how = standing(self.network.emulator, one, entries)
            if how.there > one.kind.copies:
                self.history.fail(f"{one.kind.name} {one.token} is there {how.there} times")
            if how.there > how.sure + how.unsure + how.leaving:
                self.history.fail(f"{one.kind.name} {one.token} is there and not reported: {how}")

    def _finish(self) -> None:
        """The faults stop. The user repeats everything until nothing is left to do."""
        self.history.note("-- finish")
        self.network.faulty = False
        self.network.forward(20)
        self.network.finish(everything=True)
        while self.removals:
            self._finish_removal()
        for records in self.inputs:
            self._load(records)
        self.network.forward(20)
        entries = self._entries()
        for records in self.inputs:
            if any(standing(self.network.emulator, one, entries).sure < one.kind.copies for one in records):
                self._load(records)
        self.network.forward(20)
        self._process("settle", self._settling)
        self.network.forward(300)
        ended = self._process("extract", partial(self._extracting, False))
        if not ended.good:
            self.history.fail(f"the last extract failed: {ended.error}")

    def _check_in_the_end(self) -> None:
        self._check_always()
        self._check_copy()
        entries = self._entries()
        for one in self._all():
            self._check_end_of(one, entries)
        guessed = [one for one in entries if one.status is RecordStatus.IN_DOUBT and not self._lost_answer(one)]
        if guessed:
            self.history.fail(f"in doubt without a reason: {guessed[0].label}: {guessed[0].note}")

    def _check_end_of(self, one: Meant, entries: list[OutboxEntry]) -> None:
        how = standing(self.network.emulator, one, entries)
        name = f"{one.kind.name} {one.token} ({', '.join(sorted(one.touched)) or 'untouched'})"
        self.history.happened["records in the company in the end"] += how.there
        self.history.happened["records in doubt in the end"] += how.unsure
        if not one.present:
            if how.there > how.unsure + how.leaving:
                self.history.fail(f"{name} was removed and is there: {how}")
            return
        refused = how.answered if one.touched else 0
        if how.sure + how.unsure + refused < one.kind.copies and not one.touched:
            self.history.fail(f"{name} did not come to an end: {how}")
        # The audit history names a deleted record by its name, and a person who resolved the entry gave its number
        # only: the plan refuses it as not visible, and says how to forget it.
        unnamed = how.sure if {"resolved", "deleted by another"} <= one.touched else 0
        if not how.sure - how.leaving - how.bare - unnamed <= how.there <= how.sure + how.unsure:
            self.history.fail(f"{name} is there {how.there} times: {how}")
        if one.kind.settles and how.unsure and not one.touched:
            self.history.fail(f"{name} is in doubt, and could be settled: {how}")
        wanted = wanted_amounts(one)
        for row in in_force(self.network.emulator, one.kind, one.token) if wanted else ():
            if line_amounts(self.network.emulator, one.kind, row) != wanted:
                self.history.fail(f"{name} has other amounts than the input")

    def _lost_answer(self, entry: OutboxEntry) -> bool:
        """Whether a request with the entry got no answer, or some process has been killed."""
        killed = self.history.happened["kills"] or self.history.happened["process killed"]
        killed = killed or self.history.happened["power cut"] or self.history.happened["disk full"]
        return bool(killed) or any(entry.control_id in body for body in self.network.unknown)


def _open_entries(one: Meant, entries: list[OutboxEntry]) -> bool:
    open_ones = [entry for entry in entries if entry.status in (RecordStatus.SENT, RecordStatus.IN_DOUBT)]
    return bool(one.entries(open_ones)) or any(not is_load(entry) for entry in open_ones)


def _named(records: list[Meant]) -> str:
    return f"{records[0].kind.name}: {' '.join(one.token for one in records)}"
