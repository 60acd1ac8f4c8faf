from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.errors import InvalidRequestError, LocalProtocolError
from intacct_protocol.model.query.filter_xml import filter_element, filter_from, query_element, query_from
from intacct_protocol.model.query.query import Aggregate, And, Compare, Filter, Op, Order, Query, field
from intacct_protocol.xml.values import Formatting, Kind, Value
from intacct_protocol.xml.xml import Element, parse, serialize
from support.protocol.strategies import LITERALS, NAMES, TEXTS, filters

# shape: DOC queries, XSD
QUERY = (
    "<query><object>APBILL</object><select><field>RECORDNO</field><field>VENDOR.NAME</field>"
    "<sum>TOTALDUE</sum></select><filter><and><greaterthan><field>TOTALDUE</field><value>100.5</value></greaterthan>"
    "<or><in><field>STATE</field><value>Posted</value><value>Paid</value></in>"
    "<isnull><field>WHENPAID</field></isnull></or>"
    "<between><field>WHENDUE</field><value>01/31/2026</value><value>02/28/2026</value></between></and></filter>"
    "<orderby><order><field>WHENDUE</field><descending></descending></order>"
    "<order><field>RECORDNO</field><ascending></ascending></order></orderby>"
    "<options><caseinsensitive>true</caseinsensitive><showprivate>true</showprivate></options>"
    "<pagesize>2000</pagesize><offset>4000</offset><docparid>Sales Order</docparid></query>"
)


def query() -> Query:
    where = And(
        (
            field("TOTALDUE") > Decimal("100.5"),
            field("STATE").is_in(["Posted", "Paid"]) | field("WHENPAID").is_null(),
            field("WHENDUE").between(date(2026, 1, 31), date(2026, 2, 28)),
        )
    )
    return Query(
        "APBILL",
        ("RECORDNO", "VENDOR.NAME", Aggregate("sum", "TOTALDUE")),
        where=where,
        order=(Order("WHENDUE", descending=True), Order("RECORDNO")),
        offset=4000,
        case_insensitive=True,
        show_private=True,
        doc_par_id="Sales Order",
    )


def test_a_query_is_written_in_the_gateways_shape() -> None:
    assert serialize(query_element(query())) == QUERY


def test_a_query_is_read_whatever_the_order_of_its_parts() -> None:
    whole = parse(QUERY.encode())
    turned = Element("query", "", whole.children[::-1])
    found = query_from(turned)
    assert found == query_from(whole)
    assert found.select == query().select
    assert found.order == query().order
    assert (found.offset, found.case_insensitive, found.show_private, found.doc_par_id) == (
        4000,
        True,
        True,
        "Sales Order",
    )


def test_missing_parts_of_a_query_have_the_gateways_defaults() -> None:
    found = query_from(parse(b"<query><object>CLASS</object><select><field>NAME</field></select></query>"))
    assert found == Query("CLASS", ("NAME",), page_size=100)
    assert found.return_format is None


@given(filters(TEXTS))
def test_reading_undoes_writing(node: Filter) -> None:
    assert filter_from(parse(serialize(filter_element(node)).encode())) == node


@given(filters(LITERALS))
def test_typed_literals_become_the_text_of_their_kind(node: Filter) -> None:
    written = filter_element(node)
    assert filter_element(filter_from(written)) == written


@given(
    where=st.none() | filters(TEXTS),
    select=st.lists(NAMES | st.builds(Aggregate, st.sampled_from(["count", "sum"]), NAMES), min_size=1, max_size=4),
    order=st.lists(st.builds(Order, NAMES, st.booleans()), max_size=3),
    page_size=st.integers(1, 2000),
    offset=st.integers(0, 10**6),
    flags=st.tuples(st.booleans(), st.booleans()),
    return_format=st.sampled_from([None, "xml", "json", "csv"]),
)
def test_reading_a_query_undoes_writing_it(
    where: Filter | None,
    select: list[str | Aggregate],
    order: list[Order],
    page_size: int,
    offset: int,
    flags: tuple[bool, bool],
    return_format: str | None,
) -> None:
    asked = Query(
        "APBILL",
        tuple(select),
        where=where,
        order=tuple(order),
        page_size=page_size,
        offset=offset,
        case_insensitive=flags[0],
        show_private=flags[1],
        return_format=return_format,
    )
    assert query_from(query_element(asked)) == asked


