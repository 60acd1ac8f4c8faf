"""The outbox: the durable record of all writes, from before they are sent until their outcome is known.

Every company has one SQLite file, which all loaders on the machine share, or a schema of a PostgreSQL database, which
loaders on several machines share. Three rules hold through every crash:

- An entry is `sent` on disk before its bytes leave.
- Only an entry whose status proves that nothing was applied can become `sent`. That happens in one transaction, so only
  one of two loaders gets it.
- An entry that is `sent` by a loader that has ended is in doubt.

The lock of a file proves that a loader has ended. A lost session of PostgreSQL proves less: the loader may have lost
its network only. So bytes leave within a deadline after the commit of `sent`, which a late loader extends while the
entry is still its own. Other loaders wait for the deadline and the longest request before the entry is in doubt.
"""

import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.outbox.entry import (
    Approval,
    OutboxEntry,
    PlanRecord,
    Resolution,
    ResolutionKind,
    WriteTarget,
)
from intacct_bridge.load.outbox.equal_counts import EqualCounts
from intacct_bridge.load.outbox.reader import OutboxReader
from intacct_bridge.load.outbox.storage import (
    APPLIED_SINCE,
    CLAIMED,
    CONCLUDE,
    CONTENT,
    CURRENT,
    DECIDE,
    END_DELETED,
    END_RECEIPT,
    FORGET_REPLACED,
    HOLD_IDENTITY,
    JOIN,
    KEEP_IDENTITIES,
    KEEP_REPEAT_GUARD,
    LAST_NUMBER,
    MARK_SENT,
    NOT_SENT,
    NOTE_DEPARTURE,
    PLAN_COLUMNS,
    PLAN_NEW,
    PLAN_PAGE,
    PLANS_ELSEWHERE,
    RECOVER,
    RELEASE,
    RELEASE_IDENTITIES,
    RENAME,
    REPLACED,
    REPLAN,
    REQUESTS,
    SAVE_PLAN,
    SEPARATE,
    conclude_values,
    digest_of,
    held_values,
    identities_text,
    new_values,
    outbox_place,
    replanned_values,
    tables,
    time_text,
)
from intacct_bridge.load.records.identity import control_id, corrected_identities, free_place
from intacct_bridge.load.records.kept_values import fields_text
from intacct_bridge.load.records.status import ANSWERED, UNAPPLIED, RecordStatus
from intacct_bridge.load.records.write import CORRECTED, OF_SOURCE, SHARED, Identity, Receipt, WriteOperation
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.shared_state.database import Clock, Row, placeholders
from intacct_bridge.shared_state.open import open_database
from intacct_bridge.shared_state.place import Place
from intacct_protocol.errors import BusyError, SettingsError, UnreachableError
from intacct_protocol.model.batched import batched
from intacct_protocol.xml.values import Value

_BATCH = 500
_LATE = timedelta(seconds=1)
"""If bytes leave later than this after `begin`, the time of sending is noted."""
_PLAN_PIECE = 100_000
"""Bytes of a plan in one row: a move of the outbox holds hundreds of rows in memory."""
_ANY_TIME = "9999"
"""A text that sorts after every time."""
_DECISIONS = {
    ResolutionKind.POSTED_AS: (RecordStatus.IN_DOUBT, RecordStatus.APPLIED),
    ResolutionKind.NOT_POSTED: (RecordStatus.IN_DOUBT, RecordStatus.NOT_SENT),
    ResolutionKind.FORGOTTEN: (RecordStatus.APPLIED, RecordStatus.RELEASED),
}
"""The status that a decision needs, and the status that it leads to."""
_FIX_BY_STATUS = {
    RecordStatus.SENT: "Its request may still be on its way; wait until its loader has ended.",
    RecordStatus.IN_DOUBT: "Resolve it first: intacct outbox resolve",
}
"""The fix, if an entry is in another status than a decision needs."""


def system_clock() -> datetime:
    """The machine's own clock, for callers without the company's."""
    return datetime.now(UTC)


