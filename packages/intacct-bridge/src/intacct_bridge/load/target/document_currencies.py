"""The currencies of documents: which objects have one, whose party's it may be, and what the company holds."""

from collections.abc import Iterable, Mapping

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_protocol.model.batched import batched
from intacct_protocol.model.keys import owner, text_key
from intacct_protocol.model.query.query import MAX_IN, Aggregate, Query, field
from intacct_protocol.model.wording import listed

CURRENCY = "CURRENCY"
JOURNAL_ENTRY = "GLBATCH"
DOCUMENTS: Mapping[str, str] = {
    "APADJUSTMENT": "VENDORID",
    "APBILL": "VENDORID",
    "APPYMT": "VENDORID",
    "ARADJUSTMENT": "CUSTOMERID",
    "ARADVANCE": "CUSTOMERID",
    "ARINVOICE": "CUSTOMERID",
    "ARPYMT": "CUSTOMERID",
    "CCTRANSACTION": "",
    "EEXPENSES": "EMPLOYEEID",
    JOURNAL_ENTRY: "",
    "OTHERRECEIPTS": "",
    "PODOCUMENT": "CUSTVENDID",
    "SODOCUMENT": "CUSTVENDID",
}
"""The objects whose amounts are in a currency, with the field of the party whose currency it may be. A journal entry
has its currencies on its lines."""


def posted_currencies(company: Gateway, name: str, records: Iterable[str]) -> dict[str, frozenset[str]]:
    """The currencies of records by their receipts, in NFC: one query for 1,000 of them; empty if no query shows them.

    Those of journal entries are the currencies of their lines, which one query counts.
    """
    lookup = lookup_keys_of(name)
    header = owner("GLENTRY") if name == JOURNAL_ENTRY else None
    queried, by = ("GLENTRY", header.by) if header is not None else (name, lookup.receipt_key)
    if company.connection.is_legacy or lookup.read_by != "query" or company.describe(queried).get(CURRENCY) is None:
        return {}
    select = (by, CURRENCY, *((Aggregate("count", "RECORDNO"),) if header is not None else ()))
    numbered = not text_key(name)
    by_record: dict[str, set[str]] = {}
    for keys in batched(records, MAX_IN):
        where = field(by).is_in([int(key) if numbered and key.isdecimal() else key for key in keys])
        for row in company.query(Query(queried, select, where=where, show_private=True)):
            by_record.setdefault(equal_form(row.get(by)), set()).add(comparable(row.get(CURRENCY)).upper())
    return {record: frozenset(currencies - {""}) for record, currencies in by_record.items()}


def wrong_currency(planned: frozenset[str], posted: frozenset[str]) -> str:
    """That a record is in another currency than was planned."""
    return f"Intacct has it in {listed(sorted(posted))}, and the plan in {listed(sorted(planned))}"
