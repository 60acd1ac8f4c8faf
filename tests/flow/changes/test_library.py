"""`client.changes` and `client.watch`, as a program uses them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from intacct_bridge import ChangeEvent
from intacct_bridge.flow.changes.delivery import ATTEMPTS
from intacct_bridge.testing import Company, make_company

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def office() -> Iterator[Company]:
    company = make_company()
    company.set_clock(NOON)
    yield company
    company.close()


def titles(events: list[ChangeEvent]) -> list[str]:
    return [one.record["TITLE"] for one in events]


def test_a_cursor_acknowledges_and_goes_on(office: Company) -> None:
    with office.client() as client:
        assert list(client.changes("DEPARTMENT")) == []
        for number in range(3):
            client.create("DEPARTMENT", [{"DEPARTMENTID": f"X{number}", "TITLE": f"T{number}"}])
        first = list(client.changes("DEPARTMENT"))
        assert titles(first) == ["T0", "T1", "T2"]
        assert list(client.changes("DEPARTMENT")) == first  # nothing was acknowledged
        assert titles(list(client.changes("DEPARTMENT", since=first[0].number))) == ["T1", "T2"]
        assert titles(list(client.changes("DEPARTMENT"))) == ["T1", "T2"]
        assert list(client.changes("DEPARTMENT", since=first[2].number)) == []
        assert list(client.changes("DEPARTMENT")) == []


def test_another_client_of_the_same_connection_goes_on_with_the_same_events(office: Company) -> None:
    with office.client() as client:
        list(client.changes("DEPARTMENT"))
        client.create("DEPARTMENT", [{"DEPARTMENTID": "X1", "TITLE": "One"}])
        (seen,) = client.changes("DEPARTMENT")
    with office.client() as again:
        assert [one.id for one in again.changes("DEPARTMENT")] == [seen.id]


def test_a_handler_that_fails_is_called_again_and_other_records_go_on(office: Company) -> None:
    got: list[str] = []

    def handler(event: ChangeEvent) -> None:
        if event.record["TITLE"] == "bad":
            raise ValueError("no")
        got.append(event.record["TITLE"])

    with office.client() as client:
        client.watch("DEPARTMENT", handler=handler, once=True)
        client.create("DEPARTMENT", [{"DEPARTMENTID": f"X{title}", "TITLE": title} for title in ("bad", "good")])
        client.watch("DEPARTMENT", handler=handler, once=True)
    assert got == ["good"]
    assert ATTEMPTS == 10


def test_a_delete_is_told_with_the_last_values(office: Company) -> None:
    with office.client() as client:
        list(client.changes("DEPARTMENT"))
        (done,) = client.create("DEPARTMENT", [{"DEPARTMENTID": "X1", "TITLE": "One"}])
        (seen,) = client.changes("DEPARTMENT")
        client.delete("DEPARTMENT", [done.key])
    office.set_clock(NOON + timedelta(minutes=10))
    with office.client() as client:
        (event,) = client.changes("DEPARTMENT", since=seen.number)
    assert (str(event.kind), event.key, event.record["TITLE"]) == ("deleted", done.key, "One")
