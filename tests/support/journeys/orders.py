"""A company that takes orders, and has none yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import takewhile

from intacct_emulator.demo_company.company import demo_company
from intacct_emulator.ledger.seeding import load
from intacct_emulator.server.gateway import Emulator
from support.small_company import NOON


@contextmanager
def order_company() -> Iterator[Emulator]:
    """The demo company's customers, items and definitions of orders."""
    emulator = Emulator.empty(clock=NOON.timestamp)
    rows = takewhile(lambda pair: pair[0] != "SODOCUMENT", demo_company(1, as_of=date(2026, 11, 30)))
    wanted = ("LOCATION", "LOCATIONENTITY", "DEPARTMENT", "GLACCOUNT", "CUSTOMER", "ITEM", "WAREHOUSE", "UOM")
    more = ("SODOCUMENTPARAMS", "ARTERM", "GLJOURNAL", "CONTACT", "ITEMGLGROUP", "EXCHANGERATETYPES")
    load(emulator.company(), (pair for pair in rows if pair[0] in (*wanted, *more)))
    yield emulator
    emulator.close()
