"""Reading an open outbox: its entries, the entry of a record, and the decisions of people."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields

from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget
from intacct_bridge.load.outbox.storage import (
    BATCHES,
    HOLDERS,
    LIVE_CONTENTS,
    OF_BATCH,
    SELECT,
    STILL_CLAIMS,
    TAKEN_BACK,
    entry_of,
)
from intacct_bridge.load.records.kept_values import fields_from
from intacct_bridge.load.records.status import MAYBE_APPLIED, UNRESOLVED, WITH_RECEIPT, RecordStatus
from intacct_bridge.load.records.write import Identity, WriteOperation
from intacct_bridge.shared_state.database import Row, StateDatabase, placeholders
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.batched import batched
from intacct_protocol.xml.values import Value

_BATCH = 500
_BY_SOURCE = '%"text":"source:%'


class NoEntryError(SettingsError):
    """The outbox has no entry with this number."""


@dataclass(frozen=True, slots=True)
class EntryEvent:
    """A status that an entry had: a row of the table `event`."""

    number: int
    entry: int
    at: str
    status: str
    attempt: int
    control_id: str
    digest: str
    loader: str
    user: str
    record: str | None
    faults: str
    note: str

    def to_dict(self) -> dict[str, object]:
        """The status, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about an entry."""

    at: str
    person: str
    decision: str
    record: str
    reason: str

    def to_dict(self) -> dict[str, object]:
        """The decision, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Holder:
    """An entry that was sent last under an identity, in one of its places."""

    place: int
    detail: str
    entry: OutboxEntry


