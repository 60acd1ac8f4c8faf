"""What planning asks the company: everything together, in few requests, and nothing twice."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.company_facts import CompanyFacts
from intacct_bridge.load.plan.plan import Plan, Verdict
from intacct_bridge.load.plan.planner import make_plan, revalidate_plan
from intacct_bridge.load.tables.delimited import open_csv
from intacct_protocol.errors import NotPermittedError
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.reply import Reply
from support.load.journal import journal_layout
from support.load.ledger import HEADER, Ledger, entry
from support.small_company import NOON, Clock, client, company

FACTS = {"query GLJOURNAL", "query GLACCOUNT", "query DEPARTMENT", "query LOCATION", "query LOCATIONENTITY"}


class Wire:
    """A company whose requests are listed, each as the functions in it."""

    def __init__(self) -> None:
        self.emulator = company(Clock())
        self.requests: list[list[str]] = []

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        names = re.findall(rb'<function controlid="[^"]*">\s*<(\w+)[^>]*>(?:\s*<object>(\w+))?', body)
        self.requests.append([b" ".join(name).decode().strip() for name in names])
        return self.emulator(endpoint, body)

    def taken(self) -> list[list[str]]:
        """The requests since this was asked last."""
        requests, self.requests = self.requests, []
        return requests


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=lambda: NOON) as opened:
        yield opened


def entries(*references: str, amount: str = "10.00", account: str = "11000", location: str = "100") -> str:
    return HEADER + "".join(
        f"GJ,2026-11-16,Pay,{reference},{account},{amount},,100,{location},\n"
        f"GJ,2026-11-16,Pay,{reference},10010,,{amount},100,{location},\n"
        for reference in references
    )


def planned(rows: str, client: Client, outbox: Outbox, folder: Path, facts: CompanyFacts | None = None) -> Plan:
    path = folder / "je.csv"
    path.write_text(rows)
    return make_plan(open_csv(path), journal_layout(), client, outbox, facts=facts)


def test_one_entry_is_planned_in_six_requests_and_later_ones_in_two(wire: Wire, outbox: Outbox, tmp_path: Path) -> None:
    with client(wire) as reader:
        first = planned(entries("R1"), reader, outbox, tmp_path)
        sign_in, definitions, lengths, facts, setup, duplicates = wire.taken()
        assert sign_in == ["getAPISession"]
        assert definitions[:2] == ["lookup GLBATCH", "lookup GLENTRY"]
        assert {f"query {name.removeprefix('lookup ')}" for name in definitions[2:]} == FACTS
        assert lengths == ["inspect GLBATCH", "inspect GLENTRY"]
        assert set(facts) == FACTS and len(facts) == 5
        assert setup == ["getFinancialSetup"]
        assert duplicates == ["query GLBATCH"]
        assert [record.verdict for record in first.records] == [Verdict.CREATE]
        assert first.reads == reader.meter.transactions == 17

        again = planned(entries(*(f"R{number}" for number in range(2, 200))), reader, outbox, tmp_path)
        assert [len(request) for request in wire.taken()] == [5, 1]
        assert again.reads == 6
        assert {record.verdict for record in again.records} == {Verdict.CREATE}


def test_plans_that_share_facts_read_only_what_is_new(wire: Wire, outbox: Outbox, tmp_path: Path) -> None:
    shared = CompanyFacts()
    with client(wire) as reader:
        planned(entries("R1"), reader, outbox, tmp_path, shared)
        wire.taken()
        planned(entries("R2"), reader, outbox, tmp_path, shared)
        assert wire.taken() == [["query GLBATCH"]]
        planned(entries("R3", account="60000"), reader, outbox, tmp_path, shared)
        assert wire.taken() == [["query GLACCOUNT"], ["query GLBATCH"]]
        shared.forget("LOCATION")
        planned(entries("R4"), reader, outbox, tmp_path, shared)
        facts, duplicates = wire.taken()
        assert set(facts) == {"query LOCATION", "query LOCATIONENTITY"} and duplicates == ["query GLBATCH"]


def test_a_plan_is_revalidated_with_what_the_company_says_now(wire: Wire, outbox: Outbox, tmp_path: Path) -> None:
    with client(wire) as reader:
        plan = planned(entries("R1"), reader, outbox, tmp_path)
        wire.taken()
        assert revalidate_plan(plan, reader, outbox).reads == 6
        facts, duplicates = wire.taken()
        assert set(facts) == FACTS and duplicates == ["query GLBATCH"]


def test_two_dimensions_of_a_line_cost_no_request(wire: Wire, outbox: Outbox, tmp_path: Path) -> None:
    rows = entries("R1").replace("Memo", "Project,Customer").replace(",100,\n", ",100,P-1,C-1\n")
    with client(wire) as reader:
        planned(entries("R0"), reader, outbox, tmp_path)
        wire.taken()
        planned(rows, reader, outbox, tmp_path)
        (request,) = [request for request in wire.taken() if "getDimensionRelationships" in request]
        assert set(request) > FACTS


def test_what_may_not_be_read_stops_nothing_else_and_is_named(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, path = Ledger(), tmp_path / "je.csv"
    query = ledger.query

    def guarded(wanted: Query) -> Iterator[object]:
        if wanted.object in ("LOCATIONENTITY", "GLJOURNAL"):
            raise NotPermittedError(f"no right to {wanted.object}")
        yield from query(wanted)

    monkeypatch.setattr(ledger, "query", guarded)
    path.write_text(HEADER + entry("R1") + entry("R2").replace("6100", "6101"))
    plan = make_plan(open_csv(path), journal_layout(), ledger.gateway, outbox)
    assert [record.verdict for record in plan.records] == [Verdict.CREATE, Verdict.REFUSED]
    assert plan.unchecked == (
        "entities, their currencies and open periods: no right to LOCATIONENTITY",
        "references to GLJOURNAL: no right to GLJOURNAL",
    )
