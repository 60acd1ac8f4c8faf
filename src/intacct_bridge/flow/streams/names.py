"""Streams that are part of an object, as people ask for them: one transaction definition, one object's audit history.

`SODOCUMENT:Sales Invoice` is the sales documents of that definition with the definition's own fields, and behind it
`?as=INVOICES` gives the table another name; `audit_history_APBILL` is what the audit history says of bills made and
deleted.

Streams that are no objects, as people ask for them: `trial_balance?by=location`, `report:Bills due`. Pure data.

A feed is named by what reads it, then perhaps the thing it reads, then arguments as a web address has them. Its
readers are in `feeds`; here is only what can be said without asking anybody.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl, urlencode

from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.model.catalog import ObjectDef, unknown_object
from intacct_bridge.model.query.query import Compare, Filter, Op, all_of
from intacct_bridge.model.suggestions import did_you_mean

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


_REPORT = "report"
READERS: Mapping[str, tuple[str, ...] | None] = {
    "trial_balance": ("from", "to", "period", "book", "by", "statistical", "zeros", "whole", "as"),
    "account_balances": ("from", "to", "period", "book", "by", "statistical", "account", "whole", "as"),
    "dimensions": ("as",),
    "dimension_values": ("without", "as"),
    _REPORT: None,
}
"""The readers and the arguments that each takes; a report takes whatever it was made to ask for."""
LISTING = "listing"
"""Reads an object on a connection of document type 2.1; nobody asks for it by name."""
ALIASES: Mapping[str, str] = {"trial_balances": "trial_balance", "account_balance": "account_balances"}
"""What other taps call them."""
OF_A_REPORT = ("type", "timeout", "as")
"""Arguments of ours beside a report's own."""


@dataclass(frozen=True, slots=True)
class VirtualStream:
    """Which reader reads a stream, and what it is told."""

    reader: str
    subject: str = ""
    """A report's name, or an object where it is read by its own functions."""
    arguments: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """An argument, or what it is unless given."""
        return dict(self.arguments).get(name, default)

    def flag(self, name: str) -> bool:
        """An argument that is true or false."""
        text = self.get(name, "false").lower()
        if text not in ("true", "false", ""):
            raise InvalidRequestError(f"{self.reader}: {name}={text!r} is neither true nor false")
        return text != "false"

    def choice(self, name: str, *allowed: str) -> str:
        """An argument that is one of a few words; empty where it is not given."""
        text = self.get(name).lower()
        if text and text not in allowed:
            raise InvalidRequestError(f"{self.reader}: {name}={text!r} is none of {', '.join(allowed)}")
        return text

    def day(self, name: str) -> date | None:
        """An argument that is a day; None where it is not given."""
        text = self.get(name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            raise InvalidRequestError(f"{self.reader}: {name}={text!r} is no day", fix="Write 2026-01-31.") from None

    @property
    def asked(self) -> str:
        """What is read, in whatever order the arguments come; empty where there are none."""
        told = sorted(self.arguments)
        return f"{self.reader}:{self.subject}?{urlencode(told)}" if told else ""

    @property
    def table(self) -> str:
        """The name of the stream, unless somebody gives it another with `as`."""
        if self.reader == LISTING:
            return self.subject
        subject = re.sub(r"\W+", "_", self.subject.lower()).strip("_")
        return self.get("as") or (f"{self.reader}_{subject}" if subject else self.reader)


def unknown_stream(name: str, objects: Iterable[str]) -> InvalidRequestError:
    """What to say of a name that neither one of the objects has nor a reader."""
    error = unknown_object(name, (*objects, *(one for one, takes in READERS.items() if takes is not None)))
    if did_you_mean(name, [_REPORT]):
        error.fix = f"name a report {_REPORT}:NAME; {error.fix}"
    return error


def feed_named(text: str) -> VirtualStream | None:
    """The feed of that name; None where it can only be an object. InvalidRequestError names a wrong argument."""
    head, _, query = text.partition("?")
    word, colon, subject = head.partition(":")
    reader = ALIASES.get(word.lower(), word.lower())
    if reader not in READERS or (reader == _REPORT) != bool(colon):
        return None
    known = READERS[reader]
    arguments = tuple(parse_qsl(query, keep_blank_values=True))
    for name, _ in arguments:
        if known is not None and name not in known:
            raise InvalidRequestError(f"{reader} takes no {name!r}", fix=f"It takes {', '.join(known)}.")
    if twice := next((name for name, count in Counter(name for name, _ in arguments).items() if count > 1), ""):
        raise InvalidRequestError(f"{text} says {twice} twice", fix="Say it once.")
    if reader == _REPORT and not subject.strip():
        raise InvalidRequestError("the report has no name", fix="Write report:NAME.")
    return VirtualStream(reader, subject.strip(), arguments)
