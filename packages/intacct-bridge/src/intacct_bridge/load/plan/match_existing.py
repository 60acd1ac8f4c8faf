"""Updates, upserts and deletes: each record of the input matched with the company's record that it is for.

Updates and deletes are not kept as done: the company shows each time which changes are left.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.altered_plans import identity_names
from intacct_bridge.load.plan.changes import (
    UNKNOWN,
    Change,
    deletion_of,
    differences,
    left_alone,
    obstacles,
    unknown_changes,
    update_of,
)
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.drafts import DECLINED, DRAFT, is_left_draft, not_a_draft
from intacct_bridge.load.plan.outbox_verdict import CONFLICT, by_outbox, is_doubtful, sent_text
from intacct_bridge.load.plan.plan import Mode, PlannedRecord, Verdict
from intacct_bridge.load.plan.receipts import ReceiptCheck
from intacct_bridge.load.plan.resolve_references import as_in_input
from intacct_bridge.load.plan.same_record import PostedBySource, posted_by_source
from intacct_bridge.load.records.identity import all_identities, content_digest, existing_identity, without_draft
from intacct_bridge.load.records.lookup_keys import is_draft_state
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import Finding, Identity, InputContent, Receipt, Write, WriteOperation
from intacct_bridge.load.target.current_records import (
    CurrentRecord,
    Locator,
    Names,
    key_names,
    key_texts,
    moved_facts,
    replaced_values,
)
from intacct_bridge.load.target.functions import files_of_existing
from intacct_bridge.load.target.references import resolve
from intacct_protocol.errors import RecordError

_OPERATIONS = {Mode.DELETE: WriteOperation.DELETE, Mode.UPDATE: WriteOperation.UPDATE}


class IdentifyByKey:
    """The step that gives each record the operation of its mode, and the key of its existing record as identity."""

    def __init__(self, context: PlanContext) -> None:
        self._mode, self._match = context.settings.mode, context.settings.match
        self._writable = context.describe()

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Identify each record; one without a key is refused, or can only be new."""
        return [self._identified(record) for record in records]

    def _identified(self, record: PlannedRecord) -> PlannedRecord:
        write, operation = record.write, _OPERATIONS.get(self._mode, WriteOperation.CREATE)
        verdict = Verdict(operation.value)
        if operation is WriteOperation.DELETE and write.attachments:  # files do not matter to a delete
            digest = content_digest(write.object, write.fields, write.lines)
            write = replace(write, attachments=(), folder="", digest=digest)
        try:
            names = key_names(write, self._writable, self._match)
        except RecordError as error:
            if self._mode is Mode.UPSERT and not self._match:
                return record  # without a key it can only be new
            finding = Finding("key", error.message, error.fix, write.column(error.field or ""), write.position)
            return replace(record, write=replace(write, operation=operation), verdict=verdict).with_findings(finding)
        if self._mode is Mode.UPSERT and not self._match and self._writable.lookup.filled_key(write.fields) == names:
            return record  # its identity as a new record is made of the same key
        write = replace(write, operation=operation, identity=existing_identity(write.fields, names))
        return replace(record, write=write, verdict=verdict)


