"""Rules on the rows of an input, checked once, when they are read: a saved plan has the findings and not the cells."""

from collections.abc import Iterator
from dataclasses import replace

from intacct_bridge.load.records.write import Finding, Write
from intacct_bridge.load.tables.cells import text_of
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.tables.total_row import HAS_THE_WORD, cells_beside_word


def with_row_findings(write: Write, table: InputTable) -> Write:
    """The record with what its rows show."""
    findings = (*(_totals(write, table) if table.constants else ()), *_equal_rows(write))
    return replace(write, findings=(*write.findings, *findings)) if findings else write


def _totals(write: Write, table: InputTable) -> Iterator[Finding]:
    """A refusal of a total that constants complete. The row itself has nothing but amounts."""
    lines = [(line.row, line.fields) for line in write.all_lines] or [(row, write.fields) for row in write.rows]
    constants = {text.strip() for text in table.constants.values()}
    for row, fields in lines:
        names = {value for value in fields.values() if type(value) is str} - constants
        if (cells := cells_beside_word(row, table)) and cells.isdisjoint(names):
            yield Finding("total", HAS_THE_WORD, position=row.position)


def _equal_rows(write: Write) -> Iterator[Finding]:
    """A warning if a row of the record is as one above it: two equal lines, or one that was pasted twice."""
    above: set[tuple[str, ...]] = set()
    for row in write.rows if len(write.rows) > 1 else ():
        cells = tuple(map(text_of, row.cells.values()))
        if cells in above:
            message = "the row is equal to a row above it, and both are lines of one record"
            yield Finding("equal rows", message, "remove it if it is there twice by mistake", position=row.position,
                          refuses=False)  # fmt: skip
        above.add(cells)
