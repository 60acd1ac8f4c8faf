"""Accounting periods: the days on which books are open, by entity and sub-ledger, and the days of a reporting period.

The books of an entity are open from STARTOPEN of its LOCATIONENTITY row, or from the day that `close_books` kept. Those
who close the books of a period close its sub-ledgers too, and can open one of them again by itself, as Sage describes
it. A company that closed nothing can post on every day.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.ledger.posting_rows import (
    CASH_MANAGEMENT,
    EXPENSES,
    ORDERS,
    PAYABLES,
    PURCHASING,
    RECEIVABLES,
)
from intacct_emulator.settings.cells import Row, date_text, iso_date
from intacct_emulator.settings.refusals import refused
from intacct_protocol.errors import SettingsError

_NO_DAY = "1900-01-01"


def day_of(row: Row, name: str) -> date:
    """The day in a cell; the first of January 1900 if it is empty."""
    return date.fromisoformat((iso_date(row.get(name, "")) or _NO_DAY)[:10])


GENERAL = "GL"
LEDGERS = {
    GENERAL: "books",
    "AP": "accounts payable",
    "AR": "accounts receivable",
    "EE": "employee expenses",
    "CM": "cash management",
}
"""The ledgers that can be closed, with their names in refusals."""
_LEDGER_OF = {
    PAYABLES: "AP",
    PURCHASING: "AP",
    RECEIVABLES: "AR",
    ORDERS: "AR",
    EXPENSES: "EE",
    CASH_MANAGEMENT: "CM",
}


@dataclass(frozen=True, slots=True)
class OpenPeriods:
    """The first open day of each entity and ledger that has closed periods."""

    first: Mapping[tuple[str, str], date] = field(default_factory=dict)
    """Entity and ledger → its first open day. A ledger without a day of its own is open as the books are."""

    def first_open(self, entity: str, ledger: str = GENERAL) -> date | None:
        """The first open day; None if every day is open."""
        return self.first.get((entity, ledger)) or self.first.get((entity, GENERAL))

    def check(self, day: date, entities: Collection[str], module: str = "") -> None:
        """Refuse a day in a closed period of one of these entities; `module` names the sub-ledger."""
        ledger = _LEDGER_OF.get(module, GENERAL)
        for entity in sorted(entities):
            first = self.first_open(entity, ledger)
            if first is not None and day < first:
                closed_ledger = ledger if (entity, ledger) in self.first else GENERAL
                place = f" of entity {entity}" if entity else ""
                raise refused(
                    f"The date {day:%m/%d/%Y} is in a closed period: the {LEDGERS[closed_ledger]}{place} are open from "
                    f"{first:%m/%d/%Y}.",
                    correction="Use a date in an open period, or open the period.",
                    field="BATCH_DATE",
                )


def check_reversal_day(company: CompanyData, original: Row, name: str, day: str) -> None:
    """Refuse a reversal before the day in a cell of what it reverses, if the company's setting does so."""
    on = date.fromisoformat((iso_date(day) or _NO_DAY)[:10])
    if company.behaviour.early_reversals == "refused" and on < day_of(original, name):
        raise refused(
            f"The reversal date {on:%m/%d/%Y} is before {day_of(original, name):%m/%d/%Y}, the date of what it "
            "reverses.",
            correction="Use that date or a later one.",
            field=name,
        )


def open_periods(company: CompanyData) -> OpenPeriods:
    """The open periods of a company."""
    rows = (row for _, row in company.table("LOCATIONENTITY").rows())
    first = {(row["LOCATIONID"], GENERAL): day_of(row, "STARTOPEN") for row in rows if row.get("STARTOPEN")}
    open_days = company.facts.open_days.get() or {}
    return OpenPeriods(first | {_named(key): date.fromisoformat(day) for key, day in open_days.items()})


def close_books(company: CompanyData, until: date, *, entity: str = "", ledger: str = GENERAL) -> None:
    """Close the periods until a day (included), of one entity or of all, in the books or in one sub-ledger.

    An earlier day opens the periods after it again. To close the books closes the sub-ledgers that are open longer.
    """
    if ledger not in LEDGERS:
        raise SettingsError(f"there is no ledger {ledger!r} to close", fix=f"ledgers: {', '.join(LEDGERS)}")
    table = company.table("LOCATIONENTITY")
    numbers = {row["LOCATIONID"]: number for number, row in table.rows()}
    if entity and entity not in numbers:
        raise SettingsError(f"there is no entity {entity!r}", fix=f"entities: {', '.join(numbers)}")
    first, open_days = until + timedelta(days=1), dict(company.facts.open_days.get() or {})
    for name in (entity,) if entity else ("", *numbers):
        open_days[f"{name} {ledger}"] = first.isoformat()
        if ledger != GENERAL:
            continue
        for other in LEDGERS:
            if open_days.get(f"{name} {other}", first.isoformat()) < first.isoformat():
                del open_days[f"{name} {other}"]
        if name:
            table.update(numbers[name], (table.get(numbers[name]) or {}) | {"STARTOPEN": date_text(first)})
    company.facts.open_days.put(value=open_days)


def last_closed(company: CompanyData, entity: str) -> date | None:
    """The last closed day of an entity's books; None if nothing is closed."""
    first = open_periods(company).first_open(entity)
    return None if first is None else first - timedelta(days=1)


def _named(key: str) -> tuple[str, str]:
    entity, _, ledger = key.rpartition(" ")
    return entity, ledger


def reporting_period(company: CompanyData, name: str) -> tuple[date, date]:
    """The first and the last day of a reporting period; an unknown name is refused."""
    table = company.table("REPORTINGPERIOD")
    for number in table.find("NAME", name):
        row = table.get(number) or {}
        if iso_date(row.get("START_DATE", "")) and iso_date(row.get("END_DATE", "")):
            return day_of(row, "START_DATE"), day_of(row, "END_DATE")
    raise refused(f"Invalid Reporting Period '{name}' specified.", correction="Provide a valid reporting period.")
