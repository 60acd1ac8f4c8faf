"""Records of a plan that the outbox knows from an earlier run: posted, in doubt, or posted with other content.

A plan's "in doubt" and "posted by an earlier run" rest on the outbox that it was made with. Through another outbox such
a record would be new and would be sent a second time, so applying a plan checks that its outbox has them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.context import PlanContext, newest_entries
from intacct_bridge.load.plan.outbox_verdict import by_outbox, sent_text
from intacct_bridge.load.plan.plan import Plan, PlannedRecord, Verdict
from intacct_bridge.load.plan.receipts import ReceiptCheck, ReceiptState
from intacct_bridge.load.records.identity import number_identity, source_identity
from intacct_bridge.load.records.status import MAYBE_APPLIED, RecordStatus
from intacct_bridge.load.records.write import Finding, Write, WriteOperation
from intacct_bridge.load.tables.source_row import EqualNumber
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_protocol.errors import SettingsError

_Class = tuple[str, ...]
"""The key of equal records without their number."""


class RefuseUncertainEquals:
    """The step that refuses new records which may be ones that an earlier run has posted: only content identifies them.

    The source numbers equal records (`EqualNumber`). A number that an earlier run gave is that run's record. Any other
    number may be a new record, or one of those that comes again under another number. As many records as equal ones
    may be in the company are therefore refused: a payment must not be posted twice or left out unreported.
    """

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Ask the outbox for the equal records of all new ones together."""
        source = self._context.settings.rules.source_name
        uncertain = {at: equal for at, one in enumerate(records) if (equal := _to_ask_for(one, source)) is not None}
        if not uncertain:
            return list(records)
        entries = self._context.entries(records[at].write for at in uncertain)
        unknown = {at: uncertain[at] for at, entry in zip(uncertain, entries, strict=True) if entry is None}
        posted = self._posted((records[at].write, equal) for at, equal in unknown.items())
        done = list(records)
        for at, equal in unknown.items():
            equals = posted[equal.key]
            if equal.arrival <= len(equals):
                done[at] = self._verdict(records[at], equal, equals[equal.arrival - 1])
        return done

    def _verdict(self, record: PlannedRecord, equal: EqualNumber, posted: OutboxEntry) -> PlannedRecord:
        if equal.same:  # from now on it is known by its key
            self._context.outbox.rename(posted, record.write.identity)
            return by_outbox(record, posted)
        return _refused(record, equal, posted)

    def _posted(self, uncertain: Iterable[tuple[Write, EqualNumber]]) -> Mapping[_Class, list[OutboxEntry]]:
        """The equal records of earlier runs that may be in the company."""
        source = self._context.settings.rules.source_name
        firsts: dict[_Class, tuple[Write, int]] = {}
        for write, equal in uncertain:
            firsts.setdefault(equal.key, (write, equal.earlier))
        numbered = [
            (key, replace(write, identity=source_identity((*key, str(number)), source)))
            for key, (write, earlier) in firsts.items()
            for number in range(1, earlier + 1)
        ]
        entries = self._context.entries(write for _, write in numbered)
        sent = [
            (key, entry)
            for (key, _), entry in zip(numbered, entries, strict=True)
            if entry is not None and entry.status in MAYBE_APPLIED
        ]
        checked = ReceiptCheck(self._context).check(entry for _, entry in sent)
        equals: dict[_Class, list[OutboxEntry]] = {key: [] for key in firsts}
        for key, entry in sent:
            if entry.number not in checked or checked[entry.number].state is not ReceiptState.RELEASED:
                equals[key].append(entry)
        return equals


def _to_ask_for(record: PlannedRecord, source: str) -> EqualNumber | None:
    """The number of a new record that equals records of earlier runs; None if it is certain what it is."""
    write = record.write
    equal = write.rows[0].equal if write.rows else None
    by_number = equal is not None and write.identity == source_identity(write.rows[0].key, source)
    if equal is None or not by_number or record.verdict is not Verdict.CREATE:
        return None
    if number_identity(write.object, write.content.fields) is not None:
        return None  # the number of the document says which record it is
    return equal if equal.earlier and not equal.certain else None


def _refused(record: PlannedRecord, equal: EqualNumber, posted: OutboxEntry) -> PlannedRecord:
    finding = Finding(
        "equal",
        f"an equal record was {sent_text(record.write, posted)}; without a key, this may be that record or a new one",
        equal.fix,
        position=record.write.position,
    )
    return record.with_findings(finding).or_refused()


def check_outbox(plan: Plan, target: TargetCompany, outbox: Outbox) -> None:
    """Refuse a plan that relies on records which this outbox does not have."""
    for entity in dict.fromkeys(record.write.entity for record in plan.records):
        relying = [one for one in plan.records if one.write.entity == entity and _relies_on_outbox(one)]
        within = replace(target, entity=entity or target.entity)
        entries = newest_entries(outbox, within, (one.write for one in relying))
        for record, entry in zip(relying, entries, strict=True):
            if entry is None or entry.status is RecordStatus.RELEASED:
                sent = "sent without an answer" if record.verdict is Verdict.IN_DOUBT else "posted"
                place = f"{record.write.position}: " if record.write.position else ""
                raise SettingsError(
                    f"{place}{record.write.label} was {sent} by an earlier run, according to the plan; "
                    f"the outbox {outbox.name} has no such entry, or it was forgotten or taken back since",
                    fix="apply the plan with the outbox it was made with, or make a new plan with this one",
                )


def _relies_on_outbox(record: PlannedRecord) -> bool:
    """Whether the verdict comes from the outbox; that an update changes nothing comes from the company."""
    created = record.write.operation is WriteOperation.CREATE
    return record.verdict is Verdict.IN_DOUBT or (record.verdict is Verdict.UNCHANGED and created)
