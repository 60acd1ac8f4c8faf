"""Dimensions, their relationships, and balances by dimension."""

from dataclasses import replace

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import LOGIN, data, element, one, query, rows

NOVEMBER = "".join(element(tag, year=2026, month=11, day=day) for tag, day in (("startdate", 1), ("enddate", 30)))


def test_a_user_defined_dimension_is_named_by_the_object_that_query_knows(demo: Emulator) -> None:
    # The page on dimensions: `objectName` is the object integration name, such as LINE_OF_BUSINESS.
    (dimensions,) = data(demo, "<getDimensions/>")
    found = {row["objectName"]: row for row in rows(dimensions)}
    assert found["DEPARTMENT"]["userDefinedDimension"] == "false"
    assert found["FUND"]["userDefinedDimension"] == "true"
    assert found["FUND"]["objectLabel"] == "Fund"
    values = rows(data(demo, query("FUND", "id name createdBy RECORD_URL")))
    assert [row["name"] for row in values if row["id"] == "10001"] == ["General Fund"]
    named = "<userDefinedDimension><objectName>FUND</objectName><recordId>10002</recordId></userDefinedDimension>"
    asked = f"{NOVEMBER}<userDefinedDimensions>{named}</userDefinedDimensions>"
    assert rows(data(demo, f"<get_accountbalancesbydimensions>{asked}</get_accountbalancesbydimensions>"))


def test_the_relationships_of_dimensions(demo: Emulator) -> None:
    # The page on dimensions: a related dimension has an id, the relationship's id, and the sides One or Many.
    related = {one.findtext("dimension"): one for one in data(demo, "<getDimensionRelationships/>")}
    assert {"LOCATION", "PROJECT", "CUSTOMER", "FUND"} <= set(related)
    assert len({one.findtext("object_id") for one in related.values()}) == len(related)
    (to_customer,) = [one for one in related["PROJECT"].findall("related") if one.findtext("dimension") == "CUSTOMER"]
    (to_project,) = [one for one in related["CUSTOMER"].findall("related") if one.findtext("dimension") == "PROJECT"]
    assert [to_customer.findtext("source_side"), to_customer.findtext("related_side")] == ["Many", "One"]
    assert [to_project.findtext("source_side"), to_project.findtext("related_side")] == ["One", "Many"]
    assert to_customer.findtext("relationship_id") == to_project.findtext("relationship_id")
    assert to_customer.findtext("object_id") == related["CUSTOMER"].findtext("object_id")


def test_a_location_names_its_entity_by_an_id_that_signs_in(demo: Emulator) -> None:
    # Recorded lookups label LOCATION.ENTITY "Parent entity"; a client in production signs in with what it says.
    places = rows(data(demo, query("LOCATION", "LOCATIONID ENTITY ENTITYNAME PARENTID")))
    entities = {row["LOCATIONID"]: row["NAME"] for row in rows(data(demo, query("LOCATIONENTITY", "LOCATIONID NAME")))}
    assert {row["ENTITY"] for row in places} == set(entities)
    assert [row for row in places if entities[row["ENTITY"]] != row["ENTITYNAME"]] == []
    assert {row["LOCATIONID"]: row["ENTITY"] for row in places}["110"] == "100"
    for entity in entities:
        inside = replace(LOGIN, location_id=entity)
        assert one(demo, "<lookup><object>LOCATION</object></lookup>", authentication=inside).status == "success"


def test_a_new_location_belongs_to_the_entity_of_its_parent(demo: Emulator) -> None:
    made = "<LOCATION><LOCATIONID>119</LOCATIONID><NAME>Annex</NAME><PARENTID>110</PARENTID></LOCATION>"
    data(demo, f"<create>{made}</create>")
    where = "<equalto><field>LOCATIONID</field><value>119</value></equalto>"
    assert list(rows(data(demo, query("LOCATION", "ENTITY", where)))[0].values()) == ["100"]


def test_balances_by_dimension_add_up_to_the_balances(demo: Emulator) -> None:
    account = "<glaccountno>60100</glaccountno>"
    asked = f"<get_accountbalancesbydimensions>{NOVEMBER}{account}<groupby>DEPARTMENTID,LOCATIONID</groupby>"
    parts = rows(data(demo, f"{asked}</get_accountbalancesbydimensions>"))
    whole = rows(data(demo, f"<get_accountbalances>{NOVEMBER}{account}</get_accountbalances>"))
    assert {"departmentid", "locationid"} <= set(parts[0])
    assert sum(float(row["debits"]) for row in parts) == pytest.approx(sum(float(row["debits"]) for row in whole))
