"""What a question means in one company: names resolved, literals typed as requests write them, columns chosen.

Refusals here are those of `query`: fields that are not there, fields that cannot be queried, literals that the
field's kind cannot hold. Times in filters are read as the settings say, since no source settles whether the gateway
takes them as UTC or in the user's offset; ISO dates are refused, as the gateway was seen to refuse them.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from intacct_bridge.emulator.access.rights import permit
from intacct_bridge.emulator.company.company_data import FunctionCall
from intacct_bridge.emulator.company.relations import Path, follower, resolve
from intacct_bridge.emulator.company.render import Column
from intacct_bridge.emulator.settings.cells import sent_value
from intacct_bridge.emulator.settings.refusals import bad_query, unknown_fields, unqueryable_fields
from intacct_bridge.emulator.settings.world import UserSettings
from intacct_bridge.errors import RecordError
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.query.query import Compare, Filter, Op, all_of, comparisons, rebuilt
from intacct_bridge.wire.values import NUMBERS, Formatting, Kind, Value

_ISO = re.compile(r"\d{4}-")
_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")


def paths(call: FunctionCall, described: ObjectDef, names: Iterable[str]) -> dict[str, Path]:
    """Every name resolved; all that lead nowhere, or may not be queried, are named in one refusal."""
    found = {name: resolve(call.company, described, name) for name in dict.fromkeys(names)}
    unknown = [name for name, path in found.items() if path is None]
    if unknown:
        raise unknown_fields(described.name, unknown)
    closed = {*call.company.settings.unqueryable.get(described.name, ())}
    resolved = {name: path for name, path in found.items() if path is not None}
    refused = [path.name for path in resolved.values() if path.name in closed or not _TAG.fullmatch(path.name)]
    if refused:
        raise unqueryable_fields(described.name, refused)
    return resolved


def columns(call: FunctionCall, found: Iterable[Path]) -> list[Column]:
    """The columns of a page, in order and each once."""
    return [
        Column(path.name, path.field.kind, path.field.name, follower(call.company, path) if path.steps else None)
        for path in dict.fromkeys(found)
    ]


def all_columns(described: ObjectDef) -> list[Column]:
    """Every field whose name can be an element's."""
    return [Column(one.name, one.kind, one.name) for one in described.fields.values() if _TAG.fullmatch(one.name)]


def typed(call: FunctionCall, described: ObjectDef, where: Filter | None) -> Filter | None:
    """The filter with names as the catalogue spells them and literals of their fields' kinds."""
    if where is None:
        return _arrived(call, described)
    found = paths(call, described, (leaf.field for leaf in comparisons(where)))
    user = call.session.user
    wall = replace(user.formatting, offset_minutes=0)
    changing = user.clock_changes if call.company.behaviour.filter_times == "user" else ()
    formatting = wall if changing or call.company.behaviour.filter_times == "utc" else user.formatting

    def change(leaf: Compare) -> Filter:
        path = found[leaf.field]
        if leaf.op in (Op.LIKE, Op.NOTLIKE):
            return Compare(path.name, leaf.op, leaf.values)
        values = tuple(literal(path, str(value), formatting) for value in leaf.values)
        values = tuple(taken(user, one) if changing and isinstance(one, datetime) else one for one in values)
        return Compare(path.name, leaf.op, values)

    arrived = _arrived(call, described)
    meant = rebuilt(where, change)
    return meant if arrived is None else all_of((meant, arrived))


def taken(user: UserSettings, wall: datetime) -> datetime:
    """The moment that a time on a wall clock with changes is taken for; of two, or of none, the later one."""
    changes = [(datetime.fromisoformat(one.at), one.offset_minutes) for one in user.clock_changes]
    found, all_of_them = [], []
    for offset in (user.offset_minutes, *(one for _, one in changes)):
        moment = wall - timedelta(minutes=offset)
        all_of_them.append(moment)
        if ([user.offset_minutes] + [one for at, one in changes if at <= moment])[-1] == offset:
            found.append(moment)
    return max(found or all_of_them)


def _arrived(call: FunctionCall, described: ObjectDef) -> Filter | None:
    """The audit history shows a change only a while after it was made."""
    delay = call.company.behaviour.audit_delay_seconds
    if described.name != "AUDITHISTORY" or not delay:
        return None
    return Compare("ACCESSTIME", Op.LESSTHANOREQUALTO, (call.stamp - timedelta(seconds=delay),))


def literal(path: Path, text: str, formatting: Formatting) -> Value:
    """A value of a filter as the field's kind has it; an empty one stays empty and equals nothing."""
    kind = path.field.kind
    if kind in (Kind.TEXT, Kind.ENUM, Kind.SEQUENCE) or not text.strip():
        return text
    if kind in (Kind.DATE, Kind.TIMESTAMP) and _ISO.match(text.strip()):
        raise bad_query(f"'{text}' is not a valid date for {path.name}")
    try:
        value = sent_value(kind, text, formatting)
    except RecordError:
        raise bad_query(f"'{text}' is not valid for {path.name}") from None
    if value is None:
        return text
    if kind in NUMBERS or kind is not Kind.BOOLEAN or text.strip().lower() in ("true", "false"):
        return value
    raise bad_query(f"'{text}' is not valid for {path.name}")


def visible(call: FunctionCall, described: ObjectDef, *, show_private: bool) -> tuple[str, ...] | None:
    """Whose records may be seen: an entity sees its own and the shared ones, the top level the shared or all."""
    if "MEGAENTITYID" not in described.fields:
        return None
    if call.session.entity:
        return ("", call.session.entity)
    behaviour = call.company.behaviour
    return None if (show_private and behaviour.show_private) or not behaviour.hide_private else ("",)


def described_for(call: FunctionCall, operation: str, name: str) -> ObjectDef:
    """The object's description, once the user may do this with it."""
    described = call.company.find(name, call.body.findtext("docparid"))
    permit(call, operation, described.name)
    return described
