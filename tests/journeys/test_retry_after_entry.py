"""A record was refused or never left, and a person entered it in Intacct meanwhile: a retry does not post it again."""

from datetime import timedelta
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
    """A person in Intacct: our outbox does not know what this desk posts."""
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
        assert "has the key or the number of this record" in tried.note
    else:
        assert tried.status is RecordStatus.APPLIED
    assert len(desk.rows(object_name)) == held + (1 if same_number else 2)


def test_a_record_that_a_person_entered_between_the_plan_and_the_sending_is_not_posted_again(
    desk: LoadScenario, tmp_path: Path
) -> None:
    """The entry was planned, waited for hours, was sent, and was refused."""
    layout, object_name, ours, same, _ = DOCUMENTS["bill"]
    desk.load(VENDORS, "VENDOR")
    not_sent(desk, ours, layout)
    with desk.outbox() as outbox, outbox._db.transaction():
        (planned,) = (entry.planned_at for entry in outbox.entries() if entry.target.object == object_name)
        sent_at = (planned + timedelta(hours=3)).isoformat(timespec="microseconds")
        outbox._db.execute("UPDATE entry SET sent_at = ?", (sent_at,))
    person(desk, tmp_path / "person").load(same, layout)
    held = len(desk.rows(object_name))
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        (tried,) = (entry for entry in retry(gateway, outbox) if entry.target.object == object_name)
    assert "has the key or the number of this record" in tried.note
    assert len(desk.rows(object_name)) == held


def test_a_record_that_cannot_be_looked_for_is_not_posted_again(desk: LoadScenario) -> None:
    layout, object_name, ours, _, _ = DOCUMENTS["bill"]
    desk.load(VENDORS, "VENDOR")
    not_sent(desk, ours, layout)

    def refusing(endpoint: str, body: bytes) -> Reply:
        if b"<object>APBILL</object>" in body:
            body = body.replace(b"<field>RECORDNO</field>", b"<field>NONE</field>")
        return desk.emulator(endpoint, body)

    with client(refusing) as gateway, desk.outbox() as outbox:
        (tried,) = (entry for entry in retry(gateway, outbox) if entry.target.object == object_name)
    assert tried.note.startswith("Intacct could not be asked whether it has this record by now (")
    assert desk.rows(object_name) == []
