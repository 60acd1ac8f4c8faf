"""A page as the gateway writes it, and changes of its bytes at random."""

import random

from support.protocol.answers import page

ROWS = (
    "<GLDETAIL><RECORDNO>1</RECORDNO><BATCH.TITLE>Bills &amp; co</BATCH.TITLE><MEMO>Zürich &lt;1&gt;</MEMO></GLDETAIL>"
    "<GLDETAIL><RECORDNO>2</RECORDNO><BATCH.TITLE></BATCH.TITLE><MEMO>&amp;lt; &quot;&apos;</MEMO></GLDETAIL>"
    "<GLDETAIL><RECORDNO>30</RECORDNO><BATCH.TITLE>x > y\n&#65;&#xE9;</BATCH.TITLE><MEMO></MEMO></GLDETAIL>"
    "<GLDETAIL><RECORDNO>4</RECORDNO><BATCH.TITLE></BATCH.TITLE><MEMO>\t日本 ]]</MEMO></GLDETAIL>"
)
PAGE = page(ROWS, count=4)
SPACED = PAGE.replace(b"><RECORDNO>", b">\n    <RECORDNO>").replace(b"</GLDETAIL><", b"\n  </GLDETAIL>\n  <")
SELF_CLOSED = PAGE.replace(b"<BATCH.TITLE></BATCH.TITLE>", b"<BATCH.TITLE/>").replace(b"<MEMO></MEMO>", b"<MEMO/>")
TOKENS = [
    *(b"< > & / \" ' = ] ! ? \x00 \x01 \x0b \r \t".split(b" ")),
    b"\n", b"\r\n", b" ", b"&amp;", b"&lt;", b"&#13;", b"&#0;", b"&#x1F600;", b"&#xD800;", b"&#65", b"&bad;", b"&amp",
    b"]]>", b"<!--", b"-->", b"<!-- x -->", b"<![CDATA[", b"<![CDATA[y]]>", b"<?pi x?>", b"/>", b"</", b"<rows/>",
    b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"\xff", b"\xc3", "é".encode(), "\U0001f600".encode(), b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"<MEMO/>", b"<MEMO></MEMO>", b"<MEMO>", b"</MEMO>", b"<X>1</X>", b"<GLDETAIL>", b"</GLDETAIL>", b"<GLDETAIL/>",
    b"</GLDETAIL><GLDETAIL>", b"<data>", b"</data>", b"<data x='1'>", b' a="1"', b"GLDETAIL", b"RECORDNO", b"0", b"",
]  # fmt: skip


def mutated(body: bytes, draw: random.Random) -> bytes:
    """One change: an insertion, a replacement, a deletion, a doubling or a swap, mostly at the edge of markup."""
    edges = [index for index, code in enumerate(body) if code in b"<>&/"] or [0]

    def place() -> int:
        return draw.choice(edges) + draw.randrange(2) if draw.random() < 0.8 else draw.randrange(len(body) + 1)

    one, two = sorted((place(), place()))
    choice = draw.randrange(6)
    if choice == 0:
        return body[:one] + draw.choice(TOKENS) + body[one:]
    if choice == 1:
        return body[:one] + draw.choice(TOKENS) + body[one + draw.randrange(1, 6) :]
    if choice == 2:
        return body[:one] + body[two:]
    if choice == 3:
        return body[:two] + body[one:two] + body[two:]
    if choice == 4:
        three = place()
        return body[:one] + body[two:three] + body[one:two] + body[max(two, three) :]
    return body.replace(draw.choice(TOKENS) or b"#", draw.choice(TOKENS), draw.choice((1, 2, -1)))
