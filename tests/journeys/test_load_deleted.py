"""Records that were deleted after we posted them: posted anew with proof of the delete, refused without it."""

from pathlib import Path

import pytest

from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.outbox.entry import Resolution, ResolutionKind
from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.plan.planner import revalidate_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import Reply
from support.journeys.objects import BILLS, VENDORS, LoadScenario, reasons
from support.journeys.piping import Pipe, record, schema
from support.small_company import Clock, client

ENTRIES = """Journal,Date,Title,Reference,Account,Debit,Credit,Location
GJ,2026-11-30,Rent,R-1,68000,10.00,,100
GJ,2026-11-30,Rent,R-1,10010,,10.00,100
"""
INPUTS = {"APBILL": BILLS, "VENDOR": VENDORS.replace("V-", "X-"), "GLBATCH": ENTRIES}
CELLS = {"VENDORID": "V-9", "NAME": "Nine", "DISPLAYCONTACT.PRINTAS": "Nine"}
LAYOUTS = {"GLBATCH": "journal-entries"}


@pytest.fixture
def desk(desk: LoadScenario, clock: Clock) -> LoadScenario:
    assert statuses(desk.load(VENDORS, "VENDOR")) == [RecordStatus.APPLIED] * 2
    clock.forward(minutes=1)
    return desk


def statuses(outcomes: list[RecordOutcome]) -> list[RecordStatus]:
    return [one.status for one in outcomes]


def load(desk: LoadScenario, name: str, mode: str = "create") -> list[RecordOutcome]:
    return desk.load(INPUTS[name], LAYOUTS.get(name, name), mode)


def in_company(desk: LoadScenario, name: str) -> int:
    """How many of the records there are, as a client without our outbox finds."""
    with client(desk.emulator) as foreign:
        rows = list(foreign.query(name, "RECORDNO"))
    return len(rows) - (2 if name == "VENDOR" else 0)


def delete_by_a_person(desk: LoadScenario, name: str, outcomes: list[RecordOutcome]) -> None:
    with client(desk.emulator) as person:
        for one in outcomes:
            assert one.receipt is not None
            person.delete(name, [one.receipt.record])


def vanish(desk: LoadScenario, name: str, outcomes: list[RecordOutcome]) -> None:
    """The records are not there any more, and no audit history says why."""
    table = desk.emulator.company().table(name)
    for one in outcomes:
        assert one.receipt is not None
        for number in table.find("RECORDNO", one.receipt.record):
            table.delete(number)


@pytest.mark.parametrize("mode", ["create", "upsert"])
@pytest.mark.parametrize("name", ["APBILL", "VENDOR"])
def test_what_we_deleted_ourselves_is_posted_anew(desk: LoadScenario, name: str, mode: str) -> None:
    made = load(desk, name)
    assert statuses(load(desk, name, "delete")) == [RecordStatus.APPLIED] * len(made)
    with desk.outbox() as outbox:
        released = [one for one in outbox.entries() if one.status is RecordStatus.RELEASED]
    assert len(released) == len(made), "the receipt ends with the delete"
    assert in_company(desk, name) == 0
    assert statuses(load(desk, name, mode)) == [RecordStatus.APPLIED] * len(made)
    assert in_company(desk, name) == len(made)
    assert statuses(load(desk, name, mode)) == [RecordStatus.UNCHANGED] * len(made)


@pytest.mark.parametrize("mode", ["create", "upsert"])
@pytest.mark.parametrize("name", ["APBILL", "VENDOR", "GLBATCH"])
def test_what_a_person_deleted_is_posted_anew(desk: LoadScenario, name: str, mode: str, clock: Clock) -> None:
    made = load(desk, name)
    clock.forward(minutes=1)
    delete_by_a_person(desk, name, made)
    changed = INPUTS[name].replace(",15,", ",16,").replace("Acme Paper", "Acme").replace("10.00", "11.00")
    assert statuses(desk.load(changed, LAYOUTS.get(name, name), mode)) == [RecordStatus.APPLIED] * len(made)
    assert in_company(desk, name) == len(made)


