"""Applying writes: outbox first, then the bytes, then what became of each record.

The records that an earlier run left in doubt are settled before anything new is sent; those left in doubt by this run
are looked for at its end. Whatever stops a load, running it again carries on: what was applied is not sent again.

The order in which records of one run are written: one that refers to another of the run waits for it.

Within a request functions run one after the other, but requests run side by side; so a parent and its child never go in
two requests at once, and the child never first.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import Fault, IntacctError, SettingsError
from intacct_bridge.flow.company.entities import by_entity
from intacct_bridge.flow.company.find_by_key import key_values
from intacct_bridge.flow.company.functions import Functions
from intacct_bridge.flow.company.legacy import with_legacy
from intacct_bridge.flow.company.references import mentions, own_id
from intacct_bridge.flow.company.target_company import TargetCompany
from intacct_bridge.flow.outbox.entry import Intent, OutboxEntry, State
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.context import write_target
from intacct_bridge.flow.plan.known_to_outbox import check_outbox
from intacct_bridge.flow.plan.plan import WRITTEN, Plan, Verdict
from intacct_bridge.flow.post.sender import Sender, Step, no_step
from intacct_bridge.flow.post.settle import Settler, SettleSettings
from intacct_bridge.flow.records.cells import text_of
from intacct_bridge.flow.records.lookup_keys import lookup_keys_of
from intacct_bridge.flow.records.write import Receipt, Write, WriteOperation
from intacct_bridge.model.batched import batched
from intacct_bridge.wire.xml import serialize


def waves(writes: Sequence[Write]) -> list[list[int]]:
    """The places of the writes, those that nothing of the run is waited for first; each wave needs those before it."""
    made: dict[tuple[str, str], int] = {}
    for place, write in enumerate(writes):
        own = own_id(write) if write.operation is WriteOperation.CREATE else ""
        if own:
            made.setdefault((write.object, own), place)
    referring = enumerate(writes) if made else ()
    needs = {place: needed for place, write in referring if (needed := _needed(place, write, made))}
    if not needs:
        return [list(range(len(writes)))]
    depths: dict[int, int] = {}
    for place in needs:
        _measure(place, needs, depths)
    found: list[list[int]] = [[] for _ in range(1 + max(depths.values()))]
    for place in range(len(writes)):
        found[depths.get(place, 0)].append(place)
    return [wave for wave in found if wave]


def ordered(writes: Sequence[Write]) -> list[Write]:
    """The writes with everything before what refers to it, otherwise as they came."""
    return [writes[place] for wave in waves(writes) for place in wave]


def _needed(place: int, write: Write, made: Mapping[tuple[str, str], int]) -> set[int]:
    found = {made[target, text] for target, text in mentions(write) if (target, text) in made}
    return found - {place}


def _measure(place: int, needs: Mapping[int, set[int]], depths: dict[int, int]) -> None:
    """How many have to be written one after the other before this one; what refers to itself in a ring counts once."""
    path = [place]
    while path:
        at = path[-1]
        depths.setdefault(at, 0)
        open_ones = [one for one in needs.get(at, ()) if one not in depths]
        if open_ones:
            path.append(open_ones[0])
            continue
        depths[at] = max((depths[one] + 1 for one in needs.get(at, ()) if one not in path), default=0)
        path.pop()


BATCH = 100
"""Functions in one request: what the gateway's documentation advises at most."""
_AT_ONCE = 2000
"""Writes entered into the outbox together."""


class Ending(StrEnum):
    """How a load left one record."""

    POSTED = "posted"
    SETTLED = "settled"
    """Was in doubt and turned out to be applied."""
    UNCHANGED = "unchanged"
    """Posted by an earlier run."""
    REJECTED = "rejected"
    ABORTED = "aborted"
    """Rolled back together with the record that was at fault."""
    NOT_SENT = "not sent"
    IN_DOUBT = "in doubt"
    BUSY = "busy"
    """Another loader is sending it right now."""
    CONFLICT = "conflict"
    """Sent before with other content."""


