"""Accounting periods: the days on which an entity's books are open, and the days of a reporting period.

The books of an entity are open from STARTOPEN of its LOCATIONENTITY row. An entity without that day, and a company
without entities, can post on every day.
"""

from collections.abc import Collection, Mapping
from datetime import date

from intacct_bridge.emulator.company.company_data import CompanyData
from intacct_bridge.emulator.settings.cells import Row, iso_date
from intacct_bridge.emulator.settings.refusals import refused

_NO_DAY = "1900-01-01"


def day_of(row: Row, name: str) -> date:
    """The day in a cell; the first of January 1900 where it is empty."""
    return date.fromisoformat((iso_date(row.get(name, "")) or _NO_DAY)[:10])


def open_from(company: CompanyData) -> dict[str, date]:
    """The first open day of each entity that has one."""
    rows = (row for _, row in company.table("LOCATIONENTITY").rows())
    return {row["LOCATIONID"]: day_of(row, "STARTOPEN") for row in rows if iso_date(row.get("STARTOPEN", ""))}


def check_open(opened: Mapping[str, date], day: date, entities: Collection[str]) -> None:
    """Refuse a day before the first open day of one of these entities."""
    for entity, first in opened.items():
        if entity in entities and day < first:
            raise refused(
                f"The date {day:%m/%d/%Y} is in a closed period: the books of entity {entity} are open from "
                f"{first:%m/%d/%Y}.",
                correction="Use a date in an open period, or open the period.",
                field="BATCH_DATE",
            )


def reporting_period(company: CompanyData, name: str) -> tuple[date, date]:
    """The first and the last day of a reporting period; an unknown name is refused."""
    table = company.table("REPORTINGPERIOD")
    for number in table.find("NAME", name):
        row = table.get(number) or {}
        if iso_date(row.get("START_DATE", "")) and iso_date(row.get("END_DATE", "")):
            return day_of(row, "START_DATE"), day_of(row, "END_DATE")
    raise refused(f"Invalid Reporting Period '{name}' specified.", correction="Provide a valid reporting period.")
