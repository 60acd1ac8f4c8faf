"""XML text and the small tree: exact both ways, and safe from attacks by entity, depth and size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.errors import LocalProtocolError, RemoteProtocolError
from intacct_protocol.xml.xml import Element, Raw, document, element, escape, parse, serialize
from support.protocol.trees import trees


@given(trees)
def test_a_tree_is_parsed_as_it_was_written(tree: Element) -> None:
    assert parse(document(tree)) == tree


@given(st.text(max_size=40))
def test_text_is_escaped_exactly_or_refused(text: str) -> None:
    try:
        escaped = escape(text)
    except LocalProtocolError as error:
        assert "control character" in error.message
        return
    assert parse(f"<a>{escaped}</a>".encode()).text == text


@given(st.text(max_size=20))
def test_a_name_is_written_as_one_element_or_refused(name: str) -> None:
    """A name may be a key of a caller's record, and must not begin another function."""
    for tree in (Element(name, "x"), Element("a", "x", attributes={name: "y"})):
        try:
            written = document(tree)
        except LocalProtocolError as error:
            assert "cannot be the name of an element" in error.message
        else:
            assert parse(written) == tree


@pytest.mark.parametrize("name", ["", "X Y", "NAME><b", "1ST", "a/", 'a b="c"', "DEPT#"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="cannot be the name of an element"):
        serialize(element(name, "x"))
    with pytest.raises(LocalProtocolError, match="cannot be the name of an element"):
        serialize(Element("a", attributes={name: "x"}))


def test_blanks_are_dropped_between_elements_and_kept_in_text() -> None:
    assert parse(b"<a>\n <b> x </b>\n <c> </c></a>") == element("a", element("b", " x "), element("c", " "))
    assert parse(b"<a>x<b/>y</a>") == Element("a", "xy", (Element("b"),))


def test_finding_children() -> None:
    tree = parse(b'<a k="v"><b>1</b><b>2</b><c/></a>')
    assert (tree.findtext("b"), tree.findtext("c", "none"), tree.findtext("d", "none")) == ("1", "", "none")
    assert [child.text for child in tree.findall("b")] == ["1", "2"]
    assert [child.tag for child in tree] == ["b", "b", "c"]
    assert (tree.get("k"), tree.get("l", "-"), tree.find("B")) == ("v", "-", None)
    assert repr(tree) == "<Element a 3>"
    assert repr(tree.children[0]) == "<Element b '1'>"


def test_raw_text_is_written_as_it_stands() -> None:
    assert serialize(element("data", Raw("<A><B>1</B></A>"), Raw("<A></A>"), count="2")) == (
        '<data count="2"><A><B>1</B></A><A></A></data>'
    )


def test_attributes_survive_quotes_and_line_ends() -> None:
    tree = Element("a", attributes={"k": "\"'<>&\n\r\t é"})
    assert parse(document(tree)) == tree


LAUGHS = b"<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]><l>&b;</l>"
OUTSIDE = b"<!DOCTYPE f SYSTEM 'http://127.0.0.1/f.dtd'><f/>"
FILE = b"<!DOCTYPE f [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><f>&x;</f>"


@pytest.mark.parametrize("body", [LAUGHS, OUTSIDE, FILE, b"<!DOCTYPE a><a/>"])
def test_every_doctype_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="declares a DOCTYPE"):
        parse(body)


def test_depth_and_size_are_bounded() -> None:
    assert parse(b"<a>" * 100 + b"</a>" * 100).tag == "a"
    with pytest.raises(RemoteProtocolError, match="deeper than 100 elements at <b>"):
        parse(b"<a>" * 100 + b"<b>" + b"</b>" + b"</a>" * 100)
    with pytest.raises(RemoteProtocolError, match="has 7 bytes, more than the limit of 6"):
        parse(b"<a></a>", max_bytes=6)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"no xml",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>&nbsp;</a>",
        b"<a>\x0b</a>",
        b"<a>\xff</a>",
        b"<a k='1' k='2'/>",
        b'<?xml version="1.0" encoding="NO-SUCH"?><a/>',
        b'<?xml version="1.0" encoding="big5"?><a/>',
    ],
)
def test_malformed_documents_are_protocol_errors(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="not readable as XML"):
        parse(body)


def test_another_encoding_is_read_as_declared() -> None:
    assert parse('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1")).text == "é"
