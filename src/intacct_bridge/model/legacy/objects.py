"""Objects as the older functions know them: for connections of document type 2.1, and for objects nobody describes.

There is no `lookup` there. What is known of an object is what its functions take, under Intacct's names; an element's
name tells whether it holds a day, a number or a choice. The record number stands for the key that the functions ask
for, which is the natural id of master data and the number of a transaction.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.model.catalog import FieldDef, ObjectDef, object_def
from intacct_bridge.model.keys import RECORDNO, created_key, creator, legacy_name, natural_key, owner
from intacct_bridge.model.legacy.functions import LinePlan, WritePlan, kind_of_element, line_elements, write_plan
from intacct_bridge.model.legacy.grammar import function_def
from intacct_bridge.wire.values import Kind

UNDESCRIBED = ("SUPDOC", "SUPDOCFOLDER", "EMPLOYEERATE")
"""Objects that only functions of their own reach, on every connection."""
_KEYED_BY = {"SUPDOCFOLDER": "SUPDOCFOLDERNAME", "SUPDOC": "SUPDOCID"}
_READ_TOO: Mapping[str, tuple[str, ...]] = {
    "WAREHOUSE": ("WAREHOUSEID", "NAME", "STATUS"),
    "LOCATIONENTITY": ("LOCATIONID", "NAME", "STATUS", "STARTOPEN", "CURRENCY"),
    "GLJOURNAL": ("SYMBOL", "TITLE", "STATUS"),
    "GLBATCH": ("REVERSEDFROM",),
}
"""Fields that no function of the older kind writes, and that loading reads."""
_STATES = ("STATE", "WHENMODIFIED", "MODIFIEDBYLOGINID", "CREATEDBYLOGINID", "CREATEDBY")
_TIMES = ("WHENMODIFIED", "AUWHENCREATED")
_GROUPS = ("customfields", "contactlist", "visibility")


@dataclass(frozen=True, slots=True)
class LegacyObject:
    """One object with its functions."""

    described: ObjectDef
    plan: WritePlan
    name: str
    """What the functions call it."""
    key: str
    """The field that its key is; the record number of transactions."""
    listed: bool
    """Whether `get_list` takes it."""
    single: bool
    """Whether `get` takes it."""

    def attribute(self, operation: str) -> str:
        """The attribute that names a record in an update or delete; empty where it stands in the body."""
        function, known = function_def(self.plan.functions.get(operation, "")), legacy_name(self.described.name)
        taken = [one.name for one in function.attributes] if function else []
        return next((one for one in ((known.key if known else ""), "key") if one in taken), "")

    def taken(self, operation: str) -> frozenset[str]:
        """The fields that a function has a place for."""
        function = function_def(self.plan.functions.get(operation, ""))
        names = frozenset(function.model.names if function else ())
        placed = {field for field, path in self.plan.fields.items() if path.split("/")[0] in names}
        return frozenset({*placed, *(name.upper() for name in names)})

    def required(self, operation: str) -> tuple[str, ...]:
        """The fields that a function is never called without."""
        function = function_def(self.plan.functions.get(operation, ""))
        wanted = function.model.required if function else ()
        tops = {path.split("/")[0]: field for field, path in reversed(list(self.plan.fields.items()))}
        lines = {line.wrapper: wrapper for wrapper, line in self.plan.lines.items()}
        return tuple(lines.get(name) or tops.get(name) or name.upper() for name in wanted if name not in _GROUPS)

    def cell(self, field: str) -> tuple[str, ...]:
        """The names under which an answer may have a field, the best first."""
        if field == RECORDNO:
            return ("key", RECORDNO.lower()) if self.key == RECORDNO else (*self.cell(self.key), "key")
        place = self.plan.fields.get(field, "").replace("/", ".")
        return tuple(dict.fromkeys(name for name in (place, field.lower()) if name))

    def asked(self, field: str) -> str:
        """The name that a filter or an order has for a field."""
        if field == RECORDNO:
            return "key" if self.key == RECORDNO else self.asked(self.key)
        place = self.plan.fields.get(field, "")
        return place if place and "/" not in place else field.lower()


@lru_cache(maxsize=128)
def legacy_object(object_name: str) -> LegacyObject:
    """What the older functions know of an object. InvalidRequestError where they do not reach it."""
    name = object_name.upper()
    plan, known = plan_of(name), legacy_name(name)
    if (plan is None and known is None) or name in ("APPYMT", "APPAYMENT"):
        raise InvalidRequestError(
            f"document type 2.1 does not reach {name}", fix='Use a connection with dtd_version = "3.0".'
        )
    plan = plan or WritePlan(name, {})
    key = _KEYED_BY.get(name) or natural_key(name) or RECORDNO
    described = object_def(name, _fields(plan, key, name), label=known.name if known else name.lower())
    called = known.name if known else name.lower()
    return LegacyObject(described, plan, called, key, bool(known and known.listed), bool(known and known.single))


def plan_of(object_name: str) -> WritePlan | None:
    """The object's own functions, whatever they are called; None where it has none."""
    name = object_name.upper()
    known, maker = legacy_name(name), creator(name)
    return write_plan(name, maker.partition("_")[2] if maker not in ("", "create") else (known.name if known else ""))


def legacy_line(line_object: str) -> ObjectDef | None:
    """The fields of an object's lines, as its functions take them."""
    held = owner(line_object)
    plan = plan_of(held.header) if held is not None else None
    line = plan.lines.get(held.wrapper) if plan and held else None
    return None if line is None or held is None else object_def(line_object.upper(), _line_fields(line, held.by))


def _fields(plan: WritePlan, key: str, name: str) -> Iterator[FieldDef]:
    found: dict[str, FieldDef] = {RECORDNO: FieldDef(RECORDNO, Kind.TEXT)}
    tops = {path.split("/")[0] for path in plan.fields.values()}
    tops |= {one for line in plan.lines.values() for one in (line.wrapper, f"update{line.wrapper}", line.element)}
    for field, path in plan.fields.items():
        found[field] = FieldDef(field, kind_of_element(path.rsplit("/", 1)[-1]))
    for operation in ("create", "update"):
        function = function_def(plan.functions.get(operation, ""))
        for element in function.model.names if function else ():
            if element not in tops and element not in _GROUPS:
                found.setdefault(element.upper(), FieldDef(element.upper(), kind_of_element(element)))
    created = created_key(name)
    more = (key, *_READ_TOO.get(name, ()), *((*_STATES, created or key) if name not in UNDESCRIBED else ()))
    for field in more:
        time = field in (*_TIMES, created)
        kind = Kind.TIMESTAMP if time else Kind.DATE if field == "STARTOPEN" else Kind.TEXT
        found.setdefault(field, FieldDef(field, kind))
    yield from found.values()


def _line_fields(line: LinePlan, by: str) -> Iterator[FieldDef]:
    found = {by: FieldDef(by, Kind.TEXT)}
    for field, element in line.fields.items():
        found.setdefault(field, FieldDef(field, kind_of_element(element)))
    for element in line_elements(line):
        if element not in line.fields.values():
            found.setdefault(element.upper(), FieldDef(element.upper(), kind_of_element(element)))
    yield from found.values()
