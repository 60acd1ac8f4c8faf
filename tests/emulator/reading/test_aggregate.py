from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from intacct_emulator.reading.aggregate import aggregated
from intacct_protocol.model.query.query import Aggregate
from intacct_protocol.xml.values import Kind

KINDS = {"STATE": Kind.TEXT, "DUE": Kind.CURRENCY, "DAY": Kind.DATE, "N": Kind.INTEGER}
ROWS: list[dict[str, str | None]] = [
    {"STATE": "Posted", "DUE": "0.1", "DAY": "02/01/2026", "N": "9"},
    {"STATE": "Paid", "DUE": "", "DAY": "12/31/2025", "N": "10"},
    {"STATE": "Posted", "DUE": "0.2", "DAY": "01/31/2026"},
    {"STATE": None, "DUE": None, "DAY": None},
]


def test_groups_are_made_by_the_plain_fields() -> None:
    select = ("STATE", Aggregate("count", "DUE"), Aggregate("sum", "DUE"), Aggregate("max", "DAY"))
    assert aggregated(ROWS, select, KINDS.__getitem__) == [
        ("Posted", "2", "0.3", "02/01/2026"),
        ("Paid", "0", None, "12/31/2025"),
        (None, "0", None, None),
    ]


def test_without_plain_fields_there_is_one_group() -> None:
    select = (Aggregate("min", "N"), Aggregate("max", "N"), Aggregate("avg", "DUE"), Aggregate("count", "STATE"))
    assert aggregated(ROWS, select, KINDS.__getitem__) == [("9", "10", "0.15", "3")]
    assert aggregated([], select, KINDS.__getitem__) == [(None, None, None, "0")]
    assert aggregated([], ("STATE", *select), KINDS.__getitem__) == []


def test_averages_have_fourteen_places() -> None:
    rows = [{"DUE": "1"}, {"DUE": "1"}, {"DUE": "2"}]
    assert aggregated(rows, (Aggregate("avg", "DUE"),), KINDS.__getitem__) == [("1.33333333333333",)]
    assert aggregated([{"N": "100"}], (Aggregate("avg", "N"),), KINDS.__getitem__) == [("100",)]


@given(st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=2)))
def test_sums_are_exact(amounts: list[Decimal]) -> None:
    rows = [{"DUE": str(amount)} for amount in amounts]
    ((total,),) = aggregated(rows, (Aggregate("sum", "DUE"),), KINDS.__getitem__)
    assert (Decimal(total) if total else Decimal(0)) == sum(amounts, Decimal(0))
    assert (total is None) == (not amounts)
