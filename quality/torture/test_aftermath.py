"""Short rounds of loads whose records change between runs; `make torture` has the long ones."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.torture.records import CREATES
from support.torture.tally import Tally
from support.torture.world import MEMORIES, PAGES, folder
from torture.aftermath import EVENTS, Aftermath, after, naive_after
from torture.torture import Round

pytestmark = pytest.mark.slow


@pytest.fixture
def outboxes() -> Iterator[Path]:
    with folder() as path:
        yield path


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_page_of_any_status_instead_of_the_answer_leaves_no_record_twice_or_lost(outboxes: Path, when: str) -> None:
    happened: Counter[str] = Counter()
    failures: list[str] = []
    pages = [(number, page) for number, page in enumerate(PAGES) if page[1] == when]
    for at, (number, page) in enumerate(pages):
        one = Round(number, outboxes, CREATES[at % len(CREATES)], MEMORIES[at % len(MEMORIES)])
        try:
            one.world.faulty, one.world.next_page, one.world.script = False, number, "page"
            one.run(None)
            one.check_repeats("after the page")
            one.world.forward(16)
            one.run_without_faults()
            one.check()
            failures += [f"{page}: {one.name()}: {text}" for text in one.faults]
            happened += one.world.happened
        finally:
            one.world.close()
    assert failures == []
    assert {name: happened[name] for name in happened if name.startswith("page ")} == {
        f"page {status} {when}": 1 for _, (status, _) in pages
    }


@pytest.mark.parametrize("event", EVENTS)
def test_events_between_two_loads_leave_no_record_twice_lost_or_falsely_reported(outboxes: Path, event: str) -> None:
    tally = Tally()
    for seed in (1, 2):
        after(seed, outboxes, tally, event)
    assert tally.failures == []
    assert tally.counts[event] > 0


@pytest.mark.parametrize("name", ["order", "invoice", "journal with a reference"])
def test_an_undo_is_finished_by_another_one_and_the_input_is_posted_anew(outboxes: Path, name: str) -> None:
    """An undo was refused while its own delete was in doubt, and a record taken back counted as a duplicate."""
    kind = next(kind for kind in CREATES if kind.name == name)
    one = Aftermath(1, outboxes, "undone", kind)
    try:
        one.world.faulty = False
        one.run(None)
        assert one.times_done() == dict.fromkeys(one.tokens, 1)
        one.world.forward(20)
        one.begin_undo()
        one.run(("answered", 1))
        assert one.world.happened["kills"] == 1
        one.world.forward(20)
        one.run(None)
        assert one.times_done() == dict.fromkeys(one.tokens, 0)
        one.end_undo()
        one.run(None)
        assert one.times_done() == dict.fromkeys(one.tokens, 1)
        assert one.faults == []
    finally:
        one.world.close()


def test_a_record_posted_anew_under_the_name_of_a_deleted_one_is_found_if_its_answer_is_lost(outboxes: Path) -> None:
    """The receipt of the deleted order claimed the name, so the new order was not found, sent again and rejected."""
    one = Aftermath(1, outboxes, "undone", next(kind for kind in CREATES if kind.name == "order"))
    try:
        one.world.faulty = False
        one.run(None)
        one.world.forward(20)
        one.begin_undo()
        one.run(None)
        assert one.times_done() == dict.fromkeys(one.tokens, 0)
        one.end_undo()
        one.world.script = "cut after"
        one.run_without_faults()
        one.check()
        assert one.world.happened["cut after"] == 1
        assert one.times_done() == dict.fromkeys(one.tokens, 1)
        assert one.faults == []
    finally:
        one.world.close()


def test_a_loader_that_resends_on_errors_writes_twice_and_reports_deleted_records_as_posted(
    outboxes: Path,
) -> None:
    tally = Tally()
    for seed in (9, 10, 11):
        naive_after(seed, outboxes, tally)
    assert tally.counts["written too often"] > 0
    assert tally.counts["reported as posted, not there"] > 0
