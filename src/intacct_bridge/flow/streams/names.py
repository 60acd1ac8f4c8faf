"""Streams that are part of an object, as people ask for them: one transaction definition, one object's audit history.

`SODOCUMENT:Sales Invoice` is the sales documents of that definition with the definition's own fields, and behind it
`?as=INVOICES` gives the table another name; `audit_history_APBILL` is what the audit history says of bills made and
deleted.
"""

import re
from dataclasses import dataclass

from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.query.query import Compare, Filter, Op, all_of

DOCUMENTS = ("SODOCUMENT", "PODOCUMENT", "INVDOCUMENT")
"""The objects whose records differ by transaction definition; their lines do too."""
EVERY = "*"
_AS = "?as="
AUDIT = "AUDITHISTORY"
_AUDIT_OF = re.compile(r"audit_history_(\w+)", re.IGNORECASE)
_MADE_OR_DELETED = ("C", "D")


@dataclass(frozen=True, slots=True)
class Name:
    """What a name that is no feed's means."""

    object: str
    definition: str = ""
    """Only the documents of this transaction definition."""
    audit_of: str = ""
    """Only what the audit history says of this object."""
    called: str = ""
    """The table's name, where somebody gave it one."""

    @property
    def table(self) -> str:
        """The stream's name."""
        if self.audit_of:
            return f"audit_history_{self.audit_of}"
        if self.called:
            return self.called
        slug = re.sub(r"\W+", "_", self.definition.upper()).strip("_")
        return f"{self.object}_{slug}" if slug else self.object

    def where(self, described: ObjectDef) -> Filter | None:
        """The records meant, where not all are."""
        if self.audit_of:
            kind = Compare("OBJECTTYPE", Op.EQUALTO, (self.audit_of.lower(),))
            return all_of((Compare("ACCESSMODE", Op.IN, _MADE_OR_DELETED), kind))
        if not self.definition:
            return None
        return Compare(described.find("DOCPARID").name, Op.EQUALTO, (self.definition,))


def parsed_name(text: str) -> Name:
    """The meaning of a name; InvalidRequestError where an object has no definitions."""
    audit = _AUDIT_OF.fullmatch(text)
    if audit:
        return Name(AUDIT, audit_of=audit[1].upper())
    text, named, called = text.partition(_AS) if ":" in text else (text, "", "")
    head, colon, definition = text.partition(":")
    name = head.strip().upper()
    if colon and not name.startswith(DOCUMENTS):
        raise InvalidRequestError(
            f"{head} has no transaction definitions", fix=f"Only {', '.join(DOCUMENTS)} and their lines have."
        )
    if colon and not definition.strip():
        raise InvalidRequestError(f"{text!r} names no transaction definition", fix=f"Write {name}:NAME or {name}:*.")
    if named and (not called.strip() or definition.strip() == EVERY):
        raise InvalidRequestError(
            f"{_AS}{called} names no table of {text}", fix=f"Write {name}:NAME{_AS}TABLE, one definition at a time."
        )
    return Name(name, definition.strip(), called=called.strip())


def definitions_of(name: str) -> str:
    """The object that lists the transaction definitions of a document, or of its lines."""
    return next(f"{one}PARAMS" for one in DOCUMENTS if name.startswith(one))
