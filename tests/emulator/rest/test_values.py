"""The two ways from a stored cell to JSON give the same, for every kind of field and any text."""

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from intacct_emulator.rest.catalogue import RestField
from intacct_emulator.rest.values import from_cell, to_cell, to_json
from intacct_emulator.settings.cells import decimal_text, escaped

KINDS = (
    RestField(),
    RestField("boolean"),
    RestField("number"),
    RestField(format="date"),
    RestField(format="date-time"),
    RestField(format="decimal-precision-2"),
    RestField(format="decimal-precision-10"),
    RestField(enum=("active", "partiallyPaid", None)),
)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1),
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(decimal_text),
    st.integers().map(str),
    st.dates().map(lambda day: f"{day:%m/%d}/{day.year:04}"),
    st.datetimes().map(lambda time: f"{time:%m/%d}/{time.year:04} {time:%H:%M:%S}"),
    st.sampled_from(
        ["true", "false", "T", "F", "Active", "Partially Paid", 'a "b" \\ & <c>', "0", "-0.5", "007", "1.005"]
    ),
)


@given(st.sampled_from(KINDS), TEXTS)
def test_the_short_way_gives_what_the_long_one_gives(definition: RestField, text: str) -> None:
    cell = escaped(text)
    expected = json.loads(json.dumps(from_cell(definition, {})(text)))
    assert json.loads(to_json(definition, {})(cell)) == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_an_amount_goes_there_and_back_to_the_cent(amount: Decimal) -> None:
    definition = RestField(format="decimal-precision-2")
    text = decimal_text(amount)
    shown = from_cell(definition, {})(text)
    assert Decimal(shown) == amount and shown.partition(".")[2].isdigit() and len(shown.partition(".")[2]) == 2
    assert Decimal(to_cell(definition, shown, None, {})) == amount
