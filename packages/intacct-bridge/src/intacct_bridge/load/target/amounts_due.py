"""What is still due on bills and invoices, read for the payments that a plan has of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import RecordLine
from intacct_protocol.model.batched import batched
from intacct_protocol.model.query.query import MAX_IN, Query, field

PAID_DOCUMENTS = {"APPYMT": "APBILL", "ARPYMT": "ARINVOICE"}
"""The object of the documents that a payment pays."""


@dataclass(frozen=True, slots=True)
class AmountDue:
    """What is due on one bill or invoice, in its own currency."""

    number: str
    """Its number for people."""
    currency: str
    due: Decimal


def paid_record(line: RecordLine) -> str:
    """The record number of the bill or invoice that a line of a payment pays; empty if it names none."""
    return comparable(line.fields.get("RECORDKEY"))


def amounts_due(company: Gateway, document: str, records: Iterable[str]) -> dict[str, AmountDue]:
    """What is due, by record number: one query for 1,000 documents; those that are not visible are left out."""
    names = ("RECORDNO", "RECORDID", "CURRENCY", "TRX_TOTALDUE")
    described = company.describe(document)
    select = tuple(name for name in names if described.get(name) is not None)
    due_by_record: dict[str, AmountDue] = {}
    for batch in batched(records, MAX_IN) if "TRX_TOTALDUE" in select else ():
        for row in company.query(Query(document, select, where=field("RECORDNO").is_in([int(one) for one in batch]))):
            number, due = comparable(row["RECORDNO"]), row["TRX_TOTALDUE"]
            if isinstance(due, Decimal):
                due_by_record[number] = AmountDue(
                    comparable(row.get("RECORDID")) or number, comparable(row.get("CURRENCY")), due
                )
    return due_by_record
