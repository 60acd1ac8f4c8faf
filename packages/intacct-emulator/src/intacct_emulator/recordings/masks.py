"""Exchanges without what must not be shared: secrets always; names and amounts if they are chosen.

Masks work on the parsed document, where every escape of XML is resolved. A credential (a password, a session id) is
masked in its element, and after that in every text of every later exchange, in each form in which formats write it.
Private fields (tax ids, card and account numbers, attachments) are masked in their elements. A masked name or amount
has the shape of the original, and equal texts stay equal in the whole recording; the key that draws them is not in it.

These stay, so that shapes can be compared: the names of objects, fields and functions, dates, flags, record numbers,
states, kinds and other words that the catalogue lists, and the texts of errors but for quoted parts, numbers, and what
stands in the request.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache

from intacct_emulator.from_copy.anonymous import CODE_FIELDS, FLAGS, WORD_FIELDS, Anonymiser
from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.model.masking import MASK, without_secrets
from intacct_protocol.xml.values import NUMBERS
from intacct_protocol.xml.xml import Element

MASKED_ATTACHMENT = b64encode(MASK.encode()).decode()
_CREDENTIAL = re.compile(r"password|passwd|sessionid|secret|token", re.IGNORECASE)
_PRIVATE = re.compile(
    r"ssn|cardnum(ber)?|taxid|(wire|ach|return)?accountnumber|bankaccountno|\w*routing(no|number)", re.IGNORECASE
)
_ATTACHMENT = "attachmentdata"
_STRUCTURE = frozenset(
    (
        *("object", "objectname", "field", "fields", "operator", "order", "status", "function", "errorno", "errorid"),
        *(
            "dtdversion",
            "uniqueid",
            "debug",
            "policyid",
            "includewhitespace",
            "showadditionalerrorinfo",
            "returnformat",
        ),
        *(
            "sessiontimestamp",
            "sessiontimeout",
            "pagesize",
            "offset",
            "resultid",
            "listtype",
            "maxitems",
            "showprivate",
        ),
        *("datatype", "externaldatatype", "relationshiptype", "validvalue", "year", "month", "day", "transaction"),
        *("@start", "@end", "@total", "@count", "@totalcount", "@numremaining"),
    )
)
"""Elements and attributes that hold the gateway's own words, in small letters; `@` begins those of attributes alone."""
_RECORD_NUMBERS = ("recordno", "record#", "key", "lineno", "line_no", "line_num")
"""Ends of the names of fields that hold record numbers and places of lines, in small letters."""
_NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d*)?|[+-]?\.\d+")
_DATE = re.compile(r"(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4})([ T][\d:.+Z-]*)?")
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_QUOTED_IN_A_SENTENCE = re.compile(rf"(?<!\w)(?:{_QUOTED.pattern})(?!\w)")
"""An apostrophe, as in `vendor's`, quotes nothing."""
_COMPARED = re.compile(r"""([A-Za-z][\w.]*)(\s*(?:=|<>|<|>|<=|>=|\blike\b|\bnot\s+like\b|\bin\b)\s*\(?\s*)$""", re.I)
_ARTICLES = ("a", "A", "an", "An", "the", "The", "I", "is", "in", "of", "to", "for", "and", "or", "not", "no")
"""Words of sentences, which are not replaced there though a request may send them as names."""
_TEXTS_OF_ERRORS = ("description", "description2", "correction")
_AMOUNT_WORDS = re.compile(r"amount|amt|total|price|balance|debit|credit|rate|cost|paid|due|qty|quantity|limit", re.I)


class Mask(StrEnum):
    """What a recording hides besides secrets."""

    NAMES = "names"
    """Ids, names and free text."""
    AMOUNTS = "amounts"
    """Amounts, prices, quantities and rates."""


