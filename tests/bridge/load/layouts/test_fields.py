"""Cells become the values of a field's kind, and no digit of a number is lost on the way."""

from decimal import Decimal

import pytest

from intacct_bridge.load.layouts.fields import NUMBERS, read_cell
from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.xml.values import Kind, Value


@pytest.mark.parametrize(
    ("cell", "value"), [("2", 2), ("2.0", 2), ("2.5", Decimal("2.5")), ("-0.25", Decimal("-0.25")), ("", None)]
)
def test_a_number_keeps_its_fraction_in_every_field(cell: str, value: Value) -> None:
    """A field of whole numbers too: the company refuses 2.5, where 2 would be posted without a word."""
    read = read_cell(FieldDef("QTY", Kind.INTEGER), cell)
    assert read == value
    assert type(read) is type(value)
    for kind in NUMBERS[1:]:
        decimal = read_cell(FieldDef("QTY", kind), cell)
        assert decimal == (None if value is None else Decimal(str(value)))
