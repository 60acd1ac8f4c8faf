"""A saved plan in which any part was altered is refused, and nothing of it is posted."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.plan.plan import Mode, Verdict
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.plan.planner import revalidate_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_protocol.errors import IntacctError
from support.journeys.objects import BILLS, VENDORS, LoadScenario
from support.small_company import client

Alter = Callable[[dict[str, Any]], object]
ENTRY = """Journal,Date,Title,Reference,Account,Debit,Credit,Location
GJ,2026-11-30,Rent,R-1,68000,10.00,,100
GJ,2026-11-30,Rent,R-1,10010,,10.00,100
"""


@pytest.fixture
def desk(desk: LoadScenario) -> LoadScenario:
    assert {one.status for one in desk.load(VENDORS, "VENDOR")} == {RecordStatus.APPLIED}
    return desk


def keep(desk: LoadScenario, text: str, object_name: str, mode: str = "create") -> Path:
    path = desk.folder / "kept.plan"
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        save_plan(desk.make(gateway, outbox, desk.file(text), object_name, Mode(mode)), path)
    return path


def apply(desk: LoadScenario, path: Path) -> list[RecordStatus]:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        company = gateway
        return [one.status for one in Loader(company, outbox).apply(revalidate_plan(open_plan(path), company, outbox))]


def altered(path: Path, alter: Alter, *, seal: bool) -> Path:
    """The file as another program writes it; with a seal that fits, as someone who knows how it is made."""
    plan = json.loads(path.read_text())
    alter(plan)
    if seal:
        plan["seal"] = ""
        bare = json.dumps(plan, separators=(",", ":"), ensure_ascii=False)
        plan["seal"] = hashlib.sha256(bare.encode()).hexdigest()
    path.write_text(json.dumps(plan))
    return path


def line(plan: dict[str, Any], number: int = 0) -> dict[str, Any]:
    lines = next(iter(plan["records"][0]["lines"].values()))
    fields: dict[str, Any] = lines[number]["fields"]
    return fields


def both_amounts(plan: dict[str, Any]) -> None:
    line(plan, 0)["TRX_AMOUNT"] = line(plan, 1)["TRX_AMOUNT"] = {"decimal": "999.00"}


ALTERED: dict[str, Alter] = {
    "amounts": both_amounts,
    "account": lambda plan: line(plan).update(ACCOUNTNO="60100"),
    "date": lambda plan: plan["records"][0]["fields"].update(BATCH_DATE={"date": "2026-11-29"}),
    "reference": lambda plan: plan["records"][0]["fields"].update(REFERENCENO="R-2"),
    "identity": lambda plan: plan["records"][0].update(identity={"text": 'key:["s:GJ"]', "kind": "key"}),
    "kind of identity": lambda plan: plan["records"][0].update(identity={"text": 'source:["9"]', "kind": "source"}),
    "label": lambda plan: plan["records"][0].update(label="GJ 2026-11-30 'Rent' R-9"),
    "digest": lambda plan: plan["records"][0].update(digest="0" * 64),
    "operation": lambda plan: plan["records"][0].update(operation="update"),
    "verdict": lambda plan: plan["records"][0].update(verdict="delete"),
    "unknown operation": lambda plan: plan["records"][0].update(operation="destroy"),
    "nan": lambda plan: line(plan).update(TRX_AMOUNT={"decimal": "NaN"}),
    "infinity": lambda plan: line(plan).update(TRX_AMOUNT={"decimal": "-Infinity"}),
    "exponent": lambda plan: line(plan).update(TRX_AMOUNT={"decimal": "1E999999"}),
    "a line less": lambda plan: next(iter(plan["records"][0]["lines"].values())).pop(),
}


@pytest.mark.parametrize("name", ALTERED)
@pytest.mark.parametrize("seal", [False, True])
def test_an_altered_plan_of_a_new_record_posts_nothing(desk: LoadScenario, name: str, *, seal: bool) -> None:
    path = keep(desk, ENTRY, "journal-entries")
    altered(path, ALTERED[name], seal=seal)
    with pytest.raises(IntacctError, match="plan"):
        apply(desk, path)
    assert desk.rows("GLBATCH") == []
    with desk.outbox() as outbox:
        assert {one.target.object for one in outbox.entries()} == {"VENDOR"}


def test_a_plan_that_was_not_altered_posts(desk: LoadScenario) -> None:
    path = altered(keep(desk, ENTRY, "journal-entries"), lambda _: None, seal=True)
    assert apply(desk, path) == [RecordStatus.APPLIED]
    assert sorted(row["TRX_AMOUNT"] for row in desk.rows("GLENTRY")) == ["10", "10"]


OF_UPDATES: dict[str, Alter] = {
    "amount": lambda plan: line(plan).update(TRX_AMOUNT={"decimal": "999.00"}),
    "another record": lambda plan: plan["records"][0].update(
        receipt={"record": "2", "name": ""}, fields={**plan["records"][0]["fields"], "RECORDNO": {"integer": "2"}}
    ),
    "record number": lambda plan: plan["records"][0]["fields"].update(RECORDNO={"integer": "2"}),
    "one more field": lambda plan: plan["records"][0]["fields"].update(DESCRIPTION="paid"),
    "shown change": lambda plan: plan["records"][0].update(operation="delete", verdict="delete"),
    "given": lambda plan: plan["records"][0]["input"]["fields"].update(RECORDID="INV-2"),
}


@pytest.mark.parametrize("name", OF_UPDATES)
@pytest.mark.parametrize("seal", [False, True])
def test_an_altered_plan_of_an_update_changes_nothing(desk: LoadScenario, name: str, *, seal: bool) -> None:
    assert {one.status for one in desk.load(BILLS, "APBILL")} == {RecordStatus.APPLIED}
    before = desk.rows("APBILL"), desk.rows("APBILLITEM")
    path = keep(desk, BILLS.replace("0.20", "0.30"), "APBILL", "update")
    altered(path, OF_UPDATES[name], seal=seal)
    with pytest.raises(IntacctError):
        apply(desk, path)
    assert (desk.rows("APBILL"), desk.rows("APBILLITEM")) == before


def test_a_kept_update_that_was_not_altered_is_applied(desk: LoadScenario) -> None:
    desk.load(BILLS, "APBILL")
    path = altered(keep(desk, BILLS.replace("0.20", "0.30"), "APBILL", "update"), lambda _: None, seal=True)
    assert apply(desk, path).count(RecordStatus.APPLIED) == 1
    assert "0.3" in {row["TRX_AMOUNT"] for row in desk.rows("APBILLITEM")}


def test_a_reference_that_means_another_record_now_refuses_the_plan(desk: LoadScenario) -> None:
    path = keep(desk, BILLS.replace("V-1,", "Acme Paper,"), "APBILL")
    altered(path, lambda plan: plan["records"][0]["fields"].update(VENDORID="V-2"), seal=True)
    with pytest.raises(IntacctError, match="the reference is to 'V-2' in the plan, and to 'V-1' now"):
        apply(desk, path)
    assert desk.rows("APBILL") == []


def test_an_attached_file_that_changed_refuses_the_plan(desk: LoadScenario) -> None:
    file = desk.folder / "invoice.txt"
    file.write_text("first")
    rows = BILLS.splitlines()
    path = keep(desk, "\n".join([f"{rows[0]},attachments", f"{rows[3]},{file}"]), "APBILL")
    assert open_plan(path).of(Verdict.CREATE)
    file.write_text("second")
    with pytest.raises(IntacctError, match="the plan was altered: the content, or a file that it attaches,"):
        apply(desk, path)
    file.unlink()
    with pytest.raises(IntacctError, match=r"cannot read .*invoice\.txt"):
        apply(desk, path)


def test_a_plan_of_every_kind_of_identity_opens_again(desk: LoadScenario) -> None:
    vendors = 'VENDORID,NAME\nV-1,"Acme, Paper & Söhne"\n,No id\n'
    for mode in ("create", "update", "upsert", "delete"):
        path = keep(desk, vendors, "VENDOR", mode)
        assert len(open_plan(path).records) == 2
    without_reference = ENTRY.replace("R-1", "")
    plan = open_plan(keep(desk, without_reference, "journal-entries"))
    assert [one.write.identity.kind for one in plan.records] == ["content"]
