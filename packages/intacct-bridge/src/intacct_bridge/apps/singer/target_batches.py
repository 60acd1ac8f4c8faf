"""Records of a Singer stream in batches: gathered, planned together, sent, and given back as results.

Memory holds one window of records. Streams are sent in the order in which they began, so that records that later
streams refer to exist by then. A record whose key is already waiting first sends those that wait, so that it finds the
earlier one.

The records of a stream are an object's under its own names, a unified entity, or what a mapping makes of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.singer.equal_numbers import EqualNumbers
from intacct_bridge.apps.singer.target_config import TargetConfig
from intacct_bridge.apps.singer.target_results import DELETED, InputRecord, RecordResult
from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.apply.own_reference import takes_own_reference
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.layouts.fields import FLOAT_NOISE
from intacct_bridge.load.layouts.native import NativeLayout
from intacct_bridge.load.plan.context import CompanyFacts
from intacct_bridge.load.plan.plan import WRITTEN, Mode, Plan, PlanSettings, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import WriteOperation
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.references import referred
from intacct_bridge.load.target.writable import writable_object
from intacct_protocol.errors import IntacctError, InvalidRequestError, SettingsError
from intacct_protocol.model.keys import UNDESCRIBED, lines
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.model.wording import counted
from intacct_protocol.xml.values import Kind, parse_value

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.load.layouts.base import Layout
    from intacct_bridge.load.outbox.outbox import Outbox

_NEVER_CHANGED = ("GLBATCH", "APPYMT", "ARPYMT", "ARADVANCE", "DEPOSIT", "OTHERRECEIPTS", "CCTRANSACTION")
"""Objects that an upsert only creates: a person corrects what was posted or paid, not a second load."""


OWN_REFERENCES = (
    "entries without a reference number get one of ours (IB-...), by which an entry is found if the answer to it is"
    " lost; to leave the field empty: own_references = false"
)
NO_REFERENCES = (
    "entries have no reference number: if the answer to a request is lost, up to 100 of them stay in doubt until a"
    " person has looked for them; to avoid that: own_references = true, or a reference number in each record"
)

_USUALLY_NEEDED: Mapping[str, tuple[str, ...]] = {
    "GLACCOUNT": (),
    "LOCATION": (),
    "DEPARTMENT": (),
    "LOCATIONENTITY": ("GLBATCH", "APBILL", "APADJUSTMENT", "ARINVOICE", "ARADJUSTMENT", "APPYMT", "ARPYMT"),
    "GLJOURNAL": ("GLBATCH",),
    "ITEM": ("PODOCUMENT", "SODOCUMENT", "INVDOCUMENT"),
    "CHECKINGACCOUNT": ("APPYMT", "ARPYMT"),
}
"""Objects that records of nearly every input refer to, with the objects of these records; none: any that may."""


@dataclass(frozen=True, slots=True)
class StreamLayout:
    """How one stream's records are read and planned."""

    layout: "Layout"
    settings: PlanSettings
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Values for columns that a record leaves out."""


class StreamLayouts:
    """Finds the layout of each stream, once."""

    def __init__(self, client: "Client", company: Gateway, config: TargetConfig) -> None:
        self._client = client
        self._company = company
        self._config = config
        self._reading: dict[str, Any] = {"draft": config.draft, "date_order": config.date_order or "certain"}
        self._found: dict[str, StreamLayout | IntacctError] = {}

    def of(self, stream: str) -> StreamLayout:
        """The stream's layout. SettingsError or InvalidRequestError if it has none, with the nearest name."""
        known = self._found.get(stream)
        if known is None:
            try:
                known = self._find(stream)
            except (SettingsError, InvalidRequestError) as error:
                known = error
            self._found[stream] = known
        if isinstance(known, IntacctError):
            raise known
        return known

    def objects_of(self, stream: str) -> tuple[str, ...]:
        """The object that a stream is written to, if that can be said without a call, its lines, and what nearly every
        record of such an object refers to.
        """
        unified = "" if self._mapping(stream) is not None else self._unified(stream)
        name = unified_object(unified) if unified else stream.upper() if stream.isupper() else ""
        owned = tuple(one.line for one in lines(name) if one.wrapper)
        mentioned = {target for one in (name, *owned) for target in referred(one).values()}
        usual = [target for target, objects in _USUALLY_NEEDED.items() if not objects or name in objects]
        needed = [target for target in usual if target in mentioned or target == "LOCATIONENTITY"]
        return (name, *owned, *needed) if name else ()

    def _find(self, stream: str) -> StreamLayout:
        path = self._mapping(stream)
        if path is not None:
            return self._with_settings(layout_for("", self._company, map_file=path, **self._reading))
        unified = self._unified(stream)
        if unified:
            return self._with_settings(layout_for(unified, self._company, **self._reading))
        try:
            writable = writable_object(self._company, stream)
        except InvalidRequestError as error:
            raise self._unknown(stream, error) from None
        draft = self._config.draft and bool(writable.lookup.draft)
        return self._with_settings(NativeLayout(writable, **(self._reading | {"draft": draft})))

    def _mapping(self, stream: str) -> Path | None:
        exact = self._config.mappings.get(stream)
        patterns = (path for name, path in self._config.mappings.items() if fnmatchcase(stream, name))
        return exact or next(patterns, None)

    def _unified(self, stream: str) -> str:
        """The unified entity that the stream's name means; empty if it is an object's own name."""
        from intacct_bridge.mapping.language import unified_map

        schema = self._config.schema
        if schema == "native" or stream.isupper():
            return ""
        for version in (schema, "v2" if schema == "v1" else "v1"):
            for name in (stream, *_singular(stream)):
                try:
                    return f"{version}:{unified_map(name, version).name}"
                except SettingsError:
                    continue
        return ""

    def _with_settings(self, layout: "Layout") -> StreamLayout:
        mode = Mode(self._config.mode)
        if mode is Mode.UPSERT and layout.object in _NEVER_CHANGED:
            mode = Mode.CREATE
        by_name = self._config.vendors_by_name and layout.object == "VENDOR" and mode in (Mode.UPDATE, Mode.UPSERT)
        settings = PlanSettings(
            allow_duplicates=self._config.allow_duplicates, mode=mode, match=("NAME",) if by_name else ()
        )
        defaults: dict[str, Any] = {}
        if layout.object == "PODOCUMENT" and self._config.po_transaction_type:
            defaults["transactionType"] = self._config.po_transaction_type
        return StreamLayout(layout, settings, defaults)

    def _unknown(self, stream: str, error: InvalidRequestError) -> IntacctError:
        """The error for an unknown stream, with the nearest name of any kind."""
        from intacct_bridge.mapping.language import VERSIONS, unified_maps

        objects = self._client.objects()
        if stream.upper() in objects:
            return error  # it is known, and cannot be written by itself
        names = [name for version in VERSIONS for name in unified_maps(version)]
        near = did_you_mean(stream, [*names, *objects])
        return SettingsError(
            f"the stream {stream!r} is neither an object nor a unified entity{near}",
            fix="rename the stream, or give it a mapping in the config's `mappings`",
        )


