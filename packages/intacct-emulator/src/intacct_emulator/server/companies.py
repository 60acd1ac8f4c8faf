"""The companies of one emulator: opened from a database, filled from sources, copied, shared and set back.

A clone has its records in a database of its own, if it can be as another company was in a snapshot. Thousands of
companies share the records of one in its database (see `store`): each has only what was written to it.

No other module imports the demo company. It is one `CompanySource`, and the declaration of a scenario file another. A
company can have several: the demo company with custom fields of your own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from secrets import token_hex
from sqlite3 import Connection

from intacct_emulator.company.company_data import CompanyData, open_company
from intacct_emulator.company.company_facts import CompanyFacts
from intacct_emulator.company.users import keep_roles, keep_users
from intacct_emulator.ledger.seeding import load
from intacct_emulator.records.declared_records import check_accounts, keep_records, number_giver
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings
from intacct_emulator.settings.company_source import CompanyDefinitions, CompanySource, FactValues
from intacct_emulator.settings.declared.source import declared_source
from intacct_emulator.store.catalogue import standard_catalog
from intacct_emulator.store.database_cache import DatabaseCache
from intacct_emulator.store.store import drop_layers, is_in_memory, is_new, open_database
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean

_USUAL = CompanySettings()
DEMO = "demo"
"""The name of the demo company's source."""


@dataclass(frozen=True, slots=True)
class CompanyCopy:
    """A company that was cloned while the emulator ran, as a snapshot keeps it."""

    settings: CompanySettings
    layers: tuple[str, ...]
    database: Connection
    ahead: float


@dataclass(frozen=True, slots=True)
class SharingCompany:
    """A company that shares the records of another one, as a snapshot keeps it."""

    settings: CompanySettings
    layers: tuple[str, ...]
    model: str
    """The company whose definitions it has."""


