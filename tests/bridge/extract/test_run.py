"""The copy matches the company, whatever the edits, interruptions and resumptions."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_bridge.copies.destinations.duckdb import DuckDB as SqlDuckDB
from intacct_bridge.copies.destinations.manifest import CopyFolder
from intacct_bridge.copies.destinations.open import copy_states, open_destination
from intacct_bridge.extract import stream_run
from intacct_bridge.extract.estimate import estimated
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.page_reader import PageReader
from intacct_bridge.extract.run import DELETES, Extraction
from intacct_bridge.streams.bookmark import KeySpan
from intacct_bridge.streams.partition import Partition, PartitionPage
from intacct_bridge.streams.stream import Stream
from intacct_bridge.streams.times import format_time
from intacct_protocol.errors import Fault, IntacctError, InvalidRequestError, NotPermittedError, TransientError
from intacct_protocol.model.query.query import Compare, Op, Order, Query, comparisons
from intacct_protocol.xml.values import Kind
from support.copies.memory import MemoryDestination
from support.extract.company import (
    APBILL,
    APBILLITEM,
    BEGAN,
    GLBATCH,
    GLDETAIL,
    SODOCUMENT,
    STREAMS,
    TIMETYPE,
    VENDOR,
    Company,
    Zone,
)
from support.extract.runs import LATE, MANY, SEEDS, SMALL, Copy, CutDestination, KilledError, check, run
from support.extract.table import Row, Table


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "copy.duckdb")


def test_a_first_run_copies_everything(copy: Copy) -> None:
    company = Company(1).fill(150)
    outcomes = copy.run(company)
    check(copy, company)
    assert outcomes["APBILL"].rows == len(company.rows(APBILL))
    assert all(one.complete and not one.error for one in outcomes.values())
    assert outcomes["APBILL"].full
    assert sum(one.transactions for one in outcomes.values()) == company.calls


def test_a_second_run_reads_only_the_changes_and_finds_the_deletes(copy: Copy) -> None:
    company = Company(2).fill(150)
    company.clock += timedelta(days=3)
    copy.run(company)
    company.fill(60)
    outcomes = copy.run(company)
    check(copy, company)
    assert not outcomes["VENDOR"].full
    assert 0 < outcomes["VENDOR"].rows < len(company.rows(VENDOR))
    assert outcomes[DELETES].deleted == 0  # each delete is counted once, by its stream
    assert sum(one.deleted for one in outcomes.values()) > 0


def test_an_idle_run_costs_one_transaction_a_stream_and_one_for_the_deletes(copy: Copy) -> None:
    company = Company(3).fill(150)
    copy.run(company)
    company.clock += timedelta(days=3)
    copy.run(company)
    company.clock += timedelta(days=3)
    before = company.calls
    outcomes = copy.run(company)
    pages_of_a_stream_that_cannot_tell = 2
    assert company.calls - before == len(STREAMS) - 1 + pages_of_a_stream_that_cannot_tell + 1
    assert outcomes["APBILL"].transactions == 1
    assert outcomes[DELETES].transactions == 1


def test_a_record_without_any_time_is_found_and_costs_no_transaction_later(copy: Copy) -> None:
    """Only a record that was never modified has no WHENMODIFIED; its WHENCREATED may be null too."""
    company = Company(7).fill(60)
    copy.run(company, options=ExtractOptions())
    company.clock += timedelta(days=3)
    for table, cells in (("VENDOR", {"VENDORID": "V99", "NAME": "imported"}), ("APBILL", {"TOTAL": 5})):
        company.tables[table].rows.append(
            {"RECORDNO": company.next_key, "WHENCREATED": None, "WHENMODIFIED": None} | cells
        )
        company.next_key += 1
    copy.run(company, options=ExtractOptions())
    check(copy, company)
    for _ in range(2):
        company.clock += timedelta(days=3)
        before = company.calls
        outcomes = copy.run(company, options=ExtractOptions())
        assert company.calls - before == len(STREAMS) + 1
        assert outcomes["VENDOR"].rows == 1
    check(copy, company)


def test_a_run_soon_after_a_change_costs_as_little_as_an_idle_one(copy: Copy) -> None:
    """Changes are read again within the overlap, and cost nothing besides their page."""
    company = Company(12).fill(150)
    copy.run(company, options=ExtractOptions())
    company.clock += timedelta(days=1)
    copy.run(company, options=ExtractOptions())
    company.fill(30)
    company.clock += timedelta(minutes=1)
    assert copy.run(company, options=ExtractOptions())["APBILLITEM"].transactions > 1
    for _ in range(2):
        company.clock += timedelta(minutes=10)
        before = company.calls
        outcomes = copy.run(company, options=ExtractOptions())
        assert company.calls - before == len(STREAMS) + 1
        assert outcomes["APBILL"].rows > 0
    check(copy, company)


def test_a_stream_without_a_time_of_change_is_read_when_it_is_due(copy: Copy) -> None:
    company = Company(4).fill(10)
    daily = ExtractOptions(page_size=5, full_every=86_400)
    copy.run(company, [TIMETYPE], daily)
    company.tables["TIMETYPE"].rows.pop()
    company.clock += timedelta(hours=1)
    assert copy.run(company, [TIMETYPE], daily)["TIMETYPE"].pages == 0
    company.clock += timedelta(days=1)
    assert copy.run(company, [TIMETYPE], daily)["TIMETYPE"].deleted == 1
    check(copy, company, [TIMETYPE])


def test_a_full_refresh_of_an_incremental_stream_can_be_scheduled(copy: Copy) -> None:
    """Computed fields change without a new time of change."""
    company = Company(4).fill(40)
    weekly = ExtractOptions(page_size=50, full_every_by_stream={"VENDOR": 7 * 86_400})
    for _ in range(2):  # the second run is beyond the overlap
        company.clock += timedelta(days=1)
        copy.run(company, [VENDOR], weekly)
    company.tables["VENDOR"].rows[0]["NAME"] = "computed"
    assert not copy.run(company, [VENDOR], weekly)["VENDOR"].full
    assert "computed" not in {row["NAME"] for row in copy.rows(VENDOR)}
    company.clock += timedelta(days=7)
    assert copy.run(company, [VENDOR], weekly)["VENDOR"].full
    check(copy, company, [VENDOR])


def edited_runs(copy: Copy | MemoryDestination, company: Company, runs: int = 3) -> None:
    """Runs while people edit, stamp late and delete, then one without edits; the copy matches the company."""
    go = copy.run if isinstance(copy, Copy) else partial(run, copy)
    for _ in range(runs):
        company.editing = True
        go(company)
        company.editing = False
        company.clock += timedelta(minutes=company.random.choice([1, 30, 600]))
    company.clock += company.lateness
    go(company)
    check(copy, company)


def killed_runs(copy: Copy | MemoryDestination, company: Company, kills: list[int]) -> None:
    """Killed runs are resumed while people edit, then a run without edits; the copy matches the company."""
    go = copy.run if isinstance(copy, Copy) else partial(run, copy)
    company.editing = True
    for kill in kills:
        last = company.calls + kill

        def stop(number: int, last: int = last) -> None:
            if number >= last:
                raise KilledError

        company.after_call = stop
        with suppress(KilledError):
            go(company)
    company.after_call = lambda number: None
    company.editing = False
    company.clock += company.lateness
    go(company)
    check(copy, company)


OFFSETS = st.sampled_from([0, -480, 600])
KILLS = st.lists(st.integers(1, 40), min_size=1, max_size=5)


@given(seed=SEEDS, offset=OFFSETS, user=st.booleans(), width=st.integers(1, 3), size=st.integers(0, 300))
@MANY
def test_edits_between_any_two_calls(seed: int, offset: int, user: bool, width: int, size: int) -> None:
    company = Company(seed, offset_minutes=offset, reads_user_time=user, concurrency=width, **LATE)
    edited_runs(MemoryDestination(), company.fill(size))


CHANGE = BEGAN + timedelta(hours=14)
WINTER_AND_SUMMER = [(-480, -420), (-60, 0), (0, 60), (60, 120), (570, 630), (720, 780)]


def across_a_clock_change(company: Company, step: int) -> MemoryDestination:
    """Runs from hours before the change to hours after it, then one without edits."""
    company.fill(60)
    company.clock = CHANGE - timedelta(hours=4)
    destination = MemoryDestination()
    while company.clock < CHANGE + timedelta(hours=8):
        company.editing = True
        run(destination, company)
        company.editing = False
        company.fill(2)
        company.clock += timedelta(minutes=step)
    company.clock += company.lateness
    run(destination, company)
    return destination


def zone(winter: int, summer: int, *, forward: bool, late: bool) -> Zone:
    """A zone whose clocks change at the tested time."""
    far = CHANGE + timedelta(days=180)
    return Zone(winter, summer, *((CHANGE, far) if forward else (far, CHANGE)), late=late)


@given(
    seed=SEEDS,
    minutes=st.sampled_from(WINTER_AND_SUMMER),
    forward=st.booleans(),
    late=st.booleans(),
    told=st.integers(0, 1),
    reads_as=st.sampled_from(["", "user", "utc"]),
    step=st.sampled_from([20, 45, 90]),
)
@MANY
def test_edits_across_a_clock_change(
    seed: int, minutes: tuple[int, int], forward: bool, late: bool, told: int, reads_as: str, step: int
) -> None:
    """Filter times are read on the API user's clock; hours that come twice, or never, are read either way.

    The offset in the user's formatting may be that of winter or of summer. The connection may be calibrated or not.
    """
    clock = zone(*minutes, forward=forward, late=late)
    company = Company(seed, offset_minutes=minutes[told], reads_user_time=reads_as != "utc", zone=clock, **LATE)
    company.reads_as = reads_as
    check(across_a_clock_change(company, step), company)


@pytest.mark.parametrize("forward", [False, True])
def test_without_the_spare_hour_a_clock_change_loses_rows(forward: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proof that the test above can fail."""
    monkeypatch.setattr("intacct_bridge.streams.times.CLOCK_CHANGE", timedelta())
    wrong = 0
    for seed in range(6):
        clock = zone(-480, -420, forward=forward, late=True)
        company = Company(seed, offset_minutes=-420, reads_user_time=True, reads_as="user", zone=clock, **LATE)
        destination = across_a_clock_change(company, 20)
        wrong += any(
            sorted(map(str, destination.rows(stream))) != sorted(map(str, company.rows(stream))) for stream in STREAMS
        )
    assert wrong > 0