def unified_object(name: str) -> str:
    """The object of a unified entity such as `v1:Bills`."""
    from intacct_bridge.mapping.language import unified_map

    version, _, entity = name.partition(":")
    return unified_map(entity, version).object


def _singular(name: str) -> tuple[str, ...]:
    """The entity of version 2 for one of hotglue's plural stream names."""
    if name.endswith("ies"):
        return (f"{name[:-3]}y",)
    return (name[:-1],) if name.endswith("s") else ()


class TargetBatches:
    """Takes records in and gives results out."""

    def __init__(
        self,
        client: "Client",
        outbox: "Outbox",
        config: TargetConfig,
        *,
        equals: EqualNumbers,
        note: Callable[[str], object],
        complain: Callable[[str], object],
    ) -> None:
        self._client = client
        self._company = client
        self.layouts = StreamLayouts(client, self._company, config)
        self._outbox = outbox
        self._config = config
        self._equals = equals
        self._note = note
        self._complain = complain
        self._announced: dict[str, None] = {}
        """Streams whose layouts are not known yet."""
        self._facts = CompanyFacts()
        self._loader = Loader(self._company, outbox, config.load)
        self._waiting: dict[str, list[InputRecord]] = {}
        self._keys: set[tuple[str, ...]] = set()
        self._count = 0
        self.unfinished = 0
        """Records without a result: they wait, or an error has kept them from being sent."""

    def announce(self, stream: str) -> None:
        """Records of a stream will come."""
        self._announced[stream] = None

    def _prepare(self) -> None:
        """Read the definitions for the streams that were announced, in few requests, and complain of unknown ones."""
        streams, self._announced = list(self._announced), {}
        if not self._client.connection.is_legacy:
            names = dict.fromkeys(name for stream in streams for name in self.layouts.objects_of(stream))
            described = [name for name in names if name not in UNDESCRIBED]
            if described:
                self._client.describe_many(described, {})
                self._client.inspect_many(name for name in described if name not in _USUALLY_NEEDED)
        for stream in streams:
            try:
                self.layouts.of(stream)
            except (SettingsError, InvalidRequestError) as error:
                self._complain(f"{stream}: {error.message}; its records are refused ({error.fix})")

    def add(self, arrived: InputRecord) -> Iterator[RecordResult]:
        """Take a record; the results of those that had to be sent first, and of those that fill a window with it."""
        self.unfinished += 1
        key = (arrived.stream, *map(nfc, arrived.key))
        if arrived.key and key in self._keys:
            yield from self.flush()
        self._keys.add(key)
        self._waiting.setdefault(arrived.stream, []).append(arrived)
        self._count += 1
        if self._count >= self._config.window:
            yield from self.flush()

    def flush(self) -> Iterator[RecordResult]:
        """Send everything that waits."""
        self._prepare()
        self._facts = CompanyFacts()  # what was found for an earlier window may have changed since
        self._equals.keep()
        waiting, self._waiting = self._waiting, {}
        left, self._count = self._count, 0
        self._keys.clear()
        for stream, records in waiting.items():
            for result in self._load(stream, records):
                left -= 1
                self.unfinished -= 1
                yield result
        self.unfinished -= left

    def _load(self, stream: str, records: Sequence[InputRecord]) -> Iterator[RecordResult]:
        try:
            how = self.layouts.of(stream)
        except (SettingsError, InvalidRequestError) as error:
            yield from (_refused(one, _text(error)) for one in records)
            return
        sound: list[InputRecord] = []
        for one in records:
            refusal = one.refusal or ("its source marks it as deleted" if one.record.get(DELETED) else "")
            if refusal:
                yield _refused(one, refusal, how.layout.object)
            else:
                sound.append(one)
        for plan, some in self._plans(stream, how, sound):
            if isinstance(plan, IntacctError):
                yield from (_refused(one, _text(plan), how.layout.object) for one in some)
            else:
                yield from self._apply(plan, some)

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
            for one in records:
                by_columns.setdefault(frozenset(one.record), []).append(one)
            if len(by_columns) == 1:
                yield error, records
                return
            for some in by_columns.values():
                yield from self._plans(stream, how, some)

    def _plan(self, stream: str, how: StreamLayout, records: Sequence[InputRecord]) -> Plan:
        rows = [one.row(self._config.source_name, how.defaults) for one in records]
        columns = tuple(dict.fromkeys(name for row in rows for name in row.cells))
        folder = self._config.input_path or Path()  # files to attach are named in it
        path = folder / stream.replace("/", "_")
        takes_files = self._config.input_path is not None
        table = InputTable(
            path, columns, lambda: iter(rows), "jsonl", decimal=self._config.decimal, takes_files=takes_files
        )
        plan = make_plan(table, how.layout, self._company, self._outbox, how.settings, facts=self._facts)
        for text in (*plan.notes, *(f"not checked: {rule}" for rule in plan.unchecked), *self._remarks(plan)):
            self._note(f"{stream}: {text}")
        return plan

    def _remarks(self, plan: Plan) -> Iterator[str]:
        """What happens to records beyond what the input says."""
        read = [one for record in plan.of(*WRITTEN) for one in record.findings if one.rule == FLOAT_NOISE]
        if read:
            amounts = f"{counted(len(read), 'amount')} with the error of a binary float"
            yield f"{amounts}: read to the cent ({read[0].message})"
        if any(takes_own_reference(one.write) for one in plan.of(Verdict.CREATE)):
            yield OWN_REFERENCES if self._config.load.own_references else NO_REFERENCES

    def _apply(self, plan: Plan, records: Sequence[InputRecord]) -> Iterator[RecordResult]:
        by_place = {one.place: one for one in records}
        self._facts.forget(plan.object)
        for row, reason in plan.refused_rows:
            yield _refused(by_place[row.source, row.number], reason, plan.object)
        stopped: IntacctError | None = None
        for some in _groups(self._loader.apply(plan), self._config.load.batch_size):
            known: Mapping[str, tuple[str, str]] = {}
            try:
                known = {} if stopped is not None else self._described(some)
            except IntacctError as error:
                stopped = error  # raised after the results: these records are written
            for one in some:
                yield from self._results(one, by_place, known)
        if stopped is not None:
            raise stopped

    def _results(
        self,
        outcome: RecordOutcome,
        by_place: Mapping[tuple[str, int], InputRecord],
        known: Mapping[str, tuple[str, str]],
    ) -> Iterator[RecordResult]:
        """The result of each record of the stream that is a row of what was written; `known` is what `_described`
        found.
        """
        write, status = outcome.write, outcome.status
        record = outcome.receipt.record if outcome.receipt else ""
        updates = write.operation is WriteOperation.UPDATE and status is not RecordStatus.UNCHANGED
        updated = updates and status.is_written
        error = "" if status.is_written else outcome.reason or status.outcome_text
        if error and not write.rows:  # something that the records only need, such as a folder for their files
            self._note(f"{write.label}: {error}")
        for row in write.rows:
            arrived = by_place[row.source, row.number]
            number, url = known.get(record, (record, ""))
            yield RecordResult(arrived, status, write.object, number, error, updated, url)

    def _described(self, outcomes: Sequence[RecordOutcome]) -> dict[str, tuple[str, str]]:
        """The record number of each written record and its address in Intacct's own pages, by its receipt.

        The receipt of most records is their number already; that of an order is its name. Only hotglue's report needs
        the number, and only a config that asks for them the addresses.
        """
        from intacct_protocol.model.query.query import Query
        from intacct_protocol.model.query.query import field as field_named

        lookup = lookup_keys_of(outcomes[0].write.object)
        numbered = not lookup.answered_key or not self._config.hotglue_state
        records = [one.receipt.record for one in outcomes if one.good and one.receipt and one.receipt.record]
        if not records or (numbered and not self._config.record_urls):
            return {}
        described = self._client.describe(lookup.object)
        names = tuple(dict.fromkeys((lookup.receipt_key, lookup.record_key)))
        select = (*names, *(["RECORD_URL"] if self._config.record_urls and described.get("RECORD_URL") else []))
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
    some: list[RecordOutcome] = []
    try:
        for outcome in outcomes:
            some.append(outcome)
            if len(some) == size:
                yield some
                some = []
    except IntacctError:
        yield some
        raise
    if some:
        yield some


def _refused(arrived: InputRecord, reason: str, object_name: str = "") -> RecordResult:
    return RecordResult(arrived, RecordStatus.REFUSED, object_name, error=reason)


def _text(error: IntacctError) -> str:
    return f"{error.message} ({error.fix})" if error.fix else error.message
