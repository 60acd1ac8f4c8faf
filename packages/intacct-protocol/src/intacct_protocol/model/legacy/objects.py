"""Objects as the legacy functions have them: for document type 2.1, and for objects that `lookup` does not describe.

Document type 2.1 has no `lookup`. The fields of an object are those that its functions take, under Intacct's names; an
element's name tells whether it holds a day, a number or a choice. RECORDNO stands for the key that the functions ask
for, which is the natural id of master data and the number of a transaction.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.catalog import FieldDef, ObjectDef, object_def
from intacct_protocol.model.keys import RECORDNO, UNDESCRIBED, created_key, creator, legacy_name, natural_key, owner
from intacct_protocol.model.legacy.functions import LinePlan, WritePlan, kind_of_element, line_elements, write_plan
from intacct_protocol.model.legacy.grammar import function_def
from intacct_protocol.xml.values import Kind

_KEYED_BY = {"SUPDOCFOLDER": "SUPDOCFOLDERNAME", "SUPDOC": "SUPDOCID"}
_READ_ONLY: Mapping[str, tuple[str, ...]] = {
    "WAREHOUSE": ("WAREHOUSEID", "NAME", "STATUS"),
    "LOCATIONENTITY": ("LOCATIONID", "NAME", "STATUS", "STARTOPEN", "CURRENCY"),
    "GLJOURNAL": ("SYMBOL", "TITLE", "STATUS"),
    "GLBATCH": ("REVERSEDFROM",),
}
"""Fields that no legacy function writes and that loading reads."""
_STATES = ("STATE", "WHENMODIFIED", "MODIFIEDBYLOGINID", "CREATEDBYLOGINID", "CREATEDBY")
_TIMES = ("WHENMODIFIED", "AUWHENCREATED")
_GROUPS = ("customfields", "contactlist", "visibility")


@dataclass(frozen=True, slots=True)
class LegacyObject:
    """One object with its functions."""

    described: ObjectDef
    plan: WritePlan
    name: str
    """The object's name in its functions."""
    key: str
    """The field of its key; RECORDNO for transactions."""
    listed: bool
    """Whether `get_list` takes it."""
    single: bool
    """Whether `get` takes it."""

    def attribute(self, operation: str) -> str:
        """The attribute with the record's key in an update or delete; empty if the key is in the body."""
        function, legacy = function_def(self.plan.functions.get(operation, "")), legacy_name(self.described.name)
        names = [one.name for one in function.attributes] if function else []
        return next((one for one in ((legacy.key if legacy else ""), "key") if one in names), "")

    def fields_taken(self, operation: str) -> frozenset[str]:
        """The fields that a function takes."""
        function = function_def(self.plan.functions.get(operation, ""))
        names = frozenset(function.model.names if function else ())
        placed = {field for field, path in self.plan.fields.items() if path.split("/")[0] in names}
        return frozenset({*placed, *(name.upper() for name in names)})

    def required(self, operation: str) -> tuple[str, ...]:
        """The fields that a function requires."""
        function = function_def(self.plan.functions.get(operation, ""))
        elements = function.model.required if function else ()
        tops = {path.split("/")[0]: field for field, path in reversed(list(self.plan.fields.items()))}
        lines = {line.wrapper: wrapper for wrapper, line in self.plan.lines.items()}
        return tuple(lines.get(name) or tops.get(name) or name.upper() for name in elements if name not in _GROUPS)

    def answer_names(self, field: str) -> tuple[str, ...]:
        """The names that an answer may have for a field, the likeliest first."""
        if field == RECORDNO:
            return ("key", RECORDNO.lower()) if self.key == RECORDNO else (*self.answer_names(self.key), "key")
        place = self.plan.fields.get(field, "").replace("/", ".")
        return tuple(dict.fromkeys(name for name in (place, field.lower()) if name))

    def filter_name(self, field: str) -> str:
        """The name of a field in filters and sort orders."""
        if field == RECORDNO:
            return "key" if self.key == RECORDNO else self.filter_name(self.key)
        place = self.plan.fields.get(field, "")
        return place if place and "/" not in place else field.lower()


@lru_cache(maxsize=128)
def legacy_object(object_name: str) -> LegacyObject:
    """An object with its legacy functions. InvalidRequestError if they do not reach it."""
    name = object_name.upper()
    plan, legacy = plan_of(name), legacy_name(name)
    if (plan is None and legacy is None) or name in ("APPYMT", "APPAYMENT"):
        raise InvalidRequestError(
            f"document type 2.1 does not reach {name}", fix='Use a connection with dtd_version = "3.0".'
        )
    plan = plan or WritePlan(name, {})
    key = _KEYED_BY.get(name) or natural_key(name) or RECORDNO
    described = object_def(name, _fields(plan, key, name), label=legacy.name if legacy else name.lower())
    called = legacy.name if legacy else name.lower()
    return LegacyObject(described, plan, called, key, bool(legacy and legacy.listed), bool(legacy and legacy.single))


@lru_cache(1024)
def plan_of(object_name: str) -> WritePlan | None:
    """The object's own functions; None if it has none."""
    name = object_name.upper()
    legacy, maker = legacy_name(name), creator(name)
    return write_plan(name, maker.partition("_")[2] if maker not in ("", "create") else (legacy.name if legacy else ""))


def legacy_line(line_object: str) -> ObjectDef | None:
    """A line object with the fields that its header's functions take; None if there are none."""
    held = owner(line_object)
    plan = plan_of(held.header) if held is not None else None
    line = plan.lines.get(held.wrapper) if plan and held else None
    return None if line is None or held is None else object_def(line_object.upper(), _line_fields(line, held.by))


def _fields(plan: WritePlan, key: str, name: str) -> Iterator[FieldDef]:
    definitions: dict[str, FieldDef] = {RECORDNO: FieldDef(RECORDNO, Kind.TEXT)}
    tops = {path.split("/")[0] for path in plan.fields.values()}
    tops |= {one for line in plan.lines.values() for one in (line.wrapper, f"update{line.wrapper}", line.element)}
    for field, path in plan.fields.items():
        definitions[field] = FieldDef(field, kind_of_element(path.rsplit("/", 1)[-1]))
    for operation in ("create", "update"):
        function = function_def(plan.functions.get(operation, ""))
        for element in function.model.names if function else ():
            if element not in tops and element not in _GROUPS:
                definitions.setdefault(element.upper(), FieldDef(element.upper(), kind_of_element(element)))
    created = created_key(name)
    more = (key, *_READ_ONLY.get(name, ()), *((*_STATES, created or key) if name not in UNDESCRIBED else ()))
    for field in more:
        time = field in (*_TIMES, created)
        kind = Kind.TIMESTAMP if time else Kind.DATE if field == "STARTOPEN" else Kind.TEXT
        definitions.setdefault(field, FieldDef(field, kind))
    yield from definitions.values()


def _line_fields(line: LinePlan, by: str) -> Iterator[FieldDef]:
    definitions = {by: FieldDef(by, Kind.TEXT)}
    for field, element in line.fields.items():
        definitions.setdefault(field, FieldDef(field, kind_of_element(element)))
    for element in line_elements(line):
        if element not in line.fields.values():
            definitions.setdefault(element.upper(), FieldDef(element.upper(), kind_of_element(element)))
    yield from definitions.values()
