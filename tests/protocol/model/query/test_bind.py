from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.bind import bind, column_kind, kinds, resolve
from intacct_protocol.model.query.query import Aggregate, And, Compare, Filter, Op, Or, Order, Query, field
from intacct_protocol.xml.values import Kind
from support.protocol.objects import STATES, bill, catalog


def bound(where: Filter, **more: Any) -> Any:
    return bind(Query("apbill", ("RECORDNO",), where=where, **more), catalog()).where


def test_bound_names_have_the_gateways_spelling() -> None:
    found = bind(
        Query(
            "apbill",
            ("recordno", "vendor.name", "my_COLOUR", Aggregate("sum", "totaldue")),
            order=(Order("whencreated", descending=True),),
        ),
        catalog(),
    )
    assert found.object == "APBILL"
    assert found.select == ("RECORDNO", "VENDOR.NAME", "my_colour", Aggregate("sum", "TOTALDUE"))
    assert found.order == (Order("WHENCREATED", descending=True),)


def test_a_number_with_too_many_digits_is_refused_with_what_to_write() -> None:
    with pytest.raises(InvalidRequestError, match="has more than 14 digits after the point") as refused:
        bound(field("TOTALDUE") > Decimal("1.000000000000001"))
    assert refused.value.fix == "write fewer digits; a number is never rounded to fit"
    assert bound(field("TOTALDUE") > Decimal("1.00000000000001")) is not None


def test_a_star_selects_every_field_once() -> None:
    found = bind(Query("APBILL", ("RECORDNO", "*", "VENDOR.NAME")), catalog())
    assert found.select == (*bill().fields, "VENDOR.NAME")


