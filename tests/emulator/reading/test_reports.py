"""Reports and views: started, waited for, and read to the last page."""

from dataclasses import replace

import pytest

from intacct_emulator.demo_company.generator.declaration import demo_settings
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import ReportSettings
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.xml.codec import encode_request
from intacct_protocol.xml.envelope import Control, Function, Operation, Request
from intacct_protocol.xml.xml import Element, parse
from support.emulator.calls import ENDPOINT, LOGIN, data, faults, rows
from support.emulator.refusing_companies import Clock, world


def seeded(clock: Clock | None = None, **behaviour: object) -> Emulator:
    emulator = world(clock, **behaviour)
    for number in range(1, 8):
        row = {"VENDORID": "V1", "WHENDUE": f"0{number}/15/2026", "TOTALDUE": f"{number}", "STATE": "Posted"}
        emulator.company().table("APBILL").insert(row)
        emulator.company().table("VENDOR").insert({"VENDORID": f"V{number}", "NAME": f"Vendor {number}"})
    return emulator


def started(emulator: Emulator, body: str) -> str:
    # shape: the official SDKs' tests of a run: report_results with an id and a status
    (results,) = data(emulator, f"<readReport><report>Bills due</report>{body}</readReport>")
    assert (results.tag, results.findtext("STATUS")) == ("report_results", "PENDING")
    return results.findtext("REPORTID")


def more(emulator: Emulator, report_id: str) -> Element:
    return data(emulator, f"<readMore><reportId>{report_id}</reportId></readMore>")


def test_a_report_is_pending_then_paged_then_deleted() -> None:
    clock = Clock()
    emulator = seeded(clock, report_seconds=20)
    report_id = started(emulator, "<pagesize>4</pagesize>")
    assert more(emulator, report_id).children[0].findtext("STATUS") == "PENDING"
    clock.now += 21
    first = more(emulator, report_id)
    assert dict(first.attributes) == {"listtype": "report", "count": "4", "totalcount": "7", "numremaining": "3"}
    assert rows(first)[0]["VENDORID"] == "V1"
    assert more(emulator, report_id).get("numremaining") == "0"
    assert "read to its end" in faults(emulator, f"<readMore><reportId>{report_id}</reportId></readMore>")[0].text


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ("<APBILL.WHENDUE><FROM_DATE>2/1/2026</FROM_DATE><TO_DATE>4/30/2026</TO_DATE></APBILL.WHENDUE>", "3"),
        ("<APBILL.VENDORID>V2</APBILL.VENDORID>", "0"),
        ("<APBILL.STATE>Posted</APBILL.STATE>", "7"),
    ],
)
def test_arguments_limit_a_report(arguments: str, count: str) -> None:
    emulator = seeded()
    report_id = started(emulator, f"<arguments>{arguments}</arguments>")
    assert more(emulator, report_id).get("totalcount") == count


def test_a_definition_lists_the_parameters() -> None:
    # shape: DOC custom-reports, returnDef of either writer
    emulator = seeded()
    (original,) = data(emulator, "<readReport returnDef='true'><report>Bills due</report></readReport>")
    assert original.findtext("REPORTTYPE") == "tabular"
    parameters = original.find("PARAMETERS")
    assert parameters is not None
    assert [one.findtext("NAME") for one in parameters] == ["APBILL.WHENDUE", "APBILL.VENDORID", "APBILL.STATE"]
    asked = "<readReport type='interactive' returnDef='true'><report>Ledger detail</report></readReport>"
    (interactive,) = data(emulator, asked)
    assert interactive.findtext("REPORTTYPE") == "CRW"
    assert "does not exist" in faults(emulator, "<readReport><report>Ledger detail</report></readReport>")[0].text


def test_a_view_is_read_by_its_name_or_its_id() -> None:
    emulator = seeded()
    one = "<field>NAME</field><operator>contains</operator><value>5</value>"
    body = f"<filters><filterExpression>{one}</filterExpression></filters>"
    for name in ("All vendors", "VENDOR#1@1"):
        (view,) = data(emulator, f"<readView><view>{name}</view>{body}</readView>")
        assert (view.tag, [row["VENDORID"] for row in rows(view)]) == ("view", ["V5"])


def status_of(page: Element) -> str:
    (results,) = page.children
    return results.findtext("STATUS")


