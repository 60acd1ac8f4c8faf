"""What an advance was entered with: its lines, and how much of each was applied to documents since.

The rows of an advance's lines have no cells for what was applied of them, so that is remembered beside the rows, in the
shape that lines of documents have.
"""

from collections.abc import Sequence

from intacct_bridge.emulator.company.company_data import FunctionCall
from intacct_bridge.emulator.settings.cells import Row


def advance_lines(call: FunctionCall, row: Row) -> list[Row]:
    """The lines of an advance, in their order."""
    return call.company.side_tables.advance_lines.get(row["RECORDNO"]) or []


def keep_advance_lines(call: FunctionCall, row: Row, lines: Sequence[Row]) -> None:
    """Remember the lines of an advance."""
    call.company.side_tables.advance_lines.put(row["RECORDNO"], value=list(lines))
