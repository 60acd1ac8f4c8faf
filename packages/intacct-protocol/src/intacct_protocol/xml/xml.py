"""XML text ⇄ a small tree, regardless of its meaning.

The gateway speaks XML without a DTD, so any DOCTYPE is refused before an entity could be declared, and
size and depth are bounded. Parsing is expat with the tree built in three handlers; writing is a list of strings.
Two facts of XML 1.0 matter: it cannot carry control characters below U+0020 other than tab, CR and LF, and a parser
turns CR LF into LF, so a carriage return is written as a character reference.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from xml.parsers import expat

from intacct_protocol.errors import LocalProtocolError, RemoteProtocolError

MAX_BYTES = 256 * 1024 * 1024
MAX_DEPTH = 100

_NAME = re.compile(r"[^\W\d][\w.\-]*")
_NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})


class Element:
    """One element: a tag, attributes, and either text or children (mixed content keeps the text, joined).

    Treat it as frozen; it is a plain class because pages hold many thousands of them.
    """

    __slots__ = ("attributes", "children", "tag", "text")

    def __init__(
        self,
        tag: str,
        text: str = "",
        children: tuple["Element", ...] = (),
        attributes: Mapping[str, str] = _NO_ATTRIBUTES,
    ) -> None:
        self.tag = tag
        self.text = text
        self.children = children
        self.attributes = attributes

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Element)
            and self.tag == other.tag
            and self.text == other.text
            and dict(self.attributes) == dict(other.attributes)
            and self.children == other.children
        )

    __hash__ = None  # type: ignore[assignment]  # trees are compared, never used as keys

    def __iter__(self) -> Iterator["Element"]:
        return iter(self.children)

    def __repr__(self) -> str:
        return f"<Element {self.tag} {len(self.children) or self.text!r}>"

    def find(self, tag: str) -> "Element | None":
        """The first child with this tag, case-sensitively."""
        for child in self.children:
            if child.tag == tag:
                return child
        return None

    def findall(self, tag: str) -> list["Element"]:
        """All direct children with this tag."""
        return [child for child in self.children if child.tag == tag]

    def findtext(self, tag: str, default: str = "") -> str:
        """The text of the first child with this tag; `default` when there is none."""
        child = self.find(tag)
        return default if child is None else child.text

    def get(self, attribute: str, default: str = "") -> str:
        """An attribute's value."""
        return self.attributes.get(attribute, default)


class Raw(Element):
    """Text that is XML already and is written as it stands; the emulator sends pages so, without building trees."""

    __slots__ = ()

    def __init__(self, xml: str) -> None:
        super().__init__("", xml)


def element(tag: str, content: "str | Element | None" = None, *more: Element, **attributes: str) -> Element:
    """Build an element from its text, or from its children one after another."""
    if isinstance(content, Element):
        return Element(tag, "", (content, *more), attributes or _NO_ATTRIBUTES)
    return Element(tag, content or "", more, attributes or _NO_ATTRIBUTES)


@lru_cache(maxsize=1 << 14)
def names_an_element(text: str) -> bool:
    """Whether an element can have this name: `DEPT#`, a field of the gateway's bank accounts, cannot be one."""
    if _NAME.fullmatch(text) is None:
        return False
    return text.isascii() or _is_read(f"<{text}/>")


def _is_read(text: str) -> bool:
    try:
        expat.ParserCreate().Parse(text.encode(), True)
    except (expat.ExpatError, UnicodeError):
        return False
    return True


