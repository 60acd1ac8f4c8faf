"""The demo company with all its masters and the documents of its last weeks: every kind of stream, and few rows."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

from intacct_bridge.emulator.accounting.loading import load
from intacct_bridge.emulator.demo.company import POSTING_ACCOUNTS, demo_company
from intacct_bridge.emulator.gateway.gateway import Emulator
from support.journeys.masters import AS_OF, NOON, Clock

SINCE = date(2026, 11, 16)
HEADERS = {"GLBATCH": "BATCH_DATE", "APBILL": "WHENCREATED", "SODOCUMENT": "WHENCREATED"}
"""The documents that are kept, and the day that says whether."""
LINES = {
    "GLENTRY": ("GLBATCH", "BATCHNO"),
    "GLDETAIL": ("GLBATCH", "BATCHKEY"),
    "APBILLITEM": ("APBILL", "RECORDKEY"),
    "SODOCUMENTENTRY": ("SODOCUMENT", "DOCHDRNO"),
}
MASTERS = {"VENDOR", "CUSTOMER", "CLASS"}


@cache
def _grown() -> Emulator:
    empty = Emulator.empty(clock=NOON.timestamp)
    empty.company().side_tables.source.put(value="a little one")
    emulator = empty.clone()  # from here on it has the demo company's own fields and dimension
    books = emulator.company()
    load(books, _some())
    for role, account in POSTING_ACCOUNTS.items():
        books.side_tables.posting_accounts.put(role, value=account)
    return emulator


def _some() -> Iterator[tuple[str, Any]]:
    kept: dict[str, set[str]] = {name: set() for name in HEADERS}
    documents = False
    for name, row in demo_company(1, as_of=AS_OF):
        documents = documents or name in HEADERS
        if name in HEADERS:
            if row[HEADERS[name]] >= SINCE:  # type: ignore[operator]
                kept[name].add(str(row["RECORDNO"]))
                yield name, row
        elif name in LINES:
            header, by = LINES[name]
            if str(row[by]) in kept[header]:
                yield name, row
        elif not documents and name != "USERINFO":
            yield name, row


def little_company(clock: Clock) -> Emulator:
    """A gateway of its own."""
    return _grown().clone(clock=clock)
