"""How a record that may or may not have been written is found again in the company: one table, one row an object.

A *trace* names the ways in which a record written by us can be looked for, each a set of fields that must all be
filled, and what a record that is not ours looks like. The table is data (`data/traces.json`), and it also says where
nothing can be found, which is just as important: such a record is never sent a second time by itself. Beside it stand
the few facts of writing that no description of an object tells. An object without a row follows the rule of master
data: its natural key finds it, and the company keeps that key unique.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from intacct_bridge.model.keys import created_key, natural_key, record_key
from intacct_bridge.wire.values import Value

EXTERNALID = "EXTERNALID"


@dataclass(frozen=True, slots=True)
class Trace:
    """The search for one object's records, and what else is known of writing them."""

    object: str
    ways: tuple[tuple[str, ...], ...] = ()
    """Sets of fields that together say which record it is, the best first."""
    loose: bool = False
    """Whether records without a full key are still compared by what they have of it, for a warning."""
    record: str = "RECORDNO"
    receipt: str = ""
    """What the answer to a new one gives instead of its record key; empty where it is that."""
    created: str = "WHENCREATED"
    """The field with the time of creation."""
    creator: str = "CREATEDBYLOGINID"
    """The field with the login of whoever made it."""
    absent: tuple[str, ...] = ()
    """Fields that must be empty in a record of ours; a filled one marks a copy the company made, such as a reversal."""
    enforced: bool = False
    """Whether the company refuses a second record with the same key."""
    resend: bool = True
    """False where even a proper search is not reason enough to send again: payments."""
    numbered_by: str = ""
    """The object of the definitions that may number these records themselves, which leaves the number that we look
    for unused: then not finding it proves nothing."""
    details: str = ""
    """The object of the lines by which a payment is found: the records paid, the amounts, and the day."""
    read_by: Literal["query", "get"] = "query"
    """Whether the object answers queries, or only the older `get`."""
    required: tuple[str, ...] = ()
    """What a new record must have: fields, or wrappers of lines."""
    numbers_itself: bool = False
    """Whether the company gives the natural key where it is set up to."""
    draft: Mapping[str, str] = field(default_factory=dict)
    """What makes a new record a draft; nothing where the object has none."""
    fixed_in: tuple[str, ...] = ()
    """States in which the company lets nobody change or delete the record."""
    hint: str = ""
    """Where a person would look."""

    def way(self, fields: Mapping[str, Value]) -> tuple[str, ...]:
        """The first way that a record with these values can be looked for; nothing where there is none."""
        for names in self.ways:
            if all(fields.get(name) not in (None, "") for name in names):
                return names
        return ()


@cache
def trace_of(object_name: str) -> Trace:
    """The trace of an object; one that cannot be searched for where there is no key to go by."""
    common = {
        "object": object_name,
        "record": record_key(object_name),
        "created": created_key(object_name) or "",
    }
    row = _table().get(object_name)
    if row is None:
        key = natural_key(object_name)
        row = {"ways": [[key]], "enforced": True, "required": [key]} if key else {}
    return msgspec.convert({**common, **row}, Trace)


@cache
def _table() -> Mapping[str, Mapping[str, object]]:
    table: Mapping[str, Mapping[str, object]] = json.loads(
        files("intacct_bridge.data").joinpath("traces.json").read_text(encoding="utf-8")
    )
    return table