def open_outbox(connection: Connection, *, run: str = "") -> "Outbox":
    """The outbox of a connection's loads, created if there is none; `run` is the id of the run that opens it."""
    return Outbox(outbox_place(connection), user=connection.user_id, run=run)


class Outbox(OutboxReader):
    """One loader's view of an open outbox, for several threads. After `close` the loader counts as ended."""

    def __init__(self, place: Place, *, clock: Clock | None = None, user: str = "", run: str = "") -> None:
        """Open the outbox, or make it. `clock` replaces the machine's, or the database server's."""
        self.user = user
        self.loader = run or uuid.uuid4().hex
        super().__init__(open_database(place, tables(), name=self.loader, clock=clock))
        self.clock: Clock = clock or self._db.clock or system_clock
        self.equal_counts = EqualCounts(self._db)

    @property
    def name(self) -> str:
        """The place as messages name it."""
        return self._db.place_name

    @property
    def path(self) -> Path:
        """The outbox's file; if it is in a database, the name that files beside it begin with."""
        return self._db.path

    def begin_run(self, user: str, clock: Clock) -> list[OutboxEntry]:
        """Begin a run of a user, and return the entries that `recover` put in doubt.

        Times are from now on those of this clock, the company's. A database with a clock of its own keeps that.
        """
        self.user, self.clock = user, clock if self._db.clock is None else self.clock
        return self.recover()

    # --- writing

    def plan(self, new_entries: Iterable[OutboxEntry], *, repeat: bool = True) -> list[OutboxEntry]:
        """Enter what is to be sent, and return the entry of each in their order.

        An entry that was certainly not applied takes the new content; any other is returned as it is. So is one that
        was applied, unless its operation may be repeated; with `repeat` False that is never done.
        """
        rows: list[OutboxEntry] = []
        for batch in batched(new_entries, _BATCH):
            self.clock()  # may sign in to ask for the company's time: other loaders wait for the transaction
            with self._db.transaction():
                latest = self.latest((entry.target, entry.identity) for entry in batch)
                rows += self._plan(batch, latest, repeat=repeat)
        return rows

    def _plan(
        self, new_entries: Sequence[OutboxEntry], latest: Mapping[tuple[WriteTarget, str], OutboxEntry], *, repeat: bool
    ) -> list[OutboxEntry]:
        """The entries of these; those that the outbox does not have, the bulk of a long load, are inserted together."""
        number = int(self._db.execute(LAST_NUMBER).fetchone()[0])
        now = self.clock()
        current = dict(latest)
        entries: list[OutboxEntry] = []
        fresh: list[OutboxEntry] = []
        for new in new_entries:
            key = (new.target, new.identity)
            entry = self._planned(new, current.get(key), now, number + 1, repeat=repeat)
            if entry.number > number:
                number += 1
                fresh.append(entry)
            current[key] = entry
            entries.append(entry)
        self._db.executemany(PLAN_NEW, map(new_values, fresh))
        self._db.executemany(CONTENT, ((entry.number, entry.body, entry.request_digest) for entry in fresh))
        before = {one.number for one in latest.values()}
        planned = [
            (new.earlier, entry.number)
            for new, entry in zip(new_entries, entries, strict=True)
            if entry.status is RecordStatus.PLANNED
        ]
        not_seen = [(number,) for earlier, number in planned if earlier is None and number in before]
        self._db.executemany(FORGET_REPLACED, not_seen)
        replaced = ((number, fields_text(earlier)) for earlier, number in planned if earlier is not None)
        self._db.executemany(REPLACED, replaced)
        return entries

    def _planned(
        self, new: OutboxEntry, last: OutboxEntry | None, now: datetime, next_number: int, *, repeat: bool
    ) -> OutboxEntry:
        """The entry of a new one: as it is, with the new content, or new with the next number."""
        number, attempt, generation, sendings = 0, 1, 0, 0
        if last is not None:
            number, attempt, generation, sendings = last.number, last.attempt, last.generation, last.sendings
            repeats = repeat and last.status is RecordStatus.APPLIED and new.target.operation.is_repeatable
            if repeats or last.status is RecordStatus.RELEASED:
                number, attempt, generation, sendings = 0, 1, last.generation + 1, 0
            elif last.status not in UNAPPLIED:
                return last
            elif last.status in ANSWERED or last.digest != new.digest:
                attempt += 1
        before = last if number else None
        identity = new.identity if generation == 0 else f"{new.identity}#{generation}"
        entry = replace(
            new,
            number=number or next_number,
            generation=generation,
            attempt=attempt,
            control_id=control_id(new.target.parts, identity, attempt),
            request_digest=digest_of(new.body),
            user=self.user,
            loader=self.loader,
            input=before.input if before else self.loader,
            planned_at=now,
            sent_at=before.sent_at if before else None,
            last_sent_at=before.last_sent_at if before else None,
            changed_at=now,
            sendings=sendings,
            earlier=None,
        )
        if number:
            self._db.execute(REPLAN, replanned_values(entry))
            self._db.execute(CONTENT, (number, entry.body, entry.request_digest))
        return entry

    def begin(self, entries: Sequence[OutboxEntry], *, together: bool = False) -> list[OutboxEntry]:
        """Mark entries as sent, durably, before their bytes leave, and return those that may be sent.

        The others were taken, settled or changed by another loader since they were planned. `together`: those that may
        be sent go in one transaction, so that they are applied together or not at all.
        """
        return self._take(entries, RecordStatus.PLANNED, together=together)

    def resume(self, entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """As `begin`, for entries in doubt that are sent again under their control id."""
        return self._take(entries, RecordStatus.IN_DOUBT)

    def _take(
        self, entries: Sequence[OutboxEntry], state: RecordStatus, *, together: bool = False
    ) -> list[OutboxEntry]:
        begun: list[OutboxEntry] = []
        reconnections = self._db.reconnections
        with self._db.transaction():
            now = self.clock()
            text = time_text(now)
            current = self._current(entries)
            changed = self._changed_by_others(entries, current)
            for entry in entries:
                row = current.pop(entry.number, None)
                if row is None or tuple(row)[1:] != (state, entry.sendings, entry.control_id, entry.digest):
                    continue
                if entry.number in changed:
                    continue
                first = now if state is RecordStatus.PLANNED else entry.sent_at or now
                begun.append(self._sent(entry, first, now))
            if state is RecordStatus.PLANNED:
                begun = self._with_identities(begun, text)
            self._db.executemany(
                MARK_SENT,
                ((self.loader, self.user, text, text, time_text(one.sent_at or now), one.number) for one in begun),
            )
            if state is RecordStatus.PLANNED:
                self._db.executemany(SEPARATE, ((one.number,) for one in begun))
                batch = uuid.uuid4().hex
                self._db.executemany(JOIN, ((one.number, batch) for one in begun if together and len(begun) > 1))
        if self._db.reconnections != reconnections:  # the answer to the commit was lost
            return self._ours(begun)
        return begun

    def _with_identities(self, entries: Sequence[OutboxEntry], now: str) -> list[OutboxEntry]:
        """Those of the entries that hold all identities of their records from now on.

        An identity that another live entry holds is not taken: the entry is not sent, and its note says so.
        """
        by_target: dict[WriteTarget, list[OutboxEntry]] = {}
        for entry in entries:
            if entry.target.operation is WriteOperation.CREATE:
                by_target.setdefault(entry.target, []).append(entry)
        refused: set[int] = set()
        numbered: dict[int, OutboxEntry] = {}
        for target, members in by_target.items():
            identities = (identity for entry in members for identity in entry.identities)
            holders = self.holders(target, identities, in_flight=True)
            held = {
                (kind, text): {holder.place: holder.entry.number for holder in places if holder.entry.is_live}
                for (kind, text), places in holders.items()
            }
            for entry in members:
                places = [held.setdefault((identity.kind, identity.text), {}) for identity in entry.identities]
                holds = [
                    replace(identity, place=identity.place or free_place(used))
                    for identity, used in zip(entry.identities, places, strict=True)
                ]
                other = next(
                    (used[one.place] for one, used in zip(holds, places, strict=True) if one.place in used),
                    entry.number,
                )
                if other != entry.number:
                    refused.add(entry.number)
                    note = f"entry {other}, which is the same record, was sent by another load; run this load again"
                    self._db.execute(NOT_SENT, (now, note, entry.number))
                    continue
                for identity, used in zip(holds, places, strict=True):
                    used[identity.place] = entry.number
                if tuple(holds) != entry.identities:
                    numbered[entry.number] = replace(entry, identities=tuple(holds))
                    self._db.execute(KEEP_IDENTITIES, (identities_text(tuple(holds)), entry.number))
        begun = [numbered.get(entry.number, entry) for entry in entries if entry.number not in refused]
        new = (entry for entry in begun if entry.target.operation is WriteOperation.CREATE)
        updates = (entry for entry in begun if entry.target.operation is WriteOperation.UPDATE)
        holding = (*new, *self._with_new_numbers(updates))
        self._db.executemany(HOLD_IDENTITY, (values for entry in holding for values in held_values(entry)))
        return begun

    def _with_new_numbers(self, updates: Iterable[OutboxEntry]) -> Iterator[OutboxEntry]:
        """Updates with the keys and numbers that no live record has: they give them to records of the company.

        They hold these until their outcome is known, so that no other load posts a second record of that number.
        """
        by_target: dict[WriteTarget, list[OutboxEntry]] = {}
        for update in updates:
            identities = tuple(replace(one, place=1) for one in update.identities if one.kind in CORRECTED)
            by_target.setdefault(update.target, []).append(replace(update, identities=identities))
        for target, members in by_target.items():
            holders = self.holders(target, (identity for update in members for identity in update.identities))
            live = {key for key, places in holders.items() if any(one.entry.is_live for one in places)}
            for update in members:
                new = tuple(one for one in update.identities if (one.kind, one.text) not in live)
                yield replace(update, identities=new)

    def learn(self, identities: Mapping[int, tuple[Identity, ...]]) -> None:
        """Let live records be known by these identities too, by the numbers of their entries.

        An identity that another live entry holds stays with that one.
        """
        with self._db.transaction():
            for number, entry in self.numbered(identities).items():
                if entry.is_live:
                    self._identify(entry, (*entry.identities, *identities[number]))

    def _identify(self, entry: OutboxEntry, identities: Iterable[Identity]) -> None:
        """Let a live record be known by these identities, and by no others.

        A key that another live entry holds stays with that one. Numbers and contents have a place for each record.
        """
        by_key: dict[tuple[str, str], Identity] = {}
        for identity in identities:
            by_key.setdefault((identity.kind, identity.text), identity)
        holders = self.holders(entry.target, by_key.values())
        held: list[Identity] = []
        for key, identity in by_key.items():
            live = (holder for holder in holders.get(key, ()) if holder.entry.is_live)
            others = {holder.place for holder in live if holder.entry.number != entry.number}
            if not others or (identity.place and identity.place not in others):
                held.append(replace(identity, place=identity.place or 1))
            elif identity.kind in SHARED:
                held.append(replace(identity, place=free_place(others)))
        self._db.execute(RELEASE_IDENTITIES, (entry.number,))
        self._db.execute(KEEP_IDENTITIES, (identities_text(tuple(held)), entry.number))
        self._db.executemany(HOLD_IDENTITY, held_values(replace(entry, identities=tuple(held))))

    def _identify_corrected(self, update: OutboxEntry) -> None:
        """Let the record of an update that was applied be known by what it says now.

        From then on the update has what its record was known by before, which taking it back restores.
        """
        if (created := self._created(update)) is not None:
            self._db.execute(KEEP_IDENTITIES, (identities_text(created.identities), update.number))
            self._identify(created, corrected_identities(created.identities, update.identities))

    def _identify_restored(self, update: OutboxEntry) -> None:
        """Let the record of an update that is taken back be known by what it was known by before."""
        updates = update.target.operation is WriteOperation.UPDATE and update.status is RecordStatus.APPLIED
        if updates and update.identities and (created := self._created(update)) is not None:
            self._identify(created, update.identities)

    def _created(self, update: OutboxEntry) -> OutboxEntry | None:
        """The live entry that created the record of an update."""
        record = update.receipt.record if update.receipt is not None else ""
        created = self.created_as(update.target.company, update.target.object, [record]) if record else {}
        return next(iter(created.values()), None)

    def _changed_by_others(
        self, entries: Sequence[OutboxEntry], current: Mapping[int, tuple[str, RecordStatus, int, str, str]]
    ) -> set[int]:
        """The entries for which another loader has entered another function, of the same record.

        One input may become several functions: its names mean other ids by now, or a setting adds a reference number.
        The outbox must have the one that is sent, by which the record is looked for and sent again.
        """
        planned = {one.number: one for one in entries if current.get(one.number, (one.loader,))[0] != one.loader}
        changed: set[int] = set()
        for batch in batched(planned, _BATCH):
            sql = f"{REQUESTS} {placeholders(batch)}"
            rows = self._db.execute(sql, batch)
            changed |= {number for number, digest in rows if digest != planned[number].request_digest}
        return changed

    def _ours(self, entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """Those of the entries that this loader has marked as sent, as the database has them now."""
        with self._db.transaction():
            current = self._current(entries)
        mine = {
            number: (state, sendings)
            for number, (loader, state, sendings, *_) in current.items()
            if loader == self.loader
        }
        return [one for one in entries if mine.get(one.number) == (RecordStatus.SENT, one.sendings)]

    def note_sending(self, entries: Sequence[OutboxEntry]) -> None:
        """Note that the bytes of these entries leave now, if they have waited since `begin`.

        The time to settle counts from here. BusyError if another loader looks for one of them already: then nothing
        may be sent.
        """
        now = self.clock()
        late = [one for one in entries if one.last_sent_at is not None and now - one.last_sent_at >= _LATE]
        if not late:
            return
        with self._db.transaction():
            text = time_text(self.clock())
            self._db.executemany(NOTE_DEPARTURE, ((text, one.number, self.loader, one.sendings) for one in late))
        if len(self._ours(late)) < len(late):
            raise BusyError(
                f"entry {late[0].number} was not sent in time, and another loader looks for it now",
                fix="Run the load again.",
            )

    def _sent(self, entry: OutboxEntry, first: datetime, now: datetime) -> OutboxEntry:
        """The entry as MARK_SENT leaves it."""
        return replace(
            entry,
            status=RecordStatus.SENT,
            loader=self.loader,
            user=self.user,
            sent_at=first,
            last_sent_at=now,
            changed_at=now,
            sendings=entry.sendings + 1,
        )

    def _current(self, entries: Iterable[OutboxEntry]) -> dict[int, tuple[str, RecordStatus, int, str, str]]:
        """Entries as the file has them now: their loader, status, sendings, control id and digest."""
        rows_by_number: dict[int, tuple[str, RecordStatus, int, str, str]] = {}
        for batch in batched(entries, _BATCH):
            sql = f"{CURRENT} {placeholders(batch)}"
            for number, *row in self._db.execute(sql, [entry.number for entry in batch]):
                loader, state, *others = row
                rows_by_number[number] = (loader, RecordStatus(state), *others)
        return rows_by_number

    def conclude(self, ended: Iterable[OutboxEntry], *, claim: bool = False) -> list[OutboxEntry]:
        """Record the outcome of entries that this loader sent, or of entries in doubt, and return those entries.

        Entries that have moved on since the caller saw them are left out: sent again, or taken by another loader.
        `claim`: their records were found, and not named by an answer. They must not be those of other entries.
        """
        ends = list(ended)
        try:
            return self._conclude(ends, claim=claim)
        except UnreachableError:  # an outcome is worth a second attempt, on a new connection
            done = {one.number: one for one in self._conclude(ends, claim=claim)}
        entries = [self.entry(end.number) for end in ends]
        return [one for one, end in zip(entries, ends, strict=True) if one.number in done or self._is_of(one, end)]

    def _is_of(self, entry: OutboxEntry, end: OutboxEntry) -> bool:
        """Whether an entry is as this loader concluded it: its first attempt was written, and its answer was lost."""
        return (entry.loader, entry.sendings, entry.status) == (self.loader, end.sendings, end.status)

    def _conclude(self, ends: Sequence[OutboxEntry], *, claim: bool) -> list[OutboxEntry]:
        done: list[OutboxEntry] = []
        written = 0
        with self._db.transaction():
            now = self.clock()
            current = self._current(ends)
            for end in ends:
                loader, status, sendings, *_ = current.pop(end.number, ("", RecordStatus.PLANNED, 0))
                ours = status is RecordStatus.IN_DOUBT or (status is RecordStatus.SENT and loader == self.loader)
                if claim:  # another entry of these may have claimed the record a moment ago
                    self._db.executemany(CONCLUDE, map(conclude_values, done[written:]))
                    written = len(done)
                if ours and sendings == end.sendings and not (claim and self._belongs_to_another(end)):
                    done.append(end if status is end.status else replace(end, changed_at=now))
            self._db.executemany(CONCLUDE, map(conclude_values, done[written:]))
            self._follow([entry for entry in done if entry.status is RecordStatus.APPLIED], now)
        return done

    def _follow(self, applied: Sequence[OutboxEntry], now: datetime) -> None:
        """What follows for other records: a correction changes their keys, an undo or a delete releases them."""
        for update in applied:
            if update.target.operation is WriteOperation.UPDATE and update.identities:
                self._identify_corrected(update)
        taken_back = {entry.undoes: entry.number for entry in applied if entry.undoes is not None}
        for undone in self.numbered(taken_back).values():
            self._identify_restored(undone)
        self._db.executemany(RELEASE, ((time_text(now), by, number) for number, by in taken_back.items()))
        self._db.executemany(END_DELETED, (_deleted_values(one, now) for one in applied if _has_deleted(one)))

    def _belongs_to_another(self, end: OutboxEntry) -> bool:
        """Whether the record that was found belongs to another entry."""
        place, record = end.target, end.receipt.record if end.receipt else ""
        if place.operation is not WriteOperation.CREATE:
            return False
        return self._db.execute(CLAIMED, (place.company, place.object, record, end.number)).fetchone() is not None

    def keep_earlier(self, entry: OutboxEntry, earlier: Mapping[str, Value] | None) -> None:
        """Keep what an entry in doubt replaces if it is sent again, unless another loader has sent it meanwhile."""
        if earlier is None:
            return
        with self._db.transaction():
            _, state, sendings, *_ = self._current([entry]).get(entry.number, ("", entry.status, -1))
            if state is RecordStatus.IN_DOUBT and sendings == entry.sendings:
                self._db.executemany(REPLACED, [(entry.number, fields_text(earlier))])

    def keep_urls(self, urls: Mapping[int, str]) -> None:
        """Keep the links of entries, by their numbers."""
        with self._db.transaction():
            self._db.executemany("UPDATE entry SET url = ? WHERE number = ?", ((url, n) for n, url in urls.items()))

    def decide(self, number: int, decision: Resolution) -> OutboxEntry:
        """Conclude an entry by a person's decision, and keep who decided it and why.

        In doubt becomes applied or not sent; applied becomes released, without a claim to its record. SettingsError
        if the entry is in another state, or where the record is the receipt of another entry.
        """
        before, after = _DECISIONS[decision.kind]
        with self._db.transaction():
            entry = self.entry(number)
            if entry.status is not before:
                raise SettingsError(
                    f"entry {number} is {entry.status.value}, not {before.value}",
                    fix=_FIX_BY_STATUS.get(entry.status, f"See: intacct outbox show {number}"),
                )
            end = entry.ended(after, Receipt(decision.record), note=decision.note)
            if self._belongs_to_another(end):
                raise SettingsError(
                    f"{entry.target.object} {decision.record} is the receipt of another entry",
                    fix=f"See: intacct outbox list --find {decision.record}",
                )
            now = self.clock()
            self._db.execute(CONCLUDE, conclude_values(replace(end, changed_at=now)))
            if after is RecordStatus.APPLIED:
                self._follow([end], now)
            who = (decision.person, decision.kind.value, decision.record, decision.reason)
            self._db.execute(DECIDE, (number, time_text(now), *who))
        return self.entry(number)

    def release(self, entry: OutboxEntry, note: str) -> None:
        """Release the entry of a record that is proven to be deleted, so that its identity may be posted again."""
        with self._db.transaction():
            self._db.execute(END_RECEIPT, (time_text(self.clock()), note, entry.number))

    def rename(self, entry: OutboxEntry, identity: Identity) -> None:
        """Let a record be known by another key of its source from now on, in place of the one that it had."""
        others = (other for other in entry.identities if other.kind not in OF_SOURCE)
        with self._db.transaction():
            self._db.execute(RENAME, (identity.text, entry.number))
            self._identify(entry, (*others, identity))

    def recover(self) -> list[OutboxEntry]:
        """Put entries in doubt that ended loaders left as sent. Every run begins with this: a crash reports nothing."""
        if not self._ended_loaders():
            return []  # without asking the company for its time
        now = self.clock()  # before the transaction, which other loaders wait for
        with self._db.transaction():
            ended = self._ended_loaders()
            before = time_text(now - self._db.grace) if self._db.grace else _ANY_TIME
            rows: list[OutboxEntry] = []
            for loader in ended:
                values = {"now": time_text(now), "loader": loader, "before": before}
                recovered = self._db.execute(RECOVER, values).fetchall()
                rows += (self.entry(row[0]) for row in recovered)
        return rows

    def _ended_loaders(self) -> list[str]:
        """The loaders that left entries as sent and run no more."""
        rows = self._db.read("SELECT DISTINCT loader FROM entry WHERE status = 'sent'")
        return [row[0] for row in rows if not self.is_running(row[0])]

    def keep_repeat_guard(self, loader: str, control_id: str) -> None:
        """Keep the control id of the harmless read that a loader made before it sent anything."""
        with self._db.transaction():
            self._db.execute(KEEP_REPEAT_GUARD, (loader, control_id))

    def take_repeat_guard(self, loader: str) -> str:
        """Return that control id and remove it from the outbox; empty if there is none."""
        with self._db.transaction():
            sql = "DELETE FROM repeat_guard WHERE loader = ? RETURNING control_id"
            row = self._db.execute(sql, (loader,)).fetchone()
        return str(row[0]) if row is not None else ""

    # --- approvals

    @property
    def id(self) -> str:
        """The outbox's own id, which does not change when its file is moved."""
        return str(self._db.read("SELECT id FROM outbox_id", ())[0][0])

    def record_plan(self, plan: str, digest: str, person: str, target: TargetCompany) -> PlanRecord:
        """Note that a person made the plan of this id, which has this digest and is for this company and user."""
        where = (target.company, target.entity, target.environment, target.user)
        with self._db.transaction():
            self._db.execute(SAVE_PLAN, (plan, digest, person, time_text(self.clock()), *where))
        record = self.plan_record(plan)
        assert record is not None
        return record

    def plan_record(self, plan: str) -> PlanRecord | None:
        """The plan of this id; None if it was not made with this outbox."""
        rows = self._db.read(f"SELECT {PLAN_COLUMNS} FROM saved_plan WHERE id = ?", (plan,))
        return next(map(_plan_record, rows), None)

    def hold_plan(self, plan: str, text: bytes) -> None:
        """Hold the text of a plan, which is listed from then on."""
        packed = zlib.compress(text)
        starts = range(0, len(packed), _PLAN_PIECE)
        pieces = [(plan, place, packed[start : start + _PLAN_PIECE]) for place, start in enumerate(starts)]
        with self._db.transaction():
            self._db.executemany("INSERT INTO plan_piece (plan, place, bytes) VALUES (?, ?, ?)", pieces)
            self._db.execute("UPDATE saved_plan SET held = 1 WHERE id = ?", (plan,))

    def plan_text(self, plan: str) -> bytes | None:
        """The text of a plan; None if the outbox does not hold it. ValueError if it was altered."""
        rows = self._db.read("SELECT bytes FROM plan_piece WHERE plan = ? ORDER BY place", (plan,))
        try:
            return zlib.decompress(b"".join(bytes(row[0]) for row in rows)) if rows else None
        except zlib.error as error:
            raise ValueError(str(error)) from None

    def end_plan(self, plan: str) -> None:
        """Note that nothing of a plan is left to apply."""
        with self._db.transaction():
            self._db.execute("UPDATE saved_plan SET done = 1 WHERE id = ?", (plan,))

    def plan_page(self, target: TargetCompany, *, done: bool, after: str = "", limit: int) -> list[PlanRecord]:
        """The plans that the outbox holds for this company and user, the latest first: those that are done, or the
        others. `after` is the last plan of the page before.
        """
        last = self.plan_record(after) if after else None
        at = _ANY_TIME if last is None else time_text(last.at)
        where = (target.company, target.entity, target.environment, target.user)
        return list(map(_plan_record, self._db.read(PLAN_PAGE, (int(done), *where, at, at, after, limit))))

    def plans_elsewhere(self, target: TargetCompany, *, done: bool) -> list[tuple[TargetCompany, int]]:
        """For which other entities, environments and users of this company the outbox holds plans, and how many."""
        where = (target.company, target.entity, target.environment, target.user)
        rows = self._db.read(PLANS_ELSEWHERE, (int(done), *where))
        return [(TargetCompany(target.company, *place), count) for *place, count in rows]

    def approve(self, approval: Approval) -> None:
        """Keep an approval."""
        times = (time_text(approval.at), time_text(approval.expires_at))
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO approval (plan, digest, person, at, expires_at) VALUES (?, ?, ?, ?, ?)",
                (approval.plan, approval.digest, approval.person, *times),
            )

    def approvals(self, plan: str) -> list[Approval]:
        """The approvals of a plan, oldest first."""
        sql = "SELECT plan, digest, person, at, expires_at FROM approval WHERE plan = ? ORDER BY number"
        return [
            Approval(row[0], row[1], row[2], datetime.fromisoformat(row[3]), datetime.fromisoformat(row[4]))
            for row in self._db.read(sql, (plan,))
        ]

    def applied_since(
        self, event: int, writes: Iterable[tuple[WriteTarget, str, str]]
    ) -> list[tuple[Receipt, datetime | None] | None]:
        """Of each (place, identity, digest) the receipt and the time, if it was applied after this event.

        It counts as applied, even if its entry was released since.
        """
        return [self._applied_since(event, *write) for write in writes]

    def _applied_since(
        self, event: int, place: WriteTarget, identity: str, digest: str
    ) -> tuple[Receipt, datetime | None] | None:
        rows = self._db.read(APPLIED_SINCE, (*place.parts, identity, digest, event))
        if not rows:
            return None
        record, name, sent_at = rows[0]
        return Receipt(record or "", name or ""), datetime.fromisoformat(sent_at) if sent_at else None

    def is_running(self, loader: str) -> bool:
        """Whether the loader that sent an entry still runs."""
        return self._db.is_held(loader)

    def unsafe_settings(self) -> list[str]:
        """The settings of a database server without which a power cut loses commits, if they are off."""
        return self._db.unsafe_settings()

    def close(self) -> None:
        """Close it; entries that this loader leaves as `sent` are in doubt from now on."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _plan_record(row: Row) -> PlanRecord:
    plan, digest, person, at, last_event = row
    return PlanRecord(plan, digest, person, datetime.fromisoformat(at), last_event)


def _has_deleted(entry: OutboxEntry) -> bool:
    deletes = entry.target.operation is WriteOperation.DELETE
    return deletes and entry.receipt is not None and bool(entry.receipt.record)


def _deleted_values(entry: OutboxEntry, now: datetime) -> tuple[str | int, ...]:
    """An applied delete as END_DELETED takes it."""
    record = entry.receipt.record if entry.receipt else ""
    return (time_text(now), entry.number, entry.target.company, entry.target.object, record, entry.number)
