"""The object-specific functions of the 3.0 schema: the order of their elements, and their attributes.

The published schemas are strict about order for these functions, which is the commonest reason for XL03000003, so the
client arranges children by the content model and the emulator refuses by it. Both read this one table: it restates the
publisher's schema and holds nothing of our own.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from intacct_protocol.model.legacy.content_model import Model, compile_model


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a function's element, with the values it may take, if they are listed."""

    name: str
    required: bool
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionDef:
    """One function of the 3.0 schema."""

    name: str
    text: str
    """The content model as written."""
    attributes: tuple[Attribute, ...] = ()

    @property
    def model(self) -> Model:
        """The content model."""
        return compile_model(self.text)


@lru_cache(maxsize=1)
def _table() -> dict[str, FunctionDef]:
    """`legacy_functions.json`: `{function: [content model, {attribute: [required, values]}]}`."""
    facts = json.loads(files("intacct_protocol.data").joinpath("legacy_functions.json").read_text("utf-8"))
    return {name: _function(name, *one) for name, one in facts.items()}


def _function(name: str, text: str, attributes: dict[str, tuple[bool, list[str]]] | None = None) -> FunctionDef:
    listed = (Attribute(key, required, tuple(values)) for key, (required, values) in (attributes or {}).items())
    return FunctionDef(name, text, tuple(listed))


def function_def(name: str) -> FunctionDef | None:
    """What the 3.0 schema says of a function, or None for one that it does not name."""
    return _table().get(name)


def function_names() -> tuple[str, ...]:
    """Every function the table knows."""
    return tuple(_table())
