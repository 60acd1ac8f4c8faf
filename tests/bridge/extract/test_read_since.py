"""A first read of a view from a time on: whole journal entries, few queries."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.extract.estimate import estimated
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.run import Extraction
from intacct_bridge.streams.partition import PartitionPage, changed_since, unchanged_since
from intacct_bridge.streams.times import format_time
from intacct_protocol.errors import Fault, InvalidRequestError
from intacct_protocol.model.query.query import Order, Query, comparisons
from support.copies.memory import MemoryDestination
from support.extract.company import BEGAN, GLBATCH, GLDETAIL, Company
from support.extract.table import Row

PAGE = 100
START = BEGAN + timedelta(days=10)
OLD, NEW = START - timedelta(days=5), START + timedelta(days=1)
SINCE = ExtractOptions(page_size=PAGE, start=format_time(START))


def ledger(entries: int, *, old: set[int], mixed: set[int] | None = None, lines: int = 4) -> Company:
    """A company with journal entries of some lines: old ones, and others of which only the last line is new."""
    company = Company(1)
    for key in range(1, entries + 1):
        day = (BEGAN + timedelta(days=key % 90)).date()
        stamps = {"WHENCREATED": OLD, "WHENMODIFIED": None}
        company.tables["GLBATCH"].rows.append({"RECORDNO": key, "BATCH_DATE": day} | stamps)
        for line in range(1, lines + 1):
            new = key not in old and (key not in (mixed or ()) or line == lines)
            changed: Row = {"WHENCREATED": OLD, "WHENMODIFIED": NEW if new else OLD}
            if line % 2:  # never changed since it was created
                changed = {"WHENCREATED": NEW if new else OLD, "WHENMODIFIED": None}
            cells = {"RECORDNO": f"{key}-{line}", "BATCHKEY": key, "BATCH_DATE": day, "AMOUNT": line}
            company.tables["GLDETAIL"].rows.append(cells | changed)
    company.clock = START + timedelta(days=2)
    return company


def read(company: Company, options: ExtractOptions = SINCE, **more: Any) -> tuple[set[str], int]:
    """The lines of the copy, and the queries that it took."""
    destination = MemoryDestination()
    extraction = Extraction(
        company, destination, [GLDETAIL], headers={"GLBATCH": GLBATCH}, options=replace(options, **more)
    )
    for _ in extraction:
        pass
    assert not any(one.error for one in extraction.outcomes)
    lines = [row["RECORDNO"] for row in destination.rows(GLDETAIL)]
    assert len(lines) == len(set(lines))
    return set(lines), sum(one.pages for one in extraction.outcomes if one.name == "GLDETAIL")


def of(entries: range | set[int], lines: int = 4) -> set[str]:
    return {f"{key}-{line}" for key in entries for line in range(1, lines + 1)}


def limit(rows: int) -> float:
    """The most queries for some rows, where their entries changed as a whole."""
    return 1.1 * -(-rows // PAGE) + 3


@pytest.mark.parametrize("window_rows", [200_000, 600], ids=["at once", "by windows"])
def test_a_view_that_changed_as_a_whole_costs_what_a_read_without_a_start_does(window_rows: int) -> None:
    everything, without = read(ledger(400, old=set()), replace(SINCE, start=""), window_rows=window_rows)
    found, pages = read(ledger(400, old=set()), window_rows=window_rows)
    assert found == everything == of(range(1, 401))
    assert pages == without + 1
    assert window_rows == 600 or pages <= limit(1600)  # each of three windows may end in a page that is not full


@pytest.mark.parametrize("old", [range(1, 201), range(201, 401), range(1, 20)], ids=["before", "after", "few"])
def test_entries_that_changed_as_a_whole_take_no_further_queries(old: range) -> None:
    company = ledger(400, old=set(old))
    new = set(range(1, 401)) - set(old)
    found, pages = read(company)
    assert found == of(new)
    between = -(-sum(one > min(new) for one in old) * 4 // PAGE)  # key-only pages of what lies among them
    assert pages <= limit(len(found)) + 1 + between


@pytest.mark.parametrize("many", [False, True])
def test_the_other_lines_of_a_changed_entry_are_read_too(many: bool) -> None:
    mixed = set(range(3, 400, 2 if many else 40))
    company = ledger(400, old=set(range(1, 3)), mixed=mixed)
    found, pages = read(company)
    assert found == of(range(3, 401))
    told = next(iter(estimated(company, [GLDETAIL], {}, SINCE)))
    assert told.rows == 398 * 4 - 3 * len(mixed)  # the changed lines
    assert told.transactions >= told.rows // PAGE
    assert pages <= 2 * limit(len(found))


def test_an_estimate_knows_the_queries_of_a_view_that_changed_as_a_whole() -> None:
    company = ledger(400, old=set())
    told = next(iter(estimated(company, [GLDETAIL], {}, SINCE)))
    _, pages = read(company)
    assert told.rows == 1600
    assert abs(told.transactions - pages) <= 1


def test_a_view_without_changes_takes_three_queries() -> None:
    assert read(ledger(50, old=set(range(1, 51)))) == (set(), 2)


def test_a_time_of_change_that_cannot_be_queried_takes_everything() -> None:
    class Refusing(Company):
        def page(self, query: Query) -> PartitionPage:
            if query.object == "GLDETAIL" and any(one.field == "WHENMODIFIED" for one in comparisons(query.where)):
                text = "The following fields cannot be queried in this company : [GLDETAIL: [WHENMODIFIED] ]"
                raise InvalidRequestError(text, by_gateway=True, faults=(Fault("XL03000006", description2=text),))
            return super().page(query)

    made = ledger(40, old=set(range(1, 21)))
    company = Refusing(1)
    company.tables, company.clock = made.tables, made.clock
    found, pages = read(company)
    assert found == of(range(1, 41))
    assert pages <= limit(160)


@given(
    st.lists(st.tuples(st.sampled_from([None, OLD, START, NEW]), st.sampled_from([None, OLD, START, NEW])), max_size=9)
)
def test_every_row_changed_since_a_time_or_did_not(stamps: list[tuple[Any, Any]]) -> None:
    company = Company(1)
    company.clock = NEW
    company.tables["GLBATCH"].rows = [
        {"RECORDNO": key, "BATCH_DATE": None, "WHENMODIFIED": modified, "WHENCREATED": created}
        for key, (modified, created) in enumerate(stamps, 1)
    ]
    for stream in (GLBATCH, replace(GLBATCH, created="")):
        found: list[Any] = []
        for kept in (changed_since, unchanged_since):
            query = Query("GLBATCH", ("RECORDNO",), where=kept(stream, format_time(START)), order=(Order("RECORDNO"),))
            found += company.page(query).rows.column("RECORDNO").to_pylist()
        assert sorted(found) == list(range(1, len(stamps) + 1))
