"""A record was refused or never left, and a person entered it in Intacct meanwhile: a retry does not post it again."""

from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.apply.retry import retry
from intacct_bridge.load.records.status import RecordStatus
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.corrections import bill, bills_file, entries_file, entry, payment, payments_file
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client

DOCUMENTS: dict[str, tuple[str, str, str, str, str]] = {
    # layout, object, the file, what a person enters, and a record that only looks like it
    "journal entry": (
        "journal-entries",
        "GLBATCH",
        entries_file(entry()),
        entries_file(entry(title="Typed in by hand")),
        entries_file(entry("R-2")),
    ),
    "bill": (
        "bills",
        "APBILL",
        bills_file(bill("B-9")),
        bills_file(bill("B-9", amount="11")),
        bills_file(bill("B-8")),
    ),
    "payment": (
        "payments",
        "APPYMT",
        payments_file(payment(amount="4", number="P-1")),
        payments_file(payment(amount="4", number="P-1", text="Typed in by hand")),
        payments_file(payment(amount="4", number="P-2")),
    ),
}


def not_sent(desk: LoadScenario, text: str, layout: str) -> None:
    """Load a file while the gateway cannot be reached for what writes."""

    def unreachable(endpoint: str, body: bytes) -> Reply:
        if b"<create" in body:
            raise ConnectionCutError("no route", sent=False)
        return desk.emulator(endpoint, body)

    desk.transport = unreachable
    desk.load(text, layout)
    desk.transport = None


def person(desk: LoadScenario, folder: Path) -> LoadScenario:
    """Somebody whose records our outbox does not know."""
    folder.mkdir()
    return LoadScenario(folder, desk.emulator)


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("same_number", [True, False])
def test_a_record_that_a_person_entered_is_not_posted_again(
    desk: LoadScenario, tmp_path: Path, document: str, *, same_number: bool
) -> None:
    layout, object_name, ours, same, other = DOCUMENTS[document]
    desk.load(VENDORS, "VENDOR")
    desk.load(bills_file(bill()), "bills")
    not_sent(desk, ours, layout)
    held = len(desk.rows(object_name))
    entered: Any = person(desk, tmp_path / "person").load(same if same_number else other, layout)
    assert [one.status for one in entered] == [RecordStatus.APPLIED]
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        (tried,) = retry(gateway, outbox)
    if same_number:
        assert tried.status is not RecordStatus.APPLIED
        assert "load it again to compare them" in tried.note
    else:
        assert tried.status is RecordStatus.APPLIED
    assert len(desk.rows(object_name)) == held + (1 if same_number else 2)
