"""Lists of pages: search, sort, pages, and the same rows as JSON and CSV."""

import csv
import io
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from intacct_bridge.apps.web.lists import Column, csv_of, listed, merged
from intacct_bridge.apps.web.pages import NotFoundError, PageRequest, PageView, WebApp
from intacct_bridge.apps.web.sessions import VisitorSession
from intacct_protocol.errors import SettingsError

COLUMNS = (
    Column("name", "Name"),
    Column("amount", "Amount", is_number=True),
    Column("made", "Made"),
    Column("note", "Note", is_sorted=False),
)
BILLS = [
    {
        "name": f"Bill {number:03}",
        "amount": f"{number * 100:,}.50",
        "made": datetime(2026, 1, 1 + number % 28, tzinfo=UTC),
        "note": "=1+1" if number == 7 else None,
    }
    for number in range(250)
]


def asked(address: str, *, is_data: bool = False) -> PageRequest:
    parts = urlsplit(address)
    session = VisitorSession("key", "anna", "csrf", 0.0)
    return PageRequest(WebApp(), session, parts.path, {}, dict(parse_qsl(parts.query)), is_data)


def page_of(address: str, **more: Any) -> dict[str, Any]:
    return listed(asked(address), "bills", COLUMNS, BILLS, dict, **more)


def names(page: dict[str, Any]) -> list[str]:
    return [row["name"] for row in page["bills"]]


def test_every_row_is_on_one_page_and_the_links_lead_through_all() -> None:
    seen: list[str] = []
    address = "/bills?state=open"
    while address:
        page = page_of(address)
        seen += names(page)
        address = page["lists"]["bills"]["next"]
    assert seen == [row["name"] for row in BILLS]
    facts = page["lists"]["bills"]
    assert (facts["page"], facts["pages"], facts["first"], facts["last"], facts["matching"]) == (3, 3, 201, 250, 250)
    assert facts["previous"] == "/bills?state=open&page=2"


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "٣", "9" * 30])
def test_an_odd_number_of_a_page_is_the_first(page: str) -> None:
    assert names(page_of(f"/bills?page={page}"))[0] == "Bill 000"


def test_a_page_beyond_the_last_is_the_last() -> None:
    assert names(page_of("/bills?page=99"))[-1] == "Bill 249"


def test_a_search_looks_at_every_value_and_ignores_case() -> None:
    page = page_of("/bills?find=bILL+24&page=1")
    assert names(page) == [f"Bill {number}" for number in range(240, 250)]
    assert names(page_of("/bills?find=24%2C900.50")) == ["Bill 249"]
    assert names(page_of("/bills?find=nothing")) == []
    assert page_of("/bills?find=nothing")["lists"]["bills"]["first"] == 0


def test_amounts_are_sorted_as_numbers_both_ways_and_the_search_stays() -> None:
    page = page_of("/bills?find=Bill+1&sort=-amount")
    assert names(page)[:2] == ["Bill 199", "Bill 198"]
    (amount,) = [column for column in page["lists"]["bills"]["columns"] if column["name"] == "amount"]
    assert (amount["order"], amount["sort"]) == ("descending", "/bills?find=Bill+1&sort=amount")
    assert names(page_of(amount["sort"]))[0] == "Bill 100"


def test_rows_without_the_value_come_last_whichever_way() -> None:
    columns = (Column("note", "Note"),)
    for sort in ("note", "-note"):
        page = listed(asked(f"/bills?sort={sort}"), "bills", columns, BILLS, dict)
        assert names(page)[0] == "Bill 007"


@pytest.mark.parametrize("sort", ["size", "note", "-", "name,amount", "__class__"])
def test_another_column_is_refused_by_its_name(sort: str) -> None:
    with pytest.raises(SettingsError) as refused:
        page_of(f"/bills?sort={sort}")
    assert refused.value.fix == "Sort it by name, amount, made."


def test_rows_are_made_for_the_page_only() -> None:
    made: list[str] = []

    def row(bill: dict[str, Any]) -> dict[str, Any]:
        made.append(bill["name"])
        return bill

    listed(asked("/bills?page=2"), "bills", COLUMNS, BILLS, row)
    assert made == [f"Bill {number}" for number in range(100, 200)]


def test_as_data_a_list_is_whole_unless_a_page_is_asked_for() -> None:
    assert len(listed(asked("/bills.json", is_data=True), "bills", COLUMNS, BILLS, dict)["bills"]) == 250
    assert len(listed(asked("/bills.json?page=3", is_data=True), "bills", COLUMNS, BILLS, dict)["bills"]) == 50


def test_csv_has_every_matching_row_with_its_values_and_no_formula() -> None:
    request = asked("/bills.csv?find=bill+00&sort=-name", is_data=True)
    answer = csv_of(request, PageView("x.html", listed(request, "bills", COLUMNS, BILLS, dict)))
    assert isinstance(answer.content, bytes)
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == ["name", "amount", "made", "note"]
    assert [row[0] for row in rows[1:]] == [f"Bill 00{number}" for number in range(9, -1, -1)]
    assert rows[3] == ["Bill 007", "700.50", "2026-01-08T00:00:00+00:00", "'=1+1"]


def test_each_of_several_lists_has_its_own_search_page_and_file() -> None:
    request = asked("/both?bills.find=Bill+10&others.page=2&others.sort=-name")
    data = merged(
        listed(request, "bills", COLUMNS, BILLS, dict, prefix="bills."),
        listed(request, "others", COLUMNS, BILLS, dict, prefix="others."),
    )
    assert (len(data["bills"]), data["others"][0]["name"]) == (10, "Bill 149")
    assert data["lists"]["bills"]["asked"] == {"others.page": "2", "others.sort": "-name"}
    assert data["lists"]["others"]["csv"] == ("/both.csv?bills.find=Bill+10&others.sort=-name&list=others")
    whole = asked(data["lists"]["others"]["csv"], is_data=True)
    answer = csv_of(whole, PageView("x.html", {"shown": data}))
    assert answer.name == "others.csv"


def test_a_page_without_a_list_has_no_csv() -> None:
    for view, address in ((PageView("x.html", {"facts": {}}), "/x.csv"),
                          (PageView("x.html", page_of("/bills")), "/bills.csv?list=facts")):  # fmt: skip
        with pytest.raises(NotFoundError, match="There is no list here"):
            csv_of(asked(address, is_data=True), view)
