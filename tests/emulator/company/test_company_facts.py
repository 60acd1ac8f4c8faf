"""Facts of a company: typed values, and the texts that a database holds."""

from decimal import Decimal

import pytest

from intacct_emulator.company.company_facts import (
    Attachment,
    CompanyFacts,
    DocumentBatch,
    Overpayment,
    SettledPart,
    StockMovement,
)
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.store.store import Store


@pytest.fixture
def store() -> Store:
    return Emulator.empty().company().store


def test_values_are_stored_as_texts(store: Store) -> None:
    tables = CompanyFacts(store)
    tables.reporting_books.put(value=("ACCRUAL", "CASH"))
    tables.number_series.put("PRRECORD", value=12)
    tables.document_batches.put("APBILL", "7", value=(DocumentBatch(3), DocumentBatch(4, ("CASH", "ACCRUAL"))))
    tables.overpayments.put("9", value=Overpayment(Decimal("10.50"), "100"))
    tables.settled_parts.put(
        "APPYMT", "9", value=(SettledPart("APBILL", "7", Decimal(5), Decimal("4.00"), (("8", Decimal(5)),)),)
    )
    tables.stock_movements.put("SODOCUMENT", "2", value=(StockMovement("I1", "W1", Decimal(-1), Decimal("-2.50")),))
    tables.reserved.put("APPYMT", "9", value=True)
    tables.attachments.put("A1", value=Attachment({"supdocid": "A1"}, [{"attachmentname": "f"}]))
    tables.attachment_folders.put("F", value=Attachment({"name": "F"}))
    tables.employee_rate_numbers.put("E1@01/01/2026", value="1")
    assert {
        name: store.fact(name)
        for name in (
            *("books", "series:PRRECORD", "batches:APBILL:7", "unapplied:9", "settles:APPYMT:9"),
            *("stock:SODOCUMENT:2", "selected:APPYMT:9", "supdoc:A1", "supdocfolder:F"),
            "employeerate:E1@01/01/2026",
        )
    } == {
        "books": "ACCRUAL CASH",
        "series:PRRECORD": "12",
        "batches:APBILL:7": "3,4=CASH+ACCRUAL",
        "unapplied:9": "10.50 100",
        "settles:APPYMT:9": '[["APBILL", "7", "5", "4.00", [["8", "5"]], "", "", ""]]',
        "stock:SODOCUMENT:2": '[["I1", "W1", "-1", "-2.50"]]',
        "selected:APPYMT:9": "T",
        "supdoc:A1": '{"supdocid": "A1", "attachments": [{"attachmentname": "f"}]}',
        "supdocfolder:F": '{"name": "F"}',
        "employeerate:E1@01/01/2026": '{"key": "1"}',
    }


def test_a_value_reads_back_as_it_was_kept(store: Store) -> None:
    tables = CompanyFacts(store)
    batches = (DocumentBatch(3), DocumentBatch(4, ("CASH",)))
    tables.document_batches.put("APBILL", "7", value=batches)
    parts = (SettledPart("APBILL", "7", Decimal(5), Decimal("4.00"), (("8", Decimal(5)),)),)
    tables.settled_parts.put("APPYMT", "9", value=parts)
    tables.attachments.put("A1", value=Attachment({"supdocid": "A1"}, []))
    assert tables.document_batches.get("APBILL", "7") == batches
    assert tables.settled_parts.get("APPYMT", "9") == parts
    assert tables.attachments.values() == [Attachment({"supdocid": "A1"}, [])]


def test_a_deleted_value_is_missing_and_its_key_still_counts(store: Store) -> None:
    rates = CompanyFacts(store).employee_rates
    rates.put("1", value={"employeeid": "E1"})
    rates.delete("1")
    assert (rates.get("1"), rates.values(), rates.was_set("1"), rates.keys_used()) == (None, [], True, 1)
    assert not rates.was_set("2")
