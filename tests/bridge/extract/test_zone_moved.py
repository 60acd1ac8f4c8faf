"""The API user's time zone changes, and a run notices it in the middle: no change is missed."""

import json
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from intacct_bridge.apps.singer.protocol.destination import SingerDestination
from intacct_bridge.operations.feeds import FeedState
from intacct_bridge.streams.stream import Stream
from support.copies.memory import MemoryDestination
from support.extract.company import BEGAN, STREAMS, VENDOR, Company, Zone
from support.extract.runs import check, run

WEST = -480


def moved() -> Company:
    """It reads times eight hours west of the known zone, so that a filter asks for too few rows."""
    west = Zone(WEST, WEST, BEGAN, BEGAN + timedelta(days=180))
    return Company(4, reads_user_time=True, zone=west)


def more(company: Company, times: int) -> None:
    for number in range(times):
        company.add("VENDOR", VENDORID=f"N{company.next_key}", NAME=f"made {number}")


@pytest.mark.parametrize("at", [1, 2, 3])
def test_changes_asked_for_in_the_old_zone_are_asked_for_again(at: int) -> None:
    company, destination = moved(), MemoryDestination()
    streams: list[Stream] = [VENDOR]
    more(company, 12)
    run(destination, company, streams)
    more(company, 6)  # within the hours by which the filter is wrong
    company.clock += timedelta(days=1)
    more(company, 20)
    last = company.calls + at

    def learned(number: int) -> None:
        if number == last:
            company.offset_minutes = WEST

    company.after_call = learned
    done = run(destination, company, streams)["VENDOR"]
    assert (done.complete, "time zone" in done.error) == (False, True)
    assert not run(destination, company, streams)["VENDOR"].error
    check(destination, company, streams)


@pytest.mark.parametrize("read_whole", ["long before", "meanwhile"])
def test_changes_asked_for_before_the_move_was_known_are_asked_for_again(read_whole: str) -> None:
    """Runs that noticed nothing asked for eight hours too few, and learned of deletes too late."""
    company, destination = moved(), MemoryDestination()
    more(company, 30)
    if read_whole == "long before":
        run(destination, company, STREAMS)
        company.clock += timedelta(days=1)
    company.told_at = company.clock
    for _ in range(5):
        more(company, 4)
        rows = company.tables["VENDOR"].rows
        rows[3] |= {"NAME": f"changed at {company.clock}", "WHENMODIFIED": company.clock}
        company.drop("VENDOR", rows[5], rows[5]["VENDORID"])
        assert not run(destination, company, STREAMS)["VENDOR"].error
        company.clock += timedelta(hours=4)
    company.offset_minutes, company.told_at = WEST, company.clock
    done = run(destination, company, STREAMS)["VENDOR"]
    assert (done.error, done.full) == ("", read_whole == "meanwhile")
    check(destination, company, STREAMS)
    company.clock += timedelta(days=1)
    run(destination, company, STREAMS)
    before = company.calls
    assert not run(destination, company, [VENDOR])["VENDOR"].full
    assert company.calls - before == 2


def test_the_next_run_reads_streams_again_that_ended_before_the_move_was_seen() -> None:
    company, destination = moved(), MemoryDestination()
    company.fill(80)
    for _ in range(2):
        run(destination, company, STREAMS)
        company.clock += timedelta(days=1)
    company.told_at = company.clock
    run(destination, company, STREAMS)
    company.fill(60)
    company.clock += timedelta(hours=6)

    def learned(number: int) -> None:
        if number == last:
            company.offset_minutes, company.told_at = WEST, company.clock

    last = company.calls + 5
    company.after_call = learned
    done = run(destination, company, STREAMS)
    assert {one.complete for one in done.values()} == {True, False}
    company.clock += timedelta(days=1)
    run(destination, company, STREAMS)
    check(destination, company, STREAMS)


def test_a_tap_that_reads_everything_again_replaces_what_was_deleted() -> None:
    """The full refresh is a new version of the stream's records."""
    company, state = moved(), FeedState()
    more(company, 12)

    def messages() -> list[dict[str, Any]]:
        out = BytesIO()
        run(SingerDestination(out, state=state), company, [VENDOR])
        return [json.loads(line) for line in out.getvalue().splitlines()]

    def versions(sent: list[dict[str, Any]]) -> set[int]:
        return {one["version"] for one in sent if one["type"] in ("RECORD", "ACTIVATE_VERSION")}

    first = versions(messages())
    company.clock += timedelta(hours=4)
    company.offset_minutes = WEST
    again = messages()
    assert len([one for one in again if one["type"] == "RECORD"]) == 12
    assert [one for one in again if one["type"] == "ACTIVATE_VERSION"]
    assert max(first) < min(versions(again))


def test_two_users_who_take_turns_cause_no_full_refresh() -> None:
    """Each user has a zone of their own, which says nothing about the other's answers."""
    company, destination = Company(4), MemoryDestination()
    users = [("one", 0), ("other", WEST)]
    whole = []
    for number in range(5):
        company.user, company.offset_minutes = users[number % 2]
        company.clock += timedelta(hours=2)
        more(company, 3)
        whole.append(run(destination, company, [VENDOR])["VENDOR"].full)
        check(destination, company, [VENDOR])
    assert whole == [True, False, False, False, False]


class ElsewhereKnown(Company):
    """This machine's knowledge of the user's formatting is older than another one's."""

    def forget_stored_formatting(self) -> bool:
        doubted, self.offset_minutes, self.told_at = self.offset_minutes != WEST, WEST, self.clock
        return doubted


def test_a_machine_that_knows_less_than_the_copy_reads_the_formatting_first() -> None:
    company, destination = ElsewhereKnown(4, offset_minutes=WEST), MemoryDestination()
    for _ in range(3):
        more(company, 3)
        company.clock += timedelta(hours=2)
        done = run(destination, company, [VENDOR])["VENDOR"]
        company.offset_minutes, company.told_at = 0, BEGAN
    assert (done.full, done.error) == (False, "")
    assert destination.stored["VENDOR"].formatting.text == f"{WEST:+}"
    check(destination, company, [VENDOR])


def test_a_lost_table_is_reloaded_with_the_known_zone() -> None:
    company, destination = Company(4), MemoryDestination()
    more(company, 3)
    run(destination, company, [VENDOR])
    del destination.tables["VENDOR"]
    run(destination, company, [VENDOR])
    company.offset_minutes = WEST
    assert run(destination, company, [VENDOR])["VENDOR"].full
