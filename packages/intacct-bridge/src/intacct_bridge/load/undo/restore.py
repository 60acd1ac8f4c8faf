"""The restoring update: the values that an update of ours replaced, written back.

It is made only if all of them are known, and only if the record still has what we wrote. Anything else would bring
back values over the work of another person. Lines are not restored: Intacct replaces them as a whole, and a line has
more than the columns of an input, so that the earlier ones cannot be made again as they were.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.outbox.sent_write import sent_key, sent_write
from intacct_bridge.load.plan.changes import differences
from intacct_bridge.load.records.identity import content_digest, existing_identity
from intacct_bridge.load.records.lookup_keys import is_draft_state
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Write, WriteOperation, record_label
from intacct_bridge.load.target.current_records import CurrentRecord, Locator
from intacct_bridge.load.target.writable import WRITTEN_BY_NAME, WritableObject, writable_object
from intacct_protocol.errors import RecordError
from intacct_protocol.xml.values import Value

_RELOAD = "load the earlier values with update mode"


def restoring_writes(
    company: Gateway,
    outbox: Outbox,
    entries: Sequence[OutboxEntry],
    *,
    doubtful: Container[int] = (),
    entity: str = "",
) -> list[Write | RecordError | None]:
    """For each of these updates of one object, the update that writes the earlier values back.

    None if the record has them again, unless an undo of the entry is in doubt: applying it settles that. A
    RecordError, which is not raised, if they are not known, or if the record has other values than we wrote.
    """
    writable = writable_object(company, entries[0].target.object)
    by, key = writable.lookup.record_key, sent_key(writable, entries[0])
    sent = [_without_state(writable, sent_write(writable, entry)) for entry in entries]
    located = Locator(company, writable).locate([(replace(write, lines={}), (key,)) for write in sent])
    done: list[Write | RecordError | None] = []
    for entry, write, records in zip(entries, sent, located, strict=True):
        try:
            if not records:
                raise RecordError(f"{write.object} {comparable(write.fields.get(key))} is not visible in Intacct")
            earlier = _earlier(outbox, entry, write, key)
            key_values = {key: records[0].row[key]} if key != by else {}
            if entry.number in doubtful:
                restoring: Write | None = _update(entry, {by: records[0].number, **earlier}, by, entity)
            else:
                restoring = _restored(writable, entry, write, records[0], earlier, entity=entity)
            if restoring is not None and is_draft_state(write.object, comparable(records[0].row.get("STATE"))):
                restoring = replace(restoring, fields={**restoring.fields, **_draft_fields(writable)})
            done.append(replace(restoring, unchanged=key_values) if restoring is not None else None)
        except RecordError as error:
            done.append(error)
    return done


def _draft_fields(writable: WritableObject) -> Mapping[str, Value]:
    """The fields by which an update leaves a draft as a draft."""
    return writable.lookup.draft if writable.lookup.posts else {}


def _without_state(writable: WritableObject, write: Write) -> Write:
    """An update without the fields that post a draft or leave it as one: what was posted stays posted."""
    state = _draft_fields(writable)
    return replace(write, fields={name: value for name, value in write.fields.items() if name not in state})


def _restored(
    writable: WritableObject,
    entry: OutboxEntry,
    sent: Write,
    current: CurrentRecord,
    earlier: Mapping[str, Value],
    *,
    entity: str,
) -> Write | None:
    by = writable.lookup.record_key
    changed = differences(sent, current, writable, (sent_key(writable, entry),))
    fields: dict[str, Value] = {by: current.number, **earlier}
    if not changed:
        return _update(entry, fields, by, entity)
    if not differences(replace(sent, fields=fields), current, writable, (by,)):
        return None
    now = "; ".join(f"{one.name} is {one.before or 'empty'}, not {one.after or 'empty'}" for one in changed)
    raise RecordError(f"it was changed in Intacct since ({now})", fix="correct it in Intacct")


def _earlier(outbox: Outbox, entry: OutboxEntry, sent: Write, by: str) -> dict[str, Value]:
    """The values that the update replaced."""
    if sent.lines:
        reason = "it replaced lines, which cannot be restored in Intacct"
        raise RecordError(f"{reason} ({', '.join(sent.lines)})", fix="load the earlier lines with update mode")
    replaced = outbox.replaced_values(entry)
    if replaced is None:
        raise RecordError("the outbox does not have the values that it replaced", fix=_RELOAD)
    written = [name for name in sent.fields if name != by]
    unknown = [name for name in written if name not in replaced or name in WRITTEN_BY_NAME]
    if unknown:
        raise RecordError(f"the outbox does not have the earlier {', '.join(unknown)}", fix=_RELOAD)
    return {name: replaced[name] for name in written}


def _update(entry: OutboxEntry, fields: Mapping[str, Value], by: str, entity: str) -> Write:
    name = entry.target.object
    return Write(
        WriteOperation.UPDATE,
        name,
        fields,
        existing_identity(fields, (by,)),
        content_digest(name, fields, {}),
        entry.label or record_label(name, comparable(fields[by])),
        (),
        entity=entity,
        entity_by="LOCATIONID" if entity else "",
        undoes=entry.number,
    )
