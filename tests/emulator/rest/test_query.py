"""The query service: operators, expressions, order, aggregates and pages.

Operators and parameters are those of Sage's page on the query service; expected rows are counted by hand.
"""

from typing import Any

import pytest

from intacct_emulator.rest.query import named_day
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_protocol.xml.values import DEFAULT, Kind, parse_value
from support.emulator.rest import RestClient, Served

CLASS = "company-config/class"
STORED = "fixed-assets/asset-classification"
NAMES = {"A": "Alpha", "B": "beta", "C": None, "D": "Delta 50%", "E": "Alpine"}


@pytest.fixture(params=[CLASS, "fixed-assets/asset-classification"])
def filled(request: pytest.FixtureRequest, rest: RestClient) -> tuple[RestClient, str]:
    """A client, and an object with five records: one of both interfaces, and one of REST alone."""
    if request.param == CLASS:
        for one in rest.query(CLASS, "key").result:
            rest.delete(f"/objects/{CLASS}/{one['key']}")
    for identity, name in NAMES.items():
        fields = {"id": f"Q{identity}", "name": name or f"Q{identity}"}
        rest.create(request.param, **fields, status="inactive" if identity in "BE" else "active")
    return rest, request.param


def found(filled: tuple[RestClient, str], *filters: Any, **more: Any) -> str:
    rest, name = filled
    page = rest.query(name, "id", {"$startsWith": {"id": "Q"}}, *filters, **more)
    return "".join(row["id"][1:] for row in page.result)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"$eq": {"id": "QA"}}, "A"),
        ({"$ne": {"id": "QA"}}, "BCDE"),
        ({"$eq": {"status": "inactive"}}, "BE"),
        ({"$ne": {"status": "inactive"}}, "ACD"),
        ({"$lt": {"id": "QC"}}, "AB"),
        ({"$lte": {"id": "QC"}}, "ABC"),
        ({"$gt": {"id": "QC"}}, "DE"),
        ({"$gte": {"id": "QC"}}, "CDE"),
        ({"$in": {"id": ["QA", "QD", "none"]}}, "AD"),
        ({"$notIn": {"id": ["QA", "QD", "none"]}}, "BCE"),
        ({"$between": {"id": ["QB", "QD"]}}, "BCD"),
        ({"$notBetween": {"id": ["QB", "QD"]}}, "AE"),
        ({"$contains": {"name": "lp"}}, "AE"),
        ({"$notContains": {"name": "lp"}}, "BCD"),
        ({"$startsWith": {"name": "Alp"}}, "AE"),
        ({"$notStartsWith": {"name": "Alp"}}, "BCD"),
        ({"$endsWith": {"name": "ta"}}, "B"),
        ({"$notEndsWith": {"name": "ta"}}, "ACDE"),
        ({"$startsWith": {"name": "alp"}}, ""),
    ],
)
def test_each_operator(filled: tuple[RestClient, str], condition: Any, expected: str) -> None:
    assert found(filled, condition, orderBy=[{"id": "asc"}]) == expected


def test_case_does_not_count_if_the_parameters_say_so(filled: tuple[RestClient, str]) -> None:
    assert found(filled, {"$startsWith": {"name": "ALP"}}, filterParameters={"caseSensitiveComparison": False}) == "AE"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (None, ""),
        ("", ""),
        ("and", ""),
        ("or", "ABCDE"),
        ("1 and 2", "A"),
        ("1 and (2 or 3)", "AB"),
        ("(1 and 2) or (1 and 3)", "AB"),
        ("((4))", "C"),
        ("1 AND 4 OR 2", "AC"),
    ],
)
def test_an_expression_joins_the_filters(filled: tuple[RestClient, str], expression: Any, expected: str) -> None:
    ids = [{"$eq": {"id": f"Q{name}"}} for name in "ABC"]
    sent = {"filterExpression": expression, "orderBy": [{"id": "asc"}]}
    assert found(filled, *ids, **sent) == expected


@pytest.mark.parametrize("expression", ["1 and", "(1", "5", "0", "1 2", "1 xor 2", "not 1", ")" * 3, "(" * 500 + "1"])
def test_an_expression_that_cannot_be_read_is_refused(rest: RestClient, expression: str) -> None:
    refused = rest.query(CLASS, "key", {"$eq": {"id": "A"}}, {"$eq": {"id": "B"}}, filterExpression=expression)
    assert (refused.status, refused.error["details"][0]["target"]) == (400, "/filterExpression")


