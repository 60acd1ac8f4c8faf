"""One round trip: a request is sent, and the reply becomes an answer or an error that says what to do.

Only this module decides what an HTTP reply means: whether the request could have been applied. A *read* may be sent
again after any failure. A *write* that was sent in full and got anything but the gateway's own XML document is in
doubt, regardless of the HTTP status: a proxy can replace an answer. A refusal by the gateway before anything ran (429,
a failed control or authentication block) proves that nothing was applied, and so does a connection that was never made.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from intacct_bridge.client.gateway.archive import fault_without_secrets, secret_forms, without_secrets
from intacct_bridge.client.gateway.meter import Meter, MonthlyCounter, transactions_of
from intacct_bridge.client.gateway.pacing import Gate
from intacct_bridge.connections.connection import Connection
from intacct_bridge.machine.secret import unwrapped
from intacct_protocol.diagnosis import as_error, page_fault
from intacct_protocol.errors import (
    BusyError,
    CapError,
    Fault,
    InDoubtError,
    IntacctError,
    RemoteProtocolError,
    SettingsError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from intacct_protocol.model.wording import counted
from intacct_protocol.xml.codec import decode_response, encode_request
from intacct_protocol.xml.envelope import (
    FAILURE,
    SUCCESS,
    Authentication,
    Control,
    Function,
    Operation,
    Request,
    Response,
    Result,
    SignedIn,
)
from intacct_protocol.xml.reply import BeforeSend, ConnectionCutError, Reply, Transport, no_callback

if TYPE_CHECKING:
    from intacct_bridge.shared_state.governor import Governor

_log = logging.getLogger(__name__)

T = TypeVar("T")
Decode = Callable[[bytes], tuple[Response, T]]
"""From an answer's body to the answer and the caller's value; raises RemoteProtocolError."""

_SESSIONS = 50
"""The number of session ids remembered for masking; each entity has one, and a renewal gives another."""
_LONG = 2**16
"""Bodies with more bytes than this, as they came, are unpacked and decoded one after another."""
_THROTTLED_WAIT = 5.0
"""Seconds to pause all requests after a refusal that names no time."""


def plain(body: bytes) -> tuple[Response, None]:
    """The decoder for callers that need only the answer."""
    return decode_response(body), None


@dataclass(frozen=True, slots=True)
class GatewayCall:
    """The functions of one request, and whether it may be repeated."""

    functions: tuple[Function, ...]
    read: bool
    """It changes nothing, so it may be sent again after any failure."""
    transaction: bool = False
    uniqueid: bool = False
    before_send: BeforeSend = no_callback
    """Called each time that the bytes are about to leave, which may be long after the call."""

    @property
    def names(self) -> str:
        """The functions' names, each once."""
        return ", ".join(dict.fromkeys(function.name for function in self.functions))

    @property
    def control_ids(self) -> tuple[str, ...]:
        """The control id of each function."""
        return tuple(function.control_id for function in self.functions)


@dataclass(frozen=True, slots=True)
class GatewayAnswer(Generic[T]):
    """A successful round trip: results in the order of the functions, who was signed in, and the decoder's value."""

    results: tuple[Result, ...]
    signed_in: SignedIn
    value: T


class AuthenticationRefused(Exception):  # noqa: N818  # not an error yet: after a lost session the client signs in again
    """The operation's authentication failed, which proves that no function ran."""

    def __init__(self, error: IntacctError) -> None:
        super().__init__(error.message)
        self.error = error


class ServerClock:
    """The gateway's time: that of the last answer and the time since. This machine's wall clock is never used."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: tuple[datetime, float] | None = None

    def update(self, reply: Reply, signed_in: SignedIn | None = None) -> None:
        """Take the time from the Date header, or from the session's timestamp if there is none."""
        moment = http_date(reply.headers.get("date", ""))
        if moment is None and signed_in is not None:
            moment = iso_moment(signed_in.session_timestamp)
        if moment is not None:
            self._last = (moment, self._clock())

    def now(self) -> datetime | None:
        """The gateway's time in UTC; None before the first answer."""
        if self._last is None:
            return None
        moment, at = self._last
        return moment + timedelta(seconds=self._clock() - at)


