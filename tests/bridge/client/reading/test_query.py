"""Queries: typed rows, walks by key and by offset, pages and batches, and definitions read when needed."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.client.reading.paging import FetchedPage, by_key, by_offset
from intacct_protocol.errors import CapError, InvalidRequestError, NotPermittedError, RecordError, RemoteProtocolError
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.model.query.query import Aggregate, Compare, Op, Order, Query, field
from intacct_protocol.xml.envelope import Function
from intacct_protocol.xml.values import Formatting, Kind
from support.client.company import Company, Rows, vendors
from support.client.gateway import failed, fault


def queries(company: Company) -> list[Function]:
    return [each for each in company.asked if each.name == "query"]


def test_rows_are_typed_and_text_cells_are_unchanged() -> None:
    company = Company(VENDOR=vendors(1))
    (row,) = company.client().query("vendor")
    assert row == {
        "RECORDNO": 3,
        "VENDORID": "V1",
        "NAME": "Vendor & 1",
        "TOTALDUE": Decimal("1.10"),
        "WHENMODIFIED": datetime(2026, 2, 1, 10, tzinfo=UTC),
        "DISPLAYCONTACT.EMAIL1": None,
    }


def test_select_where_and_order_may_be_text() -> None:
    company = Company(VENDOR=vendors(9))
    rows = company.client().query(
        "VENDOR", "VENDORID, totaldue", where="TOTALDUE > 3 and vendorid != 'V5'", order="TOTALDUE desc", limit=3
    )
    assert [row["VENDORID"] for row in rows] == ["V9", "V8", "V7"]
    rows = company.client().query("VENDOR", ["VENDORID"], where=field("TOTALDUE") <= Decimal("2.10"), order=["NAME"])
    assert list(rows) == [{"VENDORID": "V1"}, {"VENDORID": "V2"}]


def test_a_walk_follows_the_key_and_does_not_show_it() -> None:
    company = Company(VENDOR=vendors(25))
    rows = list(company.client().query("VENDOR", ["VENDORID"], page_size=10))
    assert [row["VENDORID"] for row in rows] == [f"V{n}" for n in range(1, 26)]
    assert all(list(row) == ["VENDORID"] for row in rows)
    asked = queries(company)
    assert len(asked) == 3
    for function in asked:
        assert function.body.find("offset") is None
        assert [each.text for each in function.body.find("select") or ()] == ["VENDORID", "RECORDNO"]
    assert "greaterthan" not in str([child.tag for child in asked[0].body])
    second = asked[1].body.find("filter")
    assert second is not None and second.children[0].tag == "greaterthan"
    assert second.children[0].findtext("value") == "30"


def test_the_callers_filter_is_combined_with_that_of_the_walk() -> None:
    company = Company(VENDOR=vendors(30))
    where = (field("TOTALDUE") > 3) & (field("VENDORID") != "V20")
    rows = list(company.client().query("VENDOR", ["VENDORID"], where=where, page_size=7))
    assert [row["VENDORID"] for row in rows] == [f"V{n}" for n in range(3, 31) if n != 20]


def test_a_limit_requests_no_more_rows_than_needed() -> None:
    company = Company(VENDOR=vendors(100))
    assert len(list(company.client().query("VENDOR", ["NAME"], limit=12, page_size=10))) == 12
    assert [function.body.findtext("pagesize") for function in queries(company)] == ["10", "2"]
    assert list(company.client().query("VENDOR", ["NAME"], limit=0)) == []
    assert len(queries(company)) == 2


def test_an_order_goes_by_offset() -> None:
    company = Company(VENDOR=vendors(25))
    rows = list(
        company.client().query("VENDOR", ["VENDORID"], order=[Order("RECORDNO", descending=True)], page_size=10)
    )
    assert [row["VENDORID"] for row in rows] == [f"V{n}" for n in range(25, 0, -1)]
    assert [function.body.findtext("offset") for function in queries(company)] == ["", "10", "20"]


def test_aggregates_are_typed_under_their_column_names() -> None:
    company = Company(VENDOR=vendors(4))
    select = [Aggregate("count", "RECORDNO"), Aggregate("sum", "TOTALDUE")]
    assert list(company.client().query("VENDOR", select)) == [{"COUNT.RECORDNO": 4, "SUM.TOTALDUE": Decimal("12.50")}]
    (batch,) = company.client().batches(Query("VENDOR", tuple(select)))
    assert batch.to_pylist() == [{"COUNT.RECORDNO": 4, "SUM.TOTALDUE": Decimal("12.50")}]


def test_wrong_names_and_literals_are_refused_before_the_query_is_sent() -> None:
    company = Company(VENDOR=vendors(1))
    client = company.client()
    for bad in ({"select": "VENDORIDD"}, {"where": "TOTALDUE > 'x'"}, {"order": "NAMES"}, {"pagesize": 3}):
        with pytest.raises(InvalidRequestError) as caught:
            list(client.query("VENDOR", **bad))
        assert caught.value.exit_status == 2
    assert queries(company) == []


def test_an_unknown_object_raises_with_similar_names() -> None:
    company = Company()
    with pytest.raises(InvalidRequestError, match="no object VENDORS; did you mean VENDOR"):
        list(company.client().query("VENDORS"))


def test_a_related_object_is_looked_up_when_a_query_needs_it() -> None:
    company = Company(APBILL=[{"RECORDNO": "1", "VENDOR.TOTALDUE": "5.5"}])
    assert list(company.client().query("APBILL", "RECORDNO, VENDOR.TOTALDUE")) == [
        {"RECORDNO": 1, "VENDOR.TOTALDUE": Decimal("5.5")}
    ]
    assert [each.body.findtext("object") for each in company.asked if each.name == "lookup"] == ["APBILL", "VENDOR"]


def test_unqueryable_fields_are_left_out_of_all_fields_and_refused_by_name() -> None:
    company = Company(VENDOR=vendors(2))
    company.unqueryable = {"VENDOR": ("NAME",)}
    client = company.client()
    assert "NAME" not in next(client.query("VENDOR"))
    assert len(queries(company)) == 2
    list(client.query("VENDOR"))
    assert len(queries(company)) == 3
    assert "NAME" not in client.queryable("VENDOR")
    with pytest.raises(InvalidRequestError, match="NAME") as caught:
        list(client.query("VENDOR", "NAME"))
    assert caught.value.by_gateway


def test_a_field_that_is_no_element_name_is_not_among_all_fields() -> None:
    company = Company(
        CLASS=[{"RECORDNO": "1", "CLASSID": "A"}]
    )  # DEPT# and the like: lookup lists them, XML has no name for them
    company.objects["CLASS"] = object_def(
        "CLASS", [*company.objects["CLASS"].fields.values(), FieldDef("DEPT#", Kind.INTEGER)]
    )
    client = company.client()
    assert list(client.query("CLASS")) == [{"RECORDNO": 1, "CLASSID": "A"}]
    (asked,) = queries(company)
    assert [field.text for field in asked.body.find("select") or ()] == ["RECORDNO", "CLASSID"]
    assert "DEPT#" in client.describe("CLASS").fields


def test_private_records_are_included_at_the_top_level_only() -> None:
    company = Company(VENDOR=vendors(1))
    list(company.client().query("VENDOR", "NAME"))
    list(company.client(location_id="100").query("VENDOR", "NAME"))
    list(company.client().query("VENDOR", "NAME", show_private=False))
    told = [function.body.find("options") is not None for function in queries(company)]
    assert told == [True, False, False]


def test_the_users_formatting_is_read_once_and_only_for_dates() -> None:
    bills: Rows = [{"RECORDNO": "1", "WHENDUE": "31.12.2026"}]
    company = Company(APBILL=bills)
    company.formatting = "<dateformat>.dmY</dateformat><gmtoffset>+01:00</gmtoffset><clock>24</clock>"
    client = company.client(read_formatting=True)
    list(client.query("APBILL", "RECORDNO"))
    assert "readUserFormatting" not in [each.name for each in company.asked]
    assert next(client.query("APBILL"))["WHENDUE"] == date(2026, 12, 31)
    list(client.query("APBILL"))
    assert [each.name for each in company.asked].count("readUserFormatting") == 1
    assert client.formatting == Formatting(".dmY", 24, 60)


def test_a_user_who_may_not_read_the_formatting_gets_the_documented_one() -> None:
    company = Company(APBILL=[{"RECORDNO": "1", "WHENDUE": "12/31/2026"}])
    answer = company.gateway.handler
    company.gateway.handler = lambda function, request: (
        failed(function, fault("PL04000005", "You do not have permission for API operation READ on objects of type x"))
        if function.name == "readUserFormatting"
        else answer(function, request)
    )
    client = company.client(read_formatting=True)
    assert next(client.query("APBILL", "WHENDUE"))["WHENDUE"] == date(2026, 12, 31)
    list(client.query("APBILL", "WHENDUE"))
    assert [each.name for each in company.asked].count("readUserFormatting") == 1


def test_a_cap_is_not_mistaken_for_a_missing_right() -> None:
    company = Company(APBILL=[{"RECORDNO": "1", "WHENDUE": "12/31/2026"}])
    with pytest.raises(CapError):
        list(company.client(read_formatting=True, cap=2).query("APBILL", "WHENDUE"))


def test_unqueryable_fields_of_a_refused_page_are_remembered() -> None:
    company = Company(VENDOR=vendors(1))
    company.unqueryable = {"VENDOR": ("NAME",)}
    client = company.client()
    for ask in (client.page, client.batch):
        with pytest.raises(InvalidRequestError, match="NAME"):
            ask(Query("VENDOR", ("RECORDNO", "NAME")))
    assert client.queryable("VENDOR") == tuple(name for name in client.describe("VENDOR").fields if name != "NAME")


def test_a_cell_of_the_wrong_kind_is_named() -> None:
    company = Company(VENDOR=[{"RECORDNO": "7", "TOTALDUE": "much"}])
    with pytest.raises(RecordError, match=r"TOTALDUE of VENDOR 7"):
        list(company.client().query("VENDOR", "RECORDNO, TOTALDUE"))


def test_a_missing_right_is_a_refusal() -> None:
    company = Company()
    answer = company.gateway.handler
    company.gateway.handler = lambda function, request: (
        failed(function, fault("PL04000005", "You do not have permission for API operation QUERY on objects of type x"))
        if function.name == "query"
        else answer(function, request)
    )
    with pytest.raises(NotPermittedError):
        list(company.client().query("VENDOR"))


def test_pages_and_batches_hold_the_same_rows() -> None:
    company = Company(VENDOR=vendors(23))
    client = company.client()
    query = Query("VENDOR", ("VENDORID", "TOTALDUE"), page_size=10)
    pages = list(client.pages(query))
    batches = list(client.batches(query))
    assert [len(page.rows) for page in pages] == [batch.num_rows for batch in batches] == [10, 10, 3]
    assert [row for batch in batches for row in batch.to_pylist()] == list(client.query(query))
    assert batches[0].schema.names == ["VENDORID", "TOTALDUE"]


def test_one_page_is_exactly_what_the_query_says() -> None:
    company = Company(VENDOR=vendors(23))
    client = company.client()
    query = Query("VENDOR", ("VENDORID",), order=(Order("RECORDNO"),), page_size=10, offset=20)
    page = client.page(query)
    assert page.head is not None and (page.head.count, page.head.total_count, page.head.remaining) == (3, 23, 0)
    head, batch = client.batch(query)
    assert head == page.head
    assert batch.to_pydict() == {"VENDORID": ["V21", "V22", "V23"]}
    assert len(queries(company)) == 2


def test_an_outdated_definition_from_disk_is_read_again(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    company = Company(VENDOR=vendors(1))
    with company.client(keep=True) as first:
        list(first.query("VENDOR"))
    lookups = [each.name for each in company.asked].count("lookup")
    with company.client(keep=True) as second:
        list(second.query("VENDOR"))
    assert [each.name for each in company.asked].count("lookup") == lookups
    kept = [one for one in company.objects["VENDOR"].fields.values() if one.name != "NAME"]
    company.objects["VENDOR"] = object_def("VENDOR", [*kept, FieldDef("NEWNAME", Kind.TEXT)])
    company.unqueryable = {"VENDOR": ("NAME",)}
    with company.client(keep=True) as third:
        with pytest.raises(InvalidRequestError, match="NAME"):
            list(third.query("VENDOR", "NAME"))
        assert [each.name for each in company.asked].count("lookup") == lookups + 1
        assert "NEWNAME" in third.describe("VENDOR").fields
    company.time.now += 36 * 3600
    with company.client(keep=True) as fourth:
        fourth.describe("VENDOR")
    assert [each.name for each in company.asked].count("lookup") == lookups + 2


def test_many_definitions_take_few_requests() -> None:
    company = Company()
    client = company.client()
    found = client.describe_many(["VENDOR", "APBILL", "VENDOR"])
    assert sorted(found) == ["APBILL", "VENDOR"] == sorted(client.catalog)
    assert len(company.gateway.requests) == 2
    with pytest.raises(InvalidRequestError, match="BILL"):
        client.describe_many(["CLASS", "BILL"])
    assert client.describe("class").name == "CLASS"
    assert client.objects()["VENDOR"] == "Vendor"


# --- walking


def sorted_gateway(keys: list[str], *, opaque: bool = False) -> Any:
    """A gateway that sorts keys as it compares them."""
    order = sorted(keys) if opaque else sorted(keys, key=int)

    def fetch(query: Query) -> FetchedPage[list[str]]:
        beyond = order
        if query.where is not None:
            assert isinstance(query.where, Compare) and query.where.op is Op.GREATERTHAN
            (last,) = query.where.values
            beyond = [key for key in order if (key > str(last) if opaque else int(key) > int(str(last)))]
        shown = beyond[: query.page_size]
        return FetchedPage(shown, len(shown), len(beyond), len(beyond) - len(shown), tuple(shown))

    return fetch


@given(st.sets(st.integers(1, 10_000), max_size=60), st.integers(1, 12), st.one_of(st.none(), st.integers(0, 70)))
def test_walking_by_key_reads_every_row_once(keys: set[int], size: int, limit: int | None) -> None:
    query = Query("X", ("RECORDNO",), page_size=size)
    pages = by_key(query, "RECORDNO", sorted_gateway([str(key) for key in keys]), limit=limit)
    assert [int(key) for page in pages for key in page] == sorted(keys)[:limit]


@given(st.sets(st.text("ab-1", min_size=1, max_size=5), max_size=40), st.integers(1, 9))
def test_walking_by_an_opaque_key_reads_every_row_once(keys: set[str], size: int) -> None:
    query = Query("X", ("RECORDNO",), page_size=size)
    pages = by_key(query, "RECORDNO", sorted_gateway(sorted(keys), opaque=True), opaque=True)
    assert [key for page in pages for key in page] == sorted(keys)


def scripted(*found: FetchedPage[str]) -> Any:
    waiting = list(found)
    return lambda query: waiting.pop(0)


@pytest.mark.parametrize(
    ("opaque", "found", "said"),
    [
        (False, [FetchedPage("", 2, 2, 0, ("2", "1"))], "not in the order"),
        (False, [FetchedPage("", 1, 2, 1, ("5",)), FetchedPage("", 1, 1, 0, ("4",))], "not in the order"),
        (False, [FetchedPage("", 2, 2, 0, ("1", "1"))], "1 came twice"),
        (False, [FetchedPage("", 2, 2, 0, ("1",))], "came without a number"),
        (False, [FetchedPage("", 1, 2, 0, ("x",))], "came without a number"),
        (False, [FetchedPage("", 0, 5, 5)], "gave no rows, though it counts 5 more rows"),
        (True, [FetchedPage("", 1, 2, 1, ("a",)), FetchedPage("", 1, 1, 0, ("a",))], "came twice"),
        (True, [FetchedPage("", 1, 3, 2, ("a",)), FetchedPage("", 1, 1, 0, ("b",))], "counts 1 row beyond the last"),
        (True, [FetchedPage("", 1, 1, 0, ("",))], "came without it"),
    ],
)
def test_an_answer_out_of_order_is_a_named_error(opaque: bool, found: list[FetchedPage[str]], said: str) -> None:
    with pytest.raises(RemoteProtocolError, match=said):
        list(by_key(Query("X", ("K",)), "K", scripted(*found), opaque=opaque))


def test_an_integer_key_allows_rows_to_come_and_go() -> None:
    found = [FetchedPage("a", 1, 5, 4, ("1",)), FetchedPage("b", 1, 9, 8, ("4",)), FetchedPage("c", 1, 1, 0, ("9",))]
    assert list(by_key(Query("X", ("K",)), "K", scripted(*found))) == ["a", "b", "c"]


def test_offset_paging_starts_at_the_querys_offset_and_stops_at_an_empty_page() -> None:
    query = Query("X", ("K",), offset=5, page_size=2)
    seen: list[tuple[int, int]] = []

    def fetch(one: Query) -> FetchedPage[int]:
        seen.append((one.offset, one.page_size))
        return FetchedPage(one.offset, 2, 9, 9 - one.offset - 2 if one.offset < 7 else 0)

    assert list(by_offset(query, fetch)) == [5, 7]
    assert seen == [(5, 2), (7, 2)]
    with pytest.raises(RemoteProtocolError, match="gave no rows"):
        list(by_offset(query, scripted(FetchedPage("", 0, 9, 9))))
