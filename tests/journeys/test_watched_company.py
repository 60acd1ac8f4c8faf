"""A record of a watched company is the same one in the other company after its number was corrected there."""

import threading
from datetime import UTC, datetime

import pytest

from intacct_bridge.changes.delivery import DeliveryError
from intacct_bridge.changes.event import ChangeEvent, ChangeKind
from intacct_bridge.operations.load_receiver import LoadOptions, LoadReceiver
from intacct_bridge.operations.recorded_run import CompanyRun
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client

BILL = {
    "Vendor": "V-1",
    "Bill no": "B-1",
    "Date": "2026-11-03",
    "Due date": "2026-12-03",
    "Account": "60100",
    "Amount": "50",
    "Location": "100",
    "Department": "100",
}


def deliver(desk: LoadScenario, key: str, company: str = "shop", object_name: str = "TICKET", **columns: str) -> None:
    """Deliver one event of a company whose records a layout reads."""
    event = ChangeEvent(
        1, company, object_name, key, ChangeKind.UPDATED, datetime(2026, 11, 30, tzinfo=UTC), {**BILL, **columns}
    )
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        receiver = LoadReceiver.__new__(LoadReceiver)
        receiver._options, receiver._lock = LoadOptions("bills"), threading.Lock()
        receiver._run = CompanyRun(gateway, outbox=outbox)
        receiver.deliver([event])


def bills(desk: LoadScenario) -> list[tuple[str, str]]:
    return sorted((row["RECORDID"], row["TOTALENTERED"]) for row in desk.rows("APBILL"))


def test_a_corrected_number_changes_the_record_that_the_watch_has_posted(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    deliver(desk, "15")
    deliver(desk, "15", **{"Bill no": "B-2"})
    deliver(desk, "15", **{"Bill no": "B-2", "Amount": "70"})
    assert bills(desk) == [("B-2", "70")]


@pytest.mark.parametrize(
    ("key", "company", "object_name"), [("16", "shop", "TICKET"), ("15", "depot", "TICKET"), ("15", "shop", "SLIP")]
)
def test_another_key_company_or_object_is_another_record(
    desk: LoadScenario, key: str, company: str, object_name: str
) -> None:
    desk.load(VENDORS, "VENDOR")
    deliver(desk, "15")
    deliver(desk, key, company, object_name, **{"Bill no": "B-2"})
    assert bills(desk) == [("B-1", "50"), ("B-2", "50")]


def test_two_records_with_one_number_are_not_taken_for_one(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    deliver(desk, "15")
    with pytest.raises(DeliveryError, match="under another key of its source"):
        deliver(desk, "16", Amount="70")
    assert bills(desk) == [("B-1", "50")]


@pytest.mark.parametrize(("object_name", "has_key"), [("VENDOR", False), ("TICKET", True)])
def test_an_id_of_the_watched_company_may_be_given_to_a_new_record(object_name: str, *, has_key: bool) -> None:
    event = ChangeEvent(1, "shop", object_name, "15", ChangeKind.UPDATED, datetime(2026, 11, 30, tzinfo=UTC), {})
    receiver = LoadReceiver.__new__(LoadReceiver)
    receiver._options = LoadOptions()
    request = receiver._request(event)
    assert request.source_name == "shop"
    assert receiver._source_key(event) == ((object_name, "15") if has_key else ())
