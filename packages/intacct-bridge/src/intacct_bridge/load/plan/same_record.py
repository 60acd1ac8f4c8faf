"""The same record: which record of ours each new record of an input is, by everything that either is known by.

A source is corrected and loaded again. Its record may have another number, date, amount or text then, and must not be
posted a second time. So all its identities are compared with those of the live records that we posted:

1. A key of the source or of the company says at once which record it is.
2. A number says so where only one record has it. Records of one input may share a number, such as an accrual and its
   reversal: each is the earlier record with its content, else the one with its date and journal. One that is left is
   new only if the input also has all earlier records of the number. Else it may be one of them with another date.
3. Contents are compared where either side has no other identity. Equal contents are the same records if the input has
   everything again that an earlier input has posted: then it is the same file, or a longer one. Else the record may be
   either, and is refused.

A record of ours with equal content is unchanged. One with other content is a conflict, which a person decides.
Records of one source with different keys are different records, regardless of their numbers and contents.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from intacct_bridge.load.outbox.described import write_target
from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget
from intacct_bridge.load.outbox.reader import Holder, OutboxReader
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.duplicates import is_new
from intacct_bridge.load.plan.outbox_verdict import CONFLICT, sent_text
from intacct_bridge.load.plan.plan import DUPLICATE, MatchRules, PlannedRecord, Verdict
from intacct_bridge.load.plan.receipts import CheckedReceipt, ReceiptCheck, ReceiptState
from intacct_bridge.load.records.identity import all_identities, content_identity, content_text, free_place
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import OF_SOURCE, Finding, Identity, Write

_Key = tuple[str, str]
"""The kind and the text of an identity."""
_EXACT = ("source", "equal", "key")
"""Kinds of identities that say at once which record it is."""


class MatchPosted:
    """The step that finds the record of ours that each new record is, and gives the others places of their own."""

    def __init__(self, context: PlanContext) -> None:
        self._context = context
        self._matched: set[int] = set()
        """The entries of ours that records of this input are."""
        self._entered_as: dict[str, int] = {}
        """The identities under which new records of this input are entered, with their places in the input."""

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Ask the outbox for all records together, and check the receipts that it has."""
        return self._match(records, {at: one for at, one in enumerate(records) if one.verdict is Verdict.CREATE})

    def by_resolved(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """The step once more, for records that are known by more now that their references are ids."""
        source = self._context.settings.rules.source_name
        new = {at: one for at, one in enumerate(records) if one.verdict is Verdict.CREATE}
        changed = {
            at: one for at, one in new.items() if _keys(one.write) != [*map(_key, _identities(one.write, source))]
        }
        return self._match(records, changed)

    def _match(self, records: Sequence[PlannedRecord], new: Mapping[int, PlannedRecord]) -> list[PlannedRecord]:
        rules, outbox = self._context.settings.rules, self._context.outbox
        if not new:
            return list(records)
        writes = {
            at: replace(one.write, identities=_identities(one.write, rules.source_name)) for at, one in new.items()
        }
        target = write_target(self._context.target, next(iter(writes.values())))
        holders = outbox.holders(target, (identity for write in writes.values() for identity in write.identities))
        entered = dict(zip(writes, self._context.entries(writes.values()), strict=True))
        entries = {entry.number: entry for entry in entered.values() if entry is not None}
        entries |= {one.entry.number: one.entry for places in holders.values() for one in places}
        receipts = ReceiptCheck(self._context)
        checked = receipts.check(entries.values())
        inputs = _Inputs(outbox, target, [one.write for one in records if one.is_new], receipts)
        matching = _Matching(
            writes,
            holders,
            entered,
            _Live(checked),
            inputs,
            rules,
            latest=lambda write: self._context.entries([write])[0],
            matched_entries=self._matched,
            entered_as=self._entered_as,
        )
        matching.run()
        decided = receipts.decide(
            [matching.record(at, one) for at, one in new.items()], [matching.matched.get(at) for at in new], checked
        )
        done = list(records)
        again = {at: entry for at in new if (entry := matching.released(at)) is not None}
        records_again = [entry.receipt.record for entry in again.values() if entry.receipt is not None]
        undone = outbox.taken_back(target.company, target.object, records_again)
        for at, record in zip(new, decided, strict=True):
            findings = (*matching.findings.get(at, ()), *self._again(record, again.get(at), undone))
            done[at] = record.with_findings(*findings).or_refused()
        return done

    def _again(self, record: PlannedRecord, entry: OutboxEntry | None, undone: Container[str]) -> Iterator[Finding]:
        """That a record which an undo of ours took back comes again as it was."""
        if entry is None or entry.receipt is None or entry.receipt.record not in undone:
            return
        when = f"on {entry.changed_at.date()}" if entry.status is RecordStatus.RELEASED else "since"
        text = f"{record.write.label} was posted on {entry.since.date()} and taken back {when}"
        refuses = self._context.settings.rules.after_undo == "refuse"
        fix = "set `after_undo` to post if it is to be posted again" if refuses else ""
        yield Finding("again", text, fix, position=record.write.position, refuses=refuses)


@dataclass(frozen=True, slots=True)
class PostedBySource:
    """What we posted of an input's records, by the keys that they have in their source; by the places of the writes."""

    records: Mapping[int, OutboxEntry]
    """The live records with the same key, which an upsert changes."""
    others: Mapping[int, OutboxEntry]
    """Live records with the same key in the company, and another one in the source."""


def posted_by_source(context: PlanContext, writes: Mapping[int, Write]) -> PostedBySource:
    """Ask the outbox for the records that these writes are for.

    In the source without a name, one whose key in the company is another one, or that has none there, is left out: it
    may be another record.
    """
    source = context.settings.rules.source_name
    keyed = {at: write for at, write in writes.items() if write.source_key}
    if not keyed:
        return PostedBySource({}, {})
    target = write_target(context.target, next(iter(keyed.values())))
    identities = {at: [one for one in _identities(write, source) if one.kind in _EXACT] for at, write in keyed.items()}
    holders = context.outbox.holders(target, (one for known_by in identities.values() for one in known_by))
    live = _Live(ReceiptCheck(context).check(one.entry for places in holders.values() for one in places))
    records: dict[int, OutboxEntry] = {}
    others: dict[int, OutboxEntry] = {}
    for at, known_by in identities.items():
        for identity in known_by:
            entry = next((one.entry for one in holders.get(_key(identity), ()) if live(one.entry)), None)
            if entry is None:
                continue
            if identity.kind == "source":
                if source or _shares("key", entry.identities, known_by):
                    records[at] = entry
            elif _differs("source", entry.identities, known_by):
                others[at] = entry
    return PostedBySource(records, others)


def _identities(write: Write, source: str) -> tuple[Identity, ...]:
    """What a write is known by; of a saved plan, with what it was known by when the plan was made."""
    by_content = all_identities(write, source)
    saved = [one for one in write.identities if one.kind in OF_SOURCE or write.undoes is not None]
    return tuple({(one.kind, one.text): one for one in (*saved, *by_content)}.values())


@dataclass(frozen=True, slots=True)
class _Live:
    """Says whether the record of an entry is in the company, or may be."""

    checked: Mapping[int, CheckedReceipt]

    def __call__(self, entry: OutboxEntry) -> bool:
        receipt = self.checked.get(entry.number)
        return entry.is_live and (receipt is None or receipt.state is not ReceiptState.RELEASED)


class _Inputs:
    """Says of earlier inputs whether this one has everything again that they posted and that is live."""

    def __init__(
        self, outbox: OutboxReader, target: WriteTarget, writes: Iterable[Write], receipts: ReceiptCheck
    ) -> None:
        self._outbox, self._target, self._receipts = outbox, target, receipts
        self._again = Counter(content_text(write.digest) for write in writes)
        self._complete: dict[str, bool] = {}

    def is_complete(self, run: str) -> bool:
        """Whether all live records of an earlier input are in this one, as often as they were posted."""
        if run not in self._complete:
            self._complete[run] = not self._missing(run)
        return self._complete[run]

    def _missing(self, run: str) -> bool:
        """Whether a record of an earlier input is not in this one, and still in the company."""
        left = Counter(self._again)
        contents: dict[int, list[str]] = {}
        for number, text in self._outbox.contents_of(self._target, run):
            contents.setdefault(number, []).append(text)
        missing: list[int] = []
        for number, texts in sorted(contents.items(), key=lambda entry: len(entry[1])):
            again = next((text for text in texts if left[text]), None)  # a corrected record has its former contents too
            if again is None:
                missing.append(number)
            else:
                left[again] -= 1
        entries = self._outbox.numbered(missing)
        live = _Live(self._receipts.check(entries.values()))
        return any(live(entry) for entry in entries.values())


@dataclass(slots=True)
class _Matching:
    """The new records of one input and entity, and the live records that they are."""

    writes: Mapping[int, Write]
    holders: Mapping[_Key, Sequence[Holder]]
    entered: Mapping[int, OutboxEntry | None]
    """The entry under which the outbox has each record already."""
    live: _Live
    inputs: "_Inputs"
    rules: MatchRules
    latest: Callable[[Write], OutboxEntry | None]
    """The newest entry of a write's identity."""
    matched_entries: set[int]
    """The entries that records of this input are."""
    entered_as: dict[str, int]
    """The identities under which records of this input are entered, with their places."""
    matched_by_new: set[int] = field(default_factory=set)
    """The entries of rows that the user calls new: no other row is one of these."""
    matched: dict[int, OutboxEntry] = field(default_factory=dict)
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    used: dict[_Key, set[int]] = field(default_factory=dict)
    """The places that live records, and records of this input, have."""

    def run(self) -> None:
        """Match by the strongest identities first."""
        for key, places in self.holders.items():
            self.used[key] = {one.place for one in places if self.live(one.entry)}
        called_new = [at for at, write in self.writes.items() if is_new(write, self.rules)]
        for at in called_new:
            self._match_row(at)
        others = [at for at in self.writes if at not in called_new]
        for at in others:
            self._match_exactly(at)
        for key, members in self._left("number", others).items():
            self._match_number(key, members)
        for key, members in self._left("content", others).items():
            self._match_content(key, members)

    def record(self, at: int, record: PlannedRecord) -> PlannedRecord:
        """The record with its identities in their places, entered under that of the record that it is."""
        entry, write = self.matched.get(at), self.writes[at]
        if entry is not None:
            held = {(one.kind, one.text): one for one in entry.identities}
            identities = tuple(held.get((one.kind, one.text), replace(one, place=0)) for one in write.identities)
            known_as = Identity(entry.identity, write.identity.kind)
            return replace(record, write=replace(write, identities=identities, identity=known_as))
        identities = tuple(self._placed(one) for one in write.identities)
        return replace(record, write=replace(write, identities=identities, identity=self._entered_as(at, identities)))

    def released(self, at: int) -> OutboxEntry | None:
        """The entry of a record with the same content that is not in the company any more, where none is live."""
        if at in self.matched:
            return None
        entries = [
            self.entered[at],
            *(one.entry for key in _keys(self.writes[at]) for one in self.holders.get(key, ())),
        ]
        return next(
            (
                entry
                for entry in entries
                if entry is not None and entry.digest == self.writes[at].digest and not self.live(entry)
            ),
            None,
        )

    # --- exactly

    def _match_row(self, at: int) -> None:
        """A record that the user calls new is nothing but the very row that was posted, which no other record is."""
        write = self.writes[at]
        for holder in (one for identity in write.identities for one in self._free(_key(identity))):
            if _is_posted_row(holder.entry, write) and not self._are_two(at, holder.entry):
                self._take(at, holder.entry)
                self.matched_by_new.add(holder.entry.number)
                return

    def _match_exactly(self, at: int) -> None:
        write = self.writes[at]
        candidates: dict[int, OutboxEntry] = {}
        entry = self.entered[at]
        if entry is not None and self.live(entry) and write.undoes is not None:
            candidates[entry.number] = entry  # it has no other identity
        for identity in write.identities:
            if identity.kind in _EXACT and (entry := self._best(_key(identity), write)) is not None:
                candidates.setdefault(entry.number, entry)
        if len(candidates) > 1:
            self._refuse(at, *list(candidates.values())[:2])
        elif candidates:
            (entry,) = candidates.values()
            self._take(at, entry)
            if _differs("source", entry.identities, write.identities):
                self._refuse_other_key(at, entry)

    def _best(self, key: _Key, write: Write) -> OutboxEntry | None:
        """The live record that holds an identity, with the same content if several do."""
        entries = (one.entry for one in self.holders.get(key, ()) if self.live(one.entry))
        others = (entry for entry in entries if entry.number not in self.matched_by_new)
        return min(others, key=lambda posted: posted.digest != write.digest, default=None)

    def _take(self, at: int, entry: OutboxEntry) -> None:
        self.matched[at] = entry
        self.matched_entries.add(entry.number)

    # --- by number

    def _left(self, kind: str, places: Iterable[int]) -> dict[_Key, list[int]]:
        """Those of these records that are not matched yet, by their identities of a kind."""
        left: dict[_Key, list[int]] = {}
        for at in places:
            for identity in self.writes[at].identities if at not in self.matched else ():
                if identity.kind == kind:
                    left.setdefault((kind, identity.text), []).append(at)
        return left

    def _match_number(self, key: _Key, members: Sequence[int]) -> None:
        for by_content in (True, False):
            for at in members:
                digest, detail = self.writes[at].digest, self._detail(at, key)
                equal = (
                    holder.entry
                    for holder in self._free(key)
                    if not self._are_two(at, holder.entry)
                    and (holder.entry.digest == digest if by_content else holder.detail == detail)
                )
                if at not in self.matched and (entry := next(equal, None)) is not None:
                    self._take(at, entry)
        for at in members:
            if at in self.matched:
                continue
            for holder in self._free(key):
                if self._are_two(at, holder.entry):
                    self._warn_of_number(at, holder.entry)
                else:
                    self.matched[at] = holder.entry  # with another content, date or journal: a conflict
                    break
        self._refuse_doubles(key, [at for at in members if at not in self.matched])

    def _refuse_doubles(self, key: _Key, members: Sequence[int]) -> None:
        """Refuse new records of one number, date and journal that no key of their source tells apart."""
        same: dict[str, list[int]] = {}
        for at in members:
            if not _has_source_key(self.writes[at]):
                same.setdefault(self._detail(at, key), []).append(at)
        for places in same.values():
            for at in places if len(places) > 1 else ():
                others = ", ".join(self.writes[place].position for place in places if place != at)
                text = f"{self.writes[at].label} has the number, date and party of the record at {others}"
                self._add(
                    at, "double", text, "make them one record, or name the second in `new` if both are to be posted"
                )

    def _free(self, key: _Key) -> list[Holder]:
        """The live records with an identity that no record of this input is."""
        return [
            one
            for one in self.holders.get(key, ())
            if self.live(one.entry) and one.entry.number not in self.matched_entries
        ]

    def _detail(self, at: int, key: _Key) -> str:
        return next(one.detail for one in self.writes[at].identities if (one.kind, one.text) == key)

    def _are_two(self, at: int, entry: OutboxEntry) -> bool:
        """Whether the source of both tells them apart by its keys."""
        return _differs("source", entry.identities, self.writes[at].identities)

    # --- by content

    def _match_content(self, key: _Key, members: Sequence[int]) -> None:
        free = self._free(key)
        for at in members:
            write, rule = self.writes[at], self.rules.equal_records
            others = [one for one in free if not _both_have_keys(one.entry, write)]
            row = next((one for one in others if _is_posted_row(one.entry, write)), None)
            equal = row or next(iter(others), None)
            if equal is None:
                continue
            free.remove(equal)
            if row is not None and rule == "new":
                self._take(at, equal.entry)  # the very row that was posted as a new record
            elif rule == "same" or self.inputs.is_complete(equal.entry.input):
                self._take(at, equal.entry)
            elif rule == "refuse":
                self._refuse_equal(at, equal.entry)

    # --- places

    def _placed(self, identity: Identity) -> Identity:
        """An identity of a new record in the next place that is free."""
        used = self.used.setdefault((identity.kind, identity.text), set())
        place = free_place(used)
        used.add(place)
        return replace(identity, place=place)

    def _entered_as(self, at: int, identities: Sequence[Identity]) -> Identity:
        """The identity of a new record in the outbox: its own, numbered if a live record or another row has that."""
        write = self.writes[at]
        if write.identity.kind == "content":
            return content_identity(write.digest, next(one.place for one in identities if one.kind == "content"))
        if self._may_enter(at, write.identity, self.entered[at]):
            return write.identity
        for number in count(2):  # several corrected records may have had this identity
            numbered = replace(write.identity, text=f"{write.identity.text}~{number}")
            if self._may_enter(at, numbered, self.latest(replace(write, identity=numbered))):
                break
        return numbered

    def _may_enter(self, at: int, identity: Identity, entry: OutboxEntry | None) -> bool:
        """Whether a new record may have an identity in the outbox, whose newest entry is this; then it has it."""
        if entry is not None and self.live(entry):
            return False
        return self.entered_as.setdefault(identity.text, at) == at

    # --- findings

    def _refuse(self, at: int, first: OutboxEntry, second: OutboxEntry) -> None:
        texts = (
            f"entry {entry.number} ({entry.label}, {sent_text(self.writes[at], entry)})" for entry in (first, second)
        )
        self._add(
            at, CONFLICT, f"{self.writes[at].label} is two records of ours: {' and '.join(texts)}", "take one back"
        )

    def _refuse_other_key(self, at: int, entry: OutboxEntry) -> None:
        write = self.writes[at]
        text = f"{write.label} was {sent_text(write, entry)} under another key of its source"
        self._add(at, CONFLICT, text, "correct its key, or give it a number of its own")

    def _refuse_equal(self, at: int, entry: OutboxEntry) -> None:
        write = self.writes[at]
        self._add(
            at,
            "equal",
            f"an equal record was {sent_text(write, entry)}, and {write.label} has no key "
            "that tells whether it is that record or another",
            "name it in `new` if it is another record, remove it if it is the same, or set `equal_records`",
        )

    def _warn_of_number(self, at: int, entry: OutboxEntry) -> None:
        write = self.writes[at]
        text = f"{write.label} has the number of another record, which was {sent_text(write, entry)} under another key"
        self._add(at, DUPLICATE, text, "", refuses=False)

    def _add(self, at: int, rule: str, text: str, fix: str, *, refuses: bool = True) -> None:
        position = self.writes[at].position
        self.findings.setdefault(at, []).append(Finding(rule, text, fix, position=position, refuses=refuses))


def _both_have_keys(entry: OutboxEntry, write: Write) -> bool:
    """Whether both are known by a key or a number of a source, so that their contents say nothing."""
    known_by = [any(one.kind in OF_SOURCE for one in known) for known in (entry.identities, write.identities)]
    return all(known_by)


def _has_source_key(write: Write) -> bool:
    return any(one.kind == "source" for one in write.identities)


def _key(identity: Identity) -> _Key:
    return identity.kind, identity.text


def _keys(write: Write) -> list[_Key]:
    return [*map(_key, write.identities)]


def _is_posted_row(entry: OutboxEntry, write: Write) -> bool:
    """Whether an entry is the very row of this input, as it was loaded before."""
    return entry.digest == write.digest and entry.position == write.position


def _shares(kind: str, identities: Iterable[Identity], others: Iterable[Identity]) -> bool:
    """Whether two records have an identity of this kind in common."""
    texts = {one.text for one in identities if one.kind == kind}  # a text begins with its kind
    return any(one.text in texts for one in others)


def _differs(kind: str, held: Iterable[Identity], known_by: Iterable[Identity]) -> bool:
    """Whether both have identities of a kind, from one source if they are its keys, and none in common."""
    theirs = {(one.detail, one.text) for one in held if one.kind == kind}
    mine = {(one.detail, one.text) for one in known_by if one.kind == kind}
    sources = {detail for detail, _ in theirs} & {detail for detail, _ in mine}
    return bool(sources) and not theirs & mine
