"""How records of an object are told apart, owned and created: what `lookup` does not say, from `data/keys.json`.

Every function takes a standard object's name in any case; what the table does not know follows the common rule (the
key is RECORDNO, the generic `create` makes it). Where a description from the catalogue is at hand, `keys_of` is the
better question: it holds the table against the fields that really exist, so custom objects come out right too.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec

from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.wire.values import Kind

RECORDNO = "RECORDNO"
WHENMODIFIED = "WHENMODIFIED"
_REC_SUFFIX = "--REC"


@dataclass(frozen=True, slots=True)
class Owner:
    """A line object's place under its header."""

    header: str
    by: str
    """The line's field that holds the header's key."""
    wrapper: str
    """The element around the lines in `read`, `create` and `update`; empty where they are no owned list."""
    line: str
    key: str = RECORDNO
    """The header's field that `by` refers to."""


@dataclass(frozen=True, slots=True)
class LegacyName:
    """What the functions of document type 2.1 call an object."""

    name: str
    listed: bool
    """`get_list` takes it."""
    single: bool
    """`get` takes it by key."""
    key: str
    """The attribute that names one in `update_...` and `delete_...`; empty where there are none."""


@dataclass(frozen=True, slots=True)
class ObjectKeys:
    """The fields of one object that reading in order, and reading what changed, stand on."""

    record: str
    """The key that every read walks; empty when the object has none."""
    opaque: bool
    """The key is text: it may be compared, but nothing says in which order the gateway sorts it."""
    natural: str
    modified: str
    """The time of the last change, null until there was one; empty when the object keeps none."""
    created: str
    """The time of creation (never the business date); empty when the object keeps none."""


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
    """Standard objects of which there is nothing to say."""
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
    return msgspec.json.decode(resources.files("intacct_bridge.data").joinpath("keys.json").read_bytes(), type=_Table)


@cache
def _owners() -> dict[str, Owner]:
    return {one.line: Owner(one.header, one.by, one.wrapper, one.line, one.key) for one in _table().lines}


def standard(object_name: str) -> bool:
    """Whether every company has an object of this name, as far as is known; not all let it be read."""
    name, table = object_name.upper(), _table()
    told = (
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
    return any(name in one for one in told)


def natural_key(object_name: str) -> str | None:
    """The field that `readByName` reads by, and that `create` returns beside RECORDNO; None when there is none."""
    return _table().natural_key.get(object_name.upper())


def record_key(object_name: str) -> str:
    """The field that every read walks: RECORDNO, or what the table names where an object has none."""
    return _table().record_key.get(object_name.upper(), RECORDNO)


def text_key(object_name: str) -> bool:
    """Whether the record key is text, and its order in the gateway therefore unknown."""
    return object_name.upper() in _table().text_key


def replication_key(object_name: str) -> str | None:
    """WHENMODIFIED, or None for the objects that can only be read whole: they keep none, or a day without a time."""
    name, table = object_name.upper(), _table()
    return None if name in table.without_whenmodified or name in table.whenmodified_is_a_day else WHENMODIFIED


def created_key(object_name: str) -> str | None:
    """The creation time: AUWHENCREATED where WHENCREATED is a business date; None where nothing keeps it."""
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
    """The first of these that is there and is a time; custom objects have `createdAt` and `updatedAt`."""
    return next((name for name in names if name in described.fields and described.kind_of(name) is Kind.TIMESTAMP), "")


def owner(line_object: str) -> Owner | None:
    """The header of a line object; None for everything that stands by itself."""
    return _owners().get(line_object.upper())


def lines(header: str) -> tuple[Owner, ...]:
    """The line objects under a header."""
    name = header.upper()
    return tuple(one for one in _owners().values() if one.header == name)


def creator(object_name: str) -> str:
    """The function that makes a record: `create`, a legacy function's name, or nothing when none is documented."""
    name, table = object_name.upper(), _table()
    if name in table.created_by_nothing:
        return ""
    return table.created_by.get(name, "create")


def legacy_name(object_name: str) -> LegacyName | None:
    """What 2.1 calls the object; None when its functions do not reach it."""
    found = _table().legacy.get(object_name.upper())
    if found is None:
        return None
    return LegacyName(found.name, "get_list" in found.calls, "get" in found.calls, found.key)


def object_of_legacy(name: str) -> str | None:
    """The object behind a name of 2.1, such as `bill`; of two that share one, the first in the alphabet."""
    return next((one for one, found in _table().legacy.items() if found.name == name), None)


def audited(object_name: str, object_key: str) -> tuple[tuple[str, str], ...]:
    """What an OBJECTKEY of AUDITHISTORY may mean: pairs of field and value, the likeliest first.

    It is the RECORDNO, bare or with `--REC` behind it, or the natural key; for most objects no source says which, so
    whoever acts on it looks the pairs up.
    """
    bare = object_key.removesuffix(_REC_SUFFIX)
    known = _table().audit_key.get(object_name.upper())
    record, natural = (record_key(object_name), bare), (natural_key(object_name), object_key)
    if bare != object_key:
        return (record,)
    if known is not None:
        return ((known, object_key),)
    numeric = bare.isdecimal() or text_key(object_name)
    found = [record] if numeric else []
    if natural[0] is not None:
        found.append((natural[0], natural[1]))
    return tuple(found)