@given(seed=SEEDS, kills=KILLS, width=st.integers(1, 2), size=st.integers(0, 300))
@MANY
def test_kills_between_any_two_calls(seed: int, kills: list[int], width: int, size: int) -> None:
    killed_runs(MemoryDestination(), Company(seed, concurrency=width, **LATE).fill(size), kills)


@given(seed=SEEDS, size=st.integers(0, 200))
@MANY
def test_edits_where_the_audit_trail_cannot_be_read(seed: int, size: int) -> None:
    """All keys are compared instead, whenever that is due."""
    company = Company(seed, audit_is_readable=False, **LATE).fill(size)
    destination, always = MemoryDestination(), replace(SMALL, compare_every=0)
    for _ in range(3):
        company.editing = True
        run(destination, company, options=always)
        company.editing = False
    company.clock += company.lateness
    run(destination, company, options=always)
    check(destination, company)


@pytest.mark.parametrize("named_again", [True, False])
def test_comparing_keys_adds_no_records_from_before_the_start_of_a_copy(named_again: bool) -> None:
    """All older rows used to count as missing, and were read by lists of keys."""
    company, destination = Company(4, audit_is_readable=False).fill(200), MemoryDestination()
    company.clock += timedelta(days=10)
    begun = company.clock
    since = replace(SMALL, start=format_time(begun), compare_every=0)
    again = since if named_again else replace(since, start="")
    company.fill(40)
    run(destination, company, options=since)
    for row in company.tables["APBILL"].rows[-2:]:
        company.drop("APBILL", row, str(row["RECORDNO"]))
    company.fill(20)
    company.clock += timedelta(days=1)
    run(destination, company, options=again)
    for stream in (VENDOR, APBILL, SODOCUMENT):
        new = [row for row in company.rows(stream) if (row["WHENMODIFIED"] or row["WHENCREATED"]) >= begun]
        assert {row["RECORDNO"] for row in destination.rows(stream)} == {row["RECORDNO"] for row in new}, stream.name
        assert 0 < len(new) < len(company.rows(stream)), stream.name
    for stream in (APBILLITEM, GLDETAIL, GLBATCH):
        assert 0 < len(destination.rows(stream)) < len(company.rows(stream)), stream.name


