"""What is loaded under torture: records of every sort of identity, each with a token to count it in the ledger by."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from intacct_bridge.emulator.gateway import Emulator


@dataclass(frozen=True)
class Sort:
    """One sort of record."""

    name: str
    object: str
    token: str
    """The field that holds the token."""
    make: Callable[[str], Mapping[str, Any]]
    searchable: bool = True
    """Whether the company can be searched for a record of it."""
    copies: int = 1
    """How many equal ones an input has."""


def _journal(token: str, **more: str) -> Mapping[str, Any]:
    lines = [
        {"ACCOUNTNO": "68000", "TR_TYPE": "1", "TRX_AMOUNT": "10.05", "LOCATION": "100"},
        {"ACCOUNTNO": "10010", "TR_TYPE": "-1", "TRX_AMOUNT": "10.05", "LOCATION": "100"},
    ]
    return {"JOURNAL": "GJ", "BATCH_DATE": "2026-11-30", "BATCH_TITLE": token, "ENTRIES": lines} | more


def _bill(token: str, **more: str) -> Mapping[str, Any]:
    line = {"ACCOUNTNO": "60100", "TRX_AMOUNT": "0.30", "LOCATIONID": "100", "DEPARTMENTID": "100"}
    head = {"VENDORID": "V-0", "WHENCREATED": "2026-11-02", "WHENDUE": "2026-12-02", "CURRENCY": "USD"}
    return {**head, "BASECURR": "USD", "DESCRIPTION": token, "APBILLITEMS": [line], **more}


def _vendor(token: str) -> Mapping[str, Any]:
    return {"VENDORID": token, "NAME": f"Vendor {token}", "DISPLAYCONTACT": {"PRINTAS": f"Vendor {token}"}}


SORTS = (
    Sort("journal with a reference", "GLBATCH", "BATCH_TITLE", lambda token: _journal(token, REFERENCENO=token)),
    Sort("journal without", "GLBATCH", "BATCH_TITLE", _journal, searchable=False),
    Sort("equal journals", "GLBATCH", "BATCH_TITLE", _journal, searchable=False, copies=2),
    Sort("vendor", "VENDOR", "VENDORID", _vendor),
    Sort("bill with a number", "APBILL", "DESCRIPTION", lambda token: _bill(token, RECORDID=token)),
    Sort("bill without", "APBILL", "DESCRIPTION", _bill, searchable=False),
)


def standing(emulator: Emulator, sort: Sort, tokens: set[str]) -> Counter[str]:
    """How often each token stands in the ledger."""
    rows = (row for _, row in emulator.books().table(sort.object).rows())
    return Counter(str(row[sort.token]) for row in rows if row.get(sort.token) in tokens)


def keys(emulator: Emulator, sort: Sort, tokens: set[str]) -> set[str]:
    """The record numbers of the rows that bear a token."""
    rows = (row for _, row in emulator.books().table(sort.object).rows())
    return {str(row["RECORDNO"]) for row in rows if row.get(sort.token) in tokens}
