"""The fields that `create` requires, by object: from the documented pages or from the object's description."""

import json
from functools import cache
from importlib.resources import files

from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import natural_key
from intacct_protocol.xml.values import Kind

_SET_BY_GATEWAY = ("RECORDNO", "CURRENCY", "BASECURR", "STATE", "MODULE")


@cache
def _documented() -> dict[str, list[str]]:
    text = (files("intacct_emulator.data") / "generated" / "emulator_required.json").read_text(encoding="utf-8")
    table: dict[str, list[str]] = json.loads(text)
    return table


def documented_fields(name: str) -> list[str]:
    """The fields that `create` requires by the object's page; empty for an object without a page."""
    return _documented().get(name, [])


def required_fields(described: ObjectDef) -> list[str]:
    """The fields that `create` requires for this object; a dotted name counts only if its group is sent.

    An object without a page requires its natural key and the fields that its description requires.
    """
    documented = documented_fields(described.name)
    if documented:
        return documented
    natural = natural_key(described.name)
    return [
        one.name
        for one in described.fields.values()
        if (one.required or one.name == natural)
        and not one.readonly
        and "." not in one.name
        and one.name not in _SET_BY_GATEWAY
        and one.kind is not Kind.BOOLEAN
        and not one.values
    ]
