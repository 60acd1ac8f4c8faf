"""A request is parsed once, into the tree of our own reader, and what our reader refuses does not get through."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from intacct_emulator.server import request_document
from intacct_emulator.server.request_document import UnreadableDocumentError, loggable, read_document
from intacct_protocol.xml.codec import masked
from intacct_protocol.xml.xml import parse
from support.emulator.calls import ENDPOINT, element, one
from support.emulator.refusing_companies import world

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff<&>"))
LEAF = st.one_of(
    TEXT,
    TEXT.map(lambda text: f"<![CDATA[{text.replace(']]', '')}]]>"),
    TEXT.map(lambda text: f"<!--{text.replace('-', '')}-->"),
    st.sampled_from(["&lt;", "&#13;", "\r\n", " \n\t", "<?pi x?>", "&amp;amp;"]),
)
NODES = st.recursive(
    LEAF,
    lambda inner: st.tuples(st.sampled_from(["a", "b.c", "Ω"]), st.lists(inner, max_size=4)).map(
        lambda pair: f"<{pair[0]} k='&quot;' xml:space='preserve'>{''.join(pair[1])}</{pair[0]}>"
    ),
    max_leaves=15,
)


@given(nodes=st.lists(NODES, max_size=4))
def test_the_tree_is_that_of_our_own_reader(nodes: list[str]) -> None:
    body = f"<?xml version='1.0'?><request>{''.join(nodes)}</request>".encode()
    assert read_document(body).root == parse(body)


def test_a_request_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    original = etree.fromstring

    def counted(body: bytes, *more: Any) -> Any:
        if b"<request" in body:
            parsed.append(len(body))
        return original(body, *more)

    def twice(*_: Any, **__: Any) -> Any:
        pytest.fail("our own reader parsed it as well")

    emulator = world()
    one(emulator, "<getFinancialSetup/>")  # the schema is read before
    monkeypatch.setattr(etree, "fromstring", counted)
    monkeypatch.setattr(request_document, "parse", twice)
    for _ in range(2):
        assert one(emulator, f"<create>{element('CLASS', CLASSID=len(parsed), NAME='N')}</create>").status == "success"
    assert len(parsed) == 2
    emulator.close()


BOMB = "<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><r k='&b;'>&b;</r>"
DECLARED = "<?xml version='1.0' encoding='{}'?>"


@pytest.mark.parametrize(
    "body",
    [
        BOMB.encode(),
        f"{DECLARED.format('utf-16')}{BOMB}".encode("utf-16"),
        BOMB.encode("utf-16-le"),
        f"{DECLARED.format('utf-7')}".encode() + BOMB.replace("<", "+ADw-").encode(),
        f"{DECLARED.format('cp037')}{BOMB}".encode("cp037"),
        f"{DECLARED.format('UTF-32')}{BOMB}".encode("utf-32"),
    ],
    ids=["utf-8", "utf-16", "without a mark", "utf-7", "ebcdic", "utf-32"],
)
def test_no_encoding_hides_a_doctype(body: bytes) -> None:
    with pytest.raises(UnreadableDocumentError):
        read_document(body)


def test_a_document_nested_too_deep_is_refused() -> None:
    with pytest.raises(UnreadableDocumentError, match="nests deeper than 100 elements"):
        read_document(b"<a>" * 500 + b"</a>" * 500)
    with pytest.raises(UnreadableDocumentError):
        read_document(b"<a>" * 5000 + b"</a>" * 5000)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_password_is_masked_in_every_encoding(encoding: str) -> None:
    text = f"{DECLARED.format(encoding)}<request><control><password>geheim-é</password></control></request>"
    shown = masked(loggable(text.encode(encoding)))
    assert b"geheim" not in shown
    assert "geheim".encode("utf-16-le") not in shown
    assert b"***" in shown


def test_an_unreadable_request_in_another_encoding_is_not_shown() -> None:
    assert b"geheim" not in loggable("<password>geheim".encode("utf-16")).replace(b"\0", b"")


def test_a_reply_in_utf_16_is_still_understood() -> None:
    emulator = world()
    body = (
        f"{DECLARED.format('utf-16')}<request><control><senderid>demo-sender</senderid><password>demo-sender-password"
        "</password><controlid>c</controlid></control><operation><authentication><login><userid>demo-user</userid>"
        "<companyid>demo-company</companyid><password>demo-user-password</password></login></authentication><content>"
        "<function controlid='f'><getFinancialSetup/></function></content></operation></request>"
    ).encode("utf-16")
    assert b"<status>success</status>" in emulator(ENDPOINT, body).body
    emulator.close()
