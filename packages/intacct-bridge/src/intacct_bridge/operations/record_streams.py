"""Record streams: records that arrive one by one become records in Intacct, each exactly once.

Records are gathered, planned together, and sent; each gets a result. Memory holds one window of records. Streams are
sent in the order in which they began, so that records that later streams refer to exist by then. A record whose key is
already waiting replaces the earlier one, so that only the last version of a record is planned.

A source sends states between its records, by which it continues later. A state is released to it only once every record
before it is final. However a run ends, the same input once more loses and repeats nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from intacct_bridge.load.apply.loader import BATCH, Loader
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.apply.own_reference import takes_own_reference
from intacct_bridge.load.apply.sender import refuse_without_plan
from intacct_bridge.load.layouts.fields import FLOAT_NOISE
from intacct_bridge.load.plan.company_facts import CompanyFacts
from intacct_bridge.load.plan.plan import WRITTEN, Mode, Plan, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.record_streams.equal_numbers import EqualNumbers
from intacct_bridge.load.record_streams.layouts import WINDOW, StreamLayout, StreamLayouts, StreamLoadSettings
from intacct_bridge.load.record_streams.record import InputRecord, StreamSchema, keyed
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.status import UNRESOLVED, RecordStatus
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import WriteOperation
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_protocol.errors import IntacctError, InvalidRequestError, SettingsError
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.model.wording import counted
from intacct_protocol.xml.values import Kind, parse_value

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.load.outbox.outbox import Outbox

__all__ = [
    "BATCH",
    "UNRESOLVED",
    "WINDOW",
    "InputRecord",
    "Mode",
    "RecordResult",
    "RecordStatus",
    "RecordStreams",
    "StreamLoadSettings",
    "StreamProgram",
    "StreamSchema",
    "open_record_streams",
]

OWN_REFERENCES = (
    "entries without a reference number get one of ours (IB-...), by which an entry is found if the answer to it is"
    " lost; to leave the field empty: own_references = false"
)
NO_REFERENCES = (
    "entries have no reference number: if the answer to a request is lost, up to 100 of them stay in doubt until a"
    " person has looked for them; to avoid that: own_references = true, or a reference number in each record"
)


@dataclass(frozen=True, slots=True)
class RecordResult:
    """A record with its status after the run."""

    arrived: InputRecord
    status: RecordStatus
    object: str = ""
    record: str = ""
    """The company's key of it."""
    error: str = ""
    updated: bool = False
    url: str = ""
    position: str = ""
    """The position of the outbox when it was planned."""


class StreamProgram(Protocol):
    """The program that reads an input and shows the results."""

    def already_reported(self, arrived: InputRecord) -> bool:
        """Whether the program knows the record as written by an earlier run; it is then not sent."""

    def take(self, result: RecordResult) -> object:
        """Take the result of a record."""

    def keep_refused(self) -> object:
        """Make durable what the program keeps of refused records, before a state that goes past them is released."""

    def release(self, state: object) -> object:
        """Give a state back to the source."""

    def note(self, text: str) -> object:
        """Take a note for people."""

    def warn(self, text: str) -> object:
        """Take a warning for people."""


@contextmanager
def open_record_streams(
    run: CompanyRun,
    settings: StreamLoadSettings,
    program: StreamProgram,
    *,
    state: object = None,
    listed: Callable[[InputRecord], Sequence[int]] | None = None,
) -> "Iterator[RecordStreams]":
    """Open the outbox for one input; the history counts its records.

    `state` is the one with which the source was started. `listed` gives the numbers of the equal records that a report
    on this very input lists. SettingsError if the connection requires approvals, since only a saved plan can have one.
    """
    refuse_without_plan(run.connection)
    run.recorder.destination = run.connection.target
    with run.open_outbox() as outbox:
        company = TargetCompany.of(run.connection).company
        equals = EqualNumbers(outbox.equal_counts, company, settings.source_name, settings.equal_records, listed=listed)
        if state is not None:
            equals.arrive(state)
        streams = RecordStreams(run.client, outbox, settings, program, equals)
        try:
            yield streams
        except BaseException:
            streams.interrupt()
            raise
        finally:
            run.recorder.add_records(streams.counts.elements(), unsent=streams.unreached)


