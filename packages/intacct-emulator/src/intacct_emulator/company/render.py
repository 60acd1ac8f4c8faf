"""Rows as the text of a page: packed cells are put between tags, and nothing is parsed or built.

One format string per page holds all tags; a row is a split and a fill. A user with another date format or clock costs
a rewrite of the date and time cells, and so does a column that comes through a relation.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter

from intacct_emulator.company.relations import Column, Join
from intacct_emulator.settings.cells import SEPARATOR, Row, escaped, unescaped, unpack
from intacct_emulator.store.store import StoreTable
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind, parse_value, render_value
from intacct_protocol.xml.xml import Element, Raw

MARK = "\x00page\x00"
"""Stands in the document until the page is put in; no document can hold it otherwise."""


class RenderedPage(Raw):
    """Rows that are rendered when the document is finished, and replace this element's mark in it.

    `render` makes the rows from the template of one row, which has the white space that the request wants.
    """

    __slots__ = ("_render", "_template", "count")

    def __init__(
        self, count: int = 0, template: bytes = b"", render: Callable[[bytes], list[bytes]] = lambda _: []
    ) -> None:
        super().__init__(MARK)
        self.count = count
        self._template, self._render = template, render

    def rows(self, *, whitespace: bool) -> list[bytes]:
        """The rows; with white space, a line break goes before each and after the last."""
        if not whitespace:
            return self._render(self._template)
        rows = self._render(spaced(self._template) + b"\n")
        return [b"\n", *rows] if rows else []


def page_xml(
    table: StoreTable, numbers: Sequence[int], tag: str, columns: Sequence[Column], formatting: Formatting
) -> RenderedPage:
    """These rows, in this order, each an element of that tag with the columns as its children.

    A number without a row is left out.
    """
    bodies = fetch(table, numbers)
    template = _template(tag, tuple(column.tag for column in columns))
    if formatting == DEFAULT and not any(column.follow or column.join for column in columns):
        places = [table.place.get(column.field, -1) for column in columns]
        return RenderedPage(len(bodies), template, lambda chosen: _filled(chosen, bodies, places))
    if formatting == DEFAULT and not any(column.follow for column in columns):
        rows = _joined_cells(table, bodies, columns)
    else:
        rows = [tuple([escaped(text) for text in texts]) for texts in rows_text(table, bodies, columns, formatting)]
    return RenderedPage(len(rows), template, lambda chosen: [chosen % cells for cells in rows])


def page_cells(table: StoreTable, numbers: Sequence[int], columns: Sequence[Column]) -> list[tuple[bytes, ...]]:
    """These rows, in this order, as the bytes of their cells in the default formatting, escaped as XML is."""
    bodies = fetch(table, numbers)
    if any(column.follow for column in columns):
        return [tuple([escaped(text) for text in texts]) for texts in rows_text(table, bodies, columns)]
    if any(column.join for column in columns):
        return _joined_cells(table, bodies, columns)
    places = [table.place.get(column.field, -1) for column in columns]
    most = max((*places, 0)) + 1
    pick = itemgetter(*(place if place >= 0 else most for place in (*places, -1)))  # no row ever had a field below 0
    return [pick(_first(body, most))[:-1] for body in bodies]


def _first(body: bytes, most: int) -> list[bytes]:
    """The first cells of a row, and an empty one after them; a row ends with its last cell, and may be shorter."""
    cells = body.split(SEPARATOR, most)
    if len(cells) > most:
        cells[most] = b""
    else:
        cells += [b""] * (most + 1 - len(cells))
    return cells


def page_text(
    table: StoreTable, numbers: Sequence[int], columns: Sequence[Column], formatting: Formatting
) -> Iterable[list[str]]:
    """These rows, in this order, as lists of plain text; a number without a row is left out."""
    return rows_text(table, fetch(table, numbers), columns, formatting)


def fetch(table: StoreTable, numbers: Sequence[int]) -> list[bytes]:
    """The packed cells of these rows, in this order; a number without a row is left out."""
    if not numbers or not table.exists:
        return []
    run = table.store.connection.execute
    first, last = min(numbers), max(numbers)
    if last - first + 1 == len(numbers) and list(numbers) == list(range(first, last + 1)):
        bodies = run(
            f"SELECT body FROM {table.sql_name} WHERE id BETWEEN ? AND ? ORDER BY id", (first, last)
        ).fetchall()
        return [body for (body,) in bodies]
    if last - first <= len(numbers) + len(numbers) // 8 + 16:  # few rows lie between
        rows = run(f"SELECT id, body FROM {table.sql_name} WHERE id BETWEEN ? AND ?", (first, last)).fetchall()
        if len(rows) == len(numbers) and all(map(int.__eq__, map(itemgetter(0), rows), numbers)):
            return [body for _, body in rows]
    else:
        rows = run(
            "SELECT stored.id, stored.body FROM json_each(?) AS listed"
            f" CROSS JOIN {table.sql_name} AS stored ON stored.id = listed.value",
            (json.dumps(list(numbers)),),
        ).fetchall()
    by_number = dict(rows)
    return [by_number[number] for number in numbers if number in by_number]


def _filled(template: bytes, bodies: Iterable[bytes], places: list[int]) -> list[bytes]:
    pieces = template.split(b"%b")
    marks = [b"%b" if place >= 0 else b"" for place in places]  # a field that no row ever had stays empty
    template = b"".join([piece + mark for piece, mark in zip(pieces, [*marks, b""], strict=True)])
    filled = [place for place in places if place >= 0]
    if not filled:
        return [template for _ in bodies]
    if len(filled) == 1:
        place = filled[0]
        blank = [b""] * (place + 1)
        return [template % (body.split(SEPARATOR, place + 1) + blank)[place] for body in bodies]
    pick, most = itemgetter(*filled), max(filled) + 1
    blank = [b""] * most  # a row ends with its last cell, and it may be older than a field
    return [
        template % pick(cells if len(cells := body.split(SEPARATOR, most)) >= most else cells + blank)
        for body in bodies
    ]


def _joined_cells(table: StoreTable, bodies: Iterable[bytes], columns: Sequence[Column]) -> list[tuple[bytes, ...]]:
    """The cells of each row, with those of other records: each record is read and written as cells once for a page.

    A row is its own cells, an empty one, and then the cells that each of its joins gives.
    """
    shared: dict[Join, list[int]] = {}
    for at, column in enumerate(columns):
        if column.join is not None:
            shared.setdefault(column.join, []).append(at)
    places = [table.place.get(column.field, -1) for column in columns]
    named = {join: table.place.get(join.by, -1) for join in shared}
    width = max(*places, *named.values()) + 1
    picked = [place if place >= 0 else width for place in places]
    own_cells: list[tuple[int, int]] = []
    """Where a cell of another record stands, and the row's own one, which counts if it has a text."""
    joins: list[tuple[int, list[Callable[[Row], str]], Join, dict[bytes, list[bytes]]]] = []
    end = width + 1
    for join, members in shared.items():
        own_cells += [(end + number, places[at]) for number, at in enumerate(members) if places[at] >= 0]
        for number, at in enumerate(members):
            picked[at] = end + number
        end += len(members)
        joins.append((named[join] if named[join] >= 0 else width, [columns[at].joined for at in members], join, {}))
    pick = itemgetter(*picked) if len(picked) > 1 else lambda cells: (cells[picked[0]],)
    rows, blank = [], [b""] * (width + 1)
    for body in bodies:
        cells = body.split(SEPARATOR, width)[:width]
        cells += blank[len(cells) :]
        for place, texts, join, filled in joins:
            link = cells[place]
            joined = filled.get(link)
            if joined is None:
                other = join.row(unescaped(link))
                joined = filled[link] = [escaped(text(other)) for text in texts]
            cells += joined
        for at, place in own_cells:
            if cells[place]:
                cells[at] = cells[place]
        rows.append(pick(cells))
    return rows


