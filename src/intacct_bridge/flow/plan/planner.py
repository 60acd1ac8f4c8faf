"""What a load would do with the records of one entity: each is held against the outbox, the company and the rules.

A record is refused whole if any of its lines is; the others go on. What an earlier run posted is unchanged, what it
left in doubt is named as such, and the same identity with other content is a conflict for a person to decide, never a
second post.

Planning: what a load would do, record by record, before anything is sent; and a plan that was kept, confirmed.

Planning reads the company (and counts what that costs) but writes nothing. The records of each entity are planned in a
session of its own, and the plan has them all in the order of the input.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.company.attachments import folder_missing, folder_write
from intacct_bridge.flow.company.entities import by_entity, placed
from intacct_bridge.flow.company.find_by_key import MatchingRecord, key_of, key_values, look
from intacct_bridge.flow.company.functions import Functions
from intacct_bridge.flow.company.gateway import Whereabouts
from intacct_bridge.flow.company.legacy import LegacyGateway, speaking
from intacct_bridge.flow.company.references import References, resolve
from intacct_bridge.flow.company.writable import Subject, measured, subject_of
from intacct_bridge.flow.layouts.base import Layout
from intacct_bridge.flow.outbox.entry import OutboxEntry, State
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.changes import Aim, Aimed, Mode, confirmed
from intacct_bridge.flow.plan.plan import WRITTEN, Plan, Planned, PlanSettings, Verdict, check_remembered, remembered
from intacct_bridge.flow.plan.rules import RULES, EntityFacts, Facts, check, relations_for
from intacct_bridge.flow.records.identity import content_identity
from intacct_bridge.flow.records.lookup_keys import LookupKeys, lookup_keys_of
from intacct_bridge.flow.records.tables import InputTable
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Finding, Receipt, Write, WriteOperation
from intacct_bridge.model.query.query import Query

_PERHAPS_APPLIED = (State.APPLIED, State.SENT, State.IN_DOUBT)


class Planner:
    """Carries what is known from step to step."""

    def __init__(self, company: LegacyGateway, outbox: Outbox, settings: PlanSettings) -> None:
        self._company = company
        self._outbox = outbox
        self._settings = settings
        self._where = Whereabouts.of(company.connection)
        self._references = References(company)
        self._functions = Functions(company)
        self._subjects: dict[str, Subject] = {}
        self._unchecked: list[str] = []

    def plan(self, writes: Iterable[Write], empty: Plan) -> Plan:
        """The verdict on each write; folders that have to be made for their files come first."""
        before = self._company.meter.transactions
        if self._settings.mode is Mode.CREATE:
            records = self._new(_without_doubles(writes), empty.object)
        else:
            self._learn_subject(empty.object, aims=True)
            records = self._aimed(writes, empty.object)
        records = [*self._folders(records), *records]
        unchecked = [f"references to {target}: {reason}" for target, reason in self._references.unchecked.items()]
        return replace(
            empty,
            records=tuple(records),
            reads=self._company.meter.transactions - before,
            unchecked=(*self._unchecked, *unchecked),
        )

    def confirm(self, plan: Plan) -> Plan:
        """The plan as the company stands now, for the records that it would write."""
        before = self._company.meter.transactions
        left = [planned for planned in plan.records if planned.verdict is not Verdict.REFUSED]
        left = [one for one in left if one.write.object == plan.object]
        new = [replace(one.write, findings=()) for one in left if one.write.operation is WriteOperation.CREATE]
        aimed = [one for one in left if one.write.operation is not WriteOperation.CREATE]
        if aimed:
            self._learn_subject(plan.object, aims=True)
        records = [*self._new(new, plan.object), *(self._confirmed(aimed, plan.object) if aimed else ())]
        place = {(one.write.operation, one.write.identity): number for number, one in enumerate(left)}
        records.sort(key=lambda one: place[one.write.operation, one.write.identity])
        records = [*self._folders(records), *records]
        return replace(plan, records=tuple(records), reads=self._company.meter.transactions - before,
                       unchecked=tuple(self._unchecked))  # fmt: skip

    def _confirmed(self, aimed: Sequence[Planned], name: str) -> list[Planned]:
        """Updates and deletes, each held against the state of its record that it was planned for."""
        self._references.learn(one.write for one in aimed)
        aimed = [replace(one, write=resolve(replace(one.write, findings=()), self._references)) for one in aimed]
        known = self._known([one.write for one in aimed])
        written = [(one.write, one.changes) for one in aimed if one.verdict in WRITTEN]
        held = iter(confirmed(self._company, self._subjects[name], written))
        done: list[Planned] = []
        for one, entry in zip(aimed, known, strict=True):
            left, findings = next(held) if one.verdict in WRITTEN else ((), ())
            under_way = self._on_the_way(one.write, entry)
            applied = entry is not None and entry.state is State.APPLIED and one.verdict is Verdict.DELETE
            if under_way is not None:
                done.append(under_way)
            elif one.verdict is Verdict.IN_DOUBT:
                done.append(one)  # it has ended since; applying the plan tells how
            elif (applied and findings) or not (left or findings):
                done.append(replace(one, verdict=Verdict.UNCHANGED))
            else:
                done.append(_decided(replace(one, findings=findings, changes=left)))
        return self._checked(done, resolved=True)

    def _learn_subject(self, name: str, *, aims: bool) -> None:
        """Describe the object, for the rules that its description gives."""
        if self._settings.offline:
            if aims:
                raise InvalidRequestError(
                    f"{self._settings.mode} compares with the company, which an offline plan does not ask",
                    fix="plan without `offline`",
                    setting="offline",
                )
            return
        self._subjects[name] = measured(self._company, subject_of(self._company, name), self._unchecked)

    def _new(self, single: Sequence[Write], name: str) -> list[Planned]:
        """What becomes of records that are to be new. Where an earlier run posted them all, nobody is asked."""
        known = self._known(single)
        records = [self._from_outbox(write, entry) for write, entry in zip(single, known, strict=True)]
        if any(planned.verdict in WRITTEN for planned in records) and name not in self._subjects:
            self._learn_subject(name, aims=False)
        return self._without_duplicates(self._posted_without_key(self._checked(records)))

    def _posted_without_key(self, records: Sequence[Planned]) -> list[Planned]:
        """The records, those refused that were posted while nothing but their content told them, and have keys now."""
        keyed = [one for one in records if one.verdict is Verdict.CREATE and one.write.identity.kind == "source"]
        own = {one.write.identity.text for one in records}
        before = self._known([replace(one.write, identity=content_identity(one.write.digest)) for one in keyed])
        sent = {
            one.write.identity.text: entry
            for one, entry in zip(keyed, before, strict=True)
            if entry is not None and entry.state in _PERHAPS_APPLIED and entry.identity not in own
        }
        return [
            _decided(self._known_by_content(one, entry))
            if one.verdict is Verdict.CREATE and (entry := sent.get(one.write.identity.text)) is not None
            else one
            for one in records
        ]

    def _known_by_content(self, planned: Planned, entry: OutboxEntry) -> Planned:
        finding = Finding(
            "duplicate",
            f"{planned.write.label} was {_sent_as(planned.write, entry)}, when its key was not named",
            "remove it from the input, or allow duplicates if it is another one",
            position=planned.write.position,
            refuses=not self._settings.allow_duplicates,
        )
        return replace(planned, findings=(*planned.findings, finding))

    def _folders(self, records: Sequence[Planned]) -> Iterator[Planned]:
        """The attachment folders that have to be made first."""
        wanted = {one.write.folder for one in records if one.verdict in WRITTEN and one.write.folder}
        for folder in () if self._settings.offline else sorted(wanted):
            if folder_missing(self._company, folder):
                yield Planned(folder_write(folder), Verdict.CREATE)

    def _known(self, writes: Sequence[Write]) -> list[OutboxEntry | None]:
        """What the outbox has of each."""
        return remembered(self._outbox, self._where, writes)

    def _aimed(self, writes: Iterable[Write], name: str) -> list[Planned]:
        """What becomes of records that the company has, or may have."""
        aim = Aim(self._company, self._subjects[name], self._settings.mode, self._settings.match)
        single = _without_doubles(aim.keyed(writes))
        self._references.learn(single)
        single = [resolve(write, self._references) for write in single]
        known = self._known(single)
        aimed = aim.aim(single)
        under_way = self._known([one.write for one in aimed])
        records = [
            self._on_the_way(write, entry) or self._on_the_way(one.write, now) or self._aimed_one(one, now or entry)
            for write, entry, one, now in zip(single, known, aimed, under_way, strict=True)
        ]
        return self._checked(records, resolved=True)

    def _on_the_way(self, write: Write, entry: OutboxEntry | None) -> Planned | None:
        """A record that an earlier run sent without an answer is settled before anything else is done with it."""
        doubtful = entry is not None and entry.state in (State.SENT, State.IN_DOUBT)
        return self._from_outbox(write, entry) if doubtful else None

    def _aimed_one(self, one: Aimed, entry: OutboxEntry | None) -> Planned:
        write = one.write
        findings = (*write.findings, *one.findings)
        if any(finding.refuses for finding in findings):
            done = entry is not None and entry.state is State.APPLIED and write.operation is WriteOperation.DELETE
            if done and entry is not None and not one.record:
                return Planned(write, Verdict.UNCHANGED, write.findings, entry.receipt, entry.sent_at)
            return Planned(write, Verdict.REFUSED, findings)
        if not one.record:
            return self._from_outbox(write, entry)
        receipt = Receipt(one.record)
        if write.operation is WriteOperation.DELETE:
            return Planned(write, Verdict.DELETE, findings, receipt)
        verdict = Verdict.UPDATE if one.changes else Verdict.UNCHANGED
        return Planned(write, verdict, findings, receipt, changes=one.changes)

    def _from_outbox(self, write: Write, entry: OutboxEntry | None) -> Planned:
        """What earlier runs say about a record."""
        if entry is None or entry.state not in _PERHAPS_APPLIED:
            return Planned(write, Verdict.CREATE, write.findings)
        if entry.digest != write.digest:
            finding = Finding(
                "conflict",
                f"{write.label} was {_sent_as(write, entry)} with other content",
                "change the record in Intacct, or give this one a reference of its own",
                position=write.position,
            )
            return Planned(write, Verdict.REFUSED, (*write.findings, finding), entry.receipt, entry.sent_at)
        verdict = Verdict.UNCHANGED if entry.state is State.APPLIED else Verdict.IN_DOUBT
        return Planned(write, verdict, write.findings, entry.receipt, entry.sent_at)

    def _checked(self, records: Sequence[Planned], *, resolved: bool = False) -> list[Planned]:
        """The records with every rule applied to those that would be written."""
        fresh = [planned.write for planned in records if planned.verdict in WRITTEN]
        if fresh and not self._settings.offline and not resolved:
            self._references.learn(fresh)
        elif fresh and self._settings.offline:
            self._unchecked.append(
                "references, dimensions and their relationships, locations, open period, duplicates, required and "
                "read-only fields, lengths, "
                "listed values: the plan is offline"
            )
        facts = self._facts(fresh[0].object) if fresh else Facts(self._references)
        if not self._settings.offline:
            facts = replace(facts, relations=relations_for(fresh, self._company, self._unchecked))
        return [self._judged(planned, facts, resolved=resolved) for planned in records]

    def _judged(self, planned: Planned, facts: Facts, *, resolved: bool) -> Planned:
        if planned.verdict not in WRITTEN:
            return planned
        as_is = resolved or self._settings.offline
        write = planned.write if as_is else resolve(planned.write, self._references)
        findings = (*write.findings, *(planned.findings if resolved else ()), *check(write, facts))
        findings = tuple(dict.fromkeys((*findings, *self._unsayable(write, findings))))
        return _decided(replace(planned, write=write, findings=findings))

    def _unsayable(self, write: Write, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Whatever keeps the record from being put into a function at all."""
        if self._functions.particular(write) and not any(finding.refuses for finding in findings):
            try:
                self._functions.element(write)
            except InvalidRequestError as error:
                yield Finding("function", error.message, error.fix, position=write.position)

    def _facts(self, name: str) -> Facts:
        where = self._where.entity
        if self._settings.offline or name not in RULES:
            return Facts(self._references, entity=where, subjects=self._subjects)
        entities: dict[str, EntityFacts] = {}
        try:
            described = self._company.describe("LOCATIONENTITY")
            wanted = ("LOCATIONID", "STARTOPEN", "CURRENCY")
            select = tuple(name for name in wanted if described.get(name) is not None)
            for row in self._company.query(Query("LOCATIONENTITY", select)):
                day = row.get("STARTOPEN")
                opened = day if isinstance(day, date) else None
                entities[comparable(row.get("LOCATIONID"))] = EntityFacts(opened, comparable(row.get("CURRENCY")))
        except (NotPermittedError, RefusedError) as error:
            self._unchecked.append(f"entities and open periods: {error.message}")
        return Facts(self._references, entities, where, self._subjects)

    def _without_duplicates(self, records: Sequence[Planned]) -> list[Planned]:
        """The records, those that the company already holds under the same key refused (or advised about)."""
        fresh = [planned for planned in records if planned.verdict is Verdict.CREATE]
        if self._settings.offline or not fresh:
            return list(records)
        lookup = lookup_keys_of(fresh[0].write.object)
        values = {planned.write.position: _loose(lookup, planned.write) for planned in fresh}
        seen = look(self._company, lookup, values.values())
        met = [match.record for matches in seen.values() for match in matches]
        # A source that gives its records keys means different records by different ones, where those posted have one.
        ours = self._outbox.claimed(self._where.company, lookup.object, met, known_by="source") if met else set()
        ours -= {one.receipt.record for one in records if one.verdict is Verdict.REFUSED and one.receipt is not None}
        now = self._posted_meanwhile([one for one in fresh if key_of(values.get(one.write.position, {})) in seen])
        done = []
        for planned in records:
            found = seen.get(key_of(values.get(planned.write.position, {})), [])
            others = ours if planned.write.identity.kind == "source" else ()
            found = [match for match in found if not match.copy and match.record not in others]
            if planned.verdict is Verdict.CREATE and found:
                planned = now.get(planned.write.position) or _decided(self._duplicate(planned, found))  # noqa: PLW2901
            done.append(planned)
        return done

    def _posted_meanwhile(self, met: Sequence[Planned]) -> dict[str, Planned]:
        """Those that another loader has sent since the outbox was asked: it is its record that was found."""
        known = self._known([one.write for one in met])
        now = [self._from_outbox(one.write, entry) for one, entry in zip(met, known, strict=True)]
        return {one.write.position: one for one in now if one.verdict is not Verdict.CREATE}

    def _duplicate(self, planned: Planned, found: Sequence[MatchingRecord]) -> Planned:
        write = planned.write
        keys = ", ".join(match.record for match in found[:5])
        finding = Finding(
            "duplicate",
            f"the company has {write.label} already ({write.object} {keys}, by {found[0].creator or 'somebody'})",
            "remove it from the input, give it a reference of its own, or allow duplicates",
            position=write.position,
            refuses=not self._settings.allow_duplicates,
        )
        return replace(planned, findings=(*planned.findings, finding))


