"""A session: signed in once, renewed before it ends, replaced when it is lost; and the loops around one round trip.

    call ⊃ _with_session (sign in or renew; retry once after a lost session)
         ⊃ _with_retry   (wait, and retry what may be repeated)
         ⊃ Exchange.once (one round trip)

Facts: `getAPISession` is alone in its request, works from a login or from a session, and gives the endpoint for all
later requests with that session; an empty location id means the top level. Each call extends the session, and each
answer gives its end on the gateway's clock. How a lost session is reported is not documented: the first failed
authentication of a session counts as a lost session, and proves that nothing ran.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from intacct_bridge.client.gateway.exchange import (
    AuthenticationRefused,
    Decode,
    Exchange,
    GatewayAnswer,
    GatewayCall,
    T,
    iso_moment,
    named,
    plain,
)
from intacct_bridge.client.gateway.pacing import ATTEMPTS, UNREADABLE_ATTEMPTS, backoff
from intacct_bridge.connections.connection import check_endpoint
from intacct_bridge.machine.secret import unwrapped
from intacct_protocol.diagnosis import as_error
from intacct_protocol.errors import (
    BusyError,
    IntacctError,
    RemoteProtocolError,
    SignInError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from intacct_protocol.xml.envelope import SUCCESS, Authentication, Function, Login, SessionAuth, SignedIn
from intacct_protocol.xml.reply import ConnectionCutError
from intacct_protocol.xml.xml import Element, element

RENEW_SECONDS = 60.0
"""A session that ends within this time is renewed before the next call."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """The user, company and entity that are signed in, as the gateway echoed them, and the credentials for calls."""

    authentication: Authentication
    endpoint: str
    company_id: str
    user_id: str
    location_id: str = ""


class Session:
    """Calls functions as one user in one entity. Threads may share it; one of them signs in for all."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
        location_id: str | None = None,
        base: "Session | None" = None,
    ) -> None:
        self.exchange = exchange
        self.location_id = location_id
        """The entity; empty for the top level, None for the user's own default."""
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._base = base
        self._lock = threading.Lock()
        self._signed: SignIn | None = None
        self._ends_at: float | None = None

    def derived(self, location_id: str) -> "Session":
        """A session in another entity, or at the top level for an empty id; it signs in at its first call."""
        return Session(
            self.exchange,
            clock=self._clock,
            sleep=self._sleep,
            jitter=self._jitter,
            location_id=location_id,
            base=self,
        )

    def call(self, call: GatewayCall, decode: Decode[T]) -> GatewayAnswer[T]:
        """Results of all functions, including failed ones; raises if the request as a whole failed."""
        return self._with_session(call, decode)

    def sign_in(self) -> SignIn:
        """Sign in, if there is no session; with `login` authentication this always makes one call."""
        if self.exchange.connection.authentication == "login":
            return self._sign_in()
        return self._current()

    def _with_session(self, call: GatewayCall, decode: Decode[T]) -> GatewayAnswer[T]:
        signed = self._current()
        try:
            return self._with_retry(call, signed, decode)
        except AuthenticationRefused as refused:
            if isinstance(signed.authentication, Login):
                raise refused.error from None
        self._forget(signed)
        try:
            return self._with_retry(call, self._current(), decode)
        except AuthenticationRefused as refused:
            raise refused.error from None

    def _with_retry(self, call: GatewayCall, signed: SignIn, decode: Decode[T]) -> GatewayAnswer[T]:
        attempt = 1
        while True:
            try:
                answer = self.exchange.once(call, signed.authentication, signed.endpoint, decode)
            except (TransientError, RemoteProtocolError) as error:
                # A write in doubt raises InDoubtError, so a write that failed like this was not applied.
                if attempt >= self._attempts_after(error):
                    raise
                requested = error.retry_after if isinstance(error, ThrottledError) else None
                self._sleep(backoff(attempt, jitter=self._jitter(), requested=requested))
                attempt += 1
            else:
                self._note_end(signed, answer.signed_in)
                return answer

    def _attempts_after(self, error: IntacctError) -> int:
        if isinstance(error, (BusyError, UnreachableError)):  # of the outbox, which has tried again itself
            return 1
        if isinstance(error, RemoteProtocolError):
            return 1 if 400 <= error.http_status < 500 else UNREADABLE_ATTEMPTS
        if isinstance(error, ConnectionCutError) and not self.exchange.has_answered:
            return 2
        return ATTEMPTS

    def _current(self) -> SignIn:
        if self.exchange.connection.authentication == "login":
            return self._by_login()
        with self._lock:
            ends_soon = self._ends_at is not None and self._clock() >= self._ends_at - RENEW_SECONDS
            if self._signed is None or ends_soon:
                self._signed, self._ends_at = None, None
                self._signed = self._sign_in()
            return self._signed

    def _forget(self, signed: SignIn) -> None:
        """Drop a session, unless another thread has signed in again already."""
        with self._lock:
            if self._signed is signed:
                self._signed, self._ends_at = None, None

    @property
    def _entity(self) -> str | None:
        """The requested entity, "" for the top level, None for the user's own default."""
        return self.exchange.connection.location_id or None if self.location_id is None else self.location_id

    def _by_login(self) -> SignIn:
        connection = self.exchange.connection
        company, user, client = connection.company_id, connection.user_id, connection.client_id or None
        login = Login(user, company, unwrapped(connection.user_password), client, self._entity)
        return SignIn(login, connection.endpoint, company, user, self._entity or "")

    def _sign_in(self) -> SignIn:
        """One getAPISession: from the base's session for a derived one, from the login otherwise."""
        by_login = self._base is None or self.exchange.connection.authentication == "login"
        location = () if by_login else (element("locationid", self.location_id),)
        function = Function(Element("getAPISession", children=location), self.exchange.new_id())
        call = GatewayCall((function,), read=True)
        try:
            if self._base is None or by_login:
                answer = self._with_retry(call, self._by_login(), plain)
            else:
                answer = self._base.call(call, plain)
        except AuthenticationRefused as refused:
            raise refused.error from None
        signed = self._checked(answer)
        self._set_end(answer.signed_in)
        return signed

    def _checked(self, answer: GatewayAnswer[None]) -> SignIn:
        """The session in an answer to getAPISession, with its endpoint checked: all later requests go there."""
        result = answer.results[0]
        if result.status != SUCCESS:
            error = as_error(result.faults, "authentication", function="getAPISession")
            raise named(error, self.exchange.connection.name)
        api = None if result.data is None else result.data.find("api")
        session_id = "" if api is None else api.findtext("sessionid")
        if api is None or not session_id:
            raise RemoteProtocolError("the answer to getAPISession has no session id", function="getAPISession")
        connection = self.exchange.connection
        endpoint = api.findtext("endpoint") or connection.endpoint
        check_endpoint(endpoint, connection=connection.name, allow=connection.allow_endpoint)
        signed_in, entity = api.findtext("locationid"), self._entity
        if entity is not None and api.find("locationid") is not None and signed_in.upper() != entity.upper():
            raise SignInError(
                f"connection {connection.name!r}: requested {_place_name(entity)}, and the gateway signed in to"
                f" {_place_name(signed_in)}",
                fix="Check the entity id, and whether the user may work there.",
                function="getAPISession",
            )
        self.exchange.hide(session_id)
        who = answer.signed_in
        return SignIn(SessionAuth(session_id), endpoint, who.company_id, who.user_id, signed_in)

    def _note_end(self, signed: SignIn, signed_in: SignedIn) -> None:
        if self._signed is signed:
            self._set_end(signed_in)

    def _set_end(self, signed_in: SignedIn) -> None:
        """Set the end of the session on the local steady clock: now, and the time left by the gateway's clock."""
        ends = iso_moment(signed_in.session_timeout)
        now = self.exchange.server_clock.now()
        if ends is not None and now is not None:
            self._ends_at = self._clock() + (ends - now).total_seconds()


def _place_name(location_id: str) -> str:
    return f"entity {location_id}" if location_id else "the top level"
