"""The unified schemas name fields that exist in the emulator's catalogue, which comes from real lookup answers."""

import pytest

from intacct_bridge.mapping.language import EntityMap, Rules, unified_maps
from intacct_bridge.mapping.unify import line_reads, read_lines, reads
from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.keys import owner
from intacct_protocol.model.query.bind import resolve

CATALOG = standard_catalog()
ENTITIES = [entity for version in ("v1", "v2") for entity in unified_maps(version).values()]
WRITE_ONLY = {"ACTION", "PAYMENTDATE", "TASKID"}
"""Fields that create takes and lookup does not list, or lists only in a company with their module."""


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
