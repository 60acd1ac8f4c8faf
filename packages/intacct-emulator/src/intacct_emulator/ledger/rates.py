"""Exchange rates: the rate that a request gives, or the latest one of a rate type by a day.

A request names a rate type by its name, or by its number (see the setting `rate_types`). Without a type the rate is the
Intacct Daily Rate. The emulator has no rates of its own, so that a company without listed daily rates uses its default
type. A pair of currencies that is listed in the other direction only is converted at the reciprocal rate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.settings.cells import Row, iso_date
from intacct_emulator.settings.refusals import refused

DAILY = "Intacct Daily Rate"
"""The rate type that every company has, and that lists of rate types hide."""
_DIGITS = Decimal("1e-14")


@dataclass(frozen=True, slots=True)
class RateFields:
    """The fields by which an object chooses its exchange rate."""

    rate: str = "EXCHANGE_RATE"
    type: str = "EXCH_RATE_TYPE_ID"
    date: str = "EXCH_RATE_DATE"


USUAL = RateFields()
ORDERS = RateFields("EXCHRATE", "EXCH_RATE_TYPE_ID", "EXCHRATEDATE")


def exchange_rate(
    company: CompanyData, row: Row, currency: str, base: str, *, day: date, fields: RateFields = USUAL
) -> Decimal:
    """Base currency for one unit of the currency, as a row chooses it; `day` counts if the row has no rate date."""
    if row.get(fields.rate):
        return Decimal(row[fields.rate])
    if currency == base:
        return Decimal(1)
    kind, chosen = row.get(fields.type, ""), day_of(row, fields.date) if row.get(fields.date) else day
    rate = listed_rate(company, currency, base, chosen, kind=kind)
    if rate is None:
        named = f" of the type '{kind}'" if kind else ""
        raise refused(
            f"There is no exchange rate{named} from {currency} to {base} for {chosen:%m/%d/%Y}.",
            correction=f"Provide {fields.rate}, or enter a rate.",
            field=fields.rate,
        )
    return rate


def several_currencies(company: CompanyData) -> bool:
    """Whether the company uses another currency than the base currency of its only books."""
    top = company.facts.base_currency.get() or "USD"
    base = {row.get("CURRENCY") or top for _, row in company.table("LOCATIONENTITY").rows()} or {top}
    listed = {row.get("CODE", "") for _, row in company.table("TRXCURRENCIES").rows()}
    rates = (row for _, row in company.table("EXCHANGERATE").rows())
    return len(base | listed) > 1 or any(row.get("FROM_CURRENCY") != row.get("TO_CURRENCY") for row in rates)


def unnamed_currency(call: FunctionCall, party: Row, base: str) -> str:
    """The currency of a document that names none; see the setting `unnamed_currency`."""
    setting = call.company.behaviour.unnamed_currency
    if setting == "refused" and party and several_currencies(call.company):
        raise refused("Currency is required.", correction="Provide the currency of the transaction.", field="CURRENCY")
    return (party.get("CURRENCY") if setting == "party" else "") or base


def listed_rate(company: CompanyData, currency: str, base: str, day: date, *, kind: str = "") -> Decimal | None:
    """The latest rate of a type by a day; None if the company lists none."""
    pairs = [row for _, row in company.table("EXCHANGERATE").rows()]
    for name in _types(company, kind):
        of_type = [row for row in pairs if row.get("TYPENAME", "") == name]
        for source, target, reciprocal in ((currency, base, False), (base, currency, True)):
            pair = (source, target)
            keys = {row["RECORDNO"] for row in of_type if (row.get("FROM_CURRENCY"), row.get("TO_CURRENCY")) == pair}
            rate = _latest(company, keys, day)
            if rate is not None:
                return _reciprocal(rate) if reciprocal else Decimal(rate["EXCHANGE_RATE"])
    return None


def _types(company: CompanyData, kind: str) -> Iterator[str]:
    """The names of the rate types to look in, the first one first. An unknown type is refused."""
    rows = [row for _, row in company.table("EXCHANGERATETYPES").rows()]
    if not kind or kind == DAILY:
        yield DAILY
        yield from (row["NAME"] for row in rows if row.get("ISDEFAULT") == "true")
        yield ""
        return
    accepted = {"both": ("NAME", "ID"), "name": ("NAME",), "number": ("ID",)}[company.behaviour.rate_types]
    for field in accepted:
        for row in rows:
            if row.get(field, "") == kind:
                yield row["NAME"]
                return
    raise refused(
        f"Invalid Exchange Rate Type '{kind}' specified.",
        correction="Provide one of the company's exchange rate types.",
        field="EXCH_RATE_TYPE_ID",
    )


def rate_type_number(company: CompanyData, kind: str) -> str:
    """The number of a rate type that is given by its name; a number, or another text, stays as it is.

    The field is a number, so the built-in daily rate leaves it empty in a company that lists no such type.
    """
    rows = (row for _, row in company.table("EXCHANGERATETYPES").rows())
    return next((row.get("ID", "") for row in rows if row.get("NAME") == kind), "" if kind == DAILY else kind)


def _latest(company: CompanyData, keys: set[str], day: date) -> Row | None:
    latest: tuple[str, Row] | None = None
    for _, row in company.table("EXCHANGERATEENTRY").rows() if keys else ():
        since = (iso_date(row.get("EFFECTIVE_START_DATE", "")) or "")[:10]
        if (
            row.get("EXCHANGERATEKEY", "") in keys
            and since <= day.isoformat()
            and (latest is None or since > latest[0])
        ):
            latest = (since, row)
    return None if latest is None else latest[1]


def _reciprocal(row: Row) -> Decimal:
    if row.get("RECIPROCAL_RATE"):
        return Decimal(row["RECIPROCAL_RATE"])
    return (1 / Decimal(row["EXCHANGE_RATE"])).quantize(_DIGITS, ROUND_HALF_UP)
