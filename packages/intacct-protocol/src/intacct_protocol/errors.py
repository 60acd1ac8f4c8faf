"""The error tree, sorted by what the caller should do, and the gateway's own error as data.

    IntacctError
    ├── SettingsError        configured wrongly                       stop, exit 2
    ├── RefusedError         cannot be served as it stands            stop, exit 3 (2 when we refuse before a call)
    │   ├── SignInError          a credential, or the sender, company, user or entity behind it
    │   ├── NotPermittedError    a right or a subscription is missing
    │   ├── InvalidRequestError  the request is wrong
    │   └── CapError             it would cost more than was allowed (2)
    ├── TransientError       nothing was applied                      wait and retry, exit 4 when given up
    │   ├── ThrottledError       asked to slow down, perhaps for how long
    │   ├── BusyError            another process holds what this one needs
    │   └── UnreachableError     a destination or receiver that is not Intacct cannot be reached
    ├── InDoubtError         a write was sent and no answer came      never resend blindly, exit 5
    ├── RecordError          one record refused                       dead letter, carry on, exit 1
    └── ProtocolError        unreadable                               exit 4
        ├── LocalProtocolError   this side would have sent it
        └── RemoteProtocolError  the other side sent it

The tree says what to do next, not where an error was raised.
"""

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One `<error>` of the gateway: a code or sentence, up to three strings, and the stable id behind them."""

    errorno: str = ""
    """Usually a code such as `BL01001973`; sometimes a sentence, sometimes empty."""
    description: str = ""
    description2: str = ""
    """Holds the text in most answers, the support id already taken off."""
    correction: str = ""
    support_id: str = ""
    """What to quote to Sage, URL-decoded (`%7E` is `~`)."""
    errorid: str = ""
    """The stable code from `<additionalinfo>` (`GL-0493`), when it was asked for and given."""
    field: str = ""
    """The field that `<additionalinfo>` names, when it names one."""

    @property
    def text(self) -> str:
        """The most specific text: description2, else description, else the errorno."""
        return self.description2 or self.description or self.errorno

    def __str__(self) -> str:
        code = self.errorid or self.errorno
        return f"{code}: {self.text}" if code and code != self.text else self.text


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The meaning and the fix of a chain of faults: one entry of the error catalogue, filled in."""

    entry: str
    """The entry's id, such as `sender-not-authorised`; empty if the catalogue has none."""
    kind: str
    """settings, sign_in, not_permitted, invalid, transient, throttled, in_doubt, record, duplicate or protocol."""
    retry: str
    """never, wait (nothing was applied), reads (a write may have been applied), sign_in, once, or look_up (the record
    may exist)."""
    means: str
    cause: str = ""
    fix: str = ""
    menu: str = ""
    """Where to click in Intacct, with ▸ between the steps."""
    who: str = ""
    """Who can fix it: you, company administrator, sender's owner, accounting, network administrator, Sage."""
    source: str = ""
    """Where the knowledge comes from: confirmed, observed or inferred, and by whom."""
    field: str = ""
    object: str = ""
    fault: Fault = Fault()
    """The fault that was diagnosed: the most specific of the chain."""


_FIRST_WORD = re.compile(r"[a-z]+(?=[ ,:])")
_COMMANDS = ("intacct", "pip", "python", "chmod")
"""Words that a person types as they are."""


