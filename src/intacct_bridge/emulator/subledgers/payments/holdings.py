"""What an advance was entered with: its lines, and how much of each was applied to documents since.

The rows of an advance's lines have no cells for what was applied of them, so that is remembered beside the rows, in the
shape that lines of documents have.
"""

import json
from collections.abc import Sequence

from intacct_bridge.emulator.company.company_data import FunctionCall
from intacct_bridge.emulator.settings.cells import Row


def held_lines(call: FunctionCall, row: Row) -> list[Row]:
    """The lines of an advance, in their order."""
    found: list[Row] = json.loads(call.books.store.fact(_fact(row)) or "[]")
    return found


def keep_held(call: FunctionCall, row: Row, lines: Sequence[Row]) -> None:
    """Remember the lines of an advance."""
    call.books.store.keep_fact(_fact(row), json.dumps(list(lines)))


def _fact(row: Row) -> str:
    return f"held:{row['RECORDNO']}"
