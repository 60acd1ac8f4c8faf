"""Calls of the REST interface: a token, one round trip, and the retries of what may be repeated.

Pace, counts, caps and slots are those of the XML interface, since the gateway counts both together. A *read* may be
sent again after any failure. A *write* that was sent and got anything but an answer of the gateway in JSON is in doubt.
A refused token and a limit prove that nothing ran.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from intacct_bridge.client.gateway.calls import refuse_writes
from intacct_bridge.client.gateway.exchange import named, retry_after
from intacct_bridge.client.gateway.meter import transactions_of
from intacct_bridge.client.gateway.pacing import ATTEMPTS, UNREADABLE_ATTEMPTS, backoff
from intacct_bridge.client.gateway.runtime import Runtime
from intacct_bridge.client.rest.tokens import Tokens, token_form
from intacct_protocol.diagnosis import page_fault
from intacct_protocol.errors import (
    BusyError,
    CapError,
    Fault,
    InDoubtError,
    IntacctError,
    InvalidRequestError,
    RemoteProtocolError,
    SettingsError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from intacct_protocol.rest.errors import faults_of, is_dead_token, rest_error
from intacct_protocol.xml.envelope import Function
from intacct_protocol.xml.reply import BeforeSend, ConnectionCutError, Reply, no_callback
from intacct_protocol.xml.xml import Element, element

PATH = "/ia/api/v1"
_RETRY_HEADERS = (
    "x-ia-throttle-limit-retryafter",
    "x-ia-tenant-throttle-retry-after",
    "x-ia-hour-rate-retry-after",
    "x-ia-cpu-retry-after",
)
"""Seconds to wait, if there is no Retry-After. Sage's page on headers names these families."""
_THROTTLED_WAIT = 5.0
_READS = ("query", "read", "model")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)  # some amounts are numbers, such as a vendor's credit limit


@dataclass(frozen=True, slots=True)
class RestCall:
    """One request. It counts as the function of the XML interface that does the same."""

    method: str
    path: str
    """Below the address of the interface, with its slash: `/objects/accounts-payable/bill`."""
    function: str
    """`query`, `read` or `model`, which may be sent again after any failure; `create`, `update` or `delete`; or the
    action of a workflow, which counts as a write too."""
    object_name: str = ""
    body: bytes = b""
    """JSON, byte for byte as it is sent: a repeated write must have the same bytes."""
    records: int = 1
    """The records that it writes: each is a transaction."""
    planned: bool = False
    """A plan has it, and the plan was approved if the connection requires it."""
    headers: Mapping[str, str] = field(default_factory=dict)
    before_send: BeforeSend = no_callback

    @property
    def read(self) -> bool:
        """It changes nothing."""
        return self.function in _READS

    @property
    def counted(self) -> Function:
        """The function that the meter counts."""
        name = self.object_name
        if self.function in ("create", "update"):
            return Function(Element(self.function, children=(Element(name),) * self.records), "rest")
        keys = ",".join(str(number) for number in range(self.records))
        more = (element("keys", keys),) if self.function == "delete" else ()
        return Function(Element(self.function, children=(*((element("object", name),) if name else ()), *more)), "rest")


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """An answer that is no refusal. The status is 207 if some records of several were refused."""

    status: int
    headers: Mapping[str, str]
    content: Any
    """The decoded body; None without one."""

    @property
    def result(self) -> Any:
        """`ia::result`."""
        return self.content.get("ia::result") if isinstance(self.content, Mapping) else None

    @property
    def meta(self) -> Mapping[str, Any]:
        """`ia::meta`; empty if there is none."""
        meta = self.content.get("ia::meta") if isinstance(self.content, Mapping) else None
        return meta if isinstance(meta, Mapping) else {}


