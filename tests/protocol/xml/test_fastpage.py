"""The fast decoder against the strict one: every page that it accepts has the same result in both."""

import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_protocol.errors import RemoteProtocolError
from intacct_protocol.xml.arrow_page import text_blocks, text_columns
from intacct_protocol.xml.strict_page import Page, decode_page
from intacct_protocol.xml.xml import escape
from support.protocol.answers import answer, page, result
from support.protocol.pages import PAGE, SELF_CLOSED, SPACED, mutated


def same(body: bytes) -> bool:
    """Whether the fast decoder accepts; if it does, it must agree with the strict one."""
    fast = text_columns(body)
    if fast is None:
        return False
    strict = decode_page(body)
    rows = pa.table(fast.columns).to_pylist()
    assert Page(fast.head, fast.response, rows) == strict
    return True


@pytest.mark.parametrize("body", [PAGE, SPACED, SELF_CLOSED, b"\xef\xbb\xbf" + PAGE, PAGE.split(b"?>")[1]])
def test_an_ordinary_page_takes_the_fast_path(body: bytes) -> None:
    assert same(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(answer(result("<data/>")), id="no page"),
        pytest.param(page("", count=0), id="no rows"),
        pytest.param(PAGE.replace(b'count="4" num', b'count="5" num'), id="count is off"),
        pytest.param(PAGE[:-30], id="cut in the tail"),
        pytest.param(PAGE[: PAGE.rindex(b"<GLDETAIL>")], id="cut between rows"),
        pytest.param(PAGE.replace(b"<RECORDNO>2", b'<RECORDNO a="1">2'), id="attribute"),
        pytest.param(PAGE.replace(b"<RECORDNO>2", b"<!-- c --><RECORDNO>2"), id="comment between cells"),
        pytest.param(PAGE.replace(b"<GLDETAIL><RECORDNO>2", b"<!-- <GLDETAIL><RECORDNO>2"), id="open comment"),
        pytest.param(PAGE.replace(b">30<", b"><![CDATA[30]]><"), id="cdata"),
        pytest.param(PAGE.replace(b"<RECORDNO>2</RECORDNO>", b""), id="missing cell"),
        pytest.param(PAGE.replace(b"</RECORDNO>", b"</RECORDNO><X></X>", 2), id="extra cell"),
        pytest.param(PAGE.replace(b"</RECORDNO>", b"</RECORDNO><RECORDNO>1</RECORDNO>"), id="cell twice"),
        pytest.param(
            PAGE.replace(
                b"<RECORDNO>2</RECORDNO><BATCH.TITLE></BATCH.TITLE>",
                b"<BATCH.TITLE></BATCH.TITLE><RECORDNO>2</RECORDNO>",
            ),
            id="order",
        ),
        pytest.param(PAGE.replace(b">30<", b"><B>30</B><"), id="nested"),
        pytest.param(PAGE.replace(b">30<", b">3\r\n0<"), id="carriage return"),
        pytest.param(PAGE.replace(b">30<", b">3\x0b0<"), id="control character"),
        pytest.param(PAGE.replace(b">30<", b">\xef\xbf\xbe<"), id="no character"),
        pytest.param(PAGE.replace(b">30<", b">\xed\xa0\x80<"), id="surrogate"),
        pytest.param(PAGE.replace(b">30<", b">\xc0\x80<"), id="overlong"),
        pytest.param(PAGE.replace(b">30<", b">]]><"), id="end of cdata"),
        pytest.param(PAGE.replace(b">30<", b">a & b<"), id="bare ampersand"),
        pytest.param(PAGE.replace(b">2<", b">&am<").replace(b">30<", b">p;<"), id="reference across two cells"),
        pytest.param(PAGE.replace(b">2<", b">&#6<").replace(b">30<", b">5;<"), id="number across two cells"),
        pytest.param(PAGE.replace(b">30<", b">&nbsp;<"), id="unknown entity"),
        pytest.param(PAGE.replace(b">30<", b">&#0;<"), id="reference to no character"),
        pytest.param(PAGE.replace(b">30<", b">&#xFFFE;<"), id="reference to a forbidden character"),
        pytest.param(PAGE.replace(b"UTF-8", b"ISO-8859-1"), id="another encoding"),
        pytest.param(PAGE.decode().encode("utf-16"), id="utf-16"),
        pytest.param(PAGE.replace(b"?><resp", b"?><!DOCTYPE response><resp"), id="doctype"),
        pytest.param(PAGE.replace(b"<GLDETAIL>", b"text<GLDETAIL>", 2), id="text between rows"),
        pytest.param(PAGE.replace(b"<GLDETAIL>", b"<GLDETAIL>text", 1), id="text before cells"),
        pytest.param(PAGE.replace(b"<GLDETAIL><RECORDNO>4", b"<OTHER><RECORDNO>4"), id="another row tag"),
        pytest.param(PAGE.replace(b"GLDETAIL><RECORDNO>4", b"GLDETAIL><NO>4</NO><RECORDNO>4"), id="one cell more"),
        pytest.param(PAGE.replace(b"</GLDETAIL></data>", b"</GLDETAIL><</GLDETAIL></data>"), id="a row's end twice"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html><body>502</body></html>", id="html"),
    ],
)
def test_unusual_pages_are_left_to_the_strict_decoder(body: bytes) -> None:
    assert text_columns(body) is None


