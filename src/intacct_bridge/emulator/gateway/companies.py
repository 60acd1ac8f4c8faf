"""The companies of one emulator: opened from a database, filled from sources, copied and set back.

No other module imports the demo company. It is one `CompanySource`, and the declaration of a scenario file another. A
company can have several: the demo company with custom fields of your own.
"""

from datetime import date
from sqlite3 import Connection

from intacct_bridge.emulator.accounting.seeding import load
from intacct_bridge.emulator.company.company_data import CompanyData, open_company
from intacct_bridge.emulator.company.side_tables import SideTables
from intacct_bridge.emulator.company.users import keep_users
from intacct_bridge.emulator.demo.generator.declaration import demo_definitions
from intacct_bridge.emulator.records.declared_records import keep_records, number_giver
from intacct_bridge.emulator.settings.company_source import CompanyDefinitions, CompanySource, SideValues
from intacct_bridge.emulator.settings.declared.source import declared_source
from intacct_bridge.emulator.settings.world import EmulatorSettings
from intacct_bridge.emulator.store.catalogue import standard_catalog
from intacct_bridge.emulator.store.store import open_database
from intacct_bridge.errors import SettingsError
from intacct_bridge.model.suggestions import did_you_mean

DEMO = "demo"
"""The name of the demo company's source."""


class Companies:
    """The companies of one emulator, in one database."""

    def __init__(self, settings: EmulatorSettings, connection: Connection) -> None:
        self._connection = connection
        self.by_id = {
            one.company_id: open_company(one, settings.behaviour, connection, standard_catalog())
            for one in settings.companies
        }
        for company in self.by_id.values():
            company.define(_stored_definitions(company))

    def fill_declared(self, now: float) -> None:
        """Fill each company with what its settings declare."""
        for company_id, company in self.by_id.items():
            if company.settings.declared:
                fill(company, declared_source(company.settings.declared, company_id), now=now)

    def keep_users(self) -> None:
        """Give every user of the settings a record."""
        for company in self.by_id.values():
            keep_users(company)

    def database_copy(self) -> Connection:
        """A copy of the database in memory, made in milliseconds."""
        copy = open_database(None)
        self._connection.backup(copy)
        return copy

    def restore(self, database: Connection) -> None:
        """Replace every record by those of a copy; caches of the old ones are emptied."""
        database.backup(self._connection)
        for company in self.by_id.values():
            company.forget()

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def has_records(company: CompanyData) -> bool:
    """Whether the company was filled from a source."""
    tables = company.side_tables
    return tables.demo.known() or tables.source.known() or bool(tables.sources.keys_used())


def _filled_by(company: CompanyData, source: CompanySource) -> bool:
    tables = company.side_tables
    earlier = (tables.source.get() or "").partition(" ")[0]
    return tables.demo.known() if source.name == DEMO else tables.sources.known(source.name) or earlier == source.name


def _stored_definitions(company: CompanyData) -> CompanyDefinitions:
    """The definitions in the database; one of an earlier version has none for the demo company."""
    earlier = demo_definitions() if company.side_tables.demo.known() else CompanyDefinitions()
    return company.side_tables.definitions.get() or earlier


def fill(company: CompanyData, source: CompanySource, *, now: float) -> None:
    """Define and store everything that a source provides; a company that it filled before keeps its records."""
    if _filled_by(company, source):
        return
    definitions = _stored_definitions(company) + source.definitions
    _define(company, definitions, source.label)
    with company.store.together():
        company.side_tables.definitions.put(value=definitions)
        load(company, source.rows(), ledger_from=source.ledger_from)
        keep_side_values(company.side_tables, source.side_values)
        keep_users(company)
        keep_records(company, source.records(number_giver(company)), now=now, where=source.label)
        if source.name == DEMO:
            company.side_tables.demo.put(value=source.label)
        else:
            company.side_tables.sources.put(source.name, value=source.label or source.name)


def _define(company: CompanyData, definitions: CompanyDefinitions, where: str) -> None:
    """Add the definitions to the catalogue. Raises SettingsError for one that names an unknown object."""
    named = [name for name, _ in (*definitions.fields, *definitions.relations)]
    named += [relation.object for _, relation in definitions.relations]
    named += [relation.object for one in definitions.objects for relation in one.relations.values()]
    named += [one.object for one in (*definitions.reports, *definitions.views)]
    known = {*standard_catalog(), *(one.name for one in definitions.objects)}
    for name in named:
        if name not in known:
            raise SettingsError(
                f"{where}: there is no object {name}{did_you_mean(name, known)}",
                fix="name a standard object, or declare a custom_object or dimension of this name",
            )
    company.define(definitions)


def keep_side_values(tables: SideTables, values: SideValues) -> None:
    """Keep the values of a source; those that it leaves at their defaults stay as they are."""
    usual = SideValues()
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
        if value != default or not table.known():
            table.put(value=value)  # type: ignore[arg-type]  # each table with its own value


def demo_source(seed: int, *, as_of: date, scale: int, cash_book: bool, months: int) -> CompanySource:
    """The demo company; its program is imported only when a company is filled with it."""
    from intacct_bridge.emulator.demo import company

    return company.demo_source(seed, as_of=as_of, scale=scale, cash_book=cash_book, months=months)
