"""The doctor's first steps: the network, the sender, the company's door, the user, the entity, the session.

One sign-in and one question in the session pass or fail all of them, and the answer's text tells at which step. Where
Intacct answers several causes alike, one more sign-in may part them: without the entity, to see whether it was the
entity. A step counts as passed only where the answer proves that it was.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from intacct_bridge.client.client import Client
from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.edge.doctor.findings import (
    DoctorFinding,
    Status,
    causes_of,
    from_error,
    gateway_text,
    known_finding,
    ok,
)
from intacct_bridge.edge.doctor.queries import QueryAnswer, equals, query_all, query_body
from intacct_bridge.errors import IntacctError, SettingsError, SignInError, ThrottledError

SIGN_IN_STEPS = ("network", "sender", "authorised", "company", "subscription", "user", "standing", "entity", "session")
"""The steps of one sign-in, in the order in which they are told."""
PACE = "pace"
_BUSINESS = ("", "business", "business user", "b")
_PROVEN: Mapping[str, tuple[str, ...]] = {
    "network": (),
    PACE: ("network",),
    "sender": ("network",),
    "authorised": ("network", "sender"),
    "company": ("network", "sender"),
    "subscription": ("network", "sender", "company"),
    "user": ("network", "sender"),
    "standing": ("network", "sender", "company"),
    "entity": SIGN_IN_STEPS[:7],
    "session": SIGN_IN_STEPS[:8],
}
"""What the failure of a step proves of the others; in which order the gateway looks is not known."""
_STEP_OF = {
    "gateway-refused": "sender",
    "gateway-sign-in": "sender",
    "sender-wrong": "sender",
    "sender-not-authorised": "authorised",
    "sender-not-authorised-short": "authorised",
    "sender-needs-login": "authorised",
    "company-unknown": "company",
    "demo-expired": "company",
    "web-services-not-subscribed": "subscription",
    "sign-in-wrong": "user",
    "sign-in-other": "user",
    "user-locked": "standing",
    "entity-unknown": "entity",
    "session-lost": "session",
    "session-lost-number": "session",
}
Opener = Callable[[Connection], Client]


@dataclass(slots=True)
class SignInCheck:
    """The way in, and what was learned on it."""

    connection: Connection
    open_client: Opener
    writes: bool = False
    client: Client | None = None
    """The client that got in; None where the door is shut."""
    user: QueryAnswer = field(default_factory=QueryAnswer)
    """The user's own record, empty where the user may not read it."""
    user_id: str = ""
    """The user as the gateway echoed it."""

    def enter(self) -> Iterator[DoctorFinding]:
        """The steps passed, then the one that failed, if one did."""
        client = self.open_client(self.connection)
        try:
            signed = client.sign_in()
            self.user_id = signed.user_id or self.connection.user_id
            if not self.connection.is_legacy:
                self.user = _own_record(client, self.user_id)
        except IntacctError as error:
            yield from self._failed(error)
            return
        self.client = client
        yield from self._passed(SIGN_IN_STEPS[:6], signed.endpoint)
        yield self._standing()
        yield self._entity(client)
        yield from self._passed(("session",), signed.endpoint)

    def _passed(self, steps: tuple[str, ...], endpoint: str = "") -> Iterator[DoctorFinding]:
        connection = self.connection
        moved = "" if endpoint in ("", connection.endpoint) else f"; the session moved to {endpoint}, which is followed"
        seen = {
            "network": f"{connection.endpoint} answers",
            "sender": f"{connection.sender_id} and its password are right",
            "authorised": f"{connection.sender_id} may call on {connection.company_id}",
            "company": f"{connection.company_id} is there",
            "subscription": "on",
            "user": f"{connection.user_id} signed in",
            "standing": "active",
            "entity": f"works in {connection.location_id}" if connection.location_id else "works at the top level",
            "session": f"holds{moved}",
        }
        if connection.authentication == "login":
            seen["session"] = "none is used: every request signs in"
        yield from (ok(step, seen[step]) for step in steps)

    def _standing(self) -> DoctorFinding:
        kind = self._cell("USERTYPE")
        if kind.lower() in _BUSINESS:
            return ok("standing", f"active, {kind}" if kind else "active; the type is not told")
        return known_finding(
            "standing",
            "user-type-small",
            f"{self.connection.user_id} is of the type {kind}",
            status=Status.WARNING,
            words=self.words,
        )

    def _entity(self, client: Client) -> DoctorFinding:
        """A user restricted to entities fails where the top level is wanted: for its records, or to work there."""
        connection = self.connection
        restricted = self._cell("UNRESTRICTED").lower() in ("false", "f")
        unknown = not self._cell("UNRESTRICTED") and self.writes
        wanted = self.writes or not connection.location_id
        if wanted and (restricted or unknown) and not _reaches_top(client):
            return known_finding(
                "entity",
                "entity-limited",
                f"{connection.user_id} may not enter the top level",
                status=Status.FAILURE if self.writes and restricted else Status.WARNING,
                words=self.words,
            )
        return next(self._passed(("entity",)))

    def _cell(self, field: str) -> str:
        return self.user.rows[0].get(field, "").strip() if self.user.rows else ""

    @property
    def words(self) -> dict[str, str]:
        """What fills the blanks of the doctor's sentences."""
        return placeholders(self.connection)

    def _failed(self, error: IntacctError) -> Iterator[DoctorFinding]:
        step = _step_of(error)
        entry = error.diagnosis.entry if error.diagnosis is not None else ""
        if step == "user" and self.connection.location_id and self._enters_without_entity():
            yield from self._passed(_PROVEN["entity"])
            yield known_finding(
                "entity",
                "entity-refused",
                gateway_text(error),
                words=self.words,
                causes=causes_of("entity-refused", self.words),
            )
            return
        yield from self._passed(_PROVEN[step])
        if step == "session" and isinstance(error, SettingsError):
            yield known_finding("session", "endpoint-refused", error.message, words=self.words)
            return
        without = () if self.connection.location_id else ("entity",)
        yield from_error(step, error, causes=causes_of(entry, self.words, without=without))

    def _enters_without_entity(self) -> bool:
        try:
            self.open_client(replace(self.connection, location_id="")).sign_in()
        except IntacctError:
            return False
        return True


def placeholders(connection: Connection) -> dict[str, str]:
    """The connection's names, by setting."""
    names = ("name", "sender_id", "company_id", "user_id", "location_id")
    return {name: str(getattr(connection, name)) for name in names}


def _own_record(client: Client, user_id: str) -> QueryAnswer:
    fields = ("LOGINID", "ADMIN", "USERTYPE", "UNRESTRICTED")
    body = query_body("USERINFO", *fields, where=equals("LOGINID", user_id), any_case=True)
    return query_all(client, body)[0]


def _reaches_top(client: Client) -> bool:
    try:
        client.entity("").sign_in()
    except SignInError:
        return False
    return True


def _step_of(error: IntacctError) -> str:
    if isinstance(error, ThrottledError):
        return PACE
    if error.diagnosis is not None and error.diagnosis.entry in _STEP_OF:
        return _STEP_OF[error.diagnosis.entry]
    if isinstance(error, SettingsError) and error.diagnosis is None:
        return "session"  # the endpoint that came with it is refused; a connection's own is checked before
    if isinstance(error, SignInError):
        return "user" if error.diagnosis is not None else "entity"
    return "network"
