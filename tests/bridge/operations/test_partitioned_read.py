"""What one task of a read in partitions gives."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from intacct_bridge.connections.connection import Connection
from intacct_bridge.operations import partitioned_read
from intacct_bridge.operations.partitioned_read import CompanyStream, ReadPlan, ReadTask, read_plan, read_task
from intacct_bridge.streams.partition import DayWindow
from intacct_protocol.errors import TransientError
from support.extract.company import BEGAN, GLBATCH, GLDETAIL, Company
from support.small_company import connection

DAYS = DayWindow(date(2026, 1, 1), date(2026, 12, 31))


def ledger(*entries: int) -> Company:
    """A company whose journal entries have so many lines."""
    company = Company(1)
    for key, lines in enumerate(entries, 1):
        day, stamps = date(2026, key, 1), {"WHENCREATED": BEGAN, "WHENMODIFIED": BEGAN}
        company.tables["GLDETAIL"].rows += [
            {"RECORDNO": str(10_000 * key + line), "BATCHKEY": key, "BATCH_DATE": day, "AMOUNT": line} | stamps
            for line in range(lines)
        ]
    return company


@pytest.fixture
def plan() -> ReadPlan:
    company = CompanyStream(connection(), "demo", GLDETAIL, GLBATCH)
    return read_plan((company,), ("RECORDNO",))


def lines_read(plan: ReadPlan, company: Company, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """The lines that a task gives of all days of a year."""

    @contextmanager
    def opened(_: Connection) -> Iterator[Any]:
        yield SimpleNamespace(client=SimpleNamespace(connection=SimpleNamespace(location_id="")))

    patch.setattr(partitioned_read, "open_company", opened)
    patch.setattr(partitioned_read, "GatewaySource", lambda _: company)
    for batch in read_task(plan, ReadTask(0, windows=(DAYS,))):
        yield from batch.column("RECORDNO").to_pylist()


@pytest.mark.parametrize("failing", [0, 1, 2, 3, 4, 5, 6])
def test_days_that_are_read_again_in_halves_double_no_row(
    plan: ReadPlan, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Where a call fails within an entry of several pages, the task fails: Spark drops its rows and runs it again."""
    company, lost = ledger(30, 4500, 30, 30), TransientError("no answer in time")

    def fail(number: int) -> None:
        if number == failing:
            raise lost

    company.after_call = fail
    found: list[str] = []
    try:
        found += lines_read(plan, company, monkeypatch)
    except TransientError as error:
        assert error is lost
        assert failing in (4, 5)  # the second and the third page of the large entry
    else:
        assert len(found) == 4590
    assert len(set(found)) == len(found)