def _sent_as(write: Write, entry: OutboxEntry) -> str:
    """`posted on 2026-01-31 as GLBATCH 7`."""
    when = (entry.sent_at or entry.planned_at).date()
    state = "posted" if entry.state is State.APPLIED else "sent (its outcome is in doubt)"
    record = f" as {write.object} {entry.receipt.record}" if entry.receipt and entry.receipt.record else ""
    return f"{state} on {when}{record}"


def _loose(lookup: LookupKeys, write: Write) -> Mapping[str, str]:
    """A record's key values; where a lookup is loose the empty ones too, since for a warning they need not be proof."""
    strict = key_values(lookup, write.fields)
    if strict or not lookup.partial:
        return strict
    return {name: comparable(write.fields.get(name)) for name in lookup.keys[0]}


def _decided(planned: Planned) -> Planned:
    return replace(planned, verdict=Verdict.REFUSED) if planned.reasons else planned


def _without_doubles(writes: Iterable[Write]) -> list[Write]:
    """The writes; one whose identity an earlier one of the same input has is refused for it."""
    first: dict[tuple[WriteOperation, str, str], Write] = {}
    done: list[Write] = []
    for write in writes:
        earlier = first.setdefault((write.operation, write.object, write.identity.text), write)
        if earlier is not write:
            finding = Finding(
                "double",
                f"{write.label} is in the input twice; the first is at {earlier.position}",
                "remove one of them, or give them references of their own",
                position=write.position,
            )
            write = replace(write, findings=(*write.findings, finding))  # noqa: PLW2901
        done.append(write)
    return done


