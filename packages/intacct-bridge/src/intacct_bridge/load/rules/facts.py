"""What the rules know of the company."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Finding, RecordLine, Write
from intacct_bridge.load.rules.relationships import DimensionRelation
from intacct_bridge.load.target.references import KnownRecord, References
from intacct_bridge.load.target.writable import WritableObject

_REQUIRED = {
    "REQUIREDEPT": ("DEPARTMENT", "DEPARTMENTID"),
    "REQUIRELOC": ("LOCATION", "LOCATIONID"),
    "REQUIREPROJECT": ("PROJECTID",),
    "REQUIRECUSTOMER": ("CUSTOMERID",),
    "REQUIREVENDOR": ("VENDORID",),
    "REQUIREEMPLOYEE": ("EMPLOYEEID",),
    "REQUIREITEM": ("ITEMID",),
    "REQUIRECLASS": ("CLASSID",),
}
"""The dimensions that an account requires, by the names that the field has on the lines of journals and of others."""
LOCATION_FIELDS = ("LOCATION", "LOCATIONID")


@dataclass(frozen=True, slots=True)
class EntityFacts:
    """What the rules know of one entity."""

    opened: date | None = None
    """The first date that is open for posting."""
    currency: str = ""
    """The base currency of its books."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules know of the company."""

    references: References
    entities: Mapping[str, EntityFacts] = field(default_factory=dict)
    """Empty if the company has no entities or they could not be read."""
    entity: str = ""
    """The entity that the connection is signed in to."""
    writable: WritableObject | None = None
    """The description of the object that is written."""
    relations: tuple[DimensionRelation, ...] = ()
    """Dimensions that follow from others, if a line names both."""
    signed: bool = True
    """Whether an amount of the input may have the sign of a currency."""
    unusual_rates: bool = False
    """Whether the user allows an exchange rate that is far from any that currencies have."""
    _required: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict, init=False, compare=False)
    _entities: dict[str, str] = field(default_factory=dict, init=False, compare=False)
    """Entities by location."""

    def required_of(self, account: KnownRecord) -> tuple[tuple[str, ...], ...]:
        """The dimensions that an account requires, each by its fields' names."""
        required = self._required.get(account.id)
        if required is None:
            required = tuple(names for flag, names in _REQUIRED.items() if account.row.get(flag) is True)
            self._required[account.id] = required
        return required

    def entities_of(self, write: Write) -> list[str]:
        """The entities that a write's lines are for."""
        if self.entity:
            return [self.entity]
        named = {self.entity_of(location_of(line)) for line in write.all_lines}
        return sorted(named & self.entities.keys())

    def is_statistical(self, write: Write) -> bool:
        """Whether a journal entry has quantities instead of amounts: it has one side, and no currency."""
        journal = self.references.records("GLJOURNAL").get(comparable(write.fields.get("JOURNAL")))
        return journal is not None and journal.object == "STATJOURNAL"

    def entity_of(self, location: str) -> str:
        """The entity that a location belongs to, by its parents; empty if that is unknown."""
        entity = self._entities.get(location)
        if entity is None:
            self._entities[location] = entity = self._entity_above(location)
        return entity

    def _entity_above(self, location: str) -> str:
        locations = self.references.records("LOCATION")
        for _ in range(len(locations) + 1):
            if location in self.entities:
                return location
            place = locations.get(location)
            if place is None:
                return ""
            location = comparable(place.row.get("PARENTID"))
        return ""


Rule = Callable[[Write, Facts], Iterable[Finding]]


def location_of(line: RecordLine) -> str:
    """The location that a line names."""
    for name in LOCATION_FIELDS:
        if line.fields.get(name):
            return comparable(line.fields[name])
    return ""