class MatchExisting:
    """The step that finds the existing records, and decides which are updated, deleted, created or left as they are.

    A record that an earlier run sent without an answer is in doubt, whether it was sent as the input has it or as the
    update that the match makes of it.
    """

    def __init__(self, context: PlanContext) -> None:
        self._context = context
        self._mode, self._match = context.settings.mode, context.settings.match
        self._source_name = context.settings.rules.source_name
        self._writable = context.describe()
        self._locator = Locator(context.company, self._writable)

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Ask the outbox, find all existing records, and ask the outbox for what the match made of them."""
        as_in_input = self._context.entries(record.write for record in records)
        matched = self._matched(records)
        as_matched = self._context.entries(record.write for record in matched)
        matches = zip(records, as_in_input, matched, as_matched, strict=True)
        decided = [self._decided(record, first, match, entry) for record, first, match, entry in matches]
        posted = [record for record, _ in decided]
        return ReceiptCheck(self._context).decide(posted, [entry for _, entry in decided])

    def _decided(
        self, record: PlannedRecord, first: OutboxEntry | None, match: PlannedRecord, entry: OutboxEntry | None
    ) -> tuple[PlannedRecord, OutboxEntry | None]:
        """The record, with the entry that its verdict still depends on; `first` is that of the input as it is."""
        if is_doubtful(first):
            return record, first
        if is_doubtful(entry):
            return replace(record, write=match.write), entry
        latest = entry or first
        if _is_done(match, (first, entry), record.write):
            match = replace(match, verdict=Verdict.UNCHANGED, changes=())
        if match.verdict is Verdict.UNCHANGED and record.write.attachments and not _has_posted(first, record.write):
            return _without_files(match), None
        if is_left_draft(match):
            return match, None
        if match.verdict is not Verdict.REFUSED:
            return match, None if match.receipt is not None else latest
        if latest is not None and match.receipt is None and _has_deleted(latest):
            unchanged = replace(record, write=match.write, verdict=Verdict.UNCHANGED)
            return replace(unchanged, receipt=latest.receipt, since=latest.sent_at), None
        return replace(match, receipt=None, changes=()), None

    def _matched(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """The records with their existing record as receipt; refused ones pass as they are."""
        sound = {at: record.write for at, record in enumerate(records) if not record.reasons}
        upserts = self._mode is Mode.UPSERT and not self._match
        posted = posted_by_source(self._context, sound) if upserts and sound else PostedBySource({}, {})
        record_key, receipt_key = self._writable.lookup.record_key, self._writable.lookup.receipt_key
        numbered = {
            at: replace(sound[at], fields={receipt_key: entry.receipt.record, **sound[at].fields})
            for at, entry in posted.records.items()
            if entry.receipt is not None
        }
        keyed: dict[int, tuple[Write, Names]] = {}
        for at, write in sound.items():
            with suppress(RecordError):
                keyed[at] = (write, key_names(write, self._writable, self._match))
        by_number = {at: (write, (receipt_key,)) for at, write in numbered.items()}
        located = self._locator.locate([*keyed.values(), *by_number.values()], taken_back=self._context.taken_back)
        places = [
            *((at, names, False) for at, (_, names) in keyed.items()),
            *((at, (record_key,), True) for at in by_number),
        ]
        done = list(records)
        matches: dict[int, list[tuple[Names, list[CurrentRecord], bool]]] = {}
        for (at, names, by_source), current in zip(places, located, strict=True):
            matches.setdefault(at, []).append((names, current, by_source))
        for at, ways in matches.items():
            done[at] = self._match_ways(records[at], ways, posted.others.get(at))
        return [record.or_refused() for record in done]

    def _match_ways(
        self, record: PlannedRecord, ways: Sequence[tuple[Names, list[CurrentRecord], bool]], other: OutboxEntry | None
    ) -> PlannedRecord:
        """The record matched by the key of its source, if it was posted with one, else by its key in the company."""
        write = record.write
        names, current, by_source = ways[-1]
        by_key = ways[0][1] if by_source and len(ways) > 1 else []
        if other is not None and not by_source:
            text = f"{write.label} was {sent_text(write, other)} under another key of its source"
            return record.with_findings(_key_finding(CONFLICT, text, "correct its key, or its number", write, names))
        if by_key and by_key[0].record not in {one.record for one in current}:
            posted = f"{write.object} {', '.join(one.record for one in current)}, which has its key in the source"
            text = f"{write.label} is {write.object} {by_key[0].record} by its number, and {posted}"
            return record.with_findings(_key_finding(CONFLICT, text, "correct its key, or its number", write, names))
        if by_source and not current:
            text = f"{write.label} was posted with its key in the source, and Intacct does not show its record now"
            fix = "check the rights of the API user; if it was deleted: `intacct outbox forget`"
            return record.with_findings(_key_finding("missing", text, fix, write, names))
        matched = self._match_one(record, names, current)
        if by_source and matched.write.operation is WriteOperation.UPDATE:
            identity = existing_identity(matched.write.fields, names)
            matched = replace(matched, write=replace(matched.write, identity=identity))
        elif matched.verdict is Verdict.UPDATE and self._needs_declaration(names):
            changed = ", ".join(change.name for change in matched.changes)
            text = f"{write.label} is in Intacct as {write.object} {current[0].record} with other content ({changed})"
            fix = (
                f"name what identifies it, such as `key` {self._writable.lookup.number}, to change it; or take it back"
            )
            return replace(record, receipt=matched.receipt).with_findings(
                _key_finding(CONFLICT, text, fix, write, names)
            )
        return matched

    def _needs_declaration(self, names: Names) -> bool:
        """Whether an upsert changes such a record, an entry or a payment, only by a field that the user names."""
        lookup = self._writable.lookup
        return self._mode is Mode.UPSERT and bool(lookup.number) and not self._match and lookup.record_key not in names

    def _match_one(self, record: PlannedRecord, names: Names, matches: list[CurrentRecord]) -> PlannedRecord:
        write = record.write
        if not names:
            return record
        key = " ".join(f"{name} {text!r}" for name, text in key_texts(write, names))
        if len(matches) > 1:
            numbers = ", ".join(one.record for one in matches[:5])
            text = f"the company has more than one {write.object} with {key} (record numbers {numbers})"
            return record.with_findings(_key_finding("key", text, "give the RECORDNO", write, names))
        if not matches:
            if self._mode is Mode.UPSERT and self._writable.lookup.record_key not in names:
                return record
            text = f"the company has no {write.object} with {key}"
            return record.with_findings(_key_finding("missing", text, "check it", write, names))
        return self._of_existing(record, matches[0], names)

    def _of_existing(self, record: PlannedRecord, current: CurrentRecord, names: Names) -> PlannedRecord:
        write, receipt = record.write, Receipt(current.record)
        if self._mode is Mode.DELETE:
            delete = deletion_of(write, current, self._writable)
            existing = replace(record, write=delete, receipt=receipt, verdict=Verdict.DELETE, existing=current.facts)
            return existing.with_findings(*obstacles(delete, current, self._writable))
        fields = {name: value for name, value in write.fields.items() if name not in write.only_new}
        write = replace(write, fields=fields, input_content=write.content)
        state = comparable(current.row.get("STATE"))
        is_draft = is_draft_state(write.object, state)
        if state and not is_draft:  # what was posted since is not made a draft again
            write = replace(write, fields=without_draft(write.object, write.fields))
        changes = differences(write, current, self._writable, names) + unknown_changes(write, current, self._writable)
        update = update_of(write, current, self._writable, changes)
        existing = replace(
            record,
            write=replace(update, identities=self._known_by(write, current)),
            receipt=receipt,
            verdict=Verdict.UPDATE if changes else Verdict.UNCHANGED,
            changes=changes,
        )
        posts = any(
            change.name in self._writable.lookup.draft for change in changes
        )  # the input itself gives it the state
        if not posts and changes and is_draft and self._writable.lookup.posts:  # an update posts what does not say that
            fields = {**existing.write.fields, **self._writable.lookup.draft}
            existing = replace(existing, write=replace(existing.write, fields=fields))
        if not posts and (self._mode is Mode.UPSERT or write.state.word):
            existing = not_a_draft(existing, state)
        return existing.with_findings(*left_alone(write, current), *obstacles(write, current, self._writable, changes))

    def _known_by(self, write: Write, current: CurrentRecord) -> tuple[Identity, ...]:
        """What the record is known by once it has the values of the input: its key or number may be another then."""
        names = self._writable.lookup.identifying
        held = {name: current.row[name] for name in names if current.row.get(name) not in (None, "")}
        content = InputContent({**held, **write.content.fields}, write.content.lines)
        new = replace(write, operation=WriteOperation.CREATE, fields={**held, **write.fields}, input_content=content)
        return all_identities(new, self._source_name)


def _with_given_lines(write: Write) -> Write:
    """A write whose lines have only the fields that its input gives them: the plan compared those, and added others."""
    lines = {
        wrapper: tuple(
            msgspec.structs.replace(
                line, fields={name: line.fields[name] for name in line.fields if name in read.fields}
            )
            for line, read in zip(members, write.content.lines.get(wrapper, members), strict=True)
        )
        for wrapper, members in write.lines.items()
    }
    return replace(write, lines=lines, input_content=write.content)


def _moved_text(change: Change, label: str, planned: Change | None) -> str:
    """That a field or a line set is not as it was."""
    if planned is not None and change.before == planned.before:
        return f"{label} has other lines in {change.name} now"
    return f"{change.name} of {label} is {change.before!r} now"


def _has_deleted(entry: OutboxEntry) -> bool:
    return entry.status is RecordStatus.APPLIED and entry.target.operation is WriteOperation.DELETE


def _has_posted(entry: OutboxEntry | None, write: Write) -> bool:
    """Whether the entry is this very record with the same content and files, and was applied."""
    return entry is not None and entry.status is RecordStatus.APPLIED and entry.digest == write.digest


def _is_done(match: PlannedRecord, entries: Iterable[OutboxEntry | None], write: Write) -> bool:
    """Whether an earlier run wrote all that is left to change, of which the company shows nothing.

    That a draft is left, or a declined record, is shown.
    """
    if any(finding.rule in (DRAFT, DECLINED) for finding in match.reasons):
        return False
    unknown = bool(match.changes) and all(change.before == UNKNOWN for change in match.changes)
    return unknown and any(_has_posted(one, write) for one in entries)


def _without_files(record: PlannedRecord) -> PlannedRecord:
    """An existing record that no field would change, refused since its files would not be attached."""
    error = files_of_existing()
    return record.with_findings(Finding("files", error.message, error.fix, position=record.write.position)).or_refused()


def _key_finding(rule: str, text: str, fix: str, write: Write, names: Names) -> Finding:
    return Finding(rule, text, fix, write.column(names[0]), write.position)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A kept update or delete compared with its existing record as it is now."""

    left: tuple[Change, ...] = ()
    """The changes that are left."""
    moved: tuple[Finding, ...] = ()
    """Where the existing record is not as it was planned for."""
    current: CurrentRecord | None = None


