"""Reports and views: started, waited for, read to their end."""

import pytest

from emulator.talk import data, faults, rows
from emulator.worlds import Clock, world
from intacct_bridge.emulator.gateway import Emulator
from intacct_bridge.wire.xml import Element


def seeded(clock: Clock | None = None, **behaviour: object) -> Emulator:
    emulator = world(clock, **behaviour)
    for number in range(1, 8):
        row = {"VENDORID": "V1", "WHENDUE": f"0{number}/15/2026", "TOTALDUE": f"{number}", "STATE": "Posted"}
        emulator.books().table("APBILL").insert(row)
        emulator.books().table("VENDOR").insert({"VENDORID": f"V{number}", "NAME": f"Vendor {number}"})
    return emulator


def started(emulator: Emulator, body: str) -> str:
    # shape: the official SDKs' tests of a run: report_results with an id and a status
    (results,) = data(emulator, f"<readReport><report>Bills due</report>{body}</readReport>")
    assert (results.tag, results.findtext("STATUS")) == ("report_results", "PENDING")
    return results.findtext("REPORTID")


def more(emulator: Emulator, report_id: str) -> Element:
    return data(emulator, f"<readMore><reportId>{report_id}</reportId></readMore>")


def test_a_report_is_pending_then_paged_then_gone() -> None:
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


def test_a_definition_names_what_is_asked_for() -> None:
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