@pytest.mark.parametrize(
    ("name", "full", "kind"),
    [
        ("payto.taxid", "PAYTO.TAXID", Kind.TEXT),
        ("VENDOR.CREDITLIMIT", "VENDOR.CREDITLIMIT", Kind.DECIMAL),
        ("VENDOR.ODD", "VENDOR.ODD", Kind.INTEGER),
        ("vendor.displaycontact.email1", "VENDOR.DISPLAYCONTACT.EMAIL1", Kind.TEXT),
        ("VENDOR.DISPLAYCONTACT.MAILADDRESS.ZIP", "VENDOR.DISPLAYCONTACT.MAILADDRESS.ZIP", Kind.TEXT),
        ("VENDOR.PARENT.NAME", "VENDOR.PARENT.NAME", Kind.TEXT),
    ],
)
def test_dotted_names_are_fields_first_then_paths(name: str, full: str, kind: Kind) -> None:
    found = resolve(name, bill(), catalog())
    assert (found.name, found.definition.kind) == (full, kind)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("VENDOR.PARENT.PARENT.NAME", "follows it only once"),
        ("VENDER.NAME", r"no relation VENDER; did you mean VENDOR\.NAME"),
        ("VENDOR.NAEM", r"VENDOR has no field NAEM; did you mean NAME\?"),
        ("TERM.NAME", "no object APTERM"),
        ("VENDOR.", "no field VENDOR"),
        ("TOTALDEU", "APBILL has no field TOTALDEU; did you mean TOTALDUE"),
    ],
)
def test_unknown_names_are_named_in_the_error(name: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        bind(Query("APBILL", (name,)), catalog())


def test_an_unknown_object_is_named_in_the_error() -> None:
    with pytest.raises(InvalidRequestError, match="there is no object APBIL; did you mean APBILL"):
        bind(Query("APBIL", ("RECORDNO",)), catalog())


@pytest.mark.parametrize(
    ("name", "given", "typed"),
    [
        ("RECORDNO", 5, 5),
        ("RECORDNO", Decimal("5"), 5),
        ("RECORDNO", Decimal("5.5"), Decimal("5.5")),
        ("TOTALDUE", 5, Decimal(5)),
        ("TOTALDUE", Decimal("0.10"), Decimal("0.10")),
        ("VENDOR.CREDITLIMIT", 5, Decimal(5)),
        ("WHENCREATED", date(2026, 1, 31), date(2026, 1, 31)),
        ("WHENCREATED", datetime(2026, 1, 31, tzinfo=UTC), date(2026, 1, 31)),
        ("WHENCREATED", "2026-01-31", date(2026, 1, 31)),
        ("WHENCREATED", "01/31/2026", date(2026, 1, 31)),
        ("WHENMODIFIED", date(2026, 1, 31), date(2026, 1, 31)),
        ("WHENMODIFIED", datetime(2026, 1, 31, 9, tzinfo=UTC), datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("WHENMODIFIED", "2026-01-31T09:00:00Z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("WHENMODIFIED", "01/31/2026 09:00:00", "01/31/2026 09:00:00"),
        ("ONHOLD", True, True),
        ("ONHOLD", "TRUE", True),
        ("VENDORID", "V1", "V1"),
        ("VENDORID", 100, "100"),
        ("VENDORID", Decimal("100"), "100"),
        ("STATE", "posted", "Posted"),
        ("STATE", "PARTIALLY PAID", "Partially Paid"),
        ("STATE", "posted#~#paid", "Posted#~#Paid"),
        ("SYSTEMGENERATED", True, "T"),
        ("my_colour", "RED", "red"),
    ],
)
def test_literals_get_the_type_of_the_field(name: str, given: Any, typed: Any) -> None:
    found = bound(field(name) == given).values[0]
    assert found == typed
    assert type(found) is type(typed)


@pytest.mark.parametrize(
    ("name", "given", "says", "fix"),
    [
        ("TOTALDUE", "abc", "APBILL.TOTALDUE is a number, and 'abc' is not", ""),
        ("TOTALDUE", "5.5", "'5.5' is not", "write 5.5 without quotes"),
        ("TOTALDUE", True, "True is not", ""),
        ("RECORDNO", "x", "a whole number", ""),
        ("WHENCREATED", "soon", "APBILL.WHENCREATED is a date, and 'soon' is not", "2026-01-31"),
        ("WHENCREATED", 5, "is a date", ""),
        ("WHENCREATED", datetime(2026, 1, 31, 9, tzinfo=UTC), "is a date", "2026-01-31"),
        ("WHENMODIFIED", "soon", "is a time", "T10:00:00"),
        ("ONHOLD", "perhaps", "is true or false", ""),
        ("VENDORID", date(2026, 1, 31), "is a text", "quotes"),
        ("STATE", "Postd", "APBILL.STATE is never 'Postd'; did you mean Posted", ", ".join(STATES)),
    ],
)
def test_literals_that_the_field_cannot_hold_are_refused(name: str, given: Any, says: str, fix: str) -> None:
    with pytest.raises(InvalidRequestError, match=says) as raised:
        bound(field(name) == given)
    assert fix in raised.value.fix


def test_patterns_are_not_checked_against_the_list() -> None:
    assert bound(field("STATE").like("Po%")) == field("STATE").like("Po%")
    with pytest.raises(InvalidRequestError, match="like on TOTALDUE needs a text"):
        bound(Compare("TOTALDUE", Op.LIKE, (5,)))


def test_a_between_with_swapped_bounds_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="lower value comes first"):
        bound(field("TOTALDUE").between(10, 5))


def test_sums_need_numbers() -> None:
    with pytest.raises(InvalidRequestError, match=r"sum\(VENDORID\) needs a number; APBILL.VENDORID is a text"):
        bind(Query("APBILL", (Aggregate("sum", "VENDORID"),)), catalog())


def test_long_lists_are_split() -> None:
    keys = list(range(2500))
    found = bound(field("RECORDNO").is_in(keys))
    assert isinstance(found, Or)
    assert [len(part.values) for part in found.parts if isinstance(part, Compare)] == [1000, 1000, 500]
    assert [value for part in found.parts if isinstance(part, Compare) for value in part.values] == keys
    assert isinstance(bound(field("RECORDNO").not_in(keys)), And)


def test_columns_have_kinds() -> None:
    kind_of = kinds(bill(), catalog())
    assert column_kind("vendor.creditlimit", kind_of) is Kind.DECIMAL
    assert column_kind(Aggregate("count", "VENDORID"), kind_of) is Kind.INTEGER
    assert column_kind(Aggregate("avg", "RECORDNO"), kind_of) is Kind.DECIMAL
    assert column_kind(Aggregate("sum", "RECORDNO"), kind_of) is Kind.DECIMAL
    assert column_kind(Aggregate("max", "WHENCREATED"), kind_of) is Kind.DATE