def test_the_target_posts_anew_what_a_person_deleted(tmp_path: Path, emulator: Emulator, clock: Clock) -> None:
    pipe = Pipe(tmp_path, emulator)
    lines = [schema("VENDOR", *CELLS, keys=["VENDORID"]), record("VENDOR", **CELLS)]
    assert pipe(lines).status == 0
    clock.forward(minutes=1)
    with client(emulator) as person:
        person.delete("VENDOR", [row["RECORDNO"] for row in pipe.rows("VENDOR")])
    assert pipe.rows("VENDOR") == []
    ran = pipe(lines)
    assert (ran.status, "1 written" in ran.err) == (0, True)
    assert [row["VENDORID"] for row in pipe.rows("VENDOR")] == ["V-9"]


@pytest.mark.parametrize("mode", ["create", "upsert"])
@pytest.mark.parametrize("name", ["APBILL", "VENDOR", "GLBATCH"])
def test_what_is_not_visible_without_proof_of_a_delete_is_refused_until_a_person_forgets_it(
    desk: LoadScenario, name: str, mode: str
) -> None:
    made = load(desk, name)
    vanish(desk, name, made)
    plan = desk.plan(INPUTS[name], LAYOUTS.get(name, name), mode)
    assert [one.verdict for one in plan.records] == [Verdict.REFUSED] * len(made)
    number = made[0].receipt.record if made[0].receipt else ""
    text = str(plan.records[0].reasons[0])
    assert f"was posted on 2026-11-30 as {name} {number}; it is not visible now" in text
    with desk.outbox() as outbox:
        receipts = [one.receipt for one in made]
        entries = [one for one in outbox.entries(object=name) if one.receipt in receipts]
        assert f"intacct outbox forget {entries[0].number}" in text
        for entry in entries:
            outbox.decide(entry.number, Resolution(ResolutionKind.FORGOTTEN, "Ada", "deleted by hand"))
    assert statuses(load(desk, name, mode)) == [RecordStatus.APPLIED] * len(made)
    assert in_company(desk, name) == len(made)


def test_without_the_right_to_the_audit_history_nothing_is_released(desk: LoadScenario, clock: Clock) -> None:
    made = load(desk, "APBILL")
    clock.forward(minutes=1)
    delete_by_a_person(desk, "APBILL", made)

    def without_audit(endpoint: str, body: bytes) -> Reply:
        return desk.emulator(endpoint, body.replace(b"<object>AUDITHISTORY</object>", b"<object>NOSUCH</object>"))

    desk.transport = without_audit
    plan = desk.plan(BILLS, "APBILL")
    assert [rule for rule, _, _ in reasons(plan)] == ["hidden", "hidden"]
    assert any(text.startswith("deletes of APBILL in the audit history: ") for text in plan.unchecked)
    desk.transport = None
    assert statuses(load(desk, "APBILL")) == [RecordStatus.APPLIED] * 2


def test_a_delete_from_before_the_posting_releases_nothing(desk: LoadScenario, clock: Clock) -> None:
    first = load(desk, "VENDOR")
    clock.forward(minutes=1)
    delete_by_a_person(desk, "VENDOR", first)
    clock.forward(minutes=1)
    second = load(desk, "VENDOR")
    assert statuses(second) == [RecordStatus.APPLIED] * 2
    vanish(desk, "VENDOR", second)
    assert [rule for rule, _, _ in reasons(desk.plan(INPUTS["VENDOR"], "VENDOR"))] == ["hidden", "hidden"]


def test_receipts_are_checked_by_one_query_for_an_object_and_the_plan_counts_it(desk: LoadScenario) -> None:
    vendors = VENDORS.splitlines()[0] + "\n" + "".join(f"B-{number},N {number},N {number}\n" for number in range(120))
    desk.load(vendors, "VENDOR")
    asked: list[str] = []

    def counting(endpoint: str, body: bytes) -> Reply:
        asked.extend(function.name for op in decode_request(body).operations for function in op.functions)
        return desk.emulator(endpoint, body)

    desk.transport = counting
    plan = desk.plan(vendors, "VENDOR")
    assert len(plan.of(Verdict.UNCHANGED)) == 120
    assert asked.count("query") == 1
    assert plan.reads > 0


