"""References by id, name, record number and external id, all of a load asked for together, never a silent null."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.plan.planner import revalidate_plan
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import Reply
from support.journeys.objects import LoadScenario, reasons
from support.small_company import client

HEAD = "VENDORID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID\n"


def bills(*vendors: str, **cells: str) -> str:
    rows = [f"{vendor},R-{n},2026-11-02,2026-12-02,61000,1,110,100\n" for n, vendor in enumerate(vendors)]
    text = "".join(rows)
    for before, after in cells.items():
        text = text.replace(f",{before.removeprefix('_')},", f",{after},")
    return HEAD + text


@pytest.fixture
def desk(tmp_path: Path, demo: Emulator) -> LoadScenario:
    desk = LoadScenario(tmp_path, demo, connecting={"dtd_version": "2.1"})
    desk.load("VENDORID,NAME,EXTERNALID\nX-1,Twin,CRM-1\nX-2,Twin,CRM-2\nX-3,Gone,CRM-3\n", "VENDOR")
    desk.connecting = {}
    desk.load("VENDORID,STATUS\nX-3,inactive\n", "VENDOR", "update")
    return desk


def vendors_of(desk: LoadScenario, text: str) -> list[object]:
    plan = desk.plan(text, "APBILL")
    assert [one.verdict for one in plan.records] == [Verdict.CREATE] * len(plan.records), reasons(plan)
    return [one.write.fields["VENDORID"] for one in plan.records]


def test_each_way_of_naming_a_record_finds_it(desk: LoadScenario) -> None:
    ways = ("V10001", "Drumhallow Realty Partners", "NAME=Drumhallow Realty Partners", "RECORDNO=1", "recordno=1")
    assert vendors_of(desk, bills(*ways)) == ["V10001"] * 5
    assert vendors_of(desk, bills("EXTERNALID=CRM-1", "EXTERNALID=CRM-2")) == ["X-1", "X-2"]


@pytest.mark.parametrize(
    ("vendor", "said"),
    [
        ("1", "the company has no vendor '1'"),
        ("RECORDNO=99999", "the company has no vendor with 'RECORDNO=99999'; check it, or use the id"),
        ("EXTERNALID=CRM-404", "the company has no vendor with 'EXTERNALID=CRM-404'; check it, or use the id"),
        ("Twin", "'Twin' is the name of more than one vendor (X-1, X-2); use the id"),
        ("NAME=Twin", "'NAME=Twin' is more than one vendor (X-1, X-2); use the id"),
        ("X-3", "the vendor 'X-3' is inactive"),
        ("EXTERNALID=CRM-3", "the vendor 'EXTERNALID=CRM-3' is inactive"),
    ],
)
def test_what_means_none_or_two_or_an_inactive_one_is_an_error(desk: LoadScenario, vendor: str, said: str) -> None:
    plan = desk.plan(bills("V10001", vendor), "APBILL")
    assert [one.verdict for one in plan.records] == [Verdict.CREATE, Verdict.REFUSED]
    assert str(plan.records[1].reasons[0]).startswith(f"input.csv:3: VENDORID: {said}")


def test_lines_and_other_objects_are_named_so_too(desk: LoadScenario) -> None:
    text = bills("V10001", _61000="NAME=Rent", _110="RECORDNO=4").replace(",100\n", ",NAME=Finance\n")
    plan = desk.plan(text, "APBILL")
    (line,) = plan.records[0].write.all_lines
    assert [line.fields[name] for name in ("ACCOUNTNO", "LOCATIONID", "DEPARTMENTID")] == ["61000", "110", "110"]


def test_a_load_asks_once_for_all_that_it_names(desk: LoadScenario) -> None:
    counts: Counter[str] = Counter()

    def counted(endpoint: str, body: bytes) -> Reply:
        counts.update({one.name for op in decode_request(body).operations for one in op.functions})
        return desk.emulator(endpoint, body)

    names = ["Drumhallow Realty Partners", "RECORDNO=2", "EXTERNALID=CRM-1", "EXTERNALID=CRM-2", "V10004"]
    desk.transport = counted
    desk.plan(bills(*names), "APBILL")
    few = dict(counts)
    counts.clear()
    desk.plan(bills(*(names * 30)), "APBILL")
    assert dict(counts) == few
    assert counts["get"] == 1
    assert counts["query"] <= 9


@pytest.mark.parametrize("mode", ["create", "update"])
@pytest.mark.parametrize("moved", ["reference", "period", "nothing"])
def test_a_saved_plan_is_refused_where_its_references_or_periods_moved(
    desk: LoadScenario, mode: str, moved: str
) -> None:
    text = bills("V10001")
    if mode == "update":
        desk.load(text, "APBILL")
        text = text.replace(",1,110", ",2,120")
    plan = desk.plan(text, "APBILL", mode)
    assert [one.verdict.value for one in plan.records] == [mode]
    save_plan(plan, desk.folder / "kept.plan")
    if moved == "reference":
        change(desk, "LOCATION", "LOCATIONID", {"120": "inactive", "110": "inactive"}, "STATUS")
    elif moved == "period":
        change(desk, "LOCATIONENTITY", "LOCATIONID", {"100": "12/01/2026"}, "STARTOPEN")
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        if moved == "nothing":
            now = revalidate_plan(open_plan(desk.folder / "kept.plan"), gateway, outbox)
            assert [one.verdict.value for one in now.records] == [mode]
            return
        with pytest.raises(InvalidRequestError, match="inactive" if moved == "reference" else "closed period"):
            revalidate_plan(open_plan(desk.folder / "kept.plan"), gateway, outbox)


def change(desk: LoadScenario, name: str, by: str, to: dict[str, str], field: str) -> None:
    """Change cells of the company itself."""
    table = desk.emulator.company().table(name)
    for number, row in list(table.rows()):
        if row[by] in to:
            table.update(number, row | {field: to[row[by]]})


COLUMNS = "CUSTOMERID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,PROJECTID,ARINVOICEITEM.CUSTOMERID"


@pytest.mark.parametrize("override", [True, False])
def test_a_line_does_not_contradict_what_follows_from_its_project(desk: LoadScenario, *, override: bool) -> None:
    def strict(endpoint: str, body: bytes) -> Reply:
        reply = desk.emulator(endpoint, body)
        told = reply.body.replace(b"<enableoverride>true", b"<enableoverride>false")
        return reply if override else replace(reply, received=told)

    desk.transport = strict
    active = {row["CUSTOMERID"] for row in desk.rows("CUSTOMER") if row["STATUS"] == "active"}
    project = next(row for row in desk.rows("PROJECT") if row.get("CUSTOMERID") in active)
    own, place, other = project["CUSTOMERID"], project["LOCATIONID"], min(active - {project["CUSTOMERID"]})
    head = f"{own},Q-{{}},2026-11-02,2026-12-02,40000,5,{place},{project['PROJECTID']},{{}}\n"
    text = f"{COLUMNS}\n" + head.format(1, own) + head.format(2, other) + head.format(3, "")
    plan = desk.plan(text, "ARINVOICE")
    verdict = Verdict.CREATE if override else Verdict.REFUSED
    assert [str(one) for one in plan.records[0].findings] == []
    assert [one.verdict for one in plan.records] == [Verdict.CREATE, verdict, Verdict.CREATE]
    (finding,) = [one for record in plan.records for one in record.findings]
    said = f"project {project['PROJECTID']} goes with customer {own}, not {other}"
    assert (finding.position, finding.message) == ("input.csv:3", said)
    assert finding.column.endswith("CUSTOMERID")
    assert finding.refuses is not override
