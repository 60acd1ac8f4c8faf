"""Strategies for rows as JSON lines."""

from datetime import UTC, date, datetime

import pyarrow as pa
from hypothesis import strategies as st

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
MONEY = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**13), max_value=10**13, places=14)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "t": st.none() | TEXT,
            "i": st.none() | st.integers(-(2**60), 2**60),
            "d": st.none() | MONEY,
            "b": st.none() | st.booleans(),
            "day": st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31)),
            "at": st.none() | st.datetimes(datetime(1678, 1, 1), datetime(2261, 12, 31), timezones=st.just(UTC)),
        }
    ),
    max_size=6,
)
SCHEMA = pa.schema(
    [
        ("t", pa.string()),
        ("i", pa.int64()),
        ("d", pa.decimal128(38, 14)),
        ("b", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", "UTC")),
    ]
)
