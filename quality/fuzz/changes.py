"""Changed inputs: the files of a corpus with parts removed, doubled, replaced or put in."""

from collections.abc import Sequence

from hypothesis import strategies as st

TOKENS = (
    b"", b"0", b"-", b"1e999999999", b"1E+400", b"NaN", b"Infinity", b"-0", b"1,234", b"1.234", b"(12.50)", b"0.005",
    b"99999999999999999999999999999999999999999", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r\n",
    b"&amp;lt;", b"&#0;", b"&#x41;", b"]]>", b"<![CDATA[", b"<!DOCTYPE a>", b"<a/>", b"</data>", b"'", b'"', b"''",
    b"(", b")", b"null", b"true", b"[]", b"{}", b"[5]", b"13/45/2026", b"02/30/2026", b"2026-02-29",
    b"12/31/9999 23:59",
    b"(" * 600, b"[" * 3_000, b'{"a":' * 3_000, b"<a>" * 200, b"not " * 200, b"- " * 3_000, b"," * 20_000,
    b"<c/>" * 20_000,
    b'<row r="99999999999">', b'<c r="XFE1"/>', b'<dimension ref="A1:XFD1048576"/>', b"[a" + b".a" * 3_000 + b"]",
    b"%", b"\\", b"\t", b";", b"|", b"=", b"\xc2\xa0", b"\xe2\x82\xac", b"\xd9\xa1", b"not ", b" and ", b" or ",
)  # fmt: skip
"""Texts that readers stumble over."""


def edited(data: bytes, edits: Sequence[tuple[int, int, int, bytes]]) -> bytes:
    """The data after some edits: a kind, a place, a length and a text."""
    for kind, at, length, text in edits:
        start = at % (len(data) + 1)
        part = data[start : start + length]
        if kind == 0:
            data = data[:start] + data[start + length :]
        elif kind == 1:
            data = data[:start] + text + data[start:]
        elif kind == 2:
            data = data[:start] + text + data[start + length :]
        elif kind == 3:
            data = data[:start] + part + data[start:]
        elif kind == 4 and data:
            place = start % len(data)
            data = data[:place] + bytes((data[place] ^ (1 << length % 8),)) + data[place + 1 :]
        else:
            data = data[:start]
    return data


def changed_corpus(seeds: Sequence[bytes], *, most: int = 4) -> st.SearchStrategy[bytes]:
    """Files of a corpus after up to `most` edits."""
    edit = st.tuples(
        st.integers(0, 5),
        st.integers(0, 5000),
        st.one_of(st.integers(0, 8), st.integers(0, 200)),
        st.one_of(st.sampled_from(TOKENS), st.binary(max_size=4)),
    )
    return st.builds(edited, st.sampled_from(list(seeds)), st.lists(edit, max_size=most))
