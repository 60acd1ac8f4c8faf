"""Filters, fields and values for the property tests of the model layer."""

from datetime import UTC, date, datetime

from hypothesis import strategies as st

from intacct_protocol.model.query.query import And, Compare, Filter, Op, Or

NAMES = st.sampled_from(["RECORDNO", "TOTALDUE", "STATE", "WHENMODIFIED", "CUSTOMER.CREDITLIMIT", "GLDIMCOLOUR"])
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12)
DATES = st.dates(date(1950, 1, 1), date(2079, 12, 31))
TIMES = st.datetimes(datetime(1950, 1, 1), datetime(2079, 12, 31), timezones=st.just(UTC)).map(
    lambda one: one.replace(microsecond=0)
)
LITERALS = st.one_of(TEXTS, st.integers(-(10**15), 10**15), DECIMALS, DATES, TIMES, st.booleans())
ONE_VALUE = st.sampled_from([op for op in Op if op not in (Op.BETWEEN, Op.IN, Op.NOTIN, Op.ISNULL, Op.ISNOTNULL)])


def compares(values: st.SearchStrategy[object], names: st.SearchStrategy[str] = NAMES) -> st.SearchStrategy[Compare]:
    return st.one_of(
        st.builds(Compare, names, ONE_VALUE, st.tuples(values)),
        st.builds(Compare, names, st.just(Op.BETWEEN), st.tuples(values, values)),
        st.builds(
            Compare, names, st.sampled_from([Op.IN, Op.NOTIN]), st.lists(values, min_size=1, max_size=4).map(tuple)
        ),
        st.builds(Compare, names, st.sampled_from([Op.ISNULL, Op.ISNOTNULL])),
    )


def filters(values: st.SearchStrategy[object], names: st.SearchStrategy[str] = NAMES) -> st.SearchStrategy[Filter]:
    return st.recursive(
        compares(values, names),
        lambda inner: (
            st.lists(inner, min_size=2, max_size=4)
            .map(tuple)
            .flatmap(lambda parts: st.sampled_from([And(parts), Or(parts)]))
        ),
        max_leaves=8,
    )