class ExchangeMasks:
    """The masks of one recording. They remember the credentials that they have seen."""

    def __init__(self, masks: Iterable[Mask], key: bytes) -> None:
        """`key` draws the replacements: the same key gives the same ones."""
        self.masks = frozenset(masks)
        self._replacements = Anonymiser(key=key)
        self._credentials: set[str] = set()
        self._sent: dict[str, str] = {}
        """What the request of the exchange sent, and what it was replaced by."""

    def exchange(self, request: Element, answer: Element | None) -> tuple[Element, Element | None]:
        """A request and its answer, both masked."""
        trees = [request, *([answer] if answer is not None else [])]
        for tree in trees:
            self._credentials.update(_secrets(tree, _CREDENTIAL))
        self._sent = {}
        hidden = {*self._credentials, *_secrets(request, _PRIVATE)}
        forms = {*hidden, *(b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=") for text in hidden)}
        masked = [self._element(tree, "", forms, ()) for tree in trees]
        return masked[0], masked[1] if answer is not None else None

    def leaks(self, written: bytes) -> bool:
        """Whether a long credential stands in bytes that are to be written."""
        return any(len(text) > 7 and text.encode("utf-8", "surrogatepass") in written for text in self._credentials)

    def _element(self, node: Element, field: str, hidden: set[str], path: tuple[str, ...]) -> Element:
        """A masked element; `field` is the field that a filter compares with its text."""
        name = field or node.tag
        compared = node.findtext("field")
        inside = (*path, node.tag)
        return Element(
            node.tag,
            self._text(name, node.text, hidden, path),
            tuple(self._element(child, compared if child.tag == "value" else "", hidden, inside) for child in node),
            {key: self._text(f"@{key}", text, hidden, inside) for key, text in node.attributes.items()},
        )

    def _text(self, name: str, text: str, hidden: set[str], path: tuple[str, ...]) -> str:
        last = name.rpartition(".")[2].removeprefix("@")
        if not text.strip():
            return text
        if last.lower() == _ATTACHMENT:
            return MASKED_ATTACHMENT
        if _is_secret(last):
            return MASK
        text = without_secrets(text, hidden)
        if name.lower() in _STRUCTURE:
            return text
        if last == "query" and path[-1:] == ("readByQuery",):
            return self._condition(text)
        if last in _TEXTS_OF_ERRORS and "error" in path:
            return self._sentence(text)
        if last == "keys":
            return ",".join(self._key(part, path) for part in text.split(","))
        return self._value(last, text, path)

    def _value(self, name: str, text: str, path: tuple[str, ...]) -> str:
        small = name.lower()
        if small in _STRUCTURE or text in FLAGS or text == MASK or _DATE.fullmatch(text.strip()):
            return text
        if _NUMBER.fullmatch(text.strip()):
            if small.endswith(_RECORD_NUMBERS) or not text.strip("+-0., "):
                return text
            mask = Mask.AMOUNTS if _holds_amounts(name) or "." in text else Mask.NAMES
            return self._replaced(text) if mask in self.masks else text
        if Mask.NAMES not in self.masks or _is_word(name, text, path):
            return text
        return self._replaced(text)

    def _replaced(self, text: str) -> str:
        replacement = self._replacements.text(text)
        if text.strip() not in _ARTICLES:
            self._sent[text.strip()] = replacement.strip()
        return replacement

    def _key(self, text: str, path: tuple[str, ...]) -> str:
        """A record number, or the name of a record."""
        if Mask.NAMES not in self.masks or (text.strip().isdecimal() and "readByName" not in path):
            return text
        return self._replaced(text)

    def _condition(self, text: str) -> str:
        """The condition of readByQuery: what it compares fields with is masked as the fields are."""

        def masked(match: re.Match[str]) -> str:
            compared = _COMPARED.search(text, 0, match.start())
            field = compared[1].rpartition(".")[2] if compared else ""
            quote, inner = match[0][0], match[1] if match[1] is not None else match[2]
            return f"{quote}{MASK if _is_secret(field) else self._value(field, inner, ())}{quote}"

        return _QUOTED.sub(masked, text)

    def _sentence(self, text: str) -> str:
        """The text of an error: quoted parts, numbers with decimals, and what the request sent are masked."""
        sent = dict(self._sent)
        if sent:
            spelled = "|".join(re.escape(text) for text in sorted(sent, key=len, reverse=True))
            text = re.sub(rf"(?<!\w)(?:{spelled})(?!\w)", lambda match: sent[match[0]], text)
        if Mask.NAMES in self.masks:
            text = _QUOTED_IN_A_SENTENCE.sub(
                lambda match: match[0][0] + self._unless_drawn(match[0][1:-1]) + match[0][-1], text
            )
        if Mask.AMOUNTS in self.masks:
            text = re.sub(r"\d[\d,]*\.\d+", lambda match: self._replacements.text(match[0]), text)
        return text

    def _unless_drawn(self, text: str) -> str:
        """A quoted part of a sentence, which may be masked already."""
        return text if self._replacements.drew(text) else self._value("", text, ())


def _is_secret(name: str) -> bool:
    return bool(_CREDENTIAL.search(name) or _PRIVATE.fullmatch(name))


def _secrets(node: Element, names: re.Pattern[str]) -> Iterator[str]:
    """The texts of the elements and attributes with such a name."""
    for name, text in ((node.tag, node.text), *node.attributes.items()):
        if names.search(name.rpartition(".")[2]) and text.strip() and text not in FLAGS and text != MASK:
            yield text
    for child in node:
        yield from _secrets(child, names)


def _is_word(name: str, text: str, path: tuple[str, ...]) -> bool:
    """Whether a text is a word of the gateway's own: the name of an object or a field, a state, a currency."""
    upper = name.upper()
    if upper in WORD_FIELDS or upper.endswith(CODE_FIELDS):
        return upper != "STATE" or not any("ADDRESS" in part.upper() for part in path)
    return text in _names_of_the_catalogue() or text in _listed_values().get(upper, ())


def _holds_amounts(name: str) -> bool:
    return name.upper() in _amount_fields() or bool(_AMOUNT_WORDS.search(name))


@cache
def _names_of_the_catalogue() -> frozenset[str]:
    catalog = standard_catalog()
    return frozenset({*catalog, *(field for described in catalog.values() for field in described.fields)})


@cache
def _listed_values() -> dict[str, set[str]]:
    listed: dict[str, set[str]] = {}
    for described in standard_catalog().values():
        for field in described.fields.values():
            listed.setdefault(field.name.rpartition(".")[2], set()).update(field.values)
    return listed


@cache
def _amount_fields() -> frozenset[str]:
    return frozenset(
        field.name.rpartition(".")[2]
        for described in standard_catalog().values()
        for field in described.fields.values()
        if field.kind in NUMBERS
    )
