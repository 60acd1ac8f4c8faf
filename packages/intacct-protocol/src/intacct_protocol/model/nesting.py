"""Texts that nest deeper than their reader can go: JSON, TOML, SQL.

These readers call themselves for each level, and Python ends them with a RecursionError.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from intacct_protocol.errors import IntacctError, SettingsError

_ENOUGH = 20
"""Levels that each of the readers takes."""
_MARK = re.compile(r"""[\[({]|[\])}]|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")


@contextmanager
def refusing_depth(place: str, text: str | bytes, kind: type[IntacctError] = SettingsError) -> Iterator[None]:
    """Raise this kind of error if a reader of the text is ended by its depth. `place` names the text."""
    try:
        yield
    except RecursionError:
        where, depth = _deepest(text if isinstance(text, str) else text.decode(errors="replace"))
        levels = f"{depth:,} levels deep at {where}" if depth > _ENOUGH else "too deeply"
        raise kind(f"{place} is nested {levels}", fix=f"Use at most {_ENOUGH} levels of brackets.") from None


def _deepest(text: str) -> tuple[str, int]:
    """Where brackets are nested deepest, and how deep they are there; brackets in quotation marks do not count.

    Any closing bracket closes the last open one, since the text may be wrong in any way.
    """
    depth = deepest = at = 0
    for mark in _MARK.finditer(text):
        if mark[0] in "[({":
            depth += 1
            if depth > deepest:
                deepest, at = depth, mark.start()
        elif mark[0] in "])}":
            depth = max(0, depth - 1)
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return f"line {line}, column {column}" if "\n" in text.strip() else f"column {column}", deepest
