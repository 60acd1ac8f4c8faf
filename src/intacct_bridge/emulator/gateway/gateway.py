"""The emulated gateway: bytes in, bytes out, companies' books in between. It is itself a transport.

The stations of a request, each with its own way of refusing: reading and schema; sender; for each operation the
authentication; for each function the memory of control ids, the rights, the handler. Faults of the script strike
before, or after everything is committed.

Limits: requests are served one at a time; that real ones overlap can be seen from outside only by their latency.
"""

import hashlib
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from email.utils import formatdate
from pathlib import Path
from secrets import token_hex
from sqlite3 import Connection
from threading import RLock
from typing import Any

from intacct_bridge.emulator.access.authentication import Entrance
from intacct_bridge.emulator.access.concurrency_limit import Turnstile
from intacct_bridge.emulator.access.rights import check_sender
from intacct_bridge.emulator.accounting.loading import load
from intacct_bridge.emulator.company.company_data import Books, opened
from intacct_bridge.emulator.company.render import pages_in, with_pages
from intacct_bridge.emulator.company.sessions import EmulatedSession, Sessions, moment
from intacct_bridge.emulator.company.users import keep_users
from intacct_bridge.emulator.demo.masters.custom_fields import definition_fields, with_customs
from intacct_bridge.emulator.demo.masters.reports import REPORTS, VIEWS
from intacct_bridge.emulator.functions.running import Done, RequestContext, run
from intacct_bridge.emulator.functions.table import HANDLERS
from intacct_bridge.emulator.gateway.deliveries import MOST_CHARACTERS, check_policies, post_later
from intacct_bridge.emulator.gateway.incoming import incoming
from intacct_bridge.emulator.gateway.whitespace import spaced
from intacct_bridge.emulator.settings.error_ids import identified
from intacct_bridge.emulator.settings.faults import (
    Forecast,
    Paced,
    Scripted,
    Weather,
    about,
    broken_off,
    cut,
    dribbled,
    held,
    http_reply,
    later,
    scripted_faults,
)
from intacct_bridge.emulator.settings.refusals import (
    ControlRefusedError,
    SignInRefusedError,
    bad_policy,
    too_large,
    unexpected,
)
from intacct_bridge.emulator.settings.world import EmulatorSettings
from intacct_bridge.emulator.store.catalogue import standard_catalog
from intacct_bridge.emulator.store.store import open_database
from intacct_bridge.errors import Fault
from intacct_bridge.wire.codec import encode_response, masked
from intacct_bridge.wire.envelope import (
    FAILURE,
    SUCCESS,
    Control,
    ControlEcho,
    Login,
    Operation,
    OperationResult,
    Request,
    Response,
    SessionAuth,
    SignedIn,
)
from intacct_bridge.wire.reply import Reply

_XML = 'text/xml; encoding="UTF-8"'


@dataclass(frozen=True, slots=True)
class Received:
    """One request as the log keeps it."""

    functions: tuple[str, ...]
    control_ids: tuple[str, ...]
    at: float
    _body: bytes

    @property
    def body(self) -> bytes:
        """The request with every credential masked."""
        return masked(self._body)


@dataclass(frozen=True, slots=True)
class EmulatorSnapshot:
    """What an emulator can be set back to."""

    kept: Connection
    script: tuple[Weather, ...]


