"""The tables of the model against the emulator's catalogue, which comes from another source: real lookup answers."""

import json
from importlib import resources

import pytest

from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.model.catalog import ObjectDef, lookup_element, object_from_lookup
from intacct_protocol.model.keys import created_key, keys_of, lines, natural_key, record_key, replication_key
from intacct_protocol.model.query.bind import bind
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.snapshot import catalog_from_snapshot, snapshot
from intacct_protocol.xml.values import Kind

CATALOG = standard_catalog()


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
