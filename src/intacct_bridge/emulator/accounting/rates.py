"""Exchange rates: the rate that a request gives, or the latest rate that the company has listed by that day."""

from datetime import date
from decimal import Decimal

from intacct_bridge.emulator.company.company_data import CompanyData
from intacct_bridge.emulator.settings.cells import iso_date
from intacct_bridge.emulator.settings.refusals import refused


def exchange_rate(company: CompanyData, currency: str, base: str, *, day: date, given: str) -> Decimal:
    """Base currency for one unit of the currency on that day; `given` is the request's own rate, or empty."""
    if given:
        return Decimal(given)
    if currency == base:
        return Decimal(1)
    found = _listed_rate(company, currency, base, day)
    if found is None:
        raise refused(
            f"There is no exchange rate from {currency} to {base} for {day:%m/%d/%Y}.",
            correction="Provide EXCHANGE_RATE, or enter a rate.",
            field="EXCHANGE_RATE",
        )
    return found


def _listed_rate(company: CompanyData, currency: str, base: str, day: date) -> Decimal | None:
    pairs = {row["RECORDNO"]: row for _, row in company.table("EXCHANGERATE").rows()}
    latest: tuple[str, Decimal] | None = None
    for _, row in company.table("EXCHANGERATEENTRY").rows():
        pair = pairs.get(row.get("EXCHANGERATEKEY", ""), {})
        since = (iso_date(row.get("EFFECTIVE_START_DATE", "")) or "")[:10]
        matches = (pair.get("FROM_CURRENCY"), pair.get("TO_CURRENCY")) == (currency, base)
        if matches and since <= day.isoformat() and (latest is None or since > latest[0]):
            latest = (since, Decimal(row["EXCHANGE_RATE"]))
    return None if latest is None else latest[1]
