"""The objects of the REST interface: their methods, fields and references, as Sage's OpenAPI describes them.

The facts are in `data/rest_objects.json`. They are read when the first request of the REST interface comes, so that a
start of the emulator does not pay for them. `data/rest_map.toml` says which of the objects are records of the XML
interface, and which of its fields each REST field is.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import msgspec

_OF = "intacct_emulator.data"
OBJECTS = "objects/"
"""Stands before the name of an object in paths, and may in queries."""


class RestField(msgspec.Struct, frozen=True):
    """One field, by its dotted name in the object."""

    type: str = "string"
    """`string`, `number`, `boolean`, `ref`, `object`, `list`, `array` or `map`."""
    format: str = ""
    """Such as `date`, `date-time` or `decimal-precision-2`."""
    enum: tuple[str | bool | float | None, ...] = ()
    items: str = ""
    """The type of an array's elements."""
    to: str = ""
    """The object that a reference leads to; empty if the specification does not say."""
    of: str = ""
    """The object whose records a list holds."""
    read_only: bool = False
    nullable: bool = False
    deprecated: bool = False
    immutable: bool = False
    """It cannot change after the record was created."""
    default: str = ""

    @property
    def is_value(self) -> bool:
        """Whether it holds a value itself, and not a group of fields or of records."""
        return self.type not in ("ref", "object", "list", "map", "oneOf:object")

    @property
    def decimals(self) -> int | None:
        """The decimals of an amount that is text; None for other fields."""
        _, mark, digits = self.format.partition("precision-")
        return int(digits) if mark and digits.isdecimal() else None


class RestObject(msgspec.Struct, frozen=True):
    """One object of the REST interface."""

    fields: dict[str, RestField]
    methods: tuple[str, ...] = ()
    """Of `list`, `get`, `create`, `update` and `delete`, those that it has."""
    required_on_create: tuple[str, ...] = ()
    readonly_on_update: tuple[str, ...] = ()
    owned_by: tuple[str, ...] = ()
    """`object#list` of each object that holds its records as lines."""
    lists: dict[str, str] = {}
    """By field, the object whose records the list holds."""
    refs: dict[str, str] = {}
    """By field, the object that the reference leads to."""
    workflows: tuple[str, ...] = ()
    name: str = ""

    @property
    def is_owned(self) -> bool:
        """Whether its records are lines of another object's."""
        return bool(self.owned_by) and "create" not in self.methods

    def reference(self, name: str) -> str:
        """The object that a field refers to; empty if nothing says which."""
        return self.refs.get(name, "") or self.fields.get(name, RestField()).to


class Workflow(msgspec.Struct, frozen=True):
    """One action on a record."""

    body: dict[str, RestField] = {}
    required: tuple[str, ...] = ()
    result: dict[str, RestField] = {}


class RestCatalogue(msgspec.Struct, frozen=True):
    """Everything that the interface describes, by name or path."""

    groups: dict[str, dict[str, RestField]]
    """Fields that many objects share."""
    objects: dict[str, RestObject]
    services: dict[str, dict[str, Any]]
    workflows: dict[str, Workflow]

    def find(self, name: str) -> RestObject | None:
        """The object with this name, with or without `objects/` before it; None if there is none."""
        plain = name.strip().strip("/").removeprefix(OBJECTS)
        described = self.objects.get(plain)
        if described is None and "::" in plain:
            described = self.objects.get(f"{plain.partition('::')[0]}::{{documentName}}")
        return described


class PairedObject(msgspec.Struct, frozen=True):
    """A REST object whose records are those of an XML object."""

    xml: str
    fields: dict[str, str]
    """By REST field, the field of the XML object."""


@dataclass(frozen=True, slots=True)
class ObjectPair:
    """A REST object beside the XML object that holds its records."""

    rest: RestObject
    xml: str
    fields: Mapping[str, str]
    """By REST field, the field of the XML object."""


@cache
def catalogue() -> RestCatalogue:
    """The packaged catalogue; it takes about 0.1 s to read once."""
    described = msgspec.json.decode(resources.files(_OF).joinpath("rest_objects.json").read_bytes(), type=RestCatalogue)
    objects = {}
    for name, packed in described.objects.items():
        fields: dict[str, RestField] = {}
        for field_name, definition in packed.fields.items():
            fields |= described.groups[field_name[1:]] if field_name.startswith("+") else {field_name: definition}
        objects[name] = msgspec.structs.replace(packed, fields=fields, name=name)
    return msgspec.structs.replace(described, objects=objects)


@cache
def pairs() -> Mapping[str, ObjectPair]:
    """By REST object, those whose records are in the XML interface too."""
    text = resources.files(_OF).joinpath("rest_map.toml").read_text("utf-8")
    paired = msgspec.convert(tomllib.loads(text), dict[str, PairedObject])
    return {name: ObjectPair(catalogue().objects[name], one.xml, one.fields) for name, one in paired.items()}
