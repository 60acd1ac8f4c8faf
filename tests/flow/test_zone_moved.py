"""An API user whose time zone turns out to be another one in the middle of a run: no change is passed over."""

from datetime import timedelta

import pytest

from flow.company import BEGAN, VENDOR, Company, Zone
from flow.memory import MemorySink
from flow.test_extract import check, run
from intacct_bridge.flow.stream import Stream

WEST = -480


def moved() -> Company:
    """It reads times eight hours west of what it is known to, so that a filter asks for too little."""
    west = Zone(WEST, WEST, BEGAN, BEGAN + timedelta(days=180))
    return Company(4, reads_user_time=True, zone=west)


def more(company: Company, times: int) -> None:
    for number in range(times):
        company.add("VENDOR", VENDORID=f"N{company.next_key}", NAME=f"made {number}")


@pytest.mark.parametrize("at", [1, 2, 3])
def test_what_was_asked_for_with_the_old_zone_is_asked_for_again(at: int) -> None:
    company, sink = moved(), MemorySink()
    streams: list[Stream] = [VENDOR]
    more(company, 12)
    run(sink, company, streams)
    more(company, 6)  # within the hours that the filter is wrong by
    company.clock += timedelta(days=1)
    more(company, 20)
    last = company.calls + at

    def learned(number: int) -> None:
        if number == last:
            company.offset_minutes = WEST

    company.after_call = learned
    done = run(sink, company, streams)["VENDOR"]
    assert (done.complete, "time zone" in done.error) == (False, True)
    assert not run(sink, company, streams)["VENDOR"].error
    check(sink, company, streams)
