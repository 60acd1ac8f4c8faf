"""The initial content of a company: records, side tables, and additions to the standard objects.

The demo company is one source; a scenario file can be another. Definitions are not stored with the records, so a
database that is opened again needs them from its source.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from intacct_bridge.emulator.settings.world import ReportSettings
from intacct_bridge.model.catalog import Catalog, FieldDef, ObjectDef, Relation
from intacct_bridge.wire.values import Value

Records = Iterable[tuple[str, Mapping[str, Value]]]
"""Pairs of object and row, in the order to store them; a cell left out of a row is null."""


@dataclass(frozen=True, slots=True)
class CompanyDefinitions:
    """The custom fields, objects, reports and views of a company."""

    fields: tuple[tuple[str, FieldDef], ...] = ()
    """Custom fields, each with the object that has it."""
    relations: tuple[tuple[str, Relation], ...] = ()
    """Relations of custom fields, each with the object that has it."""
    objects: tuple[ObjectDef, ...] = ()
    """Custom objects."""
    definition_fields: Mapping[tuple[str, str], tuple[FieldDef, ...]] = field(default_factory=dict)
    """Custom fields that only one transaction definition has, by object and definition."""
    reports: tuple[ReportSettings, ...] = ()
    views: tuple[ReportSettings, ...] = ()

    def added_to(self, catalog: Catalog) -> Catalog:
        """The catalogue as this company sees it."""
        changed: dict[str, ObjectDef] = {}
        for name, one in self.fields:
            described = changed.get(name) or catalog[name]
            changed[name] = replace(described, fields={**described.fields, one.name: one})
        for name, relation in self.relations:
            described = changed.get(name) or catalog[name]
            changed[name] = replace(described, relations={**described.relations, relation.path: relation})
        return catalog.with_objects(*changed.values(), *self.objects)


@dataclass(frozen=True, slots=True)
class SideValues:
    """The initial values of a company's side tables."""

    posting_accounts: Mapping[str, str] = field(default_factory=dict)
    """By role, the account that documents post to without naming it."""
    reporting_books: tuple[str, ...] = ("ACCRUAL",)


@dataclass(frozen=True, slots=True)
class CompanySource:
    """The initial content of a company."""

    name: str
    """`demo`, or the name of a scenario."""
    label: str
    """The origin of the records, such as `seed=1 as_of=2026-11-21 scale=1`; kept in the database."""
    rows: Callable[[], Records]
    side_values: SideValues = SideValues()
    definitions: CompanyDefinitions = CompanyDefinitions()
