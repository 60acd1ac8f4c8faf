"""One page straight to Arrow text columns: the fast decoder, which accepts a page only if it can prove the result.

Theory. The rows of a page usually look alike: the same elements, once each, in the same order. Then every row has the
same number of `<`, so the positions of all `<` in the page give the position of every tag and every text. Arrow finds
these positions in milliseconds. Only the strings are copied from the page, one column after another; they are about one
byte of eight.

Then every byte is checked. The page without its strings must be the tags of the first row, repeated for every row. A
string reaches from the end of its opening tag to the next `<`, so nothing is assumed. Expat parses the document around
the rows, with a marker in place of the rows that must come out as the only child of `response/operation/result/data`.
What expat checks in a string is checked here in all strings at once: UTF-8, control characters, U+FFFE and U+FFFF,
`]]>`, references.

For an unusual page (attributes, comments, nesting, missing or reordered elements, a carriage return, another encoding,
a wrong count) the result is None, and `strict_page.decode_page` reads it. A fuzz test shows that both give the same
result on every page that this decoder accepts. Needs pyarrow.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from intacct_protocol.errors import RemoteProtocolError
from intacct_protocol.xml.envelope import Response
from intacct_protocol.xml.page_layout import (
    NAMED_REFERENCES,
    REFERENCE,
    PageRows,
    RowLayout,
    UnusualPage,
    check_characters,
    find_rows,
    page_answer_head,
    resolved_reference,
    split_page,
    without_rows,
)
from intacct_protocol.xml.strict_page import PageHead
from intacct_protocol.xml.text_buffer import joined_bytes
from intacct_protocol.xml.xml import MAX_BYTES

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
_PIECE = 2**18
"""Bytes of a page that are searched at once, so that what is found stays in the processor's cache."""
_ROWS = 200
"""Rows that are cut and compared at once, for the same reason."""


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Some columns of a page, null if a cell is empty."""

    columns: dict[str, "pa.Array"]
    joined: "pa.Array | None"
    """The same columns one after another in one array; None if a text had a reference."""


@dataclass(frozen=True, slots=True)
class TextPage(Generic[T]):
    """A page as text columns."""

    head: PageHead
    response: Response
    blocks: dict[T, TextBlock]
    """Each with its columns in the order of the page."""

    @property
    def columns(self) -> dict[str, "pa.Array"]:
        """All columns, one block after another."""
        return {name: column for block in self.blocks.values() for name, column in block.columns.items()}


def text_columns(body: bytes, *, max_bytes: int = MAX_BYTES) -> "TextPage[None] | None":
    """The page as one block of columns, or None if the strict decoder has to read it."""
    return text_blocks(body, lambda _: None, max_bytes=max_bytes)


def text_blocks(body: bytes, block_of: Callable[[str], T], *, max_bytes: int = MAX_BYTES) -> TextPage[T] | None:
    """The page as blocks of columns, by what `block_of` says of their names; None as in `text_columns`."""
    if len(body) > max_bytes:
        return None
    try:
        start, end, response = split_page(body)
        rows = find_rows(body, start, end)
        try:
            count, blocks = _blocks(rows, block_of)
        except UnusualPage:
            if rows.find(b"/>") < 0:
                raise
            count, blocks = _blocks(rows.spelled_out(), block_of)
        return TextPage(page_answer_head(response, count), without_rows(response), blocks)
    except (UnusualPage, RemoteProtocolError):
        return None


# --- the rows


def _blocks(rows: PageRows, block_of: Callable[[str], T]) -> tuple[int, dict[T, TextBlock]]:
    """The number of rows and their columns, every tag compared."""
    import pyarrow as pa

    layout = RowLayout.learn(rows)
    groups: dict[T, list[int]] = {}
    for place, name in enumerate(layout.names):
        groups.setdefault(block_of(name.decode()), []).append(place)
    places = tuple(map(tuple, groups.values()))
    cut = [
        (count, _texts(rows.page, bounds, _form(layout, count, places), last=last))
        for count, bounds, last in _stretches(rows, 2 * len(layout.names) + 2)
    ]
    blocks = {}
    for index, (group, members) in enumerate(groups.items()):
        pieces = (texts[index].slice(at * count, count) for at in range(len(members)) for count, texts in cut)
        names = [layout.names[place].decode() for place in members]
        blocks[group] = _block(names, pa.concat_arrays(pieces))
    return sum(count for count, _ in cut), blocks


def _stretches(rows: PageRows, width: int) -> Iterator[tuple[int, "pa.Array", bool]]:
    """Some rows after another: how many, where each `<` of theirs is and where they end, and whether they are the last.

    A row has `width` tags.
    """
    import pyarrow as pa

    stop = rows.bounds[1]
    waiting = pa.array([], pa.int32())
    for bounds in _places(rows):
        waiting = pa.concat_arrays([waiting, bounds])
        while len(waiting) > _ROWS * width:
            yield _ROWS, waiting.slice(0, _ROWS * width + 1), False
            waiting = waiting.slice(_ROWS * width)
    count, more = divmod(len(waiting), width)
    if more or not count:
        raise UnusualPage
    yield count, pa.concat_arrays([waiting, pa.array([stop], pa.int32())]), True


def _places(rows: PageRows) -> Iterator["pa.Array"]:
    """Where each `<` of the rows is, from the first row's tag to the end tag of the last row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    start, stop = rows.bounds
    codes = pa.Array.from_buffers(pa.uint8(), stop - start, [None, pa.py_buffer(rows.page)], offset=start)
    for at in range(0, stop - start, _PIECE):
        marks = pc.equal(codes.slice(at, _PIECE), _less_than())
        yield pc.add(_numbers().slice(0, len(marks)).filter(marks), pa.scalar(start + at, pa.int32()))