def test_values_are_written_by_kind() -> None:
    cases: dict[str, Value] = {
        "true": True,
        "12": 12,
        "0.10": Decimal("0.10"),
        "01/31/2026": date(2026, 1, 31),
        "01/31/2026 10:00:00": datetime(2026, 1, 31, 10, tzinfo=UTC),
        "as it stands ": "as it stands ",
    }
    for text, value in cases.items():
        assert filter_element(Compare("A", Op.EQUALTO, (value,))).findtext("value") == text


def test_times_are_written_on_the_users_clock() -> None:
    moment = field("WHENMODIFIED") >= datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    assert filter_element(moment, Formatting(".dmY", 12, 90)).findtext("value") == "02/01/2026 01:00:00"


def test_a_day_on_a_timestamp_is_that_days_midnight_on_the_users_clock() -> None:
    day = field("WHENMODIFIED") >= date(2026, 1, 31)
    written = filter_element(day, Formatting(offset_minutes=-300), lambda _name: Kind.TIMESTAMP)
    assert written.findtext("value") == "01/31/2026 00:00:00"


def test_a_single_part_is_written_without_its_and() -> None:
    assert filter_element(And((field("A") == 1,))) == filter_element(field("A") == 1)


def test_a_list_past_the_limit_is_never_sent() -> None:
    with pytest.raises(LocalProtocolError, match="1,001 values for RECORDNO"):
        filter_element(Compare("RECORDNO", Op.IN, tuple(range(1001))))


@pytest.mark.parametrize(
    "broken",
    [
        "<and><isnull><field>A</field></isnull></and>",
        "<or></or>",
        "<nearby><field>A</field><value>1</value></nearby>",
        "<equalto><field>A</field></equalto>",
        "<equalto><value>1</value></equalto>",
        "<equalto><field>A</field><value>1</value><value>2</value></equalto>",
        "<equalto><field>A</field><value>1</value><note>2</note></equalto>",
        "<between><field>A</field><value>1</value></between>",
        "<in><field>A</field></in>",
        f"<in><field>A</field>{'<value>1</value>' * 1001}</in>",
        "<isnull><field>A</field><value>1</value></isnull>",
    ],
)
def test_filters_that_the_schema_refuses_are_refused(broken: str) -> None:
    with pytest.raises(InvalidRequestError):
        filter_from(parse(broken.encode()))


@pytest.mark.parametrize(
    "broken",
    [
        "<query><select><field>A</field></select></query>",
        "<query><object>A</object></query>",
        "<query><object>A</object><object>A</object><select><field>A</field></select></query>",
        "<query><object>A</object><select><field>A</field></select><where></where></query>",
        "<query><object>A</object><select><every>A</every></select></query>",
        "<query><object>A</object><select></select></query>",
        "<query><object>A</object><select><field>A</field></select><filter></filter></query>",
        (
            "<query><object>A</object><select><field>A</field></select><filter><isnull><field>A</field></isnull>"
            "<isnull><field>B</field></isnull></filter></query>"
        ),
        "<query><object>A</object><select><field>A</field></select><pagesize>3000</pagesize></query>",
        "<query><object>A</object><select><field>A</field></select><pagesize>many</pagesize></query>",
        "<query><object>A</object><select><field>A</field></select><orderby><field>A</field></orderby></query>",
        (
            "<query><object>A</object><select><field>A</field></select><orderby><order><field>A</field><sideways/></order>"
            "</orderby></query>"
        ),
        (
            "<query><object>A</object><select><field>A</field></select><options><showprivate>true</showprivate>"
            "<caseinsensitive>true</caseinsensitive></options></query>"
        ),
    ],
)
def test_queries_that_the_schema_refuses_are_refused(broken: str) -> None:
    with pytest.raises(InvalidRequestError):
        query_from(parse(broken.encode()))