def begun_with_a_day(options: ExtractOptions = SMALL) -> tuple[Company, MemoryDestination, ExtractOptions]:
    """A company with a history, and a first run that reads the last ten days of it."""
    company, destination = Company(4).fill(120), MemoryDestination()
    company.clock += timedelta(days=10)
    since = replace(options, start=format_time(company.clock))
    company.fill(200)
    return company, destination, since


def held(destination: MemoryDestination, company: Company, since: ExtractOptions) -> set[str]:
    """Whether the copy of bills holds all bills, those of the last days, or neither."""
    found = {row["RECORDNO"] for row in destination.rows(APBILL)}
    rows = [((row["WHENMODIFIED"] or row["WHENCREATED"]), row["RECORDNO"]) for row in company.rows(APBILL)]
    new = {key for when, key in rows if format_time(when) >= since.start}
    assert 0 < len(new) < len(rows)
    return {name for name, keys in (("all", {key for _, key in rows}), ("new", new)) if found == keys}


def test_a_copy_with_a_start_keeps_it_in_a_full_refresh_for_a_new_field() -> None:
    company, destination, since = begun_with_a_day()
    few = replace(APBILL, fields={name: kind for name, kind in APBILL.fields.items() if name != "TOTAL"})
    run(destination, company, [few], since)
    company.clock += timedelta(days=1)
    assert run(destination, company, [APBILL])["APBILL"].full
    assert held(destination, company, since) == {"new"}
    run(destination, company, [APBILL], replace(SMALL, full=True))
    assert held(destination, company, since) == {"all"}


@pytest.mark.parametrize("again", ["by name", "for a new zone"])
def test_deletes_are_known_in_a_full_refresh_of_a_copy_with_a_start(again: str) -> None:
    """Lines that were replaced without an audit entry are not in the trail, and such a copy is not counted."""
    company, destination, since = begun_with_a_day()
    run(destination, company, [APBILL, APBILLITEM], since)
    lines = company.tables["APBILLITEM"].rows
    gone = destination.rows(APBILLITEM)[:3]
    company.tables["APBILLITEM"].rows = [
        row for row in lines if row["RECORDNO"] not in {one["RECORDNO"] for one in gone}
    ]
    company.clock += timedelta(hours=1)
    company.offset_minutes = -60 if again == "for a new zone" else 0
    done = run(destination, company, [APBILL, APBILLITEM], replace(since, full=again == "by name"))
    assert (done["APBILLITEM"].full, done["APBILLITEM"].deleted) == (True, 3)
    here = {row["RECORDNO"] for row in company.rows(APBILLITEM)}
    assert {row["RECORDNO"] for row in destination.rows(APBILLITEM)} < here


