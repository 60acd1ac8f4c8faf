"""The companies of one emulator: opened from a database, filled from a source, copied and set back.

No other module imports the demo company. It is one `CompanySource`; a scenario file can be another.
"""

from datetime import date
from sqlite3 import Connection

from intacct_bridge.emulator.accounting.seeding import load
from intacct_bridge.emulator.company.company_data import CompanyData, open_company
from intacct_bridge.emulator.company.users import keep_users
from intacct_bridge.emulator.demo.masters.custom_fields import demo_definitions
from intacct_bridge.emulator.settings.company_source import CompanySource
from intacct_bridge.emulator.settings.world import EmulatorSettings
from intacct_bridge.emulator.store.catalogue import standard_catalog
from intacct_bridge.emulator.store.store import open_database

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
            if company.side_tables.demo.known():
                company.define(demo_definitions())

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
    return company.side_tables.demo.known() or company.side_tables.source.known()


def fill(company: CompanyData, source: CompanySource) -> None:
    """Define and store everything that a source provides; a company that was filled before keeps its records."""
    company.define(source.definitions)
    if has_records(company):
        return
    with company.store.together():
        load(company, source.rows())
        for role, account in source.side_values.posting_accounts.items():
            company.side_tables.posting_accounts.put(role, value=account)
        if source.name == DEMO:
            company.side_tables.demo.put(value=source.label)
        else:
            company.side_tables.source.put(value=f"{source.name} {source.label}")
        company.side_tables.reporting_books.put(value=source.side_values.reporting_books)


def demo_source(seed: int, *, as_of: date, scale: int, cash_book: bool) -> CompanySource:
    """The demo company; its program is imported only when a company is filled with it."""
    from intacct_bridge.emulator.demo import company

    return company.demo_source(seed, as_of=as_of, scale=scale, cash_book=cash_book)
