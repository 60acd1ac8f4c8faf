"""Every fault and every crash, for records, updates, line sets and deletes: once, or in doubt, never twice."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.apply.retry import settle_doubts
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.plan.planner import revalidate_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.objects import BILLS, VENDORS, LoadScenario
from support.small_company import Clock, client, company

WRITES = ("create", "update", "delete", "create_bill", "create_invoice")
HTML = b"<html><head><title>Service unavailable</title></head><body/></html>"
FAULTS: dict[str, Reply | ConnectionCutError] = {
    "503": Reply(503, HTML, {"content-type": "text/html"}),
    "524": Reply(524, HTML, {}),
    "cut": ConnectionCutError("cut", sent=True),
    "half": Reply(200, b"<response><control><status>success</status>", {}),
}
CHANGED = VENDORS.replace("Bolt Ltd,", "Bolt GmbH,")
CUSTOMERS = "CUSTOMERID,NAME,DISPLAYCONTACT.PRINTAS\nC-1,Cust,Cust\n"
INVOICES = """CUSTOMERID,RECORDID,WHENCREATED,WHENDUE,CURRENCY,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID
C-1,INV-1,2026-11-02,2026-12-02,USD,40100,10.5,100,100
C-1,INV-1,2026-11-02,2026-12-02,USD,40100,3,100,100
C-1,INV-2,2026-11-02,2026-12-02,USD,40100,7,100,100
"""
CASES: dict[str, tuple[str, str, str]] = {
    "vendors": (VENDORS, "VENDOR", "create"),
    "bills": (BILLS, "APBILL", "create"),
    "customers": (CUSTOMERS, "CUSTOMER", "create"),
    "invoices": (INVOICES, "ARINVOICE", "create"),
    "update": (CHANGED, "VENDOR", "update"),
    "upsert": (CHANGED + "V-3,Cog,Cog\n", "VENDOR", "upsert"),
    "lines": (BILLS.replace("0.20", "0.30"), "APBILL", "update"),
    "delete": ("VENDORID\nV-2\n", "VENDOR", "delete"),
}
BEFORE = {
    "vendors": (),
    "customers": (),
    "invoices": ("customers",),
    "bills": ("vendors",),
    "lines": ("vendors", "bills"),
}


class KilledError(BaseException):
    """Stands for kill -9."""


class Storm:
    """Does the work, or does not, and then answers something else, at the first request that writes."""

    def __init__(self, emulator: Emulator, reply: Reply | ConnectionCutError, *, before: bool) -> None:
        self._emulator, self._reply, self._before = emulator, reply, before
        self.struck = False

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        writes = decode_request(body).operations[0].functions[0].name in WRITES
        if not writes or self.struck:
            return self._emulator(endpoint, body)
        self.struck = True
        if not self._before:
            self._emulator(endpoint, body)
        if isinstance(self._reply, ConnectionCutError):
            raise self._reply
        return self._reply


def world(folder: Path, clock: Clock, case: str, **more: Any) -> LoadScenario:
    """A company as it is before the case."""
    desk = LoadScenario(folder, company(clock, **more))
    for earlier in BEFORE.get(case, ("vendors",)):
        text, name, mode = CASES[earlier]
        desk.load(text, name, mode)
    clock.forward(hours=3)
    return desk


def state(desk: LoadScenario) -> dict[str, list[tuple[str, ...]]]:
    """What the company holds, without what only numbers and stamps say."""
    names = {"VENDOR": ("VENDORID", "NAME"), "APBILL": ("RECORDID",), "APBILLITEM": ("TRX_AMOUNT",)}
    names |= {"CUSTOMER": ("CUSTOMERID",), "ARINVOICE": ("RECORDID",), "ARINVOICEITEM": ("TRX_AMOUNT",)}
    return {
        name: sorted(tuple(row.get(field, "") for field in fields) for row in desk.rows(name))
        for name, fields in names.items()
    }


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each case leaves in fine weather."""
    ends = {}
    for case, (text, name, mode) in CASES.items():
        desk = world(tmp_path_factory.mktemp(case), Clock(), case)
        assert {one.status for one in desk.load(text, name, mode)} <= {RecordStatus.APPLIED, RecordStatus.UNCHANGED}
        ends[case] = state(desk)
        desk.emulator.close()
    return ends


