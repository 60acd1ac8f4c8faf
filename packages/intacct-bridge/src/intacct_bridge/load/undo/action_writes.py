"""Actions and deletes of records that the company has, as writes that go through a plan and the outbox."""

from collections.abc import Mapping
from datetime import date

from intacct_bridge.load.records.identity import content_digest, existing_identity
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.write import ACTION_COMMENT, ACTION_DATE, Write, WriteOperation, record_label
from intacct_protocol.model.writing.actions import RecordAction
from intacct_protocol.xml.values import Value


def action_write(
    action: RecordAction,
    record: str,
    name: str = "",
    *,
    day: date | None = None,
    comment: str = "",
    undoes: int | None = None,
    entity: str = "",
    label: str = "",
) -> Write:
    """The write of an action on a record; `name` is its natural key, which some functions take.

    `label`: the record's name for people, if it has a better one than its key.
    """
    more: dict[str, Value] = {action.key.upper(): name} if action.key not in ("RECORDNO", "recordno") else {}
    if action.dated:
        more[ACTION_DATE] = day
    if comment and action.comment:
        more[ACTION_COMMENT] = comment
    operation = WriteOperation(action.operation)
    return _action(operation, action.object, record, label or name, more, undoes=undoes, entity=entity)


def delete_write(
    object_name: str, record: str, name: str = "", *, by: str = "", undoes: int | None = None, entity: str = ""
) -> Write:
    """The write that deletes a record; `by` is the field with its record key, if that is not the usual one."""
    return _action(WriteOperation.DELETE, object_name, record, name, {}, by=by, undoes=undoes, entity=entity)


def _action(
    operation: WriteOperation,
    object_name: str,
    record: str,
    name: str,
    more: Mapping[str, Value],
    *,
    undoes: int | None,
    entity: str,
    by: str = "",
) -> Write:
    by = by or lookup_keys_of(object_name).record_key
    number: Value = int(record) if record.isdecimal() else record
    fields: dict[str, Value] = {by: number, **more}
    label = record_label(name) if name.startswith(object_name) else record_label(object_name, name or record)
    return Write(
        operation,
        object_name,
        fields,
        existing_identity(fields, (by,)),
        content_digest(object_name, fields, {}),
        label,
        (),
        entity=entity,
        entity_by="LOCATIONID" if entity else "",
        undoes=undoes,
    )