class Exchange:
    """Makes the round trips of one connection, paced and metered. All its sessions and threads share it."""

    def __init__(
        self,
        connection: Connection,
        transport: Transport,
        *,
        gate: Gate,
        meter: Meter,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        tally: MonthlyCounter | None = None,
        governor: "Governor | None" = None,
    ) -> None:
        self.governor = governor
        self.connection = connection
        self.tally = tally
        self.meter = meter
        self.gate = gate
        self.server_clock = ServerClock(clock)
        self.new_id = new_id
        self.has_answered = False
        """Whether any reply ever came; until then a failing connection is probably misconfigured."""
        self._is_closed = False
        self._transport = transport
        self._clock = clock
        self._one_by_one = threading.Lock()
        self._forms = secret_forms(connection.secrets)
        self._hidden: deque[str] = deque(maxlen=_SESSIONS)

    def hide(self, secret: str) -> None:
        """Mask another credential in every text from the gateway from now on."""
        self._hidden.append(secret)
        self._forms = secret_forms((*self.connection.secrets, *self._hidden))

    def masked(self, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
        """The faults without the credentials that they may quote."""
        return tuple(fault_without_secrets(fault, self._forms) for fault in faults)

    def close(self) -> None:
        """Take no further call."""
        self._is_closed = True

    def refuse_closed(self) -> None:
        """SettingsError once the client is closed."""
        if self._is_closed:
            raise SettingsError(
                f"the client of {self.connection.target} is closed",
                fix="Work inside its `with` block, or connect again.",
            )

    def once(
        self, call: GatewayCall, authentication: Authentication, endpoint: str, decode: Decode[T]
    ) -> GatewayAnswer[T]:
        """Send the call once. The error says what to do; AuthenticationRefused says that the session may be lost."""
        self.refuse_closed()
        body = self._encoded(call, authentication)
        self.meter.begin(call.functions)
        try:
            with self.gate.passing(), self._slot(call):
                call.before_send()
                began = self._clock()
                reply = self._transport(endpoint, body)
                seconds = self._clock() - began
                _log.debug(
                    "%s: HTTP %d, %d bytes in %.2f s",
                    call.names,
                    reply.status,
                    len(reply.received),
                    seconds,
                    extra={
                        "functions": call.names,
                        "http_status": reply.status,
                        "size": len(reply.received),
                        "seconds": seconds,
                    },
                )
        except (BusyError, CapError, SettingsError, UnreachableError):  # nothing left
            self.meter.undo(call.functions)
            raise
        except ConnectionCutError as cut:
            if not cut.sent:
                self._undo_count(call)
            raise self._unanswered(call, cut) from None
        except RemoteProtocolError as error:
            raise error if call.read else self._in_doubt(call, f"the answer cannot be read: {error}") from None
        self.has_answered = True
        try:
            answer = self._checked_answer(call, reply, decode)
        except ThrottledError as error:
            self._pause(error.retry_after)
            raise
        self.gate.answered()
        if self.tally is not None:
            self.tally.note(self.meter.transactions, self.server_clock.now())
        return answer

    def reply_to(self, document: bytes) -> Reply:
        """The gateway's answer to a document that is no call, because it is refused as a whole; it is not counted."""
        self.refuse_closed()
        with self.gate.passing():
            return self._transport(self.connection.endpoint, document)

    def _slot(self, call: GatewayCall) -> AbstractContextManager[None]:
        """The company's slot for a request, if its processes share a governor."""
        if self.governor is None:
            return nullcontext()
        return self.governor.request(_cost(call), read=call.read)

    def _undo_count(self, call: GatewayCall) -> None:
        """Take a request out of the counts: it never left, or was refused before anything ran."""
        self.meter.undo(call.functions)
        if self.governor is not None:
            self.governor.uncount(_cost(call))

    def _pause(self, seconds: float | None) -> None:
        self.gate.throttled(_THROTTLED_WAIT if seconds is None else seconds)

    def _encoded(self, call: GatewayCall, authentication: Authentication) -> bytes:
        self.connection.require_xml(call.names)
        control = Control(
            self.connection.sender_id,
            unwrapped(self.connection.sender_password),
            control_id=self.new_id(),
            uniqueid=call.uniqueid,
            dtd_version=self.connection.dtd_version,
        )
        return encode_request(Request(control, (Operation(authentication, call.functions, call.transaction),)))

    def _unanswered(self, call: GatewayCall, cut: ConnectionCutError) -> IntacctError:
        if call.read or not cut.sent:
            return cut
        return self._in_doubt(call, f"{cut}: it is unknown whether it was applied")

    def _in_doubt(self, call: GatewayCall, message: str, **details: Any) -> InDoubtError:
        return InDoubtError(
            f"{call.names}: {message}",
            fix="Do not send it again unchanged: look for the record first, or let the outbox settle it.",
            function=call.names,
            control_id=call.control_ids[0],
            control_ids=call.control_ids,
            **details,
        )

    def _checked_answer(self, call: GatewayCall, reply: Reply, decode: Decode[T]) -> GatewayAnswer[T]:
        try:
            response, value = self._decoded(reply, decode)
        except ConnectionCutError as cut:
            raise self._unanswered(call, cut) from None
        except RemoteProtocolError as error:
            raise self._unreadable(call, reply, error) from None
        self._refuse_contradiction(call, reply, response)
        if response.control.status == FAILURE or not response.operations:
            if not call.read and response.control.status != FAILURE:  # it was accepted, and its outcome is unknown
                text = "the request was accepted, and the answer has no results"
                raise self._without_results(call, reply, text, response.faults)
            self._refuse_doubtful(call, reply, response.faults)
            level = "control" if response.control.control_id or response.control.sender_id else "gateway"
            self.server_clock.update(reply)
            refused = self._refusal(call, reply, response.faults, level)
            self._uncount(call, reply, refused)
            lost = refused.diagnosis is not None and refused.diagnosis.retry == "sign_in"
            raise AuthenticationRefused(refused) if lost else refused
        operation = response.operations[0]
        self.server_clock.update(reply, operation.authentication)
        if operation.authentication.status != SUCCESS:
            self._refuse_doubtful(call, reply, operation.faults or response.faults)
            refused = self._refusal(call, reply, operation.faults or response.faults, "authentication")
            self._uncount(call, reply, refused)
            raise refused if isinstance(refused, TransientError) else AuthenticationRefused(refused)
        results = self._paired(
            call, tuple(self._masked(result) for result in operation.results), reply, operation.faults
        )
        limited = _limited(results)
        if limited is not None:
            self._uncount(call, reply, limited)
            raise limited
        if call.read:
            _raise_transient(results)
        return GatewayAnswer(results, operation.authentication, value)

    def _decoded(self, reply: Reply, decode: Decode[T]) -> tuple[Response, T]:
        """The answer and the caller's value.

        Long bodies wait for each other while they are still compressed: a plain page takes many times the memory.
        """
        with self._one_by_one if len(reply.received) > _LONG else nullcontext():
            body = reply.body
            page = self._web_page(body)
            if page is not None:
                raise RemoteProtocolError(f"a web page came instead of an answer: {page.text!r}")
            return decode(body)

    def _web_page(self, body: bytes) -> Fault | None:
        return page_fault(body, hide=lambda text: without_secrets(text, self._forms))

    def _uncount(self, call: GatewayCall, reply: Reply, refused: IntacctError) -> None:
        """Take back the count of a refused request of which nothing ran; under a server error that is not certain."""
        if isinstance(refused, ThrottledError) or (reply.status < 500 and reply.status != 408):
            self._undo_count(call)

    def _refuse_contradiction(self, call: GatewayCall, reply: Reply, response: Response) -> None:
        """A refusal proves that nothing ran only if the answer has no results of what ran."""
        refused = response.control.status == FAILURE or any(
            one.authentication.status != SUCCESS for one in response.operations
        )
        if refused and not call.read and any(one.results for one in response.operations):
            faults = (*response.faults, *(fault for one in response.operations for fault in one.faults))
            raise self._without_results(call, reply, "the answer has a refusal and results", faults)

    def _without_results(
        self, call: GatewayCall, reply: Reply, message: str, faults: tuple[Fault, ...]
    ) -> InDoubtError:
        """The error for a write whose answer does not give the outcome; `faults` are those of the whole answer."""
        hidden = tuple(fault_without_secrets(fault, self._forms) for fault in faults)
        reason = f": {hidden[0].text}" if hidden else ""
        return self._in_doubt(call, f"{message}{reason}", faults=hidden, http_status=reply.status)

    def _refuse_doubtful(self, call: GatewayCall, reply: Reply, faults: tuple[Fault, ...]) -> None:
        """A refusal with the status of a server error may have come after the work was committed."""
        if not call.read and (reply.status >= 500 or reply.status == 408):
            hidden = tuple(fault_without_secrets(fault, self._forms) for fault in faults)
            reason = hidden[0].text if hidden else "no reason"
            raise self._in_doubt(
                call, f"the answer was HTTP {reply.status} with {reason!r}", faults=hidden, http_status=reply.status
            )

    def _unreadable(self, call: GatewayCall, reply: Reply, error: RemoteProtocolError) -> IntacctError:
        """The error for an answer that is not the gateway's XML, by its status."""
        page = None
        with suppress(RemoteProtocolError):  # a body that is too long cannot be unpacked
            page = self._web_page(reply.body)
        faults = () if page is None else (fault_without_secrets(page, self._forms),)
        status = reply.status
        title = f" and a web page titled {faults[0].text!r}" if faults else f": {error.message}"
        reply_text = f"HTTP {status}{title}"
        if not call.read:  # for any status: a proxy may have written this after Intacct had applied the request
            if status == 429:
                self._pause(retry_after(reply, self.server_clock.now()))
            return self._in_doubt(call, f"the answer was {reply_text}", faults=faults, http_status=status)
        if 400 <= status < 500 and status != 408:
            refused = self._refusal(call, reply, faults, "gateway")
            if isinstance(refused, ThrottledError):
                self._uncount(call, reply, refused)
            return refused
        diagnosed = as_error(faults, "gateway", http_status=status, function=call.names)
        details: dict[str, Any] = {
            "faults": faults,
            "fix": diagnosed.fix,
            "function": call.names,
            "http_status": status,
            "diagnosis": diagnosed.diagnosis,
        }
        if status >= 500 or status == 408:
            return TransientError(f"{call.names}: the gateway answered {reply_text}", **details)
        return RemoteProtocolError(f"{call.names}: the answer cannot be read ({reply_text})", **details)

    def _refusal(self, call: GatewayCall, reply: Reply, faults: tuple[Fault, ...], level: str) -> IntacctError:
        hidden = tuple(fault_without_secrets(fault, self._forms) for fault in faults)
        error = as_error(
            hidden,
            level,
            http_status=reply.status,
            function=call.names,
            control_id=call.control_ids[0],
            retry_after=retry_after(reply, self.server_clock.now()),
        )
        if isinstance(error, InDoubtError):  # a refusal of a read, or below 500: nothing ran
            error = TransientError(error.message, faults=hidden, fix=error.fix, http_status=reply.status)
        if not isinstance(error, TransientError):
            return named(error, self.connection.name)
        return error

    def _masked(self, result: Result) -> Result:
        if not result.faults:
            return result
        return replace(result, faults=tuple(fault_without_secrets(fault, self._forms) for fault in result.faults))

    def _paired(
        self, call: GatewayCall, results: tuple[Result, ...], reply: Reply, faults: tuple[Fault, ...]
    ) -> tuple[Result, ...]:
        """The results in the order of the functions: by control id, or by position if no id was echoed.

        `faults` are those of the operation as a whole.
        """
        by_id = {result.control_id: result for result in results}
        if len(results) == len(call.functions):
            if set(by_id) == set(call.control_ids):
                return tuple(by_id[control_id] for control_id in call.control_ids)
            if not any(by_id):
                return results
        sent, received = counted(len(call.functions), "function"), counted(len(results), "result")
        message = f"the answer has {received} for {sent}, and they do not match"
        if call.read:
            raise RemoteProtocolError(f"{call.names}: {message}", function=call.names, http_status=reply.status)
        raise self._without_results(call, reply, message, faults)


def _cost(call: GatewayCall) -> int:
    return sum(transactions_of(function.body) for function in call.functions)


def _limited(results: tuple[Result, ...]) -> IntacctError | None:
    """The error if a limit refused every function of the request, one by one: none of them ran."""
    refused = [as_error(one.faults, "function", function=one.function) for one in results if one.status == FAILURE]
    if results and len(refused) == len(results) and all(isinstance(one, ThrottledError) for one in refused):
        return refused[0]
    return None


def _raise_transient(results: tuple[Result, ...]) -> None:
    """Raise for a function of a read that failed for a transient reason: the whole request is sent again."""
    for result in results:
        if result.status != SUCCESS:
            error = as_error(result.faults, "function", function=result.function, control_id=result.control_id)
            if isinstance(error, TransientError):
                raise error


def named(error: IntacctError, connection: str) -> IntacctError:
    """The error with the connection's name: several connections may be in use."""
    error.message = f"connection {connection!r}: {error.message}"
    error.args = (error.message,)
    return error


def retry_after(reply: Reply, now: datetime | None) -> float | None:
    """Seconds that a Retry-After header asks for, written as seconds or as a date; None if there are none."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    moment = http_date(text)
    if moment is None:
        return None
    now = http_date(reply.headers.get("date", "")) or now
    return None if now is None else max(0.0, (moment - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """An HTTP date in UTC, or None."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def iso_moment(text: str) -> datetime | None:
    """An ISO 8601 time with its offset in UTC, or None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
