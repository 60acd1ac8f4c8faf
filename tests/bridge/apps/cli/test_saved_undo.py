"""Undo, actions and single writes as saved plans: approved by a second person, applied once, judged over HTTP."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.journeys.objects import BILLS, VENDORS
from support.small_company import Clock, company

SINCE = "10/01/2026"
ENTRIES = """journal,date,description,reference,account,debit,credit,location,department
GJ,2026-11-20,Rent,R-1,60100,1200.00,,100,100
GJ,2026-11-20,Rent,R-1,20100,,1200.00,100,100
"""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with closing(company(Clock())) as made:
        bank = {"BANKACCOUNTID": "CHK-INS", "BANKNAME": "First", "GLACCOUNTNO": "10000", "CURRENCY": "USD"}
        made.company().table("CHECKINGACCOUNT").insert({**bank, "STATUS": "active", "LOCATIONID": "100"})
        yield made


class Office:
    """A connection that requires an approval by a second person, and one without the rule, to one company."""

    def __init__(self, intacct: Intacct, url: str, sign: Callable[[str], None]) -> None:
        self.intacct = intacct
        self.reader = HttpReader(url)
        self.sign = sign
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in CREDENTIALS.items())
        shared = f'{lines}endpoint = "{url}"\nenvironment = "implementation"\noutbox = "books.sqlite3"\n'
        rules = 'approval = "required"\napprovers = ["anna", "ben"]\nfour_eyes = true\n'
        Path("intacct.toml").write_text(f"[connections.free]\n{shared}[connections.books]\n{shared}{rules}")

    def free(self, *words: str) -> str:
        """A command of the connection without the rule; it must succeed."""
        ran = self.intacct(*words, "--connection", "free")
        assert ran.status == 0, ran.said
        return ran.out

    def books(self, *words: str) -> tuple[int, str]:
        """The status and output of a command of the connection with the rule."""
        ran = self.intacct(*words, "--connection", "books")
        return ran.status, " ".join(ran.said.split())

    def load(self, text: str, as_name: str, name: str = "input.csv") -> None:
        Path(name).write_text(text)
        self.free("load", name, "--as", as_name, "--apply")

    def approve(self, plan: str = "p.plan", by: str = "ben") -> tuple[int, str]:
        """A person looks at a plan and approves what it shows."""
        self.sign(by)
        ran = self.intacct("plan", "show", plan, "--json", "--connection", "books")
        assert ran.status == 0, ran.said
        shown = json.loads(ran.out)
        ended = self.books("plan", "approve", plan, "--digest", shown["digest"])
        self.sign("anna")
        return ended

    def outbox(self) -> list[tuple[str, str]]:
        rows = json.loads(self.free("outbox", "list", "--json"))
        return [(row["operation"], row["state"]) for row in rows]


@pytest.fixture
def office(intacct: Intacct, emulator: Emulator, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    def sign(name: str) -> None:
        monkeypatch.setattr("intacct_bridge.machine.account.account_name", lambda: name)

    sign("anna")
    with serve(emulator) as server:
        yield Office(intacct, server.url, sign)


def test_an_undo_is_planned_approved_by_a_second_person_and_applied_once(office: Office) -> None:
    before = office.reader.balances(SINCE)
    office.load(ENTRIES, "journal-entries")
    posted = office.reader.balances(SINCE)
    assert posted != before
    status, said = office.books("undo", "input.csv", "--apply", "--yes")
    assert (status, "intacct undo input.csv --connection books --out PLAN" in said) == (2, True), said
    assert "intacct plan approve PLAN" in said
    status, said = office.books("undo", "input.csv", "--date", "2026-11-25", "--out", "p.plan")
    assert (status, "It needs an approval: intacct plan approve p.plan" in said) == (0, True), said
    assert "Only anna may read the file: let the approver read it, too." in said
    assert Path("p.plan").stat().st_mode & 0o077 == 0
    status, said = office.books("plan", "apply", "p.plan", "--yes")
    assert (status, "it has no approval" in said) == (2, True), said
    status, said = office.approve(by="anna")
    assert (status, "four_eyes asks for a second person" in said) == (2, True), said
    status, said = office.approve()
    assert (status, "is approved by ben" in said) == (0, True), said
    assert office.reader.balances(SINCE) == posted
    status, said = office.books("plan", "apply", "p.plan")
    assert status == 0, said
    assert office.reader.balances(SINCE) == before
    for words in (("plan", "apply", "p.plan"), ("load", "--from-plan", "p.plan", "--apply")):
        status, said = office.books(*words)
        assert (status, "Nothing to send" in said) == (0, True), said
    assert office.reader.balances(SINCE) == before
    assert office.outbox() == [("create", "released"), ("create", "applied")]
    status, said = office.books("plan", "show", "p.plan")
    assert (status, "Nothing is left to apply." in said, "To apply it" in said) == (0, True, False), said


def test_a_journal_entry_that_changed_after_the_approval_is_not_taken_back(office: Office) -> None:
    office.load(ENTRIES, "journal-entries")
    assert office.books("undo", "input.csv", "--out", "p.plan")[0] == 0
    assert office.approve()[0] == 0
    (row,) = office.reader.rows("GLBATCH", "RECORDNO", REFERENCENO="R-1")
    place = "<LOCATION>100</LOCATION><DEPARTMENT>100</DEPARTMENT>"
    line = "<GLENTRY><ACCOUNTNO>{}</ACCOUNTNO><TRX_AMOUNT>5</TRX_AMOUNT><TR_TYPE>{}</TR_TYPE>{}</GLENTRY>"
    lines = line.format("60100", "1", place) + line.format("20100", "-1", place)
    number = f"<RECORDNO>{row['RECORDNO']}</RECORDNO>"
    office.reader.call(f"<update><GLBATCH>{number}<ENTRIES>{lines}</ENTRIES></GLBATCH></update>")
    changed = office.reader.balances(SINCE)
    for words in (("plan", "show", "p.plan"), ("plan", "apply", "p.plan")):
        status, said = office.books(*words)
        assert (status, "changed in Intacct since it was posted" in said) == (2, True), said
    assert office.reader.balances(SINCE) == changed


def test_a_bill_that_changed_after_the_approval_is_not_reversed(office: Office) -> None:
    office.load(VENDORS, "VENDOR")
    office.load(BILLS, "APBILL", "bills.csv")
    status, said = office.books("undo", "bills.csv", "--out", "p.plan")
    assert (status, "2 to reverse" in said, "100.30" in said) == (0, True, True), said
    assert office.approve()[0] == 0
    (bill,) = office.reader.rows("APBILL", "RECORDNO", RECORDID="INV-1")
    place = "<LOCATIONID>100</LOCATIONID><DEPARTMENTID>100</DEPARTMENTID>"
    line = f"<APBILLITEM><ACCOUNTNO>60100</ACCOUNTNO><TRX_AMOUNT>999</TRX_AMOUNT>{place}</APBILLITEM>"
    number = f"<RECORDNO>{bill['RECORDNO']}</RECORDNO>"
    office.reader.call(f"<update><APBILL>{number}<APBILLITEMS>{line}</APBILLITEMS></APBILL></update>")
    changed = office.reader.balances(SINCE)
    status, said = office.books("plan", "apply", "p.plan")
    assert (status, "TRX_TOTALENTERED was 100.3, and is 999 now" in said) == (2, True), said
    assert office.reader.balances(SINCE) == changed
    assert {row["STATE"] for row in office.reader.rows("APBILL", "STATE")} == {"Posted"}


@pytest.mark.parametrize(
    "alter",
    [
        lambda record: record["fields"].update(DATE={"date": "2026-11-26"}),
        lambda record: record.update(undoes=1),
        lambda record: record.update(label="APBILL of somebody else"),
        lambda record: record.update(existing={}),
        lambda record: record["fields"].update(RECORDNO={"integer": "1"}),
    ],
    ids=["date", "entry", "label", "amount", "record"],
)
def test_an_undo_plan_that_was_altered_is_refused_also_with_a_seal_that_fits(
    office: Office, alter: Callable[[dict[str, object]], object]
) -> None:
    from support.apps.plan_files import resealed

    office.load(VENDORS, "VENDOR")
    office.load(BILLS, "APBILL", "bills.csv")
    assert office.books("undo", "bills.csv", "--out", "p.plan")[0] == 0
    assert office.approve()[0] == 0
    resealed(Path("p.plan"), lambda plan: alter(plan["records"][0]))
    status, said = office.books("plan", "apply", "p.plan")
    assert (status, "altered" in said or "changed since it was made" in said) == (2, True), said
    assert {row["STATE"] for row in office.reader.rows("APBILL", "STATE")} == {"Posted"}


def paid_bill(office: Office) -> None:
    """A bill and its payment, loaded by two files of one name."""
    office.load(VENDORS, "VENDOR", "vendors.csv")
    office.load(BILLS, "APBILL", "bills.csv")
    (bill,) = office.reader.rows("APBILL", "RECORDNO", RECORDID="INV-2")
    header = "VENDORID,FINANCIALENTITY,PAYMENTMETHOD,PAYMENTDATE,CURRENCY"
    lines = "APPYMTDETAIL.RECORDKEY,APPYMTDETAIL.TRX_PAYMENTAMOUNT"
    row = f"V-2,CHK-INS,Printed Check,2026-11-20,USD,{bill['RECORDNO']},15.00"
    office.load(f"{header},{lines}\n{row}\n", "APPYMT", "payment.csv")


def test_a_payment_and_its_bill_are_taken_back_by_one_plan_the_payment_first(
    office: Office, emulator: Emulator
) -> None:
    before = office.reader.balances(SINCE)
    paid_bill(office)
    rows = json.loads(office.free("outbox", "list", "--json"))
    words = [word for row in rows if row["record"][:2] == "AP" for word in ("--entry", str(row["number"]))]
    status, said = office.books("undo", *words, "--date", "2026-11-25", "--out", "p.plan")
    assert (status, "3 to reverse" in said) == (0, True), said
    assert office.approve()[0] == 0
    emulator.fault_plan = FaultPlan((ScriptedFault("fault", function="reverse_bill", calls=()),))
    status, said = office.books("plan", "apply", "p.plan")
    assert status != 0, said
    emulator.fault_plan = FaultPlan()
    assert [row["STATE"] for row in office.reader.rows("APPYMT", "STATE")] == ["Voided", "Reversal"]
    status, said = office.books("plan", "apply", "p.plan")
    assert status == 0, said
    assert office.reader.balances(SINCE) == before
    assert {row["STATE"] for row in office.reader.rows("APBILL", "STATE")} == {"Reversed", "Reversal"}
    assert office.books("plan", "apply", "p.plan")[0] == 0
    assert office.reader.balances(SINCE) == before


def test_an_approval_of_an_undo_expires(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from intacct_bridge.load.outbox import outbox as outbox_module

    office.load(ENTRIES, "journal-entries")
    posted = office.reader.balances(SINCE)
    assert office.books("undo", "input.csv", "--out", "p.plan")[0] == 0
    assert office.approve()[0] == 0
    now = outbox_module.system_clock() + timedelta(hours=24, minutes=1)
    later = {"clock": lambda: now, "user": ""}
    monkeypatch.setattr("intacct_bridge.load.outbox.outbox.Outbox.__init__.__kwdefaults__", later)
    status, said = office.books("plan", "apply", "p.plan")
    assert (status, "the approval by ben expired" in said) == (2, True), said
    assert office.reader.balances(SINCE) == posted
    assert office.approve()[0] == 0
    assert office.books("plan", "apply", "p.plan")[0] == 0


ACTIONS = {
    "reverse": ("reverse", "APBILL", "INV-1", "--date", "2026-11-25", "--comment", "twice"),
    "delete": ("delete", "VENDOR", "V-1"),
    "update": ("update", "VENDOR", "V-1", "NAME=Acme Paper and Ink"),
    "create": ("create", "CLASS", "CLASSID=P-1", "NAME=Planned"),
}


def facts(office: Office) -> dict[str, list[str]]:
    return {
        "bills": [row["STATE"] for row in office.reader.rows("APBILL", "STATE")],
        "vendors": [row["NAME"] for row in office.reader.rows("VENDOR", "NAME")],
        "classes": [row["CLASSID"] for row in office.reader.rows("CLASS", "CLASSID") if row["CLASSID"] == "P-1"],
    }


@pytest.mark.parametrize("name", ACTIONS)
def test_a_single_write_is_planned_approved_and_applied_once(office: Office, name: str) -> None:
    office.load(VENDORS, "VENDOR", "vendors.csv")
    if name == "reverse":
        office.load(BILLS, "APBILL", "bills.csv")
    words = list(ACTIONS[name])
    if name == "reverse":
        (bill,) = office.reader.rows("APBILL", "RECORDNO", RECORDID="INV-1")
        words[2] = bill["RECORDNO"]
    before = facts(office)
    status, said = office.books(*words, "--yes")
    assert (status, "--out PLAN" in said, "intacct plan approve PLAN" in said) == (2, True, True), said
    status, said = office.books(*words, "--out", "p.plan")
    assert (status, f"1 to {name}" in said) == (0, True), said
    assert office.books("plan", "apply", "p.plan")[0] == 2
    assert facts(office) == before
    assert office.approve()[0] == 0
    status, said = office.books("plan", "apply", "p.plan")
    assert status == 0, said
    after = facts(office)
    expected = {
        "reverse": before | {"bills": ["Reversed", "Posted", "Reversal"]},
        "delete": before | {"vendors": ["Bolt Ltd"]},
        "update": before | {"vendors": ["Acme Paper and Ink", "Bolt Ltd"]},
        "create": before | {"classes": ["P-1"]},
    }
    assert after == expected[name]
    status, said = office.books("plan", "apply", "p.plan")
    assert status == 0, said
    assert facts(office) == after


def test_equal_records_of_two_single_plans_are_two_records(office: Office) -> None:
    place = {"LOCATION": "100", "DEPARTMENT": "100", "TRX_AMOUNT": "5.00"}
    lines = [{"ACCOUNTNO": account, "TR_TYPE": side, **place} for account, side in (("60100", 1), ("20100", -1))]
    entry = {"JOURNAL": "GJ", "BATCH_DATE": "2026-11-20", "BATCH_TITLE": "Twice", "ENTRIES": lines}
    Path("entry.json").write_text(json.dumps(entry))
    for plan in ("one.plan", "two.plan"):
        office.free("create", "GLBATCH", "--from", "entry.json", "--out", plan)
        for _ in range(2):
            office.free("plan", "apply", plan)
    assert len(office.reader.rows("GLBATCH", "RECORDNO", BATCH_TITLE="Twice")) == 2


def test_a_plan_that_refuses_a_record_is_not_kept(office: Office) -> None:
    office.load(VENDORS, "VENDOR")
    office.load(BILLS, "APBILL", "bills.csv")
    (bill,) = office.reader.rows("APBILL", "RECORDNO", RECORDID="INV-1")
    status, said = office.books("recall", "APBILL", bill["RECORDNO"], "--out", "p.plan")
    assert (status, "does not wait for approval" in said, Path("p.plan").exists()) == (1, True, False), said
    status, said = office.books("undo", "bills.csv", "--apply", "--out", "p.plan")
    assert (status, "--out saves a plan" in said) == (2, True), said


def test_amounts_of_an_undo_are_in_its_plan(office: Office) -> None:
    office.load(VENDORS, "VENDOR")
    office.load(BILLS, "APBILL", "bills.csv")
    plan = json.loads(office.intacct("undo", "bills.csv", "--json", "--connection", "books").out)
    amounts = [Decimal(record["existing"]["TRX_TOTALENTERED"]) for record in plan["records"]]
    assert (amounts, [record["operation"] for record in plan["records"]]) == (
        [Decimal("15"), Decimal("100.3")],
        ["reverse", "reverse"],
    )
