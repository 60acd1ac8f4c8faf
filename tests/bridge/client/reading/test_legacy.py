"""Connections of document type 2.1: get_list and get, the legacy functions, and the reason for every refusal."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.query import Aggregate, Order, Query, field
from intacct_protocol.xml.envelope import Function
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import element, serialize
from support.client.company import Company
from support.client.gateway import result


def record(number: int) -> str:
    """Shape: a get_list record: lower-case fields, dates in three elements, owned lines nested."""
    return (
        f"<customer><customerid>C{number}</customerid><name>N &amp; {number}</name><parentid></parentid>"
        "<whencreated><year>2026</year><month>3</month><day>9</day></whencreated>"
        "<contactinfo><contact><contactname>x</contactname></contact></contactinfo>"
        "<customfields><customfield><customfieldname>a</customfieldname></customfield></customfields></customer>"
    )


class Legacy(Company):
    """Answers get_list over a number of customers, and get with one."""

    count = 25

    def _get_list(self, function: Function) -> str:
        start, size = int(function.body.get("start", "0")), int(function.body.get("maxitems", "100"))
        shown = range(start, min(start + size, self.count))
        listtype = f'<listtype start="{start}" end="{shown.stop - 1}" total="{self.count}">customer</listtype>'
        return result(function, f"{listtype}<data>{''.join(record(n) for n in shown)}</data>")

    def _get(self, function: Function) -> str:
        return result(function, f"<listtype total='1'>customer</listtype><data>{record(1)}</data>")


def client(company: Legacy, **settings: Any) -> Any:
    return company.client(dtd_version="2.1", **settings)


def asked(company: Legacy) -> list[str]:
    return [serialize(function.body) for function in company.asked]


def test_a_query_is_a_get_list_by_start_and_maxitems() -> None:
    company = Legacy()
    rows = list(client(company).query("CUSTOMER", "CUSTOMERID, NAME", page_size=10))
    assert [row["CUSTOMERID"] for row in rows] == [f"C{n}" for n in range(25)]
    assert rows[0] == {"CUSTOMERID": "C0", "NAME": "N & 0"}
    assert asked(company) == [
        '<get_list object="customer" maxitems="10" showprivate="true"></get_list>',
        '<get_list object="customer" maxitems="10" start="10" showprivate="true"></get_list>',
        '<get_list object="customer" maxitems="10" start="20" showprivate="true"></get_list>',
    ]


def test_a_page_has_the_cells_as_the_gateway_wrote_them() -> None:
    company = Legacy()
    query = Query("CUSTOMER", ("CUSTOMERID", "NAME"), page_size=10, show_private=True)
    rows = [row for page in client(company).pages(query) for row in page.rows]
    assert [row["customerid"] for row in rows] == [f"C{n}" for n in range(25)]
    assert rows[0] == {
        "customerid": "C0",
        "name": "N & 0",
        "parentid": None,
        "whencreated": "03/09/2026",
        "contactinfo": '[{"contactname": "x"}]',
        "customfields": '[{"customfieldname": "a"}]',
    }
    fields = "<fields><field>customerid</field><field>name</field></fields>"
    assert asked(company) == [
        f'<get_list object="customer" maxitems="10" showprivate="true">{fields}</get_list>',
        f'<get_list object="customer" maxitems="10" start="10" showprivate="true">{fields}</get_list>',
        f'<get_list object="customer" maxitems="10" start="20" showprivate="true">{fields}</get_list>',
    ]
    assert company.gateway.requests[0].control.dtd_version == "2.1"


def test_a_limit_and_the_largest_page_are_respected() -> None:
    company = Legacy()
    assert len(list(client(company).query("customer", limit=3))) == 3
    list(client(company, location_id="1").query(Query("CUSTOMER", ("*",))))
    assert asked(company) == [
        '<get_list object="customer" maxitems="3" showprivate="true"></get_list>',
        '<get_list object="customer" maxitems="1000"></get_list>',
    ]


def test_filters_and_sorts_are_written_for_document_type_21() -> None:
    company = Legacy()
    where = (
        (field("NAME").like("A%") | field("STATUS").is_in(["active", "inactive"]))
        & field("TOTALDUE").between(Decimal(1), Decimal("2.50"))
        & (field("WHENCREATED") >= date(2026, 1, 31))
        & field("PARENTID").is_null()
    )
    list(client(company).query("CUSTOMER", where=where, order=[Order("NAME", descending=True)], limit=1))

    def expression(name: str, operator: str, value: str) -> str:
        return f"<expression><field>{name}</field><operator>{operator}</operator><value>{value}</value></expression>"

    def logical(operator: str, *parts: str) -> str:
        return f'<logical logical_operator="{operator}">{"".join(parts)}</logical>'

    either = logical(
        "or",
        expression("name", "like", "A%"),
        logical("or", expression("status", "=", "active"), expression("status", "=", "inactive")),
    )
    within = logical("and", expression("totaldue", "&gt;=", "1"), expression("totaldue", "&lt;=", "2.50"))
    since, orphan = expression("whencreated", "&gt;=", "01/31/2026"), expression("parentid", "is null", "")
    assert asked(company)[0] == (
        '<get_list object="customer" maxitems="1" showprivate="true">'
        f"<filter>{logical('and', either, within, since, orphan)}</filter>"
        '<sorts><sortfield order="desc">name</sortfield></sorts></get_list>'
    )


@pytest.mark.parametrize(
    ("select", "options", "said"),
    [
        ("NAME", {"where": field("NAME").not_like("A%")}, "no operator notlike"),
        ("NAME", {"where": field("NAME").is_not_null()}, "no operator isnotnull"),
        ("PARENT.NAME", {}, "no related fields"),
        ([Aggregate("count", "NAME")], {}, "no aggregates"),
        ("NAME", {"doc_par_id": "x"}, "docparid"),
    ],
)
def test_unsupported_queries_are_refused_with_the_reason(select: Any, options: Any, said: str) -> None:
    company = Legacy()
    with pytest.raises(InvalidRequestError, match=said) as caught:
        list(client(company).query("CUSTOMER", select, **options))
    assert "3.0" in caught.value.fix
    assert asked(company) == []


def test_objects_that_21_does_not_reach_are_refused() -> None:
    company = Legacy()
    with pytest.raises(InvalidRequestError, match=r"document type 2\.1 does not reach CONTRACT"):
        list(client(company).query("CONTRACT"))


def test_a_record_of_a_list_is_the_one_that_was_asked_for() -> None:
    company = Legacy()  # it ignores filters, and answers each list with customers
    with pytest.raises(InvalidRequestError, match="there is no GLENTRY with the record number 1"):
        list(client(company).read("GLENTRY", [1]))


def test_columns_have_intacct_s_names_and_types_and_unknown_cells_stay_text() -> None:
    company = Legacy()
    query = Query("CUSTOMER", ("*",), page_size=20)
    assert [len(page.rows) for page in client(company).pages(query)] == [20, 5]
    batches = list(client(company).batches(query))
    assert [batch.num_rows for batch in batches] == [20, 5]
    first = batches[0].to_pylist()[0]
    assert (first["CUSTOMERID"], first["NAME"], first["PARENTID"]) == ("C0", "N & 0", None)
    assert first["WHENCREATED"] == datetime(2026, 3, 9, tzinfo=UTC)
    assert first["contactinfo"] == '[{"contactname": "x"}]'
    (rows,) = client(company).batches(replace(query, select=("NAME", "TOTALDUE")), limit=1)
    assert rows.to_pylist() == [{"NAME": "N & 0", "TOTALDUE": None}]


def test_records_come_by_get_with_their_lines() -> None:
    company = Legacy()
    (found,) = client(company).read_by_name("CUSTOMER", ["C1"])
    assert found["customerid"] == "C1"
    assert found["customfields"] == [{"customfieldname": "a"}]
    assert asked(company) == ['<get object="customer" key="C1"></get>']


def test_writes_use_the_legacy_functions_in_their_order() -> None:
    """Shape: create_customer, update_customer and delete_customer of the 2.1 DTD."""
    company = Legacy()
    made = client(company)
    (outcome,) = made.create("CUSTOMER", [{"NAME": "Ada", "CUSTOMERID": "C1"}])
    assert (outcome.ok, outcome.key) == (True, "1")
    made.update("CUSTOMER", [{"CUSTOMERID": "C1", "STATUS": "inactive"}])
    made.delete("CUSTOMER", ["C1"])
    assert asked(company) == [
        "<create_customer><customerid>C1</customerid><name>Ada</name></create_customer>",
        '<update_customer customerid="C1"><status>inactive</status></update_customer>',
        '<delete_customer customerid="C1"></delete_customer>',
    ]


def test_a_field_without_a_place_and_an_update_without_a_key_are_refused() -> None:
    company = Legacy()
    with pytest.raises(InvalidRequestError, match=r"CUSTOMER\.SHOESIZE has no place in create_customer"):
        client(company).create("CUSTOMER", [{"CUSTOMERID": "C1", "NAME": "x", "SHOESIZE": "44"}])
    with pytest.raises(InvalidRequestError, match="must name its record"):
        client(company).update("CUSTOMER", [{"STATUS": "inactive"}])
    with pytest.raises(InvalidRequestError, match="must name its record") as caught:
        client(company).update("CUSTOMER", [{"RECORDNO": 7, "STATUS": "inactive"}])
    assert caught.value.fix == "Give CUSTOMERID."
    assert asked(company) == []


@pytest.mark.parametrize("function", ["query", "lookup", "create", "readReport", "approve"])
def test_generic_functions_are_refused_before_they_are_sent(function: str) -> None:
    company = Legacy()
    with pytest.raises(InvalidRequestError, match=rf"no function {function}"):
        client(company).call(element(function))
    assert client(company).call(element("get_companyprefs", "", application="GL"))[0].status == "success"


def test_legacy_definitions_need_no_call() -> None:
    company = Legacy()
    made = client(company)
    assert made.objects()["CUSTOMER"] == "customer"
    described = made.describe("customer")
    assert (described.name, described.label) == ("CUSTOMER", "customer")
    assert described.find("customerid").kind is Kind.TEXT
    assert described.find("onhold").kind is Kind.BOOLEAN
    assert asked(company) == []


class Nested(Legacy):
    """Bills with lines that hold lines, and elements that come twice."""

    count = 1

    def _get_list(self, function: Function) -> str:
        return result(function, f"<listtype start='0' end='0' total='1'>bill</listtype><data>{NESTED}</data>")

    def _get(self, function: Function) -> str:
        return result(function, f"<listtype total='1'>bill</listtype><data>{NESTED}</data>")


NESTED = (
    "<bill><key>5</key><billitems><lineitem><line_num>1</line_num><memo></memo>"
    "<taxentries><taxentry><detailid>GST</detailid></taxentry><taxentry><detailid>PST</detailid></taxentry></taxentries>"
    "<customfields><customfield><customfieldname>A</customfieldname></customfield></customfields>"
    "</lineitem></billitems><payto><contact>X</contact><files><file><name>a</name></file></files></payto>"
    "<keys><key>7</key><key>8 &#228;</key></keys><note><by>me</by></note><note><by>you</by></note></bill>"
)


def test_lines_inside_lines_and_elements_that_come_twice_are_kept() -> None:
    (row,) = client(Nested()).query("APBILL")
    assert row == {
        "RECORDNO": "5",
        "payto.contact": "X",
        "keys.key": '["7", "8 ä"]',
        "billitems": (
            '[{"line_num": "1", "taxentries": [{"detailid": "GST"}, {"detailid": "PST"}],'
            ' "customfields": [{"customfieldname": "A"}]}]'
        ),
        "payto.files": '[{"name": "a"}]',
        "note": '[{"by": "me"}, {"by": "you"}]',
    }
    (record,) = client(Nested()).read("APBILL", ["5"])
    assert record["billitems"] == [
        {
            "line_num": "1",
            "memo": None,
            "taxentries": '[{"detailid": "GST"}, {"detailid": "PST"}]',
            "customfields": '[{"customfieldname": "A"}]',
        }
    ]