def test_oversized_pages_are_left_to_the_strict_decoder() -> None:
    assert text_columns(PAGE, max_bytes=len(PAGE) - 1) is None


# --- the differential fuzz


@pytest.mark.parametrize("seed", range(3))
def test_no_mutated_page_is_accepted_with_a_different_result(seed: int) -> None:
    draw = random.Random(seed)
    accepted = 0
    for turn in range(1500):
        body = (PAGE, SPACED, SELF_CLOSED)[turn % 3]
        for _ in range(draw.randrange(1, 4)):
            body = mutated(body, draw)
        try:
            accepted += same(body)
        except RemoteProtocolError as error:
            pytest.fail(f"accepted what expat refuses ({error}): {body!r}")
    assert accepted > 50


texts = st.text(st.characters(codec="utf-8", exclude_characters="\ufffe\uffff", exclude_categories=("Cs", "Cc"))) | (
    st.text("<>&]'\"\n\t a#x;0", max_size=12)
)


@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=6), st.sampled_from(["", "\n ", " "]))
@settings(deadline=None, max_examples=150)
def test_any_text_is_decoded_unchanged(rows: list[tuple[str, str, str]], space: str) -> None:
    xml = "".join(
        f"{space}<A>{space}"
        + space.join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in zip("BCD", row, strict=True))
        + f"{space}</A>"
        for row in rows
    )
    body = page(xml, count=len(rows))
    assert same(body)
    assert decode_page(body).rows == [{tag: text or None for tag, text in zip("BCD", row, strict=True)} for row in rows]


# --- pages of more rows than are cut at once

NUMBERS = (1, 199, 200, 201, 400, 1234)


def long_page(count: int, memo: str = "&amp; é") -> bytes:
    """A page whose rows differ, with blanks between them."""
    xml = "\n".join(
        f"<GLDETAIL> <RECORDNO>{row}</RECORDNO><TITLE>{'x' * (row % 7)}</TITLE><MEMO>{memo}</MEMO></GLDETAIL>"
        for row in range(count)
    )
    return page(xml, count=count)


@pytest.mark.parametrize("count", NUMBERS)
def test_a_page_of_any_number_of_rows_takes_the_fast_path(count: int) -> None:
    assert same(long_page(count))


def test_rows_longer_than_what_is_searched_at_once_take_the_fast_path() -> None:
    assert same(long_page(3, memo="long > text " * 40_000))


@pytest.mark.parametrize("row", [0, 199, 200, 401, 449])
@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ("<RECORDNO>{row}<", "<RECORDNO>{row}<b/><"),
        ("<RECORDNO>{row}</RECORDNO>", "<RECORDNO></RECORDNO>"),
        ("<RECORDNO>{row}</RECORDNO>", "<RECORDN>{row}</RECORDN>"),
        ("<RECORDNO>{row}</RECORDNO>", "<RECORDNO</RECORDNO>"),
        ("<RECORDNO>{row}</RECORDNO>", "<RECORDNO >{row}</RECORDNO>"),
        ("<RECORDNO>{row}</RECORDNO>", "{row}<RECORDNO></RECORDNO>"),
        ("<RECORDNO>{row}</RECORDNO>", "<RECORDNO>&{row}</RECORDNO>"),
        ("<RECORDNO>{row}</RECORDNO>", "<RECORDNO>&#33;{row}</RECORDNO>"),
    ],
)
def test_a_change_in_any_row_is_seen(row: int, found: str, instead: str) -> None:
    plain = long_page(450).decode()
    changed = plain.replace(found.format(row=row), instead.format(row=row), 1).encode()
    assert changed != plain.encode()
    try:
        strict = decode_page(changed)
    except RemoteProtocolError:
        assert text_columns(changed) is None
        return
    assert strict.rows != decode_page(plain.encode()).rows or b"<RECORDNO >" in changed
    same(changed)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_blocks_have_the_columns_of_their_names_and_the_same_texts(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from([f"F{n}" for n in range(9)]), min_size=1, max_size=6, unique=True))
    count = data.draw(st.sampled_from((1, 2, 200, 201, 205)))
    block = {name: data.draw(st.sampled_from("xyz")) for name in names}
    cells = data.draw(st.lists(st.sampled_from(["", "", "a", "é", "<&>", "1.50"]), min_size=3, max_size=11))
    rows = [
        {name: cells[(row * len(names) + place) % len(cells)] for place, name in enumerate(names)}
        for row in range(count)
    ]
    xml = "".join(f"<A>{''.join(f'<{name}>{escape(text)}</{name}>' for name, text in row.items())}</A>" for row in rows)
    fast = text_blocks(page(xml, count=count), block.__getitem__)
    assert fast is not None
    assert {name: kind for kind, found in fast.blocks.items() for name in found.columns} == block
    assert {name: column.to_pylist() for name, column in fast.columns.items()} == {
        name: [row[name] or None for row in rows] for name in names
    }
    for found in fast.blocks.values():
        referring = any("&" in escape(row[name]) for row in rows for name in found.columns)
        joined = None if found.joined is None else found.joined.to_pylist()
        assert joined == (None if referring else [row[name] or None for name in found.columns for row in rows])
