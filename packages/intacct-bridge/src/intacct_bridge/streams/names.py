"""The names of streams. Pure: only what can be said without a call.

A name is that of an object (`VENDOR`), of part of an object, or of a virtual stream:

    SODOCUMENT:Sales Invoice              the documents of one transaction definition, with its own fields
    SODOCUMENT:Sales Invoice?as=INVOICES  the same, in a table of another name
    audit_history_APBILL                  what the audit history says of bills that were created or deleted
    trial_balance?by=location             a virtual stream: what reads it, with arguments as a web address has them
    report:Bills due                      a virtual stream that reads a thing of that name

The readers of virtual streams are in `extract.virtual`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl, urlencode

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.catalog import ObjectDef, unknown_object
from intacct_protocol.model.query.query import Compare, Filter, Op, all_of
from intacct_protocol.model.suggestions import did_you_mean

# --- objects and parts of them

DOCUMENTS = ("SODOCUMENT", "PODOCUMENT", "INVDOCUMENT")
"""The objects whose records, like their lines, differ by transaction definition."""
EVERY_DEFINITION = "*"
_AS = "?as="
AUDIT = "AUDITHISTORY"
AUDIT_PREFIX = "audit_history_"
_AUDIT_OF = re.compile(rf"{AUDIT_PREFIX}(\w+)", re.IGNORECASE)
_CREATED_OR_DELETED = ("C", "D")


@dataclass(frozen=True, slots=True)
class StreamName:
    """The meaning of a name that is not a virtual stream's."""

    object: str
    definition: str = ""
    """Only the documents of this transaction definition."""
    audit_of: str = ""
    """Only what the audit history says of this object."""
    alias: str = ""
    """The table's name, if the user gave it one."""

    @property
    def table(self) -> str:
        """The stream's name."""
        if self.audit_of:
            return f"{AUDIT_PREFIX}{self.audit_of}"
        if self.alias:
            return self.alias
        slug = re.sub(r"\W+", "_", self.definition.upper()).strip("_")
        return f"{self.object}_{slug}" if slug else self.object

    def where(self, described: ObjectDef) -> Filter | None:
        """The filter for the records that are meant; None if all are."""
        if self.audit_of:
            kind = Compare("OBJECTTYPE", Op.EQUALTO, (self.audit_of.lower(),))
            return all_of((Compare("ACCESSMODE", Op.IN, _CREATED_OR_DELETED), kind))
        if not self.definition:
            return None
        return Compare(described.find("DOCPARID").name, Op.EQUALTO, (self.definition,))


def parse_name(text: str) -> StreamName:
    """The meaning of a name; InvalidRequestError if the object has no transaction definitions."""
    audit = _AUDIT_OF.fullmatch(text)
    if audit:
        return StreamName(AUDIT, audit_of=audit[1].upper())
    text, as_, alias = text.partition(_AS) if ":" in text else (text, "", "")
    head, colon, definition = text.partition(":")
    name = head.strip().upper()
    if colon and not name.startswith(DOCUMENTS):
        raise InvalidRequestError(
            f"{head} has no transaction definitions", fix=f"Only {', '.join(DOCUMENTS)} and their lines have."
        )
    if colon and not definition.strip():
        raise InvalidRequestError(f"{text!r} names no transaction definition", fix=f"Write {name}:NAME or {name}:*.")
    if as_ and (not alias.strip() or definition.strip() == EVERY_DEFINITION):
        raise InvalidRequestError(
            f"{_AS}{alias} is not a table name for {text}",
            fix=f"Write {name}:NAME{_AS}TABLE, one definition at a time.",
        )
    return StreamName(name, definition.strip(), alias=alias.strip())


def definitions_of(name: str) -> str:
    """The object that lists the transaction definitions of a document, or of its lines."""
    return next(f"{one}PARAMS" for one in DOCUMENTS if name.startswith(one))


# --- virtual streams

