"""The lines of an advance, each with the amount applied to documents so far.

The rows of these lines have no cells for applied amounts, so a fact of the company holds the lines in the shape that
lines of documents have.
"""

from collections.abc import Sequence

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.settings.cells import Row


def advance_lines(call: FunctionCall, row: Row) -> list[Row]:
    """The lines of an advance, in their order."""
    return call.company.facts.advance_lines.get(row["RECORDNO"]) or []


def keep_advance_lines(call: FunctionCall, row: Row, lines: Sequence[Row]) -> None:
    """Keep the lines of an advance."""
    call.company.facts.advance_lines.put(row["RECORDNO"], value=list(lines))
