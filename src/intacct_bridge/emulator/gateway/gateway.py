"""The emulated gateway: a transport that takes the bytes of a request and gives the bytes of its answer.

A request passes these stages, and each has its own way to refuse it: it is read and checked against the schema; it
waits for its turn; the sender is checked; each operation signs in; its functions run; the answer is encoded. Scripted
faults happen before anything is processed, or after everything is committed.

Limit: functions run one request at a time. That real requests overlap shows only in their latency.
"""

import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import accumulate
from pathlib import Path
from secrets import token_hex
from sqlite3 import Connection
from threading import RLock
from typing import Any

from intacct_bridge.emulator.access.authentication import Authenticator
from intacct_bridge.emulator.access.concurrency_limit import ConcurrencyLimit
from intacct_bridge.emulator.access.rights import check_sender
from intacct_bridge.emulator.company.company_data import CompanyData
from intacct_bridge.emulator.company.sessions import Sessions
from intacct_bridge.emulator.functions.running import RequestContext, run
from intacct_bridge.emulator.gateway.answers import AnswerWriter, OperationAnswer, not_signed_in, signed_in
from intacct_bridge.emulator.gateway.companies import Companies, demo_source, fill, has_records
from intacct_bridge.emulator.gateway.deliveries import check_policies, delivery_url, post_later
from intacct_bridge.emulator.gateway.incoming import incoming
from intacct_bridge.emulator.gateway.schema.functions import functions
from intacct_bridge.emulator.settings.faults import (
    FaultPlan,
    Paced,
    RequestFaults,
    ScriptedFault,
    check_functions,
    connection_cut,
    too_many_requests,
)
from intacct_bridge.emulator.settings.refusals import ControlRefusedError, SignInRefusedError, unexpected
from intacct_bridge.emulator.settings.world import EmulatorSettings
from intacct_bridge.emulator.store.store import open_database
from intacct_bridge.wire.codec import masked
from intacct_bridge.wire.envelope import Control, Operation, Request
from intacct_bridge.wire.reply import Reply


@dataclass(frozen=True, slots=True)
class Received:
    """One request as the log keeps it."""

    functions: tuple[str, ...]
    control_ids: tuple[str, ...]
    at: float
    """Seconds since the epoch, by the emulator's clock."""
    _body: bytes

    @property
    def body(self) -> bytes:
        """The request with every credential masked."""
        return masked(self._body)


@dataclass(frozen=True, slots=True)
class EmulatorSnapshot:
    """A state that an emulator can be set back to."""

    database: Connection
    faults: tuple[ScriptedFault, ...]


