"""The meter's rule, its cap, and the month's count on disk."""

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intacct_bridge.client.gateway.meter import Cost, Meter, MonthlyCounter, MonthlyUsage, transactions_of
from intacct_protocol.errors import CapError
from intacct_protocol.xml.envelope import Function
from intacct_protocol.xml.xml import Element, element


def functions(*bodies: Element) -> list[Function]:
    return [Function(body, f"id-{n}") for n, body in enumerate(bodies)]


PAGE = element("query", element("object", "APBILL"))


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        (PAGE, 1),
        (element("readMore", element("resultId", "r")), 1),
        (element("create", Element("APBILL"), Element("APBILL"), Element("VENDOR")), 3),
        (element("update", element("GLBATCH", element("ENTRIES", Element("GLENTRY"), Element("GLENTRY")))), 1),
        (element("delete", element("object", "APBILL"), element("keys", "1,2, 3,")), 3),
        (element("create_invoice", Element("customerid")), 1),
        (Element("getAPISession"), 1),
        (element("lookup", element("object", "APBILL")), 1),
    ],
)
def test_the_transactions_of_a_function(body: Element, cost: int) -> None:
    assert transactions_of(body) == cost


def test_use_is_counted_by_function_and_by_object() -> None:
    meter = Meter()
    meter.begin(functions(PAGE, PAGE, element("create", Element("APBILL"), Element("VENDOR"))))
    meter.begin(functions(element("get_list", "", object="vendor"), Element("create_vendor")))
    usage = meter.usage()
    assert (usage.calls, usage.functions, usage.transactions) == (2, 5, 6)
    assert usage.by_function["create"] == Cost(1, 2)
    assert usage.by_object == {"APBILL": Cost(3, 3), "VENDOR": Cost(2, 3)}
    assert (meter.functions, meter.transactions) == (5, 6)


def test_an_undone_request_costs_no_transaction_and_counts_as_a_call() -> None:
    meter = Meter()
    meter.begin(functions(PAGE))
    meter.undo(functions(PAGE))
    usage = meter.usage()
    assert (usage.calls, usage.functions, usage.transactions, usage.by_object) == (1, 0, 0, {})


def test_a_request_over_the_cap_is_refused_and_not_counted() -> None:
    meter = Meter(cap=2)
    meter.begin(functions(PAGE))
    with pytest.raises(CapError) as caught:
        meter.begin(functions(PAGE, PAGE))
    assert meter.transactions == 1
    assert caught.value.exit_status == 2
    meter.begin(functions(PAGE))


def test_the_month_is_counted_by_company_over_connections(tmp_path: Path) -> None:
    one = MonthlyUsage(tmp_path, company="acme/../x", connection="a")
    two = MonthlyUsage(tmp_path, company="acme/../x", connection="b")
    one.add("2026-10", 5)
    two.add("2026-10", 7)
    two.add("2026-11", 1)
    two.add("2026-11", 0)
    assert (one.month_to_date("2026-10"), one.month_to_date("2026-11"), one.month_to_date("2026-12")) == (12, 1, 0)
    assert all(path.parent == tmp_path / "usage" for path in tmp_path.rglob("*.json"))


def test_what_was_used_before_the_turn_of_the_month_is_counted_in_that_month(tmp_path: Path) -> None:
    usage = MonthlyUsage(tmp_path, company="acme", connection="a")
    counter = MonthlyCounter(usage)
    counter.note(10, datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    counter.note(13, datetime(2026, 12, 1, tzinfo=UTC))
    counter.flush()
    assert (usage.month_to_date("2026-11"), usage.month_to_date("2026-12")) == (10, 3)


def test_a_damaged_count_starts_at_zero(tmp_path: Path) -> None:
    usage = MonthlyUsage(tmp_path, company="acme", connection="a")
    usage.add("2026-10", 5)
    (tmp_path / "usage" / "acme.json").write_text("[1, 2")
    assert usage.month_to_date("2026-10") == 0
    usage.add("2026-10", 2)
    assert usage.month_to_date("2026-10") == 2


def _add(directory: str) -> None:
    usage = MonthlyUsage(Path(directory), company="acme", connection="a")
    for _ in range(50):
        usage.add("2026-10", 1)


def test_processes_that_count_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add, args=(str(tmp_path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert MonthlyUsage(tmp_path, company="acme", connection="a").month_to_date("2026-10") == 150