class Companies:
    """The companies of one emulator: those of its settings in one database, and clones, each in its own in memory."""

    def __init__(self, settings: EmulatorSettings, connection: Connection, now: float) -> None:
        self._connection = connection
        self._behaviour = settings.behaviour
        self._clones: dict[str, Connection] = {}
        self._models: dict[str, str] = {}
        """By company that shares the records of another one, that company."""
        self._layers = {company.company_id for company in settings.companies}
        """Every layer that the database may have."""
        self.by_id = {one.company_id: self._opened(one, connection) for one in settings.companies}
        self._set_clocks(now)

    def _set_clocks(self, now: float) -> None:
        for company in self.by_id.values():
            if company.settings.clock is not None:
                set_clock(company, company.settings.clock, now)

    def _opened(self, settings: CompanySettings, connection: Connection, layers: tuple[str, ...] = ()) -> CompanyData:
        company = open_company(settings, self._behaviour, connection, standard_catalog(), layers=layers)
        company.define(_stored_definitions(company))
        return company

    def fill_declared(self, now: float) -> None:
        """Fill each company with what its settings declare."""
        for company in self.by_id.values():
            _fill_declared(company, now)

    def start_with(self, source: CompanySource, key: tuple[object, ...], cache: DatabaseCache) -> bool:
        """Take the rows of the first company from a cache, if `key` names the source. False if that cannot be.

        The rows are made for a company with nothing but its id and the one behaviour that changes stored rows. So they
        are the same for all other settings.
        """
        company = next(iter(self.by_id.values()))
        if not is_new(self._connection):
            return False
        settings = CompanySettings(company_id=company.store.prefix)
        behaviour = Behaviour(gldetail_key_per_book=company.behaviour.gldetail_key_per_book)

        def make(connection: Connection) -> None:
            _store(open_company(settings, behaviour, connection, standard_catalog()), source)

        key = (key, source.label, company.store.prefix, behaviour.gldetail_key_per_book)
        database = cache.open(key, make)
        if database is None:
            return False
        with closing(database):
            self.restore(database, self.layers())
        return True

    def keep_users(self) -> None:
        """Give every user of the settings a record."""
        for company in self.by_id.values():
            keep_users(company)

    def add(
        self, settings: CompanySettings, like: CompanyData, records: Connection, layers: tuple[str, ...]
    ) -> CompanyData:
        """Another company with the records that this one has in a database; they are copied in milliseconds."""
        database = open_database(None)
        records.backup(database)
        company = self._opened(settings, database, layers)
        company.ahead = like.ahead
        self._clones[settings.company_id] = database
        self.by_id[settings.company_id] = company
        keep_users(company)
        return company

    def create(self, settings: CompanySettings, now: float) -> CompanyData:
        """Another company in memory, with its users and what its settings declare and nothing else.

        Raises SettingsError, and then there is no such company.
        """
        company_id = settings.company_id
        self._clones[company_id] = open_database(None)
        company = self.by_id[company_id] = self._opened(settings, self._clones[company_id])
        try:
            _fill_declared(company, now)
            keep_users(company)
        except BaseException:
            self.remove(company_id)
            raise
        return company

    def add_sharing(self, settings: Sequence[CompanySettings], like: CompanyData) -> list[CompanyData]:
        """More companies with the records of this one, which are shared until they are written.

        Raises SettingsError if its database outlives the emulator, or is that of a clone.
        """
        if not settings:
            return []
        model = like.settings.company_id
        if model in self._clones:
            raise SettingsError(
                f"{model} is a clone, whose records cannot be shared", fix="name a company that is none"
            )
        if not is_in_memory(self._connection):
            raise SettingsError(
                "companies that share records are in memory, and this emulator's database is a file",
                fix="start it without a database file",
            )
        shared = like.store.share(self._new_layer(model))
        added = []
        for company_settings in settings:
            company = self._sharing(
                SharingCompany(company_settings, (self._new_layer(company_settings.company_id), *shared), model), like
            )
            company.ahead = like.ahead
            keep_users(company)
            added.append(company)
        return added

    def _sharing(self, sharing: SharingCompany, model: CompanyData) -> CompanyData:
        company = open_company(
            sharing.settings, self._behaviour, self._connection, standard_catalog(), layers=sharing.layers
        )
        company.define_as(model)
        self._models[sharing.settings.company_id] = sharing.model
        self.by_id[sharing.settings.company_id] = company
        return company

    def remove(self, company_id: str) -> None:
        """Drop a company; its records are gone unless others share them or a snapshot has them."""
        self.by_id.pop(company_id)
        self._models.pop(company_id, None)
        clone = self._clones.pop(company_id, None)
        if clone is not None:
            clone.close()

    def reopen(self, settings: EmulatorSettings, now: float) -> None:
        """Open the companies of other settings in the same database; `restore` then tells which records they have."""
        for database in self._clones.values():
            database.close()
        self._clones.clear()
        self._models.clear()
        self._behaviour = settings.behaviour
        self.by_id.clear()
        self.by_id |= {
            company.company_id: self._opened(company, self._connection, (self._new_layer(company.company_id),))
            for company in settings.companies
        }
        self._set_clocks(now)

    # --- states

    @property
    def size(self) -> int:
        """Bytes of the database that the companies of the settings are in."""
        pages, each = (self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages) * int(each)

    @property
    def in_memory(self) -> bool:
        """Whether the companies of the settings end with the emulator."""
        return is_in_memory(self._connection)

    def layers(self) -> dict[str, tuple[str, ...]]:
        """By company, the layers that hold its records, its own one first."""
        return {name: one.store.layers for name, one in self.by_id.items()}

    def frozen_layers(self) -> dict[str, tuple[str, ...]]:
        """The layers that hold the records of each company now, and are not written any more. Clones have none."""
        return {
            company_id: company.store.share(self._new_layer(company_id))
            for company_id, company in self.by_id.items()
            if company_id not in self._clones
        }

    def sharing(self, layers: Mapping[str, tuple[str, ...]]) -> tuple[SharingCompany, ...]:
        """The companies that share the records of another one, in these layers."""
        return tuple(
            SharingCompany(self.by_id[company_id].settings, layers[company_id], model)
            for company_id, model in self._models.items()
        )

    def database_of(self, company_id: str) -> Connection:
        """The database that holds a company."""
        return self._clones.get(company_id, self._connection)

    @property
    def database(self) -> Connection:
        """The database that holds the companies of the settings."""
        return self._connection

    def database_copy(self) -> Connection:
        """A copy of the database in memory, made in milliseconds."""
        return _copied(self._connection)

    def clones(self) -> tuple[CompanyCopy, ...]:
        """Copies of the companies that were cloned."""
        return tuple(
            CompanyCopy(one.settings, one.store.layers, _copied(database), one.ahead)
            for company_id, database in self._clones.items()
            for one in (self.by_id[company_id],)
        )

    def restore(
        self, database: Connection, layers: Mapping[str, tuple[str, ...]], *, used: Collection[str] = ()
    ) -> None:
        """Replace every record by those in a database; caches of the old ones are emptied, and clones are dropped.

        So are companies that share records. `layers` are those that hold each company's records. In our own database
        they stay as they are, and only a layer above them is new; layers that are not `used` are deleted.
        """
        for company_id in (*self._models, *self._clones):
            self.remove(company_id)
        if database is not self._connection:
            database.backup(self._connection)
            self.use_layers(layers)
            return
        for company_id, company in self.by_id.items():
            company.results.clear()
            below = layers.get(company_id, ())
            if company.store.layers[1:] != below or company.store.has_own():
                company.store.set_layers((self._new_layer(company_id), *below))
                _forget(company)
        named = {layer for company in self.by_id.values() for layer in company.store.layers}
        unused = self._layers - named - {*used}
        drop_layers(self._connection, unused)
        self._layers -= unused

    def use_layers(self, layers: Mapping[str, tuple[str, ...]]) -> None:
        """Read the records of each company in these layers, if it is named; nothing is known of earlier ones."""
        for company_id, company in self.by_id.items():
            company.store.set_layers(layers.get(company_id, company.store.layers))
            _forget(company)

    def take(self, clones: Iterable[CompanyCopy], sharing: Iterable[SharingCompany] = (), *, above: bool) -> None:
        """Take over companies that were added before a snapshot; clones have copies of their records.

        With `above`, the layers of the others stay as they are, and each gets one above them.
        """
        for clone in clones:
            connection = self._clones[clone.settings.company_id] = _copied(clone.database)
            company = self.by_id[clone.settings.company_id] = self._opened(clone.settings, connection, clone.layers)
            company.ahead = clone.ahead
        for other in sharing:
            own_layer = (self._new_layer(other.settings.company_id),) if above else ()
            self._sharing(replace(other, layers=(*own_layer, *other.layers)), self.by_id[other.model])

    def _new_layer(self, company_id: str) -> str:
        layer = f"{company_id}+{token_hex(6)}"
        self._layers.add(layer)
        return layer

    def close(self) -> None:
        """Close the databases."""
        for database in (self._connection, *self._clones.values()):
            database.close()


