"""The doctor's check of an outbox in PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from intacct_bridge.setup.examination import STEP, run
from intacct_bridge.setup.findings import DoctorFinding, DoctorReport, Status
from intacct_bridge.shared_state import postgres
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase
from intacct_emulator.server.gateway import Emulator
from support.small_company import Clock, client, company


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with closing(company(Clock())) as made:
        yield made


def examined(emulator: Emulator, outbox: str) -> tuple[DoctorReport, list[DoctorFinding]]:
    with client(emulator, outbox=outbox) as one:
        report = run(one, ["DEPARTMENT"])
    return report, [finding for finding in report.findings if finding.step == STEP]


def test_a_database_that_is_safe_is_named(
    emulator: Emulator, postgres_place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresDatabase, "unsafe_settings", lambda _: [])
    report, (finding,) = examined(emulator, f"{postgres_place.uri}&schema={postgres_place.schema}")
    assert (finding.status, report.stopped_at) == (Status.OK, "")
    assert finding.observed == f"the outbox is in {postgres_place.name}"


def test_a_server_that_loses_commits_in_a_power_cut_is_a_warning(
    emulator: Emulator, postgres_place: PostgresPlace
) -> None:
    """The tests' server is such a one: it writes nothing to the disk in time, to be fast."""
    report, (finding,) = examined(emulator, f"{postgres_place.uri}&schema={postgres_place.schema}")
    assert (finding.status, report.stopped_at) == (Status.WARNING, "")
    assert "fsync and full_page_writes off" in finding.observed


def test_a_server_that_does_not_answer_stops_the_examination(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE", 0.1)
    report, (finding,) = examined(emulator, "postgresql://anna:geheim@127.0.0.1:9/books")
    assert (finding.status, report.stopped_at) == (Status.FAILURE, STEP)
    assert "127.0.0.1:9/books" in finding.observed
    assert "geheim" not in str(report)


def test_an_outbox_in_a_file_has_no_such_step(emulator: Emulator) -> None:
    assert examined(emulator, "")[1] == []