@pytest.mark.parametrize(
    ("sent", "target"),
    [
        ({"fields": []}, "/fields"),
        ({"fields": "key"}, "/fields"),
        ({"size": 4001}, "/size"),
        ({"size": -1}, "/size"),
        ({"start": "1"}, "/size"),
        ({"orderBy": [{"id": "upwards"}]}, "/orderBy"),
        ({"filters": [{"$like": {"id": "x"}}]}, "/filters/0"),
        ({"filters": [{"$eq": {"id": "x", "name": "y"}}]}, "/filters/0"),
        ({"filters": [{"$between": {"id": ["x"]}}]}, "/filters/0"),
        ({"filters": [{"$in": {"id": []}}]}, "/filters/0"),
        ({"filters": {"$eq": {"id": "x"}}}, "/filters"),
        ({"filters": [{"$eq": {"status": "nearly"}}]}, "/filters"),
        ({"fields": ["sum:status"]}, "/fields"),
    ],
)
@pytest.mark.parametrize("name", [CLASS, STORED])
def test_a_query_that_is_none_is_refused_with_its_place(
    rest: RestClient, name: str, sent: dict[str, Any], target: str
) -> None:
    refused = rest.post("/services/core/query", {"object": name, "fields": ["key"], **sent})
    assert refused.status == 400
    assert [one["target"] for one in refused.error["details"]] == [target]


@pytest.mark.parametrize("name", ["accounts-payable/bill", "fixed-assets/asset"])
@pytest.mark.parametrize("place", ["fields", "filters", "orderBy"])
def test_a_field_that_no_query_can_use_is_named_with_the_object(rest: RestClient, name: str, place: str) -> None:
    sent: dict[str, Any] = {"object": name, "fields": ["key"]}
    sent[place] = {
        "fields": ["key", "nonsense"],
        "filters": [{"$eq": {"nonsense": 1}}],
        "orderBy": [{"nonsense": "asc"}],
    }[place]
    refused = rest.post("/services/core/query", sent)
    assert (refused.status, refused.error["errorId"]) == (400, "REST-1106")
    assert refused.error["additionalInfo"] == {
        "messageId": "IA.THE_FIELD_IN_OBJECT_CANNOT_BE_USED_IN_QUERY",
        "placeholders": {"FIELD": "nonsense", "OBJECT": name, "VERSION": "1"},
        "propertySet": {},
    }


def test_pages_follow_next_and_count_all(rest: RestClient) -> None:
    ids, start = [], 1
    while start:
        page = rest.query("general-ledger/account", "id", size=50, start=start, orderBy=[{"id": "asc"}])
        ids += [row["id"] for row in page.result]
        assert page.meta["pageSize"] == 50 and page.meta["start"] == start
        start = page.meta["next"]
    assert len(ids) == page.meta["totalCount"] == len(set(ids)) and ids == sorted(ids)
    assert page.meta["previous"] is not None
    one = rest.query("general-ledger/account", "id", size=1)
    assert (len(one.result), one.meta["totalCount"], one.meta["previous"]) == (1, len(ids), None)


def test_a_list_has_keys_ids_and_addresses_a_hundred_a_page(rest: RestClient) -> None:
    page = rest.get("/objects/general-ledger/account")
    assert len(page.result) == 100 and page.result[0].keys() == {"key", "id", "href"}
    assert page.meta["next"] == 101
    assert rest.get("/objects/general-ledger/account?start=101").meta["next"] is None


def test_a_query_names_the_object_with_or_without_its_family_and_takes_what_clients_send(rest: RestClient) -> None:
    sent: dict[str, Any] = {"filterExpression": None, "filterParameters": {}, "orderBy": [], "filters": []}
    for name in ("company-config/department", "objects/company-config/department"):
        assert rest.post("/services/core/query", {"object": name, "fields": ["key", "id"], **sent}).result
    assert rest.query("no-such/object", "key").status == 404


def test_several_queries_have_one_result_set_each(rest: RestClient) -> None:
    sent = [{"object": name, "fields": ["key"], "size": 1} for name in (CLASS, "company-config/location")]
    answer = rest.post("/services/core/query", sent)
    assert [one["ia::meta"]["pageSize"] for one in answer.json] == [1, 1]


def test_fields_of_a_related_record_come_along_the_reference(rest: RestClient) -> None:
    fields = "key vendor.id vendor.status vendor.name vendor.href"
    [row] = rest.query("accounts-payable/bill", fields, size=1).result
    vendor = rest.query("accounts-payable/vendor", "key status name", {"$eq": {"id": row["vendor.id"]}}).result[0]
    assert (row["vendor.status"], row["vendor.name"]) == (vendor["status"], vendor["name"])
    assert row["vendor.href"] == f"/objects/accounts-payable/vendor/{vendor['key']}"
    related = rest.query("accounts-payable/bill", "key", {"$eq": {"vendor.status": "inactive"}})
    assert related.meta["totalCount"] == 0
    [entry] = rest.query(
        "general-ledger/journal-entry", "glJournal.id glJournal.key glJournal.isAdjustment", size=1
    ).result
    journal = rest.query("general-ledger/journal", "key", {"$eq": {"id": entry["glJournal.id"]}}).result[0]
    assert (entry["glJournal.key"], entry["glJournal.isAdjustment"]) == (journal["key"], False)


