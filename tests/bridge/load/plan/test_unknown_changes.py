"""Updates of fields that Intacct takes and does not show: done once, and never called done without a proof."""

from pathlib import Path

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.approval.approvals import approve, record_plan
from intacct_bridge.load.plan.plan import Mode, SendOptions, Verdict
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.objects import LoadScenario
from support.small_company import Clock, client

ENTRY = """Journal,Date,Title,Reference,Account,Debit,Credit,Location
GJ,2026-11-30,Rent,R-1,68000,5,,100
GJ,2026-11-30,Rent,R-1,10010,,5,100
"""
NOTED = "RECORDNO,HISTORY_COMMENT\n1,checked\n"
APPLIED, UNCHANGED = RecordStatus.APPLIED, RecordStatus.UNCHANGED


@pytest.fixture
def desk(desk: LoadScenario) -> LoadScenario:
    desk.load(ENTRY, "journal-entries")
    return desk


def updates(desk: LoadScenario, *, lose: bool = False) -> list[str]:
    """The updates that are sent from now on, as text; with `lose` without effect and answer."""
    sent: list[str] = []

    def transport(endpoint: str, body: bytes) -> Reply:
        if decode_request(body).operations[0].functions[0].name == "update":
            sent.append(body.decode().partition("<update>")[2].partition("</update>")[0])
            if lose:
                raise ConnectionCutError("cut", sent=True)
        return desk.emulator(endpoint, body)

    desk.transport = transport
    return sent


def test_a_field_that_is_not_shown_is_written_once(desk: LoadScenario) -> None:
    sent = updates(desk)
    (record,) = desk.plan(NOTED, "GLBATCH", "update").records
    assert (record.verdict, [str(one) for one in record.changes]) == (
        Verdict.UPDATE,
        ["HISTORY_COMMENT: not shown by Intacct -> checked"],
    )
    assert [one.status for one in desk.load(NOTED, "GLBATCH", "update")] == [APPLIED]
    assert [one.status for one in desk.load(NOTED, "GLBATCH", "update")] == [UNCHANGED]
    again = NOTED.replace("checked", "checked again")
    assert [one.status for one in desk.load(again, "GLBATCH", "update")] == [APPLIED]
    assert sent == [
        f"<GLBATCH><RECORDNO>1</RECORDNO><HISTORY_COMMENT>{text}</HISTORY_COMMENT></GLBATCH>"
        for text in ("checked", "checked again")
    ]


def test_beside_a_field_that_is_shown_it_does_not_keep_a_record_from_being_unchanged(desk: LoadScenario) -> None:
    both = "RECORDNO,BATCH_TITLE,HISTORY_COMMENT\n1,Rent of June,checked\n"
    assert [one.status for one in desk.load(both, "GLBATCH", "update")] == [APPLIED]
    assert [one.status for one in desk.load(both, "GLBATCH", "update")] == [UNCHANGED]


def test_a_lost_update_of_which_nothing_is_shown_is_sent_again_and_not_called_done(
    desk: LoadScenario, clock: Clock
) -> None:
    lost = updates(desk, lose=True)
    assert [one.status for one in desk.load(NOTED, "GLBATCH", "update")] == [RecordStatus.IN_DOUBT]
    sent = updates(desk)
    clock.forward(minutes=61)
    assert [one.status for one in desk.load(NOTED, "GLBATCH", "update")] == [RecordStatus.SETTLED]
    assert sent == lost


def test_a_saved_plan_of_such_an_update_is_applied_once(desk: LoadScenario, tmp_path: Path) -> None:
    sent = updates(desk)
    with client(desk.transport or desk.emulator) as gateway, desk.outbox() as outbox:
        company = gateway
        made = desk.make(gateway, outbox, desk.file(NOTED), "GLBATCH", Mode.UPDATE)
        save_plan(record_plan(made, company, outbox, SendOptions(), person="maker"), tmp_path / "plan.json")
        kept = open_plan(tmp_path / "plan.json")
        approve(kept, company, outbox, person="approver")
        for status in (APPLIED, UNCHANGED):
            assert [one.status for one in Loader(company, outbox).apply(kept)] == [status]
    assert len(sent) == 1


def test_a_rate_type_that_an_update_leaves_alone_is_named(desk: LoadScenario) -> None:
    """It is described as a number on some objects, and taken as a name."""
    bill = """VENDORID,RECORDID,WHENCREATED,WHENDUE,CURRENCY,BASECURR,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID
V-1,INV-1,2026-11-02,2026-12-02,USD,USD,60100,100.10,100,100
"""
    desk.load("VENDORID,NAME,DISPLAYCONTACT.PRINTAS\nV-1,Acme,Acme\n", "VENDOR")
    desk.load(bill, "APBILL")
    (number,) = (row["RECORDNO"] for row in desk.rows("APBILL"))
    (record,) = desk.plan(f"RECORDNO,EXCH_RATE_TYPE_ID\n{number},Custom\n", "APBILL", "update").records
    assert (record.verdict, [one.message for one in record.findings]) == (
        Verdict.UNCHANGED,
        ["EXCH_RATE_TYPE_ID cannot be compared with Intacct, and an update leaves it as it is"],
    )