def _forget(company: CompanyData) -> None:
    """Empty the caches of a company whose records are others now."""
    company.forget()
    company.define(_stored_definitions(company))


def _copied(database: Connection) -> Connection:
    copy = open_database(None)
    database.backup(copy)
    return copy


def set_clock(company: CompanyData, moment: datetime, now: float) -> None:
    """Set a company's clock; it runs on from there. A moment without a zone is UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    company.ahead = aware.timestamp() - now


def has_records(company: CompanyData) -> bool:
    """Whether the company was filled from a source."""
    tables = company.facts
    return tables.demo.was_set() or bool(tables.sources.keys_used())


def _fill_declared(company: CompanyData, now: float) -> None:
    settings = company.settings
    if settings.declared:
        fill(company, declared_source(settings.declared, settings.company_id), now=now)
    own_people = (settings.users, settings.roles) != (_USUAL.users, _USUAL.roles)
    if own_people and not company.facts.demo.was_set():
        keep_users(company)
        keep_roles(company)


def _filled_by(company: CompanyData, source: CompanySource) -> bool:
    tables = company.facts
    return tables.demo.was_set() if source.name == DEMO else tables.sources.was_set(source.name)


def _stored_definitions(company: CompanyData) -> CompanyDefinitions:
    return company.facts.definitions.get() or CompanyDefinitions()


def fill(company: CompanyData, source: CompanySource, *, now: float, stored: bool = False) -> None:
    """Define and store everything that a source provides; a company that it filled before keeps its records.

    With `stored`, the company has the rows of the source already, as `Companies.start_with` puts them there.
    """
    if _filled_by(company, source):
        return
    with company.store.together():
        if not stored:
            _store(company, source)
        keep_users(company)
        keep_records(company, source.records(number_giver(company)), now=now + company.ahead, where=source.label)
        check_accounts(company, _named_accounts(source.facts), source.label)
        if source.name == DEMO:
            company.facts.demo.put(value=source.label)
        else:
            company.facts.sources.put(source.name, value=source.label or source.name)


def _store(company: CompanyData, source: CompanySource) -> None:
    """Store the definitions, rows and facts of a source."""
    definitions = _stored_definitions(company) + source.definitions
    _define(company, definitions, source.label)
    with company.store.together():
        company.facts.definitions.put(value=definitions)
        load(company, source.rows(), ledger_from=source.ledger_from)
        store_facts(company.facts, source.facts)


def _define(company: CompanyData, definitions: CompanyDefinitions, where: str) -> None:
    """Add the definitions to the catalogue. Raises SettingsError for one that names an unknown object."""
    named = [name for name, _ in (*definitions.fields, *definitions.relations)]
    named += [relation.object for _, relation in definitions.relations]
    named += [relation.object for one in definitions.objects for relation in one.relations.values()]
    named += [one.object for one in (*definitions.reports, *definitions.views)]
    object_names = {*standard_catalog(), *(one.name for one in definitions.objects)}
    for name in named:
        if name not in object_names:
            raise SettingsError(
                f"{where}: there is no object {name}{did_you_mean(name, object_names)}",
                fix="name a standard object, or declare a custom_object or dimension of this name",
            )
    company.define(definitions)


def _named_accounts(values: FactValues) -> dict[str, str]:
    """Every account that the facts name, by the key of a company file that does so."""
    rules = values.definition_accounts.items()
    return {f"posting_accounts.{role}": account for role, account in values.posting_accounts.items()} | {
        f"definition ({name}).account {place}": rule.account
        for name, listed in rules
        for place, rule in enumerate(listed, 1)
    }


def store_facts(tables: CompanyFacts, values: FactValues) -> None:
    """Keep the values of a source; those that it leaves at their defaults stay as they are."""
    usual = FactValues()
    for role, account in values.posting_accounts.items():
        tables.posting_accounts.put(role, value=account)
    for definition, rules in values.definition_accounts.items():
        tables.definition_accounts.put(definition, value=rules)
    for name, policies in values.approval_policies.items():
        tables.approval_policies.put(name, value=policies)
    for table, value, default in (
        (tables.reporting_books, values.reporting_books, usual.reporting_books),
        (tables.adjustment_books, values.adjustment_books, usual.adjustment_books),
        (tables.base_currency, values.base_currency, usual.base_currency),
        (tables.first_month, values.first_month, usual.first_month),
    ):
        if value != default or not table.was_set():
            table.put(value=value)  # type: ignore[arg-type]  # each table with its own value


def demo_source(seed: int, *, as_of: date, scale: int, cash_book: bool, months: int) -> CompanySource:
    """The demo company; its program is imported only when a company is filled with it."""
    from intacct_emulator.demo_company import company

    return company.demo_source(seed, as_of=as_of, scale=scale, cash_book=cash_book, months=months)