def test_a_report_is_waited_for_within_the_call() -> None:
    clock = Clock()
    emulator = seeded(clock, report_seconds=20, report_first_page="at once")
    asked = "<readReport><report>Bills due</report><pagesize>3</pagesize><waitTime>{}</waitTime>{}</readReport>"
    assert status_of(data(emulator, asked.format(19, ""))) == "PENDING"
    page = data(emulator, asked.format(30, ""))
    assert (len(page.children), page.get("numremaining")) == (3, "4")
    assert status_of(data(emulator, asked.format(30, "<showStatusOnly>true</showStatusOnly>"))) == "DONE"
    assert clock.slept == [19, 20, 20]
    assert "0 to 30 seconds" in faults(emulator, asked.format(31, ""))[0].text


def test_statuses_are_settings() -> None:
    clock = Clock()
    behaviour = {"report_waiting": "QUEUED", "report_ready": "COMPLETED", "report_failed": "IN ERROR"}
    emulator = seeded(clock, report_seconds=5, **behaviour)
    emulator.company().reports += (replace(emulator.company().reports[0], name="Broken", fails=True),)
    asked = "<readReport><report>{}</report><waitTime>{}</waitTime><reportId>{}</reportId></readReport>"
    assert status_of(data(emulator, asked.format("Bills due", 0, "mine"))) == "QUEUED"
    assert status_of(more(emulator, "mine")) == "QUEUED"
    assert status_of(data(emulator, asked.format("Bills due", 9, "other"))) == "COMPLETED"
    assert more(emulator, "other").get("totalcount") == "7"
    data(emulator, asked.format("Broken", 0, "broken"))
    clock.now += 6
    assert status_of(more(emulator, "broken")) == "IN ERROR"


def test_a_report_may_be_csv_from_its_first_page_to_its_last() -> None:
    emulator = seeded()
    report_id = started(emulator, "<pagesize>4</pagesize><returnFormat>csv</returnFormat>")
    sent = encode_request(
        Request(
            Control("demo-sender", "demo-sender-password"),
            (
                Operation(
                    LOGIN, (Function(parse(f"<readMore><reportId>{report_id}</reportId></readMore>".encode()), "c"),)
                ),
            ),
        )
    )
    pages = [emulator(ENDPOINT, sent) for _ in range(2)]
    assert {page.headers["content-type"] for page in pages} == {"text/csv"}
    assert [len(page.body.splitlines()) for page in pages] == [5, 4]
    assert pages[0].body.startswith(b'"RECORDNO","VENDORID"') or pages[0].body.startswith(b"RECORDNO,VENDORID")


def test_a_scenario_may_define_reports_and_views() -> None:
    made = {"name": "Small bills", "object": "APBILL", "columns": ["RECORDNO"], "where": "TOTALDUE < 3"}
    tree = {"company": [{"company_id": "demo-company", "report": [made], "view": [{**made, "id": "7@7"}]}]}
    emulator = Emulator.empty(settings=scenario(tree))
    for due in (1, 2, 3):
        emulator.company().table("APBILL").insert({"TOTALDUE": str(due)})
    (results,) = data(emulator, "<readReport><report>Small bills</report></readReport>")
    assert more(emulator, results.findtext("REPORTID")).get("totalcount") == "2"
    (view,) = data(emulator, "<readView><view>APBILL#7@7</view></readView>")
    assert view.get("totalcount") == "2"
    emulator.close()


@pytest.mark.parametrize("report", demo_settings().reports, ids=lambda report: report.name)
def test_the_demo_companys_reports_give_rows_or_fail(demo: Emulator, report: ReportSettings) -> None:
    asked = f"<readReport type='{report.kind}'><report>{report.name}</report><pagesize>5</pagesize></readReport>"
    (results,) = data(demo, asked.replace(" type='original'", ""))
    page = more(demo, results.findtext("REPORTID"))
    if report.fails:
        assert status_of(page) == "FAILED"
        return
    first = rows(page)
    assert set(first[0]) == set(report.columns)
    assert int(page.get("totalcount")) > 5
    found = {row[column] for row in first for column in report.columns}
    assert found - {""}


@pytest.mark.parametrize("view", demo_settings().views, ids=lambda view: view.name)
def test_the_demo_companys_views_are_read_page_by_page(demo: Emulator, view: ReportSettings) -> None:
    asked = f"<view>{view.object}#{view.id}</view>"
    (first,) = data(demo, f"<readView>{asked}<pagesize>1</pagesize></readView>")
    (second,) = data(demo, f"<readMore>{asked}</readMore>")
    assert rows(first) != rows(second)
    assert set(rows(first)[0]) == set(view.columns)
