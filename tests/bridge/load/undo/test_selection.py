"""Which entries an undo is for: those of one run, or of one run of a file, and never those of two by mistake."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import pytest

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.undo.undo import entries_of_file, entries_of_run
from intacct_protocol.errors import InvalidRequestError


@dataclass(frozen=True)
class Sent:
    """What the choice looks at."""

    number: int
    loader: str
    position: str = "bills.csv:2"
    status: RecordStatus = RecordStatus.APPLIED
    last_sent_at: datetime = datetime(2026, 11, 30, 12, tzinfo=UTC)


def entries(*some: Sent) -> list[OutboxEntry]:
    return [cast("OutboxEntry", one) for one in some]


RUNS = entries(Sent(1, "abc1"), Sent(2, "abc2"), Sent(3, "abc2"), Sent(4, "def0", "other.csv:9"))


@pytest.mark.parametrize(("run", "numbers"), [("abc1", [1]), ("abc2", [2, 3]), ("d", [4])])
def test_a_run_is_named_by_the_beginning_of_its_id(run: str, numbers: list[int]) -> None:
    assert [one.number for one in entries_of_run(RUNS, run)] == numbers


@pytest.mark.parametrize(("run", "says"), [("abc", "more than one run"), ("", "more than one run"), ("x", "no run")])
def test_a_beginning_that_fits_two_runs_or_none_is_refused(run: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        entries_of_run(RUNS, run)


def test_a_file_that_two_runs_loaded_needs_the_name_of_the_run() -> None:
    with pytest.raises(
        InvalidRequestError, match=r"by 2 runs: abc1 \(2026-11-30 12:00 UTC, 1 record\), abc2 \(.*2 records"
    ) as refused:
        entries_of_file(RUNS, "bills.csv")
    assert refused.value.setting == "run"
    assert refused.value.fix == "name one of them with `run`, such as abc2 for the latest"
    assert [one.number for one in entries_of_file(RUNS, "other.csv")] == [4]
    with pytest.raises(InvalidRequestError, match="no records of a file"):
        entries_of_file(RUNS, "bills")


def test_a_run_whose_records_were_all_taken_back_does_not_count() -> None:
    some = entries(Sent(1, "abc1", status=RecordStatus.RELEASED), Sent(2, "abc2"), Sent(3, "abc2", "bills.csv:3"))
    assert [one.number for one in entries_of_file(some, "bills.csv")] == [2, 3]
    none = entries(Sent(1, "abc1", status=RecordStatus.RELEASED), Sent(2, "abc2", status=RecordStatus.REJECTED))
    assert [one.number for one in entries_of_file(none, "bills.csv")] == [1, 2]
