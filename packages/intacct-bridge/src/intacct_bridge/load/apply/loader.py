"""Applying plans: outbox first, then the bytes, then the outcome of each record.

Records that an earlier run left in doubt are settled before anything new is sent. Records that this run leaves in doubt
are looked for at its end. After a load stops for any reason, running it again continues it: applied records are not
sent again.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.apply.currency_readback import currency_not_read, with_currencies_read
from intacct_bridge.load.apply.draft_readback import draft_not_read, with_drafts_read
from intacct_bridge.load.apply.outcome import RecordOutcome, outcome_of, outcome_of_skipped
from intacct_bridge.load.apply.own_reference import with_own_reference
from intacct_bridge.load.apply.record_order import in_order, waves
from intacct_bridge.load.apply.sender import Sender, Step, no_step, refuse_read_only, refuse_without_plan
from intacct_bridge.load.apply.settle import Settler, SettleSettings
from intacct_bridge.load.approval.admission import admitted
from intacct_bridge.load.outbox.described import posting_date, totals, write_target
from intacct_bridge.load.outbox.entry import OutboxEntry, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.altered_plans import refuse_changed_files
from intacct_bridge.load.plan.known_to_outbox import check_outbox
from intacct_bridge.load.plan.plan import WRITTEN, Plan, PlannedRecord, SendOptions, Verdict
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Identity, Write, WriteOperation
from intacct_bridge.load.tables.cells import text_of
from intacct_bridge.load.target.entities import by_entity
from intacct_bridge.load.target.find_by_key import key_values
from intacct_bridge.load.target.functions import Functions
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_protocol.errors import InDoubtError, IntacctError, SettingsError
from intacct_protocol.model.batched import batched
from intacct_protocol.xml.xml import serialize

BATCH = 100
"""Functions in one request: what the gateway's documentation advises at most."""
_ENTERED_AT_ONCE = 2000
"""Writes entered into the outbox together."""
_INTERRUPTED = "the load was interrupted"
_Entered = tuple[Write, OutboxEntry]


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How to apply."""

    batch_size: int = BATCH
    atomic: bool = False
    """Apply all records of a batch or none; records that the plan refused count."""
    stop_on_error: bool = False
    concurrency: int | None = None
    """Batches on their way at once; None for as many as the connection allows."""
    settle: SettleSettings = field(default_factory=SettleSettings)
    tracked: tuple[str, ...] = ()
    """Fields whose values are kept with each outbox entry."""
    own_references: bool = False
    """Give a new journal entry without a reference number one of ours, by which it is found if its answer is lost."""

    @property
    def options(self) -> SendOptions:
        """The settings that an approval covers."""
        return SendOptions(self.batch_size, self.atomic, self.stop_on_error)

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= BATCH:
            raise SettingsError(
                f"a batch holds 1 to {BATCH} records, not {self.batch_size}",
                fix="correct `batch_size`",
                setting="batch_size",
            )


class Loader:
    """Applies writes to one company through its outbox."""

    def __init__(
        self,
        company: Gateway,
        outbox: Outbox,
        settings: LoadSettings = LoadSettings(),
        *,
        step: Step = no_step,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Once `stopping` is true, no batch is begun. The outcomes of batches that were sent are still given; records
        that are in doubt then stay so.
        """
        self._company = company
        self._outbox = outbox
        self._settings = settings
        self._step = step
        self._stopping = stopping
        self._target = TargetCompany.of(company.connection)
        self._functions = Functions(company)
        self._sender = Sender(company, outbox, step=step)
        self._settler = Settler(company, outbox, settings.settle, step=step)
        self._unchanged: frozenset[Identity] = frozenset()
        """Records that the plan has found as their last write left them, regardless of their first create."""
        refuse_read_only(company.connection)

    def apply(self, plan: Plan) -> Iterator[RecordOutcome]:
        """Apply a plan's records, those of an entity in its own session; refused ones are left out.

        SettingsError, before anything is sent, if the plan relies on records that the outbox does not have, if
        a saved plan was made for something else, or if the connection requires an approval that it does not have.
        """
        plan = admitted(plan, self._company, self._outbox, self._settings.options)
        check_outbox(plan, self._target, self._outbox)
        for stage in plan.stages:
            good = yield from self._apply_stage(stage)
            if (not good and stage is not plan) or self._stopping():
                return  # what a later stage takes back may depend on what this one could not

    def _apply_stage(self, plan: Plan) -> Generator[RecordOutcome, None, bool]:
        """Apply one stage; whether all of it is done."""
        good = True
        for entity, places in by_entity([record.write for record in plan.records]).items():
            part = replace(plan, records=tuple(plan.records[place] for place in places))
            for outcome in self._within(entity)._apply(part):
                good = good and outcome.good
                yield outcome
            if (self._settings.stop_on_error and not good) or self._stopping():
                return False
        return good

    def _within(self, entity: str) -> "Loader":
        """The loader of one entity."""
        if not entity:
            return self
        company = self._company.entity(entity)
        return Loader(company, self._outbox, self._settings, step=self._step, stopping=self._stopping)

    def _apply(self, plan: Plan) -> Iterator[RecordOutcome]:
        folders = [one.write for one in plan.of(Verdict.CREATE) if one.write.object == "SUPDOCFOLDER" != plan.object]
        if folders:
            yield from self._load(folders)  # the records with files must find them
        held = self._not_sent(plan)
        self._unchanged = frozenset(one.write.identity for one in plan.of(Verdict.UNCHANGED))
        to_send: list[Write] = []
        doubtful_changes: list[Write] = []
        for record in plan.of(*WRITTEN, Verdict.UNCHANGED, Verdict.IN_DOUBT):
            changes = record.write.operation is not WriteOperation.CREATE
            if record.verdict is Verdict.UNCHANGED and changes:
                yield RecordOutcome(record.write, RecordStatus.UNCHANGED, record.receipt)
            elif record.verdict is Verdict.IN_DOUBT and changes:
                doubtful_changes.append(record.write)
            elif note := held.get(id(record)):
                yield RecordOutcome(record.write, RecordStatus.ABORTED, note=note)
            elif record.write.object == plan.object:
                to_send.append(_as_seen(record))
        yield from map(outcome_of_skipped, plan.of(Verdict.SKIPPED))
        yield from with_drafts_read(self._conclude(doubtful_changes), self._company)
        outcomes = with_currencies_read(self._load(in_order(to_send)), self._company)
        yield from with_drafts_read(outcomes, self._company)

    def _not_sent(self, plan: Plan) -> dict[int, str]:
        """The records that an atomic load does not send, because the plan refused a record of their batch; and why."""
        held: dict[int, str] = {}
        if not self._settings.atomic or not plan.of(Verdict.REFUSED):
            return held
        records = [one for one in plan.of(*WRITTEN, Verdict.REFUSED) if one.write.object == plan.object]
        for group in batched(records, _ENTERED_AT_ONCE):
            for wave in waves([one.write for one in group]):
                for batch in batched([group[place] for place in wave], self._settings.batch_size):
                    refused = next((one for one in batch if one.verdict is Verdict.REFUSED), None)
                    if refused is not None:
                        note = f"the plan refused {refused.write.label} of the same batch"
                        held |= {id(one): note for one in batch if one.verdict in WRITTEN}
        return held

    def _conclude(self, writes: Sequence[Write]) -> Iterator[RecordOutcome]:
        """Settle updates and deletes that were on their way when the plan was made.

        They are not sent as they stand, because the plan did not find out which record they go to. The loader that sent
        them may have ended since; the next plan decides on those that were not applied.
        """
        if not writes:
            return
        self._begin_run()
        now = list(self._current(writes))
        for write, entry in now:
            if entry.status is not RecordStatus.IN_DOUBT:
                yield outcome_of(write, entry, applied=RecordStatus.UNCHANGED)
        yield from self._settle([write for write, entry in now if entry.status is RecordStatus.IN_DOUBT])

    def load(self, writes: Iterable[Write]) -> Iterator[RecordOutcome]:
        """The outcome of every write as it becomes known.

        Raises the error that stops the whole load after the outcomes known by then; the outbox has all of them.
        SettingsError if the connection requires an approval, which only a saved plan can have.
        """
        refuse_without_plan(self._company.connection)
        yield from self._load(writes)

    def _load(self, writes: Iterable[Write]) -> Iterator[RecordOutcome]:
        self._begin_run()
        pending: list[Write] = []
        try:
            yield from self._send_all(writes, pending)
        except IntacctError:
            for write, entry in self._current(pending):
                yield outcome_of(write, entry, applied=RecordStatus.SETTLED)
            raise
        yield from self._settle(pending)

    def sent_since(self, position: str, plan: Plan, told: Iterable[RecordOutcome]) -> Iterator[RecordOutcome]:
        """After an interruption: the outcomes, not yet `told`, of records sent since a position of the outbox.

        The company is not asked. A record without an answer is in doubt, and what was not read back is said.
        """
        reported = {(outcome.write.object, outcome.write.identity.text) for outcome in told}
        left = [record.write for record in plan.to_send]
        left = [write for write in left if (write.object, write.identity.text) not in reported]
        for entity, places in by_entity(left).items():
            yield from self._within(entity)._sent_since(position, [left[place] for place in places])

    def _sent_since(self, position: str, writes: Sequence[Write]) -> Iterator[RecordOutcome]:
        by_key = {(write_target(self._target, write), write.identity.text): write for write in writes}
        latest = self._outbox.latest(by_key)
        by_number = {entry.number: by_key[key] for key, entry in latest.items()}
        for entry in self._outbox.sent_after(position, latest.values()):
            outcome = outcome_of(by_number[entry.number], entry)
            if outcome.status is RecordStatus.SENT:
                yield replace(outcome, status=RecordStatus.IN_DOUBT, note=f"{_INTERRUPTED} before the answer came")
            else:
                yield draft_not_read(currency_not_read(outcome, _INTERRUPTED), _INTERRUPTED)

    def _begin_run(self) -> None:
        self._outbox.begin_run(self._target.user, lambda: self._company.company_time)

    def _send_all(self, writes: Iterable[Write], pending: list[Write]) -> Iterator[RecordOutcome]:
        for group in batched(writes, _ENTERED_AT_ONCE):
            if self._stopping():
                return
            ready = yield from self._enter(group)
            self._settler.prepare(entry for _, entry in ready)
            for wave in waves([write for write, _ in ready]):
                if (yield from self._send_wave([ready[place] for place in wave], pending)):
                    return

    def _send_wave(self, wave: Sequence[_Entered], pending: list[Write]) -> Generator[RecordOutcome, None, bool]:
        """Send records that may go side by side; true if the load is to stop."""
        failed: IntacctError | None = None
        for sent in self._in_parallel(batched(wave, self._settings.batch_size), pending):
            yield from sent.outcomes
            failed = failed or sent.error
            if self._settings.stop_on_error and not sent.good:
                return True
        if failed is not None:
            raise failed
        return False

    def _in_parallel(self, batches: Iterable[Sequence[_Entered]], pending: list[Write]) -> Iterator["_Sent"]:
        """Batches as they were sent, in order, several on their way at once.

        After a failure or a stop no batch is begun.
        """
        width = self._settings.concurrency or self._company.connection.concurrency
        if width == 1 or self._settings.stop_on_error:
            for batch in batches:
                if self._stopping():
                    return
                sent = self._batch(batch, pending)
                yield sent
                if sent.error is not None:
                    return
            return
        going: deque[Future[_Sent]] = deque()
        left = iter(batches)
        with ThreadPoolExecutor(width, thread_name_prefix="load") as pool:
            try:
                while True:
                    if self._stopping():
                        left = iter(())
                    going += [pool.submit(self._batch, batch, pending) for batch in islice(left, width - len(going))]
                    if not going:
                        return
                    sent = going.popleft().result()
                    if sent.error is not None:
                        left = iter(())
                    yield sent
            finally:
                for future in going:
                    future.cancel()

    def _enter(self, writes: Sequence[Write]) -> Generator[RecordOutcome, None, list[_Entered]]:
        """Enter writes into the outbox and return those to send; the outcome of the others is known or settled."""
        entries = self._outbox.plan(self._new_entry(write) for write in writes)
        self._step("planned")
        ready: list[_Entered] = []
        doubtful: list[Write] = []
        learned = {
            entry.number: write.identities
            for write, entry in zip(writes, entries, strict=True)
            if _learns(write, entry) and (entry.digest == write.digest or write.identity in self._unchanged)
        }
        if learned:
            self._outbox.learn(learned)
        for write, entry in zip(writes, entries, strict=True):
            if entry.status is RecordStatus.PLANNED:
                ready.append((write, entry))
            elif entry.digest != write.digest and write.identity not in self._unchanged:
                note = f"it was sent on {entry.sent_at:%Y-%m-%d} with other content"
                yield RecordOutcome(write, RecordStatus.CONFLICT, entry.receipt, note=note)
            elif entry.status is RecordStatus.IN_DOUBT:
                doubtful.append(write)
            else:
                yield outcome_of(write, entry, applied=RecordStatus.UNCHANGED)
        yield from self._settle(doubtful)
        return ready

    def _batch(self, batch: Sequence[_Entered], pending: list[Write]) -> "_Sent":
        """Send one batch; records that are still in doubt after a first look join `pending`."""
        sent = _Sent()
        try:
            self._send(batch, pending, sent)
        except IntacctError as error:
            sent.error = error
        return sent

    def _send(self, batch: Sequence[_Entered], pending: list[Write], sent: "_Sent") -> None:
        writes = {entry.number: write for write, entry in batch}
        begun = self._outbox.begin([entry for _, entry in batch], together=self._settings.atomic)
        numbers = {entry.number for entry in begun}
        lost = [write for write, entry in batch if entry.number not in numbers]
        sent.outcomes += [
            outcome_of(write, entry, applied=RecordStatus.UNCHANGED) for write, entry in self._current(lost)
        ]
        if not begun:
            return
        try:
            done = self._sender.send(begun, transaction=self._settings.atomic)
        except IntacctError as error:
            tried = self._current([writes[entry.number] for entry in begun])
            for outcome in (outcome_of(write, entry) for write, entry in tried):
                unnoted = outcome.status is RecordStatus.SENT and isinstance(error, InDoubtError)
                told = replace(outcome, status=RecordStatus.IN_DOUBT, note=error.message) if unnoted else outcome
                sent.outcomes.append(told)
            raise
        concluded = [entry for entry in done if entry.status is not RecordStatus.IN_DOUBT]
        sent.outcomes += [outcome_of(writes[entry.number], entry) for entry in concluded]
        sent.good = all(entry.status is RecordStatus.APPLIED for entry in concluded)
        for outcome in self._settle([writes[one.number] for one in done if one.status is RecordStatus.IN_DOUBT]):
            if outcome.status is RecordStatus.IN_DOUBT:
                pending.append(outcome.write)
            else:
                sent.outcomes.append(outcome)

    def _settle(self, writes: Sequence[Write]) -> Iterator[RecordOutcome]:
        """Settle those of these that are in doubt; if that fails, their outcomes come before the error."""
        now = list(self._current(writes))
        if self._stopping():
            yield from (outcome_of(write, entry, applied=RecordStatus.SETTLED) for write, entry in now)
            return
        doubtful = {entry.number: write for write, entry in now if entry.status is RecordStatus.IN_DOUBT}
        for write, entry in now:
            if entry.number not in doubtful:
                yield outcome_of(write, entry, applied=RecordStatus.SETTLED)
        try:
            settled = self._settler.settle([entry for _, entry in now if entry.number in doubtful])
        except IntacctError:
            for write, entry in self._current(list(doubtful.values())):
                yield outcome_of(write, entry, applied=RecordStatus.SETTLED)
            raise
        for entry in settled:
            yield outcome_of(doubtful[entry.number], entry, applied=RecordStatus.SETTLED)

    def _current(self, writes: Sequence[Write]) -> Iterator[_Entered]:
        """Writes with their entries as they are now; the outbox has an entry for every one of them."""
        keys = [(write_target(self._target, write), write.identity.text) for write in writes]
        latest = self._outbox.latest(keys)
        return ((write, latest[key]) for write, key in zip(writes, keys, strict=True))

    def _new_entry(self, write: Write) -> OutboxEntry:
        fields = tracked_fields(write, self._settings.tracked)
        tracked = {name: text_of(write.fields[field]) for name, field in fields.items()}
        lookup = lookup_keys_of(write.object).without(write.labels)
        by = lookup.record_key
        acts = write.operation.is_action
        target = write_target(self._target, write)
        sent = with_own_reference(write, target) if self._settings.own_references else write
        function = self._functions.element(sent)
        refuse_changed_files(write, function)
        return new_entry(
            target,
            write.identity.text,
            write.digest,
            serialize(function),
            {by: comparable(write.fields.get(by))} if acts else key_values(lookup, sent.fields),
            label=write.label,
            position=write.position,
            tracked=tracked,
            totals=totals([write]),
            posting_date=posting_date(write),
            undoes=write.undoes,
            identities=write.identities,
            earlier=write.earlier,
        )


def tracked_fields(write: Write, tracked: Sequence[str]) -> dict[str, str]:
    """The fields of a record by the names under which they are tracked: those of columns of the file, or of fields."""
    names = {write.column(field).upper(): field for field in write.fields}
    names |= {field.upper(): field for field in write.fields}
    return {name: names[name] for name in tracked if name in names}


def _learns(write: Write, entry: OutboxEntry) -> bool:
    """Whether a record that was posted before is known by more from now on, such as a key that the input has by now."""
    held = {(one.kind, one.text) for one in entry.identities}
    creates = write.operation is WriteOperation.CREATE
    return creates and entry.is_live and any((one.kind, one.text) not in held for one in write.identities)


def _as_seen(record: PlannedRecord) -> Write:
    """The write of a record; a delete or an action has what its plan has seen of the existing record."""
    write = record.write
    return replace(write, earlier=dict(record.existing)) if record.existing and write.earlier is None else write


@dataclass(slots=True)
class _Sent:
    """The outcome of one batch; its error is raised after its outcomes are given."""

    outcomes: list[RecordOutcome] = field(default_factory=list)
    good: bool = True
    error: IntacctError | None = None
