"""Contracts, their lines and schedules, and revenue schedules: changes of state, and refusals."""

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import faults, one

Row = dict[str, str]


@pytest.fixture(scope="module")
def grown(two_years: Emulator) -> Emulator:
    return two_years


def kept(emulator: Emulator, name: str, **cells: str) -> str:
    return str(emulator.company().table(name).insert(dict(cells)))


def row(emulator: Emulator, name: str, key: str) -> Row:
    found = emulator.company().table(name).get(int(key))
    assert found is not None
    return found


def line_with_schedule(emulator: Emulator, state: str) -> tuple[str, str, str]:
    line = kept(emulator, "CONTRACTDETAIL", CONTRACTID="CN-0025", STATE="In progress")
    schedule = kept(
        emulator, "CONTRACTREVENUESCHEDULE", CONTRACTDETAILKEY=line, CONTRACTID="CN-0025", STATE=state
    )  # fmt: skip
    entry = kept(
        emulator, "CONTRACTREVENUESCHEDULEENTRY", SCHEDULEKEY=schedule, STATE="Open", POSTINGDATE="11/30/2026"
    )  # fmt: skip
    return line, schedule, entry


def test_a_hold_also_holds_schedules_and_their_open_entries(demo: Emulator) -> None:
    line, schedule, entry = line_with_schedule(demo, "In progress")
    body = f"<CONTRACTDETAIL><RECORDNO>{line}</RECORDNO><ASOFDATE>11/30/2026</ASOFDATE></CONTRACTDETAIL>"
    assert one(demo, f"<hold>{body}</hold>").status == "success"
    assert row(demo, "CONTRACTDETAIL", line)["STATE"] == "In progress"
    assert row(demo, "CONTRACTDETAIL", line)["REVENUEHOLDDATE"] == "11/30/2026"
    assert row(demo, "CONTRACTREVENUESCHEDULE", schedule)["STATE"] == "On hold"
    assert row(demo, "CONTRACTREVENUESCHEDULEENTRY", entry)["STATE"] == "On hold"
    assert one(demo, f"<resume>{body}</resume>").status == "success"
    assert row(demo, "CONTRACTREVENUESCHEDULE", schedule)["STATE"] == "In progress"
    assert row(demo, "CONTRACTREVENUESCHEDULEENTRY", entry)["STATE"] == "Open"


def test_a_delivery_starts_the_schedules_that_wait_for_it(demo: Emulator) -> None:
    line, schedule, _ = line_with_schedule(demo, "Pending delivery")
    body = f"<CONTRACTDETAIL><RECORDNO>{line}</RECORDNO><DELIVERYDATE>11/15/2026</DELIVERYDATE></CONTRACTDETAIL>"
    assert one(demo, f"<deliver>{body}</deliver>").status == "success"
    assert row(demo, "CONTRACTDETAIL", line)["DELIVERYSTATUS"] == "Delivered"
    assert row(demo, "CONTRACTREVENUESCHEDULE", schedule)["STATE"] == "In progress"


def test_a_contracts_entries_are_posted_up_to_a_day_and_unposted_one_by_one(demo: Emulator) -> None:
    _, schedule, entry = line_with_schedule(demo, "In progress")
    later = kept(
        demo, "CONTRACTREVENUESCHEDULEENTRY", SCHEDULEKEY=schedule, STATE="Open", POSTINGDATE="12/31/2026"
    )  # fmt: skip
    name = "CONTRACTREVENUESCHEDULE"
    body = f"<{name}><ASOFDATE>11/30/2026</ASOFDATE><CONTRACTID>CN-0025</CONTRACTID></{name}>"
    assert one(demo, f"<post>{body}</post>").status == "success"
    assert row(demo, f"{name}ENTRY", entry)["POSTED"] == "true"
    assert row(demo, f"{name}ENTRY", later)["STATE"] == "Open"
    back = f"<unpost><{name}ENTRY><RECORDNO>{entry}</RECORDNO></{name}ENTRY></unpost>"
    assert one(demo, back).status == "success"
    assert row(demo, f"{name}ENTRY", entry)["STATE"] == "Open"


def test_a_contract_is_renewed_by_its_own_term(demo: Emulator) -> None:
    body = "<CONTRACT><CONTRACTID>CN-0025</CONTRACTID></CONTRACT>"
    assert one(demo, f"<renew>{body}</renew>").status == "success"
    assert row(demo, "CONTRACT", "25")["ENDDATE"] == "02/28/2028"


