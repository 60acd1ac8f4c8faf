"""Rows as the text of a page: packed cells put between tags, nothing parsed, nothing built.

One format string a page holds all tags; a row is a split and a fill. A user whose dates look different, or whose
clock is elsewhere, costs a rewrite of the date and time cells, and so does a column that comes through a relation.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from intacct_bridge.emulator.settings.cells import SEPARATOR, Row, escaped, unescaped, unpack
from intacct_bridge.emulator.store.store import StoreTable
from intacct_bridge.wire.values import DEFAULT, Formatting, Kind, parse_value, render_value
from intacct_bridge.wire.xml import Element, Raw


@dataclass(frozen=True, slots=True)
class Column:
    """One selected column: a field of the row itself, or something worked out from the row."""

    tag: str
    kind: Kind
    field: str = ""
    follow: Callable[[Row], str] | None = None
    """Gives the text from the whole row, for what is not a field of it."""


class RenderedPage(Raw):
    """Rows as bytes, which are put into the finished document where this element's mark stands."""

    __slots__ = ("rows",)

    def __init__(self, rows: list[bytes]) -> None:
        super().__init__(MARK)
        self.rows = rows


MARK = "\x00page\x00"
"""Stands in the document until the page is put in; no document can hold it otherwise."""


def fetch(table: StoreTable, numbers: Sequence[int]) -> list[bytes]:
    """The packed cells of these rows, in this order; a number without a row is passed over."""
    if not numbers or not table.exists:
        return []
    run = table.store.connection.execute
    first, last = min(numbers), max(numbers)
    if last - first + 1 == len(numbers) and list(numbers) == list(range(first, last + 1)):
        bodies = run(
            f"SELECT body FROM {table.sql_name} WHERE id BETWEEN ? AND ? ORDER BY id", (first, last)
        ).fetchall()
        return [body for (body,) in bodies]
    if last - first <= 4 * len(numbers) + 16:
        found = run(f"SELECT id, body FROM {table.sql_name} WHERE id BETWEEN ? AND ?", (first, last)).fetchall()
        if len(found) == len(numbers) and all(map(int.__eq__, map(itemgetter(0), found), numbers)):
            return [body for _, body in found]
    else:
        listed = json.dumps(list(numbers))
        found = run(
            f"SELECT id, body FROM {table.sql_name} WHERE id IN (SELECT value FROM json_each(?))", (listed,)
        ).fetchall()
    by_number = dict(found)
    return [by_number[number] for number in numbers if number in by_number]


def rows_xml(
    table: StoreTable, bodies: Iterable[bytes], tag: str, columns: Sequence[Column], formatting: Formatting = DEFAULT
) -> list[bytes]:
    """The rows, each an element of that tag with the columns as its children."""
    template = _template(tag, tuple(column.tag for column in columns))
    if formatting == DEFAULT and all(column.follow is None for column in columns):
        return _quick(template, bodies, [table.place.get(column.field, -1) for column in columns])
    filled = (tuple([escaped(text) for text in texts]) for texts in rows_text(table, bodies, columns, formatting))
    return [template % cells for cells in filled]


def _quick(template: bytes, bodies: Iterable[bytes], places: list[int]) -> list[bytes]:
    pieces = template.split(b"%b")
    marks = [b"%b" if place >= 0 else b"" for place in places]  # a field that no row ever had stays empty
    template = b"".join([piece + mark for piece, mark in zip(pieces, [*marks, b""], strict=True)])
    known = [place for place in places if place >= 0]
    if not known:
        return [template for _ in bodies]
    if len(known) == 1:
        place = known[0]
        blank = [b""] * (place + 1)
        return [template % (body.split(SEPARATOR, place + 1) + blank)[place] for body in bodies]
    pick, most = itemgetter(*known), max(known) + 1
    blank = [b""] * most  # a row ends with its last cell, and it may be older than a field
    return [
        template % pick(cells if len(cells := body.split(SEPARATOR, most)) >= most else cells + blank)
        for body in bodies
    ]


@lru_cache(maxsize=256)
def _template(tag: str, columns: tuple[str, ...]) -> bytes:
    inner = "".join(f"<{column}>%b</{column}>" for column in columns)
    return f"<{tag}>{inner}</{tag}>".encode()


def rows_text(
    table: StoreTable, bodies: Iterable[bytes], columns: Sequence[Column], formatting: Formatting = DEFAULT
) -> Iterable[list[str]]:
    """The rows as lists of plain text, in the user's formatting."""
    shown = [_shown(column.kind, formatting) for column in columns]
    followed = any(column.follow is not None for column in columns)
    for body in bodies:
        row = unpack(body, table.fields) if followed else {}
        cells = body.split(SEPARATOR)
        texts = []
        for column, show in zip(columns, shown, strict=True):
            if column.follow is not None:
                text = column.follow(row)
            else:
                place = table.place.get(column.field, -1)
                text = unescaped(cells[place]) if 0 <= place < len(cells) else ""
            texts.append(show(text) if show and text else text)
        yield texts


def _shown(kind: Kind, formatting: Formatting) -> Callable[[str], str] | None:
    """How a cell of this kind becomes the user's text; None where it stays as it is."""
    if formatting == DEFAULT or kind not in (Kind.DATE, Kind.TIMESTAMP):
        return None
    return lru_cache(maxsize=10_000)(lambda text: in_format(kind, text, formatting))


def in_format(kind: Kind, text: str, formatting: Formatting) -> str:
    """A date or time cell in the user's formatting; a time without a time of day stays a date."""
    as_kind = Kind.DATE if len(text) <= 10 else kind
    return render_value(as_kind, parse_value(as_kind, text, DEFAULT), formatting)


def rows_json(names: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The rows as the gateway's JSON: an array of flat objects whose values are all text."""
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], ensure_ascii=False).encode()


def rows_csv(names: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The rows as the gateway's CSV, with a header row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue().encode()


def pages_in(root: Element) -> Iterator[RenderedPage]:
    """The pages that stand directly in an element, or in a wrapper at its start."""
    for child in root.children[:1]:
        if isinstance(child, RenderedPage):
            yield child
        else:
            yield from pages_in(child)


def with_pages(body: bytes, pages: list[list[bytes]]) -> bytes:
    """A document with its pages' rows where their marks stand."""
    if not pages:
        return body
    parts = body.split(MARK.encode())
    joined = [parts[0]]
    for page, part in zip(pages, parts[1:], strict=True):
        joined += page
        joined.append(part)
    return b"".join(joined)
