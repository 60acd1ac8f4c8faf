"""Several companies in one gateway: each with its own records, behaviour, limits, clock, log and clones."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from intacct_bridge.testing import Company, make_company
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings
from intacct_emulator.settings.scenarios import load_companies
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.envelope import Login
from support.emulator.calls import data, query, results, rows, send

PORTS = """
[behaviour]
report_waiting = "WAITING"

[[company]]
company_id = "north"
[company.records]
CLASS = [{ CLASSID = "N", NAME = "North" }]

[[company]]
company_id = "south"
clock = 2027-01-01T00:00:00Z
window_requests = 2
[company.behaviour]
unique_document_numbers = false
[company.records]
CLASS = [{ CLASSID = "S", NAME = "South" }]
"""
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


class Moving:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Moving:
    return Moving()


@pytest.fixture
def ports(tmp_path: Path, clock: Moving) -> Iterator[Emulator]:
    (tmp_path / "ports.toml").write_text(PORTS)
    emulator = Emulator.empty(settings=load_companies(tmp_path / "ports.toml"), clock=clock)
    yield emulator
    assert emulator.incidents == []
    emulator.close()


def login(company_id: str) -> Login:
    return Login("demo-user", company_id, "demo-user-password")


def classes(emulator: Emulator, company_id: str) -> list[str]:
    answer = data(emulator, query("CLASS", "CLASSID"), authentication=login(company_id))
    return sorted(row["CLASSID"] for row in rows(answer))


def create(emulator: Emulator, company_id: str, class_id: str) -> None:
    record = f"<create><CLASS><CLASSID>{class_id}</CLASSID><NAME>{class_id}</NAME></CLASS></create>"
    (result,) = results(emulator, record, authentication=login(company_id))
    assert result.status == "success"


def test_each_has_its_own_records_and_behaviour(ports: Emulator) -> None:
    assert (classes(ports, "north"), classes(ports, "south")) == (["N"], ["S"])
    north, south = (ports.company(name).behaviour for name in ("north", "south"))
    assert (north.unique_document_numbers, south.unique_document_numbers) == (True, False)
    assert north.report_waiting == south.report_waiting == "WAITING"


def test_each_has_its_own_clock(ports: Emulator, clock: Moving) -> None:
    clock.now += 3600
    create(ports, "north", "A")
    create(ports, "south", "A")
    stamp = query("CLASS", "CLASSID WHENCREATED", "<equalto><field>CLASSID</field><value>A</value></equalto>")
    times = [rows(data(ports, stamp, authentication=login(name)))[0]["WHENCREATED"] for name in ("north", "south")]
    assert times == ["11/22/2026 13:00:00", "01/01/2027 01:00:00"]
    answer = send(ports, "<getAPISession/>", authentication=login("north")).operations[0].authentication
    assert answer.session_timestamp.startswith("2026-11-22T13:00:00")
    ports.set_clock(datetime(2030, 5, 6, tzinfo=UTC), "north")
    create(ports, "north", "B")
    stored = {row["CLASSID"]: row["WHENCREATED"] for _, row in ports.company("north").table("CLASS").rows()}
    assert stored["B"] == "05/06/2030 00:00:00"


def test_each_has_its_own_limits_and_log(ports: Emulator) -> None:
    for _ in "123":
        assert classes(ports, "north") == ["N"]
    for _ in "12":
        classes(ports, "south")
    refused = send(ports, query("CLASS", "CLASSID"), authentication=login("south"))
    assert refused.faults
    assert [one.company for one in ports.received] == ["north"] * 3 + ["south"] * 3
    assert classes(ports, "north") == ["N"]


def test_a_clone_goes_its_own_way(ports: Emulator) -> None:
    snapshot = ports.snapshot()
    create(ports, "north", "LATER")
    ports.add_company("tenant-1", like="north")
    ports.add_company(CompanySettings("tenant-2", clock=datetime(2031, 1, 1, tzinfo=UTC)), "north", snapshot)
    assert classes(ports, "tenant-1") == ["LATER", "N"]
    assert classes(ports, "tenant-2") == ["N"]
    create(ports, "tenant-1", "ONLY")
    create(ports, "tenant-2", "TWO")
    assert classes(ports, "north") == ["LATER", "N"]
    assert classes(ports, "tenant-1") == ["LATER", "N", "ONLY"]
    assert classes(ports, "tenant-2") == ["N", "TWO"]
    stored = {row["CLASSID"]: row["WHENCREATED"] for _, row in ports.company("tenant-2").table("CLASS").rows()}
    assert stored["TWO"] == "01/01/2031 00:00:00"
    with pytest.raises(SettingsError, match="there is a company north already"):
        ports.add_company("north")


def test_clones_are_in_snapshots_and_copies_of_the_gateway(ports: Emulator) -> None:
    before = ports.snapshot()
    ports.add_company("tenant", like="south")
    ports.set_clock(datetime(2030, 5, 6, tzinfo=UTC), "tenant")
    with_tenant = ports.snapshot()
    create(ports, "tenant", "X")
    copy = ports.clone()
    assert classes(copy, "tenant") == ["S", "X"]
    assert copy.company("tenant").ahead == ports.company("tenant").ahead
    copy.close()
    ports.restore(with_tenant)
    assert classes(ports, "tenant") == ["S"]
    ports.restore(before)
    assert send(ports, query("CLASS", "CLASSID"), authentication=login("tenant")).operations[0].faults
    ports.restore(with_tenant)
    assert classes(ports, "tenant") == ["S"]


def test_a_test_clones_its_company(tmp_path: Path) -> None:
    (tmp_path / "ports.toml").write_text(PORTS)
    company = make_company(company=str(tmp_path / "ports.toml"))
    south = Company(company.emulator, "south")
    tenant = company.clone("tenant", concurrency=1)
    tenant.set_clock(datetime(2029, 2, 3, tzinfo=UTC))
    tenant.seed("CLASS", [{"CLASSID": "T", "NAME": "Tenant"}])
    assert [len(one.rows("CLASS")) for one in (company, south, tenant)] == [1, 1, 2]
    assert company.url == tenant.url
    (row,) = company.client().query("CLASS", "CLASSID")
    assert row == {"CLASSID": "N"}
    assert [one.company for one in company.requests] == ["north"] * len(company.requests)
    assert len(tenant.requests) == 0
    assert len(list(tenant.client().query("CLASS", "CLASSID"))) == 2
    assert {one.company for one in tenant.requests} == {"tenant"}
    tenant.close()
    assert len(company.rows("CLASS")) == 1
    company.close()


def test_the_clock_decides_the_day_of_the_demo_company() -> None:
    settings = EmulatorSettings(companies=(CompanySettings(clock=datetime(2025, 3, 31, tzinfo=UTC)),))
    emulator = Emulator.demo(settings=settings, months=3)
    rows_ = emulator.company().table("GLBATCH").rows()
    days = [datetime.strptime(row["BATCH_DATE"], "%m/%d/%Y").replace(tzinfo=UTC).date() for _, row in rows_]
    assert date(2025, 3, 1) <= max(days) <= date(2025, 3, 31)
    emulator.close()