class RecheckExisting:
    """The step that compares kept updates and deletes with their existing records as these are now."""

    def __init__(self, context: PlanContext, planned: Sequence[PlannedRecord]) -> None:
        self._context = context
        self._planned = planned
        """The same records as the plan was made, in the same order."""
        self._writable = context.describe()

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Find all existing records again, and compare."""
        entries = self._context.entries(record.write for record in records)
        checked = iter(self._compared([record for record in records if record.is_open]))
        return [
            self._decided(record, planned, entry, next(checked) if record.is_open else _Comparison())
            for record, planned, entry in zip(records, self._planned, entries, strict=True)
        ]

    def _decided(
        self,
        record: PlannedRecord,
        planned: PlannedRecord,
        entry: OutboxEntry | None,
        compared: _Comparison,
    ) -> PlannedRecord:
        left, moved = compared.left, compared.moved
        as_planned = replace(planned, write=record.write)
        if is_doubtful(entry):
            return by_outbox(replace(record, receipt=None, changes=()), entry)
        if planned.verdict is Verdict.IN_DOUBT:
            return as_planned  # it has ended since; applying the plan shows how
        deleted = entry is not None and _has_deleted(entry)
        if (deleted and moved) or not (left or moved):
            return replace(as_planned, verdict=Verdict.UNCHANGED)
        write = record.write
        if compared.current is not None and write.operation is WriteOperation.UPDATE:
            write = replace(write, earlier=replaced_values(write, compared.current, self._writable))
        checked = replace(record, write=write, changes=left).with_findings(*moved)
        return replace(checked, verdict=Verdict.REFUSED) if moved else checked

    def _compared(self, records: Sequence[PlannedRecord]) -> list[_Comparison]:
        """Each record compared with its existing record."""
        by = (self._writable.lookup.record_key,)
        resolved = [resolve(as_in_input(record.write), self._context.references)[0] for record in records]
        keyed = [
            (replace(record.write, fields={**given.fields, **record.write.fields}), by)
            for record, given in zip(records, resolved, strict=True)
        ]
        located = Locator(self._context.company, self._writable).locate(keyed, taken_back=self._context.taken_back)
        return [
            self._comparison(record, given, found[0] if found else None)
            for record, given, found in zip(records, resolved, located, strict=True)
        ]

    def _comparison(self, record: PlannedRecord, as_read: Write, current: CurrentRecord | None) -> _Comparison:
        return _Comparison(*self._remaining_changes(record, as_read, current), current)

    def _remaining_changes(
        self, record: PlannedRecord, as_read: Write, current: CurrentRecord | None
    ) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
        """The changes that are left. A delete's change is the record itself, as long as it exists."""
        write, record_key = record.write, self._writable.lookup.record_key
        if current is None:
            text = f"{write.label} no longer exists in Intacct"
            return (), (Finding("moved", text, "make a new plan", "", write.position),)
        key = [name for name in identity_names(write) if name in as_read.fields and name in current.row]
        if any(equal_form(as_read.fields[name]) != equal_form(current.row[name]) for name in key):
            text = f"{write.object} {current.record} is not {write.label}"
            return (), (Finding("moved", text, "make a new plan", "", write.position),)
        if write.operation is WriteOperation.DELETE:
            return (Change(record_key, current.record, ""),), tuple(moved_facts(write, record.existing, current.facts))
        left = differences(_with_given_lines(write), current, self._writable, (record_key,))
        left += unknown_changes(write, current, self._writable)
        planned = {change.name: change for change in record.changes}
        moved = tuple(
            Finding(
                "moved",
                _moved_text(change, write.label, planned.get(change.name)),
                "make a new plan",
                write.column(change.name),
                write.position,
            )
            for change in left
            if not change.is_as_planned(planned.get(change.name))
        )
        return left, moved
