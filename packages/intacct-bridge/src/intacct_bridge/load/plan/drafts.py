"""Drafts: a record that is live in its source, and a draft in Intacct, is not posted; no plan calls it unchanged.

An upsert posts such a draft if we created it and no person has changed it since. It goes the way of any submission in
Intacct: a policy there may ask for an approval first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.sent_write import sent_write
from intacct_bridge.load.plan.changes import Change, differences, update_of
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.plan import Mode, PlannedRecord, Verdict
from intacct_bridge.load.records.identity import existing_identity, without_draft
from intacct_bridge.load.records.lookup_keys import is_draft_state, lookup_keys_of
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Finding, SourceState, Write, WriteOperation
from intacct_bridge.load.target.current_records import CurrentRecord, Locator
from intacct_bridge.load.target.writable import WritableObject

DRAFT, DECLINED = "draft", "declined"
"""The rules of findings on records that are drafts in Intacct, and on those that were declined there."""
_DECLINED = ("declined", "partially declined")


def wants_draft(write: Write) -> bool:
    """Whether a record is a draft in its source, or is loaded as one."""
    draft = lookup_keys_of(write.object).draft
    by_fields = bool(draft) and all(write.content.fields.get(name) == value for name, value in draft.items())
    return by_fields or write.state.state is SourceState.DRAFT


def not_a_draft(record: PlannedRecord, state: str) -> PlannedRecord:
    """A record that the company has, refused if it is live in its source, and a draft or declined in the company.

    The other way round nothing is to do: a record that was posted since is not made a draft again. Submitted,
    approved, selected and paid records are posted, or are on their way through the approval in Intacct.
    """
    if not state or record.verdict not in (Verdict.UNCHANGED, Verdict.UPDATE) or wants_draft(record.write):
        return record
    lookup = lookup_keys_of(record.write.object)
    if is_draft_state(record.write.object, state):
        rule, text, fix = DRAFT, "is a draft in Intacct, and live in its source", "post it in Intacct"
        if lookup.posts:
            fix = f"load it with `mode` upsert, which posts a draft that we created, or {fix}"
    elif state.casefold() in _DECLINED:
        rule, text, fix = DECLINED, "was declined in Intacct", "correct it and submit it again in Intacct"
    else:
        return record
    return record.with_findings(_finding(record, rule, text, fix)).or_refused()


def is_left_draft(record: PlannedRecord) -> bool:
    """Whether a record is refused only because it is a draft in Intacct."""
    return record.verdict is Verdict.REFUSED and [finding.rule for finding in record.reasons] == [DRAFT]


def _finding(record: PlannedRecord, rule: str, text: str, fix: str) -> Finding:
    hint = lookup_keys_of(record.write.object).hint
    number = f" ({record.receipt.record})" if record.receipt is not None and record.receipt.record else ""
    place = f"{fix}: {hint}" if hint else fix
    return Finding(rule, f"{record.write.label}{number} {text}", place, position=record.write.position)


class PostDrafts:
    """The step that posts drafts of ours whose records are live in their source by now.

    A draft that we did not create, or that was changed since, is refused: a person works on it.
    """

    def __init__(self, context: PlanContext) -> None:
        self._context = context
        self._writable = context.describe()

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Look at all drafts together, as the company has them now."""
        lookup = self._writable.lookup
        drafts = {
            at: record.receipt.record
            for at, record in enumerate(records)
            if record.receipt is not None and is_left_draft(record)
        }
        if not drafts or not lookup.posts or self._context.settings.mode is Mode.CREATE:
            return list(records)
        company, outbox = self._context.target.company, self._context.outbox
        created = outbox.created_as(company, lookup.object, drafts.values())
        updates = outbox.later_writes(company, lookup.object, WriteOperation.UPDATE, created)
        sent = {
            number: _as_sent(self._writable, number, [entry, *updates.get(number, ())])
            for number, entry in created.items()
        }
        located = Locator(self._context.company, self._writable).locate(
            [(write, (lookup.record_key,)) for write in sent.values()]
        )
        current = {number: rows[0] for number, rows in zip(sent, located, strict=True) if len(rows) == 1}
        done = list(records)
        for at, number in drafts.items():
            reason = "which we did not create" if number not in created else ""
            if not reason and (number not in current or self._is_changed(sent[number], current[number])):
                reason = "which was changed in Intacct since"
            done[at] = self._left(records[at], reason) if reason else self._posted(records[at], current[number])
        return done

    def _is_changed(self, sent: Write, current: CurrentRecord) -> bool:
        return bool(differences(sent, current, self._writable, (self._writable.lookup.record_key,)))

    def _left(self, record: PlannedRecord, reason: str) -> PlannedRecord:
        text = f"is a draft in Intacct, {reason}, and live in its source"
        others = tuple(finding for finding in record.findings if finding.rule != DRAFT)
        finding = _finding(record, DRAFT, text, "post it in Intacct")
        return replace(record, findings=(*others, finding))

    def _posted(self, record: PlannedRecord, current: CurrentRecord) -> PlannedRecord:
        """The update that posts a draft, with what else it changes."""
        lookup, write = self._writable.lookup, record.write
        posting = tuple(Change(name, comparable(current.row.get(name)), value) for name, value in lookup.posts.items())
        changes = record.changes
        if write.operation is WriteOperation.CREATE:  # the outbox knows it, and its content is the same
            identity = existing_identity({lookup.record_key: current.number}, (lookup.record_key,))
            write = replace(write, identity=identity, fields=dict(lookup.posts), lines={}, input_content=write.content)
            write = update_of(write, current, self._writable, posting)
        else:
            earlier = {change.name: current.row.get(change.name) for change in posting}
            fields = {**write.fields, **lookup.posts}
            write = replace(write, fields=fields, earlier={**(write.earlier or {}), **earlier})
        findings = tuple(finding for finding in record.findings if finding.rule != DRAFT)
        return replace(record, write=write, verdict=Verdict.UPDATE, findings=findings, changes=(*changes, *posting))


def _as_sent(writable: WritableObject, number: str, entries: Sequence[OutboxEntry]) -> Write:
    """A draft as we wrote it: its create, with the updates that followed."""
    first, *updates = (sent_write(writable, entry) for entry in entries)
    record_key: Mapping[str, object] = {writable.lookup.record_key: int(number) if number.isdecimal() else number}
    fields, lines = dict(without_draft(first.object, first.fields)), dict(first.lines)
    for update in updates:
        fields |= without_draft(update.object, update.fields)
        lines |= update.lines
    return replace(first, fields={**fields, **record_key}, lines=lines)  # type: ignore[dict-item]
