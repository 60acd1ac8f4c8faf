"""How a record that may or may not have been written is found again in the company: one table, one row an object.

A *trace* names the fields by which a record written by us can be looked for, which of them must be filled for the
search to mean anything, and what a record that is not ours looks like. The table is data (`data/traces.json`), and it
also says where nothing can be found, which is just as important: such a record is never sent a second time by itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from intacct_bridge.wire.values import Value


@dataclass(frozen=True, slots=True)
class Trace:
    """The search for one object's records."""

    object: str
    key: tuple[str, ...] = ()
    """Fields that together say which record it is."""
    requires: tuple[str, ...] = ()
    """Those of them without a value of which nothing can be found."""
    record: str = "RECORDNO"
    created: str = "WHENCREATED"
    """The field with the time of creation."""
    creator: str = "CREATEDBYLOGINID"
    """The field with the login of whoever made it."""
    absent: tuple[str, ...] = ()
    """Fields that must be empty in a record of ours; a filled one marks a copy the company made, such as a reversal."""
    enforced: bool = False
    """Whether the company refuses a second record with the same key."""
    resend: bool = True
    """False where even a proper search is not reason enough to send again, as with payments."""
    hint: str = ""
    """Where a person would look."""

    def searchable(self, fields: Mapping[str, Value]) -> bool:
        """Whether a record with these values can be looked for."""
        return bool(self.key) and all(fields.get(name) not in (None, "") for name in self.requires)


def trace_of(object_name: str) -> Trace:
    """The trace of an object; one that cannot be searched for where the table does not know the object."""
    return _table().get(object_name, Trace(object_name))


@cache
def _table() -> Mapping[str, Trace]:
    text = files("intacct_bridge.data").joinpath("traces.json").read_text(encoding="utf-8")
    return {name: msgspec.convert({"object": name, **row}, Trace) for name, row in json.loads(text).items()}
