"""Actions on a record that exists: reverse, void, approve, decline, recall, with the functions that do them.

Each action lists the objects for which Intacct documents it. The reversals are `reverse_bill` and its kin, payment
requests are voided by `void_appaymentrequest`, and `approve` and `decline` take one of three objects.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.xml.xml import Element, element


class KeyPlace(StrEnum):
    """Where a function has the key of the record."""

    ATTRIBUTE = "attribute"
    FIELD = "field"
    OBJECT = "object"
    """A field inside an element with the object's name."""
    LIST = "list"
    """An `appaymentkey` among `appaymentkeys`."""


@dataclass(frozen=True, slots=True)
class RecordAction:
    """One action on one object."""

    operation: str
    object: str
    function: str
    place: KeyPlace
    key: str = "RECORDNO"
    """The field whose value names the record."""
    dated: bool = False
    """Whether it takes a date, and requires one."""
    comment: str = ""
    """The element for a text; empty if the function takes none."""
    done: frozenset[str] = frozenset()
    """States that the record has after the action, in lower case."""
    waits: frozenset[str] = frozenset()
    """States in which the record waits for the action; empty if other states are possible."""

    def element(self, key: str, *, day: date | None = None, comment: str = "") -> Element:
        """The function's element. InvalidRequestError if it takes no text or has no date."""
        if comment and not self.comment:
            raise InvalidRequestError(f"{self.function} takes no text", fix="leave the text out", setting="comment")
        if self.dated and day is None:
            raise InvalidRequestError(f"{self.function} requires a date", fix="give the date", setting="date")
        text = [element(self.comment, comment)] if comment else []
        if self.place is KeyPlace.ATTRIBUTE:
            return Element(self.function, children=(*_day(day), *text), attributes={"key": key})
        if self.place is KeyPlace.FIELD:
            return Element(self.function, children=(element(self.key, key), *text))
        if self.place is KeyPlace.OBJECT:
            return element(self.function, Element(self.object, children=(element(self.key, key), *text)))
        return element(self.function, element("appaymentkeys", element("appaymentkey", key)))


def _day(day: date | None) -> tuple[Element, ...]:
    if day is None:
        return ()
    parts = (("year", f"{day:%Y}"), ("month", f"{day:%m}"), ("day", f"{day:%d}"))
    return (Element("datereversed", children=tuple(element(name, text) for name, text in parts)),)


_REVERSED = frozenset({"reversed", "reversed or reversal", "voided", "void"})
_WAITING = frozenset({"submitted", "partially approved", "resubmitted", "s"})
_APPROVED = frozenset({"approved", "posted", "a", "complete", "pending", "closed"})
_DECLINED = frozenset({"declined", "r"})


def _reverse(name: str, function: str, comment: str = "description") -> RecordAction:
    place = KeyPlace.ATTRIBUTE
    return RecordAction("reverse", name, function, place, dated=True, comment=comment, done=_REVERSED)


def _decisions(operation: str, done: frozenset[str]) -> Iterator[RecordAction]:
    """Approving or declining: the objects that can wait for it."""
    bare = (
        RecordAction(operation, "APBILL", operation, KeyPlace.OBJECT),
        RecordAction(operation, "APPYMT", f"{operation}_appaymentrequest", KeyPlace.LIST),
        RecordAction(operation, "PODOCUMENT", operation, KeyPlace.OBJECT, "DOCID", comment="COMMENT"),
        RecordAction(operation, "TIMESHEET", operation, KeyPlace.OBJECT, comment="COMMENT"),
        RecordAction(operation, "VENDOR", f"{operation}Vendor", KeyPlace.FIELD, "recordno", comment="reviewcomments"),
    )
    for action in bare:
        yield replace(action, done=done, waits=_WAITING)


_ALL = (
    _reverse("APBILL", "reverse_bill"),
    _reverse("APPYMT", "reverse_appayment"),
    _reverse("ARINVOICE", "reverse_invoice"),
    _reverse("ARPYMT", "reverse_arpayment"),
    _reverse("CCTRANSACTION", "reverse_cctransaction", "memo"),
    _reverse("EEXPENSES", "reverse_expensereport"),
    RecordAction("void", "APPYMT", "void_appaymentrequest", KeyPlace.LIST, done=_REVERSED),
    *_decisions("approve", _APPROVED),
    *_decisions("decline", _DECLINED),
    RecordAction("recall", "APBILL", "recallApBill", KeyPlace.FIELD, done=frozenset({"draft"}), waits=_WAITING),
)
ACTIONS: Mapping[tuple[str, str], RecordAction] = MappingProxyType({(one.operation, one.object): one for one in _ALL})
"""By operation and object."""
_ONLY_30 = frozenset({"approve", "decline", "approveVendor", "declineVendor", "recallApBill"})


def objects_of(operation: str) -> tuple[str, ...]:
    """The objects for which the action is documented."""
    return tuple(name for known, name in ACTIONS if known == operation)


def action_of(operation: str, name: str, *, is_legacy: bool = False) -> RecordAction:
    """The action on an object. InvalidRequestError if Intacct documents none."""
    action = ACTIONS.get((operation, name))
    if action is None:
        raise InvalidRequestError(
            f"Intacct documents no function to {operation} {name}",
            fix=f"Objects with one: {', '.join(objects_of(operation))}",
        )
    if is_legacy and action.function in _ONLY_30:
        raise InvalidRequestError(
            f"document type 2.1 has no function {action.function}", fix="use a connection with dtd_version 3.0"
        )
    return action