GOOD = (Ending.POSTED, Ending.SETTLED, Ending.UNCHANGED)
"""Endings with the record in the company."""
_ENDINGS = {
    State.APPLIED: Ending.POSTED,
    State.REJECTED: Ending.REJECTED,
    State.ABORTED: Ending.ABORTED,
    State.IN_DOUBT: Ending.IN_DOUBT,
    State.SENT: Ending.BUSY,
    State.NOT_SENT: Ending.NOT_SENT,
    State.PLANNED: Ending.NOT_SENT,
}


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """What became of one record."""

    write: Write
    ending: Ending
    receipt: Receipt | None = None
    faults: tuple[Fault, ...] = ()
    note: str = ""

    @property
    def good(self) -> bool:
        """Whether the record is in the company."""
        return self.ending in GOOD


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How to apply."""

    batch_size: int = BATCH
    atomic: bool = False
    """Apply each batch together or not at all."""
    stop_on_error: bool = False
    concurrency: int | None = None
    """Batches on their way at once; None for as many as the connection allows."""
    settle: SettleSettings = field(default_factory=SettleSettings)
    tracked: tuple[str, ...] = ()
    """Fields whose values are kept with each outbox entry."""

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= BATCH:
            raise SettingsError(f"a batch holds 1 to {BATCH} records, not {self.batch_size}", fix="correct batch_size")


class Loader:
    """Applies writes to one company through its outbox."""

    def __init__(
        self, company: Gateway, outbox: Outbox, settings: LoadSettings = LoadSettings(), *, step: Step = no_step
    ) -> None:
        self._company = spoken = with_legacy(company)
        self._outbox = outbox
        self._settings = settings
        self._step = step
        self._target = TargetCompany.of(spoken.connection)
        self._functions = Functions(spoken)
        self._sender = Sender(spoken, outbox, step=step)
        self._settler = Settler(spoken, outbox, settings.settle, step=step)
        if spoken.connection.read_only:
            raise SettingsError(
                f"connection {spoken.connection.name!r} is read-only", fix="load through one that may write"
            )

    def apply(self, plan: Plan) -> Iterator[RecordOutcome]:
        """Apply a plan's records, those of an entity in its own session; those it refused are left out.

        SettingsError, before anything is sent, where the plan relies on records that the outbox does not know.
        """
        check_outbox(plan, self._target, self._outbox)
        good = True
        for entity, places in by_entity([planned.write for planned in plan.records]).items():
            some = replace(plan, records=tuple(plan.records[place] for place in places))
            for outcome in self._within(entity)._apply(some):
                good = good and outcome.good
                yield outcome
            if self._settings.stop_on_error and not good:
                return

    def _within(self, entity: str) -> "Loader":
        """The loader of one entity."""
        if not entity:
            return self
        return Loader(self._company.entity(entity), self._outbox, self._settings, step=self._step)

    def _apply(self, plan: Plan) -> Iterator[RecordOutcome]:
        folders = [one.write for one in plan.of(Verdict.CREATE) if one.write.object == "SUPDOCFOLDER" != plan.object]
        if folders:
            yield from self.load(folders)  # what they are for must find them there
        left: list[Write] = []
        under_way: list[Write] = []
        for planned in plan.of(*WRITTEN, Verdict.UNCHANGED, Verdict.IN_DOUBT):
            changes = planned.write.operation is not WriteOperation.CREATE
            if planned.verdict is Verdict.UNCHANGED and changes:
                yield RecordOutcome(planned.write, Ending.UNCHANGED, planned.receipt)
            elif planned.verdict is Verdict.IN_DOUBT and changes:
                under_way.append(planned.write)
            elif planned.write.object == plan.object:
                left.append(planned.write)
        yield from self._conclude(under_way)
        yield from self.load(ordered(left))

    def _conclude(self, under_way: Sequence[Write]) -> Iterator[RecordOutcome]:
        """Settle changes that were under way when the plan was made.

        They are not sent as they stand, for which record they go to was not found out; whoever sent them may have
        ended since, and the next plan decides on what was not applied.
        """
        if not under_way:
            return
        self._outbox.serve(self._target.user, lambda: self._company.company_time)
        now = list(self._current(under_way))
        for write, entry in now:
            if entry.state is not State.IN_DOUBT:
                yield _outcome(write, entry, applied=Ending.UNCHANGED)
        yield from self._settle([write for write, entry in now if entry.state is State.IN_DOUBT])

    def load(self, writes: Iterable[Write]) -> Iterator[RecordOutcome]:
        """The outcome of every write as it becomes known.

        Raises what stops the whole load, after the outcomes of what it stopped; the outbox has it all either way.
        """
        self._outbox.serve(self._target.user, lambda: self._company.company_time)
        pending: list[Write] = []
        try:
            yield from self._send_all(writes, pending)
        except IntacctError:
            for write, entry in self._current(pending):
                yield _outcome(write, entry, applied=Ending.SETTLED)
            raise
        yield from self._settle(pending)

    def _send_all(self, writes: Iterable[Write], pending: list[Write]) -> Iterator[RecordOutcome]:
        for some in batched(writes, _AT_ONCE):
            ready = yield from self._enter(some)
            self._settler.prepare(entry for _, entry in ready)
            for wave in waves([write for write, _ in ready]):
                if (yield from self._send_wave([ready[place] for place in wave], pending)):
                    return

    def _send_wave(
        self, wave: Sequence[tuple[Write, OutboxEntry]], pending: list[Write]
    ) -> Generator[RecordOutcome, None, bool]:
        """Send what may be under way side by side; true where the load is to stop."""
        failed: IntacctError | None = None
        for sent in self._in_parallel(batched(wave, self._settings.batch_size), pending):
            yield from sent.outcomes
            failed = failed or sent.error
            if self._settings.stop_on_error and not sent.good:
                return True
        if failed is not None:
            raise failed
        return False

    def _in_parallel(
        self, batches: Iterable[Sequence[tuple[Write, OutboxEntry]]], pending: list[Write]
    ) -> Iterator["_Sent"]:
        """Batches as they were sent, in order, a few on their way at once; after a failure none is begun any more."""
        width = self._settings.concurrency or self._company.connection.concurrency
        if width == 1 or self._settings.stop_on_error:
            for batch in batches:
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

    def _enter(self, writes: Sequence[Write]) -> Generator[RecordOutcome, None, list[tuple[Write, OutboxEntry]]]:
        """Enter writes into the outbox; what is left is to be sent, of the rest the outcome is known or settled."""
        entries = self._outbox.plan(self._intent(write) for write in writes)
        self._step("planned")
        ready: list[tuple[Write, OutboxEntry]] = []
        doubtful: list[Write] = []
        for write, entry in zip(writes, entries, strict=True):
            if entry.state is State.PLANNED:
                ready.append((write, entry))
            elif entry.digest != write.digest:
                note = f"it was sent on {entry.sent_at:%Y-%m-%d} with other content"
                yield RecordOutcome(write, Ending.CONFLICT, entry.receipt, note=note)
            elif entry.state is State.IN_DOUBT:
                doubtful.append(write)
            else:
                yield _outcome(write, entry, applied=Ending.UNCHANGED)
        yield from self._settle(doubtful)
        return ready

    def _batch(self, batch: Sequence[tuple[Write, OutboxEntry]], pending: list[Write]) -> "_Sent":
        """Send one batch; what is still in doubt after a first look joins `pending`."""
        sent = _Sent()
        try:
            self._send(batch, pending, sent)
        except IntacctError as error:
            sent.error = error
        return sent

    def _send(self, batch: Sequence[tuple[Write, OutboxEntry]], pending: list[Write], sent: "_Sent") -> None:
        writes = {entry.number: write for write, entry in batch}
        begun = self._outbox.begin([entry for _, entry in batch])
        taken = {entry.number for entry in begun}
        lost = [write for write, entry in batch if entry.number not in taken]
        sent.outcomes += [_outcome(write, entry, applied=Ending.UNCHANGED) for write, entry in self._current(lost)]
        if not begun:
            return
        try:
            done = self._sender.send(begun, transaction=self._settings.atomic)
        except IntacctError:
            tried = self._current([writes[entry.number] for entry in begun])
            sent.outcomes += [_outcome(write, entry) for write, entry in tried]
            raise
        known = [entry for entry in done if entry.state is not State.IN_DOUBT]
        sent.outcomes += [_outcome(writes[entry.number], entry) for entry in known]
        sent.good = all(entry.state is State.APPLIED for entry in known)
        for outcome in self._settle([writes[entry.number] for entry in done if entry.state is State.IN_DOUBT]):
            if outcome.ending is Ending.IN_DOUBT:
                pending.append(outcome.write)
            else:
                sent.outcomes.append(outcome)

    def _settle(self, writes: Sequence[Write]) -> Iterator[RecordOutcome]:
        """Settle what is in doubt of these; where that cannot be done, their outcomes come before the error."""
        now = list(self._current(writes))
        doubtful = {entry.number: write for write, entry in now if entry.state is State.IN_DOUBT}
        for write, entry in now:
            if entry.number not in doubtful:
                yield _outcome(write, entry, applied=Ending.SETTLED)
        try:
            settled = self._settler.settle([entry for _, entry in now if entry.number in doubtful])
        except IntacctError:
            for write, entry in self._current(list(doubtful.values())):
                yield _outcome(write, entry, applied=Ending.SETTLED)
            raise
        for entry in settled:
            yield _outcome(doubtful[entry.number], entry, applied=Ending.SETTLED)

    def _current(self, writes: Sequence[Write]) -> Iterator[tuple[Write, OutboxEntry]]:
        """Writes with their entries as they stand now; the outbox has every one of them."""
        places = [(write_target(self._target, write), write.identity.text) for write in writes]
        found = self._outbox.latest(places)
        return ((write, found[place]) for write, place in zip(writes, places, strict=True))

    def _intent(self, write: Write) -> Intent:
        values = {name: text_of(value) for name, value in write.fields.items() if name in self._settings.tracked}
        return Intent(
            write_target(self._target, write),
            write.identity.text,
            write.digest,
            serialize(self._functions.element(write)),
            key_values(lookup_keys_of(write.object), write.fields),
            write.label,
            write.position,
            values,
            repeatable=write.operation is not WriteOperation.CREATE,
        )


@dataclass(slots=True)
class _Sent:
    """What became of one batch; the error is raised once its outcomes have been told."""

    outcomes: list[RecordOutcome] = field(default_factory=list)
    good: bool = True
    error: IntacctError | None = None


def _outcome(write: Write, entry: OutboxEntry, *, applied: Ending = Ending.POSTED) -> RecordOutcome:
    ending = applied if entry.state is State.APPLIED else _ENDINGS[entry.state]
    return RecordOutcome(write, ending, entry.receipt, entry.faults, entry.note)