class OutboxReader:
    """Reads an outbox, and changes nothing in it."""

    def __init__(self, database: StateDatabase) -> None:
        self._db = database

    def latest(self, intents: Iterable[tuple[WriteTarget, str]]) -> dict[tuple[WriteTarget, str], OutboxEntry]:
        """The newest entry of each (target, identity) that has one."""
        entries_by_key: dict[tuple[WriteTarget, str], OutboxEntry] = {}
        for batch in batched(intents, _BATCH):
            for target in {target for target, _ in batch}:
                identities = [identity for one, identity in batch if one == target]
                for entry in self._by_identity(target, identities):
                    entries_by_key[entry.target, entry.identity] = entry
        return entries_by_key

    def holders(
        self, target: WriteTarget, identities: Iterable[Identity], *, in_flight: bool = False
    ) -> dict[tuple[str, str], list[Holder]]:
        """The entries that hold identities of new records, or held them last, by kind and text, in their places.

        `in_flight`: also updates without an outcome yet, which may give a record that key or number.
        """
        rows: list[Row] = []
        asked_for = {(identity.kind, identity.text) for identity in identities}
        for texts in batched(sorted({text for _, text in asked_for}), _BATCH):
            place = (target.company, target.entity, target.object)
            rows += self._db.read(f"{HOLDERS} {placeholders(texts)} ORDER BY identity.place", (*place, *texts))
        entries = self.numbered(sorted({row[4] for row in rows}))
        holders: dict[tuple[str, str], list[Holder]] = {}
        for text, kind, place, detail, number in rows:
            entry = entries[number]
            creates = entry.target.operation is WriteOperation.CREATE
            if (kind, text) in asked_for and (creates or (in_flight and entry.status in UNRESOLVED)):
                holders.setdefault((kind, text), []).append(Holder(place, detail, entry))
        return holders

    def holders_of(self, entry: OutboxEntry) -> dict[Identity, int]:
        """The live entries that hold the identities of an entry, by number."""
        holders = self.holders(entry.target, entry.identities)
        return {
            identity: holder.entry.number
            for identity in entry.identities
            for holder in holders.get((identity.kind, identity.text), ())
            if holder.place == identity.place and holder.entry.is_live
        }

    def numbered(self, numbers: Iterable[int]) -> dict[int, OutboxEntry]:
        """The entries with these numbers."""
        entries: dict[int, OutboxEntry] = {}
        for batch in batched(numbers, _BATCH):
            rows = self._db.read(f"{SELECT} WHERE number IN {placeholders(batch)}", batch)
            entries |= {entry.number: entry for entry in map(entry_of, rows)}
        return entries

    def contents_of(self, target: WriteTarget, run: str) -> list[tuple[int, str]]:
        """The live records that a run entered first: the numbers of their entries, and their identities by content."""
        rows = self._db.read(LIVE_CONTENTS, (target.company, target.entity, target.object, run))
        return [(number, text) for number, text in rows]

    def _by_identity(self, target: WriteTarget, identities: Sequence[str]) -> Iterator[OutboxEntry]:
        where = "company = ? AND entity = ? AND operation = ? AND object = ?"
        sql = f"{SELECT} WHERE {where} AND identity IN {placeholders(identities)} ORDER BY generation"
        return map(entry_of, self._db.read(sql, (*target.parts, *identities)))

    def entries(
        self,
        *,
        company: str | None = None,
        statuses: Iterable[RecordStatus] = (),
        object: str | None = None,
    ) -> Iterator[OutboxEntry]:
        """Entries in the order in which they were planned."""
        tests: list[tuple[str, tuple[str, ...]]] = []
        if company is not None:
            tests.append(("company = ?", (company,)))
        if object is not None:
            tests.append(("object = ?", (object,)))
        if chosen := tuple(statuses):
            tests.append((f"status IN {placeholders(chosen)}", chosen))
        where = " AND ".join(test for test, _ in tests) or "true"
        values = tuple(value for _, some in tests for value in some)
        return map(entry_of, self._db.read(f"{SELECT} WHERE {where} ORDER BY number", values))

    def entry(self, number: int) -> OutboxEntry:
        """The entry with this number; NoEntryError if there is none."""
        rows = self._db.read(f"{SELECT} WHERE number = ?", (number,))
        if not rows:
            raise NoEntryError(f"the outbox has no entry {number}", fix="See: intacct outbox list")
        return entry_of(rows[0])

    def claimed(self, company: str, object: str, records: Iterable[str], *, by_source: bool = False) -> set[str]:
        """Those of these record keys that a receipt has. `by_source`: only of records with a key of their source."""
        claims: set[str] = set()
        where = f"company = ? AND object = ? AND identities LIKE ? AND {STILL_CLAIMS} AND record IN"
        for batch in batched(records, _BATCH):
            sql = f"SELECT record FROM entry WHERE {where} {placeholders(batch)}"
            rows = self._db.read(sql, (company, object, _BY_SOURCE if by_source else "%", *batch))
            claims |= {row[0] for row in rows}
        return claims

    def taken_back(self, company: str, object: str, records: Iterable[str]) -> set[str]:
        """Those of the company's record keys that we posted and took back, or posted to take another back."""
        undone: set[str] = set()
        where = f"company = ? AND object = ? AND operation = 'create' AND {TAKEN_BACK} AND record IN"
        for batch in batched(records, _BATCH):
            sql = f"SELECT record FROM entry WHERE {where} {placeholders(batch)}"
            undone |= {row[0] for row in self._db.read(sql, (company, object, *batch))}
        return undone

    @property
    def position(self) -> str:
        """The outbox with its last event: what it holds now, so that what is sent later can be told apart."""
        (row,) = self._db.read("SELECT id, (SELECT coalesce(max(number), 0) FROM event) FROM outbox_id")
        return f"{row[0]}:{row[1]}"

    def posted_after(self, position: str, entries: Iterable[OutboxEntry]) -> list[OutboxEntry]:
        """Those of these entries that were sent after a position of this outbox and not refused; none for another's."""
        return self.sent_after(
            position, (entry for entry in entries if entry.status in (*MAYBE_APPLIED, *WITH_RECEIPT))
        )

    def sent_after(self, position: str, entries: Iterable[OutboxEntry]) -> list[OutboxEntry]:
        """Those of these entries that were sent after a position of this outbox; none for another's."""
        outbox, _, event = position.partition(":")
        candidates = {entry.number: entry for entry in entries}
        if not candidates or not event.isdecimal() or outbox != self.position.partition(":")[0]:
            return []
        sent: set[int] = set()
        for batch in batched(candidates, _BATCH):
            sql = f"SELECT entry FROM event WHERE status = 'sent' AND number > ? AND entry IN {placeholders(batch)}"
            sent.update(row[0] for row in self._db.read(sql, (int(event), *batch)))
        return [entry for number, entry in candidates.items() if number in sent]

    def created_as(self, company: str, object: str, records: Iterable[str]) -> dict[str, OutboxEntry]:
        """The live entries that created these records of the company, by record."""
        created: dict[str, OutboxEntry] = {}
        where = "company = ? AND object = ? AND operation = 'create' AND status = 'applied' AND record IN"
        for batch in batched(records, _BATCH):
            rows = self._db.read(f"{SELECT} WHERE {where} {placeholders(batch)}", (company, object, *batch))
            created |= {entry.receipt.record: entry for entry in map(entry_of, rows) if entry.receipt is not None}
        return created

    def written(self, company: str, object: str, records: Iterable[str]) -> dict[str, list[OutboxEntry]]:
        """The applied writes of these records of the company, by record."""
        written: dict[str, list[OutboxEntry]] = {}
        where = "company = ? AND object = ? AND status = 'applied' AND record IN"
        for batch in batched(records, _BATCH):
            for row in self._db.read(f"{SELECT} WHERE {where} {placeholders(batch)}", (company, object, *batch)):
                entry = entry_of(row)
                written.setdefault(entry.receipt.record if entry.receipt else "", []).append(entry)
        return written

    def later_writes(
        self, company: str, object: str, operation: WriteOperation, records: Iterable[str]
    ) -> dict[str, list[OutboxEntry]]:
        """The applied updates or deletes of these records, by record, oldest first."""
        writes: dict[str, list[OutboxEntry]] = {}
        where = "company = ? AND object = ? AND operation = ? AND status = 'applied' AND record IN"
        for batch in batched(records, _BATCH):
            sql = f"{SELECT} WHERE {where} {placeholders(batch)} ORDER BY number"
            for row in self._db.read(sql, (company, object, operation.value, *batch)):
                entry = entry_of(row)
                writes.setdefault(entry.receipt.record if entry.receipt else "", []).append(entry)
        return writes

    def batches(self, entries: Iterable[OutboxEntry]) -> dict[int, str]:
        """The batch of each of these entries that was last sent in one transaction with others."""
        batch_ids: dict[int, str] = {}
        for numbers in batched((entry.number for entry in entries), _BATCH):
            batch_ids |= {row[0]: row[1] for row in self._db.read(f"{BATCHES} {placeholders(numbers)}", numbers)}
        return batch_ids

    def of_batch(self, batch: str) -> list[OutboxEntry]:
        """The entries that were last sent in one transaction, as they are now."""
        return [entry_of(row) for row in self._db.read(OF_BATCH, (batch,))]

    def example(self, company: str, object: str, name: str) -> OutboxEntry | None:
        """The newest record of ours that is applied and has a value for this field in its lookup key."""
        where = "company = ? AND object = ? AND operation = 'create' AND status = 'applied' AND record IS NOT NULL"
        sql = f"{SELECT} WHERE {where} AND lookup_key LIKE ? ORDER BY number DESC LIMIT 1"
        return next(map(entry_of, self._db.read(sql, (company, object, f'%"{name}":%'))), None)

    def replaced_values(self, entry: OutboxEntry) -> dict[str, Value] | None:
        """The values that an update replaced, or the facts of a record that was deleted or acted on.

        None if its plan did not read them.
        """
        rows = self._db.read("SELECT fields FROM replaced_values WHERE entry = ?", (entry.number,))
        return fields_from(str(rows[0][0])) if rows else None

    def history(self, entry: OutboxEntry) -> list[EntryEvent]:
        """Every status that the entry had, oldest first."""
        rows = self._db.read("SELECT * FROM event WHERE entry = ? ORDER BY number", (entry.number,))
        return [EntryEvent(**{column.name: row[column.name] for column in fields(EntryEvent)}) for row in rows]

    def decisions(self, entry: OutboxEntry) -> list[Decision]:
        """What people decided about the entry, oldest first."""
        rows = self._db.read("SELECT * FROM decision WHERE entry = ? ORDER BY number", (entry.number,))
        return [Decision(**{column.name: row[column.name] for column in fields(Decision)}) for row in rows]
