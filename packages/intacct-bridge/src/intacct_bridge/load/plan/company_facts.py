"""What plans know of one company: the records that loads refer to, the entities, and the company's own settings.

All that a plan needs is asked for together: the definitions in one request, then the rows in another. A fact that
rarely changes is read once for all plans that share these facts.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from intacct_bridge.client.gateway.calls import refused_by_legacy
from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Write
from intacct_bridge.load.rules.check import RULES
from intacct_bridge.load.rules.facts import EntityFacts
from intacct_bridge.load.rules.relationships import READ_RELATIONS, DimensionRelation, may_conflict, relations_of
from intacct_bridge.load.target.entities import entities_query
from intacct_bridge.load.target.references import References, mentions
from intacct_protocol.errors import RefusedError
from intacct_protocol.model.keys import lines
from intacct_protocol.model.query.query import Query

_ENTITIES, _RELATIONS = "entities, their currencies and open periods", "dimension relationships"


class CompanyFacts:
    """What several plans know of one company together.

    Inputs that are planned one after the other, such as the streams of a Singer target, refer to the same accounts and
    locations. What one plan has found is not read again by the next. What it has not found is, since a load in between
    may have created it; and everything of an object that was written in between is read again.
    """

    def __init__(self) -> None:
        self._within: dict[str, FactsWithin] = {}
        self.entity_rows: list[Row] | None = None
        """The company's entities; None before they are read. Each entity of a plan needs the same ones."""
        self.refused: dict[str, str] = {}
        """What the company does not let us read, with the reason."""

    def within(self, company: Gateway) -> "FactsWithin":
        """The facts for a new plan in the entity that is signed in."""
        place = company.connection.location_id
        if place in self._within:
            self._within[place].references = self._within[place].references.for_next_plan()
        else:
            self._within[place] = FactsWithin(self, company)
        return self._within[place]

    def forget(self, *objects: str) -> None:
        """Records of these objects were written: the next plan reads what it refers to of them."""
        for object_name in objects:
            for facts in self._within.values():
                facts.references.forget(object_name)
            if object_name in ("LOCATIONENTITY", "LOCATION"):
                self.entity_rows = None


class FactsWithin:
    """What plans know of one company, through a connection that is signed in to one of its entities or to none."""

    def __init__(self, shared: CompanyFacts, company: Gateway) -> None:
        self.references = References(company)
        self.relations: tuple[DimensionRelation, ...] = ()
        self._shared = shared
        self._company = company
        self._asked_relations = False

    @property
    def unchecked(self) -> list[str]:
        """What the rules could not be told, with the reason."""
        return [f"{subject}: {reason}" for subject, reason in self._shared.refused.items()]

    def entity_rows(self) -> list[Row] | None:
        """The company's entities, read once; None if they may not be read."""
        if self._shared.entity_rows is None:
            query = self._entities_query()
            self._take_entities(self._company.query(query) if query is not None else ())
        return None if _ENTITIES in self._shared.refused else self._shared.entity_rows

    def entities(self) -> dict[str, EntityFacts]:
        """What the rules know of each entity."""
        facts: dict[str, EntityFacts] = {}
        for row in self._shared.entity_rows or ():
            day = row.get("STARTOPEN")
            opened = day if isinstance(day, date) else None
            facts[comparable(row.get("LOCATIONID"))] = EntityFacts(opened, comparable(row.get("CURRENCY")).upper())
        return facts

    def describe(self, object_name: str, writes: Iterable[Write]) -> None:
        """Read in one request the definitions that planning new records needs; a refusal is told by its first use."""
        line_objects = [line_set.line for line_set in lines(object_name) if line_set.wrapper]
        targets = {target for write in writes for target, _ in mentions(write)}
        entities = ["LOCATIONENTITY"] if object_name in RULES else []
        self._company.describe_many([object_name, *line_objects, *sorted(targets), *entities], {})

    def learn(self, referring: Iterable[Write], new: Sequence[Write] = ()) -> None:
        """Read in one request what records refer to, and what the rules need to know for new records."""
        references = self.references.queries(referring)
        needs_entities = any(write.object in RULES for write in new[:1])
        entities = self._entities_query() if needs_entities and self._shared.entity_rows is None else None
        functions = [READ_RELATIONS] if not self._asked_relations and may_conflict(new) else []
        self._asked_relations = self._asked_relations or bool(functions)
        if self._company.connection.is_legacy and functions:
            self._shared.refused[_RELATIONS] = refused_by_legacy(f"function {READ_RELATIONS.tag}").message
            functions = []
        queries = [reference.query for reference in references] + ([entities] if entities is not None else [])
        rows, results = self._company.read_together(queries, functions)
        self.references.add(zip(references, rows, strict=False))
        if entities is not None:
            self._take_entities(rows[-1])
        for result in results:
            try:
                self.relations = relations_of(result)
            except RefusedError as error:
                self._shared.refused[_RELATIONS] = error.message

    def _entities_query(self) -> Query | None:
        try:
            return entities_query(self._company)
        except RefusedError as error:
            self._shared.entity_rows = []
            self._shared.refused[_ENTITIES] = error.message
            return None

    def _take_entities(self, rows: Iterable[Row]) -> None:
        try:
            self._shared.entity_rows = list(rows)
        except RefusedError as error:
            self._shared.entity_rows = []
            self._shared.refused[_ENTITIES] = error.message
