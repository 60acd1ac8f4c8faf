"""Reporting periods, payment terms, currencies and exchange rates."""

from collections.abc import Iterator
from datetime import date

from intacct_emulator.demo_company.generator.calendar import month_end, month_name, shift_month
from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import World
from intacct_emulator.ledger.posting_rows import TypedRow

Rows = Iterator[tuple[str, TypedRow]]


def period_rows(world: World, stamps: RecordStamps) -> Rows:
    """Periods, terms and currencies."""
    yield from _periods(world, stamps)
    yield from _terms(world, stamps)
    yield from _currencies(world, stamps)


def _periods(world: World, stamps: RecordStamps) -> Rows:
    calendar = world.calendar
    for month in (*calendar.months, shift_month(calendar.as_of, 1), shift_month(calendar.as_of, 2)):
        yield (
            "REPORTINGPERIOD",
            _period(stamps, f"Month Ended {month_name(month)}", month, month_end(month), kind="Month"),
        )
    first, last = calendar.start.year, calendar.as_of.year
    for year in range(first, last + 1):
        for quarter in range(4):
            begin = date(year, 3 * quarter + 1, 1)
            end = month_end(shift_month(begin, 2))
            yield "REPORTINGPERIOD", _period(stamps, f"Quarter {quarter + 1} {year}", begin, end, kind="Quarter")
        yield (
            "REPORTINGPERIOD",
            _period(stamps, f"Year Ended December {year}", date(year, 1, 1), date(year, 12, 31), kind="Year"),
        )


def _period(stamps: RecordStamps, name: str, begin: date, end: date, *, kind: str) -> TypedRow:
    key = stamps.number("REPORTINGPERIOD")
    return {
        "RECORDNO": key,
        "RECORD#": key,
        "NAME": name,
        "HEADER1": name,
        "HEADER2": None,
        "START_DATE": begin,
        "END_DATE": end,
        "BUDGETING": "true" if kind == "Month" else "false",
        "DATETYPE": 999,
        "STATUS": "active",
        "REPORTING_PERIODTYPE": kind,
        **stamps.imported(),
    }


def _terms(world: World, stamps: RecordStamps) -> Rows:
    for object_ in ("APTERM", "ARTERM"):
        for key, (name, due, discount_days, discount) in enumerate(world.data["terms"], 1):
            yield (
                object_,
                {
                    "RECORDNO": key,
                    "NAME": name,
                    "DESCRIPTION": "Due on receipt" if due == 0 else f"Due in {due} days",
                    "STATUS": "active",
                    "DUEDATE": due,
                    "DUEFROM": "from invoice/bill date",
                    "DISCDATE": discount_days,
                    "DISCFROM": "from invoice/bill date",
                    "DISCAMOUNT": int(discount),
                    "DISCPERCAMN": "%",
                    "PEN_TYPES": "No Penalty",
                    "DISCCALCON": "Line items total",
                    **stamps.imported(),
                },
            )


def _currencies(world: World, stamps: RecordStamps) -> Rows:
    imported = stamps.imported()
    audit = {cell: imported[cell] for cell in ("WHENCREATED", "WHENMODIFIED", "CREATEDBY", "MODIFIEDBY")}
    for key, (code, name) in enumerate((("USD", "US Dollar"), ("CAD", "Canadian Dollar")), 1):
        row: TypedRow = {"RECORDNO": key, "CODE": code, "DESCRIPTION": name, "SYMBOL": "$", "DECIMALPLACES": 2}
        yield "TRXCURRENCIES", {**row, "ISBASE": True, "STATUS": "active", **audit}
    kind: TypedRow = {"RECORDNO": 1, "ID": 1, "NAME": "Company Weekly Rate", "ISDEFAULT": "true"}
    yield "EXCHANGERATETYPES", {**kind, **audit}
    for key, (source, target) in enumerate((("USD", "CAD"), ("CAD", "USD")), 1):
        pair: TypedRow = {
            "RECORDNO": str(key),
            "TYPE_ID": 1,
            "TYPENAME": "Company Weekly Rate",
            "FROM_CURRENCY": source,
            "TO_CURRENCY": target,
        }
        yield "EXCHANGERATE", {**pair, **audit}
    entry = 0
    for monday, (forth, back) in world.rates.weeks.items():
        audit = {**audit, "WHENCREATED": world.calendar.reading(monday, 600), "WHENMODIFIED": None}
        for key, rate, reciprocal in ((1, forth, back), (2, back, forth)):
            entry += 1
            dated: TypedRow = {
                "RECORDNO": str(entry),
                "EXCHANGERATEKEY": key,
                "EFFECTIVE_START_DATE": monday,
                "EXCHANGE_RATE": rate,
                "RECIPROCAL_RATE": reciprocal,
            }
            yield "EXCHANGERATEENTRY", {**dated, **audit}