_USUAL = PlanSettings()


def make_plan(
    table: InputTable, layout: Layout, company: Gateway, outbox: Outbox, settings: PlanSettings = _USUAL
) -> Plan:
    """Read an input and decide on each of its records."""
    notes = (*table.notes, *layout.notes(table))
    empty = Plan(Whereabouts.of(company.connection), layout.object, table.path.name, table.columns, (), 0, notes)
    return _plan_all(layout.read(table), empty, speaking(company), outbox, settings)


def plan_writes(
    writes: Iterable[Write],
    object_name: str,
    company: Gateway,
    outbox: Outbox,
    settings: PlanSettings = _USUAL,
    *,
    source: str = "",
) -> Plan:
    """Decide on records that come from elsewhere than a file; all of them are of one object."""
    empty = Plan(Whereabouts.of(company.connection), object_name, source, (), (), 0)
    return _plan_all(writes, empty, speaking(company), outbox, settings)


def _plan_all(
    writes: Iterable[Write], empty: Plan, company: LegacyGateway, outbox: Outbox, settings: PlanSettings
) -> Plan:
    """Plan the records of each entity in a session of its own; the plan has them in the order of the input."""
    before = company.meter.transactions
    writes = placed(writes, company, offline=settings.offline)
    places = by_entity(writes)
    parts = {
        entity: Planner(company.entity(entity) if entity else company, outbox, settings).plan(
            [writes[place] for place in some], empty
        )
        for entity, some in (places or {"": []}).items()
    }
    return replace(_joined(parts, places, empty), reads=company.meter.transactions - before)