@pytest.mark.parametrize("remembers", [True, False], ids=["memory", "no-memory"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("case", CASES)
def test_every_unanswered_write_is_done_once_in_the_end(
    tmp_path: Path, wanted: dict[str, Any], case: str, fault: str, before: bool, remembers: bool
) -> None:
    clock, (text, name, mode) = Clock(), CASES[case]
    desk = world(tmp_path, clock, case, settings=EmulatorSettings(behaviour=Behaviour(remember_controlids=remembers)))
    desk.transport = Storm(desk.emulator, FAULTS[fault], before=before)
    desk.load(text, name, mode)
    desk.transport = None
    clock.forward(minutes=61)
    again = desk.load(text, name, mode)
    if case == "lines" and before:  # the lines differ, and nobody can say why: it is for a person
        assert {one.status for one in again} <= {RecordStatus.IN_DOUBT, RecordStatus.UNCHANGED}
        desk.emulator.close()
        return
    assert {one.status for one in again} <= {RecordStatus.APPLIED, RecordStatus.SETTLED, RecordStatus.UNCHANGED}
    assert state(desk) == wanted[case]
    assert {one.status for one in desk.load(text, name, mode)} <= {RecordStatus.UNCHANGED}
    with desk.outbox() as outbox:
        statuses = {entry.status for entry in outbox.entries()}
    assert statuses == {RecordStatus.APPLIED} | ({RecordStatus.RELEASED} if mode == "delete" else set())
    assert desk.emulator.incidents == []
    desk.emulator.close()


@pytest.mark.parametrize("moment", ["planned", "begun", "answered", "concluded"])
@pytest.mark.parametrize("case", CASES)
def test_the_next_loader_carries_on_wherever_the_first_was_killed(
    tmp_path: Path, wanted: dict[str, Any], case: str, moment: str
) -> None:
    clock, (text, name, mode) = Clock(), CASES[case]
    desk = world(tmp_path, clock, case)
    opened = desk.outbox

    def dying() -> Callable[[str], None]:
        outbox = opened()
        desk.outbox = lambda: outbox  # type: ignore[method-assign]

        def step(reached: str) -> None:
            if reached == moment:
                outbox.close()
                raise KilledError

        return step

    desk.step = dying()
    with suppress(KilledError, Exception):
        desk.load(text, name, mode)
    survivor = replace(desk, step=lambda _: None)
    clock.forward(minutes=61)
    again = survivor.load(text, name, mode)
    if case == "lines" and moment == "begun":
        assert {one.status for one in again} <= {RecordStatus.IN_DOUBT, RecordStatus.UNCHANGED}
    else:
        assert {one.status for one in again} <= {RecordStatus.APPLIED, RecordStatus.SETTLED, RecordStatus.UNCHANGED}
        assert state(survivor) == wanted[case]
    desk.emulator.close()


@pytest.fixture
def numbered(tmp_path: Path) -> Iterator[tuple[LoadScenario, Clock]]:
    clock = Clock()
    desk = world(tmp_path, clock, "bills", settings=EmulatorSettings(behaviour=Behaviour(remember_controlids=False)))
    yield desk, clock
    desk.emulator.close()


def test_a_bill_without_a_number_stays_in_doubt_and_says_what_to_look_for(numbered: tuple[LoadScenario, Clock]) -> None:
    desk, clock = numbered
    header, _, second, third = BILLS.replace("RECORDID", "DOCNUMBER").splitlines()  # no key that the company knows
    text = "\n".join([header, second, third])
    desk.transport = Storm(desk.emulator, FAULTS["cut"], before=False)
    desk.load(text, "APBILL")
    desk.transport = None
    clock.forward(minutes=60)
    outcomes = desk.load(text, "APBILL")
    assert {one.status for one in outcomes} == {RecordStatus.IN_DOUBT}
    assert "Accounts Payable" in outcomes[0].note
    assert len(desk.rows("APBILL")) == 2


def test_somebody_elses_later_change_is_not_overwritten_by_a_resend(tmp_path: Path) -> None:
    clock = Clock()
    desk = world(tmp_path, clock, "update")
    desk.transport = Storm(desk.emulator, FAULTS["cut"], before=True)
    desk.load(CHANGED, "VENDOR", "update")
    desk.transport = None
    clock.forward(minutes=61)
    table = desk.emulator.company().table("VENDOR")
    for number, row in list(table.rows()):
        stamp = clock.now.strftime("%m/%d/%Y %H:%M:%S")
        more = {"NAME": "Bolt SA", "MODIFIEDBYLOGINID": "somebody", "WHENMODIFIED": stamp}
        table.update(number, dict(row) | (more if row["VENDORID"] == "V-2" else {}))
    outcomes = desk.load(CHANGED, "VENDOR", "update")
    assert {one.status for one in outcomes} == {RecordStatus.IN_DOUBT, RecordStatus.UNCHANGED}
    assert any("somebody changed VENDOR" in one.note for one in outcomes)
    desk.emulator.close()


@pytest.mark.parametrize("case", ["update", "delete"])
def test_a_saved_plan_with_changes_in_doubt_is_applied_by_the_outbox_that_knows_them(tmp_path: Path, case: str) -> None:
    clock, (text, name, mode) = Clock(), CASES[case]
    desk = world(tmp_path, clock, case)
    desk.transport = Storm(desk.emulator, FAULTS["cut"], before=True)
    desk.load(text, name, mode)
    desk.transport = None
    plan = desk.plan(text, name, mode)
    assert Verdict.IN_DOUBT in {one.verdict for one in plan.records}
    with client(desk.emulator) as gateway, Outbox(tmp_path / "another.sqlite3") as another:
        for use in (
            lambda: list(Loader(gateway, another).apply(plan)),
            lambda: revalidate_plan(plan, gateway, another),
        ):
            with pytest.raises(SettingsError, match=r"another\.sqlite3 has no such entry"):
                use()
    clock.forward(minutes=61)
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        settle_doubts(gateway, outbox)
        outcomes = list(Loader(gateway, outbox).apply(revalidate_plan(plan, gateway, outbox)))
    assert {one.status for one in outcomes} == {RecordStatus.UNCHANGED}
    desk.emulator.close()
