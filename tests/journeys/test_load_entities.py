"""Records that name their entity go to that entity's books, in sessions and batches of its own."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.retry import retry, settle_doubts
from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.plan.planner import revalidate_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.objects import LoadScenario, reasons
from support.small_company import client

HEAD = "MEGAENTITYID,VENDORID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID\n"
BILLS = HEAD + "".join(
    f"{entity},V10001,E-{number},2026-11-02,2026-12-02,61000,{number}.10,{place},100\n"
    for number, (entity, place) in enumerate([("100", "110"), ("200", "210"), ("100", "120"), ("", "110")])
)


@pytest.fixture
def desk(tmp_path: Path, demo: Emulator) -> LoadScenario:
    return LoadScenario(tmp_path, demo)


@pytest.fixture
def creates(desk: LoadScenario) -> Iterator[list[tuple[str, int]]]:
    """The creates that were sent: the entity of the session, and how many were in the request."""
    seen: list[tuple[str, int]] = []

    def watched(endpoint: str, body: bytes) -> Reply:
        reply = desk.emulator(endpoint, body)
        functions = Counter(one.name for op in decode_request(body).operations for one in op.functions)
        if functions["create"]:
            seen.append((reply.body.decode().partition("<locationid>")[2].partition("<")[0], functions["create"]))
        return reply

    desk.transport = watched
    yield seen


def owners(desk: LoadScenario) -> dict[str, str]:
    made = [row for row in desk.rows("APBILL") if row.get("RECORDID", "").startswith("E-")]
    return {row["RECORDID"]: row.get("MEGAENTITYID", "") for row in made}


def test_each_record_goes_to_its_entity_and_none_twice(desk: LoadScenario, creates: list[tuple[str, int]]) -> None:
    plan = desk.plan(BILLS, "APBILL")
    assert [one.verdict for one in plan.records] == [Verdict.CREATE] * 4, reasons(plan)
    assert [one.write.entity for one in plan.records] == ["100", "200", "100", ""]
    assert plan.notes == ("2 records are for entity 100.", "1 record is for entity 200.")
    assert [one.status for one in desk.load(BILLS, "APBILL")] == [RecordStatus.APPLIED] * 4
    assert sorted(creates) == [("", 1), ("100", 2), ("200", 1)]
    assert owners(desk) == {"E-0": "100", "E-1": "200", "E-2": "100", "E-3": ""}
    assert [one.status for one in desk.load(BILLS, "APBILL")] == [RecordStatus.UNCHANGED] * 4


def payroll(*amounts: tuple[str, int]) -> str:
    """One payroll of a day, as an entry with the same number, title and day for each entity."""
    entries = (
        {
            "MEGAENTITYID": entity,
            "JOURNAL": "GJ",
            "BATCH_DATE": "2026-11-30",
            "BATCH_TITLE": "Payroll",
            "REFERENCENO": "PR-11",
            "ENTRIES": {
                "GLENTRY": [
                    {"ACCOUNTNO": account, "TR_TYPE": side, "TRX_AMOUNT": amount, "LOCATION": f"{entity[0]}10",
                     "DEPARTMENT": "100"}
                    for account, side in (("61000", 1), ("62000", -1))
                ]
            },
        }
        for entity, amount in amounts
    )  # fmt: skip
    return "".join(json.dumps(one) + "\n" for one in entries)


def test_a_payroll_has_one_entry_for_each_entity(desk: LoadScenario) -> None:
    """The entries share number, date and journal, and none of them is another one that was corrected."""
    before = len(desk.rows("GLBATCH"))

    def verdicts(*amounts: tuple[str, int]) -> list[Verdict]:
        return [one.verdict for one in desk.plan(payroll(*amounts), "GLBATCH", name="p.jsonl").records]

    def load(*amounts: tuple[str, int]) -> list[RecordStatus]:
        return [one.status for one in desk.load(payroll(*amounts), "GLBATCH", name="p.jsonl")]

    assert load(("100", 5)) == [RecordStatus.APPLIED]
    assert verdicts(("100", 5), ("200", 5)) == [Verdict.UNCHANGED, Verdict.CREATE]
    assert load(("100", 5), ("200", 5)) == [RecordStatus.UNCHANGED, RecordStatus.APPLIED]
    assert load(("100", 5), ("200", 5)) == [RecordStatus.UNCHANGED] * 2
    assert verdicts(("100", 5), ("200", 6)) == [Verdict.UNCHANGED, Verdict.REFUSED]
    assert verdicts(("200", 5), ("100", 6)) == [Verdict.UNCHANGED, Verdict.REFUSED]
    assert verdicts(("200", 6)) == [Verdict.REFUSED]
    assert len(desk.rows("GLBATCH")) == before + 2


@pytest.mark.parametrize("words", [{"subsidiaryNumber": "200"}, {"subsidiaryName": "Corvane Field Services LLC"}])
def test_a_unified_record_names_its_entity(desk: LoadScenario, words: dict[str, str]) -> None:
    bill = {
        "vendorNumber": "V10001",
        "billNumber": "E-9",
        "issueDate": "2026-11-02",
        "dueDate": "2026-12-02",
        "currency": "USD",
        "lineItems": [{"accountNumber": "61000", "amount": 5, "locationNumber": "210", "departmentNumber": "100"}],
        **words,
    }
    plan = desk.plan(json.dumps(bill) + "\n", "v2:Bill", name="b.jsonl")
    assert [(one.verdict, one.write.entity) for one in plan.records] == [(Verdict.CREATE, "200")], reasons(plan)
    assert [one.status for one in desk.load(json.dumps(bill) + "\n", "v2:Bill", name="b.jsonl")] == [
        RecordStatus.APPLIED
    ]
    assert owners(desk) == {"E-9": "200"}


def test_an_unknown_entity_is_refused_with_those_there_are(desk: LoadScenario) -> None:
    plan = desk.plan(BILLS.replace("200,V", "900,V"), "APBILL")
    assert [str(one) for one in plan.records[1].reasons] == [
        "input.csv:3: the company has no entity '900'; use one of 100, 200, 300"
    ]
    desk.connecting = {"location_id": "100"}
    plan = desk.plan(BILLS, "APBILL")
    assert "the connection is signed in to 100" in str(plan.records[1].reasons[0])
    assert [one.verdict for one in plan.records[:1]] == [Verdict.CREATE]


def test_a_plan_of_several_entities_is_kept_and_confirmed(desk: LoadScenario) -> None:
    plan = desk.plan(BILLS, "APBILL")
    save_plan(plan, desk.folder / "bills.plan")
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        again = revalidate_plan(open_plan(desk.folder / "bills.plan"), gateway, outbox)
    assert sorted(one.write.entity for one in again.records) == ["", "100", "100", "200"]
    assert {one.verdict for one in again.records} == {Verdict.CREATE}


def test_what_was_not_sent_is_sent_again_to_its_own_entity(desk: LoadScenario) -> None:
    def unreachable(endpoint: str, body: bytes) -> Reply:
        if b"<create>" in body:
            raise ConnectionCutError("no route", sent=False)
        return desk.emulator(endpoint, body)

    desk.transport = unreachable
    desk.load(BILLS, "APBILL")
    assert owners(desk) == {}
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        assert [one.status for one in retry(gateway, outbox)] == ["applied"] * 2
    assert owners(desk) == {"E-0": "100", "E-2": "100"}
    desk.transport = None
    assert (
        sorted(one.status for one in desk.load(BILLS, "APBILL"))
        == [RecordStatus.APPLIED] * 2 + [RecordStatus.UNCHANGED] * 2
    )
    assert owners(desk) == {"E-0": "100", "E-1": "200", "E-2": "100", "E-3": ""}


def test_what_is_in_doubt_is_settled_in_its_own_entity(desk: LoadScenario) -> None:
    def forgetful(endpoint: str, body: bytes) -> Reply:
        reply = desk.emulator(endpoint, body)
        if b"<create>" in body:
            raise ConnectionCutError("the answer was lost", sent=True)
        return reply

    desk.transport = forgetful
    desk.load(BILLS.replace("100,V", "200,V").replace("\n,V", "\n200,V"), "APBILL")
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        assert {one.status for one in settle_doubts(gateway, outbox)} <= {"applied"}
        assert {one.status for one in outbox.entries()} == {"applied"}
    assert set(owners(desk).values()) == {"200"}


def test_stopping_at_an_error_stops_before_the_next_entity(desk: LoadScenario) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        plan = desk.make(gateway, outbox, desk.file(BILLS), "APBILL")
        for _, row in list(desk.emulator.company().table("VENDOR").rows()):
            if row["VENDORID"] == "V10001":
                desk.emulator.company().table("VENDOR").update(int(row["RECORDNO"]), row | {"STATUS": "inactive"})
        outcomes = list(Loader(gateway, outbox, LoadSettings(stop_on_error=True)).apply(plan))
    assert {one.status for one in outcomes} == {RecordStatus.REJECTED}
    assert {one.write.entity for one in outcomes} == {"100"}
    assert owners(desk) == {}
