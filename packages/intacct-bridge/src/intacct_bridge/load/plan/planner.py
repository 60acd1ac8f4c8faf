"""Planning: decides what a load would do with each record, before anything is sent.

A plan is made in steps. Each step takes all records and returns them, closer to a verdict with its reasons. It asks the
company about all records together. A record is refused if any of its lines is; the other records continue. A record
that an earlier run posted is unchanged, and one that it left without an answer is in doubt. The same identity with
other content is a conflict, which a person must decide and which is never posted a second time.

Planning reads the company (and counts the cost) but writes nothing to it. The records of each entity are planned in a
session of its own; the plan has all of them in the order of the input.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.layouts.base import Layout
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.actions import MatchState, after_payments
from intacct_bridge.load.plan.apply_rules import ApplyRules, CheckAmountsDue, refuse_unsendable
from intacct_bridge.load.plan.company_facts import CompanyFacts
from intacct_bridge.load.plan.context import PlanContext, PlanStep
from intacct_bridge.load.plan.decide_currency import DecideCurrency
from intacct_bridge.load.plan.drafts import PostDrafts
from intacct_bridge.load.plan.duplicates import FindDuplicates, RefuseRepeated, refuse_same_existing
from intacct_bridge.load.plan.known_to_outbox import RefuseUncertainEquals, check_outbox
from intacct_bridge.load.plan.match_existing import IdentifyByKey, MatchExisting, RecheckExisting
from intacct_bridge.load.plan.plan import LEFT_OUT, WRITTEN, Mode, Plan, PlannedRecord, PlanSettings, Verdict
from intacct_bridge.load.plan.resolve_references import ResolveReferences
from intacct_bridge.load.plan.same_record import MatchPosted
from intacct_bridge.load.plan.superseded import RefuseSuperseded
from intacct_bridge.load.plan.void_records import SkipVoid
from intacct_bridge.load.records.identity import in_source
from intacct_bridge.load.records.write import Write, WriteOperation
from intacct_bridge.load.rules.accounting import UNUSUAL_RATE
from intacct_bridge.load.rules.input_rows import with_row_findings
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.tables.total_row import without_total_row
from intacct_bridge.load.target.attachments import folder_missing, folder_write
from intacct_bridge.load.target.entities import by_entity, with_entities
from intacct_bridge.load.target.references import Names
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.wording import counted

_USUAL = PlanSettings()


def steps_to_create(context: PlanContext, *, saved: bool = False) -> tuple[PlanStep, ...]:
    """The steps for new records, or for those of a saved plan.

    If an earlier run posted all of them, only the receipts are checked in the company.
    """
    match_posted = MatchPosted(context)
    return (
        RefuseUncertainEquals(context),
        match_posted,
        RefuseSuperseded(context),
        context.describe_for,
        ResolveReferences(context),
        DecideCurrency(context, saved=saved),
        ApplyRules(context),
        match_posted.by_resolved,
        FindDuplicates(context),
        CheckAmountsDue(context),
    )


def steps_to_change(context: PlanContext) -> tuple[PlanStep, ...]:
    """The steps for updates, upserts and deletes. Keys may be references, so these are resolved before the match."""
    return (
        refuse_unsendable,
        IdentifyByKey(context),
        RefuseRepeated(context),
        ResolveReferences(context),
        MatchExisting(context),
        refuse_same_existing,
        RefuseUncertainEquals(context),
        MatchPosted(context),
        PostDrafts(context),
        RefuseSuperseded(context),
        DecideCurrency(context),
        ApplyRules(context),
    )


def steps_to_act(context: PlanContext) -> tuple[PlanStep, ...]:
    """The steps for actions on existing records: reverse, void, approve, decline, recall."""
    return (RefuseRepeated(context), refuse_unsendable, MatchState(context))


def steps_to_recheck(context: PlanContext, planned: Sequence[PlannedRecord]) -> tuple[PlanStep, ...]:
    """The steps for the updates and deletes of a saved plan, compared with the company as it is now."""
    return (
        ResolveReferences(context, tuple(Verdict)),
        RecheckExisting(context, planned),
        ApplyRules(context),
    )


def run_steps(records: Sequence[PlannedRecord], steps: Iterable[PlanStep]) -> list[PlannedRecord]:
    """The records after all steps."""
    for step in steps:
        records = step(records)
    return list(records)


class Planner:
    """Plans the records of one entity."""

    def __init__(self, company: Gateway, context: PlanContext) -> None:
        self._company = company
        self._context = context

    def plan(self, writes: Iterable[Write], empty: Plan) -> Plan:
        """The verdict on each write; attachment folders that have to be made for their files come first."""
        records = [PlannedRecord.of(write) for write in writes]
        mode = self._context.settings.mode
        if mode is not Mode.DELETE and any(record.write.state.is_void for record in records):
            records = SkipVoid(self._context)(records)
        places = [at for at, record in enumerate(records) if mode is Mode.DELETE or not record.write.state.is_void]
        planned = [records[at] for at in places]
        if planned and all(record.write.operation.is_action for record in planned):
            planned = run_steps(planned, steps_to_act(self._context))
        elif mode is Mode.CREATE:
            planned = run_steps(planned, (RefuseRepeated(self._context), refuse_unsendable))
            planned = run_steps(planned, steps_to_create(self._context))
        else:
            planned = run_steps(planned, steps_to_change(self._context))
        for at, record in zip(places, planned, strict=True):
            records[at] = record
        references = self._context.references.unchecked.items()
        unchecked = (f"references to {target}: {reason}" for target, reason in references)
        folders = self._missing_folders(records)
        return replace(
            empty,
            records=(*folders, *records),
            unchecked=(*self._context.unchecked, *unchecked),
            names=self._context.references.names,
        )

    def confirm(self, plan: Plan) -> Plan:
        """The plan as the company is now, for the records that it would write."""
        planned = [one for one in plan.records if one.verdict not in LEFT_OUT and one.write.object == plan.object]
        created = [one for one in planned if one.write.operation is WriteOperation.CREATE]
        acted = [one for one in planned if one.write.operation.is_action]
        changed = [one for one in planned if one.write.operation in (WriteOperation.UPDATE, WriteOperation.DELETE)]
        if changed:
            self._context.describe()
        new = [PlannedRecord.of(one.write) for one in created]
        now = {
            id(one): record
            for one, record in zip(created, run_steps(new, steps_to_create(self._context, saved=True)), strict=True)
        }
        if changed:
            bare = [replace(one, findings=one.write.findings) for one in changed]
            steps = steps_to_recheck(self._context, changed)
            now |= {id(one): record for one, record in zip(changed, run_steps(bare, steps), strict=True)}
        if acted:
            as_shown = [replace(PlannedRecord.of(one.write), existing=one.existing) for one in acted]
            now |= {
                id(one): record
                for one, record in zip(acted, run_steps(as_shown, steps_to_act(self._context)), strict=True)
            }
        records = [now[id(one)] for one in planned]
        folders = self._missing_folders(records)
        return replace(
            plan,
            records=(*folders, *records),
            unchecked=tuple(self._context.unchecked),
            names=self._context.references.names,
        )

    def _missing_folders(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """The attachment folders that have to be made first."""
        named_folders = {one.write.folder for one in records if one.verdict in WRITTEN and one.write.folder}
        if self._context.settings.offline:
            return []
        missing = (folder for folder in sorted(named_folders) if folder_missing(self._company, folder))
        return [PlannedRecord(folder_write(folder), Verdict.CREATE) for folder in missing]


def make_plan(
    table: InputTable,
    layout: Layout,
    company: Gateway,
    outbox: Outbox,
    settings: PlanSettings = _USUAL,
    *,
    facts: CompanyFacts | None = None,
) -> Plan:
    """Read an input and decide on each of its records; `facts` are what the plans just before have found."""
    table = without_total_row(table)
    notes = (*table.notes, *layout.notes(table))
    target = TargetCompany.of(company.connection)
    empty = Plan(target, layout.object, table.path.name, table.columns, (), 0, notes, rules=settings.rules)
    writes = (with_row_findings(write, table) for write in layout.read(table))
    plan = _plan_all(writes, empty, company, outbox, settings, facts=facts)
    if table.where is None:
        return plan
    return replace(plan, notes=(*plan.notes, f"The filter leaves out {counted(table.where.left_out, 'row')}."))


def plan_writes(
    writes: Iterable[Write],
    object_name: str,
    company: Gateway,
    outbox: Outbox,
    *,
    source: str = "",
) -> Plan:
    """Decide on records that do not come from a file; all of them are of one object."""
    empty = Plan(TargetCompany.of(company.connection), object_name, source, (), (), 0)
    return _plan_all(writes, empty, company, outbox, _USUAL)


def plan_in_stages(writes: Iterable[Write], company: Gateway, outbox: Outbox, *, source: str = "") -> Plan:
    """Decide on records of several kinds (object and operation), which are applied one kind after the other."""
    target = TargetCompany.of(company.connection)
    planned: list[Plan] = []
    facts = CompanyFacts()
    for (name, operation), group in groupby(writes, key=lambda write: (write.object, write.operation)):
        of_kind = PlanSettings(mode=_MODES.get(operation, Mode.CREATE))
        planned.append(_plan_all(group, Plan(target, name, source, (), (), 0), company, outbox, of_kind, facts=facts))
    stages = after_payments(planned)
    return _in_stages(stages, Plan(target, "", source, (), (), 0))


def _in_stages(stages: Sequence[Plan], empty: Plan) -> Plan:
    """The plans of records of several kinds as one, which is applied one kind after the other."""
    return replace(
        empty,
        object=stages[0].object if len(stages) == 1 else "",
        records=tuple(record for stage in stages for record in stage.records),
        reads=sum(stage.reads for stage in stages),
        notes=tuple(dict.fromkeys(note for stage in stages for note in stage.notes)),
        unchecked=tuple(dict.fromkeys(text for stage in stages for text in stage.unchecked)),
        names=_names(stages),
    )


_MODES = {WriteOperation.UPDATE: Mode.UPDATE, WriteOperation.DELETE: Mode.DELETE}


def _plan_all(
    writes: Iterable[Write],
    empty: Plan,
    company: Gateway,
    outbox: Outbox,
    settings: PlanSettings,
    *,
    facts: CompanyFacts | None = None,
) -> Plan:
    before = company.meter.transactions
    source = settings.rules.source_name
    read = [in_source(write, source) for write in writes]  # a layout reads its file here, and may ask the company
    empty = replace(empty, position=outbox.position)
    facts = facts or CompanyFacts()
    rows_of_entities = (lambda: None) if settings.offline else facts.within(company).entity_rows
    writes = with_entities(read, company.connection.location_id, rows_of_entities)
    objects = dict.fromkeys(write.object for write in writes) or {empty.object: None}
    plans = [
        _plan_object(
            [write for write in writes if write.object == name],
            replace(empty, object=name),
            partial(_planner, company, outbox, settings, name, facts=facts),
        )
        for name in objects
    ]
    plan = plans[0] if len(plans) == 1 else _in_stages(plans, empty)
    return replace(plan, reads=company.meter.transactions - before)


def _plan_object(writes: Sequence[Write], empty: Plan, planner: Callable[[str], Planner]) -> Plan:
    """The plan for records of one object, those of each entity in a session of its own."""
    places = by_entity(writes)
    parts = {
        entity: planner(entity).plan([writes[place] for place in some], empty)
        for entity, some in (places or {"": []}).items()
    }
    return _joined_plans(parts, places, empty)


def _planner(
    company: Gateway, outbox: Outbox, settings: PlanSettings, object_name: str, entity: str, *, facts: CompanyFacts
) -> Planner:
    within = company.entity(entity) if entity else company
    return Planner(within, PlanContext(within, outbox, settings, object_name, facts))


def _joined_plans(parts: Mapping[str, Plan], places: Mapping[str, Sequence[int]], empty: Plan) -> Plan:
    """The plans of the entities as one, in the order of the input, attachment folders first."""
    folders: list[PlannedRecord] = []
    records: dict[int, PlannedRecord] = {}
    for entity, part in parts.items():
        of_entity = list(_of_entity(part.records, entity))
        count = len(places.get(entity, ()))
        folders += of_entity[: len(of_entity) - count]
        records |= zip(places.get(entity, ()), of_entity[len(of_entity) - count :], strict=True)
    notes = [
        f"{counted(len(of_entity), 'record')} {'is' if len(of_entity) == 1 else 'are'} for entity {entity}."
        for entity, of_entity in places.items()
        if entity
    ]
    unchecked = dict.fromkeys(text for part in parts.values() for text in part.unchecked)
    ordered = (records[place] for place in sorted(records))
    return replace(
        empty,
        records=(*folders, *ordered),
        notes=(*empty.notes, *notes),
        unchecked=tuple(unchecked),
        names=_names(parts.values()),
    )


def _names(parts: Iterable[Plan]) -> Names:
    """The names of all parts of a plan."""
    names: dict[str, dict[str, str]] = {}
    for part in parts:
        for object_name, of_object in part.names.items():
            names.setdefault(object_name, {}).update(of_object)
    return names


def _of_entity(records: Iterable[PlannedRecord], entity: str) -> Iterator[PlannedRecord]:
    return (
        one if one.write.entity == entity else replace(one, write=replace(one.write, entity=entity)) for one in records
    )


def revalidate_plan(plan: Plan, company: Gateway, outbox: Outbox) -> Plan:
    """A plan made earlier, checked again: its records, and the references and periods that they rely on.

    Records that were posted since are unchanged now. InvalidRequestError if the plan is for another company or
    entity, or if a record that it would write can no longer be written; SettingsError if it relies on records
    that the outbox does not have.
    """
    target = TargetCompany.of(company.connection)
    if (target.company, target.entity) != (plan.target.company, plan.target.entity):
        raise InvalidRequestError(
            f"the plan is for company {plan.target.company}, entity {plan.target.entity or 'none'}, and this "
            f"connection for company {target.company}, entity {target.entity or 'none'}",
            fix="use the connection that the plan was made with",
        )
    check_outbox(plan, target, outbox)
    now = _confirm_all(replace(plan, target=target, unchecked=()), company, outbox)
    _refuse_released(plan, now)
    refused = now.of(Verdict.REFUSED)
    if refused:
        more = f" (and {counted(len(refused) - 1, 'more record')})" if len(refused) > 1 else ""
        raise InvalidRequestError(
            f"the company has changed since the plan was made: {refused[0].reasons[0]}{more}",
            fix="make a new plan and check it",
        )
    return replace(now, saved=plan.saved or plan) if plan.origin is not None else now


def _refuse_released(plan: Plan, now: Plan) -> None:
    """InvalidRequestError if a record that the plan calls posted was deleted since, and would be posted again."""
    posted = {(one.write.entity, one.write.operation, one.write.identity) for one in plan.of(Verdict.UNCHANGED)}
    for record in now.of(Verdict.CREATE):
        if (record.write.entity, record.write.operation, record.write.identity) in posted:
            raise InvalidRequestError(
                f"{record.write.label} was posted when the plan was made, and is deleted now",
                fix="make a new plan and look at it",
            )


def _confirm_all(plan: Plan, company: Gateway, outbox: Outbox) -> Plan:
    before = company.meter.transactions
    facts = CompanyFacts()
    done = after_payments(_confirm_stage(stage, company, outbox, facts) for stage in plan.stages)
    return replace(
        plan,
        records=tuple(one for stage in done for one in stage.records),
        unchecked=tuple(dict.fromkeys(text for stage in done for text in stage.unchecked)),
        names=_names(done),
        reads=company.meter.transactions - before,
    )


def _confirm_stage(stage: Plan, company: Gateway, outbox: Outbox, facts: CompanyFacts) -> Plan:
    done: list[Plan] = []
    for entity, places in by_entity([one.write for one in stage.records]).items():
        of_entity = replace(stage, records=tuple(stage.records[place] for place in places))
        warned = any(finding.rule == UNUSUAL_RATE for record in of_entity.records for finding in record.findings)
        settings = PlanSettings(rules=stage.rules, unusual_rates="use" if warned else "")
        part = _planner(company, outbox, settings, stage.object, entity, facts=facts).confirm(of_entity)
        done.append(replace(part, records=tuple(_of_entity(part.records, entity))))
    return replace(
        stage,
        records=tuple(one for part in done for one in part.records),
        unchecked=tuple(text for part in done for text in part.unchecked),
        names=_names(done),
    )
