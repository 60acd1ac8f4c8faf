"""Anonymous rows: names, ids and free text replaced, each text by the same one everywhere, so that relations hold.

A replacement has the shape of its text: letters for letters, digits for digits, the same length and punctuation. It is
drawn with a key that nothing keeps, so it cannot be computed again, and no two strings get the same one. These stay as
they are: amounts and quantities, dates, record numbers, states, kinds, currencies, countries, books, journals, and the
values that the catalogue lists. Birth dates and coordinates are left out.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from secrets import token_bytes
from string import ascii_lowercase, ascii_uppercase, digits

from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import natural_key
from intacct_protocol.xml.values import TEXTS, Value

_DROPPED = ("BIRTHDATE", "MAILADDRESS.LATITUDE", "MAILADDRESS.LONGITUDE", "LATITUDE", "LONGITUDE", "RECORD_URL")
WORD_FIELDS = frozenset(
    (
        *("ACCESSMODE", "ACCOUNTTYPE", "ADJ", "APPLICATION", "BATCH_STATE", "BOOKID", "BOOKTYPE", "CLEARED", "CODE"),
        *("COST_METHOD", "DISPLAYSTATE", "DOCCLASS", "DOCPARCLASS", "ENTRY_STATE", "EXCH_RATE_TYPE_ID"),
        *("FINANCIALENTITYTYPE", "HEADER1", "HEADER2", "JOURNAL", "LINENO", "LINE_NO", "MODULE", "MODULEKEY"),
        *("OBJECTTYPE", "PAYMENTMETHOD", "PERIODNAME", "PREFERENCE", "RAWSTATE", "RECORDTYPE", "REPORTINGPERIODNAME"),
        *("REPORTING_PERIODTYPE", "SOURCE", "STATE", "STATISTICAL", "STATUS", "SYMBOL", "SYSTEMGENERATED", "TOTALNAME"),
        *("TR_TYPE", "WORKFLOWACTION"),
    )
)
"""Fields of kinds, states and other words of the gateway's own."""
_KEPT_OF = {("REPORTINGPERIOD", "NAME")}
CODE_FIELDS = ("CURRENCY", "CURR", "CURRENCYCODE", "COUNTRY", "COUNTRYCODE")
"""Ends of the names of fields that hold currencies and countries."""
_NUMBERS = ("KEY", "#", ".ACCOUNT")
"""Ends of the names of fields that hold record numbers, which stay if they are digits."""
FLAGS = ("true", "false", "T", "F", "active", "inactive")
_ENTITIES = ("ENTITY", "VENDENTITY", "CUSTENTITY", "EMPENTITY", "LOCENTITY")
"""Fields that hold a letter and the id of a vendor, a customer, an employee or a location."""
_DOCUMENTS = ("DOCID", "DOCHDRID", "CREATEDFROM", "DOCUMENTID")
"""Ends of the names of fields that hold a transaction definition and a number, joined by a hyphen."""
_SEVERAL = "#~#"
_AUDIT = "AUDITHISTORY"
_ATTEMPTS = 20


class Anonymiser:
    """Replaces the strings of a company's rows. Rows of AUDITHISTORY must come after all others."""

    def __init__(self, definitions: Iterable[str] = (), key: bytes | None = None) -> None:
        """`definitions` are the names of the transaction definitions."""
        self._key = key or token_bytes(32)
        self._replacements: dict[str, str] = {}
        self._used: set[str] = set()
        self._ids: dict[str, set[str]] = {}
        self._definitions = sorted(definitions, key=len, reverse=True)

    def row(self, described: ObjectDef, row: Mapping[str, Value]) -> dict[str, Value]:
        """The row with other strings."""
        cells: dict[str, Value] = {}
        natural = natural_key(described.name) or ""
        for name, value in row.items():
            if name in _DROPPED or value is None:
                continue
            cells[name] = value
            if isinstance(value, str):
                if name == natural:
                    self._ids.setdefault(described.name, set()).add(value)
                if not self._stays(described, name, value):
                    cells[name] = self._cell(described, row, name, value)
        return cells

    def _stays(self, described: ObjectDef, name: str, text: str) -> bool:
        last, definition = name.rpartition(".")[2], described.get(name)
        number = name == "RECORDNO" or (text.isdecimal() and (name.endswith(_NUMBERS) or name == "ID"))
        if number or text in FLAGS:
            return True
        if definition is None or definition.custom or described.name not in standard_catalog():
            return False  # the company's own field may hold anything
        if last in WORD_FIELDS and (last != "CODE" or described.name == "TRXCURRENCIES"):
            return last != "STATE" or "ADDRESS" not in name  # the state of an address is part of it
        listed = definition.kind in TEXTS and text in definition.values
        return listed or last.endswith(CODE_FIELDS) or (described.name, name) in _KEPT_OF

    def _cell(self, described: ObjectDef, row: Mapping[str, Value], name: str, text: str) -> str:
        if described.name == _AUDIT and name == "OBJECTKEY":
            return self._object_key(str(row.get("OBJECTTYPE") or "").upper(), text)
        if name in _ENTITIES and len(text) > 1 and text not in (row.get("LOCATIONID"), row.get("NAME")):
            return text[0] + self.text(text[1:])
        if name.endswith(_DOCUMENTS):
            for definition in self._definitions:
                if text.startswith(f"{definition}-"):
                    return f"{self.text(definition)}-{self.text(text[len(definition) + 1 :])}"
        return self.text(text)

    def _object_key(self, name: str, text: str) -> str:
        """The key of a record in the audit history: its id, or its record number, which stays."""
        if text in self._ids.get(name, ()) or not text.partition("-")[0].isdecimal():
            return self.text(text)
        return text

    def text(self, text: str) -> str:
        """The replacement of a text; of each of several choices."""
        if _SEVERAL in text:
            return _SEVERAL.join(map(self.text, text.split(_SEVERAL)))
        replacement = self._replacements.get(text)
        if replacement is None:
            replacement = self._replacements[text] = self._new(text)
            self._used.add(replacement)
        return replacement

    def drew(self, text: str) -> bool:
        """Whether a text is a replacement."""
        return text in self._used

    def _new(self, text: str) -> str:
        for attempt in range(_ATTEMPTS):
            replacement = self._drawn(text, attempt)
            if replacement not in self._used and (replacement != text or not any(map(str.isalnum, text))):
                return replacement
        return f"{self._drawn(text, _ATTEMPTS)}{len(self._used)}"

    def _drawn(self, text: str, attempt: int) -> str:
        local, at, domain = text.partition("@")
        if at and "." in domain and " " not in text:
            return f"{self._drawn(local, attempt)}@example.com"
        if re.match(r"https?://|www\.", text, re.IGNORECASE):
            return f"https://example.com/{self._drawn(re.sub(r'[^A-Za-z0-9]', '', text), attempt)}"
        stream = self._numbers(f"{attempt} {text}", len(text))
        return "".join(map(_alike, text, stream))

    def _numbers(self, text: str, count: int) -> bytes:
        """As many random bytes, always the same for the text."""
        drawn = b""
        while len(drawn) < count:
            block = f"{len(drawn)} {text}".encode("utf-8", "surrogatepass")
            drawn += blake2b(block, key=self._key, digest_size=64).digest()
        return drawn


def _alike(char: str, number: int) -> str:
    """A letter for a letter, a digit for a digit; anything else stays."""
    if char.isdigit():
        return digits[number % 10]
    if char.isalpha():
        return (ascii_uppercase if char.isupper() else ascii_lowercase)[number % 26]
    return char
