"""The scenarios of the emulator, played in the small company, and the doctor's report on them."""

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
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.faults import load_faults
from intacct_emulator.settings.scenarios import load_scenario, shipped_scenarios
from support.demo_company import NOW
from support.small_company import Stopwatch


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
    watch = Stopwatch(NOW)
    system = System(clock=watch, sleep=watch.sleep, jitter=lambda: 1.0, wall=watch)
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