def test_the_last_price_allocation_is_cleared_or_all_are(demo: Emulator) -> None:
    first, last = (kept(demo, "CONTRACTMEABUNDLE", CONTRACTID="CN-0025", STATUS="active") for _ in "12")
    body = "<CONTRACT><CONTRACTID>CN-0025</CONTRACTID></CONTRACT>"
    assert one(demo, f"<clearlastactivemea>{body}</clearlastactivemea>").status == "success"
    assert row(demo, "CONTRACTMEABUNDLE", first)["STATUS"] == "active"
    assert row(demo, "CONTRACTMEABUNDLE", last)["STATUS"] == "inactive"
    assert one(demo, f"<clearallmea>{body}</clearallmea>").status == "success"
    assert faults(demo, f"<clearallmea>{body}</clearallmea>")[0].text.startswith("CN-0025 has no price allocation")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<post><CONTRACT/></post>", "Required field RECORDNO is missing."),
        ("<post><CONTRACTDETAIL><RECORDNO>77</RECORDNO></CONTRACTDETAIL></post>", "with key '77'"),
        (
            "<post><CONTRACTREVENUESCHEDULE><CONTRACTID>C</CONTRACTID></CONTRACTREVENUESCHEDULE></post>",
            "no schedule",
        ),
        ("<renew><CONTRACT><CONTRACTID>CN-9999</CONTRACTID></CONTRACT></renew>", "with key 'CN-9999'"),
        ("<hold_revrecschedule><recordno>9</recordno></hold_revrecschedule>", "Cannot find revrecschedule"),
    ],
)
def test_an_unknown_record_is_refused(demo: Emulator, body: str, message: str) -> None:
    assert message in faults(demo, body)[0].text


def test_a_schedule_is_reallocated_to_other_days_in_order(demo: Emulator) -> None:
    name = "CONTRACTEXPENSESCHEDULE"
    key = kept(demo, name, STATE="In progress")
    body = "<{0}><SCHEDULEKEY>{1}</SCHEDULEKEY><STARTDATE>{2}</STARTDATE><ENDDATE>{3}</ENDDATE></{0}>"
    there = body.format(name, key, "12/01/2026", "11/30/2027")
    assert one(demo, f"<reallocate>{there}</reallocate>").status == "success"
    assert row(demo, name, key)["ENDDATE"] == "11/30/2027"
    wrong = body.format(name, key, "12/01/2027", "11/30/2027")
    assert "is after" in faults(demo, f"<reallocate>{wrong}</reallocate>")[0].text


def test_a_revenue_schedule_changes_its_status(demo: Emulator) -> None:
    key = kept(demo, "REVRECSCHEDULE", STATUS="In Progress")
    named = f"<recordno>{key}</recordno>"
    assert one(demo, f"<hold_revrecschedule>{named}</hold_revrecschedule>").key == key
    assert faults(demo, f"<hold_revrecschedule>{named}</hold_revrecschedule>")[0].text.startswith(f"Schedule {key} is")
    more = "<adjustpostingday>false</adjustpostingday>"
    assert one(demo, f"<resume_revrecschedule>{named}{more}</resume_revrecschedule>").status == "success"
    assert one(demo, f"<terminate_revrecschedule>{named}</terminate_revrecschedule>").status == "success"
    assert row(demo, "REVRECSCHEDULE", key)["STATUS"] == "Terminated"


def test_a_revenue_entry_is_posted_once_and_then_cannot_be_changed(demo: Emulator) -> None:
    schedule = kept(demo, "REVRECSCHEDULE", STATUS="In Progress")
    entry = kept(demo, "REVRECSCHEDULEENTRY", REVRECSCHEDULEKEY=schedule, POSTED="false")
    post = f"<post_revrecscheduleentry><recordno>{entry}</recordno></post_revrecscheduleentry>"
    assert one(demo, post).key == entry
    assert "already" in faults(demo, post)[0].text
    day = "<postingdate><year>2026</year><month>11</month><day>30</day></postingdate>"
    inner = f"<revrecentry><recordno>{entry}</recordno>{day}<accountno>41100</accountno><trx_amount>5</trx_amount>"
    change = f"<recordno>{schedule}</recordno><revrecentries>{inner}</revrecentry></revrecentries>"
    update = f"<update_revrecschedule>{change}</update_revrecschedule>"
    assert "posted and cannot be changed" in faults(demo, update)[0].text
    assert one(demo, f"<unpost_revrecscheduleentry><recordno>{entry}</recordno></unpost_revrecscheduleentry>").key
    assert one(demo, update).status == "success"
    assert row(demo, "REVRECSCHEDULEENTRY", entry)["TRX_AMOUNT"] == "5"