def _joined(parts: Mapping[str, Plan], places: Mapping[str, Sequence[int]], empty: Plan) -> Plan:
    folders: list[Planned] = []
    records: dict[int, Planned] = {}
    for entity, part in parts.items():
        some = [replace(one, write=replace(one.write, entity=entity)) for one in part.records]
        own = len(places.get(entity, ()))
        folders += some[: len(some) - own]
        records |= zip(places.get(entity, ()), some[len(some) - own :], strict=True)
    notes = [f"{len(some):,} records are for entity {entity}." for entity, some in places.items() if entity]
    unchecked = dict.fromkeys(text for part in parts.values() for text in part.unchecked)
    ordered = (records[place] for place in sorted(records))
    return replace(empty, records=(*folders, *ordered), notes=(*empty.notes, *notes), unchecked=tuple(unchecked))


def confirm_plan(plan: Plan, company: Gateway, outbox: Outbox) -> Plan:
    """A plan made earlier, checked again: its records, and the references and periods that they rely on, no others.

    What was posted meanwhile is unchanged now. InvalidRequestError where the plan is for other books, or where a record
    that was to be written must not be any more; SettingsError where it relies on records that the outbox does not know.
    """
    where = Whereabouts.of(company.connection)
    if (where.company, where.entity) != (plan.where.company, plan.where.entity):
        raise InvalidRequestError(
            f"the plan is for company {plan.where.company}, entity {plan.where.entity or 'none'}, and this connection "
            f"for company {where.company}, entity {where.entity or 'none'}",
            fix="use the connection that the plan was made with",
        )
    check_remembered(plan, where, outbox)
    now = _confirm_all(replace(plan, where=where, unchecked=()), speaking(company), outbox)
    moved = now.of(Verdict.REFUSED)
    if moved:
        raise InvalidRequestError(
            f"the company is not as it was planned for: {moved[0].reasons[0]}"
            + (f" (and {len(moved) - 1} more records)" if len(moved) > 1 else ""),
            fix="make a new plan and look at it",
        )
    return now


def _confirm_all(plan: Plan, company: LegacyGateway, outbox: Outbox) -> Plan:
    before = company.meter.transactions
    done: list[Plan] = []
    for entity, places in by_entity([one.write for one in plan.records]).items():
        some = replace(plan, records=tuple(plan.records[place] for place in places))
        allowed = any(finding.rule == "duplicate" for one in some.of(*WRITTEN) for finding in one.findings)
        settings = PlanSettings(allow_duplicates=allowed)
        part = Planner(company.entity(entity) if entity else company, outbox, settings).confirm(some)
        records = tuple(replace(one, write=replace(one.write, entity=entity)) for one in part.records)
        done.append(replace(part, records=records))
    records = tuple(one for part in done for one in part.records)
    unchecked = dict.fromkeys(text for part in done for text in part.unchecked)
    reads = company.meter.transactions - before
    return replace(plan, records=records, unchecked=tuple(unchecked), reads=reads)
