"""Planning: what a load would do, record by record, before anything is sent; and a plan that was kept, confirmed.

Planning reads the company (and counts what that costs) but writes nothing. The records of each entity are planned in a
session of its own, and the plan has them all in the order of the input.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.company.entities import by_entity, placed
from intacct_bridge.flow.company.gateway import Company, Whereabouts
from intacct_bridge.flow.company.legacy import Dialect, speaking
from intacct_bridge.flow.layouts.base import Layout
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.plan import WRITTEN, Plan, Planned, PlanSettings, Verdict
from intacct_bridge.flow.plan.planner import Planner
from intacct_bridge.flow.plan.remembered import check_remembered
from intacct_bridge.flow.records.tables import Table
from intacct_bridge.flow.records.write import Write

_USUAL = PlanSettings()


def make_plan(table: Table, layout: Layout, company: Company, outbox: Outbox, settings: PlanSettings = _USUAL) -> Plan:
    """Read an input and decide on each of its records."""
    notes = (*table.notes, *layout.notes(table))
    empty = Plan(Whereabouts.of(company.connection), layout.object, table.path.name, table.columns, (), 0, notes)
    return _plan_all(layout.read(table), empty, speaking(company), outbox, settings)


def plan_writes(
    writes: Iterable[Write],
    object_name: str,
    company: Company,
    outbox: Outbox,
    settings: PlanSettings = _USUAL,
    *,
    source: str = "",
) -> Plan:
    """Decide on records that come from elsewhere than a file; all of them are of one object."""
    empty = Plan(Whereabouts.of(company.connection), object_name, source, (), (), 0)
    return _plan_all(writes, empty, speaking(company), outbox, settings)


def _plan_all(writes: Iterable[Write], empty: Plan, company: Dialect, outbox: Outbox, settings: PlanSettings) -> Plan:
    """Plan the records of each entity in a session of its own; the plan has them in the order of the input."""
    before = company.meter.transactions
    writes = placed(writes, company, offline=settings.offline)
    places = by_entity(writes)
    parts = {
        entity: Planner(company.within(entity) if entity else company, outbox, settings).plan(
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


def confirm_plan(plan: Plan, company: Company, outbox: Outbox) -> Plan:
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


def _confirm_all(plan: Plan, company: Dialect, outbox: Outbox) -> Plan:
    before = company.meter.transactions
    done: list[Plan] = []
    for entity, places in by_entity([one.write for one in plan.records]).items():
        some = replace(plan, records=tuple(plan.records[place] for place in places))
        allowed = any(finding.rule == "duplicate" for one in some.of(*WRITTEN) for finding in one.findings)
        settings = PlanSettings(allow_duplicates=allowed)
        part = Planner(company.within(entity) if entity else company, outbox, settings).confirm(some)
        records = tuple(replace(one, write=replace(one.write, entity=entity)) for one in part.records)
        done.append(replace(part, records=records))
    records = tuple(one for part in done for one in part.records)
    unchecked = dict.fromkeys(text for part in done for text in part.unchecked)
    reads = company.meter.transactions - before
    return replace(plan, records=records, unchecked=tuple(unchecked), reads=reads)
