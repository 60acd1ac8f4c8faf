"""The layout of a usual page: where its rows are, and the form that every row has.

The decoders of whole pages (`fastpage` to Arrow columns, `row_batch` to Python values) accept a page only if they
can prove the result. Both need the same of it: the document around the rows, which expat parses with a marker in their
place; the layout that the first row shows; the characters that expat refuses or rewrites; and references. UnusualPage
leaves a page to the strict decoder, `strict_page.decode_page`.
"""

import re
from dataclasses import dataclass, replace

from intacct_protocol.xml.codec import response_from
from intacct_protocol.xml.envelope import Response
from intacct_protocol.xml.strict_page import DATA_PATH, PageHead, page_head, page_result
from intacct_protocol.xml.xml import Element, parse

_NAME = rb"[A-Za-z_][A-Za-z0-9_.\-]*"
_CELL = re.compile(rb"<(" + _NAME + rb")>[^<]*</\1>([ \t\n]*)")
_ROW_OPEN = re.compile(rb"[ \t\n]*<(" + _NAME + rb")>")
_BLANK = re.compile(rb"[ \t\n]*")
_SELF_CLOSED = re.compile(rb"<(" + _NAME + rb")/>")
_PROLOG = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml\s[^<>]*\?>)?\s*<")
_ENCODING = re.compile(rb"\sencoding\s*=\s*[\"']([^\"']*)")
_MARKER = "rows"
_PIECE = 2**18
_CONTROLS = bytes(code for code in range(0x20) if code not in (0x9, 0xA))


class UnusualPage(Exception):  # noqa: N818
    """The page is left to the strict decoder; not an error."""


# --- the document around the rows


def split_page(body: bytes) -> tuple[int, int, Response]:
    """Where the rows begin and end, and the answer without them."""
    _check_encoding(body)
    data = body.find(b"<data ")
    start = body.find(b">", data) + 1
    end = body.rfind(b"</data>")
    if data < 0 or not start or end < start:
        raise UnusualPage
    root = parse(b"%b<%b/>%b" % (body[:start], _MARKER.encode(), body[end:]))
    response = response_from(root)
    node, tags = root, [root.tag]
    for tag in DATA_PATH[1:]:
        child = node.find(tag)
        if child is None:
            raise UnusualPage
        node = child
        tags.append(tag)
    if tuple(tags) != DATA_PATH or len(node.children) != 1 or node.children[0] != Element(_MARKER) or node.text:
        raise UnusualPage
    return start, end, response


def _check_encoding(body: bytes) -> None:
    prolog = _PROLOG.match(body)
    if prolog is None:
        raise UnusualPage
    encoding = _ENCODING.search(prolog[0])
    if encoding is not None and encoding[1].lower() != b"utf-8":
        raise UnusualPage


def page_answer_head(response: Response, rows: int) -> PageHead:
    """The head of the page, checked against the number of rows."""
    result = page_result(response)
    if result is None or result.data is None:
        raise UnusualPage
    return page_head(result.data.attributes, rows)


def without_rows(response: Response) -> Response:
    """The answer without the marker that stands for the rows."""
    (operation,) = response.operations
    (result,) = operation.results
    assert result.data is not None
    bare = replace(result, data=Element("data", attributes=result.data.attributes))
    return replace(response, operations=(replace(operation, results=(bare,)),))


