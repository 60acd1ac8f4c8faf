"""The tables of the model against the emulator's catalogue, which comes from another source: real lookup answers."""

import json
from importlib import resources

import pytest

from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.catalog import ObjectDef, lookup_element, object_from_lookup
from intacct_protocol.model.keys import created_key, keys_of, lines, natural_key, owner, record_key, replication_key
from intacct_protocol.model.mapping.language import EntityMap, Rules, unified_maps
from intacct_protocol.model.mapping.unify import line_reads, read_lines, reads
from intacct_protocol.model.query.bind import bind, resolve
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.snapshot import catalog_from_snapshot, snapshot
from intacct_protocol.xml.values import Kind

CATALOG = standard_catalog()
ENTITIES = [entity for version in ("v1", "v2") for entity in unified_maps(version).values()]
WRITE_ONLY = {"ACTION", "PAYMENTDATE", "TASKID"}
"""Fields that create takes and lookup does not list, or lists only in a company with their module."""


@pytest.mark.parametrize("described", CATALOG.values(), ids=list(CATALOG))
def test_the_keys_exist(described: ObjectDef) -> None:
    name = described.name
    found = keys_of(described)
    if record_key(name) in described.fields:
        assert found.record == record_key(name)
    timed = described.kind_of("WHENMODIFIED") is Kind.TIMESTAMP
    assert found.modified == ("WHENMODIFIED" if timed else "")
    natural = natural_key(name)
    assert natural is None or natural in described.fields
    for line in lines(name):
        assert line.header == name
        assert line.key in described.fields
        if line.line in CATALOG:
            assert line.by in CATALOG[line.line].fields


STANDARD = json.loads(resources.files("intacct_protocol.data").joinpath("keys.json").read_text())


NOT_FROM_LOOKUP = {"ARINVOICEITEM", "GLJOURNAL", "EEXPENSESITEM", "ARPYMTDETAIL", "AFFILIATEENTITY", "FIXEDASSET"}
"""Objects that the emulator knows from other sources, perhaps without all their fields."""


def test_the_lists_of_exceptions_agree_with_the_catalogue() -> None:
    listed = {*STANDARD["text_key"], *STANDARD["without_whenmodified"], *STANDARD["natural_key"]}
    for name in sorted(listed & set(CATALOG) - NOT_FROM_LOOKUP):
        described = CATALOG[name]
        kind = described.kind_of(record_key(name))
        assert (name in STANDARD["text_key"]) == (kind is not Kind.INTEGER), name
        assert (replication_key(name) or "") == keys_of(described).modified, name
        assert (created_key(name) or "") == keys_of(described).created, name


@pytest.mark.parametrize("described", CATALOG.values(), ids=list(CATALOG))
def test_every_object_binds_and_survives_its_lookup(described: ObjectDef) -> None:
    assert bind(Query(described.name, ("*",)), CATALOG).select == tuple(described.fields)
    again = object_from_lookup(lookup_element(described))
    assert again.fields == described.fields
    assert again.relations == described.relations


def test_the_catalogue_survives_its_snapshot() -> None:
    again = catalog_from_snapshot(snapshot(CATALOG))
    assert dict(again) == dict(CATALOG)


def missing(object_name: str, names: tuple[str, ...]) -> list[str]:
    """The names that cannot be resolved from an object."""
    found = []
    for name in names:
        try:
            resolve(name, CATALOG.find(object_name), CATALOG)
        except InvalidRequestError:
            found.append(name)
    return found


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda one: f"{one.name}-{one.day_as}")
def test_unified_entities_name_fields_that_exist(entity: EntityMap) -> None:
    for object_name in (entity.read_object, *entity.also_reads):
        if object_name != "ARPYMTDETAIL" and not entity.virtual_stream:
            assert missing(object_name, reads(entity)) == []
    for line in read_lines(entity):
        assert missing(line.object, line_reads(line)) == []
    assert set(missing(entity.object, tuple(entity.write))) <= WRITE_ONLY
    for line in entity.lines:
        if line.object in CATALOG and line.object != "ARPYMTDETAIL":
            assert set(missing(line.object, tuple(line.write))) <= WRITE_ONLY
        held = owner(line.object)
        assert held is not None
        assert held.header == entity.object


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda one: f"{one.name}-{one.day_as}")
def test_unified_lookups_name_fields_that_exist(entity: EntityMap) -> None:
    holders: list[Rules] = [*entity.write.values(), *(rules for line in entity.lines for rules in line.write.values())]
    for rule in (rule for rules in holders for rule in rules):
        if rule.reference:
            assert missing(rule.object, (rule.name, "RECORDNO")) == []
        for one in rule.lookups:
            assert missing(one.object, (*one.fields, one.give, *one.also)) == []
