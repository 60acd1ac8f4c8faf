"""From records as they arrive to outcomes: they gather, are planned together, sent, and told one by one.

Memory holds one window of records. Streams are sent in the order in which they began, so that what later streams refer
to is there; a record whose key is already waiting sends the others ahead, so that the later one finds the earlier.

What a stream's records are: an object by its own names, a unified entity, or whatever a mapping makes of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.edge.singer.target_config import TargetConfig
from intacct_bridge.errors import IntacctError, InvalidRequestError, SettingsError
from intacct_bridge.flow.company.writable import subject_of
from intacct_bridge.flow.layouts.choose import layout_for
from intacct_bridge.flow.layouts.native import NativeLayout
from intacct_bridge.flow.plan.plan import Mode, PlanSettings
from intacct_bridge.model.suggestions import did_you_mean

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.flow.layouts.base import Layout
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from intacct_bridge.diagnosis import diagnose
from intacct_bridge.edge.singer.target_results import DELETED, Arrived, Fate, RecordResult
from intacct_bridge.flow.plan.plan import Plan
from intacct_bridge.flow.plan.planner import make_plan
from intacct_bridge.flow.post.loader import Ending, Loader, RecordOutcome
from intacct_bridge.flow.records.tables import InputTable
from intacct_bridge.flow.records.write import WriteOperation

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.flow.outbox.outbox import Outbox


_NEVER_CHANGED = ("GLBATCH", "APPYMT", "ARPYMT", "ARADVANCE", "DEPOSIT", "OTHERRECEIPTS", "CCTRANSACTION")
"""Records that an upsert only ever creates: what was posted or paid is corrected by a person, not by a second load."""


@dataclass(frozen=True, slots=True)
class Lane:
    """How one stream's records are read and planned."""

    layout: "Layout"
    settings: PlanSettings
    more: Mapping[str, Any] = field(default_factory=dict)
    """Values for columns that a record leaves out."""


class Streams:
    """Finds the lane of each stream, once."""

    def __init__(self, client: "Client", config: TargetConfig) -> None:
        self._client = client
        self._config = config
        self._lanes: dict[str, Lane | IntacctError] = {}

    def lane(self, stream: str) -> Lane:
        """The stream's lane. SettingsError or InvalidRequestError, with the nearest name, where it has none."""
        known = self._lanes.get(stream)
        if known is None:
            try:
                known = self._find(stream)
            except (SettingsError, InvalidRequestError) as error:
                known = error
            self._lanes[stream] = known
        if isinstance(known, IntacctError):
            raise known
        return known

    def _find(self, stream: str) -> Lane:
        path = self._mapping(stream)
        if path is not None:
            return self._lane(layout_for("", self._client, map_file=path, draft=self._config.draft))
        unified = self._unified(stream)
        if unified:
            return self._lane(layout_for(unified, self._client, draft=self._config.draft))
        try:
            subject = subject_of(self._client, stream)
        except InvalidRequestError as error:
            raise self._unknown(stream, error) from None
        return self._lane(NativeLayout(subject, draft=self._config.draft and bool(subject.lookup.draft)))

    def _mapping(self, stream: str) -> Path | None:
        exact = self._config.mappings.get(stream)
        patterns = (path for name, path in self._config.mappings.items() if fnmatchcase(stream, name))
        return exact or next(patterns, None)

    def _unified(self, stream: str) -> str:
        """The unified entity that the stream's name means; empty where it is an object's own name."""
        from intacct_bridge.model.mapping.language import unified_map

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

    def _lane(self, layout: "Layout") -> Lane:
        mode = Mode(self._config.mode)
        if mode is Mode.UPSERT and layout.object in _NEVER_CHANGED:
            mode = Mode.CREATE
        by_name = self._config.vendors_by_name and layout.object == "VENDOR" and mode in (Mode.UPDATE, Mode.UPSERT)
        settings = PlanSettings(
            allow_duplicates=self._config.allow_duplicates, mode=mode, match=("NAME",) if by_name else ()
        )
        more: dict[str, Any] = {}
        if layout.object == "PODOCUMENT" and self._config.po_transaction_type:
            more["transactionType"] = self._config.po_transaction_type
        return Lane(layout, settings, more)

    def _unknown(self, stream: str, error: InvalidRequestError) -> IntacctError:
        """The error for a stream that is nothing we know, with the nearest name of any kind."""
        from intacct_bridge.model.mapping.language import VERSIONS, unified_maps

        objects = self._client.objects()
        if stream.upper() in objects:
            return error  # it is known, and cannot be written by itself
        names = [name for version in VERSIONS for name in unified_maps(version)]
        return SettingsError(
            f"the stream {stream!r} is no object and no unified entity{did_you_mean(stream, [*names, *objects])}",
            fix="rename the stream, or give it a mapping in the config's mappings",
        )


