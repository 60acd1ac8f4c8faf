"""A read of one company: names resolved, literals typed as requests write them, columns selected.

Refusals here are those of `query`: unknown fields, fields that cannot be queried, literals that the field's kind cannot
hold. Times in filters are read as the settings say, since no source settles whether the gateway takes them as UTC or in
the user's offset. ISO dates are refused, as the gateway was seen to refuse them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.company.relations import Column, Path, columns, resolve_all
from intacct_emulator.company.selection import RowQuery
from intacct_emulator.ledger.computed_objects import refresh
from intacct_emulator.settings.cells import sent_value
from intacct_emulator.settings.companies import UserSettings
from intacct_emulator.settings.refusals import bad_query, unknown_fields, unqueryable_fields
from intacct_protocol.errors import RecordError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.query import Compare, Filter, Op, Order, all_of, comparisons, rebuilt
from intacct_protocol.xml.values import NUMBERS, Formatting, Kind, Value

_ISO = re.compile(r"\d{4}-")
_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
Paths = dict[str, Path]
"""Resolved names as the request spells them."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A read: the rows of one object, and the columns of the answer."""

    rows: RowQuery
    paths: Paths
    """The selected fields."""
    columns: list[Column]
    """The same as columns of a page."""


def read_request(
    call: FunctionCall,
    described: ObjectDef,
    fields: Sequence[str],
    where: Filter | None = None,
    order: Sequence[Order] = (),
    *,
    case_insensitive: bool = False,
    show_private: bool = True,
) -> ReadRequest:
    """Resolve and type a read by the names and literals of a request. Raises FunctionRefusedError."""
    names = (*(one.field for one in order), *(one.field for one in comparisons(where)), *fields)
    path_of = resolve_all(call.company, described, names)
    by = _checked(call, described, [one.field for one in order], path_of)
    rows = RowQuery(
        described,
        typed(call, described, where, path_of),
        tuple(Order(by[one.field].name, one.descending) for one in order),
        case_insensitive,
        visible(call, described, show_private=show_private),
    )
    selected = _checked(call, described, fields, path_of)
    return ReadRequest(rows, selected, columns(call.company, selected.values()))


def paths(call: FunctionCall, described: ObjectDef, names: Sequence[str]) -> Paths:
    """Resolve names. Raises FunctionRefusedError naming all that are unknown, or all that cannot be queried."""
    return _checked(call, described, names, resolve_all(call.company, described, names))


def _checked(call: FunctionCall, described: ObjectDef, names: Sequence[str], path_of: dict[str, Path | None]) -> Paths:
    resolved = {name: path for name in dict.fromkeys(names) if (path := path_of[name]) is not None}
    unknown = [name for name in dict.fromkeys(names) if name not in resolved]
    if unknown:
        raise unknown_fields(described.name, unknown)
    closed = {*call.company.settings.unqueryable.get(described.name, ())}
    refused = [path.name for path in resolved.values() if path.name in closed or not _TAG.fullmatch(path.name)]
    if refused:
        raise unqueryable_fields(described.name, refused)
    return resolved


def all_columns(company: CompanyData, described: ObjectDef) -> list[Column]:
    """Every field whose name can be an element's."""
    path_of = resolve_all(company, described, filter(_TAG.fullmatch, described.fields))
    return columns(company, (path for path in path_of.values() if path is not None))


def typed(
    call: FunctionCall, described: ObjectDef, where: Filter | None, path_of: dict[str, Path | None] | None = None
) -> Filter | None:
    """The filter with names as the catalogue spells them and literals of their fields' kinds.

    `found` are names that are resolved already. Raises FunctionRefusedError.
    """
    refresh(call.company, described.name, where, legacy=call.name == "readByQuery")
    visible_now = _delayed_audit(call, described)
    if where is None:
        return visible_now
    names = [leaf.field for leaf in comparisons(where)]
    resolved = _checked(call, described, names, path_of or resolve_all(call.company, described, names))
    user = call.session.user
    wall = replace(user.formatting, offset_minutes=0)
    changing = user.clock_changes if call.company.behaviour.filter_times == "user" else ()
    formatting = wall if changing or call.company.behaviour.filter_times == "utc" else user.formatting

    def change(leaf: Compare) -> Filter:
        path = resolved[leaf.field]
        if leaf.op in (Op.LIKE, Op.NOTLIKE):
            return Compare(path.name, leaf.op, leaf.values)
        values = tuple(literal(path, str(value), formatting) for value in leaf.values)
        values = tuple(utc_moment(user, one) if changing and isinstance(one, datetime) else one for one in values)
        return Compare(path.name, leaf.op, values)

    typed_filter = rebuilt(where, change)
    return typed_filter if visible_now is None else all_of((typed_filter, visible_now))


def utc_moment(user: UserSettings, wall: datetime) -> datetime:
    """The moment that a time on a wall clock with changes stands for; of two, or of none, the later one."""
    changes = [(datetime.fromisoformat(one.at), one.offset_minutes) for one in user.clock_changes]
    moments, candidates = [], []
    for offset in (user.offset_minutes, *(one for _, one in changes)):
        moment = wall - timedelta(minutes=offset)
        candidates.append(moment)
        if ([user.offset_minutes] + [one for at, one in changes if at <= moment])[-1] == offset:
            moments.append(moment)
    return max(moments or candidates)


def _delayed_audit(call: FunctionCall, described: ObjectDef) -> Filter | None:
    """The audit history shows a change only some time after it was made, if the settings say so."""
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
    """The owners whose records are shown; None for all.

    An entity sees its own records and the shared ones; the top level sees the shared ones, or all.
    """
    if "MEGAENTITYID" not in described.fields:
        return None
    if call.session.entity:
        return ("", call.session.entity)
    behaviour = call.company.behaviour
    return None if (show_private and behaviour.show_private) or not behaviour.hide_private else ("",)


def described_for(call: FunctionCall, operation: str, name: str) -> ObjectDef:
    """The object's description. Raises FunctionRefusedError if the user has no right to this operation."""
    described = call.company.find(name, call.body.findtext("docparid"))
    check_right(call, operation, described.name)
    return described
