"""One page straight to Arrow text columns: the fast decoder, which accepts a page only where it can prove the result.

Theory. A page is 2,000 rows that all look like the first one: the same elements, once each, in the same order. Where
that holds, the rows are a table whose delimiter is `<`: cut there, `<A>1</A><B>x</B>` is `A>1`, `/A>`, `B>x`, `/B>`.
Arrow's CSV reader cuts megabytes so in milliseconds, and insists that every row has the same number of parts.
The first row gives the layout. Then every byte is checked: each closing part must equal its tag byte for byte, each
opening part must begin with its tag, and the rest of it holds no `<`, so it is text. Expat parses the document around
the rows, with a marker in their place that must come out as the only child of `response/operation/result/data`. The
checks that expat makes in text are made here on whole columns: UTF-8, control characters, U+FFFE and U+FFFF, `]]>`,
references.

For an unusual page (attributes, comments, nesting, missing or reordered elements, a carriage return, another encoding,
a wrong count) the result is None, and `page.decode_page` reads it. A fuzz test shows that both give the same result on
every page that this decoder accepts. Needs pyarrow.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from intacct_bridge.errors import RemoteProtocolError
from intacct_bridge.wire.codec import response_from
from intacct_bridge.wire.envelope import Response
from intacct_bridge.wire.page import DATA_PATH, PageHead, page_head, page_result
from intacct_bridge.wire.xml import MAX_BYTES, Element, parse

if TYPE_CHECKING:
    import pyarrow as pa

_NAME = rb"[A-Za-z_][A-Za-z0-9_.\-]*"
_CELL = re.compile(rb"<(" + _NAME + rb")>[^<]*</\1>([ \t\x01]*)")
_ROW_OPEN = re.compile(rb"[ \t\n]*<(" + _NAME + rb")>")
_BLANK = re.compile(rb"[ \t\x01]*")
_SELF_CLOSED = re.compile(rb"<(" + _NAME + rb")/>")
_PROLOG = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml\s[^<>]*\?>)?\s*<")
_ENCODING = re.compile(rb"\sencoding\s*=\s*[\"']([^\"']*)")
_MARKER = "rows"
_NEWLINE = b"\x01"
"""Stands for a line feed while the rows are cut into lines; XML can never contain it."""
_CONTROLS = bytes(code for code in range(0x20) if code not in (0x9, 0xA))


@dataclass(frozen=True, slots=True)
class TextPage:
    """A page as text columns, null where a cell is empty."""

    head: PageHead
    response: Response
    columns: dict[str, "pa.Array"]


class _Unusual(Exception):  # noqa: N818
    """The page is left to the strict decoder; not an error."""


def text_columns(body: bytes, *, max_bytes: int = MAX_BYTES) -> TextPage | None:
    """The page as columns, or None where the strict decoder has to read it."""
    if len(body) > max_bytes:
        return None
    try:
        start, end, response = _region(body)
        rows, row_tag = _prepared(body, start, end)
        try:
            columns = _columns(rows, row_tag)
        except _Unusual:
            if b"/>" not in rows:
                raise
            columns = _columns(_SELF_CLOSED.sub(rb"<\1></\1>", rows), row_tag)
        head = _head(response, len(next(iter(columns.values()))))
        return TextPage(head, _without_rows(response), columns)
    except (_Unusual, RemoteProtocolError):
        return None


# --- the document around the rows


def _region(body: bytes) -> tuple[int, int, Response]:
    """Where the rows begin and end, and the answer without them."""
    _check_encoding(body)
    data = body.find(b"<data ")
    start = body.find(b">", data) + 1
    end = body.rfind(b"</data>")
    if data < 0 or not start or end < start:
        raise _Unusual
    root = parse(b"%b<%b/>%b" % (body[:start], _MARKER.encode(), body[end:]))
    response = response_from(root)
    node, tags = root, [root.tag]
    for tag in DATA_PATH[1:]:
        found = node.find(tag)
        if found is None:
            raise _Unusual
        node = found
        tags.append(tag)
    if tuple(tags) != DATA_PATH or len(node.children) != 1 or node.children[0] != Element(_MARKER) or node.text:
        raise _Unusual
    return start, end, response


def _check_encoding(body: bytes) -> None:
    prolog = _PROLOG.match(body)
    if prolog is None:
        raise _Unusual
    encoding = _ENCODING.search(prolog[0])
    if encoding is not None and encoding[1].lower() != b"utf-8":
        raise _Unusual


def _head(response: Response, rows: int) -> PageHead:
    result = page_result(response)
    if result is None or result.data is None:
        raise _Unusual
    return page_head(result.data.attributes, rows)


def _without_rows(response: Response) -> Response:
    (operation,) = response.operations
    (result,) = operation.results
    assert result.data is not None
    bare = replace(result, data=Element("data", attributes=result.data.attributes))
    return replace(response, operations=(replace(operation, results=(bare,)),))


# --- the rows


def _prepared(body: bytes, start: int, end: int) -> tuple[bytes, bytes]:
    """The rows from the first one's tag to just before the last one's end, fit for cutting, and that tag."""
    opening = _ROW_OPEN.match(body, start, end)
    if opening is None:
        raise _Unusual
    closing = b"</%b>" % opening[1]
    stop = body.rfind(closing, start, end)
    if stop < 0 or body[stop + len(closing) : end].strip(b" \t\n"):
        raise _Unusual
    rows = body[opening.start(1) : stop]
    _check_characters(rows)
    if b"\n" in rows:
        rows = rows.replace(b"\n", _NEWLINE)
    return rows, opening[1]


def _check_characters(rows: bytes) -> None:
    """Refuse what expat refuses or rewrites: control characters, CR, U+FFFE, U+FFFF, the end of a CDATA section."""
    import pyarrow as pa
    import pyarrow.compute as pc

    codes = pa.Array.from_buffers(pa.uint8(), len(rows), [None, pa.py_buffer(rows)])
    bounds = pc.min_max(codes).as_py()
    if bounds["min"] < 0x20 and len(rows.translate(None, _CONTROLS)) != len(rows):
        raise _Unusual
    if bounds["max"] >= 0xEF and (b"\xef\xbf\xbe" in rows or b"\xef\xbf\xbf" in rows):
        raise _Unusual
    if b"]" in rows and b"]]>" in rows:
        raise _Unusual


@dataclass(frozen=True, slots=True)
class _Layout:
    """The form of every row, learnt from the first one."""

    names: tuple[bytes, ...]
    opening: bytes
    """The row's own tag with the blanks before its first cell."""
    closings: tuple[bytes, ...]
    """Each cell's closing part with the blanks after it."""
    boundary: bytes
    """From the end of a row's last cell to the next row's tag."""

    @classmethod
    def learn(cls, rows: bytes, row_tag: bytes) -> "_Layout":
        closing = b"</%b>" % row_tag
        first = rows.find(closing)
        end = len(rows) if first < 0 else first
        position = len(row_tag) + 1 + _blank(rows, len(row_tag) + 1)
        opening = rows[:position]
        names, closings = [], []
        while position < end:
            cell = _CELL.match(rows, position, end)
            if cell is None:
                raise _Unusual
            names.append(cell[1])
            closings.append(b"/%b>%b" % (cell[1], cell[2]))
            position = cell.end()
        if not names or len(set(names)) != len(names):
            raise _Unusual
        blank = b"" if first < 0 else rows[first + len(closing) :][: _blank(rows, first + len(closing))]
        return cls(tuple(names), opening, tuple(closings), closing + blank + b"<")

    def constants(self) -> Iterator[tuple[str, bytes]]:
        """The column and the fixed bytes of every constant part, in the order of a line."""
        yield "row", self.opening
        for name, closing in zip(self.names, self.closings, strict=True):
            yield f"/{name.decode()}", closing


