"""Packed rows have the text of each value in its field, whatever the other rows of their block have."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from intacct_emulator.settings.cells import text_of
from intacct_emulator.store.packing import ColumnTexts, RowPacker
from intacct_emulator.store.store import Store, TablePlan, open_database
from intacct_protocol.xml.values import Kind, Value

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VALUES = st.sampled_from(
    [None, "", "a", "1", "<&>", "é", 0, 1, True, False, Decimal(0), Decimal("-0.00"), Decimal("1.00"), Decimal(1),
     date(2026, 3, 1), NOON, NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=2)))]
)  # fmt: skip
ROWS = st.lists(st.dictionaries(st.sampled_from("ABCD"), VALUES), min_size=1, max_size=4)


@given(ROWS, st.sampled_from((1, 2, 600)))
@example([{"A": 1, "B": True}, {"A": True, "B": 1}], 2)
@example([{"A": 1, "B": Decimal(1)}], 1)
@example([{"A": "a", "B": "a"}, {"A": "a"}], 600)
@example([{"A": Decimal("1.00"), "B": Decimal(1)}, {"A": Decimal("2.0"), "B": Decimal(2)}], 1)
@settings(max_examples=60)
def test_a_packed_row_has_the_text_of_each_of_its_values(patterns: list[dict[str, Value]], times: int) -> None:
    rows = patterns * times
    plan = TablePlan("X", "RECORDNO", key_is_integer=True, searchable=(("A", Kind.TEXT), ("B", Kind.TEXT)))
    with closing(open_database(None)) as connection:
        table = Store(connection, "c", lambda _: plan).table("X")
        packer = RowPacker(table, ColumnTexts())
        for row in rows:
            packer.add(row)
        packer.finish()
        stored = list(table.rows())
        found = table.find("A", "a")
    expected = [
        {name: text for name, value in {**row, "RECORDNO": number}.items() if (text := text_of(value))}
        for number, row in enumerate(rows, 1)
    ]
    assert stored == list(enumerate(expected, 1))
    assert found == [number for number, row in enumerate(rows, 1) if row.get("A") == "a"]
