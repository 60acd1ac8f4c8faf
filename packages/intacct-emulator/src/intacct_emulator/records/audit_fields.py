"""The audit fields of a row (who wrote it, and when), and the rows of AUDITHISTORY and ACTIVITYLOG."""

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.settings.cells import Row, timestamp_text
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import audited, natural_key, record_key
from intacct_protocol.xml.values import Kind

EXTERNAL = "EXTERNALID"
"""The external id that a legacy function gave. Every row may have this cell, though no description names it."""
UNDEPOSITED = "UNDEPGLACCOUNTNO"
"""The account of undeposited funds that another receipt waits in. Its description does not name it either."""
_KEPT = (EXTERNAL, UNDEPOSITED)
CREATED, MODIFIED, DELETED = "C", "M", "D"


def set_audit_fields(call: FunctionCall, described: ObjectDef, row: Row, *, new: bool) -> None:
    """Set the fields that the gateway itself writes, and remove cells that the object does not have."""
    now = timestamp_text(call.stamp)
    user = _user(call)
    if new:
        created = "AUWHENCREATED" if "AUWHENCREATED" in described.fields else "WHENCREATED"
        if described.kind_of(created) is Kind.TIMESTAMP:
            row[created] = now
        row |= {"CREATEDBY": user.get("RECORDNO", ""), "CREATEDBYLOGINID": call.session.user.user_id}
        row |= {"createdBy": call.session.user.user_id, "createdAt": now}  # a custom object has these instead
        if call.session.entity and "MEGAENTITYID" in described.fields:
            row |= _owner(call)
    row |= {
        "WHENMODIFIED": now,
        "MODIFIEDBY": user.get("RECORDNO", ""),
        "MODIFIEDBYLOGINID": call.session.user.user_id,
        "updatedBy": call.session.user.user_id,
        "updatedAt": now,
    }
    for name in [name for name in row if name not in described.fields and name not in _KEPT]:
        del row[name]


def _user(call: FunctionCall) -> Row:
    table = call.company.table("USERINFO")
    numbers = table.find("LOGINID", call.session.user.user_id)
    return (table.get(numbers[0]) if numbers else None) or {}


def _owner(call: FunctionCall) -> Row:
    table = call.company.table("LOCATIONENTITY")
    numbers = table.find("LOCATIONID", call.session.entity)
    entity = (table.get(numbers[0]) if numbers else None) or {}
    return {
        "MEGAENTITYKEY": entity.get("RECORDNO", ""),
        "MEGAENTITYID": call.session.entity,
        "MEGAENTITYNAME": entity.get("NAME", ""),
    }


def record_change(call: FunctionCall, described: ObjectDef, row: Row, mode: str) -> None:
    """Write one row of AUDITHISTORY about a record."""
    table = call.company.table("AUDITHISTORY")
    number = table.next_number()
    entry: Row = {
        "ID": str(number),
        "OBJECTTYPE": described.name.lower(),
        "OBJECTKEY": _object_key(described.name, row),
        "USERID": call.session.user.user_id,
        "ACCESSTIME": timestamp_text(call.stamp),
        "ACCESSMODE": mode,
        "SOURCE": "api",
    }
    table.insert(entry, number)


def log_activity(call: FunctionCall, described: ObjectDef, before: Row, after: Row) -> None:
    """Write a row of ACTIVITYLOG for each changed field of a custom object's record, in the words of Sage's page."""
    if not _is_custom(described):
        return
    for field in described.fields.values():
        old, new = before.get(field.name, ""), after.get(field.name, "")
        if field.readonly or old == new:
            continue
        text = f'Value of "{field.label or field.name}" field has been changed from "{old}" to "{new}".'
        entry: Row = {
            "OBJ_ID": after.get("id", ""),
            "TRAIL_TEXT": text,
            "CREATED_BY": _user(call).get("RECORDNO", ""),
            "CREATEDBYUSER": call.session.user.user_id,
            "CREATED_AT": timestamp_text(call.stamp),
        }
        call.company.table("ACTIVITYLOG").insert(entry)


def _is_custom(described: ObjectDef) -> bool:
    return "updatedAt" in described.fields


def _object_key(name: str, row: Row) -> str:
    """The key of a record in the audit history: its natural key for some lists, otherwise its record number."""
    natural = natural_key(name)
    text = row.get(natural, "") if natural else ""
    if text and (natural, text) in audited(name, text):
        return text
    return row.get(record_key(name), "")
