"""Dimensions, their relationships, and balances by dimension."""

import pytest

from intacct_bridge.emulator.gateway.gateway import Emulator
from support.emulator.calls import data, element, rows

NOVEMBER = "".join(element(tag, year=2026, month=11, day=day) for tag, day in (("startdate", 1), ("enddate", 30)))


def test_dimensions_and_their_relationships(demo: Emulator) -> None:
    # shape: what a client in production reads of getDimensions
    (dimensions,) = data(demo, "<getDimensions/>")
    found = {row["objectName"]: row["userDefinedDimension"] for row in rows(dimensions)}
    assert found["DEPARTMENT"] == "false"
    assert found["GLDIMFUND"] == "true"
    related = data(demo, "<getDimensionRelationships/>")
    project = next(one for one in related if one.findtext("dimension") == "PROJECT")
    assert "CUSTOMER" in [each.findtext("dimension") for each in project.findall("related")]


def test_balances_by_dimension_add_up_to_the_balances(demo: Emulator) -> None:
    account = "<glaccountno>60100</glaccountno>"
    asked = f"<get_accountbalancesbydimensions>{NOVEMBER}{account}<groupby>DEPARTMENTID,LOCATIONID</groupby>"
    parts = rows(data(demo, f"{asked}</get_accountbalancesbydimensions>"))
    whole = rows(data(demo, f"<get_accountbalances>{NOVEMBER}{account}</get_accountbalances>"))
    assert {"departmentid", "locationid"} <= set(parts[0])
    assert sum(float(row["debits"]) for row in parts) == pytest.approx(sum(float(row["debits"]) for row in whole))