def test_an_enumeration_is_found_by_its_word_however_xml_spells_it(rest: RestClient) -> None:
    rows = rest.query("accounts-payable/bill", "key state", size=4000).result
    states = {row["state"] for row in rows}
    assert states >= {"posted", "draft"}
    for state in (*states, "partiallyPaid"):
        count = sum(1 for row in rows if row["state"] == state)
        assert rest.query("accounts-payable/bill", "key", {"$eq": {"state": state}}).meta["totalCount"] == count
    accounts = rest.query("general-ledger/account", "accountType closingType", size=4000).result
    count = sum(1 for row in accounts if row["closingType"] == "nonClosingAccount")
    assert 0 < count < len(accounts)
    filtered = rest.query("general-ledger/account", "key", {"$eq": {"closingType": "nonClosingAccount"}})
    assert filtered.meta["totalCount"] == count


def test_nulls_booleans_numbers_amounts_and_days_compare_as_what_they_are(rest: RestClient) -> None:
    rows = rest.query(
        "accounts-payable/bill", "key totalTxnAmount dueDate isOnHold description audit.modifiedDateTime", size=4000
    ).result

    def count(condition: Any) -> int:
        return int(rest.query("accounts-payable/bill", "key", condition).meta["totalCount"])

    assert count({"$gt": {"totalTxnAmount": "1000.00"}}) == sum(float(row["totalTxnAmount"]) > 1000 for row in rows)
    assert count({"$gt": {"totalTxnAmount": 1000}}) == count({"$gt": {"totalTxnAmount": "1000.00"}})
    assert count({"$gte": {"dueDate": "2026-11-20"}}) == sum(row["dueDate"] >= "2026-11-20" for row in rows)
    assert count({"$eq": {"description": None}}) == sum(row["description"] is None for row in rows)
    assert count({"$ne": {"description": None}}) == sum(row["description"] is not None for row in rows)
    assert count({"$eq": {"isOnHold": False}}) == count({"$eq": {"isOnHold": "false"}}) == len(rows)
    latest = max(row["audit.modifiedDateTime"] or "" for row in rows)
    assert count({"$gte": {"audit.modifiedDateTime": latest}}) >= 1
    assert count({"$gt": {"audit.modifiedDateTime": latest}}) == 0
    assert count({"$lte": {"key": int(rows[2]["key"])}}) == 3
    assert count({"$lte": {"createdDate": "today"}}) == len(rows)
    assert count({"$lt": {"createdDate": "priorYear"}}) == 0


def test_aggregates_group_by_the_plain_fields(rest: RestClient) -> None:
    rows = rest.query("accounts-payable/bill", "state totalTxnAmount", size=4000).result
    groups = rest.query("accounts-payable/bill", "state sum:totalTxnAmount count:key max:totalTxnAmount").result
    assert {group["state"] for group in groups} == {row["state"] for row in rows}
    for group in groups:
        amounts = [float(row["totalTxnAmount"]) for row in rows if row["state"] == group["state"]]
        assert group["count:key"] == len(amounts)
        assert float(group["sum:totalTxnAmount"]) == pytest.approx(sum(amounts))
        assert float(group["max:totalTxnAmount"]) == max(amounts)


def test_an_order_goes_both_ways_and_without_one_rows_come_by_key(served: Served) -> None:
    rest = served()[0].sign_in()
    names = [row["name"] for row in rest.query("accounts-payable/vendor", "name", orderBy=[{"name": "desc"}]).result]
    assert names == sorted(names, reverse=True)
    keys = [int(row["key"]) for row in rest.query("accounts-payable/bill", "key").result]
    assert keys == sorted(keys)
    other = served(settings=EmulatorSettings(behaviour=Behaviour(rest_order="none")))[0].sign_in()
    assert other.query("accounts-payable/bill", "key").status == 200


def test_private_records_are_left_out_at_the_top_level_unless_they_are_wanted(rest: RestClient) -> None:
    shown = rest.query("accounts-payable/vendor", "key", filterParameters={"includePrivate": True}).meta["totalCount"]
    assert rest.query("accounts-payable/vendor", "key").meta["totalCount"] < shown


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("today", "02/29/2028"),
        ("yesterday", "02/28/2028"),
        ("currentWeek", "02/28/2028"),
        ("lastWeek", "02/21/2028"),
        ("currentMonth", "02/01/2028"),
        ("priorMonth", "01/01/2028"),
        ("currentQuarter", "01/01/2028"),
        ("priorQuarter", "10/01/2027"),
        ("currentYear", "01/01/2028"),
        ("priorYear", "01/01/2027"),
    ],
)
def test_a_day_by_its_name(name: str, day: str) -> None:
    today = parse_value(Kind.DATE, "02/29/2028", DEFAULT)
    assert named_day(name, today) == parse_value(Kind.DATE, day, DEFAULT)  # type: ignore[arg-type]  # a date
    assert named_day("someday", today) is None  # type: ignore[arg-type]  # a date
