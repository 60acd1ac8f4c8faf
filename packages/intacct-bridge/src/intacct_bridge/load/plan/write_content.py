"""What a record would write, as a person reads it: its fields, and its lines as a table."""

import sys
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from intacct_bridge.load.records.write import Write
from intacct_bridge.load.target.references import Names, referred
from intacct_protocol.model.wording import money


@dataclass(frozen=True, slots=True)
class WriteContent:
    """All that is sent of a record: its fields, and its lines as a table."""

    fields: dict[str, Any]
    columns: list[str]
    lines: list[list[Any]]
    lines_left_out: int

    def to_dict(self) -> dict[str, object]:
        """The content, for JSON."""
        return asdict(self)


def content_of(
    write: Write, *, names: Names | None = None, first_line: int = 0, most_lines: int = sys.maxsize
) -> WriteContent:
    """The content of a write, with some of its lines. `names`: those to show beside ids."""
    lines = list(write.all_lines)
    columns = list(dict.fromkeys(name for line in lines for name, value in line.fields.items() if value is not None))
    shown = lines[first_line : first_line + most_lines]
    return WriteContent(
        {name: _sent(write.object, name, value, names) for name, value in write.fields.items() if value is not None},
        columns,
        [[_sent(line.object, name, line.fields.get(name), names) for name in columns] for line in shown],
        max(0, len(lines) - first_line - len(shown)),
    )


def _sent(object_name: str, name: str, value: Any, names: Names | None) -> Any:
    """A value as a person reads it: a number that is a key has no separators, and a side is a word."""
    if names and (target := referred(object_name).get(name)) and (text := names.get(target, {}).get(str(value))):
        return f"{value} {text}"
    if name == "TR_TYPE":
        return {"1": "debit", "-1": "credit"}.get(str(value), value)
    if isinstance(value, Decimal):
        return money(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
