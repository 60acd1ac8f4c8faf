"""A record in doubt whose key another person changes before it is settled: never sent again, never claimed falsely."""

from collections.abc import Callable

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.load.plan.plan import MatchRules
from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import Clock, client

ENTRY = """Journal,Date,Title,Reference,Account,Debit,Credit,Location
GJ,2026-11-30,Rent,R-1,68000,5,,100
GJ,2026-11-30,Rent,R-1,10010,,5,100
"""
BILL = """VENDORID,RECORDID,WHENCREATED,WHENDUE,CURRENCY,BASECURR,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID
V-1,INV-1,2026-11-02,2026-12-02,USD,USD,60100,100.10,100,100
"""
APPLIED, IN_DOUBT, SETTLED = RecordStatus.APPLIED, RecordStatus.IN_DOUBT, RecordStatus.SETTLED


def lost(emulator: Emulator, after: Callable[[Client], object] | None) -> Callable[[str, bytes], Reply]:
    """A company whose answer to a create is lost; what a person does before the record is looked for."""

    def transport(endpoint: str, body: bytes) -> Reply:
        if decode_request(body).operations[0].functions[0].name != "create":
            return emulator(endpoint, body)
        if after is not None:
            emulator(endpoint, body)
            with client(emulator) as person:
                after(person)
        raise ConnectionCutError("cut", sent=True)

    return transport


def edit(name: str, **cells: str) -> Callable[[Client], object]:
    def change(person: Client) -> object:
        (row,) = person.query(Query(name, ("RECORDNO",)))
        return person.update(name, [{"RECORDNO": row["RECORDNO"], **cells}])

    return change


def in_company(desk: LoadScenario, name: str) -> int:
    with client(desk.emulator) as foreign:
        return len(list(foreign.query(Query(name, ("RECORDNO",)))))


@pytest.mark.parametrize("changed", [{"BATCH_DATE": "11/29/2026"}, {"BATCH_TITLE": "Rents"}, {"REFERENCENO": "R-2"}])
def test_an_entry_whose_key_another_person_changed_is_not_sent_again(
    desk: LoadScenario, clock: Clock, changed: dict[str, str]
) -> None:
    desk.transport = lost(desk.emulator, edit("GLBATCH", **changed))
    assert [one.status for one in desk.load(ENTRY, "journal-entries")] == [IN_DOUBT]
    desk.transport = None
    for _ in range(2):
        clock.forward(minutes=61)
        (outcome,) = desk.load(ENTRY, "journal-entries")
        assert outcome.status is IN_DOUBT
        assert f"another {next(iter(changed))}" in outcome.reason
        assert in_company(desk, "GLBATCH") == 1


def test_a_bill_whose_vendor_another_person_changed_is_not_sent_again(desk: LoadScenario, clock: Clock) -> None:
    desk.load(VENDORS, "VENDOR")
    desk.transport = lost(desk.emulator, edit("APBILL", VENDORID="V-2"))
    assert [one.status for one in desk.load(BILL, "APBILL")] == [IN_DOUBT]
    desk.transport = None
    clock.forward(minutes=61)
    (outcome,) = desk.load(BILL, "APBILL")
    if desk.rows("APBILL")[0]["VENDORID"] == "V-2":  # the company let the person do it
        assert (outcome.status, "another VENDORID" in outcome.reason) == (IN_DOUBT, True)
    assert in_company(desk, "APBILL") == 1


def test_a_record_that_was_never_written_is_sent_again_beside_similar_ones(desk: LoadScenario, clock: Clock) -> None:
    """Similar records that are ours, older, or with another number do not hold it up."""
    similar = ENTRY.replace("2026-11-30", "2026-11-28")
    assert [one.status for one in desk.load(similar, "journal-entries")] == [APPLIED], "claimed by its own receipt"
    assert [one.status for one in desk.load(ENTRY.replace("R-1", "R-0").replace("Rent", "Old"), "journal-entries")] == [
        APPLIED
    ]
    other = LoadScenario(desk.folder / "other", desk.emulator)
    other.folder.mkdir()
    new = MatchRules(new_rows=(2,))  # else it is a correction of the one that was posted with its number
    other.load(ENTRY.replace("2026-11-30", "2026-11-27"), "journal-entries", rules=new)  # another outbox, long before
    clock.forward(hours=3)
    desk.transport = lost(desk.emulator, None)
    assert [one.status for one in desk.load(ENTRY, "journal-entries", rules=new)] == [IN_DOUBT]
    desk.transport = None
    clock.forward(minutes=61)
    assert [one.status for one in desk.load(ENTRY, "journal-entries", rules=new)] == [SETTLED]
    assert in_company(desk, "GLBATCH") == 4