def _blank(rows: bytes, position: int) -> int:
    found = _BLANK.match(rows, position)
    assert found is not None
    return found.end() - found.start()


def _columns(rows: bytes, row_tag: bytes) -> dict[str, "pa.Array"]:
    """The rows as text columns, every constant part compared."""
    layout = _Layout.learn(rows, row_tag)
    lines = rows.split(layout.boundary)
    table = _cut(b"\n".join(lines), layout)
    if table.num_rows != len(lines):
        raise _Unusual
    for name, fixed in layout.constants():
        _check_constant(table.column(name), fixed)
    texts = ((name.decode(), f"{name.decode()}>") for name in layout.names)
    return {name: _text(table.column(opening), opening) for name, opening in texts}


def _cut(lines: bytes, layout: _Layout) -> "pa.Table":
    """Every row as its parts: the opening ones as text, the constant ones as bytes of their length."""
    import pyarrow as pa
    from pyarrow import csv

    types = {name: pa.binary(len(fixed)) for name, fixed in layout.constants()}
    order = ["row"]
    for name in layout.names:
        order += [f"{name.decode()}>", f"/{name.decode()}"]
        types[order[-2]] = pa.string()
    try:
        return csv.read_csv(
            pa.BufferReader(lines),
            csv.ReadOptions(use_threads=False, block_size=len(lines) + 1, column_names=order),
            csv.ParseOptions(delimiter="<", quote_char=False, double_quote=False, ignore_empty_lines=False),
            csv.ConvertOptions(column_types=types, null_values=[], strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        raise _Unusual from None


def _check_constant(column: "pa.ChunkedArray", fixed: bytes) -> None:
    for chunk in column.chunks:
        values = chunk.buffers()[1]
        if chunk.null_count or chunk.offset or values is None or values.to_pybytes() != fixed * len(chunk):
            raise _Unusual


def _text(column: "pa.ChunkedArray", opening: str) -> "pa.Array":
    """The text after the opening tag, references resolved, empty as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if not pc.all(pc.starts_with(cells, pattern=opening)).as_py():
        raise _Unusual
    longest = len(cells.buffers()[2])
    texts = pc.binary_slice(cells.view(pa.binary()), len(opening), longest + 1).view(pa.string())
    data = texts.buffers()[2].to_pybytes()
    if _NEWLINE in data:
        texts = pc.replace_substring(texts, _NEWLINE.decode(), "\n")
    if b"&" in data:
        texts = _resolved(texts, data)
    filled = pc.not_equal(pc.binary_length(texts), pa.scalar(0, pa.int32()))
    if filled.true_count == len(texts):
        return texts
    validity, (_, offsets, values) = filled.buffers()[1], texts.buffers()
    return pa.Array.from_buffers(pa.string(), len(texts), [validity, offsets, values])


# --- references

_NAMED = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
"""`&amp;` last, or `&amp;lt;` would be resolved twice."""
_REFERENCE = re.compile(r"&(?:#([0-9]{1,7});|#x([0-9A-Fa-f]{1,6});|(lt|gt|quot|apos|amp);|)")
_CHARACTERS = {name[1:-1]: char for name, char in _NAMED}


def _resolved(texts: "pa.Array", data: bytes) -> "pa.Array":
    """The texts with references resolved. References are counted cell by cell: in `data`, two cells may seem to make
    one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [(name, char) for name, char in _NAMED if name.encode() in data]
    named = sum(pc.sum(pc.count_substring(texts, name)).as_py() for name, _ in found)
    if named == data.count(b"&"):
        for name, char in found:
            texts = pc.replace_substring(texts, name, char)
        return texts
    mask = pc.match_substring(texts, "&")
    resolved = [_REFERENCE.sub(_character, text) for text in texts.filter(mask).to_pylist()]
    return pc.replace_with_mask(texts, mask, pa.array(resolved, pa.string()))


def _character(found: re.Match[str]) -> str:
    if found[3]:
        return _CHARACTERS[found[3]]
    code = int(found[1]) if found[1] else int(found[2], 16) if found[2] else 0
    legal = code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
    if not legal:
        raise _Unusual
    return chr(code)
