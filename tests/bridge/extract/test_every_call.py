"""A run fails or is killed at any one of its calls or commits; the next one, a day later, completes the copy."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import TransientError
from support.copies.memory import MemoryDestination
from support.extract.company import APBILL, APBILLITEM, GLBATCH, GLDETAIL, SODOCUMENT, VENDOR, Company
from support.extract.runs import LATE, MANY, SEEDS, SMALL, Copy, CutDestination, KilledError, check, from_call, run

ALWAYS = replace(SMALL, compare_every=0)
FAMILIES: dict[str, tuple[Stream, ...]] = {
    "vendors and documents": (VENDOR, SODOCUMENT),
    "bills": (APBILL, APBILLITEM),
    "lines": (APBILLITEM,),
    "entries": (GLBATCH, GLDETAIL),
    "view": (GLDETAIL,),
    "all": (APBILL, APBILLITEM, GLBATCH, GLDETAIL),
}


def change(company: Company) -> None:
    """Every line of the ledger is replaced, by as many lines in all entries but one, while people edit."""
    rows = company.tables["GLDETAIL"].rows
    for row in rows:
        row |= {"AMOUNT": row["AMOUNT"] + 1, "WHENMODIFIED": company.clock}
    rows.remove(max(rows, key=lambda row: int(row["BATCHKEY"])))
    company.what = lambda table: ("change", company.some(table))  # type: ignore[method-assign]
    for work in (company.vendors, company.bills, company.journals, company.documents):
        for _ in range(3):
            work()
    del company.what


def undo(company: Company) -> None:
    """Two bills are deleted and take their entries back, which are not in the audit trail."""
    for _ in range(2):
        bill, entry = company.some("APBILL"), company.some("GLBATCH")
        assert bill and entry
        company.tables["GLBATCH"].rows.remove(entry)
        for table, by, gone in (("GLDETAIL", "BATCHKEY", entry), ("APBILLITEM", "RECORDKEY", bill)):
            rows = company.tables[table].rows
            company.tables[table].rows = [row for row in rows if row[by] != gone["RECORDNO"]]
        company.drop("APBILL", bill, str(bill["RECORDNO"]))


def copied(streams: Sequence[Stream]) -> tuple[Company, CutDestination]:
    """A company with a complete copy and no recent edits."""
    company, destination = Company(3).fill(120), CutDestination(0, after=False)
    for _ in range(2):
        run(destination, company, streams)
        company.clock += timedelta(days=1)
    return company, destination


def next_day(company: Company, copy: Copy | MemoryDestination, streams: Sequence[Stream]) -> None:
    company.after_call = lambda number: None
    company.clock += timedelta(days=1)
    if isinstance(copy, Copy):
        copy.run(company, streams)
    else:
        run(copy, company, streams)
    check(copy, company, streams)


@pytest.mark.slow
@pytest.mark.parametrize("error", [TransientError("off-line"), KilledError()], ids=["fails", "is killed"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_that_fails_at_any_call(family: str, error: Exception) -> None:
    streams, calls = FAMILIES[family], 99
    for number in count():
        company, destination = copied(streams)
        change(company)
        before = company.calls
        company.after_call = from_call(before + number, error) if number else company.after_call
        with suppress(KilledError):
            run(destination, company, streams)
        calls = calls if number else company.calls - before
        next_day(company, destination, streams)
        if number == calls:
            return


@pytest.mark.parametrize("work", [(change,), (undo,), (change, undo)], ids=["changes", "undone", "both"])
@pytest.mark.parametrize("family", ["bills", "all"])
def test_a_run_that_is_killed_at_any_commit(family: str, work: Sequence[Callable[[Company], None]]) -> None:
    streams = FAMILIES[family]
    for number in count(1):
        company, destination = copied(streams)
        for one in work:
            one(company)
        destination.left, destination.after = number, True
        with suppress(KilledError):
            run(destination, company, streams)
        over, destination.left = destination.left > 0, 0
        next_day(company, destination, streams)
        if over:
            return


@pytest.mark.slow
@given(
    seed=SEEDS,
    faults=st.lists(st.sets(st.integers(1, 60), max_size=4), min_size=1, max_size=4),
    audit=st.booleans(),
    size=st.integers(0, 200),
)
@MANY
def test_calls_that_fail_permanently_while_people_edit(
    seed: int, faults: list[set[int]], audit: bool, size: int
) -> None:
    company, destination = Company(seed, concurrency=2, audit_is_readable=audit, **LATE).fill(size), MemoryDestination()
    for calls in faults:
        company.editing = True
        failing = {company.calls + number for number in calls}

        def fail(number: int, failing: set[int] = failing) -> None:
            if number in failing:
                raise TransientError("the gateway is off-line")

        company.after_call = fail
        run(destination, company, options=ALWAYS)
        company.editing = False
        company.clock += timedelta(minutes=company.random.choice([1, 30, 600]))
    company.after_call = lambda number: None
    company.clock += company.lateness
    run(destination, company, options=ALWAYS)
    check(destination, company)


@pytest.mark.parametrize("scheme", ["duckdb", "parquet"])
def test_a_row_that_is_created_and_deleted_during_a_failing_full_refresh(tmp_path: Path, scheme: str) -> None:
    """Only the files of the full refresh hold the row, which a folder of change files does not show yet."""
    company, copy, whole = Company(3).fill(120), Copy(tmp_path / "copy", scheme), replace(SMALL, full=True)
    for number in range(30):
        company.add("VENDOR", VENDORID=f"W{number}", NAME="more")
    copy.run(company, [VENDOR])
    company.clock += timedelta(days=1)
    row = min(company.tables["VENDOR"].rows, key=lambda row: int(row["RECORDNO"]))
    row |= {"RECORDNO": 0, "WHENMODIFIED": company.clock}  # another vendor's, and among the first that are read
    for fails in (3, 2):
        company.after_call = from_call(company.calls + fails, TransientError("off-line"))
        assert not copy.run(company, [VENDOR], whole)["VENDOR"].complete
        company.after_call = lambda number: None
        if row in company.tables["VENDOR"].rows:
            company.drop("VENDOR", row, row["VENDORID"])
        company.clock += timedelta(hours=3)
    next_day(company, copy, [VENDOR])


@pytest.mark.parametrize("lines", [4, 9])
def test_changes_behind_the_page_that_cuts_their_group_are_found(lines: int) -> None:
    """The last run read the rows before the cut exactly as they are."""
    company, destination = Company(1), MemoryDestination()
    for key in (1, 2):
        company.add("GLBATCH")
        for _ in range(lines):
            company.add("GLDETAIL", BATCHKEY=key, AMOUNT=1, WHENMODIFIED=company.clock)
    for _ in range(3):
        company.clock += timedelta(minutes=10)
        run(destination, company, [GLDETAIL])
    company.tables["GLDETAIL"].rows[-1] |= {"AMOUNT": 2, "WHENMODIFIED": company.clock}
    run(destination, company, [GLDETAIL])
    check(destination, company, [GLDETAIL])


@pytest.mark.parametrize("scheme", ["duckdb", "parquet", "jsonl"])
def test_records_that_a_full_refresh_into_files_missed_are_deleted_with_their_lines(
    tmp_path: Path, scheme: str
) -> None:
    streams, company, copy = FAMILIES["all"], Company(3).fill(120), Copy(tmp_path / "copy", scheme)
    for _ in range(2):
        copy.run(company, streams)
        company.clock += timedelta(days=1)
    undo(company)
    done = copy.run(company, streams, replace(SMALL, full_every_by_stream={"APBILL": 0}))
    assert done["APBILL"].deleted == 2
    next_day(company, copy, streams)


@pytest.mark.parametrize("killed", [False, True])
def test_records_that_went_with_those_that_a_full_refresh_missed_are_counted(killed: bool) -> None:
    """Deleted bills took their entries back, and were found deleted before the audit trail was read."""
    streams = FAMILIES["all"]
    company, destination = copied(streams)
    undo(company)

    def ending(_: int) -> None:
        if killed and "AUDITHISTORY" in company.by_object:
            raise KilledError

    company.by_object.clear()
    company.after_call = ending
    with suppress(KilledError):
        run(destination, company, streams, replace(SMALL, full_every_by_stream={"APBILL": 0}))
    next_day(company, destination, streams)
