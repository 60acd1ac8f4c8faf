"""Fields that Intacct computes from other records, such as a vendor's TOTALDUE: their change has no time of change."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec


class ComputedFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The computed fields of one object."""

    fields: tuple[str, ...]
    source: str
    by: str = ""
    """The field by which a record and its documents belong together; empty if no documents are known."""
    documents: tuple[str, ...] = ()
    """The objects of the documents from which the fields are computed."""


@cache
def computed_fields() -> Mapping[str, ComputedFields]:
    """The computed fields by object."""
    text = files("intacct_bridge.data").joinpath("computed_fields.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, ComputedFields])


@cache
def parties_of(document: str) -> str:
    """The field in which a document names the record whose computed fields it changes; empty for other objects."""
    return next((computed.by for computed in computed_fields().values() if document in computed.documents), "")