class IntacctError(Exception):
    """The base of all errors that this package raises on purpose."""

    exit_status = 1
    _fix = ""

    def __init__(
        self,
        message: str,
        *,
        faults: tuple[Fault, ...] = (),
        fix: str = "",
        function: str = "",
        control_id: str = "",
        http_status: int = 0,
        diagnosis: Diagnosis | None = None,
        setting: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.faults = faults
        """The gateway's errors in its own order: the innermost cause first."""
        self.fix = fix
        self.function = function
        self.control_id = control_id
        self.http_status = http_status
        self.diagnosis = diagnosis
        """The error catalogue's entry for the faults; None without faults."""
        self.setting = setting
        """The setting that is wrong or would help, such as `date_order`; empty if none is involved."""
        self.outcomes: tuple[Any, ...] = ()
        """If it ended the write of several rows: the `Outcome` of each, as far as known, in the order of the rows."""

    @property
    def fix(self) -> str:
        """How to fix it, in a sentence; empty if there is no advice beyond the message. Tracebacks show it too.

        Settings stand in backticks, as `date_order` or `date_order = "dmy"`; the command line names its option instead.
        """
        return self._fix

    @fix.setter
    def fix(self, text: str) -> None:
        notes = [one for one in getattr(self, "__notes__", ()) if one != f"Fix: {self._fix}"]
        self._fix = text
        self.__notes__ = [*notes, f"Fix: {text}"] if text else notes

    @property
    def advice(self) -> str:
        """The fix as a line of its own, with a capital: the error's, else the one of the error catalogue."""
        fix = self._fix or (self.diagnosis.fix if self.diagnosis is not None else "")
        first = _FIRST_WORD.match(fix)
        return fix if first is None or first[0] in _COMMANDS else fix[0].upper() + fix[1:]

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by attribute, since errors cross processes and the keyword-only constructor does not."""
        return _revive, (type(self), self.message, self.__dict__)


def _revive(kind: type[IntacctError], message: str, state: dict[str, Any]) -> IntacctError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class SettingsError(IntacctError):
    """The connection, the configuration or a file on this side is wrong; no call was made."""

    exit_status = 2


class RefusedError(IntacctError):
    """The request cannot be served as it stands; sending it again changes nothing."""

    exit_status = 3


class SignInError(RefusedError):
    """A credential was refused, or the sender, authorisation, company, user or entity that it belongs to."""


class NotPermittedError(RefusedError):
    """Signed in, but the user's role or the company's subscription does not cover this."""


class InvalidRequestError(RefusedError):
    """The request is wrong: an unknown object or field, a bad filter, a malformed body."""

    def __init__(self, message: str, *, by_gateway: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.by_gateway = by_gateway
        """False if this side refused it before any call."""
        self.exit_status = 3 if by_gateway else 2


class CapError(RefusedError):
    """The next request would pass the allowed number of API transactions; it was not sent."""

    exit_status = 2


class RunStoppedError(CapError):
    """The run was asked to end before its next request, which did not leave."""

    exit_status = 4


class TransientError(IntacctError):
    """Nothing was applied; the same request may be sent again after a wait."""

    exit_status = 4


class ThrottledError(TransientError):
    """The gateway asks to slow down (HTTP 429, GW-0010, or the concurrency limit)."""

    def __init__(self, message: str, *, retry_after: float | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after
        """Seconds the gateway asked for, or None."""


class BusyError(TransientError):
    """Another process on this machine holds what this one needs, such as the lock of a flow."""


class UnreachableError(TransientError):
    """A destination or a receiver on the user's side cannot be reached now."""


class InDoubtError(IntacctError):
    """A write was fully sent and its answer is missing or unreadable: it may or may not have been applied."""

    exit_status = 5

    def __init__(self, message: str, *, control_ids: tuple[str, ...] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.control_ids = control_ids
        """The control ids of all functions in doubt: those of one request."""


class RecordError(IntacctError):
    """One record was refused; the others are not affected."""

    exit_status = 1

    def __init__(self, message: str, *, field: str = "", record: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.field = field
        self.record = record
        """The caller's name for the record: a key, or `file.csv:12`."""


class ProtocolError(IntacctError):
    """A message does not follow the protocol."""

    exit_status = 4


class LocalProtocolError(ProtocolError):
    """The protocol does not allow the message that was about to be sent."""


class RemoteProtocolError(ProtocolError):
    """The other side sent a message that is unreadable, cut short, or not allowed by the protocol."""
