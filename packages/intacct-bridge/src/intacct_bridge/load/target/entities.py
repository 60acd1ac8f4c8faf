"""The entities of a company, and records by the entity to whose books they go.

Each entity has a session and batches of its own. A record names its entity by id, name or record number; the list of
entities is read once. An unknown entity, or a name that several entities have, is a finding on the record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import Finding, Write
from intacct_protocol.errors import NotPermittedError, RefusedError
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.text_forms import nfc

_KNOWN_BY = ("LOCATIONID", "NAME", "RECORDNO")
_Entities = Mapping[str, Mapping[str, Sequence[str]]]
"""The ids of the entities that a text names, by the field that has the text."""


def with_entities(writes: Sequence[Write], company: Gateway, *, offline: bool = False) -> list[Write]:
    """The writes with the ids of their entities; empty for the entity that the connection is signed in to."""
    signed_in = company.connection.location_id
    entities: _Entities | None = None
    done: list[Write] = []
    for write in writes:
        if not write.entity or write.entity == signed_in:
            done.append(replace(write, entity="") if write.entity else write)
            continue
        if entities is None:
            entities = {} if offline else _entities(company)
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
    ids = _entities(company).get("LOCATIONID", {}).values()
    return next((one for some in ids for one in some if one.casefold() == entity.casefold()), entity)


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


def _entities(company: Gateway) -> _Entities:
    """The ids of the entities by each of the fields that name one; empty if they may not be read."""
    ids: dict[str, dict[str, list[str]]] = {name: {} for name in _KNOWN_BY}
    try:
        for row in company.query(Query("LOCATIONENTITY", _KNOWN_BY)):
            for name in _KNOWN_BY:
                ids[name].setdefault(equal_form(row.get(name)), []).append(comparable(row.get("LOCATIONID")))
    except (NotPermittedError, RefusedError):
        return {}
    return ids
