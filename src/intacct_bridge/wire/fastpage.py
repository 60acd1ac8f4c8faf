"""One page straight to Arrow text columns: the fast decoder, which accepts a page only where it can prove the result.

Theory. A page is 2,000 rows that all look like the first one: the same elements, once each, in the same order. Where
that holds, the rows cut at every `</` are a table: `<A>1</A><B>x</B>` gives `<A>1`, `A><B>x`, `B>`, as many parts in
every row. A part is one fixed text, the end of a tag and the next opening tag, with the text of a cell behind it. Arrow
cuts megabytes so in milliseconds, and a column is every n-th part. The first row gives the layout. Then every byte is
checked: each part must begin with its fixed text, and the rest of it holds no `<`, so it is text. Expat parses the
document around the rows, with a marker in their place that must come out as the only child of
`response/operation/result/data`. The checks that expat makes in text are made here on whole columns: UTF-8, control
characters, U+FFFE and U+FFFF, `]]>`, references.

For an unusual page (attributes, comments, nesting, missing or reordered elements, a carriage return, another encoding,
a wrong count) the result is None, and `page.decode_page` reads it. A fuzz test shows that both give the same result on
every page that this decoder accepts. Needs pyarrow.
"""

from array import array
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from intacct_bridge.errors import RemoteProtocolError
from intacct_bridge.wire.envelope import Response
from intacct_bridge.wire.page import PageHead
from intacct_bridge.wire.page_layout import (
    NAMED_REFERENCES,
    REFERENCE,
    PageRows,
    RowLayout,
    UnusualPage,
    find_rows,
    page_answer_head,
    resolved_reference,
    split_page,
    without_rows,
)
from intacct_bridge.wire.xml import MAX_BYTES

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class TextPage:
    """A page as text columns, null where a cell is empty."""

    head: PageHead
    response: Response
    columns: dict[str, "pa.Array"]


def text_columns(body: bytes, *, max_bytes: int = MAX_BYTES) -> TextPage | None:
    """The page as columns, or None where the strict decoder has to read it."""
    if len(body) > max_bytes:
        return None
    try:
        start, end, response = split_page(body)
        rows = find_rows(body, start, end)
        _check_characters(rows)
        try:
            columns = _columns(rows)
        except UnusualPage:
            if rows.find(b"/>") < 0:
                raise
            columns = _columns(rows.spelled_out())
        head = page_answer_head(response, len(next(iter(columns.values()))))
        return TextPage(head, without_rows(response), columns)
    except (UnusualPage, RemoteProtocolError):
        return None


# --- the rows


def _check_characters(rows: PageRows) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    codes = pa.Array.from_buffers(pa.uint8(), rows.stop, [None, pa.py_buffer(rows.page)]).slice(rows.start)
    bounds = pc.min_max(codes).as_py()
    rows.check_characters(bounds["min"], bounds["max"])


def _columns(rows: PageRows) -> dict[str, "pa.Array"]:
    """The rows as text columns, every constant part compared."""
    layout = RowLayout.learn(rows)
    parts, width = _cut(rows), len(layout.names) + 1
    count, more = divmod(len(parts), width)
    if more or not count:
        raise UnusualPage
    columns = _every(parts, width, count)
    del parts  # as large as the page
    _check_ends(columns[-1], layout.closings[-1][1:])
    columns[0] = _completed(columns[0], layout.before)
    found = zip(layout.prefixes(), columns, strict=False)
    return {name.decode(): _text(column, prefix) for (name, prefix), column in found}


def _cut(rows: PageRows) -> "pa.Array":
    """The rows cut at every `</`: a part holds the end of a tag, the next cell's opening tag, and its text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    offsets = pa.py_buffer(array("i", (rows.start, rows.stop)))
    one = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(rows.page)])
    try:
        one.validate(full=True)  # UTF-8
    except pa.ArrowInvalid:
        raise UnusualPage from None
    return pc.split_pattern(one.view(pa.binary()), pattern=b"</").flatten()


def _every(parts: "pa.Array", width: int, count: int) -> "list[pa.Array]":
    """The parts by their place in a row: slices of one array."""
    columns = parts.take(_places(width, count))
    return [columns.slice(at * count, count) for at in range(width)]


@lru_cache(maxsize=2)
def _places(width: int, count: int) -> "pa.Array":
    """Where each part of every row is, one column after another; nearly all pages have the same shape."""
    import pyarrow as pa

    places = array("i")
    for at in range(width):
        places.extend(range(at, width * count, width))
    return pa.Array.from_buffers(pa.int32(), len(places), [None, pa.py_buffer(places)])


def _bytes_of(parts: "pa.Array") -> int:
    """How many bytes a column has."""
    offsets = memoryview(parts.buffers()[1]).cast("i")
    return int(offsets[parts.offset + len(parts)] - offsets[parts.offset])


def _completed(parts: "pa.Array", before: bytes) -> "pa.Array":
    """The first parts of all rows; no end of a row comes before the first row."""
    import pyarrow as pa

    return pa.concat_arrays([pa.array([before + parts[0].as_py()], pa.binary()), parts.slice(1)])


def _check_ends(parts: "pa.Array", fixed: bytes) -> None:
    import pyarrow.compute as pc

    if _bytes_of(parts) != len(fixed) * len(parts) or not pc.all(pc.starts_with(parts, pattern=fixed)).as_py():
        raise UnusualPage


def _text(parts: "pa.Array", prefix: bytes) -> "pa.Array":
    """The text after the opening tag, references resolved, empty as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.starts_with(parts, pattern=prefix).false_count:
        raise UnusualPage
    total = _bytes_of(parts)
    if total == len(prefix) * len(parts):
        return pa.nulls(len(parts), pa.string())
    texts = pc.binary_slice(parts, len(prefix), total + 1).view(pa.string())
    data = texts.buffers()[2].to_pybytes()
    if b"<" in data:
        raise UnusualPage
    if b"&" in data:
        texts = _each_once(texts, data)
    filled = pc.not_equal(pc.binary_length(texts), _zero())
    if filled.true_count == len(texts):
        return texts
    validity, (_, offsets, values) = filled.buffers()[1], texts.buffers()
    return pa.Array.from_buffers(pa.string(), len(texts), [validity, offsets, values])


@cache
def _zero() -> "pa.Scalar[Any]":
    import pyarrow as pa

    return pa.scalar(0, pa.int32())


# --- references


def _each_once(texts: "pa.Array", data: bytes) -> "pa.Array":
    """The texts with references resolved: in each distinct text once, where texts repeat, as names do."""
    encoded = texts.dictionary_encode()
    if 2 * len(encoded.dictionary) > len(texts):
        return _resolved(texts, data)
    known = encoded.dictionary
    return _resolved(known, known.buffers()[2].to_pybytes()).take(encoded.indices)


def _resolved(texts: "pa.Array", data: bytes) -> "pa.Array":
    """The texts with references resolved. References are counted cell by cell: in `data`, two cells may seem to make
    one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [(name, char) for name, char in NAMED_REFERENCES if name.encode() in data]
    named = sum(pc.sum(pc.count_substring(texts, name)).as_py() for name, _ in found)
    if named == data.count(b"&"):
        for name, char in found:
            texts = pc.replace_substring(texts, name, char)
        return texts
    mask = pc.match_substring(texts, "&")
    resolved = [REFERENCE.sub(resolved_reference, text) for text in texts.filter(mask).to_pylist()]
    return pc.replace_with_mask(texts, mask, pa.array(resolved, pa.string()))
