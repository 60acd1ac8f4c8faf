"""The step that applies the rules, with the facts about the company that they need."""

from collections.abc import Iterator, Sequence
from datetime import date

from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.plan.context import PlanContext
from intacct_bridge.flow.plan.plan import PlannedRecord
from intacct_bridge.flow.plan.rules import (
    RULES,
    EntityFacts,
    Facts,
    base_currency,
    characters,
    check,
    has_signs,
    is_plain,
    relations_for,
    that_matter,
)
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Finding
from intacct_bridge.model.query.query import Query


def refuse_unsendable(records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
    """The step that refuses records with a character that XML cannot carry.

    It comes before all steps that ask the company for keys and references, since no request could hold these.
    """
    return [one if is_plain(one.write) else one.noting(*characters(one.write)).judged() for one in records]


class ApplyRules:
    """Checks every record that would be written, and refuses those that break a rule."""

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Apply every rule to the records that would be written."""
        if not any(record.is_open for record in records):
            return list(records)
        facts = self._facts(records)
        return [self._checked(record, facts) if record.is_open else record for record in records]

    def _checked(self, record: PlannedRecord, facts: Facts) -> PlannedRecord:
        columns = [finding.column for finding in record.findings]
        checked = record.noting(*check(record.write, facts, columns))
        return checked.noting(*self._inexpressible(checked)).judged()

    def _inexpressible(self, record: PlannedRecord) -> Iterator[Finding]:
        """Why a sound record cannot be put into a function."""
        if not record.findings or not record.reasons:
            try:
                self._context.functions.check(record.write)
            except InvalidRequestError as error:
                yield Finding("function", error.message, error.fix, position=record.write.position)

    def _facts(self, records: Sequence[PlannedRecord]) -> Facts:
        context = self._context
        if context.settings.offline:
            context.unchecked.append(
                "references, dimensions and their relationships, locations, open period, duplicates, required and "
                "read-only fields, lengths, listed values: the plan is offline"
            )
            return Facts(context.references, entity=context.target.entity)
        writes = [record.write for record in records if record.is_open]
        signed = has_signs(writes)
        needed = writes[0].object in RULES or signed
        entities = context.facts.entities(context.company, self._entities) if needed else {}
        relations = relations_for(writes, context.company, context.unchecked)
        relations = that_matter(relations, context.references)
        base = base_currency(context.company) if signed else ""
        return Facts(context.references, entities, context.target.entity, context.writable, relations, base, signed)

    def _entities(self) -> dict[str, EntityFacts]:
        """The entities with the first date that is open for posting; empty where they may not be read."""
        company, entities = self._context.company, dict[str, EntityFacts]()
        try:
            described = company.describe("LOCATIONENTITY")
            wanted = ("LOCATIONID", "STARTOPEN", "CURRENCY")
            select = tuple(name for name in wanted if described.get(name) is not None)
            for row in company.query(Query("LOCATIONENTITY", select)):
                day = row.get("STARTOPEN")
                opened = day if isinstance(day, date) else None
                entities[comparable(row.get("LOCATIONID"))] = EntityFacts(opened, comparable(row.get("CURRENCY")))
        except (NotPermittedError, RefusedError) as error:
            self._context.unchecked.append(f"entities and open periods: {error.message}")
        return entities
