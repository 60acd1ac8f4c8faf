"""A small healthy company for the doctor, the scenarios of the emulator in it, and a simulated clock."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.setup.examination import run
from intacct_bridge.setup.findings import DoctorReport
from intacct_emulator.demo_company.generator.declaration import demo_definitions
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.faults import load_faults
from intacct_emulator.settings.scenarios import load_scenario, shipped_scenarios

NOW = 1_795_258_800.0  # 2026-11-21 11:00:00 UTC


@dataclass
class Time:
    """A clock that only sleeping advances."""

    seconds: float = NOW

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def healthy_company() -> Emulator:
    """A company with two entities, a bill of one of them, and a user-defined dimension."""
    emulator = Emulator.empty(clock=lambda: NOW)
    emulator.company().facts.demo.put(value="a small one")
    emulator.company().facts.definitions.put(value=demo_definitions())
    emulator = emulator.clone()  # a demo company has its own dimension in the catalogue
    books = emulator.company()
    stamps = {"WHENMODIFIED": "11/20/2026 10:00:00"}
    for place in ("100", "200"):
        row = {"LOCATIONID": place, "NAME": f"Entity {place}", "STATUS": "active", "STARTOPEN": "10/01/2026", **stamps}
        books.table("LOCATIONENTITY").insert(row)
    books.table("LOCATIONENTITY").insert({"LOCATIONID": "900", "NAME": "Closed", "STATUS": "inactive", **stamps})
    books.table("VENDOR").insert({"VENDORID": "V1", "NAME": "Shared", "STATUS": "active", **stamps})
    books.table("APBILL").insert({"RECORDID": "B1", "VENDORID": "V1", "MEGAENTITYID": "100", **stamps})
    return emulator


@dataclass(frozen=True)
class Scenario:
    """One scenario file of the package."""

    path: Path
    tree: dict[str, Any]

    @classmethod
    def all(cls) -> "list[Scenario]":
        return [cls(path, tomllib.loads(path.read_text())) for path in shipped_scenarios().values()]

    @property
    def about(self) -> dict[str, Any]:
        about: dict[str, Any] = self.tree["scenario"]
        return about

    @property
    def expected(self) -> dict[str, Any]:
        expected: dict[str, Any] = self.about["expected"]
        return expected

    @property
    def connection(self) -> Connection:
        return replace(demo_connection(), **self.about.get("connection", {}))

    @contextmanager
    def played(self, company: Emulator) -> Iterator[Emulator]:
        emulator = company.clone(settings=load_scenario(self.path), faults=load_faults(self.path))
        try:
            yield emulator
            assert emulator.incidents == []
        finally:
            emulator.close()

    def examined(self, company: Emulator) -> DoctorReport:
        """The doctor's report on the small company in this state."""
        job = self.about.get("job", {})
        with self.played(company) as emulator:
            return examined(emulator, self.connection, keep="month_to_date" in self.about, **job)


def client_of(emulator: Emulator, connection: Connection | None = None, *, keep: bool = False) -> Client:
    """A client with a simulated clock, which never waits."""
    time = Time()
    system = System(clock=time, sleep=time.sleep, jitter=lambda: 1.0, wall=time)
    return Client(connection or demo_connection(), transport=emulator, keep=keep, system=system)


def examined(
    emulator: Emulator, connection: Connection | None = None, *, keep: bool = False, **job: Any
) -> DoctorReport:
    """The doctor's report."""
    with client_of(emulator, connection, keep=keep) as client:
        return run(client, now=lambda: datetime.fromtimestamp(NOW, UTC), **job)


def settings_of(**behaviour: Any) -> EmulatorSettings:
    """The default settings of the emulator with another behaviour."""
    demo = EmulatorSettings()
    return replace(demo, behaviour=replace(demo.behaviour, **behaviour))
