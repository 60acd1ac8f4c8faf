"""Fields that `create` takes and no description lists: taxes and splits of lines, and lines without a description.

A part is named by its place, `TAXENTRIES.TAXENTRY.DETAILID`, with a number if a line has several: `SPLIT[0].AMOUNT`.
"""

import re
from functools import cache
from importlib import resources

import msgspec

from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.xml.values import Kind

_NUMBER = re.compile(r"\[\d+\]")


class _Table(msgspec.Struct, frozen=True):
    fields: dict[str, dict[str, str]]
    parts: dict[str, dict[str, str]]
    have: dict[str, tuple[str, ...]]
    header: dict[str, dict[str, str]]


@cache
def _table() -> _Table:
    text = resources.files("intacct_protocol.data").joinpath("line_parts.json").read_bytes()
    return msgspec.json.decode(text, type=_Table)


def header_part(object_name: str, name: str) -> FieldDef | None:
    """A field that `create` takes in a header and its description lacks."""
    kind = _table().header.get(object_name, {}).get(name.upper())
    return FieldDef(name.upper(), Kind(kind)) if kind else None


def line_part(line_object: str, name: str) -> FieldDef | None:
    """A field of a line's part, or of a line without a description; None for an unknown name."""
    upper, table = name.upper(), _table()
    kind = table.fields.get(line_object, {}).get(upper)
    bare = _NUMBER.sub("", upper)
    for prefix in table.have.get(line_object, ()):
        if bare.startswith(f"{prefix}."):
            kind = table.parts[prefix].get(bare.removeprefix(f"{prefix}."))
    return FieldDef(upper, Kind(kind)) if kind else None


def unnumbered(step: str) -> str:
    """A step of a part's place without its number."""
    return _NUMBER.sub("", step)