def test_a_record_of_an_entity_is_found_where_it_was_posted(tmp_path: Path, demo: Emulator) -> None:
    desk = LoadScenario(tmp_path, demo)
    bill = "MEGAENTITYID,VENDORID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID\n"
    bill += "100,V10001,P-1,2026-11-02,2026-12-02,61000,5,110,100\n"
    assert statuses(desk.load(bill, "APBILL")) == [RecordStatus.APPLIED]
    assert statuses(desk.load(bill, "APBILL")) == [RecordStatus.UNCHANGED]
    desk.connecting = {"location_id": "100"}
    assert statuses(desk.load(bill, "APBILL")) == [RecordStatus.UNCHANGED]


def test_a_saved_plan_does_not_post_anew_what_it_called_posted(desk: LoadScenario, clock: Clock) -> None:
    made = load(desk, "APBILL")
    save_plan(desk.plan(BILLS, "APBILL"), desk.folder / "kept.plan")
    clock.forward(minutes=1)
    delete_by_a_person(desk, "APBILL", made)
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        plan, company = open_plan(desk.folder / "kept.plan"), gateway
        with pytest.raises(InvalidRequestError, match="was posted when the plan was made, and is deleted now"):
            revalidate_plan(plan, company, outbox)


UPDATED = BILLS.replace(",15,", ",16,")


def test_after_a_correction_the_last_write_counts(desk: LoadScenario) -> None:
    load(desk, "APBILL")
    assert statuses(desk.load(UPDATED, "APBILL", "update")) == [RecordStatus.UNCHANGED, RecordStatus.APPLIED]
    assert statuses(desk.load(UPDATED, "APBILL")) == [RecordStatus.UNCHANGED] * 2, "the file that equals the ledger"
    plan = desk.plan(BILLS, "APBILL")
    assert [one.verdict for one in plan.records] == [Verdict.UNCHANGED, Verdict.REFUSED]
    text = str(plan.records[1].reasons[0])
    assert "was posted on 2026-11-30 as APBILL" in text
    assert "was corrected on 2026-11-30; it has other content now" in text
    assert sorted(row["TRX_AMOUNT"] for row in desk.rows("APBILLITEM")) == ["0.2", "100.1", "16"]


@pytest.mark.parametrize(
    "correction", ["RECORDNO,WHENDUE\n{},2026-12-09\n", "VENDORID,RECORDID,WHENDUE\nV-2,INV-2,2026-12-09\n"]
)
def test_after_a_correction_of_some_fields_the_ledger_counts(desk: LoadScenario, correction: str) -> None:
    made = load(desk, "APBILL")
    number = made[1].receipt.record if made[1].receipt else ""
    assert statuses(desk.load(correction.format(number), "APBILL", "update")) == [RecordStatus.APPLIED]
    assert statuses(desk.load(BILLS.replace("2026-12-03", "2026-12-09"), "APBILL")) == [RecordStatus.UNCHANGED] * 2
    plan = desk.plan(BILLS, "APBILL")
    assert [one.verdict for one in plan.records] == [Verdict.UNCHANGED, Verdict.REFUSED]
    assert "WHENDUE: 2026-12-09 -> 2026-12-03" in str(plan.records[1].reasons[0])


def test_what_two_corrections_left_counts(desk: LoadScenario) -> None:
    load(desk, "APBILL")
    for text in (UPDATED, BILLS.replace(",15,", ",17,"), BILLS):
        assert RecordStatus.APPLIED in statuses(desk.load(text, "APBILL", "update"))
    assert statuses(load(desk, "APBILL")) == [RecordStatus.UNCHANGED] * 2
    assert [rule for rule, _, _ in reasons(desk.plan(UPDATED, "APBILL"))] == ["conflict"]


def test_a_change_of_lines_is_shown_line_by_line(desk: LoadScenario) -> None:
    load(desk, "APBILL")
    (change,) = (one for record in desk.plan(UPDATED, "APBILL", "update").records for one in record.changes)
    common = "ACCOUNTNO 60100, DEPARTMENTID 100, LOCATIONID 100, TRX_AMOUNT"
    assert change.lines == (f"- {common} 15", f"+ {common} 16")
    assert str(change) == "APBILLITEMS: 1 line of 15.00 -> 1 line of 16.00"