class RecordStreams:
    """One input on its way, from its first record to its last."""

    def __init__(
        self,
        client: "Client",
        outbox: "Outbox",
        settings: StreamLoadSettings,
        program: StreamProgram,
        equals: EqualNumbers,
    ) -> None:
        self.counts: Counter[RecordStatus] = Counter()
        """The records with each status so far."""
        self.unreached = 0
        """Records that were read before an error, and not sent."""
        self.outbox_file = outbox.path
        self._settings = settings
        self._program = program
        self._equals = equals
        self._external_ids = client.connection.external_ids == "unique"
        self._batches = _Batches(client, outbox, settings, program, equals.keep)
        self._schemas: dict[str, StreamSchema] = {}
        self._state: object = None
        """The newest state, if it is not released yet. Of several between the same two records only the last is of use.
        """
        self._released: object = None
        self._blocked = False
        """Whether a record is not final: no later state is released, so that the next run gets the record again."""

    def begin(self, schema: StreamSchema) -> None:
        """Take what the source says of a stream, before its records and whenever it changes."""
        schema = replace(schema, external_ids=self._external_ids)
        before = self._schemas.get(schema.stream)
        if before is not None and before.keys != schema.keys:
            self._send()  # keys of two kinds do not compare
        self._schemas[schema.stream] = schema
        if not schema.keys:
            self._equals.begin(schema.stream)
        self._batches.announce(schema.stream)

    def has_begun(self, stream: str) -> bool:
        """Whether the schema of a stream came."""
        return stream in self._schemas

    def add(self, arrived: InputRecord) -> None:
        """Take a record of a stream that has begun."""
        schema = self._schemas[arrived.stream]
        key, refusal = keyed(arrived.record, schema)
        arrived = replace(arrived, key=key, refusal=refusal)
        if not refusal:  # counted before any is left out as known
            arrived = (self._equals.compare if key else self._equals.number)(arrived, schema)
        if self._program.already_reported(arrived):
            self._batches.replace(arrived)
            self.counts[RecordStatus.UNCHANGED] += 1
        else:
            self._take(self._batches.add(arrived))

    def reach(self, state: object) -> None:
        """Send every record before a state of the source, and release the state if all of them are final."""
        self._send()
        self._equals.arrive(state)
        self._state = state
        self._release()

    def reload(self, stream: str) -> None:
        """Note that the source has sent its whole table again. It deletes nothing in Intacct."""
        self._equals.activate(stream)
        self._program.note(f"{stream}: the source reloads its table; no records are deleted in Intacct")

    def end(self) -> None:
        """Send the last records, at the end of the input."""
        self._send()
        self._release()
        if not self._blocked:
            self._equals.end()
        for stream, count in self._batches.replaced.items():
            by = "a later message of its key" if count == 1 else "later messages of their keys"
            self._program.note(f"{stream}: {counted(count, 'record')} replaced by {by}, and not planned")

    def stop(self) -> None:
        """Count the records that an error keeps from being sent."""
        self.unreached = self._batches.unfinished

    def interrupt(self) -> None:
        """Count what became of the records that were sent without a result; the rest is not sent."""
        with suppress(Exception):  # an outbox that is away must not hide the interruption
            for status in self._batches.sent_without_result():
                self.counts[status] += 1
        self.stop()

    def _send(self) -> None:
        self._take(self._batches.flush())

    def _take(self, results: Iterator[RecordResult]) -> None:
        for result in results:
            self.counts[result.status] += 1
            self._blocked = self._blocked or not result.status.is_final
            self._program.take(result)

    def _release(self) -> None:
        if self._state is None or self._blocked or not self._settings.releases_states:
            return
        self._program.keep_refused()
        self._equals.cover(self._state)
        if self._state != self._released:
            self._program.release(self._state)
        self._released, self._state = self._state, None


def _waiting_key(arrived: InputRecord) -> object:
    """What the later version of a record shares with the earlier one; a record without a key shares it with none."""
    return tuple(map(nfc, arrived.key)) or object()


