"""One page of rows, decoded strictly: the reference for the faster decoders.

A page is an answer whose one result succeeded and whose `data` has a `listtype`, a `count`, and flat rows: elements
holding elements that hold text (`query`, `readByQuery`, `readMore`). The rows are taken in expat's own handlers,
without a tree, and a dotted tag such as `JOURNAL.SYMBOL` stays one name. Anything else (a refused result, several
results, owned lists nested in a row, attributes on a cell) is not a page but a whole Response.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from intacct_protocol.errors import RemoteProtocolError
from intacct_protocol.xml.codec import decode_response, response_from
from intacct_protocol.xml.envelope import SUCCESS, Response, Result
from intacct_protocol.xml.xml import MAX_BYTES, Element, TreeBuilder, check_size, guarded_parser, run

Row = dict[str, str | None]
"""A row as the gateway wrote it: an empty element is None, a missing one is not in the row."""

DATA_PATH = ("response", "operation", "result", "data")


@dataclass(frozen=True, slots=True)
class PageHead:
    """The attributes of the page's `data` element."""

    object: str
    count: int
    """Rows in this page; checked against what the page holds."""
    total_count: int
    """Rows that match, regardless of the page size; `count` if the gateway does not say."""
    offset: int = 0
    remaining: int = 0
    """Rows beyond this page; what `total_count` leaves if the gateway does not say."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page. Without a head, the answer is not a page; `response` holds it, faults included."""

    head: PageHead | None
    response: Response
    """For a page, its result's `data` has the attributes without the rows."""
    rows: list[Row]


def decode_page(body: bytes, *, max_bytes: int = MAX_BYTES) -> Page:
    """Decode an answer into rows of text cells.

    Raises RemoteProtocolError on a malformed answer, and if the number of rows is not `count`.
    """
    check_size(body, max_bytes)
    reader = _Reader()
    try:
        response = reader.read(body)
    except _NotAPageError:
        return Page(None, decode_response(body, max_bytes=max_bytes), [])
    result = page_result(response)
    if result is None or result.data is None:
        return Page(None, decode_response(body, max_bytes=max_bytes) if reader.rows else response, [])
    return Page(page_head(result.data.attributes, len(reader.rows)), response, reader.rows)


def page_result(response: Response) -> Result | None:
    """The one successful result that makes an answer a page, or None."""
    results = [result for operation in response.operations for result in operation.results]
    if len(results) != 1 or results[0].status != SUCCESS:
        return None
    data = results[0].data
    if data is None or "listtype" not in data.attributes or "count" not in data.attributes:
        return None
    return results[0]


def rows_of(data: Element | None) -> tuple[PageHead | None, list[Row]]:
    """The page in the `data` of a result that came together with others; without a head if it is not a page."""
    if data is None or "listtype" not in data.attributes or "count" not in data.attributes:
        return None, []
    rows: list[Row] = []
    for record in data:
        row: Row = {}
        if record.attributes or record.text.strip():
            return None, []
        for cell in record:
            if cell.attributes or cell.children:
                return None, []
            if row.setdefault(cell.tag, cell.text or None) != (cell.text or None):
                raise RemoteProtocolError(f"row {len(rows) + 1} of the page has two different <{cell.tag}>")
        rows.append(row)
    return page_head(data.attributes, len(rows)), rows


def page_head(attributes: Mapping[str, str], rows: int) -> PageHead:
    """The head from the attributes of `data`, checked against the number of rows that were there."""
    count = _number(attributes, "count", absent=rows)
    if count != rows:
        raise RemoteProtocolError(
            f"the page's count is {count:,} and the number of its rows is {rows:,}; it may have been cut short"
        )
    total, offset = _number(attributes, "totalcount", absent=count), _number(attributes, "offset", absent=0)
    remaining = _number(attributes, "numremaining", absent=max(0, total - offset - count))
    return PageHead(attributes["listtype"], count, total, offset, remaining)


def _number(attributes: Mapping[str, str], name: str, *, absent: int) -> int:
    text = attributes.get(name, "")
    if text == "":
        return absent
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise RemoteProtocolError(f"the page's {name} is {text!r}, not a number")
    return int(text)


class _NotAPageError(Exception):
    """The rows are not flat; the answer is to be read as a tree."""


class _Reader:
    """Builds the envelope as a tree, and inside `data` switches expat to handlers that fill rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._tree = TreeBuilder()
        self._parser = guarded_parser()
        self._parser.buffer_text = True
        self._envelope_handlers()

    def read(self, body: bytes) -> Response:
        run(self._parser, body)
        assert self._tree.root is not None
        return response_from(self._tree.root)

    def _envelope_handlers(self) -> None:
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._tree.end
        self._parser.CharacterDataHandler = self._tree.data

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._tree.start(tag, attributes)
        if tag == "data" and self._tree.path == DATA_PATH:
            self._row_handlers()

    def _row_handlers(self) -> None:
        """Closures over locals: they run for every cell, where an attribute lookup would cost time."""
        rows = self.rows
        row: Row = {}
        texts: list[str] = []
        depth = 0

        def start(_tag: str, attributes: dict[str, str]) -> None:
            nonlocal row, depth
            depth += 1
            if depth == 1:
                row = {}
            if depth > 2 or attributes or (texts and "".join(texts).strip()):
                raise _NotAPageError
            texts.clear()

        def end(tag: str) -> None:
            nonlocal depth
            if depth == 2:
                text = "".join(texts) or None
                texts.clear()
                if row.setdefault(tag, text) != text:
                    raise RemoteProtocolError(f"row {len(rows) + 1} of the page has two different <{tag}>")
            elif texts and "".join(texts).strip():
                raise _NotAPageError
            elif depth == 1:
                texts.clear()
                rows.append(row)
            else:
                self._envelope_handlers()
                self._tree.end(tag)
            depth -= 1

        self._parser.StartElementHandler = start
        self._parser.EndElementHandler = end
        self._parser.CharacterDataHandler = texts.append
