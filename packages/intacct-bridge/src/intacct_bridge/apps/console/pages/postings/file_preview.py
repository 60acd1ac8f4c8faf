"""How a dropped file is read: the options of its form, its first rows, and what stands in the way."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.pages.postings.dropped_files import DroppedFile
from intacct_bridge.apps.console.visit import Visit
from intacct_bridge.apps.terminal.failures import described
from intacct_protocol.errors import IntacctError, SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.context import CommandContext
    from intacct_bridge.load.layouts.base import Layout
    from intacct_bridge.load.tables.table import InputTable

FIRST_ROWS = 5
"""Rows of a file that its page shows."""
_LONGEST = 200
"""Characters of a cell that are shown."""
_TEXTS = ("as", "key", "sheet", "header-row", "date-order", "encoding", "delimiter", "decimal", "where")
"""Options of `intacct load` with one value; the form has them under these names."""
_LINES = ("set", "date-format")
"""Options that may be repeated: one in each line of a field."""
_TICKS = ("allow-duplicates", "clear-empty", "draft", "atomic")
"""Options without a value: a tick each."""


def option_words(visit: Visit) -> list[str]:
    """The options of `intacct load` that the form has, as words of a command line."""
    words = [word for name in ("mode", *_TEXTS) if visit.field(name) for word in (f"--{name}", visit.field(name))]
    for name in _LINES:
        for line in filter(None, map(str.strip, visit.field(name).splitlines())):
            words += [f"--{name}", line]
    return words + [f"--{name}" for name in _TICKS if visit.checked(name)]


def form_values(words: Sequence[str]) -> dict[str, str]:
    """The options as the form has them: repeated ones in lines."""
    found: dict[str, str] = dict.fromkeys((*_TEXTS, *_LINES, *_TICKS, "mode"), "")
    left = iter(words)
    for word in left:
        name = word.removeprefix("--")
        if name in _TICKS:
            found[name] = "yes"
        else:
            value = next(left, "")
            found[name] = f"{found[name]}\n{value}".strip() if name in _LINES else value
    return found


def understand(visit: Visit, file: DroppedFile) -> None:
    """Read the beginning of a file as its options say, and keep what was found, or why it cannot be read."""
    file.preview, file.problem = {}, {}
    try:
        with reading(visit, file) as context:
            file.preview = _preview(context, file)
    except IntacctError as error:
        file.problem = described(error)
    file.save()


def reading(visit: Visit, file: DroppedFile) -> AbstractContextManager["CommandContext"]:
    """The company for a look at a file. It is a run of the history only if the company is asked for its objects."""
    return visit.company(file.connection, "load preview", entity=file.entity, run_at_first_call=True)


def _preview(context: "CommandContext", file: DroppedFile) -> dict[str, Any]:
    from intacct_bridge.apps.cli.postings.load import parse_load_options
    from intacct_bridge.apps.cli.postings.load_options import input_table, layout_of

    options = parse_load_options(file.options())
    if not options["as_name"] and options["map_file"] is None:
        raise SettingsError(
            f"It is not known what {file.name} holds.",
            fix="Choose a layout such as bills or journal-entries, or name an object such as VENDOR.",
        )
    layout = layout_of(context, file.path, options)
    table = input_table(file.path, layout, options, came_with=file.came_with)
    rows = list(islice(iter(table), FIRST_ROWS))
    return {
        "form": table.form,
        "sheet": table.sheet,
        "sheets": _sheets(file),
        "header": table.header,
        "object": layout.object,
        "fits": layout.fits(table.columns),
        "columns": [
            {
                "name": name,
                "known": layout.knows(name),
                "first": [cell_text(row.cells.get(name)) for row in rows],
            }
            for name in table.columns
        ],
        "notes": [*table.notes, *_notes(layout, table)],
        "faults": [f"row {row.number}: {row.fault}" for row in rows if row.fault],
    }


def cell_text(cell: object) -> str:
    """A cell as the page shows it."""
    return "" if cell is None else str(cell)[:_LONGEST]


def _notes(layout: "Layout", table: "InputTable") -> Sequence[str]:
    try:
        return layout.notes(table)
    except IntacctError as error:  # columns that the layout does not know: the page says so beside them
        return (error.message,)


def _sheets(file: DroppedFile) -> list[str]:
    from intacct_bridge.load.tables.open import sheet_names

    return sheet_names(file.path)
