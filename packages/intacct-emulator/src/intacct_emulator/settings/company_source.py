"""The initial content of a company: records, facts, and additions to the standard objects.

The demo company is one source, the declaration of a scenario file another, the copy of a real company a third.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from intacct_emulator.settings.companies import ReportSettings
from intacct_protocol.model.catalog import Catalog, FieldDef, ObjectDef, Relation
from intacct_protocol.xml.values import Value

Records = Iterable[tuple[str, Mapping[str, Value]]]
"""Pairs of object and row, in the order to store them; a cell left out of a row is null."""


NextNumber = Callable[[str], int]
"""Gives a record number of an object that no record of it has had."""


@dataclass(frozen=True, slots=True)
class DefinitionField:
    """A custom field that only one transaction definition has."""

    object: str
    definition: str
    field: FieldDef


@dataclass(frozen=True, slots=True)
class CompanyDefinitions:
    """The custom fields, objects, reports and views of a company."""

    fields: tuple[tuple[str, FieldDef], ...] = ()
    """Custom fields, each with the object that has it."""
    relations: tuple[tuple[str, Relation], ...] = ()
    """Relations of custom fields, each with the object that has it."""
    objects: tuple[ObjectDef, ...] = ()
    """Custom objects."""
    definition_fields: tuple[DefinitionField, ...] = ()
    reports: tuple[ReportSettings, ...] = ()
    views: tuple[ReportSettings, ...] = ()

    def __add__(self, other: "CompanyDefinitions") -> "CompanyDefinitions":
        """Both together; if both define something, the second counts."""
        names = {one.name for one in (*other.reports, *other.views)}
        return CompanyDefinitions(
            self.fields + other.fields,
            self.relations + other.relations,
            self.objects + other.objects,
            self.definition_fields + other.definition_fields,
            tuple(one for one in self.reports if one.name not in names) + other.reports,
            tuple(one for one in self.views if one.name not in names) + other.views,
        )

    def added_to(self, catalog: Catalog) -> Catalog:
        """The catalogue as this company sees it."""
        changed = {definition.name: definition for definition in self.objects}
        for name, definition in self.fields:
            described = changed.get(name) or catalog[name]
            changed[name] = replace(described, fields={**described.fields, definition.name: definition})
        for name, relation in self.relations:
            described = changed.get(name) or catalog[name]
            changed[name] = replace(described, relations={**described.relations, relation.path: relation})
        return catalog.with_objects(*changed.values())


@dataclass(frozen=True, slots=True)
class PostingRule:
    """The account of a transaction definition's lines, for all items or for those of one group and place."""

    account: str
    item_group: str = ""
    location: str = ""
    department: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalLevel:
    """The users of whom one must approve, for amounts above this one in base currency."""

    approvers: tuple[str, ...]
    above: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """The levels that a submitted record of an object waits for, one after the other."""

    levels: tuple[ApprovalLevel, ...]
    progressive: bool = True
    """Whether every level that the amount exceeds decides, or only those of the highest amount that it exceeds."""
    definition: str = ""
    """The transaction definition that it is for; empty for all."""


@dataclass(frozen=True, slots=True)
class FactValues:
    """The initial facts of a company: what posting needs and no row of an object says."""

    posting_accounts: Mapping[str, str] = field(default_factory=dict)
    """By role, the account that documents post to without naming it (see `declaration.DeclaredPostingAccounts`)."""
    reporting_books: tuple[str, ...] = ("ACCRUAL",)
    """The books that show every posting."""
    adjustment_books: tuple[str, ...] = ()
    """The books that have only the entries of their own journals."""
    base_currency: str = "USD"
    """The base currency outside all entities."""
    first_month: int = 1
    """The first month of the fiscal year outside all entities."""
    definition_accounts: Mapping[str, tuple[PostingRule, ...]] = field(default_factory=dict)
    """By transaction definition, its posting rules; the first one that fits a line counts."""
    approval_policies: Mapping[str, tuple[ApprovalPolicy, ...]] = field(default_factory=dict)
    """By object."""


def _no_records(_number: NextNumber) -> Records:
    return ()


@dataclass(frozen=True, slots=True)
class CompanySource:
    """The initial content of a company."""

    name: str
    """`demo`, or the name of a scenario."""
    label: str
    """The origin of the records, such as `seed=1 as_of=2026-11-21 scale=1`; kept in the database."""
    rows: Callable[[], Records] = tuple
    """Complete rows, kept as they are."""
    records: Callable[[NextNumber], Records] = _no_records
    """Records by their ids, kept one after the other with the cells that follow from their references."""
    facts: FactValues = FactValues()
    definitions: CompanyDefinitions = CompanyDefinitions()
    ledger_from: str = "GLENTRY"
    """The object whose rows make the ledger: `GLENTRY`, each followed by its rows of GLDETAIL, or `GLDETAIL` alone."""
