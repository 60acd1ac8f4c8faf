"""The entities of a company, and records by the entity to whose books they go.

Each entity has a session and batches of its own. A record names its entity by id, name or record number; the list of
entities is read once. An unknown entity, or a name that several entities have, is a finding on the record.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import Finding, Write
from intacct_protocol.errors import RefusedError
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.text_forms import nfc

_KNOWN_BY = ("LOCATIONID", "NAME", "RECORDNO")
_Entities = Mapping[str, Mapping[str, Sequence[str]]]
"""The ids of the entities that a text names, by the field that has the text."""


def with_entities(writes: Sequence[Write], signed_in: str, read: Callable[[], Sequence[Row] | None]) -> list[Write]:
    """The writes with the ids of their entities; empty for the entity that the connection is signed in to.

    `read` gives the rows of the entities, or None if they are not known. It is called if a write names an entity.
    """
    entities: _Entities | None = None
    done: list[Write] = []
    for write in writes:
        if not write.entity or write.entity == signed_in:
            done.append(replace(write, entity="") if write.entity else write)
            continue
        if entities is None:
            rows = read()
            entities = {} if rows is None else _ids_by_field(rows)
        done.append(_with_entity(write, entities, signed_in))
    return done


def by_entity(writes: Sequence[Write]) -> dict[str, list[int]]:
    """The places of the writes of each entity, in the order in which the entities come."""
    places: dict[str, list[int]] = {}
    for place, write in enumerate(writes):
        places.setdefault(write.entity, []).append(place)
    return places


def entity_id(entity: str, company: Gateway) -> str:
    """An entity's id as the company spells it; capitals in the text do not matter."""
    try:
        ids = [comparable(row.get("LOCATIONID")) for row in company.query(Query("LOCATIONENTITY", ("LOCATIONID",)))]
    except RefusedError:
        return entity
    return next((spelled for spelled in ids if spelled.casefold() == entity.casefold()), entity)


def entities_query(company: Gateway) -> Query:
    """The query for all that loads need of the entities. RefusedError if they may not be read."""
    described = company.describe("LOCATIONENTITY")
    names = (*_KNOWN_BY, "STARTOPEN", "CURRENCY")
    return Query("LOCATIONENTITY", tuple(name for name in names if described.get(name) is not None))


def _with_entity(write: Write, entities: _Entities, signed_in: str) -> Write:
    if not entities:  # offline, or the entities may not be read
        return write
    fields = (write.entity_by,) if write.entity_by else _KNOWN_BY
    named = nfc(write.entity)
    ids = next((entities[name][named] for name in fields if named in entities[name]), ())
    entity = ids[0] if len(ids) == 1 else ""
    if entity == signed_in and entity:
        return replace(write, entity="")
    if entity and not signed_in:
        return replace(write, entity=entity)
    message = f"the company has no entity {write.entity!r}"
    fix = f"use one of {', '.join(sorted(one for some in entities['LOCATIONID'].values() for one in some)) or 'none'}"
    if ids:
        message, fix = f"{write.entity!r} is the name of more than one entity ({', '.join(ids)})", "use the id"
    if entity:
        message = f"the record is for entity {entity}, and the connection is signed in to {signed_in}"
        fix = "sign in at the top level, or to that entity"
    finding = Finding("entity", message, fix, "", write.position)
    return replace(write, entity="", findings=(*write.findings, finding))


def _ids_by_field(entities: Iterable[Row]) -> _Entities:
    """The ids of the entities by each of the fields that name one."""
    ids: dict[str, dict[str, list[str]]] = {name: {} for name in _KNOWN_BY}
    for row in entities:
        for name in _KNOWN_BY:
            ids[name].setdefault(equal_form(row.get(name)), []).append(comparable(row.get("LOCATIONID")))
    return ids