@given(
    seed=SEEDS,
    runs=st.lists(st.tuples(st.integers(0, 60), st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=4),
    audit=st.booleans(),
    sizes=st.tuples(st.integers(0, 150), st.integers(0, 40)),
)
@MANY
def test_a_copy_with_a_start_while_people_edit(
    seed: int, runs: list[tuple[int, bool, bool, bool]], audit: bool, sizes: tuple[int, int]
) -> None:
    """The copy has everything that changed since the start and no deleted or outdated row, however runs end or begin
    again.
    """
    company, destination = Company(seed, audit_is_readable=audit, **LATE).fill(sizes[0]), MemoryDestination()
    company.clock += timedelta(days=3)
    begun, always = company.clock, replace(SMALL, compare_every=0)
    since = replace(always, start=format_time(begun))
    company.fill(sizes[1])
    for kill, named, whole, moves in runs:
        last, company.editing = company.calls + kill, True

        def stop(number: int, last: int = last, kill: int = kill) -> None:
            if kill and number >= last:
                raise KilledError

        company.after_call = stop
        options = since if named or not destination.stored else always
        with suppress(KilledError):
            run(
                destination,
                company,
                options=replace(options, full_every_by_stream={"APBILL": 0, "GLDETAIL": 0} if whole else {}),
            )
        company.editing = False
        if moves:
            company.offset_minutes, company.told_at = 60 - company.offset_minutes, company.clock
    company.after_call = lambda number: None
    company.clock += company.lateness
    run(destination, company, options=since)
    for stream in STREAMS:
        held = {row["RECORDNO"]: row for row in destination.rows(stream)}
        there = {row["RECORDNO"]: row for row in company.rows(stream)}
        assert held == {key: there.get(key) for key in held}, stream.name
        new = [key for key, row in there.items() if (row.get("WHENMODIFIED") or row.get("WHENCREATED", begun)) >= begun]
        assert set(new) <= set(held), stream.name


@pytest.mark.parametrize("full", [False, True])
def test_a_killed_first_run_with_a_start_keeps_it_unless_everything_is_asked_for(full: bool) -> None:
    company, destination, since = begun_with_a_day(replace(SMALL, page_size=2))
    destination.commit_rows, before = 2, company.calls

    def killed(number: int) -> None:
        if number == before + 4:
            raise KilledError

    company.after_call = killed
    with suppress(KilledError):
        run(destination, company, [APBILL], since)
    company.after_call = lambda number: None
    assert destination.loading["APBILL"]
    run(destination, company, [APBILL], replace(SMALL, full=full))
    assert held(destination, company, since) == ({"all"} if full else {"new"})


def test_a_lost_table_is_reloaded_once() -> None:
    """Its new bookmark has the definition; otherwise the next run would take it for another one's."""
    company, destination = Company(4).fill(60), MemoryDestination()
    invoices = replace(VENDOR, where=Compare("VENDORID", Op.ISNOTNULL), doc_par_id="Sales Invoice")
    run(destination, company, [invoices])
    del destination.tables["VENDOR"]
    whole = []
    for _ in range(2):
        company.clock += timedelta(days=1)
        whole.append(run(destination, company, [invoices])["VENDOR"].full)
    assert whole == [True, False]
    check(destination, company, [VENDOR])


@pytest.mark.parametrize("after", [False, True])
@given(seed=SEEDS, size=st.integers(0, 200), cuts=st.lists(st.integers(1, 60), min_size=1, max_size=3))
@MANY
def test_kills_at_any_commit(after: bool, seed: int, size: int, cuts: list[int]) -> None:
    company = Company(seed, concurrency=2, **LATE).fill(size)
    destination = CutDestination(0, after=after)
    for cut in cuts:
        destination.left, company.editing = cut, True
        with suppress(KilledError):
            run(destination, company)
    destination.left, company.editing = 0, False
    company.clock += company.lateness
    run(destination, company)
    check(destination, company)


@pytest.mark.parametrize("cut", range(1, 5))
@pytest.mark.parametrize("seconds", [1, 2, 3])
def test_no_commit_says_that_more_was_read_than_it_holds(
    cut: int, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that have waited for long are committed, and never the bookmark of a page before the rows of that page."""
    monkeypatch.setattr(stream_run, "monotonic", count(0, 1).__next__)  # a second passes with each look at the clock
    company = Company(6)
    for number in range(40):
        company.add("VENDOR", VENDORID=f"V{number}", NAME="x")
    company.clock += timedelta(days=30)  # no row is read a second time as a recent change
    destination = CutDestination(cut, after=True)
    destination.commit_rows, destination.commit_seconds = 1000, seconds
    with suppress(KilledError):
        run(destination, company, [VENDOR])
    destination.left = 0
    run(destination, company, [VENDOR])
    check(destination, company, [VENDOR])


def test_deletes_are_asked_for_from_the_earliest_time_also_across_a_new_year() -> None:
    """Two streams that were read at different times: the deletes of both are wanted, December's among them."""
    company, destination = Company(3), MemoryDestination()
    company.clock = datetime(2025, 12, 20, 9, tzinfo=UTC)
    for number in range(4):
        company.add("VENDOR", VENDORID=f"V{number}", NAME="x")
        company.add("APBILL", TOTAL=number)
    for _ in range(2):
        run(destination, company, [VENDOR, APBILL])
        company.clock += timedelta(hours=3)
    company.clock = datetime(2025, 12, 25, 9, tzinfo=UTC)
    gone = company.tables["VENDOR"].rows[1]
    company.drop("VENDOR", gone, gone["VENDORID"])
    company.clock = datetime(2026, 1, 10, 9, tzinfo=UTC)
    run(destination, company, [APBILL])
    company.clock = datetime(2026, 1, 12, 9, tzinfo=UTC)
    run(destination, company, [VENDOR, APBILL])
    check(destination, company, [VENDOR, APBILL])


def test_a_deleted_record_is_found_by_every_meaning_of_its_audit_key() -> None:
    """An id of digits may be a record number or a name; both records are looked up, and only the deleted one goes."""
    departments = replace(
        VENDOR,
        name="DEPARTMENT",
        object="DEPARTMENT",
        fields={"DEPARTMENTID" if name == "VENDORID" else name: kind for name, kind in VENDOR.fields.items()},
        natural_key="DEPARTMENTID",
    )
    company, destination = Company(3), MemoryDestination()
    company.tables["DEPARTMENT"] = Table(departments, [])
    for name in ("A", "B", "900017"):
        company.add("DEPARTMENT", DEPARTMENTID=name, NAME="x")
    first, second, third = company.tables["DEPARTMENT"].rows
    second["DEPARTMENTID"] = str(first["RECORDNO"])
    for _ in range(2):
        run(destination, company, [departments])
        company.clock += timedelta(hours=3)
    for gone in (second, third):
        company.drop("DEPARTMENT", gone, gone["DEPARTMENTID"])
    company.clock += timedelta(minutes=5)
    run(destination, company, [departments])
    check(destination, company, [departments])
    assert [row["DEPARTMENTID"] for row in destination.rows(departments)] == ["A"]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["duckdb", "parquet"])
@pytest.mark.parametrize("after", [False, True])
def test_kills_at_every_commit_of_a_file(tmp_path: Path, scheme: str, after: bool, monkeypatch: Any) -> None:
    """At the commit of the file itself: DuckDB's COMMIT, or the renaming of the manifest."""
    target: Any = SqlDuckDB if scheme == "duckdb" else CopyFolder
    name = "end" if scheme == "duckdb" else "publish"
    original = getattr(target, name)
    left = [0]

    def cut(self: Any, *args: Any, **kwargs: Any) -> Any:
        counted = kwargs.get("keep", True)
        left[0] -= counted
        if counted and left[0] == 0 and not after:
            if scheme == "duckdb":
                original(self, keep=False)  # as the database does when its process is killed
            raise KilledError
        done = original(self, *args, **kwargs)
        if counted and left[0] == 0:
            raise KilledError
        return done

    monkeypatch.setattr(target, name, cut)
    company = Company(3, concurrency=2, **LATE).fill(100)
    copy = Copy(tmp_path / "copy", scheme)
    company.editing = True
    for at in (2, 9, 14, 23, 31, 40):
        left[0] = at
        with suppress(KilledError):
            copy.run(company)
    left[0], company.editing = 0, False
    company.clock += company.lateness
    copy.run(company)
    check(copy, company)


def offset_and_timestamp(copy: dict[str, dict[Any, Row]], company: Company, since: dict[str, str]) -> None:
    """The usual tap: pages by offset, changes since the latest time that it read, and no deletes."""
    for stream in (VENDOR, APBILL, APBILLITEM):
        rows = copy.setdefault(stream.object, {})
        last = since.get(stream.object)
        where = Compare("WHENMODIFIED", Op.GREATERTHANOREQUALTO, (last,)) if last else None
        offset, seen = 0, []
        while True:
            asked = Query(stream.object, tuple(stream.fields), where, (Order("RECORDNO"),), page_size=offset + 5)
            answer = company.page(asked)  # the table has no offset: earlier rows are discarded
            page = answer.rows.to_pylist()[offset:]
            for row in page:
                rows[row["RECORDNO"]] = row
                seen += [row["WHENMODIFIED"]] if row["WHENMODIFIED"] else []
            offset += len(page)
            if not answer.remaining:
                break
        since[stream.object] = format_time(max(seen, default=company.clock))


def test_paging_by_offset_and_time_loses_rows_under_the_same_edits() -> None:
    """Proof that the edits that the walk survives make a difference to the usual tap."""
    wrong = 0
    for seed in range(12):
        company = Company(seed, **LATE).fill(120)
        copy: dict[str, dict[Any, Row]] = {}
        since: dict[str, str] = {}
        for _ in range(3):
            company.editing = True
            offset_and_timestamp(copy, company, since)
            company.editing = False
            company.clock += timedelta(minutes=company.random.choice([1, 30, 600]))
        company.clock += company.lateness
        offset_and_timestamp(copy, company, since)
        for stream in (VENDOR, APBILL, APBILLITEM):
            truth = {row["RECORDNO"]: row for row in company.rows(stream)}
            wrong += any(copy[stream.object].get(key) != row for key, row in truth.items())
    assert wrong > 12


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["duckdb", "parquet", "csv", "jsonl"])
def test_edits_between_any_two_calls_into_every_destination(tmp_path: Path, scheme: str) -> None:
    edited_runs(Copy(tmp_path / "copy", scheme), Company(1, concurrency=2, **LATE).fill(120))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["duckdb", "parquet", "csv", "jsonl"])
