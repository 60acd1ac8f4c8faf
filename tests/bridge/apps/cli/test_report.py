"""`intacct report`, with answers in the form of the official SDKs' fixtures."""

import json

import pytest

from intacct_bridge.apps.cli.context import CommandContext
from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_protocol.xml.envelope import Function, Request
from intacct_protocol.xml.xml import serialize
from support.apps.command_line import Intacct
from support.client.gateway import Gateway, result
from support.client.gateway import connection as books

PENDING = "<data><report_results><REPORTID>R1</REPORTID><STATUS>PENDING</STATUS></report_results></data>"
PAGES = (
    (
        '<data listtype="report" count="2" totalcount="3" numremaining="1">'
        "<report><VENDOR>Ada</VENDOR><DUE>10.50</DUE></report><report><VENDOR>Bert</VENDOR><DUE></DUE></report></data>"
    ),
    (
        '<data listtype="report" count="1" totalcount="3" numremaining="0">'
        "<report><VENDOR>Cleo</VENDOR><DUE>7.00</DUE></report></data>"
    ),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions that the gateway received, as XML."""
    seen: list[str] = []
    answers = iter((PENDING, PENDING, *PAGES))

    def handle(function: Function, _: Request) -> str:
        seen.append(serialize(function.body))
        return result(function, next(answers))

    gateway = Gateway(handle)
    monkeypatch.setattr(CommandContext, "_load", lambda _: books())
    monkeypatch.setattr(
        CommandContext,
        "open_client",
        lambda _, connection, **__: Client(
            connection, transport=gateway, system=System(sleep=lambda _: None), keep=False
        ),
    )
    return seen


def test_a_pending_report_is_awaited_and_read_to_its_end(intacct: Intacct, asked: list[str]) -> None:
    ran = intacct("report", "AP due", "--arg", "APBILL.WHENDUE=2026-01-01..2026-01-31", "--json")
    assert ran.status == 0, ran.err
    assert [row["VENDOR"] for row in json.loads(ran.out)] == ["Ada", "Bert", "Cleo"]
    dates = "<APBILL.WHENDUE><FROM_DATE>01/01/2026</FROM_DATE><TO_DATE>01/31/2026</TO_DATE></APBILL.WHENDUE>"
    assert dates in asked[0]
    assert asked[1:] == ["<readMore><reportId>R1</reportId></readMore>"] * 3


def test_an_unknown_report_is_refused_with_the_fix(demo: Intacct) -> None:
    for more in ((), ("--prompts",)):
        ran = demo("report", "AP agin", *more)
        assert (ran.status, "does not exist" in ran.err) == (3, True)
        assert "list of custom reports" in ran.err


def test_an_invalid_date_range_is_refused_without_a_call(intacct: Intacct, asked: list[str]) -> None:
    ran = intacct("report", "AP due", "--arg", "APBILL.WHENDUE=soon..later")
    assert ran.status == 2
    assert "2026-01-01..2026-01-31" in ran.err
    assert asked == []


@pytest.mark.parametrize("more", [(), ("AP due",), ("--json",), ("--interactive",)])
def test_a_list_of_reports_is_refused_with_the_way_to_a_name_and_without_a_call(
    intacct: Intacct, asked: list[str], more: tuple[str, ...]
) -> None:
    ran = intacct("report", "--list", *more)
    assert (ran.status, ran.out) == (2, "")
    assert "no documented function that lists custom reports" in " ".join(ran.err.split())
    assert "intacct report NAME --prompts" in " ".join(ran.err.split())
    assert asked == []


def test_a_report_without_a_name_is_refused_with_the_way_to_one(intacct: Intacct, asked: list[str]) -> None:
    ran = intacct("report")
    assert ran.status == 2
    assert "list of custom reports" in " ".join(ran.err.split())
    assert asked == []
