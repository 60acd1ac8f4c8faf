"""One request, from its bytes to the bytes of its answer.

A request passes these stages, and each has its own way to refuse it: it is read and checked against the schema; the
company's limits admit it; it waits for its turn; the sender is checked; each operation signs in; its functions run; the
answer is encoded. Scripted faults happen before anything is processed, or after everything is committed. The log has
every request with its outcome. Some work is done after the connection is closed: that of a request with a transport
policy, and of one that takes longer than the time-out.

Limit: functions run one request at a time. That real requests overlap shows only in their latency.
"""

import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from secrets import token_hex
from sqlite3 import Connection
from threading import RLock

from intacct_emulator.access.authentication import Authenticator
from intacct_emulator.access.billable_transactions import CompanyTransactions, TransactionCount
from intacct_emulator.access.concurrency_limit import ConcurrencyLimit
from intacct_emulator.access.rate_window import RateWindow, WindowLimit
from intacct_emulator.access.rights import check_sender
from intacct_emulator.company.sessions import Sessions
from intacct_emulator.handlers.dispatch import RequestContext, all_failed, run
from intacct_emulator.server.answers import AnswerWriter, OperationAnswer, not_signed_in, signed_in
from intacct_emulator.server.companies import (
    Companies,
)
from intacct_emulator.server.deliveries import (
    LOST,
    Delivery,
    check_policies,
    delivery_policy,
    post_later,
)
from intacct_emulator.server.incoming import incoming
from intacct_emulator.server.offline_jobs import OfflineJobs
from intacct_emulator.server.request_log import (
    CompanyRequests,
    Received,
    RequestCount,
    RequestLog,
    RequestOutcome,
)
from intacct_emulator.server.schema.functions import functions
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, PolicySettings
from intacct_emulator.settings.faults import (
    FaultPlan,
    Paced,
    RequestFaults,
    ScriptedFault,
    check_functions,
    connection_cut,
    too_many_requests,
)
from intacct_emulator.settings.refusals import (
    ControlRefusedError,
    SignInRefusedError,
    unexpected,
)
from intacct_protocol.errors import Fault
from intacct_protocol.xml.envelope import Control, Operation, Request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from intacct_protocol.xml.xml import Element


@dataclass(frozen=True, slots=True)
class Work:
    """One request on its way to an answer."""

    request: Request
    endpoint: str
    faults: RequestFaults
    number: int
    """In the log."""
    arrived: float
    """Seconds since the epoch, by the emulator's clock."""
    started_before: bool = False
    """The work began before the connection was closed, and other requests came meanwhile."""
    done: float | None = None
    """When the work is done, if that is after the connection was closed."""
    refusal: Fault | None = None
    """Every function fails with it, and none runs."""