def test_kills_between_any_two_calls_into_every_destination(tmp_path: Path, scheme: str) -> None:
    killed_runs(Copy(tmp_path / "copy", scheme), Company(2, concurrency=2, **LATE).fill(120), [5, 17, 11, 30])


@given(seed=SEEDS, size=st.integers(0, 300))
@MANY
def test_a_full_refresh_corrects_any_error_in_the_copy(seed: int, size: int) -> None:
    company = Company(seed, concurrency=2).fill(size)
    destination = MemoryDestination()
    run(destination, company)
    for rows in destination.tables.values():
        company.random.shuffle(rows)
        del rows[: len(rows) // 3]  # lost rows
        for row in rows[::4]:
            row["WHENCREATED"] = None  # altered rows
        rows.extend(
            dict(row, RECORDNO=f"{row['RECORDNO']}9", BATCHKEY=10**6)
            if "BATCHKEY" in row
            else dict(row, RECORDNO=10**6 + index)
            for index, row in enumerate(rows[:3])
            if "V" not in row
        )
    company.editing = True
    run(destination, company, options=replace(SMALL, full=True))
    company.editing = False
    company.clock += timedelta(hours=2)
    run(destination, company)
    check(destination, company)


def test_a_view_of_many_rows_is_read_by_windows_of_days(copy: Copy) -> None:
    company = Company(5).fill(600)
    by_windows = replace(SMALL, window_rows=15)
    copy.run(company, [GLDETAIL], by_windows)
    check(copy, company, [GLDETAIL])
    windows = {
        node.values
        for query in company.tables["GLDETAIL"].queries
        for node in comparisons(query.where)
        if node.field == "BATCH_DATE"
    }
    assert len(windows) >= 4


@given(seed=SEEDS, kills=KILLS, size=st.integers(50, 300))
@MANY
def test_kills_while_a_view_is_read_by_windows(seed: int, kills: list[int], size: int) -> None:
    company = Company(seed, concurrency=2, **LATE).fill(size)
    destination = MemoryDestination()
    company.editing = True
    for kill in kills:
        last = company.calls + kill
        company.after_call = lambda number, last=last: kill_at(number, last)  # type: ignore[misc]
        with suppress(KilledError):
            run(destination, company, [GLDETAIL], replace(SMALL, window_rows=30))
    company.after_call = lambda number: None
    company.editing = False
    company.clock += company.lateness
    run(destination, company, [GLDETAIL], replace(SMALL, window_rows=30))
    check(destination, company, [GLDETAIL])


def kill_at(number: int, last: int) -> None:
    if number >= last:
        raise KilledError


def test_a_failed_stream_costs_no_other_its_progress_and_continues_next_time(copy: Copy) -> None:
    company = Company(6, concurrency=2).fill(200)
    company.clock += timedelta(days=1)
    page = company.page

    def failing(query: Any) -> Any:
        if query.object == "APBILL" and company.by_object.get("APBILL", 0) >= 2:
            raise TransientError("the gateway is off-line", fix="try again later")
        return page(query)

    company.page = failing  # type: ignore[method-assign]
    outcomes = copy.run(company)
    assert (outcomes["APBILL"].complete, outcomes["APBILL"].error) == (False, "the gateway is off-line")
    assert copy.rows(APBILL) == []
    check(copy, company, [one for one in STREAMS if one is not APBILL])
    company.page = page  # type: ignore[method-assign]
    again = copy.run(company)["APBILL"]
    assert again.complete
    assert again.rows == len(company.rows(APBILL)) - outcomes["APBILL"].rows
    check(copy, company)


def test_leaving_a_run_early_keeps_what_was_committed(copy: Copy) -> None:
    company = Company(7).fill(300)
    company.clock += timedelta(days=1)
    destination = open_destination(str(copy.path))
    extraction = Extraction(company, destination, [APBILL, VENDOR], options=SMALL)
    for progress in extraction:
        if progress.rows >= 10:
            break
    destination.close()
    first = {one.name: one for one in extraction.outcomes}
    assert not first["APBILL"].complete
    second = copy.run(company, [APBILL, VENDOR])
    assert first["APBILL"].rows + second["APBILL"].rows == len(company.rows(APBILL))
    check(copy, company, [APBILL, VENDOR])


def test_unqueryable_fields_are_left_out_and_remembered(copy: Copy) -> None:
    company = Company(8).fill(60)
    page = company.page

    def choosy(query: Any) -> Any:
        if "NAME" in query.select:
            text = "The following fields cannot be queried in this company : [VENDOR: [NAME,\n\tAGENCY] ]"
            raise InvalidRequestError(text, by_gateway=True, faults=(Fault("XL03000006", description2=text),))
        return page(query)

    company.page = choosy  # type: ignore[method-assign]
    outcome = copy.run(company, [VENDOR])["VENDOR"]
    assert (outcome.unqueryable, outcome.error) == (("NAME",), "")
    assert {row["NAME"] for row in copy.rows(VENDOR)} == {None}
    again = copy.run(company, [VENDOR])["VENDOR"]
    assert again.unqueryable == ("NAME",)
    assert again.transactions == again.pages


def test_a_full_run_tries_an_unqueryable_field_again(copy: Copy) -> None:
    company = Company(8).fill(60)
    page = company.page
    refuse(company, "NAME", named=True)
    assert copy.run(company, [VENDOR])["VENDOR"].unqueryable == ("NAME",)
    company.page = page  # type: ignore[method-assign]
    assert copy.run(company, [VENDOR])["VENDOR"].unqueryable == ("NAME",)
    assert copy.run(company, [VENDOR], replace(SMALL, full=True))["VENDOR"].unqueryable == ()
    assert copy.run(company, [VENDOR])["VENDOR"].unqueryable == ()
    check(copy, company, [VENDOR])


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("time", ["WHENCREATED", "WHENMODIFIED"])
def test_an_unqueryable_time_makes_the_filter_keep_more_rows(copy: Copy, time: str, *, named: bool) -> None:
    company = Company(12).fill(60)
    streams = [APBILL, APBILLITEM, GLBATCH, GLDETAIL]
    refuse(company, time, named=named)
    first = copy.run(company, streams)
    assert {one.error for one in first.values()} == {""}
    assert first["APBILL"].unqueryable == (time,)
    company.clock += timedelta(days=1)
    company.fill(20)
    company.clock += timedelta(days=1)
    before = company.calls
    second = copy.run(company, streams)
    assert {one.error for one in second.values()} == {""}
    assert company.calls - before < 200
    for stream in streams:
        found = sorted(copy.rows(stream), key=lambda row: (str(row["RECORDNO"]).zfill(9), str(row)))
        assert found == [row | {time: None} for row in company.rows(stream)], stream.name


def test_a_refused_filter_is_an_error_and_leaves_out_no_fields() -> None:
    company = Company(13).fill(10)
    refuse(company, "NAME", named=False)
    reader = PageReader(company, VENDOR)
    asked = Partition(VENDOR, "RECORDNO", (Compare("NAME", Op.EQUALTO, ("x",)),), select=("RECORDNO", "VENDORID"))
    with pytest.raises(InvalidRequestError):
        reader.read(asked.query(KeySpan()))
    assert reader.unqueryable == ()
    assert company.calls == 0


def refuse(company: Company, field: str, *, named: bool) -> None:
    """Refuse every query that has a field, and do not loop forever."""
    page, patience = company.page, iter(range(200))

    def choosy(query: Query) -> PartitionPage:
        if field in (*query.select, *(one.field for one in comparisons(query.where))):
            assert next(patience, None) is not None, "asked again and again"
            what = f"[{query.object}: [{field}] ]" if named else "and that is all we say"
            text = f"The following fields cannot be queried in this company : {what}"
            raise InvalidRequestError(text, by_gateway=True, faults=(Fault("XL03000006", description2=text),))
        return page(query)

    company.page = choosy  # type: ignore[method-assign]


@given(bad=st.sets(st.sampled_from([f"F{index}" for index in range(12)]), max_size=4))
@settings(deadline=None)
def test_unqueryable_fields_that_the_refusal_does_not_name_are_found_by_halves(bad: set[str]) -> None:
    fields = {"RECORDNO": Kind.INTEGER} | {f"F{index}": Kind.TEXT for index in range(12)}
    stream = Stream("T", "T", fields, "RECORDNO")

    class Choosy(Company):
        def page(self, query: Query) -> PartitionPage:
            if bad.intersection(map(str, query.select)):
                text = "some fields of the query are not valid"
                raise InvalidRequestError(text, by_gateway=True, faults=(Fault(description2=text),))
            return Table(stream, [{"RECORDNO": 1}]).ask(query)

    reader = PageReader(Choosy(), stream)
    answer = reader.read(Partition(stream, "RECORDNO").query(KeySpan()))
    assert set(reader.unqueryable) == bad
    assert set(answer.rows.schema.names) == set(fields) - bad


def test_a_dropped_table_is_reloaded_from_the_start(copy: Copy) -> None:
    company = Company(9).fill(60)
    copy.run(company)
    with duckdb.connect(str(copy.path)) as con:
        con.execute('DROP TABLE "APBILL"')
    assert copy.run(company)["APBILL"].full
    check(copy, company)


def test_an_estimate_says_what_a_run_will_read_and_costs_a_call_a_stream(copy: Copy) -> None:
    company = Company(11).fill(200)
    told = {one.name: one for one in estimated(company, STREAMS, {}, SMALL)}
    assert company.calls == len(STREAMS)
    company.clock += timedelta(days=1)
    before = company.calls
    done = copy.run(company)
    assert {name: one.rows for name, one in told.items()} == {one.name: done[one.name].rows for one in STREAMS}
    assert sum(one.transactions for one in told.values()) <= company.calls - before
    assert all(one.full for one in told.values())
    company.clock += timedelta(days=1)
    company.fill(10)
    held = copy_states(f"duckdb:{copy.path}")
    assert {name: sorted(one.columns) for name, one in held.items()} == {
        one.name: sorted(one.fields) for one in STREAMS
    }
    bookmarks = {name: one.bookmark for name, one in held.items()}
    again = {one.name: one for one in estimated(company, STREAMS, bookmarks, SMALL)}
    assert not again["APBILL"].full
    assert 0 < again["APBILL"].rows < told["APBILL"].rows
    assert copy_states(f"duckdb:{copy.path}.none") == copy_states(f"parquet:{copy.path}.none") == {}


@pytest.mark.parametrize(
    "options",
    [
        SMALL,
        replace(SMALL, full=True),
        replace(SMALL, full_every=86_400),
        replace(SMALL, full_every=86_400, full_every_by_stream={"VENDOR": 0, "APBILL": 3 * 86_400}),
    ],
    ids=["incremental", "full", "not due", "due"],
)
@pytest.mark.parametrize("kill", [0, 9])
def test_an_estimate_and_a_run_decide_alike(copy: Copy, options: ExtractOptions, kill: int) -> None:
    """After a complete run, and after one that was killed during its first walk."""
    company = Company(12).fill(120)

    def stop(number: int) -> None:
        if number == kill:
            raise KilledError

    company.after_call = stop
    with suppress(KilledError):
        copy.run(company)
    company.after_call = lambda number: None
    company.clock += timedelta(hours=20)
    states = copy_states(f"duckdb:{copy.path}")
    bookmarks = {name: one.bookmark for name, one in states.items()}
    estimates = {one.name: one for one in estimated(company, STREAMS, bookmarks, options)}
    done = copy.run(company, options=options)
    for stream in STREAMS:
        estimate, outcome = estimates[stream.name], done[stream.name]
        skipped = estimate.transactions == 0
        assert skipped == (outcome.pages == 0), stream.name
        assert skipped or estimate.full == outcome.full, stream.name


@pytest.mark.parametrize("audit_is_readable", [True, False])
@pytest.mark.parametrize("error", [TransientError("no answer in time"), NotPermittedError("you may not read this")])
def test_deletes_that_cannot_be_followed_in_one_stream_cost_no_other_its_deletes(
    copy: Copy, audit_is_readable: bool, error: IntacctError
) -> None:
    """The gateway may never answer a question about a large view in time."""
    company = Company(3, audit_is_readable=audit_is_readable).fill(80)
    options = replace(SMALL, compare_every=0)
    copy.run(company, options=options)
    company.clock += timedelta(days=1)
    company.bills()
    vendor, entry = company.tables["VENDOR"].rows[1], company.tables["GLBATCH"].rows[1]
    company.drop("VENDOR", vendor, vendor["VENDORID"])
    company.drop("GLBATCH", entry, str(entry["RECORDNO"]))
    company.tables["GLDETAIL"].rows = [
        row for row in company.tables["GLDETAIL"].rows if row["BATCHKEY"] != entry["RECORDNO"]
    ]
    page, is_slow = company.page, True

    def answer(query: Query) -> PartitionPage:
        if is_slow and query.object == "GLDETAIL" and company.by_object.get("AUDITHISTORY"):
            raise error
        return page(query)

    company.page = answer  # type: ignore[method-assign]
    company.clock += timedelta(hours=1)
    done = copy.run(company, options=options)
    check(copy, company, [one for one in STREAMS if one is not GLDETAIL])
    assert (done[DELETES].complete, done[DELETES].error) == (False, f"GLDETAIL: {error.message}")
    is_slow = False
    company.clock += timedelta(hours=3)
    assert copy.run(company, options=options)[DELETES].error == ""
    check(copy, company)


def test_a_view_that_is_not_counted_in_time_is_counted_by_windows_of_days(copy: Copy) -> None:
    company = Company(5).fill(300)
    streams = [GLBATCH, GLDETAIL]
    copy.run(company, streams)
    company.clock += timedelta(days=1)
    company.journals()  # so that records are counted
    taken_back = {
        company.tables["GLBATCH"].rows[number]["RECORDNO"] for number in (2, 9)
    }  # no entry in the audit trail
    for table, by in (("GLBATCH", "RECORDNO"), ("GLDETAIL", "BATCHKEY")):
        company.tables[table].rows = [row for row in company.tables[table].rows if row[by] not in taken_back]
    page, slow = company.page, 0

    def answer(query: Query) -> PartitionPage:
        nonlocal slow
        fields = {one.field for one in comparisons(query.where)}
        if query.object == "GLDETAIL" and query.page_size == 1 and "BATCH_DATE" not in fields:
            slow += 1
            raise TransientError("no answer in time")
        return page(query)

    company.page = answer  # type: ignore[method-assign]
    company.clock += timedelta(hours=1)
    assert copy.run(company, streams)[DELETES].error == ""
    check(copy, company, streams)
    assert slow == 1  # further counts go by windows at once
