"""Records by the entity whose books they go to: each entity has a session of its own, and batches of its own.

An entity is named by its id, its name or its record number; which there are is asked once. One that is unknown is an
error on the record that names it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from intacct_bridge.errors import NotPermittedError, RefusedError
from intacct_bridge.flow.company.legacy import LegacyGateway
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Finding, Write
from intacct_bridge.model.query.query import Query

_KNOWN_BY = ("LOCATIONID", "NAME", "RECORDNO")


def placed(writes: Iterable[Write], company: LegacyGateway, *, offline: bool = False) -> list[Write]:
    """The writes with the ids of their entities; empty for the one that the connection is signed in to."""
    writes = list(writes)
    here = company.connection.location_id
    known: dict[str, dict[str, str]] | None = None
    done: list[Write] = []
    for write in writes:
        if not write.entity or write.entity == here:
            done.append(replace(write, entity=""))
            continue
        if known is None:
            known = {} if offline else _entities(company)
        done.append(_placed(write, known, here))
    return done


def by_entity(writes: Sequence[Write]) -> dict[str, list[int]]:
    """The places of the writes of each entity, in the order in which the entities come."""
    found: dict[str, list[int]] = {}
    for place, write in enumerate(writes):
        found.setdefault(write.entity, []).append(place)
    return found


def spelled(entity: str, company: LegacyGateway) -> str:
    """An entity's id as the company spells it, where only its letters are known."""
    ids = _entities(company).get("LOCATIONID", {}).values()
    return next((one for one in ids if one.casefold() == entity.casefold()), entity)


def _placed(write: Write, known: dict[str, dict[str, str]], here: str) -> Write:
    if not known:  # nobody may be asked
        return write
    ways = (write.entity_by,) if write.entity_by else _KNOWN_BY
    entity = next((known[way][write.entity] for way in ways if write.entity in known[way]), "")
    if entity == here and entity:
        return replace(write, entity="")
    if entity and not here:
        return replace(write, entity=entity)
    message = f"the company has no entity {write.entity!r}"
    fix = f"use one of {', '.join(sorted(known['LOCATIONID'].values())) or 'none'}"
    if entity:
        message = f"the record is for entity {entity}, and the connection is signed in to {here}"
        fix = "sign in at the top level, or to that entity"
    finding = Finding("entity", message, fix, "", write.position)
    return replace(write, entity="", findings=(*write.findings, finding))


def _entities(company: LegacyGateway) -> dict[str, dict[str, str]]:
    """The ids of the entities by each of the ways to name one; nothing where they may not be read."""
    found: dict[str, dict[str, str]] = {way: {} for way in _KNOWN_BY}
    try:
        for row in company.query(Query("LOCATIONENTITY", _KNOWN_BY)):
            for way in _KNOWN_BY:
                found[way][comparable(row.get(way))] = comparable(row.get("LOCATIONID"))
    except (NotPermittedError, RefusedError):
        return {}
    return found
