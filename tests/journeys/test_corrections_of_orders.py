"""A sales order that its source corrects: Intacct answers its creation with its name instead of a record number."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.plan.plan import MatchRules
from intacct_bridge.load.records.status import RecordStatus
from support.journeys.objects import LoadScenario
from support.journeys.orders import order_company

BY_KEY: dict[str, Any] = {"key": ("Id",), "rules": MatchRules(source_name="shop")}
APPLIED, UNCHANGED = RecordStatus.APPLIED, RecordStatus.UNCHANGED


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LoadScenario]:
    with order_company() as emulator:
        yield LoadScenario(tmp_path, emulator)


def order(quantity: int, number: str = "SO-1") -> str:
    """A file with one order of so many hours at 100."""
    header = "Id,Customer,Order no,Date,Due date,Item,Quantity,Unit,Price,Location"
    return f"{header}\nk1,C20001,{number},2026-11-02,2026-12-02,SERV-HR,{quantity},Hour,100,210\n"


def statuses(desk: LoadScenario, text: str, mode: str = "create", **options: Any) -> list[RecordStatus]:
    """How the records end that are not refused."""
    return [outcome.status for outcome in desk.load(text, "sales-orders", mode, **options)]


def totals(desk: LoadScenario) -> list[tuple[str, Decimal]]:
    return [(row["DOCNO"], Decimal(row["TOTAL"])) for row in desk.rows("SODOCUMENT")]


@pytest.mark.parametrize("options", [{}, BY_KEY], ids=["by its number", "by its key"])
def test_a_corrected_quantity(desk: LoadScenario, options: dict[str, Any]) -> None:
    assert statuses(desk, order(2), **options) == [APPLIED]
    assert statuses(desk, order(3), **options) == [], "refused: it has other content"
    assert statuses(desk, order(3), "upsert", **options) == [APPLIED]
    assert totals(desk) == [("SO-1", Decimal(300))]
    assert statuses(desk, order(3), **options) == [UNCHANGED]
    assert statuses(desk, order(3), "upsert", **options) == [UNCHANGED]
    assert statuses(desk, order(2), **options) == [], "the old file is refused: the order has other content now"
    assert totals(desk) == [("SO-1", Decimal(300))]


@pytest.mark.parametrize("mode", ["create", "upsert"])
def test_a_corrected_number_makes_no_second_order(desk: LoadScenario, mode: str) -> None:
    """Intacct sets the number of an order once."""
    assert statuses(desk, order(2), **BY_KEY) == [APPLIED]
    assert statuses(desk, order(2, "SO-2"), mode, **BY_KEY) == []
    assert totals(desk) == [("SO-1", Decimal(200))]


def test_an_order_that_is_not_visible_any_more_is_not_posted_again(desk: LoadScenario) -> None:
    assert statuses(desk, order(2), **BY_KEY) == [APPLIED]
    orders = desk.emulator.company().table("SODOCUMENT")
    for number, _ in [*orders.rows()]:
        orders.delete(number)
    plan = desk.plan(order(3), "sales-orders", "upsert", **BY_KEY)
    assert [finding.rule for record in plan.records for finding in record.reasons] == ["missing"]
    assert "Intacct does not show its record now; check the rights" in str(plan.records[0].reasons[0])