def _singular(name: str) -> tuple[str, ...]:
    """What hotglue's plural stream names call the entities of version 2."""
    if name.endswith("ies"):
        return (f"{name[:-3]}y",)
    return (name[:-1],) if name.endswith("s") else ()


_FATES = {
    Ending.POSTED: Fate.APPLIED,
    Ending.SETTLED: Fate.APPLIED,
    Ending.UNCHANGED: Fate.EXISTING,
    Ending.REJECTED: Fate.FAILED,
    Ending.ABORTED: Fate.FAILED,
    Ending.CONFLICT: Fate.FAILED,
    Ending.NOT_SENT: Fate.OPEN,
    Ending.BUSY: Fate.OPEN,
    Ending.IN_DOUBT: Fate.IN_DOUBT,
}


class TargetBatches:
    """Takes records in and gives outcomes out."""

    def __init__(
        self,
        client: "Client",
        outbox: "Outbox",
        config: TargetConfig,
        *,
        note: Callable[[str], object],
    ) -> None:
        self.streams = Streams(client, config)
        self._client = client
        self._outbox = outbox
        self._config = config
        self._note = note
        self._loader = Loader(client, outbox, config.load)
        self._waiting: dict[str, list[Arrived]] = {}
        self._keys: set[tuple[str, ...]] = set()
        self._count = 0
        self._seen: dict[bytes, int] = {}

    def add(self, arrived: Arrived) -> Iterator[RecordResult]:
        """Take a record; what became of those that had to go ahead of it, and of those that fill a window with it."""
        key = (arrived.stream, *arrived.key)
        if arrived.key and key in self._keys:
            yield from self.flush()
        self._keys.add(key)
        self._waiting.setdefault(arrived.stream, []).append(arrived)
        self._count += 1
        if self._count >= self._config.window:
            yield from self.flush()

    def flush(self) -> Iterator[RecordResult]:
        """Send everything that waits."""
        waiting, self._waiting, self._count = self._waiting, {}, 0
        self._keys.clear()
        for stream, records in waiting.items():
            yield from self._stream(stream, records)

    def _stream(self, stream: str, records: Sequence[Arrived]) -> Iterator[RecordResult]:
        try:
            lane = self.streams.lane(stream)
        except (SettingsError, InvalidRequestError) as error:
            yield from (RecordResult(one, Fate.FAILED, error=_text(error)) for one in records)
            return
        good: list[Arrived] = []
        for one in records:
            refusal = one.refusal or ("its source marks it as deleted" if one.record.get(DELETED) else "")
            if refusal:
                yield RecordResult(one, Fate.FAILED, lane.layout.object, error=refusal)
            else:
                good.append(one)
        for plan, some in self._plans(stream, lane, good):
            if isinstance(plan, IntacctError):
                yield from (RecordResult(one, Fate.FAILED, lane.layout.object, error=_text(plan)) for one in some)
            else:
                yield from self._apply(plan, some)

    def _plans(
        self, stream: str, lane: Lane, records: Sequence[Arrived]
    ) -> Iterator[tuple[Plan | IntacctError, Sequence[Arrived]]]:
        """A plan for the records; where their columns cannot be read, one for each set of columns that they have."""
        if not records:
            return
        try:
            yield self._plan(stream, lane, records), records
        except (SettingsError, InvalidRequestError) as error:
            by_columns: dict[frozenset[str], list[Arrived]] = {}
            for one in records:
                by_columns.setdefault(frozenset(one.record), []).append(one)
            if len(by_columns) == 1:
                yield error, records
                return
            for some in by_columns.values():
                yield from self._plans(stream, lane, some)

    def _plan(self, stream: str, lane: Lane, records: Sequence[Arrived]) -> Plan:
        rows = [one.row(self._config.source_name, self._key(one), lane.more) for one in records]
        columns = tuple(dict.fromkeys(name for row in rows for name in row.cells))
        place = (self._config.input_path or Path()) / stream.replace(
            "/", "_"
        )  # files to attach are named in that folder
        table = InputTable(place, columns, lambda: iter(rows), "jsonl", takes_files=self._config.input_path is not None)
        plan = make_plan(table, lane.layout, self._client, self._outbox, lane.settings)
        for text in (*plan.notes, *(f"not checked: {rule}" for rule in plan.unchecked)):
            self._note(f"{stream}: {text}")
        return plan

    def _key(self, arrived: Arrived) -> tuple[str, ...]:
        """The record's key in its source; without one its content, with a number among equal ones of the run."""
        if arrived.key:
            return arrived.key
        digest = bytes.fromhex(arrived.digest)[:16]
        self._seen[digest] = number = self._seen.get(digest, 0) + 1
        return ("content", arrived.digest, str(number))

    def _apply(self, plan: Plan, records: Sequence[Arrived]) -> Iterator[RecordResult]:
        by_place = {one.place: one for one in records}
        for row, reason in plan.refused_rows:
            yield RecordResult(by_place[row.source, row.number], Fate.FAILED, plan.object, error=reason)
        for some in _chunks(self._loader.apply(plan), self._config.load.batch_size):
            urls = self._urls(some) if self._config.record_urls else {}
            for one in some:
                yield from self._settled(one, by_place, urls)

    def _settled(
        self, outcome: RecordOutcome, by_place: dict[tuple[str, int], Arrived], urls: dict[str, str]
    ) -> Iterator[RecordResult]:
        """The outcome for each record of the stream that is a row of what was written."""
        write, fate = outcome.write, _FATES[outcome.ending]
        record = outcome.receipt.record if outcome.receipt else ""
        updated = write.operation is WriteOperation.UPDATE and fate is Fate.APPLIED
        error = "" if outcome.good else _why(outcome)
        if error and not write.rows:  # what the records only need, such as a folder for their files
            self._note(f"{write.label}: {error}")
        for row in write.rows:
            place = by_place[row.source, row.number]
            yield RecordResult(place, fate, write.object, record, error, updated, urls.get(record, ""))

    def _urls(self, outcomes: Sequence[RecordOutcome]) -> dict[str, str]:
        """The addresses of records in Intacct's own pages, where the object has them."""
        from intacct_bridge.model.query.query import Query
        from intacct_bridge.model.query.query import field as field_named

        records = [one.receipt.record for one in outcomes if one.good and one.receipt and one.receipt.record.isdigit()]
        if not records:
            return {}
        described = self._client.describe(outcomes[0].write.object)
        if described.get("RECORD_URL") is None:
            return {}
        where = field_named("RECORDNO").is_in([int(record) for record in records])
        query = Query(described.name, ("RECORDNO", "RECORD_URL"), where=where, show_private=True)
        return {str(row["RECORDNO"]): str(row["RECORD_URL"] or "") for row in self._client.query(query)}


def _chunks(outcomes: Iterable[RecordOutcome], size: int) -> Iterator[list[RecordOutcome]]:
    """Outcomes in groups; an error on the way comes after the outcomes that came before it."""
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


def _why(outcome: RecordOutcome) -> str:
    if outcome.faults:
        known = diagnose(outcome.faults, "function")
        return f"{known.means} {known.fault.text}" if known.entry else str(known.fault)
    return outcome.note or outcome.ending.value


def _text(error: IntacctError) -> str:
    return f"{error.message} ({error.fix})" if error.fix else error.message