class RequestPipeline:
    """Handles gateway requests, with the companies and the limits."""

    def __init__(
        self,
        connection: Connection,
        settings: EmulatorSettings | None = None,
        *,
        faults: tuple[ScriptedFault, ...] = (),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[], str] = token_hex,
        post: Callable[[str, bytes, Callable[[str], None]], None] = post_later,
        seed: int = 1,
    ) -> None:
        """`draw` gives the random part of session ids, and `post` delivers the answers of asynchronous requests."""
        self.settings = settings or EmulatorSettings()
        behaviour = self.settings.behaviour
        check_policies(self.settings.policies)
        check_functions(faults, functions())
        self.fault_plan = FaultPlan(faults, seed)
        self.incidents: list[str] = []
        """Tracebacks of errors in the emulator itself; a test may assert that there are none."""
        self.deliveries: deque[Delivery] = deque(maxlen=1000)
        """The answers of asynchronous requests that were sent, or should have been, oldest first."""
        self.companies = Companies(self.settings, connection, clock())
        self.sessions = Sessions(behaviour.session_minutes, draw)
        by_id = {one.company_id: one for one in self.settings.companies}
        usual_window = WindowLimit(behaviour.window_requests, behaviour.window_seconds)
        self._own_concurrency, self._own_windows = _own_concurrency(by_id), _own_windows(by_id, usual_window)
        self.limit = ConcurrencyLimit(behaviour.concurrency, behaviour.hold_seconds, self._own_concurrency)
        self.window = RateWindow(usual_window, self._own_windows, clock)
        partners = [one.sender_id for one in self.settings.senders if one.marketplace]
        self._transactions = TransactionCount(failures=behaviour.billed_failures, uncounted=partners)
        self._authenticator = Authenticator(self.settings, self.companies.by_id, self.sessions)
        self._senders = self.settings.senders
        self._answers = AnswerWriter(behaviour, seed, clock)
        self._clock, self._sleep, self._post, self._seed = clock, sleep, post, seed
        self._lock = RLock()
        self._log, self._counts = RequestLog(), CompanyRequests()
        self._jobs = OfflineJobs(clock, self.catch_up)
        self._apply_administered()

    @property
    def received(self) -> tuple[Received, ...]:
        """The last requests, oldest first: every one that arrived, refused ones too."""
        return self._log.entries

    @property
    def requests(self) -> int:
        """How many requests arrived, since the start or since `restore`."""
        return self._log.arrivals

    def transactions(self, company_id: str = "") -> CompanyTransactions:
        """The billable API transactions of a company, or of the first one, since the start or since `restore`."""
        self.catch_up()
        with self._lock:
            return self._transactions.of(company_id or next(iter(self.companies.by_id)))

    def request_count(self, company_id: str = "") -> RequestCount:
        """How many requests a company, or the first one, had since the start or since `restore`; the most at once."""
        return self._counts.of(company_id or next(iter(self.companies.by_id)))

    # --- its settings

    def _with_settings(self, companies: tuple[CompanySettings, ...]) -> None:
        """Replace the companies of the settings, and the limits of each."""
        self.settings = replace(self.settings, companies=companies)
        behaviour, by_id = self.settings.behaviour, {one.company_id: one for one in companies}
        usual_window = WindowLimit(behaviour.window_requests, behaviour.window_seconds)
        self._own_concurrency.clear()
        self._own_concurrency.update(_own_concurrency(by_id))
        self._own_windows.clear()
        self._own_windows.update(_own_windows(by_id, usual_window))
        self._authenticator = Authenticator(self.settings, self.companies.by_id, self.sessions)

    def _apply_administered(self) -> None:
        """Take over what administrators changed in the set-up of each company, as the databases have it."""
        by_id = self.companies.by_id
        for company in by_id.values():
            company.apply_administered()
        changes = [one.facts.administered.get() for one in by_id.values()]
        licensed = {name for one in changes if one is not None for name in one.licensed}
        senders = (replace(one, active=one.active or one.sender_id in licensed) for one in self._senders)
        self.settings = replace(self.settings, senders=tuple(senders))
        self._with_settings(tuple(by_id[one.company_id].settings for one in self.settings.companies))

    def now(self) -> float:
        """The emulator's clock: seconds since the epoch."""
        return self._clock()

    def catch_up(self) -> None:
        """Do the jobs that are due by now: asynchronous requests, and those whose connection timed out."""
        while len(self._jobs):
            with self._lock:
                job = self._jobs.take_due()
                if job is None:
                    return
                job()

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
        self.catch_up()
        with self._lock:
            request = self._read(body)
            company_id = self._company_id(request)
            number = self._log.arrived(self._received(request, company_id, body))
        if isinstance(request, ControlRefusedError):
            self._log.ended(number, RequestOutcome.UNREADABLE)
            return self._answers.refusal(None, request)
        with self._counts.counted(company_id):
            return self._in_turn(request, company_id, endpoint, number, len(body))

    def _in_turn(self, request: Request, company_id: str, endpoint: str, number: int, size: int) -> Reply:
        """Answer a request when the limits of its company admit it."""
        late = self.window.wait(company_id)
        if late:
            return self._limited(request, endpoint, number, late)
        with self.limit.turn(company_id) as admitted:
            if not admitted:
                return self._limited(request, endpoint, number, 1)
            began = time.monotonic()
            reply = self._with_faults(request, company_id, endpoint, number, size)
            left = self.settings.behaviour.latency_ms / 1000 - (time.monotonic() - began)
            if left > 0:
                self._sleep(left)
            return reply

    def log_refused(self) -> None:
        """Log a request that the server refused before it read the body: of a web page, or to another host name."""
        with self._lock:
            number = self._log.arrived(Received((), (), self._clock(), b""))
            self._log.ended(number, RequestOutcome.REFUSED)

    def _read(self, body: bytes) -> Request | ControlRefusedError:
        try:
            return incoming(body, self.settings.behaviour)
        except ControlRefusedError as error:
            return error

    def _company_id(self, request: Request | ControlRefusedError) -> str:
        """The company whose limits count; empty for requests that name none."""
        if isinstance(request, ControlRefusedError):
            return ""
        return self._authenticator.company_id(request.operations[0].authentication)

    def _received(self, request: Request | ControlRefusedError, company_id: str, body: bytes) -> Received:
        called = [] if isinstance(request, ControlRefusedError) else request.functions
        names, ids = (one.name for one in called), (one.control_id for one in called)
        return Received(tuple(names), tuple(ids), self._clock(), body, company_id)

    def _limited(self, request: Request, endpoint: str, number: int, seconds: float) -> Reply:
        """The refusal of a request beyond a limit of its company."""
        self._log.ended(number, RequestOutcome.LIMITED)
        behaviour = self.settings.behaviour
        if behaviour.held_level != "function":
            return too_many_requests(behaviour.held_status, behaviour.held_errorno, behaviour.held_text, seconds)
        with self._lock:
            refusal = Fault(behaviour.held_errorno, description2=behaviour.held_text)
            work = Work(request, endpoint, RequestFaults(), number, self._clock(), refusal=refusal)
            return self._processed(work)

    def _with_faults(self, request: Request, company_id: str, endpoint: str, number: int, size: int) -> Reply:
        behaviour = self.settings.behaviour
        with self._lock:
            faults = self.fault_plan.next_request(request.functions, company_id)
            self._log.ended(number, RequestOutcome.FAULT)
            reply = faults.before(self.sessions.drop_all)
            if reply is not None:
                return reply
            work = Work(request, endpoint, faults, number, self._clock())
            work_seconds = behaviour.line_ms / 1000 * _lines(request)
            timed_out = work_seconds + faults.late > behaviour.timeout_seconds
            if timed_out:
                self._log.ended(number, RequestOutcome.TIMED_OUT)
                self._jobs.add(work.arrived + work_seconds + faults.late, lambda due: self._do_late(work, due))
            else:
                self._log.ended(number, RequestOutcome.ANSWERED)
                reply = self._acknowledged(work, size) if request.control.policy_id else self._processed(work)
        if reply is None:
            self._sleep(behaviour.timeout_seconds)
            raise connection_cut(sent=True)
        if work_seconds:
            self._sleep(work_seconds)
        try:
            return faults.after(reply, self._sleep)
        except ConnectionCutError:
            self._log.ended(number, RequestOutcome.UNANSWERED)
            raise

    def _processed(self, work: Work) -> Reply:
        control = work.request.control
        try:
            check_sender(self.settings, control)
            return self._answers.answer(control, self._operations(work))
        except ControlRefusedError as error:
            self._log.ended(work.number, RequestOutcome.REFUSED)
            return self._answers.refusal(control, error)
        except Exception:  # even then the answer is one that the gateway could give
            self.incidents.append(traceback.format_exc())
            return self._answers.refusal(control, ControlRefusedError(unexpected("request"), http_status=500))

    def _operations(self, work: Work) -> list[OperationAnswer]:
        operations = work.request.operations
        firsts = accumulate((len(one.functions) for one in operations), initial=0)
        return [self._operation(work, one, first) for one, first in zip(operations, firsts, strict=False)]

    def _operation(self, work: Work, operation: Operation, first: int) -> OperationAnswer:
        control = work.request.control
        try:
            session, company = self._authenticator.sign_in(
                operation.authentication, control.sender_id, endpoint=work.endpoint, now=work.arrived
            )
        except SignInRefusedError as error:
            self._log.ended(work.number, RequestOutcome.SIGN_IN_REFUSED)
            return OperationAnswer(not_signed_in(operation.authentication), faults=error.faults)
        now = company.ahead + (self._clock() if work.done is None else work.done)
        if work.refusal is not None:
            return OperationAnswer(
                signed_in(session, now, company.ahead), all_failed(operation, work.refusal), ahead=company.ahead
            )
        context = RequestContext(
            control,
            company,
            session,
            self.sessions,
            now,
            work.faults,
            first,
            self.incidents.append,
            work.started_before,
        )
        outcomes = run(context, operation)
        for function, outcome in zip(operation.functions, outcomes, strict=True):
            billed = self._transactions.add(
                session.company_id, control.sender_id, function, outcome.result.status, outcome.answer
            )
            self._log.billed(work.number, billed)
        return OperationAnswer(signed_in(session, now, company.ahead), outcomes, ahead=company.ahead)

    # --- work that is done after the connection is closed

    def _do_late(self, work: Work, due: float) -> None:
        """Do the work of a request whose connection timed out; the answer is lost."""
        self._processed(replace(work, done=due, started_before=True))
        self._log.ended(work.number, RequestOutcome.TIMED_OUT)

    def _acknowledged(self, work: Work, size: int) -> Reply:
        """Take an asynchronous request: its work is done later, after the company's earlier jobs."""
        control = work.request.control
        try:
            check_sender(self.settings, control)
            policy = delivery_policy(self.settings.policies, control, size)
        except ControlRefusedError as error:
            self._log.ended(work.number, RequestOutcome.REFUSED)
            return self._answers.refusal(control, error)
        self._log.ended(work.number, RequestOutcome.ACKNOWLEDGED)
        company_id = self._company_id(work.request)
        self._jobs.add_in_turn(company_id, policy.work_seconds, lambda due: self._do_offline(work, policy, due))
        return self._answers.acknowledgement(control)

    def _do_offline(self, work: Work, policy: PolicySettings, due: float) -> None:
        """Do the work of an asynchronous request, and have its answer delivered. Its session must still be valid."""
        reply = self._processed(replace(work, arrived=due, done=due))
        self._log.ended(work.number, RequestOutcome.ACKNOWLEDGED)
        if work.faults.on_delivery("delivery-lost"):
            self._delivered(work.request.control, LOST)
            return
        body = reply.body[: len(reply.body) // 2] if work.faults.on_delivery("delivery-cut") else reply.body
        late = work.faults.on_delivery("delivery-late")
        seconds = policy.delivery_seconds + (late.seconds if late else 0)
        control = work.request.control
        send = lambda _: self._post(policy.url, body, lambda outcome: self._delivered(control, outcome))  # noqa: E731
        self._jobs.add(due + seconds, send)

    def _delivered(self, control: Control, outcome: str) -> None:
        self.deliveries.append(Delivery(control.policy_id or "", control.control_id, self._clock(), outcome))


def _own_concurrency(companies: Mapping[str, CompanySettings]) -> dict[str, int]:
    return {name: one.concurrency for name, one in companies.items() if one.concurrency is not None}


def _own_windows(companies: Mapping[str, CompanySettings], usual_window: WindowLimit) -> dict[str, WindowLimit]:
    return {
        name: WindowLimit(
            usual_window.requests if one.window_requests is None else one.window_requests,
            usual_window.seconds if one.window_seconds is None else one.window_seconds,
        )
        for name, one in companies.items()
        if one.window_requests is not None or one.window_seconds is not None
    }


def _lines(request: Request) -> int:
    """The records, lines and groups of a request's functions."""
    return sum(_groups(one.body) for one in request.functions)


def _groups(element: Element) -> int:
    return sum(1 + _groups(child) for child in element if child.children)
