"""The functions of the 3.0 schema as the emulator checks them, and the order inside their parts.

The order of a function's own elements is in the table of `model.legacy.grammar`, which restates the publisher's schema;
client and emulator read the one table. `emulator_parts.json` adds what only the emulator needs: which parts of a
function are checked inside. Of some parts the order is recorded, of others only the documentation's is known, and those
can be left alone.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from intacct_protocol.model.legacy.functions import day_elements, part_models
from intacct_protocol.model.legacy.grammar import FunctionDef, function_def, function_names

_DAY = "(year month day)?"
"""A day; that an empty one is accepted is our choice."""
_ALSO_DOCUMENTED = (
    FunctionDef("consolidatebytier", "reportingperiodname structurename email?"),
    FunctionDef("recallApBill", "RECORDNO"),
)
"""Functions that are documented and that the schema lacks."""
Parts = dict[str, str]
"""The models of what is inside a function, by the name of the part."""


@cache
def functions() -> Mapping[str, FunctionDef]:
    """Every function that the emulator knows, by name."""
    definitions = [one for one in map(function_def, function_names()) if one is not None]
    return {one.name: one for one in sorted((*definitions, *_ALSO_DOCUMENTED), key=lambda one: one.name)}


def parts_of(name: str, *, documented: bool = True) -> Parts:
    """The order inside a function's parts, if it is recorded; with `documented`, also if only a page tells it."""
    recorded, more = _parts().get(name, ({}, {}))
    return {**more, **recorded} if documented else recorded


@cache
def _parts() -> dict[str, tuple[Parts, Parts]]:
    """`{function: [[recorded part], {recorded part: its model in this function}, {documented part: model}]}`.

    A recorded part without a model of its own has the one that all functions share.
    """
    text = (files("intacct_emulator.data") / "generated" / "emulator_parts.json").read_text(encoding="utf-8")
    return {
        name: ({one: own.get(one) or _shared(one) for one in recorded}, documented)
        for name, (recorded, own, documented) in json.loads(text).items()
    }


def _shared(part: str) -> str:
    if part in day_elements():
        return _DAY
    function = functions().get(part)
    return part_models()[part] if function is None else function.text