def parse(body: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Element:
    """Parse a whole document. White space between elements is dropped; white space within text is kept exactly.

    Raises RemoteProtocolError on a malformed document, on any DOCTYPE, and past the bounds.
    """
    check_size(body, max_bytes)
    builder = TreeBuilder(max_depth)
    parser = guarded_parser()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.buffer_text = True
    run(parser, body)
    if builder.root is None:
        raise RemoteProtocolError("not readable as XML: no element found")
    return builder.root


def check_size(body: bytes, max_bytes: int) -> None:
    """Raise RemoteProtocolError for a document past the bound, before it is read."""
    if len(body) > max_bytes:
        raise RemoteProtocolError(f"the document has {len(body):,} bytes, more than the limit of {max_bytes:,}")


def guarded_parser() -> expat.XMLParserType:
    """An expat parser that refuses every DOCTYPE, and with it every entity attack."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def run(parser: expat.XMLParserType, body: bytes) -> None:
    """Put a whole document through a parser. Raises RemoteProtocolError if it cannot be read.

    Besides expat's own error, Python's codecs raise errors about a declared encoding: an unknown name, or one with
    several bytes a character.
    """
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise RemoteProtocolError(f"not readable as XML: {error}") from None


def _refuse_doctype(name: str, _system: str | None, _public: str | None, _internal: int) -> None:
    raise RemoteProtocolError(f"the document declares a DOCTYPE ({name}); XML with a DTD or an entity is refused")


class TreeBuilder:
    """Collects expat's start, data and end events into Elements; checks the depth, since expat does not."""

    def __init__(self, max_depth: int = MAX_DEPTH) -> None:
        self.root: Element | None = None
        self._open: list[tuple[str, Mapping[str, str], list[str], list[Element]]] = []
        self._max_depth = max_depth

    @property
    def path(self) -> tuple[str, ...]:
        """The tags of the elements that are open, outermost first."""
        return tuple(one[0] for one in self._open)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if len(self._open) >= self._max_depth:
            raise RemoteProtocolError(f"the document nests deeper than {self._max_depth} elements at <{tag}>")
        self._open.append((tag, attributes or _NO_ATTRIBUTES, [], []))

    def data(self, text: str) -> None:
        """Text inside the innermost open element."""
        if self._open:
            self._open[-1][2].append(text)

    def end(self, _tag: str) -> None:
        """The innermost open element ends."""
        tag, attributes, texts, children = self._open.pop()
        text = "".join(texts)
        if children and not text.strip():
            text = ""
        done = Element(tag, text, tuple(children), attributes)
        if self._open:
            self._open[-1][3].append(done)
        else:
            self.root = done


_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)
_FORBIDDEN = {
    *(chr(code) for code in range(0x20) if code not in (0x9, 0xA, 0xD)),
    "\ufffe",
    "\uffff",
    *(chr(code) for code in range(0xD800, 0xE000)),
}


def forbidden_character(text: str) -> str | None:
    """The first character that XML 1.0 cannot carry, or None."""
    if text.isascii() and text.isprintable():
        return None
    return next((char for char in text if char in _FORBIDDEN), None)


def escape(text: str) -> str:
    """Text as element content. Raises LocalProtocolError for a character that XML cannot carry."""
    bad = forbidden_character(text)
    if bad is not None:
        raise LocalProtocolError(
            f"the text {text[:40]!r} contains U+{ord(bad):04X}, a control character that XML cannot carry; remove it"
        )
    return text.translate(_TEXT)


def serialize(root: Element) -> str:
    """The tree as text without added white space; an element with neither text nor children is `<a></a>`.

    Raises LocalProtocolError for a name or a text that XML cannot carry. A name may be a key of a caller's record, and
    as it stands it could close its element and begin another function.
    """
    out: list[str] = []
    _write(root, out)
    return "".join(out)


def _write(node: Element, out: list[str]) -> None:
    if isinstance(node, Raw):
        out.append(node.text)
        return
    _check_name(node.tag)
    out.append(f"<{node.tag}")
    for name, value in node.attributes.items():
        _check_name(name)
        escape(value)
        out.append(f' {name}="{value.translate(_ATTRIBUTE)}"')
    out.append(">")
    if node.text:
        out.append(escape(node.text))
    for child in node.children:
        _write(child, out)
    out.append(f"</{node.tag}>")


def _check_name(name: str) -> None:
    if not names_an_element(name):
        raise LocalProtocolError(
            f"{name[:40]!r} cannot be the name of an element of XML", fix="check the names of the record's fields"
        )


def document(root: Element) -> bytes:
    """The tree as a UTF-8 document with its prolog."""
    return b'<?xml version="1.0" encoding="UTF-8"?>' + serialize(root).encode()
