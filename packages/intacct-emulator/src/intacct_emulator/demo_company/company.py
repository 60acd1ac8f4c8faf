"""The demo company: 24 months, or fewer, of a maker of measuring instruments and its service business, as typed rows.

Corvane Instruments has a top level and three entities, keeps books in US and Canadian dollars, buys, sells, pays its
employees and closes its months. Seed, last day, months and scale decide every row: the same four give the same rows in
the same order. Rows are streamed, each after the rows that it refers to, so that only lists, planned and open documents
are held in memory. The months before the last two are closed (STARTOPEN of LOCATIONENTITY).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import chain

from intacct_emulator.demo_company.audit import AuditHistory
from intacct_emulator.demo_company.events.cards import Cards
from intacct_emulator.demo_company.events.expenses import Expenses
from intacct_emulator.demo_company.events.journals import Journals
from intacct_emulator.demo_company.events.payables import Payables
from intacct_emulator.demo_company.events.purchases import plan_purchases
from intacct_emulator.demo_company.events.receivables import Receivables
from intacct_emulator.demo_company.events.sales import plan_sales
from intacct_emulator.demo_company.events.timesheets import Timesheets
from intacct_emulator.demo_company.generator.calendar import MONTHS
from intacct_emulator.demo_company.generator.declaration import demo_definitions, demo_facts
from intacct_emulator.demo_company.generator.ledger import LedgerWriter
from intacct_emulator.demo_company.generator.people import make_world
from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.sales_cycle import party_balances
from intacct_emulator.demo_company.generator.world import World
from intacct_emulator.demo_company.masters.custom_records import custom_rows
from intacct_emulator.demo_company.masters.goods import goods_rows
from intacct_emulator.demo_company.masters.lists import list_rows
from intacct_emulator.demo_company.masters.parties import bank_rows, customer_rows, vendor_rows
from intacct_emulator.demo_company.masters.periods import period_rows
from intacct_emulator.demo_company.masters.settings import setting_rows
from intacct_emulator.demo_company.masters.staff import employee_rows, project_rows
from intacct_emulator.ledger.posting_rows import TypedRow
from intacct_emulator.settings.company_source import CompanySource
from intacct_protocol.errors import SettingsError


def demo_source(
    seed: int = 1, *, as_of: date, scale: int = 1, cash_book: bool = False, months: int = MONTHS
) -> CompanySource:
    """The demo company as the source of a company's data."""
    books = ("ACCRUAL", "CASH") if cash_book else ("ACCRUAL",)
    return CompanySource(
        name="demo",
        label=f"seed={seed} as_of={as_of} scale={scale}" + (f" months={months}" if months != MONTHS else ""),
        rows=lambda: demo_company(seed, as_of=as_of, scale=scale, cash_book=cash_book, months=months),
        facts=replace(demo_facts(), reporting_books=books),
        definitions=demo_definitions(),
    )


def demo_company(
    seed: int = 1, *, as_of: date, scale: int = 1, cash_book: bool = False, months: int = MONTHS
) -> Iterator[tuple[str, TypedRow]]:
    """The company as pairs of object and row, in the order to store them; a cell left out of a row is null."""
    if scale < 1:
        raise SettingsError(f"a company of scale {scale} is empty", fix="choose a scale of 1 or more")
    if not 3 <= months <= MONTHS:
        raise SettingsError(f"the demo company cannot have {months} months", fix=f"choose 3 to {MONTHS} months")
    world = make_world(seed, as_of, scale, months)
    stamps = RecordStamps(world)
    ledger = LedgerWriter(world, stamps, cash_book=cash_book)
    history = AuditHistory(world, stamps)
    yield from history.noted(_rows(world, stamps, ledger, cash_book=cash_book))
    yield from history.rows()


def _rows(
    world: World, stamps: RecordStamps, ledger: LedgerWriter, *, cash_book: bool
) -> Iterator[tuple[str, TypedRow]]:
    yield from list_rows(world, stamps, cash_book=cash_book)
    yield from period_rows(world, stamps)
    yield from goods_rows(world, stamps)
    yield from bank_rows(world, stamps)
    purchases = {month: plan_purchases(world, month) for month in world.calendar.months}
    yield from vendor_rows(world, stamps, party_balances(chain(*purchases.values()), world))
    yield from employee_rows(world, stamps)
    sales = {month: plan_sales(world, month) for month in world.calendar.months}
    yield from customer_rows(world, stamps, party_balances(chain(*sales.values()), world))
    yield from project_rows(world, stamps)
    yield from setting_rows(world, stamps)
    yield from custom_rows(world)
    receivables = Receivables(world, stamps, ledger, sales)
    journals = Journals(world, stamps, ledger, receivables.deferred)
    event_writers = (
        Payables(world, stamps, ledger, purchases),
        receivables,
        Expenses(world, stamps, ledger),
        Cards(world, stamps, ledger),
        Timesheets(world, stamps),
    )
    for month in world.calendar.months:
        for events in event_writers:
            events.begin(month)
        for day in world.calendar.days(month):
            for events in event_writers:
                yield from events.day(day)
            yield from journals.day(day)
