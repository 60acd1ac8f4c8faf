"""A filter as text reads back as the same filter."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from intacct_protocol.model.query.query import Aggregate, Filter, Op, Order, comparisons, field, rebuilt
from intacct_protocol.model.query.where import parse_order, parse_select, parse_where
from intacct_protocol.model.query.where_text import typed_text, where_text
from intacct_protocol.xml.values import Kind
from support.protocol.strategies import filters

VALUES = st.one_of(
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1).filter(str.strip),
    st.integers(-(10**12), 10**12),
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)).map(lambda one: one.replace(microsecond=0)),
    st.booleans(),
)


@given(filters(VALUES))
def test_a_filter_reads_back(one: Filter) -> None:
    patterns = [leaf.values[0] for leaf in comparisons(one) if leaf.op in (Op.LIKE, Op.NOTLIKE)]
    assume(all(isinstance(pattern, str) for pattern in patterns))
    assert parse_where(where_text(one)) == rebuilt(one, lambda leaf: leaf)  # nested ands are one and


def test_texts_are_quoted_and_moments_are_iso() -> None:
    due = (field("WHENDUE") > date(2026, 1, 31)) & (field("NAME") == "O'Hara")
    assert where_text(due) == "WHENDUE > 2026-01-31 and NAME = 'O''Hara'"
    either = (field("A") == Decimal("1.50")) | field("B").is_null()
    assert where_text(either & (field("C") == True)) == "(A = 1.50 or B is null) and C = true"  # noqa: E712
    changed = field("WHENMODIFIED") >= datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert where_text(changed) == "WHENMODIFIED >= 2026-01-31T10:00:00Z"
    assert (typed_text(Kind.TEXT, "a'b"), typed_text(Kind.CURRENCY, "5"), typed_text(Kind.DATE, "2026-01-31")) == (
        "'a''b'", "5", "2026-01-31",
    )  # fmt: skip


def test_selections_and_orders_are_read() -> None:
    assert parse_select("STATE, sum(TOTALDUE)") == ("STATE", Aggregate("sum", "TOTALDUE"))
    assert parse_order("A desc, B") == (Order("A", descending=True), Order("B"))