class _Batches:
    """Takes records in and gives results out."""

    def __init__(
        self,
        client: "Client",
        outbox: "Outbox",
        settings: StreamLoadSettings,
        program: StreamProgram,
        before_sending: Callable[[], object],
    ) -> None:
        self._client = client
        self._layouts = StreamLayouts(client, settings)
        self._outbox = outbox
        self._settings = settings
        self._program = program
        self._before_sending = before_sending
        self._announced: dict[str, None] = {}
        """Streams whose layouts are not known yet."""
        self._facts = CompanyFacts()
        sending = settings.sending(repeat_guard=client.runtime.calibration.repeat_guard)
        self._loader = Loader(client, outbox, sending)
        self._waiting: dict[str, dict[object, InputRecord]] = {}
        """The records of each stream by their keys; those without a key by a mark of their own."""
        self._count = 0
        self.replaced: Counter[str] = Counter()
        """Records of each stream that a later message of their key replaced."""
        self.unfinished = 0
        """Records without a result: they wait, or an error has kept them from being sent."""
        self._applied: tuple[str, Plan, list[RecordOutcome]] | None = None
        """The plan that is being applied, with the position of the outbox before it and the outcomes that were told."""

    def sent_without_result(self) -> Iterator[RecordStatus]:
        """The states of records that were sent, and whose results an interruption has kept back."""
        if self._applied is None:
            return
        position, plan, told = self._applied
        for outcome in self._loader.sent_since(position, plan, told):
            for _ in outcome.write.rows:
                self.unfinished -= 1
                yield outcome.status

    def announce(self, stream: str) -> None:
        """Records of a stream will come."""
        self._announced[stream] = None

    def _prepare(self) -> None:
        """Read the definitions for the streams that were announced, in few requests, and complain of unknown ones."""
        streams, self._announced = list(self._announced), {}
        if not self._client.connection.is_legacy:
            self._layouts.read_definitions(streams)
        for stream in streams:
            try:
                self._layouts.of(stream)
            except (SettingsError, InvalidRequestError) as error:
                self._program.warn(f"{stream}: {error.message}; its records are refused ({error.fix})")

    def add(self, arrived: InputRecord) -> Iterator[RecordResult]:
        """Take a record; the results of those that had to be sent first, and of those that fill a window with it."""
        self.unfinished += 1
        self.replace(arrived)
        self._waiting.setdefault(arrived.stream, {})[_waiting_key(arrived)] = arrived
        self._count += 1
        if self._count >= self._settings.window:
            yield from self.flush()

    def replace(self, arrived: InputRecord) -> None:
        """Leave out the record of the same key that waits: this one is its later version."""
        if self._waiting.get(arrived.stream, {}).pop(_waiting_key(arrived), None) is not None:
            self.replaced[arrived.stream] += 1
            self.unfinished -= 1
            self._count -= 1

    def flush(self) -> Iterator[RecordResult]:
        """Send everything that waits."""
        self._prepare()
        self._facts = CompanyFacts()  # what was found for an earlier window may have changed since
        self._before_sending()
        waiting, self._waiting = self._waiting, {}
        left, self._count = self._count, 0
        for stream, records in waiting.items():
            position = self._outbox.position
            for result in self._load(stream, list(records.values())):
                left -= 1
                self.unfinished -= 1
                yield replace(result, position=position)
        self.unfinished -= left

    def _load(self, stream: str, records: Sequence[InputRecord]) -> Iterator[RecordResult]:
        try:
            how = self._layouts.of(stream)
        except (SettingsError, InvalidRequestError) as error:
            yield from (_refused(arrived, _text(error)) for arrived in records)
            return
        sound: list[InputRecord] = []
        for arrived in records:
            if arrived.refusal:
                yield _refused(arrived, arrived.refusal, how.layout.object)
            else:
                sound.append(arrived)
        for plan, planned in self._plans(stream, how, sound):
            if isinstance(plan, IntacctError):
                yield from (_refused(arrived, _text(plan), how.layout.object) for arrived in planned)
            else:
                yield from self._apply(plan, planned)

    def _plans(
        self, stream: str, how: StreamLayout, records: Sequence[InputRecord]
    ) -> Iterator[tuple[Plan | IntacctError, Sequence[InputRecord]]]:
        """A plan for the records; if their columns cannot be read, one for each set of columns that they have."""
        if not records:
            return
        try:
            yield self._plan(stream, how, records), records
        except (SettingsError, InvalidRequestError) as error:
            by_columns: dict[frozenset[str], list[InputRecord]] = {}
            for arrived in records:
                by_columns.setdefault(frozenset(arrived.record), []).append(arrived)
            if len(by_columns) == 1:
                yield error, records
                return
            for alike in by_columns.values():
                yield from self._plans(stream, how, alike)

    def _plan(self, stream: str, how: StreamLayout, records: Sequence[InputRecord]) -> Plan:
        rows = [one.row(how.defaults, shares_object=how.shares_object) for one in records]
        columns = tuple(dict.fromkeys(name for row in rows for name in row.cells))
        folder = self._settings.input_path or Path()  # files to attach are named in it
        path = folder / stream.replace("/", "_")
        takes_files = self._settings.input_path is not None
        table = InputTable(
            path, columns, lambda: iter(rows), "jsonl", decimal=self._settings.decimal, takes_files=takes_files
        )
        plan = make_plan(table, how.layout, self._client, self._outbox, how.settings, facts=self._facts)
        for text in (*plan.notes, *(f"not checked: {rule}" for rule in plan.unchecked), *self._remarks(plan)):
            self._program.note(f"{stream}: {text}")
        return plan

    def _remarks(self, plan: Plan) -> Iterator[str]:
        """What happens to records beyond what the input says."""
        read = [one for record in plan.of(*WRITTEN) for one in record.findings if one.rule == FLOAT_NOISE]
        if read:
            amounts = f"{counted(len(read), 'amount')} with the error of a binary float"
            yield f"{amounts}: read to the cent ({read[0].message})"
        if any(takes_own_reference(one.write) for one in plan.of(Verdict.CREATE)):
            yield OWN_REFERENCES if self._settings.own_references else NO_REFERENCES

    def _apply(self, plan: Plan, records: Sequence[InputRecord]) -> Iterator[RecordResult]:
        by_place = {one.place: one for one in records}
        self._facts.forget(*(stage.object for stage in plan.stages))
        for row, reason in plan.refused_rows:
            yield _refused(by_place[row.source, row.number], reason, plan.object)
        stopped: IntacctError | None = None
        told: list[RecordOutcome] = []
        self._applied = (self._outbox.position, plan, told)
        for outcomes in _groups(self._loader.apply(plan), self._settings.batch_size):
            described: Mapping[str, tuple[str, str]] = {}
            try:
                described = {} if stopped is not None else self._described(outcomes)
            except IntacctError as error:
                stopped = error  # raised after the results: these records are written
            for outcome in outcomes:
                told.append(outcome)
                yield from self._results(outcome, by_place, described)
        self._applied = None
        if stopped is not None:
            raise stopped

    def _results(
        self,
        outcome: RecordOutcome,
        by_place: Mapping[tuple[str, int], InputRecord],
        described: Mapping[str, tuple[str, str]],
    ) -> Iterator[RecordResult]:
        """The result of each record of the stream that is a row of what was written."""
        write, status = outcome.write, outcome.status
        record = outcome.receipt.record if outcome.receipt else ""
        updates = write.operation is WriteOperation.UPDATE and status is not RecordStatus.UNCHANGED
        updated = updates and status.is_written
        error = "" if status.is_written else outcome.reason or status.outcome_text
        if error and not write.rows:  # something that the records only need, such as a folder for their files
            self._program.note(f"{write.label}: {error}")
        for row in write.rows:
            arrived = by_place[row.source, row.number]
            number, url = described.get(record, (record, ""))
            yield RecordResult(arrived, status, write.object, number, error, updated, url)

    def _described(self, outcomes: Sequence[RecordOutcome]) -> dict[str, tuple[str, str]]:
        """The record number of each written record and its address in Intacct's own pages, by its receipt.

        The receipt of most records is their number already; that of an order is its name. A program asks for
        numbers and addresses only if it shows them.
        """
        from intacct_protocol.model.query.query import Query
        from intacct_protocol.model.query.query import field as field_named

        lookup = lookup_keys_of(outcomes[0].write.object)
        numbered = not lookup.answered_key or not self._settings.record_numbers
        records = [one.receipt.record for one in outcomes if one.good and one.receipt and one.receipt.record]
        if not records or (numbered and not self._settings.record_urls):
            return {}
        described = self._client.describe(lookup.object)
        names = tuple(dict.fromkeys((lookup.receipt_key, lookup.record_key)))
        select = (*names, *(["RECORD_URL"] if self._settings.record_urls and described.get("RECORD_URL") else []))
        if any(described.get(name) is None for name in names) or (numbered and len(select) == len(names)):
            return {}
        kind = described.kind_of(lookup.receipt_key)
        values = [parse_value(kind, record) for record in records if kind is not Kind.INTEGER or record.isdigit()]
        if not values:
            return {}
        query = Query(lookup.object, select, where=field_named(lookup.receipt_key).is_in(values), show_private=True)
        return {
            comparable(row[lookup.receipt_key]): (
                comparable(row[lookup.record_key] if not numbered else row[lookup.receipt_key]),
                str(row.get("RECORD_URL") or ""),
            )
            for row in self._client.query(query)
        }


def _groups(outcomes: Iterable[RecordOutcome], size: int) -> Iterator[list[RecordOutcome]]:
    """Outcomes in groups; an error on the way comes after the outcomes before it."""
    group: list[RecordOutcome] = []
    try:
        for outcome in outcomes:
            group.append(outcome)
            if len(group) == size:
                yield group
                group = []
    except IntacctError:
        yield group
        raise
    if group:
        yield group


def _refused(arrived: InputRecord, reason: str, object_name: str = "") -> RecordResult:
    return RecordResult(arrived, RecordStatus.REFUSED, object_name, error=reason)


def _text(error: IntacctError) -> str:
    return f"{error.message} ({error.fix})" if error.fix else error.message
