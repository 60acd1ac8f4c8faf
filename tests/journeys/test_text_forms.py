"""Texts with accents: one character (NFC) and a letter with a mark (NFD) are the same name, on every side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.objects import LoadScenario
from support.journeys.piping import Pipe, record, schema
from support.small_company import Clock, client

APPLIED, UNCHANGED, IN_DOUBT = RecordStatus.APPLIED, RecordStatus.UNCHANGED, RecordStatus.IN_DOUBT
VENDOR = {"VENDORID": "CAFÉ-1", "NAME": "Café Zoë", "DISPLAYCONTACT.PRINTAS": "Café"}
VENDORS = "VENDORID,NAME,DISPLAYCONTACT.PRINTAS\nCAFÉ-1,Café Zoë,Café\n"
BILL = """VENDORID,RECORDID,WHENCREATED,WHENDUE,CURRENCY,BASECURR,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID
{vendor},{number},2026-11-02,2026-12-02,USD,USD,60100,100.10,100,100
"""
ENTRY = """Journal,Date,Title,Reference,Account,Debit,Credit,Location
GJ,2026-11-30,Café,{0},68000,5,,100
GJ,2026-11-30,Café,{0},10010,,5,100
"""
Form = Callable[[str], str]


def nfc(text: str) -> str:
    return normalize("NFC", text)


def nfd(text: str) -> str:
    return normalize("NFD", text)


BOTH = pytest.mark.parametrize(("theirs", "ours"), [(nfc, nfd), (nfd, nfc)], ids=["held-in-nfc", "held-in-nfd"])


def entered_by_a_person(desk: LoadScenario, name: str, cells: dict[str, str], form: Form) -> None:
    with client(desk.emulator) as person:
        person.create(name, [{key: form(value) for key, value in cells.items()}])


def found(desk: LoadScenario, name: str, *fields: str) -> list[tuple[Any, ...]]:
    """What a client without our outbox reads."""
    with client(desk.emulator) as foreign:
        return [tuple(row[one] for one in fields) for row in foreign.query(Query(name, fields))]


def statuses(outcomes: list[RecordOutcome]) -> list[RecordStatus]:
    return [one.status for one in outcomes]


def test_the_forms_differ_and_look_alike() -> None:
    assert nfc("Café") != nfd("Café")
    assert len(nfd("Café")) == len(nfc("Café")) + 1


@BOTH
@pytest.mark.parametrize("vendor", ["CAFÉ-1", "Café Zoë", "NAME=Café Zoë"])
def test_a_reference_is_found_in_the_company_s_form(desk: LoadScenario, theirs: Form, ours: Form, vendor: str) -> None:
    entered_by_a_person(desk, "VENDOR", VENDOR, theirs)
    assert statuses(desk.load(ours(BILL.format(vendor=vendor, number="B-1")), "APBILL")) == [APPLIED]
    assert found(desk, "APBILL", "VENDORID") == [(theirs("CAFÉ-1"),)]


@BOTH
def test_of_two_records_that_look_alike_none_is_meant(desk: LoadScenario, theirs: Form, ours: Form) -> None:
    entered_by_a_person(desk, "VENDOR", VENDOR, theirs)
    entered_by_a_person(desk, "VENDOR", {**VENDOR, "NAME": "Other"}, ours)
    plan = desk.plan(ours(BILL.format(vendor="CAFÉ-1", number="B-1")), "APBILL")
    (reason,) = plan.records[0].reasons
    assert "is the id of more than one vendor, with accents in different forms" in reason.message
    numbers = dict(found(desk, "VENDOR", "VENDORID", "RECORDNO"))
    by_number = BILL.format(vendor=f"RECORDNO={numbers[ours('CAFÉ-1')]}", number="B-1")
    assert statuses(desk.load(by_number, "APBILL")) == [APPLIED]
    assert found(desk, "APBILL", "VENDORID") == [(ours("CAFÉ-1"),)]


@BOTH
def test_a_record_that_exists_in_the_other_form_is_a_duplicate_and_is_updated(
    desk: LoadScenario, theirs: Form, ours: Form
) -> None:
    entered_by_a_person(desk, "VENDOR", VENDOR, theirs)
    plan = desk.plan(ours(VENDORS), "VENDOR")
    assert [finding.rule for one in plan.records for finding in one.reasons] == ["duplicate"]
    assert statuses(desk.load(ours(VENDORS), "VENDOR", "upsert")) == [UNCHANGED]
    assert statuses(desk.load(ours(VENDORS.replace("Zoë", "Noël")), "VENDOR", "update")) == [APPLIED]
    (row,) = found(desk, "VENDOR", "VENDORID", "NAME")
    assert (row[0], nfc(row[1])) == (theirs("CAFÉ-1"), "Café Noël")


@BOTH
@pytest.mark.parametrize("reference", ["", "RÉF-1"])
def test_an_entry_in_the_other_form_is_the_one_that_was_posted(
    desk: LoadScenario, theirs: Form, ours: Form, reference: str
) -> None:
    assert statuses(desk.load(theirs(ENTRY.format(reference)), "journal-entries")) == [APPLIED]
    again = desk.load(ours(ENTRY.format(reference)), "journal-entries")
    assert statuses(again) == [UNCHANGED]
    assert len(found(desk, "GLBATCH", "RECORDNO")) == 1


def test_one_input_in_two_forms_is_one_record(desk: LoadScenario) -> None:
    header, first, second = ENTRY.format("RÉF-1").splitlines(keepends=True)
    assert statuses(desk.load(header + nfc(first) + nfd(second), "journal-entries")) == [APPLIED]
    head, row = VENDORS.splitlines(keepends=True)
    plan = desk.plan(head + nfc(row) + nfd(row), "VENDOR")
    assert [finding.rule for one in plan.records for finding in one.reasons] == ["double"]


@BOTH
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_columns_are_found_in_either_form(desk: LoadScenario, theirs: Form, ours: Form, suffix: str) -> None:
    mapping = desk.folder / "classes.toml"
    mapping.write_text(theirs('object = "CLASS"\n[fields]\nCLASSID = "Schlüssel"\nNAME = "Erklärung"\n'))
    text = {".csv": "Schlüssel,Erklärung\nÄ-1,Ärger\n", ".jsonl": '{"Schlüssel": "Ä-1", "Erklärung": "Ärger"}\n'}
    assert statuses(desk.load(ours(text[suffix]), "", name=f"input{suffix}", map_file=mapping)) == [APPLIED]
    assert (ours("Ä-1"), ours("Ärger")) in found(desk, "CLASS", "CLASSID", "NAME")


@BOTH
def test_a_lost_answer_is_settled_in_the_form_that_the_company_keeps(
    desk: LoadScenario, emulator: Emulator, clock: Clock, theirs: Form, ours: Form
) -> None:
    """This gateway keeps every text in a form of its own, and its filters compare in it."""

    def keeps_its_form(endpoint: str, body: bytes) -> Reply:
        return emulator(endpoint, theirs(body.decode()).encode())

    def loses(endpoint: str, body: bytes) -> Reply:
        reply = keeps_its_form(endpoint, body)
        if decode_request(body).operations[0].functions[0].name == "create":
            raise ConnectionCutError("cut", sent=True)
        return reply

    text = ours("CLASSID,NAME\nÉ-1,Énergie\n")
    desk.transport = loses
    assert statuses(desk.load(text, "CLASS")) in ([RecordStatus.SETTLED], [IN_DOUBT])
    clock.forward(minutes=61)
    desk.transport = keeps_its_form
    assert statuses(desk.load(text, "CLASS")) in ([RecordStatus.SETTLED], [UNCHANGED])
    assert found(desk, "CLASS", "CLASSID").count((theirs("É-1"),)) == 1
    assert statuses(desk.load(theirs(text), "CLASS")) == [UNCHANGED]


@BOTH
def test_a_stream_may_change_its_form(tmp_path: Path, emulator: Emulator, theirs: Form, ours: Form) -> None:
    pipe = Pipe(tmp_path, emulator, {"mode": "create"})
    classes = schema("CLASS", "CLASSID", "NAME", keys=["CLASSID"])
    cells = {"CLASSID": "É-1", "NAME": "Énergie"}
    first, second = (record("CLASS", **{key: form(value) for key, value in cells.items()}) for form in (theirs, ours))
    assert pipe([classes, first, second]).status == 0
    assert [row["CLASSID"] for row in pipe.rows("CLASS") if row["CLASSID"].endswith("-1")] == [ours("É-1")], "the last"