class Rest:
    """The REST interface of one connection. Threads may share it; it belongs to a client, which closes it."""

    def __init__(self, runtime: Runtime, *, location_id: Callable[[], str]) -> None:
        connection = runtime.connection
        for setting in ("oauth_client_id", "oauth_client_secret"):
            if not getattr(connection, setting):
                raise SettingsError(
                    f"connection {connection.name!r}: {setting} is not set, and the REST interface needs it",
                    fix=f"Set INTACCT_{setting.upper()}, or `{setting}` under [connections.{connection.name}].",
                    setting=setting,
                )
        self._connection = connection
        self._exchange = runtime.exchange
        self._system = runtime.system
        self._http = runtime.http
        self._location_id = location_id
        self.address = rest_address(connection.endpoint)
        """Where the interface is: the host of the connection's endpoint."""
        self._tokens = Tokens(connection, self.address, self._ask_for_token, wall=runtime.system.wall)

    def get(self, object_name: str, key: str) -> dict[str, Any]:
        """One record as REST has it, with its owned lines.

        Money is text, as it came, and a number with a fraction is a Decimal. RefusedError or RecordError if there is no
        such key.
        """
        path = f"/objects/{_path_of(object_name)}/{quote(key, safe='')}"
        answer = self.call(RestCall("GET", path, "read", object_name))
        if not isinstance(answer.result, dict):
            raise RemoteProtocolError(f"the answer to a read of {object_name} has no record")
        return answer.result

    def model(self, object_name: str) -> dict[str, Any]:
        """The fields, groups, references and lists of an object, as the model service describes them."""
        path = f"/services/core/model?name={quote(object_name, safe='')}"
        answer = self.call(RestCall("GET", path, "model", object_name))
        if not isinstance(answer.result, dict):
            raise RemoteProtocolError(f"the answer to a model of {object_name} has no model")
        return answer.result

    def call(self, call: RestCall) -> RestAnswer:
        """The answer; raises for a refusal. A refused token is replaced once."""
        if not call.read:
            refuse_writes(self._connection, (call.function,), planned=call.planned)
        token = self._tokens.current()
        try:
            return self._with_retry(call, token)
        except _DeadTokenError:
            token = self._tokens.current(dead=token)
        try:
            return self._with_retry(call, token)
        except _DeadTokenError as dead:
            dead.error.fix = (
                "Give each program a Web Services user of its own: a second authorization for the same user and company"
                " ends the first one."
            )
            raise dead.error from None

    def _with_retry(self, call: RestCall, token: str) -> RestAnswer:
        attempt = 1
        while True:
            try:
                return self._once(call, token)
            except (TransientError, RemoteProtocolError) as error:
                # A write in doubt raises InDoubtError, so a write that failed like this was not applied.
                if attempt >= self._attempts_after(error):
                    raise
                requested = error.retry_after if isinstance(error, ThrottledError) else None
                self._system.sleep(backoff(attempt, jitter=self._system.jitter(), requested=requested))
                attempt += 1

    def _attempts_after(self, error: IntacctError) -> int:
        if isinstance(error, (BusyError, UnreachableError)):
            return 1
        if isinstance(error, RemoteProtocolError):
            return UNREADABLE_ATTEMPTS
        return 2 if isinstance(error, ConnectionCutError) and not self._exchange.has_answered else ATTEMPTS

    def _once(self, call: RestCall, token: str) -> RestAnswer:
        exchange, counted = self._exchange, (call.counted,)
        exchange.refuse_closed()
        exchange.hide(token)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", **call.headers}
        if call.body:
            headers.setdefault("Content-Type", "application/json")
        if location_id := self._location_id():
            headers.setdefault("X-IA-API-Param-Entity", location_id)
        cost = transactions_of(counted[0].body)
        exchange.meter.begin(counted)
        slot = nullcontext() if exchange.governor is None else exchange.governor.request(cost, read=call.read)
        try:
            with exchange.gate.passing(), slot:
                call.before_send()
                reply = self._http.send(call.method, f"{self.address}{call.path}", call.body, headers)
        except (BusyError, CapError, SettingsError, UnreachableError):  # nothing left
            exchange.meter.undo(counted)
            raise
        except ConnectionCutError as cut:
            if cut.sent and not call.read:
                raise self._in_doubt(call, f"{cut}: it is unknown whether it was applied") from None
            if not cut.sent:
                self._undo_count(call)
            raise
        except RemoteProtocolError as error:
            raise error if call.read else self._in_doubt(call, f"the answer cannot be read: {error}") from None
        exchange.has_answered = True
        exchange.server_clock.update(reply)
        answer = self._checked(call, reply)
        exchange.gate.answered()
        if exchange.tally is not None:
            exchange.tally.note(exchange.meter.transactions, exchange.server_clock.now())
        return answer

    def _checked(self, call: RestCall, reply: Reply) -> RestAnswer:
        try:
            body = reply.body
            content = _DECODER.decode(body) if body else None
        except ConnectionCutError as cut:
            raise cut if call.read else self._in_doubt(call, f"{cut}: it is unknown whether it was applied") from None
        except msgspec.DecodeError:
            raise self._unreadable(call, reply, page_fault(body)) from None
        if 200 <= reply.status < 300:
            if content is None and reply.status != 204:
                raise self._unreadable(call, reply, None)
            return RestAnswer(reply.status, reply.headers, content)
        faults = self._exchange.masked(faults_of(content))
        if not faults:
            raise self._unreadable(call, reply, None)
        raise self._refusal(call, reply, faults)

    def _refusal(self, call: RestCall, reply: Reply, faults: tuple[Fault, ...]) -> Exception:
        error = rest_error(faults, reply.status, function=call.function, retry_after=self._requested_wait(reply))
        if is_dead_token(faults, reply.status):
            self._undo_count(call)
            return _DeadTokenError(named(error, self._connection.name))
        if reply.status == 429 or isinstance(error, ThrottledError):
            self._undo_count(call)
            wait = self._requested_wait(reply)
            self._exchange.gate.throttled(_THROTTLED_WAIT if wait is None else wait)
            return ThrottledError(
                error.message, retry_after=wait, faults=faults, fix=error.fix, http_status=reply.status
            )
        if reply.status >= 500:
            if not call.read:
                return self._in_doubt(call, error.message, faults=faults, http_status=reply.status)
            return TransientError(error.message, faults=faults, fix=error.fix, http_status=reply.status)
        return named(error, self._connection.name)

    def _requested_wait(self, reply: Reply) -> float | None:
        """Seconds to wait: Retry-After, else the longest of the headers of the limits."""
        seconds = retry_after(reply, self._exchange.server_clock.now())
        if seconds is not None:
            return seconds
        waits = [float(text) for name in _RETRY_HEADERS if (text := reply.headers.get(name, "").strip()).isdecimal()]
        return max(waits, default=None)

    def _unreadable(self, call: RestCall, reply: Reply, page: Fault | None) -> IntacctError:
        what = f"a web page came instead of an answer: {page.text!r}" if page is not None else "the answer is no JSON"
        message = f"{what} (HTTP {reply.status})"
        if not call.read:
            return self._in_doubt(call, message, http_status=reply.status)
        return RemoteProtocolError(f"{call.function}: {message}", function=call.function, http_status=reply.status)

    def _in_doubt(self, call: RestCall, message: str, **details: Any) -> InDoubtError:
        return InDoubtError(
            f"{call.function}: {message}",
            fix="Do not send it again unchanged: look for the record first, or let the outbox settle it.",
            function=call.function,
            **details,
        )

    def _undo_count(self, call: RestCall) -> None:
        self._exchange.meter.undo((call.counted,))
        if self._exchange.governor is not None:
            self._exchange.governor.uncount(transactions_of(call.counted.body))

    def _ask_for_token(self, form: Mapping[str, str]) -> bytes:
        """The body of the token endpoint's answer. A lost answer is asked for again: a token costs nothing."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        attempt = 1
        while True:
            try:
                with self._exchange.gate.passing():
                    reply = self._http.send("POST", f"{self.address}/oauth2/token", token_form(form), headers)
                return self._token_answer(reply, form)
            except TransientError as error:
                if attempt >= self._attempts_after(error):
                    raise
                requested = error.retry_after if isinstance(error, ThrottledError) else None
                self._system.sleep(backoff(attempt, jitter=self._system.jitter(), requested=requested))
                attempt += 1

    def _token_answer(self, reply: Reply, form: Mapping[str, str]) -> bytes:
        self._exchange.has_answered = True
        self._exchange.server_clock.update(reply)
        if reply.status == 200:
            return reply.body
        try:
            faults = self._exchange.masked(faults_of(msgspec.json.decode(reply.body)))
        except msgspec.DecodeError:
            faults = ()
        if secret := form.get("refresh_token"):
            self._exchange.hide(secret)
            faults = self._exchange.masked(faults)
        if reply.status == 429:
            raise ThrottledError("Intacct asks this client to slow down", retry_after=self._requested_wait(reply))
        if reply.status >= 500 or not faults:
            raise TransientError(f"the token endpoint answers HTTP {reply.status}", http_status=reply.status)
        raise named(rest_error(faults, 401, function=form["grant_type"]), self._connection.name)


class _DeadTokenError(Exception):
    """The token was refused, which proves that nothing ran."""

    def __init__(self, error: IntacctError) -> None:
        super().__init__(error.message)
        self.error = error


def rest_address(endpoint: str) -> str:
    """The address of the REST interface: the host of the XML endpoint, and its path."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}{PATH}"


def _path_of(object_name: str) -> str:
    """The path of an object, as `order-entry/document::Sales%20Invoice`. InvalidRequestError for an XML name."""
    if "/" not in object_name or object_name.startswith("/"):
        raise InvalidRequestError(
            f"{object_name!r} is no name of an object of the REST interface",
            fix="REST names an application and an object, such as `accounts-payable/bill`.",
        )
    return quote(object_name, safe="/:")
