"""The field names of rows to write: misspelt ones are refused, and others that no description lists are sent.

The gateway takes some elements that `lookup` does not list. Whether it refuses all others is not documented, so a
misspelt field could be lost. A name counts as misspelt if nothing describes it, and if it is like a field that the row
does not give.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import lines
from intacct_protocol.model.suggestions import misspelt, suggestion
from intacct_protocol.model.writing.generic import is_rows
from intacct_protocol.model.writing.line_parts import header_part, line_part
from intacct_protocol.xml.values import UNSET

UNDESCRIBED_FIELDS = ("ACTION",)
"""Fields that `create` and `update` take although no description has them, besides those that a record requires."""


def refuse_misspelt(described: ObjectDef, row: Mapping[str, Any], unlisted: Collection[str] = ()) -> None:
    """InvalidRequestError for a field of a header or a line whose name is misspelt; `unlisted` names are sent."""
    described_fields = described.fields
    unknown = [name for name in _names(row) if name not in described_fields]
    if not unknown:
        return
    wrappers = [one.wrapper for one in lines(described.name) if one.wrapper]
    upper = {name.upper() for name in _names(row)}
    missing = [name for name in (*described_fields, *wrappers) if name.upper() not in upper]
    sent = {name.upper() for name in (*unlisted, *UNDESCRIBED_FIELDS, *wrappers)}
    for name in unknown:
        near = "" if name.upper() in sent or _is_known(described, name) else misspelt(name, missing)
        if near:
            raise InvalidRequestError(
                f"{described.name} has no field {name!r}; {suggestion([near])}",
                fix="Correct the name. If Intacct takes it although its description lacks it, name it in `unlisted`.",
            )


def _is_known(described: ObjectDef, name: str) -> bool:
    parts = (described.get(name), header_part(described.name, name), line_part(described.name, name))
    group = f"{name.upper()}."
    return any(part is not None for part in parts) or any(one.startswith(group) for one in described.fields)


def _names(row: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted names of the values and of the lists of lines in a row."""
    for key, value in row.items():
        if value is UNSET:
            continue
        if isinstance(value, Mapping) and not is_rows(value):
            yield from _names(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
