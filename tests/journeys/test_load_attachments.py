"""Files with their bills: one transaction each, never one without the other, whatever happens on the way."""

from dataclasses import replace
from pathlib import Path

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.approval.approvals import approve, record_plan
from intacct_bridge.load.plan.plan import SendOptions
from intacct_bridge.load.records.status import RecordStatus
from intacct_protocol.errors import IntacctError, InvalidRequestError
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.objects import BILLS, VENDORS, LoadScenario, reasons
from support.small_company import Clock, client

HEAD, *ROWS = BILLS.splitlines()
FILED = "\n".join([f"{HEAD},Attachments", f"{ROWS[0]},scan.pdf; note.txt", f"{ROWS[1]},", f"{ROWS[2]},"]) + "\n"


@pytest.fixture
def desk(desk: LoadScenario, tmp_path: Path) -> LoadScenario:
    desk.load(VENDORS, "VENDOR")
    with client(desk.emulator) as gateway:
        try:
            gateway.attachments.read("none")
        except IntacctError as error:
            if "not emulated" in str(error):
                pytest.skip("the emulator does not read attachments yet")
    (tmp_path / "scan.pdf").write_bytes(b"%PDF one")
    (tmp_path / "note.txt").write_bytes(b"hello")
    return desk


def filed(desk: LoadScenario) -> dict[str, list[tuple[str, str, bytes]]]:
    """The files by the bill that points at them."""
    with client(desk.emulator) as gateway:
        return {
            row["RECORDID"]: [(one.name, one.kind, one.content) for one in gateway.attachments.read(row["SUPDOCID"])]
            for row in desk.rows("APBILL")
            if row.get("SUPDOCID")
        }


def supdocs(desk: LoadScenario) -> int:
    return len(desk.emulator.company().facts.attachments.values())


def test_the_files_go_with_the_bill_and_cost_one_transaction_more(desk: LoadScenario) -> None:
    plan = desk.plan(FILED, "APBILL")
    assert plan.transactions == 4, (plan.records, reasons(plan))  # the folder, its files, two bills
    assert {one.status for one in desk.load(FILED, "APBILL")} == {RecordStatus.APPLIED}
    assert filed(desk) == {"INV-1": [("scan", "pdf", b"%PDF one"), ("note", "txt", b"hello")]}
    (bill,) = [row for row in desk.rows("APBILL") if row.get("SUPDOCID")]
    assert len(bill["SUPDOCID"]) == 20
    assert {one.status for one in desk.load(FILED, "APBILL")} == {RecordStatus.UNCHANGED}
    assert supdocs(desk) == 1


def test_a_refused_bill_leaves_no_file_behind(desk: LoadScenario) -> None:
    for row in list(desk.emulator.company().table("VENDOR").rows()):
        desk.emulator.company().table("VENDOR").delete(row[0])
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        plan = desk.make(gateway, outbox, desk.file(FILED), "APBILL")
        blind = replace(plan.records[-2].write, findings=())  # past the plan, as if it had not looked
        (outcome,) = Loader(gateway, outbox).load([blind])
    assert outcome.status is RecordStatus.REJECTED
    assert supdocs(desk) == 0


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_lost_answer_leaves_one_bill_with_one_set_of_files(desk: LoadScenario, clock: Clock, before: bool) -> None:
    struck: list[list[str]] = []

    def storm(endpoint: str, body: bytes) -> Reply:
        names = [function.name for function in decode_request(body).operations[0].functions]
        if "create_supdoc" not in names or struck:
            return desk.emulator(endpoint, body)
        struck.append(names)
        if not before:
            desk.emulator(endpoint, body)
        raise ConnectionCutError("cut", sent=True)

    desk.transport = storm
    desk.load(FILED, "APBILL")
    desk.transport = None
    assert struck == [["create_supdoc", "create"]]
    clock.forward(minutes=61)
    assert {one.status for one in desk.load(FILED, "APBILL")} <= {
        RecordStatus.SETTLED,
        RecordStatus.APPLIED,
        RecordStatus.UNCHANGED,
    }
    assert len(filed(desk)["INV-1"]) == 2
    assert supdocs(desk) == 1
    assert len(desk.rows("APBILL")) == 2


@pytest.mark.parametrize("approved", [True, False])
def test_a_file_that_changes_after_the_plan_is_not_sent(desk: LoadScenario, tmp_path: Path, approved: bool) -> None:
    """Also where it changes after the check of the approval, while earlier records are sent."""

    def step(name: str) -> None:
        if name == "begun":  # the attachment folder is on its way
            (tmp_path / "note.txt").write_bytes(b"another text")

    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        company = gateway
        plan = desk.make(gateway, outbox, desk.file(FILED), "APBILL")
        if approved:
            plan = record_plan(plan, company, outbox, SendOptions(), person="maker")
            approve(plan, company, outbox, person="approver")
        loading = Loader(company, outbox, step=step).apply(plan)
        assert next(loading).write.object == "SUPDOCFOLDER"
        with pytest.raises(InvalidRequestError, match=r"APBILL V-1 INV-1 attaches scan.pdf, note.txt, which is not as"):
            next(loading)
    assert (supdocs(desk), desk.rows("APBILL")) == (0, [])
    (tmp_path / "note.txt").write_bytes(b"hello")
    assert {one.status for one in desk.load(FILED, "APBILL")} == {RecordStatus.APPLIED}


def test_a_file_that_is_not_there_or_not_the_users_is_refused(desk: LoadScenario) -> None:
    assert reasons(desk.plan(FILED.replace("note.txt", "gone.txt"), "APBILL")) == [
        ("file", "Attachments", "input.csv:2")
    ]
    assert reasons(desk.plan(FILED.replace("note.txt", "../outbox"), "APBILL"))[0][0] == "file"
    assert reasons(desk.plan("CLASSID,NAME,attachments\nA,B,scan.pdf\n", "CLASS"))[0][0] == "file"
