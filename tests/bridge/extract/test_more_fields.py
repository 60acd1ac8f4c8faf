"""A copy gets more fields: a field that is selected later is filled for every row, whichever runs are killed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from intacct_bridge.copies.destinations.open import copy_states, open_destination
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.pipeline import Prepared
from intacct_bridge.extract.run import Extraction
from intacct_bridge.streams.partition import PartitionPage
from intacct_bridge.streams.stream import Stream
from intacct_bridge.streams.times import format_time
from intacct_protocol.errors import Fault, InvalidRequestError
from intacct_protocol.model.query.query import Query
from support.extract.company import VENDOR, Company
from support.extract.runs import SMALL, Copy, KilledError, check

NARROW = replace(VENDOR, fields={name: kind for name, kind in VENDOR.fields.items() if name != "NAME"})


@pytest.fixture(params=["duckdb", "parquet", "csv", "jsonl"])
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Copy]:
    yield Copy(tmp_path / "copy", request.param)


def filled() -> Company:
    company = Company(4)
    more(company, 40)
    return company


def more(company: Company, times: int) -> None:
    """Some days later there are new vendors, and others are changed or deleted."""
    for number in range(times):
        company.add("VENDOR", VENDORID=f"N{company.next_key}", NAME=f"made {number}")
    for _ in range(times):
        company.vendors()
    company.clock += timedelta(days=3)


def killed(copy: Copy, company: Company, stream: Stream, *, after: int, options: ExtractOptions = SMALL) -> None:
    """A run that ends at its n-th call."""
    last = company.calls + after

    def stop(number: int) -> None:
        if number >= last:
            raise KilledError

    company.after_call = stop
    with suppress(KilledError):
        copy.run(company, [stream], options)
    company.after_call = lambda number: None


def stopped(copy: Copy, company: Company, stream: Stream) -> None:
    """A run that is ended before it begins to read."""
    destination = open_destination(f"{copy.scheme}:{copy.path}")
    extraction = Extraction(company, destination, [stream], options=SMALL)
    extraction._stop.set()
    list(extraction)
    assert [one.complete for one in extraction.outcomes] == [False]
    destination.close()


def choosy(company: Company) -> Callable[[Query], PartitionPage]:
    """A gateway that does not let a field be queried."""
    page = company.page

    def answer(query: Query) -> PartitionPage:
        if "NAME" in query.select:
            text = "The following fields cannot be queried in this company : [VENDOR: [NAME] ]"
            raise InvalidRequestError(text, by_gateway=True, faults=(Fault("XL03000006", description2=text),))
        return page(query)

    return answer


def test_a_field_that_is_selected_later_is_filled_for_all_rows(copy: Copy) -> None:
    company = filled()
    copy.run(company, [NARROW])
    more(company, 20)
    done = copy.run(company, [VENDOR])["VENDOR"]
    check(copy, company, [VENDOR])
    assert (done.full, done.added) == (True, ("NAME",))
    company.clock += timedelta(days=3)
    assert not copy.run(company, [VENDOR])["VENDOR"].full


@pytest.mark.parametrize("after", [1, 2, 4])
def test_it_is_filled_although_runs_are_killed(copy: Copy, after: int) -> None:
    company = filled()
    killed(copy, company, NARROW, after=after)
    killed(copy, company, VENDOR, after=after)
    copy.run(company, [VENDOR])
    check(copy, company, [VENDOR])


@pytest.mark.parametrize("after", [1, 2, 4])
def test_a_complete_copy_gets_its_columns_from_runs_that_are_killed(copy: Copy, after: int) -> None:
    company = filled()
    copy.run(company, [NARROW])
    more(company, 30)
    killed(copy, company, NARROW, after=after)
    killed(copy, company, VENDOR, after=after)
    assert len(copy.rows(NARROW)) > 10
    copy.run(company, [VENDOR])
    check(copy, company, [VENDOR])


def test_a_new_custom_field_does_not_cause_a_full_refresh(copy: Copy) -> None:
    company = filled()
    copy.run(company, [NARROW])
    company.clock += timedelta(days=3)
    changed = company.tables["VENDOR"].rows[0]
    changed |= {"NAME": "filled in", "WHENMODIFIED": company.stamp()}
    done = copy.run(company, [replace(VENDOR, custom=("NAME",))])["VENDOR"]
    assert (done.full, done.added) == (False, ("NAME",))
    assert {row["NAME"] for row in copy.rows(VENDOR) if row["RECORDNO"] == changed["RECORDNO"]} == {"filled in"}


KEPT = 36 * 3600
"""Seconds for which definitions are kept between runs."""


def fill_in(company: Company, number: int) -> None:
    """Somebody fills in the new field of a vendor."""
    row = company.tables["VENDOR"].rows[number]
    row |= {"NAME": f"filled in {number}", "WHENMODIFIED": company.stamp()}


@pytest.mark.parametrize("at", ["between runs", "in a first run", "in a later run", "in a full refresh"])
def test_a_custom_field_that_kept_definitions_lack_is_filled_for_rows_that_changed_meanwhile(
    copy: Copy, at: str
) -> None:
    company = filled()
    company.definition_seconds = KEPT
    if at != "in a first run":
        copy.run(company, [NARROW])
    company.clock += timedelta(days=3)
    fill_in(company, 3)
    company.clock += timedelta(hours=3)
    if at == "between runs":
        copy.run(company, [NARROW])
    else:
        full = replace(SMALL, full=at == "in a full refresh")
        killed(copy, company, NARROW, after=4, options=full)
    company.clock += timedelta(hours=30)
    fill_in(company, 5)
    stream = replace(VENDOR, custom=("NAME",))
    copy.run(company, [stream])
    names = {row["RECORDNO"]: row["NAME"] for row in copy.rows(VENDOR)}
    rows = company.tables["VENDOR"].rows
    assert [names[rows[number]["RECORDNO"]] for number in (3, 5)] == ["filled in 3", "filled in 5"]
    company.clock += timedelta(hours=3)
    assert copy.run(company, [stream])["VENDOR"].rows == 1  # the last change, within the overlap


def test_an_estimate_knows_that_changes_are_read_again_for_a_custom_field(copy: Copy) -> None:
    company = filled()
    company.definition_seconds = KEPT
    copy.run(company, [NARROW])
    company.clock += timedelta(days=3)
    fill_in(company, 3)
    company.clock += timedelta(hours=3)
    copy.run(company, [NARROW])
    company.clock += timedelta(hours=3)
    prepared = Prepared(company, (replace(VENDOR, custom=("NAME",)),), {})
    (told,) = prepared.estimate(copy_states(f"{copy.scheme}:{copy.path}"), SMALL)
    assert (told.rows, told.full) == (1, False)


def test_a_copy_with_a_start_gets_no_older_records_for_a_new_custom_field(copy: Copy) -> None:
    company = filled()
    company.definition_seconds = KEPT
    fill_in(company, 3)
    company.clock += timedelta(hours=5)
    since = replace(SMALL, start=format_time(company.clock))
    fill_in(company, 5)
    company.clock += timedelta(hours=5)
    copy.run(company, [NARROW], since)
    company.clock += timedelta(hours=5)
    copy.run(company, [replace(VENDOR, custom=("NAME",))], since)
    assert [row["NAME"] for row in copy.rows(VENDOR)] == ["filled in 5"]


def test_a_new_custom_field_without_other_changes_leaves_the_copy_readable(copy: Copy) -> None:
    company = filled()
    copy.run(company, [NARROW])
    company.clock += timedelta(days=3)
    copy.run(company, [NARROW])
    company.clock += timedelta(days=3)
    done = copy.run(company, [replace(VENDOR, custom=("NAME",))])["VENDOR"]
    assert (done.rows, done.full) == (0, False)
    assert {row["NAME"] for row in copy.rows(VENDOR)} == {None}
    assert len(copy.rows(VENDOR)) == len(company.rows(VENDOR))


def test_a_field_that_was_not_selected_for_a_while_is_filled_again(copy: Copy) -> None:
    company = filled()
    copy.run(company, [VENDOR])
    more(company, 20)
    assert not copy.run(company, [NARROW])["VENDOR"].full
    check(copy, company, [NARROW])
    company.clock += timedelta(days=3)
    assert copy.run(company, [VENDOR])["VENDOR"].full
    check(copy, company, [VENDOR])
    company.clock += timedelta(days=3)
    assert not copy.run(company, [VENDOR])["VENDOR"].full


def test_an_unqueryable_field_does_not_cause_a_full_refresh(copy: Copy) -> None:
    """For a while it is known to be unqueryable and not among the fields; then it is described again."""
    company = filled()
    company.page = choosy(company)  # type: ignore[method-assign, assignment]
    assert copy.run(company, [VENDOR])["VENDOR"].unqueryable == ("NAME",)
    for stream in (NARROW, VENDOR, NARROW, VENDOR):
        company.clock += timedelta(days=3)
        assert not copy.run(company, [stream])["VENDOR"].full


def test_a_custom_field_that_was_not_selected_is_filled_again(copy: Copy) -> None:
    company, custom = filled(), replace(VENDOR, custom=("NAME",))
    copy.run(company, [custom])
    more(company, 20)
    copy.run(company, [NARROW])
    copy.run(company, [custom])
    check(copy, company, [custom])


def ends_whole(copy: Copy, company: Company, streams: tuple[Stream, ...], after: int) -> None:
    """Runs with these selections are killed, then others end: the copy has every field of every row."""
    for stream in streams:
        more(company, 10)
        killed(copy, company, stream, after=after)
    for _ in range(2):  # the first may have ended a walk that began days ago
        copy.run(company, [VENDOR])
    check(copy, company, [VENDOR])


@pytest.mark.slow
@pytest.mark.parametrize("copy", ["duckdb", "parquet"], indirect=True)
@pytest.mark.parametrize("after", [1, 2, 4])
@pytest.mark.parametrize("streams", [(NARROW, VENDOR, NARROW), (VENDOR, NARROW, NARROW)])
def test_a_field_that_killed_runs_leave_out_and_select_again_is_filled(
    copy: Copy, after: int, streams: tuple[Stream, ...]
) -> None:
    company = filled()
    killed(copy, company, VENDOR, after=after)
    ends_whole(copy, company, streams, after)


@pytest.mark.slow
@pytest.mark.parametrize("copy", ["duckdb", "parquet"], indirect=True)
@pytest.mark.parametrize("after", [1, 2, 4])
@pytest.mark.parametrize("streams", [(NARROW, VENDOR), (NARROW, VENDOR, NARROW)])
def test_a_complete_copy_is_filled_again_by_runs_that_are_killed(
    copy: Copy, after: int, streams: tuple[Stream, ...]
) -> None:
    company = filled()
    copy.run(company, [VENDOR])
    ends_whole(copy, company, streams, after)


def test_a_run_that_is_stopped_before_a_streams_turn_leaves_it_unchanged(copy: Copy) -> None:
    """The stream shows no rows that were never read, and a full refresh that is due stays due."""
    company = filled()
    stopped(copy, company, VENDOR)
    assert copy.rows(VENDOR) == []
    copy.run(company, [NARROW])
    more(company, 5)
    stopped(copy, company, VENDOR)
    copy.run(company, [VENDOR])
    check(copy, company, [VENDOR])