@cache
def _less_than() -> "pa.Scalar[Any]":
    import pyarrow as pa

    return pa.scalar(ord("<"), pa.uint8())


@cache
def _numbers() -> "pa.Array":
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int32(), _PIECE, [None, pa.py_buffer(array("i", range(_PIECE)))])


@dataclass(frozen=True, slots=True)
class _RowsForm:
    """What a number of rows of one layout have in common."""

    shifts: "pa.Array"
    """By `<`: the length of an opening tag of a cell, 0 for the other tags. A text begins where its tag ends."""
    texts: "tuple[pa.Array, ...]"
    """Which elements are strings, column by column, for each group of columns."""
    tags: "pa.Array"
    """Which elements are tags."""
    tagged: "pa.Buffer"
    """The rows without their strings, with the blanks after each."""
    blank: int
    """The length of the blanks after a row."""


@lru_cache(maxsize=4)
def _form(layout: RowLayout, count: int, groups: tuple[tuple[int, ...], ...]) -> _RowsForm:
    """The form of some rows; nearly all pages have the same."""
    import pyarrow as pa

    width = 2 * len(layout.names) + 2
    shifts = array("i", (0, *(shift for name in layout.names for shift in (len(name) + 2, 0)), 0))
    firsts = range(0, count * width, width)
    tags = (*range(0, width, 2), width - 1)
    texts = (array("i", (first + 2 * place + 1 for place in some for first in firsts)) for some in groups)
    return _RowsForm(
        shifts=_int32(shifts * count + array("i", (0,))),
        texts=tuple(map(_int32, texts)),
        tags=_int32(array("i", (first + tag for first in firsts for tag in tags))),
        tagged=pa.py_buffer(layout.tags * count),
        blank=len(layout.blank),
    )


def _int32(numbers: "array[int]") -> "pa.Array":
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int32(), len(numbers), [None, pa.py_buffer(numbers)])


def _texts(page: bytes, places: "pa.Array", form: _RowsForm, *, last: bool) -> "list[pa.Array]":
    """The strings of some rows, column by column, for each group of columns.

    The rows are cut at each `<`, and at the end instead of the beginning of a cell's opening tag. So an element is a
    string, or what is between two strings, as `</A><B>`. One of the latter begins with a `<` and holds one or two; a
    string holds none. If all the latter together are the tags of the first row as often as there are rows, each is.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    bounds = pc.add(places, form.shifts)
    if pc.min(pc.subtract(bounds.slice(1), bounds.slice(0, len(bounds) - 1))).as_py() < 0:  # a `<` inside a tag
        raise UnusualPage
    elements = pa.Array.from_buffers(
        pa.binary(), len(bounds) - 1, [None, bounds.buffers()[1], pa.py_buffer(page)], offset=bounds.offset
    )
    tags = elements.take(form.tags).buffers()[2]
    if not tags.equals(form.tagged.slice(0, form.tagged.size - form.blank * last)):
        raise UnusualPage
    return [elements.take(texts) for texts in form.texts]


# --- the strings


def _block(names: list[str], texts: "pa.Array") -> TextBlock:
    """The gathered strings as columns: characters checked, references resolved, empty as null."""
    import pyarrow as pa

    count = len(texts) // len(names)
    data = joined_bytes(texts)
    _check_characters(texts, data)
    strings = texts.view(pa.string())
    joined = _with_nulls(strings)
    columns = {name: joined.slice(place * count, count) for place, name in enumerate(names)}
    referring = set(_columns_with(b"&", strings, data, count))
    for place in referring:
        columns[names[place]] = _with_nulls(_each_once(strings.slice(place * count, count)))
    return TextBlock(columns, None if referring else joined)


def _columns_with(part: bytes, texts: "pa.Array", data: bytes, count: int) -> Iterator[int]:
    """The columns that have a byte, by their place in the block."""
    if part in data:
        offsets = memoryview(texts.buffers()[1]).cast("i")
        for place in range(len(texts) // count):
            if data.find(part, offsets[place * count], offsets[(place + 1) * count]) >= 0:
                yield place


def _check_characters(texts: "pa.Array", data: bytes) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not data:
        return
    bounds = pc.min_max(pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)])).as_py()
    if bounds["max"] >= 0x80:
        try:
            texts.view(pa.string()).validate(full=True)  # UTF-8
        except pa.ArrowInvalid:
            raise UnusualPage from None
    check_characters(data, 0, len(data), bounds["min"], bounds["max"])


def _with_nulls(texts: "pa.Array") -> "pa.Array":
    """Strings that are not a slice, with empty ones as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

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


def _each_once(texts: "pa.Array") -> "pa.Array":
    """The strings with references resolved: in each distinct string once, since names repeat."""
    encoded = texts.dictionary_encode()
    return _resolved(encoded.dictionary).take(encoded.indices)


def _resolved(texts: "pa.Array") -> "pa.Array":
    """The strings with references resolved. References are counted cell by cell: in all bytes together, two cells may
    seem to make one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    data = joined_bytes(texts)
    references = [(name, char) for name, char in NAMED_REFERENCES if name.encode() in data]
    named = sum(pc.sum(pc.count_substring(texts, name)).as_py() for name, _ in references)
    if named == data.count(b"&"):
        for name, char in references:
            texts = pc.replace_substring(texts, name, char)
        return texts
    mask = pc.match_substring(texts, "&")
    resolved = [REFERENCE.sub(resolved_reference, text) for text in texts.filter(mask).to_pylist()]
    return pc.replace_with_mask(texts, mask, pa.array(resolved, pa.string()))