_REPORT = "report"
VIRTUAL_STREAMS: Mapping[str, tuple[str, ...] | None] = {
    "trial_balance": ("from", "to", "period", "book", "by", "statistical", "zeros", "whole", "as"),
    "account_balances": ("from", "to", "period", "book", "by", "statistical", "account", "whole", "as"),
    "dimensions": ("as",),
    "dimension_values": ("without", "as"),
    _REPORT: None,
}
"""The readers with the arguments of each; a report takes the arguments that its author gave it."""
LISTING = "listing"
"""The reader of an object on a connection of document type 2.1; it has no name that a user writes."""
ALIASES: Mapping[str, str] = {"trial_balances": "trial_balance", "account_balance": "account_balances"}
"""The names of other taps."""
REPORT_SETTINGS = ("type", "timeout", "as")
"""Our own arguments of a report, beside those of its author."""


@dataclass(frozen=True, slots=True)
class VirtualStream:
    """The reader of a virtual stream, and its arguments."""

    reader: str
    subject: str = ""
    """The name of a report, or an object that is read by its own functions."""
    arguments: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """An argument as text."""
        return dict(self.arguments).get(name, default)

    def flag(self, name: str) -> bool:
        """An argument that is true or false."""
        text = self.get(name, "false").lower()
        if text not in ("true", "false", ""):
            raise InvalidRequestError(f"{self.reader}: {name}={text!r} is neither true nor false")
        return text != "false"

    def choice(self, name: str, *allowed: str) -> str:
        """An argument that is one of a few words; empty if it is not given."""
        text = self.get(name).lower()
        if text and text not in allowed:
            raise InvalidRequestError(f"{self.reader}: {name}={text!r} must be one of {', '.join(allowed)}")
        return text

    def day(self, name: str) -> date | None:
        """An argument that is a date; None if it is not given."""
        text = self.get(name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            message = f"{self.reader}: {name}={text!r} is not a valid date"
            raise InvalidRequestError(message, fix="Write 2026-01-31.") from None

    @property
    def variant(self) -> str:
        """The arguments, in any order the same; empty if there are none."""
        arguments = sorted(self.arguments)
        return f"{self.reader}:{self.subject}?{urlencode(arguments)}" if arguments else ""

    @property
    def table(self) -> str:
        """The name of the stream, unless `as` gives it another."""
        if self.reader == LISTING:
            return self.subject
        subject = re.sub(r"\W+", "_", self.subject.lower()).strip("_")
        return self.get("as") or (f"{self.reader}_{subject}" if subject else self.reader)


def parse_virtual(text: str) -> VirtualStream | None:
    """The virtual stream of a name; None if the name can only be an object's.

    InvalidRequestError for an unknown or repeated argument, and for a report without a name.
    """
    head, _, query = text.partition("?")
    word, colon, subject = head.partition(":")
    reader = ALIASES.get(word.lower(), word.lower())
    if reader not in VIRTUAL_STREAMS or (reader == _REPORT) != bool(colon):
        return None
    allowed = VIRTUAL_STREAMS[reader]
    arguments = tuple(parse_qsl(query, keep_blank_values=True))
    for name, _ in arguments:
        if allowed is not None and name not in allowed:
            raise InvalidRequestError(f"{reader} has no argument {name!r}", fix=f"Its arguments: {', '.join(allowed)}.")
    if twice := next((name for name, count in Counter(name for name, _ in arguments).items() if count > 1), ""):
        raise InvalidRequestError(f"{text} gives {twice} twice", fix="Give it once.")
    if reader == _REPORT and not subject.strip():
        raise InvalidRequestError("the report has no name", fix="Write report:NAME.")
    return VirtualStream(reader, subject.strip(), arguments)


def unknown_stream(name: str, objects: Iterable[str]) -> InvalidRequestError:
    """The error for a name that is neither one of the objects nor a virtual stream."""
    error = unknown_object(name, (*objects, *(one for one, takes in VIRTUAL_STREAMS.items() if takes is not None)))
    if did_you_mean(name, [_REPORT]):
        error.fix = f"name a report {_REPORT}:NAME; {error.fix}"
    return error
