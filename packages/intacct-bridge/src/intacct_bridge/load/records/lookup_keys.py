"""Lookup keys: how a record that may or may not have been written is found in the company, one table row an object.

A *lookup key* is a set of fields that must all be filled; together they say which record it is. The table is data
(`data/lookup_keys.json`). It also says where nothing can be found, which is as important: such a record is never sent a
second time automatically. Beside the keys stand the few facts of writing that no description of an object gives. An
object without a row follows the rule of master data: its natural key finds it, and the company keeps that key unique.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from intacct_protocol.model.keys import created_key, natural_key, record_key
from intacct_protocol.xml.values import Value

EXTERNALID = "EXTERNALID"


@dataclass(frozen=True, slots=True)
class LookupKeys:
    """The lookup keys of one object, and the other facts of writing its records."""

    object: str
    keys: tuple[tuple[str, ...], ...] = ()
    """Sets of fields that together identify a record, the best first."""
    number: str = ""
    """The field with the number that people know a document by, where it is not Intacct's key: of a journal entry the
    reference, of a payment the number of the check. Empty where the key has the number, or there is none."""
    party: str = ""
    """The field of the party within which such numbers count; empty if they count in the whole entity."""
    partial: bool = False
    """Whether records without a full key are compared by the filled part of the first, for a warning."""
    record_key: str = "RECORDNO"
    answered_key: str = ""
    """The field whose value the answer to a create gives instead of the record key; empty if it gives that."""
    created_field: str = "WHENCREATED"
    """The field with the time of creation."""
    creator_field: str = "CREATEDBYLOGINID"
    """The field with the login of the user who created it."""
    empty_fields: tuple[str, ...] = ()
    """Fields that are empty in our records; a filled one marks a copy that the company made, such as a reversal."""
    enforced: bool = False
    """Whether the company refuses a second record with the same key."""
    may_resend: bool = True
    """False if a record that was not found is still never sent again: payments."""
    numbered_by: str = ""
    """The object of the definitions that may number these records themselves. The number that we look for is unused
    then, and not finding it proves nothing."""
    payment_lines: str = ""
    """The object of the lines by which a payment is found: the records paid, the amounts, and the date."""
    read_by: Literal["query", "get"] = "query"
    """Whether the object answers queries, or only the legacy `get`."""
    required: tuple[str, ...] = ()
    """Fields, or wrappers of lines, that a new record must have."""
    update_requires: tuple[str, ...] = ()
    """Fields that an update must have too; it sends the company's own values of those that do not change."""
    draft: Mapping[str, str] = field(default_factory=dict)
    """The values that make a new record a draft; empty if the object has no drafts."""
    posts: Mapping[str, str] = field(default_factory=dict)
    """The values by which an update posts a draft, or submits it to the approval in Intacct (Sage's pages on bills and
    journal entries; of the others by the same parameter). Empty if only a person can do that."""
    locked_states: tuple[str, ...] = ()
    """States in which the company allows no change or deletion of the record."""
    hint: str = ""
    """The menu path where a person would look."""

    @property
    def receipt_key(self) -> str:
        """The field whose value the receipt of a new record has."""
        return self.answered_key or self.record_key

    @property
    def identifying(self) -> tuple[str, ...]:
        """The fields that say which document it is: those of its first key, its number, and its party."""
        return tuple(filter(None, (*(self.keys[0] if self.keys else ()), self.number, self.party)))

    def without(self, labels: frozenset[str]) -> "LookupKeys":
        """These without the keys that have one of these fields: it may be the same in several records."""
        return replace(self, keys=tuple(names for names in self.keys if labels.isdisjoint(names))) if labels else self

    def filled_key(self, fields: Mapping[str, Value]) -> tuple[str, ...]:
        """The fields of the first key for which these values are complete; empty if none is."""
        for names in self.keys:
            if all(fields.get(name) not in (None, "") for name in names):
                return names
        return ()


@cache
def lookup_keys_of(object_name: str) -> LookupKeys:
    """The lookup keys of an object; none if it has no key."""
    common = {
        "object": object_name,
        "record_key": record_key(object_name),
        "created_field": created_key(object_name) or "",
    }
    row = _table().get(object_name)
    if row is None:
        key = natural_key(object_name)
        row = {"keys": [[key]], "enforced": True, "required": [key]} if key else {}
    return msgspec.convert({**common, **row}, LookupKeys)


def is_draft_state(object_name: str, state: str) -> bool:
    """Whether the state of a record in Intacct is that of a draft; payments have it as a letter too."""
    return state.casefold() == "draft" or (state == "D" and bool(lookup_keys_of(object_name).payment_lines))


@cache
def _table() -> Mapping[str, Mapping[str, object]]:
    table: Mapping[str, Mapping[str, object]] = json.loads(
        files("intacct_bridge.data").joinpath("lookup_keys.json").read_text(encoding="utf-8")
    )
    return table
