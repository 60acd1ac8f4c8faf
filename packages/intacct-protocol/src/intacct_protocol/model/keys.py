"""Keys, owners and creators of objects: facts that `lookup` does not give, from `data/keys.json`.

Every function ignores the case of a standard object's name. An object that the table does not list follows the common
rule: its key is RECORDNO, and the generic `create` creates it. If a description from the catalogue is at hand, use
`keys_of`: it compares the table with the fields that exist, so it is also right for custom objects.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec

from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.xml.values import Kind

RECORDNO = "RECORDNO"
WHENMODIFIED = "WHENMODIFIED"
UNDESCRIBED = ("SUPDOC", "SUPDOCFOLDER", "EMPLOYEERATE")
"""Objects that only their own functions reach, on every connection."""
_REC_SUFFIX = "--REC"


@dataclass(frozen=True, slots=True)
class Owner:
    """A line object's place under its header."""

    header: str
    by: str
    """The line's field that holds the header's key."""
    wrapper: str
    """The element around the lines in `read`, `create` and `update`; empty if the lines are not an owned list."""
    line: str
    key: str = RECORDNO
    """The header's field that `by` refers to."""


@dataclass(frozen=True, slots=True)
class LegacyName:
    """An object's name in the functions of document type 2.1."""

    name: str
    listed: bool
    """`get_list` takes it."""
    single: bool
    """`get` takes it by key."""
    key: str
    """The attribute with the record's key in `update_...` and `delete_...`; empty if there are no such functions."""


@dataclass(frozen=True, slots=True)
class ObjectKeys:
    """The fields of one object that reads in key order and incremental reads need."""

    record: str
    """The key that every read walks; empty if the object has none."""
    opaque: bool
    """The key is text: it can be compared, but the gateway's sort order is unknown."""
    natural: str
    modified: str
    """The time of the last change, null before the first one; empty if the object has no such field."""
    created: str
    """The time of creation (never the business date); empty if the object has no such field."""


class _Line(msgspec.Struct, frozen=True):
    line: str
    header: str
    by: str
    wrapper: str = ""
    key: str = RECORDNO
    inferred: bool = False


class _Legacy(msgspec.Struct, frozen=True):
    name: str
    calls: tuple[str, ...]
    key: str = ""


class _Table(msgspec.Struct, frozen=True):
    others: frozenset[str]
    """Standard objects that follow the common rule in everything."""
    natural_key: dict[str, str]
    record_key: dict[str, str]
    text_key: frozenset[str]
    without_whenmodified: frozenset[str]
    whenmodified_is_a_day: frozenset[str]
    created_auwhencreated: frozenset[str]
    created_nowhere: frozenset[str]
    lines: tuple[_Line, ...]
    created_by: dict[str, str]
    created_by_nothing: frozenset[str]
    audit_key: dict[str, str]
    legacy: dict[str, _Legacy]


@cache
def _table() -> _Table:
    return msgspec.json.decode(resources.files("intacct_protocol.data").joinpath("keys.json").read_bytes(), type=_Table)


@cache
def _owners() -> dict[str, Owner]:
    return {one.line: Owner(one.header, one.by, one.wrapper, one.line, one.key) for one in _table().lines}


def standard(object_name: str) -> bool:
    """Whether every company is known to have an object of this name; not every company lets it be read."""
    name, table = object_name.upper(), _table()
    listed = (
        table.others,
        table.natural_key,
        table.record_key,
        table.text_key,
        table.without_whenmodified,
        table.whenmodified_is_a_day,
        table.created_auwhencreated,
        table.created_nowhere,
        table.created_by,
        table.created_by_nothing,
        table.legacy,
        _owners(),
    )
    return any(name in one for one in listed)


def natural_key(object_name: str) -> str | None:
    """The field that `readByName` reads by and that `create` returns with RECORDNO; None if there is none."""
    return _table().natural_key.get(object_name.upper())


