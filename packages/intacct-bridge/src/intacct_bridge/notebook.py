"""Results as a notebook shows them: HTML tables in which every text is escaped, and a line of progress."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from html import escape
from typing import TypeVar

from intacct_protocol.model.wording import display_text

R = TypeVar("R")
ROWS = 50
"""Rows that a table shows."""
Progress = Callable[[str], object]
"""Called with the progress so far, in words."""


def html_table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table of the first rows; empty if there are none. A line below it says how many more there are."""
    held = list(rows)
    if not held:
        return ""
    head = "".join(f"<th>{_cell(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in held[:ROWS])
    title = f"<caption>{_cell(caption)}</caption>" if caption else ""
    more = f"<p>{len(held) - ROWS:,} more</p>" if len(held) > ROWS else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def html_records(records: Sequence[Mapping[str, object]], caption: str = "") -> str:
    """A table of records with the same names; empty if there are none."""
    return html_table(tuple(records[0]) if records else (), (tuple(one.values()) for one in records), caption)


def as_shown(kind: type[R], result: object) -> R:
    """The result of an operation as the class of it that a notebook can show."""
    return kind(**{field.name: getattr(result, field.name) for field in fields(result)})  # type: ignore[arg-type]


def html_result(title: str, facts: Mapping[str, object], *tables: str) -> str:
    """A result: its title, its facts in one line, and its tables."""
    line = " · ".join(f"{_cell(name)}: <b>{_cell(value)}</b>" for name, value in facts.items())
    return f"<div><p><b>{_cell(title)}</b></p><p>{line}</p>{''.join(tables)}</div>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(display_text(str(value)))


def progress_line(what: str) -> tuple[Progress, Callable[[], None]]:
    """A line of progress in a notebook or on a terminal, and what ends it; elsewhere nothing is shown."""
    display = _notebook_display()
    if display is not None:
        return lambda text: display(f"{what}: {text}"), lambda: None
    stream = sys.stderr
    if not (stream is not None and stream.isatty()):
        return lambda _text: None, lambda: None

    def end() -> None:
        stream.write("\r\x1b[K")
        stream.flush()

    def show(text: str) -> None:
        stream.write(f"\r\x1b[K{what}: {text}")
        stream.flush()

    return show, end


def _notebook_display() -> Callable[[str], object] | None:
    """What shows a text in the output of a notebook's cell; None outside of one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or shell.__class__.__name__ != "ZMQInteractiveShell":
        return None
    from IPython.display import HTML, display  # type: ignore[import-not-found]

    handle = display(HTML(""), display_id=True)
    return lambda text: handle.update(HTML(escape(text)))