@lru_cache(maxsize=256)
def _template(tag: str, columns: tuple[str, ...]) -> bytes:
    inner = "".join(f"<{column}>%b</{column}>" for column in columns)
    return f"<{tag}>{inner}</{tag}>".encode()


def rows_text(
    table: StoreTable, bodies: Iterable[bytes], columns: Sequence[Column], formatting: Formatting = DEFAULT
) -> Iterable[list[str]]:
    """The rows as lists of plain text, in the user's formatting."""
    formats = [_formatter(column.kind, formatting) for column in columns]
    follows = any(column.follow or column.join for column in columns)
    for body in bodies:
        row = unpack(body, table.fields) if follows else {}
        cells = body.split(SEPARATOR)
        texts = []
        for column, formatted in zip(columns, formats, strict=True):
            if column.follow or column.join:
                text = column.text(row)
            else:
                place = table.place.get(column.field, -1)
                text = unescaped(cells[place]) if 0 <= place < len(cells) else ""
            texts.append(formatted(text) if formatted and text else text)
        yield texts


def _formatter(kind: Kind, formatting: Formatting) -> Callable[[str], str] | None:
    """How a cell of this kind becomes the user's text; None if it stays as it is."""
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


_BEFORE_OPENING = re.compile(rb">(?=<[^/])")
_AFTER_CLOSING = re.compile(rb"(</[^<>]*>)(?=</)")


def spaced(body: bytes) -> bytes:
    """The document with a line break between elements."""
    return _AFTER_CLOSING.sub(rb"\1\n", _BEFORE_OPENING.sub(b">\n", body))


def with_pages(document: bytes, data: Iterable[Element], *, whitespace: bool = False) -> bytes:
    """A document with the rows of its pages in the places of their marks; `data` are its `data` elements, in order.

    With `whitespace`, the document is `spaced`.
    """
    pages = [page.rows(whitespace=whitespace) for root in data for page in _pages_in(root)]
    document = spaced(document) if whitespace else document
    if not pages:
        return document
    parts = document.split(MARK.encode())
    joined = [parts[0]]
    for page, part in zip(pages, parts[1:], strict=True):
        joined += page
        joined.append(part)
    return b"".join(joined)


def _pages_in(root: Element) -> Iterator[RenderedPage]:
    """The pages that stand directly in an element, or in a wrapper at its start."""
    for child in root.children[:1]:
        if isinstance(child, RenderedPage):
            yield child
        else:
            yield from _pages_in(child)
