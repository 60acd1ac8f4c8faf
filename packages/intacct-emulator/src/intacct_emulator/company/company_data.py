"""One company's data: its rows, facts, catalogue and settings, and caches of earlier reads.

A function's handler is given a `FunctionCall`: the company, the session, the time, and the function's element. It
returns a `FunctionAnswer` or raises a refusal; it sees neither the envelope nor HTTP.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Any

from intacct_emulator.company.company_facts import CompanyFacts
from intacct_emulator.company.sessions import EmulatedSession, Sessions
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import CompanySettings
from intacct_emulator.settings.company_source import CompanyDefinitions
from intacct_emulator.settings.refusals import FunctionRefusedError, unknown_object
from intacct_emulator.store.catalogue import table_plan
from intacct_emulator.store.store import Store, StoreTable
from intacct_protocol.errors import Fault, InvalidRequestError
from intacct_protocol.model.catalog import Catalog, FieldDef, ObjectDef
from intacct_protocol.model.keys import Owner, lines
from intacct_protocol.xml.xml import Element


class Cache(OrderedDict[Hashable, Any]):
    """A cache of limited size that drops the least recently used value."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value, perhaps in place of the least recently used one."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._limit:
            self.popitem(last=False)

    def recall(self, key: Hashable) -> Any:
        """The value, or None; it counts as used."""
        if key not in self:
            return None
        self.move_to_end(key)
        return self[key]


class CompanyData:
    """One company's rows, with everything that is needed to read and write them."""

    def __init__(self, settings: CompanySettings, behaviour: Behaviour, store: Store, catalog: Catalog) -> None:
        self.settings = self._start_settings = settings
        self.behaviour = behaviour
        self.store = store
        self._standard = catalog
        self.facts = CompanyFacts(store)
        self.ahead = 0.0
        """Seconds by which the company's clock is ahead of the emulator's."""
        self.catalog = catalog
        self.reports, self.views = settings.reports, settings.views
        """The custom reports and views that the company has."""
        self.definition_fields: dict[tuple[str, str], tuple[FieldDef, ...]] = {}
        """Custom fields that only one transaction definition has, by object and definition."""
        self.selections = Cache(64)
        """Lists of row numbers, by the query that selected them (see `selection`)."""
        self.related = Cache(50_000)
        """Rows reached through relations (see `relations`)."""
        self.results = Cache(500)
        """Results of readByQuery and reports, by id."""

    def find(self, name: str, definition: str = "") -> ObjectDef:
        """The object's description by its name, ignoring case. Raises the refusal of `query` for an unknown object.

        With a transaction definition, the description has the fields of that definition too.
        """
        try:
            described = self.catalog.find(name)
        except InvalidRequestError:
            raise unknown_object(name) from None
        definition_fields = self.definition_fields.get((described.name, definition.strip()), ())
        return (
            replace(described, fields={**described.fields, **{one.name: one for one in definition_fields}})
            if definition_fields
            else described
        )

    def define(self, definitions: CompanyDefinitions) -> None:
        """Set the custom fields and objects, and the reports and views besides those of the settings."""
        self.catalog = definitions.added_to(self._standard)
        self.definition_fields = {}
        for added in definitions.definition_fields:
            key = (added.object, added.definition)
            self.definition_fields[key] = (*self.definition_fields.get(key, ()), added.field)
        self.reports = (*self.settings.reports, *definitions.reports)
        self.views = (*self.settings.views, *definitions.views)

    def define_as(self, other: "CompanyData") -> None:
        """Take over the definitions of a company whose records this one shares."""
        self.catalog, self.definition_fields = other.catalog, dict(other.definition_fields)
        counts = len(other.settings.reports), len(other.settings.views)
        self.reports = (*self.settings.reports, *other.reports[counts[0] :])
        self.views = (*self.settings.views, *other.views[counts[1] :])

    def apply_administered(self) -> None:
        """Take over what an administrator changed in the set-up, as the database has it now."""
        changed = self.facts.administered.get()
        self.settings = self._start_settings if changed is None else changed.applied(self._start_settings)

    def forget(self) -> None:
        """Empty the caches: any row may be different now."""
        for memory in (self.selections, self.related, self.results):
            memory.clear()
        self.store.forget_all()

    def line_sets(self, name: str) -> list[Owner]:
        """The line sets of an object whose lines are objects that the company describes.

        Sage documents lines of a few objects that no answer of `lookup` describes; they are kept with their header.
        """
        return [owner for owner in lines(name) if owner.line in self.catalog]

    def table(self, described: ObjectDef | str) -> StoreTable:
        """The object's table."""
        return self.store.table(described if isinstance(described, str) else described.name)

    def one_table(self, described: ObjectDef) -> list[StoreTable]:
        """The object's table, and those of the objects that Intacct keeps in the same one."""
        table = self.table(described)
        return [table, *map(self.table, table.plan.one_table)]


def open_company(
    settings: CompanySettings,
    behaviour: Behaviour,
    connection: Connection,
    catalog: Catalog,
    *,
    layers: tuple[str, ...] = (),
) -> CompanyData:
    """The data of one company in a database that may hold several; its tables begin with its id, or are in `layers`."""
    layer, *shared = layers or (settings.company_id,)
    store = Store(connection, layer, lambda name: table_plan(company.catalog.find(name)), tuple(shared))
    company = CompanyData(settings, settings.behaviour or behaviour, store, catalog)
    return company


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One function call."""

    company: CompanyData
    session: EmulatedSession
    body: Element
    control_id: str
    now: float
    """Seconds since the epoch, by the emulator's clock."""
    sessions: Sessions
    scripted: Mapping[int, Fault] = field(default_factory=dict)
    """Scripted errors of single records, by their place in the function."""

    @property
    def name(self) -> str:
        """The function's name."""
        return self.body.tag

    def check_scripted(self, place: int) -> None:
        """Raise the scripted error of the record at this place of the function, if it has one."""
        if place in self.scripted:
            raise FunctionRefusedError(self.scripted[place])

    @property
    def stamp(self) -> datetime:
        """The time of the call, for the audit fields of rows."""
        return datetime.fromtimestamp(int(self.now), UTC)


@dataclass(frozen=True, slots=True)
class FunctionAnswer:
    """The parts of a function's result, or a bare body that stands for the whole response."""

    data: Element | None = None
    key: str | None = None
    extra: tuple[Element, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Faults together with data mean that part of the work was done."""
    bare: bytes | None = None
    content_type: str = ""
    wait: float = 0.0
    """Seconds that the client has to wait, in addition to our own work."""
    written: int | None = None
    """The records that a function with several records wrote; None for other functions."""
