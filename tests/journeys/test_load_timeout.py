"""A load whose connection times out while Intacct goes on working: nothing is posted twice, and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.server.gateway import RequestOutcome
from intacct_emulator.settings.faults import ScriptedFault
from intacct_emulator.settings.scenarios import scenario
from support.journeys.objects import BILLS, VENDORS, LoadScenario
from support.small_company import Clock, company

ENTRIES = """JOURNAL,BATCH_DATE,BATCH_TITLE,REFERENCENO,ACCOUNTNO,TR_TYPE,TRX_AMOUNT,LOCATION,DEPARTMENT
GJ,2026-11-02,Rent,R-1,60100,1,5,110,100
GJ,2026-11-02,Rent,R-1,60100,-1,5,110,100
"""
CASES = {"APBILL": (BILLS, ["INV-1", "INV-2"], "RECORDID"), "GLBATCH": (ENTRIES, ["R-1"], "REFERENCENO")}


@pytest.fixture(params=[True, False], ids=["control ids are kept", "control ids are not kept"])
def desk(tmp_path: Path, clock: Clock, request: pytest.FixtureRequest) -> Iterator[LoadScenario]:
    late = (
        ScriptedFault("slow", "create", object="APBILL", seconds=2400),
        ScriptedFault("slow", "create", object="GLBATCH", seconds=2400),
    )
    settings = scenario({"behaviour": {"remember_controlids": request.param}})
    emulator = company(clock, faults=late, settings=settings, sleep=lambda seconds: clock.forward(seconds=seconds))
    made = LoadScenario(tmp_path, emulator)
    made.load(VENDORS, "VENDOR")
    yield made
    assert emulator.incidents == []
    emulator.close()


@pytest.mark.parametrize("name", CASES)
def test_records_that_arrive_after_the_time_out_are_posted_once(desk: LoadScenario, clock: Clock, name: str) -> None:
    text, numbers, field = CASES[name]

    def posted() -> list[str]:
        return sorted(row[field] for row in desk.rows(name))

    outcomes = desk.load(text, name)
    assert {one.status for one in outcomes} == {RecordStatus.IN_DOUBT}
    assert posted() == [], "Intacct still works on it"
    for _ in range(3):  # an impatient user, while the work is not finished
        desk.load(text, name)
        clock.forward(minutes=5)
    timed_out = [one for one in desk.emulator.received if one.outcome is RequestOutcome.TIMED_OUT]
    clock.forward(minutes=30)
    assert posted() == numbers
    assert len(timed_out) == 1
    clock.forward(hours=3)
    settled = desk.load(text, name)
    assert {one.status for one in settled} <= {RecordStatus.SETTLED, RecordStatus.UNCHANGED}
    assert posted() == numbers
    assert {one.status for one in desk.load(text, name)} == {RecordStatus.UNCHANGED}