class Emulator:
    """A gateway over one database. Call it with an endpoint and a request body to send it a request."""

    def __init__(
        self,
        connection: Connection,
        settings: EmulatorSettings | None = None,
        *,
        faults: tuple[ScriptedFault, ...] = (),
        weather: tuple[ScriptedFault, ...] = (),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[], str] = token_hex,
        post: Callable[[str, bytes], None] = post_later,
        seed: int = 1,
    ) -> None:
        """`weather` is the name of `faults` in earlier versions. `draw` gives the random part of session ids."""
        self.settings = settings or EmulatorSettings()
        behaviour = self.settings.behaviour
        check_policies(self.settings.policies)
        check_functions((*faults, *weather), functions())
        self.fault_plan = FaultPlan((*faults, *weather), seed)
        self.received: deque[Received] = deque(maxlen=1000)
        """The last requests, oldest first."""
        self.incidents: list[str] = []
        """Tracebacks of errors in the emulator itself; a test may assert that there are none."""
        self.companies = Companies(self.settings, connection)
        self.sessions = Sessions(behaviour.session_minutes, draw)
        self.limit = ConcurrencyLimit(behaviour.concurrency, behaviour.hold_seconds)
        self._authenticator = Authenticator(self.settings, self.companies.by_id, self.sessions)
        self._answers = AnswerWriter(behaviour, seed, clock)
        self._clock, self._sleep, self._post, self._seed = clock, sleep, post, seed
        self._lock = RLock()

    # --- its companies

    @classmethod
    def empty(cls, path: str | Path | None = None, **more: Any) -> "Emulator":
        """A gateway whose companies have the records that their settings declare, and their users."""
        emulator = cls(open_database(path), **more)
        emulator.companies.fill_declared(emulator.now())
        emulator.companies.keep_users()
        return emulator

    @classmethod
    def demo(
        cls,
        path: str | Path | None = None,
        *,
        seed: int = 1,
        as_of: date | None = None,
        scale: int = 1,
        cash_book: bool = False,
        **more: Any,
    ) -> "Emulator":
        """A gateway with the demo company; records that the file holds already are taken as they are."""
        emulator = cls(open_database(path), **more)
        if not has_records(emulator.company()):
            day = as_of or datetime.fromtimestamp(emulator.now(), UTC).date()
            source = demo_source(seed, as_of=day, scale=scale, cash_book=cash_book)
            fill(emulator.company(), source, now=emulator.now())
        emulator.companies.fill_declared(emulator.now())
        emulator.companies.keep_users()
        return emulator

    def clone(self, **more: Any) -> "Emulator":
        """Another gateway in memory with the same records, in milliseconds."""
        with self._lock:
            connection = self.companies.database_copy()
        copy = Emulator(connection, more.pop("settings", self.settings), clock=more.pop("clock", self._clock), **more)
        copy.companies.keep_users()
        return copy

    def company(self, company_id: str = "") -> CompanyData:
        """A company's data, to add records or to look at them; the first company, unless one is named."""
        return self.companies.by_id[company_id or next(iter(self.companies.by_id))]

    def snapshot(self) -> EmulatorSnapshot:
        """The present state, for `restore`."""
        with self._lock:
            return EmulatorSnapshot(self.companies.database_copy(), self.fault_plan.script)

    def restore(self, snapshot: EmulatorSnapshot) -> None:
        """Set everything back, in milliseconds. Sessions and received requests are forgotten."""
        with self._lock:
            self.companies.restore(snapshot.database)
            self.sessions.drop_all()
            self.received.clear()
            self.fault_plan = FaultPlan(snapshot.faults, self._seed)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self.companies.close()

    def now(self) -> float:
        """The emulator's clock: seconds since the epoch."""
        return self._clock()

    # --- one request, from bytes to bytes

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        """Answer a request that came by this endpoint, and wait for an answer that comes slowly."""
        reply = self.paced(endpoint, body)
        if isinstance(reply, Paced):
            if not reply.complete:
                raise connection_cut(sent=True)
            self._sleep(reply.duration)
        return reply

    def paced(self, endpoint: str, body: bytes) -> Reply:
        """The same for a server, which plays a `Paced` answer itself."""
        behaviour = self.settings.behaviour
        request = self._read(body)
        company_id = self._company_id(request) if behaviour.concurrency else ""
        with self.limit.turn(company_id) as admitted:
            if not admitted:
                return too_many_requests(behaviour.held_status, behaviour.held_errorno)
            began = time.monotonic()
            if isinstance(request, ControlRefusedError):
                reply = self._answers.refusal(None, request)
            else:
                reply = self._with_faults(request, endpoint, body)
            left = behaviour.latency_ms / 1000 - (time.monotonic() - began)
            if left > 0:
                self._sleep(left)
            return reply

    def _read(self, body: bytes) -> Request | ControlRefusedError:
        with self._lock:
            try:
                return incoming(body, self.settings.behaviour)
            except ControlRefusedError as error:
                return error

    def _company_id(self, request: Request | ControlRefusedError) -> str:
        """The company whose limit counts; empty for requests that name none."""
        if isinstance(request, ControlRefusedError):
            return ""
        return self._authenticator.company_id(request.operations[0].authentication)

    def _with_faults(self, request: Request, endpoint: str, body: bytes) -> Reply:
        called = [function for operation in request.operations for function in operation.functions]
        names, ids = (one.name for one in called), (one.control_id for one in called)
        with self._lock:
            self.received.append(Received(tuple(names), tuple(ids), self._clock(), body))
            faults = self.fault_plan.next_request(called)
            reply = faults.before(self.sessions.drop_all)
            if reply is not None:
                return reply
            reply = self._processed(request, endpoint, faults, size=len(body))
        return faults.after(reply, self._sleep)

    def _processed(self, request: Request, endpoint: str, faults: RequestFaults, *, size: int) -> Reply:
        control = request.control
        try:
            check_sender(self.settings, control)
            url = delivery_url(self.settings.policies, control, size) if control.policy_id else None
            firsts = accumulate((len(one.functions) for one in request.operations), initial=0)
            operations = [
                self._operation(control, one, endpoint, faults, first)
                for one, first in zip(request.operations, firsts, strict=False)
            ]
            reply = self._answers.answer(control, operations)
        except ControlRefusedError as error:
            return self._answers.refusal(control, error)
        except Exception:  # even then the answer is one that the gateway could give
            self.incidents.append(traceback.format_exc())
            return self._answers.refusal(control, ControlRefusedError(unexpected("request"), http_status=500))
        if url is None:
            return reply
        self._post(url, reply.body)
        return self._answers.acknowledgement(control)

    def _operation(
        self, control: Control, operation: Operation, endpoint: str, faults: RequestFaults, first: int
    ) -> OperationAnswer:
        now = self._clock()
        try:
            session, company = self._authenticator.sign_in(
                operation.authentication, control.sender_id, endpoint=endpoint, now=now
            )
        except SignInRefusedError as error:
            return OperationAnswer(not_signed_in(operation.authentication), faults=error.faults)
        context = RequestContext(control, company, session, self.sessions, now, faults, first, self.incidents.append)
        outcomes = run(context, operation)
        return OperationAnswer(signed_in(session, now), outcomes)