def record_key(object_name: str) -> str:
    """The field that every read walks: RECORDNO, or the table's entry if an object has none."""
    return _table().record_key.get(object_name.upper(), RECORDNO)


def text_key(object_name: str) -> bool:
    """Whether the record key is text, so that its order in the gateway is unknown."""
    return object_name.upper() in _table().text_key


def replication_key(object_name: str) -> str | None:
    """WHENMODIFIED; None for objects that need a full refresh: they have no such field, or a day without a time."""
    name, table = object_name.upper(), _table()
    return None if name in table.without_whenmodified or name in table.whenmodified_is_a_day else WHENMODIFIED


def created_key(object_name: str) -> str | None:
    """The creation time: AUWHENCREATED if WHENCREATED is a business date; None if there is no such field."""
    name, table = object_name.upper(), _table()
    if name in table.created_nowhere:
        return None
    return "AUWHENCREATED" if name in table.created_auwhencreated else "WHENCREATED"


def keys_of(described: ObjectDef) -> ObjectKeys:
    """The keys as this company's catalogue has them."""
    fields = described.fields
    record = record_key(described.name)
    record = next((name for name in (record, RECORDNO, "id", "ID") if name in fields), "")
    natural = natural_key(described.name) or ""
    return ObjectKeys(
        record=record,
        opaque=described.kind_of(record) is not Kind.INTEGER,
        natural=natural if natural in fields else "",
        modified=_time(described, WHENMODIFIED, "updatedAt"),
        created=_time(described, "AUWHENCREATED", "WHENCREATED", "createdAt"),
    )


def _time(described: ObjectDef, *names: str) -> str:
    """The first of these fields that exists and is a time; custom objects have `createdAt` and `updatedAt`."""
    return next((name for name in names if name in described.fields and described.kind_of(name) is Kind.TIMESTAMP), "")


def owner(line_object: str) -> Owner | None:
    """The header of a line object; None for an object that is not a line."""
    return _owners().get(line_object.upper())


def lines(header: str) -> tuple[Owner, ...]:
    """The line objects under a header."""
    name = header.upper()
    return tuple(one for one in _owners().values() if one.header == name)


@cache
def wrappers() -> frozenset[str]:
    """The elements around the lines of any object."""
    return frozenset(one.wrapper for one in _owners().values() if one.wrapper)


def creator(object_name: str) -> str:
    """The function that creates a record: `create`, a legacy function's name, or empty if none is documented."""
    name, table = object_name.upper(), _table()
    if name in table.created_by_nothing:
        return ""
    return table.created_by.get(name, "create")


def legacy_name(object_name: str) -> LegacyName | None:
    """The object's name in document type 2.1; None if its functions do not reach the object."""
    row = _table().legacy.get(object_name.upper())
    if row is None:
        return None
    return LegacyName(row.name, "get_list" in row.calls, "get" in row.calls, row.key)


def object_of_legacy(name: str) -> str | None:
    """The object of a name of document type 2.1, such as `bill`; of two with the same name, the first by name."""
    return next((one for one, found in _table().legacy.items() if found.name == name), None)


def audited(object_name: str, object_key: str) -> tuple[tuple[str, str], ...]:
    """The possible meanings of an OBJECTKEY of AUDITHISTORY: pairs of field and value, the likeliest first.

    It is the RECORDNO, bare or followed by `--REC`, or the natural key. For most objects no source says which, so
    callers look up the pairs.
    """
    bare = object_key.removesuffix(_REC_SUFFIX)
    by = _table().audit_key.get(object_name.upper())
    record, natural = (record_key(object_name), bare), (natural_key(object_name), object_key)
    if bare != object_key:
        return (record,)
    if by is not None:
        return ((by, object_key),)
    numeric = bare.isdecimal() or text_key(object_name)
    keys = [record] if numeric else []
    if natural[0] is not None:
        keys.append((natural[0], natural[1]))
    return tuple(keys)