class Emulator:
    """A gateway over one database. Calling it is sending it a request."""

    def __init__(
        self,
        connection: Connection,
        settings: EmulatorSettings | None = None,
        *,
        weather: tuple[Weather, ...] = (),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[], str] = token_hex,
        post: Callable[[str, bytes], None] = post_later,
        seed: int = 1,
    ) -> None:
        self.settings = settings or EmulatorSettings()
        check_policies(self.settings.policies)
        self.forecast = Forecast(weather, seed)
        self._seed = seed
        self.received: deque[Received] = deque(maxlen=1000)
        """The last requests, oldest first."""
        self.incidents: list[str] = []
        """Tracebacks of what should never have happened; a test may ask that there are none."""
        self._connection = connection
        self._clock, self._sleep, self._draw, self._post = clock, sleep, draw, post
        self._lock = RLock()
        self._turnstile = Turnstile(self.settings.behaviour.concurrency, self.settings.behaviour.hold_seconds)
        behaviour = self.settings.behaviour
        self._books = {
            one.company_id: opened(one, behaviour, connection, standard_catalog()) for one in self.settings.companies
        }
        for books in self._books.values():
            if books.side_tables.source.known():
                _as_demo(books)
        self.sessions = Sessions(behaviour.session_minutes, draw)
        self._entrance = Entrance(self.settings, self._books, self.sessions)

    @classmethod
    def empty(cls, path: str | Path | None = None, **more: Any) -> "Emulator":
        """A gateway whose companies have no records yet but their users."""
        emulator = cls(open_database(path), **more)
        for company in emulator.settings.companies:
            keep_users(emulator.books(company.company_id))
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
        """A gateway with the demo company; one that the file holds already is taken as it is."""
        emulator = cls(open_database(path), **more)
        books = emulator.books()
        if not books.side_tables.source.known():
            from intacct_bridge.emulator.demo.company import POSTING_ACCOUNTS, demo_company

            _as_demo(books)
            day = as_of or datetime.fromtimestamp(emulator.now(), UTC).date()
            with books.store.together():
                load(books, demo_company(seed, as_of=day, scale=scale, cash_book=cash_book))
                for role, account in POSTING_ACCOUNTS.items():
                    books.side_tables.posting_accounts.put(role, value=account)
                books.side_tables.source.put(value=f"seed={seed} as_of={day} scale={scale}")
                books.side_tables.reporting_books.put(value=("ACCRUAL", "CASH") if cash_book else ("ACCRUAL",))
        keep_users(books)
        return emulator

    def clone(self, **more: Any) -> "Emulator":
        """Another gateway in memory with the same records, in milliseconds."""
        connection = open_database(None)
        with self._lock:
            self._connection.backup(connection)
        settings = more.pop("settings", self.settings)
        copy = Emulator(connection, settings, clock=more.pop("clock", self._clock), **more)
        for company in copy.settings.companies:
            keep_users(copy.books(company.company_id))
        return copy

    def snapshot(self) -> EmulatorSnapshot:
        """Everything as it is now, for `restore`."""
        with self._lock:
            kept = open_database(None)
            self._connection.backup(kept)
            return EmulatorSnapshot(kept, self.forecast.script)

    def restore(self, snapshot: EmulatorSnapshot) -> None:
        """Everything as it was, in milliseconds; sessions, and what was received, are forgotten."""
        with self._lock:
            snapshot.kept.backup(self._connection)
            for books in self._books.values():
                books.forget()
            self.sessions.lose()
            self.received.clear()
            self.forecast = Forecast(snapshot.script, self._seed)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def books(self, company_id: str = "demo-company") -> Books:
        """A company's books, for seeding and for looking inside."""
        return self._books[company_id]

    def now(self) -> float:
        """The emulator's clock."""
        return self._clock()

    # --- one request

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        """Answer a request that came by this endpoint; an answer that comes slowly is waited for."""
        reply = self.paced(endpoint, body)
        if isinstance(reply, Paced):
            if not reply.whole:
                raise cut(sent=True)
            self._sleep(reply.lasting)
        return reply

    def paced(self, endpoint: str, body: bytes) -> Reply:
        """The same for a server, which plays a `Paced` answer itself."""
        with self._turnstile.passage() as admitted:
            if not admitted:
                return held(self.settings.behaviour.held_status, self.settings.behaviour.held_errorno)
            began = time.monotonic()
            reply = self._answer(endpoint, body)
            left = self.settings.behaviour.latency_ms / 1000 - (time.monotonic() - began)
            if left > 0:
                self._sleep(left)
            return reply

    def _answer(self, endpoint: str, body: bytes) -> Reply:
        with self._lock:
            try:
                request = self._incoming(body)
            except ControlRefusedError as error:
                return self._reply(encode_response(_refusal(None, error)), status=error.http_status)
            functions = [function for operation in request.operations for function in operation.functions]
            asked = [(one.name, about(one)) for one in functions]
            names, ids = (one.name for one in functions), (one.control_id for one in functions)
            self.received.append(Received(tuple(names), tuple(ids), self._clock(), body))
            struck = self.forecast.strike(asked)
            for weather in struck:
                if weather.kind == "http":
                    return http_reply(weather)
                if weather.kind == "cut-before":
                    raise cut(sent=True)
                if weather.kind == "session-lost":
                    self.sessions.lose()
            reply = self._guarded(request, endpoint, scripted_faults(struck, asked), size=len(body))
        return self._delivered(reply, struck)

    def _incoming(self, body: bytes) -> Request:
        behaviour = self.settings.behaviour
        documented = behaviour.nested_order == "documented"
        large = behaviour.legacy_page != "refused"
        status = behaviour.http_status_of_control_failures
        return incoming(body, http_status=status, documented=documented, large_pages=large)

    def _guarded(self, request: Request, endpoint: str, scripted: Scripted, *, size: int) -> Reply:
        """Whatever happens, the answer is a gateway's; what should not have happened is kept for whoever looks."""
        try:
            if request.control.policy_id:
                return self._acknowledge(request, endpoint, scripted, size=size)
            return self._serve(request, endpoint, scripted)
        except Exception:
            self.incidents.append(traceback.format_exc())
            error = ControlRefusedError(unexpected("request"), http_status=500)
            return self._reply(encode_response(_refusal(request.control, error)), status=500)

    def _delivered(self, reply: Reply, struck: list[Weather]) -> Reply:
        for weather in struck:
            if weather.kind == "slow":
                self._sleep(weather.seconds)
            elif weather.kind == "cut-after":
                raise cut(sent=True)
            elif weather.kind == "truncated":
                reply = replace(reply, body=reply.body[: len(reply.body) // 2])
            elif weather.kind == "dribble":
                reply = dribbled(reply, weather)
            elif weather.kind == "cut-within":
                return broken_off(reply)
        return reply

    def _acknowledge(self, request: Request, endpoint: str, scripted: Scripted, *, size: int) -> Reply:
        """Answer that the request was taken; its own answer goes to the policy's URL."""
        control = request.control
        url = self.settings.policies.get(control.policy_id or "")
        try:
            check_sender(self.settings, control)
            if url is None:
                raise bad_policy(control.policy_id or "")
            if size > MOST_CHARACTERS:
                raise too_large(MOST_CHARACTERS)
        except ControlRefusedError as error:
            return self._reply(encode_response(_refusal(control, error)), status=error.http_status)
        self._post(url, self._serve(request, endpoint, scripted).body)
        return self._reply(encode_response(Response(_echo(control, SUCCESS), acknowledged=True)))

    def _serve(self, request: Request, endpoint: str, scripted: Scripted) -> Reply:
        control = request.control
        try:
            check_sender(self.settings, control)
            answered = [self._operation(control, one, endpoint, scripted) for one in request.operations]
        except ControlRefusedError as error:
            return self._reply(encode_response(_refusal(control, error)), status=error.http_status)
        done = [one for _, results in answered for one in results]
        wait = sum(one.answer.wait for one in done)
        bare = next((one.answer for one in done if one.answer.bare is not None), None)
        if bare is not None and bare.bare is not None:
            return later(self._reply(bare.bare, content_type=bare.content_type), wait)
        response = Response(_echo(control, SUCCESS), tuple(self._finished(control, one) for one, _ in answered))
        pages = [page.rows for one in done if one.result.data is not None for page in pages_in(one.result.data)]
        additional = control.show_additional_error_info
        document = with_pages(encode_response(response, additional=additional), pages)
        return later(self._reply(spaced(document) if control.include_whitespace else document), wait)

    def _operation(
        self, control: Control, operation: Operation, endpoint: str, scripted: Scripted
    ) -> tuple[OperationResult, list[Done]]:
        now = self._clock()
        try:
            session, books = self._entrance.sign_in(
                operation.authentication, control.sender_id, endpoint=endpoint, now=now
            )
        except SignInRefusedError as error:
            return OperationResult(_not_signed_in(operation), faults=error.faults), []
        desk = RequestContext(control, books, session, self.sessions, HANDLERS, now, scripted, self.incidents.append)
        results = run(desk, operation)
        return OperationResult(_signed_in(session, now), tuple(one.result for one in results)), results

    def _finished(self, control: Control, operation: OperationResult) -> OperationResult:
        """Every fault gets its support id, and keeps its stable id only for those who asked."""
        return replace(
            operation,
            faults=tuple(self._supported(control, fault) for fault in operation.faults),
            results=tuple(
                replace(one, faults=tuple(self._supported(control, fault) for fault in one.faults))
                for one in operation.results
            ),
        )

    def _supported(self, control: Control, fault: Fault) -> Fault:
        if control.show_additional_error_info:
            fault = identified(fault, self.settings.behaviour, self._seed)
        else:
            fault = replace(fault, errorid="", field="")
        if fault.description2 and not fault.support_id:
            digest = hashlib.blake2b(f"{control.control_id}/{fault}".encode(), digest_size=6).hexdigest()
            fault = replace(fault, support_id=f"{digest[:9]}~{digest[9:]}")
        return fault

    def _reply(self, body: bytes, *, status: int = 200, content_type: str = _XML) -> Reply:
        return Reply(status, body, {"content-type": content_type, "date": formatdate(self._clock(), usegmt=True)})


def _as_demo(books: Books) -> None:
    """What the demo company has made for itself: fields, objects, reports, views."""
    books.catalog, books.of_definitions = with_customs(books.catalog), definition_fields()
    books.reports = (*books.reports, *REPORTS)
    books.views = (*books.views, *VIEWS)


def _echo(control: Control, status: str) -> ControlEcho:
    return ControlEcho(
        status, control.sender_id, control.control_id, str(control.uniqueid).lower(), control.dtd_version
    )


def _refusal(control: Control | None, error: ControlRefusedError) -> Response:
    echo = _echo(control, FAILURE) if control is not None and error.echo else ControlEcho(FAILURE)
    return Response(echo, faults=error.faults)


def _signed_in(session: EmulatedSession, now: float) -> SignedIn:
    return SignedIn(
        SUCCESS,
        session.user.user_id,
        session.company_id,
        session.entity,
        session_timestamp=moment(now),
        session_timeout=moment(session.expires),
    )


def _not_signed_in(operation: Operation) -> SignedIn:
    authentication = operation.authentication
    if isinstance(authentication, SessionAuth):
        return SignedIn(FAILURE)
    assert isinstance(authentication, Login)
    return SignedIn(FAILURE, authentication.user_id, authentication.company_id)
