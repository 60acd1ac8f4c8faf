"""A mapping file for the way out of Intacct: the same file and language as for the way in.

Every column of `[read]` is filled, and every column of `[fields]` whose rule can be reversed. Lines without a list of
their own (`from`) are flat rows, as in the input that such a mapping loads.
"""

from pathlib import Path

import msgspec

from intacct_bridge.mapping.language import EntityMap, parse_map
from intacct_bridge.mapping.unify import read_lines
from intacct_protocol.errors import SettingsError

LINES = "lines"
"""The list that holds lines which have no list of their own."""


def read_map(path: Path) -> EntityMap:
    """The mapping in a file; SettingsError for one that fills no column on the way out."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not readable as UTF-8 text"
        raise SettingsError(f"cannot read {path}: {reason}", fix="check the path") from None
    entity = parse_map(text, str(path))
    if not entity.read:
        raise SettingsError(
            f"{path} fills no column on the way out of Intacct",
            fix='add a table [read] with COLUMN = "FIELD": rules such as lookups and joins work in one direction only',
        )
    return entity


def with_lists(entity: EntityMap) -> EntityMap:
    """The mapping with a list for lines that are flat rows, which a stream keeps as a list."""
    lines = tuple(
        msgspec.structs.replace(one, into=LINES) if not one.sources and not one.into and one.read else one
        for one in entity.lines
    )
    return msgspec.structs.replace(entity, lines=lines)


def flat_lines(entity: EntityMap) -> bool:
    """Whether a row of the other system is a line, with the record's columns repeated."""
    return any(not one.sources and not one.into and one.read for one in entity.lines)


def flat_columns(entity: EntityMap) -> tuple[str, ...]:
    """The columns of a table in the other system: those of the record, then those of flat lines, each once."""
    flat = [path for one in entity.lines if not one.sources and not one.into for path in one.read]
    lists = [one.into for one in read_lines(entity)]
    return tuple(dict.fromkeys((*entity.read, *flat, *lists)))