# --- the rows


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows within a page, which is not copied: from the first one's tag to just before the last one's end."""

    page: bytes
    start: int
    stop: int
    tag: bytes

    def find(self, part: bytes) -> int:
        """Where a part is, or a negative number."""
        return self.page.find(part, self.start, self.stop)

    @property
    def bounds(self) -> tuple[int, int]:
        """Where the first row's tag begins, and where the last row's end tag ends."""
        return self.start - 1, self.stop + len(self.tag) + 3

    def spelled_out(self) -> "PageRows":
        """The same rows with `<A></A>` for `<A/>`."""
        start, stop = self.bounds
        rows = _SELF_CLOSED.sub(rb"<\1></\1>", self.page[start:stop])
        return PageRows(rows, 1, len(rows) - len(self.tag) - 3, self.tag)


def check_characters(data: bytes, start: int, stop: int, lowest: int = 0, highest: int = 0xFF) -> None:
    """Refuse what expat refuses or rewrites: control characters, CR, U+FFFE, U+FFFF, the end of a CDATA section.

    The least and the greatest byte, if they are known, save most of the work.
    """
    if lowest < 0x20:
        for first in range(start, stop, _PIECE):
            piece = data[first : min(stop, first + _PIECE)]
            if len(piece.translate(None, _CONTROLS)) != len(piece):
                raise UnusualPage
    if highest >= 0xEF and max(data.find(part, start, stop) for part in (b"\xef\xbf\xbe", b"\xef\xbf\xbf")) >= 0:
        raise UnusualPage
    if data.find(b"]", start, stop) >= 0 and data.find(b"]]>", start, stop) >= 0:
        raise UnusualPage


def find_rows(body: bytes, start: int, end: int) -> PageRows:
    """The rows between two places; their characters are not checked yet."""
    opening = _ROW_OPEN.match(body, start, end)
    if opening is None:
        raise UnusualPage
    closing = b"</%b>" % opening[1]
    stop = body.rfind(closing, start, end)
    if stop < 0 or body[stop + len(closing) : end].strip(b" \t\n"):
        raise UnusualPage
    return PageRows(body, opening.start(1), stop, opening[1])


@dataclass(frozen=True, slots=True)
class RowLayout:
    """The form of every row, learnt from the first one."""

    names: tuple[bytes, ...]
    opening: bytes
    """The row's own tag with the blanks before its first cell."""
    closings: tuple[bytes, ...]
    """Each cell's closing part with the blanks after it."""
    boundary: bytes
    """From the end of a row's last cell to the next row's tag."""

    @classmethod
    def learn(cls, rows: PageRows) -> "RowLayout":
        """The layout of the first row; UnusualPage if it is not flat."""
        page, closing = rows.page, b"</%b>" % rows.tag
        first = rows.find(closing)
        end = rows.stop if first < 0 else first
        position = rows.start + len(rows.tag) + 1
        position += _blank(page, position)
        opening = page[rows.start : position]
        names, closings = [], []
        while position < end:
            cell = _CELL.match(page, position, end)
            if cell is None:
                raise UnusualPage
            names.append(cell[1])
            closings.append(b"/%b>%b" % (cell[1], cell[2]))
            position = cell.end()
        if not names or len(set(names)) != len(names):
            raise UnusualPage
        after = first + len(closing)
        blank = b"" if first < 0 else page[after : after + _blank(page, after)]
        return cls(tuple(names), opening, tuple(closings), closing + blank + b"<")

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """All cells of a row, with a group for the text of each."""
        parts = (
            b"<%b>([^<]*)<%b" % pair
            for pair in zip(map(re.escape, self.names), map(re.escape, self.closings), strict=True)
        )
        return re.compile(b"".join(parts))

    @property
    def between(self) -> bytes:
        """Between a row's last cell and the next row's first one."""
        return self.boundary + self.opening

    @property
    def blank(self) -> bytes:
        """The blanks between two rows."""
        return self.boundary[:-1].rpartition(b">")[2]

    @property
    def tags(self) -> bytes:
        """A row without its strings, with the blanks after it."""
        cells = (b"<%b><%b" % pair for pair in zip(self.names, self.closings, strict=True))
        return b"<%b%b%b" % (self.opening, b"".join(cells), self.boundary[:-1])


def _blank(rows: bytes, position: int) -> int:
    match = _BLANK.match(rows, position)
    assert match is not None
    return match.end() - match.start()


# --- references

NAMED_REFERENCES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
"""`&amp;` last, or `&amp;lt;` would be resolved twice."""
REFERENCE = re.compile(r"&(?:#([0-9]{1,7});|#x([0-9A-Fa-f]{1,6});|(lt|gt|quot|apos|amp);|)")
_CHARACTERS = {name[1:-1]: char for name, char in NAMED_REFERENCES}


def resolved_reference(reference: re.Match[str]) -> str:
    """The character of a reference; UnusualPage for an illegal one."""
    if reference[3]:
        return _CHARACTERS[reference[3]]
    code = int(reference[1]) if reference[1] else int(reference[2], 16) if reference[2] else 0
    legal = code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
    if not legal:
        raise UnusualPage
    return chr(code)
