"""The demo company: 24 months of a maker of measuring instruments and its service business, as typed rows.

Corvane Instruments has a top level and three entities, keeps books in US and Canadian dollars, buys, sells, pays its
people and closes its months. All of it follows from the seed, the last day and the scale: the same three give the same
rows in the same order. Rows come as a stream, references before what refers to them, and memory holds the lists and
the open documents only. The months before the last two are closed (LOCATIONENTITY's STARTOPEN).
"""

from collections.abc import Iterator
from datetime import date

from intacct_bridge.emulator.accounting.posting_rows import Row
from intacct_bridge.emulator.demo.audit import History
from intacct_bridge.emulator.demo.events.cards import Cards
from intacct_bridge.emulator.demo.events.expenses import Expenses
from intacct_bridge.emulator.demo.events.journals import Journals
from intacct_bridge.emulator.demo.events.payables import Payables
from intacct_bridge.emulator.demo.events.purchases import plan_purchases
from intacct_bridge.emulator.demo.events.receivables import Receivables
from intacct_bridge.emulator.demo.events.sales import plan_sales
from intacct_bridge.emulator.demo.events.timesheets import Timesheets
from intacct_bridge.emulator.demo.generator.ledger import LedgerWriter
from intacct_bridge.emulator.demo.generator.people import make_world
from intacct_bridge.emulator.demo.generator.sales_cycle import standings
from intacct_bridge.emulator.demo.generator.transaction_generator import Clerk
from intacct_bridge.emulator.demo.generator.world import World
from intacct_bridge.emulator.demo.masters.custom_fields import custom_rows, demo_definitions
from intacct_bridge.emulator.demo.masters.goods import goods_rows
from intacct_bridge.emulator.demo.masters.lists import list_rows
from intacct_bridge.emulator.demo.masters.parties import bank_rows, customer_rows, vendor_rows
from intacct_bridge.emulator.demo.masters.periods import period_rows
from intacct_bridge.emulator.demo.masters.settings import setting_rows
from intacct_bridge.emulator.demo.masters.staff import employee_rows, project_rows
from intacct_bridge.emulator.settings.company_source import CompanySource, SideValues
from intacct_bridge.errors import SettingsError

POSTING_ACCOUNTS = {
    "employee_payables": "20300",
    "undeposited": "10090",
    "exchange": "71900",
    "rounding": "71950",
    "discount_taken": "73000",
    "discount_given": "48000",
    "advances": "22100",
    "inventory_offset": "53000",
}
"""The accounts that documents post to without naming them and that no other row tells, by their part in it."""


def demo_source(seed: int = 1, *, as_of: date, scale: int = 1, cash_book: bool = False) -> CompanySource:
    """The demo company as something that an emulator's company can be filled from."""
    books = ("ACCRUAL", "CASH") if cash_book else ("ACCRUAL",)
    return CompanySource(
        label=f"seed={seed} as_of={as_of} scale={scale}",
        rows=lambda: demo_company(seed, as_of=as_of, scale=scale, cash_book=cash_book),
        side_values=SideValues(POSTING_ACCOUNTS, books),
        definitions=demo_definitions(),
    )


def demo_company(seed: int = 1, *, as_of: date, scale: int = 1, cash_book: bool = False) -> Iterator[tuple[str, Row]]:
    """Gives (object, row) pairs in the order to store them; a cell left out of a row is null."""
    if scale < 1:
        raise SettingsError(f"a company of scale {scale} has nothing in it", fix="choose a scale of 1 or more")
    world = make_world(seed, as_of, scale)
    clerk = Clerk(world)
    ledger = LedgerWriter(world, clerk, cash_book=cash_book)
    history = History(world, clerk)
    yield from history.listen(_rows(world, clerk, ledger))
    yield from history.rows()


def _rows(world: World, clerk: Clerk, ledger: LedgerWriter) -> Iterator[tuple[str, Row]]:
    yield from list_rows(world, clerk)
    yield from period_rows(world, clerk)
    yield from goods_rows(world, clerk)
    yield from bank_rows(world, clerk)
    yield from vendor_rows(world, clerk, standings(plan_purchases, world))
    yield from employee_rows(world, clerk)
    yield from customer_rows(world, clerk, standings(plan_sales, world))
    yield from project_rows(world, clerk)
    yield from setting_rows(world, clerk)
    yield from custom_rows(world)
    receivables = Receivables(world, clerk, ledger)
    journals = Journals(world, clerk, ledger, receivables.deferred)
    desks = (
        Payables(world, clerk, ledger),
        receivables,
        Expenses(world, clerk, ledger),
        Cards(world, clerk, ledger),
        Timesheets(world, clerk),
    )
    for month in world.calendar.months:
        for desk in desks:
            desk.begin(month)
        for day in world.calendar.days(month):
            for desk in desks:
                yield from desk.day(day)
            yield from journals.day(day)
