"""JSON Schema (2020-12) of the dataclasses that `typed_tables` reads and that answers are made of.

It says of a request exactly what `typed_tables` accepts as JSON: the same names, types, choices and bounds. The meaning
of a field is the text below it in the source.
"""

import ast
import inspect
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta

from intacct_emulator.settings.typed_tables import TableOf, hints_of

_PLAIN: Mapping[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
    type(None): {"type": "null"},
    Any: {},
}


def field_texts(kind: Any) -> dict[str, str]:
    """By field of a class, the text below it in the source."""
    return _texts(kind)


@cache
def _texts(kind: Any) -> dict[str, str]:
    (class_node,) = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body
    assert isinstance(class_node, ast.ClassDef)
    texts, name = dict[str, str](), ""
    for node in class_node.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            texts[name] = " ".join(str(node.value.value).split())
            name = ""
    return texts


@dataclass
class Schemas:
    """The schemas of types; each dataclass is a component that the others refer to."""

    components: dict[str, dict[str, Any]] = field(default_factory=dict)
    _names: dict[tuple[type[Any], bool], str] = field(default_factory=dict)

    def of(self, hint: Any, *, sent: bool) -> dict[str, Any]:
        """The schema of a type, as a request sends it or as an answer shows it."""
        if get_origin(hint) is Annotated:
            return self._annotated(hint, sent=sent)
        if is_dataclass(hint):
            return {"$ref": f"#/components/schemas/{self._component(hint, sent=sent)}"}  # type: ignore[arg-type]
        origin, inner = get_origin(hint), get_args(hint)
        if origin in (Union, UnionType):
            return {"anyOf": [self.of(each, sent=sent) for each in inner]}
        if origin is tuple:
            return {"type": "array", "items": self.of(inner[0], sent=sent)}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.of(inner[1], sent=sent)}
        if origin is Literal:
            return {"type": "string", "enum": list(inner)}
        if hint is Decimal:
            return {"type": "number"} if sent else {"type": "string", "description": "A decimal number, exact."}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"type": "string", "enum": [each.value for each in hint]}
        return dict(_PLAIN[hint])

    def _annotated(self, hint: Any, *, sent: bool) -> dict[str, Any]:
        kind, *marks = get_args(hint)
        for mark in marks:
            if isinstance(mark, TableOf):
                return self.of(mark.kind, sent=sent)
        schema = self.of(kind, sent=sent)
        bounds = next((mark for mark in marks if isinstance(mark, Meta)), Meta())
        size = {"array": "Items", "object": "Properties"}.get(schema.get("type", ""), "Length")
        limits = {
            "minimum": bounds.ge,
            "maximum": bounds.le,
            f"min{size}": bounds.min_length,
            f"max{size}": bounds.max_length,
            "pattern": bounds.pattern,
        }
        return schema | {name: limit for name, limit in limits.items() if limit is not None}

    def _component(self, kind: type[Any], *, sent: bool) -> str:
        """The name of a dataclass among the components. It is listed before its fields, which may refer to it."""
        if (kind, sent) not in self._names:
            name = f"Sent{kind.__name__}" if kind.__name__ in self.components else kind.__name__
            self._names[kind, sent] = name
            self.components[name] = {}
            self.components[name] = self._object(kind, sent=sent)
        return self._names[kind, sent]

    def _object(self, kind: type[Any], *, sent: bool) -> dict[str, Any]:
        properties, required = self._properties(kind, sent=sent)
        text = inspect.cleandoc(kind.__doc__ or "").partition(" Raises ")[0]
        schema: dict[str, Any] = {"type": "object", "description": text, "properties": properties}
        return schema | ({"required": required} if required else {}) | {"additionalProperties": False}

    def _properties(self, kind: type[Any], *, sent: bool) -> tuple[dict[str, Any], list[str]]:
        """The properties of a dataclass with those of its inline dataclasses, and the names of those required."""
        hints, texts = hints_of(kind), field_texts(kind)
        properties, required = dict[str, Any](), list[str]()
        for declared in fields(kind):
            if sent and declared.metadata.get("inline"):
                inner, needed = self._properties(hints[declared.name], sent=True)
                properties |= inner
                required += needed
                continue
            name = declared.metadata.get("table", declared.name) if sent else declared.name
            schema = self.of(hints[declared.name], sent=sent)
            about = {"description": texts[declared.name]} if declared.name in texts else {}
            secret = {"writeOnly": True} if sent and not declared.repr else {}
            properties[name] = schema | about | secret | (_default(declared) if sent else {})
            if not sent or (declared.default is MISSING and declared.default_factory is MISSING):
                required.append(name)
        return properties, required


def _default(declared: Field[Any]) -> dict[str, Any]:
    """The default of a field that is plain."""
    default = declared.default
    plain = isinstance(default, (str, int, float, bool)) and not isinstance(default, Enum)
    return {"default": default} if plain and declared.repr else {}
